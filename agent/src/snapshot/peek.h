/* SPDX-License-Identifier: MIT */
/*
 * Reading the memory of a segment's process: copies that the kernel makes, so that memory which is gone is an
 * answer and not a fault. Addresses may be anything. One thread at a time.
 */
#ifndef WI_SNAPSHOT_PEEK_H
#define WI_SNAPSHOT_PEEK_H

#include "snapshot/source.h"

/* The most parts of one call. */
#define WI_PEEK_PARTS 1024

struct wi_peek_part {
    uint64_t address;
    uint64_t bytes;
};

/* Whether the memory of a source's process may be read now: it is this process, or one that has this very file mapped
 * (device and inode) and runs as the file's owner. Returns its pid; 0: no, and *ret_why is one text that
 * says why. It asks /proc: once for each reading. */
uint32_t wi_peek_pid(const struct wi_source *source, const char **ret_why);

/* Copies parts, one behind the other, to `to`. Returns how many were copied whole: all of them, or those before the
 * first that cannot be read. *ret_why is set if the kernel does not permit it at all. At most WI_PEEK_PARTS. */
size_t wi_peek_copy(uint32_t pid, const struct wi_peek_part *parts, size_t n, void *to,
                    const char **ret_why);

#endif
