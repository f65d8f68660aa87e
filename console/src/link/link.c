/* SPDX-License-Identifier: MIT */
/*
 * The link's I/O: one non-blocking socket to a server, or its substitute (state.h), and the queues
 * of the server's messages.
 *
 * The input is Updates, Lines and Series, unpacked as they arrive. The caller takes them one at a
 * time, and then owns them. One stream runs at a time, and beside it up to 16 calls for the past. A
 * new stream cancels the one before and drops its messages.
 *
 * Reading stops while 16 messages wait in a queue, so that a fast server must wait for its window
 * and does not fill our memory. Nothing here waits: wc_link_step does what is possible, and the
 * caller polls. A message that cannot be read ends the stream; a Series that cannot be read is left
 * out, since a screen works without the past.
 *
 * There are two errors: that of the stream, which the next stream clears, and that of the
 * connection, which stays. open.c makes the connection. One thread at a time.
 */
#include "link/state.h"

#include "base/memory.h"
#include "weir/nanos.h"
#include "weir/exporter.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_QUEUE       16u /* messages that wait before reading stops */
#define LINK_READ_ROUNDS 16u
#define LINK_TABLES_MAX  64u /* of an Update: one for each query, or for each kind */

/* ---- messages of the server --------------------------------------------------------------- */

static enum wc_status link_exit_of(int grpc_status)
{
    switch (grpc_status) {
    case WC_GRPC_OK:
        return WC_OK;
    case WC_GRPC_INVALID_ARGUMENT:
    case WC_GRPC_NOT_FOUND:
    case WC_GRPC_FAILED_PRECONDITION:
        return WC_USAGE;
    case WC_GRPC_PERMISSION_DENIED:
    case WC_GRPC_UNAUTHENTICATED:
        return WC_DENIED;
    case WC_GRPC_UNAVAILABLE:
    case WC_GRPC_CANCELLED:
        return WC_ENDED;
    case WC_GRPC_RESOURCE_EXHAUSTED:
        return WC_NO_TARGET;
    default:
        return WC_MISMATCH;
    }
}

static bool link_has_room(const struct wc_link *link)
{
    return link->messages.n < LINK_QUEUE && link->series.n < LINK_QUEUE;
}

/* The entry of a call for the past; 0: a free one. NULL when there is none. */
static int32_t *link_history_call(struct wc_link *link, int32_t call)
{
    for (size_t i = 0; i < WC_LINK_HISTORIES; i++) {
        if (link->history_calls[i] == call) {
            return &link->history_calls[i];
        }
    }
    return NULL;
}

static void link_on_stream_message(struct wc_link *link, const uint8_t *bytes, size_t n)
{
    struct wc_message *message = wc_alloc(sizeof(*message));
    if (link->stream_kind == WC_LINK_UPDATES) {
        message->update = weir__v1__update__unpack(NULL, n, bytes);
        if (message->update && message->update->n_tables > LINK_TABLES_MAX) {
            weir__v1__update__free_unpacked(message->update, NULL);
            message->update = NULL;
        }
    } else {
        message->lines = weir__v1__lines__unpack(NULL, n, bytes);
    }
    if (!message->update && !message->lines) {
        free(message);
        wc_client_cancel(link->client, link->stream_call);
        link->stream_call = 0;
        wc_error_set(&link->stream_error, WC_MISMATCH,
                     "the server sent a message that cannot be read: is it another version?");
        return;
    }
    wc_queue_put(&link->messages, message);
}

/* A Series that cannot be read is left out: the screen's graphs then begin with its own samples. */
static void link_on_series(struct wc_link *link, const uint8_t *bytes, size_t n)
{
    struct wc_message *message = wc_alloc(sizeof(*message));
    message->series = weir__v1__series__unpack(NULL, n, bytes);
    if (!message->series) {
        free(message);
        return;
    }
    wc_queue_put(&link->series, message);
}

static void link_on_message(void *context, int32_t call, const uint8_t *bytes, size_t n)
{
    struct wc_link *link = context;
    if (call == link->describe_call && !link->description) {
        link->description = weir__v1__description__unpack(NULL, n, bytes);
        if (link->description) {
            link->described = wc_shared_create(&link->description->base);
        }
        if (!link->description || link->description->n_metrics > WC_LINK_METRICS_MAX) {
            wc_error_set(&link->error, WC_MISMATCH,
                         "the server's description cannot be read: is it another version?");
        }
    } else if (call == link->stream_call) {
        link_on_stream_message(link, bytes, n);
    } else if (link_history_call(link, call)) {
        link_on_series(link, bytes, n);
    }
}

/* Whether a status means that the caller is not admitted, or may not see this process. */
static bool link_is_about_whom(int status)
{
    return status == WC_GRPC_NOT_FOUND || status == WC_GRPC_FAILED_PRECONDITION ||
           status == WC_GRPC_UNAUTHENTICATED || status == WC_GRPC_PERMISSION_DENIED;
}

static void link_refused(struct wc_link *link, int status, const char *text)
{
    char place[WI_PATH_MAX + 16];
    wc_target_place(&link->target, place, sizeof(place));
    if (status == WC_GRPC_FAILED_PRECONDITION) {
        wc_error_set(&link->error, WC_USAGE, "%s: %s, as %s%s/PID", place, text,
                     link->target.host[0] ? "http://" : "unix:", place);
    } else {
        wc_error_set(&link->error,
                     status == WC_GRPC_NOT_FOUND ? WC_NO_TARGET : link_exit_of(status), "%s: %s",
                     place, text);
    }
}

static void link_on_end(void *context, int32_t call, int status, const char *text)
{
    struct wc_link *link = context;
    enum wc_status code = link_exit_of(status);
    if (call == link->describe_call) {
        link->describe_call = 0;
        link->is_other_service = status == WC_GRPC_UNIMPLEMENTED;
        if (code != WC_OK && link_is_about_whom(status)) {
            link_refused(link, status, text);
        } else if (code != WC_OK || !link->description) {
            wc_error_set(&link->error, code ? code : WC_MISMATCH,
                         "the server does not describe itself: %s",
                         text[0] ? text : "it sent no description");
        }
    } else if (call == link->stream_call) {
        link->stream_call = 0;
        link->is_complete = code == WC_OK;
        if (code == WC_ENDED) {
            wc_error_set(&link->stream_error, code, "%s (pid %u) ended the stream: %s",
                         link->target.name, link->target.pid, text[0] ? text : "no reason given");
        } else if (code != WC_OK) {
            wc_error_set(&link->stream_error, code, "%s",
                         text[0] ? text : "the server ended the stream without a reason");
        }
    } else if (link_history_call(link, call)) {
        *link_history_call(link, call) = 0; /* also when it failed: an older server has no past */
    }
}

/* ---- bytes ------------------------------------------------------------------------------- */

static ssize_t link_send(struct wc_link *link, const uint8_t *bytes, size_t n)
{
    return send(link->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t link_receive(struct wc_link *link, uint8_t *ret_bytes, size_t room)
{
    return recv(link->fd, ret_bytes, room, MSG_DONTWAIT);
}

/* The connection is broken: notes the reason, as far as it is known. */
static void link_lose(struct wc_link *link, const char *what)
{
    if (link->error.code != WC_OK) {
        return;
    }
    const char *problem = wc_client_problem(link->client);
    if (problem[0]) {
        wc_error_set(&link->error, WC_MISMATCH, "the server does not speak weir's protocol (%s)",
                     problem);
    } else if (!link->heard_nanos) {
        wc_error_set(&link->error, WC_NO_TARGET,
                     "the server closed the connection without a reply (%s): it is ending, belongs "
                     "to another user, or has too many consoles",
                     what);
    } else if (link->target.pid) {
        wc_error_set(&link->error, WC_ENDED, "the connection to %s (pid %u) is gone: %s",
                     link->target.name[0] ? link->target.name : "the server", link->target.pid,
                     wc_target_state(&link->target) == WI_STATE_RUNNING
                         ? "it closed it; attach again"
                         : "the process has ended");
    } else {
        wc_error_set(&link->error, WC_ENDED, "the connection is gone: attach again");
    }
}

static void link_write(struct wc_link *link)
{
    while (link->error.code == WC_OK) {
        if (link->n_output == 0) {
            link->n_output = wc_client_output(link->client, &link->output);
            if (link->n_output == 0) {
                return;
            }
        }
        ssize_t n = link->io->send(link, link->output, link->n_output);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (n < 0) {
            /* Messages from before the server closed can still be read. */
            link->n_output = 0;
            return;
        }
        link->output += n;
        link->n_output -= (size_t)n;
    }
}

static void link_read(struct wc_link *link)
{
    for (unsigned round = 0;
         round < LINK_READ_ROUNDS && link_has_room(link) && link->error.code == WC_OK; round++) {
        ssize_t n = link->io->receive(link, link->input, sizeof(link->input));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (n <= 0) {
            link_lose(link, n < 0 ? strerror(errno) : "end of file");
            return;
        }
        link->heard_nanos = wi_nanos(CLOCK_MONOTONIC);
        if (wc_client_feed(link->client, link->input, (size_t)n, &link->error) != WC_OK) {
            return;
        }
        link_write(link);
        if (wc_client_is_over(link->client)) {
            link_lose(link, "the server is ending");
            return;
        }
    }
}

enum wc_status wc_link_step(struct wc_link *link, struct wc_error *ret_error)
{
    if (link->error.code == WC_OK && link->tokio) {
        /* Our own exporter does not end with the server that it reads. */
        (void)wc_tokio_check(link->tokio, &link->error);
    }
    if (link->error.code == WC_OK) {
        link_write(link);
        link_read(link);
        link_write(link);
    }
    const struct wc_error *error =
        link->stream_error.code != WC_OK ? &link->stream_error : &link->error;
    if (error->code != WC_OK && ret_error) {
        *ret_error = *error;
    }
    return error->code;
}

int wc_link_fd(const struct wc_link *link)
{
    return link->fd;
}

short wc_link_events(const struct wc_link *link)
{
    if (link->error.code != WC_OK) {
        return 0;
    }
    bool wants_output = link->n_output > 0 || wc_client_wants_output(link->client);
    return (short)((link_has_room(link) ? POLLIN : 0) | (wants_output ? POLLOUT : 0));
}

/* ---- its life ----------------------------------------------------------------------------- */

struct wc_link *wc_link_create(const struct wc_target *target)
{
    static const struct wc_link_io over_socket = {link_send, link_receive};
    struct wc_link *link = wc_alloc(sizeof(*link));
    link->target = *target;
    link->io = &over_socket;
    link->fd = -1;
    wc_queue_drop(&link->messages);
    wc_queue_drop(&link->series);
    struct wc_client_events events = {link, link_on_message, link_on_end};
    link->client = wc_client_create(&events);
    return link;
}

void wc_link_close(struct wc_link *link)
{
    if (!link) {
        return;
    }
    if (link->replay) {
        wc_replay_close(link->replay); /* with the descriptor */
    } else if (link->fd >= 0) {
        close(link->fd);
    }
    wi_exporter_stop(link->exporter);
    wc_client_destroy(link->client);
    wc_queue_drop(&link->messages);
    wc_queue_drop(&link->series);
    wc_shared_release(link->described);
    free(link);
}

/* ---- streams ----------------------------------------------------------------------------- */

static enum wc_status link_start(struct wc_link *link, const char *method, enum wc_link_kind kind,
                                 const ProtobufCMessage *request, struct wc_error *ret_error)
{
    if (link->stream_call) {
        wc_client_cancel(link->client, link->stream_call);
        link->stream_call = 0;
    }
    wc_queue_drop(&link->messages);
    link->is_complete = false;
    link->stream_error.code = WC_OK;
    if (link->error.code != WC_OK) {
        if (ret_error) {
            *ret_error = link->error;
        }
        return link->error.code;
    }
    size_t n = protobuf_c_message_get_packed_size(request);
    uint8_t *bytes = wc_alloc(n);
    protobuf_c_message_pack(request, bytes);
    link->stream_kind = kind;
    enum wc_status code =
        wc_client_call(link->client, method, bytes, n, &link->stream_call, ret_error);
    free(bytes);
    link_write(link); /* at once: a substitute of a socket has no POLLOUT */
    return code;
}

enum wc_status wc_link_watch(struct wc_link *link, const Weir__V1__WatchRequest *request,
                             struct wc_error *ret_error)
{
    return link_start(link, "/weir.v1.Agent/Watch", WC_LINK_UPDATES, &request->base, ret_error);
}

enum wc_status wc_link_subscribe(struct wc_link *link, const Weir__V1__SubscribeRequest *request,
                                 struct wc_error *ret_error)
{
    return link_start(link, "/weir.v1.Agent/Subscribe", WC_LINK_LINES, &request->base, ret_error);
}

enum wc_status wc_link_snapshot(struct wc_link *link, const Weir__V1__SnapshotRequest *request,
                                struct wc_error *ret_error)
{
    return link_start(link, "/weir.v1.Agent/Snapshot", WC_LINK_UPDATES, &request->base, ret_error);
}

void wc_link_history(struct wc_link *link, Weir__V1__Kind kind, const char *field, uint64_t id,
                     const char *name)
{
    Weir__V1__HistoryRequest request = WEIR__V1__HISTORY_REQUEST__INIT;
    int32_t *call = link_history_call(link, 0);
    uint8_t bytes[512];
    request.kind = kind;
    request.field = (char *)(uintptr_t)field;
    request.all = !field[0];
    request.id = id;
    request.filter = (char *)(uintptr_t)name;
    size_t n = weir__v1__history_request__get_packed_size(&request);
    if (!call || n > sizeof(bytes) || link->error.code != WC_OK) {
        return;
    }
    weir__v1__history_request__pack(&request, bytes);
    if (wc_client_call(link->client, "/weir.v1.Agent/History", bytes, n, call, NULL) != WC_OK) {
        *call = 0;
    }
    link_write(link);
}

Weir__V1__Series *wc_link_take_series(struct wc_link *link)
{
    struct wc_message *message = wc_queue_take(&link->series);
    Weir__V1__Series *series = message ? message->series : NULL;
    free(message);
    return series;
}

Weir__V1__Update *wc_link_take_update(struct wc_link *link)
{
    struct wc_message *message =
        link->stream_kind == WC_LINK_UPDATES ? wc_queue_take(&link->messages) : NULL;
    Weir__V1__Update *update = message ? message->update : NULL;
    free(message);
    if (update) {
        link->target.state = wi_state_of(update->state);
    }
    return update;
}

Weir__V1__Lines *wc_link_take_lines(struct wc_link *link)
{
    struct wc_message *message =
        link->stream_kind == WC_LINK_LINES ? wc_queue_take(&link->messages) : NULL;
    Weir__V1__Lines *lines = message ? message->lines : NULL;
    free(message);
    return lines;
}

bool wc_link_is_complete(const struct wc_link *link)
{
    return link->is_complete && link->messages.n == 0;
}

/* ---- facts -------------------------------------------------------------------------------- */

const Weir__V1__Description *wc_link_description(const struct wc_link *link)
{
    return link->description;
}

struct wc_shared *wc_link_described(const struct wc_link *link)
{
    return link->described;
}

const struct wc_target *wc_link_target(const struct wc_link *link)
{
    return &link->target;
}

const char *wc_link_notice(const struct wc_link *link)
{
    return link->notice;
}

struct wc_replay *wc_link_replay(struct wc_link *link)
{
    return link->replay;
}

bool wc_link_is_own(const struct wc_link *link)
{
    return link->exporter != NULL;
}

int wc_link_metric(const struct wc_link *link, Weir__V1__Kind kind, const char *field)
{
    const Weir__V1__Description *description = link->description;
    for (size_t i = 0; i < description->n_metrics; i++) {
        const Weir__V1__Metric *metric = description->metrics[i];
        if (metric->kind == kind && strcmp(metric->field, field) == 0) {
            return (int)metric->index;
        }
    }
    return -1;
}
