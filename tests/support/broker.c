/* SPDX-License-Identifier: MIT */
/*
 * A broker on epoll: it queues each message for each of its subscribers, in one channel whose handles stand for the
 * subscribers. The session of a subscriber whose connection ends is kept, and messages for it are still queued.
 *
 *     broker SOCKET NAME     prints "ready PID" once it listens
 *
 * Lines of a client: "sub WHO" begins or resumes a session, and the client is sent its messages from then on; "pub N"
 * publishes N messages; "count WHO" is answered by "QUEUED BYTES", the broker's own count of a session.
 */
#include "weir/agent.h"
#include "weir/weir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BYTES    200
#define QUEUE    65536
#define SESSIONS 16
#define CLIENTS  64
#define LINE     256

struct session {
    char who[32];
    struct weir_sender *handle;
    int connection; /* -1: its subscriber is away */
    size_t first, n_queued, n_written;
    struct weir_sent sent[QUEUE];
};

struct client {
    int connection; /* 0: none */
    struct session *session;
    size_t n_line;
    char line[LINE];
};

static struct weir_channel *channel;
static struct session sessions[SESSIONS];
static size_t n_sessions;
static struct client clients[CLIENTS];
static int poll_fd;

static void require(int status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "broker: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void poll_for(struct client *client, bool wants_out)
{
    struct epoll_event event = {EPOLLIN | (wants_out ? EPOLLOUT : 0), {.ptr = client}};
    require(epoll_ctl(poll_fd, EPOLL_CTL_MOD, client->connection, &event), "epoll");
}

/* Writes what the socket takes: a message has left when its last byte has. */
static void session_write(struct session *session, struct client *client)
{
    static const char payload[BYTES];
    while (session->n_queued) {
        ssize_t n = send(session->connection, payload, BYTES - session->n_written,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            break;
        }
        session->n_written += (size_t)n;
        if (session->n_written == BYTES) {
            weir_channel_receive_from(channel, session->sent[session->first], BYTES);
            session->first = (session->first + 1) % QUEUE;
            session->n_queued--;
            session->n_written = 0;
        }
    }
    poll_for(client, session->n_queued > 0);
}

static struct session *session_of(const char *who)
{
    for (size_t i = 0; i < n_sessions; i++) {
        if (strcmp(sessions[i].who, who) == 0) {
            return &sessions[i];
        }
    }
    require(n_sessions < SESSIONS ? 0 : -1, "too many sessions");
    struct session *session = &sessions[n_sessions++];
    snprintf(session->who, sizeof(session->who), "%s", who);
    session->handle = weir_sender_open(channel, who);
    session->connection = -1;
    return session;
}

static void publish(void)
{
    for (size_t i = 0; i < n_sessions; i++) {
        struct session *session = &sessions[i];
        if (session->n_queued == QUEUE) {
            weir_channel_reject(channel, WEIR_REJECT_FULL);
            continue;
        }
        size_t last = (session->first + session->n_queued++) % QUEUE;
        session->sent[last] = weir_channel_send_from(channel, session->handle, BYTES);
    }
}

static void client_end(struct client *client)
{
    if (client->session) {
        client->session->connection = -1;
        weir_sender_away(client->session->handle);
    }
    close(client->connection);
    *client = (struct client){.connection = 0};
}

static void client_line(struct client *client)
{
    char answer[64];
    if (strncmp(client->line, "sub ", 4) == 0) {
        client->session = session_of(client->line + 4);
        client->session->connection = client->connection;
        weir_sender_back(client->session->handle);
    } else if (strncmp(client->line, "pub ", 4) == 0) {
        for (long n = strtol(client->line + 4, NULL, 10); n > 0; n--) {
            publish();
        }
    } else if (strncmp(client->line, "count ", 6) == 0) {
        const struct session *session = session_of(client->line + 6);
        int n = snprintf(answer, sizeof(answer), "%zu %zu\n", session->n_queued,
                         session->n_queued * BYTES);
        require((int)send(client->connection, answer, (size_t)n, MSG_NOSIGNAL), "answer");
    }
}

static void client_read(struct client *client)
{
    ssize_t n = recv(client->connection, client->line + client->n_line, LINE - 1 - client->n_line,
                     MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        client_end(client);
        return;
    }
    client->n_line += n > 0 ? (size_t)n : 0;
    char *end;
    while ((end = memchr(client->line, '\n', client->n_line))) {
        *end = '\0';
        client_line(client);
        client->n_line -= (size_t)(end + 1 - client->line);
        memmove(client->line, end + 1, client->n_line);
    }
}

static void greet(int listener)
{
    size_t i = 0;
    while (i < CLIENTS && clients[i].connection) {
        i++;
    }
    require(i < CLIENTS ? 0 : -1, "too many clients");
    struct client *client = &clients[i];
    *client = (struct client){.connection = accept(listener, NULL, NULL)};
    require(client->connection, "accept");
    int bytes = 4096; /* in the kernel; the rest is queued where it is seen */
    require(setsockopt(client->connection, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), "buffer");
    struct epoll_event event = {EPOLLIN, {.ptr = client}};
    require(epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->connection, &event), "epoll");
}

static void start(const char *name)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct weir_error error = {""};
    options.name = name;
    if (weir_start(&options, &error) != WEIR_OK || weir_agent_start(NULL, &error) != WEIR_OK) {
        fprintf(stderr, "broker: %s\n", error.text);
        exit(1);
    }
    struct weir_channel_options fanout = WEIR_CHANNEL_INIT("fanout", WEIR_UNBOUNDED);
    fanout.party = WEIR_PARTY_RECEIVERS;
    channel = weir_channel_open(&fanout);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct epoll_event events[CLIENTS];
    if (argc < 3) {
        fputs("usage: broker SOCKET NAME\n", stderr);
        return 2;
    }
    start(argv[2]);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
    require(bind(listener, (const struct sockaddr *)&address, sizeof(address)), argv[1]);
    require(listen(listener, CLIENTS), "listen");
    struct epoll_event event = {EPOLLIN, {.ptr = NULL}};
    require(epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event), "epoll");
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poll_fd, events, CLIENTS, -1);
        for (int i = 0; i < n; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) {
                greet(listener);
            } else if (client->connection) {
                client_read(client);
            }
        }
        for (size_t i = 0; i < CLIENTS; i++) {
            if (clients[i].connection && clients[i].session) {
                session_write(clients[i].session, &clients[i]);
            }
        }
    }
}
