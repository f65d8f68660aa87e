/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/session */
/* The gRPC session under broken frames, floods, random bytes and lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void random_requests_never_break_it(void **state)
{
    struct peer *peer = *state;
    static uint8_t bodies[40][64];
    Weir__V1__Query query = WEIR__V1__QUERY__INIT;
    Weir__V1__Query *queries[] = {&query};
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
        struct answer *answer = peer_call_bytes(peer, methods[rand() % 4], body, n + 5);
        peer_converse(peer);
        assert_int_equal(peer->status, WEIR_OK);
        if (!answer->is_closed) {
            nghttp2_submit_rst_stream(peer->http, 0, answer->id, NGHTTP2_CANCEL);
            peer_pass(peer, SECOND); /* else it is a flood of resets */
            peer_converse(peer);
        }
        assert_true(answer->is_closed);
        free(answer->bytes);
        memset(answer, 0, sizeof(*answer));
        peer->n_answers--;
    }
}

static void streams_past_the_limit_are_refused(void **state)
{
    struct peer *peer = *state;
    peer_converse(peer);
    for (int i = 0; i < 40; i++) {
        peer_watch(peer, 1000);
    }
    peer_converse(peer);
    int n_open = 0;
    for (size_t i = 0; i < peer->n_answers; i++) {
        n_open += answer_n_messages(&peer->answers[i]) == 1;
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
    *ret_errors = wi_process_view_self(peer->view)->protocol_errors;
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
    assert_int_equal(wi_process_view_self(peer->view)->protocol_errors, 1);
    peer_destroy(peer);
}

/* A field of 3,900 bytes is kept in HPACK's table and named again by one byte each. */
static void a_small_header_that_unpacks_to_much_ends_the_session(void **state)
{
    (void)state;
    static const uint8_t first[] = {0x40, 1, 'x', 0x7F, 0xBD, 0x1D};
    static uint8_t bytes[24 + 9 + 9 + 6 + 3900 + 9 + 1000] =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\017\102\1\0\0\0\0\1";
    uint8_t *at = bytes + 24 + 9 + 9;
    memcpy(at, first, sizeof(first));
    memset(at + 6, 'a', 3900);
    memcpy(at + 6 + 3900, "\0\3\350\11\0\0\0\0\1", 9);
    memset(at + 6 + 3900 + 9, 0xBE, 1000);
    struct peer *peer = peer_create();
    assert_true(peer_accept(peer));
    assert_int_equal(wi_session_receive(peer->session, bytes, sizeof(bytes) - 980, peer->now),
                     WEIR_E_PROTOCOL);
    assert_int_equal(wi_process_view_self(peer->view)->protocol_errors, 1);
    wi_session_destroy(peer->session);
    peer->session = NULL;
    peer_destroy(peer);
}

static void rapid_resets_end_the_session(void **state)
{
    struct peer *peer = *state;
    peer_converse(peer);
    for (int i = 0; i < 10000 && peer->status == WEIR_OK && !peer->has_goaway; i++) {
        struct answer *answer = peer_watch(peer, 1000);
        peer_send_all(peer);
        nghttp2_submit_rst_stream(peer->http, 0, answer->id, NGHTTP2_CANCEL);
        peer_send_all(peer);
        free(answer->bytes);
        memset(answer, 0, sizeof(*answer));
        peer->n_answers--;
        if (i % 100 == 99) {
            while (peer_take(peer)) {
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
        peer_watch(peer, 100);
        peer_converse(peer);
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
            peer_give(peer, frame, 9 + n);
            const uint8_t *out;
            size_t n_out = 1;
            while (peer->status == WEIR_OK && n_out > 0) {
                peer->status = wi_session_send(peer->session, peer->now, &out, &n_out);
            }
            peer_pass(peer, 10 * MILLI);
        }
        peer_destroy(peer);
    }
}

/* What a client sends for some calls, up to `room` bytes. */
static size_t conversation(uint8_t *ret_bytes, size_t room)
{
    struct peer *peer = peer_create();
    peer_connect(peer, 0);
    Weir__V1__SubscribeRequest s = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    char *topics[] = {"game/channel/size/+", "game/#"};
    s.n_topics = 2;
    s.topics = topics;
    Weir__V1__SnapshotRequest snapshot = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    peer_describe(peer);
    peer_watch(peer, 100);
    peer_call(peer, "Subscribe", &s);
    peer_call(peer, "Snapshot", &snapshot);
    nghttp2_submit_ping(peer->http, 0, NULL);
    size_t n = 0;
    const uint8_t *bytes;
    for (ssize_t got; (got = nghttp2_session_mem_send(peer->http, &bytes)) > 0;) {
        assert_true(n + (size_t)got <= room);
        memcpy(ret_bytes + n, bytes, (size_t)got);
        n += (size_t)got;
    }
    peer_destroy(peer);
    return n;
}

static void a_conversation_with_some_bytes_changed_never_breaks_it(void **state)
{
    (void)state;
    static uint8_t original[8192];
    static uint8_t bytes[8192];
    size_t n = conversation(original, sizeof(original));
    struct peer *peer = peer_create();
    fake_view_add_channel(peer->view, "moves", 10, 4, WEIR_UNBOUNDED);
    srand(3);
    for (int round = 0; round < 3000; round++) {
        memcpy(bytes, original, n);
        for (int i = rand() % 4; i >= 0; i--) {
            size_t at = 24 + (size_t)rand() % (n - 24);
            bytes[at] = rand() % 2 ? (uint8_t)rand() : bytes[at] ^ (uint8_t)(1 << rand() % 8);
        }
        assert_true(peer_accept(peer));
        peer->status = WEIR_OK;
        peer->piece = 1 + (size_t)rand() % 400;
        peer_give(peer, bytes, n);
        const uint8_t *out;
        size_t n_out = 1;
        for (int i = 0; i < 3 && peer->status == WEIR_OK; i++) {
            while (peer->status == WEIR_OK && n_out > 0) {
                peer->status = wi_session_send(peer->session, peer->now, &out, &n_out);
            }
            n_out = 1;
            peer_pass(peer, 100 * MILLI);
        }
        wi_session_destroy(peer->session);
        peer->session = NULL;
        assert_int_equal(peer->memory.bytes, 0);
    }
    peer_destroy(peer);
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
    peer_describe(peer);
    peer_watch(peer, 100);
    peer_call(peer, "Subscribe", &s);
    peer_call(peer, "Snapshot", &snapshot);
    peer_call_bytes(peer, "Nix", "\0\0\0\0\0", 5);
    peer_converse(peer);
    peer_pass(peer, 100 * MILLI);
    peer_converse(peer);
    wi_session_goodbye(peer->session, peer->now);
    peer_converse(peer);
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
            fake_view_add_channel(peer->view, name, 10, 4, WEIR_UNBOUNDED);
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
#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_set_up, peer_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(random_requests_never_break_it),
        TEST(streams_past_the_limit_are_refused),
        cmocka_unit_test(malformed_frames_and_floods_end_the_session),
        cmocka_unit_test(a_wrong_preface_ends_the_session),
        cmocka_unit_test(a_small_header_that_unpacks_to_much_ends_the_session),
        TEST(rapid_resets_end_the_session),
        cmocka_unit_test(random_bytes_never_break_it),
        cmocka_unit_test(a_conversation_with_some_bytes_changed_never_breaks_it),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
