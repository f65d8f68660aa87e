/* SPDX-License-Identifier: MIT */
/*
 * The pool. A thread runs a few handlers at once, as many as it manages in two milliseconds: waking
 * up for each would cost more than the game. It reckons when they are done from when the last ones
 * were due, not from when it woke up: late wake-ups are made good, and the rate is exact over time.
 */
#include "handlers.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "flags.h"
#include "instrument.h"
#include "outbox.h"
#include "session.h"

#define NANOS_PER_SECOND UINT64_C(1000000000)
#define CREDIT_NANOS     UINT64_C(5000000)  /* so much lateness is made good at most */
#define STEP_NANOS       UINT64_C(2000000)  /* a thread wakes up so often, when there is work */
#define LOOK_NANOS       UINT64_C(50000000) /* how long a waiting thread overlooks that all stops */
#define TICKS_OF_ROOM    4
#define TICKS_PER_SECOND 1000

/* A server that stops waits no longer. */
static void handlers_wait_until(struct handlers *handlers, uint64_t due)
{
    for (uint64_t now = now_nanos();
         now < due && !atomic_load_explicit(&handlers->is_stopping, memory_order_relaxed);
         now = now_nanos()) {
        if (handlers->is_burning) {
            continue;
        }
        uint64_t wake = due - now > LOOK_NANOS ? now + LOOK_NANOS : due;
        struct timespec until = {(time_t)(wake / NANOS_PER_SECOND),
                                 (long)(wake % NANOS_PER_SECOND)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}

/* The last step of a handler: the player moves, and is told where to. */
static void handlers_finish(struct handlers *handlers, struct move *taken_move,
                            struct outbox *outbox)
{
    struct session *session = taken_move->session;
    int x = atomic_fetch_add_explicit(&session->x, taken_move->x, memory_order_relaxed);
    int y = atomic_fetch_add_explicit(&session->y, taken_move->y, memory_order_relaxed);
    if (!atomic_load_explicit(&session->is_open, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&handlers->n_stale, 1, memory_order_relaxed);
        instrument_count(EVENT_STALE_MOVE);
    } else if (!atomic_exchange_explicit(&session->was_served, true, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&handlers->n_players_served, 1, memory_order_relaxed);
        instrument_count(EVENT_PLAYER_SERVED);
    }
    const struct message moved = {.kind = MESSAGE_MOVED,
                                  .player = taken_move->player,
                                  .token = session->token,
                                  .stamp = taken_move->stamp,
                                  .x = x + taken_move->x,
                                  .y = y + taken_move->y};
    outbox_add(outbox, &moved, &taken_move->from);
    instrument_handler_ends(taken_move->mark.ticket);
    move_free(taken_move);
    /* Release: who sees it served sees it taken, see server_report. */
    atomic_fetch_add_explicit(&handlers->n_served, 1, memory_order_release);
    permits_leave(handlers->permits, true);
}

/* Runs the handlers of one step: they wait for the same thing at the same time. */
static void handlers_run(struct handlers *handlers, struct move *taken_moves, uint64_t *due,
                         struct outbox *outbox)
{
    uint64_t n = 0;
    for (struct move *move = taken_moves; move; move = move->next) {
        move->mark.ticket = instrument_handler_begins(move->mark.ticket);
        n++;
    }
    uint64_t now = now_nanos();
    *due = (*due + CREDIT_NANOS < now ? now - CREDIT_NANOS : *due) + n * handlers->service_nanos;
    handlers_wait_until(handlers, *due);
    struct move *next = NULL;
    for (struct move *move = taken_moves; move; move = next) {
        next = move->next;
        handlers_finish(handlers, move, outbox);
    }
    outbox_flush(outbox);
}

/* The moves of one step, as a list; NULL: stopping. */
static struct move *handlers_take(struct handlers *handlers)
{
    uv_mutex_lock(&handlers->lock);
    while (!handlers->first &&
           !atomic_load_explicit(&handlers->is_stopping, memory_order_relaxed)) {
        uv_cond_wait(&handlers->arrived, &handlers->lock);
    }
    struct move *moves =
        atomic_load_explicit(&handlers->is_stopping, memory_order_relaxed) ? NULL : handlers->first;
    if (moves) {
        struct move *last = moves;
        handlers->n_waiting--;
        for (uint64_t n = 1; n < handlers->n_step && last->next; n++) {
            last = last->next;
            handlers->n_waiting--;
        }
        handlers->first = last->next;
        handlers->last = handlers->first ? handlers->last : NULL;
        last->next = NULL;
    }
    uv_mutex_unlock(&handlers->lock);
    return moves;
}

static void handlers_main(void *context)
{
    struct handlers *handlers = context;
    prctl(PR_SET_NAME, "handler");
    instrument_thread();
    instrument_worker_starts(
        atomic_fetch_add_explicit(&handlers->n_started, 1, memory_order_relaxed) + 1);
    struct outbox *outbox = xcalloc(1, sizeof(*outbox));
    outbox_init(outbox, handlers->socket);
    uint64_t due = now_nanos();
    struct move *moves = NULL;
    while ((moves = handlers_take(handlers))) {
        instrument_worker_begins();
        handlers_run(handlers, moves, &due, outbox);
        instrument_worker_ends();
    }
    instrument_worker_over();
    atomic_fetch_add_explicit(&handlers->n_replies_lost, outbox->n_lost, memory_order_relaxed);
    free(outbox);
}

void handlers_start(struct handlers *handlers, const struct handlers_options *options)
{
    uint64_t n_ticks = options->serve_rate * TICKS_OF_ROOM / TICKS_PER_SECOND;
    uint64_t service_nanos = NANOS_PER_SECOND * options->n_threads / options->serve_rate;
    uint64_t n_step = STEP_NANOS / (service_nanos > 0 ? service_nanos : 1);
    uint64_t n_least = (uint64_t)options->n_threads * TICKS_OF_ROOM;
    *handlers = (struct handlers){
        .n_room = n_ticks > n_least ? n_ticks : n_least,
        .n_step = n_step < 1             ? 1
                  : n_step > OUTBOX_SIZE ? OUTBOX_SIZE
                                         : n_step,
        .service_nanos = service_nanos,
        .is_burning = options->is_burning,
        .socket = options->socket,
        .permits = options->permits,
    };
    uv_mutex_init(&handlers->lock);
    uv_cond_init(&handlers->arrived);
    for (unsigned i = 0; i < options->n_threads; i++) {
        if (uv_thread_create(&handlers->threads[i], handlers_main, handlers) != 0) {
            die(EXIT_FAILURE, "cannot start %u handler threads; give a smaller --workers",
                options->n_threads);
        }
        handlers->n_threads++;
    }
}

void handlers_stop(struct handlers *handlers)
{
    uv_mutex_lock(&handlers->lock);
    atomic_store_explicit(&handlers->is_stopping, true, memory_order_relaxed);
    uv_cond_broadcast(&handlers->arrived);
    uv_mutex_unlock(&handlers->lock);
    for (unsigned i = 0; i < handlers->n_threads; i++) {
        uv_thread_join(&handlers->threads[i]);
    }
    struct move *next = NULL;
    for (struct move *move = handlers->first; move; move = next) { /* never begun */
        next = move->next;
        instrument_handler_dropped();
        move_free(move);
        permits_leave(handlers->permits, true);
    }
    uv_cond_destroy(&handlers->arrived);
    uv_mutex_destroy(&handlers->lock);
}

bool handlers_have_room(struct handlers *handlers)
{
    uv_mutex_lock(&handlers->lock);
    bool has_room = handlers->n_waiting < handlers->n_room;
    uv_mutex_unlock(&handlers->lock);
    return has_room;
}

void handlers_spawn(struct handlers *handlers, struct move *taken_move)
{
    uv_mutex_lock(&handlers->lock);
    taken_move->mark.ticket = instrument_handler_spawned();
    taken_move->next = NULL;
    *(handlers->last ? &handlers->last->next : &handlers->first) = taken_move;
    handlers->last = taken_move;
    handlers->n_waiting++;
    uv_cond_signal(&handlers->arrived);
    uv_mutex_unlock(&handlers->lock);
}
