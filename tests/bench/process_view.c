/* SPDX-License-Identifier: MIT */
/*
 * Reading 100,000 channels: a refresh of the counts, and one that also moves rates, ages, history and findings
 * on, as happens once a second.
 */
#include "bench.h"
#include "session/process_views.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>

#define N_CHANNELS 100000

static struct weir_channel *channels[N_CHANNELS];
static struct wi_process_views views;
static uint64_t now_nanos;

static void refresh(void)
{
    struct weir_error error;
    if (wi_process_views_refresh(&views, views.first, now_nanos, &error) != WEIR_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        exit(1);
    }
}

static void run_counts(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        refresh();
    }
}

static void run_second(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        now_nanos += UINT64_C(1000000000);
        refresh();
    }
}

int main(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "bench";
    options.limit_bytes = UINT64_C(256) << 20;
    if (weir_start(&options, &error) != WEIR_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    char name[32];
    for (size_t i = 0; i < N_CHANNELS; i++) {
        (void)snprintf(name, sizeof(name), "channel-%zu", i);
        struct weir_channel_options channel_options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
        channels[i] = weir_channel_open(&channel_options);
        (void)weir_channel_send(channels[i], 100);
        if (!channels[i]) {
            fprintf(stderr, "bench: channel %zu was refused\n", i);
            return 1;
        }
    }
    struct wi_process_view *view;
    wi_process_views_init(&views, false);
    if (wi_process_view_open_self(&view, &error) != WEIR_OK ||
        wi_process_views_add(&views, view) != WEIR_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    now_nanos = bench_now();
    refresh();
    static const struct bench_case cases[] = {
        {"read_100000_channels", run_counts, NULL, 0, 0, 0},
        {"read_100000_channels_with_rates", run_second, "read_100000_channels", 0, 0, 0},
    };
    bench_run(cases, sizeof(cases) / sizeof(cases[0]), NULL, 3, 15);
    wi_process_views_finish(&views);
    weir_stop();
    return 0;
}
