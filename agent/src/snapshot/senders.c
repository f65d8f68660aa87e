/* SPDX-License-Identifier: MIT */
/* Senders as rows, and their sums for the channels: what is queued though its sender is gone. */
#include "snapshot/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void senders_name(struct wi_world *world, size_t i, const struct wi_raw_sender *raw)
{
    struct world_sender *sender = &world->senders[i];
    wi_collect_label(&world->collection, WI_SENDERS, i, sender->name, sizeof(sender->name));
    if (!sender->name[0]) {
        snprintf(sender->name, sizeof(sender->name), "%.20s-%u", world->slots[raw->channel].name,
                 (unsigned)i);
    }
}

static void senders_add(struct world_more *more, const struct wi_raw_sender *raw)
{
    if (!raw->is_gone) {
        more->senders++;
        return;
    }
    more->gone++;
    more->orphaned += world_minus(raw->sent, raw->left);
    more->orphaned_bytes += world_minus(raw->bytes_in, raw->bytes_out);
}

enum weir_status wi_world_meet_senders(struct wi_world *world, struct weir_error *ret_error)
{
    void *blocks = world->senders;
    enum weir_status status = wi_world_block_room(world, WI_SENDERS, &blocks,
                                                  sizeof(*world->senders), WI_SENDER, ret_error);
    world->senders = blocks;
    world->n_order[WI_SENDER] = 0;
    if (status != WEIR_OK) {
        return status;
    }
    for (size_t c = 0; world->n_more && c < world->n_order[WI_CHANNEL]; c++) {
        struct world_more *more = world->slots[world->order[WI_CHANNEL][c]].more;
        if (more) {
            memset(more, 0, sizeof(*more));
        }
    }
    for (size_t i = 0; i < world->collection.n_blocks[WI_SENDERS]; i++) {
        struct wi_raw_sender raw;
        struct world_more *more =
            wi_collect_sender(&world->collection, i, &raw)
                ? wi_world_more(world, raw.channel, raw.channel_generation, WI_CHANNEL)
                : NULL;
        if (!more) {
            world->senders[i].generation = 0;
            continue;
        }
        if (world->senders[i].generation != raw.generation) {
            senders_name(world, i, &raw);
            world->senders[i].generation = raw.generation;
        }
        senders_add(more, &raw);
        world->order[WI_SENDER][world->n_order[WI_SENDER]++] = (uint32_t)i;
    }
    return WEIR_OK;
}

/* A sender whose last message has left since the reading is shown as it then was: gone, with none. */
void wi_world_build_sender(const struct wi_world *world, size_t i, struct wi_row *row)
{
    const struct world_sender *sender = &world->senders[i];
    struct wi_raw_sender raw;
    memset(row, 0, sizeof(*row));
    row->id = (uint64_t)sender->generation << 32 | i;
    row->name = sender->name;
    if (!wi_collect_sender(&world->collection, i, &raw) || raw.generation != sender->generation ||
        raw.channel >= world->collection.n) {
        put_text(row, WI_SENDER_STATE, "gone");
        put_u64(row, WI_SENDER_IN_FLIGHT, 0);
        put_u64(row, WI_SENDER_IN_FLIGHT_BYTES, 0);
        return;
    }
    put_text(row, WI_SENDER_CHANNEL, world->slots[raw.channel].name);
    put_text(row, WI_SENDER_STATE, raw.is_gone ? "gone" : "open");
    put_u64(row, WI_SENDER_IN_FLIGHT, world_minus(raw.sent, raw.left));
    put_u64(row, WI_SENDER_IN_FLIGHT_BYTES, world_minus(raw.bytes_in, raw.bytes_out));
    put_u64(row, WI_SENDER_SENT, raw.sent);
    put_u64(row, WI_SENDER_LEFT, raw.left);
    put_nanos(row, WI_SENDER_AGE,
              world_minus((uint64_t)(world->unix_nanos - world->wall_step), raw.opened_at));
}
