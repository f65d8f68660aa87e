/* SPDX-License-Identifier: MIT */
/*
 * What an exporter would answer of one look: tables for queries, everything for a snapshot, lines for
 * topics. No I/O; one thread.
 */
#ifndef WC_RECORD_REPLAY_SERVER_H
#define WC_RECORD_REPLAY_SERVER_H

#include "weir/rank.h"
#include "weir/topic.h"
#include "record/frame.h"

#define WC_REPLAY_SERVER_RANKS 16

/* What is remembered of one look to the next, for queries that want the worst first. All 0 at first. */
struct wc_replay_server_state {
    struct wi_ranks ranks[WC_REPLAY_SERVER_RANKS]; /* of the first queries */
    struct wi_memory memory;
};

/* `description`: of the recorded process. Owns: the caller's, weir__v1__update__free_unpacked. */
Weir__V1__Update *wc_replay_server_watch(const struct wc_frame *frame,
                                         const Weir__V1__Description *description,
                                         const Weir__V1__WatchRequest *request,
                                         struct wc_replay_server_state *state);

/* Forgets it: the next look is another recording's, or another moment of it. */
void wc_replay_server_forget(struct wc_replay_server_state *state);

Weir__V1__Update *wc_replay_server_snapshot(const struct wc_frame *frame,
                                            const Weir__V1__SnapshotRequest *request);

/* Topics as they were asked for; `domain`: the service's name. */
struct wc_topics {
    const char *domain; /* borrowed */
    struct wi_topic *topics, *except;
    size_t n_topics, n_except;
    bool changes_only;
};

/* Owns: weir__v1__lines__free_unpacked. `before`: the look before, for topics of which only changes are
 * wanted; NULL: there is none. */
Weir__V1__Lines *wc_replay_server_lines(const struct wc_frame *frame, const struct wc_frame *before,
                                        const struct wc_topics *topics);

#endif
