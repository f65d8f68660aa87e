/* SPDX-License-Identifier: MIT */
/*
 * Chooses the handles with a track in the history when there are more handles than tracks: the
 * busiest few of each kind, then the busiest of all. Pure; the same candidates give the same
 * choice, in whatever order they come. One thread at a time.
 */
#ifndef WI_SNAPSHOT_TRACK_H
#define WI_SNAPSHOT_TRACK_H

#include "weir/kind.h"
#include "snapshot/history.h"

/* So many of each kind come first, so that a thousand busy channels do not displace the only
 * semaphore. */
#define WI_TRACK_SHARE 16

/* A handle with a track counts as this many times as busy, so that two equally busy handles do not
 * take turns. */
#define WI_TRACK_LOYALTY 2

struct wi_track_candidate {
    uint64_t traffic; /* weighed */
    uint32_t slot;
};

/* The busiest of each kind so far, the least busy one on top of its heap. All 0 at first. */
struct wi_track_choice {
    struct wi_track_candidate best[WI_N_KINDS][WI_HISTORY_TRACKS];
    size_t n[WI_N_KINDS];
};

/* `traffic` of the last minute, before it is weighed. Costs one comparison for most candidates. */
void wi_track_catalog(struct wi_track_choice *choice, enum wi_kind kind, uint32_t slot,
                      uint64_t traffic, bool is_tracked);

/* The slots that get a track, in no order: returns how many. The choice is used up. */
size_t wi_track_end(struct wi_track_choice *choice, uint32_t ret_slots[WI_HISTORY_TRACKS]);

#endif
