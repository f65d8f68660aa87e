/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <wchar.h>

bool wc_text_is_mark(uint32_t point)
{
    return point >= 0x300 && !wi_text_is_unsafe(point) && wcwidth((wchar_t)point) == 0;
}

size_t wc_text_clean(const char *text, char *ret_text, size_t room)
{
    const char *rest = text;
    if (room > 1 && *text && wc_text_is_mark(wi_text_take(&rest))) {
        *ret_text = '?';
        return 1 + wi_text_clean(rest, ret_text + 1, room - 1);
    }
    return wi_text_clean(text, ret_text, room);
}

void wc_text_print(FILE *out, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        wc_give_up();
    }
    wc_text_clean(text, text, (size_t)length + 1);
    fputs(text, out);
    free(text);
}

/* The columns of one character. */
static int text_columns(uint32_t point)
{
    int columns = point == WI_TEXT_INVALID ? 1 : wcwidth((wchar_t)point);
    /* Without a UTF-8 locale wcwidth knows no characters beyond ASCII: the character counts as one
     * column. */
    return columns < 0 ? 1 : columns;
}

size_t wc_text_width(const char *text)
{
    size_t width = 0;
    while (*text) {
        width += (size_t)text_columns(wi_text_take(&text));
    }
    return width;
}

size_t wc_text_break(const char *text, int columns)
{
    const char *next = text;
    size_t at = 0;
    for (int width = 0; *next && width <= columns;) {
        size_t length = (size_t)(next - text);
        uint32_t point = wi_text_take(&next);
        at = point == ' ' ? length : at;
        width += text_columns(point);
    }
    return at;
}
