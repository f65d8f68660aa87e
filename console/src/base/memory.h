/* SPDX-License-Identifier: MIT */
/*
 * Memory, without failure: if there is none, the program ends with one line. That is allowed in the
 * console, which serves no other process. Any thread.
 */
#ifndef WC_BASE_MEMORY_H
#define WC_BASE_MEMORY_H

#include <stddef.h>

/* New memory, an array that is made longer or shorter, a copy. Owns: the caller's, free(). Never NULL. */
void *wc_alloc(size_t bytes); /* zeroed */
void *wc_resize(void *memory, size_t n, size_t size);
char *wc_copy(const char *text);

/* An array with room for one more than its n elements: as it is, or moved to twice the room. */
void *wc_grow(void *array, size_t n, size_t *room, size_t size);

/* Ends the program after a library found no memory. Does not return. */
_Noreturn void wc_give_up(void);

#endif
