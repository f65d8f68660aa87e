/* SPDX-License-Identifier: MIT */
/*
 * The seam between what is said and how it travels: a call makes the next message for its peer, or
 * says that there is none yet. It knows nothing of HTTP/2, sockets or other calls; a session knows
 * nothing of what the messages mean. One thread.
 *
 *     request -> wi_method.start -> wi_call: next, next, ... (one message in flight) -> end
 */
#ifndef WI_SESSION_CALL_H
#define WI_SESSION_CALL_H

#include "encode/buffer.h"
#include "weir/memory.h"
#include "session/request.h"
#include "session/process_views.h"

/* What calls work on; shared by all sessions of an exporter. */
struct wi_call_context {
    struct wi_process_views *views;
    struct wi_memory *memory;  /* of the whole exporter; sessions draw on it */
    struct wi_buffer *scratch; /* where messages are made */
    const char *http_address;  /* "" without HTTP */
    const char *grpc_address;  /* of TCP; "" without */
    const char *notice;        /* what does not work as asked; "" */
};

struct wi_method;

/* One peer: what its calls have in common. */
struct wi_peer {
    struct wi_memory *memory; /* of its session */
    const struct wi_method
        *methods; /* that it can call, those of one service one after the other */
    size_t n_methods;
    bool is_paused;  /* tokio-console's Pause */
    unsigned pauses; /* times that is_paused has changed: a bell */
};

enum wi_call_next {
    WI_CALL_MESSAGE, /* the buffer holds one */
    WI_CALL_QUIET,   /* none now; due_nanos has moved on */
    WI_CALL_END      /* over: ret_fault says how, WI_RPC_OK included */
};

struct wi_call;

struct wi_call_type {
    /* Makes the next message in an empty buffer. */
    enum wi_call_next (*next)(struct wi_call *call, uint64_t now_nanos, struct wi_buffer *buffer,
                              struct wi_fault *ret_fault);
    /* A message was due by due_nanos and the one before it has not been taken: leaves it out, counts it,
     * and moves on. NULL: messages wait; then due_nanos stays 0. */
    void (*skip)(struct wi_call *call, uint64_t now_nanos);
    void (*destroy)(struct wi_call *call);
    /* What the call is about ends, and `next` is called once more. NULL: it need not know. */
    void (*leave)(struct wi_call *call);
};

struct wi_call {
    const struct wi_call_type *type;
    uint64_t due_nanos; /* when the next message is to be made; 0: as soon as it can leave */
    /* The next message is due as well when this number is another than `heard`; NULL: none. */
    const unsigned *bell;
    unsigned heard;
    bool has_answered; /* there was a message */
};

/* For a call of one answer: false, and true from the second time on. Then it is over, and ret_fault
 * says so. */
static inline bool wi_call_is_answered(struct wi_call *call, struct wi_fault *ret_fault)
{
    bool is_over = call->has_answered;
    if (is_over) {
        wi_fault_set(ret_fault, WI_RPC_OK, "%s", "");
    }
    call->has_answered = true;
    return is_over;
}

/* A method and how its calls begin. */
struct wi_method {
    const char *path; /* "/package.Service/Method" */
    bool is_of_all;   /* about the exporter: no process is chosen */
    /* The process and the peer outlive the call; the process is NULL with is_of_all.
     * Owns: ret_call is the caller's, type->destroy. False: ret_fault says why. */
    bool (*start)(const struct wi_call_context *context, struct wi_served *served,
                  struct wi_peer *peer, const uint8_t *request, size_t n, uint64_t now_nanos,
                  struct wi_call **ret_call, struct wi_fault *ret_fault);
};

#endif
