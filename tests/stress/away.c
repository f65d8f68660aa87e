/* SPDX-License-Identifier: MIT */
/*
 * Senders that go away, come back and are closed in several threads, while others send and receive for the same
 * senders and a reader never pauses: at rest, what is orphaned is exactly what the queue itself holds of senders that
 * are closed or away, and a sender that is opened in the place of a closed one is not away.
 * ctest: timeout=300 processors=2 folders=agent/src/hook,agent/src/segment
 */
#include "snapshot/process_view.h"
#include "weir/weir.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define ROUNDS 5
#else
#define ROUNDS 60
#endif
#define SENDERS 32
#define TURNS   4000 /* of each thread in a round */
#define QUEUE   4096
#define THREADS 5
#define CLOSED  4 /* each so many-th sender is closed in a round, while others use it */
#define IS_AWAY 3
#define MESSAGE 16

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct message {
    struct weir_sent sent;
    size_t bytes;
    unsigned sender;
    unsigned life;
};

static struct weir_channel *channel;
static struct weir_sender *senders[SENDERS];
static unsigned life[SENDERS];      /* of the sender in that place */
static uint32_t is_closed[SENDERS]; /* atomic */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct message queue[QUEUE];
static size_t n_first, n_queued;
static uint32_t is_over;
static pthread_barrier_t half_time;

static bool push(const struct message *message)
{
    pthread_mutex_lock(&lock);
    bool has_room = n_queued < QUEUE;
    if (has_room) {
        queue[(n_first + n_queued++) % QUEUE] = *message;
    }
    pthread_mutex_unlock(&lock);
    return has_room;
}

static bool pop(struct message *ret_message)
{
    pthread_mutex_lock(&lock);
    bool has_any = n_queued > 0;
    if (has_any) {
        *ret_message = queue[n_first];
        n_first = (n_first + 1) % QUEUE;
        n_queued--;
    }
    pthread_mutex_unlock(&lock);
    return has_any;
}

static void send_one(unsigned i, unsigned *state)
{
    struct message message = {.bytes = 1 + (size_t)rand_r(state) % MESSAGE, .sender = i};
    message.life = life[i];
    message.sent = weir_channel_send_from(channel, senders[i], message.bytes);
    if (!push(&message)) {
        weir_channel_unsend_from(channel, message.sent, message.bytes, WEIR_REJECT_FULL);
    }
}

static void *run(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    struct message message;
    for (int t = 0; t < TURNS; t++) {
        if (t == TURNS / 2) {
            pthread_barrier_wait(&half_time);
        }
        unsigned i = (unsigned)rand_r(&state) % SENDERS;
        switch (rand_r(&state) % 8) {
        case 0:
            weir_sender_away(senders[i]);
            break;
        case 1:
            weir_sender_back(senders[i]);
            break;
        case 2:
        case 3:
            if (pop(&message)) {
                weir_channel_receive_from(channel, message.sent, message.bytes);
            }
            break;
        case 4:
            if (t >= TURNS / 2 && i % CLOSED == 0) { /* two threads may close it at once */
                __atomic_store_n(&is_closed[i], 1, __ATOMIC_RELEASE);
                weir_sender_close(senders[i]);
            }
            break;
        default: /* a closed one sends no more */
            if (i % CLOSED || t < TURNS / 2) {
                send_one(i, &state);
            }
            break;
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
        const struct wi_value *value = wi_process_view_row(view, WI_CHANNEL, 0)->value;
        REQUIRE(value[WI_CHANNEL_ORPHANED_AWAY].u.u64 <= value[WI_CHANNEL_ORPHANED].u.u64);
        REQUIRE(value[WI_CHANNEL_SENDERS_AWAY].u.u64 <= value[WI_CHANNEL_SENDERS].u.u64);
    }
    wi_process_view_close(view);
    return unused;
}

/* All threads rest: each sender goes where it belongs, by two calls, since the second changes nothing. */
static void settle(void)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        for (int twice = 0; twice < 2; twice++) {
            if (i % IS_AWAY == 0) {
                weir_sender_away(senders[i]);
            } else {
                weir_sender_back(senders[i]);
            }
        }
    }
}

static void compare(struct wi_process_view *view)
{
    static uint64_t now = 1;
    struct weir_error error;
    uint64_t orphaned = 0, bytes = 0, away = 0, n_away = 0;
    for (size_t k = 0; k < n_queued; k++) {
        const struct message *message = &queue[(n_first + k) % QUEUE];
        unsigned i = message->sender;
        bool is_gone = message->life != life[i] || is_closed[i];
        bool is_orphan = is_gone || i % IS_AWAY == 0;
        orphaned += is_orphan;
        bytes += is_orphan ? message->bytes : 0;
        away += is_orphan && !is_gone;
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        n_away += !is_closed[i] && i % IS_AWAY == 0;
    }
    REQUIRE(wi_process_view_refresh(view, ++now, &error) == WEIR_OK);
    const struct wi_value *value = wi_process_view_row(view, WI_CHANNEL, 0)->value;
    REQUIRE(value[WI_CHANNEL_DEPTH].u.u64 == n_queued);
    REQUIRE(value[WI_CHANNEL_ORPHANED].u.u64 == orphaned);
    REQUIRE(value[WI_CHANNEL_ORPHANED_BYTES].u.u64 == bytes);
    REQUIRE(value[WI_CHANNEL_ORPHANED_AWAY].u.u64 == away);
    REQUIRE(value[WI_CHANNEL_SENDERS_AWAY].u.u64 == n_away);
}

static void run_round(struct wi_process_view *view, size_t round)
{
    pthread_t threads[THREADS], reader;
    for (unsigned i = 0; i < SENDERS; i++) {
        if (!senders[i] || is_closed[i]) {
            senders[i] = weir_sender_open(channel, "a session");
            REQUIRE(senders[i]);
            is_closed[i] = 0;
            life[i]++;
        }
    }
    is_over = 0;
    REQUIRE(pthread_barrier_init(&half_time, NULL, THREADS) == 0);
    REQUIRE(pthread_create(&reader, NULL, read_all_the_time, NULL) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, run, (void *)(round * THREADS + i + 1)) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    pthread_barrier_destroy(&half_time);
    settle();
    compare(view);
}

int main(void)
{
    struct weir_error error;
    struct wi_process_view *view;
    struct message message;
    setenv("WEIR_NAME", "away", 1);
    REQUIRE(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("out", WEIR_UNBOUNDED);
    channel = weir_channel_open(&options);
    REQUIRE(wi_process_view_open_self(&view, &error) == WEIR_OK);
    for (size_t round = 0; round < ROUNDS; round++) {
        run_round(view, round);
    }
    while (pop(&message)) {
        weir_channel_receive_from(channel, message.sent, message.bytes);
    }
    compare(view);
    REQUIRE(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_SENDERS_GONE].u.u64 == 0);
    printf("%d rounds of %d threads: exact\n", ROUNDS, THREADS);
    wi_process_view_close(view);
    weir_stop();
    return 0;
}
