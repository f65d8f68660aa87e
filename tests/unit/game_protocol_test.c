/* SPDX-License-Identifier: MIT */
/* ctest: folders=server-example */
/* The example's pure parts: its datagrams, the spelling of modes, reports and the latency histogram. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server-example/latency.c"
#include "../../server-example/mode.c"
#include "../../server-example/protocol.c"
#include "../../server-example/report.c"

static void a_datagram_comes_back_as_it_was(void **state)
{
    (void)state;
    unsigned char input[MESSAGE_INPUT];
    memset(input, 0xa5, sizeof(input));
    const struct message move = {.kind = MESSAGE_MOVE,
                                 .reason = MESSAGE_REASON_NONE,
                                 .player = 7,
                                 .token = UINT64_C(0x0123456789abcdef),
                                 .stamp = UINT64_MAX,
                                 .x = -1,
                                 .y = INT32_MIN,
                                 .tail = input,
                                 .n_tail = sizeof(input)};
    unsigned char bytes[MESSAGE_SIZE_MAX];

    size_t n = message_write(&move, bytes);
    struct message read;
    assert_true(message_read(bytes, n, &read));

    assert_int_equal(n, MESSAGE_HEAD + MESSAGE_INPUT);
    assert_int_equal(read.kind, MESSAGE_MOVE);
    assert_int_equal(read.player, 7);
    assert_true(read.token == move.token && read.stamp == move.stamp);
    assert_true(read.x == -1 && read.y == INT32_MIN);
    assert_int_equal(read.n_tail, sizeof(input));
    assert_memory_equal(read.tail, input, sizeof(input));
}

static void a_malformed_datagram_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[MESSAGE_SIZE_MAX + 1] = {0};
    const struct message ping = {.kind = MESSAGE_PING};
    struct message read;
    size_t n = message_write(&ping, bytes);

    for (size_t cut = 0; cut < n; cut++) {
        assert_false(message_read(bytes, cut, &read));
    }
    assert_true(message_read(bytes, n, &read));
    assert_false(message_read(bytes, n + 1, &read)); /* a ping has no tail */

    static const struct {
        size_t at;
        unsigned char value;
    } breaks[] = {{0, 'w'}, {1, 0}, {1, MESSAGE_VERSION + 1}, {2, 0}, {2, 12}, {3, 4}};
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        message_write(&ping, bytes);
        bytes[breaks[i].at] = breaks[i].value;
        assert_false(message_read(bytes, n, &read));
    }
}

static void a_tail_is_as_long_as_its_kind_allows(void **state)
{
    (void)state;
    unsigned char bytes[MESSAGE_SIZE_MAX + 1] = {0};
    struct message read;

    message_write(&(struct message){.kind = MESSAGE_MOVE}, bytes);
    assert_true(message_read(bytes, MESSAGE_HEAD + MESSAGE_INPUT, &read));
    assert_false(message_read(bytes, MESSAGE_HEAD + MESSAGE_INPUT + 1, &read));
    message_write(&(struct message){.kind = MESSAGE_COMMAND}, bytes);
    assert_true(message_read(bytes, MESSAGE_SIZE_MAX, &read));
    assert_false(message_read(bytes, MESSAGE_SIZE_MAX + 1, &read));
}

static void modes_are_spelt_as_they_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {"unbounded", "bounded:1", "bounded:1000000000",
                                       "as-published", "admission"};
    static const char *const bad[] = {"",
                                      "bounded",
                                      "bounded:",
                                      "bounded:0",
                                      "bounded:-1",
                                      "bounded: 1",
                                      "bounded:1x",
                                      "bounded:1000000001",
                                      "Unbounded",
                                      "admission:3",
                                      "bounded:99999999999999999999"};
    struct mode mode;
    char text[MODE_TEXT_MAX];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(mode_read(good[i], &mode));
        mode_write(mode, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(mode_read(bad[i], &mode));
    }
}

static void a_report_gives_its_values_by_key(void **state)
{
    (void)state;
    const struct report report = {.state = "resting", .queued = 88560, .uptime_seconds = 1.5};
    char text[MESSAGE_TEXT + 1];
    char value[64];

    size_t n = report_write(&report, text, sizeof(text));

    assert_int_equal(n, strlen(text));
    assert_true(report_find(text, "mode", value, sizeof(value)));
    assert_string_equal(value, "unbounded");
    assert_true(report_find(text, "queued", value, sizeof(value)));
    assert_string_equal(value, "88560");
    assert_true(report_find(text, "uptime_seconds", value, sizeof(value)));
    assert_string_equal(value, "1.500");
    assert_false(report_find(text, "queue", value, sizeof(value)));
}

static void the_longest_report_fits_a_datagram_and_a_short_buffer_cuts_it(void **state)
{
    (void)state;
    struct report report;
    memset(&report, 0xff, sizeof(report));
    report.mode = (struct mode){MODE_BOUNDED, MODE_BOUND_MAX};
    report.state = "resting";
    report.cpu_seconds = report.uptime_seconds = 31536000.0;
    char text[2 * MESSAGE_TEXT];

    assert_true(report_write(&report, text, sizeof(text)) <= MESSAGE_TEXT);
    for (size_t n = 1; n < 200; n++) {
        char *cut = malloc(n);
        size_t length = report_write(&report, cut, n);
        assert_int_equal(length, strlen(cut));
        free(cut);
    }
}

static void quantiles_are_at_most_a_bucket_high(void **state)
{
    (void)state;
    struct latency *latency = calloc(1, sizeof(*latency));
    assert_int_equal(latency_quantile(latency, 0.5), 0);

    for (uint64_t i = 1; i <= 100000; i++) {
        latency_add(latency, i * 1000);
    }
    static const double quantiles[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        double exact = quantiles[i] * 1e8;
        double got = (double)latency_quantile(latency, quantiles[i]);
        assert_true(got >= exact && got <= exact * 1.032);
    }
    assert_int_equal(latency_quantile(latency, 1.0), 100000000);
    latency_add(latency, UINT64_MAX);
    assert_true(latency_quantile(latency, 1.0) == UINT64_MAX);
    latency_add(latency, 0);
    assert_int_equal(latency_quantile(latency, 0.0), 0);
    free(latency);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_comes_back_as_it_was),
        cmocka_unit_test(a_malformed_datagram_is_refused),
        cmocka_unit_test(a_tail_is_as_long_as_its_kind_allows),
        cmocka_unit_test(modes_are_spelt_as_they_are_read),
        cmocka_unit_test(a_report_gives_its_values_by_key),
        cmocka_unit_test(the_longest_report_fits_a_datagram_and_a_short_buffer_cuts_it),
        cmocka_unit_test(quantiles_are_at_most_a_bucket_high),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
