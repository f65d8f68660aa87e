/* SPDX-License-Identifier: MIT */
/*
 * The address space of a segment: mapped small, and made longer in place.
 *
 * It grows in place because hooks hold addresses. A mapping can grow in place if the addresses
 * behind it are free. The kernel gives out addresses downwards, each mapping below the one before,
 * so they usually are not free; a segment is therefore mapped far below all others. Nothing is
 * reserved there: a reservation would count like memory in use. Anonymous memory cannot become
 * longer than it was made, so it is made whole, without access, and cut.
 *
 * Mapped memory counts against the host's limits: its address space, its memory cgroup and, after
 * mlockall, its locked memory. These are read before each step. The step is not taken if the host
 * would keep less than the spare, and the user gets one line with the reason. If there is a limit
 * and /proc does not say how much is left, nothing more is mapped. The caller holds the segment's
 * lock and owns the mapping.
 */
#include "segment/mapping.h"

#include "segment/cgroup.h"
#include "segment/file.h"
#include "segment/layout.h"
#include "weir/expect.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define MAPPING_PAGE  4096
#define MAPPING_ALIGN (UINT64_C(2) << 20) /* the range of one page of a page table */

/* How far below: more than a process maps in its life, and within the range that ThreadSanitizer
 * allows; then the distance for a processor with few address bits. */
static const uint64_t mapping_distances[] = {UINT64_C(256) << 30, UINT64_C(32) << 30};

/* A page at the address of the kernel's next mapping. NULL: there is no memory. */
static unsigned char *mapping_probe(void)
{
    void *page = mmap(NULL, MAPPING_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

/* Whether mlockall(2) has locked a mapping, in any of its modes: msync(2) fails with EBUSY only for
 * locked mappings. */
static bool mapping_is_locked(unsigned char *base)
{
    return msync(base, MAPPING_PAGE, MS_INVALIDATE) != 0 && errno == EBUSY;
}

/* Whether the limit of locked memory applies to this process: a capability lifts it, but not in
 * every user namespace. The test asks for more than the limit, so that it takes nothing from a
 * process that has one. */
static bool mapping_is_lock_limited(uint64_t limit)
{
    size_t bytes = limit / MAPPING_PAGE * MAPPING_PAGE + MAPPING_PAGE;
    void *probe = mmap(NULL, bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_LOCKED, -1, 0);
    if (probe != MAP_FAILED) {
        munmap(probe, bytes);
    }
    return probe == MAP_FAILED;
}

static uint64_t mapping_room(const char *status, const char *key, uint64_t limit)
{
    const char *at = strstr(status, key);
    uint64_t used = at ? strtoull(at + strlen(key), NULL, 10) * 1024 : UINT64_MAX;
    return used < limit ? limit - used : 0;
}

/* How much more this process may map. UINT64_MAX: it has no limit. 0 if /proc does not say. */
static uint64_t mapping_left(bool is_locked)
{
    struct rlimit space;
    struct rlimit locked;
    bool has_space = getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY;
    bool has_locked = is_locked && getrlimit(RLIMIT_MEMLOCK, &locked) == 0 &&
                      locked.rlim_cur != RLIM_INFINITY && mapping_is_lock_limited(locked.rlim_cur);
    char status[4096];
    if (!has_space && !has_locked) {
        return UINT64_MAX;
    }
    if (wi_file_read("/proc/self/status", status, sizeof(status)) <= 0) {
        return 0;
    }
    uint64_t of_space = has_space ? mapping_room(status, "\nVmSize:", space.rlim_cur) : UINT64_MAX;
    uint64_t of_locked =
        has_locked ? mapping_room(status, "\nVmLck:", locked.rlim_cur) : UINT64_MAX;
    return of_space < of_locked ? of_space : of_locked;
}

/* Maps at an address with much room behind it, else anywhere. */
static unsigned char *mapping_place(unsigned char *probe, size_t bytes, int protection, int fd)
{
    int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
    void *base = MAP_FAILED;
    size_t n = sizeof(mapping_distances) / sizeof(mapping_distances[0]);
    for (size_t i = 0; i < n && base == MAP_FAILED; i++) {
        uintptr_t at = (uintptr_t)probe & ~(uintptr_t)(MAPPING_ALIGN - 1);
        if (at > 2 * mapping_distances[i]) {
            void *hint =
                (void *)(at - mapping_distances[i]); /* NOLINT(performance-no-int-to-ptr) */
            base = mmap(hint, bytes, protection, flags | MAP_FIXED_NOREPLACE, fd, 0);
        }
    }
    if (base == MAP_FAILED) {
        base = mmap(NULL, bytes, protection, flags, fd, 0);
    }
    return base == MAP_FAILED ? NULL : base;
}

/* Anonymous memory cannot become longer than it was made. Memory without access takes no pages,
 * locked or not, so it is made whole and cut. */
static unsigned char *mapping_place_anonymous(unsigned char *probe, size_t bytes, uint64_t *limit)
{
    for (; *limit >= bytes; *limit = *limit / 2 / WI_GRANULE * WI_GRANULE) {
        unsigned char *base = mapping_place(probe, *limit, PROT_NONE, -1);
        if (!base) {
            continue;
        }
        if ((*limit > bytes && munmap(base + bytes, *limit - bytes) != 0) ||
            mprotect(base, bytes, PROT_READ | PROT_WRITE) != 0) {
            munmap(base, *limit);
            return NULL;
        }
        return base;
    }
    return NULL;
}

static unsigned char *mapping_make(unsigned char *probe, int fd, uint64_t *limit, uint64_t bytes)
{
    return fd < 0 ? mapping_place_anonymous(probe, bytes, limit)
                  : mapping_place(probe, bytes, PROT_READ | PROT_WRITE, fd);
}

unsigned char *wi_mapping_new(int fd, uint64_t *limit, uint64_t *ret_bytes)
{
    unsigned char *probe = mapping_probe();
    unsigned char *base = NULL;
    if (!probe) {
        return NULL;
    }
    uint64_t left = mapping_left(mapping_is_locked(probe));
    uint64_t bytes = *limit < WI_MAPPING_STEP ? *limit : WI_MAPPING_STEP;
    while (bytes > left / 4 && bytes / 2 >= WI_FIRST_RESERVE) {
        bytes /= 2; /* a host with almost no memory left keeps most of it */
    }
    munmap(probe, MAPPING_PAGE);
    for (; !base && bytes >= WI_FIRST_RESERVE; bytes /= 2) {
        uint64_t most = *limit;
        base = mapping_make(probe, fd, &most, bytes);
        if (base) {
            *limit = most;
            *ret_bytes = bytes;
        }
    }
    return base;
}

unsigned char *wi_mapping_copy(int fd, uint64_t limit, uint64_t bytes)
{
    unsigned char *probe = mapping_probe();
    if (!probe) {
        return NULL;
    }
    munmap(probe, MAPPING_PAGE);
    return mapping_make(probe, fd, &limit, bytes);
}

uint64_t wi_mapping_grow(unsigned char *base, const struct wi_growth *growth, const char **ret_why)
{
    if (!WI_EXPECT(growth->mapped <= growth->needed)) {
        *ret_why = "weir contradicts itself";
        return 0;
    }
    if (growth->needed > growth->limit) {
        *ret_why = "its limit is reached; raise WEIR_LIMIT";
        return 0;
    }
    uint64_t wanted = (growth->needed + WI_MAPPING_STEP - 1) / WI_MAPPING_STEP * WI_MAPPING_STEP;
    wanted = wanted < growth->limit ? wanted : growth->limit;
    uint64_t step = wanted - growth->mapped;
    if (!wi_cgroup_self_has_room(step, growth->spare)) {
        *ret_why = "the memory cgroup is nearly full; raise its limit";
        return 0;
    }
    uint64_t left = mapping_left(mapping_is_locked(base));
    if (left < step || left - step < growth->spare) {
        *ret_why = "less than 8 MiB would be left of RLIMIT_AS or, with mlockall, RLIMIT_MEMLOCK; "
                   "raise these";
        return 0;
    }
    if (mremap(base, growth->mapped, wanted, 0) == MAP_FAILED) {
        *ret_why =
            "the addresses after it are taken; call weir_start earlier, or open fewer handles";
        return 0;
    }
    return wanted;
}
