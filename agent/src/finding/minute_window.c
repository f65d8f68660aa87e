/* SPDX-License-Identifier: MIT */
/* Minutes, and whether recent minutes lie above earlier ones. */
#include "finding/minute_window.h"

void wi_minute_window_add(struct wi_minute_window *minute_window, uint64_t now_nanos, double value,
                          double bytes)
{
    float level = (float)value;
    if (minute_window->is_begun && now_nanos - minute_window->began >= WI_MINUTE_WINDOW_MINUTE) {
        minute_window->minute[minute_window->n++ % WI_MINUTE_WINDOW_MINUTES] = minute_window->now;
        minute_window->is_begun = false;
    }
    if (!minute_window->is_begun) {
        minute_window->is_begun = true;
        minute_window->began = now_nanos;
        minute_window->now.low = level;
        minute_window->now.high = level;
    }
    minute_window->now.low = level < minute_window->now.low ? level : minute_window->now.low;
    minute_window->now.high = level > minute_window->now.high ? level : minute_window->now.high;
    minute_window->now.last = level;
    minute_window->now.bytes = (float)bytes;
    minute_window->now.ended = now_nanos;
}

uint32_t wi_minute_window_count(const struct wi_minute_window *minute_window)
{
    return minute_window->n < WI_MINUTE_WINDOW_MINUTES ? minute_window->n
                                                       : WI_MINUTE_WINDOW_MINUTES;
}

const struct wi_minute_window_minute *wi_minute_window_at(
    const struct wi_minute_window *minute_window, uint32_t ago)
{
    return &minute_window->minute[(minute_window->n - 1 - ago) % WI_MINUTE_WINDOW_MINUTES];
}

void wi_minute_window_range(const struct wi_minute_window *minute_window, uint32_t ago, uint32_t n,
                            double *ret_low, double *ret_high)
{
    *ret_low = (double)wi_minute_window_at(minute_window, ago)->low;
    *ret_high = (double)wi_minute_window_at(minute_window, ago)->high;
    for (uint32_t i = ago; i < ago + n; i++) {
        const struct wi_minute_window_minute *minute = wi_minute_window_at(minute_window, i);
        *ret_low = (double)minute->low < *ret_low ? (double)minute->low : *ret_low;
        *ret_high = (double)minute->high > *ret_high ? (double)minute->high : *ret_high;
    }
}

double wi_minute_window_ceiling(const struct wi_minute_window *minute_window, uint64_t by_nanos)
{
    double ceiling = 0;
    for (uint32_t i = 0; i < wi_minute_window_count(minute_window); i++) {
        const struct wi_minute_window_minute *minute = wi_minute_window_at(minute_window, i);
        if (minute->ended <= by_nanos && (double)minute->high > ceiling) {
            ceiling = (double)minute->high;
        }
    }
    return ceiling;
}

bool wi_minute_window_rises(const struct wi_minute_window *minute_window, uint32_t recent,
                            uint32_t gap, uint32_t least)
{
    uint32_t n = wi_minute_window_count(minute_window);
    uint32_t half = recent / 2;
    double floor, ceiling, ignored, early, late;
    if (n < recent + gap + least) {
        return false;
    }
    wi_minute_window_range(minute_window, 0, recent, &floor, &ignored);
    wi_minute_window_range(minute_window, recent + gap, n - recent - gap, &ignored, &ceiling);
    wi_minute_window_range(minute_window, 0, half, &late, &ignored);
    wi_minute_window_range(minute_window, half, recent - half, &early, &ignored);
    return floor > ceiling && late > early;
}
