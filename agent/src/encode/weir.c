/* SPDX-License-Identifier: MIT */
/*
 * Description, Update and the pages of a snapshot. Numbers here are field numbers of agent.proto.
 *
 * The input is the rows of a process view, the output bytes in the caller's buffer, written forward
 * without a tree of structs (encode/pack.c). No message is longer than 3 MiB: a row is begun only
 * if there is room for the largest row, and texts are cut to bound a row's size. Rows that do not
 * fit are left out of an Update, whose table has their number. A snapshot continues in its next
 * page, from a cursor that stays valid although rows come and go between two pages.
 *
 * A buffer that has failed stays failed and is asked once at the end: WEIR_E_MEMORY. A row's
 * histograms are written only where something was counted. Nothing is kept between two messages but
 * the cursor, which is the caller's. The process view's thread.
 */
#include "encode/weir.h"

#include "encode/pack.h"
#include "weir/provider.h"
#include "weir/text.h"

#include <string.h>

/* Texts are cut at this length, so that a row's texts stay below WI_ROW_ROOM. */
#define WEIR_TEXT_MAX 2048

/* Room for the end of an Update: further tables without rows, state, counters. */
#define WEIR_TAIL_ROOM ((size_t)8 << 10)

/* The most histograms of a row. */
#define WEIR_HISTOGRAMS_MAX 4
#define WEIR_HISTOGRAM_ROOM (WEIR_HISTOGRAM_BUCKETS * (size_t)20 + 64)

_Static_assert(WI_ROW_ROOM >= (size_t)WI_MAX_METRICS * (WEIR_TEXT_MAX + 640) +
                                  WEIR_HISTOGRAMS_MAX * WEIR_HISTOGRAM_ROOM,
               "a row or its lines fit");

void wi_weir_value(struct wi_buffer *buffer, unsigned field, const struct wi_value *value)
{
    switch (value->type) {
    case WI_ABSENT:
        wi_pack_bytes_always(buffer, field, "", 0);
        break;
    case WI_U64:
        wi_pack_nested_u64(buffer, field, 1, value->u.u64);
        break;
    case WI_I64:
        wi_pack_nested_i64_zigzag(buffer, field, 2, value->u.i64);
        break;
    case WI_F64:
        wi_pack_nested_f64(buffer, field, 3, value->u.f64);
        break;
    case WI_TEXT: {
        const char *text = value->u.text ? value->u.text : "";
        wi_pack_nested_bytes(buffer, field, 4, text, wi_text_cut(text, WEIR_TEXT_MAX));
        break;
    }
    }
}

static void weir_histogram(struct wi_buffer *buffer, size_t metric,
                           const struct weir_histogram *histogram)
{
    size_t mark = wi_pack_begin(buffer, 4);
    wi_pack_u64(buffer, 1, metric);
    for (unsigned field = 2; field <= 3; field++) {
        size_t packed = wi_pack_begin(buffer, field);
        for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
            if (histogram->bucket[b]) {
                wi_pack_varint(buffer, field == 2 ? wi_histogram_bound(b) : histogram->bucket[b]);
            }
        }
        wi_pack_end(buffer, packed);
    }
    wi_pack_u64(buffer, 4, histogram->sum);
    wi_pack_u64(buffer, 5, histogram->max);
    wi_pack_end(buffer, mark);
}

static bool weir_histogram_is_empty(const struct weir_histogram *histogram)
{
    for (unsigned b = 0; histogram && b < WEIR_HISTOGRAM_BUCKETS; b++) {
        if (histogram->bucket[b]) {
            return false;
        }
    }
    return true;
}

/* The histograms of a row in which something was counted. */
static void weir_histograms(struct wi_process_view *view, enum wi_kind kind,
                            const struct wi_row *row, struct wi_buffer *buffer)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    int n = 0;
    for (size_t i = 0; i < table->n_metrics && n < WEIR_HISTOGRAMS_MAX; i++) {
        const struct weir_histogram *histogram =
            table->metrics[i].type == WI_TYPE_HISTOGRAM
                ? wi_process_view_histogram(view, kind, row, (int)i)
                : NULL;
        if (!weir_histogram_is_empty(histogram)) {
            weir_histogram(buffer, i, histogram);
            n++;
        }
    }
}

/* `view`: where the row's histograms come from; NULL: the row is written without histograms. */
static void weir_row(struct wi_buffer *buffer, struct wi_process_view *view, enum wi_kind kind,
                     const struct wi_row *row, const uint8_t *columns, size_t n_columns)
{
    size_t mark = wi_pack_begin(buffer, 5);
    wi_pack_u64(buffer, 1, row->id);
    size_t n_name = wi_text_cut(row->name, WEIR_TEXT_MAX);
    if (n_name > 0) {
        wi_pack_bytes_always(buffer, 2, row->name, n_name);
    }
    for (size_t i = 0; i < n_columns; i++) {
        wi_weir_value(buffer, 3, &row->value[columns[i]]);
    }
    if (view) {
        weir_histograms(view, kind, row, buffer);
    }
    wi_pack_end(buffer, mark);
}

/* A table without its rows. */
static void weir_table_head(struct wi_buffer *buffer, enum wi_kind kind, size_t total,
                            size_t matching, const uint8_t *columns, size_t n_columns)
{
    wi_pack_u64(buffer, 1, kind);
    wi_pack_u64(buffer, 2, total);
    wi_pack_u64(buffer, 3, matching);
    if (n_columns > 0) {
        size_t mark = wi_pack_begin(buffer, 4);
        for (size_t i = 0; i < n_columns; i++) {
            wi_pack_varint(buffer, columns[i]);
        }
        wi_pack_end(buffer, mark);
    }
}

static bool weir_has_room(const struct wi_buffer *buffer)
{
    return buffer->length + WI_ROW_ROOM + WEIR_TAIL_ROOM <= WI_MESSAGE_MAX;
}

static enum weir_status weir_result(const struct wi_buffer *buffer)
{
    if (buffer->has_failed) {
        return WEIR_E_MEMORY;
    }
    return buffer->length <= WI_MESSAGE_MAX ? WEIR_OK : WEIR_E_LIMIT;
}

static void weir_metric(struct wi_buffer *buffer, const struct wi_catalog *catalog,
                        enum wi_kind kind, size_t index)
{
    const struct wi_metric *metric = &wi_metric_table(kind)->metrics[index];
    const struct wi_catalog_words *words = wi_catalog_words(catalog, kind, (int)index);
    size_t mark = wi_pack_begin(buffer, 9);
    wi_pack_u64(buffer, 1, kind);
    wi_pack_u64(buffer, 2, index);
    wi_pack_u64(buffer, 3, metric->type);
    wi_pack_text(buffer, 4, wi_unit_name(metric->unit));
    wi_pack_text(buffer, 5, metric->field);
    wi_pack_text(buffer, 6, metric->json);
    wi_pack_text(buffer, 7, words ? words->summary : metric->summary);
    wi_pack_text(buffer, 8, words ? words->help : metric->help);
    wi_pack_end(buffer, mark);
}

enum weir_status wi_weir_description(const struct wi_process_view *view, const char *http_address,
                                     const char *grpc_address, const char *notice,
                                     struct wi_buffer *buffer)
{
    const struct wi_facts *facts = wi_process_view_facts(view);
    const struct wi_catalog *catalog = wi_process_view_catalog(view);
    wi_pack_u64(buffer, 1, WI_PROTOCOL_VERSION);
    wi_pack_text(buffer, 2, facts->version);
    wi_pack_text(buffer, 3, facts->name);
    wi_pack_u64(buffer, 4, facts->pid);
    wi_pack_text(buffer, 5, wi_state_name(wi_process_view_state(view)));
    wi_pack_text(buffer, 6, facts->program);
    wi_pack_u64(buffer, 7, (uint64_t)facts->started_unix_nanos);
    wi_pack_text(buffer, 8, http_address);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        uint8_t columns[WI_MAX_METRICS];
        size_t n = wi_catalog_columns(catalog, (enum wi_kind)kind, columns);
        for (size_t i = 0; i < n; i++) {
            weir_metric(buffer, catalog, (enum wi_kind)kind, columns[i]);
        }
    }
    wi_pack_text(buffer, 10, facts->path);
    wi_pack_text(buffer, 11, notice);
    wi_pack_text(buffer, 12, grpc_address);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        if (catalog->absence[kind]) {
            size_t mark = wi_pack_begin(buffer, 13);
            wi_pack_u64(buffer, 1, (uint64_t)kind);
            wi_pack_text(buffer, 2, catalog->absence[kind]);
            wi_pack_end(buffer, mark);
        }
    }
    return weir_result(buffer);
}

static enum weir_status weir_query_table(struct wi_process_view *view, const struct wi_query *query,
                                         struct wi_memory *memory, struct wi_buffer *buffer)
{
    struct wi_selection selection;
    enum weir_status status = wi_select(view, query, memory, &selection);
    if (status != WEIR_OK) {
        return status;
    }
    size_t mark = wi_pack_begin(buffer, 2);
    weir_table_head(buffer, query->kind, selection.total, selection.matching, query->columns,
                    query->n_columns);
    for (size_t i = 0; i < selection.n_rows && weir_has_room(buffer); i++) {
        weir_row(buffer, query->has_histograms ? view : NULL, query->kind,
                 wi_process_view_row(view, query->kind, selection.rows[i]), query->columns,
                 query->n_columns);
    }
    if (selection.offset != query->offset) {
        wi_pack_u64(buffer, 6, selection.offset + 1);
    }
    wi_pack_end(buffer, mark);
    wi_memory_return(memory, selection.rows);
    return WEIR_OK;
}

static void weir_update_tail(const struct wi_process_view *view, uint64_t skipped,
                             struct wi_buffer *buffer)
{
    wi_pack_text(buffer, 3, wi_state_name(wi_process_view_state(view)));
    wi_pack_u64(buffer, 4, skipped + wi_process_view_n_missed(view));
    wi_pack_u64(buffer, 5, wi_process_view_monotonic_nanos(view));
}

enum weir_status wi_weir_update(struct wi_process_view *view, const struct wi_query *queries,
                                size_t n_queries, uint64_t skipped, struct wi_memory *memory,
                                struct wi_buffer *buffer)
{
    wi_pack_u64(buffer, 1, (uint64_t)wi_process_view_unix_nanos(view));
    for (size_t i = 0; i < n_queries; i++) {
        enum weir_status status = weir_query_table(view, &queries[i], memory, buffer);
        if (status != WEIR_OK) {
            return status;
        }
    }
    weir_update_tail(view, skipped, buffer);
    return weir_result(buffer);
}

void wi_cursor_pass(struct wi_cursor *cursor, size_t index, const struct wi_row *row)
{
    cursor->ids[index % WI_CURSOR_IDS] = row->id;
    cursor->index = index + 1;
}

size_t wi_cursor_find(const struct wi_process_view *view, enum wi_kind kind,
                      const struct wi_cursor *cursor)
{
    size_t n = wi_process_view_count(view, kind);
    size_t n_ids = cursor->index < WI_CURSOR_IDS ? cursor->index : WI_CURSOR_IDS;
    if (n_ids == 0) {
        return 0;
    }
    uint64_t last = cursor->ids[(cursor->index - 1) % WI_CURSOR_IDS];
    if (cursor->index <= n && wi_process_view_row(view, kind, cursor->index - 1)->id == last) {
        return cursor->index; /* as it was */
    }
    /* The row after the last passed row that is still there; those that remain keep their order. If
     * none of them is there, continues after as many rows as before. */
    size_t found = cursor->index < n ? cursor->index : n;
    bool has_found = false;
    for (size_t i = n; i > 0 && !has_found; i--) {
        uint64_t id = wi_process_view_row(view, kind, i - 1)->id;
        for (size_t j = 0; j < n_ids && !has_found; j++) {
            has_found = cursor->ids[j] == id;
        }
        found = has_found ? i : found;
    }
    return found;
}

static bool weir_any_matches(const char *const *globs, size_t n_globs, enum wi_kind kind,
                             const struct wi_row *row)
{
    for (size_t i = 0; i < n_globs; i++) {
        if (wi_glob_matches_row(globs[i], row->name, wi_row_label(kind, row))) {
            return true;
        }
    }
    return false;
}

static bool weir_snapshot_has(const struct wi_snapshot *snapshot, enum wi_kind kind,
                              const struct wi_row *row)
{
    if (wi_kind_has_one_row(kind)) {
        return true;
    }
    if (snapshot->n_include > 0 &&
        !weir_any_matches(snapshot->include, snapshot->n_include, kind, row)) {
        return false;
    }
    return !weir_any_matches(snapshot->exclude, snapshot->n_exclude, kind, row);
}

/* How many rows of a kind are in the snapshot. Building a row costs more than sending it, so they
 * are counted once, and not at all if nothing is left out. */
static size_t weir_snapshot_matching(const struct wi_process_view *view,
                                     const struct wi_snapshot *snapshot, enum wi_kind kind,
                                     size_t total)
{
    if (snapshot->n_include == 0 && snapshot->n_exclude == 0) {
        return total;
    }
    if (snapshot->cursor.index > 0) {
        return snapshot->matching;
    }
    size_t matching = 0;
    for (size_t i = 0; i < total; i++) {
        matching += weir_snapshot_has(snapshot, kind, wi_process_view_row(view, kind, i));
    }
    return matching;
}

/* The order in which a reader shows them, so that it can print each page as it arrives. */
static const enum wi_kind weir_snapshot_order[] = {
    WI_PROCESS, WI_CHANNEL, WI_SEMAPHORE, WI_TASK,      WI_TASK_INSTANCE, WI_LOOP,    WI_SENDER,
    WI_COUNTER, WI_GAUGE,   WI_RESOURCE,  WI_OPERATION, WI_AGENT,         WI_WARNING,
};
_Static_assert(sizeof(weir_snapshot_order) / sizeof(weir_snapshot_order[0]) == WI_N_KINDS,
               "a snapshot has every kind");

/* Writes a kind's rows from the snapshot's position on; true when the kind is done. */
static bool weir_page_table(const struct wi_process_view *view, struct wi_snapshot *snapshot,
                            struct wi_buffer *buffer)
{
    enum wi_kind kind = weir_snapshot_order[snapshot->n_done];
    uint8_t columns[WI_MAX_METRICS];
    size_t n_columns = wi_catalog_columns(wi_process_view_catalog(view), kind, columns);
    if (n_columns == 0) {
        return true;
    }
    size_t total = wi_process_view_count(view, kind);
    snapshot->matching = weir_snapshot_matching(view, snapshot, kind, total);
    size_t mark = wi_pack_begin(buffer, 2);
    struct wi_extent extent;
    wi_process_view_extent(view, kind, &extent);
    weir_table_head(buffer, kind, extent.total, snapshot->matching, columns, n_columns);
    size_t i = wi_cursor_find(view, kind, &snapshot->cursor);
    for (; i < total && weir_has_room(buffer) && !buffer->has_failed; i++) {
        const struct wi_row *row = wi_process_view_row(view, kind, i);
        if (weir_snapshot_has(snapshot, kind, row)) {
            weir_row(buffer, NULL, kind, row, columns, n_columns);
        }
        wi_cursor_pass(&snapshot->cursor, i, row);
    }
    wi_pack_end(buffer, mark);
    return i >= total;
}

enum weir_status wi_weir_page(const struct wi_process_view *view, struct wi_snapshot *snapshot,
                              struct wi_buffer *buffer)
{
    wi_pack_u64(buffer, 1, (uint64_t)wi_process_view_unix_nanos(view));
    while (snapshot->n_done < WI_N_KINDS && weir_has_room(buffer) && !buffer->has_failed) {
        if (weir_page_table(view, snapshot, buffer)) {
            snapshot->n_done++;
            memset(&snapshot->cursor, 0, sizeof(snapshot->cursor));
        }
    }
    weir_update_tail(view, 0, buffer);
    return weir_result(buffer);
}
