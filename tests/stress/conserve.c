/* SPDX-License-Identifier: MIT */
/* ctest: timeout=300 alone folders=agent/src/hook */
/*
 * Sixteen threads that come and go send, receive, refuse, take back and discard 10^8 messages on
 * three channels (thread shards, shared cells, every message timed), while signals interrupt hooks,
 * late destructors count, and a reader never pauses. At rest sent - received - discarded = depth
 * must hold to the message, and the reader must never have seen more out than in.
 */
#include "child.h"
#include "snapshot/process_view.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define THREADS    16
#define N_CHANNELS 3

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define OPERATIONS 4000000L
#else
#define OPERATIONS 100000000L
#endif

#define LIFE 50000L /* operations of one thread's life */

static struct weir_channel *channels[N_CHANNELS];
static struct weir_counter *alarms;

/* What the threads themselves counted; one line each. */
static struct {
    _Alignas(64) uint64_t sent, received, discarded, unsent, refused, queued;
} truth[N_CHANNELS];

static uint64_t signals_seen;
static uint64_t is_done;
static pthread_key_t late_key;

static void on_alarm(int signal_number)
{
    (void)signal_number;
    weir_channel_send(channels[0], 1);
    weir_counter_add(alarms, 1);
    __atomic_fetch_add(&truth[0].sent, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&truth[0].queued, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&signals_seen, 1, __ATOMIC_RELAXED);
}

/* A message that is there is taken by one only. */
static bool take(int c)
{
    uint64_t queued = __atomic_load_n(&truth[c].queued, __ATOMIC_RELAXED);
    while (queued && !__atomic_compare_exchange_n(&truth[c].queued, &queued, queued - 1, true,
                                                  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    }
    return queued != 0;
}

struct tally {
    uint64_t sent, received, discarded, unsent, refused;
};

static void operate(int c, uint32_t dice, struct tally *tally)
{
    if (dice < 120) {
        weir_ticket ticket = weir_channel_send(channels[c], 8);
        __atomic_fetch_add(&truth[c].queued, 1, __ATOMIC_RELEASE);
        tally->sent++;
        if (take(c)) {
            weir_channel_receive(channels[c], ticket, 8);
            tally->received++;
        }
    } else if (dice < 124) {
        weir_channel_send(channels[c], 8);
        weir_channel_unsend(channels[c], 8, WEIR_REJECT_FULL);
        tally->unsent++;
    } else if (dice < 126) {
        weir_channel_reject(channels[c], WEIR_REJECT_SHED);
        tally->refused++;
    } else if (take(c)) {
        weir_channel_discard(channels[c], 1, 8, WEIR_DISCARD_EXPIRED);
        tally->discarded++;
    }
}

static void late(void *unused)
{
    (void)unused;
    weir_channel_send(channels[0], 1);
    __atomic_fetch_add(&truth[0].sent, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&truth[0].queued, 1, __ATOMIC_RELEASE);
}

static void *live(void *seed)
{
    struct tally tallies[N_CHANNELS] = {{0}};
    uint64_t x = (uintptr_t)seed * 2654435761U + 1;
    pthread_setspecific(late_key, &late_key);
    for (long i = 0; i < LIFE; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int c = (x >> 32) % 8 < 6 ? 0 : (x >> 32) % 8 - 5;
        operate(c, (uint32_t)x % 128, &tallies[c]);
    }
    for (int c = 0; c < N_CHANNELS; c++) {
        __atomic_fetch_add(&truth[c].sent, tallies[c].sent, __ATOMIC_RELAXED);
        __atomic_fetch_add(&truth[c].received, tallies[c].received, __ATOMIC_RELAXED);
        __atomic_fetch_add(&truth[c].discarded, tallies[c].discarded, __ATOMIC_RELAXED);
        __atomic_fetch_add(&truth[c].unsent, tallies[c].unsent, __ATOMIC_RELAXED);
        __atomic_fetch_add(&truth[c].refused, tallies[c].refused, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *respawn(void *number)
{
    for (long done = 0; done < OPERATIONS / THREADS; done += LIFE) {
        pthread_t thread;
        void *seed = (void *)((uintptr_t)number * 100000 + (uintptr_t)done + 1);
        CHECK(pthread_create(&thread, NULL, live, seed) == 0);
        pthread_join(thread, NULL);
    }
    return NULL;
}

static uint64_t read_value(struct wi_process_view *view, enum wi_kind kind, size_t i, int metric)
{
    return wi_process_view_row(view, kind, i)->value[metric].u.u64;
}

/* Reads as fast as it can from this mapping, or from the file. */
static void *keep_reading(void *context)
{
    struct wi_process_view *view = context;
    struct weir_error error;
    uint64_t now = 1;
    while (!__atomic_load_n(&is_done, __ATOMIC_ACQUIRE)) {
        CHECK(wi_process_view_refresh(view, now += 100000000, &error) == WEIR_OK);
        CHECK(read_value(view, WI_AGENT, 0, WI_AGENT_CLAMPED) == 0);
    }
    return NULL;
}

static void check_channel(struct wi_process_view *view, int c)
{
    size_t i = (size_t)c;
    uint64_t depth = read_value(view, WI_CHANNEL, i, WI_CHANNEL_DEPTH);
    uint64_t sent = read_value(view, WI_CHANNEL, i, WI_CHANNEL_SENT);
    uint64_t received = read_value(view, WI_CHANNEL, i, WI_CHANNEL_RECEIVED);
    uint64_t discarded = read_value(view, WI_CHANNEL, i, WI_CHANNEL_DISCARDED);
    printf("channel %d: sent %llu received %llu discarded %llu depth %llu\n", c,
           (unsigned long long)sent, (unsigned long long)received, (unsigned long long)discarded,
           (unsigned long long)depth);
    CHECK(sent - received - discarded == depth);
    CHECK(sent == truth[c].sent && received == truth[c].received);
    CHECK(discarded == truth[c].discarded && depth == truth[c].queued);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_REJECTS_FULL) == truth[c].unsent);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_REJECTS_SHED) == truth[c].refused);
    CHECK(read_value(view, WI_CHANNEL, i, WI_CHANNEL_HIGH_WATER) >= depth);
}

static void conserve(const char *dir)
{
    (void)dir;
    struct weir_error error;
    struct weir_health health = {.size = sizeof(health)};
    struct wi_process_view *views[2];
    pthread_t threads[THREADS];
    pthread_t readers[2];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_health_read(&health);
    for (int c = 0; c < N_CHANNELS; c++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        options.storage = c == 1 ? WEIR_STORAGE_SHARED : WEIR_STORAGE_SHARD;
        options.latency = c == 2 ? WEIR_LATENCY_FULL : WEIR_LATENCY_SAMPLED;
        channels[c] = weir_channel_open(&options);
        CHECK(channels[c] != NULL);
    }
    struct weir_value_options value = WEIR_VALUE_INIT("alarms");
    alarms = weir_counter_open(&value);
    pthread_key_create(&late_key, late);

    const struct itimerval often = {{0, 500}, {0, 500}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    CHECK(wi_process_view_open_self(&views[0], &error) == WEIR_OK);
    CHECK(wi_process_view_open_file(health.path, &views[1], &error) == WEIR_OK);
    for (int r = 0; r < 2; r++) {
        CHECK(pthread_create(&readers[r], NULL, keep_reading, views[r]) == 0);
    }
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
    for (uintptr_t t = 0; t < THREADS; t++) {
        CHECK(pthread_create(&threads[t], NULL, respawn, (void *)(t + 1)) == 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    const struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_PROF, &never, NULL);
    signal(SIGPROF, SIG_IGN);
    __atomic_store_n(&is_done, 1, __ATOMIC_RELEASE);
    for (int r = 0; r < 2; r++) {
        pthread_join(readers[r], NULL);
    }
    for (int r = 0; r < 2; r++) {
        CHECK(wi_process_view_refresh(views[r], 1, &error) == WEIR_OK);
        for (int c = 0; c < N_CHANNELS; c++) {
            check_channel(views[r], c);
        }
        CHECK(read_value(views[r], WI_COUNTER, 0, WI_COUNTER_VALUE) == signals_seen);
        wi_process_view_close(views[r]);
    }
    printf("%llu signals\n", (unsigned long long)signals_seen);
}

int main(void)
{
    return child_run(conserve);
}
