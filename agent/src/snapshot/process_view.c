/* SPDX-License-Identifier: MIT */
/*
 * The process view: collected counts become rows. Counts are read at every refresh; what needs time (rates,
 * ages, growth) moves on a tick about once a second. A row is built when somebody asks for
 * it, so that reading 100,000 handles costs no more than their counts.
 */
#include "snapshot/state.h"

#include "segment/file.h"
#include "segment/text.h"
#include "segment/wall.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- open and close ------------------------------------------------------------------------ */

static enum weir_status view_create(struct wi_source *taken_source,
                                    struct wi_process_view **ret_view, struct weir_error *ret_error)
{
    struct wi_process_view *view = calloc(1, sizeof(*view));
    if (!view) {
        wi_source_close(taken_source);
        wi_error_set(ret_error, "out of memory");
        return WEIR_E_MEMORY;
    }
    view->source = taken_source;
    wi_process_view_show(view, NULL);
    struct wi_image before;
    struct wi_image image;
    enum weir_status status = wi_source_read(taken_source, &before, &image, ret_error);
    if (status != WEIR_OK) {
        wi_process_view_close(view);
        return status;
    }
    const struct wi_header *header = (const struct wi_header *)(const void *)image.bytes;
    char text[WI_PROGRAM_MAX];
    memcpy(text, header->name, sizeof(header->name));
    text[WEIR_NAME_MAX] = '\0';
    wi_text_clean(text, view->facts.name, sizeof(view->facts.name));
    memcpy(text, header->program, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    wi_text_clean(text, view->facts.program, sizeof(view->facts.program));
    memcpy(text, header->version, sizeof(header->version));
    text[sizeof(header->version) - 1] = '\0';
    wi_text_clean(text, view->facts.version, sizeof(view->facts.version));
    snprintf(view->facts.path, sizeof(view->facts.path), "%s", wi_source_path(taken_source));
    struct wi_owner owner = wi_source_owner(taken_source);
    view->facts.is_seen = owner.pid != 0;
    view->facts.pid = owner.pid ? owner.pid : header->pid;
    view->facts.own = (struct wi_stem){header->pid, header->start_ticks, header->id};
    view->facts.started_unix_nanos = header->started_unix_nanos;
    view->facts.opened_unix_nanos = header->opened_unix_nanos;
    wi_history_writer_open(view);
    *ret_view = view;
    return WEIR_OK;
}

enum weir_status wi_process_view_open_self(struct wi_process_view **ret_view,
                                           struct weir_error *ret_error)
{
    struct wi_source *source;
    enum weir_status status = wi_source_open_self(&source, ret_error);
    if (status == WEIR_OK) {
        status = view_create(source, ret_view, ret_error);
    }
    if (status == WEIR_OK) {
        wi_heap_sample(&(*ret_view)->process.heap);
    }
    return status;
}

enum weir_status wi_process_view_open_file(const char *path, struct wi_process_view **ret_view,
                                           struct weir_error *ret_error)
{
    struct wi_source *source;
    enum weir_status status = wi_source_open_file(path, &source, ret_error);
    return status == WEIR_OK ? view_create(source, ret_view, ret_error) : status;
}

static void view_slot_forget(struct wi_process_view *view, struct view_slot *slot)
{
    view->n_ages -= slot->age != NULL;
    for (int which = 0; which < 2; which++) {
        view->n_windows -= slot->window[which] != NULL;
        free(slot->window[which]);
    }
    view->n_more -= slot->more != NULL;
    free(slot->more);
    free(slot->age);
    free(slot->name);
    memset(slot, 0, sizeof(*slot));
}

void wi_process_view_close(struct wi_process_view *view)
{
    if (!view) {
        return;
    }
    if (view->provider) {
        wi_provider_close(view);
        return;
    }
    for (size_t i = 0; i < view->n_slots; i++) {
        view_slot_forget(view, &view->slots[i]);
    }
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        free(view->order[kind]);
    }
    free(view->senders);
    free(view->instances);
    free(view->slots);
    free(view->generations);
    wi_history_writer_close(view);
    wi_collection_finish(&view->collection);
    wi_source_close(view->source);
    free(view);
}

/* ---- refresh ------------------------------------------------------------------------------- */

static enum weir_status view_make_room(struct wi_process_view *view, struct weir_error *ret_error)
{
    size_t n = view->collection.n;
    if (n > view->n_slots) {
        struct view_slot *slots = realloc(view->slots, n * sizeof(*slots));
        if (!slots) {
            goto failed;
        }
        memset(slots + view->n_slots, 0, (n - view->n_slots) * sizeof(*slots));
        view->slots = slots;
        uint32_t *generations = realloc(view->generations, n * sizeof(*generations));
        if (!generations) {
            goto failed;
        }
        memset(generations + view->n_slots, 0, (n - view->n_slots) * sizeof(*generations));
        view->generations = generations;
        view->n_slots = n;
    }
    for (unsigned kind = 0; kind < WI_N_KINDS && n > view->room_order; kind++) {
        if (!wi_kind_has_slots(kind)) {
            continue;
        }
        uint32_t *order = realloc(view->order[kind], n * sizeof(*order));
        if (!order) {
            goto failed;
        }
        view->order[kind] = order;
    }
    view->room_order = n > view->room_order ? n : view->room_order;
    return WEIR_OK;
failed:
    wi_error_set(ret_error, "no memory for %zu rows", n);
    return WEIR_E_MEMORY;
}

/* A handle that was not there before: its texts are read once. */
static enum weir_status view_slot_meet(struct wi_process_view *view, size_t id,
                                       struct weir_error *ret_error)
{
    struct view_slot *slot = &view->slots[id];
    const struct weir_slot_head *head = wi_collect_head(&view->collection, id);
    char name[WEIR_NAME_MAX + 1];
    char file[WEIR_NAME_MAX + 1];
    enum weir_status status = wi_collect_string(
        &view->collection.image, head ? __atomic_load_n(&head->name, __ATOMIC_RELAXED) : 0, name,
        sizeof(name), ret_error);
    if (status == WEIR_OK) {
        status = wi_collect_string(&view->collection.image,
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

/* Ids by kind. */
static void view_order(struct wi_process_view *view)
{
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        view->n_order[kind] = wi_kind_has_slots(kind) ? 0 : view->n_order[kind];
    }
    for (size_t id = 0; id < view->collection.n; id++) {
        if (view->generations[id]) {
            uint8_t kind = view->collection.raws[id].kind;
            view->order[kind][view->n_order[kind]++] = (uint32_t)id;
        }
    }
}

/* Meets new handles, forgets closed ones. */
static enum weir_status view_sort_slots(struct wi_process_view *view, struct weir_error *ret_error)
{
    const struct wi_collection *collection = &view->collection;
    if (view->refreshes && collection->n == view->n_seen &&
        (collection->n == 0 || memcmp(view->generations, collection->generations,
                                      collection->n * sizeof(*view->generations)) == 0)) {
        return WEIR_OK;
    }
    view->n_seen = SIZE_MAX; /* until all is met */
    for (size_t id = 0; id < view->n_slots; id++) {
        uint32_t generation = id < collection->n ? collection->generations[id] : 0;
        if (view->generations[id] == generation) {
            continue;
        }
        view->generations[id] = 0;
        view_slot_forget(view, &view->slots[id]);
        if (generation) {
            enum weir_status status = view_slot_meet(view, id, ret_error);
            if (status != WEIR_OK) {
                return status;
            }
            view->generations[id] = generation;
        }
    }
    view_order(view);
    view->n_seen = collection->n;
    return WEIR_OK;
}

/* By the clock by which the kernel notes a process's start, since the one on the wall may be set. */
static double view_uptime(const struct wi_process_view *view)
{
    if (!view->facts.own.start_ticks) {
        return (double)(view->unix_nanos - view->facts.started_unix_nanos) / 1e9;
    }
    int64_t nanos = wi_wall_now() - wi_wall_started(view->facts.own.start_ticks);
    return nanos > 0 ? (double)nanos / 1e9 : 0;
}

/* How far the clock on the wall has been set since the segment was opened; of a dead process nobody knows. */
static int64_t view_wall_step(const struct wi_process_view *view)
{
    enum wi_state state = wi_process_view_state(view);
    return state == WI_STATE_RUNNING || state == WI_STATE_UNKNOWN
               ? wi_wall_step(view->facts.started_unix_nanos, view->facts.own.start_ticks)
               : 0;
}

enum weir_status wi_process_view_refresh(struct wi_process_view *view, uint64_t now_nanos,
                                         struct weir_error *ret_error)
{
    struct timespec now;
    view->is_tick = false;
    if (view->provider) {
        return wi_provider_refresh(view, now_nanos, ret_error);
    }
    enum weir_status status = wi_collect(&view->collection, view->source, ret_error);
    if (status == WEIR_OK) {
        const struct wi_header *header = (const void *)view->collection.image.bytes;
        view->facts.has_children = __atomic_load_n(&header->has_children, __ATOMIC_RELAXED);
        status = view_make_room(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = view_sort_slots(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_process_view_meet_senders(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_process_view_meet_task_instances(view, ret_error);
    }
    if (status != WEIR_OK) {
        /* What was collected is half new, and there may be no room for it: show nothing rather than
         * a mixture, and let nothing be asked for by its slot. */
        memset(view->n_order, 0, sizeof(view->n_order));
        memset(view->collection.n_blocks, 0, sizeof(view->collection.n_blocks));
        view->collection.n = 0;
        for (size_t id = 0; id < view->n_slots; id++) {
            view->generations[id] = 0;
        }
        view->n_seen = SIZE_MAX;
        return status;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    view->unix_nanos = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    view->wall_step = view_wall_step(view);
    view->uptime_seconds = view_uptime(view);
    view->now_nanos = now_nanos;
    view->refreshes++;
    view->is_tick = !view->has_ticked || now_nanos - view->tick_nanos >= VIEW_TICK_NANOS;
    if (view->is_tick) {
        wi_process_view_tick(view);
    }
    return WEIR_OK;
}

/* ---- what has a table of its own ------------------------------------------------------------ */

enum weir_status wi_process_view_block_room(struct wi_process_view *view, enum wi_table_id table,
                                            void **blocks, size_t bytes, enum wi_kind kind,
                                            struct weir_error *ret_error)
{
    size_t n = view->collection.n_blocks[table];
    size_t room = view->room_blocks[table];
    if (n <= room) {
        return WEIR_OK;
    }
    size_t wanted = room ? 2 * room : 64;
    wanted = wanted > n ? wanted : n;
    uint32_t *order = realloc(view->order[kind], wanted * sizeof(*order));
    view->order[kind] = order ? order : view->order[kind];
    void *grown = order ? realloc(*blocks, wanted * bytes) : NULL;
    if (!grown) {
        wi_error_set(ret_error, "no memory for %zu rows", n);
        return WEIR_E_MEMORY;
    }
    memset((unsigned char *)grown + room * bytes, 0, (wanted - room) * bytes);
    *blocks = grown;
    view->room_blocks[table] = wanted;
    return WEIR_OK;
}

struct view_more *wi_process_view_more(struct wi_process_view *view, size_t id, uint32_t generation,
                                       enum wi_kind kind)
{
    if (id >= view->collection.n || !generation || view->generations[id] != generation ||
        view->collection.raws[id].kind != kind) {
        return NULL;
    }
    struct view_slot *slot = &view->slots[id];
    if (!slot->more) {
        slot->more = calloc(1, sizeof(*slot->more));
        view->n_more += slot->more != NULL;
    }
    return slot->more;
}

/* ---- the reading side ---------------------------------------------------------------------- */

const struct wi_facts *wi_process_view_facts(const struct wi_process_view *view)
{
    return &view->facts;
}

enum wi_state wi_process_view_state(const struct wi_process_view *view)
{
    return view->provider ? view->provider->state(view->provider_context)
                          : wi_source_state(view->source);
}

bool wi_process_view_is(const struct wi_process_view *view, dev_t device, ino_t inode)
{
    return view->source && wi_source_is(view->source, device, inode);
}

bool wi_process_view_is_nameless(const struct wi_process_view *view)
{
    return view->source && wi_source_is_nameless(view->source);
}

const struct wi_catalog *wi_process_view_catalog(const struct wi_process_view *view)
{
    return view->provider ? view->provider->catalog : wi_catalog_of_segments();
}

bool wi_process_view_has_ticked(const struct wi_process_view *view)
{
    return view->is_tick;
}

void wi_process_view_show(struct wi_process_view *view, const struct wi_verdict *verdict)
{
    static const struct wi_verdict none;
    view->verdict = verdict ? verdict : &none;
}

int64_t wi_process_view_unix_nanos(const struct wi_process_view *view)
{
    return view->unix_nanos;
}

uint64_t wi_process_view_monotonic_nanos(const struct wi_process_view *view)
{
    return view->now_nanos;
}

uint64_t wi_process_view_as_of_nanos(const struct wi_process_view *view)
{
    return wi_history_writer_as_of(view);
}

struct wi_self *wi_process_view_self(struct wi_process_view *view)
{
    return &view->self;
}

size_t wi_process_view_count(const struct wi_process_view *view, enum wi_kind kind)
{
    if (kind == WI_WARNING) {
        size_t n = view->verdict->n_warnings + (view->provider ? wi_provider_count(view, kind) : 0);
        return n < WI_WARNINGS_MAX ? n : WI_WARNINGS_MAX;
    }
    if (view->provider) {
        return wi_provider_count(view, kind);
    }
    switch (kind) {
    case WI_PROCESS:
    case WI_AGENT:
        return view->refreshes > 0;
    default:
        return (unsigned)kind < WI_N_KINDS ? view->n_order[kind] : 0;
    }
}
