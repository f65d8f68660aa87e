/* SPDX-License-Identifier: MIT */
/* Takes a snapshot, page by page. The console's one thread. */
#ifndef WC_COMMAND_SNAPSHOT_H
#define WC_COMMAND_SNAPSHOT_H

#include "link/link.h"

#include <stdbool.h>

/* Takes a page. Owns: the callee's. Fails: with any status; then no more pages come. */
typedef enum wc_status wc_snapshot_page_fn(void *context, Weir__V1__Update *taken_update,
                                           struct wc_error *ret_error);

/* Hands over each page of the requested snapshot as it arrives, until the stream's end. Fails:
 * WC_INCOMPLETE, as wc_link_step, and as `take`. */
enum wc_status wc_snapshot_pages(struct wc_link *link, wc_snapshot_page_fn *take, void *context,
                                 struct wc_error *ret_error);

#endif
