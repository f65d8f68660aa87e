/* SPDX-License-Identifier: MIT */
/*
 * The numbers that an exporter started late, or after the process's end, takes from the history:
 * the rates of the last second, since when a channel's oldest message has waited, and for a process
 * that has ended the last facts of /proc. It reads them once; they are few or soon found.
 */
#include "snapshot/history_writer.h"

#include "snapshot/state.h"

#include <stdlib.h>
#include <string.h>

#define WARM_SECOND UINT64_C(1000000000)

/* A row at most this much older than now gives the rates per second since then. */
#define WARM_RATE_LEAST UINT64_C(900000000)
#define WARM_RATE_STEPS 5

/* The facts of a process that cannot be read are as new as its history's last row. */
#define WARM_FRESH_STEPS 3

static const struct wi_history *warm_history(const struct segment_view *view)
{
    return &view->writer.recorder.history;
}

/* ---- the process --------------------------------------------------------------------------- */

static bool warm_has(const struct wi_history_row *row, enum wi_history_fact fact)
{
    return row->has >> fact & 1;
}

static void warm_process(struct wi_process *process, const struct wi_history_row *row)
{
    process->is_known = warm_has(row, WI_HISTORY_RSS);
    process->rss_bytes = row->facts[WI_HISTORY_RSS];
    process->anon_bytes = row->facts[WI_HISTORY_ANON];
    process->virtual_bytes = row->facts[WI_HISTORY_VIRTUAL];
    process->cpu_seconds = (double)row->facts[WI_HISTORY_CPU] / 1e9;
    process->threads = row->facts[WI_HISTORY_THREADS];
    process->fds = row->facts[WI_HISTORY_FDS];
    process->has_heap = warm_has(row, WI_HISTORY_HEAP);
    process->heap_bytes = row->facts[WI_HISTORY_HEAP];
    process->heap_resident_bytes = row->facts[WI_HISTORY_HEAP_RESIDENT];
    process->has_memory_limit = warm_has(row, WI_HISTORY_MEMORY_LIMIT);
    process->memory_limit_bytes = row->facts[WI_HISTORY_MEMORY_LIMIT];
    process->memory_used_bytes = row->facts[WI_HISTORY_MEMORY_USED];
}

/* When a process that has ended was last seen, by the writer of its history or by this view. */
static void warm_end(struct segment_view *view)
{
    struct history_writer *writer = &view->writer;
    struct wi_history_row last;
    if (writer->has_ended) {
        return;
    }
    writer->has_ended = true;
    writer->as_of_nanos = view->base->tick_before;
    writer->as_of_unix_nanos =
        view->base->now.unix_nanos - (int64_t)(view->base->now.nanos - view->base->tick_before);
    if (writer->recorder.state != WI_RECORDER_NONE &&
        wi_history_last(warm_history(view), WI_HISTORY_SECONDS, UINT64_MAX, &last)) {
        writer->as_of_nanos = last.nanos;
        writer->as_of_unix_nanos = last.unix_nanos;
        warm_process(&view->process, &last);
    }
}

void wi_history_writer_facts(struct segment_view *view)
{
    struct history_writer *writer = &view->writer;
    struct wi_history_row last;
    if (wi_source_state(view->source) != WI_STATE_UNKNOWN) {
        warm_end(view);
        return;
    }
    uint64_t second = view->base->now.nanos / WARM_SECOND;
    view->process.is_known = false;
    if (writer->recorder.state == WI_RECORDER_READING &&
        wi_history_last(warm_history(view), WI_HISTORY_SECONDS, second, &last) &&
        last.sequence + WARM_FRESH_STEPS >= second) {
        warm_process(&view->process, &last);
    }
}

/* ---- rates --------------------------------------------------------------------------------- */

/* The slot of a track whose handle is still open, or NULL. */
static struct view_slot *warm_slot(struct segment_view *view, const struct wi_history_track *track)
{
    return track->generation && track->slot < view->collection.n &&
                   view->generations[track->slot] == track->generation &&
                   view->slots[track->slot].kind == track->kind
               ? &view->slots[track->slot]
               : NULL;
}

/* The messages that have been discarded so far count as discarded then. */
static void warm_slot_rates(struct segment_view *view, size_t i, const struct wi_history_row *row,
                            double seconds)
{
    const struct wi_history_track *track = &warm_history(view)->head.tracks[i];
    struct view_slot *slot = warm_slot(view, track);
    const struct wi_metric_from *rates[WI_FLOW_RATES];
    struct wi_flow before, now;
    if (!slot || !view->warm || slot->is_warm ||
        !wi_history_flow(warm_history(view), i, row, &before)) {
        return;
    }
    view_flow_now(view, track->slot, &now);
    if (track->kind == WI_CHANNEL) {
        before.total[WI_TOTAL_DISCARDED] = now.total[WI_TOTAL_DISCARDED];
    }
    struct view_warm *warm = &view->warm[view->n_warm++];
    size_t n = wi_flow_rates((enum wi_kind)track->kind, rates);
    *warm = (struct view_warm){.slot = track->slot};
    for (size_t r = 0; r < n; r++) {
        struct wi_value value = wi_from_value(rates[r], before.total, now.total, seconds);
        warm->rate[r] = wi_value_number(&value, 0);
    }
    slot->has_rates = slot->is_warm = true;
}

static void warm_rates(struct segment_view *view)
{
    struct wi_history_row row;
    uint64_t second = view->base->now.nanos / WARM_SECOND;
    for (uint64_t back = 0; back <= WARM_RATE_STEPS && back < second; back++) {
        if (!wi_history_row(warm_history(view), WI_HISTORY_SECONDS, second - back, &row) ||
            row.nanos + WARM_RATE_LEAST > view->base->now.nanos) {
            continue;
        }
        double seconds = (double)(view->base->now.nanos - row.nanos) / 1e9;
        view->warm = calloc(WI_HISTORY_TRACKS, sizeof(*view->warm));
        for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
            warm_slot_rates(view, i, &row, seconds);
        }
        if (warm_has(&row, WI_HISTORY_CPU) && view->process.is_known) {
            double grown = view->process.cpu_seconds - (double)row.facts[WI_HISTORY_CPU] / 1e9;
            view->cpu_ratio = grown > 0 ? grown / seconds : 0;
            view->rejects_rate =
                (double)view_minus(view->rejects, row.facts[WI_HISTORY_REJECTS]) / seconds;
            view->has_rates = true;
        }
        return;
    }
}

/* ---- ages ---------------------------------------------------------------------------------- */

/* Channels whose oldest message is searched. */
struct warm_ages {
    size_t n; /* not found yet */
    struct {
        bool is_wanted;
        bool is_found;
        uint64_t left;
        uint64_t start; /* nanos of the row at which no more had been sent than have left by now */
    } channel[WI_HISTORY_TRACKS];
    uint64_t first[WI_HISTORY_N_RINGS]; /* sequence of the oldest row read */
    uint64_t oldest_second;             /* nanos of it */
};

static void warm_age_look(struct warm_ages *ages, const struct wi_history *history,
                          const struct wi_history_row *row)
{
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        if (!ages->channel[i].is_wanted || ages->channel[i].is_found) {
            continue;
        }
        if (!wi_history_is_in(&history->head.tracks[i], row)) {
            ages->channel[i].is_wanted = false;
            ages->n--;
        } else if (row->tracks[i][WI_TOTAL_SENT] <= ages->channel[i].left) {
            ages->channel[i].is_found = true;
            ages->channel[i].start = row->nanos;
            ages->n--;
        }
    }
}

/* Goes back in time until all are found. */
static void warm_age_search(struct warm_ages *ages, const struct wi_history *history,
                            const struct wi_history_row *last)
{
    struct wi_history_row row;
    for (int ring = WI_HISTORY_SECONDS; ring < WI_HISTORY_N_RINGS; ring++) {
        uint64_t newest = last->nanos / wi_history_step_nanos((enum wi_history_ring)ring);
        uint64_t n = wi_history_n_rows((enum wi_history_ring)ring);
        ages->first[ring] = newest + 1;
        for (uint64_t back = 0; ages->n && back < n && back < newest; back++) {
            if (!wi_history_row(history, (enum wi_history_ring)ring, newest - back, &row) ||
                (ring == WI_HISTORY_MINUTES && row.nanos >= ages->oldest_second)) {
                continue;
            }
            warm_age_look(ages, history, &row);
            ages->first[ring] = row.sequence;
            ages->oldest_second = ring == WI_HISTORY_SECONDS ? row.nanos : ages->oldest_second;
        }
    }
}

static void warm_age_row(struct segment_view *view, const struct warm_ages *ages,
                         const struct wi_history_row *row)
{
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        const struct wi_history_track *track = &warm_history(view)->head.tracks[i];
        if (ages->channel[i].is_found && row->nanos >= ages->channel[i].start &&
            row->nanos < view->base->now.nanos) {
            wi_age_add(view->slots[track->slot].extra->age, row->nanos,
                       row->tracks[i][WI_TOTAL_SENT] +
                           wi_collect_raw(&view->collection, track->slot)->unsent);
        }
    }
}

/* Goes forward again and adds the rows in their order. */
static void warm_age_fill(struct segment_view *view, struct warm_ages *ages,
                          const struct wi_history_row *last)
{
    struct wi_history_row row;
    for (int ring = WI_HISTORY_N_RINGS - 1; ring >= 0; ring--) {
        uint64_t newest = last->nanos / wi_history_step_nanos((enum wi_history_ring)ring);
        for (uint64_t s = ages->first[ring]; s <= newest; s++) {
            if (wi_history_row(warm_history(view), (enum wi_history_ring)ring, s, &row) &&
                (ring == WI_HISTORY_SECONDS || row.nanos < ages->oldest_second)) {
                warm_age_row(view, ages, &row);
            }
        }
    }
}

/* Empties the age ring of a channel that was found, and makes one if there is none. */
static bool warm_age_ring(struct segment_view *view, struct view_slot *slot)
{
    struct wi_age *age = wi_view_age(view, slot);
    if (age) {
        memset(age, 0, sizeof(*age));
    }
    return age;
}

static void warm_age_list(struct segment_view *view, struct warm_ages *ages)
{
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        const struct wi_history_track *track = &warm_history(view)->head.tracks[i];
        if (track->kind != WI_CHANNEL || !warm_slot(view, track)) {
            continue;
        }
        const struct wi_raw *raw = wi_collect_raw(&view->collection, track->slot);
        struct wi_flow flow;
        wi_flow_take(raw, &flow);
        const uint64_t *total = flow.total;
        ages->channel[i].left = total[WI_TOTAL_GONE];
        ages->channel[i].is_wanted =
            !(raw->flags & WI_SLOT_UNORDERED) && total[WI_TOTAL_SENT] > total[WI_TOTAL_GONE];
        ages->n += ages->channel[i].is_wanted;
    }
}

static void warm_ages(struct segment_view *view, const struct wi_history_row *last)
{
    struct warm_ages ages = {.oldest_second = UINT64_MAX};
    warm_age_list(view, &ages);
    if (!ages.n) {
        return;
    }
    warm_age_search(&ages, warm_history(view), last);
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        uint32_t id = warm_history(view)->head.tracks[i].slot;
        ages.channel[i].is_found =
            ages.channel[i].is_found && warm_age_ring(view, &view->slots[id]);
    }
    warm_age_fill(view, &ages, last);
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        uint32_t id = warm_history(view)->head.tracks[i].slot;
        if (ages.channel[i].is_found) {
            wi_age_add(view->slots[id].extra->age, wi_view_as_of(view),
                       wi_collect_raw(&view->collection, id)->entering[WEIR_WORD_SENT]);
        }
    }
}

void wi_warm_start(struct segment_view *view)
{
    struct wi_history_row last;
    bool has_ended = view->writer.has_ended;
    uint64_t most = has_ended ? UINT64_MAX : view->base->now.nanos / WARM_SECOND;
    if (view->writer.recorder.state == WI_RECORDER_NONE ||
        !wi_history_last(warm_history(view), WI_HISTORY_SECONDS, most, &last)) {
        return;
    }
    if (!has_ended) {
        warm_rates(view);
    }
    warm_ages(view, &last);
}
