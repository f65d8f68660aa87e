/* SPDX-License-Identifier: MIT */
/*
 * A recording's records, one behind the other.
 *
 * The input is Updates, the output a file: its head, the opening, series of the past, then for each
 * Update a key (the whole frame) or a step from the one before, and at the end the closing. At most
 * 60 steps follow a key, and a new key comes when kinds or columns have changed, so that a reader
 * need not go through all steps to get to a moment. A key and its steps are one deflate stream,
 * flushed after each record; all other records stand alone.
 *
 * Each record is written by one call as a rule, with its length and checksum. A record that could
 * not be written whole is cut off again, so that the file always ends with a whole record. A kill
 * may leave a part of a record, which the reader detects. After the first failure nothing more is
 * written but the closing, if there is room. fdatasync is called for each key and at the end, not
 * for each second.
 *
 * The writer owns the file, a lock on it (no two recorders write one file) and the last frame. Time
 * is the server's clock and never goes back. One thread.
 */
#include "record/writer.h"

#include "base/memory.h"
#include "model/title.h"
#include "weir/expect.h"
#include "weir/topic.h"
#include "record/format.h"
#include "record/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define WRITER_KEY_LOOKS 60 /* steps that a reader needs at most to get to a frame */
#define WRITER_LEVEL     6
#define WRITER_WINDOW    (-15) /* raw deflate: the record has its own checksum */
#define WRITER_MEMORY    8

struct wc_writer {
    int fd;
    char *path;
    uint64_t bytes; /* of whole records */
    uint64_t looks, since_key, left_out;
    uint64_t at, first_nanos;
    struct wc_frame frame; /* the last frame */
    char **include, **exclude;
    size_t n_include, n_exclude;
    uint64_t n_named; /* rows that a glob could have left out, in all frames */
    z_stream stream;  /* of a key and its steps */
    z_stream single;  /* of one record */
    uint8_t *buffer;
    size_t room;
    bool has_failed;
};

static enum wc_status writer_failed(struct wc_writer *writer, int error, struct wc_error *ret_error)
{
    writer->has_failed = true;
    return wc_error_set(ret_error, WC_INCOMPLETE,
                        "%s: %s: the recording up to then is whole: %.0f s", writer->path,
                        strerror(error), wc_writer_seconds(writer));
}

/* ---- records ------------------------------------------------------------------------------ */

/* Writes at the end; cuts off a record that could not be written whole. */
static enum wc_status writer_write(struct wc_writer *writer, const uint8_t *bytes, size_t n,
                                   struct wc_error *ret_error)
{
    size_t done = 0;
    while (done < n) {
        ssize_t written = pwrite(writer->fd, bytes + done, n - done, (off_t)(writer->bytes + done));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            int error = written < 0 ? errno : ENOSPC;
            (void)!ftruncate(writer->fd, (off_t)writer->bytes);
            return writer_failed(writer, error, ret_error);
        }
        done += (size_t)written;
    }
    writer->bytes += n;
    return WC_OK;
}

/* Deflates into the buffer behind a record's head; returns the length. */
static size_t writer_deflate(struct wc_writer *writer, z_stream *stream, int flush,
                             const uint8_t *bytes, size_t n)
{
    size_t room = WC_RECORD_HEAD + deflateBound(stream, n) + 64;
    if (room > writer->room) {
        writer->buffer = wc_resize(writer->buffer, room, 1);
        writer->room = room;
    }
    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)n;
    stream->next_out = writer->buffer + WC_RECORD_HEAD;
    stream->avail_out = (uInt)(writer->room - WC_RECORD_HEAD);
    (void)deflate(stream, flush);
    (void)WI_EXPECT(stream->avail_in == 0 &&
                    stream->avail_out > 0); /* all of it, and no more to come */
    return writer->room - WC_RECORD_HEAD - stream->avail_out;
}

static enum wc_status writer_record(struct wc_writer *writer, enum wc_record_type type,
                                    const uint8_t *bytes, size_t n, struct wc_error *ret_error)
{
    bool is_single = type != WC_RECORD_KEY && type != WC_RECORD_STEP;
    z_stream *stream = is_single ? &writer->single : &writer->stream;
    struct wc_record_head head = {.plain = (uint32_t)n, .type = type, .at = writer->at};
    if (writer->has_failed) {
        return wc_error_set(ret_error, WC_INCOMPLETE, "%s: could not be written", writer->path);
    }
    if (n > WC_RECORD_PLAIN_MAX) {
        return wc_error_set(ret_error, WC_MISMATCH,
                            "the server sends more than an exporter does: is it another version?");
    }
    if (type != WC_RECORD_STEP) {
        deflateReset(stream);
    }
    head.length =
        (uint32_t)writer_deflate(writer, stream, is_single ? Z_FINISH : Z_SYNC_FLUSH, bytes, n);
    wc_record_put(&head, writer->buffer);
    return writer_write(writer, writer->buffer, WC_RECORD_HEAD + head.length, ret_error);
}

static enum wc_status writer_message(struct wc_writer *writer, enum wc_record_type type,
                                     const ProtobufCMessage *message, struct wc_error *ret_error)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = wc_alloc(n);
    protobuf_c_message_pack(message, bytes);
    enum wc_status code = writer_record(writer, type, bytes, n, ret_error);
    free(bytes);
    return code;
}

/* ---- the file ----------------------------------------------------------------------------- */

/* The reason why a file cannot be made. */
static enum wc_status writer_refuse(const char *path, int error, struct wc_error *ret_error)
{
    switch (error) {
    case EEXIST:
        return wc_error_set(ret_error, WC_USAGE,
                            "%s exists already: give another name, or --force to overwrite it",
                            path);
    case ENOENT:
    case ENOTDIR:
        return wc_error_set(ret_error, WC_USAGE,
                            "%s: its folder does not exist: make it, or give another name", path);
    case EISDIR:
        return wc_error_set(ret_error, WC_USAGE, "%s: is a folder: give the name of a file", path);
    case ENAMETOOLONG:
        return wc_error_set(ret_error, WC_USAGE, "%s: the name is too long: give a shorter one",
                            path);
    case EACCES:
    case EPERM:
    case EROFS:
        return wc_error_set(ret_error, WC_DENIED, "%s: %s", path, strerror(error));
    default:
        return wc_error_set(ret_error, WC_INCOMPLETE, "%s: %s", path, strerror(error));
    }
}

static enum wc_status writer_open(const char *path, bool is_forced, int *ret_fd,
                                  struct wc_error *ret_error)
{
    struct stat facts;
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (is_forced ? 0 : O_EXCL);
    int fd = open(path, flags, 0600);
    if (fd < 0) {
        return writer_refuse(path, errno, ret_error);
    }
    bool is_file = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
    if (!is_file || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return wc_error_set(ret_error, WC_USAGE,
                            is_file ? "%s: another weir is recording into it: give another name"
                                    : "%s is not a regular file: a recording needs one",
                            path);
    }
    if (ftruncate(fd, 0) != 0) {
        int error = errno;
        close(fd);
        return wc_error_set(ret_error, WC_INCOMPLETE, "%s: %s", path, strerror(error));
    }
    *ret_fd = fd;
    return WC_OK;
}

static char **globs_copy(char *const *globs, size_t n)
{
    char **copy = wc_alloc((n + 1) * sizeof(*copy));
    for (size_t i = 0; i < n; i++) {
        copy[i] = wc_copy(globs[i]);
    }
    return copy;
}

static void globs_free(char **globs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(globs[i]);
    }
    free(globs);
}

static void writer_free(struct wc_writer *writer)
{
    close(writer->fd);
    deflateEnd(&writer->stream);
    deflateEnd(&writer->single);
    wc_frame_finish(&writer->frame);
    globs_free(writer->include, writer->n_include);
    globs_free(writer->exclude, writer->n_exclude);
    free(writer->buffer);
    free(writer->path);
    free(writer);
}

enum wc_status wc_writer_create(const char *path, bool is_forced, const Weir__V1__Opening *opening,
                                struct wc_writer **ret_writer, struct wc_error *ret_error)
{
    uint8_t head[WC_FILE_HEAD];
    int fd = -1;
    enum wc_status code = writer_open(path, is_forced, &fd, ret_error);
    if (code != WC_OK) {
        return code;
    }
    struct wc_writer *writer = wc_alloc(sizeof(*writer));
    writer->fd = fd;
    writer->path = wc_copy(path);
    writer->n_include = opening->n_include;
    writer->n_exclude = opening->n_exclude;
    writer->include = globs_copy(opening->include, opening->n_include);
    writer->exclude = globs_copy(opening->exclude, opening->n_exclude);
    wc_frame_init(&writer->frame);
    if (deflateInit2(&writer->stream, WRITER_LEVEL, Z_DEFLATED, WRITER_WINDOW, WRITER_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK ||
        deflateInit2(&writer->single, WRITER_LEVEL, Z_DEFLATED, WRITER_WINDOW, WRITER_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        wc_give_up();
    }
    wc_record_put_file_head(head);
    code = writer_write(writer, head, sizeof(head), ret_error);
    if (code == WC_OK) {
        code = writer_message(writer, WC_RECORD_OPENING, &opening->base, ret_error);
    }
    if (code != WC_OK) {
        /* The file has no content worth keeping. */
        unlink(path);
        writer_free(writer);
        return code;
    }
    *ret_writer = writer;
    return WC_OK;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static bool writer_wants(const struct wc_writer *writer, const char *name, const char *label)
{
    bool is_wanted = writer->n_include == 0;
    for (size_t i = 0; i < writer->n_include && !is_wanted; i++) {
        is_wanted = wi_glob_matches_row(writer->include[i], name, label);
    }
    for (size_t i = 0; i < writer->n_exclude && is_wanted; i++) {
        is_wanted = !wi_glob_matches_row(writer->exclude[i], name, label);
    }
    return is_wanted;
}

/* Leaves out rows that are not to be recorded, but never the process and weir itself. */
static void writer_filter(struct wc_writer *writer, Weir__V1__Update *update)
{
    writer->left_out = 0;
    for (size_t i = 0; i < update->n_tables; i++) {
        Weir__V1__Table *table = update->tables[i];
        size_t n = 0;
        writer->left_out += table->matching > table->n_rows ? table->matching - table->n_rows : 0;
        if (table->kind == WEIR__V1__KIND__KIND_PROCESS ||
            table->kind == WEIR__V1__KIND__KIND_AGENT) {
            continue;
        }
        for (size_t k = 0; k < table->n_rows; k++) {
            const char *label =
                wc_row_label((int)table->kind, table->columns, table->n_columns, table->rows[k]);
            if (writer_wants(writer, table->rows[k]->name, label)) {
                table->rows[n++] = table->rows[k];
            } else {
                weir__v1__row__free_unpacked(table->rows[k], NULL);
            }
        }
        table->n_rows = n;
        writer->n_named += table->kind == WEIR__V1__KIND__KIND_WARNING ? 0 : n;
    }
}

/* The time since the first frame; it never goes back. */
static uint64_t writer_time(struct wc_writer *writer, const struct wc_frame *next)
{
    uint64_t now = next->read_nanos > 0 ? (uint64_t)next->read_nanos : 0;
    if (writer->looks == 0) {
        writer->first_nanos = now;
    }
    uint64_t at = now > writer->first_nanos ? now - writer->first_nanos : 0;
    return at > writer->at ? at : writer->at;
}

enum wc_status wc_writer_look(struct wc_writer *writer, Weir__V1__Update *taken_update,
                              struct wc_error *ret_error)
{
    struct wc_frame next;
    size_t n;
    wc_frame_init(&next);
    writer_filter(writer, taken_update);
    if (!wc_frame_set(&next, taken_update)) {
        return wc_error_set(ret_error, WC_MISMATCH,
                            "the server sends more than an exporter does: is it another version?");
    }
    bool is_key = writer->looks == 0 || writer->since_key >= WRITER_KEY_LOOKS ||
                  !wc_frame_is_like(&writer->frame, &next);
    uint8_t *bytes = is_key ? wc_frame_pack(&next, &n) : wc_frame_step(&writer->frame, &next, &n);
    writer->at = writer_time(writer, &next);
    enum wc_status code =
        writer_record(writer, is_key ? WC_RECORD_KEY : WC_RECORD_STEP, bytes, n, ret_error);
    free(bytes);
    if (code == WC_OK && is_key && writer->looks > 0) {
        (void)fdatasync(writer->fd);
    }
    wc_frame_finish(&writer->frame);
    writer->frame = next;
    writer->looks += code == WC_OK;
    writer->since_key = is_key ? 0 : writer->since_key + 1;
    return code;
}

enum wc_status wc_writer_series(struct wc_writer *writer, const Weir__V1__Series *series,
                                struct wc_error *ret_error)
{
    bool is_one =
        series->kind == WEIR__V1__KIND__KIND_PROCESS || series->kind == WEIR__V1__KIND__KIND_AGENT;
    const struct wc_frame_table *table =
        (unsigned)series->kind < WC_FRAME_KINDS ? &writer->frame.tables[series->kind] : NULL;
    const Weir__V1__Row *row = table ? wc_frame_row(table, series->id) : NULL;
    const char *label =
        row ? wc_row_label((int)series->kind, table->columns, table->n_columns, row) : NULL;
    return is_one || writer_wants(writer, series->name, label)
               ? writer_message(writer, WC_RECORD_SERIES, &series->base, ret_error)
               : WC_OK;
}

enum wc_status wc_writer_close(struct wc_writer *taken_writer, const char *reason,
                               struct wc_error *ret_error)
{
    Weir__V1__Closing closing = WEIR__V1__CLOSING__INIT;
    enum wc_status code = WC_OK;
    if (!taken_writer) {
        return WC_OK;
    }
    closing.unix_nanos = taken_writer->frame.unix_nanos;
    closing.looks = taken_writer->looks;
    closing.reason = (char *)(uintptr_t)reason;
    /* After a failure there may still be room for this record, which is small. */
    taken_writer->has_failed = false;
    code = writer_message(taken_writer, WC_RECORD_CLOSING, &closing.base, ret_error);
    if (fdatasync(taken_writer->fd) != 0 && errno != EROFS && errno != EINVAL && code == WC_OK) {
        code = writer_failed(taken_writer, errno, ret_error);
    }
    writer_free(taken_writer);
    return code;
}

uint64_t wc_writer_looks(const struct wc_writer *writer)
{
    return writer->looks;
}

uint64_t wc_writer_bytes(const struct wc_writer *writer)
{
    return writer->bytes;
}

uint64_t wc_writer_left_out(const struct wc_writer *writer)
{
    return writer->left_out;
}

double wc_writer_seconds(const struct wc_writer *writer)
{
    return (double)writer->at / 1e9;
}

bool wc_writer_has_names(const struct wc_writer *writer)
{
    return writer->n_named > 0;
}

const char *wc_writer_state(const struct wc_writer *writer)
{
    return writer->frame.state;
}
