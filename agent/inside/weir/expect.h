/* SPDX-License-Identifier: MIT */
/*
 * Assertions: conditions that weir's own code must fulfil, checked where two stages meet, by the
 * stage that hands data over or by the one that takes them. A condition that does not hold is a
 * fault in weir:
 *
 *   in the console, `weir serve` and the tests   it ends the process, with one line: place and condition.
 *   in a host (the libraries)                    it is counted (weir_agent_broken_total), the first place is
 *                                                kept, and the code continues on a safe path. Nothing else happens.
 *
 * The linked file decides which of the two it is (ADR 52). An assertion is therefore an expression,
 * and the caller handles the false case:
 *
 *     if (!WI_EXPECT(index < n)) {
 *         return NULL;
 *     }
 *
 * Never use it for data from outside: files, peers and applications may hold or send any value, and
 * get an error. Never use it in the hooks of weir/cell.h.
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

/* Returns false, or does not return. Both texts are literals. */
__attribute__((cold)) bool wi_expect_failed(const char *place, const char *condition);

/* A segment was made: adds to it the failures that were counted before. */
void wi_expect_begin(void);

/* The line with which wi_expect_failed ends the process; "" before. Owns: static. */
const char *wi_expect_line(void);

#endif
