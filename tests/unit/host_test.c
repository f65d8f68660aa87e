/* SPDX-License-Identifier: MIT */
/*
 * What hosts do to themselves while weir serves a client: close all descriptors, lower their limits,
 * change their root, filter system calls, leave SIGPIPE as it is, exit from wherever they are. The host
 * goes on as it would without weir; what weir cannot do any more it leaves undone, and says so.
 *
 * Plain only: sanitizers have descriptors and system calls of their own. ctest: labels=slow,plain alone
 */
#include "caller.h"
#include "child.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_RIGHTS 77 /* a child's status: this machine does not let it */

static struct weir_error error;
static struct weir_channel *moves;
static char socket_path[256];
static char last_line[512];

static void on_log(void *context, const char *line)
{
    (void)context;
    snprintf(last_line, sizeof(last_line), "%s", line);
}

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static void start_agent(void)
{
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    CHECK(weir_agent_start(NULL, &error) == WEIR_OK);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    snprintf(socket_path, sizeof(socket_path), "%.*s.sock", (int)strlen(health.path) - 5,
             health.path);
}

static void start(weir_log_fn log)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.log = log;
    CHECK(weir_start(&options, &error) == WEIR_OK);
    moves = open_channel("moves");
    start_agent();
}

/* ---- a client in a process of its own -------------------------------------------------------- */

static void read_to_its_end(int fd, int told)
{
    char bytes[65536];
    size_t n_reads = 0;
    ssize_t n;
    while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
        if (++n_reads == 3) { /* SETTINGS, headers and the first update, or more of them */
            CHECK(write(told, "", 1) == 1);
        }
    }
    exit(n_reads >= 3 ? 0 : 1);
}

/* Watches ten times a second until the host closes; has been answered when this returns. */
static pid_t start_client(void)
{
    int told[2];
    char answer;
    CHECK(pipe(told) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(told[1], 1);
        closefrom(3); /* the host's, which would live on here */
        int fd = caller_dial(socket_path);
        CHECK(fd >= 0 && write(fd, caller_preface, caller_preface_bytes) > 0);
        CHECK(caller_watch(fd, 1));
        read_to_its_end(fd, 1);
    }
    close(told[1]);
    CHECK(read(told[0], &answer, 1) == 1);
    close(told[0]);
    return pid;
}

static void end_of_client(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A new client, of this process. */
static bool is_served(void)
{
    char bytes[64];
    int fd = caller_dial(socket_path);
    bool has_answer = fd >= 0 && caller_has_input(fd, 5000) && read(fd, bytes, sizeof(bytes)) > 0;
    if (fd >= 0) {
        close(fd);
    }
    return has_answer;
}

static uint64_t sent(void)
{
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    uint64_t n = wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_SENT].u.u64;
    wi_process_view_close(view);
    return n;
}

/* The exporter's thread; 0: there is none. */
static pid_t find_thread(void)
{
    pid_t found = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
        char path[300];
        char name[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
        FILE *comm = fopen(path, "re");
        if (comm && fgets(name, sizeof(name), comm) && strcmp(name, "weir-agent\n") == 0) {
            found = atoi(e->d_name);
        }
        if (comm) {
            fclose(comm);
        }
    }
    closedir(tasks);
    return found;
}

static bool has_no_thread(void *unused)
{
    (void)unused;
    return find_thread() == 0;
}

/* ---- descriptors ------------------------------------------------------------------------------ */

#define N_VICTIMS 64

/* What the host opens where the exporter's descriptors were: files, sockets, and epoll sets with an
 * event that is told once only. */
static struct victim {
    enum { FILE_VICTIM, SOCKET_VICTIM, SET_VICTIM } sort;
    int fd, other;
    struct stat facts;
} victims[N_VICTIMS];

static bool was_set[256];

static void note_sets(void)
{
    for (int fd = 0; fd < 256; fd++) {
        char path[64];
        char link[64] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        was_set[fd] = readlink(path, link, sizeof(link) - 1) > 0 && strstr(link, "eventpoll");
    }
}

static int far_end(int ends[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    int fd = fcntl(ends[1], F_DUPFD, 300);
    CHECK(fd >= 0);
    close(ends[1]);
    return fd;
}

/* Returns false when another thread, the exporter's, had the number for a moment. */
static bool try_victim(struct victim *victim, const char *path, int number)
{
    int ends[2];
    int fd = open("/dev/null", O_RDONLY); /* the number that it gets */
    CHECK(fd >= 0);
    close(fd);
    victim->sort = was_set[fd] ? SET_VICTIM : number % 2 ? FILE_VICTIM : SOCKET_VICTIM;
    if (victim->sort == FILE_VICTIM) {
        victim->fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    } else if (victim->sort == SOCKET_VICTIM) {
        victim->other = far_end(ends);
        victim->fd = ends[0];
    } else {
        victim->fd = epoll_create1(0);
        victim->other = far_end(ends);
        CHECK(fcntl(ends[0], F_DUPFD, 300) >= 0);
        struct epoll_event event = {EPOLLIN | EPOLLET | EPOLLONESHOT, {.u64 = 0x5a5a}};
        CHECK(epoll_ctl(victim->fd, EPOLL_CTL_ADD, ends[0], &event) == 0);
        CHECK(write(victim->other, "x", 1) == 1);
    }
    CHECK(victim->fd >= 0 && fstat(victim->fd, &victim->facts) == 0);
    return victim->fd == fd;
}

static void open_victim(struct victim *victim, const char *dir, int number)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/file%d", dir, number);
    bool is_there = false;
    for (int i = 0; i < 100 && !is_there; i++) {
        is_there = try_victim(victim, path, number);
        if (!is_there) {
            close(victim->fd);
        }
    }
    CHECK(is_there);
}

static void check_victim(const struct victim *victim)
{
    struct stat facts;
    CHECK(fstat(victim->fd, &facts) == 0 && facts.st_ino == victim->facts.st_ino &&
          facts.st_dev == victim->facts.st_dev && facts.st_mode == victim->facts.st_mode);
    if (victim->sort == FILE_VICTIM) {
        CHECK(facts.st_size == 0);
    } else if (victim->sort == SOCKET_VICTIM) {
        CHECK(!caller_has_input(victim->other, 0)); /* neither bytes nor an end */
    }
}

static uint64_t descriptors_lost(void)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    return health.descriptors_lost;
}

static void closes_all_descriptors(const char *dir)
{
    start(on_log);
    pid_t client = start_client();
    note_sets();
    closefrom(3);
    for (int i = 0; i < N_VICTIMS; i++) {
        open_victim(&victims[i], dir, i);
    }
    weir_channel_send(moves, 1);
    CHECK(child_wait(has_no_thread, NULL)); /* and so it cannot spin */
    CHECK(strstr(last_line, "weir_agent_start"));
    CHECK(descriptors_lost() == 1);
    for (int i = 0; i < N_VICTIMS; i++) {
        check_victim(&victims[i]);
    }
    for (int i = 0; i < 5000; i++) { /* the segment grows, without its descriptor */
        CHECK(open_channel("more") != NULL);
    }
    weir_agent_stop();
    CHECK(weir_agent_start(NULL, &error) == WEIR_OK);
    CHECK(is_served());
    weir_agent_stop();
    weir_channel_send(moves, 1);
    CHECK(sent() == 2);
    end_of_client(client);
    int n_sets = 0;
    for (int i = 0; i < N_VICTIMS; i++) {
        check_victim(&victims[i]);
        struct epoll_event event;
        if (victims[i].sort == SET_VICTIM) {
            n_sets++;
            CHECK(epoll_wait(victims[i].fd, &event, 1, 0) == 1 && event.data.u64 == 0x5a5a);
        }
    }
    CHECK(n_sets >= 2); /* the reactor's and HTTP's */
}

static void a_host_may_close_all_descriptors_and_take_their_numbers(void **state)
{
    (void)state;
    char dir[64];
    child_dir_make(dir, sizeof(dir));
    assert_int_equal(child_run_in(dir, closes_all_descriptors), 0);
    assert_int_equal(child_count(dir, ".weir", NULL, 0), 0);
    assert_int_equal(child_count(dir, ".sock", NULL, 0), 0);
    child_dir_remove(dir);
}

/* Before there is an exporter, and where there never is one. */
static void closes_all_between_the_starts(const char *dir)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    note_sets();
    closefrom(3);
    for (int i = 0; i < N_VICTIMS; i++) {
        open_victim(&victims[i], dir, i);
    }
    moves = open_channel("moves");
    for (int i = 0; i < 5000; i++) {
        CHECK(open_channel("more") != NULL);
    }
    start_agent();
    CHECK(is_served());
    weir_agent_stop();
    weir_channel_send(moves, 1);
    weir_stop();
    for (int i = 0; i < N_VICTIMS; i++) {
        check_victim(&victims[i]);
    }
    CHECK(descriptors_lost() == 0);
}

static void descriptors_closed_between_the_starts_cost_nothing(void **state)
{
    (void)state;
    assert_int_equal(child_run(closes_all_between_the_starts), 0);
}

static void stops_at_once(const char *dir)
{
    start(on_log);
    note_sets();
    closefrom(3);
    for (int i = 0; i < N_VICTIMS; i++) {
        open_victim(&victims[i], dir, i);
    }
    weir_agent_stop(); /* before the thread has noticed */
    for (int i = 0; i < N_VICTIMS; i++) {
        check_victim(&victims[i]);
    }
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(weir_start(NULL, &error) == WEIR_OK && weir_agent_start(NULL, &error) == WEIR_OK);
        for (int i = 0; i < N_VICTIMS; i++) {
            check_victim(&victims[i]);
        }
        exit(0);
    }
    end_of_client(pid);
}

static void stopping_after_that_touches_nothing_of_the_hosts(void **state)
{
    (void)state;
    assert_int_equal(child_run(stops_at_once), 0);
}

/* ---- limits ------------------------------------------------------------------------------------ */

static void limit(int which, rlim_t value)
{
    struct rlimit both;
    CHECK(getrlimit(which, &both) == 0);
    both.rlim_cur = value;
    CHECK(setrlimit(which, &both) == 0);
}

static void lowers_its_limits(const char *dir)
{
    (void)dir;
    struct rlimit files;
    start(NULL);
    pid_t client = start_client();
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    limit(RLIMIT_FSIZE, 4096); /* whose signal kills */
    limit(RLIMIT_NOFILE, 3);
    limit(RLIMIT_MEMLOCK, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    limit(RLIMIT_AS, 1 << 20);
    limit(RLIMIT_DATA, 1 << 20);
#endif
    for (int i = 0; i < 20000; i++) {
        struct weir_channel *channel = open_channel("more");
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
        weir_channel_send(moves, 1);
    }
    CHECK(kill(client, 0) == 0 && waitpid(client, NULL, WNOHANG) == 0);
    limit(RLIMIT_NOFILE, files.rlim_cur);
    limit(RLIMIT_AS, RLIM_INFINITY);
    limit(RLIMIT_DATA, RLIM_INFINITY);
    CHECK(sent() == 20000);
    CHECK(is_served());
    weir_agent_stop();
    end_of_client(client);
}

static void a_host_may_lower_its_limits(void **state)
{
    (void)state;
    assert_int_equal(child_run(lowers_its_limits), 0);
}

/* ---- another root -------------------------------------------------------------------------------- */

static void changes_its_root(const char *dir)
{
    char jail[128];
    start(NULL);
    pid_t client = start_client();
    snprintf(jail, sizeof(jail), "%s/jail", dir);
    CHECK(mkdir(jail, 0700) == 0);
    if (chroot(jail) != 0 || chdir("/") != 0) {
        _exit(NO_RIGHTS);
    }
    for (int i = 0; i < 20000; i++) {
        struct weir_channel *channel = open_channel("more");
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
    }
    weir_channel_send(moves, 1);
    CHECK(sent() == 1);
    CHECK(waitpid(client, NULL, WNOHANG) == 0);
    weir_agent_stop();
    end_of_client(client);
    CHECK(weir_agent_start(NULL, &error) == WEIR_DEGRADED && error.text[0]);
}

static void a_host_may_change_its_root(void **state)
{
    (void)state;
    char dir[64];
    char path[256];
    struct wi_found found;
    child_dir_make(dir, sizeof(dir));
    int status = child_run_in(dir, changes_its_root);
    if (status == NO_RIGHTS) {
        child_dir_remove(dir);
        print_message("needs root: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
    /* From in there it cannot take its file away: that looks like a crash, and is pruned like one. */
    assert_int_equal(child_count(dir, ".weir", path, sizeof(path)), 1);
    assert_int_equal(wi_find_one(path, &found), WEIR_OK);
    assert_int_equal(found.state, WI_STATE_DEAD);
    snprintf(path, sizeof(path), "%s/jail", dir);
    rmdir(path);
    child_dir_remove(dir);
}

/* ---- a filter ------------------------------------------------------------------------------------ */

/* No files, no sockets, no threads, no memory but by brk. */
static const unsigned most_calls[] = {
    SYS_openat,    SYS_socket,  SYS_connect,    SYS_accept4, SYS_bind,  SYS_listen,
    SYS_fallocate, SYS_madvise, SYS_ftruncate,  SYS_mmap,    SYS_clone, SYS_clone3,
    SYS_unlinkat,  SYS_linkat,  SYS_readlinkat, SYS_fcntl,   SYS_kill,  SYS_epoll_create1};
enum { N_MOST_CALLS = sizeof(most_calls) / sizeof(most_calls[0]) };

/* From now on these fail with EPERM in all threads; `n_calls` up to N_MOST_CALLS. */
static bool forbid(const unsigned *calls, size_t n_calls)
{
    struct sock_filter filter[2 * N_MOST_CALLS + 2];
    size_t n = 0;
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
    for (size_t i = 0; i < n_calls; i++) {
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)n, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

static double cpu_seconds(void)
{
    struct rusage used;
    CHECK(getrusage(RUSAGE_SELF, &used) == 0);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void filters_system_calls(const char *dir)
{
    (void)dir;
    start(on_log);
    pid_t client = start_client();
    pid_t late = fork(); /* knocks when nobody may open */
    if (late == 0) {
        closefrom(3);
        int fd = caller_dial(socket_path);
        CHECK(fd >= 0);
        caller_has_input(fd, 2000);
        exit(0);
    }
    if (!forbid(most_calls, N_MOST_CALLS)) {
        _exit(NO_RIGHTS);
    }
    int opened = 0;
    for (int i = 0; i < 20000; i++) {
        struct weir_channel *channel = open_channel("more");
        opened += channel != NULL;
        weir_channel_receive(channel, weir_channel_send(channel, 1), 1);
        weir_channel_send(moves, 1);
    }
    CHECK(opened < 20000); /* no room was to be had, which is a refusal */
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.handles_refused == (uint64_t)(20000 - opened));
    double before = cpu_seconds();
    end_of_client(late);
    CHECK(cpu_seconds() - before < 1.0); /* of two seconds */
    CHECK(waitpid(client, NULL, WNOHANG) == 0);
    weir_agent_stop();
    end_of_client(client);
}

static void a_host_may_filter_system_calls(void **state)
{
    (void)state;
    int status = child_run(filters_system_calls);
    if (status == NO_RIGHTS) {
        print_message("this machine has no seccomp: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- real time -----------------------------------------------------------------------------------*/

/* The slice of a thread that does not run in real time: told since Linux 6.12, 0 before. */
static uint64_t slice_of(pid_t thread)
{
    uint64_t attr[6] = {0};
    const unsigned runtime = 3; /* the fourth 64 bits */
    return syscall(SYS_sched_getattr, thread, attr, sizeof attr, 0) == 0 ? attr[runtime] : 0;
}

static bool stands_back(void *unused)
{
    (void)unused;
    pid_t thread = find_thread();
    int nice = getpriority(PRIO_PROCESS, 0) + 10;
    return thread && sched_getscheduler(thread) == SCHED_BATCH &&
           getpriority(PRIO_PROCESS, (id_t)thread) == (nice < 19 ? nice : 19);
}

static bool has_short_slice(void *unused)
{
    (void)unused;
    uint64_t slice = slice_of(find_thread());
    return slice == 0 || slice == 100000;
}

static void runs_in_real_time(const char *dir)
{
    (void)dir;
    const struct sched_param least = {sched_get_priority_min(SCHED_RR)};
    start(NULL);
    CHECK(child_wait(stands_back, NULL) && child_wait(has_short_slice, NULL));
    weir_agent_stop();
    if (sched_setscheduler(0, SCHED_RR, &least) != 0) {
        _exit(NO_RIGHTS);
    }
    CHECK(weir_agent_start(NULL, &error) == WEIR_OK);
    CHECK(child_wait(stands_back, NULL));
    CHECK(sched_getscheduler(0) == SCHED_RR);
}

static void the_exporter_stands_back_behind_the_hosts_threads(void **state)
{
    (void)state;
    int status = child_run(runs_in_real_time);
    assert_true(status == 0 || status == NO_RIGHTS);
}

static void allows_no_slice(const char *dir)
{
    (void)dir;
    static const unsigned calls[] = {SYS_sched_setattr};
    if (!forbid(calls, 1)) {
        _exit(NO_RIGHTS);
    }
    start(NULL);
    CHECK(child_wait(stands_back, NULL));
}

static void the_exporter_stands_back_where_its_slice_is_not_its_to_choose(void **state)
{
    (void)state;
    int status = child_run(allows_no_slice);
    assert_true(status == 0 || status == NO_RIGHTS);
}

/* ---- SIGPIPE ------------------------------------------------------------------------------------- */

static void has_peers_that_hang_up(const char *dir)
{
    (void)dir;
    signal(SIGPIPE, SIG_DFL);
    start(NULL);
    for (int i = 0; i < 3000; i++) {
        CHECK(open_channel("a channel that makes an answer long") != NULL);
    }
    struct sockaddr_in http = {.sin_family = AF_INET};
    http.sin_port = htons((uint16_t)weir_agent_http_port());
    http.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    static const char request[] = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
    for (int i = 0; i < 50; i++) {
        char byte;
        int fd = caller_dial(socket_path);
        CHECK(write(fd, caller_preface, caller_preface_bytes) > 0 && caller_watch(fd, 1));
        CHECK(caller_has_input(fd, 5000) && read(fd, &byte, 1) == 1);
        close(fd); /* in the midst of an answer */
        const struct linger reset = {1, 0};
        fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(connect(fd, (struct sockaddr *)&http, sizeof(http)) == 0);
        CHECK(write(fd, request, sizeof(request) - 1) > 0);
        if (i % 2) {
            CHECK(caller_has_input(fd, 5000) && read(fd, &byte, 1) == 1);
        }
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
    }
    CHECK(is_served());
    weir_agent_stop();
}

static void a_host_may_leave_sigpipe_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(child_run(has_peers_that_hang_up), 0);
}

/* ---- the end ------------------------------------------------------------------------------------- */

static void *count_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
        weir_channel_receive(moves, weir_channel_send(moves, 1), 1);
    }
    return NULL;
}

static void *open_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
        struct weir_channel *channel = open_channel("for a moment");
        weir_channel_send(channel, 1);
        weir_channel_close(channel);
    }
    return NULL;
}

static void *leave(void *unused)
{
    (void)unused;
    exit(0);
}

static void exits_from_a_thread(const char *dir)
{
    (void)dir;
    pthread_t thread;
    start(NULL);
    start_client();
    alarm(30);
    CHECK(pthread_create(&thread, NULL, count_for_ever, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, open_for_ever, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, leave, NULL) == 0);
    count_for_ever(NULL);
}

static void exit_on_log(void *context, const char *line)
{
    (void)context;
    (void)line;
    exit(0);
}

static void exits_in_the_log_callback(const char *dir)
{
    (void)dir;
    start(exit_on_log);
    closefrom(3); /* which the exporter's thread will tell */
    alarm(30);
    count_for_ever(NULL);
}

static void a_host_may_exit_from_any_thread_during_a_call(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char dir[64];
        child_dir_make(dir, sizeof(dir));
        assert_int_equal(child_run_in(dir, exits_from_a_thread), 0);
        assert_int_equal(child_count(dir, ".weir", NULL, 0), 0);
        assert_int_equal(child_count(dir, ".sock", NULL, 0), 0);
        child_dir_remove(dir);
    }
    assert_int_equal(child_run(exits_in_the_log_callback), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_may_close_all_descriptors_and_take_their_numbers),
        cmocka_unit_test(descriptors_closed_between_the_starts_cost_nothing),
        cmocka_unit_test(stopping_after_that_touches_nothing_of_the_hosts),
        cmocka_unit_test(a_host_may_lower_its_limits),
        cmocka_unit_test(a_host_may_change_its_root),
        cmocka_unit_test(a_host_may_filter_system_calls),
        cmocka_unit_test(the_exporter_stands_back_behind_the_hosts_threads),
        cmocka_unit_test(the_exporter_stands_back_where_its_slice_is_not_its_to_choose),
        cmocka_unit_test(a_host_may_leave_sigpipe_as_it_is),
        cmocka_unit_test(a_host_may_exit_from_any_thread_during_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
