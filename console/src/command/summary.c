/* SPDX-License-Identifier: MIT */
/* Which numbers people see of each kind; all others are in the other forms of output. */
#include "command/summary.h"

#include "base/text.h"
#include "emit/table.h"
#include "view/format.h"

#include <string.h>

#define SUMMARY_MAX_COLUMNS 16u

/* "name" is the row's; every other key a metric's field. */
static const struct wc_column summary_channels[] = {
    {"CHANNEL", "name", WC_SHAPE_TEXT, NULL, false},
    {"DEPTH", "depth", WC_SHAPE_EXACT, NULL, false},
    {"CAPACITY", "capacity", WC_SHAPE_EXACT, "unbounded", false},
    {"FILL", "fill", WC_SHAPE_RATIO, NULL, true},
    {"IN/S", "in_rate", WC_SHAPE_RATE, NULL, true},
    {"OUT/S", "out_rate", WC_SHAPE_RATE, NULL, true},
    {"SENT", "sent", WC_SHAPE_EXACT, NULL, false},
    {"RECEIVED", "received", WC_SHAPE_EXACT, NULL, false},
    {"REJECTS", "rejects", WC_SHAPE_EXACT, NULL, false},
    {"HIGH", "high_water", WC_SHAPE_EXACT, NULL, false},
    {"QUEUED", "queued_bytes", WC_SHAPE_BYTES, NULL, false},
    {"OLDEST", "oldest_age", WC_SHAPE_SECONDS, NULL, true},
    {"P99", "wait_p99", WC_SHAPE_SECONDS, NULL, true},
};
static const struct wc_column summary_semaphores[] = {
    {"SEMAPHORE", "name", WC_SHAPE_TEXT, NULL, false},
    {"AVAILABLE", "available", WC_SHAPE_EXACT, NULL, false},
    {"PERMITS", "permits", WC_SHAPE_EXACT, NULL, false},
    {"TAKEN", "saturation", WC_SHAPE_RATIO, NULL, true},
    {"ACQUIRES", "acquires", WC_SHAPE_EXACT, NULL, false},
    {"REJECTS", "rejects", WC_SHAPE_EXACT, NULL, false},
    {"WAITERS", "waiters", WC_SHAPE_EXACT, NULL, false},
    {"LOWEST", "low_water", WC_SHAPE_EXACT, NULL, false},
    {"P99", "wait_p99", WC_SHAPE_SECONDS, NULL, true},
};
static const struct wc_column summary_tasks[] = {
    {"TASK", "name", WC_SHAPE_TEXT, NULL, false},
    {"PENDING", "pending", WC_SHAPE_EXACT, NULL, false},
    {"RUNNING", "running", WC_SHAPE_EXACT, NULL, false},
    {"SPAWNED", "spawned", WC_SHAPE_EXACT, NULL, false},
    {"FINISHED", "finished", WC_SHAPE_EXACT, NULL, false},
    {"SPAWN/S", "spawn_rate", WC_SHAPE_RATE, NULL, true},
    {"DONE/S", "finish_rate", WC_SHAPE_RATE, NULL, true},
    {"WAIT P99", "wait_p99", WC_SHAPE_SECONDS, NULL, true},
    {"RUN P99", "run_p99", WC_SHAPE_SECONDS, NULL, true},
};
static const struct wc_column summary_counters[] = {
    {"COUNTER", "name", WC_SHAPE_TEXT, NULL, false},
    {"VALUE", "value", WC_SHAPE_EXACT, NULL, false},
    {"PER S", "rate", WC_SHAPE_RATE, NULL, true},
};
static const struct wc_column summary_gauges[] = {
    {"GAUGE", "name", WC_SHAPE_TEXT, NULL, false},
    {"VALUE", "value", WC_SHAPE_EXACT, NULL, false},
};
static const struct wc_column summary_warnings[] = {
    {"SEVERITY", "severity", WC_SHAPE_TEXT, NULL, false},
    {"WARNING", "text", WC_SHAPE_TEXT, NULL, false},
};

#define SUMMARY_COLUMNS(columns) (columns), sizeof(columns) / sizeof((columns)[0])

static const struct {
    Weir__V1__Kind kind;
    const struct wc_column *columns;
    size_t n_columns;
} summary_tables[] = {
    {WEIR__V1__KIND__KIND_CHANNEL, SUMMARY_COLUMNS(summary_channels)},
    {WEIR__V1__KIND__KIND_SEMAPHORE, SUMMARY_COLUMNS(summary_semaphores)},
    {WEIR__V1__KIND__KIND_TASK, SUMMARY_COLUMNS(summary_tasks)},
    {WEIR__V1__KIND__KIND_COUNTER, SUMMARY_COLUMNS(summary_counters)},
    {WEIR__V1__KIND__KIND_GAUGE, SUMMARY_COLUMNS(summary_gauges)},
    {WEIR__V1__KIND__KIND_WARNING, SUMMARY_COLUMNS(summary_warnings)},
};

/* A row's value of a metric in a table whose columns need not be in the metrics' order. */
static struct wc_value summary_value(const Weir__V1__Table *table, const Weir__V1__Row *row,
                                     int metric)
{
    for (size_t i = 0; metric >= 0 && i < row->n_values; i++) {
        uint32_t index = i < table->n_columns ? table->columns[i] : (uint32_t)i;
        if (index == (uint32_t)metric) {
            return wc_value_of(row->values[i]);
        }
    }
    return wc_value_of(NULL);
}

static struct wc_table *summary_collect(const struct wc_link *link, const struct wc_pages *pages,
                                        Weir__V1__Kind kind, const struct wc_column *columns,
                                        size_t n_columns)
{
    struct wc_table *rows = wc_table_create(columns, n_columns);
    for (size_t page = 0; page < pages->n; page++) {
        const Weir__V1__Update *update = pages->updates[page];
        for (size_t i = 0; i < update->n_tables; i++) {
            const Weir__V1__Table *table = update->tables[i];
            for (size_t row = 0; table->kind == kind && row < table->n_rows; row++) {
                struct wc_value values[SUMMARY_MAX_COLUMNS];
                for (size_t k = 0; k < n_columns; k++) {
                    values[k] = strcmp(columns[k].key, "name") == 0
                                    ? wc_value_text(table->rows[row]->name)
                                    : summary_value(table, table->rows[row],
                                                    wc_link_metric(link, kind, columns[k].key));
                }
                wc_table_add(rows, values);
            }
        }
    }
    return rows;
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
                return summary_value(table, table->rows[0], metric);
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
    char name[sizeof(target->name)];
    wc_text_clean(target->name, name, sizeof(name));
    fprintf(out, "%s[%u] %s", name, target->pid, wi_state_name(target->state));
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
        char room[WC_VALUE_TEXT];
        struct wc_value source = summary_of_process(link, pages, "rejects_source");
        bool is_sum = source.type == WC_TEXT && strcmp(source.u.text, "counter") != 0;
        fprintf(out, "  backpressure rejects %s%s", wc_value_plain(&rejects, room),
                is_sum ? " (channels and semaphores)" : "");
    }
    putc('\n', out);
}

void wc_summary_print(const struct wc_link *link, const struct wc_pages *pages, FILE *out)
{
    summary_print_process(link, pages, out);
    for (size_t i = 0; i < sizeof(summary_tables) / sizeof(summary_tables[0]); i++) {
        struct wc_table *rows =
            summary_collect(link, pages, summary_tables[i].kind, summary_tables[i].columns,
                            summary_tables[i].n_columns);
        if (wc_table_count(rows) > 0) {
            putc('\n', out);
            wc_table_print_human(rows, out);
        }
        wc_table_destroy(rows);
    }
}
