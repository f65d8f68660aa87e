/* SPDX-License-Identifier: MIT */
/*
 * WatchTaskDetails, WatchState, Pause and Resume. A pause wakes the peer's other calls, so that
 * they react at once and need not poll for it.
 */
#include "session/tokio.h"

#include "encode/tokio.h"
#include "session/clock.h"
#include "weir/unpack.h"

#include <inttypes.h>

struct tokio_call {
    struct wi_call call; /* first */
    struct wi_served *served;
    struct wi_peer *peer;
    struct wi_clock clock;
    uint64_t task;
    bool pauses;
};

static struct tokio_call *tokio_self(struct wi_call *call)
{
    return (struct tokio_call *)(void *)call;
}

static struct tokio_call *tokio_create(const struct wi_call_start *start,
                                       const struct wi_call_type *type, struct wi_fault *ret_fault)
{
    struct tokio_call *self = wi_call_create(start, type, sizeof(*self), ret_fault);
    if (self) {
        self->call.bell = &start->peer->pauses;
        self->call.heard = start->peer->pauses;
        self->served = start->served;
        self->peer = start->peer;
    }
    return self;
}

/* The peer has not taken the message before it. */
static void tokio_skip(struct wi_call *call, uint64_t now_nanos)
{
    call->due_nanos = now_nanos + WI_TOKIO_INTERVAL_NANOS;
}

/* ---- WatchState ---------------------------------------------------------------------------- */

static enum wi_call_next tokio_state_next(struct wi_call *call, uint64_t now_nanos,
                                          struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct tokio_call *self = tokio_self(call);
    call->heard = self->peer->pauses;
    call->due_nanos = now_nanos + WI_TOKIO_INTERVAL_NANOS;
    wi_tokio_state(buffer, self->peer->is_paused);
    return wi_call_tell(buffer, ret_fault);
}

struct wi_call *wi_tokio_watch_state(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {tokio_state_next, tokio_skip, wi_call_free, NULL};
    return (struct wi_call *)tokio_create(start, &type, ret_fault);
}

/* ---- Pause and Resume ---------------------------------------------------------------------- */

static enum wi_call_next tokio_pause_next(struct wi_call *call, uint64_t now_nanos,
                                          struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    (void)now_nanos;
    struct tokio_call *self = tokio_self(call);
    if (wi_call_is_answered(call)) {
        return wi_call_end(ret_fault);
    }
    if (self->peer->is_paused != self->pauses) {
        self->peer->is_paused = self->pauses;
        self->peer->pauses++;
    }
    return wi_call_tell(buffer, ret_fault); /* an empty message */
}

static struct wi_call *tokio_set_pause(const struct wi_call_start *start, bool pauses,
                                       struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {tokio_pause_next, NULL, wi_call_free, NULL};
    struct tokio_call *self = tokio_create(start, &type, ret_fault);
    if (self) {
        self->call.bell = NULL;
        self->pauses = pauses;
    }
    return (struct wi_call *)self;
}

struct wi_call *wi_tokio_pause(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    return tokio_set_pause(start, true, ret_fault);
}

struct wi_call *wi_tokio_resume(const struct wi_call_start *start, struct wi_fault *ret_fault)
{
    return tokio_set_pause(start, false, ret_fault);
}

/* ---- WatchTaskDetails ---------------------------------------------------------------------- */

static bool tokio_has_task(const struct wi_process_view *view, uint64_t id)
{
    struct wi_task_sample sample;
    return wi_process_view_task(view, (size_t)(id & UINT32_MAX), &sample) && sample.id == id;
}

static enum wi_call_next tokio_details_next(struct wi_call *call, uint64_t now_nanos,
                                            struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    struct tokio_call *self = tokio_self(call);
    struct wi_process_view *view = self->served->view;
    call->heard = self->peer->pauses;
    if (self->peer->is_paused && call->has_answered) {
        call->due_nanos = UINT64_MAX;
        return WI_CALL_QUIET;
    }
    call->due_nanos = now_nanos + WI_TOKIO_INTERVAL_NANOS;
    if (self->served->status != WEIR_OK) {
        return WI_CALL_QUIET; /* nothing is known of the task at present */
    }
    if (!tokio_has_task(view, self->task)) {
        return wi_call_end(ret_fault);
    }
    call->has_answered = true;
    wi_tokio_details(buffer, view, self->task, wi_clock_now(&self->clock, view));
    return wi_call_tell(buffer, ret_fault);
}

/* The task that a TaskDetailsRequest asks for. */
static bool tokio_asked_task(const uint8_t *request, size_t n, uint64_t *ret_id,
                             struct wi_fault *ret_fault)
{
    struct wi_unpack unpack = wi_unpack_over(request, n);
    struct wi_field field;
    bool is_bad = false;
    *ret_id = 0;
    while (wi_unpack_next(&unpack, &field)) {
        if (field.number == 1 && field.type == WI_FIELD_BYTES) {
            uint64_t id = wi_unpack_number(field.bytes, 1);
            is_bad |= !wi_unpack_is_message(field.bytes);
            *ret_id = id ? id : *ret_id;
        }
    }
    if (unpack.is_bad || is_bad) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "the request is not a TaskDetailsRequest");
        return false;
    }
    if (*ret_id == 0) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT,
                     "the request names no task: give the id of one of the tasks");
    }
    return *ret_id != 0;
}

struct wi_call *wi_tokio_watch_task_details(const struct wi_call_start *start,
                                            struct wi_fault *ret_fault)
{
    static const struct wi_call_type type = {tokio_details_next, tokio_skip, wi_call_free, NULL};
    uint64_t task;
    if (!tokio_asked_task(start->request, start->n, &task, ret_fault)) {
        return NULL;
    }
    if (!tokio_has_task(start->served->view, task)) {
        wi_fault_set(ret_fault, WI_RPC_NOT_FOUND, "there is no task %" PRIu64, task);
        return NULL;
    }
    struct tokio_call *self = tokio_create(start, &type, ret_fault);
    if (self) {
        self->task = task;
    }
    return (struct wi_call *)self;
}
