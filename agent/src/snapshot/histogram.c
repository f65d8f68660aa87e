/* SPDX-License-Identifier: MIT */
/* Reading histograms: bounds and quantiles. */
#include "snapshot/process_view.h"

uint64_t wi_histogram_bound(unsigned bucket)
{
    if (bucket >= WEIR_HISTOGRAM_BUCKETS - 1) {
        return UINT64_MAX;
    }
    unsigned octave = WEIR_HISTOGRAM_MIN_SHIFT + bucket / 4;
    return (UINT64_C(1) << octave) + ((uint64_t)(bucket % 4) << (octave - 2));
}

/* The value whose relative error is the same at both ends: at most 1/9 with four buckets an octave. */
static uint64_t histogram_middle(uint64_t low, uint64_t high)
{
    if (low == 0) {
        return high / 2;
    }
    if (high == UINT64_MAX) {
        return low;
    }
    return (uint64_t)(2.0 * (double)low * (double)high / ((double)low + (double)high));
}

uint64_t wi_histogram_middle(unsigned bucket)
{
    return histogram_middle(bucket ? wi_histogram_bound(bucket - 1) : 0,
                            wi_histogram_bound(bucket));
}

uint64_t wi_histogram_quantile(const struct weir_histogram *histogram, double q)
{
    uint64_t total = 0;
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        total += histogram->bucket[b];
    }
    if (total == 0) {
        return 0;
    }
    /* As doubles, the greatest totals are 2^64. */
    double wanted = q * (double)total;
    uint64_t rank = wanted < 0x1p64 ? (uint64_t)wanted : total - 1;
    rank = rank < total ? rank : total - 1;
    unsigned found = 0;
    for (uint64_t seen = 0; found < WEIR_HISTOGRAM_BUCKETS; found++) {
        seen += histogram->bucket[found];
        if (seen > rank) {
            break;
        }
    }
    uint64_t middle = wi_histogram_middle(found);
    return histogram->max && middle > histogram->max ? histogram->max : middle;
}
