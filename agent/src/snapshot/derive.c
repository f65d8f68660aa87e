/* SPDX-License-Identifier: MIT */
/*
 * Values that follow from the counts of one reading, without a tick: the highest depth so far, the
 * sum of all refusals, and the moment of the numbers.
 *
 * Peaks are kept here because a reader sees a depth only when it reads; for a channel the
 * application's own high-water mark is taken as well. Refusals are the application's counter of
 * that name if it has one, else the sum over channels and semaphores; the sum is made once for each
 * refresh, when it is needed. A process that has ended has its last moment, from its history. No
 * allocation, no failure. The exporter's thread.
 */
#include "snapshot/state.h"

#include <string.h>

void wi_view_watch(struct view_slot *slot, const struct wi_raw *raw, const struct wi_flow *flow)
{
    if (raw->kind == WI_CHANNEL) {
        uint64_t depth = flow->total[WI_TOTAL_SENT] - flow->total[WI_TOTAL_GONE];
        slot->peak = depth > slot->peak ? depth : slot->peak;
        slot->peak = raw->out_other > slot->peak ? raw->out_other : slot->peak;
    } else if (raw->kind == WI_SEMAPHORE) {
        uint64_t taken = flow->total[WI_TOTAL_TAKEN];
        slot->peak = taken > slot->peak ? taken : slot->peak;
    }
}

uint64_t wi_view_sum_rejects(struct segment_view *view)
{
    uint64_t sum = 0;
    if (view->has_sum) {
        return view->sum;
    }
    view->has_counter = false;
    for (size_t i = 0; i < view->n_order[WI_COUNTER]; i++) {
        size_t id = view->order[WI_COUNTER][i];
        if (strcmp(wi_view_name(view, id), VIEW_REJECTS) == 0) {
            view->has_counter = true;
            sum += wi_collect_raw(&view->collection, id)->entering[WEIR_WORD_ADDED];
        }
    }
    for (int kind = WI_CHANNEL; !view->has_counter && kind <= WI_SEMAPHORE; kind++) {
        sum += view->collection.rejects[kind];
    }
    view->sum = sum;
    view->has_sum = true;
    return sum;
}

uint64_t wi_view_as_of(const struct segment_view *view)
{
    return view->writer.as_of_nanos ? view->writer.as_of_nanos : view->base->now.nanos;
}

int64_t wi_view_as_of_unix(const struct segment_view *view)
{
    return view->writer.as_of_nanos ? view->writer.as_of_unix_nanos : view->base->now.unix_nanos;
}
