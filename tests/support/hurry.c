/* SPDX-License-Identifier: MIT */
/*
 * Linked into a host (hurried_host), it makes time pass five times as fast there: deadlines of ten
 * seconds are over after two, the recorder writes five rows a second. So tests need not wait, and the
 * product has no switch for them. The C library's functions give way to those of the program; real
 * are dates and processor time. tests/integration/deadlines.py looks at the same deadlines unhurried.
 */
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HURRY  5 /* silence.py knows it, too */
#define SECOND INT64_C(1000000000)

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    int status = (int)syscall(SYS_clock_gettime, clock, ret_now);
    if (status == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)) {
        int64_t nanos = (ret_now->tv_sec * SECOND + ret_now->tv_nsec) * HURRY;
        ret_now->tv_sec = nanos / SECOND;
        ret_now->tv_nsec = nanos % SECOND;
    }
    return status;
}

/* Rounded up, so that nobody wakes before his time and goes round for nothing. */
static int hurried(int millis)
{
    return millis <= 0 ? millis : (millis + HURRY - 1) / HURRY;
}

int epoll_wait(int fd, struct epoll_event *events, int n, int millis)
{
    return (int)syscall(SYS_epoll_pwait, fd, events, n, hurried(millis), NULL, 0);
}

int poll(struct pollfd *fds, nfds_t n, int millis)
{
    int64_t nanos = (int64_t)hurried(millis) * (SECOND / 1000);
    struct timespec left = {.tv_sec = nanos / SECOND, .tv_nsec = nanos % SECOND};
    return (int)syscall(SYS_ppoll, fds, n, millis < 0 ? NULL : &left, NULL, 0);
}
