/* SPDX-License-Identifier: MIT */
/*
 * The last hour of one number by minutes: the lowest, the highest and the last value of each. Pure:
 * the caller passes the time. A past that was not sampled each second (a history's minutes) has one
 * sample a minute. No allocation, no failure; one thread at a time.
 */
#ifndef WI_FINDING_MINUTE_WINDOW_H
#define WI_FINDING_MINUTE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WI_MINUTE_WINDOW_MINUTES 64
#define WI_MINUTE_WINDOW_MINUTE  UINT64_C(60000000000)

/* float: seven digits are enough to compare levels by. */
struct wi_minute_window_minute {
    uint64_t ended; /* nanoseconds */
    float low, high, last;
    float bytes; /* at the end */
};

struct wi_minute_window {
    uint32_t n; /* minutes ever finished; the newest is (n - 1) % MINUTES */
    bool is_begun;
    uint64_t began;
    struct wi_minute_window_minute now; /* being filled */
    struct wi_minute_window_minute minute[WI_MINUTE_WINDOW_MINUTES];
};

/* Adds a sample; later ones come after earlier ones. */
void wi_minute_window_add(struct wi_minute_window *minute_window, uint64_t now_nanos, double value,
                          double bytes);

/* How many finished minutes there are, and the one `ago` before the newest. */
uint32_t wi_minute_window_count(const struct wi_minute_window *minute_window);
const struct wi_minute_window_minute *wi_minute_window_at(
    const struct wi_minute_window *minute_window, uint32_t ago);

/* The lowest and highest value of the `n` minutes that end `ago` before the newest. The caller
 * knows that these minutes exist. */
void wi_minute_window_range(const struct wi_minute_window *minute_window, uint32_t ago, uint32_t n,
                            double *ret_low, double *ret_high);

/* The highest of all minutes that had ended by then; 0 when there is none. */
double wi_minute_window_ceiling(const struct wi_minute_window *minute_window, uint64_t by_nanos);

/*
 * Growth without a fall: the lowest value of the `recent` last minutes lies above the highest of
 * all minutes that ended `gap` minutes before those, of which there are at least `least`; and the
 * later half of the recent minutes lies above the earlier half. A number that comes and goes within
 * `least` minutes does not grow in this sense.
 */
bool wi_minute_window_rises(const struct wi_minute_window *minute_window, uint32_t recent,
                            uint32_t gap, uint32_t least);

/* The rule for slow growth: half an hour is known, and 15 minutes of it come before. */
static inline bool wi_minute_window_grows(const struct wi_minute_window *minute_window)
{
    return wi_minute_window_rises(minute_window, 10, 5, 15);
}

#endif
