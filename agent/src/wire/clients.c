/* SPDX-License-Identifier: MIT */
/*
 * The exporter's clients: accepts connections up to a limit and frees those that are closed.
 *
 * The exporter owns a list of connections, at most 128, and 96 of them over TCP, so that strangers
 * on the network cannot take the places of the user's own consoles. When those over TCP are all
 * taken, the oldest one without an admitted request is closed for the newcomer; when all have one,
 * the newcomer is refused. Refusals are counted, and the first is logged, not each: a peer must
 * not be able to fill the host's log.
 *
 * A connection is only marked as closed while others go through the list; wi_exporter_reap frees
 * it. The exporter's thread, except for a connection that is handed over at the start.
 */
#include "wire/state.h"

#include "weir/expect.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXPORTER_CLIENTS_MAX 128 /* if 64 peers have stopped reading, as many others have room */
#define EXPORTER_CLIENTS_TCP 96  /* of them, so that the user's own consoles always have room */

void wi_exporter_log(struct wi_exporter *exporter, const char *line)
{
    if (exporter->log) {
        exporter->log(exporter->log_context, line);
    }
}

void wi_exporter_reap(struct wi_exporter *exporter)
{
    struct wi_conn **at = &exporter->conns;
    while (*at) {
        struct wi_conn *conn = *at;
        if (conn->is_closed) {
            *at = conn->next;
            exporter->n_conns -= WI_EXPECT(exporter->n_conns > 0);
            wi_conn_destroy(conn);
            wi_reactor_yield(&exporter->reactor);
        } else {
            at = &conn->next;
        }
    }
}

static struct wi_conn *exporter_connect(struct wi_exporter *exporter, int taken_fd, uint64_t now)
{
    struct wi_conn *conn;
    if (exporter->n_conns >= EXPORTER_CLIENTS_MAX) {
        close(taken_fd);
        return NULL;
    }
    if (wi_conn_create(&exporter->reactor, &exporter->context, taken_fd, now, &conn) != WEIR_OK) {
        return NULL;
    }
    conn->next = exporter->conns;
    exporter->conns = conn;
    exporter->n_conns++;
    return conn;
}

bool wi_exporter_accept(struct wi_exporter *exporter, int taken_fd, uint64_t now_nanos)
{
    return exporter_connect(exporter, taken_fd, now_nanos) != NULL;
}

static bool exporter_on_accept(void *context, int taken_fd, uint64_t now)
{
    return wi_exporter_accept(context, taken_fd, now);
}

/* When there are too many over TCP, a connection without an admitted request is closed: else any
 * peer that can connect could take all places without ever sending a request. */
static void exporter_make_room(struct wi_exporter *exporter)
{
    struct wi_conn *oldest = NULL;
    size_t n = 0;
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        n += conn->is_tcp;
        if (conn->is_tcp && !wi_session_is_known(conn->session) &&
            (!oldest || conn->begun_nanos <= oldest->begun_nanos)) {
            oldest = conn;
        }
    }
    if (n >= EXPORTER_CLIENTS_TCP && oldest) {
        exporter->registry.views.self->clients_rejected++;
        oldest->is_closed = true;
        wi_exporter_reap(exporter);
    }
}

static bool exporter_on_accept_tcp(void *context, int taken_fd, uint64_t now)
{
    struct wi_exporter *exporter = context;
    size_t n = 0;
    exporter_make_room(exporter);
    for (const struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        n += conn->is_tcp;
    }
    if (n >= EXPORTER_CLIENTS_TCP) {
        close(taken_fd);
        return false;
    }
    struct wi_conn *conn = exporter_connect(exporter, taken_fd, now);
    if (conn) {
        conn->is_tcp = true;
        wi_session_guard(conn->session, &exporter->auth);
    }
    return conn != NULL;
}

static void exporter_on_refuse(void *context, uid_t uid)
{
    struct wi_exporter *exporter = context;
    exporter->registry.views.self->clients_rejected++;
    if (!exporter->has_logged_refusal) {
        char line[128];
        if (uid == (uid_t)-1) {
            snprintf(line, sizeof(line),
                     "weir: a client over TCP is refused: there are more than %d",
                     EXPORTER_CLIENTS_TCP);
        } else {
            snprintf(line, sizeof(line),
                     "weir: a client of uid %ld is refused: it belongs to another user, or there "
                     "are more than %d",
                     (long)uid, EXPORTER_CLIENTS_MAX);
        }
        wi_exporter_log(exporter, line);
        exporter->has_logged_refusal = true;
    }
}

static void exporter_on_shortage(void *context, int error)
{
    char line[160];
    snprintf(line, sizeof(line), "weir: no client can be accepted now: %s", strerror(error));
    wi_exporter_log(context, line);
}

void wi_exporter_watch_listeners(struct wi_exporter *exporter)
{
    struct wi_listener *const listeners[] = {&exporter->listener, &exporter->tcp};
    for (size_t i = 0; i < 2; i++) {
        listeners[i]->on_accept = i ? exporter_on_accept_tcp : exporter_on_accept;
        listeners[i]->on_refuse = exporter_on_refuse;
        listeners[i]->on_shortage = exporter_on_shortage;
        listeners[i]->context = exporter;
    }
}
