/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/finding */
/*
 * A queue from a process to workers that it has forked: depth cannot be known in one of them, and nobody is
 * told that it stalls or grows. */
#include "child.h"
#include "session/process_views.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static struct weir_error error;
static struct weir_channel *queue;
static int to_worker[2], from_worker[2];

static void work(bool is_counting)
{
    char byte = 0;
    close(to_worker[1]);
    if (is_counting) {
        CHECK(weir_start(NULL, &error) == WEIR_OK);
    }
    CHECK(write(from_worker[1], &byte, 1) == 1);
    while (read(to_worker[0], &byte, 1) == 1) {
        weir_channel_receive(queue, 0, 1);
    }
    _exit(0);
}

/* This process sends for two minutes. Returns how many findings are of a kind; NULL: are worse than a remark. */
static int watch(bool receives_itself, const int *to, const char *wanted)
{
    int n = 0;
    struct wi_process_view *view;
    struct wi_process_views views;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    wi_process_views_init(&views, false);
    CHECK(wi_process_views_add(&views, view) == WEIR_OK);
    for (uint64_t second = 1; second <= 120; second++) {
        for (int i = 0; i < 100; i++) {
            weir_channel_send(queue, 1);
        }
        if (receives_itself && second == 1) {
            weir_channel_receive(queue, 0, 1);
        }
        CHECK(!to || write(*to, "x", 1) == 1);
        CHECK(wi_process_views_refresh(&views, views.first, second * SECOND, &error) == WEIR_OK);
    }
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const struct wi_value *value = wi_process_view_row(view, WI_WARNING, i)->value;
        n += wanted ? strcmp(value[WI_WARNING_KIND].u.text, wanted) == 0
                    : strcmp(value[WI_WARNING_SEVERITY].u.text, "info") != 0;
    }
    wi_process_views_finish(&views);
    return n;
}

/* The findings of a process whose worker receives. */
static int findings(bool is_counting, bool receives_itself, const char *wanted)
{
    char byte = 0;
    struct weir_channel_options options = WEIR_CHANNEL_INIT("pipe", WEIR_UNBOUNDED);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    queue = weir_channel_open(&options);
    CHECK(pipe(to_worker) == 0 && pipe(from_worker) == 0);
    pid_t worker = fork();
    if (worker == 0) {
        work(is_counting);
    }
    close(to_worker[0]);
    CHECK(read(from_worker[0], &byte, 1) == 1);
    int n = watch(receives_itself, &to_worker[1], wanted);
    close(to_worker[1]);
    CHECK(waitpid(worker, NULL, 0) == worker);
    return n;
}

/* The worker sends, for two minutes, what its parent receives. */
static int findings_of_a_worker(bool is_own, const char *wanted)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("results", WEIR_UNBOUNDED);
    int status;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    queue = weir_channel_open(&options);
    pid_t worker = fork();
    if (worker == 0) {
        int n = 0;
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        if (is_own) {
            weir_channel_close(queue);
            queue = weir_channel_open(&options);
        }
        n = watch(false, NULL, wanted);
        _exit(n);
    }
    CHECK(waitpid(worker, &status, 0) == worker && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void is_received_by_the_parent(const char *dir)
{
    (void)dir;
    CHECK(findings_of_a_worker(false, "channel_elsewhere") == 1);
}

static void is_not_alarming_in_a_worker(const char *dir)
{
    (void)dir;
    CHECK(findings_of_a_worker(false, NULL) == 0);
}

static void stalls_where_a_worker_opened_it(const char *dir)
{
    (void)dir;
    CHECK(findings_of_a_worker(true, "channel_stalled") == 1);
}

static void is_received_elsewhere(const char *dir)
{
    (void)dir;
    CHECK(findings(true, false, "channel_elsewhere") == 1);
}

static void is_not_alarming(const char *dir)
{
    (void)dir;
    CHECK(findings(true, false, NULL) == 0);
}

static void stalls_without_a_worker_that_counts(const char *dir)
{
    (void)dir;
    CHECK(findings(false, false, "channel_stalled") == 1);
}

static void stalls_where_it_was_received_here(const char *dir)
{
    (void)dir;
    CHECK(findings(true, true, "channel_stalled") == 1);
}

static void a_queue_that_forked_processes_receive_from_is_no_alarm(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_received_elsewhere), 0);
    assert_int_equal(child_run(is_not_alarming), 0);
}

static void nor_is_one_that_a_worker_sends_to(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_received_by_the_parent), 0);
    assert_int_equal(child_run(is_not_alarming_in_a_worker), 0);
}

static void any_other_queue_that_stands_still_is_one(void **state)
{
    (void)state;
    assert_int_equal(child_run(stalls_without_a_worker_that_counts), 0);
    assert_int_equal(child_run(stalls_where_it_was_received_here), 0);
    assert_int_equal(child_run(stalls_where_a_worker_opened_it), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_that_forked_processes_receive_from_is_no_alarm),
        cmocka_unit_test(nor_is_one_that_a_worker_sends_to),
        cmocka_unit_test(any_other_queue_that_stands_still_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
