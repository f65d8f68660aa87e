/* SPDX-License-Identifier: MIT */
/* The state of the library itself. Reads the index and takes no lock. */
#include "segment/early.h"

#include "weir/atomic.h"

#include <string.h>
#include <sys/stat.h>

void weir_health_read(struct weir_health *ret_health)
{
    struct weir_health health = {.size = ret_health->size, .handles_refused = wi_early_refused()};
    if (wi_segment_counts()) {
        const struct wi_header *header = wi_segment_header();
        health.segment_bytes = wi_load_relaxed(&wi_index.reserved_bytes);
        health.limit_bytes = wi_segment.limit_bytes;
        health.handles_refused = wi_load_relaxed(&header->handles_refused);
        health.cells_refused = wi_load_relaxed(&header->cells_refused);
        health.descriptors_lost = wi_load_relaxed(&wi_segment.descriptors_lost);
        health.samples_lost = wi_load_relaxed(&header->samples_lost);
        health.calls_refused = wi_load_relaxed(&header->calls_refused);
        health.calls_mixed = wi_load_relaxed(&header->calls_mixed);
        /* Pairs with wi_shard_claim. */
        uint32_t n_shards = wi_load_acquire(&wi_index.n_shards);
        for (uint32_t s = 0; s < n_shards; s++) {
            health.threads += wi_load_relaxed(&wi_index.shards[s].state) == WI_SHARD_USED;
        }
        struct stat facts;
        if (!wi_segment_path(".weir", health.path, sizeof(health.path)) ||
            lstat(health.path, &facts) != 0 || facts.st_dev != wi_segment.device ||
            facts.st_ino != wi_segment.inode) {
            health.path[0] = '\0'; /* stopped, removed, or not reachable after a chroot */
        }
    }
    size_t size = ret_health->size < sizeof(health) ? ret_health->size : sizeof(health);
    memcpy(ret_health, &health, size);
}
