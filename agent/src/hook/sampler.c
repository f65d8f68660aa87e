/* SPDX-License-Identifier: MIT */
/*
 * Decides which messages are timed, and in which histogram their waits are stored. The gap between
 * two samples is random, because a fixed gap can fall in step with batches. Its mean follows the
 * rate: a thread takes about 4,000 samples a second on a busy channel, and times every message on a
 * slow one.
 */
#include "hook/clock.h"
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/kind.h"

#define SAMPLER_INTERVAL_NANOS 250000
#define SAMPLER_MAX_LEVEL      9 /* mean gap 512, so a weight fits in 10 bits */

/* xorshift64, one state for each thread. */
static uint64_t sampler_random(uint64_t seed)
{
    static WEIR_THREAD uint64_t state WEIR_TLS_MODEL;
    uint64_t x = state ? state : seed | 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    state = x;
    return x;
}

weir_ticket weir_sample_slow(struct weir_slot_head *head, struct weir_cell *cell)
{
    if (head->sampling == WEIR_SAMPLING_OFF) {
        cell->left = UINT32_MAX;
        return 0;
    }
    uint64_t now = weir_ticks();
    uint32_t weight = cell->gap ? cell->gap : 1;
    uint8_t level = cell->level <= SAMPLER_MAX_LEVEL
                        ? cell->level
                        : 0; /* a word that other processes may write */
    uint64_t elapsed = now - cell->last;
    uint64_t interval = wi_clock_ticks_of(SAMPLER_INTERVAL_NANOS);
    cell->last = now;
    if (elapsed < interval / 2 && level < SAMPLER_MAX_LEVEL) {
        level++;
    } else if (elapsed > interval * 2 && level > 0) {
        level--;
    }
    cell->level = level;
    /* Uniform from 1 to 2 * mean - 1. */
    uint32_t span = (2U << level) - 1;
    uint16_t gap = (uint16_t)(level ? 1 + sampler_random(now) % span : 1);
    cell->gap = gap;
    cell->left = gap - 1U;
    wi_clock_refine(now);
    return weir_ticket_make(now, weight);
}

#define SAMPLER_WEIGHT_MOST ((UINT64_C(1) << (64 - WEIR_TICKET_TICK_BITS)) - 1)

/* The messages of the batch after the sample belong to the next gap. If the batch goes beyond that gap, they are
 * measured with this sample. So each message is measured once. */
weir_ticket weir_sample_n_slow(struct weir_slot_head *head, struct weir_cell *cell, uint64_t n)
{
    if (head->sampling == WEIR_SAMPLING_ALL) {
        uint64_t weight = n < SAMPLER_WEIGHT_MOST ? n : SAMPLER_WEIGHT_MOST;
        wi_store_relaxed(&cell->left, 0);
        return weir_ticket_make(weir_ticks(), (uint32_t)weight);
    }
    uint64_t left = wi_load_relaxed(&cell->left); /* a signal handler may have sampled meanwhile */
    uint64_t rest = n > left ? n - left - 1 : 0;
    weir_ticket ticket = weir_sample_slow(head, cell);
    if (!ticket || weir_cell_pass(&cell->left, rest)) {
        return ticket;
    }
    uint64_t weight = (ticket >> WEIR_TICKET_TICK_BITS) + rest;
    return weir_ticket_make(
        ticket, (uint32_t)(weight < SAMPLER_WEIGHT_MOST ? weight : SAMPLER_WEIGHT_MOST));
}

#define SAMPLER_SHARED_GAP 64

/* How many of the first `count` messages are measured: all of the first ones, then each one that ends a gap, for those
 * before it. */
static uint64_t sampler_measured(uint64_t count)
{
    return count < SAMPLER_SHARED_GAP ? count : count - count % SAMPLER_SHARED_GAP;
}

weir_ticket wi_sample_shared(const struct weir_slot_head *head, uint64_t count, uint64_t n)
{
    if (head->sampling == WEIR_SAMPLING_OFF || !wi_segment_counts() || n == 0) {
        return 0;
    }
    uint64_t weight = head->sampling == WEIR_SAMPLING_ALL
                          ? n
                          : sampler_measured(count + n) - sampler_measured(count);
    weight = weight < SAMPLER_WEIGHT_MOST ? weight : SAMPLER_WEIGHT_MOST;
    return weight ? weir_ticket_make(weir_ticks(), (uint32_t)weight) : 0;
}

/* One of the histograms of a slot, made if need be; NULL: no room. The lock is held. */
static struct weir_histogram *sampler_make(uint32_t id, unsigned which)
{
    struct wi_slot_entry *entry = wi_index_slot(id);
    if (!entry->histogram[which] && wi_segment_may_open()) {
        struct weir_histogram *made = wi_segment_take_histogram();
        /* The first pairs with sampler_shared, the second with wi_collect_histogram of readers. */
        wi_store_release(&entry->histogram[which], made);
        wi_store_release(&wi_segment_slot(id)->head.histogram[which], wi_segment_line_of(made));
    }
    return entry->histogram[which];
}

/* The shared histogram of a slot, made if need be; NULL: no room, or not this time. */
static struct weir_histogram *sampler_shared(uint32_t id, unsigned which)
{
    struct wi_slot_entry *entry = wi_index_slot(id);
    /* Pairs with sampler_make. */
    struct weir_histogram *histogram = wi_load_acquire(&entry->histogram[which]);
    if (histogram || !wi_segment_may_open() || wi_thread_is_refused() || !wi_segment_trylock()) {
        return histogram;
    }
    if (entry->state == WI_SLOT_READY) {
        histogram = sampler_make(id, which);
        if (!histogram) {
            wi_thread_refuse();
        }
    }
    wi_segment_unlock();
    return histogram;
}

/* A histogram of the calling thread's own for a cell that it has, so that from now on the inline
 * path needs no atomic add. Returns false when there is no room. The lock is held. */
static bool sampler_own(uint32_t id, struct weir_cell *cell)
{
    struct weir_histogram **histograms = wi_thread_histograms(id >> WEIR_CHUNK_SHIFT);
    struct weir_histogram **own = histograms ? &histograms[id & (WEIR_CHUNK_CELLS - 1)] : NULL;
    if (!own || *own) {
        return own; /* a signal handler came first */
    }
    struct weir_histogram *made = wi_segment_take_histogram();
    /* The first pairs with wi_collect_histogram of readers, the second with wi_index_own_histogram. */
    wi_store_release(&cell->u.channel.histogram, wi_segment_line_of(made));
    wi_store_release(own, made);
    return made;
}

/* Task kinds time two things: pending and running. Loops have theirs from the start. */
static unsigned sampler_n_histograms(uint8_t kind)
{
    return kind == WI_TASK ? 2 : kind == WI_CHANNEL || kind == WI_SEMAPHORE;
}

void wi_sampler_prepare(uint32_t id)
{
    const struct weir_slot_head *head = &wi_segment_slot(id)->head;
    const struct wi_slot_entry *entry = wi_index_slot(id);
    if (head->sampling == WEIR_SAMPLING_OFF) {
        return;
    }
    for (unsigned which = 0; which < sampler_n_histograms(entry->kind); which++) {
        sampler_make(id, which);
    }
    struct weir_cell *cell = entry->is_shared ? NULL : weir_cell_find(id);
    if (cell && entry->kind == WI_CHANNEL && head->sampling == WEIR_SAMPLING_ALL &&
        !wi_segment_is_family()) {
        sampler_own(id, cell);
    }
}

static void sampler_add(struct weir_histogram *histogram, uint64_t nanos, uint64_t weight)
{
    uint64_t *bucket = &histogram->bucket[weir_histogram_bucket(nanos)];
    wi_add_relaxed(bucket, weight);
    wi_add_relaxed(&histogram->sum, nanos * weight);
    uint64_t max = wi_load_relaxed(&histogram->max);
    while (nanos > max && !wi_try_replace_relaxed(&histogram->max, &max, nanos)) {
    }
}

void wi_sample_measure(struct weir_histogram *histogram, uint64_t nanos)
{
    if (histogram) {
        sampler_add(histogram, nanos, 1);
    } else {
        wi_add_relaxed(&wi_segment_header()->samples_lost, 1);
    }
}

void weir_wait_slow(struct weir_slot_head *head, struct weir_cell *cell, unsigned which,
                    weir_ticket ticket, uint64_t now)
{
    uint32_t id = wi_segment_counts() ? wi_index_id(head) : UINT32_MAX;
    if (id == UINT32_MAX) {
        return;
    }
    struct weir_histogram *histogram = sampler_shared(id, which & 1U);
    if (!histogram) {
        wi_add_relaxed(&wi_segment_header()->samples_lost, 1);
        return;
    }
    sampler_add(histogram, weir_ticks_to_nanos(weir_ticket_age(ticket, now)),
                ticket >> WEIR_TICKET_TICK_BITS);
    if (cell && cell == weir_cell_find(id) && wi_index_slot(id)->kind == WI_CHANNEL &&
        head->sampling == WEIR_SAMPLING_ALL && !wi_segment_is_family() && !wi_thread_is_refused() &&
        wi_segment_trylock()) {
        if (!sampler_own(id, cell)) {
            wi_thread_refuse();
        }
        wi_segment_unlock();
    }
}
