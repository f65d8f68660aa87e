/* SPDX-License-Identifier: MIT */
/*
 * Limits of the machine are refusals, never signals: a full file system, a small address space, a
 * memory cgroup near its limit. What needs root is skipped without it.
 */
#include "child.h"
#include "segment/layout.h"
#include "snapshot/world.h"

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
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
    struct wi_world *world;
    CHECK(wi_world_open_self(&world, &error) == WEIR_OK);
    CHECK(wi_world_refresh(world, 1, &error) == WEIR_OK);
    CHECK(wi_world_count(world, WI_CHANNEL) == (size_t)opened);
    for (int i = 0; i < opened; i++) {
        const struct wi_row *row = wi_world_row(world, WI_CHANNEL, (size_t)i);
        CHECK(row->value[WI_CHANNEL_DEPTH].u.u64 == 1);
        CHECK(row->value[WI_CHANNEL_SENT].u.u64 == 2);
    }
    const struct wi_row *agent = wi_world_row(world, WI_AGENT, 0);
    CHECK(agent->value[WI_AGENT_HANDLES_REFUSED].u.u64 == 1);
    wi_world_close(world);
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

static void has_little_address_space(const char *dir)
{
    (void)dir;
    setenv("WEIR_LIMIT", "1G", 1);
    struct rlimit limit = {UINT64_C(256) << 20, UINT64_C(256) << 20};
    setrlimit(RLIMIT_AS, &limit);
    enum weir_status status = weir_start(NULL, &error);
    CHECK(status == WEIR_OK);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.limit_bytes >= 1 << 20 && health.limit_bytes < UINT64_C(256) << 20);
    fill();
}

static void little_address_space_makes_a_smaller_segment(void **state)
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
}

/* Past its limit the kernel would not refuse: it kills. */
static void a_memory_cgroup_is_left_its_last_tenth(void **state)
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
    CHECK(threads_refused() == N - WI_MAX_SHARDS);
    pthread_barrier_wait(&all_have_touched);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
    }
    struct wi_world *world;
    CHECK(wi_world_open_self(&world, &error) == WEIR_OK);
    CHECK(wi_world_refresh(world, 1, &error) == WEIR_OK);
    CHECK(wi_world_row(world, WI_CHANNEL, 0)->value[WI_CHANNEL_SENT].u.u64 == 2 * N);
    CHECK(wi_world_row(world, WI_AGENT, 0)->value[WI_AGENT_CELLS_REFUSED].u.u64 == 100);
    wi_world_close(world);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file_system_refuses_and_kills_nobody),
        cmocka_unit_test(little_address_space_makes_a_smaller_segment),
        cmocka_unit_test(a_memory_cgroup_is_left_its_last_tenth),
        cmocka_unit_test(threads_without_cells_are_counted_once_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
