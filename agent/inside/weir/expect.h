/* SPDX-License-Identifier: MIT */
/*
 * Assertions: what weir's own code owes itself, asked where two stages meet, by the one who hands over or by
 * the one who takes. A condition that does not hold is a fault of weir's, so:
 *
 *   in the console, `weir serve` and the tests   it ends the process, with one line: place and condition.
 *   in a host (the libraries)                    it is counted (weir_agent_broken_total), the first place is
 *                                                kept, and the code goes on by a safe way. Nothing else happens.
 *
 * Which of the two it is, is said by what is linked (ADR 52). An assertion is therefore an expression, and
 * whoever asks also takes the safe way:
 *
 *     if (!WI_EXPECT(index < n)) {
 *         return NULL;
 *     }
 *
 * Never of data from outside: files, peers and applications may say anything, and get an error. Never in
 * the hooks of weir/cell.h.
 */
#ifndef WI_EXPECT_H
#define WI_EXPECT_H

#include <stdbool.h>

/* Whether the condition holds, which is evaluated once. Any thread, also in signal handlers; takes no lock. */
#define WI_EXPECT(condition)                                                                       \
    (__builtin_expect(!!(condition), 1) ||                                                         \
     wi_expect_failed(__FILE__ ":" WI_EXPECT_TEXT(__LINE__), #condition))
#define WI_EXPECT_TEXT(number)  WI_EXPECT_TEXT_(number)
#define WI_EXPECT_TEXT_(number) #number

/* Returns false, or not at all. Both texts are literals. */
__attribute__((cold)) bool wi_expect_failed(const char *place, const char *condition);

/* A segment was made: what was counted before there was one is counted in it. */
void wi_expect_begin(void);

/* The line that wi_expect_failed ends the process with; "" before. Owns: static. */
const char *wi_expect_line(void);

#endif
