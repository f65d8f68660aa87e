/* SPDX-License-Identifier: MIT */
/*
 * A catalog: the kinds that a process view has, and the metrics of each, independent of the rows
 * that exist now. The metric tables hold the metrics of all process views. Constant; any thread.
 */
#ifndef WI_CATALOG_H
#define WI_CATALOG_H

#include "weir/metric.h"

#include <stdbool.h>

/* A process view's own texts of a metric, instead of the table's. */
struct wi_catalog_words {
    enum wi_kind kind;
    int metric;
    const char *alias; /* a second FIELD for it; NULL: none */
    const char *summary, *help;
};

struct wi_catalog {
    uint64_t fields[WI_N_KINDS];     /* bit set of metric indices; 0: there is no such kind */
    const char *absence[WI_N_KINDS]; /* why there is no such kind, and what there is instead, in one
                                        line; NULL: users do not expect the kind */
    const struct wi_catalog_words *words;
    size_t n_words;
};

/* The catalog of a segment and its process. Owns: static. */
const struct wi_catalog *wi_catalog_of_segments(void);

static inline bool wi_catalog_has(const struct wi_catalog *catalog, enum wi_kind kind,
                                  size_t metric)
{
    return metric < WI_MAX_METRICS && (catalog->fields[kind] >> metric & 1U);
}

/* The catalog's own texts of a metric; NULL: the table's texts apply. */
const struct wi_catalog_words *wi_catalog_words(const struct wi_catalog *catalog, enum wi_kind kind,
                                                int metric);

/* The index of a field or of a second name, as wi_metric_find; -1 also when it is not offered. */
int wi_catalog_find(const struct wi_catalog *catalog, enum wi_kind kind, const char *field);

/* The metrics of a kind, in their order; returns how many. */
static inline size_t wi_catalog_columns(const struct wi_catalog *catalog, enum wi_kind kind,
                                        uint8_t ret_columns[WI_MAX_METRICS])
{
    size_t n = 0;
    for (unsigned i = 0; i < wi_metric_table(kind)->n_metrics; i++) {
        if (wi_catalog_has(catalog, kind, i)) {
            ret_columns[n++] = (uint8_t)i;
        }
    }
    return n;
}

#endif
