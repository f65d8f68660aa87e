/* SPDX-License-Identifier: MIT */
/*
 * The inside of a world, for the files that make it up: world.c (life, refresh), tick.c (what moves
 * on with time) and rows.c (what is shown). Not for anybody else.
 */
#ifndef WI_SNAPSHOT_STATE_H
#define WI_SNAPSHOT_STATE_H

#include "finding/finding.h"
#include "snapshot/collect.h"
#include "snapshot/memory.h"
#include "snapshot/process.h"
#include "snapshot/world.h"

#define WORLD_TICK_NANOS   UINT64_C(900000000)
#define WORLD_MAX_AGES     1024
#define WORLD_MAX_WINDOWS  1024
#define WORLD_MAX_WARNINGS 64
#define WORLD_REJECTS      "backpressure_rejects"

/* Counters whose rates are kept. */
enum { RATE_IN, RATE_OUT, RATE_REJECTS, N_RATES };

/* A measure's quantiles as of the last tick, in nanoseconds; p99 of the last 10 to 20 seconds. */
struct world_waits {
    uint64_t count, p50, p99, max;
};

/* What is remembered of one handle. */
struct world_slot {
    bool has_rates;
    bool was_there; /* at the tick before */
    uint64_t last[N_RATES];
    double rate[N_RATES];
    uint64_t peak; /* channel: highest depth; semaphore: most permits taken */
    double limit_seconds;
    char *name; /* its own, with the source place behind it */
    const char *source;
    struct wi_age *age;
    struct wi_window *window[2];
    struct world_waits waits[2];
};

struct wi_world {
    struct wi_source *source;
    struct wi_collection collection;
    struct wi_facts facts;
    struct wi_self self;
    struct wi_process process;
    struct wi_finding *finding;
    struct world_slot *slots;
    uint32_t *generations; /* of the slots, side by side */
    size_t n_slots;
    size_t n_seen;               /* slots at the last refresh that met them all */
    uint32_t *order[WI_N_KINDS]; /* ids by kind */
    size_t n_order[WI_N_KINDS];
    size_t room_order;
    size_t n_ages, n_windows;
    uint64_t refreshes;
    uint64_t now_nanos, tick_nanos, tick_before;
    int64_t unix_nanos;
    uint64_t rejects, rejects_last;
    double rejects_rate, cpu_last, cpu_ratio;
    bool has_ticked, has_rates, has_counter;
    struct wi_row process_row, agent_row, rows[WI_N_KINDS];
    struct wi_row warnings[WORLD_MAX_WARNINGS];
    char warning_texts[WORLD_MAX_WARNINGS][2][256];
    size_t n_warnings;
    struct weir_histogram scratch;
};

static inline uint64_t world_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static inline uint64_t world_discarded(const struct wi_raw *raw)
{
    return raw->discarded[0] + raw->discarded[1] + raw->discarded[2];
}

static inline uint64_t world_channel_depth(const struct wi_raw *raw)
{
    uint64_t left = raw->leaving[1] + world_discarded(raw) + raw->in_other;
    return world_minus(raw->entering[0], left);
}

static inline uint64_t world_rejects(const struct wi_raw *raw)
{
    return raw->rejects[0] + raw->rejects[1] + raw->rejects[2] + raw->rejects[3];
}

static inline uint64_t world_permits_taken(const struct wi_raw *raw)
{
    uint64_t taken = world_minus(raw->entering[0], raw->leaving[1]);
    return taken < raw->capacity ? taken : raw->capacity;
}

static inline uint64_t world_finished(const struct wi_raw *raw)
{
    return raw->leaving[3] + raw->leaving[4] + raw->leaving[5];
}

/* Highest and lowest, as far as somebody looked: on each tick, and whenever a row is shown. */
void wi_world_watch(struct world_slot *slot, const struct wi_raw *raw);

/* Moves rates, ages, waits, growth and warnings on to now_nanos. */
void wi_world_tick(struct wi_world *world);

/* The number in the screen's header: one refusal counted once, where it happens. */
uint64_t wi_world_sum_rejects(struct wi_world *world);

#endif
