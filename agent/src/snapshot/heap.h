/* SPDX-License-Identifier: MIT */
/*
 * The heap of this process as its allocator reports it: jemalloc's mallctl, if it is there. glibc
 * is never asked for its own figures: it would hold the locks of its arenas for a time that grows
 * with the heap. One thread at a time.
 */
#ifndef WI_SNAPSHOT_HEAP_H
#define WI_SNAPSHOT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int wi_mallctl_fn(const char *name, void *old, size_t *n_old, void *new, size_t n_new);

struct wi_heap {
    wi_mallctl_fn *mallctl; /* NULL: another allocator, or not searched yet */
};

/* Searches for the allocator's function. Not from the exporter's thread: the memory that the
 * dynamic linker allocates for a search in vain stays with the thread, and would look like a leak
 * in a forked child. */
void wi_heap_sample(struct wi_heap *heap);

/* Bytes that the application has allocated, and bytes of memory in use for them. Returns false if
 * the allocator cannot report them cheaply. */
bool wi_heap_read(const struct wi_heap *heap, uint64_t *ret_allocated, uint64_t *ret_resident);

#endif
