/* SPDX-License-Identifier: MIT */
/*
 * What a tokio-console costs the exporter at 100,000 channels and 20,000 single tasks: the first round, which
 * tells all; a round in which nothing has changed; one in which everything has.
 */
#include "bench.h"
#include "encode/weir.h"
#include "weir/nanos.h"
#include "session/tokio.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_CHANNELS 100000
#define N_TASKS    20000

static struct wi_process_views views;
static struct wi_buffer scratch;
static struct wi_memory memory = {.limit = UINT64_C(16) << 20};
static struct wi_call_context context = {.views = &views, .memory = &memory, .scratch = &scratch};
static struct wi_peer peer = {.memory = &memory};
static struct weir_channel *channels[N_CHANNELS];
static struct weir_task tasks[N_TASKS];
static struct wi_call *call;
static uint64_t now = 1;
static size_t n_messages, n_turns, n_bytes, longest;
static uint64_t longest_turn;

/* Processor time: the exporter's is what its host lacks. */
static uint64_t spent_nanos(void)
{
    return wi_nanos(CLOCK_THREAD_CPUTIME_ID);
}

static void bench_die(const char *text)
{
    fprintf(stderr, "bench: %s\n", text);
    exit(1);
}

static void refresh(void)
{
    struct weir_error error = {""};
    if (wi_process_views_refresh(&views, views.first, now, &error) != WEIR_OK) {
        bench_die(error.text);
    }
}

/* One turn; returns whether the round goes on. */
static bool turn(void)
{
    struct wi_fault fault = {WI_RPC_OK, ""};
    wi_buffer_clear(&scratch);
    uint64_t begun = spent_nanos();
    enum wi_call_next next = call->type->next(call, now, &scratch, &fault);
    uint64_t spent = spent_nanos() - begun;
    longest_turn = spent > longest_turn ? spent : longest_turn;
    if (next == WI_CALL_END) {
        bench_die(fault.text);
    }
    n_turns++;
    n_messages += next == WI_CALL_MESSAGE;
    n_bytes += next == WI_CALL_MESSAGE ? scratch.length : 0;
    longest = scratch.length > longest ? scratch.length : longest;
    return call->due_nanos <= now + 1;
}

static void one_round(void)
{
    n_messages = n_turns = n_bytes = longest = 0;
    longest_turn = 0;
    while (turn()) {
    }
    now += WI_TOKIO_INTERVAL_NANOS;
}

static void begin(void)
{
    struct wi_fault fault;
    struct wi_call_start start = {.context = &context, .served = views.first, .peer = &peer};
    call = wi_tokio_watch_updates(&start, &fault);
    if (!call) {
        bench_die(fault.text);
    }
}

static void run_first(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        begin();
        one_round();
        call->type->destroy(call);
    }
}

static void run_quiet(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        one_round();
    }
}

static void change_all(void)
{
    for (size_t i = 0; i < N_CHANNELS; i++) {
        (void)weir_channel_send(channels[i], 64);
    }
    for (size_t i = 0; i < N_TASKS; i++) {
        weir_task_wake(&tasks[i]);
        weir_task_poll(&tasks[i]);
        weir_task_polled(&tasks[i]);
    }
    refresh();
}

static void run_open(void)
{
    struct weir_channel_options channel_options = WEIR_CHANNEL_INIT("", 64);
    struct weir_task_options task_options = WEIR_TASK_INIT("connection");
    char name[32];
    channel_options.name = name;
    for (unsigned i = 0; i < N_CHANNELS; i++) {
        snprintf(name, sizeof(name), "room-%05u", i);
        channels[i] = weir_channel_open(&channel_options);
        if (!channels[i]) {
            bench_die("no channel");
        }
    }
    struct weir_task_kind *kind = weir_task_kind_open(&task_options);
    for (unsigned i = 0; i < N_TASKS; i++) {
        snprintf(name, sizeof(name), "connection %u", i);
        weir_task_open(&tasks[i], kind, name);
        if (!tasks[i].row) {
            bench_die("no row for a task");
        }
    }
}

static void print_round(const char *name)
{
    char text[64];
    snprintf(text, sizeof(text), "%s_longest_turn", name);
    bench_print_value(text, (double)longest_turn / 1e6, "ms");
    snprintf(text, sizeof(text), "%s_bytes", name);
    bench_print_value(text, (double)n_bytes, "bytes");
    snprintf(text, sizeof(text), "%s_messages", name);
    bench_print_value(text, (double)n_messages, "count");
    snprintf(text, sizeof(text), "%s_longest_message", name);
    bench_print_value(text, (double)longest, "bytes");
}

int main(void)
{
    struct weir_error error;
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct wi_process_view *view;
    options.name = "bench";
    options.limit_bytes = UINT64_C(256) << 20;
    setenv("WEIR_TASKS", "20000", 1);
    if (weir_start(&options, &error) != WEIR_OK) {
        bench_die(error.text);
    }
    run_open();
    if (wi_process_view_open_self(&view, &error) != WEIR_OK) {
        bench_die(error.text);
    }
    wi_process_views_init(&views, false);
    wi_buffer_init(&scratch, WI_MESSAGE_ROOM);
    if (wi_process_views_add(&views, view) != WEIR_OK) {
        bench_die("no memory");
    }
    refresh();
    static const struct bench_case first[] = {{"tokio_first_round", run_first, NULL, 0, 0, 1}};
    bench_run(first, 1, NULL, 1, 9);
    print_round("tokio_first_round");
    begin();
    one_round();
    bench_print_value("tokio_memory_of_a_client", (double)memory.bytes, "bytes");
    static const struct bench_case quiet[] = {{"tokio_quiet_round", run_quiet, NULL, 0, 0, 1}};
    bench_run(quiet, 1, NULL, 1, 21);
    print_round("tokio_quiet_round");
    uint64_t spent = 0;
    for (int i = 0; i < 5; i++) {
        change_all();
        uint64_t begun = spent_nanos();
        one_round();
        spent += spent_nanos() - begun;
    }
    bench_print_value("tokio_changed_round", (double)spent / 5e6, "ms");
    print_round("tokio_changed_round");
    call->type->destroy(call);
    wi_process_views_finish(&views);
    wi_buffer_finish(&scratch);
    weir_stop();
    return memory.bytes == 0 ? 0 : 1;
}
