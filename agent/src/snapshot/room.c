/* SPDX-License-Identifier: MIT */
/* The memory of a segment's process view: slots, their parts, and the blocks of the tables. */
#include "snapshot/state.h"

#include "segment/file.h"

#include <stdlib.h>
#include <string.h>

static enum weir_status room_fail(size_t n, struct weir_error *ret_error)
{
    wi_error_set(ret_error, "no memory for %zu rows", n);
    return WEIR_E_MEMORY;
}

enum weir_status wi_view_make_room(struct segment_view *view, struct weir_error *ret_error)
{
    size_t n = view->collection.n;
    if (n > view->n_slots) {
        struct view_slot *slots = realloc(view->slots, n * sizeof(*slots));
        if (!slots) {
            goto failed;
        }
        memset(slots + view->n_slots, 0, (n - view->n_slots) * sizeof(*slots));
        view->slots = slots;
        uint32_t *generations = realloc(view->generations, n * sizeof(*generations));
        if (!generations) {
            goto failed;
        }
        memset(generations + view->n_slots, 0, (n - view->n_slots) * sizeof(*generations));
        view->generations = generations;
        view->n_slots = n;
    }
    return WEIR_OK;
failed:
    return room_fail(n, ret_error);
}

enum weir_status wi_view_order_room(struct segment_view *view, enum wi_kind kind, size_t n,
                                    struct weir_error *ret_error)
{
    if (n <= view->room_order[kind]) {
        return WEIR_OK;
    }
    size_t room = n + n / 8;
    uint32_t *order = realloc(view->order[kind], room * sizeof(*order));
    if (!order) {
        return room_fail(n, ret_error);
    }
    view->order[kind] = order;
    view->room_order[kind] = room;
    return WEIR_OK;
}

void wi_view_forget(struct segment_view *view, struct view_slot *slot)
{
    view->n_ages -= slot->age != NULL;
    for (int which = 0; which < 2; which++) {
        view->n_windows -= slot->window[which] != NULL;
        free(slot->window[which]);
    }
    view->n_more -= slot->more != NULL;
    free(slot->more);
    free(slot->age);
    free(slot->name);
    free(slot->label);
    memset(slot, 0, sizeof(*slot));
}

enum weir_status wi_view_block_room(struct segment_view *view, enum wi_table_id table,
                                    void **blocks, size_t bytes, enum wi_kind kind,
                                    struct weir_error *ret_error)
{
    size_t n = view->collection.n_blocks[table];
    size_t room = view->room_blocks[table];
    if (n <= room) {
        return WEIR_OK;
    }
    size_t wanted = room ? 2 * room : 64;
    wanted = wanted > n ? wanted : n;
    uint32_t *order = realloc(view->order[kind], wanted * sizeof(*order));
    view->order[kind] = order ? order : view->order[kind];
    void *grown = order ? realloc(*blocks, wanted * bytes) : NULL;
    if (!grown) {
        return room_fail(n, ret_error);
    }
    memset((unsigned char *)grown + room * bytes, 0, (wanted - room) * bytes);
    *blocks = grown;
    view->room_blocks[table] = wanted;
    return WEIR_OK;
}

struct view_more *wi_view_more(struct segment_view *view, size_t id, uint32_t generation,
                               enum wi_kind kind)
{
    if (id >= view->collection.n || !generation || view->generations[id] != generation ||
        view->collection.raws[id].kind != kind) {
        return NULL;
    }
    struct view_slot *slot = &view->slots[id];
    if (!slot->more) {
        slot->more = calloc(1, sizeof(*slot->more));
        view->n_more += slot->more != NULL;
    }
    return slot->more;
}

size_t wi_view_n_slots(const struct segment_view *view, enum wi_kind kind)
{
    if (kind == WI_TASK_INSTANCE) {
        size_t n = view->collection.n_blocks[WI_TASK_INSTANCES];
        return n < view->room_blocks[WI_TASK_INSTANCES] ? n : view->room_blocks[WI_TASK_INSTANCES];
    }
    size_t n = view->collection.n;
    return n < view->n_slots ? n : view->n_slots;
}
