/* SPDX-License-Identifier: MIT */
/* The metric tables, built from the .def files. */
#include "weir/metric.h"

#include "snapshot/history.h"

#include <string.h>

#define WEIR_METRIC(symbol, type_, unit_, level_, display_, ...)                                   \
    {.type = WI_TYPE_##type_,                                                                      \
     .unit = WI_UNIT_##unit_,                                                                      \
     .level = WI_LEVEL_##level_,                                                                   \
     .display = WI_DISPLAY_##display_,                                                             \
     __VA_ARGS__},
#define ONE(how, a)                                                                                \
    {                                                                                              \
        WI_FROM_##how, WI_TOTAL_##a, 0                                                             \
    }
#define TWO(how, a, b)                                                                             \
    {                                                                                              \
        WI_FROM_##how, WI_TOTAL_##a, WI_TOTAL_##b                                                  \
    }
#define FACT(how, a)                                                                               \
    {                                                                                              \
        WI_FROM_##how, WI_HISTORY_##a, 0                                                           \
    }

static const struct wi_metric channel_metrics[] = {
#include "channel.def"
};
static const struct wi_metric semaphore_metrics[] = {
#include "semaphore.def"
};
static const struct wi_metric task_metrics[] = {
#include "task.def"
};
static const struct wi_metric counter_metrics[] = {
#include "counter.def"
};
static const struct wi_metric gauge_metrics[] = {
#include "gauge.def"
};
static const struct wi_metric process_metrics[] = {
#include "process.def"
};
static const struct wi_metric agent_metrics[] = {
#include "agent.def"
};
static const struct wi_metric warning_metrics[] = {
#include "warning.def"
};
static const struct wi_metric loop_metrics[] = {
#include "loop.def"
};
static const struct wi_metric instance_metrics[] = {
#include "single.def"
};
static const struct wi_metric sender_metrics[] = {
#include "sender.def"
};
static const struct wi_metric resource_metrics[] = {
#include "resource.def"
};
static const struct wi_metric operation_metrics[] = {
#include "operation.def"
};
#undef WEIR_METRIC
#undef ONE
#undef TWO
#undef FACT

#define TABLE(kind, name, metrics)                                                                 \
    {                                                                                              \
        kind, name, metrics, sizeof(metrics) / sizeof((metrics)[0])                                \
    }

static const struct wi_metric_table tables[WI_N_KINDS] = {
    TABLE(WI_CHANNEL, "channel", channel_metrics),
    TABLE(WI_SEMAPHORE, "semaphore", semaphore_metrics),
    TABLE(WI_TASK, "task", task_metrics),
    TABLE(WI_COUNTER, "counter", counter_metrics),
    TABLE(WI_GAUGE, "gauge", gauge_metrics),
    TABLE(WI_PROCESS, "process", process_metrics),
    TABLE(WI_AGENT, "agent", agent_metrics),
    TABLE(WI_WARNING, "warning", warning_metrics),
    TABLE(WI_LOOP, "loop", loop_metrics),
    TABLE(WI_TASK_INSTANCE, "task", instance_metrics),
    TABLE(WI_SENDER, "sender", sender_metrics),
    TABLE(WI_RESOURCE, "resource", resource_metrics),
    TABLE(WI_OPERATION, "operation", operation_metrics),
};

_Static_assert(sizeof(channel_metrics) / sizeof(channel_metrics[0]) <= WI_MAX_METRICS,
               "WI_MAX_METRICS bounds every table");

const struct wi_metric_table *wi_metric_table(enum wi_kind kind)
{
    return (unsigned)kind < WI_N_KINDS ? &tables[kind] : NULL;
}

int wi_metric_find(enum wi_kind kind, const char *field)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    if (!table) {
        return -1;
    }
    if (kind == WI_CHANNEL && strcmp(field, "size") == 0) {
        return WI_CHANNEL_DEPTH;
    }
    for (size_t i = 0; i < table->n_metrics; i++) {
        if (strcmp(table->metrics[i].field, field) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int wi_metric_graph(enum wi_kind kind, enum wi_graph graph)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    for (size_t i = 0; table && i < table->n_metrics; i++) {
        if (table->metrics[i].graph == graph) {
            return (int)i;
        }
    }
    return -1;
}

const char *wi_kind_name(enum wi_kind kind)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    return kind == WI_TASK_INSTANCE ? "single_task" : table ? table->name : "";
}

const char *wi_metric_text_in_bytes(const char *text, char ret_text[WI_METRIC_TEXT])
{
    static const char *const words[][2] = {{"messages", "bytes"}, {"Messages", "Bytes"}};
    size_t n = 0;
    while (*text && n + 1 < WI_METRIC_TEXT) {
        const char *word = NULL;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            word = strncmp(text, words[i][0], strlen(words[i][0])) == 0 ? words[i][1] : word;
        }
        size_t length = word ? strlen(word) : 0;
        if (word && n + length < WI_METRIC_TEXT) {
            memcpy(ret_text + n, word, length);
            n += length;
            text += strlen(words[0][0]);
        } else {
            ret_text[n++] = *text++;
        }
    }
    ret_text[n] = '\0';
    return ret_text;
}

const char *wi_unit_name(enum wi_unit unit)
{
    static const char *const names[] = {
        "",      "count",      "messages",         "bytes", "seconds", "permits",
        "tasks", "per_second", "bytes_per_second", "ratio"};
    return (unsigned)unit < sizeof(names) / sizeof(names[0]) ? names[unit] : "";
}
