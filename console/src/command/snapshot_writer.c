/* SPDX-License-Identifier: MIT */
/*
 * The forms of a snapshot for programs. Members have the metrics' own paths as the server describes
 * them, so metrics that are newer than this program are included.
 */
#include "command/snapshot_writer.h"

#include "base/memory.h"
#include "emit/row.h"
#include "model/title.h"
#include "emit/table.h"
#include "weir/wall.h"

#include <stdlib.h>
#include <string.h>

/* The places of a kind's rows in the JSON, in this order. */
static const struct snapshot_part {
    Weir__V1__Kind kind;
    const char *key;
    const char *name; /* of one row's kind */
    bool is_single;   /* one object without a name */
} snapshot_parts[] = {
    {WEIR__V1__KIND__KIND_PROCESS, "process", "process", true},
    {WEIR__V1__KIND__KIND_CHANNEL, "channels", "channel", false},
    {WEIR__V1__KIND__KIND_SEMAPHORE, "semaphores", "semaphore", false},
    {WEIR__V1__KIND__KIND_TASK, "tasks", "task", false},
    {WEIR__V1__KIND__KIND_SINGLE, "single_tasks", "single", false},
    {WEIR__V1__KIND__KIND_LOOP, "loops", "loop", false},
    {WEIR__V1__KIND__KIND_SENDER, "senders", "sender", false},
    {WEIR__V1__KIND__KIND_COUNTER, "counters", "counter", false},
    {WEIR__V1__KIND__KIND_GAUGE, "gauges", "gauge", false},
    {WEIR__V1__KIND__KIND_RESOURCE, "resources", "resource", false},
    {WEIR__V1__KIND__KIND_OPERATION, "operations", "operation", false},
    {WEIR__V1__KIND__KIND_AGENT, "agent", "agent", true},
    {WEIR__V1__KIND__KIND_WARNING, "warnings", "warning", false},
};

#define SNAPSHOT_N_PARTS (sizeof(snapshot_parts) / sizeof(snapshot_parts[0]))

int wc_snapshot_kind(const char *key, bool *ret_is_single)
{
    for (size_t i = 0; i < SNAPSHOT_N_PARTS; i++) {
        if (strcmp(snapshot_parts[i].key, key) == 0) {
            *ret_is_single = snapshot_parts[i].is_single;
            return (int)snapshot_parts[i].kind;
        }
    }
    return -1;
}

struct wc_snapshot_writer {
    const struct wc_link *link;
    enum wc_format format;
    FILE *out;
    struct wc_json json;
    int64_t time;
    bool has_begun;
    const struct snapshot_part *open; /* the part of the JSON whose rows are being written */
    bool is_written[SNAPSHOT_N_PARTS];
};

/* The members of one row: its name, then its metrics by their paths. */
static void snapshot_members(struct wc_json *json, const Weir__V1__Metric *const *metrics, size_t n,
                             const Weir__V1__Row *row, bool has_name)
{
    if (has_name) {
        wc_json_text(json, "name", row->name);
    }
    wc_row_members(json, metrics, n, row);
}

/* Whether the process has a kind at all. */
static bool snapshot_has(const Weir__V1__Description *description, Weir__V1__Kind kind)
{
    for (size_t i = 0; i < description->n_metrics; i++) {
        if (description->metrics[i]->kind == kind) {
            return true;
        }
    }
    return false;
}

/* Why some kinds are absent, if the server says so. */
static void snapshot_print_absences(struct wc_json *json, const Weir__V1__Description *description)
{
    if (description->n_absences == 0) {
        return;
    }
    wc_json_open(json, "absent", '{');
    for (size_t i = 0; i < description->n_absences; i++) {
        for (size_t part = 0; part < SNAPSHOT_N_PARTS; part++) {
            if (snapshot_parts[part].kind == description->absences[i]->kind) {
                wc_json_text(json, snapshot_parts[part].key, description->absences[i]->text);
            }
        }
    }
    wc_json_close(json, '}');
}

/* ---- one row -------------------------------------------------------------------------------- */

static void snapshot_json_row(struct wc_snapshot_writer *writer, const struct snapshot_part *part,
                              const Weir__V1__Metric *const *metrics, size_t n_metrics,
                              const Weir__V1__Row *row)
{
    if (!part->is_single) {
        wc_json_open(&writer->json, NULL, '{');
    }
    snapshot_members(&writer->json, metrics, n_metrics, row, !part->is_single);
    if (!part->is_single) {
        wc_json_close(&writer->json, '}');
    }
}

static void snapshot_ndjson_row(struct wc_snapshot_writer *writer, const struct snapshot_part *part,
                                const Weir__V1__Metric *const *metrics, size_t n_metrics,
                                const Weir__V1__Row *row)
{
    struct wc_json *json = &writer->json;
    wc_report_open(json, writer->out, "weir.row/1", writer->time, wc_link_target(writer->link));
    wc_json_text(json, "kind", part->name);
    wc_json_open(json, "data", '{');
    snapshot_members(json, metrics, n_metrics, row, !part->is_single);
    wc_json_close(json, '}');
    wc_report_close(json);
}

/* One line per number: kinds have different columns. */
static void snapshot_csv_row(struct wc_snapshot_writer *writer, const struct snapshot_part *part,
                             const Weir__V1__Metric *const *metrics, size_t n_metrics,
                             const Weir__V1__Table *table, const Weir__V1__Row *row)
{
    const char *label = wc_row_label((int)table->kind, table->columns, table->n_columns, row);
    for (size_t i = 0; i < n_metrics && i < row->n_values; i++) {
        if (!metrics[i]) {
            continue;
        }
        struct wc_value cells[] = {
            wc_value_time(writer->time),
            wc_value_text(wc_link_target(writer->link)->name),
            wc_value_text(part->name),
            wc_value_text(part->is_single ? "" : row->name),
            wc_value_text(metrics[i]->field),
            wc_value_of(row->values[i]),
            wc_value_text(wc_row_unit(table->columns, table->n_columns, row, metrics[i])),
            wc_value_text(label),
        };
        wc_csv_line(writer->out, cells, sizeof(cells) / sizeof(cells[0]));
    }
}

/* ---- the whole snapshot ------------------------------------------------------------------------- */

struct wc_snapshot_writer *wc_snapshot_writer_create(const struct wc_link *link,
                                                     enum wc_format format, FILE *out)
{
    struct wc_snapshot_writer *writer = wc_alloc(sizeof(*writer));
    *writer = (struct wc_snapshot_writer){.link = link, .format = format, .out = out};
    return writer;
}

void wc_snapshot_writer_destroy(struct wc_snapshot_writer *writer)
{
    free(writer);
}

static void snapshot_begin(struct wc_snapshot_writer *writer, int64_t time)
{
    if (writer->has_begun) {
        return;
    }
    writer->has_begun = true;
    writer->time = time;
    if (writer->format == WC_FORMAT_JSON) {
        wc_report_open(&writer->json, writer->out, "weir.snapshot/1", time,
                       wc_link_target(writer->link));
        wc_json_open(&writer->json, "data", '{');
    } else if (writer->format == WC_FORMAT_CSV) {
        fputs("ts,target,kind,name,field,value,unit,label\n", writer->out);
    }
}

static void snapshot_close_part(struct wc_snapshot_writer *writer)
{
    if (writer->open) {
        wc_json_close(&writer->json, writer->open->is_single ? '}' : ']');
        writer->open = NULL;
    }
}

static void snapshot_open_part(struct wc_snapshot_writer *writer, const struct snapshot_part *part)
{
    snapshot_close_part(writer);
    wc_json_open(&writer->json, part->key, part->is_single ? '{' : '[');
    writer->open = part;
    writer->is_written[part - snapshot_parts] = true;
}

static const struct snapshot_part *snapshot_part_of(Weir__V1__Kind kind)
{
    for (size_t i = 0; i < SNAPSHOT_N_PARTS; i++) {
        if (snapshot_parts[i].kind == kind) {
            return &snapshot_parts[i];
        }
    }
    return NULL;
}

static void snapshot_rows(struct wc_snapshot_writer *writer, const struct snapshot_part *part,
                          const Weir__V1__Table *table)
{
    const Weir__V1__Metric *metrics[WC_ROW_MAX_VALUES];
    size_t n = wc_row_metrics(wc_link_description(writer->link), table, metrics);
    for (size_t i = 0; i < table->n_rows; i++) {
        if (writer->format == WC_FORMAT_JSON) {
            snapshot_json_row(writer, part, metrics, n, table->rows[i]);
        } else if (writer->format == WC_FORMAT_CSV) {
            snapshot_csv_row(writer, part, metrics, n, table, table->rows[i]);
        } else {
            snapshot_ndjson_row(writer, part, metrics, n, table->rows[i]);
        }
    }
}

enum wc_status wc_snapshot_writer_page(struct wc_snapshot_writer *writer,
                                       const Weir__V1__Update *page, struct wc_error *ret_error)
{
    snapshot_begin(writer, page->unix_nanos);
    for (size_t i = 0; i < page->n_tables; i++) {
        const Weir__V1__Table *table = page->tables[i];
        const struct snapshot_part *part = snapshot_part_of(table->kind);
        if (!part || !snapshot_has(wc_link_description(writer->link), table->kind)) {
            continue;
        }
        bool is_new = writer->format == WC_FORMAT_JSON && part != writer->open;
        if (is_new && writer->is_written[part - snapshot_parts]) {
            return wc_error_set(ret_error, WC_MISMATCH,
                                "the server sends its %s in two parts: use the weir that came with "
                                "it",
                                part->key);
        }
        if (is_new) {
            snapshot_open_part(writer, part);
        }
        snapshot_rows(writer, part, table);
    }
    return WC_OK;
}

void wc_snapshot_writer_end(struct wc_snapshot_writer *writer)
{
    const Weir__V1__Description *description = wc_link_description(writer->link);
    snapshot_begin(writer, wi_wall_now());
    if (writer->format != WC_FORMAT_JSON) {
        return;
    }
    snapshot_close_part(writer);
    for (size_t i = 0; i < SNAPSHOT_N_PARTS; i++) {
        if (!writer->is_written[i] && snapshot_has(description, snapshot_parts[i].kind)) {
            snapshot_open_part(writer, &snapshot_parts[i]);
            snapshot_close_part(writer);
        }
    }
    snapshot_print_absences(&writer->json, description);
    wc_json_close(&writer->json, '}');
    wc_report_close(&writer->json);
}
