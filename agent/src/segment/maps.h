/* SPDX-License-Identifier: MIT */
/*
 * The mappings of one process that may be segments, by /proc/PID/maps. Linux 6.11 and later can
 * report shared file mappings only, which costs a third of reading the text. Any thread.
 */
#ifndef WI_SEGMENT_MAPS_H
#define WI_SEGMENT_MAPS_H

#include "segment/owner.h"

/* Called with each mapping; returns whether to go on. Borrowed for the call. */
typedef bool wi_maps_visit_fn(void *context, const struct wi_mapping *mapping);

/* Visits the mappings of a process whose file is named like a segment, or has no name. Adjacent
 * parts of one mapping are visited once. False: `visit` wants no more. A process whose mappings may
 * not be read has none. */
bool wi_maps_each(uint32_t pid, wi_maps_visit_fn *visit, void *context);

/* The same by the text alone, for kernels without that request. */
bool wi_maps_each_in_text(uint32_t pid, wi_maps_visit_fn *visit, void *context);

#endif
