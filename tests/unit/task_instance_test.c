/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment labels=slow */
/* Single tasks: states, times, and what they add to their kind. */
#include "child.h"
#include "hook/clock.h"
#include "weir/nanos.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MILLI  UINT64_C(1000000)

static struct weir_error error;
static struct wi_process_view *view;
static uint64_t now = 1000 * SECOND;

static struct weir_task_kind *start(void)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    struct weir_task_options options = WEIR_TASK_INIT("connection");
    return weir_task_kind_open(&options);
}

static void look(void)
{
    now += SECOND;
    CHECK(wi_process_view_refresh(view, now, &error) == WEIR_OK);
}

static const struct wi_value *value(const char *label, int metric)
{
    for (size_t i = 0; i < wi_process_view_count(view, WI_TASK_INSTANCE); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_TASK_INSTANCE, i);
        if (strcmp(row->name, label) == 0) {
            return &row->value[metric];
        }
    }
    static const struct wi_value none = {.type = WI_ABSENT};
    return &none;
}

static bool is(const char *label, int metric, const char *text)
{
    const struct wi_value *got = value(label, metric);
    return got->type == WI_TEXT && strcmp(got->u.text, text) == 0;
}

static uint64_t u64(const char *label, int metric)
{
    CHECK(value(label, metric)->type == WI_U64);
    return value(label, metric)->u.u64;
}

static double f64(const char *label, int metric)
{
    CHECK(value(label, metric)->type == WI_F64);
    return value(label, metric)->u.f64;
}

static double kind_f64(int metric)
{
    return wi_value_number(&wi_process_view_row(view, WI_TASK, 0)->value[metric], -1);
}

/* Lets that much time go by; returns how much it was. */
static double pass(uint64_t nanos)
{
    uint64_t from = wi_nanos(CLOCK_MONOTONIC);
    while (wi_nanos(CLOCK_MONOTONIC) - from < nanos) {
    }
    return (double)(wi_nanos(CLOCK_MONOTONIC) - from) / 1e9;
}

static void goes_through_its_states(const char *dir)
{
    (void)dir;
    struct weir_task_kind *kind = start();
    struct weir_semaphore_options slots = WEIR_SEMAPHORE_INIT("slots", 1);
    struct weir_semaphore *semaphore = weir_semaphore_open(&slots);
    struct weir_task task;
    weir_task_open(&task, kind, "c1");
    look();
    CHECK(is("c1", WI_TASK_INSTANCE_STATE, "scheduled") &&
          is("c1", WI_TASK_INSTANCE_KIND, "connection"));
    weir_task_poll(&task);
    look();
    CHECK(is("c1", WI_TASK_INSTANCE_STATE, "running"));
    CHECK(u64("c1", WI_TASK_INSTANCE_POLLS) == 1);
    weir_task_waits_for_semaphore(&task, semaphore);
    weir_task_polled(&task);
    look();
    CHECK(is("c1", WI_TASK_INSTANCE_STATE, "idle") &&
          is("c1", WI_TASK_INSTANCE_WAITS_FOR, "slots"));
    weir_task_wake(&task);
    weir_task_wake(&task);
    look();
    CHECK(is("c1", WI_TASK_INSTANCE_STATE, "scheduled") && u64("c1", WI_TASK_INSTANCE_WAKES) == 2);
    CHECK(u64("c1", WI_TASK_INSTANCE_SELF_WAKES) == 0);
    weir_task_poll(&task);
    weir_task_wake(&task); /* by itself, while it runs */
    look();
    CHECK(is("c1", WI_TASK_INSTANCE_STATE, "running"));
    CHECK(value("c1", WI_TASK_INSTANCE_WAITS_FOR)->type == WI_ABSENT);
    weir_task_polled(&task);
    look();
    CHECK(is("c1", WI_TASK_INSTANCE_STATE, "scheduled") &&
          u64("c1", WI_TASK_INSTANCE_SELF_WAKES) == 1);
    CHECK(kind_f64(WI_TASK_SINGLE_SCHEDULED) == 1 && kind_f64(WI_TASK_SINGLE_IDLE) == 0);
    weir_task_close(&task, WEIR_OUTCOME_OK);
    CHECK(!task.kind && !task.row);
    look();
    CHECK(is("c1", WI_TASK_INSTANCE_STATE, "done"));
    CHECK(kind_f64(WI_TASK_SINGLE_SCHEDULED) == 0);
    CHECK(kind_f64(WI_TASK_POLLS) == 2 && kind_f64(WI_TASK_WAKES) == 3);
    CHECK(kind_f64(WI_TASK_SPAWNED) == 1 && kind_f64(WI_TASK_FINISHED_OK) == 1);
    CHECK(kind_f64(WI_TASK_RUNS) == 2 && kind_f64(WI_TASK_RUNNING) == 0);
    wi_process_view_close(view);
}

/* Against the clock read around each stretch: never less than inside, never more than outside. */
static void times_are_those_of_the_clock(const char *dir)
{
    (void)dir;
    struct weir_task_kind *kind = start();
    struct weir_task task;
    double inside[3] = {0}; /* busy, scheduled, idle */
    double before = (double)wi_nanos(CLOCK_MONOTONIC) / 1e9;
    weir_task_open(&task, kind, "c1");
    for (int i = 0; i < 5; i++) {
        inside[1] += pass(2 * MILLI);
        weir_task_poll(&task);
        inside[0] += pass(4 * MILLI);
        weir_task_polled(&task);
        inside[2] += pass(3 * MILLI);
        weir_task_wake(&task);
    }
    look();
    double all = (double)wi_nanos(CLOCK_MONOTONIC) / 1e9 - before;
    const int metrics[3] = {WI_TASK_INSTANCE_BUSY, WI_TASK_INSTANCE_SCHEDULED,
                            WI_TASK_INSTANCE_IDLE};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        double got = f64("c1", metrics[i]);
        sum += got;
        CHECK(got > inside[i] * 0.999);
        CHECK(got < all - (inside[0] + inside[1] + inside[2] - inside[i]) * 0.999);
    }
    CHECK(sum <= all * 1.001);
    CHECK(fabs(sum - f64("c1", WI_TASK_INSTANCE_AGE)) < 0.001 * sum + 1e-5);
    CHECK(u64("c1", WI_TASK_INSTANCE_POLL) == 5 && u64("c1", WI_TASK_INSTANCE_DELAY) == 5);
    CHECK(f64("c1", WI_TASK_INSTANCE_POLL_P50) > 0.0035 &&
          f64("c1", WI_TASK_INSTANCE_POLL_MAX) >= 0.004);
    CHECK(f64("c1", WI_TASK_INSTANCE_DELAY_P50) > 0.0017);
    double high = kind_f64(WI_TASK_BUSY);
    weir_task_close(&task, WEIR_OUTCOME_OK);
    look();
    CHECK(kind_f64(WI_TASK_BUSY) >= high);
    CHECK(fabs(kind_f64(WI_TASK_BUSY) - f64("c1", WI_TASK_INSTANCE_BUSY)) < 1e-9);
    wi_process_view_close(view);
}

static void those_without_a_row_count_in_their_kind(const char *dir)
{
    (void)dir;
    setenv("WEIR_TASKS", "3", 1);
    struct weir_task_kind *kind = start();
    struct weir_task tasks[5];
    for (int i = 0; i < 5; i++) {
        weir_task_open(&tasks[i], kind, NULL);
        weir_task_poll(&tasks[i]);
        weir_task_polled(&tasks[i]);
    }
    look();
    CHECK(wi_process_view_count(view, WI_TASK_INSTANCE) == 3);
    CHECK(kind_f64(WI_TASK_SPAWNED) == 5 && kind_f64(WI_TASK_RUNS) == 5);
    CHECK(wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_SINGLES_REFUSED].u.u64 == 2);
    /* A row that is free again is another's. */
    weir_task_close(&tasks[1], WEIR_OUTCOME_ERROR);
    struct weir_task later;
    weir_task_open(&later, kind, "later");
    look();
    CHECK(wi_process_view_count(view, WI_TASK_INSTANCE) == 3 &&
          u64("later", WI_TASK_INSTANCE_POLLS) == 0);
    for (int i = 0; i < 5; i++) {
        weir_task_close(&tasks[i], WEIR_OUTCOME_OK); /* [1] a second time: counts nothing */
    }
    weir_task_close(&later, WEIR_OUTCOME_CANCELLED);
    look();
    CHECK(kind_f64(WI_TASK_FINISHED) == 6 && kind_f64(WI_TASK_PENDING) == 0);
    CHECK(kind_f64(WI_TASK_FINISHED_ERROR) == 1);
    wi_process_view_close(view);
}

static void done_tasks_are_shown_for_a_while(const char *dir)
{
    (void)dir;
    struct weir_task_kind *kind = start();
    struct weir_task task;
    weir_task_open(&task, kind, "short");
    weir_task_close(&task, WEIR_OUTCOME_OK);
    look();
    CHECK(is("short", WI_TASK_INSTANCE_STATE, "done"));
    uint64_t until = wi_nanos(CLOCK_MONOTONIC) + 20 * SECOND;
    while (wi_process_view_count(view, WI_TASK_INSTANCE) > 0) {
        CHECK(wi_nanos(CLOCK_MONOTONIC) < until);
        CHECK(wi_process_view_refresh(view, ++now, &error) == WEIR_OK);
    }
    wi_process_view_close(view);
}

static bool is_over;

static void *wake_all_the_time(void *task)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        weir_task_wake(task);
    }
    return NULL;
}

/* A reader between any two steps of the hooks: sums never fall, states are states. */
static void reads_at_any_moment_fit(const char *dir)
{
    (void)dir;
    static struct weir_task task;
    struct weir_task_kind *kind = start();
    pthread_t waker;
    weir_task_open(&task, kind, "busy");
    CHECK(pthread_create(&waker, NULL, wake_all_the_time, &task) == 0);
    double last = 0;
    for (int i = 0; i < 20000; i++) {
        weir_task_poll(&task);
        weir_task_polled(&task);
        if (i % 10 == 0) {
            look();
            double sum = kind_f64(WI_TASK_BUSY);
            CHECK(sum >= last);
            last = sum;
            double parts = f64("busy", WI_TASK_INSTANCE_BUSY) +
                           f64("busy", WI_TASK_INSTANCE_SCHEDULED) +
                           f64("busy", WI_TASK_INSTANCE_IDLE);
            CHECK(parts <= f64("busy", WI_TASK_INSTANCE_AGE) + 1e-3);
        }
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    pthread_join(waker, NULL);
    look();
    CHECK(u64("busy", WI_TASK_INSTANCE_POLLS) == 20000 && kind_f64(WI_TASK_RUNS) == 20000);
    wi_process_view_close(view);
}

/* Between the reading and the row, as on a busy machine: the row's times are of one moment. */
static void what_runs_after_the_reading_is_of_its_age(const char *dir)
{
    (void)dir;
    static struct weir_task task;
    struct weir_task_kind *kind = start();
    weir_task_open(&task, kind, "busy");
    look();
    uint64_t until = wi_nanos(CLOCK_MONOTONIC) + 20 * WI_SECOND / 1000;
    weir_task_poll(&task);
    while (wi_nanos(CLOCK_MONOTONIC) < until) {
    }
    weir_task_polled(&task);
    double parts = f64("busy", WI_TASK_INSTANCE_BUSY) + f64("busy", WI_TASK_INSTANCE_SCHEDULED) +
                   f64("busy", WI_TASK_INSTANCE_IDLE);
    CHECK(parts >= 0.02);
    CHECK(parts <= f64("busy", WI_TASK_INSTANCE_AGE) + 1e-3);
    wi_process_view_close(view);
}

static void nothing_is_a_task_too(const char *dir)
{
    (void)dir;
    struct weir_task task;
    weir_task_open(&task, NULL, "x");
    weir_task_poll(&task);
    weir_task_wake(&task);
    weir_task_waits_for_channel(&task, NULL);
    weir_task_polled(&task);
    weir_task_close(&task, WEIR_OUTCOME_OK);
}

CHILD_TEST(goes_through_its_states)
CHILD_TEST(times_are_those_of_the_clock)
CHILD_TEST(those_without_a_row_count_in_their_kind)
CHILD_TEST(done_tasks_are_shown_for_a_while)
CHILD_TEST(reads_at_any_moment_fit)
CHILD_TEST(what_runs_after_the_reading_is_of_its_age)
CHILD_TEST(nothing_is_a_task_too)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_through_its_states),
        cmocka_unit_test(test_times_are_those_of_the_clock),
        cmocka_unit_test(test_those_without_a_row_count_in_their_kind),
        cmocka_unit_test(test_done_tasks_are_shown_for_a_while),
        cmocka_unit_test(test_reads_at_any_moment_fit),
        cmocka_unit_test(test_what_runs_after_the_reading_is_of_its_age),
        cmocka_unit_test(test_nothing_is_a_task_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
