/* SPDX-License-Identifier: MIT */
/* Memory cgroups: version 1 below ROOT/memory, version 2 below ROOT. */
#include "segment/cgroup.h"

#include "segment/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Version 1 writes 2^63, rounded to a page, for no limit. */
#define CGROUP_UNLIMITED (UINT64_C(1) << 62)

/* The only number in a file; false for "max", and if there is none. */
static bool cgroup_number(const char *dir, const char *file, uint64_t *ret_number)
{
    char path[768];
    char text[64];
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    if (wi_file_read(path, text, sizeof(text)) <= 0 || text[0] < '0' || text[0] > '9') {
        return false;
    }
    *ret_number = strtoull(text, NULL, 10);
    return true;
}

/* From one cgroup up to the mount point of its tree. */
static bool cgroup_climb(const char *mount, const char *own, bool is_v2, wi_cgroup_visit_fn *visit,
                         void *context)
{
    char dir[512];
    size_t n_mount = strlen(mount);
    int length = snprintf(dir, sizeof(dir), "%s%s", mount, own);
    if (length < 0 || (size_t)length >= sizeof(dir)) {
        return true;
    }
    while (length > 0 && dir[length - 1] == '/') {
        dir[--length] = '\0';
    }
    for (;;) {
        struct wi_cgroup_level level = {dir, is_v2, 0};
        if (cgroup_number(dir, is_v2 ? "memory.max" : "memory.limit_in_bytes",
                          &level.limit_bytes) &&
            level.limit_bytes < CGROUP_UNLIMITED && !visit(context, &level)) {
            return false;
        }
        char *slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < n_mount) {
            return true;
        }
        *slash = '\0';
    }
}

bool wi_cgroup_walk(const char *root, char *text, wi_cgroup_visit_fn *visit, void *context)
{
    char mount[256];
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        bool is_v2 = strncmp(line, "0::", 3) == 0;
        char *at = strstr(line, ":memory:");
        if (!is_v2 && !at) {
            continue;
        }
        snprintf(mount, sizeof(mount), "%s%s", root, is_v2 ? "" : "/memory");
        if (!cgroup_climb(mount, is_v2 ? line + 3 : at + strlen(":memory:"), is_v2, visit,
                          context)) {
            return false;
        }
    }
    return true;
}

bool wi_cgroup_usage(const struct wi_cgroup_level *level, uint64_t *ret_bytes)
{
    return cgroup_number(level->dir, level->is_v2 ? "memory.current" : "memory.usage_in_bytes",
                         ret_bytes);
}

/* File pages that the kernel would drop first. */
static uint64_t cgroup_droppable(const struct wi_cgroup_level *level)
{
    char path[768];
    char text[8192];
    const char *key = level->is_v2 ? "\ninactive_file " : "\ntotal_inactive_file ";
    snprintf(path, sizeof(path), "%s/memory.stat", level->dir);
    const char *at = wi_file_read(path, text, sizeof(text)) > 0 ? strstr(text, key) : NULL;
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

struct cgroup_asked {
    uint64_t bytes, spare;
};

static bool cgroup_visit_room(void *context, const struct wi_cgroup_level *level)
{
    uint64_t usage;
    if (!wi_cgroup_usage(level, &usage)) {
        return true;
    }
    uint64_t droppable = cgroup_droppable(level);
    usage = usage > droppable ? usage - droppable : 0;
    const struct cgroup_asked *asked = context;
    return usage + asked->bytes <= level->limit_bytes / 10 * 9 &&
           usage + asked->bytes + asked->spare <= level->limit_bytes;
}

bool wi_cgroup_has_room(const char *root, char *text, uint64_t bytes, uint64_t spare)
{
    struct cgroup_asked asked = {bytes, spare};
    return wi_cgroup_walk(root, text, cgroup_visit_room, &asked);
}

struct cgroup_least {
    bool has_any;
    uint64_t limit, used;
};

static bool cgroup_visit_least(void *context, const struct wi_cgroup_level *level)
{
    struct cgroup_least *least = context;
    uint64_t used;
    if ((!least->has_any || level->limit_bytes < least->limit) && wi_cgroup_usage(level, &used)) {
        *least = (struct cgroup_least){true, level->limit_bytes, used};
    }
    return true;
}

bool wi_cgroup_least(const char *root, char *text, uint64_t *ret_limit, uint64_t *ret_used)
{
    struct cgroup_least least = {false, 0, 0};
    wi_cgroup_walk(root, text, cgroup_visit_least, &least);
    *ret_limit = least.limit;
    *ret_used = least.used;
    return least.has_any;
}

bool wi_cgroup_self_has_room(uint64_t bytes, uint64_t spare)
{
    char text[WI_CGROUP_TEXT_MAX];
    return wi_file_read("/proc/self/cgroup", text, sizeof(text)) <= 0 ||
           wi_cgroup_has_room(WI_CGROUP_ROOT, text, bytes, spare);
}
