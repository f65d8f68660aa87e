/* SPDX-License-Identifier: MIT */
/* A world whose rows are set by hand. The histogram functions are weak: where the real ones are
 * linked as well, the real ones count. */
#include "fake_world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_UNIX_NANOS      INT64_C(1795461026120000000)
#define FAKE_MONOTONIC_NANOS UINT64_C(5000000000000)

struct fake_row {
    struct wi_row row; /* first: a row's address is its fake row's */
    enum wi_kind kind;
    char name[WEIR_NAME_MAX + 1];
    struct weir_histogram *histogram[WI_MAX_METRICS];
};

struct fake_text {
    struct fake_text *next;
    char text[];
};

struct wi_world {
    struct fake_row **rows[WI_N_KINDS];
    size_t n_rows[WI_N_KINDS];
    size_t room[WI_N_KINDS];
    uint64_t next_id;
    struct fake_text *texts;
    struct wi_facts facts;
    struct wi_self self;
    enum wi_state state;
    int64_t unix_nanos;
    uint64_t monotonic_nanos;
    uint64_t as_of_nanos;
    enum weir_status refresh_status;
    char refresh_text[256];
    size_t refreshes;
    void (*on_refresh)(struct wi_world *world, uint64_t now_nanos, void *context);
    void *on_refresh_context;
    const struct wi_history *history;
    struct fake_row *
        *seats[2]; /* of all with a handle, and of single tasks; by the low half of the id */
    size_t n_seats[2];
    bool is_seated; /* the seats are as the rows are */
};

static struct wi_world *fake_offered;

/* aligned_alloc, since tests make the other functions fail. */
static void *fake_alloc(size_t n)
{
    size_t whole = (n + 15) / 16 * 16;
    void *memory = aligned_alloc(16, whole);
    if (!memory) {
        fputs("fake_world: no memory\n", stderr);
        abort();
    }
    return memset(memory, 0, whole);
}

static void fake_copy(char *ret_text, size_t room, const char *text)
{
    snprintf(ret_text, room, "%s", text);
}

struct wi_world *fake_world_create(const char *name)
{
    struct wi_world *world = fake_alloc(sizeof(*world));
    world->next_id = 1;
    world->state = WI_STATE_RUNNING;
    world->unix_nanos = FAKE_UNIX_NANOS;
    world->monotonic_nanos = FAKE_MONOTONIC_NANOS;
    fake_copy(world->facts.name, sizeof(world->facts.name), name);
    fake_copy(world->facts.program, sizeof(world->facts.program), "/usr/bin/fake-server");
    fake_copy(world->facts.version, sizeof(world->facts.version), WEIR_VERSION);
    world->facts.pid = 4821;
    world->facts.own.start_ticks = 123456;
    world->facts.started_unix_nanos = FAKE_UNIX_NANOS - INT64_C(90000000000);
    world->facts.opened_unix_nanos = FAKE_UNIX_NANOS - INT64_C(89000000000);
    fake_world_add(world, WI_PROCESS, name);
    fake_world_add(world, WI_AGENT, "agent");
    return world;
}

struct wi_row *fake_world_add(struct wi_world *world, enum wi_kind kind, const char *name)
{
    if (world->n_rows[kind] == world->room[kind]) {
        size_t room = world->room[kind] ? 2 * world->room[kind] : 16;
        struct fake_row **rows = fake_alloc(room * sizeof(struct fake_row *));
        for (size_t i = 0; i < world->n_rows[kind]; i++) {
            rows[i] = world->rows[kind][i];
        }
        free(world->rows[kind]);
        world->rows[kind] = rows;
        world->room[kind] = room;
    }
    struct fake_row *fake = fake_alloc(sizeof(*fake));
    fake->kind = kind;
    fake_copy(fake->name, sizeof(fake->name), name);
    fake->row.id = world->next_id++;
    fake->row.name = fake->name;
    world->rows[kind][world->n_rows[kind]++] = fake;
    world->is_seated = false;
    return &fake->row;
}

void fake_world_set_id(struct wi_world *world, struct wi_row *row, uint64_t id)
{
    row->id = id;
    world->is_seated = false;
}

static void fake_row_free(struct fake_row *fake)
{
    for (size_t i = 0; i < WI_MAX_METRICS; i++) {
        free(fake->histogram[i]);
    }
    free(fake);
}

void fake_world_remove(struct wi_world *world, struct wi_row *row)
{
    struct fake_row *fake = (struct fake_row *)(void *)row;
    enum wi_kind kind = fake->kind;
    for (size_t i = 0; i < world->n_rows[kind]; i++) {
        if (world->rows[kind][i] == fake) {
            memmove(&world->rows[kind][i], &world->rows[kind][i + 1],
                    (world->n_rows[kind] - i - 1) * sizeof(struct fake_row *));
            world->n_rows[kind]--;
            world->is_seated = false;
            fake_row_free(fake);
            return;
        }
    }
}

void fake_world_clear(struct wi_world *world, enum wi_kind kind)
{
    while (world->n_rows[kind] > 0) {
        fake_row_free(world->rows[kind][--world->n_rows[kind]]);
    }
    world->is_seated = false;
}

struct wi_row *fake_world_add_channel(struct wi_world *world, const char *name, uint64_t sent,
                                      uint64_t received, uint64_t capacity)
{
    struct wi_row *row = fake_world_add(world, WI_CHANNEL, name);
    uint64_t depth = sent - received;
    for (int i = WI_CHANNEL_DISCARDED; i <= WI_CHANNEL_QUEUED_BYTES; i++) {
        fake_world_set_u64(row, i, 0);
    }
    fake_world_set_u64(row, WI_CHANNEL_DEPTH, depth);
    if (capacity != WEIR_UNBOUNDED) {
        fake_world_set_u64(row, WI_CHANNEL_CAPACITY, capacity);
        fake_world_set_f64(row, WI_CHANNEL_FILL, capacity ? (double)depth / (double)capacity : 0);
        fake_world_set_f64(row, WI_CHANNEL_FULL_SECONDS, 0);
    }
    fake_world_set_u64(row, WI_CHANNEL_HIGH_WATER, depth);
    fake_world_set_u64(row, WI_CHANNEL_SENT, sent);
    fake_world_set_u64(row, WI_CHANNEL_RECEIVED, received);
    fake_world_set_f64(row, WI_CHANNEL_IN_RATE, 0);
    fake_world_set_f64(row, WI_CHANNEL_OUT_RATE, 0);
    fake_world_set_f64(row, WI_CHANNEL_REJECT_RATE, 0);
    fake_world_set_f64(row, WI_CHANNEL_OLDEST_AGE, 0);
    fake_world_set_u64(row, WI_CHANNEL_INSTANCES, 1);
    fake_world_set_u64(row, WI_CHANNEL_DEEPEST, depth);
    fake_world_set_text(world, row, WI_CHANNEL_FLAVOR, "mpsc");
    fake_world_set_text(world, row, WI_CHANNEL_SOURCE, "game.c:118");
    return row;
}

struct wi_row *fake_world_add_semaphore(struct wi_world *world, const char *name, uint64_t permits,
                                        uint64_t available)
{
    struct wi_row *row = fake_world_add(world, WI_SEMAPHORE, name);
    for (int i = WI_SEMAPHORE_ACQUIRES; i <= WI_SEMAPHORE_REJECTS_CLOSED; i++) {
        fake_world_set_u64(row, i, 0);
    }
    fake_world_set_u64(row, WI_SEMAPHORE_PERMITS, permits);
    fake_world_set_u64(row, WI_SEMAPHORE_AVAILABLE, available);
    fake_world_set_u64(row, WI_SEMAPHORE_LOW_WATER, available);
    fake_world_set_f64(row, WI_SEMAPHORE_SATURATION,
                       permits ? 1.0 - (double)available / (double)permits : 0);
    fake_world_set_u64(row, WI_SEMAPHORE_ACQUIRES, permits - available);
    fake_world_set_u64(row, WI_SEMAPHORE_ACQUIRED, permits - available);
    fake_world_set_f64(row, WI_SEMAPHORE_ACQUIRE_RATE, 0);
    fake_world_set_f64(row, WI_SEMAPHORE_REJECT_RATE, 0);
    fake_world_set_f64(row, WI_SEMAPHORE_EXHAUSTED_SECONDS, 0);
    fake_world_set_text(world, row, WI_SEMAPHORE_SOURCE, "game.c:131");
    return row;
}

struct wi_row *fake_world_add_task(struct wi_world *world, const char *name, uint64_t pending,
                                   uint64_t running, uint64_t finished)
{
    struct wi_row *row = fake_world_add(world, WI_TASK, name);
    fake_world_set_u64(row, WI_TASK_PENDING, pending);
    fake_world_set_u64(row, WI_TASK_RUNNING, running);
    fake_world_set_u64(row, WI_TASK_SPAWNED, pending + running + finished);
    fake_world_set_u64(row, WI_TASK_RUNS, running + finished);
    fake_world_set_u64(row, WI_TASK_FINISHED, finished);
    fake_world_set_u64(row, WI_TASK_FINISHED_OK, finished);
    fake_world_set_u64(row, WI_TASK_FINISHED_ERROR, 0);
    fake_world_set_u64(row, WI_TASK_FINISHED_CANCELLED, 0);
    fake_world_set_f64(row, WI_TASK_SPAWN_RATE, 0);
    fake_world_set_f64(row, WI_TASK_FINISH_RATE, 0);
    fake_world_set_text(world, row, WI_TASK_SOURCE, "game.c:140");
    return row;
}

void fake_world_set_u64(struct wi_row *row, int metric, uint64_t number)
{
    row->value[metric].type = WI_U64;
    row->value[metric].u.u64 = number;
}

void fake_world_set_i64(struct wi_row *row, int metric, int64_t number)
{
    row->value[metric].type = WI_I64;
    row->value[metric].u.i64 = number;
}

void fake_world_set_f64(struct wi_row *row, int metric, double number)
{
    row->value[metric].type = WI_F64;
    row->value[metric].u.f64 = number;
}

void fake_world_set_text(struct wi_world *world, struct wi_row *row, int metric, const char *text)
{
    size_t n = strlen(text) + 1;
    struct fake_text *kept = fake_alloc(sizeof(*kept) + n);
    memcpy(kept->text, text, n);
    kept->next = world->texts;
    world->texts = kept;
    row->value[metric].type = WI_TEXT;
    row->value[metric].u.text = kept->text;
}

void fake_world_set_absent(struct wi_row *row, int metric)
{
    row->value[metric].type = WI_ABSENT;
}

void fake_world_set_histogram(struct wi_world *world, struct wi_row *row, int metric,
                              const struct weir_histogram *histogram)
{
    (void)world;
    struct fake_row *fake = (struct fake_row *)(void *)row;
    free(fake->histogram[metric]);
    fake->histogram[metric] = NULL;
    if (histogram) {
        fake->histogram[metric] = fake_alloc(sizeof(*histogram));
        *fake->histogram[metric] = *histogram;
    }
}

struct wi_facts *fake_world_facts(struct wi_world *world)
{
    return &world->facts;
}

void fake_world_set_state(struct wi_world *world, enum wi_state state)
{
    world->state = state;
}

void fake_world_set_unix_nanos(struct wi_world *world, int64_t nanos)
{
    world->unix_nanos = nanos;
}

void fake_world_set_monotonic_nanos(struct wi_world *world, uint64_t nanos)
{
    world->monotonic_nanos = nanos;
}

void fake_world_set_as_of_nanos(struct wi_world *world, uint64_t nanos)
{
    world->as_of_nanos = nanos;
}

void fake_world_fail_refresh(struct wi_world *world, enum weir_status status, const char *text)
{
    world->refresh_status = status;
    fake_copy(world->refresh_text, sizeof(world->refresh_text), text ? text : "");
}

size_t fake_world_refreshes(const struct wi_world *world)
{
    return world->refreshes;
}

void fake_world_on_refresh(struct wi_world *world,
                           void (*function)(struct wi_world *world, uint64_t now_nanos,
                                            void *context),
                           void *context)
{
    world->on_refresh = function;
    world->on_refresh_context = context;
}

void fake_world_set_history(struct wi_world *world, const struct wi_history *history)
{
    world->history = history;
}

void fake_world_offer(struct wi_world *taken_world)
{
    fake_offered = taken_world;
}

/* ---- snapshot/world.h -------------------------------------------------------------------- */

static enum weir_status fake_world_open(struct wi_world **ret_world, struct weir_error *ret_error,
                                        enum weir_status otherwise)
{
    if (!fake_offered) {
        if (ret_error) {
            fake_copy(ret_error->text, sizeof(ret_error->text), "no fake world was offered");
        }
        return otherwise;
    }
    *ret_world = fake_offered;
    fake_offered = NULL;
    return WEIR_OK;
}

enum weir_status wi_world_open_self(struct wi_world **ret_world, struct weir_error *ret_error)
{
    return fake_world_open(ret_world, ret_error, WEIR_E_STATE);
}

enum weir_status wi_world_open_file(const char *path, struct wi_world **ret_world,
                                    struct weir_error *ret_error)
{
    (void)path;
    return fake_world_open(ret_world, ret_error, WEIR_E_NOT_FOUND);
}

void wi_world_close(struct wi_world *world)
{
    if (!world) {
        return;
    }
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        fake_world_clear(world, (enum wi_kind)kind);
        free(world->rows[kind]);
    }
    while (world->texts) {
        struct fake_text *next = world->texts->next;
        free(world->texts);
        world->texts = next;
    }
    free(world->seats[0]);
    free(world->seats[1]);
    free(world);
}

enum weir_status wi_world_refresh(struct wi_world *world, uint64_t now_nanos,
                                  struct weir_error *ret_error)
{
    if (world->refresh_status != WEIR_OK) {
        if (ret_error) {
            fake_copy(ret_error->text, sizeof(ret_error->text), world->refresh_text);
        }
        return world->refresh_status;
    }
    if (now_nanos > world->monotonic_nanos) {
        world->unix_nanos += (int64_t)(now_nanos - world->monotonic_nanos);
    }
    world->monotonic_nanos = now_nanos;
    world->refreshes++;
    if (world->on_refresh) {
        world->on_refresh(world, now_nanos, world->on_refresh_context);
    }
    return WEIR_OK;
}

const struct wi_facts *wi_world_facts(const struct wi_world *world)
{
    return &world->facts;
}

const struct wi_offer *wi_world_offer(const struct wi_world *world)
{
    (void)world;
    return wi_offer_of_segments();
}

bool wi_world_is(const struct wi_world *world, dev_t device, ino_t inode)
{
    (void)world, (void)device, (void)inode;
    return false;
}

bool wi_world_is_nameless(const struct wi_world *world)
{
    (void)world;
    return false;
}

enum wi_state wi_world_state(const struct wi_world *world)
{
    return world->state;
}

int64_t wi_world_unix_nanos(const struct wi_world *world)
{
    return world->unix_nanos;
}

uint64_t wi_world_monotonic_nanos(const struct wi_world *world)
{
    return world->monotonic_nanos;
}

uint64_t wi_world_as_of_nanos(const struct wi_world *world)
{
    return world->as_of_nanos ? world->as_of_nanos : world->monotonic_nanos;
}

void wi_world_record(struct wi_world *world)
{
    (void)world;
}

void wi_world_abandon(struct wi_world *world)
{
    (void)world;
}

const struct wi_history *wi_world_history(const struct wi_world *world)
{
    return world->history;
}

struct wi_self *wi_world_self(struct wi_world *world)
{
    return &world->self;
}

size_t wi_world_count(const struct wi_world *world, enum wi_kind kind)
{
    return world->n_rows[kind];
}

const struct wi_row *wi_world_row(const struct wi_world *world, enum wi_kind kind, size_t i)
{
    return i < world->n_rows[kind] ? &world->rows[kind][i]->row : NULL;
}

/* Puts the rows of a walk into their seats. */
static void fake_seat_all(struct wi_world *world, bool of_singles)
{
    size_t most = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
            bool fits = of_singles ? kind == WI_SINGLE : wi_kind_has_slots(kind);
            for (size_t i = 0; fits && i < world->n_rows[kind]; i++) {
                size_t seat = (size_t)(world->rows[kind][i]->row.id & UINT32_MAX);
                most = seat + 1 > most ? seat + 1 : most;
                if (pass == 1) {
                    world->seats[of_singles][seat] = world->rows[kind][i];
                }
            }
        }
        if (pass == 0) {
            free(world->seats[of_singles]);
            world->seats[of_singles] = fake_alloc((most + 1) * sizeof(struct fake_row *));
            world->n_seats[of_singles] = most;
        }
    }
}

static const struct fake_row *fake_seated(const struct wi_world *const_world, bool is_single,
                                          size_t seat)
{
    struct wi_world *world = (struct wi_world *)(uintptr_t)const_world;
    if (!world->is_seated) {
        fake_seat_all(world, false);
        fake_seat_all(world, true);
        world->is_seated = true;
    }
    return seat < world->n_seats[is_single] ? world->seats[is_single][seat] : NULL;
}

size_t wi_world_n_seats(const struct wi_world *world, enum wi_kind kind)
{
    (void)fake_seated(world, kind == WI_SINGLE, 0);
    return world->n_seats[kind == WI_SINGLE];
}

const struct wi_row *wi_world_seated(const struct wi_world *world, size_t seat,
                                     enum wi_kind *ret_kind)
{
    const struct fake_row *fake = fake_seated(world, false, seat);
    if (fake) {
        *ret_kind = fake->kind;
    }
    return fake ? &fake->row : NULL;
}

int64_t wi_world_opened_unix_nanos(const struct wi_world *world, size_t seat)
{
    return fake_seated(world, false, seat) ? world->facts.opened_unix_nanos : 0;
}

static uint64_t fake_nanos(const struct wi_row *row, int metric)
{
    double nanos = wi_value_number(&row->value[metric], 0) * 1e9;
    return nanos > 0 && nanos < 1.8e19 ? (uint64_t)(nanos + 0.5) : 0;
}

static uint64_t fake_count(const struct wi_row *row, int metric)
{
    return row->value[metric].type == WI_U64 ? row->value[metric].u.u64 : 0;
}

static const char *fake_text_of(const struct wi_row *row, int metric)
{
    return row->value[metric].type == WI_TEXT ? row->value[metric].u.text : NULL;
}

/* The channel or semaphore of a name. */
static uint64_t fake_waits_for(const struct wi_world *world, const char *name)
{
    for (int kind = WI_CHANNEL; name && kind <= WI_SEMAPHORE; kind++) {
        for (size_t i = 0; i < world->n_rows[kind]; i++) {
            if (strcmp(world->rows[kind][i]->name, name) == 0) {
                return world->rows[kind][i]->row.id;
            }
        }
    }
    return 0;
}

bool wi_world_look(const struct wi_world *world, size_t seat, struct wi_look *ret_look)
{
    static const char *const states[] = {"idle", "scheduled", "running", "done"};
    const struct fake_row *fake = fake_seated(world, true, seat);
    memset(ret_look, 0, sizeof(*ret_look));
    if (!fake) {
        return false;
    }
    const struct wi_row *row = &fake->row;
    const char *state = fake_text_of(row, WI_SINGLE_STATE);
    for (int i = 0; i < 4; i++) {
        if (state && strcmp(state, states[i]) == 0) {
            ret_look->state = (enum wi_look_state)i;
        }
    }
    ret_look->id = row->id;
    ret_look->name = row->name;
    ret_look->kind = fake_text_of(row, WI_SINGLE_KIND);
    ret_look->source = fake_text_of(row, WI_SINGLE_SOURCE);
    ret_look->waits_for = fake_waits_for(world, fake_text_of(row, WI_SINGLE_WAITS_FOR));
    ret_look->polls = fake_count(row, WI_SINGLE_POLLS);
    ret_look->wakes = fake_count(row, WI_SINGLE_WAKES);
    ret_look->self_wakes = fake_count(row, WI_SINGLE_SELF_WAKES);
    ret_look->in_state = fake_nanos(row, WI_SINGLE_IN_STATE);
    ret_look->age = fake_nanos(row, WI_SINGLE_AGE);
    ret_look->busy = fake_nanos(row, WI_SINGLE_BUSY) -
                     (ret_look->state == WI_LOOK_RUNNING ? ret_look->in_state : 0);
    ret_look->scheduled = fake_nanos(row, WI_SINGLE_SCHEDULED) -
                          (ret_look->state == WI_LOOK_SCHEDULED ? ret_look->in_state : 0);
    return true;
}

/* By its id, as the real one: the row may be a copy. */
const struct weir_histogram *wi_world_histogram(struct wi_world *world, enum wi_kind kind,
                                                const struct wi_row *row, int metric)
{
    for (size_t i = 0; i < world->n_rows[kind]; i++) {
        if (world->rows[kind][i]->row.id == row->id) {
            return world->rows[kind][i]->histogram[metric];
        }
    }
    return NULL;
}

__attribute__((weak)) uint64_t wi_histogram_bound(unsigned bucket)
{
    if (bucket >= WEIR_HISTOGRAM_BUCKETS - 1) {
        return UINT64_MAX;
    }
    unsigned octave = bucket / 4;
    unsigned quarter = bucket % 4;
    return (UINT64_C(4) + quarter) << (octave + WEIR_HISTOGRAM_MIN_SHIFT - 2);
}

__attribute__((weak)) uint64_t wi_histogram_middle(unsigned bucket)
{
    uint64_t low = bucket ? wi_histogram_bound(bucket - 1) : 0;
    uint64_t high = wi_histogram_bound(bucket);
    return high == UINT64_MAX ? low : low + (high - low) / 2;
}

__attribute__((weak)) uint64_t wi_histogram_quantile(const struct weir_histogram *histogram,
                                                     double q)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++) {
        total += histogram->bucket[i];
    }
    double wanted = q * (double)total;
    uint64_t seen = 0;
    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->bucket[i];
        if (histogram->bucket[i] && (double)seen >= wanted) {
            return i == WEIR_HISTOGRAM_BUCKETS - 1 ? histogram->max : wi_histogram_middle(i);
        }
    }
    return 0;
}

void wi_world_clear_warnings(struct wi_world *world)
{
    fake_world_clear(world, WI_WARNING);
}

enum weir_status wi_world_add_warning(struct wi_world *world, const struct wi_warning *warning)
{
    struct wi_row *row = fake_world_add(world, WI_WARNING, warning->subject);
    const char *const texts[] = {
        [WI_WARNING_SEVERITY] = warning->severity, [WI_WARNING_SUBJECT] = warning->subject,
        [WI_WARNING_TEXT] = warning->text,         [WI_WARNING_KIND] = warning->kind,
        [WI_WARNING_EVIDENCE] = warning->evidence, [WI_WARNING_ESTIMATE] = warning->estimate,
        [WI_WARNING_ACTION] = warning->action};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i]) {
            fake_world_set_text(world, row, (int)i, texts[i]);
        }
    }
    if (warning->has_row) {
        fake_world_set_text(world, row, WI_WARNING_SUBJECT_KIND, wi_kind_name(warning->row_kind));
        fake_world_set_u64(row, WI_WARNING_SUBJECT_ID, warning->row_id);
    }
    for (int n = 0; n < WI_WARNING_N_NUMBERS; n++) {
        if (isfinite(warning->number[n])) {
            fake_world_set_f64(row, WI_WARNING_FIRST_NUMBER + n, warning->number[n]);
        }
    }
    return WEIR_OK;
}
