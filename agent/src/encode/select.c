/* SPDX-License-Identifier: MIT */
/*
 * The rows that a query asks for: a heap of the best so far, its worst on top, sorted in place at
 * the end.
 *
 * One walk over the rows of a kind builds each, filters it, and compares it with the worst one
 * kept. So a screen of 40 rows costs a heap of 40, however many rows there are. Where nothing is
 * filtered and the process view has the numbers of many rows side by side, no row is built. No row
 * is kept: an entry holds only the values by which rows are compared, and only these are read from
 * the process view. Equal rows stand in the order of opening, so that pages of one list fit
 * together; rows without a value come last in both directions.
 *
 * With `follow` the window moves to a row, which costs two more walks at most. With worst_first a
 * row that was shown keeps its rank for a while (encode/rank.c), so that rows do not change places
 * at each sample. The memory is the session's, and bounded; without it the answer is WEIR_E_MEMORY.
 * No I/O; the process view's thread.
 */
#include "encode/select.h"

#include "weir/map.h"
#include "weir/provider.h"
#include "weir/topic.h"
#include "weir/warning.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The values by which rows are compared. Texts are the process view's, until the next refresh. */
struct select_entry {
    struct wi_value value; /* of the sort column, or the name as a text */
    struct wi_value then;  /* breaks ties, the greatest first; absent where nothing does */
    const char *label;     /* of rows that are compared by name; "": none */
    uint32_t cursor;       /* in the order of opening: breaks ties */
    struct wi_rank rank;   /* where the worst come first */
};

/* The worst severity that warnings give to each row of one kind. */
#define SELECT_WARNINGS 320 /* 64 findings, and 256 rows of those that are about several */
#define SELECT_SLOTS    512
struct select_warnings {
    size_t n;
    struct wi_map map; /* from id to place; all rows are looked up in it */
    struct wi_map_slot slots[SELECT_SLOTS];
    struct {
        uint64_t id;
        unsigned severity;
    } of[SELECT_WARNINGS];
};

_Static_assert(3 * SELECT_SLOTS >= 4 * SELECT_WARNINGS, "all warnings fit");

/* A value's step, and that of the row before: of many rows most have the same. */
struct select_step {
    bool is_ratio;
    double number;
    unsigned step;
};

/* Bits of the ids whose rank is not that of their values alone: with a warning, or held up. */
#define SELECT_MARKS 4096

struct select_heap {
    const struct wi_query *query;
    struct select_warnings *warnings;
    uint64_t now_nanos;
    uint64_t fields; /* what rows are compared by */
    struct select_entry *entries;
    size_t n_entries;
    size_t room;
    struct select_step steps[2]; /* of `sort` and `then` */
    uint64_t marks[SELECT_MARKS / 64];
};

static int select_compare_numbers(const struct wi_value *a, const struct wi_value *b)
{
    if (a->type == WI_U64 && b->type == WI_U64) {
        return (a->u.u64 > b->u.u64) - (a->u.u64 < b->u.u64);
    }
    if (a->type == WI_I64 && b->type == WI_I64) {
        return (a->u.i64 > b->u.i64) - (a->u.i64 < b->u.i64);
    }
    long double x = a->type == WI_U64   ? (long double)a->u.u64
                    : a->type == WI_I64 ? (long double)a->u.i64
                                        : (long double)a->u.f64;
    long double y = b->type == WI_U64   ? (long double)b->u.u64
                    : b->type == WI_I64 ? (long double)b->u.i64
                                        : (long double)b->u.f64;
    return (x > y) - (x < y);
}

static bool select_has_order(const struct wi_value *value)
{
    return value->type != WI_ABSENT && !(value->type == WI_F64 && value->u.f64 != value->u.f64);
}

/* The order of two values; an absent value comes last in both directions. */
static int select_compare_values(const struct wi_value *x, const struct wi_value *y,
                                 bool is_descending)
{
    bool has_x = select_has_order(x);
    bool has_y = select_has_order(y);
    int order = 0;
    if (!has_x || !has_y) {
        return (int)has_y - (int)has_x;
    }
    if (x->type == WI_TEXT && y->type == WI_TEXT) {
        order = strcmp(x->u.text, y->u.text);
    } else if (x->type == WI_TEXT || y->type == WI_TEXT) {
        order = x->type == WI_TEXT ? 1 : -1;
    } else {
        order = select_compare_numbers(x, y);
    }
    return is_descending ? -order : order;
}

/* Less than 0: a comes before b. */
static int select_compare(const struct wi_query *query, const struct select_entry *a,
                          const struct select_entry *b)
{
    if (query->is_worst_first) {
        return a->rank.rank != b->rank.rank ? (a->rank.rank > b->rank.rank ? -1 : 1)
               : a->cursor < b->cursor      ? -1
                                            : 1;
    }
    int order = select_compare_values(&a->value, &b->value, query->is_descending);
    if (order == 0 && query->sort < 0) {
        order = query->is_descending ? strcmp(b->label, a->label) : strcmp(a->label, b->label);
    }
    order = order ? order : select_compare_values(&a->then, &b->then, true);
    return order ? order : a->cursor < b->cursor ? -1 : 1;
}

static bool select_is_after(const struct select_heap *heap, size_t i, size_t j)
{
    return select_compare(heap->query, &heap->entries[i], &heap->entries[j]) > 0;
}

static void select_swap(struct select_heap *heap, size_t i, size_t j)
{
    struct select_entry entry = heap->entries[i];
    heap->entries[i] = heap->entries[j];
    heap->entries[j] = entry;
}

static void select_sink(struct select_heap *heap, size_t n_entries)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n_entries) {
            return;
        }
        if (child + 1 < n_entries && select_is_after(heap, child + 1, child)) {
            child++;
        }
        if (!select_is_after(heap, child, at)) {
            return;
        }
        select_swap(heap, child, at);
        at = child;
    }
}

/* ---- the worst first ----------------------------------------------------------------------- */

/* The worst severity of the warnings about a row; NULL: there is none. */
static unsigned *select_severity(struct select_warnings *warnings, uint64_t id)
{
    for (struct wi_map_slot *slot = NULL; (slot = wi_map_next(&warnings->map, id, slot));) {
        if (warnings->of[slot->value].id == id) {
            return &warnings->of[slot->value].severity;
        }
    }
    return NULL;
}

static void select_note(struct select_warnings *warnings, uint64_t id, unsigned severity)
{
    unsigned *said = select_severity(warnings, id);
    if (said) {
        *said = *said > severity ? *said : severity;
    } else if (warnings->n < SELECT_WARNINGS) { /* the worst ones come first */
        wi_map_add(&warnings->map, id, warnings->n);
        warnings->of[warnings->n].id = id;
        warnings->of[warnings->n++].severity = severity;
    }
}

static void select_gather(const struct wi_process_view *view, enum wi_kind kind,
                          struct select_warnings *ret_warnings)
{
    ret_warnings->n = 0;
    memset(&ret_warnings->map, 0, sizeof(ret_warnings->map));
    wi_map_move(&ret_warnings->map, ret_warnings->slots, SELECT_WARNINGS);
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_WARNING, i);
        const struct wi_value *about = &row->value[WI_WARNING_SUBJECT_KIND];
        const struct wi_value *id = &row->value[WI_WARNING_SUBJECT_ID];
        const struct wi_value *ids = &row->value[WI_WARNING_SUBJECT_IDS];
        const struct wi_value *said = &row->value[WI_WARNING_SEVERITY];
        const struct wi_value *sort = &row->value[WI_WARNING_KIND];
        if (said->type != WI_TEXT || sort->type != WI_TEXT || about->type != WI_TEXT ||
            id->type != WI_U64 || strcmp(about->u.text, wi_kind_name(kind)) != 0) {
            continue;
        }
        unsigned severity = wi_rank_severity(said->u.text, sort->u.text);
        const char *list = ids->type == WI_TEXT ? ids->u.text : NULL;
        uint64_t one = 0;
        select_note(ret_warnings, id->u.u64, severity);
        while (wi_warning_next_id(&list, &one)) {
            select_note(ret_warnings, one, severity);
        }
    }
}

static bool select_is_ratio(const struct wi_query *query, int metric)
{
    return metric >= 0 && wi_metric_table(query->kind)->metrics[metric].unit == WI_UNIT_RATIO;
}

static unsigned select_step(struct select_step *step, const struct wi_value *value)
{
    double number = wi_value_number(value, 0);
    if (number != step->number) {
        step->number = number;
        step->step = wi_rank_step(number, step->is_ratio);
    }
    return step->step;
}

static bool select_is_marked(const struct select_heap *heap, uint64_t id)
{
    return heap->marks[id % SELECT_MARKS / 64] >> id % 64 & 1;
}

static void select_mark(struct select_heap *heap, uint64_t id)
{
    heap->marks[id % SELECT_MARKS / 64] |= UINT64_C(1) << id % 64;
}

static void select_begin_ranks(struct select_heap *heap, const struct wi_process_view *view)
{
    const struct wi_query *query = heap->query;
    select_gather(view, query->kind, heap->warnings);
    for (size_t i = 0; i < heap->warnings->n; i++) {
        select_mark(heap, heap->warnings->of[i].id);
    }
    for (size_t i = 0; query->ranks && i < query->ranks->n; i++) {
        select_mark(heap, query->ranks->ranks[i].id);
    }
}

static struct wi_rank select_rank(struct select_heap *heap, uint64_t id,
                                  const struct select_entry *entry)
{
    unsigned step = select_step(&heap->steps[0], &entry->value);
    unsigned then = select_step(&heap->steps[1], &entry->then);
    if (!select_is_marked(heap, id)) {
        return (struct wi_rank){id, heap->now_nanos, wi_rank_of(0, step, then)};
    }
    const unsigned *severity = select_severity(heap->warnings, id);
    return wi_rank_hold(heap->query->ranks, id, wi_rank_of(severity ? *severity : 0, step, then),
                        heap->now_nanos);
}

/* Remembers the rows up to the end of the window. */
static void select_remember(const struct select_heap *heap, struct wi_memory *memory)
{
    struct wi_ranks *ranks = heap->query->ranks;
    if (!heap->query->is_worst_first || !ranks) {
        return;
    }
    wi_ranks_begin(ranks, heap->n_entries, memory);
    for (size_t i = 0; i < heap->n_entries; i++) {
        wi_ranks_add(ranks, &heap->entries[i].rank);
    }
    wi_ranks_end(ranks);
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* The metrics that rows are filtered and compared by. */
static uint64_t select_fields(const struct wi_query *query)
{
    uint64_t fields = query->sort >= 0 ? UINT64_C(1) << query->sort : 0;
    fields |= query->has_then ? UINT64_C(1) << query->then : 0;
    int label = wi_metric_label(query->kind);
    fields |= label >= 0 && (query->filter[0] || query->sort < 0) ? UINT64_C(1) << label : 0;
    return query->equals && query->equals[0] ? fields | UINT64_C(1) << query->where : fields;
}

/* Builds a row, and the values by which it is compared. */
static const struct wi_row *select_row(const struct wi_process_view *view,
                                       const struct select_heap *heap, size_t i)
{
    return wi_process_view_part(view, heap->query->kind, i, heap->fields);
}

/* ---- the window ---------------------------------------------------------------------------- */

static struct select_entry select_entry(struct select_heap *heap, const struct wi_row *row,
                                        uint32_t cursor)
{
    struct select_entry entry = {
        {WI_TEXT, {.text = row->name}}, {WI_ABSENT, {0}}, "", cursor, {0, 0, 0}};
    if (heap->query->sort >= 0) {
        entry.value = row->value[heap->query->sort];
    } else if (wi_row_label(heap->query->kind, row)) {
        entry.label = wi_row_label(heap->query->kind, row);
    }
    if (heap->query->has_then) {
        entry.then = row->value[heap->query->then];
    }
    if (heap->query->is_worst_first) {
        entry.rank = select_rank(heap, row->id, &entry);
    }
    return entry;
}

static void select_catalog(struct select_heap *heap, const struct select_entry *entry)
{
    if (heap->n_entries == heap->room) {
        if (heap->room > 0 && select_compare(heap->query, entry, &heap->entries[0]) < 0) {
            heap->entries[0] = *entry;
            select_sink(heap, heap->n_entries);
        }
        return;
    }
    size_t at = heap->n_entries++;
    heap->entries[at] = *entry;
    while (at > 0 && select_is_after(heap, at, (at - 1) / 2)) {
        select_swap(heap, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void select_sort(struct select_heap *heap)
{
    for (size_t n = heap->n_entries; n > 1; n--) {
        select_swap(heap, 0, n - 1);
        select_sink(heap, n - 1);
    }
}

static bool select_passes(const struct wi_query *query, const struct wi_row *row)
{
    if ((query->id && row->id != query->id) ||
        (query->filter[0] &&
         !wi_glob_matches_row(query->filter, row->name, wi_row_label(query->kind, row)))) {
        return false;
    }
    if (!query->equals || !query->equals[0]) {
        return true;
    }
    const struct wi_value *value = &row->value[query->where];
    char number[24];
    if (value->type == WI_U64) {
        snprintf(number, sizeof(number), "%" PRIu64, value->u.u64);
        return strcmp(number, query->equals) == 0;
    }
    return value->type == WI_TEXT && value->u.text && strcmp(value->u.text, query->equals) == 0;
}

static bool select_is_all(const struct wi_query *query)
{
    return !query->id && !query->filter[0] && (!query->equals || !query->equals[0]);
}

/* Where the window begins: at the requested row, or so that the followed row is in its middle. */
static size_t select_offset(const struct wi_process_view *view, struct select_heap *heap)
{
    const struct wi_query *query = heap->query;
    size_t total = wi_process_view_count(view, query->kind), before = 0;
    struct select_entry followed;
    bool is_there = false;
    for (size_t i = 0; query->follow && i < total && !is_there; i++) {
        const struct wi_row *row = select_row(view, heap, i);
        is_there = row->id == query->follow && select_passes(query, row);
        if (is_there) {
            followed = select_entry(heap, row, (uint32_t)i);
        }
    }
    for (size_t i = 0; is_there && i < total; i++) {
        const struct wi_row *row = select_row(view, heap, i);
        if (i != followed.cursor && select_passes(query, row)) {
            struct select_entry entry = select_entry(heap, row, (uint32_t)i);
            before += select_compare(query, &entry, &followed) < 0;
        }
    }
    bool is_inside =
        !is_there || (before >= query->offset && before - query->offset < query->limit);
    return is_inside ? query->offset : before > query->limit / 2 ? before - query->limit / 2 : 0;
}

/* ---- all rows of a kind -------------------------------------------------------------------- */

/* Whether rows can be compared by numbers alone, sixteen rows at a time; the numbers. */
static bool select_wants_numbers(const struct wi_query *query, struct wi_numbers *ret_numbers)
{
    ret_numbers->metrics[0] = query->sort;
    ret_numbers->metrics[1] = query->then;
    ret_numbers->n_metrics = query->has_then ? 2 : 1;
    return select_is_all(query) && query->sort >= 0;
}

static void select_take_numbers(struct select_heap *heap, const struct wi_numbers *numbers,
                                size_t i, size_t cursor)
{
    struct select_entry entry = {
        numbers->value[0][i], {WI_ABSENT, {0}}, "", (uint32_t)cursor, {0, 0, 0}};
    if (heap->query->has_then) {
        entry.then = numbers->value[1][i];
    }
    if (heap->query->is_worst_first) {
        entry.rank = select_rank(heap, numbers->id[i], &entry);
        if (heap->n_entries == heap->room && heap->room > 0 &&
            entry.rank.rank <= heap->entries[0].rank.rank) {
            return; /* of equal ones the first stands first */
        }
    }
    select_catalog(heap, &entry);
}

/* Returns whether the row passes the filter. */
static bool select_take_row(const struct wi_process_view *view, struct select_heap *heap, size_t i)
{
    const struct wi_row *row = select_row(view, heap, i);
    bool passes = select_passes(heap->query, row);
    if (passes) {
        struct select_entry entry = select_entry(heap, row, (uint32_t)i);
        select_catalog(heap, &entry);
    }
    return passes;
}

/* Returns how many rows pass the filter. */
static size_t select_walk(const struct wi_process_view *view, struct select_heap *heap,
                          size_t total)
{
    struct wi_numbers numbers;
    bool has_numbers = select_wants_numbers(heap->query, &numbers);
    size_t matching = 0;
    for (size_t first = 0; first < total; first += WI_NUMBERS_ROWS) {
        size_t n = total - first < WI_NUMBERS_ROWS ? total - first : WI_NUMBERS_ROWS;
        has_numbers =
            has_numbers && wi_process_view_numbers(view, heap->query->kind, first, n, &numbers);
        for (size_t i = first; i < first + n; i++) {
            if (has_numbers && !(numbers.missing >> (i - first) & 1)) {
                select_take_numbers(heap, &numbers, i - first, i);
                matching++;
            } else {
                matching += select_take_row(view, heap, i);
            }
        }
    }
    return matching;
}

enum weir_status wi_select(const struct wi_process_view *view, const struct wi_query *query,
                           struct wi_memory *memory, struct wi_selection *ret_selection)
{
    struct select_warnings warnings;
    size_t total = wi_process_view_count(view, query->kind);
    struct select_heap heap = {.query = query,
                               .warnings = &warnings,
                               .now_nanos = wi_process_view_monotonic_nanos(view),
                               .fields = select_fields(query),
                               .steps = {{.is_ratio = select_is_ratio(query, query->sort)},
                                         {.is_ratio = select_is_ratio(query, query->then)}}};
    if (query->is_worst_first) {
        select_begin_ranks(&heap, view);
    }
    size_t offset = select_offset(view, &heap), last = offset + query->limit;
    heap.room = last < total ? last : total;
    heap.entries = wi_memory_take(memory, (heap.room + 1) * sizeof(*heap.entries));
    if (!heap.entries) {
        return WEIR_E_MEMORY;
    }
    size_t matching = select_walk(view, &heap, total);
    select_sort(&heap);
    size_t skipped = offset < heap.n_entries ? offset : heap.n_entries;
    size_t n_rows = heap.n_entries - skipped;
    uint32_t *rows = wi_memory_take(memory, (n_rows + 1) * sizeof(*rows));
    for (size_t i = 0; rows && i < n_rows; i++) {
        rows[i] = heap.entries[skipped + i].cursor;
    }
    if (rows) {
        select_remember(&heap, memory);
    }
    wi_memory_return(memory, heap.entries);
    if (!rows) {
        return WEIR_E_MEMORY;
    }
    struct wi_extent extent;
    wi_process_view_extent(view, query->kind, &extent);
    if (select_is_all(query) && extent.matching > matching) {
        matching = extent.matching;
    }
    *ret_selection = (struct wi_selection){offset, rows, n_rows, extent.total, matching};
    return WEIR_OK;
}
