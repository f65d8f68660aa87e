/* SPDX-License-Identifier: MIT */
/*
 * The request to the server, for the rows that the screen shows and no more: columns, sort, filter,
 * and a window of rows somewhat larger than the screen, so that a step of the cursor does not need
 * a new Watch. No I/O. The console's one thread.
 */
#ifndef WC_MODEL_QUERY_H
#define WC_MODEL_QUERY_H

#include "model/layout.h"
#include "model/state.h"
#include "model/ui.h"

#define WC_QUERY_PART_ROWS 100 /* of the rows that belong to the row whose details are open */

/* A request with room for everything to which it points. */
struct wc_query {
    Weir__V1__WatchRequest request;
    struct wc_plan plan;
    Weir__V1__Query query[WC_MAX_QUERIES];
    Weir__V1__Query *pointer[WC_MAX_QUERIES];
    uint32_t columns[WC_MAX_QUERIES][WC_MAX_METRICS];
    char filter[WC_MAX_QUERIES][256];
    char equals[WC_MAX_QUERIES][256];
    uint32_t then[WC_MAX_QUERIES];
};

/* Fills ret_query, which must not be moved. */
void wc_query_make(const struct wc_model *model, const struct wc_ui *ui,
                   const struct wc_layout *layout, struct wc_query *ret_query);

/* Whether both are the same request. */
bool wc_query_is_same(const struct wc_query *a, const struct wc_query *b);

#endif
