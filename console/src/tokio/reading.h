/* SPDX-License-Identifier: MIT */
/* What reading an Update into a store is made of, for update.c, field.c, stats.c and thing.c. Not for
 * others. */
#ifndef WC_TOKIO_READING_H
#define WC_TOKIO_READING_H

#include "tokio/state.h"

#define READING_TEXT 1024u /* of all fields or attributes of one thing */
#define READING_WORD 256u  /* of one name or value */

/* What has ended so long ago that it is not kept: only counted, where it was not known. */
struct reading_ended {
    uint64_t id;
    uint64_t sum[WC_N_SUMS];
};

/* Of one sort of things within one Update. */
struct reading {
    struct wc_store *store;
    enum wc_sort sort;
    struct reading_ended *ended;
    size_t n_ended, room;
};

struct reading_field {
    char name[READING_WORD], value[READING_WORD];
    bool is_number;
    uint64_t number;
};

/* A text, fit to be shown, cut at a whole character. */
void wc_reading_text(const struct wc_wire *bytes, char *ret_text, size_t room);

/* Seconds and nanoseconds; 0 for what no clock shows. */
int64_t wc_reading_nanos(struct wc_wire wire);

/* Appends, or does nothing where there is no room for all of it. */
void wc_reading_add(char *text, size_t room, const char *more);

/* A field. False: it has no name or no value. */
bool wc_reading_field(const struct wc_store *store, struct wc_wire wire,
                      struct reading_field *ret_field);

/* "src/main.rs:12:5"; "" where nothing is told. The module only where there is no file. */
void wc_reading_location(struct wc_wire wire, char *ret_text, size_t room);

/* All new places in the source. */
void wc_reading_metas(struct wc_store *store, struct wc_wire wire);

/* One entry of a map of stats: of something known, of something new, or of what is not kept. */
void wc_reading_stats(struct reading *reading, struct wc_wire wire);

/* One new task, resource or operation. The stats of the same Update come before, and
 * reading->ended is sorted by id. */
void wc_reading_thing(struct reading *reading, struct wc_wire wire);
int wc_reading_compare(const void *a, const void *b);

#endif
