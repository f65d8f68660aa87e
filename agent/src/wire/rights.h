/* SPDX-License-Identifier: MIT */
/*
 * What the thread that reads from the network may do to the machine: of a privileged host's
 * capabilities it keeps the two that it cannot do without. Linux has capabilities for each thread.
 */
#ifndef WI_WIRE_RIGHTS_H
#define WI_WIRE_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Takes from the calling thread, for good, no_new_privs and all capabilities but CAP_SETUID and
 * CAP_SETGID. These two stay because setuid(2) and its kin are made in every thread by the C library,
 * which ends the process when one thread may and another may not. Quiet where there is nothing to
 * take. Returns false, with errno, when some could not be taken.
 */
bool wi_rights_drop(void);

/* Takes from the calling thread those of the two that the process's first thread cannot have any
 * more: so a host that gives up capabilities after the start is followed. */
void wi_rights_follow(void);

#endif
