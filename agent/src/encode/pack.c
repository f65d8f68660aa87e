/* SPDX-License-Identifier: MIT */
/* The wire format of protocol buffers: tags, varints, lengths. */
#include "encode/pack.h"

#include "weir/expect.h"

#include <string.h>

enum { PACK_VARINT = 0, PACK_FIXED64 = 1, PACK_LENGTH = 2 };

#define PACK_VARINT_MAX 10

/* A tag, the length of a nested message, and a tag in it. */
#define PACK_NESTED_HEAD (3 * PACK_VARINT_MAX)

/* Room for the length of a nested message that is not known yet: up to 2^28 bytes. */
#define PACK_LENGTH_ROOM 4

static size_t pack_varint_write(uint8_t *ret_bytes, uint64_t number)
{
    size_t n = 0;
    while (number >= 0x80) {
        ret_bytes[n++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    ret_bytes[n++] = (uint8_t)number;
    return n;
}

static size_t pack_varint_length(uint64_t number)
{
    size_t n = 1;
    for (; number >= 0x80; number >>= 7) {
        n++;
    }
    return n;
}

/* Little-endian, whatever the processor is. */
static void pack_fixed64_write(uint8_t *ret_bytes, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    for (size_t i = 0; i < sizeof(bits); i++) {
        ret_bytes[i] = (uint8_t)(bits >> (8 * i));
    }
}

void wi_pack_varint(struct wi_buffer *buffer, uint64_t number)
{
    uint8_t *at = wi_buffer_reserve(buffer, PACK_VARINT_MAX);
    if (at) {
        buffer->length += pack_varint_write(at, number);
    }
}

static void pack_tag(struct wi_buffer *buffer, unsigned field, unsigned type)
{
    wi_pack_varint(buffer, (uint64_t)field << 3 | type);
}

void wi_pack_u64_always(struct wi_buffer *buffer, unsigned field, uint64_t number)
{
    pack_tag(buffer, field, PACK_VARINT);
    wi_pack_varint(buffer, number);
}

void wi_pack_u64(struct wi_buffer *buffer, unsigned field, uint64_t number)
{
    if (number != 0) {
        wi_pack_u64_always(buffer, field, number);
    }
}

void wi_pack_i64_zigzag_always(struct wi_buffer *buffer, unsigned field, int64_t number)
{
    uint64_t sign = number < 0 ? UINT64_MAX : 0;
    wi_pack_u64_always(buffer, field, (uint64_t)number << 1 ^ sign);
}

void wi_pack_bytes_always(struct wi_buffer *buffer, unsigned field, const void *bytes, size_t n)
{
    pack_tag(buffer, field, PACK_LENGTH);
    wi_pack_varint(buffer, n);
    wi_buffer_append(buffer, bytes, n);
}

void wi_pack_text(struct wi_buffer *buffer, unsigned field, const char *text)
{
    if (text && *text) {
        wi_pack_bytes_always(buffer, field, text, strlen(text));
    }
}

void wi_pack_nested_u64(struct wi_buffer *buffer, unsigned field, unsigned inner, uint64_t number)
{
    uint64_t tag = (uint64_t)inner << 3 | PACK_VARINT;
    uint8_t *at = wi_buffer_reserve(buffer, PACK_NESTED_HEAD + PACK_VARINT_MAX);
    if (at) {
        size_t n = pack_varint_write(at, (uint64_t)field << 3 | PACK_LENGTH);
        size_t head = n++; /* the length takes one byte */
        n += pack_varint_write(at + n, tag);
        n += pack_varint_write(at + n, number);
        at[head] = (uint8_t)(n - head - 1);
        buffer->length += n;
    }
}

void wi_pack_nested_i64_zigzag(struct wi_buffer *buffer, unsigned field, unsigned inner,
                               int64_t number)
{
    uint64_t sign = number < 0 ? UINT64_MAX : 0;
    wi_pack_nested_u64(buffer, field, inner, (uint64_t)number << 1 ^ sign);
}

void wi_pack_nested_f64(struct wi_buffer *buffer, unsigned field, unsigned inner, double number)
{
    uint64_t tag = (uint64_t)inner << 3 | PACK_FIXED64;
    uint8_t *at = wi_buffer_reserve(buffer, PACK_NESTED_HEAD + sizeof(number));
    if (at) {
        size_t n = pack_varint_write(at, (uint64_t)field << 3 | PACK_LENGTH);
        n += pack_varint_write(at + n, pack_varint_length(tag) + sizeof(number));
        n += pack_varint_write(at + n, tag);
        pack_fixed64_write(at + n, number);
        buffer->length += n + sizeof(number);
    }
}

void wi_pack_nested_bytes(struct wi_buffer *buffer, unsigned field, unsigned inner,
                          const void *bytes, size_t n)
{
    uint64_t tag = (uint64_t)inner << 3 | PACK_LENGTH;
    uint8_t *at = wi_buffer_reserve(buffer, PACK_NESTED_HEAD + PACK_VARINT_MAX + n);
    if (at) {
        size_t length = pack_varint_write(at, (uint64_t)field << 3 | PACK_LENGTH);
        length +=
            pack_varint_write(at + length, pack_varint_length(tag) + pack_varint_length(n) + n);
        length += pack_varint_write(at + length, tag);
        length += pack_varint_write(at + length, n);
        memcpy(at + length, bytes, n);
        buffer->length += length + n;
    }
}

size_t wi_pack_begin(struct wi_buffer *buffer, unsigned field)
{
    pack_tag(buffer, field, PACK_LENGTH);
    size_t mark = buffer->length;
    if (wi_buffer_reserve(buffer, PACK_LENGTH_ROOM)) {
        buffer->length += PACK_LENGTH_ROOM;
    }
    return mark;
}

void wi_pack_end(struct wi_buffer *buffer, size_t mark)
{
    if (buffer->has_failed) {
        return;
    }
    uint8_t length[PACK_VARINT_MAX];
    size_t begin = mark + PACK_LENGTH_ROOM;
    if (!WI_EXPECT(begin <= buffer->length && buffer->length <= buffer->room)) {
        buffer->has_failed = true;
        return;
    }
    size_t n = buffer->length - begin;
    size_t n_length = pack_varint_write(length, n);
    if (n_length > PACK_LENGTH_ROOM) {
        buffer->has_failed = true;
        return;
    }
    memmove(buffer->bytes + mark + n_length, buffer->bytes + begin, n);
    memcpy(buffer->bytes + mark, length, n_length);
    buffer->length = mark + n_length + n;
}
