/* SPDX-License-Identifier: MIT */
/*
 * Reads /proc of other processes: their pids in their own namespaces, and their mappings. A process
 * may end, and its pid be used again, between two lines, and a process chooses the names of its
 * files itself. So nothing here is trusted before the file was opened and checked.
 */
#include "segment/owner.h"

#include "segment/descriptor.h"
#include "segment/file.h"
#include "segment/maps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER_FDS_MAX 65536 /* descriptors of one process that are checked */

/* ---- lines ---------------------------------------------------------------------------------- */

static FILE *owner_open(const char *path)
{
    int fd = wi_descriptor_open(path, O_RDONLY, 0);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!file && fd >= 0) {
        close(fd);
    }
    return file;
}

/* ---- one process ------------------------------------------------------------------------------ */

struct owner_status {
    uid_t uid;      /* effective, as the reader sees it */
    uint32_t inner; /* the process's pid in its own namespace; 0: it cannot be read */
};

/* "Uid:\t1000\t1000\t1000\t1000", "NSpid:\t4821\t7\t1". There are at most 32 of the last, and a
 * list of groups between the two may be long. */
static struct owner_status owner_read_status(uint32_t pid)
{
    struct owner_status status = {.uid = (uid_t)-1};
    char path[64];
    char line[512];
    unsigned long uid;
    snprintf(path, sizeof(path), "/proc/%u/status", (unsigned)pid);
    FILE *file = owner_open(path);
    while (file && !status.inner && wi_file_line(file, line, sizeof(line))) {
        const char *last = strrchr(line, '\t');
        if (sscanf(line, "Uid:\t%*u\t%lu", &uid) == 1) {
            status.uid = (uid_t)uid;
        } else if (strncmp(line, "NSpid:", 6) == 0 && last) {
            status.inner = (uint32_t)strtoul(last + 1, NULL, 10);
        }
    }
    if (file) {
        fclose(file);
    }
    return status;
}

uid_t wi_owner_uid(uint32_t pid)
{
    return owner_read_status(pid).uid;
}

/* The inode of a process's namespace; 0: it may not be read. pid 0: the caller's. */
static uint64_t owner_namespace(uint32_t pid, const char *kind)
{
    char path[64];
    struct stat facts;
    if (pid) {
        snprintf(path, sizeof(path), "/proc/%u/ns/%s", (unsigned)pid, kind);
    } else {
        snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
    }
    return stat(path, &facts) == 0 ? facts.st_ino : 0;
}

/* Start times are given in the reader's time namespace. */
static bool owner_started_then(uint32_t pid, const struct wi_maker *maker)
{
    return wi_file_start_ticks(pid) == maker->stem.start_ticks ||
           owner_namespace(pid, "time") != owner_namespace(0, "time");
}

bool wi_owner_is(uint32_t pid, const struct wi_maker *maker, bool has_mapped)
{
    if (owner_read_status(pid).inner != maker->stem.pid || !owner_started_then(pid, maker)) {
        return false;
    }
    uint64_t space = owner_namespace(pid, "pid");
    return space && maker->pid_namespace ? space == maker->pid_namespace : has_mapped;
}

bool wi_owner_is_beside(uint32_t pid, const struct wi_maker *maker)
{
    return maker->pid_namespace && owner_namespace(pid, "pid") == maker->pid_namespace;
}

struct wi_owner wi_owner_here(const struct wi_maker *maker)
{
    struct wi_owner owner = {0};
    if (maker->pid_namespace && owner_namespace(0, "pid") == maker->pid_namespace) {
        owner = (struct wi_owner){maker->stem.pid, maker->stem.start_ticks};
    }
    return owner;
}

bool wi_owner_is_there(const struct wi_owner *owner)
{
    return owner->pid && wi_file_start_ticks(owner->pid) == owner->start_ticks;
}

/* ---- processes ------------------------------------------------------------------------------------ */

/* The processes that the caller may look at. */
static void owner_each(bool (*visit)(void *context, uint32_t pid), void *context)
{
    DIR *entries = wi_descriptor_opendir("/proc");
    bool goes_on = entries != NULL;
    while (goes_on) {
        const struct dirent *entry = readdir(entries);
        struct stat facts;
        if (!entry) {
            break;
        }
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            fstatat(dirfd(entries), entry->d_name, &facts, 0) == 0 &&
            (geteuid() == 0 || facts.st_uid == geteuid())) {
            goes_on = visit(context, (uint32_t)strtoul(entry->d_name, NULL, 10));
        }
    }
    if (entries) {
        closedir(entries);
    }
}

struct owner_visit {
    bool (*visit)(void *context, const struct wi_mapping *mapping);
    void *context;
};

static bool owner_visit_process(void *context, uint32_t pid)
{
    const struct owner_visit *visit = context;
    return wi_maps_each(pid, visit->visit, visit->context);
}

void wi_owner_each_mapping(bool (*visit)(void *context, const struct wi_mapping *mapping),
                           void *context)
{
    struct owner_visit all = {visit, context};
    owner_each(owner_visit_process, &all);
}

/* ---- search ------------------------------------------------------------------------------------- */

struct owner_search {
    const struct wi_maker *maker;
    dev_t device;
    ino_t inode;
    struct wi_owner owner;
    bool has_mapped; /* the current process */
};

static bool owner_search_mapping(void *context, const struct wi_mapping *mapping)
{
    struct owner_search *search = context;
    search->has_mapped = mapping->inode == search->inode && mapping->device == search->device;
    return !search->has_mapped;
}

static bool owner_search_process(void *context, uint32_t pid)
{
    struct owner_search *search = context;
    if (owner_read_status(pid).inner != search->maker->stem.pid) {
        return true;
    }
    search->has_mapped = false;
    wi_maps_each(pid, owner_search_mapping, search);
    if (!wi_owner_is(pid, search->maker, search->has_mapped)) {
        return true;
    }
    search->owner = (struct wi_owner){pid, wi_file_start_ticks(pid)};
    return false;
}

struct wi_owner wi_owner_search(const struct wi_maker *maker, dev_t device, ino_t inode)
{
    struct owner_search search = {.maker = maker, .device = device, .inode = inode};
    search.owner = wi_owner_here(maker);
    if (!search.owner.pid) {
        owner_each(owner_search_process, &search);
    }
    return search.owner;
}

/* ---- files without a name ------------------------------------------------------------------------- */

bool wi_owner_path(const struct wi_mapping *mapping, char *ret_path, size_t room)
{
    char dir[64];
    struct stat facts;
    size_t looked_at = 0;
    snprintf(dir, sizeof(dir), "/proc/%u/fd", (unsigned)mapping->pid);
    DIR *entries = wi_descriptor_opendir(dir);
    bool is_found = false;
    for (const struct dirent *entry;
         entries && !is_found && looked_at < OWNER_FDS_MAX && (entry = readdir(entries));) {
        looked_at++;
        is_found = entry->d_name[0] != '.' &&
                   fstatat(dirfd(entries), entry->d_name, &facts, 0) == 0 &&
                   facts.st_ino == mapping->inode && facts.st_dev == mapping->device &&
                   S_ISREG(facts.st_mode) &&
                   snprintf(ret_path, room, "%s/%.20s", dir, entry->d_name) < (int)room;
    }
    if (entries) {
        closedir(entries);
    }
    if (!is_found) {
        is_found = snprintf(ret_path, room, "/proc/%u/map_files/%llx-%llx", (unsigned)mapping->pid,
                            (unsigned long long)mapping->from,
                            (unsigned long long)mapping->to) < (int)room &&
                   stat(ret_path, &facts) == 0 && S_ISREG(facts.st_mode);
    }
    return is_found;
}

/* The length of a path's next level if all its characters are among these; 0: it is not. */
static size_t owner_level(const char *at, const char *characters)
{
    size_t n = strspn(at, characters);
    return at[n] == '/' || !at[n] ? n : 0;
}

bool wi_owner_is_path(const char *path)
{
    static const char proc[] = "/proc/";
    static const char *const kinds[] = {"/fd/", "/map_files/"};
    static const char *const last[] = {"0123456789", "0123456789abcdef-"};
    if (strncmp(path, proc, sizeof(proc) - 1) != 0) {
        return false;
    }
    path += sizeof(proc) - 1;
    size_t n = strncmp(path, "self/", 5) == 0 ? 4 : owner_level(path, "0123456789");
    for (size_t i = 0; n > 0 && i < 2; i++) {
        size_t n_kind = strlen(kinds[i]);
        if (strncmp(path + n, kinds[i], n_kind) == 0) {
            const char *name = path + n + n_kind;
            return name[0] && name[strspn(name, last[i])] == '\0';
        }
    }
    return false;
}
