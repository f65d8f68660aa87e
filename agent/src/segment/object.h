/* SPDX-License-Identifier: MIT */
/*
 * Objects (weir/object.h) as the process itself knows them: places for them, and their layouts. The file repeats
 * both for readers outside. The process's own exporter follows only what is here, so that another process
 * that can write to the file cannot make it read elsewhere in the memory of this one.
 */
#ifndef WI_SEGMENT_OBJECT_H
#define WI_SEGMENT_OBJECT_H

#include "segment/segment.h"

/* An object's place: what a handle leads to. */
struct weir_object {
    uint64_t life; /* as in struct wi_object; atomic */
    uint64_t address, check;
    uint32_t number;
    uint32_t next; /* 1 + number of the next free one; 0: none; atomic */
};

struct wi_object_slab {
    unsigned char *blocks; /* in the file */
    struct weir_object objects[WI_OBJECT_SLAB];
};

/* The place of a number below n_objects, and the same in the file. */
static inline struct weir_object *wi_object_at(uint32_t number)
{
    return &wi_index.objects[number / WI_OBJECT_SLAB]->objects[number % WI_OBJECT_SLAB];
}

static inline struct wi_object *wi_object_shown(uint32_t number)
{
    struct wi_object *blocks = (void *)wi_index.objects[number / WI_OBJECT_SLAB]->blocks;
    return &blocks[number % WI_OBJECT_SLAB];
}

/* A free place; NULL: there is no room. Takes the lock if all are in use. The return of one: no lock. */
struct weir_object *wi_object_take(void);
void wi_object_give_back(struct weir_object *object);

/* 1 + the number of a layout; 0: it is impossible, or there are too many. Takes the lock for a new one. */
uint32_t wi_layout_of(const struct weir_layout *layout);

/* A layout by that. It never changes. */
static inline const struct wi_layout_row *wi_layout_at(uint32_t layout)
{
    return &wi_index.layouts[layout - 1].row;
}

/* Whether its numbers are possible, wherever they come from. */
bool wi_layout_is_possible(const struct wi_layout_row *row);

/* Counts an object that was not entered, and logs the first. The lock is not held. */
void wi_object_refuse(bool has_layout);

/* For a copy that has no other thread: writes all to the file as they are here, and lists the free places again. */
void wi_objects_rewrite(void);

#endif
