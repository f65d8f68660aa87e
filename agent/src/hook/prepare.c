/* SPDX-License-Identifier: MIT */
/* Makes in advance what a thread's first use of each handle would make. */
#include "hook/thread.h"

/* Histograms are 14 lines each, so they may fill at most half of the segment. Beyond that they are
 * made when there is a value to store. The lock is held. */
static void prepare_histograms(uint32_t n_slots)
{
    uint64_t half = (wi_segment.why_full ? wi_segment.map_bytes : wi_segment.limit_bytes) / 2;
    for (uint32_t id = 0; id < n_slots && wi_index.used_bytes < half; id++) {
        if (wi_index_slot(id)->state == WI_SLOT_READY) {
            wi_sampler_prepare(id);
        }
    }
}

void weir_thread_start(void)
{
    if (wi_thread_has_ended() || !wi_segment_counts() || !wi_segment_lock()) {
        return;
    }
    uint32_t n_slots = wi_index.n_slots;
    for (uint32_t id = 0; id < n_slots; id += WEIR_CHUNK_CELLS) {
        if (!wi_thread_reach(id >> WEIR_CHUNK_SHIFT)) {
            wi_thread_count_refused();
            break;
        }
    }
    prepare_histograms(n_slots);
    wi_segment_unlock();
}
