/* SPDX-License-Identifier: MIT */
/*
 * tokio-console's side of an Update in tests: what it has of tasks, resources and waits after all messages so
 * far, by the rules of the released client (0.1.14). Whatever would end it, or make it leave something out,
 * ends the test program.
 */
#ifndef TOKIO_MODEL_H
#define TOKIO_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tokio_sort { TOKIO_TASK, TOKIO_RESOURCE, TOKIO_OP, N_TOKIO_SORTS };

/* Times are nanoseconds of Unix, 0 for none; durations nanoseconds. */
struct tokio_item {
    uint64_t id; /* 0: a free place */
    char name[136];
    char kind[136]; /* task: its kind; resource: its type; wait: its source */
    char location[136];
    char *attributes; /* "capacity=8 depth=3 ", in the order of the message; NULL: never any */
    int64_t created, dropped, woken, poll_started, poll_ended;
    uint64_t number; /* the task.id that is shown */
    uint64_t polls, wakes, self_wakes, wakers;
    uint64_t busy, scheduled;
    uint64_t resource, task; /* of a wait */
    size_t n_stats;          /* times that its numbers came */
};

struct tokio_model {
    struct tokio_item *items[N_TOKIO_SORTS]; /* by a hash of the id */
    size_t room[N_TOKIO_SORTS];
    size_t n_items[N_TOKIO_SORTS];
    uint64_t metas; /* bit n: metadata n is known */
    char target[136];
    int64_t now;
    uint64_t lost[N_TOKIO_SORTS];
    size_t n_updates;
    size_t n_new, n_stats; /* in the last message */
    size_t n_again;        /* items that came again after their end, as none should */
    size_t longest;        /* message so far, in bytes */
};

/* Takes one message in. */
void tokio_model_take(struct tokio_model *model, const uint8_t *bytes, size_t n);

/* NULL: unknown. Owns: the model's, until the next message. */
struct tokio_item *tokio_model_find(const struct tokio_model *model, enum tokio_sort sort,
                                    uint64_t id);

/* By its name; the first that is not dropped. */
struct tokio_item *tokio_model_named(const struct tokio_model *model, enum tokio_sort sort,
                                     const char *name);

/* Those that are not dropped. */
size_t tokio_model_live(const struct tokio_model *model, enum tokio_sort sort);

/* Forgets what is dropped, as the client does after some seconds. */
void tokio_model_retain(struct tokio_model *model);

/* "RUNNING", "SCHED", "IDLE", "DONE", as the client derives it. */
const char *tokio_item_state(const struct tokio_item *item);

/* Whether the client would warn: "", "lost-waker", "self-wakes", "never-yielded". */
const char *tokio_item_warning(const struct tokio_item *item, int64_t now);

/* The value of an attribute with its unit; "" without. Owns: static, until the next call. */
const char *tokio_item_attribute(const struct tokio_item *item, const char *name);

void tokio_model_finish(struct tokio_model *model);

#endif
