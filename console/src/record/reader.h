/* SPDX-License-Identifier: MIT */
/*
 * Reads a recording: goes to any moment of it, and on from there frame by frame. Trusts no byte of
 * the file: the first invalid record is the recording's end. One thread; reads the file, and
 * nothing else.
 */
#ifndef WC_RECORD_READER_H
#define WC_RECORD_READER_H

#include "base/error.h"
#include "record/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct wc_reader;

/* Whether there is a file at `path` that begins as a recording does. */
bool wc_reader_is_recording(const char *path);

/*
 * Opens a recording and goes through it once. Owns: wc_reader_close. Fails: WC_NO_TARGET,
 * WC_DENIED, WC_MISMATCH: not a recording, another version's, or truncated before its first frame.
 */
enum wc_status wc_reader_open(const char *path, struct wc_reader **ret_reader,
                              struct wc_error *ret_error);
void wc_reader_close(struct wc_reader *reader);

/* The facts of the recording. Borrowed. */
const Weir__V1__Opening *wc_reader_opening(const struct wc_reader *reader);

/* Nanoseconds from the first frame to the last; and the number of frames. */
uint64_t wc_reader_length(const struct wc_reader *reader);
uint64_t wc_reader_looks(const struct wc_reader *reader);

/* "" for one with a closing; else one line on how it ends: truncated, damaged, or still being
 * written. */
const char *wc_reader_notice(const struct wc_reader *reader);

/* The last frame at or before `at`, or the first of all. False: the file has changed meanwhile. */
bool wc_reader_seek(struct wc_reader *reader, uint64_t at, struct wc_frame *frame,
                    uint64_t *ret_at);

/* The frame after that in `frame`, which comes from the same reader's seek or next. False: there is
 * none, and the frame stays as it is. */
bool wc_reader_next(struct wc_reader *reader, struct wc_frame *frame, uint64_t *ret_at);

/* When the next frame is; UINT64_MAX: there is none. */
uint64_t wc_reader_peek(struct wc_reader *reader);

/* The i-th series of the time before the recording, or NULL. Owns: the caller's,
 * weir__v1__series__free_unpacked. */
size_t wc_reader_n_series(const struct wc_reader *reader);
Weir__V1__Series *wc_reader_series(struct wc_reader *reader, size_t i);

#endif
