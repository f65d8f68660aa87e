/* SPDX-License-Identifier: MIT */
/*
 * An epoll set and who is to be called. The exporter's thread only, but for wi_reactor_stop (any
 * thread) and wi_reactor_abandon (a forked child).
 */
#ifndef WI_WIRE_REACTOR_H
#define WI_WIRE_REACTOR_H

#include "weir/weir.h"

#include <sys/epoll.h>

#define WI_REACTOR_SOURCES_MAX 144

/* Something with a descriptor; embedded in its owner. */
struct wi_source {
    int fd;
    void (*on_ready)(struct wi_source *source, uint32_t events, uint64_t now_nanos);
    size_t place; /* in wi_reactor.fds */
};

struct wi_reactor {
    int epoll_fd;
    int stop_fd;
    bool is_stopping;
    int fds
        [WI_REACTOR_SOURCES_MAX]; /* atomic: a forked child closes what it finds here; -1: free */
    struct epoll_event *batch;    /* under way */
    int n_batch;
};

/* Fails: WEIR_E_SYSTEM. */
enum weir_status wi_reactor_init(struct wi_reactor *reactor, struct weir_error *ret_error);
void wi_reactor_finish(struct wi_reactor *reactor);

/* Adds a source whose fd and on_ready are set. Owns: closes the fd in wi_reactor_remove, or when
 * this fails. Fails: WEIR_E_SYSTEM, WEIR_E_LIMIT. */
enum weir_status wi_reactor_add(struct wi_reactor *reactor, struct wi_source *source,
                                uint32_t events);

/* Asks for other events. Fails: as the kernel does, when it has no memory. */
bool wi_reactor_ask(struct wi_reactor *reactor, struct wi_source *source, uint32_t events);

/* Closes the descriptor. Nobody calls the source any more, also not for what is ready already. */
void wi_reactor_remove(struct wi_reactor *reactor, struct wi_source *source);

/* Waits until something is ready or `until_nanos` of CLOCK_MONOTONIC has come, calls the sources and
 * returns the time. Sets is_stopping. */
uint64_t wi_reactor_wait(struct wi_reactor *reactor, uint64_t until_nanos);

void wi_reactor_stop(struct wi_reactor *reactor);
void wi_reactor_abandon(struct wi_reactor *reactor);

uint64_t wi_reactor_now(void);

#endif
