/* SPDX-License-Identifier: MIT */
/*
 * Members of a family: how they join, take shards, and take over from those before them.
 *
 * Nothing here waits for another process. A record, a shard's number and a piece of room are each taken by one
 * compare-and-swap in the segment; only then does a process use them. If it is killed in between, the next owner of its
 * record continues there; at worst a piece of room is lost. Counts are in cells that are published before the first count,
 * so none is lost.
 *
 * Another member may have other rights, and may have written anything. A process follows addresses of its own index
 * only. The one exception is a member that takes a record over: it finds the shards of the member before it by their
 * offsets, each of which must lie in the segment, in pages that are there. The founder takes nothing over.
 *
 * A record is taken over when its process has certainly ended. If that cannot be told, because /proc, the pid namespace or
 * the time namespace is another one, the record stays with it.
 */
#include "segment/family.h"

#include "segment/descriptor.h"
#include "segment/file.h"
#include "segment/mapping.h"
#include "segment/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    struct wi_member *members;
    struct wi_member *self; /* NULL: there was none left */
    bool can_tell;          /* /proc shows here whether a process has ended */
    uint64_t spaces[2];     /* the founder's namespaces: of pids, of times */
} family;

/* ---- whether a process has ended ------------------------------------------------------------------ */

static uint64_t family_space(const char *kind)
{
    char path[64];
    struct stat facts;
    snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
    return stat(path, &facts) == 0 ? facts.st_ino : 0;
}

/* The first thread of a process may have ended while others count on. */
static bool family_has_one_task(uint32_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof(path), "/proc/%u/task", (unsigned)pid);
    DIR *entries = wi_descriptor_opendir(path);
    if (!entries) {
        return false;
    }
    for (const struct dirent *entry; n < 2 && (entry = readdir(entries));) {
        n += entry->d_name[0] != '.';
    }
    closedir(entries);
    return n == 1;
}

/* Only certain signs count. A process that /proc does not show may be hidden. */
static bool family_has_ended(uint64_t owner)
{
    char path[64];
    uint32_t pid = (uint32_t)owner;
    uint32_t start = (uint32_t)(owner >> 32);
    if (!family.can_tell || !start || (pid_t)pid <= 0) {
        return false;
    }
    uint64_t ticks = wi_file_start_ticks(pid);
    if (ticks) {
        return (uint32_t)ticks != start;
    }
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
        return true;
    }
    snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 && wi_file_start_ticks(pid) == 0 &&
           family_has_one_task(pid);
}

bool wi_family_has_others(void)
{
    const struct wi_member *members = wi_segment_is_family() ? family.members : NULL;
    for (uint32_t m = 0; members && m < WI_MAX_MEMBERS; m++) {
        uint64_t owner = wi_load_relaxed(&members[m].owner);
        if (&members[m] != family.self && owner && !family_has_ended(owner)) {
            return true;
        }
    }
    return false;
}

/* ---- the founder ---------------------------------------------------------------------------------- */

static uint64_t family_owner(uint64_t start_ticks)
{
    return (uint64_t)(uint32_t)getpid() | start_ticks << 32;
}

/* Maps all that the segment may become: no member sees where another one has taken room. */
static bool family_map(const char **ret_why)
{
    const struct wi_growth growth = {wi_segment.map_bytes, wi_segment.limit_bytes,
                                     wi_segment.limit_bytes, WI_MAPPING_SPARE};
    uint64_t mapped = wi_segment.map_bytes < wi_segment.limit_bytes
                          ? wi_mapping_grow(wi_segment.base, &growth, ret_why)
                          : wi_segment.map_bytes;
    wi_segment.map_bytes = mapped ? mapped : wi_segment.map_bytes;
    return mapped != 0;
}

bool wi_family_found(uint64_t start_ticks, struct weir_error *ret_error)
{
    struct wi_header *header = wi_segment_header();
    const char *why = "it has no file";
    uint32_t line = 0;
    if (wi_segment.fd >= 0 && family_map(&why)) {
        why = "there is no room";
        line = wi_segment_take(WI_MAX_MEMBERS);
    }
    if (!line) {
        wi_error_set(ret_error, "children of fork cannot count in the segment: %s", why);
        return false;
    }
    family.spaces[0] = family_space("pid");
    family.spaces[1] = family_space("time");
    family.can_tell = start_ticks && family.spaces[0];
    family.members = wi_segment_line(line);
    family.self = family.members;
    wi_room_begin(family.self, (uint32_t)(wi_index.used_bytes / WEIR_LINE),
                  (uint32_t)(wi_index.reserved_bytes / WEIR_LINE));
    wi_store_relaxed(&family.self->claims, 1);
    wi_index.used_bytes = wi_index.reserved_bytes;
    /* These pair with room_extend in other processes, and with readers. */
    wi_store_release(&family.self->owner, family_owner(start_ticks));
    wi_store_release(&header->used_bytes, wi_index.used_bytes);
    wi_store_release(&header->members, line);
    wi_segment.is_torn = false; /* it was made, or repaired, in this process */
    wi_store_relaxed(&wi_segment.role, WI_FAMILY_FOUNDER);
    return true;
}

/* ---- shards --------------------------------------------------------------------------------------- */

uint32_t wi_family_claim_shard(void)
{
    uint32_t own = family.self ? 1 + (uint32_t)(family.self - family.members) : 0;
    for (uint32_t s = 0; own && s < WI_MAX_SHARDS; s++) {
        uint32_t nobody = 0;
        /* Pairs with itself in another process. */
        if (wi_load_relaxed(&wi_segment_shard(s)->member) == 0 &&
            wi_replace_acq_rel(&wi_segment_shard(s)->member, &nobody, own)) {
            return s;
        }
    }
    return UINT32_MAX;
}

void wi_family_show_shards(uint32_t n)
{
    uint32_t seen = wi_load_relaxed(&wi_segment_header()->n_shards);
    /* Pairs with pass_chunk of readers. */
    while (seen < n && !wi_try_replace_release(&wi_segment_header()->n_shards, &seen, n)) {
    }
}

/* ---- a child joins -------------------------------------------------------------------------------- */

bool wi_family_can_join(struct weir_error *ret_error)
{
    const struct wi_header *header = wi_segment_header();
    bool is_same = header->layout == WI_LAYOUT_VERSION && header->header_bytes == WI_HEADER_BYTES &&
                   header->slot_bytes == sizeof(struct wi_slot) &&
                   header->cell_bytes == sizeof(struct weir_cell) &&
                   header->histogram_bytes == sizeof(struct weir_histogram) &&
                   header->max_shards == WI_MAX_SHARDS && header->max_slabs == WI_MAX_SLABS &&
                   header->limit_bytes == wi_segment.limit_bytes;
    if (!is_same) {
        wi_error_set(ret_error, "the parent's segment has another layout: this child counts in one "
                                "of its own");
    } else if (wi_segment.is_torn) {
        wi_error_set(ret_error,
                     "another thread was changing the segment at the fork: this child "
                     "counts in one of its own; fork when no other thread opens handles");
    }
    return is_same && !wi_segment.is_torn;
}

/* Takes a record that nobody has, or whose process has ended. NULL: there is none. */
static struct wi_member *family_find(uint64_t owner)
{
    for (uint32_t m = 1; m < WI_MAX_MEMBERS; m++) {
        struct wi_member *member = &family.members[m];
        uint64_t before = wi_load_relaxed(&member->owner);
        /* Pairs with itself in another process, and sees all that the ended one has stored. */
        if ((!before || family_has_ended(before)) &&
            wi_replace_acq_rel(&member->owner, &before, owner)) {
            wi_add_relaxed(&member->claims, 1);
            return member;
        }
    }
    return NULL;
}

static void family_adopt_room(void)
{
    /* These pair with wi_room_take in the process that had the record. */
    uint32_t end = wi_load_acquire(&family.self->end);
    uint32_t next = wi_load_acquire(&family.self->next);
    bool is_room = next < end && wi_room_is_there(next, (uint64_t)(end - next) * WEIR_LINE);
    wi_room_begin(family.self, is_room ? next : 0, is_room ? end : 0);
}

/* Enters a shard of the member before in the index. `most`: how many chunks there may be in all, since each takes memory of
 * this process, and their number may have been forged. */
static void family_adopt_shard(uint32_t s, uint64_t *most)
{
    struct wi_shard *shown = wi_segment_shard(s);
    struct wi_shard_entry *shard = &wi_index.shards[s];
    /* These pair with shard_reach and wi_shard_chunk of that process. */
    uint32_t n = wi_load_acquire(&shown->n_chunks);
    uint32_t line = wi_load_acquire(&shown->index);
    struct weir_chunk *chunks = NULL;
    if (n && (n > *most || !wi_room_is_there(line, n * sizeof(uint32_t)))) {
        return;
    }
    *most -= n;
    chunks = n ? wi_index_take(n * sizeof(*chunks)) : NULL;
    if (n && !chunks) {
        return;
    }
    for (uint32_t c = 0; c < n; c++) {
        uint32_t cells = wi_load_acquire((uint32_t *)wi_segment_line(line) + c);
        if (cells && wi_room_is_there(cells, WEIR_CHUNK_CELLS * sizeof(struct weir_cell))) {
            chunks[c].cells = wi_segment_line(cells);
        } else if (cells) {
            return;
        }
    }
    *shard = (struct wi_shard_entry){.chunks = chunks, .n_chunks = n, .line = line};
    wi_store_relaxed(&shown->tid, 0);
    /* Pairs with wi_collect_threads. */
    wi_store_release(&shown->state, WI_SHARD_FREE);
}

/* Only the shards of this member's record are its own. Those of the parent stay where they are, for other threads. */
static void family_adopt(void)
{
    uint32_t own = family.self ? 1 + (uint32_t)(family.self - family.members) : UINT32_MAX;
    /* Each chunk has a word of its own in the segment. */
    uint64_t most = wi_segment.map_bytes / sizeof(uint32_t);
    for (uint32_t s = 0; s < WI_MAX_SHARDS; s++) {
        wi_index.shards[s].state = WI_SHARD_OTHER;
        if (wi_load_relaxed(&wi_segment_shard(s)->member) == own) {
            family_adopt_shard(s, &most);
            if (wi_index.shards[s].state == WI_SHARD_FREE && s >= wi_index.n_shards) {
                wi_index.n_shards = s + 1;
            }
        }
    }
    memset(wi_index.cpus, 0, sizeof(wi_index.cpus));
    wi_index.n_cpu_shards = wi_index.n_cpus = 0;
    wi_index.n_left = family.self ? WI_MAX_SHARDS : 0;
}

/* Free slots, blocks and histograms are the founder's. */
static void family_forget(void)
{
    memset(wi_segment.free_slots, 0, sizeof(wi_segment.free_slots));
    memset(wi_segment.free_strings, 0, sizeof(wi_segment.free_strings));
    memset(wi_segment.free_blocks, 0, sizeof(wi_segment.free_blocks));
    wi_segment.free_histograms = NULL;
    wi_segment.refused_at = 0;
    wi_segment.has_logged_limit = false;
}

enum weir_status wi_family_join(uint64_t start_ticks, struct weir_error *ret_error)
{
    bool is_beside =
        family.spaces[0] == family_space("pid") && family.spaces[1] == family_space("time");
    family.can_tell = family.spaces[0] && is_beside && start_ticks;
    wi_store_relaxed(&wi_segment.role, WI_FAMILY_MEMBER);
    family_forget();
    family.self = family_find(family_owner(family.can_tell ? start_ticks : 0));
    wi_room_begin(NULL, 0, 0);
    if (family.self) {
        family_adopt_room();
    }
    family_adopt();
    if (!family.self) {
        wi_error_set(ret_error,
                     "%u processes count in the segment already: this one counts in shared words, "
                     "which is exact and slower",
                     WI_MAX_MEMBERS);
        return WEIR_DEGRADED;
    }
    return WEIR_OK;
}

void wi_family_leave(void)
{
    /* Handles that are open already were open at this fork. */
    wi_store_relaxed(&wi_segment.role, WI_FAMILY_NONE);
    wi_add_relaxed(&wi_segment.forks, 1);
    memset(&family, 0, sizeof(family));
    wi_room_begin(NULL, 0, 0);
}
