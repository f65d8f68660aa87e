/* SPDX-License-Identifier: MIT */
/*
 * Text on a terminal. weir/text.h, which this includes, knows characters; this knows their columns.
 * No I/O; any thread, in the locale of the process.
 */
#ifndef WC_BASE_TEXT_H
#define WC_BASE_TEXT_H

#include "weir/text.h"

#include <stdio.h>

/* Whether a character is drawn on top of the one before it: an accent, a vowel sign. In a locale
 * without UTF-8 none is. */
bool wc_text_is_mark(uint32_t point);

/* wi_text_clean for the begin of a column or line: a combining mark with no character before it
 * becomes a '?', too. */
size_t wc_text_clean(const char *text, char *ret_text, size_t room);

/* Prints a part of one line, cleaned: a server's name, a path that a process chose. */
__attribute__((format(printf, 2, 3))) void wc_text_print(FILE *out, const char *format, ...);

/* The number of terminal columns of clean text. */
size_t wc_text_width(const char *text);

/* The number of bytes before the last blank of clean text with at most `columns` terminal columns
 * before it. The first line ends there, and the next begins behind the blank. 0: there is no such
 * blank. */
size_t wc_text_break(const char *text, int columns);

#endif
