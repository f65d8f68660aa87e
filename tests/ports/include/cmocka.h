/* SPDX-License-Identifier: MIT */
/*
 * As much of cmocka's interface as the tests for other processors and C libraries use. Debian has cmocka for its own
 * C library and processor; a build for another needs no package from this one.
 */
#ifndef WEIR_PORTS_CMOCKA_H
#define WEIR_PORTS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline int port_is_between(uint64_t value, uint64_t least, uint64_t most)
{
    return value >= least && value <= most;
}

enum port_end { PORT_PASSED, PORT_FAILED, PORT_SKIPPED };

/* Where a test that fails or skips itself goes on; set while one runs. */
static jmp_buf port_way_out;

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*set_up)(void **state);
    int (*tear_down)(void **state);
};

#define cmocka_unit_test(function)                                                                 \
    {                                                                                              \
#function, function, NULL, NULL                                                            \
    }
#define cmocka_unit_test_setup_teardown(function, set_up, tear_down)                               \
    {                                                                                              \
#function, function, set_up, tear_down                                                     \
    }

#define skip()             longjmp(port_way_out, PORT_SKIPPED)
#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        printf("%s:%d: ", __FILE__, __LINE__);                                                     \
        printf(__VA_ARGS__);                                                                       \
        printf("\n");                                                                              \
        longjmp(port_way_out, PORT_FAILED);                                                        \
    } while (0)

#define PORT_ASSERT(condition, text)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("%s does not hold", text);                                                    \
        }                                                                                          \
    } while (0)

#define assert_true(value)              PORT_ASSERT(value, #value)
#define assert_false(value)             PORT_ASSERT(!(value), "not " #value)
#define assert_null(value)              PORT_ASSERT((value) == NULL, #value " == NULL")
#define assert_non_null(value)          PORT_ASSERT((value) != NULL, #value " != NULL")
#define assert_ptr_equal(one, other)    PORT_ASSERT((one) == (other), #one " == " #other)
#define assert_string_equal(one, other) PORT_ASSERT(strcmp(one, other) == 0, #one " is " #other)
#define assert_memory_equal(one, other, n)                                                         \
    PORT_ASSERT(memcmp(one, other, n) == 0, #one " is " #other)
#define assert_int_equal(one, other)                                                               \
    do {                                                                                           \
        uint64_t port_one = (uint64_t)(one), port_other = (uint64_t)(other);                       \
        if (port_one != port_other) {                                                              \
            fail_msg("%s is %llu and not %llu", #one, (unsigned long long)port_one,                \
                     (unsigned long long)port_other);                                              \
        }                                                                                          \
    } while (0)
#define assert_int_not_equal(one, other)                                                           \
    PORT_ASSERT((uint64_t)(one) != (uint64_t)(other), #one " != " #other)
#define assert_in_range(value, least, most)                                                        \
    do {                                                                                           \
        uint64_t port_value = (uint64_t)(value);                                                   \
        if (!port_is_between(port_value, least, most)) {                                           \
            fail_msg("%s is %llu", #value, (unsigned long long)port_value);                        \
        }                                                                                          \
    } while (0)

/* Whether PORTS_WITHOUT, names between spaces, has that of the test: what an emulator cannot do. */
static inline int port_is_left_out(const char *name)
{
    const char *names = getenv("PORTS_WITHOUT");
    size_t n = strlen(name);
    for (const char *at = names; at && (at = strstr(at, name)); at += n) {
        if ((at == names || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) {
            return 1;
        }
    }
    return 0;
}

static inline enum port_end port_run(const struct CMUnitTest *test)
{
    void *state = NULL;
    if (port_is_left_out(test->name)) {
        return PORT_SKIPPED;
    }
    enum port_end end = (enum port_end)setjmp(port_way_out);
    if (end == PORT_PASSED) {
        if (test->set_up && test->set_up(&state) != 0) {
            end = PORT_FAILED;
        } else {
            test->run(&state);
        }
    }
    if (test->tear_down && test->tear_down(&state) != 0) {
        end = PORT_FAILED;
    }
    return end;
}

static inline int port_run_all(const struct CMUnitTest *tests, size_t n, int (*set_up)(void **),
                               int (*tear_down)(void **))
{
    static const char *const words[] = {"passed", "FAILED", "skipped"};
    void *state = NULL;
    int n_failed = set_up && set_up(&state) != 0;
    for (size_t i = 0; i < n; i++) {
        enum port_end end = port_run(&tests[i]);
        n_failed += end == PORT_FAILED;
        printf("%s: %s\n", words[end], tests[i].name);
        fflush(stdout);
    }
    n_failed += tear_down && tear_down(&state) != 0;
    return n_failed;
}

#define cmocka_run_group_tests(tests, set_up, tear_down)                                           \
    port_run_all(tests, sizeof(tests) / sizeof((tests)[0]), set_up, tear_down)
#define cmocka_run_group_tests_name(name, tests, set_up, tear_down)                                \
    cmocka_run_group_tests(tests, set_up, tear_down)

#endif
