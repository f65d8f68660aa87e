/* SPDX-License-Identifier: MIT */
/*
 * The world: collected counts become rows. Counts are read at every refresh; what needs time (rates,
 * ages, growth, warnings) moves on a tick about once a second. A row is built when somebody asks for
 * it, so that reading 100,000 handles costs no more than their counts.
 */
#include "snapshot/state.h"

#include "segment/file.h"
#include "segment/wall.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
    struct wi_image before;
    struct wi_image image;
    enum weir_status status = wi_source_read(taken_source, &before, &image, ret_error);
    if (status != WEIR_OK) {
        wi_world_close(world);
        return status;
    }
    const struct wi_header *header = (const struct wi_header *)(const void *)image.bytes;
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
    struct wi_owner owner = wi_source_owner(taken_source);
    world->facts.is_seen = owner.pid != 0;
    world->facts.pid = owner.pid ? owner.pid : header->pid;
    world->facts.own = (struct wi_stem){header->pid, header->start_ticks, header->id};
    world->facts.started_unix_nanos = header->started_unix_nanos;
    world->facts.opened_unix_nanos = header->opened_unix_nanos;
    wi_past_open(world);
    *ret_world = world;
    return WEIR_OK;
}

enum weir_status wi_world_open_self(struct wi_world **ret_world, struct weir_error *ret_error)
{
    struct wi_source *source;
    enum weir_status status = wi_source_open_self(&source, ret_error);
    if (status == WEIR_OK) {
        status = world_create(source, ret_world, ret_error);
    }
    if (status == WEIR_OK) {
        wi_heap_look(&(*ret_world)->process.heap);
    }
    return status;
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
    for (int which = 0; which < 2; which++) {
        world->n_windows -= slot->window[which] != NULL;
        free(slot->window[which]);
    }
    world->n_more -= slot->more != NULL;
    free(slot->more);
    free(slot->age);
    free(slot->name);
    memset(slot, 0, sizeof(*slot));
}

void wi_world_close(struct wi_world *world)
{
    if (!world) {
        return;
    }
    if (world->foreign) {
        wi_foreign_close(world);
        return;
    }
    for (size_t i = 0; i < world->n_slots; i++) {
        world_slot_forget(world, &world->slots[i]);
    }
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        free(world->order[kind]);
    }
    free(world->senders);
    free(world->singles);
    free(world->slots);
    free(world->generations);
    wi_past_close(world);
    wi_finding_destroy(world->finding);
    wi_collection_finish(&world->collection);
    wi_source_close(world->source);
    free(world);
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
    for (unsigned kind = 0; kind < WI_N_KINDS && n > world->room_order; kind++) {
        if (!wi_kind_has_slots(kind)) {
            continue;
        }
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
    enum weir_status status = wi_collect_string(
        &world->collection.image, head ? __atomic_load_n(&head->name, __ATOMIC_RELAXED) : 0, name,
        sizeof(name), ret_error);
    if (status == WEIR_OK) {
        status = wi_collect_string(&world->collection.image,
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
static void world_order(struct wi_world *world)
{
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        world->n_order[kind] = wi_kind_has_slots(kind) ? 0 : world->n_order[kind];
    }
    for (size_t id = 0; id < world->collection.n; id++) {
        if (world->generations[id]) {
            uint8_t kind = world->collection.raws[id].kind;
            world->order[kind][world->n_order[kind]++] = (uint32_t)id;
        }
    }
}

/* Meets new handles, forgets closed ones. */
static enum weir_status world_sort_slots(struct wi_world *world, struct weir_error *ret_error)
{
    const struct wi_collection *collection = &world->collection;
    if (world->refreshes && collection->n == world->n_seen &&
        (collection->n == 0 || memcmp(world->generations, collection->generations,
                                      collection->n * sizeof(*world->generations)) == 0)) {
        return WEIR_OK;
    }
    world->n_seen = SIZE_MAX; /* until all is met */
    for (size_t id = 0; id < world->n_slots; id++) {
        uint32_t generation = id < collection->n ? collection->generations[id] : 0;
        if (world->generations[id] == generation) {
            continue;
        }
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
    world_order(world);
    world->n_seen = collection->n;
    return WEIR_OK;
}

/* By the clock by which the kernel notes a process's start, since the one on the wall may be set. */
static double world_uptime(const struct wi_world *world)
{
    if (!world->facts.own.start_ticks) {
        return (double)(world->unix_nanos - world->facts.started_unix_nanos) / 1e9;
    }
    int64_t nanos = wi_wall_now() - wi_wall_started(world->facts.own.start_ticks);
    return nanos > 0 ? (double)nanos / 1e9 : 0;
}

/* How far the clock on the wall has been set since the segment was opened; of a dead process nobody knows. */
static int64_t world_wall_step(const struct wi_world *world)
{
    enum wi_state state = wi_world_state(world);
    return state == WI_STATE_RUNNING || state == WI_STATE_UNKNOWN
               ? wi_wall_step(world->facts.started_unix_nanos, world->facts.own.start_ticks)
               : 0;
}

enum weir_status wi_world_refresh(struct wi_world *world, uint64_t now_nanos,
                                  struct weir_error *ret_error)
{
    struct timespec now;
    if (world->foreign) {
        return wi_foreign_refresh(world, now_nanos, ret_error);
    }
    enum weir_status status = wi_collect(&world->collection, world->source, ret_error);
    if (status == WEIR_OK) {
        const struct wi_header *header = (const void *)world->collection.image.bytes;
        world->facts.has_children = __atomic_load_n(&header->has_children, __ATOMIC_RELAXED);
        status = world_make_room(world, ret_error);
    }
    if (status == WEIR_OK) {
        status = world_sort_slots(world, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_world_meet_senders(world, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_world_meet_singles(world, ret_error);
    }
    if (status != WEIR_OK) {
        /* What was collected is half new: show nothing rather than a mixture. */
        memset(world->n_order, 0, sizeof(world->n_order));
        for (size_t id = 0; id < world->n_slots; id++) {
            world->generations[id] = 0;
        }
        world->n_seen = SIZE_MAX;
        return status;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    world->unix_nanos = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    world->wall_step = world_wall_step(world);
    world->uptime_seconds = world_uptime(world);
    world->now_nanos = now_nanos;
    world->refreshes++;
    if (!world->has_ticked || now_nanos - world->tick_nanos >= WORLD_TICK_NANOS) {
        wi_world_tick(world);
    }
    return WEIR_OK;
}

/* ---- what has a table of its own ------------------------------------------------------------ */

enum weir_status wi_world_block_room(struct wi_world *world, enum wi_table_id table, void **blocks,
                                     size_t bytes, enum wi_kind kind, struct weir_error *ret_error)
{
    size_t n = world->collection.n_blocks[table];
    size_t room = world->room_blocks[table];
    if (n <= room) {
        return WEIR_OK;
    }
    size_t wanted = room ? 2 * room : 64;
    wanted = wanted > n ? wanted : n;
    uint32_t *order = realloc(world->order[kind], wanted * sizeof(*order));
    world->order[kind] = order ? order : world->order[kind];
    void *grown = order ? realloc(*blocks, wanted * bytes) : NULL;
    if (!grown) {
        wi_error_set(ret_error, "no memory for %zu rows", n);
        return WEIR_E_MEMORY;
    }
    memset((unsigned char *)grown + room * bytes, 0, (wanted - room) * bytes);
    *blocks = grown;
    world->room_blocks[table] = wanted;
    return WEIR_OK;
}

struct world_more *wi_world_more(struct wi_world *world, size_t id, uint32_t generation,
                                 enum wi_kind kind)
{
    if (id >= world->collection.n || !generation || world->generations[id] != generation ||
        world->collection.raws[id].kind != kind) {
        return NULL;
    }
    struct world_slot *slot = &world->slots[id];
    if (!slot->more) {
        slot->more = calloc(1, sizeof(*slot->more));
        world->n_more += slot->more != NULL;
    }
    return slot->more;
}

/* ---- the reading side ---------------------------------------------------------------------- */

const struct wi_facts *wi_world_facts(const struct wi_world *world)
{
    return &world->facts;
}

enum wi_state wi_world_state(const struct wi_world *world)
{
    return world->foreign ? world->foreign->state(world->foreign_context)
                          : wi_source_state(world->source);
}

bool wi_world_is(const struct wi_world *world, dev_t device, ino_t inode)
{
    return world->source && wi_source_is(world->source, device, inode);
}

bool wi_world_is_nameless(const struct wi_world *world)
{
    return world->source && wi_source_is_nameless(world->source);
}

const struct wi_offer *wi_world_offer(const struct wi_world *world)
{
    return world->foreign ? world->foreign->offer : wi_offer_of_segments();
}

int64_t wi_world_unix_nanos(const struct wi_world *world)
{
    return world->unix_nanos;
}

uint64_t wi_world_monotonic_nanos(const struct wi_world *world)
{
    return world->now_nanos;
}

uint64_t wi_world_as_of_nanos(const struct wi_world *world)
{
    return wi_past_as_of(world);
}

struct wi_self *wi_world_self(struct wi_world *world)
{
    return &world->self;
}

size_t wi_world_count(const struct wi_world *world, enum wi_kind kind)
{
    if (kind == WI_WARNING) {
        return world->n_warnings;
    }
    if (world->foreign) {
        return wi_foreign_count(world, kind);
    }
    switch (kind) {
    case WI_PROCESS:
    case WI_AGENT:
        return world->refreshes > 0;
    default:
        return (unsigned)kind < WI_N_KINDS ? world->n_order[kind] : 0;
    }
}

/* ---- warnings ------------------------------------------------------------------------------ */

void wi_world_clear_warnings(struct wi_world *world)
{
    world->n_warnings = 0;
}

static void world_put_copy(struct wi_world *world, size_t i, int which, int metric,
                           const char *text)
{
    if (text) {
        char *copy = world->warning_texts[i][which];
        snprintf(copy, sizeof(world->warning_texts[i][which]), "%s", text);
        put_text(&world->warnings[i], metric, copy);
    }
}

enum weir_status wi_world_add_warning(struct wi_world *world, const struct wi_warning *warning)
{
    if (world->n_warnings == WORLD_MAX_WARNINGS) {
        return WEIR_E_LIMIT;
    }
    size_t i = world->n_warnings++;
    struct wi_row *row = &world->warnings[i];
    memset(row, 0, sizeof(*row));
    row->id = i;
    world_put_copy(world, i, 0, WI_WARNING_SUBJECT, warning->subject);
    world_put_copy(world, i, 1, WI_WARNING_TEXT, warning->text);
    world_put_copy(world, i, 2, WI_WARNING_EVIDENCE, warning->evidence);
    world_put_copy(world, i, 3, WI_WARNING_ESTIMATE, warning->estimate);
    row->name = world->warning_texts[i][0];
    put_text(row, WI_WARNING_SEVERITY, warning->severity);
    put_text(row, WI_WARNING_KIND, warning->kind);
    if (warning->action) {
        put_text(row, WI_WARNING_ACTION, warning->action);
    }
    if (warning->has_row) {
        put_text(row, WI_WARNING_SUBJECT_KIND, wi_kind_name(warning->row_kind));
        put_u64(row, WI_WARNING_SUBJECT_ID, warning->row_id);
    }
    for (int n = 0; n < WI_WARNING_N_NUMBERS; n++) {
        if (isfinite(warning->number[n])) {
            put_f64(row, WI_WARNING_FIRST_NUMBER + n, warning->number[n]);
        }
    }
    return WEIR_OK;
}
