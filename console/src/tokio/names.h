/* SPDX-License-Identifier: MIT */
/*
 * Distinct names: the first item of a kind has the plain name, later ones a number behind it, as
 * "Semaphore src/main.rs:12:5 #2". A kind is dropped with its last item. No I/O. One thread at a
 * time.
 */
#ifndef WC_TOKIO_NAMES_H
#define WC_TOKIO_NAMES_H

#include "base/map.h"

#include <stddef.h>
#include <stdint.h>

#define WC_NAMES_NONE UINT32_MAX

struct wc_names_entry;

struct wc_names {
    struct wc_names_entry *entries;
    size_t n, room;
    uint32_t free;     /* the first unused entry; WC_NAMES_NONE: none */
    struct wi_map map; /* over the used ones, by plain name */
};

void wc_names_init(struct wc_names *names);
void wc_names_finish(struct wc_names *names);

/* Writes the next name of this kind, cut to the room at whole characters; returns the kind, to be
 * given back with wc_names_drop. */
uint32_t wc_names_take(struct wc_names *names, const char *plain, char *ret_name, size_t room);
void wc_names_drop(struct wc_names *names, uint32_t kind);

#endif
