/* SPDX-License-Identifier: MIT */
/*
 * The live segment of this process: created, grown, copied after fork, taken away. There is one; it
 * is mapped once, at one address, until the process ends, because hooks may run in any thread at any
 * time. Its lock guards opening, closing and growing; a hook only ever tries it.
 */
#ifndef WI_SEGMENT_SEGMENT_H
#define WI_SEGMENT_SEGMENT_H

#include "segment/index.h"

#include "weir/atomic.h"

#include <pthread.h>
#include <sys/types.h>

enum wi_segment_state {
    WI_SEGMENT_NONE,  /* never started: there are no handles */
    WI_SEGMENT_EARLY, /* not started, but there are handles: they count in memory that no reader
                         sees yet */
    WI_SEGMENT_ON,
    WI_SEGMENT_STOPPED, /* nameless; hooks continue to count */
    WI_SEGMENT_FORKED,  /* a child that has not started again: hooks do nothing */
    WI_SEGMENT_LOST /* another process emptied or overwrote its file: hooks do nothing any more */
};

/* Free blocks. Hooks push without a lock; the lock's holder takes the one that was returned first.
 * All three are 1 + a number; 0: none. */
struct wi_free {
    uint32_t pushed; /* atomic */
    uint32_t first, last;
};

/* Source files whose names are stored once; a server has a handful that open handles. */
#define WI_N_SOURCES 256

/* Units and helps of counters and gauges, likewise. */
#define WI_N_VALUE_TEXTS 512

/* A text that is stored once, however many handles have it. */
struct wi_common_text {
    char *text;    /* of this process alone */
    uint32_t unit; /* its string; 0: none */
};

/* A histogram or a string that is free: its offset, in lines or in WI_STRING_UNIT bytes. */
struct wi_spare {
    struct wi_spare *next;
    uint32_t where;
};

/* A process in the family of its segment (family.h). */
enum wi_family_role {
    WI_FAMILY_NONE,    /* the segment is of one process */
    WI_FAMILY_FOUNDER, /* made the segment */
    WI_FAMILY_MEMBER   /* forked, and joined it */
};

struct wi_segment {
    uint32_t state; /* atomic */
    uint32_t role;  /* enum wi_family_role; atomic */
    uint32_t forks; /* of a family's process, before which a handle may have been opened; atomic */
    bool is_torn;   /* a thread was changing the index when this process was forked */
    pthread_mutex_t lock;
    unsigned char *base;  /* set once */
    size_t map_bytes;     /* grows */
    uint64_t limit_bytes; /* the most to which it may grow */
    int fd;               /* -1: anonymous */
    pid_t pid;
    pid_t session; /* of the process, when it started */
    dev_t device;
    ino_t inode;
    char dir[256];
    char file[64];          /* its name in dir; "" when it has none */
    const char *why_full;   /* of the last refusal to grow; NULL: there was none */
    uint32_t free_slots[2]; /* first and last of the closed ones, 1 + id; oldest first */
    struct wi_spare *free_histograms;
    struct wi_spare *free_strings[3]; /* of 1, 2 and 4 units */
    struct wi_spare *spares;          /* unused entries of these lists */
    struct wi_free free_blocks[WI_N_TABLES];
    struct wi_common_text sources[WI_N_SOURCES];
    struct wi_common_text value_texts[WI_N_VALUE_TEXTS];
    int64_t wall_ahead;  /* of CLOCK_BOOTTIME, when the segment was opened */
    uint64_t refused_at; /* ticks of the last first touch that found no room; atomic; 0: none */
    uint32_t sampling;   /* enum weir_sampling of handles that ask for the default */
    uint32_t max_instances;
    weir_log_fn log;
    void *log_context;
    bool has_logged_limit;
    uint64_t descriptors_lost; /* times that the host closed the exporter's descriptors; atomic */
};

extern struct wi_segment wi_segment;

/* Hooks that find the segment overwritten set it to LOST without the lock, so it is atomic
 * everywhere. */
static inline uint32_t wi_segment_state(void)
{
    /* Pairs with start_begin_or_go_on, wi_early_make, weir_stop, wi_segment_lose and the child of fork. */
    return wi_load_acquire(&wi_segment.state);
}

/* Whether there is a segment in which hooks count. */
static inline bool wi_segment_counts(void)
{
    uint32_t state = wi_segment_state();
    return state == WI_SEGMENT_ON || state == WI_SEGMENT_STOPPED;
}

/* Whether hooks count in the shared words of a slot. */
static inline bool wi_slot_counts(void)
{
    uint32_t state = wi_segment_state();
    return state == WI_SEGMENT_ON || state == WI_SEGMENT_STOPPED || state == WI_SEGMENT_EARLY;
}

/* Whether several processes may count in the segment: then an index knows only a part of the cells. No lock. */
static inline bool wi_segment_is_family(void)
{
    return wi_load_relaxed(&wi_segment.role) != WI_FAMILY_NONE;
}

/* Whether this process may open handles and make the parts that belong to them. No lock. */
static inline bool wi_segment_may_open(void)
{
    return wi_load_relaxed(&wi_segment.role) != WI_FAMILY_MEMBER;
}

/* Makes a child of fork count nothing before it starts again. Called at the first handle or start. */
void wi_segment_watch_forks(void);

/* Fills the facts about its process in a header. */
void wi_segment_own(struct wi_header *header, uint64_t start_ticks);

/* For code that makes something in the segment: takes the lock, or tries to. False: the lock is not
 * held, because another thread has it or another process has overwritten the segment. */
bool wi_segment_lock(void);
bool wi_segment_trylock(void);
void wi_segment_unlock(void);

/* Whether somebody holds the lock: for assertions of those who must. It cannot tell who. */
bool wi_segment_is_locked(void);

/* Another process has written to the segment: nothing is made in it or counted any more. */
void wi_segment_lose(void);

static inline struct wi_header *wi_segment_header(void)
{
    return (struct wi_header *)(void *)wi_segment.base;
}

static inline void *wi_segment_line(uint32_t line)
{
    return wi_segment.base + (size_t)line * WEIR_LINE;
}

/* The offset in lines of an address in the segment; 0 for NULL. */
static inline uint32_t wi_segment_line_of(const void *at)
{
    return at ? (uint32_t)((size_t)((const unsigned char *)at - wi_segment.base) / WEIR_LINE) : 0;
}

/* The record of a shard in the file. */
static inline struct wi_shard *wi_segment_shard(uint32_t s)
{
    return (struct wi_shard *)wi_segment_line(WI_SHARDS_LINE) + s;
}

/* A block of whole lines, zeroed, its pages reserved and present. Returns its offset; 0: at the
 * limit. The lock is held. */
uint32_t wi_segment_take(size_t n_lines);

/* Zeroes whole words, each by an atomic store. */
void wi_words_zero(void *at, size_t bytes);

/* A zeroed histogram, NULL: no room; and its return, which may be NULL. The lock is held. */
struct weir_histogram *wi_segment_take_histogram(void);
void wi_segment_return_histogram(struct weir_histogram *histogram);

/* A copy of a text as valid UTF-8 without control characters, cut at WEIR_NAME_MAX; returns its
 * offset in WI_STRING_UNIT bytes, 0: no room. Returning it takes the class that it was given. The
 * lock is held. */
uint32_t wi_segment_take_string(const char *text, uint8_t *ret_class);
void wi_segment_return_string(uint32_t unit, uint8_t class);

/* The options that all openings have in common. */
struct wi_opening {
    uint8_t kind;  /* enum wi_kind */
    uint8_t flags; /* WI_SLOT_... */
    uint8_t flavor;
    bool has_histograms; /* both, from the start */
    const char *name;
    uint64_t capacity;
    enum weir_latency latency;
    enum weir_storage storage;
    const char *source_file; /* or, without a line, the place itself */
    uint32_t source_line;
    const char *label;       /* NULL or "": none */
    const char *unit, *help; /* of a counter or gauge; NULL or "": none */
    uint8_t party;           /* enum weir_party */
    uint64_t initial[2];     /* what a channel counts as entered from the start: messages, bytes */
};

/* Enters a handle. NULL when that is not possible: this is counted, and logged once. Takes the
 * lock. */
struct weir_slot_head *wi_slot_open(const struct wi_opening *opening);

/* The place where a slot was opened, as an offset in WI_STRING_UNIT bytes, of a file its name without folders; and
 * the slot's sampling. The lock is held. */
uint32_t wi_slot_source(const char *file, uint32_t line);
uint8_t wi_slot_sampling(enum weir_latency latency);

/* Makes room for the part that few handles have, if this opening has any of it; the slot keeps it.
 * Returns false when there is no room. The second fills it and returns its offset in lines, 0: the
 * opening has none of it. The lock is held. */
bool wi_slot_make_more(uint32_t id, const struct wi_opening *opening);
uint32_t wi_slot_fill_more(uint32_t id, const struct wi_opening *opening);

/* Closes the handle. NULL is fine. Takes the lock. */
void wi_slot_close(struct weir_slot_head *head);

/* For a copy without other threads: lists the free slots again, and undoes openings and closings
 * that the fork interrupted. */
void wi_slots_settle(void);

/* A block of a table, in the state in which it was left: a free one or, below `most`, a new one.
 * Returns 1 + its number; 0: no room. The lock is held. */
uint32_t wi_table_take(enum wi_table_id table, uint32_t most);

/* Lists a block as free, only once, however often it is called. No lock: hooks call it. */
void wi_table_give_back(enum wi_table_id table, uint32_t number);

/* A slab of a table; the block of a number below n_blocks, and the two histograms of a single task. */
struct wi_block_slab *wi_table_slab(enum wi_table_id table, uint32_t s);
void *wi_table_at(enum wi_table_id table, uint32_t number);
struct weir_histogram **wi_table_histograms(enum wi_table_id table, uint32_t number);

/* Whether there is a block at this place: the number may come from another process. No lock. */
bool wi_table_is(enum wi_table_id table, uint32_t number, const void *at);

/* Lists all blocks again, in a copy that has no other thread. */
void wi_table_settle(enum wi_table_id table);

/* From one state to another, unless it is in a third one or the block has a new owner by now: then returns false.
 * No lock: hooks call it. */
bool wi_sender_turn(uint32_t number, uint32_t generation, uint32_t from, uint32_t to);

/* From one state to FREE, likewise. */
void wi_sender_free(uint32_t number, uint32_t generation, uint32_t state);

/* A channel is closed: its senders go, even if they have messages queued. The lock is held. */
void wi_senders_close(uint32_t channel, uint32_t generation);

/* For a copy whose counts begin again: messages from before do not belong to the copy. */
void wi_slots_zero(void);
void wi_senders_zero(void);
void wi_task_instances_zero(void);

/* Nanoseconds since the epoch, by the wall clock as it was when the segment was opened (wall.h). */
uint64_t wi_segment_now(void);

/* The path that the segment's file was given, and with another ending the paths of the files beside
 * it. False: it has none. */
bool wi_segment_path(const char *suffix, char *ret_path, size_t room);

/* Whether the file's name was removed. If that cannot be determined, the answer is no. Threads:
 * any; no lock. */
bool wi_segment_is_nameless(void);

/* Logs one line. The lock is not held. */
void wi_segment_log(const char *line);

#endif
