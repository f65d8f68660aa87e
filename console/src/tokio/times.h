/* SPDX-License-Identifier: MIT */
/* The state of a task or an operation at a moment, and how long it has been in each state. Any
 * thread. */
#ifndef WC_TOKIO_TIMES_H
#define WC_TOKIO_TIMES_H

#include "tokio/item.h"

/* In nanoseconds up to a moment; none is negative. */
struct wc_times {
    uint64_t age, busy, scheduled, idle;
};
struct wc_times wc_times_task(const struct wc_item *item, wc_time now);
struct wc_times wc_times_operation(const struct wc_item *item, wc_time now);

/* The state of a task, and since when. */
enum wc_task_state wc_times_state(const struct wc_item *item, wc_time *ret_since);

bool wc_times_is_polling(const struct wc_polled *polled);

/* 0 if `to` is not the later one. */
uint64_t wc_times_between(wc_time from, wc_time to);

#endif
