/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/session */
/* Several processes behind one session: which one a request means, and what becomes of streams whose
 * process ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "peer.h"

#include <stdlib.h>
#include <string.h>

/* A session over game (4821), game (4822) and lobby (4823). */
struct state {
    struct peer *peer;
    struct wi_process_view *twin;
    struct wi_process_view *lobby;
};

static struct wi_process_view *add(struct peer *peer, const char *name, uint32_t pid)
{
    struct wi_process_view *view = fake_view_create(name);
    fake_view_facts(view)->pid = pid;
    assert_int_equal(wi_process_views_add(&peer->views, view), WEIR_OK);
    return view;
}

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof(*s));
    s->peer = peer_create();
    s->peer->views.is_changing = true;
    s->peer->views.self = &s->peer->views.own;
    s->twin = add(s->peer, "game", 4822);
    s->lobby = add(s->peer, "lobby", 4823);
    assert_true(peer_accept(s->peer));
    peer_connect(s->peer, 0);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    peer_destroy(s->peer);
    free(s);
    return 0;
}

static struct wi_served *served(struct state *s, const struct wi_process_view *view)
{
    struct wi_served *at = s->peer->views.first;
    while (at && at->view != view) {
        at = at->next;
    }
    assert_non_null(at);
    return at;
}

/* Reads a process view as the wire does. */
static void refresh(struct state *s, const struct wi_process_view *view)
{
    wi_process_views_refresh(&s->peer->views, served(s, view), s->peer->now, NULL);
}

static struct answer *ask(struct state *s, const char *method, const char *target)
{
    static const uint8_t body[5];
    struct answer *answer =
        peer_call_with(s->peer, method, body, sizeof(body), target ? "weir-target" : NULL, target);
    peer_converse(s->peer);
    return answer;
}

static uint32_t pid_of(const struct answer *answer)
{
    answer_ended(answer, "0");
    Weir__V1__Description *message =
        weir__v1__description__unpack(NULL, answer->n_bytes - 5, answer->bytes + 5);
    assert_non_null(message);
    uint32_t pid = message->pid;
    weir__v1__description__free_unpacked(message, NULL);
    return pid;
}

#define DESCRIBE "/weir.v1.Agent/Describe"
#define WATCH    "/weir.v1.Agent/Watch"

static void a_request_names_its_process(void **state)
{
    struct state *s = *state;
    assert_int_equal(pid_of(ask(s, DESCRIBE, "lobby")), 4823);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "4822")), 4822);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "game:4821")), 4821);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "game/1")), 4821);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "game/2")), 4822);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "lobby/1")), 4823);
}

static void what_is_unclear_is_answered_by_the_list(void **state)
{
    struct state *s = *state;
    struct answer *answer = ask(s, DESCRIBE, NULL);
    answer_ended(answer, "9");
    assert_non_null(
        strstr(answer->message, "game/1 (pid 4821), game/2 (pid 4822), lobby (pid 4823)"));
    answer = ask(s, DESCRIBE, "game");
    answer_ended(answer, "9");
    assert_non_null(strstr(answer->message, "game/1 (pid 4821), game/2 (pid 4822)"));
    assert_null(strstr(answer->message, "lobby"));
    static const char *const none[] = {"nobody", "482",   "48211",  "lobby:4821", "game:",
                                       ":4821",  "game/", "game/0", "game/3",     "game/01"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        answer = ask(s, DESCRIBE, none[i]);
        answer_ended(answer, "5");
        assert_non_null(strstr(answer->message, "lobby (pid 4823)"));
    }
    char longest[400];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    answer_ended(ask(s, DESCRIBE, longest), "5");
}

/* What started later has the higher number, also where its pid is lower; who is left moves up. */
static void replicas_are_numbered_by_their_start(void **state)
{
    struct state *s = *state;
    fake_view_facts(s->twin)->own.start_ticks = 1;
    assert_int_equal(pid_of(ask(s, DESCRIBE, "game/1")), 4822);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "game/2")), 4821);
    fake_view_set_state(s->twin, WI_STATE_DEAD);
    refresh(s, s->twin);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "game/1")), 4821);
    answer_ended(ask(s, DESCRIBE, "game/2"), "5");
}

static void list_tells_all_that_are_there(void **state)
{
    struct state *s = *state;
    fake_view_set_state(s->twin, WI_STATE_DEAD);
    refresh(s, s->twin);
    struct answer *answer = ask(s, "/weir.v1.Agent/List", NULL);
    answer_ended(answer, "0");
    Weir__V1__Targets *targets =
        weir__v1__targets__unpack(NULL, answer->n_bytes - 5, answer->bytes + 5);
    assert_int_equal(targets->n_targets, 2);
    assert_string_equal(targets->targets[0]->name, "game");
    assert_int_equal(targets->targets[0]->pid, 4821);
    assert_string_equal(targets->targets[0]->state, "running");
    assert_string_equal(targets->targets[1]->name, "lobby");
    weir__v1__targets__free_unpacked(targets, NULL);
}

static void streams_of_a_process_that_ends_get_its_last_numbers_and_the_end(void **state)
{
    struct state *s = *state;
    struct answer *other = ask(s, WATCH, "lobby");
    struct answer *answer = ask(s, WATCH, "4822");
    assert_int_equal(answer_n_messages(answer), 1);
    assert_int_equal(served(s, s->twin)->n_holders, 1);

    s->peer->now += SECOND / 2;
    fake_view_set_state(s->twin, WI_STATE_DEAD);
    refresh(s, s->twin);
    assert_false(wi_process_views_prune(&s->peer->views)); /* the stream has it still */
    wi_session_tick(s->peer->session, s->peer->now);
    peer_converse(s->peer);

    answer_ended(answer, "14");
    assert_string_equal(answer->message, "game (pid 4822) has ended");
    assert_int_equal(answer_n_messages(answer), 2);
    Weir__V1__Update *last = answer_last_update(answer);
    assert_string_equal(last->state, "dead");
    weir__v1__update__free_unpacked(last, NULL);
    assert_false(other->is_closed);
    assert_true(wi_process_views_prune(&s->peer->views));
    assert_int_equal(s->peer->views.n, 2);
    assert_int_equal(pid_of(ask(s, DESCRIBE, "game")), 4821);
}

/* The process is chosen when the header has come; the request ends later. */
static void a_process_that_ends_during_a_request_is_chosen_anew(void **state)
{
    struct state *s = *state;
    static const uint8_t body[5];
    struct answer *lobby =
        peer_call_with(s->peer, DESCRIBE, body, sizeof(body), "weir-target", "lobby");
    struct answer *twin =
        peer_call_with(s->peer, DESCRIBE, body, sizeof(body), "weir-target", "4822");
    lobby->stays_open = twin->stays_open = true;
    peer_converse(s->peer);
    assert_int_equal(served(s, s->lobby)->n_holders, 1);
    fake_view_set_state(s->lobby, WI_STATE_DEAD);
    fake_view_set_state(s->twin, WI_STATE_DEAD);
    refresh(s, s->lobby);
    refresh(s, s->twin);
    add(s->peer, "lobby", 4824);
    assert_false(wi_process_views_prune(&s->peer->views)); /* the requests have them still */
    lobby->stays_open = twin->stays_open = false;
    nghttp2_session_resume_data(s->peer->http, lobby->id);
    nghttp2_session_resume_data(s->peer->http, twin->id);
    peer_converse(s->peer);
    assert_int_equal(pid_of(lobby), 4824);
    answer_ended(twin, "5");
    assert_true(wi_process_views_prune(&s->peer->views));
}

static void what_is_unclear_is_answered_while_the_caller_keeps_its_side_open(void **state)
{
    struct state *s = *state;
    struct answer *answer = peer_call_with(s->peer, WATCH, "", 0, "weir-target", "game");
    answer->stays_open = true;
    peer_converse(s->peer);
    answer_ended(answer, "9");
}

static void the_last_one_to_go_leaves_an_answer(void **state)
{
    struct state *s = *state;
    struct wi_process_view *all[] = {s->peer->view, s->twin, s->lobby};
    for (size_t i = 0; i < 3; i++) {
        fake_view_set_state(all[i], WI_STATE_ORPHANED);
        refresh(s, all[i]);
    }
    assert_true(wi_process_views_prune(&s->peer->views));
    assert_int_equal(s->peer->views.n, 0);
    struct answer *answer = ask(s, DESCRIBE, NULL);
    answer_ended(answer, "5");
    assert_string_equal(answer->message, "no process is served now");
}

static void a_host_that_is_read_when_dead_goes_on(void **state)
{
    struct state *s = *state;
    s->peer->views.is_changing = false;
    fake_view_set_state(s->lobby, WI_STATE_DEAD);
    refresh(s, s->lobby);
    assert_false(wi_process_views_prune(&s->peer->views));
    assert_int_equal(pid_of(ask(s, DESCRIBE, "lobby")), 4823);
}

static void only_so_many_are_served(void **state)
{
    struct state *s = *state;
    for (uint32_t pid = 1; s->peer->views.n < WI_PROCESS_VIEWS_MAX; pid++) {
        add(s->peer, "many", pid);
    }
    assert_int_equal(wi_process_views_add(&s->peer->views, fake_view_create("more")), WEIR_E_LIMIT);
    struct answer *answer = ask(s, DESCRIBE, NULL);
    answer_ended(answer, "9");
    assert_non_null(strstr(answer->message, " more"));
}

static void the_exporters_own_numbers_are_the_same_in_all(void **state)
{
    struct state *s = *state;
    s->peer->views.self->scrapes = 7;
    refresh(s, s->lobby);
    refresh(s, s->twin);
    assert_int_equal(wi_process_view_self(s->lobby)->scrapes, 7);
    assert_int_equal(wi_process_view_self(s->twin)->scrapes, 7);
}

static void what_is_due_is_marked(void **state)
{
    struct state *s = *state;
    ask(s, WATCH, "lobby");
    wi_session_want(s->peer->session, s->peer->now + SECOND / 2);
    assert_false(served(s, s->lobby)->is_wanted);
    wi_session_want(s->peer->session, s->peer->now + SECOND);
    assert_true(served(s, s->lobby)->is_wanted);
    assert_false(served(s, s->twin)->is_wanted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_names_its_process),
        TEST(what_is_unclear_is_answered_by_the_list),
        TEST(replicas_are_numbered_by_their_start),
        TEST(list_tells_all_that_are_there),
        TEST(streams_of_a_process_that_ends_get_its_last_numbers_and_the_end),
        TEST(a_process_that_ends_during_a_request_is_chosen_anew),
        TEST(what_is_unclear_is_answered_while_the_caller_keeps_its_side_open),
        TEST(the_last_one_to_go_leaves_an_answer),
        TEST(a_host_that_is_read_when_dead_goes_on),
        TEST(only_so_many_are_served),
        TEST(the_exporters_own_numbers_are_the_same_in_all),
        TEST(what_is_due_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
