/* SPDX-License-Identifier: MIT */
/* Flows: one meaning of a handle's totals, in its row, its rates and its history. */
#include "child.h"
#include "snapshot/flow.h"
#include "snapshot/history.h"
#include "weir/agent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#define SECOND UINT64_C(1000000000)

/* One handle of each kind, that does something. */
struct busy_host {
    struct weir_channel *moves;
    struct weir_semaphore *slots;
    struct weir_task_kind *handler;
    struct weir_counter *kicks;
    struct weir_gauge *players;
    struct weir_loop *network;
};

static void open_busy(struct busy_host *host)
{
    struct weir_channel_options moves = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    struct weir_semaphore_options slots = WEIR_SEMAPHORE_INIT("slots", 10);
    struct weir_task_options handler = WEIR_TASK_INIT("handler");
    struct weir_value_options kicks = WEIR_VALUE_INIT("kicks");
    struct weir_value_options players = WEIR_VALUE_INIT("players");
    struct weir_loop_options network = WEIR_LOOP_INIT("network");
    *host = (struct busy_host){weir_channel_open(&moves),     weir_semaphore_open(&slots),
                               weir_task_kind_open(&handler), weir_counter_open(&kicks),
                               weir_gauge_open(&players),     weir_loop_open(&network)};
}

static void be_busy(const struct busy_host *host, int i)
{
    for (int k = 0; k < 7 + i; k++) {
        weir_channel_send(host->moves, 10);
    }
    for (int k = 0; k < 3 + i; k++) {
        weir_channel_receive(host->moves, 0, 10);
    }
    weir_channel_reject(host->moves, WEIR_REJECT_FULL);
    weir_semaphore_acquire(host->slots, 2);
    weir_semaphore_release(host->slots, 1);
    weir_semaphore_reject(host->slots, WEIR_SEMAPHORE_TIMEOUT);
    weir_ticket run = weir_task_begin(host->handler, weir_task_spawn(host->handler));
    weir_task_spawn(host->handler);
    if (i % 2) {
        weir_task_end(host->handler, run);
        weir_task_finish(host->handler, WEIR_OUTCOME_OK);
    }
    weir_counter_add(host->kicks, (uint64_t)(i + 1));
    weir_gauge_set(host->players, i - 4);
    weir_loop_begin(host->network);
    weir_loop_end(host->network);
}

/* Every metric of a handle that has a history: what its row of now tells, and what the newest row in the
 * file tells of the same moment. */
static int compare_track(struct wi_process_view *view, const struct wi_history *history, int track,
                         const struct wi_history_row *before, const struct wi_history_row *last)
{
    enum wi_kind kind = (enum wi_kind)history->head.tracks[track].kind;
    const struct wi_row *row = wi_process_view_row(view, kind, 0);
    int n = 0;
    for (size_t m = 0; m < wi_metric_table(kind)->n_metrics; m++) {
        if (wi_history_has(kind, (int)m)) {
            double is = wi_value_number(&row->value[m], NAN);
            double was = wi_history_value(history, track, kind, (int)m, before, last);
            CHECK(isfinite(is) && fabs(is - was) <= 1e-9 * fabs(is));
            n++;
        }
    }
    return n;
}

static void tells_the_same(const char *dir)
{
    static struct wi_history_row before, last;
    struct wi_process_view *view;
    struct weir_error error;
    struct busy_host host;
    uint64_t now = 5000 * SECOND;
    int n = 0;
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    wi_process_view_record(view);
    open_busy(&host);
    for (int i = 0; i < 5; i++) {
        be_busy(&host, i);
        now += SECOND;
        CHECK(wi_process_view_refresh(view, now, &error) == WEIR_OK);
    }
    const struct wi_history *history = wi_process_view_history(view);
    CHECK(wi_history_row(history, WI_HISTORY_SECONDS, now / SECOND - 1, &before));
    CHECK(wi_history_row(history, WI_HISTORY_SECONDS, now / SECOND, &last));
    for (int i = 0; i < WI_HISTORY_TRACKS; i++) {
        n += history->head.tracks[i].generation ? compare_track(view, history, i, &before, &last)
                                                : 0;
    }
    CHECK(n == 29); /* of the six kinds */
    wi_process_view_close(view);
}

static void a_row_and_the_history_tell_the_same_of_a_moment(void **state)
{
    (void)state;
    assert_int_equal(child_run(tells_the_same), 0);
}

/* ---- metrics of totals ---------------------------------------------------------------------- */

static double rate_of(enum wi_from_how how, const uint64_t *before, const uint64_t *totals,
                      double seconds)
{
    struct wi_metric_from from = {(unsigned char)how, 0, 1};
    struct wi_value value = wi_from_value(&from, before, totals, seconds);
    return wi_value_number(&value, -1);
}

static void a_rate_is_the_difference_of_two_flows(void **state)
{
    (void)state;
    const uint64_t before[WI_N_TOTALS] = {100, 30};
    const uint64_t totals[WI_N_TOTALS] = {160, 50};
    assert_true(rate_of(WI_FROM_RATE, before, totals, 2) == 30);
    assert_true(rate_of(WI_FROM_RATE_WITHOUT, before, totals, 2) == 20);
    assert_true(rate_of(WI_FROM_BUSY, before, totals, 2) == 0.75);
    assert_true(rate_of(WI_FROM_RATE, totals, totals, 2) == 0);
}

/* Of a history that was forged, or a counter that began again: no rate, rather than a wrong one. */
static void a_total_that_went_back_has_no_rate(void **state)
{
    (void)state;
    const uint64_t before[WI_N_TOTALS] = {100, 30};
    const uint64_t totals[WI_N_TOTALS] = {99, UINT64_MAX};
    static const enum wi_from_how rates[] = {WI_FROM_RATE, WI_FROM_RATE_WITHOUT,
                                             WI_FROM_SECONDS_RATE, WI_FROM_BUSY};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct wi_metric_from from = {(unsigned char)rates[i], 0, 1};
        assert_true(wi_from_is_rate(&from));
        assert_true(rate_of(rates[i], before, totals, 1) == -1);
        assert_true(rate_of(rates[i], NULL, totals, 1) == -1);
    }
    assert_true(rate_of(WI_FROM_RATE, before, before, 0) == -1);
    assert_true(rate_of(WI_FROM_DIFFERENCE, NULL, totals, 0) == 0);
}

static void each_kind_has_room_for_its_rates(void **state)
{
    (void)state;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_from *rates[WI_FLOW_RATES];
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        size_t n = 0;
        for (size_t i = 0; i < table->n_metrics; i++) {
            n += wi_from_is_rate(&table->metrics[i].from);
        }
        assert_true(n <= WI_FLOW_RATES);
        assert_int_equal(wi_flow_rates((enum wi_kind)kind, rates), n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_and_the_history_tell_the_same_of_a_moment),
        cmocka_unit_test(a_rate_is_the_difference_of_two_flows),
        cmocka_unit_test(a_total_that_went_back_has_no_rate),
        cmocka_unit_test(each_kind_has_room_for_its_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
