/* SPDX-License-Identifier: MIT */
/*
 * The last minutes of one number per row, in buckets of a second: the greatest value of each, and a
 * gap where nothing was seen. Keyed by kind and row id, so that a history outlives every change of
 * the query. Bounded; `second` is the watched host's monotonic clock. No I/O. One thread at a time.
 */
#ifndef WC_MODEL_HISTORY_H
#define WC_MODEL_HISTORY_H

#include "base/map.h"

#include <stddef.h>
#include <stdint.h>

#define WC_HISTORY_SECONDS 600
#define WC_HISTORY_ROWS                                                                            \
    2048 /* the row not seen for longest makes room; senders and tasks before others */

struct wc_history {
    int kind; /* the low byte is a Kind */
    uint64_t id;
    int64_t last;                     /* the newest bucket's second */
    float bucket[WC_HISTORY_SECONDS]; /* by second modulo; NaN is a gap */
};

struct wc_histories {
    struct wc_history *row;
    size_t n_rows, room;
    struct wi_map map; /* over `row`, by kind and id */
};

/* Empty ones. Owns: wc_histories_finish. A copy is deep: wc_histories_finish for each. */
void wc_histories_init(struct wc_histories *histories);
void wc_histories_finish(struct wc_histories *histories);
void wc_histories_copy(struct wc_histories *to, const struct wc_histories *from);

/* Adds a value seen in `second`. It also stands for up to `span` - 1 seconds before, if nothing was
 * seen in them: with an interval of 5 s one value covers five buckets. Returns the length of the
 * hole before: seconds in which the row was not seen, between two in which it was. */
int64_t wc_histories_add(struct wc_histories *histories, int kind, uint64_t id, int64_t second,
                         int64_t span, double value);

/* Adds the past: `n` values a second apart, NaN if there is none, the last one of `second`. Only
 * seconds without a value are filled. */
void wc_histories_seed(struct wc_histories *histories, int kind, uint64_t id, int64_t second,
                       const double *values, size_t n);

/* NULL when there is none. Borrowed until the next add. */
const struct wc_history *wc_histories_find(const struct wc_histories *histories, int kind,
                                           uint64_t id);

/*
 * `n` columns of `step` seconds each, of which the last holds now_second. A column is the greatest
 * value of its buckets, NaN for a gap. Columns begin at multiples of their step, so that a picture
 * moves by whole columns and does not flicker. History NULL: all gaps. Returns the greatest of all,
 * or 0.
 */
double wc_history_columns(const struct wc_history *history, int64_t now_second, int step, int n,
                          double *ret_columns);

#endif
