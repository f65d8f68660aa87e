/* SPDX-License-Identifier: MIT */
/*
 * What the person at the keyboard has chosen: tab, cursor, sort, filter. Changed by input/, read by
 * view/ and by the query. No I/O; the console's one thread.
 */
#ifndef WC_MODEL_UI_H
#define WC_MODEL_UI_H

#include <stdbool.h>
#include <stdint.h>

#include "model/column.h"
#include "model/layout.h"
#include "model/model.h"

#define WC_UI_TEXT 128

enum wc_prompt { WC_PROMPT_NONE, WC_PROMPT_SEARCH, WC_PROMPT_FILTER };

/* One tab's list. */
struct wc_list {
    int sort; /* a column's index in the tab's table */
    bool is_descending;
    uint32_t cursor;   /* the row, counted from the first that matches */
    uint32_t top;      /* the first row shown */
    bool has_selected; /* a row was chosen: the cursor goes where it goes */
    uint64_t selected_id;
};

struct wc_ui {
    enum wc_tab tab;
    enum wc_tab tab_before; /* where `w` goes back to */
    struct wc_list list[WC_N_TABS];
    char filter[WC_UI_TEXT];
    char search[WC_UI_TEXT];
    int locate;       /* looking for the search's next match: 1 forward, -1 backward, 0 not */
    bool locate_here; /* the row under the cursor counts too */
    enum wc_prompt prompt;
    char typed[WC_UI_TEXT];
    char message[WC_UI_TEXT + 64]; /* shown until the next key */
    bool is_help, is_detail, wants_quit;
    bool is_g_typed; /* the first g of gg */
    uint64_t detail_id;
    char detail_name[256];
    uint32_t interval_millis;
};

void wc_ui_init(struct wc_ui *ui, uint32_t interval_millis);

/* Sorts the tab by a FIELD; false when no tab has such a column. */
bool wc_ui_sort(struct wc_ui *ui, const char *field);

/* The layout of the screen for what the model holds now. */
void wc_ui_layout(const struct wc_ui *ui, const struct wc_model *model, int rows, int cols,
                  struct wc_layout *ret_layout);

/* Brings cursors and window in line with the rows that there are; carries on a search. */
void wc_ui_settle(struct wc_ui *ui, const struct wc_model *model, const struct wc_layout *layout);

/* The row under the tab's cursor, or NULL; with its table. For the warnings' tab a warning. */
const Weir__V1__Row *wc_ui_selected(const struct wc_ui *ui, const struct wc_model *model,
                                    enum wc_tab tab);
/* The row at `at` of a tab's list, or NULL when it has not been fetched. */
const Weir__V1__Row *wc_ui_row(const struct wc_model *model, enum wc_tab tab, uint32_t at);

/* How many rows of a tab there are: those that match, and all. */
uint32_t wc_ui_matching(const struct wc_model *model, enum wc_tab tab);
uint32_t wc_ui_total(const struct wc_model *model, enum wc_tab tab);

/* The longest name shown on any list, for the columns. */
int wc_ui_name_width(const struct wc_model *model);

#endif
