/* SPDX-License-Identifier: MIT */
/* A row of a message as values, whatever the order of its table's columns. No I/O. The console's one thread. */
#ifndef WC_EMIT_ROW_H
#define WC_EMIT_ROW_H

#include "emit/json.h"

#define WC_ROW_MAX_VALUES 64u

/* The value of the metric with this index, absent if the row has none; -1: absent. Borrows the
 * row's text. */
struct wc_value wc_row_value(const Weir__V1__Table *table, const Weir__V1__Row *row, int metric);

/* The metrics of a table's columns, NULL for one that the server has not described. Returns their number. */
size_t wc_row_metrics(const Weir__V1__Description *description, const Weir__V1__Table *table,
                      const Weir__V1__Metric *ret_metrics[WC_ROW_MAX_VALUES]);

/* The row's values as members of an object that is open, by their metrics' paths. */
void wc_row_members(struct wc_json *json, const Weir__V1__Metric *const *metrics, size_t n,
                    const Weir__V1__Row *row);

#endif
