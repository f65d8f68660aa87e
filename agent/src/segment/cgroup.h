/* SPDX-License-Identifier: MIT */
/*
 * The memory cgroups of a process, of either version: from its own one up to the root. Plain
 * functions on small files; any thread; no state.
 */
#ifndef WI_SEGMENT_CGROUP_H
#define WI_SEGMENT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the trees are mounted. */
#define WI_CGROUP_ROOT "/sys/fs/cgroup"

/* Room for the text of /proc/PID/cgroup. */
#define WI_CGROUP_TEXT_MAX 4096

struct wi_cgroup_level {
    const char *dir;
    bool is_v2;
    uint64_t limit_bytes;
};

/* Returns false to stop. */
typedef bool wi_cgroup_visit_fn(void *context, const struct wi_cgroup_level *level);

/* Visits each level that has a limit, the lowest first. `text` is that of /proc/PID/cgroup and is
 * cut up. Returns false when a visit did. */
bool wi_cgroup_walk(const char *root, char *text, wi_cgroup_visit_fn *visit, void *context);

/* Bytes that are charged to a level, file pages included. Returns false when that cannot be read. */
bool wi_cgroup_usage(const struct wi_cgroup_level *level, uint64_t *ret_bytes);

/* Whether each level has room for `bytes` more below nine tenths of its limit, and for `spare`
 * beside them below the whole limit; file pages that could be dropped do not count. True if there
 * is no limit. */
bool wi_cgroup_has_room(const char *root, char *text, uint64_t bytes, uint64_t spare);

/* The same of this process's own cgroup. */
bool wi_cgroup_self_has_room(uint64_t bytes, uint64_t spare);

/* The least limit on the way up, and the bytes charged to the level that has it. Returns false, and
 * zeros, if there is no limit. */
bool wi_cgroup_least(const char *root, char *text, uint64_t *ret_limit, uint64_t *ret_used);

#endif
