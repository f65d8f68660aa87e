/* SPDX-License-Identifier: MIT */
/*
 * The part of weir that is compiled into the application: the layout of a slot's first line, of a
 * thread's cell, and the inline path of the hooks. Include weir/weir.h, never this file.
 *
 * Everything here is versioned ABI (WEIR_ABI): a field may be added only by raising it. Nothing
 * here is meant to be read or written by an application.
 *
 * Why one instruction: a counter of a cell is written by its own thread only, so it needs no lock;
 * but a signal handler of that thread may run a hook between a load and a store. `add` to memory is
 * one instruction, so nothing is lost. Other processors, and builds under ThreadSanitizer, use an
 * atomic add in the style of C11, which is as exact and slower.
 *
 * A cell passes from a thread that ends to one that begins. If only the application is built with
 * ThreadSanitizer, it does not see that the library hands the cell over. So every access to a word
 * of a cell or of its histogram is atomic here, at least relaxed.
 */
#ifndef WEIR_CELL_H
#define WEIR_CELL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a compiled-in hook and the library could disagree. */
#define WEIR_ABI 3

#if defined(__GNUC__) || defined(__clang__)
#define WEIR_EXPORT      __attribute__((visibility("default")))
#define WEIR_LIKELY(x)   __builtin_expect(!!(x), 1)
#define WEIR_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WEIR_INLINE      static inline __attribute__((always_inline))
#define WEIR_THREAD      __thread
#define WEIR_TLS_MODEL   __attribute__((tls_model("initial-exec")))
#else
#error "weir needs GCC or clang"
#endif

/* Casts and null pointers that cause no warning in C or C++, whatever warnings the consumer
 * enables. */
#ifdef __cplusplus
#define WEIR_CAST(type, value) static_cast<type>(value)
#if __cplusplus >= 201103L
#define WEIR_NULL nullptr
#else
#define WEIR_NULL __null
#endif
#else
#define WEIR_CAST(type, value) ((type)(value))
#define WEIR_NULL              NULL
#endif

#if defined(__SANITIZE_THREAD__)
#define WEIR_TWIN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_TWIN 1
#endif
#endif
#if !defined(WEIR_TWIN) && !defined(__x86_64__)
#define WEIR_TWIN 1
#endif

/* A message's time of sending and the number of messages it stands for: 52 bits of clock ticks, 12
 * bits of weight. 0 means that this message is not measured. */
typedef uint64_t weir_ticket;

#define WEIR_TICKET_TICK_BITS 52
#define WEIR_TICKET_TICKS     ((UINT64_C(1) << WEIR_TICKET_TICK_BITS) - 1)

/* Cells of a thread lie in chunks of 16, so one line of the index covers 16 handles that were
 * opened in sequence. */
#define WEIR_CHUNK_CELLS 16
#define WEIR_CHUNK_SHIFT 4
#define WEIR_LINE        64

enum weir_sampling { WEIR_SAMPLING_OFF = 0, WEIR_SAMPLING_GAPS = 1, WEIR_SAMPLING_ALL = 2 };

/* One thread's counts of one channel, semaphore, task kind or counter: one cache line, one writer. */
struct weir_cell {
    union {
        struct {
            uint64_t sent, received, bytes_in, bytes_out;
            uint32_t check; /* receives to pass before the next check of the high-water mark */
            uint32_t
                histogram;   /* this thread's own wait histogram, in lines, for readers; 0: none */
            uint32_t pause;  /* receives between two checks of the mark; 0: none yet */
            uint32_t looked; /* ticks, the lower half, when the last check ended */
        } channel;
        struct {
            uint64_t acquired, released, acquires;
        } semaphore;
        struct {
            uint64_t spawned, begun, ended, ok, error, cancelled;
        } task;
        struct {
            uint64_t added;
        } counter;
        uint64_t word[6];
    } u;
    uint32_t left;    /* sends to pass before the next sample */
    uint16_t gap;     /* messages for which the next sample stands; 0 is 1 */
    uint8_t level;    /* log2 of the mean gap */
    uint8_t reserved; /* 0 */
    uint64_t last;    /* ticks of the last sample */
};

/* The words of a cell by number, as its structs name them. Even words count what enters. */
enum weir_word {
    WEIR_WORD_SENT = 0,
    WEIR_WORD_RECEIVED = 1,
    WEIR_WORD_BYTES_IN = 2,
    WEIR_WORD_BYTES_OUT = 3,
    WEIR_WORD_ACQUIRED = 0,
    WEIR_WORD_RELEASED = 1,
    WEIR_WORD_ACQUIRES = 2,
    WEIR_WORD_SPAWNED = 0,
    WEIR_WORD_BEGUN = 1,
    WEIR_WORD_ENDED = 2,
    WEIR_WORD_FINISHED = 3, /* by outcome */
    WEIR_WORD_ADDED = 0
};

/* The first line of a slot, which the hooks read. It is written when the slot opens, and rarely
 * after. */
struct weir_slot_head {
    uint32_t state;      /* enum wi_slot_state */
    uint32_t generation; /* odd steps: bumped at open and at close */
    uint32_t id;         /* index of the slot; WEIR_ID_SHARED set: no thread cells */
    uint8_t kind;        /* enum wi_kind */
    uint8_t flags;       /* WI_SLOT_... */
    uint8_t sampling;    /* enum weir_sampling */
    uint8_t flavor;      /* enum weir_channel_kind, for a channel */
    uint64_t capacity;   /* messages or permits; UINT64_MAX: unbounded */
    uint64_t opened_at;  /* nanoseconds of CLOCK_REALTIME */
    uint32_t name;       /* offset in half lines; 0: none */
    uint32_t source;     /* offset in half lines of the source file's name; 0: none */
    uint32_t source_line;
    uint32_t histogram[2]; /* shared histograms, in lines; 0: none yet */
    uint32_t retired;      /* 1 + number of the totals that receive its counts; 0: none */
    uint32_t more;         /* offset in lines of what few handles have; 0: nothing */
    uint32_t reserved;
};

#define WEIR_ID_SHARED UINT32_C(0x80000000)

struct weir_channel {
    struct weir_slot_head head;
};
struct weir_semaphore {
    struct weir_slot_head head;
};
struct weir_task_kind {
    struct weir_slot_head head;
};
struct weir_counter {
    struct weir_slot_head head;
};
struct weir_gauge {
    struct weir_slot_head head;
};
struct weir_loop {
    struct weir_slot_head head;
};

/* The line of a sender that its hooks write; any thread. */
struct weir_sender {
    uint64_t sent, bytes_in;
    uint64_t self;    /* generation << 32 | 1 + its number */
    uint32_t channel; /* id of its channel's slot */
    uint32_t channel_generation;
    char label[32];
};

/* A sender's message carries this instead of only a ticket. All 0: no sender, not measured. */
struct weir_sent {
    weir_ticket ticket;
    uint64_t sender;
};

/* How a task ended. */
enum weir_outcome { WEIR_OUTCOME_OK = 0, WEIR_OUTCOME_ERROR = 1, WEIR_OUTCOME_CANCELLED = 2 };

struct weir_histogram;

/* The cells of 16 handles of a thread, and their histograms if each message is timed. */
struct weir_chunk {
    struct weir_cell *cells;            /* NULL: not touched */
    struct weir_histogram **histograms; /* one for each cell, NULL: none yet. NULL: none */
};

/* A thread's own shard. All zero (n_chunks 0) in a thread that has none: every hook then takes
 * the slow path, which decides between a new shard, a per-CPU cell, the shared cell and nothing.
 *
 * The shard and its chunks are memory of this process alone. Another process that has mapped the
 * segment may change every number in it, but no address that a hook follows. */
struct weir_thread {
    const struct weir_chunk *chunks;
    uint32_t n_chunks;
    uint32_t shard; /* 1 + the shard's number; 0: none */
};

WEIR_EXPORT extern WEIR_THREAD struct weir_thread weir_self WEIR_TLS_MODEL;

/* How ticks become nanoseconds: nanos = ticks * multiplier >> 32. */
struct weir_clock {
    uint64_t multiplier;
    uint32_t has_tsc; /* 1: ticks are the processor's time stamp counter, 0: nanoseconds */
    uint32_t reserved;
};

WEIR_EXPORT extern struct weir_clock weir_clock;

/* The out-of-line halves of the hooks. Any thread; never block; allocate from the segment only. */
WEIR_EXPORT weir_ticket weir_channel_send_slow(struct weir_channel *channel, size_t bytes);
WEIR_EXPORT void weir_channel_receive_slow(struct weir_channel *channel, weir_ticket ticket,
                                           size_t bytes);
WEIR_EXPORT weir_ticket weir_channel_send_n_slow(struct weir_channel *channel, uint64_t n,
                                                 uint64_t bytes);
WEIR_EXPORT void weir_channel_receive_n_slow(struct weir_channel *channel, weir_ticket ticket,
                                             uint64_t n, uint64_t bytes);
WEIR_EXPORT void weir_channel_bytes_slow(struct weir_channel *channel, uint64_t in, uint64_t out);
WEIR_EXPORT weir_ticket weir_sample_n_slow(struct weir_slot_head *head, struct weir_cell *cell,
                                           uint64_t n);
WEIR_EXPORT weir_ticket weir_sample_slow(struct weir_slot_head *head, struct weir_cell *cell);
WEIR_EXPORT void weir_wait_slow(struct weir_slot_head *head, struct weir_cell *cell, unsigned which,
                                weir_ticket ticket, uint64_t now);
WEIR_EXPORT void weir_channel_check_slow(struct weir_channel *channel, struct weir_cell *cell);
WEIR_EXPORT void weir_sender_sent(struct weir_sender *sender, size_t bytes);
WEIR_EXPORT void weir_sender_left(uint64_t sender, size_t bytes);
WEIR_EXPORT weir_ticket weir_task_spawn_slow(struct weir_task_kind *kind);
WEIR_EXPORT void weir_add_slow(struct weir_slot_head *head, unsigned word, uint64_t n);
WEIR_EXPORT uint64_t weir_ticks_slow(void);

#ifdef WEIR_TWIN
WEIR_INLINE void weir_cell_add(uint64_t *word, uint64_t n)
{
    __atomic_fetch_add(word, n, __ATOMIC_RELEASE);
}

WEIR_INLINE int weir_cell_countdown(uint32_t *word)
{
    uint32_t left = __atomic_load_n(word, __ATOMIC_RELAXED);
    __atomic_store_n(word, left - 1, __ATOMIC_RELAXED);
    return left == 0;
}
#else
/* The memory clobber keeps the compiler's order; the processor keeps its stores in order. Written
 * for both assembler dialects (-masm=intel): clang names no size there, and assemblers accept GCC's
 * size as a second one. */
WEIR_INLINE void weir_cell_add(uint64_t *word, uint64_t n)
{
    __asm__ volatile("add{q %1, %0| qword ptr %0, %1}" : "+m"(*word) : "er"(n) : "memory", "cc");
}

WEIR_INLINE int weir_cell_countdown(uint32_t *word)
{
    return (*word)-- == 0;
}
#endif

/* weir_cell_countdown: decrements, and says whether the value was 0 before. So a cell of zeroes is
 * a cell at its start. */

/* Takes n off and returns 1; returns 0 when there are fewer left. */
WEIR_INLINE int weir_cell_pass(uint32_t *word, uint64_t n)
{
    uint32_t left = __atomic_load_n(word, __ATOMIC_RELAXED);
    if (WEIR_UNLIKELY(n > left)) {
        return 0;
    }
    __atomic_store_n(word, left - WEIR_CAST(uint32_t, n), __ATOMIC_RELAXED);
    return 1;
}

/* The id of a handle. Read it once: the value that was compared must be the value that is used. */
WEIR_INLINE uint32_t weir_slot_id(const struct weir_slot_head *head)
{
    return __atomic_load_n(&head->id, __ATOMIC_RELAXED);
}

/* The calling thread's cell of an id. NULL: take the slow path. */
WEIR_INLINE struct weir_cell *weir_cell_find(uint32_t id)
{
    uint32_t chunk = id >> WEIR_CHUNK_SHIFT;
    if (WEIR_LIKELY(chunk < weir_self.n_chunks)) {
        struct weir_cell *cells = weir_self.chunks[chunk].cells;
        if (WEIR_LIKELY(cells != WEIR_NULL)) {
            return cells + (id & (WEIR_CHUNK_CELLS - 1));
        }
    }
    return WEIR_NULL;
}

WEIR_INLINE uint64_t weir_ticks(void)
{
#if defined(__x86_64__)
    if (WEIR_LIKELY(weir_clock.has_tsc)) {
        return __builtin_ia32_rdtsc();
    }
#endif
    return weir_ticks_slow();
}

WEIR_INLINE weir_ticket weir_ticket_make(uint64_t ticks, uint32_t weight)
{
    return (ticks & WEIR_TICKET_TICKS) | (WEIR_CAST(uint64_t, weight) << WEIR_TICKET_TICK_BITS);
}

/* One step towards the next sample. Returns the ticket if this message is the sample, else 0. */
WEIR_INLINE weir_ticket weir_sample(struct weir_slot_head *head, struct weir_cell *cell)
{
    if (WEIR_LIKELY(!weir_cell_countdown(&cell->left))) {
        return 0;
    }
    if (head->sampling == WEIR_SAMPLING_ALL) {
        __atomic_store_n(&cell->left, 0, __ATOMIC_RELAXED);
        return weir_ticket_make(weir_ticks(), 1);
    }
    return weir_sample_slow(head, cell);
}

/* n steps at once: the ticket when one of these messages is the next sample, else 0. */
WEIR_INLINE weir_ticket weir_sample_n(struct weir_slot_head *head, struct weir_cell *cell,
                                      uint64_t n)
{
    return WEIR_LIKELY(weir_cell_pass(&cell->left, n)) ? 0 : weir_sample_n_slow(head, cell, n);
}

/*
 * Log-linear buckets of nanoseconds: bucket 0 is below 1,024 ns, then four to the octave up to
 * 2^37 ns (137 s), then the rest. A value taken as its bucket's middle is at most 11 % off.
 */
#define WEIR_HISTOGRAM_BUCKETS   110
#define WEIR_HISTOGRAM_MIN_SHIFT 10

struct weir_histogram {
    uint64_t bucket[WEIR_HISTOGRAM_BUCKETS];
    uint64_t sum; /* nanoseconds, weighted */
    uint64_t max; /* nanoseconds */
};

WEIR_INLINE unsigned weir_histogram_bucket(uint64_t nanos)
{
    unsigned octave, quarter, bucket;
    if (nanos < (UINT64_C(1) << WEIR_HISTOGRAM_MIN_SHIFT)) {
        return 0;
    }
    octave = 63U - WEIR_CAST(unsigned, __builtin_clzll(nanos));
    quarter = WEIR_CAST(unsigned, nanos >> (octave - 2)) & 3U;
    bucket = 1U + (octave - WEIR_HISTOGRAM_MIN_SHIFT) * 4U + quarter;
    return bucket < WEIR_HISTOGRAM_BUCKETS ? bucket : WEIR_HISTOGRAM_BUCKETS - 1U;
}

WEIR_INLINE uint64_t weir_ticks_to_nanos(uint64_t ticks)
{
    __extension__ typedef unsigned __int128 weir_wide;
    weir_wide wide = ticks;
    return WEIR_CAST(uint64_t,
                     (wide * __atomic_load_n(&weir_clock.multiplier, __ATOMIC_RELAXED)) >> 32);
}

/* Ticks from the ticket to now. A stamp in the future, which two cores can show each other by a few
 * ticks, counts as 0. */
WEIR_INLINE uint64_t weir_ticket_age(weir_ticket ticket, uint64_t now)
{
    uint64_t age = (now - ticket) & WEIR_TICKET_TICKS;
    return age >> (WEIR_TICKET_TICK_BITS - 1) ? 0 : age;
}

/* The calling thread's own histogram of an id that has a cell; NULL: none yet. */
WEIR_INLINE struct weir_histogram *weir_histogram_find(uint32_t id)
{
    struct weir_histogram **histograms = weir_self.chunks[id >> WEIR_CHUNK_SHIFT].histograms;
    return histograms ? histograms[id & (WEIR_CHUNK_CELLS - 1)] : WEIR_NULL;
}

/* Counts a measured wait of an id's handle. With sampling "all" its cell has a histogram of its
 * own, so that no two threads write to the same one; else the slow path adds to the shared
 * histogram. */
WEIR_INLINE void weir_channel_wait(struct weir_channel *channel, uint32_t id,
                                   struct weir_cell *cell, weir_ticket ticket)
{
    uint64_t now = weir_ticks();
    struct weir_histogram *histogram = weir_histogram_find(id);
    uint64_t nanos, weight;
    if (WEIR_UNLIKELY(!histogram)) {
        weir_wait_slow(&channel->head, cell, 0, ticket, now);
        return;
    }
    nanos = weir_ticks_to_nanos(weir_ticket_age(ticket, now));
    weight = ticket >> WEIR_TICKET_TICK_BITS;
    weir_cell_add(&histogram->bucket[weir_histogram_bucket(nanos)], weight);
    weir_cell_add(&histogram->sum, nanos * weight);
    if (WEIR_UNLIKELY(nanos > __atomic_load_n(&histogram->max, __ATOMIC_RELAXED))) {
        __atomic_store_n(&histogram->max, nanos, __ATOMIC_RELAXED);
    }
}

#ifdef __cplusplus
}
#endif

#endif
