/* SPDX-License-Identifier: MIT */
/*
 * The history as a process view writes it: one row a second, with each tick.
 *
 * While there are no more handles than tracks (124), each has one from its first second on. Else
 * the tracks go to the busiest handles, chosen once a minute, so that a track does not jump between
 * two busy handles. Tracks of an earlier writer are kept if their handles are still open; slot,
 * generation and kind identify a handle.
 *
 * A row is the first totals of each track's flow and the facts of the process; recorder.c writes
 * it, if this exporter holds the lock of the file. Without memory for the choice the tracks stay as
 * they are; a row that cannot be written is counted there, and nothing else fails. The view owns
 * the marks of the last choice. The process view's thread.
 */
#include "snapshot/history_writer.h"

#include "snapshot/state.h"
#include "snapshot/track.h"
#include "weir/expect.h"
#include "weir/nanos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_CHOICE_NANOS UINT64_C(60000000000)

void wi_history_writer_open(struct segment_view *view, const struct wi_facts *facts)
{
    wi_recorder_init(&view->writer.recorder, facts->path, facts->name, &facts->own);
    view->writer.recorder.is_own = wi_source_is_self(view->source);
}

void wi_history_writer_close(struct segment_view *view)
{
    wi_recorder_finish(&view->writer.recorder);
    free(view->writer.marks);
}

/* ---- tracks -------------------------------------------------------------------------------- */

static void writer_drop(struct segment_view *view, size_t i)
{
    struct wi_history_track *track = &view->writer.recorder.history.head.tracks[i];
    if (track->slot < view->n_slots && view->slots[track->slot].track == i + 1) {
        view->slots[track->slot].track = 0;
    }
    memset(track, 0, sizeof(*track));
    view->writer.recorder.is_track_due[i] = true;
}

/* Keeps the tracks of handles that are still open; those of an earlier writer are found by their
 * generations. */
static void writer_bind(struct segment_view *view)
{
    struct wi_history_track *tracks = view->writer.recorder.history.head.tracks;
    for (size_t id = 0; !view->writer.was_writing && id < view->n_slots; id++) {
        view->slots[id].track = 0;
    }
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        const struct wi_history_track *track = &tracks[i];
        if (!track->generation) {
            continue;
        }
        bool is_open = track->slot < view->collection.n &&
                       view->generations[track->slot] == track->generation &&
                       view->slots[track->slot].kind == track->kind;
        if (is_open && view->slots[track->slot].track == 0) {
            view->slots[track->slot].track = (uint8_t)(i + 1);
        }
        uint32_t flags = is_open ? wi_collect_raw(&view->collection, track->slot)->flags : 0;
        if (is_open && tracks[i].flags != flags) { /* it is observed from now on */
            tracks[i].flags = flags;
            view->writer.recorder.is_track_due[i] = true;
        }
        if (!is_open || view->slots[track->slot].track != i + 1) {
            writer_drop(view, i);
        }
    }
}

static void writer_follow(struct segment_view *view, uint32_t id)
{
    struct wi_recorder *recorder = &view->writer.recorder;
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        struct wi_history_track *track = &recorder->history.head.tracks[i];
        if (!track->generation) {
            memset(track, 0, sizeof(*track));
            track->since_nanos = view->base->now.nanos;
            track->slot = id;
            track->generation = view->generations[id];
            track->kind = view->slots[id].kind;
            track->flags = wi_collect_raw(&view->collection, id)->flags;
            snprintf(track->name, sizeof(track->name), "%s", wi_view_name(view, id));
            recorder->is_track_due[i] = true;
            view->slots[id].track = (uint8_t)(i + 1);
            return;
        }
    }
}

/* The uses of a handle since the last choice; sets a new mark. */
static uint64_t writer_traffic(struct segment_view *view, uint32_t id)
{
    const struct wi_raw *raw = wi_collect_raw(&view->collection, id);
    uint64_t before = view->writer.marks[id];
    struct wi_flow flow;
    wi_flow_take(raw, &flow);
    uint64_t now = wi_flow_uses((enum wi_kind)raw->kind, &flow);
    view->writer.marks[id] = now;
    return raw->kind == WI_GAUGE ? now != before : view_minus(now, before);
}

static bool writer_is_among(uint32_t slot, const uint32_t *slots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (slots[i] == slot) {
            return true;
        }
    }
    return false;
}

static bool writer_make_marks(struct history_writer *writer, size_t n)
{
    if (n > writer->n_marks) {
        uint64_t *marks = realloc(writer->marks, n * sizeof(*marks));
        if (!marks) {
            return false;
        }
        memset(marks + writer->n_marks, 0, (n - writer->n_marks) * sizeof(*marks));
        writer->marks = marks;
        writer->n_marks = n;
    }
    return true;
}

/* Without memory the tracks stay as they are. */
static void writer_choose(struct segment_view *view)
{
    struct history_writer *writer = &view->writer;
    struct wi_track_choice *choice = calloc(1, sizeof(*choice));
    uint32_t slots[WI_HISTORY_TRACKS];
    writer->chosen_nanos = view->base->now.nanos;
    if (!choice || !writer_make_marks(writer, view->n_slots)) {
        free(choice);
        return;
    }
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        for (size_t i = 0; wi_kind_has_slots(kind) && i < view->n_order[kind]; i++) {
            uint32_t id = view->order[kind][i];
            wi_track_catalog(choice, (enum wi_kind)kind, id, writer_traffic(view, id),
                             view->slots[id].track != 0);
        }
    }
    size_t n = wi_track_end(choice, slots);
    free(choice);
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        const struct wi_history_track *track = &writer->recorder.history.head.tracks[i];
        if (track->generation && !writer_is_among(track->slot, slots, n)) {
            writer_drop(view, i);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!view->slots[slots[i]].track) {
            writer_follow(view, slots[i]);
        }
    }
}

static void writer_update_tracks(struct segment_view *view)
{
    struct wi_history_head *head = &view->writer.recorder.history.head;
    size_t n_handles = 0;
    writer_bind(view);
    for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
        n_handles += wi_kind_has_slots(kind) ? view->n_order[kind] : 0;
    }
    if (n_handles > WI_HISTORY_TRACKS) {
        if (!view->writer.chosen_nanos ||
            view->base->now.nanos - view->writer.chosen_nanos >= WRITER_CHOICE_NANOS) {
            writer_choose(view);
        }
    } else {
        for (unsigned kind = 0; kind < WI_N_KINDS; kind++) {
            for (size_t i = 0; wi_kind_has_slots(kind) && i < view->n_order[kind]; i++) {
                uint32_t id = view->order[kind][i];
                if (!view->slots[id].track) {
                    writer_follow(view, id);
                }
            }
        }
        view->writer.chosen_nanos = 0;
    }
    if (head->n_handles != n_handles) {
        head->n_handles = n_handles;
        view->writer.recorder.is_head_due = true;
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void writer_put_fact(struct wi_history_row *row, enum wi_history_fact fact, uint64_t number)
{
    row->facts[fact] = number;
    row->has |= UINT64_C(1) << fact;
}

static void writer_put_facts(const struct segment_view *view, struct wi_history_row *row)
{
    const struct wi_process *process = &view->process;
    writer_put_fact(row, WI_HISTORY_REJECTS, view->rejects);
    if (!process->is_known) {
        return;
    }
    writer_put_fact(row, WI_HISTORY_RSS, process->rss_bytes);
    writer_put_fact(row, WI_HISTORY_ANON, process->anon_bytes);
    writer_put_fact(row, WI_HISTORY_VIRTUAL, process->virtual_bytes);
    writer_put_fact(row, WI_HISTORY_CPU, wi_nanos_of(process->cpu_seconds));
    writer_put_fact(row, WI_HISTORY_THREADS, process->threads);
    writer_put_fact(row, WI_HISTORY_FDS, process->fds);
    if (process->has_heap) {
        writer_put_fact(row, WI_HISTORY_HEAP, process->heap_bytes);
        writer_put_fact(row, WI_HISTORY_HEAP_RESIDENT, process->heap_resident_bytes);
    }
    if (process->has_memory_limit) {
        writer_put_fact(row, WI_HISTORY_MEMORY_LIMIT, process->memory_limit_bytes);
        writer_put_fact(row, WI_HISTORY_MEMORY_USED, process->memory_used_bytes);
    }
}

static void writer_record(struct segment_view *view)
{
    struct wi_recorder *recorder = &view->writer.recorder;
    struct wi_history_head *head = &recorder->history.head;
    struct wi_history_row row = {.unix_nanos = view->base->now.unix_nanos,
                                 .nanos = view->base->now.nanos};
    writer_update_tracks(view);
    writer_put_facts(view, &row);
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        if (head->tracks[i].generation && WI_EXPECT(head->tracks[i].slot < view->n_slots)) {
            struct wi_flow flow;
            view_flow_now(view, head->tracks[i].slot, &flow);
            memcpy(row.tracks[i], flow.total, sizeof(row.tracks[i]));
        }
    }
    if (!head->first_nanos) {
        head->first_nanos = view->base->now.nanos;
        recorder->is_head_due = true;
    }
    wi_recorder_write(recorder, &row);
}

static bool writer_is_alive(const struct segment_view *view)
{
    enum wi_state state = wi_source_state(view->source);
    return state == WI_STATE_RUNNING || state == WI_STATE_UNKNOWN;
}

void wi_history_writer_begin_tick(struct segment_view *view)
{
    wi_recorder_step(&view->writer.recorder, writer_is_alive(view));
}

void wi_history_writer_end_tick(struct segment_view *view)
{
    bool is_writing = view->writer.recorder.state == WI_RECORDER_WRITING && writer_is_alive(view);
    if (!view->writer.has_warm_start) {
        view->writer.has_warm_start = true;
        wi_warm_start(view);
    }
    if (is_writing) {
        writer_record(view);
    }
    view->writer.was_writing = is_writing;
}
