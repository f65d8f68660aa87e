/* SPDX-License-Identifier: MIT */
/*
 * The `moves` channel: a list of moves between the socket and the game loop. It has a bound only
 * when someone sets one; that is the mistake this example is about.
 */
#ifndef GAME_MOVES_H
#define GAME_MOVES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "instrument.h"
#include "protocol.h"

/* One move on its way from the socket to a handler. */
struct move {
    struct move *next;
    struct session *session;     /* a reference of its own */
    struct instrument_mark mark; /* weir's, of the step that the move is in */
    uint64_t stamp;
    struct sockaddr_in from;
    uint32_t player;
    int32_t x, y;
    uint32_t n_input;
    unsigned char input[MESSAGE_INPUT];
};

/* What the allocator really spends on a move. */
size_t move_bytes(struct move *move);

/* Drops the move's session and frees it. */
void move_free(struct move *taken_move);

struct moves {
    uv_mutex_t lock;
    struct move *first, *last;
    uint64_t bound; /* INSTRUMENT_UNBOUNDED */
    uint64_t length;
    uint64_t bytes;
    uint64_t n_sent, n_taken;
};

void moves_init(struct moves *moves, uint64_t bound);

/* Frees what is still queued. */
void moves_finish(struct moves *moves);

/* Appends. False: full, and the move is still the caller's. Any thread. */
bool moves_push(struct moves *moves, struct move *move);

/* The oldest move, now the caller's; NULL: empty. Any thread; never waits. */
struct move *moves_pop(struct moves *moves);

/* Changes the bound. What is queued beyond it stays. Any thread. */
void moves_set_bound(struct moves *moves, uint64_t bound);

/* The numbers of one moment. Any thread. */
struct moves_count {
    uint64_t length, bytes, n_sent, n_taken;
};
struct moves_count moves_count(struct moves *moves);

/* Of what is queued, the moves of players who have left. Looks at each; any thread. */
struct moves_count moves_orphaned(struct moves *moves);

#endif
