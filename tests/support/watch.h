/* SPDX-License-Identifier: MIT */
/*
 * Watches what a thread does between two marks: locks and allocations, by functions of this program
 * that stand before the C library's, and system calls, which the kernel traps (seccomp; a process cannot
 * leave that again). And lets allocations fail, of whatever library. For plain builds on Linux.
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

/* Lets the n-th allocation from now on fail, of any thread and library: it alone, or all after it, too. */
void watch_fail(int64_t n, bool is_once);

/* Ends that. Whether one has failed. */
bool watch_fail_end(void);

/* Blocks that are allocated and not freed. */
int64_t watch_blocks(void);

#endif
