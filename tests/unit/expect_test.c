/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment */
/* An assertion that fails in a program of ours ends it and says where; one that holds is its condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "weir/expect.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void one_that_holds_is_true_and_asked_once(void **state)
{
    (void)state;
    int n = 0;
    assert_true(WI_EXPECT(++n == 1));
    assert_int_equal(n, 1);
    assert_string_equal(wi_expect_line(), "");
}

/* Runs in a child, which must end by SIGABRT; returns what it said. */
static void end_by(void (*body)(void), char *ret_text, size_t room)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(fds[1]);
    size_t length = 0;
    for (ssize_t n;
         length + 1 < room && (n = read(fds[0], ret_text + length, room - 1 - length)) > 0;) {
        length += (size_t)n;
    }
    ret_text[length] = '\0';
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void ask(void)
{
    int one = 1;
    (void)WI_EXPECT(one == 2);
}

static void ask_in_a_handler(int signal)
{
    (void)signal;
    ask();
}

static void ask_under_a_signal(void)
{
    signal(SIGUSR1, ask_in_a_handler);
    raise(SIGUSR1);
}

static void one_that_fails_ends_the_program_and_says_where(void **state)
{
    (void)state;
    char text[512];
    end_by(ask, text, sizeof(text));
    assert_non_null(strstr(text, "weir: tests/unit/expect_test.c:"));
    assert_non_null(strstr(text, ": one == 2 does not hold: please report it\n"));
    end_by(ask_under_a_signal, text, sizeof(text));
    assert_non_null(strstr(text, "one == 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_holds_is_true_and_asked_once),
        cmocka_unit_test(one_that_fails_ends_the_program_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
