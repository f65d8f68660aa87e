/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment labels=slow own-program */
/* The exporter's thread over a process view that the test sets: how often it reads it, what it logs, what
 * it does without its sockets, how it says farewell to who does not listen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "caller.h"
#include "fake_view.h"
#include "weir/nanos.h"
#include "weir/exporter.h"
#include "wire/reactor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

struct state {
    struct wi_process_view *view;
    struct wi_exporter *exporter;
    int peer;         /* the other end of taken_fd; -1: none */
    size_t refreshes; /* atomic */
    size_t lines;     /* atomic */
    char line[512];   /* the last one; read after the exporter has stopped */
};

static void on_refresh(struct wi_process_view *view, uint64_t now, void *context)
{
    (void)view;
    (void)now;
    struct state *s = context;
    __atomic_add_fetch(&s->refreshes, 1, __ATOMIC_RELAXED);
}

static void on_log(void *context, const char *line)
{
    struct state *s = context;
    snprintf(s->line, sizeof(s->line), "%s", line);
    __atomic_add_fetch(&s->lines, 1, __ATOMIC_RELAXED);
}

/* In place of the C library's: how often the exporter let others go first. */
static size_t ways; /* atomic */

int sched_yield(void);
int sched_yield(void)
{
    __atomic_add_fetch(&ways, 1, __ATOMIC_RELAXED);
    return 0;
}

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof(*s));
    s->view = fake_view_create("game");
    s->peer = -1;
    fake_view_on_refresh(s->view, on_refresh, s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    wi_exporter_stop(s->exporter);
    if (s->peer >= 0) {
        close(s->peer);
    }
    free(s);
    return 0;
}

static enum weir_status start(struct state *s, bool has_peer, const char *path,
                              struct weir_error *ret_error)
{
    int ends[2] = {-1, -1};
    if (has_peer) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        s->peer = ends[0];
    }
    struct wi_exporter_options options = {
        .socket_path = path, .taken_fd = ends[1], .log = on_log, .log_context = s};
    return wi_exporter_start(s->view, &options, &s->exporter, ret_error);
}

static void put(int fd, const void *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

static void it_reads_the_view_once_a_second_without_peers(void **state)
{
    struct state *s = *state;
    struct weir_error error = {""};
    assert_int_equal(start(s, true, NULL, &error), WEIR_OK);
    uint64_t begin = wi_nanos(CLOCK_MONOTONIC);
    while (__atomic_load_n(&s->refreshes, __ATOMIC_RELAXED) < 3) {
        assert_true(wi_nanos(CLOCK_MONOTONIC) - begin < 20 * SECOND);
        caller_has_input(-1, 10);
    }
    assert_true(wi_nanos(CLOCK_MONOTONIC) - begin >= 19 * SECOND / 10);
}

static void many_streams_share_a_reading(void **state)
{
    struct state *s = *state;
    struct weir_error error = {""};
    assert_int_equal(start(s, true, NULL, &error), WEIR_OK);
    put(s->peer, caller_preface, caller_preface_bytes);
    for (int i = 0; i < 30; i++) {
        assert_true(caller_watch(s->peer, 2 * i + 1));
    }
    char bytes[4096];
    uint64_t begin = wi_nanos(CLOCK_MONOTONIC);
    while (wi_nanos(CLOCK_MONOTONIC) - begin < SECOND) {
        if (caller_has_input(s->peer, 100)) {
            assert_true(recv(s->peer, bytes, sizeof(bytes), 0) > 0);
        }
    }
    size_t n = __atomic_load_n(&s->refreshes, __ATOMIC_RELAXED);
    uint64_t tenths = (wi_nanos(CLOCK_MONOTONIC) - begin) / (SECOND / 10);
    assert_true(n >= 2);
    assert_true(n <= tenths + 3);
}

/* More than a turn's work: so many rows for so many streams. */
static void ask_for_much(struct state *s)
{
    struct weir_error error = {""};
    char name[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "a channel with quite a long name %d", i);
        fake_view_add_channel(s->view, name, 10, 4, WEIR_UNBOUNDED);
    }
    assert_int_equal(start(s, true, NULL, &error), WEIR_OK);
    put(s->peer, caller_preface, caller_preface_bytes);
    for (int i = 0; i < 20; i++) {
        assert_true(caller_watch(s->peer, 2 * i + 1));
    }
    assert_true(caller_has_input(s->peer, 10000));
}

static void between_pieces_of_work_others_go_first(void **state)
{
    struct state *s = *state;
    char bytes[4096];
    uint64_t begin = wi_nanos(CLOCK_MONOTONIC);
    size_t before = __atomic_load_n(&ways, __ATOMIC_RELAXED);
    ask_for_much(s);
    while (__atomic_load_n(&ways, __ATOMIC_RELAXED) == before) {
        assert_true(wi_nanos(CLOCK_MONOTONIC) - begin < 20 * SECOND);
        if (caller_has_input(s->peer, 10)) {
            assert_true(recv(s->peer, bytes, sizeof(bytes), 0) > 0);
        }
    }
}

static void a_view_that_cannot_be_read_is_logged_once(void **state)
{
    struct state *s = *state;
    struct weir_error error = {""};
    fake_view_fail_refresh(s->view, WEIR_E_CORRUPT, "slot 3 is torn");
    assert_int_equal(start(s, true, NULL, &error), WEIR_OK);
    put(s->peer, caller_preface, caller_preface_bytes);
    assert_true(caller_watch(s->peer, 1));
    char bytes[4096];
    uint64_t begin = wi_nanos(CLOCK_MONOTONIC);
    size_t n = 0;
    while (wi_nanos(CLOCK_MONOTONIC) - begin <
           SECOND / 2) { /* still served, from what was read before */
        if (caller_has_input(s->peer, 100)) {
            n += (size_t)recv(s->peer, bytes, sizeof(bytes), 0);
        }
    }
    assert_true(n > 100);
    wi_exporter_stop(s->exporter);
    s->exporter = NULL;
    assert_int_equal(s->lines, 1);
    assert_non_null(strstr(s->line, "slot 3 is torn"));
}

static void a_path_that_is_too_long_is_said(void **state)
{
    struct state *s = *state;
    struct weir_error error = {""};
    char path[200] = "/dev/shm/";
    memset(path + 9, 'x', 150);
    assert_int_equal(start(s, true, path, &error), WEIR_DEGRADED);
    assert_non_null(strstr(error.text, "WEIR_DIR"));
    put(s->peer, caller_preface, caller_preface_bytes);
    assert_true(caller_has_input(s->peer, 10000));
}

static void a_directory_that_is_not_there_is_said(void **state)
{
    struct state *s = *state;
    struct weir_error error = {""};
    assert_int_equal(start(s, false, "/dev/shm/weir-none/a.sock", &error), WEIR_DEGRADED);
    assert_non_null(strstr(error.text, "/dev/shm/weir-none/a.sock"));
}

static void a_peer_that_never_reads_delays_the_end_by_half_a_second(void **state)
{
    struct state *s = *state;
    ask_for_much(s);
    uint64_t begin = wi_nanos(CLOCK_MONOTONIC);
    while (__atomic_load_n(&s->refreshes, __ATOMIC_RELAXED) < 3) {
        assert_true(wi_nanos(CLOCK_MONOTONIC) - begin < 20 * SECOND);
        caller_has_input(-1, 10);
    }
    begin = wi_nanos(CLOCK_MONOTONIC);
    wi_exporter_stop(s->exporter);
    s->exporter = NULL;
    assert_true(wi_nanos(CLOCK_MONOTONIC) - begin < 2 * SECOND);
}

static void a_peer_that_reads_gets_a_goaway(void **state)
{
    struct state *s = *state;
    struct weir_error error = {""};
    assert_int_equal(start(s, true, NULL, &error), WEIR_OK);
    put(s->peer, caller_preface, caller_preface_bytes);
    assert_true(caller_watch(s->peer, 1));
    assert_true(caller_has_input(s->peer, 10000));
    wi_exporter_stop(s->exporter);
    s->exporter = NULL;
    static char bytes[1 << 20];
    size_t n = 0;
    ssize_t got;
    while ((got = recv(s->peer, bytes + n, sizeof(bytes) - n, 0)) > 0) {
        n += (size_t)got;
    }
    assert_int_equal(got, 0);
    bool has_goaway = false;
    for (size_t at = 0; at + 9 <= n;) {
        has_goaway = has_goaway || bytes[at + 3] == 7;
        at += 9 + ((size_t)(uint8_t)bytes[at + 1] << 8) + (uint8_t)bytes[at + 2];
    }
    assert_true(has_goaway);
}

static size_t n_fds(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void any_descriptor_may_be_missing(void **state)
{
    struct state *s = *state;
    struct rlimit before;
    bool has_all = false;
    wi_process_view_close(s->view);
    s->view = NULL;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (rlim_t spare = 0; !has_all; spare++) {
        char path[64];
        struct weir_error error = {""};
        size_t n = n_fds();
        struct rlimit scarce = {n + spare, before.rlim_max};
        struct wi_exporter *exporter = NULL;
        snprintf(path, sizeof(path), "/dev/shm/weir-test-%d.sock", (int)getpid());
        struct wi_exporter_options options = {
            .socket_path = path, .taken_fd = -1, .grpc = "127.0.0.1:0", .http = "127.0.0.1:0"};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &scarce), 0);
        enum weir_status status =
            wi_exporter_start(fake_view_create("game"), &options, &exporter, &error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_true(status == WEIR_OK || error.text[0] != '\0');
        assert_true(status == WEIR_OK || status == WEIR_DEGRADED || status == WEIR_E_SYSTEM);
        has_all = status == WEIR_OK;
        wi_exporter_stop(exporter);
        assert_int_equal(n_fds(), n);
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* A connection to the exporter's TCP address. */
static int dial(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Whether the other side has closed, in time. */
static bool is_closed(int fd)
{
    char bytes[256];
    while (caller_has_input(fd, 10000)) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n <= 0) {
            return true;
        }
    }
    return false;
}

static void say_hello(int fd)
{
    assert_int_equal(send(fd, caller_preface, caller_preface_bytes, MSG_NOSIGNAL),
                     caller_preface_bytes);
    assert_true(caller_watch(fd, 1));
}

static void places_over_tcp_are_for_those_who_ask(void **state)
{
    struct state *s = *state;
    int idle[96];
    struct weir_error error;
    struct wi_exporter_options options = {
        .taken_fd = -1, .grpc = "127.0.0.1:0", .log = on_log, .log_context = s};
    assert_int_equal(wi_exporter_start(s->view, &options, &s->exporter, &error), WEIR_OK);
    unsigned port = wi_exporter_grpc_port(s->exporter);
    int asking = dial(port);
    say_hello(asking);
    assert_true(caller_has_input(asking, 10000));
    for (size_t i = 0; i < 96; i++) {
        idle[i] = dial(port);
    }
    /* The 97th: the oldest that has asked nothing gives way, and nobody else. */
    assert_true(is_closed(idle[0]));
    int late = dial(port);
    say_hello(late);
    assert_true(is_closed(idle[1]));
    assert_true(caller_has_input(late, 10000));
    char bytes[4096];
    for (int i = 0; i < 3; i++) {
        while (recv(asking, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
        }
        assert_true(caller_has_input(asking, 10000));
    }
    for (size_t i = 0; i < 96; i++) {
        close(idle[i]);
    }
    close(asking);
    close(late);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_reads_the_view_once_a_second_without_peers),
        TEST(many_streams_share_a_reading),
        TEST(between_pieces_of_work_others_go_first),
        TEST(a_view_that_cannot_be_read_is_logged_once),
        TEST(a_path_that_is_too_long_is_said),
        TEST(a_directory_that_is_not_there_is_said),
        TEST(a_peer_that_never_reads_delays_the_end_by_half_a_second),
        TEST(a_peer_that_reads_gets_a_goaway),
        TEST(any_descriptor_may_be_missing),
        TEST(places_over_tcp_are_for_those_who_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
