/* SPDX-License-Identifier: MIT */
/*
 * The columns of each tab as a table, from the rows of agent/metrics/KIND.def: metric, width, and
 * rank, by which columns go when the screen is narrow. A metric that a server does not describe has
 * no column (struct wc_column_hint). The first columns of all tabs have the same widths, so that
 * tables below each other line up. The Description says what a column means. No I/O. The console's
 * one thread.
 */
#ifndef WC_MODEL_COLUMN_H
#define WC_MODEL_COLUMN_H

#include "weir/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of their keys: 1 to 9, r, o, 0, a. */
enum wc_tab {
    WC_TAB_CHANNELS,
    WC_TAB_SEMAPHORES,
    WC_TAB_TASKS,
    WC_TAB_COUNTERS,
    WC_TAB_WARNINGS,
    WC_TAB_GAUGES,
    WC_TAB_LOOPS,
    WC_TAB_SINGLES,
    WC_TAB_SENDERS,
    WC_TAB_RESOURCES,
    WC_TAB_OPERATIONS,
    WC_TAB_PROCESS,
    WC_TAB_AGENT,
    WC_N_TABS
};

/* How a metric is displayed; and columns that show no metric's value. */
enum wc_column_type {
    WC_COLUMN_COUNT = WI_DISPLAY_COUNT,
    WC_COLUMN_EXACT = WI_DISPLAY_EXACT,
    WC_COLUMN_CAPACITY = WI_DISPLAY_CAPACITY,
    WC_COLUMN_RATE = WI_DISPLAY_RATE,
    WC_COLUMN_ALARM_RATE = WI_DISPLAY_ALARM_RATE,
    WC_COLUMN_ALARM = WI_DISPLAY_ALARM,
    WC_COLUMN_DURATION = WI_DISPLAY_DURATION,
    WC_COLUMN_LATENCY = WI_DISPLAY_LATENCY,
    WC_COLUMN_WAIT = WI_DISPLAY_WAIT,
    WC_COLUMN_HANG = WI_DISPLAY_HANG,
    WC_COLUMN_STATE = WI_DISPLAY_STATE,
    WC_COLUMN_BYTES = WI_DISPLAY_BYTES,
    WC_COLUMN_BAR = WI_DISPLAY_RATIO,
    WC_COLUMN_TEXT = WI_DISPLAY_TEXT,
    WC_COLUMN_NAME = WI_N_DISPLAYS,
    WC_COLUMN_TREND, /* the row's history */
    WC_COLUMN_BLANK  /* an empty place, so that the next columns line up */
};

/* A lower bound of the wait of queued messages, shown if it is longer than the value of
 * WC_COLUMN_WAIT. */
#define WC_COLUMN_AT_LEAST "wait_at_least"

/* An estimate of it, where nothing is measured. */
#define WC_COLUMN_ESTIMATE "wait_estimated_p99"

#define WC_MAX_COLUMNS 16

struct wc_screen_column {
    const char *caption;
    const char *field; /* NULL: the name */
    enum wc_column_type type;
    int width; /* at least; NAME, BAR, TREND and TEXT get more if there is room; 0: a BAR's */
    int rank;  /* the column with the greatest goes first when the screen is narrow */
    bool is_for_senders; /* left out where a process has no senders */
};

struct wc_column_table {
    int kind;                /* as Weir__V1__Kind */
    const char *title;       /* of the tab */
    const char *short_title; /* used if there is no room for it */
    char key;                /* that shows the tab */
    bool is_single;   /* the kind has one row, which is shown as its details, not as a table */
    const char *sort; /* the FIELD of the first order; NULL: the name */
    bool is_descending;
    const char *then; /* the FIELD whose greatest come first among rows that sort alike, or NULL */
    /* For kinds that warnings name: the FIELD that counts after the warnings in worst-first order,
     * which is then the first order. NULL: the kind has no such order. */
    const char *worst[2];
    struct wc_screen_column columns[WC_MAX_COLUMNS];
    size_t n_columns;
};

#define WC_SORT_WORST (-1) /* instead of a column: worst first */

/* Never NULL for a tab. Owns: static. */
const struct wc_column_table *wc_column_table(enum wc_tab tab);

/* The tab that lists a kind, or that a key shows; or -1. */
int wc_column_tab(int kind);
int wc_column_tab_of_key(uint32_t key);

/* A tab's columns on a screen of that width. */
struct wc_screen_columns {
    int n;
    struct {
        int index; /* in the table */
        int col, width;
    } at[WC_MAX_COLUMNS];
};

/* The widths that the rows need. */
struct wc_column_hint {
    int name_width; /* of the longest name shown, without the part that runs into its neighbour's
                       column */
    int text_width[WC_MAX_COLUMNS]; /* of the longest text in each TEXT column of this tab */
    bool has_senders;
    uint32_t absent; /* bit set of the tab's columns for which this process has no metric */
};

/* Lays the columns out. */
void wc_columns_fit(enum wc_tab tab, int screen_cols, const struct wc_column_hint *hint,
                    struct wc_screen_columns *ret_columns);

/* The index of a tab's column by its FIELD ("name" for the name), or -1. */
int wc_column_find(enum wc_tab tab, const char *field);

#endif
