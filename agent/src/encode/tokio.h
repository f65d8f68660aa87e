/* SPDX-License-Identifier: MIT */
/*
 * The messages of tokio-console's protocol (proto/tokio/console.proto), written from the rows of a
 * process view. The console exits on unexpected values. So every time is in the range that it
 * accepts, no duration is negative, and all fields that it needs are there, whatever a segment
 * holds. No I/O; the process view's thread.
 *
 *     process view -> wi_task_sample, wi_row -> wi_tokio_task, ... -> bytes
 */
#ifndef WI_ENCODE_TOKIO_H
#define WI_ENCODE_TOKIO_H

#include "encode/buffer.h"
#include "snapshot/process_view.h"

/* An upper bound of the bytes of one item with its numbers. */
#define WI_TOKIO_ROOM ((size_t)8 << 10)

/* Times are nanoseconds of Unix, 0 for none; durations nanoseconds. */
struct wi_tokio_task {
    uint64_t id; /* 0: none */
    int64_t created, dropped;
    int64_t woken, poll_started, poll_ended;
    uint64_t polls, wakes, self_wakes;
    uint64_t busy, scheduled;
    enum wi_task_sample_state state;
};

/* A task's wait for a resource. */
struct wi_tokio_op {
    uint64_t id, resource, task;
    int64_t created, dropped;
    const char *source;
};

/* ---- an Update and its parts --------------------------------------------------------------- */

void wi_tokio_now(struct wi_buffer *buffer, int64_t now);

/* The metadata to which every item refers; `target` is the service. */
void wi_tokio_metadata(struct wi_buffer *buffer, const char *target);

/* Begins one of the three parts; wi_tokio_end_part ends it, and removes it if it is empty. */
enum wi_tokio_part { WI_TOKIO_TASKS = 2, WI_TOKIO_RESOURCES = 3, WI_TOKIO_OPS = 4 };
size_t wi_tokio_begin_part(struct wi_buffer *buffer, enum wi_tokio_part part);
void wi_tokio_end_part(struct wi_buffer *buffer, size_t mark, enum wi_tokio_part part,
                       uint64_t n_dropped);

/* ---- tasks --------------------------------------------------------------------------------- */

void wi_tokio_task_of(const struct wi_task_sample *sample, int64_t now,
                      struct wi_tokio_task *ret_task);

/* Whether the two differ by more than the time that has passed. */
bool wi_tokio_task_differs(const struct wi_tokio_task *a, const struct wi_tokio_task *b);

/* Ends a task that was there before and is gone. */
void wi_tokio_task_end(struct wi_tokio_task *task, int64_t now);

void wi_tokio_new_task(struct wi_buffer *buffer, const struct wi_task_sample *sample);
void wi_tokio_task_stats(struct wi_buffer *buffer, const struct wi_tokio_task *task);

/* ---- resources ----------------------------------------------------------------------------- */

/* A fingerprint of the output of wi_tokio_resource_stats. */
uint64_t wi_tokio_print(enum wi_kind kind, const struct wi_row *row);

void wi_tokio_new_resource(struct wi_buffer *buffer, enum wi_kind kind, const struct wi_row *row);
void wi_tokio_resource_stats(struct wi_buffer *buffer, enum wi_kind kind, const struct wi_row *row,
                             int64_t created);

/* Ends a resource that was there before and is gone. */
void wi_tokio_resource_end(struct wi_buffer *buffer, uint64_t id, int64_t created, int64_t dropped);

/* ---- async operations ---------------------------------------------------------------------- */

/* The name of a wait for this row; NULL: nothing waits for such a row. */
const char *wi_tokio_op_source(enum wi_kind kind, const struct wi_row *row);

void wi_tokio_new_op(struct wi_buffer *buffer, const struct wi_tokio_op *op);
void wi_tokio_op_stats(struct wi_buffer *buffer, const struct wi_tokio_op *op);

/* ---- the other messages -------------------------------------------------------------------- */

void wi_tokio_state(struct wi_buffer *buffer, bool is_paused);

/* A task's histograms. */
void wi_tokio_details(struct wi_buffer *buffer, struct wi_process_view *view, uint64_t id,
                      int64_t now);

#endif
