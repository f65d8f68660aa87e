/* SPDX-License-Identifier: MIT */
/* The history in its file: who writes it, what goes wrong, what a late look takes from it. */
#include "child.h"
#include "finding/finding.h"
#include "segment/find.h"
#include "weir/nanos.h"
#include "snapshot/history.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SECOND    UINT64_C(1000000000)
#define NO_RIGHTS 77 /* a child's status: this machine does not let it */

static struct weir_error error;
static struct wi_process_view *view;
static uint64_t now;

static void look(struct wi_process_view *at, uint64_t nanos)
{
    CHECK(wi_process_view_refresh(at, nanos, &error) == WEIR_OK);
}

/* The same, with its findings. */
static void look_and_judge(struct wi_process_view *at, struct wi_finding *finding, uint64_t nanos)
{
    wi_process_view_show(at, wi_finding_verdict(finding));
    look(at, nanos);
    wi_finding_update(finding, at);
}

static void step(uint64_t nanos)
{
    now += nanos;
    look(view, now);
}

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static void start(void)
{
    now = 5000 * SECOND;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    wi_process_view_record(view);
}

static const struct wi_value *value_of(struct wi_process_view *at, enum wi_kind kind, int metric)
{
    return &wi_process_view_row(at, kind, 0)->value[metric];
}

static const char *state_of(struct wi_process_view *at)
{
    return value_of(at, WI_AGENT, WI_AGENT_HISTORY_STATE)->u.text;
}

static uint64_t agent_u64(struct wi_process_view *at, int metric)
{
    return value_of(at, WI_AGENT, metric)->u.u64;
}

static void path_of(const char *dir, const char *suffix, char *ret_path, size_t room)
{
    CHECK(child_count(dir, suffix, ret_path, room) == 1);
}

/* Opens the segment as another process's exporter would. */
static struct wi_process_view *open_other(const char *dir)
{
    char path[256];
    struct wi_process_view *other;
    path_of(dir, ".weir", path, sizeof(path));
    CHECK(wi_process_view_open_file(path, &other, &error) == WEIR_OK);
    return other;
}

static void send(struct weir_channel *channel, int n)
{
    for (int i = 0; i < n; i++) {
        weir_channel_send(channel, 10);
    }
}

static void receive(struct weir_channel *channel, int n)
{
    for (int i = 0; i < n; i++) {
        weir_channel_receive(channel, 0, 10);
    }
}

static void runs(child_fn *body)
{
    int status = child_run(body);
    if (status == NO_RIGHTS) {
        skip();
    }
    assert_int_equal(status, 0);
}

/* A test in a process of its own. */
#define CASE(name, body)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        runs(body);                                                                                \
    }

/* ---- what is written ----------------------------------------------------------------------- */

static void writes_rows(const char *dir)
{
    static struct wi_history history;
    static struct wi_history_row row;
    char path[256];
    struct stat facts;
    start();
    struct weir_channel *moves = open_channel("moves");
    for (int i = 1; i <= 700; i++) {
        send(moves, 3);
        receive(moves, 1);
        step(SECOND);
        step(SECOND / 10); /* no second row within a second */
        now -= SECOND / 10;
    }
    path_of(dir, ".history", path, sizeof(path));
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && fstat(fd, &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0400);
    CHECK(facts.st_size == WI_HISTORY_BYTES);
    CHECK(wi_history_read(fd, &history, &error) == WEIR_OK);
    CHECK(history.head.pid == (uint32_t)getpid());
    CHECK(strcmp(history.head.tracks[0].name, "moves") == 0);
    for (uint64_t i = 1; i <= 700; i++) {
        bool is_there = wi_history_row(&history, WI_HISTORY_SECONDS, 5000 + i, &row);
        CHECK(is_there == (i > 100));
        CHECK(!is_there || (row.tracks[0][0] == 3 * i && row.tracks[0][1] == i &&
                            row.tracks[0][2] == 20 * i && row.facts[WI_HISTORY_RSS] > 0));
    }
    for (uint64_t minute = 83; minute <= 95; minute++) {
        CHECK(wi_history_row(&history, WI_HISTORY_MINUTES, minute, &row));
        CHECK(row.nanos / SECOND == (minute * 60 > 5001 ? minute * 60 : 5001));
    }
    CHECK(agent_u64(view, WI_AGENT_HISTORY_ROWS) == 1);
    CHECK(agent_u64(view, WI_AGENT_HISTORY_LOST) == 0);
    CHECK(fabs(value_of(view, WI_AGENT, WI_AGENT_HISTORY_SECONDS)->u.f64 - 699.1) < 0.2);
    CHECK(strcmp(state_of(view), "written") == 0);
    /* Sparse: the head, 600 rows and a row for each minute. */
    CHECK((uint64_t)facts.st_blocks * 512 ==
          WI_HISTORY_HEAD_BYTES + (600 + 13) * WI_HISTORY_ROW_BYTES);
    wi_process_view_close(view);
}

static void keeps_the_latest(const char *dir)
{
    static struct wi_history_row row;
    (void)dir;
    start();
    struct weir_channel *moves = open_channel("moves");
    for (int i = 1; i <= 100;
         i++) { /* as often as a process view moves on: two may meet in a second */
        send(moves, 1);
        step(SECOND * 9 / 10);
        CHECK(wi_history_last(wi_process_view_history(view), WI_HISTORY_SECONDS, UINT64_MAX, &row));
        CHECK(row.nanos == now && row.tracks[0][0] == (uint64_t)i);
    }
    CHECK(wi_history_row(wi_process_view_history(view), WI_HISTORY_MINUTES, 84, &row));
    CHECK(row.nanos >= 5040 * SECOND && row.nanos < 5041 * SECOND);
    wi_process_view_close(view);
}

CASE(the_latest_of_a_second_and_the_first_of_a_minute_stay, keeps_the_latest)

CASE(a_row_a_second_wraps_around, writes_rows)

static void follows_handles(const char *dir)
{
    start();
    struct weir_channel *a = open_channel("a");
    open_channel("b");
    step(SECOND);
    CHECK(agent_u64(view, WI_AGENT_HISTORY_ROWS) == 2);
    weir_channel_close(a);
    step(SECOND);
    CHECK(agent_u64(view, WI_AGENT_HISTORY_ROWS) == 1);
    struct weir_value_options options = WEIR_VALUE_INIT("players");
    weir_gauge_set(weir_gauge_open(&options), -5); /* in the slot of a, by another name */
    step(SECOND);
    struct wi_process_view *other = open_other(dir);
    look(other, now);
    const struct wi_history *history = wi_process_view_history(other);
    CHECK(history && strcmp(state_of(other), "read") == 0);
    CHECK(agent_u64(other, WI_AGENT_HISTORY_ROWS) == 2);
    int track = -1;
    for (int i = 0; i < WI_HISTORY_TRACKS; i++) {
        if (history->head.tracks[i].generation && history->head.tracks[i].kind == WI_GAUGE) {
            track = i;
        }
    }
    CHECK(track >= 0 && strcmp(history->head.tracks[track].name, "players") == 0);
    static struct wi_history_row row;
    CHECK(wi_history_last(history, WI_HISTORY_SECONDS, UINT64_MAX, &row));
    CHECK(wi_history_value(history, track, WI_GAUGE, WI_GAUGE_VALUE, NULL, &row) == -5);
    CHECK(wi_history_row(history, WI_HISTORY_SECONDS, now / SECOND - 1, &row));
    CHECK(isnan(wi_history_value(history, track, WI_GAUGE, WI_GAUGE_VALUE, NULL, &row)));
    wi_process_view_close(other);
    wi_process_view_close(view);
}

CASE(tracks_follow_opening_and_closing, follows_handles)

static void follows_the_busiest(const char *dir)
{
    static struct weir_channel *channels[500];
    char name[16];
    (void)dir;
    start();
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        channels[i] = open_channel(name);
        send(channels[i], i < 200 ? 2 : 1);
    }
    step(SECOND);
    const struct wi_history_track *tracks = wi_process_view_history(view)->head.tracks;
    CHECK(agent_u64(view, WI_AGENT_HISTORY_ROWS) == WI_HISTORY_TRACKS);
    for (int i = 0; i < WI_HISTORY_TRACKS; i++) {
        CHECK(tracks[i].slot < WI_HISTORY_TRACKS); /* the first of the busier ones */
    }
    /* Another is busier than all for less than a minute: it waits for the next choice. */
    for (int i = 0; i < 62; i++) {
        send(channels[400], 5);
        step(SECOND);
        int n_found = 0;
        for (int t = 0; t < WI_HISTORY_TRACKS; t++) {
            n_found += tracks[t].slot == 400;
        }
        CHECK(n_found == (i >= 59));
    }
    /* One that is closed makes room; a choice in between is not made for it. */
    weir_channel_close(channels[400]);
    step(SECOND);
    CHECK(agent_u64(view, WI_AGENT_HISTORY_ROWS) == WI_HISTORY_TRACKS - 1);
    for (int i = 0; i < 60; i++) {
        step(SECOND);
    }
    CHECK(agent_u64(view, WI_AGENT_HISTORY_ROWS) == WI_HISTORY_TRACKS);
    wi_process_view_close(view);
}

CASE(past_the_tracks_the_busiest_are_chosen_once_a_minute, follows_the_busiest)

/* ---- who writes ---------------------------------------------------------------------------- */

static void takes_over(const char *dir)
{
    static struct wi_history_row row;
    start();
    struct weir_channel *moves = open_channel("moves");
    for (int i = 0; i < 5; i++) {
        send(moves, 10);
        step(SECOND);
    }
    struct wi_process_view *second = open_other(dir);
    struct wi_process_view *third = open_other(dir);
    wi_process_view_record(second);
    for (int i = 0; i < 3; i++) {
        send(moves, 10);
        step(SECOND);
        look(second, now);
        look(third, now);
        CHECK(strcmp(state_of(view), "written") == 0);
        CHECK(strcmp(state_of(second), "read") == 0);
        CHECK(strcmp(state_of(third), "read") == 0);
    }
    uint64_t rows = agent_u64(second, WI_AGENT_HISTORY_ROWS);
    wi_process_view_close(view);
    send(moves, 10);
    now += SECOND;
    look(third, now); /* may not write */
    look(second, now);
    CHECK(strcmp(state_of(second), "written") == 0);
    CHECK(strcmp(state_of(third), "read") == 0);
    CHECK(agent_u64(second, WI_AGENT_HISTORY_ROWS) == rows);
    const struct wi_history *history = wi_process_view_history(second);
    for (uint64_t s = now / SECOND - 8; s <= now / SECOND; s++) {
        CHECK(wi_history_row(history, WI_HISTORY_SECONDS, s, &row));
        CHECK(row.tracks[0][0] == (s - 5000) * 10);
    }
    char path[256];
    struct stat facts;
    path_of(dir, ".history", path, sizeof(path));
    CHECK(stat(path, &facts) == 0 && (facts.st_mode & 07777) == 0400);
    /* The first one again: as it was the second one's turn, it reads. */
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    wi_process_view_record(view);
    step(SECOND);
    CHECK(strcmp(state_of(view), "read") == 0);
    wi_process_view_close(second);
    step(SECOND);
    CHECK(strcmp(state_of(view), "written") == 0);
    wi_process_view_close(third);
    wi_process_view_close(view);
}

CASE(whoever_has_the_lock_writes_and_the_next_goes_on, takes_over)

/* The file is 0400: without root's rights the successor has to make it writable for a moment. */
static void takes_over_as_nobody(const char *dir)
{
    if (geteuid() == 0 &&
        (chown(dir, 65534, 65534) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) {
        _exit(NO_RIGHTS);
    }
    takes_over(dir);
}

CASE(a_successor_needs_no_special_rights, takes_over_as_nobody)

static void leaves_no_lock_with_a_child(const char *dir)
{
    int gate[2];
    start();
    open_channel("moves");
    step(SECOND);
    CHECK(pipe(gate) == 0);
    pid_t pid = fork();
    if (pid == 0) { /* has the descriptor until it ends */
        char byte;
        close(gate[1]);
        ssize_t n = read(gate[0], &byte, 1);
        _exit(n == 0 ? 0 : 1);
    }
    close(gate[0]);
    struct wi_process_view *second = open_other(dir);
    wi_process_view_record(second);
    look(second, now);
    CHECK(strcmp(state_of(second), "read") == 0);
    wi_process_view_close(view);
    now += SECOND;
    look(second, now);
    CHECK(strcmp(state_of(second), "written") == 0);
    wi_process_view_close(second);
    close(gate[1]);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

CASE(a_child_that_holds_the_file_stops_no_successor, leaves_no_lock_with_a_child)

static bool has_two_histories(void *context)
{
    return child_count(context, ".history", NULL, 0) == 2;
}

static bool has_one_history(void *context)
{
    return child_count(context, ".history", NULL, 0) == 1;
}

static void forks(const char *dir)
{
    int gate[2];
    struct weir_agent_options options = WEIR_AGENT_OPTIONS_INIT;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channel("moves");
    CHECK(weir_agent_start(&options, &error) == WEIR_OK);
    CHECK(child_wait(has_one_history, (void *)(uintptr_t)dir));
    CHECK(pipe(gate) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(gate[1]);
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        CHECK(weir_agent_start(&options, &error) == WEIR_OK);
        CHECK(read(gate[0], &byte, 1) == 0);
        exit(0); /* in good order: takes its own away */
    }
    close(gate[0]);
    CHECK(child_wait(has_two_histories, (void *)(uintptr_t)dir));
    close(gate[1]);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(child_count(dir, ".history", NULL, 0) == 1);
    weir_agent_stop();
    CHECK(child_count(dir, ".history", NULL, 0) == 1); /* the process goes on */
    CHECK(weir_agent_start(&options, &error) == WEIR_OK);
    weir_agent_stop();
    weir_stop();
}

static void a_forked_child_has_its_own_and_a_clean_exit_leaves_none(void **state)
{
#if defined(__SANITIZE_THREAD__)
    skip(); /* TSan keeps no account of threads in a child of a process that has several */
#endif
    char dir[64];
    (void)state;
    child_dir_make(dir, sizeof(dir));
    int status = child_run_in(dir, forks);
    int n_left = child_count(dir, "", NULL, 0);
    child_dir_remove(dir);
    assert_int_equal(status, 0);
    assert_int_equal(n_left, 2); /* . and .. */
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static void stays_quiet_when_full(const char *dir)
{
    /* Room for the segment and its first growth, the head and some seconds. */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", dir, "tmpfs", 0, "size=400k,mode=0700") != 0) {
        _exit(NO_RIGHTS);
    }
    start();
    struct weir_channel *moves = open_channel("moves");
    for (int i = 0; i < 100; i++) {
        send(moves, 2);
        step(SECOND);
    }
    CHECK(strstr(state_of(view), strerror(ENOSPC)));
    uint64_t lost = agent_u64(view, WI_AGENT_HISTORY_LOST);
    CHECK(lost > 50 && lost < 95);
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_DEPTH)->u.u64 == 200);
    /* What could be written stands. */
    struct wi_process_view *other = open_other(dir);
    look(other, now);
    static struct wi_history_row row;
    CHECK(wi_history_row(wi_process_view_history(other), WI_HISTORY_SECONDS, 5002, &row));
    CHECK(row.tracks[0][0] == 4);
    wi_process_view_close(other);
    /* With room again it goes on by itself. */
    CHECK(mount("none", dir, NULL, MS_REMOUNT, "size=4m,mode=0700") == 0);
    step(SECOND);
    CHECK(strcmp(state_of(view), "written") == 0);
    CHECK(agent_u64(view, WI_AGENT_HISTORY_LOST) == lost);
    wi_process_view_close(view);
}

CASE(a_full_file_system_is_told_and_counted, stays_quiet_when_full)

static void survives_a_file_limit(const char *dir)
{
    struct rlimit limit;
    (void)dir;
    start();
    open_channel("moves");
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const struct rlimit low = {1 << 20, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0); /* past it the kernel kills with SIGXFSZ */
    step(SECOND);
    CHECK(strstr(state_of(view), "RLIMIT_FSIZE"));
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    step(SECOND);
    CHECK(strcmp(state_of(view), "written") == 0);
    CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
    for (int i = 0; i < 700; i++) {
        step(SECOND);
    }
    CHECK(strstr(state_of(view), strerror(EFBIG)));
    CHECK(agent_u64(view, WI_AGENT_HISTORY_LOST) > 300);
    wi_process_view_close(view);
}

CASE(a_limit_of_file_sizes_does_not_kill, survives_a_file_limit)

static void leaves_others_files_alone(const char *dir)
{
    char path[256];
    struct stat facts;
    start();
    open_channel("moves");
    step(SECOND);
    CHECK(strcmp(state_of(view), "written") == 0);
    snprintf(path, sizeof(path), "%s/precious", dir);
    closefrom(3);
    /* The host's own files stand under all the numbers that weir had. */
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    for (int i = 0; i < 20; i++) {
        CHECK(dup(fd) >= 0);
    }
    for (int i = 0; i < 5; i++) {
        step(SECOND);
    }
    CHECK(fstat(fd, &facts) == 0 && facts.st_size == 0);
    CHECK(fcntl(fd, F_GETFD) >= 0);
    /* The description went with its last descriptor, and so did the lock: it has been opened again. */
    CHECK(strcmp(state_of(view), "written") == 0);
    wi_process_view_close(view);
    CHECK(fstat(fd, &facts) == 0 && facts.st_size == 0);
    unlink(path);
}

CASE(a_host_that_closes_all_descriptors_loses_none_of_its_own, leaves_others_files_alone)

/* A history beside a segment of a process that has ended, changed by hand. */
static void reads_what_is_bent(const char *dir)
{
    char path[256];
    static const struct {
        off_t at;
        const char *text;
    } bends[] = {{0, "not a weir history"},
                 {8, "version"},
                 {16, "sizes do not fit"},
                 {32, "belongs to another process"}};
    start();
    struct weir_channel *moves = open_channel("moves");
    send(moves, 5);
    step(SECOND);
    wi_process_view_close(view);
    path_of(dir, ".history", path, sizeof(path));
    for (size_t i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
        uint8_t byte;
        CHECK(chmod(path, 0600) == 0);
        int fd = open(path, O_RDWR);
        CHECK(pread(fd, &byte, 1, bends[i].at) == 1);
        byte ^= 0x11;
        CHECK(pwrite(fd, &byte, 1, bends[i].at) == 1);
        view = open_other(dir);
        look(view, now);
        CHECK(strstr(state_of(view), bends[i].text));
        CHECK(!wi_process_view_history(view));
        CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_DEPTH)->u.u64 == 5);
        wi_process_view_close(view);
        byte ^= 0x11;
        CHECK(pwrite(fd, &byte, 1, bends[i].at) == 1);
        close(fd);
    }
    CHECK(truncate(path, 100000) == 0);
    view = open_other(dir);
    look(view, now);
    CHECK(strstr(state_of(view), "cut off"));
    /* Who may write makes a new one of it. */
    wi_process_view_record(view);
    step(SECOND);
    CHECK(strcmp(state_of(view), "written") == 0);
    struct stat facts;
    CHECK(stat(path, &facts) == 0 && facts.st_size == WI_HISTORY_BYTES);
    /* A name that leads elsewhere is not followed. */
    wi_process_view_close(view);
    CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
    view = open_other(dir);
    wi_process_view_record(view);
    look(view, now);
    CHECK(!wi_process_view_history(view) && state_of(view)[0] == '/');
    CHECK(value_of(view, WI_CHANNEL, WI_CHANNEL_DEPTH)->u.u64 == 5);
    wi_process_view_close(view);
}

CASE(what_is_bent_is_one_line_and_the_rest_works, reads_what_is_bent)

/* ---- what a late look takes from it -------------------------------------------------------- */

static void knows_at_once(const char *dir)
{
    start();
    struct weir_channel *moves = open_channel("moves");
    struct weir_channel *empty = open_channel("empty");
    struct weir_value_options options = WEIR_VALUE_INIT("backpressure_rejects");
    struct weir_counter *rejects = weir_counter_open(&options);
    for (int i = 1; i <= 30; i++) {
        send(moves, 100);
        receive(moves, 40);
        send(empty, 7);
        receive(empty, 7);
        weir_counter_add(rejects, 3);
        step(SECOND);
    }
    struct wi_finding *finding;
    CHECK(wi_finding_create(&finding) == WEIR_OK);
    struct wi_process_view *late = open_other(dir);
    send(moves, 50);
    receive(moves, 20);
    weir_counter_add(rejects, 1);
    now += SECOND;
    look_and_judge(late, finding, now);
    const struct wi_row *row = wi_process_view_row(late, WI_CHANNEL, 0);
    /* By the test's own book: message 1,220 + 1 is in front. 100 were sent just before each second,
     * so that 1,220 had been sent at second 12 and a fifth, in the middle between 1,200 and 1,300. */
    double expected = 31 - 12.2;
    CHECK(row->value[WI_CHANNEL_OLDEST_AGE].type == WI_F64);
    CHECK(fabs(row->value[WI_CHANNEL_OLDEST_AGE].u.f64 - expected) < 0.01);
    CHECK(fabs(row->value[WI_CHANNEL_IN_RATE].u.f64 - 50) < 1e-6);
    CHECK(fabs(row->value[WI_CHANNEL_OUT_RATE].u.f64 - 20) < 1e-6);
    row = wi_process_view_row(late, WI_CHANNEL, 1);
    CHECK(row->value[WI_CHANNEL_OLDEST_AGE].u.f64 == 0);
    CHECK(row->value[WI_CHANNEL_IN_RATE].type == WI_F64);
    CHECK(fabs(value_of(late, WI_COUNTER, WI_COUNTER_RATE)->u.f64 - 1) < 1e-6);
    const struct wi_row *process = wi_process_view_row(late, WI_PROCESS, 0);
    CHECK(process->value[WI_PROCESS_GROWTH].type == WI_F64);
    CHECK(fabs(process->value[WI_PROCESS_WINDOW].u.f64 - 30) < 0.01);
    CHECK(process->value[WI_PROCESS_CPU_RATIO].type == WI_F64);
    CHECK(fabs(process->value[WI_PROCESS_REJECT_RATE].u.f64 - 1) < 1e-6);
    /* And it goes on as one that has been there from the start. */
    look(view, now);
    for (int i = 0; i < 5; i++) {
        send(moves, 100);
        receive(moves, 400);
        step(SECOND);
        look(late, now);
        double own = value_of(view, WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->u.f64;
        double others = value_of(late, WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->u.f64;
        CHECK(fabs(own - others) < 1);
        CHECK(value_of(late, WI_CHANNEL, WI_CHANNEL_IN_RATE)->u.f64 == 100);
    }
    wi_process_view_close(late);
    wi_process_view_close(view);
    wi_finding_destroy(finding);
}

CASE(who_comes_late_knows_rates_growth_and_ages_at_once, knows_at_once)

/* The oldest message came before the seconds that are kept: the minutes tell. */
static void looks_back_by_minutes(const char *dir)
{
    start();
    struct weir_channel *moves = open_channel("moves");
    for (int i = 1; i <= 3000; i++) {
        send(moves, 2);
        receive(moves, 1);
        step(SECOND);
    }
    struct wi_process_view *late = open_other(dir);
    look(late, now);
    const struct wi_row *row = wi_process_view_row(late, WI_CHANNEL, 0);
    CHECK(row->value[WI_CHANNEL_OLDEST_AGE].type == WI_F64);
    /* Message 3,001 was sent at second 1,500; a minute's line is straight. */
    CHECK(fabs(row->value[WI_CHANNEL_OLDEST_AGE].u.f64 - 1500) < 2);
    wi_process_view_close(late);
    wi_process_view_close(view);
}

CASE(an_age_of_more_than_ten_minutes_is_known_too, looks_back_by_minutes)

/* Of the channels past the tracks nothing is known before: no rate and no age is made up. */
static void makes_nothing_up(const char *dir)
{
    char name[16];
    struct weir_channel *last = NULL;
    start();
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        last = open_channel(name);
        send(last, 10);
    }
    for (int i = 0; i < 5; i++) {
        step(SECOND);
    }
    struct wi_process_view *late = open_other(dir);
    now += SECOND;
    look(late, now);
    const struct wi_row *row = wi_process_view_row(late, WI_CHANNEL, 199);
    CHECK(row->value[WI_CHANNEL_IN_RATE].type == WI_ABSENT);
    CHECK(row->value[WI_CHANNEL_OLDEST_AGE].type == WI_ABSENT);
    row = wi_process_view_row(late, WI_CHANNEL, 0);
    CHECK(row->value[WI_CHANNEL_IN_RATE].type == WI_F64);
    wi_process_view_close(late);
    wi_process_view_close(view);
}

CASE(what_had_no_track_has_no_past, makes_nothing_up)

/* A process that records and is killed; what its history says last, by its own reading. */
static void dies(const char *dir)
{
    (void)dir;
    start();
    struct weir_channel *moves = open_channel("moves");
    now = wi_nanos(CLOCK_MONOTONIC) - 100 * SECOND; /* it has been dead for a while */
    for (int i = 1; i <= 20; i++) {
        send(moves, 10);
        receive(moves, 5);
        step(SECOND);
    }
    kill(getpid(), SIGKILL);
}

static void looks_at_the_dead(const char *dir)
{
    now = wi_nanos(CLOCK_MONOTONIC);
    struct wi_finding *finding;
    CHECK(wi_finding_create(&finding) == WEIR_OK);
    view = open_other(dir);
    look_and_judge(view, finding, now);
    CHECK(wi_process_view_state(view) == WI_STATE_DEAD);
    static struct wi_history_row row;
    CHECK(wi_history_last(wi_process_view_history(view), WI_HISTORY_SECONDS, UINT64_MAX, &row));
    for (int i = 0; i < 100; i++) { /* and it stays so, however long one looks */
        const struct wi_row *process = wi_process_view_row(view, WI_PROCESS, 0);
        CHECK(process->value[WI_PROCESS_RSS].u.u64 == row.facts[WI_HISTORY_RSS]);
        CHECK(process->value[WI_PROCESS_ANON].u.u64 == row.facts[WI_HISTORY_ANON]);
        CHECK(process->value[WI_PROCESS_ANON].u.u64 > 0);
#if defined(__SANITIZE_THREAD__)
        CHECK(process->value[WI_PROCESS_THREADS].u.u64 == 2); /* TSan has one */
#else
        CHECK(process->value[WI_PROCESS_THREADS].u.u64 == 1);
#endif
        CHECK(process->value[WI_PROCESS_FDS].u.u64 > 3);
        CHECK(process->value[WI_PROCESS_CPU].type == WI_F64);
        CHECK(process->value[WI_PROCESS_GROWTH].type == WI_F64);
        CHECK(fabs(process->value[WI_PROCESS_WINDOW].u.f64 - 19) < 0.01);
        /* 100 of 200 have left: the 100th was sent in the tenth second of twenty. */
        CHECK(fabs(value_of(view, WI_CHANNEL, WI_CHANNEL_OLDEST_AGE)->u.f64 - 10) < 0.01);
        CHECK(strcmp(state_of(view), "left") == 0);
        now += SECOND;
        look_and_judge(view, finding, now);
    }
    wi_process_view_close(view);
    wi_finding_destroy(finding);
}

static void a_dead_process_shows_its_last_facts(void **state)
{
    char dir[64];
    (void)state;
    child_dir_make(dir, sizeof(dir));
    int killed = child_run_in(dir, dies);
    int n = child_count(dir, ".history", NULL, 0);
    int status = child_run_in(dir, looks_at_the_dead);
    child_dir_remove(dir);
    assert_int_equal(killed, 128 + SIGKILL);
    assert_int_equal(n, 1);
    assert_int_equal(status, 0);
}

/* ---- pruning ------------------------------------------------------------------------------- */

static void prunes(const char *dir)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/4-77.history", dir); /* nobody's: pid 4 started otherwise */
    CHECK(close(open(path, O_CREAT | O_WRONLY, 0400)) == 0);
    wi_find_prune(dir);
    CHECK(access(path, F_OK) != 0);
    CHECK(child_count(dir, ".weir", NULL, 0) == 3);
    CHECK(child_count(dir, ".history", NULL, 0) == 3);
}

static void a_history_goes_with_its_segment(void **state)
{
    char dir[64];
    (void)state;
    child_dir_make(dir, sizeof(dir));
    for (int i = 0; i < 6; i++) {
        assert_int_equal(child_run_in(dir, dies), 128 + SIGKILL);
    }
    int status = child_run_in(dir, prunes);
    child_dir_remove(dir);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_a_second_wraps_around),
        cmocka_unit_test(the_latest_of_a_second_and_the_first_of_a_minute_stay),
        cmocka_unit_test(tracks_follow_opening_and_closing),
        cmocka_unit_test(past_the_tracks_the_busiest_are_chosen_once_a_minute),
        cmocka_unit_test(whoever_has_the_lock_writes_and_the_next_goes_on),
        cmocka_unit_test(a_successor_needs_no_special_rights),
        cmocka_unit_test(a_child_that_holds_the_file_stops_no_successor),
        cmocka_unit_test(a_forked_child_has_its_own_and_a_clean_exit_leaves_none),
        cmocka_unit_test(a_full_file_system_is_told_and_counted),
        cmocka_unit_test(a_limit_of_file_sizes_does_not_kill),
        cmocka_unit_test(a_host_that_closes_all_descriptors_loses_none_of_its_own),
        cmocka_unit_test(what_is_bent_is_one_line_and_the_rest_works),
        cmocka_unit_test(who_comes_late_knows_rates_growth_and_ages_at_once),
        cmocka_unit_test(an_age_of_more_than_ten_minutes_is_known_too),
        cmocka_unit_test(what_had_no_track_has_no_past),
        cmocka_unit_test(a_dead_process_shows_its_last_facts),
        cmocka_unit_test(a_history_goes_with_its_segment),
    };
    return cmocka_run_group_tests_name("past", tests, NULL, NULL);
}
