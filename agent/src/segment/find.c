/* SPDX-License-Identifier: MIT */
/*
 * Finding segments: the places where they lie, and whether their owners live.
 *
 * The directories are searched first, then the mappings in /proc: a file that was removed, or lies
 * in another directory or a container, is found through its process. One file is one entry, by
 * device and inode, whatever its path; a listing has at most 4,096.
 *
 * Files and processes may lie. A segment is opened without following links (except those of /proc
 * that lead to an open file), and only if it is a regular file of this user (root: of any user). A
 * file without a name of weir counts only if its content is a segment and it belongs to the user of
 * the process that maps it. A file that cannot be read is listed with its problem, and does not
 * stop the listing.
 *
 * Whether a process lives is decided by a lock that the kernel holds for it. A forked child may
 * hold that lock too, so the header's pid and start time decide if this pid namespace can see them.
 * The functions keep no state between calls; the caller owns the results. Any thread.
 */
#include "segment/find.h"

#include "segment/changed.h"
#include "segment/descriptor.h"
#include "segment/file.h"
#include "segment/layout.h"
#include "segment/stem.h"
#include "weir/text.h"
#include "weir/wall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FIND_MAX 4096 /* segments in one listing */

const char *wi_state_name(enum wi_state state)
{
    static const char *const names[] = {"running", "dead", "orphaned", "unknown"};
    return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

enum wi_state wi_state_of(const char *name)
{
    int state = WI_STATE_RUNNING;
    while (state < WI_STATE_UNKNOWN && strcmp(wi_state_name((enum wi_state)state), name) != 0) {
        state++;
    }
    return (enum wi_state)state;
}

bool wi_find_is_segment(const char *path)
{
    uint64_t magic = 0;
    struct stat facts;
    int fd = wi_descriptor_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    bool is_segment = fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
                      pread(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
                      magic == WI_MAGIC;
    if (fd >= 0) {
        close(fd);
    }
    return is_segment;
}

enum wi_state wi_find_state(int fd, const struct wi_owner *owner)
{
    /* The owner's descriptor is open for writing; one for reading belongs to a process that removes
     * dead files. */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) {
        return WI_STATE_UNKNOWN;
    }
    if (lock.l_type == F_UNLCK) {
        return WI_STATE_DEAD;
    }
    return !owner->pid || wi_owner_is_there(owner) ? WI_STATE_RUNNING : WI_STATE_ORPHANED;
}

struct wi_maker wi_find_maker(const struct wi_header *header)
{
    struct wi_stem stem = {header->pid, header->start_ticks, header->id};
    return (struct wi_maker){stem, header->pid_namespace};
}

const char *wi_found_state_name(const struct wi_found *found)
{
    return found->has_ended ? "ended" : wi_state_name(found->state);
}

static enum weir_status find_fail(struct wi_found *found, enum weir_status status, const char *why)
{
    found->status = status;
    snprintf(found->problem, sizeof(found->problem), "%s", why);
    return status;
}

/* Follows a link of the kernel's to a file of any type: checks it before it is opened. */
static int find_open_link(const char *path)
{
    char again[64];
    struct stat facts;
    int seen = wi_descriptor_open(path, O_PATH, 0);
    if (seen < 0) {
        return -1;
    }
    int fd = -1;
    errno = EINVAL;
    if (fstat(seen, &facts) == 0 && S_ISREG(facts.st_mode)) {
        snprintf(again, sizeof(again), "/proc/self/fd/%d", seen);
        fd = wi_descriptor_open(again, O_RDONLY | O_NONBLOCK, 0);
    }
    int why = errno;
    close(seen);
    errno = why;
    return fd;
}

enum weir_status wi_find_open(const char *path, int *ret_fd, struct weir_error *ret_error)
{
    int fd = wi_owner_is_path(path)
                 ? find_open_link(path)
                 : wi_descriptor_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
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
    static const char suffix[] = ".weir";
    size_t length = strlen(found->path);
    size_t stem = length - (length > sizeof(suffix) - 1 ? sizeof(suffix) - 1 : length);
    if (strcmp(found->path + stem, suffix) == 0) {
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
    wi_stem_read(base ? base + 1 : path, ".weir", &found.maker.stem);
    found.pid = found.maker.stem.pid;
    int fd = -1;
    enum weir_status status = wi_find_open(path, &fd, &error);
    if (status != WEIR_OK) {
        status = find_fail(&found, status, error.text);
        goto done;
    }
    if (fstat(fd, &facts) == 0) {
        found.uid = facts.st_uid;
        found.device = facts.st_dev;
        found.inode = facts.st_ino;
        found.bytes = (uint64_t)facts.st_blocks * 512;
    }
    ssize_t n = pread(fd, &header, sizeof(header), 0);
    status = wi_find_check_header(&header, n > 0 ? (size_t)n : 0, &error);
    if (status != WEIR_OK) {
        /* The lock tells whether the owner lives even if the file makes no sense. */
        found.state = wi_find_state(fd, &found.owner);
        status = find_fail(&found, status, error.text);
        goto done;
    }
    found.pid = header.pid;
    found.maker = wi_find_maker(&header);
    found.owner = wi_owner_here(&found.maker);
    found.opened_unix_nanos = header.opened_unix_nanos;
    header.name[WEIR_NAME_MAX] = '\0';
    wi_text_clean(header.name, found.name, sizeof(found.name));
    found.state = wi_find_state(fd, &found.owner);
    if (wi_find_lives(&found)) {
        found.opened_unix_nanos = wi_wall_shifted(
            header.opened_unix_nanos, wi_wall_step(header.started_unix_nanos, header.start_ticks));
    }
    found.has_ended = found.state == WI_STATE_DEAD && header.has_ended;
    find_socket(&found);
done:
    if (fd >= 0) {
        close(fd);
    }
    *ret_found = found;
    return status;
}

/* The process of a segment, with its pid in this namespace. */
static void find_own(struct wi_found *found, const struct wi_owner *owner)
{
    if (owner->pid && !found->owner.pid) {
        found->owner = *owner;
        found->pid = owner->pid;
    }
}

enum weir_status wi_find_with_owner(const char *path, struct wi_found *ret_found)
{
    enum weir_status status = wi_find_one(path, ret_found);
    if (status == WEIR_OK && ret_found->state == WI_STATE_RUNNING) {
        struct wi_owner owner =
            wi_owner_search(&ret_found->maker, ret_found->device, ret_found->inode);
        find_own(ret_found, &owner);
    }
    return status;
}

/* ---- names --------------------------------------------------------------------------------- */

bool wi_find_lives(const struct wi_found *found)
{
    return found->status == WEIR_OK &&
           (found->state == WI_STATE_RUNNING || found->state == WI_STATE_UNKNOWN);
}

void wi_find_label(const struct wi_found *found, char *ret_label, size_t room)
{
    if (found->has_twins) {
        snprintf(ret_label, room, "%s/%u", found->name, (unsigned)found->replica);
    } else {
        snprintf(ret_label, room, "%s", found->name);
    }
}

bool wi_find_fits(const struct wi_found *found, const char *text)
{
    char label[WI_LABEL_MAX];
    if (!text) {
        return true;
    }
    snprintf(label, sizeof(label), "%u", (unsigned)found->pid);
    if (strcmp(text, label) == 0) {
        return true;
    }
    snprintf(label, sizeof(label), "%s/%u", found->name, (unsigned)found->replica);
    return found->status == WEIR_OK &&
           (strcmp(text, found->name) == 0 || (found->replica && strcmp(text, label) == 0));
}

/* ---- listing ------------------------------------------------------------------------------- */

struct find_list {
    struct wi_found *items;
    size_t n, room;
    bool has_failed;
};

static struct wi_found *find_list_get(const struct find_list *list, dev_t device, ino_t inode)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].inode == inode && list->items[i].device == device) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* The entry of a file, which may exist already under another path. NULL: there is none, or no room.
 * Borrowed until the next is added. */
static struct wi_found *find_list_add(struct find_list *list, const char *path)
{
    struct wi_found found;
    if (list->n == FIND_MAX || list->has_failed) {
        return NULL;
    }
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct wi_found *items = realloc(list->items, room * sizeof(*items));
        if (!items) {
            list->has_failed = true;
            return NULL;
        }
        list->items = items;
        list->room = room;
    }
    if (wi_find_one(path, &found) == WEIR_E_NOT_FOUND) {
        return NULL;
    }
    /* A file that could not be opened has no inode here. */
    struct wi_found *same = found.inode ? find_list_get(list, found.device, found.inode) : NULL;
    if (same) {
        return same;
    }
    list->items[list->n] = found;
    return &list->items[list->n++];
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

/* How a file is found in a directory: by its name, hidden by weir_stop, or not at all. */
enum find_place { FIND_NOWHERE, FIND_HIDDEN, FIND_NAMED };

static enum find_place find_in_dir_by_inode(const char *dir, const struct wi_mapping *mapping,
                                            char *ret_path, size_t room)
{
    DIR *entries = wi_descriptor_opendir(dir);
    enum find_place place = FIND_NOWHERE;
    const struct dirent *entry;
    while (entries && place == FIND_NOWHERE && (entry = readdir(entries))) {
        struct wi_stem stem;
        struct stat facts;
        bool is_named = wi_stem_read(entry->d_name, ".weir", &stem);
        bool is_hidden =
            wi_stem_read(entry->d_name + (entry->d_name[0] == '.'), ".weir.stopped", &stem);
        if ((is_named || is_hidden) &&
            fstatat(dirfd(entries), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            facts.st_ino == mapping->inode && facts.st_dev == mapping->device &&
            snprintf(ret_path, room, "%s/%s", dir, entry->d_name) < (int)room) {
            place = is_named ? FIND_NAMED : FIND_HIDDEN;
        }
    }
    if (entries) {
        closedir(entries);
    }
    return place;
}

/* The directory of a mapping as this process can reach it; the second is that in the mapping
 * process's own root, which differs in a container. */
static bool find_mapped_dir(const struct wi_mapping *mapping, int which, char *ret_dir, size_t room)
{
    int n = which == 0
                ? snprintf(ret_dir, room, "%s", mapping->dir)
                : snprintf(ret_dir, room, "/proc/%u/root%s", (unsigned)mapping->pid, mapping->dir);
    return n < (int)room;
}

/* A segment whose name was removed: its exporter may have made the socket again. */
static void find_socket_of_nameless(struct wi_found *found, const struct wi_mapping *mapping)
{
    char text[WI_STEM_MAX];
    char dir[WI_PATH_MAX];
    char path[WI_PATH_MAX];
    struct stat facts;
    wi_stem_write(&found->maker.stem, text, sizeof(text));
    for (int which = 0; which < 2 && !found->socket[0]; which++) {
        if (find_mapped_dir(mapping, which, dir, sizeof(dir)) &&
            snprintf(path, sizeof(path), "%s/%s.sock", dir, text) < (int)sizeof(path) &&
            lstat(path, &facts) == 0 && S_ISSOCK(facts.st_mode) && facts.st_uid == found->uid) {
            memcpy(found->socket, path, sizeof(path));
        }
    }
}

/* Whether a file belongs to the user of a process. Every process may map a file that it can read. A
 * process that has changed its user was root before. */
static bool find_is_of_user(uint32_t pid, uid_t uid)
{
    return uid == 0 || wi_owner_uid(pid) == uid;
}

/* Adds the file of a mapping. A stopped segment is left out, and so is one of another user. */
static struct wi_found *find_by_mapping(struct find_list *list, const struct wi_mapping *mapping)
{
    char dir[WI_PATH_MAX];
    char path[WI_PATH_MAX];
    for (int which = 0; which < 2; which++) {
        enum find_place place = find_mapped_dir(mapping, which, dir, sizeof(dir))
                                    ? find_in_dir_by_inode(dir, mapping, path, sizeof(path))
                                    : FIND_NOWHERE;
        if (place != FIND_NOWHERE) {
            return place == FIND_NAMED ? find_list_add(list, path) : NULL;
        }
    }
    if (!wi_owner_path(mapping, path, sizeof(path))) {
        return NULL;
    }
    /* A file without a name of weir is a segment of that process if its content says so. */
    struct wi_found found;
    if (wi_find_one(path, &found) != WEIR_OK || !find_is_of_user(mapping->pid, found.uid) ||
        !wi_owner_is(mapping->pid, &found.maker, true)) {
        return NULL;
    }
    struct wi_found *added = find_list_add(list, path);
    if (added) {
        added->is_nameless = true;
        find_socket_of_nameless(added, mapping);
    }
    return added;
}

static bool find_in_mapping(void *context, const struct wi_mapping *mapping)
{
    struct find_list *list = context;
    struct wi_found *found = find_list_get(list, mapping->device, mapping->inode);
    found = found ? found : find_by_mapping(list, mapping);
    if (!found || found->status != WEIR_OK || found->owner.pid) {
        return !list->has_failed;
    }
    if (wi_owner_is(mapping->pid, &found->maker, true)) {
        struct wi_owner owner = {mapping->pid, wi_file_start_ticks(mapping->pid)};
        find_own(found, &owner);
    } else {
        found->has_heirs = found->has_heirs || wi_owner_is_beside(mapping->pid, &found->maker);
    }
    return true;
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

/* By name, the living first; those that started earlier before the later ones. */
static int find_in_order(const void *a, const void *b)
{
    const struct wi_found *left = *(const struct wi_found *const *)a;
    const struct wi_found *right = *(const struct wi_found *const *)b;
    const struct wi_stem *one = &left->maker.stem;
    const struct wi_stem *other = &right->maker.stem;
    int order = strcmp(left->name, right->name);
    order = order ? order : wi_find_lives(right) - wi_find_lives(left);
    order = order
                ? order
                : (one->start_ticks > other->start_ticks) - (one->start_ticks < other->start_ticks);
    order = order ? order : (left->pid > right->pid) - (left->pid < right->pid);
    return order ? order : (one->id > other->id) - (one->id < other->id);
}

/* Numbers the living processes of each name. */
static void find_number(struct find_list *list)
{
    struct wi_found **order = calloc(list->n + 1, sizeof(*order));
    if (!order) {
        list->has_failed = true;
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        order[i] = &list->items[i];
    }
    qsort(order, list->n, sizeof(*order), find_in_order);
    for (size_t i = 0; i < list->n; i++) {
        bool goes_on = i > 0 && strcmp(order[i - 1]->name, order[i]->name) == 0;
        if (!wi_find_lives(order[i])) {
            continue;
        }
        order[i]->replica = goes_on ? order[i - 1]->replica + 1 : 1;
        order[i]->has_twins = order[i]->replica > 1;
        if (order[i]->replica == 2) {
            order[i - 1]->has_twins = true;
        }
    }
    free(order);
}

/* Hands the list over, newest first. */
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

enum weir_status wi_find_in_dir(const char *dir, struct wi_found **ret_found, size_t *ret_n)
{
    struct find_list list = {0};
    find_in_dir(&list, dir);
    return find_list_give(&list, ret_found, ret_n);
}

enum weir_status wi_find_in_dirs(struct wi_found **ret_found, size_t *ret_n)
{
    struct find_list list = {0};
    wi_find_each_dir(find_in_dir, &list);
    return find_list_give(&list, ret_found, ret_n);
}

static void find_changed(void *context, const struct wi_changed *changed)
{
    struct wi_found *found = find_list_add(context, changed->segment);
    if (found && found->status == WEIR_E_DENIED) {
        wi_changed_tell(changed, found->problem, sizeof(found->problem));
    }
}

enum weir_status wi_find_all(struct wi_found **ret_found, size_t *ret_n)
{
    struct find_list list = {0};
    wi_find_each_dir(find_in_dir, &list);
    wi_owner_each_mapping(find_in_mapping, &list);
    for (size_t i = 0; i < list.n; i++) {
        /* A forked child of it was found, and the process itself was not: it has ended. */
        struct wi_found *found = &list.items[i];
        if (found->state == WI_STATE_RUNNING && !found->owner.pid && found->has_heirs) {
            found->state = WI_STATE_ORPHANED;
        }
    }
    wi_changed_each(find_changed, &list);
    find_number(&list);
    return find_list_give(&list, ret_found, ret_n);
}
