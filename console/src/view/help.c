/* SPDX-License-Identifier: MIT */
/* The help over the screen, made from the table of keys. */
#include "view/part.h"

#include "input/key.h"

#define KEYS_WIDTH 10

static int help_rows(bool is_replay, const struct wc_key_row **ret_rows, int room)
{
    int n = 0;
    const struct wc_key_row *row;
    for (size_t i = 0; (row = wc_key_row_of(i, is_replay)) != NULL && n < room; i++) {
        if (row->shown) {
            ret_rows[n++] = row;
        }
    }
    return n;
}

void wc_view_help(const struct wc_view *view)
{
    const struct wc_key_row *rows[64];
    struct wc_grid *grid = view->grid;
    int n = help_rows(view->model->playback.is_on, rows, 64);
    int half = (n + 1) / 2;
    int width = grid->cols >= 84 ? 80 : grid->cols - 2;
    int height = half + 4 < grid->rows ? half + 4 : grid->rows;
    int top = (grid->rows - height) / 2, left = (grid->cols - width) / 2;
    int column = (width - 4) / 2;

    for (int i = 0; i < height; i++) {
        wc_grid_fill(grid, top + i, left - 1, width + 2, ' ', WC_PLAIN);
    }
    wc_grid_fill(grid, top, left, width, ' ', WC_ACCENT);
    wc_grid_text(grid, top, left + 2, width - 4, WC_ACCENT, "Keys");
    wc_grid_text_right(grid, top, left + 2, width - 4, WC_ACCENT, "any key closes this");
    wc_grid_flag(grid, top, left, width, WC_REVERSE);
    int first = height >= half + 4 ? top + 2 : top + 1;
    for (int i = 0; i < n; i++) {
        int row = first + i % half;
        int col = left + 2 + i / half * (column + 1);
        if (row >= grid->rows) {
            continue;
        }
        wc_grid_text(grid, row, col, KEYS_WIDTH - 1, WC_STRONG, rows[i]->shown);
        wc_grid_text(grid, row, col + KEYS_WIDTH, column - KEYS_WIDTH, WC_PLAIN, rows[i]->does);
    }
    if (height >= half + 4) {
        wc_grid_text(grid, top + height - 2, left + 2, width - 4, WC_LABEL,
                     "P99 >44s: a message that is still queued has waited for longer.");
        wc_grid_text(grid, top + height - 1, left + 2, width - 4, WC_LABEL,
                     "C critical, W warning, i info before a row. weir only reads.");
    }
}
