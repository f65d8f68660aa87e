/* SPDX-License-Identifier: MIT */
/* Threads and their shards: claim, first touch, end. All of it off the hot path. */
#include "hook/thread.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

WEIR_THREAD struct weir_thread weir_self WEIR_TLS_MODEL;

/* Set by the key's destructor: this thread must not claim again. */
static WEIR_THREAD bool thread_has_ended WEIR_TLS_MODEL;

/* This thread has been counted among those without room. */
static WEIR_THREAD bool thread_is_counted WEIR_TLS_MODEL;

static pthread_key_t thread_key;
static bool thread_has_key;

static void thread_end(void *unused)
{
    (void)unused;
    /* A signal handler may run a hook between any two of these: no new claim, then no cell. */
    thread_has_ended = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t shard = weir_self.shard;
    wi_thread_forget();
    if (shard && wi_segment_counts()) {
        __atomic_store_n(&wi_segment_shards()[shard - 1].state, WI_SHARD_FREE, __ATOMIC_RELEASE);
    }
}

/* When loaded, so that the key is one of a thread's first: setting a later one allocates memory, which
 * a hook in a signal handler must not. */
__attribute__((constructor)) static void thread_load(void)
{
    thread_has_key = pthread_key_create(&thread_key, thread_end) == 0;
}

/* Threads that end after a plugin was unloaded find no code here. */
__attribute__((destructor)) static void thread_unload(void)
{
    if (thread_has_key) {
        pthread_key_delete(thread_key);
    }
}

void wi_thread_forget(void)
{
    weir_self.n_chunks = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    weir_self.shard = 0;
    thread_is_counted = false;
}

void wi_cell_reset(struct weir_cell *cell)
{
    for (size_t w = 0; w < sizeof(cell->u.word) / sizeof(cell->u.word[0]); w++) {
        __atomic_store_n(&cell->u.word[w], 0, __ATOMIC_RELAXED);
    }
    cell->left = 0;
    cell->gap = 0;
    cell->level = 0;
    cell->last = 0;
}

/* Takes a free shard, or a new one; 0 when all are taken. The segment's lock is held. */
static uint32_t thread_claim(void)
{
    struct wi_header *header = wi_segment_header();
    struct wi_shard *shards = wi_segment_shards();
    uint32_t n = header->n_shards;
    uint32_t found = n;
    for (uint32_t s = 0; s < n; s++) {
        if (__atomic_load_n(&shards[s].state, __ATOMIC_ACQUIRE) == WI_SHARD_FREE) {
            found = s;
            break;
        }
    }
    if (found >= WI_MAX_SHARDS) {
        return 0;
    }
    __atomic_store_n(&shards[found].tid, (uint32_t)syscall(SYS_gettid), __ATOMIC_RELAXED);
    shards[found].claims++;
    __atomic_store_n(&shards[found].state, WI_SHARD_USED, __ATOMIC_RELEASE);
    if (found == n) {
        __atomic_store_n(&header->n_shards, n + 1, __ATOMIC_RELEASE);
    }
    return found + 1;
}

/* Makes the index reach chunk `chunk`: a longer copy is published, the old one stays for readers
 * that are in it. */
static bool thread_index_grow(struct wi_shard *shard, uint32_t chunk)
{
    if (chunk < shard->n_chunks) {
        return true;
    }
    /* At least twice as long, and for all handles there are, so that it seldom grows. */
    uint32_t least = WEIR_LINE / sizeof(uint32_t);
    uint32_t handles = wi_segment_header()->n_slots / WEIR_CHUNK_CELLS + 1;
    uint32_t wanted = 2 * shard->n_chunks > handles ? 2 * shard->n_chunks : handles;
    wanted = wanted > chunk ? wanted : chunk + 1;
    wanted = (wanted + least - 1) / least * least;
    uint32_t line =
        wi_segment_take(((size_t)wanted * sizeof(uint32_t) + WEIR_LINE - 1) / WEIR_LINE);
    if (!line) {
        return false;
    }
    if (shard->n_chunks) {
        memcpy(wi_segment_line(line), wi_segment_line(shard->index),
               shard->n_chunks * sizeof(uint32_t));
    }
    __atomic_store_n(&shard->index, line, __ATOMIC_RELEASE);
    __atomic_store_n(&shard->n_chunks, wanted, __ATOMIC_RELEASE);
    return true;
}

/* The chunk of a shard, made if need be. The segment's lock is held. */
static bool thread_chunk(struct wi_shard *shard, uint32_t chunk)
{
    if (!thread_index_grow(shard, chunk)) {
        return false;
    }
    uint32_t *index = wi_segment_line(shard->index);
    if (!index[chunk]) {
        uint32_t line = wi_segment_take(WEIR_CHUNK_CELLS);
        if (!line) {
            return false;
        }
        __atomic_store_n(&index[chunk], line, __ATOMIC_RELEASE);
    }
    return true;
}

/* Lets the calling thread's hooks find the shard. n_chunks last: a signal handler may look. */
static void thread_enter(uint32_t number)
{
    const struct wi_shard *shard = &wi_segment_shards()[number - 1];
    weir_self.base = wi_segment.base;
    weir_self.shard = number;
    weir_self.index = shard->n_chunks ? wi_segment_line(shard->index) : NULL;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    weir_self.n_chunks = shard->n_chunks;
}

/* The lock is held. */
static bool thread_touch(uint32_t chunk)
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
    bool has_room = thread_chunk(&wi_segment_shards()[number - 1], chunk);
    thread_enter(number);
    return has_room;
}

/* After a refusal nobody asks again for a second: asking costs system calls. */
bool wi_thread_is_refused(void)
{
    uint64_t refused = __atomic_load_n(&wi_segment.refused_at, __ATOMIC_RELAXED);
    return refused && weir_ticks_to_nanos(weir_ticks() - refused) < 1000000000;
}

void wi_thread_refuse(void)
{
    __atomic_store_n(&wi_segment.refused_at, weir_ticks() | 1, __ATOMIC_RELAXED);
}

/* A thread counts once, however often it asks; also one that comes while nobody asks. */
static void thread_count_refused(void)
{
    if (!thread_is_counted) {
        thread_is_counted = true;
        __atomic_fetch_add(&wi_segment_header()->cells_refused, 1, __ATOMIC_RELAXED);
    }
}

struct weir_cell *wi_thread_touch(const struct weir_slot_head *head)
{
    if ((head->id & WEIR_ID_SHARED) || thread_has_ended || !wi_segment_counts()) {
        return NULL;
    }
    if (wi_thread_is_refused()) {
        thread_count_refused();
        return NULL;
    }
    if (!wi_segment_trylock()) {
        return NULL;
    }
    bool has_room = thread_touch(head->id >> WEIR_CHUNK_SHIFT);
    if (!has_room) {
        wi_thread_refuse();
        thread_count_refused();
    }
    wi_segment_unlock();
    return has_room ? weir_cell_find(head->id) : NULL;
}

struct weir_cell *wi_thread_cell(const struct wi_shard *shard, uint32_t id)
{
    uint32_t chunk = id >> WEIR_CHUNK_SHIFT;
    if (chunk >= __atomic_load_n(&shard->n_chunks, __ATOMIC_ACQUIRE)) {
        return NULL;
    }
    const uint32_t *index = wi_segment_line(__atomic_load_n(&shard->index, __ATOMIC_ACQUIRE));
    uint32_t line = __atomic_load_n(&index[chunk], __ATOMIC_ACQUIRE);
    return line ? (struct weir_cell *)wi_segment_line(line) + (id & (WEIR_CHUNK_CELLS - 1)) : NULL;
}

/* Histograms are 14 lines each, so they may take the segment to its half only: beyond that they are
 * made when there is something to put into them. The lock is held. */
static void thread_prepare(uint32_t n_slots)
{
    const struct wi_header *header = wi_segment_header();
    const struct wi_shard *shard =
        weir_self.shard ? &wi_segment_shards()[weir_self.shard - 1] : NULL;
    for (uint32_t id = 0; id < n_slots && header->used_bytes < header->limit_bytes / 2; id++) {
        struct weir_slot_head *head = &wi_segment_slot(id)->head;
        if (head->state == WI_SLOT_READY) {
            bool has_cell = shard && !(head->id & WEIR_ID_SHARED);
            wi_sampler_prepare(head, has_cell ? wi_thread_cell(shard, id) : NULL);
        }
    }
}

void weir_thread_start(void)
{
    if (thread_has_ended || !wi_segment_counts() || !wi_segment_lock()) {
        return;
    }
    uint32_t n_slots = wi_segment_header()->n_slots;
    for (uint32_t id = 0; id < n_slots; id += WEIR_CHUNK_CELLS) {
        if (!thread_touch(id >> WEIR_CHUNK_SHIFT)) {
            thread_count_refused();
            break;
        }
    }
    thread_prepare(n_slots);
    wi_segment_unlock();
}
