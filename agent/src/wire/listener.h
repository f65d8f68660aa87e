/* SPDX-License-Identifier: MIT */
/*
 * The sockets of gRPC: the unix socket, made with mode 0600 before any client can connect, whose
 * peers' uid is checked before a byte is read; or a TCP address. The exporter's thread, except for
 * opening.
 */
#ifndef WI_WIRE_LISTENER_H
#define WI_WIRE_LISTENER_H

#include "weir/exporter.h"
#include "wire/reactor.h"

#include <sys/types.h>

struct wi_listener {
    struct wi_event_source source; /* first */
    struct wi_reactor *reactor;
    /* Takes a connection and its descriptor; false: no more are wanted, and it closes this one. */
    bool (*on_accept)(void *context, int taken_fd, uint64_t now_nanos);
    void (*on_refuse)(void *context, uid_t uid);
    void (*on_shortage)(void *context, int error); /* once for each shortage */
    void *context;
    uint64_t resume_nanos; /* no descriptors left: when to accept again; 0: listening */
    dev_t device;
    ino_t inode;
    char path[108]; /* "": TCP */
};

/* Makes the socket and listens. A stale one, which nobody answers, is replaced; any other file at
 * that path stays. The caller sets callbacks and context before. Fails: WEIR_E_ARGUMENT (path too
 * long), WEIR_E_STATE (a server listens there), WEIR_E_SYSTEM: one line that says what to do. */
enum weir_status wi_listener_open(struct wi_listener *listener, struct wi_reactor *reactor,
                                  const char *path, struct weir_error *ret_error);

/* Serves a TCP socket that listens (wire/address.h). Owns: the descriptor, also when this fails.
 * Fails: WEIR_E_SYSTEM, WEIR_E_LIMIT. */
enum weir_status wi_listener_open_tcp(struct wi_listener *listener, struct wi_reactor *reactor,
                                      int taken_fd, struct weir_error *ret_error);

/* Removes the name if it is still ours. */
void wi_listener_close(struct wi_listener *listener);

/* Listens again after a shortage, when it is time. */
void wi_listener_tick(struct wi_listener *listener, uint64_t now_nanos);

#endif
