/* SPDX-License-Identifier: MIT */
/*
 * The process's own knowledge of its segment: where slots, cells, histograms, senders and single
 * tasks lie, how many there are, and which are free. It is memory of this process alone.
 *
 * Other processes may write to the file: a forked worker has inherited the mapping, even if it runs
 * as another user by now. So no value in the file is ever used as an address, a length, a count or
 * a link. Hooks and openings follow the index; the file repeats it as offsets, for readers. Another
 * process that writes to the file can make numbers wrong, and nothing else.
 *
 * The lock's holder writes the index. Hooks read it without a lock: every entry that they can reach
 * was published by a release store, and is never removed.
 */
#ifndef WI_SEGMENT_INDEX_H
#define WI_SEGMENT_INDEX_H

#include "segment/layout.h"

#include "weir/atomic.h"
#include "weir/kind.h"

#include <stdbool.h>

#define WI_NAME_SHARED 3

/* A slot. */
struct wi_slot_entry {
    struct weir_histogram *histogram[2]; /* shared by all threads; atomic; NULL: none yet */
    uint32_t name;                       /* offset of its string, in WI_STRING_UNIT bytes */
    uint32_t generation;                 /* as in the slot */
    uint32_t next;                       /* 1 + id of the next free slot; 0: none */
    uint8_t state;                       /* enum wi_slot_state; atomic */
    uint8_t kind : 4;                    /* enum wi_kind */
    uint8_t name_class : 2;              /* of its string; WI_NAME_SHARED: that of its totals */
    bool is_shared : 1;                  /* no thread has a cell of it */
    bool has_more : 1;                   /* the handle that has it needs `more` */
    uint16_t retired;                    /* as in the slot */
    uint32_t forks;                      /* of the process when it was opened */
};

struct wi_slot_slab {
    struct wi_slot *slots;
    uint32_t line; /* their offsets in the file */
    uint32_t *
        more; /* of each slot its struct wi_slot_more, in lines, 0: none yet; NULL: no slot has one */
    struct wi_slot_entry entries[WI_SLAB_SLOTS];
};

/* A free block. */
struct wi_link {
    uint32_t next;      /* 1 + number of the next; 0: none; atomic */
    uint32_t is_listed; /* atomic: no block is listed twice, even if the file says otherwise */
};

/* Blocks of a table that were made together. */
struct wi_block_slab {
    unsigned char *blocks;
    struct weir_histogram **histograms; /* two for each single task; NULL for senders */
    struct wi_link links[];
};

struct wi_object_slab;

/* A layout as it was given, and as it is kept. */
struct wi_layout_entry {
    struct weir_layout given;
    struct wi_layout_row row;
};

struct wi_shard_entry {
    struct weir_chunk *chunks; /* atomic; written before n_chunks */
    uint32_t n_chunks;         /* atomic */
    uint32_t state;            /* enum wi_shard_state; atomic */
    uint32_t line;             /* of the file's copy of the chunks' offsets */
};

struct wi_index {
    uint64_t reserved_bytes;
    uint64_t used_bytes;
    uint32_t n_slabs;
    uint32_t n_slots;  /* ever used; atomic */
    uint32_t n_shards; /* ever used; atomic */
    uint32_t n_cpus;   /* processors that may have a shard: 0 to WI_MAX_CPU_SHARDS */
    uint32_t n_cpu_shards;
    uint32_t n_left; /* shards that no thread has and one may take; atomic */
    uint32_t n_handles;
    uint32_t n_block_slabs[WI_N_TABLES];
    uint32_t n_blocks[WI_N_TABLES]; /* ever used; atomic */
    struct wi_slot_slab *slabs[WI_MAX_SLABS];
    struct wi_shard_entry shards[WI_MAX_SHARDS];
    struct wi_shard_entry *cpus[WI_MAX_CPU_SHARDS]; /* atomic; NULL: none yet */
    struct wi_block_slab *senders[WI_MAX_SENDER_SLABS];
    struct wi_block_slab *instances[WI_MAX_SINGLE_SLABS];
    uint64_t free_objects; /* takes << 32 | 1 + number of the first; atomic (object.c) */
    uint32_t n_object_slabs;
    uint32_t n_objects;    /* places for them, used or not; atomic */
    uint32_t objects_line; /* of the file's tables of slabs and of layouts; 0: none yet */
    uint32_t layouts_line;
    uint32_t n_layouts; /* atomic */
    struct wi_object_slab *objects[WI_MAX_OBJECT_SLABS];
    struct wi_layout_entry layouts[WI_MAX_LAYOUTS];
};

extern struct wi_index wi_index;

/* Memory of this process alone, zeroed; it is never given back. NULL: there is none. The lock is held. */
void *wi_index_take(size_t bytes);

/* The id of a handle's slot. UINT32_MAX: the slot's id is not the handle's, so another process has
 * written to the segment, which is given up. No lock. */
uint32_t wi_index_id(const struct weir_slot_head *head);

/* The id as the slot of a handle has it: hooks on one that no thread has a cell of take the slow path. */
static inline uint32_t wi_slot_id_in_file(uint32_t id, const struct wi_slot_entry *entry,
                                          uint8_t flags)
{
    bool is_observed = entry->kind == WI_CHANNEL && flags & WI_SLOT_OBSERVED;
    return id | (entry->is_shared || is_observed ? WEIR_ID_SHARED : 0);
}

/* The entry, and the slot, of an id below n_slots. */
static inline struct wi_slot_entry *wi_index_slot(uint32_t id)
{
    return &wi_index.slabs[id / WI_SLAB_SLOTS]->entries[id % WI_SLAB_SLOTS];
}

static inline struct wi_slot *wi_segment_slot(uint32_t id)
{
    return &wi_index.slabs[id / WI_SLAB_SLOTS]->slots[id % WI_SLAB_SLOTS];
}

/* Where a slot's struct wi_slot_more lies, in lines; 0: it has none. */
static inline uint32_t wi_index_more(uint32_t id)
{
    const uint32_t *more = wi_index.slabs[id / WI_SLAB_SLOTS]->more;
    return more ? more[id % WI_SLAB_SLOTS] : 0;
}

/* The entry of a handle; NULL as above. */
static inline struct wi_slot_entry *wi_index_entry(const struct weir_slot_head *head)
{
    uint32_t id = wi_index_id(head);
    return id == UINT32_MAX ? NULL : wi_index_slot(id);
}

/* A slab of slots that lies at `slots`, in the file at `line`. Returns false when there is no memory. The
 * lock is held. */
bool wi_index_add_slab(struct wi_slot *slots, uint32_t line);

/* The cell of an id in a shard, NULL if that thread has none. The shard may belong to a running
 * thread. */
static inline struct weir_cell *wi_index_cell(const struct wi_shard_entry *shard, uint32_t id)
{
    uint32_t chunk = id >> WEIR_CHUNK_SHIFT;
    /* These pair with shard_reach, the last one with wi_shard_chunk. */
    if (chunk >= wi_load_acquire(&shard->n_chunks)) {
        return NULL;
    }
    const struct weir_chunk *chunks = wi_load_acquire(&shard->chunks);
    struct weir_cell *cells = wi_load_acquire(&chunks[chunk].cells);
    return cells ? cells + (id & (WEIR_CHUNK_CELLS - 1)) : NULL;
}

/* The place of that cell's histogram, NULL if it has none. */
struct weir_histogram **wi_index_own_histogram(const struct wi_shard_entry *shard, uint32_t id);

#endif
