/* SPDX-License-Identifier: MIT */
/* A small world with rows of every kind, for targets that need something to be asked about. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "fake_world.h"

/* Owns: wi_world_close. */
struct wi_world *fuzz_world_create(void);

#endif
