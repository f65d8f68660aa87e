/* SPDX-License-Identifier: MIT */
/*
 * The whole screen as a grid of cells: the body that the layout asks for, and the lines around it.
 *
 * The input is the model, the state of the screen (ui) and a layout; the output is a grid, which
 * the caller owns. Nothing here makes decisions, keeps state or sends requests, and there is no
 * terminal, so that a test can compare a screen. A grid is drawn again each time; term/ sends only
 * the changes.
 *
 * Parts draw from top to bottom and use only those below them (part.h). All texts of metrics are
 * the server's. Text of a peer may hold any bytes; grid.c makes it harmless, and everything is
 * clipped to the grid. A terminal that is too small gets one line that says so. The console's one
 * thread.
 */
#include "view/view.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* The criteria of worst-first order: the columns' captions, as far as the process has them. */
static void view_worst(const struct wc_view *view, int row, int col)
{
    const struct wc_column_table *table = wc_column_table(view->ui->tab);
    struct wc_grid *grid = view->grid;
    char text[128];
    int length = snprintf(text, sizeof(text), "by warnings");
    for (int i = 0; i < 2; i++) {
        int at = table->worst[i] && wc_model_metric(view->model, table->kind, table->worst[i])
                     ? wc_column_find(view->ui->tab, table->worst[i])
                     : -1;
        if (at >= 0) {
            length += snprintf(text + length, sizeof(text) - (size_t)length, ", then %.30s",
                               table->columns[at].caption);
        }
    }
    col += wc_grid_text(grid, row, col, grid->cols - col, WC_ACCENT, "WORST FIRST") + 1;
    wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL, text);
}

/* The column by which the tab is sorted, in the words of the Description. */
static void view_info(const struct wc_view *view)
{
    const struct wc_ui *ui = view->ui;
    const struct wc_column_table *table = wc_column_table(ui->tab);
    int sort = ui->list[ui->tab].sort;
    const struct wc_screen_column *column = &table->columns[sort == WC_SORT_WORST ? 0 : sort];
    struct wc_grid *grid = view->grid;
    int row = view->layout->info_row, col = 2;

    if (ui->message[0]) {
        wc_grid_text(grid, row, col, grid->cols - col, WC_WARN, ui->message);
        return;
    }
    const Weir__V1__Metric *metric =
        column->field ? wc_model_metric(view->model, table->kind, column->field) : NULL;
    const Weir__V1__Row *selected = wc_ui_selected(ui, view->model, ui->tab);
    if (ui->tab == WC_TAB_WARNINGS || wc_ui_is_detail(ui) ||
        !wc_model_has_kind(view->model, table->kind)) {
        return;
    }
    if (sort == WC_SORT_WORST) {
        view_worst(view, row, col);
        return;
    }
    col += wc_grid_text(grid, row, col, grid->cols - col, WC_ACCENT, column->caption) + 1;
    if (metric) {
        wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL, metric->help);
    } else if (selected) {
        wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL, selected->name);
    }
}

static const struct {
    char mark;
    enum wc_style style;
} severities[] = {[WC_FINE] = {' ', WC_PLAIN},
                  [WC_INFO] = {'i', WC_PLAIN},
                  [WC_WARNING] = {'W', WC_WARN},
                  [WC_SEVERE] = {'C', WC_CRITICAL}};

/* One warning in as many lines as it needs, at most `rows`; returns their number. `more` follows it
 * in the last one. */
static int warning_text(const struct wc_view *view, const struct wc_warning *warning, int row,
                        int rows, const char *more)
{
    const struct wc_rows *table =
        &wc_model_picture(view->model)->list[WEIR__V1__KIND__KIND_WARNING];
    const char *subject = wc_model_text(view->model, table, warning->row, "subject");
    const char *text = wc_model_text(view->model, table, warning->row, "text");
    enum wc_severity severity = warning->severity;
    int width = view->grid->cols - 2;
    char line[1024];

    bool has_subject = !subject[0] || strstr(text, subject);
    snprintf(line, sizeof(line), "%.200s%s%.700s", has_subject ? "" : subject,
             has_subject ? "" : ": ", text);
    wc_grid_put(view->grid, row, 0, (uint32_t)severities[severity].mark,
                severities[severity].style);
    const char *rest = line;
    int used = 1, col = 2;
    int first = rows > 1 && wc_grid_width(line, view->grid->ascii) > width - (int)strlen(more)
                    ? (int)wc_text_break(line, width)
                    : 0;
    if (first > 0) {
        char head[1024];
        snprintf(head, sizeof(head), "%.*s", first, line);
        wc_grid_text(view->grid, row, col, width, severities[severity].style, head);
        rest = line + first + 1;
        used = 2;
    }
    row += used - 1;
    col += wc_grid_text(view->grid, row, col, width - (int)strlen(more), severities[severity].style,
                        rest);
    wc_grid_text(view->grid, row, col, (int)strlen(more), WC_LABEL, more);
    return used;
}

/* The worst warning, in full if that takes two lines; else the next one below it. */
static void view_warnings(const struct wc_view *view)
{
    const struct wc_layout *layout = view->layout;
    const struct wc_warning *worst = wc_model_warning(view->model, 0);
    const struct wc_warning *next = wc_model_warning(view->model, 1);
    size_t all = wc_model_n_warnings(view->model);
    struct wc_grid *grid = view->grid;
    char more[WC_FORMAT_SIZE] = "";

    if (!worst) {
        bool has_notice = view->model->notice[0] != '\0';
        bool is_known = wc_model_picture(view->model)->update != NULL;
        wc_grid_text(grid, layout->warning_row, 2, grid->cols - 2, has_notice ? WC_WARN : WC_LABEL,
                     has_notice ? view->model->notice
                     : is_known ? "no warnings"
                                : "");
        return;
    }
    if (layout->warning_rows > 1 && next) {
        snprintf(more, sizeof(more), all > 2 ? " (w: %zu more)" : "", all - 2);
        warning_text(view, worst, layout->warning_row, 1, "");
        warning_text(view, next, layout->warning_row + 1, 1, more);
        return;
    }
    snprintf(more, sizeof(more), all > 1 ? " (w: %zu more)" : "", all - 1);
    int used = warning_text(view, worst, layout->warning_row, layout->warning_rows, more);
    if (used < layout->warning_rows) {
        wc_grid_text(grid, layout->warning_row + used, 2, grid->cols - 2, WC_WARN,
                     view->model->notice);
    }
}

static void view_too_small(const struct wc_view *view)
{
    char text[80];
    snprintf(text, sizeof(text), "weir needs %dx%d", WC_MIN_COLS, WC_MIN_ROWS);
    wc_grid_text(view->grid, 0, 0, view->grid->cols, WC_WARN, text);
    snprintf(text, sizeof(text), "this is %dx%d", view->grid->cols, view->grid->rows);
    wc_grid_text(view->grid, 1, 0, view->grid->cols, WC_LABEL, text);
    wc_grid_text(view->grid, 2, 0, view->grid->cols, WC_LABEL, "q quits");
}

void wc_view_draw(const struct wc_view *view)
{
    const struct wc_layout *layout = view->layout;

    wc_grid_clear(view->grid);
    if (layout->is_too_small) {
        view_too_small(view);
        return;
    }
    wc_view_header(view);
    if (wc_ui_is_detail(view->ui)) {
        wc_view_detail(view);
    }
    for (int i = 0; i < layout->n_sections; i++) {
        wc_view_section(view, &layout->section[i]);
    }
    if (layout->finding_rows > 0) {
        wc_view_finding(view);
    }
    const Weir__V1__Row *selected = wc_ui_selected(view->ui, view->model, view->ui->tab);
    int kind = wc_column_table(view->ui->tab)->kind;
    const char *trend = wc_model_trend_field(view->model, kind);
    const Weir__V1__Metric *metric = trend ? wc_model_metric(view->model, kind, trend) : NULL;
    if (layout->graph_rows > 0 && selected && metric) {
        struct wc_box box = {layout->graph_row, 0, layout->graph_rows, view->grid->cols};
        wc_view_graph(view, &box, metric, selected->id, selected->name);
    }
    view_info(view);
    view_warnings(view);
    wc_view_footer(view);
    if (view->ui->is_help) {
        wc_view_help(view);
    }
}
