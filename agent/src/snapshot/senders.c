/* SPDX-License-Identifier: MIT */
/* Senders as rows, and their sums for the channels: messages that are queued though their sender is
 * closed. */
#include "snapshot/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void senders_name(struct segment_view *view, size_t i, const struct wi_raw_sender *raw)
{
    struct view_sender *sender = &view->senders[i];
    wi_collect_label(&view->collection, WI_SENDERS, i, sender->name, sizeof(sender->name));
    if (!sender->name[0]) {
        snprintf(sender->name, sizeof(sender->name), "%.20s-%u", wi_view_name(view, raw->channel),
                 (unsigned)i);
    }
}

static void senders_add(struct view_more *more, const struct wi_raw_sender *raw)
{
    if (!raw->is_gone) {
        more->senders++;
        return;
    }
    more->gone++;
    more->orphaned += view_minus(raw->sent, raw->left);
    more->orphaned_bytes += view_minus(raw->bytes_in, raw->bytes_out);
}

void wi_view_meet_senders(struct segment_view *view)
{
    view->n_order[WI_SENDER] = 0;
    for (size_t c = 0; view->n_more && c < view->n_order[WI_CHANNEL]; c++) {
        struct view_more *more = view_more(&view->slots[view->order[WI_CHANNEL][c]]);
        if (more) {
            memset(more, 0, sizeof(*more));
        }
    }
    for (size_t i = 0; i < view->collection.n_blocks[WI_SENDERS]; i++) {
        struct wi_raw_sender raw;
        struct view_more *more =
            wi_collect_sender(&view->collection, i, &raw)
                ? wi_view_more(view, raw.channel, raw.channel_generation, WI_CHANNEL)
                : NULL;
        if (!more) {
            view->senders[i].generation = 0;
            continue;
        }
        if (view->senders[i].generation != raw.generation) {
            senders_name(view, i, &raw);
            view->senders[i].generation = raw.generation;
        }
        senders_add(more, &raw);
        view->order[WI_SENDER][view->n_order[WI_SENDER]++] = (uint32_t)i;
    }
}

/* A sender whose last message has left since the reading is shown as it was then: closed, with none
 * queued. */
void wi_view_build_sender(const struct segment_view *view, size_t i, struct wi_row *row)
{
    const struct view_sender *sender = &view->senders[i];
    struct wi_raw_sender raw;
    row->id = (uint64_t)sender->generation << 32 | i;
    row->name = sender->name;
    if (!wi_collect_sender(&view->collection, i, &raw) || raw.generation != sender->generation ||
        raw.channel >= view->collection.n) {
        wi_row_put_text(row, WI_SENDER_STATE, "gone");
        wi_row_put_u64(row, WI_SENDER_IN_FLIGHT, 0);
        wi_row_put_u64(row, WI_SENDER_IN_FLIGHT_BYTES, 0);
        return;
    }
    wi_row_put_text(row, WI_SENDER_CHANNEL, wi_view_name(view, raw.channel));
    wi_row_put_text(row, WI_SENDER_STATE, raw.is_gone ? "gone" : "open");
    wi_row_put_u64(row, WI_SENDER_IN_FLIGHT, view_minus(raw.sent, raw.left));
    wi_row_put_u64(row, WI_SENDER_IN_FLIGHT_BYTES, view_minus(raw.bytes_in, raw.bytes_out));
    wi_row_put_u64(row, WI_SENDER_SENT, raw.sent);
    wi_row_put_u64(row, WI_SENDER_LEFT, raw.left);
    wi_row_put_nanos(
        row, WI_SENDER_AGE,
        view_minus((uint64_t)(view->base->now.unix_nanos - view->wall_step), raw.opened_at));
}
