/* SPDX-License-Identifier: MIT */
/* One exposition of several processes: whose series are whose, and that a parser takes it. */
#include "fake_view.h"
#include "wire/scrape.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wi_process_views views;
static struct wi_process_view *game, *twin, *lobby;
static struct wi_buffer buffer;

static struct wi_process_view *add(const char *name, uint32_t pid, uint64_t sent)
{
    struct wi_process_view *view = fake_view_create(name);
    struct weir_histogram histogram = {.sum = 5000};
    histogram.bucket[9] = 3;
    fake_view_facts(view)->pid = pid;
    struct wi_row *row = fake_view_add_channel(view, "moves", sent, 5, WEIR_UNBOUNDED);
    fake_view_set_histogram(view, row, WI_CHANNEL_WAIT, &histogram);
    fake_view_add_semaphore(view, "slots", 64, 3);
    assert_int_equal(wi_process_views_add(&views, view), WEIR_OK);
    return view;
}

static int setup(void **state)
{
    (void)state;
    wi_process_views_init(&views, true);
    game = add("game", 4821, 100);
    twin = add("game", 4822, 200);
    lobby = add("lo\"bby", 4823, 300);
    wi_buffer_init(&buffer, 64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wi_process_views_finish(&views);
    wi_buffer_finish(&buffer);
    return 0;
}

static void refresh_all(void)
{
    for (struct wi_served *served = views.first; served; served = served->next) {
        wi_process_views_refresh(&views, served, 1, NULL);
    }
}

static const char *scrape(enum wi_format format)
{
    refresh_all();
    wi_buffer_clear(&buffer);
    assert_int_equal(wi_scrape_encode(&views, format, false, &buffer), WEIR_OK);
    wi_buffer_append(&buffer, "", 1);
    return (const char *)buffer.bytes;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("no <%s> in\n%s", part, text);
    }
}

static void every_process_has_its_series(void **state)
{
    (void)state;
    const char *text = scrape(WI_FORMAT_TEXT);
    assert_has(text,
               "\nweir_channel_sent_total{process=\"game\",pid=\"4821\",channel=\"moves\"} 100\n");
    assert_has(text,
               "\nweir_channel_sent_total{process=\"game\",pid=\"4822\",channel=\"moves\"} 200\n");
    assert_has(
        text,
        "\nweir_channel_sent_total{process=\"lo\\\"bby\",pid=\"4823\",channel=\"moves\"} 300\n");
    assert_has(text, "\nweir_channel_residence_seconds_count{process=\"game\",pid=\"4822\",channel="
                     "\"moves\"} 3\n");
    assert_has(text, "\nweir_build_info{process=\"game\",pid=\"4821\",version=");
    assert_int_equal(count(text, "weir_channel_info{process="), 3);
    assert_int_equal(count(text, "weir_semaphore_permits{process="), 3);
}

/* Families are told once and not interleaved; no series stands twice. */
static void assert_well_formed(const char *text)
{
    char family[128] = "";
    char *copy = strdup(text);
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
        char part[600];
        if (line[0] == '#') {
            if (sscanf(line, "# TYPE %127s", family) == 1) {
                snprintf(part, sizeof(part), "# TYPE %s ", family);
                assert_int_equal(count(text, part), 1);
            }
            continue;
        }
        if (strncmp(line, family, strlen(family)) != 0) {
            fail_msg("<%s> stands in family %s", line, family);
        }
        *strrchr(line, ' ') = '\0';
        snprintf(part, sizeof(part), "\n%s ", line);
        if (count(text, part) != 1) {
            fail_msg("<%s> stands %zu times", line, count(text, part));
        }
    }
    free(copy);
}

static void families_stand_once_and_series_too(void **state)
{
    (void)state;
    assert_well_formed(scrape(WI_FORMAT_TEXT));
    const char *text = scrape(WI_FORMAT_OPENMETRICS);
    assert_well_formed(text);
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void the_exporters_own_numbers_have_no_process(void **state)
{
    (void)state;
    views.self->scrapes = 7;
    views.self->clients = 2;
    views.n_left_out = 1;
    fake_view_set_u64(fake_view_row(game, WI_AGENT, 0), WI_AGENT_HANDLES, 3);
    fake_view_set_u64(fake_view_row(game, WI_AGENT, 0), WI_AGENT_SCRAPES, 99);
    const char *text = scrape(WI_FORMAT_TEXT);
    assert_has(text, "\nweir_agent_scrapes_total 7\n");
    assert_has(text, "\nweir_agent_clients 2\n");
    assert_has(text, "\nweir_agent_processes 3\n");
    assert_has(text, "\nweir_agent_processes_left_out 1\n");
    assert_has(text, "\nweir_agent_handles{process=\"game\",pid=\"4821\"} 3\n");
    assert_int_equal(count(text, "\nweir_agent_scrapes_total"), 1);
}

static void who_has_ended_or_cannot_be_read_is_not_in_it(void **state)
{
    (void)state;
    scrape(WI_FORMAT_TEXT);
    fake_view_set_state(twin, WI_STATE_DEAD);
    fake_view_fail_refresh(lobby, WEIR_E_CORRUPT, "broken");
    const char *text = scrape(WI_FORMAT_TEXT);
    assert_null(strstr(text, "4822"));
    assert_null(strstr(text, "4823"));
    assert_has(text, "\nweir_agent_processes 1\n");
    fake_view_fail_refresh(lobby, WEIR_OK, "");
    assert_has(scrape(WI_FORMAT_TEXT), "pid=\"4823\"");
}

/* Better a gap than a wrong number; and what one process has wrong takes nothing from the others. */
static void waits_that_cannot_be_read_are_left_out_of_one_process_alone(void **state)
{
    (void)state;
    fake_view_fail_octaves(game, WEIR_E_LIMIT);
    const char *text = scrape(WI_FORMAT_TEXT);
    assert_null(strstr(text, "weir_channel_residence_seconds_count{process=\"game\",pid=\"4821\""));
    assert_has(text, "\nweir_channel_residence_seconds_count{process=\"game\",pid=\"4822\",channel="
                     "\"moves\"} 3\n");
    assert_has(text,
               "\nweir_channel_sent_total{process=\"game\",pid=\"4821\",channel=\"moves\"} 100\n");
    assert_well_formed(text);
    fake_view_fail_octaves(game, WEIR_OK);
    assert_has(scrape(WI_FORMAT_TEXT),
               "\nweir_channel_residence_seconds_count{process=\"game\",pid=\"4821\",channel="
               "\"moves\"} 3\n");
}

static void without_memory_for_waits_it_fails_whole(void **state)
{
    (void)state;
    fake_view_fail_octaves(game, WEIR_E_MEMORY);
    refresh_all();
    assert_int_equal(wi_scrape_encode(&views, WI_FORMAT_TEXT, false, &buffer), WEIR_E_MEMORY);
}

static void without_any_process_it_is_an_exposition_still(void **state)
{
    (void)state;
    struct wi_process_view *all[] = {game, twin, lobby};
    for (size_t i = 0; i < 3; i++) {
        fake_view_set_state(all[i], WI_STATE_DEAD);
    }
    const char *text = scrape(WI_FORMAT_OPENMETRICS);
    assert_well_formed(text);
    assert_null(strstr(text, "process="));
    assert_has(text, "\nweir_agent_processes 0\n");
    assert_int_equal(count(text, "# EOF\n"), 1);
}

/* Containers: each has its own pid 1. */
static void one_name_and_one_pid_twice_are_told_apart(void **state)
{
    (void)state;
    fake_view_facts(twin)->pid = 4821;
    fake_view_facts(twin)->own = (struct wi_stem){1, 777, 42};
    const char *text = scrape(WI_FORMAT_TEXT);
    assert_has(text, "{process=\"game\",pid=\"4821\",channel=\"moves\"} 100\n");
    assert_has(text, "{process=\"game\",pid=\"4821-777-0000002a\",channel=\"moves\"} 200\n");
    assert_well_formed(text);
}

static void longest_names_have_room(void **state)
{
    (void)state;
    struct wi_facts *facts = fake_view_facts(game);
    char name[WEIR_NAME_MAX + 1];
    memset(name, '"', WEIR_NAME_MAX);
    name[WEIR_NAME_MAX] = '\0';
    memcpy(facts->name, name, sizeof(name));
    facts->pid = UINT32_MAX;
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "%03u", i);
        memset(name + 3, '\\', WEIR_NAME_MAX - 3);
        fake_view_add_channel(game, name, 1, 0, 8);
    }
    const char *text = scrape(WI_FORMAT_TEXT);
    assert_has(text, "\",pid=\"4294967295\",channel=\"other\"}");
    assert_int_equal(count(text, "weir_channel_sent_total{process=\"\\\""), 257);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_process_has_its_series),
        TEST(families_stand_once_and_series_too),
        TEST(the_exporters_own_numbers_have_no_process),
        TEST(who_has_ended_or_cannot_be_read_is_not_in_it),
        TEST(waits_that_cannot_be_read_are_left_out_of_one_process_alone),
        TEST(without_memory_for_waits_it_fails_whole),
        TEST(without_any_process_it_is_an_exposition_still),
        TEST(one_name_and_one_pid_twice_are_told_apart),
        TEST(longest_names_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
