/* SPDX-License-Identifier: MIT */
/*
 * What the game loop computes in a tick beside its moves: entities that nobody plays, each of which
 * follows another. A loop with such work takes as long as one of a real game.
 */
#ifndef GAME_WORLD_H
#define GAME_WORLD_H

#include <stddef.h>
#include <stdint.h>

struct entity {
    float x, y;   /* within 0 to 1 */
    float dx, dy; /* a step */
    uint32_t leader;
};

struct world {
    struct entity *entities;
    size_t n;
};

/* With n of 0, nothing happens in it. Ends the program when there is no memory. The entities are the world's own. */
void world_init(struct world *world, size_t n);
void world_finish(struct world *world);

/* One step of all; one thread. */
void world_step(struct world *world);

#endif
