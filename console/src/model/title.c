/* SPDX-License-Identifier: MIT */
/* The titles of rows. */
#include "model/title.h"

const char *wc_row_label(int kind, const uint32_t *columns, size_t n_columns,
                         const Weir__V1__Row *row)
{
    int label = wi_metric_label((enum wi_kind)kind);
    for (size_t i = 0; label >= 0 && i < row->n_values; i++) {
        uint32_t metric = i < n_columns ? columns[i] : (uint32_t)i;
        const Weir__V1__Value *value = row->values[i];
        if (metric == (uint32_t)label && value->value_case == WEIR__V1__VALUE__VALUE_TEXT) {
            return value->text;
        }
    }
    return NULL;
}

const char *wc_row_title(const Weir__V1__Table *table, const Weir__V1__Row *row,
                         char room[WI_ROW_TITLE_MAX])
{
    return wi_row_title(
        row->name, wc_row_label((int)table->kind, table->columns, table->n_columns, row), room);
}
