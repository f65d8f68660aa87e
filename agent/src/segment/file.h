/* SPDX-License-Identifier: MIT */
/*
 * The file under a segment: its directory, its creation, its pages. Plain functions; no state. Any thread.
 */
#ifndef WI_SEGMENT_FILE_H
#define WI_SEGMENT_FILE_H

#include "weir/weir.h"

#include <stdio.h>
#include <sys/types.h>

/* Creates a nameless, sparse file of `bytes` in a directory. ret_temporary is "", or the file's
 * temporary name if the file system has no nameless files. */
enum weir_status wi_file_create(const char *dir, uint64_t bytes, int *ret_fd, char *ret_temporary,
                                size_t room, struct weir_error *ret_error);

/* Locks the file for its life (OFD lock on byte 0), makes it read-only and gives it its name.
 * Fails: WEIR_E_STATE if a file has that name. */
enum weir_status wi_file_publish(int fd, const char *dir, const char *temporary, const char *name,
                                 struct weir_error *ret_error);

/* Reserves a range and makes its pages present, so that no later store can fault. fd -1: anonymous.
 * Returns false when there is no room; the range is then as it was. */
bool wi_file_reserve(int fd, unsigned char *base, uint64_t offset, uint64_t bytes);

/* The same by the mapping alone, for a file whose descriptor is closed. */
bool wi_file_populate(unsigned char *base, uint64_t offset, uint64_t bytes);

/* Whether a descriptor belongs to this file. Hosts close descriptors that they do not know, and
 * then have files of their own under the numbers. */
bool wi_file_is(int fd, dev_t device, ino_t inode);

/* Whether a directory lies on tmpfs: on a disk, write-back stalls the hooks. */
bool wi_file_is_tmpfs(int fd);

/* Discards a file that was not published. */
void wi_file_drop(int fd, const char *dir, const char *temporary);

/* Removes a name if it still means this file. */
void wi_file_unlink(const char *dir, const char *name, dev_t device, ino_t inode);

/* Reads n bytes at an offset, however many calls it takes. Returns how many there were, fewer than n at
 * the file's end; -1: errno. */
ssize_t wi_file_pread(int fd, void *ret_bytes, size_t n, uint64_t offset);

/* Reads a small file whole, with a terminator. Returns its length, -1: errno. */
ssize_t wi_file_read(const char *path, char *ret_text, size_t room);

/* The next line of a file, without its newline; the beginning of a line that is too long. False:
 * there is none. */
bool wi_file_line(FILE *file, char *ret_line, size_t room);

/* Field 22 of /proc/PID/stat; 0 when there is no such process, or it is a zombie. pid 0: self. */
uint64_t wi_file_start_ticks(uint32_t pid);

/* Writes a line into an error, which may be NULL. */
__attribute__((format(printf, 2, 3))) void wi_error_set(struct weir_error *ret_error,
                                                        const char *format, ...);

#endif
