/* SPDX-License-Identifier: MIT */
/*
 * The memory of a segment: mapped small, and made longer in place when it is needed. Mapped memory
 * counts against limits that the host shares with the library (address space; locked memory after
 * mlockall). So a segment takes no more than it uses, and stops growing while the host still has
 * WI_MAPPING_SPARE.
 */
#ifndef WI_SEGMENT_MAPPING_H
#define WI_SEGMENT_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#define WI_MAPPING_STEP  (UINT64_C(1) << 20) /* mapped at once */
#define WI_MAPPING_SPARE (UINT64_C(8) << 20) /* of each limit, left to the host */

/* Maps the begin of a file that has *limit bytes: a step, or less if the process may map only less.
 * Without a file (-1): anonymous memory that can become *limit bytes long; *limit is lowered to the
 * available size. Owns: the caller, who unmaps it. Fails: NULL. */
unsigned char *wi_mapping_new(int fd, uint64_t *limit, uint64_t *ret_bytes);

/* The same, `bytes` long. */
unsigned char *wi_mapping_copy(int fd, uint64_t limit, uint64_t bytes);

/* How a mapping is to grow. */
struct wi_growth {
    uint64_t mapped; /* the present length */
    uint64_t needed; /* at least */
    uint64_t limit;  /* at most */
    uint64_t spare;  /* left to the host, of each of its own limits */
};

/* Lengthens the mapping at `base` in place. Returns its new length; 0, and *ret_why, a literal, when
 * it stays as it is. */
uint64_t wi_mapping_grow(unsigned char *base, const struct wi_growth *growth, const char **ret_why);

#endif
