/* SPDX-License-Identifier: MIT */
/*
 * A link to one process: gRPC over its exporter's unix socket or TCP, or, for a segment that nobody
 * serves, over a socketpair to an exporter thread that the link runs itself; for a recording, to the
 * same engine without a thread. One thread at a time. Nothing here waits for a peer without a
 * deadline; wc_link_step never waits at all.
 *
 *     wc_link_open -> wc_link_watch -> { poll(wc_link_fd, wc_link_events); wc_link_step;
 *                                        while ((update = wc_link_take_update(link))) ... }
 */
#ifndef WC_LINK_LINK_H
#define WC_LINK_LINK_H

#include "base/error.h"
#include "record/replay.h"
#include "target/target.h"
#include "weir/v1/agent.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct wc_link;
struct wc_shared;

/*
 * Connects and asks for the Description; blocks for at most 5 s. When the process does not answer
 * on its socket (it is stopped, or has just died) and its segment is readable, the link reads the
 * segment instead: then wc_link_notice says so.
 * Owns: wc_link_close.
 * Fails: WC_NO_TARGET, WC_DENIED, WC_MISMATCH, WC_ENDED.
 */
enum wc_status wc_link_open(const struct wc_target *target, struct wc_link **ret_link,
                            struct wc_error *ret_error);

/* As wc_link_open, within that many nanoseconds. */
enum wc_status wc_link_open_within(const struct wc_target *target, uint64_t patience_nanos,
                                   struct wc_link **ret_link, struct wc_error *ret_error);

/* NULL is fine. Blocks for at most 500 ms, when it ran an exporter. */
void wc_link_close(struct wc_link *link);

/* Borrowed until wc_link_close. Text fields are never NULL. */
const Weir__V1__Description *wc_link_description(const struct wc_link *link);

/* The same for those who hold it longer: wc_shared_hold. Borrowed. */
struct wc_shared *wc_link_described(const struct wc_link *link);

/* The target with the facts of the Description added (pid, name). Borrowed until wc_link_close. */
const struct wc_target *wc_link_target(const struct wc_link *link);

/* One line on how the process is read if that is not the usual way, else "". Borrowed. */
const char *wc_link_notice(const struct wc_link *link);

/* Whether the link reads the segment itself: then the process's end is not the link's end. */
bool wc_link_is_own(const struct wc_link *link);

/* The index of a kind's metric by its FIELD as the Description has it, or -1. */
int wc_link_metric(const struct wc_link *link, Weir__V1__Kind kind, const char *field);

/*
 * Each starts a stream; the one that ran before is cancelled, and what it still delivers is dropped.
 * The request is packed at once and stays the caller's. The first answer comes without waiting for
 * the interval.
 */
enum wc_status wc_link_watch(struct wc_link *link, const Weir__V1__WatchRequest *request,
                             struct wc_error *ret_error);
enum wc_status wc_link_subscribe(struct wc_link *link, const Weir__V1__SubscribeRequest *request,
                                 struct wc_error *ret_error);
enum wc_status wc_link_snapshot(struct wc_link *link, const Weir__V1__SnapshotRequest *request,
                                struct wc_error *ret_error);

/*
 * The control of a recording, to seek and to pause; NULL: the target is a process. Borrowed.
 */
struct wc_replay *wc_link_replay(struct wc_link *link);

/*
 * Requests the past of one metric of a kind, beside the stream that runs: the seconds of the last
 * ten minutes of each row that has a history; with an id, only of the row with this id and name.
 * `field`: "": every metric that has a history; an older server sends the one of the kind's trend.
 * Several calls may run; their answers come in any order. A server without a history sends nothing.
 */
void wc_link_history(struct wc_link *link, Weir__V1__Kind kind, const char *field, uint64_t id,
                     const char *name);

/* The next row's past, or NULL. Owns: the caller's, weir__v1__series__free_unpacked(series, NULL). */
Weir__V1__Series *wc_link_take_series(struct wc_link *link);

/* To be polled: the descriptor, for POLLIN and POLLOUT as wanted now (0: there is nothing to do
 * until the waiting messages are taken). */
int wc_link_fd(const struct wc_link *link);
short wc_link_events(const struct wc_link *link);

/*
 * Reads and writes what is possible without waiting. Call it after each poll, with whatever events.
 * Fails: WC_ENDED when the server has gone or has ended the stream with a goodbye, WC_USAGE when it
 * refused the request (its text: an unknown topic), WC_MISMATCH when it broke the protocol,
 * WC_DENIED. Messages that came before the end can still be taken. Every later step fails alike,
 * until a new stream is started where the connection still stands.
 */
enum wc_status wc_link_step(struct wc_link *link, struct wc_error *ret_error);

/* The next message of the running stream, oldest first, or NULL. Owns: the caller's,
 * weir__v1__update__free_unpacked(update, NULL) and weir__v1__lines__free_unpacked(lines, NULL). */
Weir__V1__Update *wc_link_take_update(struct wc_link *link);
Weir__V1__Lines *wc_link_take_lines(struct wc_link *link);

/* Whether the running stream ended with status OK (a snapshot is complete). */
bool wc_link_is_complete(const struct wc_link *link);

#endif
