/* SPDX-License-Identifier: MIT */
/*
 * Threads and their shards: claim, first touch, end. All of it off the hot path.
 *
 * A shard is one thread's cells, in chunks of 16. A thread claims one at its first touch of a
 * handle: a free one, else a new one, as long as there are some for threads. At its end the shard is
 * free with its counts in it, and the next thread continues them. So counts never move, and nothing
 * is summed when a thread ends.
 *
 * A hook in a signal handler may call this code, so nothing here waits or allocates from the heap.
 * The segment's lock is only tried. If it is taken, or there is no room, the result is NULL, and
 * the hook counts in the cell of its processor (cpu.h), else in the slot's shared words. Both are
 * exact and slower. A thread without a shard takes the first one that another thread gives back.
 * After a refusal of cells no thread asks again for one second, because asking costs system calls;
 * each thread without room is counted once.
 *
 * weir_self gets a longer index of chunks before its length. The thread alone reads its weir_self.
 */
#include "hook/thread.h"

#include "hook/shard.h"
#include "segment/cell.h"
#include "weir/atomic.h"

#define THREAD_PAUSE 64

/* Set by the key's destructor: this thread must not claim again. */
static WEIR_THREAD bool thread_has_ended WEIR_TLS_MODEL;

/* Hooks to pass before this thread asks for room again: even the clock that says whether to ask costs. */
static WEIR_THREAD uint32_t thread_pause WEIR_TLS_MODEL;

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
    bool is_without = wi_thread_is_without;
    wi_thread_forget();
    if (shard && wi_segment_counts()) {
        wi_shard_give_back(shard - 1);
    }
    if (is_without && wi_segment_counts()) {
        wi_add_relaxed(&wi_segment_header()->threads_without, (uint32_t)-1);
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

static void thread_watch_end(void)
{
    if (thread_has_key) {
        pthread_setspecific(thread_key, wi_segment.base);
    }
}

/* The threads that are without cells now. A thread whose end nobody tells is not among them. */
static void thread_is_without(bool is_without)
{
    if (thread_has_key && wi_thread_is_without != is_without &&
        wi_exchange_relaxed(&wi_thread_is_without, is_without) != is_without) {
        wi_add_relaxed(&wi_segment_header()->threads_without, is_without ? 1 : (uint32_t)-1);
    }
}

bool wi_thread_reach(uint32_t chunk)
{
    uint32_t number = weir_self.shard;
    if (!number) {
        number = wi_shard_claim();
        if (!number) {
            return false;
        }
        thread_watch_end();
        thread_enter(number);
    }
    bool has_room = wi_shard_chunk(number - 1, chunk);
    thread_enter(number);
    if (has_room) {
        thread_is_without(false);
    }
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

bool wi_thread_may_ask(void)
{
    if (thread_pause) {
        thread_pause--;
        return false;
    }
    thread_pause = wi_thread_is_refused() ? THREAD_PAUSE : 0;
    return thread_pause == 0;
}

/* A thread counts once, however often it asks, and also if it comes within that second. */
void wi_thread_count_refused(void)
{
    if (!wi_thread_is_counted) {
        wi_thread_is_counted = true;
        wi_add_relaxed(&wi_segment_header()->cells_refused, 1);
        thread_watch_end();
    }
    thread_is_without(true);
}

struct weir_cell *wi_thread_touch(const struct weir_slot_head *head)
{
    if ((weir_slot_id(head) & WEIR_ID_SHARED) || thread_has_ended || !wi_segment_counts()) {
        return NULL;
    }
    bool may_ask = weir_self.shard ? wi_thread_may_ask() : wi_shard_is_left();
    if (!may_ask) {
        wi_thread_count_refused();
        return NULL;
    }
    uint32_t id = wi_index_id(head);
    if (id == UINT32_MAX || !wi_segment_trylock()) {
        return NULL;
    }
    bool has_room = wi_thread_reach(id >> WEIR_CHUNK_SHIFT);
    if (!has_room) {
        if (weir_self.shard) {
            wi_thread_refuse();
        }
        wi_thread_count_refused();
    }
    wi_segment_unlock();
    return has_room ? weir_cell_find(id) : NULL;
}

bool wi_thread_has_ended(void)
{
    return thread_has_ended;
}
