/* SPDX-License-Identifier: MIT */
/* How a row of a message is called: its name, with its label where it has one. Any thread. */
#ifndef WC_MODEL_TITLE_H
#define WC_MODEL_TITLE_H

#include "weir/row.h"
#include "weir/v1/agent.pb-c.h"

/* Its label, NULL where it has none or no column has it; without columns the values are all metrics, in their
 * order. Borrows the row's text. */
const char *wc_row_label(int kind, const uint32_t *columns, size_t n_columns,
                         const Weir__V1__Row *row);

/* The unit of one of its metrics: of a channel that counts bytes "bytes" or "bytes_per_second" where the metric is in
 * the channel's unit. Columns as above. Borrows the metric's text, or is static. */
const char *wc_row_unit(const uint32_t *columns, size_t n_columns, const Weir__V1__Row *row,
                        const Weir__V1__Metric *metric);

/* The same in two steps: whether the row is a channel that counts bytes; and the unit of such a channel's metric, by
 * its field and the unit that it has elsewhere. */
bool wc_row_counts_bytes(int kind, const uint32_t *columns, size_t n_columns,
                         const Weir__V1__Row *row);
const char *wc_unit_in_bytes(const char *field, const char *unit);

/* NAME@LABEL, written to `room`, or its name. */
const char *wc_row_title(const Weir__V1__Table *table, const Weir__V1__Row *row,
                         char room[WI_ROW_TITLE_MAX]);

#endif
