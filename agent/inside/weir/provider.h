/* SPDX-License-Identifier: MIT */
/*
 * For those who give a process view its rows: a segment (refresh.c), a Tokio server, a test. Each has one table
 * of operations and a context of its own. The process view calls them and adds what is the same for all: the
 * clocks, the tick once a second, and the warnings of the findings.
 *
 *     refresh -> the clocks are set -> a second has passed: tick -> moment -> rows, when they are asked for
 */
#ifndef WI_PROVIDER_H
#define WI_PROVIDER_H

#include "weir/catalog.h"
#include "weir/row.h"

struct weir_histogram;
struct wi_history;
struct wi_octave_groups;
struct wi_task_sample;

/* When the rows were read, and of when they tell. */
struct wi_moment {
    uint64_t nanos;       /* CLOCK_MONOTONIC */
    uint64_t as_of_nanos; /* the same clock: a process that has ended was seen last then */
    int64_t unix_nanos;
};

/* All are called by the process view's thread alone; each context is its process view's. NULL: it has none. */
struct wi_provider_ops {
    /* Takes what is new. Fails: as wi_process_view_refresh. */
    enum weir_status (*refresh)(void *context, uint64_t now_nanos, struct weir_error *ret_error);
    /* Moves on what needs time, after a refresh: about once a second. `seconds`: since the tick before; 0: this is
     * the first. NULL: nothing does. */
    void (*tick)(void *context, double seconds);
    /* Corrects the moment of a refresh, which is now. NULL: it is right. */
    void (*moment)(const void *context, struct wi_moment *moment);
    enum wi_state (*state)(const void *context);

    size_t (*count)(const void *context, enum wi_kind kind);
    /* Fills a row that is all absent, i < count; its texts live until the next refresh. Warnings: wi_warning_row. */
    void (*row)(void *context, enum wi_kind kind, size_t i, struct wi_row *row);
    /* As wi_process_view_histogram. */
    const struct weir_histogram *(*histogram)(void *context, enum wi_kind kind,
                                              const struct wi_row *row, int metric);

    /* What closed handles have counted: as wi_process_view_n_retired and wi_process_view_retired, with a row that is
     * all absent; false: no kind of this provider. NULL: it keeps nothing of what has closed. */
    size_t (*n_retired)(const void *context);
    bool (*retired)(void *context, size_t i, enum wi_kind *ret_kind, struct wi_row *row);
    /* As wi_process_view_octaves, of groups that are all 0. NULL: the sum of its rows. */
    enum weir_status (*octaves)(void *context, enum wi_kind kind, int metric,
                                const struct wi_octave_groups *groups);

    /* Slots: as the functions of the same names in process_view.h. NULL: it has no slots. */
    size_t (*n_slots)(const void *context, enum wi_kind kind);
    bool (*at)(void *context, size_t slot_index, enum wi_kind *ret_kind, struct wi_row *row);
    int64_t (*opened_unix_nanos)(const void *context, size_t slot_index);
    bool (*task)(void *context, size_t slot_index, struct wi_task_sample *ret_sample);

    /* The history. NULL: it has none. */
    const struct wi_history *(*history)(const void *context);
    void (*record)(void *context);
    void (*abandon)(void *context);

    /* The file. NULL: it has none. */
    bool (*is)(const void *context, dev_t device, ino_t inode);
    bool (*is_nameless)(const void *context);

    void (*close)(void *context);
};

/* Owns: the context is the process view's, also when this fails: ops->close. `ops` and `catalog` are static.
 * Fails: WEIR_E_MEMORY. */
enum weir_status wi_process_view_open_provider(const struct wi_facts *facts,
                                               const struct wi_catalog *catalog,
                                               const struct wi_provider_ops *ops,
                                               void *taken_context,
                                               struct wi_process_view **ret_view,
                                               struct weir_error *ret_error);

#endif
