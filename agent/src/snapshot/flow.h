/* SPDX-License-Identifier: MIT */
/*
 * The flow of a handle: its totals at a moment, by name. What the words of a cell mean is said by struct
 * weir_cell; here they become totals, once, and all that is shown of a handle follows from these:
 *
 *     words of a cell ---> wi_flow ---> rows, rates (of two flows), findings
 *                            ^
 *     row of the history ----+   (its words are the first totals of a flow, as they are)
 *
 * Pure; any thread.
 */
#ifndef WI_SNAPSHOT_FLOW_H
#define WI_SNAPSHOT_FLOW_H

#include "snapshot/collect.h"
#include "snapshot/process_view.h"

/* The totals of each kind. The history keeps the first WI_HISTORY_WORDS: they are its file format. */
enum wi_total {
    WI_TOTAL_SENT = 0, /* channel: without messages taken back */
    WI_TOTAL_GONE,     /* received and discarded; never more than sent */
    WI_TOTAL_QUEUED_BYTES,
    WI_TOTAL_REJECTS,
    WI_TOTAL_DISCARDED,
    WI_TOTAL_ACQUIRES = 0, /* semaphore */
    WI_TOTAL_REFUSED,
    WI_TOTAL_TAKEN, /* permits, now */
    WI_TOTAL_PERMITS,
    WI_TOTAL_RELEASED,    /* permits, ever */
    WI_TOTAL_SPAWNED = 0, /* task kind */
    WI_TOTAL_FINISHED,
    WI_TOTAL_BEGUN,          /* runs */
    WI_TOTAL_ENDED,          /* runs */
    WI_TOTAL_VALUE = 0,      /* counter, and gauge: signed */
    WI_TOTAL_ITERATIONS = 0, /* loop */
    WI_TOTAL_BUSY,           /* nanoseconds, those of the present included */
    WI_TOTAL_IDLE,
    WI_N_TOTALS = 5
};

struct wi_flow {
    uint64_t total[WI_N_TOTALS];
};

/* The flow of a slot, from what was collected of it: the only place where words become totals. */
void wi_flow_take(const struct wi_collection *collection, const struct wi_raw *raw,
                  struct wi_flow *ret_flow);

/* How long a loop's present iteration, or its wait, has lasted, in nanoseconds. */
uint64_t wi_flow_loop_elapsed(const struct wi_collection *collection, const struct wi_raw *raw,
                              bool *ret_is_busy);

/* How often a handle has been used. A gauge is told by its value alone: it is used when that changes. */
uint64_t wi_flow_uses(enum wi_kind kind, const struct wi_flow *flow);

/* The flow of a row, of any process view. What the row does not tell is 0. */
void wi_flow_of_row(enum wi_kind kind, const struct wi_row *row, struct wi_flow *ret_flow);

/* Whether a metric follows from two moments: it is absent without the one before. */
bool wi_from_is_rate(const struct wi_metric_from *from);

/* The metrics of a kind of handles that are rates, in the order of the table; returns how many. */
#define WI_FLOW_RATES 3 /* at most */
size_t wi_flow_rates(enum wi_kind kind, const struct wi_metric_from *ret_rates[WI_FLOW_RATES]);

/* A metric from the totals of a moment and of the one `seconds` before; NULL: there is none. Absent where
 * it cannot be told, as when a total went back. */
struct wi_value wi_from_value(const struct wi_metric_from *from, const uint64_t *before,
                              const uint64_t *totals, double seconds);

#endif
