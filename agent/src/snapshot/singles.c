/* SPDX-License-Identifier: MIT */
/* Single tasks as rows, and their sums for the kinds. */
#include "snapshot/state.h"

#include <stdio.h>
#include <string.h>

/* A task that is done is shown for a while, so that a person sees how it went. */
#define SINGLES_DONE_NANOS UINT64_C(6000000000)

static void singles_name(struct wi_process_view *view, size_t i, const struct wi_raw_single *raw)
{
    struct view_single *single = &view->singles[i];
    memset(single, 0, sizeof(*single));
    wi_collect_label(&view->collection, WI_SINGLES, i, single->name, sizeof(single->name));
    if (!single->name[0]) {
        snprintf(single->name, sizeof(single->name), "%.40s-%zu", view->slots[raw->kind].name, i);
    }
}

static void singles_add(struct view_more *more, const struct wi_raw_single *raw)
{
    const uint64_t parts[N_SINGLE_SUMS] = {raw->polls, raw->busy, raw->scheduled, raw->idle,
                                           raw->wakes};
    if (raw->state == WI_RAW_DONE) {
        return; /* its kind has its totals */
    }
    more->running += raw->state == WI_RAW_RUNNING;
    more->scheduled += raw->state == WI_RAW_SCHEDULED;
    more->idle += raw->state == WI_RAW_IDLE;
    for (int s = 0; s < N_SINGLE_SUMS; s++) {
        more->sum[s] += parts[s];
    }
}

/* Before the tasks themselves: one that ends in between is then missing rather than counted twice. */
static void singles_begin_kinds(struct wi_process_view *view)
{
    for (size_t k = 0; k < view->n_order[WI_TASK]; k++) {
        size_t id = view->order[WI_TASK][k];
        const struct wi_raw *raw = &view->collection.raws[id];
        struct view_more *more = raw->rejects[0] || raw->rejects[3]
                                     ? wi_process_view_more(view, id, raw->generation, WI_TASK)
                                     : view->slots[id].more;
        if (more) {
            more->running = more->scheduled = more->idle = 0;
            memcpy(more->sum, raw->rejects, 4 * sizeof(more->sum[0]));
            more->sum[SINGLE_WAKES] = raw->in_other;
        }
    }
}

static void singles_end_kinds(struct wi_process_view *view)
{
    for (size_t k = 0; view->n_more && k < view->n_order[WI_TASK]; k++) {
        struct view_more *more = view->slots[view->order[WI_TASK][k]].more;
        for (int s = 0; more && s < N_SINGLE_SUMS; s++) {
            more->high[s] = more->sum[s] > more->high[s] ? more->sum[s] : more->high[s];
        }
    }
}

enum weir_status wi_process_view_meet_singles(struct wi_process_view *view,
                                              struct weir_error *ret_error)
{
    void *blocks = view->singles;
    enum weir_status status = wi_process_view_block_room(
        view, WI_SINGLES, &blocks, sizeof(*view->singles), WI_SINGLE, ret_error);
    view->singles = blocks;
    view->n_order[WI_SINGLE] = 0;
    if (status != WEIR_OK) {
        return status;
    }
    singles_begin_kinds(view);
    for (size_t i = 0; i < view->collection.n_blocks[WI_SINGLES]; i++) {
        struct wi_raw_single raw;
        struct view_more *more =
            wi_collect_single(&view->collection, i, &raw)
                ? wi_process_view_more(view, raw.kind, raw.kind_generation, WI_TASK)
                : NULL;
        if (!more || (raw.state == WI_RAW_DONE && raw.in_state > SINGLES_DONE_NANOS)) {
            view->singles[i].generation = 0;
            continue;
        }
        if (view->singles[i].generation != raw.generation) {
            singles_name(view, i, &raw);
            view->singles[i].generation = raw.generation;
        }
        singles_add(more, &raw);
        view->order[WI_SINGLE][view->n_order[WI_SINGLE]++] = (uint32_t)i;
    }
    singles_end_kinds(view);
    return WEIR_OK;
}

void wi_process_view_tick_singles(struct wi_process_view *view, double seconds)
{
    for (size_t n = 0; n < view->n_order[WI_SINGLE]; n++) {
        size_t i = view->order[WI_SINGLE][n];
        struct view_single *single = &view->singles[i];
        struct wi_raw_single raw;
        if (!wi_collect_single(&view->collection, i, &raw) ||
            raw.generation != single->generation) {
            continue;
        }
        if (seconds > 0) {
            double busy = (double)view_minus(raw.busy, single->last_busy) / 1e9 / seconds;
            single->poll_rate = (double)view_minus(raw.polls, single->last_polls) / seconds;
            single->utilisation = busy < 1 ? busy : 1;
            single->has_rates = true;
        }
        single->last_polls = raw.polls;
        single->last_busy = raw.busy;
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* The row that a task waits for, by its id; 0: it is not there. */
static uint64_t singles_waits_for(const struct wi_process_view *view, uint64_t waits_for)
{
    uint64_t seat = (waits_for & UINT32_MAX) - 1;
    bool is_there = (waits_for & UINT32_MAX) && seat < view->collection.n && waits_for >> 32 &&
                    view->generations[seat] == waits_for >> 32;
    return is_there ? (waits_for >> 32) << 32 | seat : 0;
}

static void singles_waits(struct wi_process_view *view, size_t i, unsigned which,
                          struct wi_row *row, int first)
{
    const struct weir_histogram *all = &view->scratch;
    uint64_t count = 0;
    if (!wi_collect_single_histogram(&view->collection, i, which, &view->scratch)) {
        return;
    }
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        count += all->bucket[b];
    }
    put_u64(row, first, count);
    if (count) {
        put_nanos(row, first + 1, wi_histogram_quantile(all, 0.5));
        put_nanos(row, first + 2, wi_histogram_quantile(all, 0.99));
        put_nanos(row, first + 3, all->max);
    }
}

/* One whose block was taken by another since the reading is shown as done. */
void wi_process_view_build_single(struct wi_process_view *view, size_t i, struct wi_row *row)
{
    static const char *const states[] = {"idle", "scheduled", "running", "done"};
    const struct view_single *single = &view->singles[i];
    struct wi_raw_single raw;
    memset(row, 0, sizeof(*row));
    row->id = (uint64_t)single->generation << 32 | i;
    row->name = single->name;
    if (!wi_collect_single(&view->collection, i, &raw) || raw.generation != single->generation ||
        raw.kind >= view->collection.n) {
        put_text(row, WI_SINGLE_STATE, "done");
        return;
    }
    put_text(row, WI_SINGLE_STATE, states[raw.state]);
    put_text(row, WI_SINGLE_KIND, view->slots[raw.kind].name);
    uint64_t waits_for = singles_waits_for(view, raw.waits_for);
    if (waits_for) {
        put_text(row, WI_SINGLE_WAITS_FOR, view->slots[waits_for & UINT32_MAX].name);
    }
    if (view->collection.now_ticks) {
        put_nanos(row, WI_SINGLE_IN_STATE, raw.in_state);
        put_nanos(row, WI_SINGLE_AGE, raw.age);
    }
    put_u64(row, WI_SINGLE_POLLS, raw.polls);
    put_nanos(row, WI_SINGLE_BUSY, raw.busy);
    put_nanos(row, WI_SINGLE_SCHEDULED, raw.scheduled);
    put_nanos(row, WI_SINGLE_IDLE, raw.idle);
    put_u64(row, WI_SINGLE_WAKES, raw.wakes);
    put_u64(row, WI_SINGLE_SELF_WAKES, raw.self_wakes);
    if (single->has_rates) {
        put_f64(row, WI_SINGLE_POLL_RATE, single->poll_rate);
        put_f64(row, WI_SINGLE_UTILISATION, single->utilisation);
    }
    singles_waits(view, i, 0, row, WI_SINGLE_POLL);
    singles_waits(view, i, 1, row, WI_SINGLE_DELAY);
    if (view->slots[raw.kind].source) {
        put_text(row, WI_SINGLE_SOURCE, view->slots[raw.kind].source);
    }
}

/* A block that was taken since the reading is the new task's: one that lives for less than a reading lasts
 * would else never be seen. */
static bool singles_meet_now(struct wi_process_view *view, size_t i, struct wi_raw_single *ret_raw)
{
    if (!wi_collect_single(&view->collection, i, ret_raw) ||
        (ret_raw->state == WI_RAW_DONE && ret_raw->in_state > SINGLES_DONE_NANOS) ||
        ret_raw->kind >= view->collection.n || !ret_raw->kind_generation ||
        view->generations[ret_raw->kind] != ret_raw->kind_generation) {
        return false;
    }
    if (view->singles[i].generation != ret_raw->generation) {
        uint32_t generation = ret_raw->generation;
        singles_name(view, i, ret_raw);
        view->singles[i].generation = generation;
        return wi_collect_single(&view->collection, i, ret_raw) &&
               ret_raw->generation == generation && ret_raw->kind < view->collection.n;
    }
    return true;
}

bool wi_process_view_task(const struct wi_process_view *const_view, size_t seat,
                          struct wi_task_sample *ret_sample)
{
    static const enum wi_task_sample_state states[] = {
        [WI_RAW_IDLE] = WI_TASK_SAMPLE_IDLE,
        [WI_RAW_SCHEDULED] = WI_TASK_SAMPLE_SCHEDULED,
        [WI_RAW_RUNNING] = WI_TASK_SAMPLE_RUNNING,
        [WI_RAW_DONE] = WI_TASK_SAMPLE_DONE,
    };
    struct wi_process_view *view = (struct wi_process_view *)(uintptr_t)const_view;
    struct wi_raw_single raw;
    memset(ret_sample, 0, sizeof(*ret_sample));
    if (seat >= wi_process_view_n_seats(view, WI_SINGLE) || !singles_meet_now(view, seat, &raw)) {
        return false;
    }
    ret_sample->id = (uint64_t)raw.generation << 32 | seat;
    ret_sample->name = view->singles[seat].name;
    ret_sample->kind = view->slots[raw.kind].name;
    ret_sample->source = view->slots[raw.kind].source;
    ret_sample->state = states[raw.state];
    ret_sample->waits_for = singles_waits_for(view, raw.waits_for);
    ret_sample->polls = raw.polls;
    ret_sample->wakes = raw.wakes;
    ret_sample->self_wakes = raw.self_wakes;
    ret_sample->busy = view_minus(raw.busy, raw.state == WI_RAW_RUNNING ? raw.in_state : 0);
    ret_sample->scheduled =
        view_minus(raw.scheduled, raw.state == WI_RAW_SCHEDULED ? raw.in_state : 0);
    ret_sample->in_state = raw.in_state;
    ret_sample->age = raw.age;
    return true;
}
