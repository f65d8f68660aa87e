/* SPDX-License-Identifier: MIT */
/* A heap of the best rows so far, its worst on top; sorted in place at the end. */
#include "encode/select.h"

#include "encode/topic.h"

#include <string.h>

struct select_heap {
    const struct wi_query *query;
    const struct wi_row **rows;
    uint32_t *places; /* in the order of opening: breaks ties */
    size_t n_rows;
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

/* Less than 0: row a comes before row b. */
static int select_compare(const struct wi_query *query, const struct wi_row *a, uint32_t place_a,
                          const struct wi_row *b, uint32_t place_b)
{
    int order = 0;
    if (query->sort < 0) {
        order = strcmp(a->name, b->name);
    } else {
        const struct wi_value *x = &a->value[query->sort];
        const struct wi_value *y = &b->value[query->sort];
        bool has_x = select_has_order(x);
        bool has_y = select_has_order(y);
        if (!has_x || !has_y) {
            order = (int)has_y - (int)has_x;
            return order ? order : place_a < place_b ? -1 : 1;
        }
        if (x->type == WI_TEXT || y->type == WI_TEXT) {
            order = x->type != y->type ? (x->type == WI_TEXT) - (y->type == WI_TEXT)
                                       : strcmp(x->u.text, y->u.text);
        } else {
            order = select_compare_numbers(x, y);
        }
    }
    if (order != 0) {
        return query->is_descending ? -order : order;
    }
    return place_a < place_b ? -1 : 1;
}

static bool select_is_after(const struct select_heap *heap, size_t i, size_t j)
{
    return select_compare(heap->query, heap->rows[i], heap->places[i], heap->rows[j],
                          heap->places[j]) > 0;
}

static void select_swap(struct select_heap *heap, size_t i, size_t j)
{
    const struct wi_row *row = heap->rows[i];
    uint32_t place = heap->places[i];
    heap->rows[i] = heap->rows[j];
    heap->places[i] = heap->places[j];
    heap->rows[j] = row;
    heap->places[j] = place;
}

static void select_sink(struct select_heap *heap, size_t n_rows)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n_rows) {
            return;
        }
        if (child + 1 < n_rows && select_is_after(heap, child + 1, child)) {
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
    if (heap->n_rows == heap->room) {
        if (heap->room == 0 ||
            select_compare(heap->query, row, place, heap->rows[0], heap->places[0]) > 0) {
            return;
        }
        heap->rows[0] = row;
        heap->places[0] = place;
        select_sink(heap, heap->n_rows);
        return;
    }
    size_t at = heap->n_rows++;
    heap->rows[at] = row;
    heap->places[at] = place;
    while (at > 0 && select_is_after(heap, at, (at - 1) / 2)) {
        select_swap(heap, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void select_sort(struct select_heap *heap)
{
    for (size_t n = heap->n_rows; n > 1; n--) {
        select_swap(heap, 0, n - 1);
        select_sink(heap, n - 1);
    }
}

enum weir_status wi_select(const struct wi_world *world, const struct wi_query *query,
                           struct wi_memory *memory, struct wi_selection *ret_selection)
{
    size_t total = wi_world_count(world, query->kind);
    size_t last = (size_t)query->offset + query->limit;
    struct select_heap heap = {.query = query, .room = last < total ? last : total};
    heap.rows = wi_memory_take(memory, (heap.room + 1) * sizeof(struct wi_row *));
    heap.places = wi_memory_take(memory, (heap.room + 1) * sizeof(uint32_t));
    if (!heap.rows || !heap.places) {
        wi_memory_return(memory, heap.rows);
        wi_memory_return(memory, heap.places);
        return WEIR_E_MEMORY;
    }
    size_t matching = 0;
    for (size_t i = 0; i < total; i++) {
        const struct wi_row *row = wi_world_row(world, query->kind, i);
        if (query->filter[0] == '\0' || wi_glob_matches(query->filter, row->name)) {
            matching++;
            select_offer(&heap, row, (uint32_t)i);
        }
    }
    select_sort(&heap);
    wi_memory_return(memory, heap.places);
    size_t skipped = query->offset < heap.n_rows ? query->offset : heap.n_rows;
    memmove(heap.rows, heap.rows + skipped, (heap.n_rows - skipped) * sizeof(struct wi_row *));
    ret_selection->rows = heap.rows;
    ret_selection->n_rows = heap.n_rows - skipped;
    ret_selection->total = total;
    ret_selection->matching = matching;
    return WEIR_OK;
}
