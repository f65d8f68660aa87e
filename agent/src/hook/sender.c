/* SPDX-License-Identifier: MIT */
/*
 * Senders. A closed sender keeps its block until its last message has left. Then either the close
 * or the last hook gives the block back: the one that sees both facts. The close stores GONE before
 * it loads the counts, and a hook counts before it loads the state, so that at least one of them
 * sees the other.
 *
 * That a sender is away is a state of its block, which no other count depends on: readers derive its
 * orphans from what it has queued. The state changes together with the generation, so a call that comes
 * late changes nothing for the block's next owner.
 */
#include "weir/atomic.h"
#include "segment/segment.h"

#include "weir/text.h"

#include <stddef.h>

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
        wi_store_relaxed(&sender->label[i], clean[i]);
    }
}

/* The lock is held. A reader may still be reading the block's earlier content. */
static struct weir_sender *sender_open(uint32_t channel, const char *label)
{
    uint32_t taken = wi_table_take(WI_SENDERS, WI_SENDER_SLAB * WI_MAX_SENDER_SLABS);
    if (!taken) {
        wi_add_relaxed(&wi_segment_header()->senders_refused, 1);
        return NULL;
    }
    struct wi_sender *sender = wi_table_at(WI_SENDERS, taken - 1);
    uint32_t generation = wi_load_relaxed(&sender->out.block.generation) + 1;
    /* Pairs with weir_sender_left, and with wi_collect_sender of readers. */
    wi_store_release(&sender->out.block.generation, generation);
    wi_store_relaxed(&sender->out.left, 0);
    wi_store_relaxed(&sender->out.bytes_out, 0);
    wi_store_relaxed(&sender->out.opened_at, wi_segment_now());
    wi_store_relaxed(&sender->out.away_at, 0);
    wi_store_relaxed(&sender->in.sent, 0);
    wi_store_relaxed(&sender->in.bytes_in, 0);
    wi_store_relaxed(&sender->in.self, (uint64_t)generation << 32 | taken);
    wi_store_relaxed(&sender->in.channel, channel);
    wi_store_relaxed(&sender->in.channel_generation, wi_index_slot(channel)->generation);
    sender_label(&sender->in, label);
    wi_store_relaxed(&wi_segment_slot(channel)->out.has_senders, 1);
    /* Pairs with wi_senders_close, and with wi_collect_sender of readers. */
    wi_store_release(&sender->out.block.state, WI_BLOCK_OPEN);
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

/* The number and the generation of a sender's block. Returns false when there is none, or another process has
 * overwritten the segment. */
static bool sender_is(struct weir_sender *sender, uint32_t *ret_number, uint32_t *ret_generation)
{
    if (!sender || !wi_segment_counts()) {
        return false;
    }
    uint64_t is = wi_load_relaxed(&sender->self);
    *ret_number = (uint32_t)is - 1;
    *ret_generation = (uint32_t)(is >> 32);
    if (!wi_table_is(WI_SENDERS, *ret_number, sender_of(sender))) {
        wi_segment_lose();
        return false;
    }
    return true;
}

void weir_sender_close(struct weir_sender *sender)
{
    uint32_t number, generation;
    if (!sender_is(sender, &number, &generation)) {
        return;
    }
    struct wi_sender *self = sender_of(sender);
    uint32_t from = WI_BLOCK_OPEN;
    bool is_closed = false;
    /* Pairs with weir_sender_left: this stores the state and loads left, that one adds to left and loads the state.
     * It is tried again only when the sender has just gone away or come back in another thread. */
    while (!is_closed && (from == WI_BLOCK_OPEN || from == WI_BLOCK_AWAY)) {
        is_closed = wi_replace_seq_cst(&self->out.block.state, &from, WI_BLOCK_GONE);
    }
    if (is_closed && wi_load_seq_cst(&self->out.left) >= wi_load_seq_cst(&sender->sent)) {
        wi_sender_free(number, generation, WI_BLOCK_GONE);
    }
}

void weir_sender_away(struct weir_sender *sender)
{
    uint32_t number, generation;
    if (sender_is(sender, &number, &generation) &&
        wi_sender_turn(number, generation, WI_BLOCK_OPEN, WI_BLOCK_AWAY)) {
        wi_store_relaxed(&sender_of(sender)->out.away_at, wi_segment_now());
    }
}

void weir_sender_back(struct weir_sender *sender)
{
    uint32_t number, generation;
    if (sender_is(sender, &number, &generation)) {
        wi_sender_turn(number, generation, WI_BLOCK_AWAY, WI_BLOCK_OPEN);
    }
}

void weir_sender_sent(struct weir_sender *sender, size_t bytes)
{
    if (wi_segment_counts()) {
        wi_add_relaxed(&sender->bytes_in, bytes);
        /* Pairs with the loads of sent in weir_sender_close and weir_sender_left. */
        wi_add_seq_cst(&sender->sent, 1);
    }
}

void weir_sender_left(uint64_t sender, size_t bytes)
{
    uint32_t number = (uint32_t)sender - 1;
    /* Pairs with wi_table_take. */
    if (number >= wi_load_acquire(&wi_index.n_blocks[WI_SENDERS]) || !wi_segment_counts()) {
        return;
    }
    struct wi_sender *self = wi_table_at(WI_SENDERS, number);
    /* Pairs with sender_open and wi_senders_close. */
    if (wi_load_acquire(&self->out.block.generation) != sender >> 32) {
        return; /* its channel was closed, or this is a message from before a fork */
    }
    wi_add_relaxed(&self->out.bytes_out, bytes);
    /* Pairs with weir_sender_close. */
    uint64_t left = wi_add_seq_cst(&self->out.left, 1) + 1;
    if (wi_load_seq_cst(&self->out.block.state) == WI_BLOCK_GONE &&
        left >= wi_load_seq_cst(&self->in.sent)) {
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
