/* SPDX-License-Identifier: MIT */
/*
 * The gRPC client engine against a server of nghttp2's own, whose bytes are fed at every split
 * point, cut short, and bent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "link/client.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_WIRE (8u << 20)

/* What the client reported. */
struct report {
    size_t n_messages;
    size_t lengths[16];
    uint8_t first_bytes[16];
    size_t n_ends;
    int status;
    char text[600];
};

/* A server that answers every request with `body`, then trailers; its bytes are collected. */
struct server {
    nghttp2_session *session;
    const uint8_t *body;
    size_t body_length, body_taken;
    const char *status;  /* of gRPC; NULL: no trailers */
    const char *message; /* percent-encoded; NULL: none */
    const char *http_status;
    const char *content_type;
    bool is_trailers_only;
    uint8_t *wire;
    size_t n_wire;
    uint8_t request[256];
    size_t n_request;
    char path[64];
};

static void report_message(void *context, int32_t call, const uint8_t *bytes, size_t n)
{
    struct report *report = context;
    (void)call;
    if (report->n_messages < 16) {
        report->lengths[report->n_messages] = n;
        report->first_bytes[report->n_messages] = n ? bytes[0] : 0;
    }
    report->n_messages++;
}

static void report_end(void *context, int32_t call, int status, const char *text)
{
    struct report *report = context;
    (void)call;
    report->n_ends++;
    report->status = status;
    snprintf(report->text, sizeof(report->text), "%s", text);
}

static nghttp2_nv pair(const char *name, const char *value)
{
    nghttp2_nv header = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                         strlen(value), NGHTTP2_NV_FLAG_NONE};
    return header;
}

static ssize_t server_read_body(nghttp2_session *session, int32_t stream, uint8_t *bytes,
                                size_t room, uint32_t *flags, nghttp2_data_source *source,
                                void *context)
{
    struct server *server = context;
    (void)source;
    size_t n = server->body_length - server->body_taken;
    n = n < room ? n : room;
    memcpy(bytes, server->body + server->body_taken, n);
    server->body_taken += n;
    if (server->body_taken == server->body_length) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (server->status) {
            nghttp2_nv trailers[] = {pair("grpc-status", server->status),
                                     pair("grpc-message", server->message ? server->message : "")};
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(session, stream, trailers, server->message ? 2 : 1);
        }
    }
    return (ssize_t)n;
}

static int server_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct server *server = context;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
        (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)) {
        return 0;
    }
    nghttp2_nv headers[] = {pair(":status", server->http_status),
                            pair("content-type", server->content_type),
                            pair("grpc-status", server->status ? server->status : ""),
                            pair("grpc-message", server->message ? server->message : "")};
    nghttp2_data_provider provider = {.read_callback = server_read_body};
    size_t n = server->is_trailers_only ? 4 : 2;
    nghttp2_submit_response(session, frame->hd.stream_id, headers, n,
                            server->is_trailers_only ? NULL : &provider);
    return 0;
}

static int server_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                            const uint8_t *name, size_t name_length, const uint8_t *value,
                            size_t value_length, uint8_t flags, void *context)
{
    struct server *server = context;
    (void)session;
    (void)frame;
    (void)flags;
    if (name_length == 5 && memcmp(name, ":path", 5) == 0) {
        snprintf(server->path, sizeof(server->path), "%.*s", (int)value_length,
                 (const char *)value);
    }
    return 0;
}

static int server_on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                          const uint8_t *bytes, size_t n, void *context)
{
    struct server *server = context;
    (void)session;
    (void)flags;
    (void)stream;
    assert_true(server->n_request + n <= sizeof(server->request));
    memcpy(server->request + server->n_request, bytes, n);
    server->n_request += n;
    return 0;
}

static void server_init(struct server *server, const uint8_t *body, size_t n)
{
    nghttp2_session_callbacks *callbacks = NULL;
    memset(server, 0, sizeof(*server));
    server->body = body;
    server->body_length = n;
    server->status = "0";
    server->http_status = "200";
    server->content_type = "application/grpc";
    server->wire = malloc(TEST_WIRE);
    assert_non_null(server->wire);
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, server_on_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, server_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, server_on_data);
    assert_int_equal(nghttp2_session_server_new(&server->session, callbacks, server), 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(server->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void server_finish(struct server *server)
{
    nghttp2_session_del(server->session);
    free(server->wire);
}

/* Gives the client's bytes to the server and appends the server's to its wire. */
static void server_take(struct server *server, struct wc_client *client)
{
    const uint8_t *bytes = NULL;
    size_t n = 0;
    while ((n = wc_client_output(client, &bytes)) > 0) {
        assert_int_equal(nghttp2_session_mem_recv(server->session, bytes, n), (ssize_t)n);
    }
    ssize_t sent = 0;
    while ((sent = nghttp2_session_mem_send(server->session, &bytes)) > 0) {
        assert_true(server->n_wire + (size_t)sent <= TEST_WIRE);
        memcpy(server->wire + server->n_wire, bytes, (size_t)sent);
        server->n_wire += (size_t)sent;
    }
}

static struct wc_client *client_new(struct report *report)
{
    struct wc_client_events events = {report, report_message, report_end};
    memset(report, 0, sizeof(*report));
    return wc_client_create(&events);
}

static int32_t client_ask(struct wc_client *client)
{
    int32_t call = 0;
    static const uint8_t request[] = {0x08, 0x01};
    assert_int_equal(
        wc_client_call(client, "/weir.v1.Agent/Watch", request, sizeof(request), &call, NULL),
        WC_OK);
    return call;
}

/* One whole call against a server set up by the caller, fed in one piece. */
static void exchange(struct server *server, struct report *report)
{
    struct wc_client *client = client_new(report);
    client_ask(client);
    server_take(server, client);
    assert_int_equal(wc_client_feed(client, server->wire, server->n_wire, NULL), WC_OK);
    server_take(server, client);
    wc_client_destroy(client);
}

/* Three messages: of 3 bytes, of none, and of 300. */
static const uint8_t *three_messages(size_t *ret_n)
{
    static uint8_t body[5 + 3 + 5 + 5 + 300];
    memset(body, 0, sizeof(body));
    body[4] = 3;
    memcpy(body + 5, "abc", 3);
    body[13 + 3] = 1;
    body[13 + 4] = 300 - 256;
    memset(body + 18, 'z', 300);
    *ret_n = sizeof(body);
    return body;
}

static void check_three(const struct report *report)
{
    assert_int_equal(report->n_messages, 3);
    assert_int_equal(report->lengths[0], 3);
    assert_int_equal(report->first_bytes[0], 'a');
    assert_int_equal(report->lengths[1], 0);
    assert_int_equal(report->lengths[2], 300);
    assert_int_equal(report->first_bytes[2], 'z');
    assert_int_equal(report->n_ends, 1);
    assert_int_equal(report->status, WC_GRPC_OK);
}

static void request_is_framed_as_grpc_has_it(void **state)
{
    (void)state;
    struct server server;
    struct report report;
    static const uint8_t expected[] = {0, 0, 0, 0, 2, 0x08, 0x01};

    server_init(&server, (const uint8_t *)"", 0);
    exchange(&server, &report);

    assert_string_equal(server.path, "/weir.v1.Agent/Watch");
    assert_int_equal(server.n_request, sizeof(expected));
    assert_memory_equal(server.request, expected, sizeof(expected));
    server_finish(&server);
}

static void messages_arrive_whole_at_every_split_point(void **state)
{
    (void)state;
    size_t n = 0, n_wire = 1;
    const uint8_t *body = three_messages(&n);
    for (size_t split = 0; split <= n_wire; split++) {
        struct server server;
        struct report report;
        server_init(&server, body, n);
        struct wc_client *client = client_new(&report);
        client_ask(client);
        server_take(&server, client);
        n_wire = server.n_wire;

        assert_int_equal(wc_client_feed(client, server.wire, split, NULL), WC_OK);
        assert_int_equal(wc_client_feed(client, server.wire + split, n_wire - split, NULL), WC_OK);

        check_three(&report);
        wc_client_destroy(client);
        server_finish(&server);
    }
}

static void messages_arrive_byte_by_byte(void **state)
{
    (void)state;
    size_t n = 0;
    const uint8_t *body = three_messages(&n);
    struct server server;
    struct report report;
    server_init(&server, body, n);
    struct wc_client *client = client_new(&report);
    client_ask(client);
    server_take(&server, client);

    for (size_t i = 0; i < server.n_wire; i++) {
        assert_int_equal(wc_client_feed(client, server.wire + i, 1, NULL), WC_OK);
    }

    check_three(&report);
    wc_client_destroy(client);
    server_finish(&server);
}

static void status_and_text_come_from_the_trailers(void **state)
{
    (void)state;
    struct server server;
    struct report report;
    server_init(&server, (const uint8_t *)"", 0);
    server.status = "5";
    server.message = "no such topic; did you mean game%2Fchannel/size%3F 100%";

    exchange(&server, &report);

    assert_int_equal(report.status, WC_GRPC_NOT_FOUND);
    assert_string_equal(report.text, "no such topic; did you mean game/channel/size? 100%");
    server_finish(&server);
}

static void status_may_come_trailers_only(void **state)
{
    (void)state;
    struct server server;
    struct report report;
    server_init(&server, NULL, 0);
    server.status = "12";
    server.message = "no%20such method";
    server.is_trailers_only = true;

    exchange(&server, &report);

    assert_int_equal(report.n_ends, 1);
    assert_int_equal(report.status, WC_GRPC_UNIMPLEMENTED);
    assert_string_equal(report.text, "no such method");
    server_finish(&server);
}

static void stream_without_a_status_is_an_error(void **state)
{
    (void)state;
    size_t n = 0;
    const uint8_t *body = three_messages(&n);
    struct server server;
    struct report report;
    server_init(&server, body, n);
    server.status = NULL;

    exchange(&server, &report);

    assert_int_equal(report.n_messages, 3);
    assert_int_equal(report.n_ends, 1);
    assert_int_equal(report.status, WC_GRPC_INTERNAL);
    server_finish(&server);
}

static void stream_that_ends_within_a_message_has_lost_data(void **state)
{
    (void)state;
    size_t n = 0;
    const uint8_t *body = three_messages(&n);
    for (size_t cut = 1; cut < n; cut++) {
        if (cut == 8 || cut == 13) {
            continue; /* between two messages */
        }
        struct server server;
        struct report report;
        server_init(&server, body, cut);
        exchange(&server, &report);
        assert_int_equal(report.status, WC_GRPC_DATA_LOSS);
        server_finish(&server);
    }
}

static void message_over_the_limit_ends_the_call_unread(void **state)
{
    (void)state;
    static const uint8_t body[] = {0, 0, 0x40, 0, 1, 'x', 'x'}; /* 4 MiB and a byte */
    struct server server;
    struct report report;
    server_init(&server, body, sizeof(body));

    exchange(&server, &report);

    assert_int_equal(report.n_messages, 0);
    assert_int_equal(report.n_ends, 1);
    assert_int_equal(report.status, WC_GRPC_DATA_LOSS);
    assert_string_equal(report.text, "the server sent a message of more than 4 MiB");
    server_finish(&server);
}

static void limit_of_a_call_may_be_raised(void **state)
{
    (void)state;
    static uint8_t body[5 + (4 << 20) + 1 + 6] = {0, 0, 0x40, 0, 1};
    struct server server;
    struct report report;
    body[sizeof(body) - 2] = 1; /* a short one behind the great one */
    server_init(&server, body, sizeof(body));
    struct wc_client *client = client_new(&report);
    int32_t call = client_ask(client);
    wc_client_allow(client, call, 5 << 20);
    for (int i = 0; i < 20; i++) {
        server_take(&server, client);
        assert_int_equal(wc_client_feed(client, server.wire, server.n_wire, NULL), WC_OK);
        server.n_wire = 0;
    }
    assert_int_equal(report.n_messages, 2);
    assert_int_equal(report.lengths[0], (4 << 20) + 1);
    assert_int_equal(report.lengths[1], 1);
    assert_int_equal(report.status, WC_GRPC_OK);
    wc_client_destroy(client);
    server_finish(&server);
}

static void compressed_message_ends_the_call(void **state)
{
    (void)state;
    static const uint8_t body[] = {1, 0, 0, 0, 1, 'x'};
    struct server server;
    struct report report;
    server_init(&server, body, sizeof(body));

    exchange(&server, &report);

    assert_int_equal(report.n_messages, 0);
    assert_int_equal(report.status, WC_GRPC_INTERNAL);
    server_finish(&server);
}

static void plain_http_is_not_taken_for_grpc(void **state)
{
    (void)state;
    struct server server;
    struct report report;
    server_init(&server, (const uint8_t *)"<html>", 6);
    server.content_type = "text/html";

    exchange(&server, &report);

    assert_int_equal(report.n_messages, 0);
    assert_int_equal(report.status, WC_GRPC_UNIMPLEMENTED);
    server_finish(&server);
}

static void cancelled_call_is_heard_of_no_more(void **state)
{
    (void)state;
    size_t n = 0;
    const uint8_t *body = three_messages(&n);
    struct server server;
    struct report report;
    server_init(&server, body, n);
    struct wc_client *client = client_new(&report);
    int32_t first = client_ask(client);
    server_take(&server, client);

    wc_client_cancel(client, first);
    wc_client_cancel(client, first);
    assert_int_equal(wc_client_feed(client, server.wire, server.n_wire, NULL), WC_OK);
    server_take(&server, client);

    assert_int_equal(report.n_messages, 0);
    assert_int_equal(report.n_ends, 0);
    wc_client_destroy(client);
    server_finish(&server);
}

static void goaway_refuses_new_calls(void **state)
{
    (void)state;
    struct server server;
    struct report report;
    server_init(&server, NULL, 0);
    struct wc_client *client = client_new(&report);
    nghttp2_submit_goaway(server.session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
    server_take(&server, client);
    assert_int_equal(wc_client_feed(client, server.wire, server.n_wire, NULL), WC_OK);

    int32_t call = 0;
    struct wc_error error;

    assert_int_equal(wc_client_call(client, "/x/Y", NULL, 0, &call, &error), WC_ENDED);
    wc_client_destroy(client);
    server_finish(&server);
}

static void bytes_that_are_no_http2_are_refused(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n",
    };
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        struct report report;
        const uint8_t *bytes = NULL;
        struct wc_client *client = client_new(&report);
        client_ask(client);
        enum wc_status code =
            wc_client_feed(client, (const uint8_t *)inputs[i], strlen(inputs[i]), NULL);
        while (wc_client_output(client, &bytes) > 0) {
        }

        assert_true(code == WC_MISMATCH ||
                    (wc_client_is_over(client) && wc_client_problem(client)[0]));
        assert_int_equal(report.n_messages, 0);
        wc_client_destroy(client);
    }
}

/* Every byte of a good conversation bent in turn: nothing but an error may come of it. */
static void bent_bytes_do_no_harm(void **state)
{
    (void)state;
    size_t n = 0;
    const uint8_t *body = three_messages(&n);
    struct server server;
    struct report report;
    server_init(&server, body, n);
    struct wc_client *client = client_new(&report);
    client_ask(client);
    server_take(&server, client);
    wc_client_destroy(client);
    for (size_t i = 0; i < server.n_wire; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            const uint8_t *bytes = NULL;
            client = client_new(&report);
            client_ask(client);
            while (wc_client_output(client, &bytes) > 0) {
            }
            server.wire[i] ^= (uint8_t)(1u << bit);
            wc_client_feed(client, server.wire, server.n_wire, NULL);
            server.wire[i] ^= (uint8_t)(1u << bit);
            while (wc_client_output(client, &bytes) > 0) {
            }
            assert_true(report.n_ends <= 1);
            wc_client_destroy(client);
        }
    }
    server_finish(&server);
}

static void text_is_decoded_as_far_as_it_is_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *encoded, *decoded;
    } cases[] = {{"", ""},
                 {"%41", "A"},
                 {"%4", "%4"},
                 {"%", "%"},
                 {"%zz", "%zz"},
                 {"a%20b", "a b"},
                 {"%e2%82%ac", "\xe2\x82\xac"},
                 {"%00x", "%00x"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[16];
        wc_client_decode_text((const uint8_t *)cases[i].encoded, strlen(cases[i].encoded), text,
                              sizeof(text));
        assert_string_equal(text, cases[i].decoded);
    }
    char small[3];
    wc_client_decode_text((const uint8_t *)"abcdef", 6, small, sizeof(small));
    assert_string_equal(small, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_is_framed_as_grpc_has_it),
        cmocka_unit_test(messages_arrive_whole_at_every_split_point),
        cmocka_unit_test(messages_arrive_byte_by_byte),
        cmocka_unit_test(status_and_text_come_from_the_trailers),
        cmocka_unit_test(status_may_come_trailers_only),
        cmocka_unit_test(stream_without_a_status_is_an_error),
        cmocka_unit_test(stream_that_ends_within_a_message_has_lost_data),
        cmocka_unit_test(message_over_the_limit_ends_the_call_unread),
        cmocka_unit_test(limit_of_a_call_may_be_raised),
        cmocka_unit_test(compressed_message_ends_the_call),
        cmocka_unit_test(plain_http_is_not_taken_for_grpc),
        cmocka_unit_test(cancelled_call_is_heard_of_no_more),
        cmocka_unit_test(goaway_refuses_new_calls),
        cmocka_unit_test(bytes_that_are_no_http2_are_refused),
        cmocka_unit_test(bent_bytes_do_no_harm),
        cmocka_unit_test(text_is_decoded_as_far_as_it_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
