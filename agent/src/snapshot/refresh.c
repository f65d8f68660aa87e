/* SPDX-License-Identifier: MIT */
/*
 * The provider of a segment: its table of operations, and the refresh.
 *
 * A refresh collects all counts, makes room for all handles, adds the new ones (their names are
 * read once) and drops those that have closed. When no generation has changed, that is one
 * comparison. Rates and ages do not change here; they move on with the tick (tick.c). A row is
 * built when a caller asks for it (rows.c), so that reading 100,000 handles costs no more than
 * reading their counts.
 *
 * When a refresh fails (no memory, a corrupt file), the view shows no rows rather than a mixture of
 * old and new, and the next refresh adds all handles again. The view owns its source, its
 * collection, its slots and its history; process_view.c owns the view. Names come from the segment
 * and are cleaned as they are read. The exporter's thread.
 */
#include "snapshot/state.h"

#include "segment/file.h"
#include "segment/retired.h"
#include "weir/atomic.h"
#include "weir/expect.h"
#include "weir/text.h"
#include "weir/wall.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- refresh ------------------------------------------------------------------------------- */

/* The own name of a slot, unless its totals have it, which never changes: then *ret_is_own is false. A handle without
 * totals, or with the totals of "other", has its own name; if the slot has another handle by now, its counts are
 * already in those totals. */
static enum weir_status view_slot_name(const struct segment_view *view, size_t id,
                                       char ret_name[WEIR_NAME_MAX + 1], bool *ret_is_own,
                                       struct weir_error *ret_error)
{
    const struct weir_slot_head *head = wi_collect_head(&view->collection, id);
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    bool has_totals = view->slots[id].retired;
    *ret_is_own = false;
    if (has_totals && raw->retired > WI_RETIRED_OTHERS) {
        return WEIR_OK;
    }
    /* These pair with slot_claim: the name is of one handle. */
    uint32_t unit = head ? wi_load_acquire(&head->name) : 0;
    enum weir_status status =
        wi_collect_string(&view->collection.image, unit, ret_name, WEIR_NAME_MAX + 1, ret_error);
    bool is_its = head && wi_slot_life(wi_load_acquire(&head->generation)) == raw->life;
    *ret_is_own = !has_totals || (is_its && unit);
    return status;
}

/* The line where a slot's handle was opened. A program has few of them, so each is read once. */
static enum weir_status view_slot_source(struct segment_view *view, size_t id,
                                         struct weir_error *ret_error)
{
    struct view_slot *slot = &view->slots[id];
    const struct weir_slot_head *head = wi_collect_head(&view->collection, id);
    uint32_t unit = head ? wi_load_relaxed(&head->source) : 0;
    uint32_t line = head ? wi_load_relaxed(&head->source_line) : 0;
    uint64_t place = (uint64_t)unit << 32 | line;
    char file[WEIR_NAME_MAX + 1];
    char source[sizeof(file) + sizeof(":4294967295")];
    if (!unit || wi_view_find_source(view, slot, place)) {
        return WEIR_OK;
    }
    enum weir_status status =
        wi_collect_string(&view->collection.image, unit, file, sizeof(file), ret_error);
    if (status != WEIR_OK || !file[0]) {
        return status;
    }
    snprintf(source, sizeof(source), "%s:%" PRIu32, file, line);
    if (!wi_view_put_source(view, slot, place, source)) {
        wi_error_set(ret_error, "no memory for a name");
        return WEIR_E_MEMORY;
    }
    return WEIR_OK;
}

/* Adds a new handle: its texts are read once. */
static enum weir_status view_slot_meet(struct segment_view *view, size_t id,
                                       struct weir_error *ret_error)
{
    struct view_slot *slot = &view->slots[id];
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    char name[WEIR_NAME_MAX + 1];
    bool is_own;
    slot->kind = raw->kind;
    slot->retired = raw->retired <= view->collection.n_retired ? (uint16_t)raw->retired : 0;
    enum weir_status status = view_slot_name(view, id, name, &is_own, ret_error);
    if (status == WEIR_OK && is_own && !wi_view_put_text(view, &slot->name, name)) {
        wi_error_set(ret_error, "no memory for a name");
        status = WEIR_E_MEMORY;
    }
    return status == WEIR_OK ? view_slot_source(view, id, ret_error) : status;
}

static enum weir_status view_slot_put(struct segment_view *view, uint32_t *ret_at, const char *text,
                                      struct weir_error *ret_error)
{
    if (text[0] && !wi_view_put_text(view, ret_at, text)) {
        wi_error_set(ret_error, "no memory for a label, a unit or a help");
        return WEIR_E_MEMORY;
    }
    return WEIR_OK;
}

static enum weir_status view_slot_string(struct segment_view *view, uint32_t *ret_at, uint32_t unit,
                                         struct weir_error *ret_error)
{
    char text[WEIR_NAME_MAX + 1];
    enum weir_status status =
        wi_collect_string(&view->collection.image, unit, text, sizeof(text), ret_error);
    return status == WEIR_OK ? view_slot_put(view, ret_at, text, ret_error) : status;
}

/* Its label; of a counter or gauge its unit and help. Where they cannot be told, the row goes without
 * until a refresh can. */
static enum weir_status view_slot_texts(struct segment_view *view, size_t id,
                                        struct weir_error *ret_error)
{
    struct view_slot *slot = &view->slots[id];
    struct wi_slot_texts texts;
    bool is_its = false;
    enum weir_status status =
        wi_collect_slot_texts(&view->collection, id, &texts, &is_its, ret_error);
    slot->lacks_texts = !is_its;
    view->lacks_texts |= !is_its;
    if (status != WEIR_OK || !is_its) {
        return status;
    }
    if (slot->kind != WI_COUNTER && slot->kind != WI_GAUGE) {
        return view_slot_put(view, &slot->label, texts.label, ret_error);
    }
    status = view_slot_string(view, &slot->label, texts.unit, ret_error);
    return status == WEIR_OK ? view_slot_string(view, &slot->help, texts.help, ret_error) : status;
}

/* Ids by kind. */
static enum weir_status view_order(struct segment_view *view, struct weir_error *ret_error)
{
    size_t n[WI_N_KINDS] = {0};
    for (size_t id = 0; id < view->collection.n; id++) {
        if (view->generations[id]) {
            n[view->slots[id].kind]++;
        }
    }
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        if (!wi_kind_has_slots(kind)) {
            continue;
        }
        view->n_order[kind] = 0;
        enum weir_status status = wi_view_order_room(view, (enum wi_kind)kind, n[kind], ret_error);
        if (status != WEIR_OK) {
            return status;
        }
    }
    for (size_t id = 0; id < view->collection.n; id++) {
        if (view->generations[id]) {
            uint8_t kind = view->slots[id].kind;
            if (WI_EXPECT(view->n_order[kind] < view->room_order[kind])) {
                view->order[kind][view->n_order[kind]++] = (uint32_t)id;
            }
        }
    }
    return WEIR_OK;
}

/* Adds new handles, and drops closed ones. */
static enum weir_status view_sort_slots(struct segment_view *view, struct weir_error *ret_error)
{
    const struct wi_collection *collection = &view->collection;
    if (collection->n == view->n_seen && !view->lacks_texts &&
        (collection->n == 0 || memcmp(view->generations, collection->generations,
                                      collection->n * sizeof(*view->generations)) == 0)) {
        return WEIR_OK;
    }
    view->n_seen = SIZE_MAX; /* until all are added */
    view->lacks_texts = false;
    for (size_t id = 0; id < view->n_slots; id++) {
        uint32_t generation = id < collection->n ? collection->generations[id] : 0;
        bool is_known = view->generations[id] == generation;
        enum weir_status status = WEIR_OK;
        if (is_known && !view->slots[id].lacks_texts) {
            continue;
        }
        if (!is_known) {
            view->generations[id] = 0;
            wi_view_retire_limit(view, &view->slots[id]);
            wi_view_forget(view, &view->slots[id]);
            status = generation ? view_slot_meet(view, id, ret_error) : WEIR_OK;
        }
        if (status == WEIR_OK && generation) {
            status = view_slot_texts(view, id, ret_error);
        }
        if (status != WEIR_OK) {
            return status;
        }
        view->generations[id] = generation;
    }
    wi_view_tidy_names(view);
    enum weir_status status = view_order(view, ret_error);
    view->n_seen = status == WEIR_OK ? collection->n : SIZE_MAX;
    return status;
}

/* Uses the clock by which the kernel notes a process's start, since the wall clock may be set. */
static double view_uptime(const struct wi_facts *facts)
{
    int64_t now = wi_wall_now();
    if (!facts->own.start_ticks) {
        return (double)(now - facts->started_unix_nanos) / 1e9;
    }
    int64_t nanos = now - wi_wall_started(facts->own.start_ticks);
    return nanos > 0 ? (double)nanos / 1e9 : 0;
}

/* How far the wall clock has been set since the segment was opened; 0 for a dead process, for which
 * it is not known. */
static int64_t view_wall_step(const struct segment_view *view)
{
    enum wi_state state = wi_source_state(view->source);
    const struct wi_facts *facts = &view->base->facts;
    return state == WI_STATE_RUNNING || state == WI_STATE_UNKNOWN
               ? wi_wall_step(facts->started_unix_nanos, facts->own.start_ticks)
               : 0;
}

/* The collection is half new, and there may be no room for it. Shows nothing rather than a mixture,
 * and lets no slot be read. */
static void view_show_nothing(struct segment_view *view)
{
    memset(view->n_order, 0, sizeof(view->n_order));
    memset(view->collection.n_blocks, 0, sizeof(view->collection.n_blocks));
    memset(view->collection.rejects, 0, sizeof(view->collection.rejects));
    view->collection.n = view->collection.n_retired = view->collection.n_closed = 0;
    for (size_t id = 0; id < view->n_slots; id++) {
        view->generations[id] = 0;
    }
    /* Else the next tick takes all that was counted since the start for the last second's. */
    view->flows.is_known[view->flows.newest] = false;
    view->n_seen = SIZE_MAX;
}

static enum weir_status view_refresh(void *context, uint64_t now_nanos,
                                     struct weir_error *ret_error)
{
    struct segment_view *view = context;
    (void)now_nanos;
    if (!WI_EXPECT(view->magic == VIEW_MAGIC)) {
        wi_error_set(ret_error, "the view is no segment's");
        return WEIR_E_STATE;
    }
    view->has_sum = false;
    enum weir_status status = wi_collect(&view->collection, view->source, ret_error);
    if (status == WEIR_OK) {
        status = wi_view_make_room(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_view_meet_retired(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = view_sort_slots(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_view_meet_senders(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_view_meet_task_instances(view, ret_error);
    }
    if (status != WEIR_OK) {
        view_show_nothing(view);
        return status;
    }
    const struct wi_header *header = view->collection.image.header;
    view->base->facts.has_children = wi_load_relaxed(&header->has_children);
    view->wall_step = view_wall_step(view);
    view->uptime_seconds = view_uptime(&view->base->facts);
    return WEIR_OK;
}

/* ---- the table of operations --------------------------------------------------------------- */

static void view_tick(void *context, double seconds)
{
    wi_view_tick(context, seconds);
}

static void view_moment(const void *context, struct wi_moment *moment)
{
    moment->as_of_nanos = wi_view_as_of(context);
}

static enum wi_state view_state(const void *context)
{
    return wi_source_state(((const struct segment_view *)context)->source);
}

static size_t view_count(const void *context, enum wi_kind kind)
{
    return wi_view_count(context, kind);
}

static void view_row(void *context, enum wi_kind kind, size_t i, struct wi_row *row)
{
    wi_view_row(context, kind, i, row);
}

static const struct weir_histogram *view_histogram(void *context, enum wi_kind kind,
                                                   const struct wi_row *row, int metric)
{
    return wi_view_histogram(context, kind, row, metric);
}

static size_t view_n_retired(const void *context)
{
    return ((const struct segment_view *)context)->collection.n_retired;
}

static bool view_retired(void *context, size_t i, enum wi_kind *ret_kind, struct wi_row *row)
{
    return wi_view_retired(context, i, ret_kind, row);
}

static enum weir_status view_octaves(void *context, enum wi_kind kind, int metric,
                                     const struct wi_octave_groups *groups)
{
    return wi_view_octaves(context, kind, metric, groups);
}

static size_t view_n_slots(const void *context, enum wi_kind kind)
{
    return wi_view_n_slots(context, kind);
}

static bool view_at(void *context, size_t slot_index, enum wi_kind *ret_kind, struct wi_row *row)
{
    return wi_view_at(context, slot_index, ret_kind, row);
}

static int64_t view_opened_unix_nanos(const void *context, size_t slot_index)
{
    return wi_view_opened_unix_nanos(context, slot_index);
}

static bool view_task(void *context, size_t slot_index, struct wi_task_sample *ret_sample)
{
    return wi_view_task(context, slot_index, ret_sample);
}

static const struct wi_history *view_history(const void *context)
{
    const struct wi_recorder *recorder = &((const struct segment_view *)context)->writer.recorder;
    return recorder->state == WI_RECORDER_NONE ? NULL : &recorder->history;
}

static void view_record(void *context)
{
    ((struct segment_view *)context)->writer.recorder.may_write = true;
}

static void view_abandon(void *context)
{
    wi_recorder_abandon(&((struct segment_view *)context)->writer.recorder);
}

static bool view_is(const void *context, dev_t device, ino_t inode)
{
    return wi_source_is(((const struct segment_view *)context)->source, device, inode);
}

static bool view_is_nameless(const void *context)
{
    return wi_source_is_nameless(((const struct segment_view *)context)->source);
}

static void view_close(void *context)
{
    struct segment_view *view = context;
    for (size_t i = 0; i < view->n_slots; i++) {
        wi_view_forget(view, &view->slots[i]);
    }
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        free(view->order[kind]);
    }
    wi_view_forget_retired(view);
    wi_view_finish_names(view);
    wi_columns_finish(&view->flows.of[0]);
    wi_columns_finish(&view->flows.of[1]);
    free(view->warm);
    free(view->senders);
    free(view->instances);
    free(view->slots);
    free(view->generations);
    wi_history_writer_close(view);
    wi_collection_finish(&view->collection);
    wi_source_close(view->source);
    view->magic = 0;
    free(view);
}

static const struct wi_provider_ops view_ops = {
    .refresh = view_refresh,
    .tick = view_tick,
    .moment = view_moment,
    .state = view_state,
    .count = view_count,
    .row = view_row,
    .histogram = view_histogram,
    .n_retired = view_n_retired,
    .retired = view_retired,
    .octaves = view_octaves,
    .n_slots = view_n_slots,
    .at = view_at,
    .opened_unix_nanos = view_opened_unix_nanos,
    .task = view_task,
    .history = view_history,
    .record = view_record,
    .abandon = view_abandon,
    .is = view_is,
    .is_nameless = view_is_nameless,
    .close = view_close,
};

/* ---- open ---------------------------------------------------------------------------------- */

static void view_facts(const struct wi_source *source, const struct wi_header *header,
                       struct wi_facts *facts)
{
    char text[WI_PROGRAM_MAX];
    memcpy(text, header->name, sizeof(header->name));
    text[WEIR_NAME_MAX] = '\0';
    wi_text_clean(text, facts->name, sizeof(facts->name));
    memcpy(text, header->program, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    wi_text_clean(text, facts->program, sizeof(facts->program));
    memcpy(text, header->version, sizeof(header->version));
    text[sizeof(header->version) - 1] = '\0';
    wi_text_clean(text, facts->version, sizeof(facts->version));
    snprintf(facts->path, sizeof(facts->path), "%s", wi_source_path(source));
    struct wi_owner owner = wi_source_owner(source);
    facts->is_seen = owner.pid != 0;
    facts->pid = owner.pid ? owner.pid : header->pid;
    facts->own = (struct wi_stem){header->pid, header->start_ticks, header->id};
    facts->started_unix_nanos = header->started_unix_nanos;
    facts->opened_unix_nanos = header->opened_unix_nanos;
}

static enum weir_status view_open(struct wi_source *taken_source, struct segment_view **ret_view,
                                  struct weir_error *ret_error)
{
    struct wi_facts facts = {.pid = 0};
    struct wi_image before;
    struct wi_image image;
    struct segment_view *view = calloc(1, sizeof(*view));
    if (!view) {
        wi_source_close(taken_source);
        wi_error_set(ret_error, "out of memory");
        return WEIR_E_MEMORY;
    }
    view->magic = VIEW_MAGIC;
    view->source = taken_source;
    wi_view_list_flowing(view);
    view->n_seen = SIZE_MAX;
    enum weir_status status = wi_source_read(taken_source, &before, &image, ret_error);
    if (status != WEIR_OK) {
        view_close(view);
        return status;
    }
    view_facts(taken_source, image.header, &facts);
    wi_history_writer_open(view, &facts);
    status = wi_process_view_open_provider(&facts, wi_catalog_of_segments(), &view_ops, view,
                                           &view->base, ret_error);
    *ret_view = view;
    return status;
}

enum weir_status wi_process_view_open_self(struct wi_process_view **ret_view,
                                           struct weir_error *ret_error)
{
    struct wi_source *source;
    struct segment_view *view;
    enum weir_status status = wi_source_open_self(&source, ret_error);
    if (status == WEIR_OK) {
        status = view_open(source, &view, ret_error);
    }
    if (status == WEIR_OK) {
        wi_heap_sample(&view->process.heap);
        *ret_view = view->base;
    }
    return status;
}

enum weir_status wi_process_view_open_file(const char *path, struct wi_process_view **ret_view,
                                           struct weir_error *ret_error)
{
    struct wi_source *source;
    struct segment_view *view;
    enum weir_status status = wi_source_open_file(path, &source, ret_error);
    if (status == WEIR_OK) {
        status = view_open(source, &view, ret_error);
    }
    if (status == WEIR_OK) {
        *ret_view = view->base;
    }
    return status;
}
