/* SPDX-License-Identifier: MIT */
/*
 * Collecting: the counts of every open handle, summed over all shards. Two passes: what leaves
 * (received, released, finished) is read before what enters (sent, acquired, spawned), so that no
 * difference of the two is ever negative by the reader's doing. Trusts nothing in the bytes.
 */
#ifndef WI_SNAPSHOT_COLLECT_H
#define WI_SNAPSHOT_COLLECT_H

#include "segment/kind.h"
#include "snapshot/source.h"

/* What was found for one slot. Words as in struct weir_cell; which pass a word is taken from depends
 * on the kind. */
struct wi_raw {
    uint64_t leaving[6];  /* words 1 to 5; [0] is the generation that the first pass saw */
    uint64_t entering[3]; /* words 0 to 2 */
    uint64_t rejects[4];
    uint64_t discarded[3];
    uint64_t in_other, out_other; /* as in struct wi_slot; a channel's in_other of the first pass */
    uint64_t
        unsent; /* a channel's in_other of the second pass: what was really sent is without it */
    uint64_t capacity;
    uint32_t generation; /* 0: not open */
    uint8_t kind, flags, sampling, flavor;
};

/* Raws by slot. All zero at first. */
struct wi_collection {
    struct wi_raw *raws;
    uint32_t *generations; /* of the raws, side by side */
    size_t n, room;
    uint64_t clamped;    /* times that a channel had more out than in */
    struct wi_view view; /* that the entering counts are of */
};

void wi_collection_finish(struct wi_collection *collection);

/* Fails as wi_source_read does; the raws are then void. */
enum weir_status wi_collect(struct wi_collection *collection, struct wi_source *source,
                            struct weir_error *ret_error);

/* Adds all histograms of a slot's measure up. Returns false when it has none. */
bool wi_collect_histogram(const struct wi_collection *collection, size_t id, unsigned which,
                          struct weir_histogram *ret_histogram);

/* The slot's own line, for what is seldom wanted; NULL where it does not lie within the view. */
const struct weir_slot_head *wi_collect_head(const struct wi_collection *collection, size_t id);

/* A string of the segment by its offset in WI_STRING_UNIT bytes, cleaned; "" for none. Fails: WEIR_E_CORRUPT. */
enum weir_status wi_collect_string(const struct wi_view *view, uint32_t unit, char *ret_text,
                                   size_t room, struct weir_error *ret_error);

#endif
