/* SPDX-License-Identifier: MIT */
/* Foreign worlds: the part of a world that needs no segment. */
#include "snapshot/foreign.h"

#include "segment/file.h"
#include "snapshot/state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum weir_status wi_world_open_foreign(const struct wi_facts *facts,
                                       const struct wi_foreign_ops *ops, void *taken_context,
                                       struct wi_world **ret_world, struct weir_error *ret_error)
{
    struct wi_world *world = calloc(1, sizeof(*world));
    if (!world || wi_finding_create(&world->finding) != WEIR_OK) {
        free(world);
        ops->close(taken_context);
        wi_error_set(ret_error, "out of memory");
        return WEIR_E_MEMORY;
    }
    world->facts = *facts;
    world->foreign = ops;
    world->foreign_context = taken_context;
    *ret_world = world;
    return WEIR_OK;
}

void wi_foreign_close(struct wi_world *world)
{
    world->foreign->close(world->foreign_context);
    wi_finding_destroy(world->finding);
    free(world);
}

enum weir_status wi_foreign_refresh(struct wi_world *world, uint64_t now_nanos,
                                    struct weir_error *ret_error)
{
    struct timespec now;
    bool is_tick = !world->has_ticked || now_nanos - world->tick_nanos >= WORLD_TICK_NANOS;
    enum weir_status status =
        world->foreign->refresh(world->foreign_context, now_nanos, is_tick, ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    world->unix_nanos = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    world->now_nanos = now_nanos;
    world->refreshes++;
    if (is_tick) {
        world->tick_nanos = now_nanos;
        world->has_ticked = true;
        wi_finding_update(world->finding, world);
        world->foreign->judge(world->foreign_context, world);
    }
    return WEIR_OK;
}

size_t wi_foreign_count(const struct wi_world *world, enum wi_kind kind)
{
    bool is_there = (unsigned)kind < WI_N_KINDS && world->foreign->offer->fields[kind] != 0;
    return is_there ? world->foreign->count(world->foreign_context, kind) : 0;
}

const struct wi_row *wi_foreign_row(struct wi_world *world, enum wi_kind kind, size_t i)
{
    struct wi_row *row = &world->rows[kind];
    memset(row, 0, sizeof(*row));
    row->name = "";
    world->foreign->row(world->foreign_context, kind, i, row);
    return row;
}
