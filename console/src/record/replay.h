/* SPDX-License-Identifier: MIT */
/*
 * Plays a recording as its exporter would have answered: looks come when their time comes, at a speed,
 * and every request is answered of the look that is shown. It has a clock and a timer to poll, and
 * waits for nothing. One thread.
 */
#ifndef WC_RECORD_REPLAY_H
#define WC_RECORD_REPLAY_H

#include "base/error.h"
#include "model/playback.h"
#include "weir/v1/recording.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct wc_replay;

/* Opens a recording; it stands at its first look and plays once it is watched. Owns: wc_replay_close.
 * Fails: as wc_reader_open. */
enum wc_status wc_replay_open(const char *path, struct wc_replay **ret_replay,
                              struct wc_error *ret_error);
void wc_replay_close(struct wc_replay *replay); /* NULL is fine */

/* Borrowed. The notice is "" or one line on how the recording ends. */
const Weir__V1__Opening *wc_replay_opening(const struct wc_replay *replay);
const char *wc_replay_notice(const struct wc_replay *replay);

/*
 * Each takes the place of what was asked for before; the request stays the caller's. Watch: an Update at
 * once, then one for each look as time goes on. Subscribe: Lines for each look to the end, as fast as
 * they are taken. Snapshot: one Update, of the last look unless another was sought.
 */
void wc_replay_watch(struct wc_replay *replay, const Weir__V1__WatchRequest *request);
void wc_replay_snapshot(struct wc_replay *replay, const Weir__V1__SnapshotRequest *request);
/* Fails: WC_USAGE: no such topic. */
enum wc_status wc_replay_subscribe(struct wc_replay *replay,
                                   const Weir__V1__SubscribeRequest *request,
                                   struct wc_error *ret_error);

/* Asks for the past of a metric, as of the look that is shown, of the row with this id (0: of all); the
 * Series come with the next step. A metric below 0 that is not WC_REPLAY_ALL is none. */
#define WC_REPLAY_ALL (-2) /* every number */
void wc_replay_history(struct wc_replay *replay, int kind, int metric, uint64_t id);

/* Goes to a moment; a Watch is answered anew. Past the end: the end. */
void wc_replay_seek(struct wc_replay *replay, uint64_t position);
void wc_replay_pause(struct wc_replay *replay, bool is_paused);
void wc_replay_speed(struct wc_replay *replay, double speed);

/* Moves on to now (CLOCK_MONOTONIC); then take all that is there. */
void wc_replay_step(struct wc_replay *replay, uint64_t now_nanos);

/* NULL: there is none now. Owns: the caller's. */
Weir__V1__Update *wc_replay_take_update(struct wc_replay *replay);
Weir__V1__Lines *wc_replay_take_lines(struct wc_replay *replay);
Weir__V1__Series *wc_replay_take_series(struct wc_replay *replay);

/* Whether the snapshot was taken, or the subscription has come to the end. */
bool wc_replay_is_complete(const struct wc_replay *replay);

void wc_replay_playback(const struct wc_replay *replay, struct wc_playback *ret_playback);

/* Readable when there is something to take. */
int wc_replay_fd(const struct wc_replay *replay);

#endif
