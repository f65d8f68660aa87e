/* SPDX-License-Identifier: MIT */
/* A histogram of times: 32 buckets to the octave of nanoseconds, so a quantile is at most 3.2 % high. */
#ifndef GAME_LATENCY_H
#define GAME_LATENCY_H

#include <stdint.h>

#define LATENCY_OCTAVES 64
#define LATENCY_PARTS   32

struct latency {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[LATENCY_OCTAVES * LATENCY_PARTS];
};

void latency_add(struct latency *latency, uint64_t nanos);

/* The time within which the share `quantile` (0 to 1) of all lies, in nanoseconds; 0: none counted. */
uint64_t latency_quantile(const struct latency *latency, double quantile);

#endif
