/* SPDX-License-Identifier: MIT */
/* Findings that are not growth of a queue: permits, orphans, tasks, loops, defaults; with time given. */
/* ctest: folders=agent/src/finding */
#include "judged.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *text(const struct wi_row *row, int metric)
{
    return row && row->value[metric].type == WI_TEXT ? row->value[metric].u.text : "";
}

static void assert_severity(const char *kind, const char *severity)
{
    assert_string_equal(text(found(kind), WI_WARNING_SEVERITY), severity);
}

static void assert_says(const char *whole, const char *part)
{
    if (!strstr(whole, part)) {
        fail_msg("\"%s\" does not say \"%s\"", whole, part);
    }
}

/* ---- permits ------------------------------------------------------------------------------- */

static void set_permits(struct wi_row *row, unsigned all, unsigned taken, uint64_t acquires)
{
    fake_view_set_u64(row, WI_SEMAPHORE_AVAILABLE, all - taken);
    fake_view_set_u64(row, WI_SEMAPHORE_ACQUIRES, acquires);
    fake_view_set_u64(row, WI_SEMAPHORE_RELEASED, acquires - taken);
    fake_view_set_f64(row, WI_SEMAPHORE_ACQUIRE_RATE, 100);
}

static void permits_that_do_not_come_back_are_leaked(void **state)
{
    (void)state;
    struct wi_row *slots = fake_view_add_semaphore(view, "slots", 64, 64);
    unsigned named_at = 0;
    /* Each work holds up to 8; every half minute one forgets to give its permit back. */
    for (unsigned i = 1; i <= 1200; i++) {
        set_permits(slots, 64, i / 30 + below(8), 1000 + 100 * i);
        look();
        named_at = named_at || !found("permits_leaked") ? named_at : i;
    }
    assert_in_range(named_at, 600, 900);
    assert_severity("permits_leaked", "warning");
    assert_says(text(found("permits_leaked"), WI_WARNING_ESTIMATE), "leaked, or held longer");
}

static void more_work_holds_more_permits_and_leaks_none(void **state)
{
    (void)state;
    struct wi_row *slots = fake_view_add_semaphore(view, "slots", 64, 64);
    uint64_t acquires = 1000;
    for (unsigned i = 1; i <= 1200; i++) {
        set_permits(slots, 64, i / 30 + below(8), acquires += 10 + i / 2);
        look();
        assert_null(found("permits_leaked"));
    }
}

static void permits_that_come_and_go_are_not_leaked(void **state)
{
    (void)state;
    struct wi_row *slots = fake_view_add_semaphore(view, "slots", 64, 64);
    for (unsigned i = 1; i <= 7200; i++) {
        set_permits(slots, 64, i / 60 % 5 * 10 + below(8), 1000 + 100 * i);
        look();
        assert_null(found("permits_leaked"));
    }
}

static void all_taken_and_none_given_back(void **state)
{
    (void)state;
    struct wi_row *slots = fake_view_add_semaphore(view, "slots", 8, 8);
    for (unsigned i = 0; i <= 61; i++) {
        set_permits(slots, 8, 8, 1000);
        fake_view_set_u64(slots, WI_SEMAPHORE_WAITERS, 3);
        look();
        if (i < 60) {
            assert_null(found("permits_leaked"));
        }
    }
    assert_string_equal(text(found("permits_leaked"), WI_WARNING_TEXT),
                        "slots: all 8 permits are taken, none was released for 61 s");
    assert_severity("permits_leaked", "critical");
    assert_severity("permits_exhausted", "warning");
}

static void exhausted_but_moving_is_not_leaked(void **state)
{
    (void)state;
    struct wi_row *slots = fake_view_add_semaphore(view, "slots", 8, 8);
    for (unsigned i = 0; i <= 300; i++) {
        set_permits(slots, 8, 8, 1000 + i);
        fake_view_set_u64(slots, WI_SEMAPHORE_WAITERS, 3);
        look();
        assert_null(found("permits_leaked"));
    }
    assert_says(text(found("permits_exhausted"), WI_WARNING_TEXT), "no permit free for 5 min");
}

static void no_permits_at_all_is_no_alarm_by_itself(void **state)
{
    (void)state;
    struct wi_row *gate = fake_view_add_semaphore(view, "gate", 0, 0);
    for (unsigned i = 0; i < 5; i++) {
        look();
        assert_int_equal(wi_process_view_count(view, WI_WARNING), 0);
    }
    fake_view_set_u64(gate, WI_SEMAPHORE_WAITERS, 3);
    look();
    assert_string_equal(text(found("permits_none"), WI_WARNING_TEXT),
                        "gate: it has 0 permits, waiting: 3");
    assert_severity("permits_none", "info");
    fake_view_set_f64(gate, WI_SEMAPHORE_REJECT_RATE, 5);
    for (unsigned i = 0; i < 70; i++) {
        look();
    }
    assert_string_equal(text(found("permits_none"), WI_WARNING_TEXT),
                        "gate: it has 0 permits, 5.0 refused/s, waiting: 3");
    assert_severity("permits_none", "warning");
    assert_null(found("permits_exhausted"));
    assert_null(found("permits_leaked"));
}

static void where_only_the_free_ones_are_known_none_free_is_exhausted(void **state)
{
    (void)state;
    struct wi_row *slots = fake_view_add(view, WI_SEMAPHORE, "slots");
    fake_view_set_u64(slots, WI_SEMAPHORE_AVAILABLE, 2);
    fake_view_set_u64(slots, WI_SEMAPHORE_WAITERS, 0);
    for (unsigned i = 0; i < 5; i++) {
        look();
        assert_int_equal(wi_process_view_count(view, WI_WARNING), 0);
    }
    fake_view_set_u64(slots, WI_SEMAPHORE_AVAILABLE, 0);
    fake_view_set_u64(slots, WI_SEMAPHORE_WAITERS, 3);
    look();
    look();
    assert_string_equal(text(found("permits_exhausted"), WI_WARNING_TEXT),
                        "slots: no permit free for 1 s, waiting: 3");
    assert_null(found("permits_none"));
}

static void permits_that_were_only_released_are_free(void **state)
{
    (void)state;
    struct wi_row *items = fake_view_add_semaphore(view, "items", 0, 7);
    fake_view_set_u64(items, WI_SEMAPHORE_WAITERS, 1);
    for (unsigned i = 0; i < 5; i++) {
        look();
        assert_int_equal(wi_process_view_count(view, WI_WARNING), 0);
    }
}

/* ---- orphans ------------------------------------------------------------------------------- */

static void orphans_that_stay_are_told(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 5000, 1000, 100000);
    for (unsigned i = 1; i <= 6; i++) {
        fake_view_set_u64(moves, WI_CHANNEL_RECEIVED, 1000 + i);
        fake_view_set_u64(moves, WI_CHANNEL_ORPHANED, 800);
        fake_view_set_u64(moves, WI_CHANNEL_ORPHANED_BYTES, 166400);
        fake_view_set_u64(moves, WI_CHANNEL_SENDERS_GONE, 12);
        look();
        if (i < 5) {
            assert_null(found("orphaned"));
        }
    }
    assert_string_equal(text(found("orphaned"), WI_WARNING_TEXT),
                        "moves: 800 queued messages (166.4 kB) are from 12 senders that are gone");
    fake_view_set_u64(moves, WI_CHANNEL_ORPHANED, 15); /* few are nobody's trouble */
    look();
    assert_null(found("orphaned"));
}

/* An absent subscriber: its messages are kept while sends go on. */
static void orphans_of_one_that_is_away_are_told_by_its_name(void **state)
{
    (void)state;
    struct wi_row *fanout = fake_view_add_channel(view, "fanout", 5000, 4800, UINT64_MAX);
    struct wi_row *archive = fake_view_add(view, WI_SENDER, "archive");
    fake_view_set_text(view, fanout, WI_CHANNEL_PARTY, "receiver");
    fake_view_set_text(view, archive, WI_SENDER_STATE, "away");
    fake_view_set_u64(archive, WI_SENDER_CHANNEL_ID, fanout->id);
    for (unsigned i = 1; i <= 6; i++) {
        fake_view_set_u64(fanout, WI_CHANNEL_SENT, 5000 + 100 * i);
        fake_view_set_u64(fanout, WI_CHANNEL_RECEIVED, 4800 + 90 * i);
        fake_view_set_u64(fanout, WI_CHANNEL_ORPHANED, 100 + 10 * i);
        fake_view_set_u64(fanout, WI_CHANNEL_ORPHANED_AWAY, 100 + 10 * i);
        fake_view_set_u64(fanout, WI_CHANNEL_ORPHANED_BYTES, 200 * (100 + 10 * i));
        fake_view_set_u64(fanout, WI_CHANNEL_SENDERS_AWAY, 1);
        fake_view_set_u64(archive, WI_SENDER_IN_FLIGHT, 100 + 10 * i);
        look();
    }
    assert_string_equal(text(found("orphaned"), WI_WARNING_TEXT),
                        "fanout: 160 queued messages (32.0 kB) are for 1 receiver that is away "
                        "(archive)");
    assert_string_equal(text(found("orphaned"), WI_WARNING_LABELS), "archive");
    assert_non_null(strstr(text(found("orphaned"), WI_WARNING_ACTION), "one that is away"));
    fake_view_set_u64(fanout, WI_CHANNEL_SENDERS_GONE, 2);
    fake_view_set_text(view, fanout, WI_CHANNEL_PARTY, "sender");
    look();
    assert_string_equal(text(found("orphaned"), WI_WARNING_TEXT),
                        "fanout: 160 queued messages (32.0 kB) are from 2 senders that are gone "
                        "and 1 that is away (archive)");
}

/* ---- tasks --------------------------------------------------------------------------------- */

static void set_tasks(struct wi_row *row, uint64_t spawned, uint64_t runs, uint64_t finished)
{
    fake_view_set_u64(row, WI_TASK_SPAWNED, spawned);
    fake_view_set_u64(row, WI_TASK_RUNS, runs);
    fake_view_set_u64(row, WI_TASK_FINISHED, finished);
}

static void tasks_that_wait_for_their_first_run_are_a_backlog(void **state)
{
    (void)state;
    struct wi_row *handler = fake_view_add_task(view, "handler", 0, 0, 0);
    for (unsigned i = 1; i <= 20; i++) {
        set_tasks(handler, 3000 * i, 1000 * i, 1000 * i);
        look();
    }
    assert_severity("task_backlog", "warning");
    assert_says(text(found("task_backlog"), WI_WARNING_TEXT), "+2,000 tasks/s");
    assert_null(found("task_leak"));
}

static void tasks_that_have_run_and_do_not_end_are_a_leak(void **state)
{
    (void)state;
    struct wi_row *handler = fake_view_add_task(view, "handler", 0, 0, 0);
    for (unsigned i = 1; i <= 20; i++) {
        set_tasks(handler, 3000 * i, 3000 * i, 1000 * i);
        look();
    }
    assert_severity("task_leak", "warning");
    assert_null(found("task_backlog"));
}

static void slow_task_leak_is_named_after_half_an_hour(void **state)
{
    (void)state;
    struct wi_row *handler = fake_view_add_task(view, "handler", 0, 0, 0);
    unsigned named_at = 0;
    for (unsigned i = 1; i <= 2400; i++) {
        set_tasks(handler, 1000 * i, 1000 * i, 1000 * i - i / 5 - below(30));
        look();
        named_at = named_at || !found("task_leak") ? named_at : i;
    }
    assert_in_range(named_at, 1800, 2100);
}

static void busy_tasks_are_neither(void **state)
{
    (void)state;
    struct wi_row *handler = fake_view_add_task(view, "handler", 0, 0, 0);
    for (unsigned i = 1; i <= 3600; i++) {
        set_tasks(handler, 3000 * i, 3000 * i - below(300), 3000 * i - 300 - below(300));
        look();
        assert_null(found("task_leak"));
        assert_null(found("task_backlog"));
    }
}

/* ---- loops --------------------------------------------------------------------------------- */

static void calls_with_a_negative_number_are_a_warning(void **state)
{
    (void)state;
    fake_view_set_u64(fake_view_row(view, WI_AGENT, 0), WI_AGENT_CALLS_REFUSED, 5);
    look();
    assert_severity("calls_refused", "warning");
    assert_non_null(strstr(text(found("calls_refused"), WI_WARNING_TEXT), "5 calls for batches"));
    assert_non_null(strstr(text(found("calls_refused"), WI_WARNING_ACTION), "weir_channel_send_n"));
}

/* A corrupt file's times may be any: the sanitizer of undefined behaviour is what sees a conversion that does not fit. */
static void impossible_times_of_a_loop_are_told_as_they_are(void **state)
{
    (void)state;
    static const double times[] = {1e10, 5e11, 1e300, INFINITY, NAN, -1};
    struct wi_row *loop = fake_view_add(view, WI_LOOP, "game");
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        fake_view_set_f64(loop, WI_LOOP_CURRENT, times[i]);
        fake_view_set_f64(loop, WI_LOOP_ITERATION_MAX, times[i]);
        look();
        assert_true((found("long_iterations") != NULL) == (times[i] >= 10));
    }
}

static void long_iterations_are_told(void **state)
{
    (void)state;
    struct wi_row *loop = fake_view_add(view, WI_LOOP, "network");
    fake_view_set_f64(loop, WI_LOOP_CURRENT, 0);
    fake_view_set_f64(loop, WI_LOOP_ITERATION_P99, 0.099);
    for (unsigned i = 0; i < 5; i++) {
        look();
        assert_null(found("long_iterations"));
    }
    fake_view_set_f64(loop, WI_LOOP_ITERATION_P99, 0.250);
    for (unsigned i = 0; i < 3; i++) {
        assert_null(found("long_iterations"));
        look();
    }
    assert_string_equal(text(found("long_iterations"), WI_WARNING_TEXT),
                        "network: one iteration in a hundred takes 250 ms or more");
}

static void loop_that_hangs_is_told_at_once(void **state)
{
    (void)state;
    struct wi_row *loop = fake_view_add(view, WI_LOOP, "network");
    fake_view_set_f64(loop, WI_LOOP_CURRENT, 2.5);
    look();
    assert_string_equal(text(found("long_iterations"), WI_WARNING_TEXT),
                        "network: in the same iteration for 2 s");
    assert_severity("long_iterations", "warning");
    fake_view_set_f64(loop, WI_LOOP_CURRENT, 12);
    look();
    assert_severity("long_iterations", "critical");
}

static void late_timers_are_told(void **state)
{
    (void)state;
    struct wi_row *loop = fake_view_add(view, WI_LOOP, "game");
    fake_view_set_f64(loop, WI_LOOP_PERIOD, 0.1);
    fake_view_set_f64(loop, WI_LOOP_LATENESS_P99, 0.09); /* less than a tick */
    for (unsigned i = 0; i < 5; i++) {
        look();
        assert_null(found("timer_late"));
    }
    fake_view_set_f64(loop, WI_LOOP_LATENESS_P99, 0.11);
    for (unsigned i = 0; i < 3; i++) {
        look();
    }
    assert_string_equal(text(found("timer_late"), WI_WARNING_TEXT),
                        "game: its timer is 110 ms late once in a hundred times");
    assert_null(found("default_timer_1ms"));
}

/* ---- defaults ------------------------------------------------------------------------------ */

static void defaults_are_remarks(void **state)
{
    (void)state;
    fake_view_add_channel(view, "never used", 0, 0, WEIR_UNBOUNDED);
    struct wi_row *loop = fake_view_add(view, WI_LOOP, "game");
    fake_view_set_f64(loop, WI_LOOP_PERIOD, 0.001);
    look();
    assert_null(found("default_unbounded"));
    assert_severity("default_timer_1ms", "info");

    struct wi_row *moves = fake_view_add_channel(view, "moves", 5000, 5000, WEIR_UNBOUNDED);
    struct wi_row *chat = fake_view_add_channel(view, "chat", 50, 50, WEIR_UNBOUNDED);
    fake_view_set_u64(moves, WI_CHANNEL_HIGH_WATER, 12);
    fake_view_set_u64(chat, WI_CHANNEL_HIGH_WATER, 3);
    look();
    assert_string_equal(text(found("default_unbounded"), WI_WARNING_TEXT),
                        "moves: no bound, never deeper than 12 so far; 1 more unbounded channel");
    assert_severity("default_unbounded", "info");
}

static void bound_far_from_any_depth_is_a_remark(void **state)
{
    (void)state;
    struct wi_row *far = fake_view_add_channel(view, "far", 0, 0, 1000000);
    struct wi_row *near = fake_view_add_channel(view, "near", 0, 0, 128);
    for (unsigned i = 1; i <= 610; i++) {
        struct wi_row *const rows[] = {far, near};
        for (size_t k = 0; k < 2; k++) {
            fake_view_set_u64(rows[k], WI_CHANNEL_SENT, 100 * i);
            fake_view_set_u64(rows[k], WI_CHANNEL_RECEIVED, 100 * i);
            fake_view_set_u64(rows[k], WI_CHANNEL_HIGH_WATER, 40);
            fake_view_set_f64(rows[k], WI_CHANNEL_IN_RATE, 100);
        }
        look();
        if (i < 600) {
            assert_null(found("default_bound_far"));
        }
    }
    assert_string_equal(text(found("default_bound_far"), WI_WARNING_TEXT),
                        "far: a bound of 1,000,000, never deeper than 40");
    assert_severity("default_bound_far", "info");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(permits_that_do_not_come_back_are_leaked),
        TEST(more_work_holds_more_permits_and_leaks_none),
        TEST(no_permits_at_all_is_no_alarm_by_itself),
        TEST(where_only_the_free_ones_are_known_none_free_is_exhausted),
        TEST(permits_that_were_only_released_are_free),
        TEST(permits_that_come_and_go_are_not_leaked),
        TEST(all_taken_and_none_given_back),
        TEST(exhausted_but_moving_is_not_leaked),
        TEST(orphans_that_stay_are_told),
        TEST(orphans_of_one_that_is_away_are_told_by_its_name),
        TEST(tasks_that_wait_for_their_first_run_are_a_backlog),
        TEST(tasks_that_have_run_and_do_not_end_are_a_leak),
        TEST(slow_task_leak_is_named_after_half_an_hour),
        TEST(busy_tasks_are_neither),
        TEST(long_iterations_are_told),
        TEST(calls_with_a_negative_number_are_a_warning),
        TEST(impossible_times_of_a_loop_are_told_as_they_are),
        TEST(loop_that_hangs_is_told_at_once),
        TEST(late_timers_are_told),
        TEST(defaults_are_remarks),
        TEST(bound_far_from_any_depth_is_a_remark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
