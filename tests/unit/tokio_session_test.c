/* SPDX-License-Identifier: MIT */
/* rs.tokio.console.instrument.Instrument over a session, as tokio-console calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "peer.h"
#include "session/tokio.h"
#include "tokio_model.h"

#include "tokio/console.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "/rs.tokio.console.instrument.Instrument/"
#define TASK_ID (UINT64_C(1) << 32 | 3)
#define LIVE    0
#define PAUSED  1

static struct tokio_model model;

static struct wi_row *add_task(struct wi_process_view *view, const char *name, uint64_t id)
{
    struct wi_row *row = fake_view_add(view, WI_TASK_INSTANCE, name);
    fake_view_set_id(view, row, id);
    const struct wi_task_sample task = {.kind = "connection",
                                        .state = WI_TASK_SAMPLE_IDLE,
                                        .polls = 2,
                                        .age = 4000000000,
                                        .in_state = 1000000000};
    fake_view_set_task(row, &task);
    return row;
}

static int set_up(void **state)
{
    peer_set_up(state);
    struct peer *peer = *state;
    fake_view_set_monotonic_nanos(peer->view, peer->now);
    fake_view_add_channel(peer->view, "moves", 100, 40, WEIR_UNBOUNDED);
    fake_view_add_semaphore(peer->view, "slots", 8, 3);
    add_task(peer->view, "c7", TASK_ID);
    return 0;
}

static int tear_down(void **state)
{
    tokio_model_finish(&model);
    return peer_tear_down(state);
}

static struct answer *ask(struct peer *peer, const char *method, const void *body, size_t n)
{
    static uint8_t requests[8][64];
    static size_t next;
    uint8_t *request = requests[next++ % 8];
    char path[96];
    memset(request, 0, 5);
    request[4] = (uint8_t)n;
    if (n > 0) {
        memcpy(request + 5, body, n);
    }
    snprintf(path, sizeof(path), SERVICE "%s", method);
    struct answer *answer = peer_call_with(peer, path, request, n + 5, NULL, NULL);
    peer_converse(peer);
    return answer;
}

static struct answer *call(struct peer *peer, const char *method)
{
    return ask(peer, method, NULL, 0);
}

/* The i-th message of an answer; NULL: there are not so many. */
static const uint8_t *message(const struct answer *answer, size_t i, size_t *ret_n)
{
    for (size_t at = 0; answer->n_bytes - at >= 5;) {
        const uint8_t *p = answer->bytes + at;
        *ret_n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
        if (answer->n_bytes - at - 5 < *ret_n) {
            return NULL;
        }
        if (i-- == 0) {
            return p + 5;
        }
        at += 5 + *ret_n;
    }
    return NULL;
}

/* Lets the model hear all messages from the i-th on; returns how many there are. */
static size_t hear_from(const struct answer *answer, size_t i)
{
    size_t n;
    for (const uint8_t *bytes; (bytes = message(answer, i, &n)); i++) {
        tokio_model_take(&model, bytes, n);
    }
    return i;
}

static uint32_t last_state(const struct answer *answer)
{
    size_t n = 0;
    const uint8_t *bytes = message(answer, answer_n_messages(answer) - 1, &n);
    assert_non_null(bytes);
    Tokio__Console__State *state = tokio__console__state__unpack(NULL, n, bytes);
    assert_non_null(state);
    uint32_t temporality = state->temporality;
    tokio__console__state__free_unpacked(state, NULL);
    return temporality;
}

static void pass(struct peer *peer, uint64_t nanos)
{
    peer_pass(peer, nanos);
    peer_converse(peer);
}

/* ---- WatchUpdates, WatchState ------------------------------------------------------------------ */

static void both_streams_answer_at_once(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    assert_string_equal(updates->http_status, "200");
    assert_int_equal(hear_from(updates, 0), 1);
    assert_int_equal(tokio_model_live(&model, TOKIO_RESOURCE), 2);
    assert_int_equal(tokio_model_live(&model, TOKIO_TASK), 1);
    struct answer *states = call(peer, "WatchState");
    assert_string_equal(states->http_status, "200");
    assert_int_equal(answer_n_messages(states), 1);
    assert_int_equal(last_state(states), LIVE);
    for (size_t second = 1; second <= 3; second++) {
        pass(peer, SECOND);
        assert_int_equal(answer_n_messages(states), 1 + second);
        assert_int_equal(answer_n_messages(updates), 1 + second);
    }
    assert_false(updates->is_closed || states->is_closed);
}

static void a_change_is_told_within_a_second_and_nothing_else(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    size_t heard = hear_from(updates, 0);
    struct wi_row *row = fake_view_add_channel(peer->view, "jobs", 3, 1, 8);
    pass(peer, SECOND);
    heard = hear_from(updates, heard);
    assert_int_equal(model.n_new, 1);
    assert_int_equal(model.n_stats, 1);
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, 5);
    pass(peer, SECOND);
    heard = hear_from(updates, heard);
    assert_int_equal(model.n_new, 0);
    assert_int_equal(model.n_stats, 1);
    assert_string_equal(
        tokio_item_attribute(tokio_model_named(&model, TOKIO_RESOURCE, "jobs"), "depth"), "5");
    fake_view_remove(peer->view, row);
    pass(peer, SECOND);
    heard = hear_from(updates, heard);
    assert_null(tokio_model_named(&model, TOKIO_RESOURCE, "jobs"));
    assert_int_equal(heard, 4);
}

/* A slot that another row takes: the one ends, the other begins. */
static void a_taken_slot_index_is_another_row(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    size_t heard = hear_from(updates, 0);
    fake_view_clear(peer->view, WI_TASK_INSTANCE);
    add_task(peer->view, "c8", UINT64_C(2) << 32 | 3);
    pass(peer, SECOND);
    hear_from(updates, heard);
    assert_non_null(tokio_model_named(&model, TOKIO_TASK, "c8"));
    const struct tokio_item *old = tokio_model_find(&model, TOKIO_TASK, TASK_ID);
    assert_int_equal(old->dropped, model.now);
    assert_int_equal(old->polls, 2);
}

/* The wall's clock may be set: the times of a stream go on evenly. */
static void set_clocks_do_not_show(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    size_t heard = hear_from(updates, 0);
    int64_t before = model.now;
    fake_view_set_unix_nanos(peer->view, 5);
    pass(peer, SECOND);
    hear_from(updates, heard);
    assert_int_equal(model.now, before + (int64_t)SECOND);
}

/* ---- pauses ------------------------------------------------------------------------------------ */

static void a_pause_is_told_at_once_and_holds_updates_back(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    struct answer *states = call(peer, "WatchState");
    size_t heard = hear_from(updates, 0);
    struct answer *pause = call(peer, "Pause");
    answer_ended(pause, "0");
    assert_int_equal(answer_n_messages(pause), 1);
    assert_int_equal(pause->n_bytes, 5); /* an empty message */
    assert_int_equal(answer_n_messages(states), 2);
    assert_int_equal(last_state(states), PAUSED);
    fake_view_add_channel(peer->view, "jobs", 3, 1, 8);
    for (int i = 0; i < 5; i++) {
        pass(peer, SECOND);
    }
    assert_int_equal(answer_n_messages(updates), heard);
    assert_int_equal(last_state(states), PAUSED);
    answer_ended(call(peer, "Pause"), "0"); /* again: nothing changes */
    size_t n_states = answer_n_messages(states);
    answer_ended(call(peer, "Resume"), "0");
    assert_int_equal(answer_n_messages(states), n_states + 1);
    assert_int_equal(last_state(states), LIVE);
    heard = hear_from(updates, heard); /* what has changed meanwhile, at once */
    assert_int_equal(model.n_new, 1);
    assert_non_null(tokio_model_named(&model, TOKIO_RESOURCE, "jobs"));
    pass(peer, SECOND);
    assert_int_equal(hear_from(updates, heard), heard + 1);
}

/* Nothing wakes the server for a paused stream. */
static void a_paused_stream_asks_for_nothing(void **state)
{
    struct peer *peer = *state;
    call(peer, "WatchUpdates");
    assert_int_equal(wi_session_view_due(peer->session), peer->now + SECOND);
    answer_ended(call(peer, "Pause"), "0");
    assert_true(wi_session_view_due(peer->session) == UINT64_MAX);
    peer->views.first->is_wanted = false;
    wi_session_want(peer->session, peer->now + 5 * SECOND);
    assert_false(peer->views.first->is_wanted);
}

static void a_pause_is_its_connections_own(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    answer_ended(call(peer, "Pause"), "0");
    struct peer *other = peer_create();
    other->context.views = &peer->views;
    other->now = peer->now;
    assert_true(peer_accept(other));
    peer_connect(other, 0);
    struct answer *their_updates = call(other, "WatchUpdates");
    struct answer *their_states = call(other, "WatchState");
    assert_int_equal(last_state(their_states), LIVE);
    other->now += SECOND;
    wi_session_tick(other->session, other->now);
    peer_converse(other);
    assert_int_equal(answer_n_messages(their_updates), 2);
    pass(peer, SECOND);
    assert_int_equal(answer_n_messages(updates), 1);
    answer_ended(call(other, "Resume"), "0"); /* of theirs, not of ours */
    pass(peer, SECOND);
    assert_int_equal(answer_n_messages(updates), 1);
    wi_session_destroy(other->session);
    other->session = NULL;
    peer_destroy(other);
}

/* ---- WatchTaskDetails --------------------------------------------------------------------------- */

static struct answer *details_of(struct peer *peer, uint64_t id)
{
    Tokio__Console__Id task = TOKIO__CONSOLE__ID__INIT;
    Tokio__Console__TaskDetailsRequest request = TOKIO__CONSOLE__TASK_DETAILS_REQUEST__INIT;
    uint8_t body[32];
    task.id = id;
    request.id = &task;
    size_t n = tokio__console__task_details_request__pack(&request, body);
    return ask(peer, "WatchTaskDetails", body, n);
}

static void details_are_of_a_task_that_is_there(void **state)
{
    struct peer *peer = *state;
    struct answer *answer = details_of(peer, 77);
    answer_ended(answer, "5");
    assert_non_null(strstr(answer->message, "77"));
    answer_ended(details_of(peer, TASK_ID + (UINT64_C(1) << 32)), "5"); /* of another generation */
    answer_ended(details_of(peer, 0), "3");
    answer_ended(call(peer, "WatchTaskDetails"), "3");
    static const char *const broken[] = {
        "\xff\xff", "\x0a",     "\x0a\x05\x08", "\x0a\x02\x08\xff", "\x09\x01", "\x0b",
        "\x0d\x01", "\x08\xff", "\x12\x7f",     "\x0a\x01\xff",     "\x0f"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        answer_ended(ask(peer, "WatchTaskDetails", broken[i], strlen(broken[i])), "3");
    }
}

/* A request of a later protocol, with fields that are not known yet. */
static void unknown_fields_of_a_request_are_passed_over(void **state)
{
    struct peer *peer = *state;
    static const uint8_t request[] = {0x10, 0xff, 0x01,                      /* 2: a number */
                                      0x19, 1,    2,    3, 4, 5, 6, 7,    8, /* 3: eight bytes */
                                      0x25, 1,    2,    3, 4,                /* 4: four */
                                      0x0a, 9,    0x12, 1, 7, 8, 3, 0x10, 5,
                                      8,    9, /* 1: an id of 9 */
                                      0x2a, 1,    0xff};
    struct answer *answer = ask(peer, "WatchTaskDetails", request, sizeof(request));
    answer_ended(answer, "5");
    assert_non_null(strstr(answer->message, "no task 9"));
}

static void details_have_both_histograms(void **state)
{
    struct peer *peer = *state;
    struct weir_histogram polls = {.sum = 40000, .max = UINT64_C(200000000000)};
    polls.bucket[weir_histogram_bucket(4000)] = 10;
    polls.bucket[WEIR_HISTOGRAM_BUCKETS - 1] = 2;
    struct wi_row *row = fake_view_row(peer->view, WI_TASK_INSTANCE, 0);
    fake_view_set_histogram(peer->view, row, WI_TASK_INSTANCE_POLL, &polls);
    struct answer *answer = details_of(peer, TASK_ID);
    size_t n = 0;
    const uint8_t *bytes = message(answer, 0, &n);
    assert_non_null(bytes);
    Tokio__Console__TaskDetails *details = tokio__console__task_details__unpack(NULL, n, bytes);
    assert_non_null(details);
    assert_int_equal(details->task_id->id, TASK_ID);
    assert_non_null(details->now);
    assert_int_equal(details->poll_times_histogram_case,
                     TOKIO__CONSOLE__TASK_DETAILS__POLL_TIMES_HISTOGRAM_HISTOGRAM);
    assert_true(details->histogram->raw_histogram.len > 41);
    assert_int_equal(details->histogram->high_outliers, 2);
    assert_int_equal(details->histogram->highest_outlier, UINT64_C(200000000000));
    assert_int_equal(details->scheduled_times_histogram->raw_histogram.len, 41); /* empty */
    assert_int_equal(details->scheduled_times_histogram->high_outliers, 0);
    tokio__console__task_details__free_unpacked(details, NULL);
    pass(peer, SECOND);
    assert_int_equal(answer_n_messages(answer), 2);
    answer_ended(call(peer, "Pause"), "0");
    pass(peer, SECOND);
    pass(peer, SECOND);
    assert_int_equal(answer_n_messages(answer), 2);
    answer_ended(call(peer, "Resume"), "0");
    assert_int_equal(answer_n_messages(answer), 3);
    fake_view_clear(peer->view, WI_TASK_INSTANCE);
    pass(peer, SECOND);
    answer_ended(answer, "0");
}

/* ---- which process, and its end ------------------------------------------------------------------ */

static void among_several_processes_none_is_guessed(void **state)
{
    struct peer *peer = *state;
    struct wi_process_view *lobby = fake_view_create("lobby");
    fake_view_facts(lobby)->pid = 4823;
    assert_int_equal(wi_process_views_add(&peer->views, lobby), WEIR_OK);
    struct answer *answer = call(peer, "WatchUpdates");
    answer_ended(answer, "9");
    assert_non_null(strstr(answer->message, "game (pid 4821), lobby (pid 4823)"));
    answer_ended(details_of(peer, TASK_ID), "9");
    assert_false(call(peer, "WatchState")->is_closed);
    answer_ended(call(peer, "Pause"), "0");
}

static void the_end_of_a_process_ends_its_rows(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    struct answer *details = details_of(peer, TASK_ID);
    size_t heard = hear_from(updates, 0);
    peer->views.is_changing = true;
    fake_view_set_state(peer->view, WI_STATE_DEAD);
    wi_process_views_refresh(&peer->views, peer->views.first, peer->now, NULL);
    pass(peer, SECOND);
    answer_ended(updates, "14");
    answer_ended(details, "14");
    hear_from(updates, heard);
    assert_int_equal(tokio_model_live(&model, TOKIO_RESOURCE), 0);
    assert_int_equal(tokio_model_live(&model, TOKIO_TASK), 0);
}

static void a_farewell_ends_the_rows_too(void **state)
{
    struct peer *peer = *state;
    struct answer *updates = call(peer, "WatchUpdates");
    struct answer *states = call(peer, "WatchState");
    size_t heard = hear_from(updates, 0);
    answer_ended(call(peer, "Pause"), "0");
    wi_session_goodbye(peer->session, peer->now);
    peer_converse(peer);
    answer_ended(updates, "14");
    answer_ended(states, "14");
    assert_int_equal(hear_from(updates, heard), heard + 1);
    assert_int_equal(tokio_model_live(&model, TOKIO_RESOURCE), 0);
    assert_int_equal(tokio_model_live(&model, TOKIO_TASK), 0);
}

/* ---- slow, poor ----------------------------------------------------------------------------------- */

/* A client that takes nothing: its messages are left out, not kept, and at last its stream is reset. */
static void a_client_that_stands_still_costs_one_message(void **state)
{
    struct peer *peer = *state;
    peer_tear_down(state);
    *state = peer = peer_create();
    for (int i = 0; i < 3000; i++) {
        fake_view_add_channel(peer->view, "room", 1, 1, 4);
    }
    assert_true(peer_accept(peer));
    peer_connect(peer, 10000);
    struct answer *updates = call(peer, "WatchUpdates");
    assert_int_equal(answer_n_messages(updates), 0);
    uint64_t bytes = peer->memory.bytes;
    for (int i = 0; i < 9; i++) {
        pass(peer, SECOND);
        assert_true(peer->memory.bytes <= bytes + 4096);
    }
    assert_false(updates->is_closed);
    pass(peer, 2 * SECOND);
    assert_true(updates->is_closed);
    assert_int_equal(updates->reset, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* Each piece of memory once: whatever is refused ends in a status, or ends the connection, and comes back. */
static void lack_of_memory_is_an_answer(void **state)
{
    struct peer *peer;
    bool has_finished = false;
    size_t n_refused = 0;
    peer_tear_down(state);
    for (uint64_t n = 1; !has_finished && n < 500; n++) {
        *state = peer = peer_create();
        add_task(peer->view, "c7", TASK_ID);
        fake_view_add_channel(peer->view, "moves", 100, 40, WEIR_UNBOUNDED);
        assert_true(peer_accept(peer));
        peer_connect(peer, 0);
        peer_converse(peer);
        uint64_t refusals = peer->memory.refusals;
        peer->memory.countdown = n;
        static const char *const methods[] = {"WatchUpdates", "WatchState", "Pause", "Resume"};
        for (size_t i = 0; i < 4 && peer->status == WEIR_OK; i++) {
            struct answer *answer = call(peer, methods[i]);
            n_refused += strcmp(answer->status, "8") == 0;
        }
        if (peer->status == WEIR_OK) {
            n_refused += strcmp(details_of(peer, TASK_ID)->status, "8") == 0;
            wi_session_goodbye(peer->session, peer->now);
            peer_converse(peer);
        }
        has_finished = peer->memory.refusals == refusals;
        peer_destroy(peer); /* asserts that nothing is held */
    }
    assert_true(has_finished);
    assert_true(n_refused > 5);
    *state = peer_create();
    assert_true(peer_accept(*state));
    peer_connect(*state, 0);
}

int main(void)
{
#define SESSION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SESSION_TEST(both_streams_answer_at_once),
        SESSION_TEST(a_change_is_told_within_a_second_and_nothing_else),
        SESSION_TEST(a_taken_slot_index_is_another_row),
        SESSION_TEST(set_clocks_do_not_show),
        SESSION_TEST(a_pause_is_told_at_once_and_holds_updates_back),
        SESSION_TEST(a_paused_stream_asks_for_nothing),
        SESSION_TEST(a_pause_is_its_connections_own),
        SESSION_TEST(details_are_of_a_task_that_is_there),
        SESSION_TEST(unknown_fields_of_a_request_are_passed_over),
        SESSION_TEST(details_have_both_histograms),
        SESSION_TEST(among_several_processes_none_is_guessed),
        SESSION_TEST(the_end_of_a_process_ends_its_rows),
        SESSION_TEST(a_farewell_ends_the_rows_too),
        SESSION_TEST(a_client_that_stands_still_costs_one_message),
        SESSION_TEST(lack_of_memory_is_an_answer),
    };
    return cmocka_run_group_tests_name("tokio_session", tests, NULL, NULL);
}
