/* SPDX-License-Identifier: MIT */
/*
 * A row's history as a large graph. One column is a whole number of seconds, or one second a whole
 * number of columns; the newest is at the right.
 */
#include "view/part.h"

#include "model/title.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define AXIS_WIDTH    8
#define SHORT_SECONDS 60  /* shown beside the tables, at least */
#define LONG_SECONDS  300 /* in the details */
#define MAX_COLS      1024
#define TICK_EVERY    15 /* columns between two marks, at least */

/* "-75s", "-2m30s". */
static void tick_text(char to[WC_FORMAT_SIZE], int seconds)
{
    char text[WC_FORMAT_SIZE];
    wc_format_uptime(text, seconds);
    if (seconds >= 60 && seconds % 60 == 0) {
        snprintf(text, sizeof(text), "%dm", seconds / 60);
    }
    snprintf(to, WC_FORMAT_SIZE, "-%.30s", text);
}

/* The layout of time: a value of `step` seconds takes `repeat` slots, a cell has one or two. */
struct scale {
    int width; /* cells */
    int per_cell;
    int step, repeat;
    int n; /* values */
};

static struct scale scale_take(const struct wc_view *view, int cols, int seconds)
{
    struct scale scale = {.width = cols - AXIS_WIDTH - 1};
    scale.width = scale.width > MAX_COLS ? MAX_COLS : scale.width;
    scale.per_cell = wc_spark_per_cell(view->tier);
    int slots = scale.width * scale.per_cell;
    scale.step = slots > 0 ? (seconds + slots - 1) / slots : 1;
    scale.repeat = slots / seconds > 1 ? slots / seconds : 1;
    scale.n = slots / scale.repeat;
    return scale;
}

/* In the details the long period, once it shows more than the short one. */
static struct scale scale_choose(const struct wc_view *view, int cols,
                                 const struct wc_history *history, double *values)
{
    struct scale near = scale_take(view, cols, SHORT_SECONDS);
    struct scale far = scale_take(view, cols, LONG_SECONDS);
    if (!wc_ui_is_detail(view->ui) || far.n <= 0) {
        return near;
    }
    wc_history_columns(history, wc_model_picture(view->model)->second, far.step, far.n, values);
    for (int i = 0; i < far.n - near.n * near.step / far.step; i++) {
        if (!isnan(values[i])) {
            return far;
        }
    }
    return near;
}

/* The cell of a moment so many seconds ago, from the right. */
static int scale_cell(const struct scale *scale, int seconds)
{
    return seconds * scale->repeat / (scale->step * scale->per_cell);
}

/* The line under the graph: how long ago each part was. */
static void graph_axis(const struct wc_view *view, int row, int col, const struct scale *scale)
{
    static const int units[] = {5, 10, 15, 30, 60, 120, 300};
    int unit = units[0];
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        unit = units[i];
        if (scale_cell(scale, unit) >= TICK_EVERY) {
            break;
        }
    }
    int right = col + scale->width;
    wc_grid_text_right(view->grid, row, right - 3, 3, WC_LABEL, "now");
    for (int seconds = unit; scale_cell(scale, seconds) < scale->width; seconds += unit) {
        char text[WC_FORMAT_SIZE];
        tick_text(text, seconds);
        int length = (int)strlen(text);
        int at = right - 1 - scale_cell(scale, seconds) - length / 2;
        if (at >= col && at + length < right - 4) {
            wc_grid_text(view->grid, row, at, length, WC_LABEL, text);
        }
    }
}

static bool unit_is(const Weir__V1__Metric *metric, const char *unit)
{
    return strcmp(metric->unit, unit) == 0;
}

/* The greatest number of the axis: the next of 1, 1.5, 2, ... 10 times a power of ten. For counts
 * it is never so small that a single one fills the graph. */
static double graph_scale(const Weir__V1__Metric *metric, double max)
{
    static const double steps[] = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10};
    bool is_fine = unit_is(metric, "seconds") || unit_is(metric, "ratio");
    if (unit_is(metric, "ratio") && max <= 1) {
        return 1;
    }
    if (!(max > (is_fine ? 0 : 4))) {
        return is_fine ? 1 : 4;
    }
    double power = pow(10, floor(log10(max)));
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (max <= steps[i] * power) {
            return steps[i] * power;
        }
    }
    return max;
}

/* The row of that id, in whichever table it is; NULL: in none. */
static const Weir__V1__Row *capacity_row(const struct wc_rows *rows, int kind, uint64_t id)
{
    bool is_kind = rows->table && (int)rows->table->kind == kind;
    for (size_t i = 0; is_kind && i < rows->table->n_rows; i++) {
        if (rows->table->rows[i]->id == id) {
            return rows->table->rows[i];
        }
    }
    return NULL;
}

double wc_view_capacity(const struct wc_view *view, const Weir__V1__Metric *metric, uint64_t id)
{
    const int kind = WEIR__V1__KIND__KIND_CHANNEL;
    const struct wc_picture *picture = wc_model_picture(view->model);
    const struct wc_rows *const places[] = {&picture->list[kind], &picture->detail};
    double capacity = 0;
    if ((int)metric->kind != kind || strcmp(metric->field, "depth") != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && capacity <= 0; i++) {
        const Weir__V1__Row *row = capacity_row(places[i], kind, id);
        if (!row || !wc_model_number(view->model, places[i], row, "capacity", &capacity)) {
            capacity = 0;
        }
    }
    return capacity;
}

/* Whether the row's metric is in bytes, though the metric is of messages: its channel counts bytes. */
static bool graph_is_in_bytes(const struct wc_view *view, const Weir__V1__Metric *metric,
                              uint64_t id)
{
    const int kind = WEIR__V1__KIND__KIND_CHANNEL;
    const struct wc_picture *picture = wc_model_picture(view->model);
    const struct wc_rows *const places[] = {&picture->list[kind], &picture->detail};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const Weir__V1__Row *row = capacity_row(places[i], kind, id);
        const Weir__V1__Table *table = places[i]->table;
        if (row && wc_row_unit(table->columns, table->n_columns, row, metric) != metric->unit) {
            return true;
        }
    }
    return false;
}

static void graph_label(const struct wc_view *view, int row, int col,
                        const Weir__V1__Metric *metric, double value)
{
    char text[WC_FORMAT_SIZE];
    if (unit_is(metric, "ratio")) {
        wc_format_percent(text, value);
    } else if (unit_is(metric, "seconds")) {
        wc_format_latency(text, value);
    } else {
        wc_format_count(text, value);
    }
    wc_grid_text_right(view->grid, row, col, AXIS_WIDTH - 2, WC_LABEL, text);
}

/* How much of the title fits: with the metric and the time of one column, or less. */
static void graph_title(const struct wc_view *view, const struct wc_box *box, const char *name,
                        const Weir__V1__Metric *metric, uint64_t id, int step)
{
    char text[256], every[WC_FORMAT_SIZE], of[WC_FORMAT_SIZE + 8] = "", most[WC_FORMAT_SIZE];
    char words[WI_METRIC_TEXT];
    bool in_bytes = graph_is_in_bytes(view, metric, id);
    double capacity = wc_view_capacity(view, metric, id);
    int col = box->col + 2, end = box->col + box->cols;
    const char *summary =
        in_bytes ? wi_metric_text_in_bytes(metric->summary, words) : metric->summary;

    wc_format_uptime(every, step);
    if (capacity > 0) {
        if (in_bytes) {
            wc_format_bytes(most, capacity);
        } else {
            wc_format_whole(most, capacity);
        }
        snprintf(of, sizeof(of), " of %s", most);
    }
    if (step > 1) {
        snprintf(text, sizeof(text), "%.120s%s, each column the highest second of %s", summary, of,
                 every);
    } else {
        snprintf(text, sizeof(text), "%.120s%s, second by second", summary, of);
    }
    col +=
        wc_grid_text(view->grid, box->row, col, end - col, WC_STRONG, name ? name : metric->field) +
        2;
    if (wc_grid_width(text, view->grid->ascii) > end - col) {
        snprintf(text, sizeof(text), "%.120s%s", summary, of);
    }
    wc_grid_text(view->grid, box->row, col, end - col, WC_LABEL, text);
}

static void graph_frame(const struct wc_view *view, int row, int col, int height,
                        const Weir__V1__Metric *metric, double max)
{
    for (int i = 0; i < height; i++) {
        wc_grid_put(view->grid, row + i, col + AXIS_WIDTH - 1, view->grid->ascii ? '|' : 0x2502,
                    WC_LABEL);
    }
    graph_label(view, row, col, metric, max);
    if (height >= 5) {
        graph_label(view, row + height / 2, col, metric, max * (height - height / 2) / height);
    }
    graph_label(view, row + height - 1, col, metric, 0);
}

void wc_view_graph(const struct wc_view *view, const struct wc_box *box,
                   const Weir__V1__Metric *metric, uint64_t id, const char *name)
{
    double values[2 * MAX_COLS], slots[2 * MAX_COLS];
    const struct wc_history *history = wc_model_history_of(view->model, metric, id);
    struct scale scale = scale_choose(view, box->cols, history, values);
    int height = box->rows - 2, row = box->row + 1, col = box->col + AXIS_WIDTH;
    height -= height > 4 ? height % 2 : 0; /* the middle is half */

    if (height < 2 || scale.width < 20) {
        return;
    }
    double max = wc_history_columns(history, wc_model_picture(view->model)->second, scale.step,
                                    scale.n, values);
    int n_slots = scale.width * scale.per_cell;
    int first = n_slots - scale.n * scale.repeat; /* the newest is flush with the right end */
    for (int i = 0; i < n_slots; i++) {
        slots[i] = i < first ? NAN : values[(i - first) / scale.repeat];
    }
    double capacity = wc_view_capacity(view, metric, id);
    max = capacity >= max && capacity > 0 ? capacity : graph_scale(metric, max);
    graph_title(view, box, name, metric, id, scale.step);
    graph_frame(view, row, box->col, height, metric, max);
    struct wc_spark spark = {view->grid, row, col, view->tier, WC_GRAPH};
    wc_spark_graph(&spark, height, slots, n_slots, max);
    graph_axis(view, row + height, col, &scale);
}
