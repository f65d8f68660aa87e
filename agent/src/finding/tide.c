/* SPDX-License-Identifier: MIT */
/* Minutes, and whether each lies above what was before. */
#include "finding/tide.h"

void wi_tide_add(struct wi_tide *tide, uint64_t now_nanos, double value, double bytes)
{
    float level = (float)value;
    if (tide->is_begun && now_nanos - tide->began >= WI_TIDE_MINUTE) {
        tide->minute[tide->n++ % WI_TIDE_MINUTES] = tide->now;
        tide->is_begun = false;
    }
    if (!tide->is_begun) {
        tide->is_begun = true;
        tide->began = now_nanos;
        tide->now.low = level;
        tide->now.high = level;
    }
    tide->now.low = level < tide->now.low ? level : tide->now.low;
    tide->now.high = level > tide->now.high ? level : tide->now.high;
    tide->now.last = level;
    tide->now.bytes = (float)bytes;
    tide->now.ended = now_nanos;
}

uint32_t wi_tide_count(const struct wi_tide *tide)
{
    return tide->n < WI_TIDE_MINUTES ? tide->n : WI_TIDE_MINUTES;
}

const struct wi_tide_minute *wi_tide_at(const struct wi_tide *tide, uint32_t ago)
{
    return &tide->minute[(tide->n - 1 - ago) % WI_TIDE_MINUTES];
}

void wi_tide_range(const struct wi_tide *tide, uint32_t ago, uint32_t n, double *ret_low,
                   double *ret_high)
{
    *ret_low = (double)wi_tide_at(tide, ago)->low;
    *ret_high = (double)wi_tide_at(tide, ago)->high;
    for (uint32_t i = ago; i < ago + n; i++) {
        const struct wi_tide_minute *minute = wi_tide_at(tide, i);
        *ret_low = (double)minute->low < *ret_low ? (double)minute->low : *ret_low;
        *ret_high = (double)minute->high > *ret_high ? (double)minute->high : *ret_high;
    }
}

double wi_tide_ceiling(const struct wi_tide *tide, uint64_t by_nanos)
{
    double ceiling = 0;
    for (uint32_t i = 0; i < wi_tide_count(tide); i++) {
        const struct wi_tide_minute *minute = wi_tide_at(tide, i);
        if (minute->ended <= by_nanos && (double)minute->high > ceiling) {
            ceiling = (double)minute->high;
        }
    }
    return ceiling;
}

bool wi_tide_rises(const struct wi_tide *tide, uint32_t recent, uint32_t gap, uint32_t least)
{
    uint32_t n = wi_tide_count(tide);
    uint32_t half = recent / 2;
    double floor, ceiling, ignored, early, late;
    if (n < recent + gap + least) {
        return false;
    }
    wi_tide_range(tide, 0, recent, &floor, &ignored);
    wi_tide_range(tide, recent + gap, n - recent - gap, &ignored, &ceiling);
    wi_tide_range(tide, 0, half, &late, &ignored);
    wi_tide_range(tide, half, recent - half, &early, &ignored);
    return floor > ceiling && late > early;
}
