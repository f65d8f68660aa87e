/* SPDX-License-Identifier: MIT */
/*
 * Writes a snapshot as JSON, as lines of JSON or as CSV, page by page. Pages that were written are
 * freed, so that a snapshot of any size takes the memory of one page. A snapshot that breaks off
 * leaves JSON that does not end, so no reader takes it for a whole one.
 */
#ifndef WC_COMMAND_SNAPSHOT_WRITER_H
#define WC_COMMAND_SNAPSHOT_WRITER_H

#include "command/report.h"
#include "link/link.h"

#include <stdbool.h>

struct wc_snapshot_writer;

/* Borrows the link and the stream. Owns: wc_snapshot_writer_destroy. Never NULL. */
struct wc_snapshot_writer *wc_snapshot_writer_create(const struct wc_link *link,
                                                     enum wc_format format, FILE *out);
void wc_snapshot_writer_destroy(struct wc_snapshot_writer *writer);

/* Writes the rows of a page. The first page's time is that of the whole snapshot.
 * Fails: WC_MISMATCH: rows of a kind come after those of another. */
enum wc_status wc_snapshot_writer_page(struct wc_snapshot_writer *writer,
                                       const Weir__V1__Update *page, struct wc_error *ret_error);

/* Writes the end, after the last row. */
void wc_snapshot_writer_end(struct wc_snapshot_writer *writer);

/* The kind of the rows under a key of `data` ("channels"), or -1; whether it is one object without
 * a name ("process"). */
int wc_snapshot_kind(const char *key, bool *ret_is_single);

#endif
