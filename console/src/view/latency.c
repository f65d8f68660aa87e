/* SPDX-License-Identifier: MIT */
/*
 * Distributions: one line for each step of the values, from the shortest to the longest, with a bar
 * for their number and a mark at each percentile. The steps are as fine as the room allows.
 */
#include "view/part.h"

#include <stdio.h>
#include <string.h>

#include "model/spread.h"

#define LABEL_COLS  7 /* "<131us" */
#define SHARE_COLS  6 /* "44.0%" */
#define MARKS_COLS  15
#define MARKS_SHORT 7 /* if the box is narrow: only the first and the last */
#define WIDE_COLS   56
#define SIDE_COLS   37 /* the least width of each of two beside each other */
#define MIN_ROWS    5
#define MOST_COLS   120
#define MAX_SPREADS 4

static const struct {
    const char *name;
    double q;
    bool is_for_wide; /* not if the box is narrow, nor beside its bars */
} marks[] = {
    {"p50", 0.5, false}, {"p90", 0.9, false}, {"p99", 0.99, false}, {"p99.9", 0.999, true}};
#define N_MARKS (sizeof(marks) / sizeof(marks[0]))

static void latency_title(const struct wc_view *view, const struct wc_box *box,
                          const Weir__V1__Metric *metric, const struct wc_spread *spread)
{
    char text[WC_FORMAT_SIZE + 4], count[WC_FORMAT_SIZE];
    wc_format_whole(count, spread->total);
    snprintf(text, sizeof(text), "n %s", count);
    int need = wc_grid_width(text, view->grid->ascii), room = box->cols - need - 1;
    int used = wc_grid_text(view->grid, box->row, box->col, room, WC_STRONG, metric->field) + 2;
    if (wc_grid_width(metric->summary, view->grid->ascii) <= room - used) {
        wc_grid_text(view->grid, box->row, box->col + used, room - used, WC_LABEL, metric->summary);
    }
    wc_grid_text_right(view->grid, box->row, box->col + box->cols - need, need, WC_PLAIN, text);
}

static const char *number_name(int number)
{
    return number < (int)N_MARKS ? marks[number].name : number == (int)N_MARKS ? "max" : "mean";
}

/* p50 1.2ms  p90 3.4ms  p99 8.1ms  max 14ms: since the start. If not all fit, those at the end of
 * `order` are left out. */
static void latency_percentiles(const struct wc_view *view, const struct wc_box *box,
                                const struct wc_spread *spread)
{
    enum { MAX = N_MARKS, MEAN, N_NUMBERS };
    static const int order[N_NUMBERS] = {0, 2, MAX, 1, 3, MEAN};
    bool is_shown[N_NUMBERS] = {false};
    char text[N_NUMBERS][WC_FORMAT_SIZE + 8];
    int gap = box->cols >= WIDE_COLS ? 2 : 1, room = box->cols + gap, col = box->col, step;

    for (int i = 0; i < N_NUMBERS; i++) {
        double nanos = i == MAX    ? spread->max_nanos
                       : i == MEAN ? spread->mean_nanos
                                   : wc_spread_quantile(spread, marks[i].q, &step);
        wc_format_latency(text[i], nanos / 1e9);
    }
    for (int i = 0; i < N_NUMBERS; i++) {
        int number = order[i];
        room -= (int)(strlen(number_name(number)) + strlen(text[number])) + 1 + gap;
        is_shown[number] = room >= 0;
    }
    for (int i = 0; i < N_NUMBERS; i++) {
        if (is_shown[i]) {
            col += wc_grid_text(view->grid, box->row + 1, col, 8, WC_LABEL, number_name(i)) + 1;
            col += wc_grid_text(view->grid, box->row + 1, col, 8, WC_STRONG, text[i]) + gap;
        }
    }
}

/* The percentiles that lie in a line's steps; in few columns only the first and the last of them. */
static void latency_marks(const struct wc_spread *spread, int first, int last, int room,
                          char to[64])
{
    const char *names[N_MARKS + 1];
    int n = 0, step;
    for (size_t i = 0; i < N_MARKS; i++) {
        wc_spread_quantile(spread, marks[i].q, &step);
        if (step >= first && step <= last && !marks[i].is_for_wide) {
            names[n++] = marks[i].name;
        }
    }
    if (spread->last >= first && spread->last <= last) {
        names[n++] = "max";
    }
    to[0] = '\0';
    if (n * 4 - 1 > room) {
        snprintf(to, 64, "%s-%s", names[0], names[n - 1]);
        return;
    }
    for (int i = 0; i < n; i++) {
        snprintf(to + strlen(to), 64 - strlen(to), "%s%s", i ? " " : "", names[i]);
    }
}

static double line_count(const struct wc_spread *spread, int first, int last)
{
    double count = 0;
    for (int step = first; step <= last && step < WC_SPREAD_STEPS; step++) {
        count += spread->count[step];
    }
    return count;
}

static void latency_lines(const struct wc_view *view, const struct wc_box *box,
                          const struct wc_spread *spread)
{
    int rows = box->rows - 2, per_line = wc_spread_steps_per_line(spread, rows);
    int marks_cols = box->cols >= WIDE_COLS ? MARKS_COLS : MARKS_SHORT;
    int bar = box->cols - LABEL_COLS - 1 - 1 - SHARE_COLS - 1 - marks_cols;
    int begin = spread->first / per_line, n = spread->last / per_line - begin + 1;
    double most = 0;
    char text[64], label[WC_FORMAT_SIZE];

    for (int i = 0; i < n; i++) {
        double count = line_count(spread, (begin + i) * per_line, (begin + i + 1) * per_line - 1);
        most = count > most ? count : most;
    }
    for (int i = 0; i < n && i < rows; i++) {
        int first = (begin + i) * per_line, last = first + per_line - 1;
        int row = box->row + 2 + i, col = box->col;
        double count = line_count(spread, first, last);
        wc_format_latency(label, wc_spread_end(last) / 1e9);
        snprintf(text, sizeof(text), "<%.20s", label);
        wc_grid_text_right(view->grid, row, col, LABEL_COLS, WC_LABEL, text);
        wc_grid_put(view->grid, row, col + LABEL_COLS, view->grid->ascii ? '|' : 0x2502, WC_LABEL);
        col += LABEL_COLS + 1;
        struct wc_spark spark = {view->grid, row, col, view->tier, WC_GRAPH};
        wc_spark_stroke(&spark, bar, most > 0 ? count / most : 0);
        col += bar + 1;
        wc_format_share(text, count / spread->total);
        wc_grid_text_right(view->grid, row, col, SHARE_COLS, count > 0 ? WC_PLAIN : WC_LABEL,
                           count > 0 ? text : "");
        latency_marks(spread, first, last, marks_cols, text);
        wc_grid_text(view->grid, row, col + SHARE_COLS + 1, marks_cols, WC_ACCENT, text);
    }
}

static void latency_draw(const struct wc_view *view, const struct wc_box *box,
                         const Weir__V1__Metric *metric, const Weir__V1__Histogram *histogram)
{
    struct wc_spread spread = {.total = 0};
    struct wc_box most = *box; /* the eye must find the share behind the bar */
    most.cols = most.cols > MOST_COLS ? MOST_COLS : most.cols;
    box = &most;
    if (histogram) {
        wc_spread_make(histogram, &spread);
    }
    latency_title(view, box, metric, &spread);
    if (!(spread.total > 0)) {
        wc_grid_text(view->grid, box->row + 1, box->col, box->cols, WC_LABEL,
                     "nothing was measured yet");
        return;
    }
    latency_percentiles(view, box, &spread);
    latency_lines(view, box, &spread);
}

static const Weir__V1__Histogram *row_histogram(const Weir__V1__Row *row, uint32_t metric)
{
    for (size_t i = 0; i < row->n_histograms; i++) {
        if (row->histograms[i]->metric == metric) {
            return row->histograms[i];
        }
    }
    return NULL;
}

void wc_view_latency(const struct wc_view *view, const struct wc_box *box, int kind,
                     const Weir__V1__Row *row)
{
    const Weir__V1__Metric *all[WC_MAX_METRICS], *metrics[MAX_SPREADS];
    size_t n_all = wc_page_metrics(view->model, kind, WC_PAGE_LATENCY, all);
    int n = 0;
    for (size_t i = 0; i < n_all && n < MAX_SPREADS; i++) {
        if (all[i]->type == WEIR__V1__METRIC_TYPE__METRIC_HISTOGRAM) {
            metrics[n++] = all[i];
        }
    }
    bool is_beside = n > 0 && box->cols / n - 2 >= SIDE_COLS;
    if (!is_beside && n > 0 && box->rows / n - 1 < MIN_ROWS) {
        n = 1;
    }
    for (int i = 0; i < n; i++) {
        struct wc_box part = *box;
        if (is_beside) {
            part.cols = (box->cols + 2) / n - 2;
            part.col += i * (part.cols + 2);
        } else {
            part.rows = (box->rows + 1) / n - 1;
            part.row += i * (part.rows + 1);
        }
        if (part.rows >= MIN_ROWS && part.cols >= SIDE_COLS) {
            latency_draw(view, &part, metrics[i], row_histogram(row, metrics[i]->index));
        }
    }
}
