/* SPDX-License-Identifier: MIT */
/* ctest: timeout=300 folders=agent/src/segment */
/*
 * A prefork server in a family: a master that sends through a pipe, four workers of two threads that receive, and send
 * to another queue of the same kind. Workers are respawned all the time: half of them end, half are killed. The program
 * keeps counts of its own in shared memory, and the segment's must be the same, but for the hook that a kill cut short.
 */
#include "child.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"
#include "weir/nanos.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SPAWNS    40
#define N_THREADS 1 /* a sanitizer's own locks do not outlive a fork of a process with threads */
#else
#define SPAWNS    400
#define N_THREADS 2
#endif
#define WORKERS 4

static struct weir_error error;
static struct weir_channel *jobs, *results;
static int to_workers[2];

/* The program's own counts, shared by its processes. */
static struct own {
    uint64_t sent, received, answered;
    uint32_t is_over;
} * own;

static void *serve(void *unused)
{
    char batch[16];
    ssize_t n;
    while (!__atomic_load_n(&own->is_over, __ATOMIC_RELAXED) &&
           (n = read(to_workers[0], batch, sizeof(batch))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            weir_channel_receive(jobs, 0, 8);
            __atomic_fetch_add(&own->received, 1, __ATOMIC_RELAXED);
            weir_channel_send(results, 4);
            __atomic_fetch_add(&own->answered, 1, __ATOMIC_RELAXED);
        }
        if (memchr(batch, 'e', (size_t)n)) { /* this worker ends */
            exit(0);
        }
    }
    return unused;
}

static enum weir_status start(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.scope = WEIR_SCOPE_FAMILY;
    return weir_start(&options, &error);
}

static pid_t spawn(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        CHECK(start() == WEIR_OK);
        close(to_workers[1]);
        for (int t = 1; t < N_THREADS; t++) {
            CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
        }
        serve(NULL);
        exit(0);
    }
    CHECK(pid > 0);
    return pid;
}

static void send_jobs(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weir_channel_send(jobs, 8);
        own->sent++;
    }
    CHECK(write(to_workers[1], text, n) == (ssize_t)n);
}

/* The counts as a reader in this process, and one outside, sees them. Returns those that the program does not know. */
static uint64_t compare(const char *dir)
{
    char path[256];
    uint64_t more = 0;
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    for (int outside = 0; outside < 2; outside++) {
        struct wi_process_view *view;
        CHECK((outside ? wi_process_view_open_file(path, &view, &error)
                       : wi_process_view_open_self(&view, &error)) == WEIR_OK);
        CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
        CHECK(wi_process_view_count(view, WI_CHANNEL) == 2);
        more = 0;
        for (size_t i = 0; i < 2; i++) {
            const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, i);
            uint64_t sent = row->value[WI_CHANNEL_SENT].u.u64;
            uint64_t received = row->value[WI_CHANNEL_RECEIVED].u.u64;
            bool is_jobs = strcmp(row->name, "jobs") == 0;
            printf("%s, %s: %llu sent, %llu received\n", outside ? "outside" : "inside", row->name,
                   (unsigned long long)sent, (unsigned long long)received);
            CHECK(sent >= (is_jobs ? own->sent : own->answered));
            CHECK(received >= (is_jobs ? own->received : 0));
            more += sent - (is_jobs ? own->sent : own->answered);
            more += received - (is_jobs ? own->received : 0);
        }
        wi_process_view_close(view);
    }
    return more;
}

static void respawns(const char *dir)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT("jobs", WEIR_UNBOUNDED);
    pid_t workers[WORKERS];
    uint64_t kills = 0, ends = 0;
    own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(own != MAP_FAILED && pipe(to_workers) == 0);
    CHECK(start() == WEIR_OK && weir_agent_start(NULL, &error) == WEIR_OK);
    jobs = weir_channel_open(&options);
    options.name = "results";
    results = weir_channel_open(&options);
    for (int w = 0; w < WORKERS; w++) {
        workers[w] = spawn();
    }
    uint64_t bytes = 0;
    for (int i = 0; i < SPAWNS; i++) {
        for (int n = 0; n < 40; n++) {
            send_jobs("jobjobjobjobjobj", 16);
        }
        if (i % 2) {
            send_jobs("e", 1);
            pid_t pid = waitpid(-1, NULL, 0);
            ends += N_THREADS - 1;
            for (int w = 0; w < WORKERS; w++) {
                workers[w] = workers[w] == pid ? spawn() : workers[w];
            }
        } else {
            int w = i / 2 % WORKERS;
            kill(workers[w], SIGKILL);
            CHECK(waitpid(workers[w], NULL, 0) == workers[w]);
            kills += N_THREADS;
            workers[w] = spawn();
        }
        bytes = i == SPAWNS / 2 ? wi_load_relaxed(&wi_segment_header()->used_bytes) : bytes;
    }
    CHECK(wi_load_relaxed(&wi_segment_header()->used_bytes) < bytes + 128 * 1024);
    own->is_over = 1;
    close(to_workers[1]);
    for (int w = 0; w < WORKERS; w++) {
        CHECK(waitpid(workers[w], NULL, 0) == workers[w]);
    }
    uint64_t more = compare(dir);
    printf("%d workers; %llu hooks were cut short, in %llu threads that were killed or ended by "
           "another\n",
           SPAWNS + WORKERS, (unsigned long long)more, (unsigned long long)(kills + ends));
    CHECK(more <= kills + ends);
    CHECK(wi_load_relaxed(&wi_segment_header()->n_shards) <= 64);
    weir_agent_stop();
    weir_stop();
}

int main(void)
{
    return child_run(respawns);
}
