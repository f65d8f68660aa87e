/* SPDX-License-Identifier: MIT */
/* The exposition: names, sums, folding, escapes, histograms, and what a scraper accepts. */
#include "encode/prometheus.h"
#include "fake_view.h"
#include "http/accept.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wi_process_view *view;
static struct wi_buffer buffer;

static int setup(void **state)
{
    (void)state;
    view = fake_view_create("game");
    wi_buffer_init(&buffer, 64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wi_process_view_close(view);
    wi_buffer_finish(&buffer);
    return 0;
}

static const char *encode(enum wi_format format)
{
    wi_buffer_clear(&buffer);
    assert_int_equal(wi_prometheus_encode(view, format, false, &buffer), WEIR_OK);
    wi_buffer_append(&buffer, "", 1);
    return (const char *)buffer.bytes;
}

/* Whether the exposition holds this whole line. */
static bool has_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, line, length) == 0 && at[length] == '\n') {
            return true;
        }
    }
    return false;
}

static void assert_line(const char *text, const char *line)
{
    if (!has_line(text, line)) {
        fail_msg("no line <%s> in\n%s", line, text);
    }
}

static void assert_no_text(const char *text, const char *part)
{
    if (strstr(text, part)) {
        fail_msg("<%s> should not be in\n%s", part, text);
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Fails when a series stands twice, or a family's lines do not stand together. */
static void assert_no_series_twice(const char *text)
{
    char *copy = strdup(text);
    size_t n = 0;
    char **series = calloc(strlen(text) / 4 + 1, sizeof(*series));
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
        if (line[0] != '#') {
            *strrchr(line, ' ') = 0;
            series[n++] = line;
        }
    }
    qsort(series, n, sizeof(*series), compare_lines);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(series[i - 1], series[i]) == 0) {
            fail_msg("twice: %s", series[i]);
        }
    }
    free(series);
    free(copy);
}

static size_t count_text(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void channel_shows_its_numbers(void **state)
{
    (void)state;
    fake_view_add_channel(view, "moves", 5000, 904, WEIR_UNBOUNDED);

    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "# TYPE weir_channel_depth gauge");
    assert_line(text, "weir_channel_depth{channel=\"moves\"} 4096");
    assert_line(text, "# TYPE weir_channel_sent_total counter");
    assert_line(text, "weir_channel_sent_total{channel=\"moves\"} 5000");
    assert_line(text, "weir_channel_instances{channel=\"moves\"} 1");
    assert_line(text, "weir_channel_info{channel=\"moves\",kind=\"mpsc\",bounded=\"false\"} 1");
    assert_line(text, "weir_build_info{version=\"" WEIR_VERSION "\"} 1");
    assert_no_text(text, "# UNIT");
    assert_no_text(text, "# EOF");
    assert_no_text(text, "weir_channel_capacity");
}

static void openmetrics_has_units_an_end_and_bare_counter_names(void **state)
{
    (void)state;
    fake_view_add_channel(view, "moves", 5000, 904, 8192);

    const char *text = encode(WI_FORMAT_OPENMETRICS);

    assert_line(text, "# TYPE weir_channel_sent counter");
    assert_line(text, "weir_channel_sent_total{channel=\"moves\"} 5000");
    assert_line(text, "# TYPE weir_channel info");
    assert_line(text, "# TYPE weir_build info");
    assert_line(text, "# UNIT weir_channel_oldest_age_seconds seconds");
    assert_line(text, "# UNIT weir_channel_queued_bytes bytes");
    assert_no_text(text, "# UNIT weir_channel_depth");
    assert_line(text, "weir_channel_capacity{channel=\"moves\"} 8192");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void every_reason_is_there_at_zero(void **state)
{
    (void)state;
    fake_view_add_channel(view, "moves", 0, 0, 10);
    fake_view_add_semaphore(view, "slots", 8, 8);

    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "weir_channel_rejects_total{channel=\"moves\",reason=\"full\"} 0");
    assert_line(text, "weir_channel_rejects_total{channel=\"moves\",reason=\"closed\"} 0");
    assert_line(text, "weir_channel_rejects_total{channel=\"moves\",reason=\"timeout\"} 0");
    assert_line(text, "weir_channel_rejects_total{channel=\"moves\",reason=\"shed\"} 0");
    assert_line(text, "weir_semaphore_rejects_total{semaphore=\"slots\",reason=\"exhausted\"} 0");
    assert_int_equal(count_text(text, "# TYPE weir_channel_rejects_total"), 1);
}

static void application_counters_and_gauges_keep_their_sign(void **state)
{
    (void)state;
    struct wi_row *rejects = fake_view_add(view, WI_COUNTER, "backpressure_rejects");
    fake_view_set_u64(rejects, WI_COUNTER_VALUE, 23);
    struct wi_row *offset = fake_view_add(view, WI_GAUGE, "offset");
    fake_view_set_i64(offset, WI_GAUGE_VALUE, -7);
    struct wi_row *least = fake_view_add(view, WI_GAUGE, "least");
    fake_view_set_i64(least, WI_GAUGE_VALUE, INT64_MIN);

    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "weir_counter_total{counter=\"backpressure_rejects\"} 23");
    assert_line(text, "weir_gauge{gauge=\"offset\"} -7");
    assert_line(text, "weir_gauge{gauge=\"least\"} -9223372036854775808");
}

static void rows_of_one_name_are_summed(void **state)
{
    (void)state;
    struct wi_row *a = fake_view_add_channel(view, "outbox", 10, 4, 100);
    struct wi_row *b = fake_view_add_channel(view, "outbox", 30, 10, 100);
    fake_view_set_u64(a, WI_CHANNEL_HIGH_WATER, 9);
    fake_view_set_u64(b, WI_CHANNEL_HIGH_WATER, 25);
    fake_view_set_f64(a, WI_CHANNEL_OLDEST_AGE, 1.5);
    fake_view_set_f64(b, WI_CHANNEL_OLDEST_AGE, 0.25);

    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "weir_channel_depth{channel=\"outbox\"} 26");
    assert_line(text, "weir_channel_capacity{channel=\"outbox\"} 200");
    assert_line(text, "weir_channel_depth_peak{channel=\"outbox\"} 25");
    assert_line(text, "weir_channel_oldest_age_seconds{channel=\"outbox\"} 1.5");
    assert_line(text, "weir_channel_instances{channel=\"outbox\"} 2");
    assert_line(text, "weir_channel_deepest{channel=\"outbox\"} 20");
    assert_no_series_twice(text);
}

/* Channels of one name may count messages and bytes: no sum and no family has both. */
static void units_are_never_added(void **state)
{
    (void)state;
    fake_view_add_channel(view, "moves", 10, 4, 100);
    struct wi_row *buffer_row = fake_view_add_channel(view, "moves", 70000, 20000, 65536);
    fake_view_set_text(view, buffer_row, WI_CHANNEL_UNIT, "bytes");
    fake_view_set_u64(buffer_row, WI_CHANNEL_DISCARDED_CLOSED, 300);
    fake_view_set_u64(buffer_row, WI_CHANNEL_REJECTS_FULL, 2);
    fake_view_set_u64(buffer_row, WI_CHANNEL_LARGEST, 40000);
    buffer_row = fake_view_add_channel(view, "buffer", 900, 100, WEIR_UNBOUNDED);
    fake_view_set_text(view, buffer_row, WI_CHANNEL_UNIT, "bytes");
    const char *text = encode(WI_FORMAT_TEXT);
    assert_line(text, "weir_channel_sent_total{channel=\"moves\"} 10");
    assert_line(text, "weir_channel_sent_bytes_total{channel=\"moves\"} 70000");
    assert_line(text, "weir_channel_received_bytes_total{channel=\"moves\"} 20000");
    assert_line(text,
                "weir_channel_discarded_bytes_total{channel=\"moves\",reason=\"closed\"} 300");
    assert_line(text, "weir_channel_capacity{channel=\"moves\"} 100");
    assert_line(text, "weir_channel_capacity_bytes{channel=\"moves\"} 65536");
    assert_line(text, "weir_channel_deepest{channel=\"moves\"} 6");
    assert_line(text, "weir_channel_deepest_bytes{channel=\"moves\"} 50000");
    assert_line(text, "weir_channel_largest_object_bytes{channel=\"moves\"} 40000");
    assert_no_text(text, "weir_channel_largest_object{");
    assert_line(text, "weir_channel_rejects_total{channel=\"moves\",reason=\"full\"} 2");
    assert_line(text, "weir_channel_instances{channel=\"moves\"} 2");
    assert_line(text, "weir_channel_sent_bytes_total{channel=\"buffer\"} 900");
    assert_no_text(text, "weir_channel_sent_total{channel=\"buffer\"}");
    assert_no_text(text, "weir_channel_depth{channel=\"buffer\"}");
    assert_no_text(text, "weir_channel_capacity_bytes{channel=\"buffer\"}");
    assert_line(text, "# HELP weir_channel_sent_bytes_total Bytes accepted into the channel.");
    assert_no_series_twice(text);
    text = encode(WI_FORMAT_OPENMETRICS);
    assert_line(text, "# UNIT weir_channel_sent_bytes bytes");
    assert_line(text, "# TYPE weir_channel_capacity_bytes gauge");
}

/* Objects that cannot be read: their channel has no depth, and 0 would be one. */
static void an_unknown_depth_is_not_zero(void **state)
{
    (void)state;
    struct wi_row *row = fake_view_add_channel(view, "writes", 0, 0, 10);
    row->value[WI_CHANNEL_DEPTH].type = row->value[WI_CHANNEL_DEEPEST].type = WI_ABSENT;
    const char *text = encode(WI_FORMAT_TEXT);
    assert_line(text, "weir_channel_capacity{channel=\"writes\"} 10");
    assert_no_text(text, "weir_channel_depth{");
    assert_no_text(text, "weir_channel_deepest");
}

static void one_unbounded_instance_makes_the_name_unbounded(void **state)
{
    (void)state;
    fake_view_add_channel(view, "outbox", 10, 4, 100);
    fake_view_add_channel(view, "outbox", 10, 4, WEIR_UNBOUNDED);

    const char *text = encode(WI_FORMAT_TEXT);

    assert_no_text(text, "weir_channel_capacity");
    assert_line(text, "weir_channel_info{channel=\"outbox\",kind=\"mpsc\",bounded=\"false\"} 1");
}

static void names_past_256_fold_into_other(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "room-%d", i);
        fake_view_add_channel(view, name, 3, 1, 10);
    }

    const char *text = encode(WI_FORMAT_TEXT);

    assert_int_equal(count_text(text, "weir_channel_depth{"), 257);
    assert_line(text, "weir_channel_depth{channel=\"room-255\"} 2");
    assert_no_text(text, "room-256");
    assert_line(text, "weir_channel_depth{channel=\"other\"} 88");
    assert_line(text, "weir_channel_instances{channel=\"other\"} 44");
    assert_no_series_twice(text);
}

static void channel_named_other_takes_the_rest(void **state)
{
    (void)state;
    char name[32];
    fake_view_add_channel(view, "other", 1000, 0, 10);
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof(name), "room-%d", i);
        fake_view_add_channel(view, name, 3, 1, 10);
    }

    const char *text = encode(WI_FORMAT_TEXT);

    assert_int_equal(count_text(text, "weir_channel_depth{"), 256);
    assert_line(text, "weir_channel_depth{channel=\"other\"} 1002");
    assert_no_series_twice(text);
}

static void names_are_escaped(void **state)
{
    (void)state;
    fake_view_add_channel(view, "a\"b\\c", 1, 0, 10);
    fake_view_add_channel(view, "p\xc3\xa9ts/\xe2\x82\xac", 1, 0, 10);
    fake_view_add_channel(view, "new\nline", 1, 0, 10);

    const char *text = encode(WI_FORMAT_OPENMETRICS);

    assert_line(text, "weir_channel_depth{channel=\"a\\\"b\\\\c\"} 1");
    assert_line(text, "weir_channel_depth{channel=\"p\xc3\xa9ts/\xe2\x82\xac\"} 1");
    assert_line(text, "weir_channel_depth{channel=\"new\\nline\"} 1");
}

static void longest_names_have_room(void **state)
{
    (void)state;
    char name[WEIR_NAME_MAX + 1];
    for (int i = 0; i < 400; i++) {
        memset(name, '"', WEIR_NAME_MAX);
        name[WEIR_NAME_MAX] = 0;
        name[0] = (char)('a' + i % 20);
        name[1] = (char)('a' + i / 20);
        name[2] = '\\';
        fake_view_add_channel(view, name, 1, 0, 10);
    }

    assert_int_equal(count_text(encode(WI_FORMAT_TEXT), "weir_channel_depth{"), 257);
}

static void histogram_has_a_bucket_for_each_octave(void **state)
{
    (void)state;
    struct weir_histogram histogram = {.sum = 3000001500, .max = 3000000000};
    histogram.bucket[weir_histogram_bucket(500)] = 1;
    histogram.bucket[weir_histogram_bucket(1000000)] = 5;
    histogram.bucket[weir_histogram_bucket(3000000000)] = 2;
    histogram.bucket[WEIR_HISTOGRAM_BUCKETS - 1] = 1;
    struct wi_row *moves = fake_view_add_channel(view, "moves", 9, 9, 10);
    fake_view_set_histogram(view, moves, WI_CHANNEL_WAIT, &histogram);
    fake_view_add_channel(view, "quiet", 9, 9, 10);

    const char *text = encode(WI_FORMAT_TEXT);

#define BUCKET(le) "weir_channel_residence_seconds_bucket{channel=\"moves\",le=\"" le "\"} "
    assert_line(text, BUCKET("1.024e-06") "1");
    assert_line(text, BUCKET("0.000524288") "1");
    assert_line(text, BUCKET("0.001048576") "6");
    assert_line(text, BUCKET("2.147483648") "6");
    assert_line(text, BUCKET("4.294967296") "8");
    assert_line(text, BUCKET("137.438953472") "8");
    assert_line(text, BUCKET("+Inf") "9");
    assert_line(text, "weir_channel_residence_seconds_sum{channel=\"moves\"} 3.0000015");
    assert_line(text, "weir_channel_residence_seconds_count{channel=\"moves\"} 9");
    assert_int_equal(count_text(text, "weir_channel_residence_seconds_bucket"), 29);
    assert_line(text, "# TYPE weir_channel_residence_seconds histogram");
}

static void histograms_of_one_name_are_summed(void **state)
{
    (void)state;
    struct weir_histogram histogram = {.sum = 2000000};
    histogram.bucket[weir_histogram_bucket(1000000)] = 2;
    for (int i = 0; i < 2; i++) {
        struct wi_row *row = fake_view_add_channel(view, "moves", 9, 9, 10);
        fake_view_set_histogram(view, row, WI_CHANNEL_WAIT, &histogram);
    }

    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "weir_channel_residence_seconds_count{channel=\"moves\"} 4");
    assert_line(text, "weir_channel_residence_seconds_sum{channel=\"moves\"} 0.004");
    assert_no_series_twice(text);
}

static void closed_handles_stay_in_the_sums_of_their_name(void **state)
{
    (void)state;
    struct weir_histogram histogram = {.sum = 2000000};
    histogram.bucket[weir_histogram_bucket(1000000)] = 2;
    struct wi_row *closed = fake_view_add_retired(view, WI_CHANNEL, "outbox");
    struct wi_row *open = fake_view_add_channel(view, "outbox", 60, 50, 500);
    fake_view_set_u64(closed, WI_CHANNEL_SENT, 1000);
    fake_view_set_u64(closed, WI_CHANNEL_REJECTS_FULL, 7);
    fake_view_set_histogram(view, closed, WI_CHANNEL_WAIT, &histogram);
    fake_view_set_histogram(view, open, WI_CHANNEL_WAIT, &histogram);
    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "weir_channel_sent_total{channel=\"outbox\"} 1060");
    assert_line(text, "weir_channel_rejects_total{channel=\"outbox\",reason=\"full\"} 7");
    assert_line(text, "weir_channel_depth{channel=\"outbox\"} 10");
    assert_line(text, "weir_channel_instances{channel=\"outbox\"} 1");
    assert_line(text, "weir_channel_residence_seconds_count{channel=\"outbox\"} 4");
    assert_line(text, "weir_channel_residence_seconds_sum{channel=\"outbox\"} 0.004");
    assert_no_series_twice(text);
}

/* Its counters go on, at rest: a scraper that came before the close has not seen the last of them. What only an open
 * handle has goes. */
static void a_name_without_open_handles_keeps_its_counters(void **state)
{
    (void)state;
    struct wi_row *closed = fake_view_add_retired(view, WI_CHANNEL, "outbox");
    fake_view_set_u64(closed, WI_CHANNEL_SENT, 1000);
    fake_view_set_u64(fake_view_add_retired(view, WI_COUNTER, "outbox"), WI_COUNTER_VALUE, 3);
    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "weir_channel_sent_total{channel=\"outbox\"} 1000");
    assert_line(text, "weir_channel_instances{channel=\"outbox\"} 0");
    assert_line(text, "weir_counter_total{counter=\"outbox\"} 3");
    assert_null(strstr(text, "weir_channel_depth{"));
    assert_null(strstr(text, "weir_channel_info{"));
}

/* Whatever is open: the first 256 names have series, the others are "other", and never the other way round. */
static void names_keep_their_series_in_the_order_of_their_first_opening(void **state)
{
    (void)state;
    char name[32];
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "room-%u", i);
        fake_view_set_u64(fake_view_add_retired(view, WI_CHANNEL, name), WI_CHANNEL_SENT, 1);
    }
    for (unsigned i = 290; i < 300; i++) {
        snprintf(name, sizeof(name), "room-%u", i);
        fake_view_add_channel(view, name, 10, 0, 10);
    }
    fake_view_add_channel(view, "room-0", 5, 0, 10);
    const char *text = encode(WI_FORMAT_TEXT);

    assert_line(text, "weir_channel_sent_total{channel=\"room-0\"} 6");
    assert_line(text, "weir_channel_sent_total{channel=\"room-255\"} 1");
    assert_null(strstr(text, "\"room-256\""));
    assert_null(strstr(text, "\"room-290\""));
    assert_line(text, "weir_channel_sent_total{channel=\"other\"} 144");
    assert_no_series_twice(text);
}

static void process_families_can_be_left_out(void **state)
{
    (void)state;
    struct wi_row *process = fake_view_row(view, WI_PROCESS, 0);
    fake_view_set_u64(process, WI_PROCESS_RSS, 123456);
    fake_view_set_u64(process, WI_PROCESS_ANON, 1234);
    fake_view_set_f64(process, WI_PROCESS_CPU, 1.25);

    const char *text = encode(WI_FORMAT_TEXT);
    assert_line(text, "process_resident_memory_bytes 123456");
    assert_line(text, "process_cpu_seconds_total 1.25");

    wi_buffer_clear(&buffer);
    assert_int_equal(wi_prometheus_encode(view, WI_FORMAT_TEXT, true, &buffer), WEIR_OK);
    wi_buffer_append(&buffer, "", 1);
    assert_null(strstr((const char *)buffer.bytes, "\nprocess_"));
    assert_line((const char *)buffer.bytes, "weir_process_anonymous_memory_bytes 1234");
}

static void impossible_counters_are_left_out(void **state)
{
    (void)state;
    struct wi_row *process = fake_view_row(view, WI_PROCESS, 0);
    fake_view_set_f64(process, WI_PROCESS_CPU, NAN);
    struct wi_row *row = fake_view_add(view, WI_COUNTER, "backwards");
    fake_view_set_i64(row, WI_COUNTER_VALUE, -1);

    const char *text = encode(WI_FORMAT_OPENMETRICS);

    assert_no_text(text, "process_cpu_seconds");
    assert_no_text(text, "backwards");
}

static void sums_stay_at_the_largest_number(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct wi_row *row = fake_view_add(view, WI_COUNTER, "huge");
        fake_view_set_u64(row, WI_COUNTER_VALUE, UINT64_MAX - 5);
    }

    assert_line(encode(WI_FORMAT_TEXT),
                "weir_counter_total{counter=\"huge\"} 18446744073709551615");
}

static void empty_view_is_an_exposition(void **state)
{
    (void)state;
    fake_view_clear(view, WI_PROCESS);
    fake_view_clear(view, WI_AGENT);

    const char *text = encode(WI_FORMAT_OPENMETRICS);

    assert_line(text, "weir_build_info{version=\"" WEIR_VERSION "\"} 1");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void small_limit_fails_whole(void **state)
{
    (void)state;
    fake_view_add_channel(view, "moves", 5000, 904, 8192);
    buffer.limit = 1000;

    assert_int_equal(wi_prometheus_encode(view, WI_FORMAT_TEXT, false, &buffer), WEIR_E_MEMORY);
    assert_true(buffer.length <= 1000);
}

static void accept_header_chooses(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum wi_format format;
    } cases[] = {
        {NULL, WI_FORMAT_TEXT},
        {"", WI_FORMAT_TEXT},
        {"*/*", WI_FORMAT_TEXT},
        {"text/html,application/xhtml+xml,*/*;q=0.8", WI_FORMAT_TEXT},
        {"application/openmetrics-text", WI_FORMAT_OPENMETRICS},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         WI_FORMAT_OPENMETRICS},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
         "delimited,application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;"
         "q=0.5",
         WI_FORMAT_OPENMETRICS},
        {"application/openmetrics-text;version=0.0.1", WI_FORMAT_TEXT},
        {"application/openmetrics-text;version=2.0.0,text/plain;q=0.1", WI_FORMAT_TEXT},
        {"application/openmetrics-text;q=0.1,text/plain", WI_FORMAT_TEXT},
        {"application/openmetrics-text;q=0", WI_FORMAT_TEXT},
        {"application/openmetrics-text;q=0.4,*/*;q=0.5", WI_FORMAT_TEXT},
        {"application/openmetrics-text;q=0.4,*/*;q=0.9,text/plain;q=0.3", WI_FORMAT_OPENMETRICS},
        {" Application/OpenMetrics-Text ; Version=\"1.0.0\" ; q=1.000 ", WI_FORMAT_OPENMETRICS},
        {"application/openmetrics-text;q=2", WI_FORMAT_TEXT},
        {"application/openmetrics-text;q=0.001", WI_FORMAT_OPENMETRICS},
        {";;;,,,=;q=;version=", WI_FORMAT_TEXT},
        {"application/openmetrics-text;;;q=1;=;,", WI_FORMAT_OPENMETRICS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (wi_accept_format(cases[i].accept) != cases[i].format) {
            fail_msg("wrong format for %s", cases[i].accept);
        }
    }
    assert_string_equal(wi_prometheus_content_type(WI_FORMAT_TEXT),
                        "text/plain; version=0.0.4; charset=utf-8");
}

static void accept_encoding_chooses(void **state)
{
    (void)state;
    static const struct {
        const char *codings; /* NULL: no such header */
        bool wants_gzip, takes_identity;
    } cases[] = {
        {NULL, false, true},
        {"", false, true},
        {"gzip", true, true},
        {"GZIP", true, true},
        {"x-gzip", true, true},
        {"gzip, deflate, br", true, true},
        {"deflate", false, true},
        {"gzipped", false, true},
        {"gzip;q=0", false, true},
        {"gzip;q=0.0", false, true},
        {"gzip;q=0.001", true, true},
        {"gzip;q=0.5, identity", false, true},
        {"gzip;q=0.5, identity;q=0.4", true, true},
        {"gzip;q=0.5;identity", true, true},
        {"identity;q=0.5, gzip;q=0.5", true, true},
        {"identity", false, true},
        {"identity;q=0", false, false},
        {"identity;q=0, gzip;q=0.1", true, false},
        {"*", true, true},
        {"*;q=0", false, false},
        {"*;q=0, identity", false, true},
        {"*;q=0, gzip", true, false},
        {"*;q=0.5, gzip;q=0.2", false, true},
        {"*;q=0.5, gzip;q=0", false, true},
        {" gzip ; q=1.0 ,, ", true, true},
        {"gzip;q=oops", false, true},
        {";;;,,,=;q=;gzip=", false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wi_codings codings = WI_CODINGS_NONE;
        wi_accept_codings(&codings, cases[i].codings);
        if (wi_accept_wants_gzip(&codings) != cases[i].wants_gzip ||
            wi_accept_takes_identity(&codings) != cases[i].takes_identity) {
            fail_msg("wrong coding for %s", cases[i].codings);
        }
    }
    struct wi_codings both = WI_CODINGS_NONE;
    wi_accept_codings(&both, "identity;q=0");
    wi_accept_codings(&both, "gzip");
    assert_true(wi_accept_wants_gzip(&both) && !wi_accept_takes_identity(&both));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(channel_shows_its_numbers),
        TEST(openmetrics_has_units_an_end_and_bare_counter_names),
        TEST(every_reason_is_there_at_zero),
        TEST(application_counters_and_gauges_keep_their_sign),
        TEST(rows_of_one_name_are_summed),
        TEST(units_are_never_added),
        TEST(an_unknown_depth_is_not_zero),
        TEST(one_unbounded_instance_makes_the_name_unbounded),
        TEST(names_past_256_fold_into_other),
        TEST(channel_named_other_takes_the_rest),
        TEST(names_are_escaped),
        TEST(longest_names_have_room),
        TEST(histogram_has_a_bucket_for_each_octave),
        TEST(histograms_of_one_name_are_summed),
        TEST(closed_handles_stay_in_the_sums_of_their_name),
        TEST(a_name_without_open_handles_keeps_its_counters),
        TEST(names_keep_their_series_in_the_order_of_their_first_opening),
        TEST(process_families_can_be_left_out),
        TEST(impossible_counters_are_left_out),
        TEST(sums_stay_at_the_largest_number),
        TEST(empty_view_is_an_exposition),
        TEST(small_limit_fails_whole),
        TEST(accept_header_chooses),
        TEST(accept_encoding_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
