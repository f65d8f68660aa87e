/* SPDX-License-Identifier: MIT */
/*
 * Slots: one for each open handle. Published by fill, then READY (release), then n_slots (release);
 * a slot that is used again has another generation, so no reader takes one handle for another.
 */
#include "segment/segment.h"

#include "hook/thread.h"
#include "segment/file.h"
#include "segment/kind.h"

#include <string.h>

struct wi_slot *wi_segment_slot(uint32_t id)
{
    const uint32_t *slabs = wi_segment_line(WI_SLABS_LINE);
    struct wi_slot *slab = wi_segment_line(slabs[id / WI_SLAB_SLOTS]);
    return &slab[id % WI_SLAB_SLOTS];
}

/* An id that was closed, the one that has rested longest, or a new one. UINT32_MAX: no room. */
static uint32_t slot_take(void)
{
    struct wi_header *header = wi_segment_header();
    uint32_t first = wi_segment.free_slots[0];
    if (first) {
        struct wi_slot *slot = wi_segment_slot(first - 1);
        wi_segment.free_slots[0] = slot->head.reserved[0];
        if (!wi_segment.free_slots[0]) {
            wi_segment.free_slots[1] = 0;
        }
        return first - 1;
    }
    uint32_t id = header->n_slots;
    if (id / WI_SLAB_SLOTS >= header->n_slabs) {
        uint32_t *slabs = wi_segment_line(WI_SLABS_LINE);
        uint32_t line = header->n_slabs < WI_MAX_SLABS
                            ? wi_segment_take(WI_SLAB_SLOTS * sizeof(struct wi_slot) / WEIR_LINE)
                            : 0;
        if (!line) {
            return UINT32_MAX;
        }
        __atomic_store_n(&slabs[header->n_slabs], line, __ATOMIC_RELEASE);
        __atomic_store_n(&header->n_slabs, header->n_slabs + 1, __ATOMIC_RELEASE);
    }
    return id;
}

static void slot_give_back(uint32_t id)
{
    struct wi_slot *slot = wi_segment_slot(id);
    slot->head.reserved[0] = 0;
    if (wi_segment.free_slots[1]) {
        wi_segment_slot(wi_segment.free_slots[1] - 1)->head.reserved[0] = id + 1;
    } else {
        wi_segment.free_slots[0] = id + 1;
    }
    wi_segment.free_slots[1] = id + 1;
}

void wi_slots_settle(void)
{
    struct wi_header *header = wi_segment_header();
    memset(wi_segment.free_slots, 0, sizeof(wi_segment.free_slots));
    header->n_handles = 0;
    for (uint32_t id = 0; id < header->n_slots; id++) {
        struct weir_slot_head *head = &wi_segment_slot(id)->head;
        if (head->state == WI_SLOT_READY) {
            header->n_handles++;
            continue;
        }
        head->state = WI_SLOT_FREE;
        head->name = head->histogram[0] = head->histogram[1] = 0;
        slot_give_back(id);
    }
}

/* Cells keep the counts of the handle that had the id before; no hook runs on it any more. */
static void slot_clear_cells(uint32_t id, uint8_t kind)
{
    struct wi_shard *shards = wi_segment_shards();
    uint32_t n_shards = wi_segment_header()->n_shards;
    for (uint32_t s = 0; s < n_shards; s++) {
        struct weir_cell *cell = wi_thread_cell(&shards[s], id);
        if (!cell) {
            continue;
        }
        if (kind == WI_CHANNEL) {
            wi_segment_return_histogram(cell->u.channel.histogram);
        }
        wi_cell_reset(cell);
    }
}

static uint8_t slot_sampling(enum weir_latency latency)
{
    switch (latency) {
    case WEIR_LATENCY_OFF:
        return WEIR_SAMPLING_OFF;
    case WEIR_LATENCY_SAMPLED:
        return WEIR_SAMPLING_GAPS;
    case WEIR_LATENCY_FULL:
        return WEIR_SAMPLING_ALL;
    default:
        return (uint8_t)wi_segment.sampling;
    }
}

/* Handles that are opened on one line share its file's name with their neighbours. */
static uint32_t slot_source(const char *file)
{
    if (!file || !file[0]) {
        return 0;
    }
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    char clean[WEIR_NAME_MAX + 1];
    wi_text_clean(clean, sizeof(clean), base);
    for (size_t i = 0; i < WI_N_SOURCES && wi_segment.sources[i]; i++) {
        if (strcmp((const char *)wi_segment.base + (size_t)wi_segment.sources[i] * WI_STRING_UNIT,
                   clean) == 0) {
            return wi_segment.sources[i];
        }
    }
    for (size_t i = 0; i < WI_N_SOURCES; i++) {
        if (!wi_segment.sources[i]) {
            wi_segment.sources[i] = wi_segment_take_string(base);
            return wi_segment.sources[i];
        }
    }
    return 0;
}

/* A reader may still be looking at what the slot was before. */
#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static void slot_fill(struct wi_slot *slot, uint32_t id, uint32_t name,
                      const struct wi_opening *opening)
{
    struct weir_slot_head *head = &slot->head;
    wi_words_zero(&slot->in, sizeof(slot->in));
    wi_words_zero(&slot->out, sizeof(slot->out));
    STORE(head->id, opening->storage == WEIR_STORAGE_SHARED ? id | WEIR_ID_SHARED : id);
    STORE(head->kind, opening->kind);
    STORE(head->flags, opening->flags);
    STORE(head->flavor, opening->flavor);
    STORE(head->sampling, slot_sampling(opening->latency));
    STORE(head->capacity, opening->capacity);
    STORE(head->opened_at, wi_segment_now());
    STORE(head->name, name);
    STORE(head->source, slot_source(opening->source_file));
    STORE(head->source_line, opening->source_line);
    STORE(head->histogram[0], opening->has_histograms ? wi_segment_take_histogram() : 0);
    STORE(head->histogram[1], opening->has_histograms ? wi_segment_take_histogram() : 0);
    STORE(head->reserved[0], 0);
}

/* The lock is held. */
static struct weir_slot_head *slot_open(const struct wi_opening *opening)
{
    struct wi_header *header = wi_segment_header();
    uint32_t id = slot_take();
    uint32_t name = id == UINT32_MAX ? 0 : wi_segment_take_string(opening->name);
    if (!name) {
        if (id != UINT32_MAX && id < header->n_slots) {
            slot_give_back(id);
        }
        return NULL;
    }
    struct wi_slot *slot = wi_segment_slot(id);
    __atomic_store_n(&slot->head.state, WI_SLOT_CLAIMED, __ATOMIC_RELEASE);
    __atomic_fetch_add(&slot->head.generation, 1, __ATOMIC_ACQ_REL);
    slot_clear_cells(id, slot->head.kind);
    slot_fill(slot, id, name, opening);
    __atomic_store_n(&slot->head.state, WI_SLOT_READY, __ATOMIC_RELEASE);
    if (id >= header->n_slots) {
        __atomic_store_n(&header->n_slots, id + 1, __ATOMIC_RELEASE);
    }
    __atomic_fetch_add(&header->n_handles, 1, __ATOMIC_RELAXED);
    return &slot->head;
}

struct weir_slot_head *wi_slot_open(const struct wi_opening *opening)
{
    if (!opening->name || !opening->name[0] || !wi_segment_counts()) {
        return NULL;
    }
    if (!wi_segment_lock()) {
        return NULL;
    }
    struct weir_slot_head *head = slot_open(opening);
    bool must_log = !head && !wi_segment.has_logged_limit;
    if (!head) {
        wi_segment.has_logged_limit = true;
        __atomic_fetch_add(&wi_segment_header()->handles_refused, 1, __ATOMIC_RELAXED);
    }
    wi_segment_unlock();
    if (must_log) {
        wi_segment_log(
            "weir: the segment is full: this and later handles count nothing; raise WEIR_LIMIT");
    }
    return head;
}

void wi_slot_close(struct weir_slot_head *head)
{
    if (!head || !wi_segment_counts() || !wi_segment_lock()) {
        return;
    }
    if (__atomic_load_n(&head->state, __ATOMIC_RELAXED) == WI_SLOT_READY) {
        __atomic_store_n(&head->state, WI_SLOT_CLOSING, __ATOMIC_RELEASE);
        if (head->kind == WI_CHANNEL && ((struct wi_slot *)(void *)head)->out.has_senders) {
            wi_senders_close(head->id & ~WEIR_ID_SHARED, head->generation);
        }
        __atomic_fetch_add(&head->generation, 1, __ATOMIC_ACQ_REL);
        wi_segment_return_histogram(head->histogram[0]);
        wi_segment_return_histogram(head->histogram[1]);
        wi_segment_return_string(head->name);
        STORE(head->histogram[0], 0);
        STORE(head->histogram[1], 0);
        STORE(head->name, 0);
        __atomic_store_n(&head->state, WI_SLOT_FREE, __ATOMIC_RELEASE);
        slot_give_back(head->id & ~WEIR_ID_SHARED);
        __atomic_fetch_sub(&wi_segment_header()->n_handles, 1, __ATOMIC_RELAXED);
    }
    wi_segment_unlock();
}
