/* SPDX-License-Identifier: MIT */
/* Keys: what each does to what is shown. */
#include "input/escape.h"
#include "keys.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static void arrows_move_and_stop_at_the_ends(void **state)
{
    (void)state;
    press(WC_KEY_UP);
    assert_int_equal(list()->cursor, 0);
    press('j');
    press(WC_KEY_DOWN);
    assert_int_equal(list()->cursor, 2);
    press('k');
    assert_int_equal(list()->cursor, 1);
    press('G');
    assert_int_equal(list()->cursor, 99);
    press(WC_KEY_DOWN);
    assert_int_equal(list()->cursor, 99);
    assert_true(list()->top > 50);
    type("gg");
    assert_int_equal(list()->cursor, 0);
    press(WC_KEY_PAGE_DOWN);
    assert_in_range(list()->cursor, 5, 20);
    press(WC_KEY_PAGE_UP);
    assert_int_equal(list()->cursor, 0);
    press(WC_KEY_END);
    press(WC_KEY_HOME);
    assert_int_equal(list()->cursor, 0);
    assert_int_equal(list()->top, 0);
}

static void one_g_alone_does_nothing(void **state)
{
    (void)state;
    press('G');
    press('g');
    press('j');
    press('g');
    assert_int_equal(list()->cursor, 99);
}

static void the_cursor_stays_on_its_row(void **state)
{
    (void)state;
    press('j');
    struct screen_row first = screen.row[0];
    screen.row[0] = screen.row[1];
    screen.row[1] = first; /* the row chosen is now the first */
    screen_show(&screen, 24, 80);
    assert_int_equal(list()->cursor, 0);
}

static void tabs_go_round(void **state)
{
    (void)state;
    press('3');
    assert_int_equal(screen.ui.tab, WC_TAB_TASKS);
    press(WC_KEY_TAB);
    press(WC_KEY_TAB);
    assert_int_equal(screen.ui.tab, WC_TAB_WARNINGS);
    press(WC_KEY_TAB); /* no gauges, no tab of them; nor of loops, single tasks and senders */
    assert_int_equal(screen.ui.tab, WC_TAB_PROCESS);
    press(WC_KEY_TAB);
    assert_int_equal(screen.ui.tab, WC_TAB_AGENT);
    press(WC_KEY_TAB);
    assert_int_equal(screen.ui.tab, WC_TAB_CHANNELS);
    press(WC_KEY_BACK_TAB);
    press(WC_KEY_BACK_TAB);
    press(WC_KEY_BACK_TAB);
    assert_int_equal(screen.ui.tab, WC_TAB_WARNINGS);
    screen_set(&screen, WI_GAUGE, "players", "value", 3);
    screen_set(&screen, WI_SENDER, "player-1", "in_flight", 3);
    screen_show(&screen, 24, 80);
    press(WC_KEY_TAB);
    assert_int_equal(screen.ui.tab, WC_TAB_GAUGES);
    press(WC_KEY_TAB);
    assert_int_equal(screen.ui.tab, WC_TAB_SENDERS);
}

static void a_tab_can_be_chosen_before_the_first_numbers(void **state)
{
    (void)state;
    struct wc_model model;
    struct wc_ui ui = screen.ui;
    struct wc_layout layout = screen.layout;
    wc_model_init(&model);
    wc_model_describe(&model, screen.model.described, "", 0);
    wc_input_key(&ui, &model, &layout, '8');
    assert_int_equal(ui.tab, WC_TAB_SINGLES);
    wc_input_key(&ui, &model, &layout, 'r'); /* no kind of this process: known from the start */
    assert_int_equal(ui.tab, WC_TAB_SINGLES);
    wc_model_finish(&model);
}

static void every_tab_has_a_key(void **state)
{
    (void)state;
    static const char keys[] = "123456789ro0a";
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        const struct wc_column_table *table = wc_column_table((enum wc_tab)tab);
        enum wc_tab before = screen.ui.tab;
        press((uint32_t)keys[tab]);
        assert_int_equal(wc_column_tab_of_key((uint32_t)keys[tab]), tab);
        if (wc_ui_tab_is_shown(&screen.ui, &screen.model, (enum wc_tab)tab)) {
            assert_int_equal(screen.ui.tab, tab);
            continue;
        }
        /* A table without rows stays closed, and one that only other runtimes have. */
        assert_int_equal(screen.ui.tab, before);
        assert_non_null(strstr(screen.ui.message, "this process has no "));
        if (wc_model_has_kind(&screen.model, table->kind)) {
            screen_set(&screen, table->kind, "one", "left", 1);
            screen_show(&screen, 24, 80);
            press((uint32_t)keys[tab]);
            assert_int_equal(screen.ui.tab, tab);
        }
    }
    assert_false(wc_model_has_kind(&screen.model, WI_RESOURCE));
}

static void w_shows_warnings_and_goes_back(void **state)
{
    (void)state;
    press('2');
    press('w');
    assert_int_equal(screen.ui.tab, WC_TAB_WARNINGS);
    press('w');
    assert_int_equal(screen.ui.tab, WC_TAB_SEMAPHORES);
    press('w');
    press(WC_KEY_ESCAPE);
    assert_int_equal(screen.ui.tab, WC_TAB_SEMAPHORES);
}

static void sorting_goes_over_the_columns_shown(void **state)
{
    (void)state;
    assert_int_equal(list()->sort, WC_SORT_WORST);
    press('>');
    press('>'); /* over the name */
    int first = list()->sort;
    press('j');
    press('>');
    assert_string_equal(wc_column_table(WC_TAB_CHANNELS)->columns[list()->sort].field, "capacity");
    assert_int_equal(list()->cursor, 0);
    press('l');
    press(WC_KEY_RIGHT); /* over the trend */
    assert_string_equal(wc_column_table(WC_TAB_CHANNELS)->columns[list()->sort].field, "in_rate");
    press('<');
    press('h');
    press(WC_KEY_LEFT);
    assert_int_equal(list()->sort, first);
    press('<');
    assert_false(list()->is_descending); /* names from A to Z */
    press('<');
    press('<'); /* over the worst first */
    assert_string_equal(wc_column_table(WC_TAB_CHANNELS)->columns[list()->sort].field, "wait_p99");
    assert_true(list()->is_descending);
    press('i');
    assert_false(list()->is_descending);
    assert_false(screen.query.query[0].descending);
    assert_int_equal(screen.query.query[0].sort, WI_CHANNEL_WAIT_P99);
}

static void on_a_screen_of_a_few_columns_nothing_is_sorted(void **state)
{
    (void)state;
    int first = list()->sort;
    screen_show(&screen, 24, 1);
    wc_input_key(&screen.ui, &screen.model, &screen.layout, '>');
    assert_int_equal(list()->sort, first);
}

static void search_finds_rows_that_were_not_fetched(void **state)
{
    (void)state;
    press('/');
    type("rare-8");
    press(WC_KEY_ENTER);
    assert_int_equal(list()->cursor, 87);
    press('n'); /* the only one: round to itself */
    assert_int_equal(list()->cursor, 87);
    press('/');
    type("RARE");
    press(WC_KEY_ENTER);
    assert_int_equal(list()->cursor, 87);
    press('n');
    assert_int_equal(list()->cursor, 97);
    press('n');
    assert_int_equal(list()->cursor, 7);
    press('N');
    press('N');
    assert_int_equal(list()->cursor, 87);
    press('/');
    type("nowhere");
    press(WC_KEY_ENTER);
    assert_int_equal(list()->cursor, 87);
    assert_non_null(strstr(screen.ui.message, "nowhere"));
    assert_true(screen.query.query[0].limit < 60); /* the window is small again */
}

static void filter_is_the_servers(void **state)
{
    (void)state;
    press('f');
    type("Rarx");
    press(WC_KEY_BACKSPACE);
    press('e');
    press(WC_KEY_ENTER);
    assert_string_equal(screen.ui.filter, "Rare");
    assert_string_equal(screen.query.query[0].filter, "Rare");
    assert_int_equal(wc_ui_matching(&screen.model, WC_TAB_CHANNELS), 10);
    assert_int_equal(wc_ui_total(&screen.model, WC_TAB_CHANNELS), 100);
    press(WC_KEY_ESCAPE);
    assert_string_equal(screen.ui.filter, "");
    press('\\');
    type("x");
    press(WC_KEY_ESCAPE); /* changed one's mind */
    assert_string_equal(screen.ui.filter, "");
}

static void keys_are_text_while_a_prompt_is_open(void **state)
{
    (void)state;
    press('/');
    type("q ?");
    press(0xe9); /* e with an accent */
    assert_false(screen.ui.wants_quit);
    assert_string_equal(screen.ui.typed, "q ?\xc3\xa9");
    press(WC_KEY_BACKSPACE);
    assert_string_equal(screen.ui.typed, "q ?");
    press(WC_CTRL('u'));
    assert_string_equal(screen.ui.typed, "");
    press(WC_KEY_BACKSPACE);
    for (int i = 0; i < 500; i++) {
        press('x');
    }
    assert_true(strlen(screen.ui.typed) < sizeof(screen.ui.typed));
    press(WC_CTRL('c'));
    assert_int_equal(screen.ui.prompt, WC_PROMPT_NONE);
    assert_false(screen.ui.wants_quit);
}

static void details_open_follow_and_close(void **state)
{
    (void)state;
    press(WC_KEY_ENTER);
    assert_true(screen.ui.is_detail);
    assert_string_equal(screen.ui.detail_name, "often-00");
    assert_non_null(wc_model_detail(&screen.model, screen.ui.detail_id));
    press('[');
    assert_string_equal(screen.ui.detail_name, "often-00");
    press(']');
    assert_string_equal(screen.ui.detail_name, "often-01");
    press(WC_KEY_ESCAPE);
    assert_false(screen.ui.is_detail);
    assert_int_equal(list()->cursor, 1);
    press('5');
    press(WC_KEY_ENTER);
    assert_false(screen.ui.is_detail); /* no warning is there */
}

static enum wc_page page(void)
{
    return screen.ui.detail[screen.ui.tab].page;
}

static void details_have_pages_that_go_round(void **state)
{
    (void)state;
    static const enum wc_page pages[] = {WC_PAGE_LATENCY, WC_PAGE_REASONS, WC_PAGE_PART,
                                         WC_PAGE_FIELDS, WC_PAGE_OVERVIEW};
    press(WC_KEY_ENTER);
    assert_int_equal(page(), WC_PAGE_OVERVIEW);
    for (size_t i = 0; i < 5; i++) {
        press(WC_KEY_RIGHT);
        assert_int_equal(page(), pages[i]);
    }
    press('h');
    assert_int_equal(page(), WC_PAGE_FIELDS);
    press(']'); /* the next row on the same page */
    assert_int_equal(page(), WC_PAGE_FIELDS);
    press('4');
    press(WC_KEY_ENTER);
    press('>'); /* a counter has neither latencies nor reasons */
    assert_int_equal(page(), WC_PAGE_FIELDS);
    press('>');
    assert_int_equal(page(), WC_PAGE_OVERVIEW);
    press('0');
    press('l');
    assert_int_equal(page(), WC_PAGE_FIELDS);
    assert_int_equal(list()->sort, 0);
}

static const char *field(void)
{
    return wc_ui_field(&screen.ui, &screen.model)->field;
}

static void arrows_go_over_the_fields_of_details(void **state)
{
    (void)state;
    press(WC_KEY_ENTER);
    assert_string_equal(field(), "depth"); /* what the kind's trend shows */
    press('j');
    assert_string_equal(field(), "capacity");
    press(WC_KEY_END);
    assert_string_equal(field(), "wait_at_least");
    press(WC_KEY_DOWN);
    assert_string_equal(field(), "wait_at_least");
    press('k');
    assert_string_equal(field(), "orphaned_bytes");
    press('>'); /* it does not stand on this page: its first */
    assert_string_equal(field(), "wait");
    press('k');
    assert_string_equal(field(), "wait");
    press('G');
    assert_string_equal(field(), "wait_at_least");
    type("gg");
    assert_string_equal(field(), "wait");
    press('>');
    assert_string_equal(field(), "discarded_overwrite");
    press(WC_KEY_PAGE_DOWN);
    assert_string_equal(field(), "rejects_shed");
    press('0');
    assert_string_equal(field(), "anon");
    assert_int_equal(screen.ui.list[WC_TAB_CHANNELS].cursor, 0);
}

static void senders_of_a_channel_open_and_lead_back(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "player-%02d", i);
        const char *channel = i % 2 ? "often-00" : "often-01";
        screen_say(&screen, WI_SENDER, name, "channel", channel);
        screen_set(&screen, WI_SENDER, name, "channel_id",
                   (double)screen_find(&screen, WI_CHANNEL, channel)->id);
        screen_set(&screen, WI_SENDER, name, "in_flight", i);
    }
    press(WC_KEY_ENTER);
    press(WC_KEY_LEFT);
    press(WC_KEY_LEFT);
    assert_int_equal(page(), WC_PAGE_PART);
    assert_int_equal(wc_model_picture(&screen.model)->part.table->matching, 15);
    press('j');
    press(WC_KEY_ENTER);
    assert_int_equal(screen.ui.tab, WC_TAB_SENDERS);
    assert_string_equal(screen.ui.detail_name, "player-03");
    press(']'); /* whose neighbours are not fetched */
    assert_string_equal(screen.ui.detail_name, "player-03");
    press(WC_KEY_ESCAPE);
    assert_int_equal(screen.ui.tab, WC_TAB_CHANNELS);
    assert_string_equal(screen.ui.detail_name, "often-00");
    assert_int_equal(page(), WC_PAGE_PART);
    press(WC_KEY_END);
    press(WC_KEY_DOWN);
    assert_int_equal(screen.ui.detail[WC_TAB_CHANNELS].cursor, 14);
    press(']'); /* another row: its first sender */
    assert_int_equal(screen.ui.detail[WC_TAB_CHANNELS].cursor, 0);
    press(' ');
    press(WC_KEY_ENTER); /* what is frozen knows no more */
    assert_int_equal(screen.ui.tab, WC_TAB_CHANNELS);
    press('<');
    assert_int_equal(page(), WC_PAGE_REASONS); /* but its pages are there */
    press(' ');
    press(WC_KEY_ESCAPE);
    assert_false(screen.ui.is_detail);
}

/* The senders of a channel are those of its row: another row of its name has others. */
static void channels_of_one_name_have_their_own_senders(void **state)
{
    (void)state;
    snprintf(screen_find(&screen, WI_CHANNEL, "often-01")->name, sizeof(screen.row[0].name),
             "often-00");
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof(name), "player-%02d", i);
        screen_say(&screen, WI_SENDER, name, "channel", "often-00");
        screen_set(&screen, WI_SENDER, name, "channel_id",
                   (double)screen_find(&screen, WI_CHANNEL, "often-00")->id + (i > 1));
    }
    press(WC_KEY_ENTER);
    press(WC_KEY_LEFT);
    press(WC_KEY_LEFT);
    assert_int_equal(page(), WC_PAGE_PART);
    assert_int_equal(wc_model_picture(&screen.model)->part.table->matching, 2);
}

static void senders_come_with_the_gone_ones_first(void **state)
{
    (void)state;
    screen_set(&screen, WI_SENDER, "player-1", "in_flight", 3);
    press('9');
    const Weir__V1__Query *query = NULL;
    for (size_t i = 0; i < screen.query.plan.n; i++) {
        query = screen.query.query[i].kind == WEIR__V1__KIND__KIND_SENDER ? &screen.query.query[i]
                                                                          : query;
    }
    assert_non_null(query);
    assert_int_equal(query->sort, WI_SENDER_STATE); /* "gone" before "open" */
    assert_false(query->descending);
    assert_int_equal(query->n_then, 1);
    assert_int_equal(query->then[0], WI_SENDER_IN_FLIGHT);
}

static void space_freezes_and_thaws(void **state)
{
    (void)state;
    press(' ');
    assert_true(screen.model.is_frozen);
    press('/'); /* what is not on a frozen screen cannot be had */
    assert_int_equal(screen.ui.prompt, WC_PROMPT_NONE);
    assert_non_null(strstr(screen.ui.message, "Space"));
    press(WC_KEY_END);
    assert_non_null(wc_ui_selected(&screen.ui, &screen.model, WC_TAB_CHANNELS));
    press(' ');
    assert_false(screen.model.is_frozen);
    press(WC_KEY_END);
    assert_int_equal(list()->cursor, 99);
}

static void plus_and_minus_change_the_interval(void **state)
{
    (void)state;
    press('+');
    assert_int_equal(screen.query.request.interval_millis, 2000);
    press('-');
    press('-');
    assert_int_equal(screen.query.request.interval_millis, 500);
    for (int i = 0; i < 20; i++) {
        press('-');
    }
    assert_int_equal(screen.ui.interval_millis, 100);
    for (int i = 0; i < 20; i++) {
        press('+');
    }
    assert_int_equal(screen.ui.interval_millis, 60000);
    screen.ui.interval_millis = 3000;
    press('+');
    assert_int_equal(screen.ui.interval_millis, 5000);
}

static void any_key_closes_the_help_and_q_quits(void **state)
{
    (void)state;
    press('?');
    assert_true(screen.ui.is_help);
    press('G');
    assert_false(screen.ui.is_help);
    assert_int_equal(list()->cursor, 0);
    press(WC_KEY_F1);
    press('q');
    assert_true(screen.ui.wants_quit);
}

static void no_key_stands_twice_in_the_table(void **state)
{
    (void)state;
    const struct wc_key_row *a, *b;
    for (size_t i = 0; (a = wc_key_row(i)) != NULL; i++) {
        for (size_t k = i + 1; (b = wc_key_row(k)) != NULL; k++) {
            for (int x = 0; x < WC_KEYS_PER_ROW && a->keys[x]; x++) {
                for (int y = 0; y < WC_KEYS_PER_ROW && b->keys[y]; y++) {
                    assert_int_not_equal(a->keys[x], b->keys[y]);
                }
            }
        }
    }
}

static void any_keys_in_any_order_do_no_harm(void **state)
{
    (void)state;
    static const uint32_t keys[] = {'j',
                                    'k',
                                    'G',
                                    'g',
                                    '1',
                                    '2',
                                    '3',
                                    '4',
                                    '5',
                                    '6',
                                    '7',
                                    '8',
                                    '9',
                                    '0',
                                    'a',
                                    '[',
                                    ']',
                                    WC_KEY_ENTER,
                                    WC_KEY_RIGHT,
                                    '/',
                                    'n',
                                    'N',
                                    'f',
                                    'x',
                                    '*',
                                    '<',
                                    '>',
                                    'i',
                                    ' ',
                                    '+',
                                    '-',
                                    'w',
                                    '?',
                                    WC_KEY_ENTER,
                                    WC_KEY_ESCAPE,
                                    9,
                                    127,
                                    0,
                                    0xe9,
                                    '~',
                                    WC_KEY_PAGE_DOWN,
                                    WC_KEY_PAGE_UP,
                                    WC_KEY_END,
                                    WC_KEY_HOME,
                                    0x10ffff,
                                    WC_KEY_F4};
    uint32_t seed = 1;
    for (int i = 0; i < 4000; i++) {
        seed = seed * 1664525U + 1013904223U;
        uint32_t key = keys[(seed >> 8) % (sizeof(keys) / sizeof(keys[0]))];
        wc_input_key(&screen.ui, &screen.model, &screen.layout, key);
        int rows = 8 + (int)(seed >> 20 & 63), cols = 50 + (int)(seed >> 16 & 127);
        screen_draw(&screen, rows, cols);
        if (seed & 0x8000) {
            screen.second++;
            screen_update(&screen);
        }
        assert_false(screen.ui.wants_quit);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define MILLION UINT64_C(1000000)

/* How many of the characters behind ESC are keys, each a millisecond after the one before. */
static size_t keys_of(struct wc_escape *escape, const char *text, uint64_t *now)
{
    size_t n = 0;
    for (size_t i = 0; text[i]; i++) {
        *now += MILLION;
        n += !wc_escape_take(escape, (unsigned char)text[i], i == 0, *now);
    }
    return n;
}

static void a_report_ends_where_its_form_ends(void **state)
{
    (void)state;
    struct wc_escape escape = {0};
    uint64_t now = 0;
    assert_int_equal(keys_of(&escape, "[24;80Rk", &now), 1);
    assert_int_equal(keys_of(&escape, "]11;rgb:1/2/3\033\\k", &now), 1);
    assert_int_equal(keys_of(&escape, "]11;rgb:1/2/3\007k", &now), 1);
    assert_int_equal(keys_of(&escape, "[M\033qqk", &now), 1);
    assert_int_equal(keys_of(&escape, "Pq\033[Ik", &now), 1); /* one that another cuts off */
    assert_int_equal(keys_of(&escape, "x", &now), 1);         /* Alt-x is x */
}

static void a_broken_report_ends_with_a_pause(void **state)
{
    (void)state;
    static const char *const broken[] = {"[24;8", "]11;rgb:", "PqPq", "[M", "O"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct wc_escape escape = {0};
        uint64_t now = 0;
        assert_int_equal(keys_of(&escape, broken[i], &now), 0);
        assert_false(wc_escape_take(&escape, 'q', false, now + 501 * MILLION));
        assert_false(wc_escape_take(&escape, 'q', false, now + 502 * MILLION));
    }
}

static void a_bracket_is_a_report_only_right_behind_escape(void **state)
{
    (void)state;
    struct wc_escape escape = {0};
    wc_escape_alone(&escape, 100 * MILLION);
    assert_true(wc_escape_take(&escape, '[', false, 140 * MILLION));
    assert_true(wc_escape_take(&escape, 'I', false, 141 * MILLION));
    wc_escape_alone(&escape, 200 * MILLION);
    assert_false(wc_escape_take(&escape, '[', false, 251 * MILLION));
    assert_false(wc_escape_take(&escape, 'I', false, 252 * MILLION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arrows_move_and_stop_at_the_ends),
        TEST(one_g_alone_does_nothing),
        TEST(the_cursor_stays_on_its_row),
        TEST(tabs_go_round),
        TEST(a_tab_can_be_chosen_before_the_first_numbers),
        TEST(every_tab_has_a_key),
        TEST(w_shows_warnings_and_goes_back),
        TEST(sorting_goes_over_the_columns_shown),
        TEST(on_a_screen_of_a_few_columns_nothing_is_sorted),
        TEST(search_finds_rows_that_were_not_fetched),
        TEST(filter_is_the_servers),
        TEST(keys_are_text_while_a_prompt_is_open),
        TEST(details_open_follow_and_close),
        TEST(details_have_pages_that_go_round),
        TEST(arrows_go_over_the_fields_of_details),
        TEST(senders_of_a_channel_open_and_lead_back),
        TEST(channels_of_one_name_have_their_own_senders),
        TEST(senders_come_with_the_gone_ones_first),
        TEST(space_freezes_and_thaws),
        TEST(plus_and_minus_change_the_interval),
        TEST(any_key_closes_the_help_and_q_quits),
        TEST(no_key_stands_twice_in_the_table),
        TEST(any_keys_in_any_order_do_no_harm),
        cmocka_unit_test(a_report_ends_where_its_form_ends),
        cmocka_unit_test(a_broken_report_ends_with_a_pause),
        cmocka_unit_test(a_bracket_is_a_report_only_right_behind_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
