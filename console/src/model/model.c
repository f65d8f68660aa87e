/* SPDX-License-Identifier: MIT */
/*
 * The screen's knowledge of one process: pictures and histories.
 *
 * The input is the link's Description, Updates and Series; the output is rows and curves, by
 * state.h, when view/ draws. An Update is kept as it is, and a table only notes the metrics'
 * positions in its rows. So rows are not copied each second. An Update belongs to the plan of its
 * request; one that does not fit the plan is dropped, as it answers an older request.
 *
 * The model owns the last Update, the Description, and histories of up to 2,048 rows of 600 s. When
 * the screen is frozen it goes on to hold the Update, which is shown while Updates and histories continue.
 * Another process, or another start of it, clears everything.
 *
 * Curves use the server's clock. Gaps are noted as holes, which top.c fills from the server's
 * history. No I/O, no failure but lack of memory, which ends the program. The console's one thread.
 */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/expect.h"
#include "model/warning.h"

#define NANOS            INT64_C(1000000000)
#define DEFAULT_INTERVAL 1000
#define HOLES_SECONDS    5 /* between two requests for the past */

void wc_model_init(struct wc_model *model)
{
    *model = (struct wc_model){0};
    wc_histories_init(&model->histories);
    wc_histories_init(&model->frozen_histories);
    model->plan.interval_millis = DEFAULT_INTERVAL;
}

static void picture_finish(struct wc_picture *picture)
{
    wc_shared_release(picture->shared);
    *picture = (struct wc_picture){0};
}

static void model_forget(struct wc_model *model)
{
    picture_finish(&model->live);
    picture_finish(&model->frozen);
    wc_histories_finish(&model->histories);
    wc_histories_finish(&model->frozen_histories);
    model->is_frozen = false;
    model->has_lived = false;
    model->heard_nanos = 0;
}

void wc_model_finish(struct wc_model *model)
{
    model_forget(model);
    wc_shared_release(model->described);
    model->described = NULL;
    model->description = NULL;
}

void wc_model_describe(struct wc_model *model, struct wc_shared *described, const char *notice,
                       int64_t unix_nanos)
{
    const Weir__V1__Description *old = model->description;
    const Weir__V1__Description *description = (const void *)described->message;
    if (old && (old->pid != description->pid ||
                old->started_unix_nanos != description->started_unix_nanos)) {
        model_forget(model);
    }
    wc_shared_hold(described);
    wc_shared_release(model->described);
    model->described = described;
    model->description = description;
    snprintf(model->notice, sizeof(model->notice), "%s",
             notice && *notice ? notice : description->notice);
    model->has_past = false;
    model->holes = 0;
    model->row.is_asked = false;
    wc_model_connection(model, strcmp(description->state, "dead") == 0 ? WC_DEAD : WC_LIVE,
                        unix_nanos);
}

void wc_model_connection(struct wc_model *model, enum wc_connection connection, int64_t unix_nanos)
{
    if (model->connection != connection) {
        model->connection = connection;
        model->connection_unix_nanos = unix_nanos;
    }
}

void wc_model_watch(struct wc_model *model, const struct wc_plan *plan)
{
    (void)WI_EXPECT(plan->n <= WC_MAX_QUERIES);
    model->plan = *plan;
}

static void table_bind(struct wc_rows *to, const Weir__V1__Table *table)
{
    to->table = table;
    memset(to->position, -1, sizeof(to->position));
    for (size_t i = 0; i < table->n_columns && i < INT8_MAX; i++) {
        if (table->columns[i] < WC_MAX_METRICS) {
            to->position[table->columns[i]] = (int8_t)i;
        }
    }
}

/* Whether the update has a table of the right kind for each query. */
static bool model_fits(const struct wc_model *model, const Weir__V1__Update *update)
{
    if (update->n_tables != model->plan.n) {
        return false;
    }
    for (size_t i = 0; i < update->n_tables; i++) {
        if ((int)update->tables[i]->kind != model->plan.query[i].kind) {
            return false;
        }
    }
    return true;
}

/* Notes that a row was not seen for a while: it was scrolled out of view, or the screen was
 * stopped. */
static void model_hole(struct wc_model *model, int kind)
{
    bool has_history = kind <= WEIR__V1__KIND__KIND_PROCESS || kind == WEIR__V1__KIND__KIND_LOOP;
    model->holes |= has_history ? UINT32_C(1) << kind : 0;
}

/* Keeps every number of the rows that are shown in full, up to a limit. */
static void model_record_all(struct wc_model *model, const struct wc_rows *rows, int64_t second,
                             int64_t span)
{
    const Weir__V1__Description *description = model->description;
    if (!rows->table || rows->table->n_rows != 1 || !description) {
        return;
    }
    const Weir__V1__Row *row = rows->table->rows[0];
    for (size_t i = 0; i < description->n_metrics; i++) {
        const Weir__V1__Metric *metric = description->metrics[i];
        double value;
        if (metric->kind == rows->table->kind && metric->index < WC_MAX_METRICS &&
            wc_model_as_number(wc_model_value(rows, row, metric), &value) &&
            wc_histories_add(&model->histories, wc_model_history_kind(model, metric), row->id,
                             second, span, value) > 0) {
            model_hole(model, (int)metric->kind);
            model->row.is_asked = false;
        }
    }
}

static void model_record(struct wc_model *model, int64_t second)
{
    int64_t span = (model->plan.interval_millis + 999) / 1000;
    for (int kind = 0; kind < WC_N_KINDS; kind++) {
        const struct wc_rows *list = &model->live.list[kind];
        const char *field = wc_model_trend_field(model, kind);
        if (!list->table || !field) {
            continue;
        }
        for (size_t i = 0; i < list->table->n_rows; i++) {
            const Weir__V1__Row *row = list->table->rows[i];
            double value;
            if (wc_model_number(model, list, row, field, &value) &&
                wc_histories_add(&model->histories, kind, row->id, second, span, value) > 0) {
                model_hole(model, kind);
            }
        }
    }
    model_record_all(model, &model->live.list[WEIR__V1__KIND__KIND_PROCESS], second, span);
    model_record_all(model, &model->live.list[WEIR__V1__KIND__KIND_AGENT], second, span);
    model_record_all(model, &model->live.detail, second, span);
}

/* The place for an answer's rows. */
static struct wc_rows *picture_rows(struct wc_picture *picture, enum wc_role role, int kind)
{
    switch (role) {
    case WC_ROLE_DETAIL:
        return &picture->detail;
    case WC_ROLE_PART:
        return &picture->part;
    default:
        return &picture->list[kind];
    }
}

/* Time stands still for a process that has ended: its curves do not continue. */
static void model_move(struct wc_model *model, const Weir__V1__Update *update, bool had_ended)
{
    bool has_ended = strcmp(update->state, "dead") == 0;
    if (!has_ended || !had_ended) {
        model->live.second = update->read_nanos / NANOS;
        model_record(model, model->live.second);
    }
    model->has_lived = model->has_lived || !has_ended;
    if (has_ended) {
        wc_model_connection(model, WC_DEAD, update->unix_nanos);
    }
}

void wc_model_update(struct wc_model *model, Weir__V1__Update *taken_update, int64_t now_nanos)
{
    if (!model_fits(model, taken_update)) {
        weir__v1__update__free_unpacked(taken_update, NULL);
        return;
    }
    struct wc_picture *live = &model->live;
    int64_t second = live->second;
    bool had_ended = live->update && strcmp(live->update->state, "dead") == 0;
    picture_finish(live);
    live->shared = wc_shared_create(&taken_update->base);
    live->update = taken_update;
    live->second = second;
    for (size_t i = 0; i < taken_update->n_tables; i++) {
        struct wc_rows *to =
            picture_rows(live, model->plan.query[i].role, model->plan.query[i].kind);
        table_bind(to, taken_update->tables[i]);
        uint32_t moved = taken_update->tables[i]->first;
        to->offset = moved > 0 ? moved - 1 : model->plan.query[i].offset;
        to->limit = model->plan.query[i].limit;
        to->follow = model->plan.query[i].follow;
    }
    wc_warnings_read(model, live);
    model->heard_nanos = now_nanos;
    model_move(model, taken_update, had_ended);
}

bool wc_model_wants_past(struct wc_model *model)
{
    bool wants = !model->has_past && model->live.update &&
                 (model->connection == WC_LIVE || model->connection == WC_DEAD);
    model->has_past = model->has_past || wants;
    return wants;
}

uint32_t wc_model_take_holes(struct wc_model *model)
{
    int64_t second = model->live.second;
    bool is_soon = second >= model->holes_second && second - model->holes_second < HOLES_SECONDS;
    uint32_t holes = is_soon ? 0 : model->holes;
    if (holes) {
        model->holes = 0;
        model->holes_second = second;
    }
    return holes;
}

bool wc_model_wants_row(struct wc_model *model, int kind, uint64_t id)
{
    bool is_asked = model->row.is_asked && model->row.kind == kind && model->row.id == id;
    bool wants = !is_asked && model->has_past && model->live.update;
    if (wants) {
        model->row.is_asked = true;
        model->row.kind = kind;
        model->row.id = id;
    }
    return wants;
}

void wc_model_series(struct wc_model *model, Weir__V1__Series *taken_series)
{
    const Weir__V1__Metric *metric =
        wc_model_metric_at(model, (int)taken_series->kind, taken_series->metric);
    bool has_ended = taken_series->last_read_nanos == 0;
    int64_t second = has_ended ? model->live.second : taken_series->last_read_nanos / NANOS;
    /* If the screen saw the end, it has seen more than the remaining segment holds. */
    if (metric && metric->index < WC_MAX_METRICS && taken_series->step_nanos == NANOS &&
        !(has_ended && model->has_lived)) {
        wc_histories_seed(&model->histories, wc_model_history_kind(model, metric), taken_series->id,
                          second, taken_series->values, taken_series->n_values);
    }
    weir__v1__series__free_unpacked(taken_series, NULL);
}

void wc_model_rewind(struct wc_model *model)
{
    model_forget(model);
    model->has_past = false;
    model->row.is_asked = false;
    if (model->connection == WC_DEAD) {
        wc_model_connection(model, WC_LIVE, 0); /* the next Update may say otherwise */
    }
}

void wc_model_freeze(struct wc_model *model, bool is_frozen)
{
    if (is_frozen == model->is_frozen) {
        return;
    }
    wc_histories_finish(&model->frozen_histories);
    if (is_frozen) {
        picture_finish(&model->frozen);
        model->frozen = model->live;
        wc_shared_hold(model->frozen.shared);
        wc_histories_copy(&model->frozen_histories, &model->histories);
    } else {
        picture_finish(&model->frozen);
    }
    model->is_frozen = is_frozen;
}
