/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of one queue: its depths of the last half minute one by one, those of the last
 * minute in coarse steps, and since when it has been in trouble. Pure: time is given.
 *
 *     QUIET --the floor of late lies above all before--> GROWING --no growth--> SETTLING --> QUIET
 *                                                           ^------grows again-----|
 */
#ifndef WI_FINDING_TRAIL_H
#define WI_FINDING_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#define WI_TRAIL_SAMPLES 32
#define WI_TRAIL_STEPS   12

enum wi_trail_phase { WI_TRAIL_QUIET, WI_TRAIL_GROWING, WI_TRAIL_SETTLING };

struct wi_trail {
    uint64_t at[WI_TRAIL_SAMPLES]; /* nanoseconds; the newest is (n_samples - 1) % SAMPLES */
    uint64_t depth[WI_TRAIL_SAMPLES];
    uint32_t n_samples; /* ever */
    uint32_t n_steps;   /* ever finished */
    struct {
        uint64_t low, high;
    } step[WI_TRAIL_STEPS], now; /* five seconds each; `now` is being filled */
    uint64_t step_began;
    enum wi_trail_phase phase;
    uint64_t growing_since;
    uint64_t settling_since;
    uint64_t peak;       /* since growth began */
    uint64_t gone;       /* received + discarded at the last look */
    uint64_t gone_since; /* when that last moved, or the queue was empty */
};

/* Adds a look at the queue. `gone`: messages that ever left it. */
void wi_trail_add(struct wi_trail *trail, uint64_t now_nanos, uint64_t depth, uint64_t gone);

/* Messages per second over the last few looks; negative when it drains. */
double wi_trail_slope(const struct wi_trail *trail);

/* How long the queue has held messages and none has left it, in nanoseconds. */
uint64_t wi_trail_stalled(const struct wi_trail *trail);

#endif
