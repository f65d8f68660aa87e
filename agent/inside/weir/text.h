/* SPDX-License-Identifier: MIT */
/*
 * Text from elsewhere: the one decoder of UTF-8 and the one filter of agent and console. Names come
 * from applications, files and servers, and go to terminals, /metrics and JSON. Each of these
 * outputs uses this filter. No state, no allocation; any thread.
 */
#ifndef WI_TEXT_H
#define WI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WI_TEXT_INVALID 0xfffdU /* replaces a byte that is not UTF-8 */

/* Takes the first character of *text, which is not "", and moves *text behind it. A byte that
 * begins no valid character (RFC 3629) is taken alone, as WI_TEXT_INVALID. */
uint32_t wi_text_take(const char **text);

/* Writes one character as UTF-8; returns its length, 1 to 4. */
size_t wi_text_put(uint32_t point, char ret_bytes[4]);

/* Whether the whole text is valid UTF-8. */
bool wi_text_is_utf8(const char *text);

/* Whether a byte continues a character that an earlier byte began. */
static inline bool wi_text_continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The length of the longest beginning of a text that has at most n bytes and cuts no character. */
size_t wi_text_cut(const char *text, size_t n);

/* Whether a character must not reach a terminal: it controls the terminal, turns the direction of the
 * text around it, or cannot be seen, so that two names look alike. */
bool wi_text_is_unsafe(uint32_t point);

/* Copies a text as valid UTF-8 in which each unsafe character and each byte that is not UTF-8 is a
 * '?'; cut at a whole character. The copy is never longer than the text and may lie in its place.
 * Terminated if room > 0; returns the length. */
size_t wi_text_clean(const char *text, char *ret_text, size_t room);

#endif
