/* SPDX-License-Identifier: MIT */
/*
 * The past of a frame, in the screen's buckets of one second, with as many rows at most.
 *
 * Each query is put on a list. The first one that needs a series walks over the file, from ten
 * minutes before the frame to the frame itself, once for all queries on the list. The walk ends at
 * the frame where it began, so the reader continues there. Series of the time before the recording
 * fill the gaps. A series is made from the buckets when it is taken. The buckets are kept until
 * there is no query, or another frame is shown. Lack of memory ends the program. One thread.
 */
#include "record/replay_history.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/history.h"
#include "weir/nanos.h"
#include "weir/topic.h"

struct wc_replay_past {
    struct wc_replay_past *next;
    bool is_read; /* its rows are in the buckets */
    int kind;
    struct wc_replay_metric *metrics;
    size_t n_metrics;
    uint64_t id;
    char *filter;
    size_t at_metric, at_row; /* the next series */
};

struct wc_replay_history {
    struct wc_replay_frame *shown;
    struct wc_replay_past *first;
    struct wc_histories histories;
    double values[WC_HISTORY_SECONDS]; /* of the series that was taken last */
};

struct wc_replay_history *wc_replay_history_create(struct wc_replay_frame *shown)
{
    struct wc_replay_history *history = wc_alloc(sizeof(*history));
    history->shown = shown;
    wc_histories_init(&history->histories);
    return history;
}

void wc_replay_history_destroy(struct wc_replay_history *history)
{
    wc_histories_finish(&history->histories);
    free(history);
}

void wc_replay_history_forget(struct wc_replay_history *history)
{
    wc_histories_finish(&history->histories);
    for (struct wc_replay_past *past = history->first; past; past = past->next) {
        past->is_read = false;
    }
}

struct wc_replay_past *wc_replay_past_open(struct wc_replay_history *history,
                                           const struct wi_past_query *query,
                                           struct wc_replay_metric *taken_metrics, size_t n_metrics)
{
    struct wc_replay_past *past = wc_alloc(sizeof(*past));
    past->kind = (int)query->kind;
    past->metrics = taken_metrics;
    past->n_metrics = n_metrics;
    past->id = query->id;
    past->filter = wc_copy(query->filter);
    past->next = history->first;
    history->first = past;
    return past;
}

void wc_replay_past_close(struct wc_replay_history *history, struct wc_replay_past *taken_past)
{
    struct wc_replay_past **at = &history->first;
    while (*at != taken_past) {
        at = &(*at)->next;
    }
    *at = taken_past->next;
    free(taken_past->metrics);
    free(taken_past->filter);
    free(taken_past);
    if (!history->first) {
        wc_replay_history_forget(history);
    }
}

/* ---- the walk ----------------------------------------------------------------------------- */

/* Rows are kept by kind and metric. */
static int past_key(const struct wc_replay_past *past, size_t i)
{
    return (int)((unsigned)past->kind | (past->metrics[i].index + 1) << 8);
}

static bool past_wants(const struct wc_replay_past *past, uint64_t id, const char *name)
{
    return (!past->id || past->id == id) &&
           (!past->filter[0] || wi_glob_matches(past->filter, name));
}

static bool past_number(const Weir__V1__Row *row, int place, double *ret_number)
{
    if (place < 0 || (size_t)place >= row->n_values) {
        return false;
    }
    const Weir__V1__Value *value = row->values[place];
    *ret_number = value->value_case == WEIR__V1__VALUE__VALUE_U64   ? (double)value->u64
                  : value->value_case == WEIR__V1__VALUE__VALUE_I64 ? (double)value->i64
                  : value->value_case == WEIR__V1__VALUE__VALUE_F64 ? value->f64
                                                                    : NAN;
    return isfinite(*ret_number);
}

/* Adds the rows of one frame. */
static void past_look(struct wc_histories *histories, const struct wc_frame *frame,
                      const struct wc_replay_past *past, int64_t span)
{
    const struct wc_frame_table *table = &frame->tables[past->kind];
    for (size_t k = 0; k < past->n_metrics; k++) {
        int place = wc_frame_column(table, past->metrics[k].index);
        int key = past_key(past, k);
        for (size_t i = 0; i < table->n_rows; i++) {
            const Weir__V1__Row *row = table->rows[i];
            double number;
            if (past_wants(past, row->id, row->name) && past_number(row, place, &number)) {
                wc_histories_add(histories, key, row->id, frame->read_nanos / (int64_t)WI_SECOND,
                                 span, number);
            }
        }
    }
}

/* Adds what the server knew of the time before the recording. `first`, `now`: seconds of the walk's ends. */
static void past_before(struct wc_replay_history *history, int64_t first, int64_t now)
{
    struct wc_reader *reader = history->shown->reader;
    for (size_t i = 0; i < wc_reader_n_series(reader); i++) {
        Weir__V1__Series *series = wc_reader_series(reader, i);
        if (!series) {
            continue;
        }
        /* For a process that had ended it is the time before the first frame. */
        int64_t second =
            series->last_read_nanos ? series->last_read_nanos / (int64_t)WI_SECOND : first;
        bool is_near = series->step_nanos == (int64_t)WI_SECOND && second <= now &&
                       now - second < WC_HISTORY_SECONDS;
        for (struct wc_replay_past *past = history->first; past; past = past->next) {
            for (size_t k = 0; is_near && !past->is_read && k < past->n_metrics; k++) {
                if ((int)series->kind == past->kind && series->metric == past->metrics[k].index &&
                    past_wants(past, series->id, series->name)) {
                    wc_histories_seed(&history->histories, past_key(past, k), series->id, second,
                                      series->values, series->n_values);
                }
            }
        }
        weir__v1__series__free_unpacked(series, NULL);
    }
}

/* Walks over the frames, from ten minutes before the one that is shown. */
static void past_read(struct wc_replay_history *history)
{
    struct wc_replay_frame *shown = history->shown;
    uint64_t at = shown->at, span = WC_HISTORY_SECONDS * WI_SECOND, reached;
    int64_t interval = ((int64_t)wc_reader_opening(shown->reader)->interval_millis + 999) / 1000;
    interval = interval > 0 && interval <= 60 ? interval : 1;
    if (!wc_reader_seek(shown->reader, at > span ? at - span : 0, &shown->frame, &reached)) {
        return;
    }
    int64_t first = shown->frame.read_nanos / (int64_t)WI_SECOND;
    do {
        for (struct wc_replay_past *past = history->first; past; past = past->next) {
            if (!past->is_read) {
                past_look(&history->histories, &shown->frame, past, interval);
            }
        }
    } while (wc_reader_peek(shown->reader) <= at &&
             wc_reader_next(shown->reader, &shown->frame, &reached));
    past_before(history, first, shown->frame.read_nanos / (int64_t)WI_SECOND);
}

/* ---- series ------------------------------------------------------------------------------- */

/* A row's values without the time before the first; false: it has none. */
static bool past_series(struct wc_replay_history *history, const struct wc_replay_past *past,
                        const Weir__V1__Row *row, struct wi_series *ret_series)
{
    const struct wc_frame *frame = &history->shown->frame;
    const struct wc_history *known =
        wc_histories_find(&history->histories, past_key(past, past->at_metric), row->id);
    size_t first = 0;
    if (!known || !past_wants(past, row->id, row->name)) {
        return false;
    }
    wc_history_columns(known, frame->read_nanos / (int64_t)WI_SECOND, 1, WC_HISTORY_SECONDS,
                       history->values);
    while (first < WC_HISTORY_SECONDS && isnan(history->values[first])) {
        first++;
    }
    *ret_series = (struct wi_series){.id = row->id,
                                     .name = row->name,
                                     .kind = (enum wi_kind)past->kind,
                                     .metric = past->metrics[past->at_metric].metric,
                                     .last_unix_nanos = frame->unix_nanos,
                                     .last_read_nanos = (uint64_t)frame->read_nanos,
                                     .step_nanos = WI_SECOND,
                                     .values = history->values + first,
                                     .n_values = WC_HISTORY_SECONDS - first};
    return first < WC_HISTORY_SECONDS;
}

bool wc_replay_past_next(struct wc_replay_history *history, struct wc_replay_past *past,
                         struct wi_series *ret_series, bool *ret_has_moved)
{
    const struct wc_frame_table *table = &history->shown->frame.tables[past->kind];
    *ret_has_moved = !past->is_read;
    if (!past->is_read) {
        past_read(history);
        for (struct wc_replay_past *other = history->first; other; other = other->next) {
            other->is_read = true;
        }
    }
    for (; past->at_metric < past->n_metrics; past->at_metric++, past->at_row = 0) {
        while (past->at_row < table->n_rows) {
            if (past_series(history, past, table->rows[past->at_row++], ret_series)) {
                return true;
            }
        }
    }
    return false;
}
