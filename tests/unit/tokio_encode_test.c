/* SPDX-License-Identifier: MIT */
/* Rows as tokio-console shows them, one at a time, also such as no sane process has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "encode/attribute.h"
#include "encode/tokio.h"
#include "fake_view.h"
#include "tokio_model.h"

#include <stdlib.h>
#include <string.h>

#define NOW    INT64_C(1795461026120000000)
#define MILLI  UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static struct tokio_model model;

/* One task as the model has it. */
static struct tokio_item *show_at(const struct wi_task_sample *look, int64_t now)
{
    struct wi_buffer buffer;
    struct wi_tokio_task task;
    tokio_model_finish(&model);
    wi_buffer_init(&buffer, 1 << 16);
    wi_tokio_task_of(look, now, &task);
    wi_tokio_now(&buffer, now);
    size_t mark = wi_tokio_begin_part(&buffer, WI_TOKIO_TASKS);
    wi_tokio_new_task(&buffer, look);
    wi_tokio_task_stats(&buffer, &task);
    wi_tokio_end_part(&buffer, mark, WI_TOKIO_TASKS, 0);
    wi_tokio_metadata(&buffer, "game");
    assert_false(buffer.has_failed);
    assert_true(buffer.length < WI_TOKIO_ROOM);
    tokio_model_take(&model, buffer.bytes, buffer.length);
    wi_buffer_finish(&buffer);
    struct tokio_item *item = tokio_model_find(&model, TOKIO_TASK, look->id);
    assert_non_null(item);
    return item;
}

static struct tokio_item *show(const struct wi_task_sample *look)
{
    return show_at(look, NOW);
}

static const struct wi_task_sample plain = {
    .id = UINT64_C(1) << 32 | 6,
    .name = "connection 7",
    .kind = "connection",
    .source = "net/server.c:118",
    .state = WI_TASK_SAMPLE_IDLE,
    .polls = 40,
    .wakes = 41,
    .self_wakes = 3,
    .busy = 5 * MILLI,
    .scheduled = 2 * MILLI,
    .in_state = 300 * MILLI,
    .age = 9 * SECOND,
};

static void an_idle_task_is_idle(void **state)
{
    (void)state;
    const struct tokio_item *item = show(&plain);
    assert_string_equal(tokio_item_state(item), "IDLE");
    assert_string_equal(item->name, "connection 7");
    assert_string_equal(item->kind, "connection");
    assert_string_equal(item->location, "net/server.c:118");
    assert_string_equal(model.target, "game");
    assert_int_equal(item->number, 7);
    assert_int_equal(item->polls, 40);
    assert_int_equal(item->wakes, 41);
    assert_int_equal(item->self_wakes, 3);
    assert_int_equal(item->busy, 5 * MILLI);
    assert_int_equal(item->scheduled, 2 * MILLI);
    assert_int_equal(item->created, NOW - (int64_t)(9 * SECOND));
    assert_int_equal(item->dropped, 0);
    assert_string_equal(tokio_item_warning(item, NOW), "");
    assert_int_equal(item->wakers, 1);
}

static void a_running_one_runs_since_it_began(void **state)
{
    (void)state;
    struct wi_task_sample look = plain;
    look.state = WI_TASK_SAMPLE_RUNNING;
    const struct tokio_item *item = show(&look);
    assert_string_equal(tokio_item_state(item), "RUNNING");
    assert_int_equal(item->poll_started, NOW - (int64_t)(300 * MILLI));
    assert_int_equal(item->busy, 5 * MILLI);
    look.in_state = 90 * SECOND;
    look.age = 95 * SECOND;
    assert_string_equal(tokio_item_warning(show(&look), NOW), ""); /* it has yielded before */
    look.polls = 1;
    assert_string_equal(tokio_item_warning(show(&look), NOW), "never-yielded");
    look.in_state = 900 * MILLI;
    look.busy = 0;
    assert_string_equal(tokio_item_warning(show(&look), NOW), "");
}

static void a_scheduled_one_waits_since_it_was_woken(void **state)
{
    (void)state;
    struct wi_task_sample look = plain;
    look.state = WI_TASK_SAMPLE_SCHEDULED;
    const struct tokio_item *item = show(&look);
    assert_string_equal(tokio_item_state(item), "SCHED");
    assert_int_equal(item->woken, NOW - (int64_t)(300 * MILLI));
    look.polls = look.wakes = look.self_wakes = look.busy = look.scheduled = 0;
    look.in_state = look.age;
    item = show(&look); /* spawned just now */
    assert_string_equal(tokio_item_state(item), "SCHED");
    assert_string_equal(tokio_item_warning(item, NOW), "");
}

static void one_that_is_done_has_its_end(void **state)
{
    (void)state;
    struct wi_task_sample look = plain;
    look.state = WI_TASK_SAMPLE_DONE;
    look.in_state = 2 * SECOND;
    const struct tokio_item *item = show(&look);
    assert_string_equal(tokio_item_state(item), "DONE");
    assert_int_equal(item->dropped, NOW - (int64_t)(2 * SECOND));
    assert_int_equal(item->dropped - item->created, 9 * SECOND);
    assert_int_equal(item->wakers, 0);
}

static void one_that_vanished_ends_with_what_was_known(void **state)
{
    (void)state;
    struct wi_tokio_task task;
    wi_tokio_task_of(&plain, NOW, &task);
    wi_tokio_task_end(&task, NOW + 5);
    assert_int_equal(task.dropped, NOW + 5);
    assert_int_equal(task.polls, 40);
    wi_tokio_task_end(&task, 0); /* a clock that makes no sense */
    assert_int_equal(task.dropped, task.created);
}

static void time_alone_is_no_difference(void **state)
{
    (void)state;
    struct wi_tokio_task before, after;
    struct wi_task_sample look = plain;
    wi_tokio_task_of(&look, NOW, &before);
    look.in_state += SECOND;
    look.age += SECOND;
    wi_tokio_task_of(&look, NOW + (int64_t)SECOND, &after);
    assert_false(wi_tokio_task_differs(&before, &after));
    look.state = WI_TASK_SAMPLE_SCHEDULED;
    wi_tokio_task_of(&look, NOW + (int64_t)SECOND, &after);
    assert_true(wi_tokio_task_differs(&before, &after));
    look = plain;
    look.busy++;
    wi_tokio_task_of(&look, NOW, &after);
    assert_true(wi_tokio_task_differs(&before, &after));
}

/* Every number of a segment may be any: tokio_model ends the test where the console would end. */
static void no_number_ends_the_console(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 1, 999999999, SECOND, INT64_MAX, UINT64_MAX};
    static const int64_t nows[] = {NOW, 0, 1, -1, INT64_MIN, INT64_MAX};
    const size_t n = sizeof(numbers) / sizeof(numbers[0]);
    for (size_t i = 0; i < 6 * n * n * n; i++) {
        struct wi_task_sample look = plain;
        look.state = (enum wi_task_sample_state)(i % 4);
        look.in_state = numbers[i / 6 % n];
        look.age = numbers[i / 6 / n % n];
        look.busy = look.scheduled = numbers[(i / 6 / n / n) % n];
        look.polls = numbers[i % n];
        look.wakes = numbers[(i + 1) % n];
        look.self_wakes = numbers[(i + 2) % n];
        struct tokio_item *item = show_at(&look, nows[i % 6]);
        static const char *const states[] = {"IDLE", "SCHED", "RUNNING", "DONE"};
        bool is_clear = nows[i % 6] > 1 && look.age <= INT64_MAX / 2 && look.in_state < 2 * SECOND;
        if (is_clear) {
            assert_string_equal(tokio_item_state(item), states[look.state]);
        }
    }
}

static void texts_may_be_missing_or_long(void **state)
{
    (void)state;
    char *longest = malloc(5000);
    struct wi_task_sample look = plain;
    look.name = "";
    look.kind = look.source = NULL;
    const struct tokio_item *item = show(&look);
    assert_string_equal(item->name, "");
    assert_string_equal(item->location, "");
    for (size_t i = 0; i + 2 < 5000; i += 2) {
        memcpy(longest + i, "\xc3\xa9", 3); /* é: never cut in two */
    }
    look.name = look.kind = look.source = longest;
    item = show(&look);
    assert_true(strlen(item->name) > 100);
    static const char *const sources[] = {":",   ":5",    "a:", "a:b", "a:99999999999",
                                          "a:0", "a:1:2", "a"};
    static const char *const shown[] = {"", "", "a:", "a:b", "a:99999999999", "a:0", "a:1:2", "a"};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        look.source = sources[i];
        assert_string_equal(show(&look)->location, shown[i]);
    }
    free(longest);
}

static void numbers_of_tasks_are_short_and_never_twice(void **state)
{
    (void)state;
    struct wi_task_sample look = plain;
    look.id = UINT64_C(1) << 32;
    assert_int_equal(show(&look)->number, 1);
    look.id = UINT64_C(1) << 32 | 65535;
    assert_int_equal(show(&look)->number, 65536);
    look.id = UINT64_C(2) << 32;
    assert_int_equal(show(&look)->number, 65537);
    look.id = UINT64_MAX;
    assert_int_not_equal(show(&look)->number, 0);
}

/* ---- resources ------------------------------------------------------------------------------ */

static struct wi_process_view *view;

static struct tokio_item *show_row(enum wi_kind kind, const struct wi_row *row)
{
    struct wi_buffer buffer;
    tokio_model_finish(&model);
    wi_buffer_init(&buffer, 1 << 16);
    wi_tokio_now(&buffer, NOW);
    size_t mark = wi_tokio_begin_part(&buffer, WI_TOKIO_RESOURCES);
    wi_tokio_new_resource(&buffer, kind, row);
    wi_tokio_resource_stats(&buffer, kind, row, NOW - 5);
    wi_tokio_end_part(&buffer, mark, WI_TOKIO_RESOURCES, 3);
    wi_tokio_metadata(&buffer, "game");
    assert_false(buffer.has_failed);
    assert_true(buffer.length < WI_TOKIO_ROOM);
    tokio_model_take(&model, buffer.bytes, buffer.length);
    wi_buffer_finish(&buffer);
    assert_int_equal(model.lost[TOKIO_RESOURCE], 3);
    return tokio_model_find(&model, TOKIO_RESOURCE, row->id);
}

static int open_view(void **state)
{
    (void)state;
    view = fake_view_create("game");
    return 0;
}

static int close_view(void **state)
{
    (void)state;
    wi_process_view_close(view);
    tokio_model_finish(&model);
    return 0;
}

static void a_channel_says_depth_and_capacity(void **state)
{
    (void)state;
    struct wi_row *row = fake_view_add_channel(view, "moves", 100, 40, WEIR_UNBOUNDED);
    fake_view_set_f64(row, WI_CHANNEL_IN_RATE, 12.345);
    fake_view_set_f64(row, WI_CHANNEL_WAIT_P99, 0.0012346);
    fake_view_set_u64(row, WI_CHANNEL_QUEUED_BYTES, 4096);
    fake_view_set_u64(row, WI_CHANNEL_REJECTS, 3);
    const struct tokio_item *item = show_row(WI_CHANNEL, row);
    assert_string_equal(item->kind, "Channel");
    assert_string_equal(item->name, "moves");
    assert_string_equal(item->location, "game.c:118");
    assert_string_equal(tokio_item_attribute(item, "depth"), "60");
    assert_string_equal(tokio_item_attribute(item, "capacity"), "unbounded");
    assert_string_equal(tokio_item_attribute(item, "sent"), "100");
    assert_string_equal(tokio_item_attribute(item, "received"), "40");
    assert_string_equal(tokio_item_attribute(item, "rejects"), "3");
    assert_string_equal(tokio_item_attribute(item, "in_rate"), "12.3/s");
    assert_string_equal(tokio_item_attribute(item, "wait_p99"), "1.23ms");
    assert_string_equal(tokio_item_attribute(item, "queued_bytes"), "4096B");
    assert_string_equal(tokio_item_attribute(item, "discarded"), ""); /* none */
    assert_string_equal(tokio_item_attribute(item, "label"), "");
    fake_view_set_text(view, row, WI_CHANNEL_LABEL, "client-7");
    uint64_t print = wi_attributes_print(WI_CHANNEL, row);
    assert_string_equal(tokio_item_attribute(show_row(WI_CHANNEL, row), "label"), "client-7");
    fake_view_set_text(view, row, WI_CHANNEL_LABEL, "client-8");
    assert_true(wi_attributes_print(WI_CHANNEL, row) != print);
    row = fake_view_add_channel(view, "jobs", 8, 0, 8);
    assert_string_equal(tokio_item_attribute(show_row(WI_CHANNEL, row), "capacity"), "8");
    assert_string_equal(wi_tokio_op_source(WI_CHANNEL, row), "Channel::send");
    fake_view_set_u64(row, WI_CHANNEL_DEPTH, 7);
    assert_string_equal(wi_tokio_op_source(WI_CHANNEL, row), "Channel::receive");
    fake_view_set_absent(row, WI_CHANNEL_CAPACITY);
    assert_string_equal(wi_tokio_op_source(WI_CHANNEL, row), "Channel::receive");
}

static void the_other_kinds_say_what_they_are(void **state)
{
    (void)state;
    struct wi_row *row = fake_view_add_semaphore(view, "slots", 64, 4);
    fake_view_set_u64(row, WI_SEMAPHORE_WAITERS, 2);
    const struct tokio_item *item = show_row(WI_SEMAPHORE, row);
    assert_string_equal(item->kind, "Semaphore");
    assert_string_equal(tokio_item_attribute(item, "permits"), "64");
    assert_string_equal(tokio_item_attribute(item, "available"), "4");
    assert_string_equal(tokio_item_attribute(item, "waiters"), "2");
    assert_string_equal(wi_tokio_op_source(WI_SEMAPHORE, row), "Semaphore::acquire");
    row = fake_view_add_task(view, "handler", 3, 2, 90);
    item = show_row(WI_TASK, row);
    assert_string_equal(item->kind, "TaskKind");
    assert_string_equal(tokio_item_attribute(item, "pending"), "3");
    assert_null(wi_tokio_op_source(WI_TASK, row));
    row = fake_view_add(view, WI_LOOP, "main");
    fake_view_set_f64(row, WI_LOOP_UTILISATION, 0.5);
    fake_view_set_f64(row, WI_LOOP_PERIOD, 2);
    item = show_row(WI_LOOP, row);
    assert_string_equal(item->kind, "Loop");
    assert_string_equal(tokio_item_attribute(item, "utilisation"), "50.0%");
    assert_string_equal(tokio_item_attribute(item, "period"), "2.00s");
    row = fake_view_add(view, WI_COUNTER, "joins");
    fake_view_set_u64(row, WI_COUNTER_VALUE, UINT64_MAX);
    item = show_row(WI_COUNTER, row);
    assert_string_equal(item->kind, "Counter");
    assert_string_equal(tokio_item_attribute(item, "value"), "18446744073709551615");
    row = fake_view_add(view, WI_GAUGE, "");
    fake_view_set_i64(row, WI_GAUGE_VALUE, -5);
    item = show_row(WI_GAUGE, row);
    assert_string_equal(item->kind, "Gauge");
    assert_string_equal(item->name, "(no name)");
    assert_string_equal(tokio_item_attribute(item, "value"), "-5");
    static const enum wi_kind none[] = {WI_PROCESS, WI_AGENT, WI_WARNING, WI_TASK_INSTANCE,
                                        WI_SENDER};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_null(wi_attribute_type(none[i]));
    }
}

/* What is shown and what the fingerprint is of are the same: each value that changes the one changes the
 * other. */
static void a_fingerprint_is_of_what_is_shown(void **state)
{
    (void)state;
    static const enum wi_kind kinds[] = {WI_CHANNEL, WI_SEMAPHORE, WI_TASK,
                                         WI_LOOP,    WI_COUNTER,   WI_GAUGE};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        size_t n_shown = 0;
        for (size_t m = 0; m < wi_metric_table(kinds[k])->n_metrics; m++) {
            struct wi_row *row = fake_view_add(view, kinds[k], "r");
            fake_view_set_u64(row, (int)m, 5);
            char *before = strdup(show_row(kinds[k], row)->attributes);
            uint64_t print = wi_tokio_print(kinds[k], row);
            fake_view_set_u64(row, (int)m, 6);
            bool is_shown = strcmp(before, show_row(kinds[k], row)->attributes) != 0;
            assert_int_equal(print != wi_tokio_print(kinds[k], row), is_shown);
            n_shown += is_shown;
            free(before);
            fake_view_remove(view, row);
        }
        assert_true(n_shown > 0);
    }
}

static void strange_values_are_shown_somehow(void **state)
{
    (void)state;
    static const double values[] = {-1,         1e300,  0.0 / 0.0, 1.0 / 0.0,
                                    -1.0 / 0.0, 1e-300, 0.99999,   99.999};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct wi_row *row = fake_view_add(view, WI_LOOP, "main");
        for (size_t m = 0; m < WI_LOOP_N_METRICS; m++) {
            fake_view_set_f64(row, (int)m, values[i]);
        }
        assert_non_null(show_row(WI_LOOP, row)->attributes);
        fake_view_remove(view, row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_task_is_idle),
        cmocka_unit_test(a_running_one_runs_since_it_began),
        cmocka_unit_test(a_scheduled_one_waits_since_it_was_woken),
        cmocka_unit_test(one_that_is_done_has_its_end),
        cmocka_unit_test(one_that_vanished_ends_with_what_was_known),
        cmocka_unit_test(time_alone_is_no_difference),
        cmocka_unit_test(no_number_ends_the_console),
        cmocka_unit_test(texts_may_be_missing_or_long),
        cmocka_unit_test(numbers_of_tasks_are_short_and_never_twice),
        cmocka_unit_test(a_channel_says_depth_and_capacity),
        cmocka_unit_test(the_other_kinds_say_what_they_are),
        cmocka_unit_test(a_fingerprint_is_of_what_is_shown),
        cmocka_unit_test(strange_values_are_shown_somehow),
    };
    return cmocka_run_group_tests_name("tokio_encode", tests, open_view, close_view);
}
