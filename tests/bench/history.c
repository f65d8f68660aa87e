/* SPDX-License-Identifier: MIT */
/*
 * What a second costs the exporter's thread with the history and without: rates, ages and process
 * facts move on either way. 10, 124 and 10,000 channels, each used since the second before; the
 * tracks are chosen again once in sixty. And the first look of another exporter, which reads it.
 */
#include "bench.h"
#include "snapshot/history.h"
#include "session/process_views.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND     UINT64_C(1000000000)
#define N_CHANNELS 10000

static struct weir_channel *channels[N_CHANNELS];
static size_t n_channels;
static struct wi_process_views views[2]; /* that one writes */
static uint64_t now_nanos;

static void die(const struct weir_error *error)
{
    fprintf(stderr, "bench: %s\n", error->text);
    exit(1);
}

static void pass(struct wi_process_views *view, uint64_t n)
{
    struct weir_error error;
    for (uint64_t i = 0; i < n; i++) {
        for (size_t c = 0; c < n_channels; c++) {
            (void)weir_channel_send(channels[c], 100);
        }
        now_nanos += SECOND;
        if (wi_process_views_refresh(view, view->first, now_nanos, &error) != WEIR_OK) {
            die(&error);
        }
    }
}

static void run_without(uint64_t n)
{
    pass(&views[0], n);
}

static void run_with(uint64_t n)
{
    pass(&views[1], n);
}

static void open_view(struct wi_process_views *ret_views)
{
    struct weir_error error;
    struct wi_process_view *view;
    wi_process_views_init(ret_views, false);
    if (wi_process_view_open_self(&view, &error) != WEIR_OK ||
        wi_process_views_add(ret_views, view) != WEIR_OK) {
        die(&error);
    }
}

static void run_first_look(uint64_t n)
{
    struct weir_error error;
    struct wi_process_views late;
    for (uint64_t i = 0; i < n; i++) {
        open_view(&late);
        if (wi_process_views_refresh(&late, late.first, now_nanos + SECOND, &error) != WEIR_OK) {
            die(&error);
        }
        wi_process_views_finish(&late);
    }
}

static void open_channels(size_t n)
{
    char name[32];
    for (; n_channels < n; n_channels++) {
        (void)snprintf(name, sizeof(name), "channel-%zu", n_channels);
        struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
        channels[n_channels] = weir_channel_open(&options);
        if (!channels[n_channels]) {
            fprintf(stderr, "bench: channel %zu was refused\n", n_channels);
            exit(1);
        }
    }
}

static void file_bytes(void)
{
    const struct wi_value *value =
        &wi_process_view_row(views[1].first->view, WI_AGENT, 0)->value[WI_AGENT_HISTORY_BYTES];
    bench_print_value("history_bytes_after_600_seconds", (double)value->u.u64, "bytes");
}

int main(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "bench";
    options.limit_bytes = UINT64_C(64) << 20;
    if (weir_start(&options, &error) != WEIR_OK) {
        die(&error);
    }
    for (int i = 0; i < 2; i++) {
        open_view(&views[i]);
    }
    wi_process_view_record(views[1].first->view);
    now_nanos = bench_now();
    open_channels(10);
    pass(&views[0], 1);
    pass(&views[1], 601);
    file_bytes();
    static const struct bench_case few[] = {
        {"second_of_10_channels", run_without, NULL, 0, 0, 0},
        {"second_of_10_channels_with_history", run_with, "second_of_10_channels", 0, 0, 0},
        {"first_look_with_history", run_first_look, NULL, 0, 0, 0},
    };
    static const struct bench_case full[] = {
        {"second_of_124_channels", run_without, NULL, 0, 0, 0},
        {"second_of_124_channels_with_history", run_with, "second_of_124_channels", 0, 0, 0},
        {"first_look_with_history_of_124", run_first_look, NULL, 0, 0, 0},
    };
    static const struct bench_case many[] = {
        {"second_of_10000_channels", run_without, NULL, 0, 0, 0},
        {"second_of_10000_channels_with_history", run_with, "second_of_10000_channels", 0, 0, 0},
    };
    bench_run(few, sizeof(few) / sizeof(few[0]), NULL, 60, 15);
    open_channels(WI_HISTORY_TRACKS);
    bench_run(full, sizeof(full) / sizeof(full[0]), NULL, 60, 15);
    open_channels(N_CHANNELS);
    bench_run(many, sizeof(many) / sizeof(many[0]), NULL, 60, 15);
    wi_process_views_finish(&views[1]);
    wi_process_views_finish(&views[0]);
    weir_stop();
    return 0;
}
