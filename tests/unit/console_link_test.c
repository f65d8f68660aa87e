/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment */
/*
 * A link over an exporter of its own: the console's whole way, from call to messages, with a process view
 * that the test has set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "offered_view.h"
#include "link/link.h"
#include "weir/nanos.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TEST_DEADLINE_NANOS UINT64_C(20000000000)
#define TEST_POLL_MILLIS    100

static const struct wc_target target = {.path = "/nowhere/1-1.weir"};

static struct wc_link *open_link(unsigned n_channels)
{
    struct wc_link *link = NULL;
    struct wc_error error = {0};
    struct wi_process_view *view = fake_view_create("game");
    for (unsigned i = 0; i < n_channels; i++) {
        char name[32];
        snprintf(name, sizeof(name), "channel%u", i);
        fake_view_add_channel(view, name, 10 + i, 10, UINT64_MAX);
    }
    offer_view(view);
    if (wc_link_open(&target, &link, &error) != WC_OK) {
        fail_msg("%s", error.text);
    }
    return link;
}

/* Steps until an update comes. */
static Weir__V1__Update *next_update(struct wc_link *link)
{
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    struct wc_error error = {0};
    while (wi_nanos(CLOCK_MONOTONIC) < end) {
        if (wc_link_step(link, &error) != WC_OK) {
            fail_msg("%s", error.text);
        }
        Weir__V1__Update *update = wc_link_take_update(link);
        if (update) {
            return update;
        }
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, TEST_POLL_MILLIS);
    }
    fail_msg("no update came");
    return NULL;
}

static void watch_channels(struct wc_link *link, const char *filter)
{
    uint32_t column = (uint32_t)wc_link_metric(link, WEIR__V1__KIND__KIND_CHANNEL, "depth");
    Weir__V1__Query query = WEIR__V1__QUERY__INIT;
    Weir__V1__Query *queries[] = {&query};
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    query.kind = WEIR__V1__KIND__KIND_CHANNEL;
    query.columns = &column;
    query.n_columns = 1;
    query.filter = (char *)(uintptr_t)filter;
    request.queries = queries;
    request.n_queries = 1;
    request.interval_millis = 100;
    assert_int_equal(wc_link_watch(link, &request, NULL), WC_OK);
}

static void target_learns_from_the_description(void **state)
{
    (void)state;
    struct wc_link *link = open_link(1);

    assert_string_equal(wc_link_target(link)->name, "game");
    assert_int_equal(wc_link_target(link)->pid, 4821);
    assert_int_equal(wc_link_target(link)->state, WI_STATE_RUNNING);
    assert_true(wc_link_is_own(link));
    assert_int_equal(wc_link_description(link)->protocol, 1);
    assert_true(wc_link_metric(link, WEIR__V1__KIND__KIND_CHANNEL, "depth") == WI_CHANNEL_DEPTH);
    assert_int_equal(wc_link_metric(link, WEIR__V1__KIND__KIND_CHANNEL, "nonsense"), -1);
    wc_link_close(link);
}

static void watch_goes_on_until_it_is_replaced(void **state)
{
    (void)state;
    struct wc_link *link = open_link(3);

    watch_channels(link, "channel1");
    for (int i = 0; i < 3; i++) {
        Weir__V1__Update *update = next_update(link);
        assert_int_equal(update->tables[0]->n_rows, 1);
        assert_string_equal(update->tables[0]->rows[0]->name, "channel1");
        assert_int_equal(update->tables[0]->rows[0]->values[0]->u64, 1);
        weir__v1__update__free_unpacked(update, NULL);
    }
    for (int i = 0; i < 50; i++) {
        watch_channels(link, i % 2 ? "channel2" : "channel0");
    }
    Weir__V1__Update *update = next_update(link);

    assert_string_equal(update->tables[0]->rows[0]->name, "channel2");
    weir__v1__update__free_unpacked(update, NULL);
    wc_link_close(link);
}

static void messages_of_one_sort_are_not_taken_for_another(void **state)
{
    (void)state;
    struct wc_link *link = open_link(1);

    watch_channels(link, "");
    assert_null(wc_link_take_lines(link));
    weir__v1__update__free_unpacked(next_update(link), NULL);
    assert_null(wc_link_take_lines(link));
    wc_link_close(link);
}

static void snapshot_is_complete_only_when_all_is_taken(void **state)
{
    (void)state;
    struct wc_link *link = open_link(5);
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;

    assert_int_equal(wc_link_snapshot(link, &request, NULL), WC_OK);
    assert_false(wc_link_is_complete(link));
    size_t n_rows = 0;
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    while (!wc_link_is_complete(link) && wi_nanos(CLOCK_MONOTONIC) < end) {
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, TEST_POLL_MILLIS);
        assert_int_equal(wc_link_step(link, NULL), WC_OK);
        Weir__V1__Update *update = wc_link_take_update(link);
        for (size_t i = 0; update && i < update->n_tables; i++) {
            n_rows += update->tables[i]->kind == WEIR__V1__KIND__KIND_CHANNEL
                          ? update->tables[i]->n_rows
                          : 0;
        }
        if (update) {
            weir__v1__update__free_unpacked(update, NULL);
        }
    }

    assert_true(wc_link_is_complete(link));
    assert_int_equal(n_rows, 5);
    assert_int_equal(wc_link_step(link, NULL), WC_OK);
    wc_link_close(link);
}

static void refused_stream_leaves_the_link_of_use(void **state)
{
    (void)state;
    struct wc_link *link = open_link(1);
    static char topic[] = "tokio/channel/size";
    char *topics[] = {topic};
    Weir__V1__SubscribeRequest request = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    request.topics = topics;
    request.n_topics = 1;
    struct wc_error error = {0};

    assert_int_equal(wc_link_subscribe(link, &request, NULL), WC_OK);
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    while (wc_link_step(link, &error) == WC_OK && wi_nanos(CLOCK_MONOTONIC) < end) {
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, TEST_POLL_MILLIS);
    }

    assert_int_equal(error.code, WC_USAGE);
    assert_non_null(strstr(error.text, "game/channel/size"));
    assert_int_equal(wc_link_step(link, NULL), WC_USAGE);
    watch_channels(link, "");
    weir__v1__update__free_unpacked(next_update(link), NULL);
    wc_link_close(link);
}

static void messages_that_nobody_takes_stop_the_reading(void **state)
{
    (void)state;
    struct wc_link *link = open_link(1);

    watch_channels(link, "");
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    while ((wc_link_events(link) & POLLIN) && wi_nanos(CLOCK_MONOTONIC) < end) {
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, TEST_POLL_MILLIS);
        assert_int_equal(wc_link_step(link, NULL), WC_OK);
    }

    assert_int_equal(wc_link_events(link) & POLLIN, 0);
    weir__v1__update__free_unpacked(next_update(link), NULL);
    assert_int_not_equal(wc_link_events(link) & POLLIN, 0);
    wc_link_close(link);
}

static void dead_process_is_told_as_dead(void **state)
{
    (void)state;
    struct wc_link *link = NULL;
    struct wi_process_view *view = fake_view_create("game");
    fake_view_set_state(view, WI_STATE_DEAD);
    offer_view(view);

    assert_int_equal(wc_link_open(&target, &link, NULL), WC_OK);

    assert_int_equal(wc_link_target(link)->state, WI_STATE_DEAD);
    assert_non_null(strstr(wc_link_notice(link), "last numbers"));
    wc_link_close(link);
}

static void segment_that_cannot_be_opened_is_no_target(void **state)
{
    (void)state;
    struct wc_link *link = NULL;
    struct wc_error error = {0};

    assert_int_equal(wc_link_open(&target, &link, &error), WC_NO_TARGET);

    assert_null(link);
    assert_true(error.text[0] != '\0');
    wc_link_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_learns_from_the_description),
        cmocka_unit_test(watch_goes_on_until_it_is_replaced),
        cmocka_unit_test(messages_of_one_sort_are_not_taken_for_another),
        cmocka_unit_test(snapshot_is_complete_only_when_all_is_taken),
        cmocka_unit_test(refused_stream_leaves_the_link_of_use),
        cmocka_unit_test(messages_that_nobody_takes_stop_the_reading),
        cmocka_unit_test(dead_process_is_told_as_dead),
        cmocka_unit_test(segment_that_cannot_be_opened_is_no_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
