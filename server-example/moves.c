/* SPDX-License-Identifier: MIT */
/* The list behind the `moves` channel, under one mutex. */
#include "moves.h"

#include <malloc.h>
#include <stdlib.h>

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
    struct move *next = NULL;
    for (struct move *move = moves->first; move; move = next) {
        next = move->next;
        instrument_move_discarded(move->mark, move_bytes(move));
        move_free(move);
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
    move->mark = instrument_move_enters(move->session->sender, bytes);
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
        instrument_move_taken(move->mark, bytes);
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

struct moves_count moves_orphaned(struct moves *moves)
{
    struct moves_count count = {0};
    uv_mutex_lock(&moves->lock);
    for (struct move *move = moves->first; move; move = move->next) {
        if (!atomic_load_explicit(&move->session->is_open, memory_order_relaxed)) {
            count.length++;
            count.bytes += move_bytes(move);
        }
    }
    uv_mutex_unlock(&moves->lock);
    return count;
}
