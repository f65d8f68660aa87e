/* SPDX-License-Identifier: MIT */
/*
 * A row's history, large. One column is a whole number of seconds, or a second a whole number of
 * columns; the newest stands at the right.
 */
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define AXIS_WIDTH 8
#define MAX_COLS   1024
#define TICK_EVERY 15 /* columns between two marks, at least */

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

/* The line under the graph: how long ago each part was. */
static void graph_axis(const struct wc_view *view, int row, int col, int width, int step)
{
    static const int units[] = {5, 10, 15, 30, 60, 120, 300};
    int unit = units[0];
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        unit = units[i];
        if (unit >= TICK_EVERY * step) {
            break;
        }
    }
    wc_grid_text_right(view->grid, row, col + width - 3, 3, WC_LABEL, "now");
    for (int seconds = unit; seconds < width * step; seconds += unit) {
        char text[WC_FORMAT_SIZE];
        tick_text(text, seconds);
        int length = (int)strlen(text);
        int at = col + width - 1 - seconds / step;
        if (at - length / 2 >= col && at + length < col + width - 3) {
            wc_grid_text(view->grid, row, at - length / 2, length, WC_LABEL, text);
        }
    }
}

/* The greatest number of the axis: the next of 1, 2, 3, 4, 5, 6, 8, 10 times a power of ten. */
static double graph_scale(double max)
{
    static const double steps[] = {1, 2, 3, 4, 5, 6, 8, 10};
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

void wc_view_graph(const struct wc_view *view, int row, int rows, int kind, const Weir__V1__Row *of)
{
    double values[2 * MAX_COLS];
    const char *field = wc_model_trend_field(kind);
    const Weir__V1__Metric *metric = field ? wc_model_metric(view->model, kind, field) : NULL;
    int width = view->grid->cols - AXIS_WIDTH - 1;
    int height = rows - 2;

    if (!metric || height < 2 || width < 20) {
        return;
    }
    width = width > MAX_COLS ? MAX_COLS : width;
    int per_cell = wc_spark_per_cell(view->tier);
    int step = view->ui->is_detail ? (WC_HISTORY_SECONDS + width - 1) / width : 1;
    step = per_cell > 1 && step == 1 && view->ui->is_detail ? 2 : step; /* of a cell */
    int value_step = step >= per_cell ? step / per_cell : 1;
    int n = width * per_cell;
    step = value_step * per_cell;
    double max = wc_history_columns(wc_model_history(view->model, kind, of->id),
                                    wc_model_picture(view->model)->second, value_step, n, values);
    bool is_ratio = strcmp(metric->unit, "ratio") == 0;
    double scale = is_ratio ? 1 : graph_scale(max);

    graph_title(view, row, of, metric, value_step);
    for (int i = 0; i < height; i++) {
        wc_grid_put(view->grid, row + 1 + i, AXIS_WIDTH - 1, view->grid->ascii ? '|' : 0x2502,
                    WC_LABEL);
    }
    graph_label(view, row + 1, scale, is_ratio);
    if (height >= 5) {
        graph_label(view, row + 1 + height / 2, scale * (height - height / 2) / height, is_ratio);
    }
    graph_label(view, row + height, 0, is_ratio);
    wc_spark_graph(view->grid, row + 1, AXIS_WIDTH, height, view->tier, values, n, scale, WC_GRAPH);
    graph_axis(view, row + 1 + height, AXIS_WIDTH, width, step);
}
