/* SPDX-License-Identifier: MIT */
/*
 * The heap of this process as its allocator tells: jemalloc's mallctl, where it is there. glibc's
 * own figures are never asked for: they hold the locks of its arenas for as long as the heap is
 * large. The exporter's thread.
 */
#ifndef WI_SNAPSHOT_HEAP_H
#define WI_SNAPSHOT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int wi_mallctl_fn(const char *name, void *old, size_t *n_old, void *new, size_t n_new);

struct wi_heap {
    bool has_looked;
    wi_mallctl_fn *mallctl; /* NULL: another allocator */
};

/* Bytes that the application has allocated, and bytes in memory for them. Returns false with an
 * allocator that cannot say cheaply. */
bool wi_heap_read(struct wi_heap *heap, uint64_t *ret_allocated, uint64_t *ret_resident);

#endif
