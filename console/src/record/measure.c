/* SPDX-License-Identifier: MIT */
#include "record/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void wc_measures_init(struct wc_measures *measures)
{
    *measures = (struct wc_measures){0};
}

void wc_measures_finish(struct wc_measures *measures)
{
    for (size_t i = 0; i < measures->n; i++) {
        free(measures->measure[i].name);
    }
    free(measures->measure);
    free(measures->map.slots);
    wc_measures_init(measures);
}

static uint64_t measure_key(int kind, uint32_t metric, const char *name)
{
    return wi_map_text_key((uint64_t)(unsigned)kind << 32 | metric, name);
}

static struct wc_measure *measures_find(const struct wc_measures *measures, int kind,
                                        uint32_t metric, const char *name)
{
    struct wi_map_slot *slot = NULL;
    while ((slot = wi_map_next(&measures->map, measure_key(kind, metric, name), slot))) {
        struct wc_measure *measure = &measures->measure[slot->value];
        if (measure->kind == kind && measure->metric == metric &&
            strcmp(measure->name, name) == 0) {
            return measure;
        }
    }
    return NULL;
}

void wc_measures_look(struct wc_measures *measures, double seconds)
{
    measures->looks++;
    measures->seconds += seconds;
}

static struct wc_measure *measures_new(struct wc_measures *measures, int kind, uint32_t metric,
                                       const char *name, double value)
{
    if (measures->n == WC_MEASURES_MAX) {
        measures->left_out++;
        return NULL;
    }
    measures->measure =
        wc_grow(measures->measure, measures->n, &measures->room, sizeof(*measures->measure));
    struct wc_measure *measure = &measures->measure[measures->n++];
    *measure = (struct wc_measure){.kind = kind,
                                   .metric = metric,
                                   .name = wc_copy(name),
                                   .last = value,
                                   .least = value,
                                   .greatest = value};
    wc_map_add(&measures->map, measure_key(kind, metric, name), measures->n - 1);
    /* A counter that appears later began at 0. */
    measure->increase = measures->looks > 1 ? value : 0;
    return measure;
}

void wc_measures_add(struct wc_measures *measures, int kind, uint32_t metric, const char *name,
                     double value, bool is_bytes)
{
    if (!isfinite(value)) {
        return;
    }
    struct wc_measure *measure = measures_find(measures, kind, metric, name);
    if (!measure) {
        measure = measures_new(measures, kind, metric, name, value);
    } else if (measure->look == measures->looks) {
        return;
    } else {
        measure->increase += value >= measure->last ? value - measure->last : value;
    }
    if (!measure) {
        return;
    }
    measure->last = value;
    measure->least = fmin(measure->least, value);
    measure->greatest = fmax(measure->greatest, value);
    measure->sum += value;
    measure->seen++;
    measure->look = measures->looks;
    measure->is_bytes = is_bytes;
}

const struct wc_measure *wc_measures_find(const struct wc_measures *measures, int kind,
                                          uint32_t metric, const char *name)
{
    return measures_find(measures, kind, metric, name);
}

double wc_measure_mean(const struct wc_measure *measure)
{
    return measure->seen > 0 ? measure->sum / (double)measure->seen : measure->last;
}
