/* SPDX-License-Identifier: MIT */
/* Compression by zlib. */
#include "http/gzip.h"

#include <limits.h>
#include <zlib.h>

#define GZIP_WINDOW      (15 + 16) /* 32 KiB; 16 more: gzip's header and checksum instead of zlib's */
#define GZIP_MEMORY      8
#define GZIP_FIRST_ROOM  ((size_t)4 << 10)
#define GZIP_USUAL_RATIO 8 /* of an exposition; more room is taken if it compresses less */

/* Room for the next bytes: as much as an exposition usually needs, then twice as much. */
static size_t gzip_room(size_t n, size_t done)
{
    size_t room = done ? done : n / GZIP_USUAL_RATIO;
    room = room < GZIP_FIRST_ROOM ? GZIP_FIRST_ROOM : room;
    return room < n - done ? room : n - done;
}

static enum weir_status gzip_deflate(z_stream *stream, size_t n, struct wi_buffer *buffer)
{
    size_t begin = buffer->length;
    int result = Z_OK;
    while (result == Z_OK) {
        size_t done = buffer->length - begin;
        if (done >= n) {
            return WEIR_E_LIMIT;
        }
        size_t room = gzip_room(n, done);
        stream->next_out = wi_buffer_reserve(buffer, room);
        stream->avail_out = (uInt)room;
        if (!stream->next_out) {
            return WEIR_E_MEMORY;
        }
        result = deflate(stream, Z_FINISH);
        buffer->length += room - stream->avail_out;
    }
    if (result != Z_STREAM_END) {
        return WEIR_E_MEMORY;
    }
    return buffer->length - begin < n ? WEIR_OK : WEIR_E_LIMIT;
}

enum weir_status wi_gzip(const uint8_t *bytes, size_t n, struct wi_buffer *buffer)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)n};
    if (n > UINT_MAX) {
        return WEIR_E_LIMIT;
    }
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return WEIR_E_MEMORY;
    }
    enum weir_status status = gzip_deflate(&stream, n, buffer);
    (void)deflateEnd(&stream);
    return status;
}
