/* SPDX-License-Identifier: MIT */
/*
 * One peer: a non-blocking stream socket and its session. Reads when bytes come; makes messages and
 * writes in wi_conn_step, once for each turn of the loop. The exporter's thread.
 */
#ifndef WI_WIRE_CONN_H
#define WI_WIRE_CONN_H

#include "session/service.h"
#include "session/session.h"
#include "wire/reactor.h"

#define WI_CONN_STALL_NANOS UINT64_C(10000000000)

struct wi_conn {
    struct wi_event_source source; /* first */
    struct wi_conn *next;
    struct wi_reactor *reactor;
    struct wi_memory *memory;
    struct wi_session *session;
    const uint8_t *pending; /* of the session, not sent yet */
    size_t n_pending;
    uint64_t progress_nanos; /* when the socket last took a byte, or had none to take */
    uint64_t begun_nanos;
    bool is_tcp;
    bool is_blocked; /* the socket's buffer is full: EPOLLOUT is requested */
    bool is_closed;  /* to be destroyed */
};

/* Owns: the descriptor, also when this fails. Fails: WEIR_E_MEMORY, WEIR_E_SYSTEM, WEIR_E_LIMIT. */
enum weir_status wi_conn_create(struct wi_reactor *reactor, const struct wi_call_context *context,
                                int taken_fd, uint64_t now_nanos, struct wi_conn **ret_conn);
void wi_conn_destroy(struct wi_conn *conn);

/* Does everything that is due, and sends as much as the socket takes; may set is_closed. */
void wi_conn_step(struct wi_conn *conn, uint64_t now_nanos);

/* When it must be called again even without an event. */
uint64_t wi_conn_due(const struct wi_conn *conn);

#endif
