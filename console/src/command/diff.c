/* SPDX-License-Identifier: MIT */
/*
 * `weir diff A B`: the differences from A to B, number by number. Either may be a recording, the
 * output of `weir snapshot -o json`, or a live process.
 *
 * diff_input.c reads both into measures by kind, name and metric. Metrics are matched by kind and
 * FIELD, so that two versions of weir can be compared. If both inputs cover some time, counters are
 * compared as rates over it; gauges are compared by their mean, or as --by says. A row that exists
 * on one side only is new or gone.
 *
 * Rows are sorted by a score: the number of doublings between the two values, above a floor for
 * each unit, so that a step from nothing to a little comes late. People see the first rows,
 * programs all of them. The console's one thread.
 */
#include "command/command.h"
#include "command/report.h"
#include "command/diff_input.h"

#include "base/memory.h"
#include "base/text.h"
#include "emit/table.h"
#include "weir/wall.h"
#include "base/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIFF_ROWS       40 /* rows for people, unless they ask for more */
#define DIFF_NAME       320
#define DIFF_MANY_TIMES 100.0 /* from this factor on a change is shown as a factor */

enum { DIFF_OUTPUT = 1, DIFF_BY, DIFF_LIMIT, DIFF_ALL };

/* As in the choices of --by. */
enum diff_by { DIFF_MEAN, DIFF_LAST, DIFF_GREATEST, DIFF_LEAST };

static const struct wc_option diff_options[] = {
    {DIFF_OUTPUT, 'o', "output", WC_OPTION_CHOICE, "FORM", "human|json", false,
     "form of the output"},
    {DIFF_BY, 0, "by", WC_OPTION_CHOICE, "WHAT", "mean|last|max|min", false,
     "which value of a recording's gauges to compare; counters are compared by rate"},
    {DIFF_LIMIT, 'n', "limit", WC_OPTION_COUNT, "N", NULL, false, "show at most N rows (40)"},
    {DIFF_ALL, 'a', "all", WC_OPTION_FLAG, NULL, NULL, false,
     "include senders, single tasks and weir itself, and show all rows"},
};

/* One number of both sides. */
struct diff_row {
    int kind;
    const char *name;
    const struct wc_diff_input_metric *metric;
    const char *unit; /* of its numbers here: a channel may count bytes */
    bool has_before, has_after, is_rate;
    double before, after;
    double between; /* growth of a counter per second, from A to B; NaN: not known */
    double score;   /* the size of the change */
};

struct diff {
    struct wc_diff_input a, b;
    enum diff_by by;
    bool is_all;
    bool is_same; /* one process, B later than A */
    struct diff_row *rows;
    size_t n, room;
    size_t n_same; /* numbers that are the same */
};

/* ---- comparing ---------------------------------------------------------------------------- */

static double diff_gauge(const struct diff *diff, const struct wc_measure *measure)
{
    switch (diff->by) {
    case DIFF_LAST:
        return measure->last;
    case DIFF_GREATEST:
        return measure->greatest;
    case DIFF_LEAST:
        return measure->least;
    default:
        return wc_measure_mean(measure);
    }
}

/* Smaller values do not matter: so a step from nothing to a little is no large change. */
static double diff_floor(const struct diff_row *row)
{
    const char *unit = row->unit;
    return strncmp(unit, "bytes", 5) == 0 ? 4096
           : strcmp(unit, "seconds") == 0 ? row->is_rate ? 1e-3 : 1e-4
           : strcmp(unit, "ratio") == 0   ? 1e-2
                                          : 1;
}

static double diff_score(const struct diff_row *row)
{
    double floor = diff_floor(row);
    double before = row->has_before ? row->before : 0, after = row->has_after ? row->after : 0;
    /* As many doublings here as there; the sign counts, too. */
    double a = copysign(log1p(fabs(before) / floor), before);
    double b = copysign(log1p(fabs(after) / floor), after);
    return fabs(b - a);
}

/* Metrics that depend on the time of the sample more than on the process; and rates of the process
 * itself, if rates are computed from the counters. */
static bool diff_is_idle(const struct diff *diff, const struct wc_diff_input_metric *metric)
{
    const char *field = metric->field;
    const char *end = strrchr(field, '_');
    bool is_rate = strcmp(end ? end + 1 : field, "rate") == 0;
    bool has_rates = diff->a.measures.seconds > 0 && diff->b.measures.seconds > 0;
    return strcmp(field, "uptime") == 0 || strcmp(field, "window") == 0 || (is_rate && has_rates);
}

static bool diff_wants(const struct diff *diff, const struct wc_diff_input_metric *metric)
{
    int kind = metric->kind;
    return diff->is_all ||
           (kind != WEIR__V1__KIND__KIND_SENDER && kind != WEIR__V1__KIND__KIND_SINGLE &&
            kind != WEIR__V1__KIND__KIND_AGENT && !diff_is_idle(diff, metric));
}

static void diff_add_row(struct diff *diff, const struct wc_diff_input_metric *metric,
                         const struct wc_measure *a, const struct wc_measure *b)
{
    const struct wc_measure *any = a ? a : b;
    struct diff_row row = {.kind = any->kind,
                           .name = any->name,
                           .metric = metric,
                           .unit = wc_diff_input_unit(metric, any),
                           .has_before = a != NULL,
                           .has_after = b != NULL,
                           .between = NAN};
    double seconds_a = diff->a.measures.seconds, seconds_b = diff->b.measures.seconds;
    if (metric->is_counter && seconds_a > 0 && seconds_b > 0) {
        row.is_rate = true;
        row.before = a ? a->increase / seconds_a : 0;
        row.after = b ? b->increase / seconds_b : 0;
    } else {
        row.before = !a ? 0 : metric->is_counter ? a->last : diff_gauge(diff, a);
        row.after = !b ? 0 : metric->is_counter ? b->last : diff_gauge(diff, b);
    }
    double apart = (double)(diff->b.unix_nanos - diff->a.unix_nanos) / 1e9;
    if (metric->is_counter && !row.is_rate && diff->is_same && a && b && apart > 0) {
        row.between = (b->last - a->last) / apart;
    }
    row.score = diff_score(&row);
    if (row.has_before == row.has_after && row.before == row.after) {
        diff->n_same++;
        return;
    }
    diff->rows = wc_grow(diff->rows, diff->n, &diff->room, sizeof(*diff->rows));
    diff->rows[diff->n++] = row;
}

/* A channel may count messages on one side and bytes on the other. Such numbers cannot be compared: one is gone, the
 * other new. */
static void diff_add(struct diff *diff, const struct wc_diff_input_metric *metric,
                     const struct wc_measure *a, const struct wc_measure *b)
{
    if (a && b && strcmp(wc_diff_input_unit(metric, a), wc_diff_input_unit(metric, b)) != 0) {
        diff_add_row(diff, metric, a, NULL);
        diff_add_row(diff, metric, NULL, b);
    } else {
        diff_add_row(diff, metric, a, b);
    }
}

static int diff_compare(const void *a, const void *b)
{
    const struct diff_row *x = a, *y = b;
    if (x->score != y->score) {
        return x->score < y->score ? 1 : -1;
    }
    int order = x->kind != y->kind ? x->kind - y->kind : strcmp(x->name, y->name);
    return order ? order : strcmp(x->metric->field, y->metric->field);
}

static void diff_make(struct diff *diff)
{
    for (size_t i = 0; i < diff->a.measures.n; i++) {
        const struct wc_measure *a = &diff->a.measures.measure[i];
        const struct wc_diff_input_metric *metric =
            wc_diff_input_metric(&diff->a, a->kind, a->metric);
        const struct wc_diff_input_metric *other =
            metric ? wc_diff_input_metric_like(&diff->b, metric) : NULL;
        if (metric && diff_wants(diff, metric)) {
            diff_add(diff, metric, a,
                     other ? wc_measures_find(&diff->b.measures, other->kind, other->index, a->name)
                           : NULL);
        }
    }
    for (size_t i = 0; i < diff->b.measures.n; i++) {
        const struct wc_measure *b = &diff->b.measures.measure[i];
        const struct wc_diff_input_metric *metric =
            wc_diff_input_metric(&diff->b, b->kind, b->metric);
        const struct wc_diff_input_metric *other =
            metric ? wc_diff_input_metric_like(&diff->a, metric) : NULL;
        bool is_there = other && wc_measures_find(&diff->a.measures, other->kind, other->index,
                                                  b->name) != NULL;
        if (metric && !is_there && diff_wants(diff, metric)) {
            diff_add(diff, metric, NULL, b);
        }
    }
    if (diff->n > 1) {
        qsort(diff->rows, diff->n, sizeof(*diff->rows), diff_compare);
    }
}

/* ---- for people --------------------------------------------------------------------------- */

static void diff_format(const struct diff_row *row, double value, char to[WC_FORMAT_SIZE])
{
    const char *unit = row->unit;
    double size = fabs(value);
    char text[WC_FORMAT_SIZE];
    bool is_flow = strcmp(unit, "bytes_per_second") == 0;
    if (is_flow && strcmp(row->metric->unit, unit) == 0) {
        wc_format_growth(to, value);
        return;
    }
    if (is_flow || strcmp(unit, "bytes") == 0) {
        wc_format_bytes(text, size);
    } else if (strcmp(unit, "seconds") == 0 && !row->is_rate) {
        wc_format_latency(text, size);
    } else if (strcmp(unit, "ratio") == 0) {
        wc_format_share(text, size);
    } else if (row->is_rate || size != floor(size)) {
        wc_format_rate(text, size);
    } else {
        wc_format_whole(text, size);
    }
    snprintf(to, WC_FORMAT_SIZE, "%s%.30s%s", value < 0 ? "-" : "", text,
             row->is_rate || is_flow ? "/s" : "");
}

static void diff_format_percent(const struct diff_row *row, char to[WC_FORMAT_SIZE])
{
    double percent = (row->after - row->before) / fabs(row->before) * 100;
    if (!row->has_before) {
        snprintf(to, WC_FORMAT_SIZE, "new");
    } else if (!row->has_after) {
        snprintf(to, WC_FORMAT_SIZE, "gone");
    } else if (row->before == 0) {
        snprintf(to, WC_FORMAT_SIZE, "from 0");
    } else if (row->after / row->before >= DIFF_MANY_TIMES) {
        wc_format_rate(to, row->after / row->before);
        char factor[WC_FORMAT_SIZE];
        snprintf(factor, sizeof(factor), "x%.30s", to);
        memcpy(to, factor, sizeof(factor));
    } else {
        snprintf(to, WC_FORMAT_SIZE, fabs(percent) < 10 ? "%+.1f%%" : "%+.0f%%", percent);
    }
}

/* "channel/depth/moves", as a topic without its DOMAIN. */
static void diff_name(const struct diff_row *row, char to[DIFF_NAME])
{
    char name[DIFF_NAME];
    wc_text_clean(row->name, name, sizeof(name));
    snprintf(to, DIFF_NAME, "%s/%.60s%s%.200s", row->metric->kind_name, row->metric->field,
             name[0] ? "/" : "", name);
}

static void diff_print_row(const struct diff_row *row, struct wc_table *table)
{
    char name[DIFF_NAME], before[WC_FORMAT_SIZE] = "", after[WC_FORMAT_SIZE] = "";
    char change[WC_FORMAT_SIZE] = "", percent[WC_FORMAT_SIZE], rate[WC_FORMAT_SIZE] = "";
    diff_name(row, name);
    if (row->has_before) {
        diff_format(row, row->before, before);
    }
    if (row->has_after) {
        diff_format(row, row->after, after);
    }
    double by = row->after - row->before;
    diff_format(row, by, change);
    if (by > 0 && change[0] != '+') {
        char with_sign[WC_FORMAT_SIZE];
        snprintf(with_sign, sizeof(with_sign), "+%.37s", change);
        memcpy(change, with_sign, sizeof(change));
    }
    diff_format_percent(row, percent);
    if (!isnan(row->between)) {
        char text[WC_FORMAT_SIZE];
        if (strcmp(row->unit, "bytes") == 0) {
            wc_format_bytes(text, fabs(row->between));
        } else {
            wc_format_rate(text, fabs(row->between));
        }
        snprintf(rate, sizeof(rate), "%s%.30s/s", row->between < 0 ? "-" : "", text);
    }
    struct wc_value cells[] = {
        wc_value_text(name),   wc_value_text(before),  wc_value_text(after),
        wc_value_text(change), wc_value_text(percent), wc_value_text(rate),
    };
    wc_table_add(table, cells);
}

/* "A  a.weirrec: game (pid 4821), 45 s from 2026-11-25T20:22:02.000Z" */
static void diff_print_input(const char *letter, const struct wc_diff_input *input)
{
    char when[WC_FORMAT_SIZE];
    wc_format_time(when, input->unix_nanos);
    wc_text_print(stdout, "%s  %s: %s", letter, input->source, input->name);
    if (input->pid) { /* a Tokio server reports none */
        printf(" (pid %u)", input->pid);
    }
    fputs(", ", stdout);
    if (input->measures.seconds > 0) {
        printf("%.0f s to %s\n", input->measures.seconds, when);
    } else {
        printf("at %s\n", when);
    }
}

static void diff_print_human(const struct diff *diff, size_t limit)
{
    static const struct wc_column columns[] = {
        {"METRIC", "metric", WC_SHAPE_TEXT, NULL, false},
        {"BEFORE", "before", WC_SHAPE_EXACT, NULL, false},
        {"AFTER", "after", WC_SHAPE_EXACT, NULL, false},
        {"CHANGE", "change", WC_SHAPE_EXACT, NULL, false},
        {"%", "percent", WC_SHAPE_EXACT, NULL, false},
        {"BETWEEN", "between", WC_SHAPE_EXACT, NULL, true},
    };
    static const char *const words[] = {"mean", "last value", "greatest value", "least value"};
    bool has_time = diff->a.measures.seconds > 0 || diff->b.measures.seconds > 0;
    bool has_rates = diff->a.measures.seconds > 0 && diff->b.measures.seconds > 0;
    struct wc_table *table = wc_table_create(columns, sizeof(columns) / sizeof(columns[0]));
    size_t n = diff->n < limit ? diff->n : limit;
    diff_print_input("A", &diff->a);
    diff_print_input("B", &diff->b);
    if (has_time) {
        printf("%sof a recording's gauges the %s\n\n",
               has_rates ? "counters by their rates over the recording, " : "", words[diff->by]);
    } else {
        putchar('\n');
    }
    for (size_t i = 0; i < n; i++) {
        diff_print_row(&diff->rows[i], table);
    }
    if (n > 0) {
        wc_table_print_human(table, stdout);
    }
    wc_table_destroy(table);
    printf("%s%zu changed", n > 0 ? "\n" : "", diff->n);
    if (n < diff->n) {
        printf(", the %zu that changed most are shown", n);
    }
    printf("; %zu are the same\n", diff->n_same);
}

/* ---- for programs ------------------------------------------------------------------------- */

static void diff_json_input(struct wc_json *json, const char *key,
                            const struct wc_diff_input *input)
{
    wc_json_open(json, key, '{');
    wc_json_text(json, "source", input->source);
    wc_json_text(json, "form", wc_diff_input_form(input));
    wc_json_text(json, "name", input->name);
    wc_json_value(json, "pid", wc_value_u64(input->pid));
    wc_json_value(json, "ts", wc_value_time(input->unix_nanos));
    wc_json_value(json, "seconds",
                  wc_value_f64(input->measures.seconds > 0 ? input->measures.seconds : NAN));
    wc_json_close(json, '}');
}

static void diff_json_row(struct wc_json *json, const struct diff_row *row)
{
    wc_json_open(json, NULL, '{');
    wc_json_text(json, "kind", row->metric->kind_name);
    wc_json_text(json, "field", row->metric->field);
    wc_json_value(json, "name", wc_value_text(row->name));
    wc_json_text(json, "unit", row->unit);
    wc_json_text(json, "compared",
                 row->is_rate              ? "rate"
                 : row->metric->is_counter ? "total"
                                           : "value");
    wc_json_value(json, "before", wc_value_f64(row->has_before ? row->before : NAN));
    wc_json_value(json, "after", wc_value_f64(row->has_after ? row->after : NAN));
    wc_json_value(json, "change", wc_value_f64(row->after - row->before));
    wc_json_value(json, "percent",
                  wc_value_f64(row->has_before && row->has_after && row->before != 0
                                   ? (row->after - row->before) / fabs(row->before) * 100
                                   : NAN));
    wc_json_value(json, "rate_between", wc_value_f64(row->between));
    wc_json_close(json, '}');
}

static void diff_print_json(const struct diff *diff, size_t limit)
{
    struct wc_json json;
    wc_report_open(&json, stdout, "weir.diff/1", wi_wall_now(), NULL);
    wc_json_open(&json, "data", '{');
    diff_json_input(&json, "before", &diff->a);
    diff_json_input(&json, "after", &diff->b);
    wc_json_value(&json, "changed", wc_value_u64(diff->n));
    wc_json_value(&json, "same", wc_value_u64(diff->n_same));
    wc_json_open(&json, "changes", '[');
    for (size_t i = 0; i < diff->n && i < limit; i++) {
        diff_json_row(&json, &diff->rows[i]);
    }
    wc_json_close(&json, ']');
    wc_json_close(&json, '}');
    wc_report_close(&json);
}

/* ---- the command -------------------------------------------------------------------------- */

static enum wc_status diff_run(const struct wc_args *args)
{
    struct wc_error error;
    struct diff diff = {.by = (enum diff_by)wc_args_number(args, DIFF_BY, DIFF_MEAN),
                        .is_all = wc_args_has(args, DIFF_ALL)};
    bool is_json = wc_args_number(args, DIFF_OUTPUT, 0) == 1;
    double most = is_json || diff.is_all ? 1e9 : DIFF_ROWS;
    if (args->n_words != 2) {
        wc_error_set(&error, WC_USAGE,
                     "diff: give two: recordings, files of `weir snapshot -o json`, or processes");
        return wc_report_fail(&error);
    }
    wc_diff_input_init(&diff.a);
    wc_diff_input_init(&diff.b);
    enum wc_status code = wc_diff_input_read(args->words[0], &diff.a, &error);
    if (code == WC_OK) {
        code = wc_diff_input_read(args->words[1], &diff.b, &error);
    }
    if (code == WC_OK) {
        size_t limit = (size_t)wc_args_number(args, DIFF_LIMIT, most);
        diff.is_same = diff.a.pid == diff.b.pid && strcmp(diff.a.name, diff.b.name) == 0;
        diff_make(&diff);
        if (is_json) {
            diff_print_json(&diff, limit);
        } else {
            diff_print_human(&diff, limit);
        }
    }
    free(diff.rows);
    wc_diff_input_finish(&diff.a);
    wc_diff_input_finish(&diff.b);
    return code == WC_OK ? wc_report_end() : wc_report_fail(&error);
}

const struct wc_command wc_command_diff = {
    .name = "diff",
    .usage = "A B [-o human|json] [--by WHAT] [-n N] [-a]",
    .summary = "compare A with B, number by number: before and after a fix",
    .details =
        "\n"
        "A and B: recordings, files of `weir snapshot -o json`, or processes as TARGETs. The "
        "largest\n"
        "changes come first. In recordings, counters are compared by their growth per second and "
        "gauges\n"
        "by their mean; otherwise all are compared by value. For two snapshots of one process the\n"
        "output also shows each counter's growth per second between them.",
    .syntax.options = diff_options,
    .syntax.n_options = sizeof(diff_options) / sizeof(diff_options[0]),
    .syntax.max_words = 2,
    .run = diff_run,
};
