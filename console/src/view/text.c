/* SPDX-License-Identifier: MIT */
/* Text over several lines of the screen. */
#include "view/part.h"

#include "base/text.h"

#include <stdio.h>

int wc_view_text(const struct wc_view *view, const struct wc_box *box, int col, const char *text)
{
    struct wc_grid *grid = view->grid;
    int at = box->col, end = box->col + box->cols, i;
    for (i = 0; i < box->rows && *text; i++, at = col) {
        bool is_last = i + 1 == box->rows || wc_grid_width(text, grid->ascii) <= end - at;
        int length = is_last ? 0 : (int)wc_text_break(text, end - at);
        char line[1024];
        snprintf(line, sizeof(line), "%.*s", length > 0 ? length : (int)sizeof(line) - 1, text);
        wc_grid_text(grid, box->row + i, at, end - at, WC_LABEL, line);
        if (length == 0) {
            return i + 1;
        }
        text += length + 1;
    }
    return i;
}
