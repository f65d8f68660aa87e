/* SPDX-License-Identifier: MIT */
/*
 * The names of one process's files: PID-STARTTIME-ID, then the file's ending. A pid and a start
 * time are unique in one pid namespace until the machine restarts. The id is random, so that
 * containers that share a directory have different names. Plain functions; any thread.
 */
#ifndef WI_SEGMENT_STEM_H
#define WI_SEGMENT_STEM_H

#include "weir/find.h"

#define WI_STEM_MAX 48 /* with its terminator */

/* Writes the stem; `room` is at least WI_STEM_MAX. */
void wi_stem_write(const struct wi_stem *stem, char *ret_text, size_t room);

/* Reads a file's name: a stem, with or without an id, then exactly `suffix`. */
bool wi_stem_read(const char *name, const char *suffix, struct wi_stem *ret_stem);

bool wi_stem_is_same(const struct wi_stem *a, const struct wi_stem *b);

/* A random id, never 0. Never waits, and never fails: if the kernel gives no random bytes, clocks
 * and addresses make it. */
uint32_t wi_stem_new_id(void);

#endif
