/* SPDX-License-Identifier: MIT */
/*
 * A row's history, large. One column is a whole number of seconds, or a second a whole number of
 * columns; the newest stands at the right.
 */
#include "view/view.h"

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

/* How time is laid out: a value of `step` seconds takes `repeat` slots, a cell has one or two. */
struct scale {
    int width; /* cells */
    int per_cell;
    int step, repeat;
    int n; /* values */
};

static struct scale scale_take(const struct wc_view *view, int seconds)
{
    struct scale scale = {.width = view->grid->cols - AXIS_WIDTH - 1};
    scale.width = scale.width > MAX_COLS ? MAX_COLS : scale.width;
    scale.per_cell = wc_spark_per_cell(view->tier);
    int slots = scale.width * scale.per_cell;
    scale.step = slots > 0 ? (seconds + slots - 1) / slots : 1;
    scale.repeat = slots / seconds > 1 ? slots / seconds : 1;
    scale.n = slots / scale.repeat;
    return scale;
}

/* In the details the long view, once there is more to see than in the short one. */
static struct scale scale_choose(const struct wc_view *view, const struct wc_history *history,
                                 double *values)
{
    struct scale near = scale_take(view, SHORT_SECONDS);
    struct scale far = scale_take(view, LONG_SECONDS);
    if (!view->ui->is_detail || far.n <= 0) {
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

/* The cell in which a moment so many seconds ago stands, from the right. */
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

/* The greatest number of the axis: the next of 1, 1.5, 2, ... 10 times a power of ten. */
static double graph_scale(double max)
{
    static const double steps[] = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10};
    if (!(max > 4)) {
        return 4;
    }
    double power = pow(10, floor(log10(max)));
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (max <= steps[i] * power) {
            return steps[i] * power;
        }
    }
    return max;
}

static void graph_label(const struct wc_view *view, int row, double value, bool is_ratio)
{
    char text[WC_FORMAT_SIZE];
    if (is_ratio) {
        wc_format_percent(text, value);
    } else {
        wc_format_count(text, value);
    }
    wc_grid_text_right(view->grid, row, 0, AXIS_WIDTH - 2, WC_LABEL, text);
}

static void graph_title(const struct wc_view *view, int row, const Weir__V1__Row *of,
                        const Weir__V1__Metric *metric, int step)
{
    char text[256], every[WC_FORMAT_SIZE];
    int col = 2;

    col += wc_grid_text(view->grid, row, col, view->grid->cols - col, WC_STRONG, of->name) + 2;
    wc_format_uptime(every, step);
    if (step > 1) {
        snprintf(text, sizeof(text), "%.120s, the greatest of each %s", metric->summary, every);
    } else {
        snprintf(text, sizeof(text), "%.120s, second by second", metric->summary);
    }
    wc_grid_text(view->grid, row, col, view->grid->cols - col, WC_LABEL, text);
}

static void graph_frame(const struct wc_view *view, int row, int height, double max, bool is_ratio)
{
    for (int i = 0; i < height; i++) {
        wc_grid_put(view->grid, row + i, AXIS_WIDTH - 1, view->grid->ascii ? '|' : 0x2502,
                    WC_LABEL);
    }
    graph_label(view, row, max, is_ratio);
    if (height >= 5) {
        graph_label(view, row + height / 2, max * (height - height / 2) / height, is_ratio);
    }
    graph_label(view, row + height - 1, 0, is_ratio);
}

void wc_view_graph(const struct wc_view *view, int row, int rows, int kind, const Weir__V1__Row *of)
{
    double values[2 * MAX_COLS], slots[2 * MAX_COLS];
    const char *field = wc_model_trend_field(kind);
    const Weir__V1__Metric *metric = field ? wc_model_metric(view->model, kind, field) : NULL;
    const struct wc_history *history = wc_model_history(view->model, kind, of->id);
    struct scale scale = scale_choose(view, history, values);
    int height = rows - 2;
    height -= height > 4 ? height % 2 : 0; /* the middle is half */

    if (!metric || height < 2 || scale.width < 20) {
        return;
    }
    double max = wc_history_columns(history, wc_model_picture(view->model)->second, scale.step,
                                    scale.n, values);
    int n_slots = scale.width * scale.per_cell;
    int first = n_slots - scale.n * scale.repeat; /* the newest is flush with the right end */
    for (int i = 0; i < n_slots; i++) {
        slots[i] = i < first ? NAN : values[(i - first) / scale.repeat];
    }
    bool is_ratio = strcmp(metric->unit, "ratio") == 0;
    max = is_ratio ? 1 : graph_scale(max);
    graph_title(view, row, of, metric, scale.step);
    graph_frame(view, row + 1, height, max, is_ratio);
    wc_spark_graph(view->grid, row + 1, AXIS_WIDTH, height, view->tier, slots, n_slots, max,
                   WC_GRAPH);
    graph_axis(view, row + 1 + height, AXIS_WIDTH, &scale);
}
