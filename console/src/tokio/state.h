/* SPDX-License-Identifier: MIT */
/*
 * The inside of a store, for update.c, which reads messages into it, and store.c. Not for others.
 * One thread at a time.
 */
#ifndef WC_TOKIO_STATE_H
#define WC_TOKIO_STATE_H

#include "tokio/store.h"

/* A place in the source from which entities are told: its target, and names that fields refer to. */
struct wc_store_meta {
    uint64_t id;
    char *target; /* owned */
    char *names;  /* owned: each ends with a NUL */
    size_t n_names;
};

struct wc_store_meta *wc_store_meta(const struct wc_store *store, uint64_t id);

/* A new one, empty; NULL: it is known, or there are too many. Borrowed until the next is added. */
struct wc_store_meta *wc_store_add_meta(struct wc_store *store, uint64_t id);

/* The item of this id, made when there is none; NULL: there is no room. */
struct wc_item *wc_store_meet(struct wc_store *store, enum wc_sort sort, uint64_t id);

/* Of a place in Rust's own library what follows the hash of its version: names are short. */
const char *wc_store_short(const char *source);

/* Replaces an owned text; counts it against the bound, and leaves it out past that. */
void wc_store_set_text(struct wc_store *store, char **text, const char *value);

/* The index of a kind of tasks; made when there is none. */
uint32_t wc_spawn_site(struct wc_store *store, const char *name, const char *source);

/* At the end of a message: lets go of what has gone, brings what is new in the order of its making,
 * gives names. `before`: how many there were of each sort. */
void wc_store_sweep(struct wc_store *store, const size_t before[WC_N_SORTS]);

/* A entity of this number has gone and another has come: as if it had never been. */
void wc_store_forget(struct wc_store *store, enum wc_sort sort, struct wc_item *item);

#endif
