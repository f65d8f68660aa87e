/* SPDX-License-Identifier: MIT */
/*
 * The commands of `weir` as a table: a command is a row and a file of its own. The console's one thread.
 */
#ifndef WC_COMMAND_COMMAND_H
#define WC_COMMAND_COMMAND_H

#include "command/args.h"

struct wc_command {
    const char *name;
    const char *usage;   /* the part after the name: "[TARGET] [-I GLOB]" */
    const char *summary; /* one line */
    const char *details; /* further lines for `weir help NAME`, or NULL */
    struct wc_syntax syntax;
    /* Runs the command, with its output. Returns the exit code. */
    enum wc_status (*run)(const struct wc_args *args);
};

/* One for each command/NAME.c, and help in main.c. For the screen words[0] is the TARGET, if there
 * is one. */
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

#endif
