/* SPDX-License-Identifier: MIT */
/*
 * A connection to a server with console-subscriber. A thread of its own reads the socket, so that a
 * message of 200 MB blocks neither the screen nor the exporter that serves it; the exporter takes
 * the messages when it reads the process view. The connection only reads: it never pauses the
 * server, which would stop every console of it.
 */
#ifndef WC_LINK_ATTACH_H
#define WC_LINK_ATTACH_H

#include "base/error.h"
#include "tokio/provider.h"

/* The longest message, and the most bytes that wait; beyond that the server must wait. */
#define WC_TOKIO_MESSAGE_LIMIT ((size_t)256 << 20)
#define WC_TOKIO_QUEUE_LIMIT   ((size_t)16 << 20)

struct wc_tokio;

/* The parts of a connection: the process view, and its feed, which lives as long as the view. */
struct wc_attachment {
    struct wi_process_view *view;
    struct wc_tokio *tokio;
};

/*
 * Requests Tokio's service on a connected socket, and waits until the first Update is there, or
 * `deadline` (nanoseconds of CLOCK_MONOTONIC) has passed; longer while its bytes arrive.
 * `authority` is "" for a unix socket. Owns: the descriptor, also when this fails; the attachment's
 * view is the caller's. Fails: WC_MISMATCH: there is no such service; WC_NO_TARGET: no answer;
 * WC_DENIED.
 */
enum wc_status wc_tokio_open(int taken_fd, const char *authority, const struct wc_lints *lints,
                             uint64_t deadline_nanos, struct wc_attachment *ret_attachment,
                             struct wc_error *ret_error);

/* Whether the connection has ended, and why. Any thread. */
enum wc_status wc_tokio_check(struct wc_tokio *tokio, struct wc_error *ret_error);

#endif
