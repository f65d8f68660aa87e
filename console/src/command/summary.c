/* SPDX-License-Identifier: MIT */
/* The numbers that people see of each kind, according to the metric tables; the other forms of
 * output have all numbers. */
#include "command/summary.h"

#include "base/memory.h"
#include "base/text.h"
#include "emit/row.h"
#include "emit/table.h"
#include "base/format.h"
#include "model/title.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUMMARY_MAX_COLUMNS 16u
#define SUMMARY_ROOM        WI_ROW_TITLE_MAX /* of a cell's text */

/* For a kind with many rows people see the first ones, in order of importance. */
struct summary_table {
    Weir__V1__Kind kind;
    const char *title; /* above the names; NULL: they are not shown */
    const char
        *sort; /* FIELD: a text from A to Z, a number from the greatest; NULL: in the order of the
                  snapshot */
    const char *then; /* FIELD of a number: among equals the greatest first */
    size_t most;      /* 0: all */
};

#define SUMMARY_MOST 20

static const struct summary_table summary_tables[] = {
    {WEIR__V1__KIND__KIND_CHANNEL, "CHANNEL", NULL, NULL, 0},
    {WEIR__V1__KIND__KIND_SEMAPHORE, "SEMAPHORE", NULL, NULL, 0},
    {WEIR__V1__KIND__KIND_TASK, "TASK", NULL, NULL, 0},
    {WEIR__V1__KIND__KIND_LOOP, "LOOP", NULL, NULL, 0},
    {WEIR__V1__KIND__KIND_SINGLE, "SINGLE TASK", "utilisation", "busy", SUMMARY_MOST},
    {WEIR__V1__KIND__KIND_SENDER, "SENDER", "state", "in_flight", SUMMARY_MOST},
    {WEIR__V1__KIND__KIND_COUNTER, "COUNTER", NULL, NULL, 0},
    {WEIR__V1__KIND__KIND_GAUGE, "GAUGE", NULL, NULL, 0},
    {WEIR__V1__KIND__KIND_RESOURCE, "RESOURCE", "operations", NULL, SUMMARY_MOST},
    {WEIR__V1__KIND__KIND_OPERATION, "OPERATION", "age", NULL, SUMMARY_MOST},
    {WEIR__V1__KIND__KIND_WARNING, NULL, NULL, NULL, 0},
};

/* A row with its sort values. */
struct summary_row {
    const Weir__V1__Table *table;
    const Weir__V1__Row *row;
    size_t place; /* its position in the snapshot */
    struct wc_value sort, then;
};

static int summary_compare(const void *a, const void *b)
{
    const struct summary_row *x = a, *y = b;
    bool has_texts = x->sort.type == WC_TEXT && y->sort.type == WC_TEXT;
    double difference = has_texts ? strcmp(x->sort.u.text, y->sort.u.text)
                                  : wc_value_number(&y->sort) - wc_value_number(&x->sort);
    if (!(difference < 0) && !(difference > 0)) {
        difference = wc_value_number(&y->then) - wc_value_number(&x->then);
    }
    return difference < 0 ? -1 : difference > 0 ? 1 : x->place < y->place ? -1 : 1;
}

/* All rows of a kind, in the order in which people see them. Owns: free. */
static struct summary_row *summary_rows(const struct wc_link *link, const struct wc_pages *pages,
                                        const struct summary_table *of, size_t *ret_n)
{
    struct summary_row *rows = wc_resize(NULL, pages->n_rows + 1, sizeof(*rows));
    int sort = of->sort ? wc_link_metric(link, of->kind, of->sort) : -1;
    int then = of->then ? wc_link_metric(link, of->kind, of->then) : -1;
    size_t n = 0;
    for (size_t page = 0; page < pages->n; page++) {
        const Weir__V1__Update *update = pages->updates[page];
        for (size_t i = 0; i < update->n_tables; i++) {
            const Weir__V1__Table *table = update->tables[i];
            for (size_t k = 0; table->kind == of->kind && k < table->n_rows; k++, n++) {
                const Weir__V1__Row *row = table->rows[k];
                rows[n] = (struct summary_row){table, row, n, wc_row_value(table, row, sort),
                                               wc_row_value(table, row, then)};
            }
        }
    }
    if (of->sort) {
        qsort(rows, n, sizeof(*rows), summary_compare);
    }
    *ret_n = n;
    return rows;
}

static enum wc_shape summary_shape(enum wi_display display)
{
    switch (display) {
    case WI_DISPLAY_TEXT:
    case WI_DISPLAY_STATE:
        return WC_SHAPE_TEXT;
    case WI_DISPLAY_RATE:
    case WI_DISPLAY_ALARM_RATE:
        return WC_SHAPE_RATE;
    case WI_DISPLAY_DURATION:
    case WI_DISPLAY_LATENCY:
    case WI_DISPLAY_WAIT:
    case WI_DISPLAY_AT_LEAST:
    case WI_DISPLAY_HANG:
        return WC_SHAPE_SECONDS;
    case WI_DISPLAY_BYTES:
        return WC_SHAPE_BYTES;
    case WI_DISPLAY_GROWTH:
        return WC_SHAPE_GROWTH;
    case WI_DISPLAY_RATIO:
        return WC_SHAPE_RATIO;
    default:
        return WC_SHAPE_EXACT;
    }
}

/* The columns of the metric table for which the process has values, in their order; returns how
 * many. "name" is the row's; each other key is a metric's field. */
static size_t summary_columns(const struct wc_link *link, const struct summary_table *of,
                              struct wc_column ret_columns[SUMMARY_MAX_COLUMNS])
{
    const struct wi_metric_table *table = wi_metric_table((enum wi_kind)of->kind);
    const struct wi_metric *placed[SUMMARY_MAX_COLUMNS] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < table->n_metrics; i++) {
        placed[table->metrics[i].list.place] = &table->metrics[i];
    }
    if (of->title) {
        ret_columns[n++] = (struct wc_column){of->title, "name", WC_SHAPE_TEXT, NULL, false};
    }
    for (size_t i = 1; i < SUMMARY_MAX_COLUMNS; i++) {
        const struct wi_metric *metric = placed[i];
        if (metric && wc_link_metric(link, of->kind, metric->field) >= 0) {
            ret_columns[n++] = (struct wc_column){
                metric->list.caption, metric->field, summary_shape(metric->display),
                metric->display == WI_DISPLAY_CAPACITY ? "unbounded" : NULL,
                metric->list.is_optional};
        }
    }
    return n;
}

/* A value of a channel that counts bytes, as a size or a rate of bytes; others as they are. */
static struct wc_value summary_in_unit(const struct wc_link *link, const struct summary_table *of,
                                       const struct summary_row *row, const char *field,
                                       struct wc_value value, char room[SUMMARY_ROOM])
{
    const Weir__V1__Description *description = wc_link_description(link);
    const char *unit = NULL;
    for (size_t i = 0; i < description->n_metrics && !unit; i++) {
        const Weir__V1__Metric *metric = description->metrics[i];
        if (metric->kind == of->kind && strcmp(metric->field, field) == 0) {
            const char *its =
                wc_row_unit(row->table->columns, row->table->n_columns, row->row, metric);
            unit = its == metric->unit ? "" : its;
        }
    }
    if (!unit || !*unit) {
        return value;
    }
    wc_format_bytes(room, wc_value_number(&value));
    if (strcmp(unit, "bytes_per_second") == 0) {
        snprintf(room + strlen(room), SUMMARY_ROOM - strlen(room), "/s");
    }
    return wc_value_text(room);
}

static double summary_number(const struct wc_link *link, const struct summary_table *of,
                             const struct summary_row *row, const char *field)
{
    struct wc_value value =
        wc_row_value(row->table, row->row, wc_link_metric(link, of->kind, field));
    return value.type == WC_ABSENT ? (double)NAN : wc_value_number(&value);
}

/* A cell. `room` keeps the text. */
static struct wc_value summary_cell(const struct wc_link *link, const struct summary_table *of,
                                    const struct summary_row *row, const char *field,
                                    char room[SUMMARY_ROOM])
{
    if (strcmp(field, "name") == 0) {
        return wc_value_text(wc_row_title(row->table, row->row, room));
    }
    if (of->kind == WEIR__V1__KIND__KIND_CHANNEL && strcmp(field, "wait_p99") == 0 &&
        wc_format_wait(room, summary_number(link, of, row, "wait_at_least"),
                       summary_number(link, of, row, "wait_estimated_p99"))) {
        return wc_value_text(room);
    }
    struct wc_value value =
        wc_row_value(row->table, row->row, wc_link_metric(link, of->kind, field));
    return value.type == WC_ABSENT ? value : summary_in_unit(link, of, row, field, value, room);
}

static void summary_print_table(const struct wc_link *link, const struct wc_pages *pages,
                                const struct summary_table *of, FILE *out)
{
    size_t n = 0;
    struct summary_row *rows = summary_rows(link, pages, of, &n);
    size_t n_shown = of->most && n > of->most ? of->most : n;
    struct wc_column columns[SUMMARY_MAX_COLUMNS];
    size_t n_columns = summary_columns(link, of, columns);
    struct wc_table *table = wc_table_create(columns, n_columns);

    for (size_t i = 0; i < n_shown; i++) {
        struct wc_value values[SUMMARY_MAX_COLUMNS];
        char room[SUMMARY_MAX_COLUMNS][SUMMARY_ROOM];
        for (size_t k = 0; k < n_columns; k++) {
            values[k] = summary_cell(link, of, &rows[i], columns[k].key, room[k]);
        }
        wc_table_add(table, values);
    }
    if (n_shown > 0) {
        putc('\n', out);
        wc_table_print_human(table, out);
    }
    if (n_shown < n) {
        fprintf(out, "... and %zu more: -o json has them all\n", n - n_shown);
    }
    wc_table_destroy(table);
    free(rows);
}

/* One number of the process, absent when the snapshot has none. */
static struct wc_value summary_of_process(const struct wc_link *link, const struct wc_pages *pages,
                                          const char *field)
{
    int metric = wc_link_metric(link, WEIR__V1__KIND__KIND_PROCESS, field);
    for (size_t page = 0; page < pages->n; page++) {
        const Weir__V1__Update *update = pages->updates[page];
        for (size_t i = 0; i < update->n_tables; i++) {
            const Weir__V1__Table *table = update->tables[i];
            if (table->kind == WEIR__V1__KIND__KIND_PROCESS && table->n_rows > 0) {
                return wc_row_value(table, table->rows[0], metric);
            }
        }
    }
    return wc_value_of(NULL);
}

static void summary_print_number(FILE *out, const char *before, const struct wc_value *value,
                                 void (*format)(char *, double), const char *after)
{
    char text[WC_FORMAT_SIZE];
    if (value->type != WC_ABSENT) {
        format(text, wc_value_number(value));
        fprintf(out, "  %s%s%s", before, text, after);
    }
}

/* game[4821] running  up 3d04h  RSS 812 MB  +1.20 MB/s  CPU 212%  backpressure rejects 23 */
static void summary_print_process(const struct wc_link *link, const struct wc_pages *pages,
                                  FILE *out)
{
    const struct wc_target *target = wc_link_target(link);
    char place[WI_PATH_MAX + 16];
    if (target->pid) {
        wc_text_print(out, "%s[%u] %s", target->name, target->pid, wi_state_name(target->state));
    } else { /* of another runtime: its address identifies it */
        wc_target_place(target, place, sizeof(place));
        wc_text_print(out, "%s %s", target->name, place);
    }
    struct wc_value uptime = summary_of_process(link, pages, "uptime");
    struct wc_value rss = summary_of_process(link, pages, "rss");
    struct wc_value growth = summary_of_process(link, pages, "growth");
    struct wc_value cpu = summary_of_process(link, pages, "cpu_ratio");
    struct wc_value rejects = summary_of_process(link, pages, "rejects");
    summary_print_number(out, "up ", &uptime, wc_format_uptime, "");
    summary_print_number(out, "RSS ", &rss, wc_format_bytes, "");
    summary_print_number(out, "", &growth, wc_format_growth, "");
    summary_print_number(out, "CPU ", &cpu, wc_format_percent, "");
    if (rejects.type != WC_ABSENT) {
        char room[WC_FORMAT_SIZE];
        struct wc_value source = summary_of_process(link, pages, "rejects_source");
        bool is_sum = source.type == WC_TEXT && strcmp(source.u.text, "counter") != 0;
        wc_text_print(out, "  backpressure rejects %s%s", wc_value_plain(&rejects, room),
                      is_sum ? " (channels and semaphores)" : "");
    }
    putc('\n', out);
}

/* fds 18 of 1024  threads 5 of 62.9k  memory 886 MB of 2.00 GB: the numbers that have a limit. */
static void summary_print_limits(const struct wc_link *link, const struct wc_pages *pages,
                                 FILE *out)
{
    static const struct {
        const char *name, *used, *limit;
        void (*format)(char *, double);
    } limits[] = {{"fds", "fds", "max_fds", wc_format_count},
                  {"threads", "threads", "max_threads", wc_format_count},
                  {"memory", "memory_used", "memory_limit", wc_format_bytes},
                  {"virtual", "virtual", "max_virtual", wc_format_bytes},
                  {"heap", "heap", "heap_resident", wc_format_bytes}};
    const char *gap = "";
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        char used[WC_FORMAT_SIZE], limit[WC_FORMAT_SIZE];
        struct wc_value a = summary_of_process(link, pages, limits[i].used);
        struct wc_value b = summary_of_process(link, pages, limits[i].limit);
        if (a.type == WC_ABSENT || b.type == WC_ABSENT) {
            continue;
        }
        limits[i].format(used, wc_value_number(&a));
        limits[i].format(limit, wc_value_number(&b));
        fprintf(out, "%s%s %s of %s", gap, limits[i].name, used, limit);
        gap = "  ";
    }
    if (gap[0]) {
        putc('\n', out);
    }
}

void wc_summary_print(const struct wc_link *link, const struct wc_pages *pages, FILE *out)
{
    summary_print_process(link, pages, out);
    summary_print_limits(link, pages, out);
    for (size_t i = 0; i < sizeof(summary_tables) / sizeof(summary_tables[0]); i++) {
        summary_print_table(link, pages, &summary_tables[i], out);
    }
}
