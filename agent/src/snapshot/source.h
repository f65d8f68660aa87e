/* SPDX-License-Identifier: MIT */
/*
 * The source of a process view's bytes: the mapping of this process, or a file that is read by
 * pread, so that nothing can change or vanish during a check. One thread at a time.
 */
#ifndef WI_SNAPSHOT_SOURCE_H
#define WI_SNAPSHOT_SOURCE_H

#include "segment/find.h"
#include "snapshot/image.h"

struct wi_source;

/* Opens the segment of this process; or a file. Owns: wi_source_close, for which NULL is fine.
 * Fails: WEIR_E_MEMORY; the first WEIR_E_STATE before weir_start; the second WEIR_E_ARGUMENT (path
 * too long), and as wi_find_open. */
enum weir_status wi_source_open_self(struct wi_source **ret_source, struct weir_error *ret_error);
enum weir_status wi_source_open_file(const char *path, struct wi_source **ret_source,
                                     struct weir_error *ret_error);
void wi_source_close(struct wi_source *source);

/* Reads the segment twice: each byte of `ret_after` was read after each byte of `ret_before`. In
 * `ret_after` the totals of closed handles were read after all else, then their log, then the number
 * of folds. They are the same image if that makes no difference: a live mapping, whose reader takes
 * care of the order itself, and the file of a dead process. Fails: WEIR_E_CORRUPT, WEIR_E_VERSION,
 * WEIR_E_MEMORY, WEIR_E_SYSTEM. */
enum weir_status wi_source_read(struct wi_source *source, struct wi_image *ret_before,
                                struct wi_image *ret_after, struct weir_error *ret_error);

/* Reads bytes of the later image again, in place; nothing for a live mapping and a dead process's file. Fails: as
 * wi_source_read. */
enum weir_status wi_source_read_again(struct wi_source *source, const struct wi_image *after,
                                      const void *at, size_t bytes, struct weir_error *ret_error);

/* Brings the length of a live mapping up to what its process has by now; nothing for a copy. To be called between two
 * looks at counts: what entered may lie in memory that the process took after the image was read, where a thread is new. */
void wi_source_follow(struct wi_source *source, struct wi_image *image);

/* As of the last read. */
enum wi_state wi_source_state(const struct wi_source *source);
bool wi_source_is_self(const struct wi_source *source);
const char *wi_source_path(const struct wi_source *source);

/* The process, as /proc here has it; pid 0: it is not visible here, or has ended before. */
struct wi_owner wi_source_owner(const struct wi_source *source);

/* Which file it is, and who owns it. Returns false for this process's own, or when it cannot be told. */
bool wi_source_file(const struct wi_source *source, dev_t *ret_device, ino_t *ret_inode,
                    uid_t *ret_uid);

/* Whether this is its file; whether that file has lost its name. */
bool wi_source_is(const struct wi_source *source, dev_t device, ino_t inode);
bool wi_source_is_nameless(const struct wi_source *source);

/* Bytes of memory that it holds. */
size_t wi_source_memory(const struct wi_source *source);

#endif
