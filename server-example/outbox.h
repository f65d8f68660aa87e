/* SPDX-License-Identifier: MIT */
/* Datagrams that leave the main thread, sent many to a system call. */
#ifndef GAME_OUTBOX_H
#define GAME_OUTBOX_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "protocol.h"

#define OUTBOX_SIZE 64

struct outbox {
    int socket; /* borrowed */
    unsigned n;
    uint64_t n_lost; /* the socket had no room, or refused */
    unsigned char bytes[OUTBOX_SIZE][MESSAGE_HEAD + MESSAGE_INPUT];
    struct sockaddr_in to[OUTBOX_SIZE];
    struct iovec parts[OUTBOX_SIZE];
    struct mmsghdr headers[OUTBOX_SIZE];
};

void outbox_init(struct outbox *outbox, int socket);

/* Adds a message of at most MESSAGE_INPUT bytes of tail, to an address or, NULL, to the socket's
 * peer; sends first when there is no room. */
void outbox_add(struct outbox *outbox, const struct message *message, const struct sockaddr_in *to);

/* Sends what is there. */
void outbox_flush(struct outbox *outbox);

#endif
