/* SPDX-License-Identifier: MIT */
/* Attributes of rows. Numbers here are field numbers of console.proto. */
#include "encode/attribute.h"

#include "encode/pack.h"
#include "segment/text.h"

#include <stdio.h>
#include <string.h>

#define ATTRIBUTE_TEXT_MAX 300

/* One attribute: a metric that is told always, or only when it is not 0. */
struct attribute {
    uint8_t metric;
    bool is_always;
};

struct attribute_list {
    const char *type;
    int source; /* the metric of its source line; -1: none */
    const struct attribute *attributes;
    size_t n;
};

static const struct attribute channel_attributes[] = {
    {WI_CHANNEL_DEPTH, true},
    {WI_CHANNEL_CAPACITY, true},
    {WI_CHANNEL_SENT, true},
    {WI_CHANNEL_RECEIVED, true},
    {WI_CHANNEL_REJECTS, true},
    {WI_CHANNEL_HIGH_WATER, false},
    {WI_CHANNEL_DISCARDED, false},
    {WI_CHANNEL_QUEUED_BYTES, false},
    {WI_CHANNEL_IN_RATE, false},
    {WI_CHANNEL_OUT_RATE, false},
    {WI_CHANNEL_REJECT_RATE, false},
    {WI_CHANNEL_WAIT_P99, false},
    {WI_CHANNEL_WAIT_AT_LEAST, false},
    {WI_CHANNEL_SENDERS, false},
    {WI_CHANNEL_SENDERS_GONE, false},
    {WI_CHANNEL_ORPHANED, false},
    {WI_CHANNEL_ORPHANED_BYTES, false},
};

static const struct attribute semaphore_attributes[] = {
    {WI_SEMAPHORE_PERMITS, true},       {WI_SEMAPHORE_AVAILABLE, true},
    {WI_SEMAPHORE_WAITERS, true},       {WI_SEMAPHORE_REJECTS, true},
    {WI_SEMAPHORE_ACQUIRES, false},     {WI_SEMAPHORE_LOW_WATER, false},
    {WI_SEMAPHORE_ACQUIRE_RATE, false}, {WI_SEMAPHORE_REJECT_RATE, false},
    {WI_SEMAPHORE_WAIT_P99, false},
};

static const struct attribute task_attributes[] = {
    {WI_TASK_PENDING, true},         {WI_TASK_RUNNING, true},
    {WI_TASK_SPAWNED, true},         {WI_TASK_FINISHED, true},
    {WI_TASK_FINISHED_ERROR, false}, {WI_TASK_FINISHED_CANCELLED, false},
    {WI_TASK_SPAWN_RATE, false},     {WI_TASK_FINISH_RATE, false},
    {WI_TASK_RUN_P99, false},        {WI_TASK_WAIT_P99, false},
    {WI_TASK_SINGLE_RUNNING, false}, {WI_TASK_SINGLE_SCHEDULED, false},
    {WI_TASK_SINGLE_IDLE, false},
};

static const struct attribute loop_attributes[] = {
    {WI_LOOP_ITERATIONS, true}, {WI_LOOP_UTILISATION, true},    {WI_LOOP_ITERATION_RATE, true},
    {WI_LOOP_CURRENT, false},   {WI_LOOP_ITERATION_P99, false}, {WI_LOOP_ITERATION_MAX, false},
    {WI_LOOP_PERIOD, false},    {WI_LOOP_LATENESS_P99, false},  {WI_LOOP_LATENESS_MAX, false},
};

static const struct attribute counter_attributes[] = {
    {WI_COUNTER_VALUE, true},
    {WI_COUNTER_RATE, false},
};

static const struct attribute gauge_attributes[] = {
    {WI_GAUGE_VALUE, true},
};

#define ATTRIBUTES(list) list, sizeof(list) / sizeof((list)[0])

static const struct attribute_list *attribute_list(enum wi_kind kind)
{
    static const struct attribute_list lists[WI_N_KINDS] = {
        [WI_CHANNEL] = {"Channel", WI_CHANNEL_SOURCE, ATTRIBUTES(channel_attributes)},
        [WI_SEMAPHORE] = {"Semaphore", WI_SEMAPHORE_SOURCE, ATTRIBUTES(semaphore_attributes)},
        [WI_TASK] = {"TaskKind", WI_TASK_SOURCE, ATTRIBUTES(task_attributes)},
        [WI_LOOP] = {"Loop", WI_LOOP_SOURCE, ATTRIBUTES(loop_attributes)},
        [WI_COUNTER] = {"Counter", -1, ATTRIBUTES(counter_attributes)},
        [WI_GAUGE] = {"Gauge", -1, ATTRIBUTES(gauge_attributes)},
    };
    return (unsigned)kind < WI_N_KINDS && lists[kind].type ? &lists[kind] : NULL;
}

const char *wi_attribute_type(enum wi_kind kind)
{
    const struct attribute_list *list = attribute_list(kind);
    return list ? list->type : NULL;
}

const char *wi_attribute_source(enum wi_kind kind, const struct wi_row *row)
{
    const struct attribute_list *list = attribute_list(kind);
    const struct wi_value *value = list && list->source >= 0 ? &row->value[list->source] : NULL;
    return value && value->type == WI_TEXT ? value->u.text : NULL;
}

/* ---- fields -------------------------------------------------------------------------------- */

void wi_attribute_text(struct wi_buffer *buffer, unsigned field, const char *text)
{
    wi_pack_bytes_always(buffer, field, text, wi_text_cut(text, ATTRIBUTE_TEXT_MAX));
}

static void attribute_end_field(struct wi_buffer *buffer, enum wi_tokio_meta meta, size_t mark)
{
    size_t id = wi_pack_begin(buffer, 8);
    wi_pack_u64(buffer, 1, meta);
    wi_pack_end(buffer, id);
    wi_pack_end(buffer, mark);
}

void wi_attribute_u64(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                      const char *name, uint64_t number)
{
    size_t mark = wi_pack_begin(buffer, field);
    wi_pack_text(buffer, 1, name);
    wi_pack_u64_always(buffer, 5, number);
    attribute_end_field(buffer, meta, mark);
}

void wi_attribute_string(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                         const char *name, const char *text)
{
    if (!text || !text[0]) {
        return;
    }
    size_t mark = wi_pack_begin(buffer, field);
    wi_pack_text(buffer, 1, name);
    wi_attribute_text(buffer, 4, text);
    attribute_end_field(buffer, meta, mark);
}

void wi_attribute_location(struct wi_buffer *buffer, unsigned field, const char *source)
{
    const char *colon = source ? strrchr(source, ':') : NULL;
    uint64_t line = 0;
    if (!source || !source[0] || colon == source) {
        return;
    }
    char file[ATTRIBUTE_TEXT_MAX + 1];
    const char *digit = colon ? colon + 1 : "";
    for (; *digit >= '0' && *digit <= '9' && line <= UINT32_MAX; digit++) {
        line = line * 10 + (uint64_t)(*digit - '0');
    }
    bool has_line = colon && colon[1] && !*digit && line > 0 && line <= UINT32_MAX;
    size_t mark = wi_pack_begin(buffer, field);
    if (has_line && (size_t)(colon - source) < sizeof(file)) {
        memcpy(file, source, (size_t)(colon - source));
        file[colon - source] = '\0';
        wi_pack_text(buffer, 1, file);
        wi_pack_u64(buffer, 3, line);
    } else {
        wi_attribute_text(buffer, 1, source);
    }
    wi_pack_end(buffer, mark);
}

/* ---- numbers as a person reads them -------------------------------------------------------- */

/* Three digits, without the host's locale. */
static void attribute_number(double number, char *ret_text, size_t room)
{
    number = number < 1e15 ? number : 1e15;
    if (number < 9.995) {
        unsigned hundredths = (unsigned)(number * 100 + 0.5);
        snprintf(ret_text, room, "%u.%02u", hundredths / 100, hundredths % 100);
    } else if (number < 99.95) {
        unsigned tenths = (unsigned)(number * 10 + 0.5);
        snprintf(ret_text, room, "%u.%u", tenths / 10, tenths % 10);
    } else {
        snprintf(ret_text, room, "%llu", (unsigned long long)(number + 0.5));
    }
}

/* A number that is not whole, and its unit. Negative ones are none of ours. */
static const char *attribute_real(enum wi_unit unit, double number, char *ret_text, size_t room)
{
    const char *name = unit == WI_UNIT_PER_SECOND ? "/s" : "";
    number = number > 0 ? number : 0;
    if (unit == WI_UNIT_SECONDS) {
        name = number >= 1 ? "s" : number >= 1e-3 ? "ms" : "us";
        number *= number >= 1 ? 1 : number >= 1e-3 ? 1e3 : 1e6;
    } else if (unit == WI_UNIT_RATIO) {
        name = "%";
        number *= 100;
    }
    attribute_number(number, ret_text, room);
    return name;
}

static bool attribute_is_told(const struct attribute *attribute, const struct wi_value *value)
{
    return value->type != WI_ABSENT && value->type != WI_TEXT &&
           (attribute->is_always || wi_value_number(value, 0) != 0);
}

static void attribute_value(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                            const struct wi_metric *metric, const struct wi_value *value)
{
    char text[32];
    const char *unit = metric->unit == WI_UNIT_BYTES ? "B" : "";
    size_t mark = wi_pack_begin(buffer, field);
    size_t inner = wi_pack_begin(buffer, 1);
    wi_pack_text(buffer, 1, metric->field);
    if (value->type == WI_U64) {
        wi_pack_u64_always(buffer, 5, value->u.u64);
    } else if (value->type == WI_I64) {
        wi_pack_i64_zigzag_always(buffer, 6, value->u.i64);
    } else if (value->type == WI_F64) {
        unit = attribute_real(metric->unit, value->u.f64, text, sizeof(text));
        wi_pack_text(buffer, 3, text);
    } else {
        wi_pack_text(buffer, 3, "unbounded");
    }
    attribute_end_field(buffer, meta, inner);
    wi_pack_text(buffer, 2, unit);
    wi_pack_end(buffer, mark);
}

void wi_attributes(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                   enum wi_kind kind, const struct wi_row *row)
{
    const struct attribute_list *list = attribute_list(kind);
    const struct wi_metric *metrics = wi_metric_table(kind)->metrics;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct attribute *attribute = &list->attributes[i];
        const struct wi_value *value = &row->value[attribute->metric];
        bool is_unbounded = kind == WI_CHANNEL && attribute->metric == WI_CHANNEL_CAPACITY &&
                            value->type == WI_ABSENT;
        if (is_unbounded || attribute_is_told(attribute, value)) {
            attribute_value(buffer, field, meta, &metrics[attribute->metric], value);
        }
    }
}

uint64_t wi_attributes_print(enum wi_kind kind, const struct wi_row *row)
{
    const struct attribute_list *list = attribute_list(kind);
    uint64_t print = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; list && i < list->n; i++) {
        const struct wi_value *value = &row->value[list->attributes[i].metric];
        uint64_t bits = 0;
        if (attribute_is_told(&list->attributes[i], value)) {
            memcpy(&bits, &value->u, sizeof(bits));
            bits ^= (uint64_t)value->type << 56;
        }
        print = (print ^ bits) * UINT64_C(0xd6e8feb86659fd93);
        print ^= print >> 32;
    }
    return print;
}
