/* SPDX-License-Identifier: MIT */
/*
 * Objects. A handle leads to private memory; the file has a copy for readers outside. An open stores the life last, a
 * close clears it first, and a reader loads it before and after it has read the object's memory. So a reader does not
 * use the memory of an object that was closed meanwhile.
 */
#include "hook/channel.h"
#include "segment/object.h"

#include "weir/text.h"

#include <string.h>

/* The object's SAME field, which tells its memory from memory that was used again. */
static uint64_t object_check(const void *address, const struct wi_layout_row *row)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < row->n_fields; i++) {
        if (row->fields[i].kind == WEIR_FIELD_SAME) {
            memcpy(&value, (const char *)address + row->fields[i].offset, row->fields[i].width);
        }
    }
    return value;
}

/* Readers clean it: an open only cuts it. Words beyond its end stay what they were. */
static void object_label(struct wi_object *shown, const char *label)
{
    uint64_t words[sizeof(shown->label) / sizeof(uint64_t)];
    size_t length = label ? wi_text_cut(label, sizeof(shown->label) - 1) : 0;
    size_t n = length / sizeof(uint64_t) + 1;
    uint64_t *to = (uint64_t *)(void *)shown->label;
    words[n - 1] = 0;
    if (length) {
        memcpy(words, label, length);
    }
    for (size_t i = 0; i < n; i++) {
        wi_store_relaxed(&to[i], words[i]);
    }
}

/* `id` and its generation say which channel. */
static void object_fill(struct weir_object *object, uint32_t id, uint32_t layout,
                        const void *address, const char *label)
{
    struct wi_object *shown = wi_object_shown(object->number);
    uint32_t generation = wi_index_slot(id)->generation;
    uint64_t check = object_check(address, wi_layout_at(layout));
    uint64_t life = ((wi_load_relaxed(&object->life) >> 32) + 1) << 32 |
                    (uint64_t)layout << WI_OBJECT_LAYOUT_SHIFT | WI_OBJECT_IS_OPEN;
    /* These pair with objects_begin and objects_is_same of readers: who sees a word of this object does not find the
     * earlier one open. */
    wi_store_release(&object->address, (uint64_t)(uintptr_t)address);
    wi_store_release(&object->check, check);
    wi_store_release(&shown->address, (uint64_t)(uintptr_t)address);
    wi_store_release(&shown->check, check);
    wi_store_release(&shown->channel, id);
    wi_store_release(&shown->channel_generation, generation);
    object_label(shown, label);
    wi_store_release(&shown->life, life);
    wi_store_release(&object->life, life);
}

/* A channel is counted, told its depth by weir_channel_observe, or has objects: the first call decides. */
static bool object_may_be_of(struct weir_channel *channel)
{
    uint8_t flags = wi_load_relaxed(&channel->head.flags);
    if (flags & WI_SLOT_OBJECTS) {
        return true;
    }
    if (flags & WI_SLOT_OBSERVED) {
        wi_channel_refuse_mixing();
        return false;
    }
    return wi_channel_begin_observing(channel, WI_SLOT_OBJECTS);
}

struct weir_object *weir_object_open(struct weir_channel *channel, const void *address,
                                     const struct weir_layout *layout, const char *label)
{
    if (!channel || !address || !layout || !wi_segment_counts() || !wi_segment_may_open()) {
        return NULL;
    }
    uint32_t id = wi_index_id(&channel->head);
    if (id == UINT32_MAX || wi_load_relaxed(&wi_index_slot(id)->state) != WI_SLOT_READY) {
        return NULL;
    }
    if (WEIR_UNLIKELY(!object_may_be_of(channel))) {
        return NULL;
    }
    uint32_t row = wi_layout_of(layout);
    struct weir_object *object = row ? wi_object_take() : NULL;
    if (!object) {
        wi_object_refuse(row != 0);
        return NULL;
    }
    object_fill(object, id, row, address, label);
    return object;
}

/* A forked child that has not started again, or is in its parent's family, has a copy of the private part; the file is
 * its parent's. Its place is listed at the child's start. */
void weir_object_close(struct weir_object *object)
{
    uint32_t state = wi_segment_state();
    uint64_t life = object ? wi_load_relaxed(&object->life) : 0;
    if (!(life & WI_OBJECT_IS_OPEN)) {
        return;
    }
    uint64_t closed = life & ~(uint64_t)WI_OBJECT_IS_OPEN;
    /* Pairs with objects_is_same of readers, and with itself in another thread, one of which returns the place. */
    if (!wi_replace_acq_rel(&object->life, &life, closed) ||
        (state != WI_SEGMENT_ON && state != WI_SEGMENT_STOPPED) || !wi_segment_may_open()) {
        return;
    }
    /* Pairs with objects_is_same of readers. */
    wi_store_release(&wi_object_shown(object->number)->life, closed);
    wi_object_give_back(object);
}
