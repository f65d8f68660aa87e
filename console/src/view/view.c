/* SPDX-License-Identifier: MIT */
/*
 * The whole screen: the body that the layout asks for, and the three lines below it.
 */
#include "view/view.h"

#include <stdio.h>
#include <string.h>

#include "input/key.h"

/* The column by which the tab is sorted, in the words of the Description. */
static void view_info(const struct wc_view *view)
{
    const struct wc_ui *ui = view->ui;
    const struct wc_column_table *table = wc_column_table(ui->tab);
    const struct wc_screen_column *column = &table->columns[ui->list[ui->tab].sort];
    struct wc_grid *grid = view->grid;
    int row = view->layout->info_row, col = 2;

    if (ui->message[0]) {
        wc_grid_text(grid, row, col, grid->cols - col, WC_WARN, ui->message);
        return;
    }
    const Weir__V1__Metric *metric =
        column->field ? wc_model_metric(view->model, table->kind, column->field) : NULL;
    const Weir__V1__Row *selected = wc_ui_selected(ui, view->model, ui->tab);
    if (ui->tab == WC_TAB_WARNINGS) {
        return;
    }
    col += wc_grid_text(grid, row, col, grid->cols - col, WC_ACCENT, column->caption) + 1;
    if (metric) {
        wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL, metric->help);
    } else if (selected) {
        wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL, selected->name);
    }
}

static void view_warning(const struct wc_view *view)
{
    const Weir__V1__Row *rows[2];
    const struct wc_rows *table =
        &wc_model_picture(view->model)->list[WEIR__V1__KIND__KIND_WARNING];
    size_t n = wc_model_warnings(view->model, rows, 2);
    int row = view->layout->warning_row, width = view->grid->cols - 2;
    struct wc_grid *grid = view->grid;

    if (n == 0) {
        bool has_notice = view->model->notice[0] != '\0';
        wc_grid_text(grid, row, 2, width, has_notice ? WC_WARN : WC_LABEL,
                     has_notice                              ? view->model->notice
                     : wc_model_picture(view->model)->update ? "no warnings"
                                                             : "");
        return;
    }
    enum wc_severity severity = wc_model_severity(view->model, rows[0]);
    enum wc_style style = severity == WC_SEVERE    ? WC_CRITICAL
                          : severity == WC_WARNING ? WC_WARN
                                                   : WC_PLAIN;
    char more[WC_FORMAT_SIZE] = "";
    uint32_t all = wc_ui_matching(view->model, WC_TAB_WARNINGS);
    if (all > 1) {
        snprintf(more, sizeof(more), " (w: %u more)", all - 1);
    }
    int room = width - (int)strlen(more);
    wc_grid_put(grid, row, 0,
                severity == WC_SEVERE    ? 'C'
                : severity == WC_WARNING ? 'W'
                                         : 'i',
                style);
    const char *subject = wc_model_text(view->model, table, rows[0], "subject");
    const char *text = wc_model_text(view->model, table, rows[0], "text");
    int col = 2;
    if (subject[0] && !strstr(text, subject)) {
        col += wc_grid_text(grid, row, col, room / 2, style, subject);
        col += wc_grid_text(grid, row, col, 2, style, ": ");
    }
    col += wc_grid_text(grid, row, col, room - (col - 2), style, text);
    wc_grid_text(grid, row, col, (int)strlen(more), WC_LABEL, more);
}

/* The keys that matter, in the order of their table, as far as there is room. */
static void view_footer(const struct wc_view *view)
{
    const struct wc_ui *ui = view->ui;
    struct wc_grid *grid = view->grid;
    int row = view->layout->footer_row, col = 1;

    if (ui->prompt != WC_PROMPT_NONE) {
        const char *label =
            ui->prompt == WC_PROMPT_SEARCH ? "search: " : "show only names that hold or match: ";
        col += wc_grid_text(grid, row, col, grid->cols - col, WC_ACCENT, label);
        col += wc_grid_text(grid, row, col, grid->cols - col - 1, WC_STRONG, ui->typed);
        wc_grid_flag(grid, row, col, 1, WC_REVERSE);
        return;
    }
    if (ui->is_detail) {
        wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL,
                     "Esc back   up down: the next row   Space freeze   ? help   q quit");
        return;
    }
    const struct wc_key_row *key;
    for (size_t i = 0; (key = wc_key_row(i)) != NULL; i++) {
        if (!key->footer) {
            continue;
        }
        int need = (int)strlen(key->footer_key) + 1 + (int)strlen(key->footer);
        if (col + need > grid->cols) {
            break;
        }
        col += wc_grid_text(grid, row, col, grid->cols - col, WC_STRONG, key->footer_key) + 1;
        col += wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL, key->footer);
        col += grid->cols >= 100 ? 3 : 2;
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
    if (view->ui->is_detail) {
        wc_view_detail(view);
    }
    for (int i = 0; i < layout->n_sections; i++) {
        wc_view_section(view, &layout->section[i]);
    }
    const Weir__V1__Row *selected = wc_ui_selected(view->ui, view->model, view->ui->tab);
    if (layout->graph_rows > 0 && selected) {
        wc_view_graph(view, layout->graph_row, layout->graph_rows,
                      wc_column_table(view->ui->tab)->kind, selected);
    }
    view_info(view);
    view_warning(view);
    view_footer(view);
    if (view->ui->is_help) {
        wc_view_help(view);
    }
}
