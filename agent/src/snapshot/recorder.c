/* SPDX-License-Identifier: MIT */
/*
 * The history's file in the hands of one exporter: creation, takeover, writing.
 *
 * Each second the recorder checks the file: it opens an existing one, creates one if it may, and
 * writes if the lock is free. The first exporter that takes the lock writes; all others read, and
 * one takes over when the writer has ended. The file is 0400 once it has its name, as the segment
 * is; a successor of the same user makes it 0600 for a moment to open it for writing.
 *
 * Rows are written by pwrite, never through a mapping: a full file system is then an error that is
 * counted, not a signal. Before a write that could kill or stop the host the limits are read:
 * RLIMIT_FSIZE, which sends a signal, and the memory cgroup, which kills. Hosts close descriptors
 * that they do not know, so the descriptor is checked before each write: its number may be another
 * file by now, which is then not ours to close.
 *
 * When it cannot be written, the row is counted as lost and `problem` says why in one line; nothing
 * else fails. The recorder owns the descriptor and the lock. One thread at a time.
 */
#include "snapshot/recorder.h"

#include "segment/descriptor.h"
#include "segment/cgroup.h"
#include "segment/file.h"
#include "weir/expect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The recorder asks the memory cgroup once for this many pages by which the file grows. */
#define RECORDER_ROOM_ROWS 64

static void recorder_note(struct wi_recorder *recorder, const char *what, const char *why)
{
    snprintf(recorder->problem, sizeof(recorder->problem), "%s%s%.120s", what, why[0] ? ": " : "",
             why);
}

void wi_recorder_init(struct wi_recorder *recorder, const char *segment, const char *name,
                      const struct wi_stem *own)
{
    static const char suffix[] = ".weir";
    size_t n = strlen(segment);
    size_t n_suffix = sizeof(suffix) - 1;
    memset(recorder, 0, sizeof(*recorder));
    recorder->fd = -1;
    recorder->history.fd = -1;
    recorder->own = *own;
    snprintf(recorder->name, sizeof(recorder->name), "%s", name);
    snprintf(recorder->segment, sizeof(recorder->segment), "%s", segment);
    bool has_file = n > n_suffix && strcmp(segment + n - n_suffix, suffix) == 0 &&
                    n - n_suffix + sizeof(".history") <= sizeof(recorder->path);
    if (has_file) {
        snprintf(recorder->path, sizeof(recorder->path), "%.*s.history", (int)(n - n_suffix),
                 segment);
    }
}

static bool recorder_lock(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Whether nobody writes the file; tested through a descriptor that may be for reading only. */
static bool recorder_is_free(int fd)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

/* Whether the descriptor is still our file, and the file still has its name. */
static bool recorder_has_file(struct wi_recorder *recorder)
{
    struct stat facts;
    if (recorder->fd < 0 || fstat(recorder->fd, &facts) != 0 || facts.st_dev != recorder->device ||
        facts.st_ino != recorder->inode) {
        recorder->fd = -1; /* another file by now: not ours to close */
        return false;
    }
    recorder->file_bytes = (uint64_t)facts.st_blocks * 512;
    return facts.st_nlink > 0;
}

static void recorder_close(struct wi_recorder *recorder)
{
    bool is_ours = wi_file_is(recorder->fd, recorder->device, recorder->inode);
    if (is_ours && recorder->state == WI_RECORDER_WRITING) {
        /* A child of fork may hold the description as well: closing alone would not free it. */
        recorder_lock(recorder->fd, F_UNLCK);
    }
    if (is_ours) {
        close(recorder->fd);
    }
    recorder->fd = -1;
    recorder->history.fd = -1;
    recorder->file_bytes = 0;
    recorder->state = WI_RECORDER_NONE;
}

void wi_recorder_finish(struct wi_recorder *recorder)
{
    recorder_close(recorder);
}

void wi_recorder_abandon(struct wi_recorder *recorder)
{
    if (wi_file_is(recorder->fd, recorder->device, recorder->inode)) {
        close(recorder->fd);
    }
    recorder->fd = -1;
}

static void recorder_adopt(struct wi_recorder *recorder, int taken_fd, enum wi_recorder_state state)
{
    struct stat facts;
    recorder->fd = taken_fd;
    recorder->history.fd = taken_fd;
    recorder->state = state;
    if (fstat(taken_fd, &facts) == 0) {
        recorder->device = facts.st_dev;
        recorder->inode = facts.st_ino;
        recorder->file_bytes = (uint64_t)facts.st_blocks * 512;
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Past RLIMIT_FSIZE the kernel does not refuse; it sends SIGXFSZ. */
static bool recorder_is_allowed(uint64_t end)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           end <= limit.rlim_cur;
}

static bool recorder_pwrite(int fd, const void *bytes, size_t n, uint64_t offset)
{
    ssize_t done;
    if (!recorder_is_allowed(offset + n)) {
        errno = EFBIG;
        return false;
    }
    do {
        done = pwrite(fd, bytes, n, (off_t)offset);
    } while (done < 0 && errno == EINTR);
    if (done >= 0 && (size_t)done < n) {
        errno = ENOSPC;
    }
    return done == (ssize_t)n;
}

static bool recorder_write_head(struct wi_recorder *recorder)
{
    struct wi_history_head *head = &recorder->history.head;
    for (size_t i = 0; i < WI_HISTORY_TRACKS; i++) {
        struct wi_history_track *track = &head->tracks[i];
        if (!recorder->is_track_due[i]) {
            continue;
        }
        track->since_nanos_end = track->since_nanos;
        if (!recorder_pwrite(recorder->fd, track, sizeof(*track), WI_HISTORY_TRACK_OFFSET(i))) {
            return false;
        }
        recorder->is_track_due[i] = false;
    }
    if (recorder->is_head_due &&
        !recorder_pwrite(recorder->fd, head, WI_HISTORY_TRACK_OFFSET(0), 0)) {
        return false;
    }
    recorder->is_head_due = false;
    return true;
}

/* Whether the file may grow by the page of this row. Asks for many pages at once, since a memory
 * cgroup near its limit does not refuse, it kills. */
static bool recorder_has_room(struct wi_recorder *recorder)
{
    uint64_t page = WI_HISTORY_ROW_BYTES;
    if (recorder->file_bytes >= WI_HISTORY_BYTES || recorder->file_bytes < recorder->room_until) {
        return true;
    }
    if (!wi_cgroup_self_has_room(RECORDER_ROOM_ROWS * page, 0)) {
        return false;
    }
    recorder->room_until = recorder->file_bytes + RECORDER_ROOM_ROWS * page;
    return true;
}

/* A second's row is the latest of that second, so that the last row of a killed process is as new
 * as possible; a minute's is the first, so that minutes have equal distances. */
static bool recorder_write_row(struct wi_recorder *recorder, enum wi_history_ring ring,
                               struct wi_history_row *row)
{
    uint64_t sequence = row->nanos / wi_history_step_nanos(ring);
    if (ring == WI_HISTORY_MINUTES && sequence == recorder->last_minute) {
        return true;
    }
    row->sequence = row->sequence_end = sequence;
    if (!recorder_pwrite(recorder->fd, row, sizeof(*row), wi_history_offset(ring, sequence))) {
        return false;
    }
    recorder->last_minute = ring == WI_HISTORY_MINUTES ? sequence : recorder->last_minute;
    return true;
}

void wi_recorder_write(struct wi_recorder *recorder, struct wi_history_row *row)
{
    if (!WI_EXPECT(recorder->state == WI_RECORDER_WRITING && recorder->fd >= 0)) {
        recorder->lost++; /* without the lock it would be another one's file */
        return;
    }
    if (!recorder_has_room(recorder)) {
        recorder->lost++;
        recorder_note(recorder, "the history does not grow", "the memory cgroup is nearly full");
        return;
    }
    if (recorder_write_head(recorder) && recorder_write_row(recorder, WI_HISTORY_SECONDS, row) &&
        recorder_write_row(recorder, WI_HISTORY_MINUTES, row)) {
        recorder->problem[0] = '\0';
    } else {
        recorder->lost++;
        recorder_note(recorder, "the history cannot be written", strerror(errno));
    }
}

/* ---- creation and takeover ----------------------------------------------------------------- */

static void recorder_sign(struct wi_history_head *head)
{
    head->writer_pid = (uint32_t)getpid();
    snprintf(head->writer_version, sizeof(head->writer_version), "%s", WEIR_VERSION);
}

static void recorder_new_head(struct wi_recorder *recorder)
{
    struct wi_history_head *head = &recorder->history.head;
    wi_history_begin(head);
    head->pid = recorder->own.pid;
    head->start_ticks = recorder->own.start_ticks;
    head->id = recorder->own.id;
    snprintf(head->name, sizeof(head->name), "%s", recorder->name);
    recorder_sign(head);
}

/* The directory of the segment, as a path that keeps its meaning, and the directory's owner: the
 * owner of a parent directory must not be able to lead root elsewhere. Returns a descriptor, -1:
 * no. */
static int recorder_open_dir(const struct wi_recorder *recorder, char *ret_dir, size_t room,
                             uid_t *ret_owner)
{
    char dir[WI_PATH_MAX];
    struct stat segment;
    struct stat facts;
    snprintf(dir, sizeof(dir), "%s", recorder->path);
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir) {
        return -1;
    }
    /* The exporter in the process itself continues even if the segment was removed. */
    if (lstat(recorder->segment, &segment) != 0) {
        if (!recorder->is_own) {
            return -1;
        }
        segment.st_uid = geteuid();
    }
    *slash = '\0';
    int fd = wi_descriptor_open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &facts) != 0 || facts.st_uid != segment.st_uid) {
        close(fd);
        return -1;
    }
    snprintf(ret_dir, room, "/proc/self/fd/%d", fd);
    if (faccessat(AT_FDCWD, ret_dir, X_OK, AT_EACCESS) != 0) {
        snprintf(ret_dir, room, "%s", dir); /* without /proc */
    }
    *ret_owner = segment.st_uid;
    return fd;
}

static enum weir_status recorder_make(struct wi_recorder *recorder, const char *dir, uid_t owner,
                                      int *ret_fd, struct weir_error *ret_error)
{
    char temporary[64];
    const char *name = strrchr(recorder->path, '/') + 1;
    if (!recorder_is_allowed(WI_HISTORY_BYTES)) {
        wi_error_set(ret_error, "RLIMIT_FSIZE is below its %llu bytes",
                     (unsigned long long)WI_HISTORY_BYTES);
        return WEIR_E_SYSTEM;
    }
    if (!wi_cgroup_self_has_room(WI_HISTORY_HEAD_BYTES, 0)) {
        wi_error_set(ret_error, "the memory cgroup is nearly full");
        return WEIR_E_SYSTEM;
    }
    int fd;
    enum weir_status status =
        wi_file_create(dir, WI_HISTORY_BYTES, &fd, temporary, sizeof(temporary), ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    recorder_new_head(recorder);
    if ((owner != geteuid() && fchown(fd, owner, (gid_t)-1) != 0) ||
        !recorder_pwrite(fd, &recorder->history.head, WI_HISTORY_HEAD_BYTES, 0)) {
        wi_error_set(ret_error, "%s", strerror(errno));
        status = WEIR_E_SYSTEM;
    } else {
        status = wi_file_publish(fd, dir, temporary, name, ret_error);
    }
    if (status != WEIR_OK) {
        wi_file_drop(fd, dir, temporary);
        return status;
    }
    *ret_fd = fd;
    return WEIR_OK;
}

/* Makes the file. If replaced_fd is not -1, it replaces a file that cannot be used and whose lock
 * is held. A process that has ended meanwhile has removed its segment, and will not remove this
 * file any more. */
static void recorder_create(struct wi_recorder *recorder, int replaced_fd)
{
    struct weir_error error = {""};
    struct stat replaced;
    char dir[WI_PATH_MAX];
    uid_t owner = 0;
    int fd = -1;
    int dir_fd = recorder_open_dir(recorder, dir, sizeof(dir), &owner);
    if (dir_fd < 0) {
        return;
    }
    if (replaced_fd >= 0 && fstat(replaced_fd, &replaced) == 0) {
        wi_file_unlink(dir, strrchr(recorder->path, '/') + 1, replaced.st_dev, replaced.st_ino);
    }
    if (recorder_make(recorder, dir, owner, &fd, &error) != WEIR_OK) {
        recorder_note(recorder, "no history", error.text);
    } else {
        recorder->problem[0] = '\0';
        recorder_adopt(recorder, fd, WI_RECORDER_WRITING);
        if (!recorder->is_own && faccessat(AT_FDCWD, recorder->segment, F_OK, AT_EACCESS) != 0) {
            wi_file_unlink(dir, strrchr(recorder->path, '/') + 1, recorder->device,
                           recorder->inode);
        }
    }
    close(dir_fd);
}

/* Opens for writing a file that is open for reading. Returns -1 when that is not possible now. */
static int recorder_open_to_write(int reading_fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", reading_fd);
    int fd = wi_descriptor_open(path, O_RDWR, 0);
    if (fd < 0 && errno == EACCES && fchmod(reading_fd, 0600) == 0) {
        fd = wi_descriptor_open(path, O_RDWR, 0);
        fchmod(reading_fd, 0400);
    }
    return fd;
}

/* Takes the lock and continues the file where the last writer stopped. */
static void recorder_take_over(struct wi_recorder *recorder)
{
    struct weir_error error = {""};
    struct stat facts;
    if (!recorder_is_free(recorder->fd) || fstat(recorder->fd, &facts) != 0 ||
        facts.st_nlink != 1) {
        return;
    }
    int fd = recorder_open_to_write(recorder->fd);
    if (fd < 0) {
        return;
    }
    if (!recorder_lock(fd, F_WRLCK) || wi_history_read(fd, &recorder->history, &error) != WEIR_OK) {
        recorder->history.fd = recorder->fd;
        close(fd);
        return;
    }
    close(recorder->fd);
    recorder_adopt(recorder, fd, WI_RECORDER_WRITING);
    recorder->last_minute = 0;
    recorder_sign(&recorder->history.head);
    recorder->is_head_due = true;
}

/* Whether a history belongs to the process whose segment it lies beside. */
static enum weir_status recorder_check(struct wi_recorder *recorder, int fd,
                                       struct weir_error *ret_error)
{
    enum weir_status status = wi_history_read(fd, &recorder->history, ret_error);
    const struct wi_history_head *head = &recorder->history.head;
    const struct wi_stem stem = {head->pid, head->start_ticks, head->id};
    if (status == WEIR_OK && !wi_stem_is_same(&stem, &recorder->own)) {
        wi_error_set(ret_error, "the history belongs to another process (pid %u)",
                     (unsigned)head->pid);
        status = WEIR_E_CORRUPT;
    }
    return status;
}

/* A file that cannot be used and that nobody writes is replaced. */
static void recorder_open(struct wi_recorder *recorder, bool is_alive)
{
    struct weir_error error = {""};
    int fd;
    int replaced_fd = -1;
    enum weir_status status = wi_find_open(recorder->path, &fd, &error);
    bool is_replaceable = status == WEIR_E_NOT_FOUND;
    if (status == WEIR_OK) {
        status = recorder_check(recorder, fd, &error);
        if (status == WEIR_OK) {
            recorder->problem[0] = '\0';
            recorder_adopt(recorder, fd, WI_RECORDER_READING);
        } else {
            is_replaceable = recorder_lock(fd, F_RDLCK);
            replaced_fd = fd;
        }
    }
    if (status != WEIR_OK && status != WEIR_E_NOT_FOUND) {
        recorder_note(recorder, error.text, "");
    }
    if (status != WEIR_OK && is_replaceable && is_alive && recorder->may_write) {
        recorder_create(recorder, replaced_fd);
    }
    if (replaced_fd >= 0) {
        close(replaced_fd);
    }
}

void wi_recorder_step(struct wi_recorder *recorder, bool is_alive)
{
    struct weir_error error = {""};
    if (!recorder->path[0]) {
        return;
    }
    if (recorder->state != WI_RECORDER_NONE && !recorder_has_file(recorder)) {
        recorder_close(recorder);
    }
    if (recorder->state == WI_RECORDER_NONE) {
        recorder_open(recorder, is_alive);
    } else if (recorder->state == WI_RECORDER_READING) {
        if (wi_history_read(recorder->fd, &recorder->history, &error) != WEIR_OK) {
            recorder_close(recorder);
            recorder_note(recorder, error.text, "");
        }
    }
    if (recorder->state == WI_RECORDER_READING && recorder->may_write && is_alive) {
        recorder_take_over(recorder);
    }
}
