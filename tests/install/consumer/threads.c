/* SPDX-License-Identifier: MIT */
/* Threads that come and go and call every sort of hook. Cells go from one thread to the next, also from
 * detached threads: only the library knows that they have ended. */
#include <weir/agent.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define ROUNDS   30
#define THREADS  4
#define MESSAGES 500

static struct weir_channel *channels[3];
static struct weir_sender *sender;
static struct weir_semaphore *semaphore;
static struct weir_task_kind *kind;
static struct weir_counter *counter;
static struct weir_gauge *gauge;
static unsigned finished; /* atomic */

static void pass(struct weir_channel *channel)
{
    weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
    weir_channel_receive_from(channel, weir_channel_send_from(channel, sender, 1), 1);
    weir_channel_send(channel, 1);
    weir_channel_unsend(channel, 1, WEIR_REJECT_FULL);
    weir_channel_send(channel, 1);
    weir_channel_discard(channel, 1, 1, WEIR_DISCARD_EXPIRED);
}

/* Hooks alone: nothing here takes a lock, by which ThreadSanitizer would see who came first. */
static void *count(void *unused)
{
    for (int i = 0; i < MESSAGES; i++) {
        for (int c = 0; c < 3; c++) {
            pass(channels[c]);
        }
        weir_semaphore_waited(semaphore, weir_semaphore_wait(semaphore));
        weir_semaphore_acquire(semaphore, 1);
        weir_semaphore_release(semaphore, 1);
        weir_ticket running = weir_task_begin(kind, weir_task_spawn(kind));
        weir_task_end(kind, running);
        weir_task_finish(kind, WEIR_OUTCOME_OK);
        weir_counter_add(counter, 1);
        weir_gauge_add(gauge, 1);
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
    return unused;
}

static void *open_and_close(void *unused)
{
    for (int i = 0; i < MESSAGES; i++) {
        struct weir_task task;
        weir_task_open(&task, kind, "single");
        weir_task_waits_for_channel(&task, channels[0]);
        weir_task_wake(&task);
        weir_task_poll(&task);
        weir_task_polled(&task);
        weir_task_close(&task, WEIR_OUTCOME_OK);
        struct weir_sender *own = weir_sender_open(channels[0], "of a thread");
        weir_channel_receive_from(channels[0], weir_channel_send_from(channels[0], own, 1), 1);
        weir_sender_close(own);
        struct weir_loop_options options = WEIR_LOOP_INIT("loop");
        struct weir_loop *loop = weir_loop_open(&options);
        weir_loop_begin(loop);
        weir_loop_timer(loop, 1);
        weir_loop_end(loop);
        weir_loop_close(loop);
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
    return unused;
}

static void open_all(void)
{
    for (int c = 0; c < 3; c++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("jobs", WEIR_UNBOUNDED);
        options.latency = c == 1 ? WEIR_LATENCY_FULL : WEIR_LATENCY_DEFAULT;
        options.storage = c == 2 ? WEIR_STORAGE_SHARED : WEIR_STORAGE_DEFAULT;
        channels[c] = weir_channel_open(&options);
    }
    struct weir_semaphore_options permits = WEIR_SEMAPHORE_INIT("permits", 10);
    struct weir_task_options task = WEIR_TASK_INIT("tasks");
    struct weir_value_options value = WEIR_VALUE_INIT("value");
    sender = weir_sender_open(channels[0], "of all");
    semaphore = weir_semaphore_open(&permits);
    kind = weir_task_kind_open(&task);
    counter = weir_counter_open(&value);
    gauge = weir_gauge_open(&value);
}

int main(void)
{
    struct weir_error error;
    pthread_t threads[THREADS];
    if (weir_start(NULL, &error) != WEIR_OK || weir_agent_start(NULL, &error) != WEIR_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    open_all();
    for (int round = 0; round < ROUNDS; round++) {
        for (int t = 0; t < THREADS; t++) {
            if (pthread_create(&threads[t], NULL, round % 5 == 4 ? open_and_close : count, NULL) !=
                0) {
                return 1;
            }
        }
        for (int t = 0; t < THREADS - 1; t++) {
            pthread_join(threads[t], NULL);
        }
        pthread_detach(threads[THREADS - 1]);
    }
    while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) < ROUNDS * THREADS) {
        sched_yield();
    }
    weir_agent_stop();
    weir_stop();
    printf("%u threads\n", finished);
    return 0;
}
