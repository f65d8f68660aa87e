/* SPDX-License-Identifier: MIT */
/* The same buckets of a second as the screen has; with as many rows at most. */
#include "record/replay_history.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/history.h"
#include "weir/nanos.h"

/* Rows are kept by kind and metric. */
static int replay_key(const struct wc_replay_history_metric *metric)
{
    return (int)((unsigned)metric->kind | (metric->metric + 1) << 8);
}

static bool replay_number(const Weir__V1__Row *row, int place, double *ret_number)
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

static void replay_look(struct wc_histories *histories, const struct wc_frame *frame,
                        const struct wc_replay_history_metric *metric, int64_t span)
{
    const struct wc_frame_table *table = &frame->tables[metric->kind];
    int place = wc_frame_column(table, metric->metric);
    int key = replay_key(metric);
    for (size_t i = 0; i < table->n_rows; i++) {
        double number;
        bool is_wanted = !metric->id || metric->id == table->rows[i]->id;
        if (is_wanted && replay_number(table->rows[i], place, &number)) {
            wc_histories_add(histories, key, table->rows[i]->id,
                             frame->read_nanos / (int64_t)WI_SECOND, span, number);
        }
    }
}

/* What the server knew of the time before the recording. */
static void replay_before(struct wc_histories *histories, struct wc_reader *reader,
                          const struct wc_replay_history_metric *metrics, size_t n_metrics,
                          int64_t now, int64_t first)
{
    for (size_t i = 0; i < wc_reader_n_series(reader); i++) {
        Weir__V1__Series *series = wc_reader_series(reader, i);
        if (!series) {
            continue;
        }
        /* Of a process that had ended it is what came before the first look. */
        int64_t second =
            series->last_read_nanos ? series->last_read_nanos / (int64_t)WI_SECOND : first;
        for (size_t k = 0; k < n_metrics; k++) {
            bool is_wanted = (int)series->kind == metrics[k].kind &&
                             series->metric == metrics[k].metric &&
                             (!metrics[k].id || metrics[k].id == series->id) &&
                             series->step_nanos == (int64_t)WI_SECOND && second <= now &&
                             now - second < WC_HISTORY_SECONDS;
            int key = replay_key(&metrics[k]);
            if (is_wanted) {
                wc_histories_seed(histories, key, series->id, second, series->values,
                                  series->n_values);
            }
        }
        weir__v1__series__free_unpacked(series, NULL);
    }
}

static Weir__V1__Series *replay_series(const struct wc_history *history, const Weir__V1__Row *row,
                                       const struct wc_replay_history_metric *metric,
                                       const struct wc_frame *frame)
{
    double values[WC_HISTORY_SECONDS];
    int64_t now = frame->read_nanos / (int64_t)WI_SECOND;
    size_t first = 0;
    wc_history_columns(history, now, 1, WC_HISTORY_SECONDS, values);
    while (first < WC_HISTORY_SECONDS && isnan(values[first])) {
        first++;
    }
    if (first == WC_HISTORY_SECONDS) {
        return NULL;
    }
    Weir__V1__Series *series = wc_alloc(sizeof(*series));
    weir__v1__series__init(series);
    series->id = row->id;
    series->name = wc_copy(row->name);
    series->kind = (Weir__V1__Kind)metric->kind;
    series->metric = metric->metric;
    series->last_unix_nanos = frame->unix_nanos;
    series->last_read_nanos = frame->read_nanos;
    series->step_nanos = (int64_t)WI_SECOND;
    series->n_values = WC_HISTORY_SECONDS - first;
    series->values = wc_alloc(series->n_values * sizeof(*series->values));
    for (size_t i = 0; i < series->n_values; i++) {
        series->values[i] = values[first + i];
    }
    return series;
}

static void replay_add(struct wc_replay_history *replay, Weir__V1__Series *taken_series)
{
    replay->series =
        wc_grow(replay->series, replay->n_series, &replay->room, sizeof(*replay->series));
    replay->series[replay->n_series++] = taken_series;
}

void wc_replay_history_read(struct wc_reader *reader, struct wc_frame *frame, uint64_t at,
                            const struct wc_replay_history_metric *metrics, size_t n_metrics,
                            struct wc_replay_history *replay)
{
    struct wc_histories histories;
    uint64_t span = WC_HISTORY_SECONDS * WI_SECOND;
    uint64_t from = at > span ? at - span : 0, reached;
    int64_t interval = ((int64_t)wc_reader_opening(reader)->interval_millis + 999) / 1000;
    interval = interval > 0 && interval <= 60 ? interval : 1;
    if (!wc_reader_seek(reader, from, frame, &reached)) {
        return;
    }
    wc_histories_init(&histories);
    int64_t first = frame->read_nanos / (int64_t)WI_SECOND;
    do {
        for (size_t i = 0; i < n_metrics; i++) {
            replay_look(&histories, frame, &metrics[i], interval);
        }
    } while (wc_reader_peek(reader) <= at && wc_reader_next(reader, frame, &reached));
    int64_t now = frame->read_nanos / (int64_t)WI_SECOND;
    replay_before(&histories, reader, metrics, n_metrics, now, first);
    for (size_t i = 0; i < n_metrics; i++) {
        const struct wc_frame_table *table = &frame->tables[metrics[i].kind];
        for (size_t k = 0; k < table->n_rows; k++) {
            bool is_wanted = !metrics[i].id || metrics[i].id == table->rows[k]->id;
            const struct wc_history *history =
                is_wanted
                    ? wc_histories_find(&histories, replay_key(&metrics[i]), table->rows[k]->id)
                    : NULL;
            Weir__V1__Series *series =
                history ? replay_series(history, table->rows[k], &metrics[i], frame) : NULL;
            if (series) {
                replay_add(replay, series);
            }
        }
    }
    wc_histories_finish(&histories);
}
