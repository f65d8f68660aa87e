/* SPDX-License-Identifier: MIT */
/* Rows of the process view: what is derived from counts, with time given. */
#include "child.h"
#include "encode/select.h"
#include "session/process_views.h"
#include "snapshot/memory.h"
#include "snapshot/process_view.h"
#include "weir/memory.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static struct weir_error error;
static struct wi_process_views views;
static struct wi_process_view *view;
static uint64_t now;

/* Time moves by so many nanoseconds, and the process view and its findings look again. */
static void step(uint64_t nanos)
{
    now += nanos;
    CHECK(wi_process_views_refresh(&views, views.first, now, &error) == WEIR_OK);
}

static void start(void)
{
    now = 1000 * SECOND;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    wi_process_views_init(&views, false);
    CHECK(wi_process_views_add(&views, view) == WEIR_OK);
}

static const struct wi_value *value(enum wi_kind kind, int metric)
{
    return &wi_process_view_row(view, kind, 0)->value[metric];
}

static uint64_t u64(enum wi_kind kind, int metric)
{
    CHECK(value(kind, metric)->type == WI_U64);
    return value(kind, metric)->u.u64;
}

static bool is_near(enum wi_kind kind, int metric, double expected)
{
    const struct wi_value *got = value(kind, metric);
    CHECK(got->type == WI_F64);
    if (fabs(got->u.f64 - expected) > 1e-6 * fabs(expected) + 1e-9) {
        fprintf(stderr, "metric %d: %g, not %g\n", metric, got->u.f64, expected);
        return false;
    }
    return true;
}

static void send(struct weir_channel *channel, int n, size_t bytes)
{
    for (int i = 0; i < n; i++) {
        weir_channel_send(channel, bytes);
    }
}

static void receive(struct weir_channel *channel, int n, size_t bytes)
{
    for (int i = 0; i < n; i++) {
        weir_channel_receive(channel, 0, bytes);
    }
}

static void shows_a_channel(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", 200);
    options.kind = WEIR_CHANNEL_MPSC;
    struct weir_channel *channel = weir_channel_open(&options);
    step(SECOND);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_IN_RATE)->type == WI_ABSENT);
    send(channel, 100, 208);
    receive(channel, 30, 208);
    weir_channel_discard(channel, 5, 5 * 208, WEIR_DISCARD_EXPIRED);
    send(channel, 2, 208);
    weir_channel_unsend(channel, 208, WEIR_REJECT_FULL);
    weir_channel_unsend(channel, 208, WEIR_REJECT_CLOSED);
    weir_channel_reject(channel, WEIR_REJECT_SHED);
    step(2 * SECOND);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_SENT) == 100);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_RECEIVED) == 30);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_DISCARDED) == 5);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_DISCARDED_EXPIRED) == 5);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_DEPTH) == 65);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_QUEUED_BYTES) == UINT64_C(65) * 208);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_REJECTS) == 3);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_REJECTS_FULL) == 1);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_REJECTS_SHED) == 1);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_HIGH_WATER) == 100);
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_FILL, 0.325));
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_IN_RATE, 50));
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_OUT_RATE, 15));
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_REJECT_RATE, 1.5));
    CHECK(strcmp(value(WI_CHANNEL, WI_CHANNEL_FLAVOR)->u.text, "mpsc") == 0);
    CHECK(strncmp(value(WI_CHANNEL, WI_CHANNEL_SOURCE)->u.text, "process_view_test.c:", 13) == 0);
    /* One refusal counted once: without a counter of the application's own, channels' rejects. */
    CHECK(u64(WI_PROCESS, WI_PROCESS_REJECTS) == 3);
    weir_channel_resize(channel, WEIR_UNBOUNDED);
    step(1000);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_CAPACITY)->type == WI_ABSENT);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_FILL)->type == WI_ABSENT);
    wi_process_views_finish(&views);
}

static void a_channel_is_shown_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(child_run(shows_a_channel), 0);
}

static void counts_a_reject_once(const char *dir)
{
    (void)dir;
    start();
    struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT("slots", 10);
    struct weir_semaphore *slots = weir_semaphore_open(&options);
    struct weir_value_options value_options = WEIR_VALUE_INIT("backpressure_rejects");
    struct weir_counter *rejects = weir_counter_open(&value_options);
    weir_semaphore_acquire(slots, 10);
    step(SECOND);
    for (int i = 0; i < 4; i++) {
        weir_semaphore_reject(slots, WEIR_SEMAPHORE_EXHAUSTED);
        weir_counter_add(rejects, 1);
    }
    weir_ticket waiting = weir_semaphore_wait(slots);
    step(SECOND);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_AVAILABLE) == 0);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_WAITERS) == 1);
    CHECK(is_near(WI_SEMAPHORE, WI_SEMAPHORE_EXHAUSTED_SECONDS, 1));
    weir_semaphore_release(slots, 4);
    weir_semaphore_waited(slots, waiting);
    weir_semaphore_acquire(slots, 1);
    step(SECOND);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_AVAILABLE) == 3);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_ACQUIRES) == 2);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_WAITERS) == 0);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_WAIT) == 1);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_LOW_WATER) == 0);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_REJECTS_EXHAUSTED) == 4);
    CHECK(u64(WI_COUNTER, WI_COUNTER_VALUE) == 4);
    CHECK(u64(WI_PROCESS, WI_PROCESS_REJECTS) == 4);
    CHECK(strcmp(value(WI_PROCESS, WI_PROCESS_REJECTS_SOURCE)->u.text, "counter") == 0);
    wi_process_views_finish(&views);
}

static void a_refusal_is_counted_once_and_permits_add_up(void **state)
{
    (void)state;
    assert_int_equal(child_run(counts_a_reject_once), 0);
}

/* As sem_init(&items, 0, 0): each release is a permit, and none is ever "taken". */
static void starts_without_permits(const char *dir)
{
    (void)dir;
    start();
    struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT("items", 0);
    struct weir_semaphore *items = weir_semaphore_open(&options);
    CHECK(items != NULL);
    step(SECOND);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_PERMITS) == 0);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_AVAILABLE) == 0);
    weir_semaphore_release(items, 5);
    weir_semaphore_acquire(items, 2);
    step(SECOND);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_AVAILABLE) == 3);
    CHECK(value(WI_SEMAPHORE, WI_SEMAPHORE_SATURATION)->type == WI_ABSENT);
    CHECK(is_near(WI_SEMAPHORE, WI_SEMAPHORE_EXHAUSTED_SECONDS, 0));
    weir_semaphore_acquire(items, 3);
    step(SECOND);
    CHECK(u64(WI_SEMAPHORE, WI_SEMAPHORE_AVAILABLE) == 0);
    CHECK(is_near(WI_SEMAPHORE, WI_SEMAPHORE_EXHAUSTED_SECONDS, 0));
    CHECK(wi_process_view_count(view, WI_WARNING) == 0);
    wi_process_views_finish(&views);
}

static void a_semaphore_may_start_without_permits(void **state)
{
    (void)state;
    assert_int_equal(child_run(starts_without_permits), 0);
}

static bool adds_up(void)
{
    return u64(WI_CHANNEL, WI_CHANNEL_SENT) - u64(WI_CHANNEL, WI_CHANNEL_RECEIVED) -
               u64(WI_CHANNEL, WI_CHANNEL_DISCARDED) ==
           u64(WI_CHANNEL, WI_CHANNEL_DEPTH);
}

static void adds_up_whatever_happens(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", 100);
    struct weir_channel *channel = weir_channel_open(&options);
    send(channel, 20, 1);
    receive(channel, 5, 1);
    weir_channel_discard(channel, 3, 3, WEIR_DISCARD_EXPIRED);
    weir_channel_unsend(channel, 1, WEIR_REJECT_FULL);
    step(SECOND);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_DEPTH) == 11 && adds_up());
    /* Receive hooks that run before their send hooks. */
    receive(channel, 14, 1);
    step(SECOND);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_DEPTH) == 0 && adds_up());
    send(channel, 5, 1);
    step(SECOND);
    CHECK(u64(WI_CHANNEL, WI_CHANNEL_DEPTH) == 2 && adds_up());
    wi_process_views_finish(&views);
}

static void sent_less_received_less_discarded_is_the_depth(void **state)
{
    (void)state;
    assert_int_equal(child_run(adds_up_whatever_happens), 0);
}

static void follows_tasks(const char *dir)
{
    (void)dir;
    start();
    struct weir_task_options options = WEIR_TASK_INIT("handler");
    options.latency = WEIR_LATENCY_FULL;
    struct weir_task_kind *kind = weir_task_kind_open(&options);
    struct weir_value_options value_options = WEIR_VALUE_INIT("players");
    struct weir_gauge *players = weir_gauge_open(&value_options);
    weir_ticket tickets[5];
    for (int i = 0; i < 5; i++) {
        tickets[i] = weir_task_spawn(kind);
    }
    tickets[0] = weir_task_begin(kind, tickets[0]);
    tickets[1] = weir_task_begin(kind, tickets[1]);
    weir_task_end(kind, tickets[0]);
    weir_task_finish(kind, WEIR_OUTCOME_ERROR);
    weir_task_finish(kind, WEIR_OUTCOME_CANCELLED); /* the fifth never ran */
    weir_gauge_set(players, 7);
    weir_gauge_add(players, -10);
    step(SECOND);
    CHECK(u64(WI_TASK, WI_TASK_RUNNING) == 1);
    CHECK(u64(WI_TASK, WI_TASK_PENDING) == 2);
    CHECK(u64(WI_TASK, WI_TASK_FINISHED) == 2);
    CHECK(u64(WI_TASK, WI_TASK_FINISHED_ERROR) == 1);
    CHECK(u64(WI_TASK, WI_TASK_FINISHED_CANCELLED) == 1);
    CHECK(u64(WI_TASK, WI_TASK_WAIT) >= 1 && u64(WI_TASK, WI_TASK_RUN) >= 1);
    CHECK(value(WI_GAUGE, WI_GAUGE_VALUE)->u.i64 == -3);
    CHECK(wi_process_view_histogram(view, WI_TASK, wi_process_view_row(view, WI_TASK, 0),
                                    WI_TASK_RUN));
    wi_process_views_finish(&views);
}

static void tasks_are_pending_then_running_then_gone(void **state)
{
    (void)state;
    assert_int_equal(child_run(follows_tasks), 0);
}

/* The oldest was queued before the first look, or after it: its wait is told either way. */
static void tells_what_waits_for_longer_than_the_percentile(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    options.latency = WEIR_LATENCY_FULL;
    struct weir_channel *channel = weir_channel_open(&options);
    for (int i = 0; i < 100; i++) {
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
    }
    step(SECOND);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_AT_LEAST)->type == WI_ABSENT);
    send(channel, 5, 1);
    step(SECOND);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_AT_LEAST)->type == WI_ABSENT); /* it may be new */
    for (int s = 0; s < 44; s++) {
        step(SECOND);
    }
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_WAIT_AT_LEAST, 44));
    CHECK(value(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->u.f64 >= 44);
    receive(channel, 4, 1);
    step(SECOND);
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_WAIT_AT_LEAST, 45));
    receive(channel, 1, 1);
    step(SECOND);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_AT_LEAST)->type == WI_ABSENT);
    wi_process_views_finish(&views);
}

/* No ticket is passed on: each message waits for six looks, at four a look. */
static void estimates_waits_without_tickets(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("fds", WEIR_UNBOUNDED);
    struct weir_channel *channel = weir_channel_open(&options);
    step(SECOND);
    for (int s = 0; s < 6; s++) {
        send(channel, 4, 1);
        step(SECOND);
    }
    for (int s = 0; s < 60; s++) {
        send(channel, 4, 1);
        receive(channel, 4, 1);
        step(SECOND);
    }
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_P99)->type == WI_ABSENT);
    CHECK(fabs(value(WI_CHANNEL, WI_CHANNEL_WAIT_ESTIMATED_P50)->u.f64 - 6) < 0.01);
    CHECK(fabs(value(WI_CHANNEL, WI_CHANNEL_WAIT_ESTIMATED_P99)->u.f64 - 6) < 0.01);

    for (int s = 0; s < 60; s++) { /* it gets stuck: what is queued has waited, too */
        step(SECOND);
    }
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_ESTIMATED_P50)->u.f64 > 60);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_ESTIMATED_MAX)->u.f64 > 64);
    receive(channel, 24, 1);
    step(SECOND);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_ESTIMATED_P50)->u.f64 > 60); /* of those that left */
    for (int s = 0; s < 22; s++) {
        step(SECOND);
    }
    CHECK(value(WI_CHANNEL, WI_CHANNEL_WAIT_ESTIMATED_P50)->type == WI_ABSENT);
    CHECK(value(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->u.f64 == 0);
    wi_process_views_finish(&views);
}

static void waits_without_tickets_are_estimated(void **state)
{
    (void)state;
    assert_int_equal(child_run(estimates_waits_without_tickets), 0);
}

static void tells_it_though_nobody_saw_the_beginning(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    struct weir_channel *channel = weir_channel_open(&options);
    send(channel, 1000, 1);
    now = 1000 * SECOND;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    wi_process_views_init(&views, false);
    CHECK(wi_process_views_add(&views, view) == WEIR_OK);
    for (int s = 0; s <= 10; s++) {
        step(SECOND);
    }
    CHECK(value(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->type == WI_ABSENT);
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_WAIT_AT_LEAST, 10));
    wi_process_views_finish(&views);
}

static void no_percentile_looks_healthier_than_what_waits(void **state)
{
    (void)state;
    assert_int_equal(child_run(tells_what_waits_for_longer_than_the_percentile), 0);
    assert_int_equal(child_run(tells_it_though_nobody_saw_the_beginning), 0);
}

static void a_lower_bound_is_that_of_the_first_sample_beyond(void **state)
{
    (void)state;
    struct wi_age age = {.n = 0};
    assert_int_equal(wi_age_least(&age, 100 * SECOND, 0), 0);
    for (uint64_t i = 0; i < 1000; i++) {
        wi_age_add(&age, i * SECOND, 10 * i);
    }
    for (uint64_t left = 0; left < 9900; left += 7) {
        uint64_t least = wi_age_least(&age, 1000 * SECOND, left);
        uint64_t exact;
        if (wi_age_of(&age, 1000 * SECOND, 10000, left, &exact)) {
            assert_true(least <= exact);
        }
    }
    assert_int_equal(wi_age_least(&age, 1000 * SECOND, UINT64_MAX), 0);
}

static void tells_the_age(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    struct weir_channel *channel = weir_channel_open(&options);
    step(SECOND);
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE, 0));
    /* Between two ticks too: not absent because no second has passed. */
    send(channel, 1, 1);
    step(SECOND / 2);
    double young = value(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->u.f64;
    CHECK(value(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->type == WI_F64 && young <= 0.5);
    receive(channel, 1, 1);
    step(SECOND / 2);
    /* 10 messages come each second, 5 go: after 200 s the oldest is 100 s old. */
    for (int s = 0; s < 200; s++) {
        send(channel, 10, 1);
        receive(channel, 5, 1);
        step(SECOND);
    }
    double age = value(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->u.f64;
    CHECK(age > 96 && age < 104);
    receive(channel, 1000, 1);
    step(SECOND);
    CHECK(is_near(WI_CHANNEL, WI_CHANNEL_OLDEST_AGE, 0));
    wi_process_views_finish(&views);
}

static void the_oldest_message_has_an_age(void **state)
{
    (void)state;
    assert_int_equal(child_run(tells_the_age), 0);
}

static void weighs_samples(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    struct weir_channel *sampled = weir_channel_open(&options);
    const uint64_t n = 2000000;
    for (uint64_t i = 0; i < n; i++) {
        weir_channel_receive(sampled, weir_channel_send(sampled, 1), 1);
    }
    step(SECOND);
    uint64_t count = u64(WI_CHANNEL, WI_CHANNEL_WAIT);
    /* Each sample stands for the gap before it, so all but the last gap is accounted for. */
    CHECK(count <= n && count > n - 1024);
    wi_process_views_finish(&views);
}

static void a_sample_stands_for_all_since_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(child_run(weighs_samples), 0);
}

static void serve_one(struct weir_channel *channel)
{
    weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
}

/* Also in rows beyond those whose last seconds are remembered. */
static void reads_waits_when_a_row_is_looked_at(const char *dir)
{
    (void)dir;
    enum { N = 1100 };
    static struct weir_channel *channels[N];
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    options.latency = WEIR_LATENCY_FULL;
    for (int i = 0; i < N; i++) {
        channels[i] = weir_channel_open(&options);
        serve_one(channels[i]);
    }
    step(SECOND);
    serve_one(channels[0]);
    serve_one(channels[N - 1]);
    step(SECOND / 10); /* no tick */
    for (int i = 0; i < N; i += N - 1) {
        const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, (size_t)i);
        CHECK(row->value[WI_CHANNEL_WAIT].u.u64 == 2);
        CHECK(row->value[WI_CHANNEL_WAIT_P99].u.f64 > 0 &&
              row->value[WI_CHANNEL_WAIT_P50].u.f64 > 0);
    }
    wi_process_views_finish(&views);
}

static void waits_are_read_when_a_row_is_looked_at(void **state)
{
    (void)state;
    assert_int_equal(child_run(reads_waits_when_a_row_is_looked_at), 0);
}

static void leaves_waits_out(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", 10);
    options.latency = WEIR_LATENCY_FULL;
    struct weir_channel *channel = weir_channel_open(&options);
    serve_one(channel);
    send(channel, 3, 1);
    for (int s = 0; s < 5; s++) {
        step(SECOND);
    }
    struct wi_row whole = *wi_process_view_row(view, WI_CHANNEL, 0);
    struct wi_row brief = *wi_process_view_brief(view, WI_CHANNEL, 0);
    CHECK(brief.id == whole.id && strcmp(brief.name, "moves") == 0);
    for (int m = 0; m < WI_CHANNEL_N_METRICS; m++) {
        bool is_wait =
            (m >= WI_CHANNEL_WAIT && m <= WI_CHANNEL_WAIT_MAX) || m == WI_CHANNEL_WAIT_AT_LEAST;
        if (m == WI_CHANNEL_WAIT) {
            CHECK(whole.value[m].u.u64 == 1 && brief.value[m].u.u64 == 0);
        } else if (is_wait) {
            CHECK(whole.value[m].type == WI_F64 && brief.value[m].type == WI_ABSENT);
        } else {
            CHECK(memcmp(&whole.value[m], &brief.value[m], sizeof(brief.value[m])) == 0);
        }
    }
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_WAIT].u.u64 == 1);
    wi_process_views_finish(&views);
}

static void a_brief_row_has_all_but_the_waits(void **state)
{
    (void)state;
    assert_int_equal(child_run(leaves_waits_out), 0);
}

/* Each metric of a row, asked for alone, is what it is in the whole row. */
static void check_parts(enum wi_kind kind)
{
    struct wi_row whole = *wi_process_view_row(view, kind, 0);
    for (unsigned m = 0; m < wi_metric_table(kind)->n_metrics; m++) {
        const struct wi_row *part = wi_process_view_part(view, kind, 0, UINT64_C(1) << m);
        CHECK(part->id == whole.id && strcmp(part->name, whole.name) == 0);
        CHECK(part->value[m].type == whole.value[m].type);
        if (whole.value[m].type == WI_TEXT) {
            CHECK(strcmp(part->value[m].u.text, whole.value[m].u.text) == 0);
        } else if (whole.value[m].type != WI_ABSENT) {
            CHECK(memcmp(&part->value[m].u, &whole.value[m].u, sizeof(whole.value[m].u)) == 0);
        }
    }
    CHECK(wi_process_view_part(view, kind, 1, UINT64_MAX) == NULL);
}

static void builds_parts(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", 10);
    options.latency = WEIR_LATENCY_FULL;
    struct weir_channel *channel = weir_channel_open(&options);
    struct weir_semaphore_options permits = WEIR_SEMAPHORE_INIT("permits", 5);
    struct weir_semaphore *semaphore = weir_semaphore_open(&permits);
    struct weir_value_options value_options = WEIR_VALUE_INIT("kicks");
    struct weir_counter *counter = weir_counter_open(&value_options);
    for (int s = 0; s < 5; s++) {
        serve_one(channel);
        send(channel, 3, 10);
        weir_channel_reject(channel, WEIR_REJECT_FULL);
        weir_semaphore_acquire(semaphore, 1);
        weir_counter_add(counter, 7);
        step(SECOND);
    }
    check_parts(WI_CHANNEL);
    check_parts(WI_SEMAPHORE);
    check_parts(WI_COUNTER);
    wi_process_views_finish(&views);
}

static void a_row_in_part_has_what_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(child_run(builds_parts), 0);
}

/* Handles whose names are beyond those that have totals: 4,096. The names of those that have closed are given up. */
#define N_LASTING  4200
#define N_PASSING  300
#define N_CROWDS   60
#define CROWD_NAME "passing-%03d-%03d-with-a-name-of-some-length"

static void check_texts(size_t i, const char *name)
{
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, i);
    CHECK(strcmp(row->name, name) == 0);
    CHECK(strncmp(row->value[WI_CHANNEL_SOURCE].u.text, "process_view_test.c:", 20) == 0);
}

static void exchanges_names(const char *dir)
{
    (void)dir;
    static struct weir_channel *passing[N_PASSING];
    char name[64];
    uint64_t before = 0;
    start();
    for (int i = 0; i < N_LASTING; i++) {
        snprintf(name, sizeof(name), "lasting-%d", i);
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
        CHECK(weir_channel_open(&options) != NULL);
    }
    for (int crowd = 0; crowd < N_CROWDS; crowd++) {
        for (int i = 0; i < N_PASSING; i++) {
            snprintf(name, sizeof(name), CROWD_NAME, crowd, i);
            struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
            passing[i] = weir_channel_open(&options);
        }
        step(SECOND);
        before = before ? before : u64(WI_AGENT, WI_AGENT_MEMORY);
        CHECK(wi_process_view_count(view, WI_CHANNEL) == N_LASTING + N_PASSING);
        snprintf(name, sizeof(name), CROWD_NAME, crowd, 7);
        check_texts(N_LASTING + 7, name);
        check_texts(0, "lasting-0");
        check_texts(N_LASTING - 1, "lasting-4199");
        for (int i = 0; i < N_PASSING; i++) {
            weir_channel_close(passing[i]);
        }
        /* The slots of the crowd are taken in the order in which they were closed. */
        step(SECOND);
    }
    CHECK(u64(WI_AGENT, WI_AGENT_MEMORY) < before + 300000);
    wi_process_views_finish(&views);
}

static void names_of_closed_handles_are_given_up(void **state)
{
    (void)state;
    assert_int_equal(child_run(exchanges_names), 0);
}

/* All rows are compared in brief, but by a wait they are not. */
static void sorts_by_waits(const char *dir)
{
    (void)dir;
    static struct wi_memory memory = {.limit = 1 << 20};
    static const int metrics[] = {WI_CHANNEL_WAIT, WI_CHANNEL_WAIT_P50, WI_CHANNEL_WAIT_P99,
                                  WI_CHANNEL_WAIT_MAX, WI_CHANNEL_DEPTH};
    start();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    options.latency = WEIR_LATENCY_FULL;
    struct weir_channel *quick = weir_channel_open(&options);
    struct weir_channel *slow = weir_channel_open(&options);
    serve_one(quick);
    weir_ticket tickets[2] = {weir_channel_send(slow, 1), weir_channel_send(slow, 1)};
    for (volatile int i = 0; i < 3000000; i++) {
    }
    weir_channel_receive(slow, tickets[0], 1);
    weir_channel_receive(slow, tickets[1], 1);
    send(slow, 1, 1);
    step(SECOND);
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        struct wi_query query = {.kind = WI_CHANNEL,
                                 .filter = "",
                                 .sort = metrics[m],
                                 .is_descending = true,
                                 .limit = 1,
                                 .n_columns = 1};
        struct wi_selection selection;
        CHECK(wi_select(view, &query, &memory, &selection) == WEIR_OK && selection.n_rows == 1);
        CHECK(selection.rows[0] == 1);
        wi_memory_return(&memory, selection.rows);
    }
    wi_process_views_finish(&views);
}

static void rows_are_sorted_by_waits_too(void **state)
{
    (void)state;
    assert_int_equal(child_run(sorts_by_waits), 0);
}

static void quantiles_are_eleven_percent_off_at_most(void **state)
{
    (void)state;
    struct weir_histogram histogram = {{0}, 0, 0};
    for (uint64_t nanos = 2000; nanos < UINT64_C(100) * SECOND; nanos += nanos / 3) {
        memset(&histogram, 0, sizeof(histogram));
        histogram.bucket[weir_histogram_bucket(nanos)] = 5;
        double got = (double)wi_histogram_quantile(&histogram, 0.99);
        assert_true(fabs(got - (double)nanos) <= 0.112 * (double)nanos);
    }
    for (unsigned b = 0; b + 1 < WEIR_HISTOGRAM_BUCKETS; b++) {
        assert_int_equal(weir_histogram_bucket(wi_histogram_bound(b) - 1), b);
        assert_int_equal(weir_histogram_bucket(wi_histogram_bound(b)), b + 1);
    }
    assert_true(wi_histogram_bound(WEIR_HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

static void counts_near_the_end_of_their_range_have_quantiles(void **state)
{
    (void)state;
    struct weir_histogram histogram = {{0}, 0, 0};
    histogram.bucket[0] = 1;
    histogram.bucket[40] = UINT64_MAX - 1;
    uint64_t got = wi_histogram_quantile(&histogram, 1);
    assert_true(got >= wi_histogram_bound(39) && got <= wi_histogram_bound(40));
}

static void an_old_peak_leaves_the_window(void **state)
{
    (void)state;
    struct wi_window recent = {0};
    struct weir_histogram all = {{0}, 0, 0};
    struct weir_histogram last;
    uint64_t at = SECOND;
    all.bucket[90] = 1000;
    for (int s = 0; s < 25; s++, at += SECOND) {
        all.bucket[10] += 10;
        wi_window_turn(&recent, at, &all);
    }
    wi_window_recent(&recent, &all, &last);
    assert_int_equal(last.bucket[90], 0);
    assert_in_range(last.bucket[10], 100, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_is_shown_as_it_is),
        cmocka_unit_test(a_refusal_is_counted_once_and_permits_add_up),
        cmocka_unit_test(a_semaphore_may_start_without_permits),
        cmocka_unit_test(sent_less_received_less_discarded_is_the_depth),
        cmocka_unit_test(tasks_are_pending_then_running_then_gone),
        cmocka_unit_test(no_percentile_looks_healthier_than_what_waits),
        cmocka_unit_test(waits_without_tickets_are_estimated),
        cmocka_unit_test(a_lower_bound_is_that_of_the_first_sample_beyond),
        cmocka_unit_test(the_oldest_message_has_an_age),
        cmocka_unit_test(a_sample_stands_for_all_since_the_one_before),
        cmocka_unit_test(waits_are_read_when_a_row_is_looked_at),
        cmocka_unit_test(a_brief_row_has_all_but_the_waits),
        cmocka_unit_test(a_row_in_part_has_what_is_asked_for),
        cmocka_unit_test(names_of_closed_handles_are_given_up),
        cmocka_unit_test(rows_are_sorted_by_waits_too),
        cmocka_unit_test(quantiles_are_eleven_percent_off_at_most),
        cmocka_unit_test(counts_near_the_end_of_their_range_have_quantiles),
        cmocka_unit_test(an_old_peak_leaves_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
