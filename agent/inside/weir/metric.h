/* SPDX-License-Identifier: MIT */
/*
 * The metric tables as data: every number that weir shows is one row of agent/metrics/KIND.def.
 * Constant; any thread.
 */
#ifndef WI_METRIC_H
#define WI_METRIC_H

#include "weir/kind.h"

#include <stdbool.h>
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

/* For outputs with little room: MAIN is always shown, DETAIL unless it is 0, FULL only where there
 * is room for all. */
enum wi_level { WI_LEVEL_MAIN, WI_LEVEL_DETAIL, WI_LEVEL_FULL };

/* How a value is shown to people. */
enum wi_display {
    WI_DISPLAY_COUNT,
    WI_DISPLAY_EXACT,    /* all digits */
    WI_DISPLAY_CAPACITY, /* a count, or the word "unbounded" when there is none */
    WI_DISPLAY_RATE,
    WI_DISPLAY_ALARM_RATE, /* a rate that is bad unless 0 */
    WI_DISPLAY_ALARM,      /* a count that is bad unless 0 */
    WI_DISPLAY_DURATION,
    WI_DISPLAY_LATENCY, /* a duration down to microseconds */
    WI_DISPLAY_WAIT, /* the same, or as ">44s" the value of the row that is AT_LEAST, or as "~6s" an estimate */
    WI_DISPLAY_AT_LEAST,
    WI_DISPLAY_HANG,  /* a duration that is bad from a tenth of a second on */
    WI_DISPLAY_STATE, /* a word; some are good, some bad */
    WI_DISPLAY_BYTES,
    WI_DISPLAY_GROWTH, /* bytes per second, with a sign */
    WI_DISPLAY_RATIO,  /* a bar in a table */
    WI_DISPLAY_TEXT,
    WI_N_DISPLAYS
};

/* A place in the screen's table of the kind. */
struct wi_metric_column {
    unsigned char place; /* from 1, left to right; 0: it has none */
    const char *caption;
    unsigned char width; /* at least; 0: as wide as a bar */
    unsigned char rank;  /* the column with the greatest goes first when the screen is narrow */
    bool is_for_senders; /* left out where a process has no senders */
};

/* A place in the tables that `weir snapshot` prints. */
struct wi_metric_list {
    unsigned char place; /* as above */
    const char *caption;
    bool is_optional; /* left out when no row has a value */
};

/* The graphs of a row. Each kind has one TREND, which is kept for all rows; TREND_ELSE replaces it
 * in a process without TREND. The others stand beside it. */
enum wi_graph {
    WI_GRAPH_NONE,
    WI_GRAPH_TREND,
    WI_GRAPH_SECOND,
    WI_GRAPH_THIRD,
    WI_GRAPH_TREND_ELSE
};

/* How a metric follows from the totals of one moment (snapshot/flow.h), and from those of the
 * moment before. */
enum wi_from_how {
    WI_FROM_NONE, /* it does not follow from totals */
    WI_FROM_TOTAL,
    WI_FROM_SIGNED,
    WI_FROM_SECONDS,      /* a total, from nanoseconds */
    WI_FROM_DIFFERENCE,   /* a - b, not below 0 */
    WI_FROM_SHARE,        /* a / b */
    WI_FROM_RATE,         /* growth per second */
    WI_FROM_RATE_WITHOUT, /* the same, without that of b */
    WI_FROM_SECONDS_RATE, /* seconds per second */
    WI_FROM_BUSY,         /* growth of a as a share of that of a and b */
    WI_FROM_RUNNING,      /* of tasks: begun - ended, not more than live */
    WI_FROM_PENDING
};

struct wi_metric_from {
    unsigned char how; /* enum wi_from_how */
    unsigned char a, b;
};

struct wi_metric {
    enum wi_metric_type type;
    enum wi_unit unit;
    enum wi_level level;
    enum wi_display display;
    const char *field;
    const char *json;
    const char *family; /* without _total; "": not exposed */
    const char *label;  /* one more label, or "" */
    const char *summary;
    const char *help;
    struct wi_metric_column column;
    struct wi_metric_column trend; /* a column with its values of the last minute */
    struct wi_metric_list list;
    enum wi_graph graph;
    struct wi_metric_from from;
    bool is_peak;  /* rows of one name show the highest, and not their sum */
    bool is_aside; /* on the screen only on the page of all fields of a row */
    /* Not NULL: it is in the unit of its channel, and this is the family of those in bytes, "" where it has none. */
    const char *bytes;
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

/* The index of the metric that stands so among a kind's graphs, or -1. */
int wi_metric_graph(enum wi_kind kind, enum wi_graph graph);

/* The index of the metric that is the rows' label, or -1. */
static inline int wi_metric_label(enum wi_kind kind)
{
    switch (kind) {
    case WI_CHANNEL:
        return WI_CHANNEL_LABEL;
    case WI_SEMAPHORE:
        return WI_SEMAPHORE_LABEL;
    case WI_SENDER: /* its channel's */
        return WI_SENDER_CHANNEL_LABEL;
    default:
        return -1;
    }
}

/* "channel", ..., one for each kind: unlike the topic's KIND, a single task is a "single_task". ""
 * past WI_N_KINDS. Owns: static. */
const char *wi_kind_name(enum wi_kind kind);

/* A summary or a help text of a metric of messages, for a channel that counts bytes: "bytes queued". Returns ret_text. */
#define WI_METRIC_TEXT 512
const char *wi_metric_text_in_bytes(const char *text, char ret_text[WI_METRIC_TEXT]);

/* "messages", "bytes", ..., "" for WI_UNIT_NONE. Owns: static. */
const char *wi_unit_name(enum wi_unit unit);

#endif
