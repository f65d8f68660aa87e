/* SPDX-License-Identifier: MIT */
/*
 * The screen as cells: header, tabs, tables, graph, details, help, footer. Reads model and ui,
 * writes the grid; no I/O. The console's one thread.
 */
#ifndef WC_VIEW_VIEW_H
#define WC_VIEW_VIEW_H

#include "view/part.h"

/* Draws the whole screen; the grid has the layout's size. */
void wc_view_draw(const struct wc_view *view);

#endif
