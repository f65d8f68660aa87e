/* SPDX-License-Identifier: MIT */
/*
 * Warnings about a process, as data: the findings hand them to the process view that they
 * judge, and a provider shows its own warnings in the same way.
 *
 *     finding -> wi_verdict -> wi_process_view_show -> rows of kind WI_WARNING
 *
 * One thread at a time.
 */
#ifndef WI_WARNING_H
#define WI_WARNING_H

#include "weir/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wi_row;

#define WI_WARNINGS_MAX 64 /* that a process view shows: the first */

/* The numbers of the metrics from WI_WARNING_SINCE on. NaN: absent, or a metric that is no number. */
#define WI_WARNING_FIRST_NUMBER WI_WARNING_SINCE
#define WI_WARNING_N_NUMBERS    (WI_WARNING_N_METRICS - WI_WARNING_FIRST_NUMBER)

/* One warning. Texts are borrowed; NULL: none. */
struct wi_warning {
    const char *severity; /* static: "info", "warning", "critical" */
    bool has_row;         /* it is about a row: of this kind, with this id */
    enum wi_kind row_kind;
    uint64_t row_id;
    const char *kind; /* static */
    const char *subject, *text, *evidence, *estimate;
    const char *action; /* static */
    /* One that is about several rows of one name: their labels, worst first, and their ids in decimal, with blanks
     * between; row_id is the worst's. A list may end before the last row. */
    const char *labels, *ids;
    double number[WI_WARNING_N_NUMBERS];
};

/* The findings' verdict on a process. */
struct wi_verdict {
    const struct wi_warning *warnings; /* worst first */
    size_t n_warnings;
    struct {
        bool is_known;
        double slope, window; /* growth of memory in bytes per second over so many seconds, without
                                 weir's own */
    } growth;
    size_t bytes; /* bytes of memory that the findings hold */
};

/* Takes the next id from a list, NULL: an empty one. Returns false at its end. */
bool wi_warning_next_id(const char **ids, uint64_t *ret_id);

/* Whether a list of ids has this one. */
bool wi_warning_has(const char *ids, uint64_t id);

/* Fills a row that is all absent. The texts are borrowed from the warning. */
void wi_warning_row(const struct wi_warning *warning, struct wi_row *row);

#endif
