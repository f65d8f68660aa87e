/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/encode */
/* Globs: what they match, and that no pattern makes them slow. */
#include "weir/topic.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void without_wildcards_a_part_is_enough(void **state)
{
    (void)state;
    assert_true(wi_glob_matches("", "moves"));
    assert_true(wi_glob_matches("", ""));
    assert_true(wi_glob_matches("ove", "moves"));
    assert_true(wi_glob_matches("moves", "moves"));
    assert_false(wi_glob_matches("movess", "moves"));
    assert_false(wi_glob_matches("x", ""));
}

static void stars_and_question_marks(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"*", "", true},
        {"*", "moves", true},
        {"**", "moves", true},
        {"?", "", false},
        {"?", "m", true},
        {"?", "mo", false},
        {"m*", "moves", true},
        {"m*", "amoves", false},
        {"*s", "moves", true},
        {"*s", "movesx", false},
        {"m*s", "moves", true},
        {"m*s", "ms", true},
        {"m*s", "m", false},
        {"ab*ba", "aba", false},
        {"ab*ba", "abba", true},
        {"*a*b*", "xaxbx", true},
        {"*a*b*", "xbxax", false},
        {"room-?/*", "room-7/outbox", true},
        {"room-?/*", "room-17/outbox", false},
        {"*?", "", false},
        {"?*", "x", true},
        {"*aab", "aaab", true},
        {"a*?b", "ab", false},
        {"a*?b", "axb", true},
        {"?", "\xe2\x82\xac", true},
        {"??", "\xe2\x82\xac", false},
        {"*?\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac", true},
        {"*?x*", "\xc3\xa9x", true},
        {"moves*", "moves", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (wi_glob_matches(cases[i].pattern, cases[i].text) != cases[i].matches) {
            fail_msg("<%s> on <%s>", cases[i].pattern, cases[i].text);
        }
    }
}

/* The plain definition, exponential and obviously right. */
static bool slow_glob(const char *pattern, const char *text)
{
    if (*pattern == 0) {
        return *text == 0;
    }
    if (*pattern == '*') {
        return slow_glob(pattern + 1, text) || (*text && slow_glob(pattern, text + 1));
    }
    return *text && (*pattern == '?' || *pattern == *text) && slow_glob(pattern + 1, text + 1);
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    unsigned random = 12345;
    for (int round = 0; round < 300000; round++) {
        char pattern[8];
        char text[10];
        size_t i;
        random = random * 1103515245U + 12345U;
        for (i = 0; i < (random >> 16) % 7; i++) {
            pattern[i] = "ab*?"[(random >> (2 * i + 3)) & 3U];
        }
        pattern[i] = 0;
        random = random * 1103515245U + 12345U;
        for (i = 0; i < (random >> 16) % 9; i++) {
            text[i] = "ab"[(random >> (i + 3)) & 1U];
        }
        text[i] = 0;
        if (!pattern[strcspn(pattern, "*?")]) {
            continue;
        }
        if (wi_glob_matches(pattern, text) != slow_glob(pattern, text)) {
            fail_msg("<%s> on <%s>", pattern, text);
        }
    }
}

static void no_pattern_is_slow(void **state)
{
    (void)state;
    static char pattern[60001];
    char text[WEIR_NAME_MAX + 1];
    memset(text, 'a', WEIR_NAME_MAX);
    text[WEIR_NAME_MAX] = 0;
    for (size_t i = 0; i < 60000; i++) {
        pattern[i] = i % 2 ? '*' : 'a';
    }
    pattern[59999] = 'b';
    clock_t begin = clock();

    for (int i = 0; i < 1000; i++) {
        assert_false(wi_glob_matches(pattern, text));
    }

    assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_wildcards_a_part_is_enough),
        cmocka_unit_test(stars_and_question_marks),
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(no_pattern_is_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
