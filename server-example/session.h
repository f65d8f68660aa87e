/* SPDX-License-Identifier: MIT */
/*
 * The players' sessions: a table by token, owned by the main thread, and the sessions themselves,
 * which live on for as long as anyone holds a reference. A queued move holds one: in mode unbounded
 * the queue therefore keeps the sessions of players who left long ago.
 */
#ifndef GAME_SESSION_H
#define GAME_SESSION_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session {
    uint64_t token;
    atomic_uint n_references;
    atomic_bool is_open;        /* false once the player has left */
    atomic_bool was_served;     /* a move of this player, while it was open */
    atomic_int x, y;            /* handlers of two moves of a player may run at once */
    struct weir_sender *sender; /* weir's, until the player has left; NULL: none */
    /* The main thread's own: */
    uint64_t heard_at; /* milliseconds, as uv_now */
    struct session *bucket_next;
    struct session *older, *newer; /* by heard_at */
};

struct sessions {
    struct session **buckets;
    size_t n_buckets; /* a power of two */
    size_t n_open;
    size_t n_max;
    struct session *oldest, *newest;
};

void sessions_init(struct sessions *sessions, size_t n_max);

/* Closes and releases every session of the table. */
void sessions_finish(struct sessions *sessions);

/* A new session of a player, with a token from the kernel's random source. Borrowed from the table;
 * NULL: the table is full. */
struct session *sessions_open(struct sessions *sessions, uint32_t player, uint64_t now);

/* Borrowed; NULL: none of that token. */
struct session *sessions_find(struct sessions *sessions, uint64_t token);

/* The player was heard: it goes to the young end. */
void sessions_touch(struct sessions *sessions, struct session *session, uint64_t now);

/* Takes the session out of the table and drops the table's reference. */
void sessions_close(struct sessions *sessions, struct session *session);

/* Closes one session that was last heard before `deadline`; false: there is none. */
bool sessions_expire(struct sessions *sessions, uint64_t deadline);

/* References. Any thread; the last one frees. */
struct session *session_take(struct session *session);
void session_release(struct session *session);

/* Sessions in memory, in the table or not. Any thread. */
size_t session_count(void);

#endif
