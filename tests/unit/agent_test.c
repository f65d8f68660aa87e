/* SPDX-License-Identifier: MIT */
/* ctest: labels=slow folders=agent/src */
/* Starting and stopping the exporter in this very process, over the real segment: what it leaves
 * behind, what a forked child has of it, whose signals it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "weir/agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer keeps what was freed, and is slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CYCLES         500
#define KEPT_BYTES_MAX LONG_MAX
#else
#define CYCLES         10000
#define KEPT_BYTES_MAX (256L << 10)
#endif

static char dir[64];

static void socket_path(char *ret_path, size_t room)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    snprintf(ret_path, room, "%.*s.sock", (int)strlen(health.path) - 5, health.path);
}

/* One segment for all: its place does not change while a process lives. */
static int group_set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/dev/shm/weir-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    setenv("WEIR_DIR", dir, 1);
    unsetenv("WEIR_OFF");
    unsetenv("WEIR_HTTP");
    unsetenv("WEIR_GRPC");
    return 0;
}

static int group_tear_down(void **state)
{
    (void)state;
    weir_stop();
    DIR *entries = opendir(dir);
    for (struct dirent *e = readdir(entries); e; e = readdir(entries)) {
        unlinkat(dirfd(entries), e->d_name, 0);
    }
    closedir(entries);
    return rmdir(dir);
}

static int set_up(void **state)
{
    (void)state;
    struct weir_error error = {""};
    enum weir_status status = weir_is_on() ? WEIR_OK : weir_start(NULL, &error);
    if (status != WEIR_OK) {
        fail_msg("weir_start: %s", error.text);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char path[256];
    weir_agent_stop();
    socket_path(path, sizeof(path));
    unlink(path);
    unsetenv("WEIR_GRPC");
    unsetenv("WEIR_HTTP");
    unsetenv("WEIR_OFF");
    return 0;
}

static void start_ok(void)
{
    struct weir_error error = {""};
    enum weir_status status = weir_agent_start(NULL, &error);
    if (status != WEIR_OK) {
        fail_msg("%s: %s", weir_status_name(status), error.text);
    }
}

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Whether somebody answers at a socket: a server's SETTINGS come unasked. */
static bool answers(const char *path)
{
    char bytes[9];
    int fd = dial(path);
    if (fd < 0) {
        return false;
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    bool has_answered = poll(&wait, 1, 5000) == 1 && recv(fd, bytes, sizeof(bytes), 0) > 0;
    close(fd);
    return has_answered;
}

static size_t n_fds(void)
{
    size_t n = 0;
    DIR *entries = opendir("/proc/self/fd");
    while (readdir(entries)) {
        n++;
    }
    closedir(entries);
    return n;
}

static void it_starts_once_and_stops_twice(void **state)
{
    (void)state;
    char path[256];
    struct stat found;
    struct weir_error error = {""};
    start_ok();
    socket_path(path, sizeof(path));
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_true(answers(path));
    assert_int_equal(weir_agent_start(NULL, &error), WEIR_E_STATE);
    assert_true(error.text[0] != '\0');
    assert_int_equal(weir_agent_http_port(), 0);
    weir_agent_stop();
    weir_agent_stop();
    assert_int_equal(stat(path, &found), -1);
    assert_false(answers(path));
    start_ok();
    assert_true(answers(path));
}

static void the_mode_does_not_depend_on_the_umask(void **state)
{
    (void)state;
    static const mode_t masks[] = {0, 0777, 0022, 0177};
    char path[256];
    struct stat found;
    socket_path(path, sizeof(path));
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        mode_t before = umask(masks[i]);
        start_ok();
        umask(before);
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
        weir_agent_stop();
    }
}

static void a_stale_socket_is_replaced_and_others_are_left(void **state)
{
    (void)state;
    char path[100];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct weir_error error = {""};
    socket_path(path, sizeof(path));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);

    assert_int_equal(weir_agent_start(NULL, &error), WEIR_DEGRADED);
    assert_non_null(strstr(error.text, path));
    weir_agent_stop();
    assert_int_equal(access(path, F_OK), 0);

    close(fd);
    start_ok();
    assert_true(answers(path));
    weir_agent_stop();

    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(weir_agent_start(NULL, &error), WEIR_DEGRADED);
    weir_agent_stop();
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);

    /* Somebody else's by the time that we stop. */
    start_ok();
    unlink(path);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    weir_agent_stop();
    assert_int_equal(access(path, F_OK), 0);
}

static void it_says_what_it_cannot_serve(void **state)
{
    (void)state;
    struct weir_error error = {""};
    static const struct {
        const char *name;
        unsigned (*port)(void);
    } tcp[] = {{"WEIR_GRPC", weir_agent_grpc_port}, {"WEIR_HTTP", weir_agent_http_port}};
    for (size_t i = 0; i < 2; i++) {
        setenv(tcp[i].name, "127.0.0.1:0", 1);
        start_ok();
        assert_true(tcp[i].port() > 0);
        weir_agent_stop();
        assert_int_equal(tcp[i].port(), 0);

        setenv(tcp[i].name, "0.0.0.0:0", 1);
        assert_int_equal(weir_agent_start(NULL, &error), WEIR_DEGRADED);
        assert_non_null(strstr(error.text, "WEIR_TOKEN_FILE"));
        assert_int_equal(tcp[i].port(), 0);
        weir_agent_stop();
        unsetenv(tcp[i].name);
    }

    setenv("WEIR_HTTP", "no address", 1);
    assert_int_equal(weir_agent_start(NULL, &error), WEIR_DEGRADED);
    assert_true(error.text[0] != '\0');
    assert_int_equal(weir_agent_http_port(), 0);
    weir_agent_stop();

    setenv("WEIR_OFF", "1", 1);
    assert_int_equal(weir_agent_start(NULL, &error), WEIR_OFF);
    unsetenv("WEIR_OFF");
}

/* Whoever names a token means it to be asked for: without it, no TCP at all. */
static void a_token_that_cannot_be_read_closes_tcp(void **state)
{
    (void)state;
    struct weir_error error = {""};
    struct weir_agent_options options = WEIR_AGENT_OPTIONS_INIT;
    options.grpc = "127.0.0.1:0";
    options.http = "127.0.0.1:0";
    options.token_file = "/nonexistent/token";
    assert_int_equal(weir_agent_start(&options, &error), WEIR_DEGRADED);
    assert_non_null(strstr(error.text, "/nonexistent/token"));
    assert_int_equal(weir_agent_grpc_port(), 0);
    assert_int_equal(weir_agent_http_port(), 0);
    char path[256];
    socket_path(path, sizeof(path));
    assert_int_equal(access(path, F_OK), 0);
    weir_agent_stop();

    /* An older program's options end before these fields. */
    options.size = offsetof(struct weir_agent_options, grpc);
    assert_int_equal(weir_agent_start(&options, &error), WEIR_OK);
    assert_int_equal(weir_agent_grpc_port(), 0);
    assert_true(weir_agent_http_port() > 0);
}

static long anonymous_bytes(void)
{
    char line[128];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof(line), status)) {
        sscanf(line, "RssAnon: %ld", &kilobytes);
    }
    fclose(status);
    return kilobytes << 10;
}

static void cycles_leave_nothing(void **state)
{
    (void)state;
    char path[256];
    socket_path(path, sizeof(path));
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    for (int i = 0; i < 10; i++) {
        start_ok();
        weir_agent_stop();
    }
    size_t before = n_fds();
    long bytes = anonymous_bytes();
    for (int i = 0; i < CYCLES; i++) {
        start_ok();
        int fd = i % 10 == 0 ? dial(path) : -1;
        weir_agent_stop();
        if (fd >= 0) {
            close(fd);
        }
    }
    assert_int_equal(n_fds(), before);
    assert_true(anonymous_bytes() - bytes < KEPT_BYTES_MAX);
}

static void its_thread_takes_no_signals(void **state)
{
    (void)state;
    start_ok();
    char path[256];
    socket_path(path, sizeof(path));
    assert_true(answers(path)); /* so it runs and has its name */
    bool has_found = false;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
        char name[300];
        char line[128];
        unsigned long long blocked = 0;
        bool is_ours = false;
        snprintf(name, sizeof(name), "/proc/self/task/%s/status", e->d_name);
        FILE *status = fopen(name, "re");
        while (status && fgets(line, sizeof(line), status)) {
            is_ours = is_ours || strcmp(line, "Name:\tweir-agent\n") == 0;
            sscanf(line, "SigBlk: %llx", &blocked);
        }
        if (status) {
            fclose(status);
        }
        if (is_ours) {
            has_found = true;
            /* All of 1 to 31 but SIGKILL and SIGSTOP, which cannot be. */
            assert_true((blocked & 0x7fffffffULL) == (0x7fffffffULL & ~(1ULL << 8 | 1ULL << 18)));
        }
    }
    closedir(tasks);
    assert_true(has_found);
}

static void nothing_is_inherited_by_exec(void **state)
{
    (void)state;
    size_t n_leaked = 0;
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    start_ok();
    char path[256];
    socket_path(path, sizeof(path));
    int fd = dial(path);
    assert_true(answers(path)); /* so the one before is accepted, too */
    size_t n_dir = (size_t)(strrchr(path, '/') - path);
    DIR *entries = opendir("/proc/self/fd");
    for (struct dirent *e = readdir(entries); e; e = readdir(entries)) {
        int number = atoi(e->d_name);
        if (e->d_name[0] != '.' && number > 2 && !(fcntl(number, F_GETFD) & FD_CLOEXEC)) {
            char target[256] = "";
            ssize_t n = readlinkat(dirfd(entries), e->d_name, target, sizeof(target) - 1);
            /* What the test was started with is none of ours. */
            n_leaked += n > 0 && (strncmp(target, "socket:", 7) == 0 ||
                                  strncmp(target, path, n_dir) == 0 || strstr(target, "[event"));
        }
    }
    closedir(entries);
    close(fd);
    assert_int_equal(n_leaked, 0);
}

/* In the child; its exit status is the number of the step that failed. */
static int child_steps(const char *parent_path, size_t n_before, unsigned parent_port)
{
    char path[256];
    struct weir_error error = {""};
    weir_agent_stop(); /* there is nothing here to stop */
    if (weir_agent_http_port() != 0) {
        return 1;
    }
    if (weir_start(NULL, &error) != WEIR_OK) {
        return 2;
    }
    if (weir_agent_start(NULL, &error) != WEIR_OK) {
        fprintf(stderr, "child: %s\n", error.text);
        return 3;
    }
    socket_path(path, sizeof(path));
    if (strcmp(path, parent_path) == 0 || !answers(path)) {
        return 4;
    }
    if (!answers(parent_path)) {
        return 5;
    }
    if (weir_agent_http_port() == 0 || weir_agent_http_port() == parent_port) {
        return 6;
    }
    /* The parent's segment is the child's own now; the rest of what came along is closed. */
    if (n_fds() > n_before + 2) {
        return 7;
    }
    weir_agent_stop();
    weir_stop();
    return access(path, F_OK) == 0 ? 8 : 0;
}

static void a_forked_child_starts_its_own(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* TSan keeps no account of threads in a child of a process that has several */
#endif
    char path[256];
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    start_ok();
    unsigned port = weir_agent_http_port();
    socket_path(path, sizeof(path));
    assert_true(answers(path));
    int held = dial(path);
    size_t n_before = n_fds();
    fflush(NULL);
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(child_steps(path, n_before, port));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_true(answers(path));
    }
    /* The parent's own peer has not noticed. */
    struct pollfd wait = {.fd = held, .events = POLLIN};
    char bytes[64];
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_true(recv(held, bytes, sizeof(bytes), 0) > 0);
    assert_int_equal(poll(&wait, 1, 0), 0);
    close(held);
}

static void a_child_that_only_exits_leaves_the_socket(void **state)
{
    (void)state;
    char path[256];
    start_ok();
    socket_path(path, sizeof(path));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        exit(0); /* with all that atexit() holds */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(answers(path));
}

static void before_weir_start_there_is_nothing_to_serve(void **state)
{
    (void)state;
    struct weir_error error = {""};
    fflush(NULL);
    assert_int_equal(weir_agent_start(NULL, &error), WEIR_E_STATE);
    assert_true(error.text[0] != '\0');
    weir_agent_stop();
}

/* The directory keeps others out; this is for the day when it does not. */
static void another_users_peer_is_refused_before_it_speaks(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    char path[256];
    start_ok();
    socket_path(path, sizeof(path));
    assert_int_equal(chmod(dir, 0711), 0);
    assert_int_equal(chmod(path, 0666), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0) {
            _exit(1);
        }
        char bytes[64];
        int fd = dial(path);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (fd < 0 || poll(&wait, 1, 5000) != 1) {
            _exit(2);
        }
        _exit(recv(fd, bytes, sizeof(bytes), 0) <= 0 ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_true(answers(path));
}

/* Options of a later version: what is not known is told, and the rest is served. */
static void it_says_that_it_does_not_know_an_option(void **state)
{
    (void)state;
    struct {
        struct weir_agent_options known;
        uint64_t further;
    } later = {WEIR_AGENT_OPTIONS_INIT, 0};
    struct weir_error error = {""};
    later.known.size = sizeof(later);
    assert_int_equal(weir_agent_start(&later.known, &error), WEIR_OK);
    weir_agent_stop();
    later.further = 1;
    assert_int_equal(weir_agent_start(&later.known, &error), WEIR_DEGRADED);
    assert_non_null(strstr(error.text, "weir_agent_start's options have fields that weir"));
    weir_agent_stop();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_weir_start_there_is_nothing_to_serve),
        TEST(it_starts_once_and_stops_twice),
        TEST(the_mode_does_not_depend_on_the_umask),
        TEST(a_stale_socket_is_replaced_and_others_are_left),
        TEST(it_says_what_it_cannot_serve),
        TEST(it_says_that_it_does_not_know_an_option),
        TEST(a_token_that_cannot_be_read_closes_tcp),
        TEST(cycles_leave_nothing),
        TEST(its_thread_takes_no_signals),
        TEST(nothing_is_inherited_by_exec),
        TEST(a_forked_child_starts_its_own),
        TEST(a_child_that_only_exits_leaves_the_socket),
        TEST(another_users_peer_is_refused_before_it_speaks),
    };
    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
