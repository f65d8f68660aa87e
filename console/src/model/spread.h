/* SPDX-License-Identifier: MIT */
/*
 * The distribution of a histogram's values: the buckets of a message, of any widths, counted into
 * four steps to the octave; quantiles and lines are read from these. No I/O. No state; any thread.
 */
#ifndef WC_MODEL_SPREAD_H
#define WC_MODEL_SPREAD_H

#include "weir/v1/agent.pb-c.h"

#define WC_SPREAD_STEPS 256 /* four to each of 64 octaves */

struct wc_spread {
    double count[WC_SPREAD_STEPS];
    double total;    /* 0: nothing was measured, and the rest means nothing */
    int first, last; /* steps that are not empty */
    double mean_nanos, max_nanos;
};

void wc_spread_make(const Weir__V1__Histogram *histogram, struct wc_spread *ret_spread);

/* Nanoseconds: the end of a step; its begin, 0 for the first that an exporter counts. */
double wc_spread_end(int step);
double wc_spread_begin(int step);

/* The value at quantile q (0 to 1) in nanoseconds, the middle of its step as the exporter takes it;
 * *ret_step is the step. 0 and -1 when nothing was measured. */
double wc_spread_quantile(const struct wc_spread *spread, double q, int *ret_step);

/* How many steps make one of at most `rows` lines: 1, 2, 4, 8, ... Lines begin at multiples. */
int wc_spread_steps_per_line(const struct wc_spread *spread, int rows);

#endif
