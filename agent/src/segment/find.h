/* SPDX-License-Identifier: MIT */
/*
 * Where segments lie and who owns them, beside what weir/find.h has: for the writer that starts, and
 * for readers that look. Plain functions on paths; any thread; no state.
 */
#ifndef WI_SEGMENT_FIND_H
#define WI_SEGMENT_FIND_H

#include "segment/owner.h"
#include "weir/find.h"

struct wi_header;

/* wi_find_in_dirs in one directory. Owns and fails as that. */
enum weir_status wi_find_in_dir(const char *dir, struct wi_found **ret_found, size_t *ret_n);

/* Opens a segment for reading: a regular file of this user, or of anybody when root asks; no link is
 * followed but those of /proc that lead to a file that a process has open (wi_owner_is_path).
 * Owns: ret_fd is the caller's. Fails: WEIR_E_NOT_FOUND, WEIR_E_DENIED, WEIR_E_CORRUPT, WEIR_E_SYSTEM. */
enum weir_status wi_find_open(const char *path, int *ret_fd, struct weir_error *ret_error);

/* Whether the owner lives: by the lock on the open file and, where it is seen, by /proc. */
enum wi_state wi_find_state(int fd, const struct wi_owner *owner);

/* What a header says of its process. */
struct wi_maker wi_find_maker(const struct wi_header *header);

/* Whether the first `length` bytes of a file are a header that this version reads. Fails: WEIR_E_CORRUPT,
 * WEIR_E_VERSION with one line. */
enum weir_status wi_find_check_header(const struct wi_header *header, size_t length,
                                      struct weir_error *ret_error);

/* Removes segments of this user in a directory whose processes have ended in good order, and dead ones until,
 * with the one about to be made, at most 4 and 64 MiB are left; and leavings of processes that are gone. Quiet. */
void wi_find_prune(const char *dir);

#endif
