/* SPDX-License-Identifier: MIT */
/* Values, JSON, CSV and tables: exact texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "command/report.h"
#include "emit/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *written;
static size_t n_written;

static FILE *begin(void)
{
    FILE *out = open_memstream(&written, &n_written);
    assert_non_null(out);
    return out;
}

static void expect(FILE *out, const char *text)
{
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, text);
    free(written);
    written = NULL;
}

static struct wc_value f64(double number)
{
    struct wc_value value = {.type = WC_F64};
    value.u.f64 = number;
    return value;
}

static struct wc_value i64(int64_t number)
{
    struct wc_value value = {.type = WC_I64};
    value.u.i64 = number;
    return value;
}

static void expect_json(struct wc_value value, const char *text)
{
    struct wc_json json;
    FILE *out = begin();
    wc_json_init(&json, out);
    wc_json_value(&json, NULL, value);
    expect(out, text);
}

static void numbers_keep_their_value(void **state)
{
    (void)state;
    expect_json(wc_value_u64(0), "0");
    expect_json(wc_value_u64(4096), "4096");
    expect_json(wc_value_u64(UINT64_C(9007199254740992)), "9007199254740992");
    expect_json(wc_value_u64(UINT64_C(9007199254740994)), "9007199254740994");
    expect_json(wc_value_u64(UINT64_MAX), "18446744073709551615");
    expect_json(i64(-5), "-5");
    expect_json(i64(INT64_MIN), "-9223372036854775808");
    expect_json(f64(0.1), "0.1");
    expect_json(f64(1.0 / 3), "0.3333333333333333");
    expect_json(f64(2), "2");
    expect_json(f64(-0.0), "-0");
    expect_json(f64(999999999999999), "999999999999999");
    expect_json(f64(1e15), "1e+15");
    expect_json(f64(1e300), "1e+300");
    expect_json(f64(NAN), "null");
    expect_json(f64(-INFINITY), "null");
    expect_json(wc_value_of(NULL), "null");
}

static void text_is_escaped(void **state)
{
    (void)state;
    expect_json(wc_value_text("moves"), "\"moves\"");
    expect_json(wc_value_text("a\"b\\c"), "\"a\\\"b\\\\c\"");
    expect_json(wc_value_text("a\nb\x1b[2J\x7f"), "\"a\\u000ab\\u001b[2J\\u007f\"");
    expect_json(wc_value_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xae"),
                "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xae\"");
    expect_json(wc_value_text("\xc2\x9b"
                              "31m"),
                "\"\\u009b31m\"");
    expect_json(wc_value_text("a\xff\xc3"), "\"a\\ufffd\\ufffd\"");
    expect_json(wc_value_text("\xed\xa0\x80\xc0\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    char text[WC_FORMAT_SIZE];
    wc_format_time(text, INT64_C(1795461026120999999));
    assert_string_equal(text, "2026-11-23T19:10:26.120Z");
    wc_format_time(text, 0);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    wc_format_time(text, -1);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void dotted_paths_become_objects(void **state)
{
    (void)state;
    static const char *const paths[] = {"depth",    "wait.p50",   "by.full",
                                        "wait.p99", "by.deep.er", "wait_total"};
    struct wc_value values[6];
    struct wc_json json;
    for (uint64_t i = 0; i < 6; i++) {
        values[i] = wc_value_u64(i);
    }
    FILE *out = begin();
    wc_json_init(&json, out);
    wc_json_open(&json, NULL, '{');
    wc_json_text(&json, "name", "moves");
    wc_json_members(&json, paths, values, 6);
    wc_json_close(&json, '}');
    expect(out, "{\"name\":\"moves\",\"depth\":0,\"wait\":{\"p50\":1,\"p99\":3},"
                "\"by\":{\"full\":2,\"deep\":{\"er\":4}},\"wait_total\":5}");
}

static void envelope_is_the_contracts(void **state)
{
    (void)state;
    struct wc_target target = {.pid = 4821, .state = WI_STATE_RUNNING, .name = "game"};
    struct wc_json json;
    FILE *out = begin();
    wc_report_open(&json, out, "weir.snapshot/1", INT64_C(1795461026120000000), &target);
    wc_json_open(&json, "data", '{');
    wc_json_open(&json, "loops", '[');
    wc_json_close(&json, ']');
    wc_json_close(&json, '}');
    wc_report_close(&json);
    expect(out, "{\"schema\":\"weir.snapshot/1\",\"ts\":\"2026-11-23T19:10:26.120Z\","
                "\"target\":{\"name\":\"game\",\"pid\":4821,\"state\":\"running\"},"
                "\"data\":{\"loops\":[]}}\n");
}

static const struct wc_column columns[] = {
    {"NAME", "name", WC_SHAPE_TEXT, NULL, false},
    {"DEPTH", "depth", WC_SHAPE_EXACT, NULL, false},
    {"CAPACITY", "capacity", WC_SHAPE_EXACT, "unbounded", false},
    {"SINCE", "since", WC_SHAPE_TIME, NULL, false},
    {"NOTE", "note", WC_SHAPE_TEXT, "", true},
};

static struct wc_table *table_of_two(const char *note)
{
    struct wc_table *table = wc_table_create(columns, 5);
    struct wc_value first[] = {wc_value_text("moves"), wc_value_u64(4096), wc_value_of(NULL),
                               wc_value_time(INT64_C(1795461026120000000)), wc_value_text(note)};
    struct wc_value second[] = {wc_value_text("a,\"b\"\x1b"), wc_value_u64(7), wc_value_u64(8),
                                wc_value_of(NULL), wc_value_of(NULL)};
    wc_table_add(table, first);
    wc_table_add(table, second);
    return table;
}

static void table_is_aligned_for_people(void **state)
{
    (void)state;
    struct wc_table *table = table_of_two(NULL);
    FILE *out = begin();
    wc_table_print_human(table, out);
    wc_table_destroy(table);
    expect(out, "NAME    DEPTH   CAPACITY  SINCE\n"
                "moves    4096  unbounded  2026-11-23T19:10:26Z\n"
                "a,\"b\"?      7          8  -\n");
}

static void optional_column_is_shown_when_it_has_something(void **state)
{
    (void)state;
    struct wc_table *table = table_of_two("full");
    FILE *out = begin();
    wc_table_print_human(table, out);
    wc_table_destroy(table);
    expect(out, "NAME    DEPTH   CAPACITY  SINCE                 NOTE\n"
                "moves    4096  unbounded  2026-11-23T19:10:26Z  full\n"
                "a,\"b\"?      7          8  -\n");
}

static void table_is_csv(void **state)
{
    (void)state;
    struct wc_table *table = table_of_two("two\nlines");
    FILE *out = begin();
    wc_table_print_csv(table, out);
    wc_table_destroy(table);
    expect(out, "name,depth,capacity,since,note\n"
                "moves,4096,,2026-11-23T19:10:26.120Z,two?lines\n"
                "\"a,\"\"b\"\"?\",7,8,,\n");
}

static void table_is_json(void **state)
{
    (void)state;
    struct wc_table *table = table_of_two(NULL);
    struct wc_json json;
    FILE *out = begin();
    wc_json_init(&json, out);
    wc_json_open(&json, NULL, '{');
    wc_table_print_json(table, &json, "rows");
    wc_json_close(&json, '}');
    wc_table_destroy(table);
    expect(out, "{\"rows\":[{\"name\":\"moves\",\"depth\":4096,\"capacity\":null,"
                "\"since\":\"2026-11-23T19:10:26.120Z\",\"note\":null},"
                "{\"name\":\"a,\\\"b\\\"\\u001b\",\"depth\":7,\"capacity\":8,\"since\":null,"
                "\"note\":null}]}");
}

static void errors_are_clean_lines(void **state)
{
    (void)state;
    struct wc_error error;
    assert_int_equal(wc_error_set(&error, WC_USAGE, "%s: no", "a\x1b]0;x\x07\r\nb\xff"), WC_USAGE);
    assert_string_equal(error.text, "a?]0;x???b?: no");
    FILE *out = begin();
    wc_report_error(&error, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(written, "{\"schema\":\"weir.error/1\",\"ts\":\"2"));
    assert_non_null(strstr(written,
                           "\"target\":null,\"data\":{\"code\":2,\"text\":\"a?]0;x???b?: no"
                           "\"}}\n"));
    free(written);
}

static void json_keeps_unsafe_characters_as_escapes(void **state)
{
    (void)state;
    struct wc_json json;
    FILE *out = begin();
    wc_json_init(&json, out);
    wc_json_open(&json, NULL, '{');
    wc_json_text(&json, "name", "a\xe2\x80\xae\xf3\xa0\x81\x81\xff\xc3\xa4");
    wc_json_close(&json, '}');
    expect(out, "{\"name\":\"a\\u202e\\udb40\\udc41\\ufffd\xc3\xa4\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_their_value),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(dotted_paths_become_objects),
        cmocka_unit_test(envelope_is_the_contracts),
        cmocka_unit_test(table_is_aligned_for_people),
        cmocka_unit_test(optional_column_is_shown_when_it_has_something),
        cmocka_unit_test(table_is_csv),
        cmocka_unit_test(table_is_json),
        cmocka_unit_test(errors_are_clean_lines),
        cmocka_unit_test(json_keeps_unsafe_characters_as_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
