/* SPDX-License-Identifier: MIT */
/*
 * The state of one handle between two readings: rates, peaks, the age ring and the histogram
 * window. Pure: counts and `now` in, numbers out. One thread at a time.
 */
#ifndef WI_SNAPSHOT_MEMORY_H
#define WI_SNAPSHOT_MEMORY_H

#include "weir/weir.h"

/* Moments, each with the number of messages sent by then. When the ring is full every second one is
 * dropped, so that it reaches back to the time when the channel was last empty. */
#define WI_AGE_SAMPLES 64

struct wi_age {
    size_t n;
    uint64_t every; /* keep one sample of so many */
    uint64_t seen;
    uint64_t nanos[WI_AGE_SAMPLES];
    uint64_t sent[WI_AGE_SAMPLES];
};

/* Adds a moment and the number of messages sent by then. */
void wi_age_add(struct wi_age *age, uint64_t nanos, uint64_t sent);

/* Forgets the samples that lie before the last one at or below `left`: nothing older is queued any more. So the ring
 * soon has a sample for each tick again. */
void wi_age_trim(struct wi_age *age, uint64_t left);

/* Nanoseconds since `sent` stood at `left`, between two samples by a straight line; the last sample
 * is (now_nanos, sent). Returns false when that lies before the first sample. */
bool wi_age_of(const struct wi_age *age, uint64_t now_nanos, uint64_t sent, uint64_t left,
               uint64_t *ret_nanos);

/* A lower bound of the nanoseconds since `sent` was at `left`: since the first sample beyond it,
 * even if `sent` was at `left` before the first sample; 0 when there is none. */
uint64_t wi_age_least(const struct wi_age *age, uint64_t now_nanos, uint64_t left);

/* Two older copies of a histogram, replaced in turn every 10 s: the difference to the older one
 * covers the last 10 to 20 seconds. */
#define WI_WINDOW_NANOS UINT64_C(10000000000)

struct wi_window {
    uint64_t turned_at;
    struct weir_histogram older, newer;
};

/* Whether wi_window_turn has anything to do. */
bool wi_window_is_due(const struct wi_window *window, uint64_t now_nanos);

/* Turns the copies when it is time. */
void wi_window_turn(struct wi_window *window, uint64_t now_nanos,
                    const struct weir_histogram *current);

/* The growth since the older copy. Both may be one histogram. */
void wi_window_recent(const struct wi_window *window, const struct weir_histogram *current,
                      struct weir_histogram *ret_recent);

#endif
