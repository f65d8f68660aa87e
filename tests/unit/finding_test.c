/* SPDX-License-Identifier: MIT */
/* Findings: what is named, how soon, in which words, and what is not. */
/* ctest: folders=agent/src/finding */
#include "judged.h"
#include "finding/words.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_depth(struct wi_row *row, uint64_t depth, uint64_t received)
{
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, depth);
    fake_view_set_u64(row, WI_CHANNEL_RECEIVED, received);
    fake_view_set_u64(row, WI_CHANNEL_SENT, received + depth);
    fake_view_set_u64(row, WI_CHANNEL_QUEUED_BYTES, depth * 208);
}

/* Without those on defaults, which say nothing of how things go. */
static size_t n_warnings(void)
{
    size_t n = 0;
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const char *kind = wi_process_view_row(view, WI_WARNING, i)->value[WI_WARNING_KIND].u.text;
        n += strncmp(kind, "default_", strlen("default_")) != 0;
    }
    return n;
}

static const char *warning(size_t i, int metric)
{
    return wi_process_view_row(view, WI_WARNING, i)->value[metric].u.text;
}

static void assert_text(const char *severity, const char *text)
{
    assert_int_equal(n_warnings(), 1);
    assert_string_equal(warning(0, WI_WARNING_TEXT), text);
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), severity);
}

static void leak_is_named_within_ten_seconds(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    unsigned named_at = 0;
    for (unsigned i = 1; i <= 12; i++) {
        set_depth(moves, 6000 * i, 6000 * i);
        look();
        if (n_warnings() && !named_at) {
            named_at = i;
        }
    }

    assert_in_range(named_at, 4, 8);
    assert_text("warning", "moves: unbounded and growing, +6,000 messages/s for 11 s, "
                           "72,000 queued (15.0 MB)");
    assert_string_equal(warning(0, WI_WARNING_SUBJECT), "moves");
}

static void leak_after_quiet_traffic_is_named_within_five_seconds(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 40; i++) {
        set_depth(moves, i % 3, 6000 * i);
        look();
        assert_int_equal(n_warnings(), 0);
    }
    unsigned named_at = 0;
    for (unsigned i = 1; i <= 8 && !named_at; i++) {
        set_depth(moves, 6000 * i, 6000 * (40 + i));
        look();
        named_at = n_warnings() ? i : 0;
    }

    assert_in_range(named_at, 3, 5);
}

static void bursts_that_are_worked_off_are_no_leak(void **state)
{
    (void)state;
    for (unsigned period = 2; period <= 9; period++) {
        struct wi_row *bursty = fake_view_add_channel(view, "bursty", 0, 0, WEIR_UNBOUNDED);
        for (unsigned i = 0; i < 200; i++) {
            unsigned jitter = i * 2654435761U >> 22;
            set_depth(bursty, 5000 * (i % period) + jitter, 6000 * i);
            look();
            if (i >= 2 * period && n_warnings()) {
                fail_msg("period %u, second %u: %s", period, i, warning(0, WI_WARNING_TEXT));
            }
        }
        fake_view_remove(view, bursty);
    }
}

static void noise_is_no_leak(void **state)
{
    (void)state;
    struct wi_row *noisy = fake_view_add_channel(view, "noisy", 0, 0, WEIR_UNBOUNDED);
    unsigned random = 99;
    unsigned false_alarms = 0;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525U + 1013904223U;
        set_depth(noisy, (random >> 8) % 1000, 6000 * (i + 1));
        look();
        false_alarms += n_warnings() > 0;
    }

    assert_int_equal(false_alarms, 0);
}

static void slow_leak_under_noise_is_named_within_two_minutes(void **state)
{
    (void)state;
    struct wi_row *slow = fake_view_add_channel(view, "slow", 0, 0, WEIR_UNBOUNDED);
    unsigned random = 5;
    unsigned named_at = 0;
    for (unsigned i = 1; i <= 120 && !named_at; i++) {
        random = random * 1664525U + 1013904223U;
        set_depth(slow, 20 * i + (random >> 8) % 300, 100 * i);
        look();
        named_at = n_warnings() ? i : 0;
    }

    assert_in_range(named_at, 1, 120);
}

static void step_that_stays_is_not_growth(void **state)
{
    (void)state;
    struct wi_row *step = fake_view_add_channel(view, "step", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 0; i < 200; i++) {
        set_depth(step, i < 20 ? 0 : 10000, 100 * i);
        look();
        assert_int_equal(n_warnings(), 0);
    }
}

static void growth_that_ended_drains_and_goes(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    uint64_t depth = 0;
    uint64_t received = 0;
    for (unsigned i = 1; i <= 15; i++) {
        set_depth(moves, depth += 6000, received += 6000);
        look();
    }
    for (unsigned i = 1; i <= 8; i++) {
        set_depth(moves, depth -= 6000, received += 12000);
        look();
    }
    assert_text("info", "moves: draining, -6,000 messages/s, 42,000 queued (8.7 MB)");
    while (depth > 0) {
        set_depth(moves, depth -= 6000, received += 12000);
        look();
    }
    assert_int_equal(n_warnings(), 0);
    for (unsigned i = 1; i <= 100; i++) {
        set_depth(moves, i % 50, received += 6000);
        look();
        assert_int_equal(n_warnings(), 0);
    }
}

static void growth_that_stops_is_said_and_forgotten(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 15; i++) {
        set_depth(moves, 1000 * i, 6000 * i);
        look();
    }
    for (unsigned i = 16; i <= 30; i++) {
        set_depth(moves, 15000, 6000 * i);
        look();
    }
    assert_text("info", "moves: unbounded, no longer growing, 15,000 queued (3.1 MB)");
    for (unsigned i = 31; i <= 100; i++) {
        set_depth(moves, 15000, 6000 * i);
        look();
    }
    assert_int_equal(n_warnings(), 0);
}

static void second_leak_below_an_old_peak_is_named(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    uint64_t received = 0;
    for (unsigned i = 1; i <= 15; i++) {
        set_depth(moves, 6000 * i, received += 6000);
        look();
    }
    set_depth(moves, 10, received += 90000);
    look();
    unsigned named_at = 0;
    for (unsigned i = 1; i <= 20 && !named_at; i++) {
        set_depth(moves, 1000 * i, received += 6000);
        look();
        named_at = n_warnings() ? i : 0;
    }

    assert_in_range(named_at, 5, 14);
}

static void growth_for_a_minute_is_critical(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 1; i <= 70; i++) {
        set_depth(moves, 6000 * i, 6000 * i);
        look();
    }

    assert_text("critical", "moves: unbounded and growing, +6,000 messages/s for 69 s, "
                            "420,000 queued (87.4 MB)");
}

static void bounded_channel_is_never_growing_but_full(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, 10000);
    for (unsigned i = 1; i <= 12; i++) {
        set_depth(moves, i < 8 ? 1000 * i : 9200, 6000 * i);
        look();
    }

    assert_text("warning", "moves: 92 % full, 9,200 of 10,000");
}

static void look_three_times(struct wi_row *row, uint64_t depth)
{
    static uint64_t received = 1000000;
    for (unsigned i = 0; i < 3; i++) {
        set_depth(row, depth, received += 100);
        look();
    }
}

static void more_than_the_capacity_is_said_as_that(void **state)
{
    (void)state;
    struct wi_row *jobs = fake_view_add_channel(view, "jobs", 0, 0, 10);
    look_three_times(jobs, 50);
    assert_text("warning", "jobs: over capacity, 50 queued with a declared capacity of 10");
    assert_string_equal(warning(0, WI_WARNING_KIND), "channel_over_capacity");
    /* A few more may be senders that wait, and are counted before they push. */
    look_three_times(jobs, 12);
    assert_text("warning", "jobs: full, 12 queued with a capacity of 10");
    assert_string_equal(warning(0, WI_WARNING_KIND), "channel_full");
    look_three_times(jobs, 10);
    assert_text("warning", "jobs: 100 % full, 10 of 10");
}

static void a_capacity_of_one_or_none_is_no_alarm_until_many_wait(void **state)
{
    (void)state;
    for (uint64_t capacity = 0; capacity <= 1; capacity++) {
        struct wi_row *hand = fake_view_add_channel(view, "hand", 0, 0, capacity);
        look_three_times(hand, capacity + 4);
        assert_int_equal(n_warnings(), 0);
        look_three_times(hand, 50);
        assert_string_equal(warning(0, WI_WARNING_KIND), "channel_over_capacity");
        fake_view_remove(view, hand);
    }
    struct wi_row *free = fake_view_add_channel(view, "free", 0, 0, WEIR_UNBOUNDED);
    look_three_times(free, 50);
    assert_int_equal(n_warnings(), 0);
}

static void full_at_one_look_is_nothing(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, 10000);
    for (unsigned i = 1; i <= 60; i++) {
        set_depth(moves, i % 3 ? 10000 : 0, 6000 * i);
        look();
        assert_int_equal(n_warnings(), 0);
    }
}

static void nobody_receives(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 0, 0, 10000);
    fake_view_set_f64(moves, WI_CHANNEL_IN_RATE, 10);
    set_depth(moves, 0, 500);
    look();
    set_depth(moves, 4096, 500);
    look();
    assert_int_equal(n_warnings(), 0); /* it may have moved until now */
    look();
    assert_text("info", "moves: nothing received for 1 s, 4,096 queued (852.0 kB)");
    look();
    assert_text("warning", "moves: stalled, nothing received for 2 s, 4,096 queued (852.0 kB)");
    for (unsigned i = 0; i < 5; i++) {
        look();
    }
    assert_text("critical", "moves: stalled, nothing received for 7 s, 4,096 queued (852.0 kB)");

    set_depth(moves, 4095, 501);
    look();
    assert_int_equal(n_warnings(), 0);
}

static void what_stands_at_the_first_look_is_said_at_once(void **state)
{
    (void)state;
    struct wi_row *jobs = fake_view_add_channel(view, "jobs", 0, 0, WEIR_UNBOUNDED);
    set_depth(jobs, 131692, 0);
    look();
    assert_text("info", "jobs: 131,692 queued (27.4 MB), nothing has ever been received");
    look();
    assert_text("info", "jobs: nothing received for 1 s, 131,692 queued (27.4 MB)");
    look();
    assert_text("warning", "jobs: stalled, nothing received for 2 s, 131,692 queued (27.4 MB)");
}

static void a_backlog_of_seconds_is_said_at_the_first_look_and_a_short_one_is_not(void **state)
{
    (void)state;
    struct wi_row *process = fake_view_row(view, WI_PROCESS, 0);
    fake_view_set_f64(process, WI_PROCESS_UPTIME, 100);
    struct wi_row *busy = fake_view_add_channel(view, "busy", 0, 0, WEIR_UNBOUNDED);
    struct wi_row *deep = fake_view_add_channel(view, "deep", 0, 0, WEIR_UNBOUNDED);
    set_depth(busy, 50, 100000);
    set_depth(deep, 5000, 10000);
    look();
    assert_text("info", "deep: 5,000 queued (1.0 MB), it is not known yet whether it moves");
    assert_string_equal(warning(0, WI_WARNING_EVIDENCE),
                        "100 received/s on average since the process started, so 50 s of work");
}

static void a_stall_is_weighed_against_the_usual_wait(void **state)
{
    (void)state;
    struct wi_row *batch = fake_view_add_channel(view, "batch", 0, 0, WEIR_UNBOUNDED);
    fake_view_set_f64(batch, WI_CHANNEL_WAIT_P50, 0.5);
    set_depth(batch, 1000, 9000);
    look(); /* the first */
    for (unsigned i = 1; i <= 4; i++) {
        look();
        assert_string_equal(warning(0, WI_WARNING_SEVERITY), "info");
    }
    look();
    assert_text("warning", "batch: stalled, nothing received for 5 s, 1,000 queued (208.0 kB)");
    assert_string_equal(warning(0, WI_WARNING_EVIDENCE),
                        "0 sent/s, 0 received/s; the median wait so far is 500.0 ms");
    /* Where messages usually wait for minutes, a minute says nothing yet; ten do. */
    fake_view_set_f64(batch, WI_CHANNEL_WAIT_P50, 300);
    for (unsigned i = 6; i <= 300; i++) {
        look();
        assert_int_equal(n_warnings(), 0);
    }
    look();
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "info");
    for (unsigned i = 302; i <= 600; i++) {
        look();
    }
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "warning");
}

static void a_deep_queue_that_moved_all_the_time_has_stalled_at_once(void **state)
{
    (void)state;
    struct wi_row *deep = fake_view_add_channel(view, "deep", 0, 0, WEIR_UNBOUNDED);
    fake_view_set_f64(deep, WI_CHANNEL_WAIT_P50, 30);
    fake_view_set_f64(deep, WI_CHANNEL_IN_RATE, 1000);
    for (unsigned i = 1; i < 20; i++) {
        set_depth(deep, 30000, 1000 * i);
        look();
        assert_int_equal(n_warnings(), 0);
    }
    look();
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "info");
    look();
    assert_text("warning", "deep: stalled, nothing received for 2 s, 30,000 queued (6.2 MB)");
    for (unsigned i = 0; i < 3; i++) {
        look();
    }
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "critical");
}

static void a_queue_that_is_emptied_in_batches_is_no_alarm(void **state)
{
    (void)state;
    struct wi_row *batch = fake_view_add_channel(view, "batch", 0, 0, WEIR_UNBOUNDED);
    uint64_t received = 0;
    for (unsigned i = 0; i < 200; i++) {
        received += i % 6 == 0 ? 600 : 0;
        set_depth(batch, 100 + 100 * (i % 6), received);
        look();
        for (size_t w = 0; i >= 8 && w < n_warnings(); w++) {
            fail_msg("second %u: %s", i, warning(w, WI_WARNING_TEXT));
        }
    }
}

static void a_message_that_rests_is_no_alarm(void **state)
{
    (void)state;
    struct wi_row *idle = fake_view_add_channel(view, "idle", 0, 0, 10000);
    fake_view_set_f64(idle, WI_CHANNEL_IN_RATE, 0);
    set_depth(idle, 1, 500);
    look();
    for (unsigned i = 1; i < 60; i++) {
        look();
        assert_int_equal(n_warnings(), 1);
        assert_string_equal(warning(0, WI_WARNING_SEVERITY), "info");
    }
    for (unsigned i = 0; i < 5; i++) {
        look();
    }
    assert_int_equal(n_warnings(), 1);
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "warning");
}

static void discarding_is_not_stalling(void **state)
{
    (void)state;
    struct wi_row *ring = fake_view_add_channel(view, "ring", 0, 0, WEIR_UNBOUNDED);
    for (unsigned i = 0; i <= 20; i++) {
        set_depth(ring, 100, 0);
        fake_view_set_u64(ring, WI_CHANNEL_DISCARDED, 10 * i + 10);
        look();
        assert_int_equal(n_warnings(), 0);
    }
}

static void refusals_are_weighed_against_what_was_offered(void **state)
{
    (void)state;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 10, 10, 10000);
    fake_view_set_f64(moves, WI_CHANNEL_IN_RATE, 9970);
    fake_view_set_f64(moves, WI_CHANNEL_REJECT_RATE, 30);
    look();
    assert_int_equal(n_warnings(), 0);

    fake_view_set_f64(moves, WI_CHANNEL_IN_RATE, 9500);
    fake_view_set_f64(moves, WI_CHANNEL_REJECT_RATE, 500);
    fake_view_set_u64(moves, WI_CHANNEL_REJECTS_FULL, 500);
    look();
    look();
    assert_text("warning", "moves: 5 % of messages refused, 500/s for 1 s: full");

    fake_view_set_f64(moves, WI_CHANNEL_REJECT_RATE, 6012);
    fake_view_set_f64(moves, WI_CHANNEL_IN_RATE, 6000);
    fake_view_set_u64(moves, WI_CHANNEL_REJECTS_SHED, 5);
    look();
    assert_text("critical", "moves: 50 % of messages refused, 6,012/s for 2 s");
}

static void exhausted_permits_with_refusals(void **state)
{
    (void)state;
    struct wi_row *slots = fake_view_add_semaphore(view, "slots", 64, 0);
    look();
    assert_int_equal(n_warnings(), 0);
    fake_view_set_f64(slots, WI_SEMAPHORE_REJECT_RATE, 6012);
    for (unsigned i = 0; i < 8; i++) {
        look();
    }
    assert_text("warning", "slots: no permit free for 8 s, 6,012 refused/s");

    fake_view_set_u64(slots, WI_SEMAPHORE_WAITERS, 12);
    look();
    assert_text("warning", "slots: no permit free for 9 s, 6,012 refused/s, waiting: 12");

    fake_view_set_u64(slots, WI_SEMAPHORE_AVAILABLE, 1);
    fake_view_set_u64(slots, WI_SEMAPHORE_WAITERS, 0);
    look();
    assert_text("warning", "slots: permits run out, for 9 s, 6,012 refused/s");

    fake_view_set_f64(slots, WI_SEMAPHORE_REJECT_RATE, 0);
    look();
    assert_int_equal(n_warnings(), 0);
}

static void what_the_agent_lost_is_said(void **state)
{
    (void)state;
    struct wi_row *agent = fake_view_row(view, WI_AGENT, 0);
    fake_view_set_u64(agent, WI_AGENT_HANDLES_REFUSED, 12);
    fake_view_set_u64(agent, WI_AGENT_SEGMENT_LIMIT, 16 << 20);
    fake_view_set_u64(agent, WI_AGENT_SEGMENT_BYTES, 16 << 20);
    fake_view_set_u64(agent, WI_AGENT_SAMPLES_LOST, 7000);
    look();

    assert_int_equal(n_warnings(), 2);
    assert_string_equal(warning(0, WI_WARNING_TEXT),
                        "agent: 12 opens refused, the segment's limit of 16.8 MB is reached; "
                        "raise WEIR_LIMIT");
    assert_string_equal(warning(1, WI_WARNING_SEVERITY), "info");

    /* Another limit: the host's own, or the file system's. */
    fake_view_set_u64(agent, WI_AGENT_SEGMENT_BYTES, 1 << 20);
    look();
    assert_string_equal(warning(0, WI_WARNING_TEXT),
                        "agent: 12 opens refused, the segment cannot grow past 1.0 MB: a limit "
                        "other than WEIR_LIMIT is near");
    assert_non_null(strstr(warning(0, WI_WARNING_ACTION), "RLIMIT_MEMLOCK"));
}

/* All shards taken, with room left; then a segment that is full: another cure. */
static void threads_without_cells_are_a_finding(void **state)
{
    (void)state;
    struct wi_row *agent = fake_view_row(view, WI_AGENT, 0);
    fake_view_set_u64(agent, WI_AGENT_SEGMENT_LIMIT, 16 << 20);
    fake_view_set_u64(agent, WI_AGENT_SEGMENT_BYTES, 2 << 20);
    look();
    assert_int_equal(n_warnings(), 0);

    fake_view_set_u64(agent, WI_AGENT_CELLS_REFUSED, 3976);
    look();
    assert_int_equal(n_warnings(), 1);
    assert_string_equal(warning(0, WI_WARNING_KIND), "threads_refused");
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "warning");
    assert_string_equal(warning(0, WI_WARNING_TEXT),
                        "agent: 3,976 threads have no cells of their own: they count in shared "
                        "cells, exactly but more slowly");
    assert_non_null(strstr(warning(0, WI_WARNING_EVIDENCE), "1,024 threads"));
    assert_non_null(strstr(warning(0, WI_WARNING_ACTION), "WEIR_STORAGE_SHARED"));

    fake_view_set_u64(agent, WI_AGENT_SEGMENT_BYTES, 16 << 20);
    look();
    assert_non_null(strstr(warning(0, WI_WARNING_EVIDENCE), "limit of 16.8 MB"));
    assert_string_equal(warning(0, WI_WARNING_ACTION), "Raise WEIR_LIMIT.");
}

static void contradictions_of_weir_itself_are_a_finding(void **state)
{
    (void)state;
    struct wi_row *agent = fake_view_row(view, WI_AGENT, 0);
    fake_view_set_u64(agent, WI_AGENT_BROKEN, 0);
    look();
    assert_int_equal(n_warnings(), 0);

    fake_view_set_u64(agent, WI_AGENT_BROKEN, 1);
    look();
    assert_int_equal(n_warnings(), 1);
    assert_string_equal(warning(0, WI_WARNING_KIND), "agent_broken");
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "warning");
    assert_string_equal(warning(0, WI_WARNING_TEXT),
                        "agent: weir found 1 contradiction in its own state: please report it");

    fake_view_set_u64(agent, WI_AGENT_BROKEN, 1200);
    fake_view_set_text(view, agent, WI_AGENT_BROKEN_AT, "agent/src/wire/conn.c:12");
    look();
    assert_string_equal(warning(0, WI_WARNING_TEXT),
                        "agent: weir found 1,200 contradictions in its own state, first at "
                        "agent/src/wire/conn.c:12: please report it");
}

static void threads_that_count_per_cpu_are_a_remark(void **state)
{
    (void)state;
    struct wi_row *agent = fake_view_row(view, WI_AGENT, 0);
    fake_view_set_u64(agent, WI_AGENT_SEGMENT_LIMIT, 16 << 20);
    fake_view_set_u64(agent, WI_AGENT_SEGMENT_BYTES, 2 << 20);
    fake_view_set_u64(agent, WI_AGENT_CELLS_REFUSED, 3978);
    fake_view_set_u64(agent, WI_AGENT_THREADS_LIMIT, 1022);
    fake_view_set_u64(agent, WI_AGENT_CPU_CELLS, 2);
    look();
    assert_int_equal(n_warnings(), 1);
    assert_string_equal(warning(0, WI_WARNING_KIND), "threads_refused");
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "info");
    assert_string_equal(warning(0, WI_WARNING_TEXT),
                        "agent: 3,978 threads have no cells of their own: they count in per-CPU "
                        "cells, exactly and a little more slowly");
    assert_non_null(strstr(warning(0, WI_WARNING_EVIDENCE), "1,022 threads"));
    assert_non_null(strstr(warning(0, WI_WARNING_ACTION), "Nothing has to be done"));
}

static void senders_without_room_are_a_remark(void **state)
{
    (void)state;
    struct wi_row *agent = fake_view_row(view, WI_AGENT, 0);
    fake_view_set_u64(agent, WI_AGENT_SENDERS_REFUSED, 5);
    look();
    assert_int_equal(n_warnings(), 1);
    assert_string_equal(warning(0, WI_WARNING_KIND), "senders_refused");
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "info");
    assert_non_null(strstr(warning(0, WI_WARNING_TEXT), "5 senders"));
}

static void worst_stand_first_and_at_most_64(void **state)
{
    (void)state;
    char name[32];
    struct wi_row *rows[3000];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "room-%u", i);
        rows[i] = fake_view_add_channel(view, name, 0, 0, 100);
        fake_view_set_f64(rows[i], WI_CHANNEL_IN_RATE, 1);
    }
    fake_view_set_f64(rows[17], WI_CHANNEL_REJECT_RATE, 5);
    fake_view_set_f64(rows[17], WI_CHANNEL_IN_RATE, 95);
    for (unsigned second = 0; second < 7; second++) {
        for (unsigned i = 0; i < 3000; i++) {
            set_depth(rows[i], i == 17 ? 1 : 10 + i % 20, i == 17 ? second : 0);
        }
        look();
    }

    assert_int_equal(n_warnings(), 64);
    assert_string_equal(warning(0, WI_WARNING_SEVERITY), "critical");
    assert_non_null(strstr(warning(0, WI_WARNING_TEXT), "29 queued"));
    assert_string_equal(warning(63, WI_WARNING_SEVERITY), "critical");
}

static void assert_about(size_t i, const char *kind, const struct wi_row *row)
{
    const struct wi_value *id =
        &wi_process_view_row(view, WI_WARNING, i)->value[WI_WARNING_SUBJECT_ID];
    assert_string_equal(warning(i, WI_WARNING_SUBJECT_KIND), kind);
    assert_int_equal(id->type, WI_U64);
    assert_int_equal(id->u.u64, row->id);
}

/* Two of one name, and a semaphore of that name: only the id tells which. */
static void a_finding_says_which_row_it_is_about(void **state)
{
    (void)state;
    fake_view_add_channel(view, "queue", 0, 0, 10);
    struct wi_row *full = fake_view_add_channel(view, "queue", 0, 0, 10);
    struct wi_row *gone = fake_view_add_semaphore(view, "queue", 4, 0);
    struct wi_row *leak = fake_view_add_channel(view, "leak", 0, 0, WEIR_UNBOUNDED);
    struct wi_row *agent = fake_view_row(view, WI_AGENT, 0);
    for (unsigned i = 1; i <= 12; i++) {
        set_depth(full, 10, i);
        set_depth(leak, 6000 * i, 6000 * i);
        look();
    }
    fake_view_set_u64(agent, WI_AGENT_HANDLES_REFUSED, 12);
    look();
    bool is_seen[4] = {false};
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const char *kind = warning(i, WI_WARNING_KIND);
        if (strcmp(kind, "channel_full") == 0) {
            assert_about(i, "channel", full);
            is_seen[0] = true;
        } else if (strcmp(kind, "permits_exhausted") == 0) {
            assert_about(i, "semaphore", gone);
            is_seen[1] = true;
        } else if (strcmp(kind, "channel_growing") == 0) {
            assert_about(i, "channel", leak);
            is_seen[2] = true;
        } else if (strcmp(kind, "agent_full") == 0) {
            assert_about(i, "agent", agent);
            is_seen[3] = true;
        }
    }
    assert_true(is_seen[0] && is_seen[1] && is_seen[2] && is_seen[3]);
}

static void deep_newcomer_is_seen_among_too_many(void **state)
{
    (void)state;
    char name[32];
    struct wi_row *rows[2000];
    uint64_t received = 0;
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "room-%u", i);
        rows[i] = fake_view_add_channel(view, name, 0, 0, WEIR_UNBOUNDED);
    }
    for (unsigned second = 0; second < 15; second++) {
        received += 10;
        for (unsigned i = 0; i < 2000; i++) {
            set_depth(rows[i], i == 1999 ? 5000 * (second + 1) : 1 + i % 7, received);
        }
        look();
    }

    assert_int_equal(n_warnings(), 1);
    assert_string_equal(warning(0, WI_WARNING_SUBJECT), "room-1999");
}

static void closed_channels_are_forgotten(void **state)
{
    (void)state;
    char name[32];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "room-%u", i);
        struct wi_row *row = fake_view_add_channel(view, name, 10, 0, WEIR_UNBOUNDED);
        look();
        fake_view_remove(view, row);
    }
    struct wi_row *stalled = fake_view_add_channel(view, "last", 10, 0, WEIR_UNBOUNDED);
    fake_view_set_f64(stalled, WI_CHANNEL_IN_RATE, 1);
    for (unsigned i = 0; i < 7; i++) {
        look();
    }

    assert_int_equal(n_warnings(), 1);
}

static void empty_rows_are_no_trouble(void **state)
{
    (void)state;
    fake_view_add(view, WI_CHANNEL, "nothing known");
    fake_view_add(view, WI_SEMAPHORE, "nothing known");
    struct wi_row *odd = fake_view_add(view, WI_CHANNEL, "odd");
    fake_view_set_f64(odd, WI_CHANNEL_DEPTH, NAN);
    fake_view_set_f64(odd, WI_CHANNEL_REJECT_RATE, NAN);
    fake_view_set_f64(odd, WI_CHANNEL_CAPACITY, -1);
    for (unsigned i = 0; i < 10; i++) {
        look();
    }

    assert_int_equal(n_warnings(), 0);
}

static void numbers_are_for_people(void **state)
{
    (void)state;
    char text[WI_WORDS_MAX];
    assert_string_equal(wi_words_count(text, 0), "0");
    assert_string_equal(wi_words_count(text, 999), "999");
    assert_string_equal(wi_words_count(text, 1000), "1,000");
    assert_string_equal(wi_words_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(wi_words_rate(text, 0.04), "0.0");
    assert_string_equal(wi_words_rate(text, 9.94), "9.9");
    assert_string_equal(wi_words_rate(text, 9.96), "10");
    assert_string_equal(wi_words_rate(text, 5999.6), "6,000");
    assert_string_equal(wi_words_rate(text, NAN), "0");
    assert_string_equal(wi_words_rate(text, INFINITY), "1,152,921,504,606,846,976");
    assert_string_equal(wi_words_bytes(text, 999), "999 B");
    assert_string_equal(wi_words_bytes(text, 1000), "1.0 kB");
    assert_string_equal(wi_words_bytes(text, 18720000), "18.7 MB");
    assert_string_equal(wi_words_bytes(text, 999949), "999.9 kB");
    assert_string_equal(wi_words_bytes(text, 999999), "1.0 MB");
    assert_string_equal(wi_words_bytes(text, UINT64_MAX), "18.4 EB");
    assert_string_equal(wi_words_duration(text, 12 * SECOND + 999), "12 s");
    assert_string_equal(wi_words_duration(text, 119 * SECOND), "119 s");
    assert_string_equal(wi_words_duration(text, 125 * SECOND), "2 min");
    assert_string_equal(wi_words_duration(text, 7300 * SECOND), "2 h");
    assert_string_equal(wi_words_duration(text, 5 * 86400 * SECOND), "5 d");
    assert_string_equal(wi_words_wait(text, NAN), "0 us");
    assert_string_equal(wi_words_wait(text, 61e-6), "61 us");
    assert_string_equal(wi_words_wait(text, 0.9996e-3), "1.0 ms");
    assert_string_equal(wi_words_wait(text, 4.7e-3), "4.7 ms");
    assert_string_equal(wi_words_wait(text, 44.04), "44.0 s");
    assert_string_equal(wi_words_wait(text, INFINITY), "1000000000.0 s");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(leak_is_named_within_ten_seconds),
        TEST(leak_after_quiet_traffic_is_named_within_five_seconds),
        TEST(bursts_that_are_worked_off_are_no_leak),
        TEST(noise_is_no_leak),
        TEST(slow_leak_under_noise_is_named_within_two_minutes),
        TEST(step_that_stays_is_not_growth),
        TEST(growth_that_ended_drains_and_goes),
        TEST(growth_that_stops_is_said_and_forgotten),
        TEST(second_leak_below_an_old_peak_is_named),
        TEST(growth_for_a_minute_is_critical),
        TEST(bounded_channel_is_never_growing_but_full),
        TEST(more_than_the_capacity_is_said_as_that),
        TEST(a_capacity_of_one_or_none_is_no_alarm_until_many_wait),
        TEST(full_at_one_look_is_nothing),
        TEST(nobody_receives),
        TEST(what_stands_at_the_first_look_is_said_at_once),
        TEST(a_backlog_of_seconds_is_said_at_the_first_look_and_a_short_one_is_not),
        TEST(a_stall_is_weighed_against_the_usual_wait),
        TEST(a_deep_queue_that_moved_all_the_time_has_stalled_at_once),
        TEST(a_queue_that_is_emptied_in_batches_is_no_alarm),
        TEST(a_message_that_rests_is_no_alarm),
        TEST(discarding_is_not_stalling),
        TEST(refusals_are_weighed_against_what_was_offered),
        TEST(exhausted_permits_with_refusals),
        TEST(what_the_agent_lost_is_said),
        TEST(threads_without_cells_are_a_finding),
        TEST(contradictions_of_weir_itself_are_a_finding),
        TEST(threads_that_count_per_cpu_are_a_remark),
        TEST(senders_without_room_are_a_remark),
        TEST(worst_stand_first_and_at_most_64),
        TEST(a_finding_says_which_row_it_is_about),
        TEST(deep_newcomer_is_seen_among_too_many),
        TEST(closed_channels_are_forgotten),
        TEST(empty_rows_are_no_trouble),
        TEST(numbers_are_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
