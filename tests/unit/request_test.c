/* SPDX-License-Identifier: MIT */
/* A request put together from pieces, its limits, and the small rules of gRPC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/request.h"

#include <stdlib.h>
#include <string.h>

static void add(struct wi_request *request, const char *name, const char *value)
{
    wi_request_add_header(request, name, strlen(name), value, strlen(value));
}

static void begin(struct wi_request *request, struct wi_memory *memory)
{
    *memory = (struct wi_memory){.limit = UINT64_MAX};
    wi_request_init(request, memory);
    add(request, ":method", "POST");
    add(request, ":path", "/weir.v1.Agent/Watch");
    add(request, "content-type", "application/grpc+proto");
}

static void a_message_arrives_whole_from_pieces_of_any_size(void **state)
{
    (void)state;
    uint8_t bytes[5 + 300] = {0, 0, 0, 1, 44};
    for (size_t i = 0; i < 300; i++) {
        bytes[5 + i] = (uint8_t)i;
    }
    for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
        struct wi_memory memory;
        struct wi_request request;
        const uint8_t *message;
        size_t n;
        begin(&request, &memory);
        assert_true(wi_request_end_header(&request));
        for (size_t at = 0; at < sizeof(bytes); at += piece) {
            size_t left = sizeof(bytes) - at;
            assert_true(wi_request_add_body(&request, bytes + at, left < piece ? left : piece));
        }
        assert_true(wi_request_end(&request, &message, &n));
        assert_int_equal(n, 300);
        assert_memory_equal(message, bytes + 5, 300);
        assert_string_equal(request.path, "/weir.v1.Agent/Watch");
        wi_request_finish(&request);
        assert_int_equal(memory.bytes, 0);
    }
}

static void body_fails(const uint8_t *bytes, size_t n, enum wi_rpc_code code)
{
    for (size_t piece = 1; piece <= n + 1; piece++) {
        struct wi_memory memory;
        struct wi_request request;
        const uint8_t *message;
        size_t n_message;
        bool is_good = true;
        begin(&request, &memory);
        assert_true(wi_request_end_header(&request));
        for (size_t at = 0; at < n && is_good; at += piece) {
            is_good = wi_request_add_body(&request, bytes + at, n - at < piece ? n - at : piece);
        }
        assert_false(is_good && wi_request_end(&request, &message, &n_message));
        assert_int_equal(request.fault.code, code);
        assert_true(request.fault.text[0] != '\0');
        wi_request_finish(&request);
        assert_int_equal(memory.bytes, 0);
    }
}

static void what_is_no_single_plain_message_is_refused(void **state)
{
    (void)state;
    body_fails((const uint8_t *)"", 0, WI_RPC_INVALID_ARGUMENT);
    body_fails((const uint8_t *)"\0\0\0", 3, WI_RPC_INVALID_ARGUMENT);
    body_fails((const uint8_t *)"\0\0\0\0\2x", 6, WI_RPC_INVALID_ARGUMENT);
    body_fails((const uint8_t *)"\0\0\0\0\1xy", 7, WI_RPC_INVALID_ARGUMENT);
    body_fails((const uint8_t *)"\0\0\0\0\0\0\0\0\0\0", 10, WI_RPC_INVALID_ARGUMENT);
    body_fails((const uint8_t *)"\2\0\0\0\0", 5, WI_RPC_INVALID_ARGUMENT);
    body_fails((const uint8_t *)"\1\0\0\0\0", 5, WI_RPC_UNIMPLEMENTED);
    body_fails((const uint8_t *)"\0\0\1\0\1", 5, WI_RPC_RESOURCE_EXHAUSTED);
    body_fails((const uint8_t *)"\0\377\377\377\377", 5, WI_RPC_RESOURCE_EXHAUSTED);
}

static void the_longest_message_passes(void **state)
{
    (void)state;
    struct wi_memory memory;
    struct wi_request request;
    const uint8_t *message;
    size_t n;
    uint8_t *bytes = calloc(1, 5 + WI_REQUEST_MESSAGE_MAX);
    bytes[2] = 1;
    begin(&request, &memory);
    assert_true(wi_request_end_header(&request));
    assert_true(wi_request_add_body(&request, bytes, 5 + WI_REQUEST_MESSAGE_MAX));
    assert_true(wi_request_end(&request, &message, &n));
    assert_int_equal(n, WI_REQUEST_MESSAGE_MAX);
    wi_request_finish(&request);
    free(bytes);
}

static void other_methods_and_media_get_their_http_status(void **state)
{
    (void)state;
    struct wi_memory memory;
    struct wi_request request;
    begin(&request, &memory);
    add(&request, ":method", "GET");
    assert_false(wi_request_end_header(&request));
    assert_int_equal(request.http_status, 405);
    begin(&request, &memory);
    add(&request, "content-type", "application/grpcx");
    assert_false(wi_request_end_header(&request));
    assert_int_equal(request.http_status, 415);
}

static void headers_have_a_limit(void **state)
{
    (void)state;
    struct wi_memory memory;
    struct wi_request request;
    begin(&request, &memory);
    for (int i = 0; i < 600; i++) {
        add(&request, "x", "y");
    }
    assert_false(wi_request_end_header(&request));
    assert_int_equal(request.fault.code, WI_RPC_RESOURCE_EXHAUSTED);

    char path[300];
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    *path = '/';
    wi_request_init(&request, &memory);
    add(&request, ":path", path);
    assert_string_equal(request.path, "");
}

static void timeout_is(const char *text, bool is_good, uint64_t nanos)
{
    uint64_t found = 0;
    assert_int_equal(wi_rpc_timeout_parse(text, strlen(text), &found), is_good);
    assert_true(found == nanos);
}

static void timeouts_are_read_in_all_units(void **state)
{
    (void)state;
    timeout_is("1n", true, 1);
    timeout_is("20u", true, 20000);
    timeout_is("300m", true, 300000000);
    timeout_is("2S", true, 2000000000);
    timeout_is("1M", true, UINT64_C(60000000000));
    timeout_is("1H", true, UINT64_C(3600000000000));
    timeout_is("99999999H", true, UINT64_MAX / 4);
    timeout_is("0S", true, 0);
    timeout_is("", false, 0);
    timeout_is("S", false, 0);
    timeout_is("1", false, 0);
    timeout_is("123456789S", false, 0);
    timeout_is("-1S", false, 0);
    timeout_is("1s", false, 0);
    timeout_is("1 S", false, 0);
}

static void messages_are_percent_encoded(void **state)
{
    (void)state;
    char text[16];
    assert_int_equal(wi_rpc_message_write("a b%\n\xc3\xbc", text, sizeof(text)), 15);
    assert_string_equal(text, "a b%25%0A%C3%BC");
    assert_int_equal(wi_rpc_message_write("a b%\n\xc3\xbcx", text, sizeof(text)), 15);
    assert_int_equal(wi_rpc_message_write("\n\n", text, 6), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_whole_from_pieces_of_any_size),
        cmocka_unit_test(what_is_no_single_plain_message_is_refused),
        cmocka_unit_test(the_longest_message_passes),
        cmocka_unit_test(other_methods_and_media_get_their_http_status),
        cmocka_unit_test(headers_have_a_limit),
        cmocka_unit_test(timeouts_are_read_in_all_units),
        cmocka_unit_test(messages_are_percent_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
