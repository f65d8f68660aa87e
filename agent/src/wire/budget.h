/* SPDX-License-Identifier: MIT */
/*
 * The share of one processor that an exporter may take from its host: a token bucket of the thread's own
 * processor time. Who floods it uses up the bucket; then it stands still, its sockets fill, and the flood
 * stops at its source. The exporter's thread.
 */
#ifndef WI_WIRE_BUDGET_H
#define WI_WIRE_BUDGET_H

#include <stdint.h>

#define WI_BUDGET_PERCENT 5u /* by default, in a host */

/* What may be spent at once when little was spent before: the first look of a console at much. */
#define WI_BUDGET_BURST_NANOS UINT64_C(250000000)

/* It never stands still longer, so that the once-a-second work goes on. */
#define WI_BUDGET_REST_NANOS UINT64_C(500000000)

struct wi_budget {
    unsigned percent; /* of one processor; 0: no limit */
    int64_t credit_nanos;
    uint64_t wall_nanos, spent_nanos; /* as of the last look */
};

/* From now on. */
void wi_budget_init(struct wi_budget *budget, unsigned percent, uint64_t now_nanos,
                    uint64_t spent_nanos);

/* `spent_nanos`: processor time of the thread so far. Returns how long to stand still, 0 mostly. */
uint64_t wi_budget_check(struct wi_budget *budget, uint64_t now_nanos, uint64_t spent_nanos);

#endif
