/* SPDX-License-Identifier: MIT */
/*
 * The state of a Tokio program, in tables.
 *
 * The input is messages (update.c reads them), the output items by index: tasks, resources,
 * operations, places in the source, metadata. Items stand in the order in which they came, and the
 * array is compacted when some are gone, so that paging over rows works; their map is made again
 * then. An index is therefore valid only until the next sweep.
 *
 * The server may send any message, in any order, and again. An item is made when any message names
 * it, and is a row when numbers for it have come; without numbers it is dropped after two messages.
 * There are at most 200,000 items of each sort, 4,096 places, 16,384 metadata and 128 MiB of text;
 * further ones are counted, or go to "other places". A finished task is shown for 6 s; then its
 * sums are added to its kind, so that totals do not go back.
 *
 * Times are the server's own clock. The store owns all texts. Lack of memory ends the program. One
 * thread: that of the exporter that serves the view.
 */
#include "tokio/state.h"

#include "base/memory.h"
#include "weir/expect.h"
#include "tokio/times.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages after which an item without stats is dropped. */
#define STORE_PATIENCE 2u

void wc_store_init(struct wc_store *store)
{
    *store = (struct wc_store){0};
    wc_names_init(&store->names);
    store->details = wc_alloc(WC_STORE_DETAILS * sizeof(*store->details));
}

/* ---- items --------------------------------------------------------------------------------- */

uint32_t wc_store_find(const struct wc_items *items, uint64_t id)
{
    struct wi_map_slot *slot = NULL;
    while ((slot = wi_map_next(&items->map, id, slot))) {
        (void)WI_EXPECT(slot->value < items->n);
        if (items->item[slot->value].id == id) {
            return (uint32_t)slot->value;
        }
    }
    return WC_STORE_NONE;
}

static void store_index(struct wc_items *items)
{
    wi_map_clear(&items->map);
    for (size_t i = 0; i < items->n; i++) {
        wc_map_add(&items->map, items->item[i].id, i);
    }
}

/* Sets the fields that are not 0 in a new item. */
static void store_begin(struct wc_item *item, enum wc_sort sort)
{
    item->name_kind = WC_NAMES_NONE;
    if (sort == WC_SORT_TASK) {
        item->u.task.spawn_site = WC_STORE_NONE;
        item->u.task.operation = WC_STORE_NONE;
    } else if (sort == WC_SORT_OPERATION) {
        item->u.operation.task = item->u.operation.resource = WC_STORE_NONE;
        item->u.operation.parent = WC_STORE_NONE;
    }
}

struct wc_item *wc_store_meet(struct wc_store *store, enum wc_sort sort, uint64_t id)
{
    struct wc_items *items = &store->items[sort];
    uint32_t found = wc_store_find(items, id);
    if (found != WC_STORE_NONE) {
        return &items->item[found];
    }
    if (items->n == WC_STORE_ITEMS) {
        items->n_left_out++;
        return NULL;
    }
    items->item = wc_grow(items->item, items->n, &items->room, sizeof(*items->item));
    struct wc_item *item = &items->item[items->n];
    *item = (struct wc_item){.id = id, .serial = ++store->serial, .message = store->n_messages};
    store_begin(item, sort);
    items->n++;
    wc_map_add(&items->map, id, items->n - 1);
    return item;
}

void wc_store_set_text(struct wc_store *store, char **text, const char *value)
{
    size_t old = *text ? strlen(*text) + 1 : 0;
    if (*text && value && strcmp(*text, value) == 0) {
        return;
    }
    free(*text);
    *text = NULL;
    store->text_bytes -= WI_EXPECT(old <= store->text_bytes) ? old : store->text_bytes;
    if (!value || !value[0]) {
        return;
    }
    size_t length = strlen(value) + 1;
    if (store->text_bytes + length > WC_STORE_TEXT) {
        store->has_text_cut = true;
        return;
    }
    *text = wc_copy(value);
    store->text_bytes += length;
}

static void store_drop(struct wc_store *store, enum wc_sort sort, struct wc_item *item)
{
    char **texts[] = {&item->name, &item->given, &item->source, &item->text};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        wc_store_set_text(store, texts[i], NULL);
    }
    if (sort == WC_SORT_RESOURCE) {
        wc_store_set_text(store, &item->u.resource.type, NULL);
        wc_store_set_text(store, &item->u.resource.kind, NULL);
    } else if (sort == WC_SORT_OPERATION) {
        wc_store_set_text(store, &item->u.operation.function, NULL);
    }
    wc_names_drop(&store->names, item->name_kind);
    item->name_kind = WC_NAMES_NONE;
}

/* A task that is no longer kept adds its numbers to its kind. */
static void store_leave(struct wc_store *store, const struct wc_item *item)
{
    const struct wc_task *task = &item->u.task;
    if (task->spawn_site == WC_STORE_NONE || !item->is_counted) {
        return;
    }
    struct wc_times times = wc_times_task(item, store->now);
    (void)WI_EXPECT(task->spawn_site < store->n_spawn_sites);
    uint64_t *gone = store->spawn_sites[task->spawn_site].gone;
    gone[WC_SUM_POLLS] += task->polled.polls;
    gone[WC_SUM_BUSY] += times.busy;
    gone[WC_SUM_SCHEDULED] += times.scheduled;
    gone[WC_SUM_IDLE] += times.idle;
    gone[WC_SUM_WAKES] += task->wakes;
    store->spawn_sites[task->spawn_site].n_gone++;
}

void wc_store_forget(struct wc_store *store, enum wc_sort sort, struct wc_item *item)
{
    uint64_t id = item->id;
    if (sort == WC_SORT_TASK) {
        store_leave(store, item);
    }
    store_drop(store, sort, item);
    *item = (struct wc_item){.id = id, .serial = ++store->serial, .message = store->n_messages};
    store_begin(item, sort);
}

static bool store_is_over(const struct wc_store *store, enum wc_sort sort,
                          const struct wc_item *item)
{
    if (!item->is_counted) {
        return store->n_messages - item->message >= STORE_PATIENCE;
    }
    return item->dropped &&
           (sort != WC_SORT_TASK ||
            (store->now > item->dropped && store->now - item->dropped > WC_STORE_DONE_NANOS));
}

static void store_close_up(struct wc_store *store, enum wc_sort sort)
{
    struct wc_items *items = &store->items[sort];
    size_t kept = 0;
    for (size_t i = 0; i < items->n; i++) {
        struct wc_item *item = &items->item[i];
        if (store_is_over(store, sort, item)) {
            if (sort == WC_SORT_TASK) {
                store_leave(store, item);
            }
            store_drop(store, sort, item);
            continue;
        }
        if (kept != i) {
            items->item[kept] = *item;
        }
        kept++;
    }
    if (kept != items->n) {
        items->n = kept;
        store_index(items);
    }
}

/* ---- names --------------------------------------------------------------------------------- */

const char *wc_store_short(const char *source)
{
    static const char rust[] = "/rustc/";
    const char *hash = strncmp(source, rust, strlen(rust)) == 0 ? source + strlen(rust) : NULL;
    const char *rest = hash ? strchr(hash, '/') : NULL;
    return rest ? rest + 1 : source;
}

/* A task without a name of its own is named by its number, which is unique. */
static void store_name(struct wc_store *store, enum wc_sort sort, struct wc_item *item)
{
    char plain[2 * WEIR_NAME_MAX + 64];
    char name[WEIR_NAME_MAX + 1];
    const struct wc_task *task = &item->u.task;
    const char *what =
        sort == WC_SORT_RESOURCE ? item->u.resource.type : item->u.operation.function;
    if (sort == WC_SORT_TASK && !item->given) {
        snprintf(plain, sizeof(plain), "task %llu",
                 (unsigned long long)(task->number ? task->number : item->id));
    } else if (sort == WC_SORT_TASK) {
        snprintf(plain, sizeof(plain), "%s", item->given);
    } else {
        bool has_place = sort == WC_SORT_RESOURCE && item->source;
        snprintf(plain, sizeof(plain), "%s%s%s",
                 what                       ? what
                 : sort == WC_SORT_RESOURCE ? "resource"
                                            : "operation",
                 has_place ? " " : "", has_place ? wc_store_short(item->source) : "");
    }
    item->name_kind = wc_names_take(&store->names, plain, name, sizeof(name));
    item->name = wc_copy(name);
    store->text_bytes += strlen(name) + 1;
}

/* Older ones come before younger ones, so that two consoles give the same names; a server sends
 * them in any order. */
static int store_compare(const void *a, const void *b)
{
    const struct wc_item *x = a, *y = b;
    if (x->created != y->created) {
        return x->created < y->created ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

static void store_order(struct wc_items *items, size_t before)
{
    if (items->n > before + 1) {
        qsort(&items->item[before], items->n - before, sizeof(*items->item), store_compare);
        store_index(items);
    }
}

static void store_name_all(struct wc_store *store, enum wc_sort sort)
{
    struct wc_items *items = &store->items[sort];
    for (size_t i = 0; i < items->n; i++) {
        if (!items->item[i].name && items->item[i].is_counted) {
            store_name(store, sort, &items->item[i]);
        }
    }
}

void wc_store_sweep(struct wc_store *store, const size_t before[WC_N_SORTS])
{
    for (int sort = 0; sort < WC_N_SORTS; sort++) {
        store_order(&store->items[sort], before[sort]);
        store_close_up(store, (enum wc_sort)sort);
        store_name_all(store, (enum wc_sort)sort);
    }
    store->must_derive = true;
}

/* ---- kinds of tasks, metadata, details ------------------------------------------------------- */

uint32_t wc_spawn_site(struct wc_store *store, const char *name, const char *source)
{
    if (store->n_spawn_sites >= WC_STORE_PLACES - 1) {
        name = "other places";
        source = NULL;
    }
    uint64_t key = wi_map_text_key(0, name);
    for (size_t i = 0; i < store->n_spawn_sites; i++) {
        if (store->spawn_sites[i].key == key && strcmp(store->spawn_sites[i].name, name) == 0) {
            return (uint32_t)i;
        }
    }
    store->spawn_sites =
        wc_resize(store->spawn_sites, store->n_spawn_sites + 1, sizeof(*store->spawn_sites));
    store->spawn_sites[store->n_spawn_sites] = (struct wc_spawn_site){
        .name = wc_copy(name), .key = key, .source = source && source[0] ? wc_copy(source) : NULL};
    return (uint32_t)store->n_spawn_sites++;
}

/* They are sorted by id. The place of this one, or where it would be. */
static size_t store_meta_place(const struct wc_store *store, uint64_t id)
{
    size_t low = 0, high = store->n_metas;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->metas[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct wc_store_meta *wc_store_meta(const struct wc_store *store, uint64_t id)
{
    size_t at = store_meta_place(store, id);
    return at < store->n_metas && store->metas[at].id == id ? &store->metas[at] : NULL;
}

struct wc_store_meta *wc_store_add_meta(struct wc_store *store, uint64_t id)
{
    size_t at = store_meta_place(store, id);
    bool is_there = at < store->n_metas && store->metas[at].id == id;
    if (is_there || store->n_metas == WC_STORE_METAS) {
        return NULL;
    }
    store->metas = wc_resize(store->metas, store->n_metas + 1, sizeof(*store->metas));
    memmove(&store->metas[at + 1], &store->metas[at],
            (store->n_metas - at) * sizeof(*store->metas));
    store->metas[at] = (struct wc_store_meta){.id = id};
    store->n_metas++;
    return &store->metas[at];
}

const char *wc_store_target(const struct wc_store *store, uint64_t metadata)
{
    const struct wc_store_meta *meta = wc_store_meta(store, metadata);
    return meta ? meta->target : NULL;
}

const struct wc_store_detail *wc_store_detail(const struct wc_store *store, uint64_t task_id)
{
    for (size_t i = 0; task_id && i < WC_STORE_DETAILS; i++) {
        if (store->details[i].task_id == task_id) {
            return &store->details[i];
        }
    }
    return NULL;
}

void wc_store_keep_details(struct wc_store *store, const uint64_t *task_ids, size_t n)
{
    for (size_t i = 0; i < WC_STORE_DETAILS; i++) {
        bool is_kept = false;
        for (size_t k = 0; k < n; k++) {
            is_kept = is_kept || store->details[i].task_id == task_ids[k];
        }
        if (!is_kept) {
            store->details[i].task_id = 0;
        }
    }
}

void wc_store_finish(struct wc_store *store)
{
    for (int sort = 0; sort < WC_N_SORTS; sort++) {
        struct wc_items *items = &store->items[sort];
        for (size_t i = 0; i < items->n; i++) {
            store_drop(store, (enum wc_sort)sort, &items->item[i]);
        }
        free(items->item);
        free(items->map.slots);
        free(store->shown[sort]);
    }
    for (size_t i = 0; i < store->n_spawn_sites; i++) {
        free(store->spawn_sites[i].name);
        free(store->spawn_sites[i].source);
    }
    for (size_t i = 0; i < store->n_metas; i++) {
        free(store->metas[i].target);
        free(store->metas[i].names);
    }
    wc_names_finish(&store->names);
    free(store->spawn_sites);
    free(store->ordered);
    free(store->metas);
    free(store->semaphores);
    free(store->details);
    *store = (struct wc_store){0};
}
