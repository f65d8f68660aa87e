/* SPDX-License-Identifier: MIT */
/*
 * A shard's cells lie in chunks of 16. When its index of chunks grows, a longer copy is published and the old
 * one stays, for readers and signal handlers that are in it. The lock's holder writes.
 */
#include "hook/shard.h"

#include "segment/family.h"

#include "weir/atomic.h"

#include <sys/syscall.h>
#include <unistd.h>

void wi_shards_start(uint32_t n_cpus)
{
    /* Pairs with wi_cpu_is_any, and with the looks for a cell: threads may count meanwhile. */
    wi_store_release(&wi_index.n_cpus, n_cpus);
    wi_store_relaxed(&wi_index.n_left, WI_MAX_SHARDS - n_cpus);
}

void wi_shards_settle(void)
{
    for (uint32_t s = 0; s < wi_index.n_shards; s++) {
        wi_index.shards[s].state = WI_SHARD_FREE;
    }
    wi_index.n_cpu_shards = 0;
    for (uint32_t cpu = 0; cpu < WI_MAX_CPU_SHARDS; cpu++) {
        if (wi_index.cpus[cpu]) {
            wi_index.cpus[cpu]->state = WI_SHARD_CPU;
            wi_index.n_cpu_shards++;
        }
    }
    wi_index.n_left = WI_MAX_SHARDS - wi_index.n_cpus;
}

/* Gives a shard that is free, or the next new one, to an owner. */
static void shard_enter(uint32_t number, enum wi_shard_state state, uint32_t tid)
{
    struct wi_shard *shown = wi_segment_shard(number);
    wi_store_relaxed(&shown->tid, tid);
    shown->claims++;
    /* These pair with weir_health_read and thread counts of readers, which need the state alone. */
    wi_store_release(&shown->state, state);
    wi_store_release(&wi_index.shards[number].state, state);
    if (number >= wi_index.n_shards) {
        /* Pairs with weir_channel_check_slow and weir_health_read, and with pass_chunk of readers. */
        wi_store_release(&wi_index.n_shards, number + 1);
        if (!wi_segment_is_family()) {
            wi_store_release(&wi_segment_header()->n_shards, number + 1);
        }
    }
    if (wi_segment_is_family()) {
        wi_family_show_shards(number + 1);
    }
}

/* The number of a shard that is nobody's yet; WI_MAX_SHARDS: there is none. Those of other processes between it and
 * this process's last one are known to be theirs. */
static uint32_t shard_new(void)
{
    if (!wi_segment_is_family()) {
        return wi_index.n_shards;
    }
    uint32_t number = wi_family_claim_shard();
    for (uint32_t s = wi_index.n_shards; number < WI_MAX_SHARDS && s < number; s++) {
        wi_store_relaxed(&wi_index.shards[s].state, WI_SHARD_OTHER);
    }
    return number < WI_MAX_SHARDS ? number : WI_MAX_SHARDS;
}

static uint32_t shard_find_free(void)
{
    uint32_t found = 0;
    /* Pairs with wi_shard_give_back. */
    while (found < wi_index.n_shards &&
           wi_load_acquire(&wi_index.shards[found].state) != WI_SHARD_FREE) {
        found++;
    }
    return found;
}

/* One less is left, if others of the family have left any. */
static void shard_count_taken(void)
{
    uint32_t left = wi_load_relaxed(&wi_index.n_left);
    while (left && !wi_try_replace_relaxed(&wi_index.n_left, &left, left - 1)) {
    }
}

uint32_t wi_shard_claim(void)
{
    if (!wi_shard_is_left()) {
        return 0;
    }
    uint32_t found = shard_find_free();
    if (found == wi_index.n_shards) {
        found = shard_new();
    }
    if (found >= WI_MAX_SHARDS && wi_segment_is_family()) {
        /* The other processes have them all. One that a thread gives back meanwhile is counted or found. */
        wi_store_relaxed(&wi_index.n_left, 0);
        found = shard_find_free();
        found = found < wi_index.n_shards ? found : WI_MAX_SHARDS;
    }
    if (found >= WI_MAX_SHARDS) {
        return 0;
    }
    shard_count_taken();
    shard_enter(found, WI_SHARD_USED, (uint32_t)syscall(SYS_gettid));
    return found + 1;
}

void wi_shard_give_back(uint32_t number)
{
    wi_store_release(&wi_segment_shard(number)->state, WI_SHARD_FREE);
    /* Pairs with wi_shard_claim: the next owner of the cells sees the last counts. */
    wi_store_release(&wi_index.shards[number].state, WI_SHARD_FREE);
    wi_add_release(&wi_index.n_left, 1);
}

uint32_t wi_shard_claim_for_cpu(uint32_t cpu)
{
    struct wi_shard_entry *shard = wi_index.cpus[cpu];
    if (shard) {
        return 1 + (uint32_t)(shard - wi_index.shards);
    }
    uint32_t number = shard_new();
    if (number >= WI_MAX_SHARDS) {
        return 0;
    }
    shard_enter(number, WI_SHARD_CPU, 0);
    /* Pairs with cpu_cell. */
    wi_store_release(&wi_index.cpus[cpu], &wi_index.shards[number]);
    wi_index.n_cpu_shards++;
    wi_store_relaxed(&wi_segment_header()->cpu_shards, wi_index.n_cpu_shards);
    return number + 1;
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
    /* First in the segment: where that is full, asking again and again takes no memory of the process. */
    uint32_t line = wi_segment_take(wanted * sizeof(uint32_t) / WEIR_LINE);
    struct weir_chunk *chunks = line ? wi_index_take(wanted * sizeof(*chunks)) : NULL;
    if (!chunks) {
        return false;
    }
    uint32_t *lines = wi_segment_line(line);
    for (uint32_t c = 0; c < shard->n_chunks; c++) {
        chunks[c] = shard->chunks[c];
        wi_store_relaxed(&lines[c], wi_segment_line_of(chunks[c].cells));
    }
    struct wi_shard *shown = wi_segment_shard(number);
    shard->line = line;
    /* These pair with wi_index_cell, and in readers with wi_image_cells: the longer copy before its length. */
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
        /* These pair with wi_image_cells of readers, and with wi_index_cell. Readers come first: other threads of a
         * processor count in its cells as soon as they find them. */
        wi_store_release(&lines[chunk], line);
        wi_store_release(&shard->chunks[chunk].cells, wi_segment_line(line));
    }
    return true;
}
