/* SPDX-License-Identifier: MIT */
/* The messages of weir.v1.Agent, with protobuf-c as the oracle: what it unpacks and packs again must
 * be the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "encode/weir.h"
#include "fake_view.h"

#include "weir/v1/agent.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct wi_process_view *view;
    struct wi_memory memory;
    struct wi_buffer buffer;
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof(*s));
    s->view = fake_view_create("game");
    s->memory.limit = UINT64_MAX;
    wi_buffer_init(&s->buffer, WI_MESSAGE_ROOM);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    assert_int_equal(s->memory.bytes, 0);
    wi_buffer_finish(&s->buffer);
    wi_process_view_close(s->view);
    free(s);
    return 0;
}

/* Unpacks what stands in the buffer, after the oracle has packed it to the same bytes. */
static ProtobufCMessage *unpack(const struct state *s, const ProtobufCMessageDescriptor *descriptor)
{
    assert_true(s->buffer.length <= WI_MESSAGE_MAX);
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, NULL, s->buffer.length, s->buffer.bytes);
    assert_non_null(message);
    size_t n = protobuf_c_message_get_packed_size(message);
    assert_int_equal(n, s->buffer.length);
    uint8_t *bytes = malloc(n + 1);
    protobuf_c_message_pack(message, bytes);
    assert_memory_equal(bytes, s->buffer.bytes, n);
    free(bytes);
    return message;
}

static struct wi_query all_of(enum wi_kind kind)
{
    struct wi_query query = {.kind = kind, .filter = "", .sort = -1, .limit = WI_ROWS_MAX};
    query.n_columns = wi_metric_table(kind)->n_metrics;
    for (size_t i = 0; i < query.n_columns; i++) {
        query.columns[i] = (uint8_t)i;
    }
    return query;
}

static Weir__V1__Update *update(struct state *s, const struct wi_query *queries, size_t n)
{
    wi_buffer_clear(&s->buffer);
    assert_int_equal(wi_weir_update(s->view, queries, n, 7, &s->memory, &s->buffer), WEIR_OK);
    return (Weir__V1__Update *)unpack(s, &weir__v1__update__descriptor);
}

static void names_are(const Weir__V1__Table *table, const char *expected)
{
    char names[512] = "";
    for (size_t i = 0; i < table->n_rows; i++) {
        strcat(names, i ? " " : "");
        strcat(names, table->rows[i]->name);
    }
    assert_string_equal(names, expected);
}

static void sorted_gives(struct state *s, struct wi_query query, const char *expected)
{
    Weir__V1__Update *message = update(s, &query, 1);
    names_are(message->tables[0], expected);
    weir__v1__update__free_unpacked(message, NULL);
}

static void description_has_every_metric_and_the_facts(void **state)
{
    struct state *s = *state;

    assert_int_equal(
        wi_weir_description(s->view, "127.0.0.1:9464", "127.0.0.1:6669", "no socket", &s->buffer),
        WEIR_OK);

    Weir__V1__Description *message =
        (Weir__V1__Description *)unpack(s, &weir__v1__description__descriptor);
    size_t n_metrics = 0;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        for (size_t i = 0; i < table->n_metrics; i++) {
            if (!wi_catalog_has(wi_catalog_of_segments(), (enum wi_kind)kind, i)) {
                assert_true(kind == WI_TASK_INSTANCE || kind > WI_SENDER);
                continue;
            }
            const Weir__V1__Metric *metric = message->metrics[n_metrics++];
            assert_int_equal(metric->kind, kind);
            assert_int_equal(metric->index, i);
            assert_int_equal(metric->type, table->metrics[i].type);
            assert_string_equal(metric->unit, wi_unit_name(table->metrics[i].unit));
            assert_string_equal(metric->field, table->metrics[i].field);
            assert_string_equal(metric->json, table->metrics[i].json);
            assert_string_equal(metric->summary, table->metrics[i].summary);
            assert_string_equal(metric->help, table->metrics[i].help);
        }
    }
    assert_int_equal(message->n_metrics, n_metrics);
    assert_int_equal(message->n_absences, 0);
    assert_int_equal(message->protocol, 1);
    assert_int_equal(message->pid, 4821);
    assert_string_equal(message->name, "game");
    assert_string_equal(message->grpc_address, "127.0.0.1:6669");
    assert_string_equal(message->state, "running");
    assert_string_equal(message->http_address, "127.0.0.1:9464");
    assert_string_equal(message->notice, "no socket");
    weir__v1__description__free_unpacked(message, NULL);
}

static void values_of_every_type_arrive(void **state)
{
    struct state *s = *state;
    struct wi_row *row = fake_view_add(s->view, WI_CHANNEL, "moves");
    fake_view_set_u64(row, 0, UINT64_MAX);
    fake_view_set_u64(row, 1, 0);
    fake_view_set_i64(row, 2, INT64_MIN);
    fake_view_set_i64(row, 3, -5);
    fake_view_set_f64(row, 4, -0.125);
    fake_view_set_f64(row, 5, INFINITY);
    fake_view_set_text(s->view, row, 6, "");
    fake_view_set_text(s->view, row, 7, "gr\xc3\xbcn");
    struct wi_query query = all_of(WI_CHANNEL);

    wi_buffer_clear(&s->buffer);
    assert_int_equal(wi_weir_update(s->view, &query, 1, 7, &s->memory, &s->buffer), WEIR_OK);

    /* Not by the oracle: protobuf-c leaves an empty text in a oneof out. */
    Weir__V1__Update *message = weir__v1__update__unpack(NULL, s->buffer.length, s->buffer.bytes);
    assert_non_null(message);
    Weir__V1__Value **values = message->tables[0]->rows[0]->values;
    assert_int_equal(message->tables[0]->rows[0]->n_values, query.n_columns);
    assert_true(values[0]->u64 == UINT64_MAX);
    assert_int_equal(values[1]->value_case, WEIR__V1__VALUE__VALUE_U64);
    assert_true(values[2]->i64 == INT64_MIN);
    assert_int_equal(values[3]->i64, -5);
    assert_true(values[4]->f64 == -0.125);
    assert_true(isinf(values[5]->f64));
    assert_int_equal(values[6]->value_case, WEIR__V1__VALUE__VALUE_TEXT);
    assert_string_equal(values[7]->text, "gr\xc3\xbcn");
    assert_int_equal(values[8]->value_case, WEIR__V1__VALUE__VALUE__NOT_SET);
    assert_int_equal(message->skipped, 7);
    assert_string_equal(message->state, "running");
    assert_int_equal(message->unix_nanos, wi_process_view_unix_nanos(s->view));
    assert_int_equal(message->read_nanos, wi_process_view_monotonic_nanos(s->view));
    weir__v1__update__free_unpacked(message, NULL);
}

static void tables_come_in_the_order_of_the_queries_with_their_columns(void **state)
{
    struct state *s = *state;
    fake_view_add_channel(s->view, "moves", 10, 4, WEIR_UNBOUNDED);
    fake_view_add_semaphore(s->view, "slots", 4, 1);
    struct wi_query queries[2] = {all_of(WI_SEMAPHORE), all_of(WI_CHANNEL)};
    queries[1].columns[0] = WI_CHANNEL_SENT;
    queries[1].columns[1] = WI_CHANNEL_DEPTH;
    queries[1].columns[2] = WI_CHANNEL_SENT;
    queries[1].n_columns = 3;

    Weir__V1__Update *message = update(s, queries, 2);

    assert_int_equal(message->n_tables, 2);
    assert_int_equal(message->tables[0]->kind, WEIR__V1__KIND__KIND_SEMAPHORE);
    assert_int_equal(message->tables[1]->n_columns, 3);
    assert_int_equal(message->tables[1]->columns[1], WI_CHANNEL_DEPTH);
    assert_int_equal(message->tables[1]->rows[0]->values[0]->u64, 10);
    assert_int_equal(message->tables[1]->rows[0]->values[1]->u64, 6);
    assert_int_equal(message->tables[1]->rows[0]->values[2]->u64, 10);
    weir__v1__update__free_unpacked(message, NULL);
}

static void rows_are_sorted_filtered_and_cut(void **state)
{
    struct state *s = *state;
    fake_view_add_channel(s->view, "d", 1, 0, WEIR_UNBOUNDED);
    fake_view_add_channel(s->view, "b", 30, 0, 40);
    fake_view_add_channel(s->view, "a", 20, 0, WEIR_UNBOUNDED);
    fake_view_add_channel(s->view, "c", 20, 0, 100);
    fake_view_add_channel(s->view, "bb", 20, 0, 20);
    struct wi_query query = all_of(WI_CHANNEL);

    sorted_gives(s, query, "a b bb c d");
    query.is_descending = true;
    sorted_gives(s, query, "d c bb b a");
    query.sort = WI_CHANNEL_DEPTH; /* equal ones as they were opened */
    sorted_gives(s, query, "b a c bb d");
    query.is_descending = false;
    sorted_gives(s, query, "d a c bb b");
    query.sort = WI_CHANNEL_CAPACITY; /* absent ones last */
    sorted_gives(s, query, "bb b c d a");
    query.is_descending = true;
    sorted_gives(s, query, "c b bb d a");
    query.limit = 2;
    sorted_gives(s, query, "c b");
    query.offset = 1;
    sorted_gives(s, query, "b bb");
    query.offset = 4;
    sorted_gives(s, query, "a");
    query.offset = UINT32_MAX;
    sorted_gives(s, query, "");
    query.offset = 0;
    query.limit = WI_ROWS_MAX;
    query.filter = "b";
    sorted_gives(s, query, "b bb");
    query.filter = "b?";
    sorted_gives(s, query, "bb");
}

static void rows_of_one_text_or_one_id_are_picked(void **state)
{
    struct state *s = *state;
    static const struct {
        const char *name, *channel, *state;
        uint64_t in_flight;
    } senders[] = {{"a", "moves", "open", 9}, {"b", "jobs", "gone", 7},  {"c", "moves", "gone", 2},
                   {"d", "moves", "gone", 5}, {"e", "moves", "open", 1}, {"f", NULL, "gone", 8}};
    struct wi_row *rows[6];
    for (size_t i = 0; i < 6; i++) {
        rows[i] = fake_view_add(s->view, WI_SENDER, senders[i].name);
        if (senders[i].channel) {
            fake_view_set_text(s->view, rows[i], WI_SENDER_CHANNEL, senders[i].channel);
        }
        fake_view_set_text(s->view, rows[i], WI_SENDER_STATE, senders[i].state);
        fake_view_set_u64(rows[i], WI_SENDER_IN_FLIGHT, senders[i].in_flight);
    }
    struct wi_query query = all_of(WI_SENDER);

    query.sort =
        WI_SENDER_STATE; /* equal ones: as they were opened, else by what is then asked for */
    sorted_gives(s, query, "b c d f a e");
    query.has_then = true;
    query.then = WI_SENDER_IN_FLIGHT;
    sorted_gives(s, query, "f b d c a e");
    query.where = WI_SENDER_CHANNEL;
    query.equals = "moves";
    sorted_gives(s, query, "d c a e");
    query.limit = 2;
    sorted_gives(s, query, "d c");
    query.equals = "moves too";
    sorted_gives(s, query, "");
    query.equals = "";
    query.id = rows[3]->id;
    sorted_gives(s, query, "d");
    query.filter = "c";
    sorted_gives(s, query, "");
}

/* The row's histogram of a metric, or NULL. */
static const Weir__V1__Histogram *histogram_of(const Weir__V1__Row *row, uint32_t metric)
{
    for (size_t i = 0; i < row->n_histograms; i++) {
        if (row->histograms[i]->metric == metric) {
            return row->histograms[i];
        }
    }
    return NULL;
}

static void histograms_come_where_they_are_asked_for(void **state)
{
    struct state *s = *state;
    struct wi_row *row = fake_view_add(s->view, WI_LOOP, "main");
    struct weir_histogram iterations = {.sum = UINT64_MAX, .max = 123456}, none = {.sum = 0};
    iterations.bucket[0] = 3;
    iterations.bucket[8] = UINT64_MAX;
    iterations.bucket[WEIR_HISTOGRAM_BUCKETS - 1] = 1;
    fake_view_set_histogram(s->view, row, WI_LOOP_ITERATION, &iterations);
    fake_view_set_histogram(s->view, row, WI_LOOP_LATENESS, &none);
    fake_view_add(s->view, WI_LOOP, "other");
    struct wi_query query = all_of(WI_LOOP);

    Weir__V1__Update *message = update(s, &query, 1);
    assert_int_equal(message->tables[0]->rows[0]->n_histograms, 0);
    weir__v1__update__free_unpacked(message, NULL);
    query.has_histograms = true;
    query.n_columns = 1; /* whatever the columns are */
    message = update(s, &query, 1);

    assert_int_equal(message->tables[0]->rows[0]->n_histograms, 1);
    assert_int_equal(message->tables[0]->rows[1]->n_histograms, 0);
    const Weir__V1__Histogram *got = histogram_of(message->tables[0]->rows[0], WI_LOOP_ITERATION);
    assert_non_null(got);
    assert_int_equal(got->n_bounds, 3);
    assert_int_equal(got->n_counts, 3);
    assert_int_equal(got->bounds[0], 1024);
    assert_int_equal(got->bounds[1], 4096);
    assert_true(got->bounds[2] == UINT64_MAX);
    assert_int_equal(got->counts[0], 3);
    assert_true(got->counts[1] == UINT64_MAX);
    assert_int_equal(got->counts[2], 1);
    assert_true(got->sum_nanos == UINT64_MAX);
    assert_int_equal(got->max_nanos, 123456);
    weir__v1__update__free_unpacked(message, NULL);
}

static void counts_tell_what_a_cut_table_leaves_out(void **state)
{
    struct state *s = *state;
    char name[32];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "%s%02d", i % 5 ? "even" : "five", i);
        fake_view_add_channel(s->view, name, (uint64_t)i, 0, 100);
    }
    struct wi_query query = all_of(WI_CHANNEL);
    query.filter = "five*";
    query.limit = 3;

    Weir__V1__Update *message = update(s, &query, 1);

    assert_int_equal(message->tables[0]->total, 50);
    assert_int_equal(message->tables[0]->matching, 10);
    assert_int_equal(message->tables[0]->n_rows, 3);
    weir__v1__update__free_unpacked(message, NULL);
}

static void a_table_says_where_a_moved_window_begins(void **state)
{
    struct state *s = *state;
    uint64_t ids[6];
    for (int i = 0; i < 6; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        ids[i] = fake_view_add_channel(s->view, name, 0, 0, 100)->id;
    }
    struct wi_query query = all_of(WI_CHANNEL);
    query.limit = 2;
    for (int i = 0; i < 2; i++) {
        query.follow = ids[i == 0 ? 1 : 5];
        Weir__V1__Update *message = update(s, &query, 1);
        assert_int_equal(message->tables[0]->first, i == 0 ? 0 : 5);
        names_are(message->tables[0], i == 0 ? "a b" : "e f");
        weir__v1__update__free_unpacked(message, NULL);
    }
}

static void an_update_never_exceeds_its_limit(void **state)
{
    struct state *s = *state;
    char name[WEIR_NAME_MAX + 1];
    struct weir_histogram full = {.sum = UINT64_MAX, .max = UINT64_MAX};
    memset(full.bucket, 0xff, sizeof(full.bucket));
    for (int i = 0; i < 12000; i++) {
        snprintf(name, sizeof(name), "%0126d", i);
        struct wi_row *row = fake_view_add_channel(s->view, name, UINT64_MAX, 1, 100);
        if (i < 1000) {
            fake_view_set_histogram(s->view, row, WI_CHANNEL_WAIT, &full);
        }
    }
    struct wi_query queries[16];
    for (int i = 0; i < 16; i++) {
        queries[i] = all_of(WI_CHANNEL);
    }

    Weir__V1__Update *message = update(s, queries, 16);

    assert_int_equal(message->n_tables, 16);
    assert_true(s->buffer.length > WI_MESSAGE_MAX - 2 * WI_ROW_ROOM);
    assert_int_equal(message->tables[0]->matching, 12000);
    assert_true(message->tables[0]->n_rows > 5000);
    assert_int_equal(message->tables[15]->n_rows, 0);
    weir__v1__update__free_unpacked(message, NULL);

    queries[0].has_histograms = true;
    message = update(s, queries, 1);
    assert_true(s->buffer.length > WI_MESSAGE_MAX - 2 * WI_ROW_ROOM);
    assert_int_equal(message->tables[0]->rows[999]->histograms[0]->n_counts,
                     WEIR_HISTOGRAM_BUCKETS);
    weir__v1__update__free_unpacked(message, NULL);
}

static void long_texts_are_cut_at_a_whole_character(void **state)
{
    struct state *s = *state;
    char text[6001];
    for (size_t i = 0; i < 6000; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    text[6000] = '\0';
    struct wi_row *row = fake_view_add(s->view, WI_WARNING, "moves");
    for (int i = 0; i < WI_WARNING_N_METRICS; i++) {
        fake_view_set_text(s->view, row, i, text);
    }
    struct wi_query query = all_of(WI_WARNING);

    Weir__V1__Update *message = update(s, &query, 1);

    const char *arrived = message->tables[0]->rows[0]->values[0]->text;
    assert_int_equal(strlen(arrived), 2046);
    weir__v1__update__free_unpacked(message, NULL);
}

/* Adds the ids of a page's rows of a kind to a list. */
static size_t page_ids(const Weir__V1__Update *page, int kind, uint64_t *ids, size_t n_ids)
{
    for (size_t i = 0; i < page->n_tables; i++) {
        for (size_t j = 0; (int)page->tables[i]->kind == kind && j < page->tables[i]->n_rows; j++) {
            ids[n_ids++] = page->tables[i]->rows[j]->id;
        }
    }
    return n_ids;
}

static Weir__V1__Update *next_page(struct state *s, struct wi_snapshot *snapshot)
{
    wi_buffer_clear(&s->buffer);
    assert_int_equal(wi_weir_page(s->view, snapshot, &s->buffer), WEIR_OK);
    return (Weir__V1__Update *)unpack(s, &weir__v1__update__descriptor);
}

static void a_snapshot_has_every_row_once_while_rows_come_and_go(void **state)
{
    struct state *s = *state;
    enum { N = 60000 };
    char name[32];
    static struct wi_row *rows[N];
    static uint64_t ids[2 * N];
    static uint64_t all_ids[N];
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "channel%d", i);
        rows[i] = fake_view_add_channel(s->view, name, 1000000, 1, 100);
        all_ids[i] = rows[i]->id;
    }
    fake_view_add_semaphore(s->view, "slots", 4, 1);

    struct wi_snapshot snapshot = {0};
    size_t n_ids = 0;
    int n_pages = 0;
    while (snapshot.n_done < WI_N_KINDS) {
        Weir__V1__Update *page = next_page(s, &snapshot);
        n_ids = page_ids(page, WI_CHANNEL, ids, n_ids);
        weir__v1__update__free_unpacked(page, NULL);
        if (n_pages++ == 0) {
            for (int i = 0; i < 100; i++) { /* of those sent: the place moves to the front */
                fake_view_remove(s->view, rows[i]);
            }
            /* The last one that was sent, and some beside it. */
            for (size_t i = n_ids - 5; i < n_ids; i++) {
                fake_view_remove(s->view, rows[i]);
                rows[i] = NULL;
            }
            for (int i = N - 100; i < N; i++) { /* of those to come */
                fake_view_remove(s->view, rows[i]);
            }
        }
    }

    assert_true(n_pages >= 4);
    assert_int_equal(n_ids, N - 100);
    assert_memory_equal(ids, all_ids, n_ids * sizeof(*ids));
}

static const Weir__V1__Table *table_of(const Weir__V1__Update *page, enum wi_kind kind)
{
    for (size_t i = 0; i < page->n_tables; i++) {
        if ((int)page->tables[i]->kind == (int)kind) {
            return page->tables[i];
        }
    }
    fail_msg("no table of kind %d", (int)kind);
    return NULL;
}

static void a_snapshot_begins_with_the_process_and_ends_with_warnings(void **state)
{
    struct state *s = *state;
    static const enum wi_kind order[] = {WI_PROCESS,       WI_CHANNEL, WI_SEMAPHORE, WI_TASK,
                                         WI_TASK_INSTANCE, WI_LOOP,    WI_SENDER,    WI_COUNTER,
                                         WI_GAUGE,         WI_AGENT,   WI_WARNING};
    fake_view_add_channel(s->view, "moves", 1, 0, 10);
    struct wi_snapshot snapshot = {0};

    Weir__V1__Update *page = next_page(s, &snapshot);

    assert_int_equal(page->n_tables, sizeof(order) / sizeof(order[0]));
    for (size_t i = 0; i < page->n_tables; i++) {
        assert_int_equal(page->tables[i]->kind, order[i]);
    }
    assert_int_equal(table_of(page, WI_CHANNEL)->matching, 1);
    weir__v1__update__free_unpacked(page, NULL);
}

static void rows_that_match_are_counted_over_all_pages(void **state)
{
    struct state *s = *state;
    const char *include[] = {"*7"};
    char name[32];
    for (int i = 0; i < 30000; i++) {
        snprintf(name, sizeof(name), "channel%d", i);
        fake_view_add_channel(s->view, name, 1000000, 1, 100);
    }
    for (int only_some = 0; only_some < 2; only_some++) {
        struct wi_snapshot snapshot = {.include = include, .n_include = (size_t)only_some};
        size_t n_rows = 0;
        while (snapshot.n_done < WI_N_KINDS) {
            Weir__V1__Update *page = next_page(s, &snapshot);
            for (size_t i = 0; i < page->n_tables; i++) {
                if (page->tables[i]->kind == WEIR__V1__KIND__KIND_CHANNEL) {
                    assert_int_equal(page->tables[i]->total, 30000);
                    assert_int_equal(page->tables[i]->matching, only_some ? 3000 : 30000);
                    n_rows += page->tables[i]->n_rows;
                }
            }
            weir__v1__update__free_unpacked(page, NULL);
        }
        assert_int_equal(n_rows, only_some ? 3000 : 30000);
    }
}

static void a_snapshot_includes_and_excludes_names(void **state)
{
    struct state *s = *state;
    fake_view_add_channel(s->view, "moves", 1, 0, 10);
    fake_view_add_channel(s->view, "moves-slow", 1, 0, 10);
    fake_view_add_channel(s->view, "jobs", 1, 0, 10);
    fake_view_add_semaphore(s->view, "slots", 4, 1);
    const char *include[] = {"moves*", "jo?s"};
    const char *exclude[] = {"*slow"};
    struct wi_snapshot snapshot = {
        .include = include, .n_include = 2, .exclude = exclude, .n_exclude = 1};

    Weir__V1__Update *page = next_page(s, &snapshot);

    assert_int_equal(snapshot.n_done, WI_N_KINDS);
    assert_int_equal(page->n_tables, WI_SENDER + 1); /* what a segment has */
    names_are(table_of(page, WI_CHANNEL), "moves jobs");
    assert_int_equal(table_of(page, WI_CHANNEL)->total, 3);
    assert_int_equal(table_of(page, WI_CHANNEL)->matching, 2);
    assert_int_equal(table_of(page, WI_SEMAPHORE)->n_rows, 0);
    assert_int_equal(table_of(page, WI_PROCESS)->n_rows, 1);
    assert_int_equal(table_of(page, WI_AGENT)->n_rows, 1);
    weir__v1__update__free_unpacked(page, NULL);
}

/* ---- lines ------------------------------------------------------------------------------- */

static void topic_of(const char *text, struct wi_topic *ret_topic)
{
    struct weir_error error = {""};
    enum weir_status status =
        wi_topic_parse(text, "game", wi_catalog_of_segments(), ret_topic, &error);
    if (status != WEIR_OK) {
        fail_msg("%s: %s", text, error.text);
    }
}

static Weir__V1__Lines *next_lines(struct state *s, struct wi_lines *lines)
{
    size_t n = 0;
    wi_buffer_clear(&s->buffer);
    assert_int_equal(wi_weir_lines(s->view, lines, &s->buffer, &n), WEIR_OK);
    Weir__V1__Lines *message = (Weir__V1__Lines *)unpack(s, &weir__v1__lines__descriptor);
    assert_int_equal(message->n_lines + message->n_waiting, n);
    return message;
}

static void lines_come_once_in_the_order_of_the_topics(void **state)
{
    struct state *s = *state;
    fake_view_add_channel(s->view, "moves", 10, 4, WEIR_UNBOUNDED);
    fake_view_add_channel(s->view, "jobs/deep", 3, 1, 10);
    struct wi_topic topics[4];
    struct wi_topic except[1];
    topic_of("game/channel/size/jobs/deep", &topics[0]);
    topic_of("game/channel/sent/none", &topics[1]);
    topic_of("game/channel/size", &topics[2]);
    topic_of("game/channel/capacity/moves", &topics[3]);
    topic_of("game/channel/capacity/jobs/#", &except[0]);
    struct wi_lines lines = {
        .topics = topics, .n_topics = 4, .except = except, .n_except = 1, .memory = &s->memory};

    Weir__V1__Lines *message = next_lines(s, &lines);

    assert_int_equal(message->n_lines, 3);
    assert_string_equal(message->lines[0]->topic, "game/channel/size/jobs/deep");
    assert_int_equal(message->lines[0]->value->u64, 2);
    assert_string_equal(message->lines[0]->unit, "messages");
    assert_string_equal(message->lines[1]->topic, "game/channel/size/moves");
    assert_int_equal(message->lines[1]->value->u64, 6);
    assert_string_equal(message->lines[2]->topic, "game/channel/capacity/moves");
    assert_int_equal(message->lines[2]->value->value_case, WEIR__V1__VALUE__VALUE__NOT_SET);
    assert_int_equal(message->n_waiting, 1);
    assert_string_equal(message->waiting[0], "game/channel/sent/none");
    assert_false(lines.is_under_way);
    weir__v1__lines__free_unpacked(message, NULL);
    wi_lines_finish(&lines);
}

static size_t lines_now(struct state *s, struct wi_lines *lines)
{
    Weir__V1__Lines *message = next_lines(s, lines);
    size_t n = message->n_lines;
    weir__v1__lines__free_unpacked(message, NULL);
    return n;
}

static void changes_only_leaves_out_what_stays(void **state)
{
    struct state *s = *state;
    struct wi_row *moves = fake_view_add_channel(s->view, "moves", 10, 4, WEIR_UNBOUNDED);
    fake_view_add_channel(s->view, "jobs", 3, 1, 10);
    struct wi_topic topics[2];
    topic_of("game/channel/size", &topics[0]);
    topic_of("game/channel/kind", &topics[1]);
    struct wi_lines lines = {
        .topics = topics, .n_topics = 2, .changes_only = true, .memory = &s->memory};

    assert_int_equal(lines_now(s, &lines), 4);
    assert_int_equal(lines_now(s, &lines), 0);
    fake_view_set_u64(moves, WI_CHANNEL_DEPTH, 7);
    assert_int_equal(lines_now(s, &lines), 1);
    fake_view_set_text(s->view, moves, WI_CHANNEL_FLAVOR, "spsc");
    assert_int_equal(lines_now(s, &lines), 1);
    fake_view_set_absent(moves, WI_CHANNEL_DEPTH);
    assert_int_equal(lines_now(s, &lines), 1);
    fake_view_add_channel(s->view, "new", 0, 0, 10);
    assert_int_equal(lines_now(s, &lines), 2);
    assert_int_equal(lines_now(s, &lines), 0);
    wi_lines_finish(&lines);
}

static void many_lines_go_on_in_the_next_message(void **state)
{
    struct state *s = *state;
    char name[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "channel%d", i);
        fake_view_add_channel(s->view, name, 1, 0, 10);
    }
    struct wi_topic topics[1];
    topic_of("game/channel/+", &topics[0]);
    for (int only = 0; only < 2; only++) {
        struct wi_lines lines = {
            .topics = topics, .n_topics = 1, .changes_only = only, .memory = &s->memory};
        size_t n_lines = 0;
        int n_messages = 0;
        if (only) { /* 20,000 x 33 lines are more than can be remembered */
            topic_of("game/channel/size", &topics[0]);
        }
        do {
            n_lines += lines_now(s, &lines);
            n_messages++;
        } while (lines.is_under_way);
        assert_int_equal(n_lines, only ? 20000 : 20000 * WI_CHANNEL_N_METRICS);
        assert_true(only || n_messages > 5);
        wi_lines_finish(&lines);
    }
}

static void more_changes_than_can_be_remembered_are_refused(void **state)
{
    struct state *s = *state;
    char name[32];
    for (int i = 0; i < 15000; i++) { /* 33 lines each; 393,216 can be sent in a round */
        snprintf(name, sizeof(name), "channel%d", i);
        fake_view_add_channel(s->view, name, 1, 0, 10);
    }
    struct wi_topic topics[1];
    topic_of("game/channel/+", &topics[0]);
    struct wi_lines lines = {
        .topics = topics, .n_topics = 1, .changes_only = true, .memory = &s->memory};
    enum weir_status status;
    size_t n;

    do {
        wi_buffer_clear(&s->buffer);
        status = wi_weir_lines(s->view, &lines, &s->buffer, &n);
    } while (status == WEIR_OK && lines.is_under_way);

    assert_int_equal(status, WEIR_E_LIMIT);
    assert_true(s->memory.bytes <= ((size_t)1 << 18) * 16 + 64);
    wi_lines_finish(&lines);
}

static void lack_of_memory_fails_and_leaves_nothing(void **state)
{
    struct state *s = *state;
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof(name), "channel%d", i);
        fake_view_add_channel(s->view, name, (uint64_t)i, 0, 10);
    }
    struct wi_query queries[2] = {all_of(WI_CHANNEL), all_of(WI_PROCESS)};
    struct wi_topic topics[1];
    topic_of("game/channel/+", &topics[0]);
    for (uint64_t n = 1; n < 12; n++) {
        s->memory.countdown = n;
        wi_buffer_clear(&s->buffer);
        enum weir_status status = wi_weir_update(s->view, queries, 2, 0, &s->memory, &s->buffer);
        assert_int_equal(status, s->memory.countdown ? WEIR_OK : WEIR_E_MEMORY);

        struct wi_lines lines = {
            .topics = topics, .n_topics = 1, .changes_only = true, .memory = &s->memory};
        size_t n_lines;
        s->memory.countdown = n;
        wi_buffer_clear(&s->buffer);
        status = wi_weir_lines(s->view, &lines, &s->buffer, &n_lines);
        assert_int_equal(status, s->memory.countdown ? WEIR_OK : WEIR_E_MEMORY);
        wi_lines_finish(&lines);
        s->memory.countdown = 0;
    }
    for (size_t room = 0; room < 4000; room += 100) {
        struct wi_buffer small;
        wi_buffer_init(&small, room);
        assert_int_equal(wi_weir_update(s->view, queries, 2, 0, &s->memory, &small), WEIR_E_MEMORY);
        wi_buffer_finish(&small);
    }
}

static void memory_counts_and_limits_parts_and_whole(void **state)
{
    (void)state;
    struct wi_memory whole = {.limit = 1000};
    struct wi_memory part = {.parent = &whole, .limit = 600};
    void *a = wi_memory_take(&part, 400);
    assert_non_null(a);
    assert_null(wi_memory_take(&part, 200));
    assert_null(wi_memory_resize(&part, a, 900));
    void *b = wi_memory_take_zeroed(&whole, 500);
    assert_non_null(b);
    assert_null(wi_memory_take(&part, 100));
    assert_null(wi_memory_take(&whole, SIZE_MAX));
    assert_int_equal(part.refusals, 3);
    assert_int_equal(whole.refusals, 4);
    a = wi_memory_resize(&part, a, 100);
    assert_true(part.bytes < 200);
    wi_memory_return(&whole, b);
    wi_memory_return(&part, a);
    wi_memory_return(&part, NULL);
    assert_int_equal(part.bytes, 0);
    assert_int_equal(whole.bytes, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(description_has_every_metric_and_the_facts),
        TEST(values_of_every_type_arrive),
        TEST(tables_come_in_the_order_of_the_queries_with_their_columns),
        TEST(rows_are_sorted_filtered_and_cut),
        TEST(rows_of_one_text_or_one_id_are_picked),
        TEST(histograms_come_where_they_are_asked_for),
        TEST(counts_tell_what_a_cut_table_leaves_out),
        TEST(a_table_says_where_a_moved_window_begins),
        TEST(an_update_never_exceeds_its_limit),
        TEST(long_texts_are_cut_at_a_whole_character),
        TEST(a_snapshot_has_every_row_once_while_rows_come_and_go),
        TEST(a_snapshot_begins_with_the_process_and_ends_with_warnings),
        TEST(rows_that_match_are_counted_over_all_pages),
        TEST(a_snapshot_includes_and_excludes_names),
        TEST(lines_come_once_in_the_order_of_the_topics),
        TEST(changes_only_leaves_out_what_stays),
        TEST(many_lines_go_on_in_the_next_message),
        TEST(more_changes_than_can_be_remembered_are_refused),
        TEST(lack_of_memory_fails_and_leaves_nothing),
        TEST(memory_counts_and_limits_parts_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
