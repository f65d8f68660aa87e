/* SPDX-License-Identifier: MIT */
/* The values that follow from a store's items: which task waits for which resource, sums, rates. */
#include "tokio/state.h"

#include "base/memory.h"
#include "tokio/times.h"

#include <stdlib.h>
#include <string.h>

/* ---- waits ----------------------------------------------------------------------------------- */

static void derive_show(struct wc_store *store, enum wc_sort sort)
{
    const struct wc_items *items = &store->items[sort];
    store->shown[sort] = wc_resize(store->shown[sort], items->n + 1, sizeof(uint32_t));
    store->n_shown[sort] = 0;
    for (size_t i = 0; i < items->n; i++) {
        if (items->item[i].is_counted) {
            store->shown[sort][store->n_shown[sort]++] = (uint32_t)i;
        }
    }
}

/* Whether a semaphore is shown as one: one of the program's own, or the only resource that a Tokio
 * type reports, as in a bounded channel. A Semaphore or a Mutex reports itself, so the semaphore
 * within is not shown. */
static bool derive_is_semaphore(const struct wc_store *store, const struct wc_item *item)
{
    const struct wc_resource *resource = &item->u.resource;
    bool is_part = resource->parent_id && wc_store_find(&store->items[WC_SORT_RESOURCE],
                                                        resource->parent_id) != WC_STORE_NONE;
    return resource->has_permits && resource->type && strcmp(resource->type, "Semaphore") == 0 &&
           !(resource->is_internal && is_part);
}

static void derive_resources(struct wc_store *store)
{
    const struct wc_items *items = &store->items[WC_SORT_RESOURCE];
    store->semaphores = wc_resize(store->semaphores, items->n + 1, sizeof(uint32_t));
    store->n_semaphores = 0;
    for (size_t i = 0; i < items->n; i++) {
        struct wc_resource *resource = &items->item[i].u.resource;
        resource->n_operations = resource->n_waiting = 0;
        if (items->item[i].is_counted && derive_is_semaphore(store, &items->item[i])) {
            store->semaphores[store->n_semaphores++] = (uint32_t)i;
        }
    }
}

/* The outermost of a task's operations says for what the task waits; of two, the younger one. */
static bool derive_is_nearer(const struct wc_item *than, const struct wc_item *item)
{
    bool is_part = item->u.operation.parent != WC_STORE_NONE;
    bool was_part = than->u.operation.parent != WC_STORE_NONE;
    return is_part != was_part ? was_part : item->created > than->created;
}

static void derive_operation(struct wc_store *store, uint32_t index)
{
    struct wc_items *tasks = &store->items[WC_SORT_TASK];
    struct wc_items *operations = &store->items[WC_SORT_OPERATION];
    struct wc_items *resources = &store->items[WC_SORT_RESOURCE];
    struct wc_item *item = &operations->item[index];
    struct wc_operation *operation = &item->u.operation;
    operation->task = operation->task_id ? wc_store_find(tasks, operation->task_id) : WC_STORE_NONE;
    operation->parent =
        operation->parent_id ? wc_store_find(operations, operation->parent_id) : WC_STORE_NONE;
    operation->resource =
        operation->resource_id ? wc_store_find(resources, operation->resource_id) : WC_STORE_NONE;
    bool is_waiting = operation->polled.polls > 0 && !wc_times_is_polling(&operation->polled);
    if (operation->resource != WC_STORE_NONE) {
        struct wc_resource *resource = &resources->item[operation->resource].u.resource;
        resource->n_operations++;
        resource->n_waiting += is_waiting;
    }
    if (operation->task != WC_STORE_NONE && is_waiting) {
        struct wc_task *task = &tasks->item[operation->task].u.task;
        if (task->operation == WC_STORE_NONE ||
            derive_is_nearer(&operations->item[task->operation], item)) {
            task->operation = index;
        }
    }
}

/* ---- sums ------------------------------------------------------------------------------------ */

static void derive_places(struct wc_store *store)
{
    struct wc_items *tasks = &store->items[WC_SORT_TASK];
    for (size_t i = 0; i < store->n_spawn_sites; i++) {
        struct wc_spawn_site *spawn_site = &store->spawn_sites[i];
        spawn_site->n_done = spawn_site->n_living = spawn_site->running = spawn_site->scheduled =
            spawn_site->idle = 0;
        memset(spawn_site->sum, 0, sizeof(spawn_site->sum));
    }
    for (size_t i = 0; i < tasks->n; i++) {
        const struct wc_item *item = &tasks->item[i];
        const struct wc_task *task = &item->u.task;
        if (task->spawn_site == WC_STORE_NONE || !item->is_counted) {
            continue;
        }
        struct wc_spawn_site *spawn_site = &store->spawn_sites[task->spawn_site];
        struct wc_times times = wc_times_task(item, store->now);
        wc_time since;
        enum wc_task_state state = wc_times_state(item, &since);
        spawn_site->n_done += state == WC_TASK_DONE;
        spawn_site->n_living += state != WC_TASK_DONE;
        spawn_site->running += state == WC_TASK_RUNNING;
        spawn_site->scheduled += state == WC_TASK_SCHEDULED;
        spawn_site->idle += state == WC_TASK_IDLE;
        spawn_site->sum[WC_SUM_POLLS] += task->polled.polls;
        spawn_site->sum[WC_SUM_BUSY] += times.busy;
        spawn_site->sum[WC_SUM_SCHEDULED] += times.scheduled;
        spawn_site->sum[WC_SUM_IDLE] += times.idle;
        spawn_site->sum[WC_SUM_WAKES] += task->wakes;
    }
}

static int derive_compare(const void *a, const void *b, void *context)
{
    const struct wc_spawn_site *spawn_sites = context;
    return strcmp(spawn_sites[*(const uint32_t *)a].name, spawn_sites[*(const uint32_t *)b].name);
}

static void derive_order(struct wc_store *store)
{
    if (store->n_ordered == store->n_spawn_sites) {
        return;
    }
    store->ordered = wc_resize(store->ordered, store->n_spawn_sites, sizeof(*store->ordered));
    for (; store->n_ordered < store->n_spawn_sites; store->n_ordered++) {
        store->ordered[store->n_ordered] = (uint32_t)store->n_ordered;
    }
    qsort_r(store->ordered, store->n_ordered, sizeof(*store->ordered), derive_compare,
            store->spawn_sites);
}

void wc_store_derive(struct wc_store *store)
{
    struct wc_items *tasks = &store->items[WC_SORT_TASK];
    struct wc_items *operations = &store->items[WC_SORT_OPERATION];
    if (!store->must_derive) {
        return;
    }
    store->must_derive = false;
    for (int sort = 0; sort < WC_N_SORTS; sort++) {
        derive_show(store, (enum wc_sort)sort);
    }
    derive_resources(store);
    for (size_t i = 0; i < tasks->n; i++) {
        tasks->item[i].u.task.operation = WC_STORE_NONE;
    }
    for (size_t i = 0; i < operations->n; i++) {
        if (operations->item[i].is_counted) {
            derive_operation(store, (uint32_t)i);
        }
    }
    derive_places(store);
    derive_order(store);
}

/* ---- what moves on --------------------------------------------------------------------------- */

static void tick_task(const struct wc_store *store, struct wc_item *item, double seconds)
{
    struct wc_task *task = &item->u.task;
    int64_t busy = (int64_t)wc_times_task(item, store->now).busy;
    /* For a task that was met late, the time before these seconds is unknown. */
    if (seconds > 0 && (task->has_ticked || item->created >= store->tick_now)) {
        bool has_grown = task->polled.polls >= task->last_polls && busy >= task->last_busy;
        double used = (double)(busy - task->last_busy) / 1e9 / seconds;
        task->poll_rate = has_grown ? (double)(task->polled.polls - task->last_polls) / seconds : 0;
        task->utilisation = !has_grown ? 0 : used < 1 ? used : 1;
        task->has_rates = true;
    }
    task->has_ticked = true;
    task->last_polls = task->polled.polls;
    task->last_busy = busy;
}

static void tick_place(struct wc_spawn_site *spawn_site, double seconds)
{
    uint64_t finished = spawn_site->n_gone + spawn_site->n_done;
    if (seconds > 0) {
        spawn_site->spawn_rate = (double)(spawn_site->spawned - spawn_site->last_spawned) / seconds;
        spawn_site->finish_rate = (double)(finished - spawn_site->last_finished) / seconds;
        spawn_site->has_rates = true;
    }
    spawn_site->last_spawned = spawn_site->spawned;
    spawn_site->last_finished = finished;
}

/* Uses the server's clock: a server that sends nothing has no rates of 0. */
void wc_store_tick(struct wc_store *store, double our_seconds)
{
    double seconds =
        store->tick_now ? (double)wc_times_between(store->tick_now, store->now) / 1e9 : 0;
    if (store->tick_now && seconds <= 0) {
        return;
    }
    struct wc_items *tasks = &store->items[WC_SORT_TASK];
    for (size_t i = 0; i < tasks->n; i++) {
        tick_task(store, &tasks->item[i], seconds);
    }
    for (size_t i = 0; i < store->n_spawn_sites; i++) {
        tick_place(&store->spawn_sites[i], seconds);
    }
    for (size_t i = 0; i < store->n_semaphores; i++) {
        struct wc_resource *resource =
            &store->items[WC_SORT_RESOURCE].item[store->semaphores[i]].u.resource;
        resource->empty_seconds += resource->permits == 0 ? our_seconds : 0;
    }
    store->tick_now = store->now;
}
