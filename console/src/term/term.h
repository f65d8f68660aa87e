/* SPDX-License-Identifier: MIT */
/*
 * The terminal: the only file that uses ncurses. However the program ends, the terminal is
 * restored. One per program; one thread.
 */
#ifndef WC_TERM_TERM_H
#define WC_TERM_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "view/grid.h"

enum wc_color { WC_COLOR_AUTO, WC_COLOR_ALWAYS, WC_COLOR_NEVER };

/* The events of the terminal. */
enum wc_term_event {
    WC_TERM_NONE,
    WC_TERM_KEY,
    WC_TERM_RESIZED, /* also after a stop: everything is drawn again */
    WC_TERM_HUNG_UP, /* the terminal is gone */
    WC_TERM_TOLD     /* SIGTERM, SIGINT or SIGHUP: end */
};

/* Whether the screen can be drawn on this terminal. If TERM is not known here, it becomes the name
 * of a similar terminal. Fails: WC_USAGE. */
enum wc_status wc_term_check(struct wc_error *ret_error);

/* A line of wc_term_check for the user, or "". */
const char *wc_term_notice(void);

/* Takes the terminal. The locale is set by then. Fails: as wc_term_check. */
enum wc_status wc_term_start(enum wc_color color, struct wc_error *ret_error);

/* Restores the terminal; more than once is fine. */
void wc_term_stop(void);

/* Whether characters beyond ASCII can be shown, by locale and TERM. */
bool wc_term_is_unicode(void);

/* The terminal's size in cells. */
void wc_term_size(int *ret_rows, int *ret_cols);

/* Shows the grid: only what differs from the last one is written. */
void wc_term_show(const struct wc_grid *grid);

/* The descriptors to poll for POLLIN: the keyboard, and one for signals. */
int wc_term_key_fd(void);
int wc_term_signal_fd(void);

/* The next event that has occurred already; for WC_TERM_KEY also the key. Never waits. */
enum wc_term_event wc_term_take(uint32_t *ret_key);

#endif
