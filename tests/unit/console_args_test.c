/* SPDX-License-Identifier: MIT */
/* The option parser: every form of an option, and one line for every mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "command/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 1, SECONDS, VERBOSE, TEXT, FORM, LONG_ONLY, MOMENT };

static const struct wc_option options[] = {
    {COUNT, 'C', "count", WC_OPTION_COUNT, "N", NULL, false, "how many"},
    {SECONDS, 'W', "wait", WC_OPTION_SECONDS, "SECS", NULL, false, "how long"},
    {VERBOSE, 'v', "verbose", WC_OPTION_FLAG, NULL, NULL, false, "more"},
    {TEXT, 'I', NULL, WC_OPTION_TEXT, "GLOB", NULL, true, "which"},
    {FORM, 'o', "output", WC_OPTION_CHOICE, "FORM", "human|json|csv", false, "form"},
    {LONG_ONLY, 0, "changes-only", WC_OPTION_FLAG, NULL, NULL, false, "fewer"},
    {MOMENT, 0, "at", WC_OPTION_MOMENT, "SECS", NULL, false, "when"},
};

static const struct wc_syntax syntax = {options, sizeof(options) / sizeof(options[0]), 3};

static enum wc_status parse(const char *line, struct wc_args *ret_args, struct wc_error *ret_error)
{
    static char copy[512];
    char *words[32];
    int n = 0;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        words[n++] = strcmp(word, "EMPTY") == 0 ? strchr(word, '\0') : word;
    }
    return wc_args_parse(&syntax, n, words, ret_args, ret_error);
}

static void options_are_taken_in_all_their_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "-C 5 -v -W 0.5 -o csv topic",
        "-C5 -vW0.5 -ocsv topic",
        "--count 5 --verbose --wait 0.5 --output csv topic",
        "topic --count=5 --output=csv --wait=0.5 -v",
        "-C 1 -C 5 -o json -o csv -W 9 -W .5 -v -- topic",
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct wc_args args;
        struct wc_error error = {0};
        assert_int_equal(parse(forms[i], &args, &error), WC_OK);
        assert_true(wc_args_number(&args, COUNT, 0) == 5);
        assert_true(wc_args_number(&args, SECONDS, 0) == 0.5);
        assert_true(wc_args_has(&args, VERBOSE));
        assert_false(wc_args_has(&args, LONG_ONLY));
        assert_true(wc_args_number(&args, FORM, 0) == 2);
        assert_int_equal(args.n_words, 1);
        assert_string_equal(args.words[0], "topic");
    }
}

static void a_moment_may_be_the_start(void **state)
{
    (void)state;
    struct wc_args args;
    struct wc_error error = {0};
    assert_int_equal(parse("--at 0", &args, &error), WC_OK);
    assert_true(wc_args_has(&args, MOMENT) && wc_args_number(&args, MOMENT, 5) == 0);
    assert_int_equal(parse("--at 0.5", &args, &error), WC_OK);
    assert_true(wc_args_number(&args, MOMENT, 5) == 0.5);
    assert_int_equal(parse("--at -1", &args, &error), WC_USAGE);
    assert_non_null(strstr(error.text, "from 0"));
    assert_int_equal(parse("-W 0", &args, &error), WC_USAGE);
}

static void what_is_not_given_has_its_default(void **state)
{
    (void)state;
    struct wc_args args;
    assert_int_equal(parse("", &args, NULL), WC_OK);
    assert_true(wc_args_number(&args, COUNT, 7) == 7);
    assert_string_equal(wc_args_text(&args, TEXT, "else"), "else");
    assert_int_equal(args.n_words, 0);
    assert_false(args.wants_help);
}

static void repeated_options_are_listed(void **state)
{
    (void)state;
    struct wc_args args;
    const char *texts[8];
    assert_int_equal(parse("-I a* -v -Ib -I c", &args, NULL), WC_OK);
    assert_int_equal(wc_args_list(&args, TEXT, texts, 8), 3);
    assert_string_equal(texts[0], "a*");
    assert_string_equal(texts[1], "b");
    assert_string_equal(texts[2], "c");
    assert_int_equal(wc_args_list(&args, TEXT, texts, 2), 2);
}

static void words_after_two_dashes_are_no_options(void **state)
{
    (void)state;
    struct wc_args args;
    assert_int_equal(parse("-- -v --count", &args, NULL), WC_OK);
    assert_int_equal(args.n_words, 2);
    assert_string_equal(args.words[0], "-v");
    assert_false(wc_args_has(&args, VERBOSE));
    assert_int_equal(parse("-", &args, NULL), WC_OK);
    assert_string_equal(args.words[0], "-");
}

static void help_wins_over_later_mistakes(void **state)
{
    (void)state;
    struct wc_args args;
    assert_int_equal(parse("-v --help --nonsense", &args, NULL), WC_OK);
    assert_true(args.wants_help);
    assert_int_equal(parse("-vh", &args, NULL), WC_OK);
    assert_true(args.wants_help);
}

static void every_mistake_is_told_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *line, *part;
    } mistakes[] = {
        {"-x", "-x: no such option"},
        {"-vx", "-x: no such option"},
        {"--nonsense", "--nonsense: no such option"},
        {"--nonsense=1", "--nonsense: no such option"},
        {"--changes-onl", "--changes-onl: no such option"},
        {"-C", "-C needs a value: N"},
        {"--count", "--count needs a value: N"},
        {"--verbose=1", "--verbose takes no value"},
        {"-C 0", "whole number"},
        {"-C -1", "whole number"},
        {"-C 1.5", "whole number"},
        {"-C 5x", "whole number"},
        {"-C 99999999999999999999", "whole number"},
        {"--count= -v", "whole number"},
        {"-W 0", "seconds"},
        {"-W .", "seconds"},
        {"-W 1.2.3", "seconds"},
        {"-W 1e3", "seconds"},
        {"-W inf", "seconds"},
        {"-W nan", "seconds"},
        {"-W 0x10", "seconds"},
        {"-o xml", "human|json|csv"},
        {"-o jso", "human|json|csv"},
        {"-o jsonx", "human|json|csv"},
        {"a b c d", "d: too many words"},
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct wc_args args;
        struct wc_error error = {0};
        memset(&args, 0xaa, sizeof(args));
        assert_int_equal(parse(mistakes[i].line, &args, &error), WC_USAGE);
        assert_int_equal(error.code, WC_USAGE);
        if (!strstr(error.text, mistakes[i].part)) {
            fail_msg("\"%s\" gives \"%s\", without \"%s\"", mistakes[i].line, error.text,
                     mistakes[i].part);
        }
        assert_int_equal(((unsigned char *)&args)[0], 0xaa);
    }
}

static void too_many_options_are_refused(void **state)
{
    (void)state;
    char *words[WC_MAX_ARGUMENTS + 1];
    static char flag[] = "-v";
    struct wc_args args;
    for (size_t i = 0; i <= WC_MAX_ARGUMENTS; i++) {
        words[i] = flag;
    }
    assert_int_equal(wc_args_parse(&syntax, WC_MAX_ARGUMENTS, words, &args, NULL), WC_OK);
    assert_int_equal(wc_args_parse(&syntax, WC_MAX_ARGUMENTS + 1, words, &args, NULL), WC_USAGE);
}

static void help_names_every_option(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    wc_args_print_help(&syntax, out);
    fclose(out);
    assert_non_null(strstr(text, "  -C, --count N "));
    assert_non_null(strstr(text, "  -I GLOB "));
    assert_non_null(strstr(text, "which; may be given again\n"));
    assert_non_null(strstr(text, "      --changes-only "));
    assert_non_null(strstr(text, "form (human|json|csv)\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken_in_all_their_forms),
        cmocka_unit_test(a_moment_may_be_the_start),
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(repeated_options_are_listed),
        cmocka_unit_test(words_after_two_dashes_are_no_options),
        cmocka_unit_test(help_wins_over_later_mistakes),
        cmocka_unit_test(every_mistake_is_told_in_one_line),
        cmocka_unit_test(too_many_options_are_refused),
        cmocka_unit_test(help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
