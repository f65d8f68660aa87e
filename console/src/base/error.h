/* SPDX-License-Identifier: MIT */
/*
 * The exit codes of the console, and an error as one line of text that says what to do. Functions
 * that can fail return an enum wc_status and write ret_error only when it is not WC_OK.
 */
#ifndef WC_BASE_ERROR_H
#define WC_BASE_ERROR_H

/* Documented in README.md: scripts rely on them. */
enum wc_status {
    WC_OK = 0,
    WC_FOUND = 1,        /* a check found something */
    WC_USAGE = 2,        /* usage, unknown topic, ambiguous target */
    WC_NO_TARGET = 3,    /* no such target, or no connection to it */
    WC_MISMATCH = 4,     /* another version or protocol, a corrupt file */
    WC_DENIED = 5,       /* another user's */
    WC_ENDED = 6,        /* the target ended */
    WC_INCOMPLETE = 7,   /* part of the data is missing */
    WC_TIMED_OUT = 124,  /* -W ran out */
    WC_INTERRUPTED = 130 /* SIGINT */
};

struct wc_error {
    enum wc_status code;
    char text[1024]; /* one line, without control characters, without "weir: " */
};

/* Fills the error (NULL is fine) and returns its code. Control characters become '?'. */
enum wc_status wc_error_set(struct wc_error *ret_error, enum wc_status code, const char *format,
                            ...) __attribute__((format(printf, 3, 4)));

#endif
