/* SPDX-License-Identifier: MIT */
/*
 * gRPC over nghttp2: the connection. It has no socket and no clock.
 *
 *     bytes -> wi_session_receive -> nghttp2 -> callbacks here -> a stream's request -> its call
 *     call -> message of a stream -> nghttp2 -> wi_session_send -> bytes
 *
 * wi_session_tick makes the messages that are due. wi_session_send asks nghttp2 for bytes; when it
 * has none that can leave, it makes what has become due and asks again. Each entry sets
 * session->now, which the callbacks use.
 *
 * The session owns its streams, at most 32, and frees each when nghttp2 closes it. All memory, that
 * of nghttp2 included, is counted: 16 MiB for a session, within what the exporter has for all. A
 * peer that lies or floods is limited by nghttp2's limits (resets, pings, settings, continuations)
 * and by the length of its unpacked header. After the first error the status stays; conn.c then
 * closes the connection. A connection without a stream ends after 60 s, or after 10 s if no request
 * of it was ever admitted. The exporter's thread.
 */
#include "session/session.h"

#include "session/stream.h"
#include "weir/expect.h"

#define SESSION_OUTBOUND_ACKS 64 /* PING and SETTINGS floods */
#define SESSION_CONTINUATIONS 8
#define SESSION_RESETS_BURST  1000 /* rapid reset: so many at once, then so many a second */
#define SESSION_RESETS_RATE   100
#define SESSION_SETTINGS_MAX  32
#define SESSION_HEADER_MAX    (4 * WI_REQUEST_HEADER_MAX) /* unpacked; a longer one ends it */

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

/* ---- what nghttp2 reports ----------------------------------------------------------------- */

static struct wi_stream *session_stream(nghttp2_session *http, int32_t id)
{
    return nghttp2_session_get_stream_user_data(http, id);
}

static int session_on_begin_headers(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
    struct wi_session *session = user;
    session->header_bytes = 0;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct wi_stream *stream = wi_memory_take_zeroed(&session->memory, sizeof(*stream));
    if (!stream) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    stream->id = frame->hd.stream_id;
    stream->begun_nanos = session->now;
    stream->deadline_nanos = UINT64_MAX;
    wi_request_init(&stream->request, &session->memory);
    stream->request.auth = session->auth;
    stream->next = session->streams;
    session->streams = stream;
    session->has_request |= !session->auth;
    nghttp2_session_set_stream_user_data(http, stream->id, stream);
    return 0;
}

static int session_on_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name,
                             size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
                             void *user)
{
    (void)flags;
    struct wi_session *session = user;
    session->header_bytes += n_name + n_value + WI_REQUEST_FIELD_OVERHEAD;
    if (session->header_bytes > SESSION_HEADER_MAX) {
        /* HPACK makes 4 KiB out of one byte, and each header field costs the time of 4 KiB. */
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    struct wi_stream *stream = session_stream(http, frame->hd.stream_id);
    if (stream && stream->state == WI_STREAM_RECEIVING &&
        frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        wi_request_add_header(&stream->request, (const char *)name, n_name, (const char *)value,
                              n_value);
    }
    return 0;
}

static void session_end_header(struct wi_session *session, struct wi_stream *stream)
{
    if (!wi_request_end_header(&stream->request)) {
        wi_stream_refuse(session, stream);
        return;
    }
    session->has_request = true;
    if (stream->request.timeout_nanos > 0) {
        stream->deadline_nanos = session->now + stream->request.timeout_nanos;
    }
    wi_stream_route(session, stream);
}

static int session_on_frame(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
    struct wi_session *session = user;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct wi_stream *stream = session_stream(http, frame->hd.stream_id);
    if (!stream || stream->state != WI_STREAM_RECEIVING) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        session_end_header(session, stream);
    }
    if (stream->state == WI_STREAM_RECEIVING && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        wi_stream_start(session, stream);
    }
    return 0;
}

static int session_on_data(nghttp2_session *http, uint8_t flags, int32_t id, const uint8_t *bytes,
                           size_t n, void *user)
{
    (void)flags;
    struct wi_session *session = user;
    struct wi_stream *stream = session_stream(http, id);
    if (stream && stream->state == WI_STREAM_RECEIVING &&
        !wi_request_add_body(&stream->request, bytes, n)) {
        wi_stream_refuse(session, stream);
    }
    return 0;
}

static int session_on_close(nghttp2_session *http, int32_t id, uint32_t code, void *user)
{
    (void)code;
    struct wi_session *session = user;
    struct wi_stream *stream = session_stream(http, id);
    if (!stream) {
        return 0;
    }
    struct wi_stream **at = &session->streams;
    while (*at && *at != stream) {
        at = &(*at)->next;
    }
    nghttp2_session_set_stream_user_data(http, id, NULL);
    if (!WI_EXPECT(*at)) {
        return 0; /* freed already */
    }
    *at = stream->next;
    wi_stream_free(session, stream);
    session->idle_since = session->now;
    return 0;
}

static int session_on_sent(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
    struct wi_session *session = user;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        session->context->views->self->protocol_errors++;
    } else if (frame->hd.type == NGHTTP2_RST_STREAM &&
               frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
               frame->rst_stream.error_code != NGHTTP2_ENHANCE_YOUR_CALM) {
        session->context->views->self->protocol_errors++;
    } else if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
               nghttp2_session_get_stream_remote_close(http, frame->hd.stream_id) == 0) {
        /* The answer is complete and the request is not: RFC 9113, 8.1. */
        wi_stream_note(session, nghttp2_submit_rst_stream(http, NGHTTP2_FLAG_NONE,
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
    session->peer.methods = methods;
    session->peer.n_methods = n_methods;
    session->memory.parent = context->memory;
    session->memory.limit = WI_SESSION_MEMORY_BYTES;
    session->peer.memory = &session->memory;
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
        struct wi_stream *next = session->streams->next;
        wi_stream_free(session, session->streams);
        session->streams = next;
    }
    wi_memory_return(session->context->memory, session);
}

void wi_session_guard(struct wi_session *session, const struct wi_auth_ops *auth)
{
    session->auth = auth;
}

bool wi_session_is_known(const struct wi_session *session)
{
    return session->has_request;
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
            session->context->views->self->protocol_errors++;
        }
    }
    return session->status;
}

/* Makes the messages that are due and can leave. */
static bool session_pump(struct wi_session *session)
{
    bool has_pumped = false;
    for (struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        if (!stream->message && wi_stream_is_due(stream, session->now)) {
            wi_stream_produce(session, stream);
            has_pumped = true;
        }
    }
    return has_pumped;
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
    for (struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        wi_stream_tick(session, stream);
    }
    if (now_nanos >= session_idle_due(session)) {
        session->is_leaving = true;
        wi_stream_note(session, nghttp2_session_terminate_session(session->http, NGHTTP2_NO_ERROR));
    }
}

uint64_t wi_session_view_due(const struct wi_session *session)
{
    uint64_t due = UINT64_MAX;
    for (struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        if (stream->state == WI_STREAM_ANSWERING && stream->call->due_nanos < due &&
            !(stream->message && stream->call->due_nanos == 0)) {
            due = stream->call->due_nanos;
        }
    }
    return due;
}

void wi_session_want(const struct wi_session *session, uint64_t now_nanos)
{
    for (const struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        if (stream->served && wi_stream_is_due(stream, now_nanos) &&
            !(stream->message && stream->call->due_nanos == 0)) {
            stream->served->is_wanted = true;
        }
    }
}

bool wi_session_is_watched(const struct wi_session *session)
{
    for (const struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        if (stream->state == WI_STREAM_ANSWERING && stream->call->type->skip) {
            return true;
        }
    }
    return false;
}

bool wi_session_is_sending(const struct wi_session *session)
{
    for (const struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        if (stream->message || stream->state == WI_STREAM_RECEIVING) {
            return true;
        }
    }
    return false;
}

uint64_t wi_session_due(const struct wi_session *session)
{
    uint64_t due = session_idle_due(session);
    for (const struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        uint64_t at = wi_stream_due(stream);
        due = at < due ? at : due;
    }
    uint64_t view_due = wi_session_view_due(session);
    return view_due < due ? view_due : due;
}

void wi_session_goodbye(struct wi_session *session, uint64_t now_nanos)
{
    session->now = now_nanos;
    if (session->is_leaving) {
        return;
    }
    session->is_leaving = true;
    wi_stream_note(session,
                   nghttp2_submit_goaway(session->http, NGHTTP2_FLAG_NONE,
                                         nghttp2_session_get_last_proc_stream_id(session->http),
                                         NGHTTP2_NO_ERROR, NULL, 0));
    struct wi_fault fault;
    wi_fault_set(&fault, WI_RPC_UNAVAILABLE, "the server is ending");
    for (struct wi_stream *stream = session->streams; stream; stream = stream->next) {
        wi_stream_goodbye(session, stream, &fault);
    }
}

bool wi_session_is_over(const struct wi_session *session)
{
    return session->status != WEIR_OK || (!nghttp2_session_want_read(session->http) &&
                                          !nghttp2_session_want_write(session->http));
}
