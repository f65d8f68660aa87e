/* SPDX-License-Identifier: MIT */
/* The memory of a segment's process view: slots, their parts, and the blocks of the tables. */
#include "snapshot/state.h"

#include "segment/file.h"

#include <stdlib.h>
#include <string.h>

/* Makes an array of `room` elements one of `wanted`, if that is more; new ones are zero. `array_at`
 * is where the pointer to it lies. Returns false when there is no memory; then it is as it was. */
static bool room_grow(void *array_at, size_t room, size_t wanted, size_t bytes)
{
    unsigned char *array;
    if (wanted <= room) {
        return true;
    }
    memcpy(&array, array_at, sizeof(array));
    array = realloc(array, wanted * bytes);
    if (!array) {
        return false;
    }
    memset(array + room * bytes, 0, (wanted - room) * bytes);
    memcpy(array_at, &array, sizeof(array));
    return true;
}

static bool room_for_slots(struct segment_view *view)
{
    size_t n = view->collection.n;
    if (!room_grow(&view->slots, view->n_slots, n, sizeof(*view->slots)) ||
        !room_grow(&view->generations, view->n_slots, n, sizeof(*view->generations))) {
        return false;
    }
    view->n_slots = n > view->n_slots ? n : view->n_slots;
    return true;
}

static bool room_for_retired(struct segment_view *view)
{
    size_t n = view->collection.n_retired;
    if (!room_grow(&view->retired, view->room_retired, n, sizeof(*view->retired))) {
        return false;
    }
    view->room_retired = n > view->room_retired ? n : view->room_retired;
    return true;
}

static bool room_for_order(struct segment_view *view, enum wi_kind kind, size_t wanted)
{
    if (!room_grow(&view->order[kind], view->room_order[kind], wanted, sizeof(uint32_t))) {
        return false;
    }
    view->room_order[kind] = wanted > view->room_order[kind] ? wanted : view->room_order[kind];
    return true;
}

static bool room_for_blocks(struct segment_view *view, enum wi_table_id table, enum wi_kind kind,
                            void *array_at, size_t bytes)
{
    size_t n = view->collection.n_blocks[table];
    size_t room = view->room_blocks[table];
    size_t wanted = room ? 2 * room : 64;
    wanted = n <= room ? room : n > wanted ? n : wanted;
    if (!room_for_order(view, kind, wanted) || !room_grow(array_at, room, wanted, bytes)) {
        return false;
    }
    view->room_blocks[table] = wanted;
    return true;
}

enum weir_status wi_view_make_room(struct segment_view *view, struct weir_error *ret_error)
{
    const struct wi_collection *collection = &view->collection;
    bool has_room =
        room_for_slots(view) && room_for_retired(view) &&
        room_for_blocks(view, WI_SENDERS, WI_SENDER, &view->senders, sizeof(*view->senders)) &&
        room_for_blocks(view, WI_TASK_INSTANCES, WI_TASK_INSTANCE, &view->instances,
                        sizeof(*view->instances));
    for (unsigned kind = 0; has_room && kind < WI_N_KINDS; kind++) {
        size_t n = collection->n_open[kind];
        size_t room = view->room_order[kind];
        has_room = room_for_order(view, (enum wi_kind)kind, n > room ? n + n / 8 : room);
    }
    if (!has_room) {
        wi_error_set(ret_error, "no memory for %zu rows", collection->n);
        return WEIR_E_MEMORY;
    }
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
    if (extra && !extra->age && !extra->estimate && !extra->window[0] && !extra->window[1] &&
        !extra->more && extra->limit_seconds == 0) {
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

struct wi_estimate *wi_view_estimate(struct segment_view *view, struct view_slot *slot)
{
    struct view_extra *extra = slot->extra;
    if ((!extra || !extra->estimate) && view->n_estimates < VIEW_MAX_ESTIMATES) {
        extra = wi_view_extra(view, slot);
        if (extra) {
            extra->estimate = calloc(1, sizeof(*extra->estimate));
            view->n_estimates += extra->estimate != NULL;
        }
        wi_view_drop_extra(view, slot);
    }
    return slot->extra ? slot->extra->estimate : NULL;
}

void wi_view_drop_estimate(struct segment_view *view, struct view_slot *slot)
{
    if (slot->extra && slot->extra->estimate) {
        free(slot->extra->estimate);
        slot->extra->estimate = NULL;
        view->n_estimates--;
        wi_view_drop_extra(view, slot);
    }
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
        view->n_estimates -= extra->estimate != NULL;
        free(extra->estimate);
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
