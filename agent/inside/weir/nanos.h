/* SPDX-License-Identifier: MIT */
/*
 * A clock of the kernel in nanoseconds, for all but the hooks' own (hook/clock.h): CLOCK_MONOTONIC for
 * durations and deadlines, CLOCK_REALTIME for dates, CLOCK_THREAD_CPUTIME_ID for what a thread has
 * spent. Any thread; safe in signal handlers. A clock that the kernel does not have stands at 0.
 */
#ifndef WI_NANOS_H
#define WI_NANOS_H

#include <stdint.h>
#include <time.h>

#define WI_SECOND UINT64_C(1000000000)

static inline uint64_t wi_nanos(clockid_t clock)
{
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * WI_SECOND + (uint64_t)now.tv_nsec;
}

#endif
