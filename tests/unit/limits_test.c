/* SPDX-License-Identifier: MIT */
/*
 * Limits of the machine are refusals, never signals: a full file system, a small address space, locked
 * memory, a memory cgroup near its limit. The segment takes of them what it uses, and leaves the host
 * 8 MiB. What needs root is skipped without it.
 */
#include "child.h"
#include "segment/layout.h"
#include "segment/mapping.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MIB       ((uint64_t)1 << 20)
#define SPARE     (8 * MIB)
#define NO_RIGHTS 77 /* a child's status: this machine does not let it */

static struct weir_error error;

static int opened;

/* Opens channels until one is refused, and counts on each, the refused ones too. */
static void fill(void)
{
    struct weir_channel *channel;
    do {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        channel = weir_channel_open(&options);
        opened += channel != NULL;
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
        weir_channel_send(channel, 1);
    } while (channel && opened < 2000000);
    CHECK(channel == NULL);
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == (size_t)opened);
    for (int i = 0; i < opened; i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, (size_t)i);
        CHECK(row->value[WI_CHANNEL_DEPTH].u.u64 == 1);
        CHECK(row->value[WI_CHANNEL_SENT].u.u64 == 2);
    }
    const struct wi_row *agent = wi_process_view_row(view, WI_AGENT, 0);
    CHECK(agent->value[WI_AGENT_HANDLES_REFUSED].u.u64 == 1);
    wi_process_view_close(view);
}

static void mount_small(const char *dir, const char *size)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", dir, "tmpfs", 0, size) != 0) {
        _exit(NO_RIGHTS);
    }
}

static void fills_a_file_system(const char *dir)
{
    mount_small(dir, "size=1m,mode=0700");
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    fill();
    CHECK(opened > 500);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.segment_bytes <= 1 << 20 && health.path[0]);
    weir_stop();
}

static void starts_on_a_full_one(const char *dir)
{
    mount_small(dir, "size=128k,mode=0700");
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED);
    CHECK(strstr(error.text, "full") && strstr(error.text, "WEIR_DIR"));
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    CHECK(weir_channel_open(&options) != NULL);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.path[0] == '\0' && child_count(dir, ".weir", NULL, 0) == 0);
}

static void skip_without_rights(int status)
{
    if (status == NO_RIGHTS) {
        print_message("needs root and mounts: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void a_full_file_system_refuses_and_kills_nobody(void **state)
{
    (void)state;
    skip_without_rights(child_run(fills_a_file_system));
    skip_without_rights(child_run(starts_on_a_full_one));
}

/* A number of /proc/self/status. */
static uint64_t kilobytes(const char *key)
{
    char line[256];
    unsigned long long number = UINT64_MAX;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            number = strtoull(line + strlen(key), NULL, 10);
        }
    }
    if (status) {
        fclose(status);
    }
    CHECK(number != UINT64_MAX);
    return number;
}

/* Whether the host gets memory, and may write to it. */
static bool can_have(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    memset(memory, 1, bytes);
    munmap(memory, bytes);
    return true;
}

/* Opens channels until one is refused; each is counted on. */
static void open_all(void)
{
    struct weir_channel *channel;
    do {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        channel = weir_channel_open(&options);
        opened += channel != NULL;
        weir_channel_send(channel, 1);
    } while (channel && opened < 2000000);
    CHECK(channel == NULL);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.handles_refused == 1);
}

static void has_little_address_space(const char *dir)
{
    (void)dir;
    setenv("WEIR_LIMIT", "1G", 1);
    struct rlimit limit = {UINT64_C(256) << 20, UINT64_C(256) << 20};
    setrlimit(RLIMIT_AS, &limit);
    enum weir_status status = weir_start(NULL, &error);
    CHECK(status == WEIR_OK);
    open_all();
    CHECK(opened > 100000 && strstr(wi_segment.why_full, "RLIMIT_AS"));
    CHECK(limit.rlim_cur - kilobytes("VmSize:") * 1024 >= SPARE);
    CHECK(can_have(SPARE - MIB / 2));
}

static void a_segment_leaves_the_host_8_mib_of_address_space(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* sanitizers need the address space themselves */
#endif
    assert_int_equal(child_run(has_little_address_space), 0);
}

static bool write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        close(fd);
    }
    return is_done;
}

static char cgroup[256];

static void is_in_a_small_cgroup(const char *dir)
{
    (void)dir;
    char pid[32];
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    if (!write_file(cgroup, "cgroup.procs", pid)) {
        _exit(NO_RIGHTS);
    }
    setenv("WEIR_LIMIT", "256M", 1);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel *channel;
    do {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        channel = weir_channel_open(&options);
        opened += channel != NULL;
        weir_channel_send(channel, 1);
    } while (channel && opened < 2000000);
    CHECK(channel == NULL && opened > 1000);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.segment_bytes < UINT64_C(32) << 20);
    CHECK(strstr(wi_segment.why_full, "cgroup"));
    CHECK(can_have(SPARE - MIB));
}

/* Past its limit the kernel would not refuse: it kills. */
static void a_memory_cgroup_is_left_its_last_tenth_and_8_mib(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    bool is_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup%s/weir-test-%ld", is_v2 ? "" : "/memory",
             (long)getpid());
    if (mkdir(cgroup, 0755) != 0 ||
        !write_file(cgroup, is_v2 ? "memory.max" : "memory.limit_in_bytes", "33554432")) {
        rmdir(cgroup);
        print_message("no memory cgroup can be made here (%s): skipped\n", strerror(errno));
        skip();
    }
    int status = child_run(is_in_a_small_cgroup);
    rmdir(cgroup);
    skip_without_rights(status);
}

/* ---- threads without cells of their own -------------------------------------------------------- */

enum { N_CHANNELS = 600 };

static struct weir_channel *channels[N_CHANNELS];
static pthread_barrier_t all_have_touched;
static sem_t has_touched; /* one after the other: who finds the lock taken asks later */

static uint64_t threads_refused(void)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    return health.cells_refused;
}

static void open_channels(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        channels[i] = weir_channel_open(&options);
        CHECK(channels[i]);
    }
}

static void *touches_twice_and_stays(void *unused)
{
    weir_channel_send(channels[0], 1);
    weir_channel_send(channels[N_CHANNELS / 2], 1); /* another chunk of cells */
    weir_channel_send(channels[0], 1);
    sem_post(&has_touched);
    pthread_barrier_wait(&all_have_touched);
    return unused;
}

static void has_more_threads_than_shards(const char *dir)
{
    (void)dir;
    enum { N = WI_MAX_SHARDS + 100 };
    static pthread_t threads[N];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)64 << 10);
    pthread_barrier_init(&all_have_touched, NULL, N + 1);
    sem_init(&has_touched, 0, 0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channels(N_CHANNELS);
    for (int i = 0; i < N; i++) {
        CHECK(pthread_create(&threads[i], &attributes, touches_twice_and_stays, NULL) == 0);
        sem_wait(&has_touched);
    }
    uint64_t most = wi_segment_header()->thread_shards;
    CHECK(most <= WI_MAX_SHARDS && most >= WI_MAX_SHARDS - WI_MAX_CPU_SHARDS);
    CHECK(threads_refused() == N - most && wi_segment_header()->threads_without == N - most);
    pthread_barrier_wait(&all_have_touched);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
    }
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_SENT].u.u64 == 2 * N);
    const struct wi_value *agent = wi_process_view_row(view, WI_AGENT, 0)->value;
    CHECK(agent[WI_AGENT_CELLS_REFUSED].u.u64 == N - most);
    wi_process_view_close(view);
}

static void *touches_all_and_stays(void *must_start)
{
    if (must_start) {
        weir_thread_start();
        weir_thread_start();
    }
    for (int i = 0; i < N_CHANNELS; i++) {
        weir_channel_send(channels[i], 1);
    }
    sem_post(&has_touched);
    pthread_barrier_wait(&all_have_touched);
    return NULL;
}

static void fills_its_segment_by_threads(const char *dir)
{
    (void)dir;
    enum { N = 60 };
    pthread_t threads[N];
    uint64_t before = 0;
    setenv("WEIR_LIMIT", "1M", 1);
    pthread_barrier_init(&all_have_touched, NULL, N + 1);
    sem_init(&has_touched, 0, 0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channels(N_CHANNELS);
    for (int i = 0; i < N; i++) {
        CHECK(pthread_create(&threads[i], NULL, touches_all_and_stays, i % 2 ? &error : NULL) == 0);
        sem_wait(&has_touched);
        uint64_t now = threads_refused();
        CHECK(now == before || now == before + 1);
        CHECK(before == 0 || now == before + 1); /* nobody gives room back */
        before = now;
    }
    CHECK(before > 0 && before < N);
    pthread_barrier_wait(&all_have_touched);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void threads_without_cells_are_counted_once_each(void **state)
{
    (void)state;
    assert_int_equal(child_run(has_more_threads_than_shards), 0);
    assert_int_equal(child_run(fills_its_segment_by_threads), 0);
}

/* ---- locked memory ------------------------------------------------------------------------------- */

#define NOBODY 65534

static char last_line[512];

static void on_log(void *context, const char *line)
{
    (void)context;
    snprintf(last_line, sizeof(last_line), "%s", line);
}

static enum weir_status start(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.log = on_log;
    return weir_start(&options, &error);
}

/* Nobody's, whose memory may be locked up to a limit. */
static void become_limited(const char *dir, rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        _exit(NO_RIGHTS);
    }
    if (geteuid() == 0) {
        CHECK(chown(dir, NOBODY, NOBODY) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    }
}

static void *idle(void *unused)
{
    return unused;
}

static bool can_start_a_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, MIB);
    return pthread_create(&thread, &attributes, idle, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static void has_the_usual_limit(const char *dir)
{
    become_limited(dir, 8 * MIB);
    CHECK(mlockall(MCL_FUTURE) == 0);
    uint64_t before = kilobytes("VmLck:");
    CHECK(start() == WEIR_OK);
    CHECK(kilobytes("VmLck:") - before <= 1024);
    CHECK(can_have(4 * MIB) && can_start_a_thread());
    uint64_t started = kilobytes("VmLck:");
    open_all();
    CHECK(opened > 500 && strstr(last_line, "RLIMIT_MEMLOCK"));
    CHECK(kilobytes("VmLck:") - started <= 256); /* the host's own heap */
    CHECK(can_have(4 * MIB) && can_start_a_thread());
}

static void has_a_tiny_limit(const char *dir)
{
    become_limited(dir, 2 * MIB);
    CHECK(mlockall(MCL_FUTURE) == 0);
    uint64_t left = 2048 - kilobytes("VmLck:");
    CHECK(start() == WEIR_OK);
    CHECK(2048 - kilobytes("VmLck:") >= left / 4 * 3);
    open_all();
    CHECK(2048 - kilobytes("VmLck:") >= left / 4 * 3 - 256);
}

static void has_a_larger_limit(const char *dir)
{
    become_limited(dir, 13 * MIB);
    CHECK(mlockall(MCL_FUTURE) == 0);
    CHECK(start() == WEIR_OK);
    open_all();
    CHECK(wi_segment.map_bytes >= 3 * MIB && strstr(last_line, "RLIMIT_MEMLOCK"));
    CHECK(13 * MIB - kilobytes("VmLck:") * 1024 >= SPARE - MIB / 4);
    CHECK(can_have(SPARE - MIB / 2));
}

/* The same rule, with less left, so that the usual limit is enough. */
static void grows_to_the_last_two_mib(const char *dir)
{
    become_limited(dir, 8 * MIB);
    CHECK(mlockall(MCL_FUTURE) == 0);
    CHECK(start() == WEIR_OK);
    const char *why = NULL;
    struct wi_growth growth = {wi_segment.map_bytes, wi_segment.map_bytes + 1, 16 * MIB, 2 * MIB};
    for (uint64_t mapped; (mapped = wi_mapping_grow(wi_segment.base, &growth, &why)) != 0;) {
        CHECK(mapped == growth.mapped + MIB);
        growth.mapped = mapped;
        growth.needed = mapped + 1;
    }
    CHECK(strstr(why, "RLIMIT_MEMLOCK"));
    uint64_t left = 8 * MIB - kilobytes("VmLck:") * 1024;
    CHECK(growth.mapped >= 3 * MIB && left >= 2 * MIB && left < 3 * MIB);
}

static void locks_only_what_it_touches(const char *dir)
{
    become_limited(dir, 8 * MIB);
    if (mlockall(MCL_FUTURE | MCL_ONFAULT) != 0) {
        _exit(NO_RIGHTS);
    }
    CHECK(start() == WEIR_OK);
    open_all();
    CHECK(opened > 500 && can_have(4 * MIB) && can_start_a_thread());
}

/* All that the process has, and 10 MiB: without weir, and with what it takes by then, that can be locked. */
static void locks_all_after_the_start(const char *dir)
{
    uint64_t limit = kilobytes("VmSize:") * 1024 + 10 * MIB;
    become_limited(dir, limit);
    CHECK(start() == WEIR_OK);
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    CHECK(kilobytes("RssShmem:") <= 1024);
    CHECK(can_have(4 * MIB) && can_start_a_thread());
    open_all();
    CHECK(strstr(last_line, "RLIMIT_MEMLOCK"));
    CHECK(limit - kilobytes("VmLck:") * 1024 >= SPARE - MIB / 4);
    CHECK(can_have(SPARE - MIB / 2));
}

/* What is resident of the segment, against what is in use of it. */
static void check_resident(void)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(kilobytes("RssShmem:") <= wi_segment_header()->used_bytes / 1024 + 1024);
    CHECK(health.limit_bytes == 16 * MIB);
}

static void locks_without_a_limit(const char *dir)
{
    (void)dir;
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 && geteuid() != 0) {
        _exit(NO_RIGHTS); /* root's capability lifts the limit as well */
    }
    CHECK(mlockall(MCL_FUTURE) == 0);
    CHECK(start() == WEIR_OK);
    check_resident();
    for (int i = 0; i < 18; i++) {
        for (int n = 0; n < 1000; n++) {
            struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
            weir_channel_send(weir_channel_open(&options), 1);
        }
        check_resident();
        if (i == 7) {
            CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
            check_resident();
        }
    }
    CHECK(wi_segment.map_bytes > 4 * MIB);
    open_all();
    CHECK(wi_segment.map_bytes == 16 * MIB && strstr(last_line, "WEIR_LIMIT"));
}

/* Neither a file nor much to lock. */
static void locks_without_a_file(const char *dir)
{
    char none[256];
    snprintf(none, sizeof(none), "%s/none/none", dir);
    become_limited(dir, 8 * MIB);
    CHECK(mlockall(MCL_FUTURE) == 0);
    setenv("WEIR_DIR", none, 1);
    CHECK(start() == WEIR_DEGRADED);
    open_all();
    CHECK(opened > 500 && can_have(4 * MIB) && can_start_a_thread());
}

static void run_locked(child_fn *body)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* sanitizers make mlockall do nothing */
#endif
    skip_without_rights(child_run(body));
}

#define LOCKED_TEST(name, body)                                                                    \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        run_locked(body);                                                                          \
    }

LOCKED_TEST(a_locked_host_keeps_the_usual_budget, has_the_usual_limit)
LOCKED_TEST(a_locked_host_keeps_most_of_a_tiny_budget, has_a_tiny_limit)
LOCKED_TEST(a_locked_segment_grows_while_8_mib_are_left, has_a_larger_limit)
LOCKED_TEST(a_locked_mapping_grows_while_the_spare_is_left, grows_to_the_last_two_mib)
LOCKED_TEST(a_host_that_locks_on_fault_keeps_its_budget, locks_only_what_it_touches)
LOCKED_TEST(a_host_can_lock_all_after_the_start, locks_all_after_the_start)
LOCKED_TEST(without_a_limit_a_mib_more_than_is_in_use_is_resident, locks_without_a_limit)
LOCKED_TEST(a_locked_host_without_a_file_keeps_its_budget, locks_without_a_file)

/* ---- growing ------------------------------------------------------------------------------------- */

static void maps_behind_the_segment(const char *dir)
{
    (void)dir;
    CHECK(start() == WEIR_OK);
    unsigned char *end = wi_segment.base + wi_segment.map_bytes;
    CHECK(mmap(end, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          end);
    memset(end, 7, 4096);
    fill();
    CHECK(wi_segment.map_bytes == MIB && strstr(last_line, "addresses"));
    for (int i = 0; i < 4096; i++) {
        CHECK(end[i] == 7);
    }
}

static void where_the_next_addresses_are_taken_the_segment_is_full(void **state)
{
    (void)state;
    assert_int_equal(child_run(maps_behind_the_segment), 0);
}

static void has_no_file(const char *dir)
{
    char none[256];
    snprintf(none, sizeof(none), "%s/none/none", dir);
    setenv("WEIR_DIR", none, 1);
    CHECK(start() == WEIR_DEGRADED);
    fill();
    CHECK(wi_segment.map_bytes == 16 * MIB && strstr(last_line, "WEIR_LIMIT"));
}

static void a_segment_without_a_file_grows_as_well(void **state)
{
    (void)state;
    assert_int_equal(child_run(has_no_file), 0);
}

static void open_many(int n)
{
    for (int i = 0; i < n; i++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        struct weir_channel *channel = weir_channel_open(&options);
        CHECK(channel != NULL);
        weir_channel_send(channel, 1);
    }
}

static void grows_after_a_fork(const char *dir)
{
    (void)dir;
    int go[2];
    char byte;
    int status;
    CHECK(start() == WEIR_OK && pipe(go) == 0);
    open_many(8000);
    uint64_t mapped = wi_segment.map_bytes;
    CHECK(mapped > 2 * MIB);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(read(go[0], &byte, 1) == 1);
        CHECK(start() == WEIR_OK && wi_segment.map_bytes == mapped);
        open_many(8000);
        CHECK(wi_segment.map_bytes > mapped && wi_segment_header()->n_handles == 16000);
        exit(0);
    }
    open_many(8000);
    CHECK(write(go[1], "", 1) == 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    open_many(1000);
}

static void a_forked_child_and_its_parent_both_grow(void **state)
{
    (void)state;
    assert_int_equal(child_run(grows_after_a_fork), 0);
}

/* ---- texts in a full segment ------------------------------------------------------------------ */

static uint64_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct weir_counter *open_helped(int n)
{
    char help[WEIR_NAME_MAX];
    snprintf(help, sizeof(help), "%0100d", n);
    struct weir_value_options options = WEIR_VALUE_INIT("helped");
    options.help = help;
    return weir_counter_open(&options);
}

/* Each asks for room for its text, in the segment and in the process. */
static void asks_for_texts_without_room(const char *dir)
{
    (void)dir;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.limit_bytes = WI_MIN_LIMIT;
    CHECK(weir_start(&options, &error) == WEIR_OK);
    struct weir_counter *counter = open_helped(0);
    CHECK(counter);
    char name[WEIR_NAME_MAX];
    do {
        static int n;
        snprintf(name, sizeof(name), "%0100d", n++);
    } while (weir_gauge_at(name, 0, __FILE__, __LINE__));
    uint64_t before = address_space();
    for (int i = 1; i < 20000; i++) {
        weir_counter_close(counter);
        counter = open_helped(i);
        CHECK(counter);
    }
    CHECK(address_space() < before + ((uint64_t)256 << 10));
}

static void texts_without_room_take_no_memory(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* sanitizers take address space as they go */
#endif
    assert_int_equal(child_run(asks_for_texts_without_room), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file_system_refuses_and_kills_nobody),
        cmocka_unit_test(a_segment_leaves_the_host_8_mib_of_address_space),
        cmocka_unit_test(a_memory_cgroup_is_left_its_last_tenth_and_8_mib),
        cmocka_unit_test(a_locked_host_keeps_the_usual_budget),
        cmocka_unit_test(a_locked_host_keeps_most_of_a_tiny_budget),
        cmocka_unit_test(a_locked_segment_grows_while_8_mib_are_left),
        cmocka_unit_test(a_locked_mapping_grows_while_the_spare_is_left),
        cmocka_unit_test(a_host_that_locks_on_fault_keeps_its_budget),
        cmocka_unit_test(a_host_can_lock_all_after_the_start),
        cmocka_unit_test(without_a_limit_a_mib_more_than_is_in_use_is_resident),
        cmocka_unit_test(a_locked_host_without_a_file_keeps_its_budget),
        cmocka_unit_test(where_the_next_addresses_are_taken_the_segment_is_full),
        cmocka_unit_test(a_segment_without_a_file_grows_as_well),
        cmocka_unit_test(a_forked_child_and_its_parent_both_grow),
        cmocka_unit_test(threads_without_cells_are_counted_once_each),
        cmocka_unit_test(texts_without_room_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
