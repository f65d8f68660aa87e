/* SPDX-License-Identifier: MIT */
/* What segments offer: all of their kinds, without what only other runtimes tell. */
#include "snapshot/offer.h"

#include <string.h>

#define OFFER_ALL(n) ((UINT64_C(1) << (n)) - 1)

/* Of single tasks what comes after their source is another runtime's. */
#define OFFER_SINGLE (UINT64_C(1) << WI_SINGLE_TASK_ID)

static const struct wi_offer segments = {.fields = {
                                             [WI_CHANNEL] = OFFER_ALL(WI_CHANNEL_N_METRICS),
                                             [WI_SEMAPHORE] = OFFER_ALL(WI_SEMAPHORE_N_METRICS),
                                             [WI_TASK] = OFFER_ALL(WI_TASK_N_METRICS),
                                             [WI_COUNTER] = OFFER_ALL(WI_COUNTER_N_METRICS),
                                             [WI_GAUGE] = OFFER_ALL(WI_GAUGE_N_METRICS),
                                             [WI_PROCESS] = OFFER_ALL(WI_PROCESS_N_METRICS),
                                             [WI_AGENT] = OFFER_ALL(WI_AGENT_N_METRICS),
                                             [WI_WARNING] = OFFER_ALL(WI_WARNING_N_METRICS),
                                             [WI_LOOP] = OFFER_ALL(WI_LOOP_N_METRICS),
                                             [WI_SINGLE] = OFFER_SINGLE - 1,
                                             [WI_SENDER] = OFFER_ALL(WI_SENDER_N_METRICS),
                                         }};

const struct wi_offer *wi_offer_of_segments(void)
{
    return &segments;
}

const struct wi_offer_words *wi_offer_words(const struct wi_offer *offer, enum wi_kind kind,
                                            int metric)
{
    for (size_t i = 0; i < offer->n_words; i++) {
        if (offer->words[i].kind == kind && offer->words[i].metric == metric) {
            return &offer->words[i];
        }
    }
    return NULL;
}

int wi_offer_find(const struct wi_offer *offer, enum wi_kind kind, const char *field)
{
    for (size_t i = 0; i < offer->n_words; i++) {
        const struct wi_offer_words *words = &offer->words[i];
        if (words->kind == kind && words->alias && strcmp(words->alias, field) == 0) {
            return words->metric;
        }
    }
    int metric = wi_metric_find(kind, field);
    return metric >= 0 && wi_offer_has(offer, kind, (size_t)metric) ? metric : -1;
}
