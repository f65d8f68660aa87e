/* SPDX-License-Identifier: MIT */
/*
 * The `move_permits` semaphore. It can stand at one of two gates: at the door, where a move without
 * a permit is refused (mode admission), or before the pool, where the game loop waits for one (mode
 * as-published).
 *
 * A permit belongs to the stretch behind the gate, not to a move: taken = min(moves inside, all).
 * So when the gate is put up before a queue of 90,000 moves, the permits are all taken at once, and
 * none is free again until no more moves are inside than there are permits: the backlog drains.
 */
#ifndef GAME_PERMITS_H
#define GAME_PERMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum gate {
    GATE_NONE = 0,
    GATE_DOOR = 1, /* inside: queued, handed over or being handled */
    GATE_POOL = 2  /* inside: handed over or being handled */
};

struct permits {
    uv_mutex_t lock;
    uv_cond_t freed;
    enum gate gate;
    uint64_t n_all;
    uint64_t n_inside[3]; /* by gate */
    bool is_stopping;
    bool is_waiting; /* the game loop, for a permit */
};

void permits_init(struct permits *permits, uint64_t n_all, enum gate gate);
void permits_finish(struct permits *permits);

/* Puts the gate elsewhere. Any thread. */
void permits_set_gate(struct permits *permits, enum gate gate);
enum gate permits_gate(struct permits *permits);

/* A move comes to the door. False: the gate is here and no permit is free. Never waits. */
bool permits_enter_door(struct permits *permits);

/* It goes on to the pool; waits for a permit where the gate is there. False: stopping. */
bool permits_enter_pool(struct permits *permits);

/* It is done with, in the pool or before (the push failed, the server stops). */
void permits_leave(struct permits *permits, bool was_in_pool);

/* Ends all waits. */
void permits_stop(struct permits *permits);

/* The numbers of one moment. Any thread. */
struct permits_count {
    uint64_t n_all, n_taken, n_in_pool;
};
struct permits_count permits_count(struct permits *permits);

#endif
