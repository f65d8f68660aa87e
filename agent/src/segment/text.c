/* SPDX-License-Identifier: MIT */
/* Names come from applications and end on terminals: what is not plain UTF-8 text becomes '?'. */
#include "segment/file.h"

#include <string.h>

/* Bytes of the UTF-8 character at `at`, 0 when it is none (RFC 3629 section 4). */
static size_t text_character(const unsigned char *at)
{
    static const struct {
        unsigned char mask, lead, length;
        uint32_t least;
    } shapes[] = {{0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
    if (at[0] < 0x80) {
        return at[0] >= 0x20 && at[0] != 0x7f;
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if ((at[0] & shapes[i].mask) != shapes[i].lead) {
            continue;
        }
        uint32_t point = at[0] & (unsigned char)~shapes[i].mask;
        for (size_t k = 1; k < shapes[i].length; k++) {
            if ((at[k] & 0xc0) != 0x80) {
                return 0;
            }
            point = point << 6 | (at[k] & 0x3f);
        }
        bool is_control = point < 0xa0; /* C1 drives terminals too */
        bool is_turn = (point >= 0x202a && point <= 0x202e) ||
                       (point >= 0x2066 && point <= 0x2069) || point == 0x200e || point == 0x200f ||
                       point == 0x2028 || point == 0x2029;
        bool is_point =
            point >= shapes[i].least && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
        return is_point && !is_control && !is_turn ? shapes[i].length : 0;
    }
    return 0;
}

size_t wi_text_clean(char *ret_text, size_t room, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = 0;
    while (*at) {
        size_t n = text_character(at);
        size_t width = n ? n : 1;
        if (length + width >= room) {
            break;
        }
        if (n) {
            memcpy(ret_text + length, at, n);
        } else {
            ret_text[length] = '?';
        }
        length += width;
        at += width;
    }
    ret_text[length] = '\0';
    return length;
}
