/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing. Removing an entry leaves no mark: the entries behind it, up
 * to the next free slot, move up if that brings them nearer to their home (Knuth 6.4 R).
 */
#include "weir/map.h"

#include "weir/expect.h"

#include <string.h>

#define MAP_FIRST 4u

static uint64_t map_kept(uint64_t key)
{
    return key ? key : 1;
}

/* Where a key's entries begin, if no other entry is in the way. */
static uint32_t map_home(const struct wi_map *map, uint64_t key)
{
    uint64_t mixed = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32) & (map->n_slots - 1);
}

size_t wi_map_bytes(size_t n)
{
    size_t n_slots = MAP_FIRST;
    while (3 * n_slots < 4 * n) {
        n_slots *= 2;
    }
    return n_slots * sizeof(struct wi_map_slot);
}

void *wi_map_move(struct wi_map *map, void *memory, size_t n)
{
    struct wi_map before = *map;
    size_t bytes = wi_map_bytes(n);
    (void)WI_EXPECT(n >= before.n);
    *map = (struct wi_map){memory, (uint32_t)(bytes / sizeof(*map->slots)), 0};
    memset(memory, 0, bytes);
    for (uint32_t i = 0; i < before.n_slots; i++) {
        if (before.slots[i].key) {
            wi_map_add(map, before.slots[i].key, before.slots[i].value);
        }
    }
    return before.slots;
}

bool wi_map_is_full(const struct wi_map *map)
{
    return 4 * ((uint64_t)map->n + 1) > 3 * (uint64_t)map->n_slots;
}

void wi_map_add(struct wi_map *map, uint64_t key, uint64_t value)
{
    if (!WI_EXPECT(!wi_map_is_full(map))) {
        return; /* it would look for a free slot for ever */
    }
    uint32_t at = map_home(map, map_kept(key));
    while (map->slots[at].key) {
        at = (at + 1) & (map->n_slots - 1);
    }
    map->slots[at] = (struct wi_map_slot){map_kept(key), value};
    map->n++;
}

void wi_map_remove(struct wi_map *map, uint64_t key, uint64_t value)
{
    struct wi_map_slot *found = NULL;
    do {
        found = wi_map_next(map, key, found);
    } while (found && found->value != value);
    if (!found) {
        return;
    }
    uint32_t mask = map->n_slots - 1;
    uint32_t hole = (uint32_t)(found - map->slots);
    for (uint32_t i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
        if (((i - map_home(map, map->slots[i].key)) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].key = 0;
    map->n--;
}

void wi_map_clear(struct wi_map *map)
{
    if (map->slots) {
        memset(map->slots, 0, map->n_slots * sizeof(*map->slots));
    }
    map->n = 0;
}

struct wi_map_slot *wi_map_next(const struct wi_map *map, uint64_t key, struct wi_map_slot *slot)
{
    if (map->n_slots == 0) {
        return NULL;
    }
    key = map_kept(key);
    uint32_t at = slot ? (uint32_t)(slot - map->slots) + 1 : map_home(map, key);
    for (;; at++) {
        slot = &map->slots[at & (map->n_slots - 1)];
        if (slot->key == key || slot->key == 0) {
            return slot->key ? slot : NULL;
        }
    }
}

uint64_t wi_map_row_key(int kind, uint64_t id)
{
    return id ^ (uint64_t)(unsigned)kind << 56;
}

uint64_t wi_map_text_key(uint64_t key, const char *text)
{
    key ^= UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *text; text++) {
        key = (key ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return key;
}
