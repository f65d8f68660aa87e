/* SPDX-License-Identifier: MIT */
/* How the tasks of a Tokio server are judged: --lint and WEIR_LINTS. The console's one thread. */
#ifndef WC_COMMAND_LINTS_H
#define WC_COMMAND_LINTS_H

#include "command/args.h"
#include "target/target.h"

/* The option's help, the same for every command that has it. */
#define WC_LINTS_HELP                                                                              \
    "of a Tokio server: self-wakes=50%,never-yielded=1s,large-future=1024, NAME=off"

/* Checks the texts of the environment and the option and stores them in the target; the option
 * takes precedence. Fails: WC_USAGE. */
enum wc_status wc_lints_take(const struct wc_args *args, int option, struct wc_target *target,
                             struct wc_error *ret_error);

#endif
