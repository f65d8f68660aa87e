/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/snapshot */
/* The two passes over the counts of handles: never more out than in. */
#include "child.h"
#include "segment/index.h"
#include "snapshot/collect.h"
#include "snapshot/source.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

static struct weir_channel *channel;

static struct weir_channel *open_channel(const char *name)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED);
    return weir_channel_open(&options);
}

static void *send_once(void *unused)
{
    weir_channel_send(channel, 8);
    return unused;
}

/* Handles take all the memory that the segment had, so the next thread's cells lie behind it. */
static void fill_up(size_t length)
{
    for (int i = 0; wi_index.reserved_bytes <= length; i++) {
        CHECK(i < 10000 && open_channel("other") != NULL);
    }
}

static void finds_what_a_new_thread_sent(const char *dir)
{
    (void)dir;
    struct weir_error error;
    struct wi_source *source;
    struct wi_collection collection = {0};
    struct wi_raw raws[WEIR_CHUNK_CELLS];
    pthread_t thread;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    channel = open_channel("channel");
    weir_channel_send(channel, 8);
    weir_channel_receive(channel, 0, 8);
    CHECK(wi_source_open_self(&source, &error) == WEIR_OK);
    CHECK(wi_source_read(source, &collection.before, &collection.image, &error) == WEIR_OK);

    fill_up(collection.image.length);
    CHECK(pthread_create(&thread, NULL, send_once, NULL) == 0);
    pthread_join(thread, NULL);
    weir_channel_receive(channel, 0, 8);

    CHECK(wi_collect_passes(&collection, source, 0, WEIR_CHUNK_CELLS, raws, &error) == WEIR_OK);
    const struct wi_raw *raw = &raws[weir_slot_id(&channel->head)];
    CHECK(raw->leaving[WEIR_WORD_RECEIVED] == 2);
    CHECK(raw->entering[WEIR_WORD_SENT] == 2);
    wi_source_close(source);
}

static void a_thread_that_came_meanwhile_is_not_missed(void **state)
{
    (void)state;
    assert_int_equal(child_run(finds_what_a_new_thread_sent), 0);
}

static uint64_t interruptions;

/* As if another program had the processor: half a millisecond passes, and so do messages. */
static void on_alarm(int signal_number)
{
    (void)signal_number;
    uint64_t begin = weir_ticks();
    while (weir_ticks_to_nanos(weir_ticks() - begin) < 500000) {
        weir_channel_send(channel, 8);
        weir_channel_receive(channel, 0, 8);
    }
    interruptions++;
}

static void looks_while_it_is_interrupted(const char *dir)
{
    (void)dir;
    struct weir_error error;
    struct wi_source *source;
    struct wi_collection collection = {0};
    struct wi_raw raws[WEIR_CHUNK_CELLS];
    const struct itimerval often = {{0, 5000}, {0, 5000}};
    uint64_t deepest = 0;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    channel = open_channel("channel");
    CHECK(wi_source_open_self(&source, &error) == WEIR_OK);
    signal(SIGALRM, on_alarm);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (interruptions < 100) {
        CHECK(wi_source_read(source, &collection.before, &collection.image, &error) == WEIR_OK);
        CHECK(wi_collect_passes(&collection, source, 0, 1, raws, &error) == WEIR_OK);
        uint64_t depth = raws[0].entering[WEIR_WORD_SENT] - raws[0].leaving[WEIR_WORD_RECEIVED];
        deepest = depth > deepest ? depth : deepest;
    }
    CHECK(deepest == 0);
    wi_source_close(source);
}

static void an_interruption_is_not_a_depth(void **state)
{
    (void)state;
    assert_int_equal(child_run(looks_while_it_is_interrupted), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_came_meanwhile_is_not_missed),
        cmocka_unit_test(an_interruption_is_not_a_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
