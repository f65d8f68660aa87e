/* SPDX-License-Identifier: MIT */
/*
 * The provider of a Tokio server: messages in, rows out.
 *
 *     feed (link/attach.c) -> a refresh takes messages -> store -> derive -> rows, findings (lint.c)
 *
 * A refresh takes whole messages until the budget is used up, so that a server that sends without
 * end does not keep others waiting; the rest waits in the bounded queue of the feed. A row is built
 * when a caller asks for it; its texts are the store's, until the next refresh. The server is asked
 * for histograms of single tasks only while a caller here asks for them, and 5 s longer; at most
 * eight at a time.
 *
 * A server that sends nothing for long causes a warning, and its last numbers stay. The view owns
 * the store and the feed, which it closes. The exporter's thread.
 */
#include "tokio/provider.h"

#include "base/memory.h"
#include "weir/expect.h"
#include "tokio/times.h"

#include <stdio.h>
#include <stdlib.h>

/* Bytes read and items visited in one refresh, about, so that a server that sends without end does
 * not keep others waiting. */
#define VIEW_BUDGET ((size_t)20000000)

/* For so long a task's histograms are requested after a caller has asked. */
#define VIEW_WANT_NANOS UINT64_C(5000000000)

/* A server that sends nothing for so long, or for three of its own intervals, causes a warning. */
#define VIEW_QUIET_SECONDS 5.0

#define VIEW_MAGIC 0x7765746bU

struct view_want {
    uint64_t task_id; /* 0: none */
    uint64_t asked_nanos;
};

struct tokio_view {
    uint32_t magic; /* VIEW_MAGIC: what the operations get is one */
    struct wc_feed feed;
    struct wc_lints lints;
    struct wc_store store;
    struct view_want wants[WC_STORE_DETAILS];
    bool has_wants_changed;
    uint64_t now_nanos;
    double gap_seconds; /* between the last two Updates */
    struct wc_tokio_warnings warnings;
};

/* NULL and "": absent. */
static void put_text(struct wi_row *row, int metric, const char *text)
{
    wi_row_put_text(row, metric, text && text[0] ? text : NULL);
}

static const struct wc_item *view_item(const struct wc_store *store, enum wc_sort sort,
                                       uint32_t index)
{
    return index == WC_STORE_NONE || !WI_EXPECT(index < store->items[sort].n)
               ? NULL
               : &store->items[sort].item[index];
}

static const char *view_name(const struct wc_item *item)
{
    return item && item->name ? item->name : "";
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void view_histogram_rows(struct wi_row *row, int first, const struct wc_hdr *hdr)
{
    wi_row_put_u64(row, first, hdr->count);
    if (hdr->count > 0) {
        wi_row_put_nanos(row, first + 1, hdr->p50);
        wi_row_put_nanos(row, first + 2, hdr->p99);
        wi_row_put_nanos(row, first + 3, hdr->max);
    }
}

static void view_task(const struct tokio_view *view, uint32_t index, struct wi_row *row)
{
    static const char *const states[] = {"idle", "scheduled", "running", "done"};
    const struct wc_store *store = &view->store;
    const struct wc_item *item = view_item(store, WC_SORT_TASK, index);
    const struct wc_task *task = &item->u.task;
    struct wc_times times = wc_times_task(item, store->now);
    const struct wc_store_detail *detail = wc_store_detail(store, item->id);
    wc_time since;
    enum wc_task_state state = wc_times_state(item, &since);
    row->id = item->serial;
    row->name = view_name(item);
    put_text(row, WI_TASK_INSTANCE_STATE, states[state]);
    if (task->spawn_site != WC_STORE_NONE) {
        put_text(row, WI_TASK_INSTANCE_KIND, store->spawn_sites[task->spawn_site].name);
    }
    if (task->operation != WC_STORE_NONE && state == WC_TASK_IDLE) {
        const struct wc_operation *operation =
            &store->items[WC_SORT_OPERATION].item[task->operation].u.operation;
        put_text(row, WI_TASK_INSTANCE_WAITS_FOR,
                 view_name(view_item(store, WC_SORT_RESOURCE, operation->resource)));
    }
    if (since && store->now >= since) {
        wi_row_put_nanos(row, WI_TASK_INSTANCE_IN_STATE, (uint64_t)(store->now - since));
    }
    if (item->created) {
        wi_row_put_nanos(row, WI_TASK_INSTANCE_AGE, times.age);
        wi_row_put_nanos(row, WI_TASK_INSTANCE_IDLE, times.idle);
    }
    wi_row_put_u64(row, WI_TASK_INSTANCE_POLLS, task->polled.polls);
    wi_row_put_nanos(row, WI_TASK_INSTANCE_BUSY, times.busy);
    wi_row_put_nanos(row, WI_TASK_INSTANCE_SCHEDULED, times.scheduled);
    wi_row_put_u64(row, WI_TASK_INSTANCE_WAKES, task->wakes);
    wi_row_put_u64(row, WI_TASK_INSTANCE_SELF_WAKES, task->self_wakes);
    if (task->has_rates) {
        wi_row_put_f64(row, WI_TASK_INSTANCE_POLL_RATE, task->poll_rate);
        wi_row_put_f64(row, WI_TASK_INSTANCE_UTILISATION, task->utilisation);
    }
    if (detail && detail->has[0]) {
        view_histogram_rows(row, WI_TASK_INSTANCE_POLL, &detail->hdr[0]);
    }
    if (detail && detail->has[1]) {
        view_histogram_rows(row, WI_TASK_INSTANCE_DELAY, &detail->hdr[1]);
    }
    put_text(row, WI_TASK_INSTANCE_SOURCE, item->source);
    wi_row_put_u64(row, WI_TASK_INSTANCE_TASK_ID, task->number ? task->number : item->id);
    wi_row_put_u64(row, WI_TASK_INSTANCE_WAKERS,
                   task->waker_clones > task->waker_drops ? task->waker_clones - task->waker_drops
                                                          : 0);
    put_text(row, WI_TASK_INSTANCE_TARGET, wc_store_target(store, item->metadata));
    put_text(row, WI_TASK_INSTANCE_FIELDS, item->text);
}

static void view_place(const struct wc_store *store, size_t index, struct wi_row *row)
{
    const struct wc_spawn_site *spawn_site = &store->spawn_sites[index];
    uint64_t all[WC_N_SUMS];
    for (int i = 0; i < WC_N_SUMS; i++) {
        all[i] = spawn_site->gone[i] + spawn_site->sum[i];
    }
    row->id = index + 1;
    row->name = spawn_site->name;
    wi_row_put_u64(row, WI_TASK_PENDING, spawn_site->n_living - spawn_site->running);
    wi_row_put_u64(row, WI_TASK_RUNNING, spawn_site->running);
    wi_row_put_u64(row, WI_TASK_SPAWNED, spawn_site->spawned);
    wi_row_put_u64(row, WI_TASK_RUNS, all[WC_SUM_POLLS]);
    wi_row_put_u64(row, WI_TASK_FINISHED, spawn_site->n_gone + spawn_site->n_done);
    if (spawn_site->has_rates) {
        wi_row_put_f64(row, WI_TASK_SPAWN_RATE, spawn_site->spawn_rate);
        wi_row_put_f64(row, WI_TASK_FINISH_RATE, spawn_site->finish_rate);
    }
    put_text(row, WI_TASK_SOURCE, spawn_site->source);
    wi_row_put_u64(row, WI_TASK_SINGLE_RUNNING, spawn_site->running);
    wi_row_put_u64(row, WI_TASK_SINGLE_SCHEDULED, spawn_site->scheduled);
    wi_row_put_u64(row, WI_TASK_SINGLE_IDLE, spawn_site->idle);
    wi_row_put_u64(row, WI_TASK_POLLS, all[WC_SUM_POLLS]);
    wi_row_put_nanos(row, WI_TASK_BUSY, all[WC_SUM_BUSY]);
    wi_row_put_nanos(row, WI_TASK_SCHEDULED, all[WC_SUM_SCHEDULED]);
    wi_row_put_nanos(row, WI_TASK_IDLE, all[WC_SUM_IDLE]);
    wi_row_put_u64(row, WI_TASK_WAKES, all[WC_SUM_WAKES]);
}

static void view_semaphore(const struct wc_store *store, uint32_t index, struct wi_row *row)
{
    const struct wc_item *item = view_item(store, WC_SORT_RESOURCE, index);
    const struct wc_resource *resource = &item->u.resource;
    row->id = item->serial;
    row->name = view_name(item);
    wi_row_put_u64(row, WI_SEMAPHORE_AVAILABLE, resource->permits);
    wi_row_put_u64(row, WI_SEMAPHORE_LOW_WATER, resource->least_permits);
    wi_row_put_u64(row, WI_SEMAPHORE_WAITERS, resource->n_waiting);
    wi_row_put_f64(row, WI_SEMAPHORE_EXHAUSTED_SECONDS, resource->empty_seconds);
    put_text(row, WI_SEMAPHORE_SOURCE, item->source);
}

static void view_resource(const struct wc_store *store, uint32_t index, struct wi_row *row)
{
    const struct wc_items *items = &store->items[WC_SORT_RESOURCE];
    const struct wc_item *item = view_item(store, WC_SORT_RESOURCE, index);
    const struct wc_resource *resource = &item->u.resource;
    row->id = item->serial;
    row->name = view_name(item);
    put_text(row, WI_RESOURCE_TYPE, resource->type);
    put_text(row, WI_RESOURCE_KIND, resource->kind);
    put_text(row, WI_RESOURCE_VISIBILITY,
             !item->is_told          ? NULL
             : resource->is_internal ? "internal"
                                     : "public");
    if (resource->parent_id) {
        put_text(row, WI_RESOURCE_PARENT,
                 view_name(view_item(store, WC_SORT_RESOURCE,
                                     wc_store_find(items, resource->parent_id))));
    }
    put_text(row, WI_RESOURCE_ATTRIBUTES, item->text);
    wi_row_put_u64(row, WI_RESOURCE_OPERATIONS, resource->n_operations);
    if (item->created && store->now >= item->created) {
        wi_row_put_nanos(row, WI_RESOURCE_AGE, (uint64_t)(store->now - item->created));
    }
    put_text(row, WI_RESOURCE_TARGET, wc_store_target(store, item->metadata));
    put_text(row, WI_RESOURCE_SOURCE, item->source);
    wi_row_put_u64(row, WI_RESOURCE_ID, item->id);
}

static void view_operation(const struct wc_store *store, uint32_t index, struct wi_row *row)
{
    const struct wc_item *item = view_item(store, WC_SORT_OPERATION, index);
    const struct wc_operation *operation = &item->u.operation;
    struct wc_times times = wc_times_operation(item, store->now);
    row->id = item->serial;
    row->name = view_name(item);
    put_text(row, WI_OPERATION_STATE,
             wc_times_is_polling(&operation->polled) ? "running"
             : operation->polled.polls               ? "waiting"
                                                     : "new");
    put_text(row, WI_OPERATION_TASK, view_name(view_item(store, WC_SORT_TASK, operation->task)));
    put_text(row, WI_OPERATION_RESOURCE,
             view_name(view_item(store, WC_SORT_RESOURCE, operation->resource)));
    put_text(row, WI_OPERATION_PARENT,
             view_name(view_item(store, WC_SORT_OPERATION, operation->parent)));
    wi_row_put_u64(row, WI_OPERATION_POLLS, operation->polled.polls);
    wi_row_put_nanos(row, WI_OPERATION_BUSY, times.busy);
    if (item->created) {
        wi_row_put_nanos(row, WI_OPERATION_AGE, times.age);
        wi_row_put_nanos(row, WI_OPERATION_IDLE, times.idle);
    }
    put_text(row, WI_OPERATION_ATTRIBUTES, item->text);
    put_text(row, WI_OPERATION_SOURCE, operation->function);
}

/* ---- warnings --------------------------------------------------------------------------------- */

#define WARN_CAPACITY "Raise the builder's event_buffer_capacity (TOKIO_CONSOLE_BUFFER_CAPACITY)."

/* Warnings about data that the server did not send, or for which there was no room here. */
static void warn_losses(const struct wc_store *store, struct wc_tokio_warnings *to)
{
    static const char *const words[WC_N_SORTS] = {"tasks", "resources", "operations"};
    char text[256];
    for (int sort = 0; sort < WC_N_SORTS; sort++) {
        if (store->items[sort].n_dropped > 0) {
            snprintf(text, sizeof(text),
                     "the server had no room for %llu events of %s since weir attached: some are "
                     "missing here, or do not change (TOKIO_CONSOLE_BUFFER_CAPACITY)",
                     (unsigned long long)store->items[sort].n_dropped, words[sort]);
            wc_tokio_warn(to, "warning", "tokio_events_lost", "tokio", text, WARN_CAPACITY);
        }
        if (store->items[sort].n_left_out > 0) {
            snprintf(text, sizeof(text), "the server has more than %u %s: the others are not shown",
                     WC_STORE_ITEMS, words[sort]);
            wc_tokio_warn(to, "warning", "tokio_left_out", "tokio", text, NULL);
        }
    }
    if (store->is_partial) {
        wc_tokio_warn(to, "warning", "tokio_partial", "tokio",
                      "the server did not send its state when weir attached, because "
                      "console-subscriber omits a state above 4 MiB: rows that have not changed "
                      "since are missing here (a shorter retention helps)",
                      "Shorten the server's retention (TOKIO_CONSOLE_RETENTION).");
    }
    if (store->has_text_cut) {
        wc_tokio_warn(to, "info", "tokio_text_cut", "tokio",
                      "fields and attributes take more than 128 MiB: some are left out", NULL);
    }
    if (store->n_bad > 0) {
        snprintf(text, sizeof(text), "%llu messages of the server could not be read",
                 (unsigned long long)store->n_bad);
        wc_tokio_warn(to, "warning", "tokio_unreadable", "tokio", text, NULL);
    }
}

static void view_warn(struct tokio_view *view)
{
    struct wc_tokio_warnings *to = &view->warnings;
    double quiet = view->feed.quiet_seconds(view->feed.context);
    char text[256];
    to->n = 0;
    if (view->store.is_paused) {
        wc_tokio_warn(to, "warning", "tokio_paused", "tokio",
                      "a console has paused the server for all consoles: these numbers do not "
                      "change until one resumes it",
                      "Resume it in the console that paused it, or end that console.");
    } else if (quiet > VIEW_QUIET_SECONDS && quiet > 3 * view->gap_seconds) {
        snprintf(text, sizeof(text),
                 "nothing from the server for %.0f s: it is paused, or hangs; these are its last "
                 "numbers",
                 quiet);
        wc_tokio_warn(to, "warning", "tokio_silent", "tokio", text, NULL);
    }
    warn_losses(&view->store, to);
    wc_lints_warn(&view->lints, &view->store, to);
}

/* ---- the process view's side ------------------------------------------------------------------------ */

static void view_push_wants(struct tokio_view *view)
{
    uint64_t ids[WC_STORE_DETAILS];
    size_t n = 0;
    for (size_t i = 0; i < WC_STORE_DETAILS; i++) {
        struct view_want *want = &view->wants[i];
        if (want->task_id && view->now_nanos - want->asked_nanos > VIEW_WANT_NANOS) {
            want->task_id = 0;
            view->has_wants_changed = true;
        }
        if (want->task_id) {
            ids[n++] = want->task_id;
        }
    }
    if (view->has_wants_changed) {
        view->feed.want(view->feed.context, ids, n);
        wc_store_keep_details(&view->store, ids, n);
        view->has_wants_changed = false;
    }
}

static enum weir_status view_refresh(void *context, uint64_t now_nanos,
                                     struct weir_error *ret_error)
{
    struct tokio_view *view = context;
    struct wc_store *store = &view->store;
    struct wc_feed_message message;
    (void)ret_error;
    if (!WI_EXPECT(view->magic == VIEW_MAGIC)) {
        return WEIR_E_STATE;
    }
    view->now_nanos = now_nanos;
    size_t spent = 0;
    while (spent < VIEW_BUDGET && view->feed.take(view->feed.context, &message)) {
        spent += 1 + message.n + store->items[WC_SORT_TASK].n + store->items[WC_SORT_RESOURCE].n +
                 store->items[WC_SORT_OPERATION].n;
        if (message.kind == WC_FEED_UPDATE) {
            wc_time before = store->now;
            wc_store_update(store, message.bytes, message.n);
            view->gap_seconds = before ? (double)(store->now - before) / 1e9 : 0;
        } else if (message.kind == WC_FEED_STATE) {
            wc_store_state(store, message.bytes, message.n);
        } else {
            wc_store_details(store, message.bytes, message.n);
        }
    }
    wc_store_derive(store);
    view_push_wants(view);
    return WEIR_OK;
}

static void view_tick(void *context, double seconds)
{
    struct tokio_view *view = context;
    wc_store_tick(&view->store, seconds);
    view_warn(view);
}

static size_t view_count(const void *context, enum wi_kind kind)
{
    const struct tokio_view *view = context;
    const struct wc_store *store = &view->store;
    switch (kind) {
    case WI_TASK_INSTANCE:
        return store->n_shown[WC_SORT_TASK];
    case WI_RESOURCE:
        return store->n_shown[WC_SORT_RESOURCE];
    case WI_OPERATION:
        return store->n_shown[WC_SORT_OPERATION];
    case WI_SEMAPHORE:
        return store->n_semaphores;
    case WI_TASK:
        return store->n_ordered;
    case WI_WARNING:
        return view->warnings.n;
    default:
        return 0;
    }
}

static void view_row(void *context, enum wi_kind kind, size_t i, struct wi_row *row)
{
    const struct tokio_view *view = context;
    const struct wc_store *store = &view->store;
    switch (kind) {
    case WI_TASK_INSTANCE:
        view_task(view, store->shown[WC_SORT_TASK][i], row);
        break;
    case WI_RESOURCE:
        view_resource(store, store->shown[WC_SORT_RESOURCE][i], row);
        break;
    case WI_OPERATION:
        view_operation(store, store->shown[WC_SORT_OPERATION][i], row);
        break;
    case WI_SEMAPHORE:
        view_semaphore(store, store->semaphores[i], row);
        break;
    case WI_WARNING:
        wi_warning_row(&view->warnings.item[i].warning, row);
        break;
    default:
        view_place(store, store->ordered[i], row);
        break;
    }
}

/* Notes that a caller reads this task in full; the task that was not read for longest makes room. */
static void view_want(struct tokio_view *view, uint64_t task_id)
{
    struct view_want *oldest = &view->wants[0];
    for (size_t i = 0; i < WC_STORE_DETAILS; i++) {
        struct view_want *want = &view->wants[i];
        if (want->task_id == task_id) {
            want->asked_nanos = view->now_nanos;
            return;
        }
        bool is_older =
            !want->task_id || (oldest->task_id && want->asked_nanos < oldest->asked_nanos);
        oldest = is_older ? want : oldest;
    }
    *oldest = (struct view_want){task_id, view->now_nanos};
    view->has_wants_changed = true;
}

static const struct weir_histogram *view_histogram(void *context, enum wi_kind kind,
                                                   const struct wi_row *row, int metric)
{
    struct tokio_view *view = context;
    const struct wc_items *tasks = &view->store.items[WC_SORT_TASK];
    const struct wc_store *store = &view->store;
    for (size_t i = 0; kind == WI_TASK_INSTANCE && i < store->n_shown[WC_SORT_TASK]; i++) {
        const struct wc_item *item = &tasks->item[store->shown[WC_SORT_TASK][i]];
        if (item->serial != row->id) {
            continue;
        }
        int which = metric == WI_TASK_INSTANCE_DELAY;
        view_want(view, item->id);
        const struct wc_store_detail *detail = wc_store_detail(store, item->id);
        return detail && detail->has[which] ? &detail->hdr[which].buckets : NULL;
    }
    return NULL;
}

static enum wi_state view_state(const void *context)
{
    (void)context;
    return WI_STATE_RUNNING;
}

static void view_close(void *context)
{
    struct tokio_view *view = context;
    view->feed.close(view->feed.context);
    wc_store_finish(&view->store);
    view->magic = 0;
    free(view);
}

/* ---- the catalog ------------------------------------------------------------------------------ */

#define BIT(metric) (UINT64_C(1) << (metric))

#define NOT_CHANNELS                                                                               \
    "Tokio reports nothing about channels: no depth, no capacity, no rejects. The free slots of "  \
    "a "                                                                                           \
    "bounded one are an internal Semaphore: tokio/semaphore/permits, tokio/resource/attributes"
#define NOT_COUNTED                                                                                \
    "Tokio reports nothing of this kind; there are tokio/task, tokio/semaphore, tokio/resource, "  \
    "tokio/operation and tokio/warning"

static const struct wi_catalog_words catalog_words[] = {
    {WI_SEMAPHORE, WI_SEMAPHORE_AVAILABLE, "permits", "permits free now",
     "Permits free now: Tokio's own attribute `permits`. It does not include try_acquire (nor "
     "try_lock and try_send), after which it is too high. Tokio does not report the number of all "
     "permits."},
    {WI_SEMAPHORE, WI_SEMAPHORE_LOW_WATER, NULL, "fewest permits free",
     "Fewest free permits in any Update since weir attached."},
    {WI_SEMAPHORE, WI_SEMAPHORE_WAITERS, NULL, "operations waiting",
     "Operations on the semaphore that were polled and are not done."},
    {WI_TASK, WI_TASK_SPAWNED, NULL, "tasks spawned",
     "Tasks spawned here that the server still reported when weir attached, and those since."},
    {WI_TASK, WI_TASK_FINISHED, NULL, "tasks finished",
     "Ended tasks among those that the server still reported when weir attached, and those since."},
    {WI_TASK, WI_TASK_SOURCE, NULL, "where they are spawned",
     "The source line that spawns the tasks."},
    {WI_TASK_INSTANCE, WI_TASK_INSTANCE_KIND, NULL, "where it is spawned",
     "The task's kind: all tasks that are spawned at one place."},
    {WI_TASK_INSTANCE, WI_TASK_INSTANCE_WAITS_FOR, NULL, "what it waits for",
     "The resource of the operation that the task waits in; no value if Tokio reports none."},
    {WI_TASK_INSTANCE, WI_TASK_INSTANCE_SOURCE, NULL, "where it is spawned",
     "The source line that spawns the task."},
    {WI_TASK_INSTANCE, WI_TASK_INSTANCE_POLL, NULL, "polls measured",
     "Length of a poll, while the details are open; as precise as Tokio measures, to 1 %."},
    {WI_TASK_INSTANCE, WI_TASK_INSTANCE_DELAY, NULL, "delays measured",
     "Time from a wake to the poll that it led to, while the details are open."},
};

static const struct wi_catalog catalog = {
    .fields =
        {
            [WI_SEMAPHORE] = BIT(WI_SEMAPHORE_AVAILABLE) | BIT(WI_SEMAPHORE_LOW_WATER) |
                             BIT(WI_SEMAPHORE_WAITERS) | BIT(WI_SEMAPHORE_EXHAUSTED_SECONDS) |
                             BIT(WI_SEMAPHORE_SOURCE),
            [WI_TASK] = BIT(WI_TASK_PENDING) | BIT(WI_TASK_RUNNING) | BIT(WI_TASK_SPAWNED) |
                        BIT(WI_TASK_RUNS) | BIT(WI_TASK_FINISHED) | BIT(WI_TASK_SPAWN_RATE) |
                        BIT(WI_TASK_FINISH_RATE) | BIT(WI_TASK_SOURCE) |
                        BIT(WI_TASK_SINGLE_RUNNING) | BIT(WI_TASK_SINGLE_SCHEDULED) |
                        BIT(WI_TASK_SINGLE_IDLE) | BIT(WI_TASK_POLLS) | BIT(WI_TASK_BUSY) |
                        BIT(WI_TASK_SCHEDULED) | BIT(WI_TASK_IDLE) | BIT(WI_TASK_WAKES),
            [WI_WARNING] = BIT(WI_WARNING_N_METRICS) - 1,
            [WI_TASK_INSTANCE] = BIT(WI_TASK_INSTANCE_FIELDS + 1) - 1,
            [WI_RESOURCE] = BIT(WI_RESOURCE_N_METRICS) - 1,
            [WI_OPERATION] = BIT(WI_OPERATION_N_METRICS) - 1,
        },
    .absence =
        {
            [WI_CHANNEL] = NOT_CHANNELS,
            [WI_COUNTER] = NOT_COUNTED,
            [WI_GAUGE] = NOT_COUNTED,
            [WI_PROCESS] = NOT_COUNTED,
            [WI_AGENT] = NOT_COUNTED,
            [WI_LOOP] = NOT_COUNTED,
            [WI_SENDER] = NOT_COUNTED,
        },
    .words = catalog_words,
    .n_words = sizeof(catalog_words) / sizeof(catalog_words[0]),
};

enum weir_status wc_tokio_view_open(const struct wc_feed *feed, const struct wc_lints *lints,
                                    int64_t since_unix_nanos, struct wi_process_view **ret_view,
                                    struct weir_error *ret_error)
{
    static const struct wi_provider_ops ops = {.refresh = view_refresh,
                                               .tick = view_tick,
                                               .state = view_state,
                                               .count = view_count,
                                               .row = view_row,
                                               .histogram = view_histogram,
                                               .close = view_close};
    struct wi_facts facts = {.name = "tokio",
                             .started_unix_nanos = since_unix_nanos,
                             .opened_unix_nanos = since_unix_nanos};
    struct tokio_view *view = wc_alloc(sizeof(*view));
    (void)WI_EXPECT(feed->take && feed->want && feed->quiet_seconds && feed->close);
    view->magic = VIEW_MAGIC;
    view->feed = *feed;
    view->lints = *lints;
    wc_store_init(&view->store);
    return wi_process_view_open_provider(&facts, &catalog, &ops, view, ret_view, ret_error);
}
