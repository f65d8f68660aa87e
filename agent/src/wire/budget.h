/* SPDX-License-Identifier: MIT */
/*
 * The share of one processor that an exporter may take from its host: a token bucket of the
 * thread's own processor time. A flood uses up the bucket. Then the thread rests, its sockets fill,
 * and the flood stops at its source. The exporter's thread.
 */
#ifndef WI_WIRE_BUDGET_H
#define WI_WIRE_BUDGET_H

#include <stdint.h>

#define WI_BUDGET_PERCENT 5u /* by default, in a host */

/* The most that may be spent at once after little was spent: a console's first reading of a large
 * process. */
#define WI_BUDGET_BURST_NANOS UINT64_C(250000000)

/* The longest rest, so that the work of each second continues. */
#define WI_BUDGET_REST_NANOS UINT64_C(500000000)

struct wi_budget {
    unsigned percent; /* of one processor; 0: no limit */
    int64_t credit_nanos;
    uint64_t wall_nanos, spent_nanos; /* as of the last check */
};

/* Begins to count now. */
void wi_budget_init(struct wi_budget *budget, unsigned percent, uint64_t now_nanos,
                    uint64_t spent_nanos);

/* `spent_nanos`: processor time of the thread so far. Returns how long to rest, usually 0. */
uint64_t wi_budget_check(struct wi_budget *budget, uint64_t now_nanos, uint64_t spent_nanos);

#endif
