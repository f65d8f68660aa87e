/* SPDX-License-Identifier: MIT */
/*
 * The two passes. Loads are acquire: a leaving count that is seen brings the entering one with it,
 * because the application handed the message over in between (docs/hot-path.md).
 */
#include "snapshot/collect.h"

#include "segment/file.h"

#include <stdlib.h>
#include <string.h>

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_ACQUIRE)

static enum weir_status collect_corrupt(const char *what, unsigned number,
                                        struct weir_error *ret_error)
{
    wi_error_set(ret_error, "the segment is corrupt: %s %u lies outside", what, number);
    return WEIR_E_CORRUPT;
}

static const struct wi_header *collect_header(const struct wi_view *view)
{
    return (const struct wi_header *)(const void *)view->bytes;
}

/* Calls each with every slab's slots. */
typedef void collect_slot_fn(struct wi_raw *raw, const struct wi_slot *slot);

static enum weir_status collect_slots(struct wi_collection *collection, const struct wi_view *view,
                                      collect_slot_fn *each, struct weir_error *ret_error)
{
    const uint32_t *slabs = wi_view_at(view, WI_SLABS_LINE, WI_MAX_SLABS * sizeof(uint32_t));
    for (size_t first = 0; first < collection->n; first += WI_SLAB_SLOTS) {
        size_t number = first / WI_SLAB_SLOTS;
        const struct wi_slot *slab =
            wi_view_at(view, LOAD(slabs[number]), WI_SLAB_SLOTS * sizeof(struct wi_slot));
        if (!slab) {
            if (view->is_still) {
                return collect_corrupt("slab", (unsigned)number, ret_error);
            }
            collection->n = first;
            return WEIR_OK;
        }
        size_t n = collection->n - first < WI_SLAB_SLOTS ? collection->n - first : WI_SLAB_SLOTS;
        for (size_t i = 0; i < n; i++) {
            each(&collection->raws[first + i], &slab[i]);
        }
    }
    return WEIR_OK;
}

/* Calls each with the 16 cells of every chunk. */
typedef void collect_chunk_fn(struct wi_raw *raws, const struct weir_cell *cells, size_t n);

static enum weir_status collect_shard(struct wi_collection *collection, const struct wi_view *view,
                                      const struct wi_shard *shard, collect_chunk_fn *each,
                                      struct weir_error *ret_error)
{
    uint32_t n_chunks = LOAD(shard->n_chunks);
    if (n_chunks == 0) {
        return WEIR_OK;
    }
    const uint32_t *index = n_chunks > WI_MAX_CHUNKS
                                ? NULL
                                : wi_view_at(view, LOAD(shard->index), n_chunks * sizeof(uint32_t));
    if (!index) {
        return view->is_still ? collect_corrupt("index of thread", LOAD(shard->tid), ret_error)
                              : WEIR_OK;
    }
    for (size_t first = 0; first < collection->n; first += WEIR_CHUNK_CELLS) {
        size_t number = first / WEIR_CHUNK_CELLS;
        uint32_t line = number < n_chunks ? LOAD(index[number]) : 0;
        if (!line) {
            continue;
        }
        const struct weir_cell *cells =
            wi_view_at(view, line, WEIR_CHUNK_CELLS * sizeof(struct weir_cell));
        if (!cells) {
            if (view->is_still) {
                return collect_corrupt("chunk", (unsigned)number, ret_error);
            }
            continue;
        }
        size_t n = collection->n - first;
        each(&collection->raws[first], cells, n < WEIR_CHUNK_CELLS ? n : WEIR_CHUNK_CELLS);
    }
    return WEIR_OK;
}

static enum weir_status collect_chunks(struct wi_collection *collection, const struct wi_view *view,
                                       collect_chunk_fn *each, struct weir_error *ret_error)
{
    const struct wi_shard *shards =
        wi_view_at(view, WI_SHARDS_LINE, WI_MAX_SHARDS * sizeof(struct wi_shard));
    uint32_t n_shards = LOAD(collect_header(view)->n_shards);
    if (n_shards > WI_MAX_SHARDS) {
        return collect_corrupt("thread", n_shards, ret_error);
    }
    enum weir_status status = WEIR_OK;
    for (uint32_t s = 0; s < n_shards && status == WEIR_OK; s++) {
        status = collect_shard(collection, view, &shards[s], each, ret_error);
    }
    return status;
}

/* ---- what each pass takes ------------------------------------------------------------------ */

static void collect_leaving_slot(struct wi_raw *raw, const struct wi_slot *slot)
{
    memset(raw, 0, sizeof(*raw));
    if (LOAD(slot->head.state) != WI_SLOT_READY) {
        return;
    }
    raw->first_generation = LOAD(slot->head.generation);
    raw->leaving[1] = LOAD(slot->out.shared[0]);
    raw->leaving[2] = LOAD(slot->in.shared[1]);
    raw->leaving[3] = LOAD(slot->out.shared[1]);
    raw->leaving[4] = LOAD(slot->in.shared[2]);
    raw->leaving[5] = LOAD(slot->out.shared[2]);
    for (int i = 0; i < 3; i++) {
        raw->discarded[i] = LOAD(slot->out.discarded[i]);
    }
    raw->in_other = LOAD(slot->in.other);
    raw->out_other = LOAD(slot->out.other);
}

static void collect_leaving_chunk(struct wi_raw *raws, const struct weir_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int w = 1; w < 6; w++) {
            raws[i].leaving[w] += LOAD(cells[i].u.word[w]);
        }
    }
}

static void collect_entering_slot(struct wi_raw *raw, const struct wi_slot *slot)
{
    const struct weir_slot_head *head = &slot->head;
    raw->generation = 0;
    if (LOAD(head->state) != WI_SLOT_READY) {
        return;
    }
    uint32_t generation = LOAD(head->generation);
    raw->kind = LOAD(head->kind);
    raw->flags = LOAD(head->flags);
    raw->flavor = LOAD(head->flavor);
    raw->sampling = LOAD(head->sampling);
    raw->capacity = LOAD(head->capacity);
    raw->opened_at = (int64_t)LOAD(head->opened_at);
    raw->name = LOAD(head->name);
    raw->source = LOAD(head->source);
    raw->source_line = LOAD(head->source_line);
    raw->histogram[0] = LOAD(head->histogram[0]);
    raw->histogram[1] = LOAD(head->histogram[1]);
    for (int i = 0; i < 3; i++) {
        raw->entering[i] = LOAD(*(i & 1 ? &slot->out.shared[i >> 1] : &slot->in.shared[i >> 1]));
    }
    for (int i = 0; i < 4; i++) {
        raw->rejects[i] = LOAD(slot->in.rejects[i]);
    }
    if (raw->kind != WI_CHANNEL) {
        raw->in_other = LOAD(slot->in.other);
    }
    if (LOAD(head->state) != WI_SLOT_READY || LOAD(head->generation) != generation ||
        raw->kind > WI_GAUGE) {
        return;
    }
    raw->generation = generation;
    if (raw->first_generation != generation) {
        memset(raw->leaving, 0, sizeof(raw->leaving));
        memset(raw->discarded, 0, sizeof(raw->discarded));
    }
}

static void collect_entering_chunk(struct wi_raw *raws, const struct weir_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int w = 0; w < 3; w++) {
            raws[i].entering[w] += LOAD(cells[i].u.word[w]);
        }
    }
}

static enum weir_status collect_make_room(struct wi_collection *collection,
                                          const struct wi_view *view, struct weir_error *ret_error)
{
    uint32_t n = LOAD(collect_header(view)->n_slots);
    uint32_t n_slabs = LOAD(collect_header(view)->n_slabs);
    if (n > WI_MAX_SLOTS || n_slabs > WI_MAX_SLABS ||
        (view->is_still && n > n_slabs * WI_SLAB_SLOTS)) {
        return collect_corrupt("slot", n, ret_error);
    }
    if (n > collection->room) {
        size_t room = collection->room ? collection->room : 64;
        while (room < n) {
            room *= 2;
        }
        struct wi_raw *raws = realloc(collection->raws, room * sizeof(*raws));
        if (!raws) {
            wi_error_set(ret_error, "no memory for %u rows", (unsigned)n);
            return WEIR_E_MEMORY;
        }
        memset(raws + collection->room, 0, (room - collection->room) * sizeof(*raws));
        collection->raws = raws;
        collection->room = room;
    }
    collection->n = n;
    return WEIR_OK;
}

enum weir_status wi_collect(struct wi_collection *collection, struct wi_source *source,
                            struct weir_error *ret_error)
{
    struct wi_view view;
    enum weir_status status = wi_source_read(source, &view, ret_error);
    if (status == WEIR_OK) {
        status = collect_make_room(collection, &view, ret_error);
    }
    if (status == WEIR_OK) {
        status = collect_slots(collection, &view, collect_leaving_slot, ret_error);
    }
    if (status == WEIR_OK) {
        status = collect_chunks(collection, &view, collect_leaving_chunk, ret_error);
    }
    /* A dead segment does not change, and a live one is read again: leaving before entering. */
    if (status == WEIR_OK && !view.is_still) {
        status = wi_source_read(source, &view, ret_error);
    }
    if (status == WEIR_OK) {
        status = collect_slots(collection, &view, collect_entering_slot, ret_error);
    }
    if (status == WEIR_OK) {
        status = collect_chunks(collection, &view, collect_entering_chunk, ret_error);
    }
    collection->view = view;
    return status;
}

void wi_collection_finish(struct wi_collection *collection)
{
    free(collection->raws);
    memset(collection, 0, sizeof(*collection));
}

/* ---- histograms and strings ---------------------------------------------------------------- */

static bool collect_add(const struct wi_view *view, uint32_t line, struct weir_histogram *sum)
{
    const struct weir_histogram *part = wi_view_at(view, line, sizeof(*part));
    if (!part) {
        return false;
    }
    for (size_t b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        sum->bucket[b] += LOAD(part->bucket[b]);
    }
    sum->sum += LOAD(part->sum);
    uint64_t max = LOAD(part->max);
    sum->max = max > sum->max ? max : sum->max;
    return true;
}

bool wi_collect_histogram(const struct wi_collection *collection, size_t id, unsigned which,
                          struct weir_histogram *ret_histogram)
{
    const struct wi_view *view = &collection->view;
    const struct wi_raw *raw = &collection->raws[id];
    memset(ret_histogram, 0, sizeof(*ret_histogram));
    bool has_any = collect_add(view, raw->histogram[which], ret_histogram);
    if (raw->kind != WI_CHANNEL || raw->sampling != WEIR_SAMPLING_ALL || which != 0) {
        return has_any;
    }
    const struct wi_shard *shards =
        wi_view_at(view, WI_SHARDS_LINE, WI_MAX_SHARDS * sizeof(struct wi_shard));
    uint32_t n_shards = LOAD(collect_header(view)->n_shards);
    uint32_t chunk = (uint32_t)id >> WEIR_CHUNK_SHIFT;
    for (uint32_t s = 0; s < n_shards && s < WI_MAX_SHARDS; s++) {
        uint32_t n_chunks = LOAD(shards[s].n_chunks);
        const uint32_t *index =
            chunk < n_chunks ? wi_view_at(view, LOAD(shards[s].index), n_chunks * sizeof(uint32_t))
                             : NULL;
        const struct weir_cell *cells =
            index ? wi_view_at(view, LOAD(index[chunk]), WEIR_CHUNK_CELLS * sizeof(*cells)) : NULL;
        if (cells) {
            const struct weir_cell *cell = &cells[id & (WEIR_CHUNK_CELLS - 1)];
            has_any |= collect_add(view, LOAD(cell->u.channel.histogram), ret_histogram);
        }
    }
    return has_any;
}

enum weir_status wi_collect_string(const struct wi_view *view, uint32_t line, char *ret_text,
                                   size_t room, struct weir_error *ret_error)
{
    char text[WEIR_NAME_MAX + 2] = "";
    const char *at = wi_view_at(view, line, 1);
    if (line && !at) {
        return view->is_still ? collect_corrupt("name at line", line, ret_error) : WEIR_OK;
    }
    if (at) {
        size_t most = view->length - (size_t)line * WEIR_LINE;
        most = most < WEIR_NAME_MAX + 1 ? most : WEIR_NAME_MAX + 1;
        for (size_t i = 0; i < most; i++) {
            text[i] = __atomic_load_n(&at[i], __ATOMIC_RELAXED);
        }
        if (strnlen(text, most) == most) {
            return view->is_still ? collect_corrupt("end of the name at line", line, ret_error)
                                  : WEIR_OK;
        }
    }
    wi_text_clean(ret_text, room, text);
    return WEIR_OK;
}
