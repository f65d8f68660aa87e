/* SPDX-License-Identifier: MIT */
/* Names of files, written and read. */
#include "segment/stem.h"

#include "weir/nanos.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define STEM_ID_DIGITS 8

void wi_stem_write(const struct wi_stem *stem, char *ret_text, size_t room)
{
    int n = snprintf(ret_text, room, "%u-%llu", (unsigned)stem->pid,
                     (unsigned long long)stem->start_ticks);
    if (stem->id && n > 0 && (size_t)n < room) {
        snprintf(ret_text + n, room - (size_t)n, "-%08x", (unsigned)stem->id);
    }
}

/* "-" and eight digits; 0: there is none. Other spellings of the same number are other names. */
static uint32_t stem_read_id(const char *at)
{
    uint32_t id = 0;
    if (*at != '-' || strspn(at + 1, "0123456789abcdef") != STEM_ID_DIGITS) {
        return 0;
    }
    for (int i = 1; i <= STEM_ID_DIGITS; i++) {
        id = id << 4 | (uint32_t)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
    }
    return id;
}

bool wi_stem_read(const char *name, const char *suffix, struct wi_stem *ret_stem)
{
    unsigned pid;
    unsigned long long start;
    int length = 0;
    if (sscanf(name, "%10u-%20llu%n", &pid, &start, &length) != 2 || length <= 0) {
        return false;
    }
    uint32_t id = stem_read_id(name + length);
    length += id ? 1 + STEM_ID_DIGITS : 0;
    if (strcmp(name + length, suffix) != 0) {
        return false;
    }
    *ret_stem = (struct wi_stem){pid, start, id};
    return true;
}

bool wi_stem_is_same(const struct wi_stem *a, const struct wi_stem *b)
{
    return a->pid == b->pid && a->start_ticks == b->start_ticks && a->id == b->id;
}

/* Spreads differences in a few bits over all bits (the finalizer of splitmix64). */
static uint64_t stem_mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint32_t wi_stem_new_id(void)
{
    uint32_t id = 0;
    if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != (ssize_t)sizeof(id)) {
        uint64_t mixed = stem_mix(wi_nanos(CLOCK_REALTIME));
        mixed = stem_mix(mixed ^ wi_nanos(CLOCK_MONOTONIC) ^ (uint64_t)getpid() << 32);
        id = (uint32_t)stem_mix(mixed ^ (uint64_t)(uintptr_t)&id);
    }
    return id ? id : 1;
}
