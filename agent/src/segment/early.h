/* SPDX-License-Identifier: MIT */
/*
 * Handles that are opened before weir_start, as by constructors of C++ objects. Their slots lie in one slab
 * of memory of this process, and all their counts in the slots' shared words, by atomic adds. weir_start
 * lays the first slab of the segment over that memory, so that handles stay valid while hooks run, and
 * adds what was counted until then. The segment's lock is held in all of these.
 */
#ifndef WI_SEGMENT_EARLY_H
#define WI_SEGMENT_EARLY_H

#include "segment/segment.h"

/* Makes the slab; handles can be opened from then on. Returns false when weir is switched off, or there is no memory. */
bool wi_early_make(void);

/* The process that made the slab, NULL: none; in memory that children of fork share. */
struct wi_header *wi_early_owner(void);

/* Keeps the texts and settings that the slot of an id will need in the segment. Returns false when
 * there is no memory. */
bool wi_early_keep(uint32_t id, const struct wi_opening *opening);

/* Counts an opening that was refused; and how many were refused, which needs no lock. */
void wi_early_refuse(void);
uint32_t wi_early_refused(void);

/* Maps the first slab of the new segment over the slots; `is_counted`: with their counts. True when
 * there are no slots. Returns false when the kernel has no memory for it; then nothing has changed. */
bool wi_early_lay(bool is_counted);

/* For a child of fork that makes a segment of its own: a second mapping of the first slab of a
 * segment at `base` (NULL: none is needed, MAP_FAILED: no memory), and its move over the slots. */
void *wi_early_map(unsigned char *base);
bool wi_early_move(void *slots);

#endif
