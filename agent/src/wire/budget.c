/* SPDX-License-Identifier: MIT */
/* A token bucket whose tokens are nanoseconds of processor time. */
#include "wire/budget.h"

#define BUDGET_LONGEST UINT64_C(100000000000000)

void wi_budget_init(struct wi_budget *budget, unsigned percent, uint64_t now_nanos,
                    uint64_t spent_nanos)
{
    *budget = (struct wi_budget){.percent = percent,
                                 .credit_nanos = (int64_t)WI_BUDGET_BURST_NANOS,
                                 .wall_nanos = now_nanos,
                                 .spent_nanos = spent_nanos};
}

uint64_t wi_budget_check(struct wi_budget *budget, uint64_t now_nanos, uint64_t spent_nanos)
{
    if (budget->percent == 0) {
        return 0;
    }
    uint64_t wall = now_nanos - budget->wall_nanos;
    uint64_t spent = spent_nanos - budget->spent_nanos;
    budget->wall_nanos = now_nanos;
    budget->spent_nanos = spent_nanos;
    /* No sum overflows: a longer time fills the bucket from any debt, and a thread cannot spend
     * more. */
    uint64_t filling = (wall < BUDGET_LONGEST ? wall : BUDGET_LONGEST) * budget->percent / 100;
    int64_t credit = budget->credit_nanos + (int64_t)filling -
                     (int64_t)(spent < BUDGET_LONGEST ? spent : BUDGET_LONGEST);
    credit = credit < (int64_t)WI_BUDGET_BURST_NANOS ? credit : (int64_t)WI_BUDGET_BURST_NANOS;
    credit = credit > -(int64_t)BUDGET_LONGEST ? credit : -(int64_t)BUDGET_LONGEST;
    budget->credit_nanos = credit;
    if (credit >= 0) {
        return 0;
    }
    uint64_t rest = (uint64_t)-credit * 100 / budget->percent;
    return rest < WI_BUDGET_REST_NANOS ? rest : WI_BUDGET_REST_NANOS;
}
