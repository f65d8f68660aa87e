/* SPDX-License-Identifier: MIT */
/* The main thread's loop, from the first datagram to the last report. */
#include "server.h"

#include <inttypes.h>
#include <linux/sock_diag.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "flags.h"
#include "gameloop.h"
#include "handlers.h"
#include "instrument.h"
#include "moves.h"
#include "outbox.h"
#include "permits.h"
#include "report.h"
#include "session.h"

#define DATAGRAMS_AT_ONCE   20          /* what libuv takes with one recvmmsg */
#define DATAGRAM_ROOM       (64 * 1024) /* what libuv reckons for each */
#define SOCKET_BUFFER       (4 * 1024 * 1024)
#define EXPIRE_MILLISECONDS 500
#define TRIM_BYTES          (1024 * 1024)
#define NANOS_PER_MILLI     UINT64_C(1000000)

struct server {
    struct server_options options;
    uv_loop_t loop;
    uv_udp_t udp;
    uv_timer_t expire, then, until;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_signal_t signals[3];
    int socket;
    unsigned char *room; /* for received datagrams */
    struct outbox outbox;

    struct mode mode;
    struct sessions sessions;
    struct moves moves;
    struct permits permits;
    struct handlers handlers;
    struct gameloop gameloop;
    struct world world;
    bool is_paused;
    uint64_t started_at;
    uint64_t most_bytes; /* queued, since the heap was last trimmed */
    uint64_t n_refused, n_unknown, n_ignored, n_malformed, n_joins, n_leaves, n_timeouts;
};

static enum gate server_gate(struct mode mode)
{
    return mode.kind == MODE_ADMISSION      ? GATE_DOOR
           : mode.kind == MODE_AS_PUBLISHED ? GATE_POOL
                                            : GATE_NONE;
}

static uint64_t server_bound(struct mode mode)
{
    return mode.kind == MODE_BOUNDED ? mode.bound : INSTRUMENT_UNBOUNDED;
}

static void server_set_mode(struct server *server, struct mode mode)
{
    server->mode = mode;
    moves_set_bound(&server->moves, server_bound(mode));
    permits_set_gate(&server->permits, server_gate(mode));
}

/* ---- the report ---- */

static uint64_t server_kernel_drops(const struct server *server)
{
    uint32_t numbers[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof(numbers);
    getsockopt(server->socket, SOL_SOCKET, SO_MEMINFO, numbers, &n);
    return numbers[SK_MEMINFO_DROPS];
}

static double server_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static size_t server_report(struct server *server, const char *state, char *ret_text, size_t n)
{
    struct handlers *handlers = &server->handlers;
    /* What leaves before what enters: no report has more moves served than taken. */
    uint64_t n_served = atomic_load_explicit(&handlers->n_served, memory_order_acquire);
    struct permits_count permits = permits_count(&server->permits);
    struct moves_count moves = moves_count(&server->moves);
    struct moves_count orphaned = moves_orphaned(&server->moves);
    const struct report report = {
        .mode = server->mode,
        .state = state,
        .players = server->sessions.n_open,
        .sessions = session_count(),
        .queued = moves.length,
        .queued_bytes = moves.bytes,
        .orphaned = orphaned.length,
        .orphaned_bytes = orphaned.bytes,
        .sent = moves.n_sent,
        .taken = moves.n_taken,
        .permits = permits.n_all,
        .permits_taken = permits.n_taken,
        .handling = permits.n_in_pool,
        .served = n_served,
        .stale = atomic_load_explicit(&handlers->n_stale, memory_order_relaxed),
        .players_served = atomic_load_explicit(&handlers->n_players_served, memory_order_relaxed),
        .refused = server->n_refused,
        .unknown = server->n_unknown,
        .ignored = server->n_ignored,
        .malformed = server->n_malformed,
        .joins = server->n_joins,
        .leaves = server->n_leaves,
        .timeouts = server->n_timeouts,
        .ticks = atomic_load_explicit(&server->gameloop.n_ticks, memory_order_relaxed),
        .replies_lost = server->outbox.n_lost +
                        atomic_load_explicit(&handlers->n_replies_lost, memory_order_relaxed),
        .kernel_drops = server_kernel_drops(server),
        .cpu_seconds = server_cpu_seconds(),
        .uptime_seconds = (double)(now_nanos() - server->started_at) / 1e9,
    };
    return report_write(&report, ret_text, n);
}

static const char *server_state(struct server *server)
{
    if (!server->is_paused) {
        return "running";
    }
    return gameloop_is_resting(&server->gameloop) ? "resting" : "paused";
}

/* ---- datagrams ---- */

static void server_answer(struct server *server, const struct message *request,
                          const struct sockaddr_in *to, enum message_kind kind,
                          enum message_reason reason)
{
    struct message answer = {.kind = kind,
                             .reason = reason,
                             .player = request->player,
                             .token = request->token,
                             .stamp = request->stamp};
    outbox_add(&server->outbox, &answer, to);
}

static void server_on_join(struct server *server, const struct message *join,
                           const struct sockaddr_in *from)
{
    struct session *session = sessions_open(&server->sessions, join->player, uv_now(&server->loop));
    if (!session) {
        server_answer(server, join, from, MESSAGE_REFUSED, MESSAGE_REASON_NO_SEAT);
        return;
    }
    server->n_joins++;
    instrument_count(EVENT_JOIN);
    struct message welcome = *join;
    welcome.token = session->token;
    server_answer(server, &welcome, from, MESSAGE_WELCOME, MESSAGE_REASON_NONE);
}

static void server_refuse(struct server *server, const struct message *message,
                          const struct sockaddr_in *from, enum message_reason reason)
{
    server->n_refused++;
    server_answer(server, message, from, MESSAGE_REFUSED, reason);
}

/* The door: the one place where a move is let in or turned away. */
static void server_on_move(struct server *server, struct session *session,
                           const struct message *message, const struct sockaddr_in *from)
{
    if (server->is_paused) {
        server->n_ignored++;
        return;
    }
    if (!permits_enter_door(&server->permits)) {
        instrument_move_refused_permit();
        server_refuse(server, message, from, MESSAGE_REASON_NO_PERMIT);
        return;
    }
    struct move *move = xcalloc(1, sizeof(*move));
    move->session = session_take(session);
    move->stamp = message->stamp;
    move->from = *from;
    move->player = message->player;
    move->x = message->x;
    move->y = message->y;
    move->n_input = (uint32_t)message->n_tail;
    memcpy(move->input, message->tail, message->n_tail);
    if (!moves_push(&server->moves, move)) {
        permits_leave(&server->permits, false);
        instrument_move_refused_full();
        move_free(move);
        server_refuse(server, message, from, MESSAGE_REASON_QUEUE_FULL);
    }
}

/* What a player with a session may ask. */
static void server_on_session(struct server *server, struct session *session,
                              const struct message *message, const struct sockaddr_in *from)
{
    if (message->kind == MESSAGE_LEAVE) {
        sessions_close(&server->sessions, session);
        server->n_leaves++;
        instrument_count(EVENT_LEAVE);
        return;
    }
    sessions_touch(&server->sessions, session, uv_now(&server->loop));
    if (message->kind == MESSAGE_PING) {
        server_answer(server, message, from, MESSAGE_PONG, MESSAGE_REASON_NONE);
    } else {
        server_on_move(server, session, message, from);
    }
}

static void server_pause(struct server *server, bool is_paused)
{
    server->is_paused = is_paused;
    gameloop_pause(&server->gameloop, is_paused);
}

/* An operator's command. The socket is bound to the loopback address, so it comes from here. */
static void server_on_command(struct server *server, const struct message *message,
                              const struct sockaddr_in *from)
{
    char command[MESSAGE_TEXT + 1];
    memcpy(command, message->tail, message->n_tail);
    command[message->n_tail] = '\0';
    char text[MESSAGE_TEXT + 1];
    size_t n = 0;
    struct mode mode;
    if (strncmp(command, "mode ", 5) == 0 && mode_read(command + 5, &mode)) {
        char was[MODE_TEXT_MAX];
        mode_write(server->mode, was);
        server_set_mode(server, mode);
        n = (size_t)snprintf(text, sizeof(text), "mode %s\nwas %s\n", command + 5, was);
    } else if (strcmp(command, "status") == 0 || strcmp(command, "pause") == 0 ||
               strcmp(command, "resume") == 0) {
        if (command[0] != 's') {
            server_pause(server, command[0] == 'p');
        }
        n = server_report(server, server_state(server), text, sizeof(text));
    } else {
        server->n_malformed++;
        return;
    }
    unsigned char bytes[MESSAGE_SIZE_MAX];
    struct message answer = {.kind = MESSAGE_REPORT,
                             .stamp = message->stamp,
                             .tail = (const unsigned char *)text,
                             .n_tail = n};
    size_t n_bytes = message_write(&answer, bytes);
    (void)sendto(server->socket, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)from, sizeof(*from));
}

static void server_on_message(struct server *server, const struct message *message,
                              const struct sockaddr_in *from)
{
    switch (message->kind) {
    case MESSAGE_JOIN:
        server_on_join(server, message, from);
        return;
    case MESSAGE_COMMAND:
        server_on_command(server, message, from);
        return;
    case MESSAGE_MOVE:
    case MESSAGE_LEAVE:
    case MESSAGE_PING: {
        struct session *session = sessions_find(&server->sessions, message->token);
        if (session) {
            server_on_session(server, session, message, from);
            return;
        }
        server->n_unknown++;
        if (message->kind == MESSAGE_MOVE) {
            instrument_count(EVENT_UNKNOWN_MOVE);
        }
        server_answer(server, message, from, MESSAGE_UNKNOWN, MESSAGE_REASON_NONE);
        return;
    }
    default: /* only a server sends these */
        server->n_malformed++;
    }
}

/* ---- the loop's callbacks ---- */

static void server_on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    (void)suggested;
    struct server *server = handle->data;
    *ret_buffer = uv_buf_init((char *)server->room, DATAGRAMS_AT_ONCE * DATAGRAM_ROOM);
}

static void server_on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buffer,
                               const struct sockaddr *from, unsigned flags)
{
    struct server *server = udp->data;
    if (!from) { /* the socket is empty, or one recvmmsg's worth has been seen */
        outbox_flush(&server->outbox);
        return;
    }
    struct message message;
    if (n < 0 || (flags & UV_UDP_PARTIAL) || from->sa_family != AF_INET ||
        !message_read((const unsigned char *)buffer->base, (size_t)n, &message)) {
        server->n_malformed++;
        return;
    }
    struct sockaddr_in address;
    memcpy(&address, from, sizeof(address));
    server_on_message(server, &message, &address);
}

/* Gives the pages of a drained queue back: the sessions that lie between its moves would keep them. */
static void server_trim(struct server *server)
{
    uint64_t bytes = moves_count(&server->moves).bytes;
    if (server->most_bytes > TRIM_BYTES && bytes < server->most_bytes / 2) {
        malloc_trim(0);
        server->most_bytes = bytes;
    }
    server->most_bytes = bytes > server->most_bytes ? bytes : server->most_bytes;
}

static void server_on_expire(uv_timer_t *timer)
{
    struct server *server = timer->data;
    uint64_t now = uv_now(&server->loop);
    uint64_t silence = server->options.silence_nanos / NANOS_PER_MILLI;
    while (now > silence && sessions_expire(&server->sessions, now - silence)) {
        server->n_timeouts++;
        instrument_count(EVENT_TIMEOUT);
    }
    instrument_players(server->sessions.n_open);
    server_trim(server);
}

static void server_before_poll(uv_prepare_t *prepare)
{
    (void)prepare;
    instrument_loop_ends(LOOP_NETWORK);
}

static void server_after_poll(uv_check_t *check)
{
    (void)check;
    instrument_loop_begins(LOOP_NETWORK);
}

static void server_on_then(uv_timer_t *timer)
{
    struct server *server = timer->data;
    char text[MODE_TEXT_MAX];
    mode_write(server->options.then, text);
    printf("mode is now %s\n", text);
    server_set_mode(server, server->options.then);
}

static void server_on_end(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void server_on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

/* ---- start and end ---- */

static void server_bind(struct server *server)
{
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", (int)server->options.port, &address);
    uv_udp_init_ex(&server->loop, &server->udp, AF_INET | UV_UDP_RECVMMSG);
    int status = uv_udp_bind(&server->udp, (const struct sockaddr *)&address, 0);
    if (status == UV_EADDRINUSE) {
        die(EXIT_FAILURE,
            "UDP port %" PRIu64 " on 127.0.0.1 is in use: end the other server, or give --port",
            server->options.port);
    }
    if (status != 0 || uv_fileno((uv_handle_t *)&server->udp, &server->socket) != 0) {
        die(EXIT_FAILURE, "cannot bind UDP port %" PRIu64 " on 127.0.0.1: %s", server->options.port,
            uv_strerror(status));
    }
    int size = SOCKET_BUFFER;
    if (setsockopt(server->socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
        setsockopt(server->socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    int n = sizeof(address);
    uv_udp_getsockname(&server->udp, (struct sockaddr *)&address, &n);
    server->options.port = ntohs(address.sin_port);
}

/* libuv waits between the two; they keep no loop alive. */
static void server_start_watching(struct server *server)
{
    uv_prepare_init(&server->loop, &server->before_poll);
    uv_check_init(&server->loop, &server->after_poll);
    uv_prepare_start(&server->before_poll, server_before_poll);
    uv_check_start(&server->after_poll, server_after_poll);
    uv_unref((uv_handle_t *)&server->before_poll);
    uv_unref((uv_handle_t *)&server->after_poll);
}

static void server_start_timers(struct server *server)
{
    const struct server_options *options = &server->options;
    uv_timer_init(&server->loop, &server->expire);
    uv_timer_init(&server->loop, &server->then);
    uv_timer_init(&server->loop, &server->until);
    server->expire.data = server->then.data = server->udp.data = server;
    uv_timer_start(&server->expire, server_on_expire, EXPIRE_MILLISECONDS, EXPIRE_MILLISECONDS);
    if (options->has_then) {
        uv_timer_start(&server->then, server_on_then, options->after_nanos / NANOS_PER_MILLI, 0);
    }
    if (options->for_nanos > 0) {
        uv_timer_start(&server->until, server_on_end, options->for_nanos / NANOS_PER_MILLI, 0);
    }
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction action;
        bool is_ignored = sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN;
        uv_signal_init(&server->loop, &server->signals[i]);
        if (!is_ignored) { /* after nohup, SIGHUP ends nothing */
            uv_signal_start(&server->signals[i], server_on_signal, numbers[i]);
        }
    }
}

static void server_start(struct server *server)
{
    const struct server_options *options = &server->options;
    server->room = xcalloc(DATAGRAMS_AT_ONCE, DATAGRAM_ROOM);
    server->started_at = now_nanos();
    server->mode = options->mode;
    outbox_init(&server->outbox, server->socket);
    sessions_init(&server->sessions, options->n_players_max);
    moves_init(&server->moves, server_bound(server->mode));
    permits_init(&server->permits, options->permits, server_gate(server->mode));
    const struct handlers_options handlers = {.n_threads = (unsigned)options->n_workers,
                                              .serve_rate = options->serve_rate,
                                              .is_burning = options->is_burning,
                                              .socket = server->socket,
                                              .permits = &server->permits};
    handlers_start(&server->handlers, &handlers);
    world_init(&server->world, options->n_entities);
    server->gameloop.moves = &server->moves;
    server->gameloop.permits = &server->permits;
    server->gameloop.handlers = &server->handlers;
    server->gameloop.world = &server->world;
    gameloop_start(&server->gameloop);
    server_start_timers(server);
    server_start_watching(server);
    uv_udp_recv_start(&server->udp, server_on_room, server_on_datagram);
}

static void server_close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    uv_close(handle, NULL);
}

/* Takes everything down in the reverse order; the socket outlives the threads that answer on it. */
static void server_stop(struct server *server)
{
    uv_udp_recv_stop(&server->udp);
    gameloop_stop(&server->gameloop);
    handlers_stop(&server->handlers);
    char text[MESSAGE_TEXT + 1];
    server_report(server, "ended", text, sizeof(text));
    moves_finish(&server->moves);
    sessions_finish(&server->sessions);
    permits_finish(&server->permits);
    world_finish(&server->world);
    uv_walk(&server->loop, server_close_handle, NULL);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    uv_loop_close(&server->loop);
    instrument_loop_over(LOOP_NETWORK);
    free(server->room);
    report_print(text, server->options.is_json);
}

void server_run(const struct server_options *options)
{
    struct server *server = xcalloc(1, sizeof(*server));
    server->options = *options;
    if (uv_loop_init(&server->loop) != 0) {
        die(EXIT_FAILURE, "cannot make an event loop: too many open files?");
    }
    server_bind(server);
    if (!options->without_weir) {
        instrument_start(server_bound(options->mode), options->permits);
    }
    server_start(server);
    char mode[MODE_TEXT_MAX];
    mode_write(options->mode, mode);
    printf("listening on 127.0.0.1:%" PRIu64 ", mode %s\n", server->options.port, mode);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    server_stop(server);
    if (!options->without_weir) {
        instrument_stop();
    }
    free(server);
}
