/* SPDX-License-Identifier: MIT */
/* A segment for a process that has none. The segment's lock is held. */
#ifndef WI_HOOK_CREATE_H
#define WI_HOOK_CREATE_H

#include "hook/settings.h"

/* Creates the segment in a file, or else in memory of this process alone, with the handles that
 * were opened before. Fails: WEIR_DEGRADED: it is in memory, or on a disk; WEIR_E_MEMORY: there is
 * none. */
enum weir_status wi_create_segment(const struct wi_settings *settings,
                                   struct weir_error *ret_error);

/* Stores the facts of the file in the segment (fd -1: it has none), and its name there. */
void wi_create_remember_file(int fd, const char *dir);
void wi_create_remember_name(const struct wi_header *header);

#endif
