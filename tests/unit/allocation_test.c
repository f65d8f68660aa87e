/* SPDX-License-Identifier: MIT */
/* Every allocation of the encoders, the findings and HTTP fails once: each ends in a status. */
#include "encode/prometheus.h"
#include "encode/weir.h"
#include "failing_malloc.h"
#include "fake_view.h"
#include "finding/finding.h"
#include "session/tokio.h"
#include "wire/http.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_ALLOCATIONS 10000

static struct wi_process_view *view;

static int setup(void **state)
{
    char name[32];
    (void)state;
    struct weir_histogram histogram = {.sum = 5000};
    histogram.bucket[9] = 3;
    view = fake_view_create("game");
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "room-%u", i);
        struct wi_row *row = fake_view_add_channel(view, name, 100, 5, WEIR_UNBOUNDED);
        fake_view_set_histogram(view, row, WI_CHANNEL_WAIT, &histogram);
    }
    fake_view_add_semaphore(view, "slots", 64, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wi_process_view_close(view);
    return 0;
}

static void exposition_is_whole_or_refused(void **state)
{
    (void)state;
    for (int format = WI_FORMAT_TEXT; format <= WI_FORMAT_OPENMETRICS; format++) {
        for (int once = 0; once < 2; once++) {
            struct wi_buffer whole;
            wi_buffer_init(&whole, 64 << 20);
            assert_int_equal(wi_prometheus_encode(view, (enum wi_format)format, false, &whole),
                             WEIR_OK);
            long blocks = failing_malloc_blocks();
            bool has_failed = true;
            for (size_t n = 1; n < MOST_ALLOCATIONS && has_failed; n++) {
                struct wi_buffer buffer;
                wi_buffer_init(&buffer, 64 << 20);
                (once ? failing_malloc_arm_once : failing_malloc_arm)(n);
                enum weir_status status =
                    wi_prometheus_encode(view, (enum wi_format)format, false, &buffer);
                has_failed = failing_malloc_disarm();
                assert_int_equal(status, has_failed ? WEIR_E_MEMORY : WEIR_OK);
                assert_int_equal(buffer.has_failed, has_failed);
                if (!has_failed) {
                    assert_int_equal(buffer.length, whole.length);
                    assert_memory_equal(buffer.bytes, whole.bytes, whole.length);
                }
                wi_buffer_finish(&buffer);
                assert_int_equal(failing_malloc_blocks(), blocks);
            }
            assert_false(has_failed);
            wi_buffer_finish(&whole);
        }
    }
}

/* One round of a tokio-console's updates, appended to `all`. Whether it ended in a status. */
static bool watch_once(const struct wi_call_context *context, struct wi_buffer *all)
{
    struct wi_peer peer = {.memory = context->memory};
    struct wi_fault fault = {WI_RPC_OK, ""};
    struct wi_call_start start = {
        .context = context, .served = context->views->first, .peer = &peer};
    struct wi_call *call = wi_tokio_watch_updates(&start, &fault);
    enum wi_call_next next = WI_CALL_END;
    if (call) {
        do {
            wi_buffer_clear(context->scratch);
            next = call->type->next(call, 1, context->scratch, &fault);
            if (next == WI_CALL_MESSAGE) {
                assert_true(all->length + context->scratch->length < all->room);
                wi_buffer_append(all, context->scratch->bytes, context->scratch->length);
            }
        } while (next != WI_CALL_END && call->due_nanos <= 2);
        call->type->destroy(call);
    }
    assert_true(next != WI_CALL_END || fault.code == WI_RPC_RESOURCE_EXHAUSTED);
    return next == WI_CALL_END;
}

static void updates_are_whole_or_refused(void **state)
{
    (void)state;
    struct wi_served served = {.view = view};
    struct wi_process_views views = {.first = &served, .self = &views.own};
    struct wi_memory memory = {.limit = UINT64_C(16) << 20};
    struct wi_buffer whole, scratch, part;
    struct wi_call_context context = {.views = &views, .memory = &memory, .scratch = &scratch};
    wi_buffer_init(&whole, 1 << 20);
    wi_buffer_init(&part, 1 << 20);
    assert_non_null(wi_buffer_reserve(&whole, 1 << 20));
    assert_non_null(wi_buffer_reserve(&part, 1 << 20));
    wi_buffer_init(&scratch, WI_MESSAGE_ROOM);
    assert_false(watch_once(&context, &whole));
    wi_buffer_finish(&scratch);
    long blocks = failing_malloc_blocks();
    bool has_failed = true;
    for (size_t n = 1; n < MOST_ALLOCATIONS && has_failed; n++) {
        wi_buffer_clear(&part);
        wi_buffer_init(&scratch, WI_MESSAGE_ROOM);
        failing_malloc_arm_once(n);
        bool has_ended = watch_once(&context, &part);
        has_failed = failing_malloc_disarm();
        assert_int_equal(has_ended, has_failed);
        if (!has_ended) {
            assert_int_equal(part.length, whole.length);
            assert_memory_equal(part.bytes, whole.bytes, whole.length);
        }
        wi_buffer_finish(&scratch);
        assert_int_equal(memory.bytes, 0);
        assert_int_equal(failing_malloc_blocks(), blocks);
        assert_true(has_failed || n > 5);
    }
    assert_false(has_failed);
    wi_buffer_finish(&whole);
    wi_buffer_finish(&part);
}

/* Sixty-eight seconds of a stall in every channel. How many warnings there are; -1: the findings could not be made
 * at all. */
static int look_for_a_minute(void)
{
    struct wi_finding *finding = NULL;
    if (wi_finding_create(&finding) != WEIR_OK) {
        assert_null(finding);
        return -1;
    }
    for (unsigned second = 1; second <= 68; second++) {
        fake_view_set_monotonic_nanos(view, second * UINT64_C(1000000000));
        wi_finding_update(finding, view);
    }
    int n = (int)wi_finding_verdict(finding)->n_warnings;
    wi_finding_destroy(finding);
    return n;
}

static void findings_do_with_what_they_get(void **state)
{
    (void)state;
    bool has_failed = true;
    for (size_t n = 1; n < MOST_ALLOCATIONS && has_failed; n++) {
        failing_malloc_arm(n);
        look_for_a_minute();
        has_failed = failing_malloc_disarm();

        failing_malloc_arm_once(n);
        int n_warnings = look_for_a_minute();
        has_failed |= failing_malloc_disarm();
        assert_true(n_warnings == 64 || (n_warnings == -1 && has_failed));
    }
    assert_false(has_failed);
}

/* One scrape on a connection of its own; its status, or 0 when it was closed without one. */
static int scrape(struct wi_http *http, uint64_t now)
{
    char text[64] = "";
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)wi_http_port(http));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    static const char request[] = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
    assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
    ssize_t n = -1;
    for (time_t end = time(NULL) + 20; n < 0 && time(NULL) < end;) {
        wi_http_run(http, now);
        n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    }
    close(fd);
    wi_http_run(http, now);
    return n > 12 ? (text[9] - '0') * 100 + (text[10] - '0') * 10 + text[11] - '0' : 0;
}

static void http_answers_503_and_then_200(void **state)
{
    (void)state;
    struct wi_http_options options = {.address = "127.0.0.1:0", .hosts = "game.test"};
    struct wi_http *http = NULL;
    struct wi_process_views views;
    uint64_t now = UINT64_C(1000000000);
    wi_process_views_init(&views, false);
    assert_int_equal(wi_process_views_add(&views, view), WEIR_OK);
    bool has_failed = true;
    for (size_t n = 1; n < MOST_ALLOCATIONS && has_failed; n++) {
        failing_malloc_arm_once(n);
        enum weir_status status = wi_http_create(&options, &views, &http, NULL);
        has_failed = failing_malloc_disarm();
        assert_int_equal(status, has_failed ? WEIR_E_MEMORY : WEIR_OK);
    }
    assert_false(has_failed);
    unsigned n_refused = 0;
    has_failed = true;
    for (size_t n = 1; n < MOST_ALLOCATIONS && has_failed; n++) {
        now += UINT64_C(1000000000);
        failing_malloc_arm_once(n);
        int status = scrape(http, now);
        has_failed = failing_malloc_disarm();
        assert_true(status == 200 || (has_failed && status == 503));
        n_refused += status == 503;
    }
    assert_false(has_failed);
    assert_true(n_refused >= 3);
    assert_int_equal(scrape(http, now), 200);
    wi_http_destroy(http);
    wi_process_views_finish(&views);
    view = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(exposition_is_whole_or_refused),
        TEST(updates_are_whole_or_refused),
        TEST(findings_do_with_what_they_get),
        TEST(http_answers_503_and_then_200),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
