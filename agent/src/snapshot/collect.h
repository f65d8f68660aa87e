/* SPDX-License-Identifier: MIT */
/*
 * Collecting: the counts of every open handle, summed over all shards. Two passes: what leaves
 * (received, released, finished) is read before what enters (sent, acquired, spawned), so that no
 * difference of the two is ever negative by the reader's doing. Trusts nothing in the bytes.
 * The process view's thread.
 */
#ifndef WI_SNAPSHOT_COLLECT_H
#define WI_SNAPSHOT_COLLECT_H

#include "weir/kind.h"
#include "snapshot/source.h"

/* What was found for one slot: with a generation its handle is open, with a life alone it is closed. Words as in
 * struct weir_cell; which pass a word is taken from depends on the kind. */
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
    uint32_t life; /* wi_slot_life; 0: neither open nor closed with counts that are still its own */
    uint32_t retired; /* 1 + the number of its totals; 0: none */
    uint8_t kind, flags, sampling, flavor;
    bool has_senders; /* a channel that has, or had, some */
};

static inline uint64_t wi_raw_rejects(const struct wi_raw *raw)
{
    return raw->rejects[0] + raw->rejects[1] + raw->rejects[2] + raw->rejects[3];
}

static inline bool wi_raw_is_closed(const struct wi_raw *raw)
{
    return raw->life && !raw->generation && raw->retired;
}

/* Totals of the closed handles of a kind and a name: of slots that were used again, and of those that were not. */
struct wi_raw_retired {
    uint32_t kind, name; /* name: as in struct wi_retired */
    uint64_t stamp;      /* the last fold that is in them */
    uint64_t word[WI_RETIRED_WORDS];
};

/* Raws by slot. All zero at first. */
struct wi_collection {
    struct wi_raw *raws;
    uint32_t *generations; /* of the raws, side by side */
    size_t n, room;
    uint64_t clamped;       /* times that a channel had more out than in */
    struct wi_image image;  /* that the entering counts are of */
    struct wi_image before; /* that the leaving counts are of */
    size_t n_blocks[WI_N_TABLES];
    struct wi_raw_retired *retired; /* in the order in which their names came */
    size_t n_retired, room_retired;
    bool is_torn;        /* totals could not be read */
    size_t n_closed;     /* raws of closed handles */
    uint64_t first_fold; /* how many there were when the reading began */
    uint64_t now_ticks;  /* of the reading; 0: the process has ended */
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

/* Frees the raws; one that is all zero is fine. */
void wi_collection_finish(struct wi_collection *collection);

/* Fails as wi_source_read does; the raws are then void. */
enum weir_status wi_collect(struct wi_collection *collection, struct wi_source *source,
                            struct weir_error *ret_error);

/* Reads the totals once the slots were read (retired.c), and leaves out the slots that are in them.
 * Returns false where more slots were used again meanwhile than the log holds: then all must be read again. Fails
 * as wi_source_read does. */
enum weir_status wi_collect_retired(struct wi_collection *collection, struct wi_source *source,
                                    bool *ret_is_whole, struct weir_error *ret_error);

/* The folds after `first`, as the log has them: calls `take` for each. Returns false when some are lost. */
typedef void wi_fold_fn(void *context, uint64_t number, uint64_t entry);
bool wi_collect_folds(const struct wi_image *image, uint64_t first, wi_fold_fn *take,
                      void *context);

/* The newest copy of the waits that totals have of a measure, its octaves and their sum; its stamp, 0: none.
 * *ret_is_torn, which is only set: it could not be read. */
uint64_t wi_collect_retired_waits(const struct wi_image *image, size_t number, unsigned which,
                                  uint64_t ret_words[WI_OCTAVES + 2], bool *ret_is_torn);

/* Adds all histograms of a slot's measure up. Returns false when it has none, or is another handle's by now. */
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

/* The label of a slot's handle, cleaned; "" for none. *ret_is_its: false when the slot has another handle by now, or
 * the label is newer than the image: the next reading has it. Fails: WEIR_E_CORRUPT. */
enum weir_status wi_collect_slot_label(const struct wi_collection *collection, size_t id,
                                       char ret_text[WEIR_LABEL_MAX + 1], bool *ret_is_its,
                                       struct weir_error *ret_error);

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
