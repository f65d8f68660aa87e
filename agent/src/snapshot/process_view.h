/* SPDX-License-Identifier: MIT */
/*
 * The process view: what the exporter knows of one process, refreshed from its segment (or from
 * elsewhere: snapshot/provider.h). Rows of all kinds, each value one metric of the tables, and the
 * state between two readings (rates, ages, peaks, growth). No I/O but through its source; one
 * thread at a time.
 *
 *     source (live mapping, or a file read by pread) -> wi_process_view_refresh -> rows -> encoders
 *                                                     findings -> wi_process_view_show -> rows
 */
#ifndef WI_SNAPSHOT_PROCESS_VIEW_H
#define WI_SNAPSHOT_PROCESS_VIEW_H

#include "segment/find.h"
#include "segment/layout.h"
#include "segment/stem.h"
#include "weir/catalog.h"
#include "weir/warning.h"
#include "weir/row.h"
#include "weir/weir.h"

/* The exporter's own numbers, counted by the wire and shown as kind WI_AGENT. Plain fields: one
 * thread. */
struct wi_self {
    uint64_t clients, clients_rejected;
    uint64_t updates_sent, updates_skipped;
    uint64_t protocol_errors;
    uint64_t scrapes, http_rejected;
    uint64_t heap_bytes; /* of the wire: buffers and sessions */
    uint64_t rested_nanos;
};

/* Opens the segment of this very process. Fails: WEIR_E_STATE before weir_start. */
enum weir_status wi_process_view_open_self(struct wi_process_view **ret_view,
                                           struct weir_error *ret_error);

/*
 * Reads the segment and, while the process lives, its facts in /proc, and derives all numbers.
 * Rates, ages and growth move on if at least 900 ms have passed since they last did (`now_nanos` of
 * CLOCK_MONOTONIC). An earlier call updates only counts and depths. Fails: WEIR_E_CORRUPT,
 * WEIR_E_MEMORY, WEIR_E_SYSTEM: the rows are unchanged.
 */
enum weir_status wi_process_view_refresh(struct wi_process_view *view, uint64_t now_nanos,
                                         struct weir_error *ret_error);

/* Whether rates, ages and growth moved on at the last refresh, about once a second. */
bool wi_process_view_has_ticked(const struct wi_process_view *view);

/* Shows the findings' verdict: its warnings before the provider's own, and the growth. Borrowed: it
 * is read whenever a row is built, until another replaces it; NULL: none. */
void wi_process_view_show(struct wi_process_view *view, const struct wi_verdict *verdict);

/* Lets this process view write the history of its process, when no other exporter does: for views
 * that live as long as the process, not for a single reading. */
void wi_process_view_record(struct wi_process_view *view);

/* In a forked child: closes the inherited history, which is the parent's. Frees nothing. */
void wi_process_view_abandon(struct wi_process_view *view);

/* The history, of this refresh; NULL when there is none. Borrowed until the next refresh. */
struct wi_history;
const struct wi_history *wi_process_view_history(const struct wi_process_view *view);

const struct wi_facts *wi_process_view_facts(const struct wi_process_view *view);
enum wi_state wi_process_view_state(const struct wi_process_view *view);

/* Whether its segment is this file; whether that file has lost its name. */
bool wi_process_view_is(const struct wi_process_view *view, dev_t device, ino_t inode);
bool wi_process_view_is_nameless(const struct wi_process_view *view);
int64_t wi_process_view_unix_nanos(const struct wi_process_view *view); /* of the last refresh */
uint64_t wi_process_view_monotonic_nanos(
    const struct wi_process_view *view); /* of the last refresh */

/* Which kinds and metrics it has, independent of the rows that exist now. Owns: static. */
const struct wi_catalog *wi_process_view_catalog(const struct wi_process_view *view);

/* The moment (CLOCK_MONOTONIC) of the rows: the last refresh, or when a process that has ended was
 * last seen. */
uint64_t wi_process_view_as_of_nanos(const struct wi_process_view *view);

/* The numbers that the wire adds to. Owns: the process view's. */
struct wi_self *wi_process_view_self(struct wi_process_view *view);

/* The count of rows, or more where the provider's source had no room for all. */
struct wi_extent;
void wi_process_view_extent(const struct wi_process_view *view, enum wi_kind kind,
                            struct wi_extent *ret_extent);

/* How many moments the provider's own source has skipped. */
uint64_t wi_process_view_n_missed(const struct wi_process_view *view);

/* The provider, if it knows the past without a history's file, and its context. NULL: use
 * wi_process_view_history. */
struct wi_provider_ops;
const struct wi_provider_ops *wi_process_view_past(const struct wi_process_view *view,
                                                   void **ret_context);

/* Rows of a kind, by slot. Each is built when the caller asks for it: borrowed until the next call
 * for the same kind; its name and texts, until the next refresh. NULL only past the count. */
size_t wi_process_view_count(const struct wi_process_view *view, enum wi_kind kind);
const struct wi_row *wi_process_view_row(const struct wi_process_view *view, enum wi_kind kind,
                                         size_t i);

/* The same without the waits, whose histograms take longer to read than all else: for callers that
 * read every row. The metrics of waits are 0 or absent. */
const struct wi_row *wi_process_view_brief(const struct wi_process_view *view, enum wi_kind kind,
                                           size_t i);

/* The same with some metrics only, for a caller that compares all rows by a few: `fields` has a bit
 * for each index. The row's other values mean nothing. */
const struct wi_row *wi_process_view_part(const struct wi_process_view *view, enum wi_kind kind,
                                          size_t i, uint64_t fields);

/* The places of those rows of a kind that findings judge, as the provider knows them without building all: senders
 * that have messages queued. Returns how many, at most `room`; they are valid until the next refresh. A provider that
 * cannot tell gives the first ones. */
size_t wi_process_view_worst(const struct wi_process_view *view, enum wi_kind kind,
                             uint32_t *ret_rows, size_t room);

/*
 * A few metrics of many rows at once, for a caller that goes over all rows of a kind to find the few that it needs:
 * the ids and values of the rows from `first` on, each value as in its row. Returns false when the provider does not
 * have these metrics side by side: then the rows are read one by one.
 */
#define WI_NUMBERS_ROWS    16
#define WI_NUMBERS_METRICS 6
struct wi_numbers {
    int metrics[WI_NUMBERS_METRICS]; /* the caller's: which */
    size_t n_metrics;
    unsigned missing; /* a bit for each row that must be read on its own */
    uint64_t id[WI_NUMBERS_ROWS];
    struct wi_value value[WI_NUMBERS_METRICS][WI_NUMBERS_ROWS];
};
bool wi_process_view_numbers(const struct wi_process_view *view, enum wi_kind kind, size_t first,
                             size_t n, struct wi_numbers *ret_numbers);

/*
 * Slots: the places of rows, the low half of their ids. A row keeps its slot as long as it lives,
 * so that a walk over the slots continues at the same place, whichever rows came and went. All
 * kinds with a handle share one set of slots, single tasks have another; `kind` says which. A slot
 * may be free.
 */
size_t wi_process_view_n_slots(const struct wi_process_view *view, enum wi_kind kind);

/* The row of a slot with a handle, borrowed as that of wi_process_view_row; NULL: the slot is free. */
const struct wi_row *wi_process_view_at(const struct wi_process_view *view, size_t slot_index,
                                        enum wi_kind *ret_kind);

/* When its handle was opened; 0: unknown. */
int64_t wi_process_view_opened_unix_nanos(const struct wi_process_view *view, size_t slot_index);

/* A single task without its histograms: for a caller that reads thousands of them each second. */
enum wi_task_sample_state {
    WI_TASK_SAMPLE_IDLE,
    WI_TASK_SAMPLE_SCHEDULED,
    WI_TASK_SAMPLE_RUNNING,
    WI_TASK_SAMPLE_DONE
};
struct wi_task_sample {
    uint64_t id;
    const char *name, *kind, *source; /* as in its row; NULL: unknown */
    enum wi_task_sample_state state;
    uint64_t waits_for; /* the id of a row; 0: none */
    uint64_t polls, wakes, self_wakes;
    uint64_t busy, scheduled; /* nanoseconds, without the time in the present state */
    uint64_t in_state,
        age; /* nanoseconds; of a finished task: the time since its end, and how long it lived */
};

/* The task that has the slot now, which may have started after the last refresh. False: none has. */
bool wi_process_view_task(const struct wi_process_view *view, size_t slot_index,
                          struct wi_task_sample *ret_sample);

/* The merged histogram behind a metric of type WI_TYPE_HISTOGRAM, since the start; NULL when
 * nothing was measured yet. Borrowed until the next call or refresh. */
const struct weir_histogram *wi_process_view_histogram(struct wi_process_view *view,
                                                       enum wi_kind kind, const struct wi_row *row,
                                                       int metric);

/*
 * The counts of closed handles, in rows by kind and name that have counters only; the counts of
 * open handles come on top. They stand in the order in which their names were opened first. None is
 * ever removed, and none falls. Borrowed until the next call; the name, as long as the process
 * view. NULL: this process view does not have the kind.
 */
/* wi_process_view_retired_bytes: those of the channels of that name whose unit is bytes, which the other row does
 * not have; NULL: there are none. */
size_t wi_process_view_n_retired(const struct wi_process_view *view);
const struct wi_row *wi_process_view_retired_bytes(struct wi_process_view *view, size_t i);
const struct wi_row *wi_process_view_retired(struct wi_process_view *view, size_t i,
                                             enum wi_kind *ret_kind);

/* A histogram as it is exposed: a bound for each octave. */
struct wi_octaves {
    uint64_t count[WI_OCTAVES + 1]; /* not cumulative; the last: above all bounds */
    uint64_t sum;                   /* nanoseconds */
    bool is_measured;
};

void wi_octaves_add(struct wi_octaves *octaves, const struct weir_histogram *histogram);

/* Sums of histograms by groups: the group of each row of a kind, and of each name of closed
 * handles. */
struct wi_octave_groups {
    const uint16_t *of_row, *of_retired;
    struct wi_octaves *sums;
    size_t n;
};

/* Sums the histograms behind a metric: those of the kind's rows, and those of closed handles.
 * Fails: WEIR_E_MEMORY; WEIR_E_LIMIT: handles come and go too fast to be read, or the segment
 * contradicts itself; then the sums mean nothing. */
enum weir_status wi_process_view_octaves(struct wi_process_view *view, enum wi_kind kind,
                                         int metric, const struct wi_octave_groups *groups);

/* The upper bound of a bucket in nanoseconds; UINT64_MAX for the last. */
uint64_t wi_histogram_bound(unsigned bucket);

/* The value in nanoseconds that stands for a bucket: its middle; for the last, its begin. */
uint64_t wi_histogram_middle(unsigned bucket);

/* The value at quantile q (0 to 1) in nanoseconds, the middle of its bucket; 0 when empty. */
uint64_t wi_histogram_quantile(const struct weir_histogram *histogram, double q);

#endif
