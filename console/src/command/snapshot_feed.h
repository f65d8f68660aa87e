/* SPDX-License-Identifier: MIT */
/* Pages on their way to a snapshot's writer. */
#ifndef WC_COMMAND_SNAPSHOT_FEED_H
#define WC_COMMAND_SNAPSHOT_FEED_H

#include "command/snapshot_writer.h"

struct wc_snapshot_feed;

/* Borrows the writer, which writes to standard output. Owns: wc_snapshot_feed_end. Never NULL. */
struct wc_snapshot_feed *wc_snapshot_feed_start(struct wc_snapshot_writer *writer);

/* Hands a page to the writer, and waits until it is written, for 3 s at most; does not wait while
 * an earlier page is still being written. If nobody reads standard output any more, nothing is
 * written and nothing fails. Fails: as wc_snapshot_writer_page and wc_report_flush did, for this
 * page or an earlier one. */
enum wc_status wc_snapshot_feed_page(struct wc_snapshot_feed *feed, Weir__V1__Update *taken_page,
                                     struct wc_error *ret_error);

/* Waits until all pages are written, however long that takes, and frees the feed. Fails: as
 * wc_snapshot_feed_page. */
enum wc_status wc_snapshot_feed_end(struct wc_snapshot_feed *taken_feed,
                                    struct wc_error *ret_error);

#endif
