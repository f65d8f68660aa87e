/* SPDX-License-Identifier: MIT */
/*
 * Rendering 10,000 series for Prometheus, in both formats, against copying as many bytes; and 256
 * names out of 10,000 channels.
 */
#include "bench.h"
#include "encode/prometheus.h"
#include "fake_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_SERIES 10000

static struct wi_process_view *series_view;
static struct wi_process_view *folded_view;
static struct wi_buffer buffer;
static char *copy_from, *copy_to;
static size_t copy_length;

static size_t count_series(void)
{
    size_t n = 0;
    for (size_t i = 0; i < buffer.length; i++) {
        bool is_end = buffer.bytes[i] == '\n';
        bool is_comment = is_end && i + 1 < buffer.length && buffer.bytes[i + 1] == '#';
        n += is_end && !is_comment;
    }
    return n;
}

static void render(struct wi_process_view *view, enum wi_format format)
{
    wi_buffer_clear(&buffer);
    if (wi_prometheus_encode(view, format, false, &buffer) != WEIR_OK) {
        (void)fprintf(stderr, "bench: no memory\n");
        exit(1);
    }
}

static void run_text(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        render(series_view, WI_FORMAT_TEXT);
    }
}

static void run_openmetrics(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        render(series_view, WI_FORMAT_OPENMETRICS);
    }
}

static void run_folded(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        render(folded_view, WI_FORMAT_TEXT);
    }
}

static void run_copy(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        memcpy(copy_to, copy_from, copy_length);
        BENCH_HIDE(copy_to);
    }
}

static void add_channel(struct wi_process_view *view, unsigned i)
{
    char name[32];
    struct weir_histogram histogram = {.sum = 123456789012 + i, .max = 5000000};
    for (unsigned bucket = 0; bucket < WEIR_HISTOGRAM_BUCKETS; bucket++) {
        histogram.bucket[bucket] = (uint64_t)bucket * i;
    }
    (void)snprintf(name, sizeof(name), "channel-%u", i);
    struct wi_row *row = fake_view_add_channel(view, name, 1234567890 + i, 1234500000 + i, 1000000);
    fake_view_set_f64(row, WI_CHANNEL_OLDEST_AGE, 0.001234567 * i);
    fake_view_set_f64(row, WI_CHANNEL_FULL_SECONDS, 12.5 + i);
    fake_view_set_histogram(view, row, WI_CHANNEL_WAIT, &histogram);
}

int main(void)
{
    size_t n_series = 0;
    wi_buffer_init(&buffer, 64 << 20);
    series_view = fake_view_create("bench");
    folded_view = fake_view_create("bench");
    for (unsigned i = 0; n_series < N_SERIES; i++) {
        add_channel(series_view, i);
        render(series_view, WI_FORMAT_TEXT);
        n_series = count_series();
    }
    for (unsigned i = 0; i < 10000; i++) {
        add_channel(folded_view, i);
    }
    copy_length = buffer.length;
    copy_from = malloc(copy_length);
    copy_to = malloc(copy_length);
    if (!copy_from || !copy_to) {
        return 1;
    }
    memcpy(copy_from, buffer.bytes, copy_length);
    bench_print_value("exposition_series", (double)n_series, "series");
    bench_print_value("exposition_bytes", (double)copy_length, "bytes");

    const struct bench_case cases[] = {
        {.name = "exposition_copy", .run = run_copy},
        {.name = "exposition_text_10k_series", .run = run_text, .baseline = "exposition_copy"},
        {.name = "exposition_openmetrics_10k_series",
         .run = run_openmetrics,
         .baseline = "exposition_copy"},
        {.name = "exposition_folded_10k_channels", .run = run_folded},
    };
    bench_run(cases, sizeof(cases) / sizeof(cases[0]), NULL, 5, 21);

    wi_process_view_close(series_view);
    wi_process_view_close(folded_view);
    wi_buffer_finish(&buffer);
    free(copy_from);
    free(copy_to);
    return 0;
}
