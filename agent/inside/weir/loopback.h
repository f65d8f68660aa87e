/* SPDX-License-Identifier: MIT */
/*
 * A loopback: the engine that answers gRPC for one process view, without a thread, a socket or a clock.
 * The caller hands it the bytes of one console and takes its answers. It is for a provider with a time of
 * its own: Watch and Subscribe send after each refresh, however fast these follow each other, and ignore
 * the requested interval. Nothing judges the view: its warnings are the provider's. The provider has no
 * history's file: its past comes from past_open.
 *
 *     receive -> send until there is nothing -> is_ready: the provider moves on -> refresh -> send ...
 *
 * One thread at a time.
 */
#ifndef WI_LOOPBACK_H
#define WI_LOOPBACK_H

#include "weir/row.h"

struct wi_loopback;

/* The texts of Describe that the process view does not have. Borrowed until wi_loopback_close; never NULL. */
struct wi_loopback_texts {
    const char *http_address, *grpc_address, *notice;
};

/* Owns: the process view is the loopback's, also when this fails; the rest is the caller's, wi_loopback_close.
 * Fails: WEIR_E_MEMORY. */
enum weir_status wi_loopback_open(struct wi_process_view *taken_view,
                                  const struct wi_loopback_texts *texts,
                                  struct wi_loopback **ret_loopback);
void wi_loopback_close(struct wi_loopback *loopback); /* NULL is fine */

/* Takes bytes from the console. Fails: WEIR_E_PROTOCOL, WEIR_E_MEMORY: the connection is over. */
enum weir_status wi_loopback_receive(struct wi_loopback *loopback, const uint8_t *bytes, size_t n);

/* The next bytes for the console; 0: none before it sends something, or the view is refreshed. Borrowed until the
 * next call of this function. Fails: as wi_loopback_receive. */
enum weir_status wi_loopback_send(struct wi_loopback *loopback, const uint8_t **ret_bytes,
                                  size_t *ret_n);

/* Whether a Watch or a Subscribe runs; and whether, in addition, the console has taken all messages. */
bool wi_loopback_is_watched(const struct wi_loopback *loopback);
bool wi_loopback_is_ready(const struct wi_loopback *loopback);

/* Refreshes the process view. The streams send their next message at once if the loopback is ready, else
 * after the console has taken the previous one. Fails: as the provider's refresh. */
enum weir_status wi_loopback_refresh(struct wi_loopback *loopback, struct weir_error *ret_error);

#endif
