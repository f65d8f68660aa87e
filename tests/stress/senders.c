/* SPDX-License-Identifier: MIT */
/*
 * Senders that come and go in several threads while others take their messages out and a reader never
 * pauses: at rest, what is queued and what is orphaned are exactly what the queue itself holds, and when
 * it is empty no sender is left over. ctest: timeout=300 alone folders=agent/src/hook
 */
#include "snapshot/process_view.h"
#include "weir/weir.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define ROUNDS 4
#else
#define ROUNDS 100
#endif
#define PRODUCERS 4
#define CONSUMERS 3
#define SENDERS   2000 /* of each producer in a round */

struct session {
    struct weir_sender *sender;
    uint32_t references; /* atomic */
    uint32_t is_gone;    /* atomic */
};

struct message {
    struct message *next;
    struct session *session;
    struct weir_sent sent;
    size_t bytes;
};

static struct weir_channel *channel;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct message *first, **last = &first;
static uint64_t n_taken;
static uint32_t is_draining, is_over;

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void session_drop(struct session *session)
{
    if (__atomic_sub_fetch(&session->references, 1, __ATOMIC_ACQ_REL) == 0) {
        free(session);
    }
}

static void push(struct session *session, size_t bytes)
{
    struct message *message = calloc(1, sizeof(*message));
    REQUIRE(message);
    __atomic_add_fetch(&session->references, 1, __ATOMIC_RELAXED);
    message->session = session;
    message->bytes = bytes;
    message->sent = weir_channel_send_from(channel, session->sender, bytes);
    pthread_mutex_lock(&lock);
    *last = message;
    last = &message->next;
    pthread_mutex_unlock(&lock);
}

static bool pop(unsigned how)
{
    pthread_mutex_lock(&lock);
    struct message *message = first;
    if (message) {
        first = message->next;
        last = first ? last : &first;
        n_taken++;
    }
    pthread_mutex_unlock(&lock);
    if (!message) {
        return false;
    }
    if (how % 7 == 0) {
        weir_channel_discard_from(channel, message->sent, message->bytes, WEIR_DISCARD_EXPIRED);
    } else {
        weir_channel_receive_from(channel, message->sent, message->bytes);
    }
    session_drop(message->session);
    free(message);
    return true;
}

/* Some close with messages queued, some with none, some after others of theirs have left. */
static void *produce(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    for (int i = 0; i < SENDERS; i++) {
        struct session *session = calloc(1, sizeof(*session));
        REQUIRE(session);
        session->references = 1;
        session->sender = weir_sender_open(channel, "a session");
        REQUIRE(session->sender);
        unsigned n = (unsigned)rand_r(&state) % 6;
        for (unsigned k = 0; k < n; k++) {
            push(session, 1 + k * 16);
            if (rand_r(&state) % 4 == 0) {
                pop((unsigned)rand_r(&state));
            }
        }
        if (n == 5) {
            struct weir_sent failed = weir_channel_send_from(channel, session->sender, 9);
            weir_channel_unsend_from(channel, failed, 9, WEIR_REJECT_FULL);
        }
        __atomic_store_n(&session->is_gone, 1, __ATOMIC_RELEASE);
        weir_sender_close(session->sender);
        session_drop(session);
    }
    return NULL;
}

static void *consume(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        /* Half of what comes stays for the count at rest. */
        if (__atomic_load_n(&is_draining, __ATOMIC_ACQUIRE) || rand_r(&state) % 2) {
            pop((unsigned)rand_r(&state));
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void *read_all_the_time(void *unused)
{
    struct weir_error error;
    struct wi_process_view *view;
    REQUIRE(wi_process_view_open_self(&view, &error) == WEIR_OK);
    for (uint64_t now = 1; !__atomic_load_n(&is_over, __ATOMIC_ACQUIRE); now += 1000000) {
        REQUIRE(wi_process_view_refresh(view, now, &error) == WEIR_OK);
        size_t n = wi_process_view_count(view, WI_SENDER);
        for (size_t i = 0; i < n; i++) {
            const struct wi_row *row = wi_process_view_row(view, WI_SENDER, i);
            REQUIRE(row->value[WI_SENDER_IN_FLIGHT].u.u64 <= 6);
            REQUIRE(strcmp(row->name, "a session") == 0);
        }
    }
    wi_process_view_close(view);
    return unused;
}

struct count {
    uint64_t depth, bytes, orphaned, orphaned_bytes;
};

static struct count count_queue(void)
{
    struct count count = {0};
    for (const struct message *message = first; message; message = message->next) {
        count.depth++;
        count.bytes += message->bytes;
        count.orphaned += message->session->is_gone;
        count.orphaned_bytes += message->session->is_gone ? message->bytes : 0;
    }
    return count;
}

static void compare(struct wi_process_view *view, struct count own)
{
    static uint64_t now = 1;
    struct weir_error error;
    REQUIRE(wi_process_view_refresh(view, ++now, &error) == WEIR_OK);
    const struct wi_value *value = wi_process_view_row(view, WI_CHANNEL, 0)->value;
    REQUIRE(value[WI_CHANNEL_DEPTH].u.u64 == own.depth);
    REQUIRE(value[WI_CHANNEL_QUEUED_BYTES].u.u64 == own.bytes);
    REQUIRE(value[WI_CHANNEL_SENDERS].u.u64 == 0);
    REQUIRE(value[WI_CHANNEL_ORPHANED].u.u64 == own.orphaned);
    REQUIRE(value[WI_CHANNEL_ORPHANED_BYTES].u.u64 == own.orphaned_bytes);
    uint64_t in_flight = 0;
    for (size_t i = 0; i < wi_process_view_count(view, WI_SENDER); i++) {
        in_flight += wi_process_view_row(view, WI_SENDER, i)->value[WI_SENDER_IN_FLIGHT].u.u64;
    }
    REQUIRE(in_flight == own.depth);
}

/* Producers first; consumers pause while the queue is counted, then take the rest out. */
static void run_round(struct wi_process_view *view, int round)
{
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    is_draining = is_over = 0;
    pthread_t reader;
    REQUIRE(pthread_create(&reader, NULL, read_all_the_time, NULL) == 0);
    for (size_t i = 0; i < CONSUMERS; i++) {
        REQUIRE(pthread_create(&consumers[i], NULL, consume, (void *)(i + 1)) == 0);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        size_t seed = (size_t)round * PRODUCERS + i;
        REQUIRE(pthread_create(&producers[i], NULL, produce, (void *)seed) == 0);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i], NULL);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < CONSUMERS; i++) {
        pthread_join(consumers[i], NULL);
    }
    pthread_join(reader, NULL);
    compare(view, count_queue());
    is_over = 0;
    is_draining = 1;
    for (size_t i = 0; i < CONSUMERS; i++) {
        REQUIRE(pthread_create(&consumers[i], NULL, consume, (void *)(i + 1)) == 0);
    }
    while (pop(1)) {
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < CONSUMERS; i++) {
        pthread_join(consumers[i], NULL);
    }
    compare(view, (struct count){0});
    REQUIRE(wi_process_view_count(view, WI_SENDER) == 0);
}

int main(void)
{
    struct weir_error error;
    struct wi_process_view *view;
    setenv("WEIR_NAME", "senders", 1);
    REQUIRE(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    channel = weir_channel_open(&options);
    REQUIRE(wi_process_view_open_self(&view, &error) == WEIR_OK);
    struct weir_health health = {.size = sizeof(health)};
    uint64_t bytes = 0;
    for (int round = 0; round < ROUNDS; round++) {
        run_round(view, round);
        weir_health_read(&health);
        bytes = round == 0 ? health.segment_bytes : bytes;
    }
    REQUIRE(health.segment_bytes <= bytes + (2 << 20)); /* queues of some rounds are longer */
    printf("%d senders, %llu messages, %llu bytes of segment: exact\n",
           ROUNDS * PRODUCERS * SENDERS, (unsigned long long)n_taken,
           (unsigned long long)health.segment_bytes);
    wi_process_view_close(view);
    weir_stop();
    return 0;
}
