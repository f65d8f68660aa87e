/* SPDX-License-Identifier: MIT */
/*
 * An epoll set and the callbacks of its descriptors. The exporter's thread only, except for
 * wi_reactor_stop (any thread) and wi_reactor_abandon (a forked child).
 */
#ifndef WI_WIRE_REACTOR_H
#define WI_WIRE_REACTOR_H

#include "weir/weir.h"

#include <sys/epoll.h>
#include <sys/types.h>

#define WI_REACTOR_SOURCES_MAX 144
#define WI_REACTOR_TURN_NANOS  UINT64_C(50000)

/* Something with a descriptor; embedded in its owner. */
struct wi_event_source {
    int fd;
    void (*on_ready)(struct wi_event_source *source, uint32_t events, uint64_t now_nanos);
    size_t place; /* in wi_reactor.fds */
};

struct wi_reactor {
    int epoll_fd;
    int stop_fds
        [2]; /* a pipe that ends the loop; its inode tells whether the descriptors are still ours */
    dev_t device;
    ino_t inode;
    bool is_asked; /* to stop; atomic: set by any thread, which need not be able to wake this one */
    bool is_stopping;
    bool has_lost_descriptors; /* the host closed descriptors that it never opened: none is used any
                                  more */
    int fds
        [WI_REACTOR_SOURCES_MAX]; /* atomic: a forked child closes the descriptors listed here; -1:
                                     free */
    struct epoll_event *batch;    /* the batch of events under way */
    int n_batch;
    uint64_t turn_nanos; /* when the last wait or yield ended */
};

/* Fails: WEIR_E_SYSTEM. */
enum weir_status wi_reactor_init(struct wi_reactor *reactor, struct weir_error *ret_error);
void wi_reactor_finish(struct wi_reactor *reactor);

/* Adds an event source whose fd and on_ready are set. Owns: closes the fd in wi_reactor_remove, or
 * when this fails. Fails: WEIR_E_SYSTEM, WEIR_E_LIMIT. */
enum weir_status wi_reactor_add(struct wi_reactor *reactor, struct wi_event_source *source,
                                uint32_t events);

/* Changes the requested events. Fails: as the kernel does, when it has no memory. */
bool wi_reactor_ask(struct wi_reactor *reactor, struct wi_event_source *source, uint32_t events);

/* Closes the descriptor. The source is not called any more, even if it is ready already. */
void wi_reactor_remove(struct wi_reactor *reactor, struct wi_event_source *source);

/* Waits until a descriptor is ready or `until_nanos` of CLOCK_MONOTONIC has come, calls the sources
 * and returns the time. Sets is_stopping; and has_lost_descriptors with it when the host has closed
 * descriptors that are not its own (closefrom): their numbers may be those of its own files by now. */
uint64_t wi_reactor_wait(struct wi_reactor *reactor, uint64_t until_nanos);

/* Checks within a turn, right before a descriptor is read, written or closed, whether all of them
 * are still ours: a turn may take long. If not, sets is_stopping and has_lost_descriptors. */
bool wi_reactor_check(struct wi_reactor *reactor);

/* Between two pieces of work: lets the threads that wait for this processor run if the last wait or
 * yield is a turn ago. Returns at once when there are none. */
void wi_reactor_yield(struct wi_reactor *reactor);

/* Waits so long and calls no source, unless it is to stop. Sets is_stopping and
 * has_lost_descriptors likewise. */
void wi_reactor_rest(struct wi_reactor *reactor, uint64_t nanos);

/* Asks the loop to end. Any thread, and signal handlers; never blocks. */
void wi_reactor_stop(struct wi_reactor *reactor);

/* In a forked child: closes the descriptors that the parent had open. False, and nothing closed,
 * when the host had closed them before. */
bool wi_reactor_abandon(struct wi_reactor *reactor);

#endif
