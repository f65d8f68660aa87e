/* SPDX-License-Identifier: MIT */
/* Findings on channels that count bytes, and on those that are observed. */
/* ctest: folders=agent/src/finding */
#include "judged.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static const char *text(const char *kind, int metric)
{
    const struct wi_row *row = found(kind);
    assert_non_null(row);
    return row->value[metric].u.text;
}

static void assert_has(const char *all, const char *part)
{
    if (!strstr(all, part)) {
        fail_msg("no <%s> in <%s>", part, all);
    }
}

static void assert_severity(const char *kind, const char *severity)
{
    assert_string_equal(text(kind, WI_WARNING_SEVERITY), severity);
}

static struct wi_row *add_buffer(const char *name, uint64_t capacity)
{
    struct wi_row *row = fake_view_add_channel(view, name, 0, 0, capacity);
    fake_view_set_text(view, row, WI_CHANNEL_UNIT, "bytes");
    fake_view_set_text(view, row, WI_CHANNEL_COUNTING, "counted");
    return row;
}

static void set_bytes(struct wi_row *row, uint64_t sent, uint64_t received)
{
    fake_view_set_u64(row, WI_CHANNEL_SENT, sent);
    fake_view_set_u64(row, WI_CHANNEL_RECEIVED, received);
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, sent - received);
    fake_view_set_u64(row, WI_CHANNEL_QUEUED_BYTES, sent - received);
    fake_view_set_f64(row, WI_CHANNEL_IN_RATE, 1e6);
}

static struct wi_row *add_observed(const char *name, uint64_t capacity)
{
    static const int unknown[] = {WI_CHANNEL_SENT, WI_CHANNEL_RECEIVED, WI_CHANNEL_DISCARDED,
                                  WI_CHANNEL_IN_RATE, WI_CHANNEL_OUT_RATE};
    struct wi_row *row = fake_view_add_channel(view, name, 0, 0, capacity);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        fake_view_set_absent(row, unknown[i]);
    }
    fake_view_set_text(view, row, WI_CHANNEL_COUNTING, "observed");
    return row;
}

static void set_observed(struct wi_row *row, uint64_t depth)
{
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, depth);
    fake_view_set_u64(row, WI_CHANNEL_QUEUED_BYTES, depth * 208);
}

/* Each byte that a client does not take stays in its buffer. */
static void a_buffer_that_nobody_drains_is_found(void **state)
{
    (void)state;
    struct wi_row *out = add_buffer("out", WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 10; i++) {
        set_bytes(out, 1000000 * i, 0);
        look();
    }
    assert_severity("channel_stalled", "critical");
    assert_has(text("channel_stalled", WI_WARNING_TEXT),
               "out: stalled, nothing received for 9 s, ");
    assert_has(text("channel_stalled", WI_WARNING_TEXT), "10.0 MB queued");
    assert_has(text("channel_stalled", WI_WARNING_EVIDENCE), "1.00 MB sent/s, 0 received/s");
    assert_null(strstr(text("channel_stalled", WI_WARNING_TEXT), "message"));
}

static void a_buffer_that_grows_is_named_in_bytes(void **state)
{
    (void)state;
    struct wi_row *out = add_buffer("out", WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 12; i++) {
        set_bytes(out, 2000000 * i, 1000000 * i);
        fake_view_set_f64(out, WI_CHANNEL_OUT_RATE, 1e6);
        look();
    }
    assert_severity("channel_growing", "warning");
    assert_has(text("channel_growing", WI_WARNING_TEXT),
               "out: unbounded and growing, +1.00 MB/s for ");
    assert_has(text("channel_growing", WI_WARNING_TEXT), "12.0 MB queued");
    assert_has(text("channel_growing", WI_WARNING_ACTION), "Stop reading from its source");
}

/* Some bytes rest in each connection's buffer. */
static void some_bytes_more_are_no_growth(void **state)
{
    (void)state;
    struct wi_row *out = add_buffer("out", WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 30; i++) {
        set_bytes(out, 20000 * i, 20000 * i - 1000 * i);
        look();
        assert_null(found("channel_growing"));
        assert_null(found("channel_stalled"));
    }
}

static void a_full_buffer_is_told_in_bytes(void **state)
{
    (void)state;
    struct wi_row *out = add_buffer("out", 1000000);
    for (unsigned i = 1; i <= 5; i++) {
        set_bytes(out, 950000 + 1000 * i, 1000 * i);
        look();
    }
    assert_string_equal(text("channel_full", WI_WARNING_TEXT),
                        "out: 95 % full, 950.0 kB of 1.0 MB");
}

/* The same depths, counted and observed: both are named, at the same sample, in the same words. */
static void an_observed_queue_that_grows_is_found_as_a_counted_one(void **state)
{
    (void)state;
    struct wi_row *counted = fake_view_add_channel(view, "counted", 0, 0, WEIR_UNBOUNDED);
    struct wi_row *observed = add_observed("observed", WEIR_UNBOUNDED);
    unsigned named_at[2] = {0};
    for (unsigned i = 1; i <= 12; i++) {
        fake_view_set_u64(counted, WI_CHANNEL_SENT, 12000 * i);
        fake_view_set_u64(counted, WI_CHANNEL_RECEIVED, 6000 * i);
        fake_view_set_u64(counted, WI_CHANNEL_DEPTH, 6000 * i);
        fake_view_set_u64(counted, WI_CHANNEL_QUEUED_BYTES, 6000 * 208 * i);
        set_observed(observed, 6000 * i);
        look();
        for (size_t k = 0; k < wi_process_view_count(view, WI_WARNING); k++) {
            const char *told =
                wi_process_view_row(view, WI_WARNING, k)->value[WI_WARNING_TEXT].u.text;
            unsigned *at = &named_at[strncmp(told, "observed: unbounded and growing", 31) == 0];
            bool is_named = strstr(told, "unbounded and growing") != NULL;
            *at = is_named && !*at ? i : *at;
        }
    }
    assert_in_range(named_at[0], 4, 8);
    assert_int_equal(named_at[1], named_at[0]);
}

static void an_observed_queue_tells_no_rates(void **state)
{
    (void)state;
    struct wi_row *observed = add_observed("inbox", WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 12; i++) {
        set_observed(observed, 6000 * i);
        look();
    }
    assert_has(text("channel_growing", WI_WARNING_TEXT), "+6,000 messages/s for ");
    assert_has(text("channel_growing", WI_WARNING_EVIDENCE),
               "observed: nobody counts what enters and leaves");
    assert_null(strstr(text("channel_growing", WI_WARNING_EVIDENCE), "sent/s"));
}

/* A depth that is the same at each look may be one of a queue that moves. */
static void an_observed_queue_stands_after_a_minute(void **state)
{
    (void)state;
    struct wi_row *inbox = add_observed("inbox", 1000);
    for (unsigned i = 1; i <= 55; i++) {
        set_observed(inbox, 300);
        look();
        assert_null(found("channel_stalled"));
    }
    for (unsigned i = 1; i <= 10; i++) {
        look();
    }
    assert_severity("channel_stalled", "warning");
    assert_has(text("channel_stalled", WI_WARNING_TEXT),
               "inbox: stalled, its depth has not fallen for");
    for (unsigned i = 1; i <= 5; i++) {
        set_observed(inbox, 300 - i);
        look();
    }
    assert_null(found("channel_stalled"));
}

static void an_observed_queue_that_moves_is_not_reported(void **state)
{
    (void)state;
    struct wi_row *inbox = add_observed("inbox", WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 200; i++) {
        set_observed(inbox, 100 + below(100));
        look();
        assert_null(found("channel_stalled"));
        assert_null(found("channel_growing"));
    }
}

static void an_observed_queue_that_is_full_is_told(void **state)
{
    (void)state;
    struct wi_row *inbox = add_observed("inbox", 100);
    for (unsigned i = 1; i <= 5; i++) {
        set_observed(inbox, 95 + i % 2);
        look();
    }
    assert_has(text("channel_full", WI_WARNING_TEXT), "% full, ");
}

/* The queue of one client out of many grows. */
static void the_largest_object_of_a_growing_channel_is_named(void **state)
{
    (void)state;
    struct wi_row *writes = fake_view_add_channel(view, "writes", 0, 0, WEIR_UNBOUNDED);
    fake_view_set_u64(writes, WI_CHANNEL_OBJECTS, 412);
    fake_view_set_text(view, writes, WI_CHANNEL_LARGEST_LABEL, "client-7");
    for (unsigned i = 1; i <= 12; i++) {
        fake_view_set_u64(writes, WI_CHANNEL_DEPTH, 6000 * i);
        fake_view_set_u64(writes, WI_CHANNEL_SENT, 12000 * i);
        fake_view_set_u64(writes, WI_CHANNEL_RECEIVED, 6000 * i);
        fake_view_set_u64(writes, WI_CHANNEL_LARGEST, 5900 * i);
        look();
    }
    assert_has(text("channel_growing", WI_WARNING_TEXT),
               "; the largest of its 412 objects is client-7 with 70,800");
}

static void objects_that_are_dropped_or_refused_are_told(void **state)
{
    (void)state;
    struct wi_row *agent = fake_view_add(view, WI_AGENT, "game");
    fake_view_set_u64(agent, WI_AGENT_OBJECTS, 3);
    fake_view_set_text(view, agent, WI_AGENT_OBJECTS_STATE, "read");
    look();
    assert_int_equal(wi_process_view_count(view, WI_WARNING), 0);
    fake_view_set_u64(agent, WI_AGENT_OBJECTS_DROPPED, 7);
    fake_view_set_u64(agent, WI_AGENT_OBJECTS_REFUSED, 2);
    fake_view_set_text(view, agent, WI_AGENT_OBJECTS_STATE, "the process has ended");
    look();
    assert_has(text("objects_dropped", WI_WARNING_TEXT),
               "agent: 7 objects hold implausible values");
    assert_has(text("objects_refused", WI_WARNING_TEXT), "agent: 2 objects were not entered");
    assert_has(text("objects_unread", WI_WARNING_TEXT), "the process has ended");
}

static void mixed_calls_are_told(void **state)
{
    (void)state;
    struct wi_row *agent = fake_view_add(view, WI_AGENT, "game");
    fake_view_set_u64(agent, WI_AGENT_CALLS_MIXED, 12);
    look();
    assert_severity("calls_mixed", "warning");
    assert_has(text("calls_mixed", WI_WARNING_TEXT), "agent: 12 calls count on a channel");
    assert_has(text("calls_mixed", WI_WARNING_ACTION), "weir_channel_observe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_buffer_that_nobody_drains_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_buffer_that_grows_is_named_in_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(some_bytes_more_are_no_growth, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_buffer_is_told_in_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(an_observed_queue_that_grows_is_found_as_a_counted_one,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_observed_queue_tells_no_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(an_observed_queue_stands_after_a_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(an_observed_queue_that_moves_is_not_reported, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_observed_queue_that_is_full_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_largest_object_of_a_growing_channel_is_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(objects_that_are_dropped_or_refused_are_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(mixed_calls_are_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
