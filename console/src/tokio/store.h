/* SPDX-License-Identifier: MIT */
/*
 * The state of a Tokio program: its tasks, resources and operations by Tokio's own numbers, kept
 * from Update to Update. Bounded and tolerant: a field that a message leaves out is absent, an
 * entity that it repeats is not new, and a part that cannot be read changes nothing. No I/O; one
 * thread.
 *
 *     wc_store_update(message) ... -> wc_store_derive -> rows (provider.c), lints (lint.c)
 */
#ifndef WC_TOKIO_STORE_H
#define WC_TOKIO_STORE_H

#include "tokio/hdr.h"
#include "tokio/item.h"
#include "tokio/names.h"
#include "weir/unpack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most items of each sort; further ones are counted and left out. */
#define WC_STORE_ITEMS   200000u
#define WC_STORE_PLACES  4096u /* kinds of tasks */
#define WC_STORE_METAS   16384u
#define WC_STORE_TEXT    ((size_t)128 << 20) /* of all fields and attributes */
#define WC_STORE_DETAILS 8u

/* For so long a finished task is shown. */
#define WC_STORE_DONE_NANOS INT64_C(6000000000)

/* In the order in which they came. */
struct wc_items {
    struct wc_item *item;
    size_t n, room;
    struct wi_map map;   /* over `item`, by id */
    uint64_t n_left_out; /* for which there was no room, in all */
    uint64_t n_dropped;  /* events that the server reports as lost, in all */
};

/* Tasks that are spawned at one place in the source. */
struct wc_spawn_site {
    char *name; /* owned */
    uint64_t key;
    char *source; /* owned; NULL: not reported */
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
    uint32_t *ordered; /* the places by their names, set by wc_store_derive */
    size_t n_ordered;
    struct wc_store_meta *metas;
    size_t n_metas;
    uint32_t *semaphores; /* resources that are also shown as semaphores */
    size_t n_semaphores;
    uint32_t *shown[WC_N_SORTS]; /* those that are rows */
    size_t n_shown[WC_N_SORTS];
    struct wc_store_detail *details; /* WC_STORE_DETAILS of them */
    uint64_t serial, n_messages, n_bad;
    size_t text_bytes;
    bool has_text_cut; /* fields were left out, since there are too many */
    bool is_paused;    /* the server reports it */
    bool is_partial;   /* the first Update did not report the state before */
    bool must_derive;
    wc_time now, tick_now; /* of the server's clock: at the last Update, at the last tick */
};

/* An empty store. Owns: wc_store_finish, which frees all items and texts. */
void wc_store_init(struct wc_store *store);
void wc_store_finish(struct wc_store *store);

/* Takes one Update, or one State, or one task's details. A truncated one is counted and changes
 * nothing; a part within that cannot be read is left out. */
void wc_store_update(struct wc_store *store, const uint8_t *bytes, size_t n);
void wc_store_state(struct wc_store *store, const uint8_t *bytes, size_t n);
void wc_store_details(struct wc_store *store, const uint8_t *bytes, size_t n);

/* Updates everything that follows from the Updates: rows, waits, sums. */
void wc_store_derive(struct wc_store *store);

/* Moves rates on, about once a second. */
void wc_store_tick(struct wc_store *store, double seconds);

/* Index of an item, or WC_STORE_NONE. */
uint32_t wc_store_find(const struct wc_items *items, uint64_t id);

/* The target of an item's metadata; NULL: not reported. Borrowed. */
const char *wc_store_target(const struct wc_store *store, uint64_t metadata);

const struct wc_store_detail *wc_store_detail(const struct wc_store *store, uint64_t task_id);

/* Keeps only the details of these tasks. */
void wc_store_keep_details(struct wc_store *store, const uint64_t *task_ids, size_t n);

#endif
