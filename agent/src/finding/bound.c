/* SPDX-License-Identifier: MIT */
/* How near to its bound a row is, and when it will reach it: a channel's capacity, or a gauge's. */
#include "finding/state.h"

#include "weir/nanos.h"

#define BOUND_FAR  3600.0 /* seconds: a bound that is reached later is not worth a remark */
#define BOUND_SOON 60.0   /* and one that is reached before is a warning */

uint32_t wi_bound_samples(const struct finding_watch_state *watch, double full, uint64_t *ret_since)
{
    uint32_t n = 0;
    while (n < wi_depth_window_count(&watch->depth_window)) {
        struct wi_depth_window_sample sample = wi_depth_window_at(&watch->depth_window, n);
        if ((double)sample.depth < full) {
            break;
        }
        *ret_since = sample.nanos;
        n++;
    }
    return n;
}

double wi_bound_full_in(const struct finding_watch_state *watch)
{
    double slope = wi_depth_window_slope(&watch->depth_window);
    double left = (double)watch->capacity - (double)watch->depth;
    bool fills = watch->depth_window.phase == WI_DEPTH_WINDOW_GROWING && slope > 0 && left > 0;
    return fills && left / slope <= BOUND_FAR ? left / slope : NAN;
}

bool wi_bound_is_soon(const struct finding_watch_state *watch)
{
    return wi_bound_full_in(watch) <= BOUND_SOON &&
           wi_depth_window_is_above_all(&watch->depth_window);
}

void wi_bound_write_full_in(struct finding_entry *entry, const struct finding_watch_state *watch)
{
    char span[WI_WORDS_MAX];
    double seconds = wi_bound_full_in(watch);
    if (isfinite(seconds)) {
        wi_entry_write(entry->estimate, "full in about %s",
                       wi_words_duration(span, wi_nanos_of(seconds)));
        finding_put(entry, WI_WARNING_FULL_IN, seconds);
    }
}
