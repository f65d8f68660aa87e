/* SPDX-License-Identifier: MIT */
/*
 * Senders: who is behind the messages of a channel. weir/weir.h includes this file: include that.
 */
#ifndef WEIR_SENDER_H
#define WEIR_SENDER_H

#include "weir/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One producer of a channel: a player, a connection, a session; or, if the channel's party is
 * WEIR_PARTY_RECEIVERS, one consumer of it: a subscriber. If messages carry their sender, weir knows how
 * many of each sender are queued, and how many are orphaned: queued while their sender is closed or away.
 * One that holds a large share of the queue, or of which nothing leaves while others flow, is a finding.
 *
 * Messages with and without a sender may share a channel. A sender's messages must leave by the hooks that end
 * in _from, else they count as queued until the channel is closed.
 */

/* Longest label of a sender, in bytes, without the terminator; cut as names are. */
#define WEIR_SENDER_LABEL_MAX 31

/* Enters a sender of a channel. `label` is copied; NULL: none. Room for 128 bytes each; closed ones
 * are used again. Owns: close it. Fails: NULL when there is no room, counted: its messages then count
 * in the channel only. Threads: any; takes a lock; not from a signal handler. */
WEIR_EXPORT struct weir_sender *weir_sender_open(struct weir_channel *channel, const char *label);

/* The sender will send no more. Its queued messages are orphaned from now on, and leave by the same
 * hooks as before. The sender is gone when its last message has left. NULL is allowed. Threads: any
 * one; no lock. */
WEIR_EXPORT void weir_sender_close(struct weir_sender *sender);

/*
 * The party behind the handle is absent for a time, and the handle stays open: a subscriber whose connection
 * was lost and whose session is kept. Messages that are queued for it, and those that are still sent, count as
 * orphaned until weir_sender_back. Sends and receives are allowed as before. A second call without a weir_sender_back
 * between changes nothing; nor does a call after weir_sender_close, unless weir_sender_open has given the handle
 * out again. NULL is allowed. Cost: one atomic operation, and one clock for weir_sender_away. Threads: any, also
 * while others send or receive; no lock.
 */
WEIR_EXPORT void weir_sender_away(struct weir_sender *sender);
WEIR_EXPORT void weir_sender_back(struct weir_sender *sender);

#ifdef __cplusplus
}
#endif

#endif
