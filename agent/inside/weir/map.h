/* SPDX-License-Identifier: MIT */
/*
 * The hash map of agent and console, from 64 bits to 64 bits. Most owners map the key of an element
 * to its index in an array. Several values may have one key: where keys are made of more than 64
 * bits, the owner compares the elements.
 *
 *     for (struct wi_map_slot *slot = NULL; (slot = wi_map_next(&map, id, slot));)
 *         if (item[slot->value].id == id) ...
 *
 * It never allocates: the owner gives it memory for a number of entries, and more of it before that
 * number is passed. So it cannot fail, and each owner bounds and accounts for memory as it does for
 * its array. A map that is all zero is empty, with room for nothing. One thread.
 */
#ifndef WI_MAP_H
#define WI_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wi_map_slot {
    uint64_t key; /* 0: free; the key 0 is kept as 1 */
    uint64_t value;
};

struct wi_map {
    struct wi_map_slot *slots; /* the owner's */
    uint32_t n_slots;          /* 0 or a power of two; at most three in four are taken */
    uint32_t n;
};

/* The bytes of memory for at least n entries, n below 2^30. */
size_t wi_map_bytes(size_t n);

/* Moves the map, with its entries, into memory of wi_map_bytes(n), n not below its entries. Returns
 * the memory before, NULL if there was none, for the owner to free. */
void *wi_map_move(struct wi_map *map, void *memory, size_t n);

/* Whether the map must be moved into more memory before one more entry is added. */
bool wi_map_is_full(const struct wi_map *map);

/* Adds an entry; others with the same key stay. The map must not be full. */
void wi_map_add(struct wi_map *map, uint64_t key, uint64_t value);

/* Removes an entry; nothing happens if it is not there. */
void wi_map_remove(struct wi_map *map, uint64_t key, uint64_t value);

/* Removes all; the memory stays. */
void wi_map_clear(struct wi_map *map);

/* The next entry with this key after `slot`, the first after NULL; NULL: there is none. Its value may
 * be written. Borrowed until the map is changed. */
struct wi_map_slot *wi_map_next(const struct wi_map *map, uint64_t key, struct wi_map_slot *slot);

/* Keys: of a row by kind and id, and of a text after another key. */
uint64_t wi_map_row_key(int kind, uint64_t id);
uint64_t wi_map_text_key(uint64_t key, const char *text);

#endif
