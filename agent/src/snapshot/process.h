/* SPDX-License-Identifier: MIT */
/* The facts of a process in /proc. One thread at a time. */
#ifndef WI_SNAPSHOT_PROCESS_H
#define WI_SNAPSHOT_PROCESS_H

#include "snapshot/heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wi_process {
    bool is_known; /* the other fields are valid */
    uint64_t rss_bytes, anon_bytes, virtual_bytes;
    uint64_t threads, fds;
    uint64_t max_fds, max_virtual_bytes, max_threads; /* 0: unlimited, or not known */
    double cpu_seconds;
    bool has_heap; /* this process, with an allocator that reports it */
    uint64_t heap_bytes, heap_resident_bytes;
    bool has_memory_limit; /* of a cgroup */
    uint64_t memory_limit_bytes, memory_used_bytes;
    struct wi_heap heap;
};

/* Reads the facts of a process; pid 0: this one. Makes is_known false when there is no such process. */
void wi_process_read(struct wi_process *process, uint32_t pid);

#endif
