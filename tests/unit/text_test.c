/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment */
/* Text from elsewhere: what is UTF-8, where it is cut, and what never gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "weir/text.h"

#include <stdio.h>
#include <string.h>

static void utf8_is_told_from_other_bytes(void **state)
{
    (void)state;
    assert_true(wi_text_is_utf8(""));
    assert_true(wi_text_is_utf8("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"));
    assert_true(wi_text_is_utf8("\xf4\x8f\xbf\xbf"));
    assert_false(wi_text_is_utf8("\x80"));
    assert_false(wi_text_is_utf8("\xc3"));
    assert_false(wi_text_is_utf8("\xc0\xaf"));
    assert_false(wi_text_is_utf8("\xe0\x80\x80"));
    assert_false(wi_text_is_utf8("\xed\xa0\x80"));
    assert_false(wi_text_is_utf8("\xf4\x90\x80\x80"));
    assert_false(wi_text_is_utf8("\xff"));
    assert_false(wi_text_is_utf8("\xf0\x9f\x98"));
}

static void text_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    char text[5];
    assert_int_equal(wi_text_clean("ab\xe2\x82\xac", text, sizeof(text)), 2);
    assert_string_equal(text, "ab");
    assert_int_equal(wi_text_clean("a\xe2\x82\xac", text, sizeof(text)), 4);
    assert_string_equal(text, "a\xe2\x82\xac");
    assert_int_equal(wi_text_clean("\xe2\x82", text, sizeof(text)), 2);
    assert_string_equal(text, "??");
    assert_int_equal(wi_text_cut("ab\xe2\x82\xac", 4), 2);
    assert_int_equal(wi_text_cut("ab\xe2\x82\xac", 5), 5);
    assert_int_equal(wi_text_cut("ab", 9), 2);
    assert_int_equal(wi_text_cut("\x82\xac", 1), 0);
}

/* The copy may lie in the place of the text: it is never longer. */
static void text_is_cleaned_in_its_place(void **state)
{
    (void)state;
    char text[] = "\xff\xe2\x80\xaeo\xcc\x88\x9b!";
    assert_int_equal(wi_text_clean(text, text, sizeof(text)), 7);
    assert_string_equal(text, "??o\xcc\x88?!");
}

/* Characters that turn the direction of text or cannot be seen, one of each sort. */
static const char *const unsafe_texts[] = {
    "\x1b",         "\x7f",         "\xc2\x9b",     /* ESC, DEL, CSI in one character */
    "\xe2\x80\xae", "\xe2\x81\xa6", "\xd8\x9c",     /* RLO, LRI, Arabic letter mark */
    "\xe2\x80\x8b", "\xe2\x80\x8d", "\xef\xbb\xbf", /* zero width space and joiner, BOM */
    "\xc2\xad",     "\xe3\x85\xa4", "\xe2\x80\xa8", /* soft hyphen, Hangul filler, line separator */
    "\xef\xb8\x8f", "\xcd\x8f",     "\xf3\xa0\x81\x81", /* variation, joiner of graphemes, tag */
};

static void no_unsafe_character_leaves_the_filter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(unsafe_texts) / sizeof(unsafe_texts[0]); i++) {
        char name[32], text[32];
        snprintf(name, sizeof(name), "a%sb", unsafe_texts[i]);
        wi_text_clean(name, text, sizeof(text));
        assert_string_equal(text, "a?b");
    }
}

static void every_character_survives_decoding_and_encoding(void **state)
{
    (void)state;
    for (uint32_t point = 1; point <= 0x10ffff; point++) {
        char bytes[5] = "";
        if (point >= 0xd800 && point < 0xe000) {
            continue;
        }
        size_t n = wi_text_put(point, bytes);
        const char *text = bytes;
        assert_int_equal(wi_text_take(&text), point);
        assert_int_equal(text - bytes, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_told_from_other_bytes),
        cmocka_unit_test(text_is_cut_at_a_whole_character),
        cmocka_unit_test(text_is_cleaned_in_its_place),
        cmocka_unit_test(no_unsafe_character_leaves_the_filter),
        cmocka_unit_test(every_character_survives_decoding_and_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
