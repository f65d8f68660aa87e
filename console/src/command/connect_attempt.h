/* SPDX-License-Identifier: MIT */
/*
 * A connection attempt while the screen goes on. wc_link_open may take seconds when the process is
 * stopped, so it runs in a thread of its own, which shares nothing with the caller until it is
 * done.
 */
#ifndef WC_COMMAND_CONNECT_ATTEMPT_H
#define WC_COMMAND_CONNECT_ATTEMPT_H

#include <stdbool.h>

#include "link/link.h"

struct wc_connect_attempt;

/* Starts an attempt. NULL when there is no thread or pipe: try again later. */
struct wc_connect_attempt *wc_connect_attempt_start(const struct wc_target *target);

/* Readable when the attempt is over. */
int wc_connect_attempt_fd(const struct wc_connect_attempt *attempt);

/* Ends the attempt, and waits for it if it is not over. On WC_OK the link is the caller's. */
enum wc_status wc_connect_attempt_finish(struct wc_connect_attempt *taken_attempt,
                                         struct wc_link **ret_link, struct wc_error *ret_error);

#endif
