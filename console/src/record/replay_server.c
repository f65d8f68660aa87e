/* SPDX-License-Identifier: MIT */
/*
 * What an exporter would answer of one frame of a recording.
 *
 * In go a frame and a request, out goes an Update or Lines that the caller owns. Rows are copied
 * into the answers, because the frame goes on while an answer may still be held. Order, filter,
 * window and ranks follow an exporter's rules (encode/select.c), here upon messages instead of
 * rows; ranks are remembered from frame to frame, as far as the caller keeps the state.
 *
 * Metrics are found by the description in the recording, so that a recording of another version is
 * answered as it was recorded. A query gets at most 10,000 rows and a subscription 100,000 lines.
 * Lack of memory ends the program. No I/O; one thread.
 */
#include "record/replay_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/title.h"

#define ANSWER_LIMIT     1000u /* rows, where a query names no limit: as an exporter has it */
#define ANSWER_MAX_ROWS  10000u
#define ANSWER_TOPIC     1024
#define ANSWER_MAX_LINES 100000u

/* ---- copies ------------------------------------------------------------------------------- */

static Weir__V1__Value *value_copy(const Weir__V1__Value *from)
{
    Weir__V1__Value *to = wc_alloc(sizeof(*to));
    weir__v1__value__init(to);
    if (!from) {
        return to;
    }
    to->value_case = from->value_case;
    switch (from->value_case) {
    case WEIR__V1__VALUE__VALUE_U64:
        to->u64 = from->u64;
        break;
    case WEIR__V1__VALUE__VALUE_I64:
        to->i64 = from->i64;
        break;
    case WEIR__V1__VALUE__VALUE_F64:
        to->f64 = from->f64;
        break;
    case WEIR__V1__VALUE__VALUE_TEXT:
        to->text = wc_copy(from->text);
        break;
    default:
        to->value_case = WEIR__V1__VALUE__VALUE__NOT_SET;
        break;
    }
    return to;
}

static uint64_t *numbers_copy(const uint64_t *from, size_t n)
{
    uint64_t *to = wc_alloc(n * sizeof(*to));
    if (n > 0) {
        memcpy(to, from, n * sizeof(*to));
    }
    return to;
}

static Weir__V1__Histogram *histogram_copy(const Weir__V1__Histogram *from)
{
    Weir__V1__Histogram *to = wc_alloc(sizeof(*to));
    weir__v1__histogram__init(to);
    to->metric = from->metric;
    to->sum_nanos = from->sum_nanos;
    to->max_nanos = from->max_nanos;
    to->bounds = numbers_copy(from->bounds, from->n_bounds);
    to->n_bounds = from->n_bounds;
    to->counts = numbers_copy(from->counts, from->n_counts);
    to->n_counts = from->n_counts;
    return to;
}

/* The value of a metric; NULL when it was not recorded. */
static const Weir__V1__Value *row_value(const struct wc_frame_table *table,
                                        const Weir__V1__Row *row, uint32_t metric)
{
    int place = wc_frame_column(table, metric);
    return place >= 0 && (size_t)place < row->n_values ? row->values[place] : NULL;
}

/* A row's label, NULL where it has none. */
static const char *row_label(const struct wc_frame_table *table, int kind, const Weir__V1__Row *row)
{
    return wc_row_label(kind, table->columns, table->n_columns, row);
}

static Weir__V1__Row *row_copy(const struct wc_frame_table *table, const Weir__V1__Row *from,
                               const uint32_t *columns, size_t n_columns, bool has_histograms)
{
    Weir__V1__Row *to = wc_alloc(sizeof(*to));
    weir__v1__row__init(to);
    to->id = from->id;
    to->name = wc_copy(from->name);
    to->values = wc_alloc(n_columns * sizeof(*to->values));
    to->n_values = n_columns;
    for (size_t i = 0; i < n_columns; i++) {
        to->values[i] = value_copy(row_value(table, from, columns[i]));
    }
    if (has_histograms && from->n_histograms > 0) {
        to->histograms = wc_alloc(from->n_histograms * sizeof(*to->histograms));
        to->n_histograms = from->n_histograms;
        for (size_t i = 0; i < from->n_histograms; i++) {
            to->histograms[i] = histogram_copy(from->histograms[i]);
        }
    }
    return to;
}

static Weir__V1__Table *table_new(int kind, const struct wc_frame_table *from,
                                  const uint32_t *columns, size_t n_columns)
{
    Weir__V1__Table *to = wc_alloc(sizeof(*to));
    weir__v1__table__init(to);
    to->kind = (Weir__V1__Kind)kind;
    to->total = from->total;
    to->columns = wc_alloc(n_columns * sizeof(*to->columns));
    to->n_columns = n_columns;
    if (n_columns > 0) {
        memcpy(to->columns, columns, n_columns * sizeof(*columns));
    }
    return to;
}

static Weir__V1__Update *update_new(const struct wc_frame *frame, size_t n_tables)
{
    Weir__V1__Update *update = wc_alloc(sizeof(*update));
    weir__v1__update__init(update);
    update->unix_nanos = frame->unix_nanos;
    update->read_nanos = frame->read_nanos;
    update->skipped = frame->skipped;
    update->state = wc_copy(frame->state);
    update->tables = wc_alloc(n_tables * sizeof(*update->tables));
    return update;
}

/* ---- queries ------------------------------------------------------------------------------ */

struct answer_row {
    const Weir__V1__Row *row;
    const Weir__V1__Value *value, *then; /* NULL: by name; absent ones come last */
    const char *label;                   /* NULL: none */
    struct wi_rank rank;                 /* where the worst come first */
};

/* One query of a look. */
struct answer {
    const struct wc_frame *frame;
    const Weir__V1__Description *description;
    const struct wc_frame_table *table; /* of its kind */
    Weir__V1__Query *query;
    struct wi_ranks *ranks; /* NULL: nothing is remembered */
    struct wi_memory *memory;
};

static bool value_has_order(const Weir__V1__Value *value)
{
    return value && value->value_case != WEIR__V1__VALUE__VALUE__NOT_SET &&
           !(value->value_case == WEIR__V1__VALUE__VALUE_F64 && value->f64 != value->f64);
}

static long double value_number(const Weir__V1__Value *value)
{
    return value->value_case == WEIR__V1__VALUE__VALUE_U64   ? (long double)value->u64
           : value->value_case == WEIR__V1__VALUE__VALUE_I64 ? (long double)value->i64
                                                             : (long double)value->f64;
}

/* As an exporter orders values: what has none comes last, whichever way. */
static int value_compare(const Weir__V1__Value *a, const Weir__V1__Value *b, bool is_descending)
{
    bool has_a = value_has_order(a), has_b = value_has_order(b);
    int order = 0;
    if (!has_a || !has_b) {
        return (int)has_b - (int)has_a;
    }
    bool is_text_a = a->value_case == WEIR__V1__VALUE__VALUE_TEXT;
    bool is_text_b = b->value_case == WEIR__V1__VALUE__VALUE_TEXT;
    if (is_text_a && is_text_b) {
        order = strcmp(a->text, b->text);
    } else if (is_text_a || is_text_b) {
        order = is_text_a ? 1 : -1;
    } else {
        long double x = value_number(a), y = value_number(b);
        order = (x > y) - (x < y);
    }
    return is_descending ? -order : order;
}

/* By name, then by label, those without one first. */
static int title_compare(const struct answer_row *x, const struct answer_row *y)
{
    int order = strcmp(x->row->name, y->row->name);
    return order ? order : strcmp(x->label ? x->label : "", y->label ? y->label : "");
}

static int answer_compare(const void *a, const void *b, void *context)
{
    const Weir__V1__Query *query = context;
    const struct answer_row *x = a, *y = b;
    uint32_t place_x = (uint32_t)x->row->id, place_y = (uint32_t)y->row->id;
    if (query->worst_first && x->rank.rank != y->rank.rank) {
        return x->rank.rank > y->rank.rank ? -1 : 1;
    }
    int order = query->worst_first    ? 0
                : query->sort_by_name ? title_compare(x, y)
                                      : value_compare(x->value, y->value, query->descending);
    if (query->sort_by_name && query->descending) {
        order = -order;
    }
    if (order == 0 && !query->worst_first) {
        order = value_compare(x->then, y->then, true);
    }
    /* Then as they were opened: by their slot, which the lower half of an id is. */
    return order ? order : (place_x > place_y) - (place_x < place_y);
}

static bool query_passes(const Weir__V1__Query *query, const struct wc_frame_table *table,
                         const Weir__V1__Row *row)
{
    if ((query->id && row->id != query->id) ||
        (query->filter[0] &&
         !wi_glob_matches_row(query->filter, row->name, row_label(table, (int)query->kind, row)))) {
        return false;
    }
    if (!query->equals[0]) {
        return true;
    }
    const Weir__V1__Value *value = row_value(table, row, query->where);
    return value && value->value_case == WEIR__V1__VALUE__VALUE_TEXT &&
           strcmp(value->text, query->equals) == 0;
}

static const Weir__V1__Metric *answer_metric(const struct answer *answer, int kind,
                                             const char *field)
{
    for (size_t i = 0; i < answer->description->n_metrics; i++) {
        const Weir__V1__Metric *metric = answer->description->metrics[i];
        if ((int)metric->kind == kind && strcmp(metric->field, field) == 0) {
            return metric;
        }
    }
    return NULL;
}

static const Weir__V1__Value *answer_said(const struct answer *answer, const Weir__V1__Row *warning,
                                          const char *field)
{
    const Weir__V1__Metric *metric = answer_metric(answer, WEIR__V1__KIND__KIND_WARNING, field);
    return metric ? row_value(&answer->frame->tables[WEIR__V1__KIND__KIND_WARNING], warning,
                              metric->index)
                  : NULL;
}

static const char *value_text(const Weir__V1__Value *value)
{
    return value && value->value_case == WEIR__V1__VALUE__VALUE_TEXT ? value->text : "";
}

/* The worst that a warning of this look says of a row. */
static unsigned answer_severity(const struct answer *answer, const Weir__V1__Row *row)
{
    const struct wc_frame_table *warnings = &answer->frame->tables[WEIR__V1__KIND__KIND_WARNING];
    const char *kind = wi_kind_name((enum wi_kind)answer->query->kind);
    unsigned worst = 0;
    for (size_t i = 0; i < warnings->n_rows; i++) {
        const Weir__V1__Row *warning = warnings->rows[i];
        const Weir__V1__Value *id = answer_said(answer, warning, "subject_id");
        if (!id || id->value_case != WEIR__V1__VALUE__VALUE_U64 || id->u64 != row->id ||
            strcmp(value_text(answer_said(answer, warning, "subject_kind")), kind) != 0) {
            continue;
        }
        unsigned severity = wi_rank_severity(value_text(answer_said(answer, warning, "severity")),
                                             value_text(answer_said(answer, warning, "kind")));
        worst = severity > worst ? severity : worst;
    }
    return worst;
}

static unsigned answer_step(const struct answer *answer, uint32_t index,
                            const Weir__V1__Value *value)
{
    bool is_ratio = false;
    for (size_t i = 0; i < answer->description->n_metrics; i++) {
        const Weir__V1__Metric *metric = answer->description->metrics[i];
        is_ratio = is_ratio || (metric->kind == answer->query->kind && metric->index == index &&
                                strcmp(metric->unit, "ratio") == 0);
    }
    bool is_number = value_has_order(value) && value->value_case != WEIR__V1__VALUE__VALUE_TEXT;
    return wi_rank_step(is_number ? (double)value_number(value) : 0, is_ratio);
}

static struct wi_rank answer_rank(const struct answer *answer, const struct answer_row *row)
{
    const Weir__V1__Query *query = answer->query;
    uint32_t rank =
        wi_rank_of(answer_severity(answer, row->row), answer_step(answer, query->sort, row->value),
                   query->n_then > 0 ? answer_step(answer, query->then[0], row->then) : 0);
    return wi_rank_hold(answer->ranks, row->row->id, rank, (uint64_t)answer->frame->read_nanos);
}

/* The rows that pass, in order; returns how many. */
static size_t answer_rows(const struct answer *answer, struct answer_row *rows)
{
    const struct wc_frame_table *table = answer->table;
    Weir__V1__Query *query = answer->query;
    size_t n = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        const Weir__V1__Row *row = table->rows[i];
        if (query_passes(query, table, row)) {
            rows[n] = (struct answer_row){
                row,
                query->sort_by_name ? NULL : row_value(table, row, query->sort),
                query->n_then > 0 ? row_value(table, row, query->then[0]) : NULL,
                row_label(table, (int)query->kind, row),
                {0, 0, 0}};
            if (query->worst_first) {
                rows[n].rank = answer_rank(answer, &rows[n]);
            }
            n++;
        }
    }
    if (n > 1) {
        qsort_r(rows, n, sizeof(*rows), answer_compare, query);
    }
    return n;
}

/* Where the window begins: as asked for, or so that the followed row stands in its middle. */
static size_t answer_offset(const Weir__V1__Query *query, const struct answer_row *rows, size_t n,
                            size_t limit)
{
    for (size_t i = 0; query->follow && i < n; i++) {
        bool is_inside = i >= query->offset && i - query->offset < limit;
        if (rows[i].row->id == query->follow && !is_inside) {
            return i > limit / 2 ? i - limit / 2 : 0;
        }
    }
    return query->offset;
}

static void answer_remember(const struct answer *answer, const struct answer_row *rows, size_t n)
{
    if (answer->query->worst_first && answer->ranks) {
        wi_ranks_begin(answer->ranks, n, answer->memory);
        for (size_t i = 0; i < n; i++) {
            wi_ranks_add(answer->ranks, &rows[i].rank);
        }
        wi_ranks_end(answer->ranks);
    }
}

static Weir__V1__Table *answer_query(const struct answer *answer)
{
    const struct wc_frame_table *table = answer->table;
    const Weir__V1__Query *query = answer->query;
    struct answer_row *rows = wc_alloc(table->n_rows * sizeof(*rows));
    const uint32_t *columns = query->n_columns ? query->columns : table->columns;
    size_t n_columns = query->n_columns ? query->n_columns : table->n_columns;
    Weir__V1__Table *to = table_new((int)query->kind, table, columns, n_columns);
    size_t n = answer_rows(answer, rows);
    size_t limit = query->limit ? query->limit : ANSWER_LIMIT;
    limit = limit < ANSWER_MAX_ROWS ? limit : ANSWER_MAX_ROWS;
    size_t offset = answer_offset(query, rows, n, limit), first = offset < n ? offset : n;
    size_t n_rows = n - first < limit ? n - first : limit;
    /* All that there were, also those that the recording had no room for. */
    bool is_all = !query->filter[0] && !query->equals[0] && !query->id;
    to->matching = is_all && table->matching > n ? table->matching : (uint32_t)n;
    to->first = offset != query->offset ? (uint32_t)offset + 1 : 0;
    to->rows = wc_alloc(n_rows * sizeof(*to->rows));
    to->n_rows = n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        to->rows[i] = row_copy(table, rows[first + i].row, columns, n_columns, query->histograms);
    }
    answer_remember(answer, rows, first + n_rows);
    free(rows);
    return to;
}

Weir__V1__Update *wc_replay_server_watch(const struct wc_frame *frame,
                                         const Weir__V1__Description *description,
                                         const Weir__V1__WatchRequest *request,
                                         struct wc_replay_server_state *state)
{
    static const struct wc_frame_table none = {0};
    Weir__V1__Update *update = update_new(frame, request->n_queries);
    state->memory.limit = UINT64_MAX;
    for (size_t i = 0; i < request->n_queries; i++) {
        unsigned kind = (unsigned)request->queries[i]->kind;
        struct answer answer = {.frame = frame,
                                .description = description,
                                .table = kind < WC_FRAME_KINDS ? &frame->tables[kind] : &none,
                                .query = request->queries[i],
                                .ranks = i < WC_REPLAY_SERVER_RANKS ? &state->ranks[i] : NULL,
                                .memory = &state->memory};
        update->tables[update->n_tables++] = answer_query(&answer);
    }
    return update;
}

void wc_replay_server_forget(struct wc_replay_server_state *state)
{
    for (size_t i = 0; i < WC_REPLAY_SERVER_RANKS; i++) {
        wi_ranks_finish(&state->ranks[i], &state->memory);
    }
}

/* ---- snapshots ---------------------------------------------------------------------------- */

static bool any_matches(char *const *globs, size_t n, const char *name, const char *label)
{
    for (size_t i = 0; i < n; i++) {
        if (wi_glob_matches_row(globs[i], name, label)) {
            return true;
        }
    }
    return false;
}

static bool snapshot_has(const Weir__V1__SnapshotRequest *request, int kind, const char *name,
                         const char *label)
{
    if (kind == WEIR__V1__KIND__KIND_PROCESS || kind == WEIR__V1__KIND__KIND_AGENT) {
        return true;
    }
    return (request->n_include == 0 ||
            any_matches(request->include, request->n_include, name, label)) &&
           !any_matches(request->exclude, request->n_exclude, name, label);
}

static int opened_compare(const void *a, const void *b)
{
    uint32_t x = (uint32_t)(*(Weir__V1__Row *const *)a)->id;
    uint32_t y = (uint32_t)(*(Weir__V1__Row *const *)b)->id;
    return (x > y) - (x < y);
}

Weir__V1__Update *wc_replay_server_snapshot(const struct wc_frame *frame,
                                            const Weir__V1__SnapshotRequest *request)
{
    Weir__V1__Update *update = update_new(frame, WC_FRAME_KINDS);
    for (int kind = 0; kind < WC_FRAME_KINDS; kind++) {
        const struct wc_frame_table *table = &frame->tables[kind];
        if (!table->is_there) {
            continue;
        }
        Weir__V1__Table *to = table_new(kind, table, table->columns, table->n_columns);
        to->rows = wc_alloc(table->n_rows * sizeof(*to->rows));
        for (size_t i = 0; i < table->n_rows; i++) {
            if (snapshot_has(request, kind, table->rows[i]->name,
                             row_label(table, kind, table->rows[i]))) {
                to->rows[to->n_rows++] =
                    row_copy(table, table->rows[i], table->columns, table->n_columns, false);
            }
        }
        to->matching = (uint32_t)to->n_rows;
        if (to->n_rows > 1) {
            qsort(to->rows, to->n_rows, sizeof(*to->rows), opened_compare);
        }
        update->tables[update->n_tables++] = to;
    }
    return update;
}

/* ---- topics ------------------------------------------------------------------------------- */

static bool topics_match(const struct wi_topic *topics, size_t n, const struct wi_topic_line *line)
{
    for (size_t i = 0; i < n; i++) {
        if (wi_topic_matches(&topics[i], line)) {
            return true;
        }
    }
    return false;
}

/* Lines on their way to a subscriber. */
struct lines {
    Weir__V1__Lines *list;
    size_t room;
    const struct wc_frame *frame, *before; /* NULL: there is none before */
    const struct wc_topics *topics;
};

static void lines_add(struct lines *lines, const struct wi_topic *topic,
                      const struct wi_topic_line *of, const Weir__V1__Value *value)
{
    char text[ANSWER_TOPIC];
    Weir__V1__Lines *list = lines->list;
    Weir__V1__Line *line = wc_alloc(sizeof(*line));
    weir__v1__line__init(line);
    wi_topic_write(topic, of, text, sizeof(text));
    line->topic = wc_copy(text);
    line->value = value_copy(value);
    line->unit = wc_copy(wi_unit_name(wi_metric_table(of->kind)->metrics[of->metric].unit));
    list->lines = wc_grow(list->lines, list->n_lines, &lines->room, sizeof(*list->lines));
    list->lines[list->n_lines++] = line;
}

static bool line_has_changed(const struct wc_frame *before, int kind, uint32_t metric, uint64_t id,
                             const Weir__V1__Value *value)
{
    const Weir__V1__Row *row = before ? wc_frame_row(&before->tables[kind], id) : NULL;
    const Weir__V1__Value *old = row ? row_value(&before->tables[kind], row, metric) : NULL;
    return !old || !wc_frame_is_value(old, value);
}

/* The lines of one row for the t-th topic; whether its name is that of the topic. */
static bool lines_row(struct lines *lines, size_t t, int kind, const Weir__V1__Row *row)
{
    const struct wc_frame_table *table = &lines->frame->tables[kind];
    const struct wc_topics *topics = lines->topics;
    struct wi_topic_line line = {(enum wi_kind)kind, 0, row->name, row_label(table, kind, row)};
    bool has_matched = false;
    for (size_t i = 0; i < row->n_values && lines->list->n_lines < ANSWER_MAX_LINES; i++) {
        uint32_t metric = table->columns[i];
        line.metric = metric < WI_MAX_METRICS ? (int)metric : -1;
        if (!wi_topic_matches(&topics->topics[t], &line)) {
            continue;
        }
        has_matched = true;
        if (topics_match(topics->topics, t, &line) ||
            topics_match(topics->except, topics->n_except, &line) ||
            (topics->changes_only &&
             !line_has_changed(lines->before, kind, metric, row->id, row->values[i]))) {
            continue;
        }
        lines_add(lines, &topics->topics[t], &line, row->values[i]);
    }
    return has_matched;
}

Weir__V1__Lines *wc_replay_server_lines(const struct wc_frame *frame, const struct wc_frame *before,
                                        const struct wc_topics *topics)
{
    Weir__V1__Lines *list = wc_alloc(sizeof(*list));
    struct lines lines = {list, 0, frame, before, topics};
    weir__v1__lines__init(list);
    list->unix_nanos = frame->unix_nanos;
    list->waiting = wc_alloc(topics->n_topics * sizeof(*list->waiting));
    for (size_t t = 0; t < topics->n_topics; t++) {
        bool has_matched = false;
        for (int kind = 0; kind < WC_FRAME_KINDS && kind < WI_N_KINDS; kind++) {
            const struct wc_frame_table *table = &frame->tables[kind];
            for (size_t i = 0; i < table->n_rows; i++) {
                has_matched |= lines_row(&lines, t, kind, table->rows[i]);
            }
        }
        if (!has_matched) {
            list->waiting[list->n_waiting++] = wc_copy(topics->topics[t].text);
        }
    }
    return list;
}
