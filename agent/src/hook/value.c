/* SPDX-License-Identifier: MIT */
/* Counters and gauges: open, close, and the hooks that are not inline; those of task kinds, too. */
#include "hook/cpu.h"
#include "hook/options.h"
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/kind.h"

#include <string.h>

/* For functions that the short path of a hook calls last: so it saves no register for them. */
#define VALUE_APART __attribute__((noinline))

static VALUE_APART void value_add_apart(struct weir_slot_head *head, unsigned word, uint64_t n)
{
    struct weir_cell *cell = wi_thread_touch(head);
    if (cell) {
        weir_cell_add(&cell->u.word[word], n);
    } else {
        wi_cpu_add(head, word, n);
    }
}

void weir_add_slow(struct weir_slot_head *head, unsigned word, uint64_t n)
{
    struct wi_cpu_cell at;
    if (wi_cpu_find(head, &at) && wi_cpu_try(&at, word, n)) {
        wi_cpu_leave(&at);
    } else {
        value_add_apart(head, word, n);
    }
}

static VALUE_APART weir_ticket value_spawn_apart(struct weir_task_kind *kind)
{
    struct wi_cpu_cell at;
    struct weir_cell *cell = wi_thread_touch(&kind->head);
    if (cell) {
        weir_cell_add(&cell->u.task.spawned, 1);
        return weir_sample(&kind->head, cell);
    }
    if (wi_cpu_reach(&kind->head, &at)) {
        wi_cpu_add(&kind->head, WEIR_WORD_SPAWNED, 1);
        return weir_sample_n(&kind->head, at.cell, 1);
    }
    if (!wi_slot_counts()) {
        return 0;
    }
    uint64_t *word = wi_slot_word((struct wi_slot *)(void *)kind, WEIR_WORD_SPAWNED);
    /* Pairs with pass_entering_slot of readers. */
    return wi_sample_shared(&kind->head, wi_add_release(word, 1), 1);
}

weir_ticket weir_task_spawn_slow(struct weir_task_kind *kind)
{
    struct wi_cpu_cell at;
    if (wi_cpu_find(&kind->head, &at) && at.cell->left && wi_cpu_try(&at, WEIR_WORD_SPAWNED, 1)) {
        (void)weir_cell_pass(&at.cell->left, 1); /* it stays at 0: others count it down, too */
        wi_cpu_leave(&at);
        return 0;
    }
    return value_spawn_apart(kind);
}

static struct weir_slot_head *value_open(enum wi_kind kind,
                                         const struct weir_value_options *options)
{
    struct weir_value_options asked = WEIR_VALUE_INIT(NULL);
    if (!options) {
        return NULL;
    }
    wi_options_read_for(kind == WI_GAUGE ? "gauge" : "counter", &asked, sizeof(asked), options);
    const struct wi_opening opening = {
        .kind = (uint8_t)kind,
        .name = asked.name,
        .latency = WEIR_LATENCY_OFF,
        .storage = kind == WI_GAUGE ? WEIR_STORAGE_SHARED : asked.storage,
        .source_file = asked.source_file,
        .source_line = asked.source_line,
        .unit = asked.unit,
        .help = asked.help,
        .capacity = kind == WI_GAUGE ? asked.capacity : 0,
    };
    return wi_slot_open(&opening);
}

struct weir_counter *weir_counter_open(const struct weir_value_options *options)
{
    return (struct weir_counter *)value_open(WI_COUNTER, options);
}

void weir_counter_close(struct weir_counter *counter)
{
    wi_slot_close(counter ? &counter->head : NULL);
}

struct weir_gauge *weir_gauge_open(const struct weir_value_options *options)
{
    return (struct weir_gauge *)value_open(WI_GAUGE, options);
}

void weir_gauge_close(struct weir_gauge *gauge)
{
    wi_slot_close(gauge ? &gauge->head : NULL);
}

void weir_gauge_set(struct weir_gauge *gauge, int64_t value)
{
    if (gauge && wi_slot_counts()) {
        struct wi_slot *slot = (struct wi_slot *)(void *)gauge;
        wi_store_relaxed(&slot->in.other, (uint64_t)value);
    }
}

void weir_gauge_add(struct weir_gauge *gauge, int64_t n)
{
    if (gauge && wi_slot_counts()) {
        struct wi_slot *slot = (struct wi_slot *)(void *)gauge;
        wi_add_relaxed(&slot->in.other, (uint64_t)n);
    }
}
