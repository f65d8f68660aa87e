/* SPDX-License-Identifier: MIT */
/* What follows from the counts of one reading: peaks, a loop's times, all refusals, the moment that they are of. */
#include "snapshot/state.h"

#include <string.h>

void wi_view_watch(struct view_slot *slot, const struct wi_raw *raw)
{
    if (raw->kind == WI_CHANNEL) {
        uint64_t depth = view_channel_depth(raw);
        slot->peak = depth > slot->peak ? depth : slot->peak;
        slot->peak = raw->out_other > slot->peak ? raw->out_other : slot->peak;
    } else if (raw->kind == WI_SEMAPHORE) {
        uint64_t taken = view_permits_taken(raw);
        slot->peak = taken > slot->peak ? taken : slot->peak;
    }
}

uint64_t wi_view_loop_times(const struct segment_view *view, size_t id, uint64_t ret_spent[2])
{
    const struct wi_raw *raw = &view->collection.raws[id];
    uint64_t since = raw->in_other;
    uint64_t now = view->collection.now_ticks;
    uint64_t elapsed = since && now > since ? wi_collect_nanos(&view->collection, now - since) : 0;
    ret_spent[0] = raw->leaving[WI_LOOP_WORD_IDLE] + (since & 1 ? 0 : elapsed);
    ret_spent[1] = raw->entering[WI_LOOP_WORD_BUSY] + (since & 1 ? elapsed : 0);
    return since & 1 ? elapsed : 0;
}

uint64_t wi_view_sum_rejects(struct segment_view *view)
{
    uint64_t sum = 0;
    view->has_counter = false;
    for (size_t i = 0; i < view->n_order[WI_COUNTER]; i++) {
        size_t id = view->order[WI_COUNTER][i];
        if (strcmp(view->slots[id].name, VIEW_REJECTS) == 0) {
            view->has_counter = true;
            sum += view->collection.raws[id].entering[0];
        }
    }
    for (int kind = WI_CHANNEL; !view->has_counter && kind <= WI_SEMAPHORE; kind++) {
        for (size_t i = 0; i < view->n_order[kind]; i++) {
            sum += view_rejects(&view->collection.raws[view->order[kind][i]]);
        }
    }
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
