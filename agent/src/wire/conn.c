/* SPDX-License-Identifier: MIT */
/*
 * One peer: a non-blocking socket and the session that speaks over it.
 *
 * Bytes are read when they arrive, at most 4 times 16 KiB at once, and go straight into the
 * session. Bytes are written once in a turn of the loop, at most 1 MiB, so that every peer gets its
 * part of the turn. The session owns them: `pending` is borrowed until all of it has been sent, and
 * nothing is copied. EPOLLOUT is requested only while bytes wait.
 *
 * The connection is closed if the peer takes no byte for 10 s while some wait, because a frame with
 * the reason could not be sent either. After any error the connection is only marked; clients.c
 * frees it. The descriptor is checked before each read and write, and each says MSG_DONTWAIT: the
 * number may have become a socket of the host's that blocks. The exporter's thread.
 */
#include "wire/conn.h"

#include "weir/expect.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONN_READ_BYTES    (16 << 10)
#define CONN_READS_MAX     4
#define CONN_SEND_TURN_MAX ((size_t)1 << 20) /* bytes in one turn, so that each peer gets one */

static void conn_on_ready(struct wi_event_source *source, uint32_t events, uint64_t now)
{
    struct wi_conn *conn = (struct wi_conn *)(void *)source;
    uint8_t bytes[CONN_READ_BYTES];
    if (events & EPOLLOUT) {
        conn->is_blocked = false;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        return;
    }
    for (int i = 0; i < CONN_READS_MAX && !conn->is_closed && wi_reactor_check(conn->reactor);
         i++) {
        /* The number may just have become a socket of the host's, one that blocks. */
        ssize_t n = recv(source->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            /* The session keeps the failure: wi_conn_step closes the connection. */
            (void)wi_session_receive(conn->session, bytes, (size_t)n, now);
            wi_reactor_yield(conn->reactor);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            conn->is_closed = true;
        } else {
            return;
        }
    }
}

enum weir_status wi_conn_create(struct wi_reactor *reactor, const struct wi_call_context *context,
                                int taken_fd, uint64_t now_nanos, struct wi_conn **ret_conn)
{
    struct wi_conn *conn = wi_memory_take_zeroed(context->memory, sizeof(*conn));
    if (!conn) {
        close(taken_fd);
        return WEIR_E_MEMORY;
    }
    conn->reactor = reactor;
    conn->memory = context->memory;
    conn->progress_nanos = now_nanos;
    conn->begun_nanos = now_nanos;
    conn->source.fd = taken_fd;
    conn->source.on_ready = conn_on_ready;
    enum weir_status status = wi_reactor_add(reactor, &conn->source, EPOLLIN);
    if (status == WEIR_OK) {
        status = wi_session_create(context, wi_service_methods, wi_service_n_methods, now_nanos,
                                   &conn->session);
    }
    if (status != WEIR_OK) {
        wi_conn_destroy(conn);
        return status;
    }
    *ret_conn = conn;
    return WEIR_OK;
}

void wi_conn_destroy(struct wi_conn *conn)
{
    if (!conn) {
        return;
    }
    if (conn->source.fd >= 0 && wi_reactor_check(conn->reactor)) {
        /* The peer must see the end even if a forked child holds a copy of the descriptor. */
        shutdown(conn->source.fd, SHUT_RDWR);
    }
    wi_reactor_remove(conn->reactor, &conn->source);
    wi_session_destroy(conn->session);
    wi_memory_return(conn->memory, conn);
}

/* Sends until the socket is full or the session has no more bytes. */
static void conn_flush(struct wi_conn *conn, uint64_t now)
{
    size_t sent = 0;
    while (!conn->is_closed && !conn->is_blocked) {
        if (conn->n_pending == 0) {
            if (wi_session_send(conn->session, now, &conn->pending, &conn->n_pending) != WEIR_OK) {
                conn->is_closed = true;
                return;
            }
            if (conn->n_pending == 0) {
                conn->progress_nanos = now;
                conn->is_closed = wi_session_is_over(conn->session);
                return;
            }
        }
        if (!WI_EXPECT(conn->pending)) {
            conn->is_closed = true;
            return;
        }
        if (sent >= CONN_SEND_TURN_MAX || !wi_reactor_check(conn->reactor)) {
            return;
        }
        ssize_t n =
            send(conn->source.fd, conn->pending, conn->n_pending, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            conn->pending += n;
            conn->n_pending -= (size_t)n;
            conn->progress_nanos = now;
            sent += (size_t)n;
            wi_reactor_yield(conn->reactor);
        } else if (errno == EAGAIN) {
            conn->is_blocked = true;
        } else if (errno != EINTR) {
            conn->is_closed = true;
        }
    }
}

void wi_conn_step(struct wi_conn *conn, uint64_t now_nanos)
{
    if (conn->is_closed) {
        return;
    }
    bool was_waiting = conn->n_pending > 0;
    wi_session_tick(conn->session, now_nanos);
    conn_flush(conn, now_nanos);
    bool is_waiting = conn->n_pending > 0;
    if (is_waiting && now_nanos - conn->progress_nanos >= WI_CONN_STALL_NANOS) {
        /* Resetting its streams would not help: the frames with the reset could not leave. */
        conn->is_closed = true;
    }
    if (!conn->is_closed && is_waiting != was_waiting &&
        !wi_reactor_ask(conn->reactor, &conn->source, is_waiting ? EPOLLIN | EPOLLOUT : EPOLLIN)) {
        conn->is_closed = true;
    }
}

uint64_t wi_conn_due(const struct wi_conn *conn)
{
    uint64_t due = wi_session_due(conn->session);
    uint64_t stalled =
        conn->n_pending > 0 ? conn->progress_nanos + WI_CONN_STALL_NANOS : UINT64_MAX;
    return due < stalled ? due : stalled;
}
