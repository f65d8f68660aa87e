/* SPDX-License-Identifier: MIT */
/* A task, a resource or an operation of a Tokio program, as its server reports it. One thread at a
 * time. */
#ifndef WC_TOKIO_ITEM_H
#define WC_TOKIO_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#define WC_STORE_NONE UINT32_MAX /* no index */

enum wc_sort { WC_SORT_TASK, WC_SORT_RESOURCE, WC_SORT_OPERATION, WC_N_SORTS };

/* Unix time in nanoseconds; 0: never, or not reported. */
typedef int64_t wc_time;

enum wc_task_state { WC_TASK_IDLE, WC_TASK_SCHEDULED, WC_TASK_RUNNING, WC_TASK_DONE };

/* Numbers that only grow. */
enum { WC_SUM_POLLS, WC_SUM_BUSY, WC_SUM_SCHEDULED, WC_SUM_IDLE, WC_SUM_WAKES, WC_N_SUMS };

/* The numbers of a task; `polls` and the fields after it also of an operation. */
struct wc_polled {
    uint64_t polls;
    int64_t busy_nanos; /* of polls that have ended */
    wc_time started, ended;
};

struct wc_task {
    struct wc_polled polled;
    uint64_t wakes, self_wakes, waker_clones, waker_drops;
    int64_t scheduled_nanos; /* of waits that have ended */
    wc_time last_wake;
    uint64_t number;                /* as in Tokio's `task.id` field; 0: not reported */
    uint64_t bytes, original_bytes; /* of its future; 0: not reported */
    uint32_t spawn_site;            /* among the kinds */
    bool is_blocking;               /* of a kind that may run long and is not woken */
    uint32_t operation;             /* the operation in which it waits; WC_STORE_NONE */
    uint64_t last_polls;
    int64_t last_busy;
    double poll_rate, utilisation;
    bool has_rates, has_ticked;
};

struct wc_resource {
    char *type;         /* owned */
    char *kind;         /* owned; NULL: not reported */
    uint64_t parent_id; /* 0: none */
    bool is_internal;
    bool has_permits;
    uint64_t permits, least_permits;
    double empty_seconds;
    uint32_t n_operations, n_waiting;
};

struct wc_operation {
    struct wc_polled polled;
    char *function;                           /* owned; NULL: not reported */
    uint64_t resource_id, task_id, parent_id; /* 0: none */
    uint32_t task, resource, parent;          /* set by wc_store_derive; WC_STORE_NONE: not there */
};

struct wc_item {
    uint64_t id;     /* Tokio's */
    uint64_t serial; /* never used again */
    uint64_t metadata;
    wc_time created, dropped;
    uint64_t message;   /* of the last message about it */
    bool is_told;       /* there was a new_* for it */
    bool is_counted;    /* there were stats for it: only then it is shown */
    uint32_t name_kind; /* WC_NAMES_NONE: no name yet, or only its own */
    char *name;         /* owned; NULL: none yet */
    char *given;        /* a task's own name; owned; NULL: none */
    char *source;       /* owned; NULL: not reported */
    char *text;         /* fields or attributes; owned; NULL: none */
    union {
        struct wc_task task;
        struct wc_resource resource;
        struct wc_operation operation;
    } u;
};

#endif
