/* SPDX-License-Identifier: MIT */
/*
 * The growable buffer, and numbers as text. Numbers are written without printf: an exposition holds
 * tens of thousands, and printf follows the host's locale, whose decimal point may be a comma.
 */
#include "encode/buffer.h"

#include "weir/expect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST_ROOM 256

void wi_buffer_init(struct wi_buffer *buffer, size_t limit)
{
    memset(buffer, 0, sizeof(*buffer));
    buffer->limit = limit;
}

void wi_buffer_finish(struct wi_buffer *buffer)
{
    free(buffer->bytes);
    wi_buffer_init(buffer, buffer->limit);
}

void wi_buffer_clear(struct wi_buffer *buffer)
{
    buffer->length = 0;
    buffer->has_failed = false;
}

static bool buffer_grow(struct wi_buffer *buffer, size_t n)
{
    if (buffer->has_failed || n > buffer->limit || buffer->length > buffer->limit - n ||
        !WI_EXPECT(buffer->length <= buffer->room)) {
        return false;
    }
    size_t needed = buffer->length + n;
    size_t room = buffer->room ? buffer->room : BUFFER_FIRST_ROOM;
    while (room < needed && room <= buffer->limit / 2) {
        room *= 2;
    }
    if (room < needed || room > buffer->limit) {
        room = buffer->limit;
    }
    uint8_t *bytes = realloc(buffer->bytes, room);
    if (!bytes) {
        return false;
    }
    buffer->bytes = bytes;
    buffer->room = room;
    return true;
}

uint8_t *wi_buffer_reserve(struct wi_buffer *buffer, size_t n)
{
    if (buffer->has_failed || n > buffer->room - buffer->length || !buffer->bytes) {
        if (!buffer_grow(buffer, n ? n : 1)) {
            buffer->has_failed = true;
            return NULL;
        }
    }
    return buffer->bytes + buffer->length;
}

void wi_buffer_append(struct wi_buffer *buffer, const void *bytes, size_t n)
{
    if (n == 0) {
        return;
    }
    uint8_t *room = wi_buffer_reserve(buffer, n);
    if (room) {
        memcpy(room, bytes, n);
        buffer->length += n;
    }
}

void wi_buffer_text(struct wi_buffer *buffer, const char *text)
{
    wi_buffer_append(buffer, text, strlen(text));
}

/* Writes the digits so that they end at `end`, and returns where they begin. */
static char *buffer_digits(char *end, uint64_t number)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    while (number >= 100) {
        size_t pair = (size_t)(number % 100) * 2;
        number /= 100;
        *--end = pairs[pair + 1];
        *--end = pairs[pair];
    }
    if (number >= 10) {
        *--end = pairs[number * 2 + 1];
        *--end = pairs[number * 2];
    } else {
        *--end = (char)('0' + number);
    }
    return end;
}

void wi_buffer_u64(struct wi_buffer *buffer, uint64_t number)
{
    char text[20];
    char *end = text + sizeof(text);
    char *begin = buffer_digits(end, number);
    wi_buffer_append(buffer, begin, (size_t)(end - begin));
}

/*
 * Writes a number of at most nine decimals and fifteen digits in all, and returns its length; 0
 * when it is no such number. With scaled < 2^53 the quotient scaled / 1e9 is rounded exactly as a
 * reader rounds the decimal, so equality proves that it reads back; and among decimals of fifteen
 * digits no two read back as one double, so none is shorter.
 */
static size_t buffer_decimal(char *ret_text, double number)
{
    const double billion = 1e9;
    if (!(number >= 1e-4 && number < 1e6)) {
        return 0;
    }
    uint64_t scaled = (uint64_t)(number * billion + 0.5);
    if ((double)scaled / billion != number) {
        return 0;
    }
    char text[32];
    char *end = text + sizeof(text);
    char *begin = buffer_digits(end, scaled % 1000000000U + 1000000000U);
    char *whole = buffer_digits(begin + 1, scaled / 1000000000U);
    size_t n_whole = (size_t)(begin + 1 - whole);
    while (end[-1] == '0') {
        end--;
    }
    size_t n_decimals = (size_t)(end - (begin + 1));
    memcpy(ret_text, whole, n_whole);
    ret_text[n_whole] = '.';
    memcpy(ret_text + n_whole + 1, begin + 1, n_decimals);
    return n_whole + 1 + n_decimals;
}

/* Any finite number: the fewest digits that printf and strtod, both under the host's locale, bring
 * back to the same double; then whatever stands for the decimal point becomes a point. */
static size_t buffer_general(char *ret_text, size_t room, double number)
{
    char text[64];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    size_t length = 0;
    bool is_radix = false;
    for (const char *at = text; *at && length + 1 < room; at++) {
        bool is_plain = (*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == 'e';
        if (is_plain) {
            ret_text[length++] = *at;
        } else if (!is_radix) {
            ret_text[length++] = '.';
        }
        is_radix = !is_plain;
    }
    return length;
}

void wi_buffer_f64(struct wi_buffer *buffer, double number)
{
    if (isnan(number)) {
        wi_buffer_append(buffer, "NaN", 3);
        return;
    }
    if (isinf(number)) {
        wi_buffer_append(buffer, number > 0 ? "+Inf" : "-Inf", 4);
        return;
    }
    if (number < 0) {
        wi_buffer_append(buffer, "-", 1);
        number = -number;
    }
    if (number < 1e15 && (double)(uint64_t)number == number) {
        wi_buffer_u64(buffer, (uint64_t)number);
        return;
    }
    char text[64];
    size_t length = buffer_decimal(text, number);
    if (length == 0) {
        length = buffer_general(text, sizeof(text), number);
    }
    wi_buffer_append(buffer, text, length);
}
