/* SPDX-License-Identifier: MIT */
/* Reads the two inputs of a diff. Recordings are read through once; a snapshot's JSON is read by
 * the paths of the metrics. */
#include "command/diff_input.h"

#include "base/document.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/snapshot.h"
#include "command/snapshot_writer.h"
#include "emit/value.h"
#include "record/reader.h"
#include "link/link.h"
#include "model/title.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_JSON_MAX ((off_t)64 << 20)

void wc_diff_input_init(struct wc_diff_input *input)
{
    *input = (struct wc_diff_input){0};
    wc_measures_init(&input->measures);
}

void wc_diff_input_finish(struct wc_diff_input *input)
{
    wc_measures_finish(&input->measures);
    free(input->metrics);
}

const char *wc_diff_input_form(const struct wc_diff_input *input)
{
    static const char *const names[] = {"process", "recording", "snapshot"};
    return names[input->form];
}

/* ---- metrics ------------------------------------------------------------------------------ */

const struct wc_diff_input_metric *wc_diff_input_metric(const struct wc_diff_input *input, int kind,
                                                        uint32_t index)
{
    for (size_t i = 0; i < input->n_metrics; i++) {
        if (input->metrics[i].kind == kind && input->metrics[i].index == index) {
            return &input->metrics[i];
        }
    }
    return NULL;
}

const struct wc_diff_input_metric *wc_diff_input_metric_like(
    const struct wc_diff_input *input, const struct wc_diff_input_metric *metric)
{
    for (size_t i = 0; i < input->n_metrics; i++) {
        if (input->metrics[i].kind == metric->kind &&
            strcmp(input->metrics[i].field, metric->field) == 0) {
            return &input->metrics[i];
        }
    }
    return NULL;
}

const char *wc_diff_input_unit(const struct wc_diff_input_metric *metric,
                               const struct wc_measure *measure)
{
    return measure->is_bytes ? wc_unit_in_bytes(metric->field, metric->unit) : metric->unit;
}

static void input_kind_name(int kind, char to[16])
{
    const struct wi_metric_table *table =
        kind >= 0 && kind < WI_N_KINDS ? wi_metric_table((enum wi_kind)kind) : NULL;
    if (table) {
        snprintf(to, 16, "%.15s", table->name);
    } else {
        snprintf(to, 16, "kind%d", kind);
    }
}

static void input_describe(struct wc_diff_input *input, const Weir__V1__Description *description)
{
    input->pid = description->pid;
    wc_text_clean(description->name, input->name, sizeof(input->name));
    input->metrics = wc_alloc(description->n_metrics * sizeof(*input->metrics));
    for (size_t i = 0; i < description->n_metrics; i++) {
        const Weir__V1__Metric *from = description->metrics[i];
        struct wc_diff_input_metric *to = &input->metrics[input->n_metrics];
        if (from->type == WEIR__V1__METRIC_TYPE__METRIC_TEXT) {
            continue;
        }
        to->kind = (int)from->kind;
        to->index = from->index;
        to->is_counter = from->type != WEIR__V1__METRIC_TYPE__METRIC_GAUGE;
        input_kind_name(to->kind, to->kind_name);
        wc_text_clean(from->field, to->field, sizeof(to->field));
        wc_text_clean(from->unit, to->unit, sizeof(to->unit));
        input->n_metrics++;
    }
}

/* ---- recordings and processes ------------------------------------------------------------- */

static void input_add_row(struct wc_diff_input *input, int kind, const uint32_t *columns,
                          size_t n_columns, const Weir__V1__Row *row)
{
    bool has_one = kind >= 0 && wi_kind_has_one_row((unsigned)kind);
    char room[WI_ROW_TITLE_MAX];
    const char *label = wc_row_label(kind, columns, n_columns, row);
    const char *title = has_one ? "" : wi_row_title(row->name, label, room);
    bool is_bytes = wc_row_counts_bytes(kind, columns, n_columns, row);
    for (size_t i = 0; i < row->n_values && i < n_columns; i++) {
        struct wc_value value = wc_value_of(row->values[i]);
        if (value.type != WC_ABSENT && value.type != WC_TEXT) {
            wc_measures_add(&input->measures, kind, columns[i], title, wc_value_number(&value),
                            is_bytes);
        }
    }
}

static void input_add_look(struct wc_diff_input *input, const struct wc_frame *frame,
                           double seconds)
{
    wc_measures_look(&input->measures, seconds);
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        const struct wc_frame_table *table = &frame->tables[kind];
        for (size_t i = 0; i < table->n_rows; i++) {
            input_add_row(input, kind, table->columns, table->n_columns, table->rows[i]);
        }
    }
    input->unix_nanos = frame->unix_nanos;
}

static enum wc_status input_read_recording(const char *path, struct wc_diff_input *input,
                                           struct wc_error *ret_error)
{
    struct wc_reader *reader = NULL;
    struct wc_frame frame;
    uint64_t at = 0, before = 0;
    enum wc_status code = wc_reader_open(path, &reader, ret_error);
    if (code != WC_OK) {
        return code;
    }
    input->form = WC_DIFF_INPUT_RECORDING;
    input_describe(input, wc_reader_opening(reader)->description);
    wc_frame_init(&frame);
    bool has_look = wc_reader_seek(reader, 0, &frame, &at);
    while (has_look) {
        input_add_look(input, &frame, (double)(at - before) / 1e9);
        before = at;
        has_look = wc_reader_next(reader, &frame, &at);
    }
    wc_frame_finish(&frame);
    wc_reader_close(reader);
    return WC_OK;
}

static void input_add_update(struct wc_diff_input *input, const Weir__V1__Update *update)
{
    for (size_t i = 0; i < update->n_tables; i++) {
        const Weir__V1__Table *table = update->tables[i];
        for (size_t k = 0; k < table->n_rows; k++) {
            input_add_row(input, (int)table->kind, table->columns, table->n_columns,
                          table->rows[k]);
        }
    }
    input->unix_nanos = update->unix_nanos;
}

static enum wc_status input_take_page(void *context, Weir__V1__Update *taken_update,
                                      struct wc_error *ret_error)
{
    (void)ret_error;
    input_add_update(context, taken_update);
    weir__v1__update__free_unpacked(taken_update, NULL);
    return WC_OK;
}

static enum wc_status input_read_process(const char *text, struct wc_diff_input *input,
                                         struct wc_error *ret_error)
{
    struct wc_target target;
    struct wc_link *link = NULL;
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    enum wc_status code = wc_target_resolve(text, &target, ret_error);
    if (code == WC_OK) {
        code = wc_link_open(&target, &link, ret_error);
    }
    if (code == WC_OK) {
        code = wc_link_snapshot(link, &request, ret_error);
    }
    if (code == WC_OK) {
        input_describe(input, wc_link_description(link));
        wc_measures_look(&input->measures, 0);
        code = wc_snapshot_pages(link, input_take_page, input, ret_error);
    }
    wc_link_close(link);
    return code;
}

/* ---- snapshots as JSON -------------------------------------------------------------------- */

/* The metrics of this weir: a snapshot does not describe its own. */
static void input_describe_by_tables(struct wc_diff_input *input)
{
    input->metrics = wc_alloc((size_t)WI_N_KINDS * WI_MAX_METRICS * sizeof(*input->metrics));
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        for (size_t i = 0; i < table->n_metrics; i++) {
            const struct wi_metric *from = &table->metrics[i];
            struct wc_diff_input_metric *to = &input->metrics[input->n_metrics];
            if (from->type == WI_TYPE_TEXT) {
                continue;
            }
            to->kind = kind;
            to->index = (uint32_t)i;
            to->is_counter = from->type != WI_TYPE_GAUGE;
            input_kind_name(kind, to->kind_name);
            snprintf(to->field, sizeof(to->field), "%s", from->field);
            snprintf(to->unit, sizeof(to->unit), "%s", wi_unit_name(from->unit));
            input->n_metrics++;
        }
    }
}

/* A number; also as a text, the form of an earlier version for numbers beyond 2^53. */
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

/* The node at a dotted path, or NULL. */
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

static void input_add_node(struct wc_diff_input *input, int kind, const struct wc_node *node,
                           const char *name)
{
    const struct wi_metric_table *table =
        kind < WI_N_KINDS ? wi_metric_table((enum wi_kind)kind) : NULL;
    bool is_bytes = kind == WI_CHANNEL && strcmp(wc_node_text(node, "unit"), "bytes") == 0;
    for (size_t i = 0; table && i < table->n_metrics; i++) {
        const struct wc_node *value =
            table->metrics[i].type == WI_TYPE_TEXT ? NULL : node_at(node, table->metrics[i].json);
        if (value) {
            wc_measures_add(&input->measures, kind, (uint32_t)i, name, node_number(value),
                            is_bytes);
        }
    }
}

/* "2026-11-23T19:10:26.120Z"; 0: the text is no time. */
static int64_t input_time(const char *text)
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

static enum wc_status input_take_json(struct wc_diff_input *input, const struct wc_node *root,
                                      struct wc_error *ret_error)
{
    const struct wc_node *data = wc_node_member(root, "data");
    const struct wc_node *target = wc_node_member(root, "target");
    const struct wc_node *pid = wc_node_member(target, "pid");
    if (strcmp(wc_node_text(root, "schema"), "weir.snapshot/1") != 0 || !data) {
        return wc_error_set(ret_error, WC_MISMATCH,
                            "%s: no snapshot: `weir snapshot -o json` makes one", input->source);
    }
    input_describe_by_tables(input);
    wc_text_clean(wc_node_text(target, "name"), input->name, sizeof(input->name));
    double number = pid ? node_number(pid) : 0;
    input->pid = number > 0 && number < 4294967296.0 ? (uint32_t)number : 0;
    input->unix_nanos = input_time(wc_node_text(root, "ts"));
    wc_measures_look(&input->measures, 0);
    for (const struct wc_node *part = data->first; part; part = part->next) {
        bool is_single = false;
        int kind = part->key ? wc_snapshot_kind(part->key, &is_single) : -1;
        if (kind >= 0 && is_single) {
            input_add_node(input, kind, part, "");
        }
        for (const struct wc_node *row = kind >= 0 && !is_single ? part->first : NULL; row;
             row = row->next) {
            char room[WI_ROW_TITLE_MAX];
            const char *label = wc_node_text(row, "label");
            bool has_label = wi_metric_label((enum wi_kind)kind) >= 0 && label[0];
            input_add_node(input, kind, row,
                           wi_row_title(wc_node_text(row, "name"), has_label ? label : NULL, room));
        }
    }
    return WC_OK;
}

/* The whole file. NULL: it cannot be read; the error says why. */
static char *input_load(const char *path, size_t *ret_n, struct wc_error *ret_error)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_size > INPUT_JSON_MAX) {
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

static enum wc_status input_read_json(const char *path, struct wc_diff_input *input,
                                      struct wc_error *ret_error)
{
    size_t n = 0, offset = 0;
    char *bytes = input_load(path, &n, ret_error);
    if (!bytes) {
        return ret_error->code;
    }
    struct wc_document *document = wc_document_parse(bytes, n, &offset);
    if (!document) {
        return wc_error_set(ret_error, WC_MISMATCH,
                            "%s: neither a recording nor JSON (at byte %zu)", path, offset);
    }
    input->form = WC_DIFF_INPUT_JSON;
    enum wc_status code = input_take_json(input, wc_document_root(document), ret_error);
    wc_document_free(document);
    return code;
}

/* Whether a file begins as JSON does; a segment does not. */
static bool input_is_json(const char *path)
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

enum wc_status wc_diff_input_read(const char *text, struct wc_diff_input *input,
                                  struct wc_error *ret_error)
{
    input->source = text;
    if (wc_reader_is_recording(text)) {
        return input_read_recording(text, input, ret_error);
    }
    if (input_is_json(text)) {
        return input_read_json(text, input, ret_error);
    }
    return input_read_process(text, input, ret_error);
}
