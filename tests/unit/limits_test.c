/* SPDX-License-Identifier: MIT */
/*
 * Limits of the machine are refusals, never signals: a full file system, a small address space, a
 * memory cgroup near its limit. What needs root is skipped without it.
 */
#include "child.h"
#include "snapshot/world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file_system_refuses_and_kills_nobody),
        cmocka_unit_test(little_address_space_makes_a_smaller_segment),
        cmocka_unit_test(a_memory_cgroup_is_left_its_last_tenth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
