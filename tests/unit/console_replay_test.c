/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment */
/*
 * A recording as a target: the link answers of it what the exporter had answered, to the last value; and
 * plays it by its clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_view.h"
#include "offered_view.h"
#include "record/writer.h"
#include "link/link.h"
#include "weir/nanos.h"
#include "target/target.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEST_DEADLINE_NANOS UINT64_C(20000000000)
#define TEST_POLL_MILLIS    100
#define SECOND              UINT64_C(1000000000)
#define CHANNELS            40u

static char path[] = "/tmp/weir-replay-XXXXXX";

/* ---- a process and its recording ---------------------------------------------------------- */

static struct wc_link *open_live(void)
{
    static const struct wc_target target = {.path = "/nowhere/1-1.weir"};
    struct wc_link *link = NULL;
    struct wc_error error = {0};
    struct weir_histogram histogram = {.bucket = {[3] = 7, [40] = 1}, .sum = 99, .max = 50};
    struct wi_process_view *view = fake_view_create("game");
    for (unsigned i = 0; i < CHANNELS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "channel%u", i * 7 % CHANNELS);
        struct wi_row *row = fake_view_add_channel(view, name, 100 + i % 4, 10, UINT64_MAX);
        row->id = (uint64_t)(i % 3 + 1) << 32 | i;
        if (i % 2) {
            fake_view_set_f64(row, WI_CHANNEL_IN_RATE, i / 3.0);
            fake_view_set_histogram(view, row, WI_CHANNEL_WAIT, &histogram);
        }
    }
    for (unsigned i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof(name), "player%u", i);
        struct wi_row *row = fake_view_add(view, WI_SENDER, name);
        row->id = i + 1;
        fake_view_set_text(view, row, WI_SENDER_CHANNEL, i % 2 ? "channel3" : "channel4");
        fake_view_set_u64(row, WI_SENDER_IN_FLIGHT, i);
    }
    offer_view(view);
    if (wc_link_open(&target, &link, &error) != WC_OK) {
        fail_msg("%s", error.text);
    }
    return link;
}

static struct wc_link *open_recording(void)
{
    struct wc_target target;
    struct wc_link *link = NULL;
    struct wc_error error = {0};
    if (wc_target_resolve(path, &target, &error) != WC_OK ||
        wc_link_open(&target, &link, &error) != WC_OK) {
        fail_msg("%s", error.text);
    }
    assert_non_null(wc_link_replay(link));
    return link;
}

static Weir__V1__Update *next_update(struct wc_link *link)
{
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    struct wc_error error = {0};
    while (wi_nanos(CLOCK_MONOTONIC) < end) {
        if (wc_link_step(link, &error) != WC_OK) {
            fail_msg("%s", error.text);
        }
        Weir__V1__Update *update = wc_link_take_update(link);
        if (update) {
            return update;
        }
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        poll(&wait, 1, TEST_POLL_MILLIS);
    }
    fail_msg("no update came");
    return NULL;
}

static Weir__V1__Update *ask(struct wc_link *link, Weir__V1__Query *query)
{
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    request.queries = &query;
    request.n_queries = 1;
    request.interval_millis = 60000;
    assert_int_equal(wc_link_watch(link, &request, NULL), WC_OK);
    Weir__V1__Update *update = next_update(link);
    if (wc_link_replay(link)) {
        assert_null(wc_link_take_update(link)); /* it stands at its end */
    }
    return update;
}

/* The look of the live process, with all that there is. */
static Weir__V1__Update *look(struct wc_link *link)
{
    static const Weir__V1__Kind kinds[] = {
        WEIR__V1__KIND__KIND_CHANNEL, WEIR__V1__KIND__KIND_SENDER, WEIR__V1__KIND__KIND_PROCESS};
    Weir__V1__Query queries[3], *pointers[3];
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    for (int i = 0; i < 3; i++) {
        weir__v1__query__init(&queries[i]);
        queries[i].kind = kinds[i];
        queries[i].sort_by_name = true;
        queries[i].histograms = true;
        pointers[i] = &queries[i];
    }
    request.queries = pointers;
    request.n_queries = 3;
    request.interval_millis = 60000;
    assert_int_equal(wc_link_watch(link, &request, NULL), WC_OK);
    return next_update(link);
}

/* Records a look so many times, a tenth of a second apart; the first channel's count says which. */
static void record(struct wc_link *live, unsigned looks)
{
    struct wc_writer *writer = NULL;
    struct wc_error error = {0};
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    opening.description = (Weir__V1__Description *)(uintptr_t)wc_link_description(live);
    opening.interval_millis = 100;
    assert_int_equal(wc_writer_create(path, true, &opening, &writer, &error), WC_OK);
    for (unsigned i = 0; i < looks; i++) {
        Weir__V1__Update *update = look(live);
        update->read_nanos = (int64_t)(20 * SECOND + i * (SECOND / 10));
        update->unix_nanos = (int64_t)(1700000000 * SECOND + i * (SECOND / 10));
        if (looks > 1) {
            update->tables[0]->rows[0]->values[WI_CHANNEL_DEPTH]->u64 = i;
        }
        assert_int_equal(wc_writer_look(writer, update, &error), WC_OK);
    }
    assert_int_equal(wc_writer_close(writer, "", &error), WC_OK);
}

/* ---- answers ------------------------------------------------------------------------------ */

static void same_answer(struct wc_link *live, struct wc_link *recording, Weir__V1__Query *query)
{
    Weir__V1__Update *a = ask(live, query), *b = ask(recording, query);
    size_t n = weir__v1__table__get_packed_size(a->tables[0]);
    assert_int_equal(weir__v1__table__get_packed_size(b->tables[0]), n);
    uint8_t *x = malloc(n), *y = malloc(n);
    assert_non_null(x);
    assert_non_null(y);
    weir__v1__table__pack(a->tables[0], x);
    weir__v1__table__pack(b->tables[0], y);
    assert_memory_equal(x, y, n);
    assert_string_equal(a->state, b->state);
    free(x);
    free(y);
    weir__v1__update__free_unpacked(a, NULL);
    weir__v1__update__free_unpacked(b, NULL);
}

static void a_recording_answers_as_the_process_did(void **state)
{
    (void)state;
    struct wc_link *live = open_live();
    record(live, 1);
    struct wc_link *recording = open_recording();
    assert_string_equal(wc_link_target(recording)->name, "game");
    assert_int_equal(wc_link_target(recording)->pid, 4821);
    assert_string_equal(wc_link_notice(recording), "");

    uint32_t columns[] = {WI_CHANNEL_IN_RATE, WI_CHANNEL_DEPTH}, then = WI_CHANNEL_IN_RATE;
    Weir__V1__Query query = WEIR__V1__QUERY__INIT;
    query.kind = WEIR__V1__KIND__KIND_CHANNEL;
    same_answer(live, recording, &query);
    for (int descending = 0; descending < 2; descending++) {
        for (uint32_t sort = 0; sort < WI_CHANNEL_N_METRICS; sort++) {
            query.sort = sort;
            query.descending = descending;
            same_answer(live, recording, &query);
        }
    }
    query.columns = columns;
    query.n_columns = 2;
    query.limit = 7;
    query.offset = 5;
    same_answer(live, recording, &query);
    query.sort = WI_CHANNEL_SENT;
    query.then = &then;
    query.n_then = 1;
    same_answer(live, recording, &query);
    query.histograms = true;
    query.offset = 39;
    same_answer(live, recording, &query);
    query.offset = 400;
    same_answer(live, recording, &query);
    query.offset = 0;
    query.filter = (char *)"channel?";
    same_answer(live, recording, &query);
    query.filter = (char *)"nobody";
    same_answer(live, recording, &query);
    query.filter = (char *)"";
    query.id = UINT64_C(2) << 32 | 1;
    same_answer(live, recording, &query);

    Weir__V1__Query senders = WEIR__V1__QUERY__INIT;
    senders.kind = WEIR__V1__KIND__KIND_SENDER;
    senders.where = WI_SENDER_CHANNEL;
    senders.equals = (char *)"channel3";
    senders.sort_by_name = true;
    same_answer(live, recording, &senders);
    wc_link_close(recording);
    wc_link_close(live);
}

static const Weir__V1__Table *table_of(const Weir__V1__Update *update, Weir__V1__Kind kind)
{
    for (size_t i = 0; i < update->n_tables; i++) {
        if (update->tables[i]->kind == kind) {
            return update->tables[i];
        }
    }
    fail_msg("no such table");
    return NULL;
}

static void await_end(struct wc_link *link)
{
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    while (!wc_link_is_complete(link) && wi_nanos(CLOCK_MONOTONIC) < end) {
        assert_int_equal(wc_link_step(link, NULL), WC_OK);
    }
    assert_true(wc_link_is_complete(link));
}

static void a_snapshot_is_of_the_end_or_of_a_moment(void **state)
{
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    char *include[] = {(char *)"channel0"};
    (void)state;
    struct wc_link *live = open_live();
    record(live, 30);
    struct wc_link *recording = open_recording();
    request.include = include;
    request.n_include = 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wc_link_snapshot(recording, &request, NULL), WC_OK);
        Weir__V1__Update *update = next_update(recording);
        await_end(recording);
        const Weir__V1__Table *channels = table_of(update, WEIR__V1__KIND__KIND_CHANNEL);
        assert_int_equal(channels->n_rows, 1);
        assert_int_equal(channels->total, CHANNELS);
        assert_int_equal(channels->rows[0]->values[WI_CHANNEL_DEPTH]->u64, i ? 12 : 29);
        assert_int_equal(table_of(update, WEIR__V1__KIND__KIND_PROCESS)->n_rows, 1);
        weir__v1__update__free_unpacked(update, NULL);
        wc_replay_seek(wc_link_replay(recording), 12 * SECOND / 10 + 5);
    }
    wc_link_close(recording);
    wc_link_close(live);
}

/* All lines of a recording from here to its end, each frame's with the depth that was recorded. */
static uint64_t read_lines(struct wc_link *recording, char *const *topics)
{
    uint64_t n = 0, end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    struct wc_error error = {0};
    while (!wc_replay_is_over(wc_link_replay(recording)) && wi_nanos(CLOCK_MONOTONIC) < end) {
        Weir__V1__Lines *lines;
        if (wc_link_step(recording, &error) != WC_OK) {
            fail_msg("%s", error.text);
        }
        while ((lines = wc_link_take_lines(recording)) != NULL) {
            assert_int_equal(lines->n_lines, 1);
            assert_string_equal(lines->lines[0]->topic, topics[0]);
            assert_string_equal(lines->lines[0]->unit, "messages");
            assert_int_equal(lines->lines[0]->value->u64, n);
            assert_int_equal(lines->n_waiting, 1);
            assert_string_equal(lines->waiting[0], topics[1]);
            weir__v1__lines__free_unpacked(lines, NULL);
            n++;
        }
    }
    return n;
}

static void topics_go_through_all_looks(void **state)
{
    char *topics[] = {(char *)"game/channel/size/channel0", (char *)"game/channel/size/none"};
    char *wrong[] = {(char *)"game/channel/sized/channel0"};
    Weir__V1__SubscribeRequest request = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    struct wc_error error = {0};
    (void)state;
    struct wc_link *live = open_live();
    record(live, 30);
    struct wc_link *recording = open_recording();
    request.topics = wrong;
    request.n_topics = 1;
    assert_int_equal(wc_link_subscribe(recording, &request, &error), WC_OK);
    assert_int_equal(wc_link_step(recording, &error), WC_USAGE);
    assert_non_null(strstr(error.text, "did you mean"));
    request.topics = topics;
    request.n_topics = 2;
    wc_replay_hurry(wc_link_replay(recording));
    for (int changes = 0; changes < 2; changes++) {
        request.changes_only = changes;
        request.interval_millis = changes ? 60000 : 100; /* frames are told, whatever it is */
        wc_replay_seek(wc_link_replay(recording), 0);
        assert_int_equal(wc_link_subscribe(recording, &request, &error), WC_OK);
        assert_int_equal(read_lines(recording, topics), 30);
    }
    wc_link_close(recording);
    wc_link_close(live);
}

/* Frames without a line are gone through in turns, so that a signal is heard meanwhile. */
static void a_number_that_never_changes_has_one_line(void **state)
{
    char *topics[] = {(char *)"game/channel/sent/channel0"};
    Weir__V1__SubscribeRequest request = WEIR__V1__SUBSCRIBE_REQUEST__INIT;
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + TEST_DEADLINE_NANOS;
    Weir__V1__Lines *lines;
    unsigned n_lines = 0, n_steps = 0;
    (void)state;
    struct wc_link *live = open_live();
    record(live, 200);
    struct wc_link *recording = open_recording();
    request.topics = topics;
    request.n_topics = 1;
    request.changes_only = true;
    wc_replay_seek(wc_link_replay(recording), 0);
    wc_replay_hurry(wc_link_replay(recording));
    assert_int_equal(wc_link_subscribe(recording, &request, NULL), WC_OK);
    while (!wc_replay_is_over(wc_link_replay(recording)) && wi_nanos(CLOCK_MONOTONIC) < end) {
        struct pollfd wait = {.fd = wc_link_fd(recording), .events = wc_link_events(recording)};
        assert_int_equal(poll(&wait, 1, TEST_DEADLINE_NANOS / 1000000), 1);
        assert_int_equal(wc_link_step(recording, NULL), WC_OK);
        for (; (lines = wc_link_take_lines(recording)) != NULL; n_steps++) {
            n_lines += (unsigned)lines->n_lines;
            weir__v1__lines__free_unpacked(lines, NULL);
        }
        n_steps++;
    }
    assert_true(wc_replay_is_over(wc_link_replay(recording)));
    assert_int_equal(n_lines, 1);
    assert_in_range(n_steps, 4, 1000);
    wc_link_close(recording);
    wc_link_close(live);
}

/* ---- what was recorded is what is told ---------------------------------------------------- */

/* A file of one look, which is described and changed before it is written. */
static void record_as(struct wc_link *live, Weir__V1__Description *description,
                      Weir__V1__Update *taken_update)
{
    struct wc_writer *writer = NULL;
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    (void)live;
    opening.description = description;
    opening.interval_millis = 1000;
    assert_int_equal(wc_writer_create(path, true, &opening, &writer, NULL), WC_OK);
    assert_int_equal(wc_writer_look(writer, taken_update, NULL), WC_OK);
    assert_int_equal(wc_writer_close(writer, "", NULL), WC_OK);
}

static Weir__V1__Description *description_of(const struct wc_link *link)
{
    return (Weir__V1__Description *)(uintptr_t)wc_link_description(link);
}

/* Another weir may have another order of metrics, and some that this one does not know. */
static void metrics_are_found_by_their_field(void **state)
{
    (void)state;
    struct wc_link *live = open_live();
    Weir__V1__Update *update = look(live);
    Weir__V1__Description *description = description_of(live);
    Weir__V1__Table *channels = update->tables[0];
    for (size_t i = 0; i < channels->n_columns; i++) {
        channels->columns[i] = (channels->columns[i] + 9) % 60;
    }
    for (size_t i = 0; i < description->n_metrics; i++) {
        Weir__V1__Metric *metric = description->metrics[i];
        if (metric->kind == WEIR__V1__KIND__KIND_CHANNEL) {
            metric->index = (metric->index + 9) % 60;
        }
        if (metric->kind == WEIR__V1__KIND__KIND_CHANNEL && strcmp(metric->field, "fill") == 0) {
            metric->field[0] = 'k';
        }
    }
    uint64_t depth = 0;
    for (size_t i = 0; i < channels->n_rows; i++) {
        if (strcmp(channels->rows[i]->name, "channel0") == 0) {
            depth = channels->rows[i]->values[WI_CHANNEL_DEPTH]->u64;
        }
    }
    record_as(live, description, update);
    struct wc_link *recording = open_recording();
    assert_int_equal(wc_link_metric(recording, WEIR__V1__KIND__KIND_CHANNEL, "depth"),
                     WI_CHANNEL_DEPTH);
    assert_int_equal(wc_link_metric(recording, WEIR__V1__KIND__KIND_CHANNEL, "fill"), -1);
    Weir__V1__Query query = WEIR__V1__QUERY__INIT;
    uint32_t columns[] = {WI_CHANNEL_DEPTH, WI_CHANNEL_FILL};
    query.columns = columns;
    query.n_columns = 2;
    query.filter = (char *)"channel0";
    query.histograms = true;
    update = ask(recording, &query);
    assert_int_equal(update->tables[0]->n_rows, 1);
    assert_true(depth > 0);
    assert_int_equal(update->tables[0]->rows[0]->values[0]->u64, depth);
    assert_int_equal(update->tables[0]->rows[0]->values[1]->value_case,
                     WEIR__V1__VALUE__VALUE__NOT_SET);
    weir__v1__update__free_unpacked(update, NULL);
    wc_link_close(recording);
    wc_link_close(live);
}

/* The recorder's share is limited, and so was its filter: what there was beside it is told. */
static void what_was_left_out_is_counted(void **state)
{
    (void)state;
    struct wc_link *live = open_live();
    Weir__V1__Update *update = look(live);
    update->skipped = 7;
    update->tables[0]->total = 90;
    update->tables[0]->matching = 70;
    record_as(live, description_of(live), update);
    struct wc_link *recording = open_recording();
    Weir__V1__Query query = WEIR__V1__QUERY__INIT;
    update = ask(recording, &query);
    assert_int_equal(update->skipped, 7);
    assert_int_equal(update->tables[0]->total, 90);
    assert_int_equal(update->tables[0]->matching, 70);
    assert_int_equal(update->tables[0]->n_rows, CHANNELS);
    weir__v1__update__free_unpacked(update, NULL);
    query.filter = (char *)"channel1";
    update = ask(recording, &query);
    assert_int_equal(update->tables[0]->total, 90);
    assert_in_range(update->tables[0]->matching, 1, 11);
    weir__v1__update__free_unpacked(update, NULL);
    wc_link_close(recording);
    wc_link_close(live);
}

/* Plays frames in which a channel grows: a living process would be warned of. */
static void warnings_are_those_of_the_recording(void **state)
{
    (void)state;
    struct wc_link *live = open_live();
    struct wc_writer *writer = NULL;
    Weir__V1__Opening opening = WEIR__V1__OPENING__INIT;
    opening.description = description_of(live);
    opening.interval_millis = 1000;
    assert_int_equal(wc_writer_create(path, true, &opening, &writer, NULL), WC_OK);
    for (unsigned i = 0; i < 60; i++) {
        Weir__V1__Update *update = look(live);
        update->read_nanos = (int64_t)((20 + i) * SECOND);
        update->tables[0]->rows[0]->values[WI_CHANNEL_DEPTH]->u64 = 100000 * i;
        assert_int_equal(wc_writer_look(writer, update, NULL), WC_OK);
    }
    assert_int_equal(wc_writer_close(writer, "", NULL), WC_OK);
    struct wc_link *recording = open_recording();
    Weir__V1__Query warnings = WEIR__V1__QUERY__INIT, channels = WEIR__V1__QUERY__INIT;
    Weir__V1__Query *queries[] = {&warnings, &channels};
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    warnings.kind = WEIR__V1__KIND__KIND_WARNING;
    channels.filter = (char *)"channel0";
    request.queries = queries;
    request.n_queries = 2;
    wc_replay_seek(wc_link_replay(recording), 0);
    wc_replay_hurry(wc_link_replay(recording));
    assert_int_equal(wc_link_watch(recording, &request, NULL), WC_OK);
    for (uint64_t i = 0; i < 60; i++) {
        Weir__V1__Update *update = next_update(recording);
        assert_int_equal(update->tables[0]->n_rows, 0);
        assert_int_equal(update->tables[1]->rows[0]->values[WI_CHANNEL_DEPTH]->u64, 100000 * i);
        assert_int_equal(update->read_nanos, (int64_t)((20 + i) * SECOND));
        weir__v1__update__free_unpacked(update, NULL);
    }
    wc_link_close(recording);
    wc_link_close(live);
}

/* ---- time --------------------------------------------------------------------------------- */

static uint64_t depth_of(Weir__V1__Update *taken_update)
{
    uint64_t depth = taken_update->tables[0]->rows[0]->values[WI_CHANNEL_DEPTH]->u64;
    assert_int_equal(taken_update->skipped, 0);
    weir__v1__update__free_unpacked(taken_update, NULL);
    return depth;
}

static void watch_channel0(struct wc_link *link)
{
    Weir__V1__Query query = WEIR__V1__QUERY__INIT, *queries[] = {&query};
    Weir__V1__WatchRequest request = WEIR__V1__WATCH_REQUEST__INIT;
    query.kind = WEIR__V1__KIND__KIND_CHANNEL;
    query.filter = (char *)"channel0";
    request.queries = queries;
    request.n_queries = 1;
    assert_int_equal(wc_link_watch(link, &request, NULL), WC_OK);
    /* Who polls is told that there is something to read, also where nothing plays. */
    struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
    assert_int_equal(poll(&wait, 1, TEST_DEADLINE_NANOS / 1000000), 1);
}

/* Whether nothing comes that was not asked for: by then a frame's time has passed. */
static void assert_stands(struct wc_link *link)
{
    uint64_t end = wi_nanos(CLOCK_MONOTONIC) + SECOND / 20;
    while (wi_nanos(CLOCK_MONOTONIC) < end) {
        struct pollfd wait = {.fd = wc_link_fd(link), .events = wc_link_events(link)};
        assert_int_equal(wc_link_step(link, NULL), WC_OK);
        assert_null(wc_link_take_update(link));
        poll(&wait, 1, 10);
    }
}

static void it_plays_by_the_clock(void **state)
{
    struct wc_playback playback;
    (void)state;
    struct wc_link *live = open_live();
    record(live, 101);
    struct wc_link *recording = open_recording();
    struct wc_replay *replay = wc_link_replay(recording);
    wc_replay_seek(replay, 0);
    wc_replay_speed(replay, 20);

    /* No frame before its time: ten seconds, twenty times as fast. */
    uint64_t start = wi_nanos(CLOCK_MONOTONIC);
    watch_channel0(recording);
    for (uint64_t n = 0; n <= 50; n++) {
        assert_int_equal(depth_of(next_update(recording)), n);
        assert_true(wi_nanos(CLOCK_MONOTONIC) - start >= n * SECOND / 200);
    }

    wc_replay_pause(replay, true);
    wc_replay_seek(replay, 2 * SECOND);
    watch_channel0(recording);
    assert_int_equal(depth_of(next_update(recording)), 20);
    assert_stands(recording);
    watch_channel0(recording); /* asked again, it answers at once */
    assert_int_equal(depth_of(next_update(recording)), 20);
    wc_replay_playback(replay, &playback);
    assert_true(playback.is_paused && !playback.is_at_end);
    assert_int_equal(playback.position, 2 * SECOND);
    assert_int_equal(playback.length, 10 * SECOND);

    /* A Watch that runs is told of a jump, too. */
    wc_replay_seek(replay, 5 * SECOND);
    assert_int_equal(depth_of(next_update(recording)), 50);

    wc_replay_speed(replay, 1e6);
    wc_replay_pause(replay, false);
    for (uint64_t n = 51; n <= 100; n++) {
        assert_int_equal(depth_of(next_update(recording)), n);
    }
    wc_replay_playback(replay, &playback);
    assert_true(playback.is_at_end);
    wc_link_close(recording);
    wc_link_close(live);
}

static void it_does_not_play_before_it_is_watched(void **state)
{
    struct wc_playback playback;
    Weir__V1__SnapshotRequest request = WEIR__V1__SNAPSHOT_REQUEST__INIT;
    (void)state;
    struct wc_link *live = open_live();
    record(live, 101);
    struct wc_link *recording = open_recording();
    struct wc_replay *replay = wc_link_replay(recording);
    wc_replay_seek(replay, SECOND);
    wc_replay_speed(replay, 1e6);
    assert_int_equal(wc_link_snapshot(recording, &request, NULL), WC_OK);
    weir__v1__update__free_unpacked(next_update(recording), NULL);
    await_end(recording);
    wc_replay_playback(replay, &playback);
    assert_int_equal(playback.position, SECOND);
    watch_channel0(recording);
    assert_int_equal(depth_of(next_update(recording)), 10);
    wc_link_close(recording);
    wc_link_close(live);
}

/* The series of all calls that are under way; `check` is called with each. */
static unsigned read_series(struct wc_link *link,
                            void (*check)(const Weir__V1__Series *series, uint64_t *id),
                            uint64_t *id)
{
    Weir__V1__Series *series;
    unsigned n = 0, before;
    do {
        before = n;
        assert_int_equal(wc_link_step(link, NULL), WC_OK);
        for (; (series = wc_link_take_series(link)) != NULL; n++) {
            check(series, id);
            weir__v1__series__free_unpacked(series, NULL);
        }
    } while (n > before);
    return n;
}

static void check_depths(const Weir__V1__Series *series, uint64_t *id)
{
    *id = strcmp(series->name, "channel1") == 0 ? series->id : *id;
    if (strcmp(series->name, "channel0") == 0) {
        /* The greatest of each second: 9, 19, ... and so far. */
        assert_int_equal(series->n_values, 6);
        assert_int_equal(series->last_read_nanos, (int64_t)(20 * SECOND + 55 * SECOND / 10));
        assert_true(series->values[0] == 9 && series->values[4] == 49);
        assert_true(series->values[5] == 55);
    }
}

static void check_row(const Weir__V1__Series *series, uint64_t *id)
{
    assert_true(series->id == *id);
}

static void check_nothing(const Weir__V1__Series *series, uint64_t *id)
{
    (void)series;
    (void)id;
}

static void the_past_is_that_of_the_moment(void **state)
{
    uint64_t id = 0;
    (void)state;
    struct wc_link *live = open_live();
    record(live, 101);
    struct wc_link *recording = open_recording();
    wc_replay_seek(wc_link_replay(recording), 55 * SECOND / 10);
    wc_link_history(recording, WEIR__V1__KIND__KIND_CHANNEL, "depth", 0, "");
    assert_int_equal(read_series(recording, check_depths, &id), CHANNELS);
    /* Every number of one row, and of no other; and beside others. */
    wc_link_history(recording, WEIR__V1__KIND__KIND_CHANNEL, "", id, "channel1");
    assert_in_range(read_series(recording, check_row, &id), 5, 64);
    wc_link_history(recording, WEIR__V1__KIND__KIND_CHANNEL, "depth", 0, "");
    wc_link_history(recording, WEIR__V1__KIND__KIND_SENDER, "in_flight", 0, "");
    wc_link_history(recording, WEIR__V1__KIND__KIND_CHANNEL, "flavor", 0, "");
    assert_int_equal(read_series(recording, check_nothing, &id), CHANNELS + 6);
    /* The frame that is shown is the same as before. */
    Weir__V1__Query query = WEIR__V1__QUERY__INIT;
    query.filter = (char *)"channel0";
    assert_int_equal(depth_of(ask(recording, &query)), 55);
    wc_link_close(recording);
    wc_link_close(live);
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    snprintf(path, sizeof(path), "/tmp/weir-replay-XXXXXX");
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_recording_answers_as_the_process_did),
        TEST(a_snapshot_is_of_the_end_or_of_a_moment),
        TEST(topics_go_through_all_looks),
        TEST(a_number_that_never_changes_has_one_line),
        TEST(metrics_are_found_by_their_field),
        TEST(what_was_left_out_is_counted),
        TEST(warnings_are_those_of_the_recording),
        TEST(it_plays_by_the_clock),
        TEST(it_does_not_play_before_it_is_watched),
        TEST(the_past_is_that_of_the_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
