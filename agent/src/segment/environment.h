/* SPDX-License-Identifier: MIT */
/*
 * The environment of a process that has more rights than the user who started it (setuid, setgid,
 * file capabilities: AT_SECURE). That user chose the environment, so it must not decide which files
 * are written and what is served: secure_getenv(3) hides all of it. WEIR_OFF=1 applies all the
 * same, since it only switches off. The other variables are ignored, and named.
 */
#ifndef WI_SEGMENT_ENVIRONMENT_H
#define WI_SEGMENT_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether WEIR_OFF=1 is set. Threads: any. */
bool wi_environment_is_off(void);

/* Names those of these variables that are set and ignored, in one line. False: none is. Threads: any. */
bool wi_environment_ignored(const char *const *names, size_t n_names, char *ret_line, size_t room);

#endif
