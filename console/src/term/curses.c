/* SPDX-License-Identifier: MIT */
#include "term/curses.h"

#include <dlfcn.h>
#include <stddef.h>

#define CURSES_TEXT_(value) #value
#define CURSES_TEXT(value)  CURSES_TEXT_(value)
#define CURSES_LIBRARY      "libncursesw.so." CURSES_TEXT(NCURSES_VERSION_MAJOR)

const struct wc_curses *wc_curses_load(struct wc_error *ret_error)
{
    static struct wc_curses curses;
    if (curses.screen) {
        return &curses;
    }
    void *library = dlopen(CURSES_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool is_whole = library != NULL;
#define CURSES_FIND(name)                                                                          \
    *(void **)&curses.name = is_whole ? dlsym(library, #name) : NULL;                              \
    is_whole = is_whole && curses.name;
    WC_CURSES_FUNCTIONS(CURSES_FIND)
#undef CURSES_FIND
    curses.screen = is_whole ? dlsym(library, "stdscr") : NULL;
    if (curses.screen) {
        return &curses;
    }
    const char *why = dlerror();
    wc_error_set(ret_error, WC_USAGE,
                 "the screen needs " CURSES_LIBRARY
                 ", which cannot be loaded (%.200s): install it, "
                 "or use `weir snapshot`",
                 why ? why : "unknown reason");
    return NULL;
}
