/* SPDX-License-Identifier: MIT */
/* New tasks, resources and operations: their facts that do not change. */
#include "tokio/update_reader.h"

#include "base/text.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends "name=value". */
static void entity_put(char text[UPDATE_TEXT], const struct update_field *field)
{
    char word[3 * UPDATE_WORD];
    snprintf(word, sizeof(word), "%s%s=%s", text[0] ? " " : "", field->name, field->value);
    wc_update_reader_add(text, UPDATE_TEXT, word);
}

/* ---- entities ---------------------------------------------------------------------------------- */

/* The facts that a new_* of any sort holds. */
struct entity {
    uint64_t id, metadata, parent, resource;
    uint64_t number, bytes, original_bytes;
    bool is_blocking, is_internal;
    char kind[64], given[WEIR_NAME_MAX + 1], what[WEIR_NAME_MAX + 1], source[UPDATE_WORD];
    char text[UPDATE_TEXT];
};

/* A field of a task: some fields have a place of their own, the others are appended. */
static void entity_field(struct entity *entity, const struct update_field *field)
{
    if (strcmp(field->name, "task.name") == 0) {
        wc_text_clean(field->value, entity->given, sizeof(entity->given));
    } else if (strcmp(field->name, "task.id") == 0 && field->is_number) {
        entity->number = field->number;
    } else if (strcmp(field->name, "kind") == 0) {
        snprintf(entity->kind, sizeof(entity->kind), "%.63s", field->value);
    } else {
        if (strcmp(field->name, "size.bytes") == 0) {
            entity->bytes = field->number;
        } else if (strcmp(field->name, "original_size.bytes") == 0) {
            entity->original_bytes = field->number;
        }
        entity_put(entity->text, field);
    }
}

static void entity_task(const struct wc_store *store, struct wi_unpack wire, struct entity *entity)
{
    struct wi_field field;
    struct update_field part;
    uint64_t kind = 0;
    while (wi_unpack_next(&wire, &field)) {
        if (field.number == 3 && field.type == WI_FIELD_NUMBER) {
            kind = field.value;
        } else if (field.type != WI_FIELD_BYTES) {
            continue;
        } else if (field.number == 4 && wc_update_reader_field(store, field.bytes, &part)) {
            entity_field(entity, &part);
        } else if (field.number == 6) {
            wc_update_reader_location(field.bytes, entity->source, sizeof(entity->source));
        }
    }
    if (!entity->kind[0]) {
        snprintf(entity->kind, sizeof(entity->kind), "%s", kind == 1 ? "blocking" : "task");
    }
    entity->is_blocking =
        strcmp(entity->kind, "blocking") == 0 || strcmp(entity->kind, "block_on") == 0;
}

static void entity_resource(struct wi_unpack wire, struct entity *entity)
{
    struct wi_field field, kind;
    while (wi_unpack_next(&wire, &field)) {
        if (field.number == 7 && field.type == WI_FIELD_NUMBER) {
            entity->is_internal = field.value != 0;
        } else if (field.type != WI_FIELD_BYTES) {
            continue;
        } else if (field.number == 3) {
            wc_update_reader_text(&field.bytes, entity->what, sizeof(entity->what));
        } else if (field.number == 5) {
            wc_update_reader_location(field.bytes, entity->source, sizeof(entity->source));
        } else if (field.number == 6) {
            entity->parent = wi_unpack_number(field.bytes, 1);
        } else if (field.number == 4) {
            while (wi_unpack_next(&field.bytes, &kind)) {
                if (kind.number == 2 && kind.type == WI_FIELD_BYTES) {
                    wc_update_reader_text(&kind.bytes, entity->kind, sizeof(entity->kind));
                } else if (kind.number == 1 && kind.value == 0) {
                    snprintf(entity->kind, sizeof(entity->kind), "Timer");
                }
            }
        }
    }
}

static void entity_operation(struct wi_unpack wire, struct entity *entity)
{
    struct wi_field field;
    while (wi_unpack_next(&wire, &field)) {
        if (field.type != WI_FIELD_BYTES) {
            continue;
        }
        if (field.number == 3) {
            wc_update_reader_text(&field.bytes, entity->what, sizeof(entity->what));
        } else if (field.number == 4) {
            entity->parent = wi_unpack_number(field.bytes, 1);
        } else if (field.number == 5) {
            entity->resource = wi_unpack_number(field.bytes, 1);
        }
    }
}

int wc_update_reader_compare(const void *a, const void *b)
{
    const struct update_ended *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static const struct update_ended *ended_find(const struct update_reader *update_reader, uint64_t id)
{
    const struct update_ended wanted = {.id = id};
    return update_reader->n_ended ? bsearch(&wanted, update_reader->ended, update_reader->n_ended,
                                            sizeof(*update_reader->ended), wc_update_reader_compare)
                                  : NULL;
}

/* "src/main.rs:12:5", with the kind of task before it unless it is the usual one. */
static uint32_t entity_place(struct wc_store *store, const struct entity *entity)
{
    char name[WEIR_NAME_MAX + 1];
    bool is_usual = strcmp(entity->kind, "task") == 0;
    char plain[sizeof(entity->kind) + sizeof(entity->source) + 1];
    snprintf(plain, sizeof(plain), "%s%s%s", is_usual ? "" : entity->kind, is_usual ? "" : " ",
             entity->source[0] ? wc_store_short(entity->source) : "nowhere");
    wc_text_clean(plain, name, sizeof(name));
    return wc_spawn_site(store, name, entity->source);
}

static void entity_apply_task(struct wc_store *store, struct wc_item *item,
                              const struct entity *entity)
{
    struct wc_task *task = &item->u.task;
    task->number = entity->number;
    task->bytes = entity->bytes;
    task->original_bytes = entity->original_bytes;
    task->is_blocking = entity->is_blocking;
    wc_store_set_text(store, &item->given, entity->given);
    wc_store_set_text(store, &item->text, entity->text);
    if (task->spawn_site == WC_STORE_NONE) {
        task->spawn_site = entity_place(store, entity);
        store->spawn_sites[task->spawn_site].spawned++;
    }
}

static void entity_apply(struct update_reader *update_reader, struct wc_item *item,
                         const struct entity *entity)
{
    struct wc_store *store = update_reader->store;
    item->metadata = entity->metadata;
    item->is_told = true;
    wc_store_set_text(store, &item->source, entity->source);
    switch (update_reader->sort) {
    case WC_SORT_TASK:
        entity_apply_task(store, item, entity);
        break;
    case WC_SORT_RESOURCE:
        wc_store_set_text(store, &item->u.resource.type, entity->what);
        wc_store_set_text(store, &item->u.resource.kind, entity->kind);
        item->u.resource.parent_id = entity->parent;
        item->u.resource.is_internal = entity->is_internal;
        break;
    default:
        wc_store_set_text(store, &item->u.operation.function, entity->what);
        item->u.operation.parent_id = entity->parent;
        item->u.operation.resource_id = entity->resource;
        break;
    }
}

/* A task that ended before its first message is counted at its spawn site. */
static void entity_count(struct update_reader *update_reader, const struct entity *entity,
                         const struct update_ended *ended)
{
    if (update_reader->sort != WC_SORT_TASK) {
        return;
    }
    uint32_t at = entity_place(update_reader->store, entity); /* may move the array */
    struct wc_spawn_site *spawn_site = &update_reader->store->spawn_sites[at];
    spawn_site->spawned++;
    spawn_site->n_gone++;
    for (int i = 0; i < WC_N_SUMS; i++) {
        spawn_site->gone[i] += ended->sum[i];
    }
}

void wc_update_reader_entity(struct update_reader *update_reader, struct wi_unpack wire)
{
    struct entity entity = {0};
    struct wi_unpack common = wire;
    struct wi_field field;
    while (wi_unpack_next(&common, &field)) {
        if (field.type == WI_FIELD_BYTES && field.number == 1) {
            entity.id = wi_unpack_number(field.bytes, 1);
        } else if (field.type == WI_FIELD_BYTES && field.number == 2) {
            entity.metadata = wi_unpack_number(field.bytes, 1);
        }
    }
    if (update_reader->sort == WC_SORT_TASK) {
        entity_task(update_reader->store, wire, &entity);
    } else if (update_reader->sort == WC_SORT_RESOURCE) {
        entity_resource(wire, &entity);
    } else {
        entity_operation(wire, &entity);
    }
    const struct update_ended *ended = ended_find(update_reader, entity.id);
    bool is_known = wc_store_find(&update_reader->store->items[update_reader->sort], entity.id) !=
                    WC_STORE_NONE;
    if (ended && !is_known) {
        entity_count(update_reader, &entity, ended);
        return;
    }
    struct wc_item *item = wc_store_meet(update_reader->store, update_reader->sort, entity.id);
    if (item) {
        entity_apply(update_reader, item, &entity);
    }
}
