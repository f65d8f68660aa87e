/* SPDX-License-Identifier: MIT */
/* Tags, varints and lengths, each checked against the remaining bytes. */
#include "weir/unpack.h"

#define UNPACK_VARINT_MOST 10

static bool unpack_stop(struct wi_unpack *unpack)
{
    unpack->is_bad = true;
    unpack->at = unpack->end;
    return false;
}

static bool unpack_varint(struct wi_unpack *unpack, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (int i = 0; i < UNPACK_VARINT_MOST && unpack->at < unpack->end; i++) {
        uint8_t byte = *unpack->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return unpack_stop(unpack);
}

static bool unpack_fixed(struct wi_unpack *unpack, size_t n, uint64_t *ret_value)
{
    if (wi_unpack_length(unpack) < n) {
        return unpack_stop(unpack);
    }
    *ret_value = 0;
    for (size_t i = 0; i < n; i++) {
        *ret_value |= (uint64_t)unpack->at[i] << (8 * i);
    }
    unpack->at += n;
    return true;
}

bool wi_unpack_next(struct wi_unpack *unpack, struct wi_field *ret_field)
{
    uint64_t tag, length;
    if (unpack->at >= unpack->end || !unpack_varint(unpack, &tag)) {
        return false;
    }
    if (tag >> 3 > UINT32_MAX) {
        return unpack_stop(unpack);
    }
    *ret_field =
        (struct wi_field){.number = (uint32_t)(tag >> 3), .type = (enum wi_field_type)(tag & 7)};
    switch (ret_field->type) {
    case WI_FIELD_NUMBER:
        return unpack_varint(unpack, &ret_field->value);
    case WI_FIELD_FIXED64:
        return unpack_fixed(unpack, 8, &ret_field->value);
    case WI_FIELD_FIXED32:
        return unpack_fixed(unpack, 4, &ret_field->value);
    case WI_FIELD_BYTES:
        if (!unpack_varint(unpack, &length) || length > wi_unpack_length(unpack)) {
            return unpack_stop(unpack);
        }
        ret_field->bytes = wi_unpack_over(unpack->at, (size_t)length);
        unpack->at += length;
        return true;
    default:
        return unpack_stop(unpack); /* groups are deprecated */
    }
}

bool wi_unpack_is_message(struct wi_unpack unpack)
{
    struct wi_field field;
    while (wi_unpack_next(&unpack, &field)) {
    }
    return !unpack.is_bad;
}

uint64_t wi_unpack_number(struct wi_unpack unpack, uint32_t number)
{
    struct wi_field field;
    uint64_t value = 0;
    while (wi_unpack_next(&unpack, &field)) {
        value = field.number == number && field.type == WI_FIELD_NUMBER ? field.value : value;
    }
    return value;
}
