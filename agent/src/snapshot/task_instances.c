/* SPDX-License-Identifier: MIT */
/*
 * Single tasks as rows, and their sums for the kinds.
 *
 * At each refresh all blocks are read in turn. A block that holds a living task, or one that ended
 * less than 6 s ago, gets a row; its name is read when its generation is new. The sums of a kind
 * begin with the totals of its finished tasks, which are read first, and the living tasks are
 * added. A reading may miss a task that ends in between, so the greatest sum so far is kept, and no
 * counter falls.
 *
 * Rates move on with the tick, from the times at the tick before. When a row is built its block is
 * read again: if it has another task by then, the row shows the old one as finished. The view owns
 * the array, by block. The exporter's thread.
 */
#include "snapshot/state.h"

#include <stdio.h>
#include <string.h>

/* A finished task is shown for a while, so that the user sees how it went. */
#define SINGLES_DONE_NANOS UINT64_C(6000000000)

static void instances_name(struct segment_view *view, size_t i,
                           const struct wi_raw_task_instance *raw)
{
    struct view_task_instance *instance = &view->instances[i];
    memset(instance, 0, sizeof(*instance));
    wi_collect_label(&view->collection, WI_TASK_INSTANCES, i, instance->name,
                     sizeof(instance->name));
    if (!instance->name[0]) {
        snprintf(instance->name, sizeof(instance->name), "%.40s-%zu", wi_view_name(view, raw->kind),
                 i);
    }
}

static void instances_add(struct view_more *more, const struct wi_raw_task_instance *raw)
{
    const uint64_t parts[N_INSTANCE_SUMS] = {raw->polls, raw->busy, raw->scheduled, raw->idle,
                                             raw->wakes};
    if (raw->state == WI_RAW_DONE) {
        return; /* its kind has its totals */
    }
    more->running += raw->state == WI_RAW_RUNNING;
    more->scheduled += raw->state == WI_RAW_SCHEDULED;
    more->idle += raw->state == WI_RAW_IDLE;
    for (int s = 0; s < N_INSTANCE_SUMS; s++) {
        more->sum[s] += parts[s];
    }
}

/* Read before the tasks themselves: a task that ends in between is then missing rather than counted
 * twice. */
static void instances_begin_kinds(struct segment_view *view)
{
    for (size_t k = 0; k < view->n_order[WI_TASK]; k++) {
        size_t id = view->order[WI_TASK][k];
        const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
        struct view_more *more = raw->rejects[0] || raw->rejects[3]
                                     ? wi_view_more(view, id, (uint32_t)raw->generation, WI_TASK)
                                     : view_more(&view->slots[id]);
        if (more) {
            more->running = more->scheduled = more->idle = 0;
            memcpy(more->sum, raw->rejects, 4 * sizeof(more->sum[0]));
            more->sum[INSTANCE_WAKES] = raw->in_other;
        }
    }
}

static void instances_end_kinds(struct segment_view *view)
{
    for (size_t k = 0; view->n_more && k < view->n_order[WI_TASK]; k++) {
        struct view_more *more = view_more(&view->slots[view->order[WI_TASK][k]]);
        for (int s = 0; more && s < N_INSTANCE_SUMS; s++) {
            more->high[s] = more->sum[s] > more->high[s] ? more->sum[s] : more->high[s];
        }
    }
}

void wi_view_meet_task_instances(struct segment_view *view)
{
    view->n_order[WI_TASK_INSTANCE] = 0;
    instances_begin_kinds(view);
    for (size_t i = 0; i < view->collection.n_blocks[WI_TASK_INSTANCES]; i++) {
        struct wi_raw_task_instance raw;
        struct view_more *more = wi_collect_task_instance(&view->collection, i, &raw)
                                     ? wi_view_more(view, raw.kind, raw.kind_generation, WI_TASK)
                                     : NULL;
        if (!more || (raw.state == WI_RAW_DONE && raw.in_state > SINGLES_DONE_NANOS)) {
            view->instances[i].generation = 0;
            continue;
        }
        if (view->instances[i].generation != raw.generation) {
            instances_name(view, i, &raw);
            view->instances[i].generation = raw.generation;
        }
        instances_add(more, &raw);
        view->order[WI_TASK_INSTANCE][view->n_order[WI_TASK_INSTANCE]++] = (uint32_t)i;
    }
    instances_end_kinds(view);
}

void wi_view_tick_task_instances(struct segment_view *view, double seconds)
{
    for (size_t n = 0; n < view->n_order[WI_TASK_INSTANCE]; n++) {
        size_t i = view->order[WI_TASK_INSTANCE][n];
        struct view_task_instance *instance = &view->instances[i];
        struct wi_raw_task_instance raw;
        if (!wi_collect_task_instance(&view->collection, i, &raw) ||
            raw.generation != instance->generation) {
            continue;
        }
        if (seconds > 0) {
            double busy = (double)view_minus(raw.busy, instance->last_busy) / 1e9 / seconds;
            instance->poll_rate = (double)view_minus(raw.polls, instance->last_polls) / seconds;
            instance->utilisation = busy < 1 ? busy : 1;
            instance->has_rates = true;
        }
        instance->last_polls = raw.polls;
        instance->last_busy = raw.busy;
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* The row that a task waits for, by its id; 0: it is not there. */
static uint64_t instances_waits_for(const struct segment_view *view, uint64_t waits_for)
{
    uint64_t slot_index = (waits_for & UINT32_MAX) - 1;
    bool is_there = (waits_for & UINT32_MAX) && slot_index < view->collection.n &&
                    waits_for >> 32 && view->generations[slot_index] == waits_for >> 32;
    return is_there ? (waits_for >> 32) << 32 | slot_index : 0;
}

static void instances_waits(struct segment_view *view, size_t i, unsigned which, struct wi_row *row,
                            int first)
{
    const struct weir_histogram *all = &view->scratch;
    uint64_t count = 0;
    if (!wi_collect_task_instance_histogram(&view->collection, i, which, &view->scratch)) {
        return;
    }
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        count += all->bucket[b];
    }
    wi_row_put_u64(row, first, count);
    if (count) {
        wi_row_put_nanos(row, first + 1, wi_histogram_quantile(all, 0.5));
        wi_row_put_nanos(row, first + 2, wi_histogram_quantile(all, 0.99));
        wi_row_put_nanos(row, first + 3, all->max);
    }
}

/* A task whose block has another task since the reading is shown as finished. */
void wi_view_build_task_instance(struct segment_view *view, size_t i, struct wi_row *row)
{
    static const char *const states[] = {"idle", "scheduled", "running", "done"};
    const struct view_task_instance *instance = &view->instances[i];
    struct wi_raw_task_instance raw;
    row->id = (uint64_t)instance->generation << 32 | i;
    row->name = instance->name;
    if (!wi_collect_task_instance(&view->collection, i, &raw) ||
        raw.generation != instance->generation || raw.kind >= view->collection.n) {
        wi_row_put_text(row, WI_TASK_INSTANCE_STATE, "done");
        return;
    }
    wi_row_put_text(row, WI_TASK_INSTANCE_STATE, states[raw.state]);
    wi_row_put_text(row, WI_TASK_INSTANCE_KIND, wi_view_name(view, raw.kind));
    uint64_t waits_for = instances_waits_for(view, raw.waits_for);
    if (waits_for) {
        wi_row_put_text(row, WI_TASK_INSTANCE_WAITS_FOR,
                        wi_view_name(view, waits_for & UINT32_MAX));
    }
    if (view->collection.now_ticks) {
        wi_row_put_nanos(row, WI_TASK_INSTANCE_IN_STATE, raw.in_state);
        wi_row_put_nanos(row, WI_TASK_INSTANCE_AGE, raw.age);
    }
    wi_row_put_u64(row, WI_TASK_INSTANCE_POLLS, raw.polls);
    wi_row_put_nanos(row, WI_TASK_INSTANCE_BUSY, raw.busy);
    wi_row_put_nanos(row, WI_TASK_INSTANCE_SCHEDULED, raw.scheduled);
    wi_row_put_nanos(row, WI_TASK_INSTANCE_IDLE, raw.idle);
    wi_row_put_u64(row, WI_TASK_INSTANCE_WAKES, raw.wakes);
    wi_row_put_u64(row, WI_TASK_INSTANCE_SELF_WAKES, raw.self_wakes);
    if (instance->has_rates) {
        wi_row_put_f64(row, WI_TASK_INSTANCE_POLL_RATE, instance->poll_rate);
        wi_row_put_f64(row, WI_TASK_INSTANCE_UTILISATION, instance->utilisation);
    }
    instances_waits(view, i, 0, row, WI_TASK_INSTANCE_POLL);
    instances_waits(view, i, 1, row, WI_TASK_INSTANCE_DELAY);
    wi_row_put_text(row, WI_TASK_INSTANCE_SOURCE, wi_view_source(view, raw.kind));
}

/* A block that was taken since the reading belongs to the new task. Otherwise a task that lives for
 * less than the time between readings would never be seen. */
static bool instances_meet_now(struct segment_view *view, size_t i,
                               struct wi_raw_task_instance *ret_raw)
{
    if (!wi_collect_task_instance(&view->collection, i, ret_raw) ||
        (ret_raw->state == WI_RAW_DONE && ret_raw->in_state > SINGLES_DONE_NANOS) ||
        ret_raw->kind >= view->collection.n || !ret_raw->kind_generation ||
        view->generations[ret_raw->kind] != ret_raw->kind_generation) {
        return false;
    }
    if (view->instances[i].generation != ret_raw->generation) {
        uint32_t generation = ret_raw->generation;
        instances_name(view, i, ret_raw);
        view->instances[i].generation = generation;
        return wi_collect_task_instance(&view->collection, i, ret_raw) &&
               ret_raw->generation == generation && ret_raw->kind < view->collection.n;
    }
    return true;
}

bool wi_view_task(struct segment_view *view, size_t slot_index, struct wi_task_sample *ret_sample)
{
    static const enum wi_task_sample_state states[] = {
        [WI_RAW_IDLE] = WI_TASK_SAMPLE_IDLE,
        [WI_RAW_SCHEDULED] = WI_TASK_SAMPLE_SCHEDULED,
        [WI_RAW_RUNNING] = WI_TASK_SAMPLE_RUNNING,
        [WI_RAW_DONE] = WI_TASK_SAMPLE_DONE,
    };
    struct wi_raw_task_instance raw;
    if (slot_index >= wi_view_n_slots(view, WI_TASK_INSTANCE) ||
        !instances_meet_now(view, slot_index, &raw)) {
        return false;
    }
    ret_sample->id = (uint64_t)raw.generation << 32 | slot_index;
    ret_sample->name = view->instances[slot_index].name;
    ret_sample->kind = wi_view_name(view, raw.kind);
    ret_sample->source = wi_view_source(view, raw.kind);
    ret_sample->state = states[raw.state];
    ret_sample->waits_for = instances_waits_for(view, raw.waits_for);
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
