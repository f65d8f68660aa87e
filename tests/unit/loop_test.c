/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment */
/* Event loops: iterations, busy and idle time, timers. */
#include "child.h"
#include "hook/clock.h"
#include "segment/layout.h"
#include "weir/nanos.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MILLI  UINT64_C(1000000)

static struct weir_error error;
static struct wi_process_view *view;
static uint64_t now = 1000 * SECOND;

static struct weir_loop *start(uint64_t period)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    struct weir_loop_options options = WEIR_LOOP_INIT("network");
    options.period_nanos = period;
    return weir_loop_open(&options);
}

static void look(void)
{
    now += SECOND;
    CHECK(wi_process_view_refresh(view, now, &error) == WEIR_OK);
}

static double number(int metric)
{
    return wi_value_number(&wi_process_view_row(view, WI_LOOP, 0)->value[metric], -1);
}

static double pass(uint64_t nanos)
{
    uint64_t from = wi_nanos(CLOCK_MONOTONIC);
    while (wi_nanos(CLOCK_MONOTONIC) - from < nanos) {
    }
    return (double)(wi_nanos(CLOCK_MONOTONIC) - from) / 1e9;
}

static void shows_what_a_loop_does(const char *dir)
{
    (void)dir;
    double inside[2] = {0};
    struct weir_loop *loop = start(MILLI);
    look();
    CHECK(number(WI_LOOP_ITERATIONS) == 0 && number(WI_LOOP_BUSY) == 0);
    CHECK(number(WI_LOOP_PERIOD) == 0.001 && number(WI_LOOP_LATENESS) == -1);
    double before = (double)wi_nanos(CLOCK_MONOTONIC) / 1e9;
    double worst = 0;
    for (int i = 0; i < 6; i++) {
        weir_loop_begin(loop);
        double busy = pass(i == 3 ? 8 * MILLI : MILLI);
        inside[0] += busy;
        worst = busy > worst ? busy : worst;
        weir_loop_end(loop);
        inside[1] += pass(2 * MILLI);
    }
    look();
    double all = (double)wi_nanos(CLOCK_MONOTONIC) / 1e9 - before;
    CHECK(number(WI_LOOP_ITERATIONS) == 6 && number(WI_LOOP_ITERATION) == 6);
    CHECK(number(WI_LOOP_BUSY) > inside[0] * 0.999);
    CHECK(number(WI_LOOP_IDLE) > inside[1] * 0.999);
    CHECK(number(WI_LOOP_BUSY) + number(WI_LOOP_IDLE) <= all * 1.001);
    CHECK(number(WI_LOOP_ITERATION_MAX) > worst * 0.999);
    CHECK(number(WI_LOOP_ITERATION_P50) > 0.0008);
    CHECK(number(WI_LOOP_CURRENT) == 0);
    CHECK(number(WI_LOOP_UTILISATION) > 0.1 && number(WI_LOOP_UTILISATION) < 0.9);
    CHECK(strncmp(wi_process_view_row(view, WI_LOOP, 0)->value[WI_LOOP_SOURCE].u.text,
                  "loop_test.c:", 12) == 0);
    wi_process_view_close(view);
}

static void a_loop_that_hangs_shows(const char *dir)
{
    (void)dir;
    struct weir_loop *loop = start(WEIR_NO_PERIOD);
    weir_loop_begin(loop);
    double hung = pass(5 * MILLI);
    look();
    CHECK(number(WI_LOOP_CURRENT) >= hung * 0.999);
    CHECK(number(WI_LOOP_BUSY) >= hung * 0.999);
    CHECK(number(WI_LOOP_ITERATIONS) == 0 && number(WI_LOOP_PERIOD) == -1);
    weir_loop_begin(loop); /* a second begin is none */
    weir_loop_end(loop);
    weir_loop_end(loop); /* nor a second end */
    look();
    CHECK(number(WI_LOOP_ITERATIONS) == 1 && number(WI_LOOP_CURRENT) == 0);
    wi_process_view_close(view);
}

static void shows_late_timers(const char *dir)
{
    (void)dir;
    struct weir_loop *loop = start(MILLI);
    for (int i = 0; i < 99; i++) {
        weir_loop_timer(loop, 10000);
    }
    weir_loop_timer(loop, 50 * MILLI);
    weir_loop_set_period(loop, 2 * MILLI);
    look();
    CHECK(number(WI_LOOP_LATENESS) == 100);
    CHECK(number(WI_LOOP_LATENESS_P50) > 8.5e-6 && number(WI_LOOP_LATENESS_P50) < 11.5e-6);
    CHECK(number(WI_LOOP_LATENESS_MAX) == 0.05 && number(WI_LOOP_PERIOD) == 0.002);
    weir_loop_close(loop);
    look();
    CHECK(wi_process_view_count(view, WI_LOOP) == 0);
    wi_process_view_close(view);
}

static void nothing_is_a_loop_too(const char *dir)
{
    (void)dir;
    CHECK(weir_loop_open(NULL) == NULL);
    weir_loop_begin(NULL);
    weir_loop_end(NULL);
    weir_loop_timer(NULL, 5);
    weir_loop_set_period(NULL, 5);
    weir_loop_close(NULL);
}

static bool is_over;

static void *turn(void *loop)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        weir_loop_begin(loop);
        weir_loop_end(loop);
    }
    return NULL;
}

/* 2,000 readings of a view while the loop turns as fast as it can; then it closes. */
static void reads_while_it_turns(const char *dir, bool is_own)
{
    char path[256];
    pthread_t thread;
    double before[3] = {0, 0, 0};
    double from = (double)wi_nanos(CLOCK_MONOTONIC) / 1e9;
    struct weir_loop *loop = start(WEIR_NO_PERIOD);
    if (!is_own) {
        wi_process_view_close(view);
        CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
        CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    }
    is_over = false;
    CHECK(pthread_create(&thread, NULL, turn, loop) == 0);
    for (int i = 0; i < 2000; i++) {
        look();
        double spent[3] = {number(WI_LOOP_BUSY), number(WI_LOOP_IDLE), number(WI_LOOP_ITERATIONS)};
        CHECK(spent[0] >= before[0] && spent[1] >= before[1] && spent[2] >= before[2]);
        CHECK(spent[0] + spent[1] <= ((double)wi_nanos(CLOCK_MONOTONIC) / 1e9 - from) * 1.01);
        memcpy(before, spent, sizeof(before));
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    weir_loop_close(loop);
    look();
    for (size_t i = 0; i < wi_process_view_n_retired(view); i++) {
        enum wi_kind kind;
        const struct wi_row *row = wi_process_view_retired(view, i, &kind);
        if (row && strcmp(row->name, "network") == 0) {
            CHECK(row->value[WI_LOOP_BUSY].u.f64 >= before[0]);
            CHECK(row->value[WI_LOOP_IDLE].u.f64 >= before[1]);
            before[2] = 0;
        }
    }
    CHECK(before[2] == 0);
    wi_process_view_close(view);
}

static void its_times_never_fall(const char *dir)
{
    reads_while_it_turns(dir, true);
}

static void its_times_never_fall_in_its_file(const char *dir)
{
    reads_while_it_turns(dir, false);
}

/* A reading between the end of a time and its place in the sum. */
static void a_time_that_has_just_ended_is_kept(const char *dir)
{
    (void)dir;
    struct weir_loop *loop = start(WEIR_NO_PERIOD);
    struct wi_slot *slot = (struct wi_slot *)(void *)loop;
    weir_loop_begin(loop);
    weir_loop_end(loop);
    pass(5 * MILLI);
    look();
    double idle = number(WI_LOOP_IDLE);
    slot->in.other = 0;
    look();
    CHECK(idle > 0.004 && number(WI_LOOP_IDLE) == idle);
    wi_process_view_close(view);
}

CHILD_TEST(its_times_never_fall)
CHILD_TEST(its_times_never_fall_in_its_file)
CHILD_TEST(a_time_that_has_just_ended_is_kept)
CHILD_TEST(shows_what_a_loop_does)
CHILD_TEST(a_loop_that_hangs_shows)
CHILD_TEST(shows_late_timers)
CHILD_TEST(nothing_is_a_loop_too)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_what_a_loop_does),
        cmocka_unit_test(test_a_loop_that_hangs_shows),
        cmocka_unit_test(test_shows_late_timers),
        cmocka_unit_test(test_nothing_is_a_loop_too),
        cmocka_unit_test(test_its_times_never_fall),
        cmocka_unit_test(test_its_times_never_fall_in_its_file),
        cmocka_unit_test(test_a_time_that_has_just_ended_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
