/* SPDX-License-Identifier: MIT */
/*
 * The exporter's thread: waits, lets peers speak, reads the world when somebody is due or a second
 * has gone by, answers. All of struct wi_exporter is the thread's once it runs, but what starting
 * wrote before and the reactor's eventfd.
 */
#include "wire/exporter.h"

#include "encode/weir.h"
#include "segment/file.h"
#include "wire/conn.h"
#include "wire/http.h"
#include "wire/listener.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <unistd.h>

#define EXPORTER_CLIENTS_MAX     128 /* 64 that have stopped leave room for as many that live */
#define EXPORTER_MEMORY_BYTES    ((uint64_t)64 << 20)
#define EXPORTER_STACK_BYTES     ((size_t)512 << 10)
#define EXPORTER_SCRATCH_KEPT    ((size_t)256 << 10)
#define EXPORTER_FRESH_LEAST     UINT64_C(1000000) /* younger than this, the world is not read */
#define EXPORTER_FRESH_MOST      UINT64_C(100000000)
#define EXPORTER_FRESH_COSTS     20                   /* readings take a twentieth of the time */
#define EXPORTER_REFRESH_NANOS   UINT64_C(1000000000) /* older than this, it is */
#define EXPORTER_FAREWELL_NANOS  UINT64_C(500000000)
#define EXPORTER_NANOS_PER_MILLI UINT64_C(1000000)

struct wi_exporter {
    struct wi_world *world;
    struct wi_memory memory;
    struct wi_buffer scratch;
    struct wi_call_context context;
    char notice[256];
    struct wi_reactor reactor;
    struct wi_listener listener;
    struct wi_source http_source;
    struct wi_http *http;
    bool is_http_ready;
    uint64_t http_due;
    struct wi_conn *conns;
    size_t n_conns;
    bool has_refreshed;
    uint64_t refreshed_nanos;
    uint64_t fresh_nanos; /* how long a reading stands for requests that come meanwhile */
    enum weir_status refresh_status;
    weir_log_fn log;
    void *log_context;
    bool has_logged_refusal;
    pthread_t thread;
};

static void exporter_log(struct wi_exporter *exporter, const char *line)
{
    if (exporter->log) {
        exporter->log(exporter->log_context, line);
    }
}

/* ---- peers ------------------------------------------------------------------------------- */

static bool exporter_on_accept(void *context, int taken_fd, uint64_t now)
{
    struct wi_exporter *exporter = context;
    struct wi_conn *conn;
    if (exporter->n_conns >= EXPORTER_CLIENTS_MAX) {
        close(taken_fd);
        return false;
    }
    if (wi_conn_create(&exporter->reactor, &exporter->context, taken_fd, now, &conn) != WEIR_OK) {
        return false;
    }
    conn->next = exporter->conns;
    exporter->conns = conn;
    exporter->n_conns++;
    return true;
}

static void exporter_on_refuse(void *context, uid_t uid)
{
    struct wi_exporter *exporter = context;
    wi_world_self(exporter->world)->clients_rejected++;
    if (!exporter->has_logged_refusal) {
        char line[128];
        snprintf(line, sizeof(line),
                 "weir: a client of uid %ld is refused: another user's, or more than %d", (long)uid,
                 EXPORTER_CLIENTS_MAX);
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

static void exporter_bury(struct wi_exporter *exporter)
{
    struct wi_conn **at = &exporter->conns;
    while (*at) {
        struct wi_conn *conn = *at;
        if (conn->is_closed) {
            *at = conn->next;
            exporter->n_conns--;
            wi_conn_destroy(conn);
        } else {
            at = &conn->next;
        }
    }
}

/* ---- the world --------------------------------------------------------------------------- */

/* A small segment is read for whoever asks; a large one cannot be made to take the thread's time. */
static uint64_t exporter_fresh(uint64_t cost)
{
    uint64_t fresh = cost * EXPORTER_FRESH_COSTS;
    fresh = fresh < EXPORTER_FRESH_MOST ? fresh : EXPORTER_FRESH_MOST;
    return fresh > EXPORTER_FRESH_LEAST ? fresh : EXPORTER_FRESH_LEAST;
}

static void exporter_refresh(struct wi_exporter *exporter, uint64_t now)
{
    struct wi_self *self = wi_world_self(exporter->world);
    self->clients = exporter->n_conns;
    self->heap_bytes = exporter->memory.bytes + exporter->scratch.room;
    struct weir_error error = {""};
    enum weir_status status = wi_world_refresh(exporter->world, now, &error);
    if (status != WEIR_OK && status != exporter->refresh_status) {
        char line[sizeof(error.text) + 64];
        snprintf(line, sizeof(line), "weir: the segment cannot be read: %s", error.text);
        exporter_log(exporter, line);
    }
    exporter->refresh_status = status;
    exporter->refreshed_nanos = now;
    exporter->fresh_nanos = exporter_fresh(wi_reactor_now() - now);
    exporter->has_refreshed = true;
    if (exporter->scratch.room > EXPORTER_SCRATCH_KEPT) {
        wi_buffer_finish(&exporter->scratch);
    }
}

static bool exporter_is_stale(const struct wi_exporter *exporter, uint64_t now, uint64_t age)
{
    return !exporter->has_refreshed || now - exporter->refreshed_nanos >= age;
}

/* Reads the world when a message that is due would say what is old. */
static void exporter_freshen(struct wi_exporter *exporter, uint64_t now)
{
    if (exporter_is_stale(exporter, now, EXPORTER_REFRESH_NANOS)) {
        exporter_refresh(exporter, now);
        return;
    }
    if (!exporter_is_stale(exporter, now, exporter->fresh_nanos)) {
        return;
    }
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        if (!conn->is_closed && wi_session_world_due(conn->session) <= now) {
            exporter_refresh(exporter, now);
            return;
        }
    }
}

/* ---- HTTP -------------------------------------------------------------------------------- */

static void exporter_on_http(struct wi_source *source, uint32_t events, uint64_t now)
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
    /* A scrape is answered from the world as it stands, so let it stand well. */
    if (exporter->is_http_ready && exporter_is_stale(exporter, now, exporter->fresh_nanos)) {
        exporter_refresh(exporter, now);
    }
    exporter->is_http_ready = false;
    int millis = wi_http_run(exporter->http, now);
    exporter->http_due =
        millis < 0 ? UINT64_MAX : now + (uint64_t)millis * EXPORTER_NANOS_PER_MILLI;
}

/* ---- the thread -------------------------------------------------------------------------- */

static uint64_t exporter_due(const struct wi_exporter *exporter)
{
    uint64_t due = exporter->refreshed_nanos + EXPORTER_REFRESH_NANOS;
    due = exporter->http_due < due ? exporter->http_due : due;
    if (exporter->listener.resume_nanos != 0 && exporter->listener.resume_nanos < due) {
        due = exporter->listener.resume_nanos;
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
    }
    exporter_bury(exporter);
}

/* The program closed descriptors that it never opened; their numbers may be those of its own by now. */
static void exporter_forget(struct wi_exporter *exporter)
{
    wi_http_forget(exporter->http);
    exporter_log(exporter,
                 "weir: the program has closed the exporter's descriptors, so nothing is served; "
                 "call weir_agent_stop and weir_agent_start");
}

static void exporter_farewell(struct wi_exporter *exporter)
{
    uint64_t now = wi_reactor_now();
    uint64_t end = now + EXPORTER_FAREWELL_NANOS;
    wi_listener_close(&exporter->listener);
    wi_reactor_remove(&exporter->reactor, &exporter->http_source);
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        if (!conn->is_closed) {
            wi_session_farewell(conn->session, now);
        }
    }
    exporter_step_conns(exporter, now);
    while (exporter->conns && now < end) {
        now = wi_reactor_wait(&exporter->reactor, end);
        if (exporter->reactor.is_robbed) {
            exporter_forget(exporter);
            return;
        }
        exporter_step_conns(exporter, now);
    }
    for (struct wi_conn *conn = exporter->conns; conn; conn = conn->next) {
        conn->is_closed = true;
    }
    exporter_bury(exporter);
}

static void *exporter_main(void *context)
{
    struct wi_exporter *exporter = context;
    pthread_setname_np(pthread_self(), "weir-agent");
    uint64_t now = wi_reactor_now();
    exporter_refresh(exporter, now);
    while (!exporter->reactor.is_stopping) {
        now = wi_reactor_wait(&exporter->reactor, exporter_due(exporter));
        if (exporter->reactor.is_robbed) {
            exporter_forget(exporter);
            return NULL;
        }
        wi_listener_tick(&exporter->listener, now);
        exporter_freshen(exporter, now);
        exporter_run_http(exporter, now);
        exporter_step_conns(exporter, now);
    }
    exporter_farewell(exporter);
    return NULL;
}

/* ---- starting and stopping --------------------------------------------------------------- */

static void exporter_free(struct wi_exporter *exporter)
{
    while (exporter->conns) {
        struct wi_conn *next = exporter->conns->next;
        wi_conn_destroy(exporter->conns);
        exporter->conns = next;
    }
    wi_listener_close(&exporter->listener);
    wi_reactor_remove(&exporter->reactor, &exporter->http_source);
    wi_http_destroy(exporter->http);
    wi_reactor_finish(&exporter->reactor);
    wi_buffer_finish(&exporter->scratch);
    wi_world_close(exporter->world);
    free(exporter);
}

/* Adds one more thing that does not work as asked. */
static void exporter_degrade(struct wi_exporter *exporter, const char *text)
{
    size_t n = strlen(exporter->notice);
    snprintf(exporter->notice + n, sizeof(exporter->notice) - n, "%s%s", n ? "; " : "", text);
}

static void exporter_open_http(struct wi_exporter *exporter,
                               const struct wi_exporter_options *options)
{
    struct weir_error error = {""};
    struct wi_http_options asked = {options->http, options->http_hosts,
                                    options->without_process_metrics};
    if (!options->http || !options->http[0]) {
        return;
    }
    if (wi_http_create(&asked, exporter->world, &exporter->http, &error) != WEIR_OK) {
        exporter->http = NULL;
        exporter_degrade(exporter, error.text);
        return;
    }
    /* A descriptor of our own for the same description, which a source closes when it goes. */
    exporter->http_source.fd = fcntl(wi_http_fd(exporter->http), F_DUPFD_CLOEXEC, 0);
    exporter->http_source.on_ready = exporter_on_http;
    if (exporter->http_source.fd < 0 ||
        wi_reactor_add(&exporter->reactor, &exporter->http_source, EPOLLIN) != WEIR_OK) {
        exporter_degrade(exporter, "HTTP cannot be watched: no descriptors left");
        wi_http_destroy(exporter->http);
        exporter->http = NULL;
        return;
    }
    exporter->is_http_ready = true;
    exporter->context.http_address = wi_http_address(exporter->http);
}

static void exporter_open(struct wi_exporter *exporter, const struct wi_exporter_options *options)
{
    struct weir_error error = {""};
    if (options->notice) {
        exporter_degrade(exporter, options->notice);
    }
    exporter->listener.on_accept = exporter_on_accept;
    exporter->listener.on_refuse = exporter_on_refuse;
    exporter->listener.on_shortage = exporter_on_shortage;
    exporter->listener.context = exporter;
    if (options->socket_path && wi_listener_open(&exporter->listener, &exporter->reactor,
                                                 options->socket_path, &error) != WEIR_OK) {
        exporter_degrade(exporter, error.text);
    }
    exporter_open_http(exporter, options);
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
static int exporter_run(struct wi_exporter *exporter)
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
    return error;
}

enum weir_status wi_exporter_start(struct wi_world *taken_world,
                                   const struct wi_exporter_options *options,
                                   struct wi_exporter **ret_exporter, struct weir_error *ret_error)
{
    struct wi_exporter *exporter = calloc(1, sizeof(*exporter));
    if (!exporter) {
        wi_error_set(ret_error, "no memory for the exporter");
        wi_world_close(taken_world);
        if (options->taken_fd >= 0) {
            close(options->taken_fd);
        }
        return WEIR_E_MEMORY;
    }
    exporter->world = taken_world;
    exporter->memory.limit = EXPORTER_MEMORY_BYTES;
    exporter->listener.source.fd = -1;
    exporter->http_source.fd = -1;
    exporter->http_due = UINT64_MAX;
    exporter->log = options->log;
    exporter->log_context = options->log_context;
    wi_buffer_init(&exporter->scratch, WI_MESSAGE_ROOM);
    exporter->context = (struct wi_call_context){taken_world, &exporter->memory, &exporter->scratch,
                                                 "", exporter->notice};
    enum weir_status status = wi_reactor_init(&exporter->reactor, ret_error);
    if (status != WEIR_OK) {
        if (options->taken_fd >= 0) {
            close(options->taken_fd);
        }
        exporter_free(exporter);
        return status;
    }
    exporter_open(exporter, options);
    int error = 0;
    if (options->taken_fd >= 0 && !exporter_take(exporter, options->taken_fd)) {
        error = ENOMEM;
    }
    status = exporter->notice[0] ? WEIR_DEGRADED : WEIR_OK;
    struct weir_error notice;
    snprintf(notice.text, sizeof(notice.text), "%s", exporter->notice);
    error = error ? error : exporter_run(exporter);
    if (error != 0) {
        wi_error_set(ret_error, "the exporter's thread cannot be started: %s", strerror(error));
        exporter_free(exporter);
        return error == ENOMEM ? WEIR_E_MEMORY : WEIR_E_SYSTEM;
    }
    if (status == WEIR_DEGRADED) {
        wi_error_set(ret_error, "%s", notice.text);
    }
    *ret_exporter = exporter;
    return status;
}

void wi_exporter_stop(struct wi_exporter *exporter)
{
    if (!exporter) {
        return;
    }
    wi_reactor_stop(&exporter->reactor);
    pthread_join(exporter->thread, NULL);
    exporter_free(exporter);
}

unsigned wi_exporter_http_port(const struct wi_exporter *exporter)
{
    return exporter->http ? wi_http_port(exporter->http) : 0;
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
    wi_world_abandon(exporter->world);
}
