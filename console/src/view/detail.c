/* SPDX-License-Identifier: MIT */
/*
 * One row in full, in pages: an overview, distributions, reasons, what belongs to the row, and all
 * its fields. On a large screen the overview has the other pages beside it.
 *
 *     name  [Overview] Latency  Rejects  Senders  Fields
 *     graphs of the field in use and of others
 *     fields | latency | reasons, senders
 *     help of the field in use
 */
#include "view/part.h"

#include "model/party.h"
#include "model/title.h"

#include <stdio.h>
#include <string.h>

#define SUMMARY_COLS   56 /* from this width on a column shows the summary, too */
#define WIDE_COLS      72 /* no column is wider: the eye must find the value */
#define FIELD_COLS     21
#define NARROW_COLS    26
#define GRAPH_MIN_ROWS 5
#define GRAPH_MAX_ROWS 30
#define GRAPH_COLS     60 /* the least width of a pane that stands beside another */
#define MAX_GRAPHS     3
#define PANE_MIN_ROWS  8
#define PANES_COLS     120 /* from this width on panes stand beside the fields */
#define THREE_COLS     180
#define PANE_FIELDS    60
#define TALL_ROWS      30

/* A text with the word for the party of the row whose details are open. */
static const char *detail_words(const struct wc_view *view, const char *text,
                                char room[WC_PARTY_TEXT])
{
    const struct wc_rows *table;
    const Weir__V1__Row *row = wc_ui_detail(view->ui, view->model, &table);
    return wc_party_text(text, row && wc_party_is_receiver(view->model, table, row), room);
}

/* An absent capacity is a word here, as in the table. */
static bool metric_is_capacity(const struct wc_view *view, const Weir__V1__Metric *metric)
{
    const struct wc_column_table *table = wc_column_table(view->ui->tab);
    int at = wc_column_find(view->ui->tab, metric->field);
    return at >= 0 && table->columns[at].type == WC_COLUMN_CAPACITY;
}

static void detail_field(const struct wc_view *view, const struct wc_box *box,
                         const Weir__V1__Metric *metric, const char *unit,
                         const Weir__V1__Value *value)
{
    char text[WC_FORMAT_SIZE], words[WC_PARTY_TEXT];
    double number;
    int row = box->row, col = box->col, width = box->cols;
    bool is_dim = !value || (wc_model_as_number(value, &number) && number == 0);

    wc_view_value(text, metric, unit, value);
    if (!value && metric_is_capacity(view, metric)) {
        snprintf(text, sizeof(text), "unbounded");
    }
    int need = wc_grid_width(text, view->grid->ascii);
    int most = width - wc_grid_width(metric->field, view->grid->ascii) - 1;
    most = most > width / 2 ? most : width / 2;
    need = need > most ? most : need;
    int room = width - need - 1;
    if (width >= SUMMARY_COLS && metric->summary[0]) {
        wc_grid_text(view->grid, row, col, FIELD_COLS - 1, WC_PLAIN, metric->field);
        wc_grid_text(view->grid, row, col + FIELD_COLS, room - FIELD_COLS, WC_LABEL,
                     detail_words(view, metric->summary, words));
    } else {
        wc_grid_text(view->grid, row, col, room, WC_LABEL, metric->field);
    }
    wc_grid_text_right(view->grid, row, col + width - need, need, is_dim ? WC_LABEL : WC_STRONG,
                       text);
    if (metric == wc_ui_field(view->ui, view->model)) {
        wc_grid_flag(view->grid, row, col, width, WC_REVERSE);
    }
}

/* The arrangement of the fields: the widest columns that still fit. */
static int detail_columns(int cols, int n_fields, int rows)
{
    for (int n = 1 + (cols - 1) / WIDE_COLS; n <= cols / NARROW_COLS; n++) {
        if ((n_fields + n - 1) / n <= rows) {
            return n;
        }
    }
    return cols / NARROW_COLS > 0 ? cols / NARROW_COLS : 1;
}

/* A page's fields, column by column; those around the one in use if not all fit. */
static void detail_fields(const struct wc_view *view, const struct wc_box *box, int n_columns,
                          const struct wc_rows *table, const Weir__V1__Row *row)
{
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    const struct wc_ui *ui = view->ui;
    int n = (int)wc_page_metrics(view->model, wc_column_table(ui->tab)->kind,
                                 ui->detail[ui->tab].page, metrics);
    int n_rows = (n + n_columns - 1) / n_columns, at = 0;
    n_rows = n_rows > box->rows ? box->rows : n_rows;
    int width = (box->cols + 2) / n_columns - 2, room = n_rows * n_columns;

    if (n_rows <= 0 || width <= 0) {
        return;
    }
    for (int i = 0; i < n; i++) {
        at = metrics[i] == wc_ui_field(ui, view->model) ? i : at;
    }
    int first = at - room / 2 > n - room ? n - room : at - room / 2;
    first = first < 0 ? 0 : first;
    for (int i = 0; i < room && first + i < n; i++) {
        struct wc_box cell = {box->row + i % n_rows, box->col + i / n_rows * (width + 2), 1, width};
        const Weir__V1__Metric *metric = metrics[first + i];
        const char *unit = wc_row_unit(table->table->columns, table->table->n_columns, row, metric);
        detail_field(view, &cell, metric, unit, wc_model_value(table, row, metric));
    }
}

/* The metrics to draw, the field in use first when it is a number. */
static int graphs_choose(const struct wc_view *view, const struct wc_rows *table,
                         const Weir__V1__Row *row, int most,
                         const Weir__V1__Metric *ret_metrics[MAX_GRAPHS])
{
    int kind = wc_column_table(view->ui->tab)->kind, n = 0;
    const Weir__V1__Metric *field = wc_ui_field(view->ui, view->model);
    double number;

    if (field && wc_model_as_number(wc_model_value(table, row, field), &number)) {
        ret_metrics[n++] = field;
    }
    for (int i = 0; i < MAX_GRAPHS && n < most; i++) {
        int at = wi_metric_graph((enum wi_kind)kind, (enum wi_graph)(WI_GRAPH_TREND + i));
        const Weir__V1__Metric *metric =
            at < 0 ? NULL
                   : wc_model_metric(view->model, kind,
                                     wi_metric_table((enum wi_kind)kind)->metrics[at].field);
        bool is_there =
            !metric || (!wc_model_as_number(wc_model_value(table, row, metric), &number) &&
                        !wc_model_history_of(view->model, metric, row->id));
        for (int k = 0; k < n; k++) {
            is_there = is_there || ret_metrics[k] == metric;
        }
        if (!is_there) {
            ret_metrics[n++] = metric;
        }
    }
    return n;
}

static void detail_graphs(const struct wc_view *view, const struct wc_box *box,
                          const struct wc_rows *table, const Weir__V1__Row *row)
{
    const Weir__V1__Metric *metrics[MAX_GRAPHS];
    int most = box->cols / GRAPH_COLS < 1 ? 1 : box->cols / GRAPH_COLS;
    int n = graphs_choose(view, table, row, most > MAX_GRAPHS ? MAX_GRAPHS : most, metrics);
    for (int i = 0; i < n; i++) {
        int width = box->cols / n;
        struct wc_box part = {box->row, box->col + i * width, box->rows, width};
        wc_view_graph(view, &part, metrics[i], row->id, NULL);
    }
}

static void detail_part(const struct wc_view *view, const struct wc_box *box)
{
    struct wc_part part;
    const struct wc_ui *ui = view->ui;
    int kind = wc_column_table(ui->tab)->kind;
    int tab = wc_page_part(kind, &part) ? wc_column_tab(part.kind) : -1;
    bool is_page = ui->detail[ui->tab].page == WC_PAGE_PART;
    if (tab >= 0) {
        wc_view_rows(view, box, (enum wc_tab)tab, &wc_model_picture(view->model)->part,
                     is_page ? (int)ui->detail[ui->tab].cursor : -1);
    }
}

/* Reasons above, the rows that belong to the row below. */
static void pane_rest(const struct wc_view *view, const struct wc_box *box,
                      const struct wc_rows *table, const Weir__V1__Row *row)
{
    int kind = wc_column_table(view->ui->tab)->kind;
    int used = wc_view_reasons(view, box, table, row);
    struct wc_box rest = *box;
    rest.row += used > 0 ? used + 1 : 0;
    rest.rows -= used > 0 ? used + 1 : 0;
    if (wc_page_has(view->model, kind, WC_PAGE_PART) && rest.rows >= 3 &&
        rest.cols >= WC_MIN_COLS) {
        detail_part(view, &rest);
    }
}

/* The panes beside the fields on a wide screen: distributions, then the rest. */
static void detail_panes(const struct wc_view *view, const struct wc_box *box,
                         const struct wc_rows *table, const Weir__V1__Row *row)
{
    int kind = wc_column_table(view->ui->tab)->kind;
    bool has_latency = wc_page_has(view->model, kind, WC_PAGE_LATENCY);
    bool has_rest = wc_page_has(view->model, kind, WC_PAGE_REASONS) ||
                    wc_page_has(view->model, kind, WC_PAGE_PART);
    struct wc_box left = *box, right = *box;
    if (has_latency && has_rest && view->grid->cols >= THREE_COLS) {
        left.cols = box->cols / 2 - 2;
        right.col += left.cols + 3;
        right.cols -= left.cols + 3;
        wc_view_latency(view, &left, kind, row);
        pane_rest(view, &right, table, row);
    } else if (has_latency) {
        wc_view_latency(view, box, kind, row);
    } else if (has_rest) {
        pane_rest(view, box, table, row);
    }
}

static bool detail_has_panes(const struct wc_view *view, int rows)
{
    int kind = wc_column_table(view->ui->tab)->kind;
    return view->grid->cols >= PANES_COLS && rows >= TALL_ROWS - 7 &&
           (wc_page_has(view->model, kind, WC_PAGE_LATENCY) ||
            wc_page_has(view->model, kind, WC_PAGE_REASONS) ||
            wc_page_has(view->model, kind, WC_PAGE_PART));
}

static void page_overview(const struct wc_view *view, const struct wc_box *box,
                          const struct wc_rows *table, const Weir__V1__Row *row)
{
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    int kind = wc_column_table(view->ui->tab)->kind;
    int n = (int)wc_page_metrics(view->model, kind, WC_PAGE_OVERVIEW, metrics);
    bool has_panes = detail_has_panes(view, box->rows);
    int width = has_panes ? PANE_FIELDS : box->cols;
    int n_columns = detail_columns(width, n, box->rows - 2 * GRAPH_MIN_ROWS);
    n_columns = (n + n_columns - 1) / n_columns > box->rows - GRAPH_MIN_ROWS - 1
                    ? detail_columns(width, n, box->rows - GRAPH_MIN_ROWS - 1)
                    : n_columns;
    int n_rows = (n + n_columns - 1) / n_columns;
    int most = has_panes ? box->rows * 2 / 5 : GRAPH_MAX_ROWS;
    int graph = box->rows - n_rows - 1;

    graph = graph > most ? most : graph;
    graph = graph < GRAPH_MIN_ROWS ? 0 : graph;
    struct wc_box top = {box->row, 0, graph, view->grid->cols};
    struct wc_box below = *box;
    if (graph > 0) {
        detail_graphs(view, &top, table, row);
        below.row += graph + 1;
        below.rows -= graph + 1;
    }
    struct wc_box fields = below, panes = below;
    fields.cols = width;
    detail_fields(view, &fields, n_columns, table, row);
    if (has_panes && below.rows >= PANE_MIN_ROWS) {
        panes.col += width + 3;
        panes.cols -= width + 3;
        detail_panes(view, &panes, table, row);
    }
}

static void page_latency(const struct wc_view *view, const struct wc_box *box,
                         const struct wc_rows *table, const Weir__V1__Row *row)
{
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    int kind = wc_column_table(view->ui->tab)->kind;
    int n = (int)wc_page_metrics(view->model, kind, WC_PAGE_LATENCY, metrics);
    int n_columns = detail_columns(box->cols, n, box->rows > PANE_MIN_ROWS + 8 ? 4 : 3);
    int n_rows = (n + n_columns - 1) / n_columns;
    struct wc_box upper = *box, lower = *box;
    upper.rows -= n_rows + 1;
    lower.row += upper.rows + 1;
    lower.rows = n_rows;
    if (upper.rows < GRAPH_MIN_ROWS) {
        lower = *box;
    } else {
        wc_view_latency(view, &upper, kind, row);
    }
    detail_fields(view, &lower, n_columns, table, row);
}

/* The name and the pages; the current one stands in brackets. Arrows show that some are left out on
 * a narrow screen. */
static void detail_title(const struct wc_view *view, int at, const char *name)
{
    const struct wc_ui *ui = view->ui;
    int kind = wc_column_table(ui->tab)->kind, width = 0;
    struct wc_grid *grid = view->grid;
    char text[64], words[WC_PARTY_TEXT];

    for (int page = 0; page < WC_N_PAGES; page++) {
        if (wc_page_has(view->model, kind, (enum wc_page)page)) {
            const char *title = wc_page_title(kind, (enum wc_page)page);
            width += (int)strlen(detail_words(view, title, words)) + 3;
        }
    }
    int room = grid->cols - width - 4;
    int col = 2 + wc_grid_text(grid, at, 2, room < 8 ? 8 : room, WC_STRONG, name) + 2;
    for (int page = 0; page < WC_N_PAGES; page++) {
        bool is_used = ui->detail[ui->tab].page == (enum wc_page)page;
        if (!wc_page_has(view->model, kind, (enum wc_page)page)) {
            continue;
        }
        snprintf(text, sizeof(text), is_used ? "[%s]" : " %s ",
                 detail_words(view, wc_page_title(kind, (enum wc_page)page), words));
        col +=
            wc_grid_text(grid, at, col, grid->cols - col, is_used ? WC_ACCENT : WC_LABEL, text) + 1;
    }
}

/* The meaning of the field in use, in as many lines as there are, down to the info line. */
static void detail_help(const struct wc_view *view, int rows)
{
    const Weir__V1__Metric *field = wc_ui_field(view->ui, view->model);
    const struct wc_rows *part = &wc_model_picture(view->model)->part;
    int row = view->layout->info_row - rows + 1, col = 2;
    struct wc_grid *grid = view->grid;
    char words[WC_PARTY_TEXT];

    if (view->ui->message[0]) {
        return; /* is there instead */
    }
    if (view->ui->detail[view->ui->tab].page == WC_PAGE_PART && part->table) {
        char text[96];
        snprintf(text, sizeof(text), "%zu of %u", part->table->n_rows, part->table->matching);
        wc_grid_text(grid, view->layout->info_row, col, grid->cols - col, WC_LABEL, text);
        return;
    }
    if (!field) {
        return;
    }
    col += wc_grid_text(grid, row, col, grid->cols - col, WC_ACCENT, field->field) + 1;
    wc_view_text(view, &(struct wc_box){row, col, rows, grid->cols - col}, 2,
                 detail_words(view, field->help, words));
}

/* The row is not (or no longer) there. */
static void detail_nothing(const struct wc_view *view, const struct wc_rows *table)
{
    char text[320];
    if (wc_column_table(view->ui->tab)->is_single) {
        snprintf(text, sizeof(text), "waiting for the first numbers");
    } else {
        snprintf(text, sizeof(text),
                 table->table ? "%.250s is closed: Esc goes back" : "requesting all of %.250s",
                 view->ui->detail_name);
    }
    wc_grid_text(view->grid, view->layout->body_row, 2, view->grid->cols - 2, WC_LABEL, text);
}

void wc_view_detail(const struct wc_view *view)
{
    const struct wc_layout *layout = view->layout;
    const struct wc_ui *ui = view->ui;
    const struct wc_rows *table;
    const Weir__V1__Row *row = wc_ui_detail(ui, view->model, &table);
    int help = layout->rows >= TALL_ROWS ? 3 : layout->rows >= 20 ? 2 : 1;

    if (!row) {
        detail_nothing(view, table);
        return;
    }
    char title[WI_ROW_TITLE_MAX];
    detail_title(view, layout->body_row, wc_row_title(table->table, row, title));
    struct wc_box box = {layout->body_row + 1, 2, layout->body_rows - help, view->grid->cols - 2};
    switch (ui->detail[ui->tab].page) {
    case WC_PAGE_LATENCY:
        page_latency(view, &box, table, row);
        break;
    case WC_PAGE_REASONS:
        wc_view_reasons(view, &box, table, row);
        break;
    case WC_PAGE_PART:
        box.col = 0;
        box.cols = view->grid->cols;
        detail_part(view, &box);
        break;
    case WC_PAGE_FIELDS:
        detail_fields(view, &box, box.cols / WIDE_COLS > 0 ? box.cols / WIDE_COLS : 1, table, row);
        break;
    default:
        page_overview(view, &box, table, row);
        break;
    }
    detail_help(view, help);
}
