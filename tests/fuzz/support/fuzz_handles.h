/* SPDX-License-Identifier: MIT */
/* The handles of the segment that `segment` changes: something of everything, in every state. */
#ifndef FUZZ_HANDLES_H
#define FUZZ_HANDLES_H

#include "fuzz.h"
#include "weir/weir.h"

#include <pthread.h>

static void count(struct weir_channel *channel, struct weir_task_kind *kind)
{
    for (int i = 0; i < 40; i++) {
        weir_channel_receive(channel, weir_channel_send(channel, 8), 8);
        weir_channel_send(channel, 100);
        weir_task_end(kind, weir_task_begin(kind, weir_task_spawn(kind)));
        weir_task_finish(kind, WEIR_OUTCOME_OK);
    }
}

struct counted {
    struct weir_channel *channel[3];
    struct weir_task_kind *kind;
};

static void *count_in_thread(void *context)
{
    struct counted *counted = context;
    for (int i = 0; i < 3; i++) {
        count(counted->channel[i], counted->kind);
    }
    return NULL;
}

/* Two that are open, one of them without a label, and one that has gone with its messages queued. */
static void make_senders(struct weir_channel *channel)
{
    struct weir_sender *senders[] = {weir_sender_open(channel, "player 1"),
                                     weir_sender_open(channel, NULL),
                                     weir_sender_open(channel, "gone")};
    for (int i = 0; i < 3; i++) {
        struct weir_sent sent = weir_channel_send_from(channel, senders[i], 10);
        weir_channel_send_from(channel, senders[i], 20);
        weir_channel_receive_from(channel, sent, 10);
    }
    weir_sender_close(senders[2]);
}

/* One in each state. */
static void make_singles(struct weir_task_kind *kind, struct weir_channel *channel)
{
    static const char *const labels[] = {"idle", "scheduled", NULL, "done"};
    static struct weir_task tasks[4];
    for (int i = 0; i < 4; i++) {
        weir_task_open(&tasks[i], kind, labels[i]);
        weir_task_poll(&tasks[i]);
        weir_task_waits_for_channel(&tasks[i], channel);
        weir_task_polled(&tasks[i]);
    }
    weir_task_wake(&tasks[1]);
    weir_task_poll(&tasks[2]);
    weir_task_close(&tasks[3], WEIR_OUTCOME_OK);
}

static void make_loop(void)
{
    struct weir_loop_options options = WEIR_LOOP_INIT("game");
    struct weir_loop *loop = weir_loop_open(&options);
    weir_loop_begin(loop);
    weir_loop_end(loop);
    weir_loop_timer(loop, 1000);
    weir_loop_begin(loop);
}

static void make_objects(struct weir_channel *channel)
{
    static struct queue {
        uint64_t kind, depth, bytes;
    } queues[3];
    static const struct weir_layout layout =
        WEIR_LAYOUT_OF(struct queue, WEIR_FIELD(struct queue, kind, WEIR_FIELD_SAME, 0),
                       WEIR_FIELD(struct queue, depth, WEIR_FIELD_DEPTH, 100),
                       WEIR_FIELD(struct queue, bytes, WEIR_FIELD_BYTES, 0));
    for (int i = 0; i < 3; i++) {
        weir_object_open(channel, &queues[i], &layout, i ? "client-1" : NULL);
    }
}

/* Something of everything; handles of two chunks. */
static void make_handles(void)
{
    static const char *const names[] = {"moves", "out/bound",
                                        "a name of more than thirty-two bytes \xc3\xbc"};
    struct counted counted;
    struct weir_task_options task = WEIR_TASK_INIT("handler");
    task.latency = WEIR_LATENCY_FULL;
    counted.kind = weir_task_kind_open(&task);
    for (int i = 0; i < 3; i++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT(names[i], i ? 100 : WEIR_UNBOUNDED);
        options.latency = i == 2 ? WEIR_LATENCY_SAMPLED : WEIR_LATENCY_FULL;
        counted.channel[i] = weir_channel_open(&options);
        count(counted.channel[i], counted.kind);
        weir_channel_reject(counted.channel[i], WEIR_REJECT_FULL);
    }
    struct weir_semaphore_options semaphore = WEIR_SEMAPHORE_INIT("slots", 10);
    struct weir_semaphore *slots = weir_semaphore_open(&semaphore);
    weir_semaphore_acquire(slots, 3);
    weir_semaphore_reject(slots, WEIR_SEMAPHORE_EXHAUSTED);
    for (int i = 0; i < 12; i++) {
        struct weir_value_options value = WEIR_VALUE_INIT(i ? "joins" : "backpressure_rejects");
        weir_counter_add(weir_counter_open(&value), 5);
    }
    make_senders(counted.channel[0]);
    make_singles(counted.kind, counted.channel[1]);
    make_loop();
    struct weir_channel_options objects = WEIR_CHANNEL_INIT("writes", WEIR_UNBOUNDED);
    make_objects(weir_channel_open(&objects));
    struct weir_value_options value = WEIR_VALUE_INIT("players");
    value.unit = "players";
    value.help = "Players that are there.";
    value.capacity = 100;
    weir_gauge_set(weir_gauge_open(&value), -5);
    pthread_t thread;
    FUZZ_CHECK(pthread_create(&thread, NULL, count_in_thread, &counted) == 0);
    pthread_join(thread, NULL);
}

#endif
