/* SPDX-License-Identifier: MIT */
/*
 * Removes the files of processes that are gone. A file is removed only while this process holds its
 * lock, or the lock of the segment of the same stem: a living owner has that lock. Files without a
 * lock, such as sockets, are judged by the segment or the history of their stem.
 */
#include "segment/find.h"

#include "segment/descriptor.h"
#include "segment/stem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PRUNE_KEEP       4
#define PRUNE_KEEP_BYTES (UINT64_C(64) << 20)

/* A lock that no process with write access can share: the lock of a dead process can be taken. It
 * is held until the descriptor is closed. */
static bool prune_lock(int fd)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Removes the files of one process, by the name of its segment: the header may name another one.
 * The lock on the segment covers them all. */
static bool prune_remove(const char *segment)
{
    static const char *const suffixes[] = {"history", "sock", "weir"};
    char path[WI_PATH_MAX + 16];
    struct stat opened;
    struct stat named;
    int fd;
    if (wi_find_open(segment, &fd, NULL) != WEIR_OK) {
        return false;
    }
    bool is_going = prune_lock(fd) && fstat(fd, &opened) == 0 && lstat(segment, &named) == 0 &&
                    opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    int stem = (int)(strlen(segment) - strlen(".weir"));
    for (size_t i = 0; is_going && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%.*s.%s", stem, segment, suffixes[i]);
        unlink(path);
    }
    close(fd);
    return is_going;
}

/* Whether the process of a stem lives according to /proc, which does not show those of other pid
 * namespaces. */
static bool prune_is_seen(const struct wi_stem *stem)
{
    const struct wi_owner owner = {stem->pid, stem->start_ticks};
    return wi_owner_is_there(&owner);
}

/* The names of one stem's files, with "%s" for the stem; a stopped segment is hidden. */
#define PRUNE_SEGMENT "%s.weir"
#define PRUNE_STOPPED ".%s.weir.stopped"
#define PRUNE_HISTORY "%s.history"

/* Opens "dir/name" for reading; -1: it cannot be. */
static int prune_open_in(const char *dir, const char *name)
{
    char path[WI_PATH_MAX + WI_STEM_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return n < (int)sizeof(path) ? wi_descriptor_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
                                 : -1;
}

/* Whether a file is there under a name of this stem. ret_fd: open for reading; -1: it cannot be. */
static bool prune_has(const char *dir, int dir_fd, const char *format, const struct wi_stem *stem,
                      int *ret_fd)
{
    char text[WI_STEM_MAX];
    char name[WI_STEM_MAX + 32];
    struct stat facts;
    wi_stem_write(stem, text, sizeof(text));
    snprintf(name, sizeof(name), format, text);
    *ret_fd = prune_open_in(dir, name);
    return *ret_fd >= 0 || fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether a file with such a name exists whose lock is held. ret_is_there: whether one exists at
 * all. */
static bool prune_is_held(const char *dir, int dir_fd, const char *format,
                          const struct wi_stem *stem, bool *ret_is_there)
{
    int fd;
    *ret_is_there = prune_has(dir, dir_fd, format, stem, &fd);
    bool is_held = *ret_is_there && (fd < 0 || !prune_lock(fd));
    if (fd >= 0) {
        close(fd);
    }
    return is_held;
}

/* A socket has no lock. Its maker holds the lock of its segment or, if that was removed, of the
 * history that it made again. A forked child may hold the segment's lock for a parent that has
 * ended. */
static bool prune_is_socket_left(const char *dir, int dir_fd, const struct wi_stem *stem)
{
    char path[WI_PATH_MAX];
    char text[WI_STEM_MAX];
    struct wi_found found;
    bool is_there;
    if (prune_is_seen(stem)) {
        return false;
    }
    wi_stem_write(stem, text, sizeof(text));
    if (snprintf(path, sizeof(path), "%s/" PRUNE_SEGMENT, dir, text) >= (int)sizeof(path)) {
        return false;
    }
    wi_find_one(path, &found);
    if (found.status != WEIR_E_NOT_FOUND) {
        return found.state == WI_STATE_DEAD || found.state == WI_STATE_ORPHANED;
    }
    return !prune_is_held(dir, dir_fd, PRUNE_STOPPED, stem, &is_there) &&
           !prune_is_held(dir, dir_fd, PRUNE_HISTORY, stem, &is_there);
}

/* A history without its segment, of a process that has ended. A stopped process has its segment
 * under a hidden name, and one whose segment was removed continues to write. */
static bool prune_is_history_left(const char *dir, int dir_fd, const struct wi_stem *stem)
{
    bool is_there;
    return !prune_is_seen(stem) && !prune_is_held(dir, dir_fd, PRUNE_SEGMENT, stem, &is_there) &&
           !is_there && !prune_is_held(dir, dir_fd, PRUNE_STOPPED, stem, &is_there) && !is_there;
}

/* ".PID-ID.new": a file whose process was killed before the file had its name, which takes
 * milliseconds. */
static bool prune_is_unborn(int dir_fd, const char *name)
{
    unsigned pid;
    unsigned id;
    int length = 0;
    struct stat facts;
    bool is_named = (sscanf(name, ".%10u-%8x.new%n", &pid, &id, &length) == 2 && length > 0) ||
                    (sscanf(name, ".%10u.new%n", &pid, &length) == 1 && length > 0);
    return is_named && !name[length] && fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
           facts.st_mtime < time(NULL) - 60;
}

/* Whether a file without a segment can be removed: a socket or a stopped segment of an ended
 * process, a history without its segment, or a file that never got its name. ret_lock: to be closed
 * when the name has gone; -1: nothing. */
static bool prune_is_leaving(const char *dir, int dir_fd, const char *name, int *ret_lock)
{
    struct wi_stem stem;
    *ret_lock = -1;
    if (wi_stem_read(name, ".sock", &stem)) {
        return prune_is_socket_left(dir, dir_fd, &stem);
    }
    bool is_leaving =
        wi_stem_read(name + (name[0] == '.'), ".weir.stopped", &stem) ||
        (wi_stem_read(name, ".history", &stem) && prune_is_history_left(dir, dir_fd, &stem)) ||
        prune_is_unborn(dir_fd, name);
    if (is_leaving) {
        *ret_lock = prune_open_in(dir, name);
    }
    return *ret_lock >= 0 && prune_lock(*ret_lock);
}

void wi_find_sweep(const char *dir, bool is_dry, void (*visit)(void *context, const char *path),
                   void *context)
{
    DIR *entries = wi_descriptor_opendir(dir);
    if (!entries) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[WI_PATH_MAX + 256];
        struct stat facts;
        int lock = -1;
        bool is_going = fstatat(dirfd(entries), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                        facts.st_uid == geteuid() &&
                        prune_is_leaving(dir, dirfd(entries), entry->d_name, &lock) &&
                        (is_dry || unlinkat(dirfd(entries), entry->d_name, 0) == 0);
        if (lock >= 0) {
            close(lock);
        }
        if (visit && is_going) {
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
            visit(context, path);
        }
    }
    closedir(entries);
}

/* Bytes of a segment and the history beside it. */
static uint64_t prune_bytes(const struct wi_found *found)
{
    char path[WI_PATH_MAX + 16];
    struct stat facts;
    int stem = (int)(strlen(found->path) - strlen(".weir"));
    snprintf(path, sizeof(path), "%.*s.history", stem, found->path);
    return found->bytes + (lstat(path, &facts) == 0 ? (uint64_t)facts.st_blocks * 512 : 0);
}

bool wi_find_remove(const struct wi_found *found, bool is_dry, uint64_t *ret_bytes)
{
    struct wi_found now;
    wi_find_one(found->path, &now);
    if (now.state != WI_STATE_DEAD || now.uid != geteuid()) {
        return false;
    }
    *ret_bytes = prune_bytes(&now);
    return is_dry || prune_remove(found->path);
}

void wi_find_prune(const char *dir)
{
    struct wi_found *items = NULL;
    size_t n = 0;
    wi_find_in_dir(dir, &items, &n); /* without memory nothing is found */
    size_t kept = 1;                 /* the one about to be made */
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const struct wi_found *found = &items[i];
        if (found->state != WI_STATE_DEAD || found->uid != geteuid()) {
            continue;
        }
        bytes += found->has_ended ? 0 : prune_bytes(found);
        if (!found->has_ended && kept < PRUNE_KEEP && bytes <= PRUNE_KEEP_BYTES) {
            kept++;
        } else {
            prune_remove(found->path);
        }
    }
    free(items);
    wi_find_sweep(dir, false, NULL, NULL);
}
