/* SPDX-License-Identifier: MIT */
/*
 * The recent depths of one queue: the last minute sample by sample and in coarse steps, the last
 * hour by minutes, and since when the queue has grown. Pure: the caller passes the time.
 *
 *     QUIET --lowest recent depth above all before--> GROWING --no growth--> SETTLING --> QUIET
 *                                                        ^-----grows again------|
 *
 * No allocation, no failure; one thread at a time.
 */
#ifndef WI_FINDING_DEPTH_WINDOW_H
#define WI_FINDING_DEPTH_WINDOW_H

#include "finding/minute_window.h"

#include <stdbool.h>
#include <stdint.h>

#define WI_DEPTH_WINDOW_SAMPLES 64
#define WI_DEPTH_WINDOW_STEPS   12

enum wi_depth_window_phase {
    WI_DEPTH_WINDOW_QUIET,
    WI_DEPTH_WINDOW_GROWING,
    WI_DEPTH_WINDOW_SETTLING
};

struct wi_depth_window {
    uint64_t at[WI_DEPTH_WINDOW_SAMPLES]; /* nanoseconds; the newest is (n_samples - 1) % SAMPLES */
    uint64_t depth[WI_DEPTH_WINDOW_SAMPLES];
    uint64_t bytes[WI_DEPTH_WINDOW_SAMPLES]; /* declared */
    uint32_t n_samples;                      /* ever */
    uint32_t n_steps;                        /* ever finished */
    struct {
        uint64_t low, high;
    } step[WI_DEPTH_WINDOW_STEPS], now; /* five seconds each; `now` is being filled */
    uint64_t step_began;
    enum wi_depth_window_phase phase;
    uint64_t growing_since;
    uint64_t settling_since;
    double ceiling;        /* the highest that was ever seen before growth began */
    uint64_t peak;         /* since growth began */
    uint64_t gone;         /* received + discarded at the last sample */
    uint64_t gone_since;   /* when `gone` last changed, or the queue was empty */
    uint64_t longest_rest; /* nanoseconds: the longest time without a message that left, after which
                              messages left again */
    uint32_t n_moves;      /* samples in which messages had left since the sample before */
    struct wi_minute_window minute_window;
};

/* One sample of a queue. */
struct wi_depth_window_sample {
    uint64_t nanos;
    uint64_t depth;
    uint64_t bytes; /* declared for the queued messages */
    uint64_t gone;  /* messages that ever left it */
};

/* Adds a sample. Later samples come after earlier ones. */
void wi_depth_window_add(struct wi_depth_window *depth_window,
                         const struct wi_depth_window_sample *sample);

/* How many of the last samples there are, and the sample `ago` before the newest. */
uint32_t wi_depth_window_count(const struct wi_depth_window *depth_window);
struct wi_depth_window_sample wi_depth_window_at(const struct wi_depth_window *depth_window,
                                                 uint32_t ago);

/* Whether the recent depth is at least a quarter above the highest depth before growth began. If it
 * is not, the queue has drained from such a depth before. */
bool wi_depth_window_is_above_all(const struct wi_depth_window *depth_window);

/* The lowest depth of the last few samples. */
uint64_t wi_depth_window_floor(const struct wi_depth_window *depth_window);

/* Messages per second over the last few samples; negative when the queue drains. */
double wi_depth_window_slope(const struct wi_depth_window *depth_window);

/* How long the queue has held messages without one leaving, in nanoseconds. */
uint64_t wi_depth_window_stalled(const struct wi_depth_window *depth_window);

#endif
