/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing, at most half full. What is removed leaves no mark: the entries
 * behind it, up to the next free slot, move up if they are nearer to their home there (Knuth 6.4 R).
 */
#include "snapshot/map.h"

#include <string.h>

size_t wi_map_bytes(size_t n)
{
    size_t n_slots = 2;
    while (n_slots < WI_MAP_SLOTS(n)) {
        n_slots *= 2;
    }
    return n_slots * sizeof(struct wi_map_slot);
}

void *wi_map_move(struct wi_map *map, void *memory, size_t n)
{
    struct wi_map before = *map;
    size_t bytes = wi_map_bytes(n);
    *map = (struct wi_map){memory, (uint32_t)(bytes / sizeof(*map->slots)), 0};
    memset(memory, 0, bytes);
    for (uint32_t i = 0; i < before.n_slots; i++) {
        if (before.slots[i].index) {
            wi_map_add(map, before.slots[i].hash, before.slots[i].index - 1);
        }
    }
    return before.slots;
}

bool wi_map_is_full(const struct wi_map *map)
{
    return map->n >= map->n_slots / 2;
}

void wi_map_add(struct wi_map *map, uint32_t hash, uint32_t index)
{
    uint32_t at = hash & (map->n_slots - 1);
    while (map->slots[at].index) {
        at = (at + 1) & (map->n_slots - 1);
    }
    map->slots[at] = (struct wi_map_slot){hash, index + 1};
    map->n++;
}

void wi_map_remove(struct wi_map *map, uint32_t hash, uint32_t index)
{
    uint32_t at = 0;
    uint32_t found;
    do {
        found = wi_map_next(map, hash, &at);
    } while (found != index && found != WI_MAP_NONE);
    if (found == WI_MAP_NONE) {
        return;
    }
    uint32_t mask = map->n_slots - 1;
    uint32_t hole = (hash + at - 1) & mask;
    for (uint32_t i = (hole + 1) & mask; map->slots[i].index; i = (i + 1) & mask) {
        if (((i - map->slots[i].hash) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].index = 0;
    map->n--;
}

void wi_map_clear(struct wi_map *map)
{
    if (map->slots) {
        memset(map->slots, 0, map->n_slots * sizeof(*map->slots));
    }
    map->n = 0;
}

uint32_t wi_map_next(const struct wi_map *map, uint32_t hash, uint32_t *at)
{
    while (map->n_slots) {
        const struct wi_map_slot *slot = &map->slots[(hash + (*at)++) & (map->n_slots - 1)];
        if (!slot->index) {
            break;
        }
        if (slot->hash == hash) {
            return slot->index - 1;
        }
    }
    return WI_MAP_NONE;
}

uint32_t wi_map_hash(uint64_t key)
{
    key = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(key >> 32);
}

uint32_t wi_map_hash_row(int kind, uint64_t id)
{
    return wi_map_hash(id ^ (uint64_t)(unsigned)kind << 56);
}

uint32_t wi_map_hash_text(uint64_t key, const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ key; /* FNV-1a */
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return wi_map_hash(hash);
}
