/* SPDX-License-Identifier: MIT */
/*
 * The sockets where gRPC peers connect: the unix socket, and TCP.
 *
 * The unix socket is bound with mode 0600 and then listens, so there is no moment at which another
 * user could connect; its peers' uid is checked before a byte is read. A stale socket, which nobody
 * answers, is replaced; any other file at that path stays, and one line says what to do. At the end
 * the name is removed only while it is still this socket's.
 *
 * At most 16 connections are accepted at a time, so that connected peers get their turn. When the
 * process has no descriptors or memory left, the connection stays in the kernel's queue and the
 * descriptor readable; so accepting pauses for 250 ms instead of spinning. By TCP options a peer's
 * dead machine is detected within about a minute. The exporter's thread, except for opening.
 */
#include "wire/listener.h"

#include "segment/descriptor.h"
#include "segment/file.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER_MODE        0600
#define LISTENER_BACKLOG     256 /* as many as may arrive at once while the process view is read */
#define LISTENER_ACCEPTS_MAX 16  /* at a time, so that connected peers get their turn */
#define LISTENER_PAUSE_NANOS UINT64_C(250000000)
#define LISTENER_SEND_BYTES  (256 << 10)

#define LISTENER_TCP_MILLIS   15000
#define LISTENER_KEEP_SECONDS 30

_Static_assert(sizeof(((struct wi_listener *)0)->path) ==
                   sizeof(((struct sockaddr_un *)0)->sun_path),
               "the kernel's limit");

/* The path is shorter than the kernel's limit. */
static void listener_address(const char *path, struct sockaddr_un *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    memcpy(ret_address->sun_path, path, strlen(path));
}

static int listener_socket(void)
{
    return wi_descriptor_socket(AF_UNIX, SOCK_STREAM, 0);
}

enum weir_status wi_listener_clear(const char *path, struct weir_error *ret_error)
{
    struct stat found;
    struct sockaddr_un address;
    if (strlen(path) >= sizeof(address.sun_path)) {
        return WEIR_E_ARGUMENT;
    }
    if (lstat(path, &found) != 0) {
        return WEIR_OK; /* there is nothing, or bind() will report the error */
    }
    if (!S_ISSOCK(found.st_mode)) {
        wi_error_set(ret_error, "%s is not a socket: move it away", path);
        return WEIR_E_SYSTEM;
    }
    int fd = listener_socket();
    if (fd < 0) {
        wi_error_set(ret_error, "no socket: %s", strerror(errno));
        return WEIR_E_SYSTEM;
    }
    listener_address(path, &address);
    bool is_stale = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
                    (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    if (!is_stale) {
        wi_error_set(ret_error, "another program serves %s: stop it first", path);
        return WEIR_E_STATE;
    }
    unlink(path);
    return WEIR_OK;
}

/* Binds and listens; nobody can connect before the mode is right. */
static bool listener_bind(struct wi_listener *listener, int fd)
{
    struct sockaddr_un address;
    struct stat made;
    listener_address(listener->path, &address);
    /* bind() gives the name the mode of the socket's own inode, less the umask. */
    if (fchmod(fd, LISTENER_MODE) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        return false;
    }
    if (lstat(listener->path, &made) != 0 || !S_ISSOCK(made.st_mode)) {
        return false;
    }
    listener->device = made.st_dev;
    listener->inode = made.st_ino;
    if ((made.st_mode & 0777) != LISTENER_MODE && chmod(listener->path, LISTENER_MODE) != 0) {
        return false;
    }
    return listen(fd, LISTENER_BACKLOG) == 0;
}

static void listener_unlink(struct wi_listener *listener)
{
    struct stat found;
    if (listener->inode != 0 && lstat(listener->path, &found) == 0 &&
        found.st_dev == listener->device && found.st_ino == listener->inode) {
        unlink(listener->path);
    }
    listener->inode = 0;
}

static void listener_pause(struct wi_listener *listener, int error, uint64_t now)
{
    if (listener->resume_nanos == 0) {
        listener->on_shortage(listener->context, error);
    }
    wi_reactor_ask(listener->reactor, &listener->source, 0);
    listener->resume_nanos = now + LISTENER_PAUSE_NANOS;
}

/* Detects a peer whose machine is dead: if bytes wait for it, after the stall limit; if it is idle,
 * within a minute. */
static void listener_set_tcp(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {IPPROTO_TCP, TCP_USER_TIMEOUT, LISTENER_TCP_MILLIS},
        {SOL_SOCKET, SO_KEEPALIVE, 1},    {IPPROTO_TCP, TCP_KEEPIDLE, LISTENER_KEEP_SECONDS},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value));
    }
}

static void listener_admit(struct wi_listener *listener, int fd, uint64_t now)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t n = sizeof(peer);
    if (!listener->path[0]) {
        listener_set_tcp(fd);
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0) {
        peer.uid = (uid_t)-1;
    }
    if (listener->path[0] && peer.uid != geteuid() && peer.uid != 0) {
        close(fd);
        listener->on_refuse(listener->context, peer.uid);
        return;
    }
    int bytes = LISTENER_SEND_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (!listener->on_accept(listener->context, fd, now)) {
        listener->on_refuse(listener->context, peer.uid);
    }
}

static void listener_on_ready(struct wi_event_source *source, uint32_t events, uint64_t now)
{
    (void)events;
    struct wi_listener *listener = (struct wi_listener *)(void *)source;
    for (int i = 0; i < LISTENER_ACCEPTS_MAX; i++) {
        int fd = wi_descriptor_accept(source->fd, NULL, NULL);
        if (fd >= 0) {
            listener->resume_nanos = 0;
            listener_admit(listener, fd, now);
            wi_reactor_yield(listener->reactor);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            /* No descriptors, no memory, or a filter of the host's: the connection stays in the
             * backlog and the descriptor readable, so that the loop would spin without a pause. */
            listener_pause(listener, errno, now);
            return;
        }
    }
}

void wi_listener_tick(struct wi_listener *listener, uint64_t now_nanos)
{
    if (listener->resume_nanos != 0 && now_nanos >= listener->resume_nanos) {
        listener->resume_nanos = UINT64_MAX; /* until an accept succeeds, it counts as the same
                                                shortage */
        wi_reactor_ask(listener->reactor, &listener->source, EPOLLIN);
    }
}

enum weir_status wi_listener_open(struct wi_listener *listener, struct wi_reactor *reactor,
                                  const char *path, struct weir_error *ret_error)
{
    size_t n = strlen(path);
    listener->source.fd = -1;
    listener->inode = 0;
    if (n >= sizeof(listener->path)) {
        wi_error_set(ret_error,
                     "a socket's path has at most %zu bytes and this one %zu: set WEIR_DIR to a "
                     "shorter directory",
                     sizeof(listener->path) - 1, n);
        return WEIR_E_ARGUMENT;
    }
    memset(listener->path, 0, sizeof(listener->path));
    memcpy(listener->path, path, n);
    enum weir_status status = wi_listener_clear(listener->path, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    int fd = listener_socket();
    if (fd < 0 || !listener_bind(listener, fd)) {
        wi_error_set(ret_error, "%s cannot be served: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        listener_unlink(listener);
        return WEIR_E_SYSTEM;
    }
    listener->reactor = reactor;
    listener->source.fd = fd;
    listener->source.on_ready = listener_on_ready;
    listener->resume_nanos = 0;
    status = wi_reactor_add(reactor, &listener->source, EPOLLIN);
    if (status != WEIR_OK) {
        wi_error_set(ret_error, "%s cannot be watched: %s", path, strerror(errno));
        listener_unlink(listener);
    }
    return status;
}

enum weir_status wi_listener_open_tcp(struct wi_listener *listener, struct wi_reactor *reactor,
                                      int taken_fd, struct weir_error *ret_error)
{
    memset(listener->path, 0, sizeof(listener->path));
    listener->inode = 0;
    listener->reactor = reactor;
    listener->source.fd = taken_fd;
    listener->source.on_ready = listener_on_ready;
    listener->resume_nanos = 0;
    enum weir_status status = wi_reactor_add(reactor, &listener->source, EPOLLIN);
    if (status != WEIR_OK) {
        wi_error_set(ret_error, "gRPC over TCP cannot be watched: %s", strerror(errno));
    }
    return status;
}

void wi_listener_close(struct wi_listener *listener)
{
    if (listener->source.fd < 0) {
        return;
    }
    /* The name is removed first: a client that finds it can connect. */
    listener_unlink(listener);
    wi_reactor_remove(listener->reactor, &listener->source);
}
