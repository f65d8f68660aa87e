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

/* The `moves` channel: before the push, after the pop, refused at the door, thrown away unread.
 * The ticket lies in the move between enter and take. */
uint64_t instrument_move_enters(size_t bytes);
void instrument_move_taken(uint64_t ticket, size_t bytes);
void instrument_move_refused_full(void);
void instrument_moves_discarded(uint64_t moves, size_t bytes);
void instrument_queue_bound(uint64_t bound);

/* The `move_permits` semaphore. The ticket goes from waits to waited. */
void instrument_permits_taken(uint32_t n);
void instrument_permits_given(uint32_t n);
uint64_t instrument_permit_waits(void);
void instrument_permit_waited(uint64_t ticket);
void instrument_move_refused_permit(void);

/* The `handler` task kind. Each ticket goes to the next step. */
uint64_t instrument_handler_spawned(void);
uint64_t instrument_handler_begins(uint64_t pending);
void instrument_handler_ends(uint64_t running);
void instrument_handler_dropped(void); /* instead of begins: it never ran */

/* The game's own counters and gauges. */
enum instrument_event { EVENT_JOIN, EVENT_LEAVE, EVENT_TIMEOUT, EVENT_STALE_MOVE, EVENT_COUNT };
void instrument_count(enum instrument_event event);
void instrument_players(size_t players);
void instrument_session_opened(void);
void instrument_session_freed(void);

#endif
