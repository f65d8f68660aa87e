/* SPDX-License-Identifier: MIT */
/*
 * Single tasks. The state is not stored; it follows from three times. A task with a poll that has
 * begun and not ended is running. A task with a wake that no poll has taken is scheduled. Any other
 * task is idle. So waking needs no lock and cannot leave a wrong state.
 */
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/text.h"

#include <string.h>

static uint64_t instance_nanos(uint64_t from, uint64_t to)
{
    return to > from ? weir_ticks_to_nanos(to - from) : 0;
}

/* The row of a task; NULL: it has none. */
static struct wi_task_instance *instance_of(const struct weir_task *task)
{
    void *row = task->row;
    return row && wi_table_is(WI_TASK_INSTANCES, task->number, row) ? row : NULL;
}

static void instance_measure(uint32_t number, unsigned which, uint64_t nanos)
{
    wi_sample_measure(wi_load_relaxed(&wi_table_histograms(WI_TASK_INSTANCES, number)[which]),
                      nanos);
}

/* A time of 0 means none. */
static uint64_t instance_now(void)
{
    return weir_ticks() | 1;
}

/* ---- open ---------------------------------------------------------------------------------- */

/* Histograms stay with the block: the next task gets them, too. */
static void instance_histograms(uint32_t number)
{
    struct wi_task_instance *instance = wi_table_at(WI_TASK_INSTANCES, number);
    struct weir_histogram **histograms = wi_table_histograms(WI_TASK_INSTANCES, number);
    for (int which = 0; which < 2; which++) {
        if (histograms[which]) {
            wi_words_zero(histograms[which], sizeof(struct weir_histogram));
        } else {
            wi_store_relaxed(&histograms[which], wi_segment_take_histogram());
            wi_store_relaxed(&instance->self.histogram[which],
                             wi_segment_line_of(histograms[which]));
        }
    }
}

/* The lock is held. */
static void instance_open(struct weir_task *task, uint32_t kind, const char *label)
{
    uint32_t taken = wi_table_take(WI_TASK_INSTANCES, wi_segment.max_instances);
    if (!taken) {
        wi_add_relaxed(&wi_segment_header()->instances_refused, 1);
        return;
    }
    struct wi_task_instance *instance = wi_table_at(WI_TASK_INSTANCES, taken - 1);
    char clean[sizeof(instance->label)] = "";
    if (label) {
        wi_text_clean(label, clean, sizeof(clean));
    }
    wi_store_relaxed(&instance->self.block.state, WI_BLOCK_FREE);
    /* Pairs with block_instance of readers: nothing of the new task is seen under the old generation. */
    wi_add_acq_rel(&instance->self.block.generation, 1);
    wi_words_zero(&instance->run, sizeof(instance->run));
    wi_words_zero(&instance->wake, sizeof(instance->wake));
    instance_histograms(taken - 1);
    for (size_t i = 0; i < sizeof(clean); i++) {
        wi_store_relaxed(&instance->label[i], clean[i]);
    }
    uint64_t now = instance_now();
    wi_store_relaxed(&instance->self.kind, kind);
    wi_store_relaxed(&instance->self.kind_generation, wi_index_slot(kind)->generation);
    wi_store_relaxed(&instance->self.opened_at, wi_segment_now());
    wi_store_relaxed(&instance->self.spawned, now);
    wi_store_relaxed(&instance->self.done, 0);
    wi_store_relaxed(&instance->run.rested, now);
    wi_store_relaxed(&instance->wake.woken, now);
    /* Pairs with block_instance of readers. */
    wi_store_release(&instance->self.block.state, WI_BLOCK_OPEN);
    task->row = (struct weir_task_row *)(void *)instance;
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
        instance_open(ret_task, id, label);
    }
    wi_segment_unlock();
}

/* ---- wake, poll ---------------------------------------------------------------------------- */

void weir_task_wake(struct weir_task *task)
{
    struct wi_task_instance *instance = instance_of(task);
    if (!instance || !wi_segment_counts()) {
        return;
    }
    uint64_t none = 0;
    /* Pairs with instance_poll, and with block_instance of readers. */
    wi_replace_acq_rel(&instance->wake.woken, &none, instance_now());
    wi_add_relaxed(&instance->wake.wakes, 1);
    if (weir_self.shard && wi_load_relaxed(&instance->run.began) &&
        wi_load_relaxed(&instance->run.shard) == weir_self.shard) {
        wi_add_relaxed(&instance->wake.self_wakes, 1);
    }
}

/* Ends the time since the last poll: idle until the task was woken, scheduled since. A wake during
 * a run counts from the end of that run. Returns how long the task was scheduled. */
static uint64_t instance_rested(struct wi_task_instance *instance, uint64_t woken, uint64_t now)
{
    uint64_t rested = wi_load_relaxed(&instance->run.rested);
    uint64_t from = !woken ? now : woken > rested ? woken : rested;
    uint64_t delay = instance_nanos(from, now);
    wi_word_add(&instance->run.idle, instance_nanos(rested, from));
    wi_word_add(&instance->run.scheduled, delay);
    return delay;
}

static void instance_poll(struct wi_task_instance *instance, uint32_t number, uint64_t now)
{
    /* Pairs with weir_task_wake. */
    uint64_t woken = wi_exchange_acq_rel(&instance->wake.woken, 0);
    uint64_t delay = instance_rested(instance, woken, now);
    if (woken) {
        instance_measure(number, 1, delay);
    }
    wi_store_relaxed(&instance->run.shard, weir_self.shard);
    wi_store_relaxed(&instance->run.waits_for, 0);
    wi_word_add(&instance->run.polls, 1);
    /* Pairs with block_instance of readers: the sums before the new state. */
    wi_store_release(&instance->run.began, now);
}

void weir_task_poll(struct weir_task *task)
{
    struct wi_task_instance *instance = instance_of(task);
    task->running = weir_task_begin(task->kind, task->pending);
    task->pending = 0;
    task->is_running = 1;
    if (instance && wi_segment_counts() && !wi_load_relaxed(&instance->run.began)) {
        instance_poll(instance, task->number, instance_now());
    }
}

static void instance_polled(struct wi_task_instance *instance, uint32_t number, uint64_t now)
{
    uint64_t nanos = instance_nanos(wi_load_relaxed(&instance->run.began), now);
    wi_word_add(&instance->run.busy, nanos);
    instance_measure(number, 0, nanos);
    wi_store_relaxed(&instance->run.rested, now);
    /* Pairs with block_instance of readers: the sums before the new state. */
    wi_store_release(&instance->run.began, 0);
}

void weir_task_polled(struct weir_task *task)
{
    struct wi_task_instance *instance = instance_of(task);
    weir_task_end(task->kind, task->running);
    task->running = 0;
    task->is_running = 0;
    if (instance && wi_segment_counts() && wi_load_relaxed(&instance->run.began)) {
        instance_polled(instance, task->number, instance_now());
    }
}

static void instance_waits_for(struct weir_task *task, const struct weir_slot_head *head)
{
    struct wi_task_instance *instance = instance_of(task);
    if (instance && wi_segment_counts()) {
        wi_store_relaxed(&instance->run.waits_for, head ? (uint64_t)head->generation << 32 |
                                                              (1 + (head->id & ~WEIR_ID_SHARED))
                                                        : 0);
    }
}

void weir_task_waits_for_channel(struct weir_task *task, const struct weir_channel *channel)
{
    instance_waits_for(task, channel ? &channel->head : NULL);
}

void weir_task_waits_for_semaphore(struct weir_task *task, const struct weir_semaphore *semaphore)
{
    instance_waits_for(task, semaphore ? &semaphore->head : NULL);
}

/* ---- close --------------------------------------------------------------------------------- */

/* The kind keeps the task's totals. GONE is stored before the totals are added: a reader that sees
 * the totals does not count the task, too. */
static void instance_close(struct wi_task_instance *instance, uint32_t number,
                           struct weir_task_kind *kind)
{
    uint64_t now = instance_now();
    if (wi_load_relaxed(&instance->run.began)) {
        instance_polled(instance, number, now);
    } else {
        (void)instance_rested(instance, wi_load_relaxed(&instance->wake.woken), now);
    }
    wi_store_relaxed(&instance->self.done, now);
    uint32_t from = WI_BLOCK_OPEN;
    /* Pairs with block_instance of readers. */
    if (!wi_replace_seq_cst(&instance->self.block.state, &from, WI_BLOCK_GONE)) {
        return;
    }
    struct wi_slot *slot = (struct wi_slot *)(void *)kind;
    const uint64_t totals[4] = {
        wi_load_relaxed(&instance->run.polls), wi_load_relaxed(&instance->run.busy),
        wi_load_relaxed(&instance->run.scheduled), wi_load_relaxed(&instance->run.idle)};
    /* Pairs with collect_entering_slot of readers: a reader that sees these sees GONE. */
    for (int i = 0; i < 4; i++) {
        wi_add_seq_cst(&slot->in.rejects[i], totals[i]);
    }
    wi_add_seq_cst(&slot->in.other, wi_load_relaxed(&instance->wake.wakes));
    wi_table_give_back(WI_TASK_INSTANCES, number);
}

void weir_task_close(struct weir_task *task, enum weir_outcome outcome)
{
    struct wi_task_instance *instance = instance_of(task);
    if (task->kind && wi_slot_counts()) {
        if (instance) {
            instance_close(instance, task->number, task->kind);
        }
        if (task->is_running) {
            weir_task_end(task->kind, task->running);
        }
        weir_task_finish(task->kind, outcome);
    }
    memset(task, 0, sizeof(*task));
}
