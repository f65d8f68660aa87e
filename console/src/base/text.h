/* SPDX-License-Identifier: MIT */
/*
 * What a terminal makes of text: weir/text.h, which comes along here, knows characters; this knows
 * their columns. No I/O; any thread, in the locale of the process.
 */
#ifndef WC_BASE_TEXT_H
#define WC_BASE_TEXT_H

#include "weir/text.h"

#include <stdio.h>

/* Whether a character is drawn upon the one before it: an accent, a vowel sign. In a locale without
 * UTF-8 none is. */
bool wc_text_is_mark(uint32_t point);

/* wi_text_clean for the begin of a column or line: a mark with nothing before it is a '?', too. */
size_t wc_text_clean(const char *text, char *ret_text, size_t room);

/* Prints a part of one line, clean: what a server calls itself, a path that a process chose. */
__attribute__((format(printf, 2, 3))) void wc_text_print(FILE *out, const char *format, ...);

/* How many terminal columns clean text takes. */
size_t wc_text_width(const char *text);

/* The bytes before the last blank of clean text that has at most `columns` terminal columns before it: there
 * the first line ends, and the next begins behind the blank. 0: there is no such blank. */
size_t wc_text_break(const char *text, int columns);

#endif
