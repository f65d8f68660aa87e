/* SPDX-License-Identifier: MIT */
/*
 * The exporter's creation and end: makes its parts, opens the sockets that are requested, and
 * closes all.
 *
 * The exporter owns everything that it was given: the process view and the connected socket, also
 * when this fails. The order of opening is unix socket, token, gRPC over TCP, HTTP. A part that
 * cannot be opened is noted in one text, which consoles show, and the rest runs; with must_have_all
 * the first failure ends it. If the configured token cannot be read, nothing is opened over TCP:
 * the failure must not leave a server open.
 *
 * wi_exporter_close frees a half-made exporter too: exporter_create sets each descriptor to -1. It
 * runs in the thread that starts the exporter, before the exporter's own runs and after that has
 * ended.
 */
#include "wire/state.h"

#include "encode/weir.h"
#include "segment/descriptor.h"
#include "segment/file.h"
#include "weir/nanos.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTER_MEMORY_BYTES ((uint64_t)64 << 20)

static void exporter_on_http(struct wi_event_source *source, uint32_t events, uint64_t now)
{
    (void)events;
    (void)now;
    size_t offset = offsetof(struct wi_exporter, http_source);
    ((struct wi_exporter *)(void *)((char *)source - offset))->is_http_ready = true;
}

void wi_exporter_close(struct wi_exporter *exporter)
{
    if (!exporter) {
        return;
    }
    while (exporter->conns) {
        struct wi_conn *next = exporter->conns->next;
        wi_conn_destroy(exporter->conns);
        exporter->conns = next;
    }
    wi_listener_close(&exporter->listener);
    wi_listener_close(&exporter->tcp);
    wi_reactor_remove(&exporter->reactor, &exporter->http_source);
    wi_http_destroy(exporter->http);
    wi_token_close(exporter->token);
    free(exporter->hosts);
    wi_process_registry_finish(&exporter->registry);
    wi_reactor_finish(&exporter->reactor);
    wi_buffer_finish(&exporter->scratch);
    sem_destroy(&exporter->has_started);
    free(exporter);
}

/* Adds one more part that could not be opened. */
static void exporter_degrade(struct wi_exporter *exporter, const char *text)
{
    size_t n = strlen(exporter->notice);
    snprintf(exporter->notice + n, sizeof(exporter->notice) - n, "%s%s", n ? "; " : "", text);
}

static bool exporter_is_asked(const char *address)
{
    return address && address[0];
}

static enum weir_status exporter_open_token(struct wi_exporter *exporter,
                                            const struct wi_exporter_options *options,
                                            struct weir_error *ret_error)
{
    if (!exporter_is_asked(options->token_file) ||
        !(exporter_is_asked(options->grpc) || exporter_is_asked(options->http))) {
        return WEIR_OK;
    }
    return wi_token_open(options->token_file, options->log, options->log_context, &exporter->token,
                         ret_error);
}

static enum weir_status exporter_open_http(struct wi_exporter *exporter,
                                           const struct wi_exporter_options *options,
                                           struct weir_error *ret_error)
{
    struct wi_http_options asked = {.address = options->http,
                                    .hosts = options->http_hosts,
                                    .token = exporter->token,
                                    .without_process_metrics = options->without_process_metrics};
    if (!exporter_is_asked(options->http)) {
        return WEIR_OK;
    }
    enum weir_status status =
        wi_http_create(&asked, &exporter->registry.views, &exporter->http, ret_error);
    if (status != WEIR_OK) {
        exporter->http = NULL;
        return status;
    }
    /* A descriptor of our own for the same description, which an event source closes when it is
     * removed. */
    exporter->http_source.fd =
        fcntl(wi_http_fd(exporter->http), F_DUPFD_CLOEXEC, WI_DESCRIPTOR_LOWEST);
    exporter->http_source.on_ready = exporter_on_http;
    if (exporter->http_source.fd < 0 ||
        wi_reactor_add(&exporter->reactor, &exporter->http_source, EPOLLIN) != WEIR_OK) {
        wi_error_set(ret_error, "HTTP cannot be watched: no descriptors left");
        wi_http_destroy(exporter->http);
        exporter->http = NULL;
        return WEIR_E_SYSTEM;
    }
    exporter->is_http_ready = true;
    exporter->context.http_address = wi_http_address(exporter->http);
    return WEIR_OK;
}

static enum weir_status exporter_open_tcp(struct wi_exporter *exporter,
                                          const struct wi_exporter_options *options,
                                          struct weir_error *ret_error)
{
    int fd;
    if (!exporter_is_asked(options->grpc)) {
        return WEIR_OK;
    }
    if (options->http_hosts) {
        exporter->hosts = strdup(options->http_hosts);
        if (!exporter->hosts) {
            wi_error_set(ret_error, "no memory for gRPC over TCP");
            return WEIR_E_MEMORY;
        }
    }
    enum weir_status status = wi_address_listen(options->grpc, "gRPC", exporter->token != NULL,
                                                &exporter->tcp_address, &fd, ret_error);
    if (status == WEIR_OK) {
        status = wi_listener_open_tcp(&exporter->tcp, &exporter->reactor, fd, ret_error);
    }
    if (status == WEIR_OK) {
        exporter->auth_check = (struct wi_auth_check){exporter->token, exporter->hosts,
                                                      exporter->tcp_address.is_loopback};
        exporter->auth = wi_auth_check_ops(&exporter->auth_check);
        exporter->context.grpc_address = exporter->tcp_address.text;
    }
    return status;
}

static enum weir_status exporter_open_socket(struct wi_exporter *exporter,
                                             const struct wi_exporter_options *options,
                                             struct weir_error *ret_error)
{
    return options->socket_path ? wi_keeper_open(&exporter->keeper, &exporter->reactor,
                                                 options->socket_path, ret_error)
                                : WEIR_OK;
}

/* Opens all requested parts. A failure is noted or, if all parts are required, returned. */
static enum weir_status exporter_listen(struct wi_exporter *exporter,
                                        const struct wi_exporter_options *options,
                                        struct weir_error *ret_error)
{
    static enum weir_status (*const openers[])(struct wi_exporter * exporter,
                                               const struct wi_exporter_options *options,
                                               struct weir_error *ret_error) = {
        exporter_open_socket, exporter_open_token, exporter_open_tcp, exporter_open_http};
    if (options->notice) {
        exporter_degrade(exporter, options->notice);
    }
    wi_exporter_watch_listeners(exporter);
    for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
        struct weir_error error = {""};
        enum weir_status status = openers[i](exporter, options, &error);
        if (status != WEIR_OK && options->must_have_all) {
            wi_error_set(ret_error, "%s", error.text);
            return status;
        }
        if (status != WEIR_OK) {
            exporter_degrade(exporter, error.text);
        }
        if (status != WEIR_OK && openers[i] == exporter_open_token) {
            break; /* a token is configured: no TCP without it */
        }
    }
    return WEIR_OK;
}

static bool exporter_take(struct wi_exporter *exporter, int taken_fd)
{
    int flags = fcntl(taken_fd, F_GETFL);
    if (flags >= 0) {
        fcntl(taken_fd, F_SETFL, flags | O_NONBLOCK);
        fcntl(taken_fd, F_SETFD, FD_CLOEXEC);
    }
    return wi_exporter_accept(exporter, taken_fd, wi_nanos(CLOCK_MONOTONIC));
}

static struct wi_exporter *exporter_create(const struct wi_exporter_options *options)
{
    struct wi_exporter *exporter = calloc(1, sizeof(*exporter));
    if (!exporter) {
        return NULL;
    }
    sem_init(&exporter->has_started, 0, 0);
    exporter->memory.limit = EXPORTER_MEMORY_BYTES;
    exporter->listener.source.fd = -1;
    exporter->keeper.listener = &exporter->listener;
    exporter->keeper.log = options->log;
    exporter->keeper.log_context = options->log_context;
    exporter->tcp.source.fd = -1;
    exporter->http_source.fd = -1;
    exporter->reactor.epoll_fd = -1;
    exporter->reactor.stop_fds[0] = exporter->reactor.stop_fds[1] = -1;
    exporter->registry.inotify.fd = -1;
    exporter->http_due = UINT64_MAX;
    exporter->log = options->log;
    exporter->log_context = options->log_context;
    exporter->on_heartbeat = options->on_heartbeat;
    exporter->heartbeat_context = options->heartbeat_context;
    exporter->heartbeat_nanos = options->heartbeat_nanos;
    exporter->heartbeat_due = options->on_heartbeat ? 0 : UINT64_MAX;
    exporter->cpu_percent = options->cpu_percent;
    exporter->is_guest = options->is_guest;
    wi_buffer_init(&exporter->scratch, WI_MESSAGE_ROOM);
    exporter->context = (struct wi_call_context){.views = &exporter->registry.views,
                                                 .memory = &exporter->memory,
                                                 .scratch = &exporter->scratch,
                                                 .http_address = "",
                                                 .grpc_address = "",
                                                 .notice = exporter->notice};
    return exporter;
}

/* The reactor, and the process views. Owns: the process view, also when this fails. */
static enum weir_status exporter_take_view(struct wi_exporter *exporter,
                                           struct wi_process_view *taken_view,
                                           const struct wi_exporter_options *options,
                                           struct weir_error *ret_error)
{
    enum weir_status status = wi_reactor_init(&exporter->reactor, ret_error);
    if (status != WEIR_OK) {
        wi_process_view_close(taken_view);
        return status;
    }
    wi_process_registry_init(&exporter->registry, &exporter->reactor, options->is_finding,
                             options->targets, options->n_targets);
    exporter->registry.log = options->log;
    exporter->registry.log_context = options->log_context;
    if (taken_view) {
        status = wi_process_views_add(&exporter->registry.views, taken_view);
        if (status != WEIR_OK) {
            wi_error_set(ret_error, "no memory for the exporter");
        }
    }
    return status;
}

enum weir_status wi_exporter_open(struct wi_process_view *taken_view,
                                  const struct wi_exporter_options *options,
                                  struct wi_exporter **ret_exporter, struct weir_error *ret_error)
{
    struct wi_exporter *exporter = exporter_create(options);
    enum weir_status status = WEIR_E_MEMORY;
    if (!exporter) {
        wi_error_set(ret_error, "no memory for the exporter");
        wi_process_view_close(taken_view);
    } else {
        status = exporter_take_view(exporter, taken_view, options, ret_error);
    }
    if (status != WEIR_OK) {
        if (options->taken_fd >= 0) {
            close(options->taken_fd);
        }
        wi_exporter_close(exporter);
        return status;
    }
    if (options->taken_fd >= 0 && !exporter_take(exporter, options->taken_fd)) {
        wi_error_set(ret_error, "the exporter cannot be started: %s", strerror(ENOMEM));
        status = WEIR_E_MEMORY;
    }
    if (status == WEIR_OK) {
        status = exporter_listen(exporter, options, ret_error);
    }
    if (status != WEIR_OK) {
        wi_exporter_close(exporter);
        return status;
    }
    *ret_exporter = exporter;
    if (exporter->notice[0]) {
        wi_error_set(ret_error, "%s", exporter->notice);
        return WEIR_DEGRADED;
    }
    return WEIR_OK;
}
