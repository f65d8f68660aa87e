/* SPDX-License-Identifier: MIT */
/*
 * The commands of `weir` as a table: a command is a row and a file of its own.
 */
#ifndef WC_COMMAND_COMMAND_H
#define WC_COMMAND_COMMAND_H

#include "command/args.h"

struct wc_command {
    const char *name;
    const char *usage;   /* what follows the name: "[TARGET] [-I GLOB]" */
    const char *summary; /* one line */
    const char *details; /* further lines for `weir help NAME`, or NULL */
    const struct wc_option *options;
    size_t n_options;
    size_t max_words;
    /* Returns the exit code; has printed what it had to say. */
    enum wc_status (*run)(const struct wc_args *args);
};

/* One of these in each command/NAME.c. The screen: words[0] is the TARGET, if any. */
extern const struct wc_command wc_command_top;
extern const struct wc_command wc_command_list;
extern const struct wc_command wc_command_snapshot;
extern const struct wc_command wc_command_subscribe;
extern const struct wc_command wc_command_record;
extern const struct wc_command wc_command_replay;
extern const struct wc_command wc_command_diff;
extern const struct wc_command wc_command_doctor;
extern const struct wc_command wc_command_prune;
extern const struct wc_command wc_command_serve;
extern const struct wc_command wc_command_version;
extern const struct wc_command wc_command_help;

/* The command of that name, or NULL; `attach` is `top`. */
const struct wc_command *wc_command_find(const char *name);

/* The i-th command in the order of the help, or NULL. */
const struct wc_command *wc_command_at(size_t i);

/* The whole program: argv as main has it. A first word that is no command is a TARGET for top. */
enum wc_status wc_command_main(int argc, char *const *argv);

/* Tells that `word` is no command, and which one is near it. Returns WC_USAGE. */
enum wc_status wc_command_unknown(const char *word);

/* What `weir help NAME` prints. */
void wc_command_print_help(const struct wc_command *command, FILE *out);

#endif
