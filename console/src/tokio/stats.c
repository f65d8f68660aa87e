/* SPDX-License-Identifier: MIT */
/* The numbers of tasks, resources and operations. A stats entry always has all numbers. */
#include "tokio/update_reader.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATS_ATTRIBUTES 12u     /* of one entity */
#define STATS_ENDED      262144u /* kept within one message */

/* ---- numbers --------------------------------------------------------------------------------- */

/* Attributes as words, by their names: a server sends them in any order. */
struct words {
    char word[STATS_ATTRIBUTES][2 * UPDATE_WORD + 40];
    size_t n;
};

static void words_put(struct words *words, const struct update_field *field, const char *unit)
{
    char word[sizeof(words->word[0])];
    size_t at = words->n;
    if (words->n == STATS_ATTRIBUTES) {
        return;
    }
    snprintf(word, sizeof(word), "%s=%s%s", field->name, field->value, unit);
    for (; at > 0 && strcmp(words->word[at - 1], word) > 0; at--) {
        memcpy(words->word[at], words->word[at - 1], sizeof(word));
    }
    memcpy(words->word[at], word, sizeof(word));
    words->n++;
}

static void words_join(const struct words *words, char text[UPDATE_TEXT])
{
    text[0] = '\0';
    for (size_t i = 0; i < words->n; i++) {
        wc_update_reader_add(text, UPDATE_TEXT, i ? " " : "");
        wc_update_reader_add(text, UPDATE_TEXT, words->word[i]);
    }
}

/* The numbers that stats of any sort have. */
struct stats {
    wc_time created, dropped, last_wake;
    uint64_t wakes, clones, drops, self_wakes, task_id;
    int64_t scheduled;
    struct wc_polled polled;
    struct words words;
    bool has_permits;
    uint64_t permits;
};

static void stats_polled(struct wi_unpack wire, struct wc_polled *ret_polled)
{
    struct wi_field field;
    while (wi_unpack_next(&wire, &field)) {
        if (field.number == 1 && field.type == WI_FIELD_NUMBER) {
            ret_polled->polls = field.value;
        } else if (field.type != WI_FIELD_BYTES) {
            continue;
        } else if (field.number == 4) {
            ret_polled->started = wc_update_reader_nanos(field.bytes);
        } else if (field.number == 5) {
            ret_polled->ended = wc_update_reader_nanos(field.bytes);
        } else if (field.number == 6) {
            ret_polled->busy_nanos = wc_update_reader_nanos(field.bytes);
        }
    }
}

static void stats_attribute(const struct wc_store *store, struct wi_unpack wire,
                            struct stats *stats)
{
    struct wi_field field;
    struct update_field attribute = {0};
    char unit[32] = "";
    bool is_good = false;
    while (wi_unpack_next(&wire, &field)) {
        if (field.type == WI_FIELD_BYTES && field.number == 1) {
            is_good = wc_update_reader_field(store, field.bytes, &attribute);
        } else if (field.type == WI_FIELD_BYTES && field.number == 2) {
            wc_update_reader_text(&field.bytes, unit, sizeof(unit));
        }
    }
    if (!is_good) {
        return;
    }
    words_put(&stats->words, &attribute, unit);
    if (strcmp(attribute.name, "permits") == 0 && attribute.is_number) {
        stats->has_permits = true;
        stats->permits = attribute.number;
    }
}

static void stats_task(struct wi_unpack wire, struct stats *stats)
{
    struct wi_field field;
    while (wi_unpack_next(&wire, &field)) {
        bool is_bytes = field.type == WI_FIELD_BYTES;
        switch (field.number) {
        case 3:
            stats->wakes = field.value;
            break;
        case 4:
            stats->clones = field.value;
            break;
        case 5:
            stats->drops = field.value;
            break;
        case 6:
            stats->last_wake = is_bytes ? wc_update_reader_nanos(field.bytes) : 0;
            break;
        case 7:
            is_bytes ? stats_polled(field.bytes, &stats->polled) : (void)0;
            break;
        case 8:
            stats->self_wakes = field.value;
            break;
        case 9:
            stats->scheduled = is_bytes ? wc_update_reader_nanos(field.bytes) : 0;
            break;
        default:
            break;
        }
    }
}

/* Attributes of resources (field 3) and of operations (field 6). */
static void stats_other(const struct wc_store *store, enum wc_sort sort, struct wi_unpack wire,
                        struct stats *stats)
{
    struct wi_field field;
    while (wi_unpack_next(&wire, &field)) {
        bool is_operation = sort == WC_SORT_OPERATION;
        if (field.type != WI_FIELD_BYTES) {
            continue;
        }
        if (field.number == (is_operation ? 6 : 3)) {
            stats_attribute(store, field.bytes, stats);
        } else if (is_operation && field.number == 4) {
            stats->task_id = wi_unpack_number(field.bytes, 1);
        } else if (is_operation && field.number == 5) {
            stats_polled(field.bytes, &stats->polled);
        }
    }
}

static void stats_read(const struct update_reader *update_reader, struct wi_unpack wire,
                       struct stats *stats)
{
    struct wi_unpack common = wire;
    struct wi_field field;
    memset(stats, 0, offsetof(struct stats, words));
    stats->words.n = 0;
    stats->has_permits = false;
    while (wi_unpack_next(&common, &field)) {
        if (field.type == WI_FIELD_BYTES && field.number == 1) {
            stats->created = wc_update_reader_nanos(field.bytes);
        } else if (field.type == WI_FIELD_BYTES && field.number == 2) {
            stats->dropped = wc_update_reader_nanos(field.bytes);
        }
    }
    if (update_reader->sort == WC_SORT_TASK) {
        stats_task(wire, stats);
    } else {
        stats_other(update_reader->store, update_reader->sort, wire, stats);
    }
}

/* Whether it has ended and is not kept. */
static bool stats_are_old(const struct update_reader *update_reader, const struct stats *stats)
{
    wc_time now = update_reader->store->now;
    return stats->dropped && (update_reader->sort != WC_SORT_TASK ||
                              (now > stats->dropped && now - stats->dropped > WC_STORE_DONE_NANOS));
}

static void stats_keep_ended(struct update_reader *update_reader, uint64_t id,
                             const struct stats *stats)
{
    if (update_reader->n_ended == STATS_ENDED) {
        return;
    }
    update_reader->ended = wc_grow(update_reader->ended, update_reader->n_ended,
                                   &update_reader->room, sizeof(*update_reader->ended));
    int64_t age = stats->dropped - stats->created;
    uint64_t used = (uint64_t)stats->polled.busy_nanos + (uint64_t)stats->scheduled;
    update_reader->ended[update_reader->n_ended++] = (struct update_ended){
        id,
        {stats->polled.polls, (uint64_t)stats->polled.busy_nanos, (uint64_t)stats->scheduled,
         stats->created && age > 0 && (uint64_t)age > used ? (uint64_t)age - used : 0,
         stats->wakes}};
}

static void stats_apply_task(struct wc_task *task, const struct stats *stats)
{
    task->polled = stats->polled;
    task->wakes = stats->wakes;
    task->self_wakes = stats->self_wakes;
    task->waker_clones = stats->clones;
    task->waker_drops = stats->drops;
    task->scheduled_nanos = stats->scheduled;
    task->last_wake = stats->last_wake;
}

static void stats_apply_resource(struct wc_resource *resource, const struct stats *stats)
{
    if (stats->has_permits) {
        bool is_least = !resource->has_permits || stats->permits < resource->least_permits;
        resource->least_permits = is_least ? stats->permits : resource->least_permits;
        resource->permits = stats->permits;
        resource->has_permits = true;
    }
}

static void stats_apply(struct update_reader *update_reader, struct wc_item *item,
                        const struct stats *stats)
{
    char text[UPDATE_TEXT];
    item->is_counted = true;
    item->message = update_reader->store->n_messages;
    item->created = stats->created;
    item->dropped = stats->dropped;
    if (update_reader->sort == WC_SORT_TASK) {
        stats_apply_task(&item->u.task, stats);
        return;
    }
    words_join(&stats->words, text);
    wc_store_set_text(update_reader->store, &item->text, text);
    if (update_reader->sort == WC_SORT_RESOURCE) {
        stats_apply_resource(&item->u.resource, stats);
    } else {
        item->u.operation.polled = stats->polled;
        item->u.operation.task_id = stats->task_id;
    }
}

/* One entry of a map: a number, and stats. */
void wc_update_reader_stats(struct update_reader *update_reader, struct wi_unpack wire)
{
    struct wi_field field;
    struct wi_unpack value = {0};
    struct stats stats;
    uint64_t id = 0;
    while (wi_unpack_next(&wire, &field)) {
        if (field.number == 1 && field.type == WI_FIELD_NUMBER) {
            id = field.value;
        } else if (field.number == 2 && field.type == WI_FIELD_BYTES) {
            value = field.bytes;
        }
    }
    if (!value.at) {
        return;
    }
    stats_read(update_reader, value, &stats);
    struct wc_items *items = &update_reader->store->items[update_reader->sort];
    uint32_t found = wc_store_find(items, id);
    struct wc_item *item = found == WC_STORE_NONE ? NULL : &items->item[found];
    /* The number of an ended entity may belong to another by now. */
    if (item && item->is_counted && stats.created != item->created) {
        wc_store_forget(update_reader->store, update_reader->sort, item);
    }
    if (!item && stats_are_old(update_reader, &stats)) {
        stats_keep_ended(update_reader, id, &stats);
        return;
    }
    item = item ? item : wc_store_meet(update_reader->store, update_reader->sort, id);
    if (item) {
        stats_apply(update_reader, item, &stats);
    }
}
