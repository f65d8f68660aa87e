/* SPDX-License-Identifier: MIT */
/*
 * The metric tables as data: every number that weir shows is one row of agent/metrics/KIND.def.
 * Constant; any thread.
 */
#ifndef WI_SNAPSHOT_METRIC_H
#define WI_SNAPSHOT_METRIC_H

#include "segment/kind.h"

#include <stddef.h>
#include <stdint.h>

enum wi_metric_type { WI_TYPE_COUNTER, WI_TYPE_GAUGE, WI_TYPE_TEXT, WI_TYPE_HISTOGRAM };

enum wi_unit {
    WI_UNIT_NONE,
    WI_UNIT_COUNT,
    WI_UNIT_MESSAGES,
    WI_UNIT_BYTES,
    WI_UNIT_SECONDS,
    WI_UNIT_PERMITS,
    WI_UNIT_TASKS,
    WI_UNIT_PER_SECOND,
    WI_UNIT_BYTES_PER_SECOND,
    WI_UNIT_RATIO
};

struct wi_metric {
    enum wi_metric_type type;
    enum wi_unit unit;
    const char *field;
    const char *json;
    const char *family; /* without _total; "": not exposed */
    const char *label;  /* one more label, or "" */
    const char *summary;
    const char *help;
};

/* Indices: WI_CHANNEL_DEPTH, ..., WI_CHANNEL_N_METRICS, and so on for each kind. */
#define WEIR_METRIC(symbol, ...) WI_CHANNEL_##symbol,
enum wi_channel_metric {
#include "channel.def"
    WI_CHANNEL_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_SEMAPHORE_##symbol,
enum wi_semaphore_metric {
#include "semaphore.def"
    WI_SEMAPHORE_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_TASK_##symbol,
enum wi_task_metric {
#include "task.def"
    WI_TASK_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_COUNTER_##symbol,
enum wi_counter_metric {
#include "counter.def"
    WI_COUNTER_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_GAUGE_##symbol,
enum wi_gauge_metric {
#include "gauge.def"
    WI_GAUGE_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_PROCESS_##symbol,
enum wi_process_metric {
#include "process.def"
    WI_PROCESS_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_AGENT_##symbol,
enum wi_agent_metric {
#include "agent.def"
    WI_AGENT_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_WARNING_##symbol,
enum wi_warning_metric {
#include "warning.def"
    WI_WARNING_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_LOOP_##symbol,
enum wi_loop_metric {
#include "loop.def"
    WI_LOOP_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_TASK_INSTANCE_##symbol,
enum wi_task_instance_metric {
#include "single.def"
    WI_TASK_INSTANCE_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_SENDER_##symbol,
enum wi_sender_metric {
#include "sender.def"
    WI_SENDER_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_RESOURCE_##symbol,
enum wi_resource_metric {
#include "resource.def"
    WI_RESOURCE_N_METRICS
};
#undef WEIR_METRIC
#define WEIR_METRIC(symbol, ...) WI_OPERATION_##symbol,
enum wi_operation_metric {
#include "operation.def"
    WI_OPERATION_N_METRICS
};
#undef WEIR_METRIC

/* The most metrics that any kind has. */
#define WI_MAX_METRICS 48

struct wi_metric_table {
    enum wi_kind kind;
    const char *name; /* the topic's KIND: "channel", "semaphore", ...; "task" is both the task
                         kinds' and the single tasks' */
    const struct wi_metric *metrics;
    size_t n_metrics;
};

/* The table of a kind; NULL past WI_N_KINDS. Owns: static. */
const struct wi_metric_table *wi_metric_table(enum wi_kind kind);

/* The index of a field ("depth"; "size" is a second name of a channel's depth), or -1. */
int wi_metric_find(enum wi_kind kind, const char *field);

/* "channel", ..., one for each kind: unlike the topic's KIND a single task is a "instance_task".
 * "" past WI_N_KINDS. Owns: static. */
const char *wi_kind_name(enum wi_kind kind);

/* "messages", "bytes", ..., "" for WI_UNIT_NONE. Owns: static. */
const char *wi_unit_name(enum wi_unit unit);

#endif
