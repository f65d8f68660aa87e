/* SPDX-License-Identifier: MIT */
/*
 * A clock of the kernel in nanoseconds, for all code but the hooks (hook/clock.h): CLOCK_MONOTONIC
 * for durations and deadlines, CLOCK_REALTIME for dates, CLOCK_THREAD_CPUTIME_ID for the processor
 * time of a thread. Any thread; safe in signal handlers. A clock that the kernel does not have
 * returns 0.
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

/* Seconds as nanoseconds, the nearest: 0 for what is negative or no number, UINT64_MAX for more than fits (584
 * years), which a corrupt file may ask for. */
static inline uint64_t wi_nanos_of(double seconds)
{
    if (!(seconds > 0)) {
        return 0;
    }
    return seconds < 18446744073.0 ? (uint64_t)(seconds * 1e9 + 0.5) : UINT64_MAX;
}

#endif
