/* SPDX-License-Identifier: MIT */
/* Reads the picture that is shown, by the names in the Description. */
#include "model/state.h"

#include <math.h>
#include <string.h>

#include "weir/metric.h"

#define NANOS           INT64_C(1000000000)
#define STALE_MIN_NANOS (3 * NANOS)

int wc_model_history_kind(const struct wc_model *model, const Weir__V1__Metric *metric)
{
    const char *trend = wc_model_trend_field(model, (int)metric->kind);
    bool is_trend = trend && strcmp(trend, metric->field) == 0;
    return (int)metric->kind | (is_trend ? 0 : (int)(metric->index + 1) << 8);
}

const struct wc_picture *wc_model_picture(const struct wc_model *model)
{
    return model->is_frozen ? &model->frozen : &model->live;
}

const struct wc_history *wc_model_history(const struct wc_model *model, int kind, uint64_t id)
{
    return wc_histories_find(model->is_frozen ? &model->frozen_histories : &model->histories, kind,
                             id);
}

const struct wc_history *wc_model_history_of(const struct wc_model *model,
                                             const Weir__V1__Metric *metric, uint64_t id)
{
    return metric->index < WC_MAX_METRICS
               ? wc_model_history(model, wc_model_history_kind(model, metric), id)
               : NULL;
}

double wc_model_stale_seconds(const struct wc_model *model, int64_t now_nanos)
{
    if (model->connection != WC_LIVE || model->heard_nanos == 0 || model->playback.is_on) {
        return 0;
    }
    int64_t patience = (int64_t)model->plan.interval_millis * 2500000;
    int64_t age = now_nanos - model->heard_nanos;
    if (age <= (patience > STALE_MIN_NANOS ? patience : STALE_MIN_NANOS)) {
        return 0;
    }
    return (double)age / (double)NANOS;
}

static const Weir__V1__Metric *described_metric(const Weir__V1__Description *description, int kind,
                                                const char *field)
{
    for (size_t i = 0; description && i < description->n_metrics; i++) {
        const Weir__V1__Metric *metric = description->metrics[i];
        if ((int)metric->kind == kind && strcmp(metric->field, field) == 0) {
            return metric;
        }
    }
    return NULL;
}

const Weir__V1__Metric *wc_model_metric(const struct wc_model *model, int kind, const char *field)
{
    return described_metric(model->description, kind, field);
}

const Weir__V1__Metric *wc_model_metric_at(const struct wc_model *model, int kind, uint32_t index)
{
    const Weir__V1__Description *description = model->description;
    for (size_t i = 0; description && i < description->n_metrics; i++) {
        const Weir__V1__Metric *metric = description->metrics[i];
        if ((int)metric->kind == kind && metric->index == index) {
            return metric;
        }
    }
    return NULL;
}

bool wc_model_has_kind(const struct wc_model *model, int kind)
{
    const Weir__V1__Description *description = model->description;
    for (size_t i = 0; description && i < description->n_metrics; i++) {
        if ((int)description->metrics[i]->kind == kind) {
            return true;
        }
    }
    return description == NULL;
}

const char *wc_model_absence(const struct wc_model *model, int kind)
{
    const Weir__V1__Description *description = model->description;
    for (size_t i = 0; description && i < description->n_absences; i++) {
        if ((int)description->absences[i]->kind == kind) {
            return description->absences[i]->text;
        }
    }
    return "";
}

const char *wc_trend_field(const Weir__V1__Description *description, int kind)
{
    if (kind < 0 || kind >= WC_N_KINDS) {
        return NULL;
    }
    const struct wi_metric *metrics = wi_metric_table((enum wi_kind)kind)->metrics;
    int trend = wi_metric_graph((enum wi_kind)kind, WI_GRAPH_TREND);
    int other = wi_metric_graph((enum wi_kind)kind, WI_GRAPH_TREND_ELSE);
    if (other >= 0 && !described_metric(description, kind, metrics[trend].field) &&
        described_metric(description, kind, metrics[other].field)) {
        return metrics[other].field;
    }
    return trend >= 0 ? metrics[trend].field : NULL;
}

const char *wc_model_trend_field(const struct wc_model *model, int kind)
{
    return wc_trend_field(model->description, kind);
}

const Weir__V1__Value *wc_model_value(const struct wc_rows *table, const Weir__V1__Row *row,
                                      const Weir__V1__Metric *metric)
{
    if (!metric || !table->table || metric->index >= WC_MAX_METRICS) {
        return NULL;
    }
    int at = table->position[metric->index];
    if (at < 0 || (size_t)at >= row->n_values ||
        row->values[at]->value_case == WEIR__V1__VALUE__VALUE__NOT_SET) {
        return NULL;
    }
    return row->values[at];
}

bool wc_model_as_number(const Weir__V1__Value *value, double *ret_number)
{
    switch (value ? value->value_case : WEIR__V1__VALUE__VALUE__NOT_SET) {
    case WEIR__V1__VALUE__VALUE_U64:
        *ret_number = (double)value->u64;
        return true;
    case WEIR__V1__VALUE__VALUE_I64:
        *ret_number = (double)value->i64;
        return true;
    case WEIR__V1__VALUE__VALUE_F64:
        if (!isfinite(value->f64)) {
            return false;
        }
        *ret_number = value->f64;
        return true;
    default:
        return false;
    }
}

bool wc_model_number(const struct wc_model *model, const struct wc_rows *table,
                     const Weir__V1__Row *row, const char *field, double *ret_number)
{
    int kind = table->table ? (int)table->table->kind : -1;
    return wc_model_as_number(wc_model_value(table, row, wc_model_metric(model, kind, field)),
                              ret_number);
}

const char *wc_model_text(const struct wc_model *model, const struct wc_rows *table,
                          const Weir__V1__Row *row, const char *field)
{
    int kind = table->table ? (int)table->table->kind : -1;
    const Weir__V1__Value *value = wc_model_value(table, row, wc_model_metric(model, kind, field));
    return value && value->value_case == WEIR__V1__VALUE__VALUE_TEXT ? value->text : "";
}

bool wc_model_process(const struct wc_model *model, const char *field, double *ret_number)
{
    const struct wc_rows *table = &wc_model_picture(model)->list[WEIR__V1__KIND__KIND_PROCESS];
    return table->table && table->table->n_rows > 0 &&
           wc_model_number(model, table, table->table->rows[0], field, ret_number);
}

const Weir__V1__Row *wc_model_detail(const struct wc_model *model, uint64_t id)
{
    const Weir__V1__Table *table = wc_model_picture(model)->detail.table;
    for (size_t i = 0; table && i < table->n_rows; i++) {
        if (table->rows[i]->id == id) {
            return table->rows[i];
        }
    }
    return NULL;
}
