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

/* A process that sends for two minutes, as its findings see it. Returns how many findings are of a kind; NULL: are worse
 * than a remark. */
static int findings(bool is_counting, bool receives_itself, const char *wanted)
{
    int n = 0;
    char byte = 0;
    struct wi_process_view *view;
    struct wi_process_views views;
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
        CHECK(write(to_worker[1], "x", 1) == 1);
        CHECK(wi_process_views_refresh(&views, views.first, second * SECOND, &error) == WEIR_OK);
    }
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const struct wi_value *value = wi_process_view_row(view, WI_WARNING, i)->value;
        n += wanted ? strcmp(value[WI_WARNING_KIND].u.text, wanted) == 0
                    : strcmp(value[WI_WARNING_SEVERITY].u.text, "info") != 0;
    }
    wi_process_views_finish(&views);
    close(to_worker[1]);
    CHECK(waitpid(worker, NULL, 0) == worker);
    return n;
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

static void any_other_queue_that_stands_still_is_one(void **state)
{
    (void)state;
    assert_int_equal(child_run(stalls_without_a_worker_that_counts), 0);
    assert_int_equal(child_run(stalls_where_it_was_received_here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_that_forked_processes_receive_from_is_no_alarm),
        cmocka_unit_test(any_other_queue_that_stands_still_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
