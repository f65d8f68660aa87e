/* SPDX-License-Identifier: MIT */
/* New tasks, resources and operations: what does not change while they live. */
#include "tokio/reading.h"

#include "base/text.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Puts "name=value" behind the others. */
static void thing_put(char text[READING_TEXT], const struct reading_field *field)
{
    char word[3 * READING_WORD];
    snprintf(word, sizeof(word), "%s%s=%s", text[0] ? " " : "", field->name, field->value);
    wc_reading_add(text, READING_TEXT, word);
}

/* ---- things ---------------------------------------------------------------------------------- */

/* All that a new_* of any sort says. */
struct thing {
    uint64_t id, metadata, parent, resource;
    uint64_t number, bytes, original_bytes;
    bool is_blocking, is_internal;
    char kind[64], given[WEIR_NAME_MAX + 1], what[WEIR_NAME_MAX + 1], source[READING_WORD];
    char text[READING_TEXT];
};

/* A field of a task: those that have a place of their own, and the rest. */
static void thing_field(struct thing *thing, const struct reading_field *field)
{
    if (strcmp(field->name, "task.name") == 0) {
        wc_text_clean(field->value, thing->given, sizeof(thing->given));
    } else if (strcmp(field->name, "task.id") == 0 && field->is_number) {
        thing->number = field->number;
    } else if (strcmp(field->name, "kind") == 0) {
        snprintf(thing->kind, sizeof(thing->kind), "%.63s", field->value);
    } else {
        if (strcmp(field->name, "size.bytes") == 0) {
            thing->bytes = field->number;
        } else if (strcmp(field->name, "original_size.bytes") == 0) {
            thing->original_bytes = field->number;
        }
        thing_put(thing->text, field);
    }
}

static void thing_task(const struct wc_store *store, struct wc_wire wire, struct thing *thing)
{
    struct wc_wire_field field;
    struct reading_field part;
    uint64_t kind = 0;
    while (wc_wire_next(&wire, &field)) {
        if (field.number == 3 && field.type == WC_WIRE_NUMBER) {
            kind = field.value;
        } else if (field.type != WC_WIRE_BYTES) {
            continue;
        } else if (field.number == 4 && wc_reading_field(store, field.bytes, &part)) {
            thing_field(thing, &part);
        } else if (field.number == 6) {
            wc_reading_location(field.bytes, thing->source, sizeof(thing->source));
        }
    }
    if (!thing->kind[0]) {
        snprintf(thing->kind, sizeof(thing->kind), "%s", kind == 1 ? "blocking" : "task");
    }
    thing->is_blocking =
        strcmp(thing->kind, "blocking") == 0 || strcmp(thing->kind, "block_on") == 0;
}

static void thing_resource(struct wc_wire wire, struct thing *thing)
{
    struct wc_wire_field field, kind;
    while (wc_wire_next(&wire, &field)) {
        if (field.number == 7 && field.type == WC_WIRE_NUMBER) {
            thing->is_internal = field.value != 0;
        } else if (field.type != WC_WIRE_BYTES) {
            continue;
        } else if (field.number == 3) {
            wc_reading_text(&field.bytes, thing->what, sizeof(thing->what));
        } else if (field.number == 5) {
            wc_reading_location(field.bytes, thing->source, sizeof(thing->source));
        } else if (field.number == 6) {
            thing->parent = wc_wire_number(field.bytes, 1);
        } else if (field.number == 4) {
            while (wc_wire_next(&field.bytes, &kind)) {
                if (kind.number == 2 && kind.type == WC_WIRE_BYTES) {
                    wc_reading_text(&kind.bytes, thing->kind, sizeof(thing->kind));
                } else if (kind.number == 1 && kind.value == 0) {
                    snprintf(thing->kind, sizeof(thing->kind), "Timer");
                }
            }
        }
    }
}

static void thing_operation(struct wc_wire wire, struct thing *thing)
{
    struct wc_wire_field field;
    while (wc_wire_next(&wire, &field)) {
        if (field.type != WC_WIRE_BYTES) {
            continue;
        }
        if (field.number == 3) {
            wc_reading_text(&field.bytes, thing->what, sizeof(thing->what));
        } else if (field.number == 4) {
            thing->parent = wc_wire_number(field.bytes, 1);
        } else if (field.number == 5) {
            thing->resource = wc_wire_number(field.bytes, 1);
        }
    }
}

int wc_reading_compare(const void *a, const void *b)
{
    const struct reading_ended *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static const struct reading_ended *ended_find(const struct reading *reading, uint64_t id)
{
    const struct reading_ended wanted = {.id = id};
    return reading->n_ended ? bsearch(&wanted, reading->ended, reading->n_ended,
                                      sizeof(*reading->ended), wc_reading_compare)
                            : NULL;
}

/* "src/main.rs:12:5", with the kind of task before it unless it is the usual one. */
static uint32_t thing_place(struct wc_store *store, const struct thing *thing)
{
    char name[WEIR_NAME_MAX + 1];
    bool is_usual = strcmp(thing->kind, "task") == 0;
    char plain[sizeof(thing->kind) + sizeof(thing->source) + 1];
    snprintf(plain, sizeof(plain), "%s%s%s", is_usual ? "" : thing->kind, is_usual ? "" : " ",
             thing->source[0] ? wc_store_short(thing->source) : "nowhere");
    wc_text_clean(plain, name, sizeof(name));
    return wc_store_place(store, name, thing->source);
}

static void thing_apply_task(struct wc_store *store, struct wc_item *item,
                             const struct thing *thing)
{
    struct wc_task *task = &item->u.task;
    task->number = thing->number;
    task->bytes = thing->bytes;
    task->original_bytes = thing->original_bytes;
    task->is_blocking = thing->is_blocking;
    wc_store_set_text(store, &item->given, thing->given);
    wc_store_set_text(store, &item->text, thing->text);
    if (task->place == WC_STORE_NONE) {
        task->place = thing_place(store, thing);
        store->places[task->place].spawned++;
    }
}

static void thing_apply(struct reading *reading, struct wc_item *item, const struct thing *thing)
{
    struct wc_store *store = reading->store;
    item->metadata = thing->metadata;
    item->is_told = true;
    wc_store_set_text(store, &item->source, thing->source);
    switch (reading->sort) {
    case WC_SORT_TASK:
        thing_apply_task(store, item, thing);
        break;
    case WC_SORT_RESOURCE:
        wc_store_set_text(store, &item->u.resource.type, thing->what);
        wc_store_set_text(store, &item->u.resource.kind, thing->kind);
        item->u.resource.parent_id = thing->parent;
        item->u.resource.is_internal = thing->is_internal;
        break;
    default:
        wc_store_set_text(store, &item->u.operation.function, thing->what);
        item->u.operation.parent_id = thing->parent;
        item->u.operation.resource_id = thing->resource;
        break;
    }
}

/* One that had ended before it was heard of is counted where it was spawned. */
static void thing_count(struct reading *reading, const struct thing *thing,
                        const struct reading_ended *ended)
{
    if (reading->sort != WC_SORT_TASK) {
        return;
    }
    uint32_t at = thing_place(reading->store, thing); /* may move the places */
    struct wc_store_place *place = &reading->store->places[at];
    place->spawned++;
    place->n_gone++;
    for (int i = 0; i < WC_N_SUMS; i++) {
        place->gone[i] += ended->sum[i];
    }
}

void wc_reading_thing(struct reading *reading, struct wc_wire wire)
{
    struct thing thing = {0};
    struct wc_wire common = wire;
    struct wc_wire_field field;
    while (wc_wire_next(&common, &field)) {
        if (field.type == WC_WIRE_BYTES && field.number == 1) {
            thing.id = wc_wire_number(field.bytes, 1);
        } else if (field.type == WC_WIRE_BYTES && field.number == 2) {
            thing.metadata = wc_wire_number(field.bytes, 1);
        }
    }
    if (reading->sort == WC_SORT_TASK) {
        thing_task(reading->store, wire, &thing);
    } else if (reading->sort == WC_SORT_RESOURCE) {
        thing_resource(wire, &thing);
    } else {
        thing_operation(wire, &thing);
    }
    const struct reading_ended *ended = ended_find(reading, thing.id);
    bool is_known = wc_store_find(&reading->store->items[reading->sort], thing.id) != WC_STORE_NONE;
    if (ended && !is_known) {
        thing_count(reading, &thing, ended);
        return;
    }
    struct wc_item *item = wc_store_meet(reading->store, reading->sort, thing.id);
    if (item) {
        thing_apply(reading, item, &thing);
    }
}
