/* SPDX-License-Identifier: MIT */
/*
 * A family: a process and its children of fork, which count in one segment (ADR 63). The founder made the segment; it
 * alone opens and closes handles. Each member has a record, and with it shards and room for cells that no other member
 * uses. It knows both by an index of its own, as before.
 *
 * Members share no lock. They take a record, a shard's number and room (room.h) by one compare-and-swap each. So a
 * member can be killed at any point, or write anything into the segment, and no other waits for it.
 */
#ifndef WI_SEGMENT_FAMILY_H
#define WI_SEGMENT_FAMILY_H

#include "segment/segment.h"

/* The segment that was just made, in a file, becomes that of a family. Returns false, with one line, when it cannot be
 * mapped as far as it may grow. The lock is held. */
bool wi_family_found(uint64_t start_ticks, struct weir_error *ret_error);

/* In a child of fork: whether it can join its parent's family. False, with one line: a thread was changing the index at
 * the fork, or the segment is of another layout. */
bool wi_family_can_join(struct weir_error *ret_error);

/* Joins it. WEIR_DEGRADED, with one line: there is no record left, so this process counts in the handles' shared words.
 * The lock is held. */
enum weir_status wi_family_join(uint64_t start_ticks, struct weir_error *ret_error);

/* In a child of fork that gets a segment of its own. */
void wi_family_leave(void);

/* Whether another process of the family lives. Reads /proc. */
bool wi_family_has_others(void);

/* The number of a shard that nobody had, now this member's; UINT32_MAX: there is none left. The lock is held. */
uint32_t wi_family_claim_shard(void);

/* Raises the header's number of shards. */
void wi_family_show_shards(uint32_t n);

#endif
