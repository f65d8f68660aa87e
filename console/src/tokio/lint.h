/* SPDX-License-Identifier: MIT */
/*
 * The lints of tokio-console, with thresholds that can be set: tasks that wake themselves too
 * often, that nobody can wake any more, that do not yield, whose futures are large or were boxed
 * for that reason. No I/O. One thread at a time.
 */
#ifndef WC_TOKIO_LINT_H
#define WC_TOKIO_LINT_H

#include "weir/warning.h"
#include "tokio/store.h"

enum wc_lint {
    WC_LINT_SELF_WAKES,
    WC_LINT_LOST_WAKER,
    WC_LINT_NEVER_YIELDED,
    WC_LINT_AUTO_BOXED,
    WC_LINT_LARGE_FUTURE,
    WC_N_LINTS
};

struct wc_lints {
    bool is_off[WC_N_LINTS];
    double self_wakes;     /* share of a task's wakes, 0 to 1 */
    double never_yielded;  /* seconds */
    uint64_t large_future; /* bytes */
};

/* The defaults of tokio-console: 50 %, 1 s, 1024 B, all on. */
void wc_lints_init(struct wc_lints *lints);

/*
 * Applies a text such as "self-wakes=30%,never-yielded=500ms,large-future=4096,lost-waker=off";
 * "off" alone turns all off, "NAME=on" turns one on. "" changes nothing. Fails: false, with one
 * line on the error and the possible values.
 */
bool wc_lints_parse(struct wc_lints *lints, const char *text, char *ret_problem, size_t room);

/* Warnings with their texts. Further ones are left out when there is no room. */
struct wc_tokio_warnings {
    size_t n;
    struct wc_tokio_warning {
        struct wi_warning warning;
        char subject[320], text[320];
    } item[WI_WARNINGS_MAX];
};

/* Adds a warning for each task found, at most a few of each lint, and then the number of the
 * others. */
void wc_lints_warn(const struct wc_lints *lints, const struct wc_store *store,
                   struct wc_tokio_warnings *warnings);

/* Adds a warning without numbers, about no row. `action`: static; NULL: there is none. */
void wc_tokio_warn(struct wc_tokio_warnings *warnings, const char *severity, const char *kind,
                   const char *subject, const char *text, const char *action);

#endif
