/* SPDX-License-Identifier: MIT */
/* ctest: timeout=300 alone folders=agent/src/segment */
/*
 * A server that forks under load: while threads count, open and close, and a client is served, children
 * execute another program, leave at once, go on with hooks, or start weir again. No child takes anything
 * from the parent: counts are exact, its file and its socket stay, its client misses nothing; and no
 * program that is executed finds a descriptor of weir's.
 */
#include "caller.h"
#include "child.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer's own locks do not outlive a fork of a process with threads. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define FORKS  60
#define N_WAYS 3
#else
#define FORKS  500
#define N_WAYS 5
#endif

enum way { EXECUTES, SPAWNS, LEAVES, GOES_ON, STARTS_ANEW };

extern char **environ;

static const char *program;
static struct weir_channel *moves;
static uint64_t sent, received; /* atomic */
static uint64_t is_over;
static char socket_path[256];

static void *count(void *unused)
{
    (void)unused;
    uint64_t in = 0;
    uint64_t out = 0;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        weir_ticket ticket = weir_channel_send(moves, 8);
        if (++in % 4) {
            weir_channel_receive(moves, ticket, 8);
            out++;
        }
    }
    __atomic_fetch_add(&sent, in, __ATOMIC_RELAXED);
    __atomic_fetch_add(&received, out, __ATOMIC_RELAXED);
    return NULL;
}

static void *open_and_close(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("for a moment", 5);
        struct weir_channel *channel = weir_channel_open(&options);
        weir_channel_send(channel, 1);
        weir_channel_close(channel);
    }
    return NULL;
}

static bool is_served(const char *path)
{
    char bytes[64];
    int fd = caller_dial(path);
    bool has_answer = fd >= 0 && caller_has_input(fd, 10000) && read(fd, bytes, sizeof(bytes)) > 0;
    if (fd >= 0) {
        close(fd);
    }
    return has_answer;
}

static void find_socket(char *ret_path, size_t room)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    snprintf(ret_path, room, "%.*s.sock", (int)strlen(health.path) - 5, health.path);
}

/* In the child. Its atexit functions and destructors run. */
static void go(enum way way)
{
    struct weir_error error;
    char path[256];
    char *const arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--look", NULL};
    switch (way) {
    case EXECUTES:
        execv(program, arguments);
        _exit(3);
    case GOES_ON:
        for (int i = 0; i < 1000; i++) {
            weir_channel_receive(moves, weir_channel_send(moves, 8), 8);
        }
        exit(0);
    case STARTS_ANEW:
        CHECK(weir_start(NULL, &error) == WEIR_OK && weir_agent_start(NULL, &error) == WEIR_OK);
        weir_channel_send(moves, 8);
        find_socket(path, sizeof(path));
        CHECK(strcmp(path, socket_path) != 0 && is_served(path));
        exit(0);
    default:
        _exit(0);
    }
}

static void one_child(enum way way)
{
    char *const arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--look", NULL};
    pid_t pid;
    int status;
    if (way == SPAWNS) {
        CHECK(posix_spawn(&pid, program, NULL, NULL, arguments, environ) == 0);
    } else {
        pid = fork();
        if (pid == 0) {
            go(way);
        }
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "way %d: status %#x\n", (int)way, status);
        CHECK(false);
    }
}

/* A client that must never see an end before the parent's. */
static pid_t start_client(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        char bytes[65536];
        closefrom(3);
        int fd = caller_dial(socket_path);
        CHECK(fd >= 0 && write(fd, caller_preface, caller_preface_bytes) > 0);
        CHECK(caller_watch(fd, 1));
        while (caller_has_input(fd, 10000) && read(fd, bytes, sizeof(bytes)) > 0) {
        }
        _exit(0);
    }
    return pid;
}

static void check_counts(void)
{
    struct weir_error error;
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 1);
    const struct wi_value *value = wi_process_view_row(view, WI_CHANNEL, 0)->value;
    printf("%d children; sent %llu, received %llu\n", FORKS, (unsigned long long)sent,
           (unsigned long long)received);
    CHECK(value[WI_CHANNEL_SENT].u.u64 == sent && value[WI_CHANNEL_RECEIVED].u.u64 == received);
    CHECK(value[WI_CHANNEL_DEPTH].u.u64 == sent - received);
    wi_process_view_close(view);
}

static void fork_under_load(const char *dir)
{
    struct weir_error error;
    pthread_t threads[3];
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    CHECK(weir_start(NULL, &error) == WEIR_OK && weir_agent_start(NULL, &error) == WEIR_OK);
    unsetenv("WEIR_HTTP");
    find_socket(socket_path, sizeof(socket_path));
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    moves = weir_channel_open(&options);
    pid_t client = start_client();
    CHECK(pthread_create(&threads[0], NULL, count, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, count, NULL) == 0);
    CHECK(pthread_create(&threads[2], NULL, open_and_close, NULL) == 0);
    for (int i = 0; i < FORKS; i++) {
        one_child((enum way)(i % N_WAYS));
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < 3; t++) {
        pthread_join(threads[t], NULL);
    }
    CHECK(waitpid(client, NULL, WNOHANG) == 0);
    CHECK(child_count(dir, ".weir", NULL, 0) == 1 && child_count(dir, ".sock", NULL, 0) == 1);
    CHECK(is_served(socket_path));
    check_counts();
    weir_agent_stop();
    CHECK(waitpid(client, NULL, 0) == client);
}

/* As the program that a child executes: what has been left open? */
static int look(void)
{
    int n = 0;
    DIR *entries = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(entries));) {
        int fd = atoi(entry->d_name);
        char path[300];
        char link[256] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        if (fd > 2 && fd != dirfd(entries) && readlink(path, link, sizeof(link) - 1) > 0 &&
            (strstr(link, "socket:") || strstr(link, "anon_inode:") || strstr(link, ".weir") ||
             strstr(link, "pipe:"))) {
            fprintf(stderr, "inherited: %d %s\n", fd, link);
            n++;
        }
    }
    closedir(entries);
    return n > 0;
}

int main(int argc, char **argv)
{
    program = "/proc/self/exe";
    char own[512];
    ssize_t n = readlink(program, own, sizeof(own) - 1);
    own[n > 0 ? n : 0] = '\0';
    program = own;
    if (argc == 2 && strcmp(argv[1], "--look") == 0) {
        return look();
    }
    /* What was inherited from whoever runs this test is not weir's. */
    closefrom(3);
    return child_run(fork_under_load);
}
