/* SPDX-License-Identifier: MIT */
/*
 * The exporter's thread.
 *
 *     wait: peers' bytes, new peers -> tick: read the views that are due -> HTTP -> send to each peer -> heartbeat -> rest
 *
 * A view is read when a message about it is due, and at least about once a second, so that rates
 * and the history continue. exporter_due says when the next work is due, and nothing is done
 * before.
 *
 * In a host the thread blocks all signals, lowers its priority, drops its capabilities, and rests
 * when it has used its share of a processor. All sessions together have 64 MiB. The thread never
 * waits for a peer: sockets do not block, and sessions and connections limit a slow or silent peer.
 * Between two steps it yields to threads that wait for the processor, and checks whether its
 * descriptors are still its own, because hosts close descriptors that they did not open.
 *
 * Once the thread runs, it alone uses struct wi_exporter, except for the fields that do not change
 * after the start, the flag and the pipe that ask it to stop, and the descriptors that a forked
 * child closes (wi_exporter_abandon). At the end peers get a goodbye and up to 500 ms to take it.
 */
#include "wire/state.h"

#include "segment/file.h"
#include "weir/atomic.h"
#include "weir/nanos.h"
#include "segment/segment.h"
#include "wire/priority.h"
#include "wire/rights.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EXPORTER_STACK_BYTES     ((size_t)512 << 10)
#define EXPORTER_SCRATCH_KEPT    ((size_t)256 << 10)
#define EXPORTER_GOODBYE_NANOS   UINT64_C(500000000)
#define EXPORTER_START_NANOS     100000000 /* the longest wait of the thread that starts it */
#define EXPORTER_NANOS_PER_MILLI UINT64_C(1000000)

/* ---- the process views -------------------------------------------------------------------------- */

/* Reads the views that are due; with `all`, every view that a scrape will show. */
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

/* Reads the process views of the messages that are due. */
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

static void exporter_run_http(struct wi_exporter *exporter, uint64_t now)
{
    if (!exporter->http || (!exporter->is_http_ready && now < exporter->http_due)) {
        return;
    }
    /* A scrape is answered from the process view as it is, so the view must be fresh. */
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
    wi_exporter_reap(exporter);
}

/* The program closed descriptors that it never opened; their numbers may be its own files by now. */
static void exporter_forget(struct wi_exporter *exporter)
{
    wi_http_forget(exporter->http);
    wi_add_relaxed(&wi_segment.descriptors_lost, 1);
    wi_exporter_log(
        exporter, "weir: the program has closed the exporter's descriptors, so nothing is served; "
                  "call weir_agent_stop and weir_agent_start");
}

static void exporter_goodbye(struct wi_exporter *exporter)
{
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
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
    wi_exporter_reap(exporter);
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

/* Rests when it has used more than its share of a processor. */
static void exporter_rest(struct wi_exporter *exporter, uint64_t now)
{
    if (exporter->budget.percent == 0) {
        return;
    }
    now = wi_nanos(CLOCK_MONOTONIC);
    uint64_t nanos = wi_budget_check(&exporter->budget, now, wi_nanos(CLOCK_THREAD_CPUTIME_ID));
    if (nanos > 0) {
        wi_reactor_rest(&exporter->reactor, nanos);
        exporter->registry.views.self->rested_nanos += wi_nanos(CLOCK_MONOTONIC) - now;
    }
}

/* The work between two waits. Before each step it checks whether the descriptors are still ours, as
 * a turn may take long and libmicrohttpd does not check. */
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
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
    wi_budget_init(&exporter->budget, exporter->cpu_percent, now,
                   wi_nanos(CLOCK_THREAD_CPUTIME_ID));
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

/* All sockets are bound by now. An attacker that takes over the thread that reads from the network
 * must not have all rights of root. */
static void exporter_give_up_rights(struct wi_exporter *exporter)
{
    if (exporter->is_guest && !wi_rights_drop()) {
        char line[160];
        snprintf(line, sizeof(line), "weir: the exporter's thread keeps its capabilities: %s",
                 strerror(errno));
        wi_exporter_log(exporter, line);
    }
}

static void *exporter_main(void *context)
{
    struct wi_exporter *exporter = context;
    pthread_setname_np(pthread_self(), "weir-agent");
    exporter_give_up_rights(exporter);
    sem_post(
        &exporter->has_started); /* as long as this thread is scheduled like the one that waits */
    wi_priority_lower();
    wi_exporter_loop(exporter);
    return NULL;
}

/* The host may restrict itself after the start, so the thread must have given up its rights by
 * then. The wait is limited: a sandbox or a debugger may delay a new thread, which is not the
 * host's fault. */
static void exporter_await_start(struct wi_exporter *exporter)
{
    uint64_t until = wi_nanos(CLOCK_MONOTONIC) + EXPORTER_START_NANOS;
    struct timespec end = {(time_t)(until / WI_SECOND), (long)(until % WI_SECOND)};
    while (sem_clockwait(&exporter->has_started, CLOCK_MONOTONIC, &end) != 0 && errno == EINTR) {
    }
}

/* ---- starting and stopping --------------------------------------------------------------- */

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
        /* For a host with much thread-local storage: the default is larger. */
        error = pthread_create(&exporter->thread, NULL, exporter_main, exporter);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0) {
        exporter_await_start(exporter);
    }
    return error;
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
