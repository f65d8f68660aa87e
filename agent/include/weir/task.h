/* SPDX-License-Identifier: MIT */
/*
 * The hooks of tasks: of those that count in their kind, and of single tasks with a row of their own. weir/weir.h, which
 * opens a kind, includes this file at its end: include that.
 */
#ifndef WEIR_TASK_H
#define WEIR_TASK_H

#include "weir/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the tasks of a kind ----------------------------------------------------------------- */

/* A task is pending from spawn, running from begin to end (as often as it is resumed), and gone
 * with finish: pending = spawned - finished - running. Keep the ticket in the job: spawn gives it,
 * begin takes it (time pending) and gives the next, end takes that one (time running). */
WEIR_INLINE weir_ticket weir_task_spawn(struct weir_task_kind *kind)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!kind)) {
        return 0;
    }
    cell = weir_cell_find(weir_slot_id(&kind->head));
    if (WEIR_UNLIKELY(!cell)) {
        return weir_task_spawn_slow(kind);
    }
    weir_cell_add(&cell->u.task.spawned, 1);
    return weir_sample(&kind->head, cell);
}

WEIR_INLINE weir_ticket weir_task_begin(struct weir_task_kind *kind, weir_ticket pending)
{
    uint64_t now;
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!kind)) {
        return 0;
    }
    cell = weir_cell_find(weir_slot_id(&kind->head));
    if (WEIR_LIKELY(cell != WEIR_NULL)) {
        weir_cell_add(&cell->u.task.begun, 1);
    } else {
        weir_add_slow(&kind->head, WEIR_WORD_BEGUN, 1);
    }
    if (WEIR_LIKELY(!pending)) {
        return 0;
    }
    now = weir_ticks();
    weir_wait_slow(&kind->head, cell, 0, pending, now);
    return weir_ticket_make(now, WEIR_CAST(uint32_t, pending >> WEIR_TICKET_TICK_BITS));
}

WEIR_INLINE void weir_task_end(struct weir_task_kind *kind, weir_ticket running)
{
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!kind)) {
        return;
    }
    cell = weir_cell_find(weir_slot_id(&kind->head));
    if (WEIR_LIKELY(cell != WEIR_NULL)) {
        weir_cell_add(&cell->u.task.ended, 1);
    } else {
        weir_add_slow(&kind->head, WEIR_WORD_ENDED, 1);
    }
    if (WEIR_UNLIKELY(running != 0)) {
        weir_wait_slow(&kind->head, cell, 1, running, weir_ticks());
    }
}

/* Counts a task as gone: after weir_task_end, or instead of weir_task_begin when it never ran. */
WEIR_INLINE void weir_task_finish(struct weir_task_kind *kind, enum weir_outcome outcome)
{
    const unsigned how = WEIR_CAST(unsigned, outcome);
    const unsigned word = WEIR_WORD_FINISHED + (how <= WEIR_OUTCOME_CANCELLED ? how : 1U);
    struct weir_cell *cell;
    if (WEIR_UNLIKELY(!kind)) {
        return;
    }
    cell = weir_cell_find(weir_slot_id(&kind->head));
    if (WEIR_UNLIKELY(!cell)) {
        weir_add_slow(&kind->head, word, 1);
        return;
    }
    weir_cell_add(&cell->u.word[word], 1);
}

/* ---- single tasks ------------------------------------------------------------------------ */

/*
 * A task with its own row, for long-lived tasks: a loop, a connection, a coroutine. It counts
 * in its kind like any other task. WEIR_TASKS of them (4,096) have a row at a time, and the rest
 * count only in their kind. The caller owns the struct. It stays valid when it is copied, and belongs to
 * one task; an all-zero struct is a task that no hook counts. Only weir uses its fields.
 *
 *     open -> scheduled -> poll -> running -> polled -> idle -> wake -> scheduled -> ... -> close
 */
struct weir_task_row;
struct weir_task {
    struct weir_task_kind *kind;
    struct weir_task_row *row; /* NULL: none */
    weir_ticket pending, running;
    uint32_t is_running;
    uint32_t number; /* of the row */
};

/* Longest label of a single task, in bytes, without the terminator; cut as names are. */
#define WEIR_TASK_LABEL_MAX 63

/* Spawns a task of a kind (NULL: one that no hook counts), scheduled to run. `label` is copied; NULL:
 * none. Owns: close it. Threads: any; takes a lock; not from a signal handler. */
WEIR_EXPORT void weir_task_open(struct weir_task *ret_task, struct weir_task_kind *kind,
                                const char *label);

/* The task was woken: it is scheduled. A task that runs now will be scheduled when its run ends. Threads:
 * any, also while another polls it; not at the same time as weir_task_close, as with free(). */
WEIR_EXPORT void weir_task_wake(struct weir_task *task);

/* The task begins to run, and ends a run. One thread at a time. Cost: a clock, some stores. */
WEIR_EXPORT void weir_task_poll(struct weir_task *task);
WEIR_EXPORT void weir_task_polled(struct weir_task *task);

/* Names the object that the task will wait for after this poll, until the next begins. NULL: none. */
WEIR_EXPORT void weir_task_waits_for_channel(struct weir_task *task,
                                             const struct weir_channel *channel);
WEIR_EXPORT void weir_task_waits_for_semaphore(struct weir_task *task,
                                               const struct weir_semaphore *semaphore);

/* The task is done, whether or not it was running. All of it is zero then. No lock. */
WEIR_EXPORT void weir_task_close(struct weir_task *task, enum weir_outcome outcome);

#ifdef __cplusplus
}
#endif

#endif
