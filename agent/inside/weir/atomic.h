/* SPDX-License-Identifier: MIT */
/*
 * The verbs by which threads and processes share a word. Each verb's name says how it is ordered:
 *
 *   relaxed   the word is whole, and orders nothing else.
 *   acquire   what follows sees what stood before the release that stored the value read.
 *   release   what stood before is seen by whoever reads the value with acquire.
 *   acq_rel   both.
 *   seq_cst   both, and all of these come in one order. For two threads that each store a word and then
 *             read the other's: at least one of them sees what the other stored.
 *
 * `place` is the address of an integer or a pointer, of 1 to 8 bytes. It is read from memory that
 * other processes may write, so a value is loaded once and then checked. Any thread; safe in signal
 * handlers; a verb never blocks. A use that is stronger than relaxed names its partner in a
 * comment: the function whose load or store it pairs with.
 *
 * The hooks compiled into applications have their own in weir/cell.h, where a counter has one
 * writer.
 */
#ifndef WI_ATOMIC_H
#define WI_ATOMIC_H

#include <stdbool.h>

#define wi_load_relaxed(place) __atomic_load_n((place), __ATOMIC_RELAXED)
#define wi_load_acquire(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)
#define wi_load_seq_cst(place) __atomic_load_n((place), __ATOMIC_SEQ_CST)

#define wi_store_relaxed(place, value) __atomic_store_n((place), (value), __ATOMIC_RELAXED)
#define wi_store_release(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)
#define wi_store_seq_cst(place, value) __atomic_store_n((place), (value), __ATOMIC_SEQ_CST)

/* Adds, and returns the value before. */
#define wi_add_relaxed(place, n) __atomic_fetch_add((place), (n), __ATOMIC_RELAXED)
#define wi_add_release(place, n) __atomic_fetch_add((place), (n), __ATOMIC_RELEASE)
#define wi_add_acq_rel(place, n) __atomic_fetch_add((place), (n), __ATOMIC_ACQ_REL)
#define wi_add_seq_cst(place, n) __atomic_fetch_add((place), (n), __ATOMIC_SEQ_CST)

/* Stores, and returns the value before. */
#define wi_exchange_relaxed(place, value) __atomic_exchange_n((place), (value), __ATOMIC_RELAXED)
#define wi_exchange_acquire(place, value) __atomic_exchange_n((place), (value), __ATOMIC_ACQUIRE)
#define wi_exchange_acq_rel(place, value) __atomic_exchange_n((place), (value), __ATOMIC_ACQ_REL)

/* Stores `to` if the value is *from, and returns whether it was. If it was not, *from becomes the value,
 * read relaxed. */
#define WI_REPLACE(place, from, to, may_fail, order)                                               \
    __atomic_compare_exchange_n((place), (from), (to), (may_fail), (order), __ATOMIC_RELAXED)

#define wi_replace_relaxed(place, from, to) WI_REPLACE(place, from, to, false, __ATOMIC_RELAXED)
#define wi_replace_acquire(place, from, to) WI_REPLACE(place, from, to, false, __ATOMIC_ACQUIRE)
#define wi_replace_acq_rel(place, from, to) WI_REPLACE(place, from, to, false, __ATOMIC_ACQ_REL)
#define wi_replace_seq_cst(place, from, to) WI_REPLACE(place, from, to, false, __ATOMIC_SEQ_CST)

/* The same for a loop that tries again: may fail without cause. */
#define wi_try_replace_relaxed(place, from, to) WI_REPLACE(place, from, to, true, __ATOMIC_RELAXED)
#define wi_try_replace_release(place, from, to) WI_REPLACE(place, from, to, true, __ATOMIC_RELEASE)

/* Loads before it are done before the loads and stores after it. */
#define wi_fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)

/* Between a thread and its own signal handlers: the compiler moves no access across it. */
#define wi_fence_signal() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
