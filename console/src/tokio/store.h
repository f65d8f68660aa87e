/* SPDX-License-Identifier: MIT */
/*
 * What is known of a Tokio program: its tasks, resources and operations by Tokio's own numbers, kept from
 * Update to Update. Bounded, and tolerant: what a message leaves out is absent, what it repeats is no new
 * entity, what cannot be read changes nothing. No I/O; one thread.
 *
 *     wc_store_update(message) ... -> wc_store_derive -> rows (provider.c), lints (lint.c)
 */
#ifndef WC_TOKIO_STORE_H
#define WC_TOKIO_STORE_H

#include "tokio/hdr.h"
#include "tokio/names.h"
#include "tokio/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of each sort; what a server has beyond that is counted and left out. */
#define WC_STORE_ITEMS   200000u
#define WC_STORE_PLACES  4096u /* kinds of tasks */
#define WC_STORE_METAS   16384u
#define WC_STORE_TEXT    ((size_t)128 << 20) /* of all fields and attributes */
#define WC_STORE_DETAILS 8u

/* How long a task that is done is shown. */
#define WC_STORE_DONE_NANOS INT64_C(6000000000)

#define WC_STORE_NONE UINT32_MAX

enum wc_sort { WC_SORT_TASK, WC_SORT_RESOURCE, WC_SORT_OPERATION, WC_N_SORTS };

/* Unix time in nanoseconds; 0: never, or not told. */
typedef int64_t wc_time;

enum wc_task_state { WC_TASK_IDLE, WC_TASK_SCHEDULED, WC_TASK_RUNNING, WC_TASK_DONE };

/* Numbers that only grow. */
enum { WC_SUM_POLLS, WC_SUM_BUSY, WC_SUM_SCHEDULED, WC_SUM_IDLE, WC_SUM_WAKES, WC_N_SUMS };

/* Of a task; `polls` and what follows also of an operation. */
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
    uint64_t number;                /* as Tokio's `task.id` field has it; 0: not told */
    uint64_t bytes, original_bytes; /* of its future; 0: not told */
    uint32_t spawn_site;            /* among the kinds */
    bool is_blocking;               /* of a kind that may run long and is not woken */
    uint32_t operation;             /* that it waits in, of those it has; WC_STORE_NONE */
    uint64_t last_polls;
    int64_t last_busy;
    double poll_rate, utilisation;
    bool has_rates, has_ticked;
};

struct wc_resource {
    char *type;         /* owned */
    char *kind;         /* owned; NULL: not told */
    uint64_t parent_id; /* 0: none */
    bool is_internal;
    bool has_permits;
    uint64_t permits, least_permits;
    double empty_seconds;
    uint32_t n_operations, n_waiting;
};

struct wc_operation {
    struct wc_polled polled;
    char *function;                           /* owned; NULL: not told */
    uint64_t resource_id, task_id, parent_id; /* 0: none */
    uint32_t task, resource, parent;          /* of wc_store_derive; WC_STORE_NONE: not there */
};

struct wc_item {
    uint64_t id;     /* Tokio's */
    uint64_t serial; /* never used again */
    uint64_t metadata;
    wc_time created, dropped;
    uint64_t message;   /* that told of it last */
    bool is_told;       /* there was a new_* for it */
    bool is_counted;    /* there were stats for it: only then it is shown */
    uint32_t name_kind; /* WC_NAMES_NONE: no name yet, or its own alone */
    char *name;         /* owned; NULL: none yet */
    char *given;        /* a task's own name; owned; NULL: none */
    char *source;       /* owned; NULL: not told */
    char *text;         /* fields or attributes; owned; NULL: none */
    union {
        struct wc_task task;
        struct wc_resource resource;
        struct wc_operation operation;
    } u;
};

/* In the order in which they came. */
struct wc_items {
    struct wc_item *item;
    size_t n, room;
    struct wi_map map;   /* over `item`, by id */
    uint64_t n_left_out; /* for which there was no room, in all */
    uint64_t n_dropped;  /* events that the server says it lost, in all */
};

/* Tasks that are spawned at one place in the source. */
struct wc_spawn_site {
    char *name; /* owned */
    uint64_t key;
    char *source; /* owned; NULL: not told */
    uint64_t spawned;
    uint64_t n_gone; /* finished, and no longer kept */
    uint64_t n_done; /* finished, and kept */
    uint64_t n_living, running, scheduled, idle;
    uint64_t gone[WC_N_SUMS]; /* of tasks that are no longer kept */
    uint64_t sum[WC_N_SUMS];  /* and of those that are */
    uint64_t last_spawned, last_finished;
    double spawn_rate, finish_rate;
    bool has_rates;
};

/* The histograms of one task. */
struct wc_store_detail {
    uint64_t task_id; /* 0: unused */
    bool has[2];
    struct wc_hdr hdr[2]; /* polls, delays */
};

struct wc_store {
    struct wc_items items[WC_N_SORTS];
    struct wc_names names;
    struct wc_spawn_site *spawn_sites;
    size_t n_spawn_sites;
    uint32_t *ordered; /* the places by their names, of wc_store_derive */
    size_t n_ordered;
    struct wc_store_meta *metas;
    size_t n_metas;
    uint32_t *semaphores; /* resources that are shown as semaphores, too */
    size_t n_semaphores;
    uint32_t *shown[WC_N_SORTS]; /* those that are rows */
    size_t n_shown[WC_N_SORTS];
    struct wc_store_detail *details; /* WC_STORE_DETAILS of them */
    uint64_t serial, n_messages, n_bad;
    size_t text_bytes;
    bool has_text_cut; /* fields were left out, since there are too many */
    bool is_paused;    /* the server says so */
    bool is_partial;   /* the first Update did not tell what there was before */
    bool must_derive;
    wc_time now, tick_now; /* of the server's clock: of the last Update, at the last tick */
};

void wc_store_init(struct wc_store *store);
void wc_store_finish(struct wc_store *store);

/* Takes one Update, or one State, or what is told of one task. One that is cut short is counted and
 * changes nothing; a part within that cannot be read is left out. */
void wc_store_update(struct wc_store *store, const uint8_t *bytes, size_t n);
void wc_store_state(struct wc_store *store, const uint8_t *bytes, size_t n);
void wc_store_details(struct wc_store *store, const uint8_t *bytes, size_t n);

/* Brings what follows from the Updates in line with them: rows, who waits for whom, sums. */
void wc_store_derive(struct wc_store *store);

/* Moves rates on, about once a second. */
void wc_store_tick(struct wc_store *store, double seconds);

/* Index of an item, or WC_STORE_NONE. */
uint32_t wc_store_find(const struct wc_items *items, uint64_t id);

/* The target of an item's metadata; NULL: not told. Borrowed. */
const char *wc_store_target(const struct wc_store *store, uint64_t metadata);

const struct wc_store_detail *wc_store_detail(const struct wc_store *store, uint64_t task_id);

/* Keeps only the details of these tasks. */
void wc_store_keep_details(struct wc_store *store, const uint64_t *task_ids, size_t n);

/* What a task does at store->now, and since when. */
enum wc_task_state wc_store_task_state(const struct wc_item *item, wc_time *ret_since);

/* Its times up to store->now, in nanoseconds; none is negative. */
struct wc_store_times {
    uint64_t age, busy, scheduled, idle;
};
struct wc_store_times wc_store_task_times(const struct wc_store *store, const struct wc_item *item);
struct wc_store_times wc_store_operation_times(const struct wc_store *store,
                                               const struct wc_item *item);

static inline bool wc_store_is_polling(const struct wc_polled *polled)
{
    return polled->started > polled->ended;
}

#endif
