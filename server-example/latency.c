/* SPDX-License-Identifier: MIT */
/* The players' histogram. Pure. */
#include "latency.h"

#define PART_BITS 5

static unsigned latency_bucket(uint64_t nanos)
{
    if (nanos < LATENCY_PARTS) {
        return (unsigned)nanos;
    }
    unsigned octave = 63U - (unsigned)__builtin_clzll(nanos);
    unsigned part = (unsigned)(nanos >> (octave - PART_BITS)) & (LATENCY_PARTS - 1);
    return (octave - PART_BITS + 1) * LATENCY_PARTS + part;
}

/* The largest time that falls into a bucket. */
static uint64_t latency_top(unsigned bucket)
{
    if (bucket < LATENCY_PARTS) {
        return bucket;
    }
    unsigned shift = bucket / LATENCY_PARTS - 1;
    uint64_t low = (uint64_t)(LATENCY_PARTS + bucket % LATENCY_PARTS) << shift;
    return low + ((UINT64_C(1) << shift) - 1);
}

void latency_add(struct latency *latency, uint64_t nanos)
{
    latency->count++;
    latency->max = nanos > latency->max ? nanos : latency->max;
    latency->buckets[latency_bucket(nanos)]++;
}

uint64_t latency_quantile(const struct latency *latency, double quantile)
{
    uint64_t rank = (uint64_t)(quantile * (double)latency->count);
    uint64_t seen = 0;
    for (unsigned i = 0; i < LATENCY_OCTAVES * LATENCY_PARTS; i++) {
        seen += latency->buckets[i];
        if (seen > rank || (seen == latency->count && seen > 0)) {
            uint64_t top = latency_top(i);
            return top < latency->max ? top : latency->max;
        }
    }
    return 0;
}
