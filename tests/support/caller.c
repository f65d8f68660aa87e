/* SPDX-License-Identifier: MIT */
/* A client made of bytes. */
#include "caller.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char caller_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                              "\0\0\6\4\0\0\0\0\0\0\4\177\377\377\377"
                              "\0\0\4\10\0\0\0\0\0\177\377\0\0";
const size_t caller_preface_bytes = sizeof(caller_preface) - 1;

int caller_dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A field of a header, literal and without Huffman. */
static size_t caller_field(char *to, const char *name, const char *value)
{
    size_t n_name = strlen(name);
    size_t n_value = strlen(value);
    to[0] = 0;
    to[1] = (char)n_name;
    memcpy(to + 2, name, n_name);
    to[2 + n_name] = (char)n_value;
    memcpy(to + 3 + n_name, value, n_value);
    return 3 + n_name + n_value;
}

bool caller_watch(int fd, int stream)
{
    static const char message[] = {0, 0, 0, 0, 4, 0x0a, 0, 0x10, 100};
    char frames[512] = {0};
    size_t n = 9;
    n += caller_field(frames + n, ":method", "POST");
    n += caller_field(frames + n, ":scheme", "http");
    n += caller_field(frames + n, ":authority", "localhost");
    n += caller_field(frames + n, ":path", "/weir.v1.Agent/Watch");
    n += caller_field(frames + n, "content-type", "application/grpc");
    frames[1] = (char)((n - 9) >> 8);
    frames[2] = (char)(n - 9);
    frames[3] = 1;
    frames[4] = 4;
    frames[8] = (char)stream;
    char data[9] = {0, 0, sizeof(message), 0, 1, 0, 0, 0, (char)stream};
    memcpy(frames + n, data, sizeof(data));
    memcpy(frames + n + sizeof(data), message, sizeof(message));
    n += sizeof(data) + sizeof(message);
    return send(fd, frames, n, MSG_NOSIGNAL) == (ssize_t)n;
}

bool caller_has_input(int fd, int millis)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, millis) == 1;
}

static bool caller_read(int fd, unsigned char *to, size_t n, int millis)
{
    for (size_t at = 0; at < n;) {
        if (!caller_has_input(fd, millis)) {
            return false;
        }
        ssize_t got = read(fd, to + at, n - at);
        if (got <= 0) {
            return true; /* closed: what is there stays */
        }
        at += (size_t)got;
    }
    return true;
}

enum caller_answer caller_answer(int fd, int stream, int millis)
{
    enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, GOAWAY = 7, END_STREAM = 1, NONE = 255 };
    for (;;) {
        unsigned char head[9] = {0, 0, 0, NONE};
        unsigned char byte;
        if (!caller_read(fd, head, sizeof(head), millis)) {
            return CALLER_NOTHING;
        }
        size_t n = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        for (; n > 0 && head[3] != NONE; n--) {
            if (!caller_read(fd, &byte, 1, millis)) {
                return CALLER_NOTHING;
            }
        }
        if (head[3] == NONE || head[3] == GOAWAY) {
            return CALLER_CLOSED;
        }
        if (head[8] == stream && head[3] == DATA) {
            return CALLER_MESSAGE;
        }
        if (head[8] == stream &&
            (head[3] == RST_STREAM || (head[3] == HEADERS && (head[4] & END_STREAM)))) {
            return CALLER_STATUS;
        }
    }
}
