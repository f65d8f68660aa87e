/* SPDX-License-Identifier: MIT */
/* Batches: many messages counted by one call. */
/* ctest: folders=agent/src/hook */
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

static struct wi_process_view *view;
static uint64_t now;

static const struct wi_row *look(void)
{
    struct weir_error error;
    CHECK(wi_process_view_refresh(view, now += UINT64_C(1000000000), &error) == WEIR_OK);
    return wi_process_view_row(view, WI_CHANNEL, 0);
}

static uint64_t number(int metric)
{
    return look()->value[metric].u.u64;
}

static uint64_t refused(void)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    return health.calls_refused;
}

static struct weir_channel *start(enum weir_latency latency, enum weir_storage storage,
                                  bool is_scarce)
{
    struct weir_error error;
    struct weir_channel_options options = WEIR_CHANNEL_INIT("ring", 4096);
    options.latency = latency;
    options.storage = storage;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    wi_store_relaxed(&wi_index.n_left, is_scarce ? 0 : 16);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    return weir_channel_open(&options);
}

/* Where a thread's counts lie: in cells of the processor, since no shard is left; in its shard, which it then keeps; in the
 * shared cell. */
enum place { IN_CPU_CELLS, IN_SHARD, IN_SHARED_CELL, N_PLACES };

/* In each place, with each latency: what one call counts is what as many calls would. */
static void each(void (*check)(struct weir_channel *ring, enum weir_latency latency))
{
    static const enum weir_latency latencies[] = {WEIR_LATENCY_OFF, WEIR_LATENCY_SAMPLED,
                                                  WEIR_LATENCY_FULL};
    for (int i = 0; i < 3 * N_PLACES; i++) {
        enum weir_latency latency = latencies[i % 3];
        bool is_shared = i / 3 == IN_SHARED_CELL;
        struct weir_channel *ring = start(
            latency, is_shared ? WEIR_STORAGE_SHARED : WEIR_STORAGE_SHARD, i / 3 == IN_CPU_CELLS);
        check(ring, latency);
        CHECK(i / 3 == IN_SHARED_CELL || (i / 3 == IN_SHARD) == (weir_self.shard != 0));
        weir_channel_close(ring);
        wi_process_view_close(view);
        weir_stop();
    }
}

static void check_counts(struct weir_channel *ring, enum weir_latency latency)
{
    weir_ticket ticket = weir_channel_send_n(ring, 64, 6400);
    CHECK((ticket != 0) == (latency != WEIR_LATENCY_OFF));
    weir_channel_send_n(ring, 1, 100);
    CHECK(number(WI_CHANNEL_DEPTH) == 65 && number(WI_CHANNEL_QUEUED_BYTES) == 6500);
    weir_channel_receive_n(ring, ticket, 60, 6000);
    CHECK(number(WI_CHANNEL_SENT) == 65 && number(WI_CHANNEL_RECEIVED) == 60);
    CHECK(number(WI_CHANNEL_QUEUED_BYTES) == 500 && number(WI_CHANNEL_HIGH_WATER) == 65);
    weir_channel_unsend_n(ring, 3, 300, WEIR_REJECT_FULL);
    CHECK(number(WI_CHANNEL_DEPTH) == 2 && number(WI_CHANNEL_SENT) == 62);
    CHECK(number(WI_CHANNEL_REJECTS_FULL) == 3 && number(WI_CHANNEL_QUEUED_BYTES) == 200);
}

static void counts(const char *dir)
{
    (void)dir;
    each(check_counts);
}
CHILD_TEST(counts)

static void check_impossible(struct weir_channel *ring, enum weir_latency latency)
{
    (void)latency;
    const uint64_t before = refused();
    CHECK(weir_channel_send_n(ring, 0, 0) == 0);
    CHECK(weir_channel_send_n(ring, 0, 100) == 0);
    weir_channel_receive_n(ring, 0, 0, 100);
    weir_channel_unsend_n(ring, 0, 100, WEIR_REJECT_FULL);
    CHECK(refused() == before);
    CHECK(weir_channel_send_n(ring, UINT64_MAX, 8) == 0);
    CHECK(weir_channel_send_n(ring, 3, (uint64_t)INT64_MIN) == 0);
    weir_channel_receive_n(ring, 0, (uint64_t)-3, 8);
    weir_channel_receive_n(ring, 0, 3, (uint64_t)-8);
    weir_channel_unsend_n(ring, 1, (uint64_t)-8, WEIR_REJECT_FULL);
    CHECK(refused() == before + 5);
    CHECK(number(WI_CHANNEL_SENT) == 0 && number(WI_CHANNEL_RECEIVED) == 0);
    CHECK(number(WI_CHANNEL_QUEUED_BYTES) == 0 && number(WI_CHANNEL_REJECTS) == 0);
    CHECK(wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_CALLS_REFUSED].u.u64 ==
          before + 5);
    weir_channel_send_n(ring, INT64_MAX, INT64_MAX);
    CHECK(number(WI_CHANNEL_DEPTH) == INT64_MAX && refused() == before + 5);
}

static void refuses_impossible_numbers(const char *dir)
{
    (void)dir;
    each(check_impossible);
    weir_channel_send_n(NULL, 3, 3);
    weir_channel_receive_n(NULL, 0, 3, 3);
    uint64_t before = refused();
    weir_channel_unsend_n(NULL, 3, 3, WEIR_REJECT_FULL);
    weir_channel_unsend_n(NULL, 3, (uint64_t)-8, WEIR_REJECT_FULL);
    CHECK(refused() == before);
}
CHILD_TEST(refuses_impossible_numbers)

/* Each message stands in one measured wait: none is left out, and none is in two. What the last gap has not ended yet
 * is the only difference. */
static void check_waits(struct weir_channel *ring, enum weir_latency latency)
{
    uint64_t sent = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t n = i % 7 == 0 ? 1 + i % 1000 : 1 + i % 64;
        weir_ticket ticket = weir_channel_send_n(ring, n, 8 * n);
        weir_channel_receive_n(ring, ticket, n, 8 * n);
        sent += n;
    }
    uint64_t measured = number(WI_CHANNEL_WAIT);
    CHECK(number(WI_CHANNEL_RECEIVED) == sent && number(WI_CHANNEL_QUEUED_BYTES) == 0);
    if (latency == WEIR_LATENCY_OFF) {
        CHECK(measured == 0);
    } else if (latency == WEIR_LATENCY_FULL) {
        CHECK(measured == sent);
    } else {
        CHECK(measured <= sent && measured + 1024 > sent);
    }
}

static void measures_every_message_once(const char *dir)
{
    (void)dir;
    each(check_waits);
}
CHILD_TEST(measures_every_message_once)

/* A gap of single sends is gone on with by batches, and the other way round. */
static void mixes_with_single_sends(const char *dir)
{
    (void)dir;
    struct weir_channel *ring = start(WEIR_LATENCY_SAMPLED, WEIR_STORAGE_SHARD, false);
    uint64_t sent = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t n = i % 3 ? 1 : 1 + i % 16;
        weir_ticket ticket =
            i % 3 ? weir_channel_send(ring, 8) : weir_channel_send_n(ring, n, 8 * n);
        if (i % 2) {
            weir_channel_receive_n(ring, ticket, n, 8 * n);
        } else {
            for (uint64_t k = 0; k < n; k++) {
                weir_channel_receive(ring, k ? 0 : ticket, 8);
            }
        }
        sent += n;
    }
    uint64_t measured = number(WI_CHANNEL_WAIT);
    CHECK(number(WI_CHANNEL_SENT) == sent && number(WI_CHANNEL_DEPTH) == 0);
    CHECK(measured <= sent && measured + 1024 > sent);
    wi_process_view_close(view);
}
CHILD_TEST(mixes_with_single_sends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_refuses_impossible_numbers),
        cmocka_unit_test(test_measures_every_message_once),
        cmocka_unit_test(test_mixes_with_single_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
