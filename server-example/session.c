/* SPDX-License-Identifier: MIT */
/* The table is chained and doubles when it is full; tokens are random, so they are their own hash. */
#include "session.h"

#include <stdlib.h>
#include <sys/random.h>

#include "flags.h"
#include "instrument.h"

#define BUCKETS_AT_FIRST 1024

static atomic_size_t n_sessions;

static struct session **sessions_bucket(const struct sessions *sessions, uint64_t token)
{
    return &sessions->buckets[token & (sessions->n_buckets - 1)];
}

static void sessions_grow(struct sessions *sessions)
{
    struct sessions old = *sessions;
    sessions->n_buckets = old.n_buckets * 2;
    sessions->buckets = xcalloc(sessions->n_buckets, sizeof(struct session *));
    for (size_t i = 0; i < old.n_buckets; i++) {
        struct session *next = NULL;
        for (struct session *session = old.buckets[i]; session; session = next) {
            next = session->bucket_next;
            struct session **bucket = sessions_bucket(sessions, session->token);
            session->bucket_next = *bucket;
            *bucket = session;
        }
    }
    free(old.buckets);
}

static void sessions_unlink_age(struct sessions *sessions, struct session *session)
{
    *(session->older ? &session->older->newer : &sessions->oldest) = session->newer;
    *(session->newer ? &session->newer->older : &sessions->newest) = session->older;
}

static void sessions_link_youngest(struct sessions *sessions, struct session *session)
{
    session->older = sessions->newest;
    session->newer = NULL;
    *(sessions->newest ? &sessions->newest->newer : &sessions->oldest) = session;
    sessions->newest = session;
}

static uint64_t sessions_token(struct sessions *sessions)
{
    uint64_t token = 0;
    do {
        if (getrandom(&token, sizeof(token), 0) != (ssize_t)sizeof(token)) {
            die(EXIT_FAILURE, "the kernel gives no random numbers for session tokens");
        }
    } while (token == 0 || sessions_find(sessions, token));
    return token;
}

void sessions_init(struct sessions *sessions, size_t n_max)
{
    *sessions = (struct sessions){.n_buckets = BUCKETS_AT_FIRST, .n_max = n_max};
    sessions->buckets = xcalloc(BUCKETS_AT_FIRST, sizeof(struct session *));
}

void sessions_finish(struct sessions *sessions)
{
    while (sessions->oldest) {
        sessions_close(sessions, sessions->oldest);
    }
    free(sessions->buckets);
    sessions->buckets = NULL;
}

struct session *sessions_open(struct sessions *sessions, uint32_t player, uint64_t now)
{
    if (sessions->n_open >= sessions->n_max) {
        return NULL;
    }
    if (sessions->n_open >= sessions->n_buckets) {
        sessions_grow(sessions);
    }
    struct session *session = xcalloc(1, sizeof(*session));
    session->token = sessions_token(sessions);
    session->heard_at = now;
    session->sender = instrument_player_joined(player);
    atomic_init(&session->n_references, 1);
    atomic_init(&session->is_open, true);
    struct session **bucket = sessions_bucket(sessions, session->token);
    session->bucket_next = *bucket;
    *bucket = session;
    sessions_link_youngest(sessions, session);
    sessions->n_open++;
    atomic_fetch_add_explicit(&n_sessions, 1, memory_order_relaxed);
    instrument_session_opened();
    return session;
}

struct session *sessions_find(struct sessions *sessions, uint64_t token)
{
    struct session *session = *sessions_bucket(sessions, token);
    while (session && session->token != token) {
        session = session->bucket_next;
    }
    return session;
}

void sessions_touch(struct sessions *sessions, struct session *session, uint64_t now)
{
    session->heard_at = now;
    if (sessions->newest != session) {
        sessions_unlink_age(sessions, session);
        sessions_link_youngest(sessions, session);
    }
}

void sessions_close(struct sessions *sessions, struct session *session)
{
    struct session **link = sessions_bucket(sessions, session->token);
    while (*link != session) {
        link = &(*link)->bucket_next;
    }
    *link = session->bucket_next;
    sessions_unlink_age(sessions, session);
    sessions->n_open--;
    atomic_store_explicit(&session->is_open, false, memory_order_relaxed);
    instrument_player_gone(session->sender);
    session_release(session);
}

bool sessions_expire(struct sessions *sessions, uint64_t deadline)
{
    struct session *oldest = sessions->oldest;
    if (!oldest || oldest->heard_at >= deadline) {
        return false;
    }
    sessions_close(sessions, oldest);
    return true;
}

struct session *session_take(struct session *session)
{
    atomic_fetch_add_explicit(&session->n_references, 1, memory_order_relaxed);
    return session;
}

void session_release(struct session *session)
{
    /* Release: what this thread did to the session comes before another's free. Acquire: the
     * last one sees what all others did. */
    if (atomic_fetch_sub_explicit(&session->n_references, 1, memory_order_acq_rel) == 1) {
        free(session);
        atomic_fetch_sub_explicit(&n_sessions, 1, memory_order_relaxed);
        instrument_session_freed();
    }
}

size_t session_count(void)
{
    return atomic_load_explicit(&n_sessions, memory_order_relaxed);
}
