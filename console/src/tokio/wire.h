/* SPDX-License-Identifier: MIT */
/*
 * Protobuf's bytes, read field by field where they lie. Unpacking a message of 200 MB as a tree would
 * take ten times as much; this takes nothing. No I/O. No state; any thread.
 */
#ifndef WC_TOKIO_WIRE_H
#define WC_TOKIO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What of a message is still to be read. */
struct wc_wire {
    const uint8_t *at, *end;
    bool is_bad; /* it is no message: reading has stopped */
};

enum wc_wire_type { WC_WIRE_NUMBER, WC_WIRE_FIXED64, WC_WIRE_BYTES, WC_WIRE_FIXED32 = 5 };

struct wc_wire_field {
    uint32_t number;
    enum wc_wire_type type;
    uint64_t value;       /* of the number types */
    struct wc_wire bytes; /* of WC_WIRE_BYTES: a text, or a message to be read likewise */
};

static inline struct wc_wire wc_wire_over(const uint8_t *bytes, size_t n)
{
    return (struct wc_wire){bytes, bytes + n, false};
}

static inline size_t wc_wire_length(const struct wc_wire *wire)
{
    return (size_t)(wire->end - wire->at);
}

/* The next field; false at the end, and where it is no message: is_bad. */
bool wc_wire_next(struct wc_wire *wire, struct wc_wire_field *ret_field);

/* Whether all of it are fields; does not look into those that are messages. */
bool wc_wire_is_message(struct wc_wire wire);

/* The value of a message's number field, or 0. */
uint64_t wc_wire_number(struct wc_wire wire, uint32_t number);

static inline int64_t wc_wire_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
