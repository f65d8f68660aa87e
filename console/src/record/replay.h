/* SPDX-License-Identifier: MIT */
/*
 * Plays a recording: the exporter's engine answers for its process view, while a clock decides
 * which frame that shows. To a link it is a connection: bytes in, bytes out. It has a timer to
 * poll, and waits for nothing. One thread.
 */
#ifndef WC_RECORD_REPLAY_H
#define WC_RECORD_REPLAY_H

#include "base/error.h"
#include "model/playback.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wc_replay;

/* Opens a recording; it stands at its first frame, and plays once it is watched. Owns: wc_replay_close.
 * Fails: as wc_reader_open. */
enum wc_status wc_replay_open(const char *path, struct wc_replay **ret_replay,
                              struct wc_error *ret_error);
void wc_replay_close(struct wc_replay *replay); /* NULL is fine */

/* The connection, as send(2) and recv(2) of a socket that does not block. */
ssize_t wc_replay_send(struct wc_replay *replay, const uint8_t *bytes, size_t n);
ssize_t wc_replay_receive(struct wc_replay *replay, uint8_t *ret_bytes, size_t room);

/* Readable when there is something to receive. */
int wc_replay_fd(const struct wc_replay *replay);

/* "", or one line on how the recording ends. Borrowed. */
const char *wc_replay_notice(const struct wc_replay *replay);

/* Goes to a moment; past the end, to the end. A running Watch gets it like the next frame; one that
 * is begun again drops what it showed before. */
void wc_replay_seek(struct wc_replay *replay, uint64_t position);
void wc_replay_pause(struct wc_replay *replay, bool is_paused);
void wc_replay_speed(struct wc_replay *replay, double speed);

/* From here on each frame is sent as soon as the one before it was received, without the clock; and
 * whether the last one was received. */
void wc_replay_hurry(struct wc_replay *replay);
bool wc_replay_is_over(const struct wc_replay *replay);

void wc_replay_playback(const struct wc_replay *replay, struct wc_playback *ret_playback);

#endif
