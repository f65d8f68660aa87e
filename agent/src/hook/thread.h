/* SPDX-License-Identifier: MIT */
/*
 * Threads and their shards. A thread claims a shard at its first touch of a handle and returns it,
 * with its counts, when it ends; the next thread continues them. If the thread counts later, in
 * another destructor, its counts go to per-CPU or shared cells.
 */
#ifndef WI_HOOK_THREAD_H
#define WI_HOOK_THREAD_H

#include "segment/segment.h"

#include "weir/atomic.h"

/* The calling thread's cell of a handle, made if there is none; NULL: use another. Never
 * blocks: if the segment's lock is taken, by another thread or by the code that this signal handler
 * has interrupted, the result is NULL this time. */
struct weir_cell *wi_thread_touch(const struct weir_slot_head *head);

/* The same for a whole chunk. False: there is no room. The segment's lock is held. */
bool wi_thread_reach(uint32_t chunk);

/* The calling thread must not claim a shard again. */
bool wi_thread_has_ended(void);

/* A thread without room counts once, however often it asks, and also if it comes within a second of
 * a refusal. */
void wi_thread_count_refused(void);

/* Whether the calling thread may ask for room in the segment: not for a second after a refusal. */
bool wi_thread_may_ask(void);

/* Whether room was refused within the last second; and records that it was refused now. */
bool wi_thread_is_refused(void);
void wi_thread_refuse(void);

/* Makes what the first timed message of a handle would make: its histograms, and the calling
 * thread's own if every message is timed. The segment's lock is held. */
void wi_sampler_prepare(uint32_t id);

/* The histograms of the calling thread's cells in a chunk that it has touched, made if need be. NULL: no
 * memory. The segment's lock is held. */
struct weir_histogram **wi_thread_histograms(uint32_t chunk);

/* Adds a duration to a histogram that was made when its handle was opened; NULL: there was no room
 * for it, which is counted. */
void wi_sample_measure(struct weir_histogram *histogram, uint64_t nanos);

/* Adds to a word that one thread at a time writes. */
static inline void wi_word_add(uint64_t *word, uint64_t n)
{
    wi_store_relaxed(word, wi_load_relaxed(word) + n);
}

/* The ticket of `n` messages that were counted in the shared cell after `count` others, or 0: not measured. */
weir_ticket wi_sample_shared(const struct weir_slot_head *head, uint64_t count, uint64_t n);

#endif
