/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a process, each by kind, name and metric: what they were at one look, or over many.
 * No I/O; one thread.
 */
#ifndef WC_RECORD_MEASURE_H
#define WC_RECORD_MEASURE_H

#include "base/map.h"
#include "weir/v1/agent.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WC_MEASURES_MAX 262144u /* then further ones are left out, and counted */

struct wc_measure {
    int kind;
    uint32_t metric; /* index */
    char *name;      /* of the row; "" for the process and weir itself */
    double last, least, greatest;
    double sum;      /* of the value at all looks that had it */
    double increase; /* what a counter grew by; one that is less than before has begun anew */
    uint64_t seen;   /* looks that had it */
    uint64_t look;   /* the last of them */
};

struct wc_measures {
    struct wc_measure *measure;
    size_t n, room;
    struct wi_map map; /* over `measure`, by kind, metric and name */
    uint64_t looks, left_out;
    double seconds; /* from the first look to the last */
};

void wc_measures_init(struct wc_measures *measures);
void wc_measures_finish(struct wc_measures *measures);

/* A look follows, so many seconds after the one before. */
void wc_measures_look(struct wc_measures *measures, double seconds);

/* One number of it. Of rows with one name the first counts; what is not finite is left out. */
void wc_measures_add(struct wc_measures *measures, int kind, uint32_t metric, const char *name,
                     double value);

/* NULL: there is none such. */
const struct wc_measure *wc_measures_find(const struct wc_measures *measures, int kind,
                                          uint32_t metric, const char *name);

/* The mean of the looks that had it. */
double wc_measure_mean(const struct wc_measure *measure);

#endif
