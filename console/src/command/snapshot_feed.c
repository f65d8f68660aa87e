/* SPDX-License-Identifier: MIT */
/*
 * A thread writes the pages, so that the link is read also while the output blocks: a pager may
 * stop reading, and an exporter closes a connection that takes nothing for 10 s. As long as the
 * output does not block, a page is written before the next one is read, so that one page is in
 * memory. When it blocks, the other pages wait here.
 */
#include "command/snapshot_feed.h"

#include "base/memory.h"
#include "base/thread.h"
#include "link/queue.h"
#include "weir/nanos.h"

#include <stdlib.h>
#include <time.h>

#define FEED_SECOND         UINT64_C(1000000000)
#define FEED_PATIENCE_NANOS (3 * FEED_SECOND)

struct wc_snapshot_feed {
    struct wc_snapshot_writer *writer;
    bool is_closed; /* the reader of stdout is gone; for the thread that writes */
    bool has_thread;
    pthread_t thread;
    pthread_cond_t changed;
    pthread_mutex_t lock;  /* of what follows */
    struct wc_queue pages; /* to be written */
    bool is_busy;          /* one more is being written */
    bool is_still;         /* it takes long, so further pages wait */
    bool has_end;          /* no more pages come */
    enum wc_status code;   /* of the writing; after a failure nothing is written */
    struct wc_error error;
};

static enum wc_status feed_write(struct wc_snapshot_feed *feed, Weir__V1__Update *taken_page,
                                 struct wc_error *ret_error)
{
    enum wc_status code = WC_OK;
    if (!feed->is_closed) {
        code = wc_snapshot_writer_page(feed->writer, taken_page, ret_error);
    }
    weir__v1__update__free_unpacked(taken_page, NULL);
    return code == WC_OK ? wc_report_flush(&feed->is_closed, ret_error) : code;
}

static void *feed_run(void *context)
{
    struct wc_snapshot_feed *feed = context;
    pthread_mutex_lock(&feed->lock);
    for (;;) {
        while (feed->pages.n == 0 && !feed->has_end) {
            pthread_cond_wait(&feed->changed, &feed->lock);
        }
        struct wc_message *message = wc_queue_take(&feed->pages);
        if (!message || feed->code != WC_OK) {
            if (message) {
                weir__v1__update__free_unpacked(message->update, NULL);
                free(message);
            }
            break;
        }
        struct wc_error error;
        feed->is_busy = true;
        pthread_mutex_unlock(&feed->lock);
        enum wc_status code = feed_write(feed, message->update, &error);
        free(message);
        pthread_mutex_lock(&feed->lock);
        feed->is_busy = feed->is_still = false;
        feed->code = code;
        feed->error = code == WC_OK ? feed->error : error;
        pthread_cond_broadcast(&feed->changed);
    }
    pthread_mutex_unlock(&feed->lock);
    return NULL;
}

struct wc_snapshot_feed *wc_snapshot_feed_start(struct wc_snapshot_writer *writer)
{
    struct wc_snapshot_feed *feed = wc_alloc(sizeof(*feed));
    pthread_condattr_t clock;
    feed->writer = writer;
    wc_queue_drop(&feed->pages);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&feed->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&feed->lock, NULL);
    feed->has_thread = wc_thread_start(&feed->thread, feed_run, feed);
    return feed;
}

enum wc_status wc_snapshot_feed_page(struct wc_snapshot_feed *feed, Weir__V1__Update *taken_page,
                                     struct wc_error *ret_error)
{
    if (!feed->has_thread) { /* then it is written here */
        return feed_write(feed, taken_page, ret_error);
    }
    uint64_t until_nanos = wi_nanos(CLOCK_MONOTONIC) + FEED_PATIENCE_NANOS;
    struct timespec until = {.tv_sec = (time_t)(until_nanos / FEED_SECOND),
                             .tv_nsec = (long)(until_nanos % FEED_SECOND)};
    struct wc_message *message = wc_alloc(sizeof(*message));
    message->update = taken_page;
    pthread_mutex_lock(&feed->lock);
    wc_queue_put(&feed->pages, message);
    pthread_cond_broadcast(&feed->changed);
    while (!feed->is_still && feed->code == WC_OK && (feed->pages.n > 0 || feed->is_busy)) {
        feed->is_still = pthread_cond_timedwait(&feed->changed, &feed->lock, &until) != 0;
    }
    enum wc_status code = feed->code;
    if (code != WC_OK) {
        *ret_error = feed->error;
    }
    pthread_mutex_unlock(&feed->lock);
    return code;
}

enum wc_status wc_snapshot_feed_end(struct wc_snapshot_feed *taken_feed, struct wc_error *ret_error)
{
    struct wc_snapshot_feed *feed = taken_feed;
    if (feed->has_thread) {
        pthread_mutex_lock(&feed->lock);
        feed->has_end = true;
        pthread_cond_broadcast(&feed->changed);
        pthread_mutex_unlock(&feed->lock);
        pthread_join(feed->thread, NULL);
    }
    enum wc_status code = feed->code;
    if (code != WC_OK) {
        *ret_error = feed->error;
    }
    wc_queue_drop(&feed->pages);
    pthread_mutex_destroy(&feed->lock);
    pthread_cond_destroy(&feed->changed);
    free(feed);
    return code;
}
