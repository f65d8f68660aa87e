/* SPDX-License-Identifier: MIT */
/*
 * The time of a stream: the wall clock when it began, plus the progress of the monotonic clock. So
 * times and durations in it agree, even if the wall clock is set meanwhile.
 */
#ifndef WI_SESSION_CLOCK_H
#define WI_SESSION_CLOCK_H

#include "snapshot/process_view.h"

struct wi_clock {
    bool is_set;
    int64_t unix_nanos; /* the monotonic clock at `since` */
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
