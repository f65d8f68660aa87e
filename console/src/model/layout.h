/* SPDX-License-Identifier: MIT */
/*
 * The positions of all parts on a screen of a given size. Tables stand below each other if they
 * fit; else the tab in use has most of the room. No I/O.
 *
 *     0        process
 *     1        rejects, filter, banners
 *     2        the worst warnings: two lines on 24 rows and more
 *     tabs
 *     body     tables, and the selected row's graph; or warnings, and one in full
 *     info     the column's meaning
 *     rows-1   keys
 *
 * The console's one thread.
 */
#ifndef WC_MODEL_LAYOUT_H
#define WC_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/column.h"

#define WC_MIN_ROWS 12
#define WC_MIN_COLS 60

struct wc_section {
    enum wc_tab tab;
    int row;    /* of its captions; the rows of data follow */
    int n_rows; /* of data */
};

struct wc_layout {
    int rows, cols;
    bool is_too_small;
    int body_row, body_rows;
    int n_sections;
    struct wc_section section[WC_N_TABS];
    int graph_row, graph_rows;     /* 0 rows: no graph */
    int finding_row, finding_rows; /* of the warnings' tab: the one in use in full; 0 rows: none */
    int warning_row, warning_rows, tabs_row, info_row, footer_row;
};

/* `counts`: the rows of each tab. `is_whole`: one part has the whole body (a row's details). */
void wc_layout_make(int rows, int cols, enum wc_tab tab, const uint32_t counts[WC_N_TABS],
                    bool is_whole, struct wc_layout *ret_layout);

/* The section of a tab; the first one when it has none. */
const struct wc_section *wc_layout_section(const struct wc_layout *layout, enum wc_tab tab);

#endif
