/* SPDX-License-Identifier: MIT */
/*
 * The segment as it lies in the file: header, tables, then blocks of 64-byte lines handed out in
 * the order they are asked for. Offsets are in lines from the start of the file; 0 means none.
 *
 *     header | shard table | slab table | slabs, chunks, indices, histograms, strings ...
 *
 * A reader in another process trusts nothing in it. Little-endian 64-bit machines only.
 */
#ifndef WI_SEGMENT_LAYOUT_H
#define WI_SEGMENT_LAYOUT_H

#include "weir/weir.h"

#define WI_MAGIC           UINT64_C(0x0a47455352494557) /* "WEIRSEG\n" */
#define WI_LAYOUT_VERSION  1
#define WI_GRANULE         UINT64_C(65536) /* reserved and populated at once */
#define WI_FIRST_RESERVE   (4 * WI_GRANULE)
#define WI_MAX_SHARDS      1024
#define WI_SLAB_SLOTS      256
#define WI_MAX_SLABS       4096
#define WI_MAX_SLOTS       (WI_SLAB_SLOTS * WI_MAX_SLABS)
#define WI_MAX_CHUNKS      (WI_MAX_SLOTS / WEIR_CHUNK_CELLS)
#define WI_MIN_LIMIT       (UINT64_C(1) << 20)
#define WI_DEFAULT_LIMIT   (UINT64_C(16) << 20)
#define WI_MAX_LIMIT       (UINT64_C(4) << 30)
#define WI_STRING_UNIT     32 /* bytes; strings' offsets count these */
#define WI_PROGRAM_MAX     256
#define WI_HISTOGRAM_LINES (sizeof(struct weir_histogram) / WEIR_LINE)

/* A slot's way: FREE -> CLAIMED -> READY -> CLOSING -> FREE. Only READY means anything to a reader;
 * in a dead file CLAIMED is an opening that was cut short. */
enum wi_slot_state {
    WI_SLOT_FREE = 0,
    WI_SLOT_CLAIMED = 1,
    WI_SLOT_READY = 2,
    WI_SLOT_CLOSING = 3
};

enum wi_slot_flag { WI_SLOT_UNORDERED = 1 };

/* What all handles share: 192 bytes. Words 0, 2, 4 of a cell have their shared twin on the entering
 * line, words 1, 3, 5 on the leaving one, so that the two ends of a channel do not meet. */
struct wi_slot {
    struct weir_slot_head head;
    struct {
        uint64_t shared[3];
        uint64_t rejects[4]; /* by reason */
        uint64_t other;      /* channel: unsent; semaphore: waits begun; gauge: its value */
    } in;
    struct {
        uint64_t shared[3];
        uint64_t discarded[3]; /* by reason */
        uint64_t other;        /* channel: high-water mark; semaphore: waits over */
        uint64_t reserved;
    } out;
};

/* One thread's shard: who has it, and where the index of its chunks lies. */
struct wi_shard {
    uint32_t state; /* enum wi_shard_state */
    uint32_t n_chunks;
    uint32_t index; /* offset in lines of uint32_t[n_chunks]; written before n_chunks */
    uint32_t tid;
    uint64_t claims;
    uint64_t reserved;
};

/* A shard that is FREE keeps its counts: the next thread goes on from them. */
enum wi_shard_state { WI_SHARD_FREE = 0, WI_SHARD_USED = 1 };

struct wi_header {
    uint64_t magic;
    uint32_t layout;
    uint32_t header_bytes;
    uint32_t slot_bytes;
    uint32_t cell_bytes;
    uint32_t histogram_bytes;
    uint32_t max_shards;
    uint32_t max_slabs;
    uint32_t shards; /* offset in lines */
    uint32_t slabs;  /* offset in lines of uint32_t[max_slabs] */
    uint32_t pid;
    uint32_t uid;
    uint32_t is_taken_over; /* a child goes on with the counts; atomic, from 0 once */
    uint64_t start_ticks;   /* field 22 of /proc/PID/stat */
    uint64_t pid_namespace;
    int64_t started_unix_nanos; /* of the process */
    int64_t opened_unix_nanos;  /* of this segment */
    uint64_t limit_bytes;
    char name[WEIR_NAME_MAX + 1];
    char program[WI_PROGRAM_MAX];
    char version[32];
    /* From here on it changes while hooks run; each field by atomic stores. */
    uint64_t reserved_bytes;
    uint64_t used_bytes;
    uint32_t n_slabs;
    uint32_t n_slots;  /* ever used: no slot at or past it means anything */
    uint32_t n_shards; /* ever used */
    uint32_t n_handles;
    uint64_t handles_refused;
    uint64_t cells_refused;
    uint64_t samples_lost;
};

#define WI_HEADER_BYTES 4096
#define WI_SHARDS_LINE  (WI_HEADER_BYTES / WEIR_LINE)
#define WI_SLABS_LINE   (WI_SHARDS_LINE + WI_MAX_SHARDS * sizeof(struct wi_shard) / WEIR_LINE)
#define WI_FIRST_LINE   (WI_SLABS_LINE + WI_MAX_SLABS * sizeof(uint32_t) / WEIR_LINE)

_Static_assert(sizeof(struct weir_slot_head) == WEIR_LINE, "the hooks read one line");
_Static_assert(sizeof(struct weir_cell) == WEIR_LINE, "a cell is one line");
_Static_assert(sizeof(struct wi_slot) == 3 * WEIR_LINE, "entering and leaving lines apart");
_Static_assert(sizeof(struct weir_histogram) % WEIR_LINE == 0, "histograms are whole lines");
_Static_assert(sizeof(struct wi_header) <= WI_HEADER_BYTES, "the header fits its page");
_Static_assert(WI_FIRST_LINE *WEIR_LINE <= WI_FIRST_RESERVE, "the tables are reserved at once");

/* The shared twin of a cell's word. */
static inline uint64_t *wi_slot_word(struct wi_slot *slot, unsigned word)
{
    return word & 1U ? &slot->out.shared[word >> 1] : &slot->in.shared[word >> 1];
}

#endif
