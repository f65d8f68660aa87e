/* SPDX-License-Identifier: MIT */
/* ctest: labels=slow own-program */
/*
 * Somebody sets the clock: a day ahead, two days back. Only what is a date may follow; rates, ages, the
 * time that a process is up, what is sent to clients and how often go by clocks that nobody sets. The C
 * library's clock_gettime gives way to one of this program, which adds a step to CLOCK_REALTIME.
 */
#include "caller.h"
#include "child.h"
#include "segment/find.h"
#include "weir/nanos.h"
#include "snapshot/process_view.h"
#include "weir/agent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define DAY    86400

static int64_t step; /* seconds; atomic */

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    long failed = syscall(SYS_clock_gettime, clock, ret_time);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        ret_time->tv_sec += __atomic_load_n(&step, __ATOMIC_RELAXED);
    }
    return (int)failed;
}

static void set_clock(int64_t days)
{
    __atomic_store_n(&step, days * DAY, __ATOMIC_RELAXED);
}

static struct weir_error error;

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static double number(struct wi_process_view *view, enum wi_kind kind, int metric)
{
    CHECK(wi_process_view_count(view, kind) == 1);
    return wi_value_number(&wi_process_view_row(view, kind, 0)->value[metric], -1);
}

/* ---- what is derived ------------------------------------------------------------------------------ */

/* When `weir list` says that it was opened, in seconds. */
static double listed(const char *dir)
{
    char path[256];
    struct wi_found found;
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(wi_find_one(path, &found) == WEIR_OK);
    return (double)found.opened_unix_nanos / 1e9;
}

static bool is_near(double a, double b)
{
    return a > b - 2 && a < b + 2;
}

static void is_read_over_steps(const char *dir)
{
    static const int64_t days[] = {0, 1, -1, -2, 365, -20000, 0};
    set_clock(0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    double since = listed(dir);
    struct weir_channel *channel = open_channel("moves");
    struct weir_sender *sender = weir_sender_open(channel, "player");
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    uint64_t now = 1000 * SECOND;
    CHECK(wi_process_view_refresh(view, now, &error) == WEIR_OK);
    double up = number(view, WI_PROCESS, WI_PROCESS_UPTIME);
    double born = number(view, WI_PROCESS, WI_PROCESS_START_TIME);
    CHECK(up >= 0 && up < 100);
    struct wi_facts facts = *wi_process_view_facts(view); /* by which consoles know the process */
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        set_clock(days[i]);
        for (int k = 0; k < 100; k++) {
            weir_channel_send_from(channel, sender, 8);
        }
        now += SECOND;
        CHECK(wi_process_view_refresh(view, now, &error) == WEIR_OK);
        CHECK(number(view, WI_CHANNEL, WI_CHANNEL_IN_RATE) == 100);
        CHECK(number(view, WI_CHANNEL, WI_CHANNEL_OLDEST_AGE) <= (double)(i + 1) * 1e9);
        double later = number(view, WI_PROCESS, WI_PROCESS_UPTIME);
        CHECK(later >= up && later < up + 10);
        CHECK(is_near(number(view, WI_PROCESS, WI_PROCESS_START_TIME), born + days[i] * DAY));
        CHECK(is_near(listed(dir), since + days[i] * DAY));
        CHECK(number(view, WI_SENDER, WI_SENDER_AGE) >= 0);
        CHECK(number(view, WI_SENDER, WI_SENDER_AGE) < 10);
        CHECK(is_near((double)wi_process_view_opened_unix_nanos(view, 0) / 1e9,
                      since + days[i] * DAY));
        CHECK(wi_process_view_facts(view)->started_unix_nanos == facts.started_unix_nanos);
    }
    wi_process_view_close(view);
}

static void rates_and_ages_do_not_follow_the_clock(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_read_over_steps), 0);
}

/* The boot's clock was wrong, and is set right after the start: what opens then is not older than its server. */
static void opens_after_a_step(const char *dir)
{
    (void)dir;
    set_clock(-10000);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    set_clock(0);
    struct weir_channel *channel = open_channel("moves");
    CHECK(weir_sender_open(channel, "player"));
    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1000 * SECOND, &error) == WEIR_OK);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(is_near((double)wi_process_view_opened_unix_nanos(view, 0) / 1e9, (double)now.tv_sec));
    CHECK(number(view, WI_SENDER, WI_SENDER_AGE) < 10);
    CHECK(is_near(number(view, WI_PROCESS, WI_PROCESS_START_TIME) +
                      number(view, WI_PROCESS, WI_PROCESS_UPTIME),
                  (double)now.tv_sec));
    wi_process_view_close(view);
}

static void what_opens_after_a_step_is_dated_by_the_new_clock(void **state)
{
    (void)state;
    assert_int_equal(child_run(opens_after_a_step), 0);
}

/* Nobody knows when a dead process's clock was set: what it wrote stays. */
static void dies(const char *dir)
{
    (void)dir;
    set_clock(0);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    _exit(0);
}

static void a_dead_process_keeps_its_dates(void **state)
{
    char dir[] = "/dev/shm/weir-steps-XXXXXX";
    struct timespec now;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(child_run_in(dir, dies), 0);
    clock_gettime(CLOCK_REALTIME, &now);
    set_clock(400);
    double since = listed(dir);
    set_clock(0);
    child_dir_remove(dir);
    assert_true(is_near(since, (double)now.tv_sec));
}

/* ---- what is sent --------------------------------------------------------------------------------- */

static double cpu_seconds(void)
{
    struct rusage used;
    CHECK(getrusage(RUSAGE_SELF, &used) == 0);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void scrape(void)
{
    static const char request[] = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
    char answer[16] = "";
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)weir_agent_http_port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(write(fd, request, sizeof(request) - 1) > 0);
    CHECK(caller_has_input(fd, 5000) && read(fd, answer, sizeof(answer) - 1) > 12);
    CHECK(strncmp(answer + 8, " 200", 4) == 0);
    close(fd);
}

static void is_served_over_steps(const char *dir)
{
    static const int64_t days[] = {1, -1, -2, 365};
    char path[256];
    char bytes[65536];
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    CHECK(weir_start(NULL, &error) == WEIR_OK && weir_agent_start(NULL, &error) == WEIR_OK);
    open_channel("moves");
    CHECK(child_count(dir, ".sock", path, sizeof(path)) == 1);
    int fd = caller_dial(path);
    CHECK(write(fd, caller_preface, caller_preface_bytes) > 0 && caller_watch(fd, 1));
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        set_clock(days[i]);
        scrape();
        uint64_t begin = wi_nanos(CLOCK_MONOTONIC);
        double before = cpu_seconds();
        int n = 0;
        for (; wi_nanos(CLOCK_MONOTONIC) - begin < SECOND; n++) {
            CHECK(caller_has_input(fd, 5000) && read(fd, bytes, sizeof(bytes)) > 0);
        }
        CHECK(n >= 5 && n <= 50); /* ten a second are asked for, some of them in two pieces */
        CHECK(cpu_seconds() - before < 0.5);
    }
    close(fd);
    weir_agent_stop();
}

static void clients_get_their_updates_in_time(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_served_over_steps), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_and_ages_do_not_follow_the_clock),
        cmocka_unit_test(what_opens_after_a_step_is_dated_by_the_new_clock),
        cmocka_unit_test(a_dead_process_keeps_its_dates),
        cmocka_unit_test(clients_get_their_updates_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
