/* SPDX-License-Identifier: MIT */
/* Attributes of rows. Numbers here are field numbers of console.proto. */
#include "encode/attribute.h"

#include "encode/pack.h"
#include "weir/map.h"
#include "weir/text.h"

#include <stdio.h>
#include <string.h>

#define ATTRIBUTE_TEXT_MAX 300

/* The name of a kind, and the metric of its source line; -1: it has none. The attributes are its
 * metrics of level MAIN, then those of level DETAIL that are not 0. */
struct attribute_kind {
    const char *type;
    int source;
};

static const struct attribute_kind *attribute_kind(enum wi_kind kind)
{
    static const struct attribute_kind kinds[WI_N_KINDS] = {
        [WI_CHANNEL] = {"Channel", WI_CHANNEL_SOURCE},
        [WI_SEMAPHORE] = {"Semaphore", WI_SEMAPHORE_SOURCE},
        [WI_TASK] = {"TaskKind", WI_TASK_SOURCE},
        [WI_LOOP] = {"Loop", WI_LOOP_SOURCE},
        [WI_COUNTER] = {"Counter", -1},
        [WI_GAUGE] = {"Gauge", -1},
    };
    return (unsigned)kind < WI_N_KINDS && kinds[kind].type ? &kinds[kind] : NULL;
}

const char *wi_attribute_type(enum wi_kind kind)
{
    const struct attribute_kind *found = attribute_kind(kind);
    return found ? found->type : NULL;
}

const char *wi_attribute_source(enum wi_kind kind, const struct wi_row *row)
{
    const struct attribute_kind *found = attribute_kind(kind);
    const struct wi_value *value = found && found->source >= 0 ? &row->value[found->source] : NULL;
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

/* A number that is not whole, and its unit. No negative number comes here. */
static const char *attribute_real(enum wi_unit unit, double number, char *ret_text, size_t room)
{
    const char *name = unit == WI_UNIT_PER_SECOND         ? "/s"
                       : unit == WI_UNIT_BYTES_PER_SECOND ? "B/s"
                                                          : "";
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

static bool attribute_is_told(const struct wi_metric *metric, const struct wi_value *value)
{
    return value->type == WI_TEXT ? value->u.text[0] != '\0'
                                  : value->type != WI_ABSENT && (metric->level == WI_LEVEL_MAIN ||
                                                                 wi_value_number(value, 0) != 0);
}

static void attribute_value(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                            const struct wi_metric *metric, enum wi_unit of,
                            const struct wi_value *value)
{
    char text[32];
    const char *unit = of == WI_UNIT_BYTES ? "B" : "";
    size_t mark = wi_pack_begin(buffer, field);
    size_t inner = wi_pack_begin(buffer, 1);
    wi_pack_text(buffer, 1, metric->field);
    if (value->type == WI_U64) {
        wi_pack_u64_always(buffer, 5, value->u.u64);
    } else if (value->type == WI_I64) {
        wi_pack_i64_zigzag_always(buffer, 6, value->u.i64);
    } else if (value->type == WI_F64) {
        unit = attribute_real(of, value->u.f64, text, sizeof(text));
        wi_pack_text(buffer, 3, text);
    } else if (value->type == WI_TEXT) {
        wi_attribute_text(buffer, 4, value->u.text);
    } else {
        wi_pack_text(buffer, 3, "unbounded");
    }
    attribute_end_field(buffer, meta, inner);
    wi_pack_text(buffer, 2, unit);
    wi_pack_end(buffer, mark);
}

static void attributes_of_level(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                                const struct wi_metric_table *table, enum wi_level level,
                                const struct wi_row *row)
{
    for (size_t i = 0; i < table->n_metrics; i++) {
        const struct wi_metric *metric = &table->metrics[i];
        const struct wi_value *value = &row->value[i];
        bool is_unbounded = metric->display == WI_DISPLAY_CAPACITY && value->type == WI_ABSENT;
        if (metric->level == level && (is_unbounded || attribute_is_told(metric, value))) {
            attribute_value(buffer, field, meta, metric, wi_row_unit(table->kind, row, (int)i),
                            value);
        }
    }
}

void wi_attributes(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                   enum wi_kind kind, const struct wi_row *row)
{
    if (attribute_kind(kind)) {
        const struct wi_metric_table *table = wi_metric_table(kind);
        attributes_of_level(buffer, field, meta, table, WI_LEVEL_MAIN, row);
        attributes_of_level(buffer, field, meta, table, WI_LEVEL_DETAIL, row);
    }
}

uint64_t wi_attributes_print(enum wi_kind kind, const struct wi_row *row)
{
    const struct wi_metric_table *table = wi_metric_table(kind);
    uint64_t print = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; attribute_kind(kind) && i < table->n_metrics; i++) {
        const struct wi_value *value = &row->value[i];
        uint64_t bits = 0;
        if (table->metrics[i].level == WI_LEVEL_FULL) {
            continue;
        }
        if (attribute_is_told(&table->metrics[i], value) && value->type == WI_TEXT) {
            bits = wi_map_text_key(0, value->u.text);
        } else if (attribute_is_told(&table->metrics[i], value)) {
            memcpy(&bits, &value->u, sizeof(bits));
            bits ^= (uint64_t)value->type << 56;
        }
        print = (print ^ bits) * UINT64_C(0xd6e8feb86659fd93);
        print ^= print >> 32;
    }
    return print;
}
