/* SPDX-License-Identifier: MIT */
/*
 * The last hour of one number by minutes: how low and how high it went in each, and where it stood at the
 * end. Pure: time is given. Of a past that was not watched second by second (a history's minutes)
 * each minute has one look.
 */
#ifndef WI_FINDING_TIDE_H
#define WI_FINDING_TIDE_H

#include <stdbool.h>
#include <stdint.h>

#define WI_TIDE_MINUTES 64
#define WI_TIDE_MINUTE  UINT64_C(60000000000)

/* float: seven digits are enough to compare levels by. */
struct wi_tide_minute {
    uint64_t ended; /* nanoseconds */
    float low, high, last;
    float bytes; /* at the end */
};

struct wi_tide {
    uint32_t n; /* minutes ever finished; the newest is (n - 1) % MINUTES */
    bool is_begun;
    uint64_t began;
    struct wi_tide_minute now; /* being filled */
    struct wi_tide_minute minute[WI_TIDE_MINUTES];
};

/* Adds a look; later ones come after earlier ones. */
void wi_tide_add(struct wi_tide *tide, uint64_t now_nanos, double value, double bytes);

/* How many finished minutes there are, and the one `ago` before the newest. */
uint32_t wi_tide_count(const struct wi_tide *tide);
const struct wi_tide_minute *wi_tide_at(const struct wi_tide *tide, uint32_t ago);

/* The lowest and highest of the `n` minutes that end `ago` before the newest. The caller knows that
 * they are there. */
void wi_tide_range(const struct wi_tide *tide, uint32_t ago, uint32_t n, double *ret_low,
                   double *ret_high);

/* The highest of all minutes that had ended by then; 0 when there is none. */
double wi_tide_ceiling(const struct wi_tide *tide, uint64_t by_nanos);

/*
 * Growth that no fall has answered: the lowest of the `recent` last minutes lies above the highest of
 * all that ended `gap` minutes before those, of which there are at least `least`; and the later half
 * of the recent above the earlier. What comes and goes within `least` minutes is not that.
 */
bool wi_tide_rises(const struct wi_tide *tide, uint32_t recent, uint32_t gap, uint32_t least);

/* The rule for what may take its time: half an hour is known, and 15 minutes of it are before. */
static inline bool wi_tide_grows(const struct wi_tide *tide)
{
    return wi_tide_rises(tide, 10, 5, 15);
}

#endif
