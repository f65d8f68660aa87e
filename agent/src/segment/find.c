/* SPDX-License-Identifier: MIT */
/*
 * Finding segments: the places where they lie, whether their owners live, and the end of old ones.
 * Whether a process lives is the kernel's word: a lock that goes with it. A forked child may hold
 * that lock too, so the header's pid and start time decide where this pid namespace can see them.
 */
#include "segment/find.h"

#include "segment/descriptor.h"
#include "segment/file.h"
#include "segment/layout.h"
#include "segment/stem.h"
#include "segment/wall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define FIND_KEEP       4
#define FIND_KEEP_BYTES (UINT64_C(64) << 20)
#define FIND_MAX        4096 /* segments in one listing */

const char *wi_state_name(enum wi_state state)
{
    static const char *const names[] = {"running", "dead", "orphaned", "unknown"};
    return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

enum wi_state wi_find_state(int fd, uint32_t pid, uint64_t start_ticks, uint64_t pid_namespace)
{
    /* The owner's is for writing; one for reading is of somebody who removes what is dead. */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    struct stat own;
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) {
        return WI_STATE_UNKNOWN;
    }
    if (lock.l_type == F_UNLCK) {
        return WI_STATE_DEAD;
    }
    if (stat("/proc/self/ns/pid", &own) != 0 || own.st_ino != pid_namespace) {
        return WI_STATE_UNKNOWN;
    }
    return wi_file_start_ticks(pid) == start_ticks ? WI_STATE_RUNNING : WI_STATE_ORPHANED;
}

static enum weir_status find_fail(struct wi_found *found, enum weir_status status, const char *why)
{
    found->status = status;
    snprintf(found->problem, sizeof(found->problem), "%s", why);
    return status;
}

enum weir_status wi_find_open(const char *path, int *ret_fd, struct weir_error *ret_error)
{
    int fd = wi_descriptor_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) {
        int why = errno;
        bool is_denied = why == EACCES || why == EPERM;
        wi_error_set(ret_error, "%.160s: %s%s", path, strerror(why),
                     is_denied ? "; only its own user and root may read a segment" : "");
        return is_denied ? WEIR_E_DENIED : why == ENOENT ? WEIR_E_NOT_FOUND : WEIR_E_SYSTEM;
    }
    struct stat facts;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        close(fd);
        wi_error_set(ret_error, "%.160s is not a segment: not a regular file", path);
        return WEIR_E_CORRUPT;
    }
    if (geteuid() != 0 && facts.st_uid != geteuid()) {
        close(fd);
        wi_error_set(ret_error, "%.160s belongs to another user", path);
        return WEIR_E_DENIED;
    }
    *ret_fd = fd;
    return WEIR_OK;
}

enum weir_status wi_find_check_header(const struct wi_header *header, size_t length,
                                      struct weir_error *ret_error)
{
    if (length < sizeof(*header) || header->magic != WI_MAGIC) {
        wi_error_set(ret_error, "not a weir segment, or cut off at its start");
        return WEIR_E_CORRUPT;
    }
    if (header->layout != WI_LAYOUT_VERSION) {
        wi_error_set(
            ret_error,
            "layout version %u, this weir reads %u: use the weir that came with the server",
            (unsigned)header->layout, (unsigned)WI_LAYOUT_VERSION);
        return WEIR_E_VERSION;
    }
    if (header->header_bytes != WI_HEADER_BYTES || header->slot_bytes != sizeof(struct wi_slot) ||
        header->cell_bytes != sizeof(struct weir_cell) ||
        header->histogram_bytes != sizeof(struct weir_histogram) ||
        header->max_shards != WI_MAX_SHARDS || header->max_slabs != WI_MAX_SLABS ||
        header->shards != WI_SHARDS_LINE || header->slabs != WI_SLABS_LINE) {
        wi_error_set(ret_error, "corrupt: the header's sizes do not fit its version");
        return WEIR_E_CORRUPT;
    }
    return WEIR_OK;
}

/* The socket that lies beside a segment; "" when there is none. */
static void find_socket(struct wi_found *found)
{
    struct stat facts;
    size_t length = strlen(found->path);
    size_t stem = length > 5 ? length - 5 : 0;
    if (stem + sizeof(".sock") <= sizeof(found->socket)) {
        snprintf(found->socket, sizeof(found->socket), "%.*s.sock", (int)stem, found->path);
    }
    if (lstat(found->socket, &facts) != 0 || !S_ISSOCK(facts.st_mode)) {
        found->socket[0] = '\0';
    }
}

enum weir_status wi_find_one(const char *path, struct wi_found *ret_found)
{
    struct wi_found found = {.status = WEIR_OK, .state = WI_STATE_UNKNOWN};
    struct weir_error error = {""};
    struct stat facts;
    struct wi_header header;
    const char *base = strrchr(path, '/');
    snprintf(found.path, sizeof(found.path), "%s", path);
    struct wi_stem stem = {0};
    wi_stem_read(base ? base + 1 : path, ".weir", &stem);
    found.pid = stem.pid;
    found.start_ticks = stem.start_ticks;
    int fd = -1;
    enum weir_status status = wi_find_open(path, &fd, &error);
    if (status != WEIR_OK) {
        status = find_fail(&found, status, error.text);
        goto done;
    }
    if (fstat(fd, &facts) == 0) {
        found.uid = facts.st_uid;
        found.bytes = (uint64_t)facts.st_blocks * 512;
    }
    ssize_t n = pread(fd, &header, sizeof(header), 0);
    status = wi_find_check_header(&header, n > 0 ? (size_t)n : 0, &error);
    if (status != WEIR_OK) {
        /* The lock tells even of a file that makes no sense. */
        found.state = wi_find_state(fd, found.pid, found.start_ticks, 0);
        status = find_fail(&found, status, error.text);
        goto done;
    }
    found.pid = header.pid;
    found.start_ticks = header.start_ticks;
    found.opened_unix_nanos = header.opened_unix_nanos;
    header.name[WEIR_NAME_MAX] = '\0';
    wi_text_clean(found.name, sizeof(found.name), header.name);
    found.state = wi_find_state(fd, header.pid, header.start_ticks, header.pid_namespace);
    if (found.state == WI_STATE_RUNNING || found.state == WI_STATE_UNKNOWN) {
        found.opened_unix_nanos = wi_wall_shifted(
            header.opened_unix_nanos, wi_wall_step(header.started_unix_nanos, header.start_ticks));
    }
    find_socket(&found);
done:
    if (fd >= 0) {
        close(fd);
    }
    *ret_found = found;
    return status;
}

/* ---- listing ------------------------------------------------------------------------------- */

struct find_list {
    struct wi_found *items;
    size_t n, room;
    bool has_failed;
};

static bool find_list_has(const struct find_list *list, uint32_t pid, uint64_t start)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].pid == pid && list->items[i].start_ticks == start) {
            return true;
        }
    }
    return false;
}

static void find_list_add(struct find_list *list, const char *path)
{
    if (list->n == FIND_MAX || list->has_failed) {
        return;
    }
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct wi_found *items = realloc(list->items, room * sizeof(*items));
        if (!items) {
            list->has_failed = true;
            return;
        }
        list->items = items;
        list->room = room;
    }
    struct wi_found found;
    if (wi_find_one(path, &found) != WEIR_E_NOT_FOUND &&
        !find_list_has(list, found.pid, found.start_ticks)) {
        list->items[list->n++] = found;
    }
}

static void find_in_dir(void *context, const char *dir)
{
    struct find_list *list = context;
    DIR *entries = wi_descriptor_opendir(dir);
    if (!entries) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        struct wi_stem stem;
        char path[WI_PATH_MAX];
        if (wi_stem_read(entry->d_name, ".weir", &stem) &&
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path)) {
            find_list_add(list, path);
        }
    }
    closedir(entries);
}

/* Every directory PARENT/PREFIX-and-a-uid[/weir]: root's view of all users. */
static void find_in_all(const char *parent, const char *prefix, const char *below,
                        void (*visit)(void *context, const char *dir), void *context)
{
    DIR *entries = wi_descriptor_opendir(parent);
    if (!entries) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        char dir[WI_PATH_MAX];
        size_t n = strlen(prefix);
        bool is_one = strncmp(entry->d_name, prefix, n) == 0 && entry->d_name[n] &&
                      strspn(entry->d_name + n, "0123456789") == strlen(entry->d_name + n);
        if (is_one && snprintf(dir, sizeof(dir), "%s/%s%s", parent, entry->d_name, below) <
                          (int)sizeof(dir)) {
            visit(context, dir);
        }
    }
    closedir(entries);
}

/* ---- by mappings ---- */

/* A line of /proc/PID/maps that may be a segment's. */
struct find_mapping {
    unsigned major, minor;
    unsigned long long inode;
    char *path;
};

/* "7f8a-7f8b rw-s 0 00:2e 3   /dir/PID-START.weir", or, of a file that was nameless when it was mapped,
 * "/dir/#3 (deleted)". Cuts the line up. */
static bool find_parse_mapping(char *line, struct find_mapping *ret_mapping)
{
    char shared;
    char *path = strchr(line, '/');
    if (!path || sscanf(line, "%*s %*3c%c %*s %x:%x %llu", &shared, &ret_mapping->major,
                        &ret_mapping->minor, &ret_mapping->inode) != 4) {
        return false;
    }
    path[strcspn(path, "\n")] = '\0';
    ret_mapping->path = path;
    return shared == 's';
}

/* The segment in a directory that is this very file. */
static bool find_in_dir_by_inode(struct find_list *list, const char *dir,
                                 const struct find_mapping *mapping)
{
    DIR *entries = wi_descriptor_opendir(dir);
    bool is_found = false;
    if (!entries) {
        return false;
    }
    for (struct dirent *entry; !is_found && (entry = readdir(entries));) {
        struct wi_stem stem;
        struct stat facts;
        char path[WI_PATH_MAX];
        is_found = wi_stem_read(entry->d_name, ".weir", &stem) &&
                   fstatat(dirfd(entries), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                   facts.st_ino == mapping->inode &&
                   facts.st_dev == makedev(mapping->major, mapping->minor) &&
                   snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path);
        if (is_found) {
            find_list_add(list, path);
        }
    }
    closedir(entries);
    return is_found;
}

/* A directory that only that process sees is reached through its root. */
static bool find_by_mapping(struct find_list *list, const char *pid_name,
                            const struct find_mapping *mapping)
{
    char path[WI_PATH_MAX];
    struct wi_stem stem;
    char *base = strrchr(mapping->path, '/');
    bool is_nameless = base[1] == '#' && base[2] >= '0' && base[2] <= '9';
    if (base == mapping->path || (!is_nameless && !wi_stem_read(base + 1, ".weir", &stem))) {
        return false;
    }
    *base = '\0';
    return find_in_dir_by_inode(list, mapping->path, mapping) ||
           (snprintf(path, sizeof(path), "/proc/%.20s/root%s", pid_name, mapping->path) <
                (int)sizeof(path) &&
            find_in_dir_by_inode(list, path, mapping));
}

static void find_in_maps(struct find_list *list, const char *pid_name)
{
    char path[WI_PATH_MAX];
    char line[1024];
    struct find_mapping mapping;
    snprintf(path, sizeof(path), "/proc/%.20s/maps", pid_name);
    int fd = wi_descriptor_open(path, O_RDONLY, 0);
    FILE *maps = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!maps) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while (fgets(line, sizeof(line), maps)) {
        if (find_parse_mapping(line, &mapping) && find_by_mapping(list, pid_name, &mapping)) {
            break;
        }
    }
    fclose(maps);
}

static void find_in_processes(struct find_list *list)
{
    DIR *entries = wi_descriptor_opendir("/proc");
    if (!entries) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        struct stat facts;
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            fstatat(dirfd(entries), entry->d_name, &facts, 0) == 0 &&
            (geteuid() == 0 || facts.st_uid == geteuid())) {
            find_in_maps(list, entry->d_name);
        }
    }
    closedir(entries);
}

static int find_newer(const void *a, const void *b)
{
    const struct wi_found *left = a;
    const struct wi_found *right = b;
    return (left->opened_unix_nanos < right->opened_unix_nanos) -
           (left->opened_unix_nanos > right->opened_unix_nanos);
}

void wi_find_each_dir(void (*visit)(void *context, const char *dir), void *context)
{
    char dir[WI_PATH_MAX];
    const char *asked = secure_getenv("WEIR_DIR");
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    if (asked && asked[0] == '/') {
        visit(context, asked);
    }
    if (runtime && runtime[0] == '/' &&
        snprintf(dir, sizeof(dir), "%s/weir", runtime) < (int)sizeof(dir)) {
        visit(context, dir);
    }
    if (geteuid() == 0) {
        find_in_all("/run/user", "", "/weir", visit, context);
        find_in_all("/dev/shm", "weir-", "", visit, context);
    } else {
        snprintf(dir, sizeof(dir), "/run/user/%u/weir", (unsigned)geteuid());
        visit(context, dir);
        snprintf(dir, sizeof(dir), "/dev/shm/weir-%u", (unsigned)geteuid());
        visit(context, dir);
    }
}

/* Gives the list away, newest first. */
static enum weir_status find_list_give(struct find_list *list, struct wi_found **ret_found,
                                       size_t *ret_n)
{
    if (list->has_failed) {
        free(list->items);
        return WEIR_E_MEMORY;
    }
    if (list->n) {
        qsort(list->items, list->n, sizeof(*list->items), find_newer);
    }
    *ret_found = list->items;
    *ret_n = list->n;
    return WEIR_OK;
}

enum weir_status wi_find_in_dirs(struct wi_found **ret_found, size_t *ret_n)
{
    struct find_list list = {0};
    wi_find_each_dir(find_in_dir, &list);
    return find_list_give(&list, ret_found, ret_n);
}

enum weir_status wi_find_all(struct wi_found **ret_found, size_t *ret_n)
{
    struct find_list list = {0};
    wi_find_each_dir(find_in_dir, &list);
    find_in_processes(&list);
    return find_list_give(&list, ret_found, ret_n);
}

/* ---- pruning ------------------------------------------------------------------------------- */

/* A lock that none who may write to the file lets anybody have: of a dead process it can be had. It is
 * held until the descriptor is closed. */
static bool find_lock(int fd)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Removes the files that one process leaves, by the name of its segment: what stands in the header
 * may be another's. The lock on the segment stands for them all. */
static bool find_remove(const char *segment)
{
    static const char *const suffixes[] = {"history", "sock", "weir"};
    char path[WI_PATH_MAX + 16];
    struct stat opened;
    struct stat named;
    int fd;
    if (wi_find_open(segment, &fd, NULL) != WEIR_OK) {
        return false;
    }
    bool is_going = find_lock(fd) && fstat(fd, &opened) == 0 && lstat(segment, &named) == 0 &&
                    opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    int stem = (int)(strlen(segment) - strlen(".weir"));
    for (size_t i = 0; is_going && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%.*s.%s", stem, segment, suffixes[i]);
        unlink(path);
    }
    close(fd);
    return is_going;
}

/* Whether the process of a stem lives as far as /proc knows: it does not know those of other pid
 * namespaces. */
static bool find_is_seen(const struct wi_stem *stem)
{
    return wi_file_start_ticks(stem->pid) == stem->start_ticks;
}

/* What one stem's file is named, "%s" standing for the stem; a stopped segment is hidden. */
#define FIND_SEGMENT "%s.weir"
#define FIND_STOPPED ".%s.weir.stopped"
#define FIND_HISTORY "%s.history"

/* Opens "dir/name" for reading; -1: it cannot be. */
static int find_open_in(const char *dir, const char *name)
{
    char path[WI_PATH_MAX + WI_STEM_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return n < (int)sizeof(path) ? wi_descriptor_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
                                 : -1;
}

/* Whether a file is there under a name of this stem. ret_fd: open for reading; -1: it cannot be. */
static bool find_has(const char *dir, int dir_fd, const char *format, const struct wi_stem *stem,
                     int *ret_fd)
{
    char text[WI_STEM_MAX];
    char name[WI_STEM_MAX + 32];
    struct stat facts;
    wi_stem_write(stem, text, sizeof(text));
    snprintf(name, sizeof(name), format, text);
    *ret_fd = find_open_in(dir, name);
    return *ret_fd >= 0 || fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether one of these names is there whose lock somebody has. ret_is_there: whether one is there at all. */
static bool find_is_held(const char *dir, int dir_fd, const char *format,
                         const struct wi_stem *stem, bool *ret_is_there)
{
    int fd;
    *ret_is_there = find_has(dir, dir_fd, format, stem, &fd);
    bool is_held = *ret_is_there && (fd < 0 || !find_lock(fd));
    if (fd >= 0) {
        close(fd);
    }
    return is_held;
}

/* A socket has no lock: whoever made it has that of its segment or, where that was taken away, of the
 * history that it made anew. A forked child may hold the segment's for a parent that has gone. */
static bool find_is_socket_left(const char *dir, int dir_fd, const struct wi_stem *stem)
{
    char path[WI_PATH_MAX];
    char text[WI_STEM_MAX];
    struct wi_found found;
    bool is_there;
    if (find_is_seen(stem)) {
        return false;
    }
    wi_stem_write(stem, text, sizeof(text));
    if (snprintf(path, sizeof(path), "%s/" FIND_SEGMENT, dir, text) >= (int)sizeof(path)) {
        return false;
    }
    wi_find_one(path, &found);
    if (found.status != WEIR_E_NOT_FOUND) {
        return found.state == WI_STATE_DEAD || found.state == WI_STATE_ORPHANED;
    }
    return !find_is_held(dir, dir_fd, FIND_STOPPED, stem, &is_there) &&
           !find_is_held(dir, dir_fd, FIND_HISTORY, stem, &is_there);
}

/* A history without its segment, of a process that has gone: one that was stopped has it under its
 * hidden name, and one whose segment was taken away writes on. */
static bool find_is_history_left(const char *dir, int dir_fd, const struct wi_stem *stem)
{
    bool is_there;
    return !find_is_seen(stem) && !find_is_held(dir, dir_fd, FIND_SEGMENT, stem, &is_there) &&
           !is_there && !find_is_held(dir, dir_fd, FIND_STOPPED, stem, &is_there) && !is_there;
}

/* ".PID-ID.new": a file whose process was killed before it had its name. That takes milliseconds. */
static bool find_is_unborn(int dir_fd, const char *name)
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

/* Sockets and stopped segments whose process has gone mean nothing to anybody; nor does a history
 * without its segment, nor a file that was killed before it had its name. ret_lock: what must be closed
 * when the name has gone; -1: nothing. */
static bool find_is_leaving(const char *dir, int dir_fd, const char *name, int *ret_lock)
{
    struct wi_stem stem;
    *ret_lock = -1;
    if (wi_stem_read(name, ".sock", &stem)) {
        return find_is_socket_left(dir, dir_fd, &stem);
    }
    bool is_leaving =
        wi_stem_read(name + (name[0] == '.'), ".weir.stopped", &stem) ||
        (wi_stem_read(name, ".history", &stem) && find_is_history_left(dir, dir_fd, &stem)) ||
        find_is_unborn(dir_fd, name);
    if (is_leaving) {
        *ret_lock = find_open_in(dir, name);
    }
    return *ret_lock >= 0 && find_lock(*ret_lock);
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
                        find_is_leaving(dir, dirfd(entries), entry->d_name, &lock) &&
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
static uint64_t find_bytes(const struct wi_found *found)
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
    *ret_bytes = find_bytes(&now);
    return is_dry || find_remove(found->path);
}

void wi_find_prune(const char *dir)
{
    struct find_list list = {0};
    find_in_dir(&list, dir);
    if (list.n) {
        qsort(list.items, list.n, sizeof(*list.items), find_newer);
    }
    size_t kept = 1; /* the one about to be made */
    uint64_t bytes = 0;
    for (size_t i = 0; i < list.n; i++) {
        const struct wi_found *found = &list.items[i];
        if (found->state != WI_STATE_DEAD || found->uid != geteuid()) {
            continue;
        }
        bytes += find_bytes(found);
        if (kept < FIND_KEEP && bytes <= FIND_KEEP_BYTES) {
            kept++;
        } else {
            find_remove(found->path);
        }
    }
    free(list.items);
    wi_find_sweep(dir, false, NULL, NULL);
}
