/* SPDX-License-Identifier: MIT */
/*
 * The world: collected counts become rows. Counts are read at every refresh; what needs time (rates,
 * ages, growth, warnings) moves on a tick about once a second. A row is built when somebody asks for
 * it, so that reading 100,000 handles costs no more than their counts.
 */
#include "snapshot/world.h"

#include "finding/finding.h"
#include "hook/clock.h"
#include "segment/file.h"
#include "snapshot/collect.h"
#include "snapshot/memory.h"
#include "snapshot/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    struct wi_row *row;
    uint64_t built; /* the refresh that the row is of */
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
    uint32_t *order[WI_PROCESS]; /* ids by kind */
    size_t n_order[WI_PROCESS];
    size_t room_order;
    size_t n_ages, n_windows, n_rows;
    uint64_t refreshes;
    uint64_t now_nanos, tick_nanos, tick_before;
    int64_t unix_nanos;
    uint64_t rejects, rejects_last;
    double rejects_rate, cpu_last, cpu_ratio;
    bool has_ticked, has_rates, has_counter;
    struct wi_row process_row, agent_row, spare_row;
    struct wi_row warnings[WORLD_MAX_WARNINGS];
    char warning_texts[WORLD_MAX_WARNINGS][2][256];
    size_t n_warnings;
    struct weir_histogram scratch;
};

/* ---- open and close ------------------------------------------------------------------------ */

static enum weir_status world_create(struct wi_source *taken_source, struct wi_world **ret_world,
                                     struct weir_error *ret_error)
{
    struct wi_world *world = calloc(1, sizeof(*world));
    if (!world || wi_finding_create(&world->finding) != WEIR_OK) {
        free(world);
        wi_source_close(taken_source);
        wi_error_set(ret_error, "out of memory");
        return WEIR_E_MEMORY;
    }
    world->source = taken_source;
    struct wi_view before;
    struct wi_view view;
    enum weir_status status = wi_source_read(taken_source, &before, &view, ret_error);
    if (status != WEIR_OK) {
        wi_world_close(world);
        return status;
    }
    const struct wi_header *header = (const struct wi_header *)(const void *)view.bytes;
    char text[WI_PROGRAM_MAX];
    memcpy(text, header->name, sizeof(header->name));
    text[WEIR_NAME_MAX] = '\0';
    wi_text_clean(world->facts.name, sizeof(world->facts.name), text);
    memcpy(text, header->program, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    wi_text_clean(world->facts.program, sizeof(world->facts.program), text);
    memcpy(text, header->version, sizeof(header->version));
    text[sizeof(header->version) - 1] = '\0';
    wi_text_clean(world->facts.version, sizeof(world->facts.version), text);
    snprintf(world->facts.path, sizeof(world->facts.path), "%s", wi_source_path(taken_source));
    world->facts.pid = header->pid;
    world->facts.start_ticks = header->start_ticks;
    world->facts.started_unix_nanos = header->started_unix_nanos;
    world->facts.opened_unix_nanos = header->opened_unix_nanos;
    *ret_world = world;
    return WEIR_OK;
}

enum weir_status wi_world_open_self(struct wi_world **ret_world, struct weir_error *ret_error)
{
    struct wi_source *source;
    enum weir_status status = wi_source_open_self(&source, ret_error);
    return status == WEIR_OK ? world_create(source, ret_world, ret_error) : status;
}

enum weir_status wi_world_open_file(const char *path, struct wi_world **ret_world,
                                    struct weir_error *ret_error)
{
    struct wi_source *source;
    enum weir_status status = wi_source_open_file(path, &source, ret_error);
    return status == WEIR_OK ? world_create(source, ret_world, ret_error) : status;
}

static void world_slot_forget(struct wi_world *world, struct world_slot *slot)
{
    world->n_ages -= slot->age != NULL;
    world->n_rows -= slot->row != NULL;
    for (int which = 0; which < 2; which++) {
        world->n_windows -= slot->window[which] != NULL;
        free(slot->window[which]);
    }
    free(slot->age);
    free(slot->name);
    free(slot->row);
    memset(slot, 0, sizeof(*slot));
}

void wi_world_close(struct wi_world *world)
{
    if (!world) {
        return;
    }
    for (size_t i = 0; i < world->n_slots; i++) {
        world_slot_forget(world, &world->slots[i]);
    }
    for (int kind = 0; kind < WI_PROCESS; kind++) {
        free(world->order[kind]);
    }
    free(world->slots);
    free(world->generations);
    wi_finding_destroy(world->finding);
    wi_collection_finish(&world->collection);
    wi_source_close(world->source);
    free(world);
}

/* ---- counts of one slot -------------------------------------------------------------------- */

static uint64_t world_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t world_discarded(const struct wi_raw *raw)
{
    return raw->discarded[0] + raw->discarded[1] + raw->discarded[2];
}

static uint64_t world_channel_depth(const struct wi_raw *raw)
{
    uint64_t left = raw->leaving[1] + world_discarded(raw) + raw->in_other;
    return world_minus(raw->entering[0], left);
}

static uint64_t world_rejects(const struct wi_raw *raw)
{
    return raw->rejects[0] + raw->rejects[1] + raw->rejects[2] + raw->rejects[3];
}

static uint64_t world_permits_taken(const struct wi_raw *raw)
{
    uint64_t taken = world_minus(raw->entering[0], raw->leaving[1]);
    return taken < raw->capacity ? taken : raw->capacity;
}

static uint64_t world_finished(const struct wi_raw *raw)
{
    return raw->leaving[3] + raw->leaving[4] + raw->leaving[5];
}

/* The three counters whose rates are shown, for each kind. */
static void world_rated(const struct wi_raw *raw, uint64_t ret_counts[N_RATES])
{
    ret_counts[RATE_IN] = raw->entering[0];
    ret_counts[RATE_OUT] = 0;
    ret_counts[RATE_REJECTS] = world_rejects(raw);
    if (raw->kind == WI_CHANNEL) {
        ret_counts[RATE_IN] = world_minus(raw->entering[0], raw->unsent);
        ret_counts[RATE_OUT] = raw->leaving[1];
    } else if (raw->kind == WI_SEMAPHORE) {
        ret_counts[RATE_IN] = raw->entering[2];
    } else if (raw->kind == WI_TASK) {
        ret_counts[RATE_OUT] = world_finished(raw);
    }
}

/* ---- refresh ------------------------------------------------------------------------------- */

static enum weir_status world_make_room(struct wi_world *world, struct weir_error *ret_error)
{
    size_t n = world->collection.n;
    if (n > world->n_slots) {
        struct world_slot *slots = realloc(world->slots, n * sizeof(*slots));
        if (!slots) {
            goto failed;
        }
        memset(slots + world->n_slots, 0, (n - world->n_slots) * sizeof(*slots));
        world->slots = slots;
        uint32_t *generations = realloc(world->generations, n * sizeof(*generations));
        if (!generations) {
            goto failed;
        }
        memset(generations + world->n_slots, 0, (n - world->n_slots) * sizeof(*generations));
        world->generations = generations;
        world->n_slots = n;
    }
    for (int kind = 0; kind < WI_PROCESS && n > world->room_order; kind++) {
        uint32_t *order = realloc(world->order[kind], n * sizeof(*order));
        if (!order) {
            goto failed;
        }
        world->order[kind] = order;
    }
    world->room_order = n > world->room_order ? n : world->room_order;
    return WEIR_OK;
failed:
    wi_error_set(ret_error, "no memory for %zu rows", n);
    return WEIR_E_MEMORY;
}

/* A handle that was not there before: its texts are read once. */
static enum weir_status world_slot_meet(struct wi_world *world, size_t id,
                                        struct weir_error *ret_error)
{
    struct world_slot *slot = &world->slots[id];
    const struct weir_slot_head *head = wi_collect_head(&world->collection, id);
    char name[WEIR_NAME_MAX + 1];
    char file[WEIR_NAME_MAX + 1];
    enum weir_status status = wi_collect_string(&world->collection.view, head ? head->name : 0,
                                                name, sizeof(name), ret_error);
    if (status == WEIR_OK) {
        status = wi_collect_string(&world->collection.view,
                                   head ? __atomic_load_n(&head->source, __ATOMIC_RELAXED) : 0,
                                   file, sizeof(file), ret_error);
    }
    if (status != WEIR_OK) {
        return status;
    }
    size_t length = strlen(name) + 1;
    size_t room = length + strlen(file) + sizeof(":4294967295");
    slot->name = malloc(room);
    if (!slot->name) {
        wi_error_set(ret_error, "no memory for a name");
        return WEIR_E_MEMORY;
    }
    memcpy(slot->name, name, length);
    if (file[0] && head) {
        snprintf(slot->name + length, room - length, "%s:%" PRIu32, file,
                 __atomic_load_n(&head->source_line, __ATOMIC_RELAXED));
        slot->source = slot->name + length;
    }
    return WEIR_OK;
}

/* Highest and lowest, as far as somebody looked: on each tick, and whenever a row is shown. */
static void world_slot_watch(struct world_slot *slot, const struct wi_raw *raw)
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

/* Meets new handles, forgets closed ones. Touches little where nothing has changed. */
static enum weir_status world_sort_slots(struct wi_world *world, struct weir_error *ret_error)
{
    bool has_changed = world->refreshes == 0;
    for (size_t id = 0; id < world->n_slots; id++) {
        uint32_t generation = id < world->collection.n ? world->collection.raws[id].generation : 0;
        if (world->generations[id] == generation) {
            continue;
        }
        has_changed = true;
        world->generations[id] = 0;
        world_slot_forget(world, &world->slots[id]);
        if (generation) {
            enum weir_status status = world_slot_meet(world, id, ret_error);
            if (status != WEIR_OK) {
                return status;
            }
            world->generations[id] = generation;
        }
    }
    if (has_changed) {
        memset(world->n_order, 0, sizeof(world->n_order));
        for (size_t id = 0; id < world->n_slots; id++) {
            if (world->generations[id]) {
                uint8_t kind = world->collection.raws[id].kind;
                world->order[kind][world->n_order[kind]++] = (uint32_t)id;
            }
        }
    }
    return WEIR_OK;
}

/* ---- the tick ------------------------------------------------------------------------------ */

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
    if (slot->age) {
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
    world_slot_watch(slot, raw);
    world_rated(raw, counts);
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
    if (raw->kind <= WI_TASK) {
        world_tick_waits(world, id, 0);
    }
    if (raw->kind == WI_TASK) {
        world_tick_waits(world, id, 1);
    }
    slot->has_rates = slot->has_rates || world->has_ticked;
    slot->was_there = true;
}

/* The number in the screen's header: one refusal counted once, where it happens. */
static uint64_t world_sum_rejects(struct wi_world *world)
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

static void world_tick(struct wi_world *world)
{
    double seconds = world->has_ticked ? (double)(world->now_nanos - world->tick_nanos) / 1e9 : 0;
    world->tick_before = world->has_ticked ? world->tick_nanos : 0;
    world->tick_nanos = world->now_nanos;
    for (int kind = 0; kind < WI_PROCESS; kind++) {
        for (size_t i = 0; i < world->n_order[kind]; i++) {
            world_tick_slot(world, world->order[kind][i], seconds);
        }
    }
    if (wi_world_state(world) == WI_STATE_RUNNING) {
        wi_process_read(&world->process, wi_source_is_self(world->source) ? 0 : world->facts.pid,
                        world->now_nanos);
    } else {
        world->process.is_known = false;
    }
    if (seconds > 0) {
        world->rejects_rate = (double)world_minus(world->rejects, world->rejects_last) / seconds;
        world->cpu_ratio = (world->process.cpu_seconds - world->cpu_last) / seconds;
        world->has_rates = true;
    }
    world->rejects_last = world->rejects;
    world->cpu_last = world->process.cpu_seconds;
    world->has_ticked = true;
    wi_finding_update(world->finding, world);
}

enum weir_status wi_world_refresh(struct wi_world *world, uint64_t now_nanos,
                                  struct weir_error *ret_error)
{
    struct timespec now;
    enum weir_status status = wi_collect(&world->collection, world->source, ret_error);
    if (status == WEIR_OK) {
        status = world_make_room(world, ret_error);
    }
    if (status == WEIR_OK) {
        status = world_sort_slots(world, ret_error);
    }
    if (status != WEIR_OK) {
        /* What was collected is half new: show nothing rather than a mixture. */
        memset(world->n_order, 0, sizeof(world->n_order));
        for (size_t id = 0; id < world->n_slots; id++) {
            world->generations[id] = 0;
        }
        return status;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    world->unix_nanos = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    world->now_nanos = now_nanos;
    world->refreshes++;
    world->rejects = world_sum_rejects(world);
    if (!world->has_ticked || now_nanos - world->tick_nanos >= WORLD_TICK_NANOS) {
        world_tick(world);
    }
    return WEIR_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void put_u64(struct wi_row *row, int metric, uint64_t number)
{
    row->value[metric] = (struct wi_value){WI_U64, {.u64 = number}};
}

static void put_f64(struct wi_row *row, int metric, double number)
{
    row->value[metric] = (struct wi_value){WI_F64, {.f64 = number}};
}

static void put_text(struct wi_row *row, int metric, const char *text)
{
    row->value[metric] = (struct wi_value){WI_TEXT, {.text = text}};
}

static void put_rate(struct wi_row *row, int metric, const struct world_slot *slot, int rate)
{
    if (slot->has_rates) {
        put_f64(row, metric, slot->rate[rate]);
    }
}

/* Four rows of the table follow each other: count, p50, p99, max. */
static void put_waits(struct wi_row *row, int first, const struct world_waits *waits)
{
    put_u64(row, first, waits->count);
    if (waits->count) {
        put_f64(row, first + 1, (double)waits->p50 / 1e9);
        put_f64(row, first + 3, (double)waits->max / 1e9);
    }
    if (waits->p99) {
        put_f64(row, first + 2, (double)waits->p99 / 1e9);
    }
}

static void world_build_channel(struct wi_world *world, size_t id, struct wi_row *row)
{
    static const char *const flavors[] = {"other", "spsc", "mpsc", "spmc", "mpmc"};
    struct world_slot *slot = &world->slots[id];
    const struct wi_raw *raw = &world->collection.raws[id];
    uint64_t depth = world_channel_depth(raw);
    put_u64(row, WI_CHANNEL_DEPTH, depth);
    if (raw->capacity != WEIR_UNBOUNDED) {
        put_u64(row, WI_CHANNEL_CAPACITY, raw->capacity);
        put_f64(row, WI_CHANNEL_FILL, raw->capacity ? (double)depth / (double)raw->capacity : 0);
    }
    put_u64(row, WI_CHANNEL_HIGH_WATER, slot->peak);
    put_u64(row, WI_CHANNEL_SENT, world_minus(raw->entering[0], raw->unsent));
    put_u64(row, WI_CHANNEL_RECEIVED, raw->leaving[1]);
    put_u64(row, WI_CHANNEL_DISCARDED, world_discarded(raw));
    for (int i = 0; i < 3; i++) {
        put_u64(row, WI_CHANNEL_DISCARDED_OVERWRITE + i, raw->discarded[i]);
    }
    put_u64(row, WI_CHANNEL_REJECTS, world_rejects(raw));
    for (int i = 0; i < 4; i++) {
        put_u64(row, WI_CHANNEL_REJECTS_FULL + i, raw->rejects[i]);
    }
    put_u64(row, WI_CHANNEL_QUEUED_BYTES, world_minus(raw->entering[2], raw->leaving[3]));
    put_rate(row, WI_CHANNEL_IN_RATE, slot, RATE_IN);
    put_rate(row, WI_CHANNEL_OUT_RATE, slot, RATE_OUT);
    put_rate(row, WI_CHANNEL_REJECT_RATE, slot, RATE_REJECTS);
    uint64_t left = raw->leaving[1] + world_discarded(raw) + raw->in_other;
    uint64_t age;
    static const struct wi_age none;
    if (!(raw->flags & WI_SLOT_UNORDERED) &&
        wi_age_of(slot->age ? slot->age : &none, world->now_nanos, raw->entering[0], left, &age)) {
        put_f64(row, WI_CHANNEL_OLDEST_AGE, (double)age / 1e9);
    }
    put_waits(row, WI_CHANNEL_WAIT, &slot->waits[0]);
    put_f64(row, WI_CHANNEL_FULL_SECONDS, slot->limit_seconds);
    put_u64(row, WI_CHANNEL_INSTANCES, 1);
    put_u64(row, WI_CHANNEL_DEEPEST, depth);
    put_text(row, WI_CHANNEL_FLAVOR, flavors[raw->flavor <= WEIR_CHANNEL_MPMC ? raw->flavor : 0]);
    if (slot->source) {
        put_text(row, WI_CHANNEL_SOURCE, slot->source);
    }
}

static void world_build_semaphore(struct wi_world *world, size_t id, struct wi_row *row)
{
    const struct world_slot *slot = &world->slots[id];
    const struct wi_raw *raw = &world->collection.raws[id];
    uint64_t taken = world_permits_taken(raw);
    put_u64(row, WI_SEMAPHORE_PERMITS, raw->capacity);
    put_u64(row, WI_SEMAPHORE_AVAILABLE, raw->capacity - taken);
    put_f64(row, WI_SEMAPHORE_SATURATION,
            raw->capacity ? (double)taken / (double)raw->capacity : 0);
    put_u64(row, WI_SEMAPHORE_LOW_WATER, world_minus(raw->capacity, slot->peak));
    put_u64(row, WI_SEMAPHORE_ACQUIRES, raw->entering[2]);
    put_u64(row, WI_SEMAPHORE_ACQUIRED, raw->entering[0]);
    put_u64(row, WI_SEMAPHORE_RELEASED, raw->leaving[1]);
    put_u64(row, WI_SEMAPHORE_WAITERS, world_minus(raw->in_other, raw->out_other));
    put_u64(row, WI_SEMAPHORE_REJECTS, world_rejects(raw));
    for (int i = 0; i < 3; i++) {
        put_u64(row, WI_SEMAPHORE_REJECTS_EXHAUSTED + i, raw->rejects[i]);
    }
    put_rate(row, WI_SEMAPHORE_ACQUIRE_RATE, slot, RATE_IN);
    put_rate(row, WI_SEMAPHORE_REJECT_RATE, slot, RATE_REJECTS);
    put_f64(row, WI_SEMAPHORE_EXHAUSTED_SECONDS, slot->limit_seconds);
    put_waits(row, WI_SEMAPHORE_WAIT, &slot->waits[0]);
    if (slot->source) {
        put_text(row, WI_SEMAPHORE_SOURCE, slot->source);
    }
}

static void world_build_task(struct wi_world *world, size_t id, struct wi_row *row)
{
    const struct world_slot *slot = &world->slots[id];
    const struct wi_raw *raw = &world->collection.raws[id];
    uint64_t finished = world_finished(raw);
    uint64_t live = world_minus(raw->entering[0], finished);
    uint64_t running = world_minus(raw->entering[1], raw->leaving[2]);
    running = running < live ? running : live;
    put_u64(row, WI_TASK_PENDING, live - running);
    put_u64(row, WI_TASK_RUNNING, running);
    put_u64(row, WI_TASK_SPAWNED, raw->entering[0]);
    put_u64(row, WI_TASK_RUNS, raw->entering[1]);
    put_u64(row, WI_TASK_FINISHED, finished);
    for (int i = 0; i < 3; i++) {
        put_u64(row, WI_TASK_FINISHED_OK + i, raw->leaving[3 + i]);
    }
    put_rate(row, WI_TASK_SPAWN_RATE, slot, RATE_IN);
    put_rate(row, WI_TASK_FINISH_RATE, slot, RATE_OUT);
    put_waits(row, WI_TASK_WAIT, &slot->waits[0]);
    put_waits(row, WI_TASK_RUN, &slot->waits[1]);
    if (slot->source) {
        put_text(row, WI_TASK_SOURCE, slot->source);
    }
}

static void world_build(struct wi_world *world, size_t id, struct wi_row *row)
{
    const struct wi_raw *raw = &world->collection.raws[id];
    world_slot_watch(&world->slots[id], raw);
    memset(row, 0, sizeof(*row));
    row->id = (uint64_t)raw->generation << 32 | id;
    row->name = world->slots[id].name;
    switch (raw->kind) {
    case WI_CHANNEL:
        world_build_channel(world, id, row);
        break;
    case WI_SEMAPHORE:
        world_build_semaphore(world, id, row);
        break;
    case WI_TASK:
        world_build_task(world, id, row);
        break;
    case WI_COUNTER:
        put_u64(row, WI_COUNTER_VALUE, raw->entering[0]);
        put_rate(row, WI_COUNTER_RATE, &world->slots[id], RATE_IN);
        break;
    default:
        row->value[WI_GAUGE_VALUE] = (struct wi_value){WI_I64, {.i64 = (int64_t)raw->in_other}};
        break;
    }
}

static void world_build_process(struct wi_world *world, struct wi_row *row)
{
    const struct wi_process *process = &world->process;
    double slope;
    double window;
    memset(row, 0, sizeof(*row));
    row->name = world->facts.name;
    if (process->is_known) {
        put_u64(row, WI_PROCESS_RSS, process->rss_bytes);
        put_u64(row, WI_PROCESS_ANON, process->anon_bytes);
        put_u64(row, WI_PROCESS_VIRTUAL, process->virtual_bytes);
        put_u64(row, WI_PROCESS_THREADS, process->threads);
        put_u64(row, WI_PROCESS_FDS, process->fds);
        put_u64(row, WI_PROCESS_MAX_FDS, process->max_fds);
        put_f64(row, WI_PROCESS_CPU, process->cpu_seconds);
        put_f64(row, WI_PROCESS_UPTIME,
                ((double)world->unix_nanos - (double)world->facts.started_unix_nanos) / 1e9);
        if (world->has_rates) {
            put_f64(row, WI_PROCESS_CPU_RATIO, world->cpu_ratio);
        }
        if (wi_process_growth(process, &slope, &window)) {
            put_f64(row, WI_PROCESS_GROWTH, slope);
            put_f64(row, WI_PROCESS_WINDOW, window);
        }
    }
    put_f64(row, WI_PROCESS_START_TIME, (double)world->facts.started_unix_nanos / 1e9);
    put_u64(row, WI_PROCESS_REJECTS, world->rejects);
    put_text(row, WI_PROCESS_REJECTS_SOURCE,
             world->has_counter ? "counter" : "channels+semaphores");
    if (world->has_rates) {
        put_f64(row, WI_PROCESS_REJECT_RATE, world->rejects_rate);
    }
}

static uint64_t world_memory(const struct wi_world *world)
{
    return sizeof(*world) + wi_source_memory(world->source) +
           world->collection.room * sizeof(struct wi_raw) +
           world->n_slots * sizeof(struct world_slot) + world->n_rows * sizeof(struct wi_row) +
           world->n_ages * sizeof(struct wi_age) + world->n_windows * sizeof(struct wi_window) +
           world->self.heap_bytes;
}

static void world_build_agent(struct wi_world *world, struct wi_row *row)
{
    const struct wi_header *header =
        (const struct wi_header *)(const void *)world->collection.view.bytes;
    const struct wi_self *self = &world->self;
    struct timespec cpu;
    memset(row, 0, sizeof(*row));
    row->name = world->facts.name;
    put_u64(row, WI_AGENT_SEGMENT_BYTES,
            __atomic_load_n(&header->reserved_bytes, __ATOMIC_RELAXED));
    put_u64(row, WI_AGENT_SEGMENT_LIMIT, header->limit_bytes);
    put_u64(row, WI_AGENT_HANDLES, __atomic_load_n(&header->n_handles, __ATOMIC_RELAXED));
    put_u64(row, WI_AGENT_HANDLES_REFUSED,
            __atomic_load_n(&header->handles_refused, __ATOMIC_RELAXED));
    put_u64(row, WI_AGENT_CELLS_REFUSED, __atomic_load_n(&header->cells_refused, __ATOMIC_RELAXED));
    put_u64(row, WI_AGENT_SAMPLES_LOST, __atomic_load_n(&header->samples_lost, __ATOMIC_RELAXED));
    put_u64(row, WI_AGENT_CLAMPED, world->collection.clamped);
    put_u64(row, WI_AGENT_MEMORY, world_memory(world));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    put_f64(row, WI_AGENT_CPU, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    put_u64(row, WI_AGENT_CLIENTS, self->clients);
    put_u64(row, WI_AGENT_CLIENTS_REJECTED, self->clients_rejected);
    put_u64(row, WI_AGENT_UPDATES_SENT, self->updates_sent);
    put_u64(row, WI_AGENT_UPDATES_SKIPPED, self->updates_skipped);
    put_u64(row, WI_AGENT_PROTOCOL_ERRORS, self->protocol_errors);
    put_u64(row, WI_AGENT_SCRAPES, self->scrapes);
    put_u64(row, WI_AGENT_HTTP_REJECTED, self->http_rejected);
}

/* ---- the reading side ---------------------------------------------------------------------- */

const struct wi_facts *wi_world_facts(const struct wi_world *world)
{
    return &world->facts;
}

enum wi_state wi_world_state(const struct wi_world *world)
{
    return wi_source_state(world->source);
}

int64_t wi_world_unix_nanos(const struct wi_world *world)
{
    return world->unix_nanos;
}

uint64_t wi_world_monotonic_nanos(const struct wi_world *world)
{
    return world->now_nanos;
}

struct wi_self *wi_world_self(struct wi_world *world)
{
    return &world->self;
}

size_t wi_world_count(const struct wi_world *world, enum wi_kind kind)
{
    switch (kind) {
    case WI_PROCESS:
    case WI_AGENT:
        return world->refreshes > 0;
    case WI_WARNING:
        return world->n_warnings;
    default:
        return (unsigned)kind < WI_PROCESS ? world->n_order[kind] : 0;
    }
}

/* Rows are a cache of what the world holds: building one does not change the world. */
const struct wi_row *wi_world_row(const struct wi_world *const_world, enum wi_kind kind, size_t i)
{
    struct wi_world *world = (struct wi_world *)(uintptr_t)const_world;
    if (i >= wi_world_count(world, kind)) {
        return NULL;
    }
    if (kind == WI_PROCESS) {
        world_build_process(world, &world->process_row);
        return &world->process_row;
    }
    if (kind == WI_AGENT) {
        world_build_agent(world, &world->agent_row);
        return &world->agent_row;
    }
    if (kind == WI_WARNING) {
        return &world->warnings[i];
    }
    size_t id = world->order[kind][i];
    struct world_slot *slot = &world->slots[id];
    if (!slot->row) {
        slot->row = malloc(sizeof(*slot->row));
        slot->built = 0;
        world->n_rows += slot->row != NULL;
    }
    if (!slot->row) {
        world_build(world, id, &world->spare_row);
        return &world->spare_row;
    }
    if (slot->built != world->refreshes) {
        world_build(world, id, slot->row);
        slot->built = world->refreshes;
    }
    return slot->row;
}

const struct weir_histogram *wi_world_histogram(struct wi_world *world, enum wi_kind kind,
                                                const struct wi_row *row, int metric)
{
    size_t id = (size_t)(row->id & UINT32_MAX);
    bool is_run = kind == WI_TASK && metric == WI_TASK_RUN;
    if (kind > WI_TASK || id >= world->collection.n || world->generations[id] != row->id >> 32 ||
        !wi_collect_histogram(&world->collection, id, is_run, &world->scratch)) {
        return NULL;
    }
    return &world->scratch;
}

/* ---- warnings ------------------------------------------------------------------------------ */

void wi_world_clear_warnings(struct wi_world *world)
{
    world->n_warnings = 0;
}

enum weir_status wi_world_add_warning(struct wi_world *world, const char *severity,
                                      const char *subject, const char *text)
{
    if (world->n_warnings == WORLD_MAX_WARNINGS) {
        return WEIR_E_LIMIT;
    }
    size_t i = world->n_warnings++;
    struct wi_row *row = &world->warnings[i];
    snprintf(world->warning_texts[i][0], sizeof(world->warning_texts[i][0]), "%s", subject);
    snprintf(world->warning_texts[i][1], sizeof(world->warning_texts[i][1]), "%s", text);
    memset(row, 0, sizeof(*row));
    row->id = i;
    row->name = world->warning_texts[i][0];
    put_text(row, WI_WARNING_SEVERITY, severity);
    put_text(row, WI_WARNING_SUBJECT, world->warning_texts[i][0]);
    put_text(row, WI_WARNING_TEXT, world->warning_texts[i][1]);
    return WEIR_OK;
}
