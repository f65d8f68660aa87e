/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a segment as a reader has them, and where things lie in them. Its owner may have
 * written anything there: each place is checked at each use, here and nowhere else. A place that
 * does not lie within the image is NULL. In the file of a dead process that is corruption; in a
 * living one's it may be newer than the image.
 *
 * Inline, since some of these are asked once for each sixteen handles of each thread. Any thread
 * that may read the image.
 */
#ifndef WI_SNAPSHOT_IMAGE_H
#define WI_SNAPSHOT_IMAGE_H

#include "segment/file.h"
#include "segment/layout.h"
#include "weir/atomic.h"

/* Bytes to read from, and the tables that each segment begins with, which lie within. Borrowed until
 * their source is read again. */
struct wi_image {
    const unsigned char *bytes;
    size_t length;
    const struct wi_header *header;
    const struct wi_shard *shards;            /* WI_MAX_SHARDS */
    const uint32_t *slabs;                    /* of slots, in lines: WI_MAX_SLABS */
    const uint32_t *block_slabs[WI_N_TABLES]; /* of the blocks of a table */
    bool is_still; /* its process is dead: an offset that points outside is corrupt, not just new */
    bool is_copy;  /* nobody writes there: reading it twice gives the same */
    bool has_ended; /* its process: a child may still hold the file, and write to it */
};

/* The error of a place that lies outside: WEIR_E_CORRUPT. */
static inline enum weir_status wi_image_corrupt(const char *what, unsigned number,
                                                struct weir_error *ret_error)
{
    wi_error_set(ret_error, "the segment is corrupt: %s %u lies outside", what, number);
    return WEIR_E_CORRUPT;
}

/* `bytes` at an offset in lines; NULL for line 0, too. */
static inline const void *wi_image_at(const struct wi_image *image, uint32_t line, size_t bytes)
{
    uint64_t offset = (uint64_t)line * WEIR_LINE;
    return line && offset + bytes <= image->length ? image->bytes + offset : NULL;
}

/* A slot, id below WI_MAX_SLOTS. The others of its slab lie beside it. */
static inline const struct wi_slot *wi_image_slot(const struct wi_image *image, size_t id)
{
    /* Pairs with slot_grow. */
    uint32_t line = wi_load_acquire(&image->slabs[id / WI_SLAB_SLOTS]);
    const struct wi_slot *slab = wi_image_at(image, line, WI_SLAB_SLOTS * sizeof(struct wi_slot));
    return slab ? &slab[id % WI_SLAB_SLOTS] : NULL;
}

/* The i-th block of a table, any i. */
static inline const void *wi_image_block(const struct wi_image *image, enum wi_table_id table,
                                         size_t i)
{
    const struct wi_table *shape = &wi_table_shapes[table];
    size_t in_slab = shape->slab_blocks;
    if (i / in_slab >= shape->max_slabs) {
        return NULL;
    }
    /* Pairs with table_grow. */
    uint32_t line = wi_load_acquire(&image->block_slabs[table][i / in_slab]);
    const unsigned char *slab = wi_image_at(image, line, in_slab * shape->block_bytes);
    return slab ? slab + i % in_slab * shape->block_bytes : NULL;
}

/* The totals of closed handles with this number, below WI_RETIRED_MAX. */
static inline const struct wi_retired *wi_image_retired(const struct wi_image *image, size_t number)
{
    /* Pairs with retired_place. */
    uint32_t line = wi_load_acquire(&image->header->retired_slabs[number / WI_RETIRED_SLAB]);
    const struct wi_retired *slab =
        wi_image_at(image, line, WI_RETIRED_SLAB * sizeof(struct wi_retired));
    return slab ? &slab[number % WI_RETIRED_SLAB] : NULL;
}

/* A thread's cells of one chunk; NULL if it has touched none of them. Fails: WEIR_E_CORRUPT, of a
 * dead process. */
static inline enum weir_status wi_image_cells(const struct wi_image *image,
                                              const struct wi_shard *shard, size_t chunk,
                                              const struct weir_cell **ret_cells,
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
                   ? wi_image_corrupt("index of thread", wi_load_acquire(&shard->tid), ret_error)
                   : WEIR_OK;
    }
    uint32_t line = wi_load_acquire(&index[chunk]);
    *ret_cells = wi_image_at(image, line, WEIR_CHUNK_CELLS * sizeof(struct weir_cell));
    return line && !*ret_cells && image->is_still
               ? wi_image_corrupt("chunk", (unsigned)chunk, ret_error)
               : WEIR_OK;
}

/* A duration in ticks of the segment's process, in nanoseconds. */
static inline uint64_t wi_image_nanos(const struct wi_image *image, uint64_t ticks)
{
    __extension__ typedef unsigned __int128 wide;
    /* Pairs with clock_measure, which needs no order: the number alone counts. */
    uint64_t multiplier = wi_load_acquire(&image->header->multiplier);
    return (uint64_t)(((wide)ticks * multiplier) >> 32);
}

#endif
