/* SPDX-License-Identifier: MIT */
/*
 * Room in the segment: blocks of lines handed out one after the other, their pages reserved first;
 * histograms and strings that come back are given out again. The segment's lock is held.
 */
#include "segment/segment.h"

#include "segment/file.h"

#include <string.h>

#define POOL_CGROUP_STEP (UINT64_C(1) << 20)

/* Reserves up to `needed` bytes, in granules. */
static bool pool_reserve(uint64_t needed)
{
    struct wi_header *header = wi_segment_header();
    uint64_t reserved = header->reserved_bytes;
    uint64_t wanted = (needed + WI_GRANULE - 1) / WI_GRANULE * WI_GRANULE;
    if (wanted > wi_segment.map_bytes) {
        return false;
    }
    if (wanted - wi_segment.checked_bytes >= POOL_CGROUP_STEP) {
        if (!wi_file_cgroup_has_room(POOL_CGROUP_STEP)) {
            return false;
        }
        wi_segment.checked_bytes = wanted;
    }
    bool is_usable =
        wi_segment.fd < 0 || wi_file_is(wi_segment.fd, wi_segment.device, wi_segment.inode);
    if (is_usable ? !wi_file_reserve(wi_segment.fd, wi_segment.base, reserved, wanted - reserved)
                  : !wi_file_populate(wi_segment.base, reserved, wanted - reserved)) {
        return false;
    }
    __atomic_store_n(&header->reserved_bytes, wanted, __ATOMIC_RELEASE);
    return true;
}

uint32_t wi_segment_take(size_t n_lines)
{
    struct wi_header *header = wi_segment_header();
    uint64_t offset = header->used_bytes;
    uint64_t end = offset + (uint64_t)n_lines * WEIR_LINE;
    if (end > header->reserved_bytes && !pool_reserve(end)) {
        return 0;
    }
    __atomic_store_n(&header->used_bytes, end, __ATOMIC_RELEASE);
    return (uint32_t)(offset / WEIR_LINE);
}

/* Readers may be looking at any time, so even what means nothing to them is stored whole. */
void wi_words_zero(void *at, size_t bytes)
{
    uint64_t *words = at;
    for (size_t i = 0; i < bytes / sizeof(*words); i++) {
        __atomic_store_n(&words[i], 0, __ATOMIC_RELAXED);
    }
}

/* Returned blocks are chained through their first word, which readers see as a bucket or as text:
 * neither is looked at without a READY slot that names the block. */
static uint32_t pool_pop(uint32_t *head, size_t bytes)
{
    uint32_t line = *head;
    if (line) {
        *head = __atomic_load_n((uint32_t *)wi_segment_line(line), __ATOMIC_RELAXED);
        wi_words_zero(wi_segment_line(line), bytes);
    }
    return line;
}

static void pool_push(uint32_t *head, uint32_t line)
{
    __atomic_store_n((uint32_t *)wi_segment_line(line), *head, __ATOMIC_RELAXED);
    *head = line;
}

uint32_t wi_segment_take_histogram(void)
{
    uint32_t line = pool_pop(&wi_segment.free_histogram, sizeof(struct weir_histogram));
    return line ? line : wi_segment_take(WI_HISTOGRAM_LINES);
}

void wi_segment_return_histogram(uint32_t line)
{
    if (line) {
        pool_push(&wi_segment.free_histogram, line);
    }
}

/* Strings take 1, 2 or 4 half lines, terminator included; the class follows from the length. Their
 * offsets count half lines, so that a short name costs 32 bytes. */
static unsigned pool_string_class(size_t length)
{
    if (length < WI_STRING_UNIT) {
        return 0;
    }
    return length < 2 * WI_STRING_UNIT ? 1 : 2;
}

static char *pool_string(uint32_t unit)
{
    return (char *)wi_segment.base + (size_t)unit * WI_STRING_UNIT;
}

/* A string's units are chained through their first word. */
static void pool_push_string(unsigned class, uint32_t unit)
{
    __atomic_store_n((uint32_t *)(void *)pool_string(unit), wi_segment.free_strings[class],
                     __ATOMIC_RELAXED);
    wi_segment.free_strings[class] = unit;
}

static uint32_t pool_take_units(unsigned class)
{
    uint32_t unit = wi_segment.free_strings[class];
    if (unit) {
        wi_segment.free_strings[class] =
            __atomic_load_n((uint32_t *)(void *)pool_string(unit), __ATOMIC_RELAXED);
        return unit;
    }
    uint32_t line = wi_segment_take(class == 2 ? 2 : 1);
    if (line && class == 0) {
        pool_push_string(0, 2 * line + 1);
    }
    return 2 * line;
}

uint32_t wi_segment_take_string(const char *text)
{
    char clean[WEIR_NAME_MAX + 1];
    size_t length = wi_text_clean(clean, sizeof(clean), text);
    uint32_t unit = pool_take_units(pool_string_class(length));
    for (size_t i = 0; unit && i <= length; i++) {
        __atomic_store_n(pool_string(unit) + i, clean[i], __ATOMIC_RELAXED);
    }
    return unit;
}

void wi_segment_return_string(uint32_t unit)
{
    if (unit) {
        pool_push_string(pool_string_class(strnlen(pool_string(unit), WEIR_NAME_MAX)), unit);
    }
}
