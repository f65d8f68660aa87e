/* SPDX-License-Identifier: MIT */
/*
 * What 100,000 channels cost, of which every one changes each second: processor time and heap of the exporter with
 * nobody attached, with one screen, and with every channel's waits measured; then how long `weir snapshot -o json`
 * takes and how much memory. BENCH_SECONDS is the length of each stretch (8). The console is WEIR_BUILD's.
 */
#include "bench.h"
#include "weir/agent.h"
#include "weir/weir.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_CHANNELS 100000
#define N_MOVING   1000 /* channels that still change in the last stretch */
#define NANOS      UINT64_C(1000000000)

static struct weir_channel *channels[N_CHANNELS];
static char console[4096];
static clockid_t exporter_clock;
static double stretch = 8; /* seconds */
static double heap_before;
static _Atomic size_t n_changing = N_CHANNELS;

static void fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void wait_until(uint64_t nanos)
{
    for (uint64_t now; (now = bench_now()) < nanos;) {
        poll(NULL, 0, (int)((nanos - now) / 1000000 + 1));
    }
}

/* Each channel that changes gets a message and gives one up, once a second. */
static void *change(void *context)
{
    for (;;) {
        uint64_t next = bench_now() + NANOS;
        for (size_t i = 0; i < n_changing; i++) {
            weir_channel_receive(channels[i], weir_channel_send(channels[i], 100), 100);
        }
        wait_until(next);
    }
    return context;
}

/* The processor clock of the thread that the exporter runs in. */
static clockid_t find_exporter(void)
{
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        char path[300];
        char name[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        FILE *comm = fopen(path, "r");
        if (comm && fgets(name, sizeof(name), comm) && strcmp(name, "weir-agent\n") == 0) {
            fclose(comm);
            closedir(tasks);
            return (clockid_t)(~(unsigned)atoi(entry->d_name) << 3 |
                               6); /* as pthread_getcpuclockid */
        }
        if (comm) {
            fclose(comm);
        }
    }
    fail("the exporter has no thread");
    return 0;
}

static double exporter_seconds(void)
{
    struct timespec spent;
    clock_gettime(exporter_clock, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static double heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd);
}

/* What the exporter spends of a second, while nothing is done here. */
static void measure(const char *name)
{
    wait_until(bench_now() + NANOS);
    double before = exporter_seconds();
    uint64_t began = bench_now();
    wait_until(began + (uint64_t)(stretch * 1e9));
    double spent = exporter_seconds() - before;
    bench_print_value(name, 100 * spent * 1e9 / (double)(bench_now() - began), "%");
}

static void *swallow(void *context)
{
    char bytes[4096];
    int fd = *(int *)context;
    while (read(fd, bytes, sizeof(bytes)) > 0) {
    }
    return NULL;
}

/* A screen in a terminal of its own, whose output nobody looks at. Returns its pid. */
static pid_t start_screen(pthread_t *ret_reader)
{
    static int terminal;
    char target[32];
    struct winsize size = {.ws_row = 50, .ws_col = 160};
    snprintf(target, sizeof(target), "%ld", (long)getpid());
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    if (pid == 0) {
        setenv("TERM", "xterm", 1);
        execl(console, console, target, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || pthread_create(ret_reader, NULL, swallow, &terminal) != 0) {
        fail("no terminal for a screen");
    }
    return pid;
}

static void end_screen(pid_t pid, pthread_t reader)
{
    int status;
    kill(pid, SIGTERM);
    if (waitpid(pid, &status, 0) != pid || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        fail("the screen did not run");
    }
    pthread_join(reader, NULL);
}

/* One `weir snapshot -o json` into nothing; its time, processor time and memory. */
static void take_snapshot(double ret_seconds[2], double *ret_bytes)
{
    char target[32];
    int status;
    struct rusage used;
    snprintf(target, sizeof(target), "%ld", (long)getpid());
    uint64_t began = bench_now();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        execl(console, console, "snapshot", target, "-o", "json", (char *)NULL);
        _exit(127);
    }
    if (wait4(pid, &status, 0, &used) != pid || status != 0) {
        fail("a snapshot failed");
    }
    ret_seconds[0] = (double)(bench_now() - began) / 1e9;
    ret_seconds[1] = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    *ret_bytes = (double)used.ru_maxrss * 1024;
}

static void measure_snapshots(void)
{
    double first[2];
    double worst = 0;
    double bytes;
    double before = exporter_seconds();
    take_snapshot(first, &bytes);
    bench_print_value("many_snapshot_exporter_cpu", exporter_seconds() - before, "s");
    bench_print_value("many_snapshot_seconds", first[0], "s");
    bench_print_value("many_snapshot_console_cpu", first[1], "s");
    bench_print_value("many_snapshot_console_memory", bytes, "bytes");
    uint64_t end = bench_now() + (uint64_t)(stretch * 1e9);
    while (bench_now() < end) {
        double again[2];
        uint64_t next = bench_now() + NANOS;
        take_snapshot(again, &bytes);
        worst = again[0] > worst ? again[0] : worst;
        wait_until(next);
    }
    bench_print_value("many_snapshot_each_second_worst", worst, "s");
}

static void open_channels(enum weir_latency latency)
{
    for (size_t i = 0; i < N_CHANNELS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "channel-%zu", i);
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
        options.latency = latency;
        channels[i] = weir_channel_open(&options);
        if (!channels[i]) {
            fail("a channel was refused");
        }
        for (int k = 0; latency == WEIR_LATENCY_SAMPLED && k < 64; k++) {
            weir_channel_receive(channels[i], weir_channel_send(channels[i], 100), 100);
        }
    }
}

static void start(enum weir_latency latency)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct weir_agent_options agent_options = WEIR_AGENT_OPTIONS_INIT;
    pthread_t thread;
    options.name = "bench";
    options.limit_bytes = UINT64_C(512) << 20;
    if (weir_start(&options, &error) != WEIR_OK) {
        fail(error.text);
    }
    open_channels(latency);
    if (pthread_create(&thread, NULL, change, NULL) != 0) {
        fail("no thread");
    }
    heap_before = heap_bytes();
    if (weir_agent_start(&agent_options, &error) != WEIR_OK) {
        fail(error.text);
    }
    exporter_clock = find_exporter();
}

static void run_plain(void)
{
    pthread_t reader;
    start(WEIR_LATENCY_OFF);
    measure("many_nobody");
    bench_print_value("many_nobody_heap", heap_bytes() - heap_before, "bytes");
    pid_t pid = start_screen(&reader);
    measure("many_screen");
    bench_print_value("many_screen_heap", heap_bytes() - heap_before, "bytes");
    end_screen(pid, reader);
    measure_snapshots();
}

static void run_waits(void)
{
    start(WEIR_LATENCY_SAMPLED);
    measure("many_nobody_with_waits");
    n_changing = N_MOVING;
    measure("many_nobody_with_waits_of_which_1000_move");
}

int main(void)
{
    static void (*const runs[])(void) = {run_plain, run_waits};
    const char *build = getenv("WEIR_BUILD");
    const char *seconds = getenv("BENCH_SECONDS");
    stretch = seconds && atof(seconds) > 0 ? atof(seconds) : stretch;
    snprintf(console, sizeof(console), "%s/console/weir", build ? build : ".");
    int status = 0;
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]) && status == 0; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            runs[i]();
            weir_agent_stop();
            weir_stop();
            exit(0);
        }
        waitpid(pid, &status, 0);
    }
    return status != 0;
}
