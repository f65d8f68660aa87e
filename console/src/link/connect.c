/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the console: non-blocking, close-on-exec, and with a check of the peer.
 *
 * The server of a unix socket must be this user or root (root may connect to any user's); the
 * kernel confirms that before a byte is sent. While its backlog is full, the connect is tried again
 * every 20 ms until the deadline.
 *
 * Over TCP a numeric address is used at once. A name is resolved in a thread, because the resolver
 * has no timeout. If it takes too long, the thread is left behind, and the last of the two threads
 * frees their shared memory (an atomic exchange decides). Keepalive and user timeout detect a dead
 * machine within half a minute.
 *
 * A bare segment is served by an exporter thread of our own over a socketpair, so that the rest of
 * the console knows only servers. The caller owns each descriptor and that exporter.
 */
#include "link/connect.h"

#include "base/memory.h"
#include "base/thread.h"
#include "weir/atomic.h"
#include "weir/nanos.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_RETRY_MILLIS 20

static enum wc_status connect_failed(const char *path, int error, struct wc_error *ret_error)
{
    if (error == EACCES || error == EPERM) {
        return wc_error_set(ret_error, WC_DENIED,
                            "%s: permission denied: it belongs to another user", path);
    }
    if (error == ECONNREFUSED || error == ENOENT) {
        return wc_error_set(ret_error, WC_NO_TARGET,
                            "%s: no server answers there: `weir list` shows those that run", path);
    }
    return wc_error_set(ret_error, WC_NO_TARGET, "%s: cannot connect: %s", path, strerror(error));
}

enum wc_status wc_connect(const char *path, uint64_t deadline_nanos, int *ret_fd,
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
        if ((error != EAGAIN && error != EINTR) || wi_nanos(CLOCK_MONOTONIC) >= deadline_nanos) {
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
        return wc_error_set(ret_error, WC_DENIED, "%s: served by another user, who is not trusted",
                            path);
    }
    *ret_fd = fd;
    return WC_OK;
}

/* ---- TCP --------------------------------------------------------------------------------- */

enum { RESOLVE_RUNNING, RESOLVE_DONE, RESOLVE_ABANDONED };

/* A name that is being resolved: shared by the thread and the one that waits; the last of the two
 * frees it. */
struct connect_resolve {
    int state; /* atomic */
    int pipe[2];
    char host[256];
    char port[8];
    struct addrinfo *found;
    int error;
};

static void resolve_free(struct connect_resolve *resolve)
{
    if (resolve->found) {
        freeaddrinfo(resolve->found);
    }
    close(resolve->pipe[0]);
    close(resolve->pipe[1]);
    free(resolve);
}

static int resolve_address(const char *host, const char *port, int flags,
                           struct addrinfo **ret_found)
{
    struct addrinfo wanted = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    *ret_found = NULL;
    /* localhost is this machine even if no hosts file says so (RFC 6761, 6.3). */
    return getaddrinfo(strcasecmp(host, "localhost") == 0 ? NULL : host, port, &wanted, ret_found);
}

static void *resolve_run(void *argument)
{
    struct connect_resolve *resolve = argument;
    resolve->error = resolve_address(resolve->host, resolve->port, 0, &resolve->found);
    /* Pairs with resolve_name: the last of the two threads frees their shared memory. */
    if (wi_exchange_acq_rel(&resolve->state, RESOLVE_DONE) == RESOLVE_ABANDONED) {
        resolve_free(resolve);
        return NULL;
    }
    while (write(resolve->pipe[1], "", 1) < 0 && errno == EINTR) {
    }
    return NULL;
}

/* Begins. NULL: no pipe, no thread. */
static struct connect_resolve *resolve_start(const char *host, const char *port,
                                             pthread_t *ret_thread)
{
    struct connect_resolve *resolve = wc_alloc(sizeof(*resolve));
    snprintf(resolve->host, sizeof(resolve->host), "%s", host);
    snprintf(resolve->port, sizeof(resolve->port), "%s", port);
    if (pipe2(resolve->pipe, O_CLOEXEC) != 0) {
        free(resolve);
        return NULL;
    }
    if (!wc_thread_start(ret_thread, resolve_run, resolve)) {
        resolve_free(resolve);
        return NULL;
    }
    return resolve;
}

static int connect_millis(uint64_t deadline_nanos)
{
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
    return now < deadline_nanos ? (int)((deadline_nanos - now) / 1000000) + 1 : 0;
}

/* Waits for an event, and continues after a signal. */
static bool connect_wait(int fd, short events, uint64_t deadline_nanos)
{
    struct pollfd wait = {.fd = fd, .events = events};
    int n;
    do {
        n = poll(&wait, 1, connect_millis(deadline_nanos));
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

static enum wc_status resolve_name(const char *host, const char *port, uint64_t deadline_nanos,
                                   struct addrinfo **ret_found, struct wc_error *ret_error)
{
    pthread_t thread;
    struct connect_resolve *resolve = resolve_start(host, port, &thread);
    if (!resolve) {
        return wc_error_set(ret_error, WC_NO_TARGET, "%s: the name cannot be resolved: %s", host,
                            strerror(errno));
    }
    /* The exchange pairs with resolve_run. */
    if (!connect_wait(resolve->pipe[0], POLLIN, deadline_nanos) &&
        wi_exchange_acq_rel(&resolve->state, RESOLVE_ABANDONED) != RESOLVE_DONE) {
        pthread_detach(thread);
        return wc_error_set(ret_error, WC_NO_TARGET, "%s: the name was not resolved in time", host);
    }
    pthread_join(thread, NULL);
    int error = resolve->error;
    *ret_found = resolve->found;
    resolve->found = NULL;
    resolve_free(resolve);
    return error == 0 ? WC_OK
                      : wc_error_set(ret_error, WC_NO_TARGET, "%s: %s", host, gai_strerror(error));
}

/* A server whose machine is dead is detected within half a minute. */
static void connect_set_tcp(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 15000},
        {SOL_SOCKET, SO_KEEPALIVE, 1},   {IPPROTO_TCP, TCP_KEEPIDLE, 10},
        {IPPROTO_TCP, TCP_KEEPINTVL, 5}, {IPPROTO_TCP, TCP_KEEPCNT, 3},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value));
    }
}

/* One address. Returns its descriptor, or -1: errno. */
static int connect_address(const struct addrinfo *address, uint64_t deadline_nanos)
{
    int error = 0;
    socklen_t length = sizeof(error);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0) {
        return -1;
    }
    connect_set_tcp(fd);
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        error = errno;
        if (error == EINPROGRESS) {
            error = connect_wait(fd, POLLOUT, deadline_nanos) ? 0 : ETIMEDOUT;
        }
        if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
            error = errno;
        }
    }
    if (error != 0) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

enum wc_status wc_connect_tcp(const char *host, const char *port, uint64_t deadline_nanos,
                              int *ret_fd, struct wc_error *ret_error)
{
    struct addrinfo *found = NULL;
    int error = EADDRNOTAVAIL;
    int fd = -1;
    if (resolve_address(host, port, AI_NUMERICHOST, &found) != 0) {
        enum wc_status code = resolve_name(host, port, deadline_nanos, &found, ret_error);
        if (code != WC_OK) {
            return code;
        }
    }
    for (const struct addrinfo *address = found; address && fd < 0; address = address->ai_next) {
        fd = connect_address(address, deadline_nanos);
        error = errno;
    }
    if (found) {
        freeaddrinfo(found);
    }
    if (fd < 0) {
        return wc_error_set(ret_error, WC_NO_TARGET, "%s port %s: cannot connect: %s", host, port,
                            strerror(error));
    }
    *ret_fd = fd;
    return WC_OK;
}

/* ---- a thread of our own ----------------------------------------------------------------- */

enum wc_status wc_serve_view(struct wi_process_view *taken_view, int *ret_fd,
                             struct wi_exporter **ret_exporter, struct wc_error *ret_error)
{
    int pair[2];
    struct weir_error error = {{0}};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        wi_process_view_close(taken_view);
        return wc_error_set(ret_error, WC_NO_TARGET, "no socketpair: %s", strerror(errno));
    }
    struct wi_exporter_options options = {.taken_fd = pair[1]};
    enum weir_status status = wi_exporter_start(taken_view, &options, ret_exporter, &error);
    if (status != WEIR_OK && status != WEIR_DEGRADED) {
        close(pair[0]);
        return wc_error_set(ret_error, WC_NO_TARGET, "%s", error.text);
    }
    *ret_fd = pair[0];
    return WC_OK;
}

enum wc_status wc_serve(const char *path, int *ret_fd, struct wi_exporter **ret_exporter,
                        struct wc_error *ret_error)
{
    struct wi_process_view *view = NULL;
    struct weir_error error = {{0}};
    enum weir_status status = wi_process_view_open_file(path, &view, &error);
    if (status != WEIR_OK) {
        enum wc_status code = status == WEIR_E_DENIED                                ? WC_DENIED
                              : status == WEIR_E_CORRUPT || status == WEIR_E_VERSION ? WC_MISMATCH
                                                                                     : WC_NO_TARGET;
        return wc_error_set(ret_error, code, "%s", error.text);
    }
    return wc_serve_view(view, ret_fd, ret_exporter, ret_error);
}
