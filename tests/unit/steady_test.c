/* SPDX-License-Identifier: MIT */
/* ctest: labels=slow */
/*
 * What a hook does not do: once its handle is open and its thread has touched it, no lock, no
 * allocation, no system call. Each hook of tests/support/hooks.def is called some thousand times in a
 * child whose system calls the kernel traps and whose locks and allocations are counted, in each
 * latency and storage mode; what it counted is read from the file that the child leaves. A child that
 * does all three on purpose shows that the watch sees them.
 */
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"
#include "watch.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOT_HERE 77 /* a child's status: this machine cannot watch */
#define CALLS    5000

static struct weir_error error;

/* What a hook is called on: handles of its own, so that its counts are, too. */
struct subject {
    struct weir_channel *channel;
    struct weir_semaphore *semaphore;
    struct weir_task_kind *task;
    struct weir_counter *counter;
    struct weir_gauge *gauge;
    struct weir_loop *loop;
    struct weir_sender *sender;
    struct weir_task *single;
};

struct hook {
    const char *name;
    enum wi_kind kind;
    int metric;
    void (*call)(const struct subject *subject);
    uint64_t (*expected)(uint64_t n);
};

#define HOOK(name, kind, metric, expected, statement)                                              \
    static void call_##name(const struct subject *subject)                                         \
    {                                                                                              \
        struct weir_channel *channel = subject->channel;                                           \
        struct weir_semaphore *semaphore = subject->semaphore;                                     \
        struct weir_task_kind *task = subject->task;                                               \
        struct weir_counter *counter = subject->counter;                                           \
        struct weir_gauge *gauge = subject->gauge;                                                 \
        struct weir_loop *loop = subject->loop;                                                    \
        struct weir_sender *sender = subject->sender;                                              \
        struct weir_task *single = subject->single;                                                \
        (void)channel, (void)semaphore, (void)task, (void)counter, (void)gauge, (void)loop;        \
        (void)sender, (void)single;                                                                \
        (void)(statement);                                                                         \
    }                                                                                              \
    static uint64_t expected_##name(uint64_t n)                                                    \
    {                                                                                              \
        (void)n;                                                                                   \
        return expected;                                                                           \
    }
#include "hooks.def"
#undef HOOK

static const struct hook hooks[] = {
#define HOOK(name, kind, metric, expected, statement)                                              \
    {#name, kind, metric, call_##name, expected_##name},
#include "hooks.def"
#undef HOOK
};

#define N_HOOKS (sizeof(hooks) / sizeof(hooks[0]))

/* How a thread comes to know the handles. */
enum warming {
    BY_THREAD_START, /* weir_thread_start after they were opened, and no hook before the watch */
    OPENED_LATER,    /* weir_thread_start, then the handles, then one call of each hook */
    BY_TOUCH,        /* one call of each hook */
    WITHOUT_SHARD,   /* one call of each hook, and no shard is left: the cells of this processor */
    N_WARMINGS
};

static const char *const warmings[] = {"weir_thread_start", "handles opened later", "first touch",
                                       "a touch without a shard"};

/* Shared with the children. */
static struct report {
    enum weir_latency latency;
    enum weir_storage storage;
    enum warming warming;
    bool lasts; /* until the clock's rate is measured again, and more */
    struct watch_tally tally[N_HOOKS];
} * report;

static struct subject subjects[N_HOOKS];
static struct weir_task singles[N_HOOKS];

static void open_subjects(void)
{
    struct weir_task_options kind = WEIR_TASK_INIT("singles");
    kind.latency = report->latency;
    struct weir_task_kind *of_singles = weir_task_kind_open(&kind);
    for (size_t i = 0; i < N_HOOKS; i++) {
        struct weir_channel_options channel = WEIR_CHANNEL_INIT(hooks[i].name, WEIR_UNBOUNDED);
        struct weir_semaphore_options semaphore = WEIR_SEMAPHORE_INIT(hooks[i].name, 4);
        struct weir_task_options task = WEIR_TASK_INIT(hooks[i].name);
        struct weir_value_options value = WEIR_VALUE_INIT(hooks[i].name);
        struct weir_loop_options loop = WEIR_LOOP_INIT(hooks[i].name);
        channel.latency = semaphore.latency = task.latency = report->latency;
        channel.storage = semaphore.storage = task.storage = value.storage = report->storage;
        subjects[i] = (struct subject){
            .channel = weir_channel_open(&channel),
            .semaphore = weir_semaphore_open(&semaphore),
            .task = weir_task_kind_open(&task),
            .counter = weir_counter_open(&value),
            .gauge = weir_gauge_open(&value),
            .loop = weir_loop_open(&loop),
            .single = &singles[i],
        };
        subjects[i].sender = weir_sender_open(subjects[i].channel, hooks[i].name);
        weir_task_open(&singles[i], of_singles, hooks[i].name);
        CHECK(subjects[i].channel && subjects[i].semaphore && subjects[i].task);
        CHECK(subjects[i].counter && subjects[i].gauge && subjects[i].loop);
        CHECK(subjects[i].sender && singles[i].row);
    }
}

static void warm(void)
{
    if (report->warming == OPENED_LATER) {
        struct weir_value_options value = WEIR_VALUE_INIT("before");
        CHECK(weir_counter_open(&value) != NULL);
        weir_thread_start();
    }
    if (report->warming == WITHOUT_SHARD) {
        cpu_set_t here;
        CPU_ZERO(&here);
        CPU_SET((unsigned)sched_getcpu(), &here);
        CHECK(sched_setaffinity(0, sizeof(here), &here) == 0);
        wi_store_relaxed(&wi_index.n_left, 0);
    }
    open_subjects();
    if (report->warming == BY_THREAD_START) {
        weir_thread_start();
        return;
    }
    for (size_t i = 0; i < N_HOOKS; i++) {
        hooks[i].call(&subjects[i]);
    }
}

static void call_all(void)
{
    for (size_t i = 0; i < N_HOOKS; i++) {
        watch_into(&report->tally[i]);
        for (int k = 0; k < CALLS; k++) {
            hooks[i].call(&subjects[i]);
        }
        watch_into(NULL);
    }
}

static void hooks_run(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    warm();
    alarm(60); /* no waiting for what cannot come */
    if (!watch_system_calls()) {
        _exit(NOT_HERE);
    }
    call_all();
    if (report->lasts) {
        uint64_t begin = weir_ticks();
        while (weir_ticks() - begin <= UINT64_C(5) << 30) {
        }
        call_all();
    }
    _exit(0); /* the file stays, for the parent to read */
}

static uint64_t value_in(struct wi_process_view *view, const struct hook *hook)
{
    for (size_t i = 0; i < wi_process_view_count(view, hook->kind); i++) {
        const struct wi_row *row = wi_process_view_row(view, hook->kind, i);
        if (strcmp(row->name, hook->name) == 0) {
            const struct wi_value *value = &row->value[hook->metric];
            return value->type == WI_F64 ? (uint64_t)value->u.f64 : value->u.u64;
        }
    }
    return UINT64_MAX;
}

static void check_counts(const char *dir)
{
    char path[256];
    struct wi_process_view *view;
    uint64_t n = (report->lasts ? 2 * CALLS : CALLS) + (report->warming != BY_THREAD_START);
    assert_int_equal(child_count(dir, ".weir", path, sizeof(path)), 1);
    assert_int_equal(wi_process_view_open_file(path, &view, &error), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 1, &error), WEIR_OK);
    for (size_t i = 0; i < N_HOOKS; i++) {
        if (value_in(view, &hooks[i]) != hooks[i].expected(n)) {
            fail_msg("%s: %llu calls count %llu", hooks[i].name, (unsigned long long)n,
                     (unsigned long long)value_in(view, &hooks[i]));
        }
    }
    assert_int_equal(wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_SAMPLES_LOST].u.u64, 0);
    wi_process_view_close(view);
}

static int complain(void)
{
    int n = 0;
    for (size_t i = 0; i < N_HOOKS; i++) {
        const struct watch_tally *tally = &report->tally[i];
        if (tally->locks || tally->allocations || tally->system_calls) {
            print_message("%s, latency %d, storage %d, after %s: %llu locks (%s), %llu allocations "
                          "(%s), %llu system calls (%d)\n",
                          hooks[i].name, report->latency, report->storage,
                          warmings[report->warming], (unsigned long long)tally->locks,
                          tally->lock ? tally->lock : "-", (unsigned long long)tally->allocations,
                          tally->allocation ? tally->allocation : "-",
                          (unsigned long long)tally->system_calls, tally->system_call);
            n++;
        }
    }
    return n;
}

static void run_or_skip(const char *dir, child_fn *body)
{
    int status = child_run_in(dir, body);
    if (status == NOT_HERE) {
        child_dir_remove(dir);
        print_message("this machine cannot trap system calls: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static int run_mode(enum weir_latency latency, enum weir_storage storage, enum warming warming)
{
    char dir[64];
    memset(report, 0, sizeof(*report));
    report->latency = latency;
    report->storage = storage;
    report->warming = warming;
    report->lasts = latency == WEIR_LATENCY_SAMPLED && storage == WEIR_STORAGE_SHARD &&
                    warming == BY_THREAD_START;
    child_dir_make(dir, sizeof(dir));
    run_or_skip(dir, hooks_run);
    check_counts(dir);
    child_dir_remove(dir);
    return complain();
}

static void a_hook_makes_no_lock_no_allocation_and_no_system_call(void **state)
{
    (void)state;
    int n = 0;
    for (int latency = WEIR_LATENCY_OFF; latency <= WEIR_LATENCY_FULL; latency++) {
        for (int storage = WEIR_STORAGE_SHARD; storage <= WEIR_STORAGE_SHARED; storage++) {
            for (int warming = 0; warming < N_WARMINGS; warming++) {
                n += run_mode((enum weir_latency)latency, (enum weir_storage)storage,
                              (enum warming)warming);
            }
        }
    }
    assert_int_equal(n, 0);
}

/* ---- the first touch ------------------------------------------------------------------------------ */

/* Whoever opens a handle holds the lock; a first touch meanwhile counts in the shared cell. */
static void touches_while_the_lock_is_held(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_subjects();
    alarm(60);
    CHECK(pthread_mutex_lock(&wi_segment.lock) == 0);
    if (!watch_system_calls()) {
        _exit(NOT_HERE);
    }
    call_all();
    _exit(0);
}

static void a_first_touch_never_waits(void **state)
{
    (void)state;
    char dir[64];
    memset(report, 0, sizeof(*report));
    report->latency = WEIR_LATENCY_OFF;
    child_dir_make(dir, sizeof(dir));
    run_or_skip(dir, touches_while_the_lock_is_held);
    check_counts(dir);
    for (size_t i = 0; i < N_HOOKS; i++) {
        assert_int_equal(report->tally[i].system_calls, 0);
        assert_int_equal(report->tally[i].allocations, 0);
    }
    child_dir_remove(dir);
}

/* ---- no room -------------------------------------------------------------------------------------- */

/* A full segment: nothing is made any more, and what could be asked for is asked for once a second. */
static void counts_without_room(const char *dir)
{
    (void)dir;
    setenv("WEIR_LIMIT", "2M", 1);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_subjects();
    struct weir_channel_options options = WEIR_CHANNEL_INIT("filler", WEIR_UNBOUNDED);
    while (weir_channel_open(&options)) {
    }
    weir_thread_start();
    alarm(60);
    if (!watch_system_calls()) {
        _exit(NOT_HERE);
    }
    call_all();
    _exit(0);
}

static void without_room_hooks_make_no_system_call(void **state)
{
    (void)state;
    char dir[64];
    memset(report, 0, sizeof(*report));
    report->latency = WEIR_LATENCY_OFF;
    child_dir_make(dir, sizeof(dir));
    run_or_skip(dir, counts_without_room);
    check_counts(dir);
    for (size_t i = 0; i < N_HOOKS; i++) {
        assert_int_equal(report->tally[i].system_calls, 0);
        assert_int_equal(report->tally[i].allocations, 0);
    }
    child_dir_remove(dir);
}

/* ---- the watch itself ----------------------------------------------------------------------------- */

static void does_what_no_hook_may(const char *dir)
{
    (void)dir;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (!watch_system_calls()) {
        _exit(NOT_HERE);
    }
    watch_into(&report->tally[0]);
    pthread_mutex_lock(&lock);
    void *volatile memory = malloc(10);
    free(memory);
    (void)getppid();
    weir_ticks_slow();
    watch_into(NULL);
    _exit(0);
}

static void the_watch_sees_what_no_hook_may_do(void **state)
{
    (void)state;
    char dir[64];
    memset(report, 0, sizeof(*report));
    child_dir_make(dir, sizeof(dir));
    run_or_skip(dir, does_what_no_hook_may);
    child_dir_remove(dir);
    const struct watch_tally *tally = &report->tally[0];
    assert_int_equal(tally->locks, 1);
    assert_string_equal(tally->lock, "pthread_mutex_lock");
    assert_int_equal(tally->allocations, 2);
    assert_in_range(tally->system_calls, 1, 2);
    assert_int_equal(tally->system_call, SYS_getppid);
    if (tally->system_calls == 2) {
        print_message(
            "this machine's clock is a system call: hooks that read it are not free of them\n");
        skip();
    }
}

int main(void)
{
    report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(report != MAP_FAILED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_watch_sees_what_no_hook_may_do),
        cmocka_unit_test(a_hook_makes_no_lock_no_allocation_and_no_system_call),
        cmocka_unit_test(a_first_touch_never_waits),
        cmocka_unit_test(without_room_hooks_make_no_system_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
