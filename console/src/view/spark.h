/* SPDX-License-Identifier: MIT */
/*
 * Small graphs of numbers in three tiers: eighths of blocks, braille dots, ASCII. A gap (NaN) is
 * blank, a zero is not. Draws into a grid; no I/O. The console's one thread.
 */
#ifndef WC_VIEW_SPARK_H
#define WC_VIEW_SPARK_H

#include "view/grid.h"

enum wc_tier { WC_TIER_BLOCK, WC_TIER_BRAILLE, WC_TIER_ASCII };

/* The values that one cell shows beside each other: 2 in braille, else 1. */
int wc_spark_per_cell(enum wc_tier tier);

/* The position and the style of a picture. */
struct wc_spark {
    struct wc_grid *grid;
    int row, col; /* its upper left */
    enum wc_tier tier;
    enum wc_style style;
};

/* One line of `n` values, as far as `max` high. */
void wc_spark_line(const struct wc_spark *spark, const double *values, int n, double max);

/* A filled graph of `rows` lines. */
void wc_spark_graph(const struct wc_spark *spark, int rows, const double *values, int n,
                    double max);

/* A bar of `width` cells, filled to `ratio` (0 to 1); a stroke is one on blank ground. */
void wc_spark_bar(const struct wc_spark *spark, int width, double ratio);
void wc_spark_stroke(const struct wc_spark *spark, int width, double ratio);

#endif
