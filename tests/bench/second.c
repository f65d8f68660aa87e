/* SPDX-License-Identifier: MIT */
/*
 * Where the exporter's second goes at 100,000 channels of which every one has changed: the counts are read, rates
 * and findings move on, a screen's rows are chosen and written, a snapshot is written. Processor time of this
 * thread, medians of BENCH_ROUNDS (15); the channels change in between, and that is not counted.
 */
#include "bench.h"
#include "encode/select.h"
#include "encode/weir.h"
#include "session/process_views.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N_CHANNELS 100000
#define MAX_ROUNDS 101
#define N_ROWS     40
#define SECOND     UINT64_C(1000000000)

enum { PART_READ, PART_SECOND, PART_CHOICE, PART_SNAPSHOT, N_PARTS };

static const char *const names[] = {"second_read", "second_rates_and_findings",
                                    "second_screen_rows", "second_snapshot_written"};
static struct weir_channel *channels[N_CHANNELS];
static struct wi_process_views views;
static struct wi_memory memory = {.limit = (size_t)64 << 20};
static uint64_t now_nanos;
static double spent[N_PARTS][MAX_ROUNDS];

static void fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static double cpu_nanos(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void refresh(void)
{
    struct weir_error error;
    if (wi_process_views_refresh(&views, views.first, now_nanos, &error) != WEIR_OK) {
        fail(error.text);
    }
}

static void choose(void)
{
    struct wi_selection selection;
    struct wi_query query = {.kind = WI_CHANNEL,
                             .filter = "",
                             .sort = WI_CHANNEL_FILL,
                             .is_descending = true,
                             .has_then = true,
                             .then = WI_CHANNEL_DEPTH,
                             .is_worst_first = true,
                             .limit = N_ROWS};
    if (wi_select(views.first->view, &query, &memory, &selection) != WEIR_OK) {
        fail("no rows");
    }
    wi_memory_return(&memory, selection.rows);
}

static void write_snapshot(void)
{
    struct wi_snapshot snapshot = {.n_done = 0};
    while (snapshot.n_done < WI_N_KINDS) {
        struct wi_buffer buffer;
        wi_buffer_init(&buffer, WI_MESSAGE_MAX);
        if (wi_weir_page(views.first->view, &snapshot, &buffer) != WEIR_OK) {
            fail("no page");
        }
        wi_buffer_finish(&buffer);
    }
}

static void second(void)
{
    now_nanos += SECOND;
    refresh();
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run_rounds(size_t n_rounds)
{
    static void (*const parts[])(void) = {refresh, second, choose, write_snapshot};
    for (size_t round = 0; round < n_rounds; round++) {
        for (size_t i = 0; i < N_CHANNELS; i++) {
            weir_channel_receive(channels[i], weir_channel_send(channels[i], 100), 100);
        }
        for (size_t part = 0; part < N_PARTS; part++) {
            double began = cpu_nanos();
            parts[part]();
            spent[part][round] = cpu_nanos() - began;
        }
    }
    for (size_t part = 0; part < N_PARTS; part++) {
        qsort(spent[part], n_rounds, sizeof(double), compare);
        bench_print_value(names[part], spent[part][n_rounds / 2] / 1e6, "ms");
        fprintf(stderr, "%s least %.2f\n", names[part], spent[part][0] / 1e6);
    }
}

int main(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct wi_process_view *view;
    const char *rounds = getenv("BENCH_ROUNDS");
    size_t n_rounds = rounds ? (size_t)atoi(rounds) : 15;
    options.name = "bench";
    options.limit_bytes = UINT64_C(256) << 20;
    if (weir_start(&options, &error) != WEIR_OK) {
        fail(error.text);
    }
    for (size_t i = 0; i < N_CHANNELS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "channel-%zu", i);
        struct weir_channel_options channel_options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
        channel_options.latency = WEIR_LATENCY_OFF;
        channels[i] = weir_channel_open(&channel_options);
        if (!channels[i]) {
            fail("a channel was refused");
        }
    }
    wi_process_views_init(&views, false);
    if (wi_process_view_open_self(&view, &error) != WEIR_OK ||
        wi_process_views_add(&views, view) != WEIR_OK) {
        fail(error.text);
    }
    now_nanos = bench_now();
    refresh();
    run_rounds(n_rounds < MAX_ROUNDS ? n_rounds : MAX_ROUNDS);
    wi_process_views_finish(&views);
    weir_stop();
    return 0;
}
