/* SPDX-License-Identifier: MIT */
/* The parts of a total, as bars beside each other: refusals by reason, tasks by outcome. */
#include "view/part.h"

#include <stdio.h>

#define NAME_COLS  30
#define VALUE_COLS 14
#define SHARE_COLS 6
#define MAX_LINES  (3 * WC_MAX_METRICS)

/* "rejects by reason, messages": the group's name in words, and the unit. */
static void group_title(const Weir__V1__Metric *metric, char to[96])
{
    int n = (int)wc_page_group(metric);
    n = n < 48 ? n : 48;
    snprintf(to, 96, "%.*s%s%.40s", n, metric->json, metric->unit[0] ? ", " : "", metric->unit);
    for (int i = 0; i < n; i++) {
        to[i] = to[i] == '_' ? ' ' : to[i];
    }
}

static void reason_line(const struct wc_view *view, const struct wc_box *box, int at,
                        const Weir__V1__Metric *metric, const Weir__V1__Value *value, double sum)
{
    char text[WC_FORMAT_SIZE];
    double number = 0;
    bool has_number = wc_model_as_number(value, &number);
    double share = sum > 0 && number > 0 ? number / sum : 0;
    int name = box->cols / 3 < NAME_COLS ? box->cols / 3 : NAME_COLS;
    int bar = box->cols - name - VALUE_COLS - SHARE_COLS - 4, col = box->col;
    const Weir__V1__Metric *field = wc_ui_field(view->ui, view->model);

    wc_grid_text(view->grid, at, col, name, WC_PLAIN, metric->summary);
    col += name + 1;
    struct wc_spark spark = {view->grid, at, col, view->tier, WC_GRAPH};
    wc_spark_bar(&spark, bar, share);
    col += bar + 1;
    wc_view_value(text, metric, metric->unit, value);
    wc_grid_text_right(view->grid, at, col, VALUE_COLS, number > 0 ? WC_STRONG : WC_LABEL, text);
    col += VALUE_COLS + 1;
    if (has_number && sum > 0) {
        wc_format_share(text, share);
        wc_grid_text_right(view->grid, at, col, SHARE_COLS, number > 0 ? WC_PLAIN : WC_LABEL, text);
    }
    if (field == metric && view->ui->detail[view->ui->tab].page == WC_PAGE_REASONS) {
        wc_grid_flag(view->grid, at, box->col, name, WC_REVERSE);
    }
}

/* A line of the page: a group's title, a metric of it, or a gap. */
struct reason {
    const Weir__V1__Metric *metric; /* NULL: a gap */
    bool is_title;
    double sum; /* of the group */
};

static double group_sum(const struct wc_rows *rows, const Weir__V1__Row *row,
                        const Weir__V1__Metric *const *metrics, size_t n)
{
    double sum = 0, number;
    for (size_t i = 0; i < n; i++) {
        bool has_number = wc_model_as_number(wc_model_value(rows, row, metrics[i]), &number);
        sum += has_number && number > 0 ? number : 0;
    }
    return sum;
}

static int reasons_collect(const struct wc_view *view, const struct wc_rows *rows,
                           const Weir__V1__Row *row, bool has_gaps,
                           struct reason ret_lines[MAX_LINES])
{
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    size_t n = wc_page_metrics(view->model, wc_column_table(view->ui->tab)->kind, WC_PAGE_REASONS,
                               metrics);
    int n_lines = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && wc_page_is_alike(metrics[i], metrics[end]);) {
            end++;
        }
        double sum = group_sum(rows, row, metrics + i, end - i);
        if (n_lines > 0 && has_gaps) {
            ret_lines[n_lines++] = (struct reason){NULL, false, 0};
        }
        ret_lines[n_lines++] = (struct reason){metrics[i], true, sum};
        for (; i < end; i++) {
            ret_lines[n_lines++] = (struct reason){metrics[i], false, sum};
        }
    }
    return n_lines;
}

int wc_view_reasons(const struct wc_view *view, const struct wc_box *box,
                    const struct wc_rows *rows, const Weir__V1__Row *row)
{
    struct reason lines[MAX_LINES];
    const Weir__V1__Metric *field = wc_ui_field(view->ui, view->model);
    int n = reasons_collect(view, rows, row, true, lines), at = 0;

    if (n > box->rows) {
        n = reasons_collect(view, rows, row, false, lines);
    }
    for (int i = 0; i < n; i++) {
        at = lines[i].metric == field && !lines[i].is_title ? i : at;
    }
    int first = at >= box->rows ? at - box->rows + 1 : 0;
    for (int i = 0; i < box->rows && first + i < n; i++) {
        const struct reason *line = &lines[first + i];
        char title[96];
        if (line->metric && line->is_title) {
            group_title(line->metric, title);
            wc_grid_text(view->grid, box->row + i, box->col, box->cols, WC_ACCENT, title);
        } else if (line->metric) {
            reason_line(view, box, box->row + i, line->metric,
                        wc_model_value(rows, row, line->metric), line->sum);
        }
    }
    return n < box->rows ? n : box->rows;
}
