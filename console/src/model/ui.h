/* SPDX-License-Identifier: MIT */
/*
 * The user's choices: tab, cursor, sort, filter. input/ changes them, view/ and the query read
 * them. No I/O; the console's one thread.
 */
#ifndef WC_MODEL_UI_H
#define WC_MODEL_UI_H

#include <stdbool.h>
#include <stdint.h>

#include "model/column.h"
#include "model/layout.h"
#include "model/state.h"
#include "model/page.h"
#include "model/playback.h"
#include "model/warning.h"

#define WC_UI_TEXT 128

#define WC_UI_SEARCH_ROWS 10000U /* names that a search looks through: a server's limit */

enum wc_prompt { WC_PROMPT_NONE, WC_PROMPT_SEARCH, WC_PROMPT_FILTER };

/* One tab's list. */
struct wc_list {
    int sort; /* a column's index in the tab's table, or WC_SORT_WORST */
    bool is_descending;
    uint32_t cursor;   /* the row, counted from the first that matches */
    uint32_t top;      /* the first row shown */
    bool has_selected; /* a row was chosen: the cursor follows it */
    uint64_t selected_id;
    bool is_lost; /* that row was not fetched: the server is asked to follow it */
};

/* One tab's details. */
struct wc_detail {
    enum wc_page page;
    bool has_field;  /* a metric was chosen; else it is the kind's trend */
    uint32_t field;  /* its index */
    uint32_t cursor; /* among the rows of WC_PAGE_PART */
};

/* The row whose details are open. */
struct wc_detail_subject {
    enum wc_tab tab;
    uint64_t id;
    char name[256];
};

struct wc_ui {
    enum wc_tab tab;
    enum wc_tab tab_before; /* to which `w` goes back */
    struct wc_list list[WC_N_TABS];
    char filter[WC_UI_TEXT];
    char search[WC_UI_TEXT];
    int locate;       /* the direction of a search under way: 1 forward, -1 backward, 0 none */
    bool locate_here; /* the row under the cursor counts too */
    enum wc_prompt prompt;
    char typed[WC_UI_TEXT];
    char message[WC_UI_TEXT + 64]; /* shown until the next key */
    bool is_help, is_detail, wants_quit;
    bool is_g_typed; /* the first g of gg */
    uint64_t detail_id;
    char detail_name[256];
    struct wc_detail detail[WC_N_TABS];
    bool has_from; /* the details were opened from another row's details */
    struct wc_detail_subject from;
    uint32_t interval_millis;
    struct wc_playback_request request; /* for a recording; the player takes it */
};

void wc_ui_init(struct wc_ui *ui, uint32_t interval_millis);

/* The process is known: replaces first choices that mean nothing for it. */
void wc_ui_begin(struct wc_ui *ui, const struct wc_model *model);

/* The first numbers are there: chooses the tab with the worst warnings, else the first one with
 * rows. */
void wc_ui_start(struct wc_ui *ui, const struct wc_model *model);

/* Sorts the tab by a FIELD, "severity": worst first; false when no tab has such a column. */
bool wc_ui_sort(struct wc_ui *ui, const char *field);

/* The layout of the screen for the model's present content. */
void wc_ui_layout(const struct wc_ui *ui, const struct wc_model *model, int rows, int cols,
                  struct wc_layout *ret_layout);

/* Fits cursors and window to the present rows; continues a search. */
void wc_ui_settle(struct wc_ui *ui, const struct wc_model *model, const struct wc_layout *layout);

/* The row under the tab's cursor, or NULL; with its table. For the warnings' tab a warning. */
const Weir__V1__Row *wc_ui_selected(const struct wc_ui *ui, const struct wc_model *model,
                                    enum wc_tab tab);
/* The row at position `at` of a tab's list, or NULL when it was not fetched. */
const Weir__V1__Row *wc_ui_row(const struct wc_model *model, enum wc_tab tab, uint32_t at);

/* Puts the cursor on a row by its id, at whatever position in the list. */
void wc_ui_select(struct wc_ui *ui, enum wc_tab tab, uint64_t id);

/* Whether a tab is shown among the tabs: those without rows are not. */
bool wc_ui_tab_is_shown(const struct wc_ui *ui, const struct wc_model *model, enum wc_tab tab);

/* Whether a row's details fill the body; and that row with its table, or NULL. */
bool wc_ui_is_detail(const struct wc_ui *ui);
const Weir__V1__Row *wc_ui_detail(const struct wc_ui *ui, const struct wc_model *model,
                                  const struct wc_rows **ret_rows);
/* The metric under the cursor of the details, or NULL on a page without metrics. */
const Weir__V1__Metric *wc_ui_field(const struct wc_ui *ui, const struct wc_model *model);
/* The row under the cursor on the page of rows that belong to the row, or NULL. */
const Weir__V1__Row *wc_ui_part(const struct wc_ui *ui, const struct wc_model *model);

/* How many rows of a tab there are: those that match, and all. */
uint32_t wc_ui_matching(const struct wc_model *model, enum wc_tab tab);
uint32_t wc_ui_total(const struct wc_model *model, enum wc_tab tab);

/* A tab's columns on a screen of that width, for the present rows. */
void wc_ui_columns(const struct wc_model *model, enum wc_tab tab, int screen_cols,
                   struct wc_screen_columns *ret_columns);

#endif
