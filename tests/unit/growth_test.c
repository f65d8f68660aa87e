/* SPDX-License-Identifier: MIT */
/*
 * What grows, over hours that take no time: leaks are named, with their shares; bursts, sawteeth and
 * caches are not. And what an exporter that comes late finds in the history.
 */
/* ctest: folders=agent/src/finding */
#include "judged.h"
#include "snapshot/history.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE 20e6 /* bytes of a process that has started */

static struct wi_row *process(void)
{
    return fake_view_row(view, WI_PROCESS, 0);
}

static void set_memory(double bytes)
{
    fake_view_set_u64(process(), WI_PROCESS_ANON, (uint64_t)bytes / 4096 * 4096);
}

static void set_uptime(double seconds)
{
    fake_view_set_f64(process(), WI_PROCESS_UPTIME, seconds);
}

/* A channel with so many messages of so many bytes; what came so far grows by what is served. */
static void set_depth(struct wi_row *row, double depth, uint64_t served, double bytes)
{
    uint64_t n = (uint64_t)depth;
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, n);
    fake_view_set_u64(row, WI_CHANNEL_RECEIVED, served);
    fake_view_set_u64(row, WI_CHANNEL_SENT, served + n);
    fake_view_set_u64(row, WI_CHANNEL_QUEUED_BYTES, (uint64_t)(depth * bytes));
    fake_view_set_f64(row, WI_CHANNEL_IN_RATE, 1000);
    fake_view_set_f64(row, WI_CHANNEL_OUT_RATE, 1000);
}

static const char *text(const struct wi_row *row, int metric)
{
    return row && row->value[metric].type == WI_TEXT ? row->value[metric].u.text : "";
}

static double number(const struct wi_row *row, int metric)
{
    return row ? wi_value_number(&row->value[metric], NAN) : NAN;
}

static bool is_bad(const struct wi_row *row)
{
    return row && strcmp(text(row, WI_WARNING_SEVERITY), "info") != 0;
}

/* The first finding that is no mere remark, "" when there is none. */
static const char *worst(void)
{
    const struct wi_row *row =
        wi_process_view_count(view, WI_WARNING) ? wi_process_view_row(view, WI_WARNING, 0) : NULL;
    return is_bad(row) ? text(row, WI_WARNING_TEXT) : "";
}

static void assert_silent(const char *what, unsigned second)
{
    if (*worst()) {
        fail_msg("%s, second %u: %s", what, second, worst());
    }
}

static void assert_near(double value, double wanted, double error)
{
    if (!(fabs(value - wanted) <= error)) {
        fail_msg("%g is not %g +- %g", value, wanted, error);
    }
}

static void assert_says(const char *whole, const char *part)
{
    if (!strstr(whole, part)) {
        fail_msg("\"%s\" does not say \"%s\"", whole, part);
    }
}

/* ---- leaks --------------------------------------------------------------------------------- */

static void leak_is_named_with_its_share(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 0; i < 80; i++) {
        double depth = i < 10 ? 3 : 6000.0 * (i - 9);
        set_depth(moves, depth, 6000 * i, 200);
        set_memory(BASE + 208 * depth + 4096 * noise());
        look();
    }
    const struct wi_row *channel = found("channel_growing");
    assert_string_equal(text(channel, WI_WARNING_SEVERITY), "critical");
    assert_string_equal(text(channel, WI_WARNING_SUBJECT), "moves");
    assert_near(number(channel, WI_WARNING_SHARE), 200.0 / 208, 0.02);
    assert_near(number(channel, WI_WARNING_SHARE_FIT), 1, 0.02);
    assert_near(number(channel, WI_WARNING_EACH), 208, 1);
    assert_true(number(channel, WI_WARNING_FIT) > 0.99);
    assert_near(number(channel, WI_WARNING_GROWTH), 6000 * 208, 10000);
    assert_near(number(channel, WI_WARNING_RATE), 6000, 10);
    assert_says(text(channel, WI_WARNING_ESTIMATE), "(96 %) as declared");
    assert_says(text(channel, WI_WARNING_ESTIMATE), "by regression: 208 B +- ");
    assert_true(strlen(text(channel, WI_WARNING_ACTION)) > 20);
    const struct wi_row *memory = found("memory_growing");
    assert_true(is_bad(memory));
    assert_says(text(memory, WI_WARNING_TEXT),
                "memory +1.25 MB/s over 60 s; channel moves explains 1.20 MB/s (96 %): +6,000 "
                "messages/s of 200 B");
    assert_near(number(memory, WI_WARNING_WINDOW), 60, 1);
}

static void a_message_that_costs_far_more_than_it_declares_is_said_to(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 0; i < 60; i++) {
        double depth = i < 10 ? 3 : 400.0 * (i - 9);
        set_depth(moves, depth, 400 * i, 200);
        set_memory(BASE + 20000 * depth);
        look();
    }
    const struct wi_row *channel = found("channel_growing");
    assert_says(text(channel, WI_WARNING_ESTIMATE),
                "(1 %) as declared; by regression 20.00 kB +- ");
    assert_says(text(channel, WI_WARNING_ESTIMATE),
                " a message, not the 200 B declared: something else grows in step, or a message "
                "keeps more alive");
    assert_true(isnan(number(channel, WI_WARNING_SHARE_FIT)));
    assert_near(number(channel, WI_WARNING_EACH), 20000, 100);
    assert_near(number(channel, WI_WARNING_EACH_DECLARED), 200, 1);
    assert_null(strstr(text(found("memory_growing"), WI_WARNING_ESTIMATE), "by regression"));
}

/* A queue whose messages declare so many bytes of 208 that the process holds. */
static void grow_with_declared(double bytes)
{
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 0; i < 60; i++) {
        double depth = i < 10 ? 3 : 6000.0 * (i - 9);
        set_depth(moves, depth, 6000 * i, bytes);
        set_memory(BASE + 208 * depth);
        look();
    }
}

static void a_share_a_little_above_all_is_all(void **state)
{
    (void)state;
    grow_with_declared(208 * 1.08);
    const struct wi_row *channel = found("channel_growing");
    assert_says(text(channel, WI_WARNING_ESTIMATE), "(100 %) as declared");
    assert_near(number(channel, WI_WARNING_SHARE), 1, 0);
    const struct wi_row *memory = found("memory_growing");
    assert_says(text(memory, WI_WARNING_TEXT), "channel moves explains 1.25 MB/s (100 %): +6,000");
    assert_near(number(memory, WI_WARNING_SHARE), 1, 0);
}

static void more_than_all_is_no_percentage(void **state)
{
    (void)state;
    grow_with_declared(208 * 1.12);
    const struct wi_row *channel = found("channel_growing");
    assert_says(text(channel, WI_WARNING_ESTIMATE),
                "declares 1.40 MB/s, more than all of the process's +1.25 MB/s over 50 s; ");
    assert_near(number(channel, WI_WARNING_SHARE), 1, 0);
    const struct wi_row *memory = found("memory_growing");
    assert_says(text(memory, WI_WARNING_TEXT),
                "; channel moves declares more than all of it: +6,000 messages/s of 233 B");
    assert_near(number(memory, WI_WARNING_SHARE), 1, 0);
}

/* The bytes are not in the process: in a file, in a device, in another's memory. */
static void bytes_that_the_process_does_not_hold_are_no_percentage(void **state)
{
    (void)state;
    grow_with_declared(208 * 3864.75);
    const struct wi_row *channel = found("channel_growing");
    assert_says(text(channel, WI_WARNING_ESTIMATE), "declares 4.82 GB/s, more than all of the ");
    assert_says(text(channel, WI_WARNING_ESTIMATE), "by regression 208 B +- ");
    assert_null(strchr(text(channel, WI_WARNING_ESTIMATE), '%'));
    assert_null(strchr(text(found("memory_growing"), WI_WARNING_TEXT), '%'));
}

static void the_process_and_its_findings_tell_one_growth(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    const struct wi_verdict *verdict = wi_finding_verdict(finding);
    assert_false(verdict->growth.is_known);
    for (unsigned i = 0; i < 60; i++) {
        double depth = i < 20 ? 3 : 6000.0 * (i - 19);
        set_depth(moves, depth, 6000 * i, 200);
        set_memory(BASE + 208 * depth + 20000 * noise() * i);
        look();
        const struct wi_row *channel = found("channel_growing");
        assert_int_equal(verdict->growth.is_known, i >= 2);
        if (channel) {
            assert_near(number(channel, WI_WARNING_GROWTH), verdict->growth.slope, 0);
            assert_near(number(channel, WI_WARNING_WINDOW), verdict->growth.window, 0);
        }
    }
    assert_non_null(found("channel_growing"));
    assert_near(number(found("memory_growing"), WI_WARNING_GROWTH), verdict->growth.slope, 0);
}

static void a_bound_that_would_have_been_enough_is_named(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 0; i < 60; i++) {
        set_depth(moves, i < 30 ? 300 * (i % 4) : 6000.0 * (i - 29), 6000 * i, 200);
        look();
    }
    const struct wi_row *channel = found("channel_growing");
    assert_near(number(channel, WI_WARNING_BOUND), 2048, 0);
    assert_says(text(channel, WI_WARNING_ESTIMATE), "a bound of 2,048 was enough before");
}

static void without_a_time_before_no_bound_is_named(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i < 30; i++) {
        set_depth(moves, 6000.0 * i, 6000 * i, 200);
        look();
    }
    assert_true(isnan(number(found("channel_growing"), WI_WARNING_BOUND)));
    assert_null(strstr(text(found("channel_growing"), WI_WARNING_ESTIMATE), "a bound of"));
}

static void a_bounded_queue_that_fills_says_when_it_is_full(void **state)
{
    (void)state;
    struct wi_row *jobs = fake_view_add_channel(view, "jobs", 0, 0, 10000);
    for (unsigned i = 1; i <= 20; i++) {
        set_depth(jobs, 100.0 * i, 1000 * i, 200);
        look();
    }
    const struct wi_row *filling = found("channel_filling");
    assert_string_equal(text(filling, WI_WARNING_TEXT),
                        "jobs: filling, +100 messages/s, 2,000 of 10,000");
    assert_string_equal(text(filling, WI_WARNING_ESTIMATE), "full in about 80 s");
    assert_near(number(filling, WI_WARNING_FULL_IN), 80, 0.1);
    assert_false(is_bad(filling));
    for (unsigned i = 21; i <= 60; i++) {
        set_depth(jobs, 100.0 * i, 1000 * i, 200);
        look();
    }
    assert_true(is_bad(found("channel_filling")));
    for (unsigned i = 61; i <= 95; i++) {
        set_depth(jobs, 100.0 * i, 1000 * i, 200);
        look();
    }
    assert_null(found("channel_filling"));
    assert_near(number(found("channel_full"), WI_WARNING_FULL_IN), 5, 0.1);
}

static void the_nearest_limit_of_memory_is_named(void **state)
{
    (void)state;
    fake_view_set_u64(process(), WI_PROCESS_MEMORY_LIMIT, 2000000000);
    fake_view_set_u64(process(), WI_PROCESS_MAX_VIRTUAL, 500000000);
    for (unsigned i = 1; i <= 45; i++) {
        set_memory(BASE + 2e6 * i);
        fake_view_set_u64(process(), WI_PROCESS_MEMORY_USED, (uint64_t)(BASE + 2e6 * i));
        fake_view_set_u64(process(), WI_PROCESS_VIRTUAL, (uint64_t)(200e6 + 2e6 * i));
        set_uptime(i);
        look();
    }
    assert_says(text(found("memory_growing"), WI_WARNING_ESTIMATE),
                "its address space (RLIMIT_AS) of 500.00 MB is reached in about 105 s");
    assert_near(number(found("memory_growing"), WI_WARNING_LIMIT_IN), 105, 1);
}

static void after_the_switch_it_drains(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    double depth = 0;
    for (unsigned i = 0; i < 40; i++) {
        set_depth(moves, depth += 6000, 6000 * i, 200);
        set_memory(BASE + 208 * depth);
        look();
    }
    double peak = depth;
    for (unsigned i = 0; i < 8; i++) {
        set_depth(moves, depth -= 6000, 240000 + 12000 * i, 200);
        set_memory(BASE + 208 * peak);
        look();
    }
    assert_null(found("channel_growing"));
    const struct wi_row *drain = found("channel_draining");
    assert_says(text(drain, WI_WARNING_TEXT), "draining, -6,000 messages/s");
    assert_says(text(drain, WI_WARNING_EVIDENCE), "growth has stopped at 240,000");
    assert_says(text(drain, WI_WARNING_ACTION), "growth has stopped");
    assert_near(number(drain, WI_WARNING_RATE), -6000, 1);
    assert_silent("drain", 48);
}

static void two_leaks_are_ranked(void **state)
{
    (void)state;
    struct wi_row *small = fake_view_add_channel(view, "chat", 0, 0, WEIR_UNBOUNDED);
    struct wi_row *large = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    double a = 0;
    double b = 0;
    for (unsigned i = 0; i < 60; i++) {
        a += i / 10 % 2 ? 1200 : 2800;
        b += i / 14 % 2 ? 8000 : 4000;
        set_depth(small, a, 1000 * i, 300);
        set_depth(large, b, 6000 * i, 200);
        set_memory(BASE + 308 * a + 208 * b);
        look();
    }
    const struct wi_row *memory = found("memory_growing");
    assert_true(is_bad(memory));
    const char *first = strstr(text(memory, WI_WARNING_TEXT), "channel moves explains");
    const char *second = strstr(text(memory, WI_WARNING_TEXT), "channel chat explains");
    assert_true(first && second && first < second);
    assert_says(text(memory, WI_WARNING_ESTIMATE), "moves by regression");
    assert_says(text(memory, WI_WARNING_ESTIMATE), "chat by regression");
    assert_near(number(memory, WI_WARNING_SHARE), 0.97, 0.03);
    assert_near(number(memory, WI_WARNING_SHARE_FIT), 1, 0.03);
}

/* Not by how many messages are queued, but by what they hold. */
static void of_two_leaks_the_heavier_comes_first(void **state)
{
    (void)state;
    struct wi_row *deep = fake_view_add_channel(view, "clicks", 0, 0, WEIR_UNBOUNDED);
    struct wi_row *heavy = fake_view_add_channel(view, "images", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i < 60; i++) {
        double clicks = 6000.0 * i;
        double images = 1000.0 * i + (i / 10 % 2 ? 500 : 0);
        set_depth(deep, clicks, 6000 * i, 20);
        set_depth(heavy, images, 1000 * i, 4000);
        set_memory(BASE + 28 * clicks + 4008 * images);
        look();
    }
    const struct wi_row first = *wi_process_view_row(view, WI_WARNING, 0);
    const struct wi_row *second = wi_process_view_row(view, WI_WARNING, 1);
    assert_string_equal(text(&first, WI_WARNING_KIND), "channel_growing");
    assert_string_equal(text(second, WI_WARNING_KIND), "channel_growing");
    assert_string_equal(text(&first, WI_WARNING_SUBJECT), "images");
    assert_string_equal(text(second, WI_WARNING_SUBJECT), "clicks");
    assert_string_equal(text(&first, WI_WARNING_SEVERITY), text(second, WI_WARNING_SEVERITY));
    assert_near(number(&first, WI_WARNING_SHARE), 0.96, 0.03);
    assert_near(number(second, WI_WARNING_SHARE), 0.03, 0.01);
}

static void two_leaks_in_step_are_said_to_be(void **state)
{
    (void)state;
    struct wi_row *small = fake_view_add_channel(view, "chat", 0, 0, WEIR_UNBOUNDED);
    struct wi_row *large = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i < 60; i++) {
        set_depth(small, 2000.0 * i, 1000 * i, 300);
        set_depth(large, 6000.0 * i, 6000 * i, 200);
        set_memory(BASE + 308.0 * 2000 * i + 208.0 * 6000 * i);
        look();
    }
    const struct wi_row *memory = found("memory_growing");
    assert_says(text(memory, WI_WARNING_ESTIMATE), "cannot tell them apart");
    assert_near(number(memory, WI_WARNING_SHARE), 1.8 / 1.864, 0.01);
    assert_true(isnan(number(memory, WI_WARNING_SHARE_FIT)));
}

static void plain_leak_is_said_to_be_no_channels(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    unsigned said_at = 0;
    unsigned warned_at = 0;
    for (unsigned i = 1; i <= 400; i++) {
        set_depth(moves, i % 5 * 100, 6000 * i, 200);
        set_memory(BASE + 1.2e6 * i + 20000 * noise());
        set_uptime(i);
        look();
        said_at = said_at || !found("memory_growing") ? said_at : i;
        warned_at = warned_at || !is_bad(found("memory_growing")) ? warned_at : i;
    }
    assert_in_range(said_at, 10, 40);
    assert_in_range(warned_at, 300, 330);
    assert_says(text(found("memory_growing"), WI_WARNING_TEXT),
                "memory +1.20 MB/s over 60 s; no channel and no gauge explains it");
    assert_null(found("channel_growing"));
}

static void plain_leak_in_an_old_process_is_named_after_a_minute(void **state)
{
    (void)state;
    unsigned warned_at = 0;
    for (unsigned i = 1; i <= 400; i++) {
        set_memory(BASE + (i < 200 ? 0 : 1.2e6 * (i - 200)) + 20000 * noise());
        set_uptime(86400 + i);
        look();
        warned_at = warned_at || !is_bad(found("memory_growing")) ? warned_at : i;
    }
    assert_in_range(warned_at, 260, 300);
}

static void what_reaches_its_limit_soon_is_not_waited_for(void **state)
{
    (void)state;
    fake_view_set_u64(process(), WI_PROCESS_MEMORY_LIMIT, 200000000);
    for (unsigned i = 1; i <= 45; i++) {
        set_memory(BASE + 2e6 * i);
        fake_view_set_u64(process(), WI_PROCESS_MEMORY_USED, (uint64_t)(BASE + 2e6 * i));
        set_uptime(i);
        look();
    }
    const struct wi_row *memory = found("memory_growing");
    assert_true(is_bad(memory));
    assert_says(text(memory, WI_WARNING_ESTIMATE), "limit of 200.00 MB is reached in about 45 s");
    assert_null(found("memory_limit"));
    for (unsigned i = 46; i <= 82; i++) {
        set_memory(BASE + 2e6 * i);
        fake_view_set_u64(process(), WI_PROCESS_MEMORY_USED, (uint64_t)(BASE + 2e6 * i));
        look();
    }
    assert_string_equal(text(found("memory_limit"), WI_WARNING_SEVERITY), "critical");
}

static void slow_leak_is_a_warning_after_half_an_hour(void **state)
{
    (void)state;
    struct wi_row *slow = fake_view_add_channel(view, "slow", 0, 0, WEIR_UNBOUNDED);
    unsigned warned_at = 0;
    for (unsigned i = 1; i <= 3600; i++) {
        double depth = 2.0 * i + 40 * (1 + noise());
        set_depth(slow, depth, 100 * i, 200);
        set_memory(BASE + 208 * depth);
        look();
        warned_at = warned_at || !is_bad(found("channel_growing")) ? warned_at : i;
    }
    assert_in_range(warned_at, 1800, 2000);
    assert_near(number(found("channel_growing"), WI_WARNING_RATE), 2, 0.2);
    /* Too slow for a minute: the process, memory and channel tell the growth by minutes. */
    const struct wi_verdict *verdict = wi_finding_verdict(finding);
    assert_true(verdict->growth.window > 1800);
    assert_near(verdict->growth.slope, 2 * 208, 40);
    assert_near(number(found("memory_growing"), WI_WARNING_GROWTH), verdict->growth.slope, 0);
    assert_near(number(found("memory_growing"), WI_WARNING_WINDOW), verdict->growth.window, 0);
    assert_near(number(found("channel_growing"), WI_WARNING_GROWTH), verdict->growth.slope, 0);
    assert_near(number(found("channel_growing"), WI_WARNING_WINDOW), verdict->growth.window, 0);
}

/* ---- what is none -------------------------------------------------------------------------- */

static void bursts_are_silent(void **state)
{
    (void)state;
    struct wi_row *bursty = fake_view_add_channel(view, "bursty", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 0; i < 3600; i++) {
        double depth = 5000.0 * (i % 8) + 300 * (1 + noise());
        set_depth(bursty, depth, 6000 * i, 200);
        set_memory(BASE + 208 * depth + 50000 * noise());
        look();
        if (i > 16) {
            assert_silent("bursts", i);
        }
    }
}

static void sawtooth_of_15_minutes_is_silent(void **state)
{
    (void)state;
    /* A batch that is worked off every quarter of an hour; then one with a hundred times as much. */
    for (double slope = 10; slope <= 1000; slope *= 100) {
        struct wi_row *batch = fake_view_add_channel(view, "batch", 0, 0, WEIR_UNBOUNDED);
        for (unsigned i = 0; i < 4 * 3600; i++) {
            double depth = slope * (i % 900) + 0.3 * slope * (1 + noise());
            set_depth(batch, depth, 6000 * i, 200);
            set_memory(BASE + 208 * depth);
            look();
            /* Of what would fill the memory within the hour nobody knows that it comes back
             * before it has done so once. */
            if (slope < 100 || i > 900) {
                assert_silent("sawtooth", i);
            }
        }
        fake_view_remove(view, batch);
        look();
    }
}

static void caches_that_warm_up_are_silent(void **state)
{
    (void)state;
    for (double warm = 15; warm <= 1000; warm *= 2) {
        teardown(NULL);
        setup(NULL);
        for (unsigned i = 1; i <= 3600; i++) {
            set_memory(BASE + 200e6 * (1 - exp(-(double)i / warm)) + 8192 * noise());
            set_uptime(i);
            look();
            assert_silent("cache", i);
        }
    }
}

static void cache_that_fills_at_a_steady_rate_and_stops_is_silent(void **state)
{
    (void)state;
    for (unsigned fills = 20; fills <= 280; fills += 20) {
        teardown(NULL);
        setup(NULL);
        for (unsigned i = 1; i <= 600; i++) {
            set_memory(BASE + 1e6 * (i < fills ? i : fills) + 8192 * noise());
            set_uptime(i);
            look();
            assert_silent("cache", i);
        }
    }
}

static void memory_that_comes_and_goes_is_silent(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 4 * 3600; i++) {
        set_memory(BASE + 1e5 * (i % 900) + 8192 * noise());
        set_uptime(100000 + i);
        look();
        if (i > 900) {
            assert_silent("sawtooth of memory", i);
        }
    }
}

static void healthy_server_is_silent_for_a_day(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 86400; i++) {
        double daily = 1 + 0.8 * sin(2 * 3.14159265 * i / 86400);
        set_depth(moves, daily * 40 * (1 + noise()), 6000 * i, 200);
        set_memory(BASE + 3e6 * daily + 30000 * noise());
        set_uptime(i);
        look();
        assert_silent("day", i);
    }
}

/* ---- the history --------------------------------------------------------------------------- */

struct past {
    uint8_t *bytes;
    struct wi_history history;
};

/* A history with one channel, handle 1 of slot 3, and the process's anonymous memory. */
static struct past past_begin(uint64_t since)
{
    struct past past = {.bytes = calloc(1, WI_HISTORY_BYTES)};
    struct wi_history_head *head = (struct wi_history_head *)(void *)past.bytes;
    assert_non_null(past.bytes);
    wi_history_begin(head);
    head->first_nanos = since;
    head->tracks[0].since_nanos = since;
    head->tracks[0].since_nanos_end = since;
    head->tracks[0].slot = 3;
    head->tracks[0].generation = 1;
    head->tracks[0].kind = WI_CHANNEL;
    memcpy(head->tracks[0].name, "moves", sizeof("moves"));
    return past;
}

static void past_row(struct past *past, enum wi_history_ring ring, uint64_t nanos, double depth,
                     uint64_t served, double memory)
{
    uint64_t sequence = nanos / wi_history_step_nanos(ring);
    struct wi_history_row *row =
        (struct wi_history_row *)(void *)(past->bytes + wi_history_offset(ring, sequence));
    memset(row, 0, sizeof(*row));
    row->sequence = sequence;
    row->sequence_end = sequence;
    row->nanos = nanos;
    row->has = UINT64_C(1) << WI_HISTORY_ANON;
    row->facts[WI_HISTORY_ANON] = (uint64_t)memory;
    row->tracks[0][0] = served + (uint64_t)depth;
    row->tracks[0][1] = served;
    row->tracks[0][2] = (uint64_t)(depth * 200);
}

static void past_end(struct past *past)
{
    assert_int_equal(wi_history_read_bytes(past->bytes, WI_HISTORY_BYTES, &past->history, NULL),
                     WEIR_OK);
    fake_view_set_history(view, &past->history);
}

static struct wi_row *late_channel(double depth, uint64_t served)
{
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    moves->id = UINT64_C(1) << 32 | 3;
    set_depth(moves, depth, served, 200);
    return moves;
}

static void late_look_names_the_leak_at_once(void **state)
{
    (void)state;
    struct past past = past_begin(now - 100 * SECOND);
    for (unsigned i = 0; i <= 40; i++) {
        past_row(&past, WI_HISTORY_SECONDS, now - (40 - i) * SECOND, 6000.0 * i, 6000 * i,
                 BASE + 208.0 * 6000 * i);
    }
    past_end(&past);
    late_channel(6000 * 41, 6000 * 41);
    set_memory(BASE + 208.0 * 6000 * 41);
    look();

    const struct wi_row *channel = found("channel_growing");
    assert_true(is_bad(channel));
    assert_near(number(channel, WI_WARNING_SINCE), 41, 1);
    assert_near(number(channel, WI_WARNING_SHARE), 200.0 / 208, 0.01);
    assert_true(is_bad(found("memory_growing")));
    free(past.bytes);
}

static void late_look_knows_the_sawtooth_by_its_minutes(void **state)
{
    (void)state;
    uint64_t begin = now - 3600 * SECOND;
    struct past past = past_begin(begin);
    for (unsigned i = 0; i < 3600; i++) {
        double depth = 1000.0 * (i % 900);
        if (i % 60 == 0) {
            past_row(&past, WI_HISTORY_MINUTES, begin + i * SECOND, depth, 6000 * i, BASE);
        }
        if (i >= 3000) {
            past_row(&past, WI_HISTORY_SECONDS, begin + i * SECOND, depth, 6000 * i, BASE);
        }
    }
    past_end(&past);
    struct wi_row *moves = late_channel(0, 6000 * 3600);
    set_memory(BASE);
    for (unsigned i = 3600; i < 4400; i++) {
        set_depth(moves, 1000.0 * (i % 900), 6000 * i, 200);
        look();
        assert_silent("sawtooth seen late", i);
    }
    free(past.bytes);
}

static void of_a_dead_process_it_is_said_what_grew_until_when(void **state)
{
    (void)state;
    struct past past = past_begin(now - 100 * SECOND);
    for (unsigned i = 0; i <= 40; i++) {
        past_row(&past, WI_HISTORY_SECONDS, now - (40 - i) * SECOND, 6000.0 * i, 6000 * i,
                 BASE + 208.0 * 6000 * i);
    }
    past_end(&past);
    late_channel(6000 * 40 + 2000, 6000 * 40 + 2000);
    set_memory(BASE + 208.0 * 6000 * 40);
    fake_view_set_state(view, WI_STATE_DEAD);
    fake_view_set_as_of_nanos(view, now);
    now += 5000 * SECOND;
    for (unsigned i = 0; i < 3; i++) {
        look();
        const struct wi_row *channel = found("channel_growing");
        assert_true(is_bad(channel));
        assert_string_equal(text(channel, WI_WARNING_TEXT),
                            "moves: was unbounded and growing, +6,000 messages/s for 39 s until "
                            "the end, 242,000 queued (48.4 MB)");
        assert_near(number(channel, WI_WARNING_DEPTH), 242000, 0);
        assert_near(number(channel, WI_WARNING_GROWTH), 6000 * 208, 5000);
    }
    free(past.bytes);
}

/* A process that has ended, with that many seconds of a queue that stood as it was. */
static const struct wi_row *dead_after(unsigned seconds, double depth)
{
    struct past past = past_begin(now - 100 * SECOND);
    for (unsigned i = 0; i <= seconds; i++) {
        past_row(&past, WI_HISTORY_SECONDS, now - (seconds - i) * SECOND, depth, 6000 * i, BASE);
    }
    past_end(&past);
    late_channel(depth, 6000 * seconds);
    set_memory(BASE);
    fake_view_set_state(view, WI_STATE_DEAD);
    fake_view_set_as_of_nanos(view, now);
    look();
    free(past.bytes);
    return found("channel_left");
}

static void of_a_short_life_it_is_not_said_that_nothing_grew(void **state)
{
    (void)state;
    const struct wi_row *left = dead_after(3, 200000);
    assert_true(is_bad(left));
    assert_string_equal(
        text(left, WI_WARNING_TEXT),
        "moves: 200,000 queued (40.0 MB) when the process ended; it was seen for 3 s");
    assert_says(text(left, WI_WARNING_ACTION), "too short to tell");
}

static void of_a_long_life_it_is_said_that_nothing_grew(void **state)
{
    (void)state;
    const struct wi_row *left = dead_after(40, 200000);
    assert_false(is_bad(left));
    assert_says(text(left, WI_WARNING_ACTION), "it was not growing when the process ended");
}

static void without_a_history_the_dead_tell_what_was_left(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    set_depth(moves, 200000, 200000, 200);
    fake_view_set_state(view, WI_STATE_DEAD);
    look();
    assert_true(is_bad(found("channel_left")));
    assert_string_equal(text(found("channel_left"), WI_WARNING_TEXT),
                        "moves: 200,000 queued (40.0 MB) when the process ended; without a history "
                        "the cause is not known");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(leak_is_named_with_its_share),
        TEST(a_message_that_costs_far_more_than_it_declares_is_said_to),
        TEST(a_share_a_little_above_all_is_all),
        TEST(more_than_all_is_no_percentage),
        TEST(bytes_that_the_process_does_not_hold_are_no_percentage),
        TEST(the_process_and_its_findings_tell_one_growth),
        TEST(a_bound_that_would_have_been_enough_is_named),
        TEST(without_a_time_before_no_bound_is_named),
        TEST(a_bounded_queue_that_fills_says_when_it_is_full),
        TEST(the_nearest_limit_of_memory_is_named),
        TEST(after_the_switch_it_drains),
        TEST(two_leaks_are_ranked),
        TEST(of_two_leaks_the_heavier_comes_first),
        TEST(two_leaks_in_step_are_said_to_be),
        TEST(plain_leak_is_said_to_be_no_channels),
        TEST(plain_leak_in_an_old_process_is_named_after_a_minute),
        TEST(what_reaches_its_limit_soon_is_not_waited_for),
        TEST(slow_leak_is_a_warning_after_half_an_hour),
        TEST(bursts_are_silent),
        TEST(sawtooth_of_15_minutes_is_silent),
        TEST(caches_that_warm_up_are_silent),
        TEST(cache_that_fills_at_a_steady_rate_and_stops_is_silent),
        TEST(memory_that_comes_and_goes_is_silent),
        TEST(healthy_server_is_silent_for_a_day),
        TEST(late_look_names_the_leak_at_once),
        TEST(late_look_knows_the_sawtooth_by_its_minutes),
        TEST(of_a_dead_process_it_is_said_what_grew_until_when),
        TEST(of_a_short_life_it_is_not_said_that_nothing_grew),
        TEST(of_a_long_life_it_is_said_that_nothing_grew),
        TEST(without_a_history_the_dead_tell_what_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
