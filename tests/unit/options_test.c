/* SPDX-License-Identifier: MIT */
/*
 * Options from programs of other versions: shorter ones are taken with defaults for what they do not have; longer ones
 * are taken, and told once if they ask for something that this version does not know.
 */
#include "child.h"
#include "hook/options.h"
#include "segment/segment.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct weir_error error;
static char logged[1024];
static unsigned n_logged;

static void note_line(void *context, const char *line)
{
    (void)context;
    n_logged++;
    snprintf(logged, sizeof(logged), "%s", line);
}

/* A copy that ends where the memory ends: a byte read after it would end the test. */
static void *at_the_end(const void *options, size_t size)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && mprotect(page + 4096, 4096, PROT_NONE) == 0);
    char *copy = page + 4096 - size;
    memcpy(copy, options, size);
    memcpy(copy, &size, sizeof(size));
    return copy;
}

/* The options of each kind as the first version had them, without what came later. */
static void open_with_the_first_ones(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options channel = WEIR_CHANNEL_INIT("channel", 7);
    struct weir_semaphore_options semaphore = WEIR_SEMAPHORE_INIT("semaphore", 3);
    struct weir_task_options task = WEIR_TASK_INIT("task");
    struct weir_loop_options loop = WEIR_LOOP_INIT("loop");
    struct weir_value_options value = WEIR_VALUE_INIT("value");
    channel.label = semaphore.label = "must not be read";
    CHECK(weir_channel_open(at_the_end(&channel, offsetof(struct weir_channel_options, label))));
    CHECK(weir_semaphore_open(
        at_the_end(&semaphore, offsetof(struct weir_semaphore_options, label))));
    CHECK(weir_task_kind_open(at_the_end(&task, sizeof(task))));
    CHECK(weir_loop_open(at_the_end(&loop, sizeof(loop))));
    CHECK(weir_counter_open(at_the_end(&value, offsetof(struct weir_value_options, unit))));
    CHECK(weir_gauge_open(at_the_end(&value, offsetof(struct weir_value_options, unit))));

    struct wi_process_view *view;
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 0);
    CHECK(row && row->value[WI_CHANNEL_CAPACITY].u.u64 == 7);
    for (int kind = WI_CHANNEL; kind <= WI_SEMAPHORE; kind++) {
        CHECK(wi_process_view_count(view, (enum wi_kind)kind) == 1);
        row = wi_process_view_row(view, (enum wi_kind)kind, 0);
        CHECK(!wi_row_label((enum wi_kind)kind, row));
    }
    wi_process_view_close(view);
}

/* A size for each byte at which a version may have ended, from nothing on: no such program is hurt. */
static void open_with_any_size(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct weir_channel_options channel = WEIR_CHANNEL_INIT("channel", 7);
    for (size_t size = sizeof(size_t); size <= sizeof(channel); size++) {
        bool has_name = size >= offsetof(struct weir_channel_options, capacity);
        /* A part of a pointer is none: fields are whole in every version. */
        if (size % sizeof(void *) == 0) {
            CHECK((weir_channel_open(at_the_end(&channel, size)) != NULL) == has_name);
        }
    }
}

struct later {
    struct weir_channel_options known;
    uint64_t further[3];
};

static void open_with_later_ones(const char *dir)
{
    (void)dir;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.log = note_line;
    CHECK(weir_start(&options, &error) == WEIR_OK);
    struct later later = {WEIR_CHANNEL_INIT("channel", 7), {0, 0, 0}};
    later.known.size = sizeof(later);
    CHECK(weir_channel_open(&later.known) && n_logged == 0);
    later.further[2] = 1;
    CHECK(weir_channel_open(&later.known) && n_logged == 1);
    CHECK(
        strstr(logged, "a channel's options have fields that weir " WEIR_VERSION " does not know"));
    CHECK(weir_channel_open(&later.known) && n_logged == 1);
}

static void start_with_later_ones(const char *dir)
{
    (void)dir;
    struct {
        struct weir_options known;
        uint64_t further;
    } later = {WEIR_OPTIONS_INIT, 0};
    later.known.size = sizeof(later);
    CHECK(weir_start(&later.known, &error) == WEIR_OK);
    weir_stop();
    later.further = 1;
    CHECK(weir_start(&later.known, &error) == WEIR_DEGRADED && weir_is_on());
    CHECK(strstr(error.text, "weir_start's options have fields that weir"));
}

/* A size that was never set is not followed. */
static void a_size_that_no_version_has_is_not_read(void **state)
{
    (void)state;
    struct weir_options options = WEIR_OPTIONS_INIT;
    struct weir_options asked = WEIR_OPTIONS_INIT;
    options.size = SIZE_MAX;
    options.limit_bytes = 5;
    assert_false(wi_options_read(&asked, sizeof(asked), &options));
    assert_int_equal(asked.limit_bytes, 5);
    options.size = 0;
    asked.limit_bytes = 6;
    assert_true(wi_options_read(&asked, sizeof(asked), &options));
    assert_int_equal(asked.limit_bytes, 6);
}

CHILD_TEST(open_with_the_first_ones)
CHILD_TEST(open_with_any_size)
CHILD_TEST(open_with_later_ones)
CHILD_TEST(start_with_later_ones)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_with_the_first_ones),
        cmocka_unit_test(test_open_with_any_size),
        cmocka_unit_test(test_open_with_later_ones),
        cmocka_unit_test(test_start_with_later_ones),
        cmocka_unit_test(a_size_that_no_version_has_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
