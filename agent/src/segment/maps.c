/* SPDX-License-Identifier: MIT */
/*
 * The mappings of a process, by two ways that give the same.
 *
 * Linux 6.11 and later answer a request for the next shared mapping of a file; older ones give the
 * text of /proc/PID/maps, of which each line is read and most are dropped at once. If a request
 * fails, the text is read from its beginning, so a caller may see a mapping twice. Adjacent
 * mappings of one file are reported once.
 *
 * A path may hold any character, with newlines as \012, and ends in " (deleted)" if the name is
 * gone. Only the name's form is checked here; the caller opens the file and checks it. No state;
 * any thread.
 */
#include "segment/maps.h"

#include "segment/descriptor.h"
#include "segment/file.h"
#include "segment/stem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAPS_LINE_MAX 8192 /* a path has at most 4,095 bytes, some as "\012" */

/* "name", or "name (deleted)" -> whether it is the name of a segment. A file that was nameless when
 * it was mapped is "#INODE (deleted)" from then on. */
static bool maps_is_segment_name(char *name)
{
    static const char deleted[] = " (deleted)";
    size_t n = strlen(name);
    size_t n_deleted = sizeof(deleted) - 1;
    struct wi_stem stem;
    if (n > n_deleted && strcmp(name + n - n_deleted, deleted) == 0) {
        name[n - n_deleted] = '\0';
    }
    if (name[0] == '#') {
        return name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
    }
    return wi_stem_read(name, ".weir", &stem) || (name[0] == '.' && strstr(name, ".new"));
}

/* Takes the directory from the path of a mapping's file, which it cuts up. False: the file is no
 * segment. */
static bool maps_take_path(char *path, struct wi_mapping *mapping)
{
    char *base = path ? strrchr(path, '/') : NULL;
    if (!base || base == path || !maps_is_segment_name(base + 1)) {
        return false;
    }
    *base = '\0';
    return snprintf(mapping->dir, sizeof(mapping->dir), "%s", path) < (int)sizeof(mapping->dir);
}

/* ---- by the text -------------------------------------------------------------------------------- */

/* "7f8a-7f8b rw-s 0 00:2e 3   /dir/NAME". Cuts the line up. */
static bool maps_read_line(char *line, struct wi_mapping *mapping)
{
    char shared;
    unsigned major;
    unsigned minor;
    unsigned long long from;
    unsigned long long to;
    unsigned long long inode;
    char *path = strchr(line, '/');
    if (!path ||
        sscanf(line, "%llx-%llx %*3c%c %*s %x:%x %llu", &from, &to, &shared, &major, &minor,
               &inode) != 6 ||
        shared != 's') {
        return false;
    }
    mapping->device = makedev(major, minor);
    mapping->inode = (ino_t)inode;
    mapping->from = from;
    mapping->to = to;
    return maps_take_path(path, mapping);
}

/* Owns the descriptor, and closes it. */
static bool maps_visit_text(int taken_fd, struct wi_mapping *mapping, wi_maps_visit_fn *visit,
                            void *context)
{
    char line[MAPS_LINE_MAX];
    ino_t before = 0;
    bool goes_on = true;
    FILE *maps = fdopen(taken_fd, "r");
    if (!maps) {
        close(taken_fd);
        return true;
    }
    while (goes_on && wi_file_line(maps, line, sizeof(line))) {
        if (maps_read_line(line, mapping) && mapping->inode != before) {
            before = mapping->inode;
            goes_on = visit(context, mapping);
        }
    }
    fclose(maps);
    return goes_on;
}

/* ---- by asking the kernel ----------------------------------------------------------------------- */

/* As struct procmap_query of linux/fs.h, which older headers do not have. */
struct maps_query {
    uint64_t size, flags, address;
    uint64_t from, to, permissions, page_size, offset, inode;
    uint32_t major, minor;
    uint32_t name_size, build_id_size;
    uint64_t name, build_id; /* addresses */
};

#define MAPS_QUERY       _IOWR('f', 17, struct maps_query)
#define MAPS_SHARED      0x08U
#define MAPS_AT_OR_AFTER 0x10U
#define MAPS_OF_FILES    0x20U

/* The first shared mapping of a file at an address or after it. 1: there is one; 0: no more; -1:
 * the kernel does not say. */
static int maps_ask(int fd, uint64_t address, char *path, size_t room, struct wi_mapping *mapping)
{
    struct maps_query query = {.size = sizeof(query),
                               .flags = MAPS_SHARED | MAPS_AT_OR_AFTER | MAPS_OF_FILES,
                               .address = address,
                               .name_size = (uint32_t)room,
                               .name = (uintptr_t)path};
    /* Not by ioctl: the type of its second argument is not the same in all C libraries. */
    if (syscall(SYS_ioctl, fd, MAPS_QUERY, &query) != 0) {
        return errno == ENOENT ? 0 : -1;
    }
    if (query.to <= address || query.name_size > room) {
        return -1;
    }
    path[query.name_size ? query.name_size - 1 : 0] = '\0';
    mapping->device = makedev(query.major, query.minor);
    mapping->inode = (ino_t)query.inode;
    mapping->from = query.from;
    mapping->to = query.to;
    return 1;
}

/* Whether the kernel reported all of them; else the text must be read, which visits some again. */
static bool maps_visit_asked(int fd, struct wi_mapping *mapping, wi_maps_visit_fn *visit,
                             void *context, bool *ret_goes_on)
{
    char path[MAPS_LINE_MAX];
    ino_t before = 0;
    int answer;
    *ret_goes_on = true;
    mapping->to = 0;
    while (*ret_goes_on && (answer = maps_ask(fd, mapping->to, path, sizeof(path), mapping)) != 0) {
        if (answer < 0) {
            return false;
        }
        if (maps_take_path(path, mapping) && mapping->inode != before) {
            before = mapping->inode;
            *ret_goes_on = visit(context, mapping);
        }
    }
    return true;
}

/* ---- both --------------------------------------------------------------------------------------- */

static int maps_open(uint32_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/maps", (unsigned)pid);
    return wi_descriptor_open(path, O_RDONLY, 0);
}

bool wi_maps_each_in_text(uint32_t pid, wi_maps_visit_fn *visit, void *context)
{
    struct wi_mapping mapping = {.pid = pid};
    int fd = maps_open(pid);
    return fd < 0 || maps_visit_text(fd, &mapping, visit, context);
}

bool wi_maps_each(uint32_t pid, wi_maps_visit_fn *visit, void *context)
{
    struct wi_mapping mapping = {.pid = pid};
    bool goes_on;
    int fd = maps_open(pid);
    if (fd < 0) {
        return true;
    }
    if (maps_visit_asked(fd, &mapping, visit, context, &goes_on)) {
        close(fd);
        return goes_on;
    }
    return maps_visit_text(fd, &mapping, visit, context);
}
