/* SPDX-License-Identifier: MIT */
#include "segment/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* "/" exists in every root, /dev/null does not. */
static int descriptor_placeholder(void)
{
    return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void wi_descriptor_hold_low(struct wi_low_descriptors *ret_low)
{
    for (int fd = 0; fd < WI_DESCRIPTOR_LOWEST; fd++) {
        ret_low->is_held[fd] = false;
        if (fcntl(fd, F_GETFD) >= 0) {
            continue;
        }
        int placeholder = descriptor_placeholder();
        ret_low->is_held[fd] = placeholder == fd;
        if (placeholder >= 0 && placeholder != fd) {
            close(placeholder); /* another thread was first */
        }
    }
}

void wi_descriptor_free_low(const struct wi_low_descriptors *low)
{
    int why = errno;
    for (int fd = 0; fd < WI_DESCRIPTOR_LOWEST; fd++) {
        /* The host may have put a file of its own at this number meanwhile, by dup2(2). */
        int flags = low->is_held[fd] ? fcntl(fd, F_GETFL) : -1;
        if (flags >= 0 && (flags & O_PATH) != 0) {
            close(fd);
        }
    }
    errno = why;
}

static bool descriptor_is_same(int a, int b)
{
    struct stat of_a;
    struct stat of_b;
    return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

int wi_descriptor_raise(int taken_fd)
{
    if (taken_fd < 0 || taken_fd >= WI_DESCRIPTOR_LOWEST) {
        return taken_fd;
    }
    int fd = fcntl(taken_fd, F_DUPFD_CLOEXEC, WI_DESCRIPTOR_LOWEST);
    int why = errno;
    if (fd < 0 || descriptor_is_same(fd, taken_fd)) {
        close(taken_fd);
    }
    errno = why;
    return fd;
}

int wi_descriptor_open(const char *path, int flags, mode_t mode)
{
    struct wi_low_descriptors low;
    wi_descriptor_hold_low(&low);
    int fd = wi_descriptor_raise(open(path, flags | O_CLOEXEC, mode));
    wi_descriptor_free_low(&low);
    return fd;
}

DIR *wi_descriptor_opendir(const char *path)
{
    int fd = wi_descriptor_open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !entries) {
        int why = errno;
        close(fd);
        errno = why;
    }
    return entries;
}

int wi_descriptor_socket(int domain, int type, int protocol)
{
    struct wi_low_descriptors low;
    wi_descriptor_hold_low(&low);
    int fd = wi_descriptor_raise(socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    wi_descriptor_free_low(&low);
    return fd;
}

int wi_descriptor_accept(int listener, struct sockaddr *ret_address, socklen_t *ret_length)
{
    struct wi_low_descriptors low;
    wi_descriptor_hold_low(&low);
    int fd = wi_descriptor_raise(
        accept4(listener, ret_address, ret_length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    wi_descriptor_free_low(&low);
    return fd;
}

int wi_descriptor_epoll(void)
{
    struct wi_low_descriptors low;
    wi_descriptor_hold_low(&low);
    int fd = wi_descriptor_raise(epoll_create1(EPOLL_CLOEXEC));
    wi_descriptor_free_low(&low);
    return fd;
}

int wi_descriptor_inotify(void)
{
    struct wi_low_descriptors low;
    wi_descriptor_hold_low(&low);
    int fd = wi_descriptor_raise(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    wi_descriptor_free_low(&low);
    return fd;
}

bool wi_descriptor_pipe(int ret_fds[2])
{
    struct wi_low_descriptors low;
    int fds[2];
    wi_descriptor_hold_low(&low);
    bool is_open = pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0;
    ret_fds[0] = is_open ? wi_descriptor_raise(fds[0]) : -1;
    ret_fds[1] = is_open ? wi_descriptor_raise(fds[1]) : -1;
    wi_descriptor_free_low(&low);
    return ret_fds[0] >= 0 && ret_fds[1] >= 0;
}
