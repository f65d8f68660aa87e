/* SPDX-License-Identifier: MIT */
/*
 * A server on libuv with a queue for each client, all of one name: each client is sent a message every few
 * milliseconds, and one that does not read has its queue fill until messages are refused. A client says who it is in
 * its first line, which becomes the label of its queue.
 *
 *     fanout SOCKET NAME [without]   prints "ready PID" once it listens; "without": it opens queues without labels
 */
#include "weir/agent.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define CAPACITY 128
#define BYTES    4096
#define EVERY_MS                                                                                   \
    25 /* a client that reads may pause for 3 s, on a busy machine, before it is refused anything */
#define LABEL 64

struct client {
    uv_pipe_t pipe;
    uv_write_t write; /* of the first message; under way where is_writing */
    struct client *next;
    struct weir_channel *queue; /* NULL: it has not said who it is */
    char label[LABEL];
    size_t n_label, first, depth;
    bool is_writing;
    weir_ticket ticket[CAPACITY];
};

static struct client *clients;
static bool has_labels = true;
static char payload[BYTES];

static void check(int status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "fanout: %s: %s\n", what, uv_strerror(status));
        exit(1);
    }
}

static void client_write(struct client *client);

static void client_written(uv_write_t *write, int status)
{
    struct client *client = write->data;
    check(status, "write");
    weir_ticket ticket = client->ticket[client->first];
    client->first = (client->first + 1) % CAPACITY;
    client->depth--;
    client->is_writing = false;
    weir_channel_receive(client->queue, ticket, BYTES);
    client_write(client);
}

static void client_write(struct client *client)
{
    uv_buf_t buffer = uv_buf_init(payload, BYTES);
    if (!client->is_writing && client->depth > 0) {
        client->is_writing = true;
        check(uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1, client_written),
              "uv_write");
    }
}

static void client_send(struct client *client)
{
    if (client->depth == CAPACITY) {
        weir_channel_reject(client->queue, WEIR_REJECT_FULL);
        return;
    }
    size_t last = (client->first + client->depth) % CAPACITY;
    client->ticket[last] = weir_channel_send(client->queue, BYTES);
    client->depth++;
    client_write(client);
}

static void tick(uv_timer_t *timer)
{
    (void)timer;
    for (struct client *client = clients; client; client = client->next) {
        if (client->queue) {
            client_send(client);
        }
    }
}

static void client_name(struct client *client)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("queued_out", CAPACITY);
    options.label = has_labels ? client->label : NULL;
    client->queue = weir_channel_open(&options);
}

static void client_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    struct client *client = handle->data;
    (void)wanted;
    *buffer = uv_buf_init(client->label + client->n_label, (unsigned)(LABEL - client->n_label));
}

static void client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct client *client = stream->data;
    (void)buffer;
    check(n < 0 ? (int)n : 0, "read");
    client->n_label += (size_t)n;
    char *end = memchr(client->label, '\n', client->n_label);
    if (end) {
        *end = '\0';
        uv_read_stop(stream);
        client_name(client);
    }
}

static void greet(uv_stream_t *server, int status)
{
    struct client *client = calloc(1, sizeof(*client));
    check(client ? status : UV_ENOMEM, "connection");
    client->pipe.data = client->write.data = client;
    uv_pipe_init(server->loop, &client->pipe, 0);
    check(uv_accept(server, (uv_stream_t *)&client->pipe), "accept");
    int bytes = BYTES; /* in the kernel; the rest is queued where it is seen */
    check(uv_send_buffer_size((uv_handle_t *)&client->pipe, &bytes), "SO_SNDBUF");
    check(uv_read_start((uv_stream_t *)&client->pipe, client_room, client_read), "read");
    client->next = clients;
    clients = client;
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct weir_error error = {""};
    static uv_pipe_t server;
    static uv_timer_t timer;
    if (argc < 3) {
        fputs("usage: fanout SOCKET NAME [without]\n", stderr);
        return 2;
    }
    has_labels = argc == 3;
    options.name = argv[2];
    if (weir_start(&options, &error) != WEIR_OK || weir_agent_start(NULL, &error) != WEIR_OK) {
        fprintf(stderr, "fanout: %s\n", error.text);
        return 1;
    }
    uv_pipe_init(loop, &server, 0);
    check(uv_pipe_bind(&server, argv[1]), "bind");
    check(uv_listen((uv_stream_t *)&server, 16, greet), "listen");
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, tick, EVERY_MS, EVERY_MS);
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
