/* SPDX-License-Identifier: MIT */
/* A growable byte buffer with a cap and a sticky failure: append freely, and ask once at the end.
 * An append that does not fit is left out whole, and so are all later ones. The buffer owns its
 * bytes. One thread. */
#ifndef WI_ENCODE_BUFFER_H
#define WI_ENCODE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wi_buffer {
    uint8_t *bytes;
    size_t length;
    size_t room;
    size_t limit; /* never grows past it */
    bool has_failed;
};

/* Begins empty, without memory. Owns: wi_buffer_finish, after which the buffer is as it began. */
void wi_buffer_init(struct wi_buffer *buffer, size_t limit);
void wi_buffer_finish(struct wi_buffer *buffer);

/* Empties it and forgets the failure; keeps the memory. */
void wi_buffer_clear(struct wi_buffer *buffer);

/* Room for `n` more bytes at the end, or NULL and has_failed. The caller fills it and adds what it
 * wrote to `length`. */
uint8_t *wi_buffer_reserve(struct wi_buffer *buffer, size_t n);

/* Append bytes, a text without its end, a number in digits. Fail: has_failed, and nothing is written. */
void wi_buffer_append(struct wi_buffer *buffer, const void *bytes, size_t n);
void wi_buffer_text(struct wi_buffer *buffer, const char *text);
void wi_buffer_u64(struct wi_buffer *buffer, uint64_t number);

/* Shortest form that reads back as the same double, whatever the host's locale; "NaN", "+Inf",
 * "-Inf". A whole number below 1e15 has no decimal point; -0 is 0 with its sign lost. */
void wi_buffer_f64(struct wi_buffer *buffer, double number);

#endif
