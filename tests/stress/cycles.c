/* SPDX-License-Identifier: MIT */
/* ctest: timeout=300 alone folders=agent/src/segment */
/*
 * Ten thousand times weir and its agent stop and start again, while threads count, open and close, come
 * and go, and clients call. At the end the counts are exact, and as many descriptors, threads and bytes
 * are there as after the first hundred.
 */
#include "caller.h"
#include "child.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define CYCLES   400
#define KEPT_MAX UINT64_MAX /* a sanitizer keeps what was freed */
#else
#define CYCLES   10000
#define KEPT_MAX (1U << 20)
#endif
#define WARM      100
#define THREADS   3
#define LIFE      5000
#define HTTP_EACH 10 /* with HTTP at every so many */

static struct weir_channel *channels[THREADS];
static struct weir_semaphore *permits;
static struct weir_counter *lives;
static struct {
    _Alignas(64) uint64_t sent, received;
} truth[THREADS];
static uint64_t n_lives;
static uint64_t is_over;
static char socket_path[256];

static void *live(void *number)
{
    uintptr_t t = (uintptr_t)number;
    if (t == 0) {
        weir_thread_start();
    }
    for (int i = 0; i < LIFE; i++) {
        weir_ticket ticket = weir_channel_send(channels[t], 8);
        weir_semaphore_acquire(permits, 1);
        truth[t].sent++;
        if (i % 4) {
            weir_channel_receive(channels[t], ticket, 8);
            truth[t].received++;
        }
        weir_semaphore_release(permits, 1);
    }
    struct weir_channel_options options = WEIR_CHANNEL_INIT("of a life", 5);
    struct weir_channel *own = weir_channel_open(&options);
    weir_channel_send(own, 1);
    weir_channel_close(own);
    weir_counter_add(lives, 1);
    __atomic_fetch_add(&n_lives, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void *respawn(void *number)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, live, number) == 0);
        pthread_join(thread, NULL);
    }
    return NULL;
}

/* Calls whoever is there, reads a little, and hangs up in the midst of it. */
static void call_for_ever(void)
{
    char bytes[4096];
    for (unsigned i = 0;; i++) {
        int fd = caller_dial(socket_path);
        if (fd >= 0) {
            if (send(fd, caller_preface, caller_preface_bytes, MSG_NOSIGNAL) > 0 &&
                caller_watch(fd, 1) && caller_has_input(fd, 100)) {
                (void)!read(fd, bytes, i % sizeof(bytes) + 1);
            }
            close(fd);
        }
    }
}

static size_t n_entries(const char *path)
{
    size_t n = 0;
    DIR *entries = opendir(path);
    while (readdir(entries)) {
        n++;
    }
    closedir(entries);
    return n;
}

static uint64_t anonymous_bytes(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof(line), status)) {
        sscanf(line, "RssAnon: %llu", &kib);
    }
    fclose(status);
    return kib << 10;
}

static void start(int cycle)
{
    struct weir_error error;
    struct weir_agent_options options = WEIR_AGENT_OPTIONS_INIT;
    options.http = cycle % HTTP_EACH == 0 ? "127.0.0.1:0" : NULL;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(weir_agent_start(&options, &error) == WEIR_OK);
}

static void open_handles(void)
{
    for (int t = 0; t < THREADS; t++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("channel", WEIR_UNBOUNDED);
        options.storage = t == 1 ? WEIR_STORAGE_SHARED : WEIR_STORAGE_SHARD;
        options.latency = t == 2 ? WEIR_LATENCY_FULL : WEIR_LATENCY_SAMPLED;
        channels[t] = weir_channel_open(&options);
    }
    struct weir_semaphore_options semaphore = WEIR_SEMAPHORE_INIT("permits", THREADS);
    struct weir_value_options value = WEIR_VALUE_INIT("lives");
    permits = weir_semaphore_open(&semaphore);
    lives = weir_counter_open(&value);
}

static uint64_t value_of(struct wi_process_view *view, enum wi_kind kind, size_t i, int metric)
{
    return wi_process_view_row(view, kind, i)->value[metric].u.u64;
}

static void check_counts(void)
{
    struct weir_error error;
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    CHECK(wi_process_view_count(view, WI_CHANNEL) == THREADS);
    for (size_t t = 0; t < THREADS; t++) {
        CHECK(value_of(view, WI_CHANNEL, t, WI_CHANNEL_SENT) == truth[t].sent);
        CHECK(value_of(view, WI_CHANNEL, t, WI_CHANNEL_RECEIVED) == truth[t].received);
        CHECK(value_of(view, WI_CHANNEL, t, WI_CHANNEL_DEPTH) == truth[t].sent - truth[t].received);
    }
    CHECK(value_of(view, WI_SEMAPHORE, 0, WI_SEMAPHORE_AVAILABLE) == THREADS);
    CHECK(value_of(view, WI_COUNTER, 0, WI_COUNTER_VALUE) == n_lives);
    wi_process_view_close(view);
}

static void cycle(const char *dir)
{
    pthread_t threads[THREADS];
    struct weir_health health = {.size = sizeof(health)};
    struct weir_health after = {.size = sizeof(after)};
    start(0);
    weir_health_read(&health);
    snprintf(socket_path, sizeof(socket_path), "%.*s.sock", (int)strlen(health.path) - 5,
             health.path);
    pid_t client = fork();
    if (client == 0) {
        call_for_ever();
    }
    open_handles();
    for (uintptr_t t = 0; t < THREADS; t++) {
        CHECK(pthread_create(&threads[t], NULL, respawn, (void *)t) == 0);
    }
    size_t fds = 0;
    uint64_t bytes = 0;
    for (int i = 1; i <= CYCLES; i++) {
        weir_agent_stop();
        weir_stop();
        CHECK(child_count(dir, ".weir", NULL, 0) == 0);
        if (i == WARM) {
            fds = n_entries("/proc/self/fd");
            bytes = anonymous_bytes();
            weir_health_read(&health);
        }
        if (i < CYCLES) {
            start(i);
        }
    }
    CHECK(n_entries("/proc/self/fd") == fds);
    uint64_t now = anonymous_bytes();
    weir_health_read(&after);
    printf("%d cycles: %llu bytes before, %llu after; segment %llu, %llu; %llu lives\n", CYCLES,
           (unsigned long long)bytes, (unsigned long long)now,
           (unsigned long long)health.segment_bytes, (unsigned long long)after.segment_bytes,
           (unsigned long long)__atomic_load_n(&n_lives, __ATOMIC_RELAXED));
    CHECK(now < bytes || now - bytes <= KEPT_MAX);
    CHECK(after.segment_bytes == health.segment_bytes);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    kill(client, SIGKILL);
    waitpid(client, NULL, 0);
    check_counts();
}

int main(void)
{
    char dir[64];
    child_dir_make(dir, sizeof(dir));
    int status = child_run_in(dir, cycle);
    if (status == 0 && (child_count(dir, ".weir", NULL, 0) || child_count(dir, ".sock", NULL, 0) ||
                        child_count(dir, ".stopped", NULL, 0))) {
        fprintf(stderr, "something is left in %s\n", dir);
        return 1;
    }
    child_dir_remove(dir);
    return status;
}
