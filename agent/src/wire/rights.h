/* SPDX-License-Identifier: MIT */
/*
 * The rights of the thread that reads from the network: in a privileged host it keeps only the two
 * capabilities that it needs. Linux has capabilities for each thread.
 */
#ifndef WI_WIRE_RIGHTS_H
#define WI_WIRE_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Sets no_new_privs for the calling thread and drops all its capabilities except CAP_SETUID and
 * CAP_SETGID, for good. These two stay because the C library makes setuid(2) and similar calls in
 * every thread, and ends the process when one thread may and another may not. Does nothing if there
 * is nothing to drop. Returns false, with errno, when some could not be dropped.
 */
bool wi_rights_drop(void);

/* Drops from the calling thread those of the two that the process's first thread cannot have any
 * more, so that it follows a host that gives up capabilities after the start. */
void wi_rights_follow(void);

#endif
