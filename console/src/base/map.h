/* SPDX-License-Identifier: MIT */
/*
 * The agent's map (weir/map.h), with memory of its own: free its slots at the end. One thread at a
 * time.
 */
#ifndef WC_BASE_MAP_H
#define WC_BASE_MAP_H

#include "weir/map.h"

/* As wi_map_add, with as much memory as it needs; ends the program without memory, as wc_alloc
 * does. */
void wc_map_add(struct wi_map *map, uint64_t key, uint64_t value);

#endif
