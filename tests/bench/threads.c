/* SPDX-License-Identifier: MIT */
/*
 * What a send and a receive cost with many threads alive, of which the last one or two to be born count: with a shard,
 * and in per-CPU or shared cells where there are more threads than shards. Beside each stands the pair of a thread
 * that is alone, in the same process just before. Processor time of the counting threads. Then what 5,000 threads
 * that count on 64 channels take of the segment.
 *
 * GLIBC_TUNABLES=glibc.pthread.rseq=0 measures the shared cells.
 */
#include "bench.h"
#include "weir/nanos.h"
#include "weir/weir.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PAIRS    UINT64_C(2000000)
#define MAX_ROUNDS 101
#define N_CHANNELS 64
#define N_MANY     5000
#define STACK      ((size_t)64 << 10)

static struct weir_channel *channels[N_CHANNELS];
static pthread_attr_t attributes;

/* Threads that have counted once, and stay until they are told to go. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t came, goes;
    unsigned n_here, n_channels;
    bool must_go;
} crowd = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .came = PTHREAD_COND_INITIALIZER,
           .goes = PTHREAD_COND_INITIALIZER};

static void fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void *be_there(void *unused)
{
    for (unsigned c = 0; c < crowd.n_channels; c++) {
        weir_channel_receive(channels[c], weir_channel_send(channels[c], 208), 208);
    }
    pthread_mutex_lock(&crowd.lock);
    crowd.n_here++;
    pthread_cond_signal(&crowd.came);
    while (!crowd.must_go) {
        pthread_cond_wait(&crowd.goes, &crowd.lock);
    }
    pthread_mutex_unlock(&crowd.lock);
    return unused;
}

static void gather(unsigned n, unsigned n_channels)
{
    pthread_t thread;
    crowd.n_channels = n_channels;
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&thread, &attributes, be_there, NULL) != 0) {
            fail("no more threads");
        }
        pthread_mutex_lock(&crowd.lock);
        while (crowd.n_here <= i) { /* one after the other: the lock of the segment is only tried */
            pthread_cond_wait(&crowd.came, &crowd.lock);
        }
        pthread_mutex_unlock(&crowd.lock);
    }
}

/* ---- threads that count all the time ---------------------------------------------------------- */

static unsigned n_hot;
static unsigned n_rounds;
static pthread_barrier_t round_begins;
static double nanos[2][MAX_ROUNDS];

static void *be_hot(void *number)
{
    double *took = nanos[(uintptr_t)number];
    for (unsigned r = 0; r < n_rounds; r++) {
        pthread_barrier_wait(&round_begins);
        uint64_t began = wi_nanos(CLOCK_THREAD_CPUTIME_ID);
        for (uint64_t i = 0; i < N_PAIRS; i++) {
            struct weir_channel *channel = channels[0];
            BENCH_HIDE(channel);
            weir_ticket ticket = weir_channel_send(channel, 208);
            weir_channel_receive(channel, ticket, 208);
        }
        took[r] = (double)(wi_nanos(CLOCK_THREAD_CPUTIME_ID) - began) / (double)N_PAIRS;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of what a pair of theirs takes. */
static double measure(unsigned n)
{
    pthread_t threads[2];
    double all[2 * MAX_ROUNDS];
    n_hot = n;
    pthread_barrier_init(&round_begins, NULL, n);
    for (uintptr_t i = 0; i < n; i++) {
        if (pthread_create(&threads[i], &attributes, be_hot, (void *)i) != 0) {
            fail("no more threads");
        }
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        memcpy(all + i * n_rounds, nanos[i], n_rounds * sizeof(all[0]));
    }
    qsort(all, n * n_rounds, sizeof(all[0]), compare);
    return all[n * n_rounds / 2];
}

static void start(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "bench";
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    if (weir_start(&options, &error) != WEIR_OK) {
        fail(error.text);
    }
    for (unsigned c = 0; c < N_CHANNELS; c++) {
        struct weir_channel_options asked = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        channels[c] = weir_channel_open(&asked);
    }
}

static void run_hot(unsigned n_alive, unsigned n)
{
    char name[64];
    start();
    double alone = measure(1);
    gather(n_alive - n, 1);
    double taken = measure(n);
    snprintf(name, sizeof(name), "threads_%u_hot_%u", n_alive, n);
    printf("{\"name\":\"%s\",\"ns_median\":%.3f,\"alone\":%.3f,\"ratio\":%.3f}\n", name, taken,
           alone, taken / alone);
    fflush(stdout);
}

static void run_many(void)
{
    struct weir_health health = {.size = sizeof(health)};
    start();
    gather(N_MANY, N_CHANNELS);
    weir_health_read(&health);
    bench_print_value("threads_5000_channels_64", (double)health.segment_bytes, "bytes");
}

static void run_case(unsigned which)
{
    static const unsigned alive[] = {1, 2, 1000, 1000, 1100, 1100, 5000, 5000, 20000, 20000};
    const char *rounds = getenv("BENCH_ROUNDS");
    n_rounds =
        rounds && atoi(rounds) > 0 && atoi(rounds) <= MAX_ROUNDS ? (unsigned)atoi(rounds) : 15;
    if (which < sizeof(alive) / sizeof(alive[0])) {
        run_hot(alive[which], which % 2 + 1);
    } else {
        run_many();
    }
}

int main(void)
{
    int status = 0;
    for (unsigned which = 0; which <= 10 && status == 0; which++) {
        pid_t pid = fork();
        if (pid == 0) {
            run_case(which);
            weir_stop();
            _exit(0);
        }
        waitpid(pid, &status, 0);
    }
    return status != 0;
}
