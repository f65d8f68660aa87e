/* SPDX-License-Identifier: MIT */
/*
 * Rows under named columns, described once and printed as a table for people, as JSON, or as CSV.
 * The console's one thread.
 */
#ifndef WC_EMIT_TABLE_H
#define WC_EMIT_TABLE_H

#include "emit/json.h"
#include "emit/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* How people see a number. */
enum wc_shape {
    WC_SHAPE_TEXT,
    WC_SHAPE_EXACT, /* all digits */
    WC_SHAPE_COUNT, /* 18.2k */
    WC_SHAPE_RATE,
    WC_SHAPE_BYTES,
    WC_SHAPE_GROWTH,
    WC_SHAPE_SECONDS,
    WC_SHAPE_RATIO,
    WC_SHAPE_TIME
};

struct wc_column {
    const char *title; /* for people; NULL: not shown to them */
    const char *key;   /* in JSON and CSV, and the metric's field in a snapshot */
    enum wc_shape shape;
    const char *absent; /* shown to people if there is no value; NULL: "-" */
    bool is_optional;   /* not shown to people when no row has a value */
};

struct wc_table;

/* Borrows the columns. Owns: wc_table_destroy. Never NULL. */
struct wc_table *wc_table_create(const struct wc_column *columns, size_t n_columns);
void wc_table_destroy(struct wc_table *table);

/* Copies one value per column, texts included. */
void wc_table_add(struct wc_table *table, const struct wc_value *values);
size_t wc_table_count(const struct wc_table *table);

void wc_table_print_human(const struct wc_table *table, FILE *out);
/* An array of objects, as a member `key`. */
void wc_table_print_json(const struct wc_table *table, struct wc_json *json, const char *key);
/* The members of row i, within an object that is open. */
void wc_table_print_members(const struct wc_table *table, struct wc_json *json, size_t i);
void wc_table_print_csv(const struct wc_table *table, FILE *out);

/* One line of CSV (RFC 4180, but ended by a newline alone; control characters become '?'). */
void wc_csv_line(FILE *out, const struct wc_value *values, size_t n);

#endif
