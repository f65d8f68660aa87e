/* SPDX-License-Identifier: MIT */
/* The gRPC session without sockets: an nghttp2 client on the other side, a world that the test sets,
 * and a clock that it turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "encode/weir.h"
#include "fake_world.h"
#include "session/service.h"
#include "session/session.h"

#include "weir/v1/agent.pb-c.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MILLI  UINT64_C(1000000)

/* What the client knows of one call. */
struct answer {
    int32_t id;
    char status[16]; /* grpc-status, "" before */
    char http_status[16];
    char message[800];
    char accepted[32];
    uint8_t *bytes;
    size_t n_bytes;
    bool is_closed;
    uint32_t reset;
    const uint8_t *request;
    size_t n_request;
    size_t n_requested;
    bool stays_open; /* the request never ends */
};

struct peer {
    struct wi_world *world;
    struct wi_memory memory;
    struct wi_buffer scratch;
    struct wi_call_context context;
    struct wi_session *session;
    nghttp2_session *http;
    uint64_t now;
    size_t piece; /* bytes at a time; 0: as they come */
    bool has_goaway;
    uint32_t goaway;
    enum weir_status status;
    struct answer answers[48];
    size_t n_answers;
};

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
static void peer_connect(struct peer *peer, uint32_t window)
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

static struct peer *peer_create(void)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    peer->world = fake_world_create("game");
    peer->memory.limit = (uint64_t)64 << 20;
    wi_buffer_init(&peer->scratch, WI_MESSAGE_ROOM);
    peer->context = (struct wi_call_context){peer->world, &peer->memory, &peer->scratch, "", ""};
    peer->now = 1000 * SECOND;
    return peer;
}

static bool peer_accept(struct peer *peer)
{
    return wi_session_create(&peer->context, wi_service_methods, wi_service_n_methods, peer->now,
                             &peer->session) == WEIR_OK;
}

static int set_up(void **state)
{
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    peer_connect(peer, 0);
    *state = peer;
    return 0;
}

static void peer_destroy(struct peer *peer)
{
    wi_session_destroy(peer->session);
    nghttp2_session_del(peer->http);
    assert_int_equal(peer->memory.bytes, 0);
    for (size_t i = 0; i < peer->n_answers; i++) {
        free(peer->answers[i].bytes);
    }
    wi_buffer_finish(&peer->scratch);
    wi_world_close(peer->world);
    free(peer);
}

static int tear_down(void **state)
{
    peer_destroy(*state);
    return 0;
}

static void give(struct peer *peer, const uint8_t *bytes, size_t n)
{
    size_t piece = peer->piece ? peer->piece : n;
    for (size_t at = 0; at < n && peer->status == WEIR_OK; at += piece) {
        size_t part = n - at < piece ? n - at : piece;
        peer->status = wi_session_receive(peer->session, bytes + at, part, peer->now);
    }
}

/* One message's worth of bytes from the server; false: it has none. */
static bool take(struct peer *peer)
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

static bool send_all(struct peer *peer)
{
    const uint8_t *bytes;
    bool has_sent = false;
    for (;;) {
        ssize_t n = nghttp2_session_mem_send(peer->http, &bytes);
        if (n <= 0) {
            return has_sent;
        }
        give(peer, bytes, (size_t)n);
        has_sent = true;
    }
}

/* Lets both sides speak until neither has more to say. */
static void converse(struct peer *peer)
{
    bool goes_on = true;
    while (goes_on && peer->status == WEIR_OK) {
        goes_on = send_all(peer);
        while (take(peer)) {
            goes_on = true;
        }
    }
}

/* Turns the clock and does what a loop does. */
static void pass(struct peer *peer, uint64_t nanos)
{
    peer->now += nanos;
    wi_world_refresh(peer->world, peer->now, NULL);
    wi_session_tick(peer->session, peer->now);
}

static nghttp2_nv field(const char *name, const char *value)
{
    nghttp2_nv f = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                    strlen(value), NGHTTP2_NV_FLAG_NONE};
    return f;
}

static struct answer *call_with(struct peer *peer, const char *path, const void *body, size_t n,
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

static struct answer *call_bytes(struct peer *peer, const char *method, const void *body, size_t n)
{
    char path[64];
    snprintf(path, sizeof(path), "/weir.v1.Agent/%s", method);
    return call_with(peer, path, body, n, NULL, NULL);
}

static uint8_t packed[20][4096];
static size_t next_packed;

static struct answer *call(struct peer *peer, const char *method, const void *message)
{
    uint8_t *body = packed[next_packed++ % 20];
    size_t n = protobuf_c_message_get_packed_size(message);
    assert_true(n + 5 <= sizeof(packed[0]));
    memset(body, 0, 5);
    body[3] = (uint8_t)(n >> 8);
    body[4] = (uint8_t)n;
    protobuf_c_message_pack(message, body + 5);
    return call_bytes(peer, method, body, n + 5);
}

static Weir__V1__Query query = WEIR__V1__QUERY__INIT;
static Weir__V1__Query *queries[] = {&query};

static struct answer *watch(struct peer *peer, uint32_t millis)
{
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    request.n_queries = 1;
    request.queries = queries;
    request.interval_millis = millis;
    return call(peer, "Watch", &request);
}

static struct answer *describe(struct peer *peer)
{
    Weir__V1__DescribeRequest request = WEIR__V1__DESCRIBE_REQUEST__INIT;
    return call(peer, "Describe", &request);
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

static size_t n_messages(const struct answer *answer)
{
    const uint8_t *last;
    size_t n;
    return messages(answer, &last, &n);
}

static Weir__V1__Update *last_update(const struct answer *answer)
{
    const uint8_t *last;
    size_t n;
    assert_true(messages(answer, &last, &n) > 0);
    Weir__V1__Update *update = weir__v1__update__unpack(NULL, n, last);
    assert_non_null(update);
    return update;
}

static void ended(const struct answer *answer, const char *status)
{
    assert_string_equal(answer->status, status);
    assert_true(answer->is_closed);
    assert_int_equal(answer->reset, NGHTTP2_NO_ERROR);
}

/* ---- what is answered -------------------------------------------------------------------- */

static void describe_answers_and_ends(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = describe(peer);
    converse(peer);
    assert_int_equal(n_messages(answer), 1);
    assert_string_equal(answer->http_status, "200");
    ended(answer, "0");
}

static void every_split_of_the_bytes_gives_the_same(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 300; piece++) {
        struct peer *peer = peer_create();
        fake_world_add_channel(peer->world, "moves", 10, 4, WEIR_UNBOUNDED);
        assert_true(peer_accept(peer));
        peer_connect(peer, 0);
        peer->piece = piece;
        struct answer *first = describe(peer);
        struct answer *second = watch(peer, 100);
        converse(peer);
        pass(peer, 100 * MILLI);
        converse(peer);
        ended(first, "0");
        assert_int_equal(n_messages(second), 2);
        assert_false(second->is_closed);
        peer_destroy(peer);
    }
}

static void watch_sends_at_once_and_then_each_interval(void **state)
{
    struct peer *peer = *state;
    struct wi_row *row = fake_world_add_channel(peer->world, "moves", 10, 4, WEIR_UNBOUNDED);
    struct answer *answer = watch(peer, 500);
    converse(peer);
    assert_int_equal(n_messages(answer), 1);
    pass(peer, 499 * MILLI);
    converse(peer);
    assert_int_equal(n_messages(answer), 1);
    fake_world_set_u64(row, WI_CHANNEL_DEPTH, 77);
    pass(peer, 1 * MILLI);
    converse(peer);
    assert_int_equal(n_messages(answer), 2);
    Weir__V1__Update *update = last_update(answer);
    assert_int_equal(update->tables[0]->rows[0]->values[0]->u64, 77);
    assert_int_equal(update->skipped, 0);
    weir__v1__update__free_unpacked(update, NULL);
    assert_true(wi_session_due(peer->session) == peer->now + 500 * MILLI);
}

static void a_slow_client_loses_old_updates_not_the_connection(void **state)
{
    struct peer *peer = *state;
    struct wi_row *row = fake_world_add_channel(peer->world, "moves", 10, 4, WEIR_UNBOUNDED);
    struct answer *answer = watch(peer, 100);
    converse(peer);
    uint64_t held = peer->memory.bytes;
    for (int i = 0; i < 50; i++) { /* the client reads nothing for 5 s */
        fake_world_set_u64(row, WI_CHANNEL_DEPTH, 100 + (uint64_t)i);
        pass(peer, 100 * MILLI);
    }
    assert_true(peer->memory.bytes < held + 2048);
    assert_int_equal(wi_world_self(peer->world)->updates_skipped, 49);
    fake_world_set_u64(row, WI_CHANNEL_DEPTH, 555);
    converse(peer); /* the one that was in flight */
    pass(peer, 100 * MILLI);
    converse(peer);
    assert_int_equal(n_messages(answer), 3);
    Weir__V1__Update *update = last_update(answer);
    assert_int_equal(update->tables[0]->rows[0]->values[0]->u64, 555);
    assert_int_equal(update->skipped, 49);
    weir__v1__update__free_unpacked(update, NULL);
    assert_false(answer->is_closed);
}

static void a_missed_interval_counts_as_skipped(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = watch(peer, 100);
    converse(peer);
    pass(peer, 350 * MILLI);
    converse(peer);
    Weir__V1__Update *update = last_update(answer);
    assert_int_equal(update->skipped, 2);
    weir__v1__update__free_unpacked(update, NULL);
    assert_true(wi_session_due(peer->session) == peer->now + 50 * MILLI);
}

static void a_snapshot_of_many_pages_ends(void **state)
{
    struct peer *peer = *state;
    for (int i = 0; i < 40000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "channel%d", i);
        fake_world_add_channel(peer->world, name, 10, 4, WEIR_UNBOUNDED);
    }
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    struct answer *answer = call(peer, "Snapshot", &request);
    uint64_t most = 0;
    do {
        send_all(peer);
        most = peer->memory.bytes > most ? peer->memory.bytes : most;
    } while (take(peer));
    converse(peer);
    assert_true(n_messages(answer) >= 3);
    assert_true(most < WI_MESSAGE_MAX + ((uint64_t)256 << 10));
    ended(answer, "0");
}

static void subscribe_sends_lines(void **state)
{
    struct peer *peer = *state;
    fake_world_add_channel(peer->world, "moves", 10, 4, WEIR_UNBOUNDED);
    Weir__V1__SubscribeRequest request = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    char *topics[] = {"game/channel/size/moves"};
    request.n_topics = 1;
    request.topics = topics;
    request.changes_only = true;
    request.interval_millis = 100;
    struct answer *answer = call(peer, "Subscribe", &request);
    converse(peer);
    assert_int_equal(n_messages(answer), 1);
    pass(peer, 100 * MILLI);
    converse(peer);
    assert_int_equal(n_messages(answer), 1); /* nothing has changed */
}

/* ---- what is refused --------------------------------------------------------------------- */

static void unknown_methods_are_unimplemented(void **state)
{
    struct peer *peer = *state;
    struct answer *a = call_with(peer, "/weir.v1.Agent/Nix%", "\0\0\0\0\0", 5, NULL, NULL);
    struct answer *b = call_with(peer, "/", "\0\0\0\0\0", 5, NULL, NULL);
    converse(peer);
    ended(a, "12");
    ended(b, "12");
    assert_string_equal(a->message, "unknown method /weir.v1.Agent/Nix%25");
    assert_int_equal(a->n_bytes, 0);
}

static void requests_that_are_no_grpc_get_http_errors(void **state)
{
    struct peer *peer = *state;
    struct answer *a =
        call_with(peer, "/weir.v1.Agent/Describe", "", 0, "content-type", "text/html");
    struct answer *b = call_with(peer, "/weir.v1.Agent/Describe", "", 0, ":method", "GET");
    converse(peer);
    assert_string_equal(a->http_status, "415");
    assert_string_equal(b->http_status, "405");
    assert_true(a->is_closed && b->is_closed);
}

static void compressed_requests_are_told_what_is_accepted(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = call_bytes(peer, "Describe", "\1\0\0\0\1x", 6);
    converse(peer);
    ended(answer, "12");
    assert_string_equal(answer->accepted, "identity");
}

static void too_long_requests_are_refused_before_they_have_come(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = call_bytes(peer, "Watch", "\0\0\1\0\1xxxx", 9);
    answer->stays_open = true;
    converse(peer);
    ended(answer, "8");
    assert_true(answer->is_closed);
}

static void refused(struct peer *peer, const char *method, const void *message, const char *status)
{
    struct answer *answer = call(peer, method, message);
    converse(peer);
    ended(answer, status);
    assert_true(answer->message[0] != '\0');
}

static void arguments_out_of_range_are_refused(void **state)
{
    struct peer *peer = *state;
    Weir__V1__Query q = WEIR__V1__QUERY__INIT;
    Weir__V1__Query *many[17];
    for (int i = 0; i < 17; i++) {
        many[i] = &q;
    }
    Weir__V1__WatchRequest w = WEIR__V1__WATCH_REQUEST__INIT;
    w.queries = many;
    w.n_queries = 17;
    refused(peer, "Watch", &w, "8");
    w.n_queries = 1;
    w.interval_millis = 99;
    refused(peer, "Watch", &w, "3");
    w.interval_millis = 60001;
    refused(peer, "Watch", &w, "3");
    w.interval_millis = 0;
    q.limit = 10001;
    refused(peer, "Watch", &w, "8");
    q.limit = 0;
    q.kind = (Weir__V1__Kind)8;
    refused(peer, "Watch", &w, "3");
    q.kind = (Weir__V1__Kind)-1;
    refused(peer, "Watch", &w, "3");
    q.kind = WEIR__V1__KIND__KIND_COUNTER;
    q.sort = 31;
    refused(peer, "Watch", &w, "3");
    q.sort = 0;
    uint32_t column = 1000;
    q.columns = &column;
    q.n_columns = 1;
    refused(peer, "Watch", &w, "3");
}

static void topics_are_refused_with_what_is_nearest(void **state)
{
    struct peer *peer = *state;
    char *topics[65];
    for (int i = 0; i < 65; i++) {
        topics[i] = "tokio/channel/size";
    }
    Weir__V1__SubscribeRequest s = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    refused(peer, "Subscribe", &s, "3"); /* none */
    s.topics = topics;
    s.n_topics = 65;
    refused(peer, "Subscribe", &s, "8");
    s.n_topics = 1;
    struct answer *answer = call(peer, "Subscribe", &s);
    converse(peer);
    ended(answer, "5");
    assert_non_null(strstr(answer->message, "game/channel/size"));
    topics[0] = "moves";
    refused(peer, "Subscribe", &s, "3");
    topics[0] = "game/channel/size/\xff";
    refused(peer, "Subscribe", &s, "3");
    topics[0] = "game/channel/size";
    s.except = topics + 1;
    s.n_except = 1;
    refused(peer, "Subscribe", &s, "5");
}

static void what_is_no_message_is_an_invalid_argument(void **state)
{
    struct peer *peer = *state;
    struct answer *a = call_bytes(peer, "Watch", "\0\0\0\0\3\xff\xff\xff", 8);
    struct answer *b = call_bytes(peer, "Subscribe", "\0\0\0\0\4\x0a\xff\xff\x7f", 9);
    struct answer *c = call_bytes(peer, "Watch", "", 0);
    converse(peer);
    ended(a, "3");
    ended(b, "3");
    ended(c, "3");
}

static void random_requests_never_break_it(void **state)
{
    struct peer *peer = *state;
    static uint8_t bodies[40][64];
    srand(11);
    for (int round = 0; round < 1500; round++) {
        const char *methods[] = {"Describe", "Watch", "Subscribe", "Snapshot"};
        Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
        request.n_queries = 1;
        request.queries = queries;
        uint8_t *body = bodies[round % 40];
        size_t n = protobuf_c_message_pack(&request.base, body + 5) + (size_t)(rand() % 20);
        for (int i = 0; i < 4; i++) {
            body[5 + rand() % (n + 1)] = (uint8_t)rand();
        }
        memset(body, 0, 4);
        body[4] = (uint8_t)n;
        struct answer *answer = call_bytes(peer, methods[rand() % 4], body, n + 5);
        converse(peer);
        assert_int_equal(peer->status, WEIR_OK);
        if (!answer->is_closed) {
            nghttp2_submit_rst_stream(peer->http, 0, answer->id, NGHTTP2_CANCEL);
            pass(peer, SECOND); /* else it is a flood of resets */
            converse(peer);
        }
        assert_true(answer->is_closed);
        free(answer->bytes);
        memset(answer, 0, sizeof(*answer));
        peer->n_answers--;
    }
}

/* ---- deadlines and floods ---------------------------------------------------------------- */

static void the_callers_deadline_ends_the_call(void **state)
{
    struct peer *peer = *state;
    static const uint8_t body[] = {0, 0, 0, 0, 0};
    struct answer *answer =
        call_with(peer, "/weir.v1.Agent/Watch", body, 5, "grpc-timeout", "700m");
    converse(peer);
    assert_int_equal(n_messages(answer), 1);
    assert_true(wi_session_due(peer->session) == peer->now + 700 * MILLI);
    pass(peer, 700 * MILLI);
    converse(peer);
    ended(answer, "4");
}

static void a_request_that_never_ends_is_ended(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = call_bytes(peer, "Watch", "\0\0", 2);
    answer->stays_open = true;
    converse(peer);
    pass(peer, WI_SESSION_REQUEST_NANOS - 1);
    converse(peer);
    assert_false(answer->is_closed);
    pass(peer, 1);
    converse(peer);
    ended(answer, "4");
}

static void a_stream_that_takes_nothing_is_reset_and_others_go_on(void **state)
{
    (void)state;
    struct peer *peer = peer_create();
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "channel%d", i);
        fake_world_add_channel(peer->world, name, 10, 4, WEIR_UNBOUNDED);
    }
    assert_true(peer_accept(peer));
    peer_connect(peer, 1000); /* the stream's window is full at once */
    struct answer *stalled = watch(peer, 100);
    converse(peer);
    struct answer *other = call_bytes(peer, "Nix", "\0\0\0\0\0", 5);
    converse(peer);
    ended(other, "12");
    for (int i = 0; i < 99; i++) {
        pass(peer, 100 * MILLI);
        converse(peer);
    }
    assert_false(stalled->is_closed);
    pass(peer, 100 * MILLI);
    converse(peer);
    assert_true(stalled->is_closed);
    assert_int_equal(stalled->reset, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(peer->status, WEIR_OK);
    assert_true(peer->memory.bytes < 100000);
    peer_destroy(peer);
}

static void silence_and_idleness_end_the_session(void **state)
{
    struct peer *peer = *state;
    converse(peer);
    pass(peer, WI_SESSION_REQUEST_NANOS - 1);
    converse(peer);
    assert_false(peer->has_goaway);
    struct answer *answer = describe(peer);
    converse(peer);
    ended(answer, "0");
    pass(peer, WI_SESSION_IDLE_NANOS - 1);
    converse(peer);
    assert_false(peer->has_goaway);
    assert_true(wi_session_due(peer->session) == peer->now + 1);
    pass(peer, 1);
    converse(peer);
    assert_true(peer->has_goaway);
    assert_true(wi_session_is_over(peer->session));
}

static void no_request_ends_the_session(void **state)
{
    struct peer *peer = *state;
    pass(peer, WI_SESSION_REQUEST_NANOS);
    converse(peer);
    assert_true(peer->has_goaway);
    assert_true(wi_session_is_over(peer->session));
}

static void farewell_ends_calls_as_unavailable(void **state)
{
    struct peer *peer = *state;
    struct answer *a = watch(peer, 1000);
    struct answer *b = call_bytes(peer, "Watch", "\0\0", 2);
    b->stays_open = true;
    converse(peer);
    wi_session_farewell(peer->session, peer->now);
    converse(peer);
    ended(a, "14");
    ended(b, "14");
    assert_true(peer->has_goaway);
    assert_int_equal(peer->goaway, NGHTTP2_NO_ERROR);
    assert_true(wi_session_is_over(peer->session));
}

static void streams_past_the_limit_are_refused(void **state)
{
    struct peer *peer = *state;
    converse(peer);
    for (int i = 0; i < 40; i++) {
        watch(peer, 1000);
    }
    converse(peer);
    int n_open = 0;
    for (size_t i = 0; i < peer->n_answers; i++) {
        n_open += n_messages(&peer->answers[i]) == 1;
    }
    assert_int_equal(n_open, WI_SESSION_STREAMS_MAX);
}

/* Raw bytes as a first word to a new session; what becomes of it. */
static enum weir_status raw(const uint8_t *bytes, size_t n, int times, uint64_t *ret_errors)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    const uint8_t *out;
    size_t n_out;
    enum weir_status status =
        wi_session_receive(peer->session, (const uint8_t *)preface, 24 + 9, peer->now);
    for (int i = 0; i < times && status == WEIR_OK; i++) {
        status = wi_session_receive(peer->session, bytes, n, peer->now);
    }
    assert_true(peer->memory.bytes < (1 << 20));
    while (status == WEIR_OK) {
        status = wi_session_send(peer->session, peer->now, &out, &n_out);
        if (n_out == 0) {
            break;
        }
    }
    *ret_errors = wi_world_self(peer->world)->protocol_errors;
    if (status == WEIR_OK && wi_session_is_over(peer->session)) {
        status = WEIR_E_CLOSED;
    }
    wi_session_destroy(peer->session);
    peer->session = NULL;
    peer_destroy(peer);
    return status;
}

static void malformed_frames_and_floods_end_the_session(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int times;
    } cases[] = {
        {"\0\0\5\0\0\0\0\0\0hello", 14, 1},                /* DATA on stream 0 */
        {"\0\0\1\1\4\0\0\0\1\377", 10, 1},                 /* HEADERS that are no HPACK */
        {"\0\0\1\1\4\0\0\0\2\202", 10, 1},                 /* a stream with an even number */
        {"\0\0\5\4\0\0\0\0\0\0\0\0\0\0", 14, 1},           /* SETTINGS of a wrong size */
        {"\0\0\6\4\0\0\0\0\0\0\4\377\377\377\377", 15, 1}, /* a window of 2^32 - 1 */
        {"\0\0\4\10\0\0\0\0\0\0\0\0\0", 13, 1},            /* WINDOW_UPDATE of 0 */
        {"\0\0\4\10\0\0\0\0\0\177\377\377\377", 13, 2},    /* a window overflows */
        {"\377\377\377\0\0\0\0\0\1", 9, 1},                /* a frame of 16 MiB */
        {"\0\0\1\11\4\0\0\0\1\202", 10, 1},                /* CONTINUATION of nothing */
        {"\0\0\4\3\0\0\0\0\1\0\0\0\0", 13, 1},             /* RST_STREAM of an idle stream */
        {"\0\0\4\5\4\0\0\0\1\0\0\0\2", 13, 1},             /* PUSH_PROMISE from a client */
        {"\0\0\7\6\0\0\0\0\0\0\0\0\0\0\0\0", 16, 1},       /* PING of a wrong size */
        {"\0\0\10\6\0\0\0\0\0\1\2\3\4\5\6\7\10", 17, 200}, /* PING flood, nothing read */
        {"\0\0\0\4\0\0\0\0\0", 9, 200},                    /* SETTINGS flood */
        {"\0\0\1\1\0\0\0\0\1\202\0\0\1\11\0\0\0\0\1\204\0\0\1\11\0\0\0\0\1\204"
         "\0\0\1\11\0\0\0\0\1\204\0\0\1\11\0\0\0\0\1\204\0\0\1\11\0\0\0\0\1\204"
         "\0\0\1\11\0\0\0\0\1\204\0\0\1\11\0\0\0\0\1\204\0\0\1\11\0\0\0\0\1\204"
         "\0\0\1\11\0\0\0\0\1\204\0\0\1\11\0\0\0\0\1\204",
         110, 1}, /* CONTINUATION flood */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t errors;
        enum weir_status status =
            raw((const uint8_t *)cases[i].bytes, cases[i].n, cases[i].times, &errors);
        if (status == WEIR_OK || errors == 0) {
            fail_msg("case %zu: status %d, %d errors", i, (int)status, (int)errors);
        }
    }
}

static void a_wrong_preface_ends_the_session(void **state)
{
    (void)state;
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    const char *words = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(
        wi_session_receive(peer->session, (const uint8_t *)words, strlen(words), peer->now),
        WEIR_E_PROTOCOL);
    assert_true(wi_session_is_over(peer->session));
    assert_int_equal(wi_world_self(peer->world)->protocol_errors, 1);
    peer_destroy(peer);
}

static void rapid_resets_end_the_session(void **state)
{
    struct peer *peer = *state;
    converse(peer);
    for (int i = 0; i < 10000 && peer->status == WEIR_OK && !peer->has_goaway; i++) {
        struct answer *answer = watch(peer, 1000);
        send_all(peer);
        nghttp2_submit_rst_stream(peer->http, 0, answer->id, NGHTTP2_CANCEL);
        send_all(peer);
        free(answer->bytes);
        memset(answer, 0, sizeof(*answer));
        peer->n_answers--;
        if (i % 100 == 99) {
            while (take(peer)) {
            }
        }
    }
    assert_true(peer->status != WEIR_OK || peer->has_goaway);
}

static void random_bytes_never_break_it(void **state)
{
    (void)state;
    srand(5);
    for (int round = 0; round < 400; round++) {
        uint8_t frame[9 + 64];
        struct peer *peer = peer_create();
        assert_true(peer_accept(peer));
        peer_connect(peer, 0);
        watch(peer, 100);
        converse(peer);
        for (int i = 0; i < 50 && peer->status == WEIR_OK; i++) {
            size_t n = (size_t)rand() % 64;
            for (size_t j = 0; j < sizeof(frame); j++) {
                frame[j] = (uint8_t)rand();
            }
            frame[0] = frame[1] = 0;
            frame[2] = (uint8_t)n;
            frame[3] %= 11;
            frame[5] = frame[6] = frame[7] = 0;
            frame[8] %= 8;
            give(peer, frame, 9 + n);
            const uint8_t *out;
            size_t n_out = 1;
            while (peer->status == WEIR_OK && n_out > 0) {
                peer->status = wi_session_send(peer->session, peer->now, &out, &n_out);
            }
            pass(peer, 10 * MILLI);
        }
        peer_destroy(peer);
    }
}

/* ---- lack of memory ---------------------------------------------------------------------- */

static void scenario(struct peer *peer)
{
    peer_connect(peer, 0);
    if (!peer_accept(peer)) {
        return;
    }
    Weir__V1__SubscribeRequest s = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    char *topics[] = {"game/channel/+"};
    s.n_topics = 1;
    s.topics = topics;
    s.changes_only = true;
    Weir__V1__SnapshotRequest snapshot = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    describe(peer);
    watch(peer, 100);
    call(peer, "Subscribe", &s);
    call(peer, "Snapshot", &snapshot);
    call_bytes(peer, "Nix", "\0\0\0\0\0", 5);
    converse(peer);
    pass(peer, 100 * MILLI);
    converse(peer);
    wi_session_farewell(peer->session, peer->now);
    converse(peer);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    uint64_t n = 0;
    bool has_failed = true;
    while (has_failed) {
        struct peer *peer = peer_create();
        for (int i = 0; i < 30; i++) {
            char name[32];
            snprintf(name, sizeof(name), "channel%d", i);
            fake_world_add_channel(peer->world, name, 10, 4, WEIR_UNBOUNDED);
        }
        /* Refused at the part or at the whole: both come through the same gate. */
        peer->memory.limit = UINT64_MAX;
        peer->memory.countdown = ++n;
        scenario(peer);
        has_failed = peer->memory.refusals > 0;
        for (size_t i = 0; has_failed && peer->status == WEIR_OK && i < peer->n_answers; i++) {
            struct answer *answer = &peer->answers[i];
            if (peer->session && !wi_session_is_over(peer->session) && !answer->is_closed) {
                fail_msg("allocation %d fails and call %d hangs: %s", (int)n, (int)i,
                         answer->status);
            }
        }
        peer_destroy(peer);
    }
    assert_true(n > 30);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(describe_answers_and_ends),
        cmocka_unit_test(every_split_of_the_bytes_gives_the_same),
        TEST(watch_sends_at_once_and_then_each_interval),
        TEST(a_slow_client_loses_old_updates_not_the_connection),
        TEST(a_missed_interval_counts_as_skipped),
        TEST(a_snapshot_of_many_pages_ends),
        TEST(subscribe_sends_lines),
        TEST(unknown_methods_are_unimplemented),
        TEST(requests_that_are_no_grpc_get_http_errors),
        TEST(compressed_requests_are_told_what_is_accepted),
        TEST(too_long_requests_are_refused_before_they_have_come),
        TEST(arguments_out_of_range_are_refused),
        TEST(topics_are_refused_with_what_is_nearest),
        TEST(what_is_no_message_is_an_invalid_argument),
        TEST(random_requests_never_break_it),
        TEST(the_callers_deadline_ends_the_call),
        TEST(a_request_that_never_ends_is_ended),
        cmocka_unit_test(a_stream_that_takes_nothing_is_reset_and_others_go_on),
        TEST(silence_and_idleness_end_the_session),
        TEST(no_request_ends_the_session),
        TEST(farewell_ends_calls_as_unavailable),
        TEST(streams_past_the_limit_are_refused),
        cmocka_unit_test(malformed_frames_and_floods_end_the_session),
        cmocka_unit_test(a_wrong_preface_ends_the_session),
        TEST(rapid_resets_end_the_session),
        cmocka_unit_test(random_bytes_never_break_it),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
