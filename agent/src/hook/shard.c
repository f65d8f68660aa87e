/* SPDX-License-Identifier: MIT */
/*
 * A shard's cells lie in chunks of 16. When its index of chunks grows, a longer copy is published and the old
 * one stays, for readers and signal handlers that are in it. The lock's holder writes.
 */
#include "hook/shard.h"

#include "weir/atomic.h"

#include <sys/syscall.h>
#include <unistd.h>

uint32_t wi_shard_claim(void)
{
    uint32_t n = wi_index.n_shards;
    uint32_t found = n;
    for (uint32_t s = 0; s < n; s++) {
        /* Pairs with wi_shard_give_back. */
        if (wi_load_acquire(&wi_index.shards[s].state) == WI_SHARD_FREE) {
            found = s;
            break;
        }
    }
    if (found >= WI_MAX_SHARDS) {
        return 0;
    }
    struct wi_shard *shown = wi_segment_shard(found);
    wi_store_relaxed(&shown->tid, (uint32_t)syscall(SYS_gettid));
    shown->claims++;
    /* These pair with weir_health_read, which needs the state alone. */
    wi_store_release(&shown->state, WI_SHARD_USED);
    wi_store_release(&wi_index.shards[found].state, WI_SHARD_USED);
    if (found == n) {
        /* Pairs with weir_channel_check_slow and weir_health_read, and with collect_chunk of readers. */
        wi_store_release(&wi_index.n_shards, n + 1);
        wi_store_release(&wi_segment_header()->n_shards, n + 1);
    }
    return found + 1;
}

void wi_shard_give_back(uint32_t number)
{
    wi_store_release(&wi_segment_shard(number)->state, WI_SHARD_FREE);
    /* Pairs with wi_shard_claim: the next owner of the cells sees the last counts. */
    wi_store_release(&wi_index.shards[number].state, WI_SHARD_FREE);
}

/* Makes the shard reach chunk `chunk`. Longer copies are published, here and in the file, and the
 * old ones stay for threads that still use them. */
static bool shard_reach(uint32_t number, uint32_t chunk)
{
    struct wi_shard_entry *shard = &wi_index.shards[number];
    if (chunk < shard->n_chunks) {
        return true;
    }
    /* At least twice as long, and for all handles there are, so that it seldom grows. */
    uint32_t least = WEIR_LINE / sizeof(uint32_t);
    uint32_t handles = wi_index.n_slots / WEIR_CHUNK_CELLS + 1;
    uint32_t wanted = 2 * shard->n_chunks > handles ? 2 * shard->n_chunks : handles;
    wanted = wanted > chunk ? wanted : chunk + 1;
    wanted = (wanted + least - 1) / least * least;
    struct weir_chunk *chunks = wi_index_take(wanted * sizeof(*chunks));
    uint32_t line = chunks ? wi_segment_take(wanted * sizeof(uint32_t) / WEIR_LINE) : 0;
    if (!line) {
        return false;
    }
    uint32_t *lines = wi_segment_line(line);
    for (uint32_t c = 0; c < shard->n_chunks; c++) {
        chunks[c] = shard->chunks[c];
        wi_store_relaxed(&lines[c], wi_segment_line_of(chunks[c].cells));
    }
    struct wi_shard *shown = wi_segment_shard(number);
    shard->line = line;
    /* These pair with wi_index_cell, and in readers with collect_cells: the longer copy before its length. */
    wi_store_release(&shard->chunks, chunks);
    wi_store_release(&shard->n_chunks, wanted);
    wi_store_release(&shown->index, line);
    wi_store_release(&shown->n_chunks, wanted);
    return true;
}

bool wi_shard_chunk(uint32_t number, uint32_t chunk)
{
    if (!shard_reach(number, chunk)) {
        return false;
    }
    const struct wi_shard_entry *shard = &wi_index.shards[number];
    if (!shard->chunks[chunk].cells) {
        uint32_t line = wi_segment_take(WEIR_CHUNK_CELLS);
        if (!line) {
            return false;
        }
        uint32_t *lines = wi_segment_line(shard->line);
        /* Pairs with wi_index_cell, and in readers with collect_cells. */
        wi_store_release(&shard->chunks[chunk].cells, wi_segment_line(line));
        wi_store_release(&lines[chunk], line);
    }
    return true;
}
