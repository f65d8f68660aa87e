/* SPDX-License-Identifier: MIT */
/*
 * Check, Watch and List. The services are those whose methods the peer can call. All have one
 * status, the same as /healthz: whether the host's process can be read. `weir serve` is serving
 * even if there is no process.
 */
#include "session/health.h"

#include "encode/pack.h"
#include "weir/unpack.h"

#include <string.h>

/* HealthCheckResponse.ServingStatus; 0 is UNKNOWN. */
enum health_status {
    HEALTH_UNKNOWN = 0,
    HEALTH_SERVING = 1,
    HEALTH_NOT_SERVING = 2,
    HEALTH_SERVICE_UNKNOWN = 3
};

struct health_call {
    struct wi_call call; /* first */
    const struct wi_process_views *views;
    struct wi_peer *peer;
    bool is_known; /* the requested service */
    bool is_leaving;
    enum health_status told; /* HEALTH_UNKNOWN: none yet */
};

static struct health_call *health_self(struct wi_call *call)
{
    return (struct health_call *)(void *)call;
}

static struct health_call *health_create(const struct wi_call_start *start,
                                         const struct wi_call_type *type,
                                         struct wi_fault *ret_fault)
{
    struct health_call *self = wi_call_create(start, type, sizeof(*self), ret_fault);
    if (self) {
        self->views = start->context->views;
        self->peer = start->peer;
    }
    return self;
}

/* ---- services ------------------------------------------------------------------------------ */

/* The service in "/package.Service/Method". */
static const char *health_service(const struct wi_method *method, size_t *ret_n)
{
    const char *name = method->path + 1;
    *ret_n = strcspn(name, "/");
    return name;
}

/* Whether a method belongs to another service than the one before it: the methods of a service
 * stand together. */
static bool health_is_first(const struct wi_method *methods, size_t index)
{
    size_t n, n_before;
    const char *name = health_service(&methods[index], &n);
    if (index == 0) {
        return true;
    }
    const char *before = health_service(&methods[index - 1], &n_before);
    return n != n_before || memcmp(name, before, n) != 0;
}

static bool health_knows(const struct wi_peer *peer, const struct wi_unpack *asked)
{
    size_t n_asked = wi_unpack_length(asked);
    bool is_known = n_asked == 0;
    for (size_t i = 0; i < peer->n_methods && !is_known; i++) {
        size_t n;
        const char *name = health_service(&peer->methods[i], &n);
        is_known = n == n_asked && memcmp(name, asked->at, n) == 0;
    }
    return is_known;
}

/* Reads a HealthCheckRequest. */
static bool health_read(const struct wi_call_start *start, bool *ret_is_known,
                        struct wi_fault *ret_fault)
{
    struct wi_unpack unpack = wi_unpack_over(start->request, start->n);
    struct wi_field field;
    *ret_is_known = true;
    while (wi_unpack_next(&unpack, &field)) {
        if (field.number == 1 && field.type == WI_FIELD_BYTES) {
            *ret_is_known = health_knows(start->peer, &field.bytes);
        }
    }
    if (unpack.is_bad) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "the request is not a HealthCheckRequest");
    }
    return !unpack.is_bad;
}

static enum health_status health_now(const struct health_call *self)
{
    const struct wi_process_views *views = self->views;
    bool is_well = views->is_changing || !views->first || views->first->status == WEIR_OK;
    return is_well && !self->is_leaving ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

/* ---- Check and List ------------------------------------------------------------------------ */

static enum wi_call_next health_check_next(struct wi_call *call, uint64_t now_nanos,
                                           struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct health_call *self = health_self(call);
    (void)now_nanos;
    if (wi_call_is_answered(call)) {
        return wi_call_end(ret_fault);
    }
    wi_pack_u64(buffer, 1, health_now(self));
    return wi_call_tell(buffer, ret_fault);
}

struct wi_call *wi_health_check(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {health_check_next, NULL, wi_call_free, NULL};
    bool is_known;
    if (!health_read(start, &is_known, ret_fault)) {
        return NULL;
    }
    if (!is_known) {
        wi_fault_set(ret_fault, WI_RPC_NOT_FOUND,
                     "there is no such service here: List names the services");
        return NULL;
    }
    return (struct wi_call *)health_create(start, &type, ret_fault);
}

static void health_list_one(struct wi_buffer *buffer, const char *name, size_t n,
                            enum health_status status)
{
    size_t entry = wi_pack_begin(buffer, 1);
    if (n > 0) {
        wi_pack_bytes_always(buffer, 1, name, n);
    }
    size_t answer = wi_pack_begin(buffer, 2);
    wi_pack_u64(buffer, 1, status);
    wi_pack_end(buffer, answer);
    wi_pack_end(buffer, entry);
}

static enum wi_call_next health_list_next(struct wi_call *call, uint64_t now_nanos,
                                          struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct health_call *self = health_self(call);
    (void)now_nanos;
    if (wi_call_is_answered(call)) {
        return wi_call_end(ret_fault);
    }
    health_list_one(buffer, "", 0, health_now(self));
    const struct wi_method *methods = self->peer->methods;
    for (size_t i = 0; i < self->peer->n_methods; i++) {
        if (health_is_first(methods, i)) {
            size_t n;
            const char *name = health_service(&methods[i], &n);
            health_list_one(buffer, name, n, health_now(self));
        }
    }
    return wi_call_tell(buffer, ret_fault);
}

struct wi_call *wi_health_list(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {health_list_next, NULL, wi_call_free, NULL};
    return (struct wi_call *)health_create(start, &type, ret_fault);
}

/* ---- Watch --------------------------------------------------------------------------------- */

static enum wi_call_next health_watch_next(struct wi_call *call, uint64_t now_nanos,
                                           struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct health_call *self = health_self(call);
    enum health_status status = self->is_known ? health_now(self) : HEALTH_SERVICE_UNKNOWN;
    call->due_nanos = now_nanos + WI_HEALTH_INTERVAL_NANOS;
    if (status == self->told) {
        return WI_CALL_QUIET;
    }
    self->told = status;
    wi_pack_u64(buffer, 1, status);
    return wi_call_tell(buffer, ret_fault);
}

/* The peer has not taken the message before it. */
static void health_skip(struct wi_call *call, uint64_t now_nanos)
{
    call->due_nanos = now_nanos + WI_HEALTH_INTERVAL_NANOS;
}

static void health_leave(struct wi_call *call)
{
    health_self(call)->is_leaving = true;
}

struct wi_call *wi_health_watch(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {health_watch_next, health_skip, wi_call_free,
                                             health_leave};
    bool is_known;
    if (!health_read(start, &is_known, ret_fault)) {
        return NULL;
    }
    struct health_call *self = health_create(start, &type, ret_fault);
    if (self) {
        self->is_known = is_known;
    }
    return (struct wi_call *)self;
}
