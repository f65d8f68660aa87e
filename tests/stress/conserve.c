/* SPDX-License-Identifier: MIT */
/* ctest: timeout=900 alone folders=agent/src/hook */
/*
 * Sixteen threads that come and go send, receive, refuse, take back and discard 10^8 messages on
 * 64 channels (thread shards, shared cells, every message timed), while signals interrupt hooks,
 * late destructors count, and a reader never pauses. At rest sent - received - discarded = depth
 * must hold to the message, and the reader must never have seen more out than in.
 *
 * Then the same in a crowd: 5,000 threads, more than there are shards, have counted on each channel
 * and idle, so the sixteen count in per-CPU cells, while they are moved between processors all the time.
 * Eight idle threads end, and their shards go from one of the sixteen to another. And once more in a
 * process that has no restartable sequences. `conserve 1000000000` does so many operations in each of the three.
 */
#include "child.h"
#include "hook/cpu.h"
#include "readers.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS    16
#define N_CHANNELS 64
#define CROWD      5000

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define OPERATIONS  4000000L
#define HAS_CROWDED 0 /* there are no sequences, and the shared cells are tested without a crowd */
#else
#define OPERATIONS  100000000L
#define HAS_CROWDED 1
#endif

#define LIFE  50000L /* operations of one thread's life */
#define SEEDS 100000 /* one for each life of a thread */

static long operations = OPERATIONS;

static struct weir_channel *channels[N_CHANNELS];
static struct weir_counter *alarms;

/* What the threads themselves counted; one line each. */
static struct {
    _Alignas(64) uint64_t sent, received, discarded, unsent, refused, queued;
} truth[N_CHANNELS];

static uint64_t signals_seen;
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

static pid_t workers[THREADS];

static void *live(void *seed)
{
    struct tally tallies[N_CHANNELS] = {{0}};
    uint64_t x = (uintptr_t)seed * 2654435761U + 1;
    pthread_setspecific(late_key, &late_key);
    __atomic_store_n(&workers[(uintptr_t)seed / SEEDS % THREADS], (pid_t)syscall(SYS_gettid),
                     __ATOMIC_RELAXED);
    for (long i = 0; i < LIFE; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int c = (x >> 32) % 8 < 6 ? 0 : 1 + (int)((x >> 35) % (N_CHANNELS - 1));
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
    for (long done = 0; done < operations / THREADS; done += LIFE) {
        pthread_t thread;
        void *seed = (void *)((uintptr_t)number * SEEDS + (uintptr_t)(done / LIFE) + 1);
        CHECK(pthread_create(&thread, NULL, live, seed) == 0);
        pthread_join(thread, NULL);
    }
    return NULL;
}

/* ---- the crowd ---------------------------------------------------------------------------------- */

static bool is_crowded;

static struct {
    pthread_t thread;
    sem_t end;
} idlers[CROWD];

static sem_t has_come;

static void *idle(void *end)
{
    for (int c = 0; c < N_CHANNELS; c++) {
        weir_channel_send(channels[c], 8);
        __atomic_fetch_add(&truth[c].sent, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&truth[c].queued, 1, __ATOMIC_RELEASE);
    }
    sem_post(&has_come);
    while (sem_wait(end) != 0) { /* a signal */
    }
    return NULL;
}

static void idler_begin(size_t i)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)64 << 10);
    sem_init(&idlers[i].end, 0, 0);
    CHECK(pthread_create(&idlers[i].thread, &attributes, idle, &idlers[i].end) == 0);
    while (sem_wait(&has_come) != 0) {
    }
}

static void idler_end(size_t i)
{
    sem_post(&idlers[i].end);
    pthread_join(idlers[i].thread, NULL);
}

/* Moves the sixteen to other processors. A shard that an idle thread gives back is soon one of theirs, so half of
 * them have one after a while. */
static void *disturb(void *unused)
{
    cpu_set_t all;
    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    for (unsigned i = 0; !__atomic_load_n(&readers_are_done, __ATOMIC_ACQUIRE); i++) {
        for (unsigned t = 0; t < THREADS; t++) {
            unsigned cpu = (i + t) % CPU_SETSIZE;
            cpu_set_t one;
            while (!CPU_ISSET(cpu, &all)) {
                cpu = (cpu + 1) % CPU_SETSIZE;
            }
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            pid_t worker = __atomic_load_n(&workers[t], __ATOMIC_RELAXED);
            if (worker) { /* it may have ended: then this is refused */
                (void)sched_setaffinity(worker, sizeof(one), i % 3 ? &one : &all);
            }
        }
        if (i % 64 == 0 && i / 64 < THREADS / 2) {
            idler_end(i / 64);
            idler_begin(i / 64);
        }
        sched_yield();
    }
    return unused;
}

static uint64_t sent_in_cpu_cells(void)
{
    uint64_t sent = 0;
    for (uint32_t cpu = 0; cpu < wi_index.n_cpus; cpu++) {
        const struct wi_shard_entry *shard = wi_index.cpus[cpu];
        const struct weir_cell *cell =
            shard ? wi_index_cell(shard, weir_slot_id(&channels[0]->head)) : NULL;
        sent += cell ? cell->u.channel.sent : 0;
    }
    return sent;
}

/* The sixteen had to count elsewhere than in cells of their own, and where they should. */
static void check_places(void)
{
    uint64_t on_cpus = sent_in_cpu_cells();
    printf("%u processors, %u with cells: %llu messages; %llu threads found no shard\n",
           (unsigned)wi_index.n_cpus, (unsigned)wi_index.n_cpu_shards, (unsigned long long)on_cpus,
           (unsigned long long)wi_segment_header()->cells_refused);
    CHECK(wi_segment_header()->cells_refused > 0);
    CHECK(wi_cpu_count() > 0 ? on_cpus > truth[0].sent / THREADS : wi_index.n_cpu_shards == 0);
}

static void crowd_begin(pthread_t *ret_disturber)
{
    sem_init(&has_come, 0, 0);
    for (size_t i = 0; i < CROWD; i++) {
        idler_begin(i);
    }
    CHECK(pthread_create(ret_disturber, NULL, disturb, NULL) == 0);
}

static void crowd_end(pthread_t disturber)
{
    pthread_join(disturber, NULL);
    for (size_t i = 0; i < CROWD; i++) {
        idler_end(i);
    }
    check_places();
    CHECK(wi_segment_header()->threads_without <= 1); /* this thread, when a signal made it count */
}

static void check_channel(struct wi_process_view *view, int c)
{
    size_t i = (size_t)c;
    uint64_t depth = read_value(view, WI_CHANNEL, i, WI_CHANNEL_DEPTH);
    uint64_t sent = read_value(view, WI_CHANNEL, i, WI_CHANNEL_SENT);
    uint64_t received = read_value(view, WI_CHANNEL, i, WI_CHANNEL_RECEIVED);
    uint64_t discarded = read_value(view, WI_CHANNEL, i, WI_CHANNEL_DISCARDED);
    if (c < 3) {
        printf("channel %d: sent %llu received %llu discarded %llu depth %llu\n", c,
               (unsigned long long)sent, (unsigned long long)received,
               (unsigned long long)discarded, (unsigned long long)depth);
    }
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
    struct readers readers;
    pthread_t threads[THREADS];
    pthread_t disturber;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    for (int c = 0; c < N_CHANNELS; c++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        options.storage = c % 8 == 1 ? WEIR_STORAGE_SHARED : WEIR_STORAGE_SHARD;
        options.latency = c % 8 == 2 ? WEIR_LATENCY_FULL : WEIR_LATENCY_SAMPLED;
        channels[c] = weir_channel_open(&options);
        CHECK(channels[c] != NULL);
    }
    struct weir_value_options value = WEIR_VALUE_INIT("alarms");
    alarms = weir_counter_open(&value);
    pthread_key_create(&late_key, late);

    const struct itimerval often = {{0, 500}, {0, 500}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    readers_begin(&readers);
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
    if (is_crowded) {
        crowd_begin(&disturber);
    }
    for (uintptr_t t = 0; t < THREADS; t++) {
        CHECK(pthread_create(&threads[t], NULL, respawn, (void *)(t + 1)) == 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    const struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_PROF, &never, NULL);
    signal(SIGPROF, SIG_IGN);
    readers_end(&readers);
    if (is_crowded) {
        crowd_end(disturber);
    }
    for (int r = 0; r < 2; r++) {
        for (int c = 0; c < N_CHANNELS; c++) {
            check_channel(readers.view[r], c);
        }
        CHECK(read_value(readers.view[r], WI_COUNTER, 0, WI_COUNTER_VALUE) == signals_seen);
        wi_process_view_close(readers.view[r]);
    }
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.handles_refused == 0 && health.segment_bytes <= health.limit_bytes);
    printf("%ld operations, %llu signals, a segment of %llu bytes\n", operations,
           (unsigned long long)signals_seen, (unsigned long long)health.segment_bytes);
}

/* This program again, as a process that the C library starts again. */
static int run_crowded(const char *program, const char *tunables)
{
    char number[24];
    int status = 1;
    snprintf(number, sizeof(number), "%ld", operations);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("GLIBC_TUNABLES", tunables, 1);
        execl(program, program, number, "crowded", (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : 1;
}

int main(int argc, char **argv)
{
    operations = argc > 1 ? strtol(argv[1], NULL, 10) : OPERATIONS;
    is_crowded = argc > 2;
    int status = child_run(conserve);
    if (HAS_CROWDED && !is_crowded && status == 0) {
        status = run_crowded(argv[0], "glibc.pthread.rseq=1") ||
                 run_crowded(argv[0], "glibc.pthread.rseq=0");
    }
    return status;
}
