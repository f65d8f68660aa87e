/* SPDX-License-Identifier: MIT */
/* One thread's loop: send what is due, take what has come, sleep until the next millisecond. */
#include "crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flags.h"

#define NANOS_PER_SECOND UINT64_C(1000000000)
#define TICK_NANOS       UINT64_C(1000000)
#define RETRY_NANOS      UINT64_C(500000000)  /* a join is asked again */
#define SILENCE_NANOS    UINT64_C(1000000000) /* deaf and silent for so long: gone */
#define JOINS_PER_TICK   32
#define LOOKS_PER_TICK   4096 /* at players, for one who has to join */
#define MOVES_PER_TICK   4096 /* so that answers are taken also while a stall is made good */
#define DATAGRAMS        64
#define SOCKET_BUFFER    (4 * 1024 * 1024)
#define INPUT_BYTES      64
#define STEPS            3 /* a move goes -1, 0 or 1 */

static void crowd_open_socket(struct crowd *crowd, unsigned i)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)crowd->options.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0) {
        die(EXIT_FAILURE, "cannot make a UDP socket: %s", strerror(errno));
    }
    int size = SOCKET_BUFFER;
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    outbox_init(&crowd->outboxes[i], fd);
}

static void crowd_post(struct crowd *crowd, size_t player, const struct message *message)
{
    /* Neighbours share a socket: those whose moves are due together then share a system call. */
    outbox_add(&crowd->outboxes[player / OUTBOX_SIZE % CROWD_SOCKETS], message, NULL);
}

static void crowd_forget(struct crowd *crowd, struct player *player)
{
    if (player->token != 0) {
        player->token = 0;
        crowd->n_playing--;
    }
    player->asked_at = 0;
}

/* ---- what is due ---- */

static void crowd_join(struct crowd *crowd, uint64_t now)
{
    size_t n = crowd->options.n_players;
    if (crowd->n_playing == n) {
        return;
    }
    unsigned n_asked = 0;
    for (size_t looks = 0; looks < LOOKS_PER_TICK && looks < n && n_asked < JOINS_PER_TICK;
         looks++) {
        size_t i = crowd->next_joiner;
        crowd->next_joiner = (i + 1) % n;
        struct player *player = &crowd->players[i];
        if (player->token != 0 || (player->asked_at != 0 && now - player->asked_at < RETRY_NANOS)) {
            continue;
        }
        player->asked_at = now;
        n_asked++;
        crowd_post(crowd, i, &(struct message){.kind = MESSAGE_JOIN, .player = (uint32_t)i});
    }
}

/* Players go: every other one says so, the rest vanish, and the server has to find out. */
static void crowd_churn(struct crowd *crowd, uint64_t now)
{
    uint64_t n_due = (now - crowd->started_at) * crowd->options.churn_rate / NANOS_PER_SECOND;
    for (; crowd->n_departures < n_due; crowd->n_departures++) {
        size_t i = crowd->next_leaver;
        crowd->next_leaver = (i + 1) % crowd->options.n_players;
        struct player *player = &crowd->players[i];
        if (player->token == 0) {
            continue;
        }
        if (crowd->n_departures % 2 == 0) {
            crowd_post(crowd, i,
                       &(struct message){
                           .kind = MESSAGE_LEAVE, .player = (uint32_t)i, .token = player->token});
            crowd->n_leaves++;
        } else {
            crowd->n_vanished++;
        }
        crowd_forget(crowd, player);
    }
}

static void crowd_move(struct crowd *crowd, uint64_t now)
{
    static const unsigned char input[INPUT_BYTES];
    uint64_t rate = crowd->options.move_rate;
    uint64_t elapsed = now - crowd->started_at;
    uint64_t n_due =
        elapsed / NANOS_PER_SECOND * rate + elapsed % NANOS_PER_SECOND * rate / NANOS_PER_SECOND;
    for (unsigned k = 0; crowd->n_moves_due < n_due && k < MOVES_PER_TICK; k++) {
        uint64_t move = crowd->n_moves_due++;
        if (crowd->n_playing == 0) {
            crowd->n_idle++;
            continue;
        }
        while (crowd->players[crowd->next_mover].token == 0) {
            crowd->next_mover = (crowd->next_mover + 1) % crowd->options.n_players;
        }
        size_t i = crowd->next_mover;
        crowd->next_mover = (i + 1) % crowd->options.n_players;
        crowd_post(crowd, i,
                   &(struct message){.kind = MESSAGE_MOVE,
                                     .player = (uint32_t)i,
                                     .token = crowd->players[i].token,
                                     .stamp = crowd->started_at + move / rate * NANOS_PER_SECOND +
                                              move % rate * NANOS_PER_SECOND / rate,
                                     .x = (int32_t)(move % STEPS) - 1,
                                     .y = (int32_t)(move / STEPS % STEPS) - 1,
                                     .tail = input,
                                     .n_tail = sizeof(input)});
        crowd->n_sent++;
    }
}

/* ---- what comes ---- */

static void crowd_on_message(struct crowd *crowd, const struct message *message, uint64_t at)
{
    if (message->player >= crowd->options.n_players) {
        return;
    }
    struct player *player = &crowd->players[message->player];
    uint64_t latency = at > message->stamp ? at - message->stamp : 0;
    switch (message->kind) {
    case MESSAGE_WELCOME:
        crowd->n_joins++;
        if (player->token == 0) {
            player->token = message->token;
            player->was_served = false;
            crowd->n_playing++;
        }
        return;
    case MESSAGE_MOVED:
        crowd->n_served++;
        if (player->token == message->token && !player->was_served) {
            player->was_served = true;
            crowd->n_players_served++;
        }
        latency_add(&crowd->served, latency);
        return;
    case MESSAGE_REFUSED:
        if (message->reason == MESSAGE_REASON_NO_SEAT) {
            crowd->n_joins_refused++;
            return;
        }
        crowd->n_refused++;
        latency_add(&crowd->refused, latency);
        return;
    case MESSAGE_UNKNOWN:
        crowd->n_unknown += message->stamp != 0; /* a move's answer, not a leave's */
        if (player->token == message->token) {
            crowd->n_kicked++;
            crowd_forget(crowd, player);
        }
        return;
    default:
        return;
    }
}

/* When the kernel received a datagram, on the clock of now_nanos: the wall clock only serves to
 * measure how long ago that is. */
static uint64_t crowd_arrival(struct msghdr *header, uint64_t now, uint64_t wall)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
            uint64_t at = (uint64_t)stamp.tv_sec * NANOS_PER_SECOND + (uint64_t)stamp.tv_nsec;
            return wall > at ? now - (wall - at) : now;
        }
    }
    return now;
}

/* One recvmmsg. Returns how many datagrams it took. */
static int crowd_receive_some(struct crowd *crowd, int socket)
{
    static unsigned char bytes[DATAGRAMS][MESSAGE_HEAD + MESSAGE_INPUT];
    static _Alignas(struct cmsghdr) unsigned char control[DATAGRAMS][64];
    struct iovec parts[DATAGRAMS];
    struct mmsghdr headers[DATAGRAMS];
    memset(headers, 0, sizeof(headers));
    for (int i = 0; i < DATAGRAMS; i++) {
        parts[i] = (struct iovec){bytes[i], sizeof(bytes[i])};
        headers[i].msg_hdr.msg_iov = &parts[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_control = control[i];
        headers[i].msg_hdr.msg_controllen = sizeof(control[i]);
    }
    int n = recvmmsg(socket, headers, DATAGRAMS, MSG_DONTWAIT, NULL);
    if (n < 0) {
        crowd->is_deaf |= errno == ECONNREFUSED;
        return 0;
    }
    struct timespec wall_time;
    clock_gettime(CLOCK_REALTIME, &wall_time);
    uint64_t wall = (uint64_t)wall_time.tv_sec * NANOS_PER_SECOND + (uint64_t)wall_time.tv_nsec;
    uint64_t now = now_nanos();
    for (int i = 0; i < n; i++) {
        struct message message;
        if (message_read(bytes[i], headers[i].msg_len, &message)) {
            crowd_on_message(crowd, &message, crowd_arrival(&headers[i].msg_hdr, now, wall));
            crowd->heard_at = now;
            crowd->is_deaf = false;
        }
    }
    return n;
}

static void crowd_exchange(struct crowd *crowd)
{
    for (unsigned i = 0; i < CROWD_SOCKETS; i++) {
        outbox_flush(&crowd->outboxes[i]);
        while (crowd_receive_some(crowd, crowd->outboxes[i].socket) == DATAGRAMS) {
        }
    }
}

/* ---- the run ---- */

static void crowd_sleep(uint64_t *tick_at)
{
    uint64_t now = now_nanos();
    *tick_at = (*tick_at + TICK_NANOS < now ? now : *tick_at) + TICK_NANOS;
    struct timespec until = {(time_t)(*tick_at / NANOS_PER_SECOND),
                             (long)(*tick_at % NANOS_PER_SECOND)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Lets the first players in. False: nobody answers. */
static bool crowd_enter(struct crowd *crowd, uint64_t *tick_at)
{
    uint64_t until = now_nanos() + crowd->options.wait_nanos;
    while (crowd->n_playing < crowd->options.n_players && !*crowd->is_over) {
        uint64_t now = now_nanos();
        if (now > until) {
            return crowd->n_playing > 0;
        }
        crowd_join(crowd, now);
        crowd_exchange(crowd);
        crowd_sleep(tick_at);
    }
    return true;
}

/* As slowly as they came: the server's socket has no room for 50,000 at once. */
static void crowd_leave_all(struct crowd *crowd, uint64_t *tick_at)
{
    unsigned n_left = 0;
    for (size_t i = 0; i < crowd->options.n_players && !crowd->is_deaf; i++) {
        if (crowd->players[i].token == 0) {
            continue;
        }
        crowd_post(crowd, i,
                   &(struct message){.kind = MESSAGE_LEAVE,
                                     .player = (uint32_t)i,
                                     .token = crowd->players[i].token});
        crowd_forget(crowd, &crowd->players[i]);
        if (++n_left % JOINS_PER_TICK == 0) {
            crowd_exchange(crowd);
            crowd_sleep(tick_at);
        }
    }
    crowd_exchange(crowd);
}

static enum crowd_end crowd_play(struct crowd *crowd, uint64_t *tick_at)
{
    crowd->started_at = crowd->heard_at = now_nanos();
    uint64_t until =
        crowd->options.for_nanos ? crowd->started_at + crowd->options.for_nanos : UINT64_MAX;
    while (!*crowd->is_over) {
        uint64_t now = now_nanos();
        uint64_t last = now < until ? now : until;
        crowd_join(crowd, now);
        crowd_churn(crowd, last);
        crowd_move(crowd, last);
        crowd_exchange(crowd);
        if (crowd->is_deaf && now_nanos() - crowd->heard_at > SILENCE_NANOS) {
            return CROWD_LOST_SERVER;
        }
        if (now >= until) {
            break;
        }
        crowd_sleep(tick_at);
    }
    return CROWD_DONE;
}

/* Waits for the answers that are under way. A second signal ends this too. */
static void crowd_linger(struct crowd *crowd, uint64_t *tick_at)
{
    sig_atomic_t n_signals = *crowd->is_over;
    uint64_t until = now_nanos() + crowd->options.linger_nanos;
    while (crowd_lost(crowd) > 0 && now_nanos() < until && *crowd->is_over == n_signals &&
           !crowd->is_deaf) {
        crowd_exchange(crowd);
        crowd_sleep(tick_at);
    }
}

enum crowd_end crowd_run(struct crowd *crowd, const struct crowd_options *options,
                         const volatile sig_atomic_t *is_over)
{
    crowd->options = *options;
    crowd->is_over = is_over;
    crowd->players = xcalloc(options->n_players, sizeof(struct player));
    for (unsigned i = 0; i < CROWD_SOCKETS; i++) {
        crowd_open_socket(crowd, i);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    uint64_t tick_at = now_nanos();
    if (!crowd_enter(crowd, &tick_at)) {
        return CROWD_NO_SERVER;
    }
    enum crowd_end end = crowd_play(crowd, &tick_at);
    crowd->ended_at = now_nanos();
    if (end == CROWD_DONE) {
        crowd_linger(crowd, &tick_at);
        crowd_leave_all(crowd, &tick_at);
    }
    return end;
}

uint64_t crowd_lost(const struct crowd *crowd)
{
    uint64_t n_answered = crowd->n_served + crowd->n_refused + crowd->n_unknown;
    return crowd->n_sent > n_answered ? crowd->n_sent - n_answered : 0;
}

void crowd_finish(struct crowd *crowd)
{
    for (unsigned i = 0; i < CROWD_SOCKETS; i++) {
        close(crowd->outboxes[i].socket);
    }
    free(crowd->players);
}
