/* SPDX-License-Identifier: MIT */
/* One attempt to connect, in a thread with all signals blocked; its end is a byte in a pipe. */
#include "command/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

struct wc_dial {
    pthread_t thread;
    int pipe[2];
    struct wc_target target;
    struct wc_link *link;
    struct wc_error error;
    enum wc_exit result;
};

static void *dial_run(void *argument)
{
    struct wc_dial *dial = argument;
    dial->result = wc_link_open(&dial->target, &dial->link, &dial->error);
    while (write(dial->pipe[1], "", 1) < 0 && errno == EINTR) {
    }
    return NULL;
}

struct wc_dial *wc_dial_start(const struct wc_target *target)
{
    struct wc_dial *dial = wc_alloc(sizeof(*dial));
    sigset_t all, before;

    dial->target = *target;
    if (pipe2(dial->pipe, O_CLOEXEC) != 0) {
        free(dial);
        return NULL;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&dial->thread, NULL, dial_run, dial);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        close(dial->pipe[0]);
        close(dial->pipe[1]);
        free(dial);
        return NULL;
    }
    return dial;
}

int wc_dial_fd(const struct wc_dial *dial)
{
    return dial->pipe[0];
}

enum wc_exit wc_dial_finish(struct wc_dial *taken_dial, struct wc_link **ret_link,
                            struct wc_error *ret_error)
{
    pthread_join(taken_dial->thread, NULL);
    enum wc_exit result = taken_dial->result;
    if (result == WC_OK) {
        *ret_link = taken_dial->link;
    } else if (ret_error) {
        *ret_error = taken_dial->error;
    }
    close(taken_dial->pipe[0]);
    close(taken_dial->pipe[1]);
    free(taken_dial);
    return result;
}
