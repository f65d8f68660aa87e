/* SPDX-License-Identifier: MIT */
/*
 * A process view with rows that a test sets: a provider (snapshot/provider.h) without a segment, so that encoders,
 * sessions and HTTP are tested without one. Lack of memory ends the test program.
 */
#ifndef FAKE_VIEW_H
#define FAKE_VIEW_H

#include "snapshot/process_view.h"

/* An empty process view of a running process "name", pid 4821, both clocks at a fixed time. It has one row
 * of WI_PROCESS and one of WI_AGENT, all values absent. Owns: wi_process_view_close. */
struct wi_process_view *fake_view_create(const char *name);

/* Adds a row at the end of its kind, all values absent, to be changed in place; the process view shows copies. It
 * stays where it is until it is removed. Owns: the process view's; the name is copied. */
struct wi_row *fake_view_add(struct wi_process_view *view, enum wi_kind kind, const char *name);
/* The i-th row of a kind, to be changed in place. */
struct wi_row *fake_view_row(struct wi_process_view *view, enum wi_kind kind, size_t i);
/* A row of what closed handles of a kind and name have left, all values absent; its histograms are those that are
 * set. */
struct wi_row *fake_view_add_retired(struct wi_process_view *view, enum wi_kind kind,
                                     const char *name);
void fake_view_remove(struct wi_process_view *view, struct wi_row *row);
/* Another id than the next one in turn; its lower half is the row's slot, so no two may share it. */
void fake_view_set_id(struct wi_process_view *view, struct wi_row *row, uint64_t id);
void fake_view_clear(struct wi_process_view *view, enum wi_kind kind);

/* Adds a channel as a real process view would: counts consistent, all reasons 0, unbounded when `capacity`
 * is UINT64_MAX, FLAVOR and SOURCE set, rates 0, no wait measured. */
struct wi_row *fake_view_add_channel(struct wi_process_view *view, const char *name, uint64_t sent,
                                     uint64_t received, uint64_t capacity);
struct wi_row *fake_view_add_semaphore(struct wi_process_view *view, const char *name,
                                       uint64_t permits, uint64_t available);
struct wi_row *fake_view_add_task(struct wi_process_view *view, const char *name, uint64_t pending,
                                  uint64_t running, uint64_t finished);

/* Sets a value. Text is copied and lives as long as the process view. */
void fake_view_set_u64(struct wi_row *row, int metric, uint64_t number);
void fake_view_set_i64(struct wi_row *row, int metric, int64_t number);
void fake_view_set_f64(struct wi_row *row, int metric, double number);
void fake_view_set_text(struct wi_process_view *view, struct wi_row *row, int metric,
                        const char *text);
void fake_view_set_absent(struct wi_row *row, int metric);

/* What wi_process_view_histogram gives for a row's metric; copied. NULL takes it away. */
void fake_view_set_histogram(struct wi_process_view *view, struct wi_row *row, int metric,
                             const struct weir_histogram *histogram);

/* What wi_process_view_task gives for a single task's row, without its id and name; all 0 at first. */
void fake_view_set_task(struct wi_row *row, const struct wi_task_sample *task);

/* To be changed in place. */
struct wi_facts *fake_view_facts(struct wi_process_view *view);

void fake_view_set_state(struct wi_process_view *view, enum wi_state state);
void fake_view_set_unix_nanos(struct wi_process_view *view, int64_t nanos);
/* A refresh sets it, too. */
void fake_view_set_monotonic_nanos(struct wi_process_view *view, uint64_t nanos);
/* When a process that has ended was seen last; 0: as the clock. */
void fake_view_set_as_of_nanos(struct wi_process_view *view, uint64_t nanos);

/* Makes every refresh fail with this status and text; WEIR_OK: succeed again. */
void fake_view_fail_refresh(struct wi_process_view *view, enum weir_status status,
                            const char *text);
/* Makes the sums of histograms fail with this status. */
void fake_view_fail_octaves(struct wi_process_view *view, enum weir_status status);
size_t fake_view_refreshes(const struct wi_process_view *view);

/* Called in each refresh that succeeds, before it returns; may change rows. NULL: nothing. */
void fake_view_on_refresh(struct wi_process_view *view,
                          void (*function)(struct wi_process_view *view, uint64_t now_nanos,
                                           void *context),
                          void *context);

/* What wi_process_view_history gives; NULL: none. Stays the caller's. */
void fake_view_set_history(struct wi_process_view *view, const struct wi_history *history);

#endif
