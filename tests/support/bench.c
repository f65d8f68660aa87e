/* SPDX-License-Identifier: MIT */
/* Interleaved rounds, medians and JSON lines for the benchmarks. */
#include "bench.h"

#include "weir/nanos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 101

uint64_t bench_now(void)
{
    return wi_nanos(CLOCK_MONOTONIC);
}

void bench_print_value(const char *name, double value, const char *unit)
{
    printf("{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", name, value, unit);
    fflush(stdout);
}

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double bench_median(const double *values, unsigned n)
{
    double sorted[MAX_ROUNDS];
    memcpy(sorted, values, n * sizeof(values[0]));
    qsort(sorted, n, sizeof(sorted[0]), bench_compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double bench_min(const double *values, unsigned n)
{
    double least = values[0];
    for (unsigned i = 1; i < n; i++) {
        least = values[i] < least ? values[i] : least;
    }
    return least;
}

static size_t bench_find(const struct bench_case *cases, size_t n_cases, const char *name)
{
    for (size_t i = 0; name && i < n_cases; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            return i;
        }
    }
    return n_cases;
}

static void bench_print(const struct bench_case *bench, const double *times, double least,
                        const double *baseline, unsigned n_rounds)
{
    printf("{\"name\":\"%s\",\"ns_median\":%.3f,\"ns_min\":%.3f,", bench->name,
           bench_median(times, n_rounds), least);
    if (baseline) {
        double ratios[MAX_ROUNDS];
        for (unsigned i = 0; i < n_rounds; i++) {
            ratios[i] = times[i] / baseline[i];
        }
        printf("\"baseline\":\"%s\",\"ratio\":%.3f}\n", bench->baseline,
               bench_median(ratios, n_rounds));
    } else {
        printf("\"baseline\":null,\"ratio\":null}\n");
    }
    fflush(stdout);
}

static double times[BENCH_MAX_CASES][MAX_ROUNDS];

/* Takes the loop's cost off: of each round in that round, of the fastest round in the fastest. */
static void bench_report(const struct bench_case *cases, size_t n_cases, size_t loop,
                         unsigned n_rounds)
{
    double least[BENCH_MAX_CASES];
    double least_loop = loop < n_cases ? bench_min(times[loop], n_rounds) : 0;
    for (size_t i = 0; i < n_cases; i++) {
        least[i] = bench_min(times[i], n_rounds) - (cases[i].is_bare ? least_loop : 0);
        for (unsigned round = 0; loop < n_cases && cases[i].is_bare && round < n_rounds; round++) {
            times[i][round] -= times[loop][round];
        }
    }
    for (size_t i = 0; i < n_cases; i++) {
        size_t baseline = bench_find(cases, n_cases, cases[i].baseline);
        bench_print(&cases[i], times[i], least[i], baseline < n_cases ? times[baseline] : NULL,
                    n_rounds);
    }
}

void bench_run(const struct bench_case *cases, size_t n_cases, const char *loop, uint64_t n,
               unsigned n_rounds)
{
    const char *wanted = getenv("BENCH_ROUNDS");
    if (wanted && atoi(wanted) > 0) {
        n_rounds = (unsigned)atoi(wanted);
    }
    n_rounds = n_rounds > MAX_ROUNDS ? MAX_ROUNDS : n_rounds;
    if (n_cases > BENCH_MAX_CASES) {
        fprintf(stderr, "bench: more than %d cases\n", BENCH_MAX_CASES);
        exit(2);
    }
    for (size_t i = 0; i < n_cases; i++) {
        cases[i].run(n / 8 + 1); /* warms caches, and pays first touches */
    }
    for (unsigned round = 0; round < n_rounds; round++) {
        for (size_t i = 0; i < n_cases; i++) {
            clockid_t clock = cases[i].is_cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
            uint64_t start = wi_nanos(clock);
            cases[i].run(n);
            uint64_t took = wi_nanos(clock) - start;
            double things = (double)n * (cases[i].divisor ? cases[i].divisor : 1);
            times[i][round] = (double)took / things;
        }
    }
    bench_report(cases, n_cases, bench_find(cases, n_cases, loop), n_rounds);
}
