/* SPDX-License-Identifier: MIT */
/*
 * The owner of a segment, by /proc. A header has the pid of its own pid namespace; to the reader
 * that number may be another process, or none. Plain functions; any thread; no state.
 */
#ifndef WI_SEGMENT_OWNER_H
#define WI_SEGMENT_OWNER_H

#include "segment/stem.h"

/* The quick way: finds only a process of the caller's own pid namespace. */
struct wi_owner wi_owner_here(const struct wi_maker *maker);

/* Searches all processes of this user (root: of all users) for the one of a file; in the caller's
 * own namespace it needs no search. */
struct wi_owner wi_owner_search(const struct wi_maker *maker, dev_t device, ino_t inode);

/* Whether this process is the owner. A process that has the file mapped may also be a forked child
 * of it. */
bool wi_owner_is(uint32_t pid, const struct wi_maker *maker, bool has_mapped);

/* Whether a process is in the same pid namespace. */
bool wi_owner_is_beside(uint32_t pid, const struct wi_maker *maker);

/* The user that a process runs as; (uid_t)-1: it cannot be read. */
uid_t wi_owner_uid(uint32_t pid);

/* A shared mapping of a file that has a segment's name, or has none. */
struct wi_mapping {
    uint32_t pid;
    dev_t device; /* some file systems report another device here than stat(2) */
    ino_t inode;
    uint64_t from, to;     /* addresses */
    char dir[WI_PATH_MAX]; /* as its process names it */
};

/* Calls `visit` with each such mapping of the processes that wi_owner_search would search, until it
 * returns false. Adjacent parts of one mapping are visited once. */
void wi_owner_each_mapping(bool (*visit)(void *context, const struct wi_mapping *mapping),
                           void *context);

/* A path that leads to the file of a mapping even if its name was removed: /proc/PID/fd/N, or
 * /proc/PID/map_files/FROM-TO, which only root may open. False: there is none. */
bool wi_owner_path(const struct wi_mapping *mapping, char *ret_path, size_t room);

/* Whether a path is one of these two. */
bool wi_owner_is_path(const char *path);

#endif
