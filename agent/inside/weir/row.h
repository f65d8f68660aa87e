/* SPDX-License-Identifier: MIT */
/*
 * The contents of a process view: rows of values, and the facts of its process. A provider fills these
 * (weir/provider.h); an exporter serves them (weir/exporter.h). One thread at a time.
 */
#ifndef WI_ROW_H
#define WI_ROW_H

#include "weir/find.h"
#include "weir/metric.h"
#include "weir/weir.h"

#include <stdio.h>
#include <string.h>

/* One value of a row. */
enum wi_value_type { WI_ABSENT, WI_U64, WI_I64, WI_F64, WI_TEXT };

struct wi_value {
    enum wi_value_type type;
    union {
        uint64_t u64;
        int64_t i64;
        double f64;
        const char *text; /* borrowed until the next refresh */
    } u;
};

/* A value as a number; `otherwise` if it is not a number. */
static inline double wi_value_number(const struct wi_value *value, double otherwise)
{
    switch (value->type) {
    case WI_U64:
        return (double)value->u.u64;
    case WI_I64:
        return (double)value->u.i64;
    case WI_F64:
        return value->u.f64;
    default:
        return otherwise;
    }
}

/* One open channel, semaphore, ...; the process; the agent; a warning. */
struct wi_row {
    uint64_t id;       /* never used again for another handle of this process */
    const char *name;  /* valid UTF-8 without control characters; borrowed until the next refresh */
    bool is_inherited; /* other processes have the handle, too, and count on their own */
    struct wi_value value[WI_MAX_METRICS];
};

/* A number, a text and a duration in nanoseconds under a metric. A text of NULL stays absent. Texts: borrowed. */
static inline void wi_row_put_u64(struct wi_row *row, int metric, uint64_t number)
{
    row->value[metric] = (struct wi_value){WI_U64, {.u64 = number}};
}

static inline void wi_row_put_f64(struct wi_row *row, int metric, double number)
{
    row->value[metric] = (struct wi_value){WI_F64, {.f64 = number}};
}

static inline void wi_row_put_nanos(struct wi_row *row, int metric, uint64_t nanos)
{
    wi_row_put_f64(row, metric, (double)nanos / 1e9);
}

static inline void wi_row_put_text(struct wi_row *row, int metric, const char *text)
{
    if (text) {
        row->value[metric] = (struct wi_value){WI_TEXT, {.text = text}};
    }
}

/* The label of a row, NULL where it has none: it tells rows of one name apart. */
static inline const char *wi_row_label(enum wi_kind kind, const struct wi_row *row)
{
    int metric = wi_metric_label(kind);
    return metric >= 0 && row->value[metric].type == WI_TEXT ? row->value[metric].u.text : NULL;
}

/* Whether a row counts bytes, and the unit of one of its metrics. */
static inline bool wi_row_is_bytes(enum wi_kind kind, const struct wi_row *row)
{
    const struct wi_value *unit = &row->value[WI_CHANNEL_UNIT];
    return kind == WI_CHANNEL && unit->type == WI_TEXT && strcmp(unit->u.text, "bytes") == 0;
}

/* Whether it is a channel whose depth is told, and nobody counts what enters and leaves. */
static inline bool wi_row_is_observed(enum wi_kind kind, const struct wi_row *row)
{
    const struct wi_value *counting = &row->value[WI_CHANNEL_COUNTING];
    return kind == WI_CHANNEL && counting->type == WI_TEXT &&
           strcmp(counting->u.text, "observed") == 0;
}

static inline enum wi_unit wi_row_unit(enum wi_kind kind, const struct wi_row *row, int metric)
{
    const struct wi_metric *of = &wi_metric_table(kind)->metrics[metric];
    return !of->bytes || !wi_row_is_bytes(kind, row) ? of->unit
           : of->unit == WI_UNIT_PER_SECOND          ? WI_UNIT_BYTES_PER_SECOND
                                                     : WI_UNIT_BYTES;
}

/* How people see the two: NAME@LABEL, or the name alone. Written to `room` only where there is a label. */
#define WI_ROW_TITLE_MAX (WEIR_NAME_MAX + 1 + WEIR_LABEL_MAX + 1)
static inline const char *wi_row_title(const char *name, const char *label,
                                       char room[WI_ROW_TITLE_MAX])
{
    if (!label) {
        return name;
    }
    snprintf(room, WI_ROW_TITLE_MAX, "%.*s@%.*s", WEIR_NAME_MAX, name, WEIR_LABEL_MAX, label);
    return room;
}

/* Facts that do not change while a process lives. Strings live as long as the process view. */
struct wi_facts {
    char name[WEIR_NAME_MAX + 1]; /* the service's */
    char program[256];
    char version[32];
    char path[256];             /* the segment's path; "" for an anonymous one */
    uint32_t pid;               /* as /proc here has it; else as its segment says */
    bool is_seen;               /* in /proc here */
    struct wi_stem own;         /* as its segment and its files say */
    int64_t started_unix_nanos; /* of the process */
    int64_t opened_unix_nanos;  /* of the segment */
    bool has_children;          /* forked processes count on their own; once set, it stays set */
};

struct wi_process_view;

/* Opens a segment's file, of a living or a dead process. Fails: WEIR_E_NOT_FOUND, WEIR_E_DENIED
 * (another user's), WEIR_E_CORRUPT, WEIR_E_VERSION, WEIR_E_MEMORY, each with one line of text. */
enum weir_status wi_process_view_open_file(const char *path, struct wi_process_view **ret_view,
                                           struct weir_error *ret_error);

/* NULL is fine. */
void wi_process_view_close(struct wi_process_view *view);

#endif
