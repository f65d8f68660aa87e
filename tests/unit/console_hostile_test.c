/* SPDX-License-Identifier: MIT */
/* ctest: timeout=400 folders=console/src/view */
/* Whatever a server may say, on a screen of any size: it is drawn, or left out. */
#include "scene.h"

#include "base/text.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>

/* The text of one line. */
static const char *line_text(int row)
{
    static char line[1024];
    wc_grid_row_text(&screen.grid, row, line, sizeof(line));
    return line;
}

static void a_hostile_name_does_no_harm(void **state)
{
    (void)state;
    process_set(1e6, 0);
    channel_set("a\033[2J\r\n\x9b\xe2\x80\xae\xff z", 1, 0);
    channel_set(
        "b\xe2\x81\xa6\xd8\x9c\xe2\x80\x8b\xc2\xad\xe2\x80\xa8\xef\xb8\x8f\xf3\xa0\x81\x81 z", 1,
        0);
    screen_show(&screen, 24, 80);
    for (int i = 0; i < 24 * 80; i++) {
        uint32_t ch = screen.grid.cells[i].ch;
        assert_true(ch >= 0x20 && ch != 0x7f && !(ch >= 0x80 && ch < 0xa0) && ch != 0x202e);
        assert_true(ch == 0 || !wi_text_is_unsafe(ch));
    }
    assert_non_null(strstr(line_text(screen.layout.section[0].row + 2), "b??????? z"));
    assert_non_null(
        strstr(line_text(screen.layout.section[0].row + 1), "a?[2J??\xef\xbf\xbd?\xef\xbf\xbd z"));
}

/* A name in Hebrew with points, one of a decomposed o, and one of marks without a letter. */
static void a_combining_mark_is_drawn_with_its_letter(void **state)
{
    (void)state;
    process_set(1e6, 0);
    channel_set("\xcc\x88x\xd7\xa9\xd6\xb8\xd7\x81 o\xcc\x88\xcc\x81\xcc\x82!", 1, 0);
    screen_show(&screen, 24, 80);
    assert_non_null(strstr(line_text(screen.layout.section[0].row + 1),
                           " ?x\xd7\xa9\xd6\xb8\xd7\x81 o\xcc\x88\xcc\x81! "));
    int col = 0;
    const struct wc_cell *row = &screen.grid.cells[(screen.layout.section[0].row + 1) * 80];
    while (row[col].ch != '?') {
        col++;
    }
    assert_int_equal(row[col + 1].ch, 'x');
    assert_int_equal(row[col + 2].ch, 0x5e9);
    assert_int_equal(row[col + 2].marks[0], 0x5b8);
    assert_int_equal(row[col + 4].ch, 'o');
    assert_int_equal(row[col + 5].ch, '!');
    assert_int_equal(wc_grid_width("o\xcc\x88", false), 1);
}

static uint32_t random_take(void)
{
    static uint32_t seed = 7;
    seed = seed * 1664525U + 1013904223U;
    return seed >> 8;
}

/* Whatever a server may say, as far as it is a message at all. */
static void update_spoil(Weir__V1__Update *update)
{
    static const double wild[] = {-1,     1e300,  -1e300, NAN,  INFINITY, 0.999999,
                                  1e-300, 9.3e18, 1e19,   -0.0, 2e15,     60};
    for (size_t i = 0; i < update->n_tables; i++) {
        Weir__V1__Table *table = update->tables[i];
        table->matching = random_take() % 3 ? table->matching : UINT32_MAX;
        table->total = random_take() % 3 ? table->total : 0;
        table->first = random_take() % 5 ? table->first : random_take() << 8;
        for (size_t k = 0; k < table->n_columns; k++) {
            table->columns[k] = random_take() % 5 ? table->columns[k] : random_take() << 6;
        }
        for (size_t k = 0; k < table->n_rows; k++) {
            Weir__V1__Row *row = table->rows[k];
            for (size_t v = 0; v < row->n_values; v++) {
                Weir__V1__Value *value = row->values[v];
                if (value->value_case == WEIR__V1__VALUE__VALUE_TEXT) {
                    continue;
                }
                uint32_t sort = random_take() % 4;
                value->value_case = sort == 0   ? WEIR__V1__VALUE__VALUE_U64
                                    : sort == 1 ? WEIR__V1__VALUE__VALUE_I64
                                    : sort == 2 ? WEIR__V1__VALUE__VALUE_F64
                                                : WEIR__V1__VALUE__VALUE__NOT_SET;
                value->u64 = random_take() % 2 ? UINT64_MAX : UINT64_C(1) << 63;
                if (sort == 2) {
                    value->f64 = wild[random_take() % (sizeof(wild) / sizeof(wild[0]))];
                }
            }
        }
    }
    update->read_nanos = random_take() % 4 ? update->read_nanos : INT64_MIN;
    update->unix_nanos = random_take() % 4 ? update->unix_nanos : INT64_MAX;
}

/* Buckets in any order, of any number, with bounds and counts that do not belong together. */
static void histograms_spoil(Weir__V1__Update *update)
{
    for (size_t i = 0; i < update->n_tables; i++) {
        for (size_t k = 0; k < update->tables[i]->n_rows; k++) {
            Weir__V1__Row *row = update->tables[i]->rows[k];
            for (size_t h = 0; h < row->n_histograms; h++) {
                Weir__V1__Histogram *histogram = row->histograms[h];
                size_t n = random_take() % 1000 + 1;
                histogram->bounds = realloc(histogram->bounds, n * sizeof(uint64_t));
                histogram->counts = realloc(histogram->counts, n * sizeof(uint64_t));
                for (size_t b = 0; b < n; b++) {
                    uint64_t bits = (uint64_t)random_take() << 40 | random_take() << 16;
                    histogram->bounds[b] =
                        random_take() % 9 ? bits >> random_take() % 64 : UINT64_MAX * (b % 2);
                    histogram->counts[b] = random_take() % 3 ? UINT64_MAX >> random_take() % 64 : 0;
                }
                histogram->n_bounds = n;
                histogram->n_counts = random_take() % 4 ? n : n / 2;
                histogram->sum_nanos = random_take() % 3 ? UINT64_MAX : 0;
                histogram->max_nanos = random_take() % 3 ? UINT64_MAX >> random_take() % 64 : 0;
                histogram->metric = random_take() % 9 ? histogram->metric : UINT32_MAX;
            }
        }
    }
}

static void wild_numbers_do_no_harm(void **state)
{
    (void)state;
    many_set();
    spread_set(WI_CHANNEL, "room/000/inbox", "wait", 20, 9);
    loop_set("main", 0.4, 0);
    spread_set(WI_LOOP, "main", "iteration", 20, 9);
    spread_set(WI_LOOP, "main", "lateness", 20, 9);
    single_set("one", "handler", "idle", NULL, 0);
    sender_set("p", "room/000/inbox", "gone", 3);
    agent_set();
    screen_show(&screen, 24, 80);
    for (int i = 0; i < 3000; i++) {
        screen.ui.tab = (enum wc_tab)(i % WC_N_TABS);
        int kind = wc_column_table(screen.ui.tab)->kind;
        struct screen_row *row = &screen.row[0];
        for (size_t k = 0; k < screen.n_rows; k++) {
            row = screen.row[k].kind == kind ? &screen.row[k] : row;
        }
        row = kind == WI_CHANNEL ? &screen.row[0] : row;
        screen.ui.is_detail = i % 3 == 0;
        screen.ui.detail_id = row->id;
        snprintf(screen.ui.detail_name, sizeof(screen.ui.detail_name), "%s", row->name);
        screen.ui.detail[screen.ui.tab] = (struct wc_detail){
            .page = (enum wc_page)(random_take() % WC_N_PAGES),
            .has_field = random_take() % 2,
            .field = random_take() % 60,
            .cursor = random_take() % 3,
        };
        wc_query_make(&screen.model, &screen.ui, &screen.layout, &screen.query);
        wc_model_watch(&screen.model, &screen.query.plan);
        Weir__V1__Update *update = screen_answer(&screen);
        if (i % 2) {
            histograms_spoil(update);
        } else {
            update_spoil(update);
        }
        wc_model_update(&screen.model, update, screen_now(&screen));
        screen_draw(&screen, 12 + i % 42, 60 + i % 150);
    }
}

/* A later exporter: kinds that this console does not know, more metrics of one than it keeps, two
 * with one index, none of those that the console looks for. */
static void a_description_of_another_make_does_no_harm(void **state)
{
    (void)state;
    enum { N = 400 };
    static Weir__V1__Metric metric[N];
    static Weir__V1__Metric *pointer[N];
    static char field[N][16], json[N][32], empty[] = "", unit[] = "parsecs", kind[] = "running";
    Weir__V1__Description description = WEIR__V1__DESCRIPTION__INIT;
    for (int i = 0; i < N; i++) {
        weir__v1__metric__init(&metric[i]);
        snprintf(field[i], sizeof(field[i]), "field%d", i);
        snprintf(json[i], sizeof(json[i]), i % 5 ? "many.%d" : i % 3 ? "." : "a.%d", i);
        metric[i].kind = (Weir__V1__Kind)(i % 17);
        metric[i].index = i % 3 ? (uint32_t)i % 70 : UINT32_MAX - (uint32_t)i;
        metric[i].type = (Weir__V1__MetricType)(i % 6);
        metric[i].unit = i % 4 ? unit : empty;
        metric[i].field = field[i];
        metric[i].json = json[i];
        metric[i].summary = metric[i].help = i % 2 ? empty : field[i];
        pointer[i] = &metric[i];
    }
    many_set();
    rich_rows_set();
    description.name = description.version = empty;
    description.state = kind;
    description.pid = 4821;
    description.metrics = pointer;
    description.n_metrics = N;
    screen_connect(&screen.model, &description, 0);
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        for (int page = 0; page < WC_N_PAGES; page++) {
            screen.ui.tab = (enum wc_tab)tab;
            screen.ui.is_detail = page > 0;
            screen.ui.detail_id = screen_find(&screen, WI_CHANNEL, "moves")->id;
            screen.ui.detail[tab].page = (enum wc_page)page;
            wc_query_make(&screen.model, &screen.ui, &screen.layout, &screen.query);
            wc_model_watch(&screen.model, &screen.query.plan);
            for (size_t i = 0; i < screen.query.plan.n; i++) {
                screen.query.query[i].n_columns = 0; /* all: the server's own indices */
                screen.query.query[i].where = 0;
            }
            wc_model_update(&screen.model, screen_answer(&screen), screen_now(&screen));
            screen_draw(&screen, 24, 80);
            screen_draw(&screen, 50, 200);
        }
    }
}

static void every_size_is_drawn_inside_itself(void **state)
{
    (void)state;
    many_set();
    rich_rows_set();
    screen.ui.detail_id = screen_find(&screen, WI_CHANNEL, "moves")->id;
    for (int rows = 1; rows < 70; rows += 3) {
        for (int cols = 1 + rows % 23; cols < 260; cols += 23) {
            for (int tab = 0; tab < WC_N_TABS; tab++) {
                screen.ui.tab = (enum wc_tab)tab;
                screen.ui.is_detail = (rows + cols + tab) % 4 == 0;
                screen.ui.detail[tab].page = (enum wc_page)((rows + cols / 7) % WC_N_PAGES);
                screen.ui.is_help = (rows + cols) % 5 == 0;
                screen_draw(&screen, rows, cols);
                screen_update(&screen);
                screen_draw(&screen, rows, cols);
            }
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        fprintf(stderr, "no locale C.UTF-8\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(a_hostile_name_does_no_harm),
        TEST(a_combining_mark_is_drawn_with_its_letter),
        TEST(a_description_of_another_make_does_no_harm),
        TEST(every_size_is_drawn_inside_itself),
        TEST(wild_numbers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
