/* SPDX-License-Identifier: MIT */
/*
 * Times a few variants of something against each other. Every round runs every variant once, in
 * turn, so that noise and clock changes of the machine meet all alike; what is printed are medians
 * and minima over the rounds, and the median of the rounds' own ratios to the baseline.
 *
 * A variant that is one short loop is reported without the cost of the loop itself: the case named
 * `loop`, if there is one, is taken off in each round.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_MAX_CASES 32

struct bench_case {
    const char *name;
    void (*run)(uint64_t n); /* does the thing n times */
    const char *baseline;    /* name of another case; NULL: none */
    unsigned divisor;        /* things done per iteration; 0: 1 */
    int is_bare;             /* take the loop's cost off */
    int is_cpu;              /* processor time of all threads, not time on the wall */
};

/* Runs the cases and prints a JSON line for each. `n` iterations a round; n_rounds at most 101. The
 * environment's BENCH_ROUNDS overrides the number of rounds. */
void bench_run(const struct bench_case *cases, size_t n_cases, const char *loop, uint64_t n,
               unsigned n_rounds);

/* Prints one line that is no time: {"name":..., "value":..., "unit":...}. */
void bench_print_value(const char *name, double value, const char *unit);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_now(void);

/* The compiler cannot know what the pointer is after this. */
#define BENCH_HIDE(pointer) __asm__ volatile("" : "+r"(pointer))

#endif
