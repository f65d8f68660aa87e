/* SPDX-License-Identifier: MIT */
/*
 * One row in full: its last minutes, and every metric of its kind with what the Description calls
 * it.
 */
#include "view/view.h"

#include <stdio.h>
#include <string.h>

#define SUMMARY_COLS   56 /* a column that wide says the summary, too */
#define WIDE_COLS      72 /* no column is wider: the eye has to find the value */
#define FIELD_COLS     21
#define NARROW_COLS    26
#define GRAPH_MIN_ROWS 5
#define GRAPH_MAX_ROWS 34

/* The metrics to list: all of the kind but the histograms, whose quantiles stand in rows of their
 * own. */
static int detail_metrics(const struct wc_view *view, int kind,
                          const Weir__V1__Metric *ret_metrics[WC_MAX_METRICS])
{
    const Weir__V1__Description *description = view->model->description;
    int n = 0;
    for (size_t i = 0; description && i < description->n_metrics && n < WC_MAX_METRICS; i++) {
        if ((int)description->metrics[i]->kind == kind) {
            ret_metrics[n++] = description->metrics[i];
        }
    }
    return n;
}

/* An absent capacity is a word here as in the table. */
static bool metric_is_capacity(const struct wc_view *view, const Weir__V1__Metric *metric)
{
    const struct wc_column_table *table = wc_column_table(view->ui->tab);
    int at = wc_column_find(view->ui->tab, metric->field);
    return at >= 0 && table->columns[at].type == WC_COLUMN_CAPACITY;
}

static void detail_field(const struct wc_view *view, int row, int col, int width,
                         const Weir__V1__Metric *metric, const Weir__V1__Value *value)
{
    char text[WC_FORMAT_SIZE];
    double number;
    bool is_dim = !value || (wc_model_as_number(value, &number) && number == 0);

    wc_view_value(text, metric, value);
    if (!value && metric_is_capacity(view, metric)) {
        snprintf(text, sizeof(text), "unbounded");
    }
    int need = wc_grid_width(text, view->grid->ascii);
    need = need > width / 2 ? width / 2 : need;
    int room = width - need - 1;
    if (width >= SUMMARY_COLS && metric->summary[0]) {
        wc_grid_text(view->grid, row, col, FIELD_COLS - 1, WC_PLAIN, metric->field);
        wc_grid_text(view->grid, row, col + FIELD_COLS, room - FIELD_COLS, WC_LABEL,
                     metric->summary);
    } else {
        wc_grid_text(view->grid, row, col, room, WC_LABEL, metric->field);
    }
    wc_grid_text_right(view->grid, row, col + width - need, need, is_dim ? WC_LABEL : WC_STRONG,
                       text);
}

/* How the fields stand beside each other: the widest columns that still fit below a graph. */
static int detail_columns(const struct wc_view *view, int n_fields, int rows)
{
    int cols = view->grid->cols - 2;
    for (int n = 1 + (cols - 1) / WIDE_COLS; n <= cols / NARROW_COLS; n++) {
        if ((n_fields + n - 1) / n <= rows) {
            return n;
        }
    }
    return cols / NARROW_COLS > 0 ? cols / NARROW_COLS : 1;
}

void wc_view_detail(const struct wc_view *view)
{
    const struct wc_layout *layout = view->layout;
    const struct wc_rows *table = &wc_model_picture(view->model)->detail;
    const Weir__V1__Row *row = wc_model_detail(view->model, view->ui->detail_id);
    int kind = wc_column_table(view->ui->tab)->kind;

    if (!row) {
        char text[320];
        snprintf(text, sizeof(text),
                 table->table ? "%.250s is closed: Esc goes back" : "asking for all of %.250s",
                 view->ui->detail_name);
        wc_grid_text(view->grid, layout->body_row, 2, view->grid->cols - 2, WC_LABEL, text);
        return;
    }
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    int n = detail_metrics(view, kind, metrics);
    bool has_graph = wc_model_trend_field(kind) != NULL;
    int room = layout->body_rows - (has_graph ? GRAPH_MIN_ROWS + 1 : 0);
    int n_columns = detail_columns(view, n, room);
    int n_rows = (n + n_columns - 1) / n_columns;
    int graph = layout->body_rows - n_rows - 1;

    graph = graph > GRAPH_MAX_ROWS ? GRAPH_MAX_ROWS : graph;
    int top = layout->body_row;
    if (has_graph && graph >= GRAPH_MIN_ROWS - 1) {
        wc_view_graph(view, top, graph, kind, row);
        top += graph + 1;
    }
    int width = (view->grid->cols - 2 + 2) / n_columns - 2;
    for (int i = 0; i < n && i / n_columns < layout->body_row + layout->body_rows; i++) {
        int at = top + i % n_rows;
        if (at < layout->body_row + layout->body_rows) {
            detail_field(view, at, 2 + i / n_rows * (width + 2), width, metrics[i],
                         wc_model_value(table, row, metrics[i]));
        }
    }
}
