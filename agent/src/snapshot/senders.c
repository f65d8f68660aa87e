/* SPDX-License-Identifier: MIT */
/*
 * Senders as rows, and their sums for the channels: messages that are queued though their sender is closed
 * or away.
 *
 * There may be 50,000 senders, most of which have nothing queued. At most 256 of those that have are watched: they
 * have a curve of the messages sent, from which the age of their oldest message follows as a channel's does, and
 * findings judge them. A curve takes 1 KiB. When all places are taken, the deepest sender that has none replaces the
 * shallowest one at each refresh, if it has twice as much queued: so curves are not lost to noise.
 */
#include "snapshot/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
    more->senders += !raw->is_gone;
    more->gone += raw->is_gone;
    more->away += raw->is_away;
    if (raw->is_gone || raw->is_away) {
        uint64_t queued = view_minus(raw->sent, raw->left);
        more->orphaned += queued;
        more->orphaned_bytes += view_minus(raw->bytes_in, raw->bytes_out);
        more->orphaned_away += raw->is_away ? queued : 0;
    }
}

/* ---- those that are watched ---- */

static void watched_drop(struct segment_view *view, size_t at)
{
    struct view_watched *watched = view->watched;
    view->senders[watched->at[at].block].watched = 0;
    free(watched->at[at].age);
    if (at != --watched->n) {
        watched->at[at] = watched->at[watched->n];
        view->senders[watched->at[at].block].watched = (uint16_t)(at + 1);
    }
}

/* A sender that is open since the last refresh, or had nothing queued then, was empty at that time. */
static struct view_watched_sender watched_new(const struct segment_view *view, size_t i,
                                              const struct wi_raw_sender *raw)
{
    const struct view_sender *sender = &view->senders[i];
    struct view_watched_sender entry = {.block = (uint32_t)i, .is_there = true};
    if (view->base->has_ticked && (sender->was_empty || sender->generation != raw->generation)) {
        entry.empty_at = view->base->now.nanos;
        entry.empty_left = raw->left;
    }
    return entry;
}

static void watched_put(struct segment_view *view, size_t at,
                        const struct view_watched_sender *entry)
{
    view->watched->at[at] = *entry;
    view->senders[entry->block].watched = (uint16_t)(at + 1);
}

/* One more sender of this refresh, whose row will be the next one. */
static void watched_meet(struct segment_view *view, size_t i, const struct wi_raw_sender *raw)
{
    struct view_sender *sender = &view->senders[i];
    uint64_t queued = view_minus(raw->sent, raw->left);
    bool is_known = sender->watched && sender->generation == raw->generation;
    if (queued && !view->watched) {
        view->watched = calloc(1, sizeof(*view->watched));
    }
    struct view_watched *watched = view->watched;
    if (queued && watched) {
        struct view_watched_sender fresh = watched_new(view, i, raw);
        struct view_watched_sender *entry = is_known ? &watched->at[sender->watched - 1] : &fresh;
        entry->queued = queued;
        entry->row = (uint32_t)view->n_order[WI_SENDER];
        entry->is_there = true;
        if (!is_known && !sender->watched && watched->n < VIEW_WATCHED_SENDERS) {
            watched_put(view, watched->n++, &fresh);
        } else if (!is_known && queued > watched->newcomer.queued) {
            watched->newcomer = fresh;
        }
    }
    sender->was_empty = !queued;
}

static void watched_begin(struct segment_view *view)
{
    struct view_watched *watched = view->watched;
    for (size_t i = 0; watched && i < watched->n; i++) {
        watched->at[i].is_there = false;
    }
    if (watched) {
        watched->newcomer.queued = 0;
    }
}

/* Senders that are no longer there, or have nothing queued any more, make room. */
static void watched_end(struct segment_view *view)
{
    struct view_watched *watched = view->watched;
    for (size_t i = watched ? watched->n : 0; i > 0; i--) {
        if (!watched->at[i - 1].is_there) {
            watched_drop(view, i - 1);
        }
    }
    if (!watched || !watched->newcomer.queued || view->senders[watched->newcomer.block].watched) {
        return;
    }
    size_t shallowest = 0;
    for (size_t i = 1; i < watched->n; i++) {
        shallowest = watched->at[i].queued < watched->at[shallowest].queued ? i : shallowest;
    }
    if (watched->n < VIEW_WATCHED_SENDERS) {
        watched_put(view, watched->n++, &watched->newcomer);
    } else if (watched->at[shallowest].queued < watched->newcomer.queued / 2) {
        watched_drop(view, shallowest);
        watched_put(view, watched->n++, &watched->newcomer);
    }
}

/* The same order as that of the reading: what has left first. */
static bool watched_read(const struct segment_view *view, const struct view_watched_sender *entry,
                         struct wi_raw_sender *ret_raw)
{
    return wi_collect_sender(&view->collection, entry->block, ret_raw) &&
           ret_raw->generation == view->senders[entry->block].generation;
}

void wi_view_tick_senders(struct segment_view *view)
{
    for (size_t i = 0; view->watched && i < view->watched->n; i++) {
        struct view_watched_sender *entry = &view->watched->at[i];
        struct wi_raw_sender raw;
        if (!watched_read(view, entry, &raw)) {
            continue;
        }
        if (!entry->age) {
            entry->age = calloc(1, sizeof(*entry->age));
            if (entry->age && entry->empty_at) {
                wi_age_add(entry->age, entry->empty_at, entry->empty_left);
            }
        }
        if (entry->age && !view->writer.has_ended) {
            wi_age_add(entry->age, view->base->tick_nanos, raw.sent);
        }
    }
}

size_t wi_view_worst_senders(const struct segment_view *view, uint32_t *ret_rows, size_t room)
{
    size_t n = view->watched ? view->watched->n : 0;
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++) {
        ret_rows[i] = view->watched->at[i].row;
    }
    return n;
}

size_t wi_view_senders_memory(const struct segment_view *view)
{
    return view->room_blocks[WI_SENDERS] * sizeof(struct view_sender) +
           (view->watched ? sizeof(*view->watched) + view->watched->n * sizeof(struct wi_age) : 0);
}

void wi_view_forget_senders(struct segment_view *view)
{
    for (size_t i = 0; view->watched && i < view->watched->n; i++) {
        free(view->watched->at[i].age);
    }
    free(view->watched);
    free(view->senders);
}

/* ---- the refresh ---- */

/* Begins with the sums. */
static void senders_begin(struct segment_view *view)
{
    view->n_order[WI_SENDER] = 0;
    for (size_t c = 0; view->n_more && c < view->n_order[WI_CHANNEL]; c++) {
        struct view_more *more = view_more(&view->slots[view->order[WI_CHANNEL][c]]);
        if (more) {
            memset(more, 0, sizeof(*more));
        }
    }
    watched_begin(view);
}

void wi_view_meet_senders(struct segment_view *view)
{
    senders_begin(view);
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
        watched_meet(view, i, &raw);
        if (view->senders[i].generation != raw.generation) {
            senders_name(view, i, &raw);
            view->senders[i].generation = raw.generation;
        }
        senders_add(more, &raw);
        view->order[WI_SENDER][view->n_order[WI_SENDER]++] = (uint32_t)i;
    }
    watched_end(view);
}

/* ---- rows ---- */

/* The age of its oldest message: 0 where none is queued, absent where it is not known. */
static void put_oldest(const struct segment_view *view, const struct view_sender *sender,
                       const struct wi_raw_sender *raw, struct wi_row *row)
{
    uint64_t nanos = 0;
    const struct wi_age *age = sender->watched ? view->watched->at[sender->watched - 1].age : NULL;
    if (wi_collect_raw(&view->collection, raw->channel)->flags & WI_SLOT_UNORDERED) {
        return;
    }
    if (raw->sent <= raw->left ||
        (age && wi_age_of(age, wi_view_as_of(view), raw->sent, raw->left, &nanos))) {
        wi_row_put_nanos(row, WI_SENDER_OLDEST_AGE, nanos);
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
    wi_row_put_text(row, WI_SENDER_CHANNEL_LABEL, wi_view_label(view, raw.channel));
    wi_row_put_u64(row, WI_SENDER_CHANNEL_ID, (uint64_t)raw.channel_generation << 32 | raw.channel);
    wi_row_put_text(row, WI_SENDER_PARTY, view_party(&view->slots[raw.channel]));
    wi_row_put_text(row, WI_SENDER_STATE, raw.is_gone ? "gone" : raw.is_away ? "away" : "open");
    wi_row_put_u64(row, WI_SENDER_IN_FLIGHT, view_minus(raw.sent, raw.left));
    wi_row_put_u64(row, WI_SENDER_IN_FLIGHT_BYTES, view_minus(raw.bytes_in, raw.bytes_out));
    wi_row_put_u64(row, WI_SENDER_SENT, raw.sent);
    wi_row_put_u64(row, WI_SENDER_LEFT, raw.left);
    uint64_t now = (uint64_t)(view->base->now.unix_nanos - view->wall_step);
    wi_row_put_nanos(row, WI_SENDER_AGE, view_minus(now, raw.opened_at));
    if (raw.is_away && raw.away_at) {
        wi_row_put_nanos(row, WI_SENDER_AWAY, view_minus(now, raw.away_at));
    }
    put_oldest(view, sender, &raw, row);
}
