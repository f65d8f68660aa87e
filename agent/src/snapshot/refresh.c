/* SPDX-License-Identifier: MIT */
/*
 * The provider of a segment: its table of operations, and the refresh.
 *
 * A refresh is a line of stages, each in a file of its own: the counts of a new reading (collect.c),
 * room for all that it has (room.c), the names of closed handles (totals.c), which handle each slot
 * has (slots.c), senders (senders.c), single tasks (task_instances.c). Rates and ages do not change
 * here; they move on with the tick (tick.c). A row is built when a caller asks for it (rows.c), so
 * that reading 100,000 handles costs no more than reading their counts.
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

/* How long the process runs, by the clock by which the kernel notes its start, since the wall clock may
 * be set; and how far that has been set since the segment was opened: 0 for a dead process, for which
 * it is not known. */
static void view_read_clocks(struct segment_view *view)
{
    const struct wi_facts *facts = &view->base->facts;
    enum wi_state state = wi_source_state(view->source);
    bool is_alive = state == WI_STATE_RUNNING || state == WI_STATE_UNKNOWN;
    uint64_t start_ticks = facts->own.start_ticks;
    int64_t started = start_ticks ? wi_wall_started(start_ticks) : facts->started_unix_nanos;
    int64_t nanos = wi_wall_now() - started;
    view->uptime_seconds = nanos > 0 ? (double)nanos / 1e9 : 0;
    view->wall_step = is_alive ? wi_wall_step(facts->started_unix_nanos, start_ticks) : 0;
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
    view->lanes.number = 0;
    view->flows.are_present = false;
    enum weir_status status = wi_collect(&view->collection, view->source, ret_error);
    if (status == WEIR_OK) {
        status = wi_view_make_room(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_view_meet_retired(view, ret_error);
    }
    if (status == WEIR_OK) {
        status = wi_view_meet_slots(view, ret_error);
    }
    if (status != WEIR_OK) {
        view_show_nothing(view);
        return status;
    }
    wi_view_meet_senders(view);
    wi_view_meet_task_instances(view);
    const struct wi_header *header = view->collection.image.header;
    view->base->facts.has_children = wi_load_relaxed(&header->has_children);
    view_read_clocks(view);
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

static bool view_numbers(void *context, enum wi_kind kind, size_t first, size_t n,
                         struct wi_numbers *ret_numbers)
{
    return wi_view_numbers(context, kind, first, n, ret_numbers);
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

static bool view_retired_bytes(void *context, size_t i, struct wi_row *row)
{
    return wi_view_retired_bytes(context, i, row);
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

static size_t view_worst(const void *context, enum wi_kind kind, uint32_t *ret_rows, size_t room)
{
    return kind == WI_SENDER ? wi_view_worst_senders(context, ret_rows, room) : 0;
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
    wi_view_forget_senders(view);
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
    .retired_bytes = view_retired_bytes,
    .octaves = view_octaves,
    .n_slots = view_n_slots,
    .at = view_at,
    .opened_unix_nanos = view_opened_unix_nanos,
    .task = view_task,
    .worst = view_worst,
    .history = view_history,
    .record = view_record,
    .abandon = view_abandon,
    .is = view_is,
    .is_nameless = view_is_nameless,
    .close = view_close,
    .numbers = view_numbers,
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
