/* SPDX-License-Identifier: MIT */
/* The room in the segment that one process of a family has taken. The segment's lock is held in all of these. */
#ifndef WI_SEGMENT_ROOM_H
#define WI_SEGMENT_ROOM_H

#include "segment/segment.h"

/* From now on this process takes room by this record (NULL: none), which has these lines left. */
void wi_room_begin(struct wi_member *self, uint32_t next, uint32_t end);

/* Lines that no other process has, zeroed, their pages present. Returns their offset; 0: there is no room. */
uint32_t wi_room_take(size_t n_lines);

/* Whether lines that another process names lie in the segment, in pages that are there. */
bool wi_room_is_there(uint32_t line, uint64_t bytes);

#endif
