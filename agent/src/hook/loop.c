/* SPDX-License-Identifier: MIT */
/* Event loops: the time of one thread between two waits. The words belong to that thread: plain
 * stores, no atomic adds. */
#include "hook/options.h"
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/kind.h"

#include <string.h>

static struct wi_slot *loop_slot(struct weir_loop *loop)
{
    return (struct wi_slot *)(void *)loop;
}

static void loop_add(struct wi_slot *slot, enum wi_loop_word word, uint64_t n)
{
    wi_word_add(wi_slot_word(slot, word), n);
}

/* Ends the time that is under way, and tells when. First the end, then the clock: what comes after it is not of it. */
static uint64_t loop_stop(struct wi_slot *slot)
{
    wi_store_relaxed(&slot->in.other, 0);
    /* Pairs with nothing: the compiler asks the clock after the store. */
    wi_fence_signal();
    return weir_ticks();
}

/* Puts a time that has ended in its sum. A reader that finds it there has none to add to it. */
static void loop_spend(struct wi_slot *slot, enum wi_loop_word word, uint64_t nanos)
{
    uint64_t *at = wi_slot_word(slot, word);
    /* Pairs with pass_loop of readers: loop_stop comes first. */
    wi_store_release(at, wi_load_relaxed(at) + nanos);
}

static void loop_raise(struct wi_slot *slot, enum wi_loop_word word, uint64_t n)
{
    uint64_t *at = wi_slot_word(slot, word);
    if (n > wi_load_relaxed(at)) {
        wi_store_relaxed(at, n);
    }
}

static void loop_measure(struct weir_loop *loop, unsigned which, uint64_t nanos)
{
    const struct wi_slot_entry *entry = wi_index_entry(&loop->head);
    if (entry) {
        wi_sample_measure(wi_load_relaxed(&entry->histogram[which]), nanos);
    }
}

struct weir_loop *weir_loop_open(const struct weir_loop_options *options)
{
    struct weir_loop_options asked = WEIR_LOOP_INIT(NULL);
    if (!options) {
        return NULL;
    }
    wi_options_read_for("loop", &asked, sizeof(asked), options);
    const struct wi_opening opening = {
        .kind = WI_LOOP,
        .has_histograms = true,
        .name = asked.name,
        .capacity = asked.period_nanos,
        .latency = WEIR_LATENCY_OFF,
        .storage = WEIR_STORAGE_SHARED,
        .source_file = asked.source_file,
        .source_line = asked.source_line,
    };
    return (struct weir_loop *)wi_slot_open(&opening);
}

/* The present wait or iteration counts until now. */
static void loop_settle(struct weir_loop *loop)
{
    struct wi_slot *slot = loop_slot(loop);
    uint64_t since = wi_load_relaxed(&slot->in.other);
    uint64_t now = loop_stop(slot);
    if (since && now > since) {
        loop_spend(slot, since & 1 ? WI_LOOP_WORD_BUSY : WI_LOOP_WORD_IDLE,
                   weir_ticks_to_nanos(now - since));
    }
}

void weir_loop_close(struct weir_loop *loop)
{
    if (loop && wi_segment_counts()) {
        loop_settle(loop);
    }
    wi_slot_close(loop ? &loop->head : NULL);
}

void weir_loop_set_period(struct weir_loop *loop, uint64_t period_nanos)
{
    if (loop && wi_slot_counts()) {
        wi_store_relaxed(&loop->head.capacity, period_nanos);
    }
}

/* One word says since when the loop works (odd) or waits (even), so that a reader never takes the
 * time of one for the other. 0: neither yet. */
void weir_loop_begin(struct weir_loop *loop)
{
    if (!loop || !wi_segment_counts()) {
        return;
    }
    struct wi_slot *slot = loop_slot(loop);
    uint64_t since = wi_load_relaxed(&slot->in.other);
    if (since & 1) {
        return;
    }
    uint64_t now = loop_stop(slot) | 1;
    if (since && now > since) {
        loop_spend(slot, WI_LOOP_WORD_IDLE, weir_ticks_to_nanos(now - since));
    }
    /* Pairs with pass_loop of readers: the time that ends is counted. */
    wi_store_release(&slot->in.other, now);
}

void weir_loop_end(struct weir_loop *loop)
{
    if (!loop || !wi_segment_counts()) {
        return;
    }
    struct wi_slot *slot = loop_slot(loop);
    uint64_t since = wi_load_relaxed(&slot->in.other);
    if (since && !(since & 1)) {
        return;
    }
    uint64_t now = (loop_stop(slot) + 1) & ~UINT64_C(1);
    if (since) {
        uint64_t nanos = now > since ? weir_ticks_to_nanos(now - since) : 0;
        loop_spend(slot, WI_LOOP_WORD_BUSY, nanos);
        loop_add(slot, WI_LOOP_WORD_ITERATIONS, 1);
        loop_raise(slot, WI_LOOP_WORD_WORST, nanos);
        loop_measure(loop, 0, nanos);
    }
    /* Pairs with pass_loop of readers: the iteration is counted. */
    wi_store_release(&slot->in.other, now);
}

void weir_loop_timer(struct weir_loop *loop, uint64_t late_nanos)
{
    if (loop && wi_segment_counts()) {
        struct wi_slot *slot = loop_slot(loop);
        loop_add(slot, WI_LOOP_WORD_TIMERS, 1);
        loop_raise(slot, WI_LOOP_WORD_LATEST, late_nanos);
        loop_measure(loop, 1, late_nanos);
    }
}
