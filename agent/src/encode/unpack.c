/* SPDX-License-Identifier: MIT */
/* The wire format of protocol buffers, read. */
#include "encode/unpack.h"

/* Types on the wire. Groups (3 and 4) are of an older time: nothing that is read here has them. */
enum { UNPACK_VARINT = 0, UNPACK_FIXED64 = 1, UNPACK_LENGTH = 2, UNPACK_FIXED32 = 5 };

static bool unpack_varint(struct wi_unpack *unpack, uint64_t *ret_number)
{
    *ret_number = 0;
    for (unsigned shift = 0; shift < 64 && unpack->at < unpack->end; shift += 7) {
        uint8_t byte = *unpack->at++;
        *ret_number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

static bool unpack_bytes(struct wi_unpack *unpack, uint64_t n, struct wi_field *field)
{
    if (n > (size_t)(unpack->end - unpack->at)) {
        return false;
    }
    field->bytes = unpack->at;
    field->n = (size_t)n;
    unpack->at += n;
    return true;
}

static bool unpack_field(struct wi_unpack *unpack, struct wi_field *field)
{
    uint64_t tag, n;
    if (!unpack_varint(unpack, &tag)) {
        return false;
    }
    *field = (struct wi_field){.number = tag >> 3};
    switch (tag & 7) {
    case UNPACK_VARINT:
        field->type = WI_FIELD_NUMBER;
        return unpack_varint(unpack, &field->value);
    case UNPACK_LENGTH:
        field->type = WI_FIELD_BYTES;
        return unpack_varint(unpack, &n) && unpack_bytes(unpack, n, field);
    case UNPACK_FIXED64:
    case UNPACK_FIXED32:
        field->type = WI_FIELD_FIXED;
        return unpack_bytes(unpack, (tag & 7) == UNPACK_FIXED64 ? 8 : 4, field);
    default:
        return false;
    }
}

bool wi_unpack_next(struct wi_unpack *unpack, struct wi_field *ret_field)
{
    if (unpack->is_broken || unpack->at == unpack->end) {
        return false;
    }
    unpack->is_broken = !unpack_field(unpack, ret_field);
    return !unpack->is_broken;
}
