/* SPDX-License-Identifier: MIT */
/* Flows: from rows, and to metrics. */
#include "snapshot/flow.h"

#include <math.h>
#include <string.h>

#define FLOW_SECOND 1e9

static uint64_t flow_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* ---- from rows ----------------------------------------------------------------------------- */

static uint64_t row_count(const struct wi_row *row, int metric)
{
    double number = wi_value_number(&row->value[metric], 0);
    return row->value[metric].type == WI_U64 ? row->value[metric].u.u64
           : number > 0                      ? (uint64_t)fmin(number, 1e18)
                                             : 0;
}

/* Totals that are metrics themselves stand in the table. */
void wi_flow_of_row(enum wi_kind kind, const struct wi_row *row, struct wi_flow *ret_flow)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    memset(ret_flow, 0, sizeof(*ret_flow));
    for (size_t i = 0; kind != WI_PROCESS && i < table->n_metrics; i++) {
        if (table->metrics[i].from.how == WI_FROM_TOTAL) {
            ret_flow->total[table->metrics[i].from.a] = row_count(row, (int)i);
        }
    }
    if (kind == WI_CHANNEL) {
        ret_flow->total[WI_TOTAL_GONE] =
            row_count(row, WI_CHANNEL_RECEIVED) + row_count(row, WI_CHANNEL_DISCARDED);
    } else if (kind == WI_SEMAPHORE) {
        ret_flow->total[WI_TOTAL_TAKEN] = flow_minus(row_count(row, WI_SEMAPHORE_PERMITS),
                                                     row_count(row, WI_SEMAPHORE_AVAILABLE));
    }
}

/* ---- to metrics ---------------------------------------------------------------------------- */

bool wi_from_is_rate(const struct wi_metric_from *from)
{
    return from->how == WI_FROM_RATE || from->how == WI_FROM_RATE_WITHOUT ||
           from->how == WI_FROM_SECONDS_RATE || from->how == WI_FROM_BUSY;
}

/* What a total has grown by; NaN when it went back. */
static double flow_growth(const uint64_t *before, const uint64_t *totals, int i)
{
    return before && totals[i] >= before[i] ? (double)(totals[i] - before[i]) : NAN;
}

static double flow_busy(const uint64_t *before, const uint64_t *totals, int busy, int idle)
{
    double at_work = flow_growth(before, totals, busy);
    double whole = at_work + flow_growth(before, totals, idle);
    return whole > 0 ? at_work / whole : whole >= 0 ? 0 : NAN;
}

static uint64_t flow_tasks(const uint64_t *totals, bool is_pending)
{
    uint64_t live = flow_minus(totals[WI_TOTAL_SPAWNED], totals[WI_TOTAL_FINISHED]);
    uint64_t running = flow_minus(totals[WI_TOTAL_BEGUN], totals[WI_TOTAL_ENDED]);
    running = running < live ? running : live;
    return is_pending ? live - running : running;
}

static double from_real(const struct wi_metric_from *from, const uint64_t *before,
                        const uint64_t *totals, double seconds)
{
    switch ((enum wi_from_how)from->how) {
    case WI_FROM_SECONDS:
        return (double)totals[from->a] / FLOW_SECOND;
    case WI_FROM_SHARE:
        return totals[from->b] ? (double)totals[from->a] / (double)totals[from->b] : NAN;
    case WI_FROM_RATE:
        return flow_growth(before, totals, from->a) / seconds;
    case WI_FROM_RATE_WITHOUT:
        return fmax(flow_growth(before, totals, from->a) - flow_growth(before, totals, from->b),
                    0) /
               seconds;
    case WI_FROM_SECONDS_RATE:
        return flow_growth(before, totals, from->a) / FLOW_SECOND / seconds;
    case WI_FROM_BUSY:
        return flow_busy(before, totals, from->a, from->b);
    default:
        return NAN;
    }
}

struct wi_value wi_from_value(const struct wi_metric_from *from, const uint64_t *before,
                              const uint64_t *totals, double seconds)
{
    double real;
    switch ((enum wi_from_how)from->how) {
    case WI_FROM_TOTAL:
        return (struct wi_value){WI_U64, {.u64 = totals[from->a]}};
    case WI_FROM_SIGNED:
        return (struct wi_value){WI_I64, {.i64 = (int64_t)totals[from->a]}};
    case WI_FROM_DIFFERENCE:
        return (struct wi_value){WI_U64, {.u64 = flow_minus(totals[from->a], totals[from->b])}};
    case WI_FROM_RUNNING:
    case WI_FROM_PENDING:
        return (struct wi_value){WI_U64, {.u64 = flow_tasks(totals, from->how == WI_FROM_PENDING)}};
    default:
        real = from_real(from, before, totals, seconds);
        return isfinite(real) ? (struct wi_value){WI_F64, {.f64 = real}}
                              : (struct wi_value){WI_ABSENT, {.u64 = 0}};
    }
}
