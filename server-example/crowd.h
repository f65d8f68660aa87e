/* SPDX-License-Identifier: MIT */
/*
 * The players: any number of them over a few sockets and one thread, in steps of a millisecond. The
 * load is an open loop: a move is due at its time whether or not the server keeps up, and its
 * latency counts from the time it was due, so that a slow server cannot slow its own test down.
 */
#ifndef GAME_CROWD_H
#define GAME_CROWD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "latency.h"
#include "outbox.h"

#define CROWD_SOCKETS 4

struct crowd_options {
    uint64_t port;
    uint64_t n_players;
    uint64_t move_rate;    /* moves per second, all players together */
    uint64_t churn_rate;   /* departures per second; every other one says so, each comes back */
    uint64_t for_nanos;    /* 0: until a signal */
    uint64_t wait_nanos;   /* how long to wait for the server at the start */
    uint64_t linger_nanos; /* how long to wait for answers at the end */
};

enum crowd_end { CROWD_DONE, CROWD_NO_SERVER, CROWD_LOST_SERVER };

struct player {
    uint64_t token; /* 0: not in the game */
    uint64_t asked_at;
    bool was_served; /* a move, since it has this token */
};

struct crowd {
    struct crowd_options options;
    const volatile sig_atomic_t *is_over; /* set by a signal handler */
    struct player *players;
    size_t n_playing;
    size_t next_mover, next_leaver, next_joiner;
    struct outbox outboxes[CROWD_SOCKETS];
    uint64_t started_at; /* of the moves */
    uint64_t ended_at;
    uint64_t heard_at; /* any answer */
    bool is_deaf;      /* the kernel says that nobody listens there */
    uint64_t n_moves_due, n_departures;

    uint64_t n_sent, n_served, n_refused, n_unknown;
    uint64_t n_joins, n_joins_refused, n_leaves, n_vanished;
    uint64_t n_players_served; /* one that left and came back is another */
    uint64_t n_kicked;         /* the server had forgotten one who was still playing */
    uint64_t n_idle;           /* due, but nobody was in the game */
    struct latency served, refused;
};

/* Plays until the time is over, a signal comes or the server is gone. */
enum crowd_end crowd_run(struct crowd *crowd, const struct crowd_options *options,
                         const volatile sig_atomic_t *is_over);

/* Moves that had no answer by the end. */
uint64_t crowd_lost(const struct crowd *crowd);

/* Frees what crowd_run made. */
void crowd_finish(struct crowd *crowd);

#endif
