/* SPDX-License-Identifier: MIT */
/*
 * The wall clock, which may be set while a process runs. Times in a segment are by the clock as it stood when
 * the segment was opened. The kernel's clock since the boot is never set: it tells a reader how far the wall
 * clock has been set since. Nanoseconds since the epoch; any thread; no state.
 */
#ifndef WI_WALL_H
#define WI_WALL_H

#include <stdint.h>

/* CLOCK_REALTIME, CLOCK_BOOTTIME and how far the first is ahead. */
int64_t wi_wall_now(void);
int64_t wi_wall_since_boot(void);
int64_t wi_wall_ahead(void);

/* When a process began, by the clock as it stands now. `start_ticks`: field 22 of /proc/PID/stat. */
int64_t wi_wall_started(uint64_t start_ticks);

/* The correction of the times in a living process's segment, which says that the process began at
 * started_unix_nanos. 0 when it cannot be known, and below a second: clocks that are kept right are
 * slowed and hurried all the time, and a time that was shown should stay. */
int64_t wi_wall_step(int64_t started_unix_nanos, uint64_t start_ticks);

/* A time that such a segment tells, so corrected. */
int64_t wi_wall_shifted(int64_t nanos, int64_t step);

#endif
