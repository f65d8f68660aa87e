/* SPDX-License-Identifier: MIT */
/*
 * HTTP for Prometheus, from the exporter's side: the address, admission, and the content of
 * answers. The engine does the protocol (http/engine.h). The exporter's thread only.
 */
#ifndef WI_WIRE_HTTP_H
#define WI_WIRE_HTTP_H

#include "session/process_views.h"
#include "weir/token.h"

struct wi_http;

struct wi_http_options {
    const char *address;    /* "127.0.0.1:9464", "[::1]:0", "localhost:9464" */
    const char *hosts;      /* further Host names, comma-separated; NULL: none */
    struct wi_token *token; /* that every request must show, borrowed; NULL: none */
    bool without_process_metrics;
};

/* Binds and listens. Fails: WEIR_E_ARGUMENT (an invalid address, or one beyond loopback without a
 * token), WEIR_E_SYSTEM (port in use): one line that says what to do. */
enum weir_status wi_http_create(const struct wi_http_options *options,
                                struct wi_process_views *views, struct wi_http **ret_http,
                                struct weir_error *ret_error);
void wi_http_destroy(struct wi_http *http);

/* The host has closed its descriptors: none is used any more, and wi_http_destroy frees the rest.
 * NULL is fine. */
void wi_http_forget(struct wi_http *http);

/* In a forked child: closes the listening socket, so that the parent's port is the parent's alone,
 * and frees nothing. NULL is fine. */
void wi_http_abandon(struct wi_http *http);

/* The descriptor to poll for input. */
int wi_http_fd(const struct wi_http *http);

/* Does what is due; never blocks. Returns the milliseconds until it must be called again, -1: when
 * the descriptor is readable. */
int wi_http_run(struct wi_http *http, uint64_t now_nanos);

/* "127.0.0.1:9464" as bound. Owns: the http's. */
const char *wi_http_address(const struct wi_http *http);
unsigned wi_http_port(const struct wi_http *http);

#endif
