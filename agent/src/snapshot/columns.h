/* SPDX-License-Identifier: MIT */
/*
 * Records of 64-bit words, kept small: sixteen make a block, and a block keeps each word as a column of the narrowest
 * integers that hold it. A word that is 0 in all sixteen takes no room. Blocks are added one after the other, and read
 * in any order. Pure; one thread at a time.
 */
#ifndef WI_SNAPSHOT_COLUMNS_H
#define WI_SNAPSHOT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WI_COLUMNS_RECORDS 16
#define WI_COLUMNS_WORDS   32 /* at most in a record */

/* All zero at first. */
struct wi_columns {
    unsigned char *bytes;
    size_t length, room;
    uint32_t *blocks; /* where each begins */
    size_t n_blocks, room_blocks;
};

/* Adds a block of sixteen records of n_words each. Returns false, and adds none, when there is no memory. */
bool wi_columns_add(struct wi_columns *columns, const uint64_t *words, size_t n_words);

/* Reads a block as it was added; all words are 0 where there is none. */
void wi_columns_read(const struct wi_columns *columns, size_t block, uint64_t *ret_words,
                     size_t n_words);

/* The same with each word of all sixteen records side by side: the words that `words` has a bit for, each in its own
 * lane. A walk that needs a few words of all records reads them so, and the compiler computes on several at a time. */
struct wi_lane {
    uint64_t at[WI_COLUMNS_RECORDS];
};
bool wi_columns_add_lanes(struct wi_columns *columns, const struct wi_lane *lanes, size_t n_words);
void wi_columns_read_lanes(const struct wi_columns *columns, size_t block, uint32_t words,
                           struct wi_lane *ret_lanes);

/* Makes all words of a record 0. */
void wi_columns_zero(struct wi_columns *columns, size_t block, size_t record);

/* Forgets all blocks and keeps the memory for others; frees it; how much there is. */
void wi_columns_clear(struct wi_columns *columns);
void wi_columns_finish(struct wi_columns *columns);
size_t wi_columns_memory(const struct wi_columns *columns);

#endif
