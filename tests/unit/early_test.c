/* SPDX-License-Identifier: MIT */
/* Handles that are opened before weir_start, as constructors do: what they count until then is not lost,
 * not even while other threads count just when the segment is made. */
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct weir_error error;

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 100);
    return weir_channel_open(&options);
}

static struct wi_process_view *read_file(const char *path)
{
    struct wi_process_view *view;
    CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    return view;
}

static uint64_t value_of(struct wi_process_view *view, enum wi_kind kind, int metric)
{
    return wi_process_view_row(view, kind, 0)->value[metric].u.u64;
}

static uint64_t depth_in(const char *path)
{
    struct wi_process_view *view = read_file(path);
    uint64_t depth = value_of(view, WI_CHANNEL, WI_CHANNEL_DEPTH);
    wi_process_view_close(view);
    return depth;
}

static const char *own_path(void)
{
    static struct weir_health health;
    health.size = sizeof(health);
    weir_health_read(&health);
    return health.path;
}

/* ---- every kind --------------------------------------------------------------------------------- */

static void count_all(void)
{
    struct weir_semaphore_options permits = WEIR_SEMAPHORE_INIT("permits", 10);
    struct weir_task_options tasks = WEIR_TASK_INIT("tasks");
    struct weir_value_options value = WEIR_VALUE_INIT("value");
    struct weir_semaphore *semaphore = weir_semaphore_open(&permits);
    struct weir_task_kind *kind = weir_task_kind_open(&tasks);
    struct weir_counter *counter = weir_counter_open(&value);
    struct weir_gauge *gauge = weir_gauge_open(&value);
    weir_semaphore_waited(semaphore, weir_semaphore_wait(semaphore));
    weir_semaphore_acquire(semaphore, 3);
    weir_semaphore_reject(semaphore, WEIR_SEMAPHORE_TIMEOUT);
    weir_task_end(kind, weir_task_begin(kind, weir_task_spawn(kind)));
    weir_task_finish(kind, WEIR_OUTCOME_ERROR);
    struct weir_task task;
    weir_task_open(&task, kind, "single");
    weir_task_poll(&task);
    weir_task_polled(&task);
    weir_task_close(&task, WEIR_OUTCOME_OK);
    weir_counter_add(counter, 7);
    weir_gauge_set(gauge, -4);
    weir_gauge_add(gauge, 1);
}

static void counts_every_kind(const char *dir)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", 100);
    options.latency = WEIR_LATENCY_FULL;
    struct weir_channel *channel = weir_channel_open(&options);
    struct weir_loop_options looping = WEIR_LOOP_INIT("loop");
    struct weir_loop *loop = weir_loop_open(&looping);
    for (int i = 0; i < 9; i++) {
        weir_channel_send(channel, 5);
    }
    weir_channel_receive(channel, 0, 5);
    weir_channel_discard(channel, 2, 10, WEIR_DISCARD_EXPIRED);
    weir_channel_unsend(channel, 5, WEIR_REJECT_SHED);
    weir_channel_reject(channel, WEIR_REJECT_FULL);
    weir_channel_resize(channel, 50);
    count_all();
    CHECK(weir_sender_open(channel, "too early") == NULL);
    CHECK(child_count(dir, ".weir", NULL, 0) == 0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_loop_begin(loop);
    weir_loop_end(loop);
    weir_channel_receive(channel, weir_channel_send(channel, 5), 5);
    struct wi_process_view *view = read_file(own_path());
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 1);
    CHECK(strcmp(wi_process_view_row(view, WI_CHANNEL, 0)->name, "moves") == 0);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_SENT) == 9);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_DEPTH) == 5);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_CAPACITY) == 50);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_HIGH_WATER) >= 9);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_REJECTS_FULL) == 1);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_REJECTS_SHED) == 1);
    CHECK(value_of(view, WI_SEMAPHORE, WI_SEMAPHORE_ACQUIRED) == 3);
    CHECK(value_of(view, WI_SEMAPHORE, WI_SEMAPHORE_WAITERS) == 0);
    CHECK(value_of(view, WI_TASK, WI_TASK_SPAWNED) == 2);
    CHECK(value_of(view, WI_COUNTER, WI_COUNTER_VALUE) == 7);
    CHECK(wi_process_view_row(view, WI_GAUGE, 0)->value[WI_GAUGE_VALUE].u.i64 == -3);
    CHECK(value_of(view, WI_LOOP, WI_LOOP_ITERATIONS) == 1);
    wi_process_view_close(view);
    struct weir_sender *sender = weir_sender_open(channel, "now");
    CHECK(sender != NULL && open_channel("later") != NULL);
    weir_channel_close(channel);
}

static void what_is_counted_before_the_start_is_there_after_it(void **state)
{
    (void)state;
    assert_int_equal(child_run(counts_every_kind), 0);
}

/* ---- while the segment is made ------------------------------------------------------------------ */

#define THREADS 3
#define AFTER   2000 /* messages of each thread after the start */

static struct weir_channel *moves;
static struct weir_counter *moved;
static struct weir_gauge *level;
static unsigned running, is_started;      /* atomic */
static uint64_t sent, received, rejected; /* atomic */

static void *count(void *unused)
{
    uint64_t n = 0;
    __atomic_fetch_add(&running, 1, __ATOMIC_RELEASE);
    for (int after = 0; after < AFTER; n++) {
        weir_channel_send(moves, 3);
        weir_counter_add(moved, 2);
        weir_gauge_add(level, 1);
        if (n % 4 == 0) {
            weir_channel_receive(moves, 0, 3);
        }
        if (n % 16 == 0) {
            weir_channel_reject(moves, WEIR_REJECT_SHED);
        }
        after += __atomic_load_n(&is_started, __ATOMIC_RELAXED) != 0;
    }
    __atomic_fetch_add(&sent, n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&received, (n + 3) / 4, __ATOMIC_RELAXED);
    __atomic_fetch_add(&rejected, (n + 15) / 16, __ATOMIC_RELAXED);
    return unused;
}

static void counts_meanwhile(const char *dir)
{
    (void)dir;
    pthread_t threads[THREADS];
    struct weir_value_options value = WEIR_VALUE_INIT("moved");
    moves = open_channel("moves");
    moved = weir_counter_open(&value);
    level = weir_gauge_open(&value);
    for (int t = 0; t < THREADS; t++) {
        CHECK(pthread_create(&threads[t], NULL, count, NULL) == 0);
    }
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) < THREADS) {
    }
    enum weir_status status = weir_start(NULL, &error);
    CHECK(status == WEIR_OK || status == WEIR_DEGRADED);
    __atomic_store_n(&is_started, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_SENT) == sent);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_RECEIVED) == received);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_QUEUED_BYTES) == 3 * (sent - received));
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_REJECTS_SHED) == rejected);
    CHECK(value_of(view, WI_COUNTER, WI_COUNTER_VALUE) == 2 * sent);
    CHECK(wi_process_view_row(view, WI_GAUGE, 0)->value[WI_GAUGE_VALUE].u.i64 == (int64_t)sent);
    wi_process_view_close(view);
}

static void counts_meanwhile_without_a_file(const char *dir)
{
    (void)dir;
    setenv("WEIR_DIR", "/proc/none", 1);
    counts_meanwhile(dir);
    CHECK(own_path()[0] == '\0');
}

static void threads_that_count_while_weir_starts_lose_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(child_run(counts_meanwhile), 0);
    }
    for (int i = 0; i < 10; i++) {
        assert_int_equal(child_run(counts_meanwhile_without_a_file), 0);
    }
}

/* ---- limits ------------------------------------------------------------------------------------- */

static void refuses_the_257th(const char *dir)
{
    (void)dir;
    struct weir_channel *last = NULL;
    for (int i = 0; i < 256; i++) {
        last = open_channel("one of many");
        CHECK(last != NULL);
    }
    CHECK(open_channel("too many") == NULL && open_channel("too many") == NULL);
    weir_channel_close(last);
    CHECK(open_channel("in its place") != NULL);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.handles_refused == 2);
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED);
    CHECK(strstr(error.text, "2 handles") && strstr(error.text, "before weir_start"));
    weir_health_read(&health);
    CHECK(health.handles_refused == 2);
    CHECK(open_channel("later") != NULL);
    struct wi_process_view *view = read_file(health.path);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 257);
    wi_process_view_close(view);
}

static void opens_for_ever(const char *dir)
{
    (void)dir;
    for (int i = 0; i < 100000; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%*d", i % 60 + 1, i);
        struct weir_channel *channel = open_channel(name);
        CHECK(channel != NULL);
        weir_channel_close(channel);
    }
    CHECK(wi_index.n_slots == 1);
}

/* KiB of this process's own memory; code is not. */
static long own_memory(void)
{
    char line[128];
    long sum = 0;
    long kib;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "RssAnon: %ld", &kib) == 1 || sscanf(line, "RssShmem: %ld", &kib) == 1) {
            sum += kib;
        }
    }
    fclose(file);
    return sum;
}

/* What so many handles cost. */
static long open_some(int n)
{
    long before = own_memory();
    for (int i = 0; i < n; i++) {
        CHECK(open_channel("a channel") != NULL);
    }
    return own_memory() - before;
}

static void costs_little(const char *dir)
{
    open_some(0); /* what reading takes itself */
    long few = open_some(10);
    long all = few + open_some(246);
    printf("10 handles: %ld KiB, 256: %ld KiB\n", few, all);
    CHECK(few <= 64 && all <= 128);
    CHECK(child_count(dir, "", NULL, 0) <= 2); /* . and .. */
}

static void is_off(const char *dir)
{
    (void)dir;
    setenv("WEIR_OFF", "1", 1);
    CHECK(open_channel("moves") == NULL);
    CHECK(weir_start(NULL, &error) == WEIR_OFF);
}

static void before_the_start_there_is_room_for_256_and_no_more_memory_is_taken(void **state)
{
    (void)state;
    assert_int_equal(child_run(refuses_the_257th), 0);
    assert_int_equal(child_run(opens_for_ever), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* whose own memory is more */
    assert_int_equal(child_run(costs_little), 0);
#else
    (void)costs_little;
#endif
    assert_int_equal(child_run(is_off), 0);
}

/* ---- fork --------------------------------------------------------------------------------------- */

static void wait_for(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void forks_before_the_start(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = open_channel("moves");
    weir_channel_send(channel, 1);
    pid_t pid = fork();
    if (pid == 0) {
        weir_channel_send(channel, 1); /* counts nothing, nowhere */
        CHECK(open_channel("of the child") == NULL);
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        weir_channel_send(channel, 1);
        weir_channel_send(channel, 1);
        CHECK(depth_in(own_path()) == 2);
        exit(0);
    }
    wait_for(pid);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(depth_in(own_path()) == 1);
}

static void forks_after_the_start(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = open_channel("moves");
    weir_channel_send(channel, 1);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_channel_send(channel, 1);
    char path[256];
    snprintf(path, sizeof(path), "%s", own_path());
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        for (int i = 0; i < 3; i++) {
            weir_channel_send(channel, 1);
        }
        weir_channel_reject(channel, WEIR_REJECT_FULL);
        CHECK(depth_in(own_path()) == 3 && depth_in(path) == 2);
        exit(0);
    }
    wait_for(pid);
    CHECK(depth_in(path) == 2);
}

static int daemon_pipe[2];

static void becomes_a_daemon(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = open_channel("moves");
    for (int i = 0; i < 5; i++) {
        weir_channel_send(channel, 1);
    }
    CHECK(daemon(1, 1) == 0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_channel_receive(channel, 0, 1);
    char answer = depth_in(own_path()) == 4 ? 'y' : 'n';
    CHECK(write(daemon_pipe[1], &answer, 1) == 1);
}

static void handles_of_before_are_good_in_children_too(void **state)
{
    (void)state;
    char dir[64];
    char answer = 0;
    assert_int_equal(child_run(forks_before_the_start), 0);
    assert_int_equal(child_run(forks_after_the_start), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_counted_before_the_start_is_there_after_it),
        cmocka_unit_test(threads_that_count_while_weir_starts_lose_nothing),
        cmocka_unit_test(before_the_start_there_is_room_for_256_and_no_more_memory_is_taken),
        cmocka_unit_test(handles_of_before_are_good_in_children_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
