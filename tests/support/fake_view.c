/* SPDX-License-Identifier: MIT */
/* A provider whose rows a test sets. */
#include "fake_view.h"

#include "segment/file.h"
#include "snapshot/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_UNIX_NANOS      INT64_C(1795461026120000000)
#define FAKE_MONOTONIC_NANOS UINT64_C(5000000000000)

struct fake_row {
    struct wi_row row; /* first: a row's address is its fake row's */
    enum wi_kind kind, retired_kind;
    char name[WEIR_NAME_MAX + 1];
    struct wi_task_sample task;
    struct weir_histogram *histogram[WI_MAX_METRICS];
};

#define FAKE_RETIRED WI_N_KINDS /* where rows of closed handles are, whatever their kind */

struct fake_text {
    struct fake_text *next;
    char text[];
};

struct fake_view {
    struct wi_process_view *view;
    struct {
        struct fake_row **row;
        size_t n, room;
        size_t hint; /* where one was found last */
    } rows[FAKE_RETIRED + 1];
    struct fake_text *texts;
    uint64_t next_id;
    enum wi_state state;
    struct wi_moment now; /* as_of_nanos 0: as the clock */
    enum weir_status refresh_status;
    char refresh_text[256];
    enum weir_status octaves_status;
    size_t refreshes;
    void (*on_refresh)(struct wi_process_view *view, uint64_t now_nanos, void *context);
    void *on_refresh_context;
    const struct wi_history *history;
};

/* aligned_alloc, since tests make the other functions fail. */
static void *fake_alloc(size_t n)
{
    size_t whole = (n + 15) / 16 * 16;
    void *memory = aligned_alloc(16, whole);
    if (!memory) {
        fputs("fake_view: no memory\n", stderr);
        abort();
    }
    return memset(memory, 0, whole);
}

static struct fake_view *fake_of(struct wi_process_view *view)
{
    return view->context;
}

/* The row of an id; with the mask of its lower half, of a slot. Goes on where it found one last. */
static struct fake_row *fake_find(void *context, enum wi_kind kind, uint64_t id, uint64_t mask)
{
    struct fake_view *fake = context;
    for (size_t k = 0; k < fake->rows[kind].n; k++) {
        size_t i = (fake->rows[kind].hint + k) % fake->rows[kind].n;
        if ((fake->rows[kind].row[i]->row.id & mask) == id) {
            fake->rows[kind].hint = i;
            return fake->rows[kind].row[i];
        }
    }
    return NULL;
}

/* ---- the operations ------------------------------------------------------------------------ */

static enum weir_status fake_refresh(void *context, uint64_t now_nanos,
                                     struct weir_error *ret_error)
{
    struct fake_view *fake = context;
    if (fake->refresh_status != WEIR_OK) {
        wi_error_set(ret_error, "%s", fake->refresh_text);
        return fake->refresh_status;
    }
    if (now_nanos > fake->now.nanos) {
        fake->now.unix_nanos += (int64_t)(now_nanos - fake->now.nanos);
    }
    fake->now.nanos = now_nanos;
    fake->refreshes++;
    if (fake->on_refresh) {
        fake->on_refresh(fake->view, now_nanos, fake->on_refresh_context);
    }
    return WEIR_OK;
}

static void fake_moment(const void *context, struct wi_moment *moment)
{
    *moment = ((const struct fake_view *)context)->now;
    moment->as_of_nanos = moment->as_of_nanos ? moment->as_of_nanos : moment->nanos;
}

static enum wi_state fake_state(const void *context)
{
    return ((const struct fake_view *)context)->state;
}

static size_t fake_count(const void *context, enum wi_kind kind)
{
    return ((const struct fake_view *)context)->rows[kind].n;
}

static void fake_fill(void *context, enum wi_kind kind, size_t i, struct wi_row *row)
{
    *row = ((const struct fake_view *)context)->rows[kind].row[i]->row;
}

static const struct weir_histogram *fake_histogram(void *context, enum wi_kind kind,
                                                   const struct wi_row *row, int metric)
{
    const struct fake_row *fake = fake_find(context, kind, row->id, UINT64_MAX);
    return fake ? fake->histogram[metric] : NULL;
}

/* As in a segment those of each kind's "other" come first. */
static size_t fake_n_retired(const void *context)
{
    size_t n = ((const struct fake_view *)context)->rows[FAKE_RETIRED].n;
    return n ? WI_RETIRED_OTHERS + n : 0;
}

static bool fake_retired(void *context, size_t i, enum wi_kind *ret_kind, struct wi_row *row)
{
    const struct fake_view *fake = context;
    if (i < WI_RETIRED_OTHERS) {
        return false;
    }
    *row = fake->rows[FAKE_RETIRED].row[i - WI_RETIRED_OTHERS]->row;
    *ret_kind = fake->rows[FAKE_RETIRED].row[i - WI_RETIRED_OTHERS]->retired_kind;
    return true;
}

static enum weir_status fake_octaves(void *context, enum wi_kind kind, int metric,
                                     const struct wi_octave_groups *groups)
{
    const struct fake_view *fake = context;
    for (size_t i = 0; i < fake->rows[kind].n; i++) {
        const struct weir_histogram *from = fake->rows[kind].row[i]->histogram[metric];
        if (from) {
            wi_octaves_add(&groups->sums[groups->of_row[i]], from);
        }
    }
    for (size_t i = 0; i < fake->rows[FAKE_RETIRED].n; i++) {
        const struct fake_row *row = fake->rows[FAKE_RETIRED].row[i];
        if (row->retired_kind == kind && row->histogram[metric]) {
            wi_octaves_add(&groups->sums[groups->of_retired[WI_RETIRED_OTHERS + i]],
                           row->histogram[metric]);
        }
    }
    return fake->octaves_status;
}

static bool fake_has_slots(enum wi_kind kind, bool of_instances)
{
    return of_instances ? kind == WI_TASK_INSTANCE : wi_kind_has_slots(kind);
}

static size_t fake_n_slots(const void *context, enum wi_kind wanted)
{
    const struct fake_view *fake = context;
    size_t n = 0;
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        for (size_t i = 0;
             fake_has_slots(kind, wanted == WI_TASK_INSTANCE) && i < fake->rows[kind].n; i++) {
            size_t slot_index = (size_t)(fake->rows[kind].row[i]->row.id & UINT32_MAX);
            n = slot_index >= n ? slot_index + 1 : n;
        }
    }
    return n;
}

static bool fake_at(void *context, size_t slot_index, enum wi_kind *ret_kind, struct wi_row *row)
{
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        const struct fake_row *fake =
            wi_kind_has_slots(kind) ? fake_find(context, kind, slot_index, UINT32_MAX) : NULL;
        if (fake) {
            *ret_kind = fake->kind;
            *row = fake->row;
            return true;
        }
    }
    return false;
}

static int64_t fake_opened_unix_nanos(const void *context, size_t slot_index)
{
    (void)slot_index;
    return ((const struct fake_view *)context)->view->facts.opened_unix_nanos;
}

static bool fake_task(void *context, size_t slot_index, struct wi_task_sample *ret_sample)
{
    const struct fake_row *fake = fake_find(context, WI_TASK_INSTANCE, slot_index, UINT32_MAX);
    if (fake) {
        *ret_sample = fake->task;
        ret_sample->id = fake->row.id;
        ret_sample->name = fake->name;
    }
    return fake != NULL;
}

static const struct wi_history *fake_history(const void *context)
{
    return ((const struct fake_view *)context)->history;
}

static void fake_close(void *context)
{
    struct fake_view *fake = context;
    for (int kind = 0; kind <= FAKE_RETIRED; kind++) {
        fake_view_clear(fake->view, (enum wi_kind)kind);
        free(fake->rows[kind].row);
    }
    while (fake->texts) {
        struct fake_text *next = fake->texts->next;
        free(fake->texts);
        fake->texts = next;
    }
    free(fake);
}

/* ---- a view and its rows ------------------------------------------------------------------- */

struct wi_process_view *fake_view_create(const char *name)
{
    static const struct wi_provider_ops ops = {
        .refresh = fake_refresh,
        .moment = fake_moment,
        .state = fake_state,
        .count = fake_count,
        .row = fake_fill,
        .histogram = fake_histogram,
        .n_retired = fake_n_retired,
        .retired = fake_retired,
        .octaves = fake_octaves,
        .n_slots = fake_n_slots,
        .at = fake_at,
        .opened_unix_nanos = fake_opened_unix_nanos,
        .task = fake_task,
        .history = fake_history,
        .close = fake_close,
    };
    struct wi_facts facts = {.program = "/usr/bin/fake-server",
                             .version = WEIR_VERSION,
                             .pid = 4821,
                             .own = {.start_ticks = 123456},
                             .started_unix_nanos = FAKE_UNIX_NANOS - INT64_C(90000000000),
                             .opened_unix_nanos = FAKE_UNIX_NANOS - INT64_C(89000000000)};
    struct fake_view *fake = fake_alloc(sizeof(*fake));
    snprintf(facts.name, sizeof(facts.name), "%s", name);
    fake->next_id = 1;
    fake->state = WI_STATE_RUNNING;
    fake->now = (struct wi_moment){.nanos = FAKE_MONOTONIC_NANOS, .unix_nanos = FAKE_UNIX_NANOS};
    if (wi_process_view_open_provider(&facts, wi_catalog_of_segments(), &ops, fake, &fake->view,
                                      NULL) != WEIR_OK) {
        abort();
    }
    fake_view_set_monotonic_nanos(fake->view, FAKE_MONOTONIC_NANOS);
    fake_view_add(fake->view, WI_PROCESS, name);
    fake_view_add(fake->view, WI_AGENT, "agent");
    return fake->view;
}

struct wi_row *fake_view_add(struct wi_process_view *view, enum wi_kind kind, const char *name)
{
    struct fake_view *fake = fake_of(view);
    if (fake->rows[kind].n == fake->rows[kind].room) {
        size_t room = fake->rows[kind].room ? 2 * fake->rows[kind].room : 16;
        struct fake_row **rows = fake_alloc(room * sizeof(struct fake_row *));
        for (size_t i = 0; i < fake->rows[kind].n; i++) {
            rows[i] = fake->rows[kind].row[i];
        }
        free(fake->rows[kind].row);
        fake->rows[kind].row = rows;
        fake->rows[kind].room = room;
    }
    struct fake_row *row = fake_alloc(sizeof(*row));
    row->kind = kind;
    snprintf(row->name, sizeof(row->name), "%s", name);
    row->row.id = fake->next_id++;
    row->row.name = row->name;
    fake->rows[kind].row[fake->rows[kind].n++] = row;
    return &row->row;
}

struct wi_row *fake_view_add_retired(struct wi_process_view *view, enum wi_kind kind,
                                     const char *name)
{
    struct wi_row *row = fake_view_add(view, FAKE_RETIRED, name);
    ((struct fake_row *)(void *)row)->retired_kind = kind;
    return row;
}

struct wi_row *fake_view_row(struct wi_process_view *view, enum wi_kind kind, size_t i)
{
    return &fake_of(view)->rows[kind].row[i]->row;
}

void fake_view_set_id(struct wi_process_view *view, struct wi_row *row, uint64_t id)
{
    (void)view;
    row->id = id;
}

static void fake_row_free(struct fake_row *row)
{
    for (size_t i = 0; i < WI_MAX_METRICS; i++) {
        free(row->histogram[i]);
    }
    free(row);
}

void fake_view_remove(struct wi_process_view *view, struct wi_row *row)
{
    struct fake_row *gone = (struct fake_row *)(void *)row;
    struct fake_view *fake = fake_of(view);
    size_t n_left = 0;
    for (size_t i = 0; i < fake->rows[gone->kind].n; i++) {
        struct fake_row *other = fake->rows[gone->kind].row[i];
        if (other != gone) {
            fake->rows[gone->kind].row[n_left++] = other;
        }
    }
    fake->rows[gone->kind].n = n_left;
    fake_row_free(gone);
}

void fake_view_clear(struct wi_process_view *view, enum wi_kind kind)
{
    struct fake_view *fake = fake_of(view);
    while (fake->rows[kind].n > 0) {
        fake_row_free(fake->rows[kind].row[--fake->rows[kind].n]);
    }
}

void fake_view_set_text(struct wi_process_view *view, struct wi_row *row, int metric,
                        const char *text)
{
    size_t n = strlen(text) + 1;
    struct fake_text *kept = fake_alloc(sizeof(*kept) + n);
    memcpy(kept->text, text, n);
    kept->next = fake_of(view)->texts;
    fake_of(view)->texts = kept;
    row->value[metric].type = WI_TEXT;
    row->value[metric].u.text = kept->text;
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

void fake_view_set_task(struct wi_row *row, const struct wi_task_sample *task)
{
    ((struct fake_row *)(void *)row)->task = *task;
}

/* ---- the process --------------------------------------------------------------------------- */

struct wi_facts *fake_view_facts(struct wi_process_view *view)
{
    return &view->facts;
}

void fake_view_set_state(struct wi_process_view *view, enum wi_state state)
{
    fake_of(view)->state = state;
}

void fake_view_set_unix_nanos(struct wi_process_view *view, int64_t nanos)
{
    fake_of(view)->now.unix_nanos = nanos;
    fake_moment(view->context, &view->now);
}

void fake_view_set_monotonic_nanos(struct wi_process_view *view, uint64_t nanos)
{
    struct fake_view *fake = fake_of(view);
    size_t refreshes = fake->refreshes;
    fake->now.nanos = nanos;
    wi_process_view_refresh(view, nanos, NULL);
    fake->refreshes = refreshes;
}

void fake_view_set_as_of_nanos(struct wi_process_view *view, uint64_t nanos)
{
    fake_of(view)->now.as_of_nanos = nanos;
    fake_moment(view->context, &view->now);
}

void fake_view_fail_refresh(struct wi_process_view *view, enum weir_status status, const char *text)
{
    fake_of(view)->refresh_status = status;
    snprintf(fake_of(view)->refresh_text, sizeof(fake_of(view)->refresh_text), "%s",
             text ? text : "");
}

void fake_view_fail_octaves(struct wi_process_view *view, enum weir_status status)
{
    fake_of(view)->octaves_status = status;
}

size_t fake_view_refreshes(const struct wi_process_view *view)
{
    return ((const struct fake_view *)view->context)->refreshes;
}

void fake_view_on_refresh(struct wi_process_view *view,
                          void (*function)(struct wi_process_view *view, uint64_t now_nanos,
                                           void *context),
                          void *context)
{
    fake_of(view)->on_refresh = function;
    fake_of(view)->on_refresh_context = context;
}

void fake_view_set_history(struct wi_process_view *view, const struct wi_history *history)
{
    fake_of(view)->history = history;
}
