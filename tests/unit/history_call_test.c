/* SPDX-License-Identifier: MIT */
/* The method History over a session: what is sent of a history whose rows a test has made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "peer.h"
#include "session/history_call.h"
#include "snapshot/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_CHANNELS 5

static uint8_t *bytes;
static struct wi_history *history;
static struct peer *peer;
static Weir__V1__HistoryRequest request;
static Weir__V1__Series *series[WI_HISTORY_TRACKS];
static size_t n_series;
static uint64_t view_now; /* a refresh of the fake process view would set the session's */

static void put_row(enum wi_history_ring ring, uint64_t sequence)
{
    struct wi_history_row *row =
        (struct wi_history_row *)(void *)(bytes + wi_history_offset(ring, sequence));
    memset(row, 0, sizeof(*row));
    row->sequence = row->sequence_end = sequence;
    row->nanos = sequence * wi_history_step_nanos(ring) + 17;
    row->unix_nanos = (int64_t)row->nanos + 1000;
    row->has = 1U << WI_HISTORY_ANON;
    row->facts[WI_HISTORY_ANON] = 4096 * sequence;
    for (uint64_t i = 0; i < N_CHANNELS; i++) {
        row->tracks[i][0] = sequence * (i + 2); /* sent */
        row->tracks[i][1] = sequence;           /* received */
    }
    row->tracks[N_CHANNELS][0] = (uint64_t) - (int64_t)sequence;
}

static int set_up(void **state)
{
    bytes = calloc(1, WI_HISTORY_BYTES);
    history = calloc(1, sizeof(*history));
    struct wi_history_head *head = (struct wi_history_head *)(void *)bytes;
    wi_history_begin(head);
    for (uint32_t i = 0; i <= N_CHANNELS; i++) {
        head->tracks[i].slot = 10 + i;
        head->tracks[i].generation = 2;
        head->tracks[i].kind = i < N_CHANNELS ? WI_CHANNEL : WI_GAUGE;
        snprintf(head->tracks[i].name, sizeof(head->tracks[i].name), "row-%u", (unsigned)i);
    }
    assert_int_equal(wi_history_read_bytes(bytes, WI_HISTORY_BYTES, history, NULL), WEIR_OK);
    assert_int_equal(peer_set_up(state), 0);
    peer = *state;
    fake_view_set_history(peer->view, history);
    view_now = 2000 * SECOND;
    weir__v1__history_request__init(&request);
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < n_series; i++) {
        weir__v1__series__free_unpacked(series[i], NULL);
    }
    n_series = 0;
    free(bytes);
    free(history);
    return peer_tear_down(state);
}

/* Asks, and unpacks what comes; the number of turns that the server took. */
static int ask(const char *status)
{
    fake_view_set_monotonic_nanos(peer->view, view_now);
    struct answer *answer = peer_call(peer, "History", &request);
    int turns = 0;
    for (; !answer->is_closed && turns < 10000; turns++) {
        peer_converse(peer);
        peer_pass(peer, 1000);
    }
    answer_ended(answer, status);
    for (size_t at = 0; at + 5 <= answer->n_bytes;) {
        size_t n = (size_t)answer->bytes[at + 1] << 24 | (size_t)answer->bytes[at + 2] << 16 |
                   (size_t)answer->bytes[at + 3] << 8 | answer->bytes[at + 4];
        assert_true(at + 5 + n <= answer->n_bytes);
        series[n_series] = weir__v1__series__unpack(NULL, n, answer->bytes + at + 5);
        assert_non_null(series[n_series++]);
        at += 5 + n;
    }
    return turns;
}

static void each_row_is_a_series_with_its_values_in_order(void **state)
{
    (void)state;
    for (uint64_t s = 1900; s <= 2000; s++) {
        put_row(WI_HISTORY_SECONDS, s);
    }
    ask("0");
    assert_int_equal(n_series, N_CHANNELS);
    for (size_t i = 0; i < N_CHANNELS; i++) {
        assert_int_equal(series[i]->id, UINT64_C(2) << 32 | (10 + i));
        assert_int_equal(series[i]->name[4] - '0', i);
        assert_int_equal(series[i]->kind, WEIR__V1__KIND__KIND_CHANNEL);
        assert_int_equal(series[i]->metric, WI_CHANNEL_DEPTH);
        assert_int_equal(series[i]->step_nanos, SECOND);
        assert_int_equal(series[i]->last_read_nanos, 2000 * SECOND + 17);
        assert_int_equal(series[i]->last_unix_nanos, 2000 * SECOND + 1017);
        assert_int_equal(series[i]->n_values, 101);
        for (size_t v = 0; v < 101; v++) {
            assert_true(series[i]->values[v] == (double)((1900 + v) * (i + 1)));
        }
    }
}

static void fields_filters_and_spans_are_as_asked(void **state)
{
    (void)state;
    for (uint64_t s = 1000; s <= 2000; s++) {
        put_row(WI_HISTORY_SECONDS, s);
    }
    request.field = (char *)"in_rate";
    request.filter = (char *)"row-3";
    request.seconds = 60;
    ask("0");
    assert_int_equal(n_series, 1);
    assert_int_equal(series[0]->metric, WI_CHANNEL_IN_RATE);
    assert_int_equal(series[0]->n_values, 60); /* the first one, too, has a row before it */
    for (size_t v = 0; v < 60; v++) {
        assert_true(series[0]->values[v] == 5);
    }
    request.kind = WEIR__V1__KIND__KIND_GAUGE;
    request.field = (char *)"";
    request.filter = (char *)"row-*";
    request.seconds = 0;
    ask("0");
    assert_int_equal(n_series, 2);
    assert_int_equal(series[1]->n_values, 600);
    assert_true(series[1]->values[599] == -2000);
    request.kind = WEIR__V1__KIND__KIND_PROCESS;
    request.filter = (char *)"";
    ask("0");
    assert_int_equal(n_series, 3);
    assert_string_equal(series[2]->name, "game");
    assert_true(series[2]->values[599] == 4096 * 2000);
    request.field = (char *)"rss"; /* no row knows it */
    ask("0");
    assert_int_equal(n_series, 3);
}

/* A row whose details are opened: all that is kept of it, and of no other. */
static void every_field_of_one_row_comes_at_once(void **state)
{
    (void)state;
    for (uint64_t s = 1900; s <= 2000; s++) {
        put_row(WI_HISTORY_SECONDS, s);
    }
    request.all = 1;
    request.id = UINT64_C(2) << 32 | 12;
    request.field = (char *)"nonsense"; /* counts not */
    ask("0");
    bool is_seen[WI_CHANNEL_N_METRICS] = {false};
    for (size_t i = 0; i < n_series; i++) {
        assert_int_equal(series[i]->id, request.id);
        assert_true(wi_history_has(WI_CHANNEL, (int)series[i]->metric));
        is_seen[series[i]->metric] = true;
        double last = series[i]->values[series[i]->n_values - 1];
        if (series[i]->metric == WI_CHANNEL_IN_RATE) {
            assert_true(last == 4);
        } else if (series[i]->metric == WI_CHANNEL_OUT_RATE) {
            assert_true(last == 1);
        } else if (series[i]->metric == WI_CHANNEL_DEPTH) {
            assert_true(last == 3 * 2000);
        }
    }
    for (int metric = 0; metric < WI_CHANNEL_N_METRICS; metric++) {
        assert_int_equal(is_seen[metric], wi_history_has(WI_CHANNEL, metric));
    }
    size_t n = n_series;
    request.id = 999;
    ask("0");
    assert_int_equal(n_series, n);
    request.id = 0;
    request.kind = WEIR__V1__KIND__KIND_PROCESS;
    ask("0");
    assert_int_equal(n_series, n + 1); /* these rows know no other fact */
    assert_int_equal(series[n]->metric, WI_PROCESS_ANON);
    request.kind = WEIR__V1__KIND__KIND_SENDER; /* of which there is no history */
    ask("0");
    assert_int_equal(n_series, n + 1);
}

static void gaps_are_no_numbers_and_one_missing_second_is_bridged(void **state)
{
    (void)state;
    static const uint64_t seconds[] = {1990, 1991, 1993, 1997, 1998};
    static const double expected[] = {1990, 1991, 1993, 1993, NAN, NAN, NAN, 1997, 1998};
    for (size_t i = 0; i < 5; i++) {
        put_row(WI_HISTORY_SECONDS, seconds[i]);
    }
    request.filter = (char *)"row-0";
    ask("0");
    assert_int_equal(n_series, 1);
    assert_int_equal(series[0]->n_values, 9);
    for (size_t v = 0; v < 9; v++) {
        assert_true(isnan(expected[v]) ? isnan(series[0]->values[v])
                                       : series[0]->values[v] == expected[v]);
    }
    assert_int_equal(series[0]->last_read_nanos, 1998 * SECOND + 17);
}

static void minutes_reach_back_a_day(void **state)
{
    (void)state;
    view_now = 3000 * 60 * SECOND;
    for (uint64_t m = 1000; m <= 3000; m++) {
        put_row(WI_HISTORY_MINUTES, m);
    }
    request.minutes = 1;
    request.filter = (char *)"row-0";
    ask("0");
    assert_int_equal(series[0]->n_values, 1440);
    assert_int_equal(series[0]->step_nanos, 60 * SECOND);
    assert_true(series[0]->values[0] == 1561);
    request.seconds = 3600;
    ask("0");
    assert_int_equal(series[1]->n_values, 60);
}

static void of_a_process_that_ended_the_last_rows_are_told(void **state)
{
    (void)state;
    for (uint64_t s = 100; s <= 120; s++) {
        put_row(WI_HISTORY_SECONDS, s);
    }
    fake_view_set_state(peer->view, WI_STATE_DEAD);
    ask("0");
    assert_int_equal(n_series, N_CHANNELS);
    assert_int_equal(series[0]->last_read_nanos, 0);
    assert_int_equal(series[0]->last_unix_nanos, 120 * SECOND + 1017);
    assert_int_equal(series[0]->n_values, 21);
}

static void without_a_history_the_call_ends_well(void **state)
{
    (void)state;
    ask("0"); /* a file without rows */
    fake_view_set_history(peer->view, NULL);
    ask("0");
    request.kind = WEIR__V1__KIND__KIND_WARNING; /* a kind without a trend */
    ask("0");
    assert_int_equal(n_series, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    put_row(WI_HISTORY_SECONDS, 2000);
    request.kind = (Weir__V1__Kind)77;
    ask("3");
    request.kind = WEIR__V1__KIND__KIND_CHANNEL;
    request.field = (char *)"wait_p99";
    ask("3");
    request.field = (char *)"nonsense\xff";
    ask("3");
    request.field = (char *)"";
    request.filter = text;
    ask("3");
    struct answer *answer = peer_call_bytes(peer, "History", "\xff\xff\xff", 3);
    peer_converse(peer);
    answer_ended(answer, "3");
    assert_int_equal(n_series, 0);
}

static void rows_are_read_in_slices(void **state)
{
    (void)state;
    for (uint64_t s = 1401; s <= 2000; s++) {
        put_row(WI_HISTORY_SECONDS, s);
    }
    int turns = ask("0");
    assert_true(turns >= 600 / WI_HISTORY_WRITER_SLICE_ROWS);
    assert_int_equal(series[N_CHANNELS - 1]->n_values, 600);
}

static void lack_of_memory_ends_the_call_and_nothing_else(void **state)
{
    (void)state;
    for (uint64_t s = 1900; s <= 2000; s++) {
        put_row(WI_HISTORY_SECONDS, s);
    }
    size_t n_good = 0;
    for (uint64_t nth = 1; nth < 60; nth++) {
        fake_view_set_monotonic_nanos(peer->view, view_now);
        struct answer *answer = peer_call(peer, "History", &request);
        peer->memory.countdown = nth;
        for (int i = 0; i < 200 && !answer->is_closed && peer->status == WEIR_OK; i++) {
            peer_converse(peer);
            peer_pass(peer, 1000);
        }
        peer->memory.countdown = 0;
        n_good += strcmp(answer->status, "0") == 0;
        /* As in session_abuse_test: the connection itself may end. */
        assert_true(peer->status != WEIR_OK || answer->is_closed ||
                    wi_session_is_over(peer->session));
        peer_destroy(peer);
        peer_set_up(state);
        peer = *state;
        fake_view_set_history(peer->view, history);
    }
    assert_true(n_good > 5 && n_good < 55);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_row_is_a_series_with_its_values_in_order),
        CASE(fields_filters_and_spans_are_as_asked),
        CASE(every_field_of_one_row_comes_at_once),
        CASE(gaps_are_no_numbers_and_one_missing_second_is_bridged),
        CASE(minutes_reach_back_a_day),
        CASE(of_a_process_that_ended_the_last_rows_are_told),
        CASE(without_a_history_the_call_ends_well),
        CASE(what_makes_no_sense_is_refused),
        CASE(rows_are_read_in_slices),
        CASE(lack_of_memory_ends_the_call_and_nothing_else),
    };
    return cmocka_run_group_tests_name("history_call", tests, NULL, NULL);
}
