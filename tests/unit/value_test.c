/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment,agent/src/hook,agent/src/snapshot */
/* Unit, help and capacity of counters and gauges: as they were given, wherever the handle goes. And handles that are
 * opened in one line. */
#include "child.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct weir_error error;

static struct weir_gauge *open_gauge(const char *name, const char *unit, const char *help,
                                     uint64_t capacity)
{
    struct weir_value_options options = WEIR_VALUE_INIT(name);
    options.unit = unit;
    options.help = help;
    options.capacity = capacity;
    return weir_gauge_open(&options);
}

static struct weir_counter *open_counter(const char *name, const char *unit, const char *help)
{
    struct weir_value_options options = WEIR_VALUE_INIT(name);
    options.unit = unit;
    options.help = help;
    options.capacity = 7; /* a counter has none */
    return weir_counter_open(&options);
}

static struct wi_process_view *read_own(void)
{
    static struct weir_health health;
    struct wi_process_view *view;
    health.size = sizeof(health);
    weir_health_read(&health);
    CHECK(wi_process_view_open_file(health.path, &view, &error) == WEIR_OK);
    CHECK(wi_process_view_refresh(view, 1, &error) == WEIR_OK);
    return view;
}

static const struct wi_value *value_of(struct wi_process_view *view, enum wi_kind kind, size_t i,
                                       int metric)
{
    CHECK(i < wi_process_view_count(view, kind));
    return &wi_process_view_row(view, kind, i)->value[metric];
}

/* "": it has none. */
static bool has_text(struct wi_process_view *view, enum wi_kind kind, size_t i, int metric,
                     const char *text)
{
    const struct wi_value *value = value_of(view, kind, i, metric);
    return text[0] ? value->type == WI_TEXT && strcmp(value->u.text, text) == 0
                   : value->type == WI_ABSENT;
}

static void shows_unit_help_and_capacity(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    weir_gauge_set(open_gauge("sessions", "sessions", "Sessions that are open.", 400), 100);
    weir_gauge_set(open_gauge("plain", NULL, "", 0), -5);
    open_counter("sent", "bytes", "Bytes written to clients.");
    open_counter("kicks", "", NULL);
    struct wi_process_view *view = read_own();
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_UNIT, "sessions"));
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_HELP, "Sessions that are open."));
    CHECK(value_of(view, WI_GAUGE, 0, WI_GAUGE_CAPACITY)->u.u64 == 400);
    CHECK(value_of(view, WI_GAUGE, 0, WI_GAUGE_FILL)->u.f64 == 0.25);
    CHECK(has_text(view, WI_GAUGE, 1, WI_GAUGE_UNIT, ""));
    CHECK(has_text(view, WI_GAUGE, 1, WI_GAUGE_HELP, ""));
    CHECK(value_of(view, WI_GAUGE, 1, WI_GAUGE_CAPACITY)->type == WI_ABSENT);
    CHECK(value_of(view, WI_GAUGE, 1, WI_GAUGE_FILL)->type == WI_ABSENT);
    CHECK(has_text(view, WI_COUNTER, 0, WI_COUNTER_UNIT, "bytes"));
    CHECK(has_text(view, WI_COUNTER, 0, WI_COUNTER_HELP, "Bytes written to clients."));
    CHECK(has_text(view, WI_COUNTER, 1, WI_COUNTER_UNIT, ""));
    wi_process_view_close(view);
}

static void makes_the_texts_safe(const char *dir)
{
    (void)dir;
    char longer[WEIR_NAME_MAX + 2], longest[WEIR_NAME_MAX + 1];
    memset(longer, 'x', sizeof(longer) - 1);
    memset(longest, 'x', sizeof(longest) - 1);
    longer[sizeof(longer) - 1] = longest[sizeof(longest) - 1] = '\0';
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_gauge("level", "a\x1b[2Jb\n", longer, UINT64_MAX);
    struct wi_process_view *view = read_own();
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_UNIT, "a?[2Jb?"));
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_HELP, longest));
    CHECK(value_of(view, WI_GAUGE, 0, WI_GAUGE_CAPACITY)->type == WI_ABSENT);
    wi_process_view_close(view);
}

/* An application that was built before there were units says how long its options are. */
static void takes_older_options(const char *dir)
{
    (void)dir;
    struct weir_value_options options = WEIR_VALUE_INIT("level");
    options.unit = "not there";
    options.capacity = 3;
    options.size = offsetof(struct weir_value_options, unit);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(weir_gauge_open(&options) != NULL);
    struct wi_process_view *view = read_own();
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_UNIT, ""));
    CHECK(value_of(view, WI_GAUGE, 0, WI_GAUGE_CAPACITY)->type == WI_ABSENT);
    wi_process_view_close(view);
}

static void keeps_them_from_before_the_start(const char *dir)
{
    (void)dir;
    weir_gauge_close(open_gauge("gone", "seconds", "It is gone.", 9));
    open_gauge("early", "sessions", NULL, 12);
    open_counter("none", NULL, NULL);
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    struct wi_process_view *view = read_own();
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_UNIT, "sessions"));
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_HELP, ""));
    CHECK(value_of(view, WI_GAUGE, 0, WI_GAUGE_CAPACITY)->u.u64 == 12);
    CHECK(has_text(view, WI_COUNTER, 0, WI_COUNTER_UNIT, ""));
    wi_process_view_close(view);
}

static void gives_them_to_a_forked_child(const char *dir)
{
    (void)dir;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    open_gauge("sessions", "sessions", "Sessions that are open.", 400);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        open_counter("late", "sessions", "In the child.");
        struct wi_process_view *view = read_own();
        CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_HELP, "Sessions that are open."));
        CHECK(has_text(view, WI_COUNTER, 0, WI_COUNTER_UNIT, "sessions"));
        CHECK(has_text(view, WI_COUNTER, 0, WI_COUNTER_HELP, "In the child."));
        wi_process_view_close(view);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Texts are kept once, and there is room for 512: opening and closing does not fill the segment. */
static void keeps_equal_texts_once(const char *dir)
{
    (void)dir;
    struct weir_health health = {.size = sizeof(health)};
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    for (int i = 0; i < 100000; i++) {
        char help[64];
        snprintf(help, sizeof(help), "The help number %d of a program that has very many.",
                 i % 600);
        struct weir_gauge *gauge = open_gauge("level", "bytes", help, 1);
        CHECK(gauge != NULL);
        weir_gauge_close(gauge);
    }
    weir_health_read(&health);
    CHECK(health.segment_bytes <= (uint64_t)512 << 10);
    open_gauge("known", "bytes", "The help number 510 of a program that has very many.", 1);
    open_gauge("too many", "bytes", "The help number 511 of a program that has very many.", 1);
    struct wi_process_view *view = read_own();
    CHECK(has_text(view, WI_GAUGE, 0, WI_GAUGE_HELP,
                   "The help number 510 of a program that has very many."));
    CHECK(has_text(view, WI_GAUGE, 1, WI_GAUGE_HELP, ""));
    CHECK(has_text(view, WI_GAUGE, 1, WI_GAUGE_UNIT, "bytes"));
    wi_process_view_close(view);
}

static void opens_every_kind_in_one_line(const char *dir)
{
    (void)dir;
    char line[64];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    snprintf(line, sizeof(line), "value_test.c:%d", __LINE__ + 1);
    CHECK(weir_channel("jobs", WEIR_UNBOUNDED) && weir_channel_of("jobs", "client-7", 64) &&
          weir_semaphore("slots", 5) && weir_task_kind("handler") && weir_loop("network") &&
          weir_counter("joins") && weir_gauge("players", 9));
    struct wi_process_view *view = read_own();
    CHECK(value_of(view, WI_CHANNEL, 0, WI_CHANNEL_CAPACITY)->type == WI_ABSENT);
    CHECK(has_text(view, WI_CHANNEL, 0, WI_CHANNEL_LABEL, ""));
    CHECK(has_text(view, WI_CHANNEL, 0, WI_CHANNEL_SOURCE, line));
    CHECK(value_of(view, WI_CHANNEL, 1, WI_CHANNEL_CAPACITY)->u.u64 == 64);
    CHECK(has_text(view, WI_CHANNEL, 1, WI_CHANNEL_LABEL, "client-7"));
    CHECK(value_of(view, WI_SEMAPHORE, 0, WI_SEMAPHORE_PERMITS)->u.u64 == 5);
    CHECK(value_of(view, WI_TASK, 0, WI_TASK_SOURCE)->type == WI_TEXT);
    CHECK(value_of(view, WI_LOOP, 0, WI_LOOP_SOURCE)->type == WI_TEXT);
    CHECK(wi_process_view_count(view, WI_COUNTER) == 1);
    CHECK(value_of(view, WI_GAUGE, 0, WI_GAUGE_CAPACITY)->u.u64 == 9);
    wi_process_view_close(view);
}

CHILD_TEST(opens_every_kind_in_one_line)
CHILD_TEST(shows_unit_help_and_capacity)
CHILD_TEST(makes_the_texts_safe)
CHILD_TEST(takes_older_options)
CHILD_TEST(keeps_them_from_before_the_start)
CHILD_TEST(gives_them_to_a_forked_child)
CHILD_TEST(keeps_equal_texts_once)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_unit_help_and_capacity),
        cmocka_unit_test(test_makes_the_texts_safe),
        cmocka_unit_test(test_takes_older_options),
        cmocka_unit_test(test_keeps_them_from_before_the_start),
        cmocka_unit_test(test_gives_them_to_a_forked_child),
        cmocka_unit_test(test_keeps_equal_texts_once),
        cmocka_unit_test(test_opens_every_kind_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
