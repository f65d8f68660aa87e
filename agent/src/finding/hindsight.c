/* SPDX-License-Identifier: MIT */
/*
 * The past, for an exporter that starts late or after the process has ended. It takes the rows of
 * the history as samples, and feeds them to the same watch states in the same order. So a finding
 * does not depend on how long an exporter has run.
 */
#include "finding/state.h"

#include "snapshot/history.h"

#define HINDSIGHT_MINUTES WI_MINUTE_WINDOW_MINUTES

static bool hindsight_has(const struct wi_history_row *row, enum wi_history_fact fact)
{
    return row->has >> fact & 1;
}

static struct finding_watch_state *hindsight_watch(struct wi_finding *finding,
                                                   const struct wi_history_track *track,
                                                   const struct finding_sample *sample)
{
    uint64_t id = (uint64_t)track->generation << 32 | track->slot;
    return wi_watch_state_get(finding, (enum wi_kind)track->kind, id, sample->depth,
                              sample->depth > 0 || sample->came > 0);
}

static void hindsight_memory(struct wi_finding *finding, const struct wi_history_row *row)
{
    struct finding_memory *memory = &finding->memory;
    enum wi_history_fact fact = memory->is_heap ? WI_HISTORY_HEAP : WI_HISTORY_ANON;
    if (hindsight_has(row, fact)) {
        wi_memory_add(memory, row->nanos, (double)row->facts[fact] - memory->own);
    }
}

static void hindsight_gauges(struct wi_finding *finding, const struct wi_history *history,
                             const struct wi_history_row *row)
{
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        const struct wi_history_track *track = &history->head.tracks[i];
        if (track->kind == WI_GAUGE && wi_history_is_in(track, row)) {
            uint64_t id = (uint64_t)track->generation << 32 | track->slot;
            wi_gauge_add(finding, id, (double)(int64_t)row->tracks[i][WI_TOTAL_VALUE]);
        }
    }
}

static void hindsight_second(struct finding_watch_state *watch,
                             const struct wi_history_track *track, const struct wi_flow *flow,
                             const struct finding_sample *sample)
{
    wi_watch_state_add(watch, sample);
    if (track->kind == WI_CHANNEL) {
        watch->is_bytes = track->flags & WI_SLOT_BYTES;
        watch->is_observed = track->flags & WI_SLOT_OBSERVED;
        wi_channel_watch_add(watch, sample->nanos);
    } else if (track->kind == WI_SEMAPHORE) {
        uint64_t permits = flow->total[WI_TOTAL_PERMITS];
        wi_semaphore_watch_add(watch, sample->nanos, permits > 0 && watch->depth >= permits);
    }
}

/* A minute has one sample, so only the minute windows take it. */
static void hindsight_minute(struct finding_watch_state *watch, const struct wi_history_row *row,
                             const struct finding_sample *sample)
{
    watch->first = watch->first ? watch->first : row->nanos;
    wi_minute_window_add(&watch->depth_window.minute_window, row->nanos, (double)sample->depth,
                         (double)sample->bytes);
}

static void hindsight_row(struct wi_finding *finding, const struct wi_history *history,
                          const struct wi_history_row *row, bool is_minute)
{
    struct wi_flow flow;
    struct finding_sample sample;
    hindsight_memory(finding, row);
    hindsight_gauges(finding, history, row);
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        const struct wi_history_track *track = &history->head.tracks[i];
        if (!wi_history_flow(history, i, row, &flow) ||
            !wi_sample_take((enum wi_kind)track->kind, &flow, row->nanos, &sample)) {
            continue;
        }
        struct finding_watch_state *watch = hindsight_watch(finding, track, &sample);
        if (watch && is_minute) {
            hindsight_minute(watch, row, &sample);
        } else if (watch) {
            hindsight_second(watch, track, &flow, &sample);
        }
    }
}

void wi_hindsight_take(struct wi_finding *finding, const struct wi_process_view *view)
{
    const struct wi_history *history = wi_process_view_history(view);
    struct wi_history_row row;
    struct wi_history_row last;
    uint64_t most = finding->now / wi_history_step_nanos(WI_HISTORY_SECONDS);
    if (!history || !wi_history_last(history, WI_HISTORY_SECONDS, most, &last)) {
        return;
    }
    uint64_t n = wi_history_n_rows(WI_HISTORY_SECONDS);
    uint64_t first = last.sequence >= n ? last.sequence - n + 1 : 1;
    uint64_t begin = first * wi_history_step_nanos(WI_HISTORY_SECONDS);
    uint64_t minute = begin / wi_history_step_nanos(WI_HISTORY_MINUTES);
    for (uint64_t m = minute > HINDSIGHT_MINUTES ? minute - HINDSIGHT_MINUTES : 1; m <= minute;
         m++) {
        if (wi_history_row(history, WI_HISTORY_MINUTES, m, &row) && row.nanos < begin) {
            hindsight_row(finding, history, &row, true);
        }
    }
    for (uint64_t s = first; s <= last.sequence; s++) {
        if (wi_history_row(history, WI_HISTORY_SECONDS, s, &row) &&
            (finding->is_dead ? row.nanos <= finding->now : row.nanos < finding->now)) {
            hindsight_row(finding, history, &row, false);
        }
    }
}
