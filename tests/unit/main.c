/* SPDX-License-Identifier: MIT */
/*
 * One program runs the tests of several files: PROGRAM topic_test runs those of topic_test.c, whose
 * main the build gives that name (rules.cmake). Without a name all files run, one after another.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define UNIT_TEST(name) int name(void);
#include "unit_tests.h"
#undef UNIT_TEST

static const struct {
    const char *name;
    int (*run)(void);
} files[] = {
#define UNIT_TEST(name) {#name, name},
#include "unit_tests.h"
#undef UNIT_TEST
};

int main(int argc, char **argv)
{
    bool is_known = false;
    int n_failed = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (argc < 2 || strcmp(argv[1], files[i].name) == 0) {
            is_known = true;
            n_failed += files[i].run() != 0;
        }
    }
    if (!is_known) {
        fprintf(stderr, "%s: has no file %s\n", argv[0], argv[1]);
        return 2;
    }
    return n_failed > 0 ? 1 : 0;
}
