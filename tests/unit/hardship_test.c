/* SPDX-License-Identifier: MIT */
/*
 * What hosts do to a library without meaning harm: close all descriptors, fork many workers, lose
 * the first process, unload a plugin, fill the disk, share a directory between pid namespaces.
 */
#include "child.h"
#include "segment/find.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define NO_RIGHTS 77 /* a child's status: this machine does not let it */

static struct weir_error error;

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

/* A number of the first channel, as this process sees it. */
static uint64_t number_of(int metric)
{
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) > 0);
    uint64_t number = wi_process_view_row(view, WI_CHANNEL, 0)->value[metric].u.u64;
    wi_process_view_close(view);
    return number;
}

static int ends_with(pid_t pid)
{
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_or_skip(child_fn *body)
{
    int status = child_run(body);
    if (status == NO_RIGHTS) {
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

/* As daemons do: all descriptors closed, and a file of the host's own under one of the numbers. */
static int close_all_and_open(const char *dir)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/of-the-host", dir);
    for (int fd = 3; fd < 64; fd++) {
        close(fd);
    }
    int last = -1;
    for (int i = 0; i < 16; i++) {
        last = open(path, O_RDWR | O_CREAT, 0600);
        CHECK(last >= 0);
    }
    CHECK(write(last, "hello", 5) == 5);
    return last;
}

static void grows_without_its_descriptor(const char *dir)
{
    struct stat facts;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    int fd = close_all_and_open(dir);
    uint64_t before = wi_segment_header()->reserved_bytes;
    for (int i = 0; i < 5000; i++) {
        CHECK(open_channel("channel") != NULL);
    }
    CHECK(wi_segment_header()->reserved_bytes > before);
    CHECK(fstat(fd, &facts) == 0 && facts.st_size == 5);
}

static void starts_anew_without_its_descriptor(const char *dir)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    int inherited = wi_segment.fd;
    pid_t pid = fork();
    if (pid == 0) {
        close_all_and_open(dir);
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        CHECK(fcntl(inherited, F_GETFD) >= 0);
        exit(0);
    }
    CHECK(ends_with(pid) == 0);
}

static void a_descriptor_that_the_host_took_over_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(child_run(grows_without_its_descriptor), 0);
    assert_int_equal(child_run(starts_anew_without_its_descriptor), 0);
}

/* Whatever number of descriptors is left: either a segment that is seen as running, or none. */
static void starts_with_few(const char *dir)
{
    char path[256];
    for (rlim_t most = 3; most < 12; most++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit limit = {most, 64};
            setrlimit(RLIMIT_NOFILE, &limit);
            enum weir_status status = weir_start(NULL, &error);
            CHECK(status == WEIR_OK || status == WEIR_DEGRADED);
            limit.rlim_cur = 64;
            setrlimit(RLIMIT_NOFILE, &limit);
            struct weir_channel *channel = open_channel("moves");
            weir_channel_send(channel, 1);
            CHECK(number_of(WI_CHANNEL_DEPTH) == 1);
            struct wi_found found;
            CHECK((child_count(dir, ".weir", path, sizeof(path)) == 1) == (status == WEIR_OK));
            CHECK(status != WEIR_OK ||
                  (wi_find_one(path, &found) == WEIR_OK && found.state == WI_STATE_RUNNING));
            exit(0);
        }
        CHECK(ends_with(pid) == 0);
    }
}

static void few_descriptors_are_enough_or_said_to_be_too_few(void **state)
{
    (void)state;
    assert_int_equal(child_run(starts_with_few), 0);
}

/* ---- forks ---------------------------------------------------------------------------------- */

static int answers[2];

/* The first process ends, its children go on: one of them has its counts, the others none. */
static void leaves_three_children(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel *channel = open_channel("moves");
    for (int i = 0; i < 5; i++) {
        weir_channel_send(channel, 1);
    }
    if (fork() != 0) {
        _exit(0);
    }
    setsid();
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            CHECK(weir_start(NULL, &error) == WEIR_OK);
            char depth = (char)('0' + number_of(WI_CHANNEL_DEPTH));
            CHECK(write(answers[1], &depth, 1) == 1);
            exit(0);
        }
        ends_with(pid);
    }
    _exit(0);
}

static void the_counts_of_a_process_that_has_gone_are_taken_over_once(void **state)
{
    (void)state;
    char dir[64];
    char depths[4] = "";
    child_dir_make(dir, sizeof(dir));
    assert_int_equal(pipe(answers), 0);
    assert_int_equal(child_run_in(dir, leaves_three_children), 0);
    close(answers[1]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read(answers[0], &depths[i], 1), 1);
    }
    char rest;
    assert_int_equal(read(answers[0], &rest, 1), 0);
    close(answers[0]);
    assert_string_equal(depths, "500");
    assert_int_equal(child_count(dir, ".weir", NULL, 0), 0);
    child_dir_remove(dir);
}

/* A worker that locks itself up sees no /proc, so it cannot see its parent there. */
static void locks_itself_up(const char *dir)
{
    char path[256];
    struct wi_found found;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_channel_send(open_channel("moves"), 1);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("WEIR_DIR", "/weir", 1);
        if (chroot(dir) != 0 || chdir("/") != 0) {
            _exit(NO_RIGHTS);
        }
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        CHECK(number_of(WI_CHANNEL_DEPTH) == 0);
        char own[256];
        CHECK(child_count("/weir", ".weir", own, sizeof(own)) == 1);
        CHECK(wi_find_one(own, &found) == WEIR_OK && found.state == WI_STATE_RUNNING);
        weir_stop();
        CHECK(child_count("/weir", ".stopped", own, sizeof(own)) == 1);
        CHECK(unlink(own) == 0 && rmdir("/weir") == 0);
        _exit(0);
    }
    int status = ends_with(pid);
    CHECK(child_count(dir, ".weir", NULL, 0) == 1);
    if (status != 0) {
        _exit(status);
    }
}

static void a_parent_that_cannot_be_seen_is_not_dead(void **state)
{
    (void)state;
    run_or_skip(locks_itself_up);
}

static bool is_over;

static void *count_on_new_channels(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        struct weir_channel *channels[200];
        for (int i = 0; i < 200; i++) {
            channels[i] = open_channel("of the parent");
            weir_channel_send(channels[i], 1);
        }
        for (int i = 0; i < 200; i++) {
            weir_channel_close(channels[i]);
        }
    }
    return NULL;
}

static void *count_from_short_threads(void *channel)
{
    weir_channel_send(channel, 1);
    weir_channel_send(open_channel("of a thread"), 1);
    return NULL;
}

static void *make_short_threads(void *channel)
{
    for (int i = 0; i < 2000 && !__atomic_load_n(&is_over, __ATOMIC_RELAXED); i++) {
        pthread_t threads[8];
        int n = 0;
        while (n < 8 && !pthread_create(&threads[n], NULL, count_from_short_threads, channel)) {
            n++;
        }
        while (n > 0) {
            pthread_join(threads[--n], NULL);
        }
    }
    return NULL;
}

/* The parent's thread was at work on the slot after the last one: it is claimed in the child, and nobody has it. */
static void forks_within_an_opening(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(open_channel("before") != NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct wi_slot_entry *next = wi_index_slot(wi_index.n_slots);
        next->state = WI_SLOT_CLAIMED;
        next->generation++;
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        weir_channel_send(open_channel("own"), 1);
        struct wi_process_view *view;
        CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
        CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
        CHECK(wi_process_view_count(view, WI_CHANNEL) == 2);
        const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 1);
        CHECK(strcmp(row->name, "own") == 0 && row->value[WI_CHANNEL_DEPTH].u.u64 == 1);
        wi_process_view_close(view);
        exit(0);
    }
    CHECK(ends_with(pid) == 0);
}
CHILD_TEST(forks_within_an_opening)

/* What a worker opens is its own: nothing that its parent does meanwhile shows in it. */
static void work(struct weir_channel *channel)
{
    enum weir_status status = weir_start(NULL, &error);
    CHECK(status == WEIR_OK);
    weir_channel_send(channel, 1);
    struct weir_channel *own[300];
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof(name), "own-%d", i);
        own[i] = open_channel(name);
        CHECK(own[i] != NULL);
        for (int k = 0; k <= i; k++) {
            weir_channel_send(own[i], 1);
        }
    }
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    int seen = 0;
    for (size_t i = 0; i < wi_process_view_count(view, WI_CHANNEL); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, i);
        uint64_t depth = row->value[WI_CHANNEL_DEPTH].u.u64;
        if (strncmp(row->name, "own-", 4) == 0) {
            CHECK(depth == strtoull(row->name + 4, NULL, 10) + 1);
            seen++;
        } else {
            CHECK(depth == (strcmp(row->name, "moves") == 0));
        }
    }
    CHECK(seen == 300);
    uint64_t handles = 0;
    for (int kind = WI_CHANNEL; kind <= WI_GAUGE; kind++) {
        handles += wi_process_view_count(view, (enum wi_kind)kind);
    }
    CHECK(wi_segment_header()->n_handles == handles);
    CHECK(wi_segment_header()->used_bytes <= wi_segment_header()->reserved_bytes);
    wi_process_view_close(view);
    exit(0);
}

static void forks_while_others_open(const char *dir)
{
    (void)dir;
    pthread_t threads[2];
    setenv("WEIR_LIMIT", "256M", 1);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel *channel = open_channel("moves");
    CHECK(pthread_create(&threads[0], NULL, count_on_new_channels, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, make_short_threads, channel) == 0);
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            work(channel);
        }
        CHECK(ends_with(pid) == 0);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

static void workers_are_their_own_while_the_parent_goes_on(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    skip(); /* their locks do not outlive a fork of a process with threads */
#endif
    assert_int_equal(child_run(forks_while_others_open), 0);
}

static void forks_on_a_full_disk(const char *dir)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", dir, "tmpfs", 0, "size=320k,mode=0700") != 0) {
        _exit(NO_RIGHTS);
    }
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel *channel = open_channel("moves");
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(weir_start(NULL, &error) == WEIR_DEGRADED);
        CHECK(strstr(error.text, dir));
        weir_channel_send(channel, 1);
        CHECK(number_of(WI_CHANNEL_DEPTH) == 1);
        struct weir_health health = {.size = sizeof(health)};
        weir_health_read(&health);
        CHECK(health.path[0] == '\0');
        exit(0);
    }
    CHECK(ends_with(pid) == 0);
    CHECK(number_of(WI_CHANNEL_DEPTH) == 0);
    CHECK(child_count(dir, ".weir", NULL, 0) == 1);
}

static void a_child_without_room_for_a_file_counts_in_memory(void **state)
{
    (void)state;
    run_or_skip(forks_on_a_full_disk);
}

/* ---- neighbours ----------------------------------------------------------------------------- */

/* Another pid namespace's processes are not in our /proc, and live all the same. */
static void shares_its_directory(const char *dir)
{
    char path[256];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.*s.sock", (int)strlen(path) - 5, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    pid_t outer = fork();
    if (outer == 0) {
        if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ||
            mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
            _exit(NO_RIGHTS);
        }
        pid_t inner = fork();
        if (inner == 0) {
            if (mount("proc", "/proc", "proc", 0, NULL) != 0) {
                _exit(NO_RIGHTS);
            }
            struct wi_found found;
            CHECK(wi_find_one(path, &found) == WEIR_OK && found.state == WI_STATE_RUNNING);
            CHECK(weir_start(NULL, &error) == WEIR_OK);
            exit(0);
        }
        _exit(ends_with(inner));
    }
    int status = ends_with(outer);
    CHECK(child_count(dir, ".weir", NULL, 0) == 1);
    CHECK(child_count(dir, ".sock", NULL, 0) == 1);
    if (status != 0) {
        _exit(status);
    }
}

static void a_living_socket_of_another_pid_namespace_stays(void **state)
{
    (void)state;
    run_or_skip(shares_its_directory);
}

/* A copy that somebody made of a living segment is old; the segment is not. */
static void is_copied(const char *dir)
{
    char path[256];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    for (int i = 1; i < 8; i++) {
        char copy[256];
        snprintf(copy, sizeof(copy), "%s/%d-1.weir", dir, i);
        FILE *file = fopen(copy, "we");
        CHECK(file && fwrite(wi_segment.base, 1, 65536, file) == 65536 && fclose(file) == 0);
    }
    wi_find_prune(dir);
    CHECK(access(path, F_OK) == 0);
}

static void pruning_goes_by_the_file_not_by_what_it_says(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_copied), 0);
}

static void loses_its_directory(const char *dir)
{
    char path[256];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel *channel = open_channel("moves");
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(unlink(path) == 0 && rmdir(dir) == 0);
    weir_channel_send(channel, 1);
    weir_stop();
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED && strstr(error.text, "removed"));
    CHECK(number_of(WI_CHANNEL_DEPTH) == 1);
}

static void has_too_long_a_directory(const char *dir)
{
    char path[256];
    int length = snprintf(path, sizeof(path), "%s/", dir);
    memset(path + length, 'd', 200U - (size_t)length);
    path[200] = '\0';
    setenv("WEIR_DIR", path, 1);
    CHECK(weir_start(NULL, &error) == WEIR_DEGRADED && strstr(error.text, "WEIR_DIR"));
    CHECK(access(path, F_OK) != 0);
}

static void a_file_that_cannot_be_found_is_said(void **state)
{
    (void)state;
    assert_int_equal(child_run(loses_its_directory), 0);
    assert_int_equal(child_run(has_too_long_a_directory), 0);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void *send_and_receive(void *channel)
{
    for (int i = 0; i < 300000; i++) {
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
    }
    return NULL;
}

static void shares_a_channel(const char *dir)
{
    (void)dir;
    pthread_t threads[4];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    options.storage = WEIR_STORAGE_SHARED;
    struct weir_channel *channel = weir_channel_open(&options);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, send_and_receive, channel) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(number_of(WI_CHANNEL_HIGH_WATER) <= 4);
    weir_channel_receive(channel, 0, 1); /* of nothing: the host's mistake */
    weir_channel_receive(channel, 0, 1);
    CHECK(number_of(WI_CHANNEL_HIGH_WATER) <= 4);
}

static void the_mark_of_a_shared_channel_is_one_that_it_reached(void **state)
{
    (void)state;
    assert_int_equal(child_run(shares_a_channel), 0);
}

/* ---- plugins -------------------------------------------------------------------------------- */

static void *use_and_unload(void *library)
{
    enum weir_status (*start)(const struct weir_options *, struct weir_error *);
    void (*thread_start)(void);
    struct weir_channel *(*open_one)(const struct weir_channel_options *);
    weir_ticket (*send_one)(struct weir_channel *, size_t);
    *(void **)&start = dlsym(library, "weir_start");
    *(void **)&open_one = dlsym(library, "weir_channel_open");
    *(void **)&send_one = dlsym(library, "weir_call_channel_send");
    *(void **)&thread_start = dlsym(library, "weir_thread_start");
    CHECK(start && open_one && send_one && thread_start);
    CHECK(start(NULL, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    struct weir_channel *channel = open_one(&options);
    CHECK(channel != NULL);
    send_one(channel, 1);
    CHECK(dlclose(library) == 0);
    return NULL; /* this thread's end runs the destructor of its key */
}

static void loads_a_plugin(const char *dir)
{
    (void)dir;
    char path[512];
    const char *build = getenv("WEIR_BUILD");
    snprintf(path, sizeof(path), "%s/agent/libweir.so", build ? build : ".");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        _exit(NO_RIGHTS);
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use_and_unload, library) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void a_plugin_may_be_unloaded(void **state)
{
    (void)state;
    run_or_skip(loads_a_plugin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_that_the_host_took_over_is_left_alone),
        cmocka_unit_test(few_descriptors_are_enough_or_said_to_be_too_few),
        cmocka_unit_test(the_counts_of_a_process_that_has_gone_are_taken_over_once),
        cmocka_unit_test(a_parent_that_cannot_be_seen_is_not_dead),
        cmocka_unit_test(test_forks_within_an_opening),
        cmocka_unit_test(workers_are_their_own_while_the_parent_goes_on),
        cmocka_unit_test(a_child_without_room_for_a_file_counts_in_memory),
        cmocka_unit_test(a_living_socket_of_another_pid_namespace_stays),
        cmocka_unit_test(pruning_goes_by_the_file_not_by_what_it_says),
        cmocka_unit_test(a_file_that_cannot_be_found_is_said),
        cmocka_unit_test(the_mark_of_a_shared_channel_is_one_that_it_reached),
        cmocka_unit_test(a_plugin_may_be_unloaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
