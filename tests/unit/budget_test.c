/* SPDX-License-Identifier: MIT */
/* The share of a processor that an exporter may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/budget.h"

#include <stdbool.h>

#define MILLI  UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* A thread whose every turn takes so much processor time and waits so long for its next one. */
struct worker {
    struct wi_budget budget;
    uint64_t now, spent, rested;
};

static struct worker worker_start(unsigned percent)
{
    struct worker worker = {.now = 5 * SECOND, .spent = 3 * MILLI};
    wi_budget_init(&worker.budget, percent, worker.now, worker.spent);
    return worker;
}

static uint64_t worker_turn(struct worker *worker, uint64_t spends, uint64_t waits)
{
    worker->now += spends + waits;
    worker->spent += spends;
    uint64_t rest = wi_budget_check(&worker->budget, worker->now, worker->spent);
    worker->now += rest;
    worker->rested += rest;
    return rest;
}

static void who_keeps_to_the_share_never_rests(void **state)
{
    (void)state;
    struct worker worker = worker_start(5);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(worker_turn(&worker, 5 * MILLI, 96 * MILLI), 0);
    }
}

static void a_quarter_of_a_second_may_be_spent_at_once(void **state)
{
    (void)state;
    struct worker worker = worker_start(5);
    assert_int_equal(worker_turn(&worker, WI_BUDGET_BURST_NANOS, 0), 0);
    assert_true(worker_turn(&worker, 20 * MILLI, 0) > 0);
    /* It comes back with time, and no more of it however long nothing is spent. */
    worker_turn(&worker, 0, 3600 * SECOND);
    assert_int_equal(worker_turn(&worker, WI_BUDGET_BURST_NANOS, 0), 0);
    assert_true(worker_turn(&worker, 20 * MILLI, 0) > 0);
}

static void who_never_has_enough_gets_the_share(void **state)
{
    (void)state;
    static const unsigned percents[] = {1, 5, 50, 99};
    for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        struct worker worker = worker_start(percents[i]);
        uint64_t begun = worker.now;
        uint64_t before = worker.spent;
        for (int turn = 0; turn < 20000; turn++) {
            worker_turn(&worker, 2 * MILLI, 0);
        }
        uint64_t spent = worker.spent - before;
        uint64_t share = (worker.now - begun) / 100 * percents[i];
        assert_true(spent <= share + WI_BUDGET_BURST_NANOS + 2 * MILLI);
        assert_true(spent + 2 * MILLI >= share);
    }
}

static void a_rest_is_short_and_what_is_owed_is_not_forgiven(void **state)
{
    (void)state;
    struct worker worker = worker_start(5);
    assert_int_equal(worker_turn(&worker, 2 * SECOND, 0), WI_BUDGET_REST_NANOS);
    uint64_t begun = worker.now;
    while (worker_turn(&worker, 0, 0) > 0) {
    }
    uint64_t owed = 2 * SECOND - WI_BUDGET_BURST_NANOS - 2 * SECOND / 20;
    assert_in_range(worker.now - begun, owed * 20 - 2 * WI_BUDGET_REST_NANOS, owed * 20);
}

static void without_a_limit_nobody_rests(void **state)
{
    (void)state;
    struct worker worker = worker_start(0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(worker_turn(&worker, SECOND, 0), 0);
    }
}

static void a_machine_that_slept_for_a_year_is_no_trouble(void **state)
{
    (void)state;
    struct worker worker = worker_start(100);
    assert_int_equal(worker_turn(&worker, 0, UINT64_C(31536000) * SECOND), 0);
    assert_int_equal(worker_turn(&worker, 100 * SECOND, 0), 0);
    assert_int_equal(worker_turn(&worker, WI_BUDGET_BURST_NANOS / 2, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_keeps_to_the_share_never_rests),
        cmocka_unit_test(a_quarter_of_a_second_may_be_spent_at_once),
        cmocka_unit_test(who_never_has_enough_gets_the_share),
        cmocka_unit_test(a_rest_is_short_and_what_is_owed_is_not_forgiven),
        cmocka_unit_test(without_a_limit_nobody_rests),
        cmocka_unit_test(a_machine_that_slept_for_a_year_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
