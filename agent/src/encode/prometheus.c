/* SPDX-License-Identifier: MIT */
/*
 * The exposition, kind by kind:
 *
 *     rows of a kind -> groups (one for each name, at most 256, the rest "other") -> families
 *
 * If there are several processes, each has groups of its own, and a family goes through all of
 * them, because families must not be interleaved.
 *
 * Rows of one name are summed, because a series must not occur twice; peaks and ages take the
 * highest value. Channels that count bytes are in families of their own, so that no sum mixes units (ADR 61).
 * The counts of closed handles stay in the sums of their name: the process keeps
 * them (ADR 43). The first 256 names, in the order of their first opening, have their own series as
 * long as the process lives. So no name moves into "other" because another one grew. A histogram
 * appears with its first measured value: thirty series of zeros for each channel that is not timed
 * would be the largest part of a scrape. Counters are there from the start, at 0, so that the first
 * burst is seen.
 *
 * The encoder is made for one exposition and freed with it; the text goes into the caller's buffer.
 * Without memory for any part the exposition fails as a whole. If a process's waits cannot be read
 * consistently, its histograms are left out this time: one process must not take the others' series
 * away. Compression is done in http/. The exporter's thread.
 */
#include "encode/prometheus.h"

#include "encode/prometheus_group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- from groups to text ------------------------------------------------------------------- */

static void prometheus_value_write(struct wi_buffer *out, const struct wi_value *value)
{
    if (value->type == WI_U64) {
        wi_buffer_u64(out, value->u.u64);
    } else if (value->type == WI_I64) {
        uint64_t magnitude = (uint64_t)value->u.i64;
        if (value->u.i64 < 0) {
            wi_buffer_append(out, "-", 1);
            magnitude = 0 - magnitude;
        }
        wi_buffer_u64(out, magnitude);
    } else {
        wi_buffer_f64(out, value->u.f64);
    }
}

static void prometheus_comment(struct prometheus_encoder *encoder, const char *what,
                               const char *family, const char *suffix, const char *text)
{
    wi_buffer_text(encoder->out, what);
    wi_buffer_text(encoder->out, family);
    wi_buffer_text(encoder->out, suffix);
    wi_buffer_append(encoder->out, " ", 1);
    wi_prometheus_escape(encoder->out, text, encoder->is_openmetrics);
    wi_buffer_append(encoder->out, "\n", 1);
}

/* The family of a metric, in the unit that is being written. */
static const char *prometheus_name(const struct prometheus_encoder *encoder,
                                   const struct wi_metric *metric)
{
    return encoder->in_bytes ? metric->bytes : metric->family;
}

/* The unit with which the family's name ends, as OpenMetrics requires it; else NULL. */
static const char *prometheus_unit(const char *name, enum wi_unit of)
{
    if (of != WI_UNIT_SECONDS && of != WI_UNIT_BYTES) {
        return NULL;
    }
    const char *unit = wi_unit_name(of);
    size_t family = strlen(name);
    size_t length = strlen(unit);
    bool is_suffix = family > length && name[family - length - 1] == '_' &&
                     strcmp(name + family - length, unit) == 0;
    return is_suffix ? unit : NULL;
}

static void prometheus_header(struct prometheus_encoder *encoder, const struct wi_metric *metric)
{
    static const char *const types[] = {"counter", "gauge", "unknown", "histogram"};
    const char *type = types[metric->type];
    const char *family = prometheus_name(encoder, metric);
    const char *unit = prometheus_unit(family, encoder->in_bytes ? WI_UNIT_BYTES : metric->unit);
    char in_bytes[WI_METRIC_TEXT];
    const char *help =
        encoder->in_bytes ? wi_metric_text_in_bytes(metric->help, in_bytes) : metric->help;
    if (encoder->is_openmetrics) {
        prometheus_comment(encoder, "# TYPE ", family, "", type);
        if (unit) {
            prometheus_comment(encoder, "# UNIT ", family, "", unit);
        }
        prometheus_comment(encoder, "# HELP ", family, "", help);
        return;
    }
    const char *suffix = metric->type == WI_TYPE_COUNTER ? "_total" : "";
    prometheus_comment(encoder, "# HELP ", family, suffix, help);
    prometheus_comment(encoder, "# TYPE ", family, suffix, type);
}

/* `family_suffix{labels,extra} ` */
static void prometheus_series(struct prometheus_encoder *encoder, const char *family,
                              const char *suffix, const struct prometheus_group *group,
                              const char *extra)
{
    struct wi_buffer *out = encoder->out;
    wi_buffer_text(out, family);
    wi_buffer_text(out, suffix);
    if (group->labels_length > 0 || *extra) {
        wi_buffer_append(out, "{", 1);
        if (group->labels_length > 0) {
            wi_buffer_append(out, encoder->part->labels.bytes + group->labels_at,
                             group->labels_length);
        }
        if (group->labels_length > 0 && *extra) {
            wi_buffer_append(out, ",", 1);
        }
        wi_buffer_text(out, extra);
        wi_buffer_append(out, "}", 1);
    }
    wi_buffer_append(out, " ", 1);
}

/* Whether a value may be exposed: a counter is a number and never negative. */
static bool prometheus_is_shown(const struct wi_metric *metric, const struct wi_value *value)
{
    if (value->type == WI_ABSENT || value->type == WI_TEXT) {
        return false;
    }
    if (metric->type != WI_TYPE_COUNTER) {
        return true;
    }
    double number = wi_value_number(value, 0);
    return isfinite(number) && number >= 0;
}

/* A group's value in the unit that is being written. */
static const struct wi_value *prometheus_value(const struct prometheus_encoder *encoder,
                                               const struct prometheus_group *group, size_t metric)
{
    int place = encoder->in_bytes ? wi_prometheus_in_bytes(encoder->table, metric) : -1;
    return place < 0 ? &group->value[metric] : &group->in_bytes[place];
}

/* One group's series of a family; before the first of them the family's header. */
static void prometheus_group_write(struct prometheus_encoder *encoder, size_t first,
                                   const struct prometheus_group *group, bool *has_header)
{
    const struct wi_metric *metrics = encoder->table->metrics;
    const char *family = prometheus_name(encoder, &metrics[first]);
    const char *suffix = metrics[first].type == WI_TYPE_COUNTER ? "_total" : "";
    for (size_t i = first; i < encoder->table->n_metrics; i++) {
        const char *name = prometheus_name(encoder, &metrics[i]);
        bool is_member = i == first || (name && strcmp(name, family) == 0);
        const struct wi_value *value = is_member ? prometheus_value(encoder, group, i) : NULL;
        if (!value || !prometheus_is_shown(&metrics[i], value)) {
            continue;
        }
        if (!*has_header) {
            prometheus_header(encoder, &metrics[first]);
            *has_header = true;
        }
        prometheus_series(encoder, family, suffix, group, metrics[i].label);
        prometheus_value_write(encoder->out, value);
        wi_buffer_append(encoder->out, "\n", 1);
    }
}

static void prometheus_family(struct prometheus_encoder *encoder, size_t first)
{
    bool has_header = false;
    for (size_t p = 0; p < encoder->n_parts; p++) {
        encoder->part = &encoder->parts[p];
        for (size_t g = 0; g < encoder->part->n_groups; g++) {
            prometheus_group_write(encoder, first, &encoder->part->group[g], &has_header);
        }
    }
}

/* A number of the exporter itself, not of a process. */
static void prometheus_own(struct prometheus_encoder *encoder, size_t metric)
{
    bool has_header = false;
    struct prometheus_group own = {.name = ""};
    own.value[metric] = encoder->own[metric];
    prometheus_group_write(encoder, metric, &own, &has_header);
}

static void prometheus_histograms_add(struct prometheus_encoder *encoder, size_t metric)
{
    const struct prometheus_part *part = encoder->part;
    const struct wi_octave_groups groups = {part->group_of_row, part->group_of_retired,
                                            encoder->histogram, PROMETHEUS_MAX_NAMES + 1};
    enum weir_status status =
        wi_process_view_octaves(part->view, encoder->table->kind, (int)metric, &groups);
    encoder->has_failed |= status == WEIR_E_MEMORY;
    if (status != WEIR_OK) {
        memset(encoder->histogram, 0, sizeof(encoder->histogram));
    }
}

static void prometheus_histogram_write(struct prometheus_encoder *encoder,
                                       const struct wi_metric *metric, size_t g)
{
    const struct prometheus_group *group = &encoder->part->group[g];
    const struct wi_octaves *histogram = &encoder->histogram[g];
    struct wi_buffer *out = encoder->out;
    uint64_t count = 0;
    char le[48];
    for (size_t i = 0; i <= WI_OCTAVES; i++) {
        const char *bound = i < WI_OCTAVES ? encoder->bound[i] : "+Inf";
        size_t length = strlen(bound);
        count += histogram->count[i];
        memcpy(le, "le=\"", 4);
        memcpy(le + 4, bound, length);
        memcpy(le + 4 + length, "\"", 2);
        prometheus_series(encoder, metric->family, "_bucket", group, le);
        wi_buffer_u64(out, count);
        wi_buffer_append(out, "\n", 1);
    }
    prometheus_series(encoder, metric->family, "_sum", group, "");
    wi_buffer_f64(out, (double)histogram->sum / 1e9);
    wi_buffer_append(out, "\n", 1);
    prometheus_series(encoder, metric->family, "_count", group, "");
    wi_buffer_u64(out, count);
    wi_buffer_append(out, "\n", 1);
}

static void prometheus_histogram_family(struct prometheus_encoder *encoder, size_t metric)
{
    bool has_header = false;
    for (size_t p = 0; p < encoder->n_parts; p++) {
        encoder->part = &encoder->parts[p];
        prometheus_histograms_add(encoder, metric);
        for (size_t g = 0; g < encoder->part->n_groups; g++) {
            if (!encoder->histogram[g].is_measured) {
                continue;
            }
            if (!has_header) {
                prometheus_header(encoder, &encoder->table->metrics[metric]);
                has_header = true;
            }
            prometheus_histogram_write(encoder, &encoder->table->metrics[metric], g);
        }
    }
}

static bool prometheus_is_first_of_family(const struct prometheus_encoder *encoder, size_t metric)
{
    const struct wi_metric *metrics = encoder->table->metrics;
    for (size_t i = 0; i < metric; i++) {
        const char *name = prometheus_name(encoder, &metrics[i]);
        if (name && strcmp(name, prometheus_name(encoder, &metrics[metric])) == 0) {
            return false;
        }
    }
    return true;
}

/* The families of channels in bytes, which have names of their own. */
static void prometheus_families_in_bytes(struct prometheus_encoder *encoder)
{
    encoder->in_bytes = true;
    for (size_t i = 0; i < encoder->table->n_metrics; i++) {
        if (wi_prometheus_in_bytes(encoder->table, i) >= 0 &&
            prometheus_is_first_of_family(encoder, i)) {
            prometheus_family(encoder, i);
        }
    }
    encoder->in_bytes = false;
}

/* An info family: a type of its own in OpenMetrics, a gauge of 1 in the text. */
static void prometheus_info_header(struct prometheus_encoder *encoder, const char *family,
                                   const char *help)
{
    if (encoder->is_openmetrics) {
        prometheus_comment(encoder, "# TYPE ", family, "", "info");
        prometheus_comment(encoder, "# HELP ", family, "", help);
    } else {
        prometheus_comment(encoder, "# HELP ", family, "_info", help);
        prometheus_comment(encoder, "# TYPE ", family, "_info", "gauge");
    }
}

static void prometheus_build_info(struct prometheus_encoder *encoder)
{
    for (size_t p = 0; p < encoder->n_parts; p++) {
        const struct prometheus_part *part = &encoder->parts[p];
        const char *version = wi_process_view_facts(part->view)->version;
        if (p == 0) {
            prometheus_info_header(encoder, "weir_build",
                                   "The version of weir that counts; always 1.");
        }
        wi_buffer_text(encoder->out, "weir_build_info{");
        wi_buffer_text(encoder->out, part->prefix);
        wi_buffer_text(encoder->out, part->prefix[0] ? "," : "");
        wi_buffer_text(encoder->out, "version=\"");
        wi_prometheus_escape(encoder->out, version[0] ? version : WEIR_VERSION, true);
        wi_buffer_text(encoder->out, "\"} 1\n");
    }
}

static void prometheus_channel_info(struct prometheus_encoder *encoder)
{
    bool has_header = false;
    for (size_t p = 0; p < encoder->n_parts; p++) {
        encoder->part = &encoder->parts[p];
        for (size_t g = 0; g < encoder->part->n_groups; g++) {
            const struct prometheus_group *group = &encoder->part->group[g];
            if (!group->instances) {
                continue;
            }
            if (!has_header) {
                prometheus_info_header(encoder, "weir_channel",
                                       "The channel's type and whether it is bounded; always 1.");
                has_header = true;
            }
            char extra[64];
            snprintf(extra, sizeof(extra), "kind=\"%.16s\",bounded=\"%s\"",
                     group->flavor ? group->flavor : "other",
                     group->is_unbounded || group->is_unbounded_bytes ? "false" : "true");
            prometheus_series(encoder, "weir_channel", "_info", group, extra);
            wi_buffer_append(encoder->out, "1\n", 2);
        }
    }
}

static void prometheus_kind(struct prometheus_encoder *encoder, enum wi_kind kind)
{
    encoder->table = wi_metric_table(kind);
    for (size_t p = 0; p < encoder->n_parts; p++) {
        encoder->part = &encoder->parts[p];
        wi_prometheus_groups_make(encoder, kind);
    }
    if (kind == WI_CHANNEL) {
        prometheus_channel_info(encoder);
    }
    for (size_t i = 0; i < encoder->table->n_metrics; i++) {
        const struct wi_metric *metric = &encoder->table->metrics[i];
        if (!wi_prometheus_is_exposed(encoder, metric) ||
            !prometheus_is_first_of_family(encoder, i)) {
            continue;
        }
        if (metric->type == WI_TYPE_HISTOGRAM) {
            prometheus_histogram_family(encoder, i);
        } else if (kind == WI_AGENT && encoder->own && encoder->own[i].type != WI_ABSENT) {
            prometheus_own(encoder, i);
        } else {
            prometheus_family(encoder, i);
        }
    }
    prometheus_families_in_bytes(encoder);
}

static void prometheus_bounds_write(struct prometheus_encoder *encoder)
{
    struct wi_buffer text;
    wi_buffer_init(&text, sizeof(encoder->bound[0]));
    for (unsigned i = 0; i < WI_OCTAVES; i++) {
        wi_buffer_clear(&text);
        wi_buffer_f64(&text, (double)wi_histogram_bound(4 * i) / 1e9);
        if (text.has_failed || text.length >= sizeof(encoder->bound[i])) {
            encoder->has_failed = true;
            break;
        }
        memcpy(encoder->bound[i], text.bytes, text.length);
    }
    wi_buffer_finish(&text);
}

/* ---- whole expositions --------------------------------------------------------------------- */

/* Senders and single tasks have no label of their own: their channels and kinds have their sums. */
static bool prometheus_has_families(int kind)
{
    return kind < WI_WARNING || kind == WI_LOOP;
}

/* The labels that tell a process's series from those of the others. Two processes may have the same
 * name and pid, in pid namespaces that are not visible from here. Then the later one's pid is
 * followed by its start time and id. */
static void prometheus_prefix_write(struct prometheus_encoder *encoder,
                                    struct prometheus_part *part)
{
    const struct wi_facts *facts = wi_process_view_facts(part->view);
    struct wi_buffer text;
    char pid[48];
    snprintf(pid, sizeof(pid), "%u", (unsigned)facts->pid);
    for (const struct prometheus_part *before = encoder->parts; before < part; before++) {
        const struct wi_facts *other = wi_process_view_facts(before->view);
        if (other->pid == facts->pid && strcmp(other->name, facts->name) == 0) {
            struct wi_stem stem = facts->own;
            stem.pid = facts->pid;
            wi_stem_write(&stem, pid, sizeof(pid));
        }
    }
    wi_buffer_init(&text, sizeof(part->prefix) - 1);
    wi_buffer_text(&text, "process=\"");
    wi_prometheus_escape(&text, facts->name, true);
    wi_buffer_text(&text, "\",pid=\"");
    wi_buffer_text(&text, pid);
    wi_buffer_append(&text, "\"", 1);
    if (!text.has_failed) {
        memcpy(part->prefix, text.bytes, text.length);
    }
    encoder->has_failed |= text.has_failed;
    wi_buffer_finish(&text);
}

/* Allocates a process's groups. False: there is no memory. */
static bool prometheus_part_make(struct prometheus_part *part, struct wi_process_view *view)
{
    size_t n_retired = wi_process_view_n_retired(view);
    size_t most_rows = 1;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        size_t n_rows =
            prometheus_has_families(kind) ? wi_process_view_count(view, (enum wi_kind)kind) : 0;
        most_rows = n_rows > most_rows ? n_rows : most_rows;
    }
    size_t most_groups = most_rows + n_retired;
    most_groups = most_groups < PROMETHEUS_MAX_NAMES ? most_groups : PROMETHEUS_MAX_NAMES;
    part->view = view;
    part->group_of_row = calloc(most_rows, sizeof(*part->group_of_row));
    part->group_of_retired = calloc(n_retired + 1, sizeof(*part->group_of_retired));
    part->group = calloc(most_groups + 1, sizeof(*part->group));
    /* The longest label of each name, every character escaped. */
    wi_buffer_init(&part->labels,
                   (PROMETHEUS_MAX_NAMES + 1) * (2 * WEIR_NAME_MAX + 32 + sizeof(part->prefix)));
    return part->group_of_row && part->group_of_retired && part->group;
}

static void prometheus_encoder_destroy(struct prometheus_encoder *encoder)
{
    for (size_t p = 0; encoder && encoder->parts && p < encoder->n_parts; p++) {
        wi_buffer_finish(&encoder->parts[p].labels);
        free(encoder->parts[p].group_of_row);
        free(encoder->parts[p].group_of_retired);
        free(encoder->parts[p].group);
    }
    if (encoder) {
        free(encoder->parts);
    }
    free(encoder);
}

static struct prometheus_encoder *prometheus_encoder_create(const struct wi_exposition *exposition)
{
    struct prometheus_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder) {
        return NULL;
    }
    encoder->parts = calloc(exposition->n_views + 1, sizeof(*encoder->parts));
    if (!encoder->parts) {
        prometheus_encoder_destroy(encoder);
        return NULL;
    }
    wi_map_move(&encoder->map, encoder->slots, PROMETHEUS_MAX_NAMES + 1);
    encoder->own = exposition->own;
    encoder->is_openmetrics = exposition->format == WI_FORMAT_OPENMETRICS;
    encoder->without_process = exposition->without_process;
    for (size_t p = 0; p < exposition->n_views; p++) {
        struct prometheus_part *part = &encoder->parts[encoder->n_parts++];
        if (!prometheus_part_make(part, exposition->views[p])) {
            prometheus_encoder_destroy(encoder);
            return NULL;
        }
        if (exposition->own) {
            prometheus_prefix_write(encoder, part);
        }
    }
    return encoder;
}

enum weir_status wi_prometheus_encode_all(const struct wi_exposition *exposition,
                                          struct wi_buffer *buffer)
{
    struct prometheus_encoder *encoder = prometheus_encoder_create(exposition);
    if (!encoder) {
        buffer->has_failed = true;
        return WEIR_E_MEMORY;
    }
    encoder->out = buffer;
    prometheus_bounds_write(encoder);
    prometheus_build_info(encoder);
    for (int kind = 0; kind < WI_N_KINDS && !encoder->has_failed && !buffer->has_failed; kind++) {
        if (prometheus_has_families(kind)) {
            prometheus_kind(encoder, (enum wi_kind)kind);
        }
    }
    if (encoder->is_openmetrics) {
        wi_buffer_text(buffer, "# EOF\n");
    }
    buffer->has_failed |= encoder->has_failed;
    prometheus_encoder_destroy(encoder);
    return buffer->has_failed ? WEIR_E_MEMORY : WEIR_OK;
}

enum weir_status wi_prometheus_encode(struct wi_process_view *view, enum wi_format format,
                                      bool without_process, struct wi_buffer *buffer)
{
    struct wi_exposition exposition = {&view, 1, format, without_process, NULL};
    return wi_prometheus_encode_all(&exposition, buffer);
}

const char *wi_prometheus_content_type(enum wi_format format)
{
    return format == WI_FORMAT_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}
