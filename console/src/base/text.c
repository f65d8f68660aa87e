/* SPDX-License-Identifier: MIT */
/* Decodes UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
#include "base/text.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

/* The length of the character at `bytes`, 0 when it is none; ret_point when it is one. */
static size_t text_decode(const unsigned char *bytes, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = bytes[0];
    size_t n = first < 0x80             ? 1
               : (first & 0xe0) == 0xc0 ? 2
               : (first & 0xf0) == 0xe0 ? 3
               : (first & 0xf8) == 0xf0 ? 4
                                        : 0;
    if (n <= 1) {
        *ret_point = first;
        return n;
    }
    uint32_t point = first & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (bytes[i] & 0x3fU);
    }
    if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        return 0;
    }
    *ret_point = point;
    return n;
}

size_t wc_text_clean(const char *text, char *ret_text, size_t room)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t length = 0;
    while (*from && room > 0) {
        uint32_t point = 0;
        size_t n = text_decode(from, &point);
        int is_bad = n == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0);
        size_t out = is_bad ? 1 : n;
        if (length + out >= room) {
            break;
        }
        if (is_bad) {
            ret_text[length] = '?';
        } else {
            memcpy(ret_text + length, from, n);
        }
        length += out;
        from += n ? n : 1;
    }
    if (room > 0) {
        ret_text[length] = '\0';
    }
    return length;
}

size_t wc_text_length(const char *text)
{
    uint32_t point = 0;
    return text_decode((const unsigned char *)text, &point);
}

size_t wc_text_width(const char *text)
{
    size_t width = 0;
    for (const unsigned char *from = (const unsigned char *)text; *from;) {
        uint32_t point = 0;
        size_t n = text_decode(from, &point);
        int columns = n ? wcwidth((wchar_t)point) : 1;
        /* Without a UTF-8 locale wcwidth knows nothing: count the character as one column. */
        width += columns < 0 ? 1 : (size_t)columns;
        from += n ? n : 1;
    }
    return width;
}
