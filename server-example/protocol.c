/* SPDX-License-Identifier: MIT */
/* Datagrams to and from structs. Pure; any thread. */
#include "protocol.h"

#include <endian.h>
#include <string.h>

#define MAGIC 'W'

static void message_put32(unsigned char *bytes, uint32_t value)
{
    value = htobe32(value);
    memcpy(bytes, &value, sizeof(value));
}

static void message_put64(unsigned char *bytes, uint64_t value)
{
    value = htobe64(value);
    memcpy(bytes, &value, sizeof(value));
}

static uint32_t message_get32(const unsigned char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return be32toh(value);
}

static uint64_t message_get64(const unsigned char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return be64toh(value);
}

/* The longest tail that a kind may carry. */
static size_t message_tail_max(unsigned kind)
{
    switch (kind) {
    case MESSAGE_MOVE:
        return MESSAGE_INPUT;
    case MESSAGE_COMMAND:
    case MESSAGE_REPORT:
        return MESSAGE_TEXT;
    default:
        return 0;
    }
}

size_t message_write(const struct message *message, unsigned char *ret_bytes)
{
    ret_bytes[0] = MAGIC;
    ret_bytes[1] = MESSAGE_VERSION;
    ret_bytes[2] = (unsigned char)message->kind;
    ret_bytes[3] = (unsigned char)message->reason;
    message_put32(ret_bytes + 4, message->player);
    message_put64(ret_bytes + 8, message->token);
    message_put64(ret_bytes + 16, message->stamp);
    message_put32(ret_bytes + 24, (uint32_t)message->x);
    message_put32(ret_bytes + 28, (uint32_t)message->y);
    if (message->n_tail > 0) {
        memcpy(ret_bytes + MESSAGE_HEAD, message->tail, message->n_tail);
    }
    return MESSAGE_HEAD + message->n_tail;
}

bool message_read(const unsigned char *bytes, size_t n, struct message *ret_message)
{
    if (n < MESSAGE_HEAD || bytes[0] != MAGIC || bytes[1] != MESSAGE_VERSION) {
        return false;
    }
    unsigned kind = bytes[2];
    if (kind < MESSAGE_JOIN || kind > MESSAGE_REPORT || bytes[3] > MESSAGE_REASON_NO_SEAT ||
        n - MESSAGE_HEAD > message_tail_max(kind)) {
        return false;
    }
    *ret_message = (struct message){
        .kind = (enum message_kind)kind,
        .reason = (enum message_reason)bytes[3],
        .player = message_get32(bytes + 4),
        .token = message_get64(bytes + 8),
        .stamp = message_get64(bytes + 16),
        .x = (int32_t)message_get32(bytes + 24),
        .y = (int32_t)message_get32(bytes + 28),
        .tail = bytes + MESSAGE_HEAD,
        .n_tail = n - MESSAGE_HEAD,
    };
    return true;
}
