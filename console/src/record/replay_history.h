/* SPDX-License-Identifier: MIT */
/*
 * The ten minutes before a frame, from the frames before it and from the series of the time before
 * the recording. One walk over the file answers several queries. One thread.
 */
#ifndef WC_RECORD_REPLAY_HISTORY_H
#define WC_RECORD_REPLAY_HISTORY_H

#include "record/reader.h"
#include "weir/provider.h"

struct wc_replay_history;
struct wc_replay_past; /* one query */

/* The frame that is shown, with its reader; the owner changes them. */
struct wc_replay_frame {
    struct wc_reader *reader;
    struct wc_frame frame;
    uint64_t at;
};

/* One metric of a kind, and the index that it has in the file. */
struct wc_replay_metric {
    int metric;
    uint32_t index;
};

/* `shown` must outlive the history. Owns: wc_replay_history_destroy; all pasts are closed by then. */
struct wc_replay_history *wc_replay_history_create(struct wc_replay_frame *shown);
void wc_replay_history_destroy(struct wc_replay_history *history);

/* Another frame is shown. */
void wc_replay_history_forget(struct wc_replay_history *history);

/* The query's metrics are given besides, in `taken_metrics`. Owns: wc_replay_past_close. */
struct wc_replay_past *wc_replay_past_open(struct wc_replay_history *history,
                                           const struct wi_past_query *query,
                                           struct wc_replay_metric *taken_metrics,
                                           size_t n_metrics);
void wc_replay_past_close(struct wc_replay_history *history, struct wc_replay_past *taken_past);

/* The next row of the frame that has a past. The first call goes over ten minutes of the file, and moves the
 * rows of the frame that is shown to another place in memory: *ret_has_moved. As wi_provider_ops.past_next. */
bool wc_replay_past_next(struct wc_replay_history *history, struct wc_replay_past *past,
                         struct wi_series *ret_series, bool *ret_has_moved);

#endif
