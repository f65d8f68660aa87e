/* SPDX-License-Identifier: MIT */
/*
 * A provider gives a process view its rows: a segment (refresh.c), a Tokio server, a recording, a test.
 * Each provider has one table of operations and a context of its own. The process view calls the
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
struct wi_numbers;
struct wi_octave_groups;
struct wi_task_sample;

/* When the rows were read, and the moment that they describe. */
struct wi_moment {
    uint64_t nanos;       /* CLOCK_MONOTONIC */
    uint64_t as_of_nanos; /* the same clock; for a process that has ended, when it was last seen */
    int64_t unix_nanos;
};

/* How many rows of a kind exist, and how many of these pass the filter of the provider's own source.
 * Both can exceed the count of rows, if the source had no room for all. */
struct wi_extent {
    size_t total, matching;
};

/* One number of a row in the past, a value each `step_nanos`. */
struct wi_series {
    uint64_t id; /* the row's */
    const char *name;
    enum wi_kind kind;
    int metric;
    int64_t last_unix_nanos;
    uint64_t last_read_nanos; /* 0: the process has ended */
    uint64_t step_nanos;
    const double *values; /* the oldest first; NaN: none */
    size_t n_values;
};

/* The requested numbers of the past. */
struct wi_past_query {
    enum wi_kind kind;
    const int *metrics;
    size_t n_metrics;
    uint64_t id;        /* not 0: only the row with this id */
    const char *filter; /* glob on the name; "": all */
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
    /* Corrects an extent that is the count of rows. NULL: it is right. */
    void (*extent)(const void *context, enum wi_kind kind, struct wi_extent *extent);
    /* How many moments its own source has skipped so far. NULL: none. */
    uint64_t (*n_missed)(const void *context);
    /* As wi_process_view_histogram. */
    const struct weir_histogram *(*histogram)(void *context, enum wi_kind kind,
                                              const struct wi_row *row, int metric);

    /* The counts of closed handles: as wi_process_view_n_retired and wi_process_view_retired, with
     * a row that is all absent; false: no kind of this provider. NULL: it keeps no counts of closed
     * handles. */
    size_t (*n_retired)(const void *context);
    bool (*retired)(void *context, size_t i, enum wi_kind *ret_kind, struct wi_row *row);
    /* Those of channels in bytes. NULL: it has none. */
    bool (*retired_bytes)(void *context, size_t i, struct wi_row *row);
    /* As wi_process_view_octaves, of groups that are all 0. NULL: the sum of its rows. */
    enum weir_status (*octaves)(void *context, enum wi_kind kind, int metric,
                                const struct wi_octave_groups *groups);

    /* Slots: as the functions of the same names in process_view.h. NULL: it has no slots. */
    size_t (*n_slots)(const void *context, enum wi_kind kind);
    bool (*at)(void *context, size_t slot_index, enum wi_kind *ret_kind, struct wi_row *row);
    int64_t (*opened_unix_nanos)(const void *context, size_t slot_index);
    bool (*task)(void *context, size_t slot_index, struct wi_task_sample *ret_sample);

    /* As wi_process_view_worst, for a kind of which most rows are well. NULL: it cannot tell. */
    size_t (*worst)(const void *context, enum wi_kind kind, uint32_t *ret_rows, size_t room);

    /* The history. NULL: it has none. */
    const struct wi_history *(*history)(const void *context);
    void (*record)(void *context);
    void (*abandon)(void *context);

    /* The past of a provider without a history's file: the seconds of the last ten minutes. has_past:
     * whether there is one for this metric. past_open copies what it needs of the query; NULL: it knows
     * nothing. past_next: false: there are no more series. A series and its values are borrowed until the
     * next call. All four are NULL: `history` tells. */
    bool (*has_past)(const void *context, enum wi_kind kind, int metric);
    void *(*past_open)(void *context, const struct wi_past_query *query);
    bool (*past_next)(void *context, void *past, struct wi_series *ret_series);
    void (*past_close)(void *context, void *taken_past);

    /* The file. NULL: it has none. */
    bool (*is)(const void *context, dev_t device, ino_t inode);
    bool (*is_nameless)(const void *context);

    void (*close)(void *context);

    /* As wi_process_view_numbers, first + n <= count. NULL: it has its rows one by one. */
    bool (*numbers)(void *context, enum wi_kind kind, size_t first, size_t n,
                    struct wi_numbers *ret_numbers);
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
