/* SPDX-License-Identifier: MIT */
/*
 * Creates the segment's file and its header, and moves early handles into it.
 *
 * A file is made without a name, mapped, filled and only then given its name, so no reader finds
 * half a segment. Room is checked first: memory cgroup, address space, file system. If any step
 * fails, everything is undone, and the segment is made in anonymous memory, which only this process
 * can read; the result is then WEIR_DEGRADED and the text says why. Without even that there is no
 * segment and hooks count nothing.
 *
 * Dead segments of this user are removed before, so that they do not use up the room. The segment's
 * lock is held.
 */
#include "hook/create.h"

#include "hook/cpu.h"
#include "hook/shard.h"
#include "segment/cgroup.h"
#include "segment/early.h"
#include "segment/file.h"
#include "segment/find.h"
#include "segment/mapping.h"
#include "segment/segment.h"
#include "segment/stem.h"
#include "weir/atomic.h"
#include "weir/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void create_header_fill(struct wi_header *header, const struct wi_settings *settings,
                               uint64_t limit, uint64_t reserved)
{
    header->layout = WI_LAYOUT_VERSION;
    header->header_bytes = WI_HEADER_BYTES;
    header->slot_bytes = sizeof(struct wi_slot);
    header->cell_bytes = sizeof(struct weir_cell);
    header->histogram_bytes = sizeof(struct weir_histogram);
    header->max_shards = WI_MAX_SHARDS;
    header->max_slabs = WI_MAX_SLABS;
    header->thread_shards = WI_MAX_SHARDS - wi_index.n_cpus;
    header->shards = WI_SHARDS_LINE;
    header->slabs = WI_SLABS_LINE;
    memcpy(header->tables, wi_table_shapes, sizeof(header->tables));
    header->has_tsc = weir_clock.has_tsc;
    header->multiplier = wi_load_relaxed(&weir_clock.multiplier);
    header->max_instances = settings->max_instances;
    header->limit_bytes = limit;
    header->reserved_bytes = reserved;
    header->used_bytes = (uint64_t)WI_FIRST_LINE * WEIR_LINE;
    memcpy(header->name, settings->name, sizeof(header->name));
    wi_text_clean(settings->program, header->program, sizeof(header->program));
    snprintf(header->version, sizeof(header->version), "%s", WEIR_VERSION);
    wi_segment_own(header, settings->start_ticks);
    header->magic = WI_MAGIC;
}

void wi_create_remember_name(const struct wi_header *header)
{
    char stem[WI_STEM_MAX];
    const struct wi_stem named = {header->pid, header->start_ticks, header->id};
    wi_stem_write(&named, stem, sizeof(stem));
    snprintf(wi_segment.file, sizeof(wi_segment.file), "%s.weir", stem);
}

void wi_create_remember_file(int fd, const char *dir)
{
    struct stat facts;
    wi_segment.fd = fd;
    wi_segment.file[0] = '\0';
    if (fd >= 0 && fstat(fd, &facts) == 0) {
        wi_segment.device = facts.st_dev;
        wi_segment.inode = facts.st_ino;
        snprintf(wi_segment.dir, sizeof(wi_segment.dir), "%s", dir);
    }
}

/* Moves the handles that were opened before the start into the new segment. Returns false when
 * there is no memory for that. */
static bool create_adopt(const struct wi_settings *settings, unsigned char *base, uint64_t bytes,
                         uint64_t limit)
{
    wi_segment.base = base;
    wi_segment.map_bytes = bytes;
    wi_segment.limit_bytes = limit;
    wi_segment.sampling = settings->sampling;
    wi_index.reserved_bytes = WI_FIRST_RESERVE;
    wi_index.used_bytes = (uint64_t)WI_FIRST_LINE * WEIR_LINE;
    memset(wi_segment.sources, 0, sizeof(wi_segment.sources));
    memset(wi_segment.value_texts, 0, sizeof(wi_segment.value_texts));
    memset(wi_segment.free_strings, 0, sizeof(wi_segment.free_strings));
    return wi_early_lay(settings->has_early_counts);
}

/* A file of this size, mapped and its first pages reserved. On failure nothing is left. */
static enum weir_status create_build_file(const struct wi_settings *settings, const char *dir,
                                          struct weir_error *ret_error)
{
    int fd;
    char temporary[64];
    enum weir_status status =
        wi_file_create(dir, settings->limit_bytes, &fd, temporary, sizeof(temporary), ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    uint64_t bytes = 0;
    uint64_t limit = settings->limit_bytes;
    unsigned char *base = NULL;
    /* Before the mapping: after mlockall, every mapped page is in memory at once. */
    bool has_room = wi_cgroup_self_has_room(WI_MAPPING_STEP, 0);
    if (has_room) {
        base = wi_mapping_new(fd, &limit, &bytes);
    }
    if (!base || !wi_file_reserve(fd, base, 0, WI_FIRST_RESERVE)) {
        wi_error_set(ret_error,
                     "no room for the segment in %.120s: %s; free some space, or set WEIR_DIR", dir,
                     base || !has_room ? "the file system or the memory cgroup is full"
                                       : "address space or locked memory is limited");
        status = WEIR_E_MEMORY;
        goto failed;
    }
    create_header_fill((struct wi_header *)(void *)base, settings, limit, WI_FIRST_RESERVE);
    struct wi_header *header = (struct wi_header *)(void *)base;
    if (!create_adopt(settings, base, bytes, limit)) {
        wi_error_set(ret_error, "no memory for the handles that are open already");
        status = WEIR_E_MEMORY;
        goto failed;
    }
    wi_create_remember_file(fd, dir);
    wi_create_remember_name(header);
    status = wi_file_publish(fd, dir, temporary, wi_segment.file, ret_error);
    if (status != WEIR_OK) {
        wi_segment.fd = -1;
        wi_segment.file[0] = '\0';
        goto failed;
    }
    return WEIR_OK;
failed:
    bytes = wi_segment.base ? wi_segment.map_bytes : bytes;
    wi_segment.base = NULL;
    if (base) {
        munmap(base, bytes);
    }
    wi_file_drop(fd, dir, temporary);
    return status;
}

/* Memory that only this process can read: the last resort. */
static enum weir_status create_build_anonymous(const struct wi_settings *settings)
{
    uint64_t bytes = 0;
    uint64_t limit = settings->limit_bytes;
    unsigned char *base = wi_mapping_new(-1, &limit, &bytes);
    if (!base) {
        return WEIR_E_MEMORY;
    }
    if (!wi_file_reserve(-1, base, 0, WI_FIRST_RESERVE)) {
        munmap(base, bytes);
        return WEIR_E_MEMORY;
    }
    create_header_fill((struct wi_header *)(void *)base, settings, limit, WI_FIRST_RESERVE);
    if (!create_adopt(settings, base, bytes, limit)) {
        wi_segment.base = NULL;
        munmap(base, bytes);
        return WEIR_E_MEMORY;
    }
    wi_segment.fd = -1;
    return WEIR_OK;
}

enum weir_status wi_create_segment(const struct wi_settings *settings, struct weir_error *ret_error)
{
    char dir[sizeof(wi_segment.dir)];
    wi_shards_start(wi_cpu_count());
    enum weir_status status = wi_file_dir(settings->dir, dir, sizeof(dir), ret_error);
    if (status == WEIR_OK) {
        wi_find_prune(dir);
        status = create_build_file(settings, dir, ret_error);
    }
    if (status == WEIR_OK && !wi_file_is_tmpfs(wi_segment.fd)) {
        wi_error_set(ret_error, "%.150s is not on tmpfs: write-back can stall hooks; set WEIR_DIR",
                     dir);
        return WEIR_DEGRADED;
    }
    if (status == WEIR_OK) {
        return WEIR_OK;
    }
    if (create_build_anonymous(settings) != WEIR_OK) {
        wi_error_set(ret_error, "no memory for the segment; hooks count nothing");
        return WEIR_E_MEMORY;
    }
    return WEIR_DEGRADED;
}
