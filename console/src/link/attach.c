/* SPDX-License-Identifier: MIT */
/*
 * The thread that reads a Tokio server.
 *
 *     server -> this thread -> queue (lock) -> wc_feed -> tokio/provider.c, in our own exporter's thread
 *
 * A server may send 200 MB at once, which must block neither the screen nor the exporter. So the
 * thread only reads and assembles messages; the provider parses them, some in each refresh.
 * Messages are handed over whole, and one is lent out at a time; the queue owns the others. Its
 * bytes are bounded: while 16 MiB wait, the thread does not read, and the server's window closes. A
 * message may have 256 MiB.
 *
 * Once the thread runs, it alone uses the struct, except `lock` and the fields that it guards.
 * Other threads send requests by these fields and an eventfd: to end, to read on, to watch other
 * tasks' details (at most 8). When the server ends the stream or breaks the protocol, the thread
 * notes the reason and ends; the first reason stays. Opening waits for the first Update, longer
 * while its bytes arrive, up to 60 s in all.
 */
#include "link/attach.h"

#include "base/memory.h"
#include "base/thread.h"
#include "link/client.h"
#include "weir/nanos.h"
#include "weir/wall.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TOKIO_SERVICE       "/rs.tokio.console.instrument.Instrument/"
#define TOKIO_READ_BYTES    ((size_t)64 << 10)
#define TOKIO_MOST_PATIENCE (60 * WI_SECOND) /* for a first Update that is still arriving */

struct tokio_message {
    struct tokio_message *next;
    enum wc_feed_kind kind;
    size_t n;
    uint8_t bytes[];
};

/* The cost of a message in the queue, beside its bytes: many small or empty ones count, too. */
static size_t tokio_weight(const struct tokio_message *message)
{
    return message->n + 2 * sizeof(*message);
}

struct tokio_detail {
    uint64_t task_id; /* 0: none */
    int32_t call;     /* 0: it has ended */
};

struct wc_tokio {
    pthread_t thread;
    int fd;
    int wake; /* an eventfd: there is a request for the thread */
    struct wc_client *client;
    int32_t updates_call, state_call;
    struct tokio_detail details[WC_STORE_DETAILS];
    const uint8_t *output; /* not yet written */
    size_t n_output;
    struct tokio_message *taken; /* lent to the process view */
    uint8_t input[TOKIO_READ_BYTES];

    pthread_mutex_t lock;
    pthread_cond_t is_news; /* waits for the first Update, the end, or bytes */
    struct tokio_message *first, **last;
    size_t queued_bytes; /* the one lent out included */
    uint64_t wants[WC_STORE_DETAILS];
    size_t n_wants;
    bool has_new_wants, is_stopping, is_full;
    bool has_update;       /* the first is there */
    uint64_t update_nanos; /* when the last came */
    uint64_t n_read;       /* bytes of the server */
    int status;            /* of WatchUpdates when it ended */
    struct wc_error error; /* code WC_OK: it runs */
};

__attribute__((format(printf, 3, 4))) static void tokio_end(struct wc_tokio *tokio,
                                                            enum wc_status code, const char *format,
                                                            ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&tokio->lock);
    if (tokio->error.code == WC_OK) {
        wc_error_set(&tokio->error, code, "%s", text);
        pthread_cond_signal(&tokio->is_news);
    }
    pthread_mutex_unlock(&tokio->lock);
}

/* ---- messages of the server --------------------------------------------------------------------- */

static struct tokio_detail *tokio_detail(struct wc_tokio *tokio, int32_t call)
{
    for (size_t i = 0; i < WC_STORE_DETAILS; i++) {
        if (tokio->details[i].task_id && tokio->details[i].call == call) {
            return &tokio->details[i];
        }
    }
    return NULL;
}

static void tokio_on_message(void *context, int32_t call, const uint8_t *bytes, size_t n)
{
    struct wc_tokio *tokio = context;
    struct tokio_message *message = wc_alloc(sizeof(*message) + n);
    bool is_update = call == tokio->updates_call;
    message->kind = is_update                   ? WC_FEED_UPDATE
                    : call == tokio->state_call ? WC_FEED_STATE
                                                : WC_FEED_DETAILS;
    message->n = n;
    memcpy(message->bytes, bytes, n);
    pthread_mutex_lock(&tokio->lock);
    *tokio->last = message;
    tokio->last = &message->next;
    tokio->queued_bytes += tokio_weight(message);
    if (is_update) {
        tokio->has_update = true;
        tokio->update_nanos = wi_nanos(CLOCK_MONOTONIC);
        pthread_cond_signal(&tokio->is_news);
    }
    pthread_mutex_unlock(&tokio->lock);
}

static void tokio_on_end(void *context, int32_t call, int status, const char *text)
{
    struct wc_tokio *tokio = context;
    struct tokio_detail *detail = tokio_detail(tokio, call);
    if (detail) {
        detail->call = 0; /* the task is gone: its last histograms stay */
    }
    if (call != tokio->updates_call) {
        return; /* console-subscriber 0.4 has no WatchState */
    }
    tokio->status = status;
    if (status == WC_GRPC_OK) {
        tokio_end(tokio, WC_ENDED,
                  "the server ended its stream: the server is ending, or weir was too slow");
    } else if (status == WC_GRPC_UNIMPLEMENTED) {
        tokio_end(tokio, WC_MISMATCH, "there is no tokio-console service: %s", text);
    } else if (status == WC_GRPC_PERMISSION_DENIED || status == WC_GRPC_UNAUTHENTICATED) {
        tokio_end(tokio, WC_DENIED, "%s", text);
    } else if (status == WC_GRPC_DATA_LOSS) {
        tokio_end(tokio, WC_MISMATCH, "%s", text);
    } else {
        tokio_end(tokio, WC_ENDED, "the server ended its stream: %s",
                  text[0] ? text : "no reason given");
    }
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void tokio_write(struct wc_tokio *tokio)
{
    for (;;) {
        if (tokio->n_output == 0) {
            tokio->n_output = wc_client_output(tokio->client, &tokio->output);
            if (tokio->n_output == 0) {
                return;
            }
        }
        ssize_t n = send(tokio->fd, tokio->output, tokio->n_output, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            /* Messages from before the server closed can still be read. */
            tokio->n_output = errno == EAGAIN || errno == EWOULDBLOCK ? tokio->n_output : 0;
            return;
        }
        tokio->output += n;
        tokio->n_output -= (size_t)n;
    }
}

static void tokio_read(struct wc_tokio *tokio)
{
    struct wc_error error;
    ssize_t n = recv(tokio->fd, tokio->input, sizeof(tokio->input), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        tokio_end(tokio, tokio->has_update ? WC_ENDED : WC_NO_TARGET,
                  "the connection to the server is gone: %s",
                  n < 0 ? strerror(errno) : "it closed it");
        return;
    }
    pthread_mutex_lock(&tokio->lock);
    tokio->n_read += (uint64_t)n;
    pthread_cond_signal(&tokio->is_news);
    pthread_mutex_unlock(&tokio->lock);
    if (wc_client_feed(tokio->client, tokio->input, (size_t)n, &error) != WC_OK) {
        tokio_end(tokio, WC_MISMATCH, "the server does not speak HTTP/2 (%.100s)",
                  wc_client_problem(tokio->client));
    } else if (wc_client_is_over(tokio->client)) {
        tokio_end(tokio, WC_ENDED, "the server is ending");
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static int32_t tokio_call(struct wc_tokio *tokio, const char *method, const uint8_t *request,
                          size_t n)
{
    int32_t call = 0;
    struct wc_error error;
    if (wc_client_call(tokio->client, method, request, n, &call, &error) != WC_OK) {
        return 0;
    }
    return call;
}

/* A TaskDetailsRequest: field 1, an Id whose field 1 is the number. */
static int32_t tokio_call_details(struct wc_tokio *tokio, uint64_t task_id)
{
    uint8_t request[16] = {0x0a, 0, 0x08};
    size_t n = 3;
    for (; task_id >= 0x80; task_id >>= 7) {
        request[n++] = (uint8_t)(task_id | 0x80);
    }
    request[n++] = (uint8_t)task_id;
    request[1] = (uint8_t)(n - 2);
    return tokio_call(tokio, TOKIO_SERVICE "WatchTaskDetails", request, n);
}

static bool tokio_is_among(uint64_t task_id, const uint64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == task_id) {
            return true;
        }
    }
    return false;
}

/* Ends the details that are not wanted any more, and requests new ones. */
static void tokio_turn_to(struct wc_tokio *tokio, const uint64_t *wants, size_t n_wants)
{
    uint64_t have[WC_STORE_DETAILS];
    size_t n_have = 0;
    for (size_t i = 0; i < WC_STORE_DETAILS; i++) {
        struct tokio_detail *detail = &tokio->details[i];
        if (detail->task_id && !tokio_is_among(detail->task_id, wants, n_wants)) {
            if (detail->call) {
                wc_client_cancel(tokio->client, detail->call);
            }
            *detail = (struct tokio_detail){0};
        }
        if (detail->task_id) {
            have[n_have++] = detail->task_id;
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < n_wants; i++) {
        if (tokio_is_among(wants[i], have, n_have)) {
            continue;
        }
        while (at < WC_STORE_DETAILS && tokio->details[at].task_id) {
            at++;
        }
        if (at < WC_STORE_DETAILS) {
            tokio->details[at] =
                (struct tokio_detail){wants[i], tokio_call_details(tokio, wants[i])};
        }
    }
}

/* The requests of other threads. False: the thread ends. */
static bool tokio_listen(struct wc_tokio *tokio)
{
    uint64_t wants[WC_STORE_DETAILS], count;
    (void)!read(tokio->wake, &count, sizeof(count));
    pthread_mutex_lock(&tokio->lock);
    bool goes_on = !tokio->is_stopping && tokio->error.code == WC_OK;
    bool has_new_wants = tokio->has_new_wants;
    size_t n = tokio->n_wants;
    memcpy(wants, tokio->wants, sizeof(wants));
    tokio->has_new_wants = false;
    tokio->is_full = tokio->queued_bytes >= WC_TOKIO_QUEUE_LIMIT;
    pthread_mutex_unlock(&tokio->lock);
    if (goes_on && has_new_wants) {
        tokio_turn_to(tokio, wants, n);
    }
    return goes_on;
}

static void *tokio_run(void *argument)
{
    struct wc_tokio *tokio = argument;
    pthread_setname_np(pthread_self(), "weir-tokio");
    while (tokio_listen(tokio)) {
        tokio_write(tokio);
        bool wants_output = tokio->n_output > 0 || wc_client_wants_output(tokio->client);
        struct pollfd fds[2] = {
            {.fd = tokio->fd,
             .events = (short)((tokio->is_full ? 0 : POLLIN) | (wants_output ? POLLOUT : 0))},
            {.fd = tokio->wake, .events = POLLIN}};
        if (!fds[0].events) {
            fds[0].fd = -1;
        }
        poll(fds, 2, -1);
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            tokio_read(tokio);
        }
    }
    return NULL;
}

static void tokio_wake(struct wc_tokio *tokio)
{
    uint64_t one = 1;
    while (write(tokio->wake, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

/* ---- the feed -------------------------------------------------------------------------------- */

static bool tokio_take(void *context, struct wc_feed_message *ret_message)
{
    struct wc_tokio *tokio = context;
    size_t n = tokio->taken ? tokio_weight(tokio->taken) : 0;
    free(tokio->taken);
    pthread_mutex_lock(&tokio->lock);
    struct tokio_message *message = tokio->first;
    if (message) {
        tokio->first = message->next;
        tokio->last = tokio->first ? tokio->last : &tokio->first;
    }
    tokio->taken = message;
    tokio->queued_bytes -= n;
    bool was_full = tokio->is_full && tokio->queued_bytes < WC_TOKIO_QUEUE_LIMIT;
    pthread_mutex_unlock(&tokio->lock);
    if (was_full) {
        tokio_wake(tokio);
    }
    if (message) {
        *ret_message = (struct wc_feed_message){message->kind, message->bytes, message->n};
    }
    return message != NULL;
}

static void tokio_want(void *context, const uint64_t *task_ids, size_t n)
{
    struct wc_tokio *tokio = context;
    pthread_mutex_lock(&tokio->lock);
    memcpy(tokio->wants, task_ids, n * sizeof(*task_ids));
    tokio->n_wants = n;
    tokio->has_new_wants = true;
    pthread_mutex_unlock(&tokio->lock);
    tokio_wake(tokio);
}

static double tokio_quiet_seconds(void *context)
{
    struct wc_tokio *tokio = context;
    pthread_mutex_lock(&tokio->lock);
    uint64_t last = tokio->update_nanos;
    pthread_mutex_unlock(&tokio->lock);
    uint64_t now = wi_nanos(CLOCK_MONOTONIC);
    return last && now > last ? (double)(now - last) / 1e9 : 0;
}

static void tokio_free(struct wc_tokio *tokio)
{
    while (tokio->first) {
        struct tokio_message *next = tokio->first->next;
        free(tokio->first);
        tokio->first = next;
    }
    free(tokio->taken);
    wc_client_destroy(tokio->client);
    pthread_cond_destroy(&tokio->is_news);
    pthread_mutex_destroy(&tokio->lock);
    close(tokio->fd);
    close(tokio->wake);
    free(tokio);
}

static void tokio_close(void *context)
{
    struct wc_tokio *tokio = context;
    pthread_mutex_lock(&tokio->lock);
    tokio->is_stopping = true;
    pthread_mutex_unlock(&tokio->lock);
    tokio_wake(tokio);
    pthread_join(tokio->thread, NULL);
    tokio_free(tokio);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* NULL: no eventfd, no thread. */
static struct wc_tokio *tokio_create(int taken_fd, const char *authority)
{
    struct wc_tokio *tokio = wc_alloc(sizeof(*tokio));
    struct wc_client_events events = {tokio, tokio_on_message, tokio_on_end};
    pthread_condattr_t monotonic;
    tokio->fd = taken_fd;
    tokio->last = &tokio->first;
    tokio->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&tokio->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tokio->is_news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    tokio->client = wc_client_create(&events);
    wc_client_set_authority(tokio->client, authority);
    tokio->updates_call = tokio_call(tokio, TOKIO_SERVICE "WatchUpdates", NULL, 0);
    wc_client_allow(tokio->client, tokio->updates_call, WC_TOKIO_MESSAGE_LIMIT);
    tokio->state_call = tokio_call(tokio, TOKIO_SERVICE "WatchState", NULL, 0);
    if (tokio->wake < 0 || !wc_thread_start(&tokio->thread, tokio_run, tokio)) {
        tokio_free(tokio);
        return NULL;
    }
    return tokio;
}

/* Waits for the first Update or the end. A large one may take longer, as long as its bytes arrive.
 * Returns whether it is there. */
static bool tokio_await(struct wc_tokio *tokio, uint64_t deadline, struct wc_error *ret_problem)
{
    uint64_t begin = wi_nanos(CLOCK_MONOTONIC), n_before = 0;
    uint64_t patience = deadline > begin ? deadline - begin : 0;
    pthread_mutex_lock(&tokio->lock);
    while (!tokio->has_update && tokio->error.code == WC_OK) {
        struct timespec end = {(time_t)(deadline / WI_SECOND), (long)(deadline % WI_SECOND)};
        if (pthread_cond_timedwait(&tokio->is_news, &tokio->lock, &end) == ETIMEDOUT) {
            break;
        }
        if (tokio->n_read - n_before > TOKIO_READ_BYTES) {
            uint64_t later = wi_nanos(CLOCK_MONOTONIC) + patience;
            n_before = tokio->n_read;
            deadline = later < begin + TOKIO_MOST_PATIENCE ? later : deadline;
        }
    }
    bool is_there = tokio->has_update;
    *ret_problem = tokio->error;
    pthread_mutex_unlock(&tokio->lock);
    return is_there;
}

enum wc_status wc_tokio_check(struct wc_tokio *tokio, struct wc_error *ret_error)
{
    pthread_mutex_lock(&tokio->lock);
    enum wc_status code = tokio->error.code;
    if (code != WC_OK && ret_error) {
        *ret_error = tokio->error;
    }
    pthread_mutex_unlock(&tokio->lock);
    return code;
}

enum wc_status wc_tokio_open(int taken_fd, const char *authority, const struct wc_lints *lints,
                             uint64_t deadline_nanos, struct wc_attachment *ret_attachment,
                             struct wc_error *ret_error)
{
    struct wc_tokio *tokio = tokio_create(taken_fd, authority);
    struct weir_error error = {{0}};
    if (!tokio) {
        return wc_error_set(ret_error, WC_NO_TARGET, "no thread for the connection");
    }
    struct wc_error problem;
    if (!tokio_await(tokio, deadline_nanos, &problem)) {
        tokio_close(tokio);
        if (problem.code != WC_OK) {
            *ret_error = problem;
            return problem.code;
        }
        return wc_error_set(ret_error, WC_NO_TARGET,
                            "a server with Tokio's service that does not answer: it is stopped, or "
                            "busy with its first message; try again");
    }
    struct wc_feed feed = {tokio, tokio_take, tokio_want, tokio_quiet_seconds, tokio_close};
    if (wc_tokio_view_open(&feed, lints, wi_wall_now(), &ret_attachment->view, &error) != WEIR_OK) {
        return wc_error_set(ret_error, WC_NO_TARGET, "%s", error.text);
    }
    ret_attachment->tokio = tokio;
    return WC_OK;
}
