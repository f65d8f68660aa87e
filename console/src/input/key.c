/* SPDX-License-Identifier: MIT */
/* The table of keys. */
#include "input/key.h"

/* clang-format off */
static const struct wc_key_row rows[] = {
    {WC_ACTION_UP, {WC_KEY_UP, 'k'}, "up k", "one row or field up", NULL, NULL, 0},
    {WC_ACTION_DOWN, {WC_KEY_DOWN, 'j'}, "down j", "one row or field down", NULL, NULL, 0},
    {WC_ACTION_PAGE_UP, {WC_KEY_PAGE_UP, WC_CTRL('b')}, "PgUp", "one page up", NULL, NULL, 0},
    {WC_ACTION_PAGE_DOWN, {WC_KEY_PAGE_DOWN, WC_CTRL('f')}, "PgDn", "one page down", NULL, NULL, 0},
    {WC_ACTION_TOP, {WC_KEY_HOME}, "Home gg", "first row", NULL, NULL, 0},
    {WC_ACTION_BOTTOM, {WC_KEY_END, 'G'}, "End G", "last row", NULL, NULL, 0},
    {WC_ACTION_TAB, {'1', '2', '3', '4', '5', '6', '7', '8', '9', '0', 'a'}, "1 .. 9 0", "that table; 0 the process", NULL, NULL, 0},
    {WC_ACTION_NONE, {0}, "a", "the agent: weir itself", NULL, NULL, 0},
    {WC_ACTION_TAB, {'r', 'o'}, "r o", "resources, operations", NULL, NULL, 0},
    {WC_ACTION_NEXT_TAB, {WC_KEY_TAB}, "Tab", "next table", "table", "Tab", 5},
    {WC_ACTION_PREVIOUS_TAB, {WC_KEY_BACK_TAB}, "Shift-Tab", "previous table", NULL, NULL, 0},
    {WC_ACTION_WARNINGS, {'w'}, "w", "warnings only, and back", "warnings", "w", 4},
    {WC_ACTION_BACK, {WC_KEY_ESCAPE}, "Esc", "back, or drop the filter", NULL, NULL, 0},
    {WC_ACTION_DETAIL, {WC_KEY_ENTER, '\r'}, "Enter", "details; a warning's row", "details", "Enter", 1},
    {WC_ACTION_SORT_LEFT, {'<', 'h', WC_KEY_LEFT}, "left < h", "sort column or page, left", "sort", "< >", 1},
    {WC_ACTION_SORT_RIGHT, {'>', 'l', WC_KEY_RIGHT}, "right > l", "sort column or page, right", NULL, NULL, 0},
    {WC_ACTION_INVERT, {'i', 'I'}, "i I", "reverse the order", NULL, NULL, 0},
    {WC_ACTION_SEARCH, {'/', WC_KEY_F3}, "/ F3", "search for a part of a name", "search", "/", 3},
    {WC_ACTION_NEXT_MATCH, {'n'}, "n", "next match", NULL, NULL, 0},
    {WC_ACTION_PREVIOUS_MATCH, {'N'}, "N", "previous match", NULL, NULL, 0},
    {WC_ACTION_FILTER, {'f', '\\', WC_KEY_F4}, "f \\ F4", "show only names that match", "filter", "f", 2},
    {WC_ACTION_FREEZE, {' '}, "Space", "freeze what is shown", "freeze", "Space", 2},
    {WC_ACTION_FASTER, {'-'}, "-", "sample more often", NULL, NULL, 0},
    {WC_ACTION_SLOWER, {'+', '='}, "+", "sample less often", NULL, NULL, 0},
    {WC_ACTION_HELP, {'?', WC_KEY_F1}, "? F1", "this help", "help", "?", 0},
    {WC_ACTION_QUIT, {'q', WC_KEY_F10, WC_CTRL('c')}, "q F10 ^C", "quit", "quit", "q", 0},
    /* In the details: */
    {WC_ACTION_PREVIOUS_ROW, {'['}, "[", "details of the row before", NULL, NULL, 0},
    {WC_ACTION_NEXT_ROW, {']'}, "]", "details of the next row", NULL, NULL, 0},
};

/* For a recording: */
static const struct wc_key_row replay_rows[] = {
    {WC_ACTION_PLAY, {' '}, "Space", "stop the recording, and go on", "stop/play", "Space", 1},
    {WC_ACTION_BACKWARD, {',', '['}, ", [", "10 s back ([ in details: the row)", "10 s", ", .", 2},
    {WC_ACTION_FORWARD, {'.', ']'}, ". ]", "10 s on", NULL, NULL, 0},
    {WC_ACTION_FAR_BACKWARD, {'{'}, "{", "a minute back", NULL, NULL, 0},
    {WC_ACTION_FAR_FORWARD, {'}'}, "}", "a minute on", "minute", "{ }", 3},
    {WC_ACTION_START, {'^'}, "^", "to the recording's start", NULL, NULL, 0},
    {WC_ACTION_END, {'$'}, "$", "to its end", NULL, NULL, 0},
    {WC_ACTION_SPEED_DOWN, {'-'}, "-", "play more slowly", NULL, NULL, 0},
    {WC_ACTION_SPEED_UP, {'+', '='}, "+", "play faster", "speed", "+ -", 2},
};
/* clang-format on */

#define N_ROWS        (sizeof(rows) / sizeof(rows[0]))
#define N_REPLAY_ROWS (sizeof(replay_rows) / sizeof(replay_rows[0]))

const struct wc_key_row *wc_key_row(size_t i)
{
    return i < N_ROWS ? &rows[i] : NULL;
}

/* Whether a recording uses the row's first key itself. */
static bool key_is_taken(const struct wc_key_row *row)
{
    return row->keys[0] && row->action != WC_ACTION_PREVIOUS_ROW &&
           row->action != WC_ACTION_NEXT_ROW &&
           wc_key_replay_action(row->keys[0]) != WC_ACTION_NONE;
}

const struct wc_key_row *wc_key_row_of(size_t i, bool is_replay)
{
    size_t n = 0;
    if (!is_replay) {
        return wc_key_row(i);
    }
    for (size_t k = 0; k < N_ROWS; k++) {
        if (!key_is_taken(&rows[k]) && n++ == i) {
            return &rows[k];
        }
    }
    return i - n < N_REPLAY_ROWS ? &replay_rows[i - n] : NULL;
}

static enum wc_action key_find(const struct wc_key_row *table, size_t n, uint32_t key)
{
    for (size_t i = 0; key && i < n; i++) {
        for (int k = 0; k < WC_KEYS_PER_ROW && table[i].keys[k]; k++) {
            if (table[i].keys[k] == key) {
                return table[i].action;
            }
        }
    }
    return WC_ACTION_NONE;
}

enum wc_action wc_key_action(uint32_t key)
{
    return key_find(rows, N_ROWS, key);
}

enum wc_action wc_key_replay_action(uint32_t key)
{
    return key_find(replay_rows, N_REPLAY_ROWS, key);
}
