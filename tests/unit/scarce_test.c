/* SPDX-License-Identifier: MIT */
/* ctest: labels=slow */
/*
 * Memory is short: every allocation, of weir's and of the libraries that it uses, fails once, alone and
 * with all that come after it. Each of what is started, opened, read and listed then works, works in part
 * or is refused with one line; the next try works; and nothing is lost meanwhile. (Encoders, findings and
 * HTTP are in allocation_test, what a session says in session_abuse_test.)
 */
#include "caller.h"
#include "child.h"
#include "segment/find.h"
#include "snapshot/process_view.h"
#include "watch.h"
#include "weir/agent.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 5000 /* allocations of one scenario */

static struct weir_error error;
static char segment_path[256];
static char socket_path[256];
static int64_t n_cases;

static void start(void)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    snprintf(segment_path, sizeof(segment_path), "%s", health.path);
    snprintf(socket_path, sizeof(socket_path), "%.*s.sock", (int)strlen(health.path) - 5,
             health.path);
    struct weir_task_options kind = WEIR_TASK_INIT("kind");
    struct weir_task_kind *tasks = weir_task_kind_open(&kind);
    struct weir_loop_options loop = WEIR_LOOP_INIT("loop");
    weir_loop_open(&loop);
    for (int i = 0; i < 100; i++) {
        char name[32];
        struct weir_task task;
        snprintf(name, sizeof(name), "channel-%d", i);
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 10);
        struct weir_channel *channel = weir_channel_open(&options);
        weir_channel_send_from(channel, weir_sender_open(channel, name), 8);
        weir_channel_receive(channel, weir_channel_send(channel, 8), 8);
        weir_task_open(&task, tasks, name);
    }
}

/* Calls a scenario with every allocation failing in turn, until it comes to its end without. */
static void each_fails(void (*scenario)(bool is_scarce))
{
    for (int is_once = 0; is_once < 2; is_once++) {
        bool has_failed = true;
        scenario(false); /* what is made once and kept */
        for (int64_t n = 1; has_failed; n++) {
            CHECK(n < MOST);
            int64_t blocks = watch_blocks();
            watch_fail(n, is_once);
            scenario(true);
            has_failed = watch_fail_end();
            CHECK(watch_blocks() == blocks);
            n_cases++;
        }
        scenario(false);
    }
}

/* ---- reading -------------------------------------------------------------------------------------- */

static void read_view(enum weir_status status, struct wi_process_view *view, bool is_scarce)
{
    CHECK(status == WEIR_OK || (is_scarce && status == WEIR_E_MEMORY && error.text[0]));
    for (uint64_t now = 1; status == WEIR_OK && now < 4; now++) {
        enum weir_status read = wi_process_view_refresh(view, now * 1000000000, &error);
        CHECK(read == WEIR_OK || (is_scarce && read == WEIR_E_MEMORY && error.text[0]));
        for (int kind = 0; read == WEIR_OK && kind < WI_N_KINDS; kind++) {
            for (size_t i = 0; i < wi_process_view_count(view, (enum wi_kind)kind); i++) {
                CHECK(wi_process_view_row(view, (enum wi_kind)kind, i) != NULL);
            }
        }
        CHECK(read != WEIR_OK || wi_process_view_count(view, WI_CHANNEL) == 100);
    }
    if (status == WEIR_OK) {
        wi_process_view_close(view);
    }
}

static void reads_itself(bool is_scarce)
{
    struct wi_process_view *view = NULL;
    error.text[0] = '\0';
    enum weir_status status = wi_process_view_open_self(&view, &error);
    read_view(status, view, is_scarce);
}

static void reads_a_file(bool is_scarce)
{
    struct wi_process_view *view = NULL;
    error.text[0] = '\0';
    enum weir_status status = wi_process_view_open_file(segment_path, &view, &error);
    read_view(status, view, is_scarce);
}

static void lists(bool is_scarce)
{
    struct wi_found *found = NULL;
    size_t n = 0;
    enum weir_status status = wi_find_all(&found, &n);
    CHECK(status == WEIR_OK || (is_scarce && status == WEIR_E_MEMORY));
    CHECK(is_scarce || n >= 1);
    if (status == WEIR_OK) {
        free(found);
    }
}

static void is_read(const char *dir)
{
    (void)dir;
    start();
    each_fails(reads_itself);
    each_fails(reads_a_file);
    each_fails(lists);
    printf("%lld allocations failed\n", (long long)n_cases);
}

static void a_reader_without_memory_says_so(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_read), 0);
}

/* ---- starting ------------------------------------------------------------------------------------- */

static void starts_and_stops_the_agent(bool is_scarce)
{
    error.text[0] = '\0';
    enum weir_status status = weir_agent_start(NULL, &error);
    CHECK(status == WEIR_OK || is_scarce);
    CHECK(status == WEIR_OK || status == WEIR_DEGRADED || status == WEIR_E_MEMORY ||
          status == WEIR_E_SYSTEM);
    CHECK(status == WEIR_OK || error.text[0]);
    weir_agent_stop();
    CHECK(access(socket_path, F_OK) != 0);
}

static void is_started(const char *dir)
{
    (void)dir;
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    start();
    each_fails(starts_and_stops_the_agent);
    printf("%lld allocations failed\n", (long long)n_cases);
}

static void an_agent_without_memory_does_what_it_can(void **state)
{
    (void)state;
    assert_int_equal(child_run(is_started), 0);
}

static int64_t nth;

static void starts_without(const char *dir)
{
    (void)dir;
    watch_fail(nth, false);
    enum weir_status status = weir_start(NULL, &error);
    bool has_failed = watch_fail_end();
    CHECK(status == WEIR_OK || has_failed);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("moves", 10);
    struct weir_channel *channel = weir_channel_open(&options);
    weir_channel_send(channel, 1);
    CHECK(channel != NULL);
    exit(has_failed ? 3 : 0);
}

static void the_segment_starts_without_any(void **state)
{
    (void)state;
    int status = 3;
    for (nth = 1; status == 3; nth++) {
        status = child_run(starts_without);
    }
    assert_int_equal(status, 0);
}

/* ---- serving -------------------------------------------------------------------------------------- */

/* A call and a scrape; whether both were answered, and not just ended. */
static bool is_served(void)
{
    static const char request[] =
        "GET /metrics HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
    char bytes[4096];
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)weir_agent_http_port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool has_all = true;
    int fd = caller_dial(socket_path);
    CHECK(fd >= 0);
    has_all &=
        send(fd, caller_preface, caller_preface_bytes, MSG_NOSIGNAL) > 0 && caller_watch(fd, 1);
    enum caller_answer answer = caller_answer(fd, 1, 20000);
    CHECK(answer != CALLER_NOTHING);
    has_all &= answer == CALLER_MESSAGE;
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    has_all &= send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0;
    CHECK(caller_has_input(fd, 20000));
    has_all &= read(fd, bytes, 12) == 12 && memcmp(bytes + 9, "200", 3) == 0;
    close(fd);
    return has_all;
}

static void serves(const char *dir)
{
    (void)dir;
    setenv("WEIR_HTTP", "127.0.0.1:0", 1);
    start();
    CHECK(weir_agent_start(NULL, &error) == WEIR_OK);
    int n_refused = 0;
    CHECK(is_served());
    for (int is_once = 0; is_once < 2; is_once++) {
        for (int64_t n = 1; n <= 120; n++) {
            watch_fail(n, is_once);
            bool has_served = is_served();
            bool has_failed = watch_fail_end();
            CHECK(has_served || has_failed);
            n_refused += !has_served;
        }
    }
    CHECK(is_served());
    printf("%d of 240 rounds were refused\n", n_refused);
    CHECK(n_refused > 10);
    weir_agent_stop();
}

static void a_client_is_refused_and_the_next_is_served(void **state)
{
    (void)state;
    assert_int_equal(child_run(serves), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_without_memory_says_so),
        cmocka_unit_test(an_agent_without_memory_does_what_it_can),
        cmocka_unit_test(the_segment_starts_without_any),
        cmocka_unit_test(a_client_is_refused_and_the_next_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
