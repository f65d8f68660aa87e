/* SPDX-License-Identifier: MIT */
/*
 * A block is the number of its columns, a byte for each (the word's index and the width), then the columns.
 *
 * Counts of handles that lie side by side are of like size, and most words of a handle are 0: a hundred thousand
 * channels take a tenth of the room that their words would. They are read faster, too, as long as memory is what a
 * reader waits for.
 */
#include "snapshot/columns.h"

#include "weir/cell.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_TOGETHER      8
#define COLUMNS_MOST(n_words) (1 + (n_words) * (1 + WI_COLUMNS_RECORDS * sizeof(uint64_t)))

/* The width of a column is 1, 2, 4 or 8 bytes: 0 to 3 here. */
static unsigned columns_width(uint64_t any)
{
    return any > UINT32_MAX ? 3 : any > UINT16_MAX ? 2 : any > UINT8_MAX ? 1 : 0;
}

static bool columns_make_room(struct wi_columns *columns, size_t n_words)
{
    if (columns->n_blocks == columns->room_blocks) {
        size_t room = columns->room_blocks + columns->room_blocks / 8 + 8;
        uint32_t *blocks = realloc(columns->blocks, room * sizeof(*blocks));
        if (!blocks) {
            return false;
        }
        columns->blocks = blocks;
        columns->room_blocks = room;
    }
    size_t most = columns->length + COLUMNS_MOST(n_words);
    if (most > columns->room) {
        size_t room = most + columns->length / 8;
        unsigned char *bytes = room <= UINT32_MAX ? realloc(columns->bytes, room) : NULL;
        if (!bytes) {
            return false;
        }
        columns->bytes = bytes;
        columns->room = room;
    }
    return true;
}

#define COLUMNS_WRITE(type)                                                                        \
    for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {                                              \
        type narrow = (type)words[i * n_words];                                                    \
        memcpy(to + i * sizeof(narrow), &narrow, sizeof(narrow));                                  \
    }

/* A column of the words that lie n_words apart. Returns where the next one begins. */
WEIR_INLINE unsigned char *columns_write(unsigned char *to, const uint64_t *words, size_t n_words,
                                         unsigned width)
{
    switch (width) {
    case 0:
        COLUMNS_WRITE(uint8_t)
        break;
    case 1:
        COLUMNS_WRITE(uint16_t)
        break;
    case 2:
        COLUMNS_WRITE(uint32_t)
        break;
    default:
        COLUMNS_WRITE(uint64_t)
        break;
    }
    return to + ((size_t)WI_COLUMNS_RECORDS << width);
}

/* Which words are anywhere not 0. Eight at a time, so that the compiler keeps them in registers. */
static void columns_any(const uint64_t *words, size_t n_words, uint64_t *ret_any)
{
    size_t w = 0;
    for (; w + COLUMNS_TOGETHER <= n_words; w += COLUMNS_TOGETHER) {
        uint64_t any[COLUMNS_TOGETHER] = {0};
        for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
            for (size_t k = 0; k < COLUMNS_TOGETHER; k++) {
                any[k] |= words[i * n_words + w + k];
            }
        }
        memcpy(ret_any + w, any, sizeof(any));
    }
    for (; w < n_words; w++) {
        ret_any[w] = 0;
        for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
            ret_any[w] |= words[i * n_words + w];
        }
    }
}

/* Writes the head of a block; returns where its columns begin. */
static unsigned char *columns_begin(struct wi_columns *columns, const uint64_t *any, size_t n_words)
{
    unsigned char *head = columns->bytes + columns->length;
    unsigned char n = 0;
    for (size_t w = 0; w < n_words; w++) {
        if (any[w]) {
            head[1 + n++] = (unsigned char)(w << 2 | columns_width(any[w]));
        }
    }
    head[0] = n;
    return head + 1 + n;
}

static void columns_end(struct wi_columns *columns, const unsigned char *end)
{
    columns->blocks[columns->n_blocks++] = (uint32_t)columns->length;
    columns->length = (size_t)(end - columns->bytes);
}

bool wi_columns_add(struct wi_columns *columns, const uint64_t *words, size_t n_words)
{
    uint64_t any[WI_COLUMNS_WORDS];
    if (!columns_make_room(columns, n_words)) {
        return false;
    }
    columns_any(words, n_words, any);
    const unsigned char *head = columns->bytes + columns->length;
    unsigned char *to = columns_begin(columns, any, n_words);
    for (size_t c = 0; c < head[0]; c++) {
        to = columns_write(to, words + (head[1 + c] >> 2), n_words, head[1 + c] & 3);
    }
    columns_end(columns, to);
    return true;
}

bool wi_columns_add_lanes(struct wi_columns *columns, const struct wi_lane *lanes, size_t n_words)
{
    uint64_t any[WI_COLUMNS_WORDS];
    if (!columns_make_room(columns, n_words)) {
        return false;
    }
    for (size_t w = 0; w < n_words; w++) {
        any[w] = 0;
        for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {
            any[w] |= lanes[w].at[i];
        }
    }
    const unsigned char *head = columns->bytes + columns->length;
    unsigned char *to = columns_begin(columns, any, n_words);
    for (size_t c = 0; c < head[0]; c++) {
        to = columns_write(to, lanes[head[1 + c] >> 2].at, 1, head[1 + c] & 3);
    }
    columns_end(columns, to);
    return true;
}

#define COLUMNS_READ(type)                                                                         \
    for (size_t i = 0; i < WI_COLUMNS_RECORDS; i++) {                                              \
        type narrow;                                                                               \
        memcpy(&narrow, from + i * sizeof(narrow), sizeof(narrow));                                \
        ret_words[i * n_words] = narrow;                                                           \
    }

WEIR_INLINE const unsigned char *columns_read(const unsigned char *from, uint64_t *ret_words,
                                              size_t n_words, unsigned width)
{
    switch (width) {
    case 0:
        COLUMNS_READ(uint8_t)
        break;
    case 1:
        COLUMNS_READ(uint16_t)
        break;
    case 2:
        COLUMNS_READ(uint32_t)
        break;
    default:
        COLUMNS_READ(uint64_t)
        break;
    }
    return from + ((size_t)WI_COLUMNS_RECORDS << width);
}

void wi_columns_read(const struct wi_columns *columns, size_t block, uint64_t *ret_words,
                     size_t n_words)
{
    memset(ret_words, 0, WI_COLUMNS_RECORDS * n_words * sizeof(*ret_words));
    if (block >= columns->n_blocks) {
        return;
    }
    const unsigned char *head = columns->bytes + columns->blocks[block];
    const unsigned char *from = head + 1 + head[0];
    for (size_t c = 0; c < head[0]; c++) {
        from = columns_read(from, ret_words + (head[1 + c] >> 2), n_words, head[1 + c] & 3);
    }
}

void wi_columns_read_lanes(const struct wi_columns *columns, size_t block, uint32_t words,
                           struct wi_lane *ret_lanes)
{
    const unsigned char *head =
        block < columns->n_blocks ? columns->bytes + columns->blocks[block] : NULL;
    const unsigned char *from = head ? head + 1 + head[0] : NULL;
    uint32_t found = 0;
    for (size_t c = 0; head && c < head[0]; c++) {
        unsigned word = head[1 + c] >> 2, width = head[1 + c] & 3;
        if (words >> word & 1) {
            columns_read(from, ret_lanes[word].at, 1, width);
            found |= UINT32_C(1) << word;
        }
        from += (size_t)WI_COLUMNS_RECORDS << width;
    }
    for (uint32_t left = words & ~found; left; left &= left - 1) {
        memset(&ret_lanes[__builtin_ctz(left)], 0, sizeof(*ret_lanes));
    }
}

void wi_columns_zero(struct wi_columns *columns, size_t block, size_t record)
{
    if (block >= columns->n_blocks) {
        return;
    }
    unsigned char *head = columns->bytes + columns->blocks[block];
    unsigned char *at = head + 1 + head[0];
    for (size_t c = 0; c < head[0]; c++) {
        unsigned width = head[1 + c] & 3;
        memset(at + (record << width), 0, (size_t)1 << width);
        at += (size_t)WI_COLUMNS_RECORDS << width;
    }
}

void wi_columns_clear(struct wi_columns *columns)
{
    columns->length = columns->n_blocks = 0;
}

void wi_columns_finish(struct wi_columns *columns)
{
    free(columns->bytes);
    free(columns->blocks);
    memset(columns, 0, sizeof(*columns));
}

size_t wi_columns_memory(const struct wi_columns *columns)
{
    return columns->room + columns->room_blocks * sizeof(*columns->blocks);
}
