/* SPDX-License-Identifier: MIT */
/* The titles of rows. */
#include "model/title.h"

#include <string.h>

/* The text of a metric, NULL where the row has none or no column has it. */
static const char *title_text(const uint32_t *columns, size_t n_columns, const Weir__V1__Row *row,
                              int of)
{
    for (size_t i = 0; of >= 0 && i < row->n_values; i++) {
        uint32_t metric = i < n_columns ? columns[i] : (uint32_t)i;
        const Weir__V1__Value *value = row->values[i];
        if (metric == (uint32_t)of && value->value_case == WEIR__V1__VALUE__VALUE_TEXT) {
            return value->text;
        }
    }
    return NULL;
}

const char *wc_row_label(int kind, const uint32_t *columns, size_t n_columns,
                         const Weir__V1__Row *row)
{
    return title_text(columns, n_columns, row, wi_metric_label((enum wi_kind)kind));
}

bool wc_row_counts_bytes(int kind, const uint32_t *columns, size_t n_columns,
                         const Weir__V1__Row *row)
{
    const char *unit =
        kind == WI_CHANNEL ? title_text(columns, n_columns, row, WI_CHANNEL_UNIT) : NULL;
    return unit && strcmp(unit, "bytes") == 0;
}

const char *wc_unit_in_bytes(const char *field, const char *unit)
{
    int of = wi_metric_find(WI_CHANNEL, field);
    if (of < 0 || !wi_metric_table(WI_CHANNEL)->metrics[of].bytes) {
        return unit;
    }
    return strcmp(unit, "per_second") == 0 ? "bytes_per_second" : "bytes";
}

const char *wc_row_unit(const uint32_t *columns, size_t n_columns, const Weir__V1__Row *row,
                        const Weir__V1__Metric *metric)
{
    return wc_row_counts_bytes((int)metric->kind, columns, n_columns, row)
               ? wc_unit_in_bytes(metric->field, metric->unit)
               : metric->unit;
}

const char *wc_row_title(const Weir__V1__Table *table, const Weir__V1__Row *row,
                         char room[WI_ROW_TITLE_MAX])
{
    return wi_row_title(
        row->name, wc_row_label((int)table->kind, table->columns, table->n_columns, row), room);
}
