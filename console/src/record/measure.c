/* SPDX-License-Identifier: MIT */
/* An open hash over kind, metric and name. */
#include "record/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MEASURE_FIRST 1024u

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
    free(measures->slot);
    wc_measures_init(measures);
}

static uint64_t measure_hash(int kind, uint32_t metric, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ ((uint64_t)(unsigned)kind << 32 | metric);
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    for (; *name; name++) {
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    }
    return hash ^ hash >> 29;
}

static uint32_t *measure_slot(const struct wc_measures *measures, int kind, uint32_t metric,
                              const char *name)
{
    size_t at = (size_t)measure_hash(kind, metric, name) & (measures->n_slots - 1);
    for (;; at = (at + 1) & (measures->n_slots - 1)) {
        uint32_t *slot = &measures->slot[at];
        const struct wc_measure *measure = *slot ? &measures->measure[*slot - 1] : NULL;
        if (!measure || (measure->kind == kind && measure->metric == metric &&
                         strcmp(measure->name, name) == 0)) {
            return slot;
        }
    }
}

static void measures_grow(struct wc_measures *measures)
{
    measures->room = measures->room ? 2 * measures->room : MEASURE_FIRST;
    measures->measure = wc_resize(measures->measure, measures->room, sizeof(*measures->measure));
    measures->n_slots = 2 * measures->room;
    measures->slot = wc_resize(measures->slot, measures->n_slots, sizeof(*measures->slot));
    memset(measures->slot, 0, measures->n_slots * sizeof(*measures->slot));
    for (size_t i = 0; i < measures->n; i++) {
        const struct wc_measure *measure = &measures->measure[i];
        *measure_slot(measures, measure->kind, measure->metric, measure->name) = (uint32_t)i + 1;
    }
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
    if (measures->n == measures->room) {
        measures_grow(measures);
    }
    struct wc_measure *measure = &measures->measure[measures->n++];
    *measure = (struct wc_measure){.kind = kind,
                                   .metric = metric,
                                   .name = wc_copy(name),
                                   .last = value,
                                   .least = value,
                                   .greatest = value};
    *measure_slot(measures, kind, metric, name) = (uint32_t)measures->n;
    /* One that comes later began from nothing. */
    measure->increase = measures->looks > 1 ? value : 0;
    return measure;
}

void wc_measures_add(struct wc_measures *measures, int kind, uint32_t metric, const char *name,
                     double value)
{
    if (!isfinite(value)) {
        return;
    }
    uint32_t *slot = measures->n_slots ? measure_slot(measures, kind, metric, name) : NULL;
    struct wc_measure *measure = slot && *slot ? &measures->measure[*slot - 1] : NULL;
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
}

const struct wc_measure *wc_measures_find(const struct wc_measures *measures, int kind,
                                          uint32_t metric, const char *name)
{
    const uint32_t *slot = measures->n_slots ? measure_slot(measures, kind, metric, name) : NULL;
    return slot && *slot ? &measures->measure[*slot - 1] : NULL;
}

double wc_measure_mean(const struct wc_measure *measure)
{
    return measure->seen > 0 ? measure->sum / (double)measure->seen : measure->last;
}
