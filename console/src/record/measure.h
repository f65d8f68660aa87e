/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a process, each by kind, name and metric: their values in one frame, or over many.
 * No I/O; one thread.
 */
#ifndef WC_RECORD_MEASURE_H
#define WC_RECORD_MEASURE_H

#include "base/map.h"
#include "weir/v1/agent.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WC_MEASURES_MAX 262144u /* further ones are left out, and counted */

struct wc_measure {
    int kind;
    uint32_t metric; /* index */
    char *name;      /* of the row; "" for the process and weir itself */
    double last, least, greatest;
    double sum;      /* of the value, over all frames that had it */
    double increase; /* the growth of a counter; a lower value than before is a new start */
    uint64_t seen;   /* frames that had it */
    uint64_t look;   /* the last of them */
    bool is_bytes;   /* at the last of them its row was a channel that counts bytes */
};

struct wc_measures {
    struct wc_measure *measure;
    size_t n, room;
    struct wi_map map; /* over `measure`, by kind, metric and name */
    uint64_t looks, left_out;
    double seconds; /* from the first frame to the last */
};

void wc_measures_init(struct wc_measures *measures);
void wc_measures_finish(struct wc_measures *measures);

/* A frame follows, so many seconds after the one before. */
void wc_measures_look(struct wc_measures *measures, double seconds);

/* Adds one number of it; `is_bytes`: of a channel that counts bytes. If several rows have one name, the first counts;
 * a value that is not finite is left out. */
void wc_measures_add(struct wc_measures *measures, int kind, uint32_t metric, const char *name,
                     double value, bool is_bytes);

/* NULL: there is none such. */
const struct wc_measure *wc_measures_find(const struct wc_measures *measures, int kind,
                                          uint32_t metric, const char *name);

/* The mean over the frames that had it. */
double wc_measure_mean(const struct wc_measure *measure);

#endif
