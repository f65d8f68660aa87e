/* SPDX-License-Identifier: MIT */
/*
 * The totals of closed handles, by kind and name (ADR 43). A handle that is closed keeps its counts in
 * its slot. When the slot is used again they are folded into the totals of its name; so a count is always in
 * exactly one of the two. The log tells a reader which slots were folded while it read.
 *
 * The writer is the holder of the segment's lock. In this order: the log, the number of folds, the totals, the
 * slot's generation, the slot's words.
 */
#ifndef WI_SEGMENT_RETIRED_H
#define WI_SEGMENT_RETIRED_H

#include "weir/kind.h"
#include "segment/layout.h"

#include <stdbool.h>

/* The life of a slot that a generation belongs to: the same from its opening until it is used again. */
static inline uint32_t wi_slot_life(uint32_t generation)
{
    return generation / 2 + (generation & 1);
}

/* An entry of the log: 31 bits of life, 13 of the totals' number, 20 of the slot's id. */
static inline uint64_t wi_retired_entry(uint32_t id, uint32_t life, uint32_t retired)
{
    return (uint64_t)life << 33 | (uint64_t)retired << 20 | id;
}

static inline uint32_t wi_retired_entry_slot(uint64_t entry)
{
    return entry & (WI_MAX_SLOTS - 1);
}

static inline uint32_t wi_retired_entry_life(uint64_t entry)
{
    return (uint32_t)(entry >> 33);
}

static inline uint32_t wi_retired_entry_number(uint64_t entry)
{
    return (uint32_t)(entry >> 20) & 0x1fff;
}

/* The log number of a stamp; 0: the copy is empty, or being filled. */
static inline uint64_t wi_retired_stamped(uint64_t stamp)
{
    return stamp & 1 ? 0 : stamp >> 1;
}

/* The check of a part whose words follow it. */
uint64_t wi_retired_check(uint64_t stamp, const uint64_t *words, size_t n);

/*
 * A channel's totals in its unit, from the words of its cells and its slot: what was put in, and what was received.
 * Discarded and unsent are in that unit already. A channel in bytes has them among its bytes out, too. An observed one
 * has neither.
 */
static inline void wi_slot_in_unit(uint8_t flags, const uint64_t discarded[3], uint64_t unsent,
                                   uint64_t word[4])
{
    uint64_t lost = unsent + discarded[0] + discarded[1] + discarded[2];
    if (flags & WI_SLOT_OBSERVED) {
        word[WEIR_WORD_SENT] = word[WEIR_WORD_RECEIVED] = 0;
    } else if (flags & WI_SLOT_BYTES) {
        uint64_t out = word[WEIR_WORD_BYTES_OUT];
        word[WEIR_WORD_SENT] = word[WEIR_WORD_BYTES_IN];
        word[WEIR_WORD_RECEIVED] = out > lost ? out - lost : 0;
    }
}

/* The counts of a slot over all threads, as the totals store them. */
struct wi_slot_counts {
    uint64_t word[6]; /* as in struct weir_cell; of a channel in its unit */
    uint64_t rejects[4];
    uint64_t discarded[3];
    uint64_t in_other;
    uint8_t flags; /* the slot's */
};

void wi_retired_words(enum wi_kind kind, const struct wi_slot_counts *counts,
                      uint64_t ret_words[WI_RETIRED_WORDS]);

/* Sums a histogram by octaves, of which there are WI_OCTAVES + 1. */
void wi_octaves_add_buckets(uint64_t *octaves, const struct weir_histogram *histogram);

/* ---- of this process; the lock is held ------------------------------------------------------- */

/* Makes room in a new segment and, if `is_counted`, stores there the counts that were folded before
 * it existed. Returns false when there is no room. */
bool wi_retired_make(bool is_counted);

/* 1 + the number of the totals of a kind and a name; 0: handles of this kind have none. `ret_name`: where
 * the name stands in the segment; 0: nowhere. */
uint16_t wi_retired_of(uint8_t kind, const char *name, uint32_t *ret_name);

/* A number as wi_retired_of returned it before there was a segment, if its totals have a place
 * there; else that of the kind's "other". */
uint16_t wi_retired_placed(uint16_t retired);

/* Adds the counts of a slot that is closed to its totals. */
void wi_retired_fold(uint32_t id);

/* For a copy without other threads: finishes the last fold if it is of this slot, and returns
 * whether it is, so that all of the slot's counts are in its totals; forgets all totals; writes the
 * index's facts into the file. */
bool wi_retired_finish(uint32_t id);
void wi_retired_zero(void);
void wi_retired_write(void);

/* For such a copy, after the last fold is finished: enters a fold of nothing in the log. The entry before it may name a
 * slot and a life that the parent's threads used after the fork, and that a handle of this process gets as well. */
void wi_retired_begin(void);

#endif
