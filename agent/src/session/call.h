/* SPDX-License-Identifier: MIT */
/*
 * The seam between what is said and how it travels: a call makes the next message for its peer, or
 * says that there is none yet. It knows nothing of HTTP/2, sockets or other calls; a session knows
 * nothing of what the messages mean. One thread.
 *
 *     request -> wi_method.begin -> wi_call: next, next, ... (one message in flight) -> end
 */
#ifndef WI_SESSION_CALL_H
#define WI_SESSION_CALL_H

#include "encode/buffer.h"
#include "weir/memory.h"
#include "session/request.h"
#include "session/process_views.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;

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
    struct wi_memory *memory; /* where it lies: its session's */
    uint64_t due_nanos;       /* when the next message is to be made; 0: as soon as it can leave */
    /* The next message is due as well when this number is another than `heard`; NULL: none. */
    const unsigned *bell;
    unsigned heard;
    bool has_answered; /* there was a message */
};

/* What a call begins with. The process and the peer outlive the call. */
struct wi_call_start {
    const struct wi_call_context *context;
    struct wi_served *served; /* the process; NULL with is_of_all */
    struct wi_peer *peer;
    const uint8_t *request; /* one message */
    size_t n;
};

/* Begins a call. Owns: the caller, type->destroy. NULL: ret_fault says why. */
typedef struct wi_call *wi_call_begin(const struct wi_call_start *start,
                                      struct wi_fault *ret_fault);

/* A method and how its calls begin. */
struct wi_method {
    const char *path; /* "/package.Service/Method" */
    bool is_of_all;   /* about the exporter: no process is chosen */
    wi_call_begin *begin;
};

/* For wi_call_begin: a call of `size` bytes in the session's memory, 0 but for what struct wi_call has. NULL: no
 * memory, and ret_fault says so. */
void *wi_call_create(const struct wi_call_start *start, const struct wi_call_type *type,
                     size_t size, struct wi_fault *ret_fault);

/* The destroy of a call that owns nothing else. */
void wi_call_free(struct wi_call *call);

/* The request as a message of protobuf-c in the session's memory. Owns: the caller, wi_call_free_request. NULL: it is
 * none or there is no memory, and ret_fault says so. */
struct ProtobufCMessage *wi_call_unpack(const struct wi_call_start *start,
                                        const struct ProtobufCMessageDescriptor *descriptor,
                                        struct wi_fault *ret_fault);
void wi_call_free_request(struct wi_memory *memory, struct ProtobufCMessage *taken_request);

/* For `next`: ends the call with OK. */
enum wi_call_next wi_call_end(struct wi_fault *ret_fault);

/* For `next`: the buffer is the message, unless it had no memory. */
enum wi_call_next wi_call_tell(const struct wi_buffer *buffer, struct wi_fault *ret_fault);

/* For `next` of a call of one answer: whether it has given that, and from now on it has. */
bool wi_call_is_answered(struct wi_call *call);

#endif
