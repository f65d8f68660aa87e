/* SPDX-License-Identifier: MIT */
/*
 * Objects (weir/object.h), summed by their channels: what their memory says at a reading. Trusts no byte, neither of the
 * segment nor of the memory. Part of a collection; the process view's thread.
 */
#ifndef WI_SNAPSHOT_OBJECTS_H
#define WI_SNAPSHOT_OBJECTS_H

#include "snapshot/source.h"
#include "weir/map.h"

/* The objects of a channel. */
struct wi_site {
    uint32_t slot, generation; /* the channel's */
    uint64_t open, read;       /* objects; those that could be read at the last reading */
    uint64_t depth, bytes, capacity;
    uint64_t largest; /* the greatest depth of one */
    bool has_bytes, has_capacity;
    char label[WEIR_OBJECT_LABEL_MAX + 1]; /* of the largest, cleaned; "": none */
};

struct objects_batch;

/* All zero at first. */
struct wi_objects {
    struct wi_site *sites; /* by slot */
    size_t n, room;
    struct wi_map by_slot;
    uint32_t *dropped; /* by number: the generation that is not read again; 0: none was */
    size_t room_dropped;
    uint32_t next; /* the slab with which the next reading begins */
    uint64_t open, read;
    uint64_t n_dropped;       /* ever, by this reader */
    uint64_t looked_at, rest; /* nanoseconds: when the last reading ended; how long none follows */
    const char *why_unread;   /* NULL: they can be read */
    struct objects_batch *batch; /* made at the first object */
};

/* Reads all objects, unless the last reading is only just over. Fails: WEIR_E_MEMORY, WEIR_E_CORRUPT. */
enum weir_status wi_objects_look(struct wi_objects *objects, struct wi_source *source,
                                 const struct wi_image *image, struct weir_error *ret_error);

/* The site of a channel; NULL: it has none, or that of an earlier channel. Borrowed until the next reading. */
const struct wi_site *wi_objects_site(const struct wi_objects *objects, uint32_t slot,
                                      uint32_t generation);

void wi_objects_finish(struct wi_objects *objects);

/* Bytes of memory that it holds. */
size_t wi_objects_memory(const struct wi_objects *objects);

#endif
