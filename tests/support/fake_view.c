/* SPDX-License-Identifier: MIT */
/* A process view whose rows are set by hand. The histogram functions are weak: where the real ones are
 * linked as well, the real ones count. */
#include "fake_view.h"

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

struct wi_process_view {
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
    void (*on_refresh)(struct wi_process_view *view, uint64_t now_nanos, void *context);
    void *on_refresh_context;
    const struct wi_history *history;
    const struct wi_verdict *verdict;
    struct fake_row *
        *slot_indices[2]; /* of all with a handle, and of single tasks; by the low half of the id */
    size_t n_slot_indices[2];
    bool is_seated;    /* the slots are as the rows are */
    size_t last_found; /* by wi_process_view_histogram */
};

static struct wi_process_view *fake_offered;

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

struct wi_process_view *fake_view_create(const char *name)
{
    struct wi_process_view *view = fake_alloc(sizeof(*view));
    view->next_id = 1;
    view->state = WI_STATE_RUNNING;
    view->unix_nanos = FAKE_UNIX_NANOS;
    view->monotonic_nanos = FAKE_MONOTONIC_NANOS;
    fake_copy(view->facts.name, sizeof(view->facts.name), name);
    fake_copy(view->facts.program, sizeof(view->facts.program), "/usr/bin/fake-server");
    fake_copy(view->facts.version, sizeof(view->facts.version), WEIR_VERSION);
    view->facts.pid = 4821;
    view->facts.own.start_ticks = 123456;
    view->facts.started_unix_nanos = FAKE_UNIX_NANOS - INT64_C(90000000000);
    view->facts.opened_unix_nanos = FAKE_UNIX_NANOS - INT64_C(89000000000);
    fake_view_add(view, WI_PROCESS, name);
    fake_view_add(view, WI_AGENT, "agent");
    return view;
}

struct wi_row *fake_view_add(struct wi_process_view *view, enum wi_kind kind, const char *name)
{
    if (view->n_rows[kind] == view->room[kind]) {
        size_t room = view->room[kind] ? 2 * view->room[kind] : 16;
        struct fake_row **rows = fake_alloc(room * sizeof(struct fake_row *));
        for (size_t i = 0; i < view->n_rows[kind]; i++) {
            rows[i] = view->rows[kind][i];
        }
        free(view->rows[kind]);
        view->rows[kind] = rows;
        view->room[kind] = room;
    }
    struct fake_row *fake = fake_alloc(sizeof(*fake));
    fake->kind = kind;
    fake_copy(fake->name, sizeof(fake->name), name);
    fake->row.id = view->next_id++;
    fake->row.name = fake->name;
    view->rows[kind][view->n_rows[kind]++] = fake;
    view->is_seated = false;
    return &fake->row;
}

void fake_view_set_id(struct wi_process_view *view, struct wi_row *row, uint64_t id)
{
    row->id = id;
    view->is_seated = false;
}

static void fake_row_free(struct fake_row *fake)
{
    for (size_t i = 0; i < WI_MAX_METRICS; i++) {
        free(fake->histogram[i]);
    }
    free(fake);
}

void fake_view_remove(struct wi_process_view *view, struct wi_row *row)
{
    struct fake_row *fake = (struct fake_row *)(void *)row;
    enum wi_kind kind = fake->kind;
    for (size_t i = 0; i < view->n_rows[kind]; i++) {
        if (view->rows[kind][i] == fake) {
            memmove(&view->rows[kind][i], &view->rows[kind][i + 1],
                    (view->n_rows[kind] - i - 1) * sizeof(struct fake_row *));
            view->n_rows[kind]--;
            view->is_seated = false;
            fake_row_free(fake);
            return;
        }
    }
}

void fake_view_clear(struct wi_process_view *view, enum wi_kind kind)
{
    while (view->n_rows[kind] > 0) {
        fake_row_free(view->rows[kind][--view->n_rows[kind]]);
    }
    view->is_seated = false;
}

struct wi_row *fake_view_add_channel(struct wi_process_view *view, const char *name, uint64_t sent,
                                     uint64_t received, uint64_t capacity)
{
    struct wi_row *row = fake_view_add(view, WI_CHANNEL, name);
    uint64_t depth = sent - received;
    for (int i = WI_CHANNEL_DISCARDED; i <= WI_CHANNEL_QUEUED_BYTES; i++) {
        fake_view_set_u64(row, i, 0);
    }
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, depth);
    if (capacity != WEIR_UNBOUNDED) {
        fake_view_set_u64(row, WI_CHANNEL_CAPACITY, capacity);
        fake_view_set_f64(row, WI_CHANNEL_FILL, capacity ? (double)depth / (double)capacity : 0);
        fake_view_set_f64(row, WI_CHANNEL_FULL_SECONDS, 0);
    }
    fake_view_set_u64(row, WI_CHANNEL_HIGH_WATER, depth);
    fake_view_set_u64(row, WI_CHANNEL_SENT, sent);
    fake_view_set_u64(row, WI_CHANNEL_RECEIVED, received);
    fake_view_set_f64(row, WI_CHANNEL_IN_RATE, 0);
    fake_view_set_f64(row, WI_CHANNEL_OUT_RATE, 0);
    fake_view_set_f64(row, WI_CHANNEL_REJECT_RATE, 0);
    fake_view_set_f64(row, WI_CHANNEL_OLDEST_AGE, 0);
    fake_view_set_u64(row, WI_CHANNEL_INSTANCES, 1);
    fake_view_set_u64(row, WI_CHANNEL_DEEPEST, depth);
    fake_view_set_text(view, row, WI_CHANNEL_FLAVOR, "mpsc");
    fake_view_set_text(view, row, WI_CHANNEL_SOURCE, "game.c:118");
    return row;
}

struct wi_row *fake_view_add_semaphore(struct wi_process_view *view, const char *name,
                                       uint64_t permits, uint64_t available)
{
    struct wi_row *row = fake_view_add(view, WI_SEMAPHORE, name);
    for (int i = WI_SEMAPHORE_ACQUIRES; i <= WI_SEMAPHORE_REJECTS_CLOSED; i++) {
        fake_view_set_u64(row, i, 0);
    }
    fake_view_set_u64(row, WI_SEMAPHORE_PERMITS, permits);
    fake_view_set_u64(row, WI_SEMAPHORE_AVAILABLE, available);
    fake_view_set_u64(row, WI_SEMAPHORE_LOW_WATER, available);
    fake_view_set_f64(row, WI_SEMAPHORE_SATURATION,
                      permits ? 1.0 - (double)available / (double)permits : 0);
    fake_view_set_u64(row, WI_SEMAPHORE_ACQUIRES, permits - available);
    fake_view_set_u64(row, WI_SEMAPHORE_ACQUIRED, permits - available);
    fake_view_set_f64(row, WI_SEMAPHORE_ACQUIRE_RATE, 0);
    fake_view_set_f64(row, WI_SEMAPHORE_REJECT_RATE, 0);
    fake_view_set_f64(row, WI_SEMAPHORE_EXHAUSTED_SECONDS, 0);
    fake_view_set_text(view, row, WI_SEMAPHORE_SOURCE, "game.c:131");
    return row;
}

struct wi_row *fake_view_add_task(struct wi_process_view *view, const char *name, uint64_t pending,
                                  uint64_t running, uint64_t finished)
{
    struct wi_row *row = fake_view_add(view, WI_TASK, name);
    fake_view_set_u64(row, WI_TASK_PENDING, pending);
    fake_view_set_u64(row, WI_TASK_RUNNING, running);
    fake_view_set_u64(row, WI_TASK_SPAWNED, pending + running + finished);
    fake_view_set_u64(row, WI_TASK_RUNS, running + finished);
    fake_view_set_u64(row, WI_TASK_FINISHED, finished);
    fake_view_set_u64(row, WI_TASK_FINISHED_OK, finished);
    fake_view_set_u64(row, WI_TASK_FINISHED_ERROR, 0);
    fake_view_set_u64(row, WI_TASK_FINISHED_CANCELLED, 0);
    fake_view_set_f64(row, WI_TASK_SPAWN_RATE, 0);
    fake_view_set_f64(row, WI_TASK_FINISH_RATE, 0);
    fake_view_set_text(view, row, WI_TASK_SOURCE, "game.c:140");
    return row;
}

void fake_view_set_u64(struct wi_row *row, int metric, uint64_t number)
{
    row->value[metric].type = WI_U64;
    row->value[metric].u.u64 = number;
}

void fake_view_set_i64(struct wi_row *row, int metric, int64_t number)
{
    row->value[metric].type = WI_I64;
    row->value[metric].u.i64 = number;
}

void fake_view_set_f64(struct wi_row *row, int metric, double number)
{
    row->value[metric].type = WI_F64;
    row->value[metric].u.f64 = number;
}

void fake_view_set_text(struct wi_process_view *view, struct wi_row *row, int metric,
                        const char *text)
{
    size_t n = strlen(text) + 1;
    struct fake_text *kept = fake_alloc(sizeof(*kept) + n);
    memcpy(kept->text, text, n);
    kept->next = view->texts;
    view->texts = kept;
    row->value[metric].type = WI_TEXT;
    row->value[metric].u.text = kept->text;
}

void fake_view_set_absent(struct wi_row *row, int metric)
{
    row->value[metric].type = WI_ABSENT;
}

void fake_view_set_histogram(struct wi_process_view *view, struct wi_row *row, int metric,
                             const struct weir_histogram *histogram)
{
    (void)view;
    struct fake_row *fake = (struct fake_row *)(void *)row;
    free(fake->histogram[metric]);
    fake->histogram[metric] = NULL;
    if (histogram) {
        fake->histogram[metric] = fake_alloc(sizeof(*histogram));
        *fake->histogram[metric] = *histogram;
    }
}

struct wi_facts *fake_view_facts(struct wi_process_view *view)
{
    return &view->facts;
}

void fake_view_set_state(struct wi_process_view *view, enum wi_state state)
{
    view->state = state;
}

void fake_view_set_unix_nanos(struct wi_process_view *view, int64_t nanos)
{
    view->unix_nanos = nanos;
}

void fake_view_set_monotonic_nanos(struct wi_process_view *view, uint64_t nanos)
{
    view->monotonic_nanos = nanos;
}

void fake_view_set_as_of_nanos(struct wi_process_view *view, uint64_t nanos)
{
    view->as_of_nanos = nanos;
}

void fake_view_fail_refresh(struct wi_process_view *view, enum weir_status status, const char *text)
{
    view->refresh_status = status;
    fake_copy(view->refresh_text, sizeof(view->refresh_text), text ? text : "");
}

size_t fake_view_refreshes(const struct wi_process_view *view)
{
    return view->refreshes;
}

void fake_view_on_refresh(struct wi_process_view *view,
                          void (*function)(struct wi_process_view *view, uint64_t now_nanos,
                                           void *context),
                          void *context)
{
    view->on_refresh = function;
    view->on_refresh_context = context;
}

void fake_view_set_history(struct wi_process_view *view, const struct wi_history *history)
{
    view->history = history;
}

void fake_view_catalog(struct wi_process_view *taken_view)
{
    fake_offered = taken_view;
}

/* ---- snapshot/process_view.h -------------------------------------------------------------------- */

static enum weir_status fake_view_open(struct wi_process_view **ret_view,
                                       struct weir_error *ret_error, enum weir_status otherwise)
{
    if (!fake_offered) {
        if (ret_error) {
            fake_copy(ret_error->text, sizeof(ret_error->text), "no fake world was offered");
        }
        return otherwise;
    }
    *ret_view = fake_offered;
    fake_offered = NULL;
    return WEIR_OK;
}

enum weir_status wi_process_view_open_self(struct wi_process_view **ret_view,
                                           struct weir_error *ret_error)
{
    return fake_view_open(ret_view, ret_error, WEIR_E_STATE);
}

enum weir_status wi_process_view_open_file(const char *path, struct wi_process_view **ret_view,
                                           struct weir_error *ret_error)
{
    (void)path;
    return fake_view_open(ret_view, ret_error, WEIR_E_NOT_FOUND);
}

void wi_process_view_close(struct wi_process_view *view)
{
    if (!view) {
        return;
    }
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        fake_view_clear(view, (enum wi_kind)kind);
        free(view->rows[kind]);
    }
    while (view->texts) {
        struct fake_text *next = view->texts->next;
        free(view->texts);
        view->texts = next;
    }
    free(view->slot_indices[0]);
    free(view->slot_indices[1]);
    free(view);
}

enum weir_status wi_process_view_refresh(struct wi_process_view *view, uint64_t now_nanos,
                                         struct weir_error *ret_error)
{
    if (view->refresh_status != WEIR_OK) {
        if (ret_error) {
            fake_copy(ret_error->text, sizeof(ret_error->text), view->refresh_text);
        }
        return view->refresh_status;
    }
    if (now_nanos > view->monotonic_nanos) {
        view->unix_nanos += (int64_t)(now_nanos - view->monotonic_nanos);
    }
    view->monotonic_nanos = now_nanos;
    view->refreshes++;
    if (view->on_refresh) {
        view->on_refresh(view, now_nanos, view->on_refresh_context);
    }
    return WEIR_OK;
}

const struct wi_facts *wi_process_view_facts(const struct wi_process_view *view)
{
    return &view->facts;
}

const struct wi_catalog *wi_process_view_catalog(const struct wi_process_view *view)
{
    (void)view;
    return wi_catalog_of_segments();
}

bool wi_process_view_is(const struct wi_process_view *view, dev_t device, ino_t inode)
{
    (void)view, (void)device, (void)inode;
    return false;
}

bool wi_process_view_is_nameless(const struct wi_process_view *view)
{
    (void)view;
    return false;
}

enum wi_state wi_process_view_state(const struct wi_process_view *view)
{
    return view->state;
}

int64_t wi_process_view_unix_nanos(const struct wi_process_view *view)
{
    return view->unix_nanos;
}

uint64_t wi_process_view_monotonic_nanos(const struct wi_process_view *view)
{
    return view->monotonic_nanos;
}

uint64_t wi_process_view_as_of_nanos(const struct wi_process_view *view)
{
    return view->as_of_nanos ? view->as_of_nanos : view->monotonic_nanos;
}

void wi_process_view_record(struct wi_process_view *view)
{
    (void)view;
}

void wi_process_view_abandon(struct wi_process_view *view)
{
    (void)view;
}

const struct wi_history *wi_process_view_history(const struct wi_process_view *view)
{
    return view->history;
}

struct wi_self *wi_process_view_self(struct wi_process_view *view)
{
    return &view->self;
}

bool wi_process_view_has_ticked(const struct wi_process_view *view)
{
    (void)view;
    return false;
}

void wi_process_view_show(struct wi_process_view *view, const struct wi_verdict *verdict)
{
    view->verdict = verdict;
}

static size_t fake_n_warnings(const struct wi_process_view *view, enum wi_kind kind)
{
    return kind == WI_WARNING && view->verdict ? view->verdict->n_warnings : 0;
}

size_t wi_process_view_count(const struct wi_process_view *view, enum wi_kind kind)
{
    return view->n_rows[kind] + fake_n_warnings(view, kind);
}

const struct wi_row *wi_process_view_row(const struct wi_process_view *view, enum wi_kind kind,
                                         size_t i)
{
    static struct wi_row warning;
    size_t n_warnings = fake_n_warnings(view, kind);
    if (i < n_warnings) {
        memset(&warning, 0, sizeof(warning));
        warning.id = i;
        wi_warning_row(&view->verdict->warnings[i], &warning);
        return &warning;
    }
    i -= n_warnings;
    return i < view->n_rows[kind] ? &view->rows[kind][i]->row : NULL;
}

/* Puts the rows of a walk into their slots. */
static void fake_slot_index_all(struct wi_process_view *view, bool of_singles)
{
    size_t most = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
            bool fits = of_singles ? kind == WI_TASK_INSTANCE : wi_kind_has_slots(kind);
            for (size_t i = 0; fits && i < view->n_rows[kind]; i++) {
                size_t slot_index = (size_t)(view->rows[kind][i]->row.id & UINT32_MAX);
                most = slot_index + 1 > most ? slot_index + 1 : most;
                if (pass == 1) {
                    view->slot_indices[of_singles][slot_index] = view->rows[kind][i];
                }
            }
        }
        if (pass == 0) {
            free(view->slot_indices[of_singles]);
            view->slot_indices[of_singles] = fake_alloc((most + 1) * sizeof(struct fake_row *));
            view->n_slot_indices[of_singles] = most;
        }
    }
}

static const struct fake_row *fake_seated(const struct wi_process_view *const_view, bool is_single,
                                          size_t slot_index)
{
    struct wi_process_view *view = (struct wi_process_view *)(uintptr_t)const_view;
    if (!view->is_seated) {
        fake_slot_index_all(view, false);
        fake_slot_index_all(view, true);
        view->is_seated = true;
    }
    return slot_index < view->n_slot_indices[is_single] ? view->slot_indices[is_single][slot_index]
                                                        : NULL;
}

size_t wi_process_view_n_slots(const struct wi_process_view *view, enum wi_kind kind)
{
    (void)fake_seated(view, kind == WI_TASK_INSTANCE, 0);
    return view->n_slot_indices[kind == WI_TASK_INSTANCE];
}

const struct wi_row *wi_process_view_at(const struct wi_process_view *view, size_t slot_index,
                                        enum wi_kind *ret_kind)
{
    const struct fake_row *fake = fake_seated(view, false, slot_index);
    if (fake) {
        *ret_kind = fake->kind;
    }
    return fake ? &fake->row : NULL;
}

int64_t wi_process_view_opened_unix_nanos(const struct wi_process_view *view, size_t slot_index)
{
    return fake_seated(view, false, slot_index) ? view->facts.opened_unix_nanos : 0;
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
static uint64_t fake_waits_for(const struct wi_process_view *view, const char *name)
{
    for (int kind = WI_CHANNEL; name && kind <= WI_SEMAPHORE; kind++) {
        for (size_t i = 0; i < view->n_rows[kind]; i++) {
            if (strcmp(view->rows[kind][i]->name, name) == 0) {
                return view->rows[kind][i]->row.id;
            }
        }
    }
    return 0;
}

bool wi_process_view_task(const struct wi_process_view *view, size_t slot_index,
                          struct wi_task_sample *ret_sample)
{
    static const char *const states[] = {"idle", "scheduled", "running", "done"};
    const struct fake_row *fake = fake_seated(view, true, slot_index);
    memset(ret_sample, 0, sizeof(*ret_sample));
    if (!fake) {
        return false;
    }
    const struct wi_row *row = &fake->row;
    const char *state = fake_text_of(row, WI_TASK_INSTANCE_STATE);
    for (int i = 0; i < 4; i++) {
        if (state && strcmp(state, states[i]) == 0) {
            ret_sample->state = (enum wi_task_sample_state)i;
        }
    }
    ret_sample->id = row->id;
    ret_sample->name = row->name;
    ret_sample->kind = fake_text_of(row, WI_TASK_INSTANCE_KIND);
    ret_sample->source = fake_text_of(row, WI_TASK_INSTANCE_SOURCE);
    ret_sample->waits_for = fake_waits_for(view, fake_text_of(row, WI_TASK_INSTANCE_WAITS_FOR));
    ret_sample->polls = fake_count(row, WI_TASK_INSTANCE_POLLS);
    ret_sample->wakes = fake_count(row, WI_TASK_INSTANCE_WAKES);
    ret_sample->self_wakes = fake_count(row, WI_TASK_INSTANCE_SELF_WAKES);
    ret_sample->in_state = fake_nanos(row, WI_TASK_INSTANCE_IN_STATE);
    ret_sample->age = fake_nanos(row, WI_TASK_INSTANCE_AGE);
    ret_sample->busy = fake_nanos(row, WI_TASK_INSTANCE_BUSY) -
                       (ret_sample->state == WI_TASK_SAMPLE_RUNNING ? ret_sample->in_state : 0);
    ret_sample->scheduled =
        fake_nanos(row, WI_TASK_INSTANCE_SCHEDULED) -
        (ret_sample->state == WI_TASK_SAMPLE_SCHEDULED ? ret_sample->in_state : 0);
    return true;
}

/* By its id, as the real one: the row may be a copy. */
const struct weir_histogram *wi_process_view_histogram(struct wi_process_view *view,
                                                       enum wi_kind kind, const struct wi_row *row,
                                                       int metric)
{
    /* From the last one on: who asks goes from row to row, and is what is measured. */
    for (size_t passed = 0; passed < view->n_rows[kind]; passed++) {
        size_t i = (view->last_found + passed) % view->n_rows[kind];
        if (view->rows[kind][i]->row.id == row->id) {
            view->last_found = i;
            return view->rows[kind][i]->histogram[metric];
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
