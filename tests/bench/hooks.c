/* SPDX-License-Identifier: MIT */
/*
 * What the hooks themselves cost: a send and a receive with nothing between them, in a loop whose
 * own cost is taken off, beside two atomic adds and two readings of the time stamp counter. Linked
 * with the shared library, as an application is.
 */
#include "bench.h"
#include "weir/weir.h"

#include <pthread.h>
#include <stdio.h>

#define ITERATIONS 2000000
#define ROUNDS     31

static struct weir_channel *channels[3]; /* latency off, sampled, full */
static struct weir_channel *buffer, *observed;
static struct weir_semaphore *semaphore;
static struct weir_counter *counter;
static struct {
    _Alignas(128) uint64_t word;
} apart[2];

static struct weir_channel *open_channel(const char *name, enum weir_latency latency)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    options.latency = latency;
    return weir_channel_open(&options);
}

static void run_loop(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        struct weir_channel *channel = channels[0];
        BENCH_HIDE(channel);
    }
}

static inline void run_pairs(struct weir_channel *channel, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        BENCH_HIDE(channel);
        weir_ticket ticket = weir_channel_send(channel, 208);
        weir_channel_receive(channel, ticket, 208);
    }
}

static void run_counts(uint64_t n)
{
    run_pairs(channels[0], n);
}

static void run_sampled(uint64_t n)
{
    run_pairs(channels[1], n);
}

static void run_full(uint64_t n)
{
    run_pairs(channels[2], n);
}

/* A batch of eight at each end: one call each. */
static void run_batches(uint64_t n)
{
    struct weir_channel *channel = channels[1];
    for (uint64_t i = 0; i < n; i++) {
        BENCH_HIDE(channel);
        weir_ticket ticket = weir_channel_send_n(channel, 8, UINT64_C(8) * 208);
        weir_channel_receive_n(channel, ticket, 8, UINT64_C(8) * 208);
    }
}

/* Bytes in and bytes out of a buffer, by a call each. */
static void run_bytes(uint64_t n)
{
    struct weir_channel *channel = buffer;
    for (uint64_t i = 0; i < n; i++) {
        BENCH_HIDE(channel);
        weir_channel_bytes(channel, 208, 0);
        weir_channel_bytes(channel, 0, 208);
    }
}

static void run_observe(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_channel_observe(observed, i & 63, 208);
    }
}

/* The words that an observation stores. */
static void run_two_stores(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        __atomic_store_n(&apart[0].word, i & 63, __ATOMIC_RELAXED);
        __atomic_store_n(&apart[1].word, 208, __ATOMIC_RELAXED);
    }
}

static void run_null(uint64_t n)
{
    run_pairs(NULL, n);
}

static void run_call(uint64_t n)
{
    struct weir_channel *channel = channels[1];
    for (uint64_t i = 0; i < n; i++) {
        weir_ticket ticket = weir_call_channel_send(channel, 208);
        weir_call_channel_receive(channel, ticket, 208);
    }
}

static void run_fetch_add(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        __atomic_fetch_add(&apart[0].word, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&apart[1].word, 1, __ATOMIC_RELAXED);
    }
}

static void run_ticks(uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        sum += weir_ticks();
        BENCH_HIDE(sum);
        sum ^= weir_ticks();
        BENCH_HIDE(sum);
    }
}

static void run_semaphore(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        BENCH_HIDE(semaphore);
        weir_semaphore_acquire(semaphore, 1);
        weir_semaphore_release(semaphore, 1);
    }
}

static void run_counter(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        BENCH_HIDE(counter);
        weir_counter_add(counter, 1);
    }
}

static void run_reject(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_channel_reject(channels[0], WEIR_REJECT_FULL);
    }
}

static struct weir_sender *sender;

static void run_sender(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        struct weir_channel *channel = channels[1];
        BENCH_HIDE(channel);
        struct weir_sent sent = weir_channel_send_from(channel, sender, 208);
        weir_channel_receive_from(channel, sent, 208);
    }
}

static void run_sender_open_close(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_sender_close(weir_sender_open(channels[1], "player-12345"));
    }
}

static struct weir_channel *site;

static struct object {
    uint64_t kind, depth, room;
} object;

static void run_object_open_close(uint64_t n)
{
    static const struct weir_layout layout =
        WEIR_LAYOUT_OF(struct object, WEIR_FIELD(struct object, kind, WEIR_FIELD_SAME, 0),
                       WEIR_FIELD(struct object, depth, WEIR_FIELD_DEPTH, 0),
                       WEIR_FIELD(struct object, room, WEIR_FIELD_CAPACITY, 0));
    for (uint64_t i = 0; i < n; i++) {
        weir_object_close(weir_object_open(site, &object, &layout, "client-12345"));
    }
}

static void run_channel_open_close(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_channel_close(open_channel("room/12345/inbox", WEIR_LATENCY_OFF));
    }
}

static struct weir_task single;

static void run_single(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_task_poll(&single);
        weir_task_polled(&single);
    }
}

static void run_single_woken(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_task_wake(&single);
        weir_task_poll(&single);
        weir_task_polled(&single);
    }
}

static struct weir_loop *loop;

static void run_iteration(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        weir_loop_begin(loop);
        weir_loop_end(loop);
    }
}

static uint64_t pairs_of_two;

static void *two_thread(void *channel)
{
    run_pairs((struct weir_channel *)channel, pairs_of_two);
    return NULL;
}

/* Two threads on one channel, each n pairs: what a pair costs is processor time by pairs, which a
 * neighbour on the machine does not stretch. */
static void run_two(struct weir_channel *channel, uint64_t n)
{
    pthread_t thread;
    pairs_of_two = n;
    if (pthread_create(&thread, NULL, two_thread, channel) != 0) {
        return;
    }
    run_pairs(channel, n);
    pthread_join(thread, NULL);
}

static void run_two_counts(uint64_t n)
{
    run_two(channels[0], n);
}

static void run_two_sampled(uint64_t n)
{
    run_two(channels[1], n);
}

int main(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "bench";
    if (weir_start(&options, &error) != WEIR_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    channels[0] = open_channel("off", WEIR_LATENCY_OFF);
    channels[1] = open_channel("sampled", WEIR_LATENCY_SAMPLED);
    channels[2] = open_channel("full", WEIR_LATENCY_FULL);
    site = open_channel("objects", WEIR_LATENCY_OFF);
    struct weir_channel_options in_bytes = WEIR_CHANNEL_INIT("buffer", WEIR_UNBOUNDED);
    in_bytes.unit = WEIR_UNIT_BYTES;
    buffer = weir_channel_open(&in_bytes);
    observed = open_channel("observed", WEIR_LATENCY_OFF);
    struct weir_semaphore_options semaphore_options = WEIR_SEMAPHORE_INIT("permits", 64);
    semaphore = weir_semaphore_open(&semaphore_options);
    struct weir_value_options counter_options = WEIR_VALUE_INIT("counter");
    counter = weir_counter_open(&counter_options);

    sender = weir_sender_open(channels[1], "bench");
    weir_task_open(&single,
                   weir_task_kind_open(&(struct weir_task_options)WEIR_TASK_INIT("connection")),
                   "bench");
    loop = weir_loop_open(&(struct weir_loop_options)WEIR_LOOP_INIT("bench"));

    static const struct bench_case cases[] = {
        {"loop", run_loop, NULL, 0, 0, 0},
        {"pair_of_fetch_add", run_fetch_add, NULL, 0, 1, 0},
        {"two_timestamps", run_ticks, NULL, 0, 1, 0},
        {"pair_not_started", run_null, NULL, 0, 1, 0},
        {"pair_counts_bytes_high_water", run_counts, "pair_of_fetch_add", 0, 1, 0},
        {"pair_sampled_latency", run_sampled, "pair_of_fetch_add", 0, 1, 0},
        {"pair_of_batches_of_8", run_batches, "pair_sampled_latency", 0, 1, 0},
        {"bytes_in_bytes_out", run_bytes, "pair_counts_bytes_high_water", 0, 1, 0},
        {"two_stores", run_two_stores, NULL, 0, 1, 0},
        {"observe", run_observe, "two_stores", 0, 1, 0},
        {"pair_full_latency", run_full, "two_timestamps", 0, 1, 0},
        {"pair_sampled_call_form", run_call, "pair_sampled_latency", 0, 1, 0},
        {"pair_two_threads_counts", run_two_counts, "pair_counts_bytes_high_water", 2, 1, 1},
        {"pair_two_threads_sampled", run_two_sampled, "pair_sampled_latency", 2, 1, 1},
        {"semaphore_acquire_release", run_semaphore, "pair_of_fetch_add", 0, 1, 0},
        {"counter_add", run_counter, "pair_of_fetch_add", 0, 1, 0},
        {"channel_reject", run_reject, "pair_of_fetch_add", 0, 1, 0},
        {"pair_of_a_sender", run_sender, "pair_sampled_latency", 0, 1, 0},
        {"sender_open_close", run_sender_open_close, "pair_of_a_sender", 0, 1, 0},
        {"object_open_close", run_object_open_close, "pair_of_fetch_add", 0, 1, 0},
        {"channel_open_close", run_channel_open_close, NULL, 0, 1, 1},
        {"single_task_poll", run_single, "two_timestamps", 0, 1, 0},
        {"single_task_wake_poll", run_single_woken, "two_timestamps", 0, 1, 0},
        {"loop_iteration", run_iteration, "two_timestamps", 0, 1, 0},
    };
    bench_run(cases, sizeof(cases) / sizeof(cases[0]), "loop", ITERATIONS, ROUNDS);
    weir_stop();
    return 0;
}
