/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment,agent/src/snapshot */
/* Labels: whose queue it is, where several channels or semaphores have one name. */
#include "child.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct weir_error error;

static struct weir_channel *open_channel(const char *name, const char *label)
{
    struct weir_channel_options options = WEIR_CHANNEL_INIT(name, 100);
    options.label = label;
    return weir_channel_open(&options);
}

static struct weir_semaphore *open_semaphore(const char *name, const char *label)
{
    struct weir_semaphore_options options = WEIR_SEMAPHORE_INIT(name, 10);
    options.label = label;
    return weir_semaphore_open(&options);
}

static const char *own_path(void)
{
    static struct weir_health health;
    health.size = sizeof(health);
    weir_health_read(&health);
    return health.path;
}

static struct wi_process_view *read_file(const char *path)
{
    struct wi_process_view *view;
    CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    return view;
}

/* The label of the i-th row; "" for none. */
static const char *label_of(struct wi_process_view *view, enum wi_kind kind, size_t i)
{
    int metric = kind == WI_CHANNEL ? WI_CHANNEL_LABEL : WI_SEMAPHORE_LABEL;
    const struct wi_value *value = &wi_process_view_row(view, kind, i)->value[metric];
    return value->type == WI_TEXT ? value->u.text : "";
}

static bool has_label(struct wi_process_view *view, enum wi_kind kind, size_t i, const char *label)
{
    return i < wi_process_view_count(view, kind) && strcmp(label_of(view, kind, i), label) == 0;
}

/* ---- as it was given ---------------------------------------------------------------------------- */

static void shows_labels(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channel("writes", "client-7");
    open_channel("writes", NULL);
    open_channel("writes", "");
    open_semaphore("slots", "tenant a");
    open_semaphore("slots", NULL);
    struct wi_process_view *view = read_file(own_path());
    CHECK(has_label(view, WI_CHANNEL, 0, "client-7"));
    CHECK(strcmp(wi_process_view_row(view, WI_CHANNEL, 0)->name, "writes") == 0);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 1)->value[WI_CHANNEL_LABEL].type == WI_ABSENT);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 2)->value[WI_CHANNEL_LABEL].type == WI_ABSENT);
    CHECK(has_label(view, WI_SEMAPHORE, 0, "tenant a"));
    CHECK(wi_process_view_row(view, WI_SEMAPHORE, 1)->value[WI_SEMAPHORE_LABEL].type == WI_ABSENT);
    wi_process_view_close(view);
}

static void makes_labels_safe(const char *dir)
{
    (void)dir;
    char longest[WEIR_LABEL_MAX + 1], longer[WEIR_LABEL_MAX + 2], halved[WEIR_LABEL_MAX + 2];
    memset(longest, 'x', WEIR_LABEL_MAX);
    memset(longer, 'x', WEIR_LABEL_MAX + 1);
    memcpy(halved, longest, WEIR_LABEL_MAX);
    longest[WEIR_LABEL_MAX] = longer[WEIR_LABEL_MAX + 1] = '\0';
    memcpy(halved + WEIR_LABEL_MAX - 1, "\xc3\xa9", 3); /* its second byte would be the 64th */
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channel("writes", longest);
    open_channel("writes", longer);
    open_channel("writes", halved);
    open_channel("writes", "a\x1b[2Jb\n\xff"
                           "c\xe2\x80\xae");
    struct wi_process_view *view = read_file(own_path());
    CHECK(has_label(view, WI_CHANNEL, 0, longest));
    CHECK(has_label(view, WI_CHANNEL, 1, longest));
    CHECK(strlen(label_of(view, WI_CHANNEL, 2)) == WEIR_LABEL_MAX - 1);
    CHECK(has_label(view, WI_CHANNEL, 3, "a?[2Jb??c?"));
    wi_process_view_close(view);
}

/* An application that was built before there were labels says how long its options are. */
static void takes_older_options(const char *dir)
{
    (void)dir;
    struct weir_channel_options options = WEIR_CHANNEL_INIT("writes", 100);
    options.label = "not there";
    options.size = offsetof(struct weir_channel_options, label);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(weir_channel_open(&options) != NULL);
    struct wi_process_view *view = read_file(own_path());
    CHECK(has_label(view, WI_CHANNEL, 0, ""));
    wi_process_view_close(view);
}

CHILD_TEST(shows_labels)
CHILD_TEST(makes_labels_safe)
CHILD_TEST(takes_older_options)

/* ---- wherever the handle goes ------------------------------------------------------------------- */

static void keeps_labels_from_before_the_start(const char *dir)
{
    (void)dir;
    weir_channel_close(open_channel("writes", "gone"));
    open_channel("writes", "early");
    open_semaphore("slots", NULL);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channel("writes", "late");
    struct wi_process_view *view = read_file(own_path());
    CHECK(has_label(view, WI_CHANNEL, 0, "early") && has_label(view, WI_CHANNEL, 1, "late"));
    CHECK(has_label(view, WI_SEMAPHORE, 0, ""));
    wi_process_view_close(view);
}

static void forgets_a_label_with_its_handle(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_channel_close(open_channel("writes", "client-7"));
    open_channel("reads", NULL);
    struct wi_process_view *view = read_file(own_path());
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 1 && has_label(view, WI_CHANNEL, 0, ""));
    wi_process_view_close(view);
}

static void child_has_labels(void)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channel("writes", "the child's");
    struct wi_process_view *view = read_file(own_path());
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 4);
    CHECK(has_label(view, WI_CHANNEL, 0, "early") && has_label(view, WI_CHANNEL, 1, "client-7"));
    CHECK(has_label(view, WI_CHANNEL, 2, ""));
    CHECK(has_label(view, WI_CHANNEL, 3, "the child's"));
    wi_process_view_close(view);
    _exit(0);
}

static void gives_labels_to_a_forked_child(const char *dir)
{
    (void)dir;
    int status = -1;
    open_channel("writes", "early");
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channel("writes", "client-7");
    weir_channel_close(open_channel("writes", "gone"));
    open_channel("reads", NULL);
    pid_t child = fork();
    if (child == 0) {
        child_has_labels();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    struct wi_process_view *view = read_file(own_path());
    CHECK(wi_process_view_count(view, WI_CHANNEL) == 3);
    CHECK(has_label(view, WI_CHANNEL, 1, "client-7"));
    wi_process_view_close(view);
}

static void dies_with_labels(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_channel("writes", "client-7");
    raise(SIGKILL);
}

static void a_killed_process_leaves_its_labels(void **state)
{
    (void)state;
    char dir[64];
    char path[256];
    child_dir_make(dir, sizeof(dir));
    assert_int_equal(child_run_in(dir, dies_with_labels), 128 + SIGKILL);
    assert_int_equal(child_count(dir, ".weir", path, sizeof(path)), 1);
    struct wi_process_view *view;
    assert_int_equal(wi_process_view_open_file(path, &view, &error), WEIR_OK);
    assert_int_equal(wi_process_view_refresh(view, 1, &error), WEIR_OK);
    assert_string_equal(label_of(view, WI_CHANNEL, 0), "client-7");
    wi_process_view_close(view);
    child_dir_remove(dir);
}

CHILD_TEST(keeps_labels_from_before_the_start)
CHILD_TEST(forgets_a_label_with_its_handle)
CHILD_TEST(gives_labels_to_a_forked_child)

/* ---- memory ------------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MANY    100000
#define CHANGES 300
#else
#define MANY    1000000
#define CHANGES 3000
#endif
#define AT_ONCE 50

static void takes_ever_new_labels(const char *dir)
{
    (void)dir;
    static struct weir_channel *open[AT_ONCE];
    struct weir_health before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.limit_bytes = 1 << 20;
    CHECK(weir_start(&options, &error) == WEIR_OK);
    for (int i = 0; i < MANY; i++) {
        char label[32];
        snprintf(label, sizeof(label), "client-%d", i);
        weir_channel_close(open[i % AT_ONCE]);
        open[i % AT_ONCE] = open_channel("writes", i % 7 ? label : NULL);
        CHECK(open[i % AT_ONCE] != NULL);
        if (i == 10 * AT_ONCE) {
            weir_health_read(&before);
        }
    }
    weir_health_read(&after);
    CHECK(after.segment_bytes == before.segment_bytes && after.handles_refused == 0);
}

static void refuses_a_label_without_room(const char *dir)
{
    (void)dir;
    static struct weir_channel *all[8192];
    size_t n = 0, i = 0;
    struct weir_health health = {.size = sizeof(health)};
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.limit_bytes = 1 << 20;
    CHECK(weir_start(&options, &error) == WEIR_OK);
    do {
        all[n] = open_channel("writes", NULL);
    } while (all[n] && ++n < sizeof(all) / sizeof(all[0]));
    bool has_room = true;
    for (; i < n && has_room; i += has_room) { /* in the same slot: no other is free */
        weir_channel_close(all[i]);
        has_room = open_channel("writes", "client-7") == all[i];
    }
    weir_health_read(&health);
    CHECK(i > 0 && i < n && health.handles_refused == 2);
    CHECK(health.segment_bytes <= health.limit_bytes);
    CHECK(open_channel("writes", NULL) == all[i]);
    weir_channel_close(all[0]);
    CHECK(open_channel("writes", "again") == all[0]);
    struct wi_process_view *view = read_file(own_path());
    CHECK(wi_process_view_count(view, WI_CHANNEL) == n && has_label(view, WI_CHANNEL, i, ""));
    CHECK(has_label(view, WI_CHANNEL, 0, "again"));
    CHECK(has_label(view, WI_CHANNEL, i - 1, "client-7"));
    wi_process_view_close(view);
}

CHILD_TEST(takes_ever_new_labels)
CHILD_TEST(refuses_a_label_without_room)

/* ---- read while it changes ---------------------------------------------------------------------- */

#define CHANGED 200 /* at once, so that some change between the counts and the labels */

static unsigned is_over; /* atomic */

/* Each label is one letter over and over, which the capacity names, too. */
static void *keep_changing(void *unused)
{
    static struct weir_channel *open[CHANGED];
    for (unsigned i = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); i++) {
        unsigned letter = 'a' + i % 26;
        char label[WEIR_LABEL_MAX + 1] = "";
        struct weir_channel_options options = WEIR_CHANNEL_INIT("writes", letter);
        memset(label, (int)letter, WEIR_LABEL_MAX);
        options.label = letter % 3 ? label : NULL;
        weir_channel_close(open[i % CHANGED]);
        open[i % CHANGED] = weir_channel_open(&options);
    }
    return unused;
}

static void check_labels(struct wi_process_view *view)
{
    for (size_t i = 0; i < wi_process_view_count(view, WI_CHANNEL); i++) {
        const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, i);
        const char *label = label_of(view, WI_CHANNEL, i);
        uint64_t letter = row->value[WI_CHANNEL_CAPACITY].u.u64;
        for (size_t k = 0; label[k]; k++) {
            CHECK((uint64_t)(unsigned char)label[k] == letter);
        }
        CHECK(!label[0] || (strlen(label) == WEIR_LABEL_MAX && letter % 3));
    }
}

static void watch_changes(struct wi_process_view *view)
{
    for (uint64_t i = 1; i <= CHANGES; i++) {
        enum weir_status status = wi_process_view_refresh(view, i, &error);
        CHECK(status == WEIR_OK || status == WEIR_E_LIMIT);
        check_labels(view);
    }
    wi_process_view_close(view);
}

static void reads_labels_that_change(const char *dir)
{
    (void)dir;
    pthread_t thread;
    struct wi_process_view *view;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(pthread_create(&thread, NULL, keep_changing, NULL) == 0);
    CHECK(wi_process_view_open_self(&view, &error) == WEIR_OK);
    watch_changes(view);
    CHECK(wi_process_view_open_file(own_path(), &view, &error) == WEIR_OK);
    watch_changes(view);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

CHILD_TEST(reads_labels_that_change)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_labels),
        cmocka_unit_test(test_makes_labels_safe),
        cmocka_unit_test(test_takes_older_options),
        cmocka_unit_test(test_keeps_labels_from_before_the_start),
        cmocka_unit_test(test_forgets_a_label_with_its_handle),
        cmocka_unit_test(test_gives_labels_to_a_forked_child),
        cmocka_unit_test(a_killed_process_leaves_its_labels),
        cmocka_unit_test(test_takes_ever_new_labels),
        cmocka_unit_test(test_refuses_a_label_without_room),
        cmocka_unit_test(test_reads_labels_that_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
