/* SPDX-License-Identifier: MIT */
/* The last line: the keys of the present screen, or the text that is being typed. */
#include "view/part.h"

#include <string.h>

#include "input/key.h"

#define FOOTER_MAX  64
#define FOOTER_RANK 9 /* the highest there is */

struct footer_key {
    const char *key, *does;
    int rank; /* the key with the greatest is left out first */
};

struct footer {
    int n;
    struct footer_key key[FOOTER_MAX];
};

static void footer_add(struct footer *footer, const char *key, const char *does, int rank)
{
    if (key && footer->n < FOOTER_MAX) {
        footer->key[footer->n++] = (struct footer_key){key, does, rank};
    }
}

/* The keys of a list, in the order of their table. Warnings have an order of their own, and Enter
 * goes from a warning to its row. */
static void footer_list(const struct wc_view *view, struct footer *footer)
{
    bool is_warnings = view->ui->tab == WC_TAB_WARNINGS;
    const struct wc_key_row *key;
    for (size_t i = 0; (key = wc_key_row_of(i, view->model->playback.is_on)) != NULL; i++) {
        bool is_row = is_warnings && key->action == WC_ACTION_DETAIL;
        if (key->footer && !(is_warnings && key->action == WC_ACTION_SORT_LEFT)) {
            footer_add(footer, key->footer_key, is_row ? "its row" : key->footer, key->footer_rank);
        }
    }
}

static void footer_detail(const struct wc_view *view, struct footer *footer)
{
    const struct wc_ui *ui = view->ui;
    bool is_part = ui->detail[ui->tab].page == WC_PAGE_PART;
    bool is_replay = view->model->playback.is_on;
    footer_add(footer, ui->is_detail ? "Esc" : NULL, "back", 0);
    footer_add(footer, "< >", "page", 0);
    footer_add(footer, "up down", is_part ? "row" : "field", 1);
    footer_add(footer, is_part ? "Enter" : NULL, "details", 1);
    footer_add(footer, ui->is_detail && !ui->has_from ? "[ ]" : NULL, "next row", 3);
    footer_add(footer, "Space", is_replay ? "stop/play" : "freeze", 2);
    footer_add(footer, is_replay ? ", ." : NULL, "10 s", 3);
    footer_add(footer, "?", "help", 0);
    footer_add(footer, "q", "quit", 0);
}

static int footer_width(const struct footer *footer, int rank, int gap)
{
    int width = 1 - gap;
    for (int i = 0; i < footer->n; i++) {
        const struct footer_key *key = &footer->key[i];
        width += key->rank <= rank ? (int)(strlen(key->key) + strlen(key->does)) + 1 + gap : 0;
    }
    return width;
}

static void footer_draw(struct wc_grid *grid, int row, int col, const struct footer *footer)
{
    int gap = grid->cols >= 100 ? 3 : 2, rank = FOOTER_RANK;
    while (rank > 0 && footer_width(footer, rank, gap) > grid->cols) {
        rank--;
    }
    for (int i = 0; i < footer->n; i++) {
        const struct footer_key *key = &footer->key[i];
        if (key->rank <= rank) {
            col += wc_grid_text(grid, row, col, grid->cols - col, WC_STRONG, key->key) + 1;
            col += wc_grid_text(grid, row, col, grid->cols - col, WC_LABEL, key->does) + gap;
        }
    }
}

void wc_view_footer(const struct wc_view *view)
{
    const struct wc_ui *ui = view->ui;
    struct wc_grid *grid = view->grid;
    struct footer footer = {.n = 0};
    int row = view->layout->footer_row, col = 1;

    if (ui->prompt != WC_PROMPT_NONE) {
        const char *label =
            ui->prompt == WC_PROMPT_SEARCH ? "search: " : "show only names that contain or match: ";
        col += wc_grid_text(grid, row, col, grid->cols - col, WC_ACCENT, label);
        col += wc_grid_text(grid, row, col, grid->cols - col - 1, WC_STRONG, ui->typed);
        wc_grid_flag(grid, row, col, 1, WC_REVERSE);
        return;
    }
    if (wc_ui_is_detail(ui)) {
        footer_detail(view, &footer);
    } else {
        footer_list(view, &footer);
    }
    footer_draw(grid, row, col, &footer);
}
