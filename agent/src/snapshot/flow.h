/* SPDX-License-Identifier: MIT */
/*
 * The flow of a handle: its totals at a moment, by name. struct weir_cell says what the words of a
 * cell mean. Here, and only here, they become totals, and all numbers of a handle follow from
 * these:
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
    WI_TOTAL_BUSY,           /* nanoseconds, the present wait or iteration included */
    WI_TOTAL_IDLE,
    WI_N_TOTALS = 5
};

struct wi_flow {
    uint64_t total[WI_N_TOTALS];
};

/* Whether a handle with these flags of its slot has a metric that follows from its flow: nobody counts what enters and
 * leaves an observed channel. */
bool wi_flow_has(enum wi_kind kind, uint8_t flags, int metric);

/* The flow of a slot, from its collected words: the only place where words become totals. A channel's are in its unit. */
void wi_flow_take(const struct wi_raw *raw, struct wi_flow *ret_flow);

/* The same for sixteen channels, from the lanes of their raws (snapshot/columns.h) that the first has a bit for. */
extern const uint32_t wi_flow_channel_lanes;
void wi_flow_take_channels(const struct wi_lane *raw, struct wi_lane ret_total[WI_N_TOTALS]);

/* How long a loop's present iteration, or its wait, has lasted, in nanoseconds. */
uint64_t wi_flow_loop_elapsed(const struct wi_collection *collection, const struct wi_raw *raw,
                              bool *ret_is_busy);

/* How often a handle has been used. For a gauge it is the value itself: the gauge is used when that
 * changes. */
uint64_t wi_flow_uses(enum wi_kind kind, const struct wi_flow *flow);

/* The flow of a row, of any process view. A total that the row does not have is 0. */
void wi_flow_of_row(enum wi_kind kind, const struct wi_row *row, struct wi_flow *ret_flow);

/* Whether a metric follows from two moments: without the earlier one it is absent. */
bool wi_from_is_rate(const struct wi_metric_from *from);

/* The metrics of a kind of handles that are rates, in the order of the table; returns how many. */
#define WI_FLOW_RATES 3 /* at most */
size_t wi_flow_rates(enum wi_kind kind, const struct wi_metric_from *ret_rates[WI_FLOW_RATES]);

/* A metric from the totals of a moment and of the moment `seconds` before; NULL: there is none.
 * Absent if it cannot be computed, for example because a total went back. */
struct wi_value wi_from_value(const struct wi_metric_from *from, const uint64_t *before,
                              const uint64_t *totals, double seconds);

#endif
