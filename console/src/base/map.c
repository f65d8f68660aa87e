/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/memory.h"

#include <stdlib.h>

#define MAP_FIRST 64u

void wc_map_add(struct wi_map *map, uint64_t key, uint64_t value)
{
    if (wi_map_is_full(map)) {
        size_t room = map->n ? 2 * (size_t)map->n : MAP_FIRST;
        free(wi_map_move(map, wc_alloc(wi_map_bytes(room)), room));
    }
    wi_map_add(map, key, value);
}
