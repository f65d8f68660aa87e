/* SPDX-License-Identifier: MIT */
/* What /proc says of a process, and how fast its memory grows. One thread at a time. */
#ifndef WI_SNAPSHOT_PROCESS_H
#define WI_SNAPSHOT_PROCESS_H

#include "snapshot/heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One-second samples of the anonymous memory, a minute of them. */
#define WI_GROWTH_SAMPLES 61

struct wi_process {
    bool is_known; /* the rest holds */
    uint64_t rss_bytes, anon_bytes, virtual_bytes;
    uint64_t threads, fds;
    uint64_t max_fds, max_virtual_bytes, max_threads; /* 0: unlimited, or not known */
    double cpu_seconds;
    bool has_heap; /* this process, and an allocator that tells */
    uint64_t heap_bytes, heap_resident_bytes;
    bool has_memory_limit; /* of a cgroup */
    uint64_t memory_limit_bytes, memory_used_bytes;
    struct wi_heap heap;
    struct {
        uint64_t nanos[WI_GROWTH_SAMPLES];
        uint64_t bytes[WI_GROWTH_SAMPLES];
        size_t n;
    } growth;
};

/* Reads the facts of a process; pid 0: this one. Takes a growth sample at `now_nanos`. Makes
 * is_known false when there is no such process. */
void wi_process_read(struct wi_process *process, uint32_t pid, uint64_t now_nanos);

/* Adds a growth sample; later ones come after earlier ones. */
void wi_process_growth_add(struct wi_process *process, uint64_t nanos, uint64_t anon_bytes);

/* The least-squares slope of the samples, in bytes per second, and the seconds they span. Returns
 * false before there are three. */
bool wi_process_growth(const struct wi_process *process, double *ret_slope, double *ret_window);

#endif
