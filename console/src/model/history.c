/* SPDX-License-Identifier: MIT */
/*
 * Buckets of one second, and the map that finds a row's history. Rows are never removed one by one:
 * when all are taken, a new row takes the place of the one that was not seen for longest.
 */
#include "model/history.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "weir/v1/agent.pb-c.h"

void wc_histories_init(struct wc_histories *histories)
{
    *histories = (struct wc_histories){0};
}

void wc_histories_finish(struct wc_histories *histories)
{
    free(histories->row);
    free(histories->map.slots);
    wc_histories_init(histories);
}

void wc_histories_copy(struct wc_histories *to, const struct wc_histories *from)
{
    wc_histories_init(to);
    if (from->n_rows == 0) {
        return;
    }
    *to = *from;
    to->row = wc_resize(NULL, from->room, sizeof(*to->row));
    memcpy(to->row, from->row, from->n_rows * sizeof(*to->row));
    to->map = (struct wi_map){0};
    for (size_t i = 0; i < to->n_rows; i++) {
        wc_map_add(&to->map, wi_map_row_key(to->row[i].kind, to->row[i].id), i);
    }
}

static struct wc_history *histories_find(const struct wc_histories *histories, int kind,
                                         uint64_t id)
{
    struct wi_map_slot *slot = NULL;
    while ((slot = wi_map_next(&histories->map, wi_map_row_key(kind, id), slot))) {
        if (histories->row[slot->value].kind == kind && histories->row[slot->value].id == id) {
            return &histories->row[slot->value];
        }
    }
    return NULL;
}

/* A row of a kind that comes and goes by the thousand never displaces a channel. */
static bool history_is_fleeting(int kind)
{
    switch (kind & 0xff) {
    case WEIR__V1__KIND__KIND_SINGLE:
    case WEIR__V1__KIND__KIND_SENDER:
    case WEIR__V1__KIND__KIND_RESOURCE:
    case WEIR__V1__KIND__KIND_OPERATION:
        return true;
    default:
        return false;
    }
}

/* The row whose place one of this kind can take; NULL: none. */
static struct wc_history *histories_oldest(struct wc_histories *histories, int kind)
{
    struct wc_history *oldest = &histories->row[0];
    for (size_t i = 1; i < histories->n_rows; i++) {
        struct wc_history *row = &histories->row[i];
        bool is_fleeting = history_is_fleeting(row->kind);
        bool was_fleeting = history_is_fleeting(oldest->kind);
        if (is_fleeting != was_fleeting ? is_fleeting : row->last < oldest->last) {
            oldest = row;
        }
    }
    return history_is_fleeting(kind) && !history_is_fleeting(oldest->kind) ? NULL : oldest;
}

/* NULL: there is no room for it. */
static struct wc_history *histories_take(struct wc_histories *histories, int kind, uint64_t id)
{
    struct wc_history *row = histories_find(histories, kind, id);
    if (row) {
        return row;
    }
    if (histories->n_rows < WC_HISTORY_ROWS) {
        histories->row =
            wc_grow(histories->row, histories->n_rows, &histories->room, sizeof(*histories->row));
        row = &histories->row[histories->n_rows++];
    } else {
        row = histories_oldest(histories, kind);
        if (!row) {
            return NULL;
        }
        wi_map_remove(&histories->map, wi_map_row_key(row->kind, row->id),
                      (uint64_t)(row - histories->row));
    }
    row->kind = kind;
    row->id = id;
    row->last = INT64_MIN;
    for (int i = 0; i < WC_HISTORY_SECONDS; i++) {
        row->bucket[i] = NAN;
    }
    wc_map_add(&histories->map, wi_map_row_key(kind, id), (uint64_t)(row - histories->row));
    return row;
}

static float *history_bucket(struct wc_history *history, int64_t second)
{
    int64_t at = second % WC_HISTORY_SECONDS;
    return &history->bucket[at < 0 ? at + WC_HISTORY_SECONDS : at];
}

int64_t wc_histories_add(struct wc_histories *histories, int kind, uint64_t id, int64_t second,
                         int64_t span, double value)
{
    struct wc_history *row = histories_take(histories, kind, id);
    if (!row) {
        return 0;
    }
    value = fmin(fmax(value, (double)-FLT_MAX), (double)FLT_MAX);
    if (row->last != INT64_MIN && second < row->last) {
        return 0; /* an update read before the newest one: its stream was cancelled meanwhile */
    }
    int64_t from = second - (span > WC_HISTORY_SECONDS ? WC_HISTORY_SECONDS : span) + 1;
    int64_t gap = row->last == INT64_MIN || second - row->last > WC_HISTORY_SECONDS
                      ? second - WC_HISTORY_SECONDS + 1
                      : row->last + 1;
    for (int64_t s = gap; s < second; s++) {
        *history_bucket(row, s) = s >= from && row->last != INT64_MIN ? (float)value : NAN;
    }
    float *bucket = history_bucket(row, second);
    if (second != row->last || isnan(*bucket) || value > (double)*bucket) {
        *bucket = (float)value;
    }
    int64_t hole = row->last != INT64_MIN && from > row->last + 1 ? from - row->last - 1 : 0;
    row->last = second;
    return hole;
}

void wc_histories_seed(struct wc_histories *histories, int kind, uint64_t id, int64_t second,
                       const double *values, size_t n)
{
    struct wc_history *row = histories_take(histories, kind, id);
    if (!row) {
        return;
    }
    bool is_new = row->last == INT64_MIN || second - row->last >= WC_HISTORY_SECONDS;
    for (int64_t s = row->last + 1; !is_new && s <= second; s++) {
        *history_bucket(row, s) = NAN;
    }
    for (int i = 0; is_new && i < WC_HISTORY_SECONDS; i++) {
        row->bucket[i] = NAN;
    }
    row->last = second > row->last ? second : row->last;
    for (size_t back = 0; back < n && back < WC_HISTORY_SECONDS; back++) {
        int64_t at = second - (int64_t)back;
        double value = values[n - 1 - back];
        if (at > row->last - WC_HISTORY_SECONDS && !isnan(value) &&
            isnan(*history_bucket(row, at))) {
            *history_bucket(row, at) = (float)fmin(fmax(value, (double)-FLT_MAX), (double)FLT_MAX);
        }
    }
}

const struct wc_history *wc_histories_find(const struct wc_histories *histories, int kind,
                                           uint64_t id)
{
    return histories_find(histories, kind, id);
}

/* The value of one second, NaN where nothing is known. */
static double history_at(const struct wc_history *history, int64_t second)
{
    if (second > history->last || second <= history->last - WC_HISTORY_SECONDS) {
        return NAN;
    }
    int64_t at = second % WC_HISTORY_SECONDS;
    return (double)history->bucket[at < 0 ? at + WC_HISTORY_SECONDS : at];
}

double wc_history_columns(const struct wc_history *history, int64_t now_second, int step, int n,
                          double *ret_columns)
{
    double greatest = 0;
    int64_t past = now_second % step;
    int64_t start = now_second - (past < 0 ? past + step : past) - (int64_t)step * (n - 1);

    for (int i = 0; i < n; i++) {
        ret_columns[i] = NAN;
        for (int64_t s = 0; history && s < step; s++) {
            double value = history_at(history, start + (int64_t)i * step + s);
            if (!isnan(value) && !(value <= ret_columns[i])) {
                ret_columns[i] = value;
            }
        }
        if (ret_columns[i] > greatest) {
            greatest = ret_columns[i];
        }
    }
    return greatest;
}
