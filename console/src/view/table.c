/* SPDX-License-Identifier: MIT */
/*
 * One table: its captions, its rows. Zeros and absent values are dim, so that activity stands out.
 */
#include "view/part.h"

#include "model/title.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUTE          60
#define HIGH_RATIO      0.85
#define HANG_WARN       0.1
#define HANG_CRITICAL   1.0
#define TREND_MIN_SCALE 8.0 /* a depth that never passes this is drawn low */

/* The content of one cell of a table. */
struct place {
    int row, col, width;
    enum wc_style style; /* for plain numbers */
};

static bool type_is_left(enum wc_column_type type)
{
    return type == WC_COLUMN_NAME || type == WC_COLUMN_TEXT || type == WC_COLUMN_TREND ||
           type == WC_COLUMN_BAR || type == WC_COLUMN_STATE;
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

/* The metric of the trend: if this process has not the usual one, the one that it shows instead. */
static const char *caption_trend(const struct wc_view *view, enum wc_tab tab,
                                 const struct wc_screen_column *column, char to[32])
{
    const struct wc_column_table *table = wc_column_table(tab);
    const char *field = wc_model_trend_field(view->model, table->kind);
    int at = field && strcmp(field, column->field) != 0 ? wc_column_find(tab, field) : -1;
    if (at < 0) {
        return column->caption;
    }
    snprintf(to, 32, "%.20s 60s", table->columns[at].caption);
    return to;
}

/* The content under captions: a tab's list, or rows that belong to another row. */
struct listing {
    enum wc_tab tab;
    const struct wc_rows *rows;
    struct wc_box box; /* of captions and rows */
    struct wc_screen_columns columns;
    int sort; /* the column by which it is sorted, which is marked; -1: none */
    bool is_descending, is_worst_first;
};

static void listing_captions(const struct wc_view *view, const struct listing *listing)
{
    const struct wc_column_table *table = wc_column_table(listing->tab);
    const struct wc_screen_columns *columns = &listing->columns;
    struct wc_grid *grid = view->grid;
    int row = listing->box.row;
    char title[32];

    uint32_t arrow = grid->ascii ? (listing->is_descending ? 'v' : '^')
                                 : (listing->is_descending ? 0x25be : 0x25b4);

    wc_grid_fill(grid, row, listing->box.col, listing->box.cols, ' ', WC_HEADING);
    if (listing->is_worst_first) {
        wc_grid_put(grid, row, listing->box.col, arrow, WC_ACCENT); /* above the marks */
    }
    for (int i = 0; i < columns->n; i++) {
        const struct wc_screen_column *column = &table->columns[columns->at[i].index];
        int col = listing->box.col + columns->at[i].col, width = columns->at[i].width;
        bool is_sorted = columns->at[i].index == listing->sort;
        enum wc_style style = is_sorted ? WC_ACCENT : WC_HEADING;
        const char *caption = column->caption;
        if (column->type == WC_COLUMN_NAME) {
            caption_title(table->title, title);
            caption = title;
        } else if (column->type == WC_COLUMN_TREND) {
            caption = caption_trend(view, listing->tab, column, title);
        }
        if (type_is_left(column->type)) {
            wc_grid_text(grid, row, col, width, style, caption);
            if (is_sorted) {
                wc_grid_put(grid, row, col - 1, arrow, style);
            }
        } else {
            wc_grid_text_right(grid, row, col, width, style, caption);
            if (is_sorted) {
                wc_grid_put(grid, row, col + width - (int)strlen(caption) - 1, arrow, style);
            }
        }
    }
}

/* The style of a duration that should be short. */
static enum wc_style hang_style(double seconds)
{
    return seconds >= HANG_CRITICAL ? WC_CRITICAL : seconds >= HANG_WARN ? WC_WARN : WC_PLAIN;
}

/* Bytes in a column that was made for counts: without the blank where that does not fit. */
static void format_tight(char to[WC_FORMAT_SIZE], double bytes, int width)
{
    wc_format_bytes(to, bytes);
    char *blank = strchr(to, ' ');
    if (blank && (int)strlen(to) > width) {
        memmove(blank, blank + 1, strlen(blank));
    }
}

/* `unit`: that of the row's metric. */
static void draw_number(const struct wc_view *view, const struct place *place,
                        const struct wc_screen_column *column, const char *unit,
                        const Weir__V1__Value *value)
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
    case WC_COLUMN_HANG:
        style = style == WC_PLAIN ? hang_style(number) : style;
        wc_format_latency(text, number);
        break;
    case WC_COLUMN_LATENCY:
    case WC_COLUMN_WAIT:
        wc_format_latency(text, number);
        break;
    case WC_COLUMN_BYTES:
        wc_format_bytes(text, number);
        break;
    case WC_COLUMN_EXACT:
        wc_format_whole(text, number);
        break;
    default:
        if (strcmp(unit, "bytes") == 0) {
            format_tight(text, number, place->width);
        } else {
            wc_format_count(text, number);
        }
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
    struct wc_spark spark = {view->grid, place->row, place->col, view->tier, style};
    wc_spark_bar(&spark, place->width, ratio);
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
    double capacity = metric ? wc_view_capacity(view, metric, row->id) : 0;
    double least = is_ratio ? 1 : capacity > 0 ? capacity : TREND_MIN_SCALE;
    struct wc_spark spark = {view->grid, place->row, place->col, view->tier,
                             place->style == WC_PLAIN ? WC_GRAPH : place->style};
    wc_spark_line(&spark, values, n, max > least ? max : least);
}

/* The style of a state: one that works is good, one with things left behind is bad. */
static void draw_state(const struct wc_view *view, const struct place *place, const char *state)
{
    enum wc_style style = strcmp(state, "running") == 0 ? WC_GOOD
                          : strcmp(state, "gone") == 0  ? WC_WARN
                                                        : WC_LABEL;
    wc_grid_text(view->grid, place->row, place->col, place->width,
                 place->style == WC_PLAIN ? style : place->style, state);
}

/* A number of the row beside that of the column; NaN: it has none. */
static double beside(const struct wc_view *view, const struct wc_rows *list,
                     const Weir__V1__Row *row, const char *field)
{
    double number;
    const Weir__V1__Metric *metric = wc_model_metric(view->model, (int)list->table->kind, field);
    return metric && wc_model_as_number(wc_model_value(list, row, metric), &number) ? number
                                                                                    : (double)NAN;
}

/* A percentile; or an estimate of it; or the wait of queued messages, if that is longer. */
static void draw_wait(const struct wc_view *view, const struct place *place,
                      const struct wc_rows *list, const struct wc_screen_column *column,
                      const Weir__V1__Row *row, const Weir__V1__Value *value)
{
    char text[WC_FORMAT_SIZE];
    double least = beside(view, list, row, WC_COLUMN_AT_LEAST);
    double estimate = beside(view, list, row, WC_COLUMN_ESTIMATE);
    if (!wc_format_wait(text, least, estimate)) {
        draw_number(view, place, column, "seconds", value);
        return;
    }
    bool is_bound = text[0] == '>';
    wc_grid_text_right(view->grid, place->row, place->col, place->width,
                       place->style == WC_PLAIN && is_bound ? WC_WARN : place->style, text);
}

static void draw_cell(const struct wc_view *view, const struct place *place,
                      const struct wc_rows *list, const struct wc_screen_column *column,
                      const Weir__V1__Row *row)
{
    int kind = (int)list->table->kind;
    const Weir__V1__Metric *metric =
        column->field ? wc_model_metric(view->model, kind, column->field) : NULL;
    const Weir__V1__Value *value = metric ? wc_model_value(list, row, metric) : NULL;
    const Weir__V1__Table *table = list->table;

    switch (column->type) {
    case WC_COLUMN_NAME: /* drawn last */
    case WC_COLUMN_BLANK:
        break;
    case WC_COLUMN_TEXT:
        wc_grid_name(view->grid, place->row, place->col, place->width,
                     place->style == WC_PLAIN ? WC_LABEL : place->style,
                     wc_model_text(view->model, list, row, column->field));
        break;
    case WC_COLUMN_STATE:
        draw_state(view, place, wc_model_text(view->model, list, row, column->field));
        break;
    case WC_COLUMN_BAR:
        draw_bar(view, place, value);
        break;
    case WC_COLUMN_TREND:
        draw_trend(view, place, kind, column, row);
        break;
    case WC_COLUMN_WAIT:
        draw_wait(view, place, list, column, row, value);
        break;
    default:
        draw_number(view, place, column,
                    metric ? wc_row_unit(table->columns, table->n_columns, row, metric) : "",
                    value);
        break;
    }
}

/* Only the parts that cause the severity are coloured: the name, the first number, the bound, the
 * trend. */
static bool column_is_marked(const struct wc_screen_column *column)
{
    return column->type == WC_COLUMN_NAME || column->type == WC_COLUMN_CAPACITY ||
           column->type == WC_COLUMN_TREND || column->rank == 0;
}

/* The name is drawn last: it runs into the blanks of its neighbour. */
static void listing_name(const struct wc_view *view, const struct listing *listing,
                         const Weir__V1__Row *row, int at, enum wc_style style)
{
    const struct wc_cell *cells = &view->grid->cells[at * view->grid->cols];
    int col = listing->box.col + listing->columns.at[0].col, width = listing->columns.at[0].width;
    int end = listing->box.col + listing->box.cols;
    char room[WI_ROW_TITLE_MAX];

    while (col + width + 1 < end && cells[col + width].ch == ' ' &&
           cells[col + width + 1].ch == ' ') {
        width++;
    }
    wc_grid_name(view->grid, at, col, width, style == WC_PLAIN ? WC_STRONG : style,
                 wc_row_title(listing->rows->table, row, room));
}

static void listing_row(const struct wc_view *view, const struct listing *listing,
                        const Weir__V1__Row *row, int at)
{
    static const enum wc_style styles[] = {WC_PLAIN, WC_PLAIN, WC_WARN, WC_CRITICAL};
    static const char marks[] = {' ', 'i', 'W', 'C'};
    const struct wc_column_table *table = wc_column_table(listing->tab);
    const struct wc_screen_columns *columns = &listing->columns;
    bool is_warning = listing->tab == WC_TAB_WARNINGS;
    enum wc_severity severity = is_warning ? wc_model_severity(view->model, row)
                                           : wc_model_severity_of(view->model, table->kind, row);

    wc_grid_put(view->grid, at, listing->box.col, (uint32_t)marks[severity], styles[severity]);
    for (int i = 0; i < columns->n; i++) {
        const struct wc_screen_column *column = &table->columns[columns->at[i].index];
        bool is_marked = is_warning ? i < 2 : column_is_marked(column) && i < 5;
        struct place place = {at, listing->box.col + columns->at[i].col, columns->at[i].width,
                              is_marked ? styles[severity] : WC_PLAIN};
        if (is_warning && i == 2) {
            wc_grid_text(view->grid, at, place.col, place.width, WC_PLAIN,
                         wc_model_text(view->model, listing->rows, row, column->field));
            continue;
        }
        draw_cell(view, &place, listing->rows, column, row);
    }
    if (!is_warning) {
        listing_name(view, listing, row, at, styles[severity]);
    }
}

/* The row in use, in reverse; but not its graphs, which would be upside down. */
static void listing_cursor(const struct wc_view *view, const struct listing *listing, int at)
{
    const struct wc_column_table *table = wc_column_table(listing->tab);
    const struct wc_screen_columns *columns = &listing->columns;
    wc_grid_flag(view->grid, at, listing->box.col, listing->box.cols, WC_REVERSE);
    for (int i = 0; i < columns->n; i++) {
        enum wc_column_type type = table->columns[columns->at[i].index].type;
        if (type == WC_COLUMN_BAR || type == WC_COLUMN_TREND) {
            wc_grid_unflag(view->grid, at, listing->box.col + columns->at[i].col,
                           columns->at[i].width, WC_REVERSE);
        }
    }
}

static void title_lower(enum wc_tab tab, char to[32])
{
    const struct wc_column_table *table = wc_column_table(tab);
    caption_title(table->title, to);
    for (char *c = to; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
}

/* The reason why a table has no rows. */
static void section_empty(const struct wc_view *view, const struct wc_section *section)
{
    char lower[32], text[WC_UI_TEXT + 64];

    const char *absence = wc_model_absence(view->model, wc_column_table(section->tab)->kind);
    title_lower(section->tab, lower);
    if (absence[0]) {
        struct wc_box box = {section->row + 1, 2, section->n_rows, view->grid->cols - 2};
        wc_view_text(view, &box, 2, absence);
        return;
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
    int kind = wc_column_table(section->tab)->kind;
    bool is_marked = section->tab == view->ui->tab && section->tab != WC_TAB_WARNINGS;
    struct listing listing = {.tab = section->tab,
                              .rows = &wc_model_picture(view->model)->list[kind],
                              .box = {section->row, 0, section->n_rows + 1, view->grid->cols},
                              .sort = is_marked ? list->sort : -1,
                              .is_descending = list->is_descending,
                              .is_worst_first = is_marked && list->sort == WC_SORT_WORST};

    wc_ui_columns(view->model, section->tab, view->grid->cols, &listing.columns);
    listing_captions(view, &listing);
    if (wc_ui_matching(view->model, section->tab) == 0) {
        section_empty(view, section);
        return;
    }
    for (int i = 0; i < section->n_rows; i++) {
        uint32_t index = list->top + (uint32_t)i;
        const Weir__V1__Row *row = wc_ui_row(view->model, section->tab, index);
        if (row) {
            listing_row(view, &listing, row, section->row + 1 + i);
        }
        if (row && section->tab == view->ui->tab && index == list->cursor && !list->is_lost) {
            listing_cursor(view, &listing, section->row + 1 + i);
        }
    }
}

void wc_view_rows(const struct wc_view *view, const struct wc_box *box, enum wc_tab tab,
                  const struct wc_rows *rows, int cursor)
{
    struct listing listing = {.tab = tab, .rows = rows, .box = *box, .sort = -1};
    int n = rows->table ? (int)rows->table->n_rows : 0, room = box->rows - 1;
    int top = cursor - room / 2; /* the cursor stays in the middle while rows move */
    char lower[32], text[64];

    top = top > n - room ? n - room : top;
    top = top < 0 ? 0 : top;
    wc_ui_columns(view->model, tab, box->cols, &listing.columns);
    listing_captions(view, &listing);
    for (int i = 0; i < room && top + i < n; i++) {
        listing_row(view, &listing, rows->table->rows[top + i], box->row + 1 + i);
        if (top + i == cursor) {
            listing_cursor(view, &listing, box->row + 1 + i);
        }
    }
    if (n == 0 && room > 0) {
        title_lower(tab, lower);
        snprintf(text, sizeof(text), "no %s", lower);
        wc_grid_text(view->grid, box->row + 1, box->col + 2, box->cols - 2, WC_LABEL, text);
    }
}
