/* SPDX-License-Identifier: MIT */
/* ctest: timeout=400 */
/*
 * The screen as text, against files in tests/screen/golden. WEIR_GOLDEN=write writes them again: look
 * at the difference before you keep it.
 */
#include "input/input.h"
#include "scene.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <time.h>

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

static void what_is_queued_for_longer_than_the_percentile_is_marked(void **state)
{
    (void)state;
    leak_set(24, 80);
    screen_set(&screen, WI_CHANNEL, "moves", "wait_p99", 61e-6);
    screen_set(&screen, WI_CHANNEL, "moves", "wait_at_least", 44.3);
    for (int rows = 24; rows <= 50; rows += 26) {
        screen_show(&screen, rows, rows == 24 ? 80 : 200);
        char *text = screen_text(&screen);
        assert_non_null(strstr(text, " >44s"));
        assert_null(strstr(text, "61us"));
        free(text);
    }
}

/* Two rows that the scene knows by other names until it has set them. */
static void labelled_set(void)
{
    static const char *const names[] = {"first", "second"};
    static const char *const labels[] = {"client-7", "a-client-with-a-long-id-0042"};
    struct screen_row *rows[2];
    process_set(812e6, 0);
    for (int i = 0; i < 2; i++) {
        channel_set(names[i], 51200 + i, 65536);
        screen_say(&screen, WI_CHANNEL, names[i], "label", labels[i]);
        rows[i] = screen_find(&screen, WI_CHANNEL, names[i]);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(rows[i]->name, sizeof(rows[i]->name), "writes");
    }
}

static void rows_of_one_name_are_told_apart_by_their_labels(void **state)
{
    (void)state;
    labelled_set();
    for (int rows = 24; rows <= 50; rows += 26) {
        screen_show(&screen, rows, rows == 24 ? 80 : 200);
        char *text = screen_text(&screen);
        assert_non_null(strstr(text, "writes@client-7 "));
        assert_non_null(strstr(text, rows == 24 ? "id-0042" : "a-client-with-a-long-id-0042"));
        assert_non_null(strstr(text, "51.2k"));
        assert_non_null(strstr(text, "OUT/S"));
        free(text);
    }
    detail_open(WC_TAB_CHANNELS, "writes", WC_PAGE_OVERVIEW, NULL);
    screen_show(&screen, 24, 80);
    char *text = screen_text(&screen);
    assert_non_null(strstr(text, "writes@client-7  [Overview]"));
    free(text);
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

static const char *line_text(int row);

static void the_worst_of_sixty_is_the_first_with_its_graph(void **state)
{
    (void)state;
    refusing_set();
    for (int i = 0; i < 30; i++) {
        screen.second++;
        screen_show(&screen, 24, 80);
    }
    assert_golden("worst-80x24");
    assert_non_null(strstr(line_text(2), "C peer-57: 100 %"));
    assert_string_equal(wc_ui_selected(&screen.ui, &screen.model, WC_TAB_CHANNELS)->name,
                        "peer-57");
    assert_true(screen.layout.graph_rows >= 6);
    assert_non_null(strstr(line_text(screen.layout.graph_row), "peer-57"));
    screen_show(&screen, 50, 200);
    assert_golden("worst-200x50");
}

static void warnings_have_a_tab(void **state)
{
    (void)state;
    many_set();
    screen.ui.tab = WC_TAB_WARNINGS;
    screen_show(&screen, 24, 80);
    assert_golden("warnings-80x24");
}

static void finding_in_use_is_shown_in_full(void **state)
{
    (void)state;
    leak_set(24, 80);
    screen.ui.tab = WC_TAB_WARNINGS;
    screen_show(&screen, 24, 80);
    assert_golden("finding-80x24");
    screen_show(&screen, 50, 200);
    assert_golden("finding-200x50");
    screen_show(&screen, 12, 60);
    assert_golden("finding-60x12");
    /* Of the second one, by a server that tells no more than a sentence. */
    warning_set("w2", "info", "move_permits", "move_permits: 12 of 1,024 permits free");
    screen_show(&screen, 24, 80);
    wc_input_key(&screen.ui, &screen.model, &screen.layout, 'j');
    screen_show(&screen, 24, 80);
    assert_golden("finding-second-80x24");
}

static void tab_is_golden(enum wc_tab tab, const char *name, int rows, int cols)
{
    char file[64];
    screen.ui.tab = tab;
    screen.ui.is_detail = false;
    screen_show(&screen, rows, cols);
    snprintf(file, sizeof(file), "%s-%dx%d", name, cols, rows);
    assert_golden(file);
}

static void tabs_are_golden(int rows, int cols)
{
    rich_set(rows, cols);
    tab_is_golden(WC_TAB_CHANNELS, "channels", rows, cols);
    tab_is_golden(WC_TAB_SEMAPHORES, "semaphores", rows, cols);
    tab_is_golden(WC_TAB_TASKS, "tasks", rows, cols);
    tab_is_golden(WC_TAB_LOOPS, "loops", rows, cols);
    tab_is_golden(WC_TAB_SINGLES, "singles", rows, cols);
    tab_is_golden(WC_TAB_SENDERS, "senders", rows, cols);
    tab_is_golden(WC_TAB_PROCESS, "process", rows, cols);
    tab_is_golden(WC_TAB_AGENT, "agent", rows, cols);
}

static void every_tab_on_a_usual_screen(void **state)
{
    (void)state;
    tabs_are_golden(24, 80);
}

static void every_tab_on_a_wide_screen(void **state)
{
    (void)state;
    tabs_are_golden(50, 200);
}

static void detail_is_golden(const char *name, int rows, int cols)
{
    char file[64];
    for (int i = 0; i < 20; i++) { /* its other numbers get a history */
        screen.second++;
        screen_show(&screen, rows, cols);
    }
    snprintf(file, sizeof(file), "detail-%s-%dx%d", name, cols, rows);
    assert_golden(file);
}

static void details_are_golden(int rows, int cols)
{
    rich_set(rows, cols);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("channel", rows, cols);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_OVERVIEW, "high_water");
    detail_is_golden("channel-field", rows, cols);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_LATENCY, "wait_p99");
    detail_is_golden("channel-latency", rows, cols);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_REASONS, "rejects_timeout");
    detail_is_golden("channel-rejects", rows, cols);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_PART, NULL);
    screen.ui.detail[WC_TAB_CHANNELS].cursor = 2;
    detail_is_golden("channel-senders", rows, cols);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_FIELDS, "queued_bytes");
    detail_is_golden("channel-fields", rows, cols);
    detail_open(WC_TAB_SEMAPHORES, "move_permits", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("semaphore", rows, cols);
    detail_open(WC_TAB_SEMAPHORES, "move_permits", WC_PAGE_PART, NULL);
    detail_is_golden("semaphore-waiting", rows, cols);
    detail_open(WC_TAB_TASKS, "handler", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("task", rows, cols);
    detail_open(WC_TAB_TASKS, "handler", WC_PAGE_LATENCY, NULL);
    detail_is_golden("task-latency", rows, cols);
    detail_open(WC_TAB_TASKS, "handler", WC_PAGE_REASONS, NULL);
    detail_is_golden("task-outcomes", rows, cols);
    detail_open(WC_TAB_TASKS, "handler", WC_PAGE_PART, NULL);
    detail_is_golden("task-singles", rows, cols);
    detail_open(WC_TAB_COUNTERS, "joins", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("counter", rows, cols);
    detail_open(WC_TAB_LOOPS, "main", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("loop", rows, cols);
    detail_open(WC_TAB_LOOPS, "main", WC_PAGE_LATENCY, "lateness_p99");
    detail_is_golden("loop-latency", rows, cols);
    detail_open(WC_TAB_SINGLES, "game loop", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("single", rows, cols);
    detail_open(WC_TAB_SENDERS, "player-17", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("sender", rows, cols);
}

static void every_page_of_details_on_a_usual_screen(void **state)
{
    (void)state;
    details_are_golden(24, 80);
}

static void every_page_of_details_on_a_wide_screen(void **state)
{
    (void)state;
    details_are_golden(50, 200);
}

static void details_on_screens_of_other_sizes(void **state)
{
    (void)state;
    rich_set(43, 132);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("channel", 43, 132);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_OVERVIEW, NULL);
    detail_is_golden("channel", 12, 60);
    detail_open(WC_TAB_LOOPS, "main", WC_PAGE_LATENCY, NULL);
    detail_is_golden("loop-latency", 12, 60);
    screen.ascii = true;
    screen.tier = WC_TIER_ASCII;
    detail_is_golden("loop-latency-ascii", 24, 81);
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

static void an_address_with_its_port_is_whole(void **state)
{
    (void)state;
    process_set(1e6, 0);
    channel_set("127.0.0.1:53102", 12345, 0);
    channel_set("192.168.104.117:53102", 12345, 64);
    screen_show(&screen, 24, 80);
    assert_non_null(strstr(line_text(screen.layout.section[0].row + 1), " 127.0.0.1:53102 "));
    /* One that is too long for the screen keeps both of its ends. */
    assert_non_null(strstr(line_text(screen.layout.section[0].row + 2), " 192.168.104.117:53102 "));
    screen_show(&screen, 12, 60);
    const char *line = line_text(screen.layout.section[0].row + 2);
    assert_non_null(strstr(line, " 192.16"));
    assert_non_null(strstr(line, "53102 "));
    /* As a text in another table's column, too. */
    single_set("reader", "handler", "idle", "192.168.104.117:53102", 0);
    screen.ui.tab = WC_TAB_SINGLES;
    screen_show(&screen, 24, 100);
    line = line_text(wc_layout_section(&screen.layout, WC_TAB_SINGLES)->row + 1);
    assert_non_null(strstr(line, "192."));
    assert_non_null(strstr(line, "3102 "));
    screen_show(&screen, 24, 200);
    line = line_text(wc_layout_section(&screen.layout, WC_TAB_SINGLES)->row + 1);
    assert_non_null(strstr(line, " 192.168.104.117:53102 "));
}

static void a_bounded_queue_is_drawn_against_its_capacity(void **state)
{
    (void)state;
    process_set(1e6, 0);
    for (int i = 0; i < 30; i++) {
        channel_set("jobs", 16, 64);
        screen.second++;
        screen_show(&screen, 24, 80);
    }
    int graph = screen.layout.graph_row;
    assert_non_null(strstr(line_text(graph), "jobs  messages queued of 64, second by second"));
    assert_non_null(strstr(line_text(graph + 1), "    64 "));
    /* A quarter of the height is filled, and of the sparkline. */
    const char *line = line_text(screen.layout.section[0].row + 1);
    assert_non_null(strstr(line, "\xe2\x96\x83\xe2\x96\x83")); /* the third of eight steps */
    assert_null(strstr(line, "\xe2\x96\x88\xe2\x96\x88"));
    /* Deeper than it may be: then the depth decides. */
    channel_set("jobs", 100, 64);
    screen_show(&screen, 24, 80);
    assert_non_null(strstr(line_text(graph + 1), "   100 "));
}

static void a_graph_says_what_a_column_is_the_greatest_of(void **state)
{
    (void)state;
    rich_set(24, 80);
    detail_open(WC_TAB_CHANNELS, "moves", WC_PAGE_OVERVIEW, NULL);
    for (int i = 0; i < 300; i++) {
        screen.second++;
        screen_show(&screen, 50, 80);
    }
    char *text = screen_text(&screen);
    assert_non_null(strstr(text, "each column the highest second of 5s"));
    free(text);
}

static void no_table_is_empty(void **state)
{
    (void)state;
    process_set(1e6, 0);
    channel_set("moves", 1, 0);
    screen_show(&screen, 50, 200);
    char *text = screen_text(&screen);
    assert_null(strstr(text, "RESOURCES"));
    assert_null(strstr(text, "SEMAPHORES"));
    assert_null(strstr(text, "Semaphores"));
    assert_null(strstr(text, "TASK"));
    free(text);
}

static void labels_say_what_they_are_of(void **state)
{
    (void)state;
    rich_set(50, 200);
    char *text = screen_text(&screen);
    static const char *const good[] = {
        "DEPTH 60s", "TAKEN 60s", "PEND. 60s", "UTIL 60s",   "QUEUED 60s",
        "LATE MAX",  "BUSY FOR",  "DEQUEUED",  "TASK KINDS", "(the application's count)"};
    static const char *const bad[] = {"TREND", "LATEST", "LEFT", "CURRENT", "SINGLES", "(counter)"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_non_null(strstr(text, good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(strstr(text, bad[i]));
    }
    free(text);
}

static void wide_characters_keep_their_place(void **state)
{
    (void)state;
    process_set(1e6, 0);
    channel_set("\xe9\x98\x9f\xe5\x88\x97", 1, 0); /* two characters, four columns */
    screen_show(&screen, 24, 80);
    int row = screen.layout.section[0].row + 1;
    assert_int_equal(screen.grid.cells[row * 80 + 2].ch, 0x961f);
    assert_int_equal(screen.grid.cells[row * 80 + 3].ch, 0);
    assert_int_equal(screen.grid.cells[row * 80 + 4].ch, 0x5217);
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
        TEST(what_is_queued_for_longer_than_the_percentile_is_marked),
        TEST(rows_of_one_name_are_told_apart_by_their_labels),
        TEST(leak_on_a_large_screen),
        TEST(leak_on_a_wide_screen),
        TEST(leak_in_ascii),
        TEST(leak_in_braille),
        TEST(many_rows_on_a_usual_screen),
        TEST(many_rows_on_a_tall_screen),
        TEST(the_worst_of_sixty_is_the_first_with_its_graph),
        TEST(warnings_have_a_tab),
        TEST(finding_in_use_is_shown_in_full),
        TEST(every_tab_on_a_usual_screen),
        TEST(every_tab_on_a_wide_screen),
        TEST(every_page_of_details_on_a_usual_screen),
        TEST(every_page_of_details_on_a_wide_screen),
        TEST(details_on_screens_of_other_sizes),
        TEST(help_lists_the_keys),
        TEST(too_small_a_screen_says_so),
        TEST(banners_say_what_is_wrong_with_the_picture),
        TEST(an_address_with_its_port_is_whole),
        TEST(a_bounded_queue_is_drawn_against_its_capacity),
        TEST(a_graph_says_what_a_column_is_the_greatest_of),
        TEST(no_table_is_empty),
        TEST(labels_say_what_they_are_of),
        TEST(wide_characters_keep_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
