/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/session */
/* A loopback: a console's bytes in, the engine's answers out, and each refresh of the view is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "link/client.h"
#include "weir/loopback.h"
#include "weir/v1/agent.pb-c.h"

#include <stdio.h>
#include <string.h>

struct console {
    struct wi_process_view *view;
    struct wi_loopback *loopback;
    struct wc_client *client;
    unsigned n_messages;
    uint64_t sent; /* of the channel, in the last Update; in a Description: metrics */
    char notice[32];
    int status; /* of the call that ended last; -1: none */
};

static void on_message(void *context, int32_t call, const uint8_t *bytes, size_t n)
{
    struct console *console = context;
    (void)call;
    console->n_messages++;
    Weir__V1__Update *update = weir__v1__update__unpack(NULL, n, bytes);
    if (update && update->n_tables == 1 && update->tables[0]->n_rows == 1) {
        console->sent = update->tables[0]->rows[0]->values[WI_CHANNEL_SENT]->u64;
    }
    weir__v1__update__free_unpacked(update, NULL);
    Weir__V1__Description *description = weir__v1__description__unpack(NULL, n, bytes);
    if (description) {
        snprintf(console->notice, sizeof(console->notice), "%s", description->notice);
    }
    weir__v1__description__free_unpacked(description, NULL);
}

static void on_end(void *context, int32_t call, int status, const char *text)
{
    (void)call;
    (void)text;
    ((struct console *)context)->status = status;
}

/* All that either has to say. */
static void pump(struct console *console)
{
    const uint8_t *bytes;
    size_t n = 1;
    while (n > 0) {
        while ((n = wc_client_output(console->client, &bytes)) > 0) {
            assert_int_equal(wi_loopback_receive(console->loopback, bytes, n), WEIR_OK);
        }
        assert_int_equal(wi_loopback_send(console->loopback, &bytes, &n), WEIR_OK);
        if (n > 0) {
            assert_int_equal(wc_client_feed(console->client, bytes, n, NULL), WC_OK);
        }
    }
}

static void call(struct console *console, const char *method, const ProtobufCMessage *request)
{
    uint8_t bytes[256];
    int32_t id;
    assert_in_range(protobuf_c_message_get_packed_size(request), 0, sizeof(bytes));
    size_t n = protobuf_c_message_pack(request, bytes);
    console->status = -1;
    assert_int_equal(wc_client_call(console->client, method, bytes, n, &id, NULL), WC_OK);
    pump(console);
}

static void watch(struct console *console, uint32_t interval_millis)
{
    Weir__V1__Query query = WEIR__V1__QUERY__INIT, *queries[] = {&query};
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    request.queries = queries;
    request.n_queries = 1;
    request.interval_millis = interval_millis;
    call(console, "/weir.v1.Agent/Watch", &request.base);
}

static void each_refresh_is_told_and_nothing_else(void **state)
{
    struct console *console = *state;
    struct wi_row *row = fake_view_row(console->view, WI_CHANNEL, 0);
    assert_false(wi_loopback_is_watched(console->loopback));
    watch(console, 60000);
    assert_true(wi_loopback_is_watched(console->loopback));
    assert_true(wi_loopback_is_ready(console->loopback));
    assert_int_equal(console->n_messages, 1);
    for (uint64_t i = 0; i < 500; i++) {
        fake_view_set_u64(row, WI_CHANNEL_SENT, 100 + i);
        pump(console); /* nobody has refreshed it */
        assert_int_equal(console->n_messages, i + 1);
        assert_int_equal(wi_loopback_refresh(console->loopback, NULL), WEIR_OK);
        pump(console);
        assert_int_equal(console->n_messages, i + 2);
        assert_int_equal(console->sent, 100 + i);
    }
    assert_int_equal(console->status, -1);
}

static void refreshes_that_nobody_watches_are_not_told_later(void **state)
{
    struct console *console = *state;
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wi_loopback_refresh(console->loopback, NULL), WEIR_OK);
    }
    call(console, "/weir.v1.Agent/Snapshot", &request.base);
    assert_int_equal(console->n_messages, 1);
    assert_int_equal(console->status, WC_GRPC_OK);
    assert_false(wi_loopback_is_watched(console->loopback));
    watch(console, 100);
    assert_int_equal(console->n_messages, 2);
    pump(console);
    assert_int_equal(console->n_messages, 2);
}

static void a_description_has_the_given_texts(void **state)
{
    struct console *console = *state;
    Weir__V1__DescribeRequest request = WEIR__V1__DESCRIBE_REQUEST__INIT;
    call(console, "/weir.v1.Agent/Describe", &request.base);
    assert_string_equal(console->notice, "as recorded");
    assert_int_equal(console->status, WC_GRPC_OK);
}

static int set_up(void **state)
{
    static const struct wi_loopback_texts texts = {"", "", "as recorded"};
    static struct console console;
    struct wc_client_events events = {&console, on_message, on_end};
    memset(&console, 0, sizeof(console));
    console.view = fake_view_create("game");
    fake_view_add_channel(console.view, "moves", 1, 0, UINT64_MAX);
    assert_int_equal(wi_loopback_open(console.view, &texts, &console.loopback), WEIR_OK);
    assert_int_equal(wi_loopback_refresh(console.loopback, NULL), WEIR_OK);
    console.client = wc_client_create(&events);
    *state = &console;
    return 0;
}

static int tear_down(void **state)
{
    struct console *console = *state;
    wc_client_destroy(console->client);
    wi_loopback_close(console->loopback);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_refresh_is_told_and_nothing_else),
        TEST(refreshes_that_nobody_watches_are_not_told_later),
        TEST(a_description_has_the_given_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
