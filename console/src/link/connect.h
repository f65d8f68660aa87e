/* SPDX-License-Identifier: MIT */
/* The ways to an exporter: its unix socket, TCP, or a thread of our own over a bare segment. */
#ifndef WC_LINK_CONNECT_H
#define WC_LINK_CONNECT_H

#include "base/error.h"
#include "weir/exporter.h"

#include <stdint.h>

/*
 * Connects to a socket whose server is this user or root, until `deadline` (nanoseconds of
 * CLOCK_MONOTONIC) while the server's backlog is full. Owns: ret_fd, non-blocking, is the caller's.
 * Fails: WC_NO_TARGET, WC_DENIED.
 */
enum wc_status wc_connect(const char *path, uint64_t deadline_nanos, int *ret_fd,
                          struct wc_error *ret_error);

/*
 * Connects over TCP until `deadline`: to a number at once, to a name as soon as it is resolved. A
 * thread resolves it, and is left behind if it takes too long. Owns: ret_fd, non-blocking, is the
 * caller's. Fails: WC_NO_TARGET.
 */
enum wc_status wc_connect_tcp(const char *host, const char *port, uint64_t deadline_nanos,
                              int *ret_fd, struct wc_error *ret_error);

/* Starts an exporter over the segment at `path`. Owns: ret_fd and ret_exporter are the caller's;
 * close the first, then stop the other. Fails: WC_NO_TARGET, WC_DENIED, WC_MISMATCH. */
enum wc_status wc_serve(const char *path, int *ret_fd, struct wi_exporter **ret_exporter,
                        struct wc_error *ret_error);

/* The same for any process view. Owns: the process view is the exporter's, also when this fails. */
enum wc_status wc_serve_view(struct wi_process_view *taken_view, int *ret_fd,
                             struct wi_exporter **ret_exporter, struct wc_error *ret_error);

#endif
