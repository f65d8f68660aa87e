/* SPDX-License-Identifier: MIT */
/* Entities that follow one another. */
#include "world.h"

#include <math.h>
#include <stdlib.h>

#include "flags.h"

#define STEP 0.001F
#define TURN 0.1F /* of a step: how much of it follows the leader */

/* The same world each time (a linear congruential generator; Knuth's multiplier). */
static uint32_t world_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(*state >> 32);
}

static float world_place(uint64_t *state)
{
    return (float)(world_number(state) >> 8) / (float)(1 << 24);
}

void world_init(struct world *world, size_t n)
{
    uint64_t state = n;
    *world = (struct world){.entities = xcalloc(n ? n : 1, sizeof(struct entity)), .n = n};
    for (size_t i = 0; i < n; i++) {
        world->entities[i] = (struct entity){.x = world_place(&state),
                                             .y = world_place(&state),
                                             .leader = world_number(&state) % (uint32_t)n};
    }
}

void world_finish(struct world *world)
{
    free(world->entities);
    *world = (struct world){0};
}

static void entity_step(struct entity *entity, const struct entity *leader)
{
    float dx = leader->x - entity->x;
    float dy = leader->y - entity->y;
    float far = sqrtf(dx * dx + dy * dy);
    if (far > STEP) {
        entity->dx += TURN * (STEP * dx / far - entity->dx);
        entity->dy += TURN * (STEP * dy / far - entity->dy);
    }
    entity->x = fminf(fmaxf(entity->x + entity->dx, 0), 1);
    entity->y = fminf(fmaxf(entity->y + entity->dy, 0), 1);
}

void world_step(struct world *world)
{
    for (size_t i = 0; i < world->n; i++) {
        entity_step(&world->entities[i], &world->entities[world->entities[i].leader]);
    }
}
