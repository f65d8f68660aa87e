/* SPDX-License-Identifier: MIT */
/*
 * Divides the lines of the body. If all tables fit, all are shown. Else the tab in use is shown in
 * full and a few lines of each other tab, as many others as leave it three fifths.
 */
#include "model/layout.h"

#define HEAD_ROWS      2 /* plus the warnings and tabs */
#define FOOT_ROWS      2
#define FULL_ROWS      24
#define TALL_BODY_ROWS 34 /* a screen of 40 rows: from there the others keep more lines */
#define OTHER_ROWS     4  /* of a table that is not in use, if not all fit */
#define GRAPH_MIN_ROWS 6
#define GRAPH_BODY     15 /* from this height on there is a graph, whatever the tables need */
#define GRAPH_MAX_ROWS 30

#define FINDING_BODY_ROWS 14 /* below this height the list of warnings has all lines */
#define FINDING_MAX_ROWS  12

static const enum wc_tab stack[] = {
    WC_TAB_CHANNELS, WC_TAB_SEMAPHORES, WC_TAB_TASKS,   WC_TAB_LOOPS,     WC_TAB_COUNTERS,
    WC_TAB_GAUGES,   WC_TAB_SINGLES,    WC_TAB_SENDERS, WC_TAB_RESOURCES, WC_TAB_OPERATIONS};
#define N_STACK ((int)(sizeof(stack) / sizeof(stack[0])))

struct share {
    enum wc_tab tab;
    int need; /* rows of data, at least 1 */
    int rows;
};

static int min(int a, int b)
{
    return a < b ? a : b;
}

static int shares_sum(const struct share *share, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) {
        sum += share[i].rows + 1;
    }
    return sum;
}

/* The tabs that have rows, and the one in use. There are many single tasks and senders: beside
 * another tab only their first rows are shown, so that a graph keeps its room. */
static int shares_collect(struct share *share, enum wc_tab tab, const uint32_t counts[WC_N_TABS])
{
    int n = 0;
    for (int i = 0; i < N_STACK; i++) {
        uint32_t count = counts[stack[i]];
        bool is_long = stack[i] == WC_TAB_SINGLES || stack[i] == WC_TAB_SENDERS ||
                       stack[i] == WC_TAB_RESOURCES || stack[i] == WC_TAB_OPERATIONS;
        uint32_t most = is_long && stack[i] != tab ? OTHER_ROWS : 10000;
        if (count > 0 || stack[i] == tab) {
            int need = count > most ? (int)most : count > 0 ? (int)count : 1;
            share[n++] = (struct share){stack[i], need, need};
        }
    }
    return n;
}

/* Gives each section its rows; returns how many sections there are. */
static int shares_divide(struct share *share, int n, enum wc_tab tab, int body)
{
    if (shares_sum(share, n) <= body) {
        return n;
    }
    int others = body >= TALL_BODY_ROWS ? OTHER_ROWS : OTHER_ROWS / 2;
    int in_use = 0;
    for (int i = 0; i < n; i++) {
        if (share[i].tab == tab) {
            in_use = i;
        } else {
            share[i].rows = min(share[i].need, others);
        }
    }
    share[in_use].rows = 0;
    int left = body - shares_sum(share, n);
    while (n > 1 && left < min(share[in_use].need, body * 3 / 5)) {
        n--; /* the last goes first, but the tab in use stays */
        if (n == in_use) {
            share[n - 1] = share[n];
            in_use--;
        }
        left = body - shares_sum(share, n);
    }
    share[in_use].rows = min(share[in_use].need, left);
    left -= share[in_use].rows;
    for (int i = 0; i < n && left > 0; i++) {
        int more = min(left, share[i].need - share[i].rows);
        share[i].rows += more;
        left -= more;
    }
    return n;
}

static void layout_warnings(struct wc_layout *layout)
{
    layout->finding_rows = layout->body_rows >= FINDING_BODY_ROWS
                               ? min(layout->body_rows / 2 + 1, FINDING_MAX_ROWS)
                               : 0;
    layout->finding_row = layout->body_row + layout->body_rows - layout->finding_rows;
    int n_rows = layout->body_rows - 1 - layout->finding_rows - (layout->finding_rows > 0);
    layout->n_sections = 1;
    layout->section[0] = (struct wc_section){WC_TAB_WARNINGS, layout->body_row, n_rows};
}

/* The graph comes before the rest of long tables: the worst row is among the visible ones. */
static void layout_tables(struct wc_layout *layout, enum wc_tab tab,
                          const uint32_t counts[WC_N_TABS])
{
    struct share share[WC_N_TABS];
    int graph = layout->body_rows >= GRAPH_BODY ? GRAPH_MIN_ROWS : 0;
    int n = shares_collect(share, tab, counts);
    n = shares_divide(share, n, tab, layout->body_rows - graph);

    int left = layout->body_rows - graph - shares_sum(share, n);
    int gap = left >= n - (graph == 0) ? 1 : 0;
    int row = layout->body_row;
    for (int i = 0; i < n; i++) {
        layout->section[i] = (struct wc_section){share[i].tab, row, share[i].rows};
        row += share[i].rows + 1 + (i + 1 < n ? gap : 0);
    }
    layout->n_sections = n;
    left = layout->body_row + layout->body_rows - row - gap;
    if (left >= GRAPH_MIN_ROWS) {
        layout->graph_rows = min(left, GRAPH_MAX_ROWS);
        layout->graph_row = row + gap;
    }
}

void wc_layout_make(int rows, int cols, enum wc_tab tab, const uint32_t counts[WC_N_TABS],
                    bool is_whole, struct wc_layout *ret_layout)
{
    struct wc_layout layout = {.rows = rows, .cols = cols};
    layout.is_too_small = rows < WC_MIN_ROWS || cols < WC_MIN_COLS;
    layout.warning_row = HEAD_ROWS;
    layout.warning_rows = rows >= FULL_ROWS ? 2 : 1;
    layout.tabs_row = layout.warning_row + layout.warning_rows;
    layout.body_row = layout.tabs_row + 1;
    layout.body_rows = rows - layout.body_row - FOOT_ROWS;
    layout.info_row = rows - 2;
    layout.footer_row = rows - 1;
    if (layout.is_too_small || is_whole) {
        *ret_layout = layout;
        return;
    }
    if (tab == WC_TAB_WARNINGS) {
        layout_warnings(&layout);
    } else {
        layout_tables(&layout, tab, counts);
    }
    *ret_layout = layout;
}

const struct wc_section *wc_layout_section(const struct wc_layout *layout, enum wc_tab tab)
{
    for (int i = 0; i < layout->n_sections; i++) {
        if (layout->section[i].tab == tab) {
            return &layout->section[i];
        }
    }
    return &layout->section[0];
}
