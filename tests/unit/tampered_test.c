/* SPDX-License-Identifier: MIT */
/*
 * Other hands on the file of a living server. The same user's are kept off by its mode: none of the ways
 * to shorten it or to make holes in it is open. Root's are not; then what was counted is lost, hooks
 * run on, and nothing is opened any more. (A file that root truncates is a SIGBUS in its host, and holes
 * at the moment of an opening can be: root can also kill. Readers of such files are in corrupt_test.)
 */
#include "caller.h"
#include "child.h"
#include "segment/segment.h"
#include "snapshot/world.h"
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
    struct wi_world *world;
    CHECK(wi_world_open_file(path, &world, &error) == WEIR_OK);
    CHECK(wi_world_refresh(world, 1, &error) == WEIR_OK);
    CHECK(wi_world_row(world, WI_CHANNEL, 0)->value[WI_CHANNEL_DEPTH].u.u64 == 1);
    wi_world_close(world);
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
    struct wi_world *world;
    if (wi_world_open_file(path, &world, &error) != WEIR_OK) {
        return error.text[0] != '\0';
    }
    wi_world_close(world);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_user_cannot_cut_it_off_or_punch_holes),
        cmocka_unit_test(a_file_full_of_holes_costs_the_counts_and_not_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
