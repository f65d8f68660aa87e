/* SPDX-License-Identifier: MIT */
/* The catalog of segments: all their kinds, without the metrics that only other runtimes have. */
#include "weir/catalog.h"

#include <string.h>

#define CATALOG_ALL(n) ((UINT64_C(1) << (n)) - 1)

/* The metrics of single tasks after their source belong to another runtime. */
#define CATALOG_SINGLE (UINT64_C(1) << WI_TASK_INSTANCE_TASK_ID)

static const struct wi_catalog segments = {.fields = {
                                               [WI_CHANNEL] = CATALOG_ALL(WI_CHANNEL_N_METRICS),
                                               [WI_SEMAPHORE] = CATALOG_ALL(WI_SEMAPHORE_N_METRICS),
                                               [WI_TASK] = CATALOG_ALL(WI_TASK_N_METRICS),
                                               [WI_COUNTER] = CATALOG_ALL(WI_COUNTER_N_METRICS),
                                               [WI_GAUGE] = CATALOG_ALL(WI_GAUGE_N_METRICS),
                                               [WI_PROCESS] = CATALOG_ALL(WI_PROCESS_N_METRICS),
                                               [WI_AGENT] = CATALOG_ALL(WI_AGENT_N_METRICS),
                                               [WI_WARNING] = CATALOG_ALL(WI_WARNING_N_METRICS),
                                               [WI_LOOP] = CATALOG_ALL(WI_LOOP_N_METRICS),
                                               [WI_TASK_INSTANCE] = CATALOG_SINGLE - 1,
                                               [WI_SENDER] = CATALOG_ALL(WI_SENDER_N_METRICS),
                                           }};

const struct wi_catalog *wi_catalog_of_segments(void)
{
    return &segments;
}

const struct wi_catalog_words *wi_catalog_words(const struct wi_catalog *catalog, enum wi_kind kind,
                                                int metric)
{
    for (size_t i = 0; i < catalog->n_words; i++) {
        if (catalog->words[i].kind == kind && catalog->words[i].metric == metric) {
            return &catalog->words[i];
        }
    }
    return NULL;
}

int wi_catalog_find(const struct wi_catalog *catalog, enum wi_kind kind, const char *field)
{
    for (size_t i = 0; i < catalog->n_words; i++) {
        const struct wi_catalog_words *words = &catalog->words[i];
        if (words->kind == kind && words->alias && strcmp(words->alias, field) == 0) {
            return words->metric;
        }
    }
    int metric = wi_metric_find(kind, field);
    return metric >= 0 && wi_catalog_has(catalog, kind, (size_t)metric) ? metric : -1;
}
