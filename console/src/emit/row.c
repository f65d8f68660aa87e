/* SPDX-License-Identifier: MIT */
/* Reads rows of messages by the metrics of their columns. */
#include "emit/row.h"

/* The index of the metric in column i. A table without columns has all metrics, in their order. */
static uint32_t row_column(const Weir__V1__Table *table, size_t i)
{
    return i < table->n_columns ? table->columns[i] : (uint32_t)i;
}

struct wc_value wc_row_value(const Weir__V1__Table *table, const Weir__V1__Row *row, int metric)
{
    for (size_t i = 0; metric >= 0 && i < row->n_values; i++) {
        if (row_column(table, i) == (uint32_t)metric) {
            return wc_value_of(row->values[i]);
        }
    }
    return wc_value_of(NULL);
}

static const Weir__V1__Metric *row_metric(const Weir__V1__Description *description,
                                          Weir__V1__Kind kind, uint32_t index)
{
    for (size_t k = 0; k < description->n_metrics; k++) {
        const Weir__V1__Metric *metric = description->metrics[k];
        if (metric->kind == kind && metric->index == index) {
            return metric;
        }
    }
    return NULL;
}

size_t wc_row_metrics(const Weir__V1__Description *description, const Weir__V1__Table *table,
                      const Weir__V1__Metric *ret_metrics[WC_ROW_MAX_VALUES])
{
    size_t n = 0;
    size_t n_values = table->n_rows ? table->rows[0]->n_values : 0;
    n_values = table->n_columns ? table->n_columns : n_values;
    for (; n < n_values && n < WC_ROW_MAX_VALUES; n++) {
        ret_metrics[n] = row_metric(description, table->kind, row_column(table, n));
    }
    return n;
}

void wc_row_members(struct wc_json *json, const Weir__V1__Metric *const *metrics, size_t n,
                    const Weir__V1__Row *row)
{
    const char *paths[WC_ROW_MAX_VALUES];
    struct wc_value values[WC_ROW_MAX_VALUES];
    size_t n_members = 0;
    for (size_t i = 0; i < n && i < row->n_values; i++) {
        if (metrics[i]) {
            paths[n_members] = metrics[i]->json;
            values[n_members++] = wc_value_of(row->values[i]);
        }
    }
    wc_json_members(json, paths, values, n_members);
}
