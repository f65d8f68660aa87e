/* SPDX-License-Identifier: MIT */
/* Names of terminals are families with suffixes: "screen.xterm-256color", "tmux-direct". */
#include "term/resemble.h"

#include <stdio.h>
#include <string.h>

/* Terminals that understand another one's sequences, as the shells and the documentation of each
 * say. */
static const struct resemble_family {
    const char *prefix, *like;
} families[] = {
    {"alacritty", "xterm-256color"},
    {"contour", "xterm-256color"},
    {"foot", "xterm-256color"},
    {"ghostty", "xterm-256color"},
    {"gnome", "xterm-256color"},
    {"iterm", "xterm-256color"},
    {"kitty", "xterm-256color"},
    {"konsole", "xterm-256color"},
    {"mintty", "xterm-256color"},
    {"mlterm", "xterm-256color"},
    {"ms-terminal", "xterm-256color"},
    {"nsterm", "xterm-256color"},
    {"putty", "xterm"},
    {"rio", "xterm-256color"},
    {"rxvt", "xterm-256color"},
    {"screen", "vt100"},
    {"st-", "xterm-256color"},
    {"stterm", "xterm-256color"},
    {"terminator", "xterm-256color"},
    {"terminology", "xterm-256color"},
    {"tmux", "screen"},
    {"vscode", "xterm-256color"},
    {"vt", "vt100"},
    {"vte", "xterm-256color"},
    {"wezterm", "xterm-256color"},
    {"xterm", "xterm-256color"},
};

/* The name without its last `i` suffixes; false if it has fewer. */
static bool resemble_shorten(const char *name, unsigned i, char ret_name[WC_RESEMBLE_MAX])
{
    size_t length = strlen(name);
    if (length >= WC_RESEMBLE_MAX) {
        return false;
    }
    for (; i > 0; i--) {
        while (length > 0 && name[length - 1] != '-' && name[length - 1] != '.') {
            length--;
        }
        if (length < 2) {
            return false;
        }
        length--;
    }
    snprintf(ret_name, WC_RESEMBLE_MAX, "%.*s", (int)length, name);
    return true;
}

bool wc_resemble(const char *name, unsigned i, char ret_name[WC_RESEMBLE_MAX])
{
    unsigned n_shorter = 0;
    while (resemble_shorten(name, n_shorter + 1, ret_name)) {
        if (n_shorter++ == i) {
            return true;
        }
    }
    for (size_t k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
        if (strncmp(name, families[k].prefix, strlen(families[k].prefix)) == 0 &&
            n_shorter++ == i) {
            snprintf(ret_name, WC_RESEMBLE_MAX, "%s", families[k].like);
            return true;
        }
    }
    return false;
}
