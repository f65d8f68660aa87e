/* SPDX-License-Identifier: MIT */
/*
 * The action of one key.
 *
 * While a prompt is open keys are its text; while the help is open any key closes it; else the
 * table of keys (key.c) names the action. A recording takes its own keys first. An action changes
 * the choices in ui, and in the model only whether the screen is frozen; it sends no request and
 * draws nothing. An action that needs rows that a frozen screen does not hold is refused with a
 * message.
 *
 * A key without a meaning changes nothing. Text of a prompt is bounded by its room, and cut at
 * whole characters. No I/O, no failure; the console's one thread.
 */
#include "input/input.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/model.h"

static const uint32_t intervals[] = {100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
#define N_INTERVALS ((int)(sizeof(intervals) / sizeof(intervals[0])))

static void input_move(struct wc_ui *ui, const struct wc_model *model, int64_t by)
{
    struct wc_list *list = &ui->list[ui->tab];
    int64_t last = (int64_t)wc_ui_matching(model, ui->tab) - 1;
    int64_t to = (int64_t)list->cursor + by;

    to = to > last ? last : to;
    list->cursor = to < 0 ? 0 : (uint32_t)to;
    const Weir__V1__Row *row = wc_ui_row(model, ui->tab, list->cursor);
    list->has_selected = row != NULL;
    list->is_lost = false;
    list->selected_id = row ? row->id : 0;
}

static void input_top(struct wc_ui *ui)
{
    struct wc_list *list = &ui->list[ui->tab];
    list->cursor = list->top = 0;
    list->has_selected = list->is_lost = false; /* the first row, whichever it is */
}

static void input_tab(struct wc_ui *ui, enum wc_tab tab)
{
    if (tab != ui->tab) {
        ui->tab_before = ui->tab;
        ui->tab = tab;
    }
    ui->is_detail = false;
    ui->has_from = false;
    ui->locate = 0;
}

static void input_next_tab(struct wc_ui *ui, const struct wc_model *model, int step)
{
    int tab = (int)ui->tab;
    do {
        tab = (tab + step + WC_N_TABS) % WC_N_TABS;
    } while (!wc_ui_tab_is_shown(ui, model, (enum wc_tab)tab));
    input_tab(ui, (enum wc_tab)tab);
}

/* Opens a key's tab. A tab that is not shown among the tabs stays closed. */
static void input_tab_of(struct wc_ui *ui, const struct wc_model *model, enum wc_tab tab)
{
    char title[32];
    if (wc_ui_tab_is_shown(ui, model, tab)) {
        input_tab(ui, tab);
        return;
    }
    snprintf(title, sizeof(title), "%.31s", wc_column_table(tab)->title);
    title[0] = (char)(title[0] | 0x20);
    snprintf(ui->message, sizeof(ui->message), "this process has no %s", title);
}

/* The choices of an order, from left to right: worst first, then the visible columns that can be
 * sorted by. Returns how many. */
static int sort_choices(const struct wc_ui *ui, const struct wc_model *model,
                        const struct wc_layout *layout, int ret_choices[WC_MAX_COLUMNS + 1])
{
    const struct wc_column_table *table = wc_column_table(ui->tab);
    struct wc_screen_columns columns;
    int n = 0;
    if (table->worst[0]) {
        ret_choices[n++] = WC_SORT_WORST;
    }
    wc_ui_columns(model, ui->tab, layout->cols, &columns);
    for (int i = 0; i < columns.n; i++) {
        enum wc_column_type type = table->columns[columns.at[i].index].type;
        if (type != WC_COLUMN_TREND && type != WC_COLUMN_BLANK) {
            ret_choices[n++] = columns.at[i].index;
        }
    }
    return n;
}

static void input_sort(struct wc_ui *ui, const struct wc_model *model,
                       const struct wc_layout *layout, int step)
{
    const struct wc_column_table *table = wc_column_table(ui->tab);
    struct wc_list *list = &ui->list[ui->tab];
    int choices[WC_MAX_COLUMNS + 1], at = 0;

    if (ui->tab == WC_TAB_WARNINGS) {
        return; /* worst first is always the first choice */
    }
    int n = sort_choices(ui, model, layout, choices);
    if (n == 0) {
        return; /* a screen of a few columns shows none */
    }
    for (int i = 0; i < n; i++) {
        at = choices[i] == list->sort ? i : at;
    }
    list->sort = choices[(at + step + n) % n];
    enum wc_column_type type =
        list->sort == WC_SORT_WORST ? WC_COLUMN_COUNT : table->columns[list->sort].type;
    list->is_descending =
        type != WC_COLUMN_NAME && type != WC_COLUMN_TEXT && type != WC_COLUMN_STATE;
    input_top(ui);
}

static void input_invert(struct wc_ui *ui)
{
    struct wc_list *list = &ui->list[ui->tab];
    if (list->sort == WC_SORT_WORST) {
        snprintf(ui->message, sizeof(ui->message),
                 "the worst come first: < and > choose a column, i reverses its order");
        return;
    }
    list->is_descending = !list->is_descending;
    input_top(ui);
}

static void input_filter(struct wc_ui *ui, const char *filter)
{
    snprintf(ui->filter, sizeof(ui->filter), "%s", filter);
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        ui->list[tab].cursor = ui->list[tab].top = 0;
        ui->list[tab].has_selected = ui->list[tab].is_lost = false;
    }
}

/* From a warning to its row. */
static void input_subject(struct wc_ui *ui, const struct wc_warning *warning)
{
    int tab = wc_column_tab(warning->kind);
    if (tab < 0) {
        snprintf(ui->message, sizeof(ui->message), "this warning is about no single row");
        return;
    }
    if (ui->filter[0]) {
        input_filter(ui, ""); /* which might hide the row */
    }
    input_tab(ui, (enum wc_tab)tab);
    wc_ui_select(ui, (enum wc_tab)tab, warning->id);
}

static void detail_open(struct wc_ui *ui, uint64_t id, const char *name)
{
    if (!ui->is_detail || ui->detail_id != id) {
        ui->detail[ui->tab].cursor = 0;
    }
    ui->is_detail = true;
    ui->detail_id = id;
    snprintf(ui->detail_name, sizeof(ui->detail_name), "%s", name);
}

static void input_detail(struct wc_ui *ui, const struct wc_model *model)
{
    const Weir__V1__Row *row = wc_ui_selected(ui, model, ui->tab);
    if (row && ui->tab == WC_TAB_WARNINGS) {
        input_subject(ui, wc_model_warning(model, ui->list[ui->tab].cursor));
    } else if (row) {
        detail_open(ui, row->id, row->name);
    }
}

/* From a row's details to those of a row that belongs to it; Esc goes back. */
static void input_part(struct wc_ui *ui, const struct wc_model *model)
{
    const Weir__V1__Row *row = wc_ui_part(ui, model);
    struct wc_part part;
    int tab =
        row && wc_page_part(wc_column_table(ui->tab)->kind, &part) ? wc_column_tab(part.kind) : -1;
    if (tab < 0) {
        return;
    }
    ui->from = (struct wc_detail_subject){.tab = ui->tab, .id = ui->detail_id};
    snprintf(ui->from.name, sizeof(ui->from.name), "%s", ui->detail_name);
    ui->has_from = true;
    ui->tab = (enum wc_tab)tab;
    ui->detail[tab].page = WC_PAGE_OVERVIEW;
    detail_open(ui, row->id, row->name);
}

static void detail_back(struct wc_ui *ui)
{
    if (!ui->has_from) {
        ui->is_detail = false;
        return;
    }
    ui->has_from = false;
    ui->tab = ui->from.tab;
    ui->detail_id = ui->from.id;
    memcpy(ui->detail_name, ui->from.name, sizeof(ui->detail_name));
}

/* The cursor within the details: on the page's fields, or on the rows that belong to the row. */
static void detail_move(struct wc_ui *ui, const struct wc_model *model, int64_t by)
{
    struct wc_detail *detail = &ui->detail[ui->tab];
    const Weir__V1__Metric *metrics[WC_MAX_METRICS];
    const Weir__V1__Metric *field = wc_ui_field(ui, model);
    const Weir__V1__Table *part = wc_model_picture(model)->part.table;
    size_t n_metrics =
        wc_page_metrics(model, wc_column_table(ui->tab)->kind, detail->page, metrics);
    bool is_part = detail->page == WC_PAGE_PART;
    int64_t last = (int64_t)(is_part ? part ? part->n_rows : 0 : n_metrics) - 1, at = 0;

    for (size_t i = 0; i < n_metrics; i++) {
        at = metrics[i] == field ? (int64_t)i : at;
    }
    at = (is_part ? (int64_t)detail->cursor : at) + by;
    at = at > last ? last : at;
    at = at < 0 ? 0 : at;
    if (is_part) {
        detail->cursor = (uint32_t)at;
    } else if (n_metrics > 0) {
        detail->has_field = true;
        detail->field = metrics[at]->index;
    }
}

/* The details of the next or previous row, on the same page. */
static void detail_step(struct wc_ui *ui, const struct wc_model *model, int by)
{
    if (ui->is_detail && !ui->has_from) {
        input_move(ui, model, by);
        input_detail(ui, model);
    }
}

static void detail_page(struct wc_ui *ui, const struct wc_model *model, int step)
{
    struct wc_detail *detail = &ui->detail[ui->tab];
    detail->page = wc_page_next(model, wc_column_table(ui->tab)->kind, detail->page, step);
}

static void input_interval(struct wc_ui *ui, int step)
{
    int at = 0;
    while (at + 1 < N_INTERVALS && intervals[at] < ui->interval_millis) {
        at++;
    }
    if (step > 0 && intervals[at] > ui->interval_millis) {
        step = 0; /* between two: the next greater one */
    }
    at += step;
    if (at >= 0 && at < N_INTERVALS) {
        ui->interval_millis = intervals[at];
    }
}

static void input_search(struct wc_ui *ui, int direction, bool is_here)
{
    if (!ui->search[0]) {
        snprintf(ui->message, sizeof(ui->message), "nothing to search for yet: type / and a name");
        return;
    }
    if (ui->tab == WC_TAB_WARNINGS || wc_ui_is_detail(ui)) {
        return;
    }
    ui->locate = direction;
    ui->locate_here = is_here;
}

static void input_back(struct wc_ui *ui)
{
    if (ui->is_detail) {
        detail_back(ui);
    } else if (ui->filter[0]) {
        input_filter(ui, "");
    } else if (ui->tab == WC_TAB_WARNINGS) {
        input_tab(ui, ui->tab_before);
    }
}

static void prompt_open(struct wc_ui *ui, enum wc_prompt prompt)
{
    ui->prompt = prompt;
    ui->is_detail = ui->has_from = false;
    snprintf(ui->typed, sizeof(ui->typed), "%s", prompt == WC_PROMPT_FILTER ? ui->filter : "");
}

static void prompt_accept(struct wc_ui *ui)
{
    enum wc_prompt prompt = ui->prompt;
    ui->prompt = WC_PROMPT_NONE;
    if (prompt == WC_PROMPT_FILTER) {
        input_filter(ui, ui->typed);
    } else if (ui->typed[0]) {
        snprintf(ui->search, sizeof(ui->search), "%s", ui->typed);
        input_search(ui, 1, true);
    }
}

static void prompt_key(struct wc_ui *ui, uint32_t key)
{
    size_t length = strlen(ui->typed);

    switch (key) {
    case WC_KEY_ENTER:
    case '\r':
        prompt_accept(ui);
        return;
    case WC_KEY_ESCAPE:
    case WC_CTRL('c'):
        ui->prompt = WC_PROMPT_NONE;
        return;
    case WC_CTRL('u'):
        ui->typed[0] = '\0';
        return;
    case WC_KEY_BACKSPACE:
    case WC_CTRL('h'):
        ui->typed[length > 0 ? wi_text_cut(ui->typed, length - 1) : 0] = '\0';
        return;
    default:
        break;
    }
    if (key >= ' ' && key < WC_KEY_FIRST && length + 4 < sizeof(ui->typed)) {
        char bytes[4];
        size_t n = wi_text_put(key, bytes);
        memcpy(ui->typed + length, bytes, n);
        ui->typed[length + n] = '\0';
    }
}

/* Actions that move the cursor; false for any other action. */
static bool input_cursor(struct wc_ui *ui, const struct wc_model *model,
                         const struct wc_layout *layout, enum wc_action action)
{
    int page =
        layout->n_sections > 0 ? wc_layout_section(layout, ui->tab)->n_rows : layout->body_rows / 2;
    int64_t by = 0;
    page = page > 1 ? page - 1 : 1;
    switch (action) {
    case WC_ACTION_UP:
    case WC_ACTION_DOWN:
        by = action == WC_ACTION_UP ? -1 : 1;
        break;
    case WC_ACTION_PAGE_UP:
    case WC_ACTION_PAGE_DOWN:
        by = action == WC_ACTION_PAGE_UP ? -page : page;
        break;
    case WC_ACTION_TOP:
    case WC_ACTION_BOTTOM:
        by = action == WC_ACTION_TOP ? INT32_MIN : INT32_MAX;
        break;
    default:
        return false;
    }
    if (wc_ui_is_detail(ui)) {
        detail_move(ui, model, by);
    } else if (action == WC_ACTION_TOP) {
        input_top(ui);
    } else {
        input_move(ui, model, by);
    }
    return true;
}

/* Actions of some keys while details are open; false for any other action. */
static bool input_detail_act(struct wc_ui *ui, const struct wc_model *model, enum wc_action action)
{
    switch (action) {
    case WC_ACTION_DETAIL:
        input_part(ui, model);
        return true;
    case WC_ACTION_SORT_LEFT:
    case WC_ACTION_SORT_RIGHT:
        detail_page(ui, model, action == WC_ACTION_SORT_LEFT ? -1 : 1);
        return true;
    case WC_ACTION_PREVIOUS_ROW:
    case WC_ACTION_NEXT_ROW:
        detail_step(ui, model, action == WC_ACTION_PREVIOUS_ROW ? -1 : 1);
        return true;
    case WC_ACTION_INVERT:
        return true; /* there is no order to reverse */
    default:
        return false;
    }
}

static void input_act(struct wc_ui *ui, struct wc_model *model, const struct wc_layout *layout,
                      enum wc_action action, uint32_t key)
{
    switch (action) {
    case WC_ACTION_DETAIL:
        input_detail(ui, model);
        break;
    case WC_ACTION_BACK:
        input_back(ui);
        break;
    case WC_ACTION_TAB:
        input_tab_of(ui, model, (enum wc_tab)wc_column_tab_of_key(key));
        break;
    case WC_ACTION_NEXT_TAB:
    case WC_ACTION_PREVIOUS_TAB:
        input_next_tab(ui, model, action == WC_ACTION_NEXT_TAB ? 1 : -1);
        break;
    case WC_ACTION_SEARCH:
        prompt_open(ui, WC_PROMPT_SEARCH);
        break;
    case WC_ACTION_NEXT_MATCH:
        input_search(ui, 1, false);
        break;
    case WC_ACTION_PREVIOUS_MATCH:
        input_search(ui, -1, false);
        break;
    case WC_ACTION_FILTER:
        prompt_open(ui, WC_PROMPT_FILTER);
        break;
    case WC_ACTION_SORT_LEFT:
        input_sort(ui, model, layout, -1);
        break;
    case WC_ACTION_SORT_RIGHT:
        input_sort(ui, model, layout, 1);
        break;
    case WC_ACTION_INVERT:
        input_invert(ui);
        break;
    case WC_ACTION_FREEZE:
        wc_model_freeze(model, !model->is_frozen);
        break;
    case WC_ACTION_SLOWER:
        input_interval(ui, 1);
        break;
    case WC_ACTION_FASTER:
        input_interval(ui, -1);
        break;
    case WC_ACTION_WARNINGS:
        input_tab(ui, ui->tab == WC_TAB_WARNINGS ? ui->tab_before : WC_TAB_WARNINGS);
        break;
    case WC_ACTION_HELP:
        ui->is_help = true;
        break;
    case WC_ACTION_QUIT:
        ui->wants_quit = true;
        break;
    default:
        break;
    }
}

/* Actions of a recording; false for any other action. */
static bool input_replay(struct wc_ui *ui, enum wc_action action)
{
    static const struct {
        enum wc_action action;
        struct wc_playback_request request;
    } wishes[] = {
        {WC_ACTION_PLAY, {WC_PLAYBACK_TOGGLE, 0}},
        {WC_ACTION_BACKWARD, {WC_PLAYBACK_MOVE, -10}},
        {WC_ACTION_FORWARD, {WC_PLAYBACK_MOVE, 10}},
        {WC_ACTION_FAR_BACKWARD, {WC_PLAYBACK_MOVE, -60}},
        {WC_ACTION_FAR_FORWARD, {WC_PLAYBACK_MOVE, 60}},
        {WC_ACTION_START, {WC_PLAYBACK_START, 0}},
        {WC_ACTION_END, {WC_PLAYBACK_END, 0}},
        {WC_ACTION_SPEED_UP, {WC_PLAYBACK_SPEED, 1}},
        {WC_ACTION_SPEED_DOWN, {WC_PLAYBACK_SPEED, -1}},
    };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        if (wishes[i].action == action) {
            ui->request = wishes[i].request;
            return true;
        }
    }
    return false;
}

/* The action of a key now. In the details [ and ] keep their meaning. */
static enum wc_action input_action(const struct wc_ui *ui, const struct wc_model *model,
                                   uint32_t key)
{
    bool is_row = ui->is_detail && (key == '[' || key == ']');
    enum wc_action action =
        model->playback.is_on && !is_row ? wc_key_replay_action(key) : WC_ACTION_NONE;
    return action != WC_ACTION_NONE ? action : wc_key_action(key);
}

/* Whether an action needs rows that a frozen screen does not hold. */
static bool input_needs_more(const struct wc_ui *ui, enum wc_action action)
{
    switch (action) {
    case WC_ACTION_DETAIL:
        return !wc_ui_is_detail(ui) || ui->detail[ui->tab].page == WC_PAGE_PART;
    case WC_ACTION_PREVIOUS_ROW:
    case WC_ACTION_NEXT_ROW:
        return ui->is_detail;
    case WC_ACTION_SEARCH:
    case WC_ACTION_NEXT_MATCH:
    case WC_ACTION_PREVIOUS_MATCH:
    case WC_ACTION_FILTER:
        return true;
    case WC_ACTION_SORT_LEFT:
    case WC_ACTION_SORT_RIGHT:
    case WC_ACTION_INVERT:
        return !wc_ui_is_detail(ui);
    default:
        return false;
    }
}

void wc_input_key(struct wc_ui *ui, struct wc_model *model, const struct wc_layout *layout,
                  uint32_t key)
{
    ui->message[0] = '\0';
    if (ui->prompt != WC_PROMPT_NONE) {
        prompt_key(ui, key);
        return;
    }
    bool is_second_g = key == 'g' && ui->is_g_typed;
    ui->is_g_typed = key == 'g' && !is_second_g;
    enum wc_action action = is_second_g ? WC_ACTION_TOP : input_action(ui, model, key);
    if (ui->is_help) {
        ui->is_help = false; /* any key closes it, and does no more, except the key that quits */
        ui->wants_quit = action == WC_ACTION_QUIT;
        return;
    }
    if (model->is_frozen && input_needs_more(ui, action)) {
        snprintf(ui->message, sizeof(ui->message), "the screen is frozen: Space lets it go on");
        return;
    }
    bool is_done = input_replay(ui, action) || input_cursor(ui, model, layout, action) ||
                   (wc_ui_is_detail(ui) && input_detail_act(ui, model, action));
    if (!is_done) {
        input_act(ui, model, layout, action, key);
    }
}
