/* SPDX-License-Identifier: MIT */
/*
 * A grid of cells: the content of a screen, made without a terminal, so that a test can compare it.
 * Text from a peer is made harmless here: no control character ever reaches a cell. The console's
 * one thread.
 */
#ifndef WC_VIEW_GRID_H
#define WC_VIEW_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The role of a cell; term/ chooses its colour. */
enum wc_style {
    WC_PLAIN,
    WC_LABEL,   /* captions and units: dim */
    WC_STRONG,  /* a value that matters: bold */
    WC_ACCENT,  /* the tab and the column in use */
    WC_HEADING, /* a table's captions */
    WC_GOOD,
    WC_WARN,
    WC_CRITICAL,
    WC_GRAPH, /* bars, sparklines, graphs */
    WC_N_STYLES
};

/* Flags that go with a style. */
#define WC_REVERSE 1U

#define WC_CELL_MARKS 2 /* on one character: enough for Vietnamese, Hebrew and Thai */

struct wc_cell {
    uint32_t ch;                   /* 0: the right half of a wide character */
    uint32_t marks[WC_CELL_MARKS]; /* combining marks; 0 ends them */
    uint8_t style;
    uint8_t flags;
};

struct wc_grid {
    int rows, cols;
    bool ascii; /* nothing beyond ASCII may be drawn */
    struct wc_cell *cells;
};

/* Makes a grid of spaces. Ends the program without memory. Owns: finish it. */
void wc_grid_init(struct wc_grid *grid, int rows, int cols, bool ascii);
void wc_grid_finish(struct wc_grid *grid);

/* Makes every cell a plain blank. */
void wc_grid_clear(struct wc_grid *grid);

/* All of these clip to the grid, and return the columns that were filled. */
int wc_grid_put(struct wc_grid *grid, int row, int col, uint32_t ch, enum wc_style style);
int wc_grid_fill(struct wc_grid *grid, int row, int col, int width, uint32_t ch,
                 enum wc_style style);

/* UTF-8 text in at most `width` columns; what does not fit ends in an ellipsis. */
int wc_grid_text(struct wc_grid *grid, int row, int col, int width, enum wc_style style,
                 const char *text);
/* The same, but with the ellipsis in the middle: in a name and in a place in a source both ends
 * matter. */
int wc_grid_name(struct wc_grid *grid, int row, int col, int width, enum wc_style style,
                 const char *text);
/* As wc_grid_text, flush with the right end of the `width` columns. */
int wc_grid_text_right(struct wc_grid *grid, int row, int col, int width, enum wc_style style,
                       const char *text);

/* Adds flags to cells that are already drawn; removes them. */
void wc_grid_flag(struct wc_grid *grid, int row, int col, int width, uint8_t flags);
void wc_grid_unflag(struct wc_grid *grid, int row, int col, int width, uint8_t flags);

/* The columns that text takes when drawn. */
int wc_grid_width(const char *text, bool ascii);

/* Copies text as it would be drawn: harmless and valid. Always terminated. */
void wc_grid_clean(char *to, size_t size, const char *text, bool ascii);

/* One row as UTF-8 without blanks at its end, for tests. Returns its length, like snprintf. */
size_t wc_grid_row_text(const struct wc_grid *grid, int row, char *to, size_t size);

#endif
