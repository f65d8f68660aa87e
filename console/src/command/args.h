/* SPDX-License-Identifier: MIT */
/*
 * The arguments of one command, from the table of its options: parsing, checking, usage and help
 * all come from that table. No I/O. The console's one thread.
 */
#ifndef WC_COMMAND_ARGS_H
#define WC_COMMAND_ARGS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum wc_option_type {
    WC_OPTION_FLAG,
    WC_OPTION_TEXT,
    WC_OPTION_COUNT,    /* a whole number from 1 */
    WC_OPTION_SECONDS,  /* 0.001 to 10^9, fractions allowed */
    WC_OPTION_INTERVAL, /* seconds between two samples: 0.1 to 60 */
    WC_OPTION_MOMENT,   /* seconds from 0 */
    WC_OPTION_CHOICE    /* one of `choices` */
};

struct wc_option {
    int id;           /* the command's own; not 0 */
    char letter;      /* 0: none */
    const char *word; /* "interval" for --interval; NULL: none */
    enum wc_option_type type;
    const char *value;   /* its name in the usage: "SECS"; NULL for a flag */
    const char *choices; /* "human|json|ndjson|csv" */
    bool is_repeatable;
    const char *help;
};

/* The arguments that a command takes. */
struct wc_syntax {
    const struct wc_option *options;
    size_t n_options;
    size_t max_words; /* arguments that are no options */
};

#define WC_MAX_ARGUMENTS 80

/* Borrows argv's strings. */
struct wc_args {
    size_t n_given;
    struct {
        int id;
        const char *text; /* "" for a flag */
        double number;    /* of COUNT and SECONDS; the index of a CHOICE */
    } given[WC_MAX_ARGUMENTS];
    size_t n_words;
    const char *words[WC_MAX_ARGUMENTS]; /* the words that are no options */
    bool wants_help;                     /* -h, --help */
};

/* Parses argv[0..n-1] (without the command's name). `--` ends the options; -ab, -C5, --word=value
 * and --word value are valid forms. Fails: WC_USAGE. */
enum wc_status wc_args_parse(const struct wc_syntax *syntax, int n, char *const *argv,
                             struct wc_args *ret_args, struct wc_error *ret_error);

bool wc_args_has(const struct wc_args *args, int id);
/* The last value given, or the default. */
const char *wc_args_text(const struct wc_args *args, int id, const char *otherwise);
double wc_args_number(const struct wc_args *args, int id, double otherwise);
/* The values of a repeatable option; returns their number. */
size_t wc_args_list(const struct wc_args *args, int id, const char **ret_texts, size_t room);

/* One line per option. */
void wc_args_print_help(const struct wc_syntax *syntax, FILE *out);

#endif
