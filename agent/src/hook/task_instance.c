/* SPDX-License-Identifier: MIT */
/*
 * Task kinds and their single tasks. The state of a task is not stored; it follows from three
 * times. A task with a poll that has begun and not ended is running. A task with a wake that no poll
 * has taken is scheduled. Any other task is idle. So waking needs no lock and cannot leave a wrong
 * state.
 *
 * One of `began` and `rested` is 0: the task runs, or it does not. Both are 0 while an ended time is
 * added to its sum, so that a reader does not count it as under way, too.
 */
#include "hook/options.h"
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/kind.h"
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

/* Ends the time that is under way, and tells when. First the end, then the clock: what comes after it is not of it. */
static uint64_t instance_stop(uint64_t *since)
{
    wi_store_relaxed(since, 0);
    /* Pairs with nothing: the compiler asks the clock after the store. */
    wi_fence_signal();
    return instance_now();
}

/* Puts a time that has ended in its sum. A reader that finds it there has none to add to it. */
static void instance_spend(uint64_t *sum, uint64_t nanos)
{
    /* Pairs with block_instance of readers. */
    wi_store_release(sum, wi_load_relaxed(sum) + nanos);
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
 * a run counts from the end of that run. */
struct instance_rest {
    uint64_t now, woken, delay; /* delay: how long it was scheduled */
};

static struct instance_rest instance_rested(struct wi_task_instance *instance)
{
    uint64_t rested = wi_load_relaxed(&instance->run.rested);
    uint64_t now = instance_stop(&instance->run.rested);
    /* Pairs with weir_task_wake. */
    uint64_t woken = wi_exchange_acq_rel(&instance->wake.woken, 0);
    uint64_t from = !woken || woken > now ? now : woken > rested ? woken : rested;
    uint64_t delay = instance_nanos(from, now);
    instance_spend(&instance->run.idle, instance_nanos(rested, from));
    instance_spend(&instance->run.scheduled, delay);
    return (struct instance_rest){now, woken, delay};
}

static void instance_poll(struct wi_task_instance *instance, uint32_t number)
{
    struct instance_rest rest = instance_rested(instance);
    if (rest.woken) {
        instance_measure(number, 1, rest.delay);
    }
    wi_store_relaxed(&instance->run.shard, weir_self.shard);
    wi_store_relaxed(&instance->run.waits_for, 0);
    wi_word_add(&instance->run.polls, 1);
    /* Pairs with block_instance of readers: the sums before the new state. */
    wi_store_release(&instance->run.began, rest.now);
}

void weir_task_poll(struct weir_task *task)
{
    struct wi_task_instance *instance = instance_of(task);
    task->running = weir_task_begin(task->kind, task->pending);
    task->pending = 0;
    task->is_running = 1;
    if (instance && wi_segment_counts() && !wi_load_relaxed(&instance->run.began)) {
        instance_poll(instance, task->number);
    }
}

static uint64_t instance_polled(struct wi_task_instance *instance, uint32_t number)
{
    uint64_t began = wi_load_relaxed(&instance->run.began);
    uint64_t now = instance_stop(&instance->run.began);
    uint64_t nanos = instance_nanos(began, now);
    instance_spend(&instance->run.busy, nanos);
    instance_measure(number, 0, nanos);
    /* Pairs with block_instance of readers: the sums before the new state. */
    wi_store_release(&instance->run.rested, now);
    return now;
}

void weir_task_polled(struct weir_task *task)
{
    struct wi_task_instance *instance = instance_of(task);
    weir_task_end(task->kind, task->running);
    task->running = 0;
    task->is_running = 0;
    if (instance && wi_segment_counts() && wi_load_relaxed(&instance->run.began)) {
        (void)instance_polled(instance, task->number);
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

#define INSTANCE_SUMS 5 /* of a kind: polls, nanoseconds busy, scheduled, idle; wakes */

/* Ends a task, once only; its kind keeps its sums. GONE is stored before they are added: a reader
 * that sees them does not count the task, too. */
static void instance_end(struct wi_task_instance *instance, struct wi_slot *kind, uint64_t now,
                         const uint64_t sums[INSTANCE_SUMS])
{
    uint32_t from = WI_BLOCK_OPEN;
    wi_store_relaxed(&instance->self.done, now);
    /* Pairs with itself in another thread, one of which counts the task, and with block_instance of readers. */
    if (!wi_replace_seq_cst(&instance->self.block.state, &from, WI_BLOCK_GONE)) {
        return;
    }
    /* Pairs with pass_entering_slot of readers: a reader that sees these sees GONE. */
    for (int i = 0; i < 4; i++) {
        wi_add_seq_cst(&kind->in.rejects[i], sums[i]);
    }
    wi_add_seq_cst(&kind->in.other, sums[4]);
}

static void instance_close(struct wi_task_instance *instance, uint32_t number,
                           struct weir_task_kind *kind)
{
    uint64_t now = wi_load_relaxed(&instance->run.began) ? instance_polled(instance, number)
                                                         : instance_rested(instance).now;
    const uint64_t sums[INSTANCE_SUMS] = {
        wi_load_relaxed(&instance->run.polls), wi_load_relaxed(&instance->run.busy),
        wi_load_relaxed(&instance->run.scheduled), wi_load_relaxed(&instance->run.idle),
        wi_load_relaxed(&instance->wake.wakes)};
    instance_end(instance, (struct wi_slot *)(void *)kind, now, sums);
    wi_table_give_back(WI_TASK_INSTANCES, number);
}

/* The counts of a task up to now, though another thread may be running it. Sums are read before
 * times: a time that ends in between is missing rather than counted twice. */
static void instance_sum(const struct wi_task_instance *instance, uint64_t now,
                         uint64_t ret_sums[INSTANCE_SUMS])
{
    /* These pair with instance_spend, instance_poll and instance_polled. */
    ret_sums[0] = wi_load_acquire(&instance->run.polls);
    ret_sums[1] = wi_load_acquire(&instance->run.busy);
    ret_sums[2] = wi_load_acquire(&instance->run.scheduled);
    ret_sums[3] = wi_load_acquire(&instance->run.idle);
    ret_sums[4] = wi_load_acquire(&instance->wake.wakes);
    uint64_t woken = wi_load_acquire(&instance->wake.woken);
    uint64_t rested = wi_load_acquire(&instance->run.rested);
    uint64_t began = wi_load_acquire(&instance->run.began);
    uint64_t from = !woken || woken > now ? now : woken > rested ? woken : rested;
    if (began) {
        ret_sums[1] += instance_nanos(began, now);
    } else if (rested) {
        ret_sums[2] += instance_nanos(from, now);
        ret_sums[3] += instance_nanos(rested, from);
    }
}

/* Ends the single tasks of a kind that is about to close. Their later counts are lost; their blocks
 * are given back when they are closed. */
static void instance_close_all(struct weir_task_kind *kind)
{
    if (!kind || !wi_segment_counts() || !wi_segment_lock()) {
        return;
    }
    uint64_t now = instance_now();
    uint32_t id = wi_index_id(&kind->head);
    uint32_t n = id == UINT32_MAX ? 0 : wi_index.n_blocks[WI_TASK_INSTANCES];
    for (uint32_t i = 0; i < n; i++) {
        struct wi_task_instance *instance = wi_table_at(WI_TASK_INSTANCES, i);
        uint64_t sums[INSTANCE_SUMS];
        /* Pairs with instance_open. */
        if (wi_load_acquire(&instance->self.block.state) == WI_BLOCK_OPEN &&
            wi_load_relaxed(&instance->self.kind) == id &&
            wi_load_relaxed(&instance->self.kind_generation) == wi_index_slot(id)->generation) {
            instance_sum(instance, now, sums);
            instance_end(instance, wi_segment_slot(id), now, sums);
        }
    }
    wi_segment_unlock();
}

struct weir_task_kind *weir_task_kind_open(const struct weir_task_options *options)
{
    struct weir_task_options asked = WEIR_TASK_INIT(NULL);
    if (!options) {
        return NULL;
    }
    wi_options_read_for("task kind", &asked, sizeof(asked), options);
    const struct wi_opening opening = {
        .kind = WI_TASK,
        .name = asked.name,
        .latency = asked.latency,
        .storage = asked.storage,
        .source_file = asked.source_file,
        .source_line = asked.source_line,
    };
    return (struct weir_task_kind *)wi_slot_open(&opening);
}

void weir_task_kind_close(struct weir_task_kind *kind)
{
    instance_close_all(kind);
    wi_slot_close(kind ? &kind->head : NULL);
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
