/* SPDX-License-Identifier: MIT */
/*
 * The two passes over the counts.
 *
 * The input is an image of the segment: the live mapping of this process, or two copies of a live
 * process's file, of which the second was read after the first (for a dead process one is enough).
 * The output is raws, by slot: the counts of messages that left, from the first pass, and of those
 * that entered, from the second. A message that enters and leaves between the two passes is at
 * worst shown as waiting, and the reader never makes a depth negative. A program that counts a
 * receive before its send can do so; that is counted as clamped. Loads are acquire: a reader that
 * sees a leaving count sees the entering one, too, because the application handed the message over
 * in between (docs/hot-path.md).
 *
 * No lock is taken and no hook waits. A handle that was opened between the passes is left out until
 * the next reading. A closed handle keeps its counts in its slot; when the slot is used again, they
 * go to the totals of its name (retired.c). A reading during which that happened too often is made
 * again, up to eight times. Sixteen handles are summed at a time, over all threads, so that the
 * second pass finds their lines in the cache.
 *
 * No byte is trusted. Counts are bounded by the layout's limits and by the image's length, and each
 * offset is checked at its use. In a dead process's file an offset that lies outside is corruption,
 * and an error; in a live one it may be too new, and is skipped. The collection owns the raws. They
 * lie in the host's memory, so they are kept as columns (columns.h), sixteen to a block, from which a
 * row's raw is read when it is built. The exporter's thread.
 */
#include "snapshot/collect.h"

#include "segment/file.h"
#include "segment/retired.h"
#include "weir/atomic.h"
#include "weir/text.h"

#include <stdlib.h>
#include <string.h>

#define COLLECT_TRIES 8

static enum weir_status collect_corrupt(const char *what, unsigned number,
                                        struct weir_error *ret_error)
{
    wi_error_set(ret_error, "the segment is corrupt: %s %u lies outside", what, number);
    return WEIR_E_CORRUPT;
}

static const struct wi_header *collect_header(const struct wi_image *image)
{
    return (const struct wi_header *)(const void *)image->bytes;
}

/* Whether a slot has counts of a handle: an open handle, or a closed one whose counts are still
 * here. Checked after the generation was read: a slot that is claimed in between has its next
 * generation before its counts go. */
static bool collect_has_counts(const struct weir_slot_head *head)
{
    /* These pair with slot_open and slot_close. */
    uint32_t state = wi_load_acquire(&head->state);
    return state == WI_SLOT_READY || ((state == WI_SLOT_CLOSING || state == WI_SLOT_CLOSED) &&
                                      wi_load_acquire(&head->retired));
}

static void collect_leaving_slot(struct wi_raw *raw, const struct wi_slot *slot)
{
    /* These pair with slot_claim, and with the hooks that count what leaves in shared words. */
    uint32_t generation = wi_load_acquire(&slot->head.generation);
    if (!collect_has_counts(&slot->head)) {
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

static void collect_leaving_cells(struct wi_raw *raws, const struct weir_cell *cells, size_t n)
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
static void collect_loop(struct wi_raw *raw, const struct wi_slot *slot)
{
    /* These pair with loop_spend, weir_loop_begin and weir_loop_end. */
    uint64_t since = wi_load_acquire(&slot->in.other);
    for (int i = 0; i < COLLECT_TRIES; i++) {
        raw->entering[WI_LOOP_WORD_BUSY] = wi_load_acquire(&slot->in.shared[1]);
        raw->leaving[WI_LOOP_WORD_IDLE] = wi_load_acquire(&slot->in.shared[2]);
        raw->in_other = wi_load_acquire(&slot->in.other);
        if (raw->in_other == since && since) {
            break;
        }
        since = raw->in_other;
    }
}

static void collect_entering_slot(struct wi_raw *raw, const struct wi_slot *slot)
{
    const struct weir_slot_head *head = &slot->head;
    /* These pair with slot_open, slot_claim, slot_close and the hooks that count what enters in shared words. */
    uint32_t generation = wi_load_acquire(&head->generation);
    if (!collect_has_counts(head)) {
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
        collect_loop(raw, slot);
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

static void collect_entering_cells(struct wi_raw *raws, const struct weir_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int w = 0; w < 3; w++) {
            /* Pairs with weir_cell_add of the inline hooks. */
            raws[i].entering[w] += wi_load_acquire(&cells[i].u.word[w]);
        }
    }
}

/* The most slabs that fit side by side into the file: if slabs could share their bytes, a small
 * file would have a million rows. */
static uint32_t collect_slabs_that_fit(const struct wi_image *image, size_t slab_bytes)
{
    return (uint32_t)(image->length / slab_bytes);
}

static enum weir_status collect_no_memory(size_t n, struct weir_error *ret_error)
{
    wi_error_set(ret_error, "no memory for %zu rows", n);
    return WEIR_E_MEMORY;
}

static enum weir_status collect_make_room(struct wi_collection *collection,
                                          const struct wi_image *image,
                                          struct weir_error *ret_error)
{
    /* These pair with slot_show_numbers, slot_grow and wi_shard_claim. */
    uint32_t n = wi_load_acquire(&collect_header(image)->n_slots);
    uint32_t n_slabs = wi_load_acquire(&collect_header(image)->n_slabs);
    uint32_t n_shards = wi_load_acquire(&collect_header(image)->n_shards);
    uint32_t fit = collect_slabs_that_fit(image, WI_SLAB_SLOTS * sizeof(struct wi_slot));
    if (n > WI_MAX_SLOTS || n_slabs > WI_MAX_SLABS || n_shards > WI_MAX_SHARDS ||
        (image->is_still && (n > n_slabs * WI_SLAB_SLOTS || n_slabs > fit))) {
        return collect_corrupt("slot", n, ret_error);
    }
    n_slabs = n_slabs < fit ? n_slabs : fit;
    n = n < n_slabs * WI_SLAB_SLOTS ? n : n_slabs * WI_SLAB_SLOTS;
    if (n > collection->room) {
        size_t room = n + n / 8 + 64; /* the host's memory: does not double */
        uint32_t *generations = realloc(collection->generations, room * sizeof(*generations));
        if (!generations) {
            return collect_no_memory(n, ret_error);
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
        const struct wi_table *table = &collect_header(image)->tables[t];
        /* These pair with wi_table_take and table_grow. */
        uint32_t n = wi_load_acquire(&table->n_blocks);
        uint32_t n_slabs = wi_load_acquire(&table->n_slabs);
        uint32_t in_slab = wi_table_shapes[t].slab_blocks;
        uint32_t fit =
            collect_slabs_that_fit(image, (size_t)in_slab * wi_table_shapes[t].block_bytes);
        if (n_slabs > wi_table_shapes[t].max_slabs ||
            (image->is_still && (n > n_slabs * in_slab || n_slabs > fit))) {
            collection->n_blocks[t] = 0;
            return collect_corrupt(t == WI_SENDERS ? "sender" : "task", n, ret_error);
        }
        n_slabs = n_slabs < fit ? n_slabs : fit;
        collection->n_blocks[t] = n < n_slabs * in_slab ? n : n_slabs * in_slab;
    }
    return WEIR_OK;
}

/* A thread's cells of one chunk; NULL if it has touched none of them. Looked up again in each pass:
 * an index from before the leaving pass would miss the sends of a thread that has started since. */
static enum weir_status collect_cells(const struct wi_image *image, const struct wi_shard *shard,
                                      size_t chunk, const struct weir_cell **ret_cells,
                                      struct weir_error *ret_error)
{
    *ret_cells = NULL;
    /* These pair with shard_reach and wi_shard_chunk. */
    uint32_t n_chunks = wi_load_acquire(&shard->n_chunks);
    if (chunk >= n_chunks) {
        return WEIR_OK;
    }
    const uint32_t *index =
        n_chunks > 2 * WI_MAX_CHUNKS
            ? NULL
            : wi_image_at(image, wi_load_acquire(&shard->index), n_chunks * sizeof(uint32_t));
    if (!index) {
        return image->is_still
                   ? collect_corrupt("index of thread", wi_load_acquire(&shard->tid), ret_error)
                   : WEIR_OK;
    }
    uint32_t line = wi_load_acquire(&index[chunk]);
    *ret_cells = wi_image_at(image, line, WEIR_CHUNK_CELLS * sizeof(struct weir_cell));
    return line && !*ret_cells && image->is_still
               ? collect_corrupt("chunk", (unsigned)chunk, ret_error)
               : WEIR_OK;
}

/* Adds what one pass takes from every thread's cells of one chunk. */
typedef void collect_cells_fn(struct wi_raw *raws, const struct weir_cell *cells, size_t n);

static enum weir_status collect_chunk(struct wi_raw *raws, size_t n, size_t chunk,
                                      const struct wi_image *image, collect_cells_fn *take,
                                      struct weir_error *ret_error)
{
    const struct wi_shard *shards =
        wi_image_at(image, WI_SHARDS_LINE, WI_MAX_SHARDS * sizeof(struct wi_shard));
    /* Pairs with wi_shard_claim. */
    uint32_t n_shards = wi_load_acquire(&collect_header(image)->n_shards);
    if (n_shards > WI_MAX_SHARDS) {
        return collect_corrupt("thread", n_shards, ret_error);
    }
    for (uint32_t s = 0; s < n_shards; s++) {
        const struct weir_cell *cells;
        enum weir_status status = collect_cells(image, &shards[s], chunk, &cells, ret_error);
        if (status != WEIR_OK) {
            return status;
        }
        if (cells) {
            take(raws, cells, n);
        }
    }
    return WEIR_OK;
}

size_t wi_collect_threads(const struct wi_collection *collection)
{
    const struct wi_image *image = &collection->image;
    const struct wi_shard *shards =
        wi_image_at(image, WI_SHARDS_LINE, WI_MAX_SHARDS * sizeof(struct wi_shard));
    size_t n = 0;
    for (uint32_t s = 0; shards && s < WI_MAX_SHARDS; s++) {
        n += wi_load_relaxed(&shards[s].state) == WI_SHARD_USED;
    }
    return n;
}

/* The slots of one chunk; NULL if they do not exist yet. */
static const struct wi_slot *collect_slots(const struct wi_image *image, size_t first)
{
    const uint32_t *slabs = wi_image_at(image, WI_SLABS_LINE, WI_MAX_SLABS * sizeof(uint32_t));
    /* Pairs with slot_grow. */
    const struct wi_slot *slab = wi_image_at(image, wi_load_acquire(&slabs[first / WI_SLAB_SLOTS]),
                                             WI_SLAB_SLOTS * sizeof(struct wi_slot));
    return slab ? &slab[first % WI_SLAB_SLOTS] : NULL;
}

/* Reads sixteen handles at a time, so that the second pass finds their lines in the cache: for each
 * handle all leaving counts of every thread, then all entering ones. `before` was read before
 * `after`; for a live mapping they are the same. */
static enum weir_status collect_blocks(struct wi_collection *collection,
                                       const struct wi_image *before, const struct wi_image *after,
                                       struct weir_error *ret_error)
{
    enum weir_status status = WEIR_OK;
    struct wi_raw *raws = collection->block;
    wi_collect_begin_raws(collection);
    for (size_t first = 0; first < collection->n && status == WEIR_OK; first += WEIR_CHUNK_CELLS) {
        size_t n = collection->n - first;
        n = n < WEIR_CHUNK_CELLS ? n : WEIR_CHUNK_CELLS;
        const struct wi_slot *slots = collect_slots(before, first);
        const struct wi_slot *slots_after = collect_slots(after, first);
        if (!slots_after) {
            collection->n = first;
            wi_collect_end_raws(collection);
            return after->is_still ? collect_corrupt("slab", (unsigned)first, ret_error) : WEIR_OK;
        }
        memset(raws, 0, sizeof(collection->block));
        for (size_t i = 0; slots && i < n; i++) {
            collect_leaving_slot(&raws[i], &slots[i]);
        }
        status = collect_chunk(raws, n, first / WEIR_CHUNK_CELLS, before, collect_leaving_cells,
                               ret_error);
        for (size_t i = 0; i < n; i++) {
            collect_entering_slot(&raws[i], &slots_after[i]);
        }
        if (status == WEIR_OK) {
            status = collect_chunk(raws, n, first / WEIR_CHUNK_CELLS, after, collect_entering_cells,
                                   ret_error);
        }
        if (status == WEIR_OK && !wi_collect_keep(collection, first, n, slots_after)) {
            status = collect_no_memory(collection->n, ret_error);
        }
    }
    if (status == WEIR_OK) {
        wi_collect_end_raws(collection);
    }
    return status;
}

/* Ticks of this machine are the process's own, in whichever namespaces it is. */
static uint64_t collect_now(const struct wi_collection *collection, enum wi_state state)
{
    const struct wi_header *header = collect_header(&collection->image);
    if (state == WI_STATE_DEAD || state == WI_STATE_ORPHANED) {
        return 0;
    }
#if defined(__x86_64__)
    if (header->has_tsc) {
        return __builtin_ia32_rdtsc();
    }
#endif
    (void)header;
    return weir_ticks_slow();
}

static enum weir_status collect_once(struct wi_collection *collection, struct wi_source *source,
                                     bool *ret_is_whole, struct weir_error *ret_error)
{
    struct wi_image before;
    struct wi_image after;
    enum weir_status status = wi_source_read(source, &before, &after, ret_error);
    if (status == WEIR_OK) {
        collection->image = after;
        collection->before = before;
        /* Pairs with wi_retired_fold. */
        collection->first_fold = wi_load_acquire(&collect_header(&before)->n_folds);
        collection->n_closed = collection->n_measured = 0;
        collection->now_ticks = collect_now(collection, wi_source_state(source));
        status = collect_make_room(collection, &after, ret_error);
    }
    if (status == WEIR_OK) {
        status = collect_count_blocks(collection, ret_error);
    }
    if (status == WEIR_OK) {
        status = collect_blocks(collection, &before, &after, ret_error);
    }
    return status == WEIR_OK ? wi_collect_retired(collection, source, ret_is_whole, ret_error)
                             : status;
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
    free(collection->spent[0].at);
    free(collection->spent[1].at);
    free(collection->generations);
    free(collection->retired);
    memset(collection, 0, sizeof(*collection));
}

/* ---- histograms and strings ---------------------------------------------------------------- */

bool wi_collect_add(const struct wi_image *image, uint32_t line, struct weir_histogram *sum)
{
    const struct weir_histogram *part = wi_image_at(image, line, sizeof(*part));
    if (!part) {
        return false;
    }
    /* These pair with weir_cell_add of the inline hooks; shared histograms need no order (wi_sample_measure). */
    for (size_t b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        sum->bucket[b] += wi_load_acquire(&part->bucket[b]);
    }
    sum->sum += wi_load_acquire(&part->sum);
    uint64_t max = wi_load_acquire(&part->max);
    sum->max = max > sum->max ? max : sum->max;
    return true;
}

const struct weir_slot_head *wi_collect_head(const struct wi_collection *collection, size_t id)
{
    const struct wi_slot *slots = collect_slots(&collection->image, id);
    return slots ? &slots->head : NULL;
}

/* Read from the image before, so that the generation of the image after says whether it is this handle's. */
enum weir_status wi_collect_slot_texts(const struct wi_collection *collection, size_t id,
                                       struct wi_slot_texts *ret_texts, bool *ret_is_its,
                                       struct weir_error *ret_error)
{
    struct wi_slot_more copy = {.label = ""};
    uint64_t words[sizeof(copy) / sizeof(uint64_t)] = {0};
    const struct wi_image *image = &collection->before;
    const struct wi_slot *slot = collect_slots(image, id);
    const struct weir_slot_head *after = wi_collect_head(collection, id);
    /* These pair with slot_fill, wi_slot_fill_more and slot_claim. */
    uint32_t line = slot ? wi_load_acquire(&slot->head.more) : 0;
    const struct wi_slot_more *more = wi_image_at(image, line, sizeof(*more));
    for (size_t i = 0; more && i < sizeof(words) / sizeof(words[0]); i++) {
        words[i] = wi_load_acquire((const uint64_t *)(const void *)more + i);
    }
    memcpy(&copy, words, sizeof(copy));
    copy.label[WEIR_LABEL_MAX] = '\0';
    wi_text_clean(copy.label, ret_texts->label, sizeof(ret_texts->label));
    ret_texts->unit = copy.unit;
    ret_texts->help = copy.help;
    if (line && !more && image->is_still) {
        return collect_corrupt("texts of slot", (unsigned)id, ret_error);
    }
    *ret_is_its =
        slot && after && (more || !line) &&
        wi_slot_life(wi_load_acquire(&after->generation)) == wi_collect_raw(collection, id)->life;
    return WEIR_OK;
}

static bool collect_add_all(const struct wi_collection *collection, size_t id, unsigned which,
                            struct weir_histogram *ret_histogram)
{
    const struct wi_image *image = &collection->image;
    const struct wi_raw *raw = wi_collect_raw(collection, id);
    const struct weir_slot_head *head = wi_collect_head(collection, id);
    /* Pairs with sampler_make and slot_fill. */
    uint32_t line = head ? wi_load_acquire(&head->histogram[which]) : 0;
    bool has_own = raw->kind == WI_CHANNEL && raw->sampling == WEIR_SAMPLING_ALL && which == 0;
    if (!line && !has_own) {
        return false; /* most have none: nothing is made empty for them */
    }
    memset(ret_histogram, 0, sizeof(*ret_histogram));
    bool has_any = wi_collect_add(image, line, ret_histogram);
    if (!has_own) {
        return has_any;
    }
    const struct wi_shard *shards =
        wi_image_at(image, WI_SHARDS_LINE, WI_MAX_SHARDS * sizeof(struct wi_shard));
    /* Pairs with wi_shard_claim. */
    uint32_t n_shards = wi_load_acquire(&collect_header(image)->n_shards);
    for (uint32_t s = 0; s < n_shards && s < WI_MAX_SHARDS; s++) {
        const struct weir_cell *cells;
        if (collect_cells(image, &shards[s], id >> WEIR_CHUNK_SHIFT, &cells, NULL) == WEIR_OK &&
            cells) {
            const struct weir_cell *cell = &cells[id & (WEIR_CHUNK_CELLS - 1)];
            /* Pairs with sampler_own. */
            has_any |=
                wi_collect_add(image, wi_load_acquire(&cell->u.channel.histogram), ret_histogram);
        }
    }
    return has_any;
}

/* A slot that is used again has its next generation before its histograms are given away. Pairs
 * with slot_claim. */
bool wi_collect_histogram(const struct wi_collection *collection, size_t id, unsigned which,
                          struct weir_histogram *ret_histogram)
{
    const struct weir_slot_head *head = wi_collect_head(collection, id);
    return collect_add_all(collection, id, which, ret_histogram) && head &&
           wi_slot_life(wi_load_acquire(&head->generation)) == wi_collect_raw(collection, id)->life;
}

enum weir_status wi_collect_string(const struct wi_image *image, uint32_t unit, char *ret_text,
                                   size_t room, struct weir_error *ret_error)
{
    char text[WEIR_NAME_MAX + 2] = "";
    uint64_t offset = (uint64_t)unit * WI_STRING_UNIT;
    ret_text[0] = '\0';
    if (unit && offset >= image->length) {
        return image->is_still ? collect_corrupt("name at", unit, ret_error) : WEIR_OK;
    }
    if (unit) {
        const char *at = (const char *)image->bytes + offset;
        size_t most = image->length - offset;
        most = most < WEIR_NAME_MAX + 1 ? most : WEIR_NAME_MAX + 1;
        /* Not a byte past its end: the bytes behind it may not be reserved, and reading them would
         * kill the host. */
        size_t i = 0;
        do {
            text[i] = wi_load_relaxed(&at[i]);
        } while (text[i] && ++i < most);
        if (i == most) {
            return image->is_still ? collect_corrupt("end of the name at", unit, ret_error)
                                   : WEIR_OK;
        }
    }
    wi_text_clean(text, ret_text, room);
    return WEIR_OK;
}
