/* SPDX-License-Identifier: MIT */
/*
 * HTTP for Prometheus. libmicrohttpd parses and answers, without a thread and without a listening
 * socket of its own. This file accepts the connections, so that it decides which one is closed when
 * there are too many. With libmicrohttpd's limits alone, 600 half-sent requests would keep an
 * honest scraper waiting until they time out.
 *
 *     epoll { listening socket, MHD's epoll } --> run --> accept --> MHD_run --> answer
 *
 * A connection holds one of 32 places. When all are taken, the oldest connection that is not being
 * answered is closed for the new one. If all are being answered, the oldest answer that was not
 * fetched for a second is. If there is none, the new connection waits in the kernel's queue. An
 * answer is rendered at most once in 250 ms, and all requests meanwhile share it.
 *
 * MHD calls a process-wide function when it detects an internal error, and relies on it never
 * returning; by default that ends the process. Here the function jumps back out of MHD, which is
 * then never called again (and leaked): HTTP ends, the host continues.
 */
#include "http/engine.h"

#include "segment/descriptor.h"
#include "build_id.h"
#include "http/head.h"
#include "http/response.h"
#include "weir/expect.h"

#include <errno.h>
#include <linux/tcp.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_MILLI        UINT64_C(1000000)
#define HTTP_SECOND       UINT64_C(1000000000)
#define HTTP_MAX_CLIENTS  32U
#define HTTP_IDLE_SECONDS 5U
#define HTTP_DEADLINE     (10 * HTTP_SECOND) /* from a request's begin to its answer's end */
#define HTTP_STUCK        (1 * HTTP_SECOND)
#define HTTP_KEEP_RENDER  (5 * HTTP_SECOND)
#define HTTP_ACCEPT_PAUSE (100 * HTTP_MILLI)
#define HTTP_ACCEPT_BATCH 8U
#define HTTP_BATCHES      8U
#define HTTP_CLIENT_BYTES (16U * 1024) /* of MHD, for a request's head and an answer's */
#define HTTP_HEALTH       "/healthz"

/* The use of a connection's place. */
enum http_client_state {
    HTTP_CLIENT_FREE,
    HTTP_CLIENT_READING,  /* no whole request yet, or idle after an answer */
    HTTP_CLIENT_ANSWERING /* the head of a request was read */
};

struct http_client {
    enum http_client_state state;
    int fd;
    uint64_t since;          /* it was accepted, or its last answer was sent */
    uint64_t answered_since; /* the head of the request was read */
    bool is_evicted;         /* shut down; MHD closes it at its next run */
    bool has_asked;          /* at least one whole request */
};

enum http_page {
    HTTP_OK,
    HTTP_NOT_FOUND,
    HTTP_METHOD,
    HTTP_HOST,
    HTTP_TOKEN,
    HTTP_CODING,
    HTTP_UNREADABLE,
    HTTP_N_PAGES
};

struct wi_http_engine {
    const struct wi_http_backend *backend;
    struct MHD_Daemon *daemon;
    struct MHD_Response *page[HTTP_N_PAGES];
    struct wi_render render[2]; /* by enum wi_format */
    struct http_client client[HTTP_MAX_CLIENTS];
    int epoll;
    int listener;
    bool is_broken; /* MHD panicked: not to be called again */
    bool is_paused; /* the listener is out of the epoll set */
    uint64_t paused_until;
    uint64_t now;
};

/* The target of a jump for an MHD panic in this thread; NULL outside of calls to MHD. By its TLS
 * model it exists when the module does. Else the first use in a thread would allocate, and the C
 * library ends a program that has no memory for it. */
static __thread jmp_buf *http_escape WEIR_TLS_MODEL;

/* ---- MHD, fenced in ------------------------------------------------------------------------ */

static void http_panic(void *context, const char *file, unsigned line, const char *reason)
{
    (void)context;
    (void)file;
    (void)line;
    (void)reason;
    if (http_escape) {
        longjmp(*http_escape, 1);
    }
    /* An MHD of the host's own panicked. MHD relies on this function not returning, so it does for
     * the host what would happen without weir. */
    __builtin_trap();
}

/* Calls a function that may call MHD. False when MHD is broken, now or already. */
static bool http_guarded(struct wi_http_engine *http, void (*function)(struct wi_http_engine *http))
{
    jmp_buf escape;
    if (http->is_broken) {
        return false;
    }
    if (setjmp(escape) != 0) {
        http_escape = NULL;
        http->is_broken = true;
        return false;
    }
    http_escape = &escape;
    function(http);
    http_escape = NULL;
    return true;
}

/* ---- answers ------------------------------------------------------------------------------- */

static enum MHD_Result http_answer(struct MHD_Connection *connection, unsigned status,
                                   struct MHD_Response *response)
{
    return response ? MHD_queue_response(connection, status, response) : MHD_NO;
}

/* The exposition of now, or of up to 250 ms ago. */
static enum MHD_Result http_metrics(struct wi_http_engine *http, struct MHD_Connection *connection,
                                    const struct wi_head *head)
{
    enum wi_format format = wi_accept_format(head->accept);
    struct wi_render *render = &http->render[format];
    bool is_fresh = render->plain && http->now - render->at <= WI_HTTP_FRESH;
    if (!http->backend->refresh(http->backend->context, http->now) ||
        !(is_fresh || wi_render_make(render, http->backend, format, http->now))) {
        return http_answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, http->page[HTTP_UNREADABLE]);
    }
    struct MHD_Response *response =
        wi_accept_wants_gzip(&head->codings) ? wi_render_gzip(render) : NULL;
    if (!response && !wi_accept_takes_identity(&head->codings)) {
        return http_answer(connection, MHD_HTTP_NOT_ACCEPTABLE, http->page[HTTP_CODING]);
    }
    http->backend->self->scrapes++;
    return http_answer(connection, MHD_HTTP_OK, response ? response : render->plain);
}

/* HTTP_OK, or the page that refuses the request. /healthz needs no token: it only says that the
 * process lives. */
static enum http_page http_check(const struct wi_head *head)
{
    if (!head->has_host) {
        return HTTP_HOST;
    }
    return head->has_token || strcmp(head->path, HTTP_HEALTH) == 0 ? HTTP_OK : HTTP_TOKEN;
}

static bool http_has_body(struct MHD_Connection *connection)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length") ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
}

static bool http_is_get(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* MHD calls this when it has read a request's head, and again when it has read all of it. An answer
 * to the first call makes MHD close the connection afterwards, without reading the body: right for
 * a request with a body, wrong for a scraper that sends more requests. */
static enum MHD_Result http_request(void *context, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *upload, size_t *upload_size, void **request)
{
    struct wi_http_engine *http = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_client *client = info ? info->socket_context : NULL;
    (void)upload;
    (void)upload_size;
    if (!client || client->is_evicted) {
        return MHD_NO;
    }
    if (client->state != HTTP_CLIENT_ANSWERING) {
        client->state = HTTP_CLIENT_ANSWERING;
        client->answered_since = http->now;
        client->has_asked = true;
    }
    if (!*request && http_is_get(method) && !http_has_body(connection)) {
        *request = http;
        return MHD_YES;
    }
    struct wi_head head;
    wi_head_read(connection, &http->backend->auth, url, version, &head);
    enum http_page refusal = http_check(&head);
    if (refusal != HTTP_OK) {
        http->backend->self->http_rejected++;
        return http_answer(connection,
                           refusal == HTTP_HOST ? MHD_HTTP_FORBIDDEN : MHD_HTTP_UNAUTHORIZED,
                           http->page[refusal]);
    }
    if (!http_is_get(method)) {
        return http_answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, http->page[HTTP_METHOD]);
    }
    if (strcmp(head.path, "/metrics") == 0) {
        return http_metrics(http, connection, &head);
    }
    if (strcmp(head.path, HTTP_HEALTH) == 0) {
        bool is_well = http->backend->refresh(http->backend->context, http->now);
        return http_answer(connection, is_well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                           http->page[is_well ? HTTP_OK : HTTP_UNREADABLE]);
    }
    return http_answer(connection, MHD_HTTP_NOT_FOUND, http->page[HTTP_NOT_FOUND]);
}

/* ---- connections --------------------------------------------------------------------------- */

static void http_completed(void *context, struct MHD_Connection *connection, void **request,
                           enum MHD_RequestTerminationCode code)
{
    struct wi_http_engine *http = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_client *client = info ? info->socket_context : NULL;
    (void)request;
    (void)code;
    if (client) {
        client->state = HTTP_CLIENT_READING;
        client->since = http->now;
    }
}

/* Whether the peer has sent anything on this socket. */
static bool http_has_sent(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);
    memset(&info, 0, sizeof(info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           info.tcpi_bytes_received > 0;
}

static void http_client_closed(struct wi_http_engine *http, struct http_client *client)
{
    struct wi_self *self = http->backend->self;
    if (!client->is_evicted && !client->has_asked && http_has_sent(client->fd)) {
        if (http->now - client->since >= (HTTP_IDLE_SECONDS - 1) * HTTP_SECOND) {
            self->http_rejected++; /* MHD's own limit of idle time */
        } else {
            self->protocol_errors++;
        }
    }
    client->state = HTTP_CLIENT_FREE;
    client->fd = -1;
}

static void http_notify(void *context, struct MHD_Connection *connection, void **socket_context,
                        enum MHD_ConnectionNotificationCode code)
{
    struct wi_http_engine *http = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context) {
            http_client_closed(http, *socket_context);
            *socket_context = NULL;
        }
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    for (size_t i = 0; info && i < HTTP_MAX_CLIENTS; i++) {
        struct http_client *client = &http->client[i];
        if (client->state != HTTP_CLIENT_FREE && client->fd == info->connect_fd) {
            *socket_context = client;
            return;
        }
    }
}

/* MHD sees the end of the stream at its next run and closes the connection. */
static void http_client_evict(struct wi_http_engine *http, struct http_client *client)
{
    client->is_evicted = true;
    http->backend->self->http_rejected++;
    shutdown(client->fd, SHUT_RDWR);
}

/* The connection that is closed for a new one; NULL when all are being answered. */
static struct http_client *http_client_weakest(struct wi_http_engine *http)
{
    struct http_client *reading = NULL;
    struct http_client *stuck = NULL;
    for (size_t i = 0; i < HTTP_MAX_CLIENTS; i++) {
        struct http_client *client = &http->client[i];
        if (client->is_evicted || client->state == HTTP_CLIENT_FREE) {
            continue;
        }
        if (client->state == HTTP_CLIENT_READING) {
            reading = !reading || client->since < reading->since ? client : reading;
        } else if (http->now - client->answered_since >= HTTP_STUCK) {
            stuck = !stuck || client->answered_since < stuck->answered_since ? client : stuck;
        }
    }
    return reading ? reading : stuck;
}

static struct http_client *http_client_place(struct wi_http_engine *http)
{
    for (size_t i = 0; i < HTTP_MAX_CLIENTS; i++) {
        if (http->client[i].state == HTTP_CLIENT_FREE) {
            return &http->client[i];
        }
    }
    return NULL;
}

/* A place for a new connection, taken from another one if there is no free one; NULL: all are busy. */
static struct http_client *http_client_make_room(struct wi_http_engine *http)
{
    struct http_client *place = http_client_place(http);
    struct http_client *weakest = place ? NULL : http_client_weakest(http);
    if (weakest) {
        http_client_evict(http, weakest);
        MHD_run(http->daemon);
        place = http_client_place(http);
    }
    return place;
}

static void http_client_add(struct wi_http_engine *http, struct http_client *place, int fd,
                            const struct sockaddr *address, socklen_t length)
{
    memset(place, 0, sizeof(*place));
    place->state = HTTP_CLIENT_READING;
    place->fd = fd;
    place->since = http->now;
    if (MHD_add_connection(http->daemon, fd, address, length) != MHD_YES) {
        place->state = HTTP_CLIENT_FREE; /* MHD has closed it */
    }
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void http_listen(struct wi_http_engine *http, bool is_on)
{
    struct epoll_event event = {.events = is_on ? EPOLLIN : 0, .data.fd = http->listener};
    epoll_ctl(http->epoll, EPOLL_CTL_MOD, http->listener, &event);
    http->is_paused = !is_on;
}

/* Whether a connection waits to be accepted. */
static bool http_has_newcomer(struct wi_http_engine *http)
{
    struct pollfd listener = {.fd = http->listener, .events = POLLIN};
    return poll(&listener, 1, 0) > 0;
}

static void http_pause(struct wi_http_engine *http)
{
    http->paused_until = http->now + HTTP_ACCEPT_PAUSE;
    http_listen(http, false);
}

/* Accepts a few; false when none wait, or all must wait. */
static bool http_accept(struct wi_http_engine *http)
{
    for (unsigned i = 0; i < HTTP_ACCEPT_BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        if (!http_has_newcomer(http)) {
            return false;
        }
        struct http_client *place = http_client_make_room(http);
        if (!place) {
            /* All places are being answered: new connections wait in the kernel's queue. */
            http_pause(http);
            return false;
        }
        int fd = wi_descriptor_accept(http->listener, (struct sockaddr *)&address, &length);
        if (fd >= 0) {
            http_client_add(http, place, fd, (struct sockaddr *)&address, length);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            /* No descriptors or no memory: waiting connections would wake this thread again and
             * again. */
            http->backend->self->http_rejected++;
            http_pause(http);
            return false;
        }
    }
    return true;
}

static void http_deadlines(struct wi_http_engine *http)
{
    for (size_t i = 0; i < HTTP_MAX_CLIENTS; i++) {
        struct http_client *client = &http->client[i];
        if (client->state != HTTP_CLIENT_FREE && !client->is_evicted &&
            http->now - client->since >= HTTP_DEADLINE) {
            http_client_evict(http, client);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (http->render[i].plain && http->now - http->render[i].at >= HTTP_KEEP_RENDER) {
            wi_render_drop(&http->render[i]);
        }
    }
}

static void http_work(struct wi_http_engine *http)
{
    http_deadlines(http);
    MHD_run(http->daemon);
    for (unsigned i = 0; i < HTTP_BATCHES && !http->is_paused; i++) {
        bool has_more = http_accept(http);
        MHD_run(http->daemon);
        if (!has_more) {
            return;
        }
    }
}

/* The milliseconds until something of this file or of MHD is due; -1: nothing is. */
static int http_timeout(struct wi_http_engine *http)
{
    MHD_UNSIGNED_LONG_LONG theirs = 0;
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < HTTP_MAX_CLIENTS; i++) {
        struct http_client *client = &http->client[i];
        if (client->state != HTTP_CLIENT_FREE && !client->is_evicted &&
            client->since + HTTP_DEADLINE < due) {
            due = client->since + HTTP_DEADLINE;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (http->render[i].plain && http->render[i].at + HTTP_KEEP_RENDER < due) {
            due = http->render[i].at + HTTP_KEEP_RENDER;
        }
    }
    if (http->is_paused && http->paused_until < due) {
        due = http->paused_until;
    }
    uint64_t wait = due == UINT64_MAX ? UINT64_MAX
                    : due > http->now ? (due - http->now + HTTP_MILLI - 1) / HTTP_MILLI
                                      : 0;
    if (MHD_get_timeout(http->daemon, &theirs) == MHD_YES && theirs < wait) {
        wait = theirs;
    }
    return wait == UINT64_MAX ? -1 : wait > 60000 ? 60000 : (int)wait;
}

static int http_run(struct wi_http_engine *http, uint64_t now_nanos)
{
    http->now = now_nanos;
    if (http->is_paused && now_nanos >= http->paused_until && !http->is_broken) {
        http_listen(http, true);
    }
    if (!http_guarded(http, http_work)) {
        if (http->listener >= 0) {
            close(http->listener);
            http->listener = -1;
        }
        return -1;
    }
    return http_timeout(http);
}

static int http_fd(const struct wi_http_engine *http)
{
    return http->epoll;
}

/* ---- begin and end -------------------------------------------------------------------------- */

/* `what`: the missing part; NULL: memory. */
static enum weir_status http_fail(enum weir_status status, struct weir_error *ret_error,
                                  const char *what)
{
    if (ret_error) {
        snprintf(ret_error->text, sizeof(ret_error->text), "no HTTP: %s%s%s",
                 what ? what : "there is no memory", what ? ": " : "", what ? strerror(errno) : "");
    }
    return status;
}

static void http_daemon_start(struct wi_http_engine *http)
{
    static const char *const pages[HTTP_N_PAGES] = {
        [HTTP_OK] = "ok\n",
        [HTTP_NOT_FOUND] = "There are two pages here: /metrics and /healthz.\n",
        [HTTP_METHOD] = "Only GET and HEAD are answered here.\n",
        [HTTP_HOST] = "This Host is not answered: ask for localhost or an IP address, or name the "
                      "host in WEIR_HTTP_HOSTS.\n",
        [HTTP_TOKEN] = "A token is needed: Authorization: Bearer TOKEN.\n",
        [HTTP_CODING] =
            "Accept-Encoding refuses gzip and identity: there is no other coding here.\n",
        [HTTP_UNREADABLE] = "The numbers cannot be read now.\n",
    };
    for (size_t i = 0; i < HTTP_N_PAGES; i++) {
        http->page[i] = wi_response_make("text/plain; charset=utf-8", (void *)(uintptr_t)pages[i],
                                         strlen(pages[i]), MHD_RESPMEM_PERSISTENT);
        if (!http->page[i]) {
            return;
        }
    }
    if (MHD_add_response_header(http->page[HTTP_METHOD], MHD_HTTP_HEADER_ALLOW, "GET, HEAD") !=
            MHD_YES ||
        MHD_add_response_header(http->page[HTTP_TOKEN], MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                "Bearer") != MHD_YES) {
        return;
    }
    /* MHD's own limit is never reached: it counts evicted connections until its next run. */
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, http_request, http,
        MHD_OPTION_CONNECTION_LIMIT, HTTP_MAX_CLIENTS + 8U, MHD_OPTION_CONNECTION_TIMEOUT,
        HTTP_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CLIENT_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, http_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, http_notify, http, MHD_OPTION_END);
}

static void http_daemon_stop(struct wi_http_engine *http)
{
    for (size_t i = 0; i < 2; i++) {
        wi_render_drop(&http->render[i]);
    }
    if (http->daemon) {
        MHD_stop_daemon(http->daemon);
        http->daemon = NULL;
    }
    for (size_t i = 0; i < HTTP_N_PAGES; i++) {
        if (http->page[i]) {
            MHD_destroy_response(http->page[i]);
            http->page[i] = NULL;
        }
    }
}

static enum weir_status http_watch(struct wi_http_engine *http, struct weir_error *ret_error)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event listener = {.events = EPOLLIN, .data.fd = http->listener};
    struct epoll_event daemon = {.events = EPOLLIN};
    http->epoll = wi_descriptor_epoll();
    if (http->epoll < 0 || !info || info->epoll_fd < WI_DESCRIPTOR_LOWEST ||
        epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->listener, &listener) != 0 ||
        epoll_ctl(http->epoll, EPOLL_CTL_ADD, info->epoll_fd, &daemon) != 0) {
        return http_fail(WEIR_E_SYSTEM, ret_error, "no epoll");
    }
    return WEIR_OK;
}

static void http_destroy(struct wi_http_engine *http)
{
    http_guarded(http, http_daemon_stop);
    if (http->epoll >= 0) {
        close(http->epoll);
    }
    if (http->listener >= 0) {
        close(http->listener);
    }
    free(http);
}

static enum weir_status http_create(int taken_listener, const struct wi_http_backend *backend,
                                    struct wi_http_engine **ret_http, struct weir_error *ret_error)
{
    struct wi_http_engine *http = calloc(1, sizeof(*http));
    struct wi_low_descriptors low;
    if (!http) {
        close(taken_listener);
        return http_fail(WEIR_E_MEMORY, ret_error, NULL);
    }
    if (!WI_EXPECT(backend->refresh && backend->expose && backend->self)) {
        close(taken_listener);
        free(http);
        return http_fail(WEIR_E_MEMORY, ret_error, NULL);
    }
    http->backend = backend;
    http->epoll = -1;
    http->listener = taken_listener;
    MHD_set_panic_func(http_panic, NULL);
    wi_descriptor_hold_low(&low); /* MHD opens its own epoll descriptor */
    bool has_started = http_guarded(http, http_daemon_start) && http->daemon;
    wi_descriptor_free_low(&low);
    enum weir_status status =
        has_started ? http_watch(http, ret_error)
                    : http_fail(WEIR_E_SYSTEM, ret_error, "libmicrohttpd does not start");
    if (status != WEIR_OK) {
        http_destroy(http);
        return status;
    }
    *ret_http = http;
    return WEIR_OK;
}

static void http_forget(struct wi_http_engine *http)
{
    http->is_broken = true; /* MHD is not called again, so its memory is lost */
    http->epoll = -1;
    http->listener = -1;
}

static void http_abandon(struct wi_http_engine *http)
{
    /* Not MHD_stop_daemon, which would shut down the parent's connections. */
    const union MHD_DaemonInfo *info =
        http->daemon ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (info && info->epoll_fd >= 0) {
        close(info->epoll_fd);
    }
    if (http->epoll >= 0) {
        close(http->epoll);
    }
    if (http->listener >= 0) {
        close(http->listener);
    }
    for (size_t i = 0; i < HTTP_MAX_CLIENTS; i++) {
        if (http->client[i].state != HTTP_CLIENT_FREE) {
            close(http->client[i].fd);
        }
    }
}

__attribute__((visibility("default"))) const struct wi_http_module weir_agent_http = {
    .build_id = WI_BUILD_ID,
    .create = http_create,
    .destroy = http_destroy,
    .forget = http_forget,
    .abandon = http_abandon,
    .fd = http_fd,
    .run = http_run,
};
