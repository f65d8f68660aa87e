/* SPDX-License-Identifier: MIT */
/*
 * Senders. One that is closed keeps its block until its last message has left; whoever sees both, the
 * closing or the last hook, gives it back: closing stores GONE before it looks at what has left, and a
 * hook counts before it looks at the state, so that one of them sees the other.
 */
#include "weir/kind.h"
#include "segment/segment.h"

#include "weir/text.h"

#include <stddef.h>
#include <string.h>

static struct wi_sender *sender_of(struct weir_sender *sender)
{
    return (struct wi_sender *)(void *)sender;
}

static void sender_label(struct weir_sender *sender, const char *label)
{
    char clean[sizeof(sender->label)] = "";
    if (label) {
        wi_text_clean(label, clean, sizeof(clean));
    }
    for (size_t i = 0; i < sizeof(clean); i++) {
        __atomic_store_n(&sender->label[i], clean[i], __ATOMIC_RELAXED);
    }
}

#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

/* The lock is held. A reader may still be looking at what the block was before. */
static struct weir_sender *sender_open(uint32_t channel, const char *label)
{
    uint32_t taken = wi_table_take(WI_SENDERS, WI_SENDER_SLAB * WI_MAX_SENDER_SLABS);
    if (!taken) {
        __atomic_fetch_add(&wi_segment_header()->senders_refused, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    struct wi_sender *sender = wi_table_at(WI_SENDERS, taken - 1);
    uint32_t generation = __atomic_load_n(&sender->out.block.generation, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&sender->out.block.generation, generation, __ATOMIC_RELEASE);
    STORE(sender->out.left, 0);
    STORE(sender->out.bytes_out, 0);
    STORE(sender->out.opened_at, wi_segment_now());
    STORE(sender->in.sent, 0);
    STORE(sender->in.bytes_in, 0);
    STORE(sender->in.self, (uint64_t)generation << 32 | taken);
    STORE(sender->in.channel, channel);
    STORE(sender->in.channel_generation, wi_index_slot(channel)->generation);
    sender_label(&sender->in, label);
    STORE(wi_segment_slot(channel)->out.has_senders, 1);
    __atomic_store_n(&sender->out.block.state, WI_BLOCK_OPEN, __ATOMIC_RELEASE);
    return &sender->in;
}

struct weir_sender *weir_sender_open(struct weir_channel *channel, const char *label)
{
    if (!channel || !wi_segment_counts() || !wi_segment_lock()) {
        return NULL;
    }
    uint32_t id = wi_index_id(&channel->head);
    bool is_open = id != UINT32_MAX && wi_index_slot(id)->state == WI_SLOT_READY;
    struct weir_sender *sender = is_open ? sender_open(id, label) : NULL;
    wi_segment_unlock();
    return sender;
}

void weir_sender_close(struct weir_sender *sender)
{
    if (!sender || !wi_segment_counts()) {
        return;
    }
    struct wi_sender *self = sender_of(sender);
    uint64_t is = __atomic_load_n(&sender->self, __ATOMIC_RELAXED);
    uint32_t number = (uint32_t)is - 1;
    if (!wi_table_is(WI_SENDERS, number, self)) {
        wi_segment_lose();
        return;
    }
    uint32_t from = WI_BLOCK_OPEN;
    if (__atomic_compare_exchange_n(&self->out.block.state, &from, WI_BLOCK_GONE, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) &&
        __atomic_load_n(&self->out.left, __ATOMIC_SEQ_CST) >=
            __atomic_load_n(&sender->sent, __ATOMIC_SEQ_CST)) {
        wi_sender_free(number, (uint32_t)(is >> 32), WI_BLOCK_GONE);
    }
}

void weir_sender_sent(struct weir_sender *sender, size_t bytes)
{
    if (wi_segment_counts()) {
        __atomic_fetch_add(&sender->bytes_in, bytes, __ATOMIC_RELAXED);
        __atomic_fetch_add(&sender->sent, 1, __ATOMIC_SEQ_CST);
    }
}

void weir_sender_left(uint64_t sender, size_t bytes)
{
    uint32_t number = (uint32_t)sender - 1;
    if (number >= __atomic_load_n(&wi_index.n_blocks[WI_SENDERS], __ATOMIC_ACQUIRE) ||
        !wi_segment_counts()) {
        return;
    }
    struct wi_sender *self = wi_table_at(WI_SENDERS, number);
    if (__atomic_load_n(&self->out.block.generation, __ATOMIC_ACQUIRE) != sender >> 32) {
        return; /* its channel was closed, or this is a message from before a fork */
    }
    __atomic_fetch_add(&self->out.bytes_out, bytes, __ATOMIC_RELAXED);
    uint64_t left = __atomic_fetch_add(&self->out.left, 1, __ATOMIC_SEQ_CST) + 1;
    if (__atomic_load_n(&self->out.block.state, __ATOMIC_SEQ_CST) == WI_BLOCK_GONE &&
        left >= __atomic_load_n(&self->in.sent, __ATOMIC_SEQ_CST)) {
        wi_sender_free(number, (uint32_t)(sender >> 32), WI_BLOCK_GONE);
    }
}

void weir_channel_unsend_from(struct weir_channel *channel, struct weir_sent sent, size_t bytes,
                              enum weir_reject why)
{
    weir_channel_unsend(channel, bytes, why);
    weir_sender_left(sent.sender, bytes);
}

void weir_channel_discard_from(struct weir_channel *channel, struct weir_sent sent, size_t bytes,
                               enum weir_discard why)
{
    weir_channel_discard(channel, 1, bytes, why);
    weir_sender_left(sent.sender, bytes);
}
