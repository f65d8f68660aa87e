/* SPDX-License-Identifier: MIT */
/* Which of several processes a person means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "target/pick.h"

#include <stdio.h>
#include <string.h>

static struct wi_found found_of(uint32_t pid, const char *name, enum wi_state state)
{
    struct wi_found found = {.pid = pid, .state = state, .status = WEIR_OK};
    snprintf(found.name, sizeof(found.name), "%s", name);
    snprintf(found.path, sizeof(found.path), "/dev/shm/weir-0/%u-1.weir", pid);
    return found;
}

static void expect_pick(const struct wi_found *found, size_t n, const char *text,
                        bool is_preference, size_t expected)
{
    size_t picked = SIZE_MAX;
    struct wc_error error = {0};
    enum wc_status code = wc_pick(found, n, text, is_preference, &picked, &error);
    if (code != WC_OK) {
        fail_msg("%s: %s", text ? text : "(none)", error.text);
    }
    assert_int_equal(picked, expected);
}

static void expect_error(const struct wi_found *found, size_t n, const char *text,
                         enum wc_status expected, const char *part)
{
    size_t picked = SIZE_MAX;
    struct wc_error error = {0};
    assert_int_equal(wc_pick(found, n, text, false, &picked, &error), expected);
    assert_int_equal(picked, SIZE_MAX);
    if (!strstr(error.text, part)) {
        fail_msg("\"%s\" is without \"%s\"", error.text, part);
    }
}

static void only_running_one_is_taken(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(9, "old", WI_STATE_DEAD),
                               found_of(5, "game", WI_STATE_RUNNING),
                               found_of(4, "lost", WI_STATE_ORPHANED)};
    expect_pick(found, 3, NULL, false, 1);
}

static void nobody_chooses_between_two_running_ones(void **state)
{
    (void)state;
    struct wi_found found[] = {
        found_of(7, "game", WI_STATE_RUNNING), found_of(6, "lobby", WI_STATE_RUNNING),
        found_of(5, "game", WI_STATE_RUNNING), found_of(8, "gone", WI_STATE_DEAD)};
    found[1].replica = found[2].replica = 1;
    found[0].replica = 2;
    found[0].has_twins = found[2].has_twins = true;
    expect_error(found, 4, NULL, WC_USAGE, "game/1 (pid 5), lobby (pid 6), game/2 (pid 7):");
    expect_error(found, 4, "game", WC_USAGE, "game/1 (pid 5), game/2 (pid 7):");
    expect_pick(found, 4, "lobby", false, 1);
    expect_pick(found, 4, "7", false, 0);
    expect_pick(found, 4, "game/1", false, 2);
    expect_pick(found, 4, "game/2", false, 0);
    expect_error(found, 4, "game/3", WC_NO_TARGET, "game/2 (pid 7)");
    expect_error(found, 4, "game/0", WC_NO_TARGET, "game/1");
}

/* Pid namespaces that are not seen from here: both call themselves 1. */
static void two_of_one_pid_are_named_by_their_number(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(1, "game", WI_STATE_RUNNING),
                               found_of(1, "game", WI_STATE_RUNNING)};
    found[0].replica = 2;
    found[1].replica = 1;
    found[0].has_twins = found[1].has_twins = true;
    expect_error(found, 2, "1", WC_USAGE,
                 "game/1 (pid 1), game/2 (pid 1): give one of these names");
    expect_pick(found, 2, "game/2", false, 0);
    expect_pick(found, 2, "game/1", false, 1);
}

static void running_one_is_preferred_to_a_dead_one(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(5, "game", WI_STATE_DEAD),
                               found_of(6, "game", WI_STATE_RUNNING),
                               found_of(6, "game", WI_STATE_DEAD)};
    expect_pick(found, 3, "game", false, 1);
    expect_pick(found, 3, "6", false, 1);
}

static void newest_dead_one_is_taken_by_name_but_never_unasked(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(5, "game", WI_STATE_DEAD),
                               found_of(4, "game", WI_STATE_DEAD)};
    expect_pick(found, 2, "game", false, 0);
    expect_pick(found, 2, "4", false, 1);
    expect_error(found, 2, NULL, WC_NO_TARGET, "game (pid 5), game (pid 4)");
}

static void one_in_another_namespace_counts_as_running(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(5, "game", WI_STATE_UNKNOWN)};
    expect_pick(found, 1, NULL, false, 0);
}

static void unreadable_one_is_found_by_its_pid_only(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(5, "", WI_STATE_RUNNING),
                               found_of(6, "game", WI_STATE_RUNNING)};
    found[0].status = WEIR_E_VERSION;
    expect_pick(found, 2, NULL, false, 1);
    expect_pick(found, 2, "5", false, 0);
}

static void domain_decides_between_several_and_only_then(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(5, "game", WI_STATE_RUNNING),
                               found_of(6, "lobby", WI_STATE_RUNNING)};
    size_t picked = 0;
    expect_pick(found, 2, "lobby", true, 1);
    expect_pick(found, 1, "tokio", true, 0);
    assert_int_equal(wc_pick(found, 2, "tokio", true, &picked, NULL), WC_USAGE);
    assert_int_equal(wc_pick(found, 0, "tokio", true, &picked, NULL), WC_NO_TARGET);
}

static void what_is_not_there_is_told_with_what_is(void **state)
{
    (void)state;
    struct wi_found found[] = {found_of(5, "game", WI_STATE_RUNNING)};
    expect_error(found, 1, "gmae", WC_NO_TARGET, "running: game (pid 5)");
    expect_error(found, 1, "77", WC_NO_TARGET, "weir list");
    expect_error(found, 0, NULL, WC_NO_TARGET, "weir_start");
}

static void long_list_is_cut(void **state)
{
    (void)state;
    static struct wi_found found[40];
    for (uint32_t i = 0; i < 40; i++) {
        found[i] = found_of(1000 + i, "a-service-with-a-rather-long-name", WI_STATE_RUNNING);
    }
    expect_error(found, 40, NULL, WC_USAGE, " and 32 more (`weir list`)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_running_one_is_taken),
        cmocka_unit_test(nobody_chooses_between_two_running_ones),
        cmocka_unit_test(two_of_one_pid_are_named_by_their_number),
        cmocka_unit_test(running_one_is_preferred_to_a_dead_one),
        cmocka_unit_test(newest_dead_one_is_taken_by_name_but_never_unasked),
        cmocka_unit_test(one_in_another_namespace_counts_as_running),
        cmocka_unit_test(unreadable_one_is_found_by_its_pid_only),
        cmocka_unit_test(domain_decides_between_several_and_only_then),
        cmocka_unit_test(what_is_not_there_is_told_with_what_is),
        cmocka_unit_test(long_list_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
