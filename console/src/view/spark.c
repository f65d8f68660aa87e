/* SPDX-License-Identifier: MIT */
/*
 * Heights are counted in the tier's smallest steps. A value above 0 is at least one step high, so
 * that a single message is visible beside a thousand.
 */
#include "view/spark.h"

#include <math.h>

static const char ascii_ramp[] = " .:-=+*#%@";
#define ASCII_STEPS 9

int wc_spark_per_cell(enum wc_tier tier)
{
    return tier == WC_TIER_BRAILLE ? 2 : 1;
}

/* The height of a value in steps, `full` of them for the greatest; -1 for a gap. */
static int spark_height(double value, double max, int full)
{
    if (isnan(value)) {
        return -1;
    }
    if (!(value > 0) || !(max > 0)) {
        return 0;
    }
    double height = ceil(value / max * full - 1e-9);
    return !(height < full) ? full : height < 1 ? 1 : (int)height;
}

static uint32_t braille_column(int height, int is_right)
{
    static const uint32_t dots[2][4] = {{0x40, 0x04, 0x02, 0x01}, {0x80, 0x20, 0x10, 0x08}};
    uint32_t ch = 0;
    for (int i = 0; i < height && i < 4; i++) {
        ch |= dots[is_right][i];
    }
    return ch;
}

void wc_spark_line(const struct wc_spark *spark, const double *values, int n, double max)
{
    if (spark->tier == WC_TIER_BRAILLE) {
        for (int i = 0; i < n; i += 2) {
            int left = spark_height(values[i], max, 3);
            int right = i + 1 < n ? spark_height(values[i + 1], max, 3) : -1;
            uint32_t ch = braille_column(left + 1, 0) | braille_column(right + 1, 1);
            wc_grid_put(spark->grid, spark->row, spark->col + i / 2, ch ? 0x2800 | ch : ' ',
                        spark->style);
        }
        return;
    }
    for (int i = 0; i < n; i++) {
        int height =
            spark_height(values[i], max, spark->tier == WC_TIER_ASCII ? ASCII_STEPS - 1 : 7);
        uint32_t ch = height < 0                     ? ' '
                      : spark->tier == WC_TIER_ASCII ? (uint32_t)ascii_ramp[height + 1]
                                                     : 0x2581U + (uint32_t)height;
        wc_grid_put(spark->grid, spark->row, spark->col + i, ch, spark->style);
    }
}

/* The cell of a graph `height` steps high, `line` lines above the ground. */
static uint32_t graph_cell(enum wc_tier tier, int height, int line)
{
    if (tier == WC_TIER_ASCII) {
        static const char steps[] = {' ', '.', ':', '#'};
        int left = height - line * 3;
        return (uint32_t)steps[left < 0 ? 0 : left > 3 ? 3 : left];
    }
    int left = height - line * 8;
    return left <= 0 ? ' ' : 0x2580U + (uint32_t)(left > 8 ? 8 : left);
}

void wc_spark_graph(const struct wc_spark *spark, int rows, const double *values, int n, double max)
{
    int steps = spark->tier == WC_TIER_BRAILLE ? 4 : spark->tier == WC_TIER_ASCII ? 3 : 8;
    int per_cell = wc_spark_per_cell(spark->tier);

    for (int i = 0; i < n; i += per_cell) {
        int left = spark_height(values[i], max, rows * steps);
        int right = per_cell > 1 && i + 1 < n ? spark_height(values[i + 1], max, rows * steps) : -1;
        for (int line = 0; line < rows; line++) {
            uint32_t ch;
            if (spark->tier == WC_TIER_BRAILLE) {
                ch = braille_column(left - line * 4, 0) | braille_column(right - line * 4, 1);
                ch = ch ? 0x2800 | ch : ' ';
            } else {
                ch = graph_cell(spark->tier, left, line);
            }
            bool is_ground = line == 0 && ch == ' ' && (left == 0 || right == 0);
            if (is_ground) {
                ch = spark->tier == WC_TIER_ASCII     ? '_'
                     : spark->tier == WC_TIER_BRAILLE ? 0x28c0
                                                      : 0x2581;
            }
            wc_grid_put(spark->grid, spark->row + rows - 1 - line, spark->col + i / per_cell, ch,
                        is_ground ? WC_LABEL : spark->style);
        }
    }
}

static void spark_bar(const struct wc_spark *spark, int width, double ratio, uint32_t empty)
{
    static const uint32_t eighths[] = {' ',    0x258f, 0x258e, 0x258d, 0x258c,
                                       0x258b, 0x258a, 0x2589, 0x2588};
    int steps = spark->tier == WC_TIER_ASCII ? 1 : 8;
    double whole = ratio > 1 ? 1 : ratio > 0 ? ratio : 0;
    int filled = spark_height(whole, 1, width * steps);

    for (int i = 0; i < width; i++) {
        int left = filled - i * steps;
        if (left <= 0) {
            wc_grid_put(spark->grid, spark->row, spark->col + i, empty, WC_LABEL);
        } else if (spark->tier == WC_TIER_ASCII) {
            wc_grid_put(spark->grid, spark->row, spark->col + i, '#', spark->style);
        } else {
            wc_grid_put(spark->grid, spark->row, spark->col + i, eighths[left > 8 ? 8 : left],
                        spark->style);
        }
    }
}

void wc_spark_bar(const struct wc_spark *spark, int width, double ratio)
{
    spark_bar(spark, width, ratio, spark->tier == WC_TIER_ASCII ? '.' : 0xb7);
}

void wc_spark_stroke(const struct wc_spark *spark, int width, double ratio)
{
    spark_bar(spark, width, ratio, ' ');
}
