/* SPDX-License-Identifier: MIT */
/*
 * Makes the nth allocation fail. For programs linked with --wrap=malloc, calloc, realloc and free,
 * which tests/CMakeLists.txt does for each test that includes this file; only the code linked
 * statically is touched, so neither cmocka nor third-party libraries fail. One thread.
 *
 *     for (size_t n = 1; ; n++) {
 *         failing_malloc_arm(n);
 *         ... what is tested ...
 *         if (!failing_malloc_disarm()) { break; }     it needed fewer than n allocations
 *     }
 */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* From now on, the nth allocation (1: the next) and all after it fail. */
void failing_malloc_arm(size_t n);

/* Only the nth fails; those after it succeed. */
void failing_malloc_arm_once(size_t n);

/* Lets all succeed again. Returns whether one has failed since it was armed. */
bool failing_malloc_disarm(void);

/* Blocks that were allocated and not freed, through the wrapped functions. */
long failing_malloc_blocks(void);

#endif
