/* SPDX-License-Identifier: MIT */
/* The index: its memory and its slabs. */
#include "segment/index.h"

#include "segment/segment.h"
#include "weir/atomic.h"
#include "weir/expect.h"

#include <sys/mman.h>

struct wi_index wi_index;

/* ---- memory -------------------------------------------------------------------------------- */

/* Mapped and not allocated: a hook in a signal handler may need it. */
void *wi_index_take(size_t bytes)
{
    static unsigned char *at;
    static size_t room;
    bytes = (bytes + 15) / 16 * 16;
    if (!WI_EXPECT(wi_segment_is_locked())) {
        return NULL;
    }
    if (bytes > room) {
        size_t wanted = (bytes + WI_GRANULE - 1) / WI_GRANULE * WI_GRANULE;
        void *fresh =
            mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED) {
            return NULL;
        }
        at = fresh;
        room = wanted;
    }
    void *taken = at;
    at += bytes;
    room -= bytes;
    return taken;
}

/* ---- slots --------------------------------------------------------------------------------- */

bool wi_index_add_slab(struct wi_slot *slots, uint32_t line)
{
    bool has_place = WI_EXPECT(wi_segment_is_locked() && wi_index.n_slabs < WI_MAX_SLABS);
    struct wi_slot_slab *slab = has_place ? wi_index_take(sizeof(*slab)) : NULL;
    if (slab) {
        slab->slots = slots;
        slab->line = line;
        /* Pairs with wi_index_id, by the store of n_slots that follows in slot_open. */
        wi_store_release(&wi_index.slabs[wi_index.n_slabs], slab);
        wi_index.n_slabs++;
    }
    return slab;
}

uint32_t wi_index_id(const struct weir_slot_head *head)
{
    uint32_t id = weir_slot_id(head) & ~WEIR_ID_SHARED;
    /* Pairs with slot_open: the slab and the entry are there. */
    if (WEIR_LIKELY(id < wi_load_acquire(&wi_index.n_slots) &&
                    &wi_segment_slot(id)->head == head)) {
        return id;
    }
    wi_segment_lose();
    return UINT32_MAX;
}

struct weir_histogram **wi_index_own_histogram(const struct wi_shard_entry *shard, uint32_t id)
{
    uint32_t chunk = id >> WEIR_CHUNK_SHIFT;
    if (chunk >= wi_load_acquire(&shard->n_chunks)) {
        return NULL;
    }
    const struct weir_chunk *chunks = wi_load_acquire(&shard->chunks);
    /* Pairs with wi_thread_histograms, the loads before it with shard_reach. */
    struct weir_histogram **histograms = wi_load_acquire(&chunks[chunk].histograms);
    return histograms ? &histograms[id & (WEIR_CHUNK_CELLS - 1)] : NULL;
}
