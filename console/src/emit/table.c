/* SPDX-License-Identifier: MIT */
/* Tables of few rows, kept until all widths are known. */
#include "emit/table.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/format.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_TEXT_MAX    512u /* of one cell, for people */
#define TABLE_MAX_COLUMNS 48u
#define TABLE_GAP         2u /* between two columns */

struct wc_table {
    const struct wc_column *columns;
    size_t n_columns;
    size_t n_rows, room;
    struct wc_value *cells; /* n_rows x n_columns; texts are ours */
};

struct wc_table *wc_table_create(const struct wc_column *columns, size_t n_columns)
{
    struct wc_table *table = wc_alloc(sizeof(*table));
    table->columns = columns;
    table->n_columns = n_columns < TABLE_MAX_COLUMNS ? n_columns : TABLE_MAX_COLUMNS;
    return table;
}

void wc_table_destroy(struct wc_table *table)
{
    if (!table) {
        return;
    }
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
        if (table->cells[i].type == WC_TEXT) {
            free((void *)(uintptr_t)table->cells[i].u.text);
        }
    }
    free(table->cells);
    free(table);
}

void wc_table_add(struct wc_table *table, const struct wc_value *values)
{
    if (table->n_rows == table->room) {
        table->room = table->room ? table->room * 2 : 16;
        table->cells = wc_resize(table->cells, table->room * table->n_columns, sizeof(*values));
    }
    struct wc_value *row = table->cells + table->n_rows * table->n_columns;
    for (size_t i = 0; i < table->n_columns; i++) {
        row[i] = values[i];
        if (values[i].type == WC_TEXT) {
            row[i].u.text = wc_copy(values[i].u.text);
        }
    }
    table->n_rows++;
}

size_t wc_table_count(const struct wc_table *table)
{
    return table->n_rows;
}

static void table_write_number(enum wc_shape shape, const struct wc_value *value, char *ret_text)
{
    double number = wc_value_number(value);
    switch (shape) {
    case WC_SHAPE_COUNT:
        wc_format_count(ret_text, number);
        break;
    case WC_SHAPE_RATE:
        wc_format_rate(ret_text, number);
        break;
    case WC_SHAPE_BYTES:
        wc_format_bytes(ret_text, number);
        break;
    case WC_SHAPE_GROWTH:
        wc_format_growth(ret_text, number);
        break;
    case WC_SHAPE_SECONDS:
        wc_format_latency(ret_text, number);
        break;
    case WC_SHAPE_RATIO:
        wc_format_percent(ret_text, number);
        break;
    default:
        ret_text[0] = '\0';
        break;
    }
}

/* A cell as people see it. */
static void table_write(const struct wc_column *column, const struct wc_value *value,
                        char ret_text[TABLE_TEXT_MAX])
{
    char room[WC_FORMAT_SIZE];
    if (value->type == WC_ABSENT) {
        snprintf(ret_text, TABLE_TEXT_MAX, "%s", column->absent ? column->absent : "-");
    } else if (value->type == WC_TEXT || value->type == WC_TIME ||
               column->shape == WC_SHAPE_EXACT || column->shape == WC_SHAPE_TEXT) {
        wc_text_clean(wc_value_plain(value, room), ret_text, TABLE_TEXT_MAX);
        if (value->type == WC_TIME && strlen(ret_text) > strlen("2026-11-23T19:10:26")) {
            /* Whole seconds are precise enough for people. */
            snprintf(ret_text + strlen("2026-11-23T19:10:26"), 2, "Z");
        }
    } else {
        table_write_number(column->shape, value, ret_text);
    }
}

static bool table_is_shown(const struct wc_table *table, size_t column)
{
    if (!table->columns[column].title) {
        return false;
    }
    if (!table->columns[column].is_optional) {
        return true;
    }
    for (size_t row = 0; row < table->n_rows; row++) {
        if (table->cells[row * table->n_columns + column].type != WC_ABSENT) {
            return true;
        }
    }
    return false;
}

static bool table_is_left(const struct wc_column *column)
{
    return column->shape == WC_SHAPE_TEXT || column->shape == WC_SHAPE_TIME;
}

/* Writes one cell. Blanks are held back until something follows them, so no line ends in blanks. */
static void table_print_cell(FILE *out, const char *text, size_t width, bool is_left,
                             size_t *blanks)
{
    size_t own = wc_text_width(text);
    size_t pad = own < width ? width - own : 0;
    if (!is_left) {
        *blanks += pad;
    }
    if (text[0]) {
        fprintf(out, "%*s%s", (int)*blanks, "", text);
        *blanks = 0;
    }
    if (is_left) {
        *blanks += pad;
    }
    *blanks += TABLE_GAP;
}

void wc_table_print_human(const struct wc_table *table, FILE *out)
{
    size_t widths[TABLE_MAX_COLUMNS] = {0};
    bool shown[TABLE_MAX_COLUMNS] = {false};
    char text[TABLE_TEXT_MAX];
    for (size_t i = 0; i < table->n_columns; i++) {
        shown[i] = table_is_shown(table, i);
        if (!shown[i]) {
            continue;
        }
        widths[i] = wc_text_width(table->columns[i].title);
        for (size_t row = 0; row < table->n_rows; row++) {
            table_write(&table->columns[i], &table->cells[row * table->n_columns + i], text);
            size_t width = wc_text_width(text);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (size_t line = 0; line <= table->n_rows; line++) {
        size_t blanks = 0;
        for (size_t i = 0; i < table->n_columns; i++) {
            if (!shown[i]) {
                continue;
            }
            const struct wc_column *column = &table->columns[i];
            if (line == 0) {
                snprintf(text, sizeof(text), "%s", column->title);
            } else {
                table_write(column, &table->cells[(line - 1) * table->n_columns + i], text);
            }
            table_print_cell(out, text, widths[i], table_is_left(column), &blanks);
        }
        putc('\n', out);
    }
}

void wc_table_print_members(const struct wc_table *table, struct wc_json *json, size_t i)
{
    const char *paths[TABLE_MAX_COLUMNS];
    for (size_t k = 0; k < table->n_columns; k++) {
        paths[k] = table->columns[k].key;
    }
    wc_json_members(json, paths, table->cells + i * table->n_columns, table->n_columns);
}

void wc_table_print_json(const struct wc_table *table, struct wc_json *json, const char *key)
{
    wc_json_open(json, key, '[');
    for (size_t i = 0; i < table->n_rows; i++) {
        wc_json_open(json, NULL, '{');
        wc_table_print_members(table, json, i);
        wc_json_close(json, '}');
    }
    wc_json_close(json, ']');
}

void wc_csv_line(FILE *out, const struct wc_value *values, size_t n)
{
    char room[WC_FORMAT_SIZE], clean[TABLE_TEXT_MAX];
    for (size_t i = 0; i < n; i++) {
        wc_text_clean(wc_value_plain(&values[i], room), clean, sizeof(clean));
        if (i > 0) {
            putc(',', out);
        }
        if (!clean[strcspn(clean, ",\"")]) {
            fputs(clean, out);
            continue;
        }
        putc('"', out);
        for (const char *text = clean; *text; text++) {
            if (*text == '"') {
                putc('"', out);
            }
            putc(*text, out);
        }
        putc('"', out);
    }
    putc('\n', out);
}

void wc_table_print_csv(const struct wc_table *table, FILE *out)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        fprintf(out, "%s%s", i ? "," : "", table->columns[i].key);
    }
    putc('\n', out);
    for (size_t row = 0; row < table->n_rows; row++) {
        wc_csv_line(out, table->cells + row * table->n_columns, table->n_columns);
    }
}
