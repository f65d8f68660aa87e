/* SPDX-License-Identifier: MIT */
/*
 * The Watch request of a screen: one query for each list, one for the process, one for warnings,
 * and one for the row whose details are open.
 */
#include "model/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SMALL_WINDOW                                                                               \
    8 /* requested rows of a list that is not in use, so that it can come into view */

static Weir__V1__Query *query_add(struct wc_query *query, int kind, uint32_t offset,
                                  enum wc_role role)
{
    size_t at = query->plan.n++;
    Weir__V1__Query *to = &query->query[at];
    weir__v1__query__init(to);
    to->kind = (Weir__V1__Kind)kind;
    to->columns = query->columns[at];
    to->filter = query->filter[at];
    to->equals = query->equals[at];
    to->then = &query->then[at];
    to->offset = offset;
    query->filter[at][0] = '\0';
    query->pointer[at] = to;
    query->plan.query[at].kind = kind;
    query->plan.query[at].offset = offset;
    query->plan.query[at].role = role;
    return to;
}

static void query_column(const struct wc_model *model, Weir__V1__Query *to, const char *field)
{
    const Weir__V1__Metric *metric = wc_model_metric(model, (int)to->kind, field);
    if (!metric || to->n_columns >= WC_MAX_METRICS) {
        return;
    }
    for (size_t i = 0; i < to->n_columns; i++) {
        if (to->columns[i] == metric->index) {
            return;
        }
    }
    to->columns[to->n_columns++] = metric->index;
}

static void query_then(const struct wc_model *model, Weir__V1__Query *to, const char *field)
{
    const Weir__V1__Metric *metric = field ? wc_model_metric(model, (int)to->kind, field) : NULL;
    if (metric) {
        to->then[0] = metric->index;
        to->n_then = 1;
    }
}

static void query_sort(const struct wc_model *model, Weir__V1__Query *to,
                       const struct wc_list *list, const struct wc_column_table *table)
{
    bool is_worst = list->sort == WC_SORT_WORST;
    const char *field = is_worst ? table->worst[0] : table->columns[list->sort].field;
    const Weir__V1__Metric *metric = field ? wc_model_metric(model, (int)to->kind, field) : NULL;
    to->sort_by_name = metric == NULL;
    to->sort = metric ? metric->index : 0;
    to->descending = list->is_descending || is_worst;
    to->worst_first = is_worst;
    query_then(model, to, is_worst ? table->worst[1] : table->then);
}

/* The window: whole blocks around the visible rows, so that scrolling rarely changes it. */
static void query_window(const struct wc_list *list, uint32_t page, uint32_t *ret_offset,
                         uint32_t *ret_limit)
{
    uint32_t block = page / 2 > 4 ? page / 2 : 4;
    uint32_t at = list->top / block;
    *ret_offset = at > 0 ? (at - 1) * block : 0;
    *ret_limit = page + 3 * block;
}

static void query_list(const struct wc_model *model, const struct wc_ui *ui,
                       const struct wc_layout *layout, enum wc_tab tab, struct wc_query *query)
{
    const struct wc_column_table *table = wc_column_table(tab);
    const struct wc_list *list = &ui->list[tab];
    const struct wc_section *section = wc_layout_section(layout, tab);
    uint32_t offset = 0, limit = SMALL_WINDOW;

    if (layout->n_sections > 0 && section->tab == tab) {
        uint32_t page = tab == ui->tab ? (uint32_t)layout->body_rows : (uint32_t)section->n_rows;
        query_window(list, page > SMALL_WINDOW ? page : SMALL_WINDOW, &offset, &limit);
    }
    bool is_searching = ui->locate && tab == ui->tab;
    if (is_searching) {
        offset = 0;
        limit = WC_UI_SEARCH_ROWS;
    }
    Weir__V1__Query *to = query_add(query, table->kind, offset, WC_ROLE_LIST);
    to->limit = limit;
    to->follow = list->is_lost ? list->selected_id : 0;
    snprintf(to->filter, sizeof(query->filter[0]), "%s", ui->filter);
    query_sort(model, to, list, table);

    query_column(model, to, "label");
    query_column(model, to, "unit");
    struct wc_screen_columns columns;
    wc_ui_columns(model, tab, layout->cols, &columns);
    for (int i = 0; i < columns.n && !is_searching; i++) {
        const struct wc_screen_column *column = &table->columns[columns.at[i].index];
        if (column->field) {
            query_column(model, to, column->field);
        }
        if (column->type == WC_COLUMN_WAIT) {
            query_column(model, to, WC_COLUMN_AT_LEAST);
            query_column(model, to, WC_COLUMN_ESTIMATE);
        }
    }
    const char *trend = wc_model_trend_field(model, table->kind);
    if (trend) {
        query_column(model, to, trend);
    }
}

/* A kind that an older server does not know is not requested either. */
static void query_whole(const struct wc_model *model, struct wc_query *query, int kind,
                        uint32_t limit)
{
    if (!wc_model_has_kind(model, kind)) {
        return;
    }
    Weir__V1__Query *to = query_add(query, kind, 0, WC_ROLE_LIST);
    to->limit = limit;
}

/* Everything about the row whose details are open, and the rows that belong to it. */
static void query_detail(const struct wc_model *model, const struct wc_ui *ui,
                         struct wc_query *query)
{
    int kind = wc_column_table(ui->tab)->kind;
    Weir__V1__Query *to = query_add(query, kind, 0, WC_ROLE_DETAIL);
    /* A server that does not know ids sends all rows of that name. */
    snprintf(to->filter, sizeof(query->filter[0]), "%s", ui->detail_name);
    to->id = ui->detail_id;
    to->sort_by_name = true;
    to->histograms = true;

    struct wc_part part;
    const Weir__V1__Metric *where =
        wc_page_part(kind, &part) ? wc_model_metric(model, part.kind, part.field) : NULL;
    int tab = where ? wc_column_tab(part.kind) : -1;
    if (tab < 0) {
        return;
    }
    to = query_add(query, part.kind, 0, WC_ROLE_PART);
    const Weir__V1__Metric *by_id =
        part.id_field && ui->detail_id ? wc_model_metric(model, part.kind, part.id_field) : NULL;
    to->where = by_id ? by_id->index : where->index;
    if (by_id) {
        snprintf(to->equals, sizeof(query->equals[0]), "%" PRIu64, ui->detail_id);
    } else {
        snprintf(to->equals, sizeof(query->equals[0]), "%s", ui->detail_name);
    }
    to->limit = WC_QUERY_PART_ROWS;
    const struct wc_column_table *table = wc_column_table((enum wc_tab)tab);
    const Weir__V1__Metric *sort = wc_model_metric(model, part.kind, table->sort);
    to->sort = sort ? sort->index : 0;
    to->sort_by_name = sort == NULL;
    to->descending = table->is_descending;
    query_then(model, to, table->then);
}

void wc_query_make(const struct wc_model *model, const struct wc_ui *ui,
                   const struct wc_layout *layout, struct wc_query *ret_query)
{
    memset(ret_query, 0, sizeof(*ret_query));
    weir__v1__watch_request__init(&ret_query->request);
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        const struct wc_column_table *table = wc_column_table((enum wc_tab)tab);
        if (tab != WC_TAB_WARNINGS && !table->is_single && wc_model_has_kind(model, table->kind)) {
            query_list(model, ui, layout, (enum wc_tab)tab, ret_query);
        }
    }
    query_whole(model, ret_query, WEIR__V1__KIND__KIND_PROCESS, 1);
    query_whole(model, ret_query, WEIR__V1__KIND__KIND_AGENT, 1);
    query_whole(model, ret_query, WEIR__V1__KIND__KIND_WARNING, WC_MAX_WARNINGS);
    if (ui->is_detail && !wc_column_table(ui->tab)->is_single &&
        wc_model_has_kind(model, wc_column_table(ui->tab)->kind)) {
        query_detail(model, ui, ret_query);
    }
    for (size_t i = 0; i < ret_query->plan.n; i++) {
        ret_query->plan.query[i].limit = ret_query->query[i].limit;
        ret_query->plan.query[i].follow = ret_query->query[i].follow;
    }
    ret_query->request.n_queries = ret_query->plan.n;
    ret_query->request.queries = ret_query->pointer;
    ret_query->request.interval_millis = ui->interval_millis;
    ret_query->plan.interval_millis = ui->interval_millis;
}

bool wc_query_is_same(const struct wc_query *a, const struct wc_query *b)
{
    if (a->plan.n != b->plan.n || a->request.interval_millis != b->request.interval_millis) {
        return false;
    }
    for (size_t i = 0; i < a->plan.n; i++) {
        const Weir__V1__Query *x = &a->query[i], *y = &b->query[i];
        if (x->kind != y->kind || x->sort != y->sort || x->sort_by_name != y->sort_by_name ||
            x->descending != y->descending || x->limit != y->limit || x->offset != y->offset ||
            x->id != y->id || x->histograms != y->histograms || x->where != y->where ||
            x->worst_first != y->worst_first || x->follow != y->follow || x->n_then != y->n_then ||
            x->then[0] != y->then[0] || strcmp(x->equals, y->equals) != 0 ||
            x->n_columns != y->n_columns || strcmp(x->filter, y->filter) != 0 ||
            memcmp(x->columns, y->columns, x->n_columns * sizeof(*x->columns)) != 0) {
            return false;
        }
    }
    return true;
}
