/* SPDX-License-Identifier: MIT */
/*
 * The time of a stream: that of the wall when it began, and from then on as far as the monotonic clock has
 * gone. So times and durations in it fit each other, also where the wall's clock is set meanwhile.
 */
#ifndef WI_SESSION_CLOCK_H
#define WI_SESSION_CLOCK_H

#include "snapshot/process_view.h"

struct wi_clock {
    bool is_set;
    int64_t unix_nanos; /* when the monotonic clock stood at `since` */
    uint64_t since;
};

/* The time of the process view's last refresh, in nanoseconds of Unix; never below that of the first call. */
static inline int64_t wi_clock_now(struct wi_clock *clock, const struct wi_process_view *view)
{
    uint64_t monotonic = wi_process_view_monotonic_nanos(view);
    if (!clock->is_set) {
        clock->is_set = true;
        clock->unix_nanos = wi_process_view_unix_nanos(view);
        clock->since = monotonic;
    }
    return clock->unix_nanos + (monotonic > clock->since ? (int64_t)(monotonic - clock->since) : 0);
}

#endif
