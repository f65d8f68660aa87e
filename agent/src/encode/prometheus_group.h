/* SPDX-License-Identifier: MIT */
/*
 * The internals of an exposition, for prometheus.c, which writes it, and prometheus_group.c, which
 * groups the rows of one name; for no other file. No I/O; the process view's thread.
 */
#ifndef WI_ENCODE_PROMETHEUS_GROUP_H
#define WI_ENCODE_PROMETHEUS_GROUP_H

#include "encode/buffer.h"
#include "snapshot/process_view.h"
#include "weir/map.h"

#define PROMETHEUS_MAX_NAMES 256
#define PROMETHEUS_SLOTS     512
#define PROMETHEUS_BYTES     9 /* metrics with a family for those in bytes */

/* All rows of one name. */
struct prometheus_group {
    const char *name;
    const char *flavor; /* of channels; "other" when they differ */
    size_t labels_at, labels_length;
    uint64_t instances, deepest;
    bool is_unbounded; /* at least one of them is */
    struct wi_value value[WI_MAX_METRICS];
    /* Channels in bytes: the values of metrics in the channel's unit, in the order of their families. */
    struct wi_value in_bytes[PROMETHEUS_BYTES];
    uint64_t deepest_bytes;
    bool has_messages, has_bytes, is_unbounded_bytes; /* of open channels */
    bool had_bytes;                                   /* closed channels have counted bytes */
    bool has_depth, has_depth_bytes; /* of at least one it is known how deep it is */
};

/* One process of an exposition. */
struct prometheus_part {
    struct wi_process_view *view;
    struct wi_buffer labels; /* `channel="moves"` of each group, after the process's own */
    char prefix[2 * WEIR_NAME_MAX + 80]; /* `process="game",pid="4821"`; "": there is only one */
    uint16_t *group_of_row, *group_of_retired;
    size_t n_groups;
    struct prometheus_group *group;
};

struct prometheus_encoder {
    struct prometheus_part *parts;
    size_t n_parts;
    struct prometheus_part *part; /* that is being written */
    const struct wi_value *own;   /* the exporter's own numbers, by agent metric; NULL: a part's */
    struct wi_buffer *out;
    bool is_openmetrics;
    bool without_process;
    bool in_bytes;                       /* families of channels in bytes are being written */
    bool has_failed;                     /* a label or a bound found no memory */
    const struct wi_metric_table *table; /* of the kind that is being written */
    struct wi_map map;                   /* the groups by name */
    struct wi_map_slot slots[PROMETHEUS_SLOTS];
    char bound[WI_OCTAVES][32]; /* the values of le */
    struct wi_octaves histogram[PROMETHEUS_MAX_NAMES + 1];
};

/* Makes the groups of a kind for the process encoder->part. Without memory for a label it sets
 * encoder->has_failed. */
void wi_prometheus_groups_make(struct prometheus_encoder *encoder, enum wi_kind kind);

/* A metric's place among those with a family for channels in bytes; -1: it has none. */
int wi_prometheus_in_bytes(const struct wi_metric_table *table, size_t metric);

/* Whether a metric has a family in this exposition. */
bool wi_prometheus_is_exposed(const struct prometheus_encoder *encoder,
                              const struct wi_metric *metric);

/* Appends a label's value or, without quotes, a help text. */
void wi_prometheus_escape(struct wi_buffer *buffer, const char *text, bool with_quotes);

#endif
