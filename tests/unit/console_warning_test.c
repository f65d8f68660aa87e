/* SPDX-License-Identifier: MIT */
/* Warnings on the screen: the worst stand first, the cursor begins at them, Enter leads from one to its
 * row, tabs have their colour. */
/* ctest: folders=console/src/input */
#include "model/warning.h"

#include "keys.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* A warning about a row that there is. */
static void warn(const char *name, const char *severity, const char *kind, int row_kind,
                 const char *subject)
{
    screen_say(&screen, WI_WARNING, name, "severity", severity);
    screen_say(&screen, WI_WARNING, name, "kind", kind);
    screen_say(&screen, WI_WARNING, name, "subject", subject);
    screen_say(&screen, WI_WARNING, name, "text", subject);
    screen_say(&screen, WI_WARNING, name, "subject_kind", wi_kind_name((enum wi_kind)row_kind));
    screen_set(&screen, WI_WARNING, name, "subject_id",
               (double)screen_find(&screen, row_kind, subject)->id);
}

static const char *selected(void)
{
    const Weir__V1__Row *row = wc_ui_selected(&screen.ui, &screen.model, screen.ui.tab);
    return row ? row->name : "";
}

static void the_cursor_begins_at_the_worst_row(void **state)
{
    (void)state;
    warn("w1", "warning", "channel_full", WI_CHANNEL, "often-56");
    screen_show(&screen, 24, 80);
    assert_string_equal(selected(), "often-56");
    warn("w2", "critical", "channel_rejecting", WI_CHANNEL, "often-99");
    screen_show(&screen, 24, 80);
    assert_string_equal(selected(), "often-99"); /* nobody has moved it yet */
    press('j');
    assert_string_equal(selected(), "often-56");
    warn("w3", "critical", "channel_rejecting", WI_CHANNEL, "often-98");
    screen_show(&screen, 24, 80);
    assert_string_equal(selected(), "often-56"); /* and now it stays with its row */
}

static void the_cursor_follows_its_row_out_of_the_window(void **state)
{
    (void)state;
    warn("w1", "warning", "channel_full", WI_CHANNEL, "often-98");
    screen_show(&screen, 24, 80);
    press('j');
    press('k');
    assert_string_equal(selected(), "often-98");
    screen_say(&screen, WI_WARNING, "w1", "severity", "info");
    screen_say(&screen, WI_WARNING, "w1", "kind", "default_unbounded"); /* it sinks to its place */
    screen_set(&screen, WI_WARNING, "w1", "subject_id", 0);
    screen_show(&screen, 24, 80);
    assert_string_equal(selected(), "often-98");
    assert_int_equal(list()->cursor, 98);
    assert_true(list()->top <= 98 && list()->top > 80);
    assert_false(list()->is_lost);
    assert_int_equal(screen.query.query[0].follow, 0); /* once is enough */
    /* One that is closed leaves the cursor where it was. */
    screen_find(&screen, WI_CHANNEL, "often-98")->kind = -1;
    screen_show(&screen, 24, 80);
    assert_int_equal(list()->cursor, 98);
    assert_false(list()->has_selected);
    assert_string_equal(selected(), "often-99");
}

static void a_chosen_order_stays(void **state)
{
    (void)state;
    press('>');
    int chosen = list()->sort;
    assert_int_not_equal(chosen, WC_SORT_WORST);
    warn("w1", "critical", "channel_rejecting", WI_CHANNEL, "often-98");
    screen_show(&screen, 24, 80);
    assert_int_equal(list()->sort, chosen);
    assert_string_equal(selected(), "often-00");
    press('<');
    assert_int_equal(list()->sort, WC_SORT_WORST);
    assert_string_equal(selected(), "often-98");
    press('i'); /* there is no best first */
    assert_int_equal(list()->sort, WC_SORT_WORST);
    assert_non_null(strstr(screen.ui.message, "worst"));
}

static void enter_on_a_warning_goes_to_its_row(void **state)
{
    (void)state;
    warn("w1", "critical", "channel_rejecting", WI_CHANNEL, "often-98");
    warn("w2", "warning", "permits_exhausted", WI_SEMAPHORE, "permits");
    screen_say(&screen, WI_WARNING, "w3", "severity", "info");
    screen_say(&screen, WI_WARNING, "w3", "subject", "nothing");
    press('>'); /* not the worst first: the row is where its order has it */
    press('5');
    press(WC_KEY_ENTER);
    assert_int_equal(screen.ui.tab, WC_TAB_CHANNELS);
    assert_string_equal(selected(), "often-98");
    assert_int_equal(list()->cursor, 98);
    press('w');
    press('j');
    press(WC_KEY_ENTER);
    assert_int_equal(screen.ui.tab, WC_TAB_SEMAPHORES);
    assert_string_equal(selected(), "permits");
    press('w');
    press('j');
    press(WC_KEY_ENTER);
    assert_int_equal(screen.ui.tab, WC_TAB_WARNINGS);
    assert_non_null(strstr(screen.ui.message, "no single row"));
    /* A filter that hides the row is dropped. */
    press('f');
    type("Rare");
    press(WC_KEY_ENTER);
    press(WC_KEY_HOME);
    press(WC_KEY_ENTER);
    assert_string_equal(selected(), "often-98");
    assert_string_equal(screen.ui.filter, "");
}

static void a_warning_about_several_rows_marks_each(void **state)
{
    (void)state;
    char ids[64];
    Weir__V1__Row marked = WEIR__V1__ROW__INIT, other = WEIR__V1__ROW__INIT;
    marked.id = screen_find(&screen, WI_CHANNEL, "often-97")->id;
    other.id = screen_find(&screen, WI_CHANNEL, "often-96")->id;
    warn("w1", "critical", "channel_stalled", WI_CHANNEL, "often-98");
    snprintf(ids, sizeof(ids), "%d %d", (int)screen_find(&screen, WI_CHANNEL, "often-98")->id,
             (int)marked.id);
    screen_say(&screen, WI_WARNING, "w1", "subject_ids", ids);
    screen_show(&screen, 24, 80);
    assert_string_equal(selected(), "often-98");
    assert_int_equal(wc_model_severity_of(&screen.model, WI_CHANNEL, &marked), WC_SEVERE);
    assert_int_equal(wc_model_severity_of(&screen.model, WI_CHANNEL, &other), WC_FINE);
}

static void audits_of_defaults_are_no_warnings_on_the_screen(void **state)
{
    (void)state;
    warn("w1", "info", "default_unbounded", WI_CHANNEL, "often-98");
    warn("w2", "info", "default_timer_1ms", WI_CHANNEL, "often-96");
    screen_show(&screen, 24, 80);
    char line[256];
    wc_grid_row_text(&screen.grid, screen.layout.warning_row, line, sizeof(line));
    assert_string_equal(line, "  no warnings");
    assert_int_equal(wc_ui_matching(&screen.model, WC_TAB_WARNINGS), 0);
    press('5');
    assert_string_equal(selected(), "");
}

static void the_table_of_the_worst_warning_is_in_use_at_first(void **state)
{
    (void)state;
    wc_ui_start(&screen.ui, &screen.model);
    assert_int_equal(screen.ui.tab, WC_TAB_CHANNELS);
    warn("w1", "info", "channel_growing", WI_TASK, "handler");
    screen_show(&screen, 24, 80);
    wc_ui_start(&screen.ui, &screen.model);
    assert_int_equal(screen.ui.tab, WC_TAB_CHANNELS); /* a remark is no reason */
    warn("w1", "warning", "channel_full", WI_CHANNEL, "often-98");
    warn("w2", "critical", "permits_leaked", WI_SEMAPHORE, "permits");
    screen_show(&screen, 24, 80);
    wc_ui_start(&screen.ui, &screen.model);
    assert_int_equal(screen.ui.tab, WC_TAB_SEMAPHORES);
}

static void without_channels_the_first_table_with_rows_is_in_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < screen.n_rows; i++) {
        screen.row[i].kind = screen.row[i].kind == WI_CHANNEL ? -1 : screen.row[i].kind;
    }
    screen_show(&screen, 24, 80);
    wc_ui_start(&screen.ui, &screen.model);
    assert_int_equal(screen.ui.tab, WC_TAB_SEMAPHORES);
}

static enum wc_style tab_style(char key)
{
    const struct wc_cell *cells = &screen.grid.cells[screen.layout.tabs_row * screen.grid.cols];
    for (int col = 0; col + 1 < screen.grid.cols; col++) {
        if (cells[col].ch == (uint32_t)key && cells[col + 1].ch == ' ') {
            return cells[col].style;
        }
    }
    return WC_PLAIN;
}

static void tabs_carry_the_colour_of_their_worst(void **state)
{
    (void)state;
    char line[256];
    warn("w1", "critical", "channel_rejecting", WI_CHANNEL, "often-98");
    warn("w2", "warning", "channel_full", WI_CHANNEL, "often-96");
    warn("w3", "warning", "permits_exhausted", WI_SEMAPHORE, "permits");
    warn("w4", "info", "task_backlog", WI_TASK, "handler");
    press('3');
    assert_int_equal(tab_style('1'), WC_CRITICAL);
    assert_int_equal(tab_style('2'), WC_WARN);
    assert_int_equal(tab_style('3'), WC_ACCENT); /* in use */
    assert_int_equal(tab_style('4'), WC_LABEL);
    assert_int_equal(tab_style('5'), WC_CRITICAL);
    wc_grid_row_text(&screen.grid, screen.layout.tabs_row, line, sizeof(line));
    /* And a mark where there are no colours. */
    assert_string_equal(line,
                        " 1 Chan 100! 2 Sem 1![3 Task kinds 1] 4 Cnt 1 5 Warn 4! 0 Proc a Agt");
    press('1');
    assert_int_equal(tab_style('1'), WC_CRITICAL); /* in use, too */
}

/* Its server tells no more than a name. */
static void a_server_of_old_has_its_warnings_by_name(void **state)
{
    (void)state;
    struct wi_catalog old = *wi_catalog_of_segments();
    old.fields[WI_WARNING] &=
        ~(UINT64_C(1) << WI_WARNING_SUBJECT_KIND | UINT64_C(1) << WI_WARNING_SUBJECT_ID);
    screen_describe_catalog(&screen, 4822, "running", &old);
    screen_say(&screen, WI_WARNING, "w1", "severity", "critical");
    screen_say(&screen, WI_WARNING, "w1", "subject", "semaphore/permits");
    screen_show(&screen, 24, 80);
    assert_int_equal(tab_style('2'), WC_CRITICAL);
    press('5');
    press(WC_KEY_ENTER);
    assert_string_equal(selected(), "permits");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_cursor_begins_at_the_worst_row),
        TEST(the_cursor_follows_its_row_out_of_the_window),
        TEST(a_chosen_order_stays),
        TEST(enter_on_a_warning_goes_to_its_row),
        TEST(a_warning_about_several_rows_marks_each),
        TEST(audits_of_defaults_are_no_warnings_on_the_screen),
        TEST(the_table_of_the_worst_warning_is_in_use_at_first),
        TEST(without_channels_the_first_table_with_rows_is_in_use),
        TEST(tabs_carry_the_colour_of_their_worst),
        TEST(a_server_of_old_has_its_warnings_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
