/* SPDX-License-Identifier: MIT */
/*
 * The pages of a row's details, and the metrics on each. The Description decides which pages a kind
 * has: latencies if there are histograms, reasons if a metric is split by reason. No I/O; the
 * console's one thread.
 */
#ifndef WC_MODEL_PAGE_H
#define WC_MODEL_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/state.h"

/* In the order of the screen. */
enum wc_page {
    WC_PAGE_OVERVIEW,
    WC_PAGE_LATENCY,
    WC_PAGE_REASONS,
    WC_PAGE_PART, /* rows that belong to the row: a channel's senders, a kind's single tasks */
    WC_PAGE_FIELDS,
    WC_N_PAGES
};

/* Whether a kind has such a page. */
bool wc_page_has(const struct wc_model *model, int kind, enum wc_page page);

/* Owns: static. */
const char *wc_page_title(int kind, enum wc_page page);

/* The next page that the kind has, in a circle; `step` is 1 or -1. */
enum wc_page wc_page_next(const struct wc_model *model, int kind, enum wc_page page, int step);

/* The metrics on a page, in their order; returns how many. */
size_t wc_page_metrics(const struct wc_model *model, int kind, enum wc_page page,
                       const Weir__V1__Metric *ret_metrics[WC_MAX_METRICS]);

/* The rows that belong to a row of a kind: rows of another kind whose ID_FIELD is the row's id, or, from a server
 * without that field, whose FIELD is the row's name. False: none. */
struct wc_part {
    int kind;
    const char *field;
    const char *title;    /* of the page */
    const char *id_field; /* NULL: none has it */
};
bool wc_page_part(int kind, struct wc_part *ret_part);

/* The length of the group in a metric's JSON path ("rejects_by_reason.full": 17), 0 when it stands
 * alone. */
size_t wc_page_group(const Weir__V1__Metric *metric);

/* Whether both are in the same group and have the same unit: then they can be compared. */
bool wc_page_is_alike(const Weir__V1__Metric *a, const Weir__V1__Metric *b);

#endif
