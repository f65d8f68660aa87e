/* SPDX-License-Identifier: MIT */
/*
 * Tests in processes of their own: weir is one segment for one process, so each case that starts it
 * runs in a fresh child, with a directory of its own that is emptied afterwards.
 */
#ifndef WEIR_TEST_CHILD_H
#define WEIR_TEST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

/* In a child: ends it with status 1 and says where. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fflush(stdout);                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

typedef void child_fn(const char *dir);

/* Runs body in a child with WEIR_DIR set to a new directory under /dev/shm. Returns its exit status,
 * or 128 + its signal. The directory is removed. */
int child_run(child_fn *body);

/* A cmocka test, test_BODY, that is the body in such a child. */
#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(child_run(body), 0);                                                      \
    }

/* The same in a directory that the caller keeps. */
int child_run_in(const char *dir, child_fn *body);

/* Makes and removes such a directory. */
void child_dir_make(char *ret_dir, size_t room);
void child_dir_remove(const char *dir);

/* How many names in a directory end so; the first is written to ret_path where that is not NULL. */
int child_count(const char *dir, const char *suffix, char *ret_path, size_t room);

/* Waits until a condition holds, for at most ten seconds; false when it never did. */
bool child_wait(bool (*holds)(void *context), void *context);

#endif
