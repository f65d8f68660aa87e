/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/snapshot */
/* What `weir diff` compares: numbers over many looks, and a snapshot's JSON, which anybody may have written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/document.h"
#include "base/memory.h"
#include "command/command.h"
#include "command/diff_input.h"
#include "weir/metric.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers ------------------------------------------------------------------------------ */

static const struct wc_measure *found(const struct wc_measures *measures, const char *name)
{
    const struct wc_measure *measure = wc_measures_find(measures, 1, 2, name);
    assert_non_null(measure);
    return measure;
}

static void numbers_are_added_up_over_looks(void **state)
{
    static const double values[] = {5, 9, 2, 4};
    struct wc_measures measures;
    (void)state;
    wc_measures_init(&measures);
    assert_null(wc_measures_find(&measures, 1, 2, "a"));
    for (int i = 0; i < 4; i++) {
        wc_measures_look(&measures, i ? 1.5 : 0);
        wc_measures_add(&measures, 1, 2, "a", values[i], false);
        wc_measures_add(&measures, 1, 2, "a", 1000, false); /* a second row of this name */
        wc_measures_add(&measures, 1, 2, "absent", i == 1 ? NAN : INFINITY, false);
        if (i >= 2) {
            wc_measures_add(&measures, 1, 2, "late", values[i], false);
        }
    }
    assert_true(measures.seconds == 4.5 && measures.looks == 4 && measures.n == 2);
    const struct wc_measure *a = found(&measures, "a"), *late = found(&measures, "late");
    assert_true(a->last == 4 && a->least == 2 && a->greatest == 9 && a->seen == 4);
    assert_true(wc_measure_mean(a) == 5);
    /* 4 to 9, again at 2, and 2 more: a counter never goes back but by a new start. */
    assert_true(a->increase == 4 + 2 + 2);
    assert_true(late->seen == 2 && late->increase == 2 + 2 && wc_measure_mean(late) == 3);
    assert_null(wc_measures_find(&measures, 1, 2, "absent"));
    assert_null(wc_measures_find(&measures, 1, 3, "a"));
    assert_null(wc_measures_find(&measures, 2, 2, "a"));
    wc_measures_finish(&measures);
}

static void many_names_are_told_apart_and_bounded(void **state)
{
    struct wc_measures measures;
    char name[16];
    (void)state;
    wc_measures_init(&measures);
    wc_measures_look(&measures, 0);
    for (unsigned i = 0; i < WC_MEASURES_MAX + 10; i++) {
        snprintf(name, sizeof(name), "%x", i);
        wc_measures_add(&measures, 1, 2, name, i, false);
    }
    assert_int_equal(measures.n, WC_MEASURES_MAX);
    assert_int_equal(measures.left_out, 10);
    for (unsigned i = 0; i < WC_MEASURES_MAX; i += 997) {
        snprintf(name, sizeof(name), "%x", i);
        assert_true(found(&measures, name)->last == i);
    }
    wc_measures_finish(&measures);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static struct wc_document *parse(const char *text, size_t *ret_offset)
{
    return wc_document_parse(wc_copy(text), strlen(text), ret_offset);
}

static void json_becomes_a_tree(void **state)
{
    static const char text[] = " {\"a\" : [1, -2.5e2, true,false,null, [] , {}],\r\n"
                               "\t\"t\\u0065xt\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\\ud83d\\ude00"
                               "\\ud83d \\u0000\",\"a\":2} ";
    size_t offset;
    (void)state;
    struct wc_document *document = parse(text, &offset);
    assert_non_null(document);
    const struct wc_node *root = wc_document_root(document);
    assert_int_equal(root->type, WC_NODE_OBJECT);
    const struct wc_node *node = wc_node_member(root, "a"); /* the first of two */
    assert_int_equal(node->type, WC_NODE_ARRAY);
    node = node->first;
    assert_true(node->type == WC_NODE_NUMBER && node->number == 1);
    node = node->next;
    assert_true(node->type == WC_NODE_NUMBER && node->number == -250);
    static const enum wc_node_type types[] = {WC_NODE_TRUE, WC_NODE_FALSE, WC_NODE_NULL,
                                              WC_NODE_ARRAY, WC_NODE_OBJECT};
    for (int i = 0; i < 5; i++) {
        node = node->next;
        assert_int_equal(node->type, types[i]);
        assert_null(node->first);
    }
    assert_null(node->next);
    assert_string_equal(wc_node_text(root, "text"),
                        "\"\\/\b\f\n\r\t\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd \xef\xbf\xbd");
    assert_string_equal(wc_node_text(root, "a"), "");
    assert_string_equal(wc_node_text(NULL, "a"), "");
    assert_null(wc_node_member(wc_node_member(root, "a"), "a"));
    wc_document_free(document);
}

static void what_is_no_json_is_refused_where_it_is_wrong(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } bad[] = {
        {"", 0},        {"  ", 2},       {"{", 1},           {"[1", 2},       {"[1,]", 3},
        {"{\"a\"}", 4}, {"{\"a\":}", 5}, {"{a:1}", 1},       {"nul", 0},      {"1 2", 2},
        {"\"a", 2},     {"\"\\x\"", 3},  {"\"\\u12g4\"", 5}, {"\"a\nb\"", 2}, {"1e", 2},
        {"--1", 3},     {"[1}", 2},      {"{\"a\":1]", 6},   {"\"\\", 2},
    };
    size_t offset;
    char deep[80];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        offset = 99;
        if (parse(bad[i].text, &offset) || offset != bad[i].offset) {
            fail_msg("%s: at %zu, not %zu", bad[i].text, offset, bad[i].offset);
        }
    }
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    deep[66] = '\0';
    struct wc_document *document = parse(deep, &offset);
    assert_non_null(document);
    wc_document_free(document);
    memset(deep, '[', 34);
    memset(deep + 34, ']', 34);
    deep[68] = '\0';
    assert_null(parse(deep, &offset));
}

/* ---- a snapshot as a side ------------------------------------------------------------------ */

static char path[] = "/tmp/weir-diff-XXXXXX";

static enum wc_status read_side(const char *text, struct wc_diff_input *side,
                                struct wc_error *ret_error)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    wc_diff_input_init(side);
    return wc_diff_input_read(path, side, ret_error);
}

static double side_value(const struct wc_diff_input *side, int kind, uint32_t metric,
                         const char *name)
{
    const struct wc_measure *measure = wc_measures_find(&side->measures, kind, metric, name);
    return measure ? measure->last : NAN;
}

static void a_snapshot_has_the_numbers_that_are_in_it(void **state)
{
    struct wc_diff_input side;
    struct wc_error error = {0};
    (void)state;
    enum wc_status code = read_side(
        "{\"schema\":\"weir.snapshot/1\",\"ts\":\"2026-11-23T19:10:26.120Z\",\"target\":{\"name\":"
        "\"ga\\u001bme\",\"pid\":4821},\"data\":{\"process\":{\"rss_bytes\":4096,\"threads\":null},"
        "\"channels\":[{\"name\":\"moves\",\"depth\":7,\"sent\":\"18446744073709551615\","
        "\"source\":\"a.c:1\"},{\"name\":\"jobs\",\"depth\":[1]},3,null],\"unheard\":[{\"a\":1}]}}",
        &side, &error);
    assert_int_equal(code, WC_OK);
    assert_string_equal(wc_diff_input_form(&side), "snapshot");
    assert_int_equal(side.pid, 4821);
    assert_null(strchr(side.name, '\x1b'));
    assert_int_equal(side.unix_nanos, INT64_C(1795461026120000000));
    assert_true(side_value(&side, WI_CHANNEL, WI_CHANNEL_DEPTH, "moves") == 7);
    assert_true(side_value(&side, WI_CHANNEL, WI_CHANNEL_SENT, "moves") == 18446744073709551616.0);
    assert_true(side_value(&side, WI_PROCESS, WI_PROCESS_RSS, "") == 4096);
    assert_true(isnan(side_value(&side, WI_PROCESS, WI_PROCESS_THREADS, "")));
    assert_true(isnan(side_value(&side, WI_CHANNEL, WI_CHANNEL_DEPTH, "jobs")));
    const struct wc_diff_input_metric *depth =
        wc_diff_input_metric(&side, WI_CHANNEL, WI_CHANNEL_DEPTH);
    assert_non_null(depth);
    assert_string_equal(depth->field, "depth");
    assert_false(depth->is_counter);
    assert_true(wc_diff_input_metric(&side, WI_CHANNEL, WI_CHANNEL_SENT)->is_counter);
    assert_ptr_equal(wc_diff_input_metric_like(&side, depth), depth);
    wc_diff_input_finish(&side);
}

static void another_json_is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"{\"schema\":\"weir.list/1\",\"data\":{}}", "no snapshot"},
        {"{\"schema\":\"weir.snapshot/1\"}", "no snapshot"},
        {"{\"schema\":\"weir.snapshot/1\",\"data\":{}",
         "neither a recording nor JSON (at byte 37)"},
        {"no JSON at all", "not a weir segment"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct wc_diff_input side;
        struct wc_error error = {0};
        assert_int_equal(read_side(bad[i][0], &side, &error), WC_MISMATCH);
        if (!strstr(error.text, bad[i][1]) || !strstr(error.text, path)) {
            fail_msg("%s: %s", bad[i][0], error.text);
        }
        wc_diff_input_finish(&side);
    }
}

/* ---- the command ---------------------------------------------------------------------------- */

static void write_file(const char *to, const char *text)
{
    FILE *file = fopen(to, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* What `weir diff` prints for two snapshots, each a channel. */
static void print_diff(const char *before, const char *after, char *form, char ret_text[4096])
{
    static const char snapshot[] =
        "{\"schema\":\"weir.snapshot/1\",\"ts\":\"2026-11-23T19:10:%s.000Z\",\"target\":{\"name\":"
        "\"game\",\"pid\":7},\"data\":{\"channels\":[{%s}]}}";
    char text[1024], other[sizeof(path) + 8], printed[sizeof(path) + 8];
    snprintf(other, sizeof(other), "%s-other", path);
    snprintf(printed, sizeof(printed), "%s-printed", path);
    snprintf(text, sizeof(text), snapshot, "10", before);
    write_file(path, text);
    snprintf(text, sizeof(text), snapshot, "20", after);
    write_file(other, text);
    char *argv[] = {path, other, "-o", form};
    struct wc_args args;
    struct wc_error error;
    assert_int_equal(wc_args_parse(&wc_command_diff.syntax, 4, argv, &args, &error), WC_OK);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO), fd = open(printed, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && fd >= 0);
    dup2(fd, STDOUT_FILENO);
    enum wc_status code = wc_command_diff.run(&args);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    ssize_t n = pread(fd, ret_text, 4095, 0);
    close(fd);
    unlink(printed);
    unlink(other);
    assert_true(code == WC_OK && n > 0);
    ret_text[n] = '\0';
}

static void assert_has(const char *all, const char *part)
{
    if (!strstr(all, part)) {
        fail_msg("no <%s> in <%s>", part, all);
    }
}

static void a_channel_in_bytes_is_compared_in_bytes(void **state)
{
    static const char before[] = "\"name\":\"out\",\"unit\":\"bytes\",\"depth\":0,\"sent\":1000000,"
                                 "\"in_per_second\":1200000,\"rejects\":1";
    static const char after[] = "\"name\":\"out\",\"unit\":\"bytes\",\"depth\":2500000,\"sent\":"
                                "31000000,\"in_per_second\":700000,\"rejects\":31";
    char text[4096];
    (void)state;
    print_diff(before, after, "json", text);
    assert_has(text, "\"field\":\"depth\",\"name\":\"out\",\"unit\":\"bytes\"");
    assert_has(text, "\"field\":\"sent\",\"name\":\"out\",\"unit\":\"bytes\"");
    assert_has(text, "\"field\":\"rejects\",\"name\":\"out\",\"unit\":\"messages\"");
    print_diff(before, after, "human", text);
    assert_has(text, "+2.50 MB");
    assert_has(text, "3.00 MB/s"); /* between the two */
    assert_has(text, "1.20 MB/s");
    assert_has(text, "-500 kB/s");
}

static void a_channel_in_messages_is_compared_as_before(void **state)
{
    char text[4096];
    (void)state;
    print_diff("\"name\":\"moves\",\"depth\":10,\"unit\":\"messages\"",
               "\"name\":\"moves\",\"depth\":2500000", "human", text);
    assert_has(text, "+2,499,990");
    assert_null(strstr(text, " MB"));
}

/* A new version of the server may count otherwise. */
static void messages_and_bytes_are_not_subtracted(void **state)
{
    char text[4096];
    (void)state;
    print_diff("\"name\":\"out\",\"depth\":70",
               "\"name\":\"out\",\"unit\":\"bytes\",\"depth\":70000", "human", text);
    assert_has(text, "new");
    assert_has(text, "gone");
    assert_has(text, "70.0 kB");
    assert_has(text, "2 changed; 0 are the same");
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_added_up_over_looks),
        cmocka_unit_test(many_names_are_told_apart_and_bounded),
        cmocka_unit_test(json_becomes_a_tree),
        cmocka_unit_test(what_is_no_json_is_refused_where_it_is_wrong),
        cmocka_unit_test(a_snapshot_has_the_numbers_that_are_in_it),
        cmocka_unit_test(another_json_is_refused),
        cmocka_unit_test(a_channel_in_bytes_is_compared_in_bytes),
        cmocka_unit_test(a_channel_in_messages_is_compared_as_before),
        cmocka_unit_test(messages_and_bytes_are_not_subtracted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
