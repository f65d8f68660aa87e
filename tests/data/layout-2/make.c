/* SPDX-License-Identifier: MIT */
/*
 * Makes the files beside it (README.md says how). A process with something of everything: it counts what
 * the tests know by heart, then the same again each second, until it is killed.
 */
#include "weir/agent.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static struct weir_channel *orders, *timed, *queue;
static struct weir_counter *hits;

static void count_orders(void)
{
    for (int i = 0; i < 1000; i++) {
        weir_ticket ticket = weir_channel_send(orders, 10);
        if (i < 900) {
            weir_channel_receive(orders, ticket, 10);
        }
    }
    weir_channel_discard(orders, 4, 40, WEIR_DISCARD_OVERWRITE);
    weir_channel_discard(orders, 1, 10, WEIR_DISCARD_CLOSED);
    weir_channel_discard(orders, 5, 50, WEIR_DISCARD_EXPIRED);
    weir_channel_unsend(orders, 10, WEIR_REJECT_FULL);
    for (int i = 0; i < 10; i++) {
        weir_channel_reject(orders, i < 3   ? WEIR_REJECT_FULL
                                    : i < 5 ? WEIR_REJECT_CLOSED
                                    : i < 6 ? WEIR_REJECT_TIMEOUT
                                            : WEIR_REJECT_SHED);
    }
}

static void *count_elsewhere(void *unused)
{
    for (int i = 0; i < 500; i++) {
        weir_channel_receive(timed, weir_channel_send(timed, 3), 3);
    }
    weir_counter_add(hits, 12000);
    return unused;
}

static void count_semaphore(void)
{
    struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT("slots", 8);
    struct weir_semaphore *slots = weir_semaphore_open(&options);
    for (int i = 0; i < 7; i++) {
        weir_semaphore_waited(slots, weir_semaphore_wait(slots));
        weir_semaphore_acquire(slots, 2);
        weir_semaphore_release(slots, i < 5 ? 2 : 0);
    }
    weir_semaphore_wait(slots);
    for (int i = 0; i < 6; i++) {
        weir_semaphore_reject(slots, i < 1   ? WEIR_SEMAPHORE_EXHAUSTED
                                     : i < 3 ? WEIR_SEMAPHORE_TIMEOUT
                                             : WEIR_SEMAPHORE_CLOSED);
    }
}

static void count_tasks(void)
{
    struct weir_task_options options = WEIR_TASK_INIT("handler");
    struct weir_task_kind *handler = weir_task_kind_open(&options);
    for (int i = 0; i < 20; i++) {
        weir_ticket pending = weir_task_spawn(handler);
        weir_ticket running = i < 15 ? weir_task_begin(handler, pending) : 0;
        if (i < 12) {
            weir_task_end(handler, running);
            weir_task_finish(handler, i < 7    ? WEIR_OUTCOME_OK
                                      : i < 10 ? WEIR_OUTCOME_ERROR
                                               : WEIR_OUTCOME_CANCELLED);
        }
    }
    static struct weir_task tasks[3];
    for (int i = 0; i < 3; i++) {
        weir_task_open(&tasks[i], handler, i ? "a connection" : NULL);
        for (int k = 0; k <= i; k++) {
            weir_task_poll(&tasks[i]);
            weir_task_waits_for_channel(&tasks[i], queue);
            weir_task_polled(&tasks[i]);
        }
        weir_task_wake(&tasks[i]);
    }
    weir_task_close(&tasks[2], WEIR_OUTCOME_OK);
}

static void count_loop(void)
{
    struct weir_loop_options options = WEIR_LOOP_INIT("network");
    struct weir_loop *loop = weir_loop_open(&options);
    weir_loop_set_period(loop, 20000000);
    for (int i = 0; i < 5; i++) {
        weir_loop_begin(loop);
        weir_loop_timer(loop, 1000000 * (uint64_t)i);
        weir_loop_end(loop);
    }
    weir_loop_begin(loop);
}

/* Two of one name stay, a third and one of another name are closed. */
static void count_names(void)
{
    struct weir_channel_options shared = WEIR_CHANNEL_INIT("shared", WEIR_UNBOUNDED);
    struct weir_channel_options closed = WEIR_CHANNEL_INIT("closed", 5);
    shared.is_unordered = true;
    for (int i = 1; i <= 3; i++) {
        struct weir_channel *channel = weir_channel_open(&shared);
        for (int k = 0; k < 100 * i; k++) {
            weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
        }
        if (i == 3) {
            weir_channel_close(channel);
        }
    }
    struct weir_channel *channel = weir_channel_open(&closed);
    weir_channel_send(channel, 77);
    weir_channel_close(channel);
}

/* One open, one gone with two messages queued, one gone for good. */
static void count_senders(void)
{
    for (int i = 0; i < 3; i++) {
        struct weir_sender *sender = weir_sender_open(queue, i ? "a player" : NULL);
        struct weir_sent sent[3];
        for (int k = 0; k < 3; k++) {
            sent[k] = weir_channel_send_from(queue, sender, 8);
        }
        for (int k = 0; k < (i == 2 ? 3 : 1); k++) {
            weir_channel_receive_from(queue, sent[k], 8);
        }
        if (i > 0) {
            weir_sender_close(sender);
        }
    }
}

static void open_all(void)
{
    struct weir_channel_options bounded = WEIR_CHANNEL_INIT("orders", 100);
    struct weir_channel_options full = WEIR_CHANNEL_INIT("timed", WEIR_UNBOUNDED);
    struct weir_channel_options senders = WEIR_CHANNEL_INIT("queue", 50);
    struct weir_value_options counter = WEIR_VALUE_INIT("hits");
    struct weir_value_options gauge = WEIR_VALUE_INIT("level");
    bounded.kind = WEIR_CHANNEL_MPSC;
    full.latency = WEIR_LATENCY_FULL;
    full.kind = WEIR_CHANNEL_SPSC;
    orders = weir_channel_open(&bounded);
    timed = weir_channel_open(&full);
    queue = weir_channel_open(&senders);
    hits = weir_counter_open(&counter);
    weir_gauge_set(weir_gauge_open(&gauge), -7);
}

int main(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct weir_error error;
    pthread_t thread;
    options.name = "maker";
    if (weir_start(&options, &error) != WEIR_OK || weir_agent_start(NULL, &error) != WEIR_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    open_all();
    count_orders();
    pthread_create(&thread, NULL, count_elsewhere, NULL);
    pthread_join(thread, NULL);
    count_elsewhere(NULL);
    weir_counter_add(hits, 345);
    count_semaphore();
    count_tasks();
    count_loop();
    count_names();
    count_senders();
    printf("ready\n");
    fflush(stdout);
    pause();
    return 0;
}
