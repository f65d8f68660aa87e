/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a segment: this process's mapping, or private copies of a file.
 *
 * A file is copied by pread before anything in it is trusted: its owner may write to it, truncate
 * it or overwrite it at any time, and a mapping of it could then change under a check or end this
 * process by SIGBUS. The header is checked first, its sizes against the file's length, and only the
 * part that it declares as used is copied. For a living process two copies are made, one after the
 * other, for the two passes (passes.c), and the totals of closed handles are read once more after
 * them; for a dead one a single copy is enough. So all that is read from a file is read here, in the
 * order that readers need, and what comes after looks only at the copies. They are kept and used
 * again.
 *
 * This process's own segment is not copied: the reserved part of the mapping exists for as long as
 * the process lives. Once the segment was given up (overwritten by another process), reading fails
 * with one line.
 *
 * Each read checks whether the process lives. Its pid in this namespace is found only once, since
 * that may mean a search through all processes. The source owns the descriptor and the copies. One
 * thread at a time.
 */
#include "snapshot/source.h"

#include "segment/file.h"
#include "segment/segment.h"
#include "weir/atomic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wi_source {
    int fd; /* -1: this process */
    char path[WI_PATH_MAX];
    struct {
        unsigned char *bytes;
        size_t room;
    } copies[2];
    enum wi_state state;
    struct wi_owner owner;
    bool has_sought_owner;
    uint64_t touched; /* of this process's mapping, when it is a family's: so much is there */
};

static struct wi_source *source_new(struct weir_error *ret_error)
{
    struct wi_source *source = calloc(1, sizeof(*source));
    if (!source) {
        wi_error_set(ret_error, "out of memory");
        return NULL;
    }
    source->fd = -1;
    return source;
}

enum weir_status wi_source_open_self(struct wi_source **ret_source, struct weir_error *ret_error)
{
    if (!wi_segment_counts()) {
        wi_error_set(ret_error, "weir_start has not been called");
        return WEIR_E_STATE;
    }
    struct wi_source *source = source_new(ret_error);
    if (!source) {
        return WEIR_E_MEMORY;
    }
    wi_segment_path(".weir", source->path, sizeof(source->path));
    source->state = WI_STATE_RUNNING;
    *ret_source = source;
    return WEIR_OK;
}

enum weir_status wi_source_open_file(const char *path, struct wi_source **ret_source,
                                     struct weir_error *ret_error)
{
    int fd;
    if (strlen(path) >= WI_PATH_MAX) {
        wi_error_set(ret_error, "the path is longer than %d bytes", WI_PATH_MAX - 1);
        return WEIR_E_ARGUMENT;
    }
    enum weir_status status = wi_find_open(path, &fd, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    struct wi_source *source = source_new(ret_error);
    if (!source) {
        close(fd);
        return WEIR_E_MEMORY;
    }
    source->fd = fd;
    source->state = WI_STATE_UNKNOWN;
    snprintf(source->path, sizeof(source->path), "%s", path);
    *ret_source = source;
    return WEIR_OK;
}

void wi_source_close(struct wi_source *source)
{
    if (source) {
        if (source->fd >= 0) {
            close(source->fd);
        }
        free(source->copies[0].bytes);
        free(source->copies[1].bytes);
        free(source);
    }
}

/* Bytes that reach beyond WI_FIRST_LINE, as an image. */
static struct wi_image source_image(const unsigned char *bytes, size_t length)
{
    struct wi_image image = {.bytes = bytes, .length = length};
    image.header = (const void *)bytes;
    image.shards = (const void *)(bytes + WI_SHARDS_LINE * WEIR_LINE);
    image.slabs = (const void *)(bytes + WI_SLABS_LINE * WEIR_LINE);
    for (int t = 0; t < WI_N_TABLES; t++) {
        image.block_slabs[t] = (const void *)(bytes + wi_table_shapes[t].slabs * WEIR_LINE);
    }
    return image;
}

static enum weir_status source_read_part(struct wi_source *source, unsigned char *copy, size_t from,
                                         size_t length, struct weir_error *ret_error)
{
    size_t wanted = length > from ? length - from : 0;
    ssize_t n = wi_file_pread(source->fd, copy + from, wanted, from);
    if (n < 0) {
        wi_error_set(ret_error, "%.160s: %s", source->path, strerror(errno));
        return WEIR_E_SYSTEM;
    }
    if ((size_t)n < wanted) {
        wi_error_set(ret_error, "%.140s is cut off: it ends at byte %zu of %zu", source->path,
                     from + (size_t)n, length);
        return WEIR_E_CORRUPT;
    }
    return WEIR_OK;
}

static enum weir_status source_read_up_to(struct wi_source *source, int which, size_t from,
                                          size_t length, struct weir_error *ret_error)
{
    if (length > source->copies[which].room) {
        unsigned char *bytes = realloc(source->copies[which].bytes, length);
        if (!bytes) {
            wi_error_set(ret_error, "no memory for a copy of %zu bytes", length);
            return WEIR_E_MEMORY;
        }
        source->copies[which].bytes = bytes;
        source->copies[which].room = length;
    }
    return source_read_part(source, source->copies[which].bytes, from, length, ret_error);
}

/* Reads the part that the process handed out while it was read: the names and histograms of handles
 * that are in the copy already. */
static enum weir_status source_read_rest(struct wi_source *source, int which, uint64_t most,
                                         size_t *length, struct weir_error *ret_error)
{
    uint64_t used;
    ssize_t n = pread(source->fd, &used, sizeof(used), offsetof(struct wi_header, used_bytes));
    size_t from = *length;
    if (n != (ssize_t)sizeof(used) || used <= from || used > most) {
        return WEIR_OK;
    }
    *length = used;
    return source_read_up_to(source, which, from, used, ret_error);
}

/* For a living process, once: in another pid namespace it means a search through all processes. */
static void source_know_owner(struct wi_source *source, const struct wi_header *header,
                              const struct stat *facts)
{
    struct wi_maker maker = wi_find_maker(header);
    if (source->has_sought_owner) {
        return;
    }
    source->owner = wi_owner_here(&maker);
    if (wi_find_state(source->fd, &source->owner) == WI_STATE_RUNNING) {
        source->owner = wi_owner_search(&maker, facts->st_dev, facts->st_ino);
    }
    source->has_sought_owner = true;
}

static enum weir_status source_read_file(struct wi_source *source, int which,
                                         struct wi_image *ret_image, struct weir_error *ret_error)
{
    struct stat facts;
    struct weir_error why = {""};
    size_t head = sizeof(struct wi_header);
    if (fstat(source->fd, &facts) != 0 || (uint64_t)facts.st_size < WI_FIRST_LINE * WEIR_LINE) {
        wi_error_set(ret_error, "%.140s is not a weir segment, or cut off at its start",
                     source->path);
        return WEIR_E_CORRUPT;
    }
    enum weir_status status = source_read_up_to(source, which, 0, head, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    struct wi_header header;
    memcpy(&header, source->copies[which].bytes, head);
    status = wi_find_check_header(&header, head, &why);
    if (status != WEIR_OK) {
        wi_error_set(ret_error, "%.100s: %.140s", source->path, why.text);
        return status;
    }
    if (header.used_bytes < WI_FIRST_LINE * WEIR_LINE || header.used_bytes > header.limit_bytes ||
        header.limit_bytes > WI_MAX_LIMIT) {
        wi_error_set(ret_error, "%.140s is corrupt: its used size is impossible", source->path);
        return WEIR_E_CORRUPT;
    }
    if (header.used_bytes > (uint64_t)facts.st_size) {
        wi_error_set(ret_error, "%.140s is cut off: it ends at byte %lld of %llu", source->path,
                     (long long)facts.st_size, (unsigned long long)header.used_bytes);
        return WEIR_E_CORRUPT;
    }
    source_know_owner(source, &header, &facts);
    source->state = wi_find_state(source->fd, &source->owner);
    bool is_still = source->state == WI_STATE_DEAD;
    size_t length = header.used_bytes;
    status = source_read_up_to(source, which, 0, length, ret_error);
    if (status == WEIR_OK && !is_still) {
        uint64_t size = (uint64_t)facts.st_size;
        uint64_t most = size < header.limit_bytes ? size : header.limit_bytes;
        status = source_read_rest(source, which, most, &length, ret_error);
    }
    if (status == WEIR_OK) {
        *ret_image = source_image(source->copies[which].bytes, length);
        ret_image->is_still = is_still;
        ret_image->is_copy = true;
        ret_image->has_ended = is_still || source->state == WI_STATE_ORPHANED;
    }
    return status;
}

/* Reads bytes of the later copy again, in place; NULL: there are none. */
static enum weir_status source_read_again(struct wi_source *source, const void *at, size_t bytes,
                                          struct weir_error *ret_error)
{
    unsigned char *copy = source->copies[1].bytes;
    size_t from = at ? (size_t)((const unsigned char *)at - copy) : 0;
    return at ? source_read_part(source, copy, from, from + bytes, ret_error) : WEIR_OK;
}

/* Reads the totals of closed handles again, since a slot that was used again before it was read has
 * its counts there. The totals and their waits come first, since the process writes them last. The
 * number of folds comes last: it tells whether the log has lost entries. */
static enum weir_status source_read_totals(struct wi_source *source, const struct wi_image *image,
                                           struct weir_error *ret_error)
{
    const struct wi_header *header = image->header;
    const size_t slab = WI_RETIRED_SLAB * sizeof(struct wi_retired);
    const size_t waits = 2 * sizeof(struct wi_retired_waits);
    const size_t log = WI_RETIRED_LOG * sizeof(uint64_t);
    size_t n = header->n_retired < WI_RETIRED_MAX ? header->n_retired : WI_RETIRED_MAX;
    enum weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < n; i += WI_RETIRED_SLAB) {
        status = source_read_again(source, wi_image_retired(image, i), slab, ret_error);
    }
    for (size_t i = 0; status == WEIR_OK && i < 2 * n; i++) {
        const struct wi_retired *totals = wi_image_retired(image, i / 2);
        const void *at = totals ? wi_image_at(image, totals->waits[i % 2], waits) : NULL;
        status = source_read_again(source, at, waits, ret_error);
    }
    if (status == WEIR_OK && n) {
        const void *at = wi_image_at(image, header->retired_log, log);
        status = source_read_again(source, at, log, ret_error);
    }
    return status == WEIR_OK && n
               ? source_read_again(source, &header->n_folds, sizeof(header->n_folds), ret_error)
               : status;
}

/* How much of this process's segment may be touched. In a family other processes reserve pages, too, and the word that
 * tells how many may be wrong: they are made present, or left out. */
static uint64_t source_own_length(struct wi_source *source)
{
    /* Pairs with pool_reserve. */
    uint64_t length = wi_load_acquire(&wi_index.reserved_bytes);
    if (!wi_segment_is_family()) {
        return length;
    }
    /* Pairs with room_extend in other processes. */
    uint64_t shown = wi_load_acquire(&wi_segment_header()->reserved_bytes);
    shown = shown <= wi_segment.map_bytes ? shown : 0;
    bool has_more = shown > source->touched;
    if (has_more && wi_file_is(wi_segment.fd, wi_segment.device, wi_segment.inode)
            ? wi_file_reserve(wi_segment.fd, wi_segment.base, 0, shown)
            : has_more && wi_file_populate(wi_segment.base, 0, shown)) {
        source->touched = shown;
    }
    return source->touched > length ? source->touched : length;
}

/* This process's own segment is read where it lies. */
static enum weir_status source_read_self(struct wi_source *source, struct wi_image *ret_image,
                                         struct weir_error *ret_error)
{
    if (!wi_segment_counts()) {
        wi_error_set(ret_error, "this process has no segment, or another process overwrote it: "
                                "restart it to count again");
        return WEIR_E_STATE;
    }
    *ret_image = source_image(wi_segment.base, source_own_length(source));
    return WEIR_OK;
}

enum weir_status wi_source_read(struct wi_source *source, struct wi_image *ret_before,
                                struct wi_image *ret_after, struct weir_error *ret_error)
{
    bool is_self = source->fd < 0;
    enum weir_status status = is_self ? source_read_self(source, ret_before, ret_error)
                                      : source_read_file(source, 0, ret_before, ret_error);
    *ret_after = *ret_before;
    if (status != WEIR_OK || is_self || ret_before->is_still) {
        return status;
    }
    status = source_read_file(source, 1, ret_after, ret_error);
    return status == WEIR_OK ? source_read_totals(source, ret_after, ret_error) : status;
}

enum weir_status wi_source_read_again(struct wi_source *source, const struct wi_image *after,
                                      const void *at, size_t bytes, struct weir_error *ret_error)
{
    bool is_copy = source->fd >= 0 && after->bytes == source->copies[1].bytes && !after->is_still;
    return is_copy ? source_read_again(source, at, bytes, ret_error) : WEIR_OK;
}

void wi_source_follow(struct wi_source *source, struct wi_image *image)
{
    if (source->fd < 0) {
        image->length = source_own_length(source);
    }
}

enum wi_state wi_source_state(const struct wi_source *source)
{
    return source->state;
}

bool wi_source_is_self(const struct wi_source *source)
{
    return source->fd < 0;
}

const char *wi_source_path(const struct wi_source *source)
{
    return source->path;
}

struct wi_owner wi_source_owner(const struct wi_source *source)
{
    return source->owner;
}

bool wi_source_file(const struct wi_source *source, dev_t *ret_device, ino_t *ret_inode,
                    uid_t *ret_uid)
{
    struct stat facts;
    if (source->fd < 0 || fstat(source->fd, &facts) != 0) {
        return false;
    }
    *ret_device = facts.st_dev;
    *ret_inode = facts.st_ino;
    *ret_uid = facts.st_uid;
    return true;
}

bool wi_source_is(const struct wi_source *source, dev_t device, ino_t inode)
{
    return wi_file_is(source->fd, device, inode);
}

bool wi_source_is_nameless(const struct wi_source *source)
{
    struct stat facts;
    return source->fd >= 0 && fstat(source->fd, &facts) == 0 && facts.st_nlink == 0;
}

size_t wi_source_memory(const struct wi_source *source)
{
    return sizeof(*source) + source->copies[0].room + source->copies[1].room;
}
