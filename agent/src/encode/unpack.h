/* SPDX-License-Identifier: MIT */
/*
 * Protocol-buffers messages read field by field, without memory and without generated code: for requests
 * of one field, whose whole .proto protobuf-c would bring into the host. One thread.
 *
 *     struct wi_unpack unpack = {bytes, bytes + n, false};
 *     while (wi_unpack_next(&unpack, &field)) { ... }
 *     return !unpack.is_broken;
 */
#ifndef WI_ENCODE_UNPACK_H
#define WI_ENCODE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wi_field_type {
    WI_FIELD_NUMBER, /* a varint: `value` */
    WI_FIELD_BYTES,  /* a text or a message: `bytes` and `n` */
    WI_FIELD_FIXED   /* four or eight bytes: `bytes` and `n` */
};

struct wi_field {
    uint64_t number;
    enum wi_field_type type;
    uint64_t value;
    const uint8_t *bytes; /* of the message that is read */
    size_t n;
};

struct wi_unpack {
    const uint8_t *at;
    const uint8_t *end;
    bool is_broken; /* it is no message */
};

/* Reads the next field. False at the end of the message, or of what can be read of it: is_broken. */
bool wi_unpack_next(struct wi_unpack *unpack, struct wi_field *ret_field);

#endif
