/* SPDX-License-Identifier: MIT */
/*
 * When a queue grows. Of a leak it is true that its lowest depth of late lies above its highest
 * depth before; of bursts that are worked off it is not, however high they go. Three looks at that:
 *
 *   fast   the last 4 seconds against the 27 before them, once there are 3 of those: a leak
 *          is named after about 7 s;
 *   steady 12 seconds in which it rose each time: a leak that begins again below an old peak;
 *   slow   the last half minute against the half before it, in steps of 5 s: a small leak under
 *          noise.
 */
#include "finding/trail.h"

#include <string.h>

#define TRAIL_SECOND       UINT64_C(1000000000)
#define TRAIL_RECENT       4U
#define TRAIL_EARLIER      3U
#define TRAIL_FAST         32U /* looks that the fast and the steady look at */
#define TRAIL_STEADY       12U
#define TRAIL_STEP         (5 * TRAIL_SECOND)
#define TRAIL_LEAST_GROWTH 16U /* messages: below it is nobody's trouble */
#define TRAIL_ABOVE        4   /* a sawtooth's teeth are not all of one height */
#define TRAIL_SETTLE       (60 * TRAIL_SECOND)

/* The depth `ago` looks before the newest; the caller knows that it is there. */
static uint64_t trail_depth(const struct wi_trail *trail, uint32_t ago)
{
    return trail->depth[(trail->n_samples - 1 - ago) % WI_TRAIL_SAMPLES];
}

static uint64_t trail_at(const struct wi_trail *trail, uint32_t ago)
{
    return trail->at[(trail->n_samples - 1 - ago) % WI_TRAIL_SAMPLES];
}

uint32_t wi_trail_count(const struct wi_trail *trail)
{
    return trail->n_samples < WI_TRAIL_SAMPLES ? trail->n_samples : WI_TRAIL_SAMPLES;
}

struct wi_trail_look wi_trail_at(const struct wi_trail *trail, uint32_t ago)
{
    uint32_t at = (trail->n_samples - 1 - ago) % WI_TRAIL_SAMPLES;
    return (struct wi_trail_look){.nanos = trail->at[at],
                                  .depth = trail->depth[at],
                                  .bytes = trail->bytes[at],
                                  .gone = trail->gone};
}

static uint32_t trail_n(const struct wi_trail *trail)
{
    return trail->n_samples < TRAIL_FAST ? trail->n_samples : TRAIL_FAST;
}

static void trail_range(const struct wi_trail *trail, uint32_t from, uint32_t to, uint64_t *ret_low,
                        uint64_t *ret_high)
{
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    for (uint32_t i = from; i < to; i++) {
        uint64_t depth = trail_depth(trail, i);
        low = depth < low ? depth : low;
        high = depth > high ? depth : high;
    }
    *ret_low = low;
    *ret_high = high;
}

/* Whether the last few looks have brought anything on top. */
static bool trail_rises(const struct wi_trail *trail)
{
    uint32_t n = trail_n(trail);
    return n > TRAIL_RECENT && trail_depth(trail, 0) > trail_depth(trail, TRAIL_RECENT - 1);
}

static bool trail_grows_fast(const struct wi_trail *trail)
{
    uint32_t n = trail_n(trail);
    uint64_t floor, ceiling, ignored;
    if (n < TRAIL_RECENT + TRAIL_EARLIER) {
        return false;
    }
    trail_range(trail, 0, TRAIL_RECENT, &floor, &ignored);
    trail_range(trail, TRAIL_RECENT, n, &ignored, &ceiling);
    /* Noise now and then stays above all before it, but not by much. */
    return floor > ceiling && floor - ceiling >= ceiling / 8 &&
           trail_depth(trail, 0) - ceiling >= TRAIL_LEAST_GROWTH;
}

static bool trail_grows_steadily(const struct wi_trail *trail)
{
    if (trail_n(trail) < TRAIL_STEADY) {
        return false;
    }
    for (uint32_t i = 0; i + 1 < TRAIL_STEADY; i++) {
        if (trail_depth(trail, i) <= trail_depth(trail, i + 1)) {
            return false;
        }
    }
    return trail_depth(trail, 0) - trail_depth(trail, TRAIL_STEADY - 1) >= TRAIL_LEAST_GROWTH;
}

static bool trail_grows_slowly(const struct wi_trail *trail)
{
    uint64_t floor = UINT64_MAX;
    uint64_t ceiling = 0;
    if (trail->n_steps < WI_TRAIL_STEPS) {
        return false;
    }
    for (uint32_t i = 0; i < WI_TRAIL_STEPS; i++) {
        uint32_t at = (trail->n_steps + i) % WI_TRAIL_STEPS; /* the oldest first */
        if (i < WI_TRAIL_STEPS / 2) {
            ceiling = trail->step[at].high > ceiling ? trail->step[at].high : ceiling;
        } else {
            floor = trail->step[at].low < floor ? trail->step[at].low : floor;
        }
    }
    /* Growth that has ended, or turned, is none, however far it went. */
    uint32_t newest = (trail->n_steps - 1) % WI_TRAIL_STEPS;
    uint32_t before = (trail->n_steps - 3) % WI_TRAIL_STEPS;
    return floor > ceiling && floor - ceiling >= TRAIL_LEAST_GROWTH &&
           trail->step[newest].low > trail->step[before].low &&
           trail_depth(trail, 0) >= trail->step[newest].low;
}

/* When the depth was last at its lowest: growth began there, under all that was before. */
static void trail_begin(struct wi_trail *trail)
{
    uint32_t n = trail_n(trail);
    uint32_t lowest = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (trail_depth(trail, i) < trail_depth(trail, lowest)) {
            lowest = i;
        }
    }
    trail->growing_since = trail_at(trail, lowest);
    trail->peak = trail_depth(trail, 0);
    trail->ceiling = wi_tide_ceiling(&trail->tide, trail->growing_since);
    for (uint32_t i = lowest; i < wi_trail_count(trail); i++) {
        double depth = (double)trail_depth(trail, i);
        trail->ceiling = depth > trail->ceiling ? depth : trail->ceiling;
    }
}

static enum wi_trail_phase trail_quiet(struct wi_trail *trail, bool is_slow)
{
    bool is_fast = trail_rises(trail) && (trail_grows_fast(trail) || trail_grows_steadily(trail));
    if (!is_fast && !is_slow) {
        return WI_TRAIL_QUIET;
    }
    trail_begin(trail);
    return WI_TRAIL_GROWING;
}

static enum wi_trail_phase trail_growing(struct wi_trail *trail, bool is_slow)
{
    if (trail_rises(trail) || is_slow) {
        return WI_TRAIL_GROWING;
    }
    trail->settling_since = trail_at(trail, 0);
    return WI_TRAIL_SETTLING;
}

static enum wi_trail_phase trail_settling(struct wi_trail *trail)
{
    uint64_t depth = trail_depth(trail, 0);
    bool is_past =
        depth <= trail->peak / 10 || trail_at(trail, 0) - trail->settling_since >= TRAIL_SETTLE;
    if (trail_rises(trail) && (depth > trail->peak || trail_grows_steadily(trail))) {
        return WI_TRAIL_GROWING;
    }
    return is_past ? WI_TRAIL_QUIET : WI_TRAIL_SETTLING;
}

/* Adds to the coarse steps. */
static void trail_step(struct wi_trail *trail, uint64_t now, uint64_t depth)
{
    bool is_done = trail->n_samples > 0 && now - trail->step_began >= TRAIL_STEP;
    if (is_done) {
        trail->step[trail->n_steps % WI_TRAIL_STEPS].low = trail->now.low;
        trail->step[trail->n_steps % WI_TRAIL_STEPS].high = trail->now.high;
        trail->n_steps++;
    }
    if (is_done || trail->n_samples == 0) {
        trail->step_began = now;
        trail->now.low = depth;
        trail->now.high = depth;
    }
    trail->now.low = depth < trail->now.low ? depth : trail->now.low;
    trail->now.high = depth > trail->now.high ? depth : trail->now.high;
}

void wi_trail_add(struct wi_trail *trail, const struct wi_trail_look *look)
{
    uint32_t at = trail->n_samples % WI_TRAIL_SAMPLES;
    trail_step(trail, look->nanos, look->depth);
    trail->n_moves += trail->n_samples > 0 && look->gone != trail->gone;
    bool was_empty = trail->n_samples == 0 || trail_depth(trail, 0) == 0;
    if (was_empty || look->gone != trail->gone || look->depth == 0) {
        uint64_t rest = wi_trail_stalled(trail);
        trail->longest_rest = rest > trail->longest_rest ? rest : trail->longest_rest;
        trail->gone_since = look->nanos;
        trail->gone = look->gone;
    }
    trail->at[at] = look->nanos;
    trail->depth[at] = look->depth;
    trail->bytes[at] = look->bytes;
    trail->n_samples++;
    wi_tide_add(&trail->tide, look->nanos, (double)look->depth, (double)look->bytes);
    bool is_slow = trail_grows_slowly(trail);
    switch (trail->phase) {
    case WI_TRAIL_QUIET:
        trail->phase = trail_quiet(trail, is_slow);
        break;
    case WI_TRAIL_GROWING:
        trail->phase = trail_growing(trail, is_slow);
        break;
    case WI_TRAIL_SETTLING:
        trail->phase = trail_settling(trail);
        break;
    }
    trail->peak = look->depth > trail->peak ? look->depth : trail->peak;
}

uint64_t wi_trail_floor(const struct wi_trail *trail)
{
    uint64_t floor, ignored;
    uint32_t n = trail_n(trail);
    trail_range(trail, 0, n < TRAIL_RECENT ? n : TRAIL_RECENT, &floor, &ignored);
    return n > 0 ? floor : 0;
}

bool wi_trail_is_above_all(const struct wi_trail *trail)
{
    return (double)wi_trail_floor(trail) > trail->ceiling + trail->ceiling / TRAIL_ABOVE;
}

double wi_trail_slope(const struct wi_trail *trail)
{
    uint32_t n = trail_n(trail);
    uint32_t back = 1;
    /* What was before the growth ended says nothing of how it drains. */
    while (back < n && back < 2 * TRAIL_RECENT &&
           (trail->phase != WI_TRAIL_SETTLING || back < 2 ||
            trail_at(trail, back) >= trail->settling_since)) {
        back++;
    }
    if (back < 2 || trail_at(trail, 0) <= trail_at(trail, back - 1)) {
        return 0;
    }
    double seconds = (double)(trail_at(trail, 0) - trail_at(trail, back - 1)) / 1e9;
    return ((double)trail_depth(trail, 0) - (double)trail_depth(trail, back - 1)) / seconds;
}

uint64_t wi_trail_stalled(const struct wi_trail *trail)
{
    return trail->n_samples ? trail_at(trail, 0) - trail->gone_since : 0;
}
