/* SPDX-License-Identifier: MIT */
/*
 * What stands on the screens of the view's tests: a server with a queue that leaks, and all that it
 * has beside it. Header only; one screen per test program.
 */
#ifndef SCENE_H
#define SCENE_H

#include "screen.h"

#include <time.h>

static struct screen screen;

static inline int setup(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    screen_init(&screen);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    screen_finish(&screen);
    return 0;
}

static inline void process_set(double rss, double growth)
{
    screen_set(&screen, WI_PROCESS, "game", "rss", rss);
    screen_set(&screen, WI_PROCESS, "game", "anon", rss - 12e6);
    screen_set(&screen, WI_PROCESS, "game", "cpu", 31);
    screen_set(&screen, WI_PROCESS, "game", "virtual", 2.1e9);
    screen_set(&screen, WI_PROCESS, "game", "start_time", 1763924326);
    screen_set(&screen, WI_PROCESS, "game", "growth", growth);
    screen_set(&screen, WI_PROCESS, "game", "window", 30);
    screen_set(&screen, WI_PROCESS, "game", "cpu_ratio", 0.42);
    screen_set(&screen, WI_PROCESS, "game", "threads", 5);
    screen_set(&screen, WI_PROCESS, "game", "fds", 18);
    screen_set(&screen, WI_PROCESS, "game", "max_fds", 1024);
    screen_set(&screen, WI_PROCESS, "game", "uptime", 74);
    screen_set(&screen, WI_PROCESS, "game", "rejects", 0);
    screen_set(&screen, WI_PROCESS, "game", "reject_rate", 0);
    screen_say(&screen, WI_PROCESS, "game", "rejects_source", "counter");
}

static inline void channel_set(const char *name, double depth, double capacity)
{
    screen_set(&screen, WI_CHANNEL, name, "depth", depth);
    if (capacity > 0) {
        screen_set(&screen, WI_CHANNEL, name, "capacity", capacity);
        screen_set(&screen, WI_CHANNEL, name, "fill", depth / capacity);
    }
    screen_set(&screen, WI_CHANNEL, name, "in_rate", 12000);
    screen_set(&screen, WI_CHANNEL, name, "out_rate", 6000);
    screen_set(&screen, WI_CHANNEL, name, "reject_rate", 0);
    screen_set(&screen, WI_CHANNEL, name, "oldest_age", depth / 6000);
    screen_set(&screen, WI_CHANNEL, name, "wait_p99", depth / 6100);
    screen_set(&screen, WI_CHANNEL, name, "high_water", depth);
    screen_set(&screen, WI_CHANNEL, name, "queued_bytes", depth * 208);
    screen_set(&screen, WI_CHANNEL, name, "sent", 12000 * 74);
    screen_say(&screen, WI_CHANNEL, name, "kind", "mpsc");
    screen_say(&screen, WI_CHANNEL, name, "source", "game.c:118");
}

static inline void semaphore_set(const char *name, double available, double permits)
{
    screen_set(&screen, WI_SEMAPHORE, name, "available", available);
    screen_set(&screen, WI_SEMAPHORE, name, "permits", permits);
    screen_set(&screen, WI_SEMAPHORE, name, "saturation", 1 - available / permits);
    screen_set(&screen, WI_SEMAPHORE, name, "acquire_rate", 6000);
    screen_set(&screen, WI_SEMAPHORE, name, "reject_rate", available > 0 ? 0 : 5980);
    screen_set(&screen, WI_SEMAPHORE, name, "waiters", 0);
    screen_set(&screen, WI_SEMAPHORE, name, "exhausted_seconds", available > 0 ? 0 : 14);
    screen_set(&screen, WI_SEMAPHORE, name, "wait_p99", 0.0004);
    screen_set(&screen, WI_SEMAPHORE, name, "low_water", available);
    screen_set(&screen, WI_SEMAPHORE, name, "rejects", available > 0 ? 0 : 83700);
    screen_say(&screen, WI_SEMAPHORE, name, "source", "game.c:120");
}

static inline void rest_set(void)
{
    screen_set(&screen, WI_TASK, "handler", "pending", 18);
    screen_set(&screen, WI_TASK, "handler", "running", 2);
    screen_set(&screen, WI_TASK, "handler", "spawn_rate", 6000);
    screen_set(&screen, WI_TASK, "handler", "finish_rate", 6000);
    screen_set(&screen, WI_TASK, "handler", "wait_p99", 0.0047);
    screen_set(&screen, WI_TASK, "handler", "run_p99", 0.0024);
    screen_set(&screen, WI_TASK, "handler", "finished_error", 0);
    screen_set(&screen, WI_COUNTER, "backpressure_rejects", "value", 83700);
    screen_set(&screen, WI_COUNTER, "backpressure_rejects", "rate", 5980);
    screen_set(&screen, WI_COUNTER, "joins", "value", 1234567);
    screen_set(&screen, WI_COUNTER, "joins", "rate", 0.25);
    screen_set(&screen, WI_GAUGE, "players", "value", 2000);
    screen_set(&screen, WI_GAUGE, "players", "capacity", 2500);
    screen_set(&screen, WI_GAUGE, "players", "fill", 0.8);
    screen_say(&screen, WI_GAUGE, "players", "unit", "players");
}

static inline void warning_set(const char *name, const char *severity, const char *subject,
                               const char *text)
{
    screen_say(&screen, WI_WARNING, name, "severity", severity);
    screen_say(&screen, WI_WARNING, name, "subject", subject);
    screen_say(&screen, WI_WARNING, name, "text", text);
    for (size_t i = 0; i < screen.n_rows; i++) {
        const struct screen_row *row = &screen.row[i];
        if (row->kind != WI_WARNING && row->kind != WI_SENDER && strcmp(row->name, subject) == 0) {
            screen_say(&screen, WI_WARNING, name, "subject_kind",
                       wi_kind_name((enum wi_kind)row->kind));
            screen_set(&screen, WI_WARNING, name, "subject_id", (double)row->id);
            break;
        }
    }
}

/* What a finding has beside its sentence. */
static inline void finding_set(const char *name, const char *evidence, const char *estimate,
                               const char *action)
{
    screen_say(&screen, WI_WARNING, name, "evidence", evidence);
    screen_say(&screen, WI_WARNING, name, "estimate", estimate);
    screen_say(&screen, WI_WARNING, name, "action", action);
}

/* The example server while its queue leaks, for a minute. */
static inline void leak_set(int rows, int cols)
{
    semaphore_set("move_permits", 1024, 1024);
    rest_set();
    channel_set("moves", 0, 0);
    warning_set("w1", "critical", "moves",
                "moves: unbounded and growing, +6,007 messages/s for 60 s, 360,420 queued "
                "(75.0 MB), oldest 60 s");
    finding_set(
        "w1",
        "12,000 sent/s, 5,993 leave/s; its lowest depth of late (340,120) is above its earlier "
        "maximum (12)",
        "holds 1.20 MB/s of the process's +1.25 MB/s over 60 s (96 %) as declared; 100 % by "
        "regression: 208 B +- 0.1 B a message, r2 1.000; in an hour 4.33 GB more",
        "Admit only what its receiver can serve (a permit for each message), or bound the queue "
        "and decide what happens when it is full.");
    for (int i = 0; i < 60; i++) {
        process_set(812e6 + 1.25e6 * i, 1.25e6);
        channel_set("moves", 6007 * (i + 1), 0);
        screen.second++;
        screen_show(&screen, rows, cols);
    }
}

/* Sixty queues, of which the 57th refuses all that comes. */
static inline void refusing_set(void)
{
    char name[32];
    for (int i = 1; i <= 60; i++) {
        snprintf(name, sizeof(name), "peer-%02d", i);
        channel_set(name, i == 57 ? 64 : i % 7, 64);
        screen_set(&screen, WI_CHANNEL, name, "in_rate", i == 57 ? 0 : 200);
        screen_set(&screen, WI_CHANNEL, name, "out_rate", i == 57 ? 0 : 200);
    }
    screen_set(&screen, WI_CHANNEL, "peer-57", "reject_rate", 200);
    rest_set();
    process_set(812e6, 0);
    warning_set("w0", "info", "peer-01", "peer-01: no bound, never deeper than 6 so far");
    screen_say(&screen, WI_WARNING, "w0", "kind", "default_unbounded");
    warning_set("w1", "critical", "peer-57", "peer-57: 100 % of what is offered is refused, 200/s");
}

/* Many rows: the tab in use has the room, the others their share. */
static inline void many_set(void)
{
    char name[32];
    for (int i = 0; i < 214; i++) {
        snprintf(name, sizeof(name), "room/%03d/inbox", i);
        channel_set(name, i * i, i % 3 ? 4096 : 0);
    }
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof(name), "pool-%d", i);
        semaphore_set(name, i, 8);
    }
    rest_set();
    process_set(812e6, -200e3);
    screen_set(&screen, WI_PROCESS, "game", "rejects", 83700);
    screen_set(&screen, WI_PROCESS, "game", "reject_rate", 5980);
    screen_say(&screen, WI_PROCESS, "game", "rejects_source", "channels+semaphores");
    screen.skipped = 12;
    warning_set("w1", "warning", "room/007/inbox", "room/007/inbox: 85 % full for 20 s");
    warning_set("w2", "critical", "pool-0", "pool-0: no permit free for 14 s, 5,980 refused/s");
    warning_set("w3", "info", "pool-1", "pool-1: 1 permit free");
}

static inline void loop_set(const char *name, double utilisation, double current)
{
    screen_set(&screen, WI_LOOP, name, "iterations", 74000);
    screen_set(&screen, WI_LOOP, name, "busy", 74 * utilisation);
    screen_set(&screen, WI_LOOP, name, "idle", 74 * (1 - utilisation));
    screen_set(&screen, WI_LOOP, name, "utilisation", utilisation);
    screen_set(&screen, WI_LOOP, name, "iteration_rate", 998);
    screen_set(&screen, WI_LOOP, name, "current", current);
    screen_set(&screen, WI_LOOP, name, "iteration", 74000);
    screen_set(&screen, WI_LOOP, name, "iteration_p50", 83e-6);
    screen_set(&screen, WI_LOOP, name, "iteration_p99", 1.7e-3);
    screen_set(&screen, WI_LOOP, name, "iteration_max", 0.0148);
    screen_set(&screen, WI_LOOP, name, "period", 0.001);
    screen_set(&screen, WI_LOOP, name, "lateness", 73900);
    screen_set(&screen, WI_LOOP, name, "lateness_p50", 60e-6);
    screen_set(&screen, WI_LOOP, name, "lateness_p99", 0.9e-3);
    screen_set(&screen, WI_LOOP, name, "lateness_max", 0.0131);
    screen_say(&screen, WI_LOOP, name, "source", "server.c:88");
}

/* A distribution around 2^shift ns with a tail of `octaves`. */
static inline void spread_set(int kind, const char *name, const char *field, int shift, int octaves)
{
    uint64_t count = 48000;
    for (int i = 0; i < 4; i++) {
        uint64_t bound = (uint64_t)(5 + i) << (shift - 2);
        screen_count(&screen, kind, name, field, bound, 4000 * (uint64_t)(i + 1));
    }
    for (int i = 1; i < octaves; i++, count = count / 3 + 1) {
        screen_count(&screen, kind, name, field, (uint64_t)6 << (shift + i - 2), count);
    }
}

static inline void single_set(const char *name, const char *kind, const char *what,
                              const char *waits_for, double utilisation)
{
    screen_say(&screen, WI_TASK_INSTANCE, name, "state", what);
    screen_say(&screen, WI_TASK_INSTANCE, name, "kind", kind);
    if (waits_for) {
        screen_say(&screen, WI_TASK_INSTANCE, name, "waits_for", waits_for);
    }
    screen_set(&screen, WI_TASK_INSTANCE, name, "in_state", utilisation > 0 ? 0.0021 : 31.5);
    screen_set(&screen, WI_TASK_INSTANCE, name, "age", 74);
    screen_set(&screen, WI_TASK_INSTANCE, name, "polls", 74000 * utilisation + 3);
    screen_set(&screen, WI_TASK_INSTANCE, name, "busy", 74 * utilisation);
    screen_set(&screen, WI_TASK_INSTANCE, name, "scheduled", 1.25);
    screen_set(&screen, WI_TASK_INSTANCE, name, "idle", 72 * (1 - utilisation));
    screen_set(&screen, WI_TASK_INSTANCE, name, "wakes", 74000 * utilisation + 4);
    screen_set(&screen, WI_TASK_INSTANCE, name, "self_wakes", 0);
    screen_set(&screen, WI_TASK_INSTANCE, name, "poll_rate", 1000 * utilisation);
    screen_set(&screen, WI_TASK_INSTANCE, name, "utilisation", utilisation);
    screen_set(&screen, WI_TASK_INSTANCE, name, "poll_p99", 0.0012);
    screen_set(&screen, WI_TASK_INSTANCE, name, "delay_p99", 0.00031);
    screen_say(&screen, WI_TASK_INSTANCE, name, "source", "handlers.c:41");
}

static inline void sender_set(const char *name, const char *channel, const char *what,
                              double in_flight)
{
    screen_say(&screen, WI_SENDER, name, "channel", channel);
    screen_set(&screen, WI_SENDER, name, "channel_id",
               (double)screen_find(&screen, WI_CHANNEL, channel)->id);
    screen_say(&screen, WI_SENDER, name, "state", what);
    screen_set(&screen, WI_SENDER, name, "in_flight", in_flight);
    screen_set(&screen, WI_SENDER, name, "in_flight_bytes", 208 * in_flight);
    screen_set(&screen, WI_SENDER, name, "sent", in_flight + 120);
    screen_set(&screen, WI_SENDER, name, "left", 120);
    screen_set(&screen, WI_SENDER, name, "age", 70);
}

static inline void agent_set(void)
{
    static const struct {
        const char *field;
        double number;
    } numbers[] = {{"segment_bytes", 1179648},
                   {"segment_limit", 16777216},
                   {"handles", 12},
                   {"handles_refused", 0},
                   {"cells_refused", 0},
                   {"samples_lost", 0},
                   {"clamped", 0},
                   {"memory", 1213000},
                   {"cpu", 0.41},
                   {"clients", 1},
                   {"clients_rejected", 0},
                   {"updates_sent", 75},
                   {"updates_skipped", 0},
                   {"protocol_errors", 0},
                   {"scrapes", 5},
                   {"http_rejected", 0},
                   {"senders", 7},
                   {"senders_refused", 0},
                   {"single_tasks", 5},
                   {"single_tasks_refused", 0},
                   {"broken", 0}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        screen_set(&screen, WI_AGENT, "agent", numbers[i].field, numbers[i].number);
    }
    screen_say(&screen, WI_AGENT, "agent", "history_state", "written");
}

/* All that a server has beside its queue: players that vanish, loops, tasks. */
static inline void rich_rows_set(void)
{
    static const char *const names[] = {"player-17", "player-4", "player-102", "player-3",
                                        "player-8",  "player-9", "player-55"};
    screen_set(&screen, WI_CHANNEL, "moves", "orphaned", 12370);
    screen_set(&screen, WI_CHANNEL, "moves", "orphaned_bytes", 12370 * 208);
    screen_set(&screen, WI_CHANNEL, "moves", "senders", 4);
    screen_set(&screen, WI_CHANNEL, "moves", "senders_gone", 3);
    screen_set(&screen, WI_CHANNEL, "moves", "rejects", 1250);
    screen_set(&screen, WI_CHANNEL, "moves", "rejects_full", 1000);
    screen_set(&screen, WI_CHANNEL, "moves", "rejects_closed", 0);
    screen_set(&screen, WI_CHANNEL, "moves", "rejects_timeout", 250);
    screen_set(&screen, WI_CHANNEL, "moves", "rejects_shed", 0);
    screen_set(&screen, WI_CHANNEL, "moves", "discarded_overwrite", 0);
    screen_set(&screen, WI_CHANNEL, "moves", "discarded_closed", 0);
    screen_set(&screen, WI_CHANNEL, "moves", "discarded_expired", 7);
    spread_set(WI_CHANNEL, "moves", "wait", 22, 9);
    for (size_t i = 0; i < 7; i++) {
        sender_set(names[i], "moves", i < 3 ? "gone" : "open", (double)(8200 >> i));
    }
    loop_set("main", 0.42, 0);
    loop_set("physics", 0.97, 2.75);
    spread_set(WI_LOOP, "main", "iteration", 16, 8);
    spread_set(WI_LOOP, "main", "lateness", 14, 10);
    single_set("game loop", "loop", "running", NULL, 0.42);
    single_set("writer", "writer", "idle", "moves", 0);
    single_set("reader", "handler", "idle", "move_permits", 0);
    single_set("accept", "handler", "scheduled", NULL, 0.01);
    spread_set(WI_TASK_INSTANCE, "game loop", "poll", 17, 5);
    spread_set(WI_TASK, "handler", "wait", 13, 20);
    spread_set(WI_TASK, "handler", "run", 20, 3);
    screen_set(&screen, WI_TASK, "handler", "finished_ok", 350000);
    screen_set(&screen, WI_TASK, "handler", "finished_error", 3);
    screen_set(&screen, WI_TASK, "handler", "finished_cancelled", 1200);
    screen_set(&screen, WI_TASK, "handler", "single_running", 0);
    screen_set(&screen, WI_TASK, "handler", "single_scheduled", 1);
    screen_set(&screen, WI_TASK, "handler", "single_idle", 1);
    agent_set();
}

static inline void rich_set(int rows, int cols)
{
    rich_rows_set();
    leak_set(rows, cols);
}

/* Opens the details of a row at one of their pages. */
static inline void detail_open(enum wc_tab tab, const char *name, enum wc_page page,
                               const char *field)
{
    int kind = wc_column_table(tab)->kind;
    screen.ui.tab = tab;
    screen.ui.is_detail = true;
    screen.ui.detail_id = screen_find(&screen, kind, name)->id;
    snprintf(screen.ui.detail_name, sizeof(screen.ui.detail_name), "%s", name);
    screen.ui.detail[tab] = (struct wc_detail){.page = page, .has_field = field != NULL};
    if (field) {
        screen.ui.detail[tab].field = (uint32_t)wi_metric_find((enum wi_kind)kind, field);
    }
}

#endif
