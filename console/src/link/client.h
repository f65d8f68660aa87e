/* SPDX-License-Identifier: MIT */
/*
 * A gRPC client as an engine: bytes in, bytes out, messages and ends by callback. It knows HTTP/2
 * and gRPC's framing, not the messages' meaning, and does no I/O. One thread.
 */
#ifndef WC_LINK_CLIENT_H
#define WC_LINK_CLIENT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message longer than this ends its call, unless wc_client_allow says otherwise; nothing is allocated
 * for it. An exporter keeps to 3 MiB, and unpacking makes up to 53 times as much of what a hostile
 * server may send. */
#define WC_CLIENT_MESSAGE_LIMIT (4u << 20)

/* Those of gRPC's status codes that are distinguished here. */
enum wc_grpc_status {
    WC_GRPC_OK = 0,
    WC_GRPC_CANCELLED = 1,
    WC_GRPC_UNKNOWN = 2,
    WC_GRPC_INVALID_ARGUMENT = 3,
    WC_GRPC_NOT_FOUND = 5,
    WC_GRPC_PERMISSION_DENIED = 7,
    WC_GRPC_RESOURCE_EXHAUSTED = 8,
    WC_GRPC_FAILED_PRECONDITION = 9,
    WC_GRPC_UNIMPLEMENTED = 12,
    WC_GRPC_INTERNAL = 13,
    WC_GRPC_UNAVAILABLE = 14,
    WC_GRPC_DATA_LOSS = 15,
    WC_GRPC_UNAUTHENTICATED = 16
};

/* wc_client_feed and wc_client_output call these. They may start and cancel calls, and must not
 * destroy the client. */
struct wc_client_events {
    void *context;
    /* A whole message; borrowed for the call. */
    void (*on_message)(void *context, int32_t call, const uint8_t *bytes, size_t n);
    /* The call's last event; there is none for a cancelled call. The text is "" or the server's. */
    void (*on_end)(void *context, int32_t call, int grpc_status, const char *text);
};

struct wc_client;

/* Owns: wc_client_destroy. Never NULL. */
struct wc_client *wc_client_create(const struct wc_client_events *events);
void wc_client_destroy(struct wc_client *client);

/* The header fields that calls send from now on beside their request, copied; NULL or "": none, and
 * "localhost". */
void wc_client_set_authority(struct wc_client *client, const char *authority);
void wc_client_set_token(struct wc_client *client, const char *token);
void wc_client_set_process(struct wc_client *client, const char *process);

/* Starts a call with one request message (copied). The method is "/weir.v1.Agent/Watch".
 * Fails: WC_ENDED when the connection takes no more calls. */
enum wc_status wc_client_call(struct wc_client *client, const char *method, const uint8_t *message,
                              size_t n, int32_t *ret_call, struct wc_error *ret_error);

/* Allows messages of a call up to `bytes`: for a reader that does not unpack them. */
void wc_client_allow(struct wc_client *client, int32_t call, size_t bytes);

/* Cancels a call: it has no further event. */
void wc_client_cancel(struct wc_client *client, int32_t call);

/* Takes bytes from the peer. Fails: WC_MISMATCH: the bytes are no HTTP/2, and the connection is
 * over. */
enum wc_status wc_client_feed(struct wc_client *client, const uint8_t *bytes, size_t n,
                              struct wc_error *ret_error);

/* The next bytes for the peer; 0: none now. They must all be written before the next call. */
size_t wc_client_output(struct wc_client *client, const uint8_t **ret_bytes);
bool wc_client_wants_output(const struct wc_client *client);

/* There is nothing left to send or receive: the peer said goodbye, or broke the protocol. */
bool wc_client_is_over(const struct wc_client *client);

/* The error in the peer's bytes, and "" after a goodbye. Borrowed. */
const char *wc_client_problem(const struct wc_client *client);

/* Undoes gRPC's percent-encoding into at most `room` bytes, terminated; malformed escapes stay. */
void wc_client_decode_text(const uint8_t *encoded, size_t n, char *ret_text, size_t room);

#endif
