/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/session */
/* The gRPC session without sockets: what it answers, what it refuses, what it ends. */
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

/* ---- what is answered -------------------------------------------------------------------- */

static void describe_answers_and_ends(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = peer_describe(peer);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 1);
    assert_string_equal(answer->http_status, "200");
    answer_ended(answer, "0");
}

static void every_split_of_the_bytes_gives_the_same(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 300; piece++) {
        struct peer *peer = peer_create();
        fake_view_add_channel(peer->view, "moves", 10, 4, WEIR_UNBOUNDED);
        assert_true(peer_accept(peer));
        peer_connect(peer, 0);
        peer->piece = piece;
        struct answer *first = peer_describe(peer);
        struct answer *second = peer_watch(peer, 100);
        peer_converse(peer);
        peer_pass(peer, 100 * MILLI);
        peer_converse(peer);
        answer_ended(first, "0");
        assert_int_equal(answer_n_messages(second), 2);
        assert_false(second->is_closed);
        peer_destroy(peer);
    }
}

static void watch_sends_at_once_and_then_each_interval(void **state)
{
    struct peer *peer = *state;
    struct wi_row *row = fake_view_add_channel(peer->view, "moves", 10, 4, WEIR_UNBOUNDED);
    struct answer *answer = peer_watch(peer, 500);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 1);
    peer_pass(peer, 499 * MILLI);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 1);
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, 77);
    peer_pass(peer, 1 * MILLI);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 2);
    Weir__V1__Update *update = answer_last_update(answer);
    assert_int_equal(update->tables[0]->rows[0]->values[0]->u64, 77);
    assert_int_equal(update->skipped, 0);
    weir__v1__update__free_unpacked(update, NULL);
    assert_true(wi_session_due(peer->session) == peer->now + 500 * MILLI);
}

static void a_slow_client_loses_old_updates_not_the_connection(void **state)
{
    struct peer *peer = *state;
    struct wi_row *row = fake_view_add_channel(peer->view, "moves", 10, 4, WEIR_UNBOUNDED);
    struct answer *answer = peer_watch(peer, 100);
    peer_converse(peer);
    uint64_t held = peer->memory.bytes;
    for (int i = 0; i < 50; i++) { /* the client reads nothing for 5 s */
        fake_view_set_u64(row, WI_CHANNEL_DEPTH, 100 + (uint64_t)i);
        peer_pass(peer, 100 * MILLI);
    }
    assert_true(peer->memory.bytes < held + 2048);
    assert_int_equal(wi_process_view_self(peer->view)->updates_skipped, 49);
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, 555);
    peer_converse(peer); /* the one that was in flight */
    peer_pass(peer, 100 * MILLI);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 3);
    Weir__V1__Update *update = answer_last_update(answer);
    assert_int_equal(update->tables[0]->rows[0]->values[0]->u64, 555);
    assert_int_equal(update->skipped, 49);
    weir__v1__update__free_unpacked(update, NULL);
    assert_false(answer->is_closed);
}

static void a_missed_interval_counts_as_skipped(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = peer_watch(peer, 100);
    peer_converse(peer);
    peer_pass(peer, 350 * MILLI);
    peer_converse(peer);
    Weir__V1__Update *update = answer_last_update(answer);
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
        fake_view_add_channel(peer->view, name, 10, 4, WEIR_UNBOUNDED);
    }
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    struct answer *answer = peer_call(peer, "Snapshot", &request);
    uint64_t most = 0;
    do {
        peer_send_all(peer);
        most = peer->memory.bytes > most ? peer->memory.bytes : most;
    } while (peer_take(peer));
    peer_converse(peer);
    assert_true(answer_n_messages(answer) >= 3);
    assert_true(most < WI_MESSAGE_MAX + ((uint64_t)256 << 10));
    answer_ended(answer, "0");
}

static void subscribe_sends_lines(void **state)
{
    struct peer *peer = *state;
    fake_view_add_channel(peer->view, "moves", 10, 4, WEIR_UNBOUNDED);
    Weir__V1__SubscribeRequest request = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    char *topics[] = {"game/channel/size/moves"};
    request.n_topics = 1;
    request.topics = topics;
    request.changes_only = true;
    request.interval_millis = 100;
    struct answer *answer = peer_call(peer, "Subscribe", &request);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 1);
    peer_pass(peer, 100 * MILLI);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 1); /* nothing has changed */
}

/* ---- what is refused --------------------------------------------------------------------- */

static void unknown_methods_are_unimplemented(void **state)
{
    struct peer *peer = *state;
    struct answer *a = peer_call_with(peer, "/weir.v1.Agent/Nix%", "\0\0\0\0\0", 5, NULL, NULL);
    struct answer *b = peer_call_with(peer, "/", "\0\0\0\0\0", 5, NULL, NULL);
    peer_converse(peer);
    answer_ended(a, "12");
    answer_ended(b, "12");
    assert_string_equal(a->message, "unknown method /weir.v1.Agent/Nix%25");
    assert_int_equal(a->n_bytes, 0);
}

static void requests_that_are_no_grpc_get_http_errors(void **state)
{
    struct peer *peer = *state;
    struct answer *a =
        peer_call_with(peer, "/weir.v1.Agent/Describe", "", 0, "content-type", "text/html");
    struct answer *b = peer_call_with(peer, "/weir.v1.Agent/Describe", "", 0, ":method", "GET");
    peer_converse(peer);
    assert_string_equal(a->http_status, "415");
    assert_string_equal(b->http_status, "405");
    assert_true(a->is_closed && b->is_closed);
}

/* Callers that stream wait for headers before they end their side. The clock stands still here. */
static void what_the_header_says_wrong_is_answered_while_the_caller_keeps_its_side_open(
    void **state)
{
    struct peer *peer = *state;
    static const struct {
        const char *path, *name, *value, *http_status, *status;
    } cases[] = {
        {"/any.Service/Method", NULL, NULL, "200", "12"},
        {"/weir.v1.Agent/Nix", NULL, NULL, "200", "12"},
        {"/weir.v1.Agent/Watch/", NULL, NULL, "200", "12"},
        {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", NULL, NULL, "200", "12"},
        {"/weir.v1.Agent/Watch", "weir-target", "nobody", "200", "5"},
        {"/weir.v1.Agent/Watch", "grpc-timeout", "soon", "200", "3"},
        {"/weir.v1.Agent/Watch", "content-type", "text/html", "415", ""},
        {"/weir.v1.Agent/Watch", ":method", "GET", "405", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer *answer =
            peer_call_with(peer, cases[i].path, "", 0, cases[i].name, cases[i].value);
        answer->stays_open = true;
        peer_converse(peer);
        answer_ended(answer, cases[i].status);
        assert_string_equal(answer->http_status, cases[i].http_status);
    }
    assert_int_equal(peer->views.first->n_holders, 0);
    struct answer *next = peer_describe(peer);
    peer_converse(peer);
    answer_ended(next, "0");
}

static void a_path_too_long_to_be_a_methods_is_answered_at_its_header(void **state)
{
    struct peer *peer = *state;
    char path[2000];
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    struct answer *answer = peer_call_with(peer, path, "", 0, NULL, NULL);
    answer->stays_open = true;
    peer_converse(peer);
    answer_ended(answer, "12");
}

/* A peer that does not hear of the end: the bytes take no memory, and the connection's window opens for
 * the calls that follow. */
static void what_comes_after_an_early_answer_is_thrown_away(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = peer_call_with(peer, "/any.Service/Method", "", 0, NULL, NULL);
    answer->stays_open = true;
    peer_send_all(peer);
    uint64_t held = peer->memory.bytes;
    for (int i = 0; i < 1000; i++) {
        uint8_t frame[9 + 8192] = {0, 0x20, 0, 0, 0, 0, 0, 0, (uint8_t)answer->id};
        peer_give(peer, frame, sizeof(frame));
        while (peer_take(peer)) {
        }
        assert_int_equal(peer->status, WEIR_OK);
        assert_true(peer->memory.bytes < held + 4096);
    }
    answer_ended(answer, "12");
    assert_int_equal(wi_process_view_self(peer->view)->protocol_errors, 0);
    struct answer *next = peer_describe(peer);
    peer_converse(peer);
    answer_ended(next, "0");
}

static void compressed_requests_are_told_what_is_accepted(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = peer_call_bytes(peer, "Describe", "\1\0\0\0\1x", 6);
    peer_converse(peer);
    answer_ended(answer, "12");
    assert_string_equal(answer->accepted, "identity");
}

static void too_long_requests_are_refused_before_they_have_come(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = peer_call_bytes(peer, "Watch", "\0\0\1\0\1xxxx", 9);
    answer->stays_open = true;
    peer_converse(peer);
    answer_ended(answer, "8");
    assert_true(answer->is_closed);
}

static void refused(struct peer *peer, const char *method, const void *message, const char *status)
{
    struct answer *answer = peer_call(peer, method, message);
    peer_converse(peer);
    answer_ended(answer, status);
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
    q.kind = (Weir__V1__Kind)WI_N_KINDS;
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
    q.n_columns = 0;
    q.where = column;
    refused(peer, "Watch", &w, "3");
    q.where = 0;
    uint32_t then[2] = {1000, 0};
    q.then = then;
    q.n_then = 1;
    refused(peer, "Watch", &w, "3");
    then[0] = 0;
    q.n_then = 2;
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
    struct answer *answer = peer_call(peer, "Subscribe", &s);
    peer_converse(peer);
    answer_ended(answer, "5");
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
    struct answer *a = peer_call_bytes(peer, "Watch", "\0\0\0\0\3\xff\xff\xff", 8);
    struct answer *b = peer_call_bytes(peer, "Subscribe", "\0\0\0\0\4\x0a\xff\xff\x7f", 9);
    struct answer *c = peer_call_bytes(peer, "Watch", "", 0);
    peer_converse(peer);
    answer_ended(a, "3");
    answer_ended(b, "3");
    answer_ended(c, "3");
}

/* ---- deadlines and ends ---------------------------------------------------------------- */

static void the_callers_deadline_ends_the_call(void **state)
{
    struct peer *peer = *state;
    static const uint8_t body[] = {0, 0, 0, 0, 0};
    struct answer *answer =
        peer_call_with(peer, "/weir.v1.Agent/Watch", body, 5, "grpc-timeout", "700m");
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 1);
    assert_true(wi_session_due(peer->session) == peer->now + 700 * MILLI);
    peer_pass(peer, 700 * MILLI);
    peer_converse(peer);
    answer_ended(answer, "4");
}

static void a_request_that_never_ends_is_ended(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = peer_call_bytes(peer, "Watch", "\0\0", 2);
    answer->stays_open = true;
    peer_converse(peer);
    peer_pass(peer, WI_SESSION_REQUEST_NANOS - 1);
    peer_converse(peer);
    assert_false(answer->is_closed);
    peer_pass(peer, 1);
    peer_converse(peer);
    answer_ended(answer, "4");
}

static void a_stream_that_takes_nothing_is_reset_and_others_go_on(void **state)
{
    (void)state;
    struct peer *peer = peer_create();
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "channel%d", i);
        fake_view_add_channel(peer->view, name, 10, 4, WEIR_UNBOUNDED);
    }
    assert_true(peer_accept(peer));
    peer_connect(peer, 1000); /* the stream's window is full at once */
    struct answer *stalled = peer_watch(peer, 100);
    peer_converse(peer);
    struct answer *other = peer_call_bytes(peer, "Nix", "\0\0\0\0\0", 5);
    peer_converse(peer);
    answer_ended(other, "12");
    for (int i = 0; i < 99; i++) {
        peer_pass(peer, 100 * MILLI);
        peer_converse(peer);
    }
    assert_false(stalled->is_closed);
    peer_pass(peer, 100 * MILLI);
    peer_converse(peer);
    assert_true(stalled->is_closed);
    assert_int_equal(stalled->reset, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(peer->status, WEIR_OK);
    assert_true(peer->memory.bytes < 100000);
    peer_destroy(peer);
}

/* The status would follow the body, and the body may never leave: not even an empty frame of it. */
static void a_call_that_ends_before_a_closed_window_is_reset(void **state)
{
    struct peer *peer = *state;
    static const uint8_t body[] = {0, 0, 0, 0, 0};
    nghttp2_settings_entry closed = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    nghttp2_submit_settings(peer->http, NGHTTP2_FLAG_NONE, &closed, 1);
    struct answer *answer =
        peer_call_with(peer, "/weir.v1.Agent/Watch", body, 5, "grpc-timeout", "1S");
    peer_converse(peer);
    peer_pass(peer, SECOND);
    peer_converse(peer);
    assert_false(answer->is_closed);
    assert_true(wi_session_due(peer->session) == peer->now + WI_SESSION_STALL_NANOS);
    peer_pass(peer, WI_SESSION_STALL_NANOS);
    peer_converse(peer);
    assert_true(answer->is_closed);
    assert_int_equal(answer->reset, NGHTTP2_ENHANCE_YOUR_CALM);
    peer_pass(peer, WI_SESSION_IDLE_NANOS);
    peer_converse(peer);
    assert_true(wi_session_is_over(peer->session));
}

static void silence_and_idleness_end_the_session(void **state)
{
    struct peer *peer = *state;
    peer_converse(peer);
    peer_pass(peer, WI_SESSION_REQUEST_NANOS - 1);
    peer_converse(peer);
    assert_false(peer->has_goaway);
    struct answer *answer = peer_describe(peer);
    peer_converse(peer);
    answer_ended(answer, "0");
    peer_pass(peer, WI_SESSION_IDLE_NANOS - 1);
    peer_converse(peer);
    assert_false(peer->has_goaway);
    assert_true(wi_session_due(peer->session) == peer->now + 1);
    peer_pass(peer, 1);
    peer_converse(peer);
    assert_true(peer->has_goaway);
    assert_true(wi_session_is_over(peer->session));
}

static void no_request_ends_the_session(void **state)
{
    struct peer *peer = *state;
    peer_pass(peer, WI_SESSION_REQUEST_NANOS);
    peer_converse(peer);
    assert_true(peer->has_goaway);
    assert_true(wi_session_is_over(peer->session));
}

static void goodbye_ends_calls_as_unavailable(void **state)
{
    struct peer *peer = *state;
    struct answer *a = peer_watch(peer, 1000);
    struct answer *b = peer_call_bytes(peer, "Watch", "\0\0", 2);
    b->stays_open = true;
    peer_converse(peer);
    wi_session_goodbye(peer->session, peer->now);
    peer_converse(peer);
    answer_ended(a, "14");
    answer_ended(b, "14");
    assert_true(peer->has_goaway);
    assert_int_equal(peer->goaway, NGHTTP2_NO_ERROR);
    assert_true(wi_session_is_over(peer->session));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_set_up, peer_tear_down)
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
        TEST(what_the_header_says_wrong_is_answered_while_the_caller_keeps_its_side_open),
        TEST(a_path_too_long_to_be_a_methods_is_answered_at_its_header),
        TEST(what_comes_after_an_early_answer_is_thrown_away),
        TEST(compressed_requests_are_told_what_is_accepted),
        TEST(too_long_requests_are_refused_before_they_have_come),
        TEST(arguments_out_of_range_are_refused),
        TEST(topics_are_refused_with_what_is_nearest),
        TEST(what_is_no_message_is_an_invalid_argument),
        TEST(the_callers_deadline_ends_the_call),
        TEST(a_request_that_never_ends_is_ended),
        cmocka_unit_test(a_stream_that_takes_nothing_is_reset_and_others_go_on),
        TEST(a_call_that_ends_before_a_closed_window_is_reset),
        TEST(silence_and_idleness_end_the_session),
        TEST(no_request_ends_the_session),
        TEST(goodbye_ends_calls_as_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
