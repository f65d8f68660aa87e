/* SPDX-License-Identifier: MIT */
/* One epoll set, and an eventfd that ends it. */
#include "wire/reactor.h"

#include "segment/file.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define REACTOR_BATCH           32
#define REACTOR_NANOS_PER_MILLI UINT64_C(1000000)
#define REACTOR_WAIT_MAX_MILLIS 60000

uint64_t wi_reactor_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

enum weir_status wi_reactor_init(struct wi_reactor *reactor, struct weir_error *ret_error)
{
    memset(reactor, 0, sizeof(*reactor));
    for (size_t i = 0; i < WI_REACTOR_SOURCES_MAX; i++) {
        reactor->fds[i] = -1;
    }
    reactor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    reactor->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (reactor->epoll_fd < 0 || reactor->stop_fd < 0 ||
        epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, reactor->stop_fd, &event) != 0) {
        wi_error_set(ret_error,
                     "the exporter gets no descriptors: %s; raise the limit of open files",
                     strerror(errno));
        wi_reactor_finish(reactor);
        return WEIR_E_SYSTEM;
    }
    return WEIR_OK;
}

void wi_reactor_finish(struct wi_reactor *reactor)
{
    if (reactor->epoll_fd >= 0) {
        close(reactor->epoll_fd);
        reactor->epoll_fd = -1;
    }
    if (reactor->stop_fd >= 0) {
        close(reactor->stop_fd);
        reactor->stop_fd = -1;
    }
}

enum weir_status wi_reactor_add(struct wi_reactor *reactor, struct wi_source *source,
                                uint32_t events)
{
    size_t place = 0;
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
    __atomic_store_n(&reactor->fds[place], source->fd, __ATOMIC_RELAXED);
    return WEIR_OK;
}

bool wi_reactor_ask(struct wi_reactor *reactor, struct wi_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(reactor->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) == 0;
}

void wi_reactor_remove(struct wi_reactor *reactor, struct wi_source *source)
{
    if (source->fd < 0) {
        return;
    }
    for (int i = 0; i < reactor->n_batch; i++) {
        if (reactor->batch[i].data.ptr == source) {
            reactor->batch[i].events = 0;
        }
    }
    /* Not left to close(): while a forked child holds the description, the set would keep it. */
    epoll_ctl(reactor->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    /* Before close(), so that a child never closes a number that is somebody else's by then. */
    __atomic_store_n(&reactor->fds[source->place], -1, __ATOMIC_SEQ_CST);
    close(source->fd);
    source->fd = -1;
}

uint64_t wi_reactor_wait(struct wi_reactor *reactor, uint64_t until_nanos)
{
    uint64_t now = wi_reactor_now();
    uint64_t left = until_nanos > now ? until_nanos - now : 0;
    uint64_t millis = left / REACTOR_NANOS_PER_MILLI + (left % REACTOR_NANOS_PER_MILLI != 0);
    struct epoll_event events[REACTOR_BATCH];
    int n = epoll_wait(reactor->epoll_fd, events, REACTOR_BATCH,
                       millis < REACTOR_WAIT_MAX_MILLIS ? (int)millis : REACTOR_WAIT_MAX_MILLIS);
    now = wi_reactor_now();
    reactor->batch = events;
    reactor->n_batch = n > 0 ? n : 0;
    for (int i = 0; i < reactor->n_batch; i++) {
        struct wi_source *source = events[i].data.ptr;
        if (!source) {
            reactor->is_stopping = true;
            uint64_t ignored;
            (void)!read(reactor->stop_fd, &ignored, sizeof(ignored));
        } else if (events[i].events != 0) {
            source->on_ready(source, events[i].events, now);
        }
    }
    reactor->batch = NULL;
    reactor->n_batch = 0;
    return now;
}

void wi_reactor_stop(struct wi_reactor *reactor)
{
    uint64_t one = 1;
    (void)!write(reactor->stop_fd, &one, sizeof(one));
}

void wi_reactor_abandon(struct wi_reactor *reactor)
{
    for (size_t i = 0; i < WI_REACTOR_SOURCES_MAX; i++) {
        int fd = __atomic_load_n(&reactor->fds[i], __ATOMIC_RELAXED);
        if (fd >= 0) {
            close(fd);
        }
    }
    wi_reactor_finish(reactor);
}
