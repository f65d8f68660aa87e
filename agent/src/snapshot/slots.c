/* SPDX-License-Identifier: MIT */
/*
 * Which handle each slot has: new ones are added, closed ones dropped, and all are listed by kind.
 *
 * When no generation has changed since the last refresh, that is one comparison. A new handle's texts
 * are read once. Those that cannot be told yet are read at each refresh until they can. The view owns
 * the slots. The exporter's thread.
 */
#include "snapshot/state.h"

#include "segment/file.h"

#include <string.h>

/* Empties a slot whose handle has closed. The time at a limit is this reader's own observation: it
 * stays with the name. */
static void slots_leave(struct segment_view *view, size_t id)
{
    struct view_slot *slot = &view->slots[id];
    if (slot->retired && slot->retired <= view->room_retired) {
        view->retired[slot->retired - 1].limit_seconds += view_limit_seconds(slot);
    }
    wi_view_forget(view, slot);
    view->generations[id] = 0;
}

/* Adds a handle, or the texts that it lacked. */
static enum weir_status slots_meet(struct segment_view *view, size_t id,
                                   struct wi_slot_texts *texts, struct weir_error *ret_error)
{
    struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    slot->kind = raw->kind;
    slot->retired = raw->retired <= view->collection.n_retired ? (uint16_t)raw->retired : 0;
    enum weir_status status = wi_collect_texts(&view->collection, id, raw, texts, ret_error);
    if (status == WEIR_OK && !wi_view_keep_texts(view, slot, texts)) {
        wi_error_set(ret_error, "no memory for a name");
        status = WEIR_E_MEMORY;
    }
    slot->is_for_receivers =
        texts->has_more && slot->kind == WI_CHANNEL && texts->party == WEIR_PARTY_RECEIVERS;
    slot->lacks_texts = !texts->has_more;
    view->lacks_texts |= !texts->has_more;
    return status;
}

/* Ids by kind. There is room for the open handles of each (wi_view_make_room); a process that changes the kind of a handle
 * under its reader may claim more of one, and they are left out. */
static void slots_order(struct segment_view *view)
{
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        view->n_order[kind] = wi_kind_has_slots(kind) ? 0 : view->n_order[kind];
    }
    for (size_t id = 0; id < view->collection.n; id++) {
        uint8_t kind = view->slots[id].kind;
        if (view->generations[id] && view->n_order[kind] < view->room_order[kind]) {
            view->order[kind][view->n_order[kind]++] = (uint32_t)id;
        }
    }
}

enum weir_status wi_view_meet_slots(struct segment_view *view, struct weir_error *ret_error)
{
    const struct wi_collection *collection = &view->collection;
    struct wi_slot_texts texts = {.place = 0};
    if (collection->n == view->n_seen && !view->lacks_texts &&
        (collection->n == 0 || memcmp(view->generations, collection->generations,
                                      collection->n * sizeof(*view->generations)) == 0)) {
        return WEIR_OK;
    }
    view->n_seen = SIZE_MAX; /* until all are added */
    view->lacks_texts = false;
    for (size_t id = 0; id < view->n_slots; id++) {
        uint32_t generation = id < collection->n ? collection->generations[id] : 0;
        bool is_known = view->generations[id] == generation;
        if (!is_known) {
            slots_leave(view, id);
        }
        if (generation && (!is_known || view->slots[id].lacks_texts)) {
            enum weir_status status = slots_meet(view, id, &texts, ret_error);
            if (status != WEIR_OK) {
                return status;
            }
        }
        view->generations[id] = generation;
    }
    wi_view_tidy_names(view);
    slots_order(view);
    view->n_seen = collection->n;
    return WEIR_OK;
}
