/* SPDX-License-Identifier: MIT */
/*
 * One epoll set, the descriptors in it, and a pipe that ends it.
 *
 * A source is embedded in its owner, which says what to do when its descriptor is ready. The
 * reactor closes the descriptor when the source is removed; at most 144 are in the set. A source
 * may be removed while a batch of events is gone through: its event is then blanked, so that nobody
 * calls into freed memory.
 *
 * The reactor runs inside a program that may call closefrom(3) or close every number that it does
 * not know. A number may then be a file of the host's. So the pipe's inode is remembered. It is
 * compared before each wait, and by wi_reactor_check, which callers use right before they use a
 * descriptor. If it differs, no descriptor is used any more and the loop ends. A read, write or
 * close of a number that the host took in that very moment cannot be ruled out, only made rare.
 *
 * fds[] lists what is open for a forked child, which closes it without asking the parent; entries
 * are atomic and are cleared before the close. A stop is a flag and a byte in the pipe: the flag
 * works even where the caller may not write. After 50 microseconds of work the thread yields its
 * processor.
 */
#include "wire/reactor.h"

#include "segment/descriptor.h"
#include "segment/file.h"
#include "weir/atomic.h"
#include "weir/expect.h"
#include "weir/nanos.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REACTOR_BATCH           32
#define REACTOR_NANOS_PER_MILLI UINT64_C(1000000)
#define REACTOR_WAIT_MAX_MILLIS 60000

enum weir_status wi_reactor_init(struct wi_reactor *reactor, struct weir_error *ret_error)
{
    memset(reactor, 0, sizeof(*reactor));
    for (size_t i = 0; i < WI_REACTOR_SOURCES_MAX; i++) {
        reactor->fds[i] = -1;
    }
    reactor->stop_fds[0] = reactor->stop_fds[1] = -1;
    reactor->epoll_fd = wi_descriptor_epoll();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    struct stat facts;
    if (reactor->epoll_fd < 0 || !wi_descriptor_pipe(reactor->stop_fds) ||
        fstat(reactor->stop_fds[1], &facts) != 0 ||
        epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, reactor->stop_fds[0], &event) != 0) {
        wi_error_set(ret_error,
                     "the exporter cannot open descriptors: %s; raise the limit of open files",
                     strerror(errno));
        wi_reactor_finish(reactor);
        return WEIR_E_SYSTEM;
    }
    reactor->device = facts.st_dev;
    reactor->inode = facts.st_ino;
    return WEIR_OK;
}

void wi_reactor_finish(struct wi_reactor *reactor)
{
    int *const own[] = {&reactor->epoll_fd, &reactor->stop_fds[0], &reactor->stop_fds[1]};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (*own[i] >= 0 && !reactor->has_lost_descriptors) {
            close(*own[i]);
        }
        *own[i] = -1;
    }
}

/* Pipes have inodes of their own, epoll sets and eventfds share one. */
static bool reactor_is_whole(const struct wi_reactor *reactor)
{
    return wi_file_is(reactor->stop_fds[1], reactor->device, reactor->inode);
}

bool wi_reactor_check(struct wi_reactor *reactor)
{
    if (!reactor->has_lost_descriptors && !reactor_is_whole(reactor)) {
        reactor->has_lost_descriptors = true;
        reactor->is_stopping = true;
    }
    return !reactor->has_lost_descriptors;
}

enum weir_status wi_reactor_add(struct wi_reactor *reactor, struct wi_event_source *source,
                                uint32_t events)
{
    size_t place = 0;
    if (!WI_EXPECT(source->fd >= 0 && source->on_ready)) {
        return WEIR_E_STATE;
    }
    if (!wi_reactor_check(reactor)) {
        source->fd = -1; /* the number may be a file of the host by now */
        return WEIR_E_STATE;
    }
    while (place < WI_REACTOR_SOURCES_MAX && reactor->fds[place] >= 0) {
        place++;
    }
    struct epoll_event event = {.events = events, .data.ptr = source};
    enum weir_status status = WEIR_OK;
    if (place == WI_REACTOR_SOURCES_MAX) {
        status = WEIR_E_LIMIT;
    } else if (epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        status = WEIR_E_SYSTEM;
    }
    if (status != WEIR_OK) {
        close(source->fd);
        source->fd = -1;
        return status;
    }
    source->place = place;
    wi_store_relaxed(&reactor->fds[place], source->fd);
    return WEIR_OK;
}

bool wi_reactor_ask(struct wi_reactor *reactor, struct wi_event_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return !reactor->has_lost_descriptors &&
           epoll_ctl(reactor->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) == 0;
}

void wi_reactor_remove(struct wi_reactor *reactor, struct wi_event_source *source)
{
    if (source->fd < 0 || !WI_EXPECT(source->place < WI_REACTOR_SOURCES_MAX &&
                                     reactor->fds[source->place] == source->fd)) {
        return;
    }
    for (int i = 0; i < reactor->n_batch; i++) {
        if (reactor->batch[i].data.ptr == source) {
            reactor->batch[i].events = 0;
        }
    }
    if (!wi_reactor_check(reactor)) {
        reactor->fds[source->place] = -1;
        source->fd = -1;
        return;
    }
    /* Not left to close(): while a forked child holds the description, the set would keep it. */
    epoll_ctl(reactor->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    /* Cleared before close(), so that a child never closes a number that means another file by
     * then. */
    /* Pairs with the load in wi_reactor_abandon, in the child. */
    wi_store_seq_cst(&reactor->fds[source->place], -1);
    close(source->fd);
    source->fd = -1;
}

static int reactor_millis(uint64_t nanos)
{
    uint64_t millis = nanos / REACTOR_NANOS_PER_MILLI + (nanos % REACTOR_NANOS_PER_MILLI != 0);
    return millis < REACTOR_WAIT_MAX_MILLIS ? (int)millis : REACTOR_WAIT_MAX_MILLIS;
}

uint64_t wi_reactor_wait(struct wi_reactor *reactor, uint64_t until_nanos)
{
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
    uint64_t left = until_nanos > now ? until_nanos - now : 0;
    struct epoll_event events[REACTOR_BATCH];
    /* Checked before, so that no events are taken out of an epoll set of the host's; and after,
     * since waiting takes long. */
    bool is_whole = reactor_is_whole(reactor);
    int n =
        is_whole ? epoll_wait(reactor->epoll_fd, events, REACTOR_BATCH, reactor_millis(left)) : 0;
    bool has_failed = n < 0 && errno != EINTR;
    now = wi_nanos(CLOCK_MONOTONIC);
    reactor->turn_nanos = now;
    reactor->is_stopping |= wi_load_relaxed(&reactor->is_asked);
    if (!is_whole || has_failed) {
        reactor->has_lost_descriptors = true;
        reactor->is_stopping = true;
    }
    if (!wi_reactor_check(reactor)) {
        return now;
    }
    reactor->batch = events;
    reactor->n_batch = n > 0 ? n : 0;
    for (int i = 0; i < reactor->n_batch; i++) {
        struct wi_event_source *source = events[i].data.ptr;
        if (!source) {
            reactor->is_stopping = true;
            char ignored;
            if (wi_reactor_check(reactor)) {
                (void)!read(reactor->stop_fds[0], &ignored, sizeof(ignored));
            }
        } else if (events[i].events != 0 && wi_reactor_check(reactor)) {
            source->on_ready(source, events[i].events, now);
            wi_reactor_yield(reactor);
        }
    }
    reactor->batch = NULL;
    reactor->n_batch = 0;
    return now;
}

void wi_reactor_yield(struct wi_reactor *reactor)
{
    /* The kernel would round up to a tick of its own, which is some milliseconds. */
    if (wi_nanos(CLOCK_MONOTONIC) - reactor->turn_nanos >= WI_REACTOR_TURN_NANOS) {
        sched_yield();
        reactor->turn_nanos = wi_nanos(CLOCK_MONOTONIC);
    }
}

void wi_reactor_rest(struct wi_reactor *reactor, uint64_t nanos)
{
    struct pollfd stop = {.fd = reactor->stop_fds[0], .events = POLLIN};
    if (!wi_reactor_check(reactor)) {
        return;
    }
    (void)poll(&stop, 1, reactor_millis(nanos)); /* the next wait takes the ready events */
}

void wi_reactor_stop(struct wi_reactor *reactor)
{
    wi_store_relaxed(&reactor->is_asked, true);
    if (reactor_is_whole(reactor)) {
        (void)!write(reactor->stop_fds[1], "", 1);
    } /* else its thread notices within a second, also if only the caller is filtered */
}

bool wi_reactor_abandon(struct wi_reactor *reactor)
{
    if (!reactor_is_whole(reactor)) {
        return false;
    }
    for (size_t i = 0; i < WI_REACTOR_SOURCES_MAX; i++) {
        int fd = wi_load_relaxed(&reactor->fds[i]);
        if (fd >= 0) {
            close(fd);
        }
    }
    wi_reactor_finish(reactor);
    return true;
}
