/* SPDX-License-Identifier: MIT */
/* ctest: timeout=120 alone folders=agent/src/segment */
/*
 * Two hundred processes are killed with -9 while three threads open, count and close. Whatever they
 * leave must read as it stands: no more out than in, no broken name, nothing called corrupt. Each
 * producer hands a message over only some time after its send hook, the worst case for a reader.
 */
#include "child.h"
#include "snapshot/process_view.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define ROUNDS   200
#define CHANNELS 64

static struct weir_channel *channels[CHANNELS];
static uint64_t queued[CHANNELS];

static void *produce(void *unused)
{
    (void)unused;
    for (uint32_t i = 0;; i++) {
        weir_channel_send(channels[i % CHANNELS], 8);
        if (i % 64 == 0) {
            sched_yield();
        }
        __atomic_fetch_add(&queued[i % CHANNELS], 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void *consume(void *unused)
{
    (void)unused;
    for (uint32_t i = 0;; i++) {
        uint64_t n = __atomic_load_n(&queued[i % CHANNELS], __ATOMIC_ACQUIRE);
        if (n) {
            __atomic_fetch_sub(&queued[i % CHANNELS], 1, __ATOMIC_ACQUIRE);
            weir_channel_receive(channels[i % CHANNELS], 0, 8);
        }
    }
    return NULL;
}

static void *open_and_close(void *unused)
{
    (void)unused;
    for (uint32_t i = 0;; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s-%u", i % 2 ? "room" : "a room whose name takes two pieces",
                 i);
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 5);
        struct weir_channel *channel = weir_channel_open(&options);
        weir_channel_send(channel, 1);
        if (i % 3) {
            weir_channel_close(channel);
        }
    }
    return NULL;
}

static void be_killed(const char *dir)
{
    (void)dir;
    void *(*const bodies[])(void *) = {produce, consume, open_and_close};
    struct weir_error error;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    for (int c = 0; c < CHANNELS; c++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
        channels[c] = weir_channel_open(&options);
    }
    for (int t = 0; t < 3; t++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, bodies[t], NULL) == 0);
    }
    for (;;) {
        pause();
    }
}

static void check_name(const char *name)
{
    CHECK(strcmp(name, "moves") == 0 || strncmp(name, "room-", 5) == 0 ||
          strncmp(name, "a room whose name takes two pieces-", 35) == 0);
}

/* Whoever reads /proc/PID/maps at that moment keeps the memory, and the lock with it, a little longer. */
static bool is_dead(void *path)
{
    struct wi_found found;
    return wi_find_one(path, &found) == WEIR_OK && found.state == WI_STATE_DEAD;
}

static void check(const char *dir, uint64_t *sent)
{
    char path[256];
    struct weir_error error = {""};
    struct wi_process_view *view;
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(child_wait(is_dead, path));
    if (wi_process_view_open_file(path, &view, &error) != WEIR_OK ||
        wi_process_view_refresh(view, 1, &error) != WEIR_OK) {
        fprintf(stderr, "%s\n", error.text);
        CHECK(false);
    }
    size_t n = wi_process_view_count(view, WI_CHANNEL);
    for (size_t i = 0; i < n; i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, i);
        check_name(row->name);
        *sent += row->value[WI_CHANNEL_SENT].u.u64;
    }
    CHECK(wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_CLAMPED].u.u64 == 0);
    wi_process_view_close(view);
}

static bool has_a_segment(void *dir)
{
    return child_count(dir, ".weir", NULL, 0) == 1;
}

/* What has been counted so far; 0 where nothing can be read yet. */
static bool has_counted(void *dir)
{
    char path[256];
    struct wi_process_view *view;
    uint64_t sent = 0;
    if (child_count(dir, ".weir", path, sizeof(path)) != 1 ||
        wi_process_view_open_file(path, &view, NULL) != WEIR_OK) {
        return false;
    }
    if (wi_process_view_refresh(view, 1, NULL) == WEIR_OK &&
        wi_process_view_count(view, WI_CHANNEL) > 0) {
        sent = wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_SENT].u.u64;
    }
    wi_process_view_close(view);
    return sent > 0;
}

int main(void)
{
    uint64_t sent = 0;
    for (int round = 0; round < ROUNDS; round++) {
        char dir[64];
        child_dir_make(dir, sizeof(dir));
        pid_t pid = fork();
        if (pid == 0) {
            setenv("WEIR_DIR", dir, 1);
            be_killed(dir);
        }
        /* Every other one is killed while it starts. */
        CHECK(child_wait(round % 2 ? has_counted : has_a_segment, dir));
        /* At another point each time. */
        for (int spin = 0; spin < round * 400; spin++) {
            __asm__ volatile("" ::: "memory");
        }
        for (int yields = 0; yields < round % 50; yields++) {
            sched_yield();
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        check(dir, &sent);
        child_dir_remove(dir);
    }
    printf("%d kills, %llu messages counted in what they left\n", ROUNDS, (unsigned long long)sent);
    return sent > 0 ? 0 : 1;
}
