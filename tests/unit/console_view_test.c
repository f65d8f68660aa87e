/* SPDX-License-Identifier: MIT */
/*
 * The screen as text, against files in tests/screen/golden. WEIR_GOLDEN=write writes them anew: look
 * at the difference before you keep it.
 */
#include "screen.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <time.h>

static struct screen screen;

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    screen_init(&screen);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    screen_finish(&screen);
    return 0;
}

static char *file_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return NULL;
    }
    char *text = calloc(1, 1 << 18);
    size_t n = fread(text, 1, (1 << 18) - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

/* Compares the screen with the file of that name. */
static void assert_golden(const char *name)
{
    char path[512];
    const char *source = getenv("WEIR_SOURCE"), *mode = getenv("WEIR_GOLDEN");
    snprintf(path, sizeof(path), "%s/tests/screen/golden/%s.txt", source ? source : ".", name);
    char *text = screen_text(&screen);
    if (mode && strcmp(mode, "write") == 0) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
    }
    char *golden = file_text(path);
    if (!golden || strcmp(golden, text) != 0) {
        fprintf(stderr, "%s: the screen is now\n%s", path, text);
    }
    assert_non_null(golden);
    assert_string_equal(text, golden);
    free(golden);
    free(text);
}

static void process_set(double rss, double growth)
{
    screen_set(&screen, WI_PROCESS, "game", "rss", rss);
    screen_set(&screen, WI_PROCESS, "game", "growth", growth);
    screen_set(&screen, WI_PROCESS, "game", "window", 30);
    screen_set(&screen, WI_PROCESS, "game", "cpu_ratio", 0.42);
    screen_set(&screen, WI_PROCESS, "game", "threads", 5);
    screen_set(&screen, WI_PROCESS, "game", "fds", 18);
    screen_set(&screen, WI_PROCESS, "game", "max_fds", 1024);
    screen_set(&screen, WI_PROCESS, "game", "uptime", 74);
    screen_set(&screen, WI_PROCESS, "game", "rejects", 0);
    screen_set(&screen, WI_PROCESS, "game", "reject_rate", 0);
    screen_say(&screen, WI_PROCESS, "game", "rejects_source", "counter");
}

static void channel_set(const char *name, double depth, double capacity)
{
    screen_set(&screen, WI_CHANNEL, name, "depth", depth);
    if (capacity > 0) {
        screen_set(&screen, WI_CHANNEL, name, "capacity", capacity);
        screen_set(&screen, WI_CHANNEL, name, "fill", depth / capacity);
    }
    screen_set(&screen, WI_CHANNEL, name, "in_rate", 12000);
    screen_set(&screen, WI_CHANNEL, name, "out_rate", 6000);
    screen_set(&screen, WI_CHANNEL, name, "reject_rate", 0);
    screen_set(&screen, WI_CHANNEL, name, "oldest_age", depth / 6000);
    screen_set(&screen, WI_CHANNEL, name, "wait_p99", depth / 6100);
    screen_set(&screen, WI_CHANNEL, name, "high_water", depth);
    screen_set(&screen, WI_CHANNEL, name, "queued_bytes", depth * 208);
    screen_set(&screen, WI_CHANNEL, name, "sent", 12000 * 74);
    screen_say(&screen, WI_CHANNEL, name, "kind", "mpsc");
    screen_say(&screen, WI_CHANNEL, name, "source", "game.c:118");
}

static void semaphore_set(const char *name, double available, double permits)
{
    screen_set(&screen, WI_SEMAPHORE, name, "available", available);
    screen_set(&screen, WI_SEMAPHORE, name, "permits", permits);
    screen_set(&screen, WI_SEMAPHORE, name, "saturation", 1 - available / permits);
    screen_set(&screen, WI_SEMAPHORE, name, "acquire_rate", 6000);
    screen_set(&screen, WI_SEMAPHORE, name, "reject_rate", available > 0 ? 0 : 5980);
    screen_set(&screen, WI_SEMAPHORE, name, "waiters", 0);
    screen_set(&screen, WI_SEMAPHORE, name, "exhausted_seconds", available > 0 ? 0 : 14);
    screen_set(&screen, WI_SEMAPHORE, name, "wait_p99", 0.0004);
    screen_set(&screen, WI_SEMAPHORE, name, "low_water", available);
    screen_set(&screen, WI_SEMAPHORE, name, "rejects", available > 0 ? 0 : 83700);
    screen_say(&screen, WI_SEMAPHORE, name, "source", "game.c:120");
}

static void rest_set(void)
{
    screen_set(&screen, WI_TASK, "handler", "pending", 18);
    screen_set(&screen, WI_TASK, "handler", "running", 2);
    screen_set(&screen, WI_TASK, "handler", "spawn_rate", 6000);
    screen_set(&screen, WI_TASK, "handler", "finish_rate", 6000);
    screen_set(&screen, WI_TASK, "handler", "wait_p99", 0.0047);
    screen_set(&screen, WI_TASK, "handler", "run_p99", 0.0024);
    screen_set(&screen, WI_TASK, "handler", "finished_error", 0);
    screen_set(&screen, WI_COUNTER, "backpressure_rejects", "value", 83700);
    screen_set(&screen, WI_COUNTER, "backpressure_rejects", "rate", 5980);
    screen_set(&screen, WI_COUNTER, "joins", "value", 1234567);
    screen_set(&screen, WI_COUNTER, "joins", "rate", 0.25);
    screen_set(&screen, WI_GAUGE, "players", "value", 2000);
}

static void warning_set(const char *name, const char *severity, const char *subject,
                        const char *text)
{
    screen_say(&screen, WI_WARNING, name, "severity", severity);
    screen_say(&screen, WI_WARNING, name, "subject", subject);
    screen_say(&screen, WI_WARNING, name, "text", text);
}

/* The example server while its queue leaks, for a minute. */
static void leak_set(int rows, int cols)
{
    semaphore_set("move_permits", 1024, 1024);
    rest_set();
    warning_set("w1", "critical", "moves",
                "moves: unbounded and growing, +6,007 messages/s for 60 s, 360,420 queued "
                "(75.0 MB), oldest 60 s");
    for (int i = 0; i < 60; i++) {
        process_set(812e6 + 1.25e6 * i, 1.25e6);
        channel_set("moves", 6007 * (i + 1), 0);
        screen.second++;
        screen_show(&screen, rows, cols);
    }
}

static void leak_on_a_small_screen(void **state)
{
    (void)state;
    leak_set(12, 60);
    assert_golden("leak-60x12");
}

static void leak_on_a_usual_screen(void **state)
{
    (void)state;
    leak_set(24, 80);
    assert_golden("leak-80x24");
}

static void leak_on_a_large_screen(void **state)
{
    (void)state;
    leak_set(43, 132);
    assert_golden("leak-132x43");
}

static void leak_on_a_wide_screen(void **state)
{
    (void)state;
    leak_set(50, 200);
    assert_golden("leak-200x50");
}

static void leak_in_ascii(void **state)
{
    (void)state;
    screen.ascii = true;
    screen.tier = WC_TIER_ASCII;
    leak_set(43, 80);
    assert_golden("leak-ascii-80x43");
}

static void leak_in_braille(void **state)
{
    (void)state;
    screen.tier = WC_TIER_BRAILLE;
    leak_set(43, 80);
    assert_golden("leak-braille-80x43");
}

/* Many rows: the tab in use has the room, the others their share. */
static void many_set(void)
{
    char name[32];
    for (int i = 0; i < 214; i++) {
        snprintf(name, sizeof(name), "room/%03d/inbox", i);
        channel_set(name, i * i, i % 3 ? 4096 : 0);
    }
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof(name), "pool-%d", i);
        semaphore_set(name, i, 8);
    }
    rest_set();
    process_set(812e6, -200e3);
    screen_set(&screen, WI_PROCESS, "game", "rejects", 83700);
    screen_set(&screen, WI_PROCESS, "game", "reject_rate", 5980);
    screen_say(&screen, WI_PROCESS, "game", "rejects_source", "channels+semaphores");
    screen.skipped = 12;
    warning_set("w1", "warning", "room/007/inbox", "room/007/inbox: 85 % full for 20 s");
    warning_set("w2", "critical", "pool-0", "pool-0: no permit free for 14 s, 5,980 refused/s");
    warning_set("w3", "info", "pool-1", "pool-1: 1 permit free");
}

static void many_rows_on_a_usual_screen(void **state)
{
    (void)state;
    many_set();
    screen_show(&screen, 24, 80);
    assert_golden("many-80x24");
}

static void many_rows_on_a_tall_screen(void **state)
{
    (void)state;
    many_set();
    screen_show(&screen, 50, 132);
    assert_golden("many-132x50");
}

static void warnings_have_a_tab(void **state)
{
    (void)state;
    many_set();
    screen.ui.tab = WC_TAB_WARNINGS;
    screen_show(&screen, 24, 80);
    assert_golden("warnings-80x24");
}

static void details_show_every_metric(void **state)
{
    (void)state;
    leak_set(24, 80);
    screen.ui.is_detail = true;
    screen.ui.detail_id = screen_find(&screen, WI_CHANNEL, "moves")->id;
    snprintf(screen.ui.detail_name, sizeof(screen.ui.detail_name), "moves");
    screen_show(&screen, 24, 80);
    assert_golden("detail-80x24");
    screen_show(&screen, 50, 200);
    assert_golden("detail-200x50");
}

static void help_lists_the_keys(void **state)
{
    (void)state;
    process_set(1e6, 0);
    screen.ui.is_help = true;
    screen_show(&screen, 24, 80);
    assert_golden("help-80x24");
}

static void too_small_a_screen_says_so(void **state)
{
    (void)state;
    screen_show(&screen, 11, 59);
    char line[64];
    wc_grid_row_text(&screen.grid, 0, line, sizeof(line));
    assert_string_equal(line, "weir needs 60x12");
}

/* The text of one line. */
static const char *line_text(int row)
{
    static char line[1024];
    wc_grid_row_text(&screen.grid, row, line, sizeof(line));
    return line;
}

static void banners_say_what_is_wrong_with_the_picture(void **state)
{
    (void)state;
    process_set(1e6, 0);
    screen_show(&screen, 24, 80);
    assert_null(strstr(line_text(1), "STALE"));
    screen.second += 7;
    screen_draw(&screen, 24, 80);
    assert_non_null(strstr(line_text(1), "STALE 7s"));
    assert_true(screen.grid.cells[2 * 80 - 2].flags & WC_REVERSE);
    wc_model_connection(&screen.model, WC_LOST, screen_now(&screen));
    screen_draw(&screen, 24, 80);
    assert_non_null(strstr(line_text(1), "LOST: reconnecting"));
    wc_model_connection(&screen.model, WC_DEAD, INT64_C(1763924675) * SCREEN_NANOS);
    wc_model_freeze(&screen.model, true);
    screen_draw(&screen, 24, 80);
    assert_non_null(strstr(line_text(1), "DEAD since 19:04:35  PAUSED"));
}

static void a_hostile_name_does_no_harm(void **state)
{
    (void)state;
    process_set(1e6, 0);
    channel_set("a\033[2J\r\n\x9b\xe2\x80\xae\xff z", 1, 0);
    screen_show(&screen, 24, 80);
    for (int i = 0; i < 24 * 80; i++) {
        uint32_t ch = screen.grid.cells[i].ch;
        assert_true(ch >= 0x20 && ch != 0x7f && !(ch >= 0x80 && ch < 0xa0) && ch != 0x202e);
    }
    assert_non_null(strstr(line_text(4), "a?[2J??\xef\xbf\xbd?\xef\xbf\xbd z"));
}

static void wide_characters_keep_their_place(void **state)
{
    (void)state;
    process_set(1e6, 0);
    channel_set("\xe9\x98\x9f\xe5\x88\x97", 1, 0); /* two characters, four columns */
    screen_show(&screen, 24, 80);
    assert_int_equal(screen.grid.cells[4 * 80 + 2].ch, 0x961f);
    assert_int_equal(screen.grid.cells[4 * 80 + 3].ch, 0);
    assert_int_equal(screen.grid.cells[4 * 80 + 4].ch, 0x5217);
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

static void wild_numbers_do_no_harm(void **state)
{
    (void)state;
    many_set();
    screen_show(&screen, 24, 80);
    for (int i = 0; i < 300; i++) {
        screen.ui.tab = (enum wc_tab)(i % WC_N_TABS);
        screen.ui.is_detail = i % 7 == 0;
        screen.ui.detail_id = 1;
        wc_query_make(&screen.model, &screen.ui, &screen.layout, &screen.query);
        wc_model_watch(&screen.model, &screen.query.plan);
        Weir__V1__Update *update = screen_answer(&screen);
        update_spoil(update);
        wc_model_update(&screen.model, update, screen_now(&screen));
        screen_draw(&screen, 24 + i % 30, 80 + i % 120);
    }
}

static void every_size_is_drawn_inside_itself(void **state)
{
    (void)state;
    many_set();
    for (int rows = 1; rows < 70; rows += 3) {
        for (int cols = 1; cols < 260; cols += 7) {
            for (int tab = 0; tab < WC_N_TABS; tab++) {
                screen.ui.tab = (enum wc_tab)tab;
                screen.ui.is_detail = (rows + cols + tab) % 4 == 0;
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
        TEST(leak_on_a_small_screen),
        TEST(leak_on_a_usual_screen),
        TEST(leak_on_a_large_screen),
        TEST(leak_on_a_wide_screen),
        TEST(leak_in_ascii),
        TEST(leak_in_braille),
        TEST(many_rows_on_a_usual_screen),
        TEST(many_rows_on_a_tall_screen),
        TEST(warnings_have_a_tab),
        TEST(details_show_every_metric),
        TEST(help_lists_the_keys),
        TEST(too_small_a_screen_says_so),
        TEST(banners_say_what_is_wrong_with_the_picture),
        TEST(a_hostile_name_does_no_harm),
        TEST(wide_characters_keep_their_place),
        TEST(every_size_is_drawn_inside_itself),
        TEST(wild_numbers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
