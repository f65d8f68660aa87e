/* SPDX-License-Identifier: MIT */
/* The console's screen without a terminal, and what no server may make of it. Header only: the
 * console's library comes with the target that includes it. */
#ifndef FUZZ_SCREEN_H
#define FUZZ_SCREEN_H

#include "fuzz.h"
#include "model/model.h"
#include "model/query.h"
#include "model/ui.h"
#include "view/view.h"

struct fuzz_screen {
    struct wc_model model;
    struct wc_ui ui;
    struct wc_layout layout;
    struct wc_grid grid;
    struct wc_query query;
    int64_t now_nanos;
};

static inline void fuzz_screen_size(struct fuzz_screen *screen, int rows, int cols)
{
    wc_grid_finish(&screen->grid);
    wc_grid_init(&screen->grid, rows, cols, cols % 7 == 0);
}

static inline void fuzz_screen_init(struct fuzz_screen *screen)
{
    screen->now_nanos = INT64_C(5000000000);
    wc_model_init(&screen->model);
    wc_ui_init(&screen->ui, 1000);
    wc_grid_init(&screen->grid, 24, 80, false);
}

static inline void fuzz_screen_finish(struct fuzz_screen *screen)
{
    wc_model_finish(&screen->model);
    wc_grid_finish(&screen->grid);
}

/* Brings everything in line with the model, as between two keys. */
static inline void fuzz_screen_settle(struct fuzz_screen *screen)
{
    wc_ui_layout(&screen->ui, &screen->model, screen->grid.rows, screen->grid.cols,
                 &screen->layout);
    wc_ui_settle(&screen->ui, &screen->model, &screen->layout);
}

/* Draws; no cell may hold what drives a terminal. */
static inline void fuzz_screen_draw(struct fuzz_screen *screen, enum wc_tier tier)
{
    fuzz_screen_settle(screen);
    struct wc_view view = {&screen->grid,
                           &screen->model,
                           &screen->ui,
                           &screen->layout,
                           tier,
                           screen->now_nanos,
                           INT64_C(1700000000000000000)};
    wc_view_draw(&view);
    for (int i = 0; i < screen->grid.rows * screen->grid.cols; i++) {
        const struct wc_cell *cell = &screen->grid.cells[i];
        FUZZ_CHECK(cell->style < WC_N_STYLES);
        FUZZ_CHECK(cell->ch == 0 || (cell->ch >= 0x20 && cell->ch < 0x7F) || cell->ch >= 0xA0);
        FUZZ_CHECK(!screen->grid.ascii || cell->ch < 0x7F);
    }
}

/* What is asked of the server now. */
static inline void fuzz_screen_ask(struct fuzz_screen *screen)
{
    fuzz_screen_settle(screen);
    wc_query_make(&screen->model, &screen->ui, &screen->layout, &screen->query);
}

#endif
