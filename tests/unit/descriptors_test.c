/* SPDX-License-Identifier: MIT */
/*
 * What weir opens never has number 0, 1 or 2, whichever of them the host has closed, and while it is
 * being opened nothing that the host prints there arrives in it.
 */
#include "child.h"
#include "segment/descriptor.h"
#include "segment/file.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define N_OPENINGS 3000

/* Closes those of 0, 1 and 2 whose bits are set. */
static void close_low(unsigned numbers)
{
    for (int fd = 0; fd < 3; fd++) {
        if (numbers & 1U << fd) {
            close(fd);
        }
    }
}

/* Without CHECK: its line would have nowhere to go. */
static void must(bool holds, int status)
{
    if (!holds) {
        _exit(status);
    }
}

static void must_be_closed(unsigned numbers, int status)
{
    for (int fd = 0; fd < 3; fd++) {
        bool is_open = fcntl(fd, F_GETFD) >= 0;
        must(is_open == !(numbers & 1U << fd), status);
    }
}

static void must_be_high(int fd, int status)
{
    must(fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC, status);
}

/* Runs a body in a child for each set of closed numbers. */
static void with_each_set(void (*body)(unsigned numbers))
{
    for (unsigned numbers = 0; numbers < 8; numbers++) {
        pid_t pid = fork();
        if (pid == 0) {
            close_low(numbers);
            body(numbers);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

static void opens_everything(unsigned numbers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int pipe[2];
    must_be_high(wi_descriptor_open("/proc/self/stat", O_RDONLY, 0), 10);
    must_be_high(wi_descriptor_epoll(), 11);
    must_be_high(wi_descriptor_inotify(), 12);
    must(wi_descriptor_pipe(pipe), 13);
    must_be_high(pipe[0], 14);
    must_be_high(pipe[1], 15);
    DIR *entries = wi_descriptor_opendir("/proc/self");
    must(entries != NULL, 16);
    must_be_high(dirfd(entries), 17);
    int listener = wi_descriptor_socket(AF_INET, SOCK_STREAM, 0);
    must_be_high(listener, 18);
    must(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0, 19);
    must(listen(listener, 1) == 0, 20);
    must(getsockname(listener, (struct sockaddr *)&address, &length) == 0, 21);
    int client = wi_descriptor_socket(AF_INET, SOCK_STREAM, 0);
    must(connect(client, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS, 22);
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    must(poll(&waiting, 1, 10000) == 1, 23);
    must_be_high(wi_descriptor_accept(listener, NULL, NULL), 24);
    must_be_closed(numbers, 25);
}

static void whatever_is_opened_has_a_number_above_two(void **state)
{
    (void)state;
    with_each_set(opens_everything);
}

static void moves_up(unsigned numbers)
{
    int fd = open("/dev/null", O_RDWR); /* low, where one is free: as in a race with the host */
    int raised = wi_descriptor_raise(fd);
    must(raised > 2 && write(raised, "", 1) == 1, 10);
    must(wi_descriptor_raise(raised) == raised, 11);
    must(wi_descriptor_raise(-1) == -1, 12);
    must_be_closed(numbers, 13);
}

static void a_low_number_is_moved_up_and_given_back(void **state)
{
    (void)state;
    with_each_set(moves_up);
}

static void fails_to_open(unsigned numbers)
{
    errno = 0;
    must(wi_descriptor_open("/proc/self/none", O_RDONLY, 0) == -1 && errno == ENOENT, 10);
    must(wi_descriptor_opendir("/proc/self/stat") == NULL && errno == ENOTDIR, 11);
    must(wi_descriptor_accept(1000, NULL, NULL) == -1 && errno == EBADF, 12);
    const struct rlimit few = {3, 3};
    int pipe[2];
    must(setrlimit(RLIMIT_NOFILE, &few) == 0, 13);
    must(wi_descriptor_open("/proc/self/stat", O_RDONLY, 0) == -1 && errno == EMFILE, 14);
    must(wi_descriptor_epoll() == -1 && errno == EMFILE, 15);
    must(!wi_descriptor_pipe(pipe) && errno == EMFILE && pipe[0] == -1 && pipe[1] == -1, 16);
    must_be_closed(numbers, 17);
}

static void a_failure_has_its_own_errno_and_leaves_nothing_open(void **state)
{
    (void)state;
    with_each_set(fails_to_open);
}

static int lays_over_it(void)
{
    struct wi_low_descriptors low;
    close(0);
    wi_descriptor_hold_low(&low);
    must(fcntl(0, F_GETFD) >= 0 && write(0, "x", 1) == -1 && errno == EBADF, 10);
    must(read(0, &low, 1) == -1 && errno == EBADF, 11);
    int own = open("/dev/null", O_RDWR);
    must(dup2(own, 0) == 0, 12);
    wi_descriptor_free_low(&low);
    must(write(0, "x", 1) == 1, 13);
    return 0;
}

static void a_file_that_the_host_lays_over_a_held_number_stays_open(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(lays_over_it());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- while the host prints ----------------------------------------------------------------------- */

static bool is_over;
static unsigned long n_prints;

/* Prints until all is over; a print that arrives ends the process. */
static void *print(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        for (int fd = 0; fd < 3; fd++) {
            if (write(fd, "a line of the host's\n", 21) >= 0) {
                _exit(40 + fd);
            }
        }
        __atomic_fetch_add(&n_prints, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void opens_while_the_host_prints(const char *dir)
{
    pthread_t thread;
    struct weir_error error;
    close_low(7);
    must(pthread_create(&thread, NULL, print, NULL) == 0, 10);
    for (int i = 0; i < N_OPENINGS || __atomic_load_n(&n_prints, __ATOMIC_RELAXED) < 100; i++) {
        char temporary[64];
        struct stat facts;
        int fd;
        must(wi_file_create(dir, 4096, &fd, temporary, sizeof(temporary), &error) == WEIR_OK, 11);
        must_be_high(fd, 12);
        must(fstat(fd, &facts) == 0 && facts.st_size == 4096 && facts.st_blocks == 0, 13);
        wi_file_drop(fd, dir, temporary);
        fd = wi_descriptor_socket(AF_INET, SOCK_STREAM, 0); /* printing there would be a SIGPIPE */
        must_be_high(fd, 14);
        close(fd);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    must_be_closed(7, 15);
}

static void nothing_printed_meanwhile_arrives(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it calls it a race to print to a number that is being closed, as this host does */
#endif
    assert_int_equal(child_run(opens_while_the_host_prints), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_opened_has_a_number_above_two),
        cmocka_unit_test(a_low_number_is_moved_up_and_given_back),
        cmocka_unit_test(a_failure_has_its_own_errno_and_leaves_nothing_open),
        cmocka_unit_test(a_file_that_the_host_lays_over_a_held_number_stays_open),
        cmocka_unit_test(nothing_printed_meanwhile_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
