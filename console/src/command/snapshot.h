/* SPDX-License-Identifier: MIT */
/* What others need of a snapshot: to take one, and where its JSON has what. */
#ifndef WC_COMMAND_SNAPSHOT_H
#define WC_COMMAND_SNAPSHOT_H

#include "command/summary.h"

#include <stdbool.h>

/* Takes all pages of the snapshot that was asked for, until the stream's end. Owns: wc_snapshot_free, also
 * after a failure. Fails: WC_INCOMPLETE, and as wc_link_step. */
enum wc_status wc_snapshot_collect(struct wc_link *link, struct wc_pages *pages,
                                   struct wc_error *ret_error);
void wc_snapshot_free(struct wc_pages *pages);

/* The kind whose rows stand under a key of `data` ("channels"), or -1; whether it is one object without a
 * name ("process"). */
int wc_snapshot_kind(const char *key, bool *ret_is_single);

#endif
