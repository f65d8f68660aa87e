/* SPDX-License-Identifier: MIT */
/*
 * The heap of this process as its allocator tells: jemalloc's mallctl, where it is there. glibc's
 * own figures are never asked for: they hold the locks of its arenas for as long as the heap is
 * large. One thread at a time.
 */
#ifndef WI_SNAPSHOT_HEAP_H
#define WI_SNAPSHOT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int wi_mallctl_fn(const char *name, void *old, size_t *n_old, void *new, size_t n_new);

struct wi_heap {
    wi_mallctl_fn *mallctl; /* NULL: another allocator, or nobody has looked */
};

/* Looks for the allocator's function. Not from the exporter's thread: what the dynamic linker allocates
 * for a search in vain stays with the thread, and would look lost in a forked child. */
void wi_heap_sample(struct wi_heap *heap);

/* Bytes that the application has allocated, and bytes in memory for them. Returns false with an
 * allocator that cannot say cheaply. */
bool wi_heap_read(const struct wi_heap *heap, uint64_t *ret_allocated, uint64_t *ret_resident);

#endif
