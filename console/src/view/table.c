/* SPDX-License-Identifier: MIT */
/*
 * One table: its captions, its rows. Zeros and what is absent are dim, so that what happens stands
 * out.
 */
#include "view/view.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUTE          60
#define HIGH_RATIO      0.85
#define TREND_MIN_SCALE 8.0 /* a depth that never passes this is drawn low */

/* What is drawn in one cell of a table. */
struct place {
    int row, col, width;
    enum wc_style style; /* of plain numbers */
};

static bool type_is_left(enum wc_column_type type)
{
    return type == WC_COLUMN_NAME || type == WC_COLUMN_TEXT || type == WC_COLUMN_TREND ||
           type == WC_COLUMN_BAR;
}

/* The tab's title in capitals stands where the captions begin. */
static void caption_title(const char *title, char to[32])
{
    size_t i = 0;
    for (; title[i] && i < 31; i++) {
        to[i] = (char)toupper((unsigned char)title[i]);
    }
    to[i] = '\0';
}

static void section_captions(const struct wc_view *view, const struct wc_section *section,
                             const struct wc_screen_columns *columns)
{
    const struct wc_column_table *table = wc_column_table(section->tab);
    const struct wc_list *list = &view->ui->list[section->tab];
    bool is_used = section->tab == view->ui->tab;
    struct wc_grid *grid = view->grid;
    char title[32];

    wc_grid_fill(grid, section->row, 0, grid->cols, ' ', WC_HEADING);
    for (int i = 0; i < columns->n; i++) {
        const struct wc_screen_column *column = &table->columns[columns->at[i].index];
        int col = columns->at[i].col, width = columns->at[i].width;
        bool is_sorted =
            columns->at[i].index == list->sort && is_used && section->tab != WC_TAB_WARNINGS;
        enum wc_style style = is_sorted ? WC_ACCENT : WC_HEADING;
        const char *caption = column->caption;
        if (column->type == WC_COLUMN_NAME) {
            caption_title(table->title, title);
            caption = title;
        }
        uint32_t arrow = grid->ascii ? (list->is_descending ? 'v' : '^')
                                     : (list->is_descending ? 0x25be : 0x25b4);
        if (type_is_left(column->type)) {
            wc_grid_text(grid, section->row, col, width, style, caption);
            if (is_sorted) {
                wc_grid_put(grid, section->row, col - 1, arrow, style);
            }
        } else {
            wc_grid_text_right(grid, section->row, col, width, style, caption);
            if (is_sorted) {
                wc_grid_put(grid, section->row, col + width - (int)strlen(caption) - 1, arrow,
                            style);
            }
        }
    }
}

static void draw_number(const struct wc_view *view, const struct place *place,
                        const struct wc_screen_column *column, const Weir__V1__Value *value)
{
    char text[WC_FORMAT_SIZE];
    double number = 0;
    enum wc_style style = place->style;

    if (!wc_model_as_number(value, &number)) {
        bool is_unbounded = column->type == WC_COLUMN_CAPACITY;
        wc_grid_text_right(view->grid, place->row, place->col, place->width,
                           is_unbounded ? style : WC_LABEL, is_unbounded ? "unbounded" : "-");
        return;
    }
    switch (column->type) {
    case WC_COLUMN_RATE:
    case WC_COLUMN_ALARM_RATE:
        wc_format_rate(text, number);
        break;
    case WC_COLUMN_DURATION:
        wc_format_duration(text, number);
        break;
    case WC_COLUMN_BYTES:
        wc_format_bytes(text, number);
        break;
    case WC_COLUMN_EXACT:
        wc_format_whole(text, number);
        break;
    default:
        wc_format_count(text, number);
        break;
    }
    bool is_alarm = column->type == WC_COLUMN_ALARM_RATE || column->type == WC_COLUMN_ALARM;
    if (number == 0 && style == WC_PLAIN) {
        style = WC_LABEL;
    } else if (is_alarm && number > 0) {
        style = WC_CRITICAL;
    }
    wc_grid_text_right(view->grid, place->row, place->col, place->width, style, text);
}

static void draw_bar(const struct wc_view *view, const struct place *place,
                     const Weir__V1__Value *value)
{
    double ratio;
    if (!wc_model_as_number(value, &ratio)) {
        return; /* an unbounded channel is never full */
    }
    enum wc_style style = ratio >= 1 ? WC_CRITICAL : ratio >= HIGH_RATIO ? WC_WARN : WC_GOOD;
    wc_spark_bar(view->grid, place->row, place->col, place->width, view->tier, ratio, style);
}

static void draw_trend(const struct wc_view *view, const struct place *place, int kind,
                       const struct wc_screen_column *column, const Weir__V1__Row *row)
{
    double values[2 * MINUTE];
    int per_cell = wc_spark_per_cell(view->tier);
    int width = place->width > MINUTE ? MINUTE : place->width;
    while (width > 1 && MINUTE % (width * per_cell) != 0) {
        width--; /* braille shows two values a cell: whole seconds again */
    }
    int n = width * per_cell;
    double max = wc_history_columns(wc_model_history(view->model, kind, row->id),
                                    wc_model_picture(view->model)->second, MINUTE / n, n, values);
    const Weir__V1__Metric *metric = wc_model_metric(view->model, kind, column->field);
    bool is_ratio = metric && strcmp(metric->unit, "ratio") == 0;
    double least = is_ratio ? 1 : TREND_MIN_SCALE;
    wc_spark_line(view->grid, place->row, place->col, view->tier, values, n,
                  max > least ? max : least, place->style == WC_PLAIN ? WC_GRAPH : place->style);
}

static void draw_cell(const struct wc_view *view, const struct place *place,
                      const struct wc_rows *list, const struct wc_screen_column *column,
                      const Weir__V1__Row *row)
{
    int kind = (int)list->table->kind;
    const Weir__V1__Value *value =
        column->field ? wc_model_value(list, row, wc_model_metric(view->model, kind, column->field))
                      : NULL;

    switch (column->type) {
    case WC_COLUMN_NAME: /* drawn last */
    case WC_COLUMN_BLANK:
        break;
    case WC_COLUMN_TEXT:
        wc_grid_text(view->grid, place->row, place->col, place->width,
                     place->style == WC_PLAIN ? WC_LABEL : place->style,
                     wc_model_text(view->model, list, row, column->field));
        break;
    case WC_COLUMN_BAR:
        draw_bar(view, place, value);
        break;
    case WC_COLUMN_TREND:
        draw_trend(view, place, kind, column, row);
        break;
    default:
        draw_number(view, place, column, value);
        break;
    }
}

/* Only what the severity is about is coloured: the name, the first number, the bound, the trend. */
static bool column_is_marked(const struct wc_screen_column *column)
{
    return column->type == WC_COLUMN_NAME || column->type == WC_COLUMN_CAPACITY ||
           column->type == WC_COLUMN_TREND || column->rank == 0;
}

/* The name comes last: it runs on over what its neighbour leaves blank. */
static void section_name(const struct wc_view *view, const struct wc_screen_columns *columns,
                         const Weir__V1__Row *row, int at, enum wc_style style)
{
    const struct wc_cell *cells = &view->grid->cells[at * view->grid->cols];
    int col = columns->at[0].col, width = columns->at[0].width;

    while (col + width + 1 < view->grid->cols && cells[col + width].ch == ' ' &&
           cells[col + width + 1].ch == ' ') {
        width++;
    }
    wc_grid_text(view->grid, at, col, width, style == WC_PLAIN ? WC_STRONG : style, row->name);
}

static void section_row(const struct wc_view *view, const struct wc_section *section,
                        const struct wc_screen_columns *columns, const Weir__V1__Row *row, int at)
{
    static const enum wc_style styles[] = {WC_PLAIN, WC_PLAIN, WC_WARN, WC_CRITICAL};
    static const char marks[] = {' ', 'i', 'W', 'C'};
    const struct wc_column_table *table = wc_column_table(section->tab);
    const struct wc_rows *list = &wc_model_picture(view->model)->list[table->kind];
    bool is_warning = section->tab == WC_TAB_WARNINGS;
    enum wc_severity severity = is_warning
                                    ? wc_model_severity(view->model, row)
                                    : wc_model_severity_of(view->model, table->kind, row->name);

    wc_grid_put(view->grid, at, 0, (uint32_t)marks[severity], styles[severity]);
    for (int i = 0; i < columns->n; i++) {
        const struct wc_screen_column *column = &table->columns[columns->at[i].index];
        bool is_marked = is_warning ? i < 2 : column_is_marked(column) && i < 5;
        struct place place = {at, columns->at[i].col, columns->at[i].width,
                              is_marked ? styles[severity] : WC_PLAIN};
        if (is_warning && i == 2) {
            wc_grid_text(view->grid, at, place.col, place.width, WC_PLAIN,
                         wc_model_text(view->model, list, row, column->field));
            continue;
        }
        draw_cell(view, &place, list, column, row);
    }
    if (!is_warning) {
        section_name(view, columns, row, at, styles[severity]);
    }
}

/* The row in use, in reverse; but not its pictures, which would stand on their heads. */
static void section_cursor(const struct wc_view *view, const struct wc_section *section,
                           const struct wc_screen_columns *columns, int at)
{
    const struct wc_column_table *table = wc_column_table(section->tab);
    wc_grid_flag(view->grid, at, 0, view->grid->cols, WC_REVERSE);
    for (int i = 0; i < columns->n; i++) {
        enum wc_column_type type = table->columns[columns->at[i].index].type;
        if (type == WC_COLUMN_BAR || type == WC_COLUMN_TREND) {
            wc_grid_unflag(view->grid, at, columns->at[i].col, columns->at[i].width, WC_REVERSE);
        }
    }
}

/* Why a table has no rows. */
static void section_empty(const struct wc_view *view, const struct wc_section *section)
{
    const char *title = wc_column_table(section->tab)->title;
    char lower[32], text[WC_UI_TEXT + 64];

    caption_title(title, lower);
    for (char *c = lower; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    if (!wc_model_picture(view->model)->update) {
        snprintf(text, sizeof(text), "waiting for the first numbers");
    } else if (view->ui->filter[0] && wc_ui_total(view->model, section->tab) > 0) {
        snprintf(text, sizeof(text), "no %s pass the filter \"%s\"", lower, view->ui->filter);
    } else {
        snprintf(text, sizeof(text), "no %s", lower);
    }
    wc_grid_text(view->grid, section->row + 1, 2, view->grid->cols - 2, WC_LABEL, text);
}

void wc_view_section(const struct wc_view *view, const struct wc_section *section)
{
    const struct wc_list *list = &view->ui->list[section->tab];
    struct wc_screen_columns columns;

    wc_columns_fit(section->tab, view->grid->cols, wc_ui_name_width(view->model), &columns);
    section_captions(view, section, &columns);
    if (wc_ui_matching(view->model, section->tab) == 0) {
        section_empty(view, section);
        return;
    }
    for (int i = 0; i < section->n_rows; i++) {
        uint32_t index = list->top + (uint32_t)i;
        const Weir__V1__Row *row = wc_ui_row(view->model, section->tab, index);
        if (row) {
            section_row(view, section, &columns, row, section->row + 1 + i);
        }
        if (row && section->tab == view->ui->tab && index == list->cursor) {
            section_cursor(view, section, &columns, section->row + 1 + i);
        }
    }
}
