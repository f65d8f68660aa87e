/* SPDX-License-Identifier: MIT */
/* The life of a segment: where it lies, what it refuses, fork, daemon, stop. */
#include "child.h"
#include "segment/file.h"
#include "segment/find.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct weir_error error;

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static void start(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "game";
    CHECK(weir_start(&options, &error) == WEIR_OK);
}

/* The depth that a reader of the file sees for the first channel, -1: it cannot be read. */
static long depth_in(const char *path)
{
    struct wi_process_view *view;
    long depth = -1;
    if (wi_process_view_open_file(path, &view, &error) == WEIR_OK) {
        if (wi_process_view_refresh(view, 1, &error) == WEIR_OK &&
            wi_process_view_count(view, WI_CHANNEL) > 0) {
            depth = (long)wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_DEPTH].u.u64;
        }
        wi_process_view_close(view);
    }
    return depth;
}

static void lies_in_a_private_file(const char *dir)
{
    struct stat facts;
    char path[256];
    start();
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(stat(path, &facts) == 0 && (facts.st_mode & 0777) == 0400);
    CHECK(weir_start(NULL, &error) == WEIR_E_STATE);
    weir_stop();
    CHECK(child_count(dir, ".weir", NULL, 0) == 0);
}

static void the_file_is_private_and_goes_with_stop(void **state)
{
    (void)state;
    assert_int_equal(child_run(lies_in_a_private_file), 0);
}

static void ends_cleanly(const char *dir)
{
    (void)dir;
    start();
    open_channel("moves");
}

static void dies(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel *channel = open_channel("moves");
    for (int i = 0; i < 7; i++) {
        weir_channel_send(channel, 208);
    }
    raise(SIGKILL);
}

static void a_clean_exit_leaves_nothing_and_a_kill_leaves_the_numbers(void **state)
{
    (void)state;
    char dir[64];
    char path[256];
    child_dir_make(dir, sizeof(dir));
    assert_int_equal(child_run_in(dir, ends_cleanly), 0);
    assert_int_equal(child_count(dir, "", NULL, 0), 2); /* . and .. */
    assert_int_equal(child_run_in(dir, dies), 128 + SIGKILL);
    assert_int_equal(child_count(dir, ".weir", path, sizeof(path)), 1);
    struct wi_found found;
    assert_int_equal(wi_find_one(path, &found), WEIR_OK);
    assert_int_equal(found.state, WI_STATE_DEAD);
    assert_string_equal(found.name, "game");
    assert_int_equal(depth_in(path), 7);
    child_dir_remove(dir);
}

static void a_hundred_kills_leave_at_most_four_segments(void **state)
{
    (void)state;
    char dir[64];
    child_dir_make(dir, sizeof(dir));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(child_run_in(dir, dies), 128 + SIGKILL);
    }
    assert_in_range(child_count(dir, ".weir", NULL, 0), 1, 4);
    child_dir_remove(dir);
}

static void counts_on_after_stop(const char *dir)
{
    char path[256];
    start();
    struct weir_channel *channel = open_channel("moves");
    weir_channel_send(channel, 1);
    weir_stop();
    weir_channel_send(channel, 1);
    CHECK(child_count(dir, ".weir", NULL, 0) == 0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_channel_send(channel, 1);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(depth_in(path) == 3);
}

static void stop_and_start_lose_no_count(void **state)
{
    (void)state;
    assert_int_equal(child_run(counts_on_after_stop), 0);
}

static void is_refused(const char *dir)
{
    (void)dir;
    setenv("WEIR_LIMIT", "1M", 1);
    start();
    int n = 0;
    struct weir_channel *last = NULL;
    for (struct weir_channel *channel; (channel = open_channel("channel")) && n < 1000000; n++) {
        last = channel;
    }
    CHECK(n > 1000 && n < 10000);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.handles_refused == 1 && health.segment_bytes <= health.limit_bytes);
    /* The last one got no cells: it counts all the same. */
    for (int i = 0; i < 1000; i++) {
        weir_channel_send(last, 1);
    }
    weir_channel_send(NULL, 1);
    CHECK(depth_in(health.path) == 0);
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == (size_t)n);
    CHECK(wi_process_view_row(view, WI_CHANNEL, (size_t)n - 1)->value[WI_CHANNEL_DEPTH].u.u64 ==
          1000);
    wi_process_view_close(view);
}

static void at_the_limit_handles_are_refused_and_counts_are_not(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_refused), 0);
}

static void is_off(const char *dir)
{
    setenv("WEIR_OFF", "1", 1);
    CHECK(weir_start(NULL, &error) == WEIR_OFF);
    CHECK(open_channel("moves") == NULL && !weir_is_on());
    CHECK(child_count(dir, ".weir", NULL, 0) == 0);
}

static void off_means_off(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_off), 0);
}

static void degrades(const char *dir)
{
    (void)dir;
    setenv("WEIR_DIR", "/nowhere/at/all", 1);
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED);
    CHECK(strstr(error.text, "/nowhere/at/all") && strstr(error.text, "WEIR_DIR"));
    struct weir_channel *channel = open_channel("moves");
    weir_channel_send(channel, 1);
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_DEPTH].u.u64 == 1);
    wi_process_view_close(view);
}

static void degrades_in_a_foreign_directory(const char *dir)
{
    chmod(dir, 0755);
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED);
    CHECK(strstr(error.text, "0700"));
    CHECK(open_channel("moves") != NULL);
}

static void degrades_past_a_file_limit(const char *dir)
{
    (void)dir;
    struct rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED);
    CHECK(strstr(error.text, "RLIMIT_FSIZE"));
    CHECK(open_channel("moves") != NULL);
}

static void is_told_of_a_wrong_value(const char *dir)
{
    (void)dir;
    setenv("WEIR_LIMIT", "lots", 1);
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED);
    CHECK(strstr(error.text, "WEIR_LIMIT=lots"));
    CHECK(open_channel("moves") != NULL);
}

static void what_cannot_be_had_is_said_and_the_host_goes_on(void **state)
{
    (void)state;
    assert_int_equal(child_run(degrades), 0);
    assert_int_equal(child_run(degrades_in_a_foreign_directory), 0);
    assert_int_equal(child_run(degrades_past_a_file_limit), 0);
    assert_int_equal(child_run(is_told_of_a_wrong_value), 0);
}

static void forks(const char *dir)
{
    char path[256];
    start();
    struct weir_channel *channel = open_channel("moves");
    weir_channel_send(channel, 1);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    pid_t pid = fork();
    if (pid == 0) {
        weir_channel_send(channel, 1); /* counts nothing, nowhere */
        CHECK(open_channel("of the child") == NULL);
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        weir_channel_send(channel, 1);
        weir_channel_send(channel, 1);
        struct weir_health health = {.size = sizeof(health)};
        weir_health_read(&health);
        CHECK(strcmp(health.path, path) != 0 && depth_in(health.path) == 2);
        CHECK(open_channel("of the child") != NULL);
        exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    CHECK(status == 0);
    CHECK(depth_in(path) == 1);
    CHECK(child_count(dir, ".weir", NULL, 0) == 1);
}

static void a_forked_child_counts_only_after_its_own_start(void **state)
{
    (void)state;
    assert_int_equal(child_run(forks), 0);
}

static int daemon_pipe[2];

static void becomes_a_daemon(const char *dir)
{
    char path[256] = "";
    start();
    struct weir_channel *channel = open_channel("moves");
    for (int i = 0; i < 5; i++) {
        weir_channel_send(channel, 1);
    }
    CHECK(daemon(1, 1) == 0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_channel_receive(channel, 0, 1);
    int n = child_count(dir, ".weir", path, sizeof(path));
    struct wi_found found;
    char answer = n == 1 && depth_in(path) == 4 && wi_find_one(path, &found) == WEIR_OK &&
                          found.state == WI_STATE_RUNNING && found.pid == (uint32_t)getpid()
                      ? 'y'
                      : 'n';
    CHECK(write(daemon_pipe[1], &answer, 1) == 1);
}

static void a_daemon_goes_on_with_its_counts_and_is_seen(void **state)
{
    (void)state;
    char dir[64];
    char answer = 0;
    child_dir_make(dir, sizeof(dir));
    assert_int_equal(pipe(daemon_pipe), 0);
    assert_int_equal(child_run_in(dir, becomes_a_daemon), 0);
    close(daemon_pipe[1]);
    assert_int_equal(read(daemon_pipe[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    assert_int_equal(read(daemon_pipe[0], &answer, 1), 0); /* it has ended */
    close(daemon_pipe[0]);
    child_dir_remove(dir);
}

static void *count_once(void *channel)
{
    weir_channel_send(channel, 1);
    return NULL;
}

static void reuses_shards(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel *channel = open_channel("moves");
    for (int i = 0; i < 500; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, count_once, channel) == 0);
        pthread_join(thread, NULL);
    }
    CHECK(wi_segment_header()->n_shards == 1);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.threads == 0);
    CHECK(depth_in(health.path) == 500);
}

static void a_shard_outlives_its_thread_and_is_used_again(void **state)
{
    (void)state;
    assert_int_equal(child_run(reuses_shards), 0);
}

static void cleans_names(const char *dir)
{
    (void)dir;
    char name[400];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    start();
    CHECK(open_channel("a\x1b[31m\xff\xc0\x80z\n\xc3\xa9") != NULL);
    CHECK(open_channel(name) != NULL);
    CHECK(open_channel("") == NULL && open_channel(NULL) == NULL);
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(strcmp(wi_process_view_row(view, WI_CHANNEL, 0)->name, "a?[31m???z?\xc3\xa9") == 0);
    CHECK(strlen(wi_process_view_row(view, WI_CHANNEL, 1)->name) == WEIR_NAME_MAX);
    wi_process_view_close(view);
}

static void names_reach_no_terminal_raw(void **state)
{
    (void)state;
    assert_int_equal(child_run(cleans_names), 0);
}

static void opens_and_closes(const char *dir)
{
    (void)dir;
    start();
    uint64_t before = 0;
    for (int i = 0; i < 20000; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s-%d", i % 3 ? "room" : "a longer name of a room that comes",
                 i);
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 10);
        options.latency = WEIR_LATENCY_FULL;
        struct weir_channel *channel = weir_channel_open(&options);
        CHECK(channel != NULL);
        weir_channel_receive(channel, weir_channel_send(channel, 5), 5);
        weir_channel_send(channel, 5);
        weir_channel_close(channel);
        struct weir_health health = {.size = sizeof(health)};
        weir_health_read(&health);
        before = i == WI_RETIRED_NAMES ? health.segment_bytes : before; /* each name has totals */
        CHECK(i <= WI_RETIRED_NAMES || health.segment_bytes == before);
    }
    struct weir_channel *channel = open_channel("new");
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 1);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 0);
    CHECK(row->value[WI_CHANNEL_SENT].u.u64 == 0 && row->value[WI_CHANNEL_WAIT].u.u64 == 0);
    uint64_t id = row->id;
    weir_channel_close(channel);
    CHECK(open_channel("newer") != NULL);
    CHECK(wi_process_view_refresh(view, 2, &error) == WEIR_OK);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->id != id);
    wi_process_view_close(view);
}

static void a_slot_is_used_again_and_remembers_nothing(void **state)
{
    (void)state;
    assert_int_equal(child_run(opens_and_closes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_private_and_goes_with_stop),
        cmocka_unit_test(a_clean_exit_leaves_nothing_and_a_kill_leaves_the_numbers),
        cmocka_unit_test(a_hundred_kills_leave_at_most_four_segments),
        cmocka_unit_test(stop_and_start_lose_no_count),
        cmocka_unit_test(at_the_limit_handles_are_refused_and_counts_are_not),
        cmocka_unit_test(off_means_off),
        cmocka_unit_test(what_cannot_be_had_is_said_and_the_host_goes_on),
        cmocka_unit_test(a_forked_child_counts_only_after_its_own_start),
        cmocka_unit_test(a_daemon_goes_on_with_its_counts_and_is_seen),
        cmocka_unit_test(a_shard_outlives_its_thread_and_is_used_again),
        cmocka_unit_test(names_reach_no_terminal_raw),
        cmocka_unit_test(a_slot_is_used_again_and_remembers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
