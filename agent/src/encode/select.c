/* SPDX-License-Identifier: MIT */
/* A heap of the best rows so far, its worst on top; sorted in place at the end. */
#include "encode/select.h"

#include "encode/topic.h"

#include <string.h>

/* What rows are compared by. Texts are the world's, until the next refresh. */
struct select_entry {
    struct wi_value value; /* of the sort column, or the name as a text */
    struct wi_value then;  /* breaks ties, the greatest first; absent where nothing does */
    uint32_t place;        /* in the order of opening: breaks ties */
};

struct select_heap {
    const struct wi_query *query;
    struct select_entry *entries;
    size_t n_entries;
    size_t room;
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

/* The order of two values; what has none comes last, whichever way. */
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
    int order = select_compare_values(&a->value, &b->value, query->is_descending);
    order = order ? order : select_compare_values(&a->then, &b->then, true);
    return order ? order : a->place < b->place ? -1 : 1;
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

static void select_offer(struct select_heap *heap, const struct wi_row *row, uint32_t place)
{
    struct select_entry entry = {{WI_TEXT, {.text = row->name}}, {WI_ABSENT, {0}}, place};
    if (heap->query->sort >= 0) {
        entry.value = row->value[heap->query->sort];
    }
    if (heap->query->has_then) {
        entry.then = row->value[heap->query->then];
    }
    if (heap->n_entries == heap->room) {
        if (heap->room > 0 && select_compare(heap->query, &entry, &heap->entries[0]) < 0) {
            heap->entries[0] = entry;
            select_sink(heap, heap->n_entries);
        }
        return;
    }
    size_t at = heap->n_entries++;
    heap->entries[at] = entry;
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
        (query->filter[0] && !wi_glob_matches(query->filter, row->name))) {
        return false;
    }
    if (!query->equals || !query->equals[0]) {
        return true;
    }
    const struct wi_value *value = &row->value[query->where];
    return value->type == WI_TEXT && value->u.text && strcmp(value->u.text, query->equals) == 0;
}

enum weir_status wi_select(const struct wi_world *world, const struct wi_query *query,
                           struct wi_memory *memory, struct wi_selection *ret_selection)
{
    size_t total = wi_world_count(world, query->kind);
    size_t last = (size_t)query->offset + query->limit;
    struct select_heap heap = {.query = query, .room = last < total ? last : total};
    heap.entries = wi_memory_take(memory, (heap.room + 1) * sizeof(*heap.entries));
    if (!heap.entries) {
        return WEIR_E_MEMORY;
    }
    size_t matching = 0;
    for (size_t i = 0; i < total; i++) {
        const struct wi_row *row = wi_world_row(world, query->kind, i);
        if (select_passes(query, row)) {
            matching++;
            select_offer(&heap, row, (uint32_t)i);
        }
    }
    select_sort(&heap);
    size_t skipped = query->offset < heap.n_entries ? query->offset : heap.n_entries;
    size_t n_rows = heap.n_entries - skipped;
    uint32_t *rows = wi_memory_take(memory, (n_rows + 1) * sizeof(*rows));
    for (size_t i = 0; rows && i < n_rows; i++) {
        rows[i] = heap.entries[skipped + i].place;
    }
    wi_memory_return(memory, heap.entries);
    if (!rows) {
        return WEIR_E_MEMORY;
    }
    *ret_selection = (struct wi_selection){rows, n_rows, total, matching};
    return WEIR_OK;
}
