/* SPDX-License-Identifier: MIT */
/*
 * The segment as it lies in the file: header, tables, then blocks of 64-byte lines handed out in
 * the order they are asked for. Offsets are in lines from the start of the file; 0 means none.
 *
 *     header | shards | slabs of slots, senders, single tasks | slabs, chunks, histograms, strings ...
 *
 * A reader in another process trusts no value in it. Little-endian 64-bit machines only.
 */
#ifndef WI_SEGMENT_LAYOUT_H
#define WI_SEGMENT_LAYOUT_H

#include "weir/weir.h"

#define WI_MAGIC           UINT64_C(0x0a47455352494557) /* "WEIRSEG\n" */
#define WI_LAYOUT_VERSION  2
#define WI_GRANULE         UINT64_C(65536) /* reserved and populated at once */
#define WI_FIRST_RESERVE   (4 * WI_GRANULE)
#define WI_MAX_SHARDS      1024
#define WI_MAX_CPU_SHARDS  512 /* of them, for processors */
#define WI_MAX_MEMBERS     256 /* processes of a family that have shards; the first is its founder */
#define WI_SLAB_SLOTS      256
#define WI_MAX_SLABS       4096
#define WI_MAX_SLOTS       (WI_SLAB_SLOTS * WI_MAX_SLABS)
#define WI_MAX_CHUNKS      (WI_MAX_SLOTS / WEIR_CHUNK_CELLS)
#define WI_MIN_LIMIT       (UINT64_C(1) << 20)
#define WI_DEFAULT_LIMIT   (UINT64_C(16) << 20)
#define WI_MAX_LIMIT       (UINT64_C(4) << 30)
#define WI_STRING_UNIT     32 /* bytes; strings' offsets count these */
#define WI_PROGRAM_MAX     256
#define WI_HISTOGRAM_LINES (sizeof(struct weir_histogram) / WEIR_LINE)

#define WI_SENDER_SLAB        256 /* senders handed out together */
#define WI_MAX_SENDER_SLABS   4096
#define WI_TASK_INSTANCE_SLAB 64
#define WI_MAX_SINGLE_SLABS   1024
#define WI_DEFAULT_SINGLES    4096 /* WEIR_TASKS */
#define WI_MAX_SINGLES        (WI_TASK_INSTANCE_SLAB * WI_MAX_SINGLE_SLABS)

#define WI_OBJECT_SLAB      512
#define WI_MAX_OBJECT_SLABS 2048
#define WI_MAX_LAYOUTS      64

#define WI_RETIRED_NAMES                                                                           \
    4096 /* names of handles, over all kinds; those past them share one for each kind */
#define WI_RETIRED_OTHERS    5
#define WI_RETIRED_MAX       (WI_RETIRED_OTHERS + WI_RETIRED_NAMES)
#define WI_RETIRED_SLAB      64
#define WI_MAX_RETIRED_SLABS ((WI_RETIRED_MAX + WI_RETIRED_SLAB - 1) / WI_RETIRED_SLAB)
#define WI_RETIRED_LOG       4096
#define WI_RETIRED_WORDS     14
#define WI_OCTAVES           ((WEIR_HISTOGRAM_BUCKETS - 2) / 4 + 1) /* 1,024 ns to 137 s */

/* A slot's states: FREE -> CLAIMED -> READY -> CLOSING -> CLOSED -> CLAIMED ... READY is an open
 * handle. A slot that is CLOSED keeps its counts until it is used again; then they go to the totals
 * of its name. In the file of a dead process CLAIMED is an opening that was interrupted. */
enum wi_slot_state {
    WI_SLOT_FREE = 0,
    WI_SLOT_CLAIMED = 1,
    WI_SLOT_READY = 2,
    WI_SLOT_CLOSING = 3,
    WI_SLOT_CLOSED = 4
};

enum wi_slot_flag {
    WI_SLOT_UNORDERED = 1,
    WI_SLOT_BYTES = 2, /* channel: its unit is bytes */
    WI_SLOT_OBSERVED =
        4, /* channel: its depth is told and not counted; set by the first such hook */
    WI_SLOT_OBJECTS = 8,   /* channel, observed: its depth is that of its objects */
    WI_SLOT_INHERITED = 16 /* a child of fork has it from a parent that counts on its own */
};

/* The words of a loop; only the loop's own thread writes them. Durations are nanoseconds. */
enum wi_loop_word {
    WI_LOOP_WORD_ITERATIONS = 0,
    WI_LOOP_WORD_WORST = 1,
    WI_LOOP_WORD_BUSY = 2,
    WI_LOOP_WORD_TIMERS = 3,
    WI_LOOP_WORD_IDLE = 4,
    WI_LOOP_WORD_LATEST = 5
};

/* The part of a handle that all threads share: 192 bytes. Words 0, 2, 4 of a cell have their shared
 * twin on the entering line, words 1, 3, 5 on the leaving one, so that the two ends of a channel
 * use different cache lines. */
struct wi_slot {
    struct weir_slot_head head;
    struct {
        uint64_t shared[3];
        uint64_t
            rejects[4]; /* by reason; task kind: polls, nanoseconds busy, scheduled and idle of its
                           finished single tasks */
        uint64_t other; /* channel: unsent; semaphore: waits begun; gauge: its value; loop: ticks
                                of its last begin (odd) or end (even); task kind: wakes of single
                                tasks that are done */
    } in;
    struct {
        uint64_t shared[3];
        uint64_t discarded[3]; /* by reason */
        uint64_t other;        /* channel: high-water mark; semaphore: waits over */
        uint64_t has_senders;  /* channel: one was opened, now or before */
    } out;
};

/* The part that few handles have. It is made when a slot is first opened with any of it, and the
 * slot keeps it for its later handles. All 0 means nothing. */
struct wi_slot_more {
    char label[WEIR_LABEL_MAX + 1];
    uint8_t reserved_bytes[2];
    uint8_t party; /* channel: enum weir_party */
    uint8_t reserved_more[5];
    uint64_t reserved[3];
    uint32_t unit, help; /* of a counter or gauge: strings, in WI_STRING_UNIT bytes; 0: none */
    uint64_t reserved_3[3];
};

/* Senders and single tasks are blocks in slabs of their own. A block is identified by its line and
 * its generation, which grows whenever the block is taken. */
struct wi_block {
    uint32_t state; /* enum wi_block_state */
    uint32_t generation;
    uint32_t next;    /* line of the next free block; 0: none */
    uint32_t is_left; /* another process of the family has freed it; atomic */
};

/* A sender that is GONE waits for its last message to leave; one that is AWAY is open, and absent for a
 * time: earlier versions show it as open. A single task that is GONE is finished, and shown until its
 * block is taken again. */
enum wi_block_state { WI_BLOCK_FREE = 0, WI_BLOCK_OPEN = 1, WI_BLOCK_GONE = 2, WI_BLOCK_AWAY = 3 };

/* A sender: the line of the threads that send, then the line of the threads that receive. */
struct wi_sender {
    struct weir_sender in;
    struct {
        struct wi_block block;
        uint64_t left, bytes_out; /* received, discarded or taken back */
        uint64_t opened_at;       /* wi_segment_now */
        uint64_t away_at;         /* the same, when it went away last; 0: never */
        uint64_t reserved[2];
    } out;
};

/* A single task. Times are ticks, durations nanoseconds. */
struct wi_task_instance {
    struct { /* written by the thread that runs it */
        uint64_t polls, busy, scheduled, idle;
        uint64_t began;     /* the present poll; 0: it does not run */
        uint64_t rested;    /* the end of the last poll, or the spawn */
        uint64_t waits_for; /* generation << 32 | 1 + id of a slot; 0: nothing */
        uint32_t shard;     /* of the thread that runs it */
        uint32_t reserved;
    } run;
    struct { /* written by the threads that wake it */
        uint64_t wakes, self_wakes;
        uint64_t woken; /* the first wake since the last poll began; 0: none */
        uint64_t reserved[5];
    } wake;
    struct {
        struct wi_block block;
        uint32_t kind, kind_generation; /* the slot of its kind */
        uint32_t histogram[2];          /* of polls and of delays, in lines; 0: no room */
        uint64_t opened_at;             /* wi_segment_now */
        uint64_t spawned, done;         /* ticks; done 0: the task is alive */
        uint64_t reserved;
    } self;
    char label[WEIR_LINE];
};

/* Where the slabs of a table lie, and how many blocks were ever used. */
struct wi_table {
    uint32_t slabs; /* offset in lines of uint32_t[max_slabs] */
    uint32_t max_slabs;
    uint32_t slab_blocks;
    uint32_t block_bytes;
    uint32_t n_slabs;  /* atomic */
    uint32_t n_blocks; /* atomic */
};

enum wi_table_id { WI_SENDERS, WI_TASK_INSTANCES, WI_N_TABLES };

/* An object: where it lies in the process's memory, and how to read it. For readers outside: the process itself
 * has the same in private memory (object.h), which no other process can write. */
struct wi_object {
    uint64_t life;    /* enum wi_object_life; written first when it closes, last when it opens */
    uint32_t channel; /* id of its channel's slot */
    uint32_t channel_generation;
    uint64_t address;
    uint64_t check; /* the value of its SAME field */
    char label[WEIR_OBJECT_LABEL_MAX + 1];
};

/* A life: generation << 32 | layout << 8 | whether it is open. The layout counts from 1; 0: none. */
enum wi_object_life { WI_OBJECT_IS_OPEN = 1, WI_OBJECT_LAYOUT_SHIFT = 8 };

/* A layout as the file has it; rows are written once, and never change. */
struct wi_layout_row {
    uint32_t object_bytes;
    uint32_t n_fields;
    struct weir_field fields[WEIR_LAYOUT_FIELDS];
    uint64_t reserved[3];
};

/* The counts of all handles of a kind and name whose slots were used again. Both parts exist twice:
 * the writer fills the older copy from the newer one. `stamp` is twice the log number of the last
 * slot that is included. While the writer fills a copy the stamp is odd, and belongs to the copy
 * that it is filled from. */
struct wi_retired_totals {
    uint64_t stamp; /* 0: nothing yet */
    uint64_t check;
    uint64_t word[WI_RETIRED_WORDS]; /* enum wi_retired_word */
};

struct wi_retired_waits {
    uint64_t stamp;
    uint64_t check;
    uint64_t octave[WI_OCTAVES + 1]; /* of a histogram: bucket 0, then four together */
    uint64_t sum;                    /* nanoseconds */
};

struct wi_retired {
    uint32_t kind;        /* enum wi_kind */
    uint32_t name;        /* offset in half lines; 0: all names past WI_RETIRED_NAMES */
    uint32_t waits[2];    /* for further criteria that tell series apart */
    uint64_t reserved[6]; /* for what else may tell series apart */
    struct wi_retired_totals totals[2];
};

/* The words of totals, by kind. */
enum wi_retired_word {
    WI_RETIRED_SENT = 0,
    WI_RETIRED_RECEIVED = 1,
    WI_RETIRED_DISCARDED = 2, /* by reason */
    WI_RETIRED_REJECTS = 5,   /* by reason; of a semaphore, too */
    WI_RETIRED_SENT_BYTES =
        9, /* channels whose unit is bytes have these, and none of the first five */
    WI_RETIRED_RECEIVED_BYTES = 10,
    WI_RETIRED_DISCARDED_BYTES = 11, /* by reason */
    WI_RETIRED_ACQUIRES = 0,
    WI_RETIRED_ACQUIRED = 1,
    WI_RETIRED_RELEASED = 2,
    WI_RETIRED_SPAWNED = 0,
    WI_RETIRED_RUNS = 1,
    WI_RETIRED_FINISHED = 2,  /* by outcome */
    WI_RETIRED_INSTANCES = 5, /* polls, nanoseconds busy, scheduled, idle; wakes */
    WI_RETIRED_VALUE = 0,
    WI_RETIRED_ITERATIONS = 0,
    WI_RETIRED_BUSY = 1, /* nanoseconds */
    WI_RETIRED_IDLE = 2,
    WI_RETIRED_TIMERS = 3
};

/* A shard: who has it, and where the index of its chunks lies. One thread's at a time, or one processor's for good:
 * then its cells are shared by the threads that have no shard, while they run there. Readers add up all of them alike. */
struct wi_shard {
    uint32_t state; /* enum wi_shard_state */
    uint32_t n_chunks;
    uint32_t index; /* offset in lines of uint32_t[n_chunks]; written before n_chunks */
    uint32_t tid;
    uint64_t claims;
    uint32_t
        member; /* 1 + number of the record whose process counts in it; 0: it is no family's; atomic, from 0 once */
    uint32_t reserved;
};

/* A shard that is FREE keeps its counts: the next thread continues them. */
/* OTHER is in an index only: another process of the family has it. */
enum wi_shard_state { WI_SHARD_FREE = 0, WI_SHARD_USED = 1, WI_SHARD_CPU = 2, WI_SHARD_OTHER = 3 };

/* A process of a family (ADR 63). One that has ended leaves its record, with its shards and what is left of its room, to
 * the next process that joins. */
struct wi_member {
    uint64_t
        owner; /* pid, and the lower half of its start time << 32 (0: not known); 0: nobody yet; atomic */
    uint64_t claims;    /* processes that have had it; atomic */
    uint32_t next, end; /* its room, in lines: from the next free one to the end; atomic */
    uint64_t reserved[5];
};

struct wi_header {
    uint64_t magic;
    uint32_t layout;
    uint32_t header_bytes;
    uint32_t slot_bytes;
    uint32_t cell_bytes;
    uint32_t histogram_bytes;
    uint32_t max_shards;
    uint32_t max_slabs;
    uint32_t shards; /* offset in lines */
    uint32_t slabs;  /* offset in lines of uint32_t[max_slabs] */
    uint32_t pid;
    uint32_t uid;
    uint32_t is_taken_over; /* a child continues the counts; atomic, from 0 once */
    uint64_t start_ticks;   /* field 22 of /proc/PID/stat */
    uint64_t pid_namespace;
    int64_t started_unix_nanos; /* of the process */
    int64_t opened_unix_nanos;  /* of this segment */
    uint64_t limit_bytes;
    uint32_t has_tsc; /* ticks are the processor's time stamp counter, else CLOCK_MONOTONIC */
    uint32_t max_instances;
    char name[WEIR_NAME_MAX + 1];
    char program[WI_PROGRAM_MAX];
    char version[32];
    /* The fields from here on change while hooks run, each by atomic stores. */
    uint64_t reserved_bytes;
    uint64_t used_bytes;
    uint32_t n_slabs;
    uint32_t n_slots;  /* ever used: a slot at or past it means nothing */
    uint32_t n_shards; /* ever used */
    uint32_t n_handles;
    uint64_t handles_refused;
    uint64_t cells_refused;
    uint64_t samples_lost;
    uint64_t senders_refused;
    uint64_t instances_refused;
    uint64_t multiplier; /* nanoseconds = ticks * multiplier >> 32 */
    struct wi_table tables[WI_N_TABLES];
    uint32_t id;        /* random, also in the files' names; 0: made by an earlier version */
    uint32_t has_ended; /* the process ended cleanly, though it may have been unable to remove its
                           files; atomic */
    uint32_t
        has_children;   /* forked processes count on their own; atomic, from 0 once, by a child */
    uint32_t n_retired; /* atomic; 0: made by an earlier version */
    uint32_t retired_slabs[WI_MAX_RETIRED_SLABS]; /* offsets in lines */
    uint32_t retired_log; /* offset in lines of uint64_t[WI_RETIRED_LOG], wi_retired_entry */
    uint32_t reserved;
    uint64_t
        n_folds; /* slots whose counts went to their totals: the log has the last ones; atomic */
    uint64_t broken;        /* assertions of the library that did not hold; atomic */
    uint64_t broken_at[7];  /* the first one's FILE:LINE, a text; atomic, word by word */
    uint32_t thread_shards; /* most threads that have shards; 0: made by an earlier version */
    uint32_t cpu_shards;    /* processors that have one; atomic */
    uint32_t
        threads_without; /* threads that have no cells of their own for a handle, now; atomic */
    uint32_t reserved_too;
    uint64_t calls_refused;  /* hooks with an impossible number: not counted */
    uint64_t calls_mixed;    /* hooks that count on an observed channel, or observe a counted one */
    struct wi_table objects; /* all 0: there were none, or an earlier version made it */
    uint32_t layouts;        /* offset in lines of struct wi_layout_row[WI_MAX_LAYOUTS]; 0: none */
    uint32_t n_layouts;      /* atomic */
    uint64_t objects_refused; /* objects without a place, or with an impossible layout; atomic */
    uint32_t
        members; /* offset in lines of struct wi_member[WI_MAX_MEMBERS]; 0: the segment is of one process */
    uint32_t reserved_last;
};

#define WI_HEADER_BYTES 4096
#define WI_SHARDS_LINE  (WI_HEADER_BYTES / WEIR_LINE)
#define WI_SLABS_LINE   (WI_SHARDS_LINE + WI_MAX_SHARDS * sizeof(struct wi_shard) / WEIR_LINE)
#define WI_SENDERS_LINE (WI_SLABS_LINE + WI_MAX_SLABS * sizeof(uint32_t) / WEIR_LINE)
#define WI_TASK_INSTANCES_LINE                                                                     \
    (WI_SENDERS_LINE + WI_MAX_SENDER_SLABS * sizeof(uint32_t) / WEIR_LINE)
#define WI_FIRST_LINE (WI_TASK_INSTANCES_LINE + WI_MAX_SINGLE_SLABS * sizeof(uint32_t) / WEIR_LINE)

_Static_assert(sizeof(struct weir_slot_head) == WEIR_LINE, "the hooks read one line");
_Static_assert(sizeof(struct weir_cell) == WEIR_LINE, "a cell is one line");
_Static_assert(sizeof(struct wi_slot) == 3 * WEIR_LINE, "entering and leaving lines apart");
_Static_assert(sizeof(struct wi_slot_more) == 2 * WEIR_LINE, "what few have is whole lines");
_Static_assert(sizeof(struct wi_sender) == 2 * WEIR_LINE, "sending and leaving lines apart");
_Static_assert(sizeof(struct weir_sender) == WEIR_LINE, "the hooks write one line");
_Static_assert(sizeof(struct wi_task_instance) == 4 * WEIR_LINE, "running and waking lines apart");
_Static_assert(offsetof(struct wi_task_instance, self) == 2 * WEIR_LINE,
               "running and waking lines apart");
_Static_assert(sizeof(struct wi_object) == 96, "an object of the file");
_Static_assert(sizeof(struct wi_layout_row) == 2 * WEIR_LINE, "layouts are whole lines");
_Static_assert(WI_OBJECT_SLAB * sizeof(struct wi_object) % WEIR_LINE == 0,
               "a slab of objects is whole lines");
_Static_assert(sizeof(struct wi_retired) == 5 * WEIR_LINE, "totals are whole lines");
_Static_assert(sizeof(struct wi_retired_waits) == 4 * WEIR_LINE, "waits are whole lines");
_Static_assert(2 * sizeof(struct wi_retired_waits) <= sizeof(struct weir_histogram),
               "waits fit where a histogram was");
_Static_assert((WI_RETIRED_SLAB * sizeof(struct wi_retired) + WI_RETIRED_LOG * sizeof(uint64_t)) %
                       4096 ==
                   0,
               "what comes after them begins a page");
_Static_assert(sizeof(struct weir_histogram) % WEIR_LINE == 0, "histograms are whole lines");
/* The format of the file. Another compiler, or a field put between others, must not change it
 * unnoticed. */
_Static_assert(sizeof(struct weir_histogram) == 896, "a histogram of the file");
_Static_assert(sizeof(struct wi_shard) == 32, "a shard of the file");
_Static_assert(sizeof(struct wi_table) == 24, "a table of the file");
_Static_assert(sizeof(struct wi_block) == 16, "the head of a block");
_Static_assert(sizeof(struct wi_member) == WEIR_LINE, "a process has a line of its own");
_Static_assert(sizeof(struct wi_header) == 1088, "a new field goes to the end of the header");
_Static_assert(offsetof(struct wi_header, name) == 104, "the header's facts stay where they are");
_Static_assert(offsetof(struct wi_header, reserved_bytes) == 520, "and its counts");
_Static_assert(offsetof(struct wi_header, tables) == 600, "and its tables");
_Static_assert(offsetof(struct wi_header, id) == 648, "and what later versions added");
_Static_assert(offsetof(struct wi_slot, in) == WEIR_LINE &&
                   offsetof(struct wi_slot, out) == 2 * WEIR_LINE,
               "each side of a slot begins a line");
_Static_assert(offsetof(struct wi_sender, out) == WEIR_LINE, "each side of a sender begins a line");
_Static_assert(offsetof(struct wi_task_instance, wake) == WEIR_LINE,
               "wakers have a line of their own");
_Static_assert(sizeof(struct wi_header) <= WI_HEADER_BYTES, "the header fits its page");
_Static_assert(WI_FIRST_LINE *WEIR_LINE <= WI_FIRST_RESERVE, "the tables are reserved at once");

#define WI_IS_WORD(name, number)                                                                   \
    _Static_assert(offsetof(struct weir_cell, u.name) == (number) * sizeof(uint64_t),              \
                   "enum weir_word numbers the structs of a cell")
WI_IS_WORD(channel.sent, WEIR_WORD_SENT);
WI_IS_WORD(channel.received, WEIR_WORD_RECEIVED);
WI_IS_WORD(channel.bytes_in, WEIR_WORD_BYTES_IN);
WI_IS_WORD(channel.bytes_out, WEIR_WORD_BYTES_OUT);
WI_IS_WORD(semaphore.acquired, WEIR_WORD_ACQUIRED);
WI_IS_WORD(semaphore.released, WEIR_WORD_RELEASED);
WI_IS_WORD(semaphore.acquires, WEIR_WORD_ACQUIRES);
WI_IS_WORD(task.spawned, WEIR_WORD_SPAWNED);
WI_IS_WORD(task.begun, WEIR_WORD_BEGUN);
WI_IS_WORD(task.ended, WEIR_WORD_ENDED);
WI_IS_WORD(task.ok, WEIR_WORD_FINISHED);
WI_IS_WORD(counter.added, WEIR_WORD_ADDED);

/* The tables as a new segment has them. */
static const struct wi_table wi_table_shapes[WI_N_TABLES] = {
    [WI_SENDERS] = {WI_SENDERS_LINE, WI_MAX_SENDER_SLABS, WI_SENDER_SLAB, sizeof(struct wi_sender),
                    0, 0},
    [WI_TASK_INSTANCES] = {WI_TASK_INSTANCES_LINE, WI_MAX_SINGLE_SLABS, WI_TASK_INSTANCE_SLAB,
                           sizeof(struct wi_task_instance), 0, 0},
};

/* Where an observed channel has its depth and its bytes: words that a channel's cells use otherwise. */
#define WI_WORD_DEPTH 4
#define WI_WORD_BYTES 5

/* The shared twin of a cell's word. */
static inline uint64_t *wi_slot_word(struct wi_slot *slot, unsigned word)
{
    return word & 1U ? &slot->out.shared[word >> 1] : &slot->in.shared[word >> 1];
}

#endif
