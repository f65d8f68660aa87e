/* SPDX-License-Identifier: MIT */
/* The game loop's thread. */
#include "gameloop.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "flags.h"
#include "instrument.h"

#define TICK_NANOS       UINT64_C(1000000)
#define LATE_NANOS       UINT64_C(20000000) /* later than this, ticks are left out */
#define NANOS_PER_SECOND UINT64_C(1000000000)

static void gameloop_tick(struct gameloop *gameloop)
{
    while (!atomic_load_explicit(&gameloop->is_paused, memory_order_relaxed) &&
           !atomic_load_explicit(&gameloop->is_stopping, memory_order_relaxed)) {
        bool has_gate = permits_gate(gameloop->permits) == GATE_POOL;
        if (!has_gate && !handlers_have_room(gameloop->handlers)) {
            return;
        }
        struct move *move = moves_pop(gameloop->moves);
        if (!move) {
            return;
        }
        if (!permits_enter_pool(gameloop->permits)) {
            move_free(move);
            permits_leave(gameloop->permits, false);
            return;
        }
        handlers_spawn(gameloop->handlers, move);
    }
}

static void gameloop_main(void *context)
{
    struct gameloop *gameloop = context;
    prctl(PR_SET_NAME, "game loop");
    instrument_thread();
    uint64_t tick_at = now_nanos();
    while (!atomic_load_explicit(&gameloop->is_stopping, memory_order_relaxed)) {
        instrument_loop_begins(LOOP_GAME);
        gameloop_tick(gameloop);
        world_step(gameloop->world);
        bool is_paused = atomic_load_explicit(&gameloop->is_paused, memory_order_relaxed);
        bool is_resting = is_paused && permits_count(gameloop->permits).n_in_pool == 0;
        atomic_store_explicit(&gameloop->is_resting, is_resting, memory_order_relaxed);

        atomic_fetch_add_explicit(&gameloop->n_ticks, 1, memory_order_relaxed);
        instrument_loop_ends(LOOP_GAME);

        uint64_t now = now_nanos();
        tick_at = (tick_at + LATE_NANOS < now ? now : tick_at) + TICK_NANOS;
        struct timespec until = {(time_t)(tick_at / NANOS_PER_SECOND),
                                 (long)(tick_at % NANOS_PER_SECOND)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        now = now_nanos();
        instrument_loop_late(LOOP_GAME, now > tick_at ? now - tick_at : 0);
    }
    instrument_loop_over(LOOP_GAME);
}

void gameloop_start(struct gameloop *gameloop)
{
    atomic_init(&gameloop->is_stopping, false);
    atomic_init(&gameloop->is_paused, false);
    atomic_init(&gameloop->is_resting, false);
    atomic_init(&gameloop->n_ticks, 0);
    if (uv_thread_create(&gameloop->thread, gameloop_main, gameloop) != 0) {
        die(EXIT_FAILURE, "cannot start the game loop's thread");
    }
}

void gameloop_stop(struct gameloop *gameloop)
{
    atomic_store_explicit(&gameloop->is_stopping, true, memory_order_relaxed);
    permits_stop(gameloop->permits);
    uv_thread_join(&gameloop->thread);
}

void gameloop_pause(struct gameloop *gameloop, bool is_paused)
{
    atomic_store_explicit(&gameloop->is_resting, false, memory_order_relaxed);
    atomic_store_explicit(&gameloop->is_paused, is_paused, memory_order_relaxed);
}

bool gameloop_is_resting(struct gameloop *gameloop)
{
    return atomic_load_explicit(&gameloop->is_resting, memory_order_relaxed);
}
