/* SPDX-License-Identifier: MIT */
/*
 * Places for objects, and their layouts.
 *
 * Objects come and go by the thousand in a second, so a place is taken and returned without a lock. Free
 * places are a stack in private memory. Its head has the number of the first one and a count that grows with
 * each take; so a thread that was interrupted between reading `next` and taking does not succeed after
 * others have taken and returned the same place. Places are never freed, so `next` may always be read.
 * Only when the stack is empty the lock is taken, and 512 places are made.
 *
 * Equal layouts are kept once: at most 64 of them, compared by their content. A hint by the
 * layout's address says where to look first. Rows are written under the lock and never change, so they
 * are read without it.
 */
#include "segment/object.h"

#include "weir/expect.h"

#include <string.h>

#define OBJECT_LIMIT      (UINT64_C(1) << 40)
#define LAYOUT_HINTS      64
#define LAYOUT_HINT_SHIFT 4

/* ---- places -------------------------------------------------------------------------------- */

static struct weir_object *object_pop(void)
{
    for (;;) {
        /* Pairs with object_push: the place's words are as they were returned. */
        uint64_t head = wi_load_acquire(&wi_index.free_objects);
        uint32_t first = (uint32_t)head;
        if (!first) {
            return NULL;
        }
        struct weir_object *object = wi_object_at(first - 1);
        uint64_t next = ((head >> 32) + 1) << 32 | wi_load_relaxed(&object->next);
        /* Pairs with object_push, too. */
        if (wi_replace_acq_rel(&wi_index.free_objects, &head, next)) {
            return object;
        }
    }
}

/* Returns places that are linked from the first to the last. */
static void object_push(struct weir_object *first, struct weir_object *last)
{
    uint64_t head = wi_load_relaxed(&wi_index.free_objects);
    uint64_t next;
    /* Pairs with object_pop. */
    do {
        wi_store_relaxed(&last->next, (uint32_t)head);
        next = (head & ~(uint64_t)UINT32_MAX) | (first->number + 1);
    } while (!wi_try_replace_release(&wi_index.free_objects, &head, next));
}

/* The tables of slabs and of layouts in the file. The lock is held. */
static bool object_make_tables(void)
{
    struct wi_header *header = wi_segment_header();
    if (wi_index.objects_line && wi_index.layouts_line) {
        return true;
    }
    wi_index.objects_line =
        wi_index.objects_line ? wi_index.objects_line
                              : wi_segment_take(WI_MAX_OBJECT_SLABS * sizeof(uint32_t) / WEIR_LINE);
    wi_index.layouts_line =
        wi_index.layouts_line
            ? wi_index.layouts_line
            : wi_segment_take(WI_MAX_LAYOUTS * sizeof(struct wi_layout_row) / WEIR_LINE);
    if (!wi_index.objects_line || !wi_index.layouts_line) {
        return false;
    }
    wi_store_relaxed(&header->objects.max_slabs, WI_MAX_OBJECT_SLABS);
    wi_store_relaxed(&header->objects.slab_blocks, WI_OBJECT_SLAB);
    wi_store_relaxed(&header->objects.block_bytes, (uint32_t)sizeof(struct wi_object));
    wi_store_relaxed(&header->objects.slabs, wi_index.objects_line);
    wi_store_relaxed(&header->layouts, wi_index.layouts_line);
    return true;
}

/* Makes another slab of places. Returns false when there is no room. The lock is held. */
static bool object_grow(void)
{
    uint32_t n = wi_index.n_object_slabs;
    struct wi_object_slab *slab = NULL;
    uint32_t line = 0;
    if (n < WI_MAX_OBJECT_SLABS && object_make_tables()) {
        line = wi_segment_take(WI_OBJECT_SLAB * sizeof(struct wi_object) / WEIR_LINE);
        slab = line ? wi_index_take(sizeof(*slab)) : NULL;
    }
    if (!slab) {
        return false;
    }
    struct wi_header *header = wi_segment_header();
    uint32_t *lines = wi_segment_line(wi_index.objects_line);
    slab->blocks = wi_segment_line(line);
    for (uint32_t i = 0; i < WI_OBJECT_SLAB; i++) {
        slab->objects[i].number = n * WI_OBJECT_SLAB + i;
        slab->objects[i].next = n * WI_OBJECT_SLAB + i + 2;
    }
    wi_index.objects[n] = slab;
    wi_index.n_object_slabs = n + 1;
    /* The first pairs with wi_objects_n, the others with objects_block of readers. */
    wi_store_release(&wi_index.n_objects, (n + 1) * WI_OBJECT_SLAB);
    wi_store_release(&lines[n], line);
    wi_store_release(&header->objects.n_slabs, n + 1);
    wi_store_release(&header->objects.n_blocks, (n + 1) * WI_OBJECT_SLAB);
    object_push(&slab->objects[0], &slab->objects[WI_OBJECT_SLAB - 1]);
    return true;
}

struct weir_object *wi_object_take(void)
{
    struct weir_object *object = object_pop();
    if (object || !wi_segment_lock()) {
        return object;
    }
    /* Another thread may have made places meanwhile, or may take all of the new ones. */
    do {
        object = object_pop();
    } while (!object && object_grow());
    wi_segment_unlock();
    return object;
}

void wi_object_give_back(struct weir_object *object)
{
    object_push(object, object);
}

void wi_object_refuse(bool has_layout)
{
    static bool has_logged[2];
    wi_add_relaxed(&wi_segment_header()->objects_refused, 1);
    if (!wi_exchange_relaxed(&has_logged[has_layout], true)) {
        wi_segment_log(
            has_layout ? "weir: no room for an object: it is not shown; raise WEIR_LIMIT"
                       : "weir: an object's layout is impossible, or the 65th: it is not shown; "
                         "see weir/object.h");
    }
}

/* ---- layouts ------------------------------------------------------------------------------- */

static bool layout_has_width(const struct weir_field *field)
{
    return field->width == 1 || field->width == 2 || field->width == 4 || field->width == 8;
}

bool wi_layout_is_possible(const struct wi_layout_row *row)
{
    uint32_t n_same = 0;
    uint32_t depths = 0; /* the widths of all, each a power of two */
    uint32_t less = 0;
    bool is_possible = row->object_bytes > 0 && row->object_bytes <= WEIR_OBJECT_MAX &&
                       row->n_fields <= WEIR_LAYOUT_FIELDS;
    for (uint32_t i = 0; is_possible && i < row->n_fields; i++) {
        const struct weir_field *field = &row->fields[i];
        is_possible = layout_has_width(field) && field->offset <= row->object_bytes &&
                      field->width <= row->object_bytes - field->offset &&
                      field->kind > WEIR_FIELD_NONE && field->kind <= WEIR_FIELD_MAGIC;
        depths |= field->kind == WEIR_FIELD_DEPTH ? field->width : 0U;
        less |= field->kind == WEIR_FIELD_LESS ? field->width : 0U;
        n_same += field->kind == WEIR_FIELD_SAME;
    }
    /* Both counts of a ring wrap alike, else their difference means nothing. */
    bool is_ring = less == depths && (less & (less - 1)) == 0;
    return is_possible && depths && n_same <= 1 && (!less || is_ring);
}

/* A layout as it is kept. Returns false when it is impossible. */
static bool layout_take(const struct weir_layout *layout, struct wi_layout_row *ret_row)
{
    memset(ret_row, 0, sizeof(*ret_row));
    if (layout->object_bytes > WEIR_OBJECT_MAX) {
        return false;
    }
    ret_row->object_bytes = (uint32_t)layout->object_bytes;
    while (ret_row->n_fields < WEIR_LAYOUT_FIELDS && layout->fields[ret_row->n_fields].kind) {
        struct weir_field *field = &ret_row->fields[ret_row->n_fields];
        *field = layout->fields[ret_row->n_fields];
        field->reserved = 0;
        field->limit =
            field->limit || field->kind == WEIR_FIELD_MAGIC ? field->limit : OBJECT_LIMIT;
        ret_row->n_fields++;
    }
    return wi_layout_is_possible(ret_row);
}

/* By what was given: two that differ in what does not matter are two rows. */
static bool layout_is(uint32_t at, const struct weir_layout *layout)
{
    const struct weir_layout *given = &wi_index.layouts[at - 1].given;
    return layout->object_bytes == given->object_bytes &&
           memcmp(layout->fields, given->fields, sizeof(given->fields)) == 0;
}

static uint32_t layout_search(const struct weir_layout *layout)
{
    /* Pairs with layout_add: the rows are there. */
    uint32_t n = wi_load_acquire(&wi_index.n_layouts);
    for (uint32_t at = 1; at <= n; at++) {
        if (layout_is(at, layout)) {
            return at;
        }
    }
    return 0;
}

/* Copies a row to the file. It is written once, before its number is. */
static void layout_show(uint32_t number)
{
    uint64_t words[sizeof(struct wi_layout_row) / sizeof(uint64_t)];
    uint64_t *to =
        (uint64_t *)wi_segment_line(wi_index.layouts_line) + number * (sizeof(words) / sizeof(*to));
    memcpy(words, &wi_index.layouts[number].row, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        wi_store_relaxed(&to[i], words[i]);
    }
}

/* The lock is held. */
static uint32_t layout_add(const struct weir_layout *layout, const struct wi_layout_row *row)
{
    uint32_t found = layout_search(layout);
    uint32_t n = wi_index.n_layouts;
    if (found || n >= WI_MAX_LAYOUTS || !object_make_tables()) {
        return found;
    }
    wi_index.layouts[n] = (struct wi_layout_entry){*layout, *row};
    layout_show(n);
    /* The first pairs with layout_search, the second with objects_take_layouts of readers. */
    wi_store_release(&wi_index.n_layouts, n + 1);
    wi_store_release(&wi_segment_header()->n_layouts, n + 1);
    return n + 1;
}

uint32_t wi_layout_of(const struct weir_layout *layout)
{
    static uint8_t hints[LAYOUT_HINTS];
    uint8_t *hint = &hints[((uintptr_t)layout >> LAYOUT_HINT_SHIFT) % LAYOUT_HINTS];
    struct wi_layout_row row;
    if (layout->size < sizeof(*layout)) {
        return 0;
    }
    /* Pairs with itself in another thread: it has seen the row. */
    uint32_t at = wi_load_acquire(hint);
    if (WEIR_LIKELY(at && layout_is(at, layout))) {
        return at;
    }
    at = layout_search(layout);
    if (!at && layout_take(layout, &row) && wi_segment_lock()) {
        at = layout_add(layout, &row);
        wi_segment_unlock();
    }
    wi_store_release(hint, (uint8_t)at); /* Pairs as above. */
    return at;
}

/* ---- after a fork -------------------------------------------------------------------------- */

/* The parent may have closed the object since the fork, and used its place for another one, whose label and channel are in
 * the copy. Then the child's object is of no channel. Its place stays its own until it is closed: its handle must not
 * lead to another one. */
static void object_rewrite(uint32_t number)
{
    struct weir_object *object = wi_object_at(number);
    struct wi_object *shown = wi_object_shown(number);
    if (object->life & WI_OBJECT_IS_OPEN && shown->life != object->life) {
        shown->channel_generation = 0; /* no open channel has an even one */
    }
    shown->life = object->life;
    shown->address = object->address;
    shown->check = object->check;
    if (!(object->life & WI_OBJECT_IS_OPEN)) {
        object_push(object, object);
    }
}

void wi_objects_rewrite(void)
{
    struct wi_header *header = wi_segment_header();
    const struct wi_table table = {
        .slabs = wi_index.objects_line,
        .max_slabs = wi_index.objects_line ? WI_MAX_OBJECT_SLABS : 0,
        .slab_blocks = wi_index.objects_line ? WI_OBJECT_SLAB : 0,
        .block_bytes = wi_index.objects_line ? sizeof(struct wi_object) : 0,
        .n_slabs = wi_index.n_object_slabs,
        .n_blocks = wi_index.n_objects,
    };
    uint32_t *lines = wi_segment_line(wi_index.objects_line);
    header->objects = table;
    header->layouts = wi_index.layouts_line;
    header->n_layouts = wi_index.n_layouts;
    for (uint32_t s = 0; s < wi_index.n_object_slabs; s++) {
        lines[s] = wi_segment_line_of(wi_index.objects[s]->blocks);
    }
    for (uint32_t i = 0; i < wi_index.n_layouts; i++) {
        layout_show(i);
    }
    wi_index.free_objects &= ~(uint64_t)UINT32_MAX;
    for (uint32_t i = wi_index.n_objects; i-- > 0;) {
        object_rewrite(i);
    }
}
