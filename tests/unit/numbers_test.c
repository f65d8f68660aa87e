/* SPDX-License-Identifier: MIT */
/* Walks over very many channels, sixteen at a time: they find what a walk row by row finds. */
#include "child.h"
#include "encode/select.h"
#include "finding/finding.h"
#include "snapshot/process_view.h"
#include "snapshot/provider.h"
#include "weir/memory.h"
#include "weir/warning.h"
#include "weir/weir.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#define SECOND     UINT64_C(1000000000)
#define N_MANY     100000
#define N_SOME     300
#define N_SHOWN    40
#define N_MESSAGES 1000

static struct weir_error error;
static struct wi_process_view *view;
static struct wi_memory memory = {.limit = (size_t)64 << 20};
static uint64_t now;
static struct weir_channel *channels[N_MANY];

static void start(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.limit_bytes = UINT64_C(256) << 20;
    now = 1000 * SECOND;
    CHECK(weir_start(&options, &error) == WEIR_OK);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
}

static void step(uint64_t nanos)
{
    now += nanos;
    CHECK(wi_process_view_refresh(view, now, &error) == WEIR_OK);
}

static struct weir_channel *open_channel(size_t i, uint64_t capacity)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "channel-%zu", i);
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, capacity);
    options.latency = WEIR_LATENCY_OFF;
    options.unit = i < N_SOME && i % 13 == 0 ? WEIR_UNIT_BYTES : WEIR_UNIT_MESSAGES;
    struct weir_channel *channel = weir_channel_open(&options);
    CHECK(channel);
    return channel;
}

/* Takes the operation away, so that all go row by row; gives it back. */
static const struct wi_provider_ops *without_numbers(void)
{
    static struct wi_provider_ops ops;
    const struct wi_provider_ops *before = view->ops;
    ops = *before;
    ops.numbers = NULL;
    view->ops = &ops;
    return before;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Channels with and without a bound, full ones, refusals, closed ones and other kinds in between. */
static void open_some(void)
{
    for (size_t i = 0; i < N_SOME; i++) {
        uint64_t capacity = i % 3 == 0 ? WEIR_UNBOUNDED : i % 5;
        channels[i] = open_channel(i, capacity);
        if (i % 7 == 0) {
            struct weir_value_options gauge = WEIR_VALUE_INIT("gauge");
            CHECK(weir_gauge_open(&gauge));
        }
        if (i % 31 == 0) {
            struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT("permits", 4);
            CHECK(weir_semaphore_open(&options));
        }
    }
}

static void use_some(size_t round)
{
    for (size_t i = 0; i < N_SOME; i++) {
        for (size_t n = 0; channels[i] && n < (i + round) % 6; n++) {
            weir_channel_send(channels[i], 10 * i);
        }
        for (size_t n = 0; channels[i] && n < (i * round) % 5; n++) {
            weir_channel_receive(channels[i], 0, 10 * i);
        }
        if (channels[i] && i % 11 == round % 11) {
            weir_channel_reject(channels[i], WEIR_REJECT_FULL);
        }
    }
}

static void expect_row(const struct wi_numbers *numbers, size_t first, size_t i)
{
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, first + i);
    CHECK(row && row->id == numbers->id[i]);
    CHECK((numbers->missing >> i & 1) == wi_row_is_bytes(WI_CHANNEL, row));
    for (size_t m = 0; !(numbers->missing >> i & 1) && m < numbers->n_metrics; m++) {
        const struct wi_value *expected = &row->value[numbers->metrics[m]];
        const struct wi_value *got = &numbers->value[m][i];
        CHECK(got->type == expected->type && got->u.u64 == expected->u.u64);
    }
}

static void expect_rows(const int *metrics, size_t n_metrics)
{
    size_t n_rows = wi_process_view_count(view, WI_CHANNEL);
    struct wi_numbers numbers = {.n_metrics = n_metrics};
    size_t n;
    memcpy(numbers.metrics, metrics, n_metrics * sizeof(*metrics));
    for (size_t first = 0; first < n_rows; first += n) {
        n = n_rows - first < WI_NUMBERS_ROWS ? n_rows - first : WI_NUMBERS_ROWS;
        CHECK(wi_process_view_numbers(view, WI_CHANNEL, first, n, &numbers));
        for (size_t i = 0; i < n; i++) {
            expect_row(&numbers, first, i);
        }
    }
}

static void gives_the_rows_numbers(const char *dir)
{
    static const int metrics[] = {WI_CHANNEL_DEPTH,   WI_CHANNEL_CAPACITY,   WI_CHANNEL_FILL,
                                  WI_CHANNEL_SENT,    WI_CHANNEL_HIGH_WATER, WI_CHANNEL_IN_RATE,
                                  WI_CHANNEL_REJECTS, WI_CHANNEL_REJECT_RATE};
    (void)dir;
    start();
    open_some();
    for (size_t round = 0; round < 8; round++) {
        use_some(round);
        step(round % 3 == 2 ? SECOND / 10 : SECOND);
        expect_rows(metrics, 4);
        expect_rows(metrics + 4, 4);
        for (size_t i = round; i < N_SOME; i += 17) {
            weir_channel_close(channels[i]);
            channels[i] = round % 2 ? open_channel(i + N_SOME, 3) : NULL;
        }
    }
}

/* ---- the screen's choice ----------------------------------------------------------------------- */

static void choose(int sort, bool is_worst_first, struct wi_selection *ret_selection)
{
    struct wi_query query = {.kind = WI_CHANNEL,
                             .filter = "",
                             .sort = sort,
                             .is_descending = true,
                             .has_then = is_worst_first,
                             .then = WI_CHANNEL_DEPTH,
                             .is_worst_first = is_worst_first,
                             .limit = N_SHOWN};
    CHECK(wi_select(view, &query, &memory, ret_selection) == WEIR_OK);
}

static void expect_same_choice(int sort, bool is_worst_first)
{
    struct wi_selection by_numbers, by_rows;
    choose(sort, is_worst_first, &by_numbers);
    const struct wi_provider_ops *ops = without_numbers();
    choose(sort, is_worst_first, &by_rows);
    view->ops = ops;
    CHECK(by_numbers.n_rows == N_SHOWN && by_rows.n_rows == N_SHOWN);
    CHECK(by_numbers.matching == by_rows.matching && by_numbers.total == by_rows.total);
    CHECK(memcmp(by_numbers.rows, by_rows.rows, N_SHOWN * sizeof(*by_rows.rows)) == 0);
    wi_memory_return(&memory, by_numbers.rows);
    wi_memory_return(&memory, by_rows.rows);
}

static void chooses_the_same_rows(const char *dir)
{
    (void)dir;
    start();
    open_some();
    for (size_t round = 0; round < 4; round++) {
        use_some(round);
        step(SECOND);
        expect_same_choice(WI_CHANNEL_FILL, true);
        expect_same_choice(WI_CHANNEL_DEPTH, false);
        expect_same_choice(WI_CHANNEL_IN_RATE, false);
        expect_same_choice(WI_CHANNEL_CAPACITY, false);
        expect_same_choice(WI_CHANNEL_OUT_RATE, false);
    }
}

/* ---- findings ---------------------------------------------------------------------------------- */

static void use_many(bool leaks)
{
    for (size_t i = 0; i < N_MANY; i++) {
        weir_channel_receive(channels[i], weir_channel_send(channels[i], 10), 10);
    }
    for (size_t n = 0; leaks && n < N_MESSAGES; n++) {
        weir_channel_send(channels[N_MANY - 1], 10);
    }
}

static bool names_the_last(const struct wi_verdict *verdict)
{
    for (size_t i = 0; i < verdict->n_warnings; i++) {
        if (strcmp(verdict->warnings[i].subject, "channel-99999") == 0 &&
            strcmp(verdict->warnings[i].kind, "default_unbounded") != 0) {
            return true;
        }
    }
    return false;
}

static void expect_same_verdict(const struct wi_verdict *a, const struct wi_verdict *b)
{
    CHECK(a->n_warnings == b->n_warnings);
    for (size_t i = 0; i < a->n_warnings; i++) {
        CHECK(strcmp(a->warnings[i].kind, b->warnings[i].kind) == 0);
        CHECK(strcmp(a->warnings[i].severity, b->warnings[i].severity) == 0);
        CHECK(strcmp(a->warnings[i].subject, b->warnings[i].subject) == 0);
        CHECK(strcmp(a->warnings[i].text, b->warnings[i].text) == 0);
        CHECK(a->warnings[i].row_id == b->warnings[i].row_id);
    }
}

/* All channels are in use, and the first of them are watched, when the last begins to leak. */
static void finds_the_last_of_many(const char *dir)
{
    struct wi_finding *by_numbers, *by_rows;
    bool is_named = false;
    (void)dir;
    start();
    for (size_t i = 0; i < N_MANY; i++) {
        channels[i] = open_channel(i, WEIR_UNBOUNDED);
    }
    CHECK(wi_finding_create(&by_numbers) == WEIR_OK && wi_finding_create(&by_rows) == WEIR_OK);
    for (int second = 0; second < 14; second++) {
        use_many(second >= 3);
        step(SECOND);
        wi_finding_update(by_numbers, view);
        const struct wi_provider_ops *ops = without_numbers();
        wi_finding_update(by_rows, view);
        view->ops = ops;
        expect_same_verdict(wi_finding_verdict(by_numbers), wi_finding_verdict(by_rows));
        is_named = is_named || names_the_last(wi_finding_verdict(by_numbers));
    }
    CHECK(is_named);
    wi_finding_destroy(by_numbers);
    wi_finding_destroy(by_rows);
}

CHILD_TEST(gives_the_rows_numbers)
CHILD_TEST(chooses_the_same_rows)
CHILD_TEST(finds_the_last_of_many)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_rows_numbers),
        cmocka_unit_test(test_chooses_the_same_rows),
        cmocka_unit_test(test_finds_the_last_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
