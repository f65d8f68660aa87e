/* SPDX-License-Identifier: MIT */
/*
 * A process for the screen's tests: rows that a test sets, and a server in a function, which answers
 * the screen's own queries with their columns, windows and filters. Header only: the console's
 * library comes with the test that includes it.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/query.h"
#include "model/ui.h"
#include "weir/catalog.h"
#include "view/view.h"

#define SCREEN_MAX_ROWS    400
#define SCREEN_MAX_VALUES  40
#define SCREEN_MAX_BUCKETS 32

struct screen_value {
    const char *field; /* NULL ends the list */
    double number;
    const char *text; /* not NULL: a text */
};

struct screen_histogram {
    const char *field; /* NULL: there is none */
    size_t n;
    uint64_t bounds[SCREEN_MAX_BUCKETS], counts[SCREEN_MAX_BUCKETS];
    uint64_t sum, max;
};

struct screen_row {
    int kind;
    uint64_t id;
    char name[64];
    struct screen_value value[SCREEN_MAX_VALUES];
    struct screen_histogram histogram[2];
};

struct screen {
    struct wc_model model;
    struct wc_ui ui;
    struct wc_layout layout;
    struct wc_grid grid;
    struct wc_query query;
    enum wc_tier tier;
    bool ascii;
    struct screen_row row[SCREEN_MAX_ROWS];
    size_t n_rows;
    int64_t second;
    uint64_t skipped;
};

#define SCREEN_NANOS INT64_C(1000000000)

static inline struct screen_row *screen_find(struct screen *screen, int kind, const char *name)
{
    for (size_t i = 0; i < screen->n_rows; i++) {
        if (screen->row[i].kind == kind && strcmp(screen->row[i].name, name) == 0) {
            return &screen->row[i];
        }
    }
    struct screen_row *row = &screen->row[screen->n_rows++];
    *row = (struct screen_row){.kind = kind, .id = screen->n_rows};
    snprintf(row->name, sizeof(row->name), "%s", name);
    return row;
}

static inline struct screen_value *screen_slot(struct screen *screen, int kind, const char *name,
                                               const char *field)
{
    struct screen_value *value = screen_find(screen, kind, name)->value;
    while (value->field && strcmp(value->field, field) != 0) {
        value++;
    }
    value->field = field;
    return value;
}

static inline void screen_set(struct screen *screen, int kind, const char *name, const char *field,
                              double number)
{
    screen_slot(screen, kind, name, field)->number = number;
}

static inline void screen_say(struct screen *screen, int kind, const char *name, const char *field,
                              const char *text)
{
    screen_slot(screen, kind, name, field)->text = text;
}

/* Counts values that lie just below a bound of nanoseconds. */
static inline void screen_count(struct screen *screen, int kind, const char *name,
                                const char *field, uint64_t bound, uint64_t n)
{
    struct screen_histogram *to = screen_find(screen, kind, name)->histogram;
    to += to->field && strcmp(to->field, field) != 0;
    to->field = field;
    to->bounds[to->n] = bound;
    to->counts[to->n++] = n;
    to->sum += bound / 10 * 9 * n;
    to->max = bound - bound / 20 > to->max ? bound - bound / 20 : to->max;
}

/* A model gets a connection to a server with this Description. */
static inline void screen_connect(struct wc_model *model, const Weir__V1__Description *description,
                                  int64_t unix_nanos)
{
    size_t n = weir__v1__description__get_packed_size(description);
    uint8_t *bytes = malloc(n + 1);
    weir__v1__description__pack(description, bytes);
    Weir__V1__Description *own = weir__v1__description__unpack(NULL, n, bytes);
    struct wc_shared *described = wc_shared_create(&own->base);
    wc_model_describe(model, described, "", unix_nanos);
    wc_shared_release(described);
    free(bytes);
}

/* All metrics that an catalog has, as a server describes them. */
static inline void screen_describe_catalog(struct screen *screen, uint32_t pid, const char *state,
                                           const struct wi_catalog *catalog)
{
    Weir__V1__Metric metric[WI_N_KINDS * WI_MAX_METRICS], *pointer[WI_N_KINDS * WI_MAX_METRICS];
    Weir__V1__Description description = WEIR__V1__DESCRIPTION__INIT;
    size_t n = 0;

    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        for (size_t i = 0; i < table->n_metrics; i++) {
            if (!wi_catalog_has(catalog, (enum wi_kind)kind, i)) {
                continue;
            }
            Weir__V1__Metric *to = &metric[n];
            weir__v1__metric__init(to);
            to->kind = (Weir__V1__Kind)kind;
            to->index = (uint32_t)i;
            to->type = (Weir__V1__MetricType)table->metrics[i].type;
            to->unit = (char *)(uintptr_t)wi_unit_name(table->metrics[i].unit);
            to->field = (char *)(uintptr_t)table->metrics[i].field;
            to->json = (char *)(uintptr_t)table->metrics[i].json;
            to->summary = (char *)(uintptr_t)table->metrics[i].summary;
            to->help = (char *)(uintptr_t)table->metrics[i].help;
            pointer[n++] = to;
        }
    }
    char name[] = "game", version[] = "0.1.0", copy[16];
    snprintf(copy, sizeof(copy), "%s", state);
    description.protocol = 1;
    description.version = version;
    description.name = name;
    description.pid = pid;
    description.state = copy;
    description.started_unix_nanos = 1000 * SCREEN_NANOS + pid;
    description.metrics = pointer;
    description.n_metrics = n;
    screen_connect(&screen->model, &description, screen->second * SCREEN_NANOS);
}

static inline void screen_describe(struct screen *screen, uint32_t pid, const char *state)
{
    screen_describe_catalog(screen, pid, state, wi_catalog_of_segments());
}

static inline void screen_init(struct screen *screen)
{
    memset(screen, 0, sizeof(*screen));
    screen->second = 1763924400; /* 19:00:00 UTC */
    wc_model_init(&screen->model);
    wc_ui_init(&screen->ui, 1000);
    screen_describe(screen, 4821, "running");
}

static inline void screen_finish(struct screen *screen)
{
    wc_model_finish(&screen->model);
    if (screen->grid.cells) {
        wc_grid_finish(&screen->grid);
    }
}

/* A part of the name, or a pattern with stars. */
static inline bool screen_passes(const char *filter, const char *name)
{
    const char *star = strchr(filter, '*');
    if (!star) {
        return strstr(name, filter) != NULL;
    }
    return strncmp(name, filter, (size_t)(star - filter)) == 0;
}

/* Whether the row's text is the one that the query asks for. */
static inline bool screen_equals(const struct screen_row *row, const Weir__V1__Query *query)
{
    const char *field = wi_metric_table((enum wi_kind)query->kind)->metrics[query->where].field;
    for (const struct screen_value *value = row->value; value->field; value++) {
        char number[32];
        snprintf(number, sizeof(number), "%.0f", value->number);
        if (strcmp(value->field, field) == 0) {
            return !query->equals[0] ||
                   strcmp(value->text ? value->text : number, query->equals) == 0;
        }
    }
    return !query->equals[0];
}

static inline Weir__V1__Value *screen_value_make(const struct screen_row *row,
                                                 const struct wi_metric *metric)
{
    Weir__V1__Value *to = malloc(sizeof(*to));
    weir__v1__value__init(to);
    for (const struct screen_value *value = row->value; value->field; value++) {
        if (strcmp(value->field, metric->field) != 0) {
            continue;
        }
        bool is_whole = metric->type == WI_TYPE_COUNTER && metric->unit != WI_UNIT_SECONDS;
        is_whole = is_whole || strcmp(metric->field, "subject_id") == 0;
        if (value->text) {
            to->value_case = WEIR__V1__VALUE__VALUE_TEXT;
            to->text = strdup(value->text);
        } else if (is_whole || metric->unit == WI_UNIT_MESSAGES ||
                   metric->unit == WI_UNIT_PERMITS) {
            to->value_case = WEIR__V1__VALUE__VALUE_U64;
            to->u64 = (uint64_t)value->number;
        } else {
            to->value_case = WEIR__V1__VALUE__VALUE_F64;
            to->f64 = value->number;
        }
    }
    return to;
}

static inline void screen_histograms_make(const struct screen_row *from, Weir__V1__Row *row)
{
    row->histograms = calloc(2, sizeof(Weir__V1__Histogram *));
    for (int i = 0; i < 2 && from->histogram[i].field; i++) {
        const struct screen_histogram *histogram = &from->histogram[i];
        Weir__V1__Histogram *to = malloc(sizeof(*to));
        weir__v1__histogram__init(to);
        to->metric = (uint32_t)wi_metric_find((enum wi_kind)from->kind, histogram->field);
        to->n_bounds = to->n_counts = histogram->n;
        to->bounds = calloc(histogram->n + 1, sizeof(uint64_t));
        to->counts = calloc(histogram->n + 1, sizeof(uint64_t));
        memcpy(to->bounds, histogram->bounds, histogram->n * sizeof(uint64_t));
        memcpy(to->counts, histogram->counts, histogram->n * sizeof(uint64_t));
        to->sum_nanos = histogram->sum;
        to->max_nanos = histogram->max;
        row->histograms[row->n_histograms++] = to;
    }
}

static inline Weir__V1__Row *screen_row_make(const struct screen_row *from,
                                             const Weir__V1__Table *table, bool has_histograms)
{
    const struct wi_metric_table *metrics = wi_metric_table((enum wi_kind)from->kind);
    Weir__V1__Row *row = malloc(sizeof(*row));
    weir__v1__row__init(row);
    row->id = from->id;
    row->name = strdup(from->name);
    row->n_values = table->n_columns;
    row->values = calloc(table->n_columns + 1, sizeof(Weir__V1__Value *));
    for (size_t i = 0; i < table->n_columns; i++) {
        row->values[i] = screen_value_make(from, &metrics->metrics[table->columns[i]]);
    }
    if (has_histograms) {
        screen_histograms_make(from, row);
    }
    return row;
}

static inline const struct screen_value *screen_get(const struct screen_row *row, const char *field)
{
    const struct screen_value *value = row->value;
    while (value->field && strcmp(value->field, field) != 0) {
        value++;
    }
    return value->field ? value : NULL;
}

/* The worst that a warning says of a row. */
static inline int screen_severity(const struct screen *screen, const struct screen_row *row)
{
    static const char *const severities[] = {"", "info", "warning", "critical"};
    int worst = 0;
    for (size_t i = 0; i < screen->n_rows; i++) {
        const struct screen_row *warning = &screen->row[i];
        if (warning->kind != WI_WARNING) {
            continue;
        }
        const struct screen_value *id = screen_get(warning, "subject_id");
        const struct screen_value *kind = screen_get(warning, "subject_kind");
        if (!id || (uint64_t)id->number != row->id || !kind ||
            strcmp(kind->text, wi_kind_name((enum wi_kind)row->kind)) != 0) {
            continue;
        }
        for (int severity = worst + 1; severity < 4; severity++) {
            const char *text = screen_get(warning, "severity")->text;
            worst = strcmp(text, severities[severity]) == 0 ? severity : worst;
        }
    }
    return worst;
}

/* Rows that are warned of come first where the worst are wanted first; else they stay as they came. */
static inline void screen_order(const struct screen *screen, const Weir__V1__Query *query,
                                const struct screen_row **rows, size_t n)
{
    int severities[SCREEN_MAX_ROWS];
    for (size_t i = 0; query->worst_first && i < n; i++) {
        const struct screen_row *row = rows[i];
        int severity = screen_severity(screen, row);
        size_t at = i;
        for (; at > 0 && severities[at - 1] < severity; at--) {
            rows[at] = rows[at - 1];
            severities[at] = severities[at - 1];
        }
        rows[at] = row;
        severities[at] = severity;
    }
}

/* Where the window begins: it follows a row that stands outside of it. */
static inline uint32_t screen_offset(const Weir__V1__Query *query, const struct screen_row **rows,
                                     uint32_t n)
{
    for (uint32_t i = 0; query->follow && i < n; i++) {
        bool is_inside = i >= query->offset && i - query->offset < query->limit;
        if (rows[i]->id == query->follow && !is_inside) {
            return i > query->limit / 2 ? i - query->limit / 2 : 0;
        }
    }
    return query->offset;
}

static inline Weir__V1__Table *screen_table_make(const struct screen *screen,
                                                 const Weir__V1__Query *query)
{
    const struct wi_metric_table *metrics = wi_metric_table((enum wi_kind)query->kind);
    Weir__V1__Table *table = malloc(sizeof(*table));
    weir__v1__table__init(table);
    table->kind = query->kind;
    table->n_columns = query->n_columns ? query->n_columns : metrics->n_metrics;
    table->columns = calloc(table->n_columns, sizeof(uint32_t));
    for (size_t i = 0; i < table->n_columns; i++) {
        table->columns[i] = query->n_columns ? query->columns[i] : (uint32_t)i;
    }
    table->rows = calloc(SCREEN_MAX_ROWS, sizeof(Weir__V1__Row *));
    const struct screen_row *rows[SCREEN_MAX_ROWS];
    for (size_t i = 0; i < screen->n_rows; i++) {
        const struct screen_row *row = &screen->row[i];
        table->total += row->kind == (int)query->kind;
        if (row->kind == (int)query->kind && screen_passes(query->filter, row->name) &&
            (!query->id || query->id == row->id) && screen_equals(row, query)) {
            rows[table->matching++] = row;
        }
    }
    screen_order(screen, query, rows, table->matching);
    uint32_t offset = screen_offset(query, rows, table->matching);
    table->first = offset != query->offset ? offset + 1 : 0;
    for (uint32_t i = offset; i < table->matching; i++) {
        if (table->n_rows < (query->limit ? query->limit : 1000)) {
            table->rows[table->n_rows++] = screen_row_make(rows[i], table, query->histograms);
        }
    }
    return table;
}

/* The answer to the query that runs. Owns: the caller's. */
static inline Weir__V1__Update *screen_answer(const struct screen *screen)
{
    Weir__V1__Update *update = malloc(sizeof(*update));
    weir__v1__update__init(update);
    update->unix_nanos = screen->second * SCREEN_NANOS;
    update->read_nanos = (screen->second - 1763920000) * SCREEN_NANOS;
    update->state = strdup("running");
    update->skipped = screen->skipped;
    update->n_tables = screen->query.plan.n;
    update->tables = calloc(update->n_tables, sizeof(Weir__V1__Table *));
    for (size_t i = 0; i < update->n_tables; i++) {
        update->tables[i] = screen_table_make(screen, &screen->query.query[i]);
    }
    return update;
}

static inline int64_t screen_now(const struct screen *screen)
{
    return screen->second * SCREEN_NANOS;
}

/* As the program's loop: layout, query, answer, drawing. */
static inline void screen_draw(struct screen *screen, int rows, int cols)
{
    if (screen->grid.rows != rows || screen->grid.cols != cols) {
        if (screen->grid.cells) {
            wc_grid_finish(&screen->grid);
        }
        wc_grid_init(&screen->grid, rows, cols, screen->ascii);
    }
    wc_ui_layout(&screen->ui, &screen->model, rows, cols, &screen->layout);
    wc_ui_settle(&screen->ui, &screen->model, &screen->layout);
    struct wc_view view = {&screen->grid, &screen->model,     &screen->ui,       &screen->layout,
                           screen->tier,  screen_now(screen), screen_now(screen)};
    wc_view_draw(&view);
}

static inline void screen_update(struct screen *screen)
{
    wc_query_make(&screen->model, &screen->ui, &screen->layout, &screen->query);
    wc_model_watch(&screen->model, &screen->query.plan);
    wc_model_update(&screen->model, screen_answer(screen), screen_now(screen));
}

/* Updates and draws until nothing changes any more: what stands on the screen a moment later. */
static inline void screen_show(struct screen *screen, int rows, int cols)
{
    screen_draw(screen, rows, cols);
    for (int i = 0; i < 3; i++) {
        screen_update(screen);
        screen_draw(screen, rows, cols);
    }
}

/* All lines, each ended by a line feed. Owns: the caller's. */
static inline char *screen_text(const struct screen *screen)
{
    size_t size = (size_t)screen->grid.rows * ((size_t)screen->grid.cols * 4 + 1) + 1, at = 0;
    char *text = malloc(size);
    for (int row = 0; row < screen->grid.rows; row++) {
        at += wc_grid_row_text(&screen->grid, row, text + at, size - at);
        text[at++] = '\n';
    }
    text[at] = '\0';
    return text;
}

#endif
