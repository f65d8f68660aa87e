/* SPDX-License-Identifier: MIT */
/*
 * What the hooks add to two queues that C servers use: GLib's GAsyncQueue, one thread pushing and
 * popping, and libuv's uv_queue_work with 512 in flight. Each runs without hooks, and with sampled
 * latency: the ratio is the whole price.
 */
#include "bench.h"
#include "weir/weir.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define IN_FLIGHT 512

static struct weir_channel *channel;
static GAsyncQueue *queue;

struct message {
    weir_ticket ticket;
};

static void run_queue(uint64_t n)
{
    static struct message message;
    for (uint64_t i = 0; i < n; i++) {
        g_async_queue_push(queue, &message);
        (void)g_async_queue_pop(queue);
    }
}

static void run_queue_hooked(uint64_t n)
{
    static struct message message;
    for (uint64_t i = 0; i < n; i++) {
        message.ticket = weir_channel_send(channel, sizeof(message));
        g_async_queue_push(queue, &message);
        struct message *popped = g_async_queue_pop(queue);
        weir_channel_receive(channel, popped->ticket, sizeof(message));
    }
}

struct job {
    uv_work_t request;
    weir_ticket ticket;
};

static struct job jobs[IN_FLIGHT];
static uint64_t jobs_left;
static struct weir_channel *job_channel; /* NULL: without hooks */

static void job_work(uv_work_t *request)
{
    struct job *job = (struct job *)request;
    weir_channel_receive(job_channel, job->ticket, sizeof(*job));
}

static void job_queue(struct job *job);

static void job_after(uv_work_t *request, int status)
{
    (void)status;
    if (jobs_left > 0) {
        job_queue((struct job *)request);
    }
}

static void job_queue(struct job *job)
{
    jobs_left--;
    job->ticket = weir_channel_send(job_channel, sizeof(*job));
    uv_queue_work(uv_default_loop(), &job->request, job_work, job_after);
}

static void run_jobs(uint64_t n)
{
    jobs_left = n;
    for (size_t i = 0; i < IN_FLIGHT && jobs_left > 0; i++) {
        job_queue(&jobs[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void run_jobs_plain(uint64_t n)
{
    job_channel = NULL;
    run_jobs(n);
}

static void run_jobs_hooked(uint64_t n)
{
    job_channel = channel;
    run_jobs(n);
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
    struct weir_channel_options channel_options = WEIR_CHANNEL_INIT("queue", WEIR_UNBOUNDED);
    channel = weir_channel_open(&channel_options);
    queue = g_async_queue_new();
    static const struct bench_case queue_cases[] = {
        {"gasyncqueue_push_pop", run_queue, NULL, 0, 0, 0},
        {"gasyncqueue_push_pop_sampled", run_queue_hooked, "gasyncqueue_push_pop", 0, 0, 0},
    };
    bench_run(queue_cases, 2, NULL, 500000, 31);
    static const struct bench_case job_cases[] = {
        {"uv_queue_work_512_in_flight", run_jobs_plain, NULL, 0, 0, 0},
        {"uv_queue_work_512_in_flight_sampled", run_jobs_hooked, "uv_queue_work_512_in_flight", 0,
         0, 0},
    };
    bench_run(job_cases, 2, NULL, 200000, 31);
    g_async_queue_unref(queue);
    weir_stop();
    return 0;
}
