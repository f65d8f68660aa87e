/* SPDX-License-Identifier: MIT */
/*
 * The internals of a store, for update.c, which reads messages into it, and store.c; for no other
 * file. One thread at a time.
 */
#ifndef WC_TOKIO_STATE_H
#define WC_TOKIO_STATE_H

#include "tokio/store.h"

/* A place in the source that reports entities: its target, and names to which fields refer. */
struct wc_store_meta {
    uint64_t id;
    char *target; /* owned */
    char *names;  /* owned: each ends with a NUL */
    size_t n_names;
};

struct wc_store_meta *wc_store_meta(const struct wc_store *store, uint64_t id);

/* A new, empty place; NULL: it is known, or there are too many. Borrowed until the next is added. */
struct wc_store_meta *wc_store_add_meta(struct wc_store *store, uint64_t id);

/* The item of this id, made if there is none; NULL: there is no room. */
struct wc_item *wc_store_meet(struct wc_store *store, enum wc_sort sort, uint64_t id);

/* The part of a place in Rust's own library behind the hash of its version, so that names are
 * short. */
const char *wc_store_short(const char *source);

/* Replaces an owned text; counts it against the bound, beyond which it is left out. */
void wc_store_set_text(struct wc_store *store, char **text, const char *value);

/* The index of a kind of tasks, made if there is none. */
uint32_t wc_spawn_site(struct wc_store *store, const char *name, const char *source);

/* At the end of a message: drops items that are gone, sorts new ones by the order of their
 * creation, gives names. `before`: the number of items of each sort before the message. */
void wc_store_sweep(struct wc_store *store, const size_t before[WC_N_SORTS]);

/* The entity of this number is gone and another has its number: resets the item. */
void wc_store_forget(struct wc_store *store, enum wc_sort sort, struct wc_item *item);

#endif
