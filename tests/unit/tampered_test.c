/* SPDX-License-Identifier: MIT */
/* ctest: timeout=900 */
/*
 * Other hands on the file of a living server. The same user's are kept off by its mode: none of the ways
 * to shorten it or to make holes in it is open. Root's are not; then what was counted is lost, hooks
 * run on, and nothing is opened any more. (A file that root truncates is a SIGBUS in its host, and holes
 * at the moment of an opening can be: root can also kill. Readers of such files are in corrupt_test.)
 *
 * A worker that was forked off has the mapping itself, whatever user it has become, and can write any
 * number anywhere in it. Its parent then may count wrongly, and is never led out of the segment: a page
 * that every offset of the file could reach stays as it is. The same holds in a family, where workers count in that file
 * and take over what others have left.
 */
#include "caller.h"
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NO_RIGHTS 77 /* a child's status: this machine does not let it */
#define NOBODY    65534

static struct weir_error error;
static enum weir_scope scope; /* of the tests with a worker */

static enum weir_status start(weir_log_fn log)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.scope = scope;
    options.log = log;
    return weir_start(&options, &error);
}

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static void skip_without_rights(int status)
{
    if (status == NO_RIGHTS) {
        print_message("needs root: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- the same user -------------------------------------------------------------------------------- */

static void is_refused(int result)
{
    CHECK(result < 0);
    CHECK(errno == EACCES || errno == EPERM || errno == EBADF || errno == EINVAL);
}

static void keeps_its_own_user_off(const char *dir)
{
    char path[256];
    char again[64];
    if (chown(dir, NOBODY, NOBODY) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
        _exit(NO_RIGHTS);
    }
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel *channel = open_channel("moves");
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    is_refused(truncate(path, 0));
    is_refused(open(path, O_RDWR));
    is_refused(open(path, O_WRONLY | O_TRUNC));
    snprintf(again, sizeof(again), "/proc/self/fd/%d", wi_segment.fd);
    is_refused(open(again, O_RDWR));
    is_refused(truncate(again, 0));
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    is_refused(ftruncate(fd, 0));
    is_refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536));
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    weir_channel_send(channel, 1);
    struct wi_process_view *view;
    CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_DEPTH].u.u64 == 1);
    wi_process_view_close(view);
}

static void its_own_user_cannot_cut_it_off_or_punch_holes(void **state)
{
    (void)state;
    skip_without_rights(child_run(keeps_its_own_user_off));
}

/* ---- root ----------------------------------------------------------------------------------------- */

static uint64_t is_over;

static void *count(void *channel)
{
    weir_thread_start();
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
    }
    return NULL;
}

static void *open_and_close(void *kind)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        struct weir_channel *channel = open_channel("for a moment");
        struct weir_sender *sender = weir_sender_open(channel, "sender");
        struct weir_sent sent = weir_channel_send_from(channel, sender, 1);
        weir_sender_close(sender);
        weir_channel_receive_from(channel, sent, 1);
        weir_channel_close(channel);
        struct weir_task task;
        weir_task_open(&task, kind, "task");
        weir_task_poll(&task);
        weir_task_polled(&task);
        weir_task_close(&task, WEIR_OUTCOME_OK);
    }
    return NULL;
}

static void *come_and_go(void *channel)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, (void *(*)(void *))weir_thread_start, NULL) == 0);
        pthread_join(thread, NULL);
        weir_channel_send(channel, 1);
    }
    return NULL;
}

static bool is_refused_by_readers(void *path)
{
    struct wi_process_view *view;
    if (wi_process_view_open_file(path, &view, &error) != WEIR_OK) {
        return error.text[0] != '\0';
    }
    wi_process_view_close(view);
    return false;
}

/* As soon as something is to be made in it. */
static bool is_off(void *unused)
{
    (void)unused;
    return !weir_is_on();
}

static void punch(const char *path)
{
    struct stat facts;
    int fd = open(path, O_RDWR);
    if (fd < 0) {
        _exit(NO_RIGHTS);
    }
    CHECK(fstat(fd, &facts) == 0);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, facts.st_size) == 0);
    close(fd);
}

static void is_emptied(const char *dir)
{
    char path[256];
    pthread_t threads[4];
    CHECK(weir_start(NULL, &error) == WEIR_OK && weir_agent_start(NULL, &error) == WEIR_OK);
    struct weir_task_options options = WEIR_TASK_INIT("kind");
    struct weir_task_kind *kind = weir_task_kind_open(&options);
    struct weir_channel *channel = open_channel("moves");
    CHECK(child_count(dir, ".sock", path, sizeof(path)) == 1);
    int fd = caller_dial(path);
    CHECK(write(fd, caller_preface, caller_preface_bytes) > 0 && caller_watch(fd, 1));
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(pthread_create(&threads[0], NULL, count, channel) == 0);
    CHECK(pthread_create(&threads[1], NULL, count, channel) == 0);
    CHECK(caller_has_input(fd, 5000));
    punch(path);
    CHECK(pthread_create(&threads[2], NULL, open_and_close, kind) == 0);
    CHECK(pthread_create(&threads[3], NULL, come_and_go, channel) == 0);
    CHECK(child_wait(is_refused_by_readers, path));
    CHECK(child_wait(is_off, NULL));
    char bytes[65536];
    for (int i = 0; i < 3 && caller_has_input(fd, 200); i++) {
        (void)!read(fd, bytes, sizeof(bytes));
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < 4; t++) {
        pthread_join(threads[t], NULL);
    }
    close(fd);
    weir_agent_stop();
    weir_stop();
    CHECK(weir_start(NULL, &error) == WEIR_E_CORRUPT && strstr(error.text, "restart"));
    pid_t pid = fork();
    if (pid == 0) {
        weir_channel_send(channel, 1);
        exit(weir_start(NULL, &error) == WEIR_E_CORRUPT ? 0 : 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void a_file_full_of_holes_costs_the_counts_and_not_the_host(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        skip();
    }
    for (int i = 0; i < 10; i++) {
        char dir[64];
        child_dir_make(dir, sizeof(dir));
        skip_without_rights(child_run_in(dir, is_emptied));
        assert_int_equal(child_count(dir, ".weir", NULL, 0), 0);
        child_dir_remove(dir);
    }
}

/* ---- a worker with the mapping -------------------------------------------------------------------- */

#define CANARY_BYTES 65536
#define CANARY       0xa5

static unsigned char *canary; /* above the segment, at whole lines from it */

/* Behind all that the segment may grow to: its lines reach so far. */
static void canary_make(void)
{
    canary = mmap(wi_segment.base + wi_segment.limit_bytes + CANARY_BYTES, CANARY_BYTES,
                  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(canary != MAP_FAILED);
    memset(canary, CANARY, CANARY_BYTES);
}

static uint32_t canary_line(void)
{
    CHECK(canary > wi_segment.base);
    size_t line = (size_t)(canary - wi_segment.base) / WEIR_LINE;
    CHECK(line < UINT32_MAX);
    return (uint32_t)line + 8;
}

static bool canary_is_whole(void)
{
    for (size_t i = 0; i < CANARY_BYTES; i++) {
        if (canary[i] != CANARY) {
            return false;
        }
    }
    return true;
}

/* Handles of every kind. */
static struct {
    struct weir_channel *channels[3]; /* off, sampled, full */
    struct weir_semaphore *semaphore;
    struct weir_task_kind *kind;
    struct weir_loop *loop;
    struct weir_gauge *gauge;
    struct weir_sender *sender;
    struct weir_task task;
} all;

static void open_all(void)
{
    struct weir_semaphore_options permits = WEIR_SEMAPHORE_INIT("permits", 4);
    struct weir_task_options kind = WEIR_TASK_INIT("kind");
    struct weir_loop_options loop = WEIR_LOOP_INIT("loop");
    struct weir_value_options value = WEIR_VALUE_INIT("gauge");
    for (int c = 0; c < 3; c++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
        options.latency = (enum weir_latency)(WEIR_LATENCY_OFF + c);
        all.channels[c] = weir_channel_open(&options);
    }
    all.semaphore = weir_semaphore_open(&permits);
    all.kind = weir_task_kind_open(&kind);
    all.loop = weir_loop_open(&loop);
    all.gauge = weir_gauge_open(&value);
    all.sender = weir_sender_open(all.channels[0], "sender");
    weir_task_open(&all.task, all.kind, "task");
}

/* What is open already: hooks as a thread that runs calls them. A single task is one thread's at a time. */
static void use_all_with(struct weir_task *task)
{
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 3; i++) {
            weir_channel_receive(all.channels[c], weir_channel_send(all.channels[c], 1), 1);
        }
        weir_channel_unsend(all.channels[c], 1, WEIR_REJECT_FULL);
        weir_channel_discard(all.channels[c], 1, 1, WEIR_DISCARD_CLOSED);
    }
    struct weir_sent sent = weir_channel_send_from(all.channels[2], all.sender, 1);
    weir_channel_receive_from(all.channels[2], sent, 1);
    weir_semaphore_waited(all.semaphore, weir_semaphore_wait(all.semaphore));
    weir_semaphore_acquire(all.semaphore, 1);
    weir_semaphore_release(all.semaphore, 1);
    weir_task_end(all.kind, weir_task_begin(all.kind, weir_task_spawn(all.kind)));
    weir_task_finish(all.kind, WEIR_OUTCOME_OK);
    weir_task_wake(task);
    weir_task_poll(task);
    weir_task_polled(task);
    weir_loop_begin(all.loop);
    weir_loop_timer(all.loop, 1);
    weir_loop_end(all.loop);
    weir_gauge_add(all.gauge, 1);
}

static void use_all(void)
{
    use_all_with(&all.task);
}

/* Openings, closings, and what a new thread makes. */
static void come_and_go_once(void)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("for a moment", 3);
    options.latency = WEIR_LATENCY_FULL;
    struct weir_channel *channel = weir_channel_open(&options);
    struct weir_sender *sender = weir_sender_open(channel, "for a moment");
    struct weir_task task;
    weir_task_open(&task, all.kind, "for a moment");
    struct weir_sent sent = weir_channel_send_from(channel, sender, 1);
    weir_sender_close(sender);
    weir_channel_receive_from(channel, sent, 1);
    weir_channel_close(channel);
    weir_task_poll(&task);
    weir_task_close(&task, WEIR_OUTCOME_OK);
}

static void *be_a_thread(void *unused)
{
    struct weir_task task;
    weir_task_open(&task, all.kind, "a thread's");
    use_all_with(&task);
    weir_thread_start();
    use_all_with(&task);
    weir_task_close(&task, WEIR_OUTCOME_OK);
    come_and_go_once();
    return unused;
}

static void run_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, be_a_thread, NULL) == 0);
    pthread_join(thread, NULL);
}

static void read_itself(void)
{
    struct wi_process_view *view;
    if (wi_process_view_open_self(&view, &error) == WEIR_OK) {
        if (wi_process_view_refresh(view, 1, &error) != WEIR_OK) {
            CHECK(error.text[0]);
        }
        wi_process_view_close(view);
    }
}

static uint32_t *segment_words(void)
{
    return (uint32_t *)(void *)wi_segment.base;
}

/* One word is hostile, all else as it was. */
static void poke(size_t word, uint32_t hostile)
{
    uint32_t *at = &segment_words()[word];
    uint32_t was = __atomic_exchange_n(at, hostile, __ATOMIC_RELAXED);
    use_all();
    come_and_go_once();
    if (word % 64 == 0 || was != 0) {
        run_thread();
        read_itself();
    }
    __atomic_compare_exchange_n(at, &hostile, was, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    __atomic_store_n(&wi_segment.state, WI_SEGMENT_ON, __ATOMIC_RELAXED);
}

/* Another member was there before: its shard and its room are there to be taken over. */
static void be_a_member(void)
{
    pid_t pid = scope == WEIR_SCOPE_FAMILY ? fork() : 0;
    int status;
    if (scope == WEIR_SCOPE_FAMILY && pid == 0) {
        CHECK(start(NULL) == WEIR_OK);
        run_thread();
        _exit(0);
    }
    CHECK(!pid || (waitpid(pid, &status, 0) == pid && status == 0));
}

static void pokes_every_word(const char *dir)
{
    (void)dir;
    CHECK(start(NULL) == WEIR_OK);
    canary_make();
    open_all();
    use_all();
    run_thread();
    be_a_member();
    size_t n = wi_index.used_bytes / sizeof(uint32_t);
    const uint32_t hostile[] = {canary_line(), UINT32_MAX, 1, canary_line() << 1};
    for (size_t word = 0; word < n; word++) {
        bool is_set = segment_words()[word] != 0;
        if (scope == WEIR_SCOPE_FAMILY && !is_set && word % 16) {
            continue; /* mostly room that nobody has used yet */
        }
        for (size_t h = 0; h < (is_set ? sizeof(hostile) / sizeof(hostile[0]) : 1); h++) {
            poke(word, hostile[h]);
        }
        CHECK(word % 4096 != 0 || canary_is_whole());
    }
    CHECK(canary_is_whole());
}

static void no_word_of_the_file_leads_a_hook_out_of_it(void **state)
{
    (void)state;
    assert_int_equal(child_run(pokes_every_word), 0);
}

/* What a child reads when it starts again: the header, the tables, its slots. */
static void pokes_before_a_start(const char *dir)
{
    (void)dir;
    CHECK(start(NULL) == WEIR_OK);
    canary_make();
    open_all();
    use_all();
    be_a_member();
    uint32_t hostile[] = {canary_line(), UINT32_MAX};
    size_t n = wi_index.used_bytes / sizeof(uint32_t);
    for (size_t word = 0; word < n; word++) {
        uint32_t was = segment_words()[word];
        for (size_t h = 0; was && h < 2; h++) {
            pid_t pid = fork();
            if (pid == 0) {
                segment_words()[word] = hostile[h];
                (void)start(NULL);
                run_thread();
                read_itself();
                CHECK(canary_is_whole());
                _exit(0);
            }
            int status;
            CHECK(waitpid(pid, &status, 0) == pid && status == 0);
            segment_words()[word] = was;
        }
    }
}

static void nor_a_child_that_starts_anew(void **state)
{
    (void)state;
    assert_int_equal(child_run(pokes_before_a_start), 0);
}

/* Writes all over the mapping, again and again, and leaves the magic, which would end the counting. */
static void scribble(void)
{
    uint32_t *words = segment_words();
    size_t n = wi_segment.map_bytes / sizeof(uint32_t);
    n = n < 131072 ? n : 131072;
    uint32_t hostile = canary_line();
    uint32_t x = 2463534242;
    for (int pass = 0; pass < 400; pass++) {
        for (size_t i = 2; i < n; i++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            uint32_t value[] = {UINT32_MAX, x, hostile, x % (uint32_t)(n / 16), hostile + x % 512};
            if (pass % 2 == 0 || x % 64 == 0) {
                words[i] = value[(unsigned)pass / 2 % 5];
            }
        }
    }
    segment_words()[0] = 0;
    _exit(0);
}

static void *use_until_over(void *unused)
{
    struct weir_task task;
    weir_task_open(&task, all.kind, "a thread's");
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        use_all_with(&task);
        run_thread();
        /* It may not rest on having given up. */
        __atomic_store_n(&wi_segment.state, WI_SEGMENT_ON, __ATOMIC_RELAXED);
    }
    return unused;
}

static int n_lines;

/* Called by any thread. */
static void log_line(void *context, const char *line)
{
    (void)context;
    if (strstr(line, "nothing is counted any more")) {
        __atomic_fetch_add(&n_lines, 1, __ATOMIC_RELAXED);
    }
}

static void is_scribbled_over(const char *dir)
{
    char path[256];
    pthread_t threads[3];
    CHECK(start(log_line) == WEIR_OK && weir_agent_start(NULL, &error) == WEIR_OK);
    canary_make();
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    open_all();
    pid_t worker = fork();
    if (worker == 0) {
        if (geteuid() == 0) {
            CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        }
        if (scope == WEIR_SCOPE_FAMILY) {
            CHECK(start(NULL) == WEIR_OK);
        }
        scribble();
    }
    for (int t = 0; t < 3; t++) {
        CHECK(pthread_create(&threads[t], NULL, use_until_over, NULL) == 0);
    }
    int status;
    while (waitpid(worker, &status, WNOHANG) == 0) {
        come_and_go_once();
        read_itself();
    }
    CHECK(status == 0);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < 3; t++) {
        pthread_join(threads[t], NULL);
    }
    CHECK(canary_is_whole());
    CHECK(is_refused_by_readers(path));
    CHECK(open_channel("after") == NULL && open_channel("again") == NULL && !weir_is_on());
    CHECK(__atomic_load_n(&n_lines, __ATOMIC_RELAXED) == 1);
    weir_agent_stop();
    weir_stop();
    CHECK(weir_start(NULL, &error) == WEIR_E_CORRUPT && strstr(error.text, "another process"));
}

static void a_worker_that_scribbles_over_all_of_it_harms_the_counts_only(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_scribbled_over), 0);
}

static void none_of_these_harms_a_family(void **state)
{
    (void)state;
    scope = WEIR_SCOPE_FAMILY;
    assert_int_equal(child_run(pokes_every_word), 0);
    assert_int_equal(child_run(pokes_before_a_start), 0);
    assert_int_equal(child_run(is_scribbled_over), 0);
    scope = WEIR_SCOPE_PROCESS;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_user_cannot_cut_it_off_or_punch_holes),
        cmocka_unit_test(a_file_full_of_holes_costs_the_counts_and_not_the_host),
        cmocka_unit_test(no_word_of_the_file_leads_a_hook_out_of_it),
        cmocka_unit_test(nor_a_child_that_starts_anew),
        cmocka_unit_test(a_worker_that_scribbles_over_all_of_it_harms_the_counts_only),
        cmocka_unit_test(none_of_these_harms_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
