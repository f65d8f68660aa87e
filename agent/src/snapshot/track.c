/* SPDX-License-Identifier: MIT */
/* A heap for each kind, then one merge. Equal traffic: the lower slot, which was opened earlier. */
#include "snapshot/track.h"

#include <stdlib.h>

static bool track_is_busier(struct wi_track_candidate a, struct wi_track_candidate b)
{
    return a.traffic != b.traffic ? a.traffic > b.traffic : a.slot < b.slot;
}

static void track_sink(struct wi_track_candidate *heap, size_t n, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++) {
            least = track_is_busier(heap[least], heap[child]) ? child : least;
        }
        if (least == at) {
            return;
        }
        struct wi_track_candidate moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

static void track_rise(struct wi_track_candidate *heap, size_t at)
{
    while (at > 0 && track_is_busier(heap[(at - 1) / 2], heap[at])) {
        struct wi_track_candidate moved = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = moved;
        at = (at - 1) / 2;
    }
}

void wi_track_catalog(struct wi_track_choice *choice, enum wi_kind kind, uint32_t slot,
                      uint64_t traffic, bool is_tracked)
{
    struct wi_track_candidate *heap = choice->best[kind];
    struct wi_track_candidate offered = {traffic, slot};
    if (is_tracked) {
        /* If two handles are equally busy, the one with a track keeps it. */
        offered.traffic = traffic > UINT64_MAX / WI_TRACK_LOYALTY - 1
                              ? UINT64_MAX
                              : traffic * WI_TRACK_LOYALTY + 1;
    }
    if (choice->n[kind] < WI_HISTORY_TRACKS) {
        heap[choice->n[kind]] = offered;
        track_rise(heap, choice->n[kind]++);
    } else if (track_is_busier(offered, heap[0])) {
        heap[0] = offered;
        track_sink(heap, WI_HISTORY_TRACKS, 0);
    }
}

static int track_compare(const void *a, const void *b)
{
    const struct wi_track_candidate *left = a;
    const struct wi_track_candidate *right = b;
    return track_is_busier(*right, *left) - track_is_busier(*left, *right);
}

size_t wi_track_end(struct wi_track_choice *choice, uint32_t ret_slots[WI_HISTORY_TRACKS])
{
    size_t next[WI_N_KINDS] = {0};
    size_t n = 0;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        qsort(choice->best[kind], choice->n[kind], sizeof(choice->best[kind][0]), track_compare);
        for (; next[kind] < choice->n[kind] && next[kind] < WI_TRACK_SHARE && n < WI_HISTORY_TRACKS;
             next[kind]++) {
            ret_slots[n++] = choice->best[kind][next[kind]].slot;
        }
    }
    while (n < WI_HISTORY_TRACKS) {
        int busiest = -1;
        for (int kind = 0; kind < WI_N_KINDS; kind++) {
            if (next[kind] < choice->n[kind] &&
                (busiest < 0 || track_is_busier(choice->best[kind][next[kind]],
                                                choice->best[busiest][next[busiest]]))) {
                busiest = kind;
            }
        }
        if (busiest < 0) {
            break;
        }
        ret_slots[n++] = choice->best[busiest][next[busiest]++].slot;
    }
    return n;
}
