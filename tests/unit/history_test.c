/* SPDX-License-Identifier: MIT */
/* The history's bytes: what a reader takes from them, and what it refuses. */
#include "segment/file.h"
#include "snapshot/history.h"
#include "weir/metric.h"
#include "snapshot/track.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static struct weir_error error;
static uint8_t *bytes;
static struct wi_history *history;

static struct wi_history_head *head(void)
{
    return (struct wi_history_head *)(void *)bytes;
}

static struct wi_history_row *row_at(enum wi_history_ring ring, uint64_t sequence)
{
    return (struct wi_history_row *)(void *)(bytes + wi_history_offset(ring, sequence));
}

static struct wi_history_row *put_row(enum wi_history_ring ring, uint64_t nanos)
{
    uint64_t sequence = nanos / wi_history_step_nanos(ring);
    struct wi_history_row *row = row_at(ring, sequence);
    memset(row, 0, sizeof(*row));
    row->sequence = row->sequence_end = sequence;
    row->nanos = nanos;
    row->unix_nanos = (int64_t)nanos + 5;
    return row;
}

static void put_track(size_t i, enum wi_kind kind, uint32_t slot, uint64_t since)
{
    struct wi_history_track *track = &head()->tracks[i];
    track->since_nanos = track->since_nanos_end = since;
    track->slot = slot;
    track->generation = 3;
    track->kind = kind;
    snprintf(track->name, sizeof(track->name), "track-%zu", i);
}

static enum weir_status read_again(void)
{
    return wi_history_read_bytes(bytes, WI_HISTORY_BYTES, history, &error);
}

static int set_up(void **state)
{
    (void)state;
    bytes = calloc(1, WI_HISTORY_BYTES);
    history = calloc(1, sizeof(*history));
    assert_non_null(bytes);
    assert_non_null(history);
    wi_history_begin(head());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(bytes);
    free(history);
    return 0;
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void refused(enum weir_status status, const char *text)
{
    assert_int_equal(read_again(), status);
    assert_non_null(strstr(error.text, text));
    assert_null(strchr(error.text, '\n'));
}

static void a_head_that_makes_no_sense_is_one_line(void **state)
{
    (void)state;
    assert_int_equal(read_again(), WEIR_OK);
    head()->magic ^= 1;
    refused(WEIR_E_CORRUPT, "not a weir history");
    head()->magic ^= 1;
    head()->version = 9;
    refused(WEIR_E_VERSION, "version 9");
    head()->version = WI_HISTORY_VERSION;
    uint32_t *const sizes[] = {&head()->head_bytes, &head()->row_bytes, &head()->n_seconds,
                               &head()->n_minutes, &head()->n_tracks};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        *sizes[i] += 1;
        refused(WEIR_E_CORRUPT, "sizes do not fit");
        *sizes[i] -= 1;
    }
    assert_int_equal(read_again(), WEIR_OK);
}

static void a_file_that_is_cut_off_is_refused_at_every_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,     1,     8,       1024,    WI_HISTORY_HEAD_BYTES - 1,
                                     32768, 36864, 1 << 20, 8388607, 4096};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        /* A copy of just that size, so that a sanitizer sees a step past its end. */
        uint8_t *cut = malloc(lengths[i] ? lengths[i] : 1);
        assert_non_null(cut);
        memcpy(cut, bytes, lengths[i]);
        assert_int_equal(wi_history_read_bytes(cut, lengths[i], history, &error), WEIR_E_CORRUPT);
        assert_non_null(strstr(error.text, "cut off"));
        free(cut);
    }
}

static void a_track_that_makes_no_sense_is_free(void **state)
{
    (void)state;
    put_track(0, WI_CHANNEL, 7, 10);
    put_track(1, WI_PROCESS, 7, 10); /* a kind without handles */
    put_track(2, WI_CHANNEL, UINT32_MAX, 10);
    put_track(3, WI_CHANNEL, 8, 10);
    head()->tracks[3].since_nanos_end++; /* caught while it is written */
    put_track(4, (enum wi_kind)200, 9, 10);
    memset(head()->tracks[0].name, 'x', sizeof(head()->tracks[0].name)); /* without an end */
    head()->tracks[0].name[3] = '\x1b';
    assert_int_equal(read_again(), WEIR_OK);
    assert_int_equal(history->head.tracks[0].generation, 3);
    assert_int_equal(strlen(history->head.tracks[0].name), WEIR_NAME_MAX);
    assert_null(strchr(history->head.tracks[0].name, '\x1b'));
    for (size_t i = 1; i < 5; i++) {
        assert_int_equal(history->head.tracks[i].generation, 0);
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void a_torn_row_is_none_and_the_one_before_it_is_the_last(void **state)
{
    (void)state;
    struct wi_history_row row;
    for (uint64_t s = 1000; s <= 1010; s++) {
        put_row(WI_HISTORY_SECONDS, s * SECOND + 7)->facts[0] = s;
    }
    assert_int_equal(read_again(), WEIR_OK);
    assert_true(wi_history_last(history, WI_HISTORY_SECONDS, UINT64_MAX, &row));
    assert_int_equal(row.facts[0], 1010);
    row_at(WI_HISTORY_SECONDS, 1010)->sequence_end = 410; /* of the round before */
    assert_true(wi_history_last(history, WI_HISTORY_SECONDS, UINT64_MAX, &row));
    assert_int_equal(row.sequence, 1009);
    row_at(WI_HISTORY_SECONDS, 1009)->nanos = 5; /* its time is another second's */
    assert_true(wi_history_last(history, WI_HISTORY_SECONDS, UINT64_MAX, &row));
    assert_int_equal(row.sequence, 1008);
    /* A row at another's place. */
    row_at(WI_HISTORY_SECONDS, 1008)->sequence = row_at(WI_HISTORY_SECONDS, 1008)->sequence_end =
        1608 + 1;
    assert_false(wi_history_row(history, WI_HISTORY_SECONDS, 1008, &row));
    assert_false(wi_history_row(history, WI_HISTORY_SECONDS, 1609, &row));
    assert_true(wi_history_last(history, WI_HISTORY_SECONDS, UINT64_MAX, &row));
    assert_int_equal(row.sequence, 1007);
    /* What claims to be after now does not count. */
    put_row(WI_HISTORY_SECONDS, 99999 * SECOND);
    assert_true(wi_history_last(history, WI_HISTORY_SECONDS, 1012, &row));
    assert_int_equal(row.sequence, 1007);
    assert_false(wi_history_last(history, WI_HISTORY_MINUTES, UINT64_MAX, &row));
}

static void a_ring_has_its_last_rows_only(void **state)
{
    (void)state;
    struct wi_history_row row;
    for (uint64_t s = 1; s <= 1500; s++) {
        put_row(WI_HISTORY_SECONDS, s * SECOND);
    }
    assert_int_equal(read_again(), WEIR_OK);
    for (uint64_t s = 1; s <= 1500; s++) {
        assert_int_equal(wi_history_row(history, WI_HISTORY_SECONDS, s, &row), s > 900);
    }
    assert_false(wi_history_row(history, WI_HISTORY_SECONDS, 0, &row));
    assert_false(wi_history_row(history, WI_HISTORY_SECONDS, UINT64_MAX, &row));
}

static void hostile_rows_give_numbers_or_none(void **state)
{
    (void)state;
    /* Whatever stands in the rows: values are computed without trouble, and time is bounded. */
    uint64_t seed = 42;
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        put_track(i, (enum wi_kind)(i % 5), (uint32_t)i, i % 3 ? 0 : 500 * SECOND);
    }
    for (uint64_t s = 1; s <= 600; s++) {
        struct wi_history_row *row = put_row(WI_HISTORY_SECONDS, s * SECOND);
        uint64_t *word = &row->has;
        for (size_t i = 0; i < 1 + WI_HISTORY_N_FACTS + 4 * WI_HISTORY_TRACKS; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            word[i] = seed >> (seed & 63);
        }
        row->sequence_end = s % 7 ? s : seed;
    }
    assert_int_equal(read_again(), WEIR_OK);
    struct wi_history_row before, row;
    size_t n_values = 0;
    for (uint64_t s = 2; s <= 600; s++) {
        bool has_before = wi_history_row(history, WI_HISTORY_SECONDS, s - 1, &before);
        if (!wi_history_row(history, WI_HISTORY_SECONDS, s, &row)) {
            continue;
        }
        for (int track = -1; track < WI_HISTORY_TRACKS; track++) {
            enum wi_kind kind = track < 0 ? WI_PROCESS : (enum wi_kind)(track % 5);
            for (int m = -1; m < (int)wi_metric_table(kind)->n_metrics + 2; m++) {
                double value =
                    wi_history_value(history, track, kind, m, has_before ? &before : NULL, &row);
                n_values += !isnan(value);
                assert_true(isnan(value) || wi_history_has(kind, m));
            }
        }
    }
    assert_true(n_values > 100000);
}

/* ---- values -------------------------------------------------------------------------------- */

static double value(int track, enum wi_kind kind, int metric, const struct wi_history_row *before,
                    const struct wi_history_row *row)
{
    return wi_history_value(history, track, kind, metric, before, row);
}

static void words_become_the_metrics_of_their_kind(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        static const enum wi_kind kinds[] = {WI_CHANNEL, WI_SEMAPHORE, WI_TASK,
                                             WI_COUNTER, WI_GAUGE,     WI_LOOP};
        put_track((size_t)i, kinds[i], (uint32_t)i, 0);
    }
    struct wi_history_row *a = put_row(WI_HISTORY_SECONDS, 100 * SECOND);
    struct wi_history_row *b = put_row(WI_HISTORY_SECONDS, 102 * SECOND);
    const uint64_t before[6][4] = {{100, 40, 640, 5}, {10, 1, 3, 4}, {20, 5, 12, 9},
                                   {1000, 0, 0, 0},   {0, 0, 0, 0},  {50, SECOND, SECOND, 0}};
    const uint64_t after[6][4] = {{160, 70, 900, 25},      {30, 9, 1, 8},
                                  {40, 15, 30, 26},        {1500, 0, 0, 0},
                                  {(uint64_t)-7, 0, 0, 0}, {90, 2 * SECOND, 4 * SECOND, 0}};
    for (int i = 0; i < 6; i++) {
        memcpy(a->tracks[i], before[i], sizeof(before[i]));
        memcpy(b->tracks[i], after[i], sizeof(after[i]));
    }
    b->has = 1U << WI_HISTORY_ANON | 1U << WI_HISTORY_CPU;
    a->has = b->has;
    b->facts[WI_HISTORY_ANON] = 4096;
    a->facts[WI_HISTORY_CPU] = SECOND;
    b->facts[WI_HISTORY_CPU] = 2 * SECOND;
    assert_int_equal(read_again(), WEIR_OK);
    static const struct {
        int track;
        enum wi_kind kind;
        int metric;
        double value;
    } expected[] = {
        {0, WI_CHANNEL, WI_CHANNEL_DEPTH, 90},
        {0, WI_CHANNEL, WI_CHANNEL_QUEUED_BYTES, 900},
        {0, WI_CHANNEL, WI_CHANNEL_IN_RATE, 30},
        {0, WI_CHANNEL, WI_CHANNEL_OUT_RATE, 15},
        {0, WI_CHANNEL, WI_CHANNEL_REJECT_RATE, 10},
        {1, WI_SEMAPHORE, WI_SEMAPHORE_SATURATION, 0.125},
        {1, WI_SEMAPHORE, WI_SEMAPHORE_AVAILABLE, 7},
        {1, WI_SEMAPHORE, WI_SEMAPHORE_ACQUIRE_RATE, 10},
        {1, WI_SEMAPHORE, WI_SEMAPHORE_REJECT_RATE, 4},
        {2, WI_TASK, WI_TASK_RUNNING, 4},
        {2, WI_TASK, WI_TASK_PENDING, 21},
        {2, WI_TASK, WI_TASK_SPAWN_RATE, 10},
        {2, WI_TASK, WI_TASK_FINISH_RATE, 5},
        {3, WI_COUNTER, WI_COUNTER_RATE, 250},
        {3, WI_COUNTER, WI_COUNTER_VALUE, 1500},
        {4, WI_GAUGE, WI_GAUGE_VALUE, -7},
        {5, WI_LOOP, WI_LOOP_UTILISATION, 0.25},
        {5, WI_LOOP, WI_LOOP_ITERATION_RATE, 20},
        {5, WI_LOOP, WI_LOOP_BUSY, 2},
        {-1, WI_PROCESS, WI_PROCESS_ANON, 4096},
        {-1, WI_PROCESS, WI_PROCESS_CPU_RATIO, 0.5},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        double got = value(expected[i].track, expected[i].kind, expected[i].metric, a, b);
        if (fabs(got - expected[i].value) > 1e-9) {
            fail_msg("case %zu: %g, not %g", i, got, expected[i].value);
        }
    }
    /* What is not known is no number: a fact without its bit, a rate without a row before it. */
    assert_true(isnan(value(-1, WI_PROCESS, WI_PROCESS_RSS, a, b)));
    assert_true(isnan(value(0, WI_CHANNEL, WI_CHANNEL_IN_RATE, NULL, b)));
    assert_true(isnan(value(0, WI_CHANNEL, WI_CHANNEL_WAIT_P99, a, b)));
    /* A counter that went back, as after a new start, has no rate. */
    assert_true(isnan(value(0, WI_CHANNEL, WI_CHANNEL_IN_RATE, b, a)));
}

static void rows_before_a_track_began_are_another_handles(void **state)
{
    (void)state;
    put_track(0, WI_CHANNEL, 1, 102 * SECOND);
    struct wi_history_row *a = put_row(WI_HISTORY_SECONDS, 101 * SECOND);
    struct wi_history_row *b = put_row(WI_HISTORY_SECONDS, 102 * SECOND);
    struct wi_history_row *c = put_row(WI_HISTORY_SECONDS, 109 * SECOND);
    a->tracks[0][0] = 9000000;
    b->tracks[0][0] = 10;
    c->tracks[0][0] = 20;
    assert_int_equal(read_again(), WEIR_OK);
    assert_true(isnan(value(0, WI_CHANNEL, WI_CHANNEL_DEPTH, NULL, a)));
    assert_true(value(0, WI_CHANNEL, WI_CHANNEL_DEPTH, a, b) == 10);
    assert_true(isnan(value(0, WI_CHANNEL, WI_CHANNEL_IN_RATE, a, b)));
    /* Seven seconds that nobody wrote: no rate is made up for them. */
    assert_true(isnan(value(0, WI_CHANNEL, WI_CHANNEL_IN_RATE, b, c)));
}

static void the_trend_of_a_kind_is_the_screens(void **state)
{
    (void)state;
    assert_int_equal(wi_history_trend(WI_CHANNEL), WI_CHANNEL_DEPTH);
    assert_int_equal(wi_history_trend(WI_SEMAPHORE), WI_SEMAPHORE_SATURATION);
    assert_int_equal(wi_history_trend(WI_TASK), WI_TASK_PENDING);
    assert_int_equal(wi_history_trend(WI_COUNTER), WI_COUNTER_RATE);
    assert_int_equal(wi_history_trend(WI_GAUGE), WI_GAUGE_VALUE);
    assert_int_equal(wi_history_trend(WI_LOOP), WI_LOOP_UTILISATION);
    assert_int_equal(wi_history_trend(WI_WARNING), -1);
    assert_int_equal(wi_history_trend(WI_SENDER), -1);
}

/* ---- the choice of tracks ------------------------------------------------------------------ */

static struct wi_track_choice choice;

static bool has(const uint32_t *slots, size_t n, uint32_t slot)
{
    for (size_t i = 0; i < n; i++) {
        if (slots[i] == slot) {
            return true;
        }
    }
    return false;
}

static void the_busiest_are_followed_in_whatever_order_they_come(void **state)
{
    (void)state;
    uint32_t slots[WI_HISTORY_TRACKS];
    for (int order = 0; order < 3; order++) {
        memset(&choice, 0, sizeof(choice));
        for (uint32_t i = 0; i < 10000; i++) {
            /* 7919 has no factor in common with 10,000: each slot comes once. */
            uint32_t slot = order == 0 ? i : order == 1 ? 9999 - i : i * 7919 % 10000;
            wi_track_catalog(&choice, WI_CHANNEL, slot, slot % 5000, false);
        }
        assert_int_equal(wi_track_end(&choice, slots), WI_HISTORY_TRACKS);
        /* Of two with the same traffic the lower slot: 62 pairs, 4938 to 4999 and 9938 to 9999. */
        for (uint32_t i = 0; i < 62; i++) {
            assert_true(has(slots, WI_HISTORY_TRACKS, 4938 + i));
            assert_true(has(slots, WI_HISTORY_TRACKS, 9938 + i));
        }
    }
}

static void few_of_a_kind_are_not_crowded_out(void **state)
{
    (void)state;
    uint32_t slots[WI_HISTORY_TRACKS];
    memset(&choice, 0, sizeof(choice));
    for (uint32_t i = 0; i < 1000; i++) {
        wi_track_catalog(&choice, WI_CHANNEL, i, 1000000 + i, false);
    }
    for (uint32_t i = 0; i < 3; i++) {
        wi_track_catalog(&choice, WI_GAUGE, 2000 + i, i, false);
    }
    for (uint32_t i = 0; i < 40; i++) {
        wi_track_catalog(&choice, WI_SEMAPHORE, 3000 + i, i, false);
    }
    size_t n = wi_track_end(&choice, slots);
    size_t n_of[3] = {0};
    assert_int_equal(n, WI_HISTORY_TRACKS);
    for (size_t i = 0; i < n; i++) {
        n_of[slots[i] < 1000 ? 0 : slots[i] < 3000 ? 1 : 2]++;
    }
    assert_int_equal(n_of[1], 3);
    assert_int_equal(n_of[2], WI_TRACK_SHARE);
    assert_int_equal(n_of[0], WI_HISTORY_TRACKS - 3 - WI_TRACK_SHARE);
    assert_true(has(slots, n, 3039) && has(slots, n, 3024) && !has(slots, n, 3023));
}

static void who_is_followed_stays_until_another_is_twice_as_busy(void **state)
{
    (void)state;
    uint32_t slots[WI_HISTORY_TRACKS];
    for (uint64_t rival = 0; rival <= 400; rival += 100) {
        memset(&choice, 0, sizeof(choice));
        for (uint32_t i = 0; i < WI_HISTORY_TRACKS; i++) {
            wi_track_catalog(&choice, WI_CHANNEL, 1000 + i, i == 7 ? 150 : 1000, true);
        }
        wi_track_catalog(&choice, WI_CHANNEL, 1, rival, false);
        size_t n = wi_track_end(&choice, slots);
        assert_int_equal(n, WI_HISTORY_TRACKS);
        assert_int_equal(has(slots, n, 1), rival > 300);
        assert_int_equal(has(slots, n, 1007), rival <= 300);
    }
    memset(&choice, 0, sizeof(choice));
    wi_track_catalog(&choice, WI_CHANNEL, 5, UINT64_MAX, true); /* no overflow of the weight */
    assert_int_equal(wi_track_end(&choice, slots), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_head_that_makes_no_sense_is_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_cut_off_is_refused_at_every_length, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_track_that_makes_no_sense_is_free, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_row_is_none_and_the_one_before_it_is_the_last,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ring_has_its_last_rows_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_rows_give_numbers_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_become_the_metrics_of_their_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_before_a_track_began_are_another_handles, set_up,
                                        tear_down),
        cmocka_unit_test(the_trend_of_a_kind_is_the_screens),
        cmocka_unit_test(the_busiest_are_followed_in_whatever_order_they_come),
        cmocka_unit_test(few_of_a_kind_are_not_crowded_out),
        cmocka_unit_test(who_is_followed_stays_until_another_is_twice_as_busy),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
