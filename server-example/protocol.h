/* SPDX-License-Identifier: MIT */
/*
 * The game's datagrams: a fixed head of 32 bytes in network byte order, then a tail whose meaning
 * follows from the kind. A datagram that does not fit is not answered, so that nobody can use the
 * server to send traffic to a third.
 *
 *   0 'W'   1 version   2 kind   3 reason   4 player (u32)   8 token (u64)
 *   16 stamp (u64)      24 x (i32)          28 y (i32)       32 tail
 */
#ifndef GAME_PROTOCOL_H
#define GAME_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_VERSION  1
#define MESSAGE_HEAD     32
#define MESSAGE_INPUT    128  /* longest tail of a move: what the player pressed */
#define MESSAGE_TEXT     1024 /* longest tail of a command or a report */
#define MESSAGE_SIZE_MAX (MESSAGE_HEAD + MESSAGE_TEXT)

enum message_kind {
    MESSAGE_JOIN = 1,     /* player: the caller's own number, given back in all answers */
    MESSAGE_WELCOME = 2,  /* token: the session's */
    MESSAGE_MOVE = 3,     /* token, stamp: the caller's clock; x, y: steps; tail: input */
    MESSAGE_MOVED = 4,    /* stamp; x, y: where the player stands now */
    MESSAGE_REFUSED = 5,  /* service unavailable: try later. stamp, reason */
    MESSAGE_UNKNOWN = 6,  /* no such session: join again. stamp */
    MESSAGE_LEAVE = 7,    /* token */
    MESSAGE_PING = 8,     /* token, stamp: keeps the session */
    MESSAGE_PONG = 9,     /* stamp */
    MESSAGE_COMMAND = 10, /* tail: an operator's command, from this machine only */
    MESSAGE_REPORT = 11   /* tail: the answer */
};

/* Why a move or a join was refused. */
enum message_reason {
    MESSAGE_REASON_NONE = 0,
    MESSAGE_REASON_QUEUE_FULL = 1,
    MESSAGE_REASON_NO_PERMIT = 2,
    MESSAGE_REASON_NO_SEAT = 3
};

struct message {
    enum message_kind kind;
    enum message_reason reason;
    uint32_t player;
    uint64_t token;
    uint64_t stamp;
    int32_t x, y;
    const unsigned char *tail; /* borrowed */
    size_t n_tail;
};

/* Writes the message into at least MESSAGE_HEAD + n_tail bytes and returns how many it took. */
size_t message_write(const struct message *message, unsigned char *ret_bytes);

/* Reads one datagram; the tail points into `bytes`. False: malformed, `ret_message` untouched. */
bool message_read(const unsigned char *bytes, size_t n, struct message *ret_message);

#endif
