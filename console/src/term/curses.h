/* SPDX-License-Identifier: MIT */
/*
 * ncurses, loaded when a screen is asked for and never unloaded: no other command pays for it, or needs it
 * installed. One thread; only term.c calls it.
 */
#ifndef WC_TERM_CURSES_H
#define WC_TERM_CURSES_H

/* Its macros would call functions by name. */
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#include "base/error.h"

/* The functions of ncurses that the screen uses. If one is missing here, the program does not link. */
#define WC_CURSES_FUNCTIONS(X)                                                                     \
    X(cbreak)                                                                                      \
    X(clearok)                                                                                     \
    X(curs_set)                                                                                    \
    X(def_prog_mode)                                                                               \
    X(define_key)                                                                                  \
    X(del_curterm)                                                                                 \
    X(delscreen)                                                                                   \
    X(endwin)                                                                                      \
    X(getmaxx)                                                                                     \
    X(getmaxy)                                                                                     \
    X(has_colors)                                                                                  \
    X(init_pair)                                                                                   \
    X(keypad)                                                                                      \
    X(mvwadd_wch)                                                                                  \
    X(newterm)                                                                                     \
    X(nodelay)                                                                                     \
    X(noecho)                                                                                      \
    X(nonl)                                                                                        \
    X(reset_prog_mode)                                                                             \
    X(resizeterm)                                                                                  \
    X(set_curterm)                                                                                 \
    X(set_escdelay)                                                                                \
    X(setcchar)                                                                                    \
    X(setupterm)                                                                                   \
    X(start_color)                                                                                 \
    X(tigetnum)                                                                                    \
    X(tigetstr)                                                                                    \
    X(unget_wch)                                                                                   \
    X(ungetch)                                                                                     \
    X(use_default_colors)                                                                          \
    X(use_env)                                                                                     \
    X(use_tioctl)                                                                                  \
    X(werase)                                                                                      \
    X(wget_wch)                                                                                    \
    X(wrefresh)

struct wc_curses {
#define CURSES_MEMBER(name) __typeof__(name) *name;
    WC_CURSES_FUNCTIONS(CURSES_MEMBER)
#undef CURSES_MEMBER
    WINDOW **screen; /* the library's stdscr: set by newterm */
};

/* Loads the library, once. NULL: it cannot be loaded (WC_USAGE). */
const struct wc_curses *wc_curses_load(struct wc_error *ret_error);

#endif
