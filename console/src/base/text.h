/* SPDX-License-Identifier: MIT */
/* Text from elsewhere, made fit for a terminal and for JSON. No I/O. */
#ifndef WC_BASE_TEXT_H
#define WC_BASE_TEXT_H

#include <stddef.h>

/* Copies text as valid UTF-8 without control characters (C0, DEL, C1), each of which becomes '?',
 * as does each byte that is not UTF-8; cut at a whole character. Always terminated; returns the
 * length. */
size_t wc_text_clean(const char *text, char *ret_text, size_t room);

/* The bytes of the UTF-8 character that text begins with; 0 when it begins with none. Not for "". */
size_t wc_text_length(const char *text);

/* How many terminal columns clean text takes. */
size_t wc_text_width(const char *text);

#endif
