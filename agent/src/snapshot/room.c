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

struct view_extra *wi_view_extra(struct segment_view *view, struct view_slot *slot)
{
    if (!slot->extra) {
        slot->extra = calloc(1, sizeof(*slot->extra));
        view->n_extras += slot->extra != NULL;
    }
    return slot->extra;
}

static void room_free_extra(struct segment_view *view, struct view_slot *slot)
{
    view->n_extras -= slot->extra != NULL;
    free(slot->extra);
    slot->extra = NULL;
}

void wi_view_drop_extra(struct segment_view *view, struct view_slot *slot)
{
    const struct view_extra *extra = slot->extra;
    if (extra && !extra->age && !extra->window[0] && !extra->window[1] && !extra->more &&
        extra->limit_seconds == 0) {
        room_free_extra(view, slot);
    }
}

struct wi_age *wi_view_age(struct segment_view *view, struct view_slot *slot)
{
    struct view_extra *extra = slot->extra;
    if ((!extra || !extra->age) && view->n_ages < VIEW_MAX_AGES) {
        extra = wi_view_extra(view, slot);
        if (extra) {
            extra->age = calloc(1, sizeof(*extra->age));
            view->n_ages += extra->age != NULL;
        }
        wi_view_drop_extra(view, slot);
    }
    return slot->extra ? slot->extra->age : NULL;
}

const struct wi_flow *wi_view_flow(const struct segment_view *const_view, size_t id, unsigned ago)
{
    /* The block at hand is a cache: to fill it does not change the view. */
    struct view_flows *flows = &((struct segment_view *)(uintptr_t)const_view)->flows;
    size_t block = id / WI_COLUMNS_RECORDS;
    if (flows->block_number != block + 1) {
        for (unsigned i = 0; i < 2; i++) {
            wi_columns_read(&flows->of[flows->newest ^ i], block, flows->block[i][0].total,
                            WI_N_TOTALS);
        }
        flows->block_number = block + 1;
    }
    return flows->is_known[flows->newest ^ ago] ? &flows->block[ago][id % WI_COLUMNS_RECORDS]
                                                : NULL;
}

void wi_view_forget(struct segment_view *view, struct view_slot *slot)
{
    struct view_extra *extra = slot->extra;
    size_t id = (size_t)(slot - view->slots);
    if (extra) {
        view->n_ages -= extra->age != NULL;
        for (int which = 0; which < 2; which++) {
            view->n_windows -= extra->window[which] != NULL;
            free(extra->window[which]);
        }
        view->n_more -= extra->more != NULL;
        free(extra->more);
        free(extra->age);
        room_free_extra(view, slot);
    }
    wi_columns_zero(&view->flows.of[view->flows.newest], id / WI_COLUMNS_RECORDS,
                    id % WI_COLUMNS_RECORDS);
    view->flows.block_number = 0;
    if (id < view->writer.n_marks) {
        view->writer.marks[id] = 0;
    }
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
        view->slots[id].kind != kind) {
        return NULL;
    }
    struct view_extra *extra = wi_view_extra(view, &view->slots[id]);
    if (extra && !extra->more) {
        extra->more = calloc(1, sizeof(*extra->more));
        view->n_more += extra->more != NULL;
    }
    return extra ? extra->more : NULL;
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
