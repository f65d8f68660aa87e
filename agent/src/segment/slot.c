/* SPDX-License-Identifier: MIT */
/*
 * Slots: one for each open handle. A slot is published in three steps: its fields, then READY
 * (release), then n_slots (release). A slot that is used again has another generation, so no reader
 * takes one handle for another. The generation is odd while the handle is open, and even once it is
 * closed. A closed slot keeps its counts, and those that running hooks still add, until it is used
 * again. Then they go to the totals of its name (retired.h).
 */
#include "segment/segment.h"

#include "segment/cell.h"
#include "segment/early.h"
#include "segment/retired.h"
#include "weir/atomic.h"
#include "weir/expect.h"
#include "weir/kind.h"

#include <stdio.h>
#include <string.h>

/* Another slab. Returns false when there is no room. */
static bool slot_grow(void)
{
    struct wi_header *header = wi_segment_header();
    uint32_t n = wi_index.n_slabs;
    uint32_t line = header && n < WI_MAX_SLABS
                        ? wi_segment_take(WI_SLAB_SLOTS * sizeof(struct wi_slot) / WEIR_LINE)
                        : 0;
    if (!line || !wi_index_add_slab(wi_segment_line(line), line)) {
        return false;
    }
    uint32_t *slabs = wi_segment_line(WI_SLABS_LINE);
    /* Pairs with wi_image_slot and collect_count_slots of readers. */
    wi_store_release(&slabs[n], line);
    wi_store_release(&header->n_slabs, n + 1);
    return true;
}

static bool slot_is_free(uint32_t id)
{
    uint8_t state = wi_index_slot(id)->state;
    return state == WI_SLOT_FREE || state == WI_SLOT_CLOSED;
}

/* The id that was closed first, or a new one. UINT32_MAX: no room. */
static uint32_t slot_take(void)
{
    uint32_t first = wi_segment.free_slots[0];
    if (first && !WI_EXPECT(first <= wi_index.n_slots && slot_is_free(first - 1))) {
        memset(wi_segment.free_slots, 0, sizeof(wi_segment.free_slots));
        first = 0;
    }
    if (first) {
        wi_segment.free_slots[0] = wi_index_slot(first - 1)->next;
        if (!wi_segment.free_slots[0]) {
            wi_segment.free_slots[1] = 0;
        }
        return first - 1;
    }
    uint32_t id = wi_index.n_slots;
    return id / WI_SLAB_SLOTS < wi_index.n_slabs || slot_grow() ? id : UINT32_MAX;
}

static void slot_give_back(uint32_t id)
{
    if (!WI_EXPECT(id < wi_index.n_slots && slot_is_free(id))) {
        return; /* it stays away: two handles must not have it */
    }
    wi_index_slot(id)->next = 0;
    if (wi_segment.free_slots[1]) {
        wi_index_slot(wi_segment.free_slots[1] - 1)->next = id + 1;
    } else {
        wi_segment.free_slots[0] = id + 1;
    }
    wi_segment.free_slots[1] = id + 1;
}

/* Cells keep the counts of the id's earlier handle; no hook runs on that any more. */
static void slot_clear_cells(uint32_t id)
{
    for (uint32_t s = 0; s < wi_index.n_shards; s++) {
        const struct wi_shard_entry *shard = &wi_index.shards[s];
        struct weir_cell *cell = wi_index_cell(shard, id);
        struct weir_histogram **own = cell ? wi_index_own_histogram(shard, id) : NULL;
        if (own && *own) {
            wi_segment_return_histogram(*own);
            wi_store_relaxed(own, NULL);
        }
        if (cell) {
            wi_cell_reset(cell);
        }
    }
}

/* Resets the slot's words and its cells. */
static void slot_clear(uint32_t id)
{
    struct wi_slot *slot = wi_segment_slot(id);
    slot_clear_cells(id);
    wi_words_zero(&slot->in, sizeof(slot->in));
    wi_words_zero(&slot->out, sizeof(slot->out));
}

/* Whether the counts in a slot belong to the handle that the index has there. After the fork the
 * parent's threads may have used the slot again. */
static bool slot_is_of_index(uint32_t id)
{
    return wi_slot_life(wi_segment_slot(id)->head.generation) ==
           wi_slot_life(wi_index_slot(id)->generation);
}

/* Repairs a slot that is not open: its counts go to its totals if that had begun, else they stay
 * with it. */
static void slot_settle(uint32_t id)
{
    struct weir_slot_head *head = &wi_segment_slot(id)->head;
    struct wi_slot_entry *entry = wi_index_slot(id);
    bool is_counted = entry->state != WI_SLOT_FREE && entry->state != WI_SLOT_CLAIMED &&
                      slot_is_of_index(id) && !wi_retired_finish(id);
    entry->state = is_counted ? WI_SLOT_CLOSED : WI_SLOT_FREE;
    entry->generation += entry->generation & 1;
    entry->name = 0;
    entry->has_more = false;
    head->state = entry->state;
    head->generation = entry->generation;
    head->name = head->more = 0;
    if (!is_counted) {
        slot_clear(id);
        entry->retired = 0;
        entry->histogram[0] = entry->histogram[1] = NULL;
        head->retired = head->histogram[0] = head->histogram[1] = 0;
    }
    slot_give_back(id);
}

void wi_slots_settle(void)
{
    memset(wi_segment.free_slots, 0, sizeof(wi_segment.free_slots));
    wi_index.n_handles = 0;
    for (uint32_t id = 0; id < wi_index.n_slots; id++) {
        struct weir_slot_head *head = &wi_segment_slot(id)->head;
        const struct wi_slot_entry *entry = wi_index_slot(id);
        if (entry->state == WI_SLOT_READY && slot_is_of_index(id)) {
            /* The parent may have closed it since the fork: here it is open. */
            head->state = WI_SLOT_READY;
            head->generation = entry->generation;
            wi_index.n_handles++;
        } else {
            slot_settle(id);
        }
    }
    wi_segment_header()->n_handles = wi_index.n_handles;
    wi_retired_begin();
}

static void slot_zero_cells(void)
{
    for (uint32_t s = 0; s < wi_index.n_shards; s++) {
        const struct wi_shard_entry *shard = &wi_index.shards[s];
        for (uint32_t c = 0; c < shard->n_chunks * WEIR_CHUNK_CELLS; c++) {
            struct weir_cell *cell = wi_index_cell(shard, c);
            struct weir_histogram **own = cell ? wi_index_own_histogram(shard, c) : NULL;
            if (cell) {
                wi_cell_reset(cell);
            }
            if (own && *own) {
                memset(*own, 0, sizeof(**own));
            }
        }
    }
}

void wi_slots_zero(void)
{
    slot_zero_cells();
    for (uint32_t id = 0; id < wi_index.n_slots; id++) {
        struct wi_slot *slot = wi_segment_slot(id);
        uint64_t has_senders = slot->out.has_senders;
        memset(&slot->in, 0, sizeof(slot->in));
        memset(&slot->out, 0, sizeof(slot->out));
        slot->out.has_senders = has_senders;
        wi_store_relaxed(&slot->head.flags, slot->head.flags | WI_SLOT_INHERITED);
        for (int which = 0; which < 2; which++) {
            struct weir_histogram *histogram = wi_index_slot(id)->histogram[which];
            if (histogram) {
                memset(histogram, 0, sizeof(*histogram));
            }
        }
    }
}

/* Other processes of a family cannot make histograms, so those that will be needed are made at once. */
static bool slot_has_histogram(const struct wi_opening *opening, int which)
{
    bool is_timed = wi_slot_sampling(opening->latency) != WEIR_SAMPLING_OFF;
    bool is_needed = opening->kind == WI_TASK ||
                     (which == 0 && (opening->kind == WI_CHANNEL || opening->kind == WI_SEMAPHORE));
    return wi_segment.base &&
           (opening->has_histograms || (wi_segment_is_family() && is_timed && is_needed));
}

/* A reader may still be reading the slot's earlier content. */
static void slot_fill(struct wi_slot *slot, uint32_t id, struct wi_slot_entry *entry,
                      const struct wi_opening *opening)
{
    struct weir_slot_head *head = &slot->head;
    entry->kind = opening->kind & 15U;
    entry->is_shared = opening->storage == WEIR_STORAGE_SHARED;
    entry->forks = wi_load_relaxed(&wi_segment.forks);
    for (int which = 0; which < 2; which++) {
        entry->histogram[which] =
            slot_has_histogram(opening, which) ? wi_segment_take_histogram() : NULL;
        wi_store_relaxed(&head->histogram[which], wi_segment_line_of(entry->histogram[which]));
    }
    wi_store_relaxed(&head->id, entry->is_shared ? id | WEIR_ID_SHARED : id);
    wi_store_relaxed(&head->kind, opening->kind);
    wi_store_relaxed(&head->flags, opening->flags);
    wi_store_relaxed(&head->flavor, opening->flavor);
    wi_store_relaxed(&head->sampling, wi_slot_sampling(opening->latency));
    wi_store_relaxed(&head->capacity, opening->capacity);
    wi_store_relaxed(&head->opened_at, wi_segment_now());
    wi_store_relaxed(&head->name, entry->name);
    wi_store_relaxed(&head->source, wi_segment.base
                                        ? wi_slot_source(opening->source_file, opening->source_line)
                                        : 0);
    wi_store_relaxed(&head->source_line, opening->source_line);
    wi_store_relaxed(&head->retired, entry->retired);
    wi_store_release(&head->more, wi_slot_fill_more(id, opening)); /* Pairs with texts_more. */
}

/* Messages or bytes that a channel holds from the start count as sent. So depth, and the totals of closed handles, need
 * not know of them. */
static void slot_fill_initial(struct wi_slot *slot, const struct wi_opening *opening)
{
    bool is_bytes = opening->flags & WI_SLOT_BYTES;
    wi_store_relaxed(wi_slot_word(slot, WEIR_WORD_SENT), opening->initial[0]);
    wi_store_relaxed(wi_slot_word(slot, WEIR_WORD_BYTES_IN), opening->initial[1]);
    wi_store_relaxed(&slot->out.other, opening->initial[is_bytes]);
}

/* In the segment, where there is one. */
static void slot_show_numbers(void)
{
    struct wi_header *header = wi_segment_header();
    if (header) {
        /* Pairs with collect_count_slots of readers: the slabs are there. */
        wi_store_release(&header->n_slots, wi_index.n_slots);
        wi_store_relaxed(&header->n_handles, wi_index.n_handles);
    }
}

/* A slot's name, and the totals that receive its counts when it is used again after its close. */
struct slot_name {
    uint32_t unit;
    uint16_t retired;
    uint8_t class;
};

/* Handles of one name share its string, which stays with its totals. Before weir_start there is no
 * segment in which to keep it. */
static bool slot_name(uint32_t id, const struct wi_opening *opening, struct slot_name *ret_name)
{
    memset(ret_name, 0, sizeof(*ret_name));
    ret_name->retired = wi_retired_of(opening->kind, opening->name, &ret_name->unit);
    ret_name->class = WI_NAME_SHARED;
    if (!wi_segment.base) {
        return wi_early_keep(id, opening);
    }
    if (!ret_name->unit) {
        ret_name->unit = wi_segment_take_string(opening->name, &ret_name->class);
    }
    return ret_name->unit;
}

/* The counts of the slot's earlier handle go to its totals; then no reader finds them in the slot. */
static void slot_claim(uint32_t id, const struct slot_name *name)
{
    struct weir_slot_head *head = &wi_segment_slot(id)->head;
    struct wi_slot_entry *entry = wi_index_slot(id);
    if (entry->state == WI_SLOT_CLOSED) {
        wi_retired_fold(id);
    }
    wi_store_relaxed(&entry->state, WI_SLOT_CLAIMED);
    /* Odd is open. It is odd already if a fork cut short the opening of a new slot. */
    entry->generation += 1 + (entry->generation & 1);
    /* These pair with pass_entering_slot and pass_drop_mixed of readers: the counts are of one handle. */
    wi_store_release(&head->state, WI_SLOT_CLAIMED);
    wi_store_seq_cst(&head->generation, entry->generation);
    for (int which = 0; which < 2; which++) {
        wi_segment_return_histogram(entry->histogram[which]);
        wi_store_relaxed(&entry->histogram[which], NULL);
        wi_store_relaxed(&head->histogram[which], 0);
    }
    slot_clear(id);
    entry->name = name->unit;
    entry->name_class = name->class & 3U;
    entry->retired = name->retired;
}

/* The lock is held. */
static struct weir_slot_head *slot_open(const struct wi_opening *opening)
{
    struct slot_name name;
    uint32_t id = wi_segment_may_open() ? slot_take() : UINT32_MAX;
    if (id == UINT32_MAX || !wi_slot_make_more(id, opening) || !slot_name(id, opening, &name)) {
        if (id != UINT32_MAX && id < wi_index.n_slots) {
            slot_give_back(id);
        }
        return NULL;
    }
    struct wi_slot *slot = wi_segment_slot(id);
    struct wi_slot_entry *entry = wi_index_slot(id);
    slot_claim(id, &name);
    slot_fill(slot, id, entry, opening);
    if (opening->kind == WI_CHANNEL) {
        slot_fill_initial(slot, opening);
    }
    /* These pair with wi_index_id and, in readers, with pass_leaving_slot and pass_entering_slot. */
    wi_store_release(&entry->state, WI_SLOT_READY);
    wi_store_release(&slot->head.state, WI_SLOT_READY);
    if (id >= wi_index.n_slots) {
        wi_store_release(&wi_index.n_slots, id + 1);
    }
    wi_index.n_handles++;
    slot_show_numbers();
    return &slot->head;
}

/* The lock is held. */
static void slot_count_refused(void)
{
    if (wi_segment.base) {
        wi_segment.has_logged_limit = true;
        wi_add_relaxed(&wi_segment_header()->handles_refused, 1);
    } else {
        wi_early_refuse();
    }
}

/* Hooks cannot report that the segment was given up: the next opening does. */
static struct weir_slot_head *slot_refuse(void)
{
    static bool has_logged;
    if (wi_segment_state() == WI_SEGMENT_LOST && !wi_exchange_relaxed(&has_logged, true)) {
        wi_segment_log("weir: another process emptied or overwrote the segment's file: nothing is "
                       "counted any more; restart to count again");
    }
    return NULL;
}

struct weir_slot_head *wi_slot_open(const struct wi_opening *opening)
{
    if (!opening->name || !opening->name[0]) {
        return NULL;
    }
    bool is_first = wi_segment_state() == WI_SEGMENT_NONE;
    if ((!is_first && !wi_slot_counts()) || !wi_segment_lock()) {
        return slot_refuse();
    }
    if (wi_segment_state() == WI_SEGMENT_NONE && !wi_early_make()) {
        wi_segment_unlock();
        return NULL;
    }
    struct weir_slot_head *head = slot_open(opening);
    bool must_log = !head && wi_segment.base && !wi_segment.has_logged_limit;
    const char *why = wi_segment_may_open() ? wi_segment.why_full
                                            : "in a family, the first process opens all handles, "
                                              "before it forks";
    if (!head) {
        slot_count_refused();
    }
    wi_segment_unlock();
    if (must_log) {
        char line[256];
        snprintf(line, sizeof(line),
                 "weir: no room for this and later handles, which count nothing: %s",
                 why ? why : "there are too many, or there is no memory");
        wi_segment_log(line);
    }
    return head;
}

/* The lock is held. */
static void slot_close(uint32_t id, struct wi_slot_entry *entry)
{
    struct wi_slot *slot = wi_segment_slot(id);
    struct weir_slot_head *head = &slot->head;
    wi_store_relaxed(&entry->state, WI_SLOT_CLOSING);
    /* The stores of state and generation pair with pass_has_counts and pass_entering_slot of readers. */
    wi_store_release(&head->state, WI_SLOT_CLOSING);
    if (entry->kind == WI_CHANNEL && slot->out.has_senders) {
        wi_senders_close(id, entry->generation);
    }
    wi_store_seq_cst(&head->generation, ++entry->generation);
    if (entry->name_class != WI_NAME_SHARED) {
        wi_segment_return_string(entry->name, entry->name_class);
    }
    entry->name = 0;
    wi_store_relaxed(&head->name, 0);
    wi_store_relaxed(&entry->state, WI_SLOT_CLOSED);
    wi_store_release(&head->state, WI_SLOT_CLOSED);
    /* A process that was forked since may still count here: then its counts stay in the slot. */
    if (!wi_segment_is_family() || entry->forks == wi_load_relaxed(&wi_segment.forks)) {
        slot_give_back(id);
    }
    wi_index.n_handles -= WI_EXPECT(wi_index.n_handles > 0);
    slot_show_numbers();
}

void wi_slot_close(struct weir_slot_head *head)
{
    if (!head || !wi_slot_counts() || !wi_segment_lock()) {
        return;
    }
    uint32_t id = wi_index_id(head);
    /* In a child of a family nothing ends: the handle is its founder's. */
    if (id != UINT32_MAX && wi_segment_may_open() && wi_index_slot(id)->state == WI_SLOT_READY) {
        slot_close(id, wi_index_slot(id));
    }
    wi_segment_unlock();
}
