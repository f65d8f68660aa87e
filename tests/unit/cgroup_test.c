/* SPDX-License-Identifier: MIT */
/* Memory cgroups, from trees of files as the kernel shows them. */
#include "child.h"
#include "segment/cgroup.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[128];

static void put(const char *dir, const char *file, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", root, dir);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/%s/%s", root, dir, file);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static bool least(const char *text, uint64_t *ret_limit, uint64_t *ret_used)
{
    char copy[256];
    snprintf(copy, sizeof(copy), "%s", text);
    return wi_cgroup_least(root, copy, ret_limit, ret_used);
}

static bool has_room(const char *text, uint64_t bytes)
{
    char copy[256];
    snprintf(copy, sizeof(copy), "%s", text);
    return wi_cgroup_has_room(root, copy, bytes, 0);
}

static int set_up(void **state)
{
    (void)state;
    child_dir_make(root, sizeof(root));
    /* Version 2: the slice above the service has the tighter limit. */
    put("system.slice", "memory.max", "4000000\n");
    put("system.slice", "memory.current", "3000000\n");
    put("system.slice", "memory.stat", "anon 100\ninactive_file 1000000\nactive_file 7\n");
    put("system.slice/game.service", "memory.max", "9000000\n");
    put("system.slice/game.service", "memory.current", "2500000\n");
    put("system.slice/free.service", "memory.max", "max\n");
    put("system.slice/free.service", "memory.current", "1\n");
    put("user.slice", "memory.max", "max\n");
    /* Version 1: 2^63 rounded down to a page is no limit. */
    put("memory", "memory.limit_in_bytes", "9223372036854771712\n");
    put("memory", "memory.usage_in_bytes", "777777777\n");
    put("memory/box", "memory.limit_in_bytes", "1000000\n");
    put("memory/box", "memory.usage_in_bytes", "800000\n");
    put("memory/box", "memory.stat", "cache 1\ntotal_inactive_file 300000\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void the_least_limit_on_the_way_up_counts(void **state)
{
    (void)state;
    uint64_t limit, used;
    assert_true(least("0::/system.slice/game.service\n", &limit, &used));
    assert_int_equal(limit, 4000000);
    assert_int_equal(used, 3000000);
    assert_true(least("0::/system.slice/free.service\n", &limit, &used));
    assert_int_equal(limit, 4000000);
    assert_true(least("9:name=systemd:/\n4:memory:/box\n0::/\n", &limit, &used));
    assert_int_equal(limit, 1000000);
    assert_int_equal(used, 800000);
}

static void without_a_limit_there_is_none(void **state)
{
    (void)state;
    uint64_t limit = 1, used = 1;
    assert_false(least("0::/user.slice\n", &limit, &used));
    assert_int_equal(limit, 0);
    assert_int_equal(used, 0);
    assert_false(least("4:memory:/\n", &limit, &used));
    assert_false(least("4:cpu:/box\n", &limit, &used));
    assert_false(least("0::/../../elsewhere\n", &limit, &used));
    assert_false(least("", &limit, &used));
    assert_true(has_room("0::/user.slice\n", UINT64_C(1) << 40));
}

static void room_is_below_nine_tenths_with_droppable_pages_left_out(void **state)
{
    (void)state;
    /* 4,000,000 / 10 * 9 - (3,000,000 - 1,000,000) */
    assert_true(has_room("0::/system.slice/game.service\n", 1600000));
    assert_false(has_room("0::/system.slice/game.service\n", 1600001));
    /* 1,000,000 / 10 * 9 - (800,000 - 300,000) */
    assert_true(has_room("4:memory:/box\n", 400000));
    assert_false(has_room("4:memory:/box\n", 400001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_limit_on_the_way_up_counts),
        cmocka_unit_test(without_a_limit_there_is_none),
        cmocka_unit_test(room_is_below_nine_tenths_with_droppable_pages_left_out),
    };
    return cmocka_run_group_tests_name("cgroup", tests, set_up, tear_down);
}
