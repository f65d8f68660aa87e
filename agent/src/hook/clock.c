/* SPDX-License-Identifier: MIT */
/*
 * Ticks and their rate. A first measurement of 2 ms has an error of about 2e-5. The sampler's slow
 * path then measures again over the whole time since the start, so that the error falls with time.
 */
#include "hook/clock.h"

#include "segment/file.h"
#include "weir/atomic.h"
#include "weir/nanos.h"
#include "segment/segment.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

struct weir_clock weir_clock = {UINT64_C(1) << 32, 0, 0};

uint64_t weir_ticks_slow(void)
{
    return wi_nanos(CLOCK_MONOTONIC);
}

#if defined(__x86_64__)
static struct {
    uint64_t nanos, ticks; /* a pair read together at the start */
    uint64_t refined;      /* ticks of the last measurement; atomic */
} clock_origin;

static bool clock_has_tsc(void)
{
    unsigned a, b, c, d;
    char source[32];
    bool is_invariant = __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1U << 8));
    return is_invariant &&
           wi_file_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                        sizeof(source)) > 0 &&
           strncmp(source, "tsc", 3) == 0;
}

/* Both clocks at one moment: of several tries, the one that took least time. */
static void clock_pair(uint64_t *ret_nanos, uint64_t *ret_ticks)
{
    uint64_t best = UINT64_MAX;
    *ret_nanos = *ret_ticks = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t before = __builtin_ia32_rdtsc();
        uint64_t nanos = wi_nanos(CLOCK_MONOTONIC);
        uint64_t after = __builtin_ia32_rdtsc();
        if (after - before < best) {
            best = after - before;
            *ret_nanos = nanos;
            *ret_ticks = before + (after - before) / 2;
        }
    }
}

static void clock_measure(void)
{
    uint64_t nanos;
    uint64_t ticks;
    clock_pair(&nanos, &ticks);
    __extension__ typedef unsigned __int128 wide;
    if (ticks > clock_origin.ticks && nanos > clock_origin.nanos) {
        uint64_t multiplier =
            (uint64_t)(((wide)(nanos - clock_origin.nanos) << 32) / (ticks - clock_origin.ticks));
        wi_store_relaxed(&weir_clock.multiplier, multiplier);
        if (wi_segment_counts()) { /* for readers in other processes */
            wi_store_relaxed(&wi_segment_header()->multiplier, multiplier);
        }
    }
}
#endif

void wi_clock_start(void)
{
#if defined(__x86_64__)
    if (!clock_has_tsc()) {
        return;
    }
    clock_pair(&clock_origin.nanos, &clock_origin.ticks);
    while (wi_nanos(CLOCK_MONOTONIC) - clock_origin.nanos < 2000000) {
    }
    clock_measure();
    clock_origin.refined = clock_origin.ticks;
    weir_clock.has_tsc = 1;
#endif
}

uint64_t wi_clock_ticks_of(uint64_t nanos)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)nanos << 32) / wi_load_relaxed(&weir_clock.multiplier));
}

void wi_clock_refine(uint64_t ticks)
{
#if defined(__x86_64__)
    if (!weir_clock.has_tsc) {
        return;
    }
    uint64_t last = wi_load_relaxed(&clock_origin.refined);
    if (ticks - last > UINT64_C(1) << 32 &&
        wi_replace_relaxed(&clock_origin.refined, &last, ticks)) {
        clock_measure();
    }
#else
    (void)ticks;
#endif
}
