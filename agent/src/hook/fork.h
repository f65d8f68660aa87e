/* SPDX-License-Identifier: MIT */
/*
 * A child of fork that starts again: it gets a copy of its parent's segment, laid over the same addresses, so that every
 * handle stays valid. The segment's lock is held.
 */
#ifndef WI_HOOK_FORK_H
#define WI_HOOK_FORK_H

#include "hook/settings.h"

/* Fails: WEIR_DEGRADED: without a file; WEIR_E_MEMORY: hooks count nothing. */
enum weir_status wi_fork_restart(const struct wi_settings *settings, struct weir_error *ret_error);

/* Whether the process of a header has ended. Waits briefly for a process that leaves by daemon(3). */
bool wi_fork_parent_has_gone(const struct wi_header *header);

/* Whether this child is the one that continues the counts of a process that has ended. */
bool wi_fork_take_over(struct wi_header *header);

/* The path of the history, which lies beside the segment, whichever process writes it, and is
 * removed with it. */
void wi_fork_remove_history(const char *dir, const char *file);

#endif
