/* SPDX-License-Identifier: MIT */
/*
 * Buckets of a second, and the hash that finds a row's. Rows are never removed one by one: when all
 * are taken, the one seen longest ago is given away and the hash is made anew.
 */
#include "model/history.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "weir/v1/agent.pb-c.h"

#define FIRST_ROOM 64

void wc_histories_init(struct wc_histories *histories)
{
    *histories = (struct wc_histories){0};
}

void wc_histories_finish(struct wc_histories *histories)
{
    free(histories->row);
    free(histories->slot);
    wc_histories_init(histories);
}

void wc_histories_clear(struct wc_histories *histories)
{
    wc_histories_finish(histories);
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
    to->slot = wc_resize(NULL, from->n_slots, sizeof(*to->slot));
    memcpy(to->slot, from->slot, from->n_slots * sizeof(*to->slot));
}

static size_t history_hash(int kind, uint64_t id, size_t n_slots)
{
    uint64_t key = (id ^ (uint64_t)(unsigned)kind << 56) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(key >> 32) & (n_slots - 1);
}

/* The slot that holds the row, or the free one where it belongs. */
static uint32_t *history_slot(const struct wc_histories *histories, int kind, uint64_t id)
{
    size_t at = history_hash(kind, id, histories->n_slots);
    for (;;) {
        uint32_t *slot = &histories->slot[at];
        if (*slot == 0) {
            return slot;
        }
        const struct wc_history *row = &histories->row[*slot - 1];
        if (row->kind == kind && row->id == id) {
            return slot;
        }
        at = (at + 1) & (histories->n_slots - 1);
    }
}

static void histories_rehash(struct wc_histories *histories)
{
    memset(histories->slot, 0, histories->n_slots * sizeof(*histories->slot));
    for (size_t i = 0; i < histories->n_rows; i++) {
        *history_slot(histories, histories->row[i].kind, histories->row[i].id) = (uint32_t)i + 1;
    }
}

static void histories_grow(struct wc_histories *histories)
{
    histories->room = histories->room ? 2 * histories->room : FIRST_ROOM;
    histories->row = wc_resize(histories->row, histories->room, sizeof(*histories->row));
    histories->n_slots = 2 * histories->room;
    histories->slot = wc_resize(histories->slot, histories->n_slots, sizeof(*histories->slot));
    histories_rehash(histories);
}

/* Of what comes and goes by the thousand: it never displaces a channel. */
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

/* The row that makes room for one of this kind; NULL: none does. */
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
    if (histories->n_slots > 0) {
        uint32_t *slot = history_slot(histories, kind, id);
        if (*slot) {
            return &histories->row[*slot - 1];
        }
    }
    struct wc_history *row;
    bool is_more = histories->n_rows < WC_HISTORY_ROWS;
    if (is_more) {
        if (histories->n_rows == histories->room) {
            histories_grow(histories);
        }
        row = &histories->row[histories->n_rows++];
    } else {
        row = histories_oldest(histories, kind);
        if (!row) {
            return NULL;
        }
    }
    row->kind = kind;
    row->id = id;
    row->last = INT64_MIN;
    for (int i = 0; i < WC_HISTORY_SECONDS; i++) {
        row->bucket[i] = NAN;
    }
    if (is_more) {
        *history_slot(histories, kind, id) = (uint32_t)histories->n_rows;
    } else {
        histories_rehash(histories);
    }
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
    if (histories->n_slots == 0) {
        return NULL;
    }
    const uint32_t *slot = history_slot(histories, kind, id);
    return *slot ? &histories->row[*slot - 1] : NULL;
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
