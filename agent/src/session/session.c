/* SPDX-License-Identifier: MIT */
/*
 * gRPC over nghttp2. nghttp2 keeps no message of ours: it asks for bytes when the peer's windows and
 * the socket have room, and that a message has been taken whole is the sign that the next may be
 * made. Entering functions set session->now, which the callbacks use.
 */
#include "session/session.h"

#include "session/request.h"

#include <nghttp2/nghttp2.h>

#include <stdio.h>
#include <string.h>

#define SESSION_OUTBOUND_ACKS    64 /* PING and SETTINGS floods */
#define SESSION_CONTINUATIONS    8
#define SESSION_RESETS_BURST     1000 /* rapid reset: so many at once, then so many a second */
#define SESSION_RESETS_RATE      100
#define SESSION_SETTINGS_MAX     32
#define SESSION_QUIET_NANOS      UINT64_C(100000000)
#define SESSION_CODE_ROOM        4
#define SESSION_STATUS_ROOM      4
#define SESSION_TRAILER_FIELDS   5
#define SESSION_MESSAGE_IS_PLAIN 0

enum stream_state {
    STREAM_RECEIVING, /* the request */
    STREAM_ANSWERING, /* a call makes messages */
    STREAM_ENDING,    /* the trailers follow when what is in flight has been taken */
    STREAM_ENDED      /* all is handed to nghttp2 */
};

struct session_stream {
    struct session_stream *next;
    int32_t id;
    enum stream_state state;
    bool has_head;    /* response HEADERS are submitted */
    bool is_deferred; /* nghttp2 waits for wake-up */
    uint64_t begun_nanos;
    uint64_t deadline_nanos; /* of the caller; UINT64_MAX: none */
    uint64_t progress_nanos; /* when a byte in flight was taken last */
    struct wi_request request;
    struct wi_call *call;
    uint8_t *message; /* in flight */
    size_t n_message;
    size_t n_taken;
    struct wi_fault fault;
};

struct wi_session {
    const struct wi_call_context *context;
    const struct wi_method *methods;
    size_t n_methods;
    struct wi_memory memory;
    nghttp2_session *http;
    struct session_stream *streams;
    enum weir_status status; /* sticky */
    bool has_request;
    bool is_leaving;
    uint64_t now;
    uint64_t idle_since;
};

/* ---- memory ------------------------------------------------------------------------------ */

static void *session_malloc(size_t n, void *memory)
{
    return wi_memory_take(memory, n);
}

static void session_free(void *block, void *memory)
{
    wi_memory_return(memory, block);
}

static void *session_calloc(size_t n, size_t size, void *memory)
{
    return size && n > SIZE_MAX / size ? NULL : wi_memory_take_zeroed(memory, n * size);
}

static void *session_realloc(void *block, size_t n, void *memory)
{
    return wi_memory_resize(memory, block, n);
}

/* ---- streams ----------------------------------------------------------------------------- */

static struct wi_self *session_self(const struct wi_session *session)
{
    return wi_world_self(session->context->world);
}

static void session_note(struct wi_session *session, int result)
{
    if (result == NGHTTP2_ERR_NOMEM) {
        session->status = WEIR_E_MEMORY;
    }
}

static void stream_drop_message(struct wi_session *session, struct session_stream *stream)
{
    wi_memory_return(&session->memory, stream->message);
    stream->message = NULL;
    stream->n_message = 0;
    stream->n_taken = 0;
}

static void stream_drop_call(struct session_stream *stream)
{
    if (stream->call) {
        stream->call->type->destroy(stream->call);
        stream->call = NULL;
    }
}

static void stream_free(struct wi_session *session, struct session_stream *stream)
{
    stream_drop_call(stream);
    stream_drop_message(session, stream);
    wi_request_finish(&stream->request);
    wi_memory_return(&session->memory, stream);
}

static void stream_wake(struct wi_session *session, struct session_stream *stream)
{
    if (stream->is_deferred) {
        stream->is_deferred = false;
        session_note(session, nghttp2_session_resume_data(session->http, stream->id));
    }
}

static void stream_reset(struct wi_session *session, struct session_stream *stream, uint32_t code)
{
    stream_drop_call(stream);
    stream->state = STREAM_ENDED;
    session_note(session,
                 nghttp2_submit_rst_stream(session->http, NGHTTP2_FLAG_NONE, stream->id, code));
}

static nghttp2_nv session_field(const char *name, const char *value)
{
    nghttp2_nv field = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
    return field;
}

/* grpc-status and what belongs to it. The texts must live until nghttp2 has copied them. */
struct session_trailer {
    char code[SESSION_CODE_ROOM];
    char message[WI_RPC_MESSAGE_ROOM];
    nghttp2_nv fields[SESSION_TRAILER_FIELDS];
    size_t n_fields;
};

static void trailer_add_status(struct session_trailer *trailer, const struct wi_fault *fault,
                               bool is_compressed)
{
    snprintf(trailer->code, sizeof(trailer->code), "%d", (int)fault->code % 100);
    trailer->fields[trailer->n_fields++] = session_field("grpc-status", trailer->code);
    if (wi_rpc_message_write(fault->text, trailer->message, sizeof(trailer->message)) > 0) {
        trailer->fields[trailer->n_fields++] = session_field("grpc-message", trailer->message);
    }
    if (is_compressed) {
        trailer->fields[trailer->n_fields++] = session_field("grpc-accept-encoding", "identity");
    }
}

/* An answer of HEADERS alone, with the status in them. */
static void stream_answer_trailers_only(struct wi_session *session, struct session_stream *stream)
{
    struct session_trailer trailer = {.n_fields = 0};
    trailer.fields[trailer.n_fields++] = session_field(":status", "200");
    trailer.fields[trailer.n_fields++] = session_field("content-type", "application/grpc");
    trailer_add_status(&trailer, &stream->fault, stream->request.is_compressed);
    stream->has_head = true;
    stream->state = STREAM_ENDED;
    session_note(session, nghttp2_submit_response(session->http, stream->id, trailer.fields,
                                                  trailer.n_fields, NULL));
}

/* An answer for what is no gRPC request: 405, 415. */
static void stream_answer_http(struct wi_session *session, struct session_stream *stream)
{
    char status[SESSION_STATUS_ROOM];
    snprintf(status, sizeof(status), "%u", stream->request.http_status % 1000);
    nghttp2_nv fields[] = {session_field(":status", status), session_field("allow", "POST")};
    size_t n_fields = stream->request.http_status == 405 ? 2 : 1;
    stream->has_head = true;
    stream->state = STREAM_ENDED;
    session_note(session,
                 nghttp2_submit_response(session->http, stream->id, fields, n_fields, NULL));
}

/* Ends a call: the status goes out as soon as a message that has begun to leave has left. */
static void stream_end(struct wi_session *session, struct session_stream *stream,
                       const struct wi_fault *fault)
{
    if (stream->state == STREAM_ENDING || stream->state == STREAM_ENDED) {
        return;
    }
    stream_drop_call(stream);
    wi_request_finish(&stream->request);
    stream->fault = *fault;
    if (!stream->has_head) {
        stream_answer_trailers_only(session, stream);
        return;
    }
    if (stream->n_taken == 0) {
        stream_drop_message(session, stream);
    }
    stream->state = STREAM_ENDING;
    stream_wake(session, stream);
}

/* ---- messages ---------------------------------------------------------------------------- */

static bool stream_put_message(struct wi_session *session, struct session_stream *stream,
                               const struct wi_buffer *buffer)
{
    uint8_t *message = wi_memory_take(&session->memory, WI_RPC_PREFIX + buffer->length);
    if (!message) {
        return false;
    }
    message[0] = SESSION_MESSAGE_IS_PLAIN;
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
static void stream_produce(struct wi_session *session, struct session_stream *stream)
{
    struct wi_buffer *scratch = session->context->scratch;
    struct wi_call *call = stream->call;
    struct wi_fault fault = {WI_RPC_INTERNAL, ""};
    wi_buffer_clear(scratch);
    switch (call->type->next(call, session->now, scratch, &fault)) {
    case WI_CALL_MESSAGE:
        if (!stream_put_message(session, stream, scratch)) {
            wi_fault_set(&fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
            stream_end(session, stream, &fault);
            return;
        }
        session_self(session)->updates_sent++;
        stream_wake(session, stream);
        return;
    case WI_CALL_QUIET:
        if (call->due_nanos <= session->now) {
            call->due_nanos = session->now + SESSION_QUIET_NANOS;
        }
        return;
    case WI_CALL_END:
        stream_end(session, stream, &fault);
        return;
    }
}

static bool stream_is_due(const struct session_stream *stream, uint64_t now)
{
    return stream->state == STREAM_ANSWERING && stream->call->due_nanos <= now;
}

/* Makes the messages that are due and can leave. */
static bool session_pump(struct wi_session *session)
{
    bool has_pumped = false;
    for (struct session_stream *stream = session->streams; stream; stream = stream->next) {
        if (!stream->message && stream_is_due(stream, session->now)) {
            stream_produce(session, stream);
            has_pumped = true;
        }
    }
    return has_pumped;
}

/* nghttp2 asks for bytes of a stream's body. */
static ssize_t session_on_read(nghttp2_session *http, int32_t id, uint8_t *bytes, size_t room,
                               uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct wi_session *session = user;
    struct session_stream *stream = source->ptr;
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
    if (!stream->message && stream->state == STREAM_ENDING) {
        struct session_trailer trailer = {.n_fields = 0};
        trailer_add_status(&trailer, &stream->fault, false);
        if (nghttp2_submit_trailer(http, id, trailer.fields, trailer.n_fields) != 0) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        stream->state = STREAM_ENDED;
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        return (ssize_t)n;
    }
    if (n == 0) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

/* ---- requests ---------------------------------------------------------------------------- */

/* Answers HEADERS at once: a peer that waits for them should not wait for the first message. */
static void stream_answer_head(struct wi_session *session, struct session_stream *stream)
{
    nghttp2_nv fields[] = {session_field(":status", "200"),
                           session_field("content-type", "application/grpc")};
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = session_on_read};
    stream->has_head = true;
    session_note(session, nghttp2_submit_response(session->http, stream->id, fields,
                                                  sizeof(fields) / sizeof(fields[0]), &body));
}

static void stream_refuse(struct wi_session *session, struct session_stream *stream)
{
    session_self(session)->protocol_errors++;
    if (stream->request.http_status != 200) {
        stream_answer_http(session, stream);
    } else {
        struct wi_fault fault = stream->request.fault;
        stream_end(session, stream, &fault);
    }
}

static void stream_start(struct wi_session *session, struct session_stream *stream)
{
    const uint8_t *message;
    size_t n;
    if (!wi_request_end(&stream->request, &message, &n)) {
        stream_refuse(session, stream);
        return;
    }
    struct wi_fault fault = {WI_RPC_UNIMPLEMENTED, ""};
    const struct wi_method *method = NULL;
    for (size_t i = 0; i < session->n_methods; i++) {
        if (strcmp(session->methods[i].path, stream->request.path) == 0) {
            method = &session->methods[i];
        }
    }
    if (!method) {
        wi_fault_set(&fault, WI_RPC_UNIMPLEMENTED, "unknown method %s", stream->request.path);
        stream_end(session, stream, &fault);
    } else if (!method->start(session->context, &session->memory, message, n, session->now,
                              &stream->call, &fault)) {
        stream_end(session, stream, &fault);
    } else {
        wi_request_finish(&stream->request);
        stream->state = STREAM_ANSWERING;
        stream_answer_head(session, stream);
    }
}

static struct session_stream *session_stream(nghttp2_session *http, int32_t id)
{
    return nghttp2_session_get_stream_user_data(http, id);
}

static int session_on_begin_headers(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
    struct wi_session *session = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct session_stream *stream = wi_memory_take_zeroed(&session->memory, sizeof(*stream));
    if (!stream) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    stream->id = frame->hd.stream_id;
    stream->begun_nanos = session->now;
    stream->deadline_nanos = UINT64_MAX;
    wi_request_init(&stream->request, &session->memory);
    stream->next = session->streams;
    session->streams = stream;
    session->has_request = true;
    nghttp2_session_set_stream_user_data(http, stream->id, stream);
    return 0;
}

static int session_on_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name,
                             size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
                             void *user)
{
    (void)flags;
    (void)user;
    struct session_stream *stream = session_stream(http, frame->hd.stream_id);
    if (stream && stream->state == STREAM_RECEIVING && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        wi_request_add_header(&stream->request, (const char *)name, n_name, (const char *)value,
                              n_value);
    }
    return 0;
}

static void session_end_header(struct wi_session *session, struct session_stream *stream)
{
    if (!wi_request_end_header(&stream->request)) {
        stream_refuse(session, stream);
        return;
    }
    if (stream->request.timeout_nanos > 0) {
        stream->deadline_nanos = session->now + stream->request.timeout_nanos;
    }
}

static int session_on_frame(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
    struct wi_session *session = user;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct session_stream *stream = session_stream(http, frame->hd.stream_id);
    if (!stream || stream->state != STREAM_RECEIVING) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        session_end_header(session, stream);
    }
    if (stream->state == STREAM_RECEIVING && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        stream_start(session, stream);
    }
    return 0;
}

static int session_on_data(nghttp2_session *http, uint8_t flags, int32_t id, const uint8_t *bytes,
                           size_t n, void *user)
{
    (void)flags;
    struct wi_session *session = user;
    struct session_stream *stream = session_stream(http, id);
    if (stream && stream->state == STREAM_RECEIVING &&
        !wi_request_add_body(&stream->request, bytes, n)) {
        stream_refuse(session, stream);
    }
    return 0;
}

static int session_on_close(nghttp2_session *http, int32_t id, uint32_t code, void *user)
{
    (void)code;
    struct wi_session *session = user;
    struct session_stream *stream = session_stream(http, id);
    if (!stream) {
        return 0;
    }
    for (struct session_stream **at = &session->streams; *at; at = &(*at)->next) {
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    }
    nghttp2_session_set_stream_user_data(http, id, NULL);
    stream_free(session, stream);
    session->idle_since = session->now;
    return 0;
}

static int session_on_sent(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
    struct wi_session *session = user;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        session_self(session)->protocol_errors++;
    } else if (frame->hd.type == NGHTTP2_RST_STREAM &&
               frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
               frame->rst_stream.error_code != NGHTTP2_ENHANCE_YOUR_CALM) {
        session_self(session)->protocol_errors++;
    } else if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
               nghttp2_session_get_stream_remote_close(http, frame->hd.stream_id) == 0) {
        /* The answer is complete and the request is not: RFC 9113, 8.1. */
        session_note(session, nghttp2_submit_rst_stream(http, NGHTTP2_FLAG_NONE,
                                                        frame->hd.stream_id, NGHTTP2_NO_ERROR));
    }
    return 0;
}

/* ---- the session ------------------------------------------------------------------------- */

static int session_make_http(struct wi_session *session)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_mem mem = {&session->memory, session_malloc, session_free, session_calloc,
                       session_realloc};
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return NGHTTP2_ERR_NOMEM;
    }
    int result = nghttp2_option_new(&option);
    if (result != 0) {
        nghttp2_session_callbacks_del(callbacks);
        return result;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, session_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, session_on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, session_on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, session_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, session_on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, session_on_sent);
    nghttp2_option_set_max_outbound_ack(option, SESSION_OUTBOUND_ACKS);
    nghttp2_option_set_max_settings(option, SESSION_SETTINGS_MAX);
    nghttp2_option_set_max_continuations(option, SESSION_CONTINUATIONS);
    nghttp2_option_set_stream_reset_rate_limit(option, SESSION_RESETS_BURST, SESSION_RESETS_RATE);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_server_fallback_rfc7540_priorities(option, 0);
    result = nghttp2_session_server_new3(&session->http, callbacks, session, option, &mem);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return result;
}

enum weir_status wi_session_create(const struct wi_call_context *context,
                                   const struct wi_method *methods, size_t n_methods,
                                   uint64_t now_nanos, struct wi_session **ret_session)
{
    struct wi_session *session = wi_memory_take_zeroed(context->memory, sizeof(*session));
    if (!session) {
        return WEIR_E_MEMORY;
    }
    session->context = context;
    session->methods = methods;
    session->n_methods = n_methods;
    session->memory.parent = context->memory;
    session->memory.limit = WI_SESSION_MEMORY_BYTES;
    session->now = now_nanos;
    session->idle_since = now_nanos;
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, WI_SESSION_STREAMS_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, WI_REQUEST_HEADER_MAX},
    };
    if (session_make_http(session) != 0 ||
        nghttp2_submit_settings(session->http, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])) != 0) {
        wi_session_destroy(session);
        return WEIR_E_MEMORY;
    }
    *ret_session = session;
    return WEIR_OK;
}

void wi_session_destroy(struct wi_session *session)
{
    if (!session) {
        return;
    }
    nghttp2_session_del(session->http);
    while (session->streams) {
        struct session_stream *next = session->streams->next;
        stream_free(session, session->streams);
        session->streams = next;
    }
    wi_memory_return(session->context->memory, session);
}

enum weir_status wi_session_receive(struct wi_session *session, const uint8_t *bytes, size_t n,
                                    uint64_t now_nanos)
{
    session->now = now_nanos;
    if (session->status == WEIR_OK) {
        ssize_t taken = nghttp2_session_mem_recv(session->http, bytes, n);
        if (taken == NGHTTP2_ERR_NOMEM) {
            session->status = WEIR_E_MEMORY;
        } else if (taken < 0) {
            session->status = WEIR_E_PROTOCOL;
            session_self(session)->protocol_errors++;
        }
    }
    return session->status;
}

enum weir_status wi_session_send(struct wi_session *session, uint64_t now_nanos,
                                 const uint8_t **ret_bytes, size_t *ret_n)
{
    session->now = now_nanos;
    for (;;) {
        if (session->status != WEIR_OK) {
            return session->status;
        }
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(session->http, &bytes);
        if (n < 0) {
            session->status = n == NGHTTP2_ERR_NOMEM ? WEIR_E_MEMORY : WEIR_E_PROTOCOL;
        } else if (n > 0 || !session_pump(session)) {
            *ret_bytes = bytes;
            *ret_n = (size_t)n;
            return session->status;
        }
    }
}

static void stream_tick(struct wi_session *session, struct session_stream *stream)
{
    uint64_t now = session->now;
    struct wi_fault fault;
    if (stream->state == STREAM_ENDED) {
        return;
    }
    if (stream->message && now - stream->progress_nanos >= WI_SESSION_STALL_NANOS) {
        stream_reset(session, stream, NGHTTP2_ENHANCE_YOUR_CALM);
    } else if (stream->state == STREAM_RECEIVING &&
               now - stream->begun_nanos >= WI_SESSION_REQUEST_NANOS) {
        wi_fault_set(&fault, WI_RPC_DEADLINE_EXCEEDED, "the request did not come in time");
        stream_end(session, stream, &fault);
    } else if (now >= stream->deadline_nanos) {
        wi_fault_set(&fault, WI_RPC_DEADLINE_EXCEEDED, "the deadline has passed");
        stream_end(session, stream, &fault);
    } else if (stream_is_due(stream, now)) {
        if (!stream->message) {
            stream_produce(session, stream);
        } else if (stream->call->due_nanos > 0 && stream->call->type->skip) {
            stream->call->type->skip(stream->call, now);
        }
    }
}

static uint64_t session_idle_due(const struct wi_session *session)
{
    if (session->streams || session->is_leaving) {
        return UINT64_MAX;
    }
    return session->idle_since +
           (session->has_request ? WI_SESSION_IDLE_NANOS : WI_SESSION_REQUEST_NANOS);
}

void wi_session_tick(struct wi_session *session, uint64_t now_nanos)
{
    session->now = now_nanos;
    for (struct session_stream *stream = session->streams; stream; stream = stream->next) {
        stream_tick(session, stream);
    }
    if (now_nanos >= session_idle_due(session)) {
        session->is_leaving = true;
        session_note(session, nghttp2_session_terminate_session(session->http, NGHTTP2_NO_ERROR));
    }
}

uint64_t wi_session_world_due(const struct wi_session *session)
{
    uint64_t due = UINT64_MAX;
    for (struct session_stream *stream = session->streams; stream; stream = stream->next) {
        if (stream->state == STREAM_ANSWERING && stream->call->due_nanos < due &&
            !(stream->message && stream->call->due_nanos == 0)) {
            due = stream->call->due_nanos;
        }
    }
    return due;
}

uint64_t wi_session_due(const struct wi_session *session)
{
    uint64_t due = session_idle_due(session);
    for (struct session_stream *stream = session->streams; stream; stream = stream->next) {
        uint64_t at = UINT64_MAX;
        if (stream->state == STREAM_ENDED) {
            continue;
        }
        if (stream->message) {
            at = stream->progress_nanos + WI_SESSION_STALL_NANOS;
        } else if (stream->state == STREAM_RECEIVING) {
            at = stream->begun_nanos + WI_SESSION_REQUEST_NANOS;
        }
        if (stream->state != STREAM_ENDING && stream->deadline_nanos < at) {
            at = stream->deadline_nanos;
        }
        due = at < due ? at : due;
    }
    uint64_t world_due = wi_session_world_due(session);
    return world_due < due ? world_due : due;
}

void wi_session_farewell(struct wi_session *session, uint64_t now_nanos)
{
    session->now = now_nanos;
    if (session->is_leaving) {
        return;
    }
    session->is_leaving = true;
    session_note(session,
                 nghttp2_submit_goaway(session->http, NGHTTP2_FLAG_NONE,
                                       nghttp2_session_get_last_proc_stream_id(session->http),
                                       NGHTTP2_NO_ERROR, NULL, 0));
    struct wi_fault fault;
    wi_fault_set(&fault, WI_RPC_UNAVAILABLE, "the server ends");
    for (struct session_stream *stream = session->streams; stream; stream = stream->next) {
        stream_end(session, stream, &fault);
    }
}

bool wi_session_is_over(const struct wi_session *session)
{
    return session->status != WEIR_OK || (!nghttp2_session_want_read(session->http) &&
                                          !nghttp2_session_want_write(session->http));
}
