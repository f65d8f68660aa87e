/* SPDX-License-Identifier: MIT */
/* The program `weir`: the table of its commands, and the choice of one. The console's one thread. */
#ifndef WC_COMMAND_MAIN_H
#define WC_COMMAND_MAIN_H

#include "command/command.h"

/* The command of that name, or NULL; `attach` is `top`. */
const struct wc_command *wc_command_find(const char *name);

/* The i-th command in the order of the help, or NULL. */
const struct wc_command *wc_command_at(size_t i);

/* The whole program: argv as in main. A first word that is no command is a TARGET for top. */
enum wc_status wc_command_main(int argc, char *const *argv);

#endif
