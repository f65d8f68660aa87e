/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/finding */
/* Findings about senders: one that stands still while others flow, and one that holds a large share of the queue. */
#include "judged.h"
#include "weir/warning.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define N 6

static struct wi_row *channel, *senders[N];
static uint64_t sent[N], left[N];

static void channel_add(const char *party)
{
    channel = fake_view_add_channel(view, "fanout", 0, 0, UINT64_MAX);
    fake_view_set_text(view, channel, WI_CHANNEL_PARTY, party);
    fake_view_set_u64(channel, WI_CHANNEL_SENDERS, N);
    for (size_t i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), "client-%zu", i);
        senders[i] = fake_view_add(view, WI_SENDER, name);
        fake_view_set_text(view, senders[i], WI_SENDER_STATE, "open");
        fake_view_set_u64(senders[i], WI_SENDER_CHANNEL_ID, channel->id);
        sent[i] = left[i] = 0;
    }
}

/* A second passes with the counts as they are. */
static void look_now(void)
{
    uint64_t all_sent = 0, all_left = 0;
    for (size_t i = 0; i < N; i++) {
        fake_view_set_u64(senders[i], WI_SENDER_SENT, sent[i]);
        fake_view_set_u64(senders[i], WI_SENDER_LEFT, left[i]);
        fake_view_set_u64(senders[i], WI_SENDER_IN_FLIGHT, sent[i] - left[i]);
        fake_view_set_u64(senders[i], WI_SENDER_IN_FLIGHT_BYTES, 100 * (sent[i] - left[i]));
        all_sent += sent[i];
        all_left += left[i];
    }
    fake_view_set_u64(channel, WI_CHANNEL_SENT, all_sent);
    fake_view_set_u64(channel, WI_CHANNEL_RECEIVED, all_left);
    fake_view_set_u64(channel, WI_CHANNEL_DEPTH, all_sent - all_left);
    fake_view_set_u64(channel, WI_CHANNEL_QUEUED_BYTES, 100 * (all_sent - all_left));
    look();
}

static const char *text(const char *kind, int metric)
{
    const struct wi_row *row = found(kind);
    return row && row->value[metric].type == WI_TEXT ? row->value[metric].u.text : "";
}

/* Each sends and receives so many in a second; those from `still` on receive none. */
static void flow(size_t still, uint64_t each)
{
    for (size_t i = 0; i < N; i++) {
        sent[i] += each;
        left[i] += i < still ? each : 0;
    }
}

static void one_that_stands_still_while_others_flow_is_named(void **state)
{
    (void)state;
    channel_add("receiver");
    for (int second = 0; second <= 9; second++) {
        flow(N - 1, 5);
        look_now();
        assert_null(found("sender_stalled"));
    }
    flow(N - 1, 5);
    look_now(); /* ten seconds after its first message was seen */
    assert_string_equal(text("sender_stalled", WI_WARNING_TEXT),
                        "fanout: nothing for receiver client-5 has left for 10 s while others "
                        "flow, 55 queued (5.5 kB)");
    assert_string_equal(text("sender_stalled", WI_WARNING_LABELS), "client-5");
    assert_string_equal(text("sender_stalled", WI_WARNING_SEVERITY), "warning");
    assert_non_null(strstr(text("sender_stalled", WI_WARNING_ACTION), "disconnect"));
    assert_true(found("sender_stalled")->value[WI_WARNING_SUBJECT_ID].u.u64 == channel->id);
}

static void several_are_one_finding_with_the_word_of_their_party(void **state)
{
    (void)state;
    channel_add("sender");
    for (int second = 0; second < 12; second++) {
        flow(N - 2, 5);
        sent[N - 1]++;
        look_now();
    }
    assert_string_equal(text("sender_stalled", WI_WARNING_TEXT),
                        "fanout: nothing from 2 senders has left for 11 s while others flow, 132 "
                        "queued (13.2 kB) (client-5, client-4)");
    assert_string_equal(text("sender_stalled", WI_WARNING_LABELS), "client-5, client-4");
}

/* Others do not flow, it has few messages, it is away, or one message leaves each nine seconds. */
static void what_is_no_stall_of_one_is_not_told(void **state)
{
    (void)state;
    channel_add("receiver");
    for (int second = 0; second < 30; second++) {
        sent[5] += 5; /* nothing at all leaves: the channel's own finding */
        look_now();
        assert_null(found("sender_stalled"));
    }
    assert_non_null(found("channel_stalled"));
    teardown(state), setup(state);
    channel_add("receiver");
    sent[5] = 15;
    for (int second = 0; second < 30; second++) {
        flow(N, 5);
        left[5] = 0;
        sent[5] = 15;
        sent[4] += 5;
        left[4] += second % 9 == 0;
        fake_view_set_text(view, senders[3], WI_SENDER_STATE, "away");
        left[3] = 0;
        look_now();
        assert_null(found("sender_stalled"));
    }
}

static void a_stall_is_over_when_it_has_moved_for_a_while(void **state)
{
    (void)state;
    channel_add("receiver");
    for (int second = 0; second < 15; second++) {
        flow(N - 1, 5);
        look_now();
    }
    assert_non_null(found("sender_stalled"));
    for (int second = 0; second < 50; second++) { /* one message each eleven seconds: still told */
        flow(N - 1, 5);
        left[5] += second % 11 == 0;
        look_now();
        assert_non_null(found("sender_stalled"));
    }
    for (int second = 0; second < 21; second++) {
        flow(N, 5);
        look_now();
    }
    assert_null(found("sender_stalled"));
}

static void one_that_holds_most_of_the_queue_is_named(void **state)
{
    (void)state;
    channel_add("sender");
    for (int second = 0; second <= 30; second++) {
        flow(N, 10);
        sent[2] += second ? 12 : 300;
        left[2] += second ? 12 : 0;
        sent[1] += second ? 0 : 290;
        look_now();
        assert_true(second == 30 || !found("sender_holds_share"));
    }
    assert_string_equal(text("sender_holds_share", WI_WARNING_TEXT),
                        "fanout: 50 % of 590 queued messages are from sender client-2");
    assert_string_equal(text("sender_holds_share", WI_WARNING_LABELS), "client-2");
    sent[1] += 100; /* 43 %: it stays until it is below 40 % */
    flow(N, 10);
    look_now();
    assert_non_null(found("sender_holds_share"));
    sent[1] += 100;
    flow(N, 10);
    look_now();
    assert_null(found("sender_holds_share"));
}

static void a_share_just_below_or_of_few_is_not_told(void **state)
{
    (void)state;
    channel_add("sender");
    for (int second = 0; second < 60; second++) {
        flow(N, 10);
        sent[2] += second ? 0 : 299;
        sent[1] += second ? 0 : 299;
        sent[0] += second ? 0 : 2;
        left[2] += 1;
        sent[2] += 1;
        look_now();
        assert_null(found("sender_holds_share"));
    }
    teardown(state), setup(state);
    channel_add("sender");
    for (int second = 0; second < 60; second++) {
        flow(N, 10);
        sent[2] += second ? 0 : 99;
        look_now();
        assert_null(found("sender_holds_share"));
    }
}

/* Batches that drain: a sawtooth of 20 s and one of a minute; and a burst once. */
static void batches_of_one_that_drain_are_not_told(void **state)
{
    (void)state;
    for (unsigned period = 20; period <= 60; period += 40) {
        channel_add("sender");
        for (unsigned second = 0; second < 5 * period; second++) {
            flow(N, 10);
            if (second % period == 0) {
                sent[2] = left[2] + 6000;
            }
            left[2] += (sent[2] - left[2]) < 6000 / period ? sent[2] - left[2] : 6000 / period;
            look_now();
            assert_null(found("sender_holds_share"));
            assert_null(found("sender_stalled"));
        }
        teardown(state), setup(state);
    }
}

static void what_a_dead_process_left_names_who_held_it(void **state)
{
    (void)state;
    channel_add("receiver");
    fake_view_set_state(view, WI_STATE_DEAD);
    flow(N, 10);
    sent[4] += 500;
    look_now();
    assert_string_equal(text("sender_holds_share", WI_WARNING_TEXT),
                        "fanout: 100 % of 500 queued messages are for receiver client-4");
    assert_null(found("sender_stalled"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_stands_still_while_others_flow_is_named),
        TEST(several_are_one_finding_with_the_word_of_their_party),
        TEST(what_is_no_stall_of_one_is_not_told),
        TEST(a_stall_is_over_when_it_has_moved_for_a_while),
        TEST(one_that_holds_most_of_the_queue_is_named),
        TEST(a_share_just_below_or_of_few_is_not_told),
        TEST(batches_of_one_that_drain_are_not_told),
        TEST(what_a_dead_process_left_names_who_held_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
