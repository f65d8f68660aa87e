/* SPDX-License-Identifier: MIT */
/*
 * A provider gives a process view its rows: a segment (refresh.c), a Tokio server, a test. Each
 * provider has one table of operations and a context of its own. The process view calls the
 * operations, and adds the parts that all have in common: the clocks, the tick once a second, and
 * the warnings of the findings.
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

/* When the rows were read, and the moment that they describe. */
struct wi_moment {
    uint64_t nanos;       /* CLOCK_MONOTONIC */
    uint64_t as_of_nanos; /* the same clock; for a process that has ended, when it was last seen */
    int64_t unix_nanos;
};

/* The process view's thread alone calls all of these. Each context belongs to one process view. An
 * operation that is NULL does not exist. */
struct wi_provider_ops {
    /* Reads the new numbers. Fails: as wi_process_view_refresh. */
    enum weir_status (*refresh)(void *context, uint64_t now_nanos, struct weir_error *ret_error);
    /* Moves rates, ages and windows on, after a refresh, about once a second. `seconds`: since the
     * tick before; 0: this is the first. NULL: there is nothing to move on. */
    void (*tick)(void *context, double seconds);
    /* Corrects the moment of a refresh, which is set to now. NULL: now is right. */
    void (*moment)(const void *context, struct wi_moment *moment);
    enum wi_state (*state)(const void *context);

    size_t (*count)(const void *context, enum wi_kind kind);
    /* Fills a row that is all absent, i < count. Its texts live until the next refresh. Warnings:
     * use wi_warning_row. */
    void (*row)(void *context, enum wi_kind kind, size_t i, struct wi_row *row);
    /* As wi_process_view_histogram. */
    const struct weir_histogram *(*histogram)(void *context, enum wi_kind kind,
                                              const struct wi_row *row, int metric);

    /* The counts of closed handles: as wi_process_view_n_retired and wi_process_view_retired, with
     * a row that is all absent; false: no kind of this provider. NULL: it keeps no counts of closed
     * handles. */
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

/* Opens a process view with this provider. Owns: the context is the process view's, also when this
 * fails: ops->close. `ops` and `catalog` are static. Fails: WEIR_E_MEMORY. */
enum weir_status wi_process_view_open_provider(const struct wi_facts *facts,
                                               const struct wi_catalog *catalog,
                                               const struct wi_provider_ops *ops,
                                               void *taken_context,
                                               struct wi_process_view **ret_view,
                                               struct weir_error *ret_error);

#endif
