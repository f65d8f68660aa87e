/* SPDX-License-Identifier: MIT */
/* The inline hooks as functions, for languages that cannot inline them and for dlsym. */
#include "weir/weir.h"

weir_ticket weir_call_channel_send(struct weir_channel *channel, size_t bytes)
{
    return weir_channel_send(channel, bytes);
}

void weir_call_channel_receive(struct weir_channel *channel, weir_ticket ticket, size_t bytes)
{
    weir_channel_receive(channel, ticket, bytes);
}

weir_ticket weir_call_channel_send_n(struct weir_channel *channel, uint64_t n, uint64_t bytes)
{
    return weir_channel_send_n(channel, n, bytes);
}

void weir_call_channel_receive_n(struct weir_channel *channel, weir_ticket ticket, uint64_t n,
                                 uint64_t bytes)
{
    weir_channel_receive_n(channel, ticket, n, bytes);
}

void weir_call_channel_bytes(struct weir_channel *channel, uint64_t in, uint64_t out)
{
    weir_channel_bytes(channel, in, out);
}

struct weir_sent weir_call_channel_send_from(struct weir_channel *channel,
                                             struct weir_sender *sender, size_t bytes)
{
    return weir_channel_send_from(channel, sender, bytes);
}

void weir_call_channel_receive_from(struct weir_channel *channel, struct weir_sent sent,
                                    size_t bytes)
{
    weir_channel_receive_from(channel, sent, bytes);
}

void weir_call_semaphore_acquire(struct weir_semaphore *semaphore, uint32_t n)
{
    weir_semaphore_acquire(semaphore, n);
}

void weir_call_semaphore_release(struct weir_semaphore *semaphore, uint32_t n)
{
    weir_semaphore_release(semaphore, n);
}

weir_ticket weir_call_task_spawn(struct weir_task_kind *kind)
{
    return weir_task_spawn(kind);
}

weir_ticket weir_call_task_begin(struct weir_task_kind *kind, weir_ticket pending)
{
    return weir_task_begin(kind, pending);
}

void weir_call_task_end(struct weir_task_kind *kind, weir_ticket running)
{
    weir_task_end(kind, running);
}

void weir_call_task_finish(struct weir_task_kind *kind, enum weir_outcome outcome)
{
    weir_task_finish(kind, outcome);
}

void weir_call_counter_add(struct weir_counter *counter, uint64_t n)
{
    weir_counter_add(counter, n);
}
