/* SPDX-License-Identifier: MIT */
/* The parts of reading an Update into a store, for update.c, field.c, stats.c and entity.c; for no
 * other file. One thread at a time. */
#ifndef WC_TOKIO_UPDATE_READER_H
#define WC_TOKIO_UPDATE_READER_H

#include "tokio/state.h"

#define UPDATE_TEXT 1024u /* of all fields or attributes of one entity */
#define UPDATE_WORD 256u  /* of one name or value */

/* Entities that ended so long ago that they are not kept: only counted, if they were not known. */
struct update_ended {
    uint64_t id;
    uint64_t sum[WC_N_SUMS];
};

/* The entities of one sort within one Update. */
struct update_reader {
    struct wc_store *store;
    enum wc_sort sort;
    struct update_ended *ended;
    size_t n_ended, room;
};

struct update_field {
    char name[UPDATE_WORD], value[UPDATE_WORD];
    bool is_number;
    uint64_t number;
};

/* A text, fit for display, cut at a whole character. */
void wc_update_reader_text(const struct wi_unpack *bytes, char *ret_text, size_t room);

/* Seconds and nanoseconds; 0 for a time that no clock shows. */
int64_t wc_update_reader_nanos(struct wi_unpack wire);

/* Appends, or does nothing if there is no room for all of it. */
void wc_update_reader_add(char *text, size_t room, const char *more);

/* A field. False: it has no name or no value. */
bool wc_update_reader_field(const struct wc_store *store, struct wi_unpack wire,
                            struct update_field *ret_field);

/* "src/main.rs:12:5"; "" if nothing is known. The module only if there is no file. */
void wc_update_reader_location(struct wi_unpack wire, char *ret_text, size_t room);

/* All new places in the source. */
void wc_update_reader_metas(struct wc_store *store, struct wi_unpack wire);

/* One entry of a map of stats: of a known entity, a new one, or one that is not kept. */
void wc_update_reader_stats(struct update_reader *update_reader, struct wi_unpack wire);

/* One new task, resource or operation. The stats of the same Update come before, and reading->ended
 * is sorted by id. */
void wc_update_reader_entity(struct update_reader *update_reader, struct wi_unpack wire);
int wc_update_reader_compare(const void *a, const void *b);

#endif
