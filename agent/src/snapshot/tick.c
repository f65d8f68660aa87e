/* SPDX-License-Identifier: MIT */
/*
 * The tick moves on, about once a second, rates, ages, windows of waits, the process's own numbers,
 * and the history.
 *
 * The input is the counts of the last reading and each slot's flow at the tick before. The flows of
 * the last two ticks are kept as columns, and a rate is computed from both when its row is built:
 * the growth of the flow, divided by the seconds that have really passed, so a late tick shows no
 * false peak. Without memory for the flows there are no rates until there are two flows again.
 *
 * Ages of messages and windows of waits are allocated for a handle when it first needs them, and up
 * to a limit for each; beyond that, or without memory, the number is absent and nothing else fails.
 * Only the windows of histograms move on here; the rest is read when a caller asks for its row. The
 * view owns all of it. The exporter's thread.
 */
#include "snapshot/state.h"

#include <stdlib.h>

static uint64_t tick_depth(const struct wi_flow *flow)
{
    return flow->total[WI_TOTAL_SENT] - flow->total[WI_TOTAL_GONE];
}

/* A channel's curves at a tick: messages by the numbers in which they came. */
struct tick_curves {
    bool is_known; /* the tick before */
    uint64_t sent_before, left_before;
    uint64_t sent, left;
};

static bool tick_is_slow(const struct segment_view *view, const struct wi_age *age,
                         const struct tick_curves *at)
{
    uint64_t now = view->base->tick_nanos, nanos;
    if (!wi_age_of(age, now, at->sent, at->left, &nanos)) {
        nanos = wi_age_least(age, now, at->left);
    }
    return at->sent > at->left && nanos >= WI_ESTIMATE_LEAST;
}

/* Moves on the curve of what has left, for channels without waits of their own in which a message waits for a second:
 * until 20 seconds after that. Where every wait is to be measured, its row tells whether any was. Returns whether the
 * curve is kept. */
static bool tick_estimate(struct segment_view *view, struct view_slot *slot,
                          const struct wi_raw *raw, const struct tick_curves *at)
{
    const struct wi_age *age = slot->extra ? slot->extra->age : NULL;
    uint64_t now = view->base->tick_nanos;
    bool has_waits = raw->is_measured && raw->sampling != WEIR_SAMPLING_ALL;
    bool may = age && !view->writer.has_ended && !has_waits && !(raw->flags & WI_SLOT_OBSERVED);
    bool is_slow = may && tick_is_slow(view, age, at);
    bool had = may && slot->extra->estimate;
    struct wi_estimate *estimate = had || is_slow ? wi_view_estimate(view, slot) : NULL;
    if (estimate && !had && view->base->tick_before && at->is_known) {
        wi_estimate_add(estimate, view->base->tick_before, at->left_before);
    }
    if (estimate) {
        estimate->slow_at = is_slow ? now : estimate->slow_at;
        wi_estimate_add(estimate, now, at->left);
    }
    if (!estimate || now - estimate->slow_at > WI_ESTIMATE_SAMPLES * WI_ESTIMATE_LEAST) {
        wi_view_drop_estimate(view, slot);
        return false;
    }
    return true;
}

/* And the estimate, which needs it. */
static void tick_drop_age(struct segment_view *view, struct view_slot *slot)
{
    wi_view_drop_estimate(view, slot);
    if (slot->extra && slot->extra->age) {
        free(slot->extra->age);
        slot->extra->age = NULL;
        view->n_ages--;
        wi_view_drop_extra(view, slot);
    }
}

static void view_tick_age(struct segment_view *view, struct view_slot *slot,
                          const struct wi_raw *raw, const struct tick_curves *at)
{
    bool has_age = slot->extra && slot->extra->age;
    if ((raw->flags & WI_SLOT_UNORDERED) ||
        (!tick_estimate(view, slot, raw, at) && at->sent <= at->left)) {
        tick_drop_age(view, slot);
        return;
    }
    struct wi_age *age = wi_view_age(view, slot);
    if (age && !has_age && view->base->tick_before && at->is_known) {
        wi_age_add(age, view->base->tick_before, at->sent_before);
    }
    if (age && !view->writer.has_ended) { /* else its last moment stays */
        const struct wi_estimate *estimate = slot->extra->estimate;
        wi_age_add(age, view->base->tick_nanos, at->sent);
        wi_age_trim(age, estimate ? estimate->left[0] : at->left);
    }
}

/* Only the windows move on; the rest of a histogram is read when its row is built. */
static void view_tick_window(struct segment_view *view, size_t id, unsigned which)
{
    struct view_slot *slot = &view->slots[id];
    struct wi_window *window = slot->extra ? slot->extra->window[which] : NULL;
    struct weir_histogram *all = &view->scratch;
    uint64_t now = view->base->now.nanos;
    bool is_due = window ? wi_window_is_due(window, now)
                         : view->n_windows < VIEW_MAX_WINDOWS &&
                               wi_collect_raw(&view->collection, id)->is_measured;
    if (!is_due || !wi_collect_histogram(&view->collection, id, which, all)) {
        return;
    }
    if (!window && wi_view_extra(view, slot)) {
        window = slot->extra->window[which] = calloc(1, sizeof(*window));
        view->n_windows += window != NULL;
    }
    if (window) {
        wi_window_turn(window, now, all);
    }
}

void wi_view_waits(struct segment_view *view, size_t id, unsigned which,
                   struct view_waits *ret_waits)
{
    const struct view_extra *extra = view->slots[id].extra;
    const struct wi_window *window = extra ? extra->window[which] : NULL;
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

static bool tick_is_at_limit(const struct wi_raw *raw, const struct wi_flow *now)
{
    switch (raw->kind) {
    case WI_CHANNEL:
        return raw->capacity != WEIR_UNBOUNDED && tick_depth(now) >= raw->capacity;
    case WI_SEMAPHORE:
        return raw->capacity > 0 && now->total[WI_TOTAL_TAKEN] >= raw->capacity;
    default:
        return false;
    }
}

/* `before`: the flow at the tick before; NULL: not known. */
static void view_tick_slot(struct segment_view *view, size_t id, const struct wi_flow *before,
                           const struct wi_flow *now)
{
    struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    wi_view_watch(slot, raw, now);
    if (raw->kind == WI_CHANNEL) {
        bool is_known = before && slot->has_rates;
        const struct tick_curves at = {
            .is_known = before,
            .sent_before = is_known ? before->total[WI_TOTAL_SENT] + raw->unsent : 0,
            .left_before = is_known ? before->total[WI_TOTAL_GONE] + raw->in_other : 0,
            .sent = raw->entering[WEIR_WORD_SENT],
            .left = now->total[WI_TOTAL_GONE] + raw->in_other,
        };
        view_tick_age(view, slot, raw, &at);
    }
    if (slot->was_there && tick_is_at_limit(raw, now) && wi_view_extra(view, slot)) {
        slot->extra->limit_seconds += view->flows.seconds;
    }
    slot->has_rates = slot->has_rates || view->base->has_ticked;
    slot->was_there = true;
}

/* The channels among sixteen slots of which nothing but the peak can have changed; updates that. */
static unsigned view_tick_idle(struct segment_view *view, size_t first,
                               const struct view_lanes *lanes)
{
    const uint64_t *sent = lanes->total[WI_TOTAL_SENT].at;
    const uint64_t *gone = lanes->total[WI_TOTAL_GONE].at;
    bool may_get_age = view->n_ages < VIEW_MAX_AGES;
    unsigned idle = 0;
    for (unsigned left = lanes->channels; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        struct view_slot *slot = &view->slots[first + i];
        uint64_t depth = sent[i] - gone[i];
        uint64_t high = lanes->high.at[i] > depth ? lanes->high.at[i] : depth;
        bool is_at_limit =
            lanes->capacity.at[i] != WEIR_UNBOUNDED && depth >= lanes->capacity.at[i];
        slot->peak = high > slot->peak ? high : slot->peak;
        if (slot->was_there && (slot->has_rates || !view->base->has_ticked) && !slot->extra &&
            !is_at_limit && !(depth && may_get_age)) {
            idle |= 1U << i;
        }
    }
    return idle;
}

/* The flows of the tick before become those before the last. Most channels of very many are idle: the others are
 * looked at one by one. */
static void view_tick_slots(struct segment_view *view)
{
    struct view_flows *flows = &view->flows;
    struct wi_columns *last = &flows->of[flows->newest];
    struct wi_columns *next = &flows->of[flows->newest ^ 1];
    bool was_known = flows->is_known[flows->newest];
    bool is_known = true;
    wi_columns_clear(next);
    for (size_t first = 0; first < view->collection.n; first += WI_COLUMNS_RECORDS) {
        struct wi_flow before[WI_COLUMNS_RECORDS];
        const struct view_lanes *lanes = wi_view_lanes(view, first / WI_COLUMNS_RECORDS);
        unsigned left = lanes->open & ~view_tick_idle(view, first, lanes);
        if (left) {
            wi_columns_read(last, first / WI_COLUMNS_RECORDS, (uint64_t *)(void *)before,
                            WI_N_TOTALS);
        }
        for (; left; left &= left - 1) {
            size_t i = (size_t)__builtin_ctz(left);
            struct wi_flow now;
            view_flow_now(view, first + i, &now);
            view_tick_slot(view, first + i, was_known ? &before[i] : NULL, &now);
        }
        is_known = is_known && wi_columns_add_lanes(next, lanes->total, WI_N_TOTALS);
    }
    flows->newest ^= 1;
    flows->is_known[flows->newest] = is_known;
    flows->are_present = is_known;
    flows->block_number = 0;
}

static void view_tick_windows(struct segment_view *view)
{
    static const enum wi_kind kinds[] = {WI_CHANNEL, WI_SEMAPHORE, WI_TASK, WI_LOOP};
    if (!view->collection.n_measured && !view->n_windows) {
        return;
    }
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (size_t i = 0; i < view->n_order[kinds[k]]; i++) {
            view_tick_window(view, view->order[kinds[k]][i], 0);
            if (kinds[k] == WI_TASK || kinds[k] == WI_LOOP) {
                view_tick_window(view, view->order[kinds[k]][i], 1);
            }
        }
    }
}

/* Rates are those of two ticks from now on, not the history's. */
static void view_forget_warm(struct segment_view *view)
{
    for (size_t i = 0; i < view->n_warm; i++) {
        view->slots[view->warm[i].slot].is_warm = false;
    }
    free(view->warm);
    view->warm = NULL;
    view->n_warm = 0;
}

void wi_view_tick(struct segment_view *view, double seconds)
{
    wi_history_writer_begin_tick(view);
    view_forget_warm(view);
    view->flows.seconds = seconds;
    view_tick_slots(view);
    view_tick_windows(view);
    wi_view_tick_senders(view);
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
