/* SPDX-License-Identifier: MIT */
/*
 * The user's choices: tabs, cursors, sort, filter, details.
 *
 * Keys (input/) and new data (the model) change the choices; view/ reads them, and query.c makes
 * the request from them. The fetched rows are a window of the list that the server has sorted, so a
 * cursor is a position in the whole list and the id of its row. When an Update arrives, the cursor
 * moves to the new position of its row. While that row was not fetched the cursor stays where it
 * is, and the server is asked to follow the row.
 *
 * Tabs without rows are not shown, and columns without a metric have no place. All is plain data of
 * fixed size in struct wc_ui; nothing is allocated, nothing fails. No I/O; the console's one
 * thread.
 */
#include "model/ui.h"

#include "model/title.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define UI_ABSENCE_ROWS 4 /* the message that says why there is no such kind */

void wc_ui_init(struct wc_ui *ui, uint32_t interval_millis)
{
    *ui = (struct wc_ui){.interval_millis = interval_millis};
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        const struct wc_column_table *table = wc_column_table((enum wc_tab)tab);
        int sort = wc_column_find((enum wc_tab)tab, table->sort ? table->sort : "name");
        ui->list[tab].sort = table->worst[0] ? WC_SORT_WORST : sort >= 0 ? sort : 0;
        ui->list[tab].is_descending = table->is_descending;
    }
}

bool wc_ui_sort(struct wc_ui *ui, const char *field)
{
    bool is_found = false;
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        int sort = wc_column_find((enum wc_tab)tab, field);
        if (strcmp(field, "severity") == 0 && wc_column_table((enum wc_tab)tab)->worst[0]) {
            ui->list[tab].sort = WC_SORT_WORST;
            is_found = true;
        } else if (sort >= 0 && tab != WC_TAB_WARNINGS) {
            ui->list[tab].sort = sort;
            ui->list[tab].is_descending = strcmp(field, "name") != 0;
            is_found = true;
        }
    }
    return is_found;
}

static const struct wc_rows *ui_table(const struct wc_model *model, enum wc_tab tab)
{
    return &wc_model_picture(model)->list[wc_column_table(tab)->kind];
}

uint32_t wc_ui_matching(const struct wc_model *model, enum wc_tab tab)
{
    if (tab == WC_TAB_WARNINGS) {
        return (uint32_t)wc_model_n_warnings(model);
    }
    const Weir__V1__Table *table = ui_table(model, tab)->table;
    return table ? table->matching : 0;
}

uint32_t wc_ui_total(const struct wc_model *model, enum wc_tab tab)
{
    if (tab == WC_TAB_WARNINGS) {
        return (uint32_t)wc_model_n_warnings(model);
    }
    const Weir__V1__Table *table = ui_table(model, tab)->table;
    return table ? table->total : 0;
}

const Weir__V1__Row *wc_ui_row(const struct wc_model *model, enum wc_tab tab, uint32_t at)
{
    const struct wc_rows *list = ui_table(model, tab);
    if (!list->table || at < list->offset || at - list->offset >= list->table->n_rows) {
        return NULL;
    }
    if (tab == WC_TAB_WARNINGS) {
        const struct wc_warning *warning = wc_model_warning(model, at);
        return warning ? warning->row : NULL;
    }
    return list->table->rows[at - list->offset];
}

const Weir__V1__Row *wc_ui_selected(const struct wc_ui *ui, const struct wc_model *model,
                                    enum wc_tab tab)
{
    return ui->list[tab].is_lost ? NULL : wc_ui_row(model, tab, ui->list[tab].cursor);
}

void wc_ui_select(struct wc_ui *ui, enum wc_tab tab, uint64_t id)
{
    ui->list[tab].has_selected = true;
    ui->list[tab].selected_id = id;
    ui->list[tab].is_lost = true; /* until it is found */
}

static bool ui_has_rows(const struct wc_model *model, enum wc_tab tab)
{
    return tab != WC_TAB_WARNINGS && wc_ui_total(model, tab) > 0;
}

void wc_ui_start(struct wc_ui *ui, const struct wc_model *model)
{
    enum wc_severity worst = WC_INFO; /* a remark is no reason to choose another tab */
    int first = -1, found = -1;
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        const struct wc_column_table *table = wc_column_table((enum wc_tab)tab);
        if (table->is_single || !ui_has_rows(model, (enum wc_tab)tab)) {
            continue;
        }
        enum wc_severity severity = wc_model_severity_of_kind(model, table->kind);
        first = first < 0 ? tab : first;
        found = severity > worst ? tab : found;
        worst = severity > worst ? severity : worst;
    }
    bool is_shown = ui_has_rows(model, ui->tab);
    if (found >= 0 || (!is_shown && first >= 0)) {
        ui->tab = ui->tab_before = (enum wc_tab)(found >= 0 ? found : first);
    }
}

bool wc_ui_tab_is_shown(const struct wc_ui *ui, const struct wc_model *model, enum wc_tab tab)
{
    const struct wc_column_table *table = wc_column_table(tab);
    /* A user who looks for channels is told why there are none. */
    bool is_always = tab == WC_TAB_CHANNELS || tab == WC_TAB_WARNINGS ||
                     (table->is_single && wc_model_has_kind(model, table->kind));
    /* Before the first numbers nobody knows which are empty: a key that is typed ahead counts. */
    bool may_have_rows = !wc_model_picture(model)->update && wc_model_has_kind(model, table->kind);
    return tab == ui->tab || is_always || may_have_rows || wc_ui_total(model, tab) > 0;
}

bool wc_ui_is_detail(const struct wc_ui *ui)
{
    return ui->is_detail || wc_column_table(ui->tab)->is_single;
}

const Weir__V1__Row *wc_ui_detail(const struct wc_ui *ui, const struct wc_model *model,
                                  const struct wc_rows **ret_rows)
{
    const struct wc_picture *picture = wc_model_picture(model);
    if (wc_column_table(ui->tab)->is_single) {
        *ret_rows = ui_table(model, ui->tab);
        return (*ret_rows)->table && (*ret_rows)->table->n_rows > 0 ? (*ret_rows)->table->rows[0]
                                                                    : NULL;
    }
    *ret_rows = &picture->detail;
    bool is_of_tab =
        picture->detail.table && (int)picture->detail.table->kind == wc_column_table(ui->tab)->kind;
    return is_of_tab ? wc_model_detail(model, ui->detail_id) : NULL;
}

const Weir__V1__Metric *wc_ui_field(const struct wc_ui *ui, const struct wc_model *model)
{
    const struct wc_detail *detail = &ui->detail[ui->tab];
    int kind = wc_column_table(ui->tab)->kind;
    const char *trend = wc_model_trend_field(model, kind);
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    size_t n = wc_page_metrics(model, kind, detail->page, metrics);

    for (size_t i = 0; i < n; i++) {
        if (detail->has_field ? metrics[i]->index == detail->field
                              : trend && strcmp(metrics[i]->field, trend) == 0) {
            return metrics[i];
        }
    }
    return n > 0 ? metrics[0] : NULL;
}

const Weir__V1__Row *wc_ui_part(const struct wc_ui *ui, const struct wc_model *model)
{
    const Weir__V1__Table *table = wc_model_picture(model)->part.table;
    const struct wc_detail *detail = &ui->detail[ui->tab];
    return table && detail->page == WC_PAGE_PART && detail->cursor < table->n_rows
               ? table->rows[detail->cursor]
               : NULL;
}

/* How far a name may run into the column beside it, most of whose numbers are short. */
#define UI_NUMBER_WIDTH 5
static int ui_overhang(enum wc_tab tab)
{
    const struct wc_screen_column *next = &wc_column_table(tab)->columns[1];
    bool is_number = next->type == WC_COLUMN_COUNT || next->type == WC_COLUMN_RATE;
    return is_number && next->width > UI_NUMBER_WIDTH ? next->width - UI_NUMBER_WIDTH : 0;
}

static int ui_name_width(const struct wc_model *model)
{
    int longest = 0;
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        const struct wc_column_table *columns = wc_column_table((enum wc_tab)tab);
        const Weir__V1__Table *table = ui_table(model, (enum wc_tab)tab)->table;
        /* Beside the wide numbers of counters and gauges there is room for any name. */
        bool is_counted = tab != WC_TAB_WARNINGS && !columns->is_single &&
                          columns->columns[1].type != WC_COLUMN_EXACT;
        for (size_t i = 0; is_counted && table && i < table->n_rows; i++) {
            char title[WI_ROW_TITLE_MAX];
            size_t bytes = strlen(wc_row_title(table, table->rows[i], title)); /* near enough */
            int need = (int)(bytes < 1000 ? bytes : 1000) - ui_overhang((enum wc_tab)tab);
            longest = need > longest ? need : longest;
        }
    }
    return longest;
}

/* The longest texts of a tab, by its columns. */
static void ui_text_widths(const struct wc_model *model, enum wc_tab tab,
                           int ret_widths[WC_MAX_COLUMNS])
{
    const struct wc_column_table *columns = wc_column_table(tab);
    const struct wc_rows *rows = ui_table(model, tab);
    for (size_t k = 0; k < columns->n_columns; k++) {
        const struct wc_screen_column *column = &columns->columns[k];
        const Weir__V1__Metric *metric = column->type == WC_COLUMN_TEXT
                                             ? wc_model_metric(model, columns->kind, column->field)
                                             : NULL;
        ret_widths[k] = 0;
        for (size_t i = 0; metric && rows->table && i < rows->table->n_rows; i++) {
            const Weir__V1__Value *value = wc_model_value(rows, rows->table->rows[i], metric);
            bool is_text = value && value->value_case == WEIR__V1__VALUE__VALUE_TEXT;
            size_t bytes = is_text ? strlen(value->text) : 0;
            int length = (int)(bytes < 1000 ? bytes : 1000);
            ret_widths[k] = length > ret_widths[k] ? length : ret_widths[k];
        }
    }
}

/* The columns for which this process has no metric; none of a kind that it does not have at all. */
static uint32_t ui_absent(const struct wc_model *model, const struct wc_column_table *table)
{
    uint32_t absent = 0;
    for (size_t i = 0; wc_model_has_kind(model, table->kind) && i < table->n_columns; i++) {
        const struct wc_screen_column *column = &table->columns[i];
        const char *field = column->type == WC_COLUMN_TREND
                                ? wc_model_trend_field(model, table->kind)
                                : column->field;
        bool is_known = !model->description || !field || wc_model_metric(model, table->kind, field);
        absent |= is_known ? 0 : UINT32_C(1) << i;
    }
    return absent;
}

void wc_ui_begin(struct wc_ui *ui, const struct wc_model *model)
{
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        const struct wc_column_table *table = wc_column_table((enum wc_tab)tab);
        const char *trend = wc_model_trend_field(model, table->kind);
        struct wc_list *list = &ui->list[tab];
        if (list->sort == WC_SORT_WORST || !(ui_absent(model, table) >> list->sort & 1U)) {
            continue;
        }
        int sort = trend ? wc_column_find((enum wc_tab)tab, trend) : -1;
        list->sort = sort >= 0 ? sort : 0;
        list->is_descending = false; /* the remaining amount of something: the least first */
    }
    if (!wc_model_has_kind(model, wc_column_table(ui->tab)->kind)) {
        ui->tab = ui->tab_before = WC_TAB_SINGLES;
    }
}

void wc_ui_columns(const struct wc_model *model, enum wc_tab tab, int screen_cols,
                   struct wc_screen_columns *ret_columns)
{
    struct wc_column_hint hint = {.name_width = ui_name_width(model),
                                  .has_senders = wc_ui_total(model, WC_TAB_SENDERS) > 0,
                                  .absent = ui_absent(model, wc_column_table(tab))};
    ui_text_widths(model, tab, hint.text_width);
    wc_columns_fit(tab, screen_cols, &hint, ret_columns);
}

void wc_ui_layout(const struct wc_ui *ui, const struct wc_model *model, int rows, int cols,
                  struct wc_layout *ret_layout)
{
    uint32_t counts[WC_N_TABS];
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        bool is_there = wc_model_has_kind(model, wc_column_table((enum wc_tab)tab)->kind);
        counts[tab] = is_there              ? wc_ui_matching(model, (enum wc_tab)tab)
                      : tab == (int)ui->tab ? UI_ABSENCE_ROWS
                                            : 0;
    }
    wc_layout_make(rows, cols, ui->tab, counts, wc_ui_is_detail(ui), ret_layout);
}

/* Whether `name` holds `part`, without regard to the case of ASCII letters. */
static bool text_holds(const char *name, const char *part)
{
    size_t length = strlen(part);
    for (; *name; name++) {
        if (strncasecmp(name, part, length) == 0) {
            return true;
        }
    }
    return length == 0;
}

/* Goes to the next match once all the rows are there. */
static void ui_locate(struct wc_ui *ui, const struct wc_model *model)
{
    struct wc_list *list = &ui->list[ui->tab];
    const struct wc_rows *table = ui_table(model, ui->tab);
    bool is_all =
        table->table && table->offset == 0 &&
        (table->limit >= WC_UI_SEARCH_ROWS || table->table->n_rows >= table->table->matching);
    if (!is_all) {
        return;
    }
    uint32_t n = (uint32_t)table->table->n_rows;
    int step = ui->locate > 0 ? 1 : -1;
    uint32_t first = ui->locate_here ? 0 : 1;
    ui->locate = 0;
    for (uint32_t i = first; n > 0 && i < n + first; i++) {
        uint32_t at = (uint32_t)(((int64_t)list->cursor + (int64_t)step * i) % n + n) % n;
        const Weir__V1__Row *row = wc_ui_row(model, ui->tab, at);
        char title[WI_ROW_TITLE_MAX];
        if (row && text_holds(wc_row_title(table->table, row, title), ui->search)) {
            list->cursor = at;
            list->has_selected = true;
            list->is_lost = false;
            list->selected_id = row->id;
            return;
        }
    }
    snprintf(ui->message, sizeof(ui->message), "no name contains \"%s\"", ui->search);
}

/* Moves the cursor to the row that was chosen; false when that was not fetched. */
static bool list_find(struct wc_list *list, const struct wc_model *model, enum wc_tab tab)
{
    const struct wc_rows *table = ui_table(model, tab);
    for (size_t i = 0; list->has_selected && i < table->table->n_rows; i++) {
        const Weir__V1__Row *row = wc_ui_row(model, tab, table->offset + (uint32_t)i);
        if (row && row->id == list->selected_id) {
            list->cursor = table->offset + (uint32_t)i;
            return true;
        }
    }
    return false;
}

static void list_settle(struct wc_list *list, const struct wc_model *model, enum wc_tab tab,
                        int n_rows)
{
    const struct wc_rows *table = ui_table(model, tab);
    uint32_t matching = wc_ui_matching(model, tab);

    if (!table->table) {
        return;
    }
    bool is_found = list_find(list, model, tab);
    /* Followed in vain: the row is gone, or passes no filter. */
    bool is_gone = !is_found && (table->follow == list->selected_id || model->is_frozen);
    list->has_selected = list->has_selected && !is_gone;
    list->is_lost = list->has_selected && !is_found && tab != WC_TAB_WARNINGS;
    uint32_t end = matching;
    if (model->is_frozen) { /* a row that was not fetched will not come */
        end = table->offset + (uint32_t)table->table->n_rows;
        list->cursor = list->cursor < table->offset ? table->offset : list->cursor;
    }
    if (list->cursor >= end) {
        list->cursor = end > 0 ? end - 1 : 0;
    }
    uint32_t page = n_rows > 0 ? (uint32_t)n_rows : 1;
    if (list->cursor < list->top) {
        list->top = list->cursor;
    } else if (list->cursor >= list->top + page) {
        list->top = list->cursor - page + 1;
    }
    if (list->top + page > matching) {
        list->top = matching > page ? matching - page : 0;
    }
}

void wc_ui_settle(struct wc_ui *ui, const struct wc_model *model, const struct wc_layout *layout)
{
    if (ui->locate) {
        ui_locate(ui, model);
    }
    for (int i = 0; i < layout->n_sections; i++) {
        const struct wc_section *section = &layout->section[i];
        list_settle(&ui->list[section->tab], model, section->tab, section->n_rows);
    }
    const Weir__V1__Table *part = wc_model_picture(model)->part.table;
    struct wc_detail *detail = &ui->detail[ui->tab];
    if (part && detail->cursor >= part->n_rows) {
        detail->cursor = part->n_rows > 0 ? (uint32_t)part->n_rows - 1 : 0;
    }
}
