/* SPDX-License-Identifier: MIT */
/* What the screen knows and asks for: pictures, histories, staleness, queries, layouts. */
#include "screen.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "model/spread.h"
#include "snapshot/process_view.h"

static struct screen screen;

static int setup(void **state)
{
    (void)state;
    screen_init(&screen);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    screen_finish(&screen);
    return 0;
}

static void channels_set(int n)
{
    char name[32];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "c%03d", i);
        screen_set(&screen, WI_CHANNEL, name, "depth", i);
    }
}

static const struct wc_history *history_of(const char *name)
{
    return wc_model_history(&screen.model, WI_CHANNEL, screen_find(&screen, WI_CHANNEL, name)->id);
}

static void history_keeps_the_greatest_of_a_second(void **state)
{
    (void)state;
    double columns[4];
    channels_set(1);
    const double depths[] = {5, 9, 2};
    for (int i = 0; i < 3; i++) {
        screen_set(&screen, WI_CHANNEL, "c000", "depth", depths[i]);
        screen_draw(&screen, 24, 80);
        screen_update(&screen);
    }
    int64_t second = wc_model_picture(&screen.model)->second;
    assert_true(wc_history_columns(history_of("c000"), second, 1, 4, columns) == 9);
    assert_true(isnan(columns[2]));
    assert_true(columns[3] == 9);
}

static void history_has_gaps_where_nothing_was_seen(void **state)
{
    (void)state;
    double columns[5];
    channels_set(1);
    screen_show(&screen, 24, 80);
    screen.second += 3; /* two seconds are missed: more than an interval */
    screen_show(&screen, 24, 80);
    wc_history_columns(history_of("c000"), wc_model_picture(&screen.model)->second, 1, 5, columns);
    assert_true(isnan(columns[0]) && columns[1] == 0 && isnan(columns[2]) && isnan(columns[3]) &&
                columns[4] == 0);
}

static void history_of_a_slow_watch_has_no_gaps(void **state)
{
    (void)state;
    double columns[6];
    screen.ui.interval_millis = 5000;
    channels_set(1);
    screen_show(&screen, 24, 80);
    screen.second += 5;
    screen_set(&screen, WI_CHANNEL, "c000", "depth", 7);
    screen_show(&screen, 24, 80);
    wc_history_columns(history_of("c000"), wc_model_picture(&screen.model)->second, 1, 6, columns);
    assert_true(columns[0] == 0 && columns[1] == 7 && columns[5] == 7);
}

static void history_outlives_sorting_scrolling_and_filters(void **state)
{
    (void)state;
    double columns[10];
    channels_set(100);
    for (int i = 0; i < 9; i++) {
        screen.second++;
        screen.ui.list[WC_TAB_CHANNELS].sort = i % 3;
        screen.ui.list[WC_TAB_CHANNELS].top = (uint32_t)i % 2;
        snprintf(screen.ui.filter, sizeof(screen.ui.filter), "%s", i % 2 ? "c00" : "");
        screen_show(&screen, 24, 80);
    }
    wc_history_columns(history_of("c003"), wc_model_picture(&screen.model)->second, 1, 10, columns);
    assert_true(isnan(columns[0]));
    for (int i = 1; i < 10; i++) {
        assert_true(columns[i] == 3);
    }
}

static void what_was_before_fills_only_what_was_not_seen(void **state)
{
    (void)state;
    struct wc_histories histories;
    const double before[] = {NAN, 1, 2, NAN, 4, 5};
    double columns[10];
    wc_histories_init(&histories);
    wc_histories_add(&histories, 0, 7, 1000, 1, 70);
    wc_histories_add(&histories, 0, 7, 1003, 1, 73);
    wc_histories_seed(&histories, 0, 7, 1002, before, 6); /* seconds 997 to 1002 */
    assert_true(wc_history_columns(wc_histories_find(&histories, 0, 7), 1003, 1, 10, columns) ==
                73);
    const double expected[] = {NAN, NAN, NAN, NAN, 1, 2, 70, 4, 5, 73};
    for (int i = 0; i < 10; i++) {
        assert_true(isnan(expected[i]) ? isnan(columns[i]) : columns[i] == expected[i]);
    }
    /* A row that was never seen, and one whose last look is longer ago than a history reaches. */
    wc_histories_seed(&histories, 0, 8, 1003, before, 6);
    wc_histories_seed(&histories, 0, 7, 9000, before, 6);
    for (uint64_t id = 7; id <= 8; id++) {
        wc_history_columns(wc_histories_find(&histories, 0, id), id == 7 ? 9000 : 1003, 1, 10,
                           columns);
        assert_true(isnan(columns[3]) && isnan(columns[4]) && columns[5] == 1 && columns[9] == 5);
    }
    /* More than there is room for: the newest count, and values are what a float can hold. */
    static double many[2 * WC_HISTORY_SECONDS];
    for (size_t i = 0; i < 2 * WC_HISTORY_SECONDS; i++) {
        many[i] = i == 2 * WC_HISTORY_SECONDS - 1 ? 1e300 : (double)i;
    }
    wc_histories_seed(&histories, 1, 9, 50000, many, 2 * WC_HISTORY_SECONDS);
    wc_history_columns(wc_histories_find(&histories, 1, 9), 50000, 1, 10, columns);
    assert_true(columns[8] == 2 * WC_HISTORY_SECONDS - 2);
    assert_true(isfinite(columns[9]) && columns[9] > 1e38);
    wc_histories_finish(&histories);
}

/* A Series of the depths 1, 2, 3, as a server sends it. */
static Weir__V1__Series *series_of(uint64_t id, int64_t last_read_nanos)
{
    Weir__V1__Series *series = malloc(sizeof(*series));
    weir__v1__series__init(series);
    series->id = id;
    series->kind = WEIR__V1__KIND__KIND_CHANNEL;
    series->metric = WI_CHANNEL_DEPTH;
    series->step_nanos = 1000000000;
    series->last_read_nanos = last_read_nanos;
    series->n_values = 3;
    series->values = malloc(3 * sizeof(double));
    for (int i = 0; i < 3; i++) {
        series->values[i] = i + 1;
    }
    return series;
}

static double before_now(const char *name, int back)
{
    double columns[8];
    wc_history_columns(history_of(name), wc_model_picture(&screen.model)->second, 1, 8, columns);
    return columns[7 - back];
}

static void the_past_is_asked_for_once_a_connection(void **state)
{
    (void)state;
    assert_false(wc_model_wants_past(&screen.model)); /* nobody has said when now is */
    channels_set(2);
    screen_show(&screen, 24, 80);
    assert_true(wc_model_wants_past(&screen.model));
    assert_false(wc_model_wants_past(&screen.model));
    uint64_t id = screen_find(&screen, WI_CHANNEL, "c001")->id;
    int64_t now = wc_model_picture(&screen.model)->second;
    Weir__V1__Series *other = series_of(id, now * 1000000000);
    other->metric = WI_CHANNEL_SENT; /* not what the screen draws */
    wc_model_series(&screen.model, other);
    assert_true(isnan(before_now("c001", 1)));
    wc_model_series(&screen.model, series_of(id, now * 1000000000));
    assert_true(before_now("c001", 0) == 1); /* seen: c001's depth */
    assert_true(before_now("c001", 1) == 2 && before_now("c001", 2) == 1);
    assert_true(isnan(before_now("c000", 1)));
}

static void a_dead_ones_curves_end_where_it_ended(void **state)
{
    (void)state;
    channels_set(2);
    screen_draw(&screen, 24, 80);
    uint64_t id = screen_find(&screen, WI_CHANNEL, "c001")->id;
    for (int i = 0; i < 3; i++) {
        Weir__V1__Update *update = screen_answer(&screen);
        free(update->state);
        update->state = strdup("dead");
        update->read_nanos = (1000 + i) * INT64_C(1000000000);
        wc_model_update(&screen.model, update, 0);
        if (i == 0) {
            wc_model_series(&screen.model, series_of(id, 0));
        }
        assert_int_equal(wc_model_picture(&screen.model)->second, 1000);
        assert_true(before_now("c001", 1) == 2 && before_now("c001", 2) == 1);
    }
}

static void histories_are_bounded(void **state)
{
    (void)state;
    struct wc_histories histories;
    wc_histories_init(&histories);
    for (uint64_t id = 1; id <= WC_HISTORY_ROWS + 500; id++) {
        wc_histories_add(&histories, 0, id, (int64_t)id, 1, 1);
    }
    assert_int_equal(histories.n_rows, WC_HISTORY_ROWS);
    assert_null(wc_histories_find(&histories, 0, 1));
    assert_non_null(wc_histories_find(&histories, 0, WC_HISTORY_ROWS + 500));
    assert_null(wc_histories_find(&histories, 1, WC_HISTORY_ROWS + 500));
    wc_histories_finish(&histories);
}

/* A search through 2,500 senders brings all of them at once. */
static void senders_never_displace_a_channel(void **state)
{
    (void)state;
    struct wc_histories histories;
    wc_histories_init(&histories);
    wc_histories_add(&histories, WI_CHANNEL, 1, 1000, 1, 7);
    wc_histories_add(&histories, WI_CHANNEL | 3 << 8, 1, 1000, 1, 8); /* another of its numbers */
    for (int second = 1000; second < 1003; second++) {
        for (uint64_t id = 1; id <= 2500; id++) {
            wc_histories_add(&histories, WI_SENDER, id, second, 1, 1);
        }
    }
    assert_int_equal(histories.n_rows, WC_HISTORY_ROWS);
    assert_non_null(wc_histories_find(&histories, WI_CHANNEL, 1));
    assert_non_null(wc_histories_find(&histories, WI_CHANNEL | 3 << 8, 1));
    /* Channels displace senders, and when there are none left the channel not seen for longest. */
    for (uint64_t id = 2; id <= WC_HISTORY_ROWS + 5; id++) {
        wc_histories_add(&histories, WI_CHANNEL, id, 2000, 1, 1);
    }
    assert_null(wc_histories_find(&histories, WI_CHANNEL, 1));
    assert_non_null(wc_histories_find(&histories, WI_CHANNEL, 2));
    assert_int_equal(wc_histories_add(&histories, WI_SENDER, 9, 2001, 1, 1), 0);
    assert_null(wc_histories_find(&histories, WI_SENDER, 9));
    wc_histories_finish(&histories);
}

static void a_hole_is_asked_for_and_filled(void **state)
{
    (void)state;
    channels_set(2);
    screen_show(&screen, 24, 80);
    assert_true(wc_model_wants_past(&screen.model));
    assert_int_equal(wc_model_take_holes(&screen.model), 0);
    screen.second += 4; /* the terminal was stopped */
    screen_show(&screen, 24, 80);
    assert_int_equal(wc_model_take_holes(&screen.model), 1U << WI_CHANNEL);
    assert_int_equal(wc_model_take_holes(&screen.model), 0);
    int64_t now = wc_model_picture(&screen.model)->second;
    assert_true(isnan(before_now("c001", 2)));
    wc_model_series(&screen.model,
                    series_of(screen_find(&screen, WI_CHANNEL, "c001")->id, now * 1000000000));
    assert_true(before_now("c001", 1) == 2 && before_now("c001", 2) == 1);
    /* Not more often than each five seconds; then what came meanwhile. */
    screen.second += 3;
    screen_show(&screen, 24, 80);
    assert_int_equal(wc_model_take_holes(&screen.model), 0);
    screen.second += 3;
    screen_show(&screen, 24, 80);
    assert_int_equal(wc_model_take_holes(&screen.model), 1U << WI_CHANNEL);
}

static void the_past_of_every_field_of_a_row_is_kept(void **state)
{
    (void)state;
    double columns[4];
    channels_set(2);
    screen_show(&screen, 24, 80);
    uint64_t id = screen_find(&screen, WI_CHANNEL, "c001")->id;
    assert_false(wc_model_wants_row(&screen.model, WI_CHANNEL, id)); /* one thing after the other */
    assert_true(wc_model_wants_past(&screen.model));
    assert_true(wc_model_wants_row(&screen.model, WI_CHANNEL, id));
    assert_false(wc_model_wants_row(&screen.model, WI_CHANNEL, id));
    assert_true(wc_model_wants_row(&screen.model, WI_CHANNEL, id + 1));
    assert_true(wc_model_wants_row(&screen.model, WI_CHANNEL, id));
    int64_t now = wc_model_picture(&screen.model)->second;
    Weir__V1__Series *rate = series_of(id, now * 1000000000);
    rate->metric = WI_CHANNEL_IN_RATE;
    wc_model_series(&screen.model, rate);
    const Weir__V1__Metric *metric = wc_model_metric(&screen.model, WI_CHANNEL, "in_rate");
    wc_history_columns(wc_model_history_of(&screen.model, metric, id), now, 1, 4, columns);
    assert_true(isnan(columns[0]) && columns[1] == 1 && columns[2] == 2 && columns[3] == 3);
    assert_true(isnan(before_now("c001", 1))); /* and its depth has none of it */
    screen_describe(&screen, 4821, "running"); /* another connection */
    assert_true(wc_model_wants_past(&screen.model));
    assert_true(wc_model_wants_row(&screen.model, WI_CHANNEL, id));
}

static void another_process_starts_from_nothing(void **state)
{
    (void)state;
    channels_set(1);
    screen_show(&screen, 24, 80);
    screen_describe(&screen, 4821, "running");
    assert_non_null(history_of("c000"));
    screen_describe(&screen, 4822, "running");
    assert_null(history_of("c000"));
    assert_null(wc_model_picture(&screen.model)->update);
}

static void frozen_picture_stands_while_updates_go_on(void **state)
{
    (void)state;
    double columns[2];
    channels_set(2);
    screen_show(&screen, 24, 80);
    wc_model_freeze(&screen.model, true);
    screen.second++;
    screen_set(&screen, WI_CHANNEL, "c000", "depth", 500);
    screen_show(&screen, 24, 80);
    char line[256];
    int row = screen.layout.section[0].row + 1;
    wc_grid_row_text(&screen.grid, row, line, sizeof(line));
    assert_null(strstr(line, "500"));
    wc_model_freeze(&screen.model, false);
    screen_draw(&screen, 24, 80);
    wc_grid_row_text(&screen.grid, row, line, sizeof(line));
    assert_non_null(strstr(line, "500"));
    wc_history_columns(history_of("c000"), wc_model_picture(&screen.model)->second, 1, 2, columns);
    assert_true(columns[0] == 0 && columns[1] == 500);
}

/* Valgrind and the sanitizer see a message that is freed too early or never. */
static void the_description_and_a_frozen_picture_outlive_their_link(void **state)
{
    (void)state;
    channels_set(2);
    screen_show(&screen, 24, 80);
    struct wc_shared *described = wc_shared_hold(screen.model.described);
    const Weir__V1__Update *frozen = screen.model.live.update;
    wc_model_freeze(&screen.model, true);
    assert_int_equal(screen.model.live.shared->n_holders, 2);
    screen.second++;
    screen_show(&screen, 24, 80);
    assert_ptr_not_equal(screen.model.live.update, frozen);
    assert_ptr_equal(wc_model_picture(&screen.model)->update, frozen);
    assert_int_equal(screen.model.frozen.shared->n_holders, 1);
    assert_int_equal(described->n_holders, 2);
    wc_shared_release(described);
    assert_int_equal(screen.model.described->n_holders, 1);
    wc_model_freeze(&screen.model, false);
    assert_null(screen.model.frozen.update);
}

static void silence_is_stale_after_a_while(void **state)
{
    (void)state;
    channels_set(1);
    screen_show(&screen, 24, 80);
    int64_t now = screen_now(&screen);
    assert_true(wc_model_stale_seconds(&screen.model, now + 2 * SCREEN_NANOS) == 0);
    assert_true(wc_model_stale_seconds(&screen.model, now + 7 * SCREEN_NANOS) == 7);
    screen.ui.interval_millis = 10000;
    screen_show(&screen, 24, 80);
    assert_true(wc_model_stale_seconds(&screen.model, now + 20 * SCREEN_NANOS) == 0);
    wc_model_connection(&screen.model, WC_LOST, now);
    assert_true(wc_model_stale_seconds(&screen.model, now + 99 * SCREEN_NANOS) == 0);
}

static void an_update_that_does_not_fit_is_dropped(void **state)
{
    (void)state;
    channels_set(1);
    screen_show(&screen, 24, 80);
    const Weir__V1__Update *before = wc_model_picture(&screen.model)->update;
    Weir__V1__Update *update = malloc(sizeof(*update));
    weir__v1__update__init(update);
    wc_model_update(&screen.model, update, 0);
    assert_ptr_equal(wc_model_picture(&screen.model)->update, before);
}

static void the_state_dead_comes_with_an_update(void **state)
{
    (void)state;
    screen_show(&screen, 24, 80);
    Weir__V1__Update *update = screen_answer(&screen);
    free(update->state);
    update->state = strdup("dead");
    wc_model_update(&screen.model, update, 0);
    assert_int_equal(screen.model.connection, WC_DEAD);
}

static void a_query_asks_for_what_is_shown(void **state)
{
    (void)state;
    channels_set(300);
    screen_show(&screen, 24, 80);
    const Weir__V1__Query *query = &screen.query.query[0];
    assert_int_equal(query->kind, WI_CHANNEL);
    assert_in_range(query->limit, 17, 50);
    assert_int_equal(query->offset, 0);
    assert_true(query->worst_first);
    assert_int_equal(query->sort, WI_CHANNEL_FILL);
    assert_int_equal(query->n_then, 1);
    assert_int_equal(query->then[0], WI_CHANNEL_DEPTH);
    for (size_t i = 0; i < query->n_columns; i++) {
        assert_int_not_equal(query->columns[i], WI_CHANNEL_SOURCE);
    }
    screen.ui.list[WC_TAB_CHANNELS].cursor = 200;
    screen_show(&screen, 24, 80);
    query = &screen.query.query[0];
    assert_in_range(query->offset, 100, 200);
    assert_in_range(query->limit, 17, 50);
    assert_int_equal(screen.ui.list[WC_TAB_CHANNELS].cursor, 200);
}

static void a_step_of_the_cursor_asks_nothing_new(void **state)
{
    (void)state;
    static struct wc_query before;
    channels_set(300);
    screen.ui.list[WC_TAB_CHANNELS].cursor = 100;
    screen_show(&screen, 24, 80);
    wc_query_make(&screen.model, &screen.ui, &screen.layout, &before);
    screen.ui.list[WC_TAB_CHANNELS].cursor = 101;
    screen_draw(&screen, 24, 80);
    wc_query_make(&screen.model, &screen.ui, &screen.layout, &screen.query);
    assert_true(wc_query_is_same(&before, &screen.query));
    screen.ui.list[WC_TAB_CHANNELS].sort = 1;
    wc_query_make(&screen.model, &screen.ui, &screen.layout, &screen.query);
    assert_false(wc_query_is_same(&before, &screen.query));
}

static int layout_rows(const struct wc_layout *layout, enum wc_tab tab)
{
    const struct wc_section *section = wc_layout_section(layout, tab);
    return section->tab == tab ? section->n_rows : 0;
}

static void tables_share_the_screen(void **state)
{
    (void)state;
    struct wc_layout layout;
    const uint32_t few[WC_N_TABS] = {1, 1, 1, 2, 1, 0};
    const uint32_t many[WC_N_TABS] = {214, 9, 31, 2, 3, 0};

    wc_layout_make(24, 80, WC_TAB_CHANNELS, few, false, &layout);
    assert_int_equal(layout.n_sections, 4);
    wc_layout_make(24, 80, WC_TAB_CHANNELS, many, false, &layout);
    assert_true(layout_rows(&layout, WC_TAB_CHANNELS) >= 6);
    assert_true(layout.graph_rows >= 6); /* whatever there is, the worst row has its graph */
    assert_int_equal(layout_rows(&layout, WC_TAB_SEMAPHORES), 2);
    wc_layout_make(24, 80, WC_TAB_TASKS, many, false, &layout);
    assert_true(layout_rows(&layout, WC_TAB_TASKS) >= 6);
    assert_true(layout.graph_rows >= 6);
    wc_layout_make(50, 80, WC_TAB_CHANNELS, many, false, &layout);
    assert_int_equal(layout.n_sections, 4);
    wc_layout_make(12, 60, WC_TAB_CHANNELS, many, false, &layout);
    assert_int_equal(layout.n_sections, 1);
    wc_layout_make(12, 60, WC_TAB_COUNTERS, few, false, &layout);
    assert_int_equal(layout_rows(&layout, WC_TAB_COUNTERS), 2);
    wc_layout_make(11, 60, WC_TAB_COUNTERS, few, false, &layout);
    assert_true(layout.is_too_small);
}

static void no_layout_leaves_its_body(void **state)
{
    (void)state;
    struct wc_layout layout;
    uint32_t counts[WC_N_TABS];

    for (int rows = WC_MIN_ROWS; rows < 80; rows++) {
        for (unsigned seed = 0; seed < 200; seed++) {
            for (unsigned tab = 0; tab < WC_N_TABS; tab++) {
                counts[tab] = (seed * UINT64_C(11400714819323198485) >> (tab * 4)) & 31;
            }
            enum wc_tab tab = (enum wc_tab)(seed % WC_N_TABS);
            bool is_single = wc_column_table(tab)->is_single;
            wc_layout_make(rows, 80, tab, counts, is_single, &layout);
            int end = layout.body_row;
            for (int i = 0; i < layout.n_sections; i++) {
                assert_true(layout.section[i].row >= end);
                assert_true(layout.section[i].n_rows >= 1);
                end = layout.section[i].row + 1 + layout.section[i].n_rows;
            }
            assert_true(is_single ? layout.n_sections == 0 : layout_rows(&layout, tab) > 0);
            assert_true(end <= layout.info_row);
            assert_true(layout.graph_rows == 0 ||
                        (layout.graph_row >= end &&
                         layout.graph_row + layout.graph_rows <= layout.info_row));
        }
    }
}

static void columns_fit_and_line_up(void **state)
{
    (void)state;
    for (int at = 0, cols = WC_MIN_COLS; cols < 300; cols += at++ % 2) {
        struct wc_column_hint hint = {.name_width = 12, .has_senders = at % 2};
        int trend = -1;
        for (int tab = 0; tab < WC_N_TABS; tab++) {
            struct wc_screen_columns columns;
            const struct wc_column_table *table = wc_column_table((enum wc_tab)tab);
            wc_columns_fit((enum wc_tab)tab, cols, &hint, &columns);
            int end = 0;
            for (int i = 0; i < columns.n; i++) {
                assert_true(columns.at[i].col > end);
                end = columns.at[i].col + columns.at[i].width;
                bool is_trend = table->columns[columns.at[i].index].type == WC_COLUMN_TREND;
                bool has_bar = cols >= 80; /* below, the bar goes first */
                if (is_trend && has_bar) {
                    assert_true(trend < 0 || trend == columns.at[i].col);
                    trend = columns.at[i].col;
                }
            }
            assert_true(end <= cols);
        }
    }
}

/* Two rows of a table that ask for one place would hide each other, and a gap would shift the rest. */
static void check_places(const struct wi_metric_table *table, bool is_list, unsigned blank)
{
    const char *taken[WC_MAX_COLUMNS + 1] = {NULL};
    unsigned last = 0;
    for (size_t i = 0; i < table->n_metrics; i++) {
        const struct wi_metric *metric = &table->metrics[i];
        const struct {
            unsigned place;
            const char *caption;
        } asked[] = {{is_list ? metric->list.place : metric->column.place,
                      is_list ? metric->list.caption : metric->column.caption},
                     {is_list ? 0 : metric->trend.place, metric->trend.caption}};
        for (size_t k = 0; k < 2; k++) {
            assert_in_range(asked[k].place, 0, WC_MAX_COLUMNS - 1);
            if (asked[k].place) {
                assert_null(taken[asked[k].place]);
                assert_non_null(asked[k].caption);
                taken[asked[k].place] = asked[k].caption;
                last = asked[k].place > last ? asked[k].place : last;
            }
        }
    }
    for (unsigned place = 1; place <= last; place++) {
        assert_true(taken[place] || place == blank);
    }
}

static void each_place_of_a_table_is_one_metrics(void **state)
{
    (void)state;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        int trends = 0;
        check_places(table, false, kind == WI_SENDER ? 3 : 0);
        check_places(table, true, 0);
        for (size_t i = 0; i < table->n_metrics; i++) {
            trends += table->metrics[i].graph == WI_GRAPH_TREND;
        }
        assert_in_range(trends, 0, 1);
    }
}

static void numbers_that_are_none_are_absent(void **state)
{
    (void)state;
    double number = 5;
    Weir__V1__Value value = WEIR__V1__VALUE__INIT;
    value.value_case = WEIR__V1__VALUE__VALUE_F64;
    value.f64 = NAN;
    assert_false(wc_model_as_number(&value, &number));
    value.f64 = INFINITY;
    assert_false(wc_model_as_number(&value, &number));
    assert_false(wc_model_as_number(NULL, &number));
    value.value_case = WEIR__V1__VALUE__VALUE_I64;
    value.i64 = -3;
    assert_true(wc_model_as_number(&value, &number));
    assert_true(number == -3);
}

/* What the console reads from the buckets of a message is what the exporter itself reads. */
static void percentiles_are_those_of_the_exporter(void **state)
{
    (void)state;
    static struct weir_histogram histogram;
    uint64_t bounds[WEIR_HISTOGRAM_BUCKETS], counts[WEIR_HISTOGRAM_BUCKETS];
    srand(11);
    for (int round = 0; round < 300; round++) {
        Weir__V1__Histogram message = WEIR__V1__HISTOGRAM__INIT;
        struct wc_spread spread;
        memset(&histogram, 0, sizeof(histogram));
        unsigned first = (unsigned)rand() % WEIR_HISTOGRAM_BUCKETS;
        for (unsigned b = first; b < WEIR_HISTOGRAM_BUCKETS && b < first + 30; b++) {
            histogram.bucket[b] = rand() % 2 ? (uint64_t)rand() % 1000 : 0;
        }
        histogram.bucket[first] += 1;
        message.bounds = bounds;
        message.counts = counts;
        for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS - 1; b++) {
            if (histogram.bucket[b]) {
                histogram.max = wi_histogram_bound(b) - 1;
                bounds[message.n_bounds++] = wi_histogram_bound(b);
                counts[message.n_counts++] = histogram.bucket[b];
            }
        }
        histogram.bucket[WEIR_HISTOGRAM_BUCKETS - 1] = 0;
        message.max_nanos = histogram.max;
        wc_spread_make(&message, &spread);
        for (double q = 0; q < 1; q += 0.0625) {
            int step;
            double expected = (double)wi_histogram_quantile(&histogram, q);
            assert_true(fabs(wc_spread_quantile(&spread, q, &step) - expected) <= 1);
        }
    }
}

static void a_spread_takes_any_buckets(void **state)
{
    (void)state;
    uint64_t bounds[] = {UINT64_MAX, 0, 1, 4096, 2048, UINT64_MAX, 3};
    uint64_t counts[] = {2, 1, 1, 5, 0, 3, UINT64_MAX};
    Weir__V1__Histogram message = WEIR__V1__HISTOGRAM__INIT;
    struct wc_spread spread;
    int step;

    wc_spread_make(&message, &spread);
    assert_true(spread.total == 0);
    assert_true(wc_spread_quantile(&spread, 0.5, &step) == 0);
    assert_int_equal(step, -1);
    message.bounds = bounds;
    message.counts = counts;
    message.n_bounds = 7;
    message.n_counts = 6;
    wc_spread_make(&message, &spread);
    assert_true(spread.total == 12);
    assert_int_equal(spread.first, 0);
    assert_int_equal(spread.last, WC_SPREAD_STEPS - 1);
    message.max_nanos = 5000; /* then the bucket without an end lies there */
    wc_spread_make(&message, &spread);
    assert_true(wc_spread_end(spread.last) >= 5000 && wc_spread_begin(spread.last) <= 5000);
    assert_true(wc_spread_quantile(&spread, 0.99, &step) <= 5000);
    for (int rows = 1; rows < 300; rows++) {
        int per_line = wc_spread_steps_per_line(&spread, rows);
        assert_true(spread.last / per_line - spread.first / per_line < rows);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(history_keeps_the_greatest_of_a_second),
        TEST(history_has_gaps_where_nothing_was_seen),
        TEST(history_of_a_slow_watch_has_no_gaps),
        TEST(history_outlives_sorting_scrolling_and_filters),
        TEST(what_was_before_fills_only_what_was_not_seen),
        TEST(the_past_is_asked_for_once_a_connection),
        TEST(a_dead_ones_curves_end_where_it_ended),
        TEST(histories_are_bounded),
        TEST(senders_never_displace_a_channel),
        TEST(a_hole_is_asked_for_and_filled),
        TEST(the_past_of_every_field_of_a_row_is_kept),
        TEST(another_process_starts_from_nothing),
        TEST(frozen_picture_stands_while_updates_go_on),
        TEST(the_description_and_a_frozen_picture_outlive_their_link),
        TEST(silence_is_stale_after_a_while),
        TEST(an_update_that_does_not_fit_is_dropped),
        TEST(the_state_dead_comes_with_an_update),
        TEST(a_query_asks_for_what_is_shown),
        TEST(a_step_of_the_cursor_asks_nothing_new),
        TEST(tables_share_the_screen),
        TEST(no_layout_leaves_its_body),
        TEST(columns_fit_and_line_up),
        TEST(each_place_of_a_table_is_one_metrics),
        TEST(percentiles_are_those_of_the_exporter),
        TEST(a_spread_takes_any_buckets),
        TEST(numbers_that_are_none_are_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
