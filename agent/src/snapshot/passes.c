/* SPDX-License-Identifier: MIT */
/*
 * The two passes over sixteen handles.
 *
 * The first pass takes the counts of messages that left, the second those of messages that entered,
 * each from the slots and then from the cells of all threads. A message that enters and leaves
 * between the two is at worst shown as waiting, and the reader never makes a depth negative. A
 * program that counts a receive before its send can do so; that is counted as clamped (raws.c).
 * Loads are acquire: a reader that sees a leaving count sees the entering one, too, because the
 * application handed the message over in between (docs/hot-path.md). Sixteen handles at a time, so
 * that the second pass finds their lines in the cache.
 *
 * A message that enters and leaves between the passes is shown as waiting, so they must follow each other closely. If this
 * thread was held up between them, as on a busy machine, both are made again: else milliseconds of traffic would be a
 * depth, and stay the highest one.
 *
 * The first pass reads the image that was read first. No lock is taken and no hook waits: a handle
 * that was opened between the passes is left out until the next reading. The exporter's thread.
 */
#include "snapshot/collect.h"

#include "segment/retired.h"
#include "weir/atomic.h"

#include <string.h>

#define PASS_TRIES 8 /* tries to read a loop between two of its iterations */

#define PASSES_TRIES        3      /* until the two passes follow each other closely */
#define PASSES_NANOS        200000 /* which take no longer than this */
#define PASSES_NANOS_THREAD 2000   /* and this for each thread: sixteen cells, from memory, twice */

/* Whether a slot has counts of a handle: an open handle, or a closed one whose counts are still
 * here. Checked after the generation was read: a slot that is claimed in between has its next
 * generation before its counts go. */
static bool pass_has_counts(const struct weir_slot_head *head)
{
    /* These pair with slot_open and slot_close. */
    uint32_t state = wi_load_acquire(&head->state);
    return state == WI_SLOT_READY || ((state == WI_SLOT_CLOSING || state == WI_SLOT_CLOSED) &&
                                      wi_load_acquire(&head->retired));
}

static void pass_leaving_slot(struct wi_raw *raw, const struct wi_slot *slot)
{
    /* These pair with slot_claim, and with the hooks that count what leaves in shared words. */
    uint32_t generation = wi_load_acquire(&slot->head.generation);
    if (!pass_has_counts(&slot->head)) {
        return;
    }
    raw->leaving[0] = wi_slot_life(generation);
    raw->leaving[1] = wi_load_acquire(&slot->out.shared[0]);
    raw->leaving[2] = wi_load_acquire(&slot->in.shared[1]);
    raw->leaving[3] = wi_load_acquire(&slot->out.shared[1]);
    raw->leaving[4] = wi_load_acquire(&slot->in.shared[2]);
    raw->leaving[5] = wi_load_acquire(&slot->out.shared[2]);
    for (int i = 0; i < 3; i++) {
        raw->discarded[i] = wi_load_acquire(&slot->out.discarded[i]);
    }
    raw->in_other = wi_load_acquire(&slot->in.other);
    raw->out_other = wi_load_acquire(&slot->out.other);
    raw->has_senders = wi_load_acquire(&slot->out.has_senders) != 0;
}

static void pass_leaving_cells(struct wi_raw *raws, const struct weir_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int w = 1; w < 6; w++) {
            /* Pairs with weir_cell_add of the inline hooks. */
            raws[i].leaving[w] += wi_load_acquire(&cells[i].u.word[w]);
        }
    }
}

/* Reads the words of a loop, which only its slot has: first the sums, then the start of the time
 * under way. So a time that ends in between is missing rather than counted twice; then all is read
 * again. */
static void pass_loop(struct wi_raw *raw, const struct wi_slot *slot)
{
    /* These pair with loop_spend, weir_loop_begin and weir_loop_end. */
    uint64_t since = wi_load_acquire(&slot->in.other);
    for (int i = 0; i < PASS_TRIES; i++) {
        raw->entering[WI_LOOP_WORD_BUSY] = wi_load_acquire(&slot->in.shared[1]);
        raw->leaving[WI_LOOP_WORD_IDLE] = wi_load_acquire(&slot->in.shared[2]);
        raw->in_other = wi_load_acquire(&slot->in.other);
        if (raw->in_other == since && since) {
            break;
        }
        since = raw->in_other;
    }
}

static void pass_entering_slot(struct wi_raw *raw, const struct wi_slot *slot)
{
    const struct weir_slot_head *head = &slot->head;
    /* These pair with slot_open, slot_claim, slot_close and the hooks that count what enters in shared words. */
    uint32_t generation = wi_load_acquire(&head->generation);
    if (!pass_has_counts(head)) {
        return;
    }
    bool is_open = wi_load_acquire(&head->state) == WI_SLOT_READY && (generation & 1);
    uint32_t retired = wi_load_acquire(&head->retired);
    /* kind, flags, sampling and flavor lie in one word. */
    uint32_t word = wi_load_acquire((const uint32_t *)(const void *)&head->kind);
    memcpy(&raw->kind, &word, sizeof(word));
    raw->is_measured = raw->sampling == WEIR_SAMPLING_ALL || (wi_load_relaxed(&head->histogram[0]) |
                                                              wi_load_relaxed(&head->histogram[1]));
    raw->capacity = wi_load_acquire(&head->capacity);
    raw->unsent = wi_load_acquire(&slot->in.other); /* before the sends that it takes back */
    for (int i = 0; i < 3; i++) {
        raw->entering[i] =
            wi_load_acquire(i & 1 ? &slot->out.shared[i >> 1] : &slot->in.shared[i >> 1]);
    }
    for (int i = 0; i < 4; i++) {
        raw->rejects[i] = wi_load_acquire(&slot->in.rejects[i]);
    }
    if (raw->kind == WI_LOOP) {
        pass_loop(raw, slot);
    } else if (raw->kind != WI_CHANNEL) {
        raw->in_other = raw->unsent;
    }
    /* The slot was opened in between: the leaving counts belong to another handle. It will be there
     * at the next reading. */
    uint32_t life = wi_slot_life(wi_load_acquire(&head->generation));
    if (life == wi_slot_life(generation) && raw->leaving[0] == life &&
        wi_kind_has_slots(raw->kind)) {
        raw->life = life;
        raw->generation = is_open ? generation : 0;
        raw->retired = retired;
    }
}

static void pass_entering_cells(struct wi_raw *raws, const struct weir_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int w = 0; w < 3; w++) {
            /* Pairs with weir_cell_add of the inline hooks. */
            raws[i].entering[w] += wi_load_acquire(&cells[i].u.word[w]);
        }
    }
}

/* Adds what one pass takes from every thread's cells of one chunk. */
typedef void pass_cells_fn(struct wi_raw *raws, const struct weir_cell *cells, size_t n);

static enum weir_status pass_chunk(struct wi_raw *raws, size_t n, size_t chunk,
                                   const struct wi_image *image, pass_cells_fn *take,
                                   struct weir_error *ret_error)
{
    const struct wi_shard *shards = image->shards;
    /* Pairs with wi_shard_claim. */
    uint32_t n_shards = wi_load_acquire(&image->header->n_shards);
    if (n_shards > WI_MAX_SHARDS) {
        return wi_image_corrupt("thread", n_shards, ret_error);
    }
    for (uint32_t s = 0; s < n_shards; s++) {
        const struct weir_cell *cells;
        enum weir_status status = wi_image_cells(image, &shards[s], chunk, &cells, ret_error);
        if (status != WEIR_OK) {
            return status;
        }
        if (cells) {
            take(raws, cells, n);
        }
    }
    return WEIR_OK;
}

/* An observed channel's depth and bytes lie in words that its cells use otherwise: they are read again. */
static void pass_observed(struct wi_raw *raws, const struct wi_slot *slots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (raws[i].kind == WI_CHANNEL && raws[i].flags & WI_SLOT_OBSERVED) {
            /* These pair with weir_channel_observe. */
            raws[i].leaving[WI_WORD_DEPTH] =
                wi_load_acquire(&slots[i].in.shared[WI_WORD_DEPTH / 2]);
            raws[i].leaving[WI_WORD_BYTES] =
                wi_load_acquire(&slots[i].out.shared[WI_WORD_BYTES / 2]);
        }
    }
}

/* Checked last. Pairs with slot_claim: a raw whose slot was claimed meanwhile has counts of two handles. */
static void pass_drop_mixed(struct wi_raw *raws, const struct wi_slot *slots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (wi_slot_life(wi_load_acquire(&slots[i].head.generation)) != raws[i].life) {
            raws[i].generation = raws[i].life = raws[i].retired = 0;
        }
    }
}

static enum weir_status passes_make(struct wi_collection *collection, struct wi_source *source,
                                    size_t first, size_t n, struct wi_raw *ret_raws,
                                    struct weir_error *ret_error)
{
    const struct wi_slot *slots = wi_image_slot(&collection->before, first);
    const struct wi_slot *slots_after = wi_image_slot(&collection->image, first);
    size_t chunk = first / WEIR_CHUNK_CELLS;
    memset(ret_raws, 0, WEIR_CHUNK_CELLS * sizeof(*ret_raws));
    if (!slots || !slots_after) {
        return !slots_after && collection->image.is_still
                   ? wi_image_corrupt("slab", (unsigned)first, ret_error)
                   : WEIR_OK;
    }
    for (size_t i = 0; i < n; i++) {
        pass_leaving_slot(&ret_raws[i], &slots[i]);
    }
    enum weir_status status =
        pass_chunk(ret_raws, n, chunk, &collection->before, pass_leaving_cells, ret_error);
    wi_source_follow(source, &collection->image);
    for (size_t i = 0; i < n; i++) {
        pass_entering_slot(&ret_raws[i], &slots_after[i]);
    }
    if (status == WEIR_OK) {
        status = pass_chunk(ret_raws, n, chunk, &collection->image, pass_entering_cells, ret_error);
    }
    pass_observed(ret_raws, slots_after, n);
    pass_drop_mixed(ret_raws, slots_after, n);
    return status;
}

/* Whether something else had the processor meanwhile. Copies do not change, however long it takes. */
static bool passes_took_long(const struct wi_image *image, uint64_t begin)
{
    /* Pairs with wi_shard_claim. */
    uint64_t n_threads = wi_load_acquire(&image->header->n_shards);
    return !image->is_copy && wi_image_nanos(image, weir_ticks() - begin) >
                                  PASSES_NANOS + PASSES_NANOS_THREAD * n_threads;
}

enum weir_status wi_collect_passes(struct wi_collection *collection, struct wi_source *source,
                                   size_t first, size_t n, struct wi_raw *ret_raws,
                                   struct weir_error *ret_error)
{
    enum weir_status status = WEIR_OK;
    bool is_close = false;
    for (int i = 0; i < PASSES_TRIES && status == WEIR_OK && !is_close; i++) {
        uint64_t begin = weir_ticks();
        status = passes_make(collection, source, first, n, ret_raws, ret_error);
        is_close = !passes_took_long(&collection->image, begin);
    }
    return status;
}
