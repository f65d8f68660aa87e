/* SPDX-License-Identifier: MIT */
/*
 * The raws of a collection: what was found for each slot, kept as columns (columns.h).
 *
 * The two passes fill sixteen raws (passes.c), which are then kept as one block; a block is read again when a raw of
 * it is asked for, and stays at hand until one of another block is. So a walk over all slots reads each block once, and
 * a hundred thousand slots take some megabytes of the host's memory. The exporter's thread.
 */
#include "snapshot/collect.h"

#include "segment/retired.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(WEIR_CHUNK_CELLS == WI_COLUMNS_RECORDS, "a chunk of handles is kept as a block");

/* More out than in is only possible if a receive hook ran before its send hook. */
static bool raws_is_negative(const struct wi_raw *raw)
{
    uint64_t left = raw->leaving[WEIR_WORD_RECEIVED] + raw->in_other + raw->discarded[0] +
                    raw->discarded[1] + raw->discarded[2];
    return raw->generation && raw->kind == WI_CHANNEL && left > raw->entering[WEIR_WORD_SENT];
}

/* Whether its words say something else than messages that were counted. */
static bool raws_has_unit(const struct wi_raw *raw)
{
    return raw->kind == WI_CHANNEL && raw->life && raw->flags & (WI_SLOT_BYTES | WI_SLOT_OBSERVED);
}

/* ---- loops and observed channels ------------------------------------------------------------ */

/* Notes something for the next reading. Returns false when there is no memory. */
static bool raws_remember(struct wi_collection *collection, const struct wi_spent *spent)
{
    struct wi_spent_list *next = &collection->spent[!collection->newest_spent];
    if (next->n == next->room) {
        size_t room = next->room + next->room / 8 + 8;
        struct wi_spent *grown = realloc(next->at, room * sizeof(*grown));
        if (!grown) {
            return false;
        }
        next->at = grown;
        next->room = room;
    }
    next->at[next->n++] = *spent;
    return true;
}

/* The note on this handle from the reading before; NULL: there is none. Slots come in their order. */
static const struct wi_spent *raws_recall(struct wi_collection *collection, size_t id,
                                          const struct wi_raw *raw)
{
    struct wi_spent_list *before = &collection->spent[collection->newest_spent];
    while (before->next < before->n && before->at[before->next].slot < id) {
        before->next++;
    }
    const struct wi_spent *spent = before->next < before->n ? &before->at[before->next] : NULL;
    return spent && spent->slot == id && spent->life == raw->life ? spent : NULL;
}

/* Brings a loop's times up to this reading. They never fall: a time that has just ended may be
 * missing, and a process that has ended has none under way. */
static bool raws_bring_up(struct wi_collection *collection, size_t id, struct wi_raw *raw)
{
    const struct wi_spent *spent = raws_recall(collection, id, raw);
    uint64_t *busy = &raw->entering[WI_LOOP_WORD_BUSY];
    uint64_t *idle = &raw->leaving[WI_LOOP_WORD_IDLE];
    uint64_t since = raw->in_other;
    if (since && collection->now_ticks > since) {
        *(since & 1 ? busy : idle) +=
            wi_image_nanos(&collection->image, collection->now_ticks - since);
    }
    if (spent) {
        *busy = *busy > spent->busy ? *busy : spent->busy;
        *idle = *idle > spent->idle ? *idle : spent->idle;
    }
    const struct wi_spent now = {
        .slot = (uint32_t)id, .life = (uint32_t)raw->life, .busy = *busy, .idle = *idle};
    return raws_remember(collection, &now);
}

/* The depth of an observed channel, which falls only if something leaves. */
static bool raws_observe(struct wi_collection *collection, size_t id, struct wi_raw *raw)
{
    uint64_t depth = raw->leaving[WI_WORD_DEPTH];
    uint64_t bytes = raw->leaving[WI_WORD_BYTES];
    const struct wi_spent *before = raws_recall(collection, id, raw);
    struct wi_spent now = {.slot = (uint32_t)id, .life = (uint32_t)raw->life, .depth = depth};
    if (before) {
        now.fallen = before->fallen + (before->depth > depth ? before->depth - depth : 0);
    }
    bool is_bytes = raw->flags & WI_SLOT_BYTES;
    raw->entering[WEIR_WORD_SENT] = depth + now.fallen;
    raw->entering[WEIR_WORD_BYTES_IN] = is_bytes ? depth : bytes;
    raw->leaving[WEIR_WORD_RECEIVED] = now.fallen;
    raw->leaving[WEIR_WORD_BYTES_OUT] = 0;
    raw->discarded[0] = raw->discarded[1] = raw->discarded[2] = 0;
    raw->in_other = raw->unsent = 0;
    return raws_remember(collection, &now);
}

/* A channel of objects is told what they hold. */
static void raws_of_site(const struct wi_collection *collection, size_t id, struct wi_raw *raw)
{
    if (!(raw->flags & WI_SLOT_OBJECTS) || !raw->generation) {
        return;
    }
    const struct wi_site *site =
        wi_objects_site(&collection->objects, (uint32_t)id, (uint32_t)raw->generation);
    raw->leaving[WI_WORD_DEPTH] = site ? site->depth : 0;
    raw->leaving[WI_WORD_BYTES] = site ? site->bytes : 0;
    if (site && site->has_capacity && site->read == site->open && raw->capacity == WEIR_UNBOUNDED) {
        raw->capacity = site->capacity;
    }
}

/* Brings the words of a channel into its unit. */
static bool raws_in_unit(struct wi_collection *collection, size_t id, struct wi_raw *raw)
{
    raws_of_site(collection, id, raw);
    if (raw->flags & WI_SLOT_OBSERVED && raw->generation) {
        return raws_observe(collection, id, raw);
    }
    uint64_t word[4] = {raw->entering[WEIR_WORD_SENT], raw->leaving[WEIR_WORD_RECEIVED],
                        raw->entering[WEIR_WORD_BYTES_IN], raw->leaving[WEIR_WORD_BYTES_OUT]};
    wi_slot_in_unit(raw->flags, raw->discarded, raw->in_other, word);
    raw->entering[WEIR_WORD_SENT] = word[WEIR_WORD_SENT];
    raw->leaving[WEIR_WORD_RECEIVED] = word[WEIR_WORD_RECEIVED];
    return true;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Keeps the raws of `block`, which are of n slots from `first` on. Returns false when there is no
 * memory. */
static bool raws_keep(struct wi_collection *collection, size_t first, size_t n)
{
    struct wi_raw *raws = collection->block;
    bool has_room = true;
    for (size_t i = 0; i < n; i++) {
        if (raws[i].kind == WI_LOOP && raws[i].life) {
            has_room = raws_bring_up(collection, first + i, &raws[i]) && has_room;
        } else if (raws_has_unit(&raws[i])) {
            has_room = raws_in_unit(collection, first + i, &raws[i]) && has_room;
        }
        raws[i].leaving[0] = 0;
        raws[i].capacity++; /* no bound is the greatest number: so it is kept as 0 */
        collection->n_closed += wi_raw_is_closed(&raws[i]);
        collection->clamped += raws_is_negative(&raws[i]);
        collection->generations[first + i] = (uint32_t)raws[i].generation;
        if (raws[i].generation) {
            collection->n_open[raws[i].kind]++;
            collection->rejects[raws[i].kind] += wi_raw_rejects(&raws[i]);
            collection->n_measured += raws[i].is_measured;
        }
    }
    return has_room &&
           wi_columns_add(&collection->kept, (const uint64_t *)(const void *)raws, WI_RAW_WORDS);
}

static void raws_begin(struct wi_collection *collection)
{
    wi_columns_clear(&collection->kept);
    memset(collection->n_open, 0, sizeof(collection->n_open));
    memset(collection->rejects, 0, sizeof(collection->rejects));
    collection->n_closed = collection->n_measured = 0;
    collection->block_number = 0;
    collection->spent[collection->newest_spent].next = 0;
    collection->spent[!collection->newest_spent].n = 0;
}

enum weir_status wi_collect_raws(struct wi_collection *collection, struct wi_source *source,
                                 struct weir_error *ret_error)
{
    raws_begin(collection);
    for (size_t first = 0; first < collection->n; first += WEIR_CHUNK_CELLS) {
        size_t n = collection->n - first;
        n = n < WEIR_CHUNK_CELLS ? n : WEIR_CHUNK_CELLS;
        enum weir_status status =
            wi_collect_passes(collection, source, first, n, collection->block, ret_error);
        if (status != WEIR_OK) {
            return status;
        }
        if (!raws_keep(collection, first, n)) {
            wi_error_set(ret_error, "no memory for %zu rows", collection->n);
            return WEIR_E_MEMORY;
        }
    }
    collection->newest_spent = !collection->newest_spent;
    return WEIR_OK;
}

const struct wi_raw *wi_collect_raw(const struct wi_collection *const_collection, size_t id)
{
    /* The block at hand is a cache: to fill it does not change the collection. */
    struct wi_collection *collection = (struct wi_collection *)(uintptr_t)const_collection;
    size_t block = id / WI_COLUMNS_RECORDS;
    if (collection->block_number != block + 1) {
        wi_columns_read(&collection->kept, block, (uint64_t *)(void *)collection->block,
                        WI_RAW_WORDS);
        for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
            collection->block[i].capacity--;
        }
        collection->block_number = block + 1;
    }
    return &collection->block[id % WI_COLUMNS_RECORDS];
}

void wi_collect_leave_out(struct wi_collection *collection, size_t id)
{
    const struct wi_raw *raw = wi_collect_raw(collection, id);
    collection->n_closed -= wi_raw_is_closed(raw);
    if (raw->generation) {
        collection->n_open[raw->kind]--;
        collection->rejects[raw->kind] -= wi_raw_rejects(raw);
    }
    wi_columns_zero(&collection->kept, id / WI_COLUMNS_RECORDS, id % WI_COLUMNS_RECORDS);
    collection->block_number = 0;
    collection->generations[id] = 0;
}

size_t wi_collection_memory(const struct wi_collection *collection)
{
    return (collection->spent[0].room + collection->spent[1].room) * sizeof(struct wi_spent) +
           wi_columns_memory(&collection->kept) + wi_objects_memory(&collection->objects) +
           collection->room * sizeof(*collection->generations);
}
