/* SPDX-License-Identifier: MIT */
/*
 * The exporter: process views, one reactor, its sockets. A thread of its own in a host (weir_agent_start)
 * and in the console, for a segment that nobody serves; the whole program in `weir serve`.
 */
#ifndef WI_EXPORTER_H
#define WI_EXPORTER_H

#include "weir/find.h"
#include "weir/row.h"

struct wi_exporter;

struct wi_exporter_options {
    const char *socket_path; /* a unix socket to listen on, mode 0600; NULL: none */
    int taken_fd;            /* one connected stream socket to serve; -1: none. Closed at the end */
    const char *grpc;        /* as WEIR_GRPC; NULL or "": none */
    const char *http;        /* as WEIR_HTTP; NULL or "": none */
    const char *http_hosts;  /* for both */
    const char *token_file;  /* as WEIR_TOKEN_FILE; NULL or "": none */
    unsigned cpu_percent;    /* of one processor that its thread may take; 0: no limit */
    bool must_have_all;      /* failing to open any part is a failure */
    bool without_process_metrics;
    bool is_guest; /* its thread gives up rights that it does not need in a host (wire/rights.h) */
    bool is_finding; /* serves the processes that it finds; they come and go */
    const char *const
        *targets;       /* serves only processes that match one of these (wire/process_registry.h);
                           borrowed */
    size_t n_targets;   /* 0: all */
    const char *notice; /* the parts that could not be opened, known before; NULL: none */
    weir_log_fn log;    /* from the exporter's thread */
    void *log_context;
    /* Called when all parts are open, and then about every heartbeat_nanos while the loop lives;
     * NULL: none. */
    void (*on_heartbeat)(void *context, uint64_t now_nanos);
    void *heartbeat_context;
    uint64_t heartbeat_nanos;
};

/*
 * Makes all parts except the thread. The caller then runs wi_exporter_loop, until another thread or
 * a signal handler calls wi_exporter_ask_stop. The process view is NULL with is_finding. Owns and
 * fails as wi_exporter_start.
 */
enum weir_status wi_exporter_open(struct wi_process_view *taken_view,
                                  const struct wi_exporter_options *options,
                                  struct wi_exporter **ret_exporter, struct weir_error *ret_error);
void wi_exporter_loop(struct wi_exporter *exporter);
void wi_exporter_ask_stop(struct wi_exporter *exporter);
void wi_exporter_close(struct wi_exporter *exporter); /* after the loop; NULL is fine */

/*
 * Starts the thread. Owns: the exporter closes the process view, also when this fails.
 * Fails: WEIR_DEGRADED when it runs without one of the sockets, and says which; WEIR_E_SYSTEM,
 * WEIR_E_MEMORY: nothing runs.
 */
enum weir_status wi_exporter_start(struct wi_process_view *taken_view,
                                   const struct wi_exporter_options *options,
                                   struct wi_exporter **ret_exporter, struct weir_error *ret_error);

/* Ends the streams (at most 500 ms), joins the thread and frees. NULL is allowed. */
void wi_exporter_stop(struct wi_exporter *exporter);

/* Processes that are served and live. The exporter's thread. */
size_t wi_exporter_processes(const struct wi_exporter *exporter);

/* The ports that are bound; 0: none. They do not change once it has started; any thread. */
unsigned wi_exporter_http_port(const struct wi_exporter *exporter);
unsigned wi_exporter_grpc_port(const struct wi_exporter *exporter);

/* As bound; "" without. Owns: the exporter's. */
const char *wi_exporter_http_address(const struct wi_exporter *exporter);
const char *wi_exporter_grpc_address(const struct wi_exporter *exporter);

/* Whether the calling thread is the exporter's own, which cannot stop the exporter. */
bool wi_exporter_is_self(const struct wi_exporter *exporter);

/* In a forked child, which does not have the thread: closes the inherited descriptors, so that the
 * parent's peers and ports are the parent's alone. Frees nothing: the fork may have happened in the
 * middle of a change. */
void wi_exporter_abandon(struct wi_exporter *exporter);

/* Whether a segment's process lives and matches a target: a pid, a service's name, or the path of a
 * segment; NULL: any. */
bool wi_process_registry_fits(const struct wi_found *found, const char *target);

/* Removes a socket on which nobody listens; any other file stays. Fails: WEIR_E_ARGUMENT (path too
 * long), WEIR_E_STATE (a server listens there), WEIR_E_SYSTEM: one line. */
enum weir_status wi_listener_clear(const char *path, struct weir_error *ret_error);

#endif
