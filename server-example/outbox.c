/* SPDX-License-Identifier: MIT */
/* Batches of datagrams by sendmmsg. */
#include "outbox.h"

#include <string.h>

void outbox_init(struct outbox *outbox, int socket)
{
    memset(outbox, 0, sizeof(*outbox));
    outbox->socket = socket;
    for (unsigned i = 0; i < OUTBOX_SIZE; i++) {
        outbox->parts[i].iov_base = outbox->bytes[i];
        outbox->headers[i].msg_hdr.msg_iov = &outbox->parts[i];
        outbox->headers[i].msg_hdr.msg_iovlen = 1;
    }
}

void outbox_add(struct outbox *outbox, const struct message *message, const struct sockaddr_in *to)
{
    if (outbox->n == OUTBOX_SIZE) {
        outbox_flush(outbox);
    }
    unsigned i = outbox->n++;
    outbox->parts[i].iov_len = message_write(message, outbox->bytes[i]);
    struct msghdr *header = &outbox->headers[i].msg_hdr;
    if (to) {
        outbox->to[i] = *to;
    }
    header->msg_name = to ? &outbox->to[i] : NULL;
    header->msg_namelen = to ? sizeof(*to) : 0;
}

void outbox_flush(struct outbox *outbox)
{
    unsigned i = 0;
    while (i < outbox->n) {
        int n = sendmmsg(outbox->socket, outbox->headers + i, outbox->n - i,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) {
            outbox->n_lost++; /* the first of them is what failed */
            n = 1;
        }
        i += (unsigned)n;
    }
    outbox->n = 0;
}
