/* SPDX-License-Identifier: MIT */
/*
 * Threads and their shards: claim, first touch, end. All of it off the hot path.
 *
 * A shard is one thread's cells, in chunks of 16. A thread claims one at its first touch of a
 * handle: a free one, else a new one, at most 1,024. At its end the shard is free with its counts
 * in it, and the next thread continues them. So counts never move, and nothing is summed when a
 * thread ends.
 *
 * A hook in a signal handler may call this code, so nothing here waits or allocates from the heap.
 * The segment's lock is only tried. If it is taken, or there is no room, the result is NULL, and
 * the hook counts in the slot's shared words, which is exact but slower. After a refusal no thread
 * asks again for one second, because asking costs system calls; each thread without room is counted
 * once.
 *
 * When a shard's index of chunks grows, a longer copy is published and the old one stays, for
 * readers and signal handlers that still use it. weir_self gets the longer index before its length.
 * The lock's holder writes; the thread alone reads its weir_self.
 */
#include "hook/thread.h"

#include "segment/cell.h"
#include "weir/atomic.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Set by the key's destructor: this thread must not claim again. */
static WEIR_THREAD bool thread_has_ended WEIR_TLS_MODEL;

static pthread_key_t thread_key;
static bool thread_has_key;

static void thread_end(void *unused)
{
    (void)unused;
    /* A signal handler may run a hook between any two of these: no new claim, then no cell. */
    thread_has_ended = true;
    /* Pairs with wi_thread_touch in a signal handler. */
    wi_fence_signal();
    uint32_t shard = weir_self.shard;
    wi_thread_forget();
    if (shard && wi_segment_counts()) {
        /* The second pairs with thread_claim: the next owner of the cells sees the last counts. */
        wi_store_release(&wi_segment_shard(shard - 1)->state, WI_SHARD_FREE);
        wi_store_release(&wi_index.shards[shard - 1].state, WI_SHARD_FREE);
    }
}

/* Made when the library is loaded, so that the key is one of a thread's first: setting a later key
 * allocates memory, which a hook in a signal handler must not do. */
__attribute__((constructor)) static void thread_load(void)
{
    thread_has_key = pthread_key_create(&thread_key, thread_end) == 0;
}

/* Threads that end after a plugin was unloaded would call code that is gone. */
__attribute__((destructor)) static void thread_unload(void)
{
    if (thread_has_key) {
        pthread_key_delete(thread_key);
    }
}

/* Takes a free shard, or a new one; 0 when all are taken. The segment's lock is held. */
static uint32_t thread_claim(void)
{
    uint32_t n = wi_index.n_shards;
    uint32_t found = n;
    for (uint32_t s = 0; s < n; s++) {
        /* Pairs with thread_end. */
        if (wi_load_acquire(&wi_index.shards[s].state) == WI_SHARD_FREE) {
            found = s;
            break;
        }
    }
    if (found >= WI_MAX_SHARDS) {
        return 0;
    }
    struct wi_shard *shown = wi_segment_shard(found);
    wi_store_relaxed(&shown->tid, (uint32_t)syscall(SYS_gettid));
    shown->claims++;
    /* These pair with weir_health_read, which needs the state alone. */
    wi_store_release(&shown->state, WI_SHARD_USED);
    wi_store_release(&wi_index.shards[found].state, WI_SHARD_USED);
    if (found == n) {
        /* Pairs with weir_channel_check_slow and weir_health_read, and with collect_chunk of readers. */
        wi_store_release(&wi_index.n_shards, n + 1);
        wi_store_release(&wi_segment_header()->n_shards, n + 1);
    }
    return found + 1;
}

/* Makes the shard reach chunk `chunk`. Longer copies are published, here and in the file, and the
 * old ones stay for threads that still use them. */
static bool thread_reach(uint32_t number, uint32_t chunk)
{
    struct wi_shard_entry *shard = &wi_index.shards[number];
    if (chunk < shard->n_chunks) {
        return true;
    }
    /* At least twice as long, and for all handles there are, so that it seldom grows. */
    uint32_t least = WEIR_LINE / sizeof(uint32_t);
    uint32_t handles = wi_index.n_slots / WEIR_CHUNK_CELLS + 1;
    uint32_t wanted = 2 * shard->n_chunks > handles ? 2 * shard->n_chunks : handles;
    wanted = wanted > chunk ? wanted : chunk + 1;
    wanted = (wanted + least - 1) / least * least;
    struct weir_chunk *chunks = wi_index_take(wanted * sizeof(*chunks));
    uint32_t line = chunks ? wi_segment_take(wanted * sizeof(uint32_t) / WEIR_LINE) : 0;
    if (!line) {
        return false;
    }
    uint32_t *lines = wi_segment_line(line);
    for (uint32_t c = 0; c < shard->n_chunks; c++) {
        chunks[c] = shard->chunks[c];
        wi_store_relaxed(&lines[c], wi_segment_line_of(chunks[c].cells));
    }
    struct wi_shard *shown = wi_segment_shard(number);
    shard->line = line;
    /* These pair with wi_index_cell, and in readers with collect_cells: the longer copy before its length. */
    wi_store_release(&shard->chunks, chunks);
    wi_store_release(&shard->n_chunks, wanted);
    wi_store_release(&shown->index, line);
    wi_store_release(&shown->n_chunks, wanted);
    return true;
}

/* The chunk of a shard, made if need be. The segment's lock is held. */
static bool thread_chunk(uint32_t number, uint32_t chunk)
{
    if (!thread_reach(number, chunk)) {
        return false;
    }
    const struct wi_shard_entry *shard = &wi_index.shards[number];
    if (!shard->chunks[chunk].cells) {
        uint32_t line = wi_segment_take(WEIR_CHUNK_CELLS);
        if (!line) {
            return false;
        }
        uint32_t *lines = wi_segment_line(shard->line);
        /* Pairs with wi_index_cell, and in readers with collect_cells. */
        wi_store_release(&shard->chunks[chunk].cells, wi_segment_line(line));
        wi_store_release(&lines[chunk], line);
    }
    return true;
}

struct weir_histogram **wi_thread_histograms(uint32_t chunk)
{
    struct weir_chunk *at = &wi_index.shards[weir_self.shard - 1].chunks[chunk];
    if (!at->histograms) {
        struct weir_histogram **made = wi_index_take(WEIR_CHUNK_CELLS * sizeof(*made));
        /* Pairs with wi_index_own_histogram. */
        wi_store_release(&at->histograms, made);
    }
    return at->histograms;
}

/* Lets the calling thread's hooks find the shard. n_chunks last: a signal handler may look. */
static void thread_enter(uint32_t number)
{
    const struct wi_shard_entry *shard = &wi_index.shards[number - 1];
    weir_self.shard = number;
    weir_self.chunks = shard->chunks;
    /* Pairs with weir_cell_find in a signal handler. */
    wi_fence_signal();
    weir_self.n_chunks = shard->n_chunks;
}

bool wi_thread_reach(uint32_t chunk)
{
    uint32_t number = weir_self.shard;
    if (!number) {
        number = thread_claim();
        if (!number) {
            return false;
        }
        if (thread_has_key) {
            pthread_setspecific(thread_key, wi_segment.base);
        }
        thread_enter(number);
    }
    bool has_room = thread_chunk(number - 1, chunk);
    thread_enter(number);
    return has_room;
}

/* After a refusal no thread asks again for one second: asking costs system calls. */
bool wi_thread_is_refused(void)
{
    uint64_t refused = wi_load_relaxed(&wi_segment.refused_at);
    return refused && weir_ticks_to_nanos(weir_ticks() - refused) < 1000000000;
}

void wi_thread_refuse(void)
{
    wi_store_relaxed(&wi_segment.refused_at, weir_ticks() | 1);
}

/* A thread counts once, however often it asks, and also if it comes within that second. */
void wi_thread_count_refused(void)
{
    if (!wi_thread_is_counted) {
        wi_thread_is_counted = true;
        wi_add_relaxed(&wi_segment_header()->cells_refused, 1);
    }
}

struct weir_cell *wi_thread_touch(const struct weir_slot_head *head)
{
    if ((weir_slot_id(head) & WEIR_ID_SHARED) || thread_has_ended || !wi_segment_counts()) {
        return NULL;
    }
    if (wi_thread_is_refused()) {
        wi_thread_count_refused();
        return NULL;
    }
    uint32_t id = wi_index_id(head);
    if (id == UINT32_MAX || !wi_segment_trylock()) {
        return NULL;
    }
    bool has_room = wi_thread_reach(id >> WEIR_CHUNK_SHIFT);
    if (!has_room) {
        wi_thread_refuse();
        wi_thread_count_refused();
    }
    wi_segment_unlock();
    return has_room ? weir_cell_find(id) : NULL;
}

bool wi_thread_has_ended(void)
{
    return thread_has_ended;
}
