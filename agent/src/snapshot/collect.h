/* SPDX-License-Identifier: MIT */
/*
 * Collecting: the counts of every open handle, summed over all shards. There are two passes: the
 * leaving counts (received, released, finished) are read before the entering ones (sent, acquired,
 * spawned), so that the reader never makes their difference negative. Trusts no byte. The process
 * view's thread.
 */
#ifndef WI_SNAPSHOT_COLLECT_H
#define WI_SNAPSHOT_COLLECT_H

#include "weir/kind.h"
#include "snapshot/columns.h"
#include "snapshot/objects.h"
#include "snapshot/source.h"

/* The content of one slot: with a generation its handle is open, with only a life it is closed.
 * Words as in struct weir_cell; the kind decides from which pass a word is taken. A loop's times
 * include the one under way. A channel has sent and received in its unit. One that is observed has as received what its
 * depth has fallen by, from reading to reading, and as sent its depth on top: so its depth and its age follow as those
 * of any other, and the two numbers are no totals. */
struct wi_raw {
    uint64_t leaving
        [6]; /* words 1 to 5, enum weir_word; [0] is the generation that the first pass saw */
    uint64_t entering[3]; /* words 0 to 2 */
    uint64_t rejects[4];
    uint64_t discarded[3];
    uint64_t in_other, out_other; /* as in struct wi_slot; a channel's in_other of the first pass */
    uint64_t
        unsent; /* a channel's in_other of the second pass: subtract it to get the messages really
                   sent */
    uint64_t capacity;
    uint64_t generation; /* 0: not open */
    uint64_t life;       /* wi_slot_life; 0: neither open, nor closed with counts of its own */
    uint64_t retired;    /* 1 + the number of its totals; 0: none */
    union {
        struct {
            uint8_t kind, flags, sampling, flavor;
            uint8_t has_senders; /* a channel that has senders, or had some */
            uint8_t is_measured; /* there may be a histogram */
        };
        uint64_t traits;
    };
};

/* It is kept as a record of words. */
#define WI_RAW_WORDS (sizeof(struct wi_raw) / sizeof(uint64_t))
_Static_assert(sizeof(struct wi_raw) == 24 * sizeof(uint64_t), "a raw has no gaps");
_Static_assert(WI_RAW_WORDS <= WI_COLUMNS_WORDS, "a raw is a record");

static inline uint64_t wi_raw_rejects(const struct wi_raw *raw)
{
    return raw->rejects[0] + raw->rejects[1] + raw->rejects[2] + raw->rejects[3];
}

static inline bool wi_raw_is_closed(const struct wi_raw *raw)
{
    return raw->life && !raw->generation && raw->retired;
}

/* Totals of the closed handles of a kind and a name: of slots that were used again, and of those
 * that were not. */
struct wi_raw_retired {
    uint32_t kind, name; /* name: as in struct wi_retired */
    uint64_t stamp;      /* the last fold that is included */
    uint64_t word[WI_RETIRED_WORDS];
};

/* Kept from one reading to the next: the times of a loop; the depth of an observed channel, and how far it has fallen in
 * all. */
struct wi_spent {
    uint32_t slot, life;
    union {
        struct {
            uint64_t busy, idle;
        };
        struct {
            uint64_t depth, fallen;
        };
    };
};

/* Those of all such handles, by slot; the next one to look at. */
struct wi_spent_list {
    struct wi_spent *at;
    size_t n, room, next;
};

/* Raws by slot. All zero at first. */
struct wi_collection {
    struct wi_spent_list spent[2]; /* of this reading and the one before */
    unsigned newest_spent;
    struct wi_columns kept;                  /* the raws */
    struct wi_raw block[WI_COLUMNS_RECORDS]; /* those that were looked at last */
    size_t block_number;                     /* 1 + theirs; 0: none were */
    uint32_t *generations;                   /* of the raws, side by side */
    size_t n_open[WI_N_KINDS];               /* open handles of a kind */
    uint64_t rejects[WI_N_KINDS];            /* theirs */
    size_t n, room;
    uint64_t clamped;       /* times that a channel had more messages out than in */
    struct wi_image image;  /* of the entering counts */
    struct wi_image before; /* of the leaving counts */
    size_t n_blocks[WI_N_TABLES];
    struct wi_objects objects;
    struct wi_raw_retired *retired; /* in the order in which their names came */
    size_t n_retired, room_retired;
    bool is_torn;        /* totals could not be read */
    size_t n_closed;     /* raws of closed handles */
    size_t n_measured;   /* raws of open handles that may have a histogram */
    uint64_t first_fold; /* the number of folds when the reading began */
    uint64_t now_ticks;  /* of the reading; 0: the process has ended */
};

/* The content of a sender's block. */
struct wi_raw_sender {
    uint64_t sent, left, bytes_in, bytes_out;
    uint64_t opened_at, away_at; /* wi_segment_now */
    uint32_t generation;
    uint32_t channel, channel_generation;
    bool is_gone, is_away;
};

enum wi_task_instance_state { WI_RAW_IDLE, WI_RAW_SCHEDULED, WI_RAW_RUNNING, WI_RAW_DONE };

/* The content of a single task's block: durations in nanoseconds, up to the reading. */
struct wi_raw_task_instance {
    uint64_t polls, busy, scheduled, idle, wakes, self_wakes;
    uint64_t in_state, age; /* of a finished task: the time since its end; how long it lived */
    uint64_t waits_for;     /* as in struct wi_task_instance */
    uint32_t generation;
    uint32_t kind, kind_generation;
    enum wi_task_instance_state state;
};

/* Frees the raws; one that is all zero is fine. */
void wi_collection_finish(struct wi_collection *collection);

/* Bytes of what it has allocated, beside the totals of closed handles. */
size_t wi_collection_memory(const struct wi_collection *collection);

/* The raw of a slot, id < n. It is there until one of another sixteen slots is asked for; to go over them in their
 * order is fast. */
const struct wi_raw *wi_collect_raw(const struct wi_collection *collection, size_t id);

/* Words of sixteen raws side by side, those that `words` has a bit for; a capacity is kept as 1 more. */
static inline void wi_collect_lanes(const struct wi_collection *collection, size_t block,
                                    uint32_t words, struct wi_lane *ret_lanes)
{
    wi_columns_read_lanes(&collection->kept, block, words, ret_lanes);
}

/* Makes the raw of a slot one of nobody. */
void wi_collect_leave_out(struct wi_collection *collection, size_t id);

/* Fails as wi_source_read does; the raws are then void. */
enum weir_status wi_collect(struct wi_collection *collection, struct wi_source *source,
                            struct weir_error *ret_error);

/* Its stages. Collects the raws of the n slots. Fails: WEIR_E_CORRUPT, WEIR_E_MEMORY. */
enum weir_status wi_collect_raws(struct wi_collection *collection, struct wi_source *source,
                                 struct weir_error *ret_error);

/* The two passes over the n slots from `first` on, which begin a chunk. Fails: WEIR_E_CORRUPT. */
enum weir_status wi_collect_passes(struct wi_collection *collection, struct wi_source *source,
                                   size_t first, size_t n, struct wi_raw *ret_raws,
                                   struct weir_error *ret_error);

/* The totals of closed handles; leaves out the slots that are included in them. *ret_is_whole: false
 * if more slots were used again meanwhile than the log holds; then all must be read again. Fails:
 * WEIR_E_CORRUPT, WEIR_E_MEMORY. */
enum weir_status wi_collect_retired(struct wi_collection *collection, bool *ret_is_whole,
                                    struct weir_error *ret_error);

/* The folds after `first`, by the log: calls `take` for each. Returns false when some are lost. */
typedef void wi_fold_fn(void *context, uint64_t number, uint64_t entry);
bool wi_collect_folds(const struct wi_image *image, uint64_t first, wi_fold_fn *take,
                      void *context);

/* The newest copy of the waits of a measure in totals, its octaves and their sum; returns its
 * stamp, 0: none. *ret_is_torn, which is only set: it could not be read. */
uint64_t wi_collect_retired_waits(const struct wi_image *image, size_t number, unsigned which,
                                  uint64_t ret_words[WI_OCTAVES + 2], bool *ret_is_torn);

/* Sums all histograms of a slot's measure. Returns false when it has none, or the slot has another
 * handle by now. */
bool wi_collect_histogram(const struct wi_collection *collection, size_t id, unsigned which,
                          struct weir_histogram *ret_histogram);

/* How many threads have a shard. */
size_t wi_collect_threads(const struct wi_collection *collection);

/* The slot's own line, for facts that are rarely wanted; NULL if it does not lie within the image. */
static inline const struct weir_slot_head *wi_collect_head(const struct wi_collection *collection,
                                                           size_t id)
{
    const struct wi_slot *slot = wi_image_slot(&collection->image, id);
    return slot ? &slot->head : NULL;
}

/* The block of a table's i-th sender or single task, i below n_blocks. Returns false when it is
 * free, or has just got another owner. */
bool wi_collect_sender(const struct wi_collection *collection, size_t i,
                       struct wi_raw_sender *ret_sender);
bool wi_collect_task_instance(const struct wi_collection *collection, size_t i,
                              struct wi_raw_task_instance *ret_instance);

/* The label of a block of that generation, cleaned; "" for none, or when the block has another
 * generation by now. */
void wi_collect_label(const struct wi_collection *collection, enum wi_table_id table, size_t i,
                      char *ret_text, size_t room);

/* The texts of a slot's handle, cleaned; "": none. */
struct wi_slot_texts {
    bool has_name; /* of its own, else it is that of its totals */
    char name[WEIR_NAME_MAX + 1];
    uint64_t place; /* a number of file and line, where it was opened; 0: not known */
    char file[WEIR_NAME_MAX + 1];
    uint32_t line;
    /* Whether label and help are known. Else the slot has another handle by now, or they are newer than
     * the image: the next reading has them. */
    bool has_more;
    char label[WEIR_NAME_MAX + 1]; /* of a counter or gauge its unit */
    char help[WEIR_NAME_MAX + 1];  /* of a counter or gauge */
    uint8_t party;                 /* of a channel: enum weir_party; any number in a broken file */
};

/* Reads those of a slot and its raw. `texts`: those of another slot of the same reading, or all zero. Fails:
 * WEIR_E_CORRUPT. */
enum weir_status wi_collect_texts(const struct wi_collection *collection, size_t id,
                                  const struct wi_raw *raw, struct wi_slot_texts *texts,
                                  struct weir_error *ret_error);

/* A single task's polls (0) or delays (1). Returns false when it has none. */
bool wi_collect_task_instance_histogram(const struct wi_collection *collection, size_t i,
                                        unsigned which, struct weir_histogram *ret_histogram);

/* Adds a histogram at a line to a sum. Returns false when there is none. */
bool wi_collect_add(const struct wi_image *image, uint32_t line, struct weir_histogram *sum);

/* A string of the segment by its offset in WI_STRING_UNIT bytes, cleaned; "" for none. Fails: WEIR_E_CORRUPT. */
enum weir_status wi_collect_string(const struct wi_image *image, uint32_t unit, char *ret_text,
                                   size_t room, struct weir_error *ret_error);

#endif
