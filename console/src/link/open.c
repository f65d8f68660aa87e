/* SPDX-License-Identifier: MIT */
/*
 * The ways to a process, and the order in which they are tried.
 *
 *     a recording -> its file, by the exporter's engine here (record/replay.c)
 *     a socket -> its exporter; when there is no answer: the segment, by an exporter thread of our own
 *     an address -> an exporter over TCP
 *     gRPC is spoken there, but not weir's -> Tokio's protocol, by an exporter thread of our own
 *
 * Every way ends in a link that has a Description, so that commands are the same for all. Each
 * attempt is a link of its own, closed when it fails. All of them share the caller's deadline; when
 * there is a segment to fall back on, the socket gets half of it. Only with Tokio's protocol our
 * own exporter gets 30 s more, since its first message may be long.
 *
 * The process may be stopped, or lie. An answer of another protocol version is refused with a line
 * that says so. The token is read for TCP only and sent nowhere else. If several processes are
 * served, the link names its own from then on. Blocks until the deadline, and longer only while a
 * Tokio server's first message arrives. One thread at a time.
 */
#include "link/state.h"

#include "base/memory.h"
#include "link/connect.h"
#include "weir/nanos.h"
#include "weir/token.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINK_PROTOCOL        1u
#define LINK_PATIENCE_NANOS  (UINT64_C(5) * 1000000000)
#define LINK_OWN_NANOS       (UINT64_C(30) * 1000000000) /* an answer of our own exporter */
#define LINK_NANOS_PER_MILLI UINT64_C(1000000)

static enum wc_status link_describe(struct wc_link *link, uint64_t deadline,
                                    struct wc_error *ret_error)
{
    enum wc_status code = wc_client_call(link->client, "/weir.v1.Agent/Describe", NULL, 0,
                                         &link->describe_call, ret_error);
    while (code == WC_OK) {
        code = wc_link_step(link, ret_error);
        if (code != WC_OK || (link->description && link->describe_call == 0)) {
            break;
        }
        uint64_t now = wi_nanos(CLOCK_MONOTONIC);
        if (now >= deadline) {
            char place[WI_PATH_MAX + 16];
            wc_target_place(&link->target, place, sizeof(place));
            return wc_error_set(ret_error, WC_NO_TARGET,
                                "no answer from %s: the process is stopped or hangs", place);
        }
        struct pollfd wait = {.fd = link->fd, .events = wc_link_events(link)};
        poll(&wait, 1, (int)((deadline - now) / LINK_NANOS_PER_MILLI) + 1);
    }
    if (code == WC_OK && link->description->protocol != LINK_PROTOCOL) {
        return wc_error_set(ret_error, WC_MISMATCH,
                            "the server speaks protocol %u and this weir %u: use the weir of its "
                            "version (%s)",
                            link->description->protocol, LINK_PROTOCOL, link->description->version);
    }
    return code;
}

/* A Tokio server has no name and no pid: its address identifies it. */
static void link_settle_tokio(struct wc_link *link)
{
    char place[WI_PATH_MAX + 16];
    Weir__V1__Description *description = link->description;
    wc_target_place(&link->target, place, sizeof(place));
    snprintf(link->target.name, sizeof(link->target.name), "%s", description->name);
    link->target.state = WI_STATE_RUNNING;
    if (description->grpc_address != protobuf_c_empty_string) {
        free(description->grpc_address);
    }
    description->grpc_address = wc_copy(place);
}

/* Adds the facts of the Description to the target, and notes how it is read. */
static void link_settle(struct wc_link *link, bool has_fallen_back)
{
    char pid[16];
    const Weir__V1__Description *description = link->description;
    struct wc_target *target = &link->target;
    if (link->tokio) {
        link_settle_tokio(link);
        return;
    }
    snprintf(target->name, sizeof(target->name), "%s", description->name);
    /* If several processes are served, the link names this one from now on, by the server's name
     * for it. */
    snprintf(pid, sizeof(pid), "%u", description->pid);
    wc_client_set_process(link->client, pid);
    if (target->owner.pid) {
        link->description->pid = target->pid; /* in a container its own pid is another one */
    }
    target->pid = description->pid;
    if (target->host[0] && !target->process[0]) {
        /* And after a new start, the process of its name. */
        snprintf(target->process, sizeof(target->process), "%s", target->name);
    }
    /* A path of another machine means nothing here, or another file. */
    if (!target->path[0] && !target->host[0] &&
        strlen(description->segment_path) < sizeof(target->path)) {
        snprintf(target->path, sizeof(target->path), "%s", description->segment_path);
    }
    target->state = wi_state_of(description->state);
    if (target->state == WI_STATE_DEAD || target->state == WI_STATE_ORPHANED) {
        snprintf(link->notice, sizeof(link->notice), "pid %u is dead: these are its last numbers",
                 target->pid);
    } else if (has_fallen_back) {
        snprintf(link->notice, sizeof(link->notice),
                 "pid %u does not answer: its numbers come from its segment", target->pid);
    }
}

/* A recorded process is like any other. At first the end of the recording is shown. */
static void link_settle_recording(struct wc_link *link)
{
    struct wc_target *target = &link->target;
    target->pid = link->description->pid;
    snprintf(target->name, sizeof(target->name), "%s", link->description->name);
    target->state = wi_state_of(link->description->state);
    snprintf(link->notice, sizeof(link->notice), "%s", wc_replay_notice(link->replay));
    wc_replay_seek(link->replay, UINT64_MAX);
}

enum link_way { LINK_BY_SOCKET, LINK_BY_TCP, LINK_BY_SEGMENT, LINK_BY_TOKIO, LINK_BY_RECORDING };

static ssize_t link_replay_send(struct wc_link *link, const uint8_t *bytes, size_t n)
{
    return wc_replay_send(link->replay, bytes, n);
}

static ssize_t link_replay_receive(struct wc_link *link, uint8_t *ret_bytes, size_t room)
{
    return wc_replay_receive(link->replay, ret_bytes, room);
}

static enum wc_status link_connect_recording(struct wc_link *link, struct wc_error *ret_error)
{
    static const struct wc_link_io over_replay = {link_replay_send, link_replay_receive};
    enum wc_status code = wc_replay_open(link->target.path, &link->replay, ret_error);
    if (code == WC_OK) {
        link->io = &over_replay;
        link->fd = wc_replay_fd(link->replay);
    }
    return code;
}

/* By Tokio's own protocol, on a connection of its own; our exporter serves its numbers like those
 * of a segment. */
static enum wc_status link_connect_tokio(struct wc_link *link, uint64_t deadline,
                                         struct wc_error *ret_error)
{
    char place[WI_PATH_MAX + 16];
    struct wc_attachment attachment = {NULL, NULL};
    struct wc_lints lints;
    const struct wc_target *target = &link->target;
    int fd = -1;
    enum wc_status code =
        target->socket[0] ? wc_connect(target->socket, deadline, &fd, ret_error)
                          : wc_connect_tcp(target->host, target->port, deadline, &fd, ret_error);
    if (code != WC_OK) {
        return code;
    }
    wc_target_place(target, place, sizeof(place));
    wc_lints_init(&lints);
    if (!wc_lints_parse(&lints, target->lints, place, sizeof(place))) {
        close(fd);
        return wc_error_set(ret_error, WC_USAGE, "%s", place);
    }
    code =
        wc_tokio_open(fd, target->socket[0] ? "" : place, &lints, deadline, &attachment, ret_error);
    link->tokio = attachment.tokio;
    return code == WC_OK ? wc_serve_view(attachment.view, &link->fd, &link->exporter, ret_error)
                         : code;
}

/* Connects over TCP: the token is sent there and nowhere else. */
static enum wc_status link_connect_tcp(struct wc_link *link, uint64_t deadline,
                                       struct wc_error *ret_error)
{
    char text[WI_TOKEN_MOST + 1] = "";
    char place[WI_PATH_MAX + 16];
    struct weir_error error;
    const char *path = getenv("WEIR_TOKEN_FILE");
    if (path && path[0] && wi_token_read(path, text, &error) != WEIR_OK) {
        return wc_error_set(ret_error, WC_DENIED, "%s", error.text);
    }
    wc_target_place(&link->target, place, sizeof(place));
    wc_client_set_authority(link->client, place);
    wc_client_set_token(link->client, text);
    explicit_bzero(text, sizeof(text));
    return wc_connect_tcp(link->target.host, link->target.port, deadline, &link->fd, ret_error);
}

/* ret_is_other: gRPC is spoken there, but not weir's. */
static enum wc_status link_try(const struct wc_target *target, enum link_way way, uint64_t deadline,
                               bool *ret_is_other, struct wc_link **ret_link,
                               struct wc_error *ret_error)
{
    struct wc_link *link = wc_link_create(target);
    enum wc_status code = WC_OK;
    wc_client_set_process(link->client, way >= LINK_BY_SEGMENT ? "" : target->process);
    switch (way) {
    case LINK_BY_SOCKET:
        code = wc_connect(target->socket, deadline, &link->fd, ret_error);
        break;
    case LINK_BY_TCP:
        code = link_connect_tcp(link, deadline, ret_error);
        break;
    case LINK_BY_SEGMENT:
        code = wc_serve(target->path, &link->fd, &link->exporter, ret_error);
        break;
    case LINK_BY_RECORDING:
        code = link_connect_recording(link, ret_error);
        break;
    case LINK_BY_TOKIO:
        code = link_connect_tokio(link, deadline, ret_error);
        /* The first message may have taken longer, and our own exporter must still parse it. */
        deadline = wi_nanos(CLOCK_MONOTONIC) + LINK_OWN_NANOS;
        break;
    }
    if (code == WC_OK) {
        code = link_describe(link, deadline, ret_error);
    }
    *ret_is_other = link->is_other_service;
    if (code != WC_OK) {
        wc_link_close(link);
        return code;
    }
    *ret_link = link;
    return WC_OK;
}

/* A server that speaks gRPC but not weir's may be a Tokio server. */
static enum wc_status link_open_other(const struct wc_target *target, uint64_t deadline,
                                      struct wc_link **ret_link, struct wc_error *ret_error)
{
    char place[WI_PATH_MAX + 16];
    bool is_other;
    enum wc_status code = link_try(target, LINK_BY_TOKIO, deadline, &is_other, ret_link, ret_error);
    if (code == WC_OK) {
        link_settle(*ret_link, false);
    } else if (code == WC_MISMATCH) {
        struct wc_error why = *ret_error;
        wc_target_place(target, place, sizeof(place));
        return wc_error_set(ret_error, code,
                            "%s: neither weir nor tokio-console is served there: %s", place,
                            why.text);
    }
    return code;
}

enum wc_status wc_link_open_within(const struct wc_target *target, uint64_t patience_nanos,
                                   struct wc_link **ret_link, struct wc_error *ret_error)
{
    bool has_path = target->path[0] != '\0';
    bool has_fallen_back = false, is_other = false;
    uint64_t deadline = wi_nanos(CLOCK_MONOTONIC) + patience_nanos;
    enum wc_status code = WC_NO_TARGET;
    if (target->is_recording) {
        code = link_try(target, LINK_BY_RECORDING, deadline, &is_other, ret_link, ret_error);
        if (code == WC_OK) {
            link_settle_recording(*ret_link);
        }
        return code;
    }
    if (target->socket[0]) {
        /* With a segment to fall back on, the wait for an answer is shorter. */
        uint64_t first = has_path ? deadline - patience_nanos / 2 : deadline;
        code = link_try(target, LINK_BY_SOCKET, first, &is_other, ret_link, ret_error);
        has_fallen_back = true;
    } else if (target->host[0]) {
        code = link_try(target, LINK_BY_TCP, deadline, &is_other, ret_link, ret_error);
    }
    if (code != WC_OK && is_other) {
        return link_open_other(target, deadline, ret_link, ret_error);
    }
    if (has_path && (code == WC_NO_TARGET || code == WC_ENDED)) {
        code = link_try(target, LINK_BY_SEGMENT, deadline, &is_other, ret_link, ret_error);
    } else {
        has_fallen_back = false;
    }
    if (code == WC_OK) {
        link_settle(*ret_link, has_fallen_back);
    }
    return code;
}

enum wc_status wc_link_open(const struct wc_target *target, struct wc_link **ret_link,
                            struct wc_error *ret_error)
{
    return wc_link_open_within(target, LINK_PATIENCE_NANOS, ret_link, ret_error);
}
