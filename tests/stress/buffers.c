/* SPDX-License-Identifier: MIT */
/* ctest: timeout=400 folders=agent/src/hook,agent/src/snapshot */
/*
 * A buffer of bytes without message borders: one thread puts in and one takes out, 10^8 bytes in odd pieces of
 * 1 to 4,999, and a library's queue beside it, which its loop only looks at. Two readers never pause. The buffer has
 * counts of its own; at rest weir has the same, and its high-water mark is not above what the buffer holds.
 */
#include "child.h"
#include "readers.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define ROOM (UINT64_C(1) << 20)
#define MOST 4999 /* bytes of one piece */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define BYTES UINT64_C(6000000)
#else
#define BYTES UINT64_C(100000000)
#endif

static struct {
    struct weir_channel *channel;
    unsigned char bytes[ROOM];
    _Alignas(64) uint64_t head; /* bytes that were ever put in */
    _Alignas(64) uint64_t tail; /* bytes that were ever taken out */
    _Alignas(64) uint64_t sum_in;
    _Alignas(64) uint64_t sum_out, discarded;
} buffer;

/* A queue whose code has no place for a hook. */
static struct {
    struct weir_channel *channel;
    uint64_t depth, deepest, looks;
} library;

static uint64_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *put_in(void *unused)
{
    uint64_t state = 2654435761U;
    while (buffer.head < BYTES) {
        uint64_t room = ROOM - (buffer.head - __atomic_load_n(&buffer.tail, __ATOMIC_ACQUIRE));
        uint64_t n = 1 + dice(&state) % MOST;
        n = n < room ? n : room;
        n = n < BYTES - buffer.head ? n : BYTES - buffer.head;
        for (uint64_t i = 0; i < n; i++) {
            unsigned char byte = (unsigned char)(state >> (i % 57));
            buffer.bytes[(buffer.head + i) % ROOM] = byte;
            buffer.sum_in += byte;
        }
        if (n == 0) {
            sched_yield();
            continue;
        }
        weir_channel_bytes(buffer.channel, n, 0);
        __atomic_store_n(&buffer.head, buffer.head + n, __ATOMIC_RELEASE);
    }
    return unused;
}

/* The loop: it takes bytes, and looks at the library's queue in each round. */
static void *take_out(void *unused)
{
    uint64_t state = 40503;
    while (buffer.tail < BYTES) {
        uint64_t there = __atomic_load_n(&buffer.head, __ATOMIC_ACQUIRE) - buffer.tail;
        uint64_t n = 1 + dice(&state) % MOST;
        n = n < there ? n : there;
        for (uint64_t i = 0; i < n; i++) {
            buffer.sum_out += buffer.bytes[(buffer.tail + i) % ROOM];
        }
        library.depth = state >> 40 & 1023;
        library.deepest = library.depth > library.deepest ? library.depth : library.deepest;
        library.looks++;
        weir_channel_observe(library.channel, library.depth, 100 * library.depth);
        if (n == 0) {
            sched_yield();
            continue;
        }
        __atomic_store_n(&buffer.tail, buffer.tail + n, __ATOMIC_RELEASE);
        if (state % 10 == 0) {
            weir_channel_discard(buffer.channel, 1, n, WEIR_DISCARD_EXPIRED);
            buffer.discarded += n;
        } else {
            weir_channel_bytes(buffer.channel, 0, n);
        }
    }
    return unused;
}

static void check_rest(struct wi_process_view *view, uint64_t left)
{
    CHECK(read_value(view, WI_CHANNEL, 0, WI_CHANNEL_SENT) == BYTES + left);
    CHECK(read_value(view, WI_CHANNEL, 0, WI_CHANNEL_RECEIVED) == BYTES - buffer.discarded);
    CHECK(read_value(view, WI_CHANNEL, 0, WI_CHANNEL_DISCARDED_EXPIRED) == buffer.discarded);
    CHECK(read_value(view, WI_CHANNEL, 0, WI_CHANNEL_DEPTH) == left);
    CHECK(read_value(view, WI_CHANNEL, 0, WI_CHANNEL_QUEUED_BYTES) == left);
    uint64_t high = (uint64_t)read_value(view, WI_CHANNEL, 0, WI_CHANNEL_HIGH_WATER);
    CHECK(high >= left);
    CHECK(read_value(view, WI_CHANNEL, 1, WI_CHANNEL_DEPTH) == library.depth);
    CHECK(read_value(view, WI_CHANNEL, 1, WI_CHANNEL_QUEUED_BYTES) == 100 * library.depth);
    CHECK(read_value(view, WI_CHANNEL, 1, WI_CHANNEL_HIGH_WATER) == library.deepest);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 1);
    CHECK(row->value[WI_CHANNEL_SENT].type == WI_ABSENT);
    CHECK(row->value[WI_CHANNEL_OUT_RATE].type == WI_ABSENT);
}

/* A reader that comes now has only the mark that the hooks made, of depths that there were. What was taken out is
 * counted after its room is free. */
static void check_mark(void)
{
    struct weir_error error;
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    uint64_t high = read_value(view, WI_CHANNEL, 0, WI_CHANNEL_HIGH_WATER);
    CHECK(high > 0 && high <= ROOM + MOST);
    wi_process_view_close(view);
}

static void fill_and_drain(const char *dir)
{
    (void)dir;
    struct weir_error error;
    struct readers readers;
    pthread_t threads[2];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("buffer", ROOM);
    options.unit = WEIR_UNIT_BYTES;
    buffer.channel = weir_channel_open(&options);
    struct weir_channel_options other = WEIR_CHANNEL_INIT("library", 1024);
    library.channel = weir_channel_open(&other);
    readers_begin(&readers);
    CHECK(pthread_create(&threads[0], NULL, put_in, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, take_out, NULL) == 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK(buffer.sum_in == buffer.sum_out && buffer.discarded > 0 && library.looks > 100);
    weir_channel_bytes(buffer.channel, 777, 0); /* the rest has a depth, too */
    readers_end(&readers);
    for (int r = 0; r < 2; r++) {
        check_rest(readers.view[r], 777);
        wi_process_view_close(readers.view[r]);
    }
    check_mark();
    printf("%llu bytes in, %llu discarded, %llu looks\n", (unsigned long long)buffer.head,
           (unsigned long long)buffer.discarded, (unsigned long long)library.looks);
}

int main(void)
{
    return child_run(fill_and_drain);
}
