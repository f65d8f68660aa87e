/* SPDX-License-Identifier: MIT */
/*
 * The messages of weir.v1.Agent (proto/weir/v1/agent.proto), written from the rows of a process
 * view. None is longer than WI_MESSAGE_MAX. Rows that do not fit are left out of an Update, and go
 * into the next page of a snapshot or the next Lines. No I/O; the process view's thread.
 */
#ifndef WI_ENCODE_WEIR_H
#define WI_ENCODE_WEIR_H

#include "encode/buffer.h"
#include "encode/select.h"
#include "weir/topic.h"
#include "weir/map.h"

/* gRPC clients take 4 MiB by default. */
#define WI_MESSAGE_MAX ((size_t)3 << 20)

/* The limit that a buffer for these messages needs. */
#define WI_MESSAGE_ROOM (WI_MESSAGE_MAX + ((size_t)64 << 10))

#define WI_PROTOCOL_VERSION 1

/* All of these append one message to an empty buffer. Fail: WEIR_E_MEMORY, also when the buffer's
 * limit is too low; WEIR_E_LIMIT: the message would be too long, which is a fault in weir. */
enum weir_status wi_weir_description(const struct wi_process_view *view, const char *http_address,
                                     const char *grpc_address, const char *notice,
                                     struct wi_buffer *buffer);
enum weir_status wi_weir_update(struct wi_process_view *view, const struct wi_query *queries,
                                size_t n_queries, uint64_t skipped, struct wi_memory *memory,
                                struct wi_buffer *buffer);

/* A place between two rows of a kind that survives a refresh: rows before it may have gone, and new
 * ones may stand among them. All 0: before the first. */
#define WI_CURSOR_IDS 8
struct wi_cursor {
    size_t index;                /* rows passed */
    uint64_t ids[WI_CURSOR_IDS]; /* of the last of them: row n in ids[n % WI_CURSOR_IDS] */
};

void wi_cursor_pass(struct wi_cursor *cursor, size_t index, const struct wi_row *row);

/* The row at which to continue after a refresh. */
size_t wi_cursor_find(const struct wi_process_view *view, enum wi_kind kind,
                      const struct wi_cursor *cursor);

/* A snapshot under way: first the process, then its other kinds from channels on, at last agent and
 * warnings. */
struct wi_snapshot {
    const char *const *include; /* globs on names, borrowed; none: all. The process and the agent */
    size_t n_include;           /* are in it always. */
    const char *const *exclude;
    size_t n_exclude;
    size_t n_done;   /* kinds; WI_N_KINDS: all */
    size_t matching; /* rows of the current kind, as of its first page */
    struct wi_cursor cursor;
};

/* Writes the next page and moves on. */
enum weir_status wi_weir_page(const struct wi_process_view *view, struct wi_snapshot *snapshot,
                              struct wi_buffer *buffer);

/* The value that was sent last for each line: a fingerprint by (kind, row, metric). */
struct wi_seen {
    struct wi_map map;
    bool was_cleared; /* in this round */
};

/* A subscription: topics by the order in which they were asked for. */
struct wi_lines {
    const struct wi_topic *topics;
    size_t n_topics;
    const struct wi_topic *except;
    size_t n_except;
    bool changes_only;
    struct wi_memory *memory;
    struct wi_seen seen;
    /* The position in the round: the next row, by topic and kind. */
    size_t topic;
    int kind;
    struct wi_cursor cursor;
    bool has_matched;  /* the current topic */
    bool is_under_way; /* a round is under way, and continues in the next message */
};

/*
 * Writes the next Lines message of a round and moves on. *ret_n_lines: lines and waiting topics in
 * it.
 * Fails: WEIR_E_LIMIT also when there are more lines than changes_only can remember.
 */
enum weir_status wi_weir_lines(const struct wi_process_view *view, struct wi_lines *lines,
                               struct wi_buffer *buffer, size_t *ret_n_lines);

/* Frees what a subscription remembers. */
void wi_lines_finish(struct wi_lines *lines);

/* The value of a row as a Value message's field, shared by rows and lines. */
void wi_weir_value(struct wi_buffer *buffer, unsigned field, const struct wi_value *value);

/* Upper bound of a row's bytes: this much must be free before a row is begun. */
#define WI_ROW_ROOM ((size_t)144 << 10)

#endif
