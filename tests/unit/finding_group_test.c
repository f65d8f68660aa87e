/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/finding */
/* Findings about several rows of one name: one sentence, exact counts, labels with the worst first. */
#include "judged.h"
#include "weir/warning.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define MANY 300

static struct wi_row *rows[MANY];

/* A queue of so many messages that move or do not, with so many refused a second. */
static void add(size_t i, const char *name, const char *label, uint64_t depth, double refused)
{
    rows[i] = fake_view_add_channel(view, name, 1000 + depth, 1000, 1000);
    fake_view_set_f64(rows[i], WI_CHANNEL_REJECT_RATE, refused);
    if (label) {
        fake_view_set_text(view, rows[i], WI_CHANNEL_LABEL, label);
    }
}

/* Looks until all that stands still has stood still for long; those from `moving` to `end` go on. */
static void look_on(size_t moving, size_t end)
{
    for (uint64_t second = 1; second <= 8; second++) {
        for (size_t i = moving; i < end; i++) {
            fake_view_set_u64(rows[i], WI_CHANNEL_SENT, 1000 + 100 * second);
            fake_view_set_u64(rows[i], WI_CHANNEL_RECEIVED, 1000 + 100 * second);
        }
        for (size_t i = 0; i < moving; i++) {
            double refused = rows[i]->value[WI_CHANNEL_REJECT_RATE].u.f64;
            fake_view_set_u64(rows[i], WI_CHANNEL_REJECTS, (uint64_t)refused * second);
        }
        look();
    }
}

/* The i-th warning that is not about a default. */
static const struct wi_row *warning(size_t wanted)
{
    for (size_t i = 0; i < wi_process_view_count(view, WI_WARNING); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_WARNING, i);
        if (strncmp(row->value[WI_WARNING_KIND].u.text, "default_", 8) != 0 && wanted-- == 0) {
            return row;
        }
    }
    return NULL;
}

static const char *text(size_t i, int metric)
{
    const struct wi_row *row = warning(i);
    return !row                                 ? "no finding"
           : row->value[metric].type == WI_TEXT ? row->value[metric].u.text
                                                : "";
}

static void stuck_clients_are_one_finding_with_the_worst_first(void **state)
{
    (void)state;
    add(0, "queued_out", "noack", 70, 5);
    add(1, "queued_out", "offline1", 90, 5);
    add(2, "queued_out", NULL, 80, 5);
    add(3, "queued_out", "a", 60, 5);
    add(4, "queued_out", "fine", 0, 0);
    look_on(4, 5);
    assert_string_equal(text(0, WI_WARNING_TEXT),
                        "queued_out: 4 of 5 stalled and refusing (offline1, noack, a, ...)");
    assert_null(warning(1));
    assert_string_equal(text(0, WI_WARNING_SEVERITY), "critical");
    assert_string_equal(text(0, WI_WARNING_KIND), "channel_stalled");
    assert_string_equal(text(0, WI_WARNING_SUBJECT), "queued_out");
    assert_string_equal(text(0, WI_WARNING_LABELS), "offline1, noack, a");
    assert_ptr_equal(strstr(text(0, WI_WARNING_EVIDENCE), "offline1: stalled, nothing received"),
                     text(0, WI_WARNING_EVIDENCE));
    assert_non_null(strstr(text(0, WI_WARNING_EVIDENCE), "; 100 % of messages refused"));
    const struct wi_row *found = warning(0);
    assert_true(found->value[WI_WARNING_ROWS].u.f64 == 4);
    assert_true(found->value[WI_WARNING_ROWS_OF].u.f64 == 5);
    assert_true(found->value[WI_WARNING_SUBJECT_ID].u.u64 == rows[1]->id);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(wi_warning_has(text(0, WI_WARNING_SUBJECT_IDS), rows[i]->id), i < 4);
    }
}

static void findings_about_other_rows_are_others(void **state)
{
    (void)state;
    add(0, "queued_out", "a", 70, 5);
    add(1, "queued_out", "b", 80, 5);
    add(2, "queued_out", "c", 90, 0);
    add(3, "queued_in", "d", 60, 0);
    add(4, "queued_in", "e", 50, 0);
    look_on(5, 5);
    char all[1024] = "";
    for (size_t i = 0; warning(i); i++) {
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s\n", text(i, WI_WARNING_TEXT));
    }
    assert_non_null(strstr(all, "queued_out: 3 of 3 stalled (b, a, c)\n"));
    assert_non_null(strstr(all, "queued_out: 2 of 3 refusing (a, b)\n"));
    assert_non_null(strstr(all, "queued_in: 2 of 2 stalled (d, e)\n"));
    assert_non_null(warning(2));
    assert_null(warning(3));
}

static void one_row_is_named_by_its_label(void **state)
{
    (void)state;
    add(0, "queued_out", "noack", 70, 0);
    add(1, "queued_out", "fine", 0, 0);
    add(2, "other", NULL, 40, 0);
    rows[3] = rows[1];
    rows[1] = rows[2];
    rows[2] = rows[3];
    look_on(2, 3);
    assert_string_equal(text(0, WI_WARNING_SUBJECT), "queued_out@noack");
    assert_ptr_equal(strstr(text(0, WI_WARNING_TEXT), "queued_out@noack: stalled, nothing"),
                     text(0, WI_WARNING_TEXT));
    assert_string_equal(text(0, WI_WARNING_LABELS), "noack");
    assert_string_equal(text(0, WI_WARNING_SUBJECT_IDS), "");
    assert_string_equal(text(1, WI_WARNING_SUBJECT), "other");
    assert_string_equal(text(1, WI_WARNING_LABELS), "");
}

/* Whether the worst is the first or the last of 200. */
static void assert_counts(bool is_first)
{
    for (size_t i = 0; i < MANY; i++) {
        char label[WEIR_LABEL_MAX + 1];
        snprintf(label, sizeof(label), "%063zu", i);
        add(i, "queued_out", label, i >= 200 ? 0 : is_first ? 300 - i : 100 + i, 0);
    }
    look_on(200, MANY);
    char begin[512];
    int n = snprintf(begin, sizeof(begin), "queued_out: 200 of 300 stalled (%063d, %063d",
                     is_first ? 0 : 199, is_first ? 1 : 198);
    assert_int_equal(strncmp(text(0, WI_WARNING_TEXT), begin, (size_t)n), 0);
    assert_null(warning(1));
    assert_true(wi_warning_has(text(0, WI_WARNING_SUBJECT_IDS), rows[is_first ? 0 : 199]->id));
}

static void rows_are_counted_past_those_that_are_remembered(void **state)
{
    (void)state;
    assert_counts(true);
}

static void the_worst_of_many_is_told_although_it_comes_last(void **state)
{
    (void)state;
    assert_counts(false);
}

static void rows_without_labels_are_one_finding_too(void **state)
{
    (void)state;
    add(0, "queued_out", NULL, 70, 0);
    add(1, "queued_out", NULL, 80, 0);
    look_on(2, 2);
    assert_string_equal(text(0, WI_WARNING_TEXT), "queued_out: 2 of 2 stalled");
    assert_string_equal(text(0, WI_WARNING_LABELS), "");
    assert_null(warning(1));
}

static bool is_whole_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : *at >= 0x80 ? -1 : 0;
        for (at++; more > 0 && (*at & 0xc0) == 0x80; more--) {
            at++;
        }
        if (more != 0) {
            return false;
        }
    }
    return true;
}

/* The names' lengths move the place at which the sentence is cut through all bytes of a character. */
static void a_sentence_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    static const char *const letters[] = {"\xd0\xb6", "\xe6\xbc\xa2", "\xf0\x9f\x90\x9f"};
    for (size_t i = 0; i < 12; i++) {
        char label[64] = "";
        const char *letter = letters[i / 4];
        while (strlen(label) + strlen(letter) < sizeof(label)) {
            strcat(label, letter);
        }
        for (size_t row = 0; row < 5; row++) {
            add(row, &"abcdefgh"[i % 4], label, 500, 0);
        }
        look_on(5, 5);
        assert_true(strlen(text(0, WI_WARNING_TEXT)) > 300);
        assert_true(is_whole_utf8(text(0, WI_WARNING_TEXT)));
        assert_true(is_whole_utf8(text(0, WI_WARNING_LABELS)));
        fake_view_clear(view, WI_CHANNEL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stuck_clients_are_one_finding_with_the_worst_first),
        TEST(findings_about_other_rows_are_others),
        TEST(one_row_is_named_by_its_label),
        TEST(rows_are_counted_past_those_that_are_remembered),
        TEST(the_worst_of_many_is_told_although_it_comes_last),
        TEST(rows_without_labels_are_one_finding_too),
        TEST(a_sentence_is_cut_at_a_whole_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
