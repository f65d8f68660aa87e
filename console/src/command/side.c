/* SPDX-License-Identifier: MIT */
/* Recordings are gone through once; a snapshot's JSON is read by the paths of the metrics. */
#include "command/side.h"

#include "base/document.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/snapshot.h"
#include "record/reader.h"
#include "session/link.h"
#include "snapshot/metric.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SIDE_JSON_MAX ((off_t)64 << 20)

void wc_side_init(struct wc_side *side)
{
    *side = (struct wc_side){0};
    wc_measures_init(&side->measures);
}

void wc_side_finish(struct wc_side *side)
{
    wc_measures_finish(&side->measures);
    free(side->metrics);
}

const char *wc_side_form(const struct wc_side *side)
{
    static const char *const names[] = {"process", "recording", "snapshot"};
    return names[side->form];
}

/* ---- metrics ------------------------------------------------------------------------------ */

const struct wc_side_metric *wc_side_metric(const struct wc_side *side, int kind, uint32_t index)
{
    for (size_t i = 0; i < side->n_metrics; i++) {
        if (side->metrics[i].kind == kind && side->metrics[i].index == index) {
            return &side->metrics[i];
        }
    }
    return NULL;
}

const struct wc_side_metric *wc_side_metric_like(const struct wc_side *side,
                                                 const struct wc_side_metric *metric)
{
    for (size_t i = 0; i < side->n_metrics; i++) {
        if (side->metrics[i].kind == metric->kind &&
            strcmp(side->metrics[i].field, metric->field) == 0) {
            return &side->metrics[i];
        }
    }
    return NULL;
}

static void side_kind_name(int kind, char to[16])
{
    const struct wi_metric_table *table =
        kind >= 0 && kind < WI_N_KINDS ? wi_metric_table((enum wi_kind)kind) : NULL;
    if (table) {
        snprintf(to, 16, "%.15s", table->name);
    } else {
        snprintf(to, 16, "kind%d", kind);
    }
}

static void side_describe(struct wc_side *side, const Weir__V1__Description *description)
{
    side->pid = description->pid;
    wc_text_clean(description->name, side->name, sizeof(side->name));
    side->metrics = wc_alloc(description->n_metrics * sizeof(*side->metrics));
    for (size_t i = 0; i < description->n_metrics; i++) {
        const Weir__V1__Metric *from = description->metrics[i];
        struct wc_side_metric *to = &side->metrics[side->n_metrics];
        if (from->type == WEIR__V1__METRIC_TYPE__METRIC_TEXT) {
            continue;
        }
        to->kind = (int)from->kind;
        to->index = from->index;
        to->is_counter = from->type != WEIR__V1__METRIC_TYPE__METRIC_GAUGE;
        side_kind_name(to->kind, to->kind_name);
        wc_text_clean(from->field, to->field, sizeof(to->field));
        wc_text_clean(from->unit, to->unit, sizeof(to->unit));
        side->n_metrics++;
    }
}

/* ---- recordings and processes ------------------------------------------------------------- */

static bool side_number(const Weir__V1__Value *value, double *ret_number)
{
    switch (value->value_case) {
    case WEIR__V1__VALUE__VALUE_U64:
        *ret_number = (double)value->u64;
        return true;
    case WEIR__V1__VALUE__VALUE_I64:
        *ret_number = (double)value->i64;
        return true;
    case WEIR__V1__VALUE__VALUE_F64:
        *ret_number = value->f64;
        return true;
    default:
        return false;
    }
}

static void side_add_row(struct wc_side *side, int kind, const uint32_t *columns, size_t n_columns,
                         const Weir__V1__Row *row)
{
    bool is_single = kind == WEIR__V1__KIND__KIND_PROCESS || kind == WEIR__V1__KIND__KIND_AGENT;
    for (size_t i = 0; i < row->n_values && i < n_columns; i++) {
        double number;
        if (side_number(row->values[i], &number)) {
            wc_measures_add(&side->measures, kind, columns[i], is_single ? "" : row->name, number);
        }
    }
}

static void side_add_look(struct wc_side *side, const struct wc_tape *tape, double seconds)
{
    wc_measures_look(&side->measures, seconds);
    for (int kind = 0; kind < WC_TAPE_KINDS; kind++) {
        const struct wc_tape_table *table = &tape->tables[kind];
        for (size_t i = 0; i < table->n_rows; i++) {
            side_add_row(side, kind, table->columns, table->n_columns, table->rows[i]);
        }
    }
    side->unix_nanos = tape->unix_nanos;
}

static enum wc_exit side_read_recording(const char *path, struct wc_side *side,
                                        struct wc_error *ret_error)
{
    struct wc_reader *reader = NULL;
    struct wc_tape tape;
    uint64_t at = 0, before = 0;
    enum wc_exit code = wc_reader_open(path, &reader, ret_error);
    if (code != WC_OK) {
        return code;
    }
    side->form = WC_SIDE_RECORDING;
    side_describe(side, wc_reader_opening(reader)->description);
    wc_tape_init(&tape);
    bool has_look = wc_reader_seek(reader, 0, &tape, &at);
    while (has_look) {
        side_add_look(side, &tape, (double)(at - before) / 1e9);
        before = at;
        has_look = wc_reader_next(reader, &tape, &at);
    }
    wc_tape_finish(&tape);
    wc_reader_close(reader);
    return WC_OK;
}

static void side_add_update(struct wc_side *side, const Weir__V1__Update *update)
{
    for (size_t i = 0; i < update->n_tables; i++) {
        const Weir__V1__Table *table = update->tables[i];
        for (size_t k = 0; k < table->n_rows; k++) {
            side_add_row(side, (int)table->kind, table->columns, table->n_columns, table->rows[k]);
        }
    }
    side->unix_nanos = update->unix_nanos;
}

static enum wc_exit side_read_process(const char *text, struct wc_side *side,
                                      struct wc_error *ret_error)
{
    struct wc_target target;
    struct wc_link *link = NULL;
    struct wc_pages pages = {NULL, 0, 0};
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    enum wc_exit code = wc_target_resolve(text, &target, ret_error);
    if (code == WC_OK) {
        code = wc_link_open(&target, &link, ret_error);
    }
    if (code == WC_OK) {
        code = wc_link_snapshot(link, &request, ret_error);
    }
    if (code == WC_OK) {
        code = wc_snapshot_collect(link, &pages, ret_error);
    }
    if (code == WC_OK) {
        side_describe(side, wc_link_description(link));
        wc_measures_look(&side->measures, 0);
        for (size_t i = 0; i < pages.n; i++) {
            side_add_update(side, pages.updates[i]);
        }
    }
    wc_snapshot_free(&pages);
    wc_link_close(link);
    return code;
}

/* ---- snapshots as JSON -------------------------------------------------------------------- */

/* The metrics of this weir: a snapshot does not describe its own. */
static void side_describe_by_tables(struct wc_side *side)
{
    side->metrics = wc_alloc((size_t)WI_N_KINDS * WI_MAX_METRICS * sizeof(*side->metrics));
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        for (size_t i = 0; i < table->n_metrics; i++) {
            const struct wi_metric *from = &table->metrics[i];
            struct wc_side_metric *to = &side->metrics[side->n_metrics];
            if (from->type == WI_TYPE_TEXT) {
                continue;
            }
            to->kind = kind;
            to->index = (uint32_t)i;
            to->is_counter = from->type != WI_TYPE_GAUGE;
            side_kind_name(kind, to->kind_name);
            snprintf(to->field, sizeof(to->field), "%s", from->field);
            snprintf(to->unit, sizeof(to->unit), "%s", wi_unit_name(from->unit));
            side->n_metrics++;
        }
    }
}

/* A number; also as a text, as an earlier version wrote those beyond 2^53. */
static double node_number(const struct wc_node *node)
{
    char *rest;
    if (node->type == WC_NODE_NUMBER) {
        return node->number;
    }
    if (node->type != WC_NODE_TEXT || !node->text[0]) {
        return NAN;
    }
    double number = strtod(node->text, &rest);
    return *rest == '\0' ? number : NAN;
}

/* What stands at a dotted path, or NULL. */
static const struct wc_node *node_at(const struct wc_node *node, const char *path)
{
    while (node && *path) {
        char key[64];
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)n, path);
        node = wc_node_member(node, key);
        path += n + (path[n] == '.');
    }
    return node;
}

static void side_add_node(struct wc_side *side, int kind, const struct wc_node *node,
                          const char *name)
{
    const struct wi_metric_table *table =
        kind < WI_N_KINDS ? wi_metric_table((enum wi_kind)kind) : NULL;
    for (size_t i = 0; table && i < table->n_metrics; i++) {
        const struct wc_node *value =
            table->metrics[i].type == WI_TYPE_TEXT ? NULL : node_at(node, table->metrics[i].json);
        if (value) {
            wc_measures_add(&side->measures, kind, (uint32_t)i, name, node_number(value));
        }
    }
}

/* "2026-11-23T19:10:26.120Z"; 0: it is no time. */
static int64_t side_time(const char *text)
{
    struct tm tm = {0};
    int millis = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &millis) < 6) {
        return 0;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm) * 1000000000 + (int64_t)millis * 1000000;
}

static enum wc_exit side_take_json(struct wc_side *side, const struct wc_node *root,
                                   struct wc_error *ret_error)
{
    const struct wc_node *data = wc_node_member(root, "data");
    const struct wc_node *target = wc_node_member(root, "target");
    const struct wc_node *pid = wc_node_member(target, "pid");
    if (strcmp(wc_node_text(root, "schema"), "weir.snapshot/1") != 0 || !data) {
        return wc_error_set(ret_error, WC_MISMATCH,
                            "%s: no snapshot: `weir snapshot -o json` makes one", side->source);
    }
    side_describe_by_tables(side);
    wc_text_clean(wc_node_text(target, "name"), side->name, sizeof(side->name));
    double number = pid ? node_number(pid) : 0;
    side->pid = number > 0 && number < 4294967296.0 ? (uint32_t)number : 0;
    side->unix_nanos = side_time(wc_node_text(root, "ts"));
    wc_measures_look(&side->measures, 0);
    for (const struct wc_node *part = data->first; part; part = part->next) {
        bool is_single = false;
        int kind = part->key ? wc_snapshot_kind(part->key, &is_single) : -1;
        if (kind >= 0 && is_single) {
            side_add_node(side, kind, part, "");
        }
        for (const struct wc_node *row = kind >= 0 && !is_single ? part->first : NULL; row;
             row = row->next) {
            side_add_node(side, kind, row, wc_node_text(row, "name"));
        }
    }
    return WC_OK;
}

/* All of a file. NULL: it cannot be read; the error says why. */
static char *side_load(const char *path, size_t *ret_n, struct wc_error *ret_error)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_size > SIDE_JSON_MAX) {
        wc_error_set(ret_error, fd < 0 && errno == EACCES ? WC_DENIED : WC_MISMATCH, "%s: %s", path,
                     fd < 0 ? strerror(errno) : "larger than any snapshot");
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    size_t n = 0, room = (size_t)facts.st_size;
    char *bytes = wc_alloc(room + 1);
    ssize_t got;
    while (n < room && ((got = read(fd, bytes + n, room - n)) > 0 || (got < 0 && errno == EINTR))) {
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    *ret_n = n;
    return bytes;
}

static enum wc_exit side_read_json(const char *path, struct wc_side *side,
                                   struct wc_error *ret_error)
{
    size_t n = 0, offset = 0;
    char *bytes = side_load(path, &n, ret_error);
    if (!bytes) {
        return ret_error->code;
    }
    struct wc_document *document = wc_document_parse(bytes, n, &offset);
    if (!document) {
        return wc_error_set(ret_error, WC_MISMATCH,
                            "%s: neither a recording nor JSON (at byte %zu)", path, offset);
    }
    side->form = WC_SIDE_JSON;
    enum wc_exit code = side_take_json(side, wc_document_root(document), ret_error);
    wc_document_free(document);
    return code;
}

/* Whether a file begins as JSON does; a segment does not. */
static bool side_is_json(const char *path)
{
    struct stat facts;
    char first[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    bool is_file = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
    ssize_t n = is_file ? read(fd, first, sizeof(first) - 1) : 0;
    close(fd);
    first[n > 0 ? n : 0] = '\0';
    return first[strspn(first, " \t\r\n")] == '{';
}

enum wc_exit wc_side_read(const char *text, struct wc_side *side, struct wc_error *ret_error)
{
    side->source = text;
    if (wc_reader_is_recording(text)) {
        return side_read_recording(text, side, ret_error);
    }
    if (side_is_json(text)) {
        return side_read_json(text, side, ret_error);
    }
    return side_read_process(text, side, ret_error);
}
