/* SPDX-License-Identifier: MIT */
/*
 * A reading: from the bytes of a segment to the counts of its handles, in four stages. Each does its
 * whole work in one place, and asks nothing of those before it:
 *
 *     source.c (reads all bytes, in the order that the stages need)
 *     -> here (how many slots and blocks there are, and room for them)
 *     -> objects.c (the depths that objects hold, by channel)
 *     -> raws.c (each slot's counts, by the two passes of passes.c)
 *     -> retired.c (the totals of closed handles, and which slots are included in them)
 *
 * A closed handle keeps its counts in its slot; when the slot is used again, they go to the totals
 * of its name. A reading during which that happened too often is made again, up to eight times.
 *
 * No byte is trusted. Counts are bounded by the layout's limits and by the image's length, and each
 * offset is checked at its use (image.h). In a dead process's file an offset that lies outside is
 * corruption, and an error; in a live one it may be too new, and is skipped. The collection owns the
 * raws and the totals. The exporter's thread.
 */
#include "snapshot/collect.h"

#include "segment/file.h"
#include "weir/atomic.h"

#include <stdlib.h>
#include <string.h>

#define COLLECT_TRIES 8

/* Bounds the number of things that lie in slabs, in_slab to each, to those that may be read. Slabs lie
 * side by side: if they could share their bytes, a small file would have a million rows. Returns false
 * if the numbers cannot be. */
static bool collect_bound(const struct wi_image *image, uint32_t *n, uint32_t n_slabs,
                          uint32_t max_slabs, uint32_t in_slab, size_t bytes)
{
    uint32_t fit = (uint32_t)(image->length / (in_slab * bytes));
    if (n_slabs > max_slabs || (image->is_still && (*n > n_slabs * in_slab || n_slabs > fit))) {
        return false;
    }
    n_slabs = n_slabs < fit ? n_slabs : fit;
    *n = *n < n_slabs * in_slab ? *n : n_slabs * in_slab;
    return true;
}

/* How many slots may be read, and room for their generations. */
static enum weir_status collect_count_slots(struct wi_collection *collection,
                                            struct weir_error *ret_error)
{
    const struct wi_image *image = &collection->image;
    /* These pair with slot_show_numbers, slot_grow and wi_shard_claim. */
    uint32_t n = wi_load_acquire(&image->header->n_slots);
    uint32_t n_slabs = wi_load_acquire(&image->header->n_slabs);
    uint32_t n_shards = wi_load_acquire(&image->header->n_shards);
    if (n > WI_MAX_SLOTS || n_shards > WI_MAX_SHARDS ||
        !collect_bound(image, &n, n_slabs, WI_MAX_SLABS, WI_SLAB_SLOTS, sizeof(struct wi_slot))) {
        return wi_image_corrupt("slot", n, ret_error);
    }
    if (n > collection->room) {
        size_t room = n + n / 8 + 64; /* the host's memory: does not double */
        uint32_t *generations = realloc(collection->generations, room * sizeof(*generations));
        if (!generations) {
            wi_error_set(ret_error, "no memory for %u rows", (unsigned)n);
            return WEIR_E_MEMORY;
        }
        collection->generations = generations;
        collection->room = room;
    }
    collection->n = n;
    return WEIR_OK;
}

/* How many blocks of each table may be read. */
static enum weir_status collect_count_blocks(struct wi_collection *collection,
                                             struct weir_error *ret_error)
{
    const struct wi_image *image = &collection->image;
    for (int t = 0; t < WI_N_TABLES; t++) {
        const struct wi_table *shape = &wi_table_shapes[t];
        /* These pair with wi_table_take and table_grow. */
        uint32_t n = wi_load_acquire(&image->header->tables[t].n_blocks);
        uint32_t n_slabs = wi_load_acquire(&image->header->tables[t].n_slabs);
        collection->n_blocks[t] = 0;
        if (!collect_bound(image, &n, n_slabs, shape->max_slabs, shape->slab_blocks,
                           shape->block_bytes)) {
            return wi_image_corrupt(t == WI_SENDERS ? "sender" : "task", n, ret_error);
        }
        collection->n_blocks[t] = n;
    }
    return WEIR_OK;
}

size_t wi_collect_threads(const struct wi_collection *collection)
{
    const struct wi_shard *shards = collection->image.shards;
    size_t n = 0;
    for (uint32_t s = 0; s < WI_MAX_SHARDS; s++) {
        n += wi_load_relaxed(&shards[s].state) == WI_SHARD_USED;
    }
    return n;
}

/* Ticks of this machine are the process's own, in whichever namespaces it is. */
static uint64_t collect_now(const struct wi_image *image)
{
    if (image->has_ended) {
        return 0;
    }
#if defined(__x86_64__)
    if (image->header->has_tsc) {
        return __builtin_ia32_rdtsc();
    }
#endif
    return weir_ticks_slow();
}

static enum weir_status collect_once(struct wi_collection *collection, struct wi_source *source,
                                     bool *ret_is_whole, struct weir_error *ret_error)
{
    struct wi_image before;
    struct wi_image after;
    enum weir_status status = wi_source_read(source, &before, &after, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    collection->image = after;
    collection->before = before;
    /* Pairs with wi_retired_fold. */
    collection->first_fold = wi_load_acquire(&before.header->n_folds);
    collection->now_ticks = collect_now(&after);
    status = collect_count_slots(collection, ret_error);
    if (status == WEIR_OK) {
        status = collect_count_blocks(collection, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_objects_look(&collection->objects, source, &collection->image, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_collect_raws(collection, source, ret_error);
    }
    return status == WEIR_OK ? wi_collect_retired(collection, ret_is_whole, ret_error) : status;
}

enum weir_status wi_collect(struct wi_collection *collection, struct wi_source *source,
                            struct weir_error *ret_error)
{
    bool is_whole = false;
    for (int i = 0; i < COLLECT_TRIES && !is_whole; i++) {
        enum weir_status status = collect_once(collection, source, &is_whole, ret_error);
        if (status != WEIR_OK) {
            return status;
        }
    }
    if (!is_whole && collection->is_torn) {
        wi_error_set(ret_error, "the segment is corrupt: its totals of closed handles do not hold");
        return WEIR_E_CORRUPT;
    }
    if (!is_whole) {
        wi_error_set(ret_error,
                     "handles are closed and opened faster than they can be read: ask again");
        return WEIR_E_LIMIT;
    }
    return WEIR_OK;
}

void wi_collection_finish(struct wi_collection *collection)
{
    wi_columns_finish(&collection->kept);
    wi_objects_finish(&collection->objects);
    free(collection->spent[0].at);
    free(collection->spent[1].at);
    free(collection->generations);
    free(collection->retired);
    memset(collection, 0, sizeof(*collection));
}
