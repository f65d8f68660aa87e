/* SPDX-License-Identifier: MIT */
/* Compression of an answer. Plain function; any thread. */
#ifndef WI_HTTP_GZIP_H
#define WI_HTTP_GZIP_H

#include "encode/buffer.h"
#include "weir/weir.h"

/*
 * Appends `bytes` as gzip (RFC 1952), at zlib's fastest level. Takes 270 KiB while it works.
 * Fails: WEIR_E_LIMIT when it would not become smaller, WEIR_E_MEMORY: the buffer's content is void.
 */
enum weir_status wi_gzip(const uint8_t *bytes, size_t n, struct wi_buffer *buffer);

#endif
