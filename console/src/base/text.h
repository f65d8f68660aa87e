/* SPDX-License-Identifier: MIT */
/*
 * Text from elsewhere, made fit for a terminal and for JSON: the one decoder of UTF-8 and the one
 * filter of the console. No I/O; any thread.
 */
#ifndef WC_BASE_TEXT_H
#define WC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WC_TEXT_INVALID 0xfffdU /* stands for a byte that is not UTF-8 */

/* Takes the first character of *text, which is not "", and moves *text behind it. A byte that begins
 * no valid character (RFC 3629) is taken alone, as WC_TEXT_INVALID. */
uint32_t wc_text_take(const char **text);

/* Writes one character as UTF-8; returns its length, 1 to 4. */
size_t wc_text_put(uint32_t point, char ret_bytes[4]);

/* Whether a character must not reach a terminal: it controls the terminal, turns the direction of the
 * text around it, or cannot be seen, so that two names look alike. */
bool wc_text_is_unsafe(uint32_t point);

/* Whether a character is drawn upon the one before it: an accent, a vowel sign. In a locale without
 * UTF-8 none is. */
bool wc_text_is_mark(uint32_t point);

/* Copies text as valid UTF-8 in which each unsafe character, each byte that is not UTF-8, and a mark
 * with nothing before it is a '?'; cut at a whole character. Always terminated; returns the length. */
size_t wc_text_clean(const char *text, char *ret_text, size_t room);

/* How many terminal columns clean text takes. */
size_t wc_text_width(const char *text);

#endif
