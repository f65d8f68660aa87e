/* SPDX-License-Identifier: MIT */
/*
 * Globs of row names. A pattern is a sequence of pieces between stars. The first piece must match
 * at the begin, the last at the end. Each piece between them is matched at its first fit, which
 * loses no match, since a star takes any length. So no piece is tried twice, and the work is
 * bounded by the length of the text (a name) times the length of the longest piece that can fit
 * into it.
 */
#include "weir/topic.h"

#include "weir/row.h"
#include "weir/text.h"

#include <string.h>

/* The bytes of the character at `at`: one and its continuations. */
static size_t glob_character(const char *at, const char *end)
{
    size_t n = 1;
    while (at + n < end && wi_text_continues(at[n])) {
        n++;
    }
    return n;
}

/* Where a piece ends that is matched at `text`, or NULL when it does not match. */
static const char *glob_fit(const char *piece, size_t length, const char *text, const char *end)
{
    for (size_t i = 0; i < length; i++) {
        if (text == end) {
            return NULL;
        }
        if (piece[i] == '?') {
            text += glob_character(text, end);
        } else if (piece[i] == *text) {
            text++;
        } else {
            return NULL;
        }
    }
    return text;
}

static bool glob_is_inside_character(const char *at, const char *end)
{
    return at < end && wi_text_continues(*at);
}

static bool glob_ends_with(const char *piece, size_t length, const char *text, const char *end)
{
    for (; text <= end; text++) {
        if (!glob_is_inside_character(text, end) && glob_fit(piece, length, text, end) == end) {
            return true;
        }
    }
    return false;
}

static const char *glob_find(const char *piece, size_t length, const char *text, const char *end)
{
    for (; text <= end; text++) {
        const char *after = glob_fit(piece, length, text, end);
        if (after && !glob_is_inside_character(text, end)) {
            return after;
        }
    }
    return NULL;
}

bool wi_glob_matches(const char *pattern, const char *text)
{
    if (!pattern[strcspn(pattern, "*?")]) {
        return strstr(text, pattern) != NULL;
    }
    const char *end = text + strlen(text);
    size_t length = strcspn(pattern, "*");
    text = glob_fit(pattern, length, text, end);
    if (!text || !pattern[length]) {
        return text == end;
    }
    for (;;) {
        pattern += length + 1;
        length = strcspn(pattern, "*");
        if (!pattern[length]) {
            return glob_ends_with(pattern, length, text, end);
        }
        text = glob_find(pattern, length, text, end);
        if (!text) {
            return false;
        }
    }
}

bool wi_glob_matches_row(const char *pattern, const char *name, const char *label)
{
    char title[WI_ROW_TITLE_MAX];
    return wi_glob_matches(pattern, name) ||
           (label && wi_glob_matches(pattern, wi_row_title(name, label, title)));
}
