/* SPDX-License-Identifier: MIT */
/* Numbers and small pictures as people read them. */
#include "base/format.h"
#include "base/text.h"
#include "view/spark.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef void (*format_fn)(char to[WC_FORMAT_SIZE], double value);

static void assert_format(format_fn format, double value, const char *expected)
{
    char text[WC_FORMAT_SIZE];
    format(text, value);
    assert_string_equal(text, expected);
}

static void counts_are_exact_below_ten_thousand(void **state)
{
    (void)state;
    assert_format(wc_format_count, 0, "0");
    assert_format(wc_format_count, 9999, "9999");
    assert_format(wc_format_count, 10000, "10.0k");
    assert_format(wc_format_count, 18249, "18.2k");
    assert_format(wc_format_count, 99949, "99.9k");
    assert_format(wc_format_count, 99951, "100k");
    assert_format(wc_format_count, 999499, "999k");
    assert_format(wc_format_count, 999960, "1.00M");
    assert_format(wc_format_count, 1310000, "1.31M");
    assert_format(wc_format_count, 1.8446744073709552e19, "18.4E");
    assert_format(wc_format_count, -20000, "-20.0k");
    assert_format(wc_format_count, 2.5, "2.5");
}

static void rates_keep_what_is_small(void **state)
{
    (void)state;
    assert_format(wc_format_rate, 0, "0");
    assert_format(wc_format_rate, 0.01, "<0.1");
    assert_format(wc_format_rate, 0.4, "0.4");
    assert_format(wc_format_rate, 212.4, "212");
    assert_format(wc_format_rate, 5984, "5.98k");
    assert_format(wc_format_rate, -3, "0");
}

static void a_wait_is_an_estimate_or_a_longer_bound(void **state)
{
    (void)state;
    char text[WC_FORMAT_SIZE];
    assert_true(wc_format_wait(text, NAN, 6));
    assert_string_equal(text, "~6s");
    assert_true(wc_format_wait(text, 5, 6));
    assert_string_equal(text, "~6s");
    assert_true(wc_format_wait(text, 9, 6));
    assert_string_equal(text, ">9s");
    assert_true(wc_format_wait(text, 9, NAN));
    assert_string_equal(text, ">9s");
    assert_false(wc_format_wait(text, NAN, NAN));
}

static void lower_bounds_are_cut_and_short(void **state)
{
    (void)state;
    assert_format(wc_format_at_least, 0, "0");
    assert_format(wc_format_at_least, NAN, "0");
    assert_format(wc_format_at_least, 0.0004, "0");
    assert_format(wc_format_at_least, 0.0619, ">61ms");
    assert_format(wc_format_at_least, 0.499, ">0.4s");
    assert_format(wc_format_at_least, 0.9999, ">0.9s");
    assert_format(wc_format_at_least, 44.9, ">44s");
    assert_format(wc_format_at_least, 119.9, ">119s");
    assert_format(wc_format_at_least, 120, ">2m");
    assert_format(wc_format_at_least, 7199, ">119m");
    assert_format(wc_format_about, NAN, "~0s");
    assert_format(wc_format_about, 5.6, "~6s");
    assert_format(wc_format_about, 119.4, "~119s");
    assert_format(wc_format_about, 170, "~3m");
    assert_format(wc_format_about, 1e30, "~9999d");
    assert_format(wc_format_at_least, 7200, ">2h");
    assert_format(wc_format_at_least, 3 * 86400, ">3d");
    assert_format(wc_format_at_least, INFINITY, ">9999d");
}

static void durations_have_one_unit(void **state)
{
    (void)state;
    assert_format(wc_format_duration, 0, "0");
    assert_format(wc_format_duration, 0.0005, "<1ms");
    assert_format(wc_format_duration, 0.0047, "4.7ms");
    assert_format(wc_format_duration, 0.8121, "812ms");
    assert_format(wc_format_duration, 0.9996, "1.0s");
    assert_format(wc_format_duration, 2.1, "2.1s");
    assert_format(wc_format_duration, 92.5, "92s");
    assert_format(wc_format_duration, 245, "4m05s");
    assert_format(wc_format_duration, 14 * 60 + 59, "14m");
    assert_format(wc_format_duration, 11100, "3h05m");
    assert_format(wc_format_duration, 3 * 86400 + 4 * 3600, "3d04h");
    assert_format(wc_format_duration, NAN, "0");
}

static void bytes_are_decimal(void **state)
{
    (void)state;
    assert_format(wc_format_bytes, 0, "0 B");
    assert_format(wc_format_bytes, 999, "999 B");
    assert_format(wc_format_bytes, 1000, "1.00 kB");
    assert_format(wc_format_bytes, 812e6, "812 MB");
    assert_format(wc_format_bytes, 1.2e9, "1.20 GB");
    assert_format(wc_format_growth, 1.2e6, "+1.20 MB/s");
    assert_format(wc_format_growth, -3e5, "-300 kB/s");
    assert_format(wc_format_growth, 0, "0 B/s");
}

static void full_is_said_of_what_is_full(void **state)
{
    (void)state;
    assert_format(wc_format_percent, 0, "0%");
    assert_format(wc_format_percent, 0.001, "<1%");
    assert_format(wc_format_percent, 0.999, "99%");
    assert_format(wc_format_percent, 1, "100%");
}

static void whole_numbers_have_all_digits(void **state)
{
    (void)state;
    char text[WC_FORMAT_SIZE];
    wc_format_exact(text, UINT64_MAX);
    assert_string_equal(text, "18,446,744,073,709,551,615");
    assert_format(wc_format_whole, -1234567, "-1,234,567");
    assert_format(wc_format_whole, 0.5, "0.5");
}

static void assert_spark(enum wc_tier tier, const double *values, int n, double max,
                         const char *expected)
{
    struct wc_grid grid;
    char text[128];
    wc_grid_init(&grid, 1, 20, tier == WC_TIER_ASCII);
    struct wc_spark spark = {&grid, 0, 0, tier, WC_GRAPH};
    wc_spark_line(&spark, values, n, max);
    wc_grid_row_text(&grid, 0, text, sizeof(text));
    assert_string_equal(text, expected);
    wc_grid_finish(&grid);
}

static void sparklines_tell_nothing_from_zero(void **state)
{
    (void)state;
    const double values[] = {NAN, 0, 1, 50, 100, NAN, 100, 0};
    assert_spark(WC_TIER_BLOCK, values, 8, 100,
                 " \xe2\x96\x81\xe2\x96\x82\xe2\x96\x85\xe2\x96\x88 \xe2\x96\x88\xe2\x96\x81");
    assert_spark(WC_TIER_ASCII, values, 8, 100, " .:+@ @.");
    /* Two values in a cell: gap and zero, one and half, full and gap, full and zero. */
    assert_spark(WC_TIER_BRAILLE, values, 8, 100,
                 "\xe2\xa2\x80\xe2\xa3\xb4\xe2\xa1\x87\xe2\xa3\x87");
}

static void bars_show_the_least_and_the_most(void **state)
{
    (void)state;
    struct wc_grid grid;
    char text[64];
    wc_grid_init(&grid, 1, 5, true);
    struct wc_spark spark = {&grid, 0, 0, WC_TIER_ASCII, WC_GOOD};
    wc_spark_bar(&spark, 5, 0.01);
    wc_grid_row_text(&grid, 0, text, sizeof(text));
    assert_string_equal(text, "#....");
    wc_spark_bar(&spark, 5, 7);
    wc_grid_row_text(&grid, 0, text, sizeof(text));
    assert_string_equal(text, "#####");
    wc_grid_finish(&grid);
}

static void positions_have_hours_where_there_are_any(void **state)
{
    (void)state;
    char text[WC_FORMAT_SIZE];
    wc_format_position(text, 0);
    assert_string_equal(text, "0:00");
    wc_format_position(text, UINT64_C(3599999999999));
    assert_string_equal(text, "59:59");
    wc_format_position(text, UINT64_C(3723000000000));
    assert_string_equal(text, "1:02:03");
    wc_format_position(text, UINT64_MAX); /* forged: still short */
    assert_true(strlen(text) <= 12);
}

static void times_that_no_calendar_has_are_none(void **state)
{
    (void)state;
    char text[WC_FORMAT_SIZE];
    wc_format_moment(text, 1e300);
    assert_string_equal(text, "-");
    wc_format_moment(text, NAN);
    assert_string_equal(text, "-");
    wc_format_moment(text, 1795461026);
    assert_int_equal(strlen(text), strlen("11-23 19:10"));
    wc_format_clock(text, INT64_C(1795461026120999999));
    assert_int_equal(strlen(text), strlen("19:10:26"));
    assert_string_equal(text + 2 + 3, ":26");
}

static void lines_break_at_the_last_blank_that_fits(void **state)
{
    (void)state;
    assert_int_equal(wc_text_break("moves: 3 queued", 15),
                     8); /* whole lines are the caller's matter */
    assert_int_equal(wc_text_break("moves: 3 queued", 8), 8);
    assert_int_equal(wc_text_break("moves: 3 queued", 7), 6);
    assert_int_equal(wc_text_break("moves: 3 queued", 6), 6);
    assert_int_equal(wc_text_break("moves: 3 queued", 5), 0);
    assert_int_equal(wc_text_break("moves", 80), 0);
    assert_int_equal(wc_text_break("", 80), 0);
    assert_int_equal(wc_text_break(" a", 0), 0);
    assert_int_equal(wc_text_break("a b", -1), 0);
}

static void lines_are_as_wide_as_they_look(void **state)
{
    (void)state;
    assert_int_equal(wc_text_break("z\u00fcge: drei", 5), 6);   /* 5 columns, 6 bytes */
    assert_int_equal(wc_text_break("\u6771\u4eac: 3 4", 5), 7); /* two columns each */
    assert_int_equal(wc_text_break("\u6771\u4eac: 3 4", 7), 9);
    assert_int_equal(wc_text_break("e\u0301te\u0301: 3 4", 4), 8); /* accents take none */
    assert_int_equal(wc_text_break("\xff\xff: 3", 3), 3); /* each byte that is none is one column */
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_exact_below_ten_thousand),
        cmocka_unit_test(rates_keep_what_is_small),
        cmocka_unit_test(lower_bounds_are_cut_and_short),
        cmocka_unit_test(a_wait_is_an_estimate_or_a_longer_bound),
        cmocka_unit_test(durations_have_one_unit),
        cmocka_unit_test(bytes_are_decimal),
        cmocka_unit_test(full_is_said_of_what_is_full),
        cmocka_unit_test(whole_numbers_have_all_digits),
        cmocka_unit_test(sparklines_tell_nothing_from_zero),
        cmocka_unit_test(bars_show_the_least_and_the_most),
        cmocka_unit_test(positions_have_hours_where_there_are_any),
        cmocka_unit_test(times_that_no_calendar_has_are_none),
        cmocka_unit_test(lines_break_at_the_last_blank_that_fits),
        cmocka_unit_test(lines_are_as_wide_as_they_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
