/* SPDX-License-Identifier: MIT */
/*
 * Processes of this user that belonged to another user when they started weir. Their files lie in a
 * directory that only that user and root may read, but the kernel lists their exporters' sockets to
 * everybody. Plain functions; no state. Any thread.
 */
#ifndef WI_SEGMENT_CHANGED_H
#define WI_SEGMENT_CHANGED_H

#include "weir/find.h"

struct wi_changed {
    uint32_t pid;
    uid_t uid, owner;    /* of the process, and of its files */
    const char *segment; /* its path; borrowed */
};

/* Calls `visit` with each process of the caller's user that has an exporter. */
void wi_changed_each(void (*visit)(void *context, const struct wi_changed *changed), void *context);

/* Writes one line that says what happened to the process, and what to do. */
void wi_changed_tell(const struct wi_changed *changed, char *ret_text, size_t room);

#endif
