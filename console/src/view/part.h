/* SPDX-License-Identifier: MIT */
/*
 * The common header of the parts of the screen: their context, and the functions that view.c calls.
 * A part uses only parts below it in this list; it reads model and ui and writes the grid. No I/O;
 * the console's one thread.
 *
 *     view.c -> header.c, table.c, detail.c, finding.c, help.c, footer.c -> graph.c, latency.c, reasons.c
 *            -> text.c, value.c -> grid.h, spark.h
 */
#ifndef WC_VIEW_PART_H
#define WC_VIEW_PART_H

#include "model/layout.h"
#include "model/state.h"
#include "model/ui.h"
#include "base/format.h"
#include "view/grid.h"
#include "view/spark.h"

/* The context of a drawing. */
struct wc_view {
    struct wc_grid *grid;
    const struct wc_model *model;
    const struct wc_ui *ui;
    const struct wc_layout *layout;
    enum wc_tier tier;
    int64_t now_nanos;      /* the console's monotonic clock, as in the model */
    int64_t now_unix_nanos; /* for the clock on the screen */
};

/* A part of the grid. */
struct wc_box {
    int row, col, rows, cols;
};

/* The parts, each in a file of its own. */
void wc_view_header(const struct wc_view *view); /* and the tabs */
void wc_view_footer(const struct wc_view *view);
void wc_view_section(const struct wc_view *view, const struct wc_section *section);
/* One number of a row over time; `name` comes before its title, or NULL. */
void wc_view_graph(const struct wc_view *view, const struct wc_box *box,
                   const Weir__V1__Metric *metric, uint64_t id, const char *name);
/* The number against which a queue's depth is drawn: its capacity; 0 if it has none, and for any
 * other number. */
double wc_view_capacity(const struct wc_view *view, const Weir__V1__Metric *metric, uint64_t id);
/* Rows of a tab's kind under its captions; `cursor` is the row in use, -1: none. */
void wc_view_rows(const struct wc_view *view, const struct wc_box *box, enum wc_tab tab,
                  const struct wc_rows *rows, int cursor);
/* The distributions of a row's histograms. */
void wc_view_latency(const struct wc_view *view, const struct wc_box *box, int kind,
                     const Weir__V1__Row *row);
/* The metrics that divide a total, as bars; returns the lines that it takes. */
int wc_view_reasons(const struct wc_view *view, const struct wc_box *box,
                    const struct wc_rows *rows, const Weir__V1__Row *row);
void wc_view_detail(const struct wc_view *view);
void wc_view_help(const struct wc_view *view);

/* The finding under the cursor of the warnings' tab, with its evidence and what to do. */
void wc_view_finding(const struct wc_view *view);

/* Text broken at blanks over the box's lines, all but the first one beginning at column `col`; text
 * that does not fit ends in an ellipsis. Returns the lines that it took. */
int wc_view_text(const struct wc_view *view, const struct wc_box *box, int col, const char *text);

/* A value by its unit, the metric's or its row's (wc_row_unit), with all digits where they are counts; "-" when
 * absent. */
void wc_view_value(char to[WC_FORMAT_SIZE], const Weir__V1__Metric *metric, const char *unit,
                   const Weir__V1__Value *value);

#endif
