/* SPDX-License-Identifier: MIT */
/*
 * The game loop: a thread that, a thousand times a second, takes moves from the channel, spawns
 * their handlers, and lets the world go one step on. It takes no more than the pool has room for, so what cannot be served stays in
 * the channel, where it can be seen.
 */
#ifndef GAME_GAMELOOP_H
#define GAME_GAMELOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "handlers.h"
#include "moves.h"
#include "permits.h"
#include "world.h"

struct gameloop {
    uv_thread_t thread;
    struct moves *moves;
    struct permits *permits;
    struct handlers *handlers;
    struct world *world;
    atomic_bool is_stopping;
    atomic_bool is_paused;
    atomic_ullong n_ticks;
    atomic_bool is_resting; /* paused, and no move is anywhere but in the channel */
};

/* Starts the thread; the caller has filled in the pointers. */
void gameloop_start(struct gameloop *gameloop);
void gameloop_stop(struct gameloop *gameloop);

/* Stops taking moves, or goes on. Any thread. */
void gameloop_pause(struct gameloop *gameloop, bool is_paused);
bool gameloop_is_resting(struct gameloop *gameloop);

#endif
