/* SPDX-License-Identifier: MIT */
/*
 * The handler tasks and the pool of threads that runs them. What a handler does to the world takes
 * no time to speak of, so its cost is simulated: each thread serves its share of a set rate, waiting
 * (or, on request, computing) in between.
 */
#ifndef GAME_HANDLERS_H
#define GAME_HANDLERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "moves.h"
#include "permits.h"

#define HANDLERS_THREADS_MAX 64

struct handlers {
    uv_mutex_t lock;
    uv_cond_t arrived;
    struct move *first, *last;
    uint64_t n_waiting; /* handed over, no thread has it yet */
    uint64_t n_room;    /* as many may wait; a permit is another way in */
    atomic_bool is_stopping;
    atomic_uint n_started; /* threads that have numbered themselves */

    uv_thread_t threads[HANDLERS_THREADS_MAX];
    unsigned n_threads;
    uint64_t n_step;        /* handlers that a thread runs at once, at most */
    uint64_t service_nanos; /* one move, one thread */
    bool is_burning;
    int socket; /* borrowed */
    struct permits *permits;

    atomic_uint_least64_t n_served;
    atomic_uint_least64_t n_players_served; /* sessions with a move served while they were open */
    atomic_uint_least64_t n_stale;          /* served though their player had left */
    atomic_uint_least64_t n_replies_lost;   /* the socket had no room; at the thread's end */
};

struct handlers_options {
    unsigned n_threads;
    uint64_t serve_rate; /* moves per second, all threads together */
    bool is_burning;
    int socket;
    struct permits *permits;
};

/* Starts the threads. */
void handlers_start(struct handlers *handlers, const struct handlers_options *options);

/* Ends them and drops the moves that wait. */
void handlers_stop(struct handlers *handlers);

/* Whether one more move may be handed over without a permit of the pool. */
bool handlers_have_room(struct handlers *handlers);

/* Spawns the handler of a move. Never waits. */
void handlers_spawn(struct handlers *handlers, struct move *taken_move);

#endif
