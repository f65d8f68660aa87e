/* SPDX-License-Identifier: MIT */
/*
 * weir: live queues of a C server, in one memory-mapped file.
 *
 * Start with weir_start(), open a handle for each channel, semaphore, task kind, loop, counter and
 * gauge that matters, and put one hook where a message is sent, received or refused. A console, a scrape
 * or a post-mortem reads the file; nothing in a hook waits for them.
 *
 * Every hook (weir_channel_send and the others) has these properties:
 *   - it cannot fail, and it takes no lock, allocates no heap memory and makes no system call once
 *     the calling thread has touched the handle and measured a wait on it (weir_thread_start does
 *     both beforehand); until then it only tries a lock, and never waits for one;
 *   - it may be called from any thread, from a signal handler, before weir_start, after weir_stop
 *     and in a forked child, where it counts nothing until weir_start is called there;
 *   - on a handle that was opened before weir_start it counts, by an atomic add, and nothing is lost
 *     when weir_start is called while other threads count;
 *   - with a NULL handle it does nothing. Opening never fails the host: it returns NULL.
 * A handle must not be used after it was closed, as with free().
 *
 * After a raw clone(), vfork() or posix_spawn() the child must not call hooks.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include "weir/cell.h"
#include "weir/sender.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_VERSION "0.1.0"

/* Longest name, in bytes, without the terminator. Longer ones are cut at a whole character;
 * characters that control a terminal, turn the direction of text or cannot be seen become '?', as do
 * bytes that are not UTF-8. */
#define WEIR_NAME_MAX 127

/* Longest label of a channel or a semaphore, in bytes, without the terminator; cut and made safe as names
 * are. */
#define WEIR_LABEL_MAX 63

/* The result of a call. The numbers are ABI: append only. */
enum weir_status {
    WEIR_OK = 0,
    WEIR_OFF = 1,         /* WEIR_OFF=1 is set: hooks do nothing */
    WEIR_DEGRADED = 2,    /* works, but not as requested: see the error's text */
    WEIR_E_ARGUMENT = 3,  /* a NULL or a number out of range */
    WEIR_E_STATE = 4,     /* called twice, or before weir_start */
    WEIR_E_MEMORY = 5,    /* no memory, or the segment is at its limit */
    WEIR_E_SYSTEM = 6,    /* the kernel refused: see the error's text */
    WEIR_E_DENIED = 7,    /* another user's, or not permitted */
    WEIR_E_NOT_FOUND = 8, /* no such process, file, topic or name */
    WEIR_E_CORRUPT = 9,   /* a file or message that violates its format */
    WEIR_E_VERSION = 10,  /* a format of another version */
    WEIR_E_PROTOCOL = 11, /* a peer violated the protocol */
    WEIR_E_LIMIT = 12,    /* a fixed limit was reached */
    WEIR_E_CLOSED = 13    /* the other side has closed */
};

/* The name of a status, for logs. Owns: static. Threads: any. */
WEIR_EXPORT const char *weir_status_name(enum weir_status status);

/* One line that states the problem and what to do. Owns: the caller's; NULL if not wanted. */
struct weir_error {
    char text[256];
};

/* Receives one line at a time, without a newline. weir calls it in the thread in which the event
 * occurred, never in a hook, and never while it holds a lock. */
typedef void (*weir_log_fn)(void *context, const char *line);

/* Which messages are timed from send to receive. */
enum weir_latency {
    WEIR_LATENCY_DEFAULT = 0, /* sampled */
    WEIR_LATENCY_OFF = 1,
    WEIR_LATENCY_SAMPLED = 2, /* at random gaps that follow the rate */
    WEIR_LATENCY_FULL = 3     /* every message */
};

/* Where the counts of a handle are kept. */
enum weir_storage {
    WEIR_STORAGE_DEFAULT = 0, /* thread shard */
    WEIR_STORAGE_SHARD = 1,   /* 64 bytes for each thread that touches it; no shared writes */
    WEIR_STORAGE_SHARED = 2   /* one atomic cell: for many handles that are seldom used */
};

/* Which processes count in a segment: one, or also its children of fork (docs/forks.md). */
enum weir_scope { WEIR_SCOPE_PROCESS = 0, WEIR_SCOPE_FAMILY = 1 };

/* How to start. Zero means the default. The environment takes precedence over these options, so that
 * the person who runs the server decides. But if the program has more rights than the user who
 * started it (setuid, setgid, file capabilities), weir reads only WEIR_OFF=1: it names the other
 * variables that are set once, in ret_error and the log, with WEIR_DEGRADED. */
struct weir_options {
    size_t size;          /* sizeof(struct weir_options) */
    const char *name;     /* service name; NULL: the program's. WEIR_NAME */
    const char *dir;      /* where segments lie; NULL: see docs/architecture.md. WEIR_DIR */
    uint64_t limit_bytes; /* cap of the segment, 1 MiB to 4 GiB; 0: 16 MiB. WEIR_LIMIT. It takes
                                  what it uses, and grows only while the host keeps 8 MiB of its own
                                  limits (RLIMIT_AS, RLIMIT_MEMLOCK after mlockall, memory cgroup) */
    enum weir_latency latency; /* WEIR_LATENCY */
    weir_log_fn log;           /* NULL: silent */
    void *log_context;
    /* WEIR_SCOPE_FAMILY here, and in the weir_start of children of fork: they count in this segment. Only the
     * first process opens handles, before it forks. */
    enum weir_scope scope;
};
#define WEIR_OPTIONS_INIT                                                                          \
    {                                                                                              \
        sizeof(struct weir_options), WEIR_NULL, WEIR_NULL, 0, WEIR_LATENCY_DEFAULT, WEIR_NULL,     \
            WEIR_NULL, WEIR_SCOPE_PROCESS                                                          \
    }

/* 256 handles may be opened before weir_start, for example by constructors of static objects. Each further
 * open returns NULL and is counted in weir_health; weir_start then returns WEIR_DEGRADED and says so. The
 * counts of these handles are shown from the start on, exactly; a gauge also, unless two threads set it at
 * that moment. Waits, loops, single tasks and senders are seen only from the start on. Until then
 * such handles take about 30 KiB of memory, 100 KiB if there are 256, and no file. */

/*
 * Creates the segment and turns the hooks on. Call it again in a child of fork() that is to be seen: handles stay
 * valid, and counts start at 0. If the parent has ended, as after daemon(3), one child continues its counts. With
 * WEIR_SCOPE_FAMILY in both, the child counts on in its parent's segment: see weir_options.
 * Owns: copies the options.
 * Fails: WEIR_OFF when switched off; WEIR_DEGRADED when hooks count, but not all is as requested: no
 * file could be made, so only this process can read the counts, or the file is not on tmpfs, or a
 * variable of the environment could not be used; WEIR_E_STATE when started already; WEIR_E_CORRUPT when
 * another process emptied or overwrote the segment's file; WEIR_E_MEMORY when there is not even memory
 * for the counts. After WEIR_E_CORRUPT and WEIR_E_MEMORY hooks do nothing.
 * Threads: any one; if possible before the threads that use hooks.
 */
WEIR_EXPORT enum weir_status weir_start(const struct weir_options *options,
                                        struct weir_error *ret_error);

/* Removes the segment's name, so that readers no longer find it. Hooks may still run, also in other
 * threads: they continue to count, unseen, and handles stay valid for a later weir_start. Stop the agent
 * first (weir_agent_stop). Threads: any one. Also done at exit(). */
WEIR_EXPORT void weir_stop(void);

/* Whether hooks count now. Threads: any. */
WEIR_EXPORT bool weir_is_on(void);

/* Gives the calling thread its shard and its cells of all handles that are open now, and these handles their
 * histograms, as long as the segment is not half full. Then no later hook on them allocates anything. Optional; 896
 * bytes for each handle that is timed. Fails: silently; hooks then count in per-CPU or shared cells, and make
 * histograms when they need them. Threads: any; takes a lock; not from a signal handler. */
WEIR_EXPORT void weir_thread_start(void);

/* Reads the state of the library itself: its size, limits and refusals. Threads: any; takes no lock,
 * makes one system call to see whether the file is still there. */
struct weir_health {
    size_t size;              /* in: sizeof(struct weir_health) */
    uint64_t segment_bytes;   /* reserved now */
    uint64_t limit_bytes;     /* the cap */
    uint64_t handles_refused; /* opens that gave NULL */
    uint64_t cells_refused;   /* threads that found no room for cells: they count in other ones */
    uint64_t samples_lost;    /* waits that found no room for a histogram */
    uint64_t threads;         /* shards in use */
    char path[256];           /* the segment's file; "" when it has none, or it was removed */
    /* Times that the program closed the exporter's descriptors, as by closefrom(3): nothing is served
     * from then on until weir_agent_start is called again. */
    uint64_t descriptors_lost;
    uint64_t
        calls_refused; /* calls that end in _n, _bytes or _observe whose n or bytes was 2^63 or more: not counted */
    /* Hooks that mix the two ways to know a depth: weir_channel_observe on a channel that has counted, or counting
     * on one that is observed. They do nothing. */
    uint64_t calls_mixed;
};
WEIR_EXPORT void weir_health_read(struct weir_health *ret_health);

/* ---- channels ---------------------------------------------------------------------------- */

#define WEIR_UNBOUNDED UINT64_MAX

/* The channel's type, shown to users; no hook behaves differently. */
enum weir_channel_kind {
    WEIR_CHANNEL_OTHER = 0,
    WEIR_CHANNEL_SPSC = 1,
    WEIR_CHANNEL_MPSC = 2,
    WEIR_CHANNEL_SPMC = 3,
    WEIR_CHANNEL_MPMC = 4
};

/* The unit of a channel: its depth, its capacity and its rates are in it. */
enum weir_unit {
    WEIR_UNIT_MESSAGES = 0,
    WEIR_UNIT_BYTES = 1 /* a buffer without message borders: weir_channel_bytes */
};

/* Why a channel refused a message that therefore never entered it. */
enum weir_reject {
    WEIR_REJECT_FULL = 0,
    WEIR_REJECT_CLOSED = 1,
    WEIR_REJECT_TIMEOUT = 2,
    WEIR_REJECT_SHED = 3 /* by policy, before the channel was full */
};

/* Why a message that had entered was discarded unread. */
enum weir_discard { WEIR_DISCARD_OVERWRITE = 0, WEIR_DISCARD_CLOSED = 1, WEIR_DISCARD_EXPIRED = 2 };

/* Whom a channel's sender handles stand for: those who put messages in, as players do, or those who take them out, as
 * subscribers do. Users see the word. */
enum weir_party { WEIR_PARTY_SENDERS = 0, WEIR_PARTY_RECEIVERS = 1 };

struct weir_channel_options {
    size_t size;       /* sizeof(struct weir_channel_options) */
    const char *name;  /* required, copied */
    uint64_t capacity; /* in its unit; WEIR_UNBOUNDED */
    enum weir_channel_kind kind;
    bool is_unordered; /* not first in, first out: no oldest age */
    enum weir_latency latency;
    enum weir_storage storage;
    const char *source_file; /* copied; WEIR_CHANNEL_INIT fills both */
    uint32_t source_line;
    /* Whose queue this is, where several channels have one name: a peer, a client id. Copied; NULL or "":
     * nobody's. Users see it wherever they see the row, but /metrics has one series for each name, labelled or
     * not. A label takes 128 bytes, which the next handle that needs them uses again. */
    const char *label;
    enum weir_party party; /* of its weir_sender handles; receivers take the same 128 bytes */
    enum weir_unit unit;
    /* The depth at the moment of the opening, in its unit, and the bytes of these messages (0: unknown, or the unit is
     * bytes). They count as sent then, so the channel is a counted one. An amount of 2^63 or more is taken as 0,
     * and weir_health counts the call (calls_refused). */
    uint64_t initial, initial_bytes;
    /* The place where it is opened, if that is no line of C: "plugin.lua:12". Copied, the first 256 places of a
     * program; takes precedence over source_file. NULL: source_file and source_line are the place. */
    const char *source_text;
};
#define WEIR_CHANNEL_INIT(channel_name, channel_capacity)                                          \
    {                                                                                              \
        sizeof(struct weir_channel_options), (channel_name), (channel_capacity),                   \
            WEIR_CHANNEL_OTHER, false, WEIR_LATENCY_DEFAULT, WEIR_STORAGE_DEFAULT, __FILE__,       \
            __LINE__, WEIR_NULL, WEIR_PARTY_SENDERS, WEIR_UNIT_MESSAGES, 0, 0, WEIR_NULL           \
    }

/* Enters a channel in the segment. Owns: close it, or leave it to the end of the process.
 * Fails: NULL when there is no room, which weir_health counts and the log says once; also without
 * options or name, when weir is off, and in a forked child before its weir_start.
 * Threads: any; takes a lock; not from a signal handler. */
WEIR_EXPORT struct weir_channel *weir_channel_open(const struct weir_channel_options *options);

/* Removes a channel: messages that are still queued are no longer shown. Its counts stay in the totals of
 * its name (docs/prometheus.md). NULL is allowed. Threads: as open. */
WEIR_EXPORT void weir_channel_close(struct weir_channel *channel);

/* Changes the capacity that is shown, in the channel's unit; WEIR_UNBOUNDED: none. Threads: any. */
WEIR_EXPORT void weir_channel_resize(struct weir_channel *channel, uint64_t capacity);

/*
 * Counts a message in. Call it BEFORE the push, so that no reader ever sees more received than sent.
 * Units: bytes as the caller counts them; 0 if unknown. Pass the same number to receive.
 * Owns: keep the ticket in the message for weir_channel_receive, or drop it: then this message's
 * wait is not measured. Where no wait of a FIFO channel is measured, readers estimate those from 1 s up.
 */
WEIR_INLINE weir_ticket weir_channel_send(struct weir_channel *channel, size_t bytes)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!channel)) {
        return 0;
    }
    cell = weir_cell_find(weir_slot_id(&channel->head));
    if (WEIR_UNLIKELY(!cell)) {
        return weir_channel_send_slow(channel, bytes);
    }
    weir_cell_add(&cell->u.channel.sent, 1);
    weir_cell_add(&cell->u.channel.bytes_in, bytes);
    return weir_sample(&channel->head, cell);
}

/* Counts a message out. Call it AFTER the pop, with send's ticket (0: none) and bytes. */
WEIR_INLINE void weir_channel_receive(struct weir_channel *channel, weir_ticket ticket,
                                      size_t bytes)
{
    uint32_t id;
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!channel)) {
        return;
    }
    id = weir_slot_id(&channel->head);
    cell = weir_cell_find(id);
    if (WEIR_UNLIKELY(!cell)) {
        weir_channel_receive_slow(channel, ticket, bytes);
        return;
    }
    if (WEIR_UNLIKELY(weir_cell_countdown(&cell->u.channel.check))) {
        weir_channel_check_slow(channel, cell);
    }
    weir_cell_add(&cell->u.channel.received, 1);
    weir_cell_add(&cell->u.channel.bytes_out, bytes);
    if (ticket) {
        weir_channel_wait(channel, id, cell, ticket);
    }
}

/*
 * Counts `n` messages in by one call, of `bytes` in all: for a batch, or for a ring that is filled at once.
 * Call it BEFORE the push. n may be 0: then nothing is counted. An n or bytes of 2^63 or more is a negative
 * number by mistake: it is not counted either, and weir_health counts the call (calls_refused).
 * If a part of the batch may find no room, count the messages that fit, where their number is known before the
 * push: until weir_channel_unsend_n, the others stand in the depth and may stay in the high-water mark.
 * Owns: keep the ticket with the batch for weir_channel_receive_n, or drop it. It stands for all messages of
 * the batch if each message is timed, else for those that sampling has chosen, at most 4,095.
 * Cost: as weir_channel_send, whatever n is.
 */
WEIR_INLINE weir_ticket weir_channel_send_n(struct weir_channel *channel, uint64_t n,
                                            uint64_t bytes)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!channel)) {
        return 0;
    }
    cell = weir_cell_find(weir_slot_id(&channel->head));
    if (WEIR_UNLIKELY(!cell || (n | (n - 1) | bytes) >> 63)) {
        return weir_channel_send_n_slow(channel, n, bytes);
    }
    weir_cell_add(&cell->u.channel.sent, n);
    weir_cell_add(&cell->u.channel.bytes_in, bytes);
    return weir_sample_n(&channel->head, cell, n);
}

/* Counts `n` messages out by one call, of `bytes` in all. Call it AFTER the pop. The batches of the two ends
 * need not match: pass the ticket of a batch (0: none) when its first message leaves. n and bytes as
 * weir_channel_send_n. */
WEIR_INLINE void weir_channel_receive_n(struct weir_channel *channel, weir_ticket ticket,
                                        uint64_t n, uint64_t bytes)
{
    uint32_t id;
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!channel)) {
        return;
    }
    id = weir_slot_id(&channel->head);
    cell = weir_cell_find(id);
    if (WEIR_UNLIKELY(!cell || (n | (n - 1) | bytes) >> 63)) {
        weir_channel_receive_n_slow(channel, ticket, n, bytes);
        return;
    }
    if (WEIR_UNLIKELY(!weir_cell_pass(&cell->u.channel.check, n))) {
        weir_channel_check_slow(channel, cell);
    }
    weir_cell_add(&cell->u.channel.received, n);
    weir_cell_add(&cell->u.channel.bytes_out, bytes);
    if (ticket) {
        weir_channel_wait(channel, id, cell, ticket);
    }
}

/*
 * Counts bytes: `in` were put into the buffer and `out` were taken out of it, in any pieces; either may be 0. The
 * depth of a channel whose unit is bytes is the bytes that are queued; it counts no messages. Call it BEFORE
 * the bytes are put in and AFTER they were taken out; one call with both counts `in` first. An `in` or `out` of 2^63
 * or more counts nothing, and weir_health counts the call (calls_refused).
 * The hooks of messages count on such a channel, too: their bytes, and with a ticket their waits. On a channel
 * of messages it counts only bytes: a queued message has become larger by `in`, or smaller by `out`.
 * Cost: as weir_channel_send or weir_channel_receive.
 */
WEIR_INLINE void weir_channel_bytes(struct weir_channel *channel, uint64_t in, uint64_t out)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!channel)) {
        return;
    }
    cell = weir_cell_find(weir_slot_id(&channel->head));
    if (WEIR_UNLIKELY(!cell || (in | out) >> 63)) {
        weir_channel_bytes_slow(channel, in, out);
        return;
    }
    weir_cell_add(&cell->u.channel.bytes_in, in);
    if (WEIR_UNLIKELY(!weir_cell_pass(&cell->u.channel.check, out))) {
        weir_channel_check_slow(channel, cell);
    }
    weir_cell_add(&cell->u.channel.bytes_out, out);
}

/*
 * Says how deep a queue is that a library owns, and that is not counted: `depth` in the channel's unit, and the bytes
 * of what is queued (0: unknown, or the unit is bytes). Call it where the program looks at the queue, for example
 * once in each round of its loop. The channel then shows the last depth and the highest of all calls, its growth and
 * its age, and no rates or totals: nobody has counted them.
 * A channel is either counted or observed. The first call decides; a call of the other kind does nothing, and
 * weir_health counts it (calls_mixed). weir_channel_reject counts on both. A depth or bytes of 2^63 or more does
 * nothing either (calls_refused).
 * Threads: any; the last call counts. Cost: two stores.
 */
WEIR_EXPORT void weir_channel_observe(struct weir_channel *channel, uint64_t depth, uint64_t bytes);

/* Counts a message that was refused and never entered. Cost: one shared atomic add. */
WEIR_EXPORT void weir_channel_reject(struct weir_channel *channel, enum weir_reject why);

/* Undoes a send whose push then failed: the message counts as refused, not as sent. */
WEIR_EXPORT void weir_channel_unsend(struct weir_channel *channel, size_t bytes,
                                     enum weir_reject why);

/* Undoes a part of weir_channel_send_n: `n` messages of `bytes` in all found no room. n and bytes as there. */
WEIR_EXPORT void weir_channel_unsend_n(struct weir_channel *channel, uint64_t n, uint64_t bytes,
                                       enum weir_reject why);

/* Counts `messages` that had been sent and are discarded unread, of `bytes` in all; if the channel's unit is bytes,
 * only these. Call it after they were removed. Cost: two shared atomic adds. */
WEIR_EXPORT void weir_channel_discard(struct weir_channel *channel, uint64_t messages, size_t bytes,
                                      enum weir_discard why);

/* ---- messages of senders ----------------------------------------------------------------- */

/* weir_channel_send for a message of a sender (NULL: without one). Owns: keep the returned 16 bytes in the
 * message, and pass them to the hook by which the message leaves. Cost: two atomic adds more. */
WEIR_INLINE struct weir_sent weir_channel_send_from(struct weir_channel *channel,
                                                    struct weir_sender *sender, size_t bytes)
{
    struct weir_sent sent = {weir_channel_send(channel, bytes), 0};
    if (WEIR_LIKELY(sender != WEIR_NULL)) {
        sent.sender = sender->self;
        weir_sender_sent(sender, bytes);
    }
    return sent;
}

/* weir_channel_receive for a message that weir_channel_send_from counted in. */
WEIR_INLINE void weir_channel_receive_from(struct weir_channel *channel, struct weir_sent sent,
                                           size_t bytes)
{
    weir_channel_receive(channel, sent.ticket, bytes);
    if (sent.sender) {
        weir_sender_left(sent.sender, bytes);
    }
}

/* weir_channel_unsend, and weir_channel_discard of one message, likewise. */
WEIR_EXPORT void weir_channel_unsend_from(struct weir_channel *channel, struct weir_sent sent,
                                          size_t bytes, enum weir_reject why);
WEIR_EXPORT void weir_channel_discard_from(struct weir_channel *channel, struct weir_sent sent,
                                           size_t bytes, enum weir_discard why);

/* ---- semaphores -------------------------------------------------------------------------- */

/* Why an acquire was refused. */
enum weir_semaphore_reject {
    WEIR_SEMAPHORE_EXHAUSTED = 0,
    WEIR_SEMAPHORE_TIMEOUT = 1,
    WEIR_SEMAPHORE_CLOSED = 2
};

struct weir_semaphore_options {
    size_t size;      /* sizeof(struct weir_semaphore_options) */
    const char *name; /* required, copied */
    uint64_t permits; /* all permits, taken or not; 0: they come by releases */
    enum weir_latency latency;
    enum weir_storage storage;
    const char *source_file;
    uint32_t source_line;
    const char *label; /* as a channel's */
};
#define WEIR_SEMAPHORE_INIT(semaphore_name, semaphore_permits)                                     \
    {                                                                                              \
        sizeof(struct weir_semaphore_options), (semaphore_name), (semaphore_permits),              \
            WEIR_LATENCY_DEFAULT, WEIR_STORAGE_DEFAULT, __FILE__, __LINE__, WEIR_NULL              \
    }

/* As weir_channel_open, weir_channel_close and weir_channel_resize. */
WEIR_EXPORT struct weir_semaphore *weir_semaphore_open(
    const struct weir_semaphore_options *options);
WEIR_EXPORT void weir_semaphore_close(struct weir_semaphore *semaphore);
WEIR_EXPORT void weir_semaphore_resize(struct weir_semaphore *semaphore, uint64_t permits);

/* The caller is about to wait for a permit: waiters + 1. Every wait is timed. Owns: pass the ticket
 * to weir_semaphore_waited, whether or not the permit was acquired. Cost: an atomic add and a clock. */
WEIR_EXPORT weir_ticket weir_semaphore_wait(struct weir_semaphore *semaphore);

/* The wait is over: waiters - 1, and its length goes into the histogram. Follow it by
 * weir_semaphore_acquire or weir_semaphore_reject. */
WEIR_EXPORT void weir_semaphore_waited(struct weir_semaphore *semaphore, weir_ticket waiting);

/* Counts `n` permits taken. Call it AFTER the acquire has succeeded; for one that has failed call
 * weir_semaphore_reject instead. */
WEIR_INLINE void weir_semaphore_acquire(struct weir_semaphore *semaphore, uint32_t n)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!semaphore)) {
        return;
    }
    cell = weir_cell_find(weir_slot_id(&semaphore->head));
    if (WEIR_UNLIKELY(!cell)) {
        weir_add_slow(&semaphore->head, WEIR_WORD_ACQUIRES, 1);
        weir_add_slow(&semaphore->head, WEIR_WORD_ACQUIRED, n);
        return;
    }
    weir_cell_add(&cell->u.semaphore.acquires, 1);
    weir_cell_add(&cell->u.semaphore.acquired, n);
}

/* Counts `n` permits released. Call it BEFORE the release, so that no reader sees more permits taken
 * than exist. */
WEIR_INLINE void weir_semaphore_release(struct weir_semaphore *semaphore, uint32_t n)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!semaphore)) {
        return;
    }
    cell = weir_cell_find(weir_slot_id(&semaphore->head));
    if (WEIR_UNLIKELY(!cell)) {
        weir_add_slow(&semaphore->head, WEIR_WORD_RELEASED, n);
        return;
    }
    weir_cell_add(&cell->u.semaphore.released, n);
}

/* Counts an acquire that was refused. Cost: one shared atomic add. */
WEIR_EXPORT void weir_semaphore_reject(struct weir_semaphore *semaphore,
                                       enum weir_semaphore_reject why);

/* ---- task kinds -------------------------------------------------------------------------- */

struct weir_task_options {
    size_t size;      /* sizeof(struct weir_task_options) */
    const char *name; /* required, copied: the kind's, never one task's */
    enum weir_latency latency;
    enum weir_storage storage;
    const char *source_file;
    uint32_t source_line;
};
#define WEIR_TASK_INIT(task_name)                                                                  \
    {                                                                                              \
        sizeof(struct weir_task_options), (task_name), WEIR_LATENCY_DEFAULT, WEIR_STORAGE_DEFAULT, \
            __FILE__, __LINE__                                                                     \
    }

/* As weir_channel_open and weir_channel_close. A kind is a place that spawns tasks; weir/task.h has its hooks. Closing
 * it ends the single tasks that it still has: they are counted up to then. */
WEIR_EXPORT struct weir_task_kind *weir_task_kind_open(const struct weir_task_options *options);
WEIR_EXPORT void weir_task_kind_close(struct weir_task_kind *kind);

/* ---- loops ------------------------------------------------------------------------------- */

#define WEIR_NO_PERIOD UINT64_MAX

struct weir_loop_options {
    size_t size;           /* sizeof(struct weir_loop_options) */
    const char *name;      /* required, copied */
    uint64_t period_nanos; /* the requested period of its timer; WEIR_NO_PERIOD: it has none */
    const char *source_file;
    uint32_t source_line;
};
#define WEIR_LOOP_INIT(loop_name)                                                                  \
    {                                                                                              \
        sizeof(struct weir_loop_options), (loop_name), WEIR_NO_PERIOD, __FILE__, __LINE__          \
    }

/* As weir_channel_open and weir_channel_close. An event loop has one handle. */
WEIR_EXPORT struct weir_loop *weir_loop_open(const struct weir_loop_options *options);
WEIR_EXPORT void weir_loop_close(struct weir_loop *loop);

/* weir_loop_begin: an iteration begins, because the loop has woken up (libuv: in a uv_check_t).
 * weir_loop_end: it is over, and the loop is about to wait (in a uv_prepare_t). The time between end and
 * begin is idle. A begin after a begin, or an end after an end, counts nothing. Threads: the loop's own.
 * Cost: a clock, some stores. */
WEIR_EXPORT void weir_loop_begin(struct weir_loop *loop);
WEIR_EXPORT void weir_loop_end(struct weir_loop *loop);

/* A timer of the loop has run `late_nanos` after the requested moment. Threads: the loop's own. */
WEIR_EXPORT void weir_loop_timer(struct weir_loop *loop, uint64_t late_nanos);

/* Changes the period that is shown. Threads: any. */
WEIR_EXPORT void weir_loop_set_period(struct weir_loop *loop, uint64_t period_nanos);

/* ---- counters and gauges ----------------------------------------------------------------- */

struct weir_value_options {
    size_t size;               /* sizeof(struct weir_value_options) */
    const char *name;          /* required, copied */
    enum weir_storage storage; /* gauges are always shared */
    const char *source_file;
    uint32_t source_line;
    /* Its unit, as users read it: "bytes", "sessions"; and one line that says what it means. Both are
     * copied, and cut and made safe as names are; NULL or "": none. A process keeps equal texts once, and
     * 512 different ones; handles with further ones go without. */
    const char *unit;
    const char *help;
    /* The value at which a gauge is full. It is then shown with its fill, and findings judge it as they judge
     * a queue. 0: it has none. A counter has none. */
    uint64_t capacity;
};
#define WEIR_VALUE_INIT(value_name)                                                                \
    {                                                                                              \
        sizeof(struct weir_value_options), (value_name), WEIR_STORAGE_DEFAULT, __FILE__, __LINE__, \
            WEIR_NULL, WEIR_NULL, 0                                                                \
    }

/* As weir_channel_open and weir_channel_close. */
WEIR_EXPORT struct weir_counter *weir_counter_open(const struct weir_value_options *options);
WEIR_EXPORT void weir_counter_close(struct weir_counter *counter);

/* Adds to a counter, which only grows. */
WEIR_INLINE void weir_counter_add(struct weir_counter *counter, uint64_t n)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!counter)) {
        return;
    }
    cell = weir_cell_find(weir_slot_id(&counter->head));
    if (WEIR_UNLIKELY(!cell)) {
        weir_add_slow(&counter->head, WEIR_WORD_ADDED, n);
        return;
    }
    weir_cell_add(&cell->u.counter.added, n);
}

/* As weir_channel_open and weir_channel_close. */
WEIR_EXPORT struct weir_gauge *weir_gauge_open(const struct weir_value_options *options);
WEIR_EXPORT void weir_gauge_close(struct weir_gauge *gauge);

/* Sets, or moves, a gauge. Cost: one shared atomic store, or add. */
WEIR_EXPORT void weir_gauge_set(struct weir_gauge *gauge, int64_t value);
WEIR_EXPORT void weir_gauge_add(struct weir_gauge *gauge, int64_t n);

#ifdef __cplusplus
}
#endif

#include "weir/task.h"

#include "weir/call.h"
#include "weir/object.h"
#include "weir/open.h"

#endif
