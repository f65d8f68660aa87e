/* SPDX-License-Identifier: MIT */
/*
 * The wall clock, which may be set while a process runs. Times in a segment are by the wall clock
 * as it was when the segment was opened. The kernel's clock since boot is never set; by it a reader
 * knows how far the wall clock has been set since. Nanoseconds since the epoch; any thread; no
 * state.
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

/* The correction of the times in a living process's segment, which has started_unix_nanos as the
 * start of the process. 0 when it cannot be known, and when it is below a second: NTP adjusts
 * clocks all the time, and a time that was shown should stay. */
int64_t wi_wall_step(int64_t started_unix_nanos, uint64_t start_ticks);

/* A time of such a segment, corrected. */
int64_t wi_wall_shifted(int64_t nanos, int64_t step);

#endif
