/* SPDX-License-Identifier: MIT */
/*
 * What a server does to itself after its start, as commands of the test host: other users, fewer rights,
 * walls around it, many threads.
 *
 *   setgroups | setgid N | setuid N | seteuid N | setresuid N | setresgid N | keepcaps
 *   capset HEX (permitted and effective, of this thread) | no_new_privs | dumpable
 *   unshare user|mount|pid | chroot DIR
 *   seccomp own|all forbid|kill CALL,CALL...  in this thread or in all (TSYNC): these calls fail with
 *                        EPERM, or all but these and the host's own end the process
 *   landlock             nothing of the file system can be opened any more by this thread
 *   run PROGRAM ARGUMENT ARGUMENT        by a child; done when that ends with 0
 *   thread               starts and joins one with a stack of 1 MiB
 *   threads N            N more threads that live until the end, each of which has called touch once
 */
#ifndef WEIR_TEST_SANDBOX_H
#define WEIR_TEST_SANDBOX_H

#include <stddef.h>

/* Runs one. Returns NULL when it is done, "" when it is none of these, else what went wrong. */
const char *sandbox_command(char *const *words, size_t n_words, void (*touch)(void));

#endif
