/* SPDX-License-Identifier: MIT */
/*
 * A host in which everything comes and goes: threads of some milliseconds, each with a sender, a channel
 * and a single task of its own, and a part in what all share; and an event loop. It counts by itself what
 * weir counts, in words of its own. tests/soak/run starts it and compares.
 *
 * Commands on its standard input: "rest" lets nothing new begin and, once all has ended, answers with its
 * counts as one line of JSON; "go" goes on, "quit" ends it.
 */
#include "weir/agent.h"
#include "weir/weir.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS  4
#define MESSAGES 400 /* of one life */
#define ROOM     512 /* of the queue */
#define BYTES    64
#define PERMITS  8
#define MILLIS   2 /* between two lives, so that others get their turn */

static struct weir_channel *moves;
static struct weir_semaphore *permits;
static struct weir_task_kind *jobs, *lives_kind;
static struct weir_counter *lives;
static struct weir_gauge *alive;
static struct weir_loop *beat;

/* The queue itself: whose message lies in it outlives who sent it. */
static struct {
    pthread_mutex_t lock;
    struct weir_sent messages[ROOM];
    size_t first, n;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
    uint64_t sent, received, discarded, refused, own_sent, acquires, jobs, lives, iterations;
} truth; /* atomic */

static uint64_t is_resting, n_busy, is_over; /* atomic */

static void add(uint64_t *word, uint64_t n)
{
    __atomic_fetch_add(word, n, __ATOMIC_RELAXED);
}

static void send_one(struct weir_sender *sender)
{
    pthread_mutex_lock(&queue.lock);
    if (queue.n < ROOM) {
        queue.messages[(queue.first + queue.n++) % ROOM] =
            weir_channel_send_from(moves, sender, BYTES);
        add(&truth.sent, 1);
    } else {
        weir_channel_reject(moves, WEIR_REJECT_FULL);
        add(&truth.refused, 1);
    }
    pthread_mutex_unlock(&queue.lock);
}

static void take_one(bool is_read)
{
    pthread_mutex_lock(&queue.lock);
    if (queue.n > 0) {
        struct weir_sent message = queue.messages[queue.first];
        queue.first = (queue.first + 1) % ROOM;
        queue.n--;
        if (is_read) {
            weir_channel_receive_from(moves, message, BYTES);
            add(&truth.received, 1);
        } else {
            weir_channel_discard_from(moves, message, BYTES, WEIR_DISCARD_EXPIRED);
            add(&truth.discarded, 1);
        }
    }
    pthread_mutex_unlock(&queue.lock);
}

static void use_shared(unsigned seed, struct weir_sender *sender)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        unsigned dice = (seed = seed * 1103515245U + 12345U) >> 16;
        if (dice % 2) {
            send_one(sender);
        } else {
            take_one(dice % 64 != 0);
        }
        if (dice % 16 == 0) {
            weir_semaphore_acquire(permits, 1);
            add(&truth.acquires, 1);
            weir_ticket running = weir_task_begin(jobs, weir_task_spawn(jobs));
            weir_task_end(jobs, running);
            weir_task_finish(jobs, dice % 32 ? WEIR_OUTCOME_OK : WEIR_OUTCOME_ERROR);
            add(&truth.jobs, 1);
            weir_semaphore_release(permits, 1);
        }
    }
}

static void *live(void *number)
{
    char name[32];
    unsigned seed = (unsigned)(uintptr_t)number;
    struct weir_task task;
    if (seed % 2) {
        weir_thread_start();
    }
    snprintf(name, sizeof(name), "life-%u", seed);
    struct weir_sender *sender = weir_sender_open(moves, name);
    weir_task_open(&task, lives_kind, name);
    weir_gauge_add(alive, 1);
    weir_task_poll(&task);
    use_shared(seed, sender);
    weir_task_waits_for_channel(&task, moves);
    weir_task_polled(&task);
    weir_task_wake(&task);
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 5);
    struct weir_channel *own = weir_channel_open(&options);
    weir_channel_receive(own, weir_channel_send(own, 1), 1);
    weir_channel_send(own, 1);
    weir_channel_close(own);
    weir_task_close(&task, WEIR_OUTCOME_OK);
    weir_sender_close(sender);
    weir_gauge_add(alive, -1);
    weir_counter_add(lives, 1);
    add(&truth.lives, 1);
    return NULL;
}

static void *work(void *number)
{
    for (unsigned i = (unsigned)(uintptr_t)number; !__atomic_load_n(&is_over, __ATOMIC_ACQUIRE);
         i += WORKERS) {
        pthread_t thread;
        __atomic_fetch_add(&n_busy, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&is_resting, __ATOMIC_SEQ_CST) &&
            pthread_create(&thread, NULL, live, (void *)(uintptr_t)i) == 0) {
            pthread_join(thread, NULL);
        }
        __atomic_fetch_sub(&n_busy, 1, __ATOMIC_SEQ_CST);
        poll(NULL, 0, MILLIS);
    }
    return NULL;
}

static void *run_loop(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        __atomic_fetch_add(&n_busy, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&is_resting, __ATOMIC_SEQ_CST)) {
            weir_loop_begin(beat);
            weir_loop_timer(beat, 1000);
            weir_loop_end(beat);
            add(&truth.iterations, 1);
        }
        __atomic_fetch_sub(&n_busy, 1, __ATOMIC_SEQ_CST);
        poll(NULL, 0, MILLIS);
    }
    return NULL;
}

static void rest(void)
{
    __atomic_store_n(&is_resting, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&n_busy, __ATOMIC_SEQ_CST) > 0) {
        poll(NULL, 0, 1);
    }
    printf("{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"discarded\":%" PRIu64
           ",\"refused\":%" PRIu64 ",\"queued\":%zu,\"bytes\":%zu,\"acquires\":%" PRIu64
           ",\"jobs\":%" PRIu64 ",\"lives\":%" PRIu64 ",\"iterations\":%" PRIu64 "}\n",
           truth.sent, truth.received, truth.discarded, truth.refused, queue.n, queue.n * BYTES,
           truth.acquires, truth.jobs, truth.lives, truth.iterations);
    fflush(stdout);
}

static void open_handles(void)
{
    struct weir_channel_options channel = WEIR_CHANNEL_INIT("moves", ROOM);
    struct weir_semaphore_options semaphore = WEIR_SEMAPHORE_INIT("permits", PERMITS);
    struct weir_task_options job = WEIR_TASK_INIT("jobs");
    struct weir_task_options life = WEIR_TASK_INIT("lives");
    struct weir_value_options counter = WEIR_VALUE_INIT("lives");
    struct weir_value_options gauge = WEIR_VALUE_INIT("alive");
    struct weir_loop_options loop = WEIR_LOOP_INIT("beat");
    moves = weir_channel_open(&channel);
    permits = weir_semaphore_open(&semaphore);
    jobs = weir_task_kind_open(&job);
    lives_kind = weir_task_kind_open(&life);
    lives = weir_counter_open(&counter);
    alive = weir_gauge_open(&gauge);
    beat = weir_loop_open(&loop);
}

int main(void)
{
    struct weir_error error = {""};
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "churn";
    if (weir_start(&options, &error) != WEIR_OK || weir_agent_start(NULL, &error) != WEIR_OK) {
        fprintf(stderr, "churn: %s\n", error.text);
        return 2;
    }
    open_handles();
    pthread_t threads[WORKERS + 1];
    for (uintptr_t i = 0; i < WORKERS; i++) {
        pthread_create(&threads[i], NULL, work, (void *)i);
    }
    pthread_create(&threads[WORKERS], NULL, run_loop, NULL);
    printf("ready\n");
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0) {
        if (strcmp(line, "rest\n") == 0) {
            rest();
        } else if (strcmp(line, "go\n") == 0) {
            __atomic_store_n(&is_resting, 0, __ATOMIC_SEQ_CST);
        }
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    for (int i = 0; i <= WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    weir_agent_stop();
    weir_stop();
    return 0;
}
