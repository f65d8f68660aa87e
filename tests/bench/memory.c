/* SPDX-License-Identifier: MIT */
/*
 * What a channel takes in the segment: when it is opened, and for each thread that touches it. Means
 * over many channels, since the segment grows by pieces.
 */
#include "bench.h"
#include "weir/weir.h"

#include <pthread.h>
#include <stdio.h>

#define N_CHANNELS 40000

static struct weir_channel *channels[N_CHANNELS];

static uint64_t segment_bytes(void)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    return health.segment_bytes;
}

static void *touch_all(void *unused)
{
    for (size_t i = 0; i < N_CHANNELS; i++) {
        (void)weir_channel_send(channels[i], 1);
    }
    return unused;
}

int main(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "bench";
    options.limit_bytes = UINT64_C(256) << 20;
    options.latency = WEIR_LATENCY_OFF;
    if (weir_start(&options, &error) != WEIR_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    uint64_t at_first = segment_bytes();
    char name[32];
    for (size_t i = 0; i < N_CHANNELS; i++) {
        (void)snprintf(name, sizeof(name), "channel-%zu", i);
        struct weir_channel_options channel_options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
        channels[i] = weir_channel_open(&channel_options);
        if (!channels[i]) {
            fprintf(stderr, "bench: channel %zu was refused\n", i);
            return 1;
        }
    }
    uint64_t opened = segment_bytes();
    touch_all(NULL);
    uint64_t touched = segment_bytes();
    pthread_t thread;
    if (pthread_create(&thread, NULL, touch_all, NULL) != 0) {
        return 1;
    }
    pthread_join(thread, NULL);
    uint64_t touched_twice = segment_bytes();

    bench_print_value("empty_segment", (double)at_first, "bytes");
    bench_print_value("memory_per_channel", (double)(opened - at_first) / N_CHANNELS, "bytes");
    bench_print_value("memory_per_channel_and_first_thread",
                      (double)(touched - opened) / N_CHANNELS, "bytes");
    bench_print_value("memory_per_channel_and_further_thread",
                      (double)(touched_twice - touched) / N_CHANNELS, "bytes");
    weir_stop();
    return 0;
}
