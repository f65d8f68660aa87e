/* SPDX-License-Identifier: MIT */
/*
 * Reading a recording: one pass over all records, then from place to place.
 *
 * The pass checks each record's head and checksum and notes where keys and series are. After that a
 * moment is found by the key before it and the steps from there. The notes are bounded: when there
 * are 8,192 keys every second one is dropped, and from then on only every second one is noted.
 *
 * No byte of the file is trusted. The recording ends at the first invalid record: truncated, a
 * wrong checksum, time that goes back, a step without a frame. The frames before it are shown, and
 * a notice says how it ends; a lock tells a recording that is still being written from a truncated
 * one. A record's length is bounded by its head's format before memory is allocated for it, and
 * inflating stops at the length in its head. The same checks detect later that a file has changed
 * meanwhile.
 *
 * The reader owns the descriptor and the buffers of one record; the frame is the caller's. Lack of
 * memory ends the program. One thread.
 */
#include "record/reader.h"

#include "base/memory.h"
#include "record/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define READER_MAX_KEYS    8192u /* at this number every second one is dropped */
#define READER_MAX_SERIES  4096u
#define READER_MAX_METRICS 4096u /* of all kinds: they are walked through for every column */
#define READER_PIECE       (256u << 10)
#define READER_WINDOW      (-15)

struct reader_key {
    uint64_t offset, at;
};

struct wc_reader {
    int fd;
    char *path;
    uint64_t end; /* of the last valid record */
    Weir__V1__Opening *opening;
    struct reader_key *keys;
    size_t n_keys, room_keys;
    uint64_t keys_seen, keys_apart; /* one of so many is noted */
    uint64_t *series;               /* offsets */
    size_t n_series, room_series;
    uint64_t looks, length;
    char notice[256];
    uint64_t offset; /* of the next record */
    uint64_t at;     /* of the frame that was read last */
    z_stream stream;
    uint8_t *packed, *plain; /* of one record */
    size_t room_packed, room_plain;
};

/* ---- reading ------------------------------------------------------------------------------ */

static bool reader_pread(int fd, uint8_t *to, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

static uint8_t *reader_room(uint8_t *buffer, size_t n, size_t *room)
{
    if (n > *room) {
        *room = n + n / 4 + 4096;
        buffer = wc_resize(buffer, *room, 1);
    }
    return buffer;
}

/* The head of the record at `offset`; false past the end. */
static bool reader_head(const struct wc_reader *reader, uint64_t offset,
                        struct wc_record_head *ret_head)
{
    uint8_t bytes[WC_RECORD_HEAD];
    return offset + WC_RECORD_HEAD <= reader->end &&
           reader_pread(reader->fd, bytes, sizeof(bytes), offset) &&
           wc_record_get(bytes, ret_head) &&
           offset + WC_RECORD_HEAD + ret_head->length <= reader->end;
}

/* Inflates a record's payload into `plain`. A key, and each record that stands alone, begins a new
 * stream. */
static bool reader_inflate(struct wc_reader *reader, z_stream *stream, uint64_t offset,
                           const struct wc_record_head *head)
{
    reader->packed = reader_room(reader->packed, head->length, &reader->room_packed);
    reader->plain = reader_room(reader->plain, (size_t)head->plain + 1, &reader->room_plain);
    if (!reader_pread(reader->fd, reader->packed, head->length, offset + WC_RECORD_HEAD)) {
        return false;
    }
    if (head->type != WC_RECORD_STEP) {
        inflateReset(stream);
    }
    if (head->length == 0 && head->plain == 0) {
        return true; /* an empty payload has nothing to inflate */
    }
    stream->next_in = reader->packed;
    stream->avail_in = head->length;
    stream->next_out = reader->plain;
    stream->avail_out = head->plain + 1; /* one more byte would be too much */
    int result = inflate(stream, Z_SYNC_FLUSH);
    return (result == Z_OK || result == Z_STREAM_END) && stream->avail_in == 0 &&
           stream->avail_out == 1;
}

/* ---- opening ------------------------------------------------------------------------------ */

static void reader_note_key(struct wc_reader *reader, uint64_t offset, uint64_t at)
{
    if (reader->keys_seen++ % reader->keys_apart != 0) {
        return;
    }
    if (reader->n_keys == READER_MAX_KEYS) {
        for (size_t i = 0; i < READER_MAX_KEYS / 2; i++) {
            reader->keys[i] = reader->keys[2 * i];
        }
        reader->n_keys = READER_MAX_KEYS / 2;
        reader->keys_apart *= 2;
        if ((reader->keys_seen - 1) % reader->keys_apart != 0) {
            return;
        }
    }
    reader->keys = wc_grow(reader->keys, reader->n_keys, &reader->room_keys, sizeof(*reader->keys));
    reader->keys[reader->n_keys++] = (struct reader_key){offset, at};
}

static void reader_note_series(struct wc_reader *reader, uint64_t offset)
{
    if (reader->n_series == READER_MAX_SERIES) {
        return;
    }
    reader->series =
        wc_grow(reader->series, reader->n_series, &reader->room_series, sizeof(*reader->series));
    reader->series[reader->n_series++] = offset;
}

/* Whether the record's checksum holds; reads it piece by piece. */
static bool reader_checks(struct wc_reader *reader, uint64_t offset,
                          const struct wc_record_head *head)
{
    uint64_t at = offset + 4, end = offset + WC_RECORD_HEAD + head->length;
    uint32_t crc = 0;
    while (at < end) {
        size_t n = end - at < READER_PIECE ? (size_t)(end - at) : READER_PIECE;
        reader->packed = reader_room(reader->packed, n, &reader->room_packed);
        if (!reader_pread(reader->fd, reader->packed, n, at)) {
            return false;
        }
        crc = wc_record_crc(crc, reader->packed, n);
        at += n;
    }
    return crc == head->crc;
}

/* Notes a record. False: it is in a place where it must not be. */
static bool reader_note(struct wc_reader *reader, uint64_t offset,
                        const struct wc_record_head *head)
{
    switch (head->type) {
    case WC_RECORD_KEY:
        reader_note_key(reader, offset, head->at);
        break;
    case WC_RECORD_STEP:
        if (reader->looks == 0) {
            return false;
        }
        break;
    case WC_RECORD_SERIES:
        reader_note_series(reader, offset);
        return true;
    default:
        return true;
    }
    if (head->at < reader->length) {
        return false;
    }
    reader->looks++;
    reader->length = head->at;
    return true;
}

/* How the file ends: `offset` is the end of its last valid record. */
static void reader_conclude(struct wc_reader *reader, uint64_t offset, uint64_t size,
                            bool is_closed, bool is_damaged)
{
    char length[32];
    uint64_t seconds = reader->length / UINT64_C(1000000000);
    reader->end = offset;
    snprintf(length, sizeof(length), "%u:%02u:%02u", (unsigned)(seconds / 3600),
             (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    /* A recorder holds a lock on the file that it writes. */
    bool is_written = flock(reader->fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)flock(reader->fd, LOCK_UN);
    if (is_closed) {
        return;
    }
    if (is_written) {
        snprintf(reader->notice, sizeof(reader->notice), "still being recorded: %s so far", length);
    } else if (is_damaged) {
        snprintf(reader->notice, sizeof(reader->notice),
                 "damaged at byte %llu of %llu: only the first %s can be read",
                 (unsigned long long)offset, (unsigned long long)size, length);
    } else {
        snprintf(reader->notice, sizeof(reader->notice),
                 "the recording is cut: it ends after %s, without a closing", length);
    }
}

static void reader_scan(struct wc_reader *reader, uint64_t size)
{
    uint64_t offset = WC_FILE_HEAD;
    bool is_closed = false, is_damaged = false;
    struct wc_record_head head;
    reader->end = size;
    while (!is_closed && offset < size) {
        uint8_t bytes[WC_RECORD_HEAD];
        if (offset + WC_RECORD_HEAD > size ||
            !reader_pread(reader->fd, bytes, sizeof(bytes), offset)) {
            break;
        }
        bool is_head = wc_record_get(bytes, &head);
        if (is_head && offset + WC_RECORD_HEAD + head.length > size) {
            break;
        }
        if (!is_head || !reader_checks(reader, offset, &head) ||
            !reader_note(reader, offset, &head)) {
            is_damaged = true;
            break;
        }
        is_closed = head.type == WC_RECORD_CLOSING;
        offset += WC_RECORD_HEAD + head.length;
    }
    reader_conclude(reader, offset, size, is_closed, is_damaged);
}

static bool reader_take_opening(struct wc_reader *reader)
{
    struct wc_record_head head;
    if (!reader_head(reader, WC_FILE_HEAD, &head) || head.type != WC_RECORD_OPENING ||
        !reader_inflate(reader, &reader->stream, WC_FILE_HEAD, &head)) {
        return false;
    }
    reader->opening = weir__v1__opening__unpack(NULL, head.plain, reader->plain);
    return reader->opening && reader->opening->description &&
           reader->opening->description->n_metrics <= READER_MAX_METRICS;
}

static enum wc_status reader_open_file(const char *path, int *ret_fd, uint64_t *ret_size,
                                       struct wc_error *ret_error)
{
    struct stat facts;
    uint8_t bytes[WC_FILE_HEAD];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        int error = errno;
        return wc_error_set(ret_error, error == EACCES ? WC_DENIED : WC_NO_TARGET, "%s: %s", path,
                            strerror(error));
    }
    uint32_t version = 0;
    bool is_file = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
    if (is_file && reader_pread(fd, bytes, sizeof(bytes), 0)) {
        version = wc_record_file_version(bytes);
    }
    if (version != WC_RECORD_VERSION) {
        close(fd);
        return version
                   ? wc_error_set(ret_error, WC_MISMATCH,
                                  "%s: a recording of version %u, and this weir reads version "
                                  "%u: use the weir that made it",
                                  path, version, WC_RECORD_VERSION)
                   : wc_error_set(ret_error, WC_MISMATCH,
                                  "%s is not a recording: `weir record -o FILE` makes one", path);
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)facts.st_size;
    return WC_OK;
}

bool wc_reader_is_recording(const char *path)
{
    uint8_t bytes[WC_FILE_HEAD];
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool is_one = fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
                  reader_pread(fd, bytes, sizeof(bytes), 0) && wc_record_file_version(bytes) != 0;
    if (fd >= 0) {
        close(fd);
    }
    return is_one;
}

enum wc_status wc_reader_open(const char *path, struct wc_reader **ret_reader,
                              struct wc_error *ret_error)
{
    int fd = -1;
    uint64_t size = 0;
    struct wc_frame first;
    uint64_t at;
    enum wc_status code = reader_open_file(path, &fd, &size, ret_error);
    if (code != WC_OK) {
        return code;
    }
    struct wc_reader *reader = wc_alloc(sizeof(*reader));
    reader->fd = fd;
    reader->path = wc_copy(path);
    reader->keys_apart = 1;
    if (inflateInit2(&reader->stream, READER_WINDOW) != Z_OK) {
        wc_give_up();
    }
    reader_scan(reader, size);
    wc_frame_init(&first);
    if (!reader_take_opening(reader) || !wc_reader_seek(reader, 0, &first, &at)) {
        code = wc_error_set(ret_error, WC_MISMATCH,
                            "%s: the recording is cut or damaged before its first frame", path);
        wc_reader_close(reader);
        reader = NULL;
    }
    wc_frame_finish(&first);
    *ret_reader = reader;
    return code;
}

void wc_reader_close(struct wc_reader *reader)
{
    if (!reader) {
        return;
    }
    close(reader->fd);
    inflateEnd(&reader->stream);
    if (reader->opening) {
        weir__v1__opening__free_unpacked(reader->opening, NULL);
    }
    free(reader->keys);
    free(reader->series);
    free(reader->packed);
    free(reader->plain);
    free(reader->path);
    free(reader);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* The head and offset of the next frame's record, past the records between frames. */
static bool reader_next_look(struct wc_reader *reader, struct wc_record_head *ret_head)
{
    while (reader_head(reader, reader->offset, ret_head)) {
        if (ret_head->type == WC_RECORD_KEY || ret_head->type == WC_RECORD_STEP) {
            return true;
        }
        reader->offset += WC_RECORD_HEAD + ret_head->length;
    }
    return false;
}

/* The frames so far stay; the file behind this offset is given up. */
static void reader_give_up(struct wc_reader *reader)
{
    reader->end = reader->offset;
    reader->length = reader->at;
    while (reader->n_keys > 0 && reader->keys[reader->n_keys - 1].offset >= reader->end) {
        reader->n_keys--;
    }
    snprintf(reader->notice, sizeof(reader->notice),
             "damaged at byte %llu: the rest cannot be read", (unsigned long long)reader->offset);
}

enum reader_found { READER_LOOK, READER_END, READER_DAMAGE };

/* Moves on by one frame. After damage `frame` is not valid. */
static enum reader_found reader_read(struct wc_reader *reader, struct wc_frame *frame,
                                     uint64_t *ret_at)
{
    struct wc_record_head head;
    bool is_sound = false;
    if (!reader_next_look(reader, &head)) {
        return READER_END;
    }
    if (!reader_inflate(reader, &reader->stream, reader->offset, &head)) {
        reader_give_up(reader);
        return READER_DAMAGE;
    }
    if (head.type == WC_RECORD_KEY) {
        Weir__V1__Update *update = weir__v1__update__unpack(NULL, head.plain, reader->plain);
        is_sound = update && wc_frame_set(frame, update);
    } else {
        Weir__V1__Step *step = weir__v1__step__unpack(NULL, head.plain, reader->plain);
        is_sound = step && wc_frame_apply(frame, step);
    }
    if (!is_sound) {
        reader_give_up(reader);
        return READER_DAMAGE;
    }
    reader->offset += WC_RECORD_HEAD + head.length;
    *ret_at = reader->at = head.at;
    reader->length = head.at > reader->length ? head.at : reader->length;
    return READER_LOOK;
}

bool wc_reader_next(struct wc_reader *reader, struct wc_frame *frame, uint64_t *ret_at)
{
    enum reader_found found = reader_read(reader, frame, ret_at);
    if (found == READER_DAMAGE) {
        (void)wc_reader_seek(reader, reader->at, frame, ret_at);
    }
    return found == READER_LOOK;
}

uint64_t wc_reader_peek(struct wc_reader *reader)
{
    struct wc_record_head head;
    return reader_next_look(reader, &head) ? head.at : UINT64_MAX;
}

/* The number of keys up to a moment. */
static size_t reader_keys_to(const struct wc_reader *reader, uint64_t at)
{
    size_t low = 0, high = reader->n_keys;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reader->keys[middle].at <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool wc_reader_seek(struct wc_reader *reader, uint64_t at, struct wc_frame *frame, uint64_t *ret_at)
{
    bool has_look = false;
    while (!has_look && reader->n_keys > 0) {
        size_t n = reader_keys_to(reader, at);
        size_t i = n > 0 ? n - 1 : 0;
        reader->offset = reader->keys[i].offset;
        reader->at = i > 0 ? reader->keys[i - 1].at : 0;
        has_look = reader_read(reader, frame, ret_at) == READER_LOOK;
        if (has_look) {
            enum reader_found found = READER_LOOK;
            while (found == READER_LOOK && wc_reader_peek(reader) <= at) {
                found = reader_read(reader, frame, ret_at);
            }
            has_look = found != READER_DAMAGE; /* again, up to that point */
        } else {
            reader->n_keys = i < reader->n_keys ? i : reader->n_keys;
        }
    }
    return has_look;
}

/* ---- facts ------------------------------------------------------------------------------------ */

const Weir__V1__Opening *wc_reader_opening(const struct wc_reader *reader)
{
    return reader->opening;
}

uint64_t wc_reader_length(const struct wc_reader *reader)
{
    return reader->length;
}

uint64_t wc_reader_looks(const struct wc_reader *reader)
{
    return reader->looks;
}

const char *wc_reader_notice(const struct wc_reader *reader)
{
    return reader->notice;
}

size_t wc_reader_n_series(const struct wc_reader *reader)
{
    return reader->n_series;
}

Weir__V1__Series *wc_reader_series(struct wc_reader *reader, size_t i)
{
    struct wc_record_head head;
    Weir__V1__Series *series = NULL;
    z_stream stream = {0}; /* the frames' own stream continues afterwards */
    if (i >= reader->n_series || !reader_head(reader, reader->series[i], &head) ||
        head.type != WC_RECORD_SERIES || inflateInit2(&stream, READER_WINDOW) != Z_OK) {
        return NULL;
    }
    if (reader_inflate(reader, &stream, reader->series[i], &head)) {
        series = weir__v1__series__unpack(NULL, head.plain, reader->plain);
    }
    inflateEnd(&stream);
    return series;
}
