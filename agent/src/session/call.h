/* SPDX-License-Identifier: MIT */
/*
 * The interface between messages and their transport. A call makes the next message for its peer,
 * or reports that there is none yet. It does not know HTTP/2, sockets or other calls; a session
 * does not know what the messages mean. One thread.
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

/* The context of all calls; shared by all sessions of an exporter. */
struct wi_call_context {
    struct wi_process_views *views;
    struct wi_memory *memory;  /* of the whole exporter; sessions draw on it */
    struct wi_buffer *scratch; /* where messages are made */
    const char *http_address;  /* "" without HTTP */
    const char *grpc_address;  /* of TCP; "" without */
    const char *notice;        /* the parts that could not be opened; "" */
    const unsigned *refreshes; /* Watch and Subscribe send after each; NULL: at their intervals */
};

struct wi_method;

/* One peer: the part that its calls have in common. */
struct wi_peer {
    struct wi_memory *memory;        /* of its session */
    const struct wi_method *methods; /* that it can call; those of one service stand together */
    size_t n_methods;
    bool is_paused;  /* tokio-console's Pause */
    unsigned pauses; /* times that is_paused has changed; it wakes the other calls */
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
    /* A message was due by due_nanos, and the peer has not taken the one before: leaves it out,
     * counts it, and moves on. NULL: messages wait; then due_nanos stays 0. */
    void (*skip)(struct wi_call *call, uint64_t now_nanos);
    void (*destroy)(struct wi_call *call);
    /* The process or exporter that the call is about ends; `next` is called once more. NULL: the
     * call need not know. */
    void (*leave)(struct wi_call *call);
};

struct wi_call {
    const struct wi_call_type *type;
    struct wi_memory *memory; /* that holds the call: its session's */
    uint64_t due_nanos;       /* when the next message is to be made; 0: as soon as it can leave */
    /* The next message is also due when this number differs from `heard`; NULL: none. */
    const unsigned *bell;
    unsigned heard;
    bool has_answered; /* there was a message */
};

/* The arguments of a new call. The process and the peer outlive the call. */
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

/* For wi_method.begin: allocates a call of `size` bytes in the session's memory, all 0 except
 * struct wi_call. NULL: no memory, and ret_fault says so. */
void *wi_call_create(const struct wi_call_start *start, const struct wi_call_type *type,
                     size_t size, struct wi_fault *ret_fault);

/* The `destroy` of a call that owns nothing else. */
void wi_call_free(struct wi_call *call);

/* The request as a message of protobuf-c in the session's memory. Owns: the caller,
 * wi_call_free_request. NULL: the request is invalid or there is no memory, and ret_fault says so. */
struct ProtobufCMessage *wi_call_unpack(const struct wi_call_start *start,
                                        const struct ProtobufCMessageDescriptor *descriptor,
                                        struct wi_fault *ret_fault);
void wi_call_free_request(struct wi_memory *memory, struct ProtobufCMessage *taken_request);

/* For `next`: ends the call with OK. */
enum wi_call_next wi_call_end(struct wi_fault *ret_fault);

/* For `next`: the buffer is the message, unless it had no memory. */
enum wi_call_next wi_call_tell(const struct wi_buffer *buffer, struct wi_fault *ret_fault);

/* For `next` of a call with one answer: returns whether the answer was made before, and marks it as
 * made. */
bool wi_call_is_answered(struct wi_call *call);

#endif
