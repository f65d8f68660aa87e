/* SPDX-License-Identifier: MIT */
/*
 * From keys to the indices of an array's elements: the one hash map of agent and console. It knows the
 * hashes of the keys; the elements, and so the keys themselves, stay with the owner, who compares them:
 *
 *     for (uint32_t i, at = 0; (i = wi_map_next(&map, wi_map_hash(id), &at)) != WI_MAP_NONE;)
 *         if (item[i].id == id) ...
 *
 * It never allocates: the owner gives it memory for a number of entries, and more of it before that
 * number is passed. So it cannot fail, and each owner bounds and accounts for memory as it does for
 * its array. A map that is all zero is empty, with room for nothing. One thread.
 */
#ifndef WI_SNAPSHOT_MAP_H
#define WI_SNAPSHOT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WI_MAP_NONE UINT32_MAX

/* Slots for at most n entries, for memory that is part of a struct; n: a power of two. */
#define WI_MAP_SLOTS(n) (2 * (n))

struct wi_map_slot {
    uint32_t hash;
    uint32_t index; /* + 1; 0: free */
};

struct wi_map {
    struct wi_map_slot *slots; /* the owner's */
    uint32_t n_slots;          /* 0 or a power of two, twice the entries that it has room for */
    uint32_t n;
};

/* The bytes of memory for at least n entries, n below 2^30. */
size_t wi_map_bytes(size_t n);

/* Moves the map, with its entries, into memory of wi_map_bytes(n), n not below its entries. Returns
 * the memory before, NULL if there was none, for the owner to free. */
void *wi_map_move(struct wi_map *map, void *memory, size_t n);

/* Whether the map must be moved before one more entry is added. */
bool wi_map_is_full(const struct wi_map *map);

/* Adds an index by the hash of its key. The map is not full; the key is not in it yet. */
void wi_map_add(struct wi_map *map, uint32_t hash, uint32_t index);

/* Removes it; nothing happens if it is not there. */
void wi_map_remove(struct wi_map *map, uint32_t hash, uint32_t index);

/* Removes all; the memory stays. */
void wi_map_clear(struct wi_map *map);

/* The next index whose key has this hash, or WI_MAP_NONE; *at is 0 before the first call. */
uint32_t wi_map_next(const struct wi_map *map, uint32_t hash, uint32_t *at);

/* The hash of a number, of a row by kind and id, and of a text after another key. */
uint32_t wi_map_hash(uint64_t key);
uint32_t wi_map_hash_row(int kind, uint64_t id);
uint32_t wi_map_hash_text(uint64_t key, const char *text);

#endif
