/* SPDX-License-Identifier: MIT */
/* ctest: timeout=400 folders=agent/src/hook,agent/src/segment,agent/src/snapshot */
/*
 * 10^6 objects that are opened and closed by four threads, and freed at once, while two readers never pause: one of
 * this process, one of its file. Some are freed without a close, so that their memory faults. At rest the sum, the
 * count and the largest are the threads' own, each object without a close was dropped once, and no other was.
 */
#include "child.h"
#include "readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define N_THREADS 4
#define LIVE      300 /* at most, of a thread */
#define FORGOTTEN 200 /* of a thread */
#define DEEPEST   1000

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define OBJECTS 100000L
#else
#define OBJECTS 1000000L
#endif

struct queue {
    struct queue *self;
    uint64_t depth;
    uint64_t room[4];
};

static const struct weir_layout layout =
    WEIR_LAYOUT_OF(struct queue, WEIR_FIELD(struct queue, self, WEIR_FIELD_SELF, 0),
                   WEIR_FIELD(struct queue, depth, WEIR_FIELD_DEPTH, DEEPEST));

static struct worker {
    struct weir_channel *channel;
    uint64_t seed;
    struct queue *queues[LIVE];
    struct weir_object *objects[LIVE];
    unsigned char *pages; /* one for each object that is freed without a close */
    uint64_t opened, live, sum, largest;
    size_t forgotten;
} workers[N_THREADS];

static uint64_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct weir_object *open_object(struct worker *worker, struct queue *queue)
{
    char label[32];
    memset(queue, 0, sizeof(*queue));
    queue->self = queue;
    queue->depth = dice(&worker->seed) % DEEPEST;
    snprintf(label, sizeof(label), "depth %llu", (unsigned long long)queue->depth);
    struct weir_object *object = weir_object_open(worker->channel, queue, &layout, label);
    CHECK(object != NULL);
    worker->opened++;
    return object;
}

static void close_object(struct worker *worker, size_t i)
{
    weir_object_close(worker->objects[i]);
    memset(worker->queues[i], 0xff, sizeof(*worker->queues[i]));
    free(worker->queues[i]);
    worker->queues[i] = NULL;
}

/* Its page is never used again, so that no other object stands there. */
static void forget_object(struct worker *worker)
{
    unsigned char *page = worker->pages + worker->forgotten++ * 4096;
    open_object(worker, (struct queue *)(void *)page);
    CHECK(mprotect(page, 4096, PROT_NONE) == 0);
}

static void *work(void *context)
{
    struct worker *worker = context;
    while (worker->opened < OBJECTS / N_THREADS) {
        size_t i = dice(&worker->seed) % LIVE;
        if (worker->queues[i]) {
            close_object(worker, i);
        } else {
            worker->queues[i] = malloc(sizeof(struct queue));
            CHECK(worker->queues[i] != NULL);
            worker->objects[i] = open_object(worker, worker->queues[i]);
        }
        if (worker->forgotten < FORGOTTEN && dice(&worker->seed) % 1000 == 0) {
            forget_object(worker);
        }
    }
    for (size_t i = 0; i < LIVE; i++) {
        uint64_t depth = worker->queues[i] ? worker->queues[i]->depth : 0;
        worker->live += worker->queues[i] != NULL;
        worker->sum += depth;
        worker->largest = depth > worker->largest ? depth : worker->largest;
    }
    return NULL;
}

static struct worker all; /* their sums */

static bool shows_all(void *context)
{
    struct wi_process_view *view = context;
    struct weir_error error;
    char label[32];
    static uint64_t now = 2;
    CHECK(wi_process_view_refresh(view, ++now, &error) == WEIR_OK);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 0);
    snprintf(label, sizeof(label), "depth %llu", (unsigned long long)all.largest);
    return row->value[WI_CHANNEL_DEPTH].u.u64 == all.sum &&
           row->value[WI_CHANNEL_OBJECTS].u.u64 == all.live &&
           row->value[WI_CHANNEL_OBJECTS_READ].u.u64 == all.live &&
           row->value[WI_CHANNEL_LARGEST].u.u64 == all.largest &&
           strcmp(row->value[WI_CHANNEL_LARGEST_LABEL].u.text, label) == 0 &&
           read_value(view, WI_AGENT, 0, WI_AGENT_OBJECTS_DROPPED) == all.forgotten &&
           read_value(view, WI_AGENT, 0, WI_AGENT_OBJECTS_REFUSED) == 0;
}

static void tell(struct wi_process_view *view)
{
    printf("%llu opened: %llu open (weir %llu), sum %llu (%llu), largest %llu (%llu), without a "
           "close %zu (%llu)\n",
           (unsigned long long)all.opened, (unsigned long long)all.live,
           (unsigned long long)read_value(view, WI_CHANNEL, 0, WI_CHANNEL_OBJECTS),
           (unsigned long long)all.sum,
           (unsigned long long)read_value(view, WI_CHANNEL, 0, WI_CHANNEL_DEPTH),
           (unsigned long long)all.largest,
           (unsigned long long)read_value(view, WI_CHANNEL, 0, WI_CHANNEL_LARGEST), all.forgotten,
           (unsigned long long)read_value(view, WI_AGENT, 0, WI_AGENT_OBJECTS_DROPPED));
}

static void come_and_go(const char *dir)
{
    (void)dir;
    struct weir_error error;
    struct readers readers;
    pthread_t threads[N_THREADS];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options options = WEIR_CHANNEL_INIT("queues", WEIR_UNBOUNDED);
    struct weir_channel *channel = weir_channel_open(&options);
    readers_begin(&readers);
    for (int i = 0; i < N_THREADS; i++) {
        workers[i].channel = channel;
        workers[i].seed = (uint64_t)(i + 1) * 2654435761U;
        workers[i].pages = mmap(NULL, FORGOTTEN * 4096, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(workers[i].pages != MAP_FAILED);
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        all.opened += workers[i].opened;
        all.live += workers[i].live;
        all.sum += workers[i].sum;
        all.forgotten += workers[i].forgotten;
        all.largest = workers[i].largest > all.largest ? workers[i].largest : all.largest;
    }
    readers_end(&readers);
    for (int r = 0; r < 2; r++) {
        bool is_so = child_wait(shows_all, readers.view[r]);
        tell(readers.view[r]);
        CHECK(is_so);
        wi_process_view_close(readers.view[r]);
    }
}

int main(void)
{
    return child_run(come_and_go);
}
