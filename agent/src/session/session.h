/* SPDX-License-Identifier: MIT */
/*
 * One connection's gRPC server as an engine: bytes in, bytes out, and an explicit now. No sockets,
 * no clock. A stream carries one call; one encoded message of it is in flight, never a queue: while
 * the peer has not taken it, later ones are left out and counted.
 *
 *     RECEIVING -> ANSWERING -> ENDING -> ENDED        (a fault leads to ENDING from anywhere)
 */
#ifndef WI_SESSION_SESSION_H
#define WI_SESSION_SESSION_H

#include "session/call.h"

#define WI_SESSION_STREAMS_MAX  32
#define WI_SESSION_MEMORY_BYTES ((uint64_t)16 << 20)

#define WI_SESSION_REQUEST_NANOS UINT64_C(10000000000) /* for the first request, and for each */
#define WI_SESSION_STALL_NANOS   UINT64_C(10000000000) /* without progress of a message in flight */
#define WI_SESSION_IDLE_NANOS    UINT64_C(60000000000) /* for a connection without a stream */

struct wi_session;

/* Owns: the context, with everything it points to, and the methods must outlive the session. Fails:
 * WEIR_E_MEMORY. */
enum weir_status wi_session_create(const struct wi_call_context *context,
                                   const struct wi_method *methods, size_t n_methods,
                                   uint64_t now_nanos, struct wi_session **ret_session);
void wi_session_destroy(struct wi_session *session);

/* These operations decide from now on whether a request is admitted; NULL: each one is. Borrowed. */
void wi_session_guard(struct wi_session *session, const struct wi_auth_ops *auth);

/* Whether a request of this peer was admitted. */
bool wi_session_is_known(const struct wi_session *session);

/* Takes bytes from the peer. Fails: WEIR_E_PROTOCOL, WEIR_E_MEMORY: close the connection. */
enum weir_status wi_session_receive(struct wi_session *session, const uint8_t *bytes, size_t n,
                                    uint64_t now_nanos);

/* Gives the next bytes for the peer, 0 when there are none now; borrowed until the next call of
 * this function. Fails: as wi_session_receive. */
enum weir_status wi_session_send(struct wi_session *session, uint64_t now_nanos,
                                 const uint8_t **ret_bytes, size_t *ret_n);

/* Does everything that is due: messages, deadlines, stalls. */
void wi_session_tick(struct wi_session *session, uint64_t now_nanos);

/* When wi_session_tick must be called; UINT64_MAX: not before bytes come or go. */
uint64_t wi_session_due(const struct wi_session *session);

/* When the next message is to be made from the process view, which should be fresh then;
 * UINT64_MAX: none is under way. */
uint64_t wi_session_view_due(const struct wi_session *session);

/* Marks the processes of messages that are due by now: wi_served.is_wanted. */
void wi_session_want(const struct wi_session *session, uint64_t now_nanos);

/* Whether a stream without an end runs (Watch, Subscribe); whether a message or a request is in flight. */
bool wi_session_is_watched(const struct wi_session *session);
bool wi_session_is_sending(const struct wi_session *session);

/* Refuses new calls and ends those under way with UNAVAILABLE. */
void wi_session_goodbye(struct wi_session *session, uint64_t now_nanos);

/* Whether there is nothing left to read or write: close the connection. */
bool wi_session_is_over(const struct wi_session *session);

#endif
