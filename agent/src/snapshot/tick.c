/* SPDX-License-Identifier: MIT */
/* What moves on with time, about once a second: rates, ages, waits, warnings. */
#include "snapshot/state.h"

#include <stdlib.h>
#include <string.h>

void wi_world_watch(struct world_slot *slot, const struct wi_raw *raw)
{
    if (raw->kind == WI_CHANNEL) {
        uint64_t depth = world_channel_depth(raw);
        slot->peak = depth > slot->peak ? depth : slot->peak;
        slot->peak = raw->out_other > slot->peak ? raw->out_other : slot->peak;
    } else if (raw->kind == WI_SEMAPHORE) {
        uint64_t taken = world_permits_taken(raw);
        slot->peak = taken > slot->peak ? taken : slot->peak;
    }
}

uint64_t wi_world_loop_times(const struct wi_world *world, size_t id, uint64_t ret_spent[2])
{
    const struct wi_raw *raw = &world->collection.raws[id];
    uint64_t since = raw->in_other;
    uint64_t now = world->collection.now_ticks;
    uint64_t elapsed = since && now > since ? wi_collect_nanos(&world->collection, now - since) : 0;
    ret_spent[0] = raw->leaving[WI_LOOP_WORD_IDLE] + (since & 1 ? 0 : elapsed);
    ret_spent[1] = raw->entering[WI_LOOP_WORD_BUSY] + (since & 1 ? elapsed : 0);
    return since & 1 ? elapsed : 0;
}

/* The three counters whose rates are shown, for each kind. */
static void world_rated(const struct wi_world *world, size_t id, uint64_t ret_counts[N_RATES])
{
    const struct wi_raw *raw = &world->collection.raws[id];
    ret_counts[RATE_IN] = raw->entering[0];
    ret_counts[RATE_OUT] = 0;
    ret_counts[RATE_REJECTS] = world_rejects(raw);
    if (raw->kind == WI_CHANNEL) {
        ret_counts[RATE_IN] = world_channel_sent(raw);
        ret_counts[RATE_OUT] = raw->leaving[1];
    } else if (raw->kind == WI_SEMAPHORE) {
        ret_counts[RATE_IN] = raw->entering[2];
    } else if (raw->kind == WI_TASK) {
        ret_counts[RATE_OUT] = world_finished(raw);
        ret_counts[RATE_REJECTS] = 0;
    } else if (raw->kind == WI_LOOP) {
        uint64_t spent[2];
        wi_world_loop_times(world, id, spent);
        ret_counts[RATE_OUT] = spent[1];
        ret_counts[RATE_REJECTS] = spent[0];
    }
}

static void world_tick_age(struct wi_world *world, struct world_slot *slot,
                           const struct wi_raw *raw, uint64_t sent_before)
{
    if ((raw->flags & WI_SLOT_UNORDERED) || world_channel_depth(raw) == 0) {
        if (slot->age) {
            free(slot->age);
            slot->age = NULL;
            world->n_ages--;
        }
        return;
    }
    if (!slot->age && world->n_ages < WORLD_MAX_AGES) {
        slot->age = calloc(1, sizeof(*slot->age));
        world->n_ages += slot->age != NULL;
        if (slot->age && world->tick_before) {
            wi_age_add(slot->age, world->tick_before, sent_before);
        }
    }
    if (slot->age && !world->past.has_ended) {
        wi_age_add(slot->age, world->tick_nanos, raw->entering[0]);
    }
}

static void world_tick_waits(struct wi_world *world, size_t id, unsigned which)
{
    struct world_slot *slot = &world->slots[id];
    struct weir_histogram *all = &world->scratch;
    if (!wi_collect_histogram(&world->collection, id, which, all)) {
        return;
    }
    if (!slot->window[which] && world->n_windows < WORLD_MAX_WINDOWS) {
        slot->window[which] = calloc(1, sizeof(*slot->window[which]));
        world->n_windows += slot->window[which] != NULL;
    }
    struct weir_histogram recent = *all;
    if (slot->window[which]) {
        wi_window_turn(slot->window[which], world->now_nanos, all);
        wi_window_recent(slot->window[which], all, &recent);
    }
    struct world_waits *waits = &slot->waits[which];
    waits->count = 0;
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        waits->count += all->bucket[b];
    }
    waits->p50 = wi_histogram_quantile(all, 0.5);
    waits->p99 = wi_histogram_quantile(&recent, 0.99);
    waits->max = all->max;
}

static void world_tick_slot(struct wi_world *world, size_t id, double seconds)
{
    struct world_slot *slot = &world->slots[id];
    const struct wi_raw *raw = &world->collection.raws[id];
    uint64_t counts[N_RATES];
    uint64_t before = slot->last[RATE_IN];
    wi_world_watch(slot, raw);
    world_rated(world, id, counts);
    for (int r = 0; r < N_RATES; r++) {
        slot->rate[r] = seconds > 0 ? (double)world_minus(counts[r], slot->last[r]) / seconds : 0;
        slot->last[r] = counts[r];
    }
    if (raw->kind == WI_CHANNEL) {
        world_tick_age(world, slot, raw, slot->has_rates ? before + raw->unsent : 0);
        if (slot->was_there && raw->capacity != WEIR_UNBOUNDED &&
            world_channel_depth(raw) >= raw->capacity) {
            slot->limit_seconds += seconds;
        }
    } else if (raw->kind == WI_SEMAPHORE && slot->was_there && raw->capacity > 0 &&
               world_permits_taken(raw) >= raw->capacity) {
        slot->limit_seconds += seconds;
    }
    if (raw->kind <= WI_TASK || raw->kind == WI_LOOP) {
        world_tick_waits(world, id, 0);
    }
    if (raw->kind == WI_TASK || raw->kind == WI_LOOP) {
        world_tick_waits(world, id, 1);
    }
    slot->has_rates = slot->has_rates || world->has_ticked;
    slot->was_there = true;
}

void wi_world_tick(struct wi_world *world)
{
    double seconds = world->has_ticked ? (double)(world->now_nanos - world->tick_nanos) / 1e9 : 0;
    world->tick_before = world->has_ticked ? world->tick_nanos : 0;
    world->tick_nanos = world->now_nanos;
    wi_past_begin_tick(world);
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        for (size_t i = 0; wi_kind_has_slots(kind) && i < world->n_order[kind]; i++) {
            world_tick_slot(world, world->order[kind][i], seconds);
        }
    }
    wi_world_tick_singles(world, seconds);
    bool is_self = wi_source_is_self(world->source);
    if (wi_world_state(world) == WI_STATE_RUNNING && (is_self || world->facts.is_seen)) {
        wi_process_read(&world->process, is_self ? 0 : world->facts.pid);
    } else {
        wi_past_facts(world);
    }
    world->rejects = wi_world_sum_rejects(world);
    if (seconds > 0) {
        world->rejects_rate = (double)world_minus(world->rejects, world->rejects_last) / seconds;
        world->cpu_ratio = (world->process.cpu_seconds - world->cpu_last) / seconds;
        world->has_rates = true;
    }
    world->rejects_last = world->rejects;
    world->cpu_last = world->process.cpu_seconds;
    world->has_ticked = true;
    wi_past_end_tick(world);
    wi_finding_update(world->finding, world);
}

uint64_t wi_world_sum_rejects(struct wi_world *world)
{
    uint64_t sum = 0;
    world->has_counter = false;
    for (size_t i = 0; i < world->n_order[WI_COUNTER]; i++) {
        size_t id = world->order[WI_COUNTER][i];
        if (strcmp(world->slots[id].name, WORLD_REJECTS) == 0) {
            world->has_counter = true;
            sum += world->collection.raws[id].entering[0];
        }
    }
    for (int kind = WI_CHANNEL; !world->has_counter && kind <= WI_SEMAPHORE; kind++) {
        for (size_t i = 0; i < world->n_order[kind]; i++) {
            sum += world_rejects(&world->collection.raws[world->order[kind][i]]);
        }
    }
    return sum;
}
