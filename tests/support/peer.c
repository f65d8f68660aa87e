/* SPDX-License-Identifier: MIT */
/* The other side of a session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct answer *answer_of(struct peer *peer, int32_t id)
{
    for (size_t i = 0; i < peer->n_answers; i++) {
        if (peer->answers[i].id == id) {
            return &peer->answers[i];
        }
    }
    return NULL;
}

static int on_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name,
                     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
    (void)http;
    (void)flags;
    struct answer *answer = answer_of(user, frame->hd.stream_id);
    char *to = NULL;
    size_t room = 0;
    if (n_name == 11 && memcmp(name, "grpc-status", 11) == 0) {
        to = answer->status;
        room = sizeof(answer->status);
    } else if (n_name == 12 && memcmp(name, "grpc-message", 12) == 0) {
        to = answer->message;
        room = sizeof(answer->message);
    } else if (n_name == 7 && memcmp(name, ":status", 7) == 0) {
        to = answer->http_status;
        room = sizeof(answer->http_status);
    } else if (n_name == 20 && memcmp(name, "grpc-accept-encoding", 20) == 0) {
        to = answer->accepted;
        room = sizeof(answer->accepted);
    }
    if (to) {
        snprintf(to, room, "%.*s", (int)n_value, (const char *)value);
    }
    return 0;
}

static int on_data(nghttp2_session *http, uint8_t flags, int32_t id, const uint8_t *bytes, size_t n,
                   void *user)
{
    (void)http;
    (void)flags;
    struct answer *answer = answer_of(user, id);
    answer->bytes = realloc(answer->bytes, answer->n_bytes + n + 1);
    memcpy(answer->bytes + answer->n_bytes, bytes, n);
    answer->n_bytes += n;
    return 0;
}

static int on_close(nghttp2_session *http, int32_t id, uint32_t code, void *user)
{
    (void)http;
    struct answer *answer = answer_of(user, id);
    answer->is_closed = true;
    answer->reset = code;
    return 0;
}

static int on_frame(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
    (void)http;
    struct peer *peer = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        peer->has_goaway = true;
        peer->goaway = frame->goaway.error_code;
    }
    return 0;
}

static ssize_t on_body(nghttp2_session *http, int32_t id, uint8_t *bytes, size_t room,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)http;
    (void)source;
    struct answer *answer = answer_of(user, id);
    size_t left = answer->n_request - answer->n_requested;
    size_t n = left < room ? left : room;
    if (n == 0 && answer->stays_open) {
        return NGHTTP2_ERR_DEFERRED;
    }
    memcpy(bytes, answer->request + answer->n_requested, n);
    answer->n_requested += n;
    if (n == left && !answer->stays_open) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

/* A client; `window` of each stream, 0: the default. */
void peer_connect(struct peer *peer, uint32_t window)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option *option;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, window != 0);
    assert_int_equal(nghttp2_session_client_new2(&peer->http, callbacks, peer, option), 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window ? window : 65535}};
    nghttp2_submit_settings(peer->http, NGHTTP2_FLAG_NONE, settings, 1);
}

struct peer *peer_create(void)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    peer->view = fake_view_create("game");
    peer->memory.limit = (uint64_t)64 << 20;
    wi_buffer_init(&peer->scratch, WI_MESSAGE_ROOM);
    wi_process_views_init(&peer->views, false);
    assert_int_equal(wi_process_views_add(&peer->views, peer->view), WEIR_OK);
    peer->context =
        (struct wi_call_context){&peer->views, &peer->memory, &peer->scratch, "", "", "", NULL};
    peer->now = 1000 * SECOND;
    return peer;
}

bool peer_accept(struct peer *peer)
{
    return wi_session_create(&peer->context, wi_service_methods, wi_service_n_methods, peer->now,
                             &peer->session) == WEIR_OK;
}

int peer_set_up(void **state)
{
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    peer_connect(peer, 0);
    *state = peer;
    return 0;
}

void peer_destroy(struct peer *peer)
{
    wi_session_destroy(peer->session);
    nghttp2_session_del(peer->http);
    assert_int_equal(peer->memory.bytes, 0);
    for (size_t i = 0; i < peer->n_answers; i++) {
        free(peer->answers[i].bytes);
    }
    wi_buffer_finish(&peer->scratch);
    wi_process_views_finish(&peer->views);
    free(peer);
}

int peer_tear_down(void **state)
{
    peer_destroy(*state);
    return 0;
}

void peer_give(struct peer *peer, const uint8_t *bytes, size_t n)
{
    size_t piece = peer->piece ? peer->piece : n;
    for (size_t at = 0; at < n && peer->status == WEIR_OK; at += piece) {
        size_t part = n - at < piece ? n - at : piece;
        peer->status = wi_session_receive(peer->session, bytes + at, part, peer->now);
    }
}

/* One message's worth of bytes from the server; false: it has none. */
bool peer_take(struct peer *peer)
{
    const uint8_t *bytes;
    size_t n = 0;
    if (peer->status != WEIR_OK) {
        return false;
    }
    peer->status = wi_session_send(peer->session, peer->now, &bytes, &n);
    if (peer->status != WEIR_OK || n == 0) {
        return false;
    }
    size_t piece = peer->piece ? peer->piece : n;
    for (size_t at = 0; at < n; at += piece) {
        size_t part = n - at < piece ? n - at : piece;
        assert_int_equal(nghttp2_session_mem_recv(peer->http, bytes + at, part), part);
    }
    return true;
}

bool peer_send_all(struct peer *peer)
{
    const uint8_t *bytes;
    bool has_sent = false;
    for (;;) {
        ssize_t n = nghttp2_session_mem_send(peer->http, &bytes);
        if (n <= 0) {
            return has_sent;
        }
        peer_give(peer, bytes, (size_t)n);
        has_sent = true;
    }
}

/* Lets both sides speak until neither has more to say. */
void peer_converse(struct peer *peer)
{
    bool goes_on = true;
    while (goes_on && peer->status == WEIR_OK) {
        goes_on = peer_send_all(peer);
        while (peer_take(peer)) {
            goes_on = true;
        }
    }
}

/* Turns the clock and does what a loop does. */
void peer_pass(struct peer *peer, uint64_t nanos)
{
    peer->now += nanos;
    wi_process_view_refresh(peer->view, peer->now, NULL);
    wi_session_tick(peer->session, peer->now);
}

static nghttp2_nv field(const char *name, const char *value)
{
    nghttp2_nv f = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                    strlen(value), NGHTTP2_NV_FLAG_NONE};
    return f;
}

struct answer *peer_call_with(struct peer *peer, const char *path, const void *body, size_t n,
                              const char *extra, const char *value)
{
    nghttp2_nv fields[] = {field(":method", "POST"),
                           field(":scheme", "http"),
                           field(":path", path),
                           field(":authority", "localhost"),
                           field("te", "trailers"),
                           field("content-type", "application/grpc"),
                           field(extra ? extra : "x", extra ? value : "y")};
    for (size_t i = 0; extra && i < 6; i++) {
        if (strcmp((const char *)fields[i].name, extra) == 0) {
            fields[i] = fields[6];
            fields[6] = field("x", "y");
        }
    }
    struct answer *answer = &peer->answers[peer->n_answers++];
    answer->request = body;
    answer->n_request = n;
    nghttp2_data_provider provider = {.read_callback = on_body};
    answer->id = nghttp2_submit_request(peer->http, NULL, fields, 7, &provider, NULL);
    assert_true(answer->id > 0);
    return answer;
}

struct answer *peer_call_bytes(struct peer *peer, const char *method, const void *body, size_t n)
{
    char path[64];
    snprintf(path, sizeof(path), "/weir.v1.Agent/%s", method);
    return peer_call_with(peer, path, body, n, NULL, NULL);
}

static uint8_t packed[20][4096];
static size_t next_packed;

struct answer *peer_call(struct peer *peer, const char *method, const void *message)
{
    uint8_t *body = packed[next_packed++ % 20];
    size_t n = protobuf_c_message_get_packed_size(message);
    assert_true(n + 5 <= sizeof(packed[0]));
    memset(body, 0, 5);
    body[3] = (uint8_t)(n >> 8);
    body[4] = (uint8_t)n;
    protobuf_c_message_pack(message, body + 5);
    return peer_call_bytes(peer, method, body, n + 5);
}

static Weir__V1__Query query = WEIR__V1__QUERY__INIT;
static Weir__V1__Query *queries[] = {&query};

struct answer *peer_watch(struct peer *peer, uint32_t millis)
{
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    request.n_queries = 1;
    request.queries = queries;
    request.interval_millis = millis;
    return peer_call(peer, "Watch", &request);
}

struct answer *peer_describe(struct peer *peer)
{
    Weir__V1__DescribeRequest request = WEIR__V1__DESCRIBE_REQUEST__INIT;
    return peer_call(peer, "Describe", &request);
}

/* Complete messages of an answer; the last one's place in ret_last. */
static size_t messages(const struct answer *answer, const uint8_t **ret_last, size_t *ret_n)
{
    size_t count = 0;
    size_t at = 0;
    while (answer->n_bytes - at >= 5) {
        const uint8_t *p = answer->bytes + at;
        size_t n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
        assert_int_equal(p[0], 0);
        if (answer->n_bytes - at - 5 < n) {
            break;
        }
        *ret_last = p + 5;
        *ret_n = n;
        at += 5 + n;
        count++;
    }
    return count;
}

size_t answer_n_messages(const struct answer *answer)
{
    const uint8_t *last;
    size_t n;
    return messages(answer, &last, &n);
}

Weir__V1__Update *answer_last_update(const struct answer *answer)
{
    const uint8_t *last;
    size_t n;
    assert_true(messages(answer, &last, &n) > 0);
    Weir__V1__Update *update = weir__v1__update__unpack(NULL, n, last);
    assert_non_null(update);
    return update;
}

void answer_ended(const struct answer *answer, const char *status)
{
    assert_string_equal(answer->status, status);
    assert_true(answer->is_closed);
    assert_int_equal(answer->reset, NGHTTP2_NO_ERROR);
}
