/* SPDX-License-Identifier: MIT */
/*
 * The file under a segment. The file is complete before it has a name, and read-only afterwards, so
 * that no process of the same user truncates it by accident. Pages are reserved and touched in slow
 * paths, because a store to a page that tmpfs cannot provide raises SIGBUS in the server.
 */
#include "segment/file.h"

#include "segment/descriptor.h"
#include "segment/stem.h"
#include "weir/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1U
#endif

void wi_error_set(struct weir_error *ret_error, const char *format, ...)
{
    if (!ret_error) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
    va_end(arguments);
}

static enum weir_status file_dir_check(const char *dir, bool is_asked, struct weir_error *ret_error)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        int why = errno;
        wi_error_set(ret_error, "cannot make the directory %.140s: %s%s", dir, strerror(why),
                     is_asked ? "; set WEIR_DIR to one of yours, mode 0700, on tmpfs" : "");
        return WEIR_E_SYSTEM;
    }
    struct stat facts;
    if (lstat(dir, &facts) != 0) {
        wi_error_set(ret_error, "cannot read the directory %.140s: %s", dir, strerror(errno));
        return WEIR_E_SYSTEM;
    }
    if (!S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || (facts.st_mode & 077) != 0) {
        wi_error_set(
            ret_error,
            "%.140s must be a directory of this user with mode 0700; set WEIR_DIR or chmod it",
            dir);
        return WEIR_E_DENIED;
    }
    if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) != 0) { /* as the effective user */
        wi_error_set(ret_error, "cannot write to %.140s: %s; set WEIR_DIR to a directory of yours",
                     dir, strerror(errno));
        return WEIR_E_DENIED;
    }
    return WEIR_OK;
}

enum weir_status wi_file_dir(const char *asked, char *ret_dir, size_t room,
                             struct weir_error *ret_error)
{
    char dir[WI_DIR_MAX + 1];
    if (asked && asked[0]) {
        if (asked[0] != '/' || strlen(asked) >= sizeof(dir) || strlen(asked) >= room) {
            wi_error_set(ret_error, "WEIR_DIR must be an absolute path of at most %zu bytes",
                         sizeof(dir) - 1);
            return WEIR_E_ARGUMENT;
        }
        enum weir_status status = file_dir_check(asked, true, ret_error);
        if (status == WEIR_OK) {
            snprintf(ret_dir, room, "%s", asked);
        }
        return status;
    }
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/' && strlen(runtime) + sizeof("/weir") <= sizeof(dir)) {
        snprintf(dir, sizeof(dir), "%s/weir", runtime);
        if (file_dir_check(dir, false, NULL) == WEIR_OK) {
            snprintf(ret_dir, room, "%s", dir);
            return WEIR_OK;
        }
    }
    snprintf(dir, sizeof(dir), "/dev/shm/weir-%u", (unsigned)geteuid());
    enum weir_status status = file_dir_check(dir, false, ret_error);
    if (status == WEIR_OK) {
        snprintf(ret_dir, room, "%s", dir);
    }
    return status;
}

static bool file_size_is_allowed(uint64_t bytes)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           bytes <= limit.rlim_cur;
}

static bool file_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

enum weir_status wi_file_create(const char *dir, uint64_t bytes, int *ret_fd, char *ret_temporary,
                                size_t room, struct weir_error *ret_error)
{
    /* Past RLIMIT_FSIZE the kernel does not refuse; it sends SIGXFSZ. */
    if (!file_size_is_allowed(bytes)) {
        wi_error_set(ret_error,
                     "RLIMIT_FSIZE is below the segment's %llu bytes; raise it or lower WEIR_LIMIT",
                     (unsigned long long)bytes);
        return WEIR_E_SYSTEM;
    }
    ret_temporary[0] = '\0';
    /* A nameless file gets its name through /proc. */
    int fd = -1;
    if (faccessat(AT_FDCWD, "/proc/self/fd", X_OK, AT_EACCESS) == 0) {
        fd = wi_descriptor_open(dir, O_TMPFILE | O_RDWR, 0600);
    } else {
        errno = EOPNOTSUPP;
    }
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT)) {
        char path[512];
        snprintf(ret_temporary, room, ".%ld-%08x.new", (long)getpid(), (unsigned)wi_stem_new_id());
        snprintf(path, sizeof(path), "%s/%s", dir, ret_temporary);
        fd = wi_descriptor_open(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0600);
    }
    if (fd < 0) {
        wi_error_set(ret_error,
                     "cannot create a file in %.140s: %s; set WEIR_DIR to a directory on tmpfs",
                     dir, strerror(errno));
        return WEIR_E_SYSTEM;
    }
    (void)file_lock(fd); /* no reader may take it for the file of a dead process */
    /* Emptied first: a low number that the host closed during open(2) meant this file for a moment. */
    if (ftruncate(fd, 0) != 0 || ftruncate(fd, (off_t)bytes) != 0) {
        wi_error_set(ret_error, "cannot size the segment in %.140s: %s", dir, strerror(errno));
        wi_file_drop(fd, dir, ret_temporary);
        return WEIR_E_SYSTEM;
    }
    *ret_fd = fd;
    return WEIR_OK;
}

/* Gives a file its name if no file has it: an existing file may belong to a process in another pid
 * namespace. */
static int file_name(int fd, const char *dir, const char *temporary, const char *path)
{
    char from[512];
    if (!temporary[0]) {
        snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
        return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
    }
    snprintf(from, sizeof(from), "%s/%s", dir, temporary);
    /* musl has no function for it. */
    if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    /* For file systems without nameless files. */
    if (errno != EINVAL || linkat(AT_FDCWD, from, AT_FDCWD, path, 0) != 0) {
        return -1;
    }
    unlink(from);
    return 0;
}

enum weir_status wi_file_publish(int fd, const char *dir, const char *temporary, const char *name,
                                 struct weir_error *ret_error)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (!file_lock(fd) || fchmod(fd, 0400) != 0) {
        wi_error_set(ret_error, "cannot lock the segment in %.140s: %s", dir, strerror(errno));
        return WEIR_E_SYSTEM;
    }
    if (file_name(fd, dir, temporary, path) != 0) {
        bool is_taken = errno == EEXIST;
        wi_error_set(ret_error, "cannot name the segment %.140s: %s", path, strerror(errno));
        return is_taken ? WEIR_E_STATE : WEIR_E_SYSTEM;
    }
    return WEIR_OK;
}

static void file_touch(unsigned char *from, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += 4096) {
        wi_add_relaxed(from + i, 0);
    }
}

bool wi_file_reserve(int fd, unsigned char *base, uint64_t offset, uint64_t bytes)
{
    if (fd >= 0) {
        int failed;
        do {
            failed = fallocate(fd, 0, (off_t)offset, (off_t)bytes);
        } while (failed != 0 && errno == EINTR);
        if (failed && errno != EOPNOTSUPP) {
            return false;
        }
        if (failed) {
            /* For file systems without fallocate: only the kernel's own populate can refuse. */
            return wi_file_populate(base, offset, bytes);
        }
    }
    if (madvise(base + offset, bytes, MADV_POPULATE_WRITE) != 0) {
        if (errno == ENOMEM || errno == EFAULT) {
            return false;
        }
        file_touch(base + offset, bytes); /* a kernel before 5.14 */
    }
    return true;
}

bool wi_file_populate(unsigned char *base, uint64_t offset, uint64_t bytes)
{
    return madvise(base + offset, bytes, MADV_POPULATE_WRITE) == 0;
}

bool wi_file_is(int fd, dev_t device, ino_t inode)
{
    struct stat facts;
    return fd >= 0 && fstat(fd, &facts) == 0 && facts.st_dev == device && facts.st_ino == inode;
}

bool wi_file_is_tmpfs(int fd)
{
    struct statfs facts;
    return fstatfs(fd, &facts) == 0 && facts.f_type == TMPFS_MAGIC;
}

void wi_file_drop(int fd, const char *dir, const char *temporary)
{
    char path[512];
    if (temporary[0]) {
        snprintf(path, sizeof(path), "%s/%s", dir, temporary);
        unlink(path);
    }
    close(fd);
}

void wi_file_unlink(const char *dir, const char *name, dev_t device, ino_t inode)
{
    char path[512];
    struct stat facts;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (lstat(path, &facts) == 0 && facts.st_dev == device && facts.st_ino == inode) {
        unlink(path);
    }
}

/* Uses pread(2), since a host may have closed the number and opened a pipe under it: there pread fails
 * at once, and read(2) would block. */
ssize_t wi_file_pread(int fd, void *ret_bytes, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t part =
            pread(fd, (unsigned char *)ret_bytes + done, n - done, (off_t)(offset + done));
        if (part == 0) {
            break;
        }
        if (part < 0 && errno != EINTR) {
            return -1;
        }
        done += part > 0 ? (size_t)part : 0;
    }
    return (ssize_t)done;
}

ssize_t wi_file_read(const char *path, char *ret_text, size_t room)
{
    int fd = wi_descriptor_open(path, O_RDONLY | O_NOCTTY, 0);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = wi_file_pread(fd, ret_text, room - 1, 0);
    int why = errno;
    close(fd);
    errno = why;
    ret_text[n < 0 ? 0 : n] = '\0';
    return n;
}

bool wi_file_line(FILE *file, char *ret_line, size_t room)
{
    int rest = 0;
    if (!fgets(ret_line, (int)room, file)) {
        return false;
    }
    size_t n = strcspn(ret_line, "\n");
    bool is_whole = ret_line[n] == '\n';
    ret_line[n] = '\0';
    while (!is_whole && rest != EOF && rest != '\n') {
        rest = fgetc(file);
    }
    return true;
}

uint64_t wi_file_start_ticks(uint32_t pid)
{
    char path[64];
    char text[1024];
    if (pid) {
        snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
    } else {
        snprintf(path, sizeof(path), "/proc/self/stat");
    }
    if (wi_file_read(path, text, sizeof(text)) <= 0) {
        return 0;
    }
    /* The program's name may hold any character, also ')': fields are counted from the last one. */
    const char *at = strrchr(text, ')');
    if (at && at[1] && (at[2] == 'Z' || at[2] == 'X')) {
        return 0;
    }
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at ? strtoull(at + 1, NULL, 10) : 0;
}
