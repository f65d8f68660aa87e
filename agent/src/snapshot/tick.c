/* SPDX-License-Identifier: MIT */
/* What moves on with time, about once a second: rates, ages, waits. */
#include "snapshot/state.h"

#include <stdlib.h>
#include <string.h>

/* The three counters whose rates are shown, for each kind. */
static void view_rated(const struct segment_view *view, size_t id, uint64_t ret_counts[N_RATES])
{
    const struct wi_raw *raw = &view->collection.raws[id];
    ret_counts[RATE_IN] = raw->entering[0];
    ret_counts[RATE_OUT] = 0;
    ret_counts[RATE_REJECTS] = view_rejects(raw);
    if (raw->kind == WI_CHANNEL) {
        ret_counts[RATE_IN] = view_channel_sent(raw);
        ret_counts[RATE_OUT] = raw->leaving[1];
    } else if (raw->kind == WI_SEMAPHORE) {
        ret_counts[RATE_IN] = raw->entering[2];
    } else if (raw->kind == WI_TASK) {
        ret_counts[RATE_OUT] = view_finished(raw);
        ret_counts[RATE_REJECTS] = 0;
    } else if (raw->kind == WI_LOOP) {
        uint64_t spent[2];
        wi_view_loop_times(view, id, spent);
        ret_counts[RATE_OUT] = spent[1];
        ret_counts[RATE_REJECTS] = spent[0];
    }
}

static void view_tick_age(struct segment_view *view, struct view_slot *slot,
                          const struct wi_raw *raw, uint64_t sent_before)
{
    if ((raw->flags & WI_SLOT_UNORDERED) || view_channel_depth(raw) == 0) {
        if (slot->age) {
            free(slot->age);
            slot->age = NULL;
            view->n_ages--;
        }
        return;
    }
    if (!slot->age && view->n_ages < VIEW_MAX_AGES) {
        slot->age = calloc(1, sizeof(*slot->age));
        view->n_ages += slot->age != NULL;
        if (slot->age && view->base->tick_before) {
            wi_age_add(slot->age, view->base->tick_before, sent_before);
        }
    }
    if (slot->age && !view->writer.has_ended) {
        wi_age_add(slot->age, view->base->tick_nanos, raw->entering[0]);
    }
}

static void view_tick_waits(struct segment_view *view, size_t id, unsigned which)
{
    struct view_slot *slot = &view->slots[id];
    struct weir_histogram *all = &view->scratch;
    if (!wi_collect_histogram(&view->collection, id, which, all)) {
        return;
    }
    if (!slot->window[which] && view->n_windows < VIEW_MAX_WINDOWS) {
        slot->window[which] = calloc(1, sizeof(*slot->window[which]));
        view->n_windows += slot->window[which] != NULL;
    }
    struct weir_histogram recent = *all;
    if (slot->window[which]) {
        wi_window_turn(slot->window[which], view->base->now.nanos, all);
        wi_window_recent(slot->window[which], all, &recent);
    }
    struct view_waits *waits = &slot->waits[which];
    waits->count = 0;
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        waits->count += all->bucket[b];
    }
    waits->p50 = wi_histogram_quantile(all, 0.5);
    waits->p99 = wi_histogram_quantile(&recent, 0.99);
    waits->max = all->max;
}

static void view_tick_slot(struct segment_view *view, size_t id, double seconds)
{
    struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = &view->collection.raws[id];
    uint64_t counts[N_RATES];
    uint64_t before = slot->last[RATE_IN];
    wi_view_watch(slot, raw);
    view_rated(view, id, counts);
    for (int r = 0; r < N_RATES; r++) {
        slot->rate[r] = seconds > 0 ? (double)view_minus(counts[r], slot->last[r]) / seconds : 0;
        slot->last[r] = counts[r];
    }
    if (raw->kind == WI_CHANNEL) {
        view_tick_age(view, slot, raw, slot->has_rates ? before + raw->unsent : 0);
        if (slot->was_there && raw->capacity != WEIR_UNBOUNDED &&
            view_channel_depth(raw) >= raw->capacity) {
            slot->limit_seconds += seconds;
        }
    } else if (raw->kind == WI_SEMAPHORE && slot->was_there && raw->capacity > 0 &&
               view_permits_taken(raw) >= raw->capacity) {
        slot->limit_seconds += seconds;
    }
    if (raw->kind <= WI_TASK || raw->kind == WI_LOOP) {
        view_tick_waits(view, id, 0);
    }
    if (raw->kind == WI_TASK || raw->kind == WI_LOOP) {
        view_tick_waits(view, id, 1);
    }
    slot->has_rates = slot->has_rates || view->base->has_ticked;
    slot->was_there = true;
}

void wi_view_tick(struct segment_view *view, double seconds)
{
    wi_history_writer_begin_tick(view);
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        for (size_t i = 0; wi_kind_has_slots(kind) && i < view->n_order[kind]; i++) {
            view_tick_slot(view, view->order[kind][i], seconds);
        }
    }
    wi_view_tick_task_instances(view, seconds);
    bool is_self = wi_source_is_self(view->source);
    if (wi_source_state(view->source) == WI_STATE_RUNNING &&
        (is_self || view->base->facts.is_seen)) {
        wi_process_read(&view->process, is_self ? 0 : view->base->facts.pid);
    } else {
        wi_history_writer_facts(view);
    }
    view->rejects = wi_view_sum_rejects(view);
    if (seconds > 0) {
        view->rejects_rate = (double)view_minus(view->rejects, view->rejects_last) / seconds;
        view->cpu_ratio = (view->process.cpu_seconds - view->cpu_last) / seconds;
        view->has_rates = true;
    }
    view->rejects_last = view->rejects;
    view->cpu_last = view->process.cpu_seconds;
    wi_history_writer_end_tick(view);
}
