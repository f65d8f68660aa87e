/* SPDX-License-Identifier: MIT */
/*
 * `weir snapshot`: everything once. JSON is made from the metrics' own paths as the server describes
 * them, so that a number invented after this program was built is in it, too.
 */
#include "command/command.h"
#include "command/lints.h"
#include "command/report.h"
#include "command/snapshot.h"
#include "command/summary.h"
#include "link/link.h"

#include "base/memory.h"
#include "emit/table.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SNAPSHOT_QUIET_NANOS UINT64_C(10000000000) /* between two messages */
#define SNAPSHOT_POLL_MILLIS 200
#define SNAPSHOT_MAX_ROWS    4000000u
#define SNAPSHOT_MAX_PAGES   20000u
#define SNAPSHOT_MAX_GLOBS   64u
#define SNAPSHOT_MAX_VALUES  64u /* of one row */

enum {
    SNAPSHOT_TARGET = 1,
    SNAPSHOT_INCLUDE,
    SNAPSHOT_EXCLUDE,
    SNAPSHOT_OUTPUT,
    SNAPSHOT_AT,
    SNAPSHOT_LINT
};

static const struct wc_option snapshot_options[] = {
    {SNAPSHOT_TARGET, 't', "target", WC_OPTION_TEXT, "TARGET", NULL, false, "the process to read"},
    {SNAPSHOT_INCLUDE, 'I', "include", WC_OPTION_TEXT, "GLOB", NULL, true,
     "only names like this (* and ?, or a part)"},
    {SNAPSHOT_EXCLUDE, 'X', "exclude", WC_OPTION_TEXT, "GLOB", NULL, true, "no names like this"},
    {SNAPSHOT_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", WC_FORMAT_CHOICES, false,
     "form of the output"},
    {SNAPSHOT_AT, 0, "at", WC_OPTION_MOMENT, "SECS", NULL, false,
     "of a recording: so long after its start; else at its end"},
    {SNAPSHOT_LINT, 0, "lint", WC_OPTION_TEXT, "LINTS", NULL, false, WC_LINTS_HELP},
};

/* Where a kind's rows stand in the JSON, in this order. */
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

static uint64_t snapshot_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* False: it is more than any exporter has. */
static bool snapshot_add_page(struct wc_pages *pages, Weir__V1__Update *taken_update)
{
    pages->updates = wc_resize(pages->updates, pages->n + 1, sizeof(*pages->updates));
    pages->updates[pages->n++] = taken_update;
    for (size_t i = 0; i < taken_update->n_tables; i++) {
        pages->n_rows += taken_update->tables[i]->n_rows;
    }
    return pages->n <= SNAPSHOT_MAX_PAGES && pages->n_rows <= SNAPSHOT_MAX_ROWS;
}

void wc_snapshot_free(struct wc_pages *pages)
{
    for (size_t i = 0; i < pages->n; i++) {
        weir__v1__update__free_unpacked(pages->updates[i], NULL);
    }
    free(pages->updates);
}

enum wc_status wc_snapshot_collect(struct wc_link *link, struct wc_pages *pages,
                                   struct wc_error *ret_error)
{
    uint64_t last = snapshot_clock();
    for (;;) {
        enum wc_status code = wc_link_step(link, ret_error);
        Weir__V1__Update *update = NULL;
        while ((update = wc_link_take_update(link)) != NULL) {
            if (!snapshot_add_page(pages, update)) {
                return wc_error_set(ret_error, WC_INCOMPLETE,
                                    "the server sends more than %u rows or %u pages: ask for "
                                    "less with -I",
                                    SNAPSHOT_MAX_ROWS, SNAPSHOT_MAX_PAGES);
            }
            last = snapshot_clock();
        }
        if (wc_link_is_complete(link)) {
            return WC_OK;
        }
        if (code != WC_OK) {
            return code;
        }
        if (snapshot_clock() - last > SNAPSHOT_QUIET_NANOS) {
            return wc_error_set(ret_error, WC_INCOMPLETE,
                                "the server stopped in the middle of its snapshot: try again, or "
                                "give the segment's path to read it without the server");
        }
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, SNAPSHOT_POLL_MILLIS);
    }
}

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

/* The metric that a table's i-th value is, or NULL. */
static const Weir__V1__Metric *snapshot_metric(const Weir__V1__Description *description,
                                               const Weir__V1__Table *table, size_t i)
{
    uint32_t index = i < table->n_columns ? table->columns[i] : (uint32_t)i;
    for (size_t k = 0; k < description->n_metrics; k++) {
        const Weir__V1__Metric *metric = description->metrics[k];
        if (metric->kind == table->kind && metric->index == index) {
            return metric;
        }
    }
    return NULL;
}

/* The metrics of a table's columns; returns their number. */
static size_t snapshot_metrics(const Weir__V1__Description *description,
                               const Weir__V1__Table *table,
                               const Weir__V1__Metric *ret_metrics[SNAPSHOT_MAX_VALUES])
{
    size_t n = 0;
    size_t n_values = table->n_rows ? table->rows[0]->n_values : 0;
    n_values = table->n_columns ? table->n_columns : n_values;
    for (; n < n_values && n < SNAPSHOT_MAX_VALUES; n++) {
        ret_metrics[n] = snapshot_metric(description, table, n);
    }
    return n;
}

/* The members of one row: its name, then its metrics by their paths. */
static void snapshot_members(struct wc_json *json, const Weir__V1__Metric *const *metrics, size_t n,
                             const Weir__V1__Row *row, bool has_name)
{
    const char *paths[SNAPSHOT_MAX_VALUES];
    struct wc_value values[SNAPSHOT_MAX_VALUES];
    size_t n_members = 0;
    for (size_t i = 0; i < n && i < row->n_values; i++) {
        if (metrics[i]) {
            paths[n_members] = metrics[i]->json;
            values[n_members++] = wc_value_of(row->values[i]);
        }
    }
    if (has_name) {
        wc_json_text(json, "name", row->name);
    }
    wc_json_members(json, paths, values, n_members);
}

typedef void (*snapshot_row_fn)(void *context, const struct snapshot_part *part,
                                const Weir__V1__Metric *const *metrics, size_t n_metrics,
                                const Weir__V1__Row *row);

/* Every row of one kind, whatever pages they came in. */
static void snapshot_each(const Weir__V1__Description *description, const struct wc_pages *pages,
                          const struct snapshot_part *part, snapshot_row_fn function, void *context)
{
    for (size_t page = 0; page < pages->n; page++) {
        const Weir__V1__Update *update = pages->updates[page];
        for (size_t i = 0; i < update->n_tables; i++) {
            const Weir__V1__Table *table = update->tables[i];
            if (table->kind != part->kind) {
                continue;
            }
            const Weir__V1__Metric *metrics[SNAPSHOT_MAX_VALUES];
            size_t n = snapshot_metrics(description, table, metrics);
            for (size_t row = 0; row < table->n_rows; row++) {
                function(context, part, metrics, n, table->rows[row]);
            }
        }
    }
}

/* ---- the forms --------------------------------------------------------------------------- */

static void snapshot_json_row(void *context, const struct snapshot_part *part,
                              const Weir__V1__Metric *const *metrics, size_t n_metrics,
                              const Weir__V1__Row *row)
{
    struct wc_json *json = context;
    if (!part->is_single) {
        wc_json_open(json, NULL, '{');
    }
    snapshot_members(json, metrics, n_metrics, row, !part->is_single);
    if (!part->is_single) {
        wc_json_close(json, '}');
    }
}

/* Whether the process has things of a kind at all. */
static bool snapshot_has(const Weir__V1__Description *description, Weir__V1__Kind kind)
{
    for (size_t i = 0; i < description->n_metrics; i++) {
        if (description->metrics[i]->kind == kind) {
            return true;
        }
    }
    return false;
}

/* Why some kinds are not there, where the server says so. */
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

static void snapshot_print_json(const struct wc_link *link, const struct wc_pages *pages,
                                int64_t time)
{
    struct wc_json json;
    const Weir__V1__Description *description = wc_link_description(link);
    wc_report_open(&json, stdout, "weir.snapshot/1", time, wc_link_target(link));
    wc_json_open(&json, "data", '{');
    for (size_t i = 0; i < SNAPSHOT_N_PARTS; i++) {
        const struct snapshot_part *part = &snapshot_parts[i];
        if (!snapshot_has(description, part->kind)) {
            continue;
        }
        wc_json_open(&json, part->key, part->is_single ? '{' : '[');
        snapshot_each(description, pages, part, snapshot_json_row, &json);
        wc_json_close(&json, part->is_single ? '}' : ']');
    }
    snapshot_print_absences(&json, description);
    wc_json_close(&json, '}');
    wc_report_close(&json);
}

struct snapshot_lines {
    const struct wc_target *target;
    int64_t time;
};

static void snapshot_ndjson_row(void *context, const struct snapshot_part *part,
                                const Weir__V1__Metric *const *metrics, size_t n_metrics,
                                const Weir__V1__Row *row)
{
    const struct snapshot_lines *lines = context;
    struct wc_json json;
    wc_report_open(&json, stdout, "weir.row/1", lines->time, lines->target);
    wc_json_text(&json, "kind", part->name);
    wc_json_open(&json, "data", '{');
    snapshot_members(&json, metrics, n_metrics, row, !part->is_single);
    wc_json_close(&json, '}');
    wc_report_close(&json);
}

/* One line per number: kinds have different columns. */
static void snapshot_csv_row(void *context, const struct snapshot_part *part,
                             const Weir__V1__Metric *const *metrics, size_t n_metrics,
                             const Weir__V1__Row *row)
{
    const struct snapshot_lines *lines = context;
    for (size_t i = 0; i < n_metrics && i < row->n_values; i++) {
        if (!metrics[i]) {
            continue;
        }
        struct wc_value cells[] = {
            wc_value_time(lines->time),       wc_value_text(lines->target->name),
            wc_value_text(part->name),        wc_value_text(part->is_single ? "" : row->name),
            wc_value_text(metrics[i]->field), wc_value_of(row->values[i]),
            wc_value_text(metrics[i]->unit),
        };
        wc_csv_line(stdout, cells, sizeof(cells) / sizeof(cells[0]));
    }
}

static void snapshot_print(const struct wc_link *link, const struct wc_pages *pages,
                           enum wc_format format)
{
    int64_t time = pages->n ? pages->updates[pages->n - 1]->unix_nanos : wc_report_now();
    struct snapshot_lines lines = {wc_link_target(link), time};
    const Weir__V1__Description *description = wc_link_description(link);
    if (format == WC_FORMAT_JSON) {
        snapshot_print_json(link, pages, time);
        return;
    }
    if (format == WC_FORMAT_HUMAN) {
        wc_summary_print(link, pages, stdout);
        return;
    }
    if (format == WC_FORMAT_CSV) {
        puts("ts,target,kind,name,field,value,unit");
    }
    for (size_t i = 0; i < SNAPSHOT_N_PARTS; i++) {
        snapshot_each(description, pages, &snapshot_parts[i],
                      format == WC_FORMAT_CSV ? snapshot_csv_row : snapshot_ndjson_row, &lines);
    }
}

/* Whether there is a row that -I could have left out. */
static bool snapshot_has_names(const struct wc_pages *pages)
{
    for (size_t i = 0; i < pages->n; i++) {
        for (size_t k = 0; k < pages->updates[i]->n_tables; k++) {
            const Weir__V1__Table *table = pages->updates[i]->tables[k];
            if (table->n_rows > 0 && table->kind != WEIR__V1__KIND__KIND_PROCESS &&
                table->kind != WEIR__V1__KIND__KIND_AGENT &&
                table->kind != WEIR__V1__KIND__KIND_WARNING) {
                return true;
            }
        }
    }
    return false;
}

/* ---- the command ------------------------------------------------------------------------- */

static enum wc_status snapshot_take(struct wc_link *link, const struct wc_args *args,
                                    struct wc_pages *pages, struct wc_error *ret_error)
{
    const char *include[SNAPSHOT_MAX_GLOBS], *exclude[SNAPSHOT_MAX_GLOBS];
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    request.n_include = wc_args_list(args, SNAPSHOT_INCLUDE, include, SNAPSHOT_MAX_GLOBS);
    request.n_exclude = wc_args_list(args, SNAPSHOT_EXCLUDE, exclude, SNAPSHOT_MAX_GLOBS);
    /* protobuf-c has no const strings; packing does not write to them. */
    request.include = (char **)(uintptr_t)include;
    request.exclude = (char **)(uintptr_t)exclude;
    enum wc_status code = wc_link_snapshot(link, &request, ret_error);
    return code == WC_OK ? wc_snapshot_collect(link, pages, ret_error) : code;
}

static enum wc_status snapshot_seek(struct wc_link *link, double seconds,
                                    struct wc_error *ret_error)
{
    struct wc_playback playback;
    struct wc_replay *replay = wc_link_replay(link);
    if (!replay) {
        return wc_error_set(ret_error, WC_USAGE, "snapshot: --at is for a recording");
    }
    wc_replay_playback(replay, &playback);
    uint64_t at = (uint64_t)(seconds * 1e9 + 0.5);
    if (at > playback.length) {
        return wc_error_set(ret_error, WC_USAGE, "snapshot: --at %g: the recording has %.3f s",
                            seconds, (double)playback.length / 1e9);
    }
    wc_replay_seek(replay, at);
    return WC_OK;
}

static enum wc_status snapshot_run(const struct wc_args *args)
{
    struct wc_error error;
    struct wc_target target;
    struct wc_link *link = NULL;
    struct wc_pages pages = {NULL, 0, 0};
    const char *word = args->n_words ? args->words[0] : NULL;
    const char *text = wc_args_text(args, SNAPSHOT_TARGET, word);
    if (word && text != word) {
        wc_error_set(&error, WC_USAGE, "snapshot: give one target, not both %s and -t %s", word,
                     text);
        return wc_report_fail(&error);
    }
    enum wc_status code = wc_target_resolve(text, &target, &error);
    if (code == WC_OK) {
        code = wc_lints_take(args, SNAPSHOT_LINT, &target, &error);
    }
    if (code == WC_OK) {
        code = wc_link_open(&target, &link, &error);
    }
    if (code == WC_OK && wc_args_has(args, SNAPSHOT_AT)) {
        code = snapshot_seek(link, wc_args_number(args, SNAPSHOT_AT, 0), &error);
    }
    if (code == WC_OK) {
        code = snapshot_take(link, args, &pages, &error);
    }
    if (code == WC_OK) {
        if (wc_link_notice(link)[0]) {
            wc_report_note(wc_link_notice(link));
        }
        const char *include[SNAPSHOT_MAX_GLOBS];
        size_t n_include = wc_args_list(args, SNAPSHOT_INCLUDE, include, SNAPSHOT_MAX_GLOBS);
        if (n_include > 0 && !snapshot_has_names(&pages)) {
            wc_report_unmatched(include, n_include);
        }
        snapshot_print(link, &pages,
                       (enum wc_format)wc_args_number(args, SNAPSHOT_OUTPUT, WC_FORMAT_HUMAN));
    }
    wc_snapshot_free(&pages);
    wc_link_close(link);
    if (code != WC_OK) {
        return wc_report_fail(&error);
    }
    return wc_report_end();
}

const struct wc_command wc_command_snapshot = {
    .name = "snapshot",
    .usage = "[TARGET] [-I GLOB]... [-X GLOB]... [-o FORM] [--at SECS] [--lint LINTS]",
    .summary = "every number once, of a running process, a dead one or a recording",
    .options = snapshot_options,
    .n_options = sizeof(snapshot_options) / sizeof(snapshot_options[0]),
    .max_words = 1,
    .run = snapshot_run,
};
