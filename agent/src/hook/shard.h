/* SPDX-License-Identifier: MIT */
/*
 * Shards: who has one, and which cells are in it. A shard is one thread's cells at a time. One that is given back
 * keeps its counts, and its next owner goes on from there; so counts never move.
 */
#ifndef WI_HOOK_SHARD_H
#define WI_HOOK_SHARD_H

#include "segment/segment.h"

/* Takes a free shard for the calling thread, or a new one: 1 + its number; 0: all are taken. The segment's lock
 * is held. */
uint32_t wi_shard_claim(void);

/* Gives a shard back by its number. No lock. */
void wi_shard_give_back(uint32_t number);

/* Makes a chunk of a shard's cells, if need be. False: there is no room. The segment's lock is held. */
bool wi_shard_chunk(uint32_t number, uint32_t chunk);

#endif
