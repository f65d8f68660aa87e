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
    WI_SEGMENT_EARLY, /* not started, and there are: they count in memory that nobody sees yet */
    WI_SEGMENT_ON,
    WI_SEGMENT_STOPPED, /* nameless; hooks count on */
    WI_SEGMENT_FORKED,  /* a child that has not started anew: hooks do nothing */
    WI_SEGMENT_LOST     /* somebody emptied or overwrote its file: hooks do nothing any more */
};

/* Blocks that are free: hooks push without a lock, who holds the lock takes the one that has rested
 * longest. All three are 1 + a number; 0: none. */
struct wi_free {
    uint32_t pushed; /* atomic */
    uint32_t first, last;
};

/* Source files whose names are kept once; a server has a handful that open handles. */
#define WI_N_SOURCES 256

struct wi_source_name {
    char *text;    /* of this process alone */
    uint32_t unit; /* its string; 0: none */
};

/* A histogram or a string that is free: its offset, in lines or in WI_STRING_UNIT bytes. */
struct wi_spare {
    struct wi_spare *next;
    uint32_t where;
};

struct wi_segment {
    uint32_t state; /* atomic */
    pthread_mutex_t lock;
    unsigned char *base;  /* set once */
    size_t map_bytes;     /* grows */
    uint64_t limit_bytes; /* what it may grow to */
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
    struct wi_spare *spares;          /* that say nothing just now */
    struct wi_free free_blocks[WI_N_TABLES];
    struct wi_source_name sources[WI_N_SOURCES];
    int64_t wall_ahead;  /* of CLOCK_BOOTTIME, when the segment was opened */
    uint64_t refused_at; /* ticks of the last first touch that found no room; atomic; 0: none */
    uint32_t sampling;   /* enum weir_sampling of handles that ask for the default */
    uint32_t max_instances;
    weir_log_fn log;
    void *log_context;
    bool has_logged_limit;
    uint64_t descriptors_lost; /* times that the host closed the exporter's; atomic */
};

extern struct wi_segment wi_segment;

/* Hooks that find the segment overwritten set it to LOST without the lock, so it is atomic everywhere. */
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

/* Makes a child of fork count nothing before it starts anew. From the first handle or start on. */
void wi_segment_watch_forks(void);

/* Fills what a header says of its process. */
void wi_segment_own(struct wi_header *header, uint64_t start_ticks);

/* For what makes something in the segment: takes the lock, or tries to. False: it is not held, as it is
 * another's or the segment is no more what this process made. */
bool wi_segment_lock(void);
bool wi_segment_trylock(void);
void wi_segment_unlock(void);

/* Somebody else has written to the segment: nothing is made in it or counted any more. */
void wi_segment_lose(void);

static inline struct wi_header *wi_segment_header(void)
{
    return (struct wi_header *)(void *)wi_segment.base;
}

static inline void *wi_segment_line(uint32_t line)
{
    return wi_segment.base + (size_t)line * WEIR_LINE;
}

/* The offset in lines of what lies in the segment; 0 of NULL. */
static inline uint32_t wi_segment_line_of(const void *at)
{
    return at ? (uint32_t)((size_t)((const unsigned char *)at - wi_segment.base) / WEIR_LINE) : 0;
}

/* What the file says of a shard. */
static inline struct wi_shard *wi_segment_shard(uint32_t s)
{
    return (struct wi_shard *)wi_segment_line(WI_SHARDS_LINE) + s;
}

/* A block of whole lines, zeroed, its pages reserved and present. Returns its offset; 0: at the
 * limit. The lock is held. */
uint32_t wi_segment_take(size_t n_lines);

/* Zeroes whole words, each by an atomic store. */
void wi_words_zero(void *at, size_t bytes);

/* A histogram, zeroed, NULL: no room; and its return, which may be NULL. The lock is held. */
struct weir_histogram *wi_segment_take_histogram(void);
void wi_segment_return_histogram(struct weir_histogram *histogram);

/* A copy of a text as valid UTF-8 without control characters, cut at WEIR_NAME_MAX; its offset in
 * WI_STRING_UNIT bytes, 0: no room. To return it takes the class that it was given. The lock is held. */
uint32_t wi_segment_take_string(const char *text, uint8_t *ret_class);
void wi_segment_return_string(uint32_t unit, uint8_t class);

/* What all opens have in common, taken out of their options. */
struct wi_opening {
    uint8_t kind;  /* enum wi_kind */
    uint8_t flags; /* WI_SLOT_... */
    uint8_t flavor;
    bool has_histograms; /* both, from the start */
    const char *name;
    uint64_t capacity;
    enum weir_latency latency;
    enum weir_storage storage;
    const char *source_file;
    uint32_t source_line;
    const char *label; /* NULL or "": none */
};

/* Enters a handle; NULL when that cannot be: counted, and logged once. Takes the lock. */
struct weir_slot_head *wi_slot_open(const struct wi_opening *opening);

/* What a slot says of where it was opened, as an offset in WI_STRING_UNIT bytes, and of its sampling. The
 * lock is held. */
uint32_t wi_slot_source(const char *file);
uint8_t wi_slot_sampling(enum weir_latency latency);

/* Room for what few handles have, if this opening has any of it; the slot keeps it. Returns false when there is
 * none. And its offset in lines once it is filled, 0: it has none of it. The lock is held. */
bool wi_slot_make_more(uint32_t id, const struct wi_opening *opening);
uint32_t wi_slot_fill_more(uint32_t id, const struct wi_opening *opening);

/* Takes it out. NULL is fine. Takes the lock. */
void wi_slot_close(struct weir_slot_head *head);

/* In a copy that has no other thread: lists the free slots anew, and forgets openings and closings that
 * the copy caught half done. */
void wi_slots_settle(void);

/* A block of a table, its state as it was left: one that is free or, below `most`, a new one. Returns 1 +
 * its number; 0: no room. The lock is held. */
uint32_t wi_table_take(enum wi_table_id table, uint32_t most);

/* Lists a block as free; once only, however often it is called. No lock: hooks do. */
void wi_table_give_back(enum wi_table_id table, uint32_t number);

/* A slab of a table; the block of a number below n_blocks, its head, and the two histograms of a single
 * task. */
struct wi_block_slab *wi_table_slab(enum wi_table_id table, uint32_t s);
void *wi_table_at(enum wi_table_id table, uint32_t number);
struct wi_block *wi_table_block(enum wi_table_id table, uint32_t number);
struct weir_histogram **wi_table_histograms(enum wi_table_id table, uint32_t number);

/* Whether a block lies there: the number is another's word. No lock. */
bool wi_table_is(enum wi_table_id table, uint32_t number, const void *at);

/* Lists all blocks anew, in a copy that has no other thread. */
void wi_table_settle(enum wi_table_id table);

/* From one state to FREE, unless the block is another's by now. No lock: hooks do. */
void wi_sender_free(uint32_t number, uint32_t generation, uint32_t state);

/* A channel is closed: its senders go, whatever they had queued. The lock is held. */
void wi_senders_close(uint32_t channel, uint32_t generation);

/* In a copy that counts anew: messages from before are not the copy's. */
void wi_slots_zero(void);
void wi_senders_zero(void);
void wi_task_instances_zero(void);

/* Nanoseconds since the epoch, by the wall's clock as it stood when the segment was opened (wall.h). */
uint64_t wi_segment_now(void);

/* The path that the segment's file was given, and with another ending those beside it. False: it has none. */
bool wi_segment_path(const char *suffix, char *ret_path, size_t room);

/* Whether somebody has removed the file's name. What cannot be told counts as no. Threads: any; no lock. */
bool wi_segment_is_nameless(void);

/* Logs one line. The lock is not held. */
void wi_segment_log(const char *line);

#endif
