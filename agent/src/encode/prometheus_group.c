/* SPDX-License-Identifier: MIT */
/*
 * From rows to groups: the rows of one name are one series, since no series must occur twice. Sums
 * stop at the largest number instead of wrapping; peaks and ages take the highest value. The counts
 * of closed handles are added first, in an order that never changes; so the names with a series of
 * their own stay the same.
 */
#include "encode/prometheus_group.h"

#include "weir/expect.h"

#include <string.h>

#define PROMETHEUS_OTHER "other"

_Static_assert(3 * PROMETHEUS_SLOTS >= 4 * (PROMETHEUS_MAX_NAMES + 1), "all groups fit");

/* The group of a name: its own, or a new one, or "other" once there are too many. */
static uint16_t prometheus_group_find(struct prometheus_encoder *encoder, const char *name)
{
    uint64_t key = wi_map_text_key(0, name);
    struct wi_map_slot *slot = NULL;
    while ((slot = wi_map_next(&encoder->map, key, slot))) {
        if (strcmp(encoder->part->group[slot->value].name, name) == 0) {
            return (uint16_t)slot->value;
        }
    }
    bool is_other = strcmp(name, PROMETHEUS_OTHER) == 0;
    if (encoder->part->n_groups >= PROMETHEUS_MAX_NAMES && !is_other) {
        return prometheus_group_find(encoder, PROMETHEUS_OTHER);
    }
    if (!WI_EXPECT(encoder->part->n_groups <= PROMETHEUS_MAX_NAMES)) {
        return PROMETHEUS_MAX_NAMES;
    }
    uint16_t group = (uint16_t)encoder->part->n_groups++;
    wi_map_add(&encoder->map, key, group);
    memset(&encoder->part->group[group], 0, sizeof(encoder->part->group[group]));
    encoder->part->group[group].name = name;
    return group;
}

/* sum += value. An absent value changes nothing, and a sum stops at the largest number. */
static void prometheus_sum(struct wi_value *sum, const struct wi_value *value)
{
    if (value->type == WI_ABSENT || value->type == WI_TEXT) {
        return;
    }
    if (sum->type == WI_ABSENT) {
        *sum = *value;
    } else if (sum->type == WI_U64 && value->type == WI_U64) {
        if (__builtin_add_overflow(sum->u.u64, value->u.u64, &sum->u.u64)) {
            sum->u.u64 = UINT64_MAX;
        }
    } else if (sum->type == WI_I64 && value->type == WI_I64) {
        if (__builtin_add_overflow(sum->u.i64, value->u.i64, &sum->u.i64)) {
            sum->u.i64 = value->u.i64 < 0 ? INT64_MIN : INT64_MAX;
        }
    } else {
        double total = wi_value_number(sum, 0) + wi_value_number(value, 0);
        sum->type = WI_F64;
        sum->u.f64 = total;
    }
}

/* sum += value, or the higher of the two. */
static void prometheus_add(struct wi_value *sum, const struct wi_value *value, bool is_peak)
{
    if (!is_peak || sum->type == WI_ABSENT) {
        prometheus_sum(sum, value);
    } else if (value->type != WI_ABSENT && value->type != WI_TEXT &&
               wi_value_number(value, 0) > wi_value_number(sum, 0)) {
        *sum = *value;
    }
}

int wi_prometheus_in_bytes(const struct wi_metric_table *table, size_t metric)
{
    int place = 0;
    for (size_t i = 0; i < metric; i++) {
        place += table->metrics[i].bytes && table->metrics[i].bytes[0];
    }
    const char *family = table->metrics[metric].bytes;
    return family && family[0] && WI_EXPECT(place < PROMETHEUS_BYTES) ? place : -1;
}

/* Where a row's value is summed: rows in bytes are never added to rows of messages. NULL: nowhere. */
static struct wi_value *prometheus_place(const struct prometheus_encoder *encoder,
                                         struct prometheus_group *group, bool is_bytes, size_t i)
{
    const struct wi_metric *metric = &encoder->table->metrics[i];
    if (!wi_prometheus_is_exposed(encoder, metric)) {
        return NULL;
    }
    if (!is_bytes || !metric->bytes) {
        return &group->value[i];
    }
    int place = wi_prometheus_in_bytes(encoder->table, i);
    return place < 0 ? NULL : &group->in_bytes[place];
}

bool wi_prometheus_is_exposed(const struct prometheus_encoder *encoder,
                              const struct wi_metric *metric)
{
    if (metric->family[0] == 0 || metric->type == WI_TYPE_TEXT) {
        return false;
    }
    return !encoder->without_process || strncmp(metric->family, "process_", 8) != 0;
}

static void prometheus_row_add(struct prometheus_encoder *encoder, struct prometheus_group *group,
                               const struct wi_row *row)
{
    bool is_bytes = wi_row_is_bytes(encoder->table->kind, row);
    group->instances++;
    for (size_t i = 0; i < encoder->table->n_metrics; i++) {
        struct wi_value *sum = prometheus_place(encoder, group, is_bytes, i);
        if (sum) {
            prometheus_add(sum, &row->value[i], encoder->table->metrics[i].is_peak);
        }
    }
    if (encoder->table->kind != WI_CHANNEL) {
        return;
    }
    const struct wi_value *depth = &row->value[WI_CHANNEL_DEPTH];
    uint64_t *deepest = is_bytes ? &group->deepest_bytes : &group->deepest;
    if (depth->type == WI_U64 && depth->u.u64 > *deepest) {
        *deepest = depth->u.u64;
    }
    group->has_depth |= depth->type == WI_U64 && !is_bytes;
    group->has_depth_bytes |= depth->type == WI_U64 && is_bytes;
    bool is_unbounded = row->value[WI_CHANNEL_CAPACITY].type == WI_ABSENT;
    group->is_unbounded |= is_unbounded && !is_bytes;
    group->is_unbounded_bytes |= is_unbounded && is_bytes;
    group->has_messages |= !is_bytes;
    group->has_bytes |= is_bytes;
    const struct wi_value *flavor = &row->value[WI_CHANNEL_FLAVOR];
    const char *name = flavor->type == WI_TEXT ? flavor->u.text : "other";
    if (group->flavor && strcmp(group->flavor, name) != 0) {
        name = "other";
    }
    group->flavor = name;
}

void wi_prometheus_escape(struct wi_buffer *buffer, const char *text, bool with_quotes)
{
    const char *stops = with_quotes ? "\\\n\"" : "\\\n";
    for (;;) {
        size_t plain = strcspn(text, stops);
        wi_buffer_append(buffer, text, plain);
        text += plain;
        if (*text == 0) {
            return;
        }
        char escaped[2] = {'\\', *text == '\n' ? 'n' : *text};
        wi_buffer_append(buffer, escaped, 2);
        text++;
    }
}

/* The label that tells a kind's rows apart; NULL: there is one row. */
static const char *prometheus_label(enum wi_kind kind)
{
    return wi_kind_has_slots(kind) ? wi_metric_table(kind)->name : NULL;
}

/* `label`: NULL where a kind has one row. */
static void prometheus_labels_write(struct prometheus_part *part, struct prometheus_group *group,
                                    const char *label)
{
    group->labels_at = part->labels.length;
    wi_buffer_text(&part->labels, part->prefix);
    if (label) {
        wi_buffer_text(&part->labels, part->prefix[0] ? "," : "");
        wi_buffer_text(&part->labels, label);
        wi_buffer_append(&part->labels, "=\"", 2);
        wi_prometheus_escape(&part->labels, group->name, true);
        wi_buffer_append(&part->labels, "\"", 1);
    }
    group->labels_length = part->labels.length - group->labels_at;
}

static bool prometheus_has_counts(const struct wi_row *row)
{
    bool has_any = false;
    for (size_t i = 0; i < WI_MAX_METRICS; i++) {
        has_any |= wi_value_number(&row->value[i], 0) > 0;
    }
    return has_any;
}

static void prometheus_retired_sum(struct prometheus_encoder *encoder,
                                   struct prometheus_group *group, const struct wi_row *row,
                                   bool is_bytes)
{
    for (size_t m = 0; m < encoder->table->n_metrics; m++) {
        struct wi_value *sum = prometheus_place(encoder, group, is_bytes, m);
        if (sum) {
            prometheus_sum(sum, &row->value[m]);
        }
    }
}

/* Adds the counts of closed handles. Their names come before those of rows, "other" last, so their
 * order never changes. */
static void prometheus_retired_add(struct prometheus_encoder *encoder, enum wi_kind kind)
{
    struct prometheus_part *part = encoder->part;
    size_t n = wi_process_view_n_retired(part->view);
    for (size_t k = 0; k < n; k++) {
        size_t i = (k + WI_RETIRED_OTHERS) % n;
        enum wi_kind of = WI_N_KINDS;
        const struct wi_row *row = wi_process_view_retired(part->view, i, &of);
        part->group_of_retired[i] = PROMETHEUS_MAX_NAMES;
        if (!row || of != kind || (i < WI_RETIRED_OTHERS && !prometheus_has_counts(row))) {
            continue;
        }
        uint16_t at = prometheus_group_find(encoder, row->name);
        part->group_of_retired[i] = at;
        prometheus_retired_sum(encoder, &part->group[at], row, false);
        row = wi_process_view_retired_bytes(part->view, i);
        if (row) {
            part->group[at].had_bytes = true;
            prometheus_retired_sum(encoder, &part->group[at], row, true);
        }
    }
}

/* A name whose channels all count bytes has no series of messages, unless earlier ones have counted some. */
static void prometheus_forget_messages(const struct prometheus_encoder *encoder,
                                       struct prometheus_group *group)
{
    double counts = 0;
    for (size_t i = 0; i < encoder->table->n_metrics; i++) {
        counts += encoder->table->metrics[i].bytes ? wi_value_number(&group->value[i], 0) : 0;
    }
    for (size_t i = 0; !(counts > 0) && i < encoder->table->n_metrics; i++) {
        if (encoder->table->metrics[i].bytes) {
            group->value[i].type = WI_ABSENT;
        }
    }
}

/* The numbers of a group of channels beside its sums, for each unit. */
static void prometheus_channels_finish(struct prometheus_encoder *encoder,
                                       struct prometheus_group *group)
{
    struct wi_value *const in_bytes = group->in_bytes;
    group->value[WI_CHANNEL_INSTANCES] =
        (struct wi_value){.type = WI_U64, .u.u64 = group->instances};
    if (group->has_depth) {
        group->value[WI_CHANNEL_DEEPEST] =
            (struct wi_value){.type = WI_U64, .u.u64 = group->deepest};
    }
    if (group->has_depth_bytes) {
        in_bytes[wi_prometheus_in_bytes(encoder->table, WI_CHANNEL_DEEPEST)] =
            (struct wi_value){.type = WI_U64, .u.u64 = group->deepest_bytes};
    }
    if (group->is_unbounded) {
        group->value[WI_CHANNEL_CAPACITY].type = WI_ABSENT;
    }
    if (group->is_unbounded_bytes) {
        in_bytes[wi_prometheus_in_bytes(encoder->table, WI_CHANNEL_CAPACITY)].type = WI_ABSENT;
    }
    if ((group->has_bytes || group->had_bytes) && !group->has_messages) {
        prometheus_forget_messages(encoder, group);
    }
}

void wi_prometheus_groups_make(struct prometheus_encoder *encoder, enum wi_kind kind)
{
    const char *label = prometheus_label(kind);
    size_t n_rows = wi_process_view_count(encoder->part->view, kind);
    encoder->part->n_groups = 0;
    wi_map_clear(&encoder->map);
    wi_buffer_clear(&encoder->part->labels);
    prometheus_retired_add(encoder, kind);
    for (size_t i = 0; i < n_rows; i++) {
        const struct wi_row *row = wi_process_view_row(encoder->part->view, kind, i);
        uint16_t group = prometheus_group_find(encoder, label ? row->name : "");
        encoder->part->group_of_row[i] = group;
        prometheus_row_add(encoder, &encoder->part->group[group], row);
    }
    for (size_t i = 0; i < encoder->part->n_groups; i++) {
        struct prometheus_group *group = &encoder->part->group[i];
        prometheus_labels_write(encoder->part, group, label);
        encoder->has_failed |= encoder->part->labels.has_failed;
        if (kind == WI_CHANNEL) {
            prometheus_channels_finish(encoder, group);
        }
    }
}
