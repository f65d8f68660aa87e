/* SPDX-License-Identifier: MIT */
/* Sockets of the console: non-blocking, close-on-exec, and of peers that may be trusted. */
#include "session/connect.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_RETRY_MILLIS 20
#define CONNECT_NANOS        UINT64_C(1000000000)

static uint64_t connect_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * CONNECT_NANOS + (uint64_t)now.tv_nsec;
}

static enum wc_exit connect_failed(const char *path, int error, struct wc_error *ret_error)
{
    if (error == EACCES || error == EPERM) {
        return wc_error_set(ret_error, WC_DENIED, "%s: permission denied: it is another user's",
                            path);
    }
    if (error == ECONNREFUSED || error == ENOENT) {
        return wc_error_set(ret_error, WC_NO_TARGET,
                            "%s: nobody answers there: `weir list` shows who does", path);
    }
    return wc_error_set(ret_error, WC_NO_TARGET, "%s: cannot connect: %s", path, strerror(error));
}

enum wc_exit wc_connect(const char *path, uint64_t deadline_nanos, int *ret_fd,
                        struct wc_error *ret_error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return wc_error_set(ret_error, WC_NO_TARGET,
                            "%s: too long for a socket's path: set WEIR_DIR to a shorter one",
                            path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return wc_error_set(ret_error, WC_NO_TARGET, "no socket: %s", strerror(errno));
    }
    while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;
        /* EAGAIN: the server's backlog is full. */
        if ((error != EAGAIN && error != EINTR) || connect_now() >= deadline_nanos) {
            close(fd);
            return connect_failed(path, error, ret_error);
        }
        poll(NULL, 0, CONNECT_RETRY_MILLIS);
    }
    struct ucred peer;
    socklen_t length = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
        (peer.uid != geteuid() && peer.uid != 0 && geteuid() != 0)) {
        close(fd);
        return wc_error_set(ret_error, WC_DENIED, "%s: served by another user: not to be trusted",
                            path);
    }
    *ret_fd = fd;
    return WC_OK;
}

enum wc_exit wc_serve(const char *path, int *ret_fd, struct wi_exporter **ret_exporter,
                      struct wc_error *ret_error)
{
    struct wi_world *world = NULL;
    struct weir_error error = {{0}};
    enum weir_status status = wi_world_open_file(path, &world, &error);
    if (status != WEIR_OK) {
        enum wc_exit code = status == WEIR_E_DENIED                                ? WC_DENIED
                            : status == WEIR_E_CORRUPT || status == WEIR_E_VERSION ? WC_MISMATCH
                                                                                   : WC_NO_TARGET;
        return wc_error_set(ret_error, code, "%s", error.text);
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        wi_world_close(world);
        return wc_error_set(ret_error, WC_NO_TARGET, "no socketpair: %s", strerror(errno));
    }
    struct wi_exporter_options options = {.taken_fd = pair[1]};
    status = wi_exporter_start(world, &options, ret_exporter, &error);
    if (status != WEIR_OK && status != WEIR_DEGRADED) {
        close(pair[0]);
        return wc_error_set(ret_error, WC_NO_TARGET, "%s", error.text);
    }
    *ret_fd = pair[0];
    return WC_OK;
}
