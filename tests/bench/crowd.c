/* SPDX-License-Identifier: MIT */
/*
 * Reading 50,000 senders, each with messages queued, and 4,096 single tasks: a refresh of the counts,
 * and the choice of the 50 senders that a screen shows.
 */
#include "bench.h"
#include "weir/memory.h"
#include "encode/select.h"
#include "snapshot/process_view.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>

#define N_SENDERS 50000
#define N_TASKS   4096

static struct wi_process_view *view;
static struct wi_memory memory = {.limit = UINT64_C(64) << 20};

static void run_counts(uint64_t n)
{
    struct weir_error error;
    for (uint64_t i = 0; i < n; i++) {
        if (wi_process_view_refresh(view, 1, &error) != WEIR_OK) {
            fprintf(stderr, "bench: %s\n", error.text);
            exit(1);
        }
    }
}

static void run_select(uint64_t n)
{
    const struct wi_query query = {.kind = WI_SENDER,
                                   .filter = "",
                                   .sort = WI_SENDER_IN_FLIGHT,
                                   .is_descending = true,
                                   .limit = 50,
                                   .n_columns = 1};
    for (uint64_t i = 0; i < n; i++) {
        struct wi_selection selection;
        if (wi_select(view, &query, &memory, &selection) != WEIR_OK) {
            exit(1);
        }
        wi_memory_return(&memory, selection.rows);
    }
}

static uint64_t segment_bytes(void)
{
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    return health.segment_bytes;
}

int main(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "bench";
    if (weir_start(&options, &error) != WEIR_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    struct weir_channel_options channel_options = WEIR_CHANNEL_INIT("moves", WEIR_UNBOUNDED);
    struct weir_channel *channel = weir_channel_open(&channel_options);
    uint64_t at_first = segment_bytes();
    for (unsigned i = 0; i < N_SENDERS; i++) {
        struct weir_sender *sender = weir_sender_open(channel, "player");
        for (unsigned k = 0; k <= i % 7; k++) {
            (void)weir_channel_send_from(channel, sender, 208);
        }
        weir_sender_close(i % 3 ? NULL : sender);
    }
    uint64_t with_senders = segment_bytes();
    struct weir_task_options task_options = WEIR_TASK_INIT("connection");
    struct weir_task_kind *kind = weir_task_kind_open(&task_options);
    static struct weir_task tasks[N_TASKS];
    for (unsigned i = 0; i < N_TASKS; i++) {
        weir_task_open(&tasks[i], kind, "c");
    }
    uint64_t with_tasks = segment_bytes();
    if (wi_process_view_open_self(&view, &error) != WEIR_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    run_counts(1);
    static const struct bench_case cases[] = {
        {"read_50000_senders_4096_tasks", run_counts, NULL, 0, 0, 0},
        {"first_50_of_50000_senders", run_select, NULL, 0, 0, 0},
    };
    bench_run(cases, sizeof(cases) / sizeof(cases[0]), NULL, 3, 15);
    bench_print_value("memory_per_sender", (double)(with_senders - at_first) / N_SENDERS, "bytes");
    bench_print_value("memory_per_single_task", (double)(with_tasks - with_senders) / N_TASKS,
                      "bytes");
    wi_process_view_close(view);
    weir_stop();
    return 0;
}
