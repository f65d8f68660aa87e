/* SPDX-License-Identifier: MIT */
/*
 * Where segments lie and who owns them, in addition to weir/find.h: for a writer that starts, and
 * for readers that search. Plain functions on paths; any thread; no state.
 */
#ifndef WI_SEGMENT_FIND_H
#define WI_SEGMENT_FIND_H

#include "segment/owner.h"
#include "weir/find.h"

struct wi_header;

/* wi_find_in_dirs in one directory. Owns and fails as that. */
enum weir_status wi_find_in_dir(const char *dir, struct wi_found **ret_found, size_t *ret_n);

/* Opens a segment for reading: a regular file of this user, or of any user for root. No link is
 * followed, except those of /proc that lead to an open file of a process (wi_owner_is_path). Owns:
 * ret_fd is the caller's. Fails: WEIR_E_NOT_FOUND, WEIR_E_DENIED, WEIR_E_CORRUPT, WEIR_E_SYSTEM. */
enum weir_status wi_find_open(const char *path, int *ret_fd, struct weir_error *ret_error);

/* Whether the owner lives: by the lock on the open file and, if this namespace shows it, by /proc. */
enum wi_state wi_find_state(int fd, const struct wi_owner *owner);

/* The facts about its process in a header. */
struct wi_maker wi_find_maker(const struct wi_header *header);

/* Whether the first `length` bytes of a file are a header that this version reads. Fails: WEIR_E_CORRUPT,
 * WEIR_E_VERSION with one line. */
enum weir_status wi_find_check_header(const struct wi_header *header, size_t length,
                                      struct weir_error *ret_error);

/* Removes segments of this user in a directory whose processes have ended cleanly. Removes dead
 * ones until, with the one about to be made, at most 4 and 64 MiB are left. Removes other files of
 * ended processes. Writes no message. */
void wi_find_prune(const char *dir);

#endif
