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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_came_meanwhile_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
