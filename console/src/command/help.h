/* SPDX-License-Identifier: MIT */
/* The output of `weir help`. The console's one thread. */
#ifndef WC_COMMAND_HELP_H
#define WC_COMMAND_HELP_H

#include "command/command.h"

#include <stdio.h>

/* `weir help`: the commands, one a line, and the rules that all have in common. */
void wc_help_overview(const struct wc_command *const *commands, size_t n, FILE *out);

/* `weir help NAME`. */
void wc_help_command(const struct wc_command *command, FILE *out);

/* `weir help environment`: the variables. */
void wc_help_environment(FILE *out);

#endif
