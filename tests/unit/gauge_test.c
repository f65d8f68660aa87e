/* SPDX-License-Identifier: MIT */
/* Memory that goes with one of the application's gauges: which one is named, how, and which is not. */
/* ctest: folders=agent/src/finding */
#include "judged.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BASE 20e6 /* bytes of a process that has started */

static void look_at(double memory)
{
    struct wi_row *process = fake_view_row(view, WI_PROCESS, 0);
    fake_view_set_u64(process, WI_PROCESS_ANON, (uint64_t)memory / 4096 * 4096);
    fake_view_set_f64(process, WI_PROCESS_UPTIME, 100000);
    look();
}

static const struct wi_row *memory_growing(void)
{
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_WARNING, i);
        if (strcmp(row->value[WI_WARNING_KIND].u.text, "memory_growing") == 0) {
            return row;
        }
    }
    fail_msg("it is not said that memory grows");
    return NULL;
}

static const char *text(int metric)
{
    return memory_growing()->value[metric].u.text;
}

static void assert_says(const char *whole, const char *part)
{
    if (!strstr(whole, part)) {
        fail_msg("\"%s\" does not say \"%s\"", whole, part);
    }
}

static void a_gauge_that_rises_by_as_much_is_what_grows(void **state)
{
    (void)state;
    struct wi_row *cache = fake_view_add(view, WI_GAUGE, "cache_bytes");
    struct wi_row *still = fake_view_add(view, WI_GAUGE, "limit_bytes");
    fake_view_set_i64(still, WI_GAUGE_VALUE, 1 << 30);
    for (unsigned i = 0; i < 100; i++) {
        fake_view_set_i64(cache, WI_GAUGE_VALUE, (int64_t)(1.2e6 * i));
        look_at(BASE + 1.2e6 * i + 8192 * noise());
    }
    assert_says(text(WI_WARNING_TEXT),
                "memory +1.20 MB/s over 60 s; gauge cache_bytes rises by as much: +1.20 MB/s (");
    assert_says(text(WI_WARNING_ACTION), "what the gauge counts");
    double share = wi_value_number(&memory_growing()->value[WI_WARNING_SHARE], NAN);
    assert_true(share > 0.98 && share < 1.02);
}

static void a_gauge_of_things_rises_in_step(void **state)
{
    (void)state;
    struct wi_row *sessions = fake_view_add(view, WI_GAUGE, "sessions");
    for (unsigned i = 0; i < 100; i++) {
        double n = 100.0 * i + 20 * noise();
        fake_view_set_i64(sessions, WI_GAUGE_VALUE, (int64_t)n);
        look_at(BASE + 12000 * n + 8192 * noise());
    }
    assert_says(text(WI_WARNING_TEXT), "; gauge sessions rises in step, +100/s: 12.0");
    assert_says(text(WI_WARNING_TEXT), " kB for each by regression");
    assert_says(text(WI_WARNING_EVIDENCE), " of memory on the gauge");
}

static void a_gauge_that_goes_up_and_down_is_not_blamed(void **state)
{
    (void)state;
    struct wi_row *busy = fake_view_add(view, WI_GAUGE, "connections");
    struct wi_row *falls = fake_view_add(view, WI_GAUGE, "free_bytes");
    for (unsigned i = 0; i < 100; i++) {
        fake_view_set_i64(busy, WI_GAUGE_VALUE, (int64_t)(500 + 400 * noise()));
        fake_view_set_i64(falls, WI_GAUGE_VALUE, (int64_t)(1e9 - 1.2e6 * i));
        look_at(BASE + 1.2e6 * i + 8192 * noise());
    }
    assert_says(text(WI_WARNING_TEXT), "; no channel and no gauge explains it");
}

static void a_channel_that_explains_it_goes_before_a_gauge(void **state)
{
    (void)state;
    struct wi_row *depth = fake_view_add(view, WI_GAUGE, "moves_bytes");
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i < 60; i++) {
        fake_view_set_u64(moves, WI_CHANNEL_DEPTH, 6000 * i);
        fake_view_set_u64(moves, WI_CHANNEL_RECEIVED, 6000 * i);
        fake_view_set_u64(moves, WI_CHANNEL_SENT, 12000 * i);
        fake_view_set_u64(moves, WI_CHANNEL_QUEUED_BYTES, 200 * 6000 * i);
        fake_view_set_i64(depth, WI_GAUGE_VALUE, (int64_t)200 * 6000 * i);
        look_at(BASE + 208.0 * 6000 * i);
    }
    assert_says(text(WI_WARNING_TEXT), "; channel moves explains ");
    assert_null(strstr(text(WI_WARNING_TEXT), "gauge"));
}

static void among_many_gauges_the_one_that_rises_is_found(void **state)
{
    (void)state;
    struct wi_row *rising = NULL;
    for (unsigned i = 0; i < 60; i++) {
        char name[32];
        snprintf(name, sizeof(name), "gauge-%u", i);
        rising = fake_view_add(view, WI_GAUGE, name);
        fake_view_set_i64(rising, WI_GAUGE_VALUE, 1000);
    }
    for (unsigned i = 0; i < 300; i++) {
        fake_view_set_i64(rising, WI_GAUGE_VALUE, (int64_t)(1.2e6 * i));
        look_at(BASE + 1.2e6 * i);
    }
    assert_says(text(WI_WARNING_TEXT), "; gauge gauge-59 rises by as much");
}

static void a_slow_one_is_found_by_its_minutes(void **state)
{
    (void)state;
    struct wi_row *table = fake_view_add(view, WI_GAUGE, "table_bytes");
    for (unsigned i = 0; i < 3600; i++) {
        fake_view_set_i64(table, WI_GAUGE_VALUE, (int64_t)(4000.0 * i));
        look_at(BASE + 4000.0 * i + 100e3 * (1 + noise()));
    }
    assert_says(text(WI_WARNING_TEXT), "; gauge table_bytes rises by as much: +4.00 kB/s (");
}

static void strange_values_are_no_trouble(void **state)
{
    (void)state;
    fake_view_add(view, WI_GAUGE, "nothing known");
    struct wi_row *wild = fake_view_add(view, WI_GAUGE, "wild");
    struct wi_row *born = NULL;
    for (unsigned i = 0; i < 200; i++) {
        fake_view_set_i64(wild, WI_GAUGE_VALUE, i % 2 ? INT64_MIN : INT64_MAX);
        if (born) {
            fake_view_remove(view, born);
        }
        born = fake_view_add(view, WI_GAUGE, "born");
        fake_view_set_i64(born, WI_GAUGE_VALUE, (int64_t)i);
        look_at(BASE + 1.2e6 * i);
    }
    assert_says(text(WI_WARNING_TEXT), "; no channel and no gauge explains it");
}

/* ---- its capacity ---- */

static struct wi_row *bounded_gauge(const char *name, const char *unit, uint64_t capacity)
{
    struct wi_row *row = fake_view_add(view, WI_GAUGE, name);
    fake_view_set_u64(row, WI_GAUGE_CAPACITY, capacity);
    wi_row_put_text(row, WI_GAUGE_UNIT, unit);
    return row;
}

static void a_gauge_near_its_capacity_is_told_after_three_samples(void **state)
{
    (void)state;
    struct wi_row *sessions = bounded_gauge("sessions", "sessions", 1000);
    fake_view_set_i64(sessions, WI_GAUGE_VALUE, 849);
    for (int i = 0; i < 10; i++) {
        look();
        assert_null(found("gauge_full"));
    }
    fake_view_set_i64(sessions, WI_GAUGE_VALUE, 920);
    look();
    look();
    assert_null(found("gauge_full"));
    look();
    const struct wi_row *row = found("gauge_full");
    assert_non_null(row);
    assert_string_equal(row->value[WI_WARNING_SEVERITY].u.text, "warning");
    assert_says(row->value[WI_WARNING_TEXT].u.text, "sessions: 92 % full, 920 of 1,000 sessions");
    fake_view_set_i64(sessions, WI_GAUGE_VALUE, 1040);
    look();
    assert_says(found("gauge_full")->value[WI_WARNING_TEXT].u.text, "sessions: 104 % full");
    fake_view_set_i64(sessions, WI_GAUGE_VALUE, 500);
    look();
    assert_null(found("gauge_full"));
}

static void a_gauge_that_rises_says_when_it_is_full(void **state)
{
    (void)state;
    struct wi_row *memory = bounded_gauge("pool", "bytes", 1000000000);
    for (int i = 0; i < 60; i++) {
        fake_view_set_i64(memory, WI_GAUGE_VALUE, 10000000 + 2000000 * i);
        look();
    }
    const struct wi_row *row = found("gauge_filling");
    assert_non_null(row);
    assert_string_equal(row->value[WI_WARNING_SEVERITY].u.text, "info");
    assert_says(row->value[WI_WARNING_TEXT].u.text,
                "pool: filling, +2,000,000/s, 128.0 MB of 1.0 GB");
    double seconds = wi_value_number(&row->value[WI_WARNING_FULL_IN], NAN);
    assert_true(seconds > 400 && seconds < 470);
    for (int i = 0; i < 5; i++) {
        fake_view_set_i64(memory, WI_GAUGE_VALUE, 700000000 + 25000000 * i);
        look();
    }
    assert_string_equal(found("gauge_filling")->value[WI_WARNING_SEVERITY].u.text, "warning");
}

static void a_gauge_without_a_capacity_is_never_full(void **state)
{
    (void)state;
    struct wi_row *plain = fake_view_add(view, WI_GAUGE, "plain");
    struct wi_row *flag = bounded_gauge("is_leader", "", 1);
    struct wi_row *below = bounded_gauge("balance", "", 100);
    struct wi_row *odd = bounded_gauge("odd", "", UINT64_MAX);
    for (int i = 0; i < 60; i++) {
        fake_view_set_i64(plain, WI_GAUGE_VALUE, INT64_MAX);
        fake_view_set_i64(flag, WI_GAUGE_VALUE, 1);
        fake_view_set_i64(below, WI_GAUGE_VALUE, INT64_MIN);
        fake_view_set_i64(odd, WI_GAUGE_VALUE, i % 2 ? INT64_MIN : INT64_MAX);
        look();
        assert_null(found("gauge_full"));
        assert_null(found("gauge_filling"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_gauge_that_rises_by_as_much_is_what_grows),
        TEST(a_gauge_of_things_rises_in_step),
        TEST(a_gauge_that_goes_up_and_down_is_not_blamed),
        TEST(a_channel_that_explains_it_goes_before_a_gauge),
        TEST(among_many_gauges_the_one_that_rises_is_found),
        TEST(a_slow_one_is_found_by_its_minutes),
        TEST(strange_values_are_no_trouble),
        cmocka_unit_test_setup_teardown(a_gauge_near_its_capacity_is_told_after_three_samples,
                                        setup, teardown),
        TEST(a_gauge_that_rises_says_when_it_is_full),
        TEST(a_gauge_without_a_capacity_is_never_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
