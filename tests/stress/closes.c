/* SPDX-License-Identifier: MIT */
/* ctest: timeout=300 processors=2 folders=agent/src/segment,agent/src/snapshot,agent/src/encode */
/*
 * Counters over closes: threads open handles, count on them and close them, 100,000,000 hooks in all, while
 * expositions are made of the live mapping and of the file, by readers that come and go. No counter may ever be
 * below what was counted before the exposition began, above what was begun when it was done, or below what any
 * exposition before said; and at rest all are exact, also for a reader that comes then. Then one slot is used again
 * and again while it is read.
 */
#include "child.h"
#include "encode/prometheus.h"
#include "snapshot/collect.h"
#include "snapshot/process_view.h"
#include "weir/weir.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define NAMES   6
#define HOOKS   UINT64_C(100000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HOOKS_HERE (HOOKS / 50)
#define OPENINGS   100000
#else
#define HOOKS_HERE HOOKS
#define OPENINGS   4000000
#endif

enum { SENT, RECEIVED, TIMED, REJECTED, ACQUIRES, SPAWNED, FINISHED, ADDED, N_SERIES };

static const char *const series[N_SERIES] = {
    "weir_channel_sent_total{channel=\"queue-%d\"} ",
    "weir_channel_received_total{channel=\"queue-%d\"} ",
    "weir_channel_residence_seconds_count{channel=\"queue-%d\"} ",
    "weir_channel_rejects_total{channel=\"queue-%d\",reason=\"shed\"} ",
    "weir_semaphore_acquires_total{semaphore=\"permits-%d\"} ",
    "weir_tasks_spawned_total{task=\"work-%d\"} ",
    "weir_tasks_finished_total{task=\"work-%d\",outcome=\"error\"} ",
    "weir_counter_total{counter=\"bytes-%d\"} ",
};

/* Of one thread: what it has begun to count, and what it has counted. */
static struct {
    uint64_t begun[N_SERIES][NAMES], done[N_SERIES][NAMES];
} counts[THREADS];

static uint64_t hooks; /* of all threads */
static bool is_over;
static struct weir_error error;

static void note(uint64_t *at, uint64_t n)
{
    __atomic_store_n(at, *at + n, __ATOMIC_SEQ_CST);
}

static void begin(int t, int s, int name, uint64_t n)
{
    note(&counts[t].begun[s][name], n);
}

static void done(int t, int s, int name, uint64_t n)
{
    note(&counts[t].done[s][name], n);
}

/* ---- what is counted ---------------------------------------------------------------------------- */

static uint64_t churn_channel(int t, int i, uint64_t n)
{
    char name[32];
    snprintf(name, sizeof(name), "queue-%d", i);
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    bool is_timed = i % 2;
    options.latency = is_timed ? WEIR_LATENCY_FULL : WEIR_LATENCY_OFF;
    options.storage = i % 3 ? WEIR_STORAGE_DEFAULT : WEIR_STORAGE_SHARED;
    struct weir_channel *channel = weir_channel_open(&options);
    for (int s = SENT; s <= REJECTED; s++) {
        begin(t, s, i, s == REJECTED ? 1 : s == TIMED ? n * is_timed : n);
    }
    for (uint64_t k = 0; k < n; k++) {
        weir_channel_receive(channel, weir_channel_send(channel, 8), 8);
    }
    weir_channel_reject(channel, WEIR_REJECT_SHED);
    for (int s = SENT; s <= REJECTED; s++) {
        done(t, s, i, s == REJECTED ? 1 : s == TIMED ? n * is_timed : n);
    }
    weir_channel_close(channel);
    return 2 * n + 1;
}

static uint64_t churn_semaphore(int t, int i, uint64_t n)
{
    char name[32];
    snprintf(name, sizeof(name), "permits-%d", i);
    struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT(name, 4);
    struct weir_semaphore *semaphore = weir_semaphore_open(&options);
    begin(t, ACQUIRES, i, n);
    for (uint64_t k = 0; k < n; k++) {
        weir_semaphore_acquire(semaphore, 1);
        weir_semaphore_release(semaphore, 1);
    }
    done(t, ACQUIRES, i, n);
    weir_semaphore_close(semaphore);
    return 2 * n;
}

static uint64_t churn_task(int t, int i, uint64_t n)
{
    char name[32];
    snprintf(name, sizeof(name), "work-%d", i);
    struct weir_task_options options = WEIR_TASK_INIT(name);
    struct weir_task_kind *kind = weir_task_kind_open(&options);
    begin(t, SPAWNED, i, n);
    begin(t, FINISHED, i, n);
    for (uint64_t k = 0; k < n; k++) {
        weir_task_end(kind, weir_task_begin(kind, weir_task_spawn(kind)));
        weir_task_finish(kind, WEIR_OUTCOME_ERROR);
    }
    done(t, SPAWNED, i, n);
    done(t, FINISHED, i, n);
    weir_task_kind_close(kind);
    return 4 * n;
}

static uint64_t churn_counter(int t, int i, uint64_t n)
{
    char name[32];
    snprintf(name, sizeof(name), "bytes-%d", i);
    struct weir_value_options options = WEIR_VALUE_INIT(name);
    struct weir_counter *counter = weir_counter_open(&options);
    begin(t, ADDED, i, 3 * n);
    for (uint64_t k = 0; k < n; k++) {
        weir_counter_add(counter, 3);
    }
    done(t, ADDED, i, 3 * n);
    weir_counter_close(counter);
    return n;
}

/* Some handles live for a few hooks, some for thousands. */
static void *churn(void *at)
{
    int t = (int)(uintptr_t)at;
    uint64_t random = 88172645463325252U + (uint64_t)t;
    while (__atomic_load_n(&hooks, __ATOMIC_RELAXED) < HOOKS_HERE) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int i = (int)(random >> 8) % NAMES;
        i = i < 0 ? -i : i;
        uint64_t n = random % 64 ? (random >> 16) % 8 : (random >> 16) % 8000;
        uint64_t (*const kinds[])(int, int, uint64_t) = {churn_channel, churn_semaphore, churn_task,
                                                         churn_counter};
        uint64_t made = kinds[(random >> 40) % 4](t, i, n);
        __atomic_fetch_add(&hooks, made, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* ---- what is told --------------------------------------------------------------------------------- */

static void sum(bool of_done, uint64_t ret_sums[N_SERIES][NAMES])
{
    memset(ret_sums, 0, N_SERIES * sizeof(ret_sums[0]));
    for (int t = 0; t < THREADS; t++) {
        for (int s = 0; s < N_SERIES; s++) {
            for (int i = 0; i < NAMES; i++) {
                const uint64_t *at = of_done ? &counts[t].done[s][i] : &counts[t].begun[s][i];
                ret_sums[s][i] += __atomic_load_n(at, __ATOMIC_SEQ_CST);
            }
        }
    }
}

static uint64_t told(const struct wi_buffer *text, int s, int i)
{
    char line[128];
    snprintf(line, sizeof(line), series[s], i);
    const char *at = strstr((const char *)text->bytes, line);
    return at ? strtoull(at + strlen(line), NULL, 10) : 0;
}

static uint64_t now;

static void expose(struct wi_process_view *view, const char *who)
{
    static uint64_t last[N_SERIES][NAMES];
    uint64_t least[N_SERIES][NAMES];
    uint64_t most[N_SERIES][NAMES];
    struct wi_buffer text;
    wi_buffer_init(&text, 1 << 24);
    sum(true, least);
    now += 100000000;
    enum weir_status status = wi_process_view_refresh(view, now, &error);
    if (status != WEIR_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    CHECK(status == WEIR_OK);
    CHECK(wi_prometheus_encode(view, WI_FORMAT_TEXT, false, &text) == WEIR_OK);
    wi_buffer_append(&text, "", 1);
    sum(false, most);
    uint64_t lost = wi_process_view_row(view, WI_AGENT, 0)->value[WI_AGENT_SAMPLES_LOST].u.u64;
    for (int s = 0; s < N_SERIES; s++) {
        for (int i = 0; i < NAMES; i++) {
            uint64_t is = told(&text, s, i);
            /* A hook never waits: its first sample may find the lock taken, and is then counted as lost. */
            uint64_t missing = s == TIMED ? lost : 0;
            if (is + missing < least[s][i] || is > most[s][i] || is < last[s][i]) {
                fprintf(stderr, "%s: series %d of name %d is %llu, of %llu to %llu; before %llu\n",
                        who, s, i, (unsigned long long)is, (unsigned long long)least[s][i],
                        (unsigned long long)most[s][i], (unsigned long long)last[s][i]);
                CHECK(!"exact");
            }
            last[s][i] = is;
        }
    }
    wi_buffer_finish(&text);
}

static void *scrape(void *path)
{
    uint64_t n = 0;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        struct wi_process_view *self;
        struct wi_process_view *other;
        CHECK(wi_process_view_open_self(&self, &error) == WEIR_OK);
        CHECK(wi_process_view_open_file(path, &other, &error) == WEIR_OK);
        for (int i = 0; i < 20; i++, n++) {
            expose(self, "live");
            expose(other, "file");
        }
        wi_process_view_close(self);
        wi_process_view_close(other);
    }
    printf("%llu expositions of each\n", (unsigned long long)n);
    return NULL;
}

static void closes(const char *dir)
{
    static char path[256];
    pthread_t threads[THREADS];
    pthread_t scraper;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(pthread_create(&scraper, NULL, scrape, path) == 0);
    for (int t = 0; t < THREADS; t++) {
        CHECK(pthread_create(&threads[t], NULL, churn, (void *)(uintptr_t)t) == 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    pthread_join(scraper, NULL);
    struct wi_process_view *view;
    CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    expose(view, "late"); /* at rest no more was begun than was done */
    const struct wi_row *agent = wi_process_view_row(view, WI_AGENT, 0);
    CHECK(agent->value[WI_AGENT_HANDLES_REFUSED].u.u64 == 0);
    wi_process_view_close(view);
    printf("%llu hooks\n", (unsigned long long)hooks);
}

/* ---- one slot ------------------------------------------------------------------------------------- */

static void *reuse(void *unused)
{
    (void)unused;
    for (int i = 0; i < OPENINGS; i++) {
        struct weir_channel_options options = WEIR_CHANNEL_INIT("queue", WEIR_UNBOUNDED);
        options.storage = i % 2 ? WEIR_STORAGE_SHARED : WEIR_STORAGE_DEFAULT;
        struct weir_channel *channel = weir_channel_open(&options);
        for (int k = 0; k < 20; k++) {
            weir_channel_receive(channel, weir_channel_send(channel, 8), 8);
        }
        weir_channel_close(channel);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    return NULL;
}

/* Every handle sends before it receives: one that has received more has the counts of the one before. */
static void reuses(const char *dir)
{
    pthread_t thread;
    struct wi_source *source;
    struct wi_collection collection = {.n = 0};
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(wi_source_open_self(&source, &error) == WEIR_OK);
    CHECK(pthread_create(&thread, NULL, reuse, NULL) == 0);
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        CHECK(wi_collect(&collection, source, &error) == WEIR_OK);
    }
    pthread_join(thread, NULL);
    CHECK(collection.clamped == 0);
    wi_collection_finish(&collection);
    wi_source_close(source);
}

int main(void)
{
    int status = child_run(closes);
    return status ? status : child_run(reuses);
}
