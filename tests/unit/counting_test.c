/* SPDX-License-Identifier: MIT */
/* Channels that count bytes, that are observed instead of counted, and that are not empty when they are opened. */
/* ctest: folders=agent/src/hook,agent/src/snapshot */
#include "child.h"
#include "hook/cpu.h"
#include "segment/retired.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wi_process_view *view;
static uint64_t now;
static struct weir_error error;

static const struct wi_row *look(void)
{
    CHECK(wi_process_view_refresh(view, now += UINT64_C(1000000000), &error) == WEIR_OK);
    return wi_process_view_row(view, WI_CHANNEL, 0);
}

static const struct wi_value *value(int metric)
{
    return &look()->value[metric];
}

static uint64_t number(int metric)
{
    const struct wi_value *found = value(metric);
    CHECK(found->type == WI_U64);
    return found->u.u64;
}

static bool is_absent(int metric)
{
    return value(metric)->type == WI_ABSENT;
}

static struct weir_health health(void)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    return health;
}

static struct weir_channel_options in_bytes(uint64_t capacity)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("buffer", capacity);
    options.unit = WEIR_UNIT_BYTES;
    options.latency = WEIR_LATENCY_OFF;
    return options;
}

/* Counts in the cells of a processor, in a shard, which the thread then keeps, or in the shared words. */
enum place { IN_CPU_CELLS, IN_SHARD, IN_SHARED_WORDS, N_PLACES };

static struct weir_channel *start(const struct weir_channel_options *options, enum place place)
{
    struct weir_channel_options asked = *options;
    asked.storage = place == IN_SHARED_WORDS ? WEIR_STORAGE_SHARED : WEIR_STORAGE_SHARD;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    wi_store_relaxed(&wi_index.n_left, place == IN_CPU_CELLS ? 0 : 16);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    return weir_channel_open(&asked);
}

static void finish(struct weir_channel *channel)
{
    weir_channel_close(channel);
    wi_process_view_close(view);
    weir_stop();
}

/* ---- bytes -------------------------------------------------------------------------------------- */

/* Without restartable sequences a thread that has no shard counts in the shared words of a channel that has cells, and
 * looks for no peak: then the peak is that of the readings. */
static bool sees_peaks(enum place place)
{
    return place != IN_CPU_CELLS || wi_cpu_is_any();
}

static void check_bytes(struct weir_channel *buffer, enum place place)
{
    weir_channel_bytes(buffer, 1000, 0);
    weir_channel_bytes(buffer, 24, 300);
    CHECK(number(WI_CHANNEL_DEPTH) == 724 && number(WI_CHANNEL_QUEUED_BYTES) == 724);
    CHECK(number(WI_CHANNEL_SENT) == 1024 && number(WI_CHANNEL_RECEIVED) == 300);
    CHECK(number(WI_CHANNEL_CAPACITY) == 4096 && number(WI_CHANNEL_DISCARDED) == 0);
    CHECK(strcmp(value(WI_CHANNEL_UNIT)->u.text, "bytes") == 0);
    weir_channel_bytes(buffer, 0, 724);
    CHECK(number(WI_CHANNEL_DEPTH) == 0);
    CHECK(number(WI_CHANNEL_HIGH_WATER) == (sees_peaks(place) ? 1024 : 724));
    weir_channel_bytes(buffer, 500, 0);
    look();
    CHECK(value(WI_CHANNEL_IN_RATE)->u.f64 == 0 && number(WI_CHANNEL_DEPTH) == 500);
    weir_channel_discard(buffer, 3, 100, WEIR_DISCARD_CLOSED);
    CHECK(number(WI_CHANNEL_DISCARDED) == 100 && number(WI_CHANNEL_DISCARDED_CLOSED) == 100);
    CHECK(number(WI_CHANNEL_RECEIVED) == 1024 && number(WI_CHANNEL_DEPTH) == 400);
    weir_channel_unsend_n(buffer, 1, 150, WEIR_REJECT_FULL);
    CHECK(number(WI_CHANNEL_SENT) == 1374 && number(WI_CHANNEL_DEPTH) == 250);
    CHECK(number(WI_CHANNEL_RECEIVED) == 1024 && number(WI_CHANNEL_REJECTS_FULL) == 1);
    CHECK(number(WI_CHANNEL_SENT) ==
          number(WI_CHANNEL_RECEIVED) + number(WI_CHANNEL_DISCARDED) + number(WI_CHANNEL_DEPTH));
}

static void counts_bytes(const char *dir)
{
    (void)dir;
    const struct weir_channel_options options = in_bytes(4096);
    for (int place = 0; place < N_PLACES; place++) {
        struct weir_channel *buffer = start(&options, (enum place)place);
        check_bytes(buffer, (enum place)place);
        CHECK(place == IN_SHARED_WORDS || (place == IN_SHARD) == (weir_self.shard != 0));
        finish(buffer);
    }
}
CHILD_TEST(counts_bytes)

/* The hooks of messages count their bytes in it; weir_channel_bytes counts no messages. */
static void units_do_not_mix(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = in_bytes(WEIR_UNBOUNDED);
    options.latency = WEIR_LATENCY_FULL;
    struct weir_channel *buffer = start(&options, IN_SHARD);
    weir_ticket ticket = weir_channel_send(buffer, 200);
    weir_channel_send_n(buffer, 2, 50);
    CHECK(number(WI_CHANNEL_DEPTH) == 250 && number(WI_CHANNEL_SENT) == 250);
    weir_channel_receive(buffer, ticket, 200);
    CHECK(number(WI_CHANNEL_DEPTH) == 50 && number(WI_CHANNEL_WAIT) == 1);
    finish(buffer);
    struct weir_channel_options messages = WEIR_CHANNEL_INIT("messages", 10);
    struct weir_channel *channel = start(&messages, IN_SHARD);
    weir_channel_send(channel, 100);
    weir_channel_bytes(channel, 30, 10);
    CHECK(number(WI_CHANNEL_DEPTH) == 1 && number(WI_CHANNEL_QUEUED_BYTES) == 120);
    CHECK(strcmp(value(WI_CHANNEL_UNIT)->u.text, "messages") == 0);
    finish(channel);
}
CHILD_TEST(units_do_not_mix)

static void impossible_bytes_count_nothing(const char *dir)
{
    (void)dir;
    const struct weir_channel_options options = in_bytes(4096);
    for (int place = 0; place < N_PLACES; place++) {
        struct weir_channel *buffer = start(&options, (enum place)place);
        uint64_t before = health().calls_refused;
        weir_channel_bytes(buffer, (uint64_t)-1, 0);
        weir_channel_bytes(buffer, 5, UINT64_C(1) << 63);
        weir_channel_bytes(buffer, 0, 0);
        CHECK(number(WI_CHANNEL_SENT) == 0 && health().calls_refused == before + 2);
        weir_channel_bytes(buffer, INT64_MAX, 0);
        CHECK(number(WI_CHANNEL_DEPTH) == INT64_MAX && health().calls_refused == before + 2);
        finish(buffer);
    }
    weir_channel_bytes(NULL, 1, (uint64_t)-1);
}
CHILD_TEST(impossible_bytes_count_nothing)

/* A peak between two readings is seen by the hooks, at the next bytes that leave. */
static void the_peak_of_bytes_is_kept(const char *dir)
{
    (void)dir;
    const struct weir_channel_options options = in_bytes(WEIR_UNBOUNDED);
    for (int place = 0; place < N_PLACES; place++) {
        struct weir_channel *buffer = start(&options, (enum place)place);
        for (int i = 0; i < 1000; i++) {
            weir_channel_bytes(buffer, 1000, 0);
        }
        for (int i = 0; i < 1000000 / 64; i++) {
            weir_channel_bytes(buffer, 0, 64);
        }
        CHECK(number(WI_CHANNEL_DEPTH) == 0 && number(WI_CHANNEL_HIGH_WATER) <= 1000000);
        CHECK(!sees_peaks((enum place)place) || number(WI_CHANNEL_HIGH_WATER) >= 937500);
        finish(buffer);
    }
}
CHILD_TEST(the_peak_of_bytes_is_kept)

/* ---- observed ----------------------------------------------------------------------------------- */

static const int counted_metrics[] = {WI_CHANNEL_SENT,      WI_CHANNEL_RECEIVED,
                                      WI_CHANNEL_DISCARDED, WI_CHANNEL_DISCARDED_CLOSED,
                                      WI_CHANNEL_IN_RATE,   WI_CHANNEL_OUT_RATE};

static void shows_the_observed_depth(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = WEIR_CHANNEL_INIT("inbox", 100);
    struct weir_channel *inbox = start(&options, IN_SHARD);
    weir_channel_observe(inbox, 40, 4000);
    CHECK(number(WI_CHANNEL_DEPTH) == 40 && number(WI_CHANNEL_QUEUED_BYTES) == 4000);
    weir_channel_observe(inbox, 70, 0);
    weir_channel_observe(inbox, 25, 2500);
    CHECK(number(WI_CHANNEL_DEPTH) == 25 && number(WI_CHANNEL_HIGH_WATER) == 70);
    CHECK(value(WI_CHANNEL_FILL)->u.f64 == 0.25 && number(WI_CHANNEL_QUEUED_BYTES) == 2500);
    CHECK(strcmp(value(WI_CHANNEL_COUNTING)->u.text, "observed") == 0);
    for (size_t i = 0; i < sizeof(counted_metrics) / sizeof(counted_metrics[0]); i++) {
        CHECK(is_absent(counted_metrics[i]));
    }
    weir_channel_reject(inbox, WEIR_REJECT_FULL);
    CHECK(number(WI_CHANNEL_REJECTS_FULL) == 1);
    weir_channel_observe(inbox, 0, 0);
    CHECK(number(WI_CHANNEL_DEPTH) == 0);
    finish(inbox);
}
CHILD_TEST(shows_the_observed_depth)

static void an_observed_depth_may_be_bytes(const char *dir)
{
    (void)dir;
    const struct weir_channel_options options = in_bytes(65536);
    struct weir_channel *socket = start(&options, IN_SHARD);
    weir_channel_observe(socket, 30000, 7);
    CHECK(number(WI_CHANNEL_DEPTH) == 30000 && number(WI_CHANNEL_QUEUED_BYTES) == 30000);
    CHECK(strcmp(value(WI_CHANNEL_UNIT)->u.text, "bytes") == 0);
    finish(socket);
}
CHILD_TEST(an_observed_depth_may_be_bytes)

/* The oldest message is at most as old as the last moment whose whole depth has left since. */
static void the_age_of_an_observed_queue_is_bounded(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = WEIR_CHANNEL_INIT("inbox", WEIR_UNBOUNDED);
    struct weir_channel *inbox = start(&options, IN_SHARD);
    weir_channel_observe(inbox, 0, 0);
    look();
    for (int i = 0; i < 5; i++) {
        weir_channel_observe(inbox, 10, 0);
        look();
    }
    double age = value(WI_CHANNEL_OLDEST_AGE)->u.f64;
    CHECK(age >= 4 && age <= 7);
    weir_channel_observe(inbox, 2, 0); /* eight have left: the two may be of the ten */
    CHECK(value(WI_CHANNEL_OLDEST_AGE)->u.f64 >= 5);
    weir_channel_observe(inbox, 12, 0);
    look();
    weir_channel_observe(inbox, 3, 0); /* all of the ten have left */
    look();
    age = value(WI_CHANNEL_OLDEST_AGE)->u.f64;
    CHECK(age > 0 && age <= 4);
    weir_channel_observe(inbox, 0, 0);
    CHECK(value(WI_CHANNEL_OLDEST_AGE)->u.f64 == 0);
    finish(inbox);
}
CHILD_TEST(the_age_of_an_observed_queue_is_bounded)

/* A call that mixes the two does nothing and is counted, wherever the thread's counts are. */
static void counting_and_observing_do_not_mix(const char *dir)
{
    (void)dir;
    const struct weir_channel_options options = WEIR_CHANNEL_INIT("inbox", 100);
    for (int place = 0; place < N_PLACES; place++) {
        struct weir_channel *channel = start(&options, (enum place)place);
        uint64_t before = health().calls_mixed;
        weir_channel_send(channel, 8);
        weir_channel_observe(channel, 50, 500);
        CHECK(number(WI_CHANNEL_DEPTH) == 1 && health().calls_mixed == before + 1);
        finish(channel);
        channel = start(&options, (enum place)place);
        before = health().calls_mixed;
        weir_channel_observe(channel, 50, 500);
        CHECK(weir_channel_send(channel, 8) == 0);
        CHECK(weir_channel_send_n(channel, 4, 8) == 0);
        weir_channel_bytes(channel, 9, 9);
        weir_channel_receive(channel, 0, 8);
        weir_channel_receive_n(channel, 0, 4, 8);
        weir_channel_unsend(channel, 8, WEIR_REJECT_FULL);
        weir_channel_discard(channel, 1, 8, WEIR_DISCARD_CLOSED);
        CHECK(health().calls_mixed == before + 7 && number(WI_CHANNEL_REJECTS) == 0);
        CHECK(number(WI_CHANNEL_DEPTH) == 50 && number(WI_CHANNEL_QUEUED_BYTES) == 500);
        CHECK(wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_CALLS_MIXED].u.u64 ==
              before + 7);
        finish(channel);
    }
}
CHILD_TEST(counting_and_observing_do_not_mix)

static void an_impossible_depth_is_refused(const char *dir)
{
    (void)dir;
    const struct weir_channel_options options = WEIR_CHANNEL_INIT("inbox", 100);
    struct weir_channel *channel = start(&options, IN_SHARD);
    uint64_t before = health().calls_refused;
    weir_channel_observe(channel, (uint64_t)-1, 0);
    weir_channel_observe(channel, 1, UINT64_C(1) << 63);
    CHECK(number(WI_CHANNEL_DEPTH) == 0 && health().calls_refused == before + 2);
    weir_channel_send(channel, 1);
    CHECK(number(WI_CHANNEL_DEPTH) == 1); /* it is counted: nothing was observed */
    weir_channel_observe(NULL, 1, (uint64_t)-1);
    finish(channel);
}
CHILD_TEST(an_impossible_depth_is_refused)

/* Its slot is used again by a channel that is counted. */
static void the_next_handle_is_counted(const char *dir)
{
    (void)dir;
    const struct weir_channel_options options = WEIR_CHANNEL_INIT("inbox", 100);
    struct weir_channel *channel = start(&options, IN_SHARD);
    weir_channel_observe(channel, 50, 500);
    look();
    weir_channel_close(channel);
    channel = weir_channel_open(&options);
    weir_channel_send(channel, 8);
    CHECK(number(WI_CHANNEL_DEPTH) == 1 && number(WI_CHANNEL_SENT) == 1);
    CHECK(number(WI_CHANNEL_HIGH_WATER) == 1 && number(WI_CHANNEL_QUEUED_BYTES) == 8);
    finish(channel);
}
CHILD_TEST(the_next_handle_is_counted)

/* ---- not empty at the start --------------------------------------------------------------------- */

static void begins_with_what_is_queued(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = WEIR_CHANNEL_INIT("jobs", 1000);
    options.initial = 300;
    options.initial_bytes = 6000;
    struct weir_channel *jobs = start(&options, IN_SHARD);
    CHECK(number(WI_CHANNEL_DEPTH) == 300 && number(WI_CHANNEL_QUEUED_BYTES) == 6000);
    weir_channel_receive(jobs, 0, 20);
    CHECK(number(WI_CHANNEL_DEPTH) == 299 && number(WI_CHANNEL_HIGH_WATER) == 300);
    CHECK(number(WI_CHANNEL_SENT) == 300 && number(WI_CHANNEL_RECEIVED) == 1);
    weir_channel_observe(jobs, 5, 5);
    CHECK(number(WI_CHANNEL_DEPTH) == 299 && health().calls_mixed == 1);
    finish(jobs);
    options = in_bytes(4096);
    options.initial = 1000;
    options.initial_bytes = 77;
    struct weir_channel *buffer = start(&options, IN_SHARD);
    CHECK(number(WI_CHANNEL_DEPTH) == 1000 && number(WI_CHANNEL_HIGH_WATER) == 1000);
    finish(buffer);
    options.initial = UINT64_C(1) << 63;
    buffer = start(&options, IN_SHARD);
    CHECK(number(WI_CHANNEL_DEPTH) == 0 && health().calls_refused == 1);
    finish(buffer);
}
CHILD_TEST(begins_with_what_is_queued)

/* ---- totals, before the start, and after a fork ------------------------------------------------- */

static const struct wi_row *retired(const char *name, bool is_bytes)
{
    for (size_t i = 0; i < wi_process_view_n_retired(view); i++) {
        enum wi_kind kind;
        const struct wi_row *row = wi_process_view_retired(view, i, &kind);
        if (row && kind == WI_CHANNEL && strcmp(row->name, name) == 0) {
            return is_bytes ? wi_process_view_retired_bytes(view, i) : row;
        }
    }
    return NULL;
}

static void open_and_close(const struct weir_channel_options *options, uint64_t in, uint64_t out)
{
    struct weir_channel *channel = weir_channel_open(options);
    if (options->unit == WEIR_UNIT_BYTES) {
        weir_channel_bytes(channel, in, out);
        weir_channel_discard(channel, 1, 1, WEIR_DISCARD_EXPIRED);
    } else {
        weir_channel_send_n(channel, in, 10 * in);
        weir_channel_receive_n(channel, 0, out, 10 * out);
    }
    weir_channel_close(channel);
}

/* Closed channels of one name and of two units, in their slots and once these are used again: what they held at the
 * end is dropped, what they held from the start counts as sent, and one that was observed has counted nothing. */
static void closed_channels_keep_their_unit(const char *dir)
{
    (void)dir;
    struct weir_channel_options messages = WEIR_CHANNEL_INIT("buffer", 100);
    struct weir_channel_options bytes = in_bytes(4096);
    messages.initial = 5;
    bytes.initial = 50;
    struct weir_channel *kept = start(&messages, IN_SHARD);
    for (uint64_t i = 1; i <= 3; i++) {
        open_and_close(&messages, 10, 8);
        open_and_close(&bytes, 1000, 600);
        struct weir_channel_options other = WEIR_CHANNEL_INIT("buffer", 100);
        struct weir_channel *observed = weir_channel_open(&other);
        weir_channel_observe(observed, 90, 0);
        look();
        weir_channel_close(observed);
        look();
        const struct wi_row *row = retired("buffer", false);
        CHECK(row->value[WI_CHANNEL_SENT].u.u64 == 15 * i);
        CHECK(row->value[WI_CHANNEL_RECEIVED].u.u64 == 8 * i);
        row = retired("buffer", true);
        CHECK(row->value[WI_CHANNEL_SENT].u.u64 == 1050 * i);
        CHECK(row->value[WI_CHANNEL_RECEIVED].u.u64 == 600 * i);
        CHECK(row->value[WI_CHANNEL_DISCARDED_EXPIRED].u.u64 == i);
    }
    finish(kept);
}
CHILD_TEST(closed_channels_keep_their_unit)

static void counts_before_the_start(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = in_bytes(4096);
    options.initial = 100;
    struct weir_channel *buffer = weir_channel_open(&options);
    struct weir_channel_options other = WEIR_CHANNEL_INIT("inbox", 100);
    struct weir_channel *inbox = weir_channel_open(&other);
    weir_channel_bytes(buffer, 20, 10);
    weir_channel_observe(inbox, 33, 330);
    weir_channel_send(inbox, 8);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(number(WI_CHANNEL_DEPTH) == 110 && number(WI_CHANNEL_HIGH_WATER) == 120);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 1);
    CHECK(row->value[WI_CHANNEL_DEPTH].u.u64 == 33 &&
          row->value[WI_CHANNEL_SENT].type == WI_ABSENT);
    weir_channel_send(inbox, 8);
    weir_channel_observe(inbox, 34, 340);
    look();
    row = wi_process_view_row(view, WI_CHANNEL, 1);
    CHECK(row->value[WI_CHANNEL_DEPTH].u.u64 == 34 && health().calls_mixed == 1);
    CHECK(row->value[WI_CHANNEL_QUEUED_BYTES].u.u64 == 340);
}
CHILD_TEST(counts_before_the_start)

/* A child begins at 0, and its channels are what they were: in bytes, observed. */
static void a_child_keeps_the_unit(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = in_bytes(4096);
    options.initial = 100;
    struct weir_channel *buffer = start(&options, IN_SHARD);
    struct weir_channel_options other = WEIR_CHANNEL_INIT("inbox", 100);
    struct weir_channel *inbox = weir_channel_open(&other);
    weir_channel_observe(inbox, 33, 330);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
        CHECK(number(WI_CHANNEL_DEPTH) == 0);
        weir_channel_bytes(buffer, 7, 0);
        weir_channel_send(inbox, 8);
        CHECK(number(WI_CHANNEL_DEPTH) == 7 && health().calls_mixed == 1);
        weir_channel_observe(inbox, 12, 0);
        look();
        CHECK(wi_process_view_row(view, WI_CHANNEL, 1)->value[WI_CHANNEL_DEPTH].u.u64 == 12);
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(number(WI_CHANNEL_DEPTH) == 100);
    finish(buffer);
}
CHILD_TEST(a_child_keeps_the_unit)

static void names_a_place_that_is_no_line_of_c(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = WEIR_CHANNEL_INIT("jobs", 10);
    options.source_text = "plugins/ai.lua:12";
    struct weir_channel *jobs = start(&options, IN_SHARD);
    CHECK(strcmp(value(WI_CHANNEL_SOURCE)->u.text, "plugins/ai.lua:12") == 0);
    finish(jobs);
    options.source_text = "";
    jobs = start(&options, IN_SHARD);
    CHECK(strncmp(value(WI_CHANNEL_SOURCE)->u.text, "counting_test.c:", 16) == 0);
    finish(jobs);
}
CHILD_TEST(names_a_place_that_is_no_line_of_c)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_bytes),
        cmocka_unit_test(test_units_do_not_mix),
        cmocka_unit_test(test_impossible_bytes_count_nothing),
        cmocka_unit_test(test_the_peak_of_bytes_is_kept),
        cmocka_unit_test(test_shows_the_observed_depth),
        cmocka_unit_test(test_an_observed_depth_may_be_bytes),
        cmocka_unit_test(test_the_age_of_an_observed_queue_is_bounded),
        cmocka_unit_test(test_counting_and_observing_do_not_mix),
        cmocka_unit_test(test_an_impossible_depth_is_refused),
        cmocka_unit_test(test_the_next_handle_is_counted),
        cmocka_unit_test(test_begins_with_what_is_queued),
        cmocka_unit_test(test_closed_channels_keep_their_unit),
        cmocka_unit_test(test_counts_before_the_start),
        cmocka_unit_test(test_a_child_keeps_the_unit),
        cmocka_unit_test(test_names_a_place_that_is_no_line_of_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
