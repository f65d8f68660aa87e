/* SPDX-License-Identifier: MIT */
/*
 * Collecting: the counts of every open handle, summed over all shards. Two passes: what leaves
 * (received, released, finished) is read before what enters (sent, acquired, spawned), so that no
 * difference of the two is ever negative by the reader's doing. Trusts nothing in the bytes.
 */
#ifndef WI_SNAPSHOT_COLLECT_H
#define WI_SNAPSHOT_COLLECT_H

#include "weir/kind.h"
#include "snapshot/source.h"

/* What was found for one slot. Words as in struct weir_cell; which pass a word is taken from depends
 * on the kind. */
struct wi_raw {
    uint64_t leaving
        [6]; /* words 1 to 5, enum weir_word; [0] is the generation that the first pass saw */
    uint64_t entering[3]; /* words 0 to 2 */
    uint64_t rejects[4];
    uint64_t discarded[3];
    uint64_t in_other, out_other; /* as in struct wi_slot; a channel's in_other of the first pass */
    uint64_t
        unsent; /* a channel's in_other of the second pass: what was really sent is without it */
    uint64_t capacity;
    uint32_t generation; /* 0: not open */
    uint8_t kind, flags, sampling, flavor;
    bool has_senders; /* a channel that has, or had, some */
};

static inline uint64_t wi_raw_rejects(const struct wi_raw *raw)
{
    return raw->rejects[0] + raw->rejects[1] + raw->rejects[2] + raw->rejects[3];
}

/* Raws by slot. All zero at first. */
struct wi_collection {
    struct wi_raw *raws;
    uint32_t *generations; /* of the raws, side by side */
    size_t n, room;
    uint64_t clamped;       /* times that a channel had more out than in */
    struct wi_image image;  /* that the entering counts are of */
    struct wi_image before; /* that the leaving counts are of */
    size_t n_blocks[WI_N_TABLES];
    uint64_t now_ticks; /* of the reading; 0: the process has ended */
};

/* What was found in the block of a sender. */
struct wi_raw_sender {
    uint64_t sent, left, bytes_in, bytes_out;
    uint64_t opened_at; /* wi_segment_now */
    uint32_t generation;
    uint32_t channel, channel_generation;
    bool is_gone;
};

enum wi_task_instance_state { WI_RAW_IDLE, WI_RAW_SCHEDULED, WI_RAW_RUNNING, WI_RAW_DONE };

/* What was found in the block of a single task: durations in nanoseconds, up to the reading. */
struct wi_raw_task_instance {
    uint64_t polls, busy, scheduled, idle, wakes, self_wakes;
    uint64_t in_state, age; /* of a task that is done: since then; how long it lived */
    uint64_t waits_for;     /* as in struct wi_task_instance */
    uint32_t generation;
    uint32_t kind, kind_generation;
    enum wi_task_instance_state state;
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

/* The block of a table's i-th sender or single task, i below n_blocks. Returns false when it is free, or
 * was taken by another just now. */
bool wi_collect_sender(const struct wi_collection *collection, size_t i,
                       struct wi_raw_sender *ret_sender);
bool wi_collect_task_instance(const struct wi_collection *collection, size_t i,
                              struct wi_raw_task_instance *ret_instance);

/* The label of a block of that generation, cleaned; "" for none, or when it has another by now. */
void wi_collect_label(const struct wi_collection *collection, enum wi_table_id table, size_t i,
                      char *ret_text, size_t room);

/* A single task's polls (0) or delays (1). Returns false when it has none. */
bool wi_collect_task_instance_histogram(const struct wi_collection *collection, size_t i,
                                        unsigned which, struct weir_histogram *ret_histogram);

/* Adds a histogram that lies at a line up. Returns false when none does. */
bool wi_collect_add(const struct wi_image *image, uint32_t line, struct weir_histogram *sum);

/* A duration in ticks of the segment's process, in nanoseconds. */
uint64_t wi_collect_nanos(const struct wi_collection *collection, uint64_t ticks);

/* A string of the segment by its offset in WI_STRING_UNIT bytes, cleaned; "" for none. Fails: WEIR_E_CORRUPT. */
enum weir_status wi_collect_string(const struct wi_image *image, uint32_t unit, char *ret_text,
                                   size_t room, struct weir_error *ret_error);

#endif
