/* SPDX-License-Identifier: MIT */
/*
 * The internals of the exporter, for its own files only: clients.c (its connections), open.c
 * (creation, sockets, end) and exporter.c (the loop and its thread).
 */
#ifndef WI_WIRE_STATE_H
#define WI_WIRE_STATE_H

#include "wire/address.h"
#include "wire/auth_check.h"
#include "wire/budget.h"
#include "wire/conn.h"
#include "weir/exporter.h"
#include "wire/http.h"
#include "wire/keeper.h"
#include "wire/listener.h"
#include "wire/process_registry.h"

#include <pthread.h>
#include <semaphore.h>

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

/* Writes a line to the host's log, if it has one. */
void wi_exporter_log(struct wi_exporter *exporter, const char *line);

/* Sets the callbacks of both listeners: they accept connections and count those refused. */
void wi_exporter_watch_listeners(struct wi_exporter *exporter);

/* Serves a connected socket. Owns: the descriptor, also when this fails. False: no memory, or too
 * many clients. */
bool wi_exporter_accept(struct wi_exporter *exporter, int taken_fd, uint64_t now_nanos);

/* Frees the connections that are closed. */
void wi_exporter_reap(struct wi_exporter *exporter);

#endif
