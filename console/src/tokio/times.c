/* SPDX-License-Identifier: MIT */
#include "tokio/times.h"

bool wc_times_is_polling(const struct wc_polled *polled)
{
    return polled->started > polled->ended;
}

/* As in tokio-console: a task that was neither polled nor woken is idle. */
enum wc_task_state wc_times_state(const struct wc_item *item, wc_time *ret_since)
{
    const struct wc_task *task = &item->u.task;
    if (item->dropped) {
        *ret_since = item->dropped;
        return WC_TASK_DONE;
    }
    if (wc_times_is_polling(&task->polled)) {
        *ret_since = task->polled.started;
        return WC_TASK_RUNNING;
    }
    if (task->last_wake > task->polled.started) {
        *ret_since = task->last_wake;
        return WC_TASK_SCHEDULED;
    }
    *ret_since = task->polled.ended ? task->polled.ended : item->created;
    return WC_TASK_IDLE;
}

uint64_t wc_times_between(wc_time from, wc_time to)
{
    int64_t length;
    return !__builtin_sub_overflow(to, from, &length) && length > 0 ? (uint64_t)length : 0;
}

static uint64_t times_age(const struct wc_item *item, wc_time now)
{
    return item->created ? wc_times_between(item->created, item->dropped ? item->dropped : now) : 0;
}

struct wc_times wc_times_task(const struct wc_item *item, wc_time now)
{
    const struct wc_task *task = &item->u.task;
    wc_time since;
    enum wc_task_state state = wc_times_state(item, &since);
    struct wc_times times = {times_age(item, now), (uint64_t)task->polled.busy_nanos,
                             (uint64_t)task->scheduled_nanos, 0};
    times.busy += state == WC_TASK_RUNNING ? wc_times_between(since, now) : 0;
    times.scheduled += state == WC_TASK_SCHEDULED ? wc_times_between(since, now) : 0;
    uint64_t used = times.busy + times.scheduled;
    times.idle = times.age > used ? times.age - used : 0;
    return times;
}

struct wc_times wc_times_operation(const struct wc_item *item, wc_time now)
{
    const struct wc_polled *polled = &item->u.operation.polled;
    struct wc_times times = {times_age(item, now), (uint64_t)polled->busy_nanos, 0, 0};
    times.busy += wc_times_is_polling(polled) ? wc_times_between(polled->started, now) : 0;
    times.idle = times.age > times.busy ? times.age - times.busy : 0;
    return times;
}
