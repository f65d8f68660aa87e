/* SPDX-License-Identifier: MIT */
/* The game's handles and hooks. */
#include "instrument.h"

#include <weir/agent.h>
#include <weir/weir.h>

#include <stdio.h>

#define GAME_TICK_NANOS 1000000

static struct weir_channel *moves;
static struct weir_semaphore *permits;
static struct weir_task_kind *handler;
static struct weir_counter *backpressure_rejects;
static struct weir_counter *events[EVENT_COUNT];
static struct weir_loop *loops[LOOP_COUNT];
static struct weir_task loop_tasks[LOOP_COUNT];
static struct weir_task_kind *thread;
static _Thread_local struct weir_task worker;
static struct weir_gauge *players;
static struct weir_gauge *sessions;

static void instrument_log(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static void instrument_open_loops(void)
{
    static const char *const names[LOOP_COUNT] = {"network", "game"};
    thread = weir_task_kind_open(&(struct weir_task_options)WEIR_TASK_INIT("thread"));
    for (int i = 0; i < LOOP_COUNT; i++) {
        struct weir_loop_options loop = WEIR_LOOP_INIT(names[i]);
        loop.period_nanos = i == LOOP_GAME ? GAME_TICK_NANOS : WEIR_NO_PERIOD;
        loops[i] = weir_loop_open(&loop);
        weir_task_open(&loop_tasks[i], thread, names[i]);
    }
}

static void instrument_open(uint64_t queue_bound, uint64_t n_permits)
{
    struct weir_channel_options channel = WEIR_CHANNEL_INIT("moves", queue_bound);
    channel.kind = WEIR_CHANNEL_MPSC;
    moves = weir_channel_open(&channel);
    permits = weir_semaphore_open(
        &(struct weir_semaphore_options)WEIR_SEMAPHORE_INIT("move_permits", n_permits));
    handler = weir_task_kind_open(&(struct weir_task_options)WEIR_TASK_INIT("handler"));

    instrument_open_loops();

    struct weir_value_options value = WEIR_VALUE_INIT("backpressure_rejects");
    backpressure_rejects = weir_counter_open(&value);
    static const char *const names[EVENT_COUNT] = {
        "joins", "leaves", "timeouts", "stale_moves", "players_served", "unknown_moves"};
    for (int i = 0; i < EVENT_COUNT; i++) {
        value.name = names[i];
        events[i] = weir_counter_open(&value);
    }
    value.name = "players";
    players = weir_gauge_open(&value);
    value.name = "sessions"; /* more than players: queued moves keep the sessions of those gone */
    sessions = weir_gauge_open(&value);
}

void instrument_start(uint64_t queue_bound, uint64_t n_permits)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "game";
    options.log = instrument_log; /* told of all that goes wrong: the game goes on without weir */
    weir_start(&options, NULL);
    instrument_open(queue_bound, n_permits);
    weir_agent_start(NULL, NULL);
    if (weir_agent_http_port() != 0) {
        printf("metrics on http://127.0.0.1:%u/metrics\n", weir_agent_http_port());
    }
}

void instrument_stop(void)
{
    weir_agent_stop();
    weir_stop();
}

void instrument_thread(void)
{
    weir_thread_start();
}

struct weir_sender *instrument_player_joined(uint32_t player)
{
    char label[WEIR_SENDER_LABEL_MAX + 1];
    snprintf(label, sizeof(label), "player-%u", (unsigned)player);
    return weir_sender_open(moves, label);
}

void instrument_player_gone(struct weir_sender *sender)
{
    weir_sender_close(sender);
}

struct instrument_mark instrument_move_enters(struct weir_sender *sender, size_t bytes)
{
    struct weir_sent sent = weir_channel_send_from(moves, sender, bytes);
    return (struct instrument_mark){sent.ticket, sent.sender};
}

void instrument_move_taken(struct instrument_mark mark, size_t bytes)
{
    weir_channel_receive_from(moves, (struct weir_sent){mark.ticket, mark.sender}, bytes);
}

void instrument_move_refused_full(void)
{
    weir_channel_reject(moves, WEIR_REJECT_FULL);
    weir_counter_add(backpressure_rejects, 1);
}

void instrument_move_discarded(struct instrument_mark mark, size_t bytes)
{
    weir_channel_discard_from(moves, (struct weir_sent){mark.ticket, mark.sender}, bytes,
                              WEIR_DISCARD_CLOSED);
}

void instrument_queue_bound(uint64_t bound)
{
    weir_channel_resize(moves, bound);
}

void instrument_permits_taken(uint32_t n)
{
    weir_semaphore_acquire(permits, n);
}

void instrument_permits_given(uint32_t n)
{
    weir_semaphore_release(permits, n);
}

uint64_t instrument_permit_waits(void)
{
    weir_task_waits_for_semaphore(&loop_tasks[LOOP_GAME], permits);
    weir_task_polled(&loop_tasks[LOOP_GAME]);
    return weir_semaphore_wait(permits);
}

void instrument_permit_waited(uint64_t ticket)
{
    weir_semaphore_waited(permits, ticket);
    weir_task_poll(&loop_tasks[LOOP_GAME]);
}

void instrument_permit_freed(void)
{
    weir_task_wake(&loop_tasks[LOOP_GAME]);
}

void instrument_move_refused_permit(void)
{
    weir_semaphore_reject(permits, WEIR_SEMAPHORE_EXHAUSTED);
    weir_counter_add(backpressure_rejects, 1);
}

uint64_t instrument_handler_spawned(void)
{
    return weir_task_spawn(handler);
}

uint64_t instrument_handler_begins(uint64_t pending)
{
    return weir_task_begin(handler, pending);
}

void instrument_handler_ends(uint64_t running)
{
    weir_task_end(handler, running);
    weir_task_finish(handler, WEIR_OUTCOME_OK);
}

void instrument_handler_dropped(void)
{
    weir_task_finish(handler, WEIR_OUTCOME_CANCELLED);
}

void instrument_loop_begins(enum instrument_loop loop)
{
    weir_loop_begin(loops[loop]);
    weir_task_poll(&loop_tasks[loop]);
}

void instrument_loop_ends(enum instrument_loop loop)
{
    weir_task_polled(&loop_tasks[loop]);
    weir_loop_end(loops[loop]);
}

void instrument_loop_late(enum instrument_loop loop, uint64_t nanos)
{
    weir_loop_timer(loops[loop], nanos);
}

void instrument_loop_over(enum instrument_loop loop)
{
    weir_task_close(&loop_tasks[loop], WEIR_OUTCOME_OK);
}

void instrument_worker_starts(unsigned number)
{
    char label[WEIR_TASK_LABEL_MAX + 1];
    snprintf(label, sizeof(label), "handler %u", number);
    weir_task_open(&worker, thread, label);
}

void instrument_worker_begins(void)
{
    weir_task_poll(&worker);
}

void instrument_worker_ends(void)
{
    weir_task_polled(&worker);
}

void instrument_worker_over(void)
{
    weir_task_close(&worker, WEIR_OUTCOME_OK);
}

void instrument_count(enum instrument_event event)
{
    weir_counter_add(events[event], 1);
}

void instrument_players(size_t n)
{
    weir_gauge_set(players, (int64_t)n);
}

void instrument_session_opened(void)
{
    weir_gauge_add(sessions, 1);
}

void instrument_session_freed(void)
{
    weir_gauge_add(sessions, -1);
}
