/* SPDX-License-Identifier: MIT */
/*
 * The internals of a session, shared by session.c (the connection: nghttp2's reports, limits, idle
 * time) and stream.c (one call). Functions here use session->now. One thread.
 */
#ifndef WI_SESSION_STREAM_H
#define WI_SESSION_STREAM_H

#include "session/request.h"
#include "session/session.h"

#include <nghttp2/nghttp2.h>

enum wi_stream_state {
    WI_STREAM_RECEIVING, /* the request */
    WI_STREAM_ANSWERING, /* a call makes messages */
    WI_STREAM_ENDING,    /* the trailers follow when the peer has taken the message in flight */
    WI_STREAM_ENDED      /* nghttp2 has everything */
};

struct wi_stream {
    struct wi_stream *next;
    int32_t id;
    enum wi_stream_state state;
    bool has_head;    /* response HEADERS are submitted */
    bool is_deferred; /* nghttp2 waits until it is resumed */
    uint64_t begun_nanos;
    uint64_t deadline_nanos; /* the caller's deadline; UINT64_MAX: none */
    uint64_t progress_nanos; /* when the peer last took a byte, or the call ended */
    struct wi_request request;
    const struct wi_method *method; /* NULL: the header is not complete, or names no method */
    struct wi_call *call;
    struct wi_served *served; /* of the call: held; NULL: none */
    uint8_t *message;         /* in flight */
    size_t n_message;
    size_t n_taken;
    struct wi_fault fault;
};

struct wi_session {
    const struct wi_call_context *context;
    const struct wi_auth_ops *auth; /* NULL: open */
    struct wi_memory memory;
    struct wi_peer peer;
    nghttp2_session *http;
    struct wi_stream *streams;
    enum weir_status status; /* the first error stays */
    bool has_request;        /* a request that was admitted */
    bool is_leaving;
    size_t header_bytes; /* bytes of the header that is being read */
    uint64_t now;
    uint64_t idle_since;
};

/* Notes that nghttp2 had no memory: the session cannot continue. */
void wi_stream_note(struct wi_session *session, int result);

/* Frees a stream that is in no list any more. */
void wi_stream_free(struct wi_session *session, struct wi_stream *stream);

/* Ends a call because the exporter ends, after its last message if it has one. */
void wi_stream_goodbye(struct wi_session *session, struct wi_stream *stream,
                       const struct wi_fault *fault);

/* Answers a request with its fault. */
void wi_stream_refuse(struct wi_session *session, struct wi_stream *stream);

/* The header is complete: finds the method and the process that it names, or refuses. A caller may
 * wait for this before it ends its side. */
void wi_stream_route(struct wi_session *session, struct wi_stream *stream);

/* The request is complete: begins the call, or refuses. */
void wi_stream_start(struct wi_session *session, struct wi_stream *stream);

/* Whether a message is due, and makes it; none is in flight then. */
bool wi_stream_is_due(const struct wi_stream *stream, uint64_t now);
void wi_stream_produce(struct wi_session *session, struct wi_stream *stream);

/* Deadlines, stalls, and the message that is due. wi_stream_due: the next time of these, except
 * that of the message. */
void wi_stream_tick(struct wi_session *session, struct wi_stream *stream);
uint64_t wi_stream_due(const struct wi_stream *stream);

#endif
