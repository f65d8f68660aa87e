/* SPDX-License-Identifier: MIT */
/*
 * The exporter's thread: waits, lets peers speak, reads the process views when somebody is due or a second
 * has gone by, answers. All of struct wi_exporter is the thread's once it runs, but what starting
 * wrote before and the reactor's eventfd.
 */
#include "wire/exporter.h"

#include "encode/weir.h"
#include "segment/descriptor.h"
#include "segment/file.h"
#include "segment/segment.h"
#include "wire/address.h"
#include "wire/budget.h"
#include "wire/conn.h"
#include "wire/auth_check.h"
#include "wire/http.h"
#include "wire/keeper.h"
#include "wire/listener.h"
#include "wire/priority.h"
#include "wire/rights.h"
#include "wire/process_registry.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define EXPORTER_CLIENTS_MAX     128 /* 64 that have stopped leave room for as many that live */
#define EXPORTER_CLIENTS_TCP     96  /* of them, so that the user's own always find a place */
#define EXPORTER_MEMORY_BYTES    ((uint64_t)64 << 20)
#define EXPORTER_STACK_BYTES     ((size_t)512 << 10)
#define EXPORTER_SCRATCH_KEPT    ((size_t)256 << 10)
#define EXPORTER_GOODBYE_NANOS   UINT64_C(500000000)
#define EXPORTER_START_NANOS     100000000 /* that whoever starts it waits at most */
#define EXPORTER_NANOS_PER_MILLI UINT64_C(1000000)

struct wi_exporter {
    struct wi_memory memory;
    struct wi_buffer scratch;
    struct wi_call_context context;
    char notice[256];
    struct wi_reactor reactor;
    struct wi_process_registry registry;
    struct wi_listener listener;
    struct wi_listener tcp;
    struct wi_keeper keeper; /* of `listener` */
    struct wi_address tcp_address;
    struct wi_token *token;
    char *hosts;
    struct wi_auth_check auth_check; /* of `tcp` */
    struct wi_auth_ops auth;
    struct wi_event_source http_source;
    struct wi_http *http;
    bool is_http_ready;
    uint64_t http_due;
    struct wi_conn *conns;
    size_t n_conns;
    weir_log_fn log;
    void *log_context;
    bool has_logged_refusal;
    void (*on_heartbeat)(void *context, uint64_t now_nanos);
    void *heartbeat_context;
    uint64_t heartbeat_nanos;
    uint64_t heartbeat_due;
    unsigned cpu_percent;
    bool is_guest;
    struct wi_budget budget;
    pthread_t thread;
    sem_t has_started;
};

static void exporter_log(struct wi_exporter *exporter, const char *line)
{
    if (exporter->log) {
        exporter->log(exporter->log_context, line);
    }
}

/* ---- peers ------------------------------------------------------------------------------- */

static void exporter_reap(struct wi_exporter *exporter)
{
    struct wi_conn **at = &exporter->conns;
    while (*at) {
        struct wi_conn *conn = *at;
        if (conn->is_closed) {
            *at = conn->next;
            exporter->n_conns--;
            wi_conn_destroy(conn);
            wi_reactor_yield(&exporter->reactor);
        } else {
            at = &conn->next;
        }
    }
}

static struct wi_conn *exporter_connect(struct wi_exporter *exporter, int taken_fd, uint64_t now)
{
    struct wi_conn *conn;
    if (exporter->n_conns >= EXPORTER_CLIENTS_MAX) {
        close(taken_fd);
        return NULL;
    }
    if (wi_conn_create(&exporter->reactor, &exporter->context, taken_fd, now, &conn) != WEIR_OK) {
        return NULL;
    }
    conn->next = exporter->conns;
    exporter->conns = conn;
    exporter->n_conns++;
    return conn;
}

static bool exporter_on_accept(void *context, int taken_fd, uint64_t now)
{
    return exporter_connect(context, taken_fd, now) != NULL;
}

/* When there are too many over TCP, one that has not shown yet that it may ask gives way: else whoever
 * can connect could keep all places without ever asking. */
static void exporter_make_room(struct wi_exporter *exporter)
{
    struct wi_conn *oldest = NULL;
    size_t n = 0;
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        n += conn->is_tcp;
        if (conn->is_tcp && !wi_session_is_known(conn->session) &&
            (!oldest || conn->begun_nanos <= oldest->begun_nanos)) {
            oldest = conn;
        }
    }
    if (n >= EXPORTER_CLIENTS_TCP && oldest) {
        exporter->registry.views.self->clients_rejected++;
        oldest->is_closed = true;
        exporter_reap(exporter);
    }
}

static bool exporter_on_accept_tcp(void *context, int taken_fd, uint64_t now)
{
    struct wi_exporter *exporter = context;
    size_t n = 0;
    exporter_make_room(exporter);
    for (const struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        n += conn->is_tcp;
    }
    if (n >= EXPORTER_CLIENTS_TCP) {
        close(taken_fd);
        return false;
    }
    struct wi_conn *conn = exporter_connect(exporter, taken_fd, now);
    if (conn) {
        conn->is_tcp = true;
        wi_session_guard(conn->session, &exporter->auth);
    }
    return conn != NULL;
}

static void exporter_on_refuse(void *context, uid_t uid)
{
    struct wi_exporter *exporter = context;
    exporter->registry.views.self->clients_rejected++;
    if (!exporter->has_logged_refusal) {
        char line[128];
        if (uid == (uid_t)-1) {
            snprintf(line, sizeof(line), "weir: a client over TCP is refused: more than %d",
                     EXPORTER_CLIENTS_TCP);
        } else {
            snprintf(line, sizeof(line),
                     "weir: a client of uid %ld is refused: another user's, or more than %d",
                     (long)uid, EXPORTER_CLIENTS_MAX);
        }
        exporter_log(exporter, line);
        exporter->has_logged_refusal = true;
    }
}

static void exporter_on_shortage(void *context, int error)
{
    char line[160];
    snprintf(line, sizeof(line), "weir: no client can be accepted now: %s", strerror(error));
    exporter_log(context, line);
}

/* ---- the process views -------------------------------------------------------------------------- */

/* Reads what is due: with `all`, whatever a scrape will show. */
static void exporter_read(struct wi_exporter *exporter, bool all, uint64_t now)
{
    struct wi_self *self = exporter->registry.views.self;
    self->clients = exporter->n_conns;
    self->heap_bytes = exporter->memory.bytes + exporter->scratch.room;
    if (wi_process_registry_read(&exporter->registry, all, now) &&
        exporter->scratch.room > EXPORTER_SCRATCH_KEPT) {
        wi_buffer_finish(&exporter->scratch);
    }
}

/* Reads the process views that messages which are due would tell of. */
static void exporter_freshen(struct wi_exporter *exporter, uint64_t now)
{
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        if (!conn->is_closed) {
            wi_session_want(conn->session, now);
        }
    }
    exporter_read(exporter, false, now);
}

/* ---- HTTP -------------------------------------------------------------------------------- */

static void exporter_on_http(struct wi_event_source *source, uint32_t events, uint64_t now)
{
    (void)events;
    (void)now;
    size_t offset = offsetof(struct wi_exporter, http_source);
    ((struct wi_exporter *)(void *)((char *)source - offset))->is_http_ready = true;
}

static void exporter_run_http(struct wi_exporter *exporter, uint64_t now)
{
    if (!exporter->http || (!exporter->is_http_ready && now < exporter->http_due)) {
        return;
    }
    /* A scrape is answered from the process view as it stands, so let it stand well. */
    if (exporter->is_http_ready) {
        exporter_read(exporter, true, now);
    }
    exporter->is_http_ready = false;
    int millis = wi_http_run(exporter->http, now);
    exporter->http_due =
        millis < 0 ? UINT64_MAX : now + (uint64_t)millis * EXPORTER_NANOS_PER_MILLI;
}

/* ---- the thread -------------------------------------------------------------------------- */

static uint64_t exporter_due(const struct wi_exporter *exporter)
{
    uint64_t due = wi_process_registry_due(&exporter->registry);
    due = exporter->heartbeat_due < due ? exporter->heartbeat_due : due;
    due = exporter->http_due < due ? exporter->http_due : due;
    const struct wi_listener *listeners[] = {&exporter->listener, &exporter->tcp};
    for (size_t i = 0; i < 2; i++) {
        uint64_t resume = listeners[i]->resume_nanos;
        due = resume != 0 && resume < due ? resume : due;
    }
    for (const struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        uint64_t at = wi_conn_due(conn);
        due = at < due ? at : due;
    }
    return due;
}

static void exporter_step_conns(struct wi_exporter *exporter, uint64_t now)
{
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        wi_conn_step(conn, now);
        wi_reactor_yield(&exporter->reactor);
    }
    exporter_reap(exporter);
}

/* The program closed descriptors that it never opened; their numbers may be those of its own by now. */
static void exporter_forget(struct wi_exporter *exporter)
{
    wi_http_forget(exporter->http);
    __atomic_fetch_add(&wi_segment.descriptors_lost, 1, __ATOMIC_RELAXED);
    exporter_log(exporter,
                 "weir: the program has closed the exporter's descriptors, so nothing is served; "
                 "call weir_agent_stop and weir_agent_start");
}

static void exporter_goodbye(struct wi_exporter *exporter)
{
    uint64_t now = wi_reactor_now();
    uint64_t end = now + EXPORTER_GOODBYE_NANOS;
    wi_listener_close(&exporter->listener);
    wi_listener_close(&exporter->tcp);
    wi_reactor_remove(&exporter->reactor, &exporter->http_source);
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        if (!conn->is_closed) {
            wi_session_goodbye(conn->session, now);
        }
    }
    exporter_step_conns(exporter, now);
    while (exporter->conns && now < end && !exporter->reactor.has_lost_descriptors) {
        now = wi_reactor_wait(&exporter->reactor, end);
        exporter_step_conns(exporter, now);
    }
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        conn->is_closed = true;
    }
    exporter_reap(exporter);
}

static void exporter_tick(struct wi_exporter *exporter, uint64_t now)
{
    wi_listener_tick(&exporter->listener, now);
    wi_listener_tick(&exporter->tcp, now);
    wi_keeper_tick(&exporter->keeper, now);
    wi_process_registry_tick(&exporter->registry, now);
    exporter_freshen(exporter, now);
}

static void exporter_heartbeat(struct wi_exporter *exporter, uint64_t now)
{
    if (now >= exporter->heartbeat_due) {
        exporter->on_heartbeat(exporter->heartbeat_context, now);
        exporter->heartbeat_due = now + exporter->heartbeat_nanos;
    }
}

static uint64_t exporter_spent(void)
{
    struct timespec spent = {0, 0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * UINT64_C(1000000000) + (uint64_t)spent.tv_nsec;
}

/* Stands still when it has taken more than its share of a processor. */
static void exporter_rest(struct wi_exporter *exporter, uint64_t now)
{
    if (exporter->budget.percent == 0) {
        return;
    }
    now = wi_reactor_now();
    uint64_t nanos = wi_budget_check(&exporter->budget, now, exporter_spent());
    if (nanos > 0) {
        wi_reactor_rest(&exporter->reactor, nanos);
        exporter->registry.views.self->rested_nanos += wi_reactor_now() - now;
    }
}

/* What is done between two waits. Each step begins with a look whether the descriptors are still ours, as
 * a turn may be held up for long and libmicrohttpd does not look. */
static void exporter_turn(struct wi_exporter *exporter, uint64_t now)
{
    static void (*const steps[])(struct wi_exporter *, uint64_t) = {
        exporter_tick, exporter_run_http, exporter_step_conns, exporter_heartbeat, exporter_rest};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!wi_reactor_check(&exporter->reactor)) {
            return;
        }
        steps[i](exporter, now);
        wi_reactor_yield(&exporter->reactor);
    }
}

void wi_exporter_loop(struct wi_exporter *exporter)
{
    uint64_t now = wi_reactor_now();
    wi_budget_init(&exporter->budget, exporter->cpu_percent, now, exporter_spent());
    wi_process_registry_tick(&exporter->registry, now);
    exporter_read(exporter, true, now);
    exporter_heartbeat(exporter, now);
    while (!exporter->reactor.is_stopping) {
        now = wi_reactor_wait(&exporter->reactor, exporter_due(exporter));
        exporter_turn(exporter, now);
    }
    if (!exporter->reactor.has_lost_descriptors) {
        exporter_goodbye(exporter);
    }
    if (exporter->reactor.has_lost_descriptors) {
        exporter_forget(exporter);
    }
}

/* All sockets are bound by now. Whoever takes over the thread that reads from the network is not to have
 * all that root may. */
static void exporter_give_up_rights(struct wi_exporter *exporter)
{
    if (exporter->is_guest && !wi_rights_drop()) {
        char line[160];
        snprintf(line, sizeof(line), "weir: the exporter's thread keeps its capabilities: %s",
                 strerror(errno));
        exporter_log(exporter, line);
    }
}

static void *exporter_main(void *context)
{
    struct wi_exporter *exporter = context;
    pthread_setname_np(pthread_self(), "weir-agent");
    exporter_give_up_rights(exporter);
    sem_post(&exporter->has_started); /* as long as this thread is served like the one that waits */
    wi_priority_lower();
    wi_exporter_loop(exporter);
    return NULL;
}

/* So that whoever shuts the host in after the start meets a thread that has given up its rights. Not for ever:
 * what a sandbox or a debugger does with a new thread is not the host's fault. */
static void exporter_await_start(struct wi_exporter *exporter)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += EXPORTER_START_NANOS;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    while (sem_clockwait(&exporter->has_started, CLOCK_MONOTONIC, &end) != 0 && errno == EINTR) {
    }
}

/* ---- starting and stopping --------------------------------------------------------------- */

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

/* Adds one more thing that does not work as asked. */
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
    /* A descriptor of our own for the same description, which a source closes when it goes. */
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

/* Opens all that is asked for. What does not work is noted, or, where all must, is a failure. */
static enum weir_status exporter_listen(struct wi_exporter *exporter,
                                        const struct wi_exporter_options *options,
                                        struct weir_error *ret_error)
{
    static enum weir_status (*const openers[])(struct wi_exporter * exporter,
                                               const struct wi_exporter_options *options,
                                               struct weir_error *ret_error) = {
        exporter_open_socket, exporter_open_token, exporter_open_tcp, exporter_open_http};
    struct wi_listener *const listeners[] = {&exporter->listener, &exporter->tcp};
    if (options->notice) {
        exporter_degrade(exporter, options->notice);
    }
    for (size_t i = 0; i < 2; i++) {
        listeners[i]->on_accept = i ? exporter_on_accept_tcp : exporter_on_accept;
        listeners[i]->on_refuse = exporter_on_refuse;
        listeners[i]->on_shortage = exporter_on_shortage;
        listeners[i]->context = exporter;
    }
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
            break; /* a token is meant to be asked for: no TCP without it */
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
    return exporter_on_accept(exporter, taken_fd, wi_reactor_now());
}

/* Signals are the host's: none is ever delivered to the exporter's thread. */
static int exporter_run_thread(struct wi_exporter *exporter)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_setstacksize(&attributes, EXPORTER_STACK_BYTES);
    error = pthread_create(&exporter->thread, &attributes, exporter_main, exporter);
    if (error == EINVAL) {
        /* A host with much thread-local storage: the default is larger. */
        error = pthread_create(&exporter->thread, NULL, exporter_main, exporter);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0) {
        exporter_await_start(exporter);
    }
    return error;
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

enum weir_status wi_exporter_start(struct wi_process_view *taken_view,
                                   const struct wi_exporter_options *options,
                                   struct wi_exporter **ret_exporter, struct weir_error *ret_error)
{
    struct wi_exporter *exporter;
    enum weir_status status = wi_exporter_open(taken_view, options, &exporter, ret_error);
    if (status != WEIR_OK && status != WEIR_DEGRADED) {
        return status;
    }
    int error = exporter_run_thread(exporter);
    if (error != 0) {
        wi_error_set(ret_error, "the exporter's thread cannot be started: %s", strerror(error));
        wi_exporter_close(exporter);
        return error == ENOMEM ? WEIR_E_MEMORY : WEIR_E_SYSTEM;
    }
    *ret_exporter = exporter;
    return status;
}

void wi_exporter_ask_stop(struct wi_exporter *exporter)
{
    wi_reactor_stop(&exporter->reactor);
}

void wi_exporter_stop(struct wi_exporter *exporter)
{
    if (!exporter) {
        return;
    }
    wi_reactor_stop(&exporter->reactor);
    pthread_join(exporter->thread, NULL);
    wi_exporter_close(exporter);
}

size_t wi_exporter_processes(const struct wi_exporter *exporter)
{
    size_t n = 0;
    for (const struct wi_served *served = exporter->registry.views.first; served;
         served = served->next) {
        n += wi_served_is_there(served);
    }
    return n;
}

unsigned wi_exporter_http_port(const struct wi_exporter *exporter)
{
    return exporter->http ? wi_http_port(exporter->http) : 0;
}

unsigned wi_exporter_grpc_port(const struct wi_exporter *exporter)
{
    return exporter->context.grpc_address[0] ? exporter->tcp_address.port : 0;
}

const char *wi_exporter_http_address(const struct wi_exporter *exporter)
{
    return exporter->context.http_address;
}

const char *wi_exporter_grpc_address(const struct wi_exporter *exporter)
{
    return exporter->context.grpc_address;
}

bool wi_exporter_is_self(const struct wi_exporter *exporter)
{
    return pthread_equal(exporter->thread, pthread_self()) != 0;
}

void wi_exporter_abandon(struct wi_exporter *exporter)
{
    if (wi_reactor_abandon(&exporter->reactor)) {
        wi_http_abandon(exporter->http);
    }
    for (struct wi_served *served = exporter->registry.views.first; served; served = served->next) {
        wi_process_view_abandon(served->view);
    }
}
