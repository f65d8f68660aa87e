/* SPDX-License-Identifier: MIT */
/* What closed handles have counted stays in the totals of their kind and name, once and no more than once. */
#include "child.h"
#include "segment/retired.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct weir_error error;

static void start(void)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
}

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 100);
    options.latency = WEIR_LATENCY_FULL;
    return weir_channel_open(&options);
}

/* Sends and receives n messages. */
static void pass(struct weir_channel *channel, int n)
{
    for (int i = 0; i < n; i++) {
        weir_channel_receive(channel, weir_channel_send(channel, 8), 8);
    }
}

static struct wi_process_view *read_path(const char *path)
{
    struct wi_process_view *view;
    CHECK((path ? wi_process_view_open_file(path, &view, &error)
                : wi_process_view_open_self(&view, &error)) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    return view;
}

/* A counter of a name, over open and closed handles. */
static uint64_t total_in(struct wi_process_view *view, enum wi_kind kind, const char *name,
                         int metric)
{
    uint64_t total = 0;
    for (size_t i = 0; i < wi_process_view_count(view, kind); i++) {
        const struct wi_row *row = wi_process_view_row(view, kind, i);
        total += strcmp(row->name, name) == 0 ? row->value[metric].u.u64 : 0;
    }
    for (size_t i = 0; i < wi_process_view_n_retired(view); i++) {
        enum wi_kind of = WI_N_KINDS;
        const struct wi_row *row = wi_process_view_retired(view, i, &of);
        total += row && of == kind && strcmp(row->name, name) == 0 ? row->value[metric].u.u64 : 0;
    }
    return total;
}

static uint64_t total_at(const char *path, enum wi_kind kind, const char *name, int metric)
{
    struct wi_process_view *view = read_path(path);
    uint64_t total = total_in(view, kind, name, metric);
    wi_process_view_close(view);
    return total;
}

static uint64_t sent(const char *path, const char *name)
{
    return total_at(path, WI_CHANNEL, name, WI_CHANNEL_SENT);
}

/* The messages of all channels whose wait was measured, by what /metrics is made of. */
static uint64_t measured(const char *path)
{
    static uint16_t groups[WI_RETIRED_MAX];
    struct wi_process_view *view = read_path(path);
    struct wi_octaves octaves;
    uint64_t n = 0;
    const struct wi_octave_groups all = {groups, groups, &octaves, 1};
    CHECK(wi_process_view_octaves(view, WI_CHANNEL, WI_CHANNEL_WAIT, &all) == WEIR_OK);
    for (size_t i = 0; i <= WI_OCTAVES; i++) {
        n += octaves.count[i];
    }
    wi_process_view_close(view);
    return n;
}

static void closes_and_opens(const char *dir)
{
    char path[256];
    start();
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    for (int i = 1; i <= 50; i++) {
        struct weir_channel *channel = open_channel(i % 2 ? "odd" : "even");
        pass(channel, i);
        weir_channel_close(channel);
        CHECK(sent(NULL, "odd") + sent(path, "even") == (uint64_t)(i * (i + 1) / 2));
        CHECK(measured(NULL) == measured(path));
    }
    CHECK(sent(NULL, "odd") == 625 && sent(path, "even") == 650);
    CHECK(measured(path) == 1275);
}
CHILD_TEST(closes_and_opens)

/* A hook that was on its way when its handle was closed counts, too. */
static void counts_late(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel *channel = open_channel("late");
    pass(channel, 3);
    weir_channel_close(channel);
    pass(channel, 4);
    CHECK(sent(NULL, "late") == 7);
    struct weir_channel *next = open_channel("next");
    CHECK(next == channel && sent(NULL, "late") == 7 && sent(NULL, "next") == 0);
}
CHILD_TEST(counts_late)

/* A row is looked at some time after the reading: its slot may be another handle's by then. */
static void looks_at_a_row_late(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel *first = open_channel("first");
    pass(first, 100);
    struct wi_process_view *view = read_path(NULL);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_WAIT].u.u64 == 100);
    weir_channel_close(first);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_WAIT].u.u64 == 100);
    struct weir_channel *second = open_channel("second");
    CHECK(second == first);
    pass(second, 3);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 0);
    CHECK(strcmp(row->name, "first") == 0 && row->value[WI_CHANNEL_WAIT].u.u64 == 0);
    CHECK(!wi_process_view_histogram(view, WI_CHANNEL, row, WI_CHANNEL_WAIT));
    wi_process_view_close(view);
}
CHILD_TEST(looks_at_a_row_late)

static void closes_all_kinds(const char *dir)
{
    (void)dir;
    start();
    for (int i = 0; i < 3; i++) {
        struct weir_semaphore_options permits = WEIR_SEMAPHORE_INIT("permits", 10);
        struct weir_task_options tasks = WEIR_TASK_INIT("tasks");
        struct weir_loop_options loops = WEIR_LOOP_INIT("loop");
        struct weir_value_options value = WEIR_VALUE_INIT("value");
        struct weir_semaphore *semaphore = weir_semaphore_open(&permits);
        struct weir_task_kind *kind = weir_task_kind_open(&tasks);
        struct weir_loop *loop = weir_loop_open(&loops);
        struct weir_counter *counter = weir_counter_open(&value);
        struct weir_gauge *gauge = weir_gauge_open(&value);
        struct weir_task task;
        weir_semaphore_acquire(semaphore, 3);
        weir_semaphore_reject(semaphore, WEIR_SEMAPHORE_TIMEOUT);
        weir_task_end(kind, weir_task_begin(kind, weir_task_spawn(kind)));
        weir_task_finish(kind, WEIR_OUTCOME_ERROR);
        weir_task_open(&task, kind, NULL);
        weir_task_poll(&task);
        weir_task_polled(&task);
        weir_task_close(&task, WEIR_OUTCOME_OK);
        weir_loop_begin(loop);
        weir_loop_end(loop);
        weir_counter_add(counter, 7);
        weir_gauge_set(gauge, 5);
        weir_semaphore_close(semaphore);
        weir_task_kind_close(kind);
        weir_loop_close(loop);
        weir_counter_close(counter);
        weir_gauge_close(gauge);
    }
    CHECK(total_at(NULL, WI_SEMAPHORE, "permits", WI_SEMAPHORE_ACQUIRES) == 3);
    CHECK(total_at(NULL, WI_SEMAPHORE, "permits", WI_SEMAPHORE_REJECTS_TIMEOUT) == 3);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_SPAWNED) == 6);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_RUNS) == 6);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_FINISHED_ERROR) == 3);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_FINISHED_OK) == 3);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_POLLS) == 3);
    CHECK(total_at(NULL, WI_LOOP, "loop", WI_LOOP_ITERATIONS) == 3);
    CHECK(total_at(NULL, WI_COUNTER, "value", WI_COUNTER_VALUE) == 21);
}
CHILD_TEST(closes_all_kinds)

static double task_seconds(const char *name, int metric)
{
    double seconds = 0;
    struct wi_process_view *view = read_path(NULL);
    for (size_t i = 0; i < wi_process_view_n_retired(view); i++) {
        enum wi_kind kind = WI_N_KINDS;
        const struct wi_row *row = wi_process_view_retired(view, i, &kind);
        if (row && kind == WI_TASK && strcmp(row->name, name) == 0) {
            seconds += wi_value_number(&row->value[metric], 0);
        }
    }
    for (size_t i = 0; i < wi_process_view_count(view, WI_TASK); i++) {
        seconds += wi_value_number(&wi_process_view_row(view, WI_TASK, i)->value[metric], 0);
    }
    wi_process_view_close(view);
    return seconds;
}

/* The tasks of a kind are not missed in its totals when it closes before them. */
static void closes_a_kind_before_its_tasks(const char *dir)
{
    (void)dir;
    start();
    struct weir_task_options options = WEIR_TASK_INIT("tasks");
    struct weir_task_kind *kind = weir_task_kind_open(&options);
    struct weir_task resting, running, woken;
    weir_task_open(&resting, kind, "resting");
    weir_task_open(&running, kind, "running");
    weir_task_open(&woken, kind, "woken");
    for (int i = 0; i < 5; i++) {
        weir_task_poll(&resting);
        weir_task_polled(&resting);
    }
    weir_task_poll(&running);
    weir_task_wake(&running);
    double busy = task_seconds("tasks", WI_TASK_BUSY);
    double idle = task_seconds("tasks", WI_TASK_IDLE);
    double scheduled = task_seconds("tasks", WI_TASK_SCHEDULED);
    CHECK(busy > 0 && idle > 0 && scheduled > 0);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_POLLS) == 6);
    weir_task_kind_close(kind);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_POLLS) == 6);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_WAKES) == 1);
    CHECK(task_seconds("tasks", WI_TASK_BUSY) >= busy);
    CHECK(task_seconds("tasks", WI_TASK_IDLE) >= idle);
    CHECK(task_seconds("tasks", WI_TASK_SCHEDULED) >= scheduled);
    weir_task_close(&resting, WEIR_OUTCOME_OK);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_POLLS) == 6);
    busy = task_seconds("tasks", WI_TASK_BUSY);
    CHECK((void *)open_channel("next") == (void *)kind);
    CHECK(total_at(NULL, WI_TASK, "tasks", WI_TASK_POLLS) == 6);
    CHECK(task_seconds("tasks", WI_TASK_BUSY) == busy);
    weir_task_close(&running, WEIR_OUTCOME_OK);
    CHECK(total_at(NULL, WI_CHANNEL, "next", WI_CHANNEL_REJECTS_FULL) == 0);
}
CHILD_TEST(closes_a_kind_before_its_tasks)

/* Names past 4,096 share one. */
static void opens_many_names(const char *dir)
{
    char name[64];
    (void)dir;
    start();
    for (int i = 0; i < WI_RETIRED_NAMES + 100; i++) {
        snprintf(name, sizeof(name), "room-%d", i);
        struct weir_channel *channel = open_channel(name);
        pass(channel, 2);
        weir_channel_close(channel);
    }
    CHECK(sent(NULL, "room-0") == 2 && sent(NULL, "room-4095") == 2);
    CHECK(sent(NULL, "room-4096") == 0 && sent(NULL, "other") == 200);
    struct weir_channel *again = open_channel("room-4100");
    pass(again, 5);
    CHECK(sent(NULL, "room-4100") == 5);
    weir_channel_close(again);
    CHECK(sent(NULL, "room-4100") == 0 && sent(NULL, "other") == 205);
    again = open_channel("room-7");
    pass(again, 5);
    CHECK(sent(NULL, "room-7") == 7);
}
CHILD_TEST(opens_many_names)

/* In little room as many names as it has room for; what the others count is not lost. */
static void has_little_room(const char *dir)
{
    char name[64];
    (void)dir;
    setenv("WEIR_LIMIT", "1M", 1);
    start();
    for (int i = 0; i < WI_RETIRED_NAMES; i++) {
        struct weir_value_options value = WEIR_VALUE_INIT(name);
        snprintf(name, sizeof(name), "a name of more than thirty-two bytes %d", i);
        struct weir_counter *counter = weir_counter_open(&value);
        CHECK(counter);
        weir_counter_add(counter, 2);
        weir_counter_close(counter);
    }
    CHECK(wi_segment_header()->n_retired < WI_RETIRED_NAMES);
    uint64_t named = wi_segment_header()->n_retired - WI_RETIRED_OTHERS;
    CHECK(total_at(NULL, WI_COUNTER, "other", WI_COUNTER_VALUE) == 2 * (WI_RETIRED_NAMES - named));
    CHECK(wi_segment_header()->used_bytes <= 1 << 20);
}
CHILD_TEST(has_little_room)

static uint64_t n_readings;
static bool is_over;

/* Each name as a reading begins. */
static void *open_names(void *unused)
{
    (void)unused;
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof(name), "room-%d", i);
        uint64_t n = __atomic_load_n(&n_readings, __ATOMIC_ACQUIRE);
        while (__atomic_load_n(&n_readings, __ATOMIC_ACQUIRE) == n) {
            sched_yield();
        }
        CHECK(open_channel(name));
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    return NULL;
}

/* A reader of the file remembers names: one that was made while the file was read must not be empty for good. */
static void opens_names_while_it_is_read(const char *dir)
{
    char path[256];
    pthread_t opener;
    start();
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    struct wi_process_view *view = read_path(path);
    CHECK(pthread_create(&opener, NULL, open_names, NULL) == 0);
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        __atomic_fetch_add(&n_readings, 1, __ATOMIC_RELEASE);
        CHECK(wi_process_view_refresh(view, 1 + n_readings, &error) == WEIR_OK);
    }
    pthread_join(opener, NULL);
    CHECK(wi_process_view_refresh(view, 2 + n_readings, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 300);
    for (size_t i = 0; i < 300; i++) {
        enum wi_kind kind;
        CHECK(wi_process_view_row(view, WI_CHANNEL, i)->name[0]);
        CHECK(wi_process_view_retired(view, WI_RETIRED_OTHERS + i, &kind)->name[0]);
    }
    wi_process_view_close(view);
}
CHILD_TEST(opens_names_while_it_is_read)

static void closes_before_the_start(const char *dir)
{
    (void)dir;
    struct weir_channel *open = open_channel("early");
    weir_channel_send(open, 1);
    for (int i = 0; i < 300; i++) { /* more than there is room for at once */
        struct weir_channel *channel = open_channel(i % 2 ? "early" : "other early");
        CHECK(channel);
        weir_channel_send(channel, 1);
        weir_channel_close(channel);
    }
    start();
    CHECK(sent(NULL, "early") == 151 && sent(NULL, "other early") == 150);
    pass(open_channel("early"), 2);
    weir_channel_close(open);
    open_channel("third");
    CHECK(sent(NULL, "early") == 153 && sent(NULL, "other early") == 150);
}
CHILD_TEST(closes_before_the_start)

/* Those whose totals find no room in the segment go to "other", however many they are. */
static void closes_more_names_before_the_start_than_there_is_room_for(const char *dir)
{
    char name[64];
    (void)dir;
    setenv("WEIR_LIMIT", "1M", 1);
    for (int i = 0; i < WI_RETIRED_NAMES; i++) {
        struct weir_value_options value = WEIR_VALUE_INIT(name);
        snprintf(name, sizeof(name), "a name of more than thirty-two bytes %d", i);
        struct weir_counter *counter = weir_counter_open(&value);
        CHECK(counter);
        weir_counter_add(counter, 2);
        weir_counter_close(counter);
    }
    start();
    uint64_t named = wi_segment_header()->n_retired - WI_RETIRED_OTHERS;
    CHECK(named < WI_RETIRED_NAMES);
    CHECK(total_at(NULL, WI_COUNTER, "other", WI_COUNTER_VALUE) == 2 * (WI_RETIRED_NAMES - named));
}
CHILD_TEST(closes_more_names_before_the_start_than_there_is_room_for)

static uint64_t address_space(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm && fscanf(statm, "%lu", &pages) == 1);
    fclose(statm);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct weir_counter *count_two(int number)
{
    char name[64];
    struct weir_value_options value = WEIR_VALUE_INIT(name);
    snprintf(name, sizeof(name), "a name of more than thirty-two bytes %d", number);
    struct weir_counter *counter = weir_counter_open(&value);
    CHECK(counter);
    weir_counter_add(counter, 2);
    return counter;
}

#define N_WAITING 100

/* The names that find no room at the start find some later: what "other" has counted stays there. */
static void finds_room_after_the_start(const char *dir)
{
    (void)dir;
    struct weir_counter *waiting[N_WAITING];
    struct rlimit before;
    for (int i = 0; i < WI_RETIRED_NAMES - N_WAITING; i++) {
        weir_counter_close(count_two(i));
    }
    for (int i = 0; i < N_WAITING; i++) {
        waiting[i] = count_two(WI_RETIRED_NAMES - N_WAITING + i);
    }
    for (int i = 1; i < N_WAITING; i++) { /* the first one stays open */
        weir_counter_close(waiting[i]);
    }
    CHECK(getrlimit(RLIMIT_AS, &before) == 0);
    /* The segment's first MiB, and what weir leaves to the host. */
    struct rlimit less = {address_space() + (UINT64_C(19) << 19), before.rlim_max};
    CHECK(setrlimit(RLIMIT_AS, &less) == 0);
    start();
    CHECK(setrlimit(RLIMIT_AS, &before) == 0);
    uint64_t named = wi_segment_header()->n_retired - WI_RETIRED_OTHERS;
    uint64_t others = 2 * (WI_RETIRED_NAMES - named - 1);
    CHECK(named < WI_RETIRED_NAMES - N_WAITING);
    CHECK(total_at(NULL, WI_COUNTER, "other", WI_COUNTER_VALUE) == others);
    for (int i = 0; i < N_WAITING; i++) {
        count_two(WI_RETIRED_NAMES - 1 -
                  i); /* the last name first: all others find room before it */
        CHECK(total_at(NULL, WI_COUNTER, "other", WI_COUNTER_VALUE) == others);
    }
    CHECK(wi_segment_header()->n_retired == WI_RETIRED_MAX);
    weir_counter_close(waiting[0]);
    count_two(0);
    others = total_at(NULL, WI_COUNTER, "other", WI_COUNTER_VALUE);
    count_two(0);
    CHECK(total_at(NULL, WI_COUNTER, "other", WI_COUNTER_VALUE) == others);
}

static void test_finds_room_after_the_start(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* sanitizers need the address space themselves */
#endif
    assert_int_equal(child_run(finds_room_after_the_start), 0);
}

/* ---- forks and ends ----------------------------------------------------------------------------- */

static void a_child_counts_anew(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel *closed = open_channel("queue");
    struct weir_channel *folded = open_channel("queue");
    pass(folded, 5);
    weir_channel_close(folded);
    struct weir_channel *open = open_channel("queue");
    pass(open, 7);
    pass(closed, 3);
    weir_channel_close(closed);
    pid_t pid = fork();
    if (pid == 0) {
        start();
        CHECK(sent(NULL, "queue") == 0);
        pass(open, 2);
        weir_channel_close(open);
        CHECK(sent(NULL, "queue") == 2);
        pass(open_channel("queue"), 4);
        CHECK(sent(NULL, "queue") == 6 && measured(NULL) == 6);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(sent(NULL, "queue") == 15);
}
CHILD_TEST(a_child_counts_anew)

static void leaves_totals_behind(const char *dir)
{
    char path[256];
    pid_t pid = fork();
    if (pid == 0) {
        start();
        for (int i = 0; i < 10; i++) {
            struct weir_channel *channel = open_channel(i < 5 ? "queue" : "others");
            pass(channel, 100);
            weir_channel_close(i == 4 ? NULL : channel);
        }
        raise(SIGKILL);
    }
    waitpid(pid, NULL, 0);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(sent(path, "queue") == 500 && sent(path, "others") == 500 && measured(path) == 1000);
}
CHILD_TEST(leaves_totals_behind)

/* Killed at each step of the fold: the log, the totals, the slot. */
static void dies_while_it_folds(const char *dir)
{
    char path[256];
    start();
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    struct weir_channel *channel = open_channel("queue");
    struct weir_slot_head *head = &channel->head;
    pass(channel, 9);
    weir_channel_close(channel);
    CHECK(wi_segment_lock());
    wi_retired_fold(0); /* and the slot says nothing of it yet */
    wi_segment_unlock();
    CHECK(head->state == WI_SLOT_CLOSED && sent(path, "queue") == 9 && sent(NULL, "queue") == 9);
    CHECK(measured(path) == 9 && measured(NULL) == 9);
    struct wi_retired *totals =
        (struct wi_retired *)wi_segment_line(wi_segment_header()->retired_slabs[0]) +
        WI_RETIRED_OTHERS;
    CHECK(totals->totals[0].stamp == wi_segment_header()->n_folds << 1);
    totals->totals[0].stamp = 1; /* being filled from nothing: the slot has them still */
    struct wi_retired_waits *waits = wi_segment_line(totals->waits[0]);
    waits[0].stamp = 1;
    CHECK(sent(path, "queue") == 9 && sent(NULL, "queue") == 9);
    CHECK(measured(path) == 9 && measured(NULL) == 9);
}
CHILD_TEST(dies_while_it_folds)

/* ---- a process that ends after a fork ----------------------------------------------------------- */

static bool has_other_parent(void *parent)
{
    return getppid() != *(const pid_t *)parent;
}

/* A process does `first`, forks, does `then` and ends; its child takes over and does `last`. */
static void take_over(void (*first)(void), void (*then)(void), void (*last)(void))
{
    int status[2];
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    if (fork() == 0) {
        pid_t parent = getpid();
        start();
        first();
        if (fork() == 0) {
            CHECK(setsid() > 0 && child_wait(has_other_parent, &parent));
            start();
            last();
            _exit(0);
        }
        then();
        _exit(0);
    }
    CHECK(wait(&status[0]) > 0 && wait(&status[1]) > 0);
    CHECK(status[0] == 0 && status[1] == 0);
}

static struct wi_retired *first_totals(void)
{
    uint32_t slab = wi_segment_header()->retired_slabs[0];
    return (struct wi_retired *)wi_segment_line(slab) + WI_RETIRED_OTHERS;
}

static struct weir_channel *kept;

static void do_nothing(void)
{
}

static void fold_all(void)
{
    struct weir_channel *channel = open_channel("queue");
    pass(channel, 9);
    weir_channel_close(channel);
    CHECK(wi_segment_lock());
    wi_retired_fold(0); /* and the slot says nothing of it yet */
    wi_segment_unlock();
    CHECK(first_totals()->totals[0].stamp == wi_segment_header()->n_folds << 1);
}

static void fold_waits(void)
{
    fold_all();
    first_totals()->totals[0].stamp = 1; /* being filled from nothing */
}

static void fold_nothing(void)
{
    fold_waits();
    struct wi_retired_waits *waits = wi_segment_line(first_totals()->waits[0]);
    waits[0].stamp = 1;
}

static void have_all_once(void)
{
    CHECK(sent(NULL, "queue") == 9 && measured(NULL) == 9);
    for (int i = 0; i < 3; i++) {
        struct weir_channel *next = open_channel("next");
        pass(next, 2);
        weir_channel_close(next);
        CHECK(sent(NULL, "queue") == 9 && measured(NULL) == 9 + 2 * (uint64_t)(i + 1));
    }
}

static void forks_while_it_folds(const char *dir)
{
    (void)dir;
    take_over(fold_all, do_nothing, have_all_once);
    take_over(fold_waits, do_nothing, have_all_once);
    take_over(fold_nothing, do_nothing, have_all_once);
}
CHILD_TEST(forks_while_it_folds)

static void close_some(void)
{
    kept = open_channel("kept");
    pass(kept, 5);
    for (int i = 0; i < 2; i++) {
        struct weir_channel *queue = open_channel("queue");
        pass(queue, 9);
        weir_channel_close(queue);
    }
}

/* The slot of "queue" is folded and has another handle, and a name has come that the child does not know. */
static void close_and_open(void)
{
    for (int i = 0; i < 3; i++) {
        struct weir_channel *later = open_channel("later");
        pass(later, 100);
        weir_channel_close(later);
    }
    weir_channel_close(kept);
}

static void have_what_was_there(void)
{
    CHECK(sent(NULL, "queue") == 18 && sent(NULL, "later") == 0);
    pass(kept, 1);
    CHECK(sent(NULL, "kept") == 6 && measured(NULL) == 24);
    for (int i = 0; i < 3; i++) {
        struct weir_channel *mine = open_channel(i == 0 ? "mine" : "queue");
        CHECK(mine != kept);
        pass(mine, 2);
        weir_channel_close(mine);
        CHECK(sent(NULL, "mine") == 2 && sent(NULL, "queue") == 18 + 2 * (uint64_t)i);
        CHECK(measured(NULL) == 26 + 2 * (uint64_t)i);
    }
    weir_channel_close(kept);
    CHECK(sent(NULL, "kept") == 6);
}

static void closes_and_opens_after_a_fork(const char *dir)
{
    (void)dir;
    take_over(close_some, close_and_open, have_what_was_there);
}
CHILD_TEST(closes_and_opens_after_a_fork)

/* What the parent folded after the fork names a slot and a life that a handle of the child has, who goes on with its
 * totals. */
static void opens_what_its_parent_folded(const char *dir)
{
    (void)dir;
    int go[2];
    int told[2];
    int status;
    char byte = 0;
    CHECK(pipe(go) == 0 && pipe(told) == 0);
    pid_t parent = fork();
    if (parent == 0) {
        close(go[1]);
        start();
        struct weir_channel *first = open_channel("a");
        pass(first, 1);
        weir_channel_close(first);
        if (fork() == 0) {
            CHECK(read(go[0], &byte, 1) == 0);
            start();
            pass(open_channel("own"), 3);
            struct wi_process_view *view = read_path(NULL);
            bool is_right = wi_process_view_count(view, WI_CHANNEL) == 1 && sent(NULL, "a") > 0;
            CHECK(write(told[1], is_right ? "1" : "0", 1) == 1);
            wi_process_view_close(view);
            _exit(0);
        }
        weir_channel_close(open_channel("a"));
        open_channel("a");
        _exit(0);
    }
    CHECK(waitpid(parent, &status, 0) == parent && status == 0);
    close(go[1]); /* the parent has gone */
    close(told[1]);
    CHECK(read(told[0], &byte, 1) == 1 && byte == '1');
}
CHILD_TEST(opens_what_its_parent_folded)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closes_and_opens),
        cmocka_unit_test(test_opens_what_its_parent_folded),
        cmocka_unit_test(test_counts_late),
        cmocka_unit_test(test_closes_all_kinds),
        cmocka_unit_test(test_closes_a_kind_before_its_tasks),
        cmocka_unit_test(test_opens_many_names),
        cmocka_unit_test(test_has_little_room),
        cmocka_unit_test(test_closes_before_the_start),
        cmocka_unit_test(test_a_child_counts_anew),
        cmocka_unit_test(test_leaves_totals_behind),
        cmocka_unit_test(test_dies_while_it_folds),
        cmocka_unit_test(test_forks_while_it_folds),
        cmocka_unit_test(test_closes_and_opens_after_a_fork),
        cmocka_unit_test(test_looks_at_a_row_late),
        cmocka_unit_test(test_opens_names_while_it_is_read),
        cmocka_unit_test(test_closes_more_names_before_the_start_than_there_is_room_for),
        cmocka_unit_test(test_finds_room_after_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
