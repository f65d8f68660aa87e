/* SPDX-License-Identifier: MIT */
/* Counters and gauges: open, close, and the hooks that are not inline; those of task kinds, too. */
#include "hook/thread.h"
#include "weir/atomic.h"
#include "weir/kind.h"

#include <string.h>

void weir_add_slow(struct weir_slot_head *head, unsigned word, uint64_t n)
{
    struct weir_cell *cell = wi_thread_touch(head);
    if (cell) {
        weir_cell_add(&cell->u.word[word], n);
    } else if (wi_slot_counts()) {
        /* Pairs with the two passes of readers, collect_leaving_slot and collect_entering_slot. */
        wi_add_release(wi_slot_word((struct wi_slot *)(void *)head, word), n);
    }
}

weir_ticket weir_task_spawn_slow(struct weir_task_kind *kind)
{
    struct weir_cell *cell = wi_thread_touch(&kind->head);
    if (cell) {
        weir_cell_add(&cell->u.task.spawned, 1);
        return weir_sample(&kind->head, cell);
    }
    if (!wi_slot_counts()) {
        return 0;
    }
    uint64_t *word = wi_slot_word((struct wi_slot *)(void *)kind, WEIR_WORD_SPAWNED);
    /* Pairs with collect_entering_slot of readers. */
    return wi_sample_shared(&kind->head, wi_add_release(word, 1));
}

static struct weir_slot_head *value_open(enum wi_kind kind,
                                         const struct weir_value_options *options)
{
    struct weir_value_options asked = WEIR_VALUE_INIT(NULL);
    if (!options) {
        return NULL;
    }
    memcpy(&asked, options, options->size < sizeof(asked) ? options->size : sizeof(asked));
    const struct wi_opening opening = {
        .kind = (uint8_t)kind,
        .name = asked.name,
        .latency = WEIR_LATENCY_OFF,
        .storage = kind == WI_GAUGE ? WEIR_STORAGE_SHARED : asked.storage,
        .source_file = asked.source_file,
        .source_line = asked.source_line,
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
