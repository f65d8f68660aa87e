/* SPDX-License-Identifier: MIT */
/*
 * The exporter and the HTTP engine know each other only by two tables of operations. The engine is
 * in a library of its own, which a host without HTTP does not load (wire/module.h). It exports its
 * table as weir_agent_http.
 *
 *     exporter -- struct wi_http_module  --> engine: make it, run it, end it
 *     engine   -- struct wi_http_backend --> exporter: who is admitted, what the answer is
 *
 * The exporter's thread, except for making and destroying the engine.
 */
#ifndef WI_HTTP_ENGINE_H
#define WI_HTTP_ENGINE_H

#include "encode/prometheus.h"
#include "session/auth.h"
#include "snapshot/process_view.h"

/* One exposition. Owns: its holder, free(bytes). */
struct wi_http_body {
    uint8_t *bytes;
    size_t length;
    const char *type; /* Content-Type; static */
};

/* The operations of the exporter that the engine calls, within `run` and in its thread. Outlives the engine. */
struct wi_http_backend {
    void *context;
    struct wi_self *self; /* the counters of scrapes, refusals and protocol errors */
    struct wi_auth_ops auth;
    /* Brings the numbers up to date, to 250 ms. False: they cannot be read. */
    bool (*refresh)(void *context, uint64_t now_nanos);
    /* Makes an exposition of them. Owns: the caller. False: there is no memory. */
    bool (*expose)(void *context, enum wi_format format, struct wi_http_body *ret_body);
};

#define WI_HTTP_FRESH UINT64_C(250000000) /* nanoseconds for which the numbers are used again */

struct wi_http_engine;

struct wi_http_module {
    /* The build of the engine, first in every version of this struct: the rest is used only if it
     * is the exporter's own build. */
    char build_id[40];
    /* Owns: the listening socket is the engine's, also when this fails; the backend is borrowed.
     * Fails: WEIR_E_MEMORY, WEIR_E_SYSTEM: one line that names what is missing. */
    enum weir_status (*create)(int taken_listener, const struct wi_http_backend *backend,
                               struct wi_http_engine **ret_engine, struct weir_error *ret_error);
    void (*destroy)(struct wi_http_engine *engine);
    /* The host has closed the descriptors: none is used any more; `destroy` frees the rest. */
    void (*forget)(struct wi_http_engine *engine);
    /* In a forked child: closes the inherited descriptors, and frees nothing. */
    void (*abandon)(struct wi_http_engine *engine);
    /* The descriptor to poll for input. */
    int (*fd)(const struct wi_http_engine *engine);
    /* Does what is due; never blocks. Returns the milliseconds until it must be called again, -1: when
     * the descriptor is readable. */
    int (*run)(struct wi_http_engine *engine, uint64_t now_nanos);
};

#endif
