/* SPDX-License-Identifier: MIT */
/* A sample for the findings, made of a flow: a live row and a history row give the same sample. */
#include "finding/state.h"

static uint64_t sample_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

bool wi_sample_take(enum wi_kind kind, const struct wi_flow *flow, uint64_t nanos,
                    struct finding_sample *ret_sample)
{
    const uint64_t *total = flow->total;
    *ret_sample = (struct finding_sample){.nanos = nanos};
    switch (kind) {
    case WI_CHANNEL:
        ret_sample->depth = sample_minus(total[WI_TOTAL_SENT], total[WI_TOTAL_GONE]);
        ret_sample->bytes = total[WI_TOTAL_QUEUED_BYTES];
        ret_sample->came = total[WI_TOTAL_SENT];
        ret_sample->gone = total[WI_TOTAL_GONE];
        ret_sample->refused = total[WI_TOTAL_REJECTS];
        return true;
    case WI_SEMAPHORE:
        ret_sample->depth = total[WI_TOTAL_TAKEN];
        ret_sample->bytes = total[WI_TOTAL_ACQUIRES];
        ret_sample->came = total[WI_TOTAL_ACQUIRES];
        ret_sample->gone = total[WI_TOTAL_RELEASED];
        ret_sample->refused = total[WI_TOTAL_REFUSED];
        return true;
    case WI_TASK:
        ret_sample->depth = sample_minus(total[WI_TOTAL_SPAWNED], total[WI_TOTAL_FINISHED]);
        ret_sample->came = total[WI_TOTAL_SPAWNED];
        ret_sample->gone = total[WI_TOTAL_FINISHED];
        return true;
    case WI_GAUGE:
        ret_sample->depth = (int64_t)total[WI_TOTAL_VALUE] > 0 ? total[WI_TOTAL_VALUE] : 0;
        return true;
    default:
        return false;
    }
}

struct finding_sample wi_sample_of_row(const struct wi_finding *finding, enum wi_kind kind,
                                       const struct wi_row *row)
{
    struct wi_flow flow;
    struct finding_sample sample;
    wi_flow_of_row(kind, row, &flow);
    (void)wi_sample_take(kind, &flow, finding->now, &sample);
    return sample;
}
