/* SPDX-License-Identifier: MIT */
/* The settings of weir_start: its options, overridden by the environment. Any thread. */
#ifndef WI_HOOK_SETTINGS_H
#define WI_HOOK_SETTINGS_H

#include "segment/layout.h"

#include <stdbool.h>

/* The settings after the environment was applied. */
struct wi_settings {
    char name[WEIR_NAME_MAX + 1];
    char program[WI_PROGRAM_MAX];
    const char *dir;
    uint64_t limit_bytes;
    uint32_t sampling;
    uint32_t max_instances;
    uint64_t start_ticks; /* read as long as there is a descriptor to read it with */
    enum weir_scope scope;
    bool is_off;
    bool has_early_counts;     /* the counts from before the start are this process's */
    struct weir_error problem; /* a value that could not be used */
};

/* Reads both. `problem` gets one line on a value that cannot be used; its default is taken. Never
 * fails. */
void wi_settings_read(struct wi_settings *settings, const struct weir_options *options);

#endif
