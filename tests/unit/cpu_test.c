/* SPDX-License-Identifier: MIT */
/*
 * Threads without a shard: they count in the cells of the processor that they run on, each word exactly once, whatever
 * interrupts them; else in the shared cells. Shards are made scarce by taking away what is left of them, so that one
 * thread is enough. Where the C library registers no restartable sequences, all must be in the shared cells.
 */
#include "child.h"
#include "hook/cpu.h"
#include "hook/thread.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#define NOT_HERE 77 /* a child's status: this machine cannot do it */

static struct weir_error error;
static struct weir_channel *channel;
static struct weir_semaphore *semaphore;
static struct weir_task_kind *task;
static struct weir_counter *counter;

static void open_handles(enum weir_latency latency)
{
    struct weir_channel_options of_channel = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
    struct weir_semaphore_options of_semaphore = WEIR_SEMAPHORE_INIT("semaphore", 4);
    struct weir_task_options of_task = WEIR_TASK_INIT("task");
    struct weir_value_options of_counter = WEIR_VALUE_INIT("counter");
    of_channel.latency = latency;
    channel = weir_channel_open(&of_channel);
    semaphore = weir_semaphore_open(&of_semaphore);
    task = weir_task_kind_open(&of_task);
    counter = weir_counter_open(&of_counter);
    CHECK(channel && semaphore && task && counter);
}

static void start(void)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_handles(WEIR_LATENCY_DEFAULT);
    wi_store_relaxed(&wi_index.n_left, 0);
}

static bool has_sequences(void)
{
    return wi_cpu_count() > 0;
}

/* Everything that can be counted in a cell, once. */
static void count_all(void)
{
    weir_ticket sent = weir_channel_send(channel, 10);
    weir_channel_send(channel, 1);
    weir_channel_receive(channel, sent, 10);
    weir_semaphore_acquire(semaphore, 3);
    weir_semaphore_release(semaphore, 2);
    weir_task_end(task, weir_task_begin(task, weir_task_spawn(task)));
    weir_task_finish(task, WEIR_OUTCOME_ERROR);
    weir_task_spawn(task);
    weir_counter_add(counter, 7);
}

static uint64_t value(struct wi_process_view *view, enum wi_kind kind, int metric)
{
    return wi_process_view_row(view, kind, 0)->value[metric].u.u64;
}

static void check_counts(struct wi_process_view *view, uint64_t n)
{
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(value(view, WI_CHANNEL, WI_CHANNEL_SENT) == 2 * n);
    CHECK(value(view, WI_CHANNEL, WI_CHANNEL_RECEIVED) == n);
    CHECK(value(view, WI_CHANNEL, WI_CHANNEL_DEPTH) == n);
    CHECK(value(view, WI_CHANNEL, WI_CHANNEL_QUEUED_BYTES) == n);
    CHECK(value(view, WI_SEMAPHORE, WI_SEMAPHORE_ACQUIRES) == n);
    CHECK(value(view, WI_TASK, WI_TASK_SPAWNED) == 2 * n);
    CHECK(value(view, WI_TASK, WI_TASK_PENDING) == n);
    CHECK(value(view, WI_TASK, WI_TASK_FINISHED) == n);
    CHECK(value(view, WI_COUNTER, WI_COUNTER_VALUE) == 7 * n);
    CHECK(value(view, WI_AGENT, WI_AGENT_CLAMPED) == 0);
}

/* From this mapping, and from the file as another process reads it. */
static void check_all(uint64_t n)
{
    struct wi_process_view *view;
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    check_counts(view, n);
    wi_process_view_close(view);
    CHECK(wi_process_view_open_file(health.path, &view, &error) == WEIR_OK);
    check_counts(view, n);
    wi_process_view_close(view);
}

/* What is in the shared cell of the counter; the rest is in others. */
static uint64_t in_shared_cell(void)
{
    return *wi_slot_word((struct wi_slot *)(void *)counter, WEIR_WORD_ADDED);
}

static void count_without_a_shard(const char *dir)
{
    (void)dir;
    start();
    for (int i = 0; i < 10000; i++) {
        count_all();
    }
    CHECK(weir_self.shard == 0);
    CHECK(in_shared_cell() == (has_sequences() ? 0 : 70000));
    CHECK(wi_segment_header()->cpu_shards == wi_index.n_cpu_shards);
    CHECK((wi_index.n_cpu_shards > 0) == has_sequences());
    check_all(10000);
}

static void pin(unsigned cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* Each processor that this process may use has its cells. */
static void count_on_each_processor(const char *dir)
{
    (void)dir;
    cpu_set_t all;
    uint64_t n = 0;
    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    start();
    for (int round = 0; round < 100; round++) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (CPU_ISSET(cpu, &all)) {
                pin(cpu);
                count_all();
                n++;
            }
        }
    }
    if (has_sequences()) {
        CHECK(wi_index.n_cpu_shards >= 1 && wi_index.n_cpu_shards <= (unsigned)CPU_COUNT(&all));
    }
    check_all(n);
}

/* A processor that was not there when the segment was laid out. */
static void count_on_a_new_processor(const char *dir)
{
    (void)dir;
    start();
    count_all();
    uint64_t before = in_shared_cell();
    wi_index.n_cpus = 0;
    for (int i = 0; i < 100; i++) {
        count_all();
    }
    CHECK(in_shared_cell() == before + 700);
    check_all(101);
}

/* ---- shards come back ------------------------------------------------------------------------- */

static pthread_barrier_t step;

static void *hold_a_shard(void *unused)
{
    count_all();
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    return unused;
}

static void take_the_shard_of_a_thread_that_ends(const char *dir)
{
    (void)dir;
    pthread_t thread;
    start();
    wi_store_relaxed(&wi_index.n_left, 1);
    pthread_barrier_init(&step, NULL, 2);
    CHECK(pthread_create(&thread, NULL, hold_a_shard, NULL) == 0);
    pthread_barrier_wait(&step);
    count_all();
    count_all();
    CHECK(weir_self.shard == 0 && wi_segment_header()->threads_without == 1);
    pthread_barrier_wait(&step);
    pthread_join(thread, NULL);
    CHECK(wi_shard_is_left());
    count_all();
    CHECK(weir_self.shard != 0 && wi_segment_header()->threads_without == 0);
    CHECK(!wi_shard_is_left());
    check_all(4);
}

static void *count_and_end(void *unused)
{
    for (int i = 0; i < 10; i++) {
        count_all();
    }
    CHECK(weir_self.shard == 0 && wi_segment_header()->threads_without == 1);
    return unused;
}

static void threads_without_a_shard_end(const char *dir)
{
    (void)dir;
    start();
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, count_and_end, NULL) == 0);
        pthread_join(thread, NULL);
        CHECK(wi_segment_header()->threads_without == 0);
    }
    CHECK(wi_segment_header()->cells_refused == 20);
    check_all(200);
}

/* A thread that has a shard may find no room for some of its cells, and later room again. */
static void a_thread_gets_the_cells_that_it_was_refused(const char *dir)
{
    (void)dir;
    start();
    wi_store_relaxed(&wi_index.n_left, 1);
    count_all();
    CHECK(weir_self.shard != 0 && wi_segment_header()->threads_without == 0);
    wi_thread_count_refused();
    CHECK(wi_segment_header()->threads_without == 1);
    for (int i = 0; i < WEIR_CHUNK_CELLS; i++) {
        struct weir_value_options further = WEIR_VALUE_INIT("further");
        counter = weir_counter_open(&further);
        weir_counter_add(counter, 1);
    }
    CHECK(weir_cell_find(weir_slot_id(&counter->head)) != NULL);
    CHECK(wi_segment_header()->threads_without == 0);
}

/* ---- what interrupts -------------------------------------------------------------------------- */

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* How each sequence is described to the kernel; the linker says where all of them are. */
struct sequence {
    uint32_t version, flags;
    uint64_t start, length, way_out;
};

extern const struct sequence __start___rseq_cs[] __attribute__((weak));
extern const struct sequence __stop___rseq_cs[] __attribute__((weak));

static volatile uint64_t n_steps, n_interrupted;

/* A signal handler never sees a thread inside a sequence: it was led out. */
static void check_place(uint64_t at)
{
    for (const struct sequence *one = __start___rseq_cs; one < __stop___rseq_cs; one++) {
        CHECK(!has_sequences() || at - one->start >= one->length);
        n_interrupted += at == one->way_out;
    }
}

/* Counts itself, then lets the next instruction run. */
static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    n_steps++;
    check_place((uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP]);
    count_all();
}

/* The trap flag makes the kernel deliver a signal after each instruction. */
static void count_step_by_step(const char *dir)
{
    (void)dir;
    start();
    count_all();
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
    count_all();
    count_all();
    __asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
    if (n_steps == 0) {
        _exit(NOT_HERE);
    }
    CHECK(n_steps > 200 && (n_interrupted > 0) == has_sequences());
    check_all(3 + n_steps);
}

/* What happens at one of the steps of a look for the high-water mark: a thread comes, takes a message, and another
 * sends one. The queue is never longer than it was. */
static struct {
    struct weir_cell *sends, *receives;
    uint64_t step, now;
} comer;

static void on_step_of_a_look(int number)
{
    (void)number;
    if (comer.now++ == comer.step) {
        wi_store_release(&wi_index.n_shards, 2);
        weir_cell_add(&comer.receives->u.channel.received, 1);
        weir_cell_add(&comer.sends->u.channel.sent, 1);
    }
}

static void *receive_one(void *unused)
{
    weir_channel_receive(channel, 0, 0);
    return unused;
}

/* A thread that comes at any step of the look does not raise the mark above what the queue had. */
static void look_while_a_thread_comes(const char *dir)
{
    (void)dir;
    pthread_t thread;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_handles(WEIR_LATENCY_OFF);
    uint32_t id = weir_slot_id(&channel->head);
    struct wi_slot *slot = (struct wi_slot *)(void *)channel;
    for (int i = 0; i < 6; i++) {
        weir_channel_send(channel, 0);
    }
    CHECK(pthread_create(&thread, NULL, receive_one, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(wi_index.n_shards == 2);
    comer.sends = weir_cell_find(id);
    comer.receives = wi_index_cell(&wi_index.shards[1], id);
    CHECK(comer.sends && comer.receives && comer.sends != comer.receives);
    signal(SIGTRAP, on_step_of_a_look);
    do {
        /* What the second thread has received is forgotten with it. */
        comer.receives->u.channel.received = 0;
        comer.sends->u.channel.sent = 5;
        wi_store_release(&wi_index.n_shards, 1);
        wi_store_relaxed(&slot->out.other, 0);
        comer.now = 0;
        __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
        weir_channel_check_slow(channel, comer.sends);
        __asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
        if (comer.now == 0) {
            _exit(NOT_HERE);
        }
        CHECK(wi_load_relaxed(&slot->out.other) >= 4 && wi_load_relaxed(&slot->out.other) <= 5);
        comer.step++;
    } while (comer.now >= comer.step);
    CHECK(comer.step > 50);
}

static void a_mark_is_a_depth_that_the_queue_had(void **state)
{
    (void)state;
    int status = child_run(look_while_a_thread_comes);
    if (status == NOT_HERE) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void a_hook_interrupted_after_each_instruction_counts_once(void **state)
{
    (void)state;
    int status = child_run(count_step_by_step);
    if (status == NOT_HERE) {
        print_message("this machine does not step (valgrind, an emulator): skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}
#else
static void a_hook_interrupted_after_each_instruction_counts_once(void **state)
{
    (void)state;
    skip();
}

static void a_mark_is_a_depth_that_the_queue_had(void **state)
{
    (void)state;
    skip();
}
#endif

/* ---- the sequence itself ------------------------------------------------------------------------ */

#ifdef WI_CPU_HAS_SEQUENCES
/* How a sequence is described to the kernel, and the mark that glibc has registered for its way out. */
struct described {
    uint32_t version, flags;
    uint64_t start, length, way_out;
};

#if defined(__x86_64__)
#define WAY_OUT_MARK   UINT32_C(0x53053053)
#define PLACE(context) ((context)->uc_mcontext.gregs[REG_RIP])
#else
#define WAY_OUT_MARK   UINT32_C(0xd428bc00)
#define PLACE(context) ((context)->uc_mcontext.pc)
#endif

static struct wi_cpu_area area_of_nobody;
static volatile sig_atomic_t n_led_out;

static const struct described *described(void)
{
    return (const struct described *)(uintptr_t)area_of_nobody.rseq_cs;
}

/* Does what the kernel does to a thread that it interrupts. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    ucontext_t *at = context;
    CHECK(area_of_nobody.rseq_cs != 0);
    CHECK((uint64_t)PLACE(at) - described()->start < described()->length);
    PLACE(at) = (__typeof__(PLACE(at)))described()->way_out;
    area_of_nobody.rseq_cs = 0;
    n_led_out++;
}

/* With an area that no kernel knows, so that it runs where nothing is registered, too. */
static void run_the_sequence(const char *dir)
{
    (void)dir;
    struct weir_cell cell = {.left = 0};
    struct wi_cpu_cell at = {&cell, &area_of_nobody, 3};
    uint32_t mark;
    area_of_nobody.cpu_id = 3;
    CHECK(wi_cpu_try(&at, 1, 5) && wi_cpu_try(&at, 1, UINT64_C(1) << 40));
    CHECK(cell.u.word[1] == (UINT64_C(1) << 40) + 5);
    CHECK(described() && described()->version == 0 && described()->flags == 0);
    CHECK(area_of_nobody.rseq_cs % 32 == 0 && described()->length > 0);
    CHECK(described()->way_out - described()->start >= described()->length);
    memcpy(&mark, (const void *)(uintptr_t)(described()->way_out - sizeof(mark)), sizeof(mark));
    CHECK(mark == WAY_OUT_MARK);
    wi_cpu_leave(&at);
    CHECK(area_of_nobody.rseq_cs == 0);

    area_of_nobody.cpu_id = 2; /* the thread was moved */
    CHECK(!wi_cpu_try(&at, 1, 1) && area_of_nobody.rseq_cs == 0);
    area_of_nobody.cpu_id = 3;
    void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    at.cell = nowhere;
    CHECK(!wi_cpu_try(&at, 0, 1) && n_led_out == 1);
    at.cell = &cell;
    CHECK(wi_cpu_try(&at, 1, 1) && cell.u.word[1] == (UINT64_C(1) << 40) + 6);
    wi_cpu_leave(&at);
}

static void a_sequence_adds_once_or_is_led_out(void **state)
{
    (void)state;
    assert_int_equal(child_run(run_the_sequence), 0);
}
#else
static void a_sequence_adds_once_or_is_led_out(void **state)
{
    (void)state;
    skip();
}
#endif

/* ---- fork --------------------------------------------------------------------------------------- */

static void start_anew_in_a_child(void)
{
    for (int i = 0; i < 50; i++) {
        count_all(); /* nothing, before the start */
    }
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    check_all(0);
    CHECK(wi_segment_header()->threads_without == 0);
    wi_store_relaxed(&wi_index.n_left, 0);
    for (int i = 0; i < 30; i++) {
        count_all();
    }
    CHECK(weir_self.shard == 0 && in_shared_cell() == (has_sequences() ? 0 : 210));
    CHECK(wi_segment_header()->cpu_shards == wi_index.n_cpu_shards);
    check_all(30);
    weir_stop();
    _exit(0);
}

static void fork_without_a_shard(const char *dir)
{
    (void)dir;
    int status;
    start();
    for (int i = 0; i < 20; i++) {
        count_all();
    }
    pid_t pid = fork();
    if (pid == 0) {
        start_anew_in_a_child();
    }
    count_all();
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    check_all(21);
}

/* ---- samples, marks, closed handles ------------------------------------------------------------- */

static void waits_are_measured(const char *dir)
{
    (void)dir;
    struct wi_process_view *view;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_handles(WEIR_LATENCY_FULL);
    wi_store_relaxed(&wi_index.n_left, 0);
    for (int i = 0; i < 1000; i++) {
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
    }
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(value(view, WI_CHANNEL, WI_CHANNEL_WAIT) == 1000);
    wi_process_view_close(view);
}

/* Each sample stands for the gap that it ended: together they stand for nearly all messages. */
static void samples_stand_for_all_messages(const char *dir)
{
    (void)dir;
    enum { N = 200000, LARGEST_GAP = 1023 };
    struct wi_process_view *view;
    start();
    for (int i = 0; i < N; i++) {
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
    }
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    uint64_t stood_for = value(view, WI_CHANNEL, WI_CHANNEL_WAIT);
    /* One gap is open on each processor, and one more may be lost or repeated when the thread is moved. */
    uint64_t most = LARGEST_GAP * (uint64_t)(wi_index.n_cpu_shards + 1);
    CHECK(stood_for + most >= N && stood_for <= N + most);
    wi_process_view_close(view);
}

static void the_mark_is_kept(const char *dir)
{
    (void)dir;
    struct wi_process_view *view;
    start();
    for (int i = 0; i < 1000; i++) {
        weir_channel_send(channel, 1);
    }
    for (int i = 0; i < 1000; i++) {
        weir_channel_receive(channel, 0, 1);
    }
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    uint64_t mark = value(view, WI_CHANNEL, WI_CHANNEL_HIGH_WATER);
    CHECK(mark <= 1000 && (!has_sequences() || mark >= 1000 - 64));
    wi_process_view_close(view);
}

/* The next handle of a slot begins at zero, and the counts of the one before are in the totals of its name. */
static void slots_are_used_again(const char *dir)
{
    (void)dir;
    start();
    for (int i = 0; i < 5; i++) {
        count_all();
    }
    struct wi_slot *before = (struct wi_slot *)(void *)counter;
    weir_counter_close(counter);
    struct weir_value_options of_counter = WEIR_VALUE_INIT("another");
    counter = weir_counter_open(&of_counter);
    CHECK((struct wi_slot *)(void *)counter == before);
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(value(view, WI_COUNTER, WI_COUNTER_VALUE) == 0);
    weir_counter_add(counter, 9);
    CHECK(wi_process_view_refresh(view, 2, &error) == WEIR_OK);
    CHECK(value(view, WI_COUNTER, WI_COUNTER_VALUE) == 9);
    wi_process_view_close(view);
}

CHILD_TEST(count_without_a_shard)
CHILD_TEST(count_on_each_processor)
CHILD_TEST(count_on_a_new_processor)
CHILD_TEST(take_the_shard_of_a_thread_that_ends)
CHILD_TEST(threads_without_a_shard_end)
CHILD_TEST(a_thread_gets_the_cells_that_it_was_refused)
CHILD_TEST(fork_without_a_shard)
CHILD_TEST(waits_are_measured)
CHILD_TEST(samples_stand_for_all_messages)
CHILD_TEST(the_mark_is_kept)
CHILD_TEST(slots_are_used_again)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_without_a_shard),
        cmocka_unit_test(test_count_on_each_processor),
        cmocka_unit_test(test_count_on_a_new_processor),
        cmocka_unit_test(test_take_the_shard_of_a_thread_that_ends),
        cmocka_unit_test(test_threads_without_a_shard_end),
        cmocka_unit_test(test_a_thread_gets_the_cells_that_it_was_refused),
        cmocka_unit_test(a_hook_interrupted_after_each_instruction_counts_once),
        cmocka_unit_test(a_mark_is_a_depth_that_the_queue_had),
        cmocka_unit_test(a_sequence_adds_once_or_is_led_out),
        cmocka_unit_test(test_fork_without_a_shard),
        cmocka_unit_test(test_waits_are_measured),
        cmocka_unit_test(test_samples_stand_for_all_messages),
        cmocka_unit_test(test_the_mark_is_kept),
        cmocka_unit_test(test_slots_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
