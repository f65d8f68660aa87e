/* SPDX-License-Identifier: MIT */
/* Rows of a fake process view, filled as a real one would fill them. */
#include "fake_view.h"

struct wi_row *fake_view_add_channel(struct wi_process_view *view, const char *name, uint64_t sent,
                                     uint64_t received, uint64_t capacity)
{
    struct wi_row *row = fake_view_add(view, WI_CHANNEL, name);
    uint64_t depth = sent - received;
    for (int i = WI_CHANNEL_DISCARDED; i <= WI_CHANNEL_QUEUED_BYTES; i++) {
        fake_view_set_u64(row, i, 0);
    }
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, depth);
    if (capacity != WEIR_UNBOUNDED) {
        fake_view_set_u64(row, WI_CHANNEL_CAPACITY, capacity);
        fake_view_set_f64(row, WI_CHANNEL_FILL, capacity ? (double)depth / (double)capacity : 0);
        fake_view_set_f64(row, WI_CHANNEL_FULL_SECONDS, 0);
    }
    fake_view_set_u64(row, WI_CHANNEL_HIGH_WATER, depth);
    fake_view_set_u64(row, WI_CHANNEL_SENT, sent);
    fake_view_set_u64(row, WI_CHANNEL_RECEIVED, received);
    fake_view_set_f64(row, WI_CHANNEL_IN_RATE, 0);
    fake_view_set_f64(row, WI_CHANNEL_OUT_RATE, 0);
    fake_view_set_f64(row, WI_CHANNEL_REJECT_RATE, 0);
    fake_view_set_f64(row, WI_CHANNEL_OLDEST_AGE, 0);
    fake_view_set_u64(row, WI_CHANNEL_INSTANCES, 1);
    fake_view_set_u64(row, WI_CHANNEL_DEEPEST, depth);
    fake_view_set_text(view, row, WI_CHANNEL_FLAVOR, "mpsc");
    fake_view_set_text(view, row, WI_CHANNEL_SOURCE, "game.c:118");
    return row;
}

struct wi_row *fake_view_add_semaphore(struct wi_process_view *view, const char *name,
                                       uint64_t permits, uint64_t available)
{
    struct wi_row *row = fake_view_add(view, WI_SEMAPHORE, name);
    for (int i = WI_SEMAPHORE_ACQUIRES; i <= WI_SEMAPHORE_REJECTS_CLOSED; i++) {
        fake_view_set_u64(row, i, 0);
    }
    fake_view_set_u64(row, WI_SEMAPHORE_PERMITS, permits);
    fake_view_set_u64(row, WI_SEMAPHORE_AVAILABLE, available);
    fake_view_set_u64(row, WI_SEMAPHORE_LOW_WATER, available);
    fake_view_set_f64(row, WI_SEMAPHORE_SATURATION,
                      permits ? 1.0 - (double)available / (double)permits : 0);
    fake_view_set_u64(row, WI_SEMAPHORE_ACQUIRES, permits - available);
    fake_view_set_u64(row, WI_SEMAPHORE_ACQUIRED, permits - available);
    fake_view_set_f64(row, WI_SEMAPHORE_ACQUIRE_RATE, 0);
    fake_view_set_f64(row, WI_SEMAPHORE_REJECT_RATE, 0);
    fake_view_set_f64(row, WI_SEMAPHORE_EXHAUSTED_SECONDS, 0);
    fake_view_set_text(view, row, WI_SEMAPHORE_SOURCE, "game.c:131");
    return row;
}

struct wi_row *fake_view_add_task(struct wi_process_view *view, const char *name, uint64_t pending,
                                  uint64_t running, uint64_t finished)
{
    struct wi_row *row = fake_view_add(view, WI_TASK, name);
    fake_view_set_u64(row, WI_TASK_PENDING, pending);
    fake_view_set_u64(row, WI_TASK_RUNNING, running);
    fake_view_set_u64(row, WI_TASK_SPAWNED, pending + running + finished);
    fake_view_set_u64(row, WI_TASK_RUNS, running + finished);
    fake_view_set_u64(row, WI_TASK_FINISHED, finished);
    fake_view_set_u64(row, WI_TASK_FINISHED_OK, finished);
    fake_view_set_u64(row, WI_TASK_FINISHED_ERROR, 0);
    fake_view_set_u64(row, WI_TASK_FINISHED_CANCELLED, 0);
    fake_view_set_f64(row, WI_TASK_SPAWN_RATE, 0);
    fake_view_set_f64(row, WI_TASK_FINISH_RATE, 0);
    fake_view_set_text(view, row, WI_TASK_SOURCE, "game.c:140");
    return row;
}

void fake_view_set_u64(struct wi_row *row, int metric, uint64_t number)
{
    row->value[metric].type = WI_U64;
    row->value[metric].u.u64 = number;
}

void fake_view_set_i64(struct wi_row *row, int metric, int64_t number)
{
    row->value[metric].type = WI_I64;
    row->value[metric].u.i64 = number;
}

void fake_view_set_f64(struct wi_row *row, int metric, double number)
{
    row->value[metric].type = WI_F64;
    row->value[metric].u.f64 = number;
}

void fake_view_set_absent(struct wi_row *row, int metric)
{
    row->value[metric].type = WI_ABSENT;
}
