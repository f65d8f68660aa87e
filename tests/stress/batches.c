/* SPDX-License-Identifier: MIT */
/* ctest: timeout=400 folders=agent/src/hook */
/*
 * Rings that are filled and emptied in batches of 1 to 64, 10^8 messages in all, on three channels (thread
 * shards, a shared cell, every message timed) while two readers never pause. A ring that has no room for a
 * whole batch takes back the rest. At rest weir has counted what the rings themselves have.
 */
#include "child.h"
#include "readers.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define N_CHANNELS 3
#define PAIRS      2     /* rings of a channel */
#define ROOM       16384 /* an end that waits gives way seldom */
#define BATCH_MAX  64

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MESSAGES 6000000L
#else
#define MESSAGES 100000000L
#endif

/* One producer, one consumer. Each end keeps its own count. */
static struct ring {
    struct weir_channel *channel;
    uint64_t seed;
    _Alignas(64) uint64_t head;
    _Alignas(64) uint64_t tail;
    uint32_t bytes[ROOM];
    _Alignas(64) uint64_t sent, bytes_in, taken_back;
    _Alignas(64) uint64_t received, bytes_out;
} rings[N_CHANNELS][PAIRS];

static uint64_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *produce(void *context)
{
    struct ring *ring = context;
    uint64_t state = ring->seed;
    while (ring->sent < MESSAGES / (N_CHANNELS * PAIRS)) {
        uint64_t n = 1 + dice(&state) % BATCH_MAX;
        uint64_t head = ring->head;
        uint64_t room = ROOM - (head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE));
        uint64_t put = n < room ? n : room;
        uint64_t bytes = 0;
        for (uint64_t i = 0; i < put; i++) {
            uint32_t length = (uint32_t)dice(&state) % 1000;
            ring->bytes[(head + i) % ROOM] = length;
            bytes += length;
        }
        weir_channel_send_n(ring->channel, n, bytes + (n - put));
        if (put < n) {
            weir_channel_unsend_n(ring->channel, n - put, n - put, WEIR_REJECT_FULL);
            ring->taken_back += n - put;
            sched_yield();
        }
        __atomic_store_n(&ring->head, head + put, __ATOMIC_RELEASE);
        ring->sent += put;
        ring->bytes_in += bytes;
    }
    return NULL;
}

/* It leaves the last batch in the ring. */
static void *consume(void *context)
{
    struct ring *ring = context;
    uint64_t state = ring->seed + 1;
    while (ring->received + BATCH_MAX < MESSAGES / (N_CHANNELS * PAIRS)) {
        uint64_t tail = ring->tail;
        uint64_t there = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) - tail;
        uint64_t n = 1 + dice(&state) % BATCH_MAX;
        uint64_t bytes = 0;
        n = n < there ? n : there;
        for (uint64_t i = 0; i < n; i++) {
            bytes += ring->bytes[(tail + i) % ROOM];
        }
        if (n == 0) {
            sched_yield();
            continue;
        }
        __atomic_store_n(&ring->tail, tail + n, __ATOMIC_RELEASE);
        weir_channel_receive_n(ring->channel, 0, n, bytes);
        ring->received += n;
        ring->bytes_out += bytes;
    }
    return NULL;
}

static void check_channel(struct wi_process_view *view, int c)
{
    uint64_t sent = 0, received = 0, taken_back = 0, bytes = 0;
    size_t i = (size_t)c;
    for (int p = 0; p < PAIRS; p++) {
        const struct ring *ring = &rings[c][p];
        sent += ring->sent;
        received += ring->received;
        taken_back += ring->taken_back;
        bytes += ring->bytes_in - ring->bytes_out;
    }
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_SENT) == sent);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_RECEIVED) == received);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_REJECTS_FULL) == taken_back);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_DEPTH) == sent - received);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_QUEUED_BYTES) == bytes);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_HIGH_WATER) >= sent - received);
    printf("channel %d: sent %llu received %llu refused %llu\n", c, (unsigned long long)sent,
           (unsigned long long)received, (unsigned long long)taken_back);
}

static void open_channels(void)
{
    for (int c = 0; c < N_CHANNELS; c++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("ring", PAIRS * ROOM);
        options.storage = c == 1 ? WEIR_STORAGE_SHARED : WEIR_STORAGE_SHARD;
        options.latency = c == 2 ? WEIR_LATENCY_FULL : WEIR_LATENCY_SAMPLED;
        struct weir_channel *channel = weir_channel_open(&options);
        CHECK(channel != NULL);
        for (int p = 0; p < PAIRS; p++) {
            rings[c][p].channel = channel;
            rings[c][p].seed = (uint64_t)(c * PAIRS + p + 1) * 2654435761U;
        }
    }
}

static void pass_batches(const char *dir)
{
    (void)dir;
    struct weir_error error;
    struct readers readers;
    pthread_t threads[N_CHANNELS][PAIRS][2];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channels();
    readers_begin(&readers);
    for (int i = 0; i < N_CHANNELS * PAIRS; i++) {
        struct ring *ring = &rings[i / PAIRS][i % PAIRS];
        CHECK(pthread_create(&threads[i / PAIRS][i % PAIRS][0], NULL, produce, ring) == 0);
        CHECK(pthread_create(&threads[i / PAIRS][i % PAIRS][1], NULL, consume, ring) == 0);
    }
    for (int i = 0; i < N_CHANNELS * PAIRS * 2; i++) {
        pthread_join(threads[i / 2 / PAIRS][i / 2 % PAIRS][i % 2], NULL);
    }
    readers_end(&readers);
    for (int r = 0; r < 2; r++) {
        for (int c = 0; c < N_CHANNELS; c++) {
            check_channel(readers.view[r], c);
        }
        wi_process_view_close(readers.view[r]);
    }
}

int main(void)
{
    return child_run(pass_batches);
}
