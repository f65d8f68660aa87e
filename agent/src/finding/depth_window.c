/* SPDX-License-Identifier: MIT */
/*
 * Decides when a queue grows.
 *
 * A queue grows if its lowest recent depth lies above its highest depth before. That holds for a
 * leak. It does not hold for bursts that are worked off, however high they go. There are three such
 * tests:
 *
 *   fast   the last 4 seconds against the 27 before them, once there are 3 of those: a leak
 *          is named after about 7 s;
 *   steady 12 seconds in which it rose each time: a leak that begins again below an old peak;
 *   slow   the last half minute against the half before it, in steps of 5 s: a small leak under
 *          noise.
 */
#include "finding/depth_window.h"

#define DEPTH_WINDOW_SECOND       UINT64_C(1000000000)
#define DEPTH_WINDOW_RECENT       4U
#define DEPTH_WINDOW_EARLIER      3U
#define DEPTH_WINDOW_FAST         32U /* samples that the fast and the steady test use */
#define DEPTH_WINDOW_STEADY       12U
#define DEPTH_WINDOW_STEP         (5 * DEPTH_WINDOW_SECOND)
#define DEPTH_WINDOW_LEAST_GROWTH 16U /* messages: a lower depth is not worth a finding */
#define DEPTH_WINDOW_ABOVE        4   /* the teeth of a sawtooth differ in height */
#define DEPTH_WINDOW_SETTLE       (60 * DEPTH_WINDOW_SECOND)

/* The depth `ago` samples before the newest. The caller knows that this sample exists. */
static uint64_t depth_window_depth(const struct wi_depth_window *depth_window, uint32_t ago)
{
    return depth_window->depth[(depth_window->n_samples - 1 - ago) % WI_DEPTH_WINDOW_SAMPLES];
}

static uint64_t depth_window_at(const struct wi_depth_window *depth_window, uint32_t ago)
{
    return depth_window->at[(depth_window->n_samples - 1 - ago) % WI_DEPTH_WINDOW_SAMPLES];
}

uint32_t wi_depth_window_count(const struct wi_depth_window *depth_window)
{
    return depth_window->n_samples < WI_DEPTH_WINDOW_SAMPLES ? depth_window->n_samples
                                                             : WI_DEPTH_WINDOW_SAMPLES;
}

struct wi_depth_window_sample wi_depth_window_at(const struct wi_depth_window *depth_window,
                                                 uint32_t ago)
{
    uint32_t at = (depth_window->n_samples - 1 - ago) % WI_DEPTH_WINDOW_SAMPLES;
    return (struct wi_depth_window_sample){.nanos = depth_window->at[at],
                                           .depth = depth_window->depth[at],
                                           .bytes = depth_window->bytes[at],
                                           .gone = depth_window->gone};
}

static uint32_t depth_window_n(const struct wi_depth_window *depth_window)
{
    return depth_window->n_samples < DEPTH_WINDOW_FAST ? depth_window->n_samples
                                                       : DEPTH_WINDOW_FAST;
}

static void depth_window_range(const struct wi_depth_window *depth_window, uint32_t from,
                               uint32_t to, uint64_t *ret_low, uint64_t *ret_high)
{
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    for (uint32_t i = from; i < to; i++) {
        uint64_t depth = depth_window_depth(depth_window, i);
        low = depth < low ? depth : low;
        high = depth > high ? depth : high;
    }
    *ret_low = low;
    *ret_high = high;
}

/* Whether the last few samples raised the maximum. */
static bool depth_window_rises(const struct wi_depth_window *depth_window)
{
    uint32_t n = depth_window_n(depth_window);
    return n > DEPTH_WINDOW_RECENT && depth_window_depth(depth_window, 0) >
                                          depth_window_depth(depth_window, DEPTH_WINDOW_RECENT - 1);
}

static bool depth_window_grows_fast(const struct wi_depth_window *depth_window)
{
    uint32_t n = depth_window_n(depth_window);
    uint64_t floor, ceiling, ignored;
    if (n < DEPTH_WINDOW_RECENT + DEPTH_WINDOW_EARLIER) {
        return false;
    }
    depth_window_range(depth_window, 0, DEPTH_WINDOW_RECENT, &floor, &ignored);
    depth_window_range(depth_window, DEPTH_WINDOW_RECENT, n, &ignored, &ceiling);
    /* Noise sometimes stays above all earlier samples, but not by much. */
    return floor > ceiling && floor - ceiling >= ceiling / 8 &&
           depth_window_depth(depth_window, 0) - ceiling >= DEPTH_WINDOW_LEAST_GROWTH;
}

static bool depth_window_grows_steadily(const struct wi_depth_window *depth_window)
{
    if (depth_window_n(depth_window) < DEPTH_WINDOW_STEADY) {
        return false;
    }
    for (uint32_t i = 0; i + 1 < DEPTH_WINDOW_STEADY; i++) {
        if (depth_window_depth(depth_window, i) <= depth_window_depth(depth_window, i + 1)) {
            return false;
        }
    }
    return depth_window_depth(depth_window, 0) -
               depth_window_depth(depth_window, DEPTH_WINDOW_STEADY - 1) >=
           DEPTH_WINDOW_LEAST_GROWTH;
}

static bool depth_window_grows_slowly(const struct wi_depth_window *depth_window)
{
    uint64_t floor = UINT64_MAX;
    uint64_t ceiling = 0;
    if (depth_window->n_steps < WI_DEPTH_WINDOW_STEPS) {
        return false;
    }
    for (uint32_t i = 0; i < WI_DEPTH_WINDOW_STEPS; i++) {
        uint32_t at = (depth_window->n_steps + i) % WI_DEPTH_WINDOW_STEPS; /* the oldest first */
        if (i < WI_DEPTH_WINDOW_STEPS / 2) {
            ceiling = depth_window->step[at].high > ceiling ? depth_window->step[at].high : ceiling;
        } else {
            floor = depth_window->step[at].low < floor ? depth_window->step[at].low : floor;
        }
    }
    /* Growth that has ended or turned does not count, however far it went. */
    uint32_t newest = (depth_window->n_steps - 1) % WI_DEPTH_WINDOW_STEPS;
    uint32_t before = (depth_window->n_steps - 3) % WI_DEPTH_WINDOW_STEPS;
    return floor > ceiling && floor - ceiling >= DEPTH_WINDOW_LEAST_GROWTH &&
           depth_window->step[newest].low > depth_window->step[before].low &&
           depth_window_depth(depth_window, 0) >= depth_window->step[newest].low;
}

/* When the depth was last at its lowest: growth began there, below all earlier samples. */
static void depth_window_begin(struct wi_depth_window *depth_window)
{
    uint32_t n = depth_window_n(depth_window);
    uint32_t lowest = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (depth_window_depth(depth_window, i) < depth_window_depth(depth_window, lowest)) {
            lowest = i;
        }
    }
    depth_window->growing_since = depth_window_at(depth_window, lowest);
    depth_window->peak = depth_window_depth(depth_window, 0);
    depth_window->ceiling =
        wi_minute_window_ceiling(&depth_window->minute_window, depth_window->growing_since);
    for (uint32_t i = lowest; i < wi_depth_window_count(depth_window); i++) {
        double depth = (double)depth_window_depth(depth_window, i);
        depth_window->ceiling = depth > depth_window->ceiling ? depth : depth_window->ceiling;
    }
}

static enum wi_depth_window_phase depth_window_quiet(struct wi_depth_window *depth_window,
                                                     bool is_slow)
{
    bool is_fast = depth_window_rises(depth_window) && (depth_window_grows_fast(depth_window) ||
                                                        depth_window_grows_steadily(depth_window));
    if (!is_fast && !is_slow) {
        return WI_DEPTH_WINDOW_QUIET;
    }
    depth_window_begin(depth_window);
    return WI_DEPTH_WINDOW_GROWING;
}

static enum wi_depth_window_phase depth_window_growing(struct wi_depth_window *depth_window,
                                                       bool is_slow)
{
    if (depth_window_rises(depth_window) || is_slow) {
        return WI_DEPTH_WINDOW_GROWING;
    }
    depth_window->settling_since = depth_window_at(depth_window, 0);
    return WI_DEPTH_WINDOW_SETTLING;
}

static enum wi_depth_window_phase depth_window_settling(struct wi_depth_window *depth_window)
{
    uint64_t depth = depth_window_depth(depth_window, 0);
    bool is_past =
        depth <= depth_window->peak / 10 ||
        depth_window_at(depth_window, 0) - depth_window->settling_since >= DEPTH_WINDOW_SETTLE;
    if (depth_window_rises(depth_window) &&
        (depth > depth_window->peak || depth_window_grows_steadily(depth_window))) {
        return WI_DEPTH_WINDOW_GROWING;
    }
    return is_past ? WI_DEPTH_WINDOW_QUIET : WI_DEPTH_WINDOW_SETTLING;
}

/* Adds to the coarse steps. */
static void depth_window_step(struct wi_depth_window *depth_window, uint64_t now, uint64_t depth)
{
    bool is_done =
        depth_window->n_samples > 0 && now - depth_window->step_began >= DEPTH_WINDOW_STEP;
    if (is_done) {
        depth_window->step[depth_window->n_steps % WI_DEPTH_WINDOW_STEPS].low =
            depth_window->now.low;
        depth_window->step[depth_window->n_steps % WI_DEPTH_WINDOW_STEPS].high =
            depth_window->now.high;
        depth_window->n_steps++;
    }
    if (is_done || depth_window->n_samples == 0) {
        depth_window->step_began = now;
        depth_window->now.low = depth;
        depth_window->now.high = depth;
    }
    depth_window->now.low = depth < depth_window->now.low ? depth : depth_window->now.low;
    depth_window->now.high = depth > depth_window->now.high ? depth : depth_window->now.high;
}

void wi_depth_window_add(struct wi_depth_window *depth_window,
                         const struct wi_depth_window_sample *sample)
{
    uint32_t at = depth_window->n_samples % WI_DEPTH_WINDOW_SAMPLES;
    depth_window_step(depth_window, sample->nanos, sample->depth);
    depth_window->n_moves += depth_window->n_samples > 0 && sample->gone != depth_window->gone;
    bool was_empty = depth_window->n_samples == 0 || depth_window_depth(depth_window, 0) == 0;
    if (was_empty || sample->gone != depth_window->gone || sample->depth == 0) {
        uint64_t rest = wi_depth_window_stalled(depth_window);
        depth_window->longest_rest =
            rest > depth_window->longest_rest ? rest : depth_window->longest_rest;
        depth_window->gone_since = sample->nanos;
        depth_window->gone = sample->gone;
    }
    depth_window->at[at] = sample->nanos;
    depth_window->depth[at] = sample->depth;
    depth_window->bytes[at] = sample->bytes;
    depth_window->n_samples++;
    wi_minute_window_add(&depth_window->minute_window, sample->nanos, (double)sample->depth,
                         (double)sample->bytes);
    bool is_slow = depth_window_grows_slowly(depth_window);
    switch (depth_window->phase) {
    case WI_DEPTH_WINDOW_QUIET:
        depth_window->phase = depth_window_quiet(depth_window, is_slow);
        break;
    case WI_DEPTH_WINDOW_GROWING:
        depth_window->phase = depth_window_growing(depth_window, is_slow);
        break;
    case WI_DEPTH_WINDOW_SETTLING:
        depth_window->phase = depth_window_settling(depth_window);
        break;
    }
    depth_window->peak = sample->depth > depth_window->peak ? sample->depth : depth_window->peak;
}

uint64_t wi_depth_window_floor(const struct wi_depth_window *depth_window)
{
    uint64_t floor, ignored;
    uint32_t n = depth_window_n(depth_window);
    depth_window_range(depth_window, 0, n < DEPTH_WINDOW_RECENT ? n : DEPTH_WINDOW_RECENT, &floor,
                       &ignored);
    return n > 0 ? floor : 0;
}

bool wi_depth_window_is_above_all(const struct wi_depth_window *depth_window)
{
    return (double)wi_depth_window_floor(depth_window) >
           depth_window->ceiling + depth_window->ceiling / DEPTH_WINDOW_ABOVE;
}

double wi_depth_window_slope(const struct wi_depth_window *depth_window)
{
    uint32_t n = depth_window_n(depth_window);
    uint32_t back = 1;
    /* Samples from before the end of growth say nothing about how fast it drains. */
    while (back < n && back < 2 * DEPTH_WINDOW_RECENT &&
           (depth_window->phase != WI_DEPTH_WINDOW_SETTLING || back < 2 ||
            depth_window_at(depth_window, back) >= depth_window->settling_since)) {
        back++;
    }
    if (back < 2 || depth_window_at(depth_window, 0) <= depth_window_at(depth_window, back - 1)) {
        return 0;
    }
    double seconds =
        (double)(depth_window_at(depth_window, 0) - depth_window_at(depth_window, back - 1)) / 1e9;
    return ((double)depth_window_depth(depth_window, 0) -
            (double)depth_window_depth(depth_window, back - 1)) /
           seconds;
}

uint64_t wi_depth_window_stalled(const struct wi_depth_window *depth_window)
{
    return depth_window->n_samples ? depth_window_at(depth_window, 0) - depth_window->gone_since
                                   : 0;
}
