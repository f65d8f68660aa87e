/* SPDX-License-Identifier: MIT */
/*
 * The work of src/main.rs in C, with weir's hooks and without: twin MEASURE N [--hooks]. A run queue of
 * tasks that wake themselves, a semaphore of POSIX, tasks that are made, run once and freed. Prints
 * the processor time in nanoseconds that each thing done took its thread:
 *     {"thread_ns":...}
 * or, for `tasks-alive` and `semaphores-alive`, "ready" once N of them stand; it ends with its input.
 * Whether there are hooks is a constant in each copy of the work, so that without them there are none.
 */
#include "bench.h"
#include "weir/agent.h"
#include "weir/weir.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TWIN_WAKES_MANY 11
#define TWIN_CHUNK      64
#define TWIN_LIMIT      (UINT64_C(1) << 30)
#define TWIN_INLINE     static inline __attribute__((always_inline))

struct twin_task {
    struct weir_task weir;
    struct twin_task *next;
    uint64_t left; /* polls */
    unsigned wakes;
    bool is_queued;
};

static struct {
    struct twin_task *first, **last;
} queue = {NULL, &queue.first};

static struct weir_task_kind *kind;

static uint64_t twin_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

TWIN_INLINE void twin_wake(struct twin_task *task, bool has_hooks)
{
    if (has_hooks) {
        weir_task_wake(&task->weir);
    }
    if (!task->is_queued) {
        task->is_queued = true;
        task->next = NULL;
        *queue.last = task;
        queue.last = &task->next;
    }
}

/* Runs the first of the queue; false: it is done. */
TWIN_INLINE bool twin_poll(bool has_hooks)
{
    struct twin_task *task = queue.first;
    BENCH_HIDE(task);
    queue.first = task->next;
    if (!queue.first) {
        queue.last = &queue.first;
    }
    task->is_queued = false;
    if (has_hooks) {
        weir_task_poll(&task->weir);
    }
    bool goes_on = task->left > 0;
    for (unsigned i = 0; goes_on && i < task->wakes; i++) {
        twin_wake(task, has_hooks);
    }
    task->left -= goes_on;
    if (has_hooks) {
        weir_task_polled(&task->weir);
    }
    return goes_on;
}

TWIN_INLINE void twin_polls(uint64_t n, unsigned wakes, bool has_hooks)
{
    struct twin_task task = {.left = n, .wakes = wakes};
    if (has_hooks) {
        weir_task_open(&task.weir, kind, "waking");
    }
    twin_wake(&task, has_hooks);
    while (twin_poll(has_hooks)) {
    }
    if (has_hooks) {
        weir_task_close(&task.weir, WEIR_OUTCOME_OK);
    }
}

TWIN_INLINE void twin_semaphore(uint64_t n, bool has_hooks)
{
    sem_t semaphore;
    struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT("bench", 8);
    struct weir_semaphore *handle = has_hooks ? weir_semaphore_open(&options) : NULL;
    sem_init(&semaphore, 0, 8);
    for (uint64_t i = 0; i < n; i++) {
        sem_wait(&semaphore);
        if (has_hooks) {
            weir_semaphore_acquire(handle, 1);
            weir_semaphore_release(handle, 1);
        }
        sem_post(&semaphore);
    }
    sem_destroy(&semaphore);
}

/* With a row of its own for each task: what console-subscriber keeps. */
TWIN_INLINE void twin_spawns(uint64_t n, bool has_hooks)
{
    for (uint64_t i = 0; i < n; i += TWIN_CHUNK) {
        struct twin_task *tasks[TWIN_CHUNK];
        for (unsigned at = 0; at < TWIN_CHUNK; at++) {
            tasks[at] = calloc(1, sizeof(*tasks[at]));
            if (!tasks[at]) {
                exit(1);
            }
            if (has_hooks) {
                weir_task_open(&tasks[at]->weir, kind, "spawned");
            }
            twin_wake(tasks[at], has_hooks);
        }
        for (unsigned at = 0; at < TWIN_CHUNK; at++) {
            (void)twin_poll(has_hooks);
            if (has_hooks) {
                weir_task_close(&tasks[at]->weir, WEIR_OUTCOME_OK);
            }
            free(tasks[at]);
        }
    }
}

/* Counted in its kind only: what weir advises for tasks that live short. */
TWIN_INLINE void twin_spawns_of_kind(uint64_t n, bool has_hooks)
{
    for (uint64_t i = 0; i < n; i += TWIN_CHUNK) {
        struct twin_task *tasks[TWIN_CHUNK];
        weir_ticket pending[TWIN_CHUNK];
        for (unsigned at = 0; at < TWIN_CHUNK; at++) {
            tasks[at] = calloc(1, sizeof(*tasks[at]));
            if (!tasks[at]) {
                exit(1);
            }
            pending[at] = has_hooks ? weir_task_spawn(kind) : 0;
            twin_wake(tasks[at], false);
        }
        for (unsigned at = 0; at < TWIN_CHUNK; at++) {
            weir_ticket running = has_hooks ? weir_task_begin(kind, pending[at]) : 0;
            (void)twin_poll(false);
            if (has_hooks) {
                weir_task_end(kind, running);
                weir_task_finish(kind, WEIR_OUTCOME_OK);
            }
            free(tasks[at]);
        }
    }
}

/* Each with a name of its own, which is made without hooks too. */
TWIN_INLINE void twin_resources(uint64_t n, bool has_hooks)
{
    for (uint64_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "bench-%u", (unsigned)i);
        sem_t semaphore;
        struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT(name, 1);
        struct weir_semaphore *handle = has_hooks ? weir_semaphore_open(&options) : NULL;
        sem_init(&semaphore, 0, 1);
        sem_t *hidden = &semaphore;
        BENCH_HIDE(hidden);
        sem_destroy(&semaphore);
        weir_semaphore_close(handle);
    }
}

static void twin_wait_for_end(void)
{
    char byte;
    puts("ready");
    fflush(stdout);
    (void)!read(STDIN_FILENO, &byte, 1);
}

static void twin_tasks_alive(uint64_t n)
{
    struct twin_task *tasks = calloc(n, sizeof(*tasks));
    for (uint64_t i = 0; tasks && i < n; i++) {
        char label[32];
        snprintf(label, sizeof(label), "task-%u", (unsigned)i);
        weir_task_open(&tasks[i].weir, kind, label);
        weir_task_poll(&tasks[i].weir);
        weir_task_polled(&tasks[i].weir);
    }
    twin_wait_for_end();
    free(tasks);
}

static void twin_semaphores_alive(uint64_t n)
{
    sem_t *semaphores = calloc(n, sizeof(*semaphores));
    for (uint64_t i = 0; semaphores && i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "semaphore-%u", (unsigned)i);
        struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT(name, 1);
        sem_init(&semaphores[i], 0, 1);
        (void)weir_semaphore_open(&options);
    }
    twin_wait_for_end();
    free(semaphores);
}

TWIN_INLINE bool twin_run(const char *measure, uint64_t n, bool has_hooks)
{
    if (strcmp(measure, "poll") == 0) {
        twin_polls(n, 1, has_hooks);
    } else if (strcmp(measure, "poll-many-wakes") == 0) {
        twin_polls(n, TWIN_WAKES_MANY, has_hooks);
    } else if (strcmp(measure, "semaphore") == 0) {
        twin_semaphore(n, has_hooks);
    } else if (strcmp(measure, "spawn") == 0) {
        twin_spawns(n, has_hooks);
    } else if (strcmp(measure, "spawn-of-kind") == 0) {
        twin_spawns_of_kind(n, has_hooks);
    } else if (strcmp(measure, "resource") == 0) {
        twin_resources(n, has_hooks);
    } else {
        return false;
    }
    return true;
}

static void twin_start(const char *measure)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct weir_agent_options agent = WEIR_AGENT_OPTIONS_INIT;
    options.name = "twin";
    options.limit_bytes = TWIN_LIMIT;
    if (weir_start(&options, &error) != WEIR_OK || weir_agent_start(&agent, &error) != WEIR_OK) {
        fprintf(stderr, "twin: %s: %s\n", measure, error.text);
        exit(1);
    }
    struct weir_task_options task = WEIR_TASK_INIT("task");
    kind = weir_task_kind_open(&task);
    /* The first touch by this thread is not what is to be measured. */
    (void)weir_task_spawn(kind);
    weir_task_finish(kind, WEIR_OUTCOME_CANCELLED);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: twin MEASURE N [--hooks]\n");
        return 2;
    }
    const char *measure = argv[1];
    uint64_t n = strtoull(argv[2], NULL, 10);
    bool has_hooks = argc > 3 && strcmp(argv[3], "--hooks") == 0;
    if (has_hooks) {
        twin_start(measure);
    }
    if (strcmp(measure, "tasks-alive") == 0) {
        twin_tasks_alive(n);
        return 0;
    }
    if (strcmp(measure, "semaphores-alive") == 0) {
        twin_semaphores_alive(n);
        return 0;
    }
    uint64_t thread = twin_clock();
    bool is_known = has_hooks ? twin_run(measure, n, true) : twin_run(measure, n, false);
    thread = twin_clock() - thread;
    if (!is_known) {
        fprintf(stderr, "twin: no such measurement: %s\n", measure);
        return 2;
    }
    printf("{\"thread_ns\":%.2f}\n", (double)thread / (double)n);
    return 0;
}
