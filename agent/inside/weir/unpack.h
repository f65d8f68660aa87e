/* SPDX-License-Identifier: MIT */
/*
 * Protocol-buffers messages, read field by field in place, without memory and without generated
 * code. A message of 200 MB as a tree would take ten times as much memory, and generated code is
 * large for a request of one field in a host. No I/O. No state; any thread.
 *
 *     struct wi_unpack unpack = wi_unpack_over(bytes, n);
 *     while (wi_unpack_next(&unpack, &field)) { ... }
 *     return !unpack.is_bad;
 */
#ifndef WI_UNPACK_H
#define WI_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rest of a message, still to be read. */
struct wi_unpack {
    const uint8_t *at, *end;
    bool is_bad; /* the bytes are no message: reading has stopped */
};

enum wi_field_type { WI_FIELD_NUMBER, WI_FIELD_FIXED64, WI_FIELD_BYTES, WI_FIELD_FIXED32 = 5 };

struct wi_field {
    uint32_t number;
    enum wi_field_type type;
    uint64_t value;         /* of the number types */
    struct wi_unpack bytes; /* of WI_FIELD_BYTES: a text, or a message to be read likewise */
};

static inline struct wi_unpack wi_unpack_over(const uint8_t *bytes, size_t n)
{
    return (struct wi_unpack){bytes, bytes + n, false};
}

static inline size_t wi_unpack_length(const struct wi_unpack *unpack)
{
    return (size_t)(unpack->end - unpack->at);
}

/* The next field; false at the end, and if the bytes are no message: is_bad. */
bool wi_unpack_next(struct wi_unpack *unpack, struct wi_field *ret_field);

/* Whether all of it is valid fields; does not read into fields that are messages. */
bool wi_unpack_is_message(struct wi_unpack unpack);

/* The value of a message's number field, or 0. */
uint64_t wi_unpack_number(struct wi_unpack unpack, uint32_t number);

static inline int64_t wi_unpack_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
