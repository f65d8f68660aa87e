/* SPDX-License-Identifier: MIT */
/*
 * Heap memory with a limit and a count of its bytes, for the memory that the exporter holds for its
 * peers. A part (one session) also counts in the whole, so that neither one peer nor all together
 * grow past a limit. One thread.
 */
#ifndef WI_MEMORY_H
#define WI_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct wi_memory {
    struct wi_memory *parent; /* the whole, in which this part also counts; NULL: none */
    uint64_t bytes;           /* held now */
    uint64_t limit;
    uint64_t refusals;  /* so far, those of the parts included */
    uint64_t countdown; /* 1: the next call is refused, 2: the one after it, ...; 0: none is */
};

/* Each of these returns NULL past the limit. Blocks are aligned for any type. wi_memory_resize of
 * NULL allocates; wi_memory_return of NULL does nothing. */
void *wi_memory_take(struct wi_memory *memory, size_t n);
void *wi_memory_take_zeroed(struct wi_memory *memory, size_t n);
void *wi_memory_resize(struct wi_memory *memory, void *block, size_t n);
void wi_memory_return(struct wi_memory *memory, void *block);

#endif
