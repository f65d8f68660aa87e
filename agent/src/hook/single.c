/* SPDX-License-Identifier: MIT */
/*
 * Single tasks. The state is not kept but follows from three times: a poll that has begun and not ended
 * is running, a wake that no poll has taken is scheduled, else it is idle. So waking needs no lock and
 * cannot leave a wrong state behind.
 */
#include "hook/thread.h"
#include "segment/file.h"

#include <string.h>

#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)
#define LOAD(place)         __atomic_load_n(&(place), __ATOMIC_RELAXED)

static uint64_t single_nanos(uint64_t from, uint64_t to)
{
    return to > from ? weir_ticks_to_nanos(to - from) : 0;
}

static struct wi_single *single_of(const struct weir_task *task)
{
    return (struct wi_single *)(void *)task->row;
}

/* A time of 0 means none. */
static uint64_t single_now(void)
{
    return weir_ticks() | 1;
}

/* ---- open ---------------------------------------------------------------------------------- */

/* Histograms stay with the block: the next task has them, too. */
static void single_histograms(struct wi_single *single)
{
    for (int which = 0; which < 2; which++) {
        uint32_t line = single->self.histogram[which];
        if (line) {
            wi_words_zero(wi_segment_line(line), sizeof(struct weir_histogram));
        } else {
            STORE(single->self.histogram[which], wi_segment_take_histogram());
        }
    }
}

/* The lock is held. */
static struct wi_single *single_open(const struct weir_slot_head *kind, const char *label)
{
    struct wi_header *header = wi_segment_header();
    uint32_t line = wi_table_take(WI_SINGLES, header->max_singles);
    if (!line) {
        __atomic_fetch_add(&header->singles_refused, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    struct wi_single *single = wi_segment_line(line);
    char clean[sizeof(single->label)] = "";
    if (label) {
        wi_text_clean(clean, sizeof(clean), label);
    }
    STORE(single->self.block.state, WI_BLOCK_FREE);
    __atomic_fetch_add(&single->self.block.generation, 1, __ATOMIC_ACQ_REL);
    wi_words_zero(&single->run, sizeof(single->run));
    wi_words_zero(&single->wake, sizeof(single->wake));
    single_histograms(single);
    for (size_t i = 0; i < sizeof(clean); i++) {
        STORE(single->label[i], clean[i]);
    }
    uint64_t now = single_now();
    STORE(single->self.kind, kind->id & ~WEIR_ID_SHARED);
    STORE(single->self.kind_generation, kind->generation);
    STORE(single->self.opened_at, wi_segment_now());
    STORE(single->self.spawned, now);
    STORE(single->self.done, 0);
    STORE(single->run.rested, now);
    STORE(single->wake.woken, now);
    __atomic_store_n(&single->self.block.state, WI_BLOCK_OPEN, __ATOMIC_RELEASE);
    return single;
}

void weir_task_open(struct weir_task *ret_task, struct weir_task_kind *kind, const char *label)
{
    memset(ret_task, 0, sizeof(*ret_task));
    if (!kind || !wi_segment_counts()) {
        return;
    }
    ret_task->kind = kind;
    ret_task->pending = weir_task_spawn(kind);
    if (!wi_segment_lock()) {
        return;
    }
    if (kind->head.state == WI_SLOT_READY) {
        ret_task->row = (struct weir_task_row *)(void *)single_open(&kind->head, label);
    }
    wi_segment_unlock();
}

/* ---- wake, poll ---------------------------------------------------------------------------- */

void weir_task_wake(struct weir_task *task)
{
    struct wi_single *single = single_of(task);
    if (!single || !wi_segment_counts()) {
        return;
    }
    uint64_t none = 0;
    __atomic_compare_exchange_n(&single->wake.woken, &none, single_now(), false, __ATOMIC_ACQ_REL,
                                __ATOMIC_RELAXED);
    __atomic_fetch_add(&single->wake.wakes, 1, __ATOMIC_RELAXED);
    if (weir_self.shard && LOAD(single->run.began) && LOAD(single->run.shard) == weir_self.shard) {
        __atomic_fetch_add(&single->wake.self_wakes, 1, __ATOMIC_RELAXED);
    }
}

/* Ends the time since the last poll: idle until the task was woken, scheduled since. A wake that came
 * while it ran counts from the end of that run. Returns how long it was scheduled. */
static uint64_t single_rested(struct wi_single *single, uint64_t woken, uint64_t now)
{
    uint64_t rested = LOAD(single->run.rested);
    uint64_t from = !woken ? now : woken > rested ? woken : rested;
    uint64_t delay = single_nanos(from, now);
    wi_word_add(&single->run.idle, single_nanos(rested, from));
    wi_word_add(&single->run.scheduled, delay);
    return delay;
}

static void single_poll(struct wi_single *single, uint64_t now)
{
    uint64_t woken = __atomic_exchange_n(&single->wake.woken, 0, __ATOMIC_ACQ_REL);
    uint64_t delay = single_rested(single, woken, now);
    if (woken) {
        wi_sample_measure(LOAD(single->self.histogram[1]), delay);
    }
    STORE(single->run.shard, weir_self.shard);
    STORE(single->run.waits_for, 0);
    wi_word_add(&single->run.polls, 1);
    __atomic_store_n(&single->run.began, now, __ATOMIC_RELEASE);
}

void weir_task_poll(struct weir_task *task)
{
    struct wi_single *single = single_of(task);
    task->running = weir_task_begin(task->kind, task->pending);
    task->pending = 0;
    task->is_running = 1;
    if (single && wi_segment_counts() && !LOAD(single->run.began)) {
        single_poll(single, single_now());
    }
}

static void single_polled(struct wi_single *single, uint64_t now)
{
    uint64_t nanos = single_nanos(LOAD(single->run.began), now);
    wi_word_add(&single->run.busy, nanos);
    wi_sample_measure(LOAD(single->self.histogram[0]), nanos);
    STORE(single->run.rested, now);
    __atomic_store_n(&single->run.began, 0, __ATOMIC_RELEASE);
}

void weir_task_polled(struct weir_task *task)
{
    struct wi_single *single = single_of(task);
    weir_task_end(task->kind, task->running);
    task->running = 0;
    task->is_running = 0;
    if (single && wi_segment_counts() && LOAD(single->run.began)) {
        single_polled(single, single_now());
    }
}

static void single_waits_for(struct weir_task *task, const struct weir_slot_head *head)
{
    struct wi_single *single = single_of(task);
    if (single && wi_segment_counts()) {
        STORE(single->run.waits_for,
              head ? (uint64_t)head->generation << 32 | (1 + (head->id & ~WEIR_ID_SHARED)) : 0);
    }
}

void weir_task_waits_for_channel(struct weir_task *task, const struct weir_channel *channel)
{
    single_waits_for(task, channel ? &channel->head : NULL);
}

void weir_task_waits_for_semaphore(struct weir_task *task, const struct weir_semaphore *semaphore)
{
    single_waits_for(task, semaphore ? &semaphore->head : NULL);
}

/* ---- close --------------------------------------------------------------------------------- */

/* Its kind goes on with its totals. First GONE, then the totals: a reader that has them already does not
 * count the task, too. */
static void single_close(struct wi_single *single, struct weir_task_kind *kind)
{
    uint64_t now = single_now();
    if (LOAD(single->run.began)) {
        single_polled(single, now);
    } else {
        (void)single_rested(single, LOAD(single->wake.woken), now);
    }
    STORE(single->self.done, now);
    uint32_t from = WI_BLOCK_OPEN;
    if (!__atomic_compare_exchange_n(&single->self.block.state, &from, WI_BLOCK_GONE, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        return;
    }
    struct wi_slot *slot = (struct wi_slot *)(void *)kind;
    const uint64_t totals[4] = {LOAD(single->run.polls), LOAD(single->run.busy),
                                LOAD(single->run.scheduled), LOAD(single->run.idle)};
    for (int i = 0; i < 4; i++) {
        __atomic_fetch_add(&slot->in.rejects[i], totals[i], __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_add(&slot->in.other, LOAD(single->wake.wakes), __ATOMIC_SEQ_CST);
    size_t offset = (size_t)((unsigned char *)single - wi_segment.base);
    wi_table_give_back(WI_SINGLES, (uint32_t)(offset / WEIR_LINE));
}

void weir_task_close(struct weir_task *task, enum weir_outcome outcome)
{
    struct wi_single *single = single_of(task);
    if (task->kind && wi_segment_counts()) {
        if (single) {
            single_close(single, task->kind);
        }
        if (task->is_running) {
            weir_task_end(task->kind, task->running);
        }
        weir_task_finish(task->kind, outcome);
    }
    memset(task, 0, sizeof(*task));
}

/* ---- for the segment ----------------------------------------------------------------------- */

void wi_singles_zero(void)
{
    uint32_t n = wi_segment_header()->tables[WI_SINGLES].n_blocks;
    for (uint32_t i = 0; i < n; i++) {
        struct wi_single *single = wi_segment_line(wi_table_line(WI_SINGLES, i));
        single->run.polls = single->run.busy = single->run.scheduled = single->run.idle = 0;
        single->wake.wakes = single->wake.self_wakes = 0;
        for (int which = 0; which < 2; which++) {
            if (single->self.histogram[which]) {
                memset(wi_segment_line(single->self.histogram[which]), 0,
                       sizeof(struct weir_histogram));
            }
        }
    }
}
