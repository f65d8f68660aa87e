/* SPDX-License-Identifier: MIT */
/*
 * The column tables, and how columns share a line. A line is: mark, blank, NAME, and the columns
 * with a blank before each. NAME, BAR and TREND are measured once, on the channels' table, and the
 * other tables use the same widths.
 */
#include "model/column.h"

#include <string.h>

#include "weir/v1/agent.pb-c.h"

#define MARK_WIDTH     2
#define NAME_MIN_WIDTH 11
#define NAME_MAX_WIDTH 40
#define NAME_WANTED    21 /* an address with its port is shown whole before these ranks */
#define RANK_CHEAP     3  /* the highest rank that names do not displace */
#define RANK_LAST      7
#define BLANK_RANK     3 /* as a bar */
#define BAR_MAX_WIDTH  12
#define BAR_GROWS      100 /* if narrower, the other tables use the columns that channels leave */
#define TEXT_MAX_WIDTH 28

/* The widths of a trend that cut a minute into whole seconds. */
static const int trend_widths[] = {10, 12, 15, 20, 30, 60};
#define N_TREND_WIDTHS (sizeof(trend_widths) / sizeof(trend_widths[0]))

/* Their columns are made from the metric tables at the first use. */
static struct wc_column_table tables[WC_N_TABS] = {
    [WC_TAB_CHANNELS] = {.kind = WEIR__V1__KIND__KIND_CHANNEL,
                         .title = "Channels",
                         .short_title = "Chan",
                         .key = '1',
                         .sort = "depth",
                         .is_descending = true,
                         .worst = {"fill", "depth"}},
    [WC_TAB_SEMAPHORES] = {.kind = WEIR__V1__KIND__KIND_SEMAPHORE,
                           .title = "Semaphores",
                           .short_title = "Sem",
                           .key = '2',
                           .sort = "saturation",
                           .is_descending = true,
                           .worst = {"saturation", "reject_rate"}},
    [WC_TAB_TASKS] = {.kind = WEIR__V1__KIND__KIND_TASK,
                      .title = "Task kinds",
                      .short_title = "Kind",
                      .key = '3',
                      .sort = "pending",
                      .is_descending = true,
                      .worst = {"pending", "running"}},
    [WC_TAB_COUNTERS] = {.kind = WEIR__V1__KIND__KIND_COUNTER,
                         .title = "Counters",
                         .short_title = "Cnt",
                         .key = '4'},
    [WC_TAB_WARNINGS] = {.kind = WEIR__V1__KIND__KIND_WARNING,
                         .title = "Warnings",
                         .short_title = "Warn",
                         .key = '5',
                         .sort = "severity"},
    [WC_TAB_GAUGES] = {.kind = WEIR__V1__KIND__KIND_GAUGE,
                       .title = "Gauges",
                       .short_title = "Gau",
                       .key = '6'},
    [WC_TAB_LOOPS] = {.kind = WEIR__V1__KIND__KIND_LOOP,
                      .title = "Loops",
                      .short_title = "Loop",
                      .key = '7',
                      .sort = "utilisation",
                      .is_descending = true,
                      .worst = {"utilisation", "current"}},
    [WC_TAB_SINGLES] = {.kind = WEIR__V1__KIND__KIND_SINGLE,
                        .title = "Tasks",
                        .short_title = "Task",
                        .key = '8',
                        .sort = "utilisation",
                        .is_descending = true,
                        .then = "in_state",
                        .worst = {"utilisation", "in_state"}},
    [WC_TAB_SENDERS] = {.kind = WEIR__V1__KIND__KIND_SENDER,
                        .title = "Senders",
                        .short_title = "Send",
                        .key = '9',
                        .sort = "state", /* those of closed ones */
                        .then = "in_flight"},
    [WC_TAB_RESOURCES] = {.kind = WEIR__V1__KIND__KIND_RESOURCE,
                          .title = "Resources",
                          .short_title = "Res",
                          .key = 'r',
                          .sort = "operations",
                          .is_descending = true},
    [WC_TAB_OPERATIONS] = {.kind = WEIR__V1__KIND__KIND_OPERATION,
                           .title = "Operations",
                           .short_title = "Op",
                           .key = 'o',
                           .sort = "age",
                           .is_descending = true},
    [WC_TAB_PROCESS] = {.kind = WEIR__V1__KIND__KIND_PROCESS,
                        .title = "Process",
                        .short_title = "Proc",
                        .key = '0',
                        .is_single = true},
    [WC_TAB_AGENT] = {.kind = WEIR__V1__KIND__KIND_AGENT,
                      .title = "Agent",
                      .short_title = "Agt",
                      .key = 'a',
                      .is_single = true},
};

static void column_place(struct wc_column_table *table, const struct wi_metric *metric,
                         const struct wi_metric_column *from, enum wc_column_type type)
{
    size_t at = from->place - (table->kind == WEIR__V1__KIND__KIND_WARNING);
    if (from->place == 0 || at >= WC_MAX_COLUMNS) {
        return;
    }
    table->columns[at] = (struct wc_screen_column){
        from->caption, metric->field, type, from->width, from->rank, from->is_for_senders};
    table->n_columns = at < table->n_columns ? table->n_columns : at + 1;
}

/* A place without a metric, before the trend, stays blank with the width of a bar, so that trends
 * line up. */
static void column_make(struct wc_column_table *table)
{
    const struct wi_metric_table *metrics = wi_metric_table((enum wi_kind)table->kind);
    if (table->kind != WEIR__V1__KIND__KIND_WARNING) {
        table->columns[0] =
            (struct wc_screen_column){"NAME", NULL, WC_COLUMN_NAME, NAME_MIN_WIDTH, 0, false};
        table->n_columns = 1;
    }
    for (size_t i = 0; i < metrics->n_metrics; i++) {
        const struct wi_metric *metric = &metrics->metrics[i];
        column_place(table, metric, &metric->column, (enum wc_column_type)metric->display);
        column_place(table, metric, &metric->trend, WC_COLUMN_TREND);
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!table->columns[i].caption) {
            table->columns[i] = (struct wc_screen_column){
                "", table->columns[i + 1].field, WC_COLUMN_BLANK, 0, BLANK_RANK, false};
        }
    }
}

const struct wc_column_table *wc_column_table(enum wc_tab tab)
{
    static bool is_made;
    for (int i = 0; !is_made && i < WC_N_TABS; i++) {
        column_make(&tables[i]);
    }
    is_made = true;
    return &tables[tab < WC_N_TABS ? tab : WC_TAB_CHANNELS];
}

int wc_column_tab(int kind)
{
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        if (tables[tab].kind == kind) {
            return tab;
        }
    }
    return -1;
}

int wc_column_tab_of_key(uint32_t key)
{
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        if ((uint32_t)(unsigned char)tables[tab].key == key) {
            return tab;
        }
    }
    return -1;
}

int wc_column_find(enum wc_tab tab, const char *field)
{
    const struct wc_column_table *table = wc_column_table(tab);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct wc_screen_column *column = &table->columns[i];
        if (column->type != WC_COLUMN_TREND && column->type != WC_COLUMN_BLANK &&
            strcmp(column->field ? column->field : "name", field) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The widths that all tabs on one screen have in common. */
struct measure {
    int name, bar, trend;
};

static int column_width(const struct wc_screen_column *column, const struct measure *measure)
{
    switch (column->type) {
    case WC_COLUMN_NAME:
        return measure->name;
    case WC_COLUMN_BAR:
        return measure->bar;
    case WC_COLUMN_TREND:
        return measure->trend;
    default:
        return column->width > 0 ? column->width : measure->bar;
    }
}

/* Chooses the columns that fit, the least rank first and none above `last`; returns the screen
 * columns left over. */
static int columns_choose(const struct wc_column_table *table, int screen_cols,
                          const struct wc_column_hint *hint, const struct measure *measure,
                          int last, bool is_chosen[WC_MAX_COLUMNS])
{
    int left = screen_cols - MARK_WIDTH + 1; /* NAME has no blank before it */
    for (int rank = 0; rank <= last; rank++) {
        for (size_t i = 0; i < table->n_columns; i++) {
            const struct wc_screen_column *column = &table->columns[i];
            if (column->rank != rank || (column->is_for_senders && !hint->has_senders) ||
                (hint->absent >> i & 1U)) {
                continue;
            }
            int width = column_width(column, measure) + 1;
            is_chosen[i] = width <= left;
            if (!is_chosen[i]) {
                return left; /* no column of a higher rank instead: the order is fixed */
            }
            left -= width;
        }
    }
    return left;
}

static bool columns_have_bar(const struct wc_column_table *table,
                             const bool is_chosen[WC_MAX_COLUMNS])
{
    size_t i = 0;
    while (i < table->n_columns && (table->columns[i].type != WC_COLUMN_BAR || !is_chosen[i])) {
        i++;
    }
    return i < table->n_columns;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

/* Gives the rest of the channels' line to names, bars and trends, in this order. */
static struct measure measure_take(int screen_cols, const struct wc_column_hint *hint)
{
    struct measure measure = {NAME_MIN_WIDTH, 5, trend_widths[0]};
    const struct wc_column_table *channels = wc_column_table(WC_TAB_CHANNELS);
    bool is_chosen[WC_MAX_COLUMNS] = {false};
    struct wc_column_hint all = *hint;
    all.absent = 0;
    int left = columns_choose(channels, screen_cols, &all, &measure, RANK_CHEAP, is_chosen);
    int wanted = min(hint->name_width, NAME_WANTED) - measure.name;
    measure.name += wanted > 0 ? min(left, wanted) : 0;
    left = columns_choose(channels, screen_cols, &all, &measure, RANK_LAST, is_chosen);

    int more = min(left, min(hint->name_width, NAME_MAX_WIDTH) - measure.name);
    if (more > 0) {
        measure.name += more;
        left -= more;
    }
    size_t trend = 0;
    while (trend + 1 < N_TREND_WIDTHS && trend_widths[trend + 1] <= 20 &&
           trend_widths[trend + 1] - trend_widths[0] <= left) {
        trend++;
    }
    left -= trend_widths[trend] - trend_widths[0];
    bool has_bar = columns_have_bar(channels, is_chosen);
    more = has_bar && screen_cols >= BAR_GROWS ? min(left, BAR_MAX_WIDTH - measure.bar) : 0;
    measure.bar += more;
    left -= more;
    while (trend + 1 < N_TREND_WIDTHS && trend_widths[trend + 1] - trend_widths[trend] <= left) {
        left -= trend_widths[trend + 1] - trend_widths[trend];
        trend++;
    }
    measure.trend = trend_widths[trend];
    return measure;
}

static void warning_columns_fit(int screen_cols, int name_width, struct wc_screen_columns *to)
{
    int subject = min(name_width > 12 ? name_width : 12, 32);
    int left = screen_cols - MARK_WIDTH - 8 - 1 - subject - 1;
    to->n = 3;
    to->at[0].index = 0;
    to->at[0].col = MARK_WIDTH;
    to->at[0].width = 8;
    to->at[1].index = 1;
    to->at[1].col = MARK_WIDTH + 9;
    to->at[1].width = subject;
    to->at[2].index = 2;
    to->at[2].col = MARK_WIDTH + 9 + subject + 1;
    to->at[2].width = left > 1 ? left : 1;
}

void wc_columns_fit(enum wc_tab tab, int screen_cols, const struct wc_column_hint *hint,
                    struct wc_screen_columns *ret_columns)
{
    if (tab == WC_TAB_WARNINGS) {
        warning_columns_fit(screen_cols, hint->name_width, ret_columns);
        return;
    }
    const struct wc_column_table *table = wc_column_table(tab);
    struct measure measure = measure_take(screen_cols, hint);
    bool is_chosen[WC_MAX_COLUMNS] = {false};
    int left = columns_choose(table, screen_cols, hint, &measure, RANK_LAST, is_chosen);
    int col = MARK_WIDTH;

    ret_columns->n = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!is_chosen[i]) {
            continue;
        }
        int width = column_width(&table->columns[i], &measure);
        if (table->columns[i].type == WC_COLUMN_TEXT) {
            int more = min(left, min(hint->text_width[i], TEXT_MAX_WIDTH) - width);
            more = more > 0 ? more : 0;
            width += more;
            left -= more;
        }
        ret_columns->at[ret_columns->n].index = (int)i;
        ret_columns->at[ret_columns->n].col = col;
        ret_columns->at[ret_columns->n].width = width;
        ret_columns->n++;
        col += width + 1;
    }
}
