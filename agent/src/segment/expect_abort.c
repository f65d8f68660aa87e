/* SPDX-License-Identifier: MIT */
/*
 * Assertions in the console, in `weir serve` and in the tests, which are our own processes: a
 * failed one ends the process. The libraries use expect_count.c instead.
 */
#include "weir/expect.h"

#include "weir/atomic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char expect_line[256];
static bool has_failed; /* atomic */

bool wi_expect_failed(const char *place, const char *condition)
{
    if (!wi_exchange_relaxed(&has_failed, true)) {
        snprintf(expect_line, sizeof(expect_line), "weir: %s: %s does not hold: please report it\n",
                 place, condition);
        ssize_t written = write(STDERR_FILENO, expect_line, strlen(expect_line));
        (void)written;
    }
    abort();
}

void wi_expect_begin(void)
{
}

const char *wi_expect_line(void)
{
    return expect_line;
}
