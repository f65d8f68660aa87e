/* SPDX-License-Identifier: MIT */
/*
 * One stream: its request, its call, and the one message that is in flight.
 *
 * The input is the pieces of a request from session.c; nghttp2 reads the output by stream_on_read.
 * nghttp2 keeps no copy of a message: it asks for bytes when the peer's windows and the socket have
 * room. The stream owns the message, in the session's bounded memory, and frees it when its last
 * byte has been taken. Only then the next one may be made, so at most one message of a stream
 * exists.
 *
 * When the peer is slow, a message that falls due meanwhile is not made. The call's `skip` leaves
 * it out and counts it. A call without `skip` waits, for example Snapshot. A peer that takes no
 * byte for 10 s has its stream reset. A request must be complete within 10 s, and the caller's own
 * deadline is kept.
 *
 * The stream holds its process until the call is over, so that a process that has ended is still
 * there for the last message. A call that is ended early (a fault, a deadline) drops a message of
 * which no byte has left; else its status follows the message. The exporter's thread.
 */
#include "session/stream.h"

#include "weir/expect.h"

#include <stdio.h>
#include <string.h>

#define STREAM_QUIET_NANOS      UINT64_C(100000000)
#define STREAM_CODE_ROOM        4
#define STREAM_STATUS_ROOM      4
#define STREAM_TRAILER_FIELDS   5
#define STREAM_MESSAGE_IS_PLAIN 0

void wi_stream_note(struct wi_session *session, int result)
{
    if (result == NGHTTP2_ERR_NOMEM) {
        session->status = WEIR_E_MEMORY;
    }
}

static void stream_drop_message(struct wi_session *session, struct wi_stream *stream)
{
    wi_memory_return(&session->memory, stream->message);
    stream->message = NULL;
    stream->n_message = 0;
    stream->n_taken = 0;
}

static void stream_drop_call(struct wi_stream *stream)
{
    if (stream->call) {
        stream->call->type->destroy(stream->call);
        stream->call = NULL;
    }
    wi_process_views_release(stream->served);
    stream->served = NULL;
}

void wi_stream_free(struct wi_session *session, struct wi_stream *stream)
{
    stream_drop_call(stream);
    stream_drop_message(session, stream);
    wi_request_finish(&stream->request);
    wi_memory_return(&session->memory, stream);
}

static void stream_wake(struct wi_session *session, struct wi_stream *stream)
{
    if (stream->is_deferred) {
        stream->is_deferred = false;
        wi_stream_note(session, nghttp2_session_resume_data(session->http, stream->id));
    }
}

static void stream_reset(struct wi_session *session, struct wi_stream *stream, uint32_t code)
{
    stream_drop_call(stream);
    stream->state = WI_STREAM_ENDED;
    wi_stream_note(session,
                   nghttp2_submit_rst_stream(session->http, NGHTTP2_FLAG_NONE, stream->id, code));
}

static nghttp2_nv stream_field(const char *name, const char *value)
{
    nghttp2_nv field = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
    return field;
}

/* grpc-status and its text. The texts must live until nghttp2 has copied them. */
struct stream_trailer {
    char code[STREAM_CODE_ROOM];
    char message[WI_RPC_MESSAGE_ROOM];
    nghttp2_nv fields[STREAM_TRAILER_FIELDS];
    size_t n_fields;
};

static void trailer_add_status(struct stream_trailer *trailer, const struct wi_fault *fault,
                               bool is_compressed)
{
    snprintf(trailer->code, sizeof(trailer->code), "%d", (int)fault->code % 100);
    trailer->fields[trailer->n_fields++] = stream_field("grpc-status", trailer->code);
    if (wi_rpc_message_write(fault->text, trailer->message, sizeof(trailer->message)) > 0) {
        trailer->fields[trailer->n_fields++] = stream_field("grpc-message", trailer->message);
    }
    if (is_compressed) {
        trailer->fields[trailer->n_fields++] = stream_field("grpc-accept-encoding", "identity");
    }
}

/* An answer that is only HEADERS, with the status in them. */
static void stream_answer_trailers_only(struct wi_session *session, struct wi_stream *stream)
{
    struct stream_trailer trailer = {.n_fields = 0};
    trailer.fields[trailer.n_fields++] = stream_field(":status", "200");
    trailer.fields[trailer.n_fields++] = stream_field("content-type", "application/grpc");
    trailer_add_status(&trailer, &stream->fault, stream->request.is_compressed);
    stream->has_head = true;
    stream->state = WI_STREAM_ENDED;
    wi_stream_note(session, nghttp2_submit_response(session->http, stream->id, trailer.fields,
                                                    trailer.n_fields, NULL));
}

/* An answer to a request that is not gRPC: 405, 415. */
static void stream_answer_http(struct wi_session *session, struct wi_stream *stream)
{
    char status[STREAM_STATUS_ROOM];
    snprintf(status, sizeof(status), "%u", stream->request.http_status % 1000);
    nghttp2_nv fields[] = {stream_field(":status", status), stream_field("allow", "POST")};
    size_t n_fields = stream->request.http_status == 405 ? 2 : 1;
    stream->has_head = true;
    stream->state = WI_STREAM_ENDED;
    wi_stream_note(session,
                   nghttp2_submit_response(session->http, stream->id, fields, n_fields, NULL));
}

/* Sends the status after the message in flight. */
static void stream_finish(struct wi_session *session, struct wi_stream *stream,
                          const struct wi_fault *fault)
{
    stream->fault = *fault;
    stream_drop_call(stream);
    wi_request_finish(&stream->request);
    stream->state = WI_STREAM_ENDING;
    stream->progress_nanos = session->now;
    stream_wake(session, stream);
}

/* Ends a call: the status follows as soon as a message that has begun to leave has left. */
static void stream_end(struct wi_session *session, struct wi_stream *stream,
                       const struct wi_fault *fault)
{
    if (stream->state == WI_STREAM_ENDING || stream->state == WI_STREAM_ENDED) {
        return;
    }
    if (!stream->has_head) {
        stream_drop_call(stream);
        wi_request_finish(&stream->request);
        stream->fault = *fault;
        stream_answer_trailers_only(session, stream);
        return;
    }
    if (stream->n_taken == 0) {
        stream_drop_message(session, stream);
    }
    stream_finish(session, stream, fault);
}

/* Whether bytes must leave before nghttp2 asks again: a message, or the status, which a closed
 * window of the peer also holds back. */
static bool stream_is_waiting(const struct wi_stream *stream)
{
    return stream->message || stream->state == WI_STREAM_ENDING;
}

static bool stream_put_message(struct wi_session *session, struct wi_stream *stream,
                               const struct wi_buffer *buffer)
{
    bool is_whole = WI_EXPECT(!buffer->has_failed && buffer->length <= buffer->room);
    uint8_t *message =
        is_whole ? wi_memory_take(&session->memory, WI_RPC_PREFIX + buffer->length) : NULL;
    if (!message) {
        return false;
    }
    message[0] = STREAM_MESSAGE_IS_PLAIN;
    for (int i = 0; i < 4; i++) {
        message[1 + i] = (uint8_t)(buffer->length >> (24 - 8 * i));
    }
    if (buffer->length > 0) {
        memcpy(message + WI_RPC_PREFIX, buffer->bytes, buffer->length);
    }
    stream->message = message;
    stream->n_message = WI_RPC_PREFIX + buffer->length;
    stream->n_taken = 0;
    stream->progress_nanos = session->now;
    return true;
}

/* Makes the next message; none is in flight. */
void wi_stream_produce(struct wi_session *session, struct wi_stream *stream)
{
    struct wi_buffer *scratch = session->context->scratch;
    struct wi_call *call = stream->call;
    struct wi_fault fault = {WI_RPC_INTERNAL, ""};
    if (!WI_EXPECT(stream->state == WI_STREAM_ANSWERING && call && !stream->message)) {
        return;
    }
    wi_buffer_clear(scratch);
    switch (call->type->next(call, session->now, scratch, &fault)) {
    case WI_CALL_MESSAGE:
        if (!stream_put_message(session, stream, scratch)) {
            wi_fault_set(&fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
            stream_end(session, stream, &fault);
            return;
        }
        session->context->views->self->updates_sent++;
        stream_wake(session, stream);
        return;
    case WI_CALL_QUIET:
        if (call->due_nanos <= session->now) {
            call->due_nanos = session->now + STREAM_QUIET_NANOS;
        }
        return;
    case WI_CALL_END:
        stream_end(session, stream, &fault);
        return;
    }
}

bool wi_stream_is_due(const struct wi_stream *stream, uint64_t now)
{
    const struct wi_call *call = stream->call;
    return stream->state == WI_STREAM_ANSWERING &&
           (call->due_nanos <= now || (call->bell && *call->bell != call->heard));
}

/* nghttp2 asks for bytes of a stream's body. */
static ssize_t stream_on_read(nghttp2_session *http, int32_t id, uint8_t *bytes, size_t room,
                              uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct wi_session *session = user;
    struct wi_stream *stream = source->ptr;
    if (!WI_EXPECT(stream->id == id && stream->n_taken <= stream->n_message)) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    size_t left = stream->n_message - stream->n_taken;
    size_t n = left < room ? left : room;
    if (n > 0) {
        memcpy(bytes, stream->message + stream->n_taken, n);
        stream->n_taken += n;
        stream->progress_nanos = session->now;
        if (stream->n_taken == stream->n_message) {
            stream_drop_message(session, stream);
        }
    }
    if (!stream->message && stream->state == WI_STREAM_ENDING) {
        struct stream_trailer trailer = {.n_fields = 0};
        trailer_add_status(&trailer, &stream->fault, false);
        if (nghttp2_submit_trailer(http, id, trailer.fields, trailer.n_fields) != 0) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        stream->state = WI_STREAM_ENDED;
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        return (ssize_t)n;
    }
    if (n == 0) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

/* Sends HEADERS at once: a peer that waits for them should not wait for the first message. */
static void stream_answer_head(struct wi_session *session, struct wi_stream *stream)
{
    nghttp2_nv fields[] = {stream_field(":status", "200"),
                           stream_field("content-type", "application/grpc")};
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = stream_on_read};
    stream->has_head = true;
    wi_stream_note(session, nghttp2_submit_response(session->http, stream->id, fields,
                                                    sizeof(fields) / sizeof(fields[0]), &body));
}

void wi_stream_refuse(struct wi_session *session, struct wi_stream *stream)
{
    struct wi_self *self = session->context->views->self;
    if (wi_request_is_refused(&stream->request)) {
        self->clients_rejected++;
    } else {
        self->protocol_errors++;
    }
    if (stream->request.http_status != 200) {
        stream_answer_http(session, stream);
    } else {
        struct wi_fault fault = stream->request.fault;
        stream_end(session, stream, &fault);
    }
}

/* Chooses the process that the request names, unless that was done and the process still lives. */
static bool stream_choose(struct wi_session *session, struct wi_stream *stream,
                          struct wi_fault *ret_fault)
{
    if (stream->method->is_of_all || (stream->served && wi_served_is_there(stream->served))) {
        return true;
    }
    wi_process_views_release(stream->served);
    stream->served = NULL;
    return wi_process_views_choose(session->context->views, stream->request.target, &stream->served,
                                   ret_fault);
}

void wi_stream_route(struct wi_session *session, struct wi_stream *stream)
{
    struct wi_fault fault = {WI_RPC_UNIMPLEMENTED, ""};
    for (size_t i = 0; i < session->peer.n_methods && !stream->method; i++) {
        if (strcmp(session->peer.methods[i].path, stream->request.path) == 0) {
            stream->method = &session->peer.methods[i];
        }
    }
    if (!stream->method) {
        wi_fault_set(&fault, WI_RPC_UNIMPLEMENTED, "unknown method %s", stream->request.path);
        stream_end(session, stream, &fault);
    } else if (!stream_choose(session, stream, &fault)) {
        stream_end(session, stream, &fault);
    }
}

void wi_stream_start(struct wi_session *session, struct wi_stream *stream)
{
    struct wi_call_start start = {.context = session->context, .peer = &session->peer};
    if (!wi_request_end(&stream->request, &start.request, &start.n)) {
        wi_stream_refuse(session, stream);
        return;
    }
    struct wi_fault fault = {WI_RPC_UNIMPLEMENTED, ""};
    if (WI_EXPECT(stream->method && !stream->call) && stream_choose(session, stream, &fault)) {
        start.served = stream->served;
        stream->call = stream->method->begin(&start, &fault);
    }
    if (!stream->call || !WI_EXPECT(stream->call->memory == &session->memory)) {
        stream_end(session, stream, &fault);
    } else {
        wi_request_finish(&stream->request);
        stream->state = WI_STREAM_ANSWERING;
        stream_answer_head(session, stream);
    }
}

/* Whether an endless stream is about a process that has ended. */
static bool stream_has_outlived(const struct wi_stream *stream)
{
    return stream->state == WI_STREAM_ANSWERING && stream->served && stream->served->has_ended &&
           stream->call->type->skip;
}

/* Sends the last message, unless another is in flight, and then the end. */
static void stream_leave(struct wi_session *session, struct wi_stream *stream,
                         const struct wi_fault *fault)
{
    if (!stream->message) {
        if (stream->call->type->leave) {
            stream->call->type->leave(stream->call);
        }
        wi_stream_produce(session, stream);
    }
    if (stream->state == WI_STREAM_ANSWERING) {
        stream_finish(session, stream, fault);
    }
}

void wi_stream_goodbye(struct wi_session *session, struct wi_stream *stream,
                       const struct wi_fault *fault)
{
    if (stream->state == WI_STREAM_ANSWERING && stream->call->type->leave) {
        stream_leave(session, stream, fault);
    } else {
        stream_end(session, stream, fault);
    }
}

/* The process's last numbers. */
static void stream_tell_end(struct wi_session *session, struct wi_stream *stream)
{
    struct wi_fault fault;
    const struct wi_facts *facts = wi_process_view_facts(stream->served->view);
    wi_fault_set(&fault, WI_RPC_UNAVAILABLE, "%s (pid %u) has ended", facts->name,
                 (unsigned)facts->pid);
    stream_leave(session, stream, &fault);
}

void wi_stream_tick(struct wi_session *session, struct wi_stream *stream)
{
    uint64_t now = session->now;
    struct wi_fault fault;
    if (stream->state == WI_STREAM_ENDED) {
        return;
    }
    if (stream_is_waiting(stream) && now - stream->progress_nanos >= WI_SESSION_STALL_NANOS) {
        stream_reset(session, stream, NGHTTP2_ENHANCE_YOUR_CALM);
    } else if (stream->state == WI_STREAM_RECEIVING &&
               now - stream->begun_nanos >= WI_SESSION_REQUEST_NANOS) {
        wi_fault_set(&fault, WI_RPC_DEADLINE_EXCEEDED, "the request did not come in time");
        stream_end(session, stream, &fault);
    } else if (now >= stream->deadline_nanos) {
        wi_fault_set(&fault, WI_RPC_DEADLINE_EXCEEDED, "the deadline has passed");
        stream_end(session, stream, &fault);
    } else if (stream_has_outlived(stream)) {
        stream_tell_end(session, stream);
    } else if (wi_stream_is_due(stream, now)) {
        if (!stream->message) {
            wi_stream_produce(session, stream);
        } else if (stream->call->due_nanos > 0 && stream->call->due_nanos <= now &&
                   stream->call->type->skip) {
            stream->call->type->skip(stream->call, now);
        }
    }
}

uint64_t wi_stream_due(const struct wi_stream *stream)
{
    uint64_t due = UINT64_MAX;
    if (stream->state == WI_STREAM_ENDED) {
        return due;
    }
    if (stream_is_waiting(stream)) {
        due = stream->progress_nanos + WI_SESSION_STALL_NANOS;
    } else if (stream->state == WI_STREAM_RECEIVING) {
        due = stream->begun_nanos + WI_SESSION_REQUEST_NANOS;
    }
    bool has_deadline = stream->state != WI_STREAM_ENDING && stream->deadline_nanos < due;
    return has_deadline ? stream->deadline_nanos : due;
}
