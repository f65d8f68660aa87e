/* SPDX-License-Identifier: MIT */
/*
 * A frame: the state of a process at one moment, every row of every kind, by id. A recorder makes
 * Steps from one frame to the next, a reader applies them. No I/O; one thread.
 */
#ifndef WC_RECORD_FRAME_H
#define WC_RECORD_FRAME_H

#include "weir/v1/recording.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WC_FRAME_KINDS                                                                             \
    16 /* a later weir may have more kinds than this one: up to so many are kept */

struct wc_frame_table {
    bool is_there;
    uint32_t total, matching; /* as the exporter sent it */
    size_t n_columns;
    uint32_t columns[64]; /* the columns of the values */
    Weir__V1__Row **rows; /* by id, each id once */
    size_t n_rows, room;
};

struct wc_frame {
    int64_t unix_nanos, read_nanos;
    uint64_t skipped;
    char state[16];
    struct wc_frame_table tables[WC_FRAME_KINDS];
    size_t bytes; /* of all rows as messages, or more: counted again when it seems too large */
};

/* An empty frame. Owns: wc_frame_finish, after which it is empty again. */
void wc_frame_init(struct wc_frame *frame);
void wc_frame_finish(struct wc_frame *frame);

/* Sets a whole frame: takes the rows out of the update, and frees it. False: it is larger than an
 * exporter's can be, or invalid; the frame is then empty. */
bool wc_frame_set(struct wc_frame *frame, Weir__V1__Update *taken_update);

/* Applies a step; takes the values that it needs out of it, and frees it. False: the step does not
 * fit this frame, or makes it larger than an exporter's can be; the frame is then unusable until it
 * is set. */
bool wc_frame_apply(struct wc_frame *frame, Weir__V1__Step *taken_step);

/* The step from `frame` to `next`, packed; both stay. Owns: the bytes are the caller's, free. */
uint8_t *wc_frame_step(const struct wc_frame *frame, const struct wc_frame *next, size_t *ret_n);

/* Whether a step from one to the other is possible: kinds and columns are the same. */
bool wc_frame_is_like(const struct wc_frame *frame, const struct wc_frame *next);

/* The whole frame, packed as an Update. Owns: as wc_frame_step. */
uint8_t *wc_frame_pack(const struct wc_frame *frame, size_t *ret_n);

/* A row by id, or NULL. */
Weir__V1__Row *wc_frame_row(const struct wc_frame_table *table, uint64_t id);

/* The place of a metric in a row's values, or -1. */
int wc_frame_column(const struct wc_frame_table *table, uint32_t metric);

/* Whether two values are the same to the last bit. */
bool wc_frame_is_value(const Weir__V1__Value *a, const Weir__V1__Value *b);

#endif
