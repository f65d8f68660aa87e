/* SPDX-License-Identifier: MIT */
/*
 * Waits of a FIFO channel whose messages carry no ticket, from the curves of what was sent and what has left.
 *
 *      messages
 *         |            sent __--        The k-th message came when `sent` passed k, and left when `left` did: the gap
 *         |        __--   __--          between the curves is its wait. Those still queued have waited until now.
 *       k |----__--====__--
 *         |__--   __--   left
 *         +------------------- time
 *
 * Both curves are known at samples, about a second apart, and a straight line is assumed between two of them: a wait is
 * off by at most one second at each end. Pure: counts and moments in, numbers out. One thread at a time.
 */
#ifndef WI_SNAPSHOT_ESTIMATE_H
#define WI_SNAPSHOT_ESTIMATE_H

#include "snapshot/memory.h"

#define WI_ESTIMATE_SAMPLES 21 /* so waits are those of about the last 20 seconds */

/* Moments, each with the number of messages that had left by then, the oldest first. */
struct wi_estimate {
    size_t n;
    uint64_t slow_at; /* when the oldest message had last waited for WI_ESTIMATE_LEAST */
    uint64_t nanos[WI_ESTIMATE_SAMPLES];
    uint64_t left[WI_ESTIMATE_SAMPLES];
};

/* Shorter waits cannot be told: samples are a second apart. */
#define WI_ESTIMATE_LEAST UINT64_C(1000000000)

/* In nanoseconds, over the messages that have left since the first sample and those still queued. */
struct wi_estimated {
    uint64_t p50, p99, max;
};

/* Adds a sample; the oldest goes when there are WI_ESTIMATE_SAMPLES. */
void wi_estimate_add(struct wi_estimate *estimate, uint64_t nanos, uint64_t left);

/* The waits by now, when `sent` have been sent in all and `left` of them have left; `age` is the curve of what was sent,
 * and where it does not reach back a wait is the least that it can be. Returns false when there is no message. */
bool wi_estimate_waits(const struct wi_estimate *estimate, const struct wi_age *age,
                       uint64_t now_nanos, uint64_t sent, uint64_t left,
                       struct wi_estimated *ret_waits);

#endif
