/* SPDX-License-Identifier: MIT */
/*
 * The ten minutes before a look, from the looks before it and from what was recorded of the time before
 * the recording. One thread.
 */
#ifndef WC_RECORD_REPLAY_HISTORY_H
#define WC_RECORD_REPLAY_HISTORY_H

#include "record/reader.h"

#define WC_REPLAY_HISTORY_ASKED 64 /* metrics whose past is asked for at a time */

/* One metric of a kind. */
struct wc_replay_history_metric {
    int kind;
    uint32_t metric;
    uint64_t id; /* of the only row that is wanted; 0: all */
};

struct wc_replay_history {
    Weir__V1__Series **series;
    size_t n_series, room;
};

/*
 * Goes over the looks from ten minutes before `at` to it, so that afterwards `frame` holds the look at
 * `at` as before. Adds a series for each row of that look which has a past.
 */
void wc_replay_history_read(struct wc_reader *reader, struct wc_frame *frame, uint64_t at,
                            const struct wc_replay_history_metric *metrics, size_t n_metrics,
                            struct wc_replay_history *past);

#endif
