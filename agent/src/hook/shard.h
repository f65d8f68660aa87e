/* SPDX-License-Identifier: MIT */
/*
 * Shards: who has one, and which cells are in it. A thread's shard is its own until it gives it back, with its
 * counts; its next owner goes on from there, so counts never move. A processor's shard (cpu.h) stays its own.
 */
#ifndef WI_HOOK_SHARD_H
#define WI_HOOK_SHARD_H

#include "segment/segment.h"

#include "weir/atomic.h"

/* In a new segment: so many processors may have a shard, and the rest is for threads. */
void wi_shards_start(uint32_t n_cpus);

/* In a copy that has no other thread: no thread has a shard. */
void wi_shards_settle(void);

/* Whether a thread that asks for a shard would find one. No lock: one that is seen may be gone. */
static inline bool wi_shard_is_left(void)
{
    /* Pairs with wi_shard_give_back: the shard is free by then. */
    return wi_load_acquire(&wi_index.n_left) != 0;
}

/* Takes a free shard for the calling thread, or a new one: 1 + its number; 0: all are taken. The segment's lock
 * is held. */
uint32_t wi_shard_claim(void);

/* Gives a shard back by its number. No lock. */
void wi_shard_give_back(uint32_t number);

/* The shard of a processor below n_cpus, made if need be: 1 + its number; 0: there is none. The segment's lock is
 * held. */
uint32_t wi_shard_claim_for_cpu(uint32_t cpu);

/* Makes a chunk of a shard's cells, if need be. False: there is no room. The segment's lock is held. */
bool wi_shard_chunk(uint32_t number, uint32_t chunk);

#endif
