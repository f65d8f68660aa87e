/* SPDX-License-Identifier: MIT */
/*
 * The tick moves on, about once a second, rates, ages, windows of waits, the process's own numbers,
 * and the history.
 *
 * The input is the counts of the last reading and each slot's flow at the tick before. A rate is
 * the growth of the flow, divided by the seconds that have really passed, so a late tick shows no
 * false peak. Rates are kept only if a kind has metrics for them.
 *
 * Ages of messages and windows of waits are allocated for a handle when it first needs them, and up
 * to a limit for each; beyond that, or without memory, the number is absent and nothing else fails.
 * Only the windows of histograms move on here; the rest is read when a caller asks for its row. The
 * view owns all of it. The exporter's thread.
 */
#include "snapshot/state.h"

#include <stdlib.h>

/* The metrics of a kind that are rates. */
struct view_rates {
    size_t n;
    const struct wi_metric_from *from[WI_FLOW_RATES];
};

static uint64_t tick_depth(const struct wi_flow *flow)
{
    return flow->total[WI_TOTAL_SENT] - flow->total[WI_TOTAL_GONE];
}

/* Rates are the growth of the flow since the tick before. */
static void view_tick_rates(struct segment_view *view, size_t id, double seconds,
                            const struct view_rates *rates)
{
    struct view_slot *slot = &view->slots[id];
    struct wi_flow before = slot->flow;
    wi_flow_take(&view->collection.raws[id], &slot->flow);
    for (size_t r = 0; r < rates->n; r++) {
        struct wi_value value =
            wi_from_value(rates->from[r], before.total, slot->flow.total, seconds);
        slot->rate[r] = wi_value_number(&value, 0);
    }
}

static void view_tick_age(struct segment_view *view, struct view_slot *slot,
                          const struct wi_raw *raw, uint64_t sent_before)
{
    if ((raw->flags & WI_SLOT_UNORDERED) || tick_depth(&slot->flow) == 0) {
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
        wi_age_add(slot->age, view->base->tick_nanos, raw->entering[WEIR_WORD_SENT]);
    }
}

/* Only the windows move on; the rest of a histogram is read when its row is built. */
static void view_tick_window(struct segment_view *view, size_t id, unsigned which)
{
    struct wi_window **window = &view->slots[id].window[which];
    struct weir_histogram *all = &view->scratch;
    uint64_t now = view->base->now.nanos;
    bool is_due = *window ? wi_window_is_due(*window, now) : view->n_windows < VIEW_MAX_WINDOWS;
    if (!is_due || !wi_collect_histogram(&view->collection, id, which, all)) {
        return;
    }
    if (!*window) {
        *window = calloc(1, sizeof(**window));
        view->n_windows += *window != NULL;
    }
    if (*window) {
        wi_window_turn(*window, now, all);
    }
}

void wi_view_waits(struct segment_view *view, size_t id, unsigned which,
                   struct view_waits *ret_waits)
{
    const struct wi_window *window = view->slots[id].window[which];
    struct weir_histogram *all = &view->scratch;
    *ret_waits = (struct view_waits){0, 0, 0, 0};
    if (!wi_collect_histogram(&view->collection, id, which, all)) {
        return;
    }
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        ret_waits->count += all->bucket[b];
    }
    ret_waits->p50 = wi_histogram_quantile(all, 0.5);
    ret_waits->max = all->max;
    if (window) {
        wi_window_recent(window, all, all);
    }
    ret_waits->p99 = wi_histogram_quantile(all, 0.99);
}

static void view_tick_slot(struct segment_view *view, size_t id, double seconds,
                           const struct view_rates *rates)
{
    struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = &view->collection.raws[id];
    uint64_t sent_before = slot->flow.total[WI_TOTAL_SENT];
    view_tick_rates(view, id, seconds, rates);
    wi_view_watch(slot, raw, &slot->flow);
    if (raw->kind == WI_CHANNEL) {
        view_tick_age(view, slot, raw, slot->has_rates ? sent_before + raw->unsent : 0);
        if (slot->was_there && raw->capacity != WEIR_UNBOUNDED &&
            tick_depth(&slot->flow) >= raw->capacity) {
            slot->limit_seconds += seconds;
        }
    } else if (raw->kind == WI_SEMAPHORE && slot->was_there && raw->capacity > 0 &&
               slot->flow.total[WI_TOTAL_TAKEN] >= raw->capacity) {
        slot->limit_seconds += seconds;
    }
    if (raw->kind <= WI_TASK || raw->kind == WI_LOOP) {
        view_tick_window(view, id, 0);
    }
    if (raw->kind == WI_TASK || raw->kind == WI_LOOP) {
        view_tick_window(view, id, 1);
    }
    slot->has_rates = slot->has_rates || view->base->has_ticked;
    slot->was_there = true;
}

void wi_view_tick(struct segment_view *view, double seconds)
{
    wi_history_writer_begin_tick(view);
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        struct view_rates rates = {.n = 0};
        rates.n = wi_flow_rates((enum wi_kind)kind, rates.from);
        for (size_t i = 0; wi_kind_has_slots(kind) && i < view->n_order[kind]; i++) {
            view_tick_slot(view, view->order[kind][i], seconds, &rates);
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
