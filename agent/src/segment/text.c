/* SPDX-License-Identifier: MIT */
/* Decodes UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
#include "weir/text.h"

#include "weir/weir.h"

#include <string.h>

/* The length of the character at `bytes`, 0 when there is no valid one; ret_point when there is. */
static size_t text_decode(const char *bytes, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)bytes[0];
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
        if (!wi_text_continues(bytes[i])) {
            return 0;
        }
        point = point << 6 | ((unsigned char)bytes[i] & 0x3fU);
    }
    if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        return 0;
    }
    *ret_point = point;
    return n;
}

uint32_t wi_text_take(const char **text)
{
    uint32_t point = 0;
    size_t n = text_decode(*text, &point);
    *text += n ? n : 1;
    return n ? point : WI_TEXT_INVALID;
}

size_t wi_text_put(uint32_t point, char ret_bytes[4])
{
    if (point < 0x80) {
        ret_bytes[0] = (char)point;
        return 1;
    }
    size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        ret_bytes[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    ret_bytes[0] = (char)((0xf00U >> n) | point);
    return n;
}

bool wi_text_is_utf8(const char *text)
{
    uint32_t point;
    size_t n = 1;
    for (; *text && n; text += n) {
        n = text_decode(text, &point);
    }
    return n > 0;
}

size_t wi_text_cut(const char *text, size_t n)
{
    size_t length = strnlen(text, n + 1);
    if (length > n) {
        length = n;
        while (length > 0 && wi_text_continues(text[length])) {
            length--;
        }
    }
    return length;
}

/* Default_Ignorable_Code_Point of Unicode 15 (DerivedCoreProperties.txt) with the controls, the line
 * and paragraph separators and the interlinear marks; in order. */
static const struct text_range {
    uint32_t first, last;
} unsafe[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool wi_text_is_unsafe(uint32_t point)
{
    for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]) && point >= unsafe[i].first; i++) {
        if (point <= unsafe[i].last) {
            return true;
        }
    }
    return false;
}

size_t wi_text_clean(const char *text, char *ret_text, size_t room)
{
    size_t length = 0;
    while (*text && room > 0) {
        char bytes[4];
        uint32_t point = wi_text_take(&text);
        bool is_bad = point == WI_TEXT_INVALID || wi_text_is_unsafe(point);
        size_t n = wi_text_put(is_bad ? '?' : point, bytes);
        if (length + n >= room) {
            break;
        }
        memcpy(ret_text + length, bytes, n);
        length += n;
    }
    if (room > 0) {
        ret_text[length] = '\0';
    }
    return length;
}

const char *weir_status_name(enum weir_status status)
{
    static const char *const names[] = {"ok",
                                        "off",
                                        "degraded",
                                        "bad argument",
                                        "wrong state",
                                        "no memory",
                                        "system error",
                                        "denied",
                                        "not found",
                                        "corrupt",
                                        "wrong version",
                                        "protocol error",
                                        "limit reached",
                                        "closed"};
    return (unsigned)status < sizeof(names) / sizeof(names[0]) ? names[status] : "unknown";
}
