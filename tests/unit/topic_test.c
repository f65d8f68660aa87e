/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/encode */
/* Topics: what parses, what matches, and what an error suggests. */
#include "weir/topic.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static struct wi_topic topic;
static struct weir_error error;

static void assert_parses(const char *text)
{
    error.text[0] = 0;
    if (wi_topic_parse(text, "game", wi_catalog_of_segments(), &topic, &error) != WEIR_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    assert_string_equal(topic.text, text);
}

static void assert_fails(const char *text, enum weir_status status, const char *part)
{
    struct wi_topic untouched;
    memset(&untouched, 0xa5, sizeof(untouched));
    memcpy(&topic, &untouched, sizeof(topic));
    enum weir_status got = wi_topic_parse(text, "game", wi_catalog_of_segments(), &topic, &error);
    if (got != status || !strstr(error.text, part)) {
        fail_msg("%s: status %d, text <%s>, expected <%s>", text, got, error.text, part);
    }
    assert_memory_equal(&topic, &untouched, sizeof(topic));
}

static bool matches(const char *text, enum wi_kind kind, int metric, const char *name)
{
    const struct wi_topic_line line = {kind, metric, name, NULL};
    assert_parses(text);
    return wi_topic_matches(&topic, &line);
}

static bool matches_label(const char *text, const char *name, const char *label)
{
    const struct wi_topic_line line = {WI_CHANNEL, WI_CHANNEL_DEPTH, name, label};
    assert_parses(text);
    return wi_topic_matches(&topic, &line);
}

static size_t write_line(enum wi_kind kind, int metric, const char *name, char *ret_text,
                         size_t room)
{
    const struct wi_topic_line line = {kind, metric, name, NULL};
    return wi_topic_write(&topic, &line, ret_text, room);
}

static void plain_topic_matches_its_row(void **state)
{
    (void)state;
    const char *text = "game/channel/depth/moves";
    assert_true(matches(text, WI_CHANNEL, WI_CHANNEL_DEPTH, "moves"));
    assert_false(matches(text, WI_CHANNEL, WI_CHANNEL_DEPTH, "move"));
    assert_false(matches(text, WI_CHANNEL, WI_CHANNEL_DEPTH, "moves/x"));
    assert_false(matches(text, WI_CHANNEL, WI_CHANNEL_SENT, "moves"));
    assert_false(matches(text, WI_SEMAPHORE, 0, "moves"));
    assert_false(matches(text, WI_CHANNEL, -1, "moves"));
    assert_false(matches(text, WI_CHANNEL, WI_MAX_METRICS, "moves"));
    assert_false(matches(text, WI_N_KINDS, 0, "moves"));
}

static void without_a_name_every_row_matches(void **state)
{
    (void)state;
    assert_true(matches("game/channel/size", WI_CHANNEL, WI_CHANNEL_DEPTH, "moves"));
    assert_true(matches("game/channel/size", WI_CHANNEL, WI_CHANNEL_DEPTH, "a/b/c"));
}

static void names_may_hold_slashes(void **state)
{
    (void)state;
    assert_true(matches("game/channel/depth/room/7/out", WI_CHANNEL, 0, "room/7/out"));
    assert_true(matches("game/channel/depth/room/+/out", WI_CHANNEL, 0, "room/7/out"));
    assert_false(matches("game/channel/depth/room/+/out", WI_CHANNEL, 0, "room/7/8/out"));
    assert_true(matches("game/channel/depth/room/#", WI_CHANNEL, 0, "room/7/out"));
    assert_true(matches("game/channel/depth/room/#", WI_CHANNEL, 0, "room"));
    assert_false(matches("game/channel/depth/room/#", WI_CHANNEL, 0, "rooms/7"));
    assert_true(matches("game/channel/depth/+", WI_CHANNEL, 0, "moves"));
    assert_false(matches("game/channel/depth/+", WI_CHANNEL, 0, "room/7"));
    assert_true(matches("game/channel/depth/room#4", WI_CHANNEL, 0, "room#4"));
}

static void wildcards_stand_for_levels(void **state)
{
    (void)state;
    assert_true(matches("game/#", WI_WARNING, WI_WARNING_TEXT, "moves"));
    assert_true(matches("#", WI_PROCESS, WI_PROCESS_RSS, "game"));
    assert_true(matches("+/channel/+/moves", WI_CHANNEL, WI_CHANNEL_WAIT_P99, "moves"));
    assert_false(matches("+/channel/+/moves", WI_CHANNEL, WI_CHANNEL_WAIT_P99, "others"));
    assert_true(matches("game/channel/#", WI_CHANNEL, WI_CHANNEL_SOURCE, "moves"));
    assert_false(matches("game/channel/#", WI_TASK, 0, "moves"));
    assert_true(matches("game/+/wait", WI_CHANNEL, WI_CHANNEL_WAIT, "moves"));
    assert_true(matches("game/+/wait", WI_SEMAPHORE, WI_SEMAPHORE_WAIT, "slots"));
    assert_false(matches("game/+/wait", WI_COUNTER, WI_COUNTER_VALUE, "x"));
    assert_true(matches("game/channel/size/#", WI_CHANNEL, WI_CHANNEL_DEPTH, "any/thing"));
}

static void domain_may_hold_slashes(void **state)
{
    (void)state;
    assert_int_equal(
        wi_topic_parse("a/b/channel/depth/x/y", "a/b", wi_catalog_of_segments(), &topic, NULL),
        WEIR_OK);
    assert_true(wi_topic_matches(
        &topic, &(struct wi_topic_line){WI_CHANNEL, WI_CHANNEL_DEPTH, "x/y", NULL}));
}

static void lines_say_the_field_as_it_was_asked(void **state)
{
    (void)state;
    char text[512];

    assert_parses("game/channel/size/moves");
    assert_int_equal(write_line(WI_CHANNEL, WI_CHANNEL_DEPTH, "moves", text, sizeof(text)), 23);
    assert_string_equal(text, "game/channel/size/moves");

    assert_parses("+/channel/#");
    write_line(WI_CHANNEL, WI_CHANNEL_DEPTH, "a/b", text, sizeof(text));
    assert_string_equal(text, "game/channel/depth/a/b");

    assert_parses("game/process/rss");
    write_line(WI_PROCESS, WI_PROCESS_RSS, "game", text, sizeof(text));
    assert_string_equal(text, "game/process/rss");

    assert_int_equal(write_line(WI_PROCESS, WI_PROCESS_RSS, "game", text, 6), 5);
    assert_string_equal(text, "game/");
    assert_int_equal(write_line(WI_PROCESS, 0, "game", text, 0), 0);
}

static void a_label_is_part_of_the_topic(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label, *topic;
    } cases[] = {
        {"writes", "client-7", "game/channel/depth/writes@client-7"},
        {"a/b", "10.0.0.1:80", "game/channel/depth/a/b@10.0.0.1:80"},
        {"user@host", "x", "game/channel/depth/user@host@x"},
        {"writes", "100% a/b+c#d@e", "game/channel/depth/writes@100%25 a%2Fb%2Bc%23d%40e"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct wi_topic_line line = {WI_CHANNEL, WI_CHANNEL_DEPTH, cases[i].name,
                                           cases[i].label};
        char text[512];
        assert_parses("game/channel/#");
        assert_int_equal(wi_topic_write(&topic, &line, text, sizeof(text)), strlen(cases[i].topic));
        assert_string_equal(text, cases[i].topic);
        assert_int_equal(wi_topic_write(&topic, &line, text, 30), 29);
        assert_true(matches_label(cases[i].topic, cases[i].name, cases[i].label));
        assert_false(matches_label(cases[i].topic, cases[i].name, NULL));
        assert_false(matches_label(cases[i].topic, cases[i].name, "other"));
        assert_false(matches_label(cases[i].topic, "other", cases[i].label));
    }
}

static void labels_are_asked_for_by_name_and_wildcard(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool plain, labelled, other; /* writes, writes@client-7, reads@client-7 */
    } cases[] = {
        {"game/channel/depth/writes", true, false, false},
        {"game/channel/depth/writes@client-7", false, true, false},
        {"game/channel/depth/writes@client%2D7", false, true, false},
        {"game/channel/depth/writes@client-8", false, false, false},
        {"game/channel/depth/writes@client", false, false, false},
        {"game/channel/depth/writes@client-77", false, false, false},
        {"game/channel/depth/writes@", false, false, false},
        {"game/channel/depth/writes@+", false, true, false},
        {"game/channel/depth/writes@#", true, true, false},
        {"game/channel/depth/+@client-7", false, true, true},
        {"game/channel/depth/+@+", false, true, true},
        {"game/channel/depth/+@#", true, true, true},
        {"game/channel/depth/+", true, true, true},
        {"game/channel/depth/#", true, true, true},
        {"game/channel/depth", true, true, true},
        {"game/channel/depth/writes/#", true, false, false},
        {"game/channel/depth/writes@client-7/#", false, false, false},
        {"game/channel/depth/writes@cl+", false, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool holds = matches_label(cases[i].text, "writes", NULL) == cases[i].plain &&
                     matches_label(cases[i].text, "writes", "client-7") == cases[i].labelled &&
                     matches_label(cases[i].text, "reads", "client-7") == cases[i].other;
        if (!holds) {
            fail_msg("%s", cases[i].text);
        }
    }
    assert_true(matches_label("game/channel/depth/a/+@+", "a/b", "c"));
    assert_true(matches_label("game/channel/depth/user@host", "user@host", NULL));
    assert_true(matches_label("game/channel/depth/user@host", "user", "host"));
    assert_true(matches_label("game/channel/depth/w@a%2fb%zz%4", "w", "a/b%zz%4"));
}

static void unknown_words_are_answered_with_the_nearest_topic(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"tokio/channel/size", "did you mean game/channel/size?"},
        {"tokio/channel/size/moves", "did you mean game/channel/size/moves?"},
        {"tokio/chanel/sise", "did you mean game/channel/size?"},
        {"game/chanel/size", "did you mean game/channel/size?"},
        {"game/channels/size", "did you mean game/channel/size?"},
        {"game/channel/dept", "did you mean game/channel/depth?"},
        {"game/channel/dept/moves", "did you mean game/channel/depth/moves?"},
        {"game/channel/high-water", "did you mean game/channel/high_water?"},
        {"game/channel/SIZE", "did you mean game/channel/size?"},
        {"game/semaphore/availible/slots", "did you mean game/semaphore/available/slots?"},
        {"game/+/availible", "did you mean game/semaphore/available?"},
        {"channel/size", "did you mean game/channel/size?"},
        {"channel/size/moves", "did you mean game/channel/size/moves?"},
        {"channel/depth/a/b", "did you mean game/channel/depth/a/b?"},
        {"gmae/#", "did you mean game/#?"},
        {"tokio/task/pending/handle", "did you mean game/task/pending/handle?"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_fails(cases[i].text, WEIR_E_NOT_FOUND, cases[i].part);
    }
}

static void words_near_to_none_are_answered_with_the_list(void **state)
{
    (void)state;
    assert_fails("game/zzzzzz/size", WEIR_E_NOT_FOUND, "there are channel, semaphore, task");
    assert_fails("game/channel/zzzzzz", WEIR_E_NOT_FOUND, "there are depth, capacity");
    assert_fails("game/gauge/depth", WEIR_E_NOT_FOUND, "there are value");
}

static void malformed_topics_say_what_a_topic_is(void **state)
{
    (void)state;
    char text[600];
    assert_fails("", WEIR_E_ARGUMENT, "empty");
    assert_fails("game", WEIR_E_ARGUMENT, "no FIELD");
    assert_fails("+", WEIR_E_ARGUMENT, "no FIELD");
    assert_fails("game/channel", WEIR_E_ARGUMENT, "game/channel/size");
    assert_fails("game//size", WEIR_E_ARGUMENT, "empty");
    assert_fails("/game/channel/size", WEIR_E_ARGUMENT, "empty");
    assert_fails("game/channel/size/", WEIR_E_ARGUMENT, "empty");
    assert_fails("game/#/size", WEIR_E_ARGUMENT, "last");
    assert_fails("game/channel/size/#/x", WEIR_E_ARGUMENT, "last");
    memset(text, 'x', sizeof(text));
    text[599] = 0;
    memcpy(text, "game/channel/size/", 18);
    assert_fails(text, WEIR_E_ARGUMENT, "longer");
    text[400] = 0;
    assert_fails(text, WEIR_E_ARGUMENT, "NAME is longer");
    text[18 + WEIR_NAME_MAX] = '@';
    assert_fails(text, WEIR_E_ARGUMENT, "LABEL is longer");
    text[18 + WI_TOPIC_NAME_MAX] = 0;
    assert_parses(text);
}

static void errors_are_printable(void **state)
{
    (void)state;
    assert_int_equal(wi_topic_parse("ga\x1b[2Jme\n\xff/channel/size", "game",
                                    wi_catalog_of_segments(), &topic, &error),
                     WEIR_E_NOT_FOUND);
    for (const char *at = error.text; *at; at++) {
        assert_in_range(*at, ' ', '~');
    }
}

static void mutations_never_harm(void **state)
{
    (void)state;
    static const char *const seeds[] = {"game/channel/size/moves", "+/channel/+/moves", "game/#",
                                        "tokio/channel/size", "channel/size"};
    static const char alphabet[] = "/+#@/game channelsize\x01\xff?*%";
    unsigned random = 7;
    char text[700];
    for (int round = 0; round < 300000; round++) {
        random = random * 1664525U + 1013904223U;
        strcpy(text, seeds[(random >> 8) % 5]);
        size_t length = strlen(text);
        for (unsigned i = 0; i < (random >> 12) % 5; i++) {
            random = random * 1664525U + 1013904223U;
            text[(random >> 8) % (length + 1)] = alphabet[(random >> 20) % (sizeof(alphabet) - 1)];
            text[length + 1] = 0;
            length = strlen(text);
        }
        if (wi_topic_parse(text, "game", wi_catalog_of_segments(), &topic, &error) == WEIR_OK) {
            const struct wi_topic_line line = {WI_CHANNEL, WI_CHANNEL_DEPTH, "moves",
                                               round % 2 ? "a@b" : NULL};
            char written[512];
            wi_topic_matches(&topic, &line);
            wi_topic_write(&topic, &line, written, sizeof(written));
        } else {
            assert_true(strlen(error.text) > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_topic_matches_its_row),
        cmocka_unit_test(without_a_name_every_row_matches),
        cmocka_unit_test(names_may_hold_slashes),
        cmocka_unit_test(wildcards_stand_for_levels),
        cmocka_unit_test(domain_may_hold_slashes),
        cmocka_unit_test(lines_say_the_field_as_it_was_asked),
        cmocka_unit_test(a_label_is_part_of_the_topic),
        cmocka_unit_test(labels_are_asked_for_by_name_and_wildcard),
        cmocka_unit_test(unknown_words_are_answered_with_the_nearest_topic),
        cmocka_unit_test(words_near_to_none_are_answered_with_the_list),
        cmocka_unit_test(malformed_topics_say_what_a_topic_is),
        cmocka_unit_test(errors_are_printable),
        cmocka_unit_test(mutations_never_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
