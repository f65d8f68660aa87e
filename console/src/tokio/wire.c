/* SPDX-License-Identifier: MIT */
/* Tags, varints and lengths, each checked against what is left. */
#include "tokio/wire.h"

#include <string.h>

#define WIRE_VARINT_MOST 10

static bool wire_stop(struct wc_wire *wire)
{
    wire->is_bad = true;
    wire->at = wire->end;
    return false;
}

static bool wire_varint(struct wc_wire *wire, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (int i = 0; i < WIRE_VARINT_MOST && wire->at < wire->end; i++) {
        uint8_t byte = *wire->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return wire_stop(wire);
}

static bool wire_fixed(struct wc_wire *wire, size_t n, uint64_t *ret_value)
{
    if (wc_wire_length(wire) < n) {
        return wire_stop(wire);
    }
    *ret_value = 0;
    for (size_t i = 0; i < n; i++) {
        *ret_value |= (uint64_t)wire->at[i] << (8 * i);
    }
    wire->at += n;
    return true;
}

bool wc_wire_next(struct wc_wire *wire, struct wc_wire_field *ret_field)
{
    uint64_t tag, length;
    if (wire->at >= wire->end || !wire_varint(wire, &tag)) {
        return false;
    }
    if (tag >> 3 == 0 || tag >> 3 > UINT32_C(0x1fffffff)) {
        return wire_stop(wire);
    }
    *ret_field = (struct wc_wire_field){.number = (uint32_t)(tag >> 3),
                                        .type = (enum wc_wire_type)(tag & 7)};
    switch (ret_field->type) {
    case WC_WIRE_NUMBER:
        return wire_varint(wire, &ret_field->value);
    case WC_WIRE_FIXED64:
        return wire_fixed(wire, 8, &ret_field->value);
    case WC_WIRE_FIXED32:
        return wire_fixed(wire, 4, &ret_field->value);
    case WC_WIRE_BYTES:
        if (!wire_varint(wire, &length) || length > wc_wire_length(wire)) {
            return wire_stop(wire);
        }
        ret_field->bytes = wc_wire_over(wire->at, (size_t)length);
        wire->at += length;
        return true;
    default:
        return wire_stop(wire); /* groups are nobody's any more */
    }
}

bool wc_wire_is_message(struct wc_wire wire)
{
    struct wc_wire_field field;
    while (wc_wire_next(&wire, &field)) {
    }
    return !wire.is_bad;
}

uint64_t wc_wire_number(struct wc_wire wire, uint32_t number)
{
    struct wc_wire_field field;
    uint64_t value = 0;
    while (wc_wire_next(&wire, &field)) {
        value = field.number == number && field.type == WC_WIRE_NUMBER ? field.value : value;
    }
    return value;
}
