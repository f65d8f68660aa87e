/* SPDX-License-Identifier: MIT */
/*
 * What an exporter would answer of one look: tables for queries, everything for a snapshot, lines for
 * topics. No I/O; one thread.
 */
#ifndef WC_RECORD_ANSWER_H
#define WC_RECORD_ANSWER_H

#include "encode/topic.h"
#include "record/tape.h"

/* Owns: the caller's, weir__v1__update__free_unpacked. */
Weir__V1__Update *wc_answer_watch(const struct wc_tape *tape,
                                  const Weir__V1__WatchRequest *request);

Weir__V1__Update *wc_answer_snapshot(const struct wc_tape *tape,
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
Weir__V1__Lines *wc_answer_lines(const struct wc_tape *tape, const struct wc_tape *before,
                                 const struct wc_topics *topics);

#endif
