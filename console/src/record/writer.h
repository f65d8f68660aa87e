/* SPDX-License-Identifier: MIT */
/*
 * Writes a recording. Each frame is one record, written by one call, so that all earlier records
 * stay readable whatever happens to this process or its disk. Holds one frame in memory. One
 * thread.
 */
#ifndef WC_RECORD_WRITER_H
#define WC_RECORD_WRITER_H

#include "base/error.h"
#include "weir/v1/recording.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct wc_writer;

/*
 * Creates the file, readable by its owner alone, and writes the opening. An existing file is
 * refused unless is_forced: then it is emptied; never one that another recorder is writing. Owns:
 * wc_writer_close. Fails: WC_USAGE, WC_DENIED, WC_INCOMPLETE (the disk is full).
 */
enum wc_status wc_writer_create(const char *path, bool is_forced, const Weir__V1__Opening *opening,
                                struct wc_writer **ret_writer, struct wc_error *ret_error);

/* The past of one row. Fails: WC_INCOMPLETE. */
enum wc_status wc_writer_series(struct wc_writer *writer, const Weir__V1__Series *series,
                                struct wc_error *ret_error);

/* The next frame. Owns: the update is freed. Fails: WC_INCOMPLETE: it is not in the file, all
 * earlier ones are; WC_MISMATCH: the server sends an update that no exporter sends. */
enum wc_status wc_writer_look(struct wc_writer *writer, Weir__V1__Update *taken_update,
                              struct wc_error *ret_error);

/* Ends the recording with a closing, if there is room for one; then everything is on the disk. NULL
 * is fine. Fails: WC_INCOMPLETE. */
enum wc_status wc_writer_close(struct wc_writer *taken_writer, const char *reason,
                               struct wc_error *ret_error);

/* So far. */
uint64_t wc_writer_looks(const struct wc_writer *writer);
uint64_t wc_writer_bytes(const struct wc_writer *writer);
double wc_writer_seconds(const struct wc_writer *writer);

/* Rows that were not in the last frame, since a message holds no more. */
uint64_t wc_writer_left_out(const struct wc_writer *writer);

/* Whether any frame had a row that -I and -X could have left out. */
bool wc_writer_has_names(const struct wc_writer *writer);

/* The state in the last frame; "" before the first. Borrowed until the next. */
const char *wc_writer_state(const struct wc_writer *writer);

#endif
