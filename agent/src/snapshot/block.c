/* SPDX-License-Identifier: MIT */
/*
 * Collects senders and single tasks. Each is read when a caller asks for it, its generation before
 * and after, so that the numbers of one are never shown for another.
 */
#include "snapshot/collect.h"

#include "weir/atomic.h"
#include "weir/nanos.h"

#include <string.h>

#define BLOCK_TRIES 4

bool wi_collect_sender(const struct wi_collection *collection, size_t i,
                       struct wi_raw_sender *ret_sender)
{
    const struct wi_sender *before = wi_image_block(&collection->before, WI_SENDERS, i);
    const struct wi_sender *after = wi_image_block(&collection->image, WI_SENDERS, i);
    if (!before || !after) {
        return false;
    }
    /* These pair with sender_open and with the hooks of the sender; the fence keeps the last load the last. */
    uint32_t generation = wi_load_acquire(&before->out.block.generation);
    ret_sender->generation = generation;
    ret_sender->left = wi_load_acquire(&before->out.left);
    ret_sender->bytes_out = wi_load_acquire(&before->out.bytes_out);
    ret_sender->sent = wi_load_acquire(&after->in.sent);
    ret_sender->bytes_in = wi_load_acquire(&after->in.bytes_in);
    ret_sender->opened_at = wi_load_acquire(&after->out.opened_at);
    ret_sender->away_at = wi_load_acquire(&after->out.away_at);
    ret_sender->channel = wi_load_acquire(&after->in.channel);
    ret_sender->channel_generation = wi_load_acquire(&after->in.channel_generation);
    uint32_t state = wi_load_acquire(&after->out.block.state);
    ret_sender->is_gone = state == WI_BLOCK_GONE;
    ret_sender->is_away = state == WI_BLOCK_AWAY;
    wi_fence_acquire();
    return state != WI_BLOCK_FREE && wi_load_acquire(&after->out.block.generation) == generation;
}

/* The time from one moment to a later one; 0 when there is no such moment. */
static uint64_t block_nanos(const struct wi_collection *collection, uint64_t from, uint64_t to)
{
    return from && to > from ? wi_image_nanos(&collection->image, to - from) : 0;
}

/* The moment that the times are of: of the reading, or of the task's last event, if its hooks have run in the moment
 * since. Else the parts of its age would be more than the age. 0: the process has ended. */
static uint64_t block_now(const struct wi_collection *collection, uint64_t began, uint64_t rested)
{
    uint64_t now = collection->now_ticks;
    uint64_t last = began > rested ? began : rested;
    bool is_since = now && last > now && wi_image_nanos(&collection->image, last - now) < WI_SECOND;
    return is_since ? last : now;
}

/* Adds the time since the task came into its state, until `now`. */
static void block_bring_up(const struct wi_collection *collection,
                           struct wi_raw_task_instance *instance, uint64_t now, uint64_t began,
                           uint64_t rested, uint64_t woken)
{
    uint64_t from = woken > rested ? woken : rested;
    from = now && from > now ? now : from; /* woken after the reading */
    if (began) {
        instance->state = WI_RAW_RUNNING;
        instance->in_state = block_nanos(collection, began, now);
        instance->busy += instance->in_state;
    } else if (!rested) { /* a time has just ended */
        instance->state = woken ? WI_RAW_SCHEDULED : WI_RAW_IDLE;
    } else if (woken) {
        instance->state = WI_RAW_SCHEDULED;
        instance->in_state = block_nanos(collection, from, now);
        instance->scheduled += instance->in_state;
        instance->idle += block_nanos(collection, rested, from);
    } else {
        instance->state = WI_RAW_IDLE;
        instance->in_state = block_nanos(collection, rested, now);
        instance->idle += instance->in_state;
    }
}

/* Returns false when its hooks ran meanwhile: the times and the sums would not fit together. */
static bool block_instance(const struct wi_collection *collection,
                           const struct wi_task_instance *block,
                           struct wi_raw_task_instance *instance)
{
    /* These pair with instance_open, weir_task_wake, instance_poll, instance_polled and instance_close; after the
     * fence the same words are loaded again. */
    uint64_t began = wi_load_acquire(&block->run.began);
    uint64_t rested = wi_load_acquire(&block->run.rested);
    uint64_t woken = wi_load_acquire(&block->wake.woken);
    instance->generation = wi_load_acquire(&block->self.block.generation);
    uint32_t state = wi_load_acquire(&block->self.block.state);
    instance->polls = wi_load_acquire(&block->run.polls);
    instance->busy = wi_load_acquire(&block->run.busy);
    instance->scheduled = wi_load_acquire(&block->run.scheduled);
    instance->idle = wi_load_acquire(&block->run.idle);
    instance->wakes = wi_load_acquire(&block->wake.wakes);
    instance->self_wakes = wi_load_acquire(&block->wake.self_wakes);
    instance->waits_for = wi_load_acquire(&block->run.waits_for);
    instance->kind = wi_load_acquire(&block->self.kind);
    instance->kind_generation = wi_load_acquire(&block->self.kind_generation);
    uint64_t spawned = wi_load_acquire(&block->self.spawned);
    uint64_t done = wi_load_acquire(&block->self.done);
    wi_fence_acquire();
    bool is_whole = (began || rested || state != WI_BLOCK_OPEN) &&
                    wi_load_acquire(&block->self.block.generation) == instance->generation &&
                    wi_load_acquire(&block->run.began) == began &&
                    wi_load_acquire(&block->run.rested) == rested &&
                    wi_load_acquire(&block->wake.woken) == woken &&
                    wi_load_acquire(&block->self.block.state) == state;
    if (state == WI_BLOCK_GONE) {
        instance->state = WI_RAW_DONE;
        instance->in_state = block_nanos(collection, done, collection->now_ticks);
        instance->age = block_nanos(collection, spawned, done);
    } else {
        uint64_t now = block_now(collection, began, rested);
        instance->age = block_nanos(collection, spawned, now);
        block_bring_up(collection, instance, now, began, rested, woken);
    }
    instance->generation = state == WI_BLOCK_FREE ? 0 : instance->generation;
    return is_whole;
}

bool wi_collect_task_instance(const struct wi_collection *collection, size_t i,
                              struct wi_raw_task_instance *ret_instance)
{
    const struct wi_task_instance *block = wi_image_block(&collection->image, WI_TASK_INSTANCES, i);
    memset(ret_instance, 0, sizeof(*ret_instance));
    if (!block) {
        return false;
    }
    /* Pairs with instance_open. */
    uint32_t generation = wi_load_acquire(&block->self.block.generation);
    for (int try = 0; try < BLOCK_TRIES && !block_instance(collection, block, ret_instance);
         try++) {
    }
    return ret_instance->generation != 0 && ret_instance->generation == generation;
}
