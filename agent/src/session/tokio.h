/* SPDX-License-Identifier: MIT */
/*
 * rs.tokio.console.instrument.Instrument as calls: tokio-console attaches to them. A pause holds for the
 * connection that asked for it. No I/O; the exporter's thread.
 */
#ifndef WI_SESSION_TOKIO_H
#define WI_SESSION_TOKIO_H

#include "session/call.h"

/* So often are changes told, and slots looked at in one turn at most. */
#define WI_TOKIO_INTERVAL_NANOS UINT64_C(1000000000)
#define WI_TOKIO_TURN_SEATS     16384

/* Where an Update ends: a quarter of what its console takes. */
#define WI_TOKIO_MESSAGE_MAX ((size_t)1 << 20)

/* Starts of wi_method. Owns and fail as that. */
bool wi_tokio_watch_updates(const struct wi_call_context *context, struct wi_served *served,
                            struct wi_peer *peer, const uint8_t *request, size_t n,
                            uint64_t now_nanos, struct wi_call **ret_call,
                            struct wi_fault *ret_fault);
bool wi_tokio_watch_task_details(const struct wi_call_context *context, struct wi_served *served,
                                 struct wi_peer *peer, const uint8_t *request, size_t n,
                                 uint64_t now_nanos, struct wi_call **ret_call,
                                 struct wi_fault *ret_fault);
bool wi_tokio_watch_state(const struct wi_call_context *context, struct wi_served *served,
                          struct wi_peer *peer, const uint8_t *request, size_t n,
                          uint64_t now_nanos, struct wi_call **ret_call,
                          struct wi_fault *ret_fault);
bool wi_tokio_pause(const struct wi_call_context *context, struct wi_served *served,
                    struct wi_peer *peer, const uint8_t *request, size_t n, uint64_t now_nanos,
                    struct wi_call **ret_call, struct wi_fault *ret_fault);
bool wi_tokio_resume(const struct wi_call_context *context, struct wi_served *served,
                     struct wi_peer *peer, const uint8_t *request, size_t n, uint64_t now_nanos,
                     struct wi_call **ret_call, struct wi_fault *ret_fault);

#endif
