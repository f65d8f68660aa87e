/* SPDX-License-Identifier: MIT */
/*
 * Everything that the game does for weir: what it names, and what it says when. The rest of the
 * example never includes a weir header, so these two files are the price of adopting it.
 *
 * Hooks may be called from any thread; start and stop from the main one.
 */
#ifndef GAME_INSTRUMENT_H
#define GAME_INSTRUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTRUMENT_UNBOUNDED UINT64_MAX

/* Opens the segment, starts the exporter and names the game's queues. Never fails the game. */
void instrument_start(uint64_t queue_bound, uint64_t permits);
void instrument_stop(void);

/* Optional, for a new thread: its first hook then costs what all later ones cost. */
void instrument_thread(void);

/* A player is a sender of the `moves` channel. Any thread; `joined` may give NULL. */
struct weir_sender;
struct weir_sender *instrument_player_joined(uint32_t player);
void instrument_player_gone(struct weir_sender *sender);

/* What lies in a move while it is queued: when it was sent, if that is measured, and by whom. */
struct instrument_mark {
    uint64_t ticket, sender;
};

/* The `moves` channel: before the push, after the pop, refused at the door, thrown away unread. */
struct instrument_mark instrument_move_enters(struct weir_sender *sender, size_t bytes);
void instrument_move_taken(struct instrument_mark mark, size_t bytes);
void instrument_move_refused_full(void);
void instrument_move_discarded(struct instrument_mark mark, size_t bytes);
void instrument_queue_bound(uint64_t bound);

/* The `move_permits` semaphore. Who waits is the game loop; the ticket goes from waits to waited, and
 * freed tells that one was given back meanwhile. */
void instrument_permits_taken(uint32_t n);
void instrument_permits_given(uint32_t n);
uint64_t instrument_permit_waits(void);
void instrument_permit_waited(uint64_t ticket);
void instrument_permit_freed(void);
void instrument_move_refused_permit(void);

/* The `handler` task kind. Each ticket goes to the next step. */
uint64_t instrument_handler_spawned(void);
uint64_t instrument_handler_begins(uint64_t pending);
void instrument_handler_ends(uint64_t running);
void instrument_handler_dropped(void); /* instead of begins: it never ran */

/* The event loops: each is a `loop` of weir and a single task of the kind `thread`. Begins: it has woken
 * up; ends: it is about to wait. The loop's own thread. */
enum instrument_loop { LOOP_NETWORK, LOOP_GAME, LOOP_COUNT };
void instrument_loop_begins(enum instrument_loop loop);
void instrument_loop_ends(enum instrument_loop loop);
void instrument_loop_late(enum instrument_loop loop, uint64_t nanos); /* its timer, by so much */
void instrument_loop_over(enum instrument_loop loop);

/* A handler thread, a single task of the same kind: at work from begins to ends. Its own thread. */
void instrument_worker_starts(unsigned number);
void instrument_worker_begins(void);
void instrument_worker_ends(void);
void instrument_worker_over(void);

/* The game's own counters and gauges. */
enum instrument_event {
    EVENT_JOIN,
    EVENT_LEAVE,
    EVENT_TIMEOUT,
    EVENT_STALE_MOVE,
    EVENT_PLAYER_SERVED, /* the first move of a player who is still there */
    EVENT_UNKNOWN_MOVE,  /* of someone without a session: timed out, and does not know it */
    EVENT_COUNT
};
void instrument_count(enum instrument_event event);
void instrument_players(size_t players);
void instrument_session_opened(void);
void instrument_session_freed(void);

#endif
