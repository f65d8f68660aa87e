/* SPDX-License-Identifier: MIT */
/*
 * The client engine over nghttp2: gRPC's framing upon HTTP/2.
 *
 *     wc_client_feed(bytes) -> nghttp2 -> a call's message, put together -> on_message, on_end
 *     wc_client_call -> nghttp2 -> wc_client_output -> bytes
 *
 * It has no socket, and does not know the messages' meaning. The client owns its calls; each owns
 * its request and the one message that is being assembled. A message is handed over whole, borrowed
 * for the callback, and its room is used for the next.
 *
 * A server may lie. A message's room grows as its bytes arrive, not by the length that was
 * promised, and a longer one than 4 MiB (or what wc_client_allow says) ends its call before
 * anything is allocated for it. Compressed messages, other content types and other HTTP statuses
 * end the call as well, with a text. The windows are raised so that a page of 3 MiB comes without a
 * round trip; nghttp2 gives the credit back as data is taken. link.c slows down a server that sends
 * without end: it stops reading. Lack of memory ends the program. One thread.
 */
#include "link/client.h"

#include "base/memory.h"
#include "weir/expect.h"

#include <nghttp2/nghttp2.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_WINDOW   (4 << 20)
#define CLIENT_PREFIX   5u
#define CLIENT_TEXT_MAX 512u
#define CLIENT_FIRST    4096u

struct client_call {
    struct client_call *next;
    struct wc_client *client;
    int32_t id;
    uint8_t *request;
    size_t request_length, request_taken;
    uint8_t prefix[CLIENT_PREFIX];
    size_t n_prefix;
    uint8_t *message; /* `filled` of `length` bytes are there */
    size_t length, filled, room;
    size_t limit;    /* of a message */
    int http_status; /* 0: no headers yet */
    bool is_grpc;    /* by its content type */
    bool is_cancelled;
    int grpc_status; /* -1: none yet */
    char text[CLIENT_TEXT_MAX];
};

struct wc_client {
    nghttp2_session *session;
    struct wc_client_events events;
    struct client_call *calls;
    char *authority;     /* NULL: localhost */
    char *authorization; /* NULL: none */
    char *process;       /* as weir-target; NULL: none */
    bool has_goaway;
    char problem[256]; /* nghttp2's error about the peer's bytes */
};

static void client_call_destroy(struct client_call *call)
{
    free(call->request);
    free(call->message);
    free(call);
}

static struct client_call *client_find(struct wc_client *client, int32_t id)
{
    for (struct client_call *call = client->calls; call; call = call->next) {
        if (call->id == id) {
            return call;
        }
    }
    return NULL;
}

static int client_hex(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void wc_client_decode_text(const uint8_t *encoded, size_t n, char *ret_text, size_t room)
{
    size_t length = 0;
    for (size_t i = 0; i < n && length + 1 < room; i++) {
        int high = encoded[i] == '%' && i + 2 < n ? client_hex(encoded[i + 1]) : -1;
        int low = high >= 0 ? client_hex(encoded[i + 2]) : -1;
        if (low >= 0 && (high || low)) {
            ret_text[length++] = (char)(high << 4 | low);
            i += 2;
        } else {
            ret_text[length++] = (char)encoded[i];
        }
    }
    ret_text[length] = '\0';
}

/* Ends a call on our side because of an error of the server. */
static void client_refuse(struct client_call *call, int status, const char *text)
{
    if (call->grpc_status > 0) {
        return;
    }
    call->grpc_status = status;
    snprintf(call->text, sizeof(call->text), "%s", text);
    nghttp2_submit_rst_stream(call->client->session, NGHTTP2_FLAG_NONE, call->id,
                              NGHTTP2_PROTOCOL_ERROR);
}

static void client_deliver(struct client_call *call)
{
    (void)WI_EXPECT(call->n_prefix == CLIENT_PREFIX && call->filled == call->length);
    call->n_prefix = 0;
    call->filled = 0;
    const struct wc_client_events *events = &call->client->events;
    if (!call->is_cancelled) {
        events->on_message(events->context, call->id, call->message, call->length);
    }
    if (call->room > WC_CLIENT_MESSAGE_LIMIT) {
        free(call->message); /* of one large message among small ones */
        call->message = NULL;
        call->room = 0;
    }
}

/* Reads the length prefix once it is whole; false when the call ended over it. */
static bool client_begin_message(struct client_call *call)
{
    const uint8_t *prefix = call->prefix;
    call->length = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 |
                   (size_t)prefix[4];
    if (prefix[0] != 0) {
        client_refuse(call, WC_GRPC_INTERNAL,
                      "the server sent a compressed message that weir did not request");
        return false;
    }
    if (call->length > call->limit) {
        char text[96];
        snprintf(text, sizeof(text), "the server sent a message of more than %zu MiB",
                 call->limit >> 20);
        client_refuse(call, WC_GRPC_DATA_LOSS, text);
        return false;
    }
    if (!call->message) { /* also after a large one */
        call->message = wc_alloc(CLIENT_FIRST);
        call->room = CLIENT_FIRST;
    }
    if (call->length == 0) {
        client_deliver(call);
    }
    return true;
}

/* Grows as bytes arrive, not by the promised length. */
static void client_fill(struct client_call *call, const uint8_t *bytes, size_t n)
{
    if (!WI_EXPECT(n <= call->length - call->filled && call->length <= call->limit)) {
        return;
    }
    if (call->filled + n > call->room) {
        size_t room = call->room * 2 > call->filled + n ? call->room * 2 : call->filled + n;
        room = call->length > call->filled + n && room > call->length ? call->length : room;
        call->message = wc_resize(call->message, room, 1);
        call->room = room;
    }
    memcpy(call->message + call->filled, bytes, n);
    call->filled += n;
}

static int client_on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                          const uint8_t *bytes, size_t n, void *context)
{
    (void)flags;
    (void)context;
    struct client_call *call = nghttp2_session_get_stream_user_data(session, stream);
    while (call && n > 0 && call->grpc_status < 0 && !call->is_cancelled) {
        size_t taken = 0;
        if (call->n_prefix < CLIENT_PREFIX) {
            taken = CLIENT_PREFIX - call->n_prefix;
            taken = taken < n ? taken : n;
            memcpy(call->prefix + call->n_prefix, bytes, taken);
            call->n_prefix += taken;
            if (call->n_prefix == CLIENT_PREFIX && !client_begin_message(call)) {
                return 0;
            }
        } else {
            taken = call->length - call->filled;
            taken = taken < n ? taken : n;
            client_fill(call, bytes, taken);
            if (call->filled == call->length) {
                client_deliver(call);
            }
        }
        bytes += taken;
        n -= taken;
    }
    return 0;
}

static int client_number(const uint8_t *text, size_t n)
{
    int number = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || i >= 3) {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return n ? number : -1;
}

static bool client_is(const uint8_t *name, size_t n, const char *text)
{
    return n == strlen(text) && memcmp(name, text, n) == 0;
}

static int client_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                            const uint8_t *name, size_t name_length, const uint8_t *value,
                            size_t value_length, uint8_t flags, void *context)
{
    (void)flags;
    (void)context;
    struct client_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!call) {
        return 0;
    }
    static const char type[] = "application/grpc";
    if (client_is(name, name_length, ":status")) {
        call->http_status = client_number(value, value_length);
    } else if (client_is(name, name_length, "content-type")) {
        call->is_grpc = value_length >= strlen(type) && memcmp(value, type, strlen(type)) == 0;
    } else if (client_is(name, name_length, "grpc-status") && call->grpc_status < 0) {
        int status = client_number(value, value_length);
        call->grpc_status = status < 0 ? WC_GRPC_UNKNOWN : status;
    } else if (client_is(name, name_length, "grpc-message") && call->text[0] == '\0') {
        wc_client_decode_text(value, value_length, call->text, sizeof(call->text));
    }
    return 0;
}

static int client_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct wc_client *client = context;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->has_goaway = true;
    }
    struct client_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && call && call->grpc_status < 0 &&
        call->http_status >= 200 && (call->http_status != 200 || !call->is_grpc)) {
        char text[96];
        snprintf(text, sizeof(text), "the server answers HTTP %d instead of gRPC",
                 call->http_status);
        client_refuse(call, WC_GRPC_UNIMPLEMENTED, text);
    }
    return 0;
}

/* The result of a stream that ended without a status. */
static int client_status_of(uint32_t http2_error)
{
    switch (http2_error) {
    case NGHTTP2_REFUSED_STREAM:
        return WC_GRPC_UNAVAILABLE;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return WC_GRPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_CANCEL:
        return WC_GRPC_CANCELLED;
    default:
        return WC_GRPC_INTERNAL;
    }
}

static int client_on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    struct wc_client *client = context;
    struct client_call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (!call) {
        return 0;
    }
    struct client_call **link = &client->calls;
    while (*link && *link != call) {
        link = &(*link)->next;
    }
    nghttp2_session_set_stream_user_data(session, stream, NULL);
    if (!WI_EXPECT(*link)) {
        return 0; /* freed already */
    }
    *link = call->next;
    if (call->grpc_status < 0) {
        call->grpc_status = client_status_of(error);
        if (call->text[0] == '\0') {
            snprintf(call->text, sizeof(call->text), "the stream ended without a status (%s)",
                     nghttp2_http2_strerror(error));
        }
    } else if (call->grpc_status == WC_GRPC_OK && call->n_prefix > 0) {
        call->grpc_status = WC_GRPC_DATA_LOSS;
        snprintf(call->text, sizeof(call->text), "the stream ended within a message");
    }
    if (!call->is_cancelled) {
        client->events.on_end(client->events.context, call->id, call->grpc_status, call->text);
    }
    client_call_destroy(call);
    return 0;
}

static int client_on_error(nghttp2_session *session, int code, const char *text, size_t n,
                           void *context)
{
    (void)session;
    (void)code;
    struct wc_client *client = context;
    if (client->problem[0] == '\0') {
        snprintf(client->problem, sizeof(client->problem), "%.*s", (int)n, text);
    }
    return 0;
}

static nghttp2_session *client_session(struct wc_client *client)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) {
        wc_give_up();
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks, client_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, client_on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, client_on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, client_on_close);
    nghttp2_session_callbacks_set_error_callback2(callbacks, client_on_error);
    nghttp2_option_set_no_closed_streams(option, 1);
    if (nghttp2_session_client_new2(&session, callbacks, client, option) != 0) {
        wc_give_up();
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

struct wc_client *wc_client_create(const struct wc_client_events *events)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CLIENT_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16 << 10},
    };
    struct wc_client *client = wc_alloc(sizeof(*client));
    client->events = *events;
    client->session = client_session(client);
    nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, settings,
                            sizeof(settings) / sizeof(settings[0]));
    nghttp2_session_set_local_window_size(client->session, NGHTTP2_FLAG_NONE, 0, 2 * CLIENT_WINDOW);
    return client;
}

static void client_set(char **text, const char *before, const char *value)
{
    if (*text) {
        explicit_bzero(*text, strlen(*text));
    }
    free(*text);
    *text = NULL;
    if (value && value[0]) {
        size_t room = strlen(before) + strlen(value) + 1;
        *text = wc_alloc(room);
        snprintf(*text, room, "%s%s", before, value);
    }
}

void wc_client_set_authority(struct wc_client *client, const char *authority)
{
    client_set(&client->authority, "", authority);
}

void wc_client_set_token(struct wc_client *client, const char *token)
{
    client_set(&client->authorization, "Bearer ", token);
}

void wc_client_set_process(struct wc_client *client, const char *process)
{
    client_set(&client->process, "", process);
}

void wc_client_destroy(struct wc_client *client)
{
    if (!client) {
        return;
    }
    nghttp2_session_del(client->session);
    wc_client_set_authority(client, NULL);
    wc_client_set_token(client, NULL);
    wc_client_set_process(client, NULL);
    for (struct client_call *call = client->calls; call;) {
        struct client_call *next = call->next;
        client_call_destroy(call);
        call = next;
    }
    free(client);
}

static ssize_t client_read_request(nghttp2_session *session, int32_t stream, uint8_t *bytes,
                                   size_t room, uint32_t *flags, nghttp2_data_source *source,
                                   void *context)
{
    (void)session;
    (void)context;
    struct client_call *call = source->ptr;
    if (!WI_EXPECT(call->id == stream && call->request_taken <= call->request_length)) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    size_t n = call->request_length - call->request_taken;
    n = n < room ? n : room;
    memcpy(bytes, call->request + call->request_taken, n);
    call->request_taken += n;
    if (call->request_taken == call->request_length) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static nghttp2_nv client_header(const char *name, const char *value)
{
    nghttp2_nv header = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                         strlen(value), NGHTTP2_NV_FLAG_NONE};
    return header;
}

enum wc_status wc_client_call(struct wc_client *client, const char *method, const uint8_t *message,
                              size_t n, int32_t *ret_call, struct wc_error *ret_error)
{
    if (client->has_goaway) {
        return wc_error_set(ret_error, WC_ENDED, "the server is ending: attach again");
    }
    struct client_call *call = wc_alloc(sizeof(*call));
    call->client = client;
    call->grpc_status = -1;
    call->limit = WC_CLIENT_MESSAGE_LIMIT;
    call->request_length = CLIENT_PREFIX + n;
    call->request = wc_alloc(call->request_length);
    for (unsigned i = 0; i < 4; i++) {
        call->request[1 + i] = (uint8_t)(n >> (24 - 8 * i));
    }
    if (n > 0) {
        memcpy(call->request + CLIENT_PREFIX, message, n);
    }
    nghttp2_nv headers[] = {
        client_header(":method", "POST"),
        client_header(":scheme", "http"),
        client_header(":path", method),
        client_header(":authority", client->authority ? client->authority : "localhost"),
        client_header("te", "trailers"),
        client_header("content-type", "application/grpc"),
        client_header("user-agent", "weir-console"),
        {0},
        {0},
    };
    size_t n_headers = 7;
    if (client->process) {
        headers[n_headers++] = client_header("weir-target", client->process);
    }
    if (client->authorization) {
        headers[n_headers] = client_header("authorization", client->authorization);
        headers[n_headers++].flags = NGHTTP2_NV_FLAG_NO_INDEX;
    }
    nghttp2_data_provider provider = {.source = {.ptr = call},
                                      .read_callback = client_read_request};
    int32_t id = nghttp2_submit_request(client->session, NULL, headers, n_headers, &provider, call);
    if (id < 0) {
        client_call_destroy(call);
        return wc_error_set(ret_error, WC_ENDED, "the connection takes no more calls (%s)",
                            nghttp2_strerror(id));
    }
    call->id = id;
    call->next = client->calls;
    client->calls = call;
    *ret_call = id;
    return WC_OK;
}

void wc_client_allow(struct wc_client *client, int32_t id, size_t bytes)
{
    struct client_call *call = client_find(client, id);
    if (call) {
        call->limit = bytes;
    }
}

void wc_client_cancel(struct wc_client *client, int32_t id)
{
    struct client_call *call = client_find(client, id);
    if (call && !call->is_cancelled) {
        call->is_cancelled = true;
        nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    }
}

enum wc_status wc_client_feed(struct wc_client *client, const uint8_t *bytes, size_t n,
                              struct wc_error *ret_error)
{
    ssize_t taken = nghttp2_session_mem_recv(client->session, bytes, n);
    if (taken >= 0) {
        return WC_OK;
    }
    if (client->problem[0] == '\0') {
        snprintf(client->problem, sizeof(client->problem), "%s", nghttp2_strerror((int)taken));
    }
    return wc_error_set(ret_error, WC_MISMATCH, "the server does not speak weir's protocol (%s)",
                        client->problem);
}

size_t wc_client_output(struct wc_client *client, const uint8_t **ret_bytes)
{
    ssize_t n = nghttp2_session_mem_send(client->session, ret_bytes);
    return n > 0 ? (size_t)n : 0;
}

bool wc_client_wants_output(const struct wc_client *client)
{
    return nghttp2_session_want_write(client->session) != 0;
}

bool wc_client_is_over(const struct wc_client *client)
{
    return !nghttp2_session_want_read(client->session) &&
           !nghttp2_session_want_write(client->session);
}

const char *wc_client_problem(const struct wc_client *client)
{
    return client->has_goaway ? "" : client->problem;
}
