/* SPDX-License-Identifier: MIT */
/*
 * A child of fork that starts again.
 *
 * A child has inherited its parent's mapping, and its handles lead there. It must not count in the
 * parent's segment, and its handles must stay valid. So the parts of the inherited segment that the
 * index lists are copied into a file of the child's own, and that file is mapped over the same
 * addresses. Without a file it is anonymous memory; without memory the hooks of the child count
 * nothing, and one line says so.
 *
 * Another thread of the parent may have been in the middle of an opening at the fork, so nothing in
 * the file is trusted. The index is written over the copy, slots are listed again, and other free
 * blocks are not used again. Counts begin at zero, unless the parent has ended (daemon(3)) and this
 * child is the first to take over: then it continues them. The files of a parent that has ended are
 * removed. An atomic exchange in the memory that all children still share decides which child is
 * first.
 *
 * The segment's lock is held. The child has one thread here.
 */
#include "hook/fork.h"

#include "hook/create.h"
#include "hook/shard.h"
#include "segment/cgroup.h"
#include "segment/early.h"
#include "segment/family.h"
#include "segment/file.h"
#include "segment/find.h"
#include "segment/mapping.h"
#include "segment/retired.h"
#include "segment/rewrite.h"
#include "segment/segment.h"
#include "weir/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void wi_fork_remove_history(const char *dir, const char *file)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%.*s.history", dir, (int)strcspn(file, "."), file);
    unlink(path);
}

/* A parent that /proc does not show may be hidden (chroot, hidepid) or in another pid namespace.
 * Only certain signs count as its end. */
static bool fork_owner_has_ended(const struct wi_header *header)
{
    char path[64];
    struct stat facts;
    uint64_t ticks = wi_file_start_ticks(header->pid);
    bool is_same_namespace = header->pid_namespace && stat("/proc/self/ns/pid", &facts) == 0 &&
                             facts.st_ino == header->pid_namespace;
    if (!is_same_namespace || ticks == header->start_ticks) {
        return false;
    }
    if (ticks || (kill((pid_t)header->pid, 0) != 0 && errno == ESRCH)) {
        return true;
    }
    snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)header->pid);
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0; /* a zombie: only to be reaped */
}

/* daemon(3): the parent leaves by _exit while the child already runs. A child that has left the
 * session is such a child, and waits briefly for its parent; a prefork worker does not. */
bool wi_fork_parent_has_gone(const struct wi_header *header)
{
    const struct timespec step = {.tv_nsec = 1000000};
    int patience = getsid(0) != wi_segment.session ? 200 : 0;
    for (;;) {
        if (fork_owner_has_ended(header)) {
            return true;
        }
        if (patience-- <= 0) {
            return false;
        }
        nanosleep(&step, NULL);
    }
}

/* Copies the parts of the inherited segment that the index lists, as of the fork. Blocks that the
 * parent has made since do not belong to this child. */
static bool fork_copy(int fd, unsigned char *base)
{
    uint64_t reserved = wi_index.reserved_bytes;
    if (!wi_cgroup_self_has_room(reserved, 0) || !wi_file_reserve(fd, base, 0, reserved)) {
        return false;
    }
    memcpy(base, wi_segment.base, wi_index.used_bytes);
    return true;
}

/* Other processes of a family may have taken room whose pages are not there yet: a copy must not fault. */
static bool fork_is_there(void)
{
    return wi_file_is(wi_segment.fd, wi_segment.device, wi_segment.inode)
               ? wi_file_reserve(wi_segment.fd, wi_segment.base, 0, wi_index.used_bytes)
               : wi_file_populate(wi_segment.base, 0, wi_index.used_bytes);
}

/* Maps a copy of the inherited segment over it: a file of this child's own or, without one,
 * anonymous memory. */
static enum weir_status fork_move(int fd, uint64_t start_ticks)
{
    unsigned char *base = wi_mapping_copy(fd, wi_segment.limit_bytes, wi_segment.map_bytes);
    if (!base) {
        return WEIR_E_MEMORY;
    }
    if (!fork_copy(fd, base)) {
        munmap(base, wi_segment.map_bytes);
        return WEIR_E_MEMORY;
    }
    wi_segment_own((struct wi_header *)(void *)base, start_ticks);
    void *early = wi_early_map(base);
    if (early == MAP_FAILED ||
        mremap(base, wi_segment.map_bytes, wi_segment.map_bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
               wi_segment.base) == MAP_FAILED) {
        munmap(base, wi_segment.map_bytes);
        return WEIR_E_SYSTEM;
    }
    return wi_early_move(early) ? WEIR_OK : WEIR_E_SYSTEM;
}

/* The copy has one thread. Another thread may have been changing the lists at the fork. So slots
 * are listed again, and other free blocks are not used again. */
static void fork_settle(bool has_adopted)
{
    struct wi_header *header = wi_segment_header();
    wi_shards_settle();
    header->threads_without = header->members = 0;
    if (!has_adopted) {
        wi_slots_zero();
        wi_retired_zero();
        wi_senders_zero();
        wi_task_instances_zero();
        header->handles_refused = header->cells_refused = header->samples_lost = 0;
        header->senders_refused = header->instances_refused = 0;
        header->calls_refused = header->calls_mixed = header->broken = 0;
        header->objects_refused = 0;
        wi_words_zero(header->broken_at, sizeof(header->broken_at));
    }
    memset(wi_segment.free_strings, 0, sizeof(wi_segment.free_strings));
    wi_segment.free_histograms = wi_segment.spares = NULL;
    wi_segment_rewrite();
    wi_slots_settle();
    wi_table_settle(WI_SENDERS);
    wi_table_settle(WI_TASK_INSTANCES);
}

/* Only one child continues the counts of a process that has ended. The memory that all children
 * still share says whether another one was first. */
bool wi_fork_take_over(struct wi_header *header)
{
    uint32_t free_to_take = 0;
    /* Pairs with itself in another child. */
    return wi_replace_acq_rel(&header->is_taken_over, &free_to_take, 1);
}

enum weir_status wi_fork_restart(const struct wi_settings *settings, struct weir_error *ret_error)
{
    const struct wi_header parent = *wi_segment_header();
    const struct wi_segment before = wi_segment;
    bool is_family = wi_segment_is_family();
    bool has_gone = !is_family && wi_fork_parent_has_gone(&parent);
    bool has_adopted = has_gone && wi_fork_take_over(wi_segment_header());
    if (!has_gone) { /* said in the parent's file, which is still mapped */
        wi_store_relaxed(&wi_segment_header()->has_children, 1);
    }
    if (is_family && !fork_is_there()) {
        wi_error_set(ret_error, "no room to copy the parent's segment; this child counts nothing");
        return WEIR_E_MEMORY;
    }
    wi_family_leave();
    char dir[sizeof(wi_segment.dir)];
    char temporary[64] = "";
    int fd = -1;
    enum weir_status why = wi_file_dir(settings->dir, dir, sizeof(dir), ret_error);
    if (why == WEIR_OK) {
        wi_find_prune(dir);
        why = wi_file_create(dir, wi_segment.limit_bytes, &fd, temporary, sizeof(temporary),
                             ret_error);
    }
    if (why == WEIR_OK && fork_move(fd, settings->start_ticks) != WEIR_OK) {
        wi_error_set(ret_error, "no room for the child's own segment in %.120s; free some space",
                     dir);
        wi_file_drop(fd, dir, temporary);
        fd = -1;
        why = WEIR_E_MEMORY;
    }
    if (fd < 0 && fork_move(-1, settings->start_ticks) != WEIR_OK) {
        wi_error_set(ret_error, "no memory for the child's own segment; its hooks count nothing");
        return WEIR_E_MEMORY;
    }
    wi_create_remember_file(fd, dir);
    fork_settle(has_adopted);
    if (fd >= 0) {
        wi_create_remember_name(wi_segment_header());
        why = wi_file_publish(fd, dir, temporary, wi_segment.file, ret_error);
        if (why != WEIR_OK) {
            wi_segment.file[0] = '\0';
        }
    }
    if (has_gone && before.file[0]) {
        wi_file_unlink(before.dir, before.file, before.device, before.inode);
        wi_fork_remove_history(before.dir, before.file);
    }
    if (wi_file_is(before.fd, before.device, before.inode)) {
        close(before.fd);
    }
    return why == WEIR_OK ? WEIR_OK : WEIR_DEGRADED;
}
