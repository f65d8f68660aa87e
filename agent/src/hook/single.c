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

/* The row of a task; NULL: it has none. */
static struct wi_single *single_of(const struct weir_task *task)
{
    void *row = task->row;
    return row && wi_table_is(WI_SINGLES, task->number, row) ? row : NULL;
}

static void single_measure(uint32_t number, unsigned which, uint64_t nanos)
{
    wi_sample_measure(LOAD(wi_table_histograms(WI_SINGLES, number)[which]), nanos);
}

/* A time of 0 means none. */
static uint64_t single_now(void)
{
    return weir_ticks() | 1;
}

/* ---- open ---------------------------------------------------------------------------------- */

/* Histograms stay with the block: the next task has them, too. */
static void single_histograms(uint32_t number)
{
    struct wi_single *single = wi_table_at(WI_SINGLES, number);
    struct weir_histogram **histograms = wi_table_histograms(WI_SINGLES, number);
    for (int which = 0; which < 2; which++) {
        if (histograms[which]) {
            wi_words_zero(histograms[which], sizeof(struct weir_histogram));
        } else {
            STORE(histograms[which], wi_segment_take_histogram());
            STORE(single->self.histogram[which], wi_segment_line_of(histograms[which]));
        }
    }
}

/* The lock is held. */
static void single_open(struct weir_task *task, uint32_t kind, const char *label)
{
    uint32_t taken = wi_table_take(WI_SINGLES, wi_segment.max_singles);
    if (!taken) {
        __atomic_fetch_add(&wi_segment_header()->singles_refused, 1, __ATOMIC_RELAXED);
        return;
    }
    struct wi_single *single = wi_table_at(WI_SINGLES, taken - 1);
    char clean[sizeof(single->label)] = "";
    if (label) {
        wi_text_clean(clean, sizeof(clean), label);
    }
    STORE(single->self.block.state, WI_BLOCK_FREE);
    __atomic_fetch_add(&single->self.block.generation, 1, __ATOMIC_ACQ_REL);
    wi_words_zero(&single->run, sizeof(single->run));
    wi_words_zero(&single->wake, sizeof(single->wake));
    single_histograms(taken - 1);
    for (size_t i = 0; i < sizeof(clean); i++) {
        STORE(single->label[i], clean[i]);
    }
    uint64_t now = single_now();
    STORE(single->self.kind, kind);
    STORE(single->self.kind_generation, wi_index_slot(kind)->generation);
    STORE(single->self.opened_at, wi_segment_now());
    STORE(single->self.spawned, now);
    STORE(single->self.done, 0);
    STORE(single->run.rested, now);
    STORE(single->wake.woken, now);
    __atomic_store_n(&single->self.block.state, WI_BLOCK_OPEN, __ATOMIC_RELEASE);
    task->row = (struct weir_task_row *)(void *)single;
    task->number = taken - 1;
}

void weir_task_open(struct weir_task *ret_task, struct weir_task_kind *kind, const char *label)
{
    memset(ret_task, 0, sizeof(*ret_task));
    if (!kind || !wi_slot_counts()) {
        return;
    }
    ret_task->kind = kind;
    ret_task->pending = weir_task_spawn(kind);
    if (!wi_segment_counts() || !wi_segment_lock()) {
        return;
    }
    uint32_t id = wi_index_id(&kind->head);
    if (id != UINT32_MAX && wi_index_slot(id)->state == WI_SLOT_READY) {
        single_open(ret_task, id, label);
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

static void single_poll(struct wi_single *single, uint32_t number, uint64_t now)
{
    uint64_t woken = __atomic_exchange_n(&single->wake.woken, 0, __ATOMIC_ACQ_REL);
    uint64_t delay = single_rested(single, woken, now);
    if (woken) {
        single_measure(number, 1, delay);
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
        single_poll(single, task->number, single_now());
    }
}

static void single_polled(struct wi_single *single, uint32_t number, uint64_t now)
{
    uint64_t nanos = single_nanos(LOAD(single->run.began), now);
    wi_word_add(&single->run.busy, nanos);
    single_measure(number, 0, nanos);
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
        single_polled(single, task->number, single_now());
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
static void single_close(struct wi_single *single, uint32_t number, struct weir_task_kind *kind)
{
    uint64_t now = single_now();
    if (LOAD(single->run.began)) {
        single_polled(single, number, now);
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
    wi_table_give_back(WI_SINGLES, number);
}

void weir_task_close(struct weir_task *task, enum weir_outcome outcome)
{
    struct wi_single *single = single_of(task);
    if (task->kind && wi_slot_counts()) {
        if (single) {
            single_close(single, task->number, task->kind);
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
    uint32_t n = wi_index.n_blocks[WI_SINGLES];
    for (uint32_t i = 0; i < n; i++) {
        struct wi_single *single = wi_table_at(WI_SINGLES, i);
        single->run.polls = single->run.busy = single->run.scheduled = single->run.idle = 0;
        single->wake.wakes = single->wake.self_wakes = 0;
        for (int which = 0; which < 2; which++) {
            struct weir_histogram *histogram = wi_table_histograms(WI_SINGLES, i)[which];
            if (histogram) {
                memset(histogram, 0, sizeof(*histogram));
            }
        }
    }
}
