/* SPDX-License-Identifier: MIT */
/*
 * Files that earlier versions wrote (tests/data): their numbers are those that the program which made them
 * had counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "record/reader.h"
#include "snapshot/history.h"
#include "snapshot/process_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char dir[] = "/tmp/weir-earlier-XXXXXX";
static struct wi_process_view *view;

static void unpack(const char *name, const char *as)
{
    static unsigned char block[65536];
    char path[512];
    int n;
    snprintf(path, sizeof(path), "%s/tests/data/layout-2/%s", getenv("WEIR_SOURCE"), name);
    gzFile packed = gzopen(path, "rb");
    snprintf(path, sizeof(path), "%s/%s", dir, as);
    FILE *file = fopen(path, "wb");
    assert_non_null(packed);
    assert_non_null(file);
    while ((n = gzread(packed, block, sizeof(block))) > 0) {
        assert_int_equal(fwrite(block, 1, (size_t)n, file), n);
    }
    assert_int_equal(n, 0);
    gzclose(packed);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    char path[512];
    assert_non_null(mkdtemp(dir));
    unpack("process.weir.gz", "1-1.weir");
    unpack("process.history.gz", "1-1.history");
    snprintf(path, sizeof(path), "%s/1-1.weir", dir);
    assert_int_equal(wi_process_view_open_file(path, &view, NULL), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 1, NULL), WEIR_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"1-1.weir", "1-1.history"};
    char path[512];
    wi_process_view_close(view);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
    return 0;
}

/* The n-th row of a name. */
static const struct wi_row *row_of(enum wi_kind kind, const char *name, unsigned n)
{
    for (size_t i = 0; i < wi_process_view_count(view, kind); i++) {
        const struct wi_row *row = wi_process_view_row(view, kind, i);
        if (strcmp(row->name, name) == 0 && n-- == 0) {
            return row;
        }
    }
    return NULL;
}

struct known {
    int metric;
    double number;
};

static void has(enum wi_kind kind, const char *name, unsigned n, const struct known *known,
                size_t n_known)
{
    const struct wi_row *row = row_of(kind, name, n);
    assert_non_null(row);
    for (size_t i = 0; i < n_known; i++) {
        double number = wi_value_number(&row->value[known[i].metric], -1);
        if (number != known[i].number) {
            fail_msg("%s: metric %d is %g and not %g", name, known[i].metric, number,
                     known[i].number);
        }
    }
}

#define HAS(kind, name, n, ...)                                                                    \
    do {                                                                                           \
        static const struct known known[] = {__VA_ARGS__};                                         \
        has(kind, name, n, known, sizeof(known) / sizeof(known[0]));                               \
    } while (0)

static void channels_have_what_was_counted(void **state)
{
    (void)state;
    assert_int_equal(wi_process_view_count(view, WI_CHANNEL), 5);
    HAS(WI_CHANNEL, "orders", 0, {WI_CHANNEL_DEPTH, 89}, {WI_CHANNEL_CAPACITY, 100},
        {WI_CHANNEL_SENT, 999}, {WI_CHANNEL_RECEIVED, 900}, {WI_CHANNEL_DISCARDED, 10},
        {WI_CHANNEL_DISCARDED_OVERWRITE, 4}, {WI_CHANNEL_DISCARDED_CLOSED, 1},
        {WI_CHANNEL_DISCARDED_EXPIRED, 5}, {WI_CHANNEL_REJECTS, 11}, {WI_CHANNEL_REJECTS_FULL, 4},
        {WI_CHANNEL_REJECTS_CLOSED, 2}, {WI_CHANNEL_REJECTS_TIMEOUT, 1},
        {WI_CHANNEL_REJECTS_SHED, 4}, {WI_CHANNEL_QUEUED_BYTES, 890});
    HAS(WI_CHANNEL, "timed", 0, {WI_CHANNEL_SENT, 1000}, {WI_CHANNEL_RECEIVED, 1000},
        {WI_CHANNEL_WAIT, 1000}, {WI_CHANNEL_DEPTH, 0}, {WI_CHANNEL_QUEUED_BYTES, 0});
    HAS(WI_CHANNEL, "queue", 0, {WI_CHANNEL_SENT, 9}, {WI_CHANNEL_RECEIVED, 5},
        {WI_CHANNEL_SENDERS, 1}, {WI_CHANNEL_SENDERS_GONE, 1}, {WI_CHANNEL_ORPHANED, 2},
        {WI_CHANNEL_ORPHANED_BYTES, 16});
    HAS(WI_CHANNEL, "shared", 0, {WI_CHANNEL_SENT, 100}, {WI_CHANNEL_RECEIVED, 100});
    HAS(WI_CHANNEL, "shared", 1, {WI_CHANNEL_SENT, 200}, {WI_CHANNEL_RECEIVED, 200});
    assert_null(row_of(WI_CHANNEL, "shared", 2));
    assert_null(row_of(WI_CHANNEL, "closed", 0));
    assert_string_equal(row_of(WI_CHANNEL, "orders", 0)->value[WI_CHANNEL_FLAVOR].u.text, "mpsc");
    assert_int_equal(wi_process_view_count(view, WI_SENDER), 2);
    HAS(WI_SENDER, "a player", 0, {WI_SENDER_SENT, 3}, {WI_SENDER_LEFT, 1},
        {WI_SENDER_IN_FLIGHT, 2}, {WI_SENDER_IN_FLIGHT_BYTES, 16});
}

static void other_kinds_have_what_was_counted(void **state)
{
    (void)state;
    HAS(WI_SEMAPHORE, "slots", 0, {WI_SEMAPHORE_PERMITS, 8}, {WI_SEMAPHORE_AVAILABLE, 4},
        {WI_SEMAPHORE_ACQUIRES, 7}, {WI_SEMAPHORE_ACQUIRED, 14}, {WI_SEMAPHORE_RELEASED, 10},
        {WI_SEMAPHORE_WAITERS, 1}, {WI_SEMAPHORE_WAIT, 7}, {WI_SEMAPHORE_REJECTS, 6},
        {WI_SEMAPHORE_REJECTS_EXHAUSTED, 1}, {WI_SEMAPHORE_REJECTS_TIMEOUT, 2},
        {WI_SEMAPHORE_REJECTS_CLOSED, 3});
    HAS(WI_TASK, "handler", 0, {WI_TASK_SPAWNED, 23}, {WI_TASK_RUNS, 21}, {WI_TASK_FINISHED, 13},
        {WI_TASK_FINISHED_OK, 8}, {WI_TASK_FINISHED_ERROR, 3}, {WI_TASK_FINISHED_CANCELLED, 2},
        {WI_TASK_RUNNING, 3}, {WI_TASK_PENDING, 7}, {WI_TASK_POLLS, 6}, {WI_TASK_WAKES, 3},
        {WI_TASK_SINGLE_SCHEDULED, 2});
    assert_int_equal(wi_process_view_count(view, WI_TASK_INSTANCE), 3);
    HAS(WI_TASK_INSTANCE, "a connection", 0, {WI_TASK_INSTANCE_POLLS, 2},
        {WI_TASK_INSTANCE_WAKES, 1}, {WI_TASK_INSTANCE_POLL, 2});
    HAS(WI_LOOP, "network", 0, {WI_LOOP_ITERATIONS, 5}, {WI_LOOP_ITERATION, 5},
        {WI_LOOP_LATENESS, 5}, {WI_LOOP_LATENESS_MAX, 0.004}, {WI_LOOP_PERIOD, 0.02});
    HAS(WI_COUNTER, "hits", 0, {WI_COUNTER_VALUE, 24345});
    HAS(WI_GAUGE, "level", 0, {WI_GAUGE_VALUE, -7});
    HAS(WI_AGENT, "maker", 0, {WI_AGENT_HANDLES, 10}, {WI_AGENT_HANDLES_REFUSED, 0},
        {WI_AGENT_SENDERS_REFUSED, 0}, {WI_AGENT_SEGMENT_LIMIT, 1048576});
}

static void a_history_has_each_second_of_it(void **state)
{
    (void)state;
    const struct wi_history *history = wi_process_view_history(view);
    struct wi_history_row row;
    size_t n_rows = 0;
    assert_non_null(history);
    assert_string_equal(history->head.name, "maker");
    assert_int_equal(history->head.n_handles, 10);
    uint64_t first = history->head.first_nanos / wi_history_step_nanos(WI_HISTORY_SECONDS);
    for (uint64_t sequence = first; sequence < first + 10; sequence++) {
        if (!wi_history_row(history, WI_HISTORY_SECONDS, sequence, &row)) {
            continue;
        }
        n_rows++;
        assert_int_equal(row.facts[WI_HISTORY_REJECTS], 17);
        for (size_t t = 0; t < WI_HISTORY_TRACKS; t++) {
            const struct wi_history_track *track = &history->head.tracks[t];
            if (track->generation && strcmp(track->name, "orders") == 0) {
                static const uint64_t orders[] = {999, 910, 890, 11};
                assert_memory_equal(row.tracks[t], orders, sizeof(orders));
            } else if (track->generation && strcmp(track->name, "hits") == 0) {
                assert_int_equal(row.tracks[t][0], 24345);
            } else if (track->generation && strcmp(track->name, "slots") == 0) {
                static const uint64_t slots[] = {7, 6, 4, 8};
                assert_memory_equal(row.tracks[t], slots, sizeof(slots));
            } else if (track->generation && strcmp(track->name, "handler") == 0) {
                static const uint64_t handler[] = {23, 13, 21, 18};
                assert_memory_equal(row.tracks[t], handler, sizeof(handler));
            }
        }
    }
    assert_in_range(n_rows, 4, 6);
}

static void a_recording_has_all_its_looks(void **state)
{
    (void)state;
    char path[512];
    struct wc_reader *reader;
    struct wc_error error = {0};
    snprintf(path, sizeof(path), "%s/tests/data/layout-2/recording.weirrec", getenv("WEIR_SOURCE"));
    assert_int_equal(wc_reader_open(path, &reader, &error), WC_OK);
    assert_int_equal(wc_reader_looks(reader), 5);
    assert_string_equal(wc_reader_notice(reader), "");
    assert_true(wc_reader_n_series(reader) > 0);
    wc_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_have_what_was_counted),
        cmocka_unit_test(other_kinds_have_what_was_counted),
        cmocka_unit_test(a_history_has_each_second_of_it),
        cmocka_unit_test(a_recording_has_all_its_looks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
