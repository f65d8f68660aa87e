/* SPDX-License-Identifier: MIT */
/*
 * Protocol-buffers messages written forward into a buffer, without a tree of structs: a page of
 * 15,000 rows would need 20 MiB of them. Fields come in the order of their numbers and a field that
 * has its default is left out, so the bytes are those that protobuf-c would write. One thread.
 */
#ifndef WI_ENCODE_PACK_H
#define WI_ENCODE_PACK_H

#include "encode/buffer.h"

/* Scalar fields; 0 and "" are left out. */
void wi_pack_u64(struct wi_buffer *buffer, unsigned field, uint64_t number);
void wi_pack_text(struct wi_buffer *buffer, unsigned field, const char *text);

/* The same, never left out: members of a oneof and repeated fields. */
void wi_pack_u64_always(struct wi_buffer *buffer, unsigned field, uint64_t number);
void wi_pack_i64_zigzag_always(struct wi_buffer *buffer, unsigned field, int64_t number);
void wi_pack_bytes_always(struct wi_buffer *buffer, unsigned field, const void *bytes, size_t n);

/* A nested message of one scalar field, which is never left out. A snapshot holds millions, so they are written without
 * wi_pack_begin, which moves what it has written once it knows the length. */
void wi_pack_nested_u64(struct wi_buffer *buffer, unsigned field, unsigned inner, uint64_t number);
void wi_pack_nested_i64_zigzag(struct wi_buffer *buffer, unsigned field, unsigned inner,
                               int64_t number);
void wi_pack_nested_f64(struct wi_buffer *buffer, unsigned field, unsigned inner, double number);
void wi_pack_nested_bytes(struct wi_buffer *buffer, unsigned field, unsigned inner,
                          const void *bytes, size_t n);

/* A bare varint, as in packed repeated fields. */
void wi_pack_varint(struct wi_buffer *buffer, uint64_t number);

/* A nested message or packed field: all that is written between the two. */
size_t wi_pack_begin(struct wi_buffer *buffer, unsigned field);
void wi_pack_end(struct wi_buffer *buffer, size_t mark);

#endif
