/* SPDX-License-Identifier: MIT */
/*
 * Keys and their actions, as one table: input/ acts by it, and the footer and the help are made
 * from it. The console's one thread.
 */
#ifndef WC_INPUT_KEY_H
#define WC_INPUT_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key is a character (with Ctrl: 1 to 26) or one of these. */
enum wc_key {
    WC_KEY_NONE = 0,
    WC_KEY_TAB = 9,
    WC_KEY_ENTER = 10,
    WC_KEY_ESCAPE = 27,
    WC_KEY_BACKSPACE = 127,
    WC_KEY_FIRST = 0x200000, /* beyond Unicode */
    WC_KEY_UP,
    WC_KEY_DOWN,
    WC_KEY_LEFT,
    WC_KEY_RIGHT,
    WC_KEY_PAGE_UP,
    WC_KEY_PAGE_DOWN,
    WC_KEY_HOME,
    WC_KEY_END,
    WC_KEY_BACK_TAB,
    WC_KEY_F1,
    WC_KEY_F3,
    WC_KEY_F4,
    WC_KEY_F10
};

#define WC_CTRL(letter) ((letter)&0x1f)

enum wc_action {
    WC_ACTION_NONE,
    WC_ACTION_UP,
    WC_ACTION_DOWN,
    WC_ACTION_PAGE_UP,
    WC_ACTION_PAGE_DOWN,
    WC_ACTION_TOP,
    WC_ACTION_BOTTOM,
    WC_ACTION_DETAIL,
    WC_ACTION_PREVIOUS_ROW,
    WC_ACTION_NEXT_ROW,
    WC_ACTION_BACK,
    WC_ACTION_TAB,
    WC_ACTION_NEXT_TAB,
    WC_ACTION_PREVIOUS_TAB,
    WC_ACTION_SEARCH,
    WC_ACTION_NEXT_MATCH,
    WC_ACTION_PREVIOUS_MATCH,
    WC_ACTION_FILTER,
    WC_ACTION_SORT_LEFT,
    WC_ACTION_SORT_RIGHT,
    WC_ACTION_INVERT,
    WC_ACTION_FREEZE,
    WC_ACTION_SLOWER,
    WC_ACTION_FASTER,
    WC_ACTION_WARNINGS,
    WC_ACTION_HELP,
    WC_ACTION_QUIT,
    WC_ACTION_PLAY,
    WC_ACTION_BACKWARD,
    WC_ACTION_FORWARD,
    WC_ACTION_FAR_BACKWARD,
    WC_ACTION_FAR_FORWARD,
    WC_ACTION_START,
    WC_ACTION_END,
    WC_ACTION_SPEED_UP,
    WC_ACTION_SPEED_DOWN
};

#define WC_KEYS_PER_ROW 11

struct wc_key_row {
    enum wc_action action;
    uint32_t keys[WC_KEYS_PER_ROW]; /* 0 ends them */
    const char *shown;              /* the keys, as the help writes them */
    const char *does;
    const char *footer; /* the text in the footer behind `footer_key`, or NULL */
    const char *footer_key;
    int footer_rank; /* the greatest goes first when the screen is narrow */
};

/* The i-th row, or NULL. Owns: static. */
const struct wc_key_row *wc_key_row(size_t i);

enum wc_action wc_key_action(uint32_t key);

/* The same for a recording's own keys, which come before the others and replace them. */
enum wc_action wc_key_replay_action(uint32_t key);

/* The rows that apply, one after the other: i counts on, NULL ends them. */
const struct wc_key_row *wc_key_row_of(size_t i, bool is_replay);

#endif
