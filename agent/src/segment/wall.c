/* SPDX-License-Identifier: MIT */
/* The wall clock against the kernel's clock. */
#include "weir/wall.h"

#include "weir/nanos.h"

#include <unistd.h>

#define WALL_SECOND INT64_C(1000000000)
#define WALL_MOST   (INT64_C(100) * 366 * 86400 * WALL_SECOND) /* a file may hold any value */

int64_t wi_wall_now(void)
{
    return (int64_t)wi_nanos(CLOCK_REALTIME);
}

int64_t wi_wall_since_boot(void)
{
    return (int64_t)wi_nanos(CLOCK_BOOTTIME);
}

int64_t wi_wall_ahead(void)
{
    return wi_wall_now() - wi_wall_since_boot();
}

int64_t wi_wall_started(uint64_t start_ticks)
{
    long hertz = sysconf(_SC_CLK_TCK);
    uint64_t tick = (uint64_t)WALL_SECOND / (uint64_t)(hertz > 0 ? hertz : 100);
    int64_t since_boot = wi_wall_since_boot();
    int64_t started =
        start_ticks <= (uint64_t)since_boot / tick ? (int64_t)(start_ticks * tick) : since_boot;
    return wi_wall_ahead() + started;
}

int64_t wi_wall_shifted(int64_t nanos, int64_t step)
{
    return nanos > 0 && nanos < INT64_MAX - WALL_MOST ? nanos + step : nanos;
}

int64_t wi_wall_step(int64_t started_unix_nanos, uint64_t start_ticks)
{
    int64_t started = wi_wall_started(start_ticks);
    if (start_ticks == 0 || started_unix_nanos <= 0 || started <= 0) {
        return 0;
    }
    int64_t step = started - started_unix_nanos;
    int64_t size = step < 0 ? -step : step;
    return size < WALL_SECOND || size > WALL_MOST ? 0 : step;
}
