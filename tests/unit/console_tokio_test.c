/* SPDX-License-Identifier: MIT */
/*
 * A Tokio server's messages, made here field by field, as rows of a process view: what is told, left out,
 * repeated, reused, wild or too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "snapshot/process_view.h"
#include "tokio/provider.h"
#include "tokio_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a process view that is fed with them ------------------------------------------------------------ */

struct fixture {
    struct wi_process_view *view;
    struct wc_feed_message queue[8];
    size_t n_queued, n_taken;
    uint64_t wanted[WC_STORE_DETAILS];
    size_t n_wanted;
    double quiet;
    bool is_closed;
    uint64_t clock;
};

static bool feed_take(void *context, struct wc_feed_message *ret_message)
{
    struct fixture *fixture = context;
    if (fixture->n_taken == fixture->n_queued) {
        return false;
    }
    *ret_message = fixture->queue[fixture->n_taken++];
    return true;
}

static void feed_want(void *context, const uint64_t *task_ids, size_t n)
{
    struct fixture *fixture = context;
    memcpy(fixture->wanted, task_ids, n * sizeof(*task_ids));
    fixture->n_wanted = n;
}

static double feed_quiet(void *context)
{
    return ((struct fixture *)context)->quiet;
}

static void feed_close(void *context)
{
    ((struct fixture *)context)->is_closed = true;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct wc_feed feed = {fixture, feed_take, feed_want, feed_quiet, feed_close};
    struct wc_lints lints;
    wc_lints_init(&lints);
    fixture->clock = 1000 * (uint64_t)SECOND;
    *state = fixture;
    return fixture && wc_tokio_view_open(&feed, &lints, NOW, &fixture->view, NULL) == WEIR_OK ? 0
                                                                                              : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    wi_process_view_close(fixture->view);
    int failed = !fixture->is_closed;
    free(fixture);
    return failed;
}

/* Gives the process view a message, a second after the one before, and lets it read. */
static void feed_bytes(struct fixture *fixture, enum wc_feed_kind kind, const uint8_t *bytes,
                       size_t n)
{
    fixture->queue[0] = (struct wc_feed_message){kind, bytes, n};
    fixture->n_queued = 1;
    fixture->n_taken = 0;
    fixture->clock += (uint64_t)SECOND;
    assert_int_equal(wi_process_view_refresh(fixture->view, fixture->clock, NULL), WEIR_OK);
    assert_int_equal(fixture->n_taken, 1);
}

static void feed(struct fixture *fixture, struct update *update)
{
    struct message whole = pack(update);
    feed_bytes(fixture, WC_FEED_UPDATE, whole.bytes, whole.n);
    free(whole.bytes);
}

static const struct wi_row *row_of(struct fixture *fixture, enum wi_kind kind, const char *name)
{
    for (size_t i = 0; i < wi_process_view_count(fixture->view, kind); i++) {
        const struct wi_row *row = wi_process_view_row(fixture->view, kind, i);
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    fail_msg("there is no \"%s\"", name);
    return NULL;
}

static double number_of(struct fixture *fixture, enum wi_kind kind, const char *name, int metric)
{
    return wi_value_number(&row_of(fixture, kind, name)->value[metric], -1);
}

static const char *text_of(struct fixture *fixture, enum wi_kind kind, const char *name, int metric)
{
    const struct wi_value *value = &row_of(fixture, kind, name)->value[metric];
    return value->type == WI_TEXT ? value->u.text : "";
}

static bool warns_of(struct fixture *fixture, const char *part)
{
    for (size_t i = 0; i < wi_process_view_count(fixture->view, WI_WARNING); i++) {
        const struct wi_row *row = wi_process_view_row(fixture->view, WI_WARNING, i);
        if (strstr(row->value[WI_WARNING_TEXT].u.text, part)) {
            return true;
        }
    }
    return false;
}

#define TASKS(fixture) ((int)wi_process_view_count((fixture)->view, WI_TASK_INSTANCE))

/* ---- tests ------------------------------------------------------------------------------------ */

static void states_and_times_follow_from_what_was_last(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task idle = {.created = NOW - 10 * SECOND,
                              .started = NOW - 4 * SECOND,
                              .ended = NOW - 3 * SECOND,
                              .busy = SECOND,
                              .scheduled = 2 * SECOND,
                              .polls = 3};
    struct task running = idle, scheduled = idle;
    running.started = NOW - SECOND;
    scheduled.last_wake = NOW - SECOND / 2;
    const struct task fresh = {.created = NOW - SECOND};
    add_task(&update, 1, "idle");
    add_task(&update, 2, "running");
    add_task(&update, 3, "scheduled");
    add_task(&update, 4, NULL);
    add_task_stats(&update, 1, &idle);
    add_task_stats(&update, 2, &running);
    add_task_stats(&update, 3, &scheduled);
    add_task_stats(&update, 4, &fresh);
    feed(fixture, &update);

    static const struct {
        const char *name, *state;
        double in_state, busy, scheduled, idle;
    } wanted[] = {{"idle", "idle", 3, 1, 2, 7},
                  {"running", "running", 1, 2, 2, 6},
                  {"scheduled", "scheduled", 0.5, 1, 2.5, 6.5},
                  {"task 4", "idle", 1, 0, 0, 1}};
    for (size_t i = 0; i < 4; i++) {
        const char *name = wanted[i].name;
        assert_string_equal(text_of(fixture, WI_TASK_INSTANCE, name, WI_TASK_INSTANCE_STATE),
                            wanted[i].state);
        assert_true(number_of(fixture, WI_TASK_INSTANCE, name, WI_TASK_INSTANCE_IN_STATE) ==
                    wanted[i].in_state);
        assert_true(number_of(fixture, WI_TASK_INSTANCE, name, WI_TASK_INSTANCE_BUSY) ==
                    wanted[i].busy);
        assert_true(number_of(fixture, WI_TASK_INSTANCE, name, WI_TASK_INSTANCE_SCHEDULED) ==
                    wanted[i].scheduled);
        assert_true(number_of(fixture, WI_TASK_INSTANCE, name, WI_TASK_INSTANCE_IDLE) ==
                    wanted[i].idle);
    }
    assert_true(number_of(fixture, WI_TASK, "src/main.rs:12:5", WI_TASK_SINGLE_IDLE) == 2);
}

static void rates_are_by_the_servers_clock(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    struct task task = {.created = NOW - 10 * SECOND, .polls = 100, .busy = SECOND};
    add_task(&update, 1, "a");
    add_task_stats(&update, 1, &task);
    feed(fixture, &update);
    assert_int_equal(row_of(fixture, WI_TASK_INSTANCE, "a")->value[WI_TASK_INSTANCE_POLL_RATE].type,
                     WI_ABSENT);
    task.polls = 150;
    task.busy = 2 * SECOND;
    update.now = NOW + 5 * SECOND; /* five of its seconds in one of ours */
    add_task_stats(&update, 1, &task);
    feed(fixture, &update);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "a", WI_TASK_INSTANCE_POLL_RATE) == 10);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "a", WI_TASK_INSTANCE_UTILISATION) == 0.2);
    update.now = NOW + 6 * SECOND; /* nothing new of it */
    feed(fixture, &update);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "a", WI_TASK_INSTANCE_POLL_RATE) == 0);
}

static void what_is_told_again_is_no_new_thing(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task task = {.created = NOW - 10 * SECOND, .polls = 1};
    uint64_t id = 0;
    for (int i = 0; i < 3; i++) {
        add_task(&update, 1, "a");
        add_task_stats(&update, 1, &task);
        add_resource(&update, 1, 0, "Mutex", 1);
        feed(fixture, &update);
        assert_int_equal(TASKS(fixture), 1);
        uint64_t now = row_of(fixture, WI_TASK_INSTANCE, "a")->id;
        assert_true(i == 0 || now == id);
        id = now;
        assert_int_equal(wi_process_view_count(fixture->view, WI_RESOURCE), 1);
    }
    assert_true(number_of(fixture, WI_TASK, "src/main.rs:12:5", WI_TASK_SPAWNED) == 1);
}

static void a_number_used_again_is_another_thing(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task first = {.created = NOW - 10 * SECOND, .polls = 5};
    const struct task second = {.created = NOW - SECOND, .polls = 1};
    add_task(&update, 1, "a");
    add_task_stats(&update, 1, &first);
    feed(fixture, &update);
    uint64_t id = row_of(fixture, WI_TASK_INSTANCE, "a")->id;
    add_task(&update, 1, "b");
    add_task_stats(&update, 1, &second);
    feed(fixture, &update);
    assert_int_equal(TASKS(fixture), 1);
    assert_true(row_of(fixture, WI_TASK_INSTANCE, "b")->id != id);
    const char *place = "src/main.rs:12:5";
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_SPAWNED) == 2);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_FINISHED) == 1);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_POLLS) == 6);
}

static void half_of_a_thing_is_waited_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task task = {.created = NOW - 10 * SECOND};
    add_task(&update, 1, "late");
    add_task(&update, 2, "never");
    feed(fixture, &update);
    assert_int_equal(TASKS(fixture), 0);
    add_task_stats(&update, 1, &task);
    add_task_stats(&update, 3, &task); /* of one that nothing was said of */
    feed(fixture, &update);
    assert_int_equal(TASKS(fixture), 2);
    row_of(fixture, WI_TASK_INSTANCE, "late");
    row_of(fixture, WI_TASK_INSTANCE, "task 3");
    feed(fixture, &update);
    add_task_stats(&update, 2, &task);
    feed(fixture, &update);
    row_of(fixture, WI_TASK_INSTANCE, "task 2"); /* its name is forgotten */
}

static void what_ends_is_shown_a_while_and_counted_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    struct task task = {.created = NOW - 10 * SECOND, .polls = 4, .busy = SECOND, .wakes = 3};
    const struct task old = {.created = NOW - 100 * SECOND,
                             .dropped = NOW - 50 * SECOND,
                             .polls = 6,
                             .busy = SECOND,
                             .wakes = 1};
    const char *place = "src/main.rs:12:5";
    add_task(&update, 1, "a");
    add_task_stats(&update, 1, &task);
    add_task(&update, 2, "long gone");
    add_task_stats(&update, 2, &old);
    feed(fixture, &update);
    assert_int_equal(TASKS(fixture), 1);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_SPAWNED) == 2);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_FINISHED) == 1);
    task.dropped = NOW + SECOND;
    update.now = NOW + 2 * SECOND;
    add_task_stats(&update, 1, &task);
    feed(fixture, &update);
    assert_string_equal(text_of(fixture, WI_TASK_INSTANCE, "a", WI_TASK_INSTANCE_STATE), "done");
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "a", WI_TASK_INSTANCE_AGE) == 11);
    update.now = NOW + 60 * SECOND;
    feed(fixture, &update);
    assert_int_equal(TASKS(fixture), 0);
    add_task_stats(&update, 1, &task); /* said once more */
    update.now = NOW + 61 * SECOND;
    feed(fixture, &update);
    assert_int_equal(TASKS(fixture), 0);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_FINISHED) == 2);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_POLLS) == 10);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_BUSY) == 2);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_WAKES) == 4);
    assert_true(number_of(fixture, WI_TASK, place, WI_TASK_PENDING) == 0);
}

static void names_are_told_apart_the_older_first(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    for (uint64_t i = 5; i > 0; i--) { /* the youngest first on the wire */
        const struct task task = {.created = NOW - (10 - (int64_t)i) * SECOND, .polls = i};
        add_task(&update, i, "worker");
        add_task_stats(&update, i, &task);
    }
    feed(fixture, &update);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "worker", WI_TASK_INSTANCE_POLLS) == 1);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "worker #2", WI_TASK_INSTANCE_POLLS) == 2);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "worker #5", WI_TASK_INSTANCE_POLLS) == 5);
    assert_string_equal(wi_process_view_row(fixture->view, WI_TASK_INSTANCE, 0)->name, "worker");
}

static void what_is_left_out_is_absent(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    struct message nothing = {0};
    for (int sort = 0; sort < 3; sort++) {
        put_id(&nothing, 1, 9);
        put_message(&update.part[sort], 1, &nothing);
        add_stats(&update, sort, 9, &nothing);
    }
    feed(fixture, &update);
    const struct wi_row *row = row_of(fixture, WI_TASK_INSTANCE, "task 9");
    assert_int_equal(row->value[WI_TASK_INSTANCE_AGE].type, WI_ABSENT);
    assert_int_equal(row->value[WI_TASK_INSTANCE_SOURCE].type, WI_ABSENT);
    assert_int_equal(row->value[WI_TASK_INSTANCE_TARGET].type, WI_ABSENT);
    assert_string_equal(text_of(fixture, WI_TASK_INSTANCE, "task 9", WI_TASK_INSTANCE_STATE),
                        "idle");
    row = row_of(fixture, WI_RESOURCE, "resource");
    assert_int_equal(row->value[WI_RESOURCE_TYPE].type, WI_ABSENT);
    assert_int_equal(row->value[WI_RESOURCE_ATTRIBUTES].type, WI_ABSENT);
    row = row_of(fixture, WI_OPERATION, "operation");
    assert_int_equal(row->value[WI_OPERATION_TASK].type, WI_ABSENT);
    assert_int_equal(wi_process_view_count(fixture->view, WI_SEMAPHORE), 0);
}

static void wild_times_are_no_times(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task wild = {.created = NOW + 100 * SECOND, /* of the future */
                              .busy = -5 * SECOND,
                              .scheduled = INT64_MAX,
                              .started = -SECOND,
                              .ended = INT64_MIN,
                              .last_wake = INT64_MAX,
                              .polls = UINT64_MAX,
                              .wakes = UINT64_MAX};
    add_task(&update, 1, "wild");
    add_task_stats(&update, 1, &wild);
    feed(fixture, &update);
    static const int times[] = {WI_TASK_INSTANCE_BUSY, WI_TASK_INSTANCE_SCHEDULED,
                                WI_TASK_INSTANCE_IDLE, WI_TASK_INSTANCE_AGE};
    for (size_t i = 0; i < 4; i++) {
        assert_true(number_of(fixture, WI_TASK_INSTANCE, "wild", times[i]) >= 0);
    }
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "wild", WI_TASK_INSTANCE_BUSY) == 0);
    update.now = NOW - 1000 * SECOND; /* the clock was set */
    feed(fixture, &update);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "wild", WI_TASK_INSTANCE_AGE) >= 0);
}

static void parents_may_go_in_circles(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    add_resource(&update, 1, 2, "Semaphore", 3);
    add_resource(&update, 2, 1, "Semaphore", 4);
    add_resource(&update, 3, 3, "Semaphore", 5);
    add_operation(&update, 1, 2, 1, 7);
    add_operation(&update, 2, 1, 1, 7);
    add_operation(&update, 3, 3, 99, 99); /* of what is not there */
    feed(fixture, &update);
    assert_int_equal(wi_process_view_count(fixture->view, WI_RESOURCE), 3);
    assert_string_equal(text_of(fixture, WI_RESOURCE, "Semaphore #3", WI_RESOURCE_PARENT),
                        "Semaphore #3");
    assert_string_equal(text_of(fixture, WI_OPERATION, "Semaphore::acquire", WI_OPERATION_PARENT),
                        "Semaphore::acquire #2");
    assert_true(number_of(fixture, WI_RESOURCE, "Semaphore", WI_RESOURCE_OPERATIONS) == 2);
    assert_true(number_of(fixture, WI_SEMAPHORE, "Semaphore", WI_SEMAPHORE_WAITERS) == 2);
    assert_string_equal(
        text_of(fixture, WI_OPERATION, "Semaphore::acquire #3", WI_OPERATION_RESOURCE), "");
}

static void fields_may_be_named_by_number(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    struct message task = {0}, field = {0}, meta = {0}, entry = {0};
    const struct task stats = {.created = NOW - SECOND};
    put_id(&task, 1, 1);
    put_id(&task, 2, 77);
    for (uint64_t i = 0; i < 3; i++) {
        put_number(&field, 2, i);
        put_number(&field, 6, 2 * i + 1); /* zigzag */
        put_id(&field, 8, 77);
        put_message(&task, 4, &field);
    }
    put_message(&update.part[0], 1, &task);
    add_task_stats(&update, 1, &stats);
    put_text(&meta, 2, "tokio::task");
    put_text(&meta, 7, "alpha");
    put_text(&meta, 7, "beta");
    put_id(&entry, 1, 77);
    put_message(&entry, 2, &meta);
    put_message(&update.metas, 1, &entry);
    feed(fixture, &update);
    assert_string_equal(text_of(fixture, WI_TASK_INSTANCE, "task 1", WI_TASK_INSTANCE_FIELDS),
                        "alpha=-1 beta=-2");
    assert_string_equal(text_of(fixture, WI_TASK_INSTANCE, "task 1", WI_TASK_INSTANCE_TARGET),
                        "tokio::task");
}

static void names_are_fit_for_a_terminal(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    char longest[4000];
    const struct task stats = {.created = NOW - SECOND};
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    add_task(&update, 1, "\x1b[2J\xff\xc3\n");
    add_task(&update, 2, longest);
    add_task_stats(&update, 1, &stats);
    add_task_stats(&update, 2, &stats);
    feed(fixture, &update);
    row_of(fixture, WI_TASK_INSTANCE, "?[2J???");
    for (size_t i = 0; i < 2; i++) {
        const struct wi_row *row = wi_process_view_row(fixture->view, WI_TASK_INSTANCE, i);
        assert_true(strlen(row->name) <= WEIR_NAME_MAX);
    }
}

static void an_update_cut_short_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task stats = {.created = NOW - SECOND, .polls = 7};
    for (uint64_t i = 1; i < 20; i++) {
        add_task(&update, i, "a");
        add_task_stats(&update, i, &stats);
        add_resource(&update, i, i - 1, "Semaphore", i);
        add_operation(&update, i, 0, i, i);
    }
    struct message whole = pack(&update);
    for (size_t n = 0; n < whole.n; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, whole.bytes, n);
        feed_bytes(fixture, WC_FEED_UPDATE, copy, n);
        feed_bytes(fixture, WC_FEED_STATE, copy, n);
        feed_bytes(fixture, WC_FEED_DETAILS, copy, n);
        free(copy);
    }
    assert_true(warns_of(fixture, "could not be read"));
    feed_bytes(fixture, WC_FEED_UPDATE, whole.bytes, whole.n);
    assert_int_equal(TASKS(fixture), 19);
    free(whole.bytes);
}

static void there_is_a_bound_and_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task stats = {.created = NOW - SECOND};
    for (uint64_t i = 1; i <= WC_STORE_ITEMS + 5; i++) {
        add_task(&update, i, NULL);
        add_task_stats(&update, i, &stats);
    }
    feed(fixture, &update);
    assert_int_equal(TASKS(fixture), WC_STORE_ITEMS);
    assert_true(warns_of(fixture, "the server has more than 200000 tasks"));
}

static void histograms_come_while_they_are_looked_at(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    const struct task stats = {.created = NOW - SECOND};
    /* 40 bytes of header, then one value of 5 ns. */
    static const uint8_t raw[] = {0x1c, 0x84, 0x93, 0x13, 0,    0,    0, 2, 0, 0, 0, 0, 0,    0,
                                  0,    2,    0,    0,    0,    0,    0, 0, 0, 1, 0, 0, 0,    0,
                                  0x3b, 0x9a, 0xca, 0,    0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x09, 0x02};
    for (uint64_t i = 1; i <= 20; i++) {
        add_task(&update, i, NULL);
        add_task_stats(&update, i, &stats);
    }
    feed(fixture, &update);
    assert_null(wi_process_view_histogram(fixture->view, WI_TASK_INSTANCE,
                                          row_of(fixture, WI_TASK_INSTANCE, "task 3"),
                                          WI_TASK_INSTANCE_POLL));
    feed(fixture, &update);
    assert_int_equal(fixture->n_wanted, 1);
    assert_int_equal(fixture->wanted[0], 3);
    struct message details = {0}, histogram = {0};
    put_bytes(&histogram, 1, raw, sizeof(raw));
    put_id(&details, 1, 3);
    put_message(&details, 4, &histogram);
    feed_bytes(fixture, WC_FEED_DETAILS, details.bytes, details.n);
    free(details.bytes);
    const struct wi_row *row = row_of(fixture, WI_TASK_INSTANCE, "task 3");
    assert_true(row->value[WI_TASK_INSTANCE_POLL].u.u64 == 1);
    assert_int_equal(row->value[WI_TASK_INSTANCE_DELAY].type, WI_ABSENT);
    const struct weir_histogram *found =
        wi_process_view_histogram(fixture->view, WI_TASK_INSTANCE, row, WI_TASK_INSTANCE_POLL);
    assert_non_null(found);
    assert_int_equal(found->max, 5);
    /* Who looks at all looks at none for long; and nobody who looks, nothing is asked. */
    for (size_t i = 0; i < 20; i++) {
        (void)wi_process_view_histogram(fixture->view, WI_TASK_INSTANCE,
                                        wi_process_view_row(fixture->view, WI_TASK_INSTANCE, i),
                                        WI_TASK_INSTANCE_POLL);
    }
    feed(fixture, &update);
    assert_int_equal(fixture->n_wanted, WC_STORE_DETAILS);
    for (int i = 0; i < 7; i++) {
        feed(fixture, &update);
    }
    assert_int_equal(fixture->n_wanted, 0);
    assert_int_equal(row_of(fixture, WI_TASK_INSTANCE, "task 3")->value[WI_TASK_INSTANCE_POLL].type,
                     WI_ABSENT);
}

static void what_waits_is_taken_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    struct message whole[3];
    for (uint64_t i = 0; i < 3; i++) {
        const struct task task = {.created = NOW - SECOND, .polls = i + 1};
        add_task(&update, 1 + i / 2, NULL);
        add_task_stats(&update, 1 + i / 2, &task);
        whole[i] = pack(&update);
        fixture->queue[i] = (struct wc_feed_message){WC_FEED_UPDATE, whole[i].bytes, whole[i].n};
    }
    fixture->n_queued = 3;
    assert_int_equal(wi_process_view_refresh(fixture->view, fixture->clock, NULL), WEIR_OK);
    assert_int_equal(fixture->n_taken, 3);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "task 1", WI_TASK_INSTANCE_POLLS) == 2);
    assert_true(number_of(fixture, WI_TASK_INSTANCE, "task 2", WI_TASK_INSTANCE_POLLS) == 3);
    for (size_t i = 0; i < 3; i++) {
        free(whole[i].bytes);
    }
}

static void silence_and_pause_are_warned_of(void **state)
{
    struct fixture *fixture = *state;
    struct update update = {0};
    static const uint8_t paused[] = {0x08, 1}, live[] = {0x08, 0};
    feed(fixture, &update);
    assert_int_equal(wi_process_view_count(fixture->view, WI_WARNING), 0);
    fixture->quiet = 9;
    feed_bytes(fixture, WC_FEED_STATE, live, sizeof(live));
    assert_true(warns_of(fixture, "nothing from the server for 9 s"));
    feed_bytes(fixture, WC_FEED_STATE, paused, sizeof(paused));
    assert_true(warns_of(fixture, "a console has paused the server"));
    assert_false(warns_of(fixture, "nothing from the server"));
}

static void a_view_offers_what_tokio_has(void **state)
{
    struct fixture *fixture = *state;
    const struct wi_catalog *catalog = wi_process_view_catalog(fixture->view);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        bool has_any = catalog->fields[kind] != 0;
        assert_true(has_any == (catalog->absence[kind] == NULL));
        assert_int_equal(catalog->fields[kind] >> wi_metric_table((enum wi_kind)kind)->n_metrics,
                         0);
    }
    assert_int_equal(wi_catalog_find(catalog, WI_SEMAPHORE, "permits"), WI_SEMAPHORE_AVAILABLE);
    assert_int_equal(wi_catalog_find(catalog, WI_SEMAPHORE, "available"), WI_SEMAPHORE_AVAILABLE);
    assert_int_equal(wi_catalog_find(catalog, WI_SEMAPHORE, "saturation"), -1);
    assert_int_equal(wi_catalog_find(wi_catalog_of_segments(), WI_SEMAPHORE, "permits"),
                     WI_SEMAPHORE_PERMITS);
    assert_int_equal(wi_catalog_find(wi_catalog_of_segments(), WI_TASK_INSTANCE, "fields"), -1);
    assert_int_equal(wi_process_view_count(fixture->view, WI_PROCESS), 0);
    assert_null(wi_process_view_history(fixture->view));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(states_and_times_follow_from_what_was_last),
        TEST(rates_are_by_the_servers_clock),
        TEST(what_is_told_again_is_no_new_thing),
        TEST(a_number_used_again_is_another_thing),
        TEST(half_of_a_thing_is_waited_for_a_while),
        TEST(what_ends_is_shown_a_while_and_counted_for_ever),
        TEST(names_are_told_apart_the_older_first),
        TEST(what_is_left_out_is_absent),
        TEST(wild_times_are_no_times),
        TEST(parents_may_go_in_circles),
        TEST(fields_may_be_named_by_number),
        TEST(names_are_fit_for_a_terminal),
        TEST(an_update_cut_short_changes_nothing),
        TEST(there_is_a_bound_and_it_is_told),
        TEST(histograms_come_while_they_are_looked_at),
        TEST(what_waits_is_taken_at_once),
        TEST(silence_and_pause_are_warned_of),
        TEST(a_view_offers_what_tokio_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
