/* SPDX-License-Identifier: MIT */
/* The state of the library itself. Reads the index and takes no lock. */
#include "segment/early.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void weir_health_read(struct weir_health *ret_health)
{
    struct weir_health health = {.size = ret_health->size, .handles_refused = wi_early_refused()};
    if (wi_segment_counts()) {
        const struct wi_header *header = wi_segment_header();
        health.segment_bytes = __atomic_load_n(&wi_index.reserved_bytes, __ATOMIC_RELAXED);
        health.limit_bytes = wi_segment.limit_bytes;
        health.handles_refused = __atomic_load_n(&header->handles_refused, __ATOMIC_RELAXED);
        health.cells_refused = __atomic_load_n(&header->cells_refused, __ATOMIC_RELAXED);
        health.descriptors_lost = __atomic_load_n(&wi_segment.descriptors_lost, __ATOMIC_RELAXED);
        health.samples_lost = __atomic_load_n(&header->samples_lost, __ATOMIC_RELAXED);
        uint32_t n_shards = __atomic_load_n(&wi_index.n_shards, __ATOMIC_ACQUIRE);
        for (uint32_t s = 0; s < n_shards; s++) {
            health.threads +=
                __atomic_load_n(&wi_index.shards[s].state, __ATOMIC_RELAXED) == WI_SHARD_USED;
        }
        struct stat facts;
        if (!wi_segment_path(".weir", health.path, sizeof(health.path)) ||
            lstat(health.path, &facts) != 0 || facts.st_dev != wi_segment.device ||
            facts.st_ino != wi_segment.inode) {
            health.path[0] = '\0'; /* stopped, removed, or out of sight after a chroot */
        }
    }
    size_t size = ret_health->size < sizeof(health) ? ret_health->size : sizeof(health);
    memcpy(ret_health, &health, size);
}
