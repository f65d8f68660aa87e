/* SPDX-License-Identifier: MIT */
/* Commands over a connected UDP socket, repeated until they are answered; all of them may be. */
#include "control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flags.h"
#include "protocol.h"
#include "report.h"

#define TRIES             5
#define TRY_MILLISECONDS  500
#define REST_NANOS        UINT64_C(10000000000)
#define REST_MILLISECONDS 5

static int control_connect(uint64_t port)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0 || connect(socket_fd, (struct sockaddr *)&server, sizeof(server)) != 0) {
        die(EXIT_FAILURE, "cannot make a UDP socket: %s", strerror(errno));
    }
    return socket_fd;
}

/* Waits for the answer to the command of this stamp. False: none within the time, or nobody is
 * there. */
static bool control_await(int socket_fd, uint64_t stamp, char *ret_text)
{
    uint64_t until = now_nanos() + TRY_MILLISECONDS * UINT64_C(1000000);
    for (uint64_t now = now_nanos(); now < until; now = now_nanos()) {
        struct pollfd poller = {.fd = socket_fd, .events = POLLIN};
        if (poll(&poller, 1, (int)((until - now) / 1000000) + 1) <= 0) {
            continue;
        }
        unsigned char bytes[MESSAGE_SIZE_MAX];
        ssize_t n = recv(socket_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno == ECONNREFUSED) {
            return false;
        }
        struct message message;
        if (n > 0 && message_read(bytes, (size_t)n, &message) && message.kind == MESSAGE_REPORT &&
            message.stamp == stamp) {
            memcpy(ret_text, message.tail, message.n_tail);
            ret_text[message.n_tail] = '\0';
            return true;
        }
    }
    errno = ETIMEDOUT;
    return false;
}

static void control_ask(uint64_t port, const char *command, char *ret_text)
{
    int socket_fd = control_connect(port);
    uint64_t stamp = now_nanos() ^ (uint64_t)getpid() << 40;
    struct message message = {.kind = MESSAGE_COMMAND,
                              .stamp = stamp,
                              .tail = (const unsigned char *)command,
                              .n_tail = strlen(command)};
    unsigned char bytes[MESSAGE_SIZE_MAX];
    size_t n = message_write(&message, bytes);
    bool is_answered = false;
    for (int i = 0; i < TRIES && !is_answered; i++) {
        if (send(socket_fd, bytes, n, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED) {
            break;
        }
        is_answered = control_await(socket_fd, stamp, ret_text);
        if (!is_answered && errno == ECONNREFUSED) {
            break;
        }
    }
    close(socket_fd);
    if (!is_answered) {
        die(EXIT_NO_SERVER,
            "no server answers on 127.0.0.1:%" PRIu64 ": start weir-game, or give --port", port);
    }
}

void control_mode(uint64_t port, const char *mode)
{
    char command[MESSAGE_TEXT];
    char text[MESSAGE_TEXT + 1];
    char was[MESSAGE_TEXT];
    snprintf(command, sizeof(command), "mode %s", mode);
    control_ask(port, command, text);
    if (!report_find(text, "was", was, sizeof(was))) {
        die(EXIT_FAILURE, "the server on 127.0.0.1:%" PRIu64 " is of another version", port);
    }
    printf("mode is now %s (was %s)\n", mode, was);
}

void control_status(uint64_t port, bool is_json)
{
    char text[MESSAGE_TEXT + 1];
    control_ask(port, "status", text);
    report_print(text, is_json);
}

void control_resume(uint64_t port, bool is_json)
{
    char text[MESSAGE_TEXT + 1];
    control_ask(port, "resume", text);
    report_print(text, is_json);
}

void control_pause(uint64_t port, bool is_json)
{
    char text[MESSAGE_TEXT + 1];
    char state[MESSAGE_TEXT] = "";
    control_ask(port, "pause", text);
    uint64_t until = now_nanos() + REST_NANOS;
    while (!report_find(text, "state", state, sizeof(state)) || strcmp(state, "resting") != 0) {
        if (now_nanos() > until) {
            die(EXIT_FAILURE, "the server still serves %" PRIu64 " s after the pause",
                REST_NANOS / 1000000000);
        }
        poll(NULL, 0, REST_MILLISECONDS);
        control_ask(port, "status", text);
    }
    report_print(text, is_json);
}
