/* SPDX-License-Identifier: MIT */
/* The option parser: one pass over argv. Everything is checked before a command runs. */
#include "command/args.h"

#include <stdlib.h>
#include <string.h>

#define ARGS_SECONDS_MIN  0.001
#define ARGS_SECONDS_MAX  1e9
#define ARGS_INTERVAL_MIN 0.1
#define ARGS_INTERVAL_MAX 60.0
#define ARGS_COUNT_MAX    9007199254740992.0 /* 2^53 */
#define ARGS_NAME_MAX     48

struct args_parse {
    const struct wc_syntax *syntax;
    struct wc_args *args;
    struct wc_error *error;
};

static const struct wc_option *args_find(const struct args_parse *parse, char letter,
                                         const char *word, size_t length)
{
    for (size_t i = 0; i < parse->syntax->n_options; i++) {
        const struct wc_option *option = &parse->syntax->options[i];
        if (letter ? option->letter == letter
                   : option->word && strlen(option->word) == length &&
                         strncmp(option->word, word, length) == 0) {
            return option;
        }
    }
    return NULL;
}

/* "-C" or "--changes-only", as a person would write it. */
static void args_name(const struct wc_option *option, char ret_name[ARGS_NAME_MAX])
{
    if (option->letter) {
        snprintf(ret_name, ARGS_NAME_MAX, "-%c", option->letter);
    } else {
        snprintf(ret_name, ARGS_NAME_MAX, "--%s", option->word);
    }
}

/* The index of `text` in "a|b|c", or -1. */
static int args_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    int index = 0;
    for (const char *choice = choices; *choice; index++) {
        size_t n = strcspn(choice, "|");
        if (n == length && strncmp(choice, text, n) == 0) {
            return index;
        }
        choice += n + (choice[n] == '|');
    }
    return -1;
}

/* A plain decimal number: no sign, no exponent, no hexadecimal, none of the locale's marks. */
static bool args_decimal(const char *text, bool is_whole, double *ret_number)
{
    if (!text[0] || strlen(text) > 18 ||
        strspn(text, is_whole ? "0123456789" : "0123456789.") != strlen(text)) {
        return false;
    }
    double number = 0, scale = 0;
    for (const char *digit = text; *digit; digit++) {
        if (*digit == '.') {
            if (scale != 0 || text[1] == '\0') {
                return false;
            }
            scale = 1;
            continue;
        }
        number = number * 10 + (*digit - '0');
        scale *= 10;
    }
    *ret_number = scale != 0 ? number / scale : number;
    return true;
}

static enum wc_status args_check(const struct wc_option *option, const char *text,
                                 double *ret_number, struct wc_error *ret_error)
{
    char name[ARGS_NAME_MAX];
    args_name(option, name);
    double number = 0;
    switch (option->type) {
    case WC_OPTION_COUNT:
        if (!args_decimal(text, true, &number) || number < 1 || number > ARGS_COUNT_MAX) {
            return wc_error_set(ret_error, WC_USAGE, "%s %s: give a whole number from 1", name,
                                text);
        }
        break;
    case WC_OPTION_SECONDS:
        if (!args_decimal(text, false, &number) || number < ARGS_SECONDS_MIN ||
            number > ARGS_SECONDS_MAX) {
            return wc_error_set(ret_error, WC_USAGE, "%s %s: give seconds, from 0.001, as 2 or 0.5",
                                name, text);
        }
        break;
    case WC_OPTION_INTERVAL:
        if (!args_decimal(text, false, &number) || number < ARGS_INTERVAL_MIN ||
            number > ARGS_INTERVAL_MAX) {
            return wc_error_set(ret_error, WC_USAGE, "%s %s: give 0.1 to 60 seconds, as 1 or 0.5",
                                name, text);
        }
        break;
    case WC_OPTION_MOMENT:
        if (!args_decimal(text, false, &number) || number > ARGS_SECONDS_MAX) {
            return wc_error_set(ret_error, WC_USAGE, "%s %s: give seconds, from 0, as 90 or 0.5",
                                name, text);
        }
        break;
    case WC_OPTION_CHOICE: {
        int index = args_choice(option->choices, text);
        if (index < 0) {
            return wc_error_set(ret_error, WC_USAGE, "%s %s: give one of %s", name, text,
                                option->choices);
        }
        number = index;
        break;
    }
    case WC_OPTION_FLAG:
    case WC_OPTION_TEXT:
        break;
    }
    *ret_number = number;
    return WC_OK;
}

static enum wc_status args_add(const struct args_parse *parse, const struct wc_option *option,
                               const char *text)
{
    struct wc_args *args = parse->args;
    double number = 0;
    enum wc_status code = args_check(option, text, &number, parse->error);
    if (code != WC_OK) {
        return code;
    }
    if (args->n_given == WC_MAX_ARGUMENTS) {
        return wc_error_set(parse->error, WC_USAGE, "more than %d options", WC_MAX_ARGUMENTS);
    }
    args->given[args->n_given].id = option->id;
    args->given[args->n_given].text = text;
    args->given[args->n_given].number = number;
    args->n_given++;
    return WC_OK;
}

static enum wc_status args_add_word(const struct args_parse *parse, const char *word)
{
    struct wc_args *args = parse->args;
    if (args->n_words == parse->syntax->max_words || args->n_words == WC_MAX_ARGUMENTS) {
        return wc_error_set(parse->error, WC_USAGE,
                            parse->syntax->max_words ? "%s: too many words" : "%s: takes no words",
                            word);
    }
    args->words[args->n_words++] = word;
    return WC_OK;
}

/* --word, --word=value, --word value. `next` is the following argument or NULL; ret_used says
 * whether it was taken. */
static enum wc_status args_long(const struct args_parse *parse, const char *text, const char *next,
                                bool *ret_used)
{
    size_t length = strcspn(text, "=");
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    if (length == 4 && strncmp(text, "help", 4) == 0 && !value) {
        parse->args->wants_help = true;
        return WC_OK;
    }
    const struct wc_option *option = args_find(parse, 0, text, length);
    if (!option) {
        return wc_error_set(parse->error, WC_USAGE, "--%.*s: no such option", (int)length, text);
    }
    if (option->type == WC_OPTION_FLAG) {
        return value ? wc_error_set(parse->error, WC_USAGE, "--%s takes no value", option->word)
                     : args_add(parse, option, "");
    }
    if (!value && !next) {
        return wc_error_set(parse->error, WC_USAGE, "--%s needs a value: %s", option->word,
                            option->value);
    }
    *ret_used = !value;
    return args_add(parse, option, value ? value : next);
}

/* -v, -vC5, -C 5. */
static enum wc_status args_short(const struct args_parse *parse, const char *text, const char *next,
                                 bool *ret_used)
{
    enum wc_status code = WC_OK;
    for (const char *letter = text; *letter && code == WC_OK; letter++) {
        if (*letter == 'h') {
            parse->args->wants_help = true;
            continue;
        }
        const struct wc_option *option = args_find(parse, *letter, NULL, 0);
        if (!option) {
            return wc_error_set(parse->error, WC_USAGE, "-%c: no such option", *letter);
        }
        if (option->type == WC_OPTION_FLAG) {
            code = args_add(parse, option, "");
            continue;
        }
        if (!letter[1] && !next) {
            return wc_error_set(parse->error, WC_USAGE, "-%c needs a value: %s", *letter,
                                option->value);
        }
        *ret_used = !letter[1];
        return args_add(parse, option, letter[1] ? letter + 1 : next);
    }
    return code;
}

enum wc_status wc_args_parse(const struct wc_syntax *syntax, int n, char *const *argv,
                             struct wc_args *ret_args, struct wc_error *ret_error)
{
    struct wc_args args = {0};
    struct args_parse parse = {syntax, &args, ret_error};
    bool is_rest = false;
    for (int i = 0; i < n; i++) {
        const char *text = argv[i];
        const char *next = i + 1 < n ? argv[i + 1] : NULL;
        bool has_used = false;
        enum wc_status code = WC_OK;
        if (is_rest || text[0] != '-' || text[1] == '\0') {
            code = args_add_word(&parse, text);
        } else if (strcmp(text, "--") == 0) {
            is_rest = true;
        } else if (text[1] == '-') {
            code = args_long(&parse, text + 2, next, &has_used);
        } else {
            code = args_short(&parse, text + 1, next, &has_used);
        }
        if (args.wants_help) {
            break;
        }
        if (code != WC_OK) {
            return code;
        }
        i += has_used;
    }
    *ret_args = args;
    return WC_OK;
}

bool wc_args_has(const struct wc_args *args, int id)
{
    return wc_args_text(args, id, NULL) != NULL;
}

const char *wc_args_text(const struct wc_args *args, int id, const char *otherwise)
{
    for (size_t i = args->n_given; i > 0; i--) {
        if (args->given[i - 1].id == id) {
            return args->given[i - 1].text;
        }
    }
    return otherwise;
}

double wc_args_number(const struct wc_args *args, int id, double otherwise)
{
    for (size_t i = args->n_given; i > 0; i--) {
        if (args->given[i - 1].id == id) {
            return args->given[i - 1].number;
        }
    }
    return otherwise;
}

size_t wc_args_list(const struct wc_args *args, int id, const char **ret_texts, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < args->n_given && n < room; i++) {
        if (args->given[i].id == id) {
            ret_texts[n++] = args->given[i].text;
        }
    }
    return n;
}

void wc_args_print_help(const struct wc_syntax *syntax, FILE *out)
{
    for (size_t i = 0; i < syntax->n_options; i++) {
        const struct wc_option *option = &syntax->options[i];
        char left[80];
        int n = 0;
        n += snprintf(left + n, sizeof(left) - (size_t)n, option->letter ? "-%c" : "  ",
                      option->letter);
        if (option->word) {
            n += snprintf(left + n, sizeof(left) - (size_t)n, "%s--%s",
                          option->letter ? ", " : "  ", option->word);
        }
        if (option->value) {
            snprintf(left + n, sizeof(left) - (size_t)n, " %s", option->value);
        }
        fprintf(out, "  %-24s %s%s", left, strlen(left) > 24 ? "\n                           " : "",
                option->help);
        if (option->choices) {
            fprintf(out, " (%s)", option->choices);
        }
        fprintf(out, "%s\n", option->is_repeatable ? "; may be given again" : "");
    }
}
