/* SPDX-License-Identifier: MIT */
/* One connection attempt, in a thread with all signals blocked; it reports its end by a byte in a
 * pipe. */
#include "command/connect_attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/thread.h"

struct wc_connect_attempt {
    pthread_t thread;
    int pipe[2];
    struct wc_target target;
    struct wc_link *link;
    struct wc_error error;
    enum wc_status result;
};

static void *attempt_run(void *argument)
{
    struct wc_connect_attempt *attempt = argument;
    attempt->result = wc_link_open(&attempt->target, &attempt->link, &attempt->error);
    while (write(attempt->pipe[1], "", 1) < 0 && errno == EINTR) {
    }
    return NULL;
}

struct wc_connect_attempt *wc_connect_attempt_start(const struct wc_target *target)
{
    struct wc_connect_attempt *attempt = wc_alloc(sizeof(*attempt));

    attempt->target = *target;
    if (pipe2(attempt->pipe, O_CLOEXEC) != 0) {
        free(attempt);
        return NULL;
    }
    if (!wc_thread_start(&attempt->thread, attempt_run, attempt)) {
        close(attempt->pipe[0]);
        close(attempt->pipe[1]);
        free(attempt);
        return NULL;
    }
    return attempt;
}

int wc_connect_attempt_fd(const struct wc_connect_attempt *attempt)
{
    return attempt->pipe[0];
}

enum wc_status wc_connect_attempt_finish(struct wc_connect_attempt *taken_attempt,
                                         struct wc_link **ret_link, struct wc_error *ret_error)
{
    pthread_join(taken_attempt->thread, NULL);
    enum wc_status result = taken_attempt->result;
    if (result == WC_OK) {
        *ret_link = taken_attempt->link;
    } else if (ret_error) {
        *ret_error = taken_attempt->error;
    }
    close(taken_attempt->pipe[0]);
    close(taken_attempt->pipe[1]);
    free(taken_attempt);
    return result;
}
