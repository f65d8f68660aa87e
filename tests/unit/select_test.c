/* SPDX-License-Identifier: MIT */
/* Which rows a query gets, in which order: sorted and cut, the worst first, following a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "encode/select.h"
#include "fake_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct wi_process_view *view;
    struct wi_memory memory;
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof(*s));
    s->view = fake_view_create("game");
    s->memory.limit = UINT64_MAX;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    assert_int_equal(s->memory.bytes, 0);
    wi_process_view_close(s->view);
    free(s);
    return 0;
}

static struct wi_query all_of(enum wi_kind kind)
{
    return (struct wi_query){.kind = kind, .filter = "", .sort = -1, .limit = WI_ROWS_MAX};
}

/* Compares the names of the rows; returns where the window begins. */
static size_t sorted_gives(struct state *s, struct wi_query query, const char *expected)
{
    struct wi_selection selection;
    char names[512] = "";
    assert_int_equal(wi_select(s->view, &query, &s->memory, &selection), WEIR_OK);
    for (size_t i = 0; i < selection.n_rows; i++) {
        strcat(names, i ? " " : "");
        strcat(names, wi_process_view_row(s->view, query.kind, selection.rows[i])->name);
    }
    wi_memory_return(&s->memory, selection.rows);
    assert_string_equal(names, expected);
    return selection.offset;
}

static void add_labelled(struct state *s, const char *name, const char *label)
{
    struct wi_row *row = fake_view_add_channel(s->view, name, 0, 0, 100);
    if (label) {
        fake_view_set_text(s->view, row, WI_CHANNEL_LABEL, label);
    }
}

static void a_label_is_filtered_and_sorted_with_the_name(void **state)
{
    struct state *s = *state;
    static const struct {
        const char *filter;
        size_t n;
    } cases[] = {{"client-7", 2}, {"writes@", 2},    {"writes@*", 2}, {"writes", 3},
                 {"w*s", 3},      {"*@client-8", 1}, {"@", 3},        {"reads@client-8", 0}};
    struct wi_selection selection;
    add_labelled(s, "writes", "client-8");
    add_labelled(s, "reads", "client-7");
    add_labelled(s, "writes", "client-7");
    add_labelled(s, "writes", NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wi_query query = all_of(WI_CHANNEL);
        query.filter = cases[i].filter;
        query.sort = WI_CHANNEL_DEPTH;
        assert_int_equal(wi_select(s->view, &query, &s->memory, &selection), WEIR_OK);
        wi_memory_return(&s->memory, selection.rows);
        if (selection.n_rows != cases[i].n) {
            fail_msg("%s: %zu rows", cases[i].filter, selection.n_rows);
        }
    }
    struct wi_query query = all_of(WI_CHANNEL);
    for (int is_descending = 0; is_descending < 2; is_descending++) {
        static const uint32_t up[] = {1, 3, 2, 0};
        query.is_descending = is_descending;
        assert_int_equal(wi_select(s->view, &query, &s->memory, &selection), WEIR_OK);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(selection.rows[i], up[is_descending ? 3 - i : i]);
        }
        wi_memory_return(&s->memory, selection.rows);
    }
}

/* The heap's answer for any cut equals that of sorting all. */
static void a_cut_is_a_part_of_the_whole_order(void **state)
{
    struct state *s = *state;
    char name[32];
    srand(7);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        struct wi_row *row = fake_view_add_channel(s->view, name, (uint64_t)rand() % 40, 0, 100);
        if (rand() % 5 == 0) {
            fake_view_set_absent(row, WI_CHANNEL_DEPTH);
        } else if (rand() % 5 == 0) {
            fake_view_set_f64(row, WI_CHANNEL_DEPTH, rand() % 3 ? rand() % 40 + 0.5 : NAN);
        }
    }
    struct wi_query query = all_of(WI_CHANNEL);
    query.sort = WI_CHANNEL_DEPTH;
    struct wi_selection whole;
    assert_int_equal(wi_select(s->view, &query, &s->memory, &whole), WEIR_OK);
    assert_int_equal(whole.n_rows, 300);

    for (int i = 0; i < 100; i++) {
        struct wi_selection part;
        query.limit = (uint32_t)rand() % 60 + 1;
        query.offset = (uint32_t)rand() % 320;
        assert_int_equal(wi_select(s->view, &query, &s->memory, &part), WEIR_OK);
        for (size_t j = 0; j < part.n_rows; j++) {
            assert_int_equal(part.rows[j], whole.rows[query.offset + j]);
        }
        wi_memory_return(&s->memory, part.rows);
    }
    wi_memory_return(&s->memory, whole.rows);
}

/* A warning about a row. */
static void warn(struct state *s, const char *severity, const char *kind, enum wi_kind row_kind,
                 const struct wi_row *row)
{
    struct wi_row *warning = fake_view_add(s->view, WI_WARNING, row->name);
    fake_view_set_text(s->view, warning, WI_WARNING_SEVERITY, severity);
    fake_view_set_text(s->view, warning, WI_WARNING_KIND, kind);
    fake_view_set_text(s->view, warning, WI_WARNING_SUBJECT_KIND, wi_kind_name(row_kind));
    fake_view_set_u64(warning, WI_WARNING_SUBJECT_ID, row->id);
}

static struct wi_row *bounded(struct state *s, const char *name, uint64_t depth, uint64_t capacity)
{
    struct wi_row *row = fake_view_add_channel(s->view, name, depth, 0, capacity);
    if (capacity != WEIR_UNBOUNDED) {
        fake_view_set_f64(row, WI_CHANNEL_FILL, (double)depth / (double)capacity);
    }
    return row;
}

static struct wi_query worst_of(enum wi_kind kind, int sort, int then)
{
    struct wi_query query = all_of(kind);
    query.is_worst_first = true;
    query.sort = sort;
    query.has_then = then >= 0;
    query.then = (uint8_t)(then >= 0 ? then : 0);
    return query;
}

static void worst_rows_come_first_then_the_fullest_then_the_deepest(void **state)
{
    struct state *s = *state;
    struct wi_query query = worst_of(WI_CHANNEL, WI_CHANNEL_FILL, WI_CHANNEL_DEPTH);
    bounded(s, "empty", 0, 8);
    struct wi_row *audited = bounded(s, "audited", 0, WEIR_UNBOUNDED);
    bounded(s, "deep", 5000, WEIR_UNBOUNDED);
    bounded(s, "half", 50, 100);
    bounded(s, "nearly", 53, 100); /* as full as the one before, and as deep: as they were opened */
    struct wi_row *told = bounded(s, "told", 0, 100);
    struct wi_row *warned = bounded(s, "warned", 1, 100);
    struct wi_row *worst = bounded(s, "worst", 0, 100);
    struct wi_row *lock = fake_view_add_semaphore(s->view, "lock", 4, 4);
    warn(s, "info", "channel_growing", WI_CHANNEL, told);
    warn(s, "info", "channel_growing", WI_CHANNEL, worst);
    warn(s, "critical", "channel_rejecting", WI_CHANNEL, worst);
    warn(s, "warning", "channel_full", WI_CHANNEL, warned);
    warn(s, "info", "default_unbounded", WI_CHANNEL, audited);
    warn(s, "critical", "permits_leaked", WI_SEMAPHORE, lock);
    sorted_gives(s, query, "worst warned told half nearly deep empty audited");
    query.limit = 2;
    sorted_gives(s, query, "worst warned");
    /* A single task has the id of a channel: it is not the one meant. */
    struct wi_row *task = fake_view_add(s->view, WI_TASK_INSTANCE, "task");
    fake_view_add(s->view, WI_TASK_INSTANCE, "other");
    warn(s, "critical", "lost-waker", WI_TASK_INSTANCE, task);
    sorted_gives(s, worst_of(WI_TASK_INSTANCE, -1, -1), "task other");
    sorted_gives(s, query, "worst warned");
}

static void a_finding_about_several_rows_puts_each_of_them_first(void **state)
{
    struct state *s = *state;
    struct wi_query query = worst_of(WI_CHANNEL, WI_CHANNEL_FILL, WI_CHANNEL_DEPTH);
    bounded(s, "full", 99, 100);
    struct wi_row *worst = bounded(s, "worst", 2, 100);
    struct wi_row *other = bounded(s, "other", 20, 100);
    warn(s, "critical", "channel_stalled", WI_CHANNEL, worst);
    struct wi_row *warning =
        fake_view_row(s->view, WI_WARNING, wi_process_view_count(s->view, WI_WARNING) - 1);
    char ids[64];
    snprintf(ids, sizeof(ids), "%" PRIu64 " %" PRIu64, worst->id, other->id);
    fake_view_set_text(s->view, warning, WI_WARNING_SUBJECT_IDS, ids);
    sorted_gives(s, query, "other worst full");
    fake_view_set_text(s->view, warning, WI_WARNING_SUBJECT_IDS, "no number");
    sorted_gives(s, query, "worst full other");
}

static void one_of_sixty_that_refuses_is_the_first(void **state)
{
    struct state *s = *state;
    char name[16];
    struct wi_row *refusing = NULL;
    for (int i = 1; i <= 60; i++) {
        snprintf(name, sizeof(name), "queue-%02d", i);
        struct wi_row *row = bounded(s, name, i == 57 ? 0 : 40 + (uint64_t)i, 100);
        refusing = i == 57 ? row : refusing;
    }
    warn(s, "critical", "channel_rejecting", WI_CHANNEL, refusing);
    struct wi_query query = worst_of(WI_CHANNEL, WI_CHANNEL_FILL, WI_CHANNEL_DEPTH);
    query.limit = 1;
    sorted_gives(s, query, "queue-57");
}

static void a_row_rises_at_once_and_sinks_after_ten_seconds(void **state)
{
    struct state *s = *state;
    const uint64_t second = 1000000000;
    struct wi_ranks ranks = {0};
    struct wi_row *a = bounded(s, "a", 0, 100), *b = bounded(s, "b", 0, 100);
    struct wi_query query = worst_of(WI_CHANNEL, WI_CHANNEL_FILL, WI_CHANNEL_DEPTH);
    query.ranks = &ranks;
    uint64_t now = 1000 * second;
    fake_view_set_monotonic_nanos(s->view, now);
    sorted_gives(s, query, "a b");
    /* They take turns, twice a second: the order is the one of their first peaks. */
    for (int i = 0; i < 60; i++) {
        fake_view_set_monotonic_nanos(s->view, now += second / 2);
        fake_view_set_f64(a, WI_CHANNEL_FILL, i % 2 ? 0.95 : 0);
        fake_view_set_f64(b, WI_CHANNEL_FILL, i % 2 ? 0 : 0.95);
        sorted_gives(s, query, i == 0 ? "b a" : "a b");
    }
    fake_view_set_f64(a, WI_CHANNEL_FILL, 0);
    fake_view_set_f64(b, WI_CHANNEL_FILL, 0.55);
    for (int i = 1; i <= 12; i++) {
        fake_view_set_monotonic_nanos(s->view, now += second);
        sorted_gives(s, query, i < 10 ? "a b" : "b a");
    }
    /* A clock that goes back holds nothing up. */
    fake_view_set_f64(a, WI_CHANNEL_FILL, 1);
    sorted_gives(s, query, "a b");
    fake_view_set_f64(a, WI_CHANNEL_FILL, 0);
    fake_view_set_monotonic_nanos(s->view, second);
    sorted_gives(s, query, "b a");
    wi_ranks_finish(&ranks, &s->memory);
}

static void a_window_follows_a_row(void **state)
{
    struct state *s = *state;
    char name[16];
    uint64_t id = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "c%02d", i);
        struct wi_row *row = bounded(s, name, (uint64_t)(100 - i), WEIR_UNBOUNDED);
        id = i == 60 ? row->id : id;
    }
    struct wi_query query = all_of(WI_CHANNEL);
    query.sort = WI_CHANNEL_DEPTH;
    query.is_descending = true;
    query.limit = 10;
    query.follow = id;
    assert_int_equal(sorted_gives(s, query, "c55 c56 c57 c58 c59 c60 c61 c62 c63 c64"), 55);
    /* It stands in the window that is asked for, passes no filter, or is not there: as asked for. */
    query.offset = 52;
    query.limit = 9;
    assert_int_equal(sorted_gives(s, query, "c52 c53 c54 c55 c56 c57 c58 c59 c60"), 52);
    query.offset = 3;
    query.filter = "c0";
    assert_int_equal(sorted_gives(s, query, "c03 c04 c05 c06 c07 c08 c09"), 3);
    query.filter = "";
    query.follow = 987654321;
    assert_int_equal(sorted_gives(s, query, "c03 c04 c05 c06 c07 c08 c09 c10 c11"), 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_label_is_filtered_and_sorted_with_the_name),
        TEST(a_cut_is_a_part_of_the_whole_order),
        TEST(worst_rows_come_first_then_the_fullest_then_the_deepest),
        TEST(a_finding_about_several_rows_puts_each_of_them_first),
        TEST(one_of_sixty_that_refuses_is_the_first),
        TEST(a_row_rises_at_once_and_sinks_after_ten_seconds),
        TEST(a_window_follows_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
