/* SPDX-License-Identifier: MIT */
/*
 * Prints docs/metrics.md from the metric tables, or with --list their order, which is wire identity.
 * tests/lint/metrics.sh compares both with what is committed.
 */
#include "weir/metric.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_labels[WI_N_KINDS] = {
    "channel", "semaphore", "task", "counter", "gauge", "", "", "", "loop", "", "", "", ""};

static const char *const kind_titles[WI_N_KINDS] = {"Channels",
                                                    "Semaphores",
                                                    "Task kinds",
                                                    "Counters of the application",
                                                    "Gauges of the application",
                                                    "The process",
                                                    "The exporter itself",
                                                    "Warnings",
                                                    "Loops",
                                                    "Single tasks",
                                                    "Senders",
                                                    "Resources of another runtime",
                                                    "Operations of another runtime"};

static const char *type_name(const struct wi_metric *metric)
{
    static const char *const names[] = {"counter", "gauge", "text", "histogram"};
    return names[metric->type];
}

static void print_list(void)
{
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        for (size_t i = 0; i < table->n_metrics; i++) {
            const struct wi_metric *metric = &table->metrics[i];
            printf("%s %zu %s %s %s\n", kind == WI_TASK_INSTANCE ? "single" : table->name, i,
                   metric->field, type_name(metric), metric->json);
        }
    }
}

/* As a scrape shows it: `weir_channel_rejects_total{channel="NAME",reason="full"}`. */
static void print_series(enum wi_kind kind, const struct wi_metric *metric, const char *family)
{
    const char *label = kind_labels[kind];
    printf("`%s%s", family, metric->type == WI_TYPE_COUNTER ? "_total" : "");
    if (*label || *metric->label) {
        printf("{%s%s%s%s}", label, *label ? "=\"NAME\"" : "", *label && *metric->label ? "," : "",
               metric->label);
    }
    printf("`");
}

static void print_family(enum wi_kind kind, const struct wi_metric *metric)
{
    if (!*metric->family) {
        printf("| ");
        return;
    }
    printf("| ");
    print_series(kind, metric, metric->family);
    if (metric->bytes && *metric->bytes) {
        printf(", in bytes ");
        print_series(kind, metric, metric->bytes);
    }
    printf(" ");
}

static void print_table(const struct wi_metric_table *table)
{
    printf("\n## %s (topic `DOMAIN/%s/FIELD/NAME%s`)\n\n", kind_titles[table->kind], table->name,
           wi_metric_label(table->kind) >= 0 ? "[@LABEL]" : "");
    printf("| field | type | unit | in JSON | Prometheus | meaning |\n");
    printf("|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < table->n_metrics; i++) {
        const struct wi_metric *metric = &table->metrics[i];
        const char *unit = wi_unit_name(metric->unit);
        printf("| `%s` | %s | %s%s| `%s` ", metric->field, type_name(metric), unit,
               *unit ? " " : "", metric->json);
        print_family(table->kind, metric);
        printf("| %s |\n", metric->help);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        print_list();
        return 0;
    }
    printf(
        "<!-- Made from agent/metrics/*.def by tests/support/metrics_doc.c; a test keeps it "
        "true. -->\n"
        "# Metrics\n\n"
        "One table for each kind of thing. A field is a topic's FIELD in `weir subscribe` and a "
        "column's\nname on the screen; the dotted path is where `weir snapshot -o json` has it; "
        "the family is what\nPrometheus scrapes. Durations are seconds, sizes bytes; a number "
        "that there is not (the capacity\nof an unbounded channel) is `null` in JSON and no "
        "series in a scrape. `size` is a second name of\na channel's `depth`.\n\n"
        "Integers are JSON numbers at any size, with all their digits. A parser that makes doubles "
        "of them\n(JavaScript, jq before 1.7) rounds those beyond 2^53; Python, Go's json.Number "
        "and jq 1.7 do not.\n");
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        print_table(wi_metric_table((enum wi_kind)kind));
    }
    return 0;
}
