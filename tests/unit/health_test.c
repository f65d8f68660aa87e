/* SPDX-License-Identifier: MIT */
/* grpc.health.v1.Health: who serves, and what a watcher hears of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "peer.h"
#include "session/health.h"

#include <stdio.h>
#include <string.h>

#define HEALTH "/grpc.health.v1.Health/"

enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

/* A call with a HealthCheckRequest; its bytes live as long as the program. */
static struct answer *ask(struct peer *peer, const char *path, const char *service)
{
    static uint8_t bodies[64][256];
    static size_t next;
    uint8_t *body = bodies[next++ % 64];
    size_t n = strlen(service);
    memset(body, 0, 5);
    if (n > 0) {
        body[4] = (uint8_t)(n + 2);
        body[5] = 1 << 3 | 2;
        body[6] = (uint8_t)n;
        memcpy(body + 7, service, n);
    }
    struct answer *answer = peer_call_with(peer, path, body, 5 + (size_t)body[4], NULL, NULL);
    peer_converse(peer);
    return answer;
}

/* The status in the last message of an answer, each of which is two bytes. */
static int status_of(const struct answer *answer)
{
    size_t n = answer_n_messages(answer);
    assert_true(n > 0);
    assert_int_equal(answer->n_bytes, n * 7);
    const uint8_t *message = answer->bytes + (n - 1) * 7 + 5;
    assert_int_equal(message[0], 1 << 3);
    return message[1];
}

static void check_answers_for_the_services_that_there_are(void **state)
{
    struct peer *peer = *state;
    static const char *const known[] = {"", "weir.v1.Agent", "grpc.health.v1.Health",
                                        "rs.tokio.console.instrument.Instrument"};
    static const char *const unknown[] = {
        "weir",           "weir.v1.Agent/", "weir.v1.Agen", "weir.v1.Agent ", "weir.v1.Agent/Watch",
        "/weir.v1.Agent", "WEIR.V1.AGENT",  "game",         "\xff\n"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct answer *answer = ask(peer, HEALTH "Check", known[i]);
        answer_ended(answer, "0");
        assert_int_equal(status_of(answer), SERVING);
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        answer_ended(ask(peer, HEALTH "Check", unknown[i]), "5");
    }
}

static void broken_requests_are_invalid_and_unknown_fields_are_passed_over(void **state)
{
    struct peer *peer = *state;
    static const struct {
        const char *message, *status;
    } cases[] = {
        {"\x10\x05\x1a\x01x\x0d\1\2\3\4\x21\1\2\3\4\5\6\7\x08", "0"}, /* none is the service */
        {"\x10\x05\x0a\x0dweir.v1.Agent", "0"},
        {"\x0a\x04nix!\x0a\x0dweir.v1.Agent", "0"}, /* the last one counts */
        {"\x0a\x0dweir.v1.Agent\x0a\x04nix!", "5"},
        {"\xff\xff\xff", "3"},
        {"\x0a\x05weir", "3"},
        {"\x0a", "3"},
        {"\x10\x80", "3"},
        {"\x0b", "3"},
        {"\x09\1\2", "3"},
        {"\x0d\1\2\3", "3"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", "3"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = strlen(cases[i].message);
        uint8_t body[64] = {0, 0, 0, 0, (uint8_t)n};
        memcpy(body + 5, cases[i].message, n);
        struct answer *check = peer_call_with(peer, HEALTH "Check", body, 5 + n, NULL, NULL);
        peer_converse(peer);
        answer_ended(check, cases[i].status);
        struct answer *watch = peer_call_with(peer, HEALTH "Watch", body, 5 + n, NULL, NULL);
        peer_converse(peer);
        assert_string_equal(watch->status, strcmp(cases[i].status, "3") == 0 ? "3" : "");
    }
}

static void the_status_follows_what_can_be_read(void **state)
{
    struct peer *peer = *state;
    struct wi_served *served = peer->views.first;
    fake_view_fail_refresh(peer->view, WEIR_E_CORRUPT, "broken");
    wi_process_views_refresh(&peer->views, served, peer->now, NULL);
    assert_int_equal(status_of(ask(peer, HEALTH "Check", "")), NOT_SERVING);
    peer->views.is_changing = true; /* weir serve goes on */
    assert_int_equal(status_of(ask(peer, HEALTH "Check", "")), SERVING);
}

static void watch_says_each_change_once_and_stays_open(void **state)
{
    struct peer *peer = *state;
    struct wi_served *served = peer->views.first;
    struct answer *answer = ask(peer, HEALTH "Watch", "weir.v1.Agent");
    assert_int_equal(status_of(answer), SERVING);
    for (int i = 0; i < 120; i++) {
        peer_pass(peer, SECOND);
        peer_converse(peer);
    }
    assert_int_equal(answer_n_messages(answer), 1);
    assert_false(answer->is_closed);
    served->status = WEIR_E_CORRUPT;
    peer_pass(peer, WI_HEALTH_INTERVAL_NANOS);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 2);
    assert_int_equal(status_of(answer), NOT_SERVING);
    served->status = WEIR_OK;
    peer_pass(peer, WI_HEALTH_INTERVAL_NANOS);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 3);
    assert_int_equal(status_of(answer), SERVING);
    assert_false(answer->is_closed);
}

static void an_unknown_service_is_watched(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = ask(peer, HEALTH "Watch", "nobody");
    for (int i = 0; i < 70; i++) {
        peer_pass(peer, SECOND);
        peer_converse(peer);
    }
    assert_int_equal(answer_n_messages(answer), 1);
    assert_int_equal(status_of(answer), SERVICE_UNKNOWN);
    assert_false(answer->is_closed);
}

static void a_watcher_that_is_slow_hears_the_latest(void **state)
{
    struct peer *peer = *state;
    struct wi_served *served = peer->views.first;
    struct answer *answer = ask(peer, HEALTH "Watch", "");
    served->status = WEIR_E_CORRUPT;
    peer_pass(peer, SECOND); /* in flight */
    for (int i = 0; i < 8; i++) {
        served->status = i % 2 ? WEIR_OK : WEIR_E_CORRUPT;
        peer_pass(peer, SECOND);
        assert_true(wi_session_due(peer->session) > peer->now);
    }
    peer_converse(peer);
    peer_pass(peer, SECOND);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 3);
    assert_int_equal(status_of(answer), SERVING);
}

static void the_end_is_not_serving_and_then_unavailable(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = ask(peer, HEALTH "Watch", "");
    wi_session_goodbye(peer->session, peer->now);
    peer_converse(peer);
    assert_int_equal(answer_n_messages(answer), 2);
    assert_int_equal(status_of(answer), NOT_SERVING);
    answer_ended(answer, "14");
}

static void list_has_each_service_once(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = ask(peer, HEALTH "List", "");
    answer_ended(answer, "0");
    static const char *const services[] = {"", "weir.v1.Agent", "grpc.health.v1.Health",
                                           "rs.tokio.console.instrument.Instrument"};
    uint8_t expected[256];
    size_t n = 5;
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        size_t n_name = strlen(services[i]);
        n += (size_t)sprintf((char *)expected + n, "\x0a%c", (char)(4 + (n_name ? n_name + 2 : 0)));
        if (n_name) {
            n += (size_t)sprintf((char *)expected + n, "\x0a%c%s", (char)n_name, services[i]);
        }
        memcpy(expected + n, "\x12\x02\x08\x01", 4);
        n += 4;
    }
    assert_int_equal(answer->n_bytes, n);
    assert_memory_equal(answer->bytes + 5, expected + 5, n - 5);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_set_up, peer_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(check_answers_for_the_services_that_there_are),
        TEST(broken_requests_are_invalid_and_unknown_fields_are_passed_over),
        TEST(the_status_follows_what_can_be_read),
        TEST(watch_says_each_change_once_and_stays_open),
        TEST(an_unknown_service_is_watched),
        TEST(a_watcher_that_is_slow_hears_the_latest),
        TEST(the_end_is_not_serving_and_then_unavailable),
        TEST(list_has_each_service_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
