/* SPDX-License-Identifier: MIT */
/* The list behind the `moves` channel, under one mutex. */
#include "moves.h"

#include <malloc.h>
#include <stdlib.h>

#include "instrument.h"
#include "session.h"

size_t move_bytes(struct move *move)
{
    return malloc_usable_size(move);
}

void move_free(struct move *taken_move)
{
    session_release(taken_move->session);
    free(taken_move);
}

void moves_init(struct moves *moves, uint64_t bound)
{
    *moves = (struct moves){.bound = bound};
    uv_mutex_init(&moves->lock);
}

void moves_finish(struct moves *moves)
{
    uint64_t n = moves->length;
    size_t bytes = moves->bytes;
    struct move *next = NULL;
    for (struct move *move = moves->first; move; move = next) {
        next = move->next;
        move_free(move);
    }
    if (n > 0) {
        instrument_moves_discarded(n, bytes);
    }
    moves->first = moves->last = NULL;
    moves->length = moves->bytes = 0;
    uv_mutex_destroy(&moves->lock);
}

bool moves_push(struct moves *moves, struct move *move)
{
    size_t bytes = move_bytes(move);
    uv_mutex_lock(&moves->lock);
    if (moves->length >= moves->bound) {
        uv_mutex_unlock(&moves->lock);
        return false;
    }
    move->ticket = instrument_move_enters(bytes);
    move->next = NULL;
    *(moves->last ? &moves->last->next : &moves->first) = move;
    moves->last = move;
    moves->length++;
    moves->bytes += bytes;
    moves->n_sent++;
    uv_mutex_unlock(&moves->lock);
    return true;
}

struct move *moves_pop(struct moves *moves)
{
    uv_mutex_lock(&moves->lock);
    struct move *move = moves->first;
    if (move) {
        size_t bytes = move_bytes(move);
        moves->first = move->next;
        moves->last = moves->first ? moves->last : NULL;
        moves->length--;
        moves->bytes -= bytes;
        moves->n_taken++;
        instrument_move_taken(move->ticket, bytes);
    }
    uv_mutex_unlock(&moves->lock);
    return move;
}

void moves_set_bound(struct moves *moves, uint64_t bound)
{
    uv_mutex_lock(&moves->lock);
    moves->bound = bound;
    uv_mutex_unlock(&moves->lock);
    instrument_queue_bound(bound);
}

struct moves_count moves_count(struct moves *moves)
{
    uv_mutex_lock(&moves->lock);
    struct moves_count count = {moves->length, moves->bytes, moves->n_sent, moves->n_taken};
    uv_mutex_unlock(&moves->lock);
    return count;
}
