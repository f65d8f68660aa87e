/* SPDX-License-Identifier: MIT */
/* How far a mistyped word is from a right one, for "did you mean". No I/O; any thread. */
#ifndef WI_WORD_H
#define WI_WORD_H

#include <stdbool.h>
#include <stddef.h>

#define WI_WORD_MAX 64u /* longer words match no other word */

/* The number of single changes that turn the `length` characters at `asked` into `word`, capitals
 * taken for small letters. A word that begins like the other counts as one change away. Returns
 * WI_WORD_MAX for an empty or a longer word. */
unsigned wi_word_distance(const char *asked, size_t length, const char *word);

/* Whether a distance is small enough for a typing error in a word of that length. */
bool wi_word_is_near(size_t length, unsigned distance);

#endif
