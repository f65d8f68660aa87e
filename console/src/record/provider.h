/* SPDX-License-Identifier: MIT */
/*
 * A recording as a process view: the rows of one of its frames under weir's metrics, so that all that reads a
 * process view reads a recording, too. Which frame is shown is the caller's choice. Reads the file, and nothing
 * else. One thread at a time.
 */
#ifndef WC_RECORD_PROVIDER_H
#define WC_RECORD_PROVIDER_H

#include "record/reader.h"
#include "weir/provider.h"

struct wc_recorded;

/*
 * Opens a recording, which shows its first frame. Owns: the process view is the caller's; `ret_recorded` is the
 * view's, and goes with it. Fails: as wc_reader_open.
 */
enum wc_status wc_recorded_open(const char *path, struct wi_process_view **ret_view,
                                struct wc_recorded **ret_recorded, struct wc_error *ret_error);

/* The reader, for all in the file but its frames. Borrowed. */
struct wc_reader *wc_recorded_reader(struct wc_recorded *recorded);

/* Shows the last frame at or before a moment, or the first; or the next one. The process view is refreshed
 * afterwards. False: there is none, and the one that is shown stays. */
bool wc_recorded_seek(struct wc_recorded *recorded, uint64_t at);
bool wc_recorded_next(struct wc_recorded *recorded);

#endif
