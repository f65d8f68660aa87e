/* SPDX-License-Identifier: MIT */
/* Targets that name a place: addresses, URLs, sockets that serve several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "target/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct wc_target target;
static struct wc_error error;

static int set_up(void **state)
{
    (void)state;
    unsetenv("WEIR_TARGET");
    memset(&target, 0, sizeof(target));
    return 0;
}

static void addresses_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port, *process, *place;
    } cases[] = {
        {"127.0.0.1:6669", "127.0.0.1", "6669", "", "127.0.0.1:6669"},
        {"game-of.example:1", "game-of.example", "1", "", "game-of.example:1"},
        {"[::1]:6669", "::1", "6669", "", "[::1]:6669"},
        {"http://localhost:65535", "localhost", "65535", "", "localhost:65535"},
        {"http://localhost:6669/", "localhost", "6669", "", "localhost:6669"},
        {"http://[fe80::1]:80/game", "fe80::1", "80", "game", "[fe80::1]:80"},
        {"http://h:1/game:4821", "h", "1", "game:4821", "h:1"},
        {"http://h:1/4821", "h", "1", "4821", "h:1"},
        {"http://h:1/a/b", "h", "1", "a/b", "h:1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char place[300];
        if (wc_target_resolve(cases[i].text, &target, &error) != WC_OK) {
            fail_msg("%s: %s", cases[i].text, error.text);
        }
        assert_string_equal(target.host, cases[i].host);
        assert_string_equal(target.port, cases[i].port);
        assert_string_equal(target.process, cases[i].process);
        assert_string_equal(target.path, "");
        assert_string_equal(target.socket, "");
        wc_target_place(&target, place, sizeof(place));
        assert_string_equal(place, cases[i].place);
    }
}

static void what_is_no_address_is_told(void **state)
{
    (void)state;
    char longest[400];
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "http://", 7);
    memcpy(longest + sizeof(longest) - 3, ":1", 3);
    const char *const wrong[] = {"http://",       "http://localhost", "http://:6669",
                                 "http://h:",     "http://h:0",       "http://h:65536",
                                 "http://h:x",    "http://::1:80",    "http://[]:80",
                                 "http://h:1x/y", "https://h:1",      longest};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (wc_target_resolve(wrong[i], &target, &error) != WC_USAGE) {
            fail_msg("%s is taken for an address", wrong[i]);
        }
    }
    assert_int_equal(wc_target_resolve("https://h:1", &target, &error), WC_USAGE);
    assert_non_null(strstr(error.text, "TLS"));
}

static void a_socket_may_be_followed_by_a_process(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[200];
    snprintf(address.sun_path, sizeof(address.sun_path), "/dev/shm/weir-target-%d.sock",
             (int)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    snprintf(text, sizeof(text), "unix:%s/game", address.sun_path);
    assert_int_equal(wc_target_resolve(text, &target, &error), WC_OK);
    assert_string_equal(target.socket, address.sun_path);
    assert_string_equal(target.process, "game");
    assert_string_equal(target.path, "");
    snprintf(text, sizeof(text), "unix://%s", address.sun_path);
    assert_int_equal(wc_target_resolve(text, &target, &error), WC_OK);
    assert_string_equal(target.socket, address.sun_path);
    assert_string_equal(target.process, "");
    close(fd);
    unlink(address.sun_path);

    assert_int_equal(wc_target_resolve("unix:/nonexistent/x.sock", &target, &error), WC_OK);
    assert_string_equal(target.socket, "/nonexistent/x.sock");
    assert_string_equal(target.process, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, NULL)
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_taken_apart),
        TEST(what_is_no_address_is_told),
        TEST(a_socket_may_be_followed_by_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
