/* SPDX-License-Identifier: MIT */
/*
 * Watches what a thread does between two marks: locks and allocations, by functions of this program
 * that stand before the C library's, and system calls, which the kernel traps (seccomp). For plain
 * builds on Linux; one process, which cannot leave the watch again.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* What was seen while it was asked for. */
struct watch_tally {
    uint64_t locks, allocations, system_calls;
    const char *lock, *allocation; /* the first of each */
    int system_call;
};

/* Traps every system call of the calling thread from now on, but those that end the process and return
 * from a signal. A trapped one fails with ENOSYS and is counted. False: the kernel does not let us. */
bool watch_system_calls(void);

/* Counts for the calling thread into `tally`; NULL ends it. */
void watch_into(struct watch_tally *tally);

#endif
