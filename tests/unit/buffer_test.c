/* SPDX-License-Identifier: MIT */
/* The buffer: its cap, its sticky failure, and numbers that read back. */
#include "encode/buffer.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct wi_buffer buffer;

static int setup(void **state)
{
    (void)state;
    wi_buffer_init(&buffer, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wi_buffer_finish(&buffer);
    return 0;
}

/* What one number becomes; valid until the next call. */
static const char *f64_text(double number)
{
    static char text[64];
    wi_buffer_clear(&buffer);
    wi_buffer_f64(&buffer, number);
    assert_false(buffer.has_failed);
    assert_true(buffer.length < sizeof(text));
    memcpy(text, buffer.bytes, buffer.length);
    text[buffer.length] = 0;
    return text;
}

static void assert_reads_back(double number)
{
    const char *text = f64_text(number);
    if (strtod(text, NULL) != number) {
        fail_msg("%.17g was written as %s", number, text);
    }
}

static void appended_bytes_stand_one_after_the_other(void **state)
{
    (void)state;
    wi_buffer_text(&buffer, "depth ");
    wi_buffer_u64(&buffer, 4096);
    wi_buffer_append(&buffer, "", 1);

    assert_int_equal(buffer.length, 11);
    assert_string_equal((const char *)buffer.bytes, "depth 4096");
}

static void limit_is_never_passed_and_failure_stays(void **state)
{
    (void)state;
    buffer.limit = 1000;
    for (int i = 0; i < 300; i++) {
        wi_buffer_text(&buffer, "1234567");
    }

    assert_true(buffer.has_failed);
    assert_true(buffer.room <= 1000);
    assert_int_equal(buffer.length, 994);
    wi_buffer_text(&buffer, "1");
    assert_int_equal(buffer.length, 994);
    wi_buffer_clear(&buffer);
    wi_buffer_text(&buffer, "1");
    assert_false(buffer.has_failed);
    assert_int_equal(buffer.length, 1);
}

static void limit_can_be_filled_to_the_last_byte(void **state)
{
    (void)state;
    buffer.limit = 777;
    for (int i = 0; i < 777; i++) {
        wi_buffer_append(&buffer, "x", 1);
    }

    assert_false(buffer.has_failed);
    assert_int_equal(buffer.length, 777);
}

static void absurd_reservations_fail(void **state)
{
    (void)state;
    wi_buffer_text(&buffer, "x");

    assert_null(wi_buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.has_failed);
    wi_buffer_clear(&buffer);
    assert_null(wi_buffer_reserve(&buffer, SIZE_MAX - 1));
    wi_buffer_clear(&buffer);
    assert_non_null(wi_buffer_reserve(&buffer, 0));
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *text;
    } cases[] = {
        {0, "0"},     {9, "9"},     {10, "10"},       {99, "99"},
        {100, "100"}, {101, "101"}, {12345, "12345"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        wi_buffer_clear(&buffer);
        wi_buffer_u64(&buffer, cases[i].number);
        assert_int_equal(buffer.length, strlen(cases[i].text));
        assert_memory_equal(buffer.bytes, cases[i].text, buffer.length);
    }
}

static void doubles_take_their_shortest_form(void **state)
{
    (void)state;
    assert_string_equal(f64_text(0), "0");
    assert_string_equal(f64_text(-0.0), "0");
    assert_string_equal(f64_text(1), "1");
    assert_string_equal(f64_text(-3), "-3");
    assert_string_equal(f64_text(0.5), "0.5");
    assert_string_equal(f64_text(0.1), "0.1");
    assert_string_equal(f64_text(0.30000000000000004), "0.30000000000000004");
    assert_string_equal(f64_text(1.024e-06), "1.024e-06");
    assert_string_equal(f64_text(0.000131072), "0.000131072");
    assert_string_equal(f64_text(137.438953472), "137.438953472");
    assert_string_equal(f64_text(-12.25), "-12.25");
    assert_string_equal(f64_text(999999.999999999), "999999.999999999");
    assert_string_equal(f64_text(1e15), "1e+15");
    assert_string_equal(f64_text(NAN), "NaN");
    assert_string_equal(f64_text(INFINITY), "+Inf");
    assert_string_equal(f64_text(-INFINITY), "-Inf");
}

static void doubles_read_back(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        double number;
        memcpy(&number, &random, sizeof(number));
        if (isfinite(number)) {
            assert_reads_back(number);
        }
        assert_reads_back((double)(random >> 20) / 1e9);
        assert_reads_back((double)(random % 1000000007U) / 1000.0);
    }
}

static void decimal_comma_of_the_host_stays_out(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]) && !found; i++) {
        found = setlocale(LC_NUMERIC, locales[i]);
    }
    if (!found) {
        skip();
    }

    char text[64];
    strcpy(text, f64_text(1.0 / 3.0));
    setlocale(LC_NUMERIC, "C");

    assert_string_equal(text, "0.3333333333333333");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(appended_bytes_stand_one_after_the_other),
        TEST(limit_is_never_passed_and_failure_stays),
        TEST(limit_can_be_filled_to_the_last_byte),
        TEST(absurd_reservations_fail),
        TEST(whole_numbers),
        TEST(doubles_take_their_shortest_form),
        TEST(doubles_read_back),
        TEST(decimal_comma_of_the_host_stays_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
