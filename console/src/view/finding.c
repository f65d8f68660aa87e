/* SPDX-License-Identifier: MIT */
/*
 * The finding in use in full, below the list of warnings:
 *
 *     moves: unbounded and growing, +6,000 messages/s for 60 s, 360,000 queued (72.0 MB)
 *     seen:     12,000 sent/s, 6,000 leave/s; its lowest depth of late (340,120) is above ...
 *     estimate: holds 1.20 MB/s of the process's +1.25 MB/s over 60 s (96 %) as declared; ...
 *     do:       Admit only what its receiver can serve ...
 */
#include "view/part.h"

#define FINDING_COL     2
#define FINDING_CAPTION 10 /* columns of the widest one, its blank included */

void wc_view_finding(const struct wc_view *view)
{
    static const struct {
        const char *field, *caption;
    } parts[] = {{"text", ""}, {"evidence", "seen:"}, {"estimate", "estimate:"}, {"action", "do:"}};
    const struct wc_layout *layout = view->layout;
    const struct wc_rows *table =
        &wc_model_picture(view->model)->list[WEIR__V1__KIND__KIND_WARNING];
    const Weir__V1__Row *row = wc_ui_selected(view->ui, view->model, WC_TAB_WARNINGS);
    struct wc_box box = {layout->finding_row, FINDING_COL, layout->finding_rows,
                         view->grid->cols - FINDING_COL};

    for (size_t i = 0; row && i < sizeof(parts) / sizeof(parts[0]) && box.rows > 0; i++) {
        const char *text = wc_model_text(view->model, table, row, parts[i].field);
        int indent = parts[i].caption[0] ? FINDING_CAPTION : 0;
        if (!text[0]) {
            continue; /* an older server has no such field */
        }
        struct wc_box rest = box;
        rest.col += indent;
        rest.cols -= indent;
        wc_grid_text(view->grid, box.row, box.col, indent, WC_ACCENT, parts[i].caption);
        int used = wc_view_text(view, &rest, rest.col, text);
        box.row += used;
        box.rows -= used;
    }
}
